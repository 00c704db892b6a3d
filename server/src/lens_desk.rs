//! The desk where questions of the page `/lens` are put: a short queue, one process that answers ([`worker`]), and answers that are kept.
//!
//! **One question at a time.** Equal questions are one. A question stays as long as somebody waits for it: a page that follows it live
//! ([`events`]), or one that asks again every few seconds, as pages without JavaScript do. When nobody does, it is taken out of the
//! queue, or the worker is told to stop, which it does between two layers or tokens.
//!
//! **Beside a study.** The machine is the studies'. The lens's worker is a process of lower priority (`nice`), so that the kernel gives a
//! study three quarters of each core while both compute and all of it otherwise: a step of a study takes a third longer while a question
//! is answered, a few seconds, and is never held up. To stop a study's worker between steps would be no better for it (a step's time,
//! every time) and would have the two processes wait for one another. Memory can't be shared so: a question is taken only where the
//! memory that the running studies may come to, as their estimates reckon it, and what the lens needs fit into the machine together;
//! otherwise it is refused with both figures ([`room`]). A worker that is warm and idle lets go of its memory when a study starts that
//! needs it.

pub mod events;
mod queue;
mod room;
mod worker;

use crate::{database::Database, error::from_study, library::Library, study_id::StudyId};
use queue::{Ended, Queue};
use rankscope_app::error::AppError;
use rankscope_domain::{
    FieldErrors,
    inspection::LensReading,
    lens_question::{LensQuestion, LensReply, LensStage},
};
use rankscope_study::{
    Environment, LensCache, Study, StudyError,
    lens_bench::{LensFindings, LensReport, LensTask},
};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use worker::{LensWorker, Said};

/// A question is answered at once where it takes no longer: the page then needs no second look.
const PATIENCE: Duration = Duration::from_millis(700);
/// How often it is looked at who still waits.
const TICK: Duration = Duration::from_millis(250);
/// A worker that was told to stop may take so long: it may be reading weights.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// A worker that has had nothing to do for so long ends, and with it the memory that it takes.
const IDLE: Duration = Duration::from_secs(5 * 60);

/// How the lens's worker is run.
#[derive(Debug, Clone)]
pub struct LensDeskOptions {
    /// The program to start; its first argument is `lens-worker`.
    pub program: PathBuf,
    pub environment: Environment,
    /// For answers and the worker's log.
    pub folder: PathBuf,
    /// Bytes that answers may take on disk.
    pub cache_limit: u64,
}

/// Takes questions, has them answered, and tells how far they are.
#[derive(Clone)]
pub struct LensDesk {
    inner: Arc<Inner>,
}

struct Inner {
    options: LensDeskOptions,
    database: Database,
    library: Library,
    cache: LensCache,
    queue: Mutex<Queue>,
    room: room::Room,
    /// A question was put.
    wake: Notify,
    shutdown: CancellationToken,
}

/// What is known of a question when its turn comes.
#[derive(Clone)]
struct Turn {
    ticket: String,
    task: LensTask,
    stop: CancellationToken,
}

/// A worker that runs, and what it is known to keep in memory.
struct Running {
    worker: LensWorker,
    memory_bytes: u64,
    idle_since: Instant,
}

impl LensDesk {
    /// Opens the folder of answers.
    pub fn new(options: LensDeskOptions, database: Database, library: Library, shutdown: CancellationToken) -> Result<Self, StudyError> {
        let cache = LensCache::open(&options.folder, options.cache_limit)?;
        let (queue, room, wake) = (Mutex::default(), room::Room::default(), Notify::new());
        Ok(Self { inner: Arc::new(Inner { options, database, library, cache, queue, room, wake, shutdown }) })
    }

    /// Answers questions until shutdown.
    pub fn start(&self) {
        tokio::spawn(self.inner.clone().answer_questions());
        tokio::spawn(self.inner.clone().look_who_waits());
    }

