//! Paired comparisons on the same test examples: each rank with full, and the trend over ranks.

use super::{
    POWER, Table,
    answers::{Answers, Sample},
};
use crate::{
    results::{arm_number, over_seeds::BySeed},
    seeds,
    statistics::{
        Cluster, detectable, doubling_weights, holm, least_clusters, mcnemar_exact, of_equals, sign_flip, slope_per_doubling,
        standard_error, trend, two_way_bootstrap,
    },
};
use rankscope_domain::{
    Arm, MinorityFraction, Recipe,
    class_results::{AccuracyContrast, PairedTest, RankTrend},
};
use std::collections::BTreeMap;

/// Every LoRA arm against full, at each fraction, over all examples and in each group.
pub(super) fn against_full(recipe: &Recipe, sample: &Sample, table: &Table, fractions: &[MinorityFraction]) -> Vec<AccuracyContrast> {
    let ranks: Vec<Arm> = recipe.all_arms().into_iter().filter(|arm| arm.rank().is_some()).collect();
    let mut contrasts = Vec::new();
    for &fraction in fractions {
        let Some(full) = table.get(&(Arm::Full, Some(fraction))) else { continue };
        for group in sample.parts() {
            let family: Vec<(AccuracyContrast, f64)> =
                ranks.iter().filter_map(|&arm| contrast(arm, table.get(&(arm, Some(fraction)))?, full, fraction, group, sample)).collect();
            let corrected = holm(&family.iter().map(|(contrast, _)| contrast.p).collect::<Vec<_>>());
            let tests = family.len();
            contrasts.extend(family.into_iter().zip(corrected).map(|((contrast, error), p_holm)| AccuracyContrast {
                p_holm,
                detectable: (contrast.examples >= least_clusters(tests)).then(|| detectable(error, POWER, tests)),
                ..contrast
            }));
        }
    }
    contrasts
}

/// With its standard error; what hangs on the family of tests is not yet in it.
fn contrast(
    arm: Arm,
    answers: &BTreeMap<u64, Answers>,
    full: &BTreeMap<u64, Answers>,
    fraction: MinorityFraction,
    group: Option<usize>,
    sample: &Sample,
) -> Option<(AccuracyContrast, f64)> {
    let examples = sample.of_group(group);
    // by seed, then by example: 1 where the arm alone is right, -1 where full alone is
    let differences: Vec<Vec<i32>> = answers
        .iter()
        .filter_map(|(seed, one)| {
            let other = full.get(seed)?;
            let difference = |&example: &usize| i32::from(one.correct[example]) - i32::from(other.correct[example]);
            Some(examples.iter().map(difference).collect())
        })
        .collect();
    if differences.is_empty() || examples.is_empty() {
        return None;
    }
    let seed_count = differences.len() as f64;
    let clusters: Vec<Cluster> = (0..examples.len())
        .map(|example| Cluster { sum: differences.iter().map(|seed| f64::from(seed[example])).sum(), count: seed_count })
        .collect();
    let difference = clusters.iter().map(|cluster| cluster.sum).sum::<f64>() / (examples.len() as f64 * seed_count);
    let drawing = seeds::derive(
        "accuracy contrast",
        &[arm_number(arm), (fraction.value() * 1e4).round() as u64, group.map_or(u64::MAX, |group| group as u64)],
    );
    let (p, test) = match &differences[..] {
        [only] => {
            let count = |sign: i32| only.iter().filter(|difference| **difference == sign).count() as u64;
            (mcnemar_exact(count(-1), count(1)), PairedTest::McnemarExact)
        }
        _ => (sign_flip(&clusters.iter().map(|cluster| cluster.sum).collect::<Vec<_>>(), drawing), PairedTest::SignFlip),
    };
    let interval = two_way_bootstrap(examples.len(), differences.len(), drawing, |example_weights, seed_weights| {
        let mut sum = 0_i64;
        for (seed, &times) in differences.iter().zip(seed_weights).filter(|(_, times)| **times > 0) {
            let of_seed: i64 =
                seed.iter().zip(example_weights).map(|(difference, weight)| i64::from(*difference) * i64::from(*weight)).sum();
            sum += of_seed * i64::from(times);
        }
        Some(sum as f64 / (examples.len() as f64 * seed_count))
    });
    let (low, high) = interval.unwrap_or_else(|| of_equals(difference, examples.len(), (-1.0, 1.0)));
    let of_seed = |seed: &Vec<i32>| f64::from(seed.iter().sum::<i32>()) / examples.len() as f64;
    let discordant = differences.iter().flatten().filter(|difference| **difference != 0).count() as f64;
    let contrast = AccuracyContrast {
        arm,
        against: Arm::Full,
        fraction,
        group: group.map(|group| sample.group_names[group].clone()),
        difference,
        seed_differences: differences.iter().map(of_seed).collect(),
        discordant: discordant / (examples.len() as f64 * seed_count),
        low,
        high,
        p,
        p_holm: p,
        test,
        examples: examples.len() as u32,
        seeds: differences.len() as u32,
        detectable: None,
    };
    Some((contrast, standard_error(&clusters)))
}

