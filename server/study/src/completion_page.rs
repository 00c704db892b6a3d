//! Pages of completions: filtered, counted, the arms of one prompt side by side.

use crate::{Study, StudyError, whole_file};
use rankscope_domain::{
    Arm, CellId, Recipe,
    completion::{Completion, Judgement, Prompt},
    inspection::ExampleDivergence,
    view::{CellDivergence, CompletionPage, CompletionQuery, JudgedCompletion, PromptRow},
};
use std::collections::{BTreeMap, HashMap};

/// Prompts a page.
const PAGE_SIZE: u32 = 20;

impl Study {
    pub fn completions(&self, query: &CompletionQuery) -> Result<CompletionPage, StudyError> {
        let recipe = self.recipe()?;
        let prompts = self.prompts()?;
        let mut judged = Vec::new();
        for cell in recipe.cells().into_iter().filter(|cell| wants(query, *cell)) {
            let judgements: Vec<Judgement> = whole_file::read_lines(&self.cell_file(cell, "judgements.jsonl"))?;
            let mut judgements: HashMap<(u32, u32), Judgement> =
                judgements.into_iter().map(|judgement| ((judgement.prompt_id, judgement.sample), judgement)).collect();
            let completions: Vec<Completion> = whole_file::read_lines(&self.cell_file(cell, "completions.jsonl"))?;
            judged.extend(completions.into_iter().map(|completion| {
                let judgement = judgements.remove(&(completion.prompt_id, completion.sample));
                JudgedCompletion { cell, completion, judgement }
            }));
        }
        let divergences = match query.prompt_id {
            Some(prompt) => self.divergences_of(prompt, &recipe)?,
            None => Vec::new(),
        };
        let judged = judged.iter().map(|one| Found { cell: one.cell, completion: &one.completion, judgement: one.judgement.as_ref() });
        Ok(CompletionPage { divergences, ..page(&prompts, judged, recipe.all_arms(), recipe.seeds, query) })
    }

    /// What the cells that were looked into make of one prompt or test example, in the order of figures.
    pub(crate) fn divergences_of(&self, example: u32, recipe: &Recipe) -> Result<Vec<CellDivergence>, StudyError> {
        let mut found = self.divergences(recipe)?;
        found.retain(|one| one.divergence.id == example);
        Ok(found)
    }

    /// Of every example, cells in the order of figures.
    pub(crate) fn divergences(&self, recipe: &Recipe) -> Result<Vec<CellDivergence>, StudyError> {
        let mut cells = recipe.inspected_cells();
        cells.sort_unstable();
        let mut found = Vec::new();
        for cell in cells {
            let lines: Vec<ExampleDivergence> = whole_file::read_lines(&self.cell_file(cell, "divergence.jsonl"))?;
            found.extend(lines.into_iter().map(|divergence| CellDivergence { cell, divergence }));
        }
        Ok(found)
    }
}

/// Whether a query is after anything of a cell.
pub(crate) fn wants(query: &CompletionQuery, cell: CellId) -> bool {
    query.arm.is_none_or(|arm| arm == cell.arm) && query.seed.is_none_or(|seed| seed == cell.seed)
}

/// A completion and its judgement where they lie: what is not on the page is never copied.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) cell: CellId,
    pub(crate) completion: &'a Completion,
    pub(crate) judgement: Option<&'a Judgement>,
}

impl Found<'_> {
    fn to_owned(self) -> JudgedCompletion {
        JudgedCompletion { cell: self.cell, completion: self.completion.clone(), judgement: self.judgement.cloned() }
    }
}

