//! What the page behind a share link asks for. Public: each is given the token, and tells nothing without the right one.

#[cfg(feature = "ssr")]
use super::ask;
use super::lens::LensPage;
use crate::error::AppError;
use leptos::{prelude::*, server_fn::codec::Json};
use rankscope_domain::{
    comparison::Comparison,
    comparison_query::ComparisonQuery,
    share::SharedPage,
    view::{CompletionPage, CompletionQuery},
};

#[server]
pub async fn get_shared(token: String) -> Result<SharedPage, AppError> {
    ask!(|backend| backend.shared(&token))
}

/// The part of a shared comparison that the query asks for; what it asks for and is not in the copy is told in the answer.
#[server(input = Json)]
pub async fn get_shared_comparison(token: String, query: ComparisonQuery) -> Result<Comparison, AppError> {
    ask!(|backend| backend.shared_comparison(&token, query))
}

/// `prompt` counts from 0.
#[server]
pub async fn get_shared_lens(token: String, prompt: u32) -> Result<LensPage, AppError> {
    let readings = ask!(|backend| backend.shared_lens(&token))?;
    Ok(LensPage::of(readings, prompt))
}

#[server(input = Json)]
pub async fn get_shared_completions(token: String, query: CompletionQuery) -> Result<CompletionPage, AppError> {
    ask!(|backend| super::or_last_page(
        query.page,
        |page| backend.shared_completions(&token, CompletionQuery { page, ..query.clone() }),
        |page| (page.total_prompts, page.page_size)
    ))
}
