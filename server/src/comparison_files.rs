//! Figures and tables of several studies to take away.

use crate::{
    downloads::made,
    error::EdgeError,
    export::{AskedFigure, AskedTable, ExportedFile},
    state::AppState,
};
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use rankscope_app::{
    COMPARISON_FIGURES, CompareView,
    backend::Backend,
    comparison_svg,
    error::AppError,
    tables::{COMPARISON_TABLES, comparison_table},
};
use rankscope_domain::{
    comparison::Comparison,
    comparison_query::{ComparisonQuery, ComparisonView},
};

type Pairs = Vec<(String, String)>;
/// A figure's or a table's name, and the view that it is of.
type Named = (&'static str, ComparisonView);
/// Gives a part of a comparison that lies elsewhere, as a query chooses it.
pub(crate) type Part<'p> = &'p dyn Fn(ComparisonView, ComparisonQuery) -> Result<Comparison, AppError>;

/// `GET /compare/figures/{NAME}.{svg,png,pdf}`; the query says which studies and what of them, as on the page, and how wide. A file is whole or
/// refused: what can't be shown is an error here.
pub async fn figure(State(state): State<AppState>, Path(file): Path<String>, Query(pairs): Query<Pairs>) -> Result<Response, EdgeError> {
    let asked = asked_figure(&file, &pairs)?;
    let (view, needed) = asked_view(&pairs, &COMPARISON_FIGURES, asked.name)?;
    let comparison = whole(state.backend.compare_for_figure(&view.query, needed).await?)?;
    made(&state, move || drawn(asked, &comparison, &view)).await
}

/// A figure as a file, of a comparison that lies elsewhere.
pub(crate) fn picture(file: &str, pairs: &[(String, String)], part: Part<'_>) -> Result<ExportedFile, AppError> {
    let asked = asked_figure(file, pairs)?;
    let (view, needed) = asked_view(pairs, &COMPARISON_FIGURES, asked.name)?;
    let comparison = part(needed, view.query.clone())?;
    drawn(asked, &comparison, &view)
}

/// A table as a file, as [`picture`].
pub(crate) fn list(file: &str, pairs: &[(String, String)], part: Part<'_>) -> Result<ExportedFile, AppError> {
    let asked = AskedTable::read(file, &COMPARISON_TABLES.map(|(name, _)| name))?;
    let (view, needed) = asked_view(pairs, &COMPARISON_TABLES, asked.name)?;
    let comparison = part(needed, view.query.clone())?;
    asked.file(comparison_table(asked.name, &comparison, &view))
}

fn asked_figure(file: &str, pairs: &[(String, String)]) -> Result<AskedFigure, AppError> {
    let first = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    AskedFigure::read(file, &COMPARISON_FIGURES.map(|(name, _)| name), &first)
}

fn drawn(asked: AskedFigure, comparison: &Comparison, view: &CompareView) -> Result<ExportedFile, AppError> {
    let file = asked.file(|width| comparison_svg(asked.name, comparison, view, width).map_err(AppError::Invalid))?;
    Ok(ExportedFile { name: format!("compared-{}", file.name), ..file })
}

/// `GET /compare/tables/{NAME}.{csv,json,tex}`, as [`figure`].
pub async fn table(State(state): State<AppState>, Path(file): Path<String>, Query(pairs): Query<Pairs>) -> Result<Response, EdgeError> {
    let asked = AskedTable::read(&file, &COMPARISON_TABLES.map(|(name, _)| name))?;
    let (view, _) = asked_view(&pairs, &COMPARISON_TABLES, asked.name)?;
    let comparison = whole(state.backend.compare(&view.query).await?)?;
    made(&state, move || asked.file(comparison_table(asked.name, &comparison, &view))).await
}

/// What a figure or a table is asked for of, with the view that it needs.
fn asked_view(pairs: &[(String, String)], known: &[Named], name: &str) -> Result<(CompareView, ComparisonView), AppError> {
    let (mut view, errors) = CompareView::read(pairs);
    errors.into_result(()).map_err(AppError::Invalid)?;
    let needed = known.iter().find(|(known, _)| *known == name).map(|(_, needed)| *needed);
    let needed = needed.ok_or_else(|| AppError::NotFound(format!("There is no {name} of several studies.")))?;
    view.query.view = Some(needed);
    Ok((view, needed))
}

fn whole(comparison: Comparison) -> Result<Comparison, AppError> {
    comparison.problems.clone().into_result(()).map_err(AppError::Invalid)?;
    Ok(comparison)
}