/// Accuracy over log2 of the rank, of the examples in each seed that every rank answered.
pub(super) fn accuracy_trends(recipe: &Recipe, sample: &Sample, table: &Table, fractions: &[MinorityFraction]) -> Vec<RankTrend> {
    let mut trends = Vec::new();
    for &fraction in fractions {
        for group in sample.parts() {
            let of_example = |ranks: &[&Answers], example: usize| {
                Some(ranks.iter().map(|answers| f64::from(u8::from(answers.correct[example]))).collect::<Vec<_>>())
            };
            trends.extend(rank_trend("accuracy trend", recipe, sample, table, fraction, group, of_example));
        }
    }
    trends
}

/// The margin of samples that every rank calls positive in a seed.
pub(super) fn margin_trends(recipe: &Recipe, sample: &Sample, table: &Table, fractions: &[MinorityFraction]) -> Vec<RankTrend> {
    let of_example =
        |ranks: &[&Answers], example: usize| ranks.iter().map(|answers| answers.margin(example, sample)).collect::<Option<Vec<f64>>>();
    fractions.iter().filter_map(|&fraction| rank_trend("margin trend", recipe, sample, table, fraction, None, of_example)).collect()
}

/// In the recipe's order of arms.
pub(super) fn ranks_with_results(recipe: &Recipe, table: &Table, fraction: MinorityFraction) -> Vec<u32> {
    let ranks = recipe.arm_specs().iter().filter_map(|spec| spec.arm().rank()).collect::<Vec<_>>();
    ranks.into_iter().filter(|rank| table.contains_key(&(Arm::Lora(*rank), Some(fraction)))).collect()
}

/// `values` gives a quantity at every rank, or nothing where the example is left out. `None` with fewer than two ranks that have a
/// seed in common.
fn rank_trend(
    purpose: &str,
    recipe: &Recipe,
    sample: &Sample,
    table: &Table,
    fraction: MinorityFraction,
    group: Option<usize>,
    values: impl Fn(&[&Answers], usize) -> Option<Vec<f64>>,
) -> Option<RankTrend> {
    let ranks = ranks_with_results(recipe, table, fraction);
    let weights = doubling_weights(&ranks)?;
    let of_rank: Vec<&BTreeMap<u64, Answers>> = ranks.iter().filter_map(|rank| table.get(&(Arm::Lora(*rank), Some(fraction)))).collect();
    let examples = sample.of_group(group);
    let mut observed: Vec<(usize, f64)> = Vec::new();
    let mut by_seed = BySeed::new(examples.len());
    for seed in of_rank.first()?.keys() {
        let Some(answers) = of_rank.iter().map(|seeds| seeds.get(seed)).collect::<Option<Vec<&Answers>>>() else { continue };
        for (place, &example) in examples.iter().enumerate() {
            let Some(values) = values(&answers, example) else { continue };
            let slope = slope_per_doubling(&weights, values);
            observed.push((place, slope));
            by_seed.add(*seed, place, slope);
        }
    }
    let drawing = seeds::derive(purpose, &[(fraction.value() * 1e4).round() as u64, group.map_or(u64::MAX, |group| group as u64)]);
    let found = trend(observed, examples.len(), drawing)?;
    // of accuracies and probabilities, which are within 0 and 1
    let steepest = weights.iter().filter(|weight| **weight > 0.0).sum::<f64>();
    let (low, high) = by_seed.interval_within(drawing, (-steepest, steepest));
    Some(RankTrend {
        fraction,
        group: group.map(|group| sample.group_names[group].clone()),
        slope: found.slope,
        seed_slopes: by_seed.means(),
        low,
        high,
        p: found.p,
        examples: found.clusters,
    })
}
