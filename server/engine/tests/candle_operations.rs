//! candle's own operations, which run on CUDA, give what our kernels give: logits, losses, every gradient, steps of training and
//! generated tokens, for every kind of model under `tests/reference`; with the base in bf16, as it is on a GPU, nearly the same. Where
//! this is built with CUDA and there is a GPU, the same on it.

mod common;

use common::{assert_close, flat, ignore, reference};
use rankscope_engine::{
    ArmTraining, Checkpoints, EngineError, Example, Flow, GenerationOptions, Lora, LoraConfig, Model, Processor, Request, Scheduler,
    Signal, TrainOptions, device::gpus, generate, gradients, train_full, train_full_saving, train_loras, train_loras_saving,
};
use std::collections::BTreeMap;

/// Directories of models there.
fn models() -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(reference(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("config.json").is_file())
        .collect();
    found.sort();
    assert!(found.len() >= 3, "{found:?}");
    found
}

fn examples(model: &Model) -> Vec<Example> {
    (0..6u32)
        .map(|index| {
            let context = (0..3 + index % 3).map(|token| 5 + 7 * token + index).collect();
            let target = if model.is_classifier() { vec![index % 2] } else { vec![3 + index, 40, 41 + index] };
            Example { context, target }
        })
        .collect()
}

/// As [`assert_close`]; a gradient that is 0 but for rounding (that of keys' biases, which softmax leaves out) must be so here too.
#[track_caller]
fn assert_gradient(what: &str, ours: &[f32], theirs: &[f32], most: f64) {
    let largest = |values: &[f32]| values.iter().fold(0f32, |most, value| most.max(value.abs()));
    if largest(theirs) < ROUNDING {
        assert!(largest(ours) < ROUNDING, "{what}: {}", largest(ours));
    } else {
        assert_close(what, ours, theirs, most);
    }
}

/// Gradients here are about 1e-3 to 1.
const ROUNDING: f32 = 1e-6;

/// Of the difference, as a share of the values': what bf16's rounding does to one value is chance.
fn root_mean_square_error(ours: &[f32], theirs: &[f32]) -> f64 {
    let squares = |values: &mut dyn Iterator<Item = f32>| values.map(|value| f64::from(value * value)).sum::<f64>();
    let difference = squares(&mut ours.iter().zip(theirs).map(|(ours, theirs)| ours - theirs));
    (difference / squares(&mut theirs.iter().copied())).sqrt()
}

#[test]
fn both_ways_compute_the_same() {
    for path in models() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let fused = Model::open(&path).unwrap();
        let plain = fused.with_candle_operations();
        let examples = examples(&fused);
        let tokens = [5, 6, 7, 30, 31];
        assert_close(&name, &flat(&plain.logits(None, &tokens).unwrap()), &flat(&fused.logits(None, &tokens).unwrap()), 1e-4);

        let config = LoraConfig { r: 2, lora_alpha: 4.0, use_rslora: false, target_modules: vec!["all-linear".into()] };
        let arm = ArmTraining { learning_rate: 1e-2, weight_decay: 0.01, seed: 3 };
        let options =
            TrainOptions { per_device_train_batch_size: 2, gradient_accumulation_steps: 2, num_train_epochs: 2, ..TrainOptions::default() };
        let start = |model: &Model| [Lora::new(model, &config, 0).unwrap(), Lora::new(model, &config, 1).unwrap()];
        let (mut ours, mut theirs) = (start(&fused), start(&plain));
        for (model, loras) in [(&fused, &mut ours), (&plain, &mut theirs)] {
            train_loras(model, loras, &[arm.clone(), arm.clone()], &examples, &options, &mut ignore).unwrap();
        }
        for (one, other) in ours.iter().zip(&theirs) {
            for (tensor, value) in one.tensors() {
                assert_close(&format!("{name} {tensor}"), &flat(&other.tensors()[&tensor]), &flat(&value), 1e-3);
            }
        }
        for (lora, plain_lora) in [(None, None), (Some(&ours[0]), Some(&ours[0]))] {
            let (loss, expected) = gradients(&fused, lora, &examples).unwrap();
            let (plain_loss, found) = gradients(&plain, plain_lora, &examples).unwrap();
            assert!((loss - plain_loss).abs() < 1e-5, "{name}: {loss} and {plain_loss}");
            assert_eq!(expected.len(), found.len());
            for (tensor, value) in &expected {
                assert_gradient(&format!("{name} gradient of {tensor}"), &flat(&found[tensor]), &flat(value), 1e-3);
            }
        }
        let (_, one) = train_full(&fused, &arm, &examples, &options, &mut ignore).unwrap();
        let (_, other) = train_full(&plain, &arm, &examples, &options, &mut ignore).unwrap();
        for (one, other) in one.losses.iter().zip(&other.losses) {
            assert!((one - other).abs() < 1e-4 * one.abs().max(1.0), "{name}: {one} and {other}");
        }
        if fused.is_classifier() {
            continue;
        }
        let options = GenerationOptions { max_new_tokens: 6, do_sample: false, temperature: 1.0, top_p: 1.0, top_k: 0, batch_size: 8 };
        let requests: Vec<Request> = [None, Some(0), Some(1)]
            .into_iter()
            .flat_map(|lora| [vec![5u32, 6, 7], vec![9], vec![5, 6, 7, 8]].map(|prompt| Request { prompt, lora, seed: 0 }))
            .collect();
        let loras: Vec<&Lora> = ours.iter().collect();
        let expected = generate(&fused, &loras, &requests, &options, &mut ignore).unwrap();
        assert_eq!(generate(&plain, &loras, &requests, &options, &mut ignore).unwrap(), expected, "{name}");
    }
}

