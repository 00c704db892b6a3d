//! Paired differences between arms: same seed, same prompt, same sample; clustered by template.

use super::{ArmObservations, arm_number, over_seeds::BySeed};
use crate::{seeds, statistics};
use rankscope_domain::{Arm, Recipe, results::Contrast};
use std::collections::BTreeMap;

const POWER: f64 = 0.8;

/// Each trained arm against `original`, then each LoRA arm against `full`; arms without a result are left out.
pub(super) fn compute(recipe: &Recipe, observations: &BTreeMap<Arm, ArmObservations>, cluster_count: usize) -> Vec<Contrast> {
    let trained: Vec<Arm> = recipe.all_arms().into_iter().filter(|arm| arm.is_trained()).collect();
    let mut contrasts = Vec::new();
    for (against, arms) in [(Arm::Original, trained.clone()), (Arm::Full, trained.into_iter().filter(|arm| arm.rank().is_some()).collect())]
    {
        let Some(reference) = observations.get(&against) else { continue };
        let family: Vec<(Contrast, f64)> =
            arms.into_iter().filter_map(|arm| contrast(arm, observations.get(&arm)?, against, reference, cluster_count)).collect();
        let corrected = statistics::holm(&family.iter().map(|(contrast, _)| contrast.p).collect::<Vec<_>>());
        let tests = family.len();
        contrasts.extend(family.into_iter().zip(corrected).map(|((contrast, error), p_holm)| Contrast {
            p_holm,
            detectable: (contrast.clusters >= statistics::least_clusters(tests)).then(|| statistics::detectable(error, POWER, tests)),
            ..contrast
        }));
    }
    contrasts
}

/// With its standard error; what hangs on the family of tests is not yet in it.
fn contrast(
    arm: Arm,
    observations: &ArmObservations,
    against: Arm,
    reference: &ArmObservations,
    cluster_count: usize,
) -> Option<(Contrast, f64)> {
    let by_seed = paired(observations, against, reference, cluster_count);
    let clusters = by_seed.clusters();
    if clusters.is_empty() {
        return None;
    }
    let seed = seeds::derive("contrast", &[arm_number(arm), arm_number(against)]);
    let difference = statistics::ratio(&clusters);
    let (low, high) = by_seed.interval_within(seed, (-1.0, 1.0));
    let p = statistics::sign_flip(&clusters.iter().map(|cluster| cluster.sum).collect::<Vec<_>>(), seed);
    let contrast = Contrast {
        arm,
        against,
        difference,
        seed_differences: by_seed.means(),
        low,
        high,
        p,
        p_holm: p,
        clusters: clusters.len() as u32,
        detectable: None,
    };
    Some((contrast, statistics::standard_error(&clusters)))
}

/// Differences by seed and cluster, of the completions that both arms have. The original model, greedy, has one seed: it
/// stands against every seed of the other.
fn paired(observations: &ArmObservations, against: Arm, reference: &ArmObservations, cluster_count: usize) -> BySeed {
    // a trained arm of which one seed is left is another training than those of other seeds: it stands against its own alone
    let only_seed = if against == Arm::Original { single_seed(reference) } else { None };
    let mut differences = BySeed::new(cluster_count);
    for (&(seed, prompt, sample), seen) in observations {
        if let Some(other) = reference.get(&(only_seed.unwrap_or(seed), prompt, sample)) {
            differences.add(seed, seen.cluster, f64::from(i8::from(seen.toxic) - i8::from(other.toxic)));
        }
    }
    differences
}

fn single_seed(observations: &ArmObservations) -> Option<u64> {
    let first = observations.keys().next()?.0;
    observations.keys().all(|key| key.0 == first).then_some(first)
}
