//! Models, and those on their way.

use super::{
    Operation,
    input::{InBody, InPath},
    output::{Accepted, Done},
};
use crate::{problem::Problem, state::AppState};
use axum::{Json, extract::State};
use rankscope_app::backend::Backend;
use rankscope_domain::model::{ModelEntry, ModelJob};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("list_models", "/api/v1/models", "Every model, the default one first", list),
        Operation::post("add_model", "/api/v1/models", "Fetch a model of the hub, or take one up by its path", add),
        Operation::get("get_model", "/api/v1/models/{*name}", "One model: its size, its SHA-256, what training it takes", show),
        Operation::delete("remove_model", "/api/v1/models/{*name}", "Remove a model that was added", remove),
        Operation::get("list_model_jobs", "/api/v1/model-jobs", "Models on their way, and those that did not arrive", jobs),
        Operation::delete("cancel_model_job", "/api/v1/model-jobs/{id}", "Stop a download, or put away one that has ended", cancel),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ModelPath {
    /// As in the list; slashes may stand in it.
    #[schemars(example = &"default")]
    name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct JobPath {
    /// As in the list of jobs.
    id: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Models {
    models: Vec<ModelEntry>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Jobs {
    jobs: Vec<ModelJob>,
}

/// A model to add.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewModel {
    /// `ORG/NAME` or `ORG/NAME@REVISION` of the hub, or a path on the server’s machine.
    source: String,
}

async fn list(State(state): State<AppState>) -> Result<Json<Models>, Problem> {
    Ok(Json(Models { models: state.backend.model_entries().await? }))
}

async fn show(State(state): State<AppState>, InPath(ModelPath { name }): InPath<ModelPath>) -> Result<Json<ModelEntry>, Problem> {
    Ok(Json(state.backend.model(&name).await?))
}

async fn add(State(state): State<AppState>, InBody(NewModel { source }): InBody<NewModel>) -> Result<Accepted<Jobs>, Problem> {
    state.backend.add_model(&source).await?;
    Ok(Accepted(Jobs { jobs: state.backend.model_jobs().await? }))
}

async fn remove(State(state): State<AppState>, InPath(ModelPath { name }): InPath<ModelPath>) -> Result<Done, Problem> {
    Ok(state.backend.remove_model(&name).await.map(|()| Done)?)
}

async fn jobs(State(state): State<AppState>) -> Result<Json<Jobs>, Problem> {
    Ok(Json(Jobs { jobs: state.backend.model_jobs().await? }))
}

async fn cancel(State(state): State<AppState>, InPath(JobPath { id }): InPath<JobPath>) -> Result<Done, Problem> {
    Ok(state.backend.cancel_model_job(id).await.map(|()| Done)?)
}
