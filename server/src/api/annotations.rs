//! Labels: rounds, the completion to label next, and labels themselves. Whoever has a token labels as one of
//! those at the owner's desk, under a name of their own, and as blind as on the page: what is given out to label is a
//! [`Labelling`](rankscope_domain::annotation::Labelling) and no more.

use super::{
    Operation,
    input::{self, InBody, InPath, InQuery},
    output::{Created, LabelsCsv, LabelsJsonl, Made},
    studies::StudyPath,
};
use crate::{downloads, error::internal, problem::Problem, state::AppState};
use aide::{OperationInput, generate::GenContext, openapi::Operation as Described, operation::set_body};
use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Path, Request, State},
    http::{StatusCode, request::Parts},
};
use rankscope_app::{backend::Backend, error::AppError};
use rankscope_domain::{
    FieldErrors,
    annotation::{Allocation, Annotator, Label, Labelling, RoundPlan, RoundSummary},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const CSV: &str = "text/csv";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("list_rounds", "/api/v1/studies/{id}/rounds", "Rounds of labels, the newest first", list),
        Operation::post("new_round", "/api/v1/studies/{id}/rounds", "Draw a sample of a finished study’s completions to label", draw),
        Operation::get("get_round", "/api/v1/studies/{id}/rounds/{round}", "One round, and how far each annotator is", show),
        Operation::post(
            "begin_labelling",
            "/api/v1/studies/{id}/rounds/{round}/annotators",
            "Begin a round under a name, having agreed to read text that may be harmful",
            begin,
        ),
        Operation::get(
            "get_labelling",
            "/api/v1/studies/{id}/rounds/{round}/labelling",
            "The completion to label next, and nothing of where it comes from",
            labelling,
        ),
        Operation::post("give_label", "/api/v1/studies/{id}/rounds/{round}/labels", "Label a completion; answered with the next one", give),
        Operation::post(
            "undo_label",
            "/api/v1/studies/{id}/rounds/{round}/undo",
            "Take one’s newest label back; answered with its completion",
            undo,
        ),
        Operation::post(
            "import_labels",
            "/api/v1/studies/{id}/rounds/{round}/import",
            "Take in labels that were made elsewhere: CSV with the columns item and label, all rows or none",
            import,
        ),
        Operation::get("get_labels_csv", "/api/v1/studies/{id}/labels.csv", "Every label of a study, with what it was given to", csv),
        Operation::get("get_labels_jsonl", "/api/v1/studies/{id}/labels.jsonl", "The same as lines of JSON", jsonl),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct RoundPath {
    /// A study’s id, or `example`.
    #[schemars(example = &"example")]
    id: String,
    /// As in the list of rounds.
    round: String,
}

/// The id of a study that is there. It is looked up before the rest of the request is read: what is wrong with the address is said first.
pub(super) struct InStudy(pub String);

/// The same with one of its rounds.
struct InRound {
    study: String,
    round: RoundSummary,
}

impl FromRequestParts<AppState> for InStudy {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let InPath(StudyPath { id }) = InPath::from_request_parts(parts, state).await?;
        state.backend.row(&id).await?;
        Ok(Self(id))
    }
}

impl FromRequestParts<AppState> for InRound {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let InPath(RoundPath { id, round }) = InPath::from_request_parts(parts, state).await?;
        let round = find(state, &id, &round).await?.ok_or_else(|| {
            Problem::new(StatusCode::NOT_FOUND, "There is no such round of labels in this study. Its list of rounds has those there are.")
        })?;
        Ok(Self { study: id, round })
    }
}

pub(super) async fn find(state: &AppState, study: &str, round: &str) -> Result<Option<RoundSummary>, AppError> {
    Ok(state.backend.annotation_rounds(study).await?.into_iter().find(|known| known.id == round))
}

impl OperationInput for InStudy {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        InPath::<StudyPath>::operation_input(context, operation);
    }
}

impl OperationInput for InRound {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        InPath::<RoundPath>::operation_input(context, operation);
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Rounds {
    rounds: Vec<RoundSummary>,
}

/// A round to draw.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewRound {
    /// Completions, from 1 to 5000; fewer are drawn where the study has fewer.
    #[schemars(range(min = 1, max = RoundPlan::MOST_ITEMS), example = 200)]
    items: u32,
    /// Over the arms and verdicts.
    #[serde(default)]
    allocation: Allocation,
    /// Of the draw: the same plan is the same sample, under other ids.
    #[serde(default)]
    seed: u64,
}

/// Who labels.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewAnnotator {
    /// 1 to 60 characters; the same again goes on where it was.
    name: String,
    /// That they will read text that may be harmful.
    #[serde(default)]
    agreed: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// As they began.
    name: String,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name"]))]
