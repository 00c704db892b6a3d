//! Events on their way to the log and to who listens, at a bearable rate; and the wish to stop.

use crate::{StudyError, event_log::EventLog};
use rankscope_domain::event::{Event, Happening, StageKind, Unit};
use rankscope_engine::Flow;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Least time between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(300);

pub(crate) struct Reporter<'a> {
    log: EventLog,
    echo: &'a mut dyn FnMut(&Event),
    cancel: &'a AtomicBool,
    /// What went wrong inside an observer, which can only say stop.
    failure: Option<StudyError>,
    stage: StageKind,
    stage_began: Instant,
    last_progress: Option<Instant>,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(log: EventLog, cancel: &'a AtomicBool, echo: &'a mut dyn FnMut(&Event)) -> Self {
        Self { log, echo, cancel, failure: None, stage: StageKind::Load, stage_began: Instant::now(), last_progress: None }
    }

    pub(crate) fn tell(&mut self, what: Happening) -> Result<(), StudyError> {
        let event = self.log.append(what)?;
        (self.echo)(&event);
        Ok(())
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) -> Result<(), StudyError> {
        self.tell(Happening::Note { text: text.into() })
    }

    pub(crate) fn begin_stage(&mut self, stage: StageKind) {
        self.stage = stage;
        self.restart_clock();
    }

    /// Rates are reckoned from here.
    pub(crate) fn restart_clock(&mut self) {
        self.stage_began = Instant::now();
        self.last_progress = None;
    }

    pub(crate) fn check_cancel(&self) -> Result<(), StudyError> {
        if self.cancel.load(Ordering::Relaxed) { Err(StudyError::Stopped) } else { Ok(()) }
    }

    /// From inside an observer: `before` of `done` were there when the clock started; `tokens` were worked on since.
    pub(crate) fn progress(&mut self, before: u64, done: u64, total: u64, unit: Unit, tokens: u64) -> Flow {
        let now = Instant::now();
        if self.last_progress.is_none_or(|last| now - last >= PROGRESS_EVERY) {
            self.last_progress = Some(now);
            let seconds = (now - self.stage_began).as_secs_f64();
            let fresh = done.saturating_sub(before);
            let eta_seconds = if fresh > 0 { seconds / fresh as f64 * total.saturating_sub(done) as f64 } else { 0.0 };
            let tokens_per_second = if seconds > 0.0 { tokens as f64 / seconds } else { 0.0 };
            let flow = self.tell_inside(Happening::StageProgress { stage: self.stage, done, total, unit, tokens_per_second, eta_seconds });
            if flow.is_break() {
                return flow;
            }
        }
        if self.cancel.load(Ordering::Relaxed) { Flow::Break(()) } else { Flow::Continue(()) }
    }

    /// As `tell`, where an error can't be returned: it stops the work and is kept.
    pub(crate) fn tell_inside(&mut self, what: Happening) -> Flow {
        match self.tell(what) {
            Ok(()) => Flow::Continue(()),
            Err(error) => {
                self.failure = Some(error);
                Flow::Break(())
            }
        }
    }

    /// The result of a call that was observed: what went wrong in the observer comes first.
    pub(crate) fn finish<T>(&mut self, result: Result<T, StudyError>) -> Result<T, StudyError> {
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => result,
        }
    }
}
