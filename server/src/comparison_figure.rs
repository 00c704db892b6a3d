//! Figures of several studies to take away.

use crate::{downloads::headers, error::EdgeError, state::AppState};
use axum::{
    extract::{Path, Query, State},
    response::IntoResponse,
};
use rankscope_app::{COMPARISON_FIGURES, CompareView, backend::Backend, comparison_svg, error::AppError};

/// `GET /compare/figures/{NAME}.svg`; the query says which studies and what of them, as on the page. A file is whole or refused: what
/// can't be shown is an error here.
pub async fn figure(
    State(state): State<AppState>,
    Path(file): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<impl IntoResponse, EdgeError> {
    let found = file.strip_suffix(".svg").and_then(|name| COMPARISON_FIGURES.iter().find(|(known, _)| *known == name));
    let Some(&(name, needed)) = found else {
        let names = COMPARISON_FIGURES.map(|(name, _)| name).join(", ");
        return Err(AppError::NotFound(format!("There is no such figure. There are: {names}.")).into());
    };
    let (mut view, errors) = CompareView::read(&pairs);
    errors.into_result(()).map_err(AppError::Invalid)?;
    view.query.view = Some(needed);
    let comparison = state.backend.compare(&view.query).await?;
    comparison.problems.clone().into_result(()).map_err(AppError::Invalid)?;
    let svg = comparison_svg(name, &comparison, &view).map_err(AppError::Invalid)?;
    let svg = svg.ok_or_else(|| AppError::NotFound("These studies have nothing to draw in that figure.".into()))?;
    Ok((headers("image/svg+xml", &format!("compared-{name}.svg")), svg))
}
