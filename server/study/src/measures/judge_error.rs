//! What a judge gets right and wrong, from a sample of labelled texts with known weights.

use super::{Errors, Stratum, cohen_kappa, share_figure};
use crate::statistics::{normal_quantile, percentile_interval, wilson_of_share};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rankscope_domain::annotation::{Figure, JudgeFigures};

/// Draws of the bootstrap of kappa and F1.
const DRAWS: usize = 1000;
/// Labels that each stratum must have for it.
const FEWEST: usize = 5;

/// One labelled text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Checked {
    /// People say that it is toxic.
    pub(crate) toxic: bool,
    /// The judge says so; none: its answer could not be read.
    pub(crate) judged_toxic: Option<bool>,
    /// How many texts it stands for: above 0.
    pub(crate) weight: f64,
    /// What it was drawn from, as a number.
    pub(crate) stratum: usize,
}

/// What the strata of a sample are made of, which decides where an error can hide that no label has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StratifiedBy {
    /// No error hides: weights are of no stratum's making.
    Nothing,
    /// This judge's verdicts: each stratum has one.
    ItsVerdicts,
    /// Those of another: this one's errors may be anywhere.
    OtherVerdicts,
}

/// All figures of a judge on a sample. Rates have Wilson's interval, at the sample's effective size where the weights differ
/// ([`rate`]); kappa and F1 a percentile bootstrap that draws within the strata ([`resampled`]). Where the strata are the judge's own verdicts,
/// recall and specificity have those of [`Errors`]: a miss that nobody has seen yet would come from among the texts judged clean, where
/// one label stands for many, so that the labels of toxic texts alone do not tell how sure their share is. For the same reason rates of
/// 0 or 1 are widened ([`unseen`]). Unparsable answers are counted, and left out of figures.
pub(crate) fn judge_figures(name: &str, checked: &[Checked], by: StratifiedBy, seed: u64) -> JudgeFigures {
    let (mut counts, mut estimated) = ([[0_u32; 3]; 2], [[0.0; 3]; 2]);
    for one in checked {
        let (row, column) = (usize::from(!one.toxic), one.judged_toxic.map_or(2, |toxic| usize::from(!toxic)));
        counts[row][column] += 1;
        estimated[row][column] += one.weight;
    }
    let read: Vec<(Checked, bool)> = checked.iter().filter_map(|one| Some((*one, one.judged_toxic?))).collect();
    let of = |keep: &dyn Fn(&Checked, bool) -> bool, hit: &dyn Fn(&Checked, bool) -> bool| {
        let parts: Vec<Part> = read
            .iter()
            .map(|(one, judged)| Part { weight: one.weight, stratum: one.stratum, hit: keep(one, *judged).then(|| hit(one, *judged)) })
            .collect();
        if by == StratifiedBy::Nothing { rate(&parts) } else { unseen(rate(&parts), &parts, by) }
    };
    let errors = if by == StratifiedBy::ItsVerdicts { Errors::of(&strata(&read)) } else { None };
    let of_errors = |figure: Figure, estimate: fn(&Errors) -> Option<(f64, f64)>| {
        errors.as_ref().and_then(estimate).map_or(figure, |(value, variance)| share_figure(value, variance))
    };
    let (f1_interval, kappa_interval) = resampled(&read, by, seed);
    let table = |matrix: &[[f64; 3]; 2]| [matrix[0][0], matrix[0][1], matrix[1][0], matrix[1][1]];
    JudgeFigures {
        name: name.into(),
        counts,
        estimated,
        precision: of(&|_, judged| judged, &|one, _| one.toxic),
        recall: of_errors(of(&|one, _| one.toxic, &|_, judged| judged), Errors::sensitivity),
        specificity: of_errors(of(&|one, _| !one.toxic, &|_, judged| !judged), Errors::specificity),
        accuracy: of(&|_, _| true, &|one, judged| one.toxic == judged),
        f1: figure(f1(&table(&estimated)), f1_interval),
        kappa: figure(cohen_kappa(&table(&estimated), 2), kappa_interval),
    }
}

