//! Pages that a form is answered with.

use crate::state::AppState;
use axum::{
    body::Body,
    extract::Request,
    http::{Method, StatusCode, Uri, request::Parts},
    response::Response,
};
use rankscope_app::backend::SharedBackend;

/// The page at `address` as `GET` gives it. What it is to tell besides lies in the request's extensions.
pub async fn render(state: &AppState, mut parts: Parts, address: Uri, status: StatusCode) -> Response {
    parts.method = Method::GET;
    parts.uri = address;
    let (backend, options): (SharedBackend, _) = (state.backend.clone(), state.leptos_options.clone());
    let render = leptos_axum::render_app_async_with_context(
        move || leptos::prelude::provide_context(backend.clone()),
        move || rankscope_app::shell(options.clone()),
    );
    let mut page = render(Request::from_parts(parts, Body::empty())).await;
    *page.status_mut() = status;
    page
}
