//! Studies side by side. The query is that of the page; here what can't be shown is refused, so that a script never takes one thing for
//! another.

use super::{
    Operation,
    files::{LensCells, Width},
    input::{self, InPairs, InPath},
    output::{FigureFile, Made, TableFile},
};
use crate::{comparison_files, problem::Problem, state::AppState};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use rankscope_app::{COMPARISON_FIGURES, backend::Backend, tables::COMPARISON_TABLES};
use rankscope_domain::{
    MinorityFraction,
    class_results::Reading,
    comparison::Comparison,
    comparison_query::{ComparisonQuery, ComparisonView, PromptScope},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            "compare_studies",
            "/api/v1/compare",
            "Two to six studies side by side, or the arms of one: the part that `view` names",
            compare,
        ),
        Operation::get("list_comparison_figures", "/api/v1/compare/figures", "Names of the figures that a comparison may have", figures),
        Operation::get(
            "get_comparison_figure",
            "/api/v1/compare/figures/{file}",
            "A figure of several studies as SVG, PNG or PDF, with the query of its page",
            figure,
        ),
        Operation::get("list_comparison_tables", "/api/v1/compare/tables", "Names of the tables that a comparison may have", tables),
        Operation::get(
            "get_comparison_table",
            "/api/v1/compare/tables/{table}",
            "A table of several studies as CSV, JSON or LaTeX, with the query of its page",
            table,
        ),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct FigurePath {
    /// A figure’s name, and `.svg`, `.png` or `.pdf`.
    #[schemars(example = &"toxicity.svg")]
    file: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TablePath {
    /// A table’s name, and `.csv`, `.json` or `.tex`.
    #[schemars(example = &"toxicity.csv")]
    table: String,
}

/// A comparison as its address asks for it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `ComparisonQuery` reads")]
struct CompareQuery {
    /// Ids, by commas or as a parameter that comes again; six at most. In the other parameters the first is called `A`.
    #[schemars(example = &"example")]
    studies: String,
    /// The arms that are shown, by commas: `A:full` of the first study, `full` of every one. A study that none names shows all.
    #[schemars(example = &"A:lora-r8,A:full")]
    arms: Option<String>,
    /// The part of the comparison; absent: the first that every study has.
    view: Option<ComparisonView>,
    /// The arm that all others are contrasted with; absent: the same arm of the first study, or, of one study, its first arm.
    #[schemars(example = &"A:original")]
    against: Option<String>,
    /// Contrasts and completions are within this group; absent: all examples.
    group: Option<String>,
    /// How predictions are read off the models.
    reading: Option<Reading>,
    /// The minority fraction of the contrasts; absent: the largest that all have.
    fraction: Option<MinorityFraction>,
    /// Of the lens: which of all studies’ prompts, from 0.
    prompt: Option<u32>,
    /// Of the completions: of which prompts.
    prompts: Option<PromptScope>,
    /// Of the completions, from 1 as on the page.
    #[schemars(range(min = 1))]
    page: Option<u32>,
    /// Of the recipes: `all`, or those that are `differing`, where nothing is said.
    #[schemars(extend("enum" = ["all", "differing"]))]
    fields: Option<String>,
}

/// The same, and what cells of the lens show.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `CompareView` reads")]
struct ShownQuery {
    #[serde(flatten)]
    comparison: CompareQuery,
    #[serde(flatten)]
    cells: LensCells,
}

/// The same of a figure, and its width.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `CompareView` and `PaperWidth` read")]
struct FigureQuery {
    #[serde(flatten)]
    shown: ShownQuery,
    width: Option<Width>,
}

/// Which figures there are.
#[derive(Debug, Serialize, JsonSchema)]
struct ComparisonFigures {
    figures: Vec<ComparisonFigure>,
}

/// A figure, and the part of the comparison that it draws.
#[derive(Debug, Serialize, JsonSchema)]
struct ComparisonFigure {
    name: String,
    view: ComparisonView,
}

/// Which tables there are.
#[derive(Debug, Serialize, JsonSchema)]
struct ComparisonTables {
    tables: Vec<ComparisonTable>,
}

/// A table, and the part of the comparison that it lists.
#[derive(Debug, Serialize, JsonSchema)]
struct ComparisonTable {
    name: String,
    view: ComparisonView,
}

async fn compare(State(state): State<AppState>, InPairs(pairs, _): InPairs<CompareQuery>) -> Result<Json<Comparison>, Problem> {
    let (query, mut errors) = ComparisonQuery::read(&pairs);
    for (name, value) in pairs.iter().filter(|(name, _)| !ComparisonQuery::NAMES.contains(&name.as_str())) {
        let remedy = format!("There is no such parameter. There are: {}.", ComparisonQuery::NAMES.join(", "));
        errors.push(input::shown(name), input::shown(value), remedy);
    }
    errors.into_result(()).map_err(Problem::of_fields)?;
    let mut comparison = state.backend.compare(&query).await?;
    std::mem::take(&mut comparison.problems).into_result(()).map_err(Problem::of_fields)?;
    if let Some(fields) = comparison.recipe.as_mut().filter(|_| !query.all_fields) {
        fields.recipe.retain(|row| row.differs);
        fields.provenance.retain(|row| row.differs);
    }
    Ok(Json(comparison))
}

async fn figures() -> Result<Json<ComparisonFigures>, Problem> {
    let figures = COMPARISON_FIGURES.map(|(name, view)| ComparisonFigure { name: name.into(), view });
    Ok(Json(ComparisonFigures { figures: figures.into() }))
}

async fn figure(
    State(state): State<AppState>,
    InPath(FigurePath { file }): InPath<FigurePath>,
    InPairs(view, _): InPairs<FigureQuery>,
) -> Result<Made<FigureFile>, Problem> {
    Ok(Made::new(comparison_files::figure(State(state), Path(file), Query(view)).await?))
}

async fn tables() -> Result<Json<ComparisonTables>, Problem> {
    let tables = COMPARISON_TABLES.map(|(name, view)| ComparisonTable { name: name.into(), view });
    Ok(Json(ComparisonTables { tables: tables.into() }))
}

async fn table(
    State(state): State<AppState>,
    InPath(TablePath { table }): InPath<TablePath>,
    InPairs(view, _): InPairs<ShownQuery>,
) -> Result<Made<TableFile>, Problem> {
    Ok(Made::new(comparison_files::table(State(state), Path(table), Query(view)).await?))
}
