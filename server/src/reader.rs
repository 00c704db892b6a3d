//! What pages show of a study, read from its directory. What was read is kept, and only what is new is read again.

use crate::{
    database::StudyRow,
    error::{from_study, internal, no_such_study},
    event_tail::EventTail,
    library::Library,
    study_id::StudyId,
};
use rankscope_app::error::AppError;
use rankscope_domain::{
    Arm, Recipe, StudyResults,
    provenance::ImportNote,
    view::{Ended, Progress, StudyCard, StudyOverview, StudyStatus},
};
use rankscope_study::Study;
use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// Reads studies, and remembers what can't change.
#[derive(Clone)]
pub struct Reader {
    library: Library,
    known: Arc<Mutex<HashMap<StudyId, Arc<Mutex<Known>>>>>,
}

/// What is remembered of a study.
struct Known {
    study: Study,
    recipe: Recipe,
    imported: Option<ImportNote>,
    tail: EventTail,
    progress: Progress,
    /// Changes with `results.json`.
    results_at: Option<SystemTime>,
    results: Option<StudyResults>,
}

impl Reader {
    pub fn new(library: Library) -> Self {
        Self { library, known: Arc::default() }
    }

    /// Of the studies that it reads.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Forgets a deleted study.
    pub fn forget(&self, id: &StudyId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// A row of the list. Blocks.
    pub fn card(&self, row: &StudyRow) -> Result<StudyCard, AppError> {
        self.with(&row.id, |known| Ok(known.card(row)))
    }

    /// All that the study page needs. Blocks.
    pub fn overview(&self, row: &StudyRow) -> Result<StudyOverview, AppError> {
        self.with(&row.id, |known| {
            Ok(StudyOverview {
                card: known.card(row),
                recipe_toml: known.study.recipe_toml().map_err(|error| from_study("reading a recipe", error))?,
                provenance: known.study.provenance().map_err(|error| from_study("reading a provenance", error))?,
                results: known.results.clone(),
                progress: known.progress.clone(),
                message: match (&row.message, &known.progress.ended) {
                    (message, Some(Ended::Failed(reason))) if message.is_empty() && row.status == StudyStatus::Failed => reason.clone(),
                    (message, _) => message.clone(),
                },
                directory: known.study.directory().display().to_string(),
            })
        })
    }

    /// How the study's last run ended, as its events tell it: `None` while there is no ending. Blocks.
    pub fn ended(&self, id: &StudyId) -> Result<Option<Ended>, AppError> {
        self.with(id, |known| Ok(known.progress.ended.clone()))
    }

    /// The last event's id, and how the last run ended. Blocks.
    pub fn last_event(&self, id: &StudyId) -> Result<(u64, Option<Ended>), AppError> {
        self.with(id, |known| Ok((known.progress.last_event_id, known.progress.ended.clone())))
    }

    fn with<T>(&self, id: &StudyId, read: impl FnOnce(&mut Known) -> Result<T, AppError>) -> Result<T, AppError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let known = match known {
            Some(known) => known,
            None => {
                let study = self.library.study(id).ok_or_else(no_such_study)?;
                let recipe = study.recipe().map_err(|error| from_study("reading a recipe", error))?;
                let tail = EventTail::new(study.directory(), 0);
                // a note that can't be read takes nothing from the study
                let imported = study.imported().unwrap_or_default();
                let fresh = Known { study, recipe, imported, tail, progress: Progress::default(), results_at: None, results: None };
                let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                all.entry(id.clone()).or_insert_with(|| Arc::new(Mutex::new(fresh))).clone()
            }
        };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.refresh()?;
        read(&mut known)
    }
}

impl Known {
    fn refresh(&mut self) -> Result<(), AppError> {
        loop {
            let events = self.tail.read().map_err(|error| internal("reading events", &error))?;
            if events.is_empty() {
                break;
            }
            for event in &events {
                self.progress.apply(event);
            }
        }
        let changed = modified(&self.study.directory().join("results.json"));
        if changed != self.results_at {
            self.results = self.study.results().map_err(|error| from_study("reading results", error))?;
            self.results_at = changed;
        }
        Ok(())
    }

    fn card(&self, row: &StudyRow) -> StudyCard {
        let provenance_time = || self.study.provenance().ok().flatten().map(|provenance| provenance.started_at);
        StudyCard {
            id: row.id.to_string(),
            name: self.recipe.name.clone(),
            kind: self.recipe.kind,
            status: row.status,
            created_at: row.id.created_at().or_else(provenance_time).unwrap_or_default(),
            model: self.model_name(),
            arms: self.arms(),
            seeds: self.recipe.seeds.len() as u32,
            progress: if row.status == StudyStatus::Finished { 1.0 } else { self.progress.fraction() },
            is_example: row.id.is_example(),
            imported: self.imported.clone(),
            shares: if row.status == StudyStatus::Finished { self.shares() } else { Vec::new() },
            queue_position: row.queue_position,
        }
    }

    /// Those that have a cell: with a class head, the original model has none.
    fn arms(&self) -> Vec<Arm> {
        let mut arms: Vec<Arm> = self.recipe.cells().into_iter().map(|cell| cell.arm).collect();
        arms.dedup();
        arms
    }

    /// The model's own name where it is known, else what the recipe says.
    fn model_name(&self) -> String {
        let named = self.results.as_ref().map(|results| results.model.name.clone()).filter(|name| !name.is_empty());
        named.unwrap_or_else(|| self.recipe.model.source.clone())
    }

    /// Of toxic completions; of a classification study, accuracies at the largest fraction as its first reading has them.
    fn shares(&self) -> Vec<(Arm, f64)> {
        let classified = self.results.as_ref().and_then(|results| results.classification.as_ref());
        if let Some(measured) = classified {
            let largest = measured.fractions.first().map(|count| count.fraction);
            let arms = measured.readings.first().into_iter().flat_map(|reading| &reading.arms);
            let at_largest = arms.filter(|result| result.fraction.is_none() || result.fraction == largest);
            return at_largest.filter_map(|result| Some((result.arm, result.accuracy.value?))).collect();
        }
        let arms = self.results.iter().flat_map(|results| &results.arms);
        arms.filter_map(|result| Some((result.arm, result.pooled.share?))).collect()
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|data| data.modified()).ok()
}

/// What the last event says of a study that no worker has.
pub fn status_of(ended: Option<Ended>) -> (StudyStatus, String) {
    match ended {
        Some(Ended::Finished) => (StudyStatus::Finished, String::new()),
        Some(Ended::Cancelled) => (StudyStatus::Cancelled, String::new()),
        Some(Ended::Failed(reason)) => (StudyStatus::Failed, reason),
        None => (StudyStatus::Cancelled, "This study was interrupted. Resume goes on where it was.".into()),
    }
}
