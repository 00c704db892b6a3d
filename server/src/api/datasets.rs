//! Sets of labelled texts.

use super::{
    Operation,
    files::{Figures, Tables, Width},
    input::{self, InPairs, InPath},
    output::{Created, Done, FigureFile, Made, TableFile},
};
use crate::{dataset_files, dataset_upload, problem::Problem, state::AppState};
use aide::{OperationInput, generate::GenContext, openapi::Operation as Described, operation::set_body};
use axum::{
    Json,
    body::to_bytes,
    extract::{FromRequest, Multipart, Path, Query, Request, State},
    http::StatusCode,
};
use rankscope_app::{DATASET_FIGURES, backend::Backend, tables::DATASET_TABLES};
use rankscope_domain::dataset::DatasetEntry;
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

const JSON: &str = "application/json";
const MULTIPART: &str = "multipart/form-data";
/// A path and some names.
const MAX_JSON: usize = 64 << 10;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("list_datasets", "/api/v1/datasets", "Every set of labelled texts, the built-in one first", list),
        Operation::post("add_dataset", "/api/v1/datasets", "Upload a set, or take one up by its path; every row is checked", add)
            .counts_its_body(),
        Operation::get("get_dataset", "/api/v1/datasets/{name}", "One set: its splits, labels, columns and a few rows", show),
        Operation::delete("remove_dataset", "/api/v1/datasets/{name}", "Remove a set; the files of an upload are deleted", remove),
        Operation::get("list_dataset_figures", "/api/v1/datasets/{name}/figures", "Names of the figures of a set", figures),
        Operation::get(
            "get_dataset_figure",
            "/api/v1/datasets/{name}/figures/{file}",
            "A figure of a set as SVG, PNG or PDF, with the query of its page",
            figure,
        ),
        Operation::get("list_dataset_tables", "/api/v1/datasets/{name}/tables", "Names of the tables of a set", tables),
        Operation::get("get_dataset_table", "/api/v1/datasets/{name}/tables/{table}", "A table of a set as CSV, JSON or LaTeX", table),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct DatasetPath {
    /// As in the list.
    #[schemars(example = &"builtin")]
    name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct FigurePath {
    /// As in the list.
    #[schemars(example = &"builtin")]
    name: String,
    /// A figure’s name, and `.svg`, `.png` or `.pdf`.
    #[schemars(example = &"lengths.svg")]
    file: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TablePath {
    /// As in the list.
    #[schemars(example = &"builtin")]
    name: String,
    /// A table’s name, and `.csv`, `.json` or `.tex`.
    #[schemars(example = &"splits.csv")]
    table: String,
}

/// What is chosen for a figure; other names change nothing.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `PaperWidth` reads")]
struct FigureQuery {
    width: Option<Width>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Datasets {
    datasets: Vec<DatasetEntry>,
    /// Bytes that an upload may have.
    upload_limit_bytes: u64,
}

/// A set of the server’s machine.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewDataset {
    /// The path of a JSONL, CSV, TSV or parquet file, or of a directory in the hub’s layout; it stays where it is.
    source: String,
    /// Empty: made of the path’s.
    #[serde(default)]
    name: String,
    /// In the order of their numbers; empty: what the set says.
    #[serde(default)]
    label_names: Vec<String>,
}

/// One of the two, by its Content-Type.
enum DatasetBody {
    ByPath(NewDataset),
    Upload(Multipart),
}

impl FromRequest<AppState> for DatasetBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        match input::media_type(request.headers()).as_str() {
            JSON => {
                let bytes = to_bytes(request.into_body(), MAX_JSON).await.map_err(|_| Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE))?;
                input::read_json(&bytes)?.map(Self::ByPath).map_err(Problem::of_fields)
            }
            MULTIPART => {
                let form = Multipart::from_request(request, state).await;
                form.map(Self::Upload).map_err(|_| input::no_boundary())
            }
            _ => Err(input::unsupported(&[JSON, MULTIPART])),
        }
    }
}

impl OperationInput for DatasetBody {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        let by_path = context.schema.subschema_for::<NewDataset>();
        let upload = json_schema!({
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": { "type": "string", "contentMediaType": "application/octet-stream", "description": "JSONL, CSV, TSV or parquet." },
                "name": { "type": "string", "description": "Absent: made of the file’s." },
                "label_names": { "type": "string", "description": "In the order of their numbers, with commas between them." },
                "text_column": { "type": "string" },
                "label_column": { "type": "string" },
            },
        });
        set_body(context, operation, input::body([(JSON, by_path), (MULTIPART, upload)]));
    }
}

async fn list(State(state): State<AppState>) -> Result<Json<Datasets>, Problem> {
    let datasets = state.backend.datasets().await?;
    Ok(Json(Datasets { datasets, upload_limit_bytes: state.backend.dataset_upload_limit }))
}

async fn show(State(state): State<AppState>, InPath(DatasetPath { name }): InPath<DatasetPath>) -> Result<Json<DatasetEntry>, Problem> {
    Ok(Json(state.backend.dataset(&name).await?))
}

async fn add(State(state): State<AppState>, body: DatasetBody) -> Result<Created<DatasetEntry>, Problem> {
    let name = match body {
        DatasetBody::ByPath(NewDataset { source, name, label_names }) => {
            state.backend.add_dataset(&source, &name, &label_names.join(",")).await?
        }
        DatasetBody::Upload(form) => {
            dataset_upload::receive(&state, form).await.map_err(|error| input::of_upload(error, "--dataset-upload-limit"))?
        }
    };
    Ok(Created { location: format!("/api/v1/datasets/{name}"), is_new: true, value: state.backend.dataset(&name).await? })
}

async fn remove(State(state): State<AppState>, InPath(DatasetPath { name }): InPath<DatasetPath>) -> Result<Done, Problem> {
    Ok(state.backend.remove_dataset(&name).await.map(|()| Done)?)
}

async fn figures(State(state): State<AppState>, InPath(DatasetPath { name }): InPath<DatasetPath>) -> Result<Json<Figures>, Problem> {
    state.backend.dataset(&name).await?;
    Ok(Json(Figures::of(&DATASET_FIGURES)))
}

async fn figure(
    State(state): State<AppState>,
    InPath(FigurePath { name, file }): InPath<FigurePath>,
    InPairs(query, _): InPairs<FigureQuery>,
) -> Result<Made<FigureFile>, Problem> {
    Ok(Made::new(dataset_files::figure(State(state), Path((name, file)), Query(query.into_iter().collect())).await?))
}

async fn tables(State(state): State<AppState>, InPath(DatasetPath { name }): InPath<DatasetPath>) -> Result<Json<Tables>, Problem> {
    state.backend.dataset(&name).await?;
    Ok(Json(Tables::of(&DATASET_TABLES)))
}

async fn table(State(state): State<AppState>, InPath(TablePath { name, table }): InPath<TablePath>) -> Result<Made<TableFile>, Problem> {
    Ok(Made::new(dataset_files::table(State(state), Path((name, table))).await?))
}
