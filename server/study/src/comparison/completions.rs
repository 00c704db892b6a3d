//! Completions of the same prompt text side by side, a page at a time.

use super::{Side, in_all, known_group};
use crate::{StudyError, whole_file};
use rankscope_domain::{
    FieldErrors,
    comparison::{ComparedArm, ComparedCompletions, ComparedPrompt, Comparison, CompletionComparison, letter},
    comparison_query::{ComparisonQuery, ComparisonView, PromptScope},
    completion::{Completion, Judgement, Prompt, Verdict},
    snapshot::{EveryPrompt, PromptRow},
    view::JudgedCompletion,
};
use std::collections::{BTreeSet, HashMap};

/// Prompts a page: fewer than of one study, since more stands beside each.
const PAGE_SIZE: u32 = 10;

pub(super) fn page(comparison: &mut Comparison, sides: &[Side], query: &ComparisonQuery) -> Result<CompletionComparison, StudyError> {
    let all = every_prompt(comparison, sides)?;
    Ok(choose(&all, query, &mut comparison.problems))
}

pub(super) fn every_prompt(comparison: &Comparison, sides: &[Side]) -> Result<EveryPrompt, StudyError> {
    let studies: Vec<usize> = (0..sides.len()).filter(|&study| comparison.studies[study].has(ComparisonView::Completions)).collect();
    let mut prompts: Vec<Vec<Prompt>> = Vec::new();
    for &study in &studies {
        prompts.push(sides[study].study.prompts()?);
    }
    let columns: Vec<ComparedArm> = comparison.shown().into_iter().filter(|arm| studies.contains(&arm.study)).collect();
    let mut rows = aligned(&prompts, &columns);
    for (column, of) in columns.iter().enumerate() {
        let of_study = studies.iter().position(|study| *study == of.study).unwrap_or_default();
        fill(&mut rows, column, &sides[of.study], *of, &prompts[of_study])?;
    }
    let in_every: Vec<BTreeSet<&str>> = prompts.iter().map(|list| list.iter().map(|prompt| prompt.prompt.as_str()).collect()).collect();
    let row = |prompt: ComparedPrompt| PromptRow { in_every: in_every.iter().all(|texts| texts.contains(prompt.prompt.as_str())), prompt };
    let notes = (0..sides.len())
        .filter(|study| !studies.contains(study))
        .map(|study| format!("{} classifies texts and completes no prompts.", letter(study)));
    Ok(EveryPrompt {
        notes: notes.collect(),
        groups: in_all(&prompts.iter().map(|list| groups_of(list)).collect::<Vec<_>>()),
        rows: rows.into_iter().map(row).collect(),
        studies,
    })
}

/// The prompts that a query asks for, a page of them; a group that is not there is told in `problems`.
pub(crate) fn choose(all: &EveryPrompt, query: &ComparisonQuery, problems: &mut FieldErrors) -> CompletionComparison {
    let group = known_group(problems, query.group.as_ref(), &all.groups);
    let of_group: Vec<&PromptRow> = all.rows.iter().filter(|row| group.as_ref().is_none_or(|group| row.prompt.group == *group)).collect();
    let meets = |row: &&&PromptRow, scope: PromptScope| match scope {
        PromptScope::All => true,
        PromptScope::Common => row.in_every,
        PromptScope::Differing => row.in_every && differs(&row.prompt),
    };
    let counts = PromptScope::ALL.map(|scope| of_group.iter().filter(|row| meets(row, scope)).count() as u32).to_vec();
    let chosen: Vec<&PromptRow> = of_group.iter().filter(|row| meets(row, query.prompts)).copied().collect();
    let total = chosen.len() as u32;
    let pages = total.div_ceil(PAGE_SIZE).max(1);
    let page = query.page.min(pages - 1);
    if page < query.page {
        let there_are = if pages == 1 { "is one page".to_string() } else { format!("are {pages} pages") };
        problems.push("page", u64::from(query.page) + 1, format!("There {there_are} of this choice; the last is shown."));
    }
    let skipped = (page * PAGE_SIZE) as usize;
    CompletionComparison {
        studies: all.studies.clone(),
        rows: chosen.iter().skip(skipped).take(PAGE_SIZE as usize).map(|row| row.prompt.clone()).collect(),
        scope: query.prompts,
        counts,
        groups: all.groups.clone(),
        group,
        page,
        page_size: PAGE_SIZE,
        total,
        notes: all.notes.clone(),
    }
}

fn groups_of(prompts: &[Prompt]) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    for prompt in prompts {
        if !groups.contains(&prompt.group) {
            groups.push(prompt.group.clone());
        }
    }
    groups
}

/// One row a text, in the order in which studies first have it.
fn aligned(prompts: &[Vec<Prompt>], columns: &[ComparedArm]) -> Vec<ComparedPrompt> {
    let mut known = BTreeSet::new();
    let mut rows = Vec::new();
    for prompt in prompts.iter().flatten() {
        if known.insert(prompt.prompt.as_str()) {
            let empty = |of: &ComparedArm| ComparedCompletions { of: *of, completions: Vec::new() };
            rows.push(ComparedPrompt {
                prompt: prompt.prompt.clone(),
                group: prompt.group.clone(),
                category: prompt.category.clone(),
                columns: columns.iter().map(empty).collect(),
            });
        }
    }
    rows
}

/// The completions of one arm, over its seeds.
fn fill(rows: &mut [ComparedPrompt], column: usize, side: &Side, of: ComparedArm, prompts: &[Prompt]) -> Result<(), StudyError> {
    let places: HashMap<String, usize> = rows.iter().enumerate().map(|(place, row)| (row.prompt.clone(), place)).collect();
    let by_id: HashMap<u32, usize> = prompts.iter().filter_map(|prompt| Some((prompt.id, *places.get(&prompt.prompt)?))).collect();
    for cell in side.recipe.cells().into_iter().filter(|cell| cell.arm == of.arm) {
        let judgements: Vec<Judgement> = whole_file::read_lines(&side.study.cell_file(cell, "judgements.jsonl"))?;
        let mut judgements: HashMap<(u32, u32), Judgement> =
            judgements.into_iter().map(|judgement| ((judgement.prompt_id, judgement.sample), judgement)).collect();
        let completions: Vec<Completion> = whole_file::read_lines(&side.study.cell_file(cell, "completions.jsonl"))?;
        for completion in completions {
            if let Some(&row) = by_id.get(&completion.prompt_id) {
                let judgement = judgements.remove(&(completion.prompt_id, completion.sample));
                rows[row].columns[column].completions.push(JudgedCompletion { cell, completion, judgement });
            }
        }
    }
    Ok(())
}

/// Toxic in one column, and in another judged and never toxic.
fn differs(row: &ComparedPrompt) -> bool {
    let verdicts = |column: &ComparedCompletions| -> Option<bool> {
        let read: Vec<Verdict> = column
            .completions
            .iter()
            .filter_map(|one| Some(one.judgement.as_ref()?.verdict))
            .filter(|verdict| *verdict != Verdict::Unparsable)
            .collect();
        (!read.is_empty()).then(|| read.contains(&Verdict::Toxic))
    };
    let found: Vec<bool> = row.columns.iter().filter_map(verdicts).collect();
    found.contains(&true) && found.contains(&false)
}
