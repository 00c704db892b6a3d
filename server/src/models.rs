//! The models that the form offers: the default one, and what else lies in the models directory.

use crate::config::models_dir;
use rankscope_domain::{estimate::ModelSummary, recipe::DEFAULT_MODEL, view::ModelChoice};
use std::path::{Path, PathBuf};

/// The models that are there and can be read, the default one first. Blocks.
pub fn find(default_model: &Path) -> Vec<ModelChoice> {
    let mut choices: Vec<_> = choice(DEFAULT_MODEL, default_model).into_iter().collect();
    let mut paths: Vec<PathBuf> = models_dir()
        .and_then(|directory| std::fs::read_dir(directory).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path != default_model && looks_like_a_model(path))
        .collect();
    paths.sort();
    choices.extend(paths.iter().filter_map(|path| choice(path.to_str()?, path)));
    choices
}

fn looks_like_a_model(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gguf") || path.join("config.json").is_file()
}

fn choice(source: &str, path: &Path) -> Option<ModelChoice> {
    let info = rankscope_engine::inspect(path).inspect_err(|error| tracing::info!(%error, "not offered in the form")).ok()?;
    let summary = ModelSummary {
        source: source.into(),
        name: info.name,
        kind: info.kind,
        parameters: info.parameters,
        layers: info.layers as u32,
        hidden_size: info.hidden_size as u32,
        vocab_size: info.vocab_size as u32,
        sha256: String::new(), // told in the results; hashing takes long for a large model
        dtype: info.dtype,
        licence: info.licence,
    };
    Some(ModelChoice { source: source.into(), summary })
}
