//! Files of a study to take away: its recipe, its results, its figures.

use crate::{
    annotations::{LabelFormat, labels_file},
    error::{EdgeError, from_study, internal, no_such_study},
    state::AppState,
};
use axum::{
    extract::{Path, Query, State},
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::IntoResponse,
};
use rankscope_app::{FIGURES, FigureView, LENS_FIGURE, LensView, error::AppError, figure_svg, lens_svg};
use rankscope_study::Study;
use std::collections::HashMap;

/// `GET /studies/{id}/recipe.toml`, to the letter as it was frozen.
pub async fn recipe(State(state): State<AppState>, Path(id): Path<String>) -> Result<impl IntoResponse, EdgeError> {
    let text = read(&state, &id, |study| study.recipe_toml().map_err(|error| from_study("reading a recipe", error))).await?;
    Ok((headers("application/toml; charset=utf-8", "recipe.toml"), text))
}

/// `GET /studies/{id}/results.json`, to the letter as the study wrote it.
pub async fn results(State(state): State<AppState>, Path(id): Path<String>) -> Result<impl IntoResponse, EdgeError> {
    let text = read(&state, &id, |study| match std::fs::read(study.directory().join("results.json")) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(no_results()),
        Err(error) => Err(internal("reading results", &error)),
    })
    .await?;
    Ok((headers("application/json", "results.json"), text))
}

/// `GET /studies/{id}/figures/{NAME}.svg`; the query says what of it, as on its page.
pub async fn figure(
    State(state): State<AppState>,
    Path((id, file)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<impl IntoResponse, EdgeError> {
    let name = file.strip_suffix(".svg").and_then(|name| FIGURES.iter().find(|known| **known == name)).copied();
    let name = name.ok_or_else(|| AppError::NotFound(format!("There is no such figure. There are: {}.", FIGURES.join(", "))))?;
    if name == LENS_FIGURE {
        let (view, errors) = LensView::read(|name| query.get(name).cloned());
        let view = errors.into_result(view).map_err(AppError::Invalid)?;
        let svg = read(&state, &id, move |study| {
            let readings = study.lens().map_err(|error| from_study("reading the lens", error))?;
            lens_svg(readings, &view).map_err(AppError::Invalid)?.ok_or_else(nothing_to_draw)
        })
        .await?;
        return Ok((headers("image/svg+xml", &format!("{name}.svg")), svg));
    }
    let (view, errors) = FigureView::read(|name| query.get(name).cloned());
    let view = errors.into_result(view).map_err(AppError::Invalid)?;
    let svg = read(&state, &id, move |study| {
        let results = study.results().map_err(|error| from_study("reading results", error))?.ok_or_else(no_results)?;
        let svg = figure_svg(name, &results, &view).map_err(AppError::Invalid)?;
        svg.ok_or_else(nothing_to_draw)
    })
    .await?;
    Ok((headers("image/svg+xml", &format!("{name}.svg")), svg))
}

/// `GET /studies/{id}/labels.csv`
pub async fn labels_csv(State(state): State<AppState>, Path(id): Path<String>) -> Result<impl IntoResponse, EdgeError> {
    let row = state.backend.row(&id).await?;
    let file = labels_file(&state.backend.annotations, &row.id, LabelFormat::Csv).await?;
    Ok((headers("text/csv; charset=utf-8", "labels.csv"), file))
}

/// `GET /studies/{id}/labels.jsonl`
pub async fn labels_jsonl(State(state): State<AppState>, Path(id): Path<String>) -> Result<impl IntoResponse, EdgeError> {
    let row = state.backend.row(&id).await?;
    let file = labels_file(&state.backend.annotations, &row.id, LabelFormat::Jsonl).await?;
    Ok((headers("application/jsonl; charset=utf-8", "labels.jsonl"), file))
}

pub(crate) fn nothing_to_draw() -> AppError {
    AppError::NotFound("This study has nothing to draw in that figure.".into())
}

fn no_results() -> AppError {
    AppError::NotFound("This study has no results yet. They are there when it is finished.".into())
}

async fn read<T: Send + 'static>(
    state: &AppState,
    id: &str,
    read: impl FnOnce(&Study) -> Result<T, AppError> + Send + 'static,
) -> Result<T, EdgeError> {
    let row = state.backend.row(id).await?;
    let library = state.library().clone();
    let task = tokio::task::spawn_blocking(move || read(&library.study(&row.id).ok_or_else(no_such_study)?));
    Ok(task.await.map_err(|error| internal("a download panicked", &error))??)
}

/// Shown by the browser where it can, saved under `name` where the user asks for it.
pub(crate) fn headers(content_type: &'static str, name: &str) -> [(HeaderName, HeaderValue); 4] {
    let disposition = format!("inline; filename=\"{name}\"");
    [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CONTENT_DISPOSITION, HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("inline"))),
        // no proxy keeps what one must log in for
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        // an SVG that is opened by itself may style itself and nothing else
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")),
    ]
}
