//! What the reference tests share: the files under `tests/reference`, and comparisons.
#![allow(dead_code, reason = "every test file uses a part of it")]

use candle_core::Tensor;
use rankscope_engine::{Example, Flow, Signal};
use serde_json::Value;
use std::{collections::HashMap, path::PathBuf};

pub fn reference(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(path)
}

pub fn figures(folder: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(reference(folder).join("figures.json")).unwrap()).unwrap()
}

pub fn tensors(path: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(reference(path), &candle_core::Device::Cpu).unwrap()
}

/// The default model, where it is; with RANKSCOPE_REQUIRE_MODEL=1 it must be.
pub fn default_model() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache"));
    let path = cache.join("rankscope/models/SmolLM2-135M-Instruct.Q4_1.gguf");
    if path.is_file() {
        return Some(path);
    }
    assert!(std::env::var_os("RANKSCOPE_REQUIRE_MODEL").is_none(), "{} is missing: run `make model`", path.display());
    eprintln!("skipped: {} is missing; `make model` fetches it", path.display());
    None
}

pub fn tokens(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// What a reference model was trained on: a decoder's pairs, or a classifier's labelled texts.
pub fn example_list(figures: &Value) -> &Vec<Value> {
    figures["pairs"].as_array().or_else(|| figures["examples"].as_array()).unwrap()
}

pub fn examples(figures: &Value) -> Vec<Example> {
    let read = |row: &Value| match row["label"].as_u64() {
        Some(label) => Example { context: tokens(&row["token_ids"]), target: vec![label as u32] },
        None => Example { context: tokens(&row["context"]), target: tokens(&row["target"]) },
    };
    example_list(figures).iter().map(read).collect()
}

pub fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_dtype(candle_core::DType::F32).unwrap().to_vec1::<f32>().unwrap()
}

/// Largest difference, relative to the largest value.
pub fn relative_error(ours: &[f32], theirs: &[f32]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(1e-9f32, |most, value| most.max(value.abs()));
    let difference = ours.iter().zip(theirs).fold(0f32, |most, (a, b)| if (a - b).abs() <= most { most } else { (a - b).abs() });
    f64::from(difference / largest)
}

#[track_caller]
pub fn assert_close(what: &str, ours: &[f32], theirs: &[f32], most: f64) {
    let error = relative_error(ours, theirs);
    assert!(error < most, "{what}: relative error {error:.2e}, allowed {most:.0e}");
}

#[track_caller]
pub fn assert_losses(what: &str, ours: &[f64], theirs: &[f64], most: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}: number of steps");
    for (step, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!((ours - theirs).abs() < most * theirs.abs(), "{what}: loss of step {step} is {ours}, the reference's {theirs}");
    }
}

pub fn ignore(_: Signal) -> Flow {
    Flow::Continue(())
}
