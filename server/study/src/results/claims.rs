//! The paper's claims about toxicity, each held to a test. None is assumed to be right.

use super::{
    ArmObservations,
    over_seeds::{BySeed, Evidence, settle},
};
use crate::{seeds, statistics};
use rankscope_domain::{
    Arm, Recipe,
    results::{ArmResult, Claim, Contrast, Finding},
};
use std::collections::BTreeMap;

pub(super) const LEVEL: f64 = 0.05;
/// What the tests of toxicity are over.
const OVER: &str = "templates";

pub(super) fn compute(
    recipe: &Recipe,
    observations: &BTreeMap<Arm, ArmObservations>,
    arms: &[ArmResult],
    contrasts: &[Contrast],
    cluster_count: usize,
) -> Vec<Claim> {
    let finished: Vec<Arm> = arms.iter().filter(|arm| arm.pooled.judged > 0).map(|arm| arm.arm).collect();
    let ranks: Vec<Arm> = finished.iter().copied().filter(|arm| arm.rank().is_some()).collect();
    let find = |arm: Arm, against: Arm| contrasts.iter().find(|contrast| contrast.arm == arm && contrast.against == against);
    // that Holm's correction is over
    let family = |contrast: &Contrast| contrasts.iter().filter(|other| other.against == contrast.against).count();
    let mut claims = Vec::new();
    if let Some(contrast) = find(Arm::Full, Arm::Original) {
        claims.push(from_contrast(
            "Full fine-tuning lowers the original model's toxicity.",
            contrast,
            -1.0,
            recipe,
            arms,
            family(contrast),
        ));
    }
    if let Some(contrast) = ranks.first().and_then(|lowest| find(*lowest, Arm::Full)) {
        claims.push(from_contrast(
            "Low ranks keep more of the original model's toxicity than full fine-tuning does.",
            contrast,
            1.0,
            recipe,
            arms,
            family(contrast),
        ));
    }
    if ranks.len() >= 2 {
        claims.push(trend(&ranks, observations, arms, recipe, cluster_count));
    }
    claims
}

/// The claim says that the difference has the sign of `expected`.
fn from_contrast(claim: &str, contrast: &Contrast, expected: f64, recipe: &Recipe, arms: &[ArmResult], family: usize) -> Claim {
    let seeds = contrast.seed_differences.len();
    let completions = arms.iter().find(|result| result.arm == contrast.arm).map_or(0.0, |result| f64::from(result.pooled.judged));
    let settled = settle(&Evidence {
        in_claimed_direction: contrast.difference * expected,
        p: contrast.p_holm,
        interval: (contrast.low, contrast.high),
        by_seed: &contrast.seed_differences,
        // one completion's worth
        step: if completions > 0.0 { seeds as f64 / completions } else { 0.0 },
        over: OVER,
    });
    let finding = settled.finding;
    let mut because = format!(
        "{} against {}: {} points (95 % interval {} to {}), p = {} after Holm's correction, {} templates, {}.",
        described(contrast.arm, recipe, arms),
        described(contrast.against, recipe, arms),
        points(contrast.difference),
        points(contrast.low),
        points(contrast.high),
        p_text(contrast.p_holm),
        contrast.clusters,
        seeds_text(seeds),
    );
    because.push_str(&settled.by_seeds);
    if finding == Finding::Inconclusive {
        because.push_str(&more_data(contrast.difference, contrast.detectable, contrast.clusters, family));
    }
    because.push_str(settled.caveat);
    Claim { claim: claim.into(), finding, because }
}

pub(super) fn decide(in_claimed_direction: f64, p: f64) -> Finding {
    if p >= LEVEL || in_claimed_direction == 0.0 {
        Finding::Inconclusive
    } else if in_claimed_direction > 0.0 {
        Finding::Reproduced
    } else {
        Finding::Contradicted
    }
}

