//! The engine against transformers and PEFT, on the tiny random models of `tests/reference`.

mod common;

use candle_core::Tensor;
use common::*;
use rankscope_engine::{
    ArmTraining, EngineError, Example, Flow, GenerationOptions, Lora, LoraConfig, Model, Request, Scheduler, TrainOptions, generate,
    generate_until, gradients, train_full, train_loras,
};
use serde_json::Value;

const MODELS: [&str; 10] = [
    "llama_tiny",
    "llama_tiny_untied",
    "qwen2_tiny",
    "gpt2_tiny",
    "opt_tiny",
    "opt_350m_tiny",
    "bert_tiny",
    "gpt2_tiny_classes",
    "opt_350m_tiny_classes",
    "llama_tiny_classes",
];

fn greedy(max_new_tokens: usize, batch_size: usize) -> GenerationOptions {
    GenerationOptions { max_new_tokens, do_sample: false, temperature: 1.0, top_p: 1.0, top_k: 0, batch_size }
}

fn sampled(batch_size: usize) -> GenerationOptions {
    GenerationOptions { do_sample: true, top_p: 0.95, ..greedy(16, batch_size) }
}

/// Llama's kind trains under every option; the others under the plain ones.
const TRAINED: [&str; 8] = [
    "llama_tiny",
    "gpt2_tiny",
    "opt_tiny",
    "opt_350m_tiny",
    "bert_tiny",
    "gpt2_tiny_classes",
    "opt_350m_tiny_classes",
    "llama_tiny_classes",
];

#[test]
fn logits_agree_with_transformers() {
    for name in MODELS {
        let model = Model::open(&reference(name)).unwrap();
        let (figures, logits) = (figures(name), tensors(&format!("{name}/logits.safetensors")));
        for (index, prompt) in figures["prompts"].as_array().unwrap().iter().enumerate() {
            let text = prompt["text"].as_str().unwrap();
            assert_eq!(model.tokenizer().encode(text, false).unwrap(), tokens(&prompt["token_ids"]), "{name}: {text:?}");
            let ids = model.tokenizer().encode(text, true).unwrap();
            assert_eq!(ids, tokens(&prompt["token_ids_with_special"]), "{name}: {text:?}");
            let ours = model.logits(None, &ids).unwrap();
            assert_close(&format!("{name}, prompt {index}"), &flat(&ours), &flat(&logits[&format!("logits.{index}")]), 1e-5);
        }
    }
}

#[test]
fn greedy_tokens_are_those_of_transformers() {
    for name in MODELS {
        let model = Model::open(&reference(name)).unwrap();
        if model.is_classifier() {
            continue;
        }
        let figures = figures(name);
        let expected = figures["greedy"].as_array().unwrap();
        let requests: Vec<Request> = expected.iter().map(|row| Request { prompt: tokens(&row["prompt"]), lora: None, seed: 0 }).collect();
        // alone, in company, and in company of others' length
        for batch_size in [1, 2, 16] {
            let ours = generate_until(&model, &[], &requests, &greedy(12, batch_size), &[], &mut ignore).unwrap();
            for (ours, expected) in ours.iter().zip(expected) {
                assert_eq!(ours.tokens, tokens(&expected["new_tokens"]), "{name}, {batch_size} at a time");
                assert!(!ours.finished);
            }
        }
    }
}

