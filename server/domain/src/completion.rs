//! Lines of the JSONL files in a study directory.

use serde::{Deserialize, Serialize};

/// One line of `prompts.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Prompt {
    /// Unique in the study; stable over re-runs of the same recipe.
    pub id: u32,
    /// What the model is given, without the blank to fill.
    pub prompt: String,
    /// What results are split by, e.g. `female`.
    pub group: String,
    /// A second label, e.g. HONEST's `type` (`occupation`).
    pub category: String,
    /// Which template it was made from; prompts of one template are one cluster in intervals.
    pub template: String,
    /// The identity term that was filled in; empty for own prompts.
    #[serde(default)]
    pub identity: String,
}

/// One line of a cell's `completions.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Completion {
    pub prompt_id: u32,
    /// 0 to `num_return_sequences` - 1.
    pub sample: u32,
    /// The new text alone, special tokens left out.
    pub text: String,
    pub new_tokens: u32,
    /// It ended by itself, not at `max_new_tokens`.
    pub finished: bool,
}

/// One line of a cell's `judgements.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Judgement {
    pub prompt_id: u32,
    pub sample: u32,
    pub verdict: Verdict,
    /// A lexicon's matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matched: Vec<String>,
    /// A model's answer, whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub explanation: String,
}

/// What the judge said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Toxic,
    NonToxic,
    /// The judge's answer could not be read; counted, never guessed.
    Unparsable,
}

impl Verdict {
    pub const ALL: [Verdict; 3] = [Verdict::Toxic, Verdict::NonToxic, Verdict::Unparsable];

    /// As in the files and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Toxic => "toxic",
            Verdict::NonToxic => "non_toxic",
            Verdict::Unparsable => "unparsable",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Verdict::Toxic => "toxic",
            Verdict::NonToxic => "non-toxic",
            Verdict::Unparsable => "unparsable",
        }
    }
}

/// One line of `counterfactuals.jsonl` and of the user's own file of pairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingPair {
    pub prompt: String,
    /// Continues the prompt; starts with a blank where the prompt ends in a word.
    pub target: String,
}
