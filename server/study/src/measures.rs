//! Fairness and quality of classifications. Pure: predictions in, figures out; nothing is read, drawn or rounded.
//!
//! Labels and predictions are options 0..K, groups 0..G. `weights` says how often each example counts: 1 each for the sample as it
//! is, or how often a bootstrap drew it (`statistics::two_way_draws`), which gives exactly the figure of that resample.
//! All slices of one call have one entry an example; another length is a mistake in the program, and panics. A figure
//! that the sample does not define is `None`, never 0 or NaN.

mod agreement;
mod calibration;
mod confusion;
mod group_gap;
mod judge_error;
mod margin;
mod prevalence;
mod roc_auc;

pub(crate) use agreement::{cohen_kappa, krippendorff_alpha};
pub(crate) use calibration::Calibration;
pub(crate) use confusion::{Confusion, confusion_by_group};
pub(crate) use group_gap::{accuracy_gap, demographic_parity_difference, equalized_odds_difference, harmful_bias_gap, worst_group_error};
pub(crate) use judge_error::{Checked, StratifiedBy, judge_figures};
pub(crate) use margin::{Histogram, decision_probabilities, margin_edges};
pub(crate) use prevalence::{Errors, Stratum, prediction_powered, rogan_gladen, same_p, share_figure};
pub(crate) use roc_auc::{RocAuc, macro_roc_auc};

#[cfg(test)]
mod annotation_tests;
#[cfg(test)]
mod tests;
