//! Requests to the hub: redirects followed by hand, so that the token stays with the hub and nothing leads into this network.

use super::{
    address::{PublicAddresses, is_public, leads_to_the_internet, literal_address},
    error::HubError,
    settings::HubSettings,
    source::{HubSource, RepoKind},
};
use reqwest::{
    Method, StatusCode, Url,
    blocking::{Client, Response},
    header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, LOCATION, RANGE},
    redirect,
};
use serde_json::Value;
use std::{error::Error, sync::Arc, time::Duration};

/// A redirect that leads to a redirect, and so on; more than this is a circle.
const MOST_REDIRECTS: usize = 10;
/// Without a byte for so long, a connection counts as broken.
const PATIENCE: Duration = Duration::from_secs(20);
/// The hub's answer about a model is a few kilobytes, more for a repository of thousands of files.
const MOST_ANSWER_BYTES: u64 = 32 << 20;

pub(super) struct HubClient {
    http: Client,
    endpoint: Url,
    token: Option<String>,
    /// The hub is on this machine or network: it may lead to others there.
    is_private: bool,
}

/// What the hub says of a file before it is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileFacts {
    pub(super) name: String,
    /// The blob's name in the cache.
    pub(super) etag: String,
    pub(super) bytes: u64,
}

impl FileFacts {
    /// SHA-256 of the content, which is the ETag of what git LFS keeps.
    pub(super) fn sha256(&self) -> Option<&str> {
        (self.etag.len() == 64 && self.etag.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(self.etag.as_str())
    }
}

/// A model's commit and the files of it.
#[derive(Debug)]
pub(super) struct RepoFacts {
    pub(super) commit: String,
    pub(super) files: Vec<String>,
}

impl HubClient {
    pub(super) fn new(settings: &HubSettings) -> Result<Self, HubError> {
        let wrong = |reason: &str| HubError::Endpoint { endpoint: settings.endpoint.clone(), reason: reason.into() };
        let endpoint = Url::parse(&settings.endpoint).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(endpoint.scheme(), "http" | "https") || endpoint.host_str().is_none() {
            return Err(wrong("no http or https address"));
        }
        let is_private = !leads_to_the_internet(&endpoint);
        Self::with(settings, endpoint, is_private)
    }

    fn with(settings: &HubSettings, endpoint: Url, is_private: bool) -> Result<Self, HubError> {
        let mut builder = Client::builder()
            .user_agent(concat!("rankscope/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(PATIENCE)
            // of each read, not of the whole
            .timeout(PATIENCE);
        if is_private {
            // a proxy is for what lies outside
            builder = builder.no_proxy();
        } else {
            builder = builder.dns_resolver(Arc::new(PublicAddresses));
        }
        let http = builder.build().map_err(|error| HubError::Network { url: endpoint.to_string(), reason: reason(&error) })?;
        // in the clear, a token is sent to one's own machines only
        let token = settings.token.clone().filter(|_| is_private || endpoint.scheme() == "https");
        Ok(Self { http, endpoint, token, is_private })
    }

    /// What a revision is now, and the names of its files.
    pub(super) fn repo(&self, source: &HubSource) -> Result<RepoFacts, HubError> {
        let mut url = self.url(&["api", source.kind.plural()], &source.repo);
        push(&mut url, &["revision", &source.revision]);
        let (answer, _) = self.follow(Method::GET, url.clone(), None, true)?;
        let answer = self.accept(answer, source)?;
        let unusable = |reason: &str| HubError::Unusable {
            model: source.short(),
            reason: format!("{url} gave {reason}; check that HF_ENDPOINT is a hub"),
        };
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(answer, MOST_ANSWER_BYTES), &mut text)
            .map_err(|error| HubError::Network { url: url.to_string(), reason: error.to_string() })?;
        let answer: Value = serde_json::from_slice(&text).map_err(|_| unusable("an answer that is not JSON"))?;
        let commit = answer["sha"].as_str().filter(|commit| super::source::is_commit(commit));
        let files = answer["siblings"].as_array().map(|files| files.iter().filter_map(|file| file["rfilename"].as_str().map(String::from)));
        match (commit, files) {
            (Some(commit), Some(files)) => Ok(RepoFacts { commit: commit.into(), files: files.collect() }),
            _ => Err(unusable("no commit or no list of files")),
        }
    }

    /// What the hub says of a file.
    pub(super) fn file(&self, source: &HubSource, commit: &str, name: &str) -> Result<FileFacts, HubError> {
        let url = self.file_url(source, commit, name);
        // the answer that leads to where the content lies is the one that describes it
        let (answer, _) = self.follow(Method::HEAD, url.clone(), None, false)?;
        let answer = self.accept(answer, source)?;
        let headers = answer.headers();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // a redirect's own ETag and length are those of its few words
        let own = |name: &str| text(name).filter(|_| answer.status().is_success());
        let etag = text("x-linked-etag").or_else(|| own("etag")).map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_string());
        let bytes = text("x-linked-size").or_else(|| own("content-length")).and_then(|size| size.parse().ok());
        let is_safe =
            |etag: &String| (1..=128).contains(&etag.len()) && etag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        match (etag.filter(is_safe), bytes) {
            (Some(etag), Some(bytes)) => Ok(FileFacts { name: name.into(), etag, bytes }),
            _ => Err(HubError::Unusable {
                model: source.short(),
                reason: format!("{url} has no ETag or no size; check that HF_ENDPOINT is a hub"),
            }),
        }
    }

