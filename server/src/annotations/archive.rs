//! Rounds and labels that go with a study's archive, and that come with one.

use super::{
    Annotations, broken, random_bytes,
    storage::{Round, WholeRound},
};
use crate::study_id::StudyId;
use rankscope_app::error::AppError;
use rankscope_domain::annotation::{Annotator, GivenLabel};
use rankscope_study::archive::{ArchivedLabels, ArchivedRound};
use std::collections::HashMap;

impl Annotations {
    /// Everything that people said of a study, with their names.
    pub async fn archived(&self, study: &StudyId) -> Result<ArchivedLabels, AppError> {
        let mut rounds = Vec::new();
        // oldest first, as they were drawn
        for summary in self.rounds(study).await?.into_iter().rev() {
            let items = self.database.round_items(&summary.id).await.map_err(broken)?;
            let labels = self.database.standing_labels(&summary.id).await.map_err(broken)?;
            let annotators: Vec<Annotator> = summary.annotators.into_iter().map(|one| one.annotator).collect();
            let drawn_at_ms = StudyId::moment_of(&summary.id).and_then(|ms| i64::try_from(ms).ok()).unwrap_or_default();
            rounds.push(ArchivedRound::new(drawn_at_ms, summary.plan, items, &annotators, &labels));
        }
        Ok(ArchivedLabels { rounds })
    }

    /// Takes up what came with an archive, which was checked against the study: all of it or nothing. Rounds get ids and secrets of their
    /// own, so that the same archive can be taken in twice, and people keep their names.
    pub async fn take_in(&self, study: &StudyId, labels: ArchivedLabels) -> Result<(), AppError> {
        if labels.rounds.is_empty() {
            return Ok(());
        }
        let mut rounds = Vec::new();
        for ArchivedRound { drawn_at_ms, plan, items, annotators, labels } in labels.rounds {
            let annotators = named(annotators);
            let label = |one: rankscope_study::archive::ArchivedLabel| {
                let annotator = annotators.get(one.annotator as usize)?.clone();
                Some(GivenLabel { item: one.item, annotator, label: one.label, at_ms: one.at_ms })
            };
            let labels = labels.into_iter().filter_map(label).collect();
            let id = StudyId::generate_at(u64::try_from(drawn_at_ms).unwrap_or_default()).to_string();
            rounds.push(WholeRound { round: Round { id, plan, secret: random_bytes()? }, items, annotators, labels });
        }
        self.database.insert_whole_rounds(study, rounds, jiff::Timestamp::now().as_second()).await.map_err(broken)
    }
}

/// Under their names and one source. Two of one name stay two: the second is `imported 2`.
fn named(names: Vec<String>) -> Vec<Annotator> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let annotator = |name: String| {
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        let source = if *count == 1 { Annotator::IMPORTED.into() } else { format!("{} {count}", Annotator::IMPORTED) };
        Annotator { name, source }
    };
    names.into_iter().map(annotator).collect()
}
