//! `/studies/{id}`: one study. The query string says which tab: `?tab=toxicity`.

mod accuracy;
mod accuracy_tables;
mod actions;
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
mod progress;
mod recipe;
#[cfg(all(test, feature = "ssr"))]
mod tests;
mod toxicity;

pub(crate) use completions::SHOW_KEY;

use crate::{
    api::studies::{CancelStudy, ResumeStudy, get_study},
    browser,
    components::{arm_list::arm_list, error_view::ErrorView, pending::Pending, status_mark::StatusMark},
    quantity,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use rankscope_domain::{
    event::{Event, Happening},
    recipe::StudyKind,
    view::{Progress, StudyOverview, StudyStatus},
};

/// A tab, as in the address and as it is named.
type Tab = (&'static str, &'static str);

fn tabs_of(kind: StudyKind) -> Vec<Tab> {
    let (lens, divergence) = (("lens", "Logit lens"), ("divergence", "Divergence"));
    let recipe = ("recipe", "Recipe and provenance");
    match kind {
        StudyKind::Toxicity => {
            let judge = ("judge", "Judge and labels");
            vec![("progress", "Progress"), ("toxicity", "Toxicity"), ("completions", "Completions"), judge, lens, divergence, recipe]
        }
        StudyKind::Classification => {
            let (accuracy, margins) = (("accuracy", "Accuracy"), ("margins", "Margins and calibration"));
            vec![("progress", "Progress"), accuracy, margins, ("examples", "Examples"), lens, divergence, recipe]
        }
    }
}

/// The tab that shows what the study found.
fn results_tab(kind: StudyKind) -> &'static str {
    match kind {
        StudyKind::Toxicity => "toxicity",
        StudyKind::Classification => "accuracy",
    }
}

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
    let tabs = tabs_of(card.kind);
    let with_results = results_tab(card.kind);
    let default_tab = if study.results.is_some() && !card.status.is_active() { with_results } else { "progress" };
    let query = use_query_map();
    let names: Vec<&'static str> = tabs.iter().map(|(name, _)| *name).collect();
    let tab = Memo::new(move |_| {
        let asked = query.read().get("tab").unwrap_or_default();
        names.iter().copied().find(|name| *name == asked).unwrap_or(default_tab)
    });
    let progress = RwSignal::new(study.progress.clone());
    if card.status.is_active() {
        follow(&card.id, card.status, progress, changes);
    }

    let base = format!("/studies/{}", card.id);
    let tabs = tabs
        .into_iter()
        .map(|(name, label)| {
            let address = format!("{base}?tab={name}");
            view! { <li><a href=address aria-current=move || (tab.get() == name).then_some("page")>{label}</a></li> }
        })
        .collect_view();
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
    let (id, name, is_example, status) = (card.id.clone(), card.name.clone(), card.is_example, card.status);
    view! {
        <Title text=name.clone() />
        <div class="title-row">
            <div>
                <h1>{name} {is_example.then(|| view! { <span class="tag">"example"</span> })}</h1>
                <p class="lead"><StatusMark status /> " · " {summary} {queued.map(|text| format!(" {text}"))}</p>
            </div>
            <actions::Actions card cancel resume />
        </div>
        {(!message.is_empty()).then(|| view! { <p class=message_class>{message}</p> })}
        <nav class="tabs" aria-label="Parts of the study"><ul>{tabs}</ul></nav>
        {move || match tab.get() {
            "toxicity" => view! { <toxicity::Toxicity study=study.clone() /> }.into_any(),
            "accuracy" => view! { <accuracy::Accuracy study=study.clone() /> }.into_any(),
            "margins" => view! { <margins::Margins study=study.clone() /> }.into_any(),
            "completions" => view! { <completions::Completions id=id.clone() /> }.into_any(),
            "examples" => view! { <examples::Examples id=id.clone() /> }.into_any(),
            "judge" => view! { <judge::JudgeTab id=id.clone() finished=study.results.is_some() /> }.into_any(),
            "lens" => view! { <lens::Lens study=study.clone() /> }.into_any(),
            "divergence" => view! { <divergence::Divergence study=study.clone() /> }.into_any(),
            "recipe" => view! { <recipe::RecipeTab study=study.clone() /> }.into_any(),
            _ => view! { <progress::ProgressTab id=id.clone() status progress results_tab=study.results.is_some().then_some(with_results) /> }.into_any(),
        }}
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
