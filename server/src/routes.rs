//! Every address that the server answers and who may come there, in one table. The router is made from it, the guard
//! asks it, and the tests walk it: a route that is not in it is not answered.

use crate::{
    accounts::{
        log_in::{log_in, log_out},
        token_form,
    },
    api::{self, API_PREFIX},
    comparison_files, dataset_files, dataset_upload, downloads, event_stream, health, judge_files, labels_form,
    lens_desk::events,
    lens_files, metrics,
    shares::downloads as shared,
    state::AppState,
    study_upload,
};
use axum::{
    http::Method,
    routing::{MethodRouter, get, post},
};
use leptos::server_fn::ServerFn;
use leptos_axum::{AxumRouteListing, generate_route_list};
use rankscope_app::{
    api::{
        shared::{GetShared, GetSharedComparison, GetSharedCompletions, GetSharedLens},
        shared_labelling::{BeginSharedLabelling, GetSharedLabelling, GiveSharedLabel, ListSharedRounds, UndoSharedLabel},
    },
    visitor::{LOGIN_PATH, LOGOUT_PATH, TOKENS_PATH},
};
use rankscope_domain::token::TokenScope;
use std::collections::HashMap;

/// Who may come, and what the others are told. From the least strict on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Anybody; nobody is asked for a session.
    Public,
    /// Anybody, but the page looks at whether one is logged in.
    Visitor,
    /// The owner; others are led to the log-in page.
    OwnersPage,
    /// The owner; others get 401.
    OwnersFile,
    /// The owner; others get 401, said as server functions say their errors.
    OwnersCall,
    /// The owner, or a script with a token; others get 401 as a problem (RFC 9457).
    ApiRead,
    /// The owner, or a script with a token of scope `write`.
    ApiWrite,
}

impl Access {
    /// Whether it is the owner's alone.
    pub fn needs_session(self) -> bool {
        self >= Self::OwnersPage
    }

    /// What a token must reach to; none: tokens don't count here.
    pub fn scope(self) -> Option<TokenScope> {
        match self {
            Self::ApiRead => Some(TokenScope::Read),
            Self::ApiWrite => Some(TokenScope::Write),
            _ => None,
        }
    }

    pub fn takes_tokens(self) -> bool {
        self.scope().is_some()
    }
}

/// One method of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub method: Method,
    /// As axum writes it: `/studies/{id}`, `/models/{*name}`.
    pub path: String,
    pub access: Access,
}

/// How much one may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLimit {
    /// What a form holds.
    Small,
    /// The handler counts what it is sent.
    Own,
}

/// A route that is neither a page nor a server function.
pub struct OwnRoute {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub body: BodyLimit,
    pub handler: MethodRouter<AppState>,
}

