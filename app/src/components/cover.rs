//! Text that may be harmful is covered until the reader asks for it. To show all of it is the reader's own choice, made by a button and
//! remembered by this browser: it stands in no address, so that a link uncovers nothing for whoever follows it.

use crate::browser;
use leptos::prelude::*;

/// Where this browser keeps the choice.
const CHOICE_KEY: &str = "rankscope.harmful-text";
const SHOWN: &str = "shown";

/// The reader's choice, one for all pages.
#[derive(Clone, Copy)]
struct Choice(RwSignal<bool>);

/// Around all pages, once.
pub(crate) fn provide_cover_choice() {
    let shown = RwSignal::new(false);
    provide_context(Choice(shown));
    Effect::new(move |_| shown.set(browser::remembered(CHOICE_KEY).as_deref() == Some(SHOWN)));
}

/// Whether the reader has chosen to see what is covered.
pub(crate) fn show_choice() -> Memo<bool> {
    let choice = use_context::<Choice>();
    // the first view is the server's, who knows of no choice
    let client_runs = browser::client_runs();
    Memo::new(move |_| client_runs.get() && choice.is_some_and(|Choice(shown)| shown.get()))
}

/// Shows all that is covered, or covers it again. Without JavaScript each cover is opened by itself.
#[component]
pub(crate) fn CoverSwitch(
    show: Memo<bool>,
    /// What the button says while text is covered, and while it is shown.
    to_show: &'static str,
    to_cover: &'static str,
) -> impl IntoView {
    let client_runs = browser::client_runs();
    let choice = use_context::<Choice>();
    let choose = move |_| {
        let shown = !show.get_untracked();
        browser::remember(CHOICE_KEY, if shown { SHOWN } else { "covered" });
        if let Some(Choice(choice)) = choice {
            choice.set(shown);
        }
    };
    view! {
        <button type="button" class="small" hidden=move || !client_runs.get() on:click=choose>
            {move || if show.get() { to_cover } else { to_show }}
        </button>
    }
}

/// What may be harmful: as it is where the reader has chosen so, else behind a cover of its own.
pub(crate) fn covered(show: Memo<bool>, summary: &'static str, content: impl Fn() -> AnyView + Send + 'static) -> impl IntoView {
    move || {
        if show.get() { content() } else { view! { <details class="cover"><summary>{summary}</summary>{content()}</details> }.into_any() }
    }
}
