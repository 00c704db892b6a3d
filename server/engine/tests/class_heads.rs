//! Heads over classes: new ones on every kind of model, their files, and classification of many texts and arms at once. What transformers
//! and PEFT compute with such heads is in `tiny_models.rs`.

mod common;

use common::*;
use rankscope_engine::{
    ArmTraining, ClassRequest, EngineError, Flow, GenerationOptions, Lora, LoraConfig, Model, OptionRequest, Request, Signal, TrainOptions,
    classify, generate, inspect, score_options, train::ROWS_TOGETHER, train_full, train_loras,
};
use serde_json::{Value, json};
use std::path::Path;

const KINDS: [&str; 7] = ["llama_tiny", "llama_tiny_untied", "qwen2_tiny", "gpt2_tiny", "opt_tiny", "opt_350m_tiny", "bert_tiny"];

fn names(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|label| label.to_string()).collect()
}

fn config(r: usize) -> LoraConfig {
    LoraConfig { r, lora_alpha: 2.0 * r as f64, use_rslora: false, target_modules: vec!["all-linear".into()] }
}

fn arm(seed: u64) -> ArmTraining {
    ArmTraining { learning_rate: 1e-2, weight_decay: 0.01, seed }
}

fn logits(model: &Model, lora: Option<&Lora>) -> Vec<f32> {
    flat(&model.logits(lora, &[5, 6, 7, 40]).unwrap())
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_head_is_drawn_by_its_seed_and_the_rest_stays() {
    for name in KINDS {
        let base = Model::open(&reference(name)).unwrap();
        let before = logits(&base, None);
        let labels = names(&["negative", "positive"]);
        let model = base.with_class_head(&labels, 1).unwrap();
        let (same, other) = (base.with_class_head(&labels, 1).unwrap(), base.with_class_head(&labels, 2).unwrap());
        let found = logits(&model, None);
        assert_eq!(found.len(), 2, "{name}");
        assert!(found.iter().any(|logit| *logit != 0.0), "{name}");
        assert_eq!(found, logits(&same, None), "{name}");
        assert_ne!(found, logits(&other, None), "{name}");
        // a head does not hang on which one was there before
        assert_eq!(found, logits(&other.with_class_head(&labels, 1).unwrap(), None), "{name}");
        assert_eq!(logits(&base, None), before, "{name}");
        assert_eq!((model.labels(), model.info().classes, model.is_classifier()), (&labels[..], Some(2), true));
        let adapter = Lora::new(&model, &config(2), 0).unwrap();
        assert_eq!(adapter.trainable_parameters(), config(2).trainable_parameters(model.info()), "{name}");
        // as transformers draws it: this deviation, and no bias at first
        let head = adapter.tensors().into_iter().filter(|(key, _)| !key.contains("lora_")).collect::<Vec<_>>();
        let mut found: Vec<&str> = head.iter().map(|(key, _)| key.trim_start_matches("base_model.model.")).collect();
        found.sort_unstable();
        let bert = name == "bert_tiny";
        assert_eq!(found, if bert { vec!["classifier.bias", "classifier.weight"] } else { vec!["score.weight"] });
    }
    let deviation = |name: &str| {
        let labels: Vec<String> = (0..200).map(|label| format!("label {label}")).collect();
        let model = Model::open(&reference(name)).unwrap().with_class_head(&labels, 5).unwrap();
        let lora = Lora::new(&model, &config(2), 0).unwrap();
        let weight = flat(&lora.tensors()["base_model.model.score.weight"]);
        (weight.iter().map(|value| f64::from(value * value)).sum::<f64>() / weight.len() as f64).sqrt()
    };
    // `initializer_range` and, for OPT, `init_std` of the configs; 3,200 values and more
    assert!((deviation("gpt2_tiny") / 0.2 - 1.0).abs() < 0.05);
    assert!((deviation("opt_350m_tiny") / 0.4 - 1.0).abs() < 0.05);
}

#[test]
fn an_encoders_pooler_is_kept_where_there_is_one() {
    let labels = names(&["a", "b"]);
    let pooler = |model: &Model| {
        let directory = tempfile::tempdir().unwrap();
        model.save(directory.path()).unwrap();
        let saved = candle_core::safetensors::load(directory.path().join("model.safetensors"), &candle_core::Device::Cpu).unwrap();
        flat(&saved["bert.pooler.dense.weight"])
    };
    let whole = Model::open(&reference("bert_tiny")).unwrap();
    assert_eq!(pooler(&whole.with_class_head(&labels, 1).unwrap()), pooler(&whole));
    // the file of an encoder alone
    let directory = tempfile::tempdir().unwrap();
    whole.save(directory.path()).unwrap();
    let path = directory.path().join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &candle_core::Device::Cpu).unwrap();
    tensors.retain(|name, _| !name.contains("pooler") && !name.contains("classifier"));
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let bare = Model::open(directory.path()).unwrap();
    let [one, again, other] = [1, 1, 2].map(|seed| bare.with_class_head(&labels, seed).unwrap());
    assert_eq!(pooler(&one), pooler(&again));
    assert_ne!(pooler(&one), pooler(&other));
    assert_ne!(pooler(&one), pooler(&bare));
    // what was trained is no draw any more
    let examples = examples(&figures("bert_tiny"));
    let (trained, _) = train_full(&bare, &arm(0), &examples[..4], &TrainOptions::default(), &mut ignore).unwrap();
    assert_ne!(pooler(&trained), pooler(&bare));
    assert_eq!(pooler(&trained.with_class_head(&labels, 1).unwrap()), pooler(&trained));
}

