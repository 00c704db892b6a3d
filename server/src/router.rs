//! What each request passes on its way to the routes of the table.

use crate::{
    accounts::guard::{Guard, require_owner},
    metrics, problem,
    routes::{self, AccessTable, BodyLimit},
    security,
    shares::gate::{self, Gate},
    site,
    state::AppState,
    study_id::StudyId,
};
use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderName, StatusCode},
    middleware,
    response::{IntoResponse, Response},
};
use leptos_axum::LeptosRoutes;
use rankscope_app::backend::SharedBackend;
use std::{any::Any, convert::Infallible, path::Path, sync::Arc, time::Duration};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer, CompressionLevel,
        predicate::{DefaultPredicate, NotForContentType, Predicate},
    },
    limit::RequestBodyLimitLayer,
    request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    trace::TraceLayer,
};

/// A recipe is a few kilobytes; nothing larger is sent to us.
const MAX_BODY_BYTES: usize = 1 << 20;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The whole server. `site_dir`: the browser client's files.
pub fn router(state: AppState, site_dir: Option<&Path>) -> Router {
    let backend: SharedBackend = state.backend.clone();
    let options = state.leptos_options.clone();
    let small_bodies =
        || ServiceBuilder::new().layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES));
    let guard = Guard { accounts: state.accounts.clone(), table: Arc::new(AccessTable::new()) };
    let routes = Router::new()
        .leptos_routes_with_context(
            &state,
            routes::pages(),
            move || leptos::prelude::provide_context(backend.clone()),
            move || rankscope_app::shell(options.clone()),
        )
        .fallback_service(site::files(&state, site_dir))
        .layer(small_bodies());
    let routes = routes::own_routes().into_iter().fold(routes, |router, route| {
        let handler = match route.body {
            BodyLimit::Small => route.handler.layer::<_, Infallible>(small_bodies()),
            BodyLimit::Own => route.handler.layer::<_, Infallible>(DefaultBodyLimit::disable()),
        };
        router.route(route.path, handler)
    });
    let shares = Gate::new(state.backend.shares.clone());
    // the first of these sees a request first
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(REQUEST_ID, NewRequestId))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(request_span)
                .on_request(())
                .on_response(|response: &Response, took: Duration, _: &tracing::Span| {
                    tracing::debug!(status = response.status().as_u16(), milliseconds = took.as_millis() as u64, "answered");
                })
                .on_failure(()),
        )
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(middleware::from_fn_with_state(state.metrics.clone(), metrics::count))
        .layer(middleware::from_fn(security::set_headers))
        .layer(middleware::from_fn(problem::as_problems))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(middleware::from_fn_with_state(state.accounts.clone(), security::note_client))
        .layer(middleware::from_fn_with_state(state.accounts.clone(), security::check_host))
        .layer(middleware::from_fn(security::check_origin))
        // before anything else is made of the address: whatever stands for a token has one answer
        .layer(middleware::from_fn_with_state(shares, gate::admit))
        .layer(middleware::from_fn(security::check_path))
        .layer(middleware::from_fn_with_state(guard, require_owner))
        .layer(
            CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(
                DefaultPredicate::new()
                    .and(NotForContentType::const_new("text/event-stream"))
                    // packed already
                    .and(NotForContentType::const_new("application/zip"))
                    .and(NotForContentType::const_new("application/pdf")),
            ),
        );
    routes.layer(layers).with_state(state)
}

fn request_span(request: &Request) -> tracing::Span {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", id, method = %request.method(), path = gate::without_token(request.uri().path()))
}

/// A name for each request, in its log lines and its answer.
#[derive(Debug, Clone, Copy)]
struct NewRequestId;

impl MakeRequestId for NewRequestId {
    fn make_request_id<B>(&mut self, _request: &axum::http::Request<B>) -> Option<RequestId> {
        StudyId::generate().as_str().parse().ok().map(RequestId::new)
    }
}

fn after_panic(panic: Box<dyn Any + Send>) -> Response<Body> {
    let reason = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
    tracing::error!(reason, "a request panicked");
    (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on the server. Its log says what; reload the page to try again.\n")
        .into_response()
}
