//! A model: its weights, config, tokenizer and chat template.

use crate::{EngineError, chat::ChatTemplate, tokenizer::TextTokenizer};
use std::path::Path;

/// What the files say of a model before its weights are loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// `llama`, …
    pub kind: String,
    pub name: String,
    pub parameters: u64,
    pub layers: usize,
    pub hidden_size: usize,
    pub vocab_size: usize,
    /// Longest sequence, tokens.
    pub max_position_embeddings: usize,
    /// As stored: `Q4_1`, `F32`.
    pub dtype: String,
    pub licence: Option<String>,
    /// Every linear layer that LoRA can be put on: (module name, out, in).
    pub linear_layers: Vec<(String, usize, usize)>,
    pub has_chat_template: bool,
}

/// A model in memory, f32.
#[derive(Debug, Clone)]
pub struct Model {}

/// Reads what a GGUF file or a Hugging Face directory says of itself; refuses kinds we don't know.
pub fn inspect(_path: &Path) -> Result<ModelInfo, EngineError> {
    unimplemented!()
}

/// SHA-256 of the weights (of the shards in the order of their names), hex.
pub fn hash_model(_path: &Path) -> Result<String, EngineError> {
    unimplemented!()
}

impl Model {
    /// Loads a GGUF file or a Hugging Face directory; weights become f32.
    pub fn open(_path: &Path) -> Result<Self, EngineError> {
        unimplemented!()
    }

    /// Writes a Hugging Face directory (config.json, model.safetensors, tokenizer.json), whole or not at all.
    pub fn save(&self, _directory: &Path) -> Result<(), EngineError> {
        unimplemented!()
    }

    pub fn info(&self) -> &ModelInfo {
        unimplemented!()
    }

    pub fn tokenizer(&self) -> &TextTokenizer {
        unimplemented!()
    }

    pub fn chat_template(&self) -> &ChatTemplate {
        unimplemented!()
    }
}
