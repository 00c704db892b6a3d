//! Studies side by side: what of each is shown, and how their arms differ on the examples that they share. Plain data, without a way
//! back to the studies, so that a frozen copy shows the same.

use crate::{
    Arm, CellId, FieldErrors, MinorityFraction,
    class_results::Reading,
    comparison_query::{ComparisonView, PromptScope},
    inspection::LensReading,
    recipe::StudyKind,
    results::StudyResults,
    view::{JudgedCompletion, StudyStatus},
};
use serde::{Deserialize, Serialize};

/// More studies are not told apart in a figure.
pub const MOST_COMPARED: usize = 6;

/// Several studies, and the parts of their comparison that were asked for; the others are absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Comparison {
    /// In the order of the address.
    pub studies: Vec<ComparedStudy>,
    /// What was asked for and can't be shown; all else is.
    pub problems: FieldErrors,
    /// The arm that all others are contrasted with, where one was asked for.
    pub against: Option<ComparedArm>,
    pub toxicity: Option<ContrastTable>,
    pub accuracy: Option<ContrastTable>,
    pub divergence: Option<ContrastTable>,
    pub lens: Option<LensComparison>,
    pub completions: Option<CompletionComparison>,
    pub recipe: Option<RecipeComparison>,
}

/// One of the studies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ComparedStudy {
    /// In addresses; a frozen copy has none.
    pub id: String,
    pub name: String,
    pub kind: StudyKind,
    pub status: StudyStatus,
    /// 0 to 1, of the stages.
    pub progress: f64,
    /// The model's name, or where it comes from.
    pub model: String,
    /// Arms that have a cell, in the order of figures, and those of them that are shown.
    pub arms: Vec<Arm>,
    pub shown: Vec<Arm>,
    /// Cells without a result, and why.
    pub failed: Vec<(CellId, String)>,
    /// Without its cells, which no comparison shows; absent until the study is finished.
    pub results: Option<StudyResults>,
}

/// An arm of one of the studies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ComparedArm {
    /// Place among the studies, from 0.
    pub study: usize,
    pub arm: Arm,
}

/// Differences between arms, and all that one must know to read them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ContrastTable {
    /// Places of the studies that have such numbers.
    pub studies: Vec<usize>,
    /// Groups that all of them have, and the one that the contrasts are within; none: all examples.
    pub groups: Vec<String>,
    pub group: Option<String>,
    /// Classification: fractions that all of them have, largest first, and the one that the contrasts are at.
    pub fractions: Vec<MinorityFraction>,
    pub fraction: Option<MinorityFraction>,
    /// Classification: how each study's predictions are read, by place.
    pub readings: Vec<(usize, Reading)>,
    /// Each is corrected by itself.
    pub families: Vec<ContrastFamily>,
    /// Of each two studies that are contrasted, whether their examples are the same.
    pub pairings: Vec<Pairing>,
    /// What else the studies differ in that a difference may come from.
    pub notes: Vec<String>,
}

/// Contrasts that are corrected together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ContrastFamily {
    /// What differs: "toxic share", "accuracy", "KL at the end of the prompt".
    pub measure: String,
    pub contrasts: Vec<ComparedContrast>,
}

/// One arm's number less another's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ComparedContrast {
    pub of: ComparedArm,
    pub against: ComparedArm,
    /// Mean over the examples. A share's or an accuracy's difference, from -1 to 1; of KL, nats.
    pub difference: f64,
    /// 95 % percentile interval; absent where there is too little to resample.
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Two-sided, and after Holm's correction over the family; absent where the examples are not the same.
    pub p: Option<f64>,
    pub p_holm: Option<f64>,
    pub test: ContrastTest,
    /// Paired: examples that both answered. Unpaired: those of `of`, and those of `against`.
    pub examples: u32,
    pub examples_against: u32,
    /// Templates, or examples, that are resampled (of `of`, where unpaired).
    pub clusters: u32,
    /// The smallest true difference that 80 % of such samples would have shown at 5 % over the number of contrasts that are tested in the
    /// family; paired alone, and none where there are too few clusters for any.
    pub detectable: Option<f64>,
}

/// What a contrast rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContrastTest {
    /// Two-sided sign-flip permutation test over templates, interval by bootstrap over templates.
    SignFlipTemplates,
    /// McNemar's exact test, one training of each arm; interval by bootstrap over examples.
    McnemarExact,
    /// Two-sided sign-flip permutation test over examples; interval by bootstrap over examples, and seeds where there are several.
    SignFlipExamples,
    /// No test: other examples. Interval by a bootstrap of each arm for itself.
    Unpaired,
}

