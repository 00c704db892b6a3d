//! Files below `/s/{token}`: the snapshot, and what its pages offer to take away. All of it is read from the frozen copy.

use crate::{
    comparison_files::picture,
    downloads::{Make, headers},
    error::{EdgeError, internal},
    export::{ExportedFile, Shown, figure_file, table_file},
    shares::{Shares, gate::OpenShare, snapshot_file::SnapshotProblem},
    state::AppState,
};
use axum::{
    Extension,
    extract::{Path, Query, State},
    response::IntoResponse,
};
use rankscope_app::error::AppError;
use rankscope_domain::{
    comparison_query::ComparisonView,
    snapshot::{SharedComparison, SharedStudy, Snapshot},
};
use rankscope_study::shared_comparison;
use std::{collections::HashMap, sync::Arc};

/// `GET /s/{token}/snapshot.json`, to the letter: its SHA-256 is the content hash.
pub async fn snapshot(
    State(state): State<AppState>,
    Extension(OpenShare(share)): Extension<OpenShare>,
) -> Result<impl IntoResponse, EdgeError> {
    let bytes = blocking(&state, move |shares| shares.read_bytes(&share).map_err(damaged)).await?;
    Ok((headers("application/json", "snapshot.json"), bytes))
}

/// `GET /s/{token}/recipe.toml`
pub async fn recipe(State(state): State<AppState>, Extension(share): Extension<OpenShare>) -> Result<impl IntoResponse, EdgeError> {
    let text = of_study(&state, share, |study| Ok(study.recipe_toml.clone())).await?;
    Ok((headers("application/toml; charset=utf-8", "recipe.toml"), text))
}

/// `GET /s/{token}/results.json`
pub async fn results(State(state): State<AppState>, Extension(share): Extension<OpenShare>) -> Result<impl IntoResponse, EdgeError> {
    let text = of_study(&state, share, |study| {
        let mut text = serde_json::to_string_pretty(&study.results).map_err(|error| internal("writing shared results", &error))?;
        text.push('\n');
        Ok(text)
    })
    .await?;
    Ok((headers("application/json", "results.json"), text))
}

/// `GET /s/{token}/figures/{NAME}.{svg,png,pdf}`; the query says what of it, as on its page, and how wide.
pub async fn figure(
    State(state): State<AppState>,
    Extension(share): Extension<OpenShare>,
    Path((_, file)): Path<(String, String)>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<impl IntoResponse, EdgeError> {
    let permit = state.backend.permit_to_draw().await?;
    let made = of_copy(&state, share, move |snapshot| {
        let _permit = permit;
        if let Some(comparison) = snapshot.comparison() {
            return compared(comparison, &file, &pairs);
        }
        let study = snapshot.study().ok_or_else(no_study)?;
        let get = |name: &str| pairs.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        figure_file(&file, Shown { results: &study.results, readings: &study.lens }, &get)
    })
    .await?;
    Ok((headers(made.media_type, &made.name), made.bytes))
}

/// A file is whole or refused: what is not in the copy is an error here.
fn compared(comparison: &SharedComparison, file: &str, pairs: &[(String, String)]) -> Result<ExportedFile, AppError> {
    picture(file, pairs, |view: ComparisonView, mut query| {
        query.view = Some(view);
        let part = shared_comparison(comparison, &query);
        part.problems.clone().into_result(part).map_err(AppError::Invalid)
    })
}

/// `GET /s/{token}/tables/{NAME}.{csv,json,tex}`; the query says what of it, as on its page.
pub async fn table(
    State(state): State<AppState>,
    Extension(share): Extension<OpenShare>,
    Path((_, file)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<impl IntoResponse, EdgeError> {
    exported(&state, share, file, query, table_file).await
}

async fn exported(
    state: &AppState,
    share: OpenShare,
    file: String,
    query: HashMap<String, String>,
    make: Make,
) -> Result<impl IntoResponse + use<>, EdgeError> {
    let permit = state.backend.permit_to_draw().await?;
    let made = of_study(state, share, move |study| {
        let _permit = permit;
        make(&file, Shown { results: &study.results, readings: &study.lens }, &|name| query.get(name).cloned())
    })
    .await?;
    Ok((headers(made.media_type, &made.name), made.bytes))
}

/// What whoever has a right token is told when the copy behind it can't be shown; why is in the log.
pub fn damaged(problem: SnapshotProblem) -> AppError {
    tracing::error!(%problem, "a share can't be shown");
    AppError::NotFound(
        "The frozen copy behind this link is damaged or was changed, so it is not shown. Ask whoever sent the link for another.".into(),
    )
}

/// Something else was shared.
pub fn no_study() -> AppError {
    AppError::NotFound("Behind this link is a comparison, and no study by itself.".into())
}

pub fn no_comparison() -> AppError {
    AppError::NotFound("Behind this link is a study, and no comparison.".into())
}

async fn of_study<T: Send + 'static>(
    state: &AppState,
    share: OpenShare,
    read: impl FnOnce(&SharedStudy) -> Result<T, AppError> + Send + 'static,
) -> Result<T, EdgeError> {
    of_copy(state, share, |snapshot| read(snapshot.study().ok_or_else(no_study)?)).await
}

async fn of_copy<T: Send + 'static>(
    state: &AppState,
    OpenShare(share): OpenShare,
    read: impl FnOnce(&Snapshot) -> Result<T, AppError> + Send + 'static,
) -> Result<T, EdgeError> {
    let read_copy = move |shares: &Shares| {
        let snapshot: Arc<Snapshot> = shares.read(&share).map_err(damaged)?;
        read(&snapshot)
    };
    Ok(blocking(state, read_copy).await?)
}

async fn blocking<T: Send + 'static>(
    state: &AppState,
    read: impl FnOnce(&Shares) -> Result<T, AppError> + Send + 'static,
) -> Result<T, AppError> {
    let (shares, span) = (state.backend.shares.clone(), tracing::Span::current());
    let task = tokio::task::spawn_blocking(move || span.in_scope(|| read(&shares)));
    task.await.map_err(|error| internal("a shared download panicked", &error))?
}
