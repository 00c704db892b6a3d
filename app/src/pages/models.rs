//! `/models`: the models that there are, those on their way, and a form to add one. `/models/{name}`: one of them, and
//! what it takes to train it.

mod add;
mod detail;

pub(crate) use detail::ModelPage;

use crate::{
    api::models::{CancelModelJob, list_models},
    components::{error_view::ErrorView, pending::Pending},
    form::percent_encode,
    quantity,
};
use add::{AddModel, Jobs};
use leptos::prelude::*;
use leptos_meta::Title;
use rankscope_domain::model::ModelEntry;

#[component]
pub(crate) fn ModelsPage() -> impl IntoView {
    let cancel = ServerAction::<CancelModelJob>::new();
    let changes = RwSignal::new(0_u32);
    let list = Resource::new(move || (changes.get(), cancel.version().get()), |_| list_models());
    view! {
        <Title text="Models" />
        <h1>"Models"</h1>
        <p class="lead">
            "What a study can fine-tune: GGUF files and Hugging Face directories on this machine, and models of the Hugging Face hub once they are fetched."
        </p>
        <AddModel changes />
        <Transition fallback=|| view! { <Pending what="the models" /> }>
            {move || Suspend::new(async move {
                match list.await {
                    Ok(list) => view! {
                        <Jobs jobs=list.jobs cancel changes />
                        <Models models=list.models />
                    }
                        .into_any(),
                    Err(error) => view! { <ErrorView error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Models(models: Vec<ModelEntry>) -> impl IntoView {
    if models.is_empty() {
        return view! {
            <p class="empty">
                "No model yet. Add one above, or fetch the default one with "<code>"make model"</code>"; GGUF files in the models folder appear here by themselves."
            </p>
        }
        .into_any();
    }
    view! {
        <p class="caption" id="models-caption">
            "Memory is the worker’s peak while it trains one arm with batches of 8; a model’s own page has it for each rank, with the time. Licences are what the files say."
        </p>
        <div class="scroll" role="group" aria-labelledby="models-caption" tabindex="0">
            <table class="models" aria-labelledby="models-caption">
                <thead>
                    <tr>
                        <th scope="col">"Model"</th>
                        <th scope="col">"Kind"</th>
                        <th scope="col" class="number">"Parameters"</th>
                        <th scope="col">"Stored as"</th>
                        <th scope="col" class="number">"On disk"</th>
                        <th scope="col">"Licence"</th>
                        <th scope="col" class="number">"Memory, r = 8"</th>
                        <th scope="col" class="number">"Memory, full"</th>
                    </tr>
                </thead>
                <tbody>{models.into_iter().map(|model| view! { <ModelRow model /> }).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn ModelRow(model: ModelEntry) -> impl IntoView {
    let origin = origin(&model);
    let head = view! {
        <th scope="row">
            <a href=model_address(&model.name)>{model.name.clone()}</a>
            <span class="detail">{origin}</span>
        </th>
    };
    let Some(details) = model.details else {
        return view! { <tr>{head}<td colspan="7" class="field-error">"Can’t be used: " {model.problem}</td></tr> }.into_any();
    };
    let memory = |arm: rankscope_domain::Arm| {
        let cost = details.training.iter().find(|cost| cost.arm == arm && cost.problem.is_empty());
        cost.map_or_else(|| "–".into(), |cost| quantity::bytes(cost.memory_bytes))
    };
    let (lora, full) = (memory(rankscope_domain::Arm::Lora(8)), memory(rankscope_domain::Arm::Full));
    view! {
        <tr>
            {head}
            <td>{details.summary.kind}</td>
            <td class="number">{parameters(details.summary.parameters)}</td>
            <td>{details.summary.dtype}</td>
            <td class="number">{quantity::bytes(details.disk_bytes)}</td>
            <td>{details.summary.licence.unwrap_or_else(|| "not said".into())}</td>
            <td class="number">{lora}</td>
            <td class="number">{full}</td>
        </tr>
    }
    .into_any()
}

/// What it is called where its name in the list does not say so, and how it came here.
fn origin(model: &ModelEntry) -> String {
    let own =
        model.details.as_ref().map(|details| details.summary.name.as_str()).filter(|own| !own.is_empty() && !model.name.contains(own));
    own.map_or_else(|| model.origin.label().into(), |own| format!("{own}, {}", model.origin.label()))
}

/// Slashes stay: the name is the rest of the address.
fn model_address(name: &str) -> String {
    format!("/models/{}", percent_encode(name).replace("%2F", "/").replace("%40", "@"))
}

/// "134.5 M"
fn parameters(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{:.1}\u{202f}k", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}\u{202f}M", count as f64 / 1e6),
        _ => format!("{:.2}\u{202f}B", count as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_sizes_read_well() {
        for (name, address) in [
            ("default", "/models/default"),
            ("openai-community/gpt2@main", "/models/openai-community/gpt2@main"),
            ("my model?.gguf", "/models/my%20model%3F.gguf"),
        ] {
            assert_eq!(model_address(name), address);
        }
        for (count, text) in [(34_000, "34.0\u{202f}k"), (134_515_008, "134.5\u{202f}M"), (6_738_415_616, "6.74\u{202f}B")] {
            assert_eq!(parameters(count), text);
        }
    }
}
