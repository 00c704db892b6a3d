//! A table that scrolls by itself where the page is narrow.

use leptos::prelude::*;

pub(crate) fn scrolling(label: &'static str, table: AnyView) -> impl IntoView {
    view! { <div class="scroll" role="group" aria-label=label tabindex="0">{table}</div> }
}
