//! Sets of labelled texts: what is told of one, on its page, in a list, and before a study starts.

use serde::{Deserialize, Serialize};

/// A labelled text of a study: a line of `data/train.jsonl` or `data/test.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LabelledText {
    /// From 0, in the order of the file; the same in every arm.
    pub id: u32,
    /// Row of the set's split that it is, from 0.
    pub row: u64,
    pub text: String,
    /// Number of its label.
    pub label: u32,
    pub group: String,
}

/// A line of a cell's `predictions.jsonl`: what it takes a test example for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    pub id: u32,
    /// Log-probability of each option, or of each class: nats, in the order of the labels.
    pub log_probabilities: Vec<f64>,
    /// What an answering model wrote, where it was asked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<String>,
    /// The label that this names; absent where it names none or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_label: Option<u32>,
}

/// A group and its examples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GroupCount {
    pub group: String,
    pub train: u32,
    pub test: u32,
}

/// A set that a study may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DatasetEntry {
    /// Its name in lists and in the address of its page: `builtin`, or as it was added.
    pub name: String,
    /// What a recipe's `data.source` calls it.
    pub source: String,
    pub origin: DatasetOrigin,
    /// RFC 3339, UTC; empty for the built-in set.
    pub added_at: String,
    /// Absent: it can't be used, and `problem` says why.
    pub summary: Option<DatasetSummary>,
    pub problem: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatasetOrigin {
    /// Comes with the program.
    Builtin,
    /// Sent to the server and kept by it.
    Uploaded,
    /// A path that was added; the files are the user's.
    Path,
    /// Fetched from the hub.
    Hub,
}

impl DatasetOrigin {
    pub fn label(self) -> &'static str {
        match self {
            DatasetOrigin::Builtin => "comes with Rankscope",
            DatasetOrigin::Uploaded => "uploaded",
            DatasetOrigin::Path => "added by its path",
            DatasetOrigin::Hub => "fetched from the hub",
        }
    }

    /// The built-in set can't be removed.
    pub fn is_removable(self) -> bool {
        self != DatasetOrigin::Builtin
    }
}

/// What is in a set, every row of it read and checked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DatasetSummary {
    /// `jsonl`, `csv`, `parquet`, `builtin`.
    pub format: String,
    pub bytes: u64,
    /// SHA-256, hex: of the file, or, of several, of lines "HASH  NAME" in the order of their names.
    pub sha256: String,
    pub text_column: String,
    pub label_column: String,
    /// Other columns, which can make groups, with their most frequent values.
    pub other_columns: Vec<ColumnSummary>,
    /// In the order of their numbers.
    pub labels: Vec<String>,
    pub splits: Vec<SplitSummary>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ColumnSummary {
    pub name: String,
    /// How many different values there are (counted up to 1,000), and the most frequent ten with their counts.
    pub different: u32,
    pub values: Vec<(String, u64)>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SplitSummary {
    /// `train`, `validation`, `test`; `all` for a set in one piece.
    pub name: String,
    pub rows: u64,
    /// By label, in the order of `labels`.
    pub label_counts: Vec<u64>,
    /// Texts by their length in characters: bins of equal width from 0 to the longest.
    pub length_bins: Vec<u64>,
    pub longest: u64,
    pub mean_length: f64,
    /// A few rows, with the longest texts cut.
    pub examples: Vec<ExampleRow>,
    /// Empty, or why a study can't use this split: the labels of the hub's test splits are often kept secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub problem: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ExampleRow {
    pub row: u64,
    pub text: String,
    pub label: String,
}
