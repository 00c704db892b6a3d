//! What can be done with a study in its present state.

use crate::{
    api::studies::{CancelStudy, DeleteStudy, ResumeStudy},
    components::error_view::ErrorNotice,
};
use leptos::prelude::*;
use rankscope_domain::{
    recipe::StudyKind,
    view::{StudyCard, StudyStatus},
};

#[component]
pub(crate) fn Actions(
    card: StudyCard,
    has_results: bool,
    cancel: ServerAction<CancelStudy>,
    resume: ServerAction<ResumeStudy>,
) -> impl IntoView {
    let delete = ServerAction::<DeleteStudy>::new();
    let id = card.id.clone();
    let (cancel_id, resume_id, delete_id) = (id.clone(), id.clone(), id.clone());
    let can_cancel = matches!(card.status, StudyStatus::Queued | StudyStatus::Running);
    let can_resume = matches!(card.status, StudyStatus::Cancelled | StudyStatus::Failed) && !card.is_example;
    let can_share = card.status == StudyStatus::Finished;
    let links = format!("/shares?study={id}");
    let links_of_deleted = links.clone();
    let can_delete = !card.status.is_active() && !card.is_example;
    let failure = move || {
        [cancel.value().get().and_then(Result::err), resume.value().get().and_then(Result::err), delete.value().get().and_then(Result::err)]
            .into_iter()
            .flatten()
            .map(|error| view! { <ErrorNotice error /> })
            .collect_view()
    };
    view! {
        <div class="actions">
            {can_cancel.then(|| view! {
                <ActionForm action=cancel>
                    <input type="hidden" name="id" value=cancel_id />
                    <button type="submit" disabled=move || cancel.pending().get()>"Cancel"</button>
                </ActionForm>
            })}
            {can_resume.then(|| view! {
                <ActionForm action=resume>
                    <input type="hidden" name="id" value=resume_id />
                    <button class="button-main" type="submit" disabled=move || resume.pending().get()>"Resume"</button>
                </ActionForm>
            })}
            <a class="button" href=format!("/studies/new?from={id}")>"Run again with changes"</a>
            {can_share.then(|| view! { <a class="button" href=links>"Share"</a> })}
            <a class="button" href=format!("/compare?studies={id}")>"Compare with …"</a>
            {has_results.then(|| view! { <Export id=id.clone() kind=card.kind /> })}
            {can_delete.then(|| view! {
                <details class="confirm">
                    <summary class="button">"Delete …"</summary>
                    <ActionForm action=delete>
                        <p>
                            "This removes the study’s directory with its adapters, completions and results, and the labels that people gave. It can’t be undone. Links that share the study go on showing their frozen copies until you "
                            <a href=links_of_deleted>"revoke them"</a>
                            "."
                        </p>
                        <input type="hidden" name="id" value=delete_id />
                        <button class="button-danger" type="submit" disabled=move || delete.pending().get()>"Delete this study"</button>
                    </ActionForm>
                </details>
            })}
            {failure}
        </div>
    }
}

/// The whole study to take away: a form, so that what goes along can be chosen without JavaScript.
#[component]
fn Export(id: String, kind: StudyKind) -> impl IntoView {
    let can_be_labelled = kind == StudyKind::Toxicity;
    view! {
        <details class="confirm">
            <summary class="button">"Export …"</summary>
            <div class="export">
                <p><a href=format!("/studies/{id}/report.html") rel="external">"Report"</a> ": one page that needs nothing else."</p>
                <form method="get" action=format!("/studies/{id}/export.zip")>
                    <p>"Archive: recipe, results, completions, provenance, figures and tables. Another Rankscope takes it in."</p>
                    <p><label><input type="checkbox" name="adapters" value="1" /> " with LoRA adapters"</label></p>
                    <p><label><input type="checkbox" name="full" value="1" /> " with full weights, where they were kept"</label></p>
                    {can_be_labelled.then(|| view! {
                        <p><label><input type="checkbox" name="labels" value="1" /> " with people’s labels, which name their annotators"</label></p>
                    })}
                    <button type="submit">"Download the archive"</button>
                </form>
            </div>
        </details>
    }
}
