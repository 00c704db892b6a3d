//! `POST /studies/{id}`: the form of the tab "Judge and labels" as a browser sends it by itself, with labels that were made elsewhere.
//! Refused, it is answered with the same page, where they stand as they were typed: no address could hold them.

use crate::{error::EdgeError, page, state::AppState};
use axum::{
    extract::{Form, FromRequest, Path, Request, State},
    http::{StatusCode, header::ACCEPT},
    response::{IntoResponse, Redirect, Response},
};
use rankscope_app::{backend::Backend, error::AppError, visitor::RefusedLabels};
use rankscope_domain::annotation::Annotator;

/// What the form sends. A field that is not there is an empty one.
#[derive(serde::Deserialize)]
struct LabelsForm {
    #[serde(default)]
    round: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    csv: String,
}

/// Takes the labels in and leads to what they say.
pub async fn import(State(state): State<AppState>, Path(id): Path<String>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let LabelsForm { round, name, csv } = match Form::<LabelsForm>::from_request(Request::from_parts(parts.clone(), body), &()).await {
        Ok(Form(form)) => form,
        // what is wrong with the address is said first
        Err(rejection) => {
            return state.backend.row(&id).await.map_or_else(|error| EdgeError(error).into_response(), |_| rejection.into_response());
        }
    };
    let error = match take_in(&state, &id, &round, &name, &csv).await {
        Ok(()) => return Redirect::to(&format!("/studies/{id}?tab=judge&round={round}")).into_response(),
        Err(error) => error,
    };
    // a program that sends the form reads text
    let takes_pages = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    if !takes_pages {
        return EdgeError(error).into_response();
    }
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    parts.extensions.insert(RefusedLabels { name, csv, error });
    // the address that the form was sent to is that of the page
    let address = parts.uri.clone();
    page::render(&state, parts, address, status).await
}

async fn take_in(state: &AppState, id: &str, round: &str, name: &str, csv: &str) -> Result<(), AppError> {
    let annotator = Annotator::of_owner(name);
    // who made them elsewhere has read them
    state.backend.consent_to_label(id, round, &annotator).await?;
    state.backend.import_labels(id, round, &annotator, csv).await.map(drop)
}
