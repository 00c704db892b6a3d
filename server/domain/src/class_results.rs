//! What a classification study measured: by reading of the model's answer, arm and minority fraction.

use crate::{Arm, MinorityFraction, dataset::GroupCount, recipe::HeadKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassificationResults {
    /// As the recipe names it.
    pub dataset: String,
    pub train_examples: u32,
    pub test_examples: u32,
    pub head: HeadKind,
    /// What was put to a model that answers, `{text}` and `{options}` in it; empty with a class head.
    pub prompt: String,
    /// In the order of their numbers, and the one that is taken for positive.
    pub labels: Vec<String>,
    pub positive_label: String,
    /// What makes a group, in words: "its label", "the column gender".
    pub grouped_by: String,
    /// In the order of figures: majority, minority, others.
    pub groups: Vec<GroupCount>,
    /// The group whose training examples were made few, and the largest other one.
    pub minority: String,
    pub majority: String,
    /// Largest first, with how many training examples were left.
    pub fractions: Vec<FractionCount>,
    /// Seeds of the recipe, ascending.
    pub seeds: Vec<u64>,
    /// Ends of the bins of all margin histograms, ascending: one more than there are bins.
    pub margin_edges: Vec<f64>,
    /// The first is what pages show first: likelihood before generated text.
    pub readings: Vec<ReadingResults>,
}

/// A fraction, and how many training examples it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FractionCount {
    pub fraction: MinorityFraction,
    pub minority_examples: u32,
    pub train_examples: u32,
}

/// How a prediction was read off a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// The option that is likeliest to follow the prompt: the sum of its tokens' log-probabilities.
    Likelihood,
    /// The one option that occurs in what the model wrote; none or several is a wrong answer.
    GeneratedText,
    /// The class with the largest logit.
    ClassHead,
}

impl Reading {
    pub const ALL: [Self; 3] = [Self::Likelihood, Self::GeneratedText, Self::ClassHead];

    pub fn label(self) -> &'static str {
        match self {
            Reading::Likelihood => "likelihood of the options",
            Reading::GeneratedText => "generated text",
            Reading::ClassHead => "classification head",
        }
    }

    /// As in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Reading::Likelihood => "likelihood",
            Reading::GeneratedText => "generated_text",
            Reading::ClassHead => "class_head",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadingResults {
    pub reading: Reading,
    /// Every arm at every fraction, arms in the order of figures, fractions largest first; the original model once, without fraction.
    pub arms: Vec<ArmAccuracy>,
    /// Each LoRA arm against full at each fraction, over all test examples and within each group.
    pub contrasts: Vec<AccuracyContrast>,
    /// Accuracy against log2(rank) over the LoRA arms, at each fraction, over all examples and within each group.
    pub trends: Vec<RankTrend>,
    /// Mean margin of the samples that every rank calls positive in a seed against log2(rank), at each fraction.
    pub margin_trends: Vec<RankTrend>,
}

/// A measured quantity with its 95 % interval. `None`: not defined here, e.g. nothing to divide by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measure {
    pub value: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Test examples that it rests on; each counts once however many seeds there are.
    pub n: u32,
}

/// One arm at one fraction, over its seeds: measures are means over seeds; intervals are a percentile bootstrap over test examples
/// and seeds, but for the accuracy of a single seed and for shares of 0 or 1, whose interval is Wilson's at the number of examples. No interval where
/// all resamples give one number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmAccuracy {
    pub arm: Arm,
    /// None for the original model.
    pub fraction: Option<MinorityFraction>,
    /// Seeds that have a result; 0: every cell failed, and nothing is measured.
    pub seeds: Vec<u64>,
    pub learning_rate: Option<f64>,
    pub weight_decay: Option<f64>,
    pub accuracy: Measure,
    /// One value a seed, in the order of `seeds`.
    pub seed_accuracy: Vec<f64>,
    /// In the order of `ClassificationResults::groups`.
    pub groups: Vec<GroupMeasures>,
    /// The paper's accuracy parity: max over groups of 1 - accuracy.
    pub worst_group_error: Measure,
    /// Largest less smallest accuracy of a group.
    pub group_gap: Measure,
    /// LoRA arms: |accuracy(full) - accuracy(arm)| on the minority, at the same fraction.
    pub harmful_bias_gap: Option<Measure>,
    /// Largest less smallest share of positive predictions of a group.
    pub demographic_parity_difference: Measure,
    /// The larger of the groups' differences in true positive and in false positive rate; not defined where the label makes the group.
    pub equalized_odds_difference: Measure,
    /// F1 of the positive label, and the mean of all labels' F1.
    pub f1: Measure,
    pub macro_f1: Measure,
    /// Area under the ROC curve of the positive label's probability, of more than two labels the mean of each against the rest; readings
    /// with a probability.
    pub auc: Measure,
    /// Expected calibration error over ten equal bins of confidence; readings with a probability.
    pub calibration_error: Measure,
    /// Generated text: the share that named no option or several.
    pub unreadable: Measure,
    /// Samples called positive by their margin, summed over seeds; bins by `margin_edges`. Empty without probabilities.
    pub margins: Vec<u32>,
    /// Mean soft probability of the decision over the samples called positive.
    pub mean_margin: Measure,
    /// Of all examples, over the seeds; empty without probabilities.
    pub reliability: Vec<ReliabilityBin>,
}

