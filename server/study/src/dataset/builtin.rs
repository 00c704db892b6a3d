//! The set that comes with the program: short reviews, written for it.

use super::{
    file::{DataFile, Format},
    layout::Splits,
};
use rankscope_domain::classification::BUILTIN_DATASET;

/// Lines of `text`, `label` (negative, positive), `topic` and `split`.
const REVIEWS: &str = include_str!("../../data/reviews.jsonl");
pub(super) const SPLITS: [&str; 2] = ["train", "test"];

pub(super) fn file() -> DataFile {
    DataFile { path: BUILTIN_DATASET.into(), name: "reviews.jsonl".into(), format: Format::Jsonl, builtin: Some(REVIEWS) }
}

pub(super) fn splits() -> Splits {
    SPLITS.into_iter().map(|name| (name.to_string(), vec![file()])).collect()
}
