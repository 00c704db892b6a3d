//! Server functions: parse, call the backend, map the error; nothing else.

pub mod annotations;
pub mod comparison;
pub mod completions;
pub mod datasets;
pub mod examples;
pub mod lens;
pub mod models;
pub mod recipes;
pub mod shared;
pub mod shared_labelling;
pub mod shares;
pub mod studies;
pub mod tokens;

#[cfg(feature = "ssr")]
pub(crate) use on_server::{backend, new_request_id, own_address, redirect, refuse, typed_pairs, wants_html};

#[cfg(feature = "ssr")]
mod on_server {
    use crate::{backend::SharedBackend, error::AppError, form::percent_encode};
    use axum::http::{Method, StatusCode, header::ACCEPT, request::Parts};
    use leptos::prelude::use_context;
    use leptos_axum::ResponseOptions;

    /// The server's own part; to be fetched before the first await.
    pub(crate) fn backend() -> Result<SharedBackend, AppError> {
        use_context::<SharedBackend>().ok_or_else(|| AppError::Internal("The server was started without its backend.".into()))
    }

    /// Gives the response the status that belongs to the error, and hands the error on. A form that was sent without
    /// JavaScript is redirected instead, with the error in the address: its status stays.
    pub(crate) fn refuse<T>(response: Option<&ResponseOptions>, plain_form: bool, result: Result<T, AppError>) -> Result<T, AppError> {
        if let (Err(error), Some(response), false) = (&result, response, plain_form)
            && let Ok(status) = StatusCode::from_u16(error.status())
        {
            response.set_status(status);
        }
        result
    }

    /// Whether this is a form that a browser sent by itself: the answer must be a page.
    pub(crate) fn wants_html() -> bool {
        use_context::<Parts>().is_some_and(|parts| {
            parts.method == Method::POST
                && parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
        })
    }

    /// `http://localhost:3000`, as the browser has called this server; empty where that is not known.
    pub(crate) fn own_address() -> String {
        use_context::<Parts>().and_then(|parts| parts.extensions.get::<crate::visitor::OwnAddress>().cloned()).unwrap_or_default().0
    }

    /// What was typed into the short fields of a form that is refused, for the end of the address that it comes back with.
    pub(crate) fn typed_pairs(fields: &[(&str, &str)]) -> String {
        /// Addresses have to fit a header line.
        const LONGEST: usize = 500;
        let typed = fields.iter().filter(|(_, value)| !value.is_empty());
        typed.map(|(name, value)| format!("&{name}={}", percent_encode(&value.chars().take(LONGEST).collect::<String>()))).collect()
    }

    pub(crate) fn redirect(path: &str) {
        leptos_axum::redirect(path);
    }

    /// A fresh id for a form, so that sending it twice starts one study.
    pub(crate) fn new_request_id() -> String {
        ulid::Ulid::new().to_string()
    }
}

/// Runs a backend call with the response's status set after its result.
#[cfg(feature = "ssr")]
macro_rules! ask {
    (|$backend:ident| $call:expr) => {{
        let $backend = $crate::api::backend()?;
        let response = leptos::prelude::use_context::<leptos_axum::ResponseOptions>();
        let plain_form = $crate::api::wants_html();
        let result = $call.await;
        $crate::api::refuse(response.as_ref(), plain_form, result)
    }};
}
#[cfg(feature = "ssr")]
pub(crate) use ask;

/// A page of what `fetch` gives, by its number; the last where one behind it is asked for. `size`: how much there is in all, and on a page.
#[cfg(feature = "ssr")]
async fn or_last_page<P, F: Future<Output = Result<P, crate::error::AppError>>>(
    asked: u32,
    fetch: impl Fn(u32) -> F,
    size: impl Fn(&P) -> (u32, u32),
) -> Result<P, crate::error::AppError> {
    let page = fetch(asked).await?;
    let (total, page_size) = size(&page);
    match page_before(asked, total, page_size) {
        Some(last) => fetch(last).await,
        None => Ok(page),
    }
}

/// The last page, from 0, where one behind it is asked for; there is one also of nothing.
#[cfg(feature = "ssr")]
pub(crate) fn page_before(asked: u32, total: u32, page_size: u32) -> Option<u32> {
    let last = total.div_ceil(page_size.max(1)).saturating_sub(1);
    (asked > last).then_some(last)
}
