//! What a decoder looks like: read from a Hugging Face `config.json` or from a GGUF file's metadata.

use crate::EngineError;
use serde_json::Value;
use std::path::Path;

/// Kinds that [`DecoderConfig`] describes, by their `model_type`.
pub const SUPPORTED_KINDS: &[&str] = &["llama", "mistral", "qwen2"];

/// A decoder of the Llama family. Names are those of transformers' `LlamaConfig`.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// `model_type`: one of [`SUPPORTED_KINDS`].
    pub kind: String,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub num_key_value_heads: usize,
    pub head_dim: usize,
    pub vocab_size: usize,
    pub max_position_embeddings: usize,
    pub rms_norm_eps: f64,
    pub rope_theta: f64,
    pub rope_scaling: RopeScaling,
    pub tie_word_embeddings: bool,
    /// Biases of q, k and v; of the attention's output; of the MLP.
    pub qkv_bias: bool,
    pub output_bias: bool,
    pub mlp_bias: bool,
}

/// How rotary frequencies are stretched for contexts beyond those trained on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    None,
    /// Every frequency divided by `factor`.
    Linear {
        factor: f64,
    },
    /// Llama 3.1: low frequencies divided by `factor`, high ones kept, those between blended.
    Llama3 {
        factor: f64,
        low_freq_factor: f64,
        high_freq_factor: f64,
        original_max_position_embeddings: f64,
    },
}

impl DecoderConfig {
    /// Reads `config.json`.
    pub fn from_hugging_face(path: &Path, json: &Value) -> Result<Self, EngineError> {
        let kind = json["model_type"].as_str().unwrap_or("(none)").to_string();
        refuse_unknown(path, &kind)?;
        let bad = |reason: String| EngineError::BadConfig { path: path.into(), reason };
        let size = |key: &str| {
            json[key]
                .as_u64()
                .filter(|&value| value > 0 && value < 1 << 31)
                .map(|value| value as usize)
                .ok_or_else(|| bad(format!("{key} = {} is no size; write a whole number above 0", json[key])))
        };
        let flag = |key: &str| json[key].as_bool();
        let activation = json["hidden_act"].as_str().unwrap_or("silu");
        if !matches!(activation, "silu" | "swish") {
            return Err(bad(format!("hidden_act = {activation:?} is not supported for {kind}; supported is silu")));
        }
        // transformers 5 writes rope_parameters, earlier ones rope_theta and rope_scaling
        let rope = if json["rope_parameters"].is_object() { &json["rope_parameters"] } else { &json["rope_scaling"] };
        let hidden_size = size("hidden_size")?;
        let num_attention_heads = size("num_attention_heads")?;
        let bias = flag("attention_bias").unwrap_or(kind == "qwen2");
        let config = Self {
            hidden_size,
            intermediate_size: size("intermediate_size")?,
            num_hidden_layers: size("num_hidden_layers")?,
            num_attention_heads,
            num_key_value_heads: if json["num_key_value_heads"].is_null() { num_attention_heads } else { size("num_key_value_heads")? },
            head_dim: if json["head_dim"].is_null() { hidden_size / num_attention_heads } else { size("head_dim")? },
            vocab_size: size("vocab_size")?,
            max_position_embeddings: json["max_position_embeddings"].as_u64().unwrap_or(2048) as usize,
            rms_norm_eps: json["rms_norm_eps"].as_f64().unwrap_or(1e-6),
            rope_theta: rope["rope_theta"].as_f64().or_else(|| json["rope_theta"].as_f64()).unwrap_or(10_000.0),
            rope_scaling: rope_scaling(rope).map_err(bad)?,
            tie_word_embeddings: flag("tie_word_embeddings").unwrap_or(false),
            qkv_bias: bias,
            output_bias: bias && kind != "qwen2",
            mlp_bias: flag("mlp_bias").unwrap_or(false),
            kind,
        };
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
        if self.head_dim == 0 || !self.head_dim.is_multiple_of(2) {
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

    /// `config.json` for a model that is written.
    pub fn to_hugging_face(&self, eos: &[u32], bos: Option<u32>) -> Value {
        let architecture = match self.kind.as_str() {
            "qwen2" => "Qwen2ForCausalLM",
            "mistral" => "MistralForCausalLM",
            _ => "LlamaForCausalLM",
        };
        let mut json = serde_json::json!({
            "architectures": [architecture], "model_type": self.kind, "torch_dtype": "float32",
            "hidden_size": self.hidden_size, "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers, "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads, "head_dim": self.head_dim, "vocab_size": self.vocab_size,
            "max_position_embeddings": self.max_position_embeddings, "rms_norm_eps": self.rms_norm_eps,
            "rope_theta": self.rope_theta, "hidden_act": "silu", "tie_word_embeddings": self.tie_word_embeddings,
            "attention_bias": self.qkv_bias, "mlp_bias": self.mlp_bias, "eos_token_id": eos, "bos_token_id": bos,
        });
        json["rope_scaling"] = match self.rope_scaling {
            RopeScaling::None => Value::Null,
            RopeScaling::Linear { factor } => serde_json::json!({"rope_type": "linear", "factor": factor}),
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } => serde_json::json!({
                "rope_type": "llama3", "factor": factor, "low_freq_factor": low_freq_factor, "high_freq_factor": high_freq_factor,
                "original_max_position_embeddings": original_max_position_embeddings as u64,
            }),
        };
        json
    }

    /// Angle that head component `i` turns by for each position, radians: f32, as transformers has it.
    pub fn inverse_frequencies(&self) -> Vec<f32> {
        let half = self.head_dim / 2;
        (0..half)
            .map(|i| {
                let plain = 1.0 / self.rope_theta.powf(2.0 * i as f64 / self.head_dim as f64);
                let scaled = match self.rope_scaling {
                    RopeScaling::None => plain,
                    RopeScaling::Linear { factor } => plain / factor,
                    RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } => {
                        let wavelength = 2.0 * std::f64::consts::PI / plain;
                        let turns = original_max_position_embeddings / wavelength;
                        if turns > high_freq_factor {
                            plain
                        } else if turns < low_freq_factor {
                            plain / factor
                        } else {
                            let smooth = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
                            (1.0 - smooth) * plain / factor + smooth * plain
                        }
                    }
                };
                scaled as f32
            })
            .collect()
    }
}

/// Refuses a kind by its name.
pub(crate) fn refuse_unknown(path: &Path, kind: &str) -> Result<(), EngineError> {
    if SUPPORTED_KINDS.contains(&kind) {
        return Ok(());
    }
    Err(EngineError::UnknownKind { path: path.into(), kind: kind.into(), supported: SUPPORTED_KINDS.join(", ") })
}

fn rope_scaling(rope: &Value) -> Result<RopeScaling, String> {
    let kind = rope["rope_type"].as_str().or_else(|| rope["type"].as_str()).unwrap_or("default");
    let number =
        |key: &str| rope[key].as_f64().filter(|value| *value > 0.0).ok_or_else(|| format!("rope scaling {kind}: {key} is missing"));
    match kind {
        "default" => Ok(RopeScaling::None),
        "linear" => Ok(RopeScaling::Linear { factor: number("factor")? }),
        "llama3" => Ok(RopeScaling::Llama3 {
            factor: number("factor")?,
            low_freq_factor: number("low_freq_factor")?,
            high_freq_factor: number("high_freq_factor")?,
            original_max_position_embeddings: number("original_max_position_embeddings")?,
        }),
        other => Err(format!("rope scaling {other:?} is not supported; supported are default, linear, llama3")),
    }
}
