//! Weights, config and tokenizer from files. Nothing here can run code: GGUF and safetensors are data, and a pickle is read without being executed.

pub(crate) mod gguf;
pub(crate) mod hugging_face;
mod names;
mod pickle;
mod rope_divisors;
mod unpickle;
mod weight_file;

use crate::{EngineError, chat::ChatTemplate, layout::Layout, tokenizer::TextTokenizer};
use candle_core::Tensor;
use std::path::Path;

/// What a model's files say before the weights are read.
pub(crate) struct Header {
    pub layout: Layout,
    pub name: String,
    pub dtype: String,
    pub licence: Option<String>,
    pub has_chat_template: bool,
}

/// All that is needed to compute.
pub(crate) struct Loaded {
    pub header: Header,
    /// In the order of the layout's parameters.
    pub weights: Vec<Tensor>,
    pub tokenizer: TextTokenizer,
    pub chat: ChatTemplate,
    /// Tokens that end an answer.
    pub eos: Vec<u32>,
    /// The file of an encoder has no pooler: it is made anew.
    pub new_pooler: bool,
}

/// Refuses a tensor of another shape, naming it.
pub(crate) fn check_shape(path: &Path, name: &str, found: &[usize], expected: &[usize]) -> Result<(), EngineError> {
    if found == expected {
        return Ok(());
    }
    Err(EngineError::BadWeights {
        path: path.into(),
        reason: format!("tensor {name} has shape {found:?}, the config asks for {expected:?}; the weights belong to another model"),
    })
}

/// Refuses a tokenizer whose tokens have no row in the embedding.
pub(crate) fn check_tokenizer(path: &Path, tokenizer: &TextTokenizer, layout: &Layout) -> Result<(), EngineError> {
    let (highest, rows) = (tokenizer.highest_token(), layout.config.vocab_size);
    if (highest as usize) < rows {
        return Ok(());
    }
    Err(EngineError::BadTokenizer {
        path: path.into(),
        reason: format!(
            "the tokenizer does not match the weights: its highest token is {highest}, the embedding has {rows} rows; use the tokenizer that came with this model"
        ),
    })
}
