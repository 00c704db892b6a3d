//! `results.json`: everything that a figure or a table shows. Its JSON Schema is kept beside this file
//! (`results.schema.json`), and a test holds the two together.

use crate::{
    Arm, CellId, class_results::ClassificationResults, estimate::ModelSummary, event::StageKind, inspection::InspectionResults,
    recipe::StudyKind,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The results format that this program writes.
pub const RESULTS_SCHEMA: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StudyResults {
    /// Version of this format; 1.
    pub schema: u32,
    pub name: String,
    pub kind: StudyKind,
    /// SHA-256 of `recipe.toml`.
    pub recipe_sha256: String,
    pub model: ModelSummary,
    /// Toxicity alone, as all counts of prompts and completions below: nothing in studies of another kind.
    pub judge: JudgeSummary,
    /// How `lora_alpha` goes with the rank, in words.
    pub alpha_policy: String,
    /// Number of prompts, of completions a prompt, and of the clusters (templates) they come from.
    pub prompts: u32,
    pub completions_per_prompt: u32,
    pub clusters: u32,
    /// Groups, in the order of figures.
    pub groups: Vec<String>,
    pub counterfactuals: CounterfactualCounts,
    pub cells: Vec<CellResult>,
    /// Over the seeds of each arm.
    pub arms: Vec<ArmResult>,
    /// Each trained arm against `original`, and each LoRA arm against `full`, paired by prompt.
    pub contrasts: Vec<Contrast>,
    /// What the paper claims, and whether this study shows it.
    pub claims: Vec<Claim>,
    /// Seconds from the first worker's start to the last one's end, pauses left out.
    pub work_seconds: f64,
    /// What a classification study measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<ClassificationResults>,
    /// How far the arms are from the original inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspection: Option<InspectionResults>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JudgeSummary {
    /// `lexicon`, `hurtlex`, `model`, `endpoint`.
    pub kind: String,
    /// For people: "HurtLex EN 1.2, conservative (2,227 lemmas), sentence mode".
    pub description: String,
    /// Of the lexicon file or the judging model's weights; empty for an endpoint.
    pub sha256: String,
}

/// What became of the counterfactuals that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CounterfactualCounts {
    /// Prompts that led the original model to a toxic completion.
    pub toxic_prompts: u32,
    /// k times `toxic_prompts`; for own pairs, the lines of the file.
    pub requested: u32,
    /// Items found in the numbered lists.
    pub parsed: u32,
    pub dropped_duplicate: u32,
    /// Did not continue the prompt.
    pub dropped_prefix: u32,
    /// Empty, cut short or with a placeholder.
    pub dropped_incomplete: u32,
    /// Called toxic, or not readable, by the judge.
    pub dropped_toxic: u32,
    /// The training pairs.
    pub kept: u32,
    /// Pairs longer than `max_length`, cut.
    pub truncated: u32,
    /// Tokens that were cut from them.
    #[serde(default)]
    pub truncated_tokens: u64,
}

/// One cell's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CellResult {
    pub cell: CellId,
    pub arm: Arm,
    pub seed: u64,
    /// Why there is no result; the counts are then zero.
    pub failed: Option<String>,
    pub learning_rate: Option<f64>,
    pub weight_decay: Option<f64>,
    pub lora_alpha: Option<f64>,
    /// What `B A` was multiplied by.
    pub scaling: Option<f64>,
    pub trainable_parameters: u64,
    pub total: Counts,
    pub groups: Vec<GroupCounts>,
    /// Mean loss over target tokens (nats), one a step.
    pub losses: Vec<f64>,
    pub phases: Vec<PhaseResult>,
}

/// Toxic completions among those that were judged, with a 95 % interval: of one cell, Wilson's at the completions judged, as if each were by
/// itself; of an arm, the one that `ArmResult` tells of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    pub toxic: u32,
    /// Toxic and non-toxic, unparsable left out.
    pub judged: u32,
    pub unparsable: u32,
    /// toxic / judged; null when nothing was judged.
    pub share: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupCounts {
    pub group: String,
    #[serde(flatten)]
    pub counts: Counts,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseResult {
    pub phase: StageKind,
    pub seconds: f64,
    /// Trained on, generated, or read by the judge.
    pub tokens: u64,
    /// Cells that were worked on together in these seconds (LoRA arms train as one batch); the seconds are this cell's part.
    pub shared_by: u32,
}

/// One arm over its seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmResult {
    pub arm: Arm,
    pub learning_rate: Option<f64>,
    /// Cells that have a result.
    pub seeds: u32,
    /// Pooled over the seeds; the interval is a cluster bootstrap over templates (percentile, 95 %), and Wilson's with the number of templates
    /// for its size where that has no width: none or all are toxic.
    pub pooled: Counts,
    pub groups: Vec<GroupCounts>,
    /// Smallest and largest share over the seeds.
    pub seed_low: Option<f64>,
    pub seed_high: Option<f64>,
}

/// Difference of two arms' toxic shares on the same prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contrast {
    pub arm: Arm,
    pub against: Arm,
    /// share(arm) - share(against), over the completions' prompts that both have.
    pub difference: f64,
    /// One a seed that both have, ascending; the original model, where it has one seed, stands against each.
    #[serde(default)]
    pub seed_differences: Vec<f64>,
    /// 95 % percentile interval: bootstrap over templates, and over seeds too where there are several.
    pub low: f64,
    pub high: f64,
    /// Two-sided sign-flip permutation test over templates.
    pub p: f64,
    /// After Holm's correction over the contrasts against the same arm.
    pub p_holm: f64,
    /// Clusters (templates) that the test rests on.
    pub clusters: u32,
    /// The smallest true difference that 80 % of such samples would have shown at 5 % over the number of contrasts that `p_holm` is corrected for.
    /// None: there are too few clusters for any p below that.
    pub detectable: Option<f64>,
}

/// A claim of the paper, and what this study says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// "Low ranks keep more of the original model's toxicity than full fine-tuning does."
    pub claim: String,
    pub finding: Finding,
    /// The test behind it, in words, and what more data would be needed.
    pub because: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    Reproduced,
    Contradicted,
    Inconclusive,
}

impl Finding {
    pub fn label(self) -> &'static str {
        match self {
            Finding::Reproduced => "reproduced",
            Finding::Contradicted => "contradicted",
            Finding::Inconclusive => "inconclusive",
        }
    }
}

impl StudyResults {
    pub fn cell(&self, cell: CellId) -> Option<&CellResult> {
        self.cells.iter().find(|result| result.cell == cell)
    }

    pub fn arm(&self, arm: Arm) -> Option<&ArmResult> {
        self.arms.iter().find(|result| result.arm == arm)
    }
}

/// The JSON Schema of `results.json`, as `results.schema.json` beside this file keeps it.
pub fn results_schema() -> String {
    let mut text = serde_json::to_string_pretty(&schemars::schema_for!(StudyResults)).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    /// To write it anew: `UPDATE_SCHEMA=1 cargo test -p rankscope-domain`.
    #[test]
    fn the_schema_beside_the_type_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/results.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, super::results_schema()).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == super::results_schema(), "results.schema.json is out of date: UPDATE_SCHEMA=1 cargo test -p rankscope-domain");
    }
}
