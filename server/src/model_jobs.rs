//! Models that are being added from the page: one after another, each in a thread of its own, which goes on whoever looks.
//! What breaks off with the server is kept on disk, and the next download of that model goes on from it.

use rankscope_app::error::AppError;
use rankscope_domain::{
    FieldErrors,
    model::{JobState, ModelJob},
};
use rankscope_engine::Flow;
use rankscope_study::{Catalogue, StudyError, hub::HubProgress};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio_util::sync::CancellationToken;

/// More than this wait for their turn, or ended and were not put away.
const MOST_JOBS: usize = 20;

/// All downloads of this server.
#[derive(Clone)]
pub struct ModelJobs {
    inner: Arc<Inner>,
}

struct Inner {
    catalogue: Catalogue,
    jobs: Mutex<BTreeMap<u64, Entry>>,
    /// The server is to end.
    shutdown: CancellationToken,
}

struct Entry {
    job: ModelJob,
    cancel: Arc<AtomicBool>,
}

impl ModelJobs {
    pub fn new(catalogue: Catalogue, shutdown: CancellationToken) -> Self {
        Self { inner: Arc::new(Inner { catalogue, jobs: Mutex::default(), shutdown }) }
    }

    /// The oldest first.
    pub fn list(&self) -> Vec<ModelJob> {
        self.inner.lock().values().map(|entry| entry.job.clone()).collect()
    }

    /// Puts a model at the end of the queue; one that is in it already stays where it is.
    pub fn add(&self, source: &str) -> Result<(), AppError> {
        let source = source.trim();
        if source.is_empty() || source.chars().count() > 1000 {
            let shown: String = source.chars().take(80).collect();
            return Err(AppError::Invalid(FieldErrors::one("source", shown, "Write ORG/NAME@REVISION of the hub, or a path.")));
        }
        let mut jobs = self.inner.lock();
        if jobs.values().any(|entry| entry.job.source == source && entry.job.state.is_active()) {
            return Ok(());
        }
        // one that failed is tried again: its old row has said what it had to
        jobs.retain(|_, entry| entry.job.source != source && entry.job.state != JobState::Done);
        if jobs.len() >= MOST_JOBS {
            return Err(AppError::Conflict(format!("{MOST_JOBS} models are on their way already. Wait for them, or cancel some.")));
        }
        let id = jobs.keys().next_back().map_or(1, |last| last + 1);
        let job = ModelJob {
            id,
            source: source.into(),
            state: JobState::Queued,
            file: String::new(),
            done_bytes: 0,
            total_bytes: 0,
            bytes_per_second: 0.0,
            seconds_left: 0.0,
            message: String::new(),
        };
        jobs.insert(id, Entry { job, cancel: Arc::default() });
        drop(jobs);
        self.inner.start_next();
        Ok(())
    }

    /// Stops a download, or puts away the row of one that has ended.
    pub fn cancel(&self, id: u64) -> Result<(), AppError> {
        let mut jobs = self.inner.lock();
        let Some(entry) = jobs.get_mut(&id) else {
            return Err(AppError::NotFound("There is no such download. Reload the page to see those there are.".into()));
        };
        match entry.job.state {
            JobState::Running => entry.cancel.store(true, Ordering::Relaxed),
            _ => drop(jobs.remove(&id)),
        }
        Ok(())
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Entry>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the first that waits, if none runs.
    fn start_next(self: &Arc<Self>) {
        let mut jobs = self.lock();
        if jobs.values().any(|entry| entry.job.state == JobState::Running) {
            return;
        }
        let Some((&id, entry)) = jobs.iter_mut().find(|(_, entry)| entry.job.state == JobState::Queued) else { return };
        entry.job.state = JobState::Running;
        let (source, cancel) = (entry.job.source.clone(), entry.cancel.clone());
        drop(jobs);
        let this = self.clone();
        // not one of the runtime's threads: those are waited for when the server ends
        let started = std::thread::Builder::new().name("model download".into()).spawn(move || this.run(id, &source, &cancel));
        if let Err(error) = started {
            tracing::error!(%error, "a download could not be started");
            self.end(id, JobState::Failed, "The server could not start the download; its log says why. Try again.".into());
        }
    }

    fn run(self: Arc<Self>, id: u64, source: &str, cancel: &AtomicBool) {
        let mut observe = |progress: &HubProgress| {
            if let Some(entry) = self.lock().get_mut(&id) {
                entry.job.file.clone_from(&progress.file);
                entry.job.done_bytes = progress.done;
                entry.job.total_bytes = progress.total;
                entry.job.bytes_per_second = progress.bytes_per_second;
                entry.job.seconds_left = progress.seconds_left;
            }
            if cancel.load(Ordering::Relaxed) || self.shutdown.is_cancelled() { Flow::Break(()) } else { Flow::Continue(()) }
        };
        let added = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.catalogue.add(source, &mut observe)));
        let (state, message) = match added {
            Ok(Ok(entry)) => (JobState::Done, entry.name),
            Ok(Err(StudyError::Stopped)) => (JobState::Cancelled, "What came is kept; adding it again goes on from there.".into()),
            Ok(Err(StudyError::Invalid(errors))) => {
                (JobState::Failed, errors.0.iter().map(|error| error.remedy.clone()).collect::<Vec<_>>().join(" "))
            }
            Ok(Err(error)) => (JobState::Failed, format!("{error}.")),
            Err(_) => (JobState::Failed, "The server failed at this; its log says how. Try again.".into()),
        };
        tracing::info!(source, state = state.label(), message, "a model's download ended");
        self.end(id, state, message);
    }

    fn end(self: &Arc<Self>, id: u64, state: JobState, message: String) {
        if let Some(entry) = self.lock().get_mut(&id) {
            entry.job.state = state;
            entry.job.message = message;
        }
        if !self.shutdown.is_cancelled() {
            self.start_next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_study::hub::HubSettings;
    use std::time::{Duration, Instant};

    fn jobs(folder: &std::path::Path) -> ModelJobs {
        let hub = HubSettings { endpoint: "http://127.0.0.1:9".into(), token: None, cache: Some(folder.join("hub")), offline: true };
        let catalogue = Catalogue { models_dir: Some(folder.join("models")), default_model: "/none.gguf".into(), hub };
        ModelJobs::new(catalogue, CancellationToken::new())
    }

    fn ended(jobs: &ModelJobs) -> Vec<ModelJob> {
        let patience = Instant::now() + Duration::from_secs(20);
        loop {
            let list = jobs.list();
            if list.iter().all(|job| !job.state.is_active()) {
                return list;
            }
            assert!(Instant::now() < patience, "{list:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn each_has_its_turn_and_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let jobs = jobs(folder.path());
        let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/reference/llama_tiny");
        jobs.add(tiny).unwrap();
        jobs.add("org/away").unwrap();
        let list = ended(&jobs);
        assert_eq!((list[0].state, list[0].message.as_str()), (JobState::Done, "llama_tiny"));
        assert_eq!(list[1].state, JobState::Failed);
        assert!(list[1].message.contains("HF_HUB_OFFLINE"), "{}", list[1].message);
        // tried again: the old row is gone, and so is the one that had nothing left to say
        jobs.add("org/away").unwrap();
        assert_eq!(ended(&jobs).len(), 1);
        jobs.cancel(jobs.list()[0].id).unwrap();
        assert!(jobs.list().is_empty());
        assert_eq!(jobs.cancel(1).unwrap_err().status(), 404);
        assert_eq!(jobs.add("  ").unwrap_err().status(), 422);
    }
}
