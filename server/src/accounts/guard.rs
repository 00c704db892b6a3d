//! What stands before every address: who is not the owner gets to those alone that the table calls public.

use crate::{
    accounts::{
        Accounts, Lock,
        bearer::{self, Bearer},
        cookie,
        password::Fingerprint,
        sessions,
        tokens::Token,
    },
    problem::Problem,
    proxies::Client,
    routes::{Access, AccessTable},
};
use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Json, Redirect, Response},
};
use futures::StreamExt;
use rankscope_app::{
    error::AppError,
    visitor::{Visitor, login_address},
};
use std::{sync::Arc, time::Duration};

/// How soon an open stream ends after its session has.
const RECHECK: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 5000 });
const NOBODY: &str =
    "You are logged out, or your session has ended. Log in again at /login, in another tab if you have typed something here.";

const NO_TOKEN: &str = "This needs a token: Authorization: Bearer rankscope_… The page /tokens and `rankscope token add` make one.";
const WRONG_TOKEN: &str = "This token is unknown, revoked or expired. The page /tokens and `rankscope token list` show those that hold.";
const READS_ONLY: &str =
    "This token may only read. Make one with scope write: on the page /tokens, or by `rankscope token add NAME --scope write`.";

/// What the middleware knows.
#[derive(Clone)]
pub struct Guard {
    pub accounts: Arc<Accounts>,
    pub table: Arc<AccessTable>,
}

/// Lets the owner through to everything and others to what is public; renews the owner's session.
pub async fn require_owner(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let Guard { accounts, table } = guard;
    let pattern = request.extensions().get::<MatchedPath>().map(|matched| matched.as_str().to_owned());
    let access = match &pattern {
        // a route that was added past the table is nobody's
        Some(pattern) => match table.of_route(pattern, request.method()) {
            Some(access) => access,
            None => {
                tracing::error!(pattern, "this route is not in the table of routes, so it is not answered");
                return (StatusCode::NOT_FOUND, "There is nothing at this address.\n").into_response();
            }
        },
        None => table.of_file(request.uri().path()),
    };
    if access == Access::Public {
        return next.run(request).await;
    }
    let bearer = if access.takes_tokens() { bearer::read(request.headers()) } else { Bearer::Absent };
    let lock = accounts.lock().await;
    // who brings a token is who the token says, with a session too and where nobody is asked
    if bearer != Bearer::Absent && !matches!(lock, Lock::Shut(_)) {
        return with_token(accounts, access, bearer, request, next).await;
    }
    let hash = match lock {
        Lock::Open => {
            request.extensions_mut().insert(Visitor { accounts: false, logged_in: true });
            let response = next.run(request).await;
            return if is_event_stream(&response) { end_with_openness(response, accounts) } else { response };
        }
        Lock::Shut(reason) => return (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
        Lock::Password(hash) => hash.fingerprint(),
    };
    let https = request.extensions().get::<Client>().is_some_and(|client| client.https);
    let id = cookie::read(request.headers(), https);
    let now = sessions::now();
    let session = match &id {
        Some(id) => match accounts.sessions.find(id, hash, now).await {
            Ok(session) => session,
            Err(error) => {
                tracing::error!(%error, "sessions can't be read: nobody is let in");
                return (StatusCode::SERVICE_UNAVAILABLE, "Something went wrong on the server. Its log says what.\n").into_response();
            }
        },
        None => None,
    };
    request.extensions_mut().insert(Visitor { accounts: true, logged_in: session.is_some() });
    let (Some(session), Some(id)) = (session, id) else {
        return match access {
            Access::Visitor => next.run(request).await,
            _ => refuse(&request, access),
        };
    };
    let renewed = match session.is_due {
        true => {
            accounts.sessions.rotate(&id, now).await.inspect_err(|error| tracing::error!(%error, "a session's id can't be renewed")).ok()
        }
        false => None,
    };
    let mut response = next.run(request).await;
    // logging in or out has set one already
    if let Some(id) = renewed
        && !response.headers().contains_key(header::SET_COOKIE)
    {
        response.headers_mut().append(header::SET_COOKIE, cookie::set(&id, https));
    }
    if is_event_stream(&response) { end_with_session(response, accounts, session.login, hash) } else { response }
}

/// Lets a script through whose token holds and reaches so far.
async fn with_token(accounts: Arc<Accounts>, access: Access, bearer: Bearer, request: Request, next: Next) -> Response {
    let found = match bearer {
        Bearer::Token(secret) => accounts.tokens.find(&secret, sessions::now()).await,
        _ => Ok(None),
    };
    let token = match found {
        Ok(Some(token)) => token,
        Ok(None) => return Problem::unauthorized(WRONG_TOKEN, true),
        Err(error) => {
            tracing::error!(%error, "tokens can't be read: nobody is let in");
            return Problem::of_status(StatusCode::SERVICE_UNAVAILABLE).into_response();
        }
    };
    if access.scope().is_none_or(|needed| token.scope < needed) {
        return Problem::insufficient_scope(READS_ONLY);
    }
    let response = next.run(request).await;
    if is_event_stream(&response) { end_with_token(response, accounts, token) } else { response }
}

/// To the log-in page and back for who looks at a page; 401 for a script, a file, or a call of the page's client.
fn refuse(request: &Request, access: Access) -> Response {
    if access.takes_tokens() {
        return Problem::unauthorized(NO_TOKEN, false);
    }
    let looks = matches!(*request.method(), Method::GET | Method::HEAD);
    let takes_pages = accepts_html(request.headers());
    if looks && access == Access::OwnersPage {
        let address = request.uri().path_and_query().map_or("/", |address| address.as_str());
        return Redirect::to(&login_address(address)).into_response();
    }
    // a form that a browser sent by itself
    if !looks && takes_pages {
        return Redirect::to(&login_address("/")).into_response();
    }
    if access == Access::OwnersCall {
        return (StatusCode::UNAUTHORIZED, Json(AppError::LoggedOut(NOBODY.into()))).into_response();
    }
    (StatusCode::UNAUTHORIZED, format!("{NOBODY}\n")).into_response()
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

fn is_event_stream(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"))
}

/// A stream may outlast the session that opened it by [`RECHECK`]. The browser then asks again, and gets 401.
fn end_with_session(response: Response, accounts: Arc<Accounts>, login: i64, hash: Fingerprint) -> Response {
    let over = async move {
        loop {
            tokio::time::sleep(RECHECK).await;
            let same = matches!(accounts.lock().await, Lock::Password(now) if now.fingerprint() == hash);
            if !same || !accounts.sessions.holds(login, hash, sessions::now()).await.unwrap_or(false) {
                return;
            }
        }
    };
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(over))))
}

