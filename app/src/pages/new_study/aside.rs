//! Beside the form: what the study will take, and the recipe as TOML.

use super::{data_counts::DataCountsView, input::FormState};
use crate::{
    api::recipes::estimate_recipe,
    browser,
    components::{copy_button::CopyButton, error_view::ErrorNotice},
    error::AppError,
    form::{RecipeForm, percent_encode},
    quantity,
    raw_text::raw_text,
};
use leptos::{prelude::*, task::spawn_local};
use rankscope_domain::{
    FieldErrors, Recipe,
    estimate::{Estimate, GroupEstimate},
};
use std::time::Duration;

/// How long the form must rest before the server is asked.
const REST: Duration = Duration::from_millis(600);

/// The estimate of what the form says; asked for again when the form changes.
#[component]
pub(super) fn EstimatePanel(state: FormState, first: Option<Result<Estimate, AppError>>) -> impl IntoView {
    let estimate = RwSignal::new(first);
    let changes = StoredValue::new(0_u32);
    Effect::new(move |_| {
        let recipe = state.form.with(RecipeForm::to_recipe);
        changes.update_value(|count| *count += 1);
        let asked = changes.get_value();
        set_timeout(
            move || {
                let is_latest = move || changes.try_get_value() == Some(asked);
                if !is_latest() {
                    return;
                }
                match recipe {
                    Err(_) => estimate.set(None),
                    Ok(recipe) => spawn_local(async move {
                        let answer = estimate_recipe(recipe).await;
                        if is_latest() {
                            estimate.set(Some(answer));
                        }
                    }),
                }
            },
            REST,
        );
    });
    view! {
        <section aria-labelledby="estimate-title">
            <h2 id="estimate-title">"Estimate"</h2>
            <div aria-live="polite">
                {move || match estimate.get() {
                    None => view! {
                        <p class="note">
                            {move || {
                                if state.client_runs.get() {
                                    "Shown here as soon as the form can be read."
                                } else {
                                    "“Check and estimate” says how long this will take on this machine."
                                }
                            }}
                        </p>
                    }
                        .into_any(),
                    Some(Ok(estimate)) => view! { <EstimateView estimate /> }.into_any(),
                    Some(Err(error)) => view! { <ErrorNotice error /> }.into_any(),
                }}
            </div>
        </section>
    }
}

#[component]
fn EstimateView(estimate: Estimate) -> impl IntoView {
    let memory = match estimate.machine_memory_bytes {
        Some(machine) => format!("{} of this machine’s {}", quantity::bytes(estimate.peak_memory_bytes), quantity::bytes(machine)),
        None => quantity::bytes(estimate.peak_memory_bytes),
    };
    let is_too_much = estimate.memory_limit_bytes.is_some_and(|limit| estimate.peak_memory_bytes > limit);
    let limit = estimate.memory_limit_bytes.map(|limit| view! { <dt>"Memory limit"</dt><dd>{quantity::bytes(limit)}</dd> });
    let completions = estimate.data.is_none().then(|| {
        view! {
            <dt>"Prompts"</dt>
            <dd>{quantity::count(estimate.prompts.into())}</dd>
            <dt>"Completions"</dt>
            <dd>{quantity::count(estimate.completions)}</dd>
        }
    });
    let phases = estimate
        .phases
        .iter()
        .map(|phase| view! { <tr><th scope="row">{phase.label.clone()}</th><td class="number nowrap">{quantity::duration(phase.seconds)}</td></tr> })
        .collect_view();
    let groups = (!estimate.lora_groups.is_empty() || estimate.full_training_bytes.is_some()).then(|| memory_by_group(&estimate));
    let assumptions = estimate.assumptions.iter().map(|text| view! { <li>{text.clone()}</li> }).collect_view();
    let model = if estimate.model.name.is_empty() { estimate.model.source.clone() } else { estimate.model.name.clone() };
    view! {
        <p class="estimate-total">{format!("about {}", quantity::duration(estimate.total_seconds))}</p>
        <dl class="facts">
            <dt>"Memory"</dt>
            <dd>{memory}</dd>
            {limit}
            <dt>"Disk"</dt>
            <dd>{quantity::bytes(estimate.disk_bytes)}</dd>
            {completions}
            <dt>"Model"</dt>
            <dd>{format!("{model}, {} parameters", quantity::count(estimate.model.parameters))}</dd>
        </dl>
        {estimate.data.clone().map(|counts| view! { <DataCountsView counts /> })}
        {is_too_much.then(|| view! {
            <p class="notice notice-error">
                "This needs more memory than the study may take. Leave the full arm out, lower per_device_train_batch_size, or turn gradient_checkpointing on."
            </p>
        })}
        <details>
            <summary>"By phase, and what was assumed"</summary>
            <table><caption>"Time by phase."</caption><tbody>{phases}</tbody></table>
            {groups}
            <ul class="note">{assumptions}</ul>
        </details>
    }
}

