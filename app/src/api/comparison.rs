//! Studies side by side.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::{prelude::*, server_fn::codec::Json};
use rankscope_domain::{comparison::Comparison, comparison_query::ComparisonQuery};

/// The part of the comparison that the query asks for; what it asks for and is not there is told in the answer. An error where no study is.
#[server(input = Json)]
pub async fn compare_studies(query: ComparisonQuery) -> Result<Comparison, AppError> {
    ask!(|backend| backend.compare(&query))
}
