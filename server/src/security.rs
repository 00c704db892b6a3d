//! What every request must pass and every response must carry: no web page of another site in the owner's browser
//! speaks for them. Who the owner is, is in [`crate::accounts`].

use crate::{
    accounts::{Accounts, bearer},
    api::API_PREFIX,
    proxies::Client,
};
use axum::{
    extract::{ConnectInfo, Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode, Uri,
        header::{
            CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, TRANSFER_ENCODING,
            X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use rankscope_app::visitor::OwnAddress;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Notes who asks, for those after it.
pub async fn note_client(State(accounts): State<Arc<Accounts>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let client = accounts.proxies.client(peer, request.headers());
    if let Some(host) = requested_host(&request) {
        let scheme = if client.https { "https" } else { "http" };
        request.extensions_mut().insert(OwnAddress(format!("{scheme}://{host}")));
    }
    request.extensions_mut().insert(client);
    next.run(request).await
}

/// Refuses requests that come by a name that is not this server's, as they do after DNS rebinding.
pub async fn check_host(State(accounts): State<Arc<Accounts>>, request: Request, next: Next) -> Response {
    match requested_host(&request) {
        Some(host) if is_own_name(host_name(&host), &accounts.hosts, accounts.is_exposed()) => next.run(request).await,
        _ => refuse(
            "Rankscope answers only under this machine's own names: localhost, 127.0.0.1 or [::1], and those in its setting hosts. From elsewhere, come by a tunnel: ssh -L 3000:127.0.0.1:3000 HOST.",
        ),
    }
}

/// Where other machines can come, they may also come by an address: no name server can make a number lead elsewhere.
fn is_own_name(name: &str, hosts: &[String], exposed: bool) -> bool {
    is_loopback_name(name) || hosts.iter().any(|host| host.eq_ignore_ascii_case(name)) || exposed && parse_address(name).is_some()
}

/// Refuses requests that change something and were sent by another site's page. What brings a token is no page's: the guard then asks
/// for the token alone, and no session counts.
pub async fn check_origin(request: Request, next: Next) -> Response {
    let by_token = request.uri().path().starts_with(API_PREFIX) && bearer::is_there(request.headers());
    if by_token || matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) || comes_from_here(&request) {
        return next.run(request).await;
    }
    refuse("This request was sent by a page of another site. Open Rankscope's own page and do it there.")
}

/// No name of ours is longer, and no file system takes one of more than 255 bytes, its `.br` included.
const MAX_SEGMENT: usize = 240;
const MAX_PATH: usize = 2048;

/// Refuses addresses that climb (`..`, also encoded) or are too long for a file, which no page of ours leads to.
pub async fn check_path(request: Request, next: Next) -> Response {
    if is_tidy(request.uri().path()) {
        return next.run(request).await;
    }
    (StatusCode::BAD_REQUEST, "This address is not one of Rankscope's.\n").into_response()
}

/// Decoded once, as servers do: no segment that climbs, no backslash, no control character, nothing that is not UTF-8.
fn is_tidy(path: &str) -> bool {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        decoded.push(match byte {
            b'%' => match (digit(bytes.next()), digit(bytes.next())) {
                (Some(high), Some(low)) => (high * 16 + low) as u8,
                _ => return false,
            },
            byte => byte,
        });
    }
    String::from_utf8(decoded).is_ok_and(|text| {
        text.len() <= MAX_PATH
            && text.split('/').all(|segment| segment != "." && segment != ".." && segment.len() <= MAX_SEGMENT)
            && !text.chars().any(|character| character == '\\' || character.is_control())
    })
}

/// Headers that every response carries; pages bring a content security policy of their own, with their scripts' nonce.
pub async fn set_headers(request: Request, next: Next) -> Response {
    let brings_much = brings_much(request.headers());
    let mut response = next.run(request).await;
    // a refusal may come before the body is read, which ends the connection: a client that isn't told sends its next request into it
    let is_refused = response.status().is_client_error() || response.status().is_server_error();
    let headers = response.headers_mut();
    if is_refused && brings_much {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // `no-referrer` would make browsers send `Origin: null` with our own forms
    set_default(headers, REFERRER_POLICY, "same-origin");
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("permissions-policy", HeaderValue::from_static("camera=(), microphone=(), geolocation=()"));
    set_default(headers, CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
    set_default(headers, CACHE_CONTROL, "no-store");
    response
}

/// More than what has come with the head: a form is less.
fn brings_much(headers: &HeaderMap) -> bool {
    const A_FORM: u64 = 16 << 10;
    let length = headers.get(CONTENT_LENGTH).map(|length| length.to_str().ok().and_then(|length| length.parse::<u64>().ok()));
    headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length.is_none_or(|length| length > A_FORM))
}

fn set_default(headers: &mut HeaderMap, name: axum::http::HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

fn refuse(text: &'static str) -> Response {
    (StatusCode::FORBIDDEN, format!("{text}\n")).into_response()
}

/// The host that the client asked for; of two that differ, none.
fn requested_host(request: &Request) -> Option<String> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let header = hosts.next().map(|host| host.to_str().unwrap_or_default());
    if hosts.next().is_some() {
        return None;
    }
    let authority = request.uri().authority().map(|authority| authority.as_str());
    match (header, authority) {
        (Some(header), Some(authority)) if header != authority => None,
        (header, authority) => header.or(authority).map(Into::into),
    }
}

/// The name without the port, as in `[::1]:3000`.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) => name,
        _ => host,
    }
}

