//! BERT and encoders built like it (MiniLM), with a classification head. Names are transformers' `BertConfig`'s.

use super::{Head, ModelConfig, Norm, NormPlace, Positions, json::Reader, llama::like_llama};
use crate::EngineError;
use serde_json::json;

pub(super) fn read(read: &Reader<'_>) -> Result<ModelConfig, EngineError> {
    read.must_be("position_embedding_type", &json!("absolute"), &json!("absolute"))?;
    read.must_be("is_decoder", &json!(false), &json!(false))?;
    let hidden_size = read.size("hidden_size")?;
    let heads = read.size("num_attention_heads")?;
    Ok(ModelConfig {
        intermediate_size: read.size("intermediate_size")?,
        num_hidden_layers: read.size("num_hidden_layers")?,
        num_attention_heads: heads,
        num_key_value_heads: heads,
        head_dim: hidden_size / heads,
        vocab_size: read.size("vocab_size")?,
        max_position_embeddings: read.size("max_position_embeddings")?,
        norm: Norm::Layer,
        norm_eps: read.number("layer_norm_eps", 1e-12),
        norm_place: NormPlace::After,
        positions: Positions::Learned { offset: 0 },
        activation: read.activation("hidden_act", "gelu")?,
        gated: false,
        qkv_bias: true,
        output_bias: true,
        mlp_bias: true,
        final_norm: false,
        embedding_norm: true,
        token_types: read.size_or("type_vocab_size", 2)?,
        bidirectional: true,
        head: Head::Classes { labels: read.labels()? },
        source: read.json.clone(),
        ..like_llama("bert".into(), hidden_size)
    })
}
