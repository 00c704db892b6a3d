//! Puts a text on the clipboard; only there once the client runs.

use crate::browser;
use leptos::prelude::*;

#[component]
pub(crate) fn CopyButton(#[prop(into)] text: Signal<String>, label: &'static str) -> impl IntoView {
    let client_runs = browser::client_runs();
    let (copied, set_copied) = signal(false);
    view! {
        <button
            type="button"
            hidden=move || !client_runs.get()
            on:click=move |_| {
                browser::copy(&text.get_untracked());
                set_copied.set(true);
            }
        >
            {label}
        </button>
        <span class="note" role="status">{move || if copied.get() { " Copied." } else { "" }}</span>
    }
}
