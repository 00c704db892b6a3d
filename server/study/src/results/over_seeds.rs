//! What several trainings say of a difference or a slope, and what one training leaves open.

use super::claims::{LEVEL, decide};
use crate::statistics::{Cluster, bootstrap, ratio, two_way_bootstrap};
use rankscope_domain::results::Finding;
use std::collections::BTreeMap;

/// Values of the trainings of each seed, summed by cluster (template or test example).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BySeed {
    cluster_count: usize,
    seeds: BTreeMap<u64, Vec<Cluster>>,
}

impl BySeed {
    /// Clusters are numbers below `cluster_count`.
    pub(crate) fn new(cluster_count: usize) -> Self {
        Self { cluster_count, seeds: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, seed: u64, cluster: usize, value: f64) {
        let clusters = self.seeds.entry(seed).or_insert_with(|| vec![Cluster::default(); self.cluster_count]);
        clusters[cluster].sum += value;
        clusters[cluster].count += 1.0;
    }

    /// Seeds together; clusters without a value are left out.
    pub(crate) fn clusters(&self) -> Vec<Cluster> {
        let mut clusters = vec![Cluster::default(); self.cluster_count];
        for seed in self.seeds.values() {
            for (cluster, part) in clusters.iter_mut().zip(seed) {
                cluster.sum += part.sum;
                cluster.count += part.count;
            }
        }
        clusters.retain(|cluster| cluster.count > 0.0);
        clusters
    }

    /// Of each seed, ascending.
    pub(crate) fn means(&self) -> Vec<f64> {
        self.seeds.values().map(|clusters| ratio(clusters)).collect()
    }

    /// 95 % percentile interval of the mean, clusters drawn with replacement, and seeds too where there are several (`two_way_bootstrap`):
    /// what other clusters and other trainings would give. Of one seed it says nothing of other seeds.
    pub(crate) fn interval(&self, drawing: u64) -> Option<(f64, f64)> {
        if self.seeds.len() < 2 {
            return bootstrap(&self.clusters(), drawing);
        }
        let tables: Vec<&Vec<Cluster>> = self.seeds.values().collect();
        // those that no seed has would be drawn for nothing
        let used: Vec<usize> =
            (0..self.cluster_count).filter(|&cluster| tables.iter().any(|table| table[cluster].count > 0.0)).collect();
        two_way_bootstrap(used.len(), tables.len(), drawing, |cluster_weights, seed_weights| {
            let mut total = Cluster::default();
            for (table, &times) in tables.iter().zip(seed_weights).filter(|(_, times)| **times > 0) {
                for (&cluster, &weight) in used.iter().zip(cluster_weights) {
                    let weight = f64::from(weight) * f64::from(times);
                    total.sum += weight * table[cluster].sum;
                    total.count += weight * table[cluster].count;
                }
            }
            (total.count > 0.0).then(|| total.sum / total.count)
        })
    }
}

/// A verdict, and what it rests on beside the test over clusters.
pub(crate) struct Settled {
    pub(crate) finding: Finding,
    /// What the seeds say, where there are several.
    pub(crate) by_seeds: String,
    /// What one training leaves open; empty where there are several.
    pub(crate) caveat: &'static str,
}

/// The test of `p` is over clusters, for the trainings as they came out. Where there are several, the interval over clusters and seeds
/// must leave out 0 too: else the next training may say the opposite. Of one training nothing is known of the next, and that is said.
/// `over`: what the clusters are, in words.
pub(crate) fn settle(in_claimed_direction: f64, p: f64, (low, high): (f64, f64), seeds: usize, over: &str) -> Settled {
    let by_clusters = decide(in_claimed_direction, p);
    if seeds < 2 {
        return Settled { finding: by_clusters, by_seeds: String::new(), caveat: ONE_TRAINING };
    }
    let holds_zero = low <= 0.0 && high >= 0.0;
    let finding = if holds_zero { Finding::Inconclusive } else { by_clusters };
    let mut by_seeds = String::new();
    if finding == Finding::Inconclusive && p < LEVEL {
        by_seeds = format!(
            " The test is over {over}, for these trainings; the interval is over seeds too and holds 0, so other seeds may say otherwise."
        );
    }
    Settled { finding, by_seeds, caveat: "" }
}

/// What a test over clusters leaves open of a single training.
pub(crate) const ONE_TRAINING: &str = " One training of each arm: another seed may give another answer; use at least 3.";