#[test]
fn what_is_saved_is_a_classifier_again() {
    for name in KINDS {
        let labels = names(&["négatif", "positif", "ni l'un ni l'autre"]);
        let model = Model::open(&reference(name)).unwrap().with_class_head(&labels, 3).unwrap();
        let directory = tempfile::tempdir().unwrap();
        model.save(directory.path()).unwrap();
        let config_json = read_json(&directory.path().join("config.json"));
        let architecture = config_json["architectures"][0].as_str().unwrap();
        assert!(architecture.ends_with("ForSequenceClassification"), "{name}: {architecture}");
        assert_eq!(config_json["num_labels"], 3);
        assert_eq!(config_json["id2label"], json!({ "0": labels[0], "1": labels[1], "2": labels[2] }));
        assert_eq!(config_json["label2id"][&labels[2]], 2);
        let saved = candle_core::safetensors::load(directory.path().join("model.safetensors"), &candle_core::Device::Cpu).unwrap();
        assert!(!saved.contains_key("lm_head.weight"), "{name}");
        assert!(saved.contains_key(if name == "bert_tiny" { "classifier.weight" } else { "score.weight" }), "{name}");
        let opened = Model::open(directory.path()).unwrap();
        assert_eq!(opened.labels(), labels);
        assert_eq!(inspect(directory.path()).unwrap().classes, Some(3));
        assert_eq!(logits(&opened, None), logits(&model, None), "{name}");
        // the same head again, drawn with the deviation that was read first
        let drawn = |model: &Model| logits(&model.with_class_head(&labels, 9).unwrap(), None);
        assert_eq!(drawn(&opened), drawn(&model), "{name}");

        // a file that says so and has no head is not whole; an encoder's gets a new one
        let mut tensors = saved;
        tensors.retain(|name, _| !name.starts_with("score."));
        candle_core::safetensors::save(&tensors, directory.path().join("model.safetensors")).unwrap();
        match Model::open(directory.path()) {
            Ok(_) => assert_eq!(name, "bert_tiny"),
            Err(error) => assert!(error.to_string().contains("tensor score.weight is missing"), "{name}: {error}"),
        }
    }
}

#[test]
fn the_files_of_transformers_name_their_classes() {
    for name in ["gpt2_tiny_classes", "opt_350m_tiny_classes", "llama_tiny_classes"] {
        let expected: Vec<&str> = vec!["work", "people", "other"];
        assert_eq!(figures(name)["label_names"], json!(expected));
        let model = Model::open(&reference(name)).unwrap();
        assert_eq!(model.labels(), expected, "{name}");
        let directory = tempfile::tempdir().unwrap();
        model.save(directory.path()).unwrap();
        let (ours, theirs) = (read_json(&directory.path().join("config.json")), read_json(&reference(name).join("config.json")));
        for key in ["architectures", "id2label", "label2id", "pad_token_id", "model_type"] {
            assert_eq!(ours[key], theirs[key], "{name}: {key}");
        }
    }
    assert_eq!(Model::open(&reference("bert_tiny")).unwrap().labels(), ["LABEL_0", "LABEL_1", "LABEL_2"]);
    assert_eq!(Model::open(&reference("llama_tiny")).unwrap().labels(), Vec::<String>::new());
}

