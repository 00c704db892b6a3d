//! The completions of a study, a page at a time.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::{prelude::*, server_fn::codec::Json};
use rankscope_domain::view::{CompletionPage, CompletionQuery};

/// A page of them; the last where there are fewer.
#[server(input = Json)]
pub async fn get_completions(id: String, query: CompletionQuery) -> Result<CompletionPage, AppError> {
    // here and not by the page: between two calls of a page that is rendered the backend may be gone
    ask!(|backend| super::or_last_page(
        query.page,
        |page| backend.completions(&id, CompletionQuery { page, ..query.clone() }),
        |page| (page.total_prompts, page.page_size)
    ))
}
