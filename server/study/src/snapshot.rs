//! What a share link shows of a study: read from its directory, and passed through an allow-list.

mod allow_list;
#[cfg(test)]
mod tests;

use crate::{
    Study, StudyError,
    completion_page::{self, Found},
    whole_file,
};
use allow_list::AllowList;
use rankscope_domain::{
    Recipe,
    completion::{Completion, Judgement},
    snapshot::{JudgedText, SNAPSHOT_SCHEMA, SharedCell, SharedCompletions, SharedStudy, Snapshot, SnapshotContent},
    view::{CompletionPage, CompletionQuery},
};
use std::collections::HashMap;

/// How much of a study a share shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareScope {
    /// For blind review: names of people, institutions, files and models are left out.
    pub anonymous: bool,
    /// Whether what models wrote is shown.
    pub completions: bool,
}

impl Study {
    /// A copy of the study to be shared; `None`: it has no results yet. `frozen_at`: RFC 3339, UTC.
    pub fn snapshot(&self, scope: ShareScope, frozen_at: String) -> Result<Option<Snapshot>, StudyError> {
        let Some(results) = self.results()? else { return Ok(None) };
        let recipe = self.recipe()?;
        let cells = recipe.cells();
        let allow = AllowList { anonymous: scope.anonymous, completions: scope.completions };
        let completions = scope.completions.then(|| self.shared_completions(&allow, &recipe)).transpose()?.flatten();
        let lens = self.lens()?.into_iter().map(|reading| allow.lens(reading)).collect();
        let provenance = self.provenance()?;
        let recipe = allow.recipe(recipe);
        let recipe_toml = format!("{SHARED_RECIPE}{}", recipe.to_toml());
        let recipe_sha256 = whole_file::hash_text(&recipe_toml);
        let results = allow.results(results, &recipe, &recipe_sha256);
        let content = SharedStudy {
            summary: allow.summary(&recipe, &results, &cells),
            provenance: provenance.map(|provenance| allow.provenance(provenance, &recipe_sha256)),
            recipe_toml,
            results,
            lens,
            completions,
        };
        Ok(Some(Snapshot {
            schema: SNAPSHOT_SCHEMA,
            rankscope_version: env!("CARGO_PKG_VERSION").into(),
            frozen_at,
            anonymous: scope.anonymous,
            content: SnapshotContent::Study(Box::new(content)),
        }))
    }

    /// `None`: a study of this kind has none.
    fn shared_completions(&self, allow: &AllowList, recipe: &Recipe) -> Result<Option<SharedCompletions>, StudyError> {
        let prompts = self.prompts()?;
        if prompts.is_empty() {
            return Ok(None);
        }
        let mut shared = Vec::new();
        for cell in recipe.cells() {
            let judgements: Vec<Judgement> = whole_file::read_lines(&self.cell_file(cell, "judgements.jsonl"))?;
            let mut judgements: HashMap<(u32, u32), Judgement> =
                judgements.into_iter().map(|judgement| ((judgement.prompt_id, judgement.sample), judgement)).collect();
            let completions: Vec<Completion> = whole_file::read_lines(&self.cell_file(cell, "completions.jsonl"))?;
            let completions = completions
                .into_iter()
                .map(|completion| {
                    let judgement = judgements.remove(&(completion.prompt_id, completion.sample));
                    JudgedText {
                        completion: allow.completion(completion),
                        judgement: judgement.map(|judgement| allow.judgement(judgement)),
                    }
                })
                .collect();
            shared.push(SharedCell { cell, completions });
        }
        Ok(Some(SharedCompletions {
            prompts: prompts.into_iter().map(|prompt| allow.prompt(prompt)).collect(),
            cells: shared,
            divergences: self.divergences(recipe)?.into_iter().map(|found| allow.divergence(found)).collect(),
        }))
    }
}

/// A page of a shared study's completions; `None`: it was shared without.
pub fn shared_completion_page(study: &SharedStudy, query: &CompletionQuery) -> Option<CompletionPage> {
    let SharedCompletions { prompts, cells, divergences } = study.completions.as_ref()?;
    let wanted = cells.iter().filter(|shared| completion_page::wants(query, shared.cell));
    let judged = wanted.flat_map(|shared| shared.completions.iter().map(|text| (shared.cell, text)));
    let judged = judged.map(|(cell, text)| Found { cell, completion: &text.completion, judgement: text.judgement.as_ref() });
    let page = completion_page::page(prompts, judged, study.summary.arms.clone(), study.summary.seeds.clone(), query);
    let of_prompt = divergences.iter().filter(|found| Some(found.divergence.id) == query.prompt_id);
    Some(CompletionPage { divergences: of_prompt.cloned().collect(), ..page })
}

/// Stands above a shared recipe.
const SHARED_RECIPE: &str = "# As it was shared: files by their names alone; a judge's address, a memory limit and, in a share for blind review, names are left out.\n";
