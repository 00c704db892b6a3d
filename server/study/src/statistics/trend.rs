//! The trend of a quantity over the rank.

use super::{Cluster, bootstrap, ratio, sign_flip, standard_error, unbounded_error};

/// Change per doubling of the rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Trend {
    /// Least-squares slope over log2 of the rank, in the quantity's unit per doubling.
    pub(crate) slope: f64,
    /// 95 % percentile interval, clusters drawn with replacement; `None` with one cluster.
    pub(crate) interval: Option<(f64, f64)>,
    /// Two-sided p by flipping the signs of the clusters' slopes.
    pub(crate) p: f64,
    /// Clustered standard error, for `detectable`. Not held to any bound.
    pub(crate) standard_error: f64,
    /// The same of quantities that are no counts: nothing is added where clusters agree.
    pub(crate) error: f64,
    pub(crate) clusters: u32,
}

/// One weight a rank: the sum of weight x value is the least-squares slope of the values over log2 of the rank,
/// (log2 r - mean) / sum of (log2 r - mean)^2. `None` with fewer than two different ranks, or a rank of 0.
pub(crate) fn doubling_weights(ranks: &[u32]) -> Option<Vec<f64>> {
    if ranks.contains(&0) || ranks.iter().all(|rank| Some(rank) == ranks.first()) {
        return None;
    }
    let logs: Vec<f64> = ranks.iter().map(|rank| f64::from(*rank).log2()).collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let spread: f64 = logs.iter().map(|log| (log - mean).powi(2)).sum();
    Some(logs.iter().map(|log| (log - mean) / spread).collect())
}

/// The slope per doubling of the rank, of values in the order of the ranks that the weights were made of.
pub(crate) fn slope_per_doubling(weights: &[f64], values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().zip(weights).map(|(value, weight)| weight * value).sum()
}

/// The mean slope of paired observations and its test. `slopes`: for each thing that every rank observed, its cluster
/// (below `cluster_count`) and `slope_per_doubling` of its values. Where seeds answered the same examples, an example is
/// a cluster and each seed one of its slopes: the test then speaks of other examples, not of other seeds. `None` without any.
pub(crate) fn trend(slopes: impl IntoIterator<Item = (usize, f64)>, cluster_count: usize, rng_seed: u64) -> Option<Trend> {
    let mut clusters = vec![Cluster::default(); cluster_count];
    for (cluster, slope) in slopes {
        clusters[cluster].sum += slope;
        clusters[cluster].count += 1.0;
    }
    clusters.retain(|cluster| cluster.count > 0.0);
    if clusters.is_empty() {
        return None;
    }
    Some(Trend {
        slope: ratio(&clusters),
        interval: bootstrap(&clusters, rng_seed),
        p: sign_flip(&clusters.iter().map(|cluster| cluster.sum).collect::<Vec<_>>(), rng_seed),
        standard_error: standard_error(&clusters),
        error: unbounded_error(&clusters),
        clusters: clusters.len() as u32,
    })
}
