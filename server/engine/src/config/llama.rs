//! The Llama family: Llama, Mistral, Qwen2, and what is built like them (SmolLM2, TinyLlama). Names are transformers' `LlamaConfig`'s.

use super::{Activation, Head, ModelConfig, Norm, NormPlace, Positions, RopeScaling, json::Reader, rope};
use crate::EngineError;
use serde_json::{Value, json};

pub(super) fn read(read: &Reader<'_>, kind: String) -> Result<ModelConfig, EngineError> {
    let json = read.json;
    if read.activation("hidden_act", "silu")? != Activation::Silu {
        return Err(read.bad(format!("hidden_act = {} is not supported for {kind}; supported is silu", json["hidden_act"])));
    }
    // transformers 5 writes rope_parameters, earlier ones rope_theta and rope_scaling
    let rope = if json["rope_parameters"].is_object() { &json["rope_parameters"] } else { &json["rope_scaling"] };
    let hidden_size = read.size("hidden_size")?;
    let num_attention_heads = read.size("num_attention_heads")?;
    let bias = read.flag("attention_bias").unwrap_or(kind == "qwen2");
    Ok(ModelConfig {
        hidden_size,
        intermediate_size: read.size("intermediate_size")?,
        num_hidden_layers: read.size("num_hidden_layers")?,
        num_attention_heads,
        num_key_value_heads: read.size_or("num_key_value_heads", num_attention_heads)?,
        head_dim: read.size_or("head_dim", hidden_size / num_attention_heads)?,
        vocab_size: read.size("vocab_size")?,
        max_position_embeddings: json["max_position_embeddings"].as_u64().unwrap_or(2048) as usize,
        norm_eps: read.number("rms_norm_eps", 1e-6),
        positions: Positions::Rotary {
            theta: rope["rope_theta"].as_f64().or_else(|| json["rope_theta"].as_f64()).unwrap_or(10_000.0),
            scaling: rope::scaling(rope).map_err(|reason| read.bad(reason))?,
        },
        tie_word_embeddings: read.flag("tie_word_embeddings").unwrap_or(false),
        qkv_bias: bias,
        output_bias: bias && kind != "qwen2",
        mlp_bias: read.flag("mlp_bias").unwrap_or(false),
        source: json.clone(),
        ..like_llama(kind, hidden_size)
    })
}

/// What all of the family have in common; sizes are left to the caller.
pub(crate) fn like_llama(kind: String, hidden_size: usize) -> ModelConfig {
    ModelConfig {
        kind,
        hidden_size,
        intermediate_size: 0,
        num_hidden_layers: 0,
        num_attention_heads: 1,
        num_key_value_heads: 1,
        head_dim: 0,
        vocab_size: 0,
        max_position_embeddings: 0,
        norm: Norm::Rms,
        norm_eps: 1e-5,
        norm_place: NormPlace::Before,
        positions: Positions::Rotary { theta: 10_000.0, scaling: RopeScaling::None },
        activation: Activation::Silu,
        gated: true,
        tie_word_embeddings: false,
        qkv_bias: false,
        output_bias: false,
        mlp_bias: false,
        embedding_size: hidden_size,
        final_norm: true,
        embedding_norm: false,
        token_types: 0,
        bidirectional: false,
        head: Head::Vocabulary,
        source: Value::Null,
    }
}

/// `config.json`, also for a model that came from a GGUF file.
pub(super) fn write(config: &ModelConfig, bos: Option<u32>) -> Value {
    let Positions::Rotary { theta, scaling } = config.positions else { return config.source.clone() };
    let mut json = json!({
        "model_type": config.kind,
        "hidden_size": config.hidden_size, "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_hidden_layers, "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_key_value_heads, "head_dim": config.head_dim, "vocab_size": config.vocab_size,
        "max_position_embeddings": config.max_position_embeddings, "rms_norm_eps": config.norm_eps,
        "rope_theta": theta, "hidden_act": "silu", "tie_word_embeddings": config.tie_word_embeddings,
        "attention_bias": config.qkv_bias, "mlp_bias": config.mlp_bias, "bos_token_id": bos,
    });
    if !config.source["initializer_range"].is_null() {
        json["initializer_range"] = config.source["initializer_range"].clone();
    }
    json["rope_scaling"] = match scaling {
        RopeScaling::None => Value::Null,
        RopeScaling::Linear { factor } => json!({"rope_type": "linear", "factor": factor}),
        RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } => json!({
            "rope_type": "llama3", "factor": factor, "low_freq_factor": low_freq_factor, "high_freq_factor": high_freq_factor,
            "original_max_position_embeddings": original_max_position_embeddings as u64,
        }),
    };
    json
}
