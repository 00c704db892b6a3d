//! The paper's claims about unequal accuracy, each held to a test. None is assumed to be right.

use super::{
    ClassFindings, POWER, Table,
    answers::{Answers, Sample},
    contrasts::ranks_with_results,
};
use crate::{
    results::{
        claims::{p_text, points, seeds_text},
        over_seeds::{self, BySeed, Settled, settle},
    },
    seeds,
    statistics::{detectable, doubling_weights, examples_needed, least_clusters, ratio, seeds_needed, sign_flip, standard_error},
};
use rankscope_domain::{
    Arm, MinorityFraction, Recipe,
    class_results::{AccuracyContrast, Measure, RankTrend, ReadingResults},
    results::{Claim, Finding},
};

/// What the tests of accuracy are over.
const OVER: &str = "examples";

/// What the claims are read off.
struct Evidence<'a> {
    findings: &'a ClassFindings<'a>,
    results: &'a ReadingResults,
    minority: &'a str,
    largest: MinorityFraction,
    smallest: MinorityFraction,
    /// LoRA arms with a result at the smallest fraction, ascending.
    ranks: Vec<Arm>,
}

pub(super) fn compute(findings: &ClassFindings, sample: &Sample, table: &Table, results: &ReadingResults) -> Vec<Claim> {
    let (Some(largest), Some(smallest)) = (findings.fractions.first(), findings.fractions.last()) else { return Vec::new() };
    let ranks = findings.recipe.all_arms().into_iter().filter(|arm| arm.rank().is_some());
    let evidence = Evidence {
        findings,
        results,
        minority: &findings.record.minority,
        largest: largest.fraction,
        smallest: smallest.fraction,
        ranks: ranks.filter(|arm| table.contains_key(&(*arm, Some(smallest.fraction)))).collect(),
    };
    let mut claims = Vec::new();
    claims.extend(evidence.low_ranks_lose());
    claims.extend(evidence.accuracy_grows());
    claims.extend(evidence.fewer_examples_widen_the_gap(sample, table));
    claims.extend(evidence.margins_grow(sample, table));
    claims
}

