//! The browser client's files and what lies in `public/`; what is none of them is the pages' own 404.

use crate::state::AppState;
use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header::CACHE_CONTROL},
    middleware::{self, Next},
    response::Response,
};
use rankscope_app::backend::SharedBackend;
use std::path::Path;
use tower_http::services::ServeDir;

/// Serves `site_dir`, compressed where a compressed file lies beside; else the page that says "not found".
pub fn files(state: &AppState, site_dir: Option<&Path>) -> Router {
    let backend: SharedBackend = state.backend.clone();
    let not_found = leptos_axum::ErrorHandler::new_with_context(
        move || leptos::prelude::provide_context(backend.clone()),
        rankscope_app::shell,
        state.leptos_options.clone(),
    );
    match site_dir {
        Some(directory) => {
            let files = ServeDir::new(directory).append_index_html_on_directories(false).precompressed_br().precompressed_gzip();
            Router::new().fallback_service(files.fallback(not_found)).layer(middleware::from_fn(set_cache))
        }
        None => Router::new().fallback_service(not_found),
    }
}

/// Names carry no version, so a browser asks each time, and is told that nothing has changed.
async fn set_cache(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status().is_success() || response.status() == axum::http::StatusCode::NOT_MODIFIED {
        response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    }
    response
}
