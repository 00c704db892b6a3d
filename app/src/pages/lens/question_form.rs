//! The form of a question: a plain one, whose address is the question. What was typed comes back as it was typed.

use crate::{browser, lens_form::LensForm};
use leptos::prelude::*;
use rankscope_domain::lens_question::{LensStudy, NEW_TOKENS, PROMPT_CHARACTERS, PROMPT_TOKENS, TOP_K, USUAL_NEW_TOKENS, USUAL_TOP_K};
use std::sync::Arc;

#[component]
pub(crate) fn QuestionForm(form: LensForm, studies: Vec<LensStudy>) -> impl IntoView {
    let Some(first) = studies.iter().find(|study| study.id == form.study).or(studies.first()) else {
        return view! {
            <p class="empty">
                "There is no finished study of a decoder yet whose arms could read a prompt. " <a href="/studies/new">"Start one"</a> "."
            </p>
        }
        .into_any();
    };
    let chosen = RwSignal::new(first.id.clone());
    let client_runs = browser::client_runs();
    let options = studies
        .iter()
        .map(|study| {
            let label = format!("{} ({})", study.name, study.model);
            view! { <option value=study.id.clone() selected=study.id == first.id>{label}</option> }
        })
        .collect_view();
    let prompt = form.prompt_text.clone().unwrap_or_default();
    let number = |name: &'static str, label: &'static str, value: &str, usual: u32, least: u32, most: u32| {
        let id = format!("lens-{name}");
        let value = if value.is_empty() { usual.to_string() } else { value.to_string() };
        let for_id = id.clone();
        // text, so that what is no number comes back as it was typed
        view! {
            <div class="field">
                <label for=for_id>{label} " " <span class="unit">{format!("{name}, {least} to {most}")}</span></label>
                <input id=id name=name type="text" inputmode="numeric" autocomplete="off" value=value />
            </div>
        }
    };
    let top_k = number("top_k", "Tokens a cell lists", &form.top_k, USUAL_TOP_K, *TOP_K.start(), *TOP_K.end());
    let new_tokens =
        number("new_tokens", "Tokens of the continuation", &form.new_tokens, USUAL_NEW_TOKENS, *NEW_TOKENS.start(), *NEW_TOKENS.end());
    let studies = Arc::new(studies);
    let of_study = move || {
        let id = chosen.get();
        studies.iter().find(|study| study.id == id).map(|study| study_fields(study, &form))
    };
    view! {
        <form class="lens-question" method="get" action="/lens" aria-label="Ask the lens">
            // who presses the button wants an answer, also where the same question has just been stopped or failed
            <input type="hidden" name="again" value="1" />
            <div class="field field-wide">
                <label for="lens-prompt">"Prompt"</label>
                <textarea id="lens-prompt" name="prompt_text" rows="2" spellcheck="false" aria-describedby="lens-prompt-note" inner_html=text_of_area(&prompt)></textarea>
                <p class="note" id="lens-prompt-note">
                    {format!("At most {PROMPT_CHARACTERS} characters and {PROMPT_TOKENS} tokens. Blanks and line breaks are a part of it.")}
                </p>
            </div>
            <div class="field field-wide">
                <label for="lens-study">"Study"</label>
                <div class="row">
                    <select id="lens-study" name="study" on:change:target=move |event| chosen.set(event.target().value())>{options}</select>
                    <button type="submit" name="only" value="form" hidden=move || client_runs.get()>"Show its arms"</button>
                </div>
            </div>
            {of_study}
            {top_k}
            {new_tokens}
            <div class="field-wide"><button class="button-main" type="submit">"Read the prompt"</button></div>
        </form>
    }
    .into_any()
}

/// What depends on the study: its arms, and where there are several its seeds and fractions.
fn study_fields(study: &LensStudy, form: &LensForm) -> impl IntoView + use<> {
    // another study's arms say nothing of this one's
    let asked = if form.study == study.id { form.read.clone() } else { Vec::new() };
    let arms = study
        .arms
        .iter()
        .map(|arm| {
            let name = arm.arm.to_string();
            let (id, readable) = (format!("lens-read-{name}"), arm.problem.is_empty());
            let ticked = readable && (asked.is_empty() || asked.contains(&name));
            let for_id = id.clone();
            view! {
                <li>
                    <input id=id type="checkbox" name="read" value=name checked=ticked disabled=!readable />
                    <label for=for_id>{arm.arm.label()}</label>
                    {(!readable).then(|| view! { <span class="note">{arm.problem.clone()}</span> })}
                </li>
            }
        })
        .collect_view();
    let select = |name: &'static str, label: &'static str, values: Vec<String>, asked: &str| {
        (values.len() > 1).then(|| {
            let id = format!("lens-{name}");
            let for_id = id.clone();
            let options = values
                .iter()
                .map(|value| view! { <option value=value.clone() selected=value == asked>{value.clone()}</option> })
                .collect_view();
            view! {
                <div class="field">
                    <label for=for_id>{label}</label>
                    <select id=id name=name>{options}</select>
                </div>
            }
        })
    };
    let seeds = study.seeds.iter().map(ToString::to_string).collect();
    let fractions = study.fractions.iter().map(ToString::to_string).collect();
    view! {
        <fieldset class="lens-arms field-wide">
            <legend>"Arms that read it"</legend>
            <ul>{arms}</ul>
            <p class="note">"None ticked: all that can be read. KL is always to the original, whether it is shown or not."</p>
        </fieldset>
        {select("seed", "Seed", seeds, &form.seed)}
        {select("fraction", "Minority fraction", fractions, &form.fraction)}
    }
}

/// What stands between a text area's tags. A line break right after the first is not part of the text.
fn text_of_area(prompt: &str) -> String {
    let first = if prompt.starts_with('\n') { "\n" } else { "" };
    format!("{first}{}", prompt.replace('&', "&amp;").replace('<', "&lt;"))
}