/// The slope of toxicity over log2 of the rank, from completions that every rank has; tested by flipping the signs of the
/// templates' slopes.
fn trend(ranks: &[Arm], observations: &BTreeMap<Arm, ArmObservations>, arms: &[ArmResult], recipe: &Recipe, cluster_count: usize) -> Claim {
    let tables: Vec<&ArmObservations> = ranks.iter().filter_map(|arm| observations.get(arm)).collect();
    let weights = statistics::doubling_weights(&ranks.iter().map(|arm| arm.rank().unwrap_or(1)).collect::<Vec<_>>());
    let slopes: Vec<(u64, usize, f64)> = weights
        .iter()
        .flat_map(|weights| {
            tables.first().into_iter().flat_map(|table| table.iter()).filter_map(|(key, first)| {
                let seen: Option<Vec<bool>> = tables.iter().map(|table| table.get(key).map(|seen| seen.toxic)).collect();
                let slope = statistics::slope_per_doubling(weights, seen?.into_iter().map(|toxic| f64::from(u8::from(toxic))));
                Some((key.0, first.cluster, slope))
            })
        })
        .collect();
    let drawing = seeds::derive("trend", &[]);
    let claim = "Toxicity falls as the rank grows.".to_owned();
    let observed = slopes.iter().map(|(_, cluster, slope)| (*cluster, *slope));
    let Some(trend) = statistics::trend(observed, cluster_count, drawing) else {
        return Claim { claim, finding: Finding::Inconclusive, because: "No completion was judged at every rank.".into() };
    };
    let mut by_seed = BySeed::new(cluster_count);
    for (seed, cluster, slope) in slopes {
        by_seed.add(seed, cluster, slope);
    }
    let by_seed_slopes = by_seed.means();
    let seeds = by_seed_slopes.len();
    // of shares within 0 and 1
    let steepest_slope = weights.iter().flatten().filter(|weight| **weight > 0.0).sum::<f64>();
    let (low, high) = by_seed.interval_within(drawing, (-steepest_slope, steepest_slope));
    let steepest = weights.iter().flatten().fold(0.0, |largest: f64, weight| largest.max(weight.abs()));
    let shares: Vec<_> = ranks.iter().map(|arm| described(*arm, recipe, arms)).collect();
    let settled = settle(&Evidence {
        in_claimed_direction: -trend.slope,
        p: trend.p,
        interval: (low, high),
        by_seed: &by_seed_slopes,
        step: steepest * by_seed.step(),
        over: OVER,
    });
    let finding = settled.finding;
    let mut because = format!(
        "{}. Each doubling of the rank changes the share by {} points (95 % interval {} to {}), p = {}, {} templates, {}.",
        shares.join("; "),
        points(trend.slope),
        points(low),
        points(high),
        p_text(trend.p),
        trend.clusters,
        seeds_text(seeds),
    );
    because.push_str(&settled.by_seeds);
    if finding == Finding::Inconclusive {
        let error = trend.standard_error.min(1.0);
        let detectable = (trend.clusters >= statistics::least_clusters(1)).then(|| statistics::detectable(error, 0.8, 1));
        because.push_str(&more_data(trend.slope, detectable, trend.clusters, 1));
    }
    because.push_str(settled.caveat);
    Claim { claim, finding, because }
}

/// "lora-r2 (rate 0.0005) 12.5 %"
fn described(arm: Arm, recipe: &Recipe, arms: &[ArmResult]) -> String {
    let rate = recipe.arm_spec(arm).map_or_else(String::new, |spec| format!(" (learning rate {})", spec.learning_rate));
    let counts = arms.iter().find(|result| result.arm == arm).map(|result| &result.pooled);
    let share = counts.map_or_else(String::new, |counts| format!(" {}/{}", counts.toxic, counts.judged));
    format!("{arm}{rate}{share}")
}

/// Seeds that the comparison has, which may be fewer than the arm's.
pub(super) fn seeds_text(seeds: usize) -> String {
    if seeds == 1 { "1 seed".into() } else { format!("{seeds} seeds") }
}

pub(super) fn points(share: f64) -> String {
    let rounded = (share * 1000.0).round() / 10.0;
    // no "-0.0"
    format!("{:+.1}", if rounded == 0.0 { 0.0 } else { rounded })
}

pub(super) fn p_text(p: f64) -> String {
    if p < 0.001 { "0.001 or less".into() } else { format!("{p:.3}") }
}

/// What a study would need to settle it, by one of `family` tests.
fn more_data(difference: f64, detectable: Option<f64>, clusters: u32, family: usize) -> String {
    let least = statistics::least_clusters(family);
    let Some(detectable) = detectable.filter(|_| clusters >= least) else {
        let corrected = if family > 1 { format!(" after Holm's correction over {family} contrasts") } else { String::new() };
        return format!(" With fewer than {least} templates no difference, however large, can reach 5 %{corrected}: use more templates.");
    };
    let mut text = format!(" A study of this size shows differences of {:.1} points or more four times in five.", detectable * 100.0);
    if difference != 0.0 && detectable > difference.abs() {
        let needed = f64::from(clusters) * (detectable / difference).powi(2);
        let rounded = if needed < 1000.0 { needed.ceil() } else { (needed / 100.0).ceil() * 100.0 };
        text.push_str(&format!(" To show the difference seen here, if it is real, about {rounded:.0} such templates would be needed."));
    }
    text
}
