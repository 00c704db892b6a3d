//! The paper's claims about the divergence from the original, each held to a test. None is assumed to be right.

use super::{Clusters, InspectedCell, by_example, clusters_text};
use crate::{
    results::{
        arm_number,
        claims::{decide, p_text},
    },
    seeds,
    statistics::{Cluster, Trend, bootstrap, detectable, holm, least_clusters, ratio, sign_flip, unbounded_error},
};
use rankscope_domain::{
    Arm, Recipe,
    inspection::ArmDivergence,
    results::{Claim, Finding},
};

const POWER: f64 = 0.8;

/// Both where they can be tested: two ranks for the first, full and a rank for the second.
pub(super) fn compute(
    recipe: &Recipe,
    measured: &[&InspectedCell],
    divergences: &[ArmDivergence],
    trend: Option<&Trend>,
    clusters: &Clusters<'_>,
) -> Vec<Claim> {
    let mut claims = Vec::new();
    claims.extend(trend.map(|trend| grows(recipe, divergences, trend)));
    claims.extend(largest_for_full(recipe, measured, divergences, clusters));
    claims
}

fn grows(recipe: &Recipe, divergences: &[ArmDivergence], trend: &Trend) -> Claim {
    let finding = decide(trend.slope, trend.p);
    let ranks: Vec<String> =
        divergences.iter().filter(|found| found.arm.rank().is_some()).map(|found| described(found.arm, recipe, divergences)).collect();
    let mut because = format!(
        "KL(original || arm) of the next token at the end of the prompt, nats: {}. Each doubling of the rank changes it by {}{}, p = {} \
         (sign-flip test over {}).",
        ranks.join("; "),
        nats(trend.slope),
        interval_text(trend.interval),
        p_text(trend.p),
        clusters_text(recipe, trend.clusters),
    );
    because.push_str(&remarks(finding, trend.slope, trend.error, trend.clusters, 1));
    Claim { claim: "The divergence from the original grows with the rank.".into(), finding, because }
}

/// Full against each rank, paired by example; the verdict rests on the rank that diverges most.
fn largest_for_full(recipe: &Recipe, measured: &[&InspectedCell], divergences: &[ArmDivergence], clusters: &Clusters<'_>) -> Option<Claim> {
    let full = by_example(measured.iter().find(|found| found.cell.arm == Arm::Full)?);
    let mut compared: Vec<(Arm, Vec<Cluster>, f64)> = Vec::new();
    for found in measured.iter().filter(|found| found.cell.arm.rank().is_some()) {
        let differences = by_example(found).into_iter().filter_map(|(id, kl)| Some((id, full.get(&id)? - kl)));
        let sums = clusters.sums(differences);
        if !sums.is_empty() {
            let p = sign_flip(&sums.iter().map(|cluster| cluster.sum).collect::<Vec<_>>(), drawing(found.cell.arm));
            compared.push((found.cell.arm, sums, p));
        }
    }
    let corrected = holm(&compared.iter().map(|(_, _, p)| *p).collect::<Vec<_>>());
    let least = |(_, (_, one, _)): &(usize, &(Arm, Vec<Cluster>, f64)), (_, (_, other, _)): &(usize, &(Arm, Vec<Cluster>, f64))| {
        ratio(one).total_cmp(&ratio(other))
    };
    let (place, (rival, sums, _)) = compared.iter().enumerate().min_by(least)?;
    let (difference, p) = (ratio(sums), corrected[place]);
    let finding = decide(difference, p);
    let mut because = format!(
        "At the end of the prompt, nats: {} against {}, the rank that diverges most: {}{}, p = {} after Holm's correction over the ranks \
         (sign-flip test over {}).",
        described(Arm::Full, recipe, divergences),
        described(*rival, recipe, divergences),
        nats(difference),
        interval_text(bootstrap(sums, drawing(*rival))),
        p_text(p),
        clusters_text(recipe, sums.len() as u32),
    );
    because.push_str(&remarks(finding, difference, unbounded_error(sums), sums.len() as u32, compared.len()));
    Some(Claim { claim: "The divergence from the original is largest for full fine-tuning.".into(), finding, because })
}

fn drawing(arm: Arm) -> u64 {
    seeds::derive("divergence of full", &[arm_number(arm)])
}

/// "lora-r2 (learning rate 0.0005) 0.124"
fn described(arm: Arm, recipe: &Recipe, divergences: &[ArmDivergence]) -> String {
    let rate = recipe.arm_spec(arm).map_or_else(String::new, |spec| format!(" (learning rate {})", spec.learning_rate));
    let measured = divergences.iter().find(|found| found.arm == arm).and_then(|found| found.prompt_end.kl.value);
    format!("{arm}{rate}{}", measured.map_or_else(String::new, |kl| format!(" {}", three_digits(kl))))
}

fn three_digits(value: f64) -> String {
    if value == 0.0 || value.abs() >= 0.001 { format!("{value:.3}") } else { format!("{value:.1e}") }
}

fn nats(value: f64) -> String {
    if value < 0.0 { three_digits(value) } else { format!("+{}", three_digits(value)) }
}

fn interval_text(interval: Option<(f64, f64)>) -> String {
    interval.map_or_else(String::new, |(low, high)| format!(" (95 % interval {} to {})", nats(low), nats(high)))
}

/// What the test leaves open, and what a study would need to settle it by one of `family` tests.
fn remarks(finding: Finding, difference: f64, error: f64, clusters: u32, family: usize) -> String {
    let mut text = String::new();
    if finding == Finding::Inconclusive {
        if clusters < least_clusters(family) {
            text.push_str(" So few can't settle it, however large the difference: compare more.");
        } else {
            let detectable = detectable(error, POWER, family);
            text.push_str(&format!(" A study of this size shows differences of {} or more four times in five.", three_digits(detectable)));
            if difference != 0.0 && detectable > difference.abs() {
                let needed = (f64::from(clusters) * (detectable / difference).powi(2)).min(1e9).ceil();
                text.push_str(&format!(" To show the difference seen here, if it is real, about {needed:.0} would be needed."));
            }
        }
    }
    // one cell of each arm is looked into
    text.push_str(" One training of each arm: another seed may give another answer.");
    text
}
