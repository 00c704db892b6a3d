//! The completions of a study, a page at a time.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::{prelude::*, server_fn::codec::Json};
use rankscope_domain::view::{CompletionPage, CompletionQuery};

#[server(input = Json)]
pub async fn get_completions(id: String, query: CompletionQuery) -> Result<CompletionPage, AppError> {
    ask!(|backend| backend.completions(&id, query))
}