fn is_loopback_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || parse_address(name).is_some_and(|address| address.is_loopback())
}

/// `192.0.2.1`, `[2001:db8::1]`
fn parse_address(name: &str) -> Option<IpAddr> {
    name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name).parse().ok()
}

/// Browsers say where a request that changes something comes from; programs that are no browsers say nothing.
fn comes_from_here(request: &Request) -> bool {
    let headers = request.headers();
    if let Some(origin) = headers.get(ORIGIN) {
        let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
        let host = requested_host(request);
        // where the page came by https, its http twin is somebody on the way
        let https = request.extensions().get::<Client>().is_some_and(|client| client.https);
        return origin.as_ref().and_then(Uri::authority).map(|authority| authority.as_str()) == host.as_deref()
            && origin.as_ref().and_then(Uri::scheme_str).is_some_and(|scheme| scheme == "https" || !https && scheme == "http");
    }
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(site) => site == b"same-origin" || site == b"none",
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn only_names_of_this_machine() {
        for good in ["localhost", "LOCALHOST:3000", "127.0.0.1", "127.0.0.1:3000", "127.1.2.3:80", "[::1]", "[::1]:3000"] {
            assert!(is_loopback_name(host_name(good)), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "evil.example:3000",
            "127.0.0.1.evil.example",
            "localhost.evil.example:3000",
            "10.0.0.1",
            "[::2]:80",
            "0.0.0.0:3000",
            "localhost:3000:1",
            "localhost:x",
        ] {
            assert!(!is_loopback_name(host_name(bad)), "{bad}");
        }
    }

    #[test]
    fn names_of_the_configuration_and_numbers_where_others_can_come() {
        let hosts = ["rankscope.example".to_string()];
        for (name, at_home, exposed) in [
            ("localhost:3000", true, true),
            ("rankscope.example", true, true),
            ("RANKSCOPE.example:443", true, true),
            ("other.example", false, false),
            ("x.rankscope.example", false, false),
            ("192.0.2.1:3000", false, true),
            ("[2001:db8::1]:3000", false, true),
            ("192.0.2.1.evil.example", false, false),
            ("", false, false),
        ] {
            assert_eq!(is_own_name(host_name(name), &hosts, false), at_home, "{name}");
            assert_eq!(is_own_name(host_name(name), &hosts, true), exposed, "{name}");
        }
    }

    #[test]
    fn over_https_a_change_comes_from_https() {
        let comes = |https, origin: &str| {
            let mut request = Request::builder().method("POST").uri("/login").header("host", "a.example").header("origin", origin);
            request = request.extension(Client { address: "192.0.2.1".parse().unwrap(), https });
            comes_from_here(&request.body(Body::empty()).unwrap())
        };
        assert!(comes(true, "https://a.example") && comes(false, "http://a.example") && comes(false, "https://a.example"));
        assert!(!comes(true, "http://a.example"));
    }

    #[test]
    fn a_change_comes_from_our_own_page() {
        let comes = |headers: &[(&str, &str)]| {
            let mut request = Request::builder().method("POST").uri("/api/x").header("host", "127.0.0.1:3000");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            comes_from_here(&request.body(Body::empty()).unwrap())
        };
        assert!(comes(&[]));
        assert!(comes(&[("origin", "http://127.0.0.1:3000")]));
        assert!(comes(&[("sec-fetch-site", "same-origin")]));
        for origin in [
            "null",
            "http://evil.example",
            "http://localhost:3000",
            "http://127.0.0.1:4000",
            "http://127.0.0.1",
            "ftp://127.0.0.1:3000",
            "127.0.0.1:3000",
        ] {
            assert!(!comes(&[("origin", origin)]), "{origin}");
        }
        assert!(!comes(&[("sec-fetch-site", "cross-site")]));
        assert!(!comes(&[("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn climbing_addresses_are_untidy() {
        for tidy in ["/", "/studies/new", "/pkg/rankscope.js", "/a%20b", "/%C3%A9", "/...", "/.well-known/x", "/%252e%252e"] {
            assert!(is_tidy(tidy), "{tidy}");
        }
        for untidy in
            ["/..", "/a/../b", "/./a", "/%2e%2e/a", "/a/%2E.", "/a%2f..%2fb", "/a\\b", "/a%5cb", "/a%00", "/%ff", "/%", "/%zz", "/%0d%0a"]
        {
            assert!(!is_tidy(untidy), "{untidy}");
        }
        assert!(is_tidy(&format!("/{}", "x".repeat(240))) && !is_tidy(&format!("/{}", "x".repeat(241))));
        assert!(!is_tidy(&"/x".repeat(1025)));
    }

    #[test]
    fn two_hosts_are_none() {
        let request = Request::builder().uri("http://localhost/x").header("host", "evil.example").body(Body::empty()).unwrap();
        assert_eq!(requested_host(&request), None);
        let request = Request::builder().uri("/x").header("host", "localhost").header("host", "evil.example").body(Body::empty()).unwrap();
        assert_eq!(requested_host(&request), None);
    }
}
