//! Whether there is memory for a question beside the studies that run.

use super::{Inner, blocking};
use crate::{error::from_study, study_id::StudyId};
use rankscope_app::error::AppError;
use rankscope_domain::view::StudyStatus;
use rankscope_study::{lens_bench::LensTask, memory_limit_on};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// The reckoned peaks of studies that were seen running: an estimate reads headers.
#[derive(Debug, Default)]
pub(super) struct Room(Mutex<HashMap<StudyId, u64>>);

impl Inner {
    /// Refuses a task that takes more than the lens may, or more than the running studies leave.
    pub(super) async fn check_room(&self, task: &LensTask) -> Result<(), AppError> {
        let (environment, task) = (self.options.environment.clone(), task.clone());
        let needs = blocking(move || {
            let needs = task.memory().map_err(|error| from_study("looking at a model", error))?;
            let limit = environment.memory_limit_bytes.or_else(|| memory_limit_on(environment.processor));
            task.check_memory(needs, limit.unwrap_or(u64::MAX)).map_err(AppError::Invalid)?;
            Ok(needs)
        })
        .await?;
        fits(needs, self.free_bytes().await)
    }

    /// What running studies leave of the machine's memory at their reckoned peaks; `None`: none runs, or nobody knows what there is.
    pub(super) async fn free_bytes(&self) -> Option<u64> {
        let whole = memory_limit_on(self.options.environment.processor)?;
        let rows = self.database.studies().await.ok()?;
        let running: Vec<StudyId> =
            rows.into_iter().filter(|row| matches!(row.status, StudyStatus::Running | StudyStatus::Cancelling)).map(|row| row.id).collect();
        if running.is_empty() {
            return None;
        }
        let mut taken: u64 = 0;
        for id in running {
            taken = taken.saturating_add(self.peak(id).await);
        }
        Some(whole.saturating_sub(taken))
    }

    /// Of a study, as its estimate has it; 0 where it can't be reckoned.
    async fn peak(&self, id: StudyId) -> u64 {
        if let Some(known) = self.room.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return *known;
        }
        let (library, environment, of) = (self.library.clone(), self.options.environment.clone(), id.clone());
        let reckoned = blocking(move || {
            let recipe = library.study(&of).and_then(|study| study.recipe().ok());
            Ok(recipe.and_then(|recipe| rankscope_study::estimate(&recipe, &environment).ok()).map(|estimate| estimate.peak_memory_bytes))
        })
        .await;
        let Some(peak) = reckoned.ok().flatten() else { return 0 };
        self.room.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, peak);
        peak
    }
}

/// Whether what a task needs is free; `None`: nothing takes any of it.
fn fits(needs: u64, free: Option<u64>) -> Result<(), AppError> {
    match free {
        Some(free) if free < needs => Err(AppError::Busy(format!(
            "The lens needs {} for these arms, and the studies that run leave {} of this machine’s memory. Wait until they end, cancel one, or choose fewer arms: full is a second model.",
            size(needs),
            size(free)
        ))),
        _ => Ok(()),
    }
}

/// "1.2 GiB"
fn size(bytes: u64) -> String {
    if bytes < 1 << 30 { format!("{} MiB", bytes >> 20) } else { format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_a_study_both_figures_are_named() {
        fits(5 << 30, None).unwrap();
        fits(5 << 30, Some(5 << 30)).unwrap();
        let error = fits(5 << 30, Some(300 << 20)).unwrap_err();
        assert_eq!(error.status(), 503);
        let text = error.to_string();
        assert!(text.contains("needs 5.0 GiB") && text.contains("leave 300 MiB") && text.contains("Wait until they end"), "{text}");
    }
}
