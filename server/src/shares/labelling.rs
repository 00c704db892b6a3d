//! Labels of those who have a link that permits it: of completions that are in its copy, in the rounds that the owner has drawn of the study.

use super::{downloads::damaged, pages::no_such_share};
use crate::{
    backend::StudyBackend,
    error::{internal, no_such_study},
    study_id::StudyId,
};
use rankscope_app::error::AppError;
use rankscope_domain::{
    annotation::{Annotator, Label, Labelling, RoundPlan, RoundSummary},
    share::ShareEntry,
    snapshot::Snapshot,
};
use rankscope_study::label_key;
use std::{collections::BTreeSet, sync::Arc};

/// What a link lets its bearer label, and as whom.
struct Permit {
    study: StudyId,
    source: String,
    anonymous: bool,
    snapshot: Arc<Snapshot>,
}

impl Permit {
    fn annotator(&self, name: &str) -> Annotator {
        Annotator { name: name.into(), source: self.source.clone() }
    }

    /// The study's directory may have been changed since: what was not shared is not shown.
    fn must_hold(&self, prompt: &str, text: &str) -> Result<(), AppError> {
        let keys = self.snapshot.study().and_then(|study| study.to_label.as_ref());
        if keys.is_some_and(|keys| keys.binary_search(&label_key(prompt, text)).is_ok()) {
            return Ok(());
        }
        let text = "This completion is not in the copy that was shared with you: the study has changed since. Ask whoever sent the link for another.";
        Err(AppError::Conflict(text.into()))
    }
}

/// A round as a reviewer may know it: how it was drawn is the owner's, and who else labels is theirs.
fn for_reviewer(round: RoundSummary, permit: &Permit) -> RoundSummary {
    let RoundSummary { id, created_at, plan: RoundPlan { items: planned, allocation: _, seed: _ }, items, mut annotators } = round;
    // one link may be with several people, who must not learn of each other where names are hidden
    annotators.retain(|one| one.annotator.source == permit.source && !permit.anonymous);
    for one in &mut annotators {
        one.annotator.source.clear();
    }
    RoundSummary { id, created_at, plan: RoundPlan { items: planned, allocation: Default::default(), seed: 0 }, items, annotators }
}

impl StudyBackend {
    /// The same error for every token but those of links that permit it.
    async fn permit(&self, token: &str) -> Result<Permit, AppError> {
        let found = self.shares.may_annotate(token).await.map_err(|error| internal("looking a share up", &error))?;
        let share = found.ok_or_else(no_such_share)?;
        let study = share.study_id.clone().ok_or_else(study_is_gone)?;
        match self.row(study.as_str()).await {
            Ok(_) if self.library.study(&study).is_some() => {}
            Ok(_) | Err(AppError::NotFound(_)) => return Err(study_is_gone()),
            Err(error) => return Err(error),
        }
        let (source, anonymous) = (format!("share:{}", share.id), share.anonymous);
        let snapshot = self.shares.reading(move |shares| shares.read(&share).map_err(damaged)).await?;
        Ok(Permit { study, source, anonymous, snapshot })
    }

    pub(crate) async fn rounds_of_share(&self, token: &str) -> Result<Vec<RoundSummary>, AppError> {
        let permit = self.permit(token).await?;
        let rounds = self.annotations.rounds(&permit.study).await?;
        Ok(rounds.into_iter().map(|round| for_reviewer(round, &permit)).collect())
    }

    pub(crate) async fn consent_of_share(&self, token: &str, round: &str, name: &str) -> Result<(), AppError> {
        let permit = self.permit(token).await?;
        self.annotations.consent(&permit.study, round, &permit.annotator(name)).await
    }

    pub(crate) async fn labelling_of_share(&self, token: &str, round: &str, name: &str, at: Option<u32>) -> Result<Labelling, AppError> {
        let permit = self.permit(token).await?;
        let labelling = self.annotations.labelling(&permit.study, round, &permit.annotator(name), at).await?;
        if let Some(item) = &labelling.item {
            permit.must_hold(&item.prompt, &item.text)?;
        }
        Ok(labelling)
    }

    pub(crate) async fn label_of_share(&self, token: &str, round: &str, name: &str, item: &str, label: Label) -> Result<(), AppError> {
        let permit = self.permit(token).await?;
        let (prompt, text) = self.annotations.item_text(&permit.study, round, item).await?;
        permit.must_hold(&prompt, &text)?;
        self.annotations.give_label(&permit.study, round, &permit.annotator(name), item, label).await
    }

    pub(crate) async fn undo_of_share(&self, token: &str, round: &str, name: &str) -> Result<Option<u32>, AppError> {
        let permit = self.permit(token).await?;
        self.annotations.undo(&permit.study, round, &permit.annotator(name)).await
    }

    pub(crate) async fn waiting_for_a_round(&self, shares: &[ShareEntry]) -> Result<Vec<String>, AppError> {
        let open = shares.iter().filter(|share| share.annotate && share.state == rankscope_domain::share::ShareState::Open);
        let studies: BTreeSet<StudyId> = open.filter_map(|share| share.study_id.as_ref()?.parse().ok()).collect();
        let mut waiting = Vec::new();
        for study in studies.iter().filter(|study| self.library.study(study).is_some()) {
            if self.annotations.rounds(study).await?.is_empty() {
                waiting.push(study.to_string());
            }
        }
        Ok(waiting)
    }

    pub(crate) async fn has_rounds(&self, study: &str) -> Result<bool, AppError> {
        let study: StudyId = study.parse().map_err(|_| no_such_study())?;
        Ok(!self.annotations.rounds(&study).await?.is_empty())
    }
}

fn study_is_gone() -> AppError {
    let text = "The study behind this link was deleted, and its labels with it, so there is nothing to label any more. What was shared of it can still be read.";
    AppError::Conflict(text.into())
}
