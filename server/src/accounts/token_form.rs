//! `POST /tokens`: the page's form, answered with the page and the new token on it. It is shown there and nowhere else: no address, no
//! log and no second answer has it. The same form sent twice is refused, since its name is taken.

use crate::{
    accounts::{
        sessions,
        tokens::{NewToken, TokenError},
    },
    error::internal,
    page,
    state::AppState,
};
use axum::{
    extract::{Form, FromRequest, Request, State},
    http::{StatusCode, Uri, header::ACCEPT},
    response::{IntoResponse, Response},
};
use rankscope_app::{
    error::AppError,
    visitor::{TOKENS_PATH, TokenAnswer},
};
use rankscope_domain::{
    FieldErrors,
    token::{DEFAULT_DAYS, TokenScope},
};

/// What the form sends. A field that is not there is an empty one.
#[derive(serde::Deserialize)]
struct TokenForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    scope: String,
    /// Empty: [`DEFAULT_DAYS`]; `never`: it does not expire.
    #[serde(default)]
    days: String,
}

/// Makes a token and shows it.
pub async fn add(State(state): State<AppState>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let form = match Form::<TokenForm>::from_request(Request::from_parts(parts.clone(), body), &()).await {
        Ok(Form(form)) => form,
        Err(rejection) => return rejection.into_response(),
    };
    let name = form.name.clone();
    let (answer, status) = match make(&state, form).await {
        Ok(secret) => (TokenAnswer::Made { name, secret }, StatusCode::OK),
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (TokenAnswer::Refused { name, error }, status)
        }
    };
    // a program that sends the form reads text
    let takes_pages = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    if let (TokenAnswer::Refused { error, .. }, false) = (&answer, takes_pages) {
        return (status, format!("{error}\n")).into_response();
    }
    parts.extensions.insert(answer);
    page::render(&state, parts, Uri::from_static(TOKENS_PATH), status).await
}

async fn make(state: &AppState, form: TokenForm) -> Result<String, AppError> {
    let mut errors = FieldErrors::default();
    let scope = TokenScope::ALL.into_iter().find(|scope| scope.name() == form.scope).unwrap_or_else(|| {
        errors.push("scope", form.scope.chars().take(80).collect::<String>(), "Choose read or write.");
        TokenScope::Read
    });
    let days = days_of(&form.days).unwrap_or_else(|remedy| {
        errors.push("days", form.days.chars().take(80).collect::<String>(), remedy);
        Some(1)
    });
    let new = NewToken::new(&form.name, scope, days);
    errors.0.extend(new.as_ref().err().into_iter().flat_map(|more| more.0.clone()));
    let new = match new {
        Ok(new) if errors.0.is_empty() => new,
        _ => return Err(AppError::Invalid(errors)),
    };
    match state.accounts.tokens.add(new, sessions::now()).await {
        Ok((secret, entry)) => {
            tracing::info!(id = entry.id, name = entry.name, scope = entry.scope.name(), "a token was made");
            Ok(secret.to_text())
        }
        Err(TokenError::Refused(errors)) => Err(AppError::Invalid(errors)),
        Err(TokenError::Database(error)) => Err(internal("the database failed", &error)),
    }
}

/// How long a token holds; `None`: without end, which has to be written.
fn days_of(text: &str) -> Result<Option<u32>, &'static str> {
    match text.trim() {
        "" => Ok(Some(DEFAULT_DAYS)),
        text if text.eq_ignore_ascii_case("never") => Ok(None),
        text => text.parse().map(Some).map_err(|_| "Write a whole number of days, or never."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_not_for_ever() {
        for (text, days) in [("", Ok(Some(90))), (" 7 ", Ok(Some(7))), ("never", Ok(None))] {
            assert_eq!(days_of(text), days, "{text}");
        }
        assert!(days_of("soon").is_err() && days_of("-1").is_err());
    }
}
