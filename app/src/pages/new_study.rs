//! `/studies/new`
use leptos::prelude::*;
#[component]
pub(crate) fn NewStudyPage() -> impl IntoView {
    view! { <h1>"New study"</h1> }
}
