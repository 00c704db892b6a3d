//! Errors of the API: `application/problem+json` (RFC 9457) whatever refused the request, a handler or what stands before it.

use crate::api::API_PREFIX;
use aide::{OperationOutput, generate::GenContext, openapi};
use axum::{
    body::to_bytes,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING, VARY, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use rankscope_app::error::AppError;
use rankscope_domain::{FieldError, FieldErrors};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const PROBLEM_JSON: &str = "application/problem+json";
/// Our own refusals are a sentence or two; of anything longer nothing is said.
const MAX_TEXT: usize = 4096;

/// Why a request was refused (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// `about:blank`: there is no more to it than the status says.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong and what to do.
    pub detail: String,
    /// Every wrong field, where the input was wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_string();
        Self { kind: "about:blank".into(), title, status: status.as_u16(), detail: detail.into(), errors: Vec::new() }
    }

    /// With what there is to say of a status alone.
    pub fn of_status(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::BAD_REQUEST => "The request can’t be read. /api/v1/openapi.json says how it is written.",
            StatusCode::NOT_FOUND => "There is nothing at this address. /api/v1/openapi.json says what there is.",
            StatusCode::METHOD_NOT_ALLOWED => "This address does not take this method; the header Allow says which it takes.",
            StatusCode::PAYLOAD_TOO_LARGE => {
                "The body is too large. A recipe has at most 1 MiB; larger files are uploaded as sets of texts."
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                "The body’s Content-Type is not one that this address takes. /api/v1/openapi.json says which it takes."
            }
            StatusCode::UNPROCESSABLE_ENTITY => "The request is not what this address takes. /api/v1/openapi.json says what that is.",
            StatusCode::TOO_MANY_REQUESTS => "Too many requests. Wait as long as Retry-After says, then try again.",
            StatusCode::SERVICE_UNAVAILABLE => "The server can’t answer now. Wait as long as Retry-After says, then try again.",
            status if status.is_server_error() => crate::error::INTERNAL,
            _ => "The request was refused. /api/v1/openapi.json says how it is written.",
        };
        Self::new(status, detail)
    }

    /// 422 with the fields that are wrong.
    pub fn of_fields(errors: FieldErrors) -> Self {
        Self { detail: errors.to_string(), errors: errors.0, ..Self::of_status(StatusCode::UNPROCESSABLE_ENTITY) }
    }

    /// 401, with how to come in.
    pub fn unauthorized(detail: &str, token_was_wrong: bool) -> Response {
        let error = if token_was_wrong { ", error=\"invalid_token\"" } else { "" };
        Self::new(StatusCode::UNAUTHORIZED, detail).with_challenge(error)
    }

    /// 403: the token may not do this.
    pub fn insufficient_scope(detail: &str) -> Response {
        Self::new(StatusCode::FORBIDDEN, detail).with_challenge(", error=\"insufficient_scope\", scope=\"write\"")
    }

    fn with_challenge(self, error: &str) -> Response {
        let challenge = HeaderValue::try_from(format!("Bearer realm=\"Rankscope\"{error}")).unwrap_or(HeaderValue::from_static("Bearer"));
        ([(WWW_AUTHENTICATE, challenge)], self).into_response()
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Invalid(errors) => Self::of_fields(errors),
            other => {
                let status = StatusCode::from_u16(other.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Self::new(status, other.to_string())
            }
        }
    }
}

impl From<crate::error::EdgeError> for Problem {
    fn from(error: crate::error::EdgeError) -> Self {
        error.0.into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        (status, [(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON))], body).into_response()
    }
}

/// Which statuses an operation has is said where it is listed; all of them have this form.
impl OperationOutput for Problem {
    type Inner = Self;

    fn operation_response(ctx: &mut GenContext, _: &mut openapi::Operation) -> Option<openapi::Response> {
        let schema = ctx.schema.subschema_for::<Self>();
        let content = openapi::MediaType {
            schema: Some(openapi::SchemaObject { json_schema: schema, example: None, external_docs: None }),
            ..Default::default()
        };
        Some(openapi::Response { content: [(PROBLEM_JSON.to_string(), content)].into_iter().collect(), ..Default::default() })
    }
}

/// Makes a problem of every refusal on the API's addresses, whatever stands before the handlers or stands in for them.
pub async fn as_problems(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with(API_PREFIX);
    let response = next.run(request).await;
    let status = response.status();
    if !is_api || !(status.is_client_error() || status.is_server_error()) || is(response.headers(), PROBLEM_JSON) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // our own sentences are text as it is; what comes compressed is a page or a library's
    let is_ours = is(&parts.headers, "text/plain") && !parts.headers.contains_key(CONTENT_ENCODING);
    let says_more = matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::SERVICE_UNAVAILABLE);
    let text = if is_ours && says_more { to_bytes(body, MAX_TEXT).await.ok() } else { None };
    let text =
        text.and_then(|text| String::from_utf8(text.into()).ok()).map(|text| text.trim().to_string()).filter(|text| !text.is_empty());
    let problem = text.map_or_else(|| Problem::of_status(status), |text| Problem::new(status, text));
    let (fresh, body) = problem.into_response().into_parts();
    for name in [CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING, VARY] {
        parts.headers.remove(name);
    }
    parts.headers.extend(fresh.headers);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        parts.headers.entry(RETRY_AFTER).or_insert(HeaderValue::from_static("5"));
    }
    Response::from_parts(parts, body)
}

fn is(headers: &HeaderMap, media_type: &str) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(media_type.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Body, middleware::from_fn, routing::get};
    use tower::ServiceExt;

    async fn ask(path: &str) -> (StatusCode, String, String) {
        let router = Router::new()
            .route("/api/v1/internal", get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "stack trace at src/x.rs:1") }))
            .route("/api/v1/refused", get(|| async { (StatusCode::FORBIDDEN, "Do it there.\n") }))
            .route("/api/v1/own", get(|| async { Problem::new(StatusCode::CONFLICT, "not now") }))
            .route("/page", get(|| async { (StatusCode::FORBIDDEN, "as it was") }))
            .layer(from_fn(as_problems));
        let response = router.oneshot(Request::builder().uri(path).body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let kind = parts.headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_string()).unwrap_or_default();
        (parts.status, kind, String::from_utf8(to_bytes(body, 10_000).await.unwrap().into()).unwrap())
    }

    #[tokio::test]
    async fn every_refusal_of_the_api_is_a_problem_and_tells_nothing_of_the_inside() {
        for (path, status, said) in [
            ("/api/v1/internal", 500, "Its log says what"),
            ("/api/v1/refused", 403, "Do it there."),
            ("/api/v1/own", 409, "not now"),
            ("/api/v1/nothing", 404, "openapi.json"),
        ] {
            let (code, kind, body) = ask(path).await;
            assert_eq!((code.as_u16(), kind.as_str()), (status, PROBLEM_JSON), "{path}");
            let problem: Problem = serde_json::from_str(&body).unwrap();
            assert_eq!((problem.status, problem.kind.as_str()), (status, "about:blank"));
            assert!(problem.detail.contains(said) && !body.contains("src/x.rs"), "{path}: {body}");
        }
        assert_eq!(ask("/page").await.2, "as it was");
    }

    #[test]
    fn fields_that_are_wrong_are_named() {
        let problem = Problem::from(AppError::Invalid(FieldErrors::one("seeds", 3, "Write a list.")));
        assert_eq!((problem.status, problem.errors.len()), (422, 1));
        assert!(problem.detail.contains("seeds = \"3\": Write a list."), "{}", problem.detail);
    }
}
