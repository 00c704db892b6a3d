//! Stands where something is still being fetched.

use leptos::prelude::*;

#[component]
pub(crate) fn Pending(what: &'static str) -> impl IntoView {
    view! { <p class="pending" role="status">{format!("Loading {what} …")}</p> }
}