impl ContrastTest {
    pub fn label(self) -> &'static str {
        match self {
            Self::SignFlipTemplates => "sign-flip test over templates",
            Self::McnemarExact => "McNemar’s exact test",
            Self::SignFlipExamples => "sign-flip test over examples",
            Self::Unpaired => "none: other examples",
        }
    }
}

/// How many examples two studies share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Pairing {
    pub study: usize,
    pub against: usize,
    /// Examples in both, and in each.
    pub common: u32,
    pub of_study: u32,
    pub of_against: u32,
    /// The same as a sentence, and what follows from it.
    pub statement: String,
}

/// One prompt, as every arm's layers read it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LensComparison {
    /// Of all studies, in the order in which they first come.
    pub prompts: Vec<String>,
    /// Place of the one that is read.
    pub prompt: u32,
    pub readings: Vec<ComparedReading>,
    /// Studies that have no reading of it, and why.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ComparedReading {
    pub study: usize,
    pub reading: LensReading,
}

/// Prompts with what the arms made of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CompletionComparison {
    /// Places of the studies that complete prompts.
    pub studies: Vec<usize>,
    pub rows: Vec<ComparedPrompt>,
    pub scope: PromptScope,
    /// Prompts of each scope, in the order of [`PromptScope::ALL`].
    pub counts: Vec<u32>,
    pub groups: Vec<String>,
    pub group: Option<String>,
    /// From 0.
    pub page: u32,
    pub page_size: u32,
    /// Prompts that meet the choice.
    pub total: u32,
    pub notes: Vec<String>,
}

/// One prompt; the same text in every study that has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ComparedPrompt {
    pub prompt: String,
    pub group: String,
    pub category: String,
    /// One a shown arm, empty where its study has not this prompt.
    pub columns: Vec<ComparedCompletions>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ComparedCompletions {
    pub of: ComparedArm,
    pub completions: Vec<JudgedCompletion>,
}

/// Every field of the recipes and of what made the studies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RecipeComparison {
    /// Fields in the order of a recipe, named as in it; arms by their name in place of their number.
    pub recipe: Vec<FieldRow>,
    pub provenance: Vec<FieldRow>,
}

/// One field in every study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FieldRow {
    /// `training.learning_rate`, `arms[lora-r8].learning_rate`, `model.sha256`.
    pub field: String,
    /// By place, as TOML writes it; absent: the study has no such field.
    pub values: Vec<Option<String>>,
    /// Among the studies whose kind has it.
    pub differs: bool,
}

/// How the studies are called in figures and addresses: `A` the first.
pub fn letter(place: usize) -> char {
    char::from(b'A' + place.min(25) as u8)
}

impl ComparedArm {
    /// `A · r = 8`.
    pub fn label(self) -> String {
        format!("{} · {}", letter(self.study), self.arm.label())
    }

    /// `A:lora-r8`, as in an address.
    pub fn name(self) -> String {
        format!("{}:{}", letter(self.study), self.arm)
    }
}

impl ComparedStudy {
    /// What the study can show of a view: nothing before it is finished, nor what its kind has not.
    pub fn has(&self, view: ComparisonView) -> bool {
        match view {
            ComparisonView::Toxicity => self.kind == StudyKind::Toxicity && self.results.is_some(),
            ComparisonView::Accuracy => self.results.as_ref().is_some_and(|results| results.classification.is_some()),
            ComparisonView::Divergence => {
                let inspection = self.results.as_ref().and_then(|results| results.inspection.as_ref());
                inspection.is_some_and(|inspection| !inspection.divergences.is_empty())
            }
            ComparisonView::Completions => self.kind == StudyKind::Toxicity,
            ComparisonView::Lens | ComparisonView::Recipe => true,
        }
    }
}

impl Comparison {
    /// What is shown where nothing is asked for: the first view that every study has, else that any has.
    pub fn usual_view(&self) -> ComparisonView {
        let measured = [ComparisonView::Toxicity, ComparisonView::Accuracy];
        let every = measured.into_iter().find(|view| self.studies.iter().all(|study| study.has(*view)));
        let any = || measured.into_iter().find(|view| self.studies.iter().any(|study| study.has(*view)));
        every.or_else(any).unwrap_or(ComparisonView::Recipe)
    }

    /// Every arm that is shown: study by study, arms in the order of figures.
    pub fn shown(&self) -> Vec<ComparedArm> {
        let arms =
            self.studies.iter().enumerate().map(|(study, compared)| compared.shown.iter().map(move |&arm| ComparedArm { study, arm }));
        arms.flatten().collect()
    }

    /// Every arm of every study, once: an arm has one colour in all of them.
    pub fn all_arms(&self) -> Vec<Arm> {
        let mut arms: Vec<Arm> = self.studies.iter().flat_map(|study| study.arms.iter().copied()).collect();
        arms.sort();
        arms.dedup();
        arms
    }
}
