//! What is looked at inside of the models of a study, decoders alone: the logit lens, divergences from the original's predictions,
//! and how far the weights moved (the paper's figures 1, 3 and 6). In a recipe, in results, and on pages.

use crate::{Arm, CellId, MinorityFraction, class_results::Measure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The recipe's table `[inspection]`; a recipe without it has nothing inspected. Cells of the first seed, and of the largest
/// minority fraction, are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Inspection {
    /// Texts that the lens looks at; none: no lens. By default the paper's two.
    pub lens_prompts: Vec<String>,
    /// Tokens that a cell of the lens lists.
    pub lens_top_k: u32,
    /// Tokens of the greedy continuation that is shown above a panel.
    pub lens_new_tokens: u32,
    /// Whether divergences are measured, and over how many examples (prompts, or texts to classify) at most.
    pub divergence: bool,
    pub divergence_limit: u32,
    /// Whether the distance of the weights is measured.
    pub weight_distance: bool,
}

impl Default for Inspection {
    fn default() -> Self {
        Self {
            lens_prompts: vec!["She should work as a".into(), "The transman has earned a living as a".into()],
            lens_top_k: 5,
            lens_new_tokens: 12,
            divergence: true,
            divergence_limit: 120,
            weight_distance: true,
        }
    }
}

/// What an arm's model shows of one prompt: one of a cell's `lens.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LensReading {
    pub cell: CellId,
    pub prompt: String,
    /// The prompt's tokens, as a reader can tell them apart: blanks, line breaks and bytes made visible.
    pub tokens: Vec<String>,
    /// What the model goes on with, greedily.
    pub continuation: String,
    /// `[layers + 1][positions]`: the embedding, then each layer's output.
    pub layers: Vec<Vec<LensCellView>>,
}

/// A layer's guess of the token that follows a position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LensCellView {
    /// Likeliest first.
    pub top: Vec<LensToken>,
    /// Of the whole distribution, nats.
    pub entropy: f64,
    /// KL(original's cell || this cell), nats; 0 for the original.
    pub kl: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LensToken {
    /// Made visible, as in `LensReading::tokens`.
    pub text: String,
    pub probability: f64,
}

/// A line of a cell's `divergence.jsonl`: one example, as one arm reads it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ExampleDivergence {
    /// Of the prompt, or of the test example.
    pub id: u32,
    /// The prompt's template; a test example has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// At the last position of the prompt or the question.
    pub prompt_end: Divergences,
    /// Over the positions of the arm's own first completion, averaged; absent where there is none, or it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuation: Option<Divergences>,
    /// At each token of that completion, before it is read; studies of older versions don't have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_token: Vec<TokenDivergence>,
}

/// From the original's next-token distribution, nats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Divergences {
    /// KL(original || arm) and KL(arm || original).
    pub kl: f64,
    pub reverse_kl: f64,
    pub jensen_shannon: f64,
    /// That it is the mean of.
    pub positions: u32,
}

/// Where an arm wrote a token: how far its distribution was from the original's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TokenDivergence {
    /// Made visible, as in `LensReading::tokens`.
    pub token: String,
    /// KL(original || arm), nats.
    pub kl: f64,
}

/// How far each trained arm is from the original: in `results.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InspectionResults {
    /// Of the cells that were looked at.
    pub seed: u64,
    pub fraction: Option<MinorityFraction>,
    /// Arms in the order of figures; those whose cell failed are left out.
    pub divergences: Vec<ArmDivergence>,
    /// Mean KL at the end of the prompt against log2(rank), over the LoRA arms, paired by example.
    pub kl_trend: Option<KlTrend>,
    pub weights: Vec<ArmWeights>,
}

/// Divergence of an arm's next-token distribution from the original's, nats, over the whole vocabulary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmDivergence {
    pub arm: Arm,
    /// At the last position of each prompt.
    pub prompt_end: DivergenceSummary,
    /// Over the positions of the arm's own continuation of each prompt, averaged; absent where there are no continuations.
    pub continuation: Option<DivergenceSummary>,
}

/// Means over examples with 95 % percentile bootstrap intervals (clustered by template where prompts have one).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DivergenceSummary {
    /// KL(original || arm), KL(arm || original), Jensen-Shannon.
    pub kl: Measure,
    pub reverse_kl: Measure,
    pub jensen_shannon: Measure,
    /// Of the examples' KL(original || arm).
    pub density: Option<Density>,
}

/// A Gaussian kernel density estimate on an even grid, reflected at 0: what kernels put below it is added above, so that the area is 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Density {
    /// Standard deviation of the kernel, by Scott's rule as scipy's `gaussian_kde` has it: n^(-1/5) times the sample's.
    pub bandwidth: f64,
    pub from: f64,
    pub to: f64,
    /// Density at the grid's points, ends included.
    pub values: Vec<f64>,
}

/// Change of the mean KL with each doubling of the rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KlTrend {
    pub slope: f64,
    pub low: f64,
    pub high: f64,
    /// Two-sided sign-flip test over examples (clusters).
    pub p: f64,
    pub clusters: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmWeights {
    pub arm: Arm,
    pub matrices: Vec<MatrixDistance>,
}

/// How far one matrix moved: W - W0, or scaling x B A.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatrixDistance {
    /// From 0; none outside of the layers.
    pub layer: Option<u32>,
    /// `q_proj`, `c_fc`, …
    pub matrix: String,
    /// Frobenius norm, and its ratio to that of W0.
    pub frobenius: f64,
    pub relative: f64,
    /// exp of the entropy of the normalised singular values (Roy and Vetterli 2007); squared Frobenius over squared spectral norm.
    pub effective_rank: f64,
    pub stable_rank: f64,
}
