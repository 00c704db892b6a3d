//! `rankscope run` and `rankscope worker`.

use super::{BAD_INPUT, FAILED, Failure, check::environment, complain, meter::Meter, read_recipe, table};
use crate::{
    config::CommonFlags,
    executor::EXIT_BUSY,
    telemetry,
    worker_lock::{LockError, WorkerLock},
};
use rankscope_domain::{
    FieldErrors,
    event::{Event, Happening},
};
use rankscope_study::{Outcome, Study, StudyError};
use std::{
    io::{IsTerminal, Write, stderr, stdout},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::signal::unix;

pub(super) fn run(common: &CommonFlags, recipe_path: &Path, out: &Path, json: bool) -> Result<(), Failure> {
    telemetry::start("warn");
    let recipe = read_recipe(recipe_path)?;
    let environment = environment(common)?;
    rankscope_study::check_to_start(&recipe, &environment)?;
    let study = Study::create(out, &recipe).map_err(|error| refusal(error, "--out", out))?;
    let _lock = WorkerLock::acquire(out).map_err(|error| Failure::Failed(error.to_string()))?;
    let cancel = stop_flag();
    let mut meter = Meter::new(stderr().is_terminal(), study.progress().unwrap_or_default());
    let outcome = rankscope_study::run(&study, &environment, &cancel, &mut |event| meter.show(event, &mut stderr().lock()));
    meter.clear(&mut stderr().lock());
    match outcome.map_err(|error| refusal(error, "--out", out))? {
        Outcome::Cancelled => {
            let again = format!("rankscope run {} --out {}", recipe_path.display(), out.display());
            complain(&format!("stopped; what is finished is kept. To go on: {again}"));
            Err(Failure::Code(FAILED))
        }
        Outcome::Finished => show_results(&study, json),
    }
}

fn show_results(study: &Study, json: bool) -> Result<(), Failure> {
    let results = study.results().map_err(|error| Failure::Failed(error.to_string()))?;
    let results =
        results.ok_or_else(|| Failure::Failed(format!("{}: finished, but results.json is not there", study.directory().display())))?;
    let mut out = stdout().lock();
    if json {
        let text = serde_json::to_string_pretty(&results).map_err(|error| Failure::Failed(error.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        write!(out, "{}", table::results(&results))?;
        writeln!(out, "\nAll of it: {}", study.directory().join("results.json").display())?;
    }
    Ok(())
}

pub(super) fn worker(common: &CommonFlags, directory: &Path) -> Result<(), Failure> {
    telemetry::start("info");
    let environment = environment(common)?;
    let study = Study::open(directory).map_err(|error| FieldErrors::one("DIR", directory.display(), error.to_string()))?;
    let lock = match WorkerLock::acquire(directory) {
        Ok(lock) => lock,
        Err(error @ LockError::Busy { .. }) => {
            complain(&error.to_string());
            return Err(Failure::Code(EXIT_BUSY));
        }
        Err(error) => return Err(Failure::Failed(error.to_string())),
    };
    let cancel = stop_flag();
    let outcome = rankscope_study::run(&study, &environment, &cancel, &mut log_event);
    drop(lock);
    match outcome {
        Ok(outcome) => {
            tracing::info!(?outcome, "ended");
            Ok(())
        }
        Err(error @ StudyError::Busy { .. }) => {
            complain(&error.to_string());
            Err(Failure::Code(EXIT_BUSY))
        }
        Err(error) => Err(refusal(error, "DIR", directory)),
    }
}

/// What is worth a line in worker.log; the rest is in events.jsonl.
fn log_event(event: &Event) {
    match &event.what {
        Happening::StageStarted { label, .. } => tracing::info!("{label}"),
        Happening::CellFailed { cell, reason } => tracing::warn!("{cell}: {reason}"),
        Happening::Note { text } => tracing::info!("{text}"),
        Happening::Failed { reason } => tracing::error!("{reason}"),
        _ => {}
    }
}

/// A study's error as an exit code: what the user gave is refused, the rest has failed.
fn refusal(error: StudyError, flag: &str, directory: &Path) -> Failure {
    match error {
        StudyError::Invalid(errors) => Failure::Input(errors),
        StudyError::OtherRecipe(text) => Failure::Input(FieldErrors::one(flag, directory.display(), text)),
        other => Failure::Failed(other.to_string()),
    }
}

/// Becomes true at SIGINT or SIGTERM. A second signal ends the process at once: the study can still be resumed.
pub(super) fn stop_flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = flag.clone();
    let listening = std::thread::Builder::new().name("signals".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
            let mut terminate = unix::signal(unix::SignalKind::terminate())?;
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if raised.swap(true, Ordering::SeqCst) {
                    std::process::exit(i32::from(FAILED));
                }
                drop(writeln!(stderr(), "\nstopping after this step (once more: at once)"));
            }
            #[expect(unreachable_code, reason = "gives the block its type")]
            Ok::<(), std::io::Error>(())
        })
    });
    if let Err(error) = listening {
        tracing::warn!(%error, "signals are not heard: Ctrl-C ends the program at once");
    }
    flag
}

const _: () = assert!(FAILED != EXIT_BUSY && BAD_INPUT != EXIT_BUSY);