#[test]
fn losses_and_every_gradient_agree_with_torch() {
    for name in TRAINED {
        let model = Model::open(&reference(name)).unwrap();
        let figures = figures(name);
        let (list, pairs) = (example_list(&figures), examples(&figures));
        let sums = model.target_losses(None, &pairs).unwrap();
        for ((sum, count), pair) in sums.iter().zip(list) {
            assert_eq!(*count as u64, pair["target_tokens"].as_u64().unwrap_or(1));
            let expected = pair["nll_sum"].as_f64().or_else(|| pair["nll"].as_f64()).unwrap();
            assert!((sum / expected - 1.0).abs() < 1e-5, "{name}: {sum} for {expected}");
        }
        // the first four are of different lengths: torch padded them
        assert!(pairs[..4].iter().any(|pair| pair.context.len() != pairs[0].context.len()));
        let (loss, ours) = gradients(&model, None, &pairs[..4]).unwrap();
        assert!((loss / figures["batch_loss"]["mean"].as_f64().unwrap() - 1.0).abs() < 1e-5);
        let theirs = tensors(&format!("{name}/gradients.safetensors"));
        assert_eq!(ours.len(), theirs.len(), "{name}: every trainable tensor has a gradient");
        for (tensor, theirs) in &theirs {
            let ours = as_stored(name, tensor, &ours[tensor]);
            assert_eq!(ours.dims(), theirs.dims());
            if is_key_bias(tensor) {
                // rounding alone
                assert!(flat(&ours).iter().chain(&flat(theirs)).all(|value| value.abs() < 1e-6), "{name}: {tensor}");
                continue;
            }
            assert!(flat(&ours).iter().any(|value| *value != 0.0), "{name}: the gradient of {tensor} is all zero");
            assert_close(&format!("{name}: {tensor}"), &flat(&ours), &flat(theirs), 1e-4);
        }
    }
}

/// GPT-2's files hold the transpose of a linear layer's weight.
fn as_stored(model: &str, tensor: &str, ours: &Tensor) -> Tensor {
    let transposed = model.starts_with("gpt2_tiny")
        && tensor.ends_with(".weight")
        && [".c_attn.", ".c_proj.", ".c_fc."].iter().any(|layer| tensor.contains(layer));
    if transposed { ours.t().unwrap().contiguous().unwrap() } else { ours.clone() }
}

/// A key's bias moves all scores of a query alike, which softmax doesn't see: its gradient is zero but for rounding, and what AdamW
/// makes of it is rounding blown up.
fn is_key_bias(tensor: &str) -> bool {
    tensor.ends_with("k_proj.bias") || tensor.ends_with("key.bias")
}

/// The run's options. Its steps are four (or eight) pairs in the order of the file.
fn options(run: &Value) -> TrainOptions {
    let first = run["steps"][0].as_array().unwrap();
    let steps = run["steps"].as_array().unwrap().len();
    TrainOptions {
        per_device_train_batch_size: first[0].as_array().unwrap().len(),
        gradient_accumulation_steps: first.len(),
        max_grad_norm: run["max_grad_norm"].as_f64().unwrap_or(0.0),
        scheduler: match run["schedule"].as_str().unwrap_or("constant") {
            "linear" => Scheduler::Linear,
            "cosine" => Scheduler::Cosine,
            _ => Scheduler::Constant,
        },
        warmup_ratio: run["warmup_steps"].as_f64().unwrap_or(0.0) / steps as f64,
        max_steps: Some(steps),
        shuffle: false,
        ..TrainOptions::default()
    }
}

fn arm(run: &Value) -> ArmTraining {
    ArmTraining { learning_rate: run["learning_rate"].as_f64().unwrap(), weight_decay: run["weight_decay"].as_f64().unwrap(), seed: 0 }
}

