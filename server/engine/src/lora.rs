//! LoRA: what an adapter is, how it starts, and PEFT's files.

use crate::{EngineError, Model};
use std::path::Path;

/// PEFT's names.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraConfig {
    pub r: usize,
    pub lora_alpha: f64,
    pub use_rslora: bool,
    /// `["all-linear"]`, or names of projections such as `q_proj`.
    pub target_modules: Vec<String>,
}

/// One arm's adapter, f32.
#[derive(Debug, Clone)]
pub struct Lora {}

impl Lora {
    /// `A` by PEFT's rule (Kaiming uniform, a = sqrt 5) from `seed`, `B` zero.
    pub fn new(_model: &Model, _config: &LoraConfig, _seed: u64) -> Result<Self, EngineError> {
        unimplemented!()
    }

    /// Writes `adapter_config.json` and `adapter_model.safetensors` as PEFT does; `base` is written as the base model's name.
    pub fn save(&self, _directory: &Path, _base: &str) -> Result<(), EngineError> {
        unimplemented!()
    }

    /// Reads an adapter that this program or PEFT wrote; every shape is checked against the model.
    pub fn load(_directory: &Path, _model: &Model) -> Result<Self, EngineError> {
        unimplemented!()
    }

    pub fn config(&self) -> &LoraConfig {
        unimplemented!()
    }

    pub fn trainable_parameters(&self) -> u64 {
        unimplemented!()
    }

    /// `W + scaling B A` for every adapted layer: a model without adapter that computes the same.
    pub fn merge(&self, _model: &Model) -> Result<Model, EngineError> {
        unimplemented!()
    }
}
