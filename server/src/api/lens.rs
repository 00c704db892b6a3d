//! The lens on demand: what chosen arms of a finished study make of a prompt.

use super::{
    Operation,
    files::{FiguresPath, LensCells, Width},
    input::{InBody, InPairs, InPath},
    output::{Done, FigureFile, Kind, Made, TableFile, json_answer},
};
use crate::{lens_desk::events, lens_files, problem::Problem, state::AppState};
use aide::{
    OperationOutput,
    generate::GenContext,
    openapi::{Operation as Described, Response as DescribedResponse, StatusCode as Status},
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rankscope_app::backend::Backend;
use rankscope_domain::{
    Arm, MinorityFraction,
    inspection::LensReading,
    lens_question::{LensQuestion, LensReply, LensStage, LensStudy, USUAL_NEW_TOKENS, USUAL_TOP_K},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

const TICKET_DIGITS: usize = 64;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("list_lens_studies", "/api/v1/lens/studies", "Finished studies whose arms can be asked", studies),
        Operation::post("ask_lens", "/api/v1/lens", "Have a prompt read by arms of a study; asked again until there is an answer", ask),
        Operation::delete("stop_lens", "/api/v1/lens/questions/{ticket}", "Take a question back", stop),
        Operation::get("follow_lens", "/api/v1/lens/questions/{ticket}/events", "Where a question is, as it happens", follow),
        Operation::get(
            "get_lens_figure",
            "/api/v1/lens/figures/{file}",
            "The heatmap of an answer as SVG, PNG or PDF; the question must have been answered",
            figure,
        ),
        Operation::get(
            "get_lens_table",
            "/api/v1/lens/tables/{table}",
            "The cells of an answer as CSV, JSON or LaTeX; the question must have been answered",
            table,
        ),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TicketPath {
    /// As the question was answered with.
    ticket: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TablePath {
    /// `lens`, and `.csv`, `.json` or `.tex`.
    #[schemars(example = &"lens.csv")]
    table: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct LensStudies {
    studies: Vec<LensStudy>,
}

/// A question.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewQuestion {
    /// A finished study’s id, or `example`.
    study: String,
    prompt: String,
    /// The arms that read it; none: all that can.
    #[serde(default)]
    arms: Vec<Arm>,
    /// Absent: the study’s first.
    #[serde(default)]
    seed: Option<u64>,
    /// Of a classification study; absent: the largest.
    #[serde(default)]
    fraction: Option<MinorityFraction>,
    /// Tokens that a cell lists.
    #[serde(default = "usual_top_k")]
    top_k: u32,
    /// Tokens of the continuation.
    #[serde(default = "usual_new_tokens")]
    new_tokens: u32,
    /// Also where the same question has just failed.
    #[serde(default)]
    again: bool,
}

fn usual_top_k() -> u32 {
    USUAL_TOP_K
}

fn usual_new_tokens() -> u32 {
    USUAL_NEW_TOKENS
}

/// One reading an arm, in the order of figures.
#[derive(Debug, Serialize, JsonSchema)]
struct Answer {
    readings: Vec<LensReading>,
}

/// It is in the queue or at work: ask again every few seconds, or follow its events, else it is let go of.
#[derive(Debug, Serialize, JsonSchema)]
struct Waiting {
    /// Names the question while the server runs.
    ticket: String,
    stage: LensStage,
}

/// 200 with the answer, or 202 with where the question is.
enum Reply {
    Answered(Answer),
    Waiting(Waiting),
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Answered(answer) => Json(answer).into_response(),
            Self::Waiting(waiting) => (StatusCode::ACCEPTED, Json(waiting)).into_response(),
        }
    }
}

impl OperationOutput for Reply {
    type Inner = Answer;

    fn inferred_responses(context: &mut GenContext, operation: &mut Described) -> Vec<(Option<Status>, DescribedResponse)> {
        let answered = json_answer::<Answer>(200, context, operation);
        answered.into_iter().chain(json_answer::<Waiting>(202, context, operation)).collect()
    }
}

/// Stages of a question.
struct StageStream;

impl Kind for StageStream {
    const MEDIA_TYPES: &'static [&'static str] = &["text/event-stream"];
    const WORDS: &'static str = "Server-sent events. Each message’s `data` is a LensStage as JSON; one of type `end` says that the question \
        has ended, or that nobody knows it any more: ask again.";

    fn schema(_: &str, generator: &mut SchemaGenerator) -> Schema {
        drop(generator.subschema_for::<LensStage>());
        json_schema!({ "type": "object", "properties": { "event": { "type": "string" }, "data": { "type": "string" } } })
    }
}

