//! Runs queued studies, each in a worker process of its own: this same program, as `rankscope worker DIR`.
//! A worker outlives the server: the next server finds it by its lock and goes on watching it.

use crate::{
    database::{Database, DatabaseError, StudyRow},
    library::Library,
    reader::{Reader, status_of},
    study_id::StudyId,
    worker_lock::WorkerLock,
};
use rankscope_domain::view::{
    Ended,
    StudyStatus::{self, Cancelled, Cancelling, Failed, Queued, Running},
};
use rankscope_engine::Processor;
use std::{
    collections::HashMap,
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    sync::{Mutex, Notify, watch},
};
use tokio_util::sync::CancellationToken;

/// The exit code of a worker that found another one at work.
pub const EXIT_BUSY: u8 = 75;

/// A study that was interrupted this often is not started again by itself.
const MAX_RESTARTS: u32 = 3;

/// How workers are run.
#[derive(Debug, Clone)]
pub struct ExecutorOptions {
    /// The program to start; its first arguments are `worker DIR`.
    pub program: PathBuf,
    pub default_model: PathBuf,
    /// Where sets of texts lie that were added.
    pub datasets: PathBuf,
    /// Bytes that one worker may take; absent: as the machine has.
    pub memory_limit: Option<u64>,
    /// What their models compute on.
    pub processor: Processor,
    /// How many at once.
    pub jobs: usize,
    /// How long a worker that was asked to stop may take before it is killed.
    pub grace: Duration,
}

/// Starts, watches and stops workers.
#[derive(Clone)]
pub struct Executor {
    inner: Arc<Inner>,
}

struct Inner {
    options: ExecutorOptions,
    database: Database,
    library: Library,
    reader: Reader,
    /// Something was queued or a worker ended.
    wake: Notify,
    /// Every worker that is watched; true tells its watcher to stop it. Taken whenever a study goes from queued to running or is cancelled.
    workers: Mutex<HashMap<StudyId, watch::Sender<bool>>>,
    shutdown: CancellationToken,
}

/// A worker process, our child or one that an earlier server left.
enum Worker {
    Child(Child),
    Adopted(PathBuf),
}

/// What became of a request to stop a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It will stop, or has already.
    Yes,
    /// It has ended by itself.
    HasEnded,
}

impl Executor {
    pub fn new(options: ExecutorOptions, database: Database, library: Library, reader: Reader, shutdown: CancellationToken) -> Self {
        let (wake, workers) = (Notify::new(), Mutex::default());
        Self { inner: Arc::new(Inner { options, database, library, reader, wake, workers, shutdown }) }
    }

    /// Brings the index in line with the directories and the workers that are there, then runs the queue until shutdown.
    pub async fn start(&self) -> Result<(), DatabaseError> {
        self.inner.clone().reconcile().await?;
        tokio::spawn(self.inner.clone().run_queue());
        Ok(())
    }

    /// Tells that something was queued.
    pub fn wake(&self) {
        self.inner.wake.notify_one();
    }

    /// How many workers are watched.
    pub async fn running(&self) -> usize {
        self.inner.workers.lock().await.len()
    }

    /// Stops a study: takes it out of the queue, or tells its worker to stop.
    pub async fn cancel(&self, id: &StudyId) -> Result<Stopped, DatabaseError> {
        let inner = &self.inner;
        let workers = inner.workers.lock().await;
        if inner.database.change(id, &[Queued], Cancelled, "").await? {
            return Ok(Stopped::Yes);
        }
        inner.database.change(id, &[Running], Cancelling, "").await?;
        if let Some(worker) = workers.get(id) {
            worker.send_replace(true);
            return Ok(Stopped::Yes);
        }
        let status = inner.database.study(id).await?.map(|row| row.status);
        Ok(if status == Some(Cancelled) { Stopped::Yes } else { Stopped::HasEnded })
    }
}

impl Inner {
    async fn run_queue(self: Arc<Self>) {
        loop {
            if let Err(error) = self.clone().fill().await {
                tracing::error!(%error, "the queue can't be read");
            }
            tokio::select! {
                () = self.wake.notified() => {}
                // a database that failed once is asked again
                () = tokio::time::sleep(Duration::from_secs(30)) => {}
                () = self.shutdown.cancelled() => return,
            }
        }
    }

    /// Starts queued studies while there is room.
    async fn fill(self: Arc<Self>) -> Result<(), DatabaseError> {
        let mut workers = self.workers.lock().await;
        while workers.len() < self.options.jobs && !self.shutdown.is_cancelled() {
            let Some(id) = self.database.take_next().await? else { break };
            let (stop, stop_asked) = watch::channel(false);
            workers.insert(id.clone(), stop);
            tokio::spawn(self.clone().run_worker(id, stop_asked));
        }
        Ok(())
    }

