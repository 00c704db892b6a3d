//! One input of the form, with its explanation and what is wrong with it.

use super::fields::{Control, Field};
use crate::{
    form::{RecipeForm, input_name, is_read},
    raw_text::raw_text,
};
use leptos::prelude::*;
use rankscope_domain::{FieldErrors, recipe::StudyKind};

/// What the inputs share.
#[derive(Clone, Copy)]
pub(super) struct FormState {
    pub(super) form: RwSignal<RecipeForm>,
    pub(super) errors: RwSignal<FieldErrors>,
    pub(super) client_runs: ReadSignal<bool>,
}

impl FormState {
    pub(super) fn value(self, name: &str) -> String {
        self.form.with(|form| form.get(name))
    }

    pub(super) fn kind(self) -> StudyKind {
        self.form.with(RecipeForm::kind)
    }

    pub(super) fn set(self, name: &str, value: String) {
        self.form.update(|form| form.set(name, value));
    }

    /// What is wrong with an input, in a sentence each.
    pub(super) fn errors_of(self, name: &str) -> Vec<String> {
        self.errors
            .with(|errors| errors.0.iter().filter(|error| input_name(&error.field) == name).map(|error| error.remedy.clone()).collect())
    }
}

/// The element's id, for labels and links.
pub(super) fn input_id(name: &str) -> String {
    format!("f-{}", name.replace('.', "-"))
}

#[component]
pub(super) fn FieldInput(field: &'static Field, state: FormState) -> impl IntoView {
    let name = field.name;
    let id = input_id(name);
    // what the recipe calls so is written as there
    let is_path = !["name", "notes"].contains(&name);
    let label = if is_path { view! { <code>{field.label}</code> }.into_any() } else { view! { <span>{field.label}</span> }.into_any() };
    let unit = (!field.unit.is_empty()).then(|| view! { <span class="unit">" " {field.unit}</span> });
    let class = if matches!(field.control, Control::Area | Control::WideText) { "field field-wide" } else { "field" };
    // without the client everything is shown, since nothing could be shown later
    let out_of_use = move || {
        if !is_read(name, state.kind()) {
            return true;
        }
        let Some((input, values)) = field.only_with else { return false };
        state.client_runs.get()
            && !values.contains(&state.value(input).as_str())
            && state.errors_of(name).is_empty()
            && (state.value(name).is_empty() || !matches!(field.control, Control::Text | Control::Area))
    };
    view! {
        <div class=class hidden=out_of_use>
            <label for=id>{label} {unit}</label>
            <TypedInput name=name.to_string() control=field.control state />
            <p class="note" id=format!("{}-help", input_id(name))>{field.help}</p>
        </div>
    }
}

/// The input itself and its errors; arms' rows use it too.
#[component]
pub(super) fn TypedInput(
    name: String,
    control: Control,
    state: FormState,
    #[prop(optional, into)] disabled: Signal<bool>,
    #[prop(optional)] no_help: bool,
) -> impl IntoView {
    let id = input_id(&name);
    let name = StoredValue::new(name);
    let value = move || name.with_value(|name| state.value(name));
    let initial = untrack(value);
    let errors = Memo::new(move |_| name.with_value(|name| state.errors_of(name)));
    let invalid = move || (!errors.get().is_empty()).then_some("true");
    let set = move |value: String| name.with_value(|name| state.set(name, value));
    let described = if no_help { format!("{id}-errors") } else { format!("{id}-help {id}-errors") };
    let (input_label, errors_id) = (name.get_value(), format!("{id}-errors"));
    let control_view = match control {
        Control::Select(options) => view! {
            <select id=id name=input_label aria-describedby=described aria-invalid=invalid prop:value=value on:change:target=move |ev| set(ev.target().value())>
                {options
                    .iter()
                    .map(|(word, text)| view! { <option value=*word selected=*word == initial>{*text}</option> })
                    .collect_view()}
            </select>
        }
        .into_any(),
        Control::Area => view! {
            <textarea id=id name=input_label rows="3" aria-describedby=described aria-invalid=invalid prop:value=value on:input:target=move |ev| set(ev.target().value())>
                {raw_text(initial)}
            </textarea>
        }
        .into_any(),
        other => {
            let inputmode = match other {
                Control::Number { whole: true } => Some("numeric"),
                Control::Number { whole: false } => Some("decimal"),
                _ => None,
            };
            let list = match other {
                Control::Model => Some("known-models"),
                Control::Dataset => Some("known-datasets"),
                _ => None,
            };
            view! {
                <input
                    id=id
                    name=input_label
                    type="text"
                    inputmode=inputmode
                    list=list
                    autocomplete="off"
                    spellcheck="false"
                    value=initial
                    prop:value=value
                    disabled=move || disabled.get()
                    aria-describedby=described
                    aria-invalid=invalid
                    on:input:target=move |ev| set(ev.target().value())
                />
            }
            .into_any()
        }
    };
    view! {
        {control_view}
        <div id=errors_id>
            {move || errors.get().into_iter().map(|text| view! { <p class="field-error">{text}</p> }).collect_view()}
        </div>
    }
}
