//! Logit lens, divergences and distances of weights against `tests/reference/lens`, and what must hold exactly.

mod common;

use candle_core::Tensor;
use common::*;
use rankscope_engine::{
    ComparedSequence, Divergence, EngineError, Flow, LensOptions, LensPanel, Lora, LoraConfig, Model, OriginalPredictions, Reading, Signal,
    WeightDistance, divergence, full_distances, lens, lens_of_another, lora_distances,
};
use serde_json::Value;
use std::collections::HashMap;

const ADAPTED: [&str; 4] = ["llama_tiny", "gpt2_tiny", "opt_tiny", "opt_350m_tiny"];
const MODELS: [&str; 6] = ["llama_tiny", "gpt2_tiny", "opt_tiny", "opt_350m_tiny", "llama_tiny_untied", "qwen2_tiny"];

fn lens_figures(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(reference("lens").join(format!("{name}.json"))).unwrap()).unwrap()
}

fn open(name: &str) -> Model {
    Model::open(&reference(name)).unwrap()
}

fn adapter(name: &str, model: &Model) -> Lora {
    Lora::load(&reference(name).join("adapter_all_linear"), model).unwrap()
}

/// The reference's second full model: every matrix of the file moved by its formula.
fn moved(model: &Model) -> Model {
    let directory = tempfile::tempdir().unwrap();
    model.save(directory.path()).unwrap();
    let path = directory.path().join("model.safetensors");
    let move_matrix = |tensor: &Tensor| match tensor.dims() {
        &[rows, columns] => {
            let by = |index: usize| 0.02 * (0.37 * (index / columns + 1) as f64 * (index % columns + 2) as f64).sin();
            let values: Vec<f32> = flat(tensor).iter().enumerate().map(|(index, value)| (f64::from(*value) + by(index)) as f32).collect();
            Tensor::from_vec(values, (rows, columns), tensor.device()).unwrap()
        }
        _ => tensor.clone(),
    };
    let tensors: HashMap<String, Tensor> = candle_core::safetensors::load(&path, &candle_core::Device::Cpu)
        .unwrap()
        .iter()
        .map(|(name, tensor)| (name.clone(), move_matrix(tensor)))
        .collect();
    candle_core::safetensors::save(&tensors, &path).unwrap();
    Model::open(directory.path()).unwrap()
}

