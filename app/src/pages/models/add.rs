//! The form that adds a model, and the models that are on their way.

use crate::{
    api::models::{AddModel as AddModelCall, CancelModelJob, list_model_jobs},
    browser,
    components::error_view::ErrorNotice,
    error::AppError,
    quantity,
};
use leptos::{html, prelude::*, task::spawn_local};
use leptos_router::hooks::use_query_map;
use rankscope_domain::model::{JobState, ModelJob};
use std::time::Duration;

/// How often the server is asked how far a download is.
const EVERY: Duration = Duration::from_millis(700);

#[component]
pub(super) fn AddModel(
    /// Counted up when the list must be fetched again.
    changes: RwSignal<u32>,
) -> impl IntoView {
    let add = ServerAction::<AddModelCall>::new();
    let query = use_query_map();
    // what a refused form without JavaScript comes back with
    let typed = query.with_untracked(|query| query.get("source").unwrap_or_default());
    let refused = query.with_untracked(|query| query.get("refused")).filter(|text| !text.is_empty());
    let client_runs = browser::client_runs();
    let input = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(Ok(())) = add.value().get() {
            changes.update(|count| *count += 1);
            if let Some(input) = input.get_untracked() {
                input.set_value("");
            }
        }
    });
    let first = StoredValue::new(refused);
    let refusal = move || match add.value().get() {
        Some(Err(AppError::Invalid(errors))) => errors.0.first().map(|error| error.remedy.clone()),
        Some(Err(error)) => Some(error.to_string()),
        Some(Ok(())) => None,
        None => first.get_value(),
    };
    view! {
        <section aria-labelledby="add-title">
            <h2 id="add-title">"Add a model"</h2>
            <ActionForm action=add attr:class="add-model">
                <div class="field">
                    <label for="add-source">"Model of the hub, or path"</label>
                    <input
                        node_ref=input
                        id="add-source"
                        name="source"
                        type="text"
                        required
                        autocomplete="off"
                        autocapitalize="off"
                        spellcheck="false"
                        placeholder="ORG/NAME@REVISION"
                        value=typed
                        aria-describedby="add-help add-error"
                        aria-invalid=move || refusal().map(|_| "true")
                    />
                </div>
                <button class="button-main" type="submit" disabled=move || add.pending().get()>"Add"</button>
                <div id="add-error" class="add-note" role="alert">
                    {move || refusal().map(|text| view! { <p class="field-error">{text}</p> })}
                </div>
                <p class="note add-note" id="add-help">
                    "As in openai-community/gpt2@main; the revision is a branch, a tag or a commit. It is fetched in the background into the hub’s own cache. "
                    "A path of a GGUF file or of a Hugging Face directory is added as it lies."
                    {move || (!client_runs.get()).then_some(" Reload this page to see how far a download is.")}
                </p>
            </ActionForm>
        </section>
    }
}

#[component]
pub(super) fn Jobs(jobs: Vec<ModelJob>, cancel: ServerAction<CancelModelJob>, changes: RwSignal<u32>) -> impl IntoView {
    let jobs = RwSignal::new(jobs);
    follow(jobs, changes);
    // rows stay while their figures change, so that a button is not replaced under the hand
    let ids = Memo::new(move |_| jobs.with(|jobs| jobs.iter().map(|job| job.id).collect::<Vec<_>>()));
    let announcement = Memo::new(move |_| jobs.with(|jobs| announce(jobs)));
    view! {
        <p class="visually-hidden" role="status">{move || announcement.get()}</p>
        <section aria-labelledby="jobs-title" hidden=move || ids.with(Vec::is_empty)>
            <h2 id="jobs-title">"On their way"</h2>
            <ul class="jobs">
                <For each=move || ids.get() key=|id| *id let(id)>
                    <JobRow id jobs cancel />
                </For>
            </ul>
            {move || cancel.value().get().and_then(Result::err).map(|error| view! { <ErrorNotice error /> })}
        </section>
    }
}

