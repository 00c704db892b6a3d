//! What can be done with a study in its present state.

use crate::{
    api::studies::{CancelStudy, DeleteStudy, ResumeStudy},
    components::error_view::ErrorNotice,
};
use leptos::prelude::*;
use rankscope_domain::view::{StudyCard, StudyStatus};

#[component]
pub(crate) fn Actions(card: StudyCard, cancel: ServerAction<CancelStudy>, resume: ServerAction<ResumeStudy>) -> impl IntoView {
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
