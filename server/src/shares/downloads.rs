//! Files below `/s/{token}`: the snapshot, and what its pages offer to take away. All of it is read from the frozen copy.

use crate::{
    comparison_files::{Part, list, picture},
    downloads::{Make, headers},
    error::{EdgeError, internal},
    export::{ExportedFile, Shown, figure_file, table_file},
    shares::{Shares, gate::OpenShare, snapshot_file::SnapshotProblem},
    state::AppState,
    turnstile::Admission,
};
use axum::{
    Extension,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderValue, header::CONTENT_LENGTH},
    response::IntoResponse,
};
use futures::{Stream, stream};
use rankscope_app::error::AppError;
use rankscope_domain::{
    comparison::Comparison,
    comparison_query::{ComparisonQuery, ComparisonView},
    snapshot::{SharedComparison, SharedStudy, Snapshot},
};
use rankscope_study::shared_comparison;
use std::{io, sync::Arc};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of a file that are in memory at a time.
const PIECE: usize = 64 << 10;

/// `GET /s/{token}/snapshot.json`, to the letter: its SHA-256 is the content hash.
pub async fn snapshot(
    State(state): State<AppState>,
    Extension(OpenShare(share)): Extension<OpenShare>,
) -> Result<impl IntoResponse, EdgeError> {
    let admission = state.backend.shares.sending().await?;
    let (file, length) = state.backend.shares.reading(move |shares| shares.open(&share).map_err(damaged)).await?;
    let body = Body::from_stream(pieces_of(tokio::fs::File::from_std(file), admission));
    Ok(([(CONTENT_LENGTH, HeaderValue::from(length))], headers("application/json", "snapshot.json"), body))
}

/// `GET /s/{token}/recipe.toml`
pub async fn recipe(State(state): State<AppState>, Extension(share): Extension<OpenShare>) -> Result<impl IntoResponse, EdgeError> {
    let text = of_study(&state, share, |study| Ok(study.recipe_toml.clone())).await?;
    Ok((headers("application/toml; charset=utf-8", "recipe.toml"), text))
}

/// `GET /s/{token}/results.json`
pub async fn results(State(state): State<AppState>, Extension(share): Extension<OpenShare>) -> Result<impl IntoResponse, EdgeError> {
    let admission = state.backend.shares.sending().await?;
    let text = of_study(&state, share, |study| {
        let mut text = serde_json::to_string_pretty(&study.results).map_err(|error| internal("writing shared results", &error))?;
        text.push('\n');
        Ok(text)
    })
    .await?;
    Ok((headers("application/json", "results.json"), Body::from_stream(pieces_of(io::Cursor::new(text), admission))))
}

/// What is read, a piece at a time. `admission` is held until the last is taken, or whoever takes them is gone.
fn pieces_of(source: impl AsyncRead + Unpin + Send + 'static, admission: Admission) -> impl Stream<Item = io::Result<Vec<u8>>> + Send {
    stream::try_unfold((source, admission), |(mut source, admission)| async move {
        let mut piece = vec![0; PIECE];
        let read = source.read(&mut piece).await?;
        piece.truncate(read);
        Ok((read > 0).then_some((piece, (source, admission))))
    })
}

/// `GET /s/{token}/figures/{NAME}.{svg,png,pdf}`; the query says what of it, as on its page, and how wide.
pub async fn figure(
    State(state): State<AppState>,
    Extension(share): Extension<OpenShare>,
    Path((_, file)): Path<(String, String)>,
    Query(pairs): Query<Pairs>,
) -> Result<impl IntoResponse, EdgeError> {
    exported(&state, share, file, pairs, (figure_file, picture)).await
}

/// `GET /s/{token}/tables/{NAME}.{csv,json,tex}`; the query says what of it, as on its page.
pub async fn table(
    State(state): State<AppState>,
    Extension(share): Extension<OpenShare>,
    Path((_, file)): Path<(String, String)>,
    Query(pairs): Query<Pairs>,
) -> Result<impl IntoResponse, EdgeError> {
    exported(&state, share, file, pairs, (table_file, list)).await
}

type Pairs = Vec<(String, String)>;
/// Makes a file of a study, and one of a comparison.
type Makers = (Make, fn(&str, &[(String, String)], Part<'_>) -> Result<ExportedFile, AppError>);

async fn exported(
    state: &AppState,
    share: OpenShare,
    file: String,
    pairs: Pairs,
    (of_study, of_comparison): Makers,
) -> Result<impl IntoResponse + use<>, EdgeError> {
    let admission = state.backend.shares.drawing().await?;
    let made = of_copy(state, share, move |snapshot| {
        let _admission = admission;
        if let Some(comparison) = snapshot.comparison() {
            return of_comparison(&file, &pairs, &|view, query| part_of(comparison, view, query));
        }
        let study = snapshot.study().ok_or_else(no_study)?;
        let get = |name: &str| pairs.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        of_study(&file, Shown { results: &study.results, readings: &study.lens }, &get)
    })
    .await?;
    Ok((headers(made.media_type, &made.name), made.bytes))
}

/// A file is whole or refused: what is not in the copy is an error here.
fn part_of(comparison: &SharedComparison, view: ComparisonView, mut query: ComparisonQuery) -> Result<Comparison, AppError> {
    query.view = Some(view);
    let part = shared_comparison(comparison, &query);
    part.problems.clone().into_result(part).map_err(AppError::Invalid)
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
    Ok(state.backend.shares.reading(read_copy).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turnstile::Turnstile;
    use futures::StreamExt;

    #[tokio::test]
    async fn a_place_is_held_until_the_last_piece_is_taken() {
        let one = Turnstile::new(1, 0, "Try again.");
        let text = vec![b'x'; 2 * PIECE + 1];
        let mut pieces = Box::pin(pieces_of(io::Cursor::new(text.clone()), one.enter().await.unwrap()));
        let mut sent = pieces.next().await.unwrap().unwrap();
        assert_eq!(sent.len(), PIECE, "no more is in memory at a time");
        assert!(one.enter().await.is_err(), "its reader is slow");
        while let Some(piece) = pieces.next().await {
            sent.extend(piece.unwrap());
        }
        assert!(sent == text);
        drop(one.enter().await.unwrap());
        let pieces = pieces_of(io::Cursor::new(text), one.enter().await.unwrap());
        drop(pieces);
        assert!(one.enter().await.is_ok(), "its reader has gone");
    }
}