/// As [`end_with_session`], for a stream that was opened while nobody had to log in.
fn end_with_openness(response: Response, accounts: Arc<Accounts>) -> Response {
    let over = async move {
        loop {
            tokio::time::sleep(RECHECK).await;
            if accounts.lock().await != Lock::Open {
                return;
            }
        }
    };
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(over))))
}

/// As [`end_with_session`], for a script's stream.
fn end_with_token(response: Response, accounts: Arc<Accounts>, token: Token) -> Response {
    let over = async move {
        loop {
            tokio::time::sleep(RECHECK).await;
            if !accounts.tokens.holds(token.id, sessions::now()).await.unwrap_or(false) {
                return;
            }
        }
    };
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(over))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        accounts::password::{NewPassword, PasswordFile},
        database::Database,
        proxies::Proxies,
    };
    use axum::{Router, middleware::from_fn_with_state, routing::get};
    use tower::ServiceExt;

    #[tokio::test]
    async fn a_stream_that_needed_no_password_ends_when_one_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("index.sqlite")).unwrap();
        let accounts = Accounts::new(PasswordFile::of(folder.path()), database, Proxies::default(), Vec::new(), false);
        let guard = Guard { accounts: Arc::new(accounts), table: Arc::default() };
        let stream = || async {
            let pieces = futures::stream::once(async { Ok::<_, std::io::Error>("data: 1\n\n") }).chain(futures::stream::pending());
            ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(pieces))
        };
        let router = Router::new().route("/studies/{id}", get(stream)).layer(from_fn_with_state(guard, require_owner));
        let request = Request::builder().uri("/studies/x").body(Body::empty()).unwrap();
        let mut pieces = router.oneshot(request).await.unwrap().into_body().into_data_stream();
        assert_eq!(&pieces.next().await.unwrap().unwrap()[..], b"data: 1\n\n");
        let still = tokio::time::timeout(4 * RECHECK, pieces.next()).await;
        assert!(still.is_err(), "it goes on while nobody is asked");
        PasswordFile::of(folder.path()).set(&NewPassword::new("a password of some length").unwrap()).unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(20), pieces.next()).await;
        assert!(matches!(ended, Ok(None)), "it went on");
    }

    #[tokio::test]
    async fn a_route_past_the_table_is_nobodys() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("index.sqlite")).unwrap();
        let accounts = Accounts::new(PasswordFile::of(folder.path()), database, Proxies::default(), Vec::new(), false);
        let guard = Guard { accounts: Arc::new(accounts), table: Arc::default() };
        let router = Router::new()
            .route("/forgotten/{id}", get(|| async { "secret" }))
            .route("/studies/{id}", get(|| async { "a page" }))
            .layer(from_fn_with_state(guard, require_owner));
        // no password is set: the owner is whoever comes, and even they do not get there
        for (path, status) in [("/studies/x", StatusCode::OK), ("/forgotten/x", StatusCode::NOT_FOUND)] {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            assert_eq!(router.clone().oneshot(request).await.unwrap().status(), status, "{path}");
        }
    }
}
