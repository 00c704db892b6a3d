//! One arm's measures at one fraction, with their intervals.

use super::{
    Table,
    answers::{Answers, Sample, chosen},
};
use crate::{
    measures::{
        Calibration, Confusion, Histogram, accuracy_gap, demographic_parity_difference, equalized_odds_difference, harmful_bias_gap,
        worst_group_error,
    },
    seeds,
    statistics::{percentile_interval, two_way_draws, wilson, wilson_of_share},
};
use rankscope_domain::{
    Arm, MinorityFraction, Recipe,
    class_results::{ArmAccuracy, GroupMeasures, Measure, ReliabilityBin},
};
use std::collections::BTreeMap;

const CONFIDENCE: f64 = 0.95;

/// What is computed of each resample, in this order; then two for each group.
const ACCURACY: usize = 0;
const WORST_ERROR: usize = 1;
const GAP: usize = 2;
const PARITY: usize = 3;
const ODDS: usize = 4;
const F1: usize = 5;
const MACRO_F1: usize = 6;
const AUC: usize = 7;
const CALIBRATION: usize = 8;
const UNREADABLE: usize = 9;
const MARGIN: usize = 10;
const BIAS_GAP: usize = 11;
const FIRST_OF_GROUPS: usize = 12;
const OF_A_GROUP: usize = 2;

/// One arm at one fraction; nothing measured where no cell has a result.
pub(super) fn measure(recipe: &Recipe, sample: &Sample, table: &Table, arm: Arm, fraction: Option<MinorityFraction>) -> ArmAccuracy {
    let nothing = BTreeMap::new();
    let answers = table.get(&(arm, fraction)).unwrap_or(&nothing);
    let full = table.get(&(Arm::Full, fraction)).filter(|_| arm.rank().is_some());
    let minority = sample.group_names.get(1).map(|_| 1);
    let seeds: Vec<u64> = answers.keys().copied().collect();
    let cells: Vec<Cell> = answers.iter().map(|(seed, answers)| Cell { answers, full: full.and_then(|full| full.get(seed)) }).collect();
    let group_count = sample.group_names.len();
    let statistics = FIRST_OF_GROUPS + OF_A_GROUP * group_count;

    let ones = vec![1_u32; sample.len()];
    let all_seeds = vec![1_u32; cells.len()];
    let values = mean_over_seeds(&cells, sample, minority, &ones, &all_seeds, statistics);
    let mut draws: Vec<Vec<Option<f64>>> = vec![Vec::new(); statistics];
    // the same resamples for every arm, so that arms of a fraction can be compared draw by draw
    two_way_draws(if cells.is_empty() { 0 } else { sample.len() }, cells.len(), seeds::derive("accuracy", &[]), |examples, seeds| {
        for (values, value) in draws.iter_mut().zip(mean_over_seeds(&cells, sample, minority, examples, seeds, statistics)) {
            values.push(value);
        }
    });
    let n = sample.len() as u32;
    let take = |statistic: usize, n: u32| {
        let value = values.get(statistic).copied().flatten();
        let interval = value.and_then(|_| percentile_interval(&draws[statistic]));
        Measure { value, low: interval.map(|(low, _)| low), high: interval.map(|(_, high)| high), n }
    };
    // none of so many examples, or all of them: resamples show no spread, Wilson's interval what so many can show
    let take_share = |statistic: usize, n: u32| {
        let measure = take(statistic, n);
        match (measure.value, measure.low) {
            (Some(value), None) if n > 0 && (value <= 0.0 || value >= 1.0) => {
                let (low, high) = wilson_of_share(value, f64::from(n), CONFIDENCE);
                Measure { low: Some(low), high: Some(high), ..measure }
            }
            _ => measure,
        }
    };
    // of one training, a share is a share
    let accuracy = |statistic: usize, members: &[usize]| match &cells[..] {
        [cell] if !members.is_empty() => {
            let right = members.iter().filter(|&&example| cell.answers.correct[example]).count() as u32;
            let (low, high) = wilson(right, members.len() as u32, CONFIDENCE);
            Measure { low: Some(low), high: Some(high), ..take(statistic, members.len() as u32) }
        }
        _ => take_share(statistic, members.len() as u32),
    };
    let everyone = sample.of_group(None);
    let spec = recipe.arm_spec(arm);
    let groups = (0..group_count)
        .map(|group| {
            let members = &sample.members[group];
            let first = FIRST_OF_GROUPS + OF_A_GROUP * group;
            GroupMeasures {
                group: sample.group_names[group].clone(),
                accuracy: accuracy(first, members),
                seed_accuracy: cells.iter().filter_map(|cell| share(&chosen(&cell.answers.correct, members))).collect(),
                calibration_error: take(first + 1, members.len() as u32),
                reliability: reliability(cells.iter().filter_map(|cell| cell.answers.group_calibration(group)), members.len()),
                confusion: confusion(&cells, sample, group),
            }
        })
        .collect();
    let margins: Vec<f64> = cells.iter().flat_map(|cell| cell.answers.margins(sample)).collect();
    let has_probabilities = cells.first().is_some_and(|cell| cell.answers.has_probabilities());
    let called = |example: usize| cells.iter().any(|cell| cell.answers.predicted[example] == sample.positive);
    ArmAccuracy {
        arm,
        fraction,
        learning_rate: spec.map(|spec| spec.learning_rate),
        weight_decay: spec.map(|spec| spec.weight_decay),
        accuracy: accuracy(ACCURACY, &everyone),
        seed_accuracy: cells.iter().filter_map(|cell| share(&cell.answers.correct)).collect(),
        groups,
        worst_group_error: take(WORST_ERROR, n),
        group_gap: take(GAP, n),
        harmful_bias_gap: arm.rank().map(|_| take(BIAS_GAP, minority.map_or(0, |group| sample.members[group].len() as u32))),
        demographic_parity_difference: take(PARITY, n),
        equalized_odds_difference: take(ODDS, n),
        f1: take(F1, n),
        macro_f1: take(MACRO_F1, n),
        auc: take(AUC, n),
        calibration_error: take(CALIBRATION, n),
        unreadable: take_share(UNREADABLE, n),
        margins: if has_probabilities {
            Histogram::new(&margins, &sample.margin_edges).counts.into_iter().map(|count| count as u32).collect()
        } else {
            Vec::new()
        },
        mean_margin: take(MARGIN, everyone.iter().filter(|&&example| called(example)).count() as u32),
        reliability: reliability(cells.iter().filter_map(|cell| cell.answers.calibration()), sample.len()),
        seeds,
    }
}

