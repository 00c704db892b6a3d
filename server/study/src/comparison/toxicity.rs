//! Toxic shares: paired by the prompt's text, clustered by template, as within a study.

use super::{
    Side, in_all, known_group, notes,
    observations::{Observations, Quantity, contrast, family, observe, shared},
    pairs::Pairs,
};
use crate::{StudyError, whole_file};
use rankscope_domain::{
    Arm,
    comparison::{ComparedArm, Comparison, ContrastTable, Pairing},
    comparison_query::{ComparisonQuery, ComparisonView},
    completion::{Judgement, Prompt, Verdict},
};
use std::collections::{BTreeMap, HashMap, btree_map::Entry};

/// What was read of the studies, whichever group it is counted within.
#[derive(Default)]
pub(super) struct Read {
    prompts: BTreeMap<usize, Vec<Prompt>>,
    judgements: BTreeMap<ComparedArm, Vec<Judgement>>,
}

pub(super) fn table(
    comparison: &mut Comparison,
    sides: &[Side],
    query: &ComparisonQuery,
    against: Option<ComparedArm>,
    pairs: &Pairs<'_>,
    read: &mut Read,
) -> Result<ContrastTable, StudyError> {
    let studies: Vec<usize> = (0..sides.len()).filter(|&study| comparison.studies[study].has(ComparisonView::Toxicity)).collect();
    let of_results = |study: &usize| sides[*study].results.as_ref().map(|results| results.groups.clone()).unwrap_or_default();
    let groups = in_all(&studies.iter().map(of_results).collect::<Vec<_>>());
    let group = known_group(&mut comparison.problems, query.group.as_ref(), &groups);

    let wanted = pairs(comparison, &studies, against);
    let Read { prompts, judgements } = read;
    let mut seen: BTreeMap<ComparedArm, Observations> = BTreeMap::new();
    for arm in wanted.iter().flat_map(|(of, against)| [*of, *against]) {
        let side = &sides[arm.study];
        if let Entry::Vacant(free) = prompts.entry(arm.study) {
            free.insert(side.study.prompts()?);
        }
        if let Entry::Vacant(free) = judgements.entry(arm) {
            free.insert(judgements_of(side, arm.arm)?);
        }
        if let Entry::Vacant(free) = seen.entry(arm) {
            free.insert(verdicts(&judgements[&arm], &prompts[&arm.study], group.as_deref()));
        }
    }
    let contrasts =
        wanted.iter().filter_map(|(of, against)| contrast((*of, &seen[of]), (*against, &seen[against]), Quantity::Share)).collect();
    let mut pairings: Vec<Pairing> = Vec::new();
    for (of, against) in &wanted {
        if !pairings.iter().any(|known| (known.study, known.against) == (of.study, against.study)) {
            let texts =
                |study: usize| prompts[&study].iter().filter(|prompt| is_of(prompt, group.as_deref())).map(|prompt| prompt.prompt.as_str());
            let counted = shared(texts(of.study), texts(against.study));
            pairings.push(notes::pairing(of.study, against.study, "prompts", "template", counted));
        }
    }
    let told = [notes::models(&studies, sides), notes::judges(&studies, sides), notes::generation(&studies, sides)];
    Ok(ContrastTable {
        families: vec![family("toxic share", contrasts)],
        notes: told.into_iter().flatten().collect(),
        studies,
        groups,
        group,
        pairings,
        ..ContrastTable::default()
    })
}

fn is_of(prompt: &Prompt, group: Option<&str>) -> bool {
    group.is_none_or(|group| prompt.group == group)
}

/// Over the seeds of an arm.
fn judgements_of(side: &Side, arm: Arm) -> Result<Vec<Judgement>, StudyError> {
    let mut judgements = Vec::new();
    for cell in side.recipe.cells().into_iter().filter(|cell| cell.arm == arm) {
        judgements.extend(whole_file::read_lines::<Judgement>(&side.study.cell_file(cell, "judgements.jsonl"))?);
    }
    Ok(judgements)
}

/// Over the seeds and samples of an arm; unparsable answers are left out, as everywhere.
fn verdicts(judgements: &[Judgement], prompts: &[Prompt], group: Option<&str>) -> Observations {
    let by_id: HashMap<u32, &Prompt> = prompts.iter().filter(|prompt| is_of(prompt, group)).map(|prompt| (prompt.id, prompt)).collect();
    let mut observations = Observations::new();
    for judgement in judgements.iter().filter(|judgement| judgement.verdict != Verdict::Unparsable) {
        if let Some(prompt) = by_id.get(&judgement.prompt_id) {
            observe(&mut observations, &prompt.prompt, &prompt.template, f64::from(u8::from(judgement.verdict == Verdict::Toxic)));
        }
    }
    observations
}
