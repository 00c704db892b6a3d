//! What a page is told when something can't be done: a category, and a sentence that says what to do.

use leptos::server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};
use rankscope_domain::FieldErrors;
use serde::{Deserialize, Serialize};

/// Crosses the wire as it is; holds no internals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AppError {
    /// There is no such study, page or file.
    #[error("{0}")]
    NotFound(String),
    /// Fields of an input are wrong.
    #[error("{0}")]
    Invalid(FieldErrors),
    /// Not in this state: a running study can't be deleted.
    #[error("{0}")]
    Conflict(String),
    /// Too much is asked at a time: later it may be done.
    #[error("{0}")]
    Busy(String),
    /// Nobody is logged in, or not any more.
    #[error("{0}")]
    LoggedOut(String),
    /// Asked too often; says when to try again.
    #[error("{0}")]
    TooMany(String),
    /// The server's fault; logged there.
    #[error("{0}")]
    Internal(String),
}

impl AppError {
    /// The HTTP status that says the same.
    pub fn status(&self) -> u16 {
        match self {
            AppError::NotFound(_) => 404,
            AppError::Invalid(_) => 422,
            AppError::Conflict(_) => 409,
            AppError::Busy(_) => 503,
            AppError::LoggedOut(_) => 401,
            AppError::TooMany(_) => 429,
            AppError::Internal(_) => 500,
        }
    }

    /// The field errors, where the input was wrong.
    pub fn field_errors(&self) -> FieldErrors {
        match self {
            AppError::Invalid(errors) => errors.clone(),
            other => FieldErrors::one("", "", other.to_string()),
        }
    }
}

/// What went wrong on the way between browser and server, said for people.
impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) => {
                AppError::Internal("The server can't be reached. Check that it still runs, then try again.".into())
            }
            // on the server, what is read is the request
            ServerFnErrorErr::Deserialization(reason) if cfg!(feature = "ssr") => {
                AppError::from_server_fn_error(ServerFnErrorErr::Args(reason))
            }
            ServerFnErrorErr::Args(reason) | ServerFnErrorErr::MissingArg(reason) => AppError::Invalid(FieldErrors::one(
                "",
                "",
                format!("The request could not be read ({reason}). Reload the page and try again."),
            )),
            other => AppError::Internal(format!(
                "The server's answer could not be read ({other}). Reload the page; it may be of an older version."
            )),
        }
    }
}
