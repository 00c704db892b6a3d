//! People's labels of completions: rounds of a known sample, who labels, and what the labels say of a judge.

use crate::{Arm, CellId, completion::Verdict};
use serde::{Deserialize, Serialize};

/// What a person says of one completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    Toxic,
    NotToxic,
    /// Read, and not decided.
    Unsure,
}

impl Label {
    pub const ALL: [Label; 3] = [Label::Toxic, Label::NotToxic, Label::Unsure];

    /// As in forms, files and the database.
    pub fn name(self) -> &'static str {
        match self {
            Label::Toxic => "toxic",
            Label::NotToxic => "not_toxic",
            Label::Unsure => "unsure",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Label::Toxic => "toxic",
            Label::NotToxic => "not toxic",
            Label::Unsure => "unsure",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.name() == name)
    }
}

/// Who labels, and where their permission comes from. Two people of one name are one annotator only where the source is the same too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Annotator {
    pub name: String,
    /// [`Annotator::OWNER`], [`Annotator::IMPORTED`], or what a share link is called in the database.
    pub source: String,
}

impl Annotator {
    /// The source of those who come with the owner's session.
    pub const OWNER: &'static str = "owner";
    /// The source of those whose labels came with an archive.
    pub const IMPORTED: &'static str = "imported";
    /// Longest name, characters.
    pub const LONGEST_NAME: usize = 60;
    /// Most people of a round.
    pub const MOST_OF_A_ROUND: usize = 100;

    /// Whether a text can be somebody's name.
    pub fn is_name(name: &str) -> bool {
        !name.trim().is_empty() && name.trim() == name && name.chars().count() <= Self::LONGEST_NAME && !name.chars().any(char::is_control)
    }

    /// Somebody at the owner's desk.
    pub fn of_owner(name: &str) -> Self {
        Self { name: name.trim().into(), source: Self::OWNER.into() }
    }
}

/// How the completions of a round are spread over the strata (arm by verdict).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Allocation {
    /// As many of each stratum, as far as it has them: the rare ones are labelled more than by their share.
    #[default]
    Even,
    /// Each stratum by its size, and one of each at the least.
    Proportional,
}

impl Allocation {
    pub const ALL: [Allocation; 2] = [Allocation::Even, Allocation::Proportional];

    pub fn name(self) -> &'static str {
        match self {
            Allocation::Even => "even",
            Allocation::Proportional => "proportional",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|allocation| allocation.name() == name)
    }
}

/// The plan of a round: how many completions are drawn, how they are spread, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoundPlan {
    pub items: u32,
    pub allocation: Allocation,
    pub seed: u64,
}

impl RoundPlan {
    /// Most completions of a round.
    pub const MOST_ITEMS: u32 = 5000;
}

/// How far one annotator is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AnnotatorProgress {
    pub annotator: Annotator,
    pub labelled: u32,
}

/// One round of labelling, as lists show it. Tells nothing of any item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoundSummary {
    pub id: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    pub plan: RoundPlan,
    /// Drawn: fewer than planned where the study has fewer.
    pub items: u32,
    pub annotators: Vec<AnnotatorProgress>,
}

impl RoundSummary {
    /// Most rounds of a study.
    pub const MOST: usize = 50;
}

/// What an annotator is shown: one completion, and nothing of where it comes from. This is all that goes to the page, so
/// what is not here can't be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Labelling {
    pub round: String,
    pub annotator: String,
    /// They have said that they will read text that may be harmful; before that, none is sent.
    pub consented: bool,
    pub total: u32,
    pub labelled: u32,
    /// From 0, in this annotator's own order; absent: everything is labelled and nothing was asked for.
    pub place: Option<u32>,
    pub item: Option<LabelItem>,
    /// Whether there is a label to take back.
    pub can_undo: bool,
}

/// One completion to label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LabelItem {
    /// Means nothing outside of its round.
    pub id: String,
    pub prompt: String,
    pub text: String,
    /// This annotator's own label, where they came back to it.
    pub label: Option<Label>,
}

/// One drawn completion with its place in the study and in the sample. Never goes to who labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampledItem {
    pub id: String,
    pub cell: CellId,
    pub prompt_id: u32,
    pub sample: u32,
    /// The judge's verdict when it was drawn; with the arm, its stratum.
    pub verdict: Verdict,
    /// Completions of its stratum in the study.
    pub population: u32,
    /// `population` over the number that was drawn of the stratum: how many completions it stands for.
    pub weight: f64,
}

/// One label that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenLabel {
    pub item: String,
    pub annotator: Annotator,
    pub label: Label,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Figure {
    /// Absent where the sample does not define it.
    pub value: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// What a judge got right and wrong on labelled texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JudgeFigures {
    /// A group or an arm; "all".
    pub name: String,
    /// Labelled texts: rows toxic and not toxic; columns judged toxic, judged non-toxic, unparsable.
    pub counts: [[u32; 3]; 2],
    /// The same as numbers of texts that the sample stands for; the counts, where every text counts as one.
    pub estimated: [[f64; 3]; 2],
    /// Of what is judged toxic, the part that is labelled toxic. All figures leave out what is unparsable.
    pub precision: Figure,
    /// Of what is labelled toxic, the part that is judged toxic: sensitivity.
    pub recall: Figure,
    /// Of what is labelled not toxic, the part that is judged non-toxic.
    pub specificity: Figure,
    pub f1: Figure,
    pub accuracy: Figure,
    /// Cohen's, of judge and label.
    pub kappa: Figure,
}

