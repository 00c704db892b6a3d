//! Puts a text on the clipboard; only there once the client runs. Where the browser allows no page to do so (over plain http from another
//! machine there is no clipboard), the text is laid out and selected, to be copied by hand.

use crate::browser;
use leptos::{html, prelude::*};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Nothing,
    Copied,
    Refused,
}

#[component]
pub(crate) fn CopyButton(#[prop(into)] text: Signal<String>, label: &'static str) -> impl IntoView {
    let client_runs = browser::client_runs();
    let outcome = RwSignal::new(Outcome::Nothing);
    let area = NodeRef::<html::Textarea>::new();
    // when the text is in it: to write a field's value undoes what is selected of it
    let select = move || {
        request_animation_frame(move || {
            if let Some(area) = area.get_untracked() {
                let _ = area.focus();
                area.select();
            }
        });
    };
    Effect::new(move |_| {
        if area.get().is_some() {
            select();
        }
    });
    let copy = move |_| {
        browser::copy(&text.get_untracked(), move |copied| {
            let now = if copied { Outcome::Copied } else { Outcome::Refused };
            if outcome.try_get_untracked() == Some(now) {
                // it is laid out already
                select();
            } else {
                outcome.try_set(now);
            }
        });
    };
    let said = move || match outcome.get() {
        Outcome::Nothing => "",
        Outcome::Copied => " Copied.",
        Outcome::Refused => " Not copied: this browser does not let this page. The text is selected; press Ctrl+C, or ⌘C on a Mac.",
    };
    view! {
        <button type="button" hidden=move || !client_runs.get() on:click=copy>{label}</button>
        <span class="note" role="status">{said}</span>
        {move || (outcome.get() == Outcome::Refused).then(|| view! {
            <textarea node_ref=area class="copy-by-hand" readonly rows="3" spellcheck="false" aria-label="The text to copy" prop:value=text></textarea>
        })}
    }
}
