//! Where the hub is, where its files are kept, and who asks: the hub's own environment variables.

use std::{env, fmt, path::PathBuf};

/// How the hub is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct HubSettings {
    /// `HF_ENDPOINT`, without a slash at its end.
    pub endpoint: String,
    /// `HF_TOKEN`, or what `hf auth login` has left in `HF_HOME/token`.
    pub token: Option<String>,
    /// `HF_HUB_CACHE`, or `HF_HOME/hub`; by default `~/.cache/huggingface/hub`. Absent: there is no home directory.
    pub cache: Option<PathBuf>,
    /// `HF_HUB_OFFLINE`: nothing is asked of the network.
    pub offline: bool,
}

impl HubSettings {
    pub fn from_environment() -> Self {
        let home = path("HF_HOME").or_else(|| Some(cache_home()?.join("huggingface")));
        let token_file = path("HF_TOKEN_PATH").or_else(|| Some(home.as_ref()?.join("token")));
        let token = text("HF_TOKEN")
            .or_else(|| text("HUGGING_FACE_HUB_TOKEN"))
            .or_else(|| std::fs::read_to_string(token_file?).ok().map(|token| token.trim().to_string()))
            .filter(|token| !token.is_empty());
        Self {
            endpoint: text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into()).trim_end_matches('/').into(),
            token,
            cache: path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE")).or_else(|| Some(home?.join("hub"))),
            offline: ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].into_iter().any(is_on),
        }
    }
}

fn text(name: &str) -> Option<String> {
    env::var(name).ok().map(|value| value.trim().to_string()).filter(|value| !value.is_empty())
}

fn path(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(text(name)?);
    Some(std::path::absolute(&path).unwrap_or(path))
}

fn cache_home() -> Option<PathBuf> {
    path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache")))
}

/// As the Python library reads a switch.
fn is_on(name: &str) -> bool {
    text(name).is_some_and(|value| ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str()))
}

impl fmt::Debug for HubSettings {
    /// The token is not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, token, cache, offline } = self;
        let token = if token.is_some() { "set" } else { "none" };
        write!(f, "HubSettings {{ endpoint: {endpoint:?}, token: {token}, cache: {cache:?}, offline: {offline} }}")
    }
}
