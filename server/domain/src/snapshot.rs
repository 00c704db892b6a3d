//! What a share link shows: a copy of a study's results, frozen when the link was made. These types name each field that leaves; what
//! is in none of them stays. No host, user, directory, worker's message, address of a judge, or other study is in any.

use crate::{
    Arm, CellId, StudyResults,
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
        }
    }

    /// Whether anything that models wrote is in it.
    pub fn has_completions(&self) -> bool {
        self.study().is_some_and(|study| study.completions.is_some())
    }
}

/// What was shared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotContent {
    Study(Box<SharedStudy>),
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
