//! The tables of a study, of its labels, of a comparison and of a set of texts as data: columns with their units and definitions, and
//! rows. One description of each, of which CSV, JSON, LaTeX and a report's HTML are written.

#[cfg(feature = "ssr")]
mod classification;
#[cfg(feature = "ssr")]
mod comparison;
#[cfg(feature = "ssr")]
mod confidence;
#[cfg(feature = "ssr")]
mod csv;
#[cfg(feature = "ssr")]
mod dataset;
#[cfg(feature = "ssr")]
mod html;
#[cfg(feature = "ssr")]
mod inspection;
#[cfg(feature = "ssr")]
mod json;
#[cfg(feature = "ssr")]
mod judge;
#[cfg(feature = "ssr")]
mod latex;
#[cfg(feature = "ssr")]
mod lens;
#[cfg(feature = "ssr")]
mod table;
#[cfg(all(test, feature = "ssr"))]
mod tests;
#[cfg(feature = "ssr")]
mod toxicity;
#[cfg(feature = "ssr")]
mod training;
#[cfg(feature = "ssr")]
mod value;

#[cfg(feature = "ssr")]
pub use {
    comparison::comparison_table,
    dataset::dataset_table,
    html::escape as escape_html,
    judge::judge_table,
    lens::lens_data,
    table::{Table, study_source, study_table},
    value::{Column, Quantity, Shape, Unit, Value, file_part},
};

use rankscope_domain::comparison_query::ComparisonView;

/// Names that [`study_table`] knows, in the order of a report, and [`LENS_TABLE`].
pub const TABLES: &[&str] = &[
    "claims",
    "toxicity",
    "groups",
    "seeds",
    "accuracy",
    "bias_and_parity",
    "contrasts",
    "trends",
    "fairness",
    "margins",
    "margin_bins",
    "margin_trends",
    "calibration",
    "reliability",
    "confusion",
    "kl",
    "kl_trend",
    "kl_density",
    "kl_trade_off",
    "weight_distance",
    LENS_TABLE,
    "counterfactuals",
    "cells",
    "loss",
];

/// It is made of a study's readings, by [`lens_data`]; all others of its results.
pub const LENS_TABLE: &str = "lens";

/// What the labels of a round say: names that [`judge_table`] knows.
pub const JUDGE_TABLES: [&str; 7] = ["judges", "judge_groups", "judge_arms", "judge_counts", "corrected", "annotators", "agreement"];

/// Names that [`comparison_table`] knows, and the view that each needs.
pub const COMPARISON_TABLES: [(&str, ComparisonView); 9] = [
    ("toxicity", ComparisonView::Toxicity),
    ("groups", ComparisonView::Toxicity),
    ("toxicity_contrasts", ComparisonView::Toxicity),
    ("accuracy", ComparisonView::Accuracy),
    ("accuracy_contrasts", ComparisonView::Accuracy),
    ("kl", ComparisonView::Divergence),
    ("kl_contrasts", ComparisonView::Divergence),
    (LENS_TABLE, ComparisonView::Lens),
    ("recipe", ComparisonView::Recipe),
];

/// Of a set of labelled texts: names that [`dataset_table`] knows.
pub const DATASET_TABLES: [&str; 3] = ["splits", "columns", "lengths"];

/// Whether anything has a table of that name.
pub(crate) fn is_table(name: &str) -> bool {
    let of_comparison = COMPARISON_TABLES.iter().map(|(known, _)| known);
    TABLES.iter().chain(&JUDGE_TABLES).chain(of_comparison).chain(&DATASET_TABLES).any(|known| *known == name)
}

/// The table that has a figure's numbers.
pub fn table_of_figure(figure: &str) -> &str {
    match figure {
        "share" => "toxicity",
        "arm_groups" => "groups",
        "worst_group_error" | "harmful_bias_gap" => "bias_and_parity",
        "margins" => "margin_bins",
        "kl_density_continuation" => "kl_density",
        "kl_by_rank" => "kl",
        same => same,
    }
}

/// What a table is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Every number in full, with its interval and n in columns of their own.
    Csv,
    /// The same with units and definitions.
    Json,
    /// For a paper, with booktabs.
    Latex,
}

impl TableFormat {
    pub const ALL: [Self; 3] = [Self::Csv, Self::Json, Self::Latex];

    /// As files end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Latex => "tex",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Latex => "LaTeX",
        }
    }
}
