//! `/studies/{id}`: one study. The query string says which tab: `?tab=toxicity`.

mod accuracy;
mod accuracy_tables;
mod actions;
mod asked;
mod cells;
mod choices;
mod completions;
mod corrected;
mod divergence;
mod examples;
mod judge;
#[cfg(all(test, feature = "ssr"))]
mod judge_tests;
mod lens;
mod margins;
mod no_inspection;
mod place;
mod progress;
mod recipe;
mod tabs;
#[cfg(all(test, feature = "ssr"))]
mod tests;
mod toxicity;

pub(crate) use completions::CompletionItem;
pub(crate) use place::{StudyPlace, TabStudy};
pub(crate) use tabs::{StudyTabs, results_tab, shared_tabs};

use crate::{
    api::studies::{CancelStudy, ResumeStudy, get_study},
    browser,
    components::{arm_list::arm_list, error_view::ErrorView, pending::Pending, status_mark::StatusMark},
    quantity,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use rankscope_domain::{
    event::{Event, Happening},
    view::{Progress, StudyOverview, StudyStatus},
};
use std::sync::Arc;

#[component]
pub(crate) fn StudyPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("id").unwrap_or_default());
    let cancel = ServerAction::<CancelStudy>::new();
    let resume = ServerAction::<ResumeStudy>::new();
    let changes = RwSignal::new(0_u32);
    let study = Resource::new(move || (id.get(), changes.get(), cancel.version().get(), resume.version().get()), |(id, ..)| get_study(id));
    view! {
        <Transition fallback=|| view! { <Pending what="the study" /> }>
            {move || Suspend::new(async move {
                match study.await {
                    Ok(study) => view! { <Study study cancel resume changes /> }.into_any(),
                    Err(error) => view! { <ErrorView error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Study(
    study: StudyOverview,
    cancel: ServerAction<CancelStudy>,
    resume: ServerAction<ResumeStudy>,
    /// To be counted up when the study must be fetched again.
    changes: RwSignal<u32>,
) -> impl IntoView {
    let card = study.card.clone();
    let with_results = results_tab(card.kind);
    let default_tab = if study.results.is_some() && !card.status.is_active() { with_results } else { "progress" };
    let progress = RwSignal::new(study.progress.clone());
    if card.status.is_active() {
        follow(&card.id, card.status, progress, changes);
    }

    let arms = arm_list(&card.arms);
    let summary = format!(
        "{} · {arms} · {} {} · created {}",
        card.model,
        card.seeds,
        if card.seeds == 1 { "seed" } else { "seeds" },
        quantity::time(&card.created_at)
    );
    let queued =
        card.queue_position.filter(|_| card.status == StudyStatus::Queued).map(|position| format!("Place {position} in the queue."));
    let message = study.message.clone();
    let message_class = if card.status == StudyStatus::Failed { "notice notice-error" } else { "notice" };
    let (id, name, is_example, status, kind) = (card.id.clone(), card.name.clone(), card.is_example, card.status, card.kind);
    let (provenance, host) = study.provenance.map(place::split).unzip();
    let shown = TabStudy {
        place: StudyPlace::Owners(id.clone()),
        recipe_toml: study.recipe_toml,
        results: study.results.map(Arc::new),
        provenance,
        machine: Some(place::Machine { host, directory: study.directory, imported: card.imported.clone() }),
    };
    let results_tab = shown.results.is_some().then_some(with_results);
    let progress_tab = move || view! { <progress::ProgressTab id=id.clone() status progress results_tab /> }.into_any();
    let (is_imported, has_results) = (card.imported.is_some(), results_tab.is_some());
    view! {
        <Title text=name.clone() />
        <div class="title-row">
            <div>
                <h1>
                    {name} {is_example.then(|| view! { <span class="tag">"example"</span> })}
                    {is_imported.then(|| view! { <span class="tag">"imported"</span> })}
                </h1>
                <p class="lead"><StatusMark status /> " · " {summary} {queued.map(|text| format!(" {text}"))}</p>
            </div>
            <actions::Actions card has_results cancel resume />
        </div>
        {(!message.is_empty()).then(|| view! { <p class=message_class>{message}</p> })}
        <StudyTabs study=shown tabs=tabs::owners_tabs(kind) default_tab other=progress_tab />
    }
}

/// Folds the study's events into `progress` as they come, and has the study fetched again when its state changes.
fn follow(id: &str, status: StudyStatus, progress: RwSignal<Progress>, changes: RwSignal<u32>) {
    let id = id.to_string();
    Effect::new(move |_| {
        let after = progress.with_untracked(|progress| progress.last_event_id);
        let address = format!("/studies/{id}/events?after={after}");
        let on_event = move |text: String| {
            let Ok(event) = serde_json::from_str::<Event>(&text) else { return };
            let is_new = progress.try_with_untracked(|progress| event.id > progress.last_event_id).unwrap_or(false);
            progress.try_update(|progress| progress.apply(&event));
            if is_new && status == StudyStatus::Queued && matches!(event.what, Happening::WorkerStarted { .. }) {
                changes.try_update(|count| *count += 1);
            }
        };
        browser::follow_events(&address, on_event, move || {
            changes.try_update(|count| *count += 1);
        });
    });
}