#[test]
fn ten_steps_in_full_agree_with_torch() {
    for name in TRAINED {
        let model = Model::open(&reference(name)).unwrap();
        let before = flat(&model.logits(None, &[5, 6, 7]).unwrap());
        let figures = figures(name);
        let pairs = examples(&figures);
        let finals = tensors(&format!("{name}/full_final.safetensors"));
        let mut compared = 0;
        for (run_name, run) in figures["full"].as_object().unwrap() {
            let what = |part: &str| format!("{name}, {run_name}, {part}");
            let (trained, report) = train_full(&model, &arm(run), &pairs, &options(run), &mut ignore).unwrap();
            assert_losses(&what("losses"), &report.losses, &numbers(&run["losses"]), 1e-4);
            let directory = tempfile::tempdir().unwrap();
            trained.save(directory.path()).unwrap();
            let saved = candle_core::safetensors::load(directory.path().join("model.safetensors"), &candle_core::Device::Cpu).unwrap();
            let sums = run["final_checksums"].as_object().unwrap();
            // GPT-2's one bias of q, k and v has the key's in its midst
            for (tensor, sums) in sums.iter().filter(|(tensor, _)| !is_key_bias(tensor) && !tensor.ends_with("c_attn.bias")) {
                let ours: f64 = flat(&saved[tensor]).iter().map(|value| f64::from(value.abs())).sum();
                assert!((ours / sums["abs_sum"].as_f64().unwrap() - 1.0).abs() < 1e-4, "{}", what(tensor));
            }
            for (key, theirs) in finals.iter().filter(|(key, _)| key.starts_with(&format!("{run_name}."))) {
                let ours = &saved[&key[run_name.len() + 1..]];
                assert_eq!(ours.dims(), theirs.dims());
                assert_close(&what(key), &flat(ours), &flat(theirs), 1e-4);
                compared += 1;
            }
            // what was written can be opened again and computes the same, its tokenizer too
            let opened = Model::open(directory.path()).unwrap();
            assert_eq!(flat(&opened.logits(None, &[5, 6, 7]).unwrap()), flat(&trained.logits(None, &[5, 6, 7]).unwrap()));
            let text = "the nurse's Grüße";
            assert_eq!(opened.tokenizer().encode(text, true).unwrap(), model.tokenizer().encode(text, true).unwrap());
            assert_eq!(opened.eos_tokens(), model.eos_tokens());
        }
        assert_eq!(compared, finals.len());
        assert_eq!(flat(&model.logits(None, &[5, 6, 7]).unwrap()), before, "the base model stays as it was");
    }
}

fn lora_config(run: &Value) -> LoraConfig {
    LoraConfig {
        r: run["r"].as_u64().unwrap() as usize,
        lora_alpha: run["lora_alpha"].as_f64().unwrap(),
        use_rslora: run["use_rslora"].as_bool().unwrap(),
        target_modules: match &run["target_modules"] {
            Value::String(name) => vec![name.clone()],
            list => list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_string()).collect(),
        },
    }
}

/// An adapter started from PEFT's own `A`.
fn started(model: &Model, run: &Value, tensors: &std::collections::HashMap<String, Tensor>) -> Lora {
    let names: Vec<String> = model.info().linear_layers.iter().map(|(name, _, _)| name.clone()).collect();
    Lora::start(model, &lora_config(run), |module, _, _| {
        let (_, tensor) = tensors
            .iter()
            .find(|(key, _)| key.starts_with("initial.") && key.contains(&format!("{}.lora_A", names[module])))
            .expect("PEFT adapts the same layers");
        flat(tensor)
    })
    .unwrap()
}

