//! For those who start and watch the server. Public, so they tell nothing of what is in it.

use crate::state::AppState;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Json, Response},
};
use serde_json::json;

/// `GET /healthz`: the server answers.
pub async fn alive() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: 200 if the database answers and the default model is there, else 503; the body says which is not.
pub async fn ready(State(state): State<AppState>) -> Response {
    let database = state.database().is_there().await;
    let default_model = tokio::fs::metadata(&state.backend.environment.default_model).await.is_ok_and(|metadata| metadata.is_file());
    let (status, word) = if database && default_model { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    (status, Json(json!({ "status": word, "database": database, "default_model": default_model }))).into_response()
}
