//! The models that people manage: what is told of one, and of one that is being fetched.

use crate::{Arm, estimate::ModelSummary};
use serde::{Deserialize, Serialize};

/// A model that a study may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ModelEntry {
    /// What `models remove` and the address of its page call it: `default`, a file's name, `ORG/NAME@REVISION`.
    pub name: String,
    /// What a recipe's `model.source` calls it.
    pub source: String,
    pub origin: ModelOrigin,
    /// The GGUF file or the Hugging Face directory.
    pub path: String,
    /// Absent: it can't be used, and `problem` says why.
    pub details: Option<ModelDetails>,
    /// Why it can't be used, and what to do; empty where it can.
    pub problem: String,
}

/// How a model came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelOrigin {
    /// The one that comes with the program.
    Default,
    /// It lies in the models folder.
    Folder,
    /// A path that was added; the files are the user's.
    Path,
    /// Fetched from the hub by `models add`.
    Hub,
    /// Another program has put it in the hub's cache.
    HubCache,
}

impl ModelOrigin {
    pub fn label(self) -> &'static str {
        match self {
            ModelOrigin::Default => "comes with Rankscope",
            ModelOrigin::Folder => "in the models folder",
            ModelOrigin::Path => "added by its path",
            ModelOrigin::Hub => "fetched from the hub",
            ModelOrigin::HubCache => "found in the hub’s cache",
        }
    }

    /// `models remove` takes away only what `models add` has brought.
    pub fn is_removable(self) -> bool {
        matches!(self, ModelOrigin::Path | ModelOrigin::Hub)
    }
}

/// What the files say of a model, and what that means for training it here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ModelDetails {
    #[serde(flatten)]
    pub summary: ModelSummary,
    /// Longest sequence, tokens.
    pub max_position_embeddings: u64,
    pub has_chat_template: bool,
    /// That it tells apart; absent: it continues a text, as a study of completions needs it.
    pub classes: Option<u32>,
    pub disk_bytes: u64,
    /// Of this machine, where known.
    pub machine_memory_bytes: Option<u64>,
    /// At ranks 2, 8, 64 and in full.
    pub training: Vec<TrainingCost>,
}

/// What training one arm takes on this machine, with the recipe's default batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TrainingCost {
    pub arm: Arm,
    /// That the optimiser changes.
    pub trained_parameters: u64,
    /// Peak of the worker's resident memory.
    pub memory_bytes: u64,
    pub seconds_per_1000_tokens: f64,
    /// Why the model can't be trained so; empty where it can.
    pub problem: String,
}

/// A model on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ModelJob {
    pub id: u64,
    /// As it was typed.
    pub source: String,
    pub state: JobState,
    /// The file under way; empty before the first.
    pub file: String,
    pub done_bytes: u64,
    /// 0: not known yet.
    pub total_bytes: u64,
    pub bytes_per_second: f64,
    pub seconds_left: f64,
    /// Why it failed, and what to do.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl JobState {
    pub fn label(self) -> &'static str {
        match self {
            JobState::Queued => "waiting",
            JobState::Running => "fetching",
            JobState::Done => "added",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    pub fn is_active(self) -> bool {
        matches!(self, JobState::Queued | JobState::Running)
    }
}
