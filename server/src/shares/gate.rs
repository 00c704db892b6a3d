//! What stands before `/s/…`: how often a client may come, and whether its token opens anything. Whatever is wrong with a token, the
//! answer is the same, and nothing was done for it but one look at the database.

use crate::{
    accounts::attempts::{Allowance, Attempts},
    proxies::Client,
    routes::is_shared_call,
    shares::{Shares, now, store::Share},
};
use axum::{
    Json,
    extract::{Request, State},
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use rankscope_app::{SHARED_PREFIX, error::AppError};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

/// A reader opens a tab, its figures and a few pages of completions; behind one address there may be a lecture hall.
const CLIENT: Allowance = Allowance { burst: 240.0, every: Duration::from_millis(250) };
/// All readers together: what is drawn for them must leave the owner the machine.
const ALL: Allowance = Allowance { burst: 2400.0, every: Duration::from_millis(25) };

/// The page below a link where one labels.
const DESK: &str = "annotate";

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// What every wrong token is answered with.
const NOT_FOUND: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex, nofollow, noarchive">
<meta name="referrer" content="no-referrer">
<title>Not found · Rankscope</title>
<link rel="stylesheet" href="/pkg/rankscope.css">
</head>
<body>
<main>
<h1>Not found</h1>
<p>There is nothing behind this link. It may have been mistyped or cut short, or it has expired or was revoked: ask whoever sent it for another.</p>
</main>
</body>
</html>
"#;
const NOT_FOUND_POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The share that a request was let in to. Only the gate puts it there.
#[derive(Clone)]
pub struct OpenShare(pub Arc<Share>);

/// What the middleware knows.
#[derive(Clone)]
pub struct Gate {
    shares: Shares,
    attempts: Arc<Attempts>,
}

impl Gate {
    pub fn new(shares: Shares) -> Self {
        Self { shares, attempts: Arc::new(Attempts::new(CLIENT, ALL)) }
    }
}

/// What stands for the token in an address below `/s/`, as it was sent; `None`: it is no such address.
fn token_in(path: &str) -> Option<(&str, &str)> {
    if path == SHARED_PREFIX.trim_end_matches('/') {
        return Some(("", ""));
    }
    let rest = path.strip_prefix(SHARED_PREFIX)?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

/// An address as a log may hold it: who reads the log must not open a share by it.
pub fn without_token(path: &str) -> String {
    match token_in(path) {
        Some((_, "")) => format!("{SHARED_PREFIX}…"),
        Some((_, file)) => format!("{SHARED_PREFIX}…/{file}"),
        None => path.into(),
    }
}

/// Lets those in whose token opens a share; counts who asks for anything that is shared.
pub async fn admit(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let token = token_in(request.uri().path()).map(|(token, file)| (token.to_string(), file.to_string()));
    let is_call = is_shared_call(request.uri().path());
    if token.is_none() && !is_call {
        return next.run(request).await;
    }
    let client = request.extensions().get::<Client>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |client| client.address);
    if let Err(wait) = gate.attempts.take(client, Instant::now()) {
        return keep_private(too_many(wait, is_call));
    }
    let Some((token, file)) = token else { return keep_private(next.run(request).await) };
    let share = match gate.shares.find(&token).await {
        // where one may not label there is no desk
        Ok(Some(share)) if share.annotate || file != DESK => share,
        Ok(_) => return keep_private(not_found()),
        Err(error) => {
            tracing::error!(%error, "share links can't be looked up");
            return keep_private(
                (StatusCode::SERVICE_UNAVAILABLE, "Something went wrong on the server. Try again later.\n").into_response(),
            );
        }
    };
    let opens = file.is_empty() && request.method() == Method::GET;
    let id = share.id.clone();
    request.extensions_mut().insert(OpenShare(Arc::new(share)));
    let response = next.run(request).await;
    if opens
        && response.status().is_success()
        && let Err(error) = gate.shares.store().note_opened(&id, now()).await
    {
        tracing::error!(%error, share = id, "that a share was opened can't be noted");
    }
    let mut response = keep_private(response);
    if file == DESK {
        // its forms would be sent with `Origin: null`; other sites are told nothing either way
        response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    }
    response
}

fn not_found() -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOT_FOUND_POLICY)),
        // else it would be added in a place that tells addresses with a handler from others
        (CONTENT_LENGTH, HeaderValue::from(NOT_FOUND.len())),
    ];
    (StatusCode::NOT_FOUND, headers, NOT_FOUND).into_response()
}

fn too_many(wait: Duration, is_call: bool) -> Response {
    let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
    let text = format!("Too many requests from your address. Try again in {seconds} s.");
    let status = StatusCode::TOO_MANY_REQUESTS;
    let mut response =
        if is_call { (status, Json(AppError::TooMany(text))).into_response() } else { (status, format!("{text}\n")).into_response() };
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    // what was sent is not read, so nothing else can come by this connection
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// No search engine keeps it, no cache, and no other site is told its address.
fn keep_private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(ROBOTS, HeaderValue::from_static("noindex, nofollow, noarchive"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_the_token() {
        for (path, token) in [
            ("/s/abc", Some(("abc", ""))),
            ("/s/abc/", Some(("abc", ""))),
            ("/s/abc/figures/x.svg", Some(("abc", "figures/x.svg"))),
            ("/s/", Some(("", ""))),
            ("/s", Some(("", ""))),
            ("/s//abc", Some(("", "abc"))),
            ("/s/a%2fb", Some(("a%2fb", ""))),
            ("/shares", None),
            ("/studies/s/abc", None),
            ("//s/abc", None),
            ("/S/abc", None),
        ] {
            assert_eq!(token_in(path), token, "{path}");
        }
    }

    #[test]
    fn a_log_has_no_token() {
        for (path, logged) in [
            ("/s/secret", "/s/…"),
            ("/s/secret/", "/s/…"),
            ("/s/secret/figures/toxicity.svg", "/s/…/figures/toxicity.svg"),
            ("/studies/x", "/studies/x"),
        ] {
            assert_eq!(without_token(path), logged);
        }
    }
}