/// A seed's answers, and those of full fine-tuning with the same seed.
struct Cell<'a> {
    answers: &'a Answers,
    full: Option<&'a Answers>,
}

/// Every statistic of a resample: of each seed, averaged as often as the seeds were drawn. Undefined where it is for a seed.
fn mean_over_seeds(
    cells: &[Cell],
    sample: &Sample,
    minority: Option<usize>,
    examples: &[u32],
    seeds: &[u32],
    statistics: usize,
) -> Vec<Option<f64>> {
    let mut sums = vec![Some(0.0); statistics];
    let mut drawn = 0.0;
    let (mut minority_in_full, mut minority_here) = (Some(0.0), Some(0.0));
    for (cell, &times) in cells.iter().zip(seeds).filter(|(_, times)| **times > 0) {
        let times = f64::from(times);
        drawn += times;
        let (values, of_minority) = of_one(cell, sample, minority, examples);
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = sum.zip(value).map(|(sum, value)| sum + times * value);
        }
        // the gap is that of the means: of the seeds' own gaps, chance would never cancel out
        minority_here = minority_here.zip(of_minority.0).map(|(sum, value)| sum + times * value);
        minority_in_full = minority_in_full.zip(of_minority.1).map(|(sum, value)| sum + times * value);
    }
    if drawn == 0.0 {
        return vec![None; statistics];
    }
    sums[BIAS_GAP] = minority_in_full.zip(minority_here).map(|(full, here)| harmful_bias_gap(full, here));
    sums.into_iter().map(|sum| sum.map(|sum| sum / drawn)).collect()
}

/// A seed's accuracy on the minority, and that of full fine-tuning with the same seed.
type OfMinority = (Option<f64>, Option<f64>);

