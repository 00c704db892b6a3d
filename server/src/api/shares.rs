//! Share links, as their owner makes, lists and revokes them. What is behind a link needs its token and no other: `/s/{token}`.

use super::{
    Operation,
    input::{InBody, InPath, InQuery},
    output::{Created, Done},
};
use crate::{error::internal, problem::Problem, state::AppState};
use axum::{Json, extract::State, http::StatusCode};
use rankscope_app::backend::Backend;
use rankscope_domain::share::{ShareEntry, ShareRequest, USUAL_EXPIRY};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("list_shares", "/api/v1/shares", "Share links, the newest first", list),
        Operation::post("share_study", "/api/v1/shares", "Freeze a study and make a link to the copy", share),
        Operation::get("get_share", "/api/v1/shares/{id}", "One link, and how often it was opened", show),
        Operation::delete("revoke_share", "/api/v1/shares/{id}", "End a link at once", revoke),
        Operation::delete("revoke_shares", "/api/v1/studies/{id}/shares", "End every link of a study", revoke_all),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct SharePath {
    /// As in the list.
    id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct StudyPath {
    /// A study’s id, or `example`.
    #[schemars(example = &"example")]
    id: String,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ShareQuery {
    /// Links of this study alone.
    study: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Shares {
    shares: Vec<ShareEntry>,
}

/// What is to be shared, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewShare {
    /// A study’s id, or `example`.
    study: String,
    /// For the owner’s list; leaves in no share.
    #[serde(default)]
    label: String,
    /// `30d`, a day such as `2027-01-31`, to its end in UTC, or `never`.
    #[serde(default = "usual_expiry")]
    expires: String,
    /// For blind review.
    #[serde(default)]
    anonymous: bool,
    #[serde(default)]
    completions: bool,
    /// Whoever has the link may label completions. They are then shown one by one at the desk, blind, and nowhere else, whatever
    /// `completions` says.
    #[serde(default)]
    annotate: bool,
}

fn usual_expiry() -> String {
    USUAL_EXPIRY.into()
}

/// A link that was just made.
#[derive(Debug, Serialize, JsonSchema)]
struct NewLink {
    /// `/s/` and the link’s token, at this server’s address. It is told this once.
    path: String,
    #[serde(flatten)]
    share: ShareEntry,
}

async fn list(State(state): State<AppState>, InQuery(ShareQuery { study }): InQuery<ShareQuery>) -> Result<Json<Shares>, Problem> {
    Ok(Json(Shares { shares: state.backend.shares(&study.unwrap_or_default()).await? }))
}

async fn show(State(state): State<AppState>, InPath(SharePath { id }): InPath<SharePath>) -> Result<Json<ShareEntry>, Problem> {
    let found = state.backend.shares("").await?.into_iter().find(|share| share.id == id);
    let none = || Problem::new(StatusCode::NOT_FOUND, "There is no such link. /api/v1/shares lists those there are.");
    found.map(Json).ok_or_else(none)
}

async fn share(State(state): State<AppState>, InBody(new): InBody<NewShare>) -> Result<Created<NewLink>, Problem> {
    let NewShare { study, label, expires, anonymous, completions, annotate } = new;
    let request = ShareRequest { label, expires, anonymous, completions, annotate };
    let id = state.backend.share_study(&study, request).await?;
    let path = state.backend.take_share_path(&id).await?;
    let share = state.backend.shares("").await?.into_iter().find(|share| share.id == id);
    let (Some(path), Some(share)) = (path, share) else {
        return Err(internal("a link that was made is gone", &id).into());
    };
    Ok(Created { location: format!("/api/v1/shares/{id}"), is_new: true, value: NewLink { path, share } })
}

async fn revoke(State(state): State<AppState>, InPath(SharePath { id }): InPath<SharePath>) -> Result<Done, Problem> {
    Ok(state.backend.revoke_share(&id).await.map(|()| Done)?)
}

async fn revoke_all(State(state): State<AppState>, InPath(StudyPath { id }): InPath<StudyPath>) -> Result<Done, Problem> {
    // a deleted study may have links still
    if state.backend.shares(&id).await?.is_empty() {
        state.backend.row(&id).await?;
    }
    Ok(state.backend.revoke_shares(&id).await.map(|()| Done)?)
}