/// A question as the page `/lens` has it in its address, and what is shown of its answer.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `lens_files` reads")]
struct AnswerQuery {
    /// A finished study’s id, or `example`.
    #[schemars(example = &"example")]
    study: String,
    /// As it was asked.
    prompt_text: String,
    /// The arms that read it, by commas; absent: all that can.
    #[schemars(example = &"original,lora-r2")]
    read: Option<String>,
    /// Absent: the study’s first.
    seed: Option<u64>,
    /// Of a classification study; absent: the largest.
    fraction: Option<MinorityFraction>,
    /// Tokens that a cell lists, as it was asked; absent: 5.
    top_k: Option<u32>,
    /// Tokens of the continuation, as it was asked; absent: 12.
    new_tokens: Option<u32>,
    #[serde(flatten)]
    cells: LensCells,
}

/// The same of the heatmap, and its width.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `lens_files` and `PaperWidth` read")]
struct FigureQuery {
    #[serde(flatten)]
    answer: AnswerQuery,
    width: Option<Width>,
}

async fn studies(State(state): State<AppState>) -> Result<Json<LensStudies>, Problem> {
    Ok(Json(LensStudies { studies: state.backend.lens_studies().await? }))
}

async fn ask(State(state): State<AppState>, InBody(new): InBody<NewQuestion>) -> Result<Reply, Problem> {
    let NewQuestion { study, prompt, arms, seed, fraction, top_k, new_tokens, again } = new;
    let question = LensQuestion { study, prompt, arms, seed, fraction, top_k, new_tokens };
    Ok(match state.backend.ask_lens(question, again).await? {
        LensReply::Answered(readings) => Reply::Answered(Answer { readings }),
        LensReply::Waiting { ticket, stage } => Reply::Waiting(Waiting { ticket, stage }),
    })
}

async fn stop(State(state): State<AppState>, InPath(TicketPath { ticket }): InPath<TicketPath>) -> Result<Done, Problem> {
    if ticket.len() != TICKET_DIGITS || !ticket.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(Problem::new(StatusCode::NOT_FOUND, "There is no such question. A ticket is 64 small hexadecimal digits."));
    }
    // one that has ended, or that nobody knows any more, is taken back already
    Ok(state.backend.stop_lens(&ticket).await.map(|()| Done)?)
}

async fn follow(State(state): State<AppState>, InPath(TicketPath { ticket }): InPath<TicketPath>) -> Result<Made<StageStream>, Problem> {
    Ok(Made::new(events::stream(State(state), Path(ticket)).await?))
}

async fn figure(
    State(state): State<AppState>,
    InPath(FiguresPath { file }): InPath<FiguresPath>,
    InPairs(view, _): InPairs<FigureQuery>,
) -> Result<Made<FigureFile>, Problem> {
    Ok(Made::new(lens_files::figure(State(state), Path(file), Query(view)).await?))
}

async fn table(
    State(state): State<AppState>,
    InPath(TablePath { table }): InPath<TablePath>,
    InPairs(view, _): InPairs<AnswerQuery>,
) -> Result<Made<TableFile>, Problem> {
    Ok(Made::new(lens_files::table(State(state), Path(table), Query(view)).await?))
}
