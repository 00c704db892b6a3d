//! What each training option does, seen from outside.

mod common;

use common::*;
use rankscope_engine::{ArmTraining, EngineError, Example, Flow, Lora, LoraConfig, Model, Signal, TrainOptions, train_full, train_loras};
use std::collections::HashMap;

fn tiny() -> (Model, Vec<Example>) {
    (Model::open(&reference("llama_tiny")).unwrap(), examples(&figures("llama_tiny")))
}

fn arm(learning_rate: f64) -> ArmTraining {
    ArmTraining { learning_rate, weight_decay: 0.1, seed: 0 }
}

fn weights(model: &Model) -> HashMap<String, Vec<f32>> {
    let directory = tempfile::tempdir().unwrap();
    model.save(directory.path()).unwrap();
    let saved = candle_core::safetensors::load(directory.path().join("model.safetensors"), &candle_core::Device::Cpu).unwrap();
    saved.iter().map(|(name, tensor)| (name.clone(), flat(tensor))).collect()
}

#[test]
fn steps_are_counted_as_transformers_counts_them() {
    let options = |max_steps| TrainOptions {
        num_train_epochs: 2,
        max_steps,
        per_device_train_batch_size: 4,
        gradient_accumulation_steps: 2,
        ..TrainOptions::default()
    };
    for (max_steps, examples, steps) in [(None, 17, 6), (None, 16, 4), (Some(1), 16, 1), (Some(50), 16, 50), (None, 3, 2)] {
        assert_eq!(options(max_steps).steps(examples), steps, "{max_steps:?}, {examples} examples");
    }
    // more steps than the epochs have: the examples come again, in another order
    let (model, examples) = tiny();
    let options = TrainOptions { max_steps: Some(5), per_device_train_batch_size: 4, ..TrainOptions::default() };
    let (_, report) = train_full(&model, &arm(1e-12), &examples[..8], &options, &mut ignore).unwrap();
    assert_eq!(report.losses.len(), 5);
    // two whole epochs and half of a third
    let epoch: usize = examples[..8].iter().map(Example::tokens).sum();
    assert!((2 * epoch + 4..3 * epoch).contains(&(report.tokens as usize)), "{} tokens, {epoch} an epoch", report.tokens);
}

#[test]
fn decay_reaches_biases_and_norms_when_asked() {
    let (model, examples) = tiny();
    let before = weights(&model);
    let after = |weight_decay, decay_biases_and_norms| {
        let options = TrainOptions { max_steps: Some(1), decay_biases_and_norms, ..TrainOptions::default() };
        let arm = ArmTraining { learning_rate: 1e-2, weight_decay, seed: 0 };
        weights(&train_full(&model, &arm, &examples, &options, &mut ignore).unwrap().0)
    };
    let (plain, usual, all) = (after(0.0, false), after(0.1, false), after(0.1, true));
    for (name, before) in &before {
        let is_norm = name.contains("norm");
        for (decayed, expected) in [(&usual[name], !is_norm), (&all[name], true)] {
            for ((decayed, plain), before) in decayed.iter().zip(&plain[name]).zip(before) {
                // decoupled: of a single step, what the step gives and a part of what was there
                let wanted = plain - if expected { 1e-2 * 0.1 * before } else { 0.0 };
                assert!((decayed - wanted).abs() < 1e-6, "{name}: {decayed}, not {wanted}");
            }
        }
    }
    assert!(before.keys().any(|name| name.contains("norm")));
}

#[test]
fn warm_up_in_steps_stands_in_place_of_the_ratio() {
    let (model, examples) = tiny();
    let rates = |warmup_steps, warmup_ratio| {
        let options = TrainOptions { max_steps: Some(5), warmup_steps, warmup_ratio, ..TrainOptions::default() };
        let mut rates = Vec::new();
        let mut observer = |signal| {
            if let Signal::Step { learning_rate, .. } = signal {
                rates.push(learning_rate);
            }
            Flow::Continue(())
        };
        train_full(&model, &arm(1.0e-4), &examples, &options, &mut observer).unwrap();
        rates.iter().map(|rate| (rate * 1e6).round() as u32).collect::<Vec<_>>()
    };
    assert_eq!(rates(0, 0.0), [100, 100, 100, 100, 100]);
    assert_eq!(rates(4, 0.0), [0, 25, 50, 75, 100]);
    assert_eq!(rates(2, 0.9), [0, 50, 100, 100, 100]);
    // ceil(0.3 x 5) = 2
    assert_eq!(rates(0, 0.3), [0, 50, 100, 100, 100]);
}

#[test]
fn a_stop_is_heard_between_the_passes_of_a_step() {
    let (model, examples) = tiny();
    let options = TrainOptions { per_device_train_batch_size: 1, gradient_accumulation_steps: 16, ..TrainOptions::default() };
    let mut passes = Vec::new();
    let mut observer = |signal| match signal {
        Signal::Pass { step, done, total } => {
            passes.push((step, done, total));
            if done == 3 { Flow::Break(()) } else { Flow::Continue(()) }
        }
        other => panic!("{other:?} before the first step's end"),
    };
    assert!(matches!(train_full(&model, &arm(1e-3), &examples, &options, &mut observer), Err(EngineError::Stopped)));
    assert_eq!(passes, [(1, 1, 16), (1, 2, 16), (1, 3, 16)]);
}

