//! Files of a study to take away: its recipe, its results, its figures and tables, a report, all of it.

use crate::{
    annotations::{LabelFormat, labels_file},
    error::{EdgeError, from_study, internal, no_such_study},
    export::{self, BundleOptions, ExportedFile, ReportSubject, Shown, figure_file, needs_readings, table_file, write_bundle},
    state::AppState,
};
use axum::{
    body::Body,
    extract::{Path, Query, State},
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use rankscope_app::error::AppError;
use rankscope_study::Study;
use std::{
    collections::HashMap,
    io::{self, BufWriter, Write},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// `GET /studies/{id}/recipe.toml`, to the letter as it was frozen.
pub async fn recipe(State(state): State<AppState>, Path(id): Path<String>) -> Result<impl IntoResponse, EdgeError> {
    let text = read(&state, &id, |study| study.recipe_toml().map_err(|error| from_study("reading a recipe", error))).await?;
    Ok((headers("application/toml; charset=utf-8", "recipe.toml"), text))
}

/// `GET /studies/{id}/results.json`, to the letter as the study wrote it.
pub async fn results(State(state): State<AppState>, Path(id): Path<String>) -> Result<impl IntoResponse, EdgeError> {
    let text = read(&state, &id, |study| match std::fs::read(study.directory().join("results.json")) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(no_results()),
        Err(error) => Err(internal("reading results", &error)),
    })
    .await?;
    Ok((headers("application/json", "results.json"), text))
}

/// `GET /studies/{id}/figures/{NAME}.{svg,png,pdf}`; the query says what of it, as on its page, and how wide: `width=column`.
pub async fn figure(
    State(state): State<AppState>,
    Path((id, file)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, EdgeError> {
    exported(&state, &id, file, query, figure_file).await
}

/// `GET /studies/{id}/tables/{NAME}.{csv,json,tex}`; the query says what of it, as on its page.
pub async fn table(
    State(state): State<AppState>,
    Path((id, file)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, EdgeError> {
    exported(&state, &id, file, query, table_file).await
}

/// What makes a file of a figure or a table, by its name and the query of its address.
pub(crate) type Make = fn(&str, Shown<'_>, export::Query<'_>) -> Result<ExportedFile, AppError>;

async fn exported(state: &AppState, id: &str, file: String, query: HashMap<String, String>, make: Make) -> Result<Response, EdgeError> {
    let file = drawn(state, id, move |study| {
        let readings =
            if needs_readings(&file) { study.lens().map_err(|error| from_study("reading the lens", error))? } else { Vec::new() };
        let results = study.results().map_err(|error| from_study("reading results", error))?.ok_or_else(no_results)?;
        make(&file, Shown { results: &results, readings: &readings }, &|name| query.get(name).cloned())
    })
    .await?;
    Ok(response(file))
}

/// A file as an answer.
pub(crate) fn response(ExportedFile { name, media_type, bytes }: ExportedFile) -> Response {
    (headers(media_type, &name), bytes).into_response()
}

/// Makes a file, which takes a processor for a while: a few at a time.
pub(crate) async fn made(
    state: &AppState,
    make: impl FnOnce() -> Result<ExportedFile, AppError> + Send + 'static,
) -> Result<Response, EdgeError> {
    let (permit, span) = (state.backend.permit_to_draw().await?, tracing::Span::current());
    let task = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        span.in_scope(make)
    });
    Ok(response(task.await.map_err(|error| internal("a download panicked", &error))??))
}

/// `GET /studies/{id}/labels.csv`
pub async fn labels_csv(State(state): State<AppState>, Path(id): Path<String>) -> Result<impl IntoResponse, EdgeError> {
    let row = state.backend.row(&id).await?;
    let file = labels_file(&state.backend.annotations, &row.id, LabelFormat::Csv).await?;
    Ok((headers("text/csv; charset=utf-8", "labels.csv"), file))
}

/// `GET /studies/{id}/labels.jsonl`
pub async fn labels_jsonl(State(state): State<AppState>, Path(id): Path<String>) -> Result<impl IntoResponse, EdgeError> {
    let row = state.backend.row(&id).await?;
    let file = labels_file(&state.backend.annotations, &row.id, LabelFormat::Jsonl).await?;
    Ok((headers("application/jsonl; charset=utf-8", "labels.jsonl"), file))
}

/// `GET /studies/{id}/report.html`: the study as one page.
pub async fn report(State(state): State<AppState>, Path(id): Path<String>) -> Result<impl IntoResponse, EdgeError> {
    let html = drawn(&state, &id, report_of).await?;
    Ok((headers("text/html; charset=utf-8", "report.html"), html))
}

/// The report of a study that has results. Blocks.
pub fn report_of(study: &Study) -> Result<String, AppError> {
    let results = study.results().map_err(|error| from_study("reading results", error))?.ok_or_else(no_results)?;
    let readings = study.lens().map_err(|error| from_study("reading the lens", error))?;
    let recipe_toml = study.recipe_toml().map_err(|error| from_study("reading a recipe", error))?;
    let provenance = study.provenance().map_err(|error| from_study("reading a provenance", error))?;
    let shown = Shown { results: &results, readings: &readings };
    export::report(&ReportSubject { shown, recipe_toml: &recipe_toml, provenance: provenance.as_ref() })
}

/// `GET /studies/{id}/export.zip?adapters=1&full=1&labels=1`: the whole study, sent as it is packed. What people said of it, and who they
/// are, goes along only where it is asked for.
pub async fn bundle(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, EdgeError> {
    let wants = |name: &str| query.get(name).is_some_and(|value| value != "0");
    packed(&state, &id, BundleOptions { adapters: wants("adapters"), full_weights: wants("full") }, wants("labels")).await
}

/// The whole study, sent as it is packed.
pub(crate) async fn packed(state: &AppState, id: &str, wanted: BundleOptions, with_labels: bool) -> Result<Response, EdgeError> {
    let row = state.backend.row(id).await?;
    let library = state.library().clone();
    let permit = state.backend.permit_to_pack()?;
    let labels = if with_labels { Some(state.backend.annotations.archived(&row.id).await?) } else { None };
    if let Some(labels) = &labels {
        // said while it still can be
        labels.to_json().map_err(|error| from_study("writing labels", error))?;
    }
    let open = tokio::task::spawn_blocking(move || {
        let study = library.study(&row.id).ok_or_else(no_such_study)?;
        // said while it still can be
        study.results().map_err(|error| from_study("reading results", error))?.ok_or_else(no_results)?;
        Ok::<_, AppError>(study)
    });
    let study = open.await.map_err(|error| internal("an export panicked", &error))??;
    let (sender, receiver) = mpsc::channel(4);
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let mut out = BufWriter::with_capacity(1 << 16, Sending(sender.clone()));
        let written = span.in_scope(|| write_bundle(&study, wanted, labels.as_ref(), &mut out));
        let flushed = out.flush();
        if let Err(error) = written.map_err(|error| error.to_string()).and(flushed.map_err(|error| error.to_string())) {
            // the answer breaks off, so that nobody takes it for whole
            drop(sender.blocking_send(Err(io::Error::other(error))));
        }
    });
    let body = Body::from_stream(ReceiverStream::new(receiver));
    let mut response = (headers("application/zip", &format!("rankscope-{id}.zip")), body).into_response();
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"rankscope-{id}.zip\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// Writes into a response that is on its way. It ends when nobody reads it any more.
struct Sending(mpsc::Sender<io::Result<Vec<u8>>>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.blocking_send(Ok(bytes.to_vec())).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn no_results() -> AppError {
    AppError::NotFound("This study has no results yet. They are there when it is finished.".into())
}

/// As [`read`], for what takes a processor for a while: a few at a time.
pub(crate) async fn drawn<T: Send + 'static>(
    state: &AppState,
    id: &str,
    draw: impl FnOnce(&Study) -> Result<T, AppError> + Send + 'static,
) -> Result<T, EdgeError> {
    let permit = state.backend.permit_to_draw().await?;
    read(state, id, move |study| {
        let _permit = permit;
        draw(study)
    })
    .await
}

async fn read<T: Send + 'static>(
    state: &AppState,
    id: &str,
    read: impl FnOnce(&Study) -> Result<T, AppError> + Send + 'static,
) -> Result<T, EdgeError> {
    let row = state.backend.row(id).await?;
    let library = state.library().clone();
    let task = tokio::task::spawn_blocking(move || read(&library.study(&row.id).ok_or_else(no_such_study)?));
    Ok(task.await.map_err(|error| internal("a download panicked", &error))??)
}

/// Shown by the browser where it can, saved under `name` where the user asks for it.
pub(crate) fn headers(content_type: &'static str, name: &str) -> [(HeaderName, HeaderValue); 4] {
    let disposition = format!("inline; filename=\"{name}\"");
    [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CONTENT_DISPOSITION, HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("inline"))),
        // no proxy keeps what one must log in for
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        // an SVG or a report that is opened by itself may style itself and nothing else
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")),
    ]
}