struct LabellingQuery {
    /// As they began.
    name: String,
    /// In their own order, from 0; absent: the first that they have not labelled.
    place: Option<u32>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name"]))]
struct ImportQuery {
    /// Whose labels they are, of 1 to 60 characters.
    name: String,
}

/// What somebody says of a completion.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewLabel {
    /// As they began.
    name: String,
    /// The completion’s id, as it was given out.
    item: String,
    label: Label,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Imported {
    /// Labels that are new or other than before.
    changed: u32,
}

async fn list(State(state): State<AppState>, InStudy(id): InStudy) -> Result<Json<Rounds>, Problem> {
    Ok(Json(Rounds { rounds: state.backend.annotation_rounds(&id).await? }))
}

async fn draw(
    State(state): State<AppState>,
    InStudy(id): InStudy,
    InBody(NewRound { items, allocation, seed }): InBody<NewRound>,
) -> Result<Created<RoundSummary>, Problem> {
    let round = state.backend.new_round(&id, RoundPlan { items, allocation, seed }).await?;
    let value = find(&state, &id, &round).await?.ok_or_else(|| internal("a round that was drawn is gone", &round))?;
    Ok(Created { location: format!("/api/v1/studies/{id}/rounds/{round}"), is_new: true, value })
}

async fn show(InRound { round, .. }: InRound) -> Result<Json<RoundSummary>, Problem> {
    Ok(Json(round))
}

async fn begin(
    State(state): State<AppState>,
    InRound { study, round }: InRound,
    InBody(NewAnnotator { name, agreed }): InBody<NewAnnotator>,
) -> Result<Json<Labelling>, Problem> {
    if !agreed {
        let remedy = "Send true to say that they will read text that may be harmful; without it nothing is given out.";
        return Err(Problem::of_fields(FieldErrors::one("agreed", agreed, remedy)));
    }
    let annotator = Annotator::of_owner(&name);
    state.backend.consent_to_label(&study, &round.id, &annotator).await?;
    Ok(Json(state.backend.labelling(&study, &round.id, &annotator, None).await?))
}

async fn labelling(
    State(state): State<AppState>,
    InRound { study, round }: InRound,
    InQuery(LabellingQuery { name, place }): InQuery<LabellingQuery>,
) -> Result<Json<Labelling>, Problem> {
    if let Some(place) = place.filter(|place| *place >= round.items) {
        let remedy = format!("This round has {} completions; they count from 0.", round.items);
        return Err(Problem::of_fields(FieldErrors::one("place", place, remedy)));
    }
    Ok(Json(state.backend.labelling(&study, &round.id, &Annotator::of_owner(&name), place).await?))
}

async fn give(
    State(state): State<AppState>,
    InRound { study, round }: InRound,
    InBody(NewLabel { name, item, label }): InBody<NewLabel>,
) -> Result<Json<Labelling>, Problem> {
    let annotator = Annotator::of_owner(&name);
    let given = state.backend.give_label(&study, &round.id, &annotator, &item, label).await;
    given.map_err(|error| match error {
        // study and round are there
        AppError::NotFound(_) => {
            let remedy = "This round has no such completion. Send the id of one that it gave out.";
            AppError::Invalid(FieldErrors::one("item", input::shown(&item), remedy))
        }
        other => other,
    })?;
    Ok(Json(state.backend.labelling(&study, &round.id, &annotator, None).await?))
}

async fn undo(
    State(state): State<AppState>,
    InRound { study, round }: InRound,
    InBody(Named { name }): InBody<Named>,
) -> Result<Json<Labelling>, Problem> {
    let annotator = Annotator::of_owner(&name);
    let place = state.backend.undo_label(&study, &round.id, &annotator).await?;
    Ok(Json(state.backend.labelling(&study, &round.id, &annotator, place).await?))
}

/// Labels as a file.
struct CsvBody(String);

impl<S: Send + Sync> FromRequest<S> for CsvBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if input::media_type(request.headers()) != CSV {
            return Err(input::unsupported(&[CSV]));
        }
        let text = String::from_utf8(input::bytes(request).await?.into());
        text.map(Self).map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "The CSV is not UTF-8. Save it as UTF-8."))
    }
}

impl OperationInput for CsvBody {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        let text = context.schema.subschema_for::<String>();
        set_body(context, operation, input::body([(CSV, text)]));
    }
}

async fn import(
    State(state): State<AppState>,
    InRound { study, round }: InRound,
    InQuery(ImportQuery { name }): InQuery<ImportQuery>,
    CsvBody(csv): CsvBody,
) -> Result<Json<Imported>, Problem> {
    let annotator = Annotator::of_owner(&name);
    // who made them elsewhere has read them
    state.backend.consent_to_label(&study, &round.id, &annotator).await?;
    Ok(Json(Imported { changed: state.backend.import_labels(&study, &round.id, &annotator, &csv).await? }))
}

async fn csv(State(state): State<AppState>, InPath(StudyPath { id }): InPath<StudyPath>) -> Result<Made<LabelsCsv>, Problem> {
    Ok(Made::new(downloads::labels_csv(State(state), Path(id)).await?))
}

async fn jsonl(State(state): State<AppState>, InPath(StudyPath { id }): InPath<StudyPath>) -> Result<Made<LabelsJsonl>, Problem> {
    Ok(Made::new(downloads::labels_jsonl(State(state), Path(id)).await?))
}