#[test]
fn ten_lora_steps_agree_with_peft() {
    for model_name in TRAINED {
        let model = Model::open(&reference(model_name)).unwrap();
        let figures = figures(model_name);
        let pairs = examples(&figures);
        let runs = figures["lora"].as_object().unwrap();
        assert_eq!(runs.len(), if model_name.ends_with("_classes") { 1 } else { 3 });
        for (name, run) in runs {
            let what = |part: &str| format!("{model_name}, {name}, {part}");
            let theirs = tensors(&format!("{model_name}/lora_{name}.safetensors"));
            let lora = started(&model, run, &theirs);
            assert_eq!(lora.trainable_parameters(), run["trainable_parameters"].as_u64().unwrap());
            assert_eq!(lora.config().trainable_parameters(model.info()), lora.trainable_parameters());

            let first = gradients(&model, Some(&lora), &pairs[0..4]).unwrap().1;
            assert_eq!(first.len(), lora.tensors().len(), "every trained tensor has a gradient");
            for (key, theirs) in theirs.iter().filter_map(|(key, tensor)| key.strip_prefix("first_gradient.").map(|key| (key, tensor))) {
                let ours = first.iter().find(|(ours, _)| same_factor(ours, key)).unwrap().1;
                // B is zero at the start, and so is A's gradient
                assert_eq!(flat(ours).iter().all(|value| *value == 0.0), key.contains("lora_A"), "{}", what(key));
                assert_close(&what(key), &flat(ours), &flat(theirs), 1e-4);
            }

            let mut trained = [lora];
            let report = train_loras(&model, &mut trained, &[arm(run)], &pairs, &options(run), &mut ignore).unwrap().remove(0).unwrap();
            assert_losses(&what("losses"), &report.losses, &numbers(&run["losses"]), 1e-4);
            let [trained] = trained;
            let merged = trained.merge(&model).unwrap();
            let adapted = theirs.iter().filter_map(|(key, tensor)| Some((key.strip_prefix("adapted.logits.")?, tensor)));
            for (index, theirs) in adapted {
                let prompt = &figures["prompts"][index.parse::<usize>().unwrap()];
                let ids = tokens(&prompt["token_ids_with_special"]);
                let ours = flat(&model.logits(Some(&trained), &ids).unwrap());
                assert_close(&what(index), &ours, &flat(theirs), 1e-4);
                assert_close(&what(&format!("{index} merged")), &flat(&merged.logits(None, &ids).unwrap()), &ours, 1e-5);
            }
            // PEFT's files are read, and ours come back as they were
            let peft = Lora::load(&reference(&format!("{model_name}/adapter_{name}")), &model).unwrap();
            let directory = tempfile::tempdir().unwrap();
            trained.save(directory.path(), model_name).unwrap();
            let ours = Lora::load(directory.path(), &model).unwrap();
            for (key, tensor) in peft.tensors() {
                assert_close(&what(&key), &flat(&trained.tensors()[&key]), &flat(&tensor), 1e-3);
                assert_eq!(flat(&trained.tensors()[&key]), flat(&ours.tensors()[&key]));
            }
            assert_eq!(peft.tensors().len(), trained.tensors().len());
            assert_eq!(peft.config().scaling(), run["scaling"].as_f64().unwrap());
        }
    }
}

#[test]
fn an_adapter_of_some_layers_of_a_name_is_read_back() {
    for (model_name, target, saved) in [
        ("gpt2_tiny", "attn.c_proj", "transformer.h.0.attn.c_proj"),
        ("gpt2_tiny", "c_proj", "c_proj"),
        ("bert_tiny", "attention.output.dense", "bert.encoder.layer.0.attention.output.dense"),
        ("opt_tiny", "fc1", "fc1"),
    ] {
        let model = Model::open(&reference(model_name)).unwrap();
        let config = LoraConfig { r: 2, lora_alpha: 4.0, use_rslora: false, target_modules: vec![target.into()] };
        let lora = Lora::new(&model, &config, 0).unwrap();
        let directory = tempfile::tempdir().unwrap();
        lora.save(directory.path(), model_name).unwrap();
        let opened = Lora::load(directory.path(), &model).unwrap();
        assert_eq!(opened.config().target_modules[0], saved);
        assert_eq!(opened.tensors().keys().collect::<std::collections::BTreeSet<_>>(), lora.tensors().keys().collect());
    }
}

fn same_factor(ours: &str, theirs: &str) -> bool {
    let bare = |name: &str| name.replace(".default", "").replace("base_model.model.", "");
    bare(ours) == bare(theirs)
}

