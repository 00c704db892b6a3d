//! The form that makes a link. A plain form where there is no JavaScript: refused, it comes back as it was typed.

use crate::{
    api::shares::{ShareStudy, Shareable},
    components::error_view::ErrorNotice,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use rankscope_domain::share::{MAX_LABEL, USUAL_EXPIRY};

const EXPIRIES: [(&str, &str); 5] =
    [("7d", "after 7 days"), ("30d", "after 30 days"), ("90d", "after 90 days"), ("365d", "after a year"), ("never", "never")];

#[component]
pub(super) fn ShareForm(study: Shareable) -> impl IntoView {
    let share = ServerAction::<ShareStudy>::new();
    let query = use_query_map();
    let typed = move |name: &str| query.with_untracked(|query| query.get(name));
    let is_chosen = move |name: &str, usual: bool| typed(name).map_or(usual, |value| value == "1");
    let refused = typed("refused").filter(|text| !text.is_empty());
    let lines: Vec<String> = refused.iter().flat_map(|text| text.lines()).map(String::from).collect();
    let chosen_expiry = typed("expires").unwrap_or_else(|| USUAL_EXPIRY.into());
    let expiries =
        EXPIRIES.map(|(value, label)| view! { <option value=value selected=value == chosen_expiry>{label}</option> }).collect_view();
    let Shareable { id, name, has_results, has_completions, has_rounds } = study;
    let rounds_address = format!("/annotate/{id}");
    let study_address = format!("/studies/{id}");
    if !has_results {
        return view! {
            <section aria-labelledby="share-title">
                <h2 id="share-title">"Share “" {name} "”"</h2>
                <p>"This study has no results yet, so there is nothing to share. " <a href=study_address>"See the study"</a></p>
            </section>
        }
        .into_any();
    }
    let check = move |field: &'static str, usual: bool, label: &'static str, note: &'static str| {
        let (control, note_id) = (format!("share-{field}"), format!("share-{field}-note"));
        view! {
            <div class="kind">
                <input type="checkbox" id=control.clone() name=field value="true" checked=is_chosen(field, usual) aria-describedby=note_id.clone() />
                <label for=control.clone()>{label}</label>
                <p class="note" id=note_id.clone()>{note}</p>
            </div>
        }
    };
    view! {
        <section aria-labelledby="share-title">
            <h2 id="share-title">"Share “" <a href=study_address>{name}</a> "”"</h2>
            {(!lines.is_empty()).then(|| view! {
                <div class="notice notice-error" role="alert" id="refused">
                    <p><strong>"No link was made."</strong></p>
                    {lines.into_iter().map(|line| view! { <p>{line}</p> }).collect_view()}
                </div>
            })}
            <ActionForm action=share attr:class="share-form">
                <input type="hidden" name="study" value=id />
                <div class="field">
                    <label for="share-expires">"It expires"</label>
                    <select id="share-expires" name="expires">{expiries}</select>
                </div>
                <div class="field">
                    <label for="share-expires-on">"or after this day (UTC)"</label>
                    <input id="share-expires-on" name="expires_on" type="date" value=typed("expires_on").unwrap_or_default() />
                </div>
                <div class="field field-label">
                    <label for="share-label">"Label, for your own list"</label>
                    <input id="share-label" name="label" type="text" maxlength=MAX_LABEL.to_string() autocomplete="off" placeholder="reviewer 2" value=typed("label").unwrap_or_default() />
                </div>
                <div class="share-options">
                    {check(
                        "anonymous",
                        false,
                        "For blind review",
                        "The study is called “Study A”; its notes, the names of files, of sets of texts and of models other than the one that comes with Rankscope, and hashes by which they could be found, are left out. Prompts and groups stay as they are: read them for names.",
                    )}
                    {has_completions.then(|| check(
                        "completions",
                        true,
                        "With completions",
                        "What models wrote, with what the judge said; harmful text is covered until asked for. Without: no text of a model in any part. A link that may annotate is always without.",
                    ))}
                    {has_completions.then(|| check(
                        "annotate",
                        false,
                        "May annotate",
                        "Whoever has the link may label completions as toxic or not, in the rounds that you draw, under a name that they give. They see completions only at the desk, one at a time, blind to arm, seed and verdict, also where “With completions” is ticked.",
                    ))}
                    {(has_completions && !has_rounds).then(|| view! {
                        <p class="note">"There is no round of completions to label yet: " <a href=rounds_address>"draw one"</a> ", before or after you make the link."</p>
                    })}
                </div>
                <button class="button-main" type="submit" disabled=move || share.pending().get()>"Make a link"</button>
            </ActionForm>
            <p class="note">
                "The name and the notes of the study leave as you wrote them, unless it is for blind review. No path, machine, user, or judge’s address leaves in any case. Deleting the study leaves the copy as it is; revoking the link removes it."
            </p>
            {move || share.value().get().and_then(Result::err).map(|error| view! { <ErrorNotice error /> })}
        </section>
    }
    .into_any()
}