/// What is neither a page nor a server function.
pub fn own_routes() -> Vec<OwnRoute> {
    use Access::{ApiRead, OwnersFile, Public};
    use BodyLimit::{Own, Small};
    let route = |method, path, access, body, handler| OwnRoute { method, path, access, body, handler };
    let mut routes = vec![
        route(Method::GET, "/healthz", Public, Small, get(health::alive)),
        route(Method::GET, "/readyz", Public, Small, get(health::ready)),
        route(Method::POST, LOGIN_PATH, Public, Small, post(log_in)),
        route(Method::POST, LOGOUT_PATH, Public, Small, post(log_out)),
        route(Method::GET, "/studies/{id}/events", OwnersFile, Small, get(event_stream::stream)),
        route(Method::GET, "/studies/{id}/recipe.toml", OwnersFile, Small, get(downloads::recipe)),
        route(Method::GET, "/studies/{id}/results.json", OwnersFile, Small, get(downloads::results)),
        route(Method::GET, "/studies/{id}/labels.csv", OwnersFile, Small, get(downloads::labels_csv)),
        route(Method::GET, "/studies/{id}/labels.jsonl", OwnersFile, Small, get(downloads::labels_jsonl)),
        route(Method::GET, "/studies/{id}/figures/{file}", OwnersFile, Small, get(downloads::figure)),
        route(Method::GET, "/s/{token}/snapshot.json", Public, Small, get(shared::snapshot)),
        route(Method::GET, "/s/{token}/recipe.toml", Public, Small, get(shared::recipe)),
        route(Method::GET, "/s/{token}/results.json", Public, Small, get(shared::results)),
        route(Method::GET, "/s/{token}/figures/{file}", Public, Small, get(shared::figure)),
        route(Method::GET, "/lens/{ticket}/events", OwnersFile, Small, get(events::stream)),
        route(Method::GET, "/lens/figures/{file}", OwnersFile, Small, get(lens_files::figure)),
        route(Method::GET, "/lens/tables/{table}", OwnersFile, Small, get(lens_files::table)),
        route(Method::GET, "/compare/figures/{file}", OwnersFile, Small, get(comparison_files::figure)),
        route(Method::GET, "/compare/tables/{table}", OwnersFile, Small, get(comparison_files::table)),
        route(Method::GET, "/datasets/{name}/figures/{file}", OwnersFile, Small, get(dataset_files::figure)),
        route(Method::GET, "/datasets/{name}/tables/{table}", OwnersFile, Small, get(dataset_files::table)),
        route(Method::GET, "/studies/{id}/judge/figures/{file}", OwnersFile, Small, get(judge_files::figure)),
        route(Method::GET, "/studies/{id}/judge/tables/{table}", OwnersFile, Small, get(judge_files::table)),
        route(Method::GET, "/s/{token}/tables/{table}", Public, Small, get(shared::table)),
        route(Method::GET, "/studies/{id}/tables/{table}", OwnersFile, Small, get(downloads::table)),
        route(Method::GET, "/studies/{id}/report.html", OwnersFile, Small, get(downloads::report)),
        route(Method::GET, "/studies/{id}/export.zip", OwnersFile, Small, get(downloads::bundle)),
        route(Method::POST, "/studies/{id}", OwnersFile, Small, post(labels_form::import)),
        route(Method::POST, "/studies/import", OwnersFile, Own, post(study_upload::upload)),
        route(Method::POST, "/datasets/upload", OwnersFile, Own, post(dataset_upload::upload)),
        route(Method::POST, TOKENS_PATH, OwnersFile, Small, post(token_form::add)),
        route(Method::GET, "/metrics", ApiRead, Small, get(metrics::show)),
    ];
    routes.extend(api::operations().into_iter().map(OwnRoute::from));
    routes
}

/// The pages, as the app lists them.
pub fn pages() -> Vec<AxumRouteListing> {
    generate_route_list(rankscope_app::App)
}

/// Pages for those who are not logged in; every other page is the owner's.
const OPEN_PAGES: [&str; 1] = [LOGIN_PATH];
/// Pages for whoever has a right token; the gate before them asks for it.
const SHARED_PAGES: [&str; 2] = ["/s/{token}", "/s/{token}/annotate"];
/// What shared pages call, with their token. The last three change something: labels, where the link permits them.
const SHARED_CALLS: [&str; 9] = [
    GetShared::PATH,
    GetSharedComparison::PATH,
    GetSharedLens::PATH,
    GetSharedCompletions::PATH,
    ListSharedRounds::PATH,
    GetSharedLabelling::PATH,
    BeginSharedLabelling::PATH,
    GiveSharedLabel::PATH,
    UndoSharedLabel::PATH,
];
/// Files of `public/`; beside them only the client's, below `/pkg/`.
const OPEN_FILES: [&str; 2] = ["/favicon.svg", "/robots.txt"];

/// Whether an address is that of a server function which shared pages call.
pub fn is_shared_call(path: &str) -> bool {
    SHARED_CALLS.contains(&path)
}

/// The whole table.
pub fn table() -> Vec<Route> {
    let own = own_routes().into_iter().map(|OwnRoute { method, path, access, .. }| Route { method, path: path.into(), access });
    let pages = pages().into_iter().map(|page| {
        let access = match page.path() {
            path if OPEN_PAGES.contains(&path) => Access::Visitor,
            path if SHARED_PAGES.contains(&path) => Access::Public,
            _ => Access::OwnersPage,
        };
        Route { method: Method::GET, path: page.path().into(), access }
    });
    let calls = leptos::server_fn::axum::server_fn_paths().map(|(path, method)| {
        let access = if is_shared_call(path) { Access::Public } else { Access::OwnersCall };
        Route { method, path: path.into(), access }
    });
    own.chain(pages).chain(calls).collect()
}

/// The table as the guard asks it.
#[derive(Debug)]
pub struct AccessTable(HashMap<(String, Method), Access>);

