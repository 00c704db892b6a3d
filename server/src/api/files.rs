//! What is taken away from a study: figures, tables, a report, the whole of it; and the way back in.

use super::{
    Operation,
    input::{self, InPairs, InPath, InQuery},
    output::{Archive, Created, FigureFile, Made, ReportFile, TableFile},
    studies::StudyPath,
};
use crate::{downloads, export::BundleOptions, problem::Problem, state::AppState, study_upload};
use aide::{OperationInput, generate::GenContext, openapi::Operation as Described, operation::set_body};
use axum::{
    Json,
    body::Body,
    extract::{FromRequest, Multipart, Path, Query, Request, State},
};
use rankscope_app::{FIGURES, backend::Backend, tables::TABLES};
use rankscope_domain::{MinorityFraction, class_results::Reading, view::StudyCard};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

const MULTIPART: &str = "multipart/form-data";
const ZIP: &str = "application/zip";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("list_figures", "/api/v1/studies/{id}/figures", "Names of the figures that a study may have", figures),
        Operation::get(
            "get_figure",
            "/api/v1/studies/{id}/figures/{file}",
            "A figure as SVG, PNG or PDF, with the query of its page",
            figure,
        ),
        Operation::get("list_tables", "/api/v1/studies/{id}/tables", "Names of the tables that a study may have", tables),
        Operation::get(
            "get_table",
            "/api/v1/studies/{id}/tables/{table}",
            "A table as CSV, JSON or LaTeX, with the query of its page",
            table,
        ),
        Operation::get("get_report", "/api/v1/studies/{id}/report.html", "A finished study as one page, to read or print", report),
        Operation::get("export_study", "/api/v1/studies/{id}/export.zip", "A finished study as an archive that can be imported", export),
        Operation::post("import_study", "/api/v1/studies/import", "Take in an archive; every file of it is checked", import)
            .counts_its_body(),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct FigurePath {
    /// A study’s id, or `example`.
    #[schemars(example = &"example")]
    id: String,
    /// A figure’s name, and `.svg`, `.png` or `.pdf`.
    #[schemars(example = &"toxicity.svg")]
    file: String,
}

/// A figure that is of no one study.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct FiguresPath {
    /// A figure’s name, and `.svg`, `.png` or `.pdf`.
    #[schemars(example = &"lens.svg")]
    pub file: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TablePath {
    /// A study’s id, or `example`.
    #[schemars(example = &"example")]
    id: String,
    /// A table’s name, and `.csv`, `.json` or `.tex`.
    #[schemars(example = &"toxicity.csv")]
    table: String,
}

/// Which figures there are. Of a study there are those that its kind and its measures fill; where there is nothing to draw, 404.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Figures {
    figures: Vec<String>,
}

impl Figures {
    pub fn of(names: &[&str]) -> Self {
        Self { figures: names.iter().map(ToString::to_string).collect() }
    }
}

/// Which tables there are. Of a study there are those that its kind and its measures fill; where there is nothing to list, 404.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Tables {
    tables: Vec<String>,
}

impl Tables {
    pub fn of(names: &[&str]) -> Self {
        Self { tables: names.iter().map(ToString::to_string).collect() }
    }
}

/// How wide a figure stands in a paper.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes what `PaperWidth` reads")]
pub(super) enum Width {
    /// One of two columns: 84 mm.
    Column,
    /// Both: 174 mm, where nothing is said.
    Page,
}

/// What the address of the study’s page says of what is shown. Other names of it, such as `tab`, change nothing.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `FigureView` and `LensView` read")]
struct ShownQuery {
    /// How predictions are read off the models.
    reading: Option<Reading>,
    /// The arms that are shown, by commas; absent: all.
    #[schemars(example = &"original,lora-r8,full")]
    arms: Option<String>,
    /// The minority fraction of margins, reliability and confusion; absent: the smallest.
    fraction: Option<MinorityFraction>,
    /// The arm of the confusion matrices, and of bars by group.
    arm: Option<String>,
    /// The group of the reliability curves; absent: all examples.
    group: Option<String>,
    /// What of a matrix’s update the weights’ heatmap shows.
    weights: Option<String>,
    /// Of the lens: which prompt, from 0.
    prompt: Option<u32>,
    #[serde(flatten)]
    cells: LensCells,
}

