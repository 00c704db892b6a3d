//! The server itself, and what one can begin with.

use super::{Operation, document::document};
use crate::{health, health::Health, problem::Problem, state::AppState};
use axum::{Json, extract::State};
use rankscope_domain::{
    Recipe,
    preset::{self, presets},
};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::LazyLock;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("get_openapi", "/api/v1/openapi.json", "This document", openapi),
        Operation::get("get_version", "/api/v1/version", "Which program this is, and what it computes on", version),
        Operation::get("get_health", "/api/v1/health", "Whether the database and the default model are there", state_of_health),
        Operation::get("list_presets", "/api/v1/presets", "Recipes to start from", list_presets),
    ]
}

/// A preset of the form: change its recipe, or start it as it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Preset {
    id: String,
    title: String,
    /// What tells it from others of the same title: the model. Empty: nothing.
    variant: String,
    description: String,
    recipe: Recipe,
}

impl From<preset::Preset> for Preset {
    fn from(preset: preset::Preset) -> Self {
        let preset::Preset { id, title, variant, description, recipe } = preset;
        Self { id: id.into(), title: title.into(), variant: variant.into(), description: description.into(), recipe }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Presets {
    presets: Vec<Preset>,
}

/// The program.
#[derive(Debug, Serialize, JsonSchema)]
struct Version {
    /// Always `rankscope`.
    name: String,
    version: String,
    /// What models compute on: `cpu`, `cuda:0`.
    device: String,
    /// Bytes that an uploaded set of texts may have.
    dataset_upload_limit_bytes: u64,
}

/// Made once: it is the same for all.
async fn openapi() -> Json<serde_json::Value> {
    static DOCUMENT: LazyLock<serde_json::Value> = LazyLock::new(|| serde_json::to_value(document()).unwrap_or_default());
    Json(DOCUMENT.clone())
}

async fn version(State(state): State<AppState>) -> Json<Version> {
    let backend = &state.backend;
    Json(Version {
        name: "rankscope".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        device: backend.environment.processor.to_string(),
        dataset_upload_limit_bytes: backend.dataset_upload_limit,
    })
}

async fn state_of_health(State(state): State<AppState>) -> Json<Health> {
    Json(health::look(&state).await)
}

async fn list_presets() -> Result<Json<Presets>, Problem> {
    Ok(Json(Presets { presets: presets().into_iter().map(Preset::from).collect() }))
}
