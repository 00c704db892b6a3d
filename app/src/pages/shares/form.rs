//! The form that makes a link. A plain form where there is no JavaScript: refused, it comes back as it was typed.

use crate::{
    api::shares::{ShareComparison, ShareStudy, Shareable, ShareableComparison},
    components::error_view::ErrorNotice,
    error::AppError,
    figure_view::query_of,
    form::percent_encode,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use rankscope_domain::share::{MAX_LABEL, USUAL_EXPIRY};

const EXPIRIES: [(&str, &str); 5] =
    [("7d", "after 7 days"), ("30d", "after 30 days"), ("90d", "after 90 days"), ("365d", "after a year"), ("never", "never")];

const LEFT_OUT: &str = "No path, machine, user, or judge’s address leaves in any case.";

/// What was typed into a form that came back refused.
fn typed(name: &str) -> Option<String> {
    use_query_map().with_untracked(|query| query.get(name))
}

#[component]
pub(super) fn ShareForm(study: Shareable) -> impl IntoView {
    let share = ServerAction::<ShareStudy>::new();
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
    view! {
        <section aria-labelledby="share-title">
            <h2 id="share-title">"Share “" <a href=study_address>{name}</a> "”"</h2>
            {refused()}
            <ActionForm action=share attr:class="share-form">
                <input type="hidden" name="study" value=id />
                {expiry_and_label()}
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
                "The name and the notes of the study leave as you wrote them, unless it is for blind review. " {LEFT_OUT} " Deleting the study leaves the copy as it is; revoking the link removes it."
            </p>
            {failure(move || share.value().get())}
        </section>
    }
    .into_any()
}

/// `compared`: studies, arms and reference, as the address has them.
#[component]
pub(super) fn ShareComparisonForm(comparison: ShareableComparison, compared: [String; 3]) -> impl IntoView {
    let share = ServerAction::<ShareComparison>::new();
    let ShareableComparison { title, problems, has_completions } = comparison;
    let heading = format!("Share the {}{}", title[..1].to_lowercase(), &title[1..]);
    let [studies, arms, against] = compared;
    let pairs = [("studies", &studies), ("arms", &arms), ("against", &against)];
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", percent_encode(value))).collect();
    let address = format!("/compare{}", query_of(&pairs));
    if !problems.is_empty() {
        let problems = problems.into_iter().map(|line| view! { <li>{line}</li> }).collect_view();
        return view! {
            <section aria-labelledby="share-title">
                <h2 id="share-title">{heading}</h2>
                <p>"It can’t be shared as it is:"</p>
                <ul class="statements">{problems}</ul>
                <p><a href=address>"See the comparison"</a></p>
            </section>
        }
        .into_any();
    }
    view! {
        <section aria-labelledby="share-title">
            <h2 id="share-title"><a href=address>{heading}</a></h2>
            {refused()}
            <ActionForm action=share attr:class="share-form">
                <input type="hidden" name="studies" value=studies />
                <input type="hidden" name="arms" value=arms />
                <input type="hidden" name="against" value=against />
                {expiry_and_label()}
                <div class="share-options">
                    {check(
                        "anonymous",
                        false,
                        "For blind review",
                        "The studies are called “Study A”, “Study B”, …; their notes, the names of files, of sets of texts and of models other than the one that comes with Rankscope, and hashes by which they could be found, are left out. Prompts and groups stay as they are: read them for names.",
                    )}
                    {has_completions.then(|| check(
                        "completions",
                        true,
                        "With completions",
                        "What models wrote, with what the judge said; harmful text is covered until asked for. Without: no text of a model in any part.",
                    ))}
                </div>
                <button class="button-main" type="submit" disabled=move || share.pending().get()>"Make a link"</button>
            </ActionForm>
            <p class="note">
                "Every view is in the copy, with each group, fraction and reading to choose from; the arms and what they are contrasted with stay as they are here, and arms that are not shown are left out. To freeze all of it takes up to a minute. The names and the notes of the studies leave as you wrote them, unless it is for blind review. "
                {LEFT_OUT} " Deleting a study leaves the copy as it is; revoking the link removes it."
            </p>
            {failure(move || share.value().get())}
        </section>
    }
    .into_any()
}

/// Why a form that was sent without JavaScript came back.
fn refused() -> impl IntoView {
    let text = typed("refused").unwrap_or_default();
    let lines: Vec<String> = text.lines().map(String::from).collect();
    (!lines.is_empty()).then(|| {
        view! {
            <div class="notice notice-error" role="alert" id="refused">
                <p><strong>"No link was made."</strong></p>
                {lines.into_iter().map(|line| view! { <p>{line}</p> }).collect_view()}
            </div>
        }
    })
}

fn failure(result: impl Fn() -> Option<Result<(), AppError>> + Send + 'static) -> impl IntoView {
    move || result().and_then(Result::err).map(|error| view! { <ErrorNotice error /> })
}

fn expiry_and_label() -> impl IntoView {
    let chosen = typed("expires").unwrap_or_else(|| USUAL_EXPIRY.into());
    let expiries = EXPIRIES.map(|(value, label)| view! { <option value=value selected=value == chosen>{label}</option> }).collect_view();
    view! {
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
    }
}

/// A box with what it means.
fn check(field: &'static str, usual: bool, label: &'static str, note: &'static str) -> impl IntoView {
    let (control, note_id) = (format!("share-{field}"), format!("share-{field}-note"));
    let is_chosen = typed(field).map_or(usual, |value| value == "1");
    view! {
        <div class="kind">
            <input type="checkbox" id=control.clone() name=field value="true" checked=is_chosen aria-describedby=note_id.clone() />
            <label for=control>{label}</label>
            <p class="note" id=note_id>{note}</p>
        </div>
    }
}
