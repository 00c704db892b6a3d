//! `POST /login` and `POST /logout`: plain forms, answered with a page or a redirect.

use crate::{
    accounts::{Lock, cookie, sessions},
    page,
    proxies::Client,
    state::AppState,
};
use axum::{
    extract::{Form, FromRequest, Request, State},
    http::{HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use rankscope_app::visitor::{LOGIN_PATH, LoginRefusal, Visitor, local_address, login_address};
use std::{
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};

/// What the form sends. A field that is not there is an empty one.
#[derive(serde::Deserialize)]
struct LoginForm {
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

/// Begins a session and leads on to `next`; the same answer for every wrong password.
pub async fn log_in(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let client = client(&parts);
    let form = match Form::<LoginForm>::from_request(Request::from_parts(parts.clone(), body), &()).await {
        Ok(Form(form)) => form,
        Err(rejection) => return rejection.into_response(),
    };
    let accounts = &state.accounts;
    let next = local_address(&form.next);
    let hash = match accounts.lock().await {
        Lock::Open => return Redirect::to(next).into_response(),
        Lock::Shut(reason) => return (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
        Lock::Password(hash) => hash,
    };
    // counted before it is looked at: attempts that come at once are attempts
    if let Err(wait) = accounts.attempts.take(client.address, Instant::now()) {
        let seconds = wait.as_secs_f64().ceil() as u64;
        tracing::warn!(client = %client.address, "too many attempts to log in");
        let mut page = login_page(&state, parts, next, LoginRefusal::TooManyAttempts { seconds }, StatusCode::TOO_MANY_REQUESTS).await;
        page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        return page;
    }
    let fingerprint = hash.fingerprint();
    match accounts.verify(hash, form.password).await {
        Ok(true) => {}
        Ok(false) => {
            tracing::warn!(client = %client.address, "a wrong password");
            return login_page(&state, parts, next, LoginRefusal::Wrong, StatusCode::UNAUTHORIZED).await;
        }
        Err(error) => return broken(&error),
    }
    accounts.attempts.give_back(client.address);
    // an id that was there before the log-in is never the one after it
    if let Some(before) = cookie::read(&parts.headers, client.https)
        && let Err(error) = accounts.sessions.end(&before).await
    {
        return broken(&error);
    }
    match accounts.sessions.begin(fingerprint, sessions::now()).await {
        Ok(id) => {
            tracing::info!(client = %client.address, "logged in");
            ([(header::SET_COOKIE, cookie::set(&id, client.https))], Redirect::to(next)).into_response()
        }
        Err(error) => broken(&error),
    }
}

/// Ends the session, if there is one.
pub async fn log_out(State(state): State<AppState>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let client = client(&parts);
    if let Some(id) = cookie::read(&parts.headers, client.https)
        && let Err(error) = state.accounts.sessions.end(&id).await
    {
        return broken(&error);
    }
    ([(header::SET_COOKIE, cookie::clear(client.https))], Redirect::to(LOGIN_PATH)).into_response()
}

fn client(parts: &Parts) -> Client {
    let nobody = Client { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), https: false };
    parts.extensions.get::<Client>().copied().unwrap_or(nobody)
}

fn broken(error: &dyn std::fmt::Display) -> Response {
    tracing::error!(%error, "a log-in or log-out failed");
    (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on the server. Its log says what; try again.\n").into_response()
}

/// The page as `GET` gives it, with what was wrong.
async fn login_page(state: &AppState, mut parts: Parts, next: &str, refusal: LoginRefusal, status: StatusCode) -> Response {
    parts.extensions.insert(Visitor { accounts: true, logged_in: false });
    parts.extensions.insert(refusal);
    page::render(state, parts, login_address(next).parse().unwrap_or(Uri::from_static(LOGIN_PATH)), status).await
}