    /// A file's content, from byte `from` on where the server can do so.
    pub(super) fn content(&self, source: &HubSource, commit: &str, name: &str, from: u64) -> Result<(Response, Url), HubError> {
        let (answer, url) = self.follow(Method::GET, self.file_url(source, commit, name), (from > 0).then_some(from), true)?;
        if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return Ok((answer, url));
        }
        Ok((self.accept(answer, source)?, url))
    }

    fn file_url(&self, source: &HubSource, commit: &str, name: &str) -> Url {
        // a model's files lie at the root, a set's below `datasets`; the parts of a name are folders
        let mut url = match source.kind {
            RepoKind::Model => self.url(&[], &source.repo),
            RepoKind::Dataset => self.url(&[source.kind.plural()], &source.repo),
        };
        push(&mut url, &["resolve", commit]);
        push(&mut url, &name.split('/').collect::<Vec<_>>());
        url
    }

    fn url(&self, before: &[&str], repo: &str) -> Url {
        let mut url = self.endpoint.clone();
        push(&mut url, before);
        push(&mut url, &repo.split('/').collect::<Vec<_>>());
        url
    }

    /// Sends a request and follows where it leads; `everywhere`: beyond the hub itself as well.
    fn follow(&self, method: Method, first: Url, from: Option<u64>, everywhere: bool) -> Result<(Response, Url), HubError> {
        let mut url = first;
        for _ in 0..=MOST_REDIRECTS {
            // the resolver never sees a host that is an address already
            if !self.is_private && literal_address(&url).is_some_and(|address| !is_public(address)) {
                return Err(HubError::Redirect { url: shown(&url), reason: "it is an address of this machine or network".into() });
            }
            let mut request = self.http.request(method.clone(), url.clone()).header(ACCEPT_ENCODING, "identity");
            if let Some(token) = self.token.as_deref().filter(|_| self.is_hub(&url)) {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            if let Some(from) = from {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            let answer = request.send().map_err(|error| HubError::Network { url: shown(&url), reason: reason(&error) })?;
            if !answer.status().is_redirection() {
                return Ok((answer, url));
            }
            let wrong = |reason: &str| HubError::Redirect { url: shown(&url), reason: reason.into() };
            let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let next = location.and_then(|location| url.join(location).ok()).ok_or_else(|| wrong("its redirect leads nowhere"))?;
            if !matches!(next.scheme(), "http" | "https") || (url.scheme() == "https" && next.scheme() == "http") {
                return Err(wrong("its redirect leaves https"));
            }
            if !everywhere && !self.is_hub(&next) {
                return Ok((answer, url));
            }
            url = next;
        }
        Err(HubError::Redirect { url: shown(&url), reason: format!("it came after {MOST_REDIRECTS} redirects") })
    }

    /// Scheme, host and port are the hub's.
    fn is_hub(&self, url: &Url) -> bool {
        url.origin() == self.endpoint.origin()
    }

    /// The hub's refusals as errors that say what to do.
    fn accept(&self, answer: Response, source: &HubSource) -> Result<Response, HubError> {
        let status = answer.status();
        if status.is_success() || status.is_redirection() {
            return Ok(answer);
        }
        let (model, repo) = (source.short(), source.repo.clone());
        let endpoint = self.endpoint.as_str().trim_end_matches('/').to_string();
        let code = header(answer.headers(), "x-error-code");
        Err(match (status.as_u16(), code.as_str()) {
            (_, "GatedRepo") | (403, _) => HubError::Gated { model, repo, endpoint },
            (_, "RevisionNotFound") => HubError::NoSuchRevision { model, repo, endpoint },
            (401, code) if self.token.is_some() && code != "RepoNotFound" => HubError::TokenRefused { model, endpoint },
            (401 | 404, _) => HubError::NoSuchModel { model, endpoint },
            (status, _) => {
                let message = header(answer.headers(), "x-error-message");
                let detail = if message.is_empty() { String::new() } else { format!(" ({message})") };
                HubError::Answer { url: shown(answer.url()), status, detail }
            }
        })
    }
}

/// A header's text, cut to what fits a line.
fn header(headers: &HeaderMap, name: &str) -> String {
    let text = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.chars().take(200).collect()
}

/// Each part is one segment: a slash in it is encoded.
fn push(url: &mut Url, parts: &[&str]) {
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(parts);
    }
}

/// Without the query, which on a redirect's target holds a signature.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// The innermost reason, which is the one that says something: "connection refused".
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", PATIENCE.as_secs());
    }
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(endpoint: &str, is_private: bool) -> HubClient {
        let settings = HubSettings { endpoint: endpoint.into(), token: Some("secret".into()), cache: None, offline: false };
        HubClient::with(&settings, Url::parse(endpoint).unwrap(), is_private).unwrap()
    }

    #[test]
    fn a_public_hub_does_not_lead_into_this_network() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = client("https://hub.example", false);
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"] {
            let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
            let error = client.follow(Method::GET, url, None, true).err().unwrap().to_string();
            assert!(error.contains("address of this machine or network"), "{host}: {error}");
        }
        assert!(listener.accept().is_err(), "a connection was opened");
    }

    #[test]
    fn a_token_goes_in_the_clear_to_own_machines_only() {
        assert!(client("http://hub.example", false).token.is_none());
        assert!(client("https://hub.example", false).token.is_some());
        assert!(client("http://127.0.0.1:1", true).token.is_some());
    }

    #[test]
    fn addresses_are_encoded() {
        let source: HubSource = "org/name@refs/pr/1".parse().unwrap();
        let client = client("http://127.0.0.1:1/mirror/", true);
        assert_eq!(client.file_url(&source, "abc", "a b.json").as_str(), "http://127.0.0.1:1/mirror/org/name/resolve/abc/a%20b.json");
    }

    #[test]
    fn wrong_endpoints_are_named() {
        for endpoint in ["huggingface.co", "ftp://x", "http://"] {
            let settings = HubSettings { endpoint: endpoint.into(), token: None, cache: None, offline: false };
            let error = HubClient::new(&settings).err().unwrap().to_string();
            assert!(error.contains("HF_ENDPOINT") && error.contains(endpoint), "{error}");
        }
    }
}
