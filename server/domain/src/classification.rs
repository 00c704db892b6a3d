//! What a classification study (the paper's task B) has of its own in a recipe: the data, the groups, and how a model classifies.

use crate::MinorityFraction;
use serde::{Deserialize, Serialize};

/// The set that comes with the program, as `data.source`.
pub const BUILTIN_DATASET: &str = "builtin";
/// What a `data.source` begins with that names a set that was added to this program.
pub const ADDED_DATASET: &str = "dataset:";

/// The labelled texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// `builtin`; `dataset:NAME`, a set that was added to this program; the path of a JSONL, CSV or parquet file, or of a directory in
    /// the hub's layout.
    pub source: String,
    /// A file of its own for the test examples, read like `source`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_path: Option<String>,
    /// The split that is trained on. Absent: `train`, or all of a set that is in one piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_split: Option<String>,
    /// The split that is tested on. Absent: `validation`, else `test`, else `test_share` of the set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_split: Option<String>,
    /// The part of a set in one piece that is kept back for testing, drawn by `selection_seed`; above 0, below 1.
    pub test_share: f64,
    /// Absent: the first of `text`, `sentence`, `review`, `content` that there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_column: Option<String>,
    /// Absent: the first of `label`, `labels`, `class` that there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_column: Option<String>,
    /// The labels' names in the order of their numbers; empty: what the set says of itself, or its labels as they are written.
    pub label_names: Vec<String>,
    /// The label that F1, AUC, rates and margins take for positive. Absent: the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positive_label: Option<String>,
    /// At most this many examples to train on, and to test on, spread over groups and labels as in the whole; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_limit: Option<u32>,
    pub selection_seed: u64,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            source: BUILTIN_DATASET.into(),
            test_path: None,
            train_split: None,
            test_split: None,
            test_share: 0.25,
            text_column: None,
            label_column: None,
            label_names: Vec::new(),
            positive_label: None,
            train_limit: None,
            test_limit: None,
            selection_seed: 0,
        }
    }
}

/// Who is compared with whom, and whose training examples are made few.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Groups {
    pub by: GroupBy,
    /// `column`: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The group that is made small. Absent: the one that has the fewest training examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minority: Option<String>,
    /// Parts of the minority's training examples that are kept, each a training of its own. The same seed draws nested parts.
    pub minority_fractions: Vec<MinorityFraction>,
    /// `terms`: each group's words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<TermGroup>,
}

impl Default for Groups {
    fn default() -> Self {
        // ours: the paper's text has lost its fractions
        let fractions = [1.0, 0.5, 0.25, 0.1].into_iter().filter_map(|value| MinorityFraction::new(value).ok()).collect();
        Self { by: GroupBy::Label, column: None, minority: None, minority_fractions: fractions, terms: Vec::new() }
    }
}

impl Groups {
    /// The largest first, each once.
    pub fn fractions(&self) -> Vec<MinorityFraction> {
        let mut fractions = self.minority_fractions.clone();
        fractions.sort_unstable_by(|one, other| other.cmp(one));
        fractions.dedup();
        fractions
    }
}

/// What makes a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// Its label, as in the paper.
    #[default]
    Label,
    /// What a column says.
    Column,
    /// The words that occur in the text.
    Terms,
}

/// A group by its words: a text belongs to the first group of which a word occurs in it, and to `other` where none does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TermGroup {
    pub name: String,
    /// Whole words, letter case aside.
    pub words: Vec<String>,
}

/// Texts that have no word of any group.
pub const OTHER_GROUP: &str = "other";

/// How a model says which label it takes a text for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Classifier {
    pub head: HeadKind,
    /// `answers`: what is put to the model, with `{text}` and optionally `{options}`; absent: ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// `answers`: the answers in the order of the labels; empty: the labels' names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// `answers`: tokens that a model may write where its own text is searched for the label; 0: not asked to write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<u32>,
}

/// What is put to a decoder that answers, where the recipe says nothing.
pub const ANSWER_PROMPT: &str = "Which of these describes the text: {options}?\nText: {text}\nAnswer:";
/// Tokens that an answering model may write, where the recipe says nothing.
pub const ANSWER_TOKENS: u32 = 6;

impl Classifier {
    pub fn answer_prompt(&self) -> &str {
        self.prompt.as_deref().unwrap_or(ANSWER_PROMPT)
    }

    pub fn answer_tokens(&self) -> u32 {
        self.max_new_tokens.unwrap_or(ANSWER_TOKENS)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// The model continues an instruction with one of the options: decoders alone.
    #[default]
    Answers,
    /// A new linear layer over classes, trained with every arm: encoders and decoders.
    ClassHead,
}

impl HeadKind {
    pub fn label(self) -> &'static str {
        match self {
            HeadKind::Answers => "answers with one of the options",
            HeadKind::ClassHead => "classification head",
        }
    }
}