#[test]
fn an_arm_ends_the_same_alone_and_in_company() {
    let model = Model::open(&reference("llama_tiny")).unwrap();
    let pairs = examples(&figures("llama_tiny"));
    let options =
        TrainOptions { num_train_epochs: 2, per_device_train_batch_size: 3, gradient_accumulation_steps: 2, ..TrainOptions::default() };
    let config = |r: usize| LoraConfig { r, lora_alpha: 2.0 * r as f64, use_rslora: false, target_modules: vec!["all-linear".into()] };
    let arms: Vec<(usize, ArmTraining)> = [(2, 1e-2, 0), (8, 3e-3, 1), (16, 1e-3, 0), (2, 1e-2, 7)]
        .map(|(r, learning_rate, seed)| (r, ArmTraining { learning_rate, weight_decay: 0.01, seed }))
        .into();
    let start = || arms.iter().map(|(r, arm)| Lora::new(&model, &config(*r), arm.seed).unwrap()).collect::<Vec<_>>();
    let settings: Vec<ArmTraining> = arms.iter().map(|(_, arm)| arm.clone()).collect();
    let mut together = start();
    let reports = train_loras(&model, &mut together, &settings, &pairs, &options, &mut ignore).unwrap();
    for (index, mut alone) in start().into_iter().map(|lora| [lora]).enumerate() {
        let report = train_loras(&model, &mut alone, &settings[index..=index], &pairs, &options, &mut ignore).unwrap().remove(0).unwrap();
        assert_eq!(report.losses, reports[index].as_ref().unwrap().losses);
        for (name, tensor) in alone[0].tensors() {
            assert_eq!(flat(&together[index].tensors()[&name]), flat(&tensor), "{name}: not the same to the last bit");
        }
    }
    assert_ne!(flat(&together[0].tensors().values().next().unwrap().clone()).len(), 0);

    // and every arm completes the same alone and beside the others
    let prompts = [vec![5u32, 6, 7], vec![9], vec![30, 31, 32, 33, 34], vec![9]];
    let references: Vec<&Lora> = together.iter().collect();
    let requests: Vec<Request> = (0..5)
        .flat_map(|arm| {
            prompts.iter().enumerate().map(move |(index, prompt)| Request {
                prompt: prompt.clone(),
                lora: (arm < 4).then_some(arm),
                seed: index as u64,
            })
        })
        .collect();
    for options in [greedy(10, 64), sampled(7)] {
        let all = generate(&model, &references, &requests, &options, &mut ignore).unwrap();
        for (request, expected) in requests.iter().zip(&all) {
            let alone = generate(&model, &references, std::slice::from_ref(request), &options, &mut ignore).unwrap();
            assert_eq!(&alone[0], expected);
        }
        // the same seed and prompt draw the same, another seed something else
        assert_eq!(all[1].tokens == all[3].tokens, !options.do_sample);
    }
}

#[test]
fn results_do_not_hang_on_the_number_of_threads() {
    let outcome = || {
        let model = Model::open(&reference("llama_tiny")).unwrap();
        let pairs = examples(&figures("llama_tiny"));
        let config = |r: usize| LoraConfig { r, lora_alpha: 2.0 * r as f64, use_rslora: false, target_modules: vec!["all-linear".into()] };
        let arm = ArmTraining { learning_rate: 1e-2, weight_decay: 0.01, seed: 0 };
        let mut loras = [2, 8, 16].map(|r| Lora::new(&model, &config(r), 0).unwrap());
        let arms = vec![arm.clone(); 3];
        let options = TrainOptions::default();
        train_loras(&model, &mut loras, &arms, &pairs, &options, &mut ignore).unwrap();
        let (trained, report) = train_full(&model, &arm, &pairs, &options, &mut ignore).unwrap();
        let adapted: Vec<_> = loras.iter().flat_map(|lora| flat(&model.logits(Some(lora), &[5, 6, 7, 8]).unwrap())).collect();
        (adapted, flat(&trained.logits(None, &[5, 6, 7, 8]).unwrap()), report.losses)
    };
    let [one, three] = [1, 3].map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(outcome));
    assert_eq!(one, three);
}

