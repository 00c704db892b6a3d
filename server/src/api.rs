//! What the pages do, as JSON under `/api/v1`, for scripts. Each operation stands once in a list; the routes, who may come there, and
//! the OpenAPI document are all made of it, and parameters, bodies and answers are described by the types that the handlers take and give.
//!
//! To add one: a handler of the extractors in [`input`] that gives [`Json`](axum::Json) or a type of [`output`], and a line in the list of its file.

mod about;
mod annotations;
mod compare;
mod datasets;
mod document;
mod files;
mod input;
mod judge;
mod lens;
mod models;
mod output;
mod shares;
mod studies;

pub use document::{document, documented_path};

use crate::{
    routes::{Access, BodyLimit, OwnRoute},
    state::AppState,
};
use aide::{
    axum::routing::{self, ApiMethodRouter},
    operation::{OperationHandler, OperationInput, OperationOutput},
    transform::TransformOperation,
};
use axum::{handler::Handler, http::Method};

/// What every address of the API begins with.
pub const API_PREFIX: &str = "/api/v1/";

/// Statuses that any operation may have beside its own.
const COMMON: [u16; 6] = [400, 401, 403, 404, 500, 503];
/// And those of what changes something, or takes a body.
const OF_CHANGES: [u16; 4] = [409, 413, 415, 422];

/// One method of one address: a handler, and what is told of it.
pub struct Operation {
    pub id: &'static str,
    pub method: Method,
    /// As axum writes it: `/api/v1/studies/{id}`.
    pub path: &'static str,
    pub access: Access,
    body: BodyLimit,
    handler: ApiMethodRouter<AppState>,
}

impl Operation {
    /// Looks, and changes nothing.
    fn get<H, I, O, T>(id: &'static str, path: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, AppState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        let handler = routing::get_with(handler, |operation| described(operation, id, path, summary));
        Self { id, method: Method::GET, path, access: Access::ApiRead, body: BodyLimit::Small, handler }
    }

    /// Changes something, and takes a body or none.
    fn post<H, I, O, T>(id: &'static str, path: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, AppState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        let handler = routing::post_with(handler, |operation| described(operation, id, path, summary));
        Self { id, method: Method::POST, path, access: Access::ApiWrite, body: BodyLimit::Small, handler }
    }

    /// Removes something.
    fn delete<H, I, O, T>(id: &'static str, path: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, AppState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        let handler = routing::delete_with(handler, |operation| described(operation, id, path, summary));
        Self { id, method: Method::DELETE, path, access: Access::ApiWrite, body: BodyLimit::Small, handler }
    }

    /// Takes a body but changes nothing: a token that may only read is enough.
    fn changes_nothing(self) -> Self {
        Self { access: Access::ApiRead, ..self }
    }

    /// The handler counts what it is sent.
    fn counts_its_body(self) -> Self {
        Self { body: BodyLimit::Own, ..self }
    }

    /// Statuses of refusals.
    fn refusals(&self) -> Vec<u16> {
        let mut statuses = COMMON.to_vec();
        match self.method {
            Method::GET => statuses.push(422),
            _ => statuses.extend(OF_CHANGES),
        }
        statuses
    }
}

/// Of tag `studies`: the address's first word.
fn described<'t>(operation: TransformOperation<'t>, id: &'static str, path: &'static str, summary: &'static str) -> TransformOperation<'t> {
    let rest = path.strip_prefix(API_PREFIX).unwrap_or(path);
    operation.id(id).summary(summary).tag(rest.split('/').next().unwrap_or(rest))
}

impl From<Operation> for OwnRoute {
    fn from(operation: Operation) -> Self {
        let Operation { method, path, access, body, handler, .. } = operation;
        Self { method, path, access, body, handler: handler.into() }
    }
}

/// All of them.
pub fn operations() -> Vec<Operation> {
    let of_files = [
        about::operations(),
        studies::operations(),
        files::operations(),
        annotations::operations(),
        judge::operations(),
        compare::operations(),
        lens::operations(),
        shares::operations(),
        models::operations(),
        datasets::operations(),
    ];
    of_files.into_iter().flatten().collect()
}

