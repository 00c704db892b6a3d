//! OPT, the 350m layout with its projections and norms after the sums included. Names are transformers' `OPTConfig`'s.

use super::{ModelConfig, Norm, NormPlace, Positions, json::Reader, llama::like_llama};
use crate::EngineError;
use serde_json::json;

/// OPT's table of positions has two rows in front that no token uses.
const POSITION_OFFSET: usize = 2;

pub(super) fn read(read: &Reader<'_>) -> Result<ModelConfig, EngineError> {
    read.must_be("layer_norm_elementwise_affine", &json!(true), &json!(true))?;
    let hidden_size = read.size("hidden_size")?;
    let heads = read.size("num_attention_heads")?;
    let before = read.flag("do_layer_norm_before").unwrap_or(true);
    let bias = read.flag("enable_bias").unwrap_or(true);
    Ok(ModelConfig {
        intermediate_size: read.size("ffn_dim")?,
        num_hidden_layers: read.size("num_hidden_layers")?,
        num_attention_heads: heads,
        num_key_value_heads: heads,
        head_dim: hidden_size / heads,
        vocab_size: read.size("vocab_size")?,
        max_position_embeddings: read.size("max_position_embeddings")?,
        norm: Norm::Layer,
        norm_eps: 1e-5,
        norm_place: if before { NormPlace::Before } else { NormPlace::After },
        positions: Positions::Learned { offset: POSITION_OFFSET },
        activation: read.activation("activation_function", "relu")?,
        gated: false,
        tie_word_embeddings: read.flag("tie_word_embeddings").unwrap_or(true),
        qkv_bias: bias,
        output_bias: bias,
        mlp_bias: bias,
        embedding_size: read.size_or("word_embed_proj_dim", hidden_size)?,
        final_norm: before && !read.flag("_remove_final_layer_norm").unwrap_or(false),
        source: read.json.clone(),
        ..like_llama("opt".into(), hidden_size)
    })
}
