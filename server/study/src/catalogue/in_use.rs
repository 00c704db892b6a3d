//! Which studies still need a model.

use super::Catalogue;
use crate::{Study, hub::HubSource};
use rankscope_domain::{
    Recipe,
    model::ModelEntry,
    recipe::{CounterfactualSource, DEFAULT_MODEL, JudgeKind},
};
use std::path::Path;

/// Names of the studies below `studies` that are not finished and use this model.
pub fn unfinished_studies(catalogue: &Catalogue, studies: &Path, model: &ModelEntry) -> Vec<String> {
    let folders = std::fs::read_dir(studies).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut names: Vec<String> = folders
        .filter(|folder| folder.join("recipe.toml").is_file() && !folder.join("results.json").is_file())
        .filter_map(|folder| Study::open(&folder).ok()?.recipe().ok())
        .filter(|recipe| sources(recipe).into_iter().any(|source| is_same(catalogue, source, model)))
        .map(|recipe| recipe.name)
        .collect();
    names.sort();
    names
}

fn sources(recipe: &Recipe) -> Vec<&str> {
    let mut sources = vec![recipe.model.source.as_str()];
    if recipe.judge.kind == JudgeKind::Model {
        sources.extend(recipe.judge.model.as_deref());
    }
    if recipe.counterfactuals.source == CounterfactualSource::Model {
        sources.extend(recipe.counterfactuals.model.as_deref());
    }
    sources
}

/// Two revisions of a repository count as one where they may be the same commit: better to refuse once too often.
fn is_same(catalogue: &Catalogue, source: &str, model: &ModelEntry) -> bool {
    if source == model.source || source == model.path {
        return true;
    }
    if source == DEFAULT_MODEL {
        return Path::new(&model.path) == catalogue.default_model;
    }
    let (Ok(used), Ok(listed)) = (source.parse::<HubSource>(), model.source.parse::<HubSource>()) else { return false };
    let commit = model.details.as_ref().and_then(|details| details.summary.revision.clone());
    let used_commit = crate::hub::cached(&used, &catalogue.hub).map(|model| model.commit);
    used.repo == listed.repo && (used.revision == listed.revision || (used_commit.is_some() && used_commit == commit))
}
