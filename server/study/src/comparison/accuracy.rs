//! Accuracies: paired by the test example, at one fraction and within one group.

use super::{
    Side,
    correctness::{Answered, Correct, TestSet, contrast, correct},
    in_all, known_group, notes,
    observations::family,
    pairs::Pairs,
};
use crate::StudyError;
use rankscope_domain::{
    Arm, MinorityFraction,
    class_results::{ClassificationResults, Reading},
    comparison::{ComparedArm, Comparison, ContrastTable, Pairing, letter},
    comparison_query::{ComparisonQuery, ComparisonView},
};
use std::collections::{BTreeMap, HashMap, btree_map::Entry};

/// What was read of the studies, whichever group it is counted within.
#[derive(Default)]
pub(super) struct Read {
    sets: BTreeMap<usize, TestSet>,
    answers: HashMap<(usize, Arm, Option<MinorityFraction>, Reading), Correct>,
}

pub(super) fn table(
    comparison: &mut Comparison,
    sides: &[Side],
    query: &ComparisonQuery,
    against: Option<ComparedArm>,
    pairs: &Pairs<'_>,
    read: &mut Read,
) -> Result<ContrastTable, StudyError> {
    let studies: Vec<usize> = (0..sides.len()).filter(|&study| comparison.studies[study].has(ComparisonView::Accuracy)).collect();
    let measured = |study: usize| sides[study].results.as_ref().and_then(|results| results.classification.as_ref());
    let of_each = |list: &dyn Fn(&ClassificationResults) -> Vec<String>| {
        studies.iter().filter_map(|&study| Some(list(measured(study)?))).collect::<Vec<_>>()
    };
    let groups = in_all(&of_each(&|results| results.groups.iter().map(|count| count.group.clone()).collect()));
    let group = known_group(&mut comparison.problems, query.group.as_ref(), &groups);
    let fractions: Vec<Vec<MinorityFraction>> =
        studies.iter().filter_map(|&study| Some(measured(study)?.fractions.iter().map(|count| count.fraction).collect())).collect();
    let fractions = in_all(&fractions);
    let fraction = known_fraction(comparison, query.fraction, &fractions);
    let readings: Vec<(usize, Reading)> =
        studies.iter().filter_map(|&study| Some((study, reading_of(comparison, study, measured(study)?, query.reading)?))).collect();

    let wanted = if fraction.is_some() { pairs(comparison, &studies, against) } else { Vec::new() };
    let Read { sets, answers } = read;
    let as_read = |arm: ComparedArm| {
        let reading = readings.iter().find(|(study, _)| *study == arm.study).map(|(_, reading)| *reading)?;
        Some((arm.study, arm.arm, fraction, reading))
    };
    for arm in wanted.iter().flat_map(|(of, against)| [*of, *against]) {
        let side = &sides[arm.study];
        if let Entry::Vacant(free) = sets.entry(arm.study) {
            free.insert(TestSet::read(&side.study)?);
        }
        if let Some(key) = as_read(arm)
            && !answers.contains_key(&key)
        {
            let found = correct(&side.study, &side.recipe.cells(), (arm.arm, fraction), key.3, &sets[&arm.study])?;
            answers.insert(key, found);
        }
    }
    let answered = |arm: ComparedArm| Some(Answered { arm, correct: answers.get(&as_read(arm)?)?, set: sets.get(&arm.study)? });
    let contrasts = wanted.iter().filter_map(|(of, against)| contrast(answered(*of)?, answered(*against)?, group.as_deref())).collect();
    let mut pairings: Vec<Pairing> = Vec::new();
    for (of, against) in &wanted {
        if !pairings.iter().any(|known| (known.study, known.against) == (of.study, against.study)) {
            let (one, other) = (&sets[&of.study], &sets[&against.study]);
            let counted = (one.matched(other, group.as_deref()).len() as u32, one.count(group.as_deref()), other.count(group.as_deref()));
            pairings.push(notes::pairing(of.study, against.study, "test examples", "example and seed", counted));
        }
    }
    let mut told: Vec<String> = notes::models(&studies, sides).into_iter().chain(notes::training_data(&studies, sides)).collect();
    if readings.iter().any(|(_, reading)| *reading != readings[0].1) {
        let each: Vec<String> = readings.iter().map(|(study, reading)| format!("{}: {}", letter(*study), reading.label())).collect();
        told.push(format!("Predictions are read in different ways. {}.", each.join("; ")));
    }
    if fraction.is_none() && !studies.is_empty() {
        told.push("The studies have no minority fraction in common, so their arms are not contrasted.".into());
    }
    Ok(ContrastTable {
        families: vec![family("accuracy", contrasts)],
        notes: told,
        studies,
        groups,
        group,
        fractions,
        fraction,
        readings,
        pairings,
    })
}

/// The one that was asked for, or the largest.
fn known_fraction(
    comparison: &mut Comparison,
    asked: Option<MinorityFraction>,
    fractions: &[MinorityFraction],
) -> Option<MinorityFraction> {
    if let Some(asked) = asked.filter(|asked| !fractions.contains(asked)) {
        let there = fractions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let remedy = if there.is_empty() {
            "These studies have no fraction in common: leave it out.".into()
        } else {
            format!("Not all of these studies have it. All have: {there}.")
        };
        comparison.problems.push("fraction", asked, remedy);
    }
    asked.filter(|asked| fractions.contains(asked)).or(fractions.first().copied())
}

/// The one that was asked for where the study has it, else its first; that no study has it is told once.
fn reading_of(comparison: &mut Comparison, study: usize, measured: &ClassificationResults, asked: Option<Reading>) -> Option<Reading> {
    let known = asked.filter(|asked| measured.reading(*asked).is_some());
    if let (Some(asked), None) = (asked, known) {
        let there = measured.readings.iter().map(|results| results.reading.name()).collect::<Vec<_>>().join(", ");
        comparison.problems.push(
            "reading",
            asked.name(),
            format!("{} does not have it, and is read by its first. It has: {there}.", letter(study)),
        );
    }
    known.or_else(|| measured.readings.first().map(|results| results.reading))
}