#[test]
fn grouping_by_length_keeps_every_example() {
    let (model, examples) = tiny();
    let tokens = |group_by_length| {
        let options = TrainOptions { group_by_length, ..TrainOptions::default() };
        let report = train_full(&model, &arm(1e-3), &examples, &options, &mut ignore).unwrap().1;
        (report.tokens, report.target_tokens, report.losses)
    };
    let (plain, grouped) = (tokens(false), tokens(true));
    assert_eq!((plain.0, plain.1), (grouped.0, grouped.1));
    assert_ne!(plain.2, grouped.2, "the order is the same");
}

#[test]
fn wrong_options_are_refused_by_name() {
    let (model, examples) = tiny();
    for (options, said) in [
        (TrainOptions { per_device_train_batch_size: 0, ..TrainOptions::default() }, "per_device_train_batch_size"),
        (TrainOptions { lora_dropout: 1.0, ..TrainOptions::default() }, "lora_dropout = 1"),
        (TrainOptions { lora_dropout: f64::NAN, ..TrainOptions::default() }, "lora_dropout = NaN"),
    ] {
        let config = LoraConfig { r: 2, lora_alpha: 4.0, use_rslora: false, target_modules: vec!["q_proj".into()] };
        let mut loras = [Lora::new(&model, &config, 0).unwrap()];
        let error = train_loras(&model, &mut loras, &[arm(1e-3)], &examples, &options, &mut ignore).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

/// Losses of an adapter, and its tensors by name.
type Trained = (Vec<f64>, HashMap<String, Vec<f32>>);

/// Adapters of these ranks, each with its own seed, trained together.
fn trained(ranks: &[(usize, u64)], options: &TrainOptions) -> Vec<Trained> {
    let (model, examples) = tiny();
    let config = |r| LoraConfig { r, lora_alpha: 8.0, use_rslora: false, target_modules: vec!["all-linear".into()] };
    let mut loras: Vec<Lora> = ranks.iter().map(|&(r, seed)| Lora::new(&model, &config(r), seed).unwrap()).collect();
    let arms: Vec<ArmTraining> = ranks.iter().map(|&(_, seed)| ArmTraining { learning_rate: 1e-2, weight_decay: 0.0, seed }).collect();
    let reports = train_loras(&model, &mut loras, &arms, &examples[..12], options, &mut ignore).unwrap();
    let tensors = |lora: &Lora| lora.tensors().iter().map(|(name, tensor)| (name.clone(), flat(tensor))).collect();
    reports.into_iter().zip(&loras).map(|(report, lora)| (report.unwrap().losses, tensors(lora))).collect()
}

#[test]
fn dropout_hangs_on_seed_step_and_place_and_on_nothing_else() {
    let options = |lora_dropout, batch, accumulation| TrainOptions {
        num_train_epochs: 2,
        per_device_train_batch_size: batch,
        gradient_accumulation_steps: accumulation,
        lora_dropout,
        ..TrainOptions::default()
    };
    let whole = trained(&[(4, 0)], &options(0.3, 4, 1)).remove(0);
    let without = trained(&[(4, 0)], &options(0.0, 4, 1)).remove(0);
    assert_eq!(whole.0[0], without.0[0], "B is zero at the start, and nothing that A reads matters");
    assert!(whole.0[1..].iter().zip(&without.0[1..]).all(|(one, other)| one != other), "nothing was left out");
    let micro = trained(&[(4, 0)], &options(0.3, 1, 4)).remove(0);
    let company = trained(&[(8, 5), (4, 0), (2, 0)], &options(0.3, 4, 1)).remove(1);
    for (what, other) in [("in micro-batches", &micro), ("in company", &company)] {
        assert_losses(what, &other.0, &whole.0, 1e-5);
        for (name, tensor) in &whole.1 {
            assert_close(&format!("{what}: {name}"), &other.1[name], tensor, 1e-4);
        }
    }
    let other_seed = trained(&[(4, 1)], &TrainOptions { shuffle: false, ..options(0.3, 4, 1) }).remove(0);
    let this_seed = trained(&[(4, 0)], &TrainOptions { shuffle: false, ..options(0.3, 4, 1) }).remove(0);
    assert_ne!(other_seed.0[1], this_seed.0[1]);
}

#[test]
fn dropout_stands_in_the_adapters_file() {
    let (model, examples) = tiny();
    let config = LoraConfig { r: 2, lora_alpha: 4.0, use_rslora: false, target_modules: vec!["q_proj".into()] };
    let mut loras = [Lora::new(&model, &config, 0).unwrap()];
    let options = TrainOptions { lora_dropout: 0.25, max_steps: Some(1), ..TrainOptions::default() };
    train_loras(&model, &mut loras, &[arm(1e-3)], &examples, &options, &mut ignore).unwrap().remove(0).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let written = |lora: &Lora| {
        lora.save(directory.path(), "tiny").unwrap();
        let text = std::fs::read_to_string(directory.path().join("adapter_config.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["lora_dropout"].as_f64()
    };
    assert_eq!(written(&loras[0]), Some(0.25));
    assert_eq!(written(&Lora::load(directory.path(), &model).unwrap()), Some(0.25));
}

#[test]
fn recomputing_layers_changes_nothing() {
    let options = |gradient_checkpointing| TrainOptions {
        num_train_epochs: 2,
        per_device_train_batch_size: 4,
        lora_dropout: 0.1,
        gradient_checkpointing,
        ..TrainOptions::default()
    };
    assert_eq!(trained(&[(4, 0), (2, 1)], &options(true)), trained(&[(4, 0), (2, 1)], &options(false)));
    let (model, examples) = tiny();
    let full = |checkpointing| {
        let (trained, report) = train_full(&model, &arm(1e-3), &examples, &options(checkpointing), &mut ignore).unwrap();
        (report, weights(&trained))
    };
    assert_eq!(full(true), full(false));
}
