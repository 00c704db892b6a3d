//! One model: what its files say, and what it takes to train it at each rank and in full.

use super::{origin, parameters};
use crate::{
    api::models::{RemoveModel, get_model},
    components::{
        error_view::{ErrorNotice, ErrorView},
        pending::Pending,
    },
    form::percent_encode,
    quantity,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use rankscope_domain::model::{ModelDetails, ModelEntry, ModelOrigin, TrainingCost};

#[component]
pub(crate) fn ModelPage() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.read().get("name").unwrap_or_default());
    let model = Resource::new(move || name.get(), get_model);
    view! {
        <Suspense fallback=|| view! { <Pending what="the model" /> }>
            {move || Suspend::new(async move {
                match model.await {
                    Ok(model) => view! { <Model model /> }.into_any(),
                    Err(error) => view! { <ErrorView error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Model(model: ModelEntry) -> impl IntoView {
    // an encoder can't continue a text, but classify it
    let continues_text = model.details.as_ref().is_none_or(|details| details.classes.is_none());
    let start = if continues_text { "" } else { "preset=classification-quick&classifier.head=class_head&" };
    let study = format!("/studies/new?{start}model={}", percent_encode(&model.source));
    let is_usable = model.details.is_some();
    let problem = model.problem.clone();
    view! {
        <Title text=model.name.clone() />
        <p class="crumb"><a href="/models">"Models"</a></p>
        <div class="title-row">
            <div>
                <h1>{model.name.clone()}</h1>
                <p class="lead">{capital(&origin(&model))} "."</p>
            </div>
            <div class="actions">
                {is_usable.then(|| view! { <a class="button button-main" href=study>"New study with it"</a> })}
                {model.origin.is_removable().then(|| view! { <Remove name=model.name.clone() origin=model.origin /> })}
            </div>
        </div>
        {(!problem.is_empty()).then(|| view! { <p class="notice notice-error">"It can’t be used: " {problem}</p> })}
        {model.details.clone().map(|details| view! {
            <Training costs=details.training.clone() machine=details.machine_memory_bytes />
            <Facts model=model.clone() details />
        })}
    }
}

#[component]
fn Remove(name: String, origin: ModelOrigin) -> impl IntoView {
    let remove = ServerAction::<RemoveModel>::new();
    let what = if origin == ModelOrigin::Hub {
        "This deletes the files that were fetched for it. Adding it again fetches them again."
    } else {
        "This takes it off the list. Its files stay where they are."
    };
    view! {
        <details class="confirm">
            <summary class="button">"Remove …"</summary>
            <ActionForm action=remove>
                <p>{what}</p>
                <input type="hidden" name="name" value=name />
                <button class="button-danger" type="submit" disabled=move || remove.pending().get()>"Remove this model"</button>
            </ActionForm>
        </details>
        {move || remove.value().get().and_then(Result::err).map(|error| view! { <ErrorNotice error /> })}
    }
}

#[component]
fn Training(costs: Vec<TrainingCost>, machine: Option<u64>) -> impl IntoView {
    let of_machine = machine.map(|bytes| format!(" This machine has {}.", quantity::bytes(bytes))).unwrap_or_default();
    let problems: Vec<String> =
        costs.iter().filter(|cost| !cost.problem.is_empty()).map(|cost| format!("{}: {}.", cost.arm.label(), cost.problem)).collect();
    let rows = costs
        .into_iter()
        .map(|cost| {
            let label = cost.arm.label();
            if !cost.problem.is_empty() {
                return view! { <tr><th scope="row">{label}</th><td colspan="3" class="muted">"not possible"</td></tr> }.into_any();
            }
            let is_too_much = machine.is_some_and(|machine| cost.memory_bytes > machine);
            view! {
                <tr>
                    <th scope="row">{label}</th>
                    <td class="number">{parameters(cost.trained_parameters)}</td>
                    <td class="number">
                        {quantity::bytes(cost.memory_bytes)}
                        {is_too_much.then(|| view! { <span class="field-error">" too much"</span> })}
                    </td>
                    <td class="number">{short_duration(cost.seconds_per_1000_tokens)}</td>
                </tr>
            }
            .into_any()
        })
        .collect_view();
    view! {
        <section aria-labelledby="training-title">
            <h2 id="training-title">"Training it on this machine"</h2>
            <p class="caption">
                {format!("One arm alone, with batches of 8 short prompts, in 32 bits. Time is reckoned from the speed of this machine as it was measured, with what else ran then; the ranks of one study share most of it. Memory is the worker’s peak.{of_machine}")}
            </p>
            <div class="scroll" role="group" aria-labelledby="training-title" tabindex="0">
                <table class="narrow spaced">
                    <thead>
                        <tr>
                            <th scope="col">"Arm"</th>
                            <th scope="col" class="number">"Trained parameters"</th>
                            <th scope="col" class="number">"Memory"</th>
                            <th scope="col" class="number">"Time for 1000 tokens"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            {problems.into_iter().map(|text| view! { <p class="note">{text}</p> }).collect_view()}
        </section>
    }
}

#[component]
fn Facts(model: ModelEntry, details: ModelDetails) -> impl IntoView {
    let summary = details.summary;
    let hash = if summary.sha256.is_empty() { "not computed yet".into() } else { summary.sha256 };
    let licence = summary.licence.unwrap_or_else(|| "not said in its files".into());
    let template = if details.has_chat_template { "yes" } else { "no" };
    view! {
        <section aria-labelledby="facts-title">
            <h2 id="facts-title">"What its files say"</h2>
            <dl class="facts">
                <dt>"Kind"</dt>
                <dd>{summary.kind}</dd>
                <dt>"Parameters"</dt>
                <dd>{quantity::count(summary.parameters)}</dd>
                <dt>"Stored as"</dt>
                <dd>{summary.dtype}</dd>
                <dt>"Layers × width"</dt>
                <dd>{format!("{} × {}", summary.layers, quantity::count(summary.hidden_size.into()))}</dd>
                <dt>"Vocabulary"</dt>
                <dd>{format!("{} tokens", quantity::count(summary.vocab_size.into()))}</dd>
                <dt>"Context"</dt>
                <dd>{format!("{} tokens", quantity::count(details.max_position_embeddings))}</dd>
                <dt>"Chat template"</dt>
                <dd>{template}</dd>
                {details.classes.map(|classes| view! { <dt>"Classes"</dt><dd>{format!("{classes}; it tells texts apart and does not continue them")}</dd> })}
                <dt>"Licence"</dt>
                <dd>{licence}</dd>
                <dt>"On disk"</dt>
                <dd>{quantity::bytes(details.disk_bytes)}</dd>
                <dt>"model.source"</dt>
                <dd><code>{model.source}</code></dd>
                <dt>"Path"</dt>
                <dd><code>{model.path}</code></dd>
                {summary.revision.map(|commit| view! { <dt>"Commit"</dt><dd><code class="hash">{commit}</code></dd> })}
                <dt>"SHA-256 of the weights"</dt>
                <dd><code class="hash">{hash}</code></dd>
            </dl>
        </section>
    }
}

/// Below ten seconds with a decimal: a small model's ranks differ there.
fn short_duration(seconds: f64) -> String {
    if seconds < 0.1 {
        "< 0.1 s".into()
    } else if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else {
        quantity::duration(seconds)
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
