//! KL from the original's predictions: paired by the example's text, where the originals are the same model.

use super::{
    Side, notes,
    observations::{Observations, Quantity, contrast, family, observe, shared},
    pairs::Pairs,
};
use crate::{StudyError, whole_file};
use rankscope_domain::{
    Arm,
    comparison::{ComparedArm, Comparison, ContrastTable, Pairing, letter},
    comparison_query::ComparisonView,
    dataset::LabelledText,
    inspection::{Divergences, ExampleDivergence},
    recipe::StudyKind,
};
use std::collections::{BTreeMap, HashMap, btree_map::Entry};

/// KL at the end of the prompt, and over the arm's own continuation.
type Measured = [Observations; 2];

const MEASURES: [&str; 2] = ["KL at the end of the prompt", "KL over the arm’s own continuation"];

pub(super) fn table(
    comparison: &Comparison,
    sides: &[Side],
    against: Option<ComparedArm>,
    pairs: &Pairs<'_>,
) -> Result<ContrastTable, StudyError> {
    let studies: Vec<usize> = (0..sides.len()).filter(|&study| comparison.studies[study].has(ComparisonView::Divergence)).collect();
    let hash = |study: usize| sides[study].results.as_ref().map(|results| results.model.sha256.as_str());
    // the original has no divergence from itself
    let wanted = pairs(comparison, &studies, against.filter(|one| one.arm.is_trained()));
    let (mut pairings, mut measured): (Vec<Pairing>, BTreeMap<ComparedArm, Measured>) = Default::default();
    let mut contrasts: [Vec<_>; 2] = Default::default();
    for (of, against) in wanted.into_iter().filter(|(of, against)| of.arm.is_trained() && against.arm.is_trained()) {
        let is_known = pairings.iter().any(|known| (known.study, known.against) == (of.study, against.study));
        if hash(of.study) != hash(against.study) {
            if !is_known {
                pairings.push(other_models(of.study, against.study));
            }
            continue;
        }
        for arm in [of, against] {
            if let Entry::Vacant(free) = measured.entry(arm) {
                free.insert(of_arm(&sides[arm.study], arm.arm)?);
            }
        }
        let (one, other) = (&measured[&of], &measured[&against]);
        if !is_known {
            let counted = shared(one[0].keys().map(String::as_str), other[0].keys().map(String::as_str));
            pairings.push(notes::pairing(of.study, against.study, "examples", "template", counted));
        }
        for place in 0..MEASURES.len() {
            contrasts[place].extend(contrast((of, &one[place]), (against, &other[place]), Quantity::Nats));
        }
    }
    let families = MEASURES.into_iter().zip(contrasts).filter(|(_, found)| !found.is_empty()).map(|(name, found)| family(name, found));
    let mut told: Vec<String> = notes::models(&studies, sides).into_iter().collect();
    if against.is_some_and(|one| !one.arm.is_trained()) {
        told.push("The original has no divergence from itself: arms are contrasted as if none had been chosen.".into());
    }
    Ok(ContrastTable { families: families.collect(), notes: told, studies, pairings, ..ContrastTable::default() })
}

fn other_models(study: usize, against: usize) -> Pairing {
    let statement = format!(
        "{} and {} have other base models: each arm’s KL is from its own original’s predictions, so no difference between the two is given.",
        letter(study),
        letter(against)
    );
    Pairing { study, against, common: 0, of_study: 0, of_against: 0, statement }
}

/// Of the one cell of the arm that was looked into.
fn of_arm(side: &Side, arm: Arm) -> Result<Measured, StudyError> {
    let texts: HashMap<u32, String> = match side.recipe.kind {
        StudyKind::Toxicity => side.study.prompts()?.into_iter().map(|prompt| (prompt.id, prompt.prompt)).collect(),
        StudyKind::Classification => {
            let texts: Vec<LabelledText> = whole_file::read_lines(&side.study.data_file("test.jsonl"))?;
            texts.into_iter().map(|text| (text.id, text.text)).collect()
        }
    };
    let mut measured = Measured::default();
    for cell in side.recipe.inspected_cells().into_iter().filter(|cell| cell.arm == arm) {
        let lines: Vec<ExampleDivergence> = whole_file::read_lines(&side.study.cell_file(cell, "divergence.jsonl"))?;
        for ExampleDivergence { id, template, prompt_end, continuation, .. } in lines {
            let Some(text) = texts.get(&id) else { continue };
            let cluster = template.as_deref().unwrap_or(text);
            let finite = |one: Divergences| Some(one.kl).filter(|kl| kl.is_finite());
            for (observations, kl) in measured.iter_mut().zip([finite(prompt_end), continuation.and_then(finite)]) {
                if let Some(kl) = kl {
                    observe(observations, text, cluster, kl);
                }
            }
        }
    }
    Ok(measured)
}
