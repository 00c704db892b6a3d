//! What a share link shows: a copy of a study's results, or of a comparison of several, frozen when the link was made. These types name each
//! field that leaves; what is in none of them stays. No host, user, directory, worker's message, address of a judge, or other study is in any.

use crate::{
    Arm, CellId, StudyResults,
    class_results::Reading,
    comparison::{ComparedPrompt, Comparison, ContrastTable, LensComparison},
    comparison_query::ComparisonView,
    completion::{Completion, Judgement, Prompt},
    estimate::ModelSummary,
    inspection::LensReading,
    provenance::FileHash,
    recipe::StudyKind,
    view::CellDivergence,
};
use serde::{Deserialize, Serialize};

/// The snapshot format that this program writes and reads.
pub const SNAPSHOT_SCHEMA: u32 = 1;

/// In place of a name that a share hides.
pub const HIDDEN: &str = "hidden";

/// One file: what a link shows, whole. Its SHA-256 is what pages call the content hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Version of this format; 1.
    pub schema: u32,
    pub rankscope_version: String,
    /// RFC 3339, UTC.
    pub frozen_at: String,
    /// For blind review: what names people or institutions is left out.
    pub anonymous: bool,
    pub content: SnapshotContent,
}

impl Snapshot {
    /// The study, where one was shared.
    pub fn study(&self) -> Option<&SharedStudy> {
        match &self.content {
            SnapshotContent::Study(study) => Some(study),
            SnapshotContent::Comparison(_) => None,
        }
    }

    /// The comparison, where one was shared.
    pub fn comparison(&self) -> Option<&SharedComparison> {
        match &self.content {
            SnapshotContent::Study(_) => None,
            SnapshotContent::Comparison(comparison) => Some(comparison),
        }
    }

    /// Whether anything that models wrote is in it.
    pub fn has_completions(&self) -> bool {
        match &self.content {
            SnapshotContent::Study(study) => study.completions.is_some(),
            SnapshotContent::Comparison(comparison) => comparison.completions.is_some(),
        }
    }
}

/// What was shared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotContent {
    Study(Box<SharedStudy>),
    Comparison(Box<SharedComparison>),
}

/// Studies side by side as their reviewers see them. Whatever can be chosen on the page is in it, worked out when it was frozen; the arms and
/// the reference are those that the owner had chosen, and arms that were not shown are not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedComparison {
    pub title: String,
    /// The studies, without ids; the reference; the divergences and the recipes. Its other parts are absent: they are below.
    pub common: Comparison,
    /// Over all prompts first, then within each group; empty: no study has toxic shares.
    pub toxicity: Vec<ContrastTable>,
    /// Every reading, fraction and group; what is shown where nothing is chosen first. Empty: no study has accuracies.
    pub accuracy: Vec<SharedAccuracies>,
    /// By prompt; continuations are empty in a share without completions. Empty: no study has a reading.
    pub lens: Vec<LensComparison>,
    /// Absent: shared without, or no study completes prompts.
    pub completions: Option<EveryPrompt>,
}

/// Contrasts of accuracies as predictions are read in one way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedAccuracies {
    /// The one that is chosen; absent: of each study its first.
    pub reading: Option<Reading>,
    pub table: ContrastTable,
}

/// The prompts of several studies, each text once, with what every shown arm made of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EveryPrompt {
    /// Places of the studies that complete prompts.
    pub studies: Vec<usize>,
    /// Groups that all of them have.
    pub groups: Vec<String>,
    pub rows: Vec<PromptRow>,
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptRow {
    pub prompt: ComparedPrompt,
    /// Whether every one of the studies completes it.
    pub in_every: bool,
}

impl SharedComparison {
    /// The views that there is something to see in.
    pub fn views(&self) -> Vec<ComparisonView> {
        let has = |view: &ComparisonView| match view {
            ComparisonView::Toxicity => !self.toxicity.is_empty(),
            ComparisonView::Accuracy => !self.accuracy.is_empty(),
            ComparisonView::Divergence => self.common.divergence.is_some(),
            ComparisonView::Lens => !self.lens.is_empty(),
            ComparisonView::Completions => self.completions.is_some(),
            ComparisonView::Recipe => self.common.recipe.is_some(),
        };
        ComparisonView::ALL.into_iter().filter(has).collect()
    }
}

/// What a comparison of studies with these names is called.
pub fn comparison_title(names: &[String]) -> String {
    match names {
        [] => "Comparison".into(),
        [one] => format!("Comparison of the arms of {one}"),
        [others @ .., last] => format!("Comparison of {} and {last}", others.join(", ")),
    }
}

/// A study as its reviewers see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedStudy {
    pub summary: SharedSummary,
    /// Without paths, addresses and what is said of the machine; [`HIDDEN`] where a name is left out.
    pub recipe_toml: String,
    pub provenance: Option<SharedProvenance>,
    /// Each field taken over by name; why a cell failed is left out.
    pub results: StudyResults,
    /// What the lens read; continuations are empty in a share without completions.
    pub lens: Vec<LensReading>,
    /// Absent: shared without.
    pub completions: Option<SharedCompletions>,
    /// In a share whose bearers may label, in place of completions, so that they label blind: what stands for each completion with its
    /// prompt, sorted, so that nothing tells of arms and seeds. Absent in every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_label: Option<Vec<String>>,
}

/// What stands at the top of the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedSummary {
    pub title: String,
    pub kind: StudyKind,
    pub model: String,
    pub arms: Vec<Arm>,
    pub seeds: Vec<u64>,
}

/// What made a study, without the machine that it was made on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedProvenance {
    pub rankscope_version: String,
    /// SHA-256 of the recipe as it was shared: the hash of the owner's would tell whether a guessed path is right.
    pub recipe_sha256: String,
    pub model: ModelSummary,
    pub counterfactual_model: Option<ModelSummary>,
    pub judge_model: Option<ModelSummary>,
    /// By file name, or [`HIDDEN`].
    pub files: Vec<FileHash>,
    pub builtin: Vec<FileHash>,
    /// RFC 3339, UTC.
    pub started_at: String,
}

/// Prompts, and what each cell made of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedCompletions {
    pub prompts: Vec<Prompt>,
    pub cells: Vec<SharedCell>,
    /// Of the prompts that were looked into; they name the tokens of completions.
    pub divergences: Vec<CellDivergence>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedCell {
    pub cell: CellId,
    pub completions: Vec<JudgedText>,
}

/// A completion and what the judge said of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgedText {
    pub completion: Completion,
    /// Absent: the judge has not read it.
    pub judgement: Option<Judgement>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_is_called_by_its_studies() {
        let title = |names: &[&str]| comparison_title(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(title(&["One"]), "Comparison of the arms of One");
        assert_eq!(title(&["One", "Two"]), "Comparison of One and Two");
        assert_eq!(title(&["One", "Two", "Three"]), "Comparison of One, Two and Three");
    }
}
