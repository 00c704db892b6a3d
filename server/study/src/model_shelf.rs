//! The models of a study, each loaded once: the base, the writer and the judge are often the same.

use crate::{
    Environment, StudyError,
    hub::{self, CachedModel, HubSettings, HubSource},
    model_source,
};
use rankscope_domain::{estimate::ModelSummary, recipe::DEFAULT_MODEL};
use rankscope_engine::{Model, ModelInfo, Processor};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(crate) struct ModelShelf {
    default_model: PathBuf,
    hub: HubSettings,
    /// The commits of models of the hub that the study began with, by their source.
    pinned: HashMap<String, String>,
    processor: Processor,
    models: HashMap<PathBuf, Arc<Model>>,
    hashes: HashMap<PathBuf, String>,
}

impl ModelShelf {
    pub(crate) fn new(environment: &Environment) -> Self {
        Self {
            default_model: environment.default_model.clone(),
            hub: HubSettings::from_environment(),
            pinned: HashMap::new(),
            processor: environment.processor,
            models: HashMap::new(),
            hashes: HashMap::new(),
        }
    }

    /// From now on the source is the commit that the summary names, whatever its revision has become since.
    pub(crate) fn pin(&mut self, summary: &ModelSummary) {
        if let Some(commit) = &summary.revision {
            self.pinned.insert(summary.source.clone(), commit.clone());
        }
    }

    /// The model of the hub that a source names, at the commit that the study began with.
    pub(crate) fn hub_source(&self, source: &str) -> Option<HubSource> {
        let hub = model_source::hub_source(source, Path::new(""))?;
        Some(self.pinned.get(source).map_or_else(|| hub.clone(), |commit| hub.at(commit)))
    }

    pub(crate) fn hub_settings(&self) -> &HubSettings {
        &self.hub
    }

    fn cached(&self, source: &str) -> Option<CachedModel> {
        hub::cached(&self.hub_source(source)?, &self.hub)
    }

    /// Whether it is the hub's, and has to be fetched first.
    pub(crate) fn is_to_be_fetched(&self, source: &str) -> Option<HubSource> {
        self.hub_source(source).filter(|hub| hub::cached(hub, &self.hub).is_none())
    }

    /// Where a source of the recipe lies. One that has to be fetched lies nowhere yet.
    pub(crate) fn path(&self, source: &str) -> PathBuf {
        if source == DEFAULT_MODEL {
            return self.default_model.clone();
        }
        self.cached(source).map_or_else(|| source.into(), |model| model.path)
    }

    pub(crate) fn model(&mut self, path: &Path) -> Result<Arc<Model>, StudyError> {
        if let Some(model) = self.models.get(path) {
            return Ok(Arc::clone(model));
        }
        let model = Arc::new(Model::open_on(path, self.processor).map_err(StudyError::from_engine)?);
        self.models.insert(path.into(), Arc::clone(&model));
        Ok(model)
    }

    /// What the files of a source say, weights unread.
    pub(crate) fn inspect(&self, source: &str) -> Result<ModelInfo, StudyError> {
        model_source::inspect(&self.path(source), self.hub_source(source).as_ref())
    }

    /// What the files say of a source, with the hash of its weights and, from the hub, its commit.
    pub(crate) fn summary(&mut self, source: &str) -> Result<ModelSummary, StudyError> {
        let path = self.path(source);
        let info = self.inspect(source)?;
        if !self.hashes.contains_key(&path) {
            let hash = rankscope_engine::hash_model(&path).map_err(StudyError::from_engine)?;
            self.hashes.insert(path.clone(), hash);
        }
        let summary = summarise(source, &info, &self.hashes[&path]);
        Ok(ModelSummary { revision: self.cached(source).map(|model| model.commit), ..summary })
    }
}

/// The engine's description in the domain's words.
pub(crate) fn summarise(source: &str, info: &ModelInfo, sha256: &str) -> ModelSummary {
    ModelSummary {
        source: source.into(),
        name: info.name.clone(),
        kind: info.kind.clone(),
        parameters: info.parameters,
        layers: info.layers as u32,
        hidden_size: info.hidden_size as u32,
        vocab_size: info.vocab_size as u32,
        sha256: sha256.into(),
        dtype: info.dtype.clone(),
        licence: info.licence.clone(),
        revision: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_source_is_its_commit_whatever_the_revision_has_become() {
        let mut shelf = ModelShelf::new(&Environment {
            default_model: "/none".into(),
            memory_limit_bytes: None,
            processor: Processor::Cpu,
            datasets: PathBuf::new(),
        });
        let source = "hf:no-such-org/no-such-model@main";
        assert_eq!(shelf.hub_source(source).unwrap().revision, "main");
        let commit = "607a30d783dfa663caf39e06633721c8d4cfcd7e";
        shelf.pin(&ModelSummary { source: source.into(), revision: Some(commit.into()), ..ModelSummary::default() });
        assert_eq!(shelf.hub_source(source).unwrap().revision, commit);
        assert_eq!(shelf.hub_source("hf:no-such-org/no-such-model@v1").unwrap().revision, "v1");
        assert!(shelf.hub_source("/a/path").is_none());
    }
}
