//! `POST /datasets/upload`: a file from the page's form, written as it comes, checked row by row, and taken in or gone again.

use crate::{
    datasets,
    error::{EdgeError, at_upload, from_study},
    state::AppState,
};
use axum::{
    extract::{
        Multipart, State,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, header::ACCEPT},
    response::{IntoResponse, Redirect, Response},
};
use rankscope_app::{error::AppError, refused_dataset_address};
use rankscope_domain::FieldErrors;
use rankscope_study::{NewDataset, Upload};
use tokio::io::AsyncWriteExt;

/// Longest text field of the form, bytes.
const FIELD_LIMIT: usize = 16 << 10;
/// Fields that are read after a file that is refused.
const MOST_FIELDS: usize = 8;
/// Of an upload that is refused, so much more is read and dropped, so that a browser gets to see the answer.
const DRAIN_LIMIT: u64 = 64 << 20;

/// Leads a browser to the set's page, or back to the form with what is wrong; a program gets the error as text.
pub async fn upload(State(state): State<AppState>, headers: HeaderMap, form: Multipart) -> Response {
    let wants_html = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    let mut typed = Typed::default();
    match take_in(&state, form, &mut typed).await {
        Ok(name) => Redirect::to(&format!("/datasets/{name}")).into_response(),
        Err(error) if wants_html => Redirect::to(&refused_dataset_address("upload", &typed.pairs(), &error)).into_response(),
        Err(error) => EdgeError(error).into_response(),
    }
}

/// Takes a form in and gives the set's name.
pub async fn receive(state: &AppState, form: Multipart) -> Result<String, AppError> {
    take_in(state, form, &mut Typed::default()).await
}

/// The form's text fields as they were typed.
#[derive(Default)]
struct Typed {
    name: String,
    label_names: String,
    text_column: String,
    label_column: String,
}

impl Typed {
    fn pairs(&self) -> [(&'static str, &str); 4] {
        [("name", &self.name), ("label_names", &self.label_names), ("text_column", &self.text_column), ("label_column", &self.label_column)]
    }
}

/// Notes what was typed also where the file, which comes first, is refused.
async fn take_in(state: &AppState, mut form: Multipart, typed: &mut Typed) -> Result<String, AppError> {
    let mut file: Option<Result<Upload, AppError>> = None;
    let mut left_after_refusal = MOST_FIELDS;
    loop {
        let is_refused = matches!(file, Some(Err(_)));
        let field = match form.next_field().await {
            Ok(Some(field)) if !is_refused || left_after_refusal > 0 => field,
            Err(error) if !is_refused => return Err(broken_off(&error)),
            _ => break,
        };
        left_after_refusal -= usize::from(is_refused);
        let name = field.name().unwrap_or_default().to_string();
        match name.as_str() {
            "file" if !is_refused => file = Some(write(state, field).await),
            "name" => typed.name = text(field).await?,
            "label_names" => typed.label_names = text(field).await?,
            "text_column" => typed.text_column = text(field).await?,
            "label_column" => typed.label_column = text(field).await?,
            _ => {
                let mut field = field;
                drain_field(&mut field).await;
            }
        }
    }
    let upload = file.unwrap_or_else(|| Err(AppError::Invalid(FieldErrors::one("file", "", "Choose a file."))))?;
    let new = NewDataset {
        name: typed.name.clone(),
        label_names: datasets::names_of(&typed.label_names),
        text_column: typed.text_column.clone(),
        label_column: typed.label_column.clone(),
    };
    let entry = state.backend.take_in_dataset(upload, new).await?;
    tracing::info!(name = entry.name, "a set of texts was uploaded");
    Ok(entry.name)
}

/// Writes the file as it comes, up to the limit. Dropped half-way, its folder goes with it.
async fn write(state: &AppState, mut field: Field<'_>) -> Result<Upload, AppError> {
    let file_name = field.file_name().unwrap_or_default().to_string();
    if file_name.is_empty() {
        return Err(AppError::Invalid(FieldErrors::one("file", "", "Choose a file.")));
    }
    let upload = match state.backend.datasets.receive(&file_name) {
        Ok(upload) => upload,
        Err(error) => {
            drain_field(&mut field).await;
            return Err(from_study("receiving a set", error));
        }
    };
    let mut file = tokio::fs::File::create(&upload.path).await.map_err(at_upload)?;
    let limit = state.backend.dataset_upload_limit;
    let mut bytes = 0;
    while let Some(chunk) = field.chunk().await.map_err(|error| broken_off(&error))? {
        bytes += chunk.len() as u64;
        if bytes > limit {
            drain_field(&mut field).await;
            let remedy = format!(
                "The file has more than {limit} bytes, which is the most that may be uploaded. Add it by its path instead, or start the server \
                 with a larger --dataset-upload-limit."
            );
            return Err(AppError::Invalid(FieldErrors::one("file", file_name, remedy)));
        }
        file.write_all(&chunk).await.map_err(at_upload)?;
    }
    file.flush().await.map_err(at_upload)?;
    Ok(upload)
}

async fn text(mut field: Field<'_>) -> Result<String, AppError> {
    let name = field.name().unwrap_or_default().to_string();
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken_off(&error))? {
        if bytes.len() + chunk.len() > FIELD_LIMIT {
            return Err(AppError::Invalid(FieldErrors::one(name, "", format!("At most {FIELD_LIMIT} bytes are read; shorten it."))));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| AppError::Invalid(FieldErrors::one(name, "", "This is not UTF-8; type it again.")))
}

/// What is left of a field, up to a limit.
async fn drain_field(field: &mut Field<'_>) {
    let mut left = DRAIN_LIMIT;
    while let Ok(Some(chunk)) = field.chunk().await {
        left = left.saturating_sub(chunk.len() as u64);
        if left == 0 {
            break;
        }
    }
}

fn broken_off(error: &MultipartError) -> AppError {
    tracing::debug!(%error, "an upload could not be read");
    AppError::Invalid(FieldErrors::one("file", "", "The upload broke off, or was no form with a file; send it again."))
}