    /// The answer, or where the question is; it is put in the queue where it isn't there. `again`: also where it has just failed.
    ///
    /// Errors: a question that can't be answered, by field; a full queue; how it went wrong where it did.
    pub async fn ask(&self, study: Study, question: LensQuestion, again: bool) -> Result<LensReply, AppError> {
        let inner = self.inner.clone();
        let (task, known) = blocking(move || {
            let task = LensTask::of(&study, &question, &inner.options.environment).map_err(|error| from_study("asking the lens", error))?;
            let known = inner.cache.find(&task);
            Ok((task, known))
        })
        .await?;
        if let Some(readings) = known {
            return Ok(LensReply::Answered(readings));
        }
        let ticket = task.name();
        if !self.inner.queue().has(&ticket) {
            // what is too much needs no place in the queue
            self.inner.check_room(&task).await?;
        }
        let mut stage = match self.inner.queue().put(&ticket, task, again)? {
            queue::Put::Ended(ended) => return reply(ended),
            queue::Put::Waiting(stage) => stage,
        };
        self.inner.wake.notify_one();
        let _ = tokio::time::timeout(PATIENCE, stage.wait_for(|stage| *stage == LensStage::Ended)).await;
        let ended = self.inner.queue().ended(&ticket);
        if let Some(ended) = ended {
            return reply(ended);
        }
        let stage = stage.borrow().clone();
        Ok(LensReply::Waiting { ticket, stage })
    }

    /// The kept answer; `None`: it was not asked, or had to go. Blocks.
    pub fn kept(&self, study: &Study, question: &LensQuestion) -> Result<Option<Vec<LensReading>>, AppError> {
        let task = LensTask::of(study, question, &self.inner.options.environment).map_err(|error| from_study("asking the lens", error))?;
        Ok(self.inner.cache.find(&task))
    }

    /// Takes a question back; one that has ended, or is none, stays as it is.
    pub fn stop(&self, ticket: &str) {
        self.inner.queue().stop(ticket);
    }
}

fn reply(ended: Ended) -> Result<LensReply, AppError> {
    ended.map(|readings| LensReply::Answered(readings.to_vec()))
}

