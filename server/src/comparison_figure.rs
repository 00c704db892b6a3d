//! Figures of several studies to take away.

use crate::{
    downloads::headers,
    error::{EdgeError, internal},
    export::{ExportedFile, FigureFormat, figure_picture},
    state::AppState,
};
use axum::{
    extract::{Path, Query, State},
    response::IntoResponse,
};
use rankscope_app::{COMPARISON_FIGURES, CompareView, PaperWidth, backend::Backend, comparison_svg, error::AppError};
use rankscope_domain::{
    comparison::Comparison,
    comparison_query::{ComparisonQuery, ComparisonView},
};

/// `GET /compare/figures/{NAME}.{svg,png,pdf}`; the query says which studies and what of them, as on the page. A file is whole or refused: what
/// can't be shown is an error here.
pub async fn figure(
    State(state): State<AppState>,
    Path(file): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<impl IntoResponse, EdgeError> {
    let Asked { needed, mut view, .. } = Asked::read(&file, &pairs)?;
    view.query.view = Some(needed);
    let comparison = state.backend.compare(&view.query).await?;
    comparison.problems.clone().into_result(()).map_err(AppError::Invalid)?;
    let permit = state.backend.permit_to_draw().await?;
    let drawn = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        picture(&file, &pairs, |_, _| Ok(comparison))
    });
    let file = drawn.await.map_err(|error| internal("a comparison's download panicked", &error))??;
    Ok((headers(file.media_type, &file.name), file.bytes))
}

/// A figure that a file's name and a query ask for.
struct Asked {
    name: &'static str,
    /// The part of the comparison that it is drawn of.
    needed: ComparisonView,
    format: FigureFormat,
    view: CompareView,
    width: PaperWidth,
}

impl Asked {
    fn read(file: &str, pairs: &[(String, String)]) -> Result<Self, AppError> {
        let asked = FigureFormat::of_file(file);
        let found = asked.and_then(|(name, format)| Some((*COMPARISON_FIGURES.iter().find(|(known, _)| *known == name)?, format)));
        let Some(((name, needed), format)) = found else {
            let names = COMPARISON_FIGURES.map(|(name, _)| name).join(", ");
            return Err(AppError::NotFound(format!("There is no such figure. There are: {names}.")));
        };
        let (view, errors) = CompareView::read(pairs);
        errors.into_result(()).map_err(AppError::Invalid)?;
        let width = PaperWidth::read(|name| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()));
        Ok(Self { name, needed, format, view, width: width.map_err(AppError::Invalid)? })
    }
}

/// The figure as a file. `part` gives what it is drawn of: the part that it needs, as the query chooses it.
pub(crate) fn picture(
    file: &str,
    pairs: &[(String, String)],
    part: impl FnOnce(ComparisonView, ComparisonQuery) -> Result<Comparison, AppError>,
) -> Result<ExportedFile, AppError> {
    let Asked { name, needed, format, view, width } = Asked::read(file, pairs)?;
    let comparison = part(needed, view.query.clone())?;
    let svg = comparison_svg(name, &comparison, &view, width.drawing()).map_err(AppError::Invalid)?;
    let svg = svg.ok_or_else(|| AppError::NotFound("These studies have nothing to draw in that figure.".into()))?;
    figure_picture(&format!("compared-{name}"), &width.fit(&svg), format)
}
