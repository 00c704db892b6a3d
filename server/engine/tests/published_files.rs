//! The names under which published files hold their tensors: each gives the model that transformers' own names give.

mod common;

use candle_core::{Device, Tensor};
use common::*;
use rankscope_engine::{Model, inspect};
use std::{collections::HashMap, path::Path};

/// The model written again, with every tensor under the name that `rename` gives it (`None`: left out) and more beside them.
fn renamed(name: &str, rename: impl Fn(&str) -> Option<String>, more: &[(&str, Tensor)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    Model::open(&reference(name)).unwrap().save(directory.path()).unwrap();
    let path = directory.path().join("model.safetensors");
    let written = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let mut tensors: HashMap<String, Tensor> = written.into_iter().filter_map(|(name, tensor)| Some((rename(&name)?, tensor))).collect();
    tensors.extend(more.iter().map(|(name, tensor)| (name.to_string(), tensor.clone())));
    candle_core::safetensors::save(&tensors, &path).unwrap();
    directory
}

fn logits(model: &Path) -> Vec<f32> {
    flat(&Model::open(model).unwrap().logits(None, &[5, 6, 7, 40]).unwrap())
}

#[test]
fn every_published_way_to_name_tensors_is_understood() {
    let mask = Tensor::ones((1, 1, 64, 64), candle_core::DType::U8, &Device::Cpu).unwrap();
    let positions = Tensor::arange(0i64, 64, &Device::Cpu).unwrap().reshape((1, 64)).unwrap();
    let bare = |prefix: &'static str| move |name: &str| Some(name.strip_prefix(prefix).unwrap_or(name).to_string());
    let same = |name: &str| Some(name.to_string());
    let first_berts = |name: &str| {
        let name = name.strip_prefix("bert.").unwrap_or(name);
        Some(name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"))
    };
    let embedding = |name: &str| tensors(&format!("{name}/full_final.safetensors")).into_values().next().unwrap();
    for (what, name, directory) in [
        ("the base model alone", "gpt2_tiny", renamed("gpt2_tiny", bare("transformer."), &[])),
        (
            "masks as buffers",
            "gpt2_tiny",
            renamed("gpt2_tiny", same, &[("transformer.h.0.attn.bias", mask.clone()), ("transformer.h.0.attn.masked_bias", mask)]),
        ),
        // what is tied is the embedding, whatever else a file says
        ("a tied head beside the embedding", "gpt2_tiny", renamed("gpt2_tiny", same, &[("lm_head.weight", embedding("gpt2_tiny"))])),
        ("a decoder alone", "opt_tiny", renamed("opt_tiny", bare("model."), &[])),
        ("a decoder alone, of the 350m layout", "opt_350m_tiny", renamed("opt_350m_tiny", bare("model."), &[])),
        ("BERT's first names", "bert_tiny", renamed("bert_tiny", first_berts, &[])),
        ("positions as a buffer", "bert_tiny", renamed("bert_tiny", same, &[("bert.embeddings.position_ids", positions)])),
        ("the base model alone", "llama_tiny", renamed("llama_tiny", bare("model."), &[])),
        ("the base model alone, the head beside it", "llama_tiny_untied", renamed("llama_tiny_untied", bare("model."), &[])),
    ] {
        assert_eq!(logits(directory.path()), logits(&reference(name)), "{name}: {what}");
        let found = inspect(directory.path()).unwrap();
        let original = inspect(&reference(name)).unwrap();
        assert_eq!((found.parameters, found.linear_layers), (original.parameters, original.linear_layers), "{name}: {what}");
    }
}

#[test]
fn an_encoder_without_a_head_gets_a_new_one_and_a_decoder_does_not() {
    let without = |left_out: &'static [&'static str]| {
        move |name: &str| (!left_out.iter().any(|part| name.contains(part))).then(|| name.trim_start_matches("bert.").to_string())
    };
    let encoder = renamed("bert_tiny", without(&["classifier", "pooler"]), &[]);
    let first = logits(encoder.path());
    assert_eq!(first.len(), 3, "as many labels as config.json names");
    assert_eq!(first, logits(encoder.path()), "the same head each time");
    assert_ne!(first, logits(&reference("bert_tiny")));
    assert!(first.iter().all(|logit| logit.is_finite()) && first.iter().any(|logit| *logit != 0.0));

    for (name, left_out) in [("bert_tiny", "encoder.layer.1.output.dense.weight"), ("gpt2_tiny", "wte"), ("llama_tiny_untied", "lm_head")] {
        let broken = renamed(name, |name| (!name.contains(left_out)).then(|| name.to_string()), &[]);
        let error = Model::open(broken.path()).unwrap_err().to_string();
        assert!(error.contains(left_out) && error.contains("is missing"), "{error}");
    }
}

#[test]
fn safetensors_go_before_bin_and_the_wrong_way_round_is_noticed() {
    // a whole safetensors file beside shards of .bin: as many repositories have
    let directory = renamed("gpt2_tiny", |name| Some(name.to_string()), &[]);
    for file in ["pytorch_model.bin.index.json", "pytorch_model-00001-of-00002.bin"] {
        std::fs::copy(reference("gpt2_tiny").join(file), directory.path().join(file)).unwrap();
    }
    assert_eq!(logits(directory.path()), logits(&reference("gpt2_tiny")));
    std::fs::remove_file(directory.path().join("model.safetensors")).unwrap();
    let error = Model::open(directory.path()).unwrap_err().to_string();
    assert!(error.contains("pytorch_model-00002-of-00002.bin: this shard is missing"), "{error}");

    // GPT-2's linear layers as other kinds keep them: [out, in]
    let turned = renamed("gpt2_tiny", |name| Some(name.to_string()), &[]);
    let path = turned.path().join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let name = "transformer.h.0.mlp.c_fc.weight";
    let transposed = tensors[name].t().unwrap().contiguous().unwrap();
    tensors.insert(name.into(), transposed);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let error = Model::open(turned.path()).unwrap_err().to_string();
    assert!(error.contains("tensor transformer.h.0.mlp.c_fc.weight has shape [96, 24], the config asks for [24, 96]"), "{error}");
}
