//! What a page is told when something can't be done: a category, and a sentence that says what to do.

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
    /// The server's fault; logged there.
    #[error("{0}")]
    Internal(String),
}