/// Which operation does what a server function of the pages does, or in brackets why none does. A test holds it against the server
/// functions that there are.
#[cfg(test)]
const SERVER_FUNCTIONS: &[(&str, &str)] = &[
    ("list_studies", "list_studies"),
    ("get_study", "get_study"),
    ("cancel_study", "cancel_study"),
    ("resume_study", "resume_study"),
    ("delete_study", "delete_study"),
    ("get_completions", "get_completions"),
    ("get_examples", "get_examples"),
    ("get_lens", "get_lens"),
    ("get_form_choices", "list_models"),
    ("estimate_recipe", "estimate_recipe"),
    ("start_study", "start_study"),
    ("start_preset", "list_presets"),
    ("list_models", "list_models"),
    ("list_model_jobs", "list_model_jobs"),
    ("get_model", "get_model"),
    ("add_model", "add_model"),
    ("cancel_model_job", "cancel_model_job"),
    ("remove_model", "remove_model"),
    ("list_datasets", "list_datasets"),
    ("get_dataset", "get_dataset"),
    ("add_dataset", "add_dataset"),
    ("remove_dataset", "remove_dataset"),
    ("list_lens_studies", "list_lens_studies"),
    ("ask_lens", "ask_lens"),
    ("stop_lens", "stop_lens"),
    ("list_shares", "list_shares"),
    ("share_study", "share_study"),
    ("share_comparison", "share_study"),
    ("take_share_link", "share_study"),
    ("revoke_share", "revoke_share"),
    ("revoke_shares", "revoke_shares"),
    ("get_shared", "(what is behind a link: /s/{token}/snapshot.json)"),
    ("get_shared_comparison", "(what is behind a link: /s/{token}/snapshot.json)"),
    ("get_shared_lens", "(what is behind a link: /s/{token}/snapshot.json)"),
    ("get_shared_completions", "(what is behind a link: /s/{token}/snapshot.json)"),
    ("list_shared_rounds", "(labels are given on the page behind a link: /s/{token}/annotate)"),
    ("begin_shared_labelling", "(labels are given on the page behind a link: /s/{token}/annotate)"),
    ("get_shared_labelling", "(labels are given on the page behind a link: /s/{token}/annotate)"),
    ("give_shared_label", "(labels are given on the page behind a link: /s/{token}/annotate)"),
    ("undo_shared_label", "(labels are given on the page behind a link: /s/{token}/annotate)"),
    ("compare_studies", "compare_studies"),
    ("list_rounds", "list_rounds"),
    ("new_round", "new_round"),
    ("import_labels", "import_labels"),
    ("get_judge_page", "get_judge_page"),
    ("begin_labelling", "begin_labelling"),
    ("get_labelling", "get_labelling"),
    ("give_label", "give_label"),
    ("undo_label", "undo_label"),
    ("list_tokens", "(a token must not tell of others: the page or the command line does)"),
    ("revoke_token", "(a token must not end others: the page or the command line does)"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::table;
    use std::collections::{BTreeMap, BTreeSet};

    #[tokio::test]
    async fn every_server_function_has_its_operation_or_a_reason_why_not() {
        // a path is /api/NAME and a hash in digits
        let known: BTreeMap<_, _> = SERVER_FUNCTIONS.iter().copied().collect();
        let functions: BTreeSet<String> = leptos::server_fn::axum::server_fn_paths()
            .map(|(path, _)| path.trim_start_matches("/api/").trim_end_matches(|end: char| end.is_ascii_digit()).to_string())
            .collect();
        let named: BTreeSet<String> = known.keys().map(|name| name.to_string()).collect();
        assert_eq!(functions, named, "left: the server functions; right: SERVER_FUNCTIONS");
        let ids: BTreeSet<&str> = operations().iter().map(|operation| operation.id).collect();
        for (function, operation) in known {
            assert!(operation.starts_with('(') || ids.contains(operation), "{function}: there is no operation {operation}");
        }
    }

    /// Files that pages hand out under another address than the operation that does the same.
    const OTHERWISE_CALLED: [(&str, &str); 2] =
        [("/studies/{id}/results.json", "/studies/{id}/results"), ("/lens/{ticket}/events", "/lens/questions/{ticket}/events")];

    #[tokio::test]
    async fn every_file_of_the_pages_has_its_operation() {
        let operations: BTreeSet<&str> =
            operations().iter().filter(|operation| operation.method == Method::GET).map(|operation| operation.path).collect();
        let files = table().into_iter().filter(|route| (route.access, &route.method) == (Access::OwnersFile, &Method::GET));
        let paths: Vec<String> = files.map(|route| route.path).collect();
        for (path, _) in OTHERWISE_CALLED {
            assert!(paths.iter().any(|known| known == path), "{path} is no route");
        }
        assert!(paths.iter().any(|path| path == "/studies/{id}/judge/tables/{table}"), "{paths:?}");
        for path in &paths {
            let called = OTHERWISE_CALLED.into_iter().find(|(known, _)| known == path).map_or(path.as_str(), |(_, called)| called);
            let operation = format!("{}{}", API_PREFIX, called.trim_start_matches('/'));
            assert!(operations.contains(operation.as_str()), "{path}: there is no operation at {operation}");
        }
    }

    #[tokio::test]
    async fn the_document_has_the_routes_of_the_table_and_no_others() {
        let document = serde_json::to_value(document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let mut documented = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                documented.insert((method.to_uppercase(), path.clone()));
                for part in ["operationId", "summary", "tags", "responses", "security"] {
                    assert!(!operation[part].is_null(), "{method} {path} has no {part}");
                }
                let named: BTreeSet<&str> = operation["parameters"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|parameter| parameter["in"] == "path")
                    .filter_map(|parameter| parameter["name"].as_str())
                    .collect();
                let in_path: BTreeSet<&str> =
                    path.split('/').filter_map(|part| part.strip_prefix('{').and_then(|part| part.strip_suffix('}'))).collect();
                assert_eq!(named, in_path, "{method} {path}");
            }
        }
        let routes: BTreeSet<_> = table()
            .into_iter()
            .filter(|route| route.path.starts_with(API_PREFIX))
            .inspect(|route| assert!(route.access.takes_tokens(), "{} {}", route.method, route.path))
            .map(|route| (route.method.to_string(), documented_path(&route.path)))
            .collect();
        assert_eq!(documented, routes);
        let ids: BTreeSet<_> = operations().iter().map(|operation| operation.id).collect();
        assert_eq!(ids.len(), routes.len(), "an operation's id is its own");
    }

    #[tokio::test]
    async fn every_reference_of_the_document_leads_somewhere() {
        let document = serde_json::to_value(document()).unwrap();
        let text = document.to_string();
        let references: BTreeSet<&str> = text.split("\"$ref\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(references.len() > 50, "{references:?}");
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads out of the document"));
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        for name in ["Recipe", "StudyResults", "Event", "Problem", "FieldError", "DatasetEntry", "ModelEntry"] {
            assert!(!document["components"]["schemas"][name].is_null(), "{name} is not described");
        }
    }

    #[test]
    fn what_changes_something_needs_a_token_that_may() {
        for operation in operations() {
            let reads = ["validate_recipe", "estimate_recipe"].contains(&operation.id) || operation.method == Method::GET;
            assert_eq!(operation.access, if reads { Access::ApiRead } else { Access::ApiWrite }, "{}", operation.id);
        }
    }
}
