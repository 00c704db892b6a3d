//! The process that answers: this same program, as `rankscope lens-worker`. It is spoken to in lines of JSON, and ends when the pipe that
//! orders come through is closed: also when the server is gone.

use super::LensDeskOptions;
use crate::error::internal;
use rankscope_app::error::AppError;
use rankscope_study::lens_bench::{LensOrder, LensReport, LensTask};
use std::{
    fs::File,
    io,
    os::unix::process::ExitStatusExt,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// A worker whose end is seen so soon after an order, and that has said nothing of it, was gone before.
const GONE_BEFORE: Duration = Duration::from_millis(300);
/// How long one that has nothing to do may take to end.
const END_GRACE: Duration = Duration::from_secs(5);

pub(super) struct LensWorker {
    child: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
    /// Of the last order.
    number: u64,
    /// When it was given, where nothing was reported of it yet.
    unheard_since: Option<Instant>,
    gone_before: bool,
}

/// What came from the worker.
pub(super) enum Said {
    Report(LensReport),
    /// It is gone; why, for who asked.
    Nothing(AppError),
}

impl LensWorker {
    /// In a process group of its own, so that Ctrl-C in the server's terminal does not reach it; killed when it is dropped.
    pub(super) fn start(options: &LensDeskOptions) -> Result<Self, AppError> {
        Self::spawn(options).inspect(|worker| tracing::info!(pid = worker.child.id(), "the lens's worker started")).map_err(|error| {
            let program = options.program.display();
            AppError::Conflict(format!(
                "The lens’s worker could not be started ({program}: {error}). Check that the file is there, then try again."
            ))
        })
    }

    fn spawn(options: &LensDeskOptions) -> io::Result<Self> {
        let environment = &options.environment;
        let mut child = Command::new(&options.program)
            .arg("lens-worker")
            .arg("--default-model")
            .arg(&environment.default_model)
            .arg(format!("--device={}", environment.processor))
            .arg("--datasets-dir")
            .arg(&environment.datasets)
            .args(environment.memory_limit_bytes.map(|bytes| format!("--memory-limit={bytes}")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(options.folder.join("worker.log"))?)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("a pipe of the child is missing");
        let orders = child.stdin.take().ok_or_else(missing)?;
        let reports = BufReader::new(child.stdout.take().ok_or_else(missing)?).lines();
        Ok(Self { child, orders, reports, number: 0, unheard_since: None, gone_before: false })
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Gives the number that its reports will have. An error: it is gone.
    pub(super) async fn order(&mut self, task: &LensTask) -> Result<u64, AppError> {
        self.number += 1;
        self.unheard_since = Some(Instant::now());
        let order = LensOrder::Answer { number: self.number, task: Box::new(task.clone()) };
        match self.send(&order).await {
            Ok(()) => Ok(self.number),
            Err(_) => Err(self.why_it_ended().await),
        }
    }

    /// Tells it to stop; where it can't be told any more, its end is heard of next.
    pub(super) async fn stop(&mut self, number: u64) {
        drop(self.send(&LensOrder::Stop { number }).await);
    }

    async fn send(&mut self, order: &LensOrder) -> io::Result<()> {
        let line = serde_json::to_string(order)? + "\n";
        self.orders.write_all(line.as_bytes()).await?;
        self.orders.flush().await
    }

    /// The next report. May be dropped and called again.
    pub(super) async fn listen(&mut self) -> Said {
        match self.reports.next_line().await {
            Ok(Some(line)) => match serde_json::from_str(&line) {
                Ok(report) => {
                    self.unheard_since = None;
                    Said::Report(report)
                }
                Err(error) => Said::Nothing(internal("a report of the lens's worker can't be read", &error)),
            },
            Ok(None) | Err(_) => Said::Nothing(self.why_it_ended().await),
        }
    }

    /// Whether it died with nothing to do, and the last order came too late to be the reason.
    pub(super) fn was_gone_before(&self) -> bool {
        self.gone_before
    }

    async fn why_it_ended(&mut self) -> AppError {
        self.gone_before = self.unheard_since.is_some_and(|since| since.elapsed() < GONE_BEFORE);
        let exit = tokio::time::timeout(END_GRACE, self.child.wait()).await.ok().and_then(Result::ok);
        tracing::error!(?exit, "the lens's worker ended in the middle of a question");
        let again = "Nothing is lost: it is started again for the next question.";
        AppError::Internal(match exit.map(|exit| (exit.signal(), exit.code())) {
            Some((Some(libc::SIGKILL), _)) => format!(
                "The lens’s worker was killed, most likely because the machine ran out of memory. Choose fewer arms, or close other programs, then try again. {again}"
            ),
            Some((Some(signal), _)) => {
                format!("The lens’s worker was ended by signal {signal}; lens/worker.log in the data directory says more. {again}")
            }
            Some((None, Some(code))) => {
                format!("The lens’s worker ended with code {code}; lens/worker.log in the data directory says more. {again}")
            }
            _ => format!("The lens’s worker is gone; lens/worker.log in the data directory may say more. {again}"),
        })
    }

    /// Lets it end by itself, or else kills it.
    pub(super) async fn end(self) {
        let Self { mut child, orders, .. } = self;
        drop(orders);
        if tokio::time::timeout(END_GRACE, child.wait()).await.is_err() {
            drop(child.kill().await);
        }
    }
}
