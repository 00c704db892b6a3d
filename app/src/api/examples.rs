//! The test examples of a classification study, a page at a time.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::{prelude::*, server_fn::codec::Json};
use rankscope_domain::view::{ExamplePage, ExampleQuery};

/// A page of them; the last where there are fewer.
#[server(input = Json)]
pub async fn get_examples(id: String, query: ExampleQuery) -> Result<ExamplePage, AppError> {
    ask!(|backend| super::or_last_page(
        query.page,
        |page| backend.examples(&id, ExampleQuery { page, ..query.clone() }),
        |page| (page.total, page.page_size)
    ))
}
