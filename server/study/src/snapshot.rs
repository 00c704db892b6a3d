//! What a share link shows of a study: read from its directory, and passed through an allow-list.

mod allow_list;
mod compared;
mod comparison;
#[cfg(test)]
mod comparison_tests;
#[cfg(test)]
mod tests;

pub use comparison::{FreezeProblem, comparison_snapshot, shared_comparison};

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
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};

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
            to_label: None,
        };
        Ok(Some(Snapshot {
            schema: SNAPSHOT_SCHEMA,
            rankscope_version: env!("CARGO_PKG_VERSION").into(),
            frozen_at,
            anonymous: scope.anonymous,
            content: SnapshotContent::Study(Box::new(content)),
        }))
    }

    /// A copy for those who may label completions: it has none of them, but what stands for each. `None`: the study has no results yet.
    pub fn snapshot_to_label(&self, anonymous: bool, frozen_at: String) -> Result<Option<Snapshot>, StudyError> {
        let Some(mut snapshot) = self.snapshot(ShareScope { anonymous, completions: false }, frozen_at)? else { return Ok(None) };
        if let SnapshotContent::Study(study) = &mut snapshot.content {
            study.to_label = self.label_keys(&self.recipe()?)?;
        }
        Ok(Some(snapshot))
    }

    /// Of every completion. `None`: a study of this kind has none.
    fn label_keys(&self, recipe: &Recipe) -> Result<Option<Vec<String>>, StudyError> {
        let prompts: HashMap<u32, String> = self.prompts()?.into_iter().map(|prompt| (prompt.id, prompt.prompt)).collect();
        if prompts.is_empty() {
            return Ok(None);
        }
        let mut keys = BTreeSet::new();
        for cell in recipe.cells() {
            let completions: Vec<Completion> = whole_file::read_lines(&self.cell_file(cell, "completions.jsonl"))?;
            let key = |completion: Completion| prompts.get(&completion.prompt_id).map(|prompt| label_key(prompt, &completion.text));
            keys.extend(completions.into_iter().filter_map(key));
        }
        Ok(Some(keys.into_iter().collect()))
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

/// What stands for a completion in a copy that has no completions: SHA-256, hex, of the prompt's length, the prompt and the text.
pub fn label_key(prompt: &str, text: &str) -> String {
    let mut hash = Sha256::new();
    hash.update((prompt.len() as u64).to_le_bytes());
    hash.update(prompt.as_bytes());
    hash.update(text.as_bytes());
    whole_file::hex(&hash.finalize())
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