impl Inner {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look_who_waits(self: Arc<Self>) {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                _ = tick.tick() => self.queue().let_go(),
                () = self.shutdown.cancelled() => return,
            }
        }
    }

    async fn answer_questions(self: Arc<Self>) {
        let mut running: Option<Running> = None;
        let mut tick = tokio::time::interval(Duration::from_secs(2));
        loop {
            tokio::select! {
                () = self.wake.notified() => {}
                _ = tick.tick() => {}
                () = self.shutdown.cancelled() => return,
            }
            loop {
                let turn = self.queue().next();
                let Some(turn) = turn else { break };
                let ended = self.answer(&mut running, &turn).await;
                if let Some(running) = &mut running {
                    running.idle_since = Instant::now();
                }
                self.queue().end(&turn.ticket, ended);
                if self.shutdown.is_cancelled() {
                    return;
                }
            }
            if let Some(idle) = &running
                && (idle.idle_since.elapsed() > IDLE || self.free_bytes().await.is_some_and(|free| free < idle.memory_bytes))
                && let Some(idle) = running.take()
            {
                tracing::info!("the lens's worker is idle: it ends");
                idle.worker.end().await;
            }
        }
    }

    /// Has one question answered, and the answer kept.
    async fn answer(&self, running: &mut Option<Running>, turn: &Turn) -> Ended {
        // studies may have started while it waited
        self.check_room(&turn.task).await?;
        self.queue().tell(&turn.ticket, LensStage::Loading { what: "the lens’s worker".into() });
        let mut answered = self.converse(self.alive(running)?, turn).await;
        if answered.is_err() && running.as_ref().is_some_and(|known| known.worker.was_gone_before()) {
            *running = None;
            answered = self.converse(self.alive(running)?, turn).await;
        }
        match answered {
            Ok(Ok(findings)) => {
                if let Some(running) = running {
                    running.memory_bytes = findings.memory_bytes;
                }
                let (cache, task, findings) = (self.cache.clone(), turn.task.clone(), Arc::new(findings));
                let kept = findings.clone();
                if let Err(error) = blocking(move || cache.keep(&task, &kept).map_err(|error| from_study("keeping an answer", error))).await
                {
                    tracing::warn!(%error, "an answer of the lens is not kept");
                }
                Ok(findings.readings.clone().into())
            }
            Ok(Err(error)) => Err(error),
            // whatever it still does is for nobody
            Err(error) => {
                *running = None;
                Err(error)
            }
        }
    }

    /// The worker that runs, or a new one.
    fn alive<'r>(&self, running: &'r mut Option<Running>) -> Result<&'r mut LensWorker, AppError> {
        if running.as_mut().is_some_and(|known| !known.worker.is_alive()) {
            *running = None;
        }
        let running_now = match running.take() {
            Some(running) => running,
            None => Running { worker: LensWorker::start(&self.options)?, memory_bytes: 0, idle_since: Instant::now() },
        };
        Ok(&mut running.insert(running_now).worker)
    }

    /// The outer error: the worker is gone, or has to go.
    async fn converse(&self, worker: &mut LensWorker, turn: &Turn) -> Result<Result<LensFindings, AppError>, AppError> {
        let number = worker.order(&turn.task).await?;
        let mut kill_at = None;
        loop {
            let patience = async {
                match kill_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let report = tokio::select! {
                said = worker.listen() => match said {
                    Said::Report(report) => report,
                    Said::Nothing(error) => return Err(if kill_at.is_some() { stopped() } else { error }),
                },
                () = turn.stop.cancelled(), if kill_at.is_none() => {
                    kill_at = Some(tokio::time::Instant::now() + STOP_GRACE);
                    worker.stop(number).await;
                    continue;
                }
                () = patience => {
                    tracing::warn!("the lens's worker does not stop: it is killed");
                    return Err(stopped());
                }
                () = self.shutdown.cancelled() => return Err(stopped()),
            };
            match report {
                LensReport::Stage { number: of, stage } if of == number => self.queue().tell(&turn.ticket, stage),
                // an answer that crossed the order to stop is for nobody
                LensReport::Answered { number: of, .. } if of == number && kill_at.is_some() => return Ok(Err(stopped())),
                LensReport::Answered { number: of, findings } if of == number => return Ok(Ok(findings)),
                LensReport::Refused { number: of, errors } if of == number => return Ok(Err(AppError::Invalid(errors))),
                LensReport::Failed { number: of, reason } if of == number => {
                    tracing::warn!(reason, "a question of the lens failed");
                    return Ok(Err(AppError::Conflict(format!(
                        "The lens could not read this: {reason}. Try again; worker.log in the lens folder of the data directory says more."
                    ))));
                }
                LensReport::Stopped { number: of } if of == number => return Ok(Err(stopped())),
                // of a question before this one
                _ => {}
            }
        }
    }
}

fn stopped() -> AppError {
    AppError::Conflict("The question was stopped before there was an answer. Ask it again if you still want to know.".into())
}

/// A study of the library, by an id that somebody has typed; the error names the field.
pub fn study_of(library: &Library, id: &str) -> Result<Study, AppError> {
    let missing = || {
        AppError::Invalid(FieldErrors::one("study", id, "There is no such study. It may have been deleted; choose another from the list."))
    };
    let id: StudyId = id.parse().map_err(|_| missing())?;
    library.study(&id).ok_or_else(missing)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, AppError> + Send + 'static) -> Result<T, AppError> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work)).await.map_err(|error| crate::error::internal("a task panicked", &error))?
}

type Stages = watch::Receiver<LensStage>;
type Readings = Arc<[LensReading]>;