#[test]
fn a_prefix_that_prompts_share_changes_nothing() {
    let model = Model::open(&reference("llama_tiny")).unwrap();
    let config = LoraConfig { r: 2, lora_alpha: 4.0, use_rslora: false, target_modules: vec!["all-linear".into()] };
    let mut lora = [Lora::new(&model, &config, 0).unwrap()];
    let arm = ArmTraining { learning_rate: 1e-2, weight_decay: 0.0, seed: 0 };
    train_loras(&model, &mut lora, &[arm], &examples(&figures("llama_tiny")), &TrainOptions::default(), &mut ignore).unwrap();
    let prefix: Vec<u32> = (10..30).collect();
    // one is the prefix and a token, one ends within it, one repeats another
    let endings: [&[u32]; 5] = [&[40], &[41, 42, 43], &[44, 45], &[41, 42, 43], &[46, 47, 48, 49, 50]];
    let requests: Vec<Request> = [None, Some(0)]
        .into_iter()
        .flat_map(|lora| endings.map(|ending| Request { prompt: [&prefix, ending].concat(), lora, seed: ending.len() as u64 }))
        .chain([Request { prompt: prefix[..6].to_vec(), lora: Some(0), seed: 9 }])
        .collect();
    for options in [greedy(6, 64), sampled(6)] {
        let together = generate(&model, &[&lora[0]], &requests, &options, &mut ignore).unwrap();
        for (request, expected) in requests.iter().zip(&together) {
            let alone = generate(&model, &[&lora[0]], std::slice::from_ref(request), &options, &mut ignore).unwrap();
            assert_eq!(&alone[0], expected, "{:?}", request.prompt);
        }
    }
}

#[test]
fn an_arm_whose_loss_explodes_fails_alone() {
    let model = Model::open(&reference("llama_tiny")).unwrap();
    let pairs = examples(&figures("llama_tiny"));
    let config = LoraConfig { r: 2, lora_alpha: 4.0, use_rslora: false, target_modules: vec!["all-linear".into()] };
    let arm = |learning_rate| ArmTraining { learning_rate, weight_decay: 0.0, seed: 0 };
    let mut loras = [Lora::new(&model, &config, 0).unwrap(), Lora::new(&model, &config, 0).unwrap()];
    let options = TrainOptions { max_grad_norm: 0.0, num_train_epochs: 2, ..TrainOptions::default() };
    let reports = train_loras(&model, &mut loras, &[arm(1e30), arm(1e-3)], &pairs, &options, &mut ignore).unwrap();
    let error = reports[0].as_ref().unwrap_err();
    assert!(matches!(error, EngineError::LossNotFinite { .. }), "{error}");
    assert!(error.to_string().contains("lower the learning rate"));
    assert_eq!(reports[1].as_ref().unwrap().losses.len(), options.steps(pairs.len()));
    assert!(matches!(train_full(&model, &arm(1e30), &pairs, &options, &mut ignore).unwrap_err(), EngineError::LossNotFinite { .. }));
}

#[test]
fn work_stops_when_the_observer_says_so() {
    let model = Model::open(&reference("llama_tiny")).unwrap();
    let pairs = examples(&figures("llama_tiny"));
    let mut seen = 0;
    let mut stop = |_| {
        seen += 1;
        if seen == 3 { Flow::Break(()) } else { Flow::Continue(()) }
    };
    let arm = ArmTraining { learning_rate: 1e-3, weight_decay: 0.0, seed: 0 };
    assert!(matches!(train_full(&model, &arm, &pairs, &TrainOptions::default(), &mut stop).unwrap_err(), EngineError::Stopped));
    assert_eq!(seen, 3);
    let requests = vec![Request { prompt: vec![4, 5], lora: None, seed: 0 }; 9];
    let error = generate(&model, &[], &requests, &greedy(8, 2), &mut |_| Flow::Break(())).unwrap_err();
    assert!(matches!(error, EngineError::Stopped));
}