/// What a cell of the lens shows.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `LensView` reads")]
pub(super) struct LensCells {
    /// Of the lens: `entropy`, `probability` of `token`, `kl`, or the `difference` of the arms `a` and `b`.
    mode: Option<String>,
    /// Of the lens: as its cells write it.
    token: Option<String>,
    /// Of the lens: the difference is this arm less `b`.
    a: Option<String>,
    /// Of the lens: the arm that is taken from `a`.
    b: Option<String>,
    /// Of the lens: `paper` or `safe`.
    palette: Option<String>,
}

/// The same of a figure, and its width.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `FigureView`, `LensView` and `PaperWidth` read")]
struct FigureQuery {
    #[serde(flatten)]
    shown: ShownQuery,
    width: Option<Width>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ExportQuery {
    /// Also the adapters of the LoRA arms.
    adapters: bool,
    /// Also the weights of the arms that were trained in full.
    full_weights: bool,
    /// Also the rounds and what people said of completions; it names them.
    labels: bool,
}

async fn figures(State(state): State<AppState>, InPath(StudyPath { id }): InPath<StudyPath>) -> Result<Json<Figures>, Problem> {
    state.backend.row(&id).await?;
    Ok(Json(Figures::of(FIGURES)))
}

async fn figure(
    State(state): State<AppState>,
    InPath(FigurePath { id, file }): InPath<FigurePath>,
    InPairs(view, _): InPairs<FigureQuery>,
) -> Result<Made<FigureFile>, Problem> {
    Ok(Made::new(downloads::figure(State(state), Path((id, file)), Query(view.into_iter().collect())).await?))
}

async fn tables(State(state): State<AppState>, InPath(StudyPath { id }): InPath<StudyPath>) -> Result<Json<Tables>, Problem> {
    state.backend.row(&id).await?;
    Ok(Json(Tables::of(TABLES)))
}

async fn table(
    State(state): State<AppState>,
    InPath(TablePath { id, table }): InPath<TablePath>,
    InPairs(view, _): InPairs<ShownQuery>,
) -> Result<Made<TableFile>, Problem> {
    Ok(Made::new(downloads::table(State(state), Path((id, table)), Query(view.into_iter().collect())).await?))
}

async fn report(State(state): State<AppState>, InPath(StudyPath { id }): InPath<StudyPath>) -> Result<Made<ReportFile>, Problem> {
    Ok(Made::new(downloads::report(State(state), Path(id)).await?))
}

async fn export(
    State(state): State<AppState>,
    InPath(StudyPath { id }): InPath<StudyPath>,
    InQuery(ExportQuery { adapters, full_weights, labels }): InQuery<ExportQuery>,
) -> Result<Made<Archive>, Problem> {
    Ok(Made::new(downloads::packed(&state, &id, BundleOptions { adapters, full_weights }, labels).await?))
}

/// One of the two, by its Content-Type.
enum ArchiveBody {
    Form(Multipart),
    File(Body),
}

impl FromRequest<AppState> for ArchiveBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        match input::media_type(request.headers()).as_str() {
            ZIP => Ok(Self::File(request.into_body())),
            MULTIPART => Multipart::from_request(request, state).await.map(Self::Form).map_err(|_| input::no_boundary()),
            _ => Err(input::unsupported(&[ZIP, MULTIPART])),
        }
    }
}

impl OperationInput for ArchiveBody {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        let file = json_schema!({ "type": "string", "contentMediaType": ZIP });
        let form = json_schema!({ "type": "object", "required": ["file"], "properties": { "file": file } });
        set_body(context, operation, input::body([(ZIP, file), (MULTIPART, form)]));
    }
}

async fn import(State(state): State<AppState>, body: ArchiveBody) -> Result<Created<StudyCard>, Problem> {
    let taken = match body {
        ArchiveBody::Form(form) => study_upload::receive(&state, form).await,
        ArchiveBody::File(body) => study_upload::receive_file(&state, body).await,
    };
    let id = taken.map_err(|error| input::of_upload(error, "--study-upload-limit"))?;
    Ok(Created { location: format!("/api/v1/studies/{id}"), is_new: true, value: state.backend.study(&id).await?.card })
}
