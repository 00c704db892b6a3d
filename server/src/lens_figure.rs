//! The heatmap of an answer of the lens, as a file.

use crate::{downloads::headers, error::EdgeError, lens_desk::study_of, state::AppState};
use axum::{
    extract::{Query, State},
    response::IntoResponse,
};
use rankscope_app::{LensForm, LensView, PaperWidth, error::AppError, lens_svg};

/// `GET /lens/figure.svg`; the query is that of the page. What was not asked on the page is not there.
pub async fn figure(State(state): State<AppState>, Query(pairs): Query<Vec<(String, String)>>) -> Result<impl IntoResponse, EdgeError> {
    let form = LensForm::of(|name| pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect());
    let (view, mut errors) = LensView::read(|name| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()));
    let question = match form.question() {
        Some(Ok(question)) => Some(question),
        Some(Err(wrong)) => {
            errors.0.extend(wrong.0);
            None
        }
        None => None,
    };
    let view = errors.into_result(view).map_err(AppError::Invalid)?;
    let question = question.ok_or_else(not_there)?;
    let (library, desk) = (state.library().clone(), state.backend.lens_desk.clone());
    let drawn = tokio::task::spawn_blocking(move || {
        let study = study_of(&library, &question.study)?;
        let readings = desk.kept(&study, &question)?.ok_or_else(not_there)?;
        let width = PaperWidth::default();
        let svg = lens_svg(readings, &view, width.drawing()).map_err(AppError::Invalid)?.ok_or_else(not_there)?;
        Ok::<_, AppError>(width.fit(&svg))
    });
    let svg = drawn.await.map_err(|error| crate::error::internal("a download panicked", &error))??;
    Ok((headers("image/svg+xml", "lens.svg"), svg))
}

fn not_there() -> AppError {
    AppError::NotFound("There is no such answer of the lens, or not any more. Ask the question on the page of the lens first.".into())
}
