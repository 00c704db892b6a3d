//! What can go wrong with the hub; every message says what to do.

use std::{io, path::PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error(
        "{model} is not on this machine, and HF_HUB_OFFLINE is set; unset it and run `rankscope models add {model}`, or copy the model into {cache}"
    )]
    Offline { model: String, cache: String },
    #[error("HF_ENDPOINT = {endpoint:?}: {reason}; write the hub's address, as in https://huggingface.co")]
    Endpoint { endpoint: String, reason: String },
    #[error("there is no home directory to keep models in; set HF_HUB_CACHE to a directory")]
    NoCache,
    #[error(
        "{url}: {reason}. Check the network (and HTTPS_PROXY, HF_ENDPOINT where they are set), then try again: what is there already is kept"
    )]
    Network { url: String, reason: String },
    #[error(
        "{model}: the hub knows no such model, or it is private. Check the name at {endpoint}; for a private one, set HF_TOKEN to a token that may read it"
    )]
    NoSuchModel { model: String, endpoint: String },
    #[error("{model}: the hub refused HF_TOKEN (status 401). Set it to a valid token from {endpoint}/settings/tokens, or unset it")]
    TokenRefused { model: String, endpoint: String },
    #[error(
        "{model} is gated: its makers ask for your consent. Give it at {endpoint}/{repo}, then set HF_TOKEN to a token of that account, and try again"
    )]
    Gated { model: String, repo: String, endpoint: String },
    #[error("{model}: the model has no such revision. Write a branch, a tag or a commit of {endpoint}/{repo}/commits/main")]
    NoSuchRevision { model: String, repo: String, endpoint: String },
    #[error("{model}: {reason}")]
    Unusable { model: String, reason: String },
    #[error("{url}: the hub answered {status}{detail}. Try again later")]
    Answer { url: String, status: u16, detail: String },
    #[error("{url}: not followed, since {reason}. Where this is a mirror on your own network, set HF_ENDPOINT to its address")]
    Redirect { url: String, reason: String },
    #[error("{file}: {found} bytes came where the hub had announced {expected}; what came is removed. Try again")]
    WrongSize { file: String, expected: u64, found: u64 },
    #[error(
        "{file}: its SHA-256 is {found}, the hub's is {expected}; what came is removed. Try again, and don't use the file from elsewhere"
    )]
    WrongHash { file: String, expected: String, found: String },
    #[error("{path}: the disk is full. Free some space, or set HF_HUB_CACHE to a directory on a larger disk; then try again: what is there is kept", path = path.display())]
    DiskFull { path: PathBuf },
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    /// Not a failure: the user asked for it.
    #[error("stopped on request; what is there is kept, and the next download goes on from it")]
    Stopped,
}

impl HubError {
    /// For `map_err`: the file system's error with its path.
    pub(super) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { path, source },
        }
    }

    /// Whether the same request may well succeed in a moment.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Network { .. } | Self::Answer { status: 429 | 500 | 502 | 503 | 504, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_as_one() {
        let error = HubError::at("/models/blob")(io::Error::from_raw_os_error(28));
        let text = error.to_string();
        assert!(text.contains("/models/blob") && text.contains("disk is full") && text.contains("HF_HUB_CACHE"), "{text}");
    }
}
