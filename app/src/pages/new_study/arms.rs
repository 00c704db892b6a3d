//! The trained arms: a row each.

use super::{
    fields::Control,
    input::{FormState, TypedInput, input_id},
};
use crate::{
    browser,
    form::{ArmRow, MOST_ARMS},
};
use leptos::prelude::*;

const KINDS: Control = Control::Select(&[("lora", "LoRA"), ("full", "full")]);

#[component]
pub(super) fn ArmRows(state: FormState) -> impl IntoView {
    let count = Memo::new(move |_| state.form.with(|form| form.arms.len()));
    let whole_errors = move || state.errors_of("arms");
    view! {
        <fieldset id="f-arms" tabindex="-1">
            <legend>"Arms"</legend>
            <p class="note">
                "What is compared. The original model is always among them. Each arm has its own "
                <code>"learning_rate"</code>
                ": the best for LoRA is about ten times that of full fine-tuning, so one rate for both is no fair comparison."
            </p>
            {move || whole_errors().into_iter().map(|text| view! { <p class="field-error">{text}</p> }).collect_view()}
            {move || (0..count.get()).map(|index| view! { <ArmRowView index state /> }).collect_view()}
            <p class="row">
                <button
                    type="submit"
                    name="add"
                    value="arm"
                    formmethod="get"
                    formaction="/studies/new"
                    formnovalidate=true
                    disabled=move || { MOST_ARMS <= count.get() }
                    on:click=move |event| {
                        event.prevent_default();
                        state.form.update(|form| form.arms.push(next_arm(&form.arms)));
                        let name = format!("arms.{}.lora_r", count.get_untracked().saturating_sub(1));
                        request_animation_frame(move || browser::focus(&input_id(&name)));
                    }
                >
                    "Add an arm"
                </button>
            </p>
        </fieldset>
    }
}

/// A new row: twice the highest rank, at the rate of the other LoRA arms.
pub(super) fn next_arm(arms: &[ArmRow]) -> ArmRow {
    let highest = arms.iter().filter(|row| row.kind != "full").filter_map(|row| row.lora_r.trim().parse::<u32>().ok()).max();
    let like = arms.iter().rfind(|row| row.kind != "full");
    ArmRow {
        kind: "lora".into(),
        lora_r: highest.map_or_else(|| "8".into(), |r| r.saturating_mul(2).to_string()),
        learning_rate: like.map(|row| row.learning_rate.clone()).unwrap_or_default(),
        weight_decay: like.map_or_else(|| "0".into(), |row| row.weight_decay.clone()),
    }
}

#[component]
fn ArmRowView(index: usize, state: FormState) -> impl IntoView {
    let name = |field: &str| format!("arms.{index}.{field}");
    let kind_name = name("kind");
    let row_name = format!("arms.{index}");
    let is_full = Signal::derive(move || state.client_runs.get() && state.value(&kind_name) == "full");
    let row_errors = move || state.errors_of(&row_name);
    let number = index + 1;
    let cell = |field: &'static str, label: &'static str, control: Control, disabled: Signal<bool>| {
        let name = name(field);
        view! {
            <div class="field">
                <label for=input_id(&name)><span class="visually-hidden">{format!("Arm {number}: ")}</span>{label}</label>
                <TypedInput name control state disabled no_help=true />
            </div>
        }
    };
    let never = Signal::derive(|| false);
    let decimal = Control::Number { whole: false };
    view! {
        <div class="arm-row" role="group" aria-label=format!("Arm {number}") id=format!("f-arms-{index}") tabindex="-1">
            {cell("kind", "kind", KINDS, never)}
            {cell("lora_r", "lora_r", Control::Number { whole: true }, is_full)}
            {cell("learning_rate", "learning_rate", decimal, never)}
            {cell("weight_decay", "weight_decay", decimal, never)}
            <button
                type="submit"
                name="remove"
                value=index.to_string()
                formmethod="get"
                formaction="/studies/new"
                formnovalidate=true
                aria-label=format!("Remove arm {number}")
                on:click=move |event| {
                    event.prevent_default();
                    state.form.update(|form| {
                        if index < form.arms.len() {
                            form.arms.remove(index);
                        }
                    });
                    browser::focus("f-arms");
                }
            >
                "Remove"
            </button>
            {move || row_errors().into_iter().map(|text| view! { <p class="field-error">{text}</p> }).collect_view()}
        </div>
    }
}