/// Clipping, decay, accumulation, warm-up and dropout.
fn thorough() -> TrainOptions {
    TrainOptions {
        per_device_train_batch_size: 2,
        gradient_accumulation_steps: 2,
        num_train_epochs: 3,
        scheduler: Scheduler::Cosine,
        warmup_ratio: 0.2,
        // below every step's norm, which is about 1 to 10
        max_grad_norm: 0.05,
        lora_dropout: 0.1,
        ..TrainOptions::default()
    }
}

fn arms() -> [ArmTraining; 2] {
    [(1e-2, 3), (3e-3, 4)].map(|(learning_rate, seed)| ArmTraining { learning_rate, weight_decay: 0.2, seed })
}

fn adapters(model: &Model) -> [Lora; 2] {
    [2, 4].map(|r| {
        let config = LoraConfig { r, lora_alpha: 4.0, use_rslora: false, target_modules: vec!["all-linear".into()] };
        Lora::new(model, &config, r as u64).unwrap()
    })
}

/// What training ends with: losses, and tensors by name (a full arm's as its file has them).
type End = Vec<(Vec<f64>, BTreeMap<String, Vec<f32>>)>;

/// Trains two adapters, then the whole model, each from its saved state where there is one.
fn train(model: &Model, state: Option<&std::path::Path>, observer: &mut dyn FnMut(Signal) -> Flow) -> Result<End, EngineError> {
    let checkpoints = |name: &str| state.map(|state| Checkpoints { directory: state.join(name), save_steps: None });
    let (examples, options) = (examples(model), thorough());
    let mut loras = adapters(model);
    let reports = train_loras_saving(model, &mut loras, &arms(), &examples, &options, checkpoints("loras").as_ref(), observer)?;
    let mut end: End = Vec::new();
    for (lora, report) in loras.iter().zip(reports) {
        end.push((report?.losses, lora.tensors().iter().map(|(name, tensor)| (name.clone(), flat(tensor))).collect()));
    }
    let arm = ArmTraining { learning_rate: 1e-3, ..arms()[0].clone() };
    let (trained, report) = train_full_saving(model, &arm, &examples, &options, checkpoints("full").as_ref(), observer)?;
    let directory = tempfile::tempdir().unwrap();
    trained.save(directory.path()).unwrap();
    let saved = candle_core::safetensors::load(directory.path().join("model.safetensors"), &candle_core::Device::Cpu).unwrap();
    end.push((report.losses, saved.iter().map(|(name, tensor)| (name.clone(), flat(tensor))).collect()));
    Ok(end)
}

#[track_caller]
fn assert_same_end(what: &str, ours: &End, theirs: &End, loss: f64, tensor: f64) {
    assert_eq!(ours.len(), theirs.len());
    for (arm, ((our_losses, our_tensors), (losses, tensors))) in ours.iter().zip(theirs).enumerate() {
        common::assert_losses(&format!("{what}, arm {arm}"), our_losses, losses, loss);
        assert!(our_tensors.keys().eq(tensors.keys()), "{what}");
        for (name, values) in tensors {
            assert_close(&format!("{what}, arm {arm}, {name}"), &our_tensors[name], values, tensor);
        }
    }
}

#[test]
fn both_ways_train_alike_under_every_option() {
    for path in models() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let fused = Model::open(&path).unwrap();
        let expected = train(&fused, None, &mut ignore).unwrap();
        assert!(expected.iter().all(|(losses, _)| losses.len() == 6), "six examples, four a step, three times");
        let plain = train(&fused.with_candle_operations(), None, &mut ignore).unwrap();
        // AdamW divides by what may be almost nothing: a gradient's rounding can turn a tensor's first steps
        assert_same_end(&name, &plain, &expected, 1e-4, 2e-3);
    }
}

