//! The figure of a set of labelled texts, by name; one drawing for its page and for files.

use crate::charts::{LengthPanel, Width, length_histogram};
use rankscope_domain::dataset::{DatasetSummary, SplitSummary};

/// Names that [`dataset_svg`] knows.
pub const DATASET_FIGURES: [&str; 1] = ["lengths"];

/// `None`: there is no such figure, or nothing to draw.
pub fn dataset_svg(name: &str, summary: &DatasetSummary, width: Width) -> Option<String> {
    let panel = |split: &SplitSummary| LengthPanel { title: split.name.clone(), bins: split.length_bins.clone(), longest: split.longest };
    match name {
        "lengths" => length_histogram(&usable(summary).map(panel).collect::<Vec<_>>(), width),
        _ => None,
    }
}

/// Splits that a study can use.
pub(crate) fn usable(summary: &DatasetSummary) -> impl Iterator<Item = &SplitSummary> {
    summary.splits.iter().filter(|split| split.problem.is_empty())
}

/// Lengths of a split's texts in characters, bin by bin: from, to, how many texts; without empty bins.
pub(crate) fn length_rows(split: &SplitSummary) -> impl Iterator<Item = (u64, u64, u64)> {
    let width = (split.longest as f64 + 1.0) / split.length_bins.len().max(1) as f64;
    split.length_bins.iter().enumerate().filter(|(_, count)| **count > 0).map(move |(index, count)| {
        let (from, to) = (width * index as f64, width * (index as f64 + 1.0));
        (from.ceil() as u64, (to.ceil() as u64).saturating_sub(1), *count)
    })
}
