//! How far groups are apart, from one confusion matrix a group.
//!
//! Leave out a group that the data lacks: an empty one makes a figure over all groups undefined, since nobody knows what it would
//! have been. So does a bootstrap's draw that misses a small group; the bootstrap leaves such draws out.

use super::Confusion;

/// The paper's accuracy parity AP = max over groups of (1 - accuracy), section on task B: the worst group's error, and
/// lower is better. `None` without groups or where one is empty.
pub(crate) fn worst_group_error(groups: &[Confusion]) -> Option<f64> {
    extremes(groups, Confusion::accuracy).map(|(low, _)| 1.0 - low)
}

/// Highest less lowest accuracy of the groups. `None` with fewer than two groups or where one is empty.
pub(crate) fn accuracy_gap(groups: &[Confusion]) -> Option<f64> {
    difference(groups, Confusion::accuracy)
}

/// The paper's harmful bias gap of one group, |accuracy in full - accuracy with LoRA|. It is above 0 by chance alone: for
/// an interval and a test take the signed difference.
pub(crate) fn harmful_bias_gap(accuracy_full: f64, accuracy_lora: f64) -> f64 {
    (accuracy_full - accuracy_lora).abs()
}

/// Highest less lowest P(prediction = positive) of the groups; fairlearn's `demographic_parity_difference`. `None` with
/// fewer than two groups or where one is empty. Where the group is the label this is no fault but the task itself: a perfect classifier of two labels has 1.
pub(crate) fn demographic_parity_difference(groups: &[Confusion], positive: usize) -> Option<f64> {
    difference(groups, |group| group.prediction_rate(positive))
}

/// The larger of the groups' differences in true and in false positive rate; fairlearn's `equalized_odds_difference`.
/// `None` with fewer than two groups, or where a group lacks positive or lacks other labels, so that one of its rates is
/// undefined (fairlearn takes that rate for 0). Where the group is the label it is therefore always `None`.
pub(crate) fn equalized_odds_difference(groups: &[Confusion], positive: usize) -> Option<f64> {
    let hits = difference(groups, |group| group.true_positive_rate(positive))?;
    Some(hits.max(difference(groups, |group| group.false_positive_rate(positive))?))
}

fn difference(groups: &[Confusion], rate: impl Fn(&Confusion) -> Option<f64>) -> Option<f64> {
    (groups.len() > 1).then(|| extremes(groups, rate)).flatten().map(|(low, high)| high - low)
}

/// Lowest and highest; `None` where one is undefined.
fn extremes(groups: &[Confusion], rate: impl Fn(&Confusion) -> Option<f64>) -> Option<(f64, f64)> {
    let rates: Vec<f64> = groups.iter().map(rate).collect::<Option<_>>()?;
    Some((rates.iter().copied().reduce(f64::min)?, rates.iter().copied().reduce(f64::max)?))
}
