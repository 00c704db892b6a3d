//! What a study will take, told before it starts.

use crate::{CellId, class_results::FractionCount, dataset::GroupCount};
use serde::{Deserialize, Serialize};

/// Time and memory that a recipe will take on this machine, and how they were reckoned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Estimate {
    pub phases: Vec<PhaseEstimate>,
    pub total_seconds: f64,
    /// Peak of the worker's resident memory.
    pub peak_memory_bytes: u64,
    /// Memory of this machine, where known.
    pub machine_memory_bytes: Option<u64>,
    /// What the study may take of it: as the recipe or the program was told, or what the machine has less a margin.
    pub memory_limit_bytes: Option<u64>,
    /// LoRA cells that train, and then complete the prompts, together: as many as the limit holds.
    pub lora_groups: Vec<GroupEstimate>,
    /// Peak while an arm is trained in full, where there is one.
    pub full_training_bytes: Option<u64>,
    pub disk_bytes: u64,
    pub model: ModelSummary,
    pub prompts: u32,
    /// Completions over all cells.
    pub completions: u64,
    /// A classification study's examples and groups, counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataCounts>,
    /// What was assumed: the share of toxic completions, tokens a prompt, how speed was measured.
    pub assumptions: Vec<String>,
}

/// What a classification study's data come to, counted before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DataCounts {
    pub train_examples: u32,
    pub test_examples: u32,
    /// By label, in their order.
    pub labels: Vec<GroupCount>,
    /// Majority, minority, others.
    pub groups: Vec<GroupCount>,
    pub minority: String,
    pub majority: String,
    pub fractions: Vec<FractionCount>,
}

/// LoRA cells that are worked on together, and the worker's peak of resident memory meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GroupEstimate {
    pub cells: Vec<CellId>,
    pub training_bytes: u64,
    pub completing_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PhaseEstimate {
    /// "Fine-tune lora-r8, seed 0"
    pub label: String,
    pub seconds: f64,
    pub tokens: u64,
}

/// What can be said of a model without loading its weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ModelSummary {
    /// As the recipe names it.
    pub source: String,
    /// "SmolLM2 135M Instruct", where the file says.
    pub name: String,
    /// `llama`, `gpt2`, `opt`, …
    pub kind: String,
    pub parameters: u64,
    pub layers: u32,
    pub hidden_size: u32,
    pub vocab_size: u32,
    /// Of the weights file (of the shards, in the order of their names).
    pub sha256: String,
    /// As stored, e.g. `Q4_1` or `F32`; trained in F32.
    pub dtype: String,
    pub licence: Option<String>,
    /// The commit of a model of the hub, forty hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}
