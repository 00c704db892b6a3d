//! What several trainings say of a difference or a slope, and what one training leaves open.

use super::claims::{LEVEL, decide, p_text};
use crate::statistics::{Cluster, bootstrap, of_equals, paired_t, ratio, two_way_bootstrap};
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

    /// What one value more or less of a size of 1 changes in a seed's mean.
    pub(crate) fn step(&self) -> f64 {
        let counts = self.seeds.values().map(|clusters| clusters.iter().map(|cluster| cluster.count).sum::<f64>());
        counts.reduce(f64::min).map_or(0.0, |least| 1.0 / least)
    }

    /// `interval`, and where nothing differs between the clusters what that many can show of a quantity within `bounds` (`of_equals`).
    pub(crate) fn interval_within(&self, drawing: u64, bounds: (f64, f64)) -> (f64, f64) {
        self.interval(drawing).unwrap_or_else(|| {
            let clusters = self.clusters();
            if clusters.is_empty() { bounds } else { of_equals(ratio(&clusters), clusters.len(), bounds) }
        })
    }

    /// 95 % percentile interval of the mean, clusters drawn with replacement, and seeds too where there are several (`two_way_bootstrap`):
    /// what other clusters and other trainings would give. Of one seed it says nothing of other seeds.
    fn interval(&self, drawing: u64) -> Option<(f64, f64)> {
        if self.seeds.len() < 2 {
            return bootstrap(&self.clusters(), drawing);
        }
        let tables: Vec<&Vec<Cluster>> = self.seeds.values().collect();
        // those that no seed has would be drawn for nothing
        let used: Vec<usize> = (0..self.cluster_count).filter(|&cluster| tables.iter().any(|table| table[cluster].count > 0.0)).collect();
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

/// What a verdict is made of.
pub(crate) struct Evidence<'a> {
    pub(crate) in_claimed_direction: f64,
    /// Of the test over clusters, for the trainings as they came out.
    pub(crate) p: f64,
    /// Over clusters, and over seeds where there are several.
    pub(crate) interval: (f64, f64),
    /// The difference or slope of each seed.
    pub(crate) by_seed: &'a [f64],
    /// What one observation changes in a seed's value: seeds that came out equal count as if they differed by it.
    pub(crate) step: f64,
    /// What the clusters are, in words.
    pub(crate) over: &'a str,
}

/// Where there are several trainings, two things are asked beside the test over clusters, or else the next training may say the opposite:
/// the interval over clusters and seeds must leave out 0, and a paired t test of the seeds' own values must be below 5 %. The interval alone
/// is too narrow over few seeds: in simulated studies whose arms differ by chance in training alone it left out 0 in 30 % with 2 seeds and
/// 12 % with 3; with the t test beside it 6 % and 3 % are decided. Of one training nothing is known of the next, and that is said.
pub(crate) fn settle(evidence: &Evidence<'_>) -> Settled {
    let Evidence { in_claimed_direction, p, interval: (low, high), by_seed, step, over } = *evidence;
    let by_clusters = decide(in_claimed_direction, p);
    let Some(seeds_p) = paired_t(by_seed, step) else {
        return Settled { finding: by_clusters, by_seeds: String::new(), caveat: ONE_TRAINING };
    };
    let holds_zero = low <= 0.0 && high >= 0.0;
    let finding = if holds_zero || seeds_p >= LEVEL { Finding::Inconclusive } else { by_clusters };
    let mut by_seeds = format!(" Over the {} seeds\u{2019} own values a paired t test gives p = {}.", by_seed.len(), p_text(seeds_p));
    if finding == Finding::Inconclusive && p < LEVEL {
        let because = if holds_zero {
            "the interval is over seeds too and holds 0"
        } else {
            "the seeds differ too much among themselves, or are too few"
        };
        by_seeds.push_str(&format!(" The test over {over} is of these trainings alone; {because}, so other seeds may say otherwise."));
    }
    Settled { finding, by_seeds, caveat: "" }
}

/// What a test over clusters leaves open of a single training.
pub(crate) const ONE_TRAINING: &str = " One training of each arm: another seed may give another answer; use at least 3.";