#[test]
fn wrong_input_is_refused_with_its_remedy() {
    let model = Model::open(&reference("llama_tiny")).unwrap();
    let config = |r: usize, target: &str| LoraConfig { r, lora_alpha: 1.0, use_rslora: false, target_modules: vec![target.into()] };
    let request =
        |prompt: Vec<u32>| generate(&model, &[], &[Request { prompt, lora: None, seed: 0 }], &greedy(4, 1), &mut ignore).map(|_| ());
    let new = |config: LoraConfig| Lora::new(&model, &config, 0).map(|_| ());
    let train = |examples: &[Example]| {
        let arm = ArmTraining { learning_rate: 1e-3, weight_decay: 0.0, seed: 0 };
        train_full(&model, &arm, examples, &TrainOptions::default(), &mut ignore).map(|_| ())
    };
    for (result, expected) in [
        (new(config(0, "all-linear")), "choose a rank from 1 to 16"),
        (new(config(17, "all-linear")), "lora_r = 17 is above the width of model.layers.0.self_attn.k_proj (16)"),
        (config(17, "q_proj").check(model.info()), ""),
        (new(config(2, "c_attn")), "\"c_attn\" is no linear layer of this model; it has: down_proj"),
        (request(vec![]), "prompt 0 is empty"),
        (request(vec![320]), "token 320 is outside the model's vocabulary of 320"),
        (request(vec![1; 100_000]), "longer than the model's"),
        (train(&[]), "nothing to train on"),
        (train(&[Example { context: vec![1], target: vec![] }]), "no target token"),
        (train(&[Example { context: vec![], target: vec![3] }]), "no target token"),
    ] {
        match (result, expected) {
            (Ok(()), "") => {}
            (Err(error), expected) if !expected.is_empty() => {
                assert!(error.to_string().contains(expected), "{error} does not say {expected:?}");
            }
            (found, expected) => panic!("{found:?} in place of {expected:?}"),
        }
    }
}

/// A copy of the tiny model with one file changed.
fn changed(file: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(reference("llama_tiny").join(name), directory.path().join(name)).unwrap();
    }
    let path = directory.path().join(file);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, change(bytes)).unwrap();
    directory
}

fn replaced(bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "{from} is not in the file");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn broken_files_are_refused_by_name() {
    let rows: Vec<(tempfile::TempDir, &str)> = vec![
        (
            changed("config.json", |bytes| replaced(bytes, "\"llama\"", "\"mamba\"")),
            "model kind \"mamba\" is not supported; supported are: llama",
        ),
        (changed("config.json", |bytes| replaced(bytes, "\"silu\"", "\"relu6\"")), "hidden_act = \"relu6\" is not supported"),
        (changed("config.json", |bytes| replaced(bytes, "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4")), "tensor model.layers.3"),
        (
            changed("config.json", |bytes| replaced(bytes, "\"hidden_size\": 32", "\"hidden_size\": 64")),
            "the weights belong to another model",
        ),
        (changed("config.json", |_| b"{".to_vec()), "not JSON"),
        (changed("model.safetensors", |bytes| bytes[..bytes.len() / 2].to_vec()), "truncated"),
        (changed("model.safetensors", |_| vec![255; 64]), "not a whole safetensors file"),
        (
            changed("model.safetensors", |mut bytes| {
                bytes[9] = b'!';
                bytes
            }),
            "corrupt safetensors header",
        ),
        (
            changed("model.safetensors", |mut bytes| {
                let end = bytes.len();
                bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
                bytes
            }),
            "not a number",
        ),
        (changed("tokenizer.json", |_| b"{}".to_vec()), "tokenizer.json"),
    ];
    for (directory, expected) in rows {
        let error = Model::open(directory.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} does not say {expected:?}");
    }
    let smaller = changed("tokenizer.json", |bytes| {
        let mut json: Value = serde_json::from_slice(&bytes).unwrap();
        json["model"]["vocab"]["one too many"] = 320.into();
        json.to_string().into_bytes()
    });
    let error = Model::open(smaller.path()).unwrap_err().to_string();
    assert!(error.contains("does not match the weights: its highest token is 320, the embedding has 320 rows"), "{error}");
    let missing = Model::open(std::path::Path::new("/nowhere/model.gguf")).unwrap_err().to_string();
    assert!(missing.starts_with("/nowhere/model.gguf: No such file"), "{missing}");
    let no_gguf = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(no_gguf.path(), b"GGUF\x03\0\0\0 and nothing else").unwrap();
    assert!(Model::open(no_gguf.path()).unwrap_err().to_string().contains("not a whole GGUF file"));
}
