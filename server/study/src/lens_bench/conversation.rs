//! The bench as a process: orders come as lines of JSON, reports go as lines of JSON. It ends when no more orders can come.

use super::{LensBench, LensFindings, LensTask};
use crate::StudyError;
use rankscope_domain::{FieldErrors, lens_question::LensStage};
use rankscope_engine::Flow;
use serde::{Deserialize, Serialize};
use std::{
    io::{BufRead, Write},
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

/// From the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum LensOrder {
    /// Numbers rise.
    Answer { number: u64, task: Box<LensTask> },
    /// Nobody waits for it any more, nor for any before it.
    Stop { number: u64 },
}

/// To the server. Each task has any number of stages and then one of the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum LensReport {
    Stage {
        number: u64,
        stage: LensStage,
    },
    Answered {
        number: u64,
        findings: LensFindings,
    },
    /// The question is at fault.
    Refused {
        number: u64,
        errors: FieldErrors,
    },
    Failed {
        number: u64,
        reason: String,
    },
    Stopped {
        number: u64,
    },
}

/// Answers until the orders end; a task that is at work then is stopped.
///
/// Errors: the reports can't be written.
pub fn converse(bench: &mut LensBench, orders: impl BufRead + Send + 'static, mut reports: impl Write) -> Result<(), StudyError> {
    let stopped = Arc::new(AtomicU64::new(0));
    let (sender, tasks) = mpsc::channel();
    let heard = stopped.clone();
    let listening = thread::Builder::new().name("orders".into()).spawn(move || listen(orders, &sender, &heard));
    listening.map_err(|error| StudyError::Other(format!("the thread for orders can't be started: {error}")))?;
    for (number, task) in tasks {
        let mut failure = None;
        let mut observer = |stage: LensStage| -> Flow {
            let told = write(&mut reports, &LensReport::Stage { number, stage });
            failure = told.err();
            if failure.is_some() || stopped.load(Ordering::SeqCst) >= number { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let answer = bench.answer(&task, &mut observer);
        if let Some(failure) = failure {
            return Err(failure);
        }
        let report = match answer {
            Ok(findings) => LensReport::Answered { number, findings },
            Err(StudyError::Invalid(errors)) => LensReport::Refused { number, errors },
            Err(StudyError::Stopped) => LensReport::Stopped { number },
            Err(error) => LensReport::Failed { number, reason: error.to_string() },
        };
        write(&mut reports, &report)?;
    }
    Ok(())
}

fn listen(orders: impl BufRead, tasks: &mpsc::Sender<(u64, LensTask)>, stopped: &AtomicU64) {
    for line in orders.lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(LensOrder::Answer { number, task }) => {
                if tasks.send((number, *task)).is_err() {
                    return;
                }
            }
            Ok(LensOrder::Stop { number }) => {
                stopped.fetch_max(number, Ordering::SeqCst);
            }
            // of a server of another version: it hears of it by our end
            Err(error) => {
                tracing::error!(%error, "an order can't be read");
                break;
            }
        }
    }
    stopped.store(u64::MAX, Ordering::SeqCst);
}

fn write(reports: &mut impl Write, report: &LensReport) -> Result<(), StudyError> {
    let line = serde_json::to_string(report).map_err(|error| StudyError::Other(format!("a report can't be written: {error}")))?;
    let written = writeln!(reports, "{line}").and_then(|()| reports.flush());
    written.map_err(|error| StudyError::Other(format!("nobody reads the reports any more: {error}")))
}
