//! Where a study is: a sign and a word, never a colour alone.

use leptos::prelude::*;
use rankscope_domain::view::StudyStatus;

#[component]
pub(crate) fn StatusMark(status: StudyStatus) -> impl IntoView {
    let sign = match status {
        StudyStatus::Queued => "◦",
        StudyStatus::Running => "▸",
        StudyStatus::Cancelling => "◃",
        StudyStatus::Cancelled => "■",
        StudyStatus::Finished => "✓",
        StudyStatus::Failed => "✕",
    };
    view! {
        <span class=format!("status status-{}", status.label())>
            <span aria-hidden="true">{sign}</span>
            " "
            {status.label()}
        </span>
    }
}
