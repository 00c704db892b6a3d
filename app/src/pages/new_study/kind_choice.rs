//! The first question of the form: which kind of study. Sections of the other kind are kept, hidden.

use super::input::FormState;
use crate::form::kind_word;
use leptos::prelude::*;
use rankscope_domain::recipe::StudyKind;

/// What each kind is asked for, its name and a sentence.
const QUESTIONS: [(StudyKind, &str, &str); 2] = [
    (
        StudyKind::Toxicity,
        "Toxicity",
        "Does a model that was fine-tuned on harmless text still complete prompts with toxic text, and does that depend on the rank?",
    ),
    (
        StudyKind::Classification,
        "Classification",
        "When one group has few training examples, for whom does accuracy fall, and does that depend on the rank?",
    ),
];

#[component]
pub(super) fn KindChoice(state: FormState) -> impl IntoView {
    let errors = move || state.errors_of("kind");
    let options = QUESTIONS
        .into_iter()
        .map(|(kind, name, question)| {
            let word = kind_word(kind);
            let is_chosen = move || state.kind() == kind;
            let initial = untrack(is_chosen);
            let (id, note_id) = (format!("f-kind-{word}"), format!("f-kind-{word}-help"));
            view! {
                <div class="kind">
                    <input
                        type="radio"
                        id=id.clone()
                        name="kind"
                        value=word
                        checked=initial
                        prop:checked=is_chosen
                        aria-describedby=note_id.clone()
                        on:change=move |_| state.set("kind", word.into())
                    />
                    <label for=id>{name}</label>
                    <p class="note" id=note_id>{question}</p>
                </div>
            }
        })
        .collect_view();
    view! {
        <fieldset id="f-kind" tabindex="-1">
            <legend>"What do you want to know?"</legend>
            <div class="fields">{options}</div>
            {move || errors().into_iter().map(|text| view! { <p class="field-error">{text}</p> }).collect_view()}
            <p class="row" hidden=move || state.client_runs.get()>
                <button type="submit" formmethod="get" formaction="/studies/new" formnovalidate=true>"Show the fields of this kind"</button>
            </p>
        </fieldset>
    }
}