/// A run that is stopped after every step and goes on from its saved state ends the same to the bit.
fn assert_goes_on_to_the_same_end(model: &Model) {
    let whole = train(model, None, &mut ignore).unwrap();
    let state = tempfile::tempdir().unwrap();
    let mut stops = 0;
    let end = loop {
        let mut stop = |signal| if matches!(signal, Signal::Step { .. }) { Flow::Break(()) } else { Flow::Continue(()) };
        match train(model, Some(state.path()), &mut stop) {
            Ok(end) => break end,
            Err(EngineError::Stopped) => stops += 1,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(stops >= 12, "{stops} stops");
    assert!(end == whole, "it ended otherwise");
}

#[test]
fn a_stopped_run_by_candle_operations_goes_on_to_the_same_end() {
    assert_goes_on_to_the_same_end(&Model::open(&reference("llama_tiny")).unwrap().with_candle_operations());
}

/// Holds a model with its matrices in bf16 to the one in f32.
fn assert_nearly_the_same(name: &str, halved: &Model, whole: &Model) {
    let tokens = [5, 6, 7, 30, 31];
    let logits = |model: &Model| flat(&model.logits(None, &tokens).unwrap());
    let error = root_mean_square_error(&logits(halved), &logits(whole));
    assert!(error < 3e-2, "{name}: logits differ by {error:.1e}");
    assert!(error > 1e-7, "{name}: nothing was narrowed");
    let examples = examples(whole);
    let (mut ours, theirs) = (adapters(halved), adapters(whole));
    // B is 0 at the start, and A then has no gradient
    let (loss, expected) = gradients(whole, Some(&theirs[0]), &examples).unwrap();
    let (our_loss, found) = gradients(halved, Some(&ours[0]), &examples).unwrap();
    assert!((loss - our_loss).abs() < 2e-2 * loss, "{name}: losses {our_loss} and {loss}");
    let (mut all_found, mut all_expected) = (Vec::new(), Vec::new());
    for (tensor, value) in &expected {
        let gradient = &found[tensor];
        assert_eq!(gradient.dtype(), candle_core::DType::F32, "{name} {tensor}");
        assert!(flat(gradient).iter().all(|value| value.is_finite()), "{name} {tensor}");
        all_found.extend(flat(gradient));
        all_expected.extend(flat(value));
    }
    let error = root_mean_square_error(&all_found, &all_expected);
    // about 0.01 to 0.03, and 0.12 for OPT-350m's kind, where ReLUs that rounding turns on or off come before the norm
    assert!(error < 0.2, "{name}: gradients differ by {error:.1e}");
    let reports = train_loras(halved, &mut ours, &arms(), &examples, &thorough(), &mut ignore).unwrap();
    for (lora, report) in ours.iter().zip(reports) {
        assert!(report.unwrap().losses.iter().all(|loss| loss.is_finite()));
        for (tensor, value) in lora.tensors() {
            assert_eq!(value.dtype(), candle_core::DType::F32);
            assert!(flat(&value).iter().all(|value| value.is_finite()), "{name} {tensor}");
        }
    }
    // the whole model is trained in f32, from the narrowed weights
    let (trained, report) = train_full(halved, &arms()[1], &examples, &thorough(), &mut ignore).unwrap();
    assert!(report.losses.iter().all(|loss| loss.is_finite()));
    let (_, gradients) = gradients(&trained, None, &examples).unwrap();
    assert!(gradients.values().all(|gradient| gradient.dtype() == candle_core::DType::F32));
}

#[test]
fn a_base_in_bf16_is_nearly_the_same() {
    for path in models() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let whole = Model::open(&path).unwrap();
        assert_nearly_the_same(&name, &whole.with_halved_matrices().unwrap(), &whole);
    }
}

/// Whether there is a GPU to test on; with RANKSCOPE_REQUIRE_GPU=1 there must be one.
fn has_gpu() -> bool {
    match gpus() {
        Ok(gpus) if !gpus.is_empty() => true,
        other => {
            assert!(std::env::var_os("RANKSCOPE_REQUIRE_GPU").is_none(), "{other:?}");
            eprintln!("skipped: {}", other.err().unwrap_or_else(|| "no GPU".into()));
            false
        }
    }
}

#[test]
#[cfg_attr(not(feature = "cuda"), ignore = "built without CUDA: cargo test --features cuda")]
fn a_gpu_computes_what_the_cpu_does() {
    if !has_gpu() {
        return;
    }
    for path in models() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let whole = Model::open(&path).unwrap();
        let there = Model::open_on(&path, Processor::Cuda(0)).unwrap();
        assert_nearly_the_same(&name, &there, &whole);
        // the same narrowed weights: nothing is left but the order of sums
        let here = whole.with_halved_matrices().unwrap();
        assert_same_end(&name, &train(&there, None, &mut ignore).unwrap(), &train(&here, None, &mut ignore).unwrap(), 2e-2, 0.2);
        if !whole.is_classifier() {
            let options = GenerationOptions { max_new_tokens: 6, do_sample: false, temperature: 1.0, top_p: 1.0, top_k: 0, batch_size: 8 };
            let requests: Vec<Request> =
                [vec![5u32, 6, 7], vec![9], vec![5, 6, 7, 8]].map(|prompt| Request { prompt, lora: Some(0), seed: 0 }).into();
            let loras = adapters(&there);
            let answers = generate(&there, &[&loras[0]], &requests, &options, &mut ignore).unwrap();
            assert!(answers.iter().all(|answer| answer.finished || answer.tokens.len() == 6));
        }
    }
    assert_goes_on_to_the_same_end(&Model::open_on(&reference("llama_tiny"), Processor::Cuda(0)).unwrap());
}
