//! Figures of several studies to take away.

use crate::{
    downloads::headers,
    error::{EdgeError, internal},
    export::{FigureFormat, figure_picture},
    state::AppState,
};
use axum::{
    extract::{Path, Query, State},
    response::IntoResponse,
};
use rankscope_app::{COMPARISON_FIGURES, CompareView, PaperWidth, comparison_svg, error::AppError};

/// `GET /compare/figures/{NAME}.{svg,png,pdf}`; the query says which studies and what of them, as on the page. A file is whole or refused: what
/// can't be shown is an error here.
pub async fn figure(
    State(state): State<AppState>,
    Path(file): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<impl IntoResponse, EdgeError> {
    let asked = FigureFormat::of_file(&file);
    let found = asked.and_then(|(name, format)| Some((*COMPARISON_FIGURES.iter().find(|(known, _)| *known == name)?, format)));
    let Some(((name, needed), format)) = found else {
        let names = COMPARISON_FIGURES.map(|(name, _)| name).join(", ");
        return Err(AppError::NotFound(format!("There is no such figure. There are: {names}.")).into());
    };
    let (mut view, errors) = CompareView::read(&pairs);
    errors.into_result(()).map_err(AppError::Invalid)?;
    let width = PaperWidth::read(|name| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()));
    let width = width.map_err(AppError::Invalid)?;
    view.query.view = Some(needed);
    let permit = state.backend.permit_to_draw().await?;
    let comparison = state.backend.compare_for_figure(&view.query, needed).await?;
    comparison.problems.clone().into_result(()).map_err(AppError::Invalid)?;
    let drawn = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let svg = comparison_svg(name, &comparison, &view, width.drawing()).map_err(AppError::Invalid)?;
        let svg = svg.ok_or_else(|| AppError::NotFound("These studies have nothing to draw in that figure.".into()))?;
        figure_picture(&format!("compared-{name}{}", width.suffix()), &width.fit(&svg), format)
    });
    let file = drawn.await.map_err(|error| internal("a comparison's download panicked", &error))??;
    Ok((headers(file.media_type, &file.name), file.bytes))
}