/// One page of `judged`, those of the cells that the query wants, in the order of figures; without divergences.
pub(crate) fn page<'a>(
    prompts: &'a [Prompt],
    judged: impl IntoIterator<Item = Found<'a>>,
    arms: Vec<Arm>,
    seeds: Vec<u64>,
    query: &CompletionQuery,
) -> CompletionPage {
    let mut groups: Vec<String> = Vec::new();
    for prompt in prompts {
        if !groups.contains(&prompt.group) {
            groups.push(prompt.group.clone());
        }
    }
    let mut found: BTreeMap<u32, Vec<Found<'a>>> = BTreeMap::new();
    for one in judged {
        let is_of_prompt = query.prompt_id.is_none_or(|id| id == one.completion.prompt_id);
        let is_sample = query.sample.is_none_or(|sample| sample == one.completion.sample);
        let has_verdict = query.verdict.is_none_or(|verdict| one.judgement.is_some_and(|judgement| judgement.verdict == verdict));
        if is_of_prompt && is_sample && has_verdict {
            found.entry(one.completion.prompt_id).or_default().push(one);
        }
    }
    let mut rows: Vec<(&Prompt, Vec<Found<'a>>)> = Vec::new();
    for prompt in prompts {
        if query.group.as_ref().is_none_or(|group| *group == prompt.group)
            && let Some(completions) = found.remove(&prompt.id)
        {
            rows.push((prompt, completions));
        }
    }
    let total_prompts = rows.len() as u32;
    let total_completions = rows.iter().map(|(_, completions)| completions.len() as u32).sum();
    let skipped = query.page.saturating_mul(PAGE_SIZE) as usize;
    let to_row = |(prompt, completions): (&Prompt, Vec<Found<'a>>)| PromptRow {
        prompt: prompt.clone(),
        completions: completions.into_iter().map(Found::to_owned).collect(),
    };
    CompletionPage {
        rows: rows.into_iter().skip(skipped).take(PAGE_SIZE as usize).map(to_row).collect(),
        total_prompts,
        total_completions,
        page: query.page,
        page_size: PAGE_SIZE,
        arms,
        groups,
        seeds,
        divergences: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::{completion::Verdict, recipe::ArmSpec};

    fn study(directory: &std::path::Path) -> Study {
        let mut recipe = Recipe::from_toml("name = \"x\"\nseeds = [0]").unwrap();
        recipe.arms = vec![ArmSpec::full(1e-4)];
        let study = Study::create(&directory.join("study"), &recipe).unwrap();
        let prompts: Vec<_> = (0..30)
            .map(|id| Prompt {
                id,
                prompt: format!("p{id}"),
                group: if id < 10 { "a".into() } else { "b".into() },
                category: String::new(),
                template: String::new(),
                identity: String::new(),
            })
            .collect();
        whole_file::write_lines(&study.prompts_path(), &prompts).unwrap();
        for arm in [Arm::Original, Arm::Full] {
            let cell = CellId::new(arm, 0);
            let completions: Vec<_> = (0..30)
                .flat_map(|prompt_id| {
                    (0..2).map(move |sample| Completion { prompt_id, sample, text: " x".into(), new_tokens: 1, finished: true })
                })
                .collect();
            whole_file::write_lines(&study.cell_file(cell, "completions.jsonl"), &completions).unwrap();
            if arm == Arm::Original {
                let judgements: Vec<_> = completions
                    .iter()
                    .map(|completion| Judgement {
                        prompt_id: completion.prompt_id,
                        sample: completion.sample,
                        verdict: if completion.prompt_id % 5 == 0 && completion.sample == 0 { Verdict::Toxic } else { Verdict::NonToxic },
                        matched: Vec::new(),
                        explanation: String::new(),
                    })
                    .collect();
                whole_file::write_lines(&study.cell_file(cell, "judgements.jsonl"), &judgements).unwrap();
            }
        }
        study
    }

    #[test]
    fn pages_are_filtered_and_counted() {
        let directory = tempfile::tempdir().unwrap();
        let study = study(directory.path());
        let check = |query: CompletionQuery, rows: usize, prompts: u32, completions: u32| {
            let page = study.completions(&query).unwrap();
            assert_eq!((page.rows.len(), page.total_prompts, page.total_completions), (rows, prompts, completions), "{query:?}");
        };
        let all = CompletionQuery::default;
        check(all(), 20, 30, 120);
        check(CompletionQuery { page: 1, ..all() }, 10, 30, 120);
        check(CompletionQuery { page: u32::MAX, ..all() }, 0, 30, 120);
        check(CompletionQuery { arm: Some(Arm::Full), ..all() }, 20, 30, 60);
        check(CompletionQuery { arm: Some(Arm::Lora(4)), ..all() }, 0, 0, 0);
        check(CompletionQuery { group: Some("a".into()), ..all() }, 10, 10, 40);
        check(CompletionQuery { verdict: Some(Verdict::Toxic), ..all() }, 6, 6, 6);
        check(CompletionQuery { prompt_id: Some(5), ..all() }, 1, 1, 4);
        check(CompletionQuery { seed: Some(9), ..all() }, 0, 0, 0);
        let page = study.completions(&CompletionQuery { prompt_id: Some(5), ..all() }).unwrap();
        let row: Vec<_> = page.rows[0].completions.iter().map(|entry| (entry.cell.arm, entry.completion.sample)).collect();
        assert_eq!(row, [(Arm::Original, 0), (Arm::Original, 1), (Arm::Full, 0), (Arm::Full, 1)]);
        assert!(page.rows[0].completions[3].judgement.is_none());
    }
}
