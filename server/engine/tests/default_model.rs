//! The default model, SmolLM2-135M-Instruct from its GGUF file, against transformers and PEFT.

mod common;

use common::*;
use rankscope_engine::{
    ArmTraining, GenerationOptions, Lora, LoraConfig, Model, Request, TrainOptions, generate_until, hash_model, inspect, train_full,
    train_loras,
};

#[test]
fn tokens_logits_and_greedy_text_agree_with_transformers() {
    let Some(path) = default_model() else { return };
    let figures = figures("smollm2");
    assert_eq!(hash_model(&path).unwrap(), figures["sha256"].as_str().unwrap());
    let info = inspect(&path).unwrap();
    assert_eq!((info.kind.as_str(), info.layers, info.hidden_size, info.vocab_size), ("llama", 30, 576, 49_152));
    assert_eq!(info.dtype, "Q4_1");
    assert_eq!(info.linear_layers.len(), 210);
    let model = Model::open(&path).unwrap();
    let tokenizer = model.tokenizer();
    for row in figures["texts"].as_array().unwrap() {
        let (text, ids) = (row["text"].as_str().unwrap(), tokens(&row["token_ids"]));
        assert_eq!(tokenizer.encode(text, false).unwrap(), ids, "{text:?}");
        assert_eq!(tokenizer.decode(&ids).unwrap(), row["decoded"].as_str().unwrap());
    }
    let chat = model.chat_template().user_turn(figures["chat"]["content"].as_str().unwrap()).unwrap();
    assert_eq!(chat, figures["chat"]["rendered"].as_str().unwrap());
    assert_eq!(tokenizer.encode(&chat, false).unwrap(), tokens(&figures["chat"]["token_ids"]));

    for row in figures["last_position"].as_array().unwrap() {
        let ids = tokens(&row["token_ids"]);
        let logits = model.logits(None, &ids).unwrap().to_vec2::<f32>().unwrap().pop().unwrap();
        let ours: Vec<f32> = tokens(&row["top"]["token_ids"]).iter().map(|&token| logits[token as usize]).collect();
        let theirs: Vec<f32> = numbers(&row["top"]["logits"]).iter().map(|logit| *logit as f32).collect();
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!((ours - theirs).abs() < 1e-3, "{ours} against {theirs}");
        }
    }
    let every = &figures["every_position"];
    let logits = model.logits(None, &tokens(&every["token_ids"])).unwrap().to_vec2::<f32>().unwrap();
    for (ours, theirs) in logits.iter().zip(every["logits"].as_array().unwrap()) {
        for (token, theirs) in tokens(&every["vocabulary"]).into_iter().zip(numbers(theirs)) {
            assert!((f64::from(ours[token as usize]) - theirs).abs() < 1e-3);
        }
    }
    let rows = figures["greedy"].as_array().unwrap();
    let requests: Vec<Request> = rows.iter().map(|row| Request { prompt: tokens(&row["prompt"]), lora: None, seed: 0 }).collect();
    let options = GenerationOptions { max_new_tokens: 16, do_sample: false, temperature: 1.0, top_p: 1.0, top_k: 0, batch_size: 5 };
    for (ours, row) in generate_until(&model, &[], &requests, &options, &[], &mut ignore).unwrap().iter().zip(rows) {
        assert_eq!(ours.tokens, tokens(&row["new_tokens"]), "{}", row["text"]);
        // the reference wrote special tokens out
        let expected = row["new_text"].as_str().unwrap();
        if !expected.contains("<|") {
            assert_eq!(tokenizer.decode_continuation(&tokens(&row["prompt"]), &ours.tokens).unwrap(), expected);
        }
    }
}

#[test]
fn ten_training_steps_agree_with_transformers_and_peft() {
    let Some(path) = default_model() else { return };
    let figures = figures("smollm2");
    let model = Model::open(&path).unwrap();
    let pairs = examples(&figures);
    let options = TrainOptions { per_device_train_batch_size: 4, max_grad_norm: 0.0, shuffle: false, ..TrainOptions::default() };
    let run = &figures["lora"];
    let projections: Vec<&str> = run["projections"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let names: Vec<String> = model.info().linear_layers.iter().map(|(name, _, _)| name.clone()).collect();
    let config = LoraConfig {
        r: run["r"].as_u64().unwrap() as usize,
        lora_alpha: run["lora_alpha"].as_f64().unwrap(),
        use_rslora: false,
        target_modules: vec!["all-linear".into()],
    };
    let lora = Lora::start(&model, &config, |module, r, inputs| {
        let parts: Vec<&str> = names[module].split('.').collect();
        let layer: f64 = parts[2].parse().unwrap();
        let m = projections.iter().position(|name| parts.last() == Some(name)).unwrap() as f64;
        (0..r)
            .flat_map(|i| (0..inputs).map(move |j| (0.02 * ((i as f64 + 1.0) * (0.37 + 0.11 * j as f64) + layer + 0.5 * m).sin()) as f32))
            .collect()
    })
    .unwrap();
    let arm = |rate: f64| ArmTraining { learning_rate: rate, weight_decay: 0.0, seed: 0 };
    let mut loras = [lora];
    let report = train_loras(&model, &mut loras, &[arm(run["learning_rate"].as_f64().unwrap())], &pairs, &options, &mut ignore)
        .unwrap()
        .remove(0)
        .unwrap();
    assert_losses("lora", &report.losses, &numbers(&run["losses"]), 1e-3 / 5.0);

    let run = &figures["full"];
    let (_, report) = train_full(&model, &arm(run["learning_rate"].as_f64().unwrap()), &pairs, &options, &mut ignore).unwrap();
    assert_losses("full", &report.losses, &numbers(&run["losses"]), 1e-3 / 5.0);
}
