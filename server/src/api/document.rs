//! The OpenAPI document, made of the operations.

use super::{Operation, operations};
use crate::problem::{PROBLEM_JSON, Problem};
use aide::{
    axum::ApiRouter,
    generate,
    openapi::{
        ApiKeyLocation, Info, License, MediaType, OpenApi, Operation as Described, PathItem, ReferenceOr, Response, SchemaObject,
        SecurityScheme, StatusCode,
    },
};
use axum::http::Method;
use schemars::{
    Schema,
    generate::{SchemaGenerator, SchemaSettings},
};

const DESCRIPTION: &str = "What the pages do, for scripts.\n\n\
    On a loopback address without a password no token is asked for. Elsewhere a request brings one, \
    `Authorization: Bearer rankscope_…`, from the page /tokens or `rankscope token add`; its scope is `read` or `write`. \
    A browser that has logged in may ask as well; then what changes something must come from Rankscope’s own pages.\n\n\
    Refusals are `application/problem+json` (RFC 9457), with every wrong field in `errors`.";

/// How an address is written in the document, where a name that takes the rest of the path is a parameter like others.
pub fn documented_path(path: &str) -> String {
    path.replace("{*", "{")
}

/// The document as a value that serialises to JSON.
pub fn document() -> OpenApi {
    // the generator belongs to the thread, and another call may have left something in it
    generate::reset_context();
    generate::in_context(|context| {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        context.schema = SchemaGenerator::new(settings);
    });
    let mut document = OpenApi {
        info: Info {
            title: "Rankscope".into(),
            description: Some(DESCRIPTION.into()),
            version: env!("CARGO_PKG_VERSION").into(),
            license: Some(License { name: "Apache-2.0".into(), identifier: Some("Apache-2.0".into()), ..Default::default() }),
            ..Default::default()
        },
        ..Default::default()
    };
    let problem = generate::in_context(|context| context.schema.subschema_for::<Problem>());
    let mut router = ApiRouter::new();
    let mut rest = Vec::new();
    for operation in operations() {
        let (path, statuses) = (documented_path(operation.path), operation.refusals());
        let Operation { method, access, handler, .. } = operation;
        router = router.api_route(&path, handler);
        rest.push((path, method, access, statuses));
    }
    // the routes that are answered are made of the table: this router is dropped
    drop(router.finish_api(&mut document));
    let components = document.components.get_or_insert_default();
    components.security_schemes.insert("token".into(), ReferenceOr::Item(token_scheme()));
    components.security_schemes.insert("session".into(), ReferenceOr::Item(session_scheme()));
    let paths = document.paths.get_or_insert_default();
    for (path, method, access, statuses) in rest {
        let Some(ReferenceOr::Item(item)) = paths.paths.get_mut(&path) else { continue };
        let Some(operation) = method_of(item, &method) else { continue };
        let scope = access.scope().map(|scope| scope.name().to_string());
        operation.security = vec![
            [("token".to_string(), scope.into_iter().collect())].into_iter().collect(),
            [("session".to_string(), Vec::new())].into_iter().collect(),
        ];
        let words = operation.summary.clone().unwrap_or_default();
        for (_, response) in &mut operation.responses.get_or_insert_default().responses {
            if let ReferenceOr::Item(response) = response
                && response.description.is_empty()
            {
                response.description.clone_from(&words);
            }
        }
        for status in statuses {
            let name = format!("Problem{status}");
            let shared = ReferenceOr::ref_(&format!("#/components/responses/{name}"));
            components.responses.entry(name).or_insert_with(|| ReferenceOr::Item(refusal(status, problem.clone())));
            operation.responses.get_or_insert_default().responses.entry(StatusCode::Code(status)).or_insert(shared);
        }
    }
    document
}

fn method_of<'i>(item: &'i mut PathItem, method: &Method) -> Option<&'i mut Described> {
    match *method {
        Method::GET => item.get.as_mut(),
        Method::POST => item.post.as_mut(),
        Method::DELETE => item.delete.as_mut(),
        _ => None,
    }
}

fn refusal(status: u16, problem: Schema) -> Response {
    let schema = SchemaObject { json_schema: problem, example: None, external_docs: None };
    let content = MediaType { schema: Some(schema), ..Default::default() };
    let words = match status {
        400 => "The request can’t be read.",
        401 => "No token, or one that is unknown, revoked or expired.",
        403 => "The token may only read; or the request came by a name that is not the server’s, or from another site’s page.",
        404 => "There is no such thing.",
        409 => "Not in this state: a running study can’t be deleted.",
        413 => "The body is too large.",
        415 => "The body’s Content-Type is not one that is taken.",
        422 => "Fields are wrong; `errors` names each with its value and what to put there.",
        503 => "Not now; `Retry-After` says when.",
        _ => "The server is at fault; its log says how.",
    };
    Response { description: words.into(), content: [(PROBLEM_JSON.to_string(), content)].into_iter().collect(), ..Default::default() }
}

fn token_scheme() -> SecurityScheme {
    SecurityScheme::Http {
        scheme: "bearer".into(),
        bearer_format: Some("rankscope_ and 64 hexadecimal digits".into()),
        description: Some("A token of the page /tokens or of `rankscope token add`.".into()),
        extensions: Default::default(),
    }
}

fn session_scheme() -> SecurityScheme {
    SecurityScheme::ApiKey {
        location: ApiKeyLocation::Cookie,
        name: "rankscope-session".into(),
        description: Some("A browser’s log-in; `__Host-rankscope-session` over https.".into()),
        extensions: Default::default(),
    }
}
