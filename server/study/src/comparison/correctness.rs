//! Which test examples an arm's trainings answered rightly, and differences of two arms' accuracies.

use super::observations::{POWER, seed_of};
use crate::{
    Study, StudyError,
    results::classification::predicted_label,
    statistics::{Cluster, detectable, mcnemar_exact, of_equals, percentile_interval, sign_flip, standard_error, two_way_draws},
    whole_file,
    worker::DataRecord,
};
use rankscope_domain::{
    Arm, CellId, MinorityFraction,
    class_results::Reading,
    comparison::{ComparedArm, ComparedContrast, ContrastTest},
    dataset::{LabelledText, Prediction},
};
use std::collections::{BTreeMap, HashMap};

/// A study's test examples.
pub(super) struct TestSet {
    options: usize,
    texts: Vec<LabelledText>,
    /// Text and label's name: the same in every study that asks the same. Of those that are twice in a set, the first.
    places: HashMap<(String, String), usize>,
}

impl TestSet {
    pub(super) fn read(study: &Study) -> Result<Self, StudyError> {
        let texts: Vec<LabelledText> = whole_file::read_lines(&study.data_file("test.jsonl"))?;
        let record: DataRecord = whole_file::read_json(&study.data_file("chosen.json"))?.unwrap_or_default();
        let mut places = HashMap::new();
        for (place, text) in texts.iter().enumerate() {
            let label = record.labels.get(text.label as usize).cloned().unwrap_or_else(|| text.label.to_string());
            places.entry((text.text.clone(), label)).or_insert(place);
        }
        Ok(Self { options: record.labels.len(), texts, places })
    }

    /// Examples of a group, each once, in the order of the set.
    fn of_group(&self, group: Option<&str>) -> Vec<usize> {
        let is_in = |place: &usize| group.is_none_or(|group| self.texts[*place].group == group);
        let mut places: Vec<usize> = self.places.values().copied().filter(is_in).collect();
        places.sort_unstable();
        places
    }

    /// Places of the examples that both have in a group, in the order of this set.
    pub(super) fn matched(&self, other: &Self, group: Option<&str>) -> Vec<(usize, usize)> {
        let is_in = |set: &Self, place: usize| group.is_none_or(|group| set.texts[place].group == group);
        let both = self.places.iter().filter_map(|(key, &place)| Some((place, *other.places.get(key)?)));
        let mut places: Vec<_> = both.filter(|&(one, two)| is_in(self, one) && is_in(other, two)).collect();
        places.sort_unstable();
        places
    }

    pub(super) fn count(&self, group: Option<&str>) -> u32 {
        self.of_group(group).len() as u32
    }
}

/// By seed, whether each example of the set was answered rightly.
pub(super) type Correct = BTreeMap<u64, Vec<bool>>;

/// Of the cells of an arm at a fraction; those without predictions of every example are left out.
pub(super) fn correct(
    study: &Study,
    cells: &[CellId],
    (arm, fraction): (Arm, Option<MinorityFraction>),
    reading: Reading,
    set: &TestSet,
) -> Result<Correct, StudyError> {
    let mut by_seed = Correct::new();
    let wanted = fraction.filter(|_| arm.is_trained());
    for cell in cells.iter().filter(|cell| cell.arm == arm && cell.minority == wanted) {
        let predictions: Vec<Prediction> = whole_file::read_lines(&study.cell_file(*cell, "predictions.jsonl"))?;
        if predictions.len() == set.texts.len() && !predictions.is_empty() {
            let is_right =
                |(prediction, text): (&Prediction, &LabelledText)| predicted_label(reading, prediction, set.options) == text.label as usize;
            by_seed.insert(cell.seed, predictions.iter().zip(&set.texts).map(is_right).collect());
        }
    }
    Ok(by_seed)
}

/// One side of a contrast.
#[derive(Clone, Copy)]
pub(super) struct Answered<'a> {
    pub(super) arm: ComparedArm,
    pub(super) correct: &'a Correct,
    pub(super) set: &'a TestSet,
}

