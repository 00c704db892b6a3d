//! What was found inside of the cells that were looked at: divergences by arm, their trend, distances of weights, and two claims.

mod claims;

#[cfg(test)]
mod tests;

use crate::{
    results::arm_number,
    seeds,
    statistics::{self, Cluster, KernelDensity, Trend},
};
use rankscope_domain::{
    Arm, CellId, Recipe,
    class_results::Measure,
    inspection::{
        ArmDivergence, ArmWeights, Density, DivergenceSummary, Divergences, ExampleDivergence, InspectionResults, KlTrend, MatrixDistance,
    },
    recipe::StudyKind,
    results::Claim,
};
use std::collections::{BTreeMap, HashMap};

/// Points of a density's grid, and how many bandwidths it reaches beyond the sample.
const GRID_POINTS: usize = 128;
const GRID_MARGIN: f64 = 3.0;

/// A trained cell that was looked into; what was left out is empty.
pub(crate) struct InspectedCell {
    pub(crate) cell: CellId,
    pub(crate) divergences: Vec<ExampleDivergence>,
    pub(crate) weights: Vec<MatrixDistance>,
}

/// What the study's examples were clustered by: their templates, or themselves.
struct Clusters<'a> {
    numbers: HashMap<&'a str, usize>,
    /// By example.
    by_example: BTreeMap<u32, usize>,
    count: usize,
}

/// None for a recipe without inspection.
pub(crate) fn compute(recipe: &Recipe, mut cells: Vec<InspectedCell>) -> Option<(InspectionResults, Vec<Claim>)> {
    recipe.inspection.as_ref()?;
    cells.sort_by_key(|found| found.cell);
    let seed = cells.first().map(|found| found.cell.seed).or(recipe.seeds.first().copied())?;
    let fraction = cells.first().and_then(|found| found.cell.minority);
    let clusters = Clusters::of(&cells);
    let measured: Vec<&InspectedCell> = cells.iter().filter(|found| !found.divergences.is_empty()).collect();
    let divergences: Vec<ArmDivergence> = measured.iter().map(|found| arm_divergence(found, &clusters)).collect();
    let trend = trend(&measured, &clusters);
    let claims = claims::compute(recipe, &measured, &divergences, trend.as_ref(), &clusters);
    let kl_trend = trend.and_then(|trend| {
        let (low, high) = trend.interval?;
        Some(KlTrend { slope: trend.slope, low, high, p: trend.p, clusters: trend.clusters })
    });
    let weights = cells
        .iter()
        .filter(|found| !found.weights.is_empty())
        .map(|found| ArmWeights { arm: found.cell.arm, matrices: found.weights.clone() })
        .collect();
    Some((InspectionResults { seed, fraction, divergences, kl_trend, weights }, claims))
}

impl<'a> Clusters<'a> {
    fn of(cells: &'a [InspectedCell]) -> Self {
        let mut clusters = Self { numbers: HashMap::new(), by_example: BTreeMap::new(), count: 0 };
        for line in cells.iter().flat_map(|found| &found.divergences) {
            let Self { numbers, by_example, count } = &mut clusters;
            by_example.entry(line.id).or_insert_with(|| {
                let mut next = || {
                    *count += 1;
                    *count - 1
                };
                match &line.template {
                    Some(template) => *numbers.entry(template).or_insert_with(next),
                    None => next(),
                }
            });
        }
        clusters
    }

    /// Values summed by cluster, empty ones left out.
    fn sums(&self, values: impl Iterator<Item = (u32, f64)>) -> Vec<Cluster> {
        let mut sums = vec![Cluster::default(); self.count];
        for (id, value) in values {
            let cluster = &mut sums[self.by_example[&id]];
            cluster.sum += value;
            cluster.count += 1.0;
        }
        sums.retain(|cluster| cluster.count > 0.0);
        sums
    }
}

fn arm_divergence(found: &InspectedCell, clusters: &Clusters<'_>) -> ArmDivergence {
    let arm = found.cell.arm;
    let ends: Vec<(u32, Divergences)> = found.divergences.iter().map(|line| (line.id, line.prompt_end)).collect();
    let continuations: Vec<(u32, Divergences)> = found.divergences.iter().filter_map(|line| Some((line.id, line.continuation?))).collect();
    ArmDivergence {
        arm,
        prompt_end: summary(&ends, clusters, arm, 0),
        continuation: (!continuations.is_empty()).then(|| summary(&continuations, clusters, arm, 1)),
    }
}

fn summary(values: &[(u32, Divergences)], clusters: &Clusters<'_>, arm: Arm, place: u64) -> DivergenceSummary {
    let measure = |number: fn(&Divergences) -> f64, name: u64| {
        let sums = clusters.sums(values.iter().map(|(id, found)| (*id, number(found))));
        let interval = statistics::bootstrap(&sums, seeds::derive("divergence", &[arm_number(arm), place, name]));
        Measure {
            value: Some(statistics::ratio(&sums)),
            low: interval.map(|(low, _)| low),
            high: interval.map(|(_, high)| high),
            n: values.len() as u32,
        }
    };
    DivergenceSummary {
        kl: measure(|found| found.kl, 0),
        reverse_kl: measure(|found| found.reverse_kl, 1),
        jensen_shannon: measure(|found| found.jensen_shannon, 2),
        density: density(&values.iter().map(|(_, found)| found.kl).collect::<Vec<_>>()),
    }
}

/// From three bandwidths below the smallest to three above the largest, but not below 0, where no divergence is: reflected there.
fn density(values: &[f64]) -> Option<Density> {
    let estimate = KernelDensity::new(values)?;
    let margin = GRID_MARGIN * estimate.bandwidth;
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (from, to) = ((smallest - margin).max(0.0), largest + margin);
    let point = |index: usize| from + (to - from) * index as f64 / (GRID_POINTS - 1) as f64;
    Some(Density {
        bandwidth: estimate.bandwidth,
        from,
        to,
        values: (0..GRID_POINTS).map(|index| estimate.reflected(point(index))).collect(),
    })
}

/// KL at the end of the prompt by example.
fn by_example(found: &InspectedCell) -> BTreeMap<u32, f64> {
    found.divergences.iter().map(|line| (line.id, line.prompt_end.kl)).collect()
}

/// Over log2 of the rank, of the examples that every rank has.
fn trend(measured: &[&InspectedCell], clusters: &Clusters<'_>) -> Option<Trend> {
    let ranks: Vec<(u32, BTreeMap<u32, f64>)> =
        measured.iter().filter_map(|found| Some((found.cell.arm.rank()?, by_example(found)))).collect();
    let weights = statistics::doubling_weights(&ranks.iter().map(|(rank, _)| *rank).collect::<Vec<_>>())?;
    let slopes = ranks.first()?.1.keys().filter_map(|id| {
        let values: Vec<f64> = ranks.iter().map(|(_, values)| values.get(id).copied()).collect::<Option<_>>()?;
        Some((clusters.by_example[id], statistics::slope_per_doubling(&weights, values)))
    });
    statistics::trend(slopes, clusters.count, seeds::derive("divergence trend", &[]))
}

/// What a cluster is, in words.
fn clusters_text(recipe: &Recipe, count: u32) -> String {
    match recipe.kind {
        StudyKind::Toxicity => format!("{count} templates"),
        StudyKind::Classification => format!("{count} test examples"),
    }
}
