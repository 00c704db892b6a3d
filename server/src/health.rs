//! For those who start and watch the server. Public, so they tell nothing of what is in it.

use crate::state::AppState;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Json, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

/// `GET /healthz`: the server answers.
pub async fn alive() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// What the server needs and has or has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Health {
    /// `ready` or `not ready`.
    pub status: String,
    pub database: bool,
    pub default_model: bool,
}

pub async fn look(state: &AppState) -> Health {
    let database = state.database().is_there().await;
    let default_model = tokio::fs::metadata(&state.backend.environment.default_model).await.is_ok_and(|metadata| metadata.is_file());
    let status = if database && default_model { "ready" } else { "not ready" };
    Health { status: status.into(), database, default_model }
}

/// `GET /readyz`: 200 if the database answers and the default model is there, else 503; the body says which is not.
pub async fn ready(State(state): State<AppState>) -> Response {
    let health = look(&state).await;
    let status = if health.database && health.default_model { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}
