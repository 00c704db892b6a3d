//! What the page behind a share link asks for. Public: each is given the token, and tells nothing without the right one.

#[cfg(feature = "ssr")]
use super::ask;
use super::lens::LensPage;
use crate::error::AppError;
use leptos::{prelude::*, server_fn::codec::Json};
use rankscope_domain::{
    share::SharedPage,
    view::{CompletionPage, CompletionQuery},
};

#[server]
pub async fn get_shared(token: String) -> Result<SharedPage, AppError> {
    ask!(|backend| backend.shared(&token))
}

/// `prompt` counts from 0.
#[server]
pub async fn get_shared_lens(token: String, prompt: u32) -> Result<LensPage, AppError> {
    let readings = ask!(|backend| backend.shared_lens(&token))?;
    Ok(LensPage::of(readings, prompt))
}

#[server(input = Json)]
pub async fn get_shared_completions(token: String, query: CompletionQuery) -> Result<CompletionPage, AppError> {
    ask!(|backend| backend.shared_completions(&token, query))
}