impl JudgeFigures {
    /// Labelled texts that the judge could be read on.
    pub fn n(&self) -> u32 {
        self.counts.iter().map(|row| row[0] + row[1]).sum()
    }

    pub fn unparsable(&self) -> u32 {
        self.counts.iter().map(|row| row[2]).sum()
    }
}

/// One judge on the labelled texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JudgeReading {
    /// For people: "HurtLex EN 1.2, conservative, sentence mode".
    pub description: String,
    /// Its verdicts are the study's results.
    pub is_the_studys: bool,
    pub all: JudgeFigures,
    pub groups: Vec<JudgeFigures>,
    /// In the order of figures; none outside of a study.
    pub arms: Vec<JudgeFigures>,
}

/// Two annotators on what both have labelled toxic or not toxic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PairAgreement {
    pub one: String,
    pub other: String,
    pub n: u32,
    /// Share of equal labels.
    pub same: Option<f64>,
    pub kappa: Figure,
}

/// What an annotator has said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AnnotatorCounts {
    pub name: String,
    pub toxic: u32,
    pub not_toxic: u32,
    pub unsure: u32,
}

/// How far annotators agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Agreement {
    pub annotators: Vec<AnnotatorCounts>,
    pub pairs: Vec<PairAgreement>,
    /// Items with two or more labels, "unsure" counted as none: what `alpha` rests on.
    pub items: u32,
    /// Krippendorff's, nominal; "unsure" counts as a missing label.
    pub alpha: Figure,
    /// The same with "unsure" as a third label.
    pub alpha_with_unsure: Figure,
}

/// One arm's toxic share: as judged, and corrected for the judge's errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CorrectedArm {
    pub arm: Arm,
    /// Completions that the judge could be read on.
    pub judged: u32,
    /// Labelled ones of them.
    pub labelled: u32,
    /// As the judge says.
    pub raw: Figure,
    /// Rogan and Gladen 1978, with the errors of all arms pooled.
    pub rogan_gladen: Figure,
    /// That estimate lies outside of 0 to 1 with all of its interval, so that none is given: the pooled errors do not fit this arm.
    #[serde(default)]
    pub is_outside: bool,
    /// Prediction-powered, from this arm's own labels.
    pub prediction_powered: Figure,
    /// The judge's on this arm's completions.
    pub sensitivity: Figure,
    pub specificity: Figure,
}

/// Shares corrected for the judge's errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Correction {
    /// Pooled over the arms, as Rogan and Gladen's estimator takes them.
    pub sensitivity: Figure,
    pub specificity: Figure,
    /// p of the test that no arm differs in them; absent where fewer than two arms have labels.
    pub sensitivity_p: Option<f64>,
    pub specificity_p: Option<f64>,
    pub arms: Vec<CorrectedArm>,
}

/// A completion on which the people's label and the study's judge differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Disagreement {
    pub prompt: String,
    pub text: String,
    pub group: String,
    pub cell: CellId,
    pub label: Label,
    pub verdict: Verdict,
    /// A lexicon's matches, or a model's answer.
    pub because: String,
    /// Who said what.
    pub labels: Vec<(String, Label)>,
}

/// What the labels of a round say of the judges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JudgeReport {
    pub round: RoundSummary,
    /// Items with a label that stands: most annotators said so, "unsure" not counted.
    pub resolved: u32,
    /// Items that were labelled, and have none: as many said the one as the other, or all were unsure.
    pub unresolved: u32,
    /// Completions of strata that have no such label: what is estimated leaves them out.
    pub uncovered: u32,
    /// The study's own first.
    pub judges: Vec<JudgeReading>,
    pub agreement: Agreement,
    pub correction: Correction,
    /// The first ones; `disagreements_total` is how many there are.
    pub disagreements: Vec<Disagreement>,
    pub disagreements_total: u32,
}

/// Rounds of a study, and what one of them says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JudgePage {
    /// Newest first.
    pub rounds: Vec<RoundSummary>,
    /// Of the round that was asked for, else of the newest with a label; absent: nothing is labelled.
    pub report: Option<JudgeReport>,
}

/// What judges got right and wrong on a labelled file: `rankscope judge-eval`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeEvaluation {
    pub file: String,
    /// Rows of the file, those without a decided label counted.
    pub rows: u32,
    /// Completions that the rows label, where the file is an export of a study's labels: each counts once, by what most annotators say,
    /// and by how many of the study it stands for. All counts below are then of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completions: Option<u32>,
    pub toxic: u32,
    pub not_toxic: u32,
    /// Whose label is "unsure" or missing, or whose annotators do not agree by a majority: left out.
    pub left_out: u32,
    pub judges: Vec<JudgeReading>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for label in Label::ALL {
            assert_eq!(Label::from_name(label.name()), Some(label));
            assert_eq!(serde_json::to_string(&label).unwrap(), format!("\"{}\"", label.name()));
        }
        for allocation in Allocation::ALL {
            assert_eq!(Allocation::from_name(allocation.name()), Some(allocation));
        }
        assert_eq!(Label::from_name("Toxic"), None);
        assert_eq!(Annotator::of_owner(" Anna ").name, "Anna");
    }
}