/// Arms with heads of their own over one base, trained together, and the model that they stand on.
fn trained_arms(name: &str) -> (Model, Vec<Lora>) {
    let base = Model::open(&reference(name)).unwrap();
    let labels = names(&["work", "people", "other"]);
    let with_head = |seed| base.with_class_head(&labels, seed).unwrap();
    let settings: Vec<ArmTraining> = (0..3).map(arm).collect();
    let start =
        || [2, 8, 2].iter().enumerate().map(|(seed, r)| Lora::new(&with_head(seed as u64), &config(*r), 4).unwrap()).collect::<Vec<_>>();
    let examples = examples(&figures(if name == "bert_tiny" { "bert_tiny" } else { "llama_tiny_classes" }));
    let model = with_head(77);
    let mut together = start();
    for report in train_loras(&model, &mut together, &settings, &examples, &TrainOptions::default(), &mut ignore).unwrap() {
        report.unwrap();
    }
    for (index, mut alone) in start().into_iter().map(|lora| [lora]).enumerate() {
        train_loras(&model, &mut alone, &settings[index..=index], &examples, &TrainOptions::default(), &mut ignore).unwrap();
        for (tensor, value) in alone[0].tensors() {
            assert_eq!(flat(&together[index].tensors()[&tensor]), flat(&value), "{name}: {tensor} is not the same to the last bit");
        }
    }
    (model, together)
}

#[test]
fn arms_with_heads_of_their_own_train_and_classify_together_as_alone() {
    for name in ["llama_tiny", "gpt2_tiny", "opt_350m_tiny", "bert_tiny"] {
        let (model, arms) = trained_arms(name);
        let loras: Vec<&Lora> = arms.iter().collect();
        let texts: Vec<Vec<u32>> = (1..12u32).map(|length| (0..length).map(|index| 5 + (7 * index + length) % 60).collect()).collect();
        let requests: Vec<ClassRequest> = texts
            .iter()
            .flat_map(|tokens| [Some(1), None, Some(2), Some(0)].map(|lora| ClassRequest { tokens: tokens.clone(), lora }))
            .collect();
        let mut told = Vec::new();
        let mut note = |signal| {
            told.push(signal);
            Flow::Continue(())
        };
        let together = classify(&model, &loras, &requests, ROWS_TOGETHER, &mut note).unwrap();
        let tokens = requests.iter().map(|request| request.tokens.len() as u64).sum();
        assert_eq!(told, [Signal::Scored { done: requests.len(), total: requests.len(), tokens }]);
        for rows in [1, 20] {
            assert_eq!(classify(&model, &loras, &requests, rows, &mut ignore).unwrap(), together, "{name}: {rows} rows at a time");
        }
        for (request, expected) in requests.iter().zip(&together) {
            let lora = request.lora.map(|index| loras[index]);
            assert_eq!(flat(&model.logits(lora, &request.tokens).unwrap()), *expected, "{name}: {request:?}");
            let alone = classify(&model, &loras, std::slice::from_ref(request), ROWS_TOGETHER, &mut ignore).unwrap();
            assert_eq!(alone[0], *expected, "{name}: {request:?}");
        }
        let plain = classify(&model.with_candle_operations(), &loras, &requests, ROWS_TOGETHER, &mut ignore).unwrap();
        assert_close(name, &plain.concat(), &together.concat(), 1e-4);
        // each arm's own adapter and head
        for pair in [[0, 1], [0, 2], [1, 3]] {
            assert_ne!(together[together.len() - 1 - pair[0]], together[together.len() - 1 - pair[1]]);
        }
        // and in files
        for lora in &arms {
            let directory = tempfile::tempdir().unwrap();
            lora.save(directory.path(), name).unwrap();
            let written = read_json(&directory.path().join("adapter_config.json"));
            assert_eq!((&written["task_type"], &written["modules_to_save"]), (&json!("SEQ_CLS"), &json!(["classifier", "score"])));
            let opened = Lora::load(directory.path(), &model.with_class_head(model.labels(), 123).unwrap()).unwrap();
            assert_eq!(logits(&model, Some(&opened)), logits(&model, Some(lora)), "{name}");
            if name != "bert_tiny" {
                let error = Lora::load(directory.path(), &Model::open(&reference(name)).unwrap()).unwrap_err().to_string();
                assert!(error.contains("base_model.model.score.weight is a class head's, and the model has none"), "{error}");
            }
        }
    }
}