fn all_numbers(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(inner) => inner.iter().flat_map(all_numbers).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

fn of_cells(panel: &LensPanel, number: impl Fn(&rankscope_engine::LensCell) -> Vec<f64>) -> Vec<f32> {
    panel.layers.iter().flatten().flat_map(number).map(|number| number as f32).collect()
}

#[track_caller]
fn assert_panel(what: &str, ours: &LensPanel, theirs: &Value) {
    let tokens = of_cells(ours, |cell| cell.top.iter().map(|top| f64::from(top.token)).collect());
    assert_eq!(tokens, all_numbers(&theirs["top_tokens"]), "{what}: likeliest tokens");
    let probabilities = of_cells(ours, |cell| cell.top.iter().map(|top| top.probability).collect());
    assert_close(&format!("{what}: probabilities"), &probabilities, &all_numbers(&theirs["top_probabilities"]), 1e-5);
    assert_close(&format!("{what}: entropy"), &of_cells(ours, |cell| vec![cell.entropy]), &all_numbers(&theirs["entropy"]), 1e-5);
    assert_close(&format!("{what}: chosen"), &of_cells(ours, |cell| vec![cell.chosen.unwrap()]), &all_numbers(&theirs["chosen"]), 1e-5);
    assert_close(&format!("{what}: KL"), &of_cells(ours, |cell| vec![cell.kl]), &all_numbers(&theirs["kl"]), 1e-5);
}

#[test]
fn every_cell_agrees_with_transformers() {
    for name in MODELS {
        let (model, figures) = (open(name), lens_figures(name));
        let loras: Vec<Lora> = ADAPTED.contains(&name).then(|| adapter(name, &model)).into_iter().collect();
        let loras: Vec<&Lora> = loras.iter().collect();
        let options = LensOptions { top_k: 5, token: Some(figures["chosen_token"].as_u64().unwrap() as u32) };
        let ours = lens(&model, &loras, &tokens(&figures["token_ids"]), &options, &mut ignore).unwrap();
        assert_panel(&format!("{name}, original"), &ours.original, &figures["lens"]["original"]);
        for panel in &ours.loras {
            assert_panel(&format!("{name}, LoRA"), panel, &figures["lens"]["lora"]);
        }
        let full = lens_of_another(&moved(&model), &ours.kept, &options, &mut ignore).unwrap();
        assert_panel(&format!("{name}, full"), &full, &figures["lens"]["full"]);
    }
}

/// Softmax in f64 of one row of logits.
fn softmax(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().fold(f64::NEG_INFINITY, |most, logit| most.max(f64::from(*logit)));
    let powers: Vec<f64> = logits.iter().map(|logit| (f64::from(*logit) - highest).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| power / total).collect()
}

/// The last layer's cells against the model's logits.
fn assert_last_row(what: &str, model: &Model, lora: Option<&Lora>, ids: &[u32], panel: &LensPanel) {
    let logits = model.logits(lora, ids).unwrap().to_vec2::<f32>().unwrap();
    assert_eq!(panel.layers.len(), model.info().layers + 1, "{what}");
    let last = panel.layers.last().unwrap();
    assert_eq!(last.len(), logits.len());
    for (cell, logits) in last.iter().zip(&logits) {
        let real = softmax(logits);
        assert_eq!(cell.top.len(), logits.len(), "{what}: all tokens were asked for");
        for top in &cell.top {
            assert!((top.probability - real[top.token as usize]).abs() < 1e-14, "{what}: token {}", top.token);
        }
        assert!(cell.top.is_sorted_by(|a, b| a.probability >= b.probability));
        let entropy: f64 = real.iter().map(|p| if *p > 0.0 { -p * p.ln() } else { 0.0 }).sum();
        assert!((cell.entropy - entropy).abs() < 1e-12);
    }
}

#[test]
fn the_last_row_is_what_the_model_says() {
    for name in MODELS {
        let model = open(name);
        let loras: Vec<Lora> = ADAPTED.contains(&name).then(|| adapter(name, &model)).into_iter().collect();
        let loras: Vec<&Lora> = loras.iter().collect();
        let ids = tokens(&lens_figures(name)["prompts"][4]);
        let all = LensOptions { top_k: model.info().vocab_size, token: None };
        let ours = lens(&model, &loras, &ids, &all, &mut ignore).unwrap();
        assert_last_row(name, &model, None, &ids, &ours.original);
        for (panel, lora) in ours.loras.iter().zip(&loras) {
            assert_last_row(name, &model, Some(lora), &ids, panel);
        }
        let full = moved(&model);
        assert_last_row(name, &full, None, &ids, &lens_of_another(&full, &ours.kept, &all, &mut ignore).unwrap());
    }
}

#[test]
fn an_arm_in_company_is_as_alone() {
    for name in ADAPTED {
        let model = open(name);
        let other = Lora::load(&reference(name).join("adapter_rslora"), &model).unwrap();
        let all = [&adapter(name, &model), &other, &adapter(name, &model)];
        let figures = lens_figures(name);
        let ids = tokens(&figures["token_ids"]);
        let options = LensOptions { top_k: 3, token: Some(4) };
        let together = lens(&model, &all, &ids, &options, &mut ignore).unwrap();
        let prompts: Vec<ComparedSequence> = figures["prompts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|ids| ComparedSequence::continuation(&tokens(ids)[..1], &tokens(ids)[1..]).unwrap())
            .collect();
        let original = OriginalPredictions::of(&model, prompts.clone(), &mut ignore).unwrap();
        let reading = |lora| move |sequence| Reading { sequence, lora: Some(lora) };
        let readings: Vec<Reading> = (0..3).flat_map(|lora| (0..prompts.len()).map(reading(lora))).collect();
        let diverged = divergence(&model, &all, &original, &readings, &mut ignore).unwrap();
        for (index, lora) in all.into_iter().enumerate() {
            let alone = lens(&model, &[lora], &ids, &options, &mut ignore).unwrap();
            assert_eq!(alone.original, together.original, "{name}");
            assert_eq!(alone.loras[0], together.loras[index], "{name}, adapter {index}");
            for (sequence, together) in diverged[index * prompts.len()..][..prompts.len()].iter().enumerate() {
                let original = OriginalPredictions::of(&model, vec![prompts[sequence].clone()], &mut ignore).unwrap();
                let alone = divergence(&model, &[lora], &original, &[Reading { sequence: 0, lora: Some(0) }], &mut ignore).unwrap();
                assert_eq!(&alone[0], together, "{name}, adapter {index}, sequence {sequence}");
            }
        }
        assert_ne!(together.loras[0], together.loras[1]);
        assert_eq!(together.loras[0], together.loras[2]);
    }
}

#[test]
fn an_adapter_that_changes_nothing_is_at_distance_zero() {
    for name in MODELS {
        let model = open(name);
        let config = LoraConfig { r: 3, lora_alpha: 6.0, use_rslora: false, target_modules: vec!["all-linear".into()] };
        let lora = Lora::new(&model, &config, 5).unwrap();
        let ids = tokens(&lens_figures(name)["token_ids"]);
        let ours = lens(&model, &[&lora], &ids, &LensOptions { top_k: 1, token: None }, &mut ignore).unwrap();
        assert!(ours.loras[0].layers.iter().flatten().all(|cell| cell.kl == 0.0), "{name}");
        let original =
            OriginalPredictions::of(&model, vec![ComparedSequence::continuation(&ids[..2], &ids[2..]).unwrap()], &mut ignore).unwrap();
        let readings = [Reading { sequence: 0, lora: Some(0) }, Reading { sequence: 0, lora: None }];
        let none = Divergence { kl: 0.0, reverse_kl: 0.0, jensen_shannon: 0.0 };
        for divergences in divergence(&model, &[&lora], &original, &readings, &mut ignore).unwrap() {
            assert_eq!(divergences, vec![none; ids.len() - 2], "{name}");
        }
        for update in lora_distances(&model, &lora, &mut ignore).unwrap() {
            assert_eq!((update.frobenius, update.relative, update.effective_rank, update.stable_rank), (0.0, 0.0, 0.0, 0.0));
            assert_eq!(update.singular_values, [0.0; 3]);
        }
        assert!(full_distances(&model, &model, &mut ignore).unwrap().iter().all(|update| update.frobenius == 0.0));
    }
}

#[track_caller]
fn assert_divergences(what: &str, ours: &[Divergence], theirs: &Value, most: f64) {
    for (key, number) in [
        ("kl", (|one| one.kl) as fn(&Divergence) -> f64),
        ("reverse_kl", |one| one.reverse_kl),
        ("jensen_shannon", |one| one.jensen_shannon),
    ] {
        let ours: Vec<f32> = ours.iter().map(|one| number(one) as f32).collect();
        assert_close(&format!("{what}: {key}"), &ours, &all_numbers(&theirs[key]), most);
    }
}

#[test]
fn divergences_agree_with_torch() {
    for name in MODELS {
        let (model, figures) = (open(name), lens_figures(name));
        let prompts = figures["prompts"].as_array().unwrap();
        let rows = figures["continuations"].as_array().unwrap();
        let mut sequences: Vec<ComparedSequence> =
            prompts.iter().map(|ids| ComparedSequence::last_position(&tokens(ids)).unwrap()).collect();
        sequences
            .extend(rows.iter().map(|row| ComparedSequence::continuation(&tokens(&row["prompt"]), &tokens(&row["continuation"])).unwrap()));
        // one that has nothing to compare
        sequences.push(ComparedSequence::continuation(&tokens(&prompts[1]), &[]).unwrap());
        let count = sequences.len();
        let original = OriginalPredictions::of(&model, sequences, &mut ignore).unwrap();
        // PyTorch's own f32 is up to 2e-5 from its f64 where the lists are short
        let most = figures["f32_differs_by"].as_f64().unwrap().max(5e-6) * 2.0;
        let check = |arm: &str, model: &Model, loras: &[&Lora]| {
            let lora = (!loras.is_empty()).then_some(0);
            let readings: Vec<Reading> = (0..count).rev().map(|sequence| Reading { sequence, lora }).collect();
            let mut ours = divergence(model, loras, &original, &readings, &mut ignore).unwrap();
            ours.reverse();
            assert!(ours.pop().unwrap().is_empty());
            let last: Vec<Divergence> = ours[..prompts.len()].iter().map(|one| one[0]).collect();
            assert_divergences(&format!("{name}, {arm}, last position"), &last, &figures["next_token"][arm], most);
            for (ours, theirs) in ours[prompts.len()..].iter().zip(figures["continued"][arm].as_array().unwrap()) {
                assert_divergences(&format!("{name}, {arm}, continuation"), ours, theirs, most);
            }
        };
        check("full", &moved(&model), &[]);
        if ADAPTED.contains(&name) {
            check("lora", &model, &[&adapter(name, &model)]);
        }
    }
}

#[track_caller]
fn assert_distances(what: &str, ours: &[WeightDistance], theirs: &Value) {
    let theirs: HashMap<&str, &Value> = theirs.as_array().unwrap().iter().map(|row| (row["module"].as_str().unwrap(), row)).collect();
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for update in ours {
        let row = theirs[update.module.as_str()];
        for (key, ours) in [
            ("frobenius", update.frobenius),
            ("relative", update.relative),
            ("effective_rank", update.effective_rank),
            ("stable_rank", update.stable_rank),
        ] {
            let theirs = row[key].as_f64().unwrap();
            assert!((ours / theirs - 1.0).abs() < 1e-6, "{what}: {key} of {} is {ours}, the reference's {theirs}", update.module);
        }
        let values: Vec<f32> = update.singular_values.iter().map(|value| *value as f32).collect();
        assert_close(&format!("{what}: singular values of {}", update.module), &values, &all_numbers(&row["singular_values"]), 1e-6);
        let place = update.layer.map_or(update.matrix.clone(), |layer| format!(".{layer}.{}", update.matrix));
        assert!(update.module.ends_with(&place), "{update:?}");
        assert_eq!(update.layer.is_none(), update.module.contains("project_"), "{update:?}");
    }
}

#[test]
fn distances_of_weights_agree_with_numpy() {
    for name in MODELS {
        let (model, figures) = (open(name), &lens_figures(name)["weight_distances"]);
        assert_distances(&format!("{name}, full"), &full_distances(&model, &moved(&model), &mut ignore).unwrap(), &figures["full"]);
        if ADAPTED.contains(&name) {
            let lora = adapter(name, &model);
            assert_distances(&format!("{name}, LoRA"), &lora_distances(&model, &lora, &mut ignore).unwrap(), &figures["lora"]);
            // the whole product gives what the small matrix does, to the merged weights' rounding
            let merged = full_distances(&model, &lora.merge(&model).unwrap(), &mut ignore).unwrap();
            for (small, whole) in lora_distances(&model, &lora, &mut ignore).unwrap().iter().zip(&merged) {
                assert_eq!(small.module, whole.module);
                assert!((small.frobenius / whole.frobenius - 1.0).abs() < 1e-4, "{small:?} {whole:?}");
            }
        }
    }
}

#[test]
fn long_prompts_are_computed_in_pieces() {
    // 300 positions: more than are computed at a time
    let model = open("llama_tiny_untied");
    let ids: Vec<u32> = (0..300).map(|index| (index * 7 % 320) as u32).collect();
    let options = LensOptions { top_k: model.info().vocab_size, token: None };
    let ours = lens(&model, &[], &ids, &options, &mut ignore).unwrap();
    assert_last_row("long", &model, None, &ids, &ours.original);
    let full = moved(&model);
    let panel = lens_of_another(&full, &ours.kept, &options, &mut ignore).unwrap();
    let sequences = vec![ComparedSequence::continuation(&ids[..1], &ids[1..]).unwrap(), ComparedSequence::last_position(&ids).unwrap()];
    let original = OriginalPredictions::of(&model, sequences, &mut ignore).unwrap();
    let readings = [0, 1].map(|sequence| Reading { sequence, lora: None });
    let diverged = divergence(&full, &[], &original, &readings, &mut ignore).unwrap();
    let last: Vec<f64> = panel.layers.last().unwrap().iter().map(|cell| cell.kl).collect();
    let ours: Vec<f64> = diverged.iter().flatten().map(|one| one.kl).collect();
    assert_eq!(ours.len(), last.len());
    assert!(ours.iter().zip(&last).all(|(ours, last)| (ours - last).abs() < 1e-12));
}

#[test]
fn what_has_no_next_token_is_refused() {
    let (classifier, with_classes, decoder) = (open("bert_tiny"), open("gpt2_tiny_classes"), open("gpt2_tiny"));
    let options = LensOptions { top_k: 1, token: None };
    let kept = lens(&decoder, &[], &[1, 2], &options, &mut ignore).unwrap().kept;
    let original = OriginalPredictions::of(&decoder, vec![ComparedSequence::last_position(&[1, 2]).unwrap()], &mut ignore).unwrap();
    let reading = [Reading { sequence: 0, lora: None }];
    let with = |top_k, token| LensOptions { top_k, token };
    let refusals: Vec<(Result<(), EngineError>, &str)> = vec![
        (lens(&classifier, &[], &[1], &options, &mut ignore).map(|_| ()), "choose a decoder"),
        (lens_of_another(&classifier, &kept, &options, &mut ignore).map(|_| ()), "choose a decoder"),
        (OriginalPredictions::of(&classifier, vec![], &mut ignore).map(|_| ()), "choose a decoder"),
        (divergence(&classifier, &[], &original, &reading, &mut ignore).map(|_| ()), "choose a decoder"),
        (lens(&with_classes, &[], &[1], &options, &mut ignore).map(|_| ()), "without a class head"),
        (lens(&decoder, &[], &[], &options, &mut ignore).map(|_| ()), "no token"),
        (lens(&decoder, &[], &[9999], &options, &mut ignore).map(|_| ()), "9999"),
        (lens(&decoder, &[], &[1], &with(1, Some(320)), &mut ignore).map(|_| ()), "token = 320"),
        (lens(&decoder, &[], &[1; 65], &options, &mut ignore).map(|_| ()), "65 tokens"),
        (lens_of_another(&open("llama_tiny"), &kept, &options, &mut ignore).map(|_| ()), "3 layers, the original one 2"),
        (ComparedSequence::last_position(&[]).map(|_| ()), "no token"),
        (ComparedSequence::continuation(&[], &[1]).map(|_| ()), "no token"),
        (divergence(&decoder, &[], &original, &[Reading { sequence: 1, lora: None }], &mut ignore).map(|_| ()), "sequence 1"),
        (divergence(&decoder, &[], &original, &[Reading { sequence: 0, lora: Some(0) }], &mut ignore).map(|_| ()), "adapter 0"),
        (full_distances(&decoder, &open("opt_tiny"), &mut ignore).map(|_| ()), "different linear layers"),
        (lora_distances(&decoder, &adapter("opt_tiny", &open("opt_tiny")), &mut ignore).map(|_| ()), "trained on"),
    ];
    for (index, (refusal, says)) in refusals.into_iter().enumerate() {
        let error = refusal.unwrap_err().to_string();
        assert!(error.contains(says), "{index}: {error}");
    }
}

#[test]
fn progress_is_told_and_a_wish_to_stop_is_heard() {
    let model = open("gpt2_tiny");
    let lora = adapter("gpt2_tiny", &model);
    let options = LensOptions { top_k: 1, token: None };
    let mut told = Vec::new();
    lens(&model, &[&lora], &[1, 2, 3], &options, &mut |signal| {
        told.push(signal);
        Flow::Continue(())
    })
    .unwrap();
    assert_eq!(told, [1, 2, 3].map(|done| Signal::Scored { done, total: 3, tokens: 6 }));
    let original = OriginalPredictions::of(&model, vec![ComparedSequence::last_position(&[1, 2]).unwrap(); 600], &mut ignore).unwrap();
    let readings: Vec<Reading> = (0..600).map(|sequence| Reading { sequence, lora: Some(0) }).collect();
    let mut told = Vec::new();
    divergence(&model, &[&lora], &original, &readings, &mut |signal| {
        told.push(signal);
        Flow::Continue(())
    })
    .unwrap();
    assert_eq!(told, [Signal::Scored { done: 512, total: 600, tokens: 1024 }, Signal::Scored { done: 600, total: 600, tokens: 1200 }]);
    let mut stop = |_: Signal| Flow::Break(());
    let sequences = original.sequences().to_vec();
    let stopped = [
        lens(&model, &[], &[1], &options, &mut stop).map(|_| ()),
        OriginalPredictions::of(&model, sequences, &mut stop).map(|_| ()),
        divergence(&model, &[&lora], &original, &readings, &mut stop).map(|_| ()),
        lora_distances(&model, &lora, &mut stop).map(|_| ()),
        full_distances(&model, &model, &mut stop).map(|_| ()),
    ];
    for result in stopped {
        assert!(matches!(result, Err(EngineError::Stopped)));
    }
}
