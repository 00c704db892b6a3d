//! The test examples of a classification study, a page at a time.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::{prelude::*, server_fn::codec::Json};
use rankscope_domain::view::{ExamplePage, ExampleQuery};

#[server(input = Json)]
pub async fn get_examples(id: String, query: ExampleQuery) -> Result<ExamplePage, AppError> {
    ask!(|backend| backend.examples(&id, query))
}