impl AccessTable {
    pub fn new() -> Self {
        Self(table().into_iter().map(|route| ((route.path, route.method), route.access)).collect())
    }

    /// Of a route by its pattern; none: it is not in the table. A method that the address does not have gets nowhere, and
    /// is as strict as the strictest.
    pub fn of_route(&self, pattern: &str, method: &Method) -> Option<Access> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let there = self.0.iter().filter(|((path, _), _)| path == pattern);
        match self.0.get(&(pattern.to_string(), method.clone())) {
            Some(access) => Some(*access),
            None => there.map(|(_, access)| *access).max(),
        }
    }

    /// Of an address that is no route: a file of the client, or nothing.
    pub fn of_file(&self, path: &str) -> Access {
        if path.starts_with(API_PREFIX) {
            // what is there and what is not is told in one way
            return Access::ApiRead;
        }
        if path.starts_with("/pkg/") || OPEN_FILES.contains(&path) { Access::Public } else { Access::OwnersPage }
    }
}

impl Default for AccessTable {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[tokio::test]
    async fn what_is_open_is_named_here() {
        let open: HashSet<_> =
            table().into_iter().filter(|route| !route.access.needs_session()).map(|route| (route.method, route.path)).collect();
        let named = [
            (Method::GET, "/healthz"),
            (Method::GET, "/readyz"),
            (Method::GET, "/login"),
            (Method::POST, "/login"),
            (Method::POST, "/logout"),
            // with a token that opens a share
            (Method::GET, "/s/{token}"),
            (Method::GET, "/s/{token}/snapshot.json"),
            (Method::GET, "/s/{token}/recipe.toml"),
            (Method::GET, "/s/{token}/results.json"),
            (Method::GET, "/s/{token}/figures/{file}"),
            (Method::GET, "/s/{token}/tables/{table}"),
            (Method::POST, GetShared::PATH),
            (Method::POST, GetSharedComparison::PATH),
            (Method::POST, GetSharedLens::PATH),
            (Method::POST, GetSharedCompletions::PATH),
            // with one that permits labels
            (Method::GET, "/s/{token}/annotate"),
            (Method::POST, ListSharedRounds::PATH),
            (Method::POST, GetSharedLabelling::PATH),
            (Method::POST, BeginSharedLabelling::PATH),
            (Method::POST, GiveSharedLabel::PATH),
            (Method::POST, UndoSharedLabel::PATH),
        ];
        assert_eq!(open, named.map(|(method, path)| (method, path.to_string())).into());
    }

    #[tokio::test]
    async fn each_method_of_an_address_is_there_once() {
        let routes = table();
        let distinct: HashSet<_> = routes.iter().map(|route| (&route.method, &route.path)).collect();
        assert_eq!(distinct.len(), routes.len());
        for path in ["/", "/studies/{id}", "/models/{*name}", "/studies/{id}/events"] {
            assert!(routes.iter().any(|route| route.path == path), "{path}");
        }
        assert!(routes.iter().filter(|route| route.access == Access::OwnersCall).count() > 5, "the server functions are there");
    }

    #[tokio::test]
    async fn what_is_not_in_the_table_is_refused() {
        let table = AccessTable::new();
        assert_eq!(table.of_route("/secret/{id}", &Method::GET), None);
        assert_eq!(table.of_route("/login", &Method::HEAD), Some(Access::Visitor));
        assert_eq!(table.of_route("/login", &Method::DELETE), Some(Access::Visitor));
        assert_eq!(table.of_route("/", &Method::DELETE), Some(Access::OwnersPage));
        for (path, access) in [
            ("/pkg/rankscope.js", Access::Public),
            ("/favicon.svg", Access::Public),
            ("/pkg", Access::OwnersPage),
            ("/favicon.svg/x", Access::OwnersPage),
            ("/nothing", Access::OwnersPage),
            ("/api/v1/nothing", Access::ApiRead),
            ("/api/nothing", Access::OwnersPage),
            ("//pkg/x", Access::OwnersPage),
        ] {
            assert_eq!(table.of_file(path), access, "{path}");
        }
    }

    #[test]
    fn every_file_of_ours_that_the_pages_name_is_open() {
        for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../public")).unwrap() {
            let name = format!("/{}", file.unwrap().file_name().into_string().unwrap());
            assert!(OPEN_FILES.contains(&name.as_str()), "{name} of public/ is not in OPEN_FILES");
        }
    }
}
