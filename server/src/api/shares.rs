//! Share links, as their owner makes, lists and revokes them. What is behind a link needs its token and no other: `/s/{token}`.

use super::{
    Operation,
    input::{InBody, InPath, InQuery},
    output::{Created, Done},
};
use crate::{error::internal, problem::Problem, state::AppState};
use axum::{Json, extract::State, http::StatusCode};
use rankscope_app::{backend::Backend, error::AppError};
use rankscope_domain::{
    FieldErrors,
    comparison_query::ComparisonQuery,
    share::{ShareEntry, ShareRequest, USUAL_EXPIRY},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("list_shares", "/api/v1/shares", "Share links, the newest first", list),
        Operation::post("share_study", "/api/v1/shares", "Freeze a study or a comparison and make a link to the copy", share),
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
    /// A study’s id, or `example`. Either this or `compare`.
    #[serde(default)]
    study: Option<String>,
    /// Studies or arms side by side. Either this or `study`.
    #[serde(default)]
    compare: Option<Compared>,
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
    /// Whoever has the link may label completions; of a study alone. They are then shown one by one at the desk, blind, and nowhere else,
    /// whatever `completions` says.
    #[serde(default)]
    annotate: bool,
}

/// What stands in the address of `/compare`: every view of it is in the copy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Compared {
    /// Ids of one to six studies; they are called `A`, `B`, … in this order.
    #[schemars(example = &["example"])]
    studies: Vec<String>,
    /// The arms that are shown: `A:lora-r8` of the first study, `full` of every one. Of a study that none names, all.
    #[serde(default)]
    arms: Vec<String>,
    /// The arm that all others are contrasted with, as in `A:full`; absent: the same arm of the first study.
    #[serde(default)]
    against: Option<String>,
}

impl Compared {
    fn query(self) -> Result<ComparisonQuery, FieldErrors> {
        let Self { studies, arms, against } = self;
        let lists = [("studies", studies), ("arms", arms), ("against", against.into_iter().collect())];
        let pairs: Vec<(String, String)> =
            lists.into_iter().flat_map(|(name, list)| list.into_iter().map(move |value| (name.to_string(), value))).collect();
        let (query, errors) = ComparisonQuery::read(&pairs);
        errors.into_result(query)
    }
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
    let NewShare { study, compare, label, expires, anonymous, completions, annotate } = new;
    let request = ShareRequest { label, expires, anonymous, completions, annotate };
    let id = match (study, compare) {
        (Some(study), None) => state.backend.share_study(&study, request).await?,
        (None, Some(compared)) => state.backend.share_comparison(&compared.query().map_err(AppError::Invalid)?, request).await?,
        (None, None) => return Err(refused("study", "Name a study by its id, or the studies of a comparison in `compare`.").into()),
        (Some(_), Some(_)) => {
            return Err(refused("compare", "A link shows a study or a comparison: leave `study` or `compare` out.").into());
        }
    };
    let path = state.backend.take_share_path(&id).await?;
    let share = state.backend.shares("").await?.into_iter().find(|share| share.id == id);
    let (Some(path), Some(share)) = (path, share) else {
        return Err(internal("a link that was made is gone", &id).into());
    };
    Ok(Created { location: format!("/api/v1/shares/{id}"), is_new: true, value: NewLink { path, share } })
}

fn refused(field: &str, remedy: &str) -> AppError {
    AppError::Invalid(FieldErrors::one(field, "", remedy))
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
