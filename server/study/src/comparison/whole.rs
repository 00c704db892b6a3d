//! Every part of a comparison in every choice that its page offers, for a copy that nothing is worked out for any more.

use super::{AskedStudy, Side, Tell, Told, accuracy, completions, divergence, lens, open, pairs::pairs, recipes, toxicity};
use crate::StudyError;
use rankscope_domain::{
    MinorityFraction,
    class_results::Reading,
    comparison::{Comparison, ContrastTable, LensComparison},
    comparison_query::{ComparisonQuery, ComparisonView},
    snapshot::{EveryPrompt, SharedAccuracies},
};

/// The studies and reference that a query asks for, and all that can be seen of them.
pub(crate) struct Whole {
    /// With the parts that have no choices: divergences and recipes.
    pub(crate) common: Comparison,
    pub(crate) toxicity: Vec<ContrastTable>,
    pub(crate) accuracy: Vec<SharedAccuracies>,
    pub(crate) lens: Vec<LensComparison>,
    pub(crate) completions: Option<EveryPrompt>,
    /// What was told of each study.
    pub(crate) told: Vec<Told>,
}

/// Of finished studies. `tell`: in whose words names, notes and fields are.
///
/// # Errors
/// A file of a study can't be read.
pub(crate) fn whole(asked: &[AskedStudy], query: &ComparisonQuery, with_completions: bool, tell: Tell<'_>) -> Result<Whole, StudyError> {
    let (mut common, sides) = open(asked, query, Some(tell))?;
    let any_has = |common: &Comparison, view: ComparisonView| common.studies.iter().any(|study| study.has(view));
    if any_has(&common, ComparisonView::Divergence) {
        common.divergence = Some(divergence::table(&common, &sides, common.against, &pairs)?);
    }
    common.recipe = Some(recipes::fields(&sides)?);
    let toxicity = if any_has(&common, ComparisonView::Toxicity) { toxicities(&mut common, &sides)? } else { Vec::new() };
    let accuracy = if any_has(&common, ComparisonView::Accuracy) { accuracies(&common, &sides)? } else { Vec::new() };
    let has_completions = with_completions && any_has(&common, ComparisonView::Completions);
    Ok(Whole {
        lens: lens::every_prompt(&common, &sides)?,
        completions: has_completions.then(|| completions::every_prompt(&common, &sides)).transpose()?,
        toxicity,
        accuracy,
        told: sides.into_iter().filter_map(|side| side.told).collect(),
        common,
    })
}

/// None, and each of them.
fn or_each<T: Clone>(all: &[T]) -> Vec<Option<T>> {
    std::iter::once(None).chain(all.iter().cloned().map(Some)).collect()
}

fn toxicities(common: &mut Comparison, sides: &[Side]) -> Result<Vec<ContrastTable>, StudyError> {
    let against = common.against;
    let mut read = toxicity::Read::default();
    let mut table = |group: Option<String>| {
        toxicity::table(common, sides, &ComparisonQuery { group, ..ComparisonQuery::default() }, against, &pairs, &mut read)
    };
    let over_all = table(None)?;
    let groups = over_all.groups.clone();
    let mut tables = vec![over_all];
    for group in groups {
        tables.push(table(Some(group))?);
    }
    Ok(tables)
}

fn accuracies(common: &Comparison, sides: &[Side]) -> Result<Vec<SharedAccuracies>, StudyError> {
    let against = common.against;
    let classes = common.studies.iter().filter_map(|study| study.results.as_ref()?.classification.as_ref());
    let mut known: Vec<Reading> = Vec::new();
    for reading in classes.flat_map(|class| &class.readings).map(|results| results.reading) {
        if !known.contains(&reading) {
            known.push(reading);
        }
    }
    // that a study has not the reading is in the notes of the table; the copy has no mistakes of its reader
    let mut scratch = common.clone();
    let mut read = accuracy::Read::default();
    let mut table = |reading: Option<Reading>, fraction: Option<MinorityFraction>, group: Option<String>| {
        accuracy::table(
            &mut scratch,
            sides,
            &ComparisonQuery { reading, fraction, group, ..ComparisonQuery::default() },
            against,
            &pairs,
            &mut read,
        )
    };
    let first = table(None, None, None)?;
    let usual = |reading: &Reading| first.readings.iter().all(|(_, chosen)| chosen == reading);
    let readings: Vec<Reading> = known.into_iter().filter(|reading| !usual(reading)).collect();
    // the first fraction is the one that is shown where none is chosen
    let fractions: Vec<Option<MinorityFraction>> =
        if first.fractions.is_empty() { vec![None] } else { first.fractions.iter().copied().map(Some).collect() };
    let mut tables = Vec::new();
    for reading in or_each(&readings) {
        for &fraction in &fractions {
            for group in or_each(&first.groups) {
                tables.push(SharedAccuracies { reading, table: table(reading, fraction, group)? });
            }
        }
    }
    Ok(tables)
}
