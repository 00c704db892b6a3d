//! `/annotate/{study}` and `/s/{token}/annotate`: rounds of labels, and in a round (`?round=…&as=NAME`) one completion after another, blind
//! to where it comes from.
//!
//! What is shown here knows a [`Desk`], and nothing of who sits at it. Another way in is another variant of `Desk`, a page that makes one of
//! its address, and server functions that find out what it may do; `Labelling` and `Begin` stay as they are.

mod begin;
mod desk;
mod labelling;
mod rounds;

pub(crate) use desk::Desk;
#[cfg(feature = "ssr")]
pub(crate) use desk::{labelling_address, shared_desk_address};

use crate::{components::error_view::ErrorNotice, error::AppError};
use begin::BeginPage;
use labelling::LabellingPage;
use leptos::prelude::*;
use leptos_meta::{Meta, Title};
use leptos_router::hooks::{use_params_map, use_query_map};
use rounds::RoundsPage;

/// The owner's desk.
#[component]
pub(crate) fn AnnotatePage() -> impl IntoView {
    let params = use_params_map();
    let study = Memo::new(move |_| params.read().get("id").unwrap_or_default());
    move || view! { <AtDesk desk=Desk::Owner { study: study.get() } /> }
}

/// The desk of whoever has a share link that permits it.
#[component]
pub(crate) fn SharedAnnotatePage() -> impl IntoView {
    let params = use_params_map();
    let token = Memo::new(move |_| params.read().get("token").unwrap_or_default());
    view! {
        <Meta name="robots" content="noindex, nofollow, noarchive" />
        {move || view! { <AtDesk desk=Desk::Share { token: token.get() } /> }}
    }
}

/// What the address asks for at a desk: the rounds, the begin of one, or its completions.
#[component]
pub(crate) fn AtDesk(desk: Desk) -> impl IntoView {
    let query = use_query_map();
    let text = |name: &'static str| Memo::new(move |_| query.read().get(name).unwrap_or_default());
    let (round, name, refused) = (text("round"), text("as"), text("refused"));
    let at = Memo::new(move |_| query.read().get("at").and_then(|at| at.parse::<u32>().ok()).filter(|at| *at > 0));
    view! {
        <Title text="Label completions" />
        <h1>"Label completions"</h1>
        <div id="refused">
            {move || {
                let text = refused.get();
                (!text.is_empty()).then(|| view! { <ErrorNotice error=AppError::Conflict(text) /> })
            }}
        </div>
        {move || {
            let desk = desk.clone();
            match (round.get().is_empty(), name.get().is_empty()) {
                (true, _) => view! { <RoundsPage desk /> }.into_any(),
                (false, true) => view! { <BeginPage desk round=round.get() /> }.into_any(),
                (false, false) => view! { <LabellingPage desk round=round.get() name=name.get() at /> }.into_any(),
            }
        }}
    }
}
