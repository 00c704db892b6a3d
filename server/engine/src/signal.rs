//! What the engine tells while it works, and the answer: go on or stop.

use std::ops::ControlFlow;

/// `Continue(())`, or `Break(())` to stop: the call then returns [`crate::EngineError::Stopped`].
pub type Flow = ControlFlow<()>;

/// Where the work is. Sent at least once a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signal {
    /// `done` of `total` requests have ended; `new_tokens` is the total so far.
    Generated { done: usize, total: usize, new_tokens: u64 },
    /// Arm number `arm` of those trained together took a step. `loss` is the mean over target tokens (nats).
    Step { arm: usize, step: usize, steps_total: usize, loss: f64, learning_rate: f64, tokens: u64 },
}
