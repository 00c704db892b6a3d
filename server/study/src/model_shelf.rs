//! The models of a study, each loaded once: the base, the writer and the judge are often the same.

use crate::{Environment, StudyError};
use rankscope_domain::{estimate::ModelSummary, recipe::DEFAULT_MODEL};
use rankscope_engine::{Model, ModelInfo};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(crate) struct ModelShelf {
    default_model: PathBuf,
    models: HashMap<PathBuf, Arc<Model>>,
    hashes: HashMap<PathBuf, String>,
}

impl ModelShelf {
    pub(crate) fn new(environment: &Environment) -> Self {
        Self { default_model: environment.default_model.clone(), models: HashMap::new(), hashes: HashMap::new() }
    }

    /// Where a source of the recipe lies.
    pub(crate) fn path(&self, source: &str) -> PathBuf {
        if source == DEFAULT_MODEL { self.default_model.clone() } else { source.into() }
    }

    pub(crate) fn model(&mut self, path: &Path) -> Result<Arc<Model>, StudyError> {
        if let Some(model) = self.models.get(path) {
            return Ok(Arc::clone(model));
        }
        let model = Arc::new(Model::open(path).map_err(StudyError::from_engine)?);
        self.models.insert(path.into(), Arc::clone(&model));
        Ok(model)
    }

    /// What the files say of a source, with the hash of its weights.
    pub(crate) fn summary(&mut self, source: &str) -> Result<ModelSummary, StudyError> {
        let path = self.path(source);
        let info = rankscope_engine::inspect(&path).map_err(StudyError::from_engine)?;
        if !self.hashes.contains_key(&path) {
            let hash = rankscope_engine::hash_model(&path).map_err(StudyError::from_engine)?;
            self.hashes.insert(path.clone(), hash);
        }
        Ok(summarise(source, &info, &self.hashes[&path]))
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
    }
}
