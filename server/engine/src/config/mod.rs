//! What a transformer looks like: read from a Hugging Face `config.json` or from a GGUF file's metadata. One description
//! covers every kind; [`crate::layout`] says how a kind names its tensors.

mod bert;
mod gpt2;
mod json;
mod llama;
mod opt;
mod rope;

pub(crate) use llama::like_llama;
pub use rope::RopeScaling;

use crate::EngineError;
use serde_json::Value;
use std::path::Path;

/// Kinds that [`ModelConfig`] describes, by their `model_type`.
pub const SUPPORTED_KINDS: &[&str] = &["llama", "mistral", "qwen2", "gpt2", "opt", "bert"];

/// A transformer: its sizes, and which of the usual parts it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// `model_type`: one of [`SUPPORTED_KINDS`].
    pub kind: String,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub num_key_value_heads: usize,
    pub head_dim: usize,
    pub vocab_size: usize,
    /// Tokens that a sequence may have.
    pub max_position_embeddings: usize,
    pub norm: Norm,
    pub norm_eps: f64,
    pub norm_place: NormPlace,
    pub positions: Positions,
    pub activation: Activation,
    /// The MLP is `down(activation(gate) * up)`; else `down(activation(up))`.
    pub gated: bool,
    pub tie_word_embeddings: bool,
    /// Biases of q, k and v; of the attention's output; of the MLP.
    pub qkv_bias: bool,
    pub output_bias: bool,
    pub mlp_bias: bool,
    /// Width of the token embedding: OPT-350m's is below `hidden_size`, with projections in and out.
    pub embedding_size: usize,
    /// A norm after the last layer.
    pub final_norm: bool,
    /// BERT: a norm after the embeddings, and rows of the token-type embedding (0: none).
    pub embedding_norm: bool,
    pub token_types: usize,
    /// Every position sees every other; else only what came before.
    pub bidirectional: bool,
    /// What is put on the last hidden states.
    pub head: Head,
    /// `config.json` as it was read, so that what is written keeps what we don't interpret.
    pub(crate) source: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// `x / rms(x) * w`
    Rms,
    /// `(x - mean) / deviation * w + b`
    Layer,
}

/// Where a layer normalises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormPlace {
    /// Before attention and before the MLP: `h + f(norm(h))`.
    Before,
    /// After each sum: `norm(h + f(h))`.
    After,
}

/// How a token knows its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Positions {
    /// Queries and keys turn by an angle (Su et al. 2021).
    Rotary { theta: f64, scaling: RopeScaling },
    /// A row of a table is added; position 0 has row `offset` (OPT: 2).
    Learned { offset: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Silu,
    /// GELU by its tanh approximation (GPT-2's `gelu_new`).
    GeluTanh,
    /// GELU with the error function.
    Gelu,
    Relu,
}

/// What turns hidden states into logits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// Logits over the vocabulary, at every position.
    Vocabulary,
    /// Logits over classes, whose names these are, once a sequence: an encoder's from its first position through a tanh pooler, a
    /// decoder's from its last (transformers' `…ForSequenceClassification`).
    Classes { labels: Vec<String> },
}

impl ModelConfig {
    /// Reads `config.json`.
    pub fn from_hugging_face(path: &Path, json: &Value) -> Result<Self, EngineError> {
        let kind = json["model_type"].as_str().unwrap_or("(none)").to_string();
        refuse_unknown(path, &kind)?;
        let read = json::Reader { path, json };
        let mut config = match kind.as_str() {
            "gpt2" => gpt2::read(&read)?,
            "opt" => opt::read(&read)?,
            "bert" => bert::read(&read)?,
            _ => llama::read(&read, kind)?,
        };
        if config.head == Head::Vocabulary && read.is_classifier() {
            config.head = Head::Classes { labels: read.labels()? };
        }
        config.check(path)?;
        Ok(config)
    }