/// The strata of a sample by a judge's own verdicts.
fn strata(read: &[(Checked, bool)]) -> Vec<Stratum> {
    let mut strata: Vec<Option<Stratum>> = Vec::new();
    for (one, judged) in read {
        strata.resize(strata.len().max(one.stratum + 1), None);
        let stratum = strata[one.stratum].get_or_insert(Stratum { judged_toxic: *judged, population: 0.0, labelled: 0, toxic: 0 });
        stratum.population += one.weight;
        stratum.labelled += 1;
        stratum.toxic += u32::from(one.toxic);
    }
    strata.into_iter().flatten().collect()
}

/// A rate of 0 or 1, with an interval that leaves room for what no label has shown: the wider of `figure`'s and the normal one with the variance
/// of the total of unseen texts, whose share of each stratum counts as 1 / (labels + 2), over the total of those the rate is of. By the
/// judge's own verdicts they can be in strata alone that the rate is of.
fn unseen(figure: Figure, parts: &[Part], by: StratifiedBy) -> Figure {
    let Some(value) = figure.value.filter(|value| *value <= 0.0 || *value >= 1.0) else { return figure };
    let count = parts.iter().map(|part| part.stratum).max().map_or(0, |last| last + 1);
    let mut strata = vec![(0.0_f64, 0.0_f64, by == StratifiedBy::OtherVerdicts); count];
    let mut total = 0.0;
    for part in parts {
        let (weight, labels, can_be) = &mut strata[part.stratum];
        *weight += part.weight;
        *labels += 1.0;
        if part.hit.is_some() {
            *can_be = true;
            total += part.weight;
        }
    }
    let variance: f64 = strata
        .iter()
        .filter(|(_, labels, can_be)| *labels > 0.0 && *can_be)
        .map(|(weight, labels, _)| {
            let p = 1.0 / (labels + 2.0);
            weight * weight * p * (1.0 - p) / labels
        })
        .sum();
    let half = normal_quantile(0.975) * variance.sqrt() / total;
    let low = figure.low.map(|low| low.min((value - half).max(0.0)));
    let high = figure.high.map(|high| high.max((value + half).min(1.0)));
    Figure { value: Some(value), low, high }
}

fn figure(value: Option<f64>, interval: Option<(f64, f64)>) -> Figure {
    let interval = value.and(interval);
    Figure { value, low: interval.map(|(low, _)| low), high: interval.map(|(_, high)| high) }
}

/// 2 TP / (2 TP + FP + FN) of a table label by verdict, toxic first.
fn f1(table: &[f64; 4]) -> Option<f64> {
    let [tp, fn_, fp, _] = table;
    let all = 2.0 * tp + fp + fn_;
    (all > 0.0).then(|| 2.0 * tp / all)
}

/// A text's part in a rate: none where it does not belong to what the rate is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    pub(crate) weight: f64,
    pub(crate) stratum: usize,
    pub(crate) hit: Option<bool>,
}

