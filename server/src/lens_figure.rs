//! The heatmap of an answer of the lens, as a file.

use crate::{
    downloads::headers,
    error::{EdgeError, internal},
    export::{ExportedFile, FigureFormat, figure_picture},
    lens_desk::study_of,
    state::AppState,
};
use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use rankscope_app::{LENS_FIGURE, LensForm, LensView, PaperWidth, error::AppError, lens_svg};
use rankscope_domain::FieldErrors;

/// The query’s names and values.
type Pairs = Vec<(String, String)>;

/// `GET /lens/figure.svg`; the query is that of the page, and how wide: `width=column`. What was not asked on the page is not there.
pub async fn figure(State(state): State<AppState>, Query(pairs): Query<Pairs>) -> Result<Response, EdgeError> {
    drawn(&state, &pairs, FigureFormat::Svg).await
}

/// `lens.svg`, `lens.png` or `lens.pdf`, with the same query.
pub async fn file(State(state): State<AppState>, Path(file): Path<String>, Query(pairs): Query<Pairs>) -> Result<Response, EdgeError> {
    match FigureFormat::of_file(&file) {
        Some((LENS_FIGURE, format)) => drawn(&state, &pairs, format).await,
        _ => Err(AppError::NotFound("There is no such figure. There are: lens.svg, lens.png, lens.pdf.".into()).into()),
    }
}

async fn drawn(state: &AppState, pairs: &Pairs, format: FigureFormat) -> Result<Response, EdgeError> {
    let first = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let form = LensForm::of(|name| pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect());
    let (view, mut errors) = LensView::read(first);
    let mut said = |wrong: FieldErrors| errors.0.extend(wrong.0);
    let width = PaperWidth::read(first).map_err(&mut said).unwrap_or_default();
    let question = form.question().and_then(|question| question.map_err(&mut said).ok());
    let view = errors.into_result(view).map_err(AppError::Invalid)?;
    let question = question.ok_or_else(not_there)?;
    let (library, desk) = (state.library().clone(), state.backend.lens_desk.clone());
    let permit = state.backend.permit_to_draw().await?;
    let drawn = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let study = study_of(&library, &question.study)?;
        let readings = desk.kept(&study, &question)?.ok_or_else(not_there)?;
        let svg = lens_svg(readings, &view, width.drawing()).map_err(AppError::Invalid)?.ok_or_else(not_there)?;
        figure_picture(LENS_FIGURE, &width.fit(&svg), format)
    });
    let ExportedFile { name, media_type, bytes } = drawn.await.map_err(|error| internal("a download panicked", &error))??;
    Ok((headers(media_type, &name), bytes).into_response())
}

fn not_there() -> AppError {
    AppError::NotFound(
        "There is no such answer of the lens, or not any more. Ask the question first, on the page of the lens or at /api/v1/lens.".into(),
    )
}
