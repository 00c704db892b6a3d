//! `provenance.json`: what made a study, so that someone else can make it again.

use crate::estimate::ModelSummary;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Provenance {
    pub rankscope_version: String,
    /// SHA-256 of `recipe.toml`.
    pub recipe_sha256: String,
    pub model: ModelSummary,
    /// The writer of counterfactuals, where it is not the base model.
    pub counterfactual_model: Option<ModelSummary>,
    pub judge_model: Option<ModelSummary>,
    /// Input files: path as the recipe gives it, and SHA-256.
    pub files: Vec<FileHash>,
    /// SHA-256 of the built-in prompts and lexicon that were used.
    pub builtin: Vec<FileHash>,
    /// RFC 3339, UTC.
    pub started_at: String,
    pub host: Host,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FileHash {
    pub name: String,
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Host {
    pub os: String,
    pub arch: String,
    pub cpu: String,
    pub threads: u32,
    pub memory_bytes: Option<u64>,
    /// What the study was given of it: LoRA arms are trained in groups that fit.
    #[serde(default)]
    pub memory_limit_bytes: Option<u64>,
    /// What the models computed on when the study began: `cpu`, or `cuda:0` with the GPU's name.
    pub device: String,
}

/// `imported.json`: that a study was taken in from an archive. Its provenance is that of where it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ImportNote {
    /// RFC 3339, UTC.
    pub imported_at: String,
    /// Of the program that wrote the archive.
    pub rankscope_version: String,
    pub archive_sha256: String,
}