#[component]
fn JobRow(id: u64, jobs: RwSignal<Vec<ModelJob>>, cancel: ServerAction<CancelModelJob>) -> impl IntoView {
    let job = Memo::new(move |_| jobs.with(|jobs| jobs.iter().find(|job| job.id == id).cloned()));
    let state = Memo::new(move |_| job.with(|job| job.as_ref().map(|job| job.state)));
    let source = job.with_untracked(|job| job.as_ref().map(|job| job.source.clone()).unwrap_or_default());
    let label = format!("Download of {source}");
    let button_for = source.clone();
    let button = move || match state.get() {
        Some(state) if state.is_active() => "Cancel",
        _ => "Dismiss",
    };
    view! {
        <li class="job">
            <div>
                <p class="job-name">
                    <strong>{source}</strong>
                    " "
                    <span class="status">{move || state.get().map(JobState::label)}</span>
                </p>
                {move || {
                    let job = job.get()?;
                    Some(match job.state {
                        JobState::Failed => view! { <p class="field-error">{job.message}</p> }.into_any(),
                        JobState::Cancelled => view! { <p class="note">{job.message}</p> }.into_any(),
                        JobState::Done => view! { <p class="note">"It is in the list below."</p> }.into_any(),
                        JobState::Queued => view! { <p class="note">"Starts when the one before it has ended."</p> }.into_any(),
                        JobState::Running => running(&job, label.clone()).into_any(),
                    })
                }}
            </div>
            <ActionForm action=cancel>
                <input type="hidden" name="id" value=id.to_string() />
                <button type="submit" aria-label=move || format!("{} {button_for}", button())>{button}</button>
            </ActionForm>
        </li>
    }
}

fn running(job: &ModelJob, label: String) -> impl IntoView + use<> {
    if job.total_bytes == 0 {
        return view! { <p class="note">"Asking the hub …"</p> }.into_any();
    }
    let part = job.done_bytes as f64 / job.total_bytes as f64;
    let size = format!("{} of {}", quantity::bytes(job.done_bytes), quantity::bytes(job.total_bytes));
    let rate = (job.bytes_per_second > 0.0).then(|| format!("{}/s", quantity::bytes(job.bytes_per_second as u64)));
    let left = (job.seconds_left > 0.0).then(|| format!("about {} left", quantity::duration(job.seconds_left)));
    let doing = if job.done_bytes >= job.total_bytes { "checking it …".to_string() } else { job.file.clone() };
    view! {
        <div class="bar-row">
            <progress aria-label=label max="1" value=format!("{part:.3}")></progress>
            <span class="number">{size}</span>
            {rate.map(|text| view! { <span class="number">{text}</span> })}
            {left.map(|text| view! { <span class="muted">{text}</span> })}
        </div>
        <p class="note">{doing}</p>
    }
    .into_any()
}

/// What changed, once a change.
fn announce(jobs: &[ModelJob]) -> String {
    jobs.iter().map(|job| format!("{}: {}.", job.source, job.state.label())).collect::<Vec<_>>().join(" ")
}

/// Asks how far the jobs are for as long as one is under way; when one ends, the list is fetched again.
fn follow(jobs: RwSignal<Vec<ModelJob>>, changes: RwSignal<u32>) {
    let is_active = move || jobs.try_with_untracked(|jobs| jobs.iter().any(|job| job.state.is_active())).unwrap_or(false);
    let asking = StoredValue::new(false);
    Effect::new(move |_| {
        if !is_active() {
            return;
        }
        let handle = set_interval_with_handle(
            move || {
                if !is_active() || asking.try_get_value().unwrap_or(true) {
                    return;
                }
                asking.set_value(true);
                spawn_local(async move {
                    // a server that is away for a moment is asked again
                    if let Ok(now) = list_model_jobs().await {
                        let ended = |list: &[ModelJob]| list.iter().filter(|job| !job.state.is_active()).count();
                        let before = jobs.try_with_untracked(|jobs| ended(jobs)).unwrap_or_default();
                        if ended(&now) != before {
                            changes.try_update(|count| *count += 1);
                        }
                        jobs.try_set(now);
                    }
                    asking.try_set_value(false);
                });
            },
            EVERY,
        );
        if let Ok(handle) = handle {
            on_cleanup(move || handle.clear());
        }
    });
}
