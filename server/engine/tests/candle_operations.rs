//! candle's own operations, which run on CUDA, give what our kernels give: logits, losses, every gradient, a few steps of
//! training and generated tokens, for every kind of model under `tests/reference`.

mod common;

use common::{assert_close, flat, reference};
use rankscope_engine::{
    ArmTraining, Example, Flow, GenerationOptions, Lora, LoraConfig, Model, Request, Signal, TrainOptions, generate, gradients, train_full,
    train_loras,
};

fn ignore(_: Signal) -> Flow {
    Flow::Continue(())
}

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
                assert_close(&format!("{name} gradient of {tensor}"), &flat(&found[tensor]), &flat(value), 1e-3);
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
