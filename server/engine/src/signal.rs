//! What the engine tells while it works, and the answer: go on or stop.

use std::ops::ControlFlow;

/// `Continue(())`, or `Break(())` to stop: the call then returns [`crate::EngineError::Stopped`].
pub type Flow = ControlFlow<()>;

/// Where the work is. Sent at least once a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signal {
    /// `done` of `total` requests have ended; `new_tokens` is the total so far.
    Generated { done: usize, total: usize, new_tokens: u64 },
    /// `done` of `total` texts are classified, or contexts with their options scored; `tokens` is theirs so far, options included.
    /// Or `done` of `total` layers are seen through the lens, readings compared, weights measured; `tokens` were read so far.
    Scored { done: usize, total: usize, tokens: u64 },
    /// Arm number `arm` of those trained together took a step. `loss` is the mean over target tokens (nats). A step is told of all
    /// its arms, also where the answer to the first is to stop.
    Step { arm: usize, step: usize, steps_total: usize, loss: f64, learning_rate: f64, tokens: u64 },
    /// Inside optimiser step `step`: `done` of its `total` passes through the model are made, and more follow. Stopped here, the
    /// step is made again when the run goes on.
    Pass { step: usize, done: usize, total: usize },
    /// A run goes on from its saved state after `step` steps; `seconds` were worked before. A `Restored` follows for each arm's
    /// every step so far.
    Resumed { step: usize, steps_total: usize, seconds: f64 },
    /// What an earlier run told with `Step`, told again so that a list of all steps is whole.
    Restored { arm: usize, step: usize, loss: f64, learning_rate: f64 },
}
