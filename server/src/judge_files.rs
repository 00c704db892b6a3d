//! What the labels of a round say of the judges, as files to take away.

use crate::{
    downloads::{drawn, made, no_results, response},
    error::{EdgeError, from_study},
    export::{AskedFigure, AskedTable},
    state::AppState,
};
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use rankscope_app::{
    Bars, JUDGE_FIGURES,
    backend::Backend,
    error::AppError,
    judge_svg,
    tables::{JUDGE_TABLES, judge_table},
};
use rankscope_domain::annotation::JudgeReport;
use std::collections::HashMap;

/// `GET /studies/{id}/judge/figures/{NAME}.{svg,png,pdf}?round=ROUND`; without a round of the newest that has a label. `bars`: which of the
/// corrected shares; `width=column`: how wide.
pub async fn figure(
    State(state): State<AppState>,
    Path((id, file)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, EdgeError> {
    let asked = AskedFigure::read(&file, &JUDGE_FIGURES, &|name| query.get(name).cloned())?;
    let bars = Bars::read(|name| query.get(name).cloned()).map_err(AppError::Invalid)?;
    let report = report(&state, &id, &query).await?;
    made(&state, move || asked.file(|width| Ok(judge_svg(asked.name, &report, bars, width)))).await
}

/// `GET /studies/{id}/judge/tables/{NAME}.{csv,json,tex}?round=ROUND`, as [`figure`].
pub async fn table(
    State(state): State<AppState>,
    Path((id, file)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, EdgeError> {
    let asked = AskedTable::read(&file, &JUDGE_TABLES)?;
    let report = report(&state, &id, &query).await?;
    let file = drawn(&state, &id, move |study| {
        let results = study.results().map_err(|error| from_study("reading results", error))?.ok_or_else(no_results)?;
        asked.file(judge_table(asked.name, &results, &report))
    })
    .await?;
    Ok(response(file))
}

async fn report(state: &AppState, id: &str, query: &HashMap<String, String>) -> Result<JudgeReport, AppError> {
    let round = query.get("round").map(String::as_str).filter(|round| !round.is_empty());
    let page = state.backend.judge_page(id, round).await?;
    page.report.ok_or_else(|| {
        AppError::NotFound("There are no labels yet that say anything of the judge. They are there as soon as somebody gives one.".into())
    })
}