/// One group's part of an arm's measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupMeasures {
    pub group: String,
    pub accuracy: Measure,
    pub seed_accuracy: Vec<f64>,
    pub calibration_error: Measure,
    pub reliability: Vec<ReliabilityBin>,
    /// Rows: the label; columns: the prediction, and a last one for unreadable answers where there are any. Summed over seeds.
    pub confusion: Vec<Vec<u32>>,
}

/// Predictions whose confidence is in a bin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReliabilityBin {
    pub low: f64,
    pub high: f64,
    pub n: u32,
    /// Mean confidence, and the share that was right.
    pub confidence: f64,
    pub accuracy: f64,
}

/// Difference of two arms' accuracies on the same test examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccuracyContrast {
    pub arm: Arm,
    pub against: Arm,
    pub fraction: MinorityFraction,
    /// None: all test examples.
    pub group: Option<String>,
    /// accuracy(arm) - accuracy(against), mean over the seeds that both have.
    pub difference: f64,
    /// One a seed.
    pub seed_differences: Vec<f64>,
    /// Share of the answers in which one of the two arms is right and the other wrong.
    pub discordant: f64,
    /// 95 % percentile bootstrap over examples, and over seeds too where there are several.
    pub low: f64,
    pub high: f64,
    /// Two-sided: McNemar's exact test with one seed, else a sign-flip permutation test over examples of their sums over seeds.
    pub p: f64,
    /// After Holm's correction over the ranks at this fraction and group.
    pub p_holm: f64,
    pub test: PairedTest,
    pub examples: u32,
    pub seeds: u32,
    /// The smallest true difference that 80 % of such samples would have shown at 5 % over the number of contrasts that `p_holm` is corrected for.
    /// None: there are too few examples for any p below that.
    pub detectable: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PairedTest {
    McnemarExact,
    SignFlip,
}

impl PairedTest {
    pub fn label(self) -> &'static str {
        match self {
            PairedTest::McnemarExact => "McNemar’s exact test",
            PairedTest::SignFlip => "sign-flip permutation test over examples",
        }
    }
}

/// How a quantity goes with the rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RankTrend {
    pub fraction: MinorityFraction,
    /// None: all test examples.
    pub group: Option<String>,
    /// Change for each doubling of the rank, in units of the quantity.
    pub slope: f64,
    /// One a seed in which every rank has a result, ascending.
    #[serde(default)]
    pub seed_slopes: Vec<f64>,
    /// 95 % percentile bootstrap over examples, and over seeds too where there are several.
    pub low: f64,
    pub high: f64,
    /// Two-sided sign-flip test over examples.
    pub p: f64,
    pub examples: u32,
}

impl ClassificationResults {
    pub fn reading(&self, reading: Reading) -> Option<&ReadingResults> {
        self.readings.iter().find(|results| results.reading == reading)
    }
}

impl ReadingResults {
    pub fn arm(&self, arm: Arm, fraction: Option<MinorityFraction>) -> Option<&ArmAccuracy> {
        self.arms.iter().find(|result| result.arm == arm && (result.fraction == fraction || result.fraction.is_none()))
    }
}

impl ArmAccuracy {
    pub fn group(&self, group: &str) -> Option<&GroupMeasures> {
        self.groups.iter().find(|measures| measures.group == group)
    }
}
