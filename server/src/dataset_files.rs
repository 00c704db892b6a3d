//! What is told of a set of labelled texts, as files to take away.

use crate::{
    downloads::made,
    error::EdgeError,
    export::{AskedFigure, AskedTable},
    state::AppState,
};
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use rankscope_app::{
    DATASET_FIGURES,
    backend::Backend,
    dataset_svg,
    tables::{DATASET_TABLES, dataset_table},
};
use std::collections::HashMap;

/// `GET /datasets/{name}/figures/{NAME}.{svg,png,pdf}`; the query says how wide: `width=column`.
pub async fn figure(
    State(state): State<AppState>,
    Path((name, file)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, EdgeError> {
    let asked = AskedFigure::read(&file, &DATASET_FIGURES, &|name| query.get(name).cloned())?;
    let set = state.backend.dataset(&name).await?;
    made(&state, move || asked.file(|width| Ok(set.summary.as_ref().and_then(|summary| dataset_svg(asked.name, summary, width))))).await
}

/// `GET /datasets/{name}/tables/{NAME}.{csv,json,tex}`
pub async fn table(State(state): State<AppState>, Path((name, file)): Path<(String, String)>) -> Result<Response, EdgeError> {
    let asked = AskedTable::read(&file, &DATASET_TABLES)?;
    let set = state.backend.dataset(&name).await?;
    made(&state, move || asked.file(dataset_table(asked.name, &set))).await
}
