//! What the labels of a round say of the judges, as JSON, and as figures and tables to take away.

use super::{
    Operation,
    annotations::{InStudy, find},
    files::{Figures, Tables, Width},
    input::{self, InPairs, InPath, InQuery},
    output::{FigureFile, Made, TableFile},
};
use crate::{judge_files, problem::Problem, state::AppState};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use rankscope_app::{Bars, JUDGE_FIGURES, backend::Backend, tables::JUDGE_TABLES};
use rankscope_domain::{FieldErrors, annotation::JudgePage};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashMap;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            "get_judge_page",
            "/api/v1/studies/{id}/judge",
            "What a round’s labels say of the judges: confusion matrices, agreement, corrected shares",
            judge,
        ),
        Operation::get(
            "list_judge_figures",
            "/api/v1/studies/{id}/judge/figures",
            "Names of the figures that a round’s labels may fill",
            figures,
        ),
        Operation::get(
            "get_judge_figure",
            "/api/v1/studies/{id}/judge/figures/{file}",
            "A figure of what a round’s labels say as SVG, PNG or PDF, with the query of its page",
            figure,
        ),
        Operation::get(
            "list_judge_tables",
            "/api/v1/studies/{id}/judge/tables",
            "Names of the tables that a round’s labels may fill",
            tables,
        ),
        Operation::get(
            "get_judge_table",
            "/api/v1/studies/{id}/judge/tables/{table}",
            "A table of what a round’s labels say as CSV, JSON or LaTeX",
            table,
        ),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct FigurePath {
    /// A study’s id, or `example`.
    #[schemars(example = &"example")]
    id: String,
    /// A figure’s name, and `.svg`, `.png` or `.pdf`.
    #[schemars(example = &"judges.svg")]
    file: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TablePath {
    /// A study’s id, or `example`.
    #[schemars(example = &"example")]
    id: String,
    /// A table’s name, and `.csv`, `.json` or `.tex`.
    #[schemars(example = &"judges.csv")]
    table: String,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct JudgeQuery {
    /// As in the list of rounds; absent: the newest that has a label.
    round: Option<String>,
}

/// The same of a figure, and what is chosen for it alone.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `judge_files` and `PaperWidth` read")]
struct FigureQuery {
    #[serde(flatten)]
    of: JudgeQuery,
    /// Which of the corrected shares; absent: all of them.
    #[schemars(extend("enum" = Bars::ALL.map(Bars::name)))]
    bars: Option<String>,
    width: Option<Width>,
}

/// A round that is named must be one of the study’s.
async fn checked(state: &AppState, study: &str, round: Option<&String>) -> Result<(), Problem> {
    let Some(asked) = round else { return Ok(()) };
    if find(state, study, asked).await?.is_some() {
        return Ok(());
    }
    let remedy = format!("This study has no such round. /api/v1/studies/{study}/rounds lists those there are.");
    Err(Problem::of_fields(FieldErrors::one("round", input::shown(asked), remedy)))
}

async fn judge(
    State(state): State<AppState>,
    InStudy(id): InStudy,
    InQuery(JudgeQuery { round }): InQuery<JudgeQuery>,
) -> Result<Json<JudgePage>, Problem> {
    checked(&state, &id, round.as_ref()).await?;
    Ok(Json(state.backend.judge_page(&id, round.as_deref()).await?))
}

async fn figures(InStudy(_): InStudy) -> Json<Figures> {
    Json(Figures::of(&JUDGE_FIGURES))
}

async fn figure(
    State(state): State<AppState>,
    InPath(FigurePath { id, file }): InPath<FigurePath>,
    InPairs(pairs, _): InPairs<FigureQuery>,
) -> Result<Made<FigureFile>, Problem> {
    let query: HashMap<String, String> = pairs.into_iter().collect();
    checked(&state, &id, query.get("round")).await?;
    Ok(Made::new(judge_files::figure(State(state), Path((id, file)), Query(query)).await?))
}

async fn tables(InStudy(_): InStudy) -> Json<Tables> {
    Json(Tables::of(&JUDGE_TABLES))
}

async fn table(
    State(state): State<AppState>,
    InPath(TablePath { id, table }): InPath<TablePath>,
    InPairs(pairs, _): InPairs<JudgeQuery>,
) -> Result<Made<TableFile>, Problem> {
    let query: HashMap<String, String> = pairs.into_iter().collect();
    checked(&state, &id, query.get("round")).await?;
    Ok(Made::new(judge_files::table(State(state), Path((id, table)), Query(query)).await?))
}
