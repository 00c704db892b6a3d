//! What a worker tells while it works: lines of `events.jsonl`, sent on to the pages by SSE.

use crate::CellId;
use serde::{Deserialize, Serialize};

/// One line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Event {
    /// Rises by one from 1, over restarts too: SSE's `id`.
    pub id: u64,
    /// Milliseconds since 1970-01-01 UTC.
    pub at_ms: u64,
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// A worker began or resumed; `stages_total` counts what the whole study has, done or not.
    WorkerStarted {
        stages_total: u32,
        stages_done: u32,
    },
    /// A stage began. `label` is for people: "Complete prompts: original, seed 0".
    StageStarted {
        stage: StageKind,
        cells: Vec<CellId>,
        label: String,
    },
    /// Where a stage is; at most a few a second.
    StageProgress {
        stage: StageKind,
        done: u64,
        total: u64,
        unit: Unit,
        tokens_per_second: f64,
        eta_seconds: f64,
    },
    /// One optimiser step of one cell. `loss` is the mean over target tokens, in nats.
    TrainStep {
        cell: CellId,
        step: u32,
        steps_total: u32,
        loss: f64,
        learning_rate: f64,
    },
    StageFinished {
        stage: StageKind,
        cells: Vec<CellId>,
        seconds: f64,
        tokens: u64,
        stages_done: u32,
        stages_total: u32,
    },
    /// The cell is given up; the others go on.
    CellFailed {
        cell: CellId,
        reason: String,
    },
    /// Something the user should read, and no failure.
    Note {
        text: String,
    },
    Finished {
        seconds: f64,
    },
    Cancelled,
    /// The study can't go on; `reason` says what to do about it.
    Failed {
        reason: String,
    },
}

impl Happening {
    /// Nothing follows it but a new start.
    pub fn is_last(&self) -> bool {
        matches!(self, Happening::Finished { .. } | Happening::Cancelled | Happening::Failed { .. })
    }
}

/// A stage of the pipeline, as in section "How data flows" of ARCHITECTURE.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    Load,
    Prompts,
    Baseline,
    Counterfactuals,
    Train,
    Complete,
    Judge,
    /// Classification: which examples are trained on and tested with.
    Data,
    /// Classification: the test examples are classified.
    Evaluate,
    /// The lens, divergences and distances of weights.
    Inspect,
    Results,
}

impl StageKind {
    pub fn label(self) -> &'static str {
        match self {
            StageKind::Load => "Load the model",
            StageKind::Prompts => "Choose the prompts",
            StageKind::Baseline => "Complete and judge with the original model",
            StageKind::Counterfactuals => "Write counterfactuals",
            StageKind::Train => "Fine-tune",
            StageKind::Complete => "Complete the prompts",
            StageKind::Judge => "Judge the completions",
            StageKind::Data => "Choose the examples",
            StageKind::Evaluate => "Classify the test examples",
            StageKind::Inspect => "Look inside",
            StageKind::Results => "Compute the results",
        }
    }
}

/// What a stage's progress counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Completions,
    Judgements,
    Prompts,
    Steps,
    Bytes,
    Examples,
}

impl Unit {
    pub fn label(self) -> &'static str {
        match self {
            Unit::Completions => "completions",
            Unit::Judgements => "judgements",
            Unit::Prompts => "prompts",
            Unit::Steps => "steps",
            Unit::Bytes => "bytes",
            Unit::Examples => "examples",
        }
    }
}