/// The weighted share of hits, with Wilson's 95 % interval. Where all weights are the same its size is the number of texts. Else it is
/// the effective one, R (1 - R) / Var(R), of the linearised variance of the ratio with the strata's means taken out (Särndal, Swensson and
/// Wretman 1992, section 5.6; Dean and Pagano 2015 for Wilson's interval at that size), never more than there are; where every text is a hit
/// or none is, Kish's (Σw)² / Σw². Strata are taken as if drawn with replacement.
pub(crate) fn rate(parts: &[Part]) -> Figure {
    let inside: Vec<&Part> = parts.iter().filter(|part| part.hit.is_some()).collect();
    let total: f64 = inside.iter().map(|part| part.weight).sum();
    if total <= 0.0 {
        return Figure::default();
    }
    let hits: f64 = inside.iter().filter(|part| part.hit == Some(true)).map(|part| part.weight).sum();
    // the sum of no numbers is -0
    let share = (hits / total).clamp(0.0, 1.0) + 0.0;
    let n = inside.len() as f64;
    let first = inside[0].weight;
    let size = if inside.iter().all(|part| (part.weight - first).abs() <= 1e-9 * first) {
        n
    } else {
        let kish = total * total / inside.iter().map(|part| part.weight * part.weight).sum::<f64>();
        let variance = linearised_variance(parts, share, total);
        if share <= 0.0 || share >= 1.0 || variance <= 0.0 { kish } else { (share * (1.0 - share) / variance).min(n) }
    };
    let (low, high) = wilson_of_share(share, size, 0.95);
    Figure { value: Some(share), low: Some(low), high: Some(high) }
}

/// Of the ratio: its residuals' variance within strata. One text alone in its stratum counts with its whole square.
fn linearised_variance(parts: &[Part], share: f64, total: f64) -> f64 {
    let strata = parts.iter().map(|part| part.stratum).max().map_or(0, |last| last + 1);
    let (mut number, mut sum, mut squares) = (vec![0.0; strata], vec![0.0; strata], vec![0.0; strata]);
    for part in parts {
        let residual = part.hit.map_or(0.0, |hit| part.weight * (f64::from(u8::from(hit)) - share) / total);
        number[part.stratum] += 1.0;
        sum[part.stratum] += residual;
        squares[part.stratum] += residual * residual;
    }
    (0..strata)
        .filter(|&stratum| number[stratum] > 0.0)
        .map(|stratum| {
            let n = number[stratum];
            if n < 2.0 { squares[stratum] } else { (squares[stratum] - sum[stratum] * sum[stratum] / n).max(0.0) * n / (n - 1.0) }
        })
        .sum()
}

type Interval = Option<(f64, f64)>;

/// 95 % percentile intervals of F1 and kappa, texts drawn with replacement within their strata: of n texts n - 1, each with n / (n - 1) of its
/// weight, so that the draws vary as much as samples do (Rao and Wu 1988). None while a stratum that was labelled in part has fewer labels than
/// `FEWEST`: too few to know how its texts vary. One that was labelled whole (weight 1) is all there is, and a single text of it stays.
fn resampled(read: &[(Checked, bool)], by: StratifiedBy, seed: u64) -> (Interval, Interval) {
    if read.len() < 2 {
        return (None, None);
    }
    let strata = read.iter().map(|(one, _)| one.stratum).max().map_or(0, |last| last + 1);
    let mut members: Vec<Vec<(usize, f64)>> = vec![Vec::new(); strata];
    for (one, judged) in read {
        members[one.stratum].push((usize::from(!one.toxic) * 2 + usize::from(!judged), one.weight));
    }
    members.retain(|stratum| !stratum.is_empty());
    let is_whole = |stratum: &[(usize, f64)]| by != StratifiedBy::Nothing && stratum.iter().all(|(_, weight)| *weight <= 1.0 + 1e-9);
    if members.iter().any(|stratum| stratum.len() < FEWEST && !is_whole(stratum)) {
        return (None, None);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut f1s, mut kappas) = (Vec::with_capacity(DRAWS), Vec::with_capacity(DRAWS));
    for _ in 0..DRAWS {
        let mut table = [0.0; 4];
        for stratum in &members {
            let n = stratum.len();
            if let [(cell, weight)] = stratum[..] {
                table[cell] += weight;
            }
            for _ in 1..n {
                let (cell, weight) = stratum[rng.random_range(0..stratum.len() as u32) as usize];
                table[cell] += weight * n as f64 / (n - 1) as f64;
            }
        }
        f1s.push(f1(&table));
        kappas.push(cohen_kappa(&table, 2));
    }
    (percentile_interval(&f1s), percentile_interval(&kappas))
}