/// A seed's statistics, and its accuracy on the minority here and in full.
fn of_one(cell: &Cell, sample: &Sample, minority: Option<usize>, weights: &[u32]) -> (Vec<Option<f64>>, OfMinority) {
    let answers = cell.answers;
    let groups = answers.confusion(sample, weights);
    let all = Confusion::sum(&groups);
    let mut values = vec![None; FIRST_OF_GROUPS];
    values[ACCURACY] = all.accuracy();
    values[WORST_ERROR] = worst_group_error(&groups);
    values[GAP] = accuracy_gap(&groups);
    values[PARITY] = demographic_parity_difference(&groups, sample.positive);
    values[ODDS] = equalized_odds_difference(&groups, sample.positive);
    values[F1] = all.f1(sample.positive);
    // unreadable answers are nobody's label
    values[MACRO_F1] = all.macro_f1(sample.options);
    values[AUC] = answers.auc(weights);
    values[CALIBRATION] = answers.calibration().and_then(|calibration| calibration.expected_error(weights));
    values[UNREADABLE] = if answers.has_probabilities() { None } else { all.prediction_rate(sample.options) };
    values[MARGIN] = mean_margin(answers, sample, weights);
    // filled in over the seeds
    values[BIAS_GAP] = Some(0.0);
    for (group, confusion) in groups.iter().enumerate() {
        values.push(confusion.accuracy());
        let calibration = answers.group_calibration(group);
        values.push(calibration.and_then(|calibration| calibration.expected_error(&chosen(weights, &sample.members[group]))));
    }
    let accuracy_of_minority = |answers: &Answers| {
        let members = &sample.members[minority?];
        let total: u64 = members.iter().map(|&example| u64::from(weights[example])).sum();
        let right: u64 = members.iter().filter(|&&example| answers.correct[example]).map(|&example| u64::from(weights[example])).sum();
        (total > 0).then(|| right as f64 / total as f64)
    };
    (values, (accuracy_of_minority(answers), cell.full.and_then(accuracy_of_minority)))
}

fn mean_margin(answers: &Answers, sample: &Sample, weights: &[u32]) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0.0);
    for (example, &weight) in weights.iter().enumerate() {
        if let (true, Some(margin)) = (weight > 0, answers.margin(example, sample)) {
            sum += f64::from(weight) * margin;
            n += f64::from(weight);
        }
    }
    (n > 0.0).then(|| sum / n)
}

fn share(correct: &[bool]) -> Option<f64> {
    (!correct.is_empty()).then(|| correct.iter().filter(|right| **right).count() as f64 / correct.len() as f64)
}

/// Of all seeds together, bins that have something in them.
fn reliability<'a>(seeds: impl Iterator<Item = &'a Calibration>, examples: usize) -> Vec<ReliabilityBin> {
    let ones = vec![1; examples];
    let mut total: Vec<ReliabilityBin> = Vec::new();
    for bin in seeds.filter_map(|calibration| calibration.reliability(&ones)).flatten() {
        let (Some(confidence), Some(accuracy)) = (bin.confidence, bin.accuracy) else { continue };
        let n = bin.n as u32;
        match total.iter_mut().find(|known| known.low == bin.low) {
            Some(known) => {
                let (before, more) = (f64::from(known.n), f64::from(n));
                known.confidence = (known.confidence * before + confidence * more) / (before + more);
                known.accuracy = (known.accuracy * before + accuracy * more) / (before + more);
                known.n += n;
            }
            None => total.push(ReliabilityBin { low: bin.low, high: bin.high, n, confidence, accuracy }),
        }
    }
    total.sort_by(|one, other| one.low.total_cmp(&other.low));
    total
}

/// Labels by predictions over the seeds; a last column where some answers were unreadable.
fn confusion(cells: &[Cell], sample: &Sample, group: usize) -> Vec<Vec<u32>> {
    let ones = vec![1; sample.len()];
    let width = sample.options + 1;
    let total = cells.iter().fold(Confusion::empty(width), |mut total, cell| {
        total.add(&cell.answers.confusion(sample, &ones)[group], 1);
        total
    });
    let mut rows: Vec<Vec<u32>> =
        total.counts.chunks_exact(width).take(sample.options).map(|row| row.iter().map(|count| *count as u32).collect()).collect();
    if rows.iter().all(|row| row[sample.options] == 0) {
        rows.iter_mut().for_each(|row| row.truncate(sample.options));
    }
    rows
}
