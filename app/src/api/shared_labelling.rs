//! Labels of those who have a share link that permits it. Public, as what is in `shared.rs`: each is given the token, and without the right
//! one all are answered alike. They differ from the owner's calls in how they come to the study and to who labels.

#[cfg(feature = "ssr")]
use super::{annotations::answers, ask};
use crate::error::AppError;
use leptos::prelude::*;
use rankscope_domain::annotation::{Labelling, RoundSummary};

/// With the progress of those who came by the same link, and of nobody else; for blind review of nobody at all.
#[server]
pub async fn list_shared_rounds(token: String) -> Result<Vec<RoundSummary>, AppError> {
    ask!(|backend| backend.shared_rounds(&token))
}

/// Begins: the annotator has agreed to read text that may be harmful.
#[server]
pub async fn begin_shared_labelling(token: String, round: String, name: String, agreed: Option<String>) -> Result<(), AppError> {
    let plain_form = super::wants_html();
    let begun: Result<(), AppError> = ask!(|backend| async {
        answers::must_agree(agreed.as_deref())?;
        backend.consent_by_share(&token, &round, name.trim()).await
    });
    answers::begun(&crate::pages::annotate::shared_desk_address(&token), &round, name.trim(), plain_form, begun)
}

/// `at`: a place in the annotator's order, counted from 1; absent: their first completion without a label.
#[server]
pub async fn get_shared_labelling(token: String, round: String, name: String, at: Option<u32>) -> Result<Labelling, AppError> {
    ask!(|backend| backend.shared_labelling(&token, &round, name.trim(), at.map(|at| at.saturating_sub(1))))
}

/// Keeps a label, and leads to the next completion: after `at` where one was asked for.
#[server]
pub async fn give_shared_label(
    token: String,
    round: String,
    name: String,
    item: String,
    label: String,
    at: Option<u32>,
) -> Result<(), AppError> {
    let plain_form = super::wants_html();
    let given: Result<(), AppError> = ask!(|backend| async {
        let read = answers::label(&label)?;
        backend.give_label_by_share(&token, &round, name.trim(), &item, read).await
    });
    answers::given(&crate::pages::annotate::shared_desk_address(&token), &round, name.trim(), at, plain_form, given)
}

/// Takes the newest label back, and leads to its completion.
#[server]
pub async fn undo_shared_label(token: String, round: String, name: String) -> Result<(), AppError> {
    let plain_form = super::wants_html();
    let undone: Result<Option<u32>, AppError> = ask!(|backend| backend.undo_label_by_share(&token, &round, name.trim()));
    answers::undone(&crate::pages::annotate::shared_desk_address(&token), &round, name.trim(), plain_form, undone)
}
