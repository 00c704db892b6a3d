//! Studies: list, look, start, stop, remove, and everything that is in one; and recipes before they are started.

use super::{
    Operation,
    input::{Header, InHeader, InPath, InQuery, RecipeBody},
    output::{Created, Done, EventStream, Made, RecipeFile, ResultsFile},
};
use crate::{
    backend::Started,
    downloads,
    error::{from_study, internal, no_such_study},
    event_stream::{self, After},
    problem::Problem,
    state::AppState,
    study_id::StudyId,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue},
};
use rankscope_app::{backend::Backend, error::AppError};
use rankscope_domain::{
    FieldErrors, Recipe,
    estimate::Estimate,
    inspection::LensReading,
    provenance::Provenance,
    view::{CompletionPage, CompletionQuery, ExamplePage, ExampleQuery, Progress, StudyCard, StudyOverview},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path as FilePath;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("list_studies", "/api/v1/studies", "All studies, the newest first and the example last", list),
        Operation::post("start_study", "/api/v1/studies", "Queue a study; a recipe as JSON or TOML", start),
        Operation::get("get_study", "/api/v1/studies/{id}", "Where a study is, its recipe and what made it", show),
        Operation::delete("delete_study", "/api/v1/studies/{id}", "Remove a study that is not active, with all its files", delete),
        Operation::post("cancel_study", "/api/v1/studies/{id}/cancel", "Stop a study; what is finished stays", cancel),
        Operation::post("resume_study", "/api/v1/studies/{id}/resume", "Queue a cancelled or failed study again", resume),
        Operation::get("follow_study", "/api/v1/studies/{id}/events", "A study’s events, as they happen", events),
        Operation::get("get_results", "/api/v1/studies/{id}/results", "Everything that a figure or a table shows", results),
        Operation::get("get_recipe", "/api/v1/studies/{id}/recipe", "The frozen recipe, as JSON", recipe),
        Operation::get("get_recipe_file", "/api/v1/studies/{id}/recipe.toml", "The frozen recipe, as TOML", recipe_file),
        Operation::get(
            "get_completions",
            "/api/v1/studies/{id}/completions",
            "Completions and what the judge said, a page of prompts at a time",
            completions,
        ),
        Operation::get(
            "get_examples",
            "/api/v1/studies/{id}/examples",
            "Test examples and what each arm took them for, a page at a time",
            examples,
        ),
        Operation::get("get_lens", "/api/v1/studies/{id}/lens", "What the logit lens read", lens),
        Operation::post("validate_recipe", "/api/v1/recipes/validate", "Everything that is wrong with a recipe", validate)
            .changes_nothing(),
        Operation::post("estimate_recipe", "/api/v1/recipes/estimate", "What a recipe takes on this machine: time, memory, disk", estimate)
            .changes_nothing(),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct StudyPath {
    /// A study’s id, or `example`.
    #[schemars(example = &"example")]
    pub id: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Studies {
    studies: Vec<StudyCard>,
}

/// One study, without its results.
#[derive(Debug, Serialize, JsonSchema)]
struct StudyDetail {
    #[serde(flatten)]
    card: StudyCard,
    /// Why it failed or what to know about it; empty otherwise.
    message: String,
    /// Whether `/results` has something.
    has_results: bool,
    /// The state of its stages, with every loss so far.
    stages: Progress,
    /// What made it, once it has begun.
    provenance: Option<Provenance>,
    /// The study’s directory on the server’s machine.
    directory: String,
}

impl From<StudyOverview> for StudyDetail {
    fn from(overview: StudyOverview) -> Self {
        let StudyOverview { card, provenance, results, progress, message, directory, .. } = overview;
        Self { card, message, has_results: results.is_some(), stages: progress, provenance, directory }
    }
}

async fn list(State(state): State<AppState>) -> Result<Json<Studies>, Problem> {
    Ok(Json(Studies { studies: state.backend.studies().await? }))
}

async fn show(State(state): State<AppState>, InPath(StudyPath { id }): InPath<StudyPath>) -> Result<Json<StudyDetail>, Problem> {
    Ok(Json(state.backend.study(&id).await?.into()))
}

/// `Idempotency-Key`: equal requests with the same key start one study.
#[derive(Debug, Default, JsonSchema)]
struct IdempotencyKey {
    /// A name of the request’s own, of 1 to 64 letters, digits, - or _. Sent again, it is answered with the same study.
    #[serde(rename = "Idempotency-Key")]
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]{1,64}$"))]
    #[serde(default)]
    key: String,
}

impl Header for IdempotencyKey {
    const NAME: &'static str = "Idempotency-Key";

    fn read(value: Option<&str>) -> Result<Self, FieldErrors> {
        match value {
            Some("") => Err(FieldErrors::one(Self::NAME, "", "Write 1 to 64 letters, digits, - or _, or leave the header out.")),
            value => Ok(Self { key: value.unwrap_or_default().into() }),
        }
    }
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct StartQuery {
    /// The same as the header `Idempotency-Key`, for programs that can’t set one.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]{1,64}$"))]
    request_id: Option<String>,
}

async fn start(
    State(state): State<AppState>,
    InHeader(IdempotencyKey { key }): InHeader<IdempotencyKey>,
    InQuery(StartQuery { request_id }): InQuery<StartQuery>,
    RecipeBody(recipe): RecipeBody,
) -> Result<Created<StudyCard>, Problem> {
    let mut recipe = recipe.map_err(Problem::of_fields)?;
    rankscope_study::resolve_paths(&mut recipe, FilePath::new(""));
    let request_id = match (key.is_empty(), request_id) {
        (false, Some(other)) if other != key => {
            return Err(Problem::of_fields(FieldErrors::one("request_id", other, "Give this or the header Idempotency-Key, not both.")));
        }
        (false, _) => key.clone(),
        (true, Some(request_id)) => request_id,
        (true, None) => StudyId::generate().to_string(),
    };
    let started = state.backend.start_study(recipe.clone(), request_id.clone()).await;
    let Started { id, is_new } = started.map_err(|error| Problem::from(if key.is_empty() { error } else { of_the_header(error) }))?;
    let id = id.to_string();
    if !is_new && frozen_recipe(&state, &id).await? != recipe {
        let field = if key.is_empty() { "request_id" } else { IdempotencyKey::NAME };
        let remedy = format!("Study {id} was started by this, from another recipe. Take a fresh one for each study.");
        return Err(Problem::of_fields(FieldErrors::one(field, request_id, remedy)));
    }
    Ok(Created { location: format!("/api/v1/studies/{id}"), is_new, value: state.backend.study(&id).await?.card })
}

/// The start names what the form sends.
fn of_the_header(error: AppError) -> AppError {
    match error {
        AppError::Invalid(mut errors) => {
            for error in errors.0.iter_mut().filter(|error| error.field == "request_id") {
                error.field = IdempotencyKey::NAME.into();
            }
            AppError::Invalid(errors)
        }
        other => other,
    }
}

async fn cancel(State(state): State<AppState>, InPath(StudyPath { id }): InPath<StudyPath>) -> Result<Done, Problem> {
    Ok(state.backend.cancel(&id).await.map(|()| Done)?)
}

async fn resume(State(state): State<AppState>, InPath(StudyPath { id }): InPath<StudyPath>) -> Result<Done, Problem> {
    Ok(state.backend.resume(&id).await.map(|()| Done)?)
}

async fn delete(State(state): State<AppState>, InPath(StudyPath { id }): InPath<StudyPath>) -> Result<Done, Problem> {
    Ok(state.backend.delete(&id).await.map(|()| Done)?)
}

/// `Last-Event-ID`, as browsers and libraries send it by themselves.
#[derive(Debug, Default, JsonSchema)]
struct LastEventId {
    /// Only events above it.
    #[serde(rename = "Last-Event-ID")]
    #[serde(default)]
    id: u64,
}

impl Header for LastEventId {
    const NAME: &'static str = "Last-Event-ID";

    /// What is no number is the beginning, as for a page.
    fn read(value: Option<&str>) -> Result<Self, FieldErrors> {
        Ok(Self { id: value.and_then(|text| text.trim().parse().ok()).unwrap_or(0) })
    }
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct AfterQuery {
    /// Only events above this id; `Last-Event-ID` is stronger.
    after: Option<u64>,
}

async fn events(
    State(state): State<AppState>,
    InPath(StudyPath { id }): InPath<StudyPath>,
    InHeader(LastEventId { id: last }): InHeader<LastEventId>,
    InQuery(AfterQuery { after }): InQuery<AfterQuery>,
) -> Result<Made<EventStream>, Problem> {
    let mut headers = HeaderMap::new();
    if last > 0 {
        headers.insert("last-event-id", HeaderValue::from(last));
    }
    Ok(Made::new(event_stream::stream(State(state), Path(id), Query(After { after }), headers).await?))
}

async fn results(State(state): State<AppState>, InPath(StudyPath { id }): InPath<StudyPath>) -> Result<Made<ResultsFile>, Problem> {
    Ok(Made::new(downloads::results(State(state), Path(id)).await?))
}

async fn recipe(State(state): State<AppState>, InPath(StudyPath { id }): InPath<StudyPath>) -> Result<Json<Recipe>, Problem> {
    Ok(Json(frozen_recipe(&state, &id).await?))
}

async fn recipe_file(State(state): State<AppState>, InPath(StudyPath { id }): InPath<StudyPath>) -> Result<Made<RecipeFile>, Problem> {
    Ok(Made::new(downloads::recipe(State(state), Path(id)).await?))
}

async fn frozen_recipe(state: &AppState, id: &str) -> Result<Recipe, AppError> {
    let row = state.backend.row(id).await?;
    let library = state.library().clone();
    let read = tokio::task::spawn_blocking(move || {
        let study = library.study(&row.id).ok_or_else(no_such_study)?;
        study.recipe().map_err(|error| from_study("reading a recipe", error))
    });
    read.await.map_err(|error| internal("reading a recipe panicked", &error))?
}

async fn completions(
    State(state): State<AppState>,
    InPath(StudyPath { id }): InPath<StudyPath>,
    InQuery(query): InQuery<CompletionQuery>,
) -> Result<Json<CompletionPage>, Problem> {
    Ok(Json(state.backend.completions(&id, query).await?))
}

async fn examples(
    State(state): State<AppState>,
    InPath(StudyPath { id }): InPath<StudyPath>,
    InQuery(query): InQuery<ExampleQuery>,
) -> Result<Json<ExamplePage>, Problem> {
    Ok(Json(state.backend.examples(&id, query).await?))
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct LensQuery {
    /// Of this prompt alone, from 0 in the order of `prompts`.
    prompt: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Lens {
    /// Every prompt that was looked at.
    prompts: Vec<String>,
    readings: Vec<LensReading>,
}

async fn lens(
    State(state): State<AppState>,
    InPath(StudyPath { id }): InPath<StudyPath>,
    InQuery(LensQuery { prompt }): InQuery<LensQuery>,
) -> Result<Json<Lens>, Problem> {
    let mut readings = state.backend.lens(&id).await?;
    let mut prompts: Vec<String> = Vec::new();
    for reading in &readings {
        if !prompts.contains(&reading.prompt) {
            prompts.push(reading.prompt.clone());
        }
    }
    if let Some(number) = prompt {
        let Some(prompt) = prompts.get(number as usize) else {
            let remedy = format!("The study’s lens looked at {} prompts; they count from 0.", prompts.len());
            return Err(Problem::of_fields(FieldErrors::one("prompt", number, remedy)));
        };
        readings.retain(|reading| reading.prompt == *prompt);
    }
    Ok(Json(Lens { prompts, readings }))
}

/// What `validate` says.
#[derive(Debug, Serialize, JsonSchema)]
struct Checked {
    valid: bool,
    /// Every wrong field; empty where it is valid.
    errors: FieldErrors,
}

async fn validate(State(state): State<AppState>, RecipeBody(recipe): RecipeBody) -> Result<Json<Checked>, Problem> {
    let checked = match recipe {
        Ok(recipe) => match state.backend.validate(recipe).await {
            Err(AppError::Invalid(errors)) => Err(errors),
            other => Ok(other?),
        },
        Err(errors) => Err(errors),
    };
    let errors = checked.err().unwrap_or_default();
    Ok(Json(Checked { valid: errors.0.is_empty(), errors }))
}

async fn estimate(State(state): State<AppState>, RecipeBody(recipe): RecipeBody) -> Result<Json<Estimate>, Problem> {
    let recipe = recipe.map_err(Problem::of_fields)?;
    recipe.validate().map_err(Problem::of_fields)?;
    Ok(Json(state.backend.estimate(recipe).await?))
}
