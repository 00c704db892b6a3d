//! Who looks at a page, as far as a page shows it: whether one logs in here at all, and whether this visitor has.

use crate::{error::AppError, form::percent_encode};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// Where one logs in.
pub const LOGIN_PATH: &str = "/login";
/// Where the button "Log out" sends to.
pub const LOGOUT_PATH: &str = "/logout";
/// Where scripts are given tokens, and where the form for one sends to.
pub const TOKENS_PATH: &str = "/tokens";

/// No address of ours is as long as this.
const MAX_ADDRESS: usize = 2048;

/// Put by the server into each request that asks for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Visitor {
    /// False: no password is set, and whoever is at this machine is its one user.
    pub accounts: bool,
    pub logged_in: bool,
}

/// Scheme, host and port by which the browser has come. Put by the server into each request whose host it answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnAddress(pub String);

/// Why the log-in page is shown again. Put by the server into the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginRefusal {
    Wrong,
    TooManyAttempts { seconds: u64 },
}

/// What became of a form for a token. Put by the server into the request; on no other page and in no address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenAnswer {
    Made { name: String, secret: String },
    Refused { name: String, error: AppError },
}

/// A form of labels that was refused, as it was typed. Put by the server into the request; on no other page and in no address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedLabels {
    pub name: String,
    pub csv: String,
    pub error: AppError,
}

/// The visitor of the page that is being rendered; in the browser, the one that the server rendered it for.
pub(crate) fn visitor() -> Visitor {
    SharedValue::new(|| from_request::<Visitor>().unwrap_or_default()).into_inner()
}

#[cfg(feature = "ssr")]
fn from_request<T: Clone + Send + Sync + 'static>() -> Option<T> {
    use_context::<axum::http::request::Parts>()?.extensions.get::<T>().cloned()
}

#[cfg(not(feature = "ssr"))]
fn from_request<T>() -> Option<T> {
    None
}

/// Who sends the request that is being answered; to be asked before the first await.
#[cfg(feature = "ssr")]
pub(crate) fn visitor_of_request() -> Visitor {
    from_request().unwrap_or_default()
}

/// Why the last attempt was refused. The log-in page alone asks, and it is never hydrated.
pub(crate) fn login_refusal() -> Option<LoginRefusal> {
    from_request()
}

/// What became of the form for a token; in the browser, as the server rendered it.
pub(crate) fn token_answer() -> Option<TokenAnswer> {
    SharedValue::new(from_request::<TokenAnswer>).into_inner()
}

/// The form of labels that was refused; in the browser, as the server rendered it.
pub(crate) fn refused_labels() -> Option<RefusedLabels> {
    SharedValue::new(from_request::<RefusedLabels>).into_inner()
}

/// The log-in page, which leads to `next` afterwards.
pub fn login_address(next: &str) -> String {
    match local_address(next) {
        "/" => LOGIN_PATH.into(),
        next => format!("{LOGIN_PATH}?next={}", percent_encode(next)),
    }
}

/// `next` if it is an address of a page here, else the first page: a link to the log-in page must not lead elsewhere.
pub fn local_address(next: &str) -> &str {
    let path = next.split(['?', '#']).next().unwrap_or_default();
    // browsers read a backslash as a slash and leave tabs and line ends out, so `/\t/host` is another host
    let is_local = next.len() <= MAX_ADDRESS
        && next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.bytes().all(|byte| byte.is_ascii_graphic());
    if is_local && path != LOGIN_PATH && path != LOGOUT_PATH { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_led_on_to_pages_of_ours_alone() {
        for good in ["/", "/studies/new?from=example", "/models/org/name@main", "/studies/example?tab=recipe#top", "/a%2F%2Fb", "/loginish"]
        {
            assert_eq!(local_address(good), good);
        }
        for bad in [
            "",
            "evil.example",
            "https://evil.example",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            " /",
            "/a b",
            "/é",
            "javascript:alert(1)",
            "/login",
            "/login?next=/login",
            "/logout",
        ] {
            assert_eq!(local_address(bad), "/", "{bad:?}");
        }
        assert_eq!(local_address(&format!("/{}", "x".repeat(3000))), "/");
        assert_eq!(login_address("/"), "/login");
        assert_eq!(login_address("//evil.example"), "/login");
        assert_eq!(login_address("/studies/new?from=a&b"), "/login?next=%2Fstudies%2Fnew%3Ffrom%3Da%26b");
    }
}