/// Which arms are in memory together, and what each group peaks at.
fn memory_by_group(estimate: &Estimate) -> impl IntoView + use<> {
    let row = |who: String, training: u64, completing: Option<u64>| {
        view! {
            <tr>
                <th scope="row">{who}</th>
                <td class="number nowrap">{quantity::bytes(training)}</td>
                <td class="number nowrap">{completing.map_or_else(|| "–".into(), quantity::bytes)}</td>
            </tr>
        }
    };
    let names = |group: &GroupEstimate| group.cells.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let groups =
        estimate.lora_groups.iter().map(|group| row(names(group), group.training_bytes, Some(group.completing_bytes))).collect_view();
    let full = estimate.full_training_bytes.map(|bytes| row("full, one seed at a time".into(), bytes, None));
    let caption = match estimate.lora_groups.len() {
        0 | 1 => "Peak memory of what is trained together.".to_string(),
        count => format!("Peak memory of what is trained together: the limit parts the LoRA arms into {count} groups, one after another."),
    };
    view! {
        <table>
            <caption>{caption}</caption>
            <thead>
                <tr>
                    <th scope="col">"Cells"</th>
                    <th scope="col" class="number">"Training"</th>
                    <th scope="col" class="number">{if estimate.data.is_some() { "Classifying" } else { "Completing" }}</th>
                </tr>
            </thead>
            <tbody>{groups} {full}</tbody>
        </table>
    }
}

/// The recipe that the form says, to copy and download.
#[component]
pub(super) fn RecipePreview(state: FormState) -> impl IntoView {
    let recipe: Memo<Result<Recipe, FieldErrors>> = Memo::new(move |_| state.form.with(RecipeForm::to_recipe));
    let toml = Memo::new(move |_| recipe.with(|recipe| recipe.as_ref().map(Recipe::to_toml).unwrap_or_default()));
    let download = move || format!("data:application/toml;charset=utf-8,{}", percent_encode(&toml.get()));
    let readable = Memo::new(move |_| recipe.with(Result::is_ok));
    view! {
        <section aria-labelledby="toml-title">
            <h2 id="toml-title">"Recipe as TOML"</h2>
            <p class="note" hidden=move || readable.get()>"Shown here once every field can be read."</p>
            <div hidden=move || !readable.get()>
                <pre class="toml scroll" tabindex="0" role="group" aria-labelledby="toml-title"><code>{move || toml.get()}</code></pre>
                <p class="row">
                    <CopyButton text=toml label="Copy" />
                    <a class="button" href=download download="recipe.toml" rel="external">"Download"</a>
                </p>
            </div>
        </section>
    }
}

/// A recipe that is there already: pasted, or from a file.
#[component]
pub(super) fn RecipeUpload(state: FormState, pasted: String) -> impl IntoView {
    let text = RwSignal::new(pasted.clone());
    let is_open = !pasted.is_empty();
    let fill = move |toml: String| match Recipe::from_toml(&toml) {
        Ok(recipe) => {
            let request_id = state.form.with_untracked(|form| form.request_id.clone());
            let mut form = RecipeForm::from_recipe(&recipe);
            form.request_id = request_id;
            let errors = form.to_recipe().err().unwrap_or_default();
            state.form.set(form);
            state.errors.set(errors);
            browser::focus("form-title");
        }
        Err(errors) => {
            state.errors.set(errors);
            request_animation_frame(|| browser::focus("error-summary"));
        }
    };
    view! {
        <details class="upload" open=is_open>
            <summary>"Start from a recipe file"</summary>
            <form
                method="get"
                action="/studies/new"
                on:submit=move |event| {
                    event.prevent_default();
                    fill(text.get_untracked());
                }
            >
                <div class="field" hidden=move || !state.client_runs.get()>
                    <label for="recipe-file">"recipe.toml from this machine"</label>
                    <input
                        id="recipe-file"
                        type="file"
                        accept=".toml,text/plain"
                        on:change=move |_| {
                            browser::read_chosen_file("recipe-file", move |toml| {
                                text.set(toml.clone());
                                fill(toml);
                            })
                        }
                    />
                </div>
                <div class="field">
                    <label for="recipe-toml">"or its text"</label>
                    <textarea class="toml" id="recipe-toml" name="toml" rows="6" spellcheck="false" prop:value=move || text.get() on:input:target=move |ev| text.set(ev.target().value())>
                        {raw_text(pasted)}
                    </textarea>
                </div>
                <p><button type="submit">"Fill the form with it"</button></p>
            </form>
        </details>
    }
}