impl Evidence<'_> {
    /// The paper's harmful bias gap, with its sign: lowest rank against full on the minority.
    fn low_ranks_lose(&self) -> Option<Claim> {
        let lowest = *self.ranks.first()?;
        let is_it = |contrast: &&AccuracyContrast| {
            contrast.arm == lowest && contrast.fraction == self.smallest && contrast.group.as_deref() == Some(self.minority)
        };
        let contrast = self.results.contrasts.iter().find(is_it)?;
        let seeds = contrast.seed_differences.len();
        let settled = settle(&over_seeds::Evidence {
            in_claimed_direction: -contrast.difference,
            p: contrast.p_holm,
            interval: (contrast.low, contrast.high),
            by_seed: &contrast.seed_differences,
            step: 1.0 / f64::from(contrast.examples),
            over: OVER,
        });
        let finding = settled.finding;
        let mut because = format!(
            "On the minority ({}) at fraction {}: {} against {}, {} points (95 % interval {} to {}), p = {} after Holm's correction ({}), {} test examples, {}.",
            self.minority,
            self.smallest,
            self.described(lowest, self.smallest),
            self.described(Arm::Full, self.smallest),
            points(contrast.difference),
            points(contrast.low),
            points(contrast.high),
            p_text(contrast.p_holm),
            contrast.test.label(),
            contrast.examples,
            seeds_text(seeds),
        );
        because.push_str(&settled.by_seeds);
        if finding == Finding::Inconclusive {
            let is_of_family = |other: &&AccuracyContrast| other.fraction == contrast.fraction && other.group == contrast.group;
            because.push_str(&of_contrast(contrast, self.results.contrasts.iter().filter(is_of_family).count()));
        }
        because.push_str(settled.caveat);
        Some(Claim { claim: "Low ranks are less accurate on the minority than full fine-tuning is.".into(), finding, because })
    }

    fn accuracy_grows(&self) -> Option<Claim> {
        let is_it = |trend: &&RankTrend| trend.fraction == self.smallest && trend.group.as_deref() == Some(self.minority);
        let trend = self.results.trends.iter().find(is_it)?;
        let settled = settle_trend(trend, self.steepest() / f64::from(trend.examples));
        let arms: Vec<String> = self.ranks.iter().map(|arm| self.described(*arm, self.smallest)).collect();
        let because = format!(
            "On the minority ({}) at fraction {}: {}. Each doubling of the rank changes accuracy by {} points (95 % interval {} to {}), p = {} \
             (sign-flip test over {} test examples).{}{}",
            self.minority,
            self.smallest,
            arms.join("; "),
            points(trend.slope),
            points(trend.low),
            points(trend.high),
            p_text(trend.p),
            trend.examples,
            settled.by_seeds,
            settled.caveat,
        );
        Some(Claim { claim: "Accuracy on the minority grows with the rank.".into(), finding: settled.finding, because })
    }

    /// (lowest rank - full) at the smallest fraction less the same at the largest, on the minority's examples.
    fn fewer_examples_widen_the_gap(&self, sample: &Sample, table: &Table) -> Option<Claim> {
        let lowest = *self.ranks.first()?;
        if self.smallest == self.largest {
            return None;
        }
        let of = |arm: Arm, fraction: MinorityFraction| table.get(&(arm, Some(fraction)));
        let sets = [of(lowest, self.smallest)?, of(Arm::Full, self.smallest)?, of(lowest, self.largest)?, of(Arm::Full, self.largest)?];
        let members = sample.members.get(1)?;
        let mut by_seed = BySeed::new(members.len());
        for seed in sets[0].keys() {
            let Some(answers) = sets.iter().map(|set| set.get(seed)).collect::<Option<Vec<&Answers>>>() else { continue };
            for (place, &example) in members.iter().enumerate() {
                let right = |place: usize| f64::from(u8::from(answers[place].correct[example]));
                by_seed.add(*seed, place, (right(0) - right(1)) - (right(2) - right(3)));
            }
        }
        let clusters = by_seed.clusters();
        if clusters.is_empty() {
            return None;
        }
        let by_seed_changes = by_seed.means();
        let seeds = by_seed_changes.len();
        let drawing = seeds::derive("gap by fraction", &[]);
        let change = ratio(&clusters);
        let (low, high) = by_seed.interval_within(drawing, (-2.0, 2.0));
        let p = sign_flip(&clusters.iter().map(|cluster| cluster.sum).collect::<Vec<_>>(), drawing);
        let settled = settle(&over_seeds::Evidence {
            in_claimed_direction: -change,
            p,
            interval: (low, high),
            by_seed: &by_seed_changes,
            step: by_seed.step(),
            over: OVER,
        });
        let finding = settled.finding;
        let mut because = format!(
            "From fraction {} to {}, the difference of {lowest} from full on the minority ({}) changes by {} points (95 % interval {} to {}), p = {} \
             (sign-flip test over {} test examples), {}.",
            self.largest,
            self.smallest,
            self.minority,
            points(change),
            points(low),
            points(high),
            p_text(p),
            clusters.len(),
            seeds_text(seeds),
        );
        because.push_str(&settled.by_seeds);
        if finding == Finding::Inconclusive {
            because.push_str(&more_data(change, detectable(standard_error(&clusters), POWER, 1), clusters.len() as u32));
        }
        because.push_str(settled.caveat);
        Some(Claim {
            claim: "The fewer examples the minority has, the further low ranks fall behind full fine-tuning on it.".into(),
            finding,
            because,
        })
    }

    fn margins_grow(&self, sample: &Sample, table: &Table) -> Option<Claim> {
        let trend = self.results.margin_trends.iter().find(|trend| trend.fraction == self.largest)?;
        // probabilities have no least step
        let settled = settle_trend(trend, 0.0);
        // over the samples that the trend is of: the mean over all that one rank calls positive is of other samples, and can go the other way
        let means = margins_in_common(sample, table, self.findings.recipe, self.largest);
        let arms: Vec<String> = means.iter().map(|(arm, mean)| format!("{arm} {mean:.3}")).collect();
        let because = format!(
            "Mean soft probability of the decision, of the samples that every rank calls positive in a seed, at fraction {}: {}. Each doubling of the rank \
             changes it by {:+.3} (95 % interval {:+.3} to {:+.3}), p = {} (sign-flip test over these {} test examples).{}{}",
            self.largest,
            arms.join("; "),
            trend.slope,
            trend.low,
            trend.high,
            p_text(trend.p),
            trend.examples,
            settled.by_seeds,
            settled.caveat,
        );
        Some(Claim { claim: "Decision margins grow with the rank.".into(), finding: settled.finding, because })
    }

    /// The largest part that one rank has in a slope.
    fn steepest(&self) -> f64 {
        let ranks: Vec<u32> = self.ranks.iter().filter_map(|arm| arm.rank()).collect();
        doubling_weights(&ranks).iter().flatten().fold(0.0, |largest: f64, weight| largest.max(weight.abs()))
    }

    /// "lora-r2 (learning rate 0.0005) 61.3 %", of the minority.
    fn described(&self, arm: Arm, fraction: MinorityFraction) -> String {
        let rate = self.findings.recipe.arm_spec(arm).map_or_else(String::new, |spec| format!(" (learning rate {})", spec.learning_rate));
        let measured: Option<Measure> =
            self.results.arm(arm, Some(fraction)).and_then(|result| result.group(self.minority)).map(|group| group.accuracy);
        let accuracy = measured.and_then(|measure| measure.value).map_or_else(String::new, |value| format!(" {:.1} %", value * 100.0));
        format!("{arm}{rate}{accuracy}")
    }
}

