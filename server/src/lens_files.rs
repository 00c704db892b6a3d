//! An answer of the lens as files to take away: its heatmap, and its cells as a table.

use crate::{
    downloads::made,
    error::EdgeError,
    export::{AskedFigure, AskedTable},
    lens_desk::{LensDesk, study_of},
    library::Library,
    state::AppState,
};
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use rankscope_app::{
    LENS_FIGURE, LensForm, LensView,
    error::AppError,
    lens_svg,
    tables::{LENS_TABLE, lens_data},
};
use rankscope_domain::{inspection::LensReading, lens_question::LensQuestion};

type Pairs = Vec<(String, String)>;

/// `GET /lens/figures/lens.{svg,png,pdf}`; the query is that of the page, with `width=column` for a paper's column. What was not asked on the
/// page is not there.
pub async fn figure(State(state): State<AppState>, Path(file): Path<String>, Query(pairs): Query<Pairs>) -> Result<Response, EdgeError> {
    let asked = AskedFigure::read(&file, &[LENS_FIGURE], &|name| first(&pairs, name))?;
    let (question, view) = read(&pairs)?;
    let (library, desk) = (state.library().clone(), state.backend.lens_desk.clone());
    made(&state, move || {
        let readings = kept(&library, &desk, &question)?;
        asked.file(|width| lens_svg(readings, &view, width).map_err(AppError::Invalid))
    })
    .await
}

/// `GET /lens/tables/lens.{csv,json,tex}`, as [`figure`].
pub async fn table(State(state): State<AppState>, Path(file): Path<String>, Query(pairs): Query<Pairs>) -> Result<Response, EdgeError> {
    let asked = AskedTable::read(&file, &[LENS_TABLE])?;
    let (question, view) = read(&pairs)?;
    let (library, desk) = (state.library().clone(), state.backend.lens_desk.clone());
    made(&state, move || asked.file(lens_data(kept(&library, &desk, &question)?, &view).map_err(AppError::Invalid)?)).await
}

fn first(pairs: &Pairs, name: &str) -> Option<String> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
}

/// What was asked, and what of the answer is shown.
fn read(pairs: &Pairs) -> Result<(LensQuestion, LensView), AppError> {
    let form = LensForm::of(|name| pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect());
    let (view, mut errors) = LensView::read(|name| first(pairs, name));
    let question = match form.question() {
        Some(Ok(question)) => Some(question),
        Some(Err(wrong)) => {
            errors.0.extend(wrong.0);
            None
        }
        None => None,
    };
    let view = errors.into_result(view).map_err(AppError::Invalid)?;
    Ok((question.ok_or_else(not_there)?, view))
}

/// Blocks.
fn kept(library: &Library, desk: &LensDesk, question: &LensQuestion) -> Result<Vec<LensReading>, AppError> {
    let study = study_of(library, &question.study)?;
    desk.kept(&study, question)?.filter(|readings| !readings.is_empty()).ok_or_else(not_there)
}

fn not_there() -> AppError {
    AppError::NotFound(
        "There is no such answer of the lens, or not any more. Ask the question on the page of the lens first, or at /api/v1/lens.".into(),
    )
}
