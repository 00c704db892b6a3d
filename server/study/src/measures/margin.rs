//! Decision margins: how sure a model is of what it calls positive.

/// A probability this far beyond an end is rounding of the softmax, and counts in the end's bin.
const ROUNDING: f64 = 1e-6;

/// Counts of values in given bins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Histogram {
    /// Rising, one more than there are bins. A bin has its low edge and not its high one; the last has both.
    pub(crate) edges: Vec<f64>,
    pub(crate) counts: Vec<u64>,
    /// Values below the first or above the last edge, or not a number.
    pub(crate) outside: u64,
}

/// Equal-width edges from 1 / options, the least that the likeliest option can have, to 1. The same for every arm, so that
/// their histograms compare.
pub(crate) fn margin_edges(options: usize, bins: usize) -> Vec<f64> {
    let least = 1.0 / options as f64;
    let step = (1.0 - least) / bins as f64;
    (0..=bins).map(|place| if place == bins { 1.0 } else { least + place as f64 * step }).collect()
}

/// The probability of the decision, for the examples that the model calls positive, in their order. `probability`:
/// examples x options, row-major. The paper's figure of decision margins shows these.
pub(crate) fn decision_probabilities(predicted: &[usize], probability: &[f64], options: usize, positive: usize) -> Vec<f64> {
    assert_eq!(probability.len(), predicted.len() * options, "one probability an example and option");
    let called = predicted.iter().zip(probability.chunks_exact(options.max(1))).filter(|(predicted, _)| **predicted == positive);
    called.map(|(_, row)| row[positive]).collect()
}

impl Histogram {
    pub(crate) fn new(values: &[f64], edges: &[f64]) -> Self {
        let mut histogram = Self { edges: edges.to_vec(), counts: vec![0; edges.len().saturating_sub(1)], outside: 0 };
        let (Some(&first), Some(&last)) = (edges.first(), edges.last()) else {
            histogram.outside = values.len() as u64;
            return histogram;
        };
        for &value in values {
            let above = edges.partition_point(|edge| *edge <= value);
            let inside = value >= first - ROUNDING && value <= last + ROUNDING && !histogram.counts.is_empty();
            if inside {
                let bin = above.saturating_sub(1).min(histogram.counts.len() - 1);
                histogram.counts[bin] += 1;
            } else {
                histogram.outside += 1;
            }
        }
        histogram
    }
}
