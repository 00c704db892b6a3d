//! `POST /studies/import`: the archive of a study from the page's form, written as it comes, checked, and taken in or gone again.

use crate::{
    error::{EdgeError, at_upload},
    state::AppState,
};
use axum::{
    body::{Body, Bytes},
    extract::{Multipart, State},
    http::{HeaderMap, header::ACCEPT},
    response::{IntoResponse, Redirect, Response},
};
use futures::{Stream, StreamExt};
use rankscope_app::{error::AppError, refused_import_address};
use rankscope_domain::FieldErrors;
use std::{fmt::Display, path::Path};
use tokio::io::AsyncWriteExt;

/// Of an upload that is refused, so much more is read and dropped, so that a browser gets to see the answer.
const DRAIN_LIMIT: u64 = 64 << 20;

/// Leads a browser to the study, or back to the list with what is wrong; a program gets the study's id, or the error as text.
pub async fn upload(State(state): State<AppState>, headers: HeaderMap, form: Multipart) -> Response {
    let wants_html = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    match receive(&state, form).await {
        Ok(id) if wants_html => Redirect::to(&format!("/studies/{id}")).into_response(),
        Ok(id) => axum::Json(serde_json::json!({ "id": id })).into_response(),
        Err(error) if wants_html => Redirect::to(&refused_import_address(&error)).into_response(),
        Err(error) => EdgeError(error).into_response(),
    }
}

/// Takes in the archive of a form and gives the study's id.
pub async fn receive(state: &AppState, mut form: Multipart) -> Result<String, AppError> {
    while let Some(field) = form.next_field().await.map_err(|error| broken_off(&error))? {
        if field.name() != Some("file") {
            continue;
        }
        let name: String = field.file_name().unwrap_or_default().chars().take(200).collect();
        if name.is_empty() {
            return Err(AppError::Invalid(FieldErrors::one("file", "", "Choose a file.")));
        }
        return take_in(state, field, &name).await;
    }
    Err(AppError::Invalid(FieldErrors::one("file", "", "Choose a file.")))
}

/// Takes in an archive that is the whole body and gives the study's id.
pub async fn receive_file(state: &AppState, body: Body) -> Result<String, AppError> {
    take_in(state, body.into_data_stream(), "").await
}

async fn take_in<E: Display>(
    state: &AppState,
    chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    name: &str,
) -> Result<String, AppError> {
    // before gigabytes have come for nothing
    let permit = match state.backend.permit_to_pack() {
        Ok(permit) => permit,
        Err(busy) => {
            drain(chunks).await;
            return Err(busy);
        }
    };
    let folder = state.library().incoming().map_err(at_upload)?;
    let archive = folder.path().join("archive.zip");
    write(chunks, name, &archive, state.backend.study_upload_limit).await?;
    Ok(state.backend.import(permit, archive, folder).await?.to_string())
}

async fn write<E: Display>(
    mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    name: &str,
    path: &Path,
    limit: u64,
) -> Result<(), AppError> {
    let mut file = tokio::fs::File::create(path).await.map_err(at_upload)?;
    let mut bytes = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| broken_off(&error))?;
        bytes += chunk.len() as u64;
        if bytes > limit {
            drain(chunks).await;
            let remedy = format!(
                "The archive has more than {limit} bytes, which is the most that may be uploaded. Take it in with `rankscope import FILE.zip` \
                 instead, or start the server with a larger --study-upload-limit."
            );
            return Err(AppError::Invalid(FieldErrors::one("file", name, remedy)));
        }
        file.write_all(&chunk).await.map_err(at_upload)?;
    }
    file.flush().await.map_err(at_upload)
}

/// What is left, up to a limit.
async fn drain<E>(mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin) {
    let mut left = DRAIN_LIMIT;
    while let Some(Ok(chunk)) = chunks.next().await {
        left = left.saturating_sub(chunk.len() as u64);
        if left == 0 {
            break;
        }
    }
}

fn broken_off(error: &dyn Display) -> AppError {
    tracing::debug!(%error, "an upload could not be read");
    AppError::Invalid(FieldErrors::one("file", "", "The upload broke off, or was no form with a file; send it again."))
}