    /// Sizes that must go together.
    pub(crate) fn check(&self, path: &Path) -> Result<(), EngineError> {
        let bad = |reason: String| Err(EngineError::BadConfig { path: path.into(), reason });
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            return bad(format!(
                "num_attention_heads = {} is no multiple of num_key_value_heads = {}",
                self.num_attention_heads, self.num_key_value_heads
            ));
        }
        let turned_in_pairs = matches!(self.positions, Positions::Rotary { .. });
        if self.head_dim == 0 || (turned_in_pairs && !self.head_dim.is_multiple_of(2)) {
            return bad(format!("head_dim = {} must be even and above 0", self.head_dim));
        }
        Ok(())
    }

    /// Width of all query heads; of all key (or value) heads.
    pub fn query_width(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }
    pub fn kv_width(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    /// Whether it continues text; an encoder does not.
    pub fn generates(&self) -> bool {
        !self.bidirectional && self.head == Head::Vocabulary
    }

    /// `config.json` for a model that is written.
    pub fn to_hugging_face(&self, eos: &[u32], bos: Option<u32>) -> Value {
        let mut json = match self.kind.as_str() {
            "gpt2" | "opt" | "bert" => self.source.clone(),
            _ => llama::write(self, bos),
        };
        if let Some(architecture) = self.architecture() {
            json["architectures"] = serde_json::json!([architecture]);
        }
        json["torch_dtype"] = "float32".into();
        if json.get("dtype").is_some() {
            json["dtype"] = "float32".into();
        }
        if !eos.is_empty() {
            json["eos_token_id"] = serde_json::json!(eos);
        }
        if let Head::Classes { labels } = &self.head {
            json["num_labels"] = labels.len().into();
            let numbered = labels.iter().enumerate();
            json["id2label"] = Value::Object(numbered.clone().map(|(id, name)| (id.to_string(), name.as_str().into())).collect());
            json["label2id"] = Value::Object(numbered.map(|(id, name)| (name.clone(), id.into())).collect());
            // without it transformers classifies a decoder's texts one at a time only
            json["pad_token_id"] = self.source["pad_token_id"].clone();
        }
        json
    }

    /// Deviation of weights before any training, as the config has it; 0.02 where it says nothing.
    pub fn initializer_range(&self) -> f64 {
        let named = ["initializer_range", "init_std"].iter().find_map(|key| self.source[*key].as_f64());
        named.unwrap_or(0.02)
    }

    /// transformers' class for it.
    fn architecture(&self) -> Option<&'static str> {
        let (of_vocabulary, of_classes) = match self.kind.as_str() {
            "llama" => ("LlamaForCausalLM", "LlamaForSequenceClassification"),
            "mistral" => ("MistralForCausalLM", "MistralForSequenceClassification"),
            "qwen2" => ("Qwen2ForCausalLM", "Qwen2ForSequenceClassification"),
            "gpt2" => ("GPT2LMHeadModel", "GPT2ForSequenceClassification"),
            "opt" => ("OPTForCausalLM", "OPTForSequenceClassification"),
            "bert" => ("BertForMaskedLM", "BertForSequenceClassification"),
            _ => return None,
        };
        Some(if self.head == Head::Vocabulary { of_vocabulary } else { of_classes })
    }

    /// Angle that head component `i` turns by for each position, radians: f32, as transformers has it. Empty where
    /// positions are not rotary.
    pub fn inverse_frequencies(&self) -> Vec<f32> {
        match self.positions {
            Positions::Rotary { theta, scaling } => rope::inverse_frequencies(self.head_dim, theta, scaling),
            Positions::Learned { .. } => Vec::new(),
        }
    }
}

/// Refuses a kind by its name.
pub(crate) fn refuse_unknown(path: &Path, kind: &str) -> Result<(), EngineError> {
    if SUPPORTED_KINDS.contains(&kind) {
        return Ok(());
    }
    Err(EngineError::UnknownKind { path: path.into(), kind: kind.into(), supported: SUPPORTED_KINDS.join(", ") })
}