/// `of` less `against`, mean over seeds. Paired by example where they share any; `None` where one of them has no result. Trainings of one
/// study share their seeds, so they are paired too; those of two studies are drawn each for itself.
pub(super) fn contrast(of: Answered<'_>, against: Answered<'_>, group: Option<&str>) -> Option<ComparedContrast> {
    let drawing = seed_of(of.arm, against.arm);
    let same_study = of.arm.study == against.arm.study;
    let common: Vec<u64> = of.correct.keys().copied().filter(|seed| against.correct.contains_key(seed)).collect();
    let seeds_paired = same_study && common.len() == of.correct.len().max(against.correct.len());
    let matched = of.set.matched(against.set, group);
    if matched.is_empty() {
        return unpaired(of, against, group, drawing);
    }
    let chosen = |one: &Answered<'_>, places: &[usize]| -> Vec<Vec<bool>> {
        one.correct.values().map(|seed| places.iter().map(|&place| seed[place]).collect()).collect()
    };
    let (places, places_against): (Vec<usize>, Vec<usize>) = matched.into_iter().unzip();
    let (one, other) = (chosen(&of, &places), chosen(&against, &places_against));
    if one.is_empty() || other.is_empty() {
        return None;
    }
    let differences: Vec<f64> = (0..places.len()).map(|example| mean_at(&one, example) - mean_at(&other, example)).collect();
    let (p, test) = match (&one[..], &other[..]) {
        ([one], [other]) => {
            let count =
                |right: &[bool], wrong: &[bool]| right.iter().zip(wrong).filter(|(right, wrong)| **right && !**wrong).count() as u64;
            (mcnemar_exact(count(other, one), count(one, other)), ContrastTest::McnemarExact)
        }
        _ => (sign_flip(&differences, drawing), ContrastTest::SignFlipExamples),
    };
    let examples = places.len() as u32;
    let difference = differences.iter().sum::<f64>() / f64::from(examples);
    let of_equals = || of_equals(difference, places.len(), (-1.0, 1.0));
    let (low, high) = interval(&one, &other, seeds_paired, drawing).or_else(|| (examples > 1).then(of_equals)).unzip();
    let clusters: Vec<Cluster> = differences.iter().map(|&sum| Cluster { sum, count: 1.0 }).collect();
    Some(ComparedContrast {
        of: of.arm,
        against: against.arm,
        difference,
        low,
        high,
        p: Some(p),
        p_holm: Some(p),
        test,
        examples,
        examples_against: examples,
        clusters: examples,
        detectable: (examples > 1).then(|| detectable(standard_error(&clusters), POWER, 1)),
    })
}

fn mean_at(seeds: &[Vec<bool>], example: usize) -> f64 {
    seeds.iter().filter(|seed| seed[example]).count() as f64 / seeds.len() as f64
}

/// Accuracy of a resample: how often each example and each seed was drawn.
fn weighted(seeds: &[Vec<bool>], examples: &[u32], seed_weights: &[u32]) -> f64 {
    let (mut right, mut all) = (0_u64, 0_u64);
    let drawn: u64 = examples.iter().map(|&weight| u64::from(weight)).sum();
    for (seed, &times) in seeds.iter().zip(seed_weights).filter(|(_, times)| **times > 0) {
        let of_seed: u64 = seed.iter().zip(examples).filter(|(right, _)| **right).map(|(_, &weight)| u64::from(weight)).sum();
        right += of_seed * u64::from(times);
        all += drawn * u64::from(times);
    }
    right as f64 / all as f64
}

/// How often each seed is drawn, draw by draw.
fn seed_draws(seeds: usize, drawing: u64) -> Vec<Vec<u32>> {
    let mut draws = Vec::new();
    two_way_draws(2, seeds, drawing, |_, weights| draws.push(weights.to_vec()));
    draws
}

fn interval(one: &[Vec<bool>], other: &[Vec<bool>], seeds_paired: bool, drawing: u64) -> Option<(f64, f64)> {
    let other_seeds = if seeds_paired { Vec::new() } else { seed_draws(other.len(), drawing.wrapping_add(1)) };
    let mut values = Vec::new();
    two_way_draws(one[0].len(), one.len(), drawing, |examples, seeds| {
        let of_other = other_seeds.get(values.len()).map_or(seeds, Vec::as_slice);
        values.push(Some(weighted(one, examples, seeds) - weighted(other, examples, of_other)));
    });
    percentile_interval(&values)
}

/// Other examples: each side's examples and seeds are drawn for themselves, and nothing is tested.
fn unpaired(of: Answered<'_>, against: Answered<'_>, group: Option<&str>, drawing: u64) -> Option<ComparedContrast> {
    let own = |side: &Answered<'_>| -> (Vec<Vec<bool>>, usize) {
        let places = side.set.of_group(group);
        (side.correct.values().map(|seed| places.iter().map(|&place| seed[place]).collect()).collect(), places.len())
    };
    let ((one, examples), (other, examples_against)) = (own(&of), own(&against));
    if one.is_empty() || other.is_empty() || examples == 0 || examples_against == 0 {
        return None;
    }
    let draws = |seeds: &[Vec<bool>], drawing: u64| {
        let mut values = Vec::new();
        two_way_draws(seeds[0].len(), seeds.len(), drawing, |examples, weights| values.push(weighted(seeds, examples, weights)));
        values
    };
    let both = draws(&one, drawing).into_iter().zip(draws(&other, drawing.wrapping_add(1)));
    let (low, high) = percentile_interval(&both.map(|(one, other)| Some(one - other)).collect::<Vec<_>>()).unzip();
    let accuracy = |seeds: &[Vec<bool>]| weighted(seeds, &vec![1; seeds[0].len()], &vec![1; seeds.len()]);
    Some(ComparedContrast {
        of: of.arm,
        against: against.arm,
        difference: accuracy(&one) - accuracy(&other),
        low,
        high,
        p: None,
        p_holm: None,
        test: ContrastTest::Unpaired,
        examples: examples as u32,
        examples_against: examples_against as u32,
        clusters: examples as u32,
        detectable: None,
    })
}