/// Mean margin of each rank, ascending, over the samples that every rank calls positive in a seed: those of the trend.
fn margins_in_common(sample: &Sample, table: &Table, recipe: &Recipe, fraction: MinorityFraction) -> Vec<(Arm, f64)> {
    let arms: Vec<Arm> = ranks_with_results(recipe, table, fraction).into_iter().map(Arm::Lora).collect();
    let of_rank: Vec<_> = arms.iter().filter_map(|arm| table.get(&(*arm, Some(fraction)))).collect();
    let (mut sums, mut count) = (vec![0.0; arms.len()], 0.0);
    for seed in of_rank.first().into_iter().flat_map(|seeds| seeds.keys()) {
        let Some(answers) = of_rank.iter().map(|seeds| seeds.get(seed)).collect::<Option<Vec<&Answers>>>() else { continue };
        for example in 0..sample.len() {
            let Some(margins) = answers.iter().map(|answers| answers.margin(example, sample)).collect::<Option<Vec<f64>>>() else {
                continue;
            };
            sums.iter_mut().zip(margins).for_each(|(sum, margin)| *sum += margin);
            count += 1.0;
        }
    }
    if count > 0.0 { arms.into_iter().zip(sums).map(|(arm, sum)| (arm, sum / count)).collect() } else { Vec::new() }
}

/// `step`: what one example changes in a seed's slope.
fn settle_trend(trend: &RankTrend, step: f64) -> Settled {
    settle(&over_seeds::Evidence {
        in_claimed_direction: trend.slope,
        p: trend.p,
        interval: (trend.low, trend.high),
        by_seed: &trend.seed_slopes,
        step,
        over: OVER,
    })
}

/// What would be needed to show the contrast's difference, by one of `family` tests.
fn of_contrast(contrast: &AccuracyContrast, family: usize) -> String {
    let Some(detectable) = contrast.detectable else {
        let least = least_clusters(family);
        return format!(
            " With fewer than {least} test examples no difference, however large, can reach 5 % after Holm's correction over {family} ranks."
        );
    };
    let mut text = shown_by_this_size(detectable);
    let is_too_small = contrast.difference != 0.0 && detectable > contrast.difference.abs();
    if contrast.seeds == 1 {
        let needed = examples_needed(contrast.discordant, contrast.difference, POWER, family).filter(|_| is_too_small);
        if let Some(needed) = needed {
            text.push_str(&format!(
                " To show the difference seen here, if it is real, about {needed} such test examples would be needed (McNemar's test, arms that differ on {:.0} % of them).",
                contrast.discordant * 100.0
            ));
        }
        return text;
    }
    let mean = contrast.difference;
    let squares: f64 = contrast.seed_differences.iter().map(|difference| (difference - mean).powi(2)).sum();
    let deviation = (squares / f64::from(contrast.seeds - 1)).sqrt();
    if let Some(needed) = seeds_needed(deviation, mean, POWER).filter(|needed| *needed > contrast.seeds) {
        text.push_str(&format!(
            " By how the {} seeds differ among themselves, about {needed} seeds would be needed to show it, roughly.",
            contrast.seeds
        ));
    } else if is_too_small {
        text.push_str(&examples_by_scale(mean, detectable, contrast.examples));
    }
    text
}

fn shown_by_this_size(detectable: f64) -> String {
    format!(" A study of this size shows differences of {:.1} points or more four times in five.", detectable * 100.0)
}

fn examples_by_scale(difference: f64, detectable: f64, examples: u32) -> String {
    let needed = f64::from(examples) * (detectable / difference).powi(2);
    let rounded = if needed < 1000.0 { needed.ceil() } else { (needed / 100.0).ceil() * 100.0 };
    format!(" To show the difference seen here, if it is real, about {rounded:.0} such test examples would be needed.")
}

fn more_data(difference: f64, detectable: f64, examples: u32) -> String {
    let mut text = shown_by_this_size(detectable);
    if difference != 0.0 && detectable > difference.abs() {
        text.push_str(&examples_by_scale(difference, detectable, examples));
    }
    text
}