    async fn run_worker(self: Arc<Self>, id: StudyId, stop_asked: watch::Receiver<bool>) {
        let before = self.last_event(&id).await.map_or(0, |(last, _)| last);
        let directory = self.library.directory(&id).unwrap_or_default();
        match spawn_worker(&self.options, &directory) {
            Ok(child) => {
                tracing::info!(%id, pid = child.id(), "worker started");
                self.watch(id, Worker::Child(child), stop_asked, before).await;
            }
            Err(error) => {
                let program = self.options.program.display();
                let message = format!("The worker could not be started ({program}: {error}). Check that the file is there, then resume.");
                self.end(&id, Failed, &message).await;
            }
        }
    }

    /// Waits for a worker's end and writes down what became of the study. `before`: id of the last event that is not this worker's.
    async fn watch(self: Arc<Self>, id: StudyId, mut worker: Worker, mut stop_asked: watch::Receiver<bool>, before: u64) {
        let directory = self.library.directory(&id).unwrap_or_default();
        let mut stopping = *stop_asked.borrow();
        let exit = loop {
            if stopping {
                worker.signal(&directory, libc::SIGTERM);
                if let Ok(exit) = tokio::time::timeout(self.options.grace, worker.wait()).await {
                    break exit;
                }
                tracing::warn!(%id, "the worker did not stop: it is killed");
                worker.signal(&directory, libc::SIGKILL);
                break worker.wait().await;
            }
            tokio::select! {
                exit = worker.wait() => break exit,
                changed = stop_asked.changed() => stopping = changed.is_ok() && *stop_asked.borrow(),
                () = self.shutdown.cancelled() => return, // the worker goes on; the next server finds it
            }
        };
        if exit.and_then(|exit| exit.code()) == Some(i32::from(EXIT_BUSY)) {
            tracing::info!(%id, "another worker has the study: watching that one");
            return Box::pin(self.watch(id, Worker::Adopted(directory), stop_asked, before)).await;
        }
        let ended = self.last_event(&id).await.and_then(|(last, ended)| if last > before { ended } else { None });
        let (status, message) = outcome(ended, exit, stopping, &last_complaint(&directory));
        tracing::info!(%id, status = status.label(), message, "worker ended");
        self.end(&id, status, &message).await;
    }

    async fn end(&self, id: &StudyId, status: StudyStatus, message: &str) {
        let mut workers = self.workers.lock().await;
        if let Err(error) = self.database.change(id, &[Running, Cancelling], status, message).await {
            tracing::error!(%id, %error, "a study's end could not be written down");
        }
        workers.remove(id);
        drop(workers);
        self.wake.notify_one();
    }

    async fn last_event(&self, id: &StudyId) -> Option<(u64, Option<Ended>)> {
        let (reader, id) = (self.reader.clone(), id.clone());
        tokio::task::spawn_blocking(move || reader.last_event(&id).ok()).await.ok().flatten()
    }

    /// Adopts workers that still run, queues studies again whose worker is gone, takes up directories without a row, and drops rows without a directory.
    async fn reconcile(self: Arc<Self>) -> Result<(), DatabaseError> {
        let on_disk = self.library.ids().unwrap_or_else(|error| {
            tracing::error!(%error, "the studies' directory can't be read");
            Vec::new()
        });
        for row in self.database.studies().await? {
            if !on_disk.contains(&row.id) {
                tracing::info!(id = %row.id, "forgotten: its directory is gone");
                self.database.drop_row(&row.id).await?;
            } else if matches!(row.status, Running | Cancelling) {
                self.clone().take_up(row).await?;
            }
        }
        for id in on_disk {
            if self.database.study(&id).await?.is_some() {
                continue;
            }
            let directory = self.library.directory(&id).unwrap_or_default();
            if WorkerLock::holder(&directory).is_some() {
                self.database.insert_found(&id, Running, "").await?;
                self.clone().adopt(id, directory, false).await;
            } else {
                let (status, message) = status_of(self.last_event(&id).await.and_then(|(_, ended)| ended));
                self.database.insert_found(&id, status, &message).await?;
            }
        }
        Ok(())
    }

    /// A study that ran when the last server ended.
    async fn take_up(self: Arc<Self>, row: StudyRow) -> Result<(), DatabaseError> {
        let id = row.id;
        let directory = self.library.directory(&id).unwrap_or_default();
        if WorkerLock::holder(&directory).is_some() {
            tracing::info!(%id, "its worker still runs: watching it");
            self.adopt(id, directory, row.status == Cancelling).await;
            return Ok(());
        }
        match self.last_event(&id).await.and_then(|(_, ended)| ended) {
            Some(ended) => {
                let (status, message) = status_of(Some(ended));
                self.database.change(&id, &[Running, Cancelling], status, &message).await?;
            }
            None if row.status == Cancelling => {
                self.database.change(&id, &[Cancelling], Cancelled, "").await?;
            }
            None => {
                let message = "The worker was interrupted again and again while the server was away: perhaps the machine runs out of memory. Resume tries again.";
                self.database.change(&id, &[Running], Failed, message).await?;
                if row.restarts < MAX_RESTARTS {
                    tracing::info!(%id, "interrupted: queued again");
                    self.database.enqueue(&id, false).await?;
                }
            }
        }
        Ok(())
    }

