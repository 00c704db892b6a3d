//! A GGUF file as llama.cpp's conversion would write it of a tiny model: the same logits and tokens as from Hugging Face's files.

mod common;

use candle_core::{
    DType, Device, Tensor,
    quantized::{GgmlDType, QTensor, gguf_file},
};
use common::*;
use gguf_file::Value as Entry;
use rankscope_engine::Model;
use serde_json::Value;
use std::path::Path;

/// From half-split to llama.cpp's interleaved rotary order: rows of each head (2, pairs) become (pairs, 2).
fn interleaved(tensor: &Tensor, heads: usize) -> Tensor {
    let rest: usize = tensor.dims()[1..].iter().product();
    let pairs = tensor.dims()[0] / heads / 2;
    let turned = tensor.reshape((heads, 2, pairs, rest)).unwrap().transpose(1, 2).unwrap().contiguous().unwrap();
    turned.reshape(tensor.dims()).unwrap()
}

fn llama_cpp_name(name: &str) -> String {
    let parts = [
        ("model.layers.", "blk."),
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("post_attention_layernorm", "ffn_norm"),
        ("input_layernorm", "attn_norm"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ];
    parts.iter().fold(name.to_string(), |name, (upstream, llama_cpp)| name.replace(upstream, llama_cpp))
}

/// By what Llama 3.1's scaling divides each frequency, as llama.cpp's conversion reckons it from config.json.
fn rope_divisors(config: &Value, head_dim: usize) -> Vec<f32> {
    let scaling = |key: &str| config["rope_scaling"][key].as_f64().unwrap();
    let (factor, low, high) = (scaling("factor"), scaling("low_freq_factor"), scaling("high_freq_factor"));
    let context = scaling("original_max_position_embeddings");
    let theta = config["rope_theta"].as_f64().unwrap();
    let divisor = |pair: usize| {
        let wavelength = 2.0 * std::f64::consts::PI * theta.powf(2.0 * pair as f64 / head_dim as f64);
        if wavelength < context / high {
            1.0
        } else if wavelength > context / low {
            factor
        } else {
            let smooth = (context / wavelength - low) / (high - low);
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    };
    (0..head_dim / 2).map(|pair| divisor(pair) as f32).collect()
}

/// Writes `llama_tiny_untied` as a GGUF file with these divisors.
fn write(path: &Path, divisors: Vec<f32>) {
    let directory = reference("llama_tiny_untied");
    let json = |name: &str| -> Value { serde_json::from_str(&std::fs::read_to_string(directory.join(name)).unwrap()).unwrap() };
    let (config, tokenizer) = (json("config.json"), json("tokenizer.json"));
    let size = |key: &str| Entry::U32(config[key].as_u64().unwrap() as u32);
    let mut vocabulary: Vec<(&String, u64)> =
        tokenizer["model"]["vocab"].as_object().unwrap().iter().map(|(token, id)| (token, id.as_u64().unwrap())).collect();
    vocabulary.sort_by_key(|(_, id)| *id);
    let merge = |pair: &Value| match pair.as_array() {
        Some(pair) => format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()),
        None => pair.as_str().unwrap().to_string(),
    };
    let text = |text: &str| Entry::String(text.into());
    let metadata = [
        ("general.architecture", text("llama")),
        ("llama.embedding_length", size("hidden_size")),
        ("llama.feed_forward_length", size("intermediate_size")),
        ("llama.block_count", size("num_hidden_layers")),
        ("llama.attention.head_count", size("num_attention_heads")),
        ("llama.attention.head_count_kv", size("num_key_value_heads")),
        ("llama.attention.key_length", size("head_dim")),
        ("llama.context_length", size("max_position_embeddings")),
        ("llama.attention.layer_norm_rms_epsilon", Entry::F32(config["rms_norm_eps"].as_f64().unwrap() as f32)),
        ("llama.rope.freq_base", Entry::F32(config["rope_theta"].as_f64().unwrap() as f32)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("gpt-2")),
        ("tokenizer.ggml.tokens", Entry::Array(vocabulary.iter().map(|(token, _)| text(token)).collect())),
        (
            "tokenizer.ggml.merges",
            Entry::Array(tokenizer["model"]["merges"].as_array().unwrap().iter().map(|pair| text(&merge(pair))).collect()),
        ),
        ("tokenizer.ggml.token_type", Entry::Array((0..vocabulary.len()).map(|id| Entry::I32(if id < 2 { 3 } else { 1 })).collect())),
        ("tokenizer.ggml.bos_token_id", Entry::U32(0)),
        ("tokenizer.ggml.eos_token_id", Entry::U32(1)),
        ("tokenizer.ggml.add_bos_token", Entry::Bool(true)),
    ];
    let heads = |key: &str| config[key].as_u64().unwrap() as usize;
    let mut written: Vec<(String, QTensor)> = Vec::new();
    for shard in 1..=3 {
        for (name, tensor) in tensors(&format!("llama_tiny_untied/model-0000{shard}-of-00003.safetensors")) {
            let tensor = match name.as_str() {
                name if name.contains(".q_proj.") => interleaved(&tensor, heads("num_attention_heads")),
                name if name.contains(".k_proj.") => interleaved(&tensor, heads("num_key_value_heads")),
                _ => tensor,
            };
            written.push((llama_cpp_name(&name), QTensor::quantize(&tensor, GgmlDType::F32).unwrap()));
        }
    }
    let divisors = Tensor::from_vec(divisors, head_dim(&config) / 2, &Device::Cpu).unwrap().to_dtype(DType::F32).unwrap();
    written.push(("rope_freqs.weight".into(), QTensor::quantize(&divisors, GgmlDType::F32).unwrap()));
    let metadata: Vec<(&str, &Entry)> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let written: Vec<(&str, &QTensor)> = written.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    gguf_file::write(&mut std::fs::File::create(path).unwrap(), &metadata, &written).unwrap();
}

fn head_dim(config: &Value) -> usize {
    config["head_dim"].as_u64().unwrap() as usize
}

fn config() -> Value {
    serde_json::from_str(&std::fs::read_to_string(reference("llama_tiny_untied/config.json")).unwrap()).unwrap()
}

#[test]
fn rope_divisors_order_of_heads_and_the_first_token_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tiny.gguf");
    write(&path, rope_divisors(&config(), head_dim(&config())));
    let model = Model::open(&path).unwrap();
    let saved = directory.path().join("saved");
    model.save(&saved).unwrap();
    let (figures, logits) = (figures("llama_tiny_untied"), tensors("llama_tiny_untied/logits.safetensors"));
    for model in [model, Model::open(&saved).unwrap()] {
        let name = &model.info().name;
        for (index, prompt) in figures["prompts"].as_array().unwrap().iter().enumerate() {
            let ids = model.tokenizer().encode(prompt["text"].as_str().unwrap(), true).unwrap();
            assert_eq!(ids, tokens(&prompt["token_ids_with_special"]), "{name}: <s> is put first");
            let ours = model.logits(None, &ids).unwrap();
            assert_close(&format!("{name}, prompt {index}"), &flat(&ours), &flat(&logits[&format!("logits.{index}")]), 1e-5);
        }
        // longer than a period that the scaling stretches
        let ours = model.logits(None, &tokens(&figures["long_prompt"]["token_ids"])).unwrap();
        assert_close(name, &flat(&ours), &flat(&logits["logits.long"]), 1e-5);
    }
}

#[test]
fn divisors_of_another_scaling_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tiny.gguf");
    write(&path, (0..head_dim(&config()) / 2).map(|pair| 1.0 + pair as f32).collect());
    let error = Model::open(&path).unwrap_err().to_string();
    assert!(error.contains("tiny.gguf: rope_freqs.weight is not Llama 3.1's rope scaling"), "{error}");
}
