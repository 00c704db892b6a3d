//! GPT-2: learned positions, q, k and v in one layer, GELU. Names are transformers' `GPT2Config`'s.

use super::{ModelConfig, Norm, Positions, json::Reader, llama::like_llama};
use crate::EngineError;
use serde_json::json;

pub(super) fn read(read: &Reader<'_>) -> Result<ModelConfig, EngineError> {
    read.must_be("scale_attn_weights", &json!(true), &json!(true))?;
    read.must_be("scale_attn_by_inverse_layer_idx", &json!(false), &json!(false))?;
    read.must_be("add_cross_attention", &json!(false), &json!(false))?;
    let hidden_size = read.size("n_embd")?;
    let heads = read.size("n_head")?;
    Ok(ModelConfig {
        intermediate_size: read.size_or("n_inner", 4 * hidden_size)?,
        num_hidden_layers: read.size("n_layer")?,
        num_attention_heads: heads,
        num_key_value_heads: heads,
        head_dim: hidden_size / heads,
        vocab_size: read.size("vocab_size")?,
        max_position_embeddings: read.size_or("n_positions", 1024)?,
        norm: Norm::Layer,
        norm_eps: read.number("layer_norm_epsilon", 1e-5),
        positions: Positions::Learned { offset: 0 },
        activation: read.activation("activation_function", "gelu_new")?,
        gated: false,
        tie_word_embeddings: read.flag("tie_word_embeddings").unwrap_or(true),
        qkv_bias: true,
        output_bias: true,
        mlp_bias: true,
        source: read.json.clone(),
        ..like_llama("gpt2".into(), hidden_size)
    })
}