    async fn adopt(self: Arc<Self>, id: StudyId, directory: PathBuf, stopping: bool) {
        let (stop, stop_asked) = watch::channel(stopping);
        self.workers.lock().await.insert(id.clone(), stop);
        tokio::spawn(self.watch(id, Worker::Adopted(directory), stop_asked, 0));
    }
}

impl Worker {
    /// Waits for its end; the exit status is known of a child alone. May be dropped and called again.
    async fn wait(&mut self) -> Option<ExitStatus> {
        match self {
            Worker::Child(child) => child.wait().await.ok(),
            Worker::Adopted(directory) => {
                while WorkerLock::holder(directory).is_some() {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                None
            }
        }
    }

    fn signal(&self, directory: &Path, signal: i32) {
        let pid = match self {
            Worker::Child(child) => child.id(),
            // the lock is held, so its process is the one that wrote its id there
            Worker::Adopted(_) => WorkerLock::holder(directory),
        };
        if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 1) {
            // SAFETY: kill has no effect on this process's memory; a child that was not waited for keeps its id.
            unsafe { libc::kill(pid, signal) };
        }
    }
}

/// Starts a worker in a process group of its own, so that Ctrl-C in the server's terminal does not reach it.
fn spawn_worker(options: &ExecutorOptions, directory: &Path) -> io::Result<Child> {
    let log = OpenOptions::new().create(true).append(true).open(directory.join("worker.log"))?;
    Command::new(&options.program)
        .arg("worker")
        .arg(directory)
        .arg("--default-model")
        .arg(&options.default_model)
        .arg(format!("--device={}", options.processor))
        .arg("--datasets-dir")
        .arg(&options.datasets)
        .args(options.memory_limit.map(|bytes| format!("--memory-limit={bytes}")))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
}

/// The last error in `worker.log`, as a sentence to put first; empty where there is none.
fn last_complaint(directory: &Path) -> String {
    let log = std::fs::read(directory.join("worker.log")).unwrap_or_default();
    let end = String::from_utf8_lossy(&log[log.len().saturating_sub(4096)..]).into_owned();
    let complaint =
        end.lines().rev().find_map(|line| line.strip_prefix("error: ").or_else(|| line.contains("panicked at").then_some(line)));
    complaint.map(|line| format!("{} ", line.trim())).unwrap_or_default()
}

/// What became of a study: by its last event where there is one, else by how the worker ended.
fn outcome(ended: Option<Ended>, exit: Option<ExitStatus>, stopping: bool, complaint: &str) -> (StudyStatus, String) {
    if ended.is_some() {
        return status_of(ended);
    }
    if stopping {
        return (Cancelled, String::new());
    }
    let signal = exit.and_then(|exit| std::os::unix::process::ExitStatusExt::signal(&exit));
    let message = match (signal, exit.and_then(|exit| exit.code())) {
        (Some(libc::SIGKILL), _) => {
            "The worker was killed, most likely because the machine ran out of memory. Close other programs, or start a study \
             with a smaller batch, fewer ranks or a smaller model; Resume goes on where it was."
                .into()
        }
        (Some(signal), _) => {
            format!(
                "{complaint}The worker was ended by signal {signal}. worker.log in the study's directory says more; Resume goes on where it was."
            )
        }
        (None, Some(code)) => {
            format!(
                "{complaint}The worker ended with code {code}. worker.log in the study's directory says more; Resume goes on where it was."
            )
        }
        (None, None) => {
            format!("{complaint}The worker ended early. worker.log in the study's directory may say more; Resume goes on where it was.")
        }
    };
    (Failed, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn the_last_event_counts_more_than_how_the_worker_ended() {
        let killed = Some(ExitStatus::from_raw(libc::SIGKILL));
        let code = |code: i32| Some(ExitStatus::from_raw(code << 8));
        let check = |ended: Option<Ended>, exit, stopping, status, said: &str| {
            let (found, message) = outcome(ended, exit, stopping, "no such model ");
            assert_eq!(found, status, "{message}");
            assert!(message.contains(said), "{message}");
        };
        check(Some(Ended::Finished), killed, true, StudyStatus::Finished, "");
        check(Some(Ended::Failed("the disk is full".into())), code(1), false, Failed, "the disk is full");
        check(None, killed, true, Cancelled, "");
        check(None, killed, false, Failed, "out of memory");
        check(None, Some(ExitStatus::from_raw(libc::SIGABRT)), false, Failed, "signal 6");
        check(None, code(2), false, Failed, "no such model The worker ended with code 2");
        check(None, None, false, Failed, "Resume");
    }

    #[test]
    fn the_workers_last_complaint_is_found() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(last_complaint(directory.path()), "");
        std::fs::write(directory.path().join("worker.log"), "error: old\n INFO Load\nerror: the model is gone\n INFO ended\n").unwrap();
        assert_eq!(last_complaint(directory.path()), "the model is gone ");
    }
}
