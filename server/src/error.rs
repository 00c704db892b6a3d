//! Errors at the edge of the server: what went wrong inside is logged here, once; what goes out says what to do.

use axum::{
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use rankscope_app::error::AppError;
use rankscope_study::StudyError;
use std::io::{self, ErrorKind};

/// All that a client is told when the server is at fault.
pub(crate) const INTERNAL: &str = "Something went wrong on the server. Its log says what; try again, and if it stays, restart Rankscope.";

/// When to try again where too much is asked at a time.
const BUSY_SECONDS: &str = "5";

/// An [`AppError`] as an HTTP response.
#[derive(Debug)]
pub struct EdgeError(pub AppError);

impl From<AppError> for EdgeError {
    fn from(error: AppError) -> Self {
        Self(error)
    }
}

impl IntoResponse for EdgeError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, format!("{}\n", self.0)).into_response();
        if matches!(self.0, AppError::Busy(_)) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(BUSY_SECONDS));
        }
        response
    }
}

/// Logs what went wrong, inside the request's span, and gives what may be told of it.
pub fn internal(what: &str, error: &dyn std::fmt::Display) -> AppError {
    tracing::error!(%error, "{what}");
    AppError::Internal(INTERNAL.into())
}

/// The same answer for a name that can't be one and for a study that is not there.
pub fn no_such_study() -> AppError {
    AppError::NotFound("There is no such study. It may have been deleted; the list of studies shows all there are.".into())
}

/// What a page is told when the study crate refuses or fails.
pub fn from_study(what: &str, error: StudyError) -> AppError {
    match error {
        StudyError::Invalid(fields) => AppError::Invalid(fields),
        StudyError::OtherRecipe(text) => AppError::Conflict(text),
        StudyError::Busy { .. } => AppError::Conflict("Another process works on this study. Wait until it ends, then try again.".into()),
        StudyError::DiskFull { .. } => disk_full(what, &error),
        other => internal(what, &other),
    }
}

/// What a page is told when an upload can't be written.
pub fn at_upload(error: io::Error) -> AppError {
    let what = "writing an upload";
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => disk_full(what, &error),
        _ => internal(what, &error),
    }
}

fn disk_full(what: &str, error: &dyn std::fmt::Display) -> AppError {
    internal(what, error);
    AppError::Conflict("The disk that holds the studies is full. Free some space or delete studies, then try again.".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_as_one() {
        let full = at_upload(io::Error::from_raw_os_error(libc::ENOSPC));
        assert!(matches!(&full, AppError::Conflict(text) if text.contains("full")), "{full:?}");
        assert!(matches!(at_upload(io::Error::from_raw_os_error(libc::EIO)), AppError::Internal(_)));
    }

    #[test]
    fn who_comes_while_it_is_busy_is_told_when_to_come_again() {
        let response = EdgeError(AppError::Busy("Later.".into())).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], BUSY_SECONDS);
        assert!(!EdgeError(AppError::Conflict("No.".into())).into_response().headers().contains_key(RETRY_AFTER));
    }
}