#[test]
fn classifying_stops_when_the_observer_says_so() {
    let model = Model::open(&reference("bert_tiny")).unwrap();
    let requests = vec![ClassRequest { tokens: vec![2, 5, 3], lora: None }; 9];
    let mut seen = 0;
    let mut stop = |_| {
        seen += 1;
        if seen == 2 { Flow::Break(()) } else { Flow::Continue(()) }
    };
    assert!(matches!(classify(&model, &[], &requests, 6, &mut stop).unwrap_err(), EngineError::Stopped));
    assert_eq!(seen, 2);
    assert_eq!(classify(&model, &[], &[], 6, &mut ignore).unwrap(), Vec::<Vec<f32>>::new());
}

#[test]
fn wrong_input_is_refused_with_its_remedy() {
    let decoder = Model::open(&reference("llama_tiny")).unwrap();
    let model = decoder.with_class_head(&names(&["a", "b"]), 0).unwrap();
    let head = |labels: &[&str]| decoder.with_class_head(&names(labels), 0).map(|_| ());
    let one = |tokens: Vec<u32>, lora| classify(&model, &[], &[ClassRequest { tokens, lora }], 64, &mut ignore).map(|_| ());
    let fine = [ClassRequest { tokens: vec![5, 6], lora: Some(0) }];
    let wider = Lora::new(&decoder.with_class_head(&names(&["a", "b", "c"]), 0).unwrap(), &config(2), 0).unwrap();
    let headless = Lora::new(&decoder, &config(2), 0).unwrap();
    let stranger = Lora::new(&Model::open(&reference("gpt2_tiny_classes")).unwrap(), &config(2), 0).unwrap();
    let with = |lora: &Lora| classify(&model, &[lora], &fine, 64, &mut ignore).map(|_| ());
    let generation = GenerationOptions { max_new_tokens: 2, do_sample: false, temperature: 1.0, top_p: 1.0, top_k: 0, batch_size: 1 };
    for (result, expected) in [
        (head(&[]), "labels = []: a class head tells at least two classes apart"),
        (head(&["only"]), "at least two classes"),
        (head(&["a", " "]), "label 1 is \" \"; give every class a name"),
        (head(&["a", "b", "a"]), "label 2, \"a\", is there twice"),
        (one(vec![], None), "text 0 has no tokens"),
        (one(vec![5, 320], None), "text 0: token 320 is outside the model's vocabulary of 320"),
        (one(vec![5; 65], None), "longer than the model's 64"),
        (one(vec![5], Some(0)), "request 0 asks for an adapter that is not there"),
        (classify(&model, &[], &fine, 0, &mut ignore).map(|_| ()), "rows_together = 0"),
        (classify(&decoder, &[], &fine, 64, &mut ignore).map(|_| ()), "has no head over classes; give it one"),
        (with(&wider), "adapter 0 has a head over classes of shape Some([3, 32]), the model Some([2, 32])"),
        (with(&headless), "adapter 0 has a head over classes of shape None"),
        (with(&stranger), "adapter 0 belongs to another model"),
        (
            generate(&model, &[], &[Request { prompt: vec![5], lora: None, seed: 0 }], &generation, &mut ignore).map(|_| ()),
            "tells classes apart and can't continue text",
        ),
        (
            score_options(&model, &[], &[OptionRequest { context: vec![5], lora: None, options: vec![vec![6]].into() }], 64, &mut ignore)
                .map(|_| ()),
            "tells classes apart and can't continue text",
        ),
    ] {
        let error = result.expect_err(expected).to_string();
        assert!(error.contains(expected), "{error} does not say {expected:?}");
    }
}
