//! The likelihood of given answers behind a context: against transformers and PEFT, and the same alone and in company.

mod common;

use common::*;
use rankscope_engine::{EngineError, Flow, Lora, LoraConfig, Model, OptionRequest, Signal, score_options, train::ROWS_TOGETHER};
use serde_json::Value;
use std::sync::Arc;

/// One entry of the reference: a model, its adapter, requests and what they give.
struct Reference {
    what: String,
    model: Model,
    lora: Option<Lora>,
    requests: Vec<OptionRequest>,
    expected: Vec<Vec<f64>>,
}

fn references() -> Vec<Reference> {
    let read = |entry: &Value| {
        let name = entry["model"].as_str().unwrap();
        let model = Model::open(&reference(name)).unwrap();
        let lora = entry["adapter"].as_str().map(|adapter| Lora::load(&reference(&format!("{name}/adapter_{adapter}")), &model).unwrap());
        let options = Arc::new(entry["options"].as_array().unwrap().iter().map(tokens).collect::<Vec<_>>());
        let contexts = entry["contexts"].as_array().unwrap();
        let request = |context: &Value| OptionRequest {
            context: tokens(&context["token_ids"]),
            lora: lora.as_ref().map(|_| 0),
            options: Arc::clone(&options),
        };
        Reference {
            what: format!("{name}, adapter {}", entry["adapter"]),
            requests: contexts.iter().map(request).collect(),
            expected: contexts.iter().map(|context| numbers(&context["log_likelihoods"])).collect(),
            model,
            lora,
        }
    };
    figures("options")["scored"].as_array().unwrap().iter().map(read).collect()
}

#[test]
fn options_are_as_likely_as_transformers_says() {
    let all = references();
    assert_eq!(all.len(), 9);
    for Reference { what, model, lora, requests, expected } in all {
        assert!(requests[0].options.iter().any(|option| option.len() == 1) && requests[0].options.iter().any(|option| option.len() > 3));
        let loras: Vec<&Lora> = lora.iter().collect();
        for (ways, model) in [("fused", model.clone()), ("candle's", model.with_candle_operations())] {
            let found = score_options(&model, &loras, &requests, ROWS_TOGETHER, &mut ignore).unwrap();
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                assert!((found - expected).abs() < 2e-5 * expected.abs().max(1.0), "{what}, {ways}: {found} for {expected}");
            }
            assert_eq!(found.len() * found[0].len(), expected.len() * expected[0].len());
        }
    }
}

#[test]
fn options_score_the_same_alone_and_in_company() {
    for Reference { what, model, lora, requests, .. } in references().into_iter().filter(|entry| entry.lora.is_some()) {
        let config = LoraConfig { r: 4, lora_alpha: 8.0, use_rslora: false, target_modules: vec!["all-linear".into()] };
        let fresh = Lora::new(&model, &config, 1).unwrap();
        let loras = [lora.as_ref().unwrap(), &fresh];
        // contexts that share a long beginning, one of them another's beginning, and one twice
        let shared: Vec<u32> = (10..30).collect();
        let more = [&[40u32][..], &[41, 42, 43], &[44], &[41, 42, 43], &[]].map(|end| OptionRequest {
            context: [&shared[..], end].concat(),
            lora: None,
            options: Arc::new(vec![vec![7], vec![8, 9, 10], vec![8, 11, 10], vec![8]]),
        });
        let all: Vec<OptionRequest> = [Some(1), None, Some(0)]
            .into_iter()
            .flat_map(|lora| requests.iter().chain(&more).map(move |request| OptionRequest { lora, ..request.clone() }))
            .collect();
        let together = score_options(&model, &loras, &all, ROWS_TOGETHER, &mut ignore).unwrap();
        for rows in [1, 64] {
            assert_eq!(score_options(&model, &loras, &all, rows, &mut ignore).unwrap(), together, "{what}: {rows} rows at a time");
        }
        for (request, expected) in all.iter().zip(&together) {
            let alone = score_options(&model, &loras, std::slice::from_ref(request), ROWS_TOGETHER, &mut ignore).unwrap();
            assert_eq!(alone[0], *expected, "{what}: {request:?}");
            // and every option alone
            for (option, expected) in request.options.iter().zip(expected) {
                let one = OptionRequest { options: vec![option.clone()].into(), ..request.clone() };
                assert_eq!(score_options(&model, &loras, &[one], ROWS_TOGETHER, &mut ignore).unwrap(), [[*expected]], "{what}: {option:?}");
            }
        }
        let count = requests.len() + more.len();
        assert_ne!(together[..count], together[2 * count..], "{what}: the adapter does something");
        // B is zero at first: the fresh adapter does nothing
        assert_eq!(together[..count], together[count..2 * count], "{what}");
    }
}

#[test]
fn all_tokens_together_are_certain() {
    let model = Model::open(&reference("llama_tiny")).unwrap();
    let options = Arc::new((0..320).map(|token| vec![token]).collect::<Vec<_>>());
    let request = OptionRequest { context: vec![5, 6, 7], lora: None, options };
    let total: f64 = score_options(&model, &[], &[request], 16, &mut ignore).unwrap()[0].iter().map(|log_p| log_p.exp()).sum();
    assert!((total - 1.0).abs() < 1e-12, "{total}");
}

#[test]
fn scoring_tells_where_it_is_and_stops_when_told_to() {
    let model = Model::open(&reference("llama_tiny")).unwrap();
    let request = OptionRequest { context: vec![5, 6, 7], lora: None, options: vec![vec![8], vec![9, 10]].into() };
    let requests = vec![request; 5];
    let mut told = Vec::new();
    score_options(&model, &[], &requests, 8, &mut |signal| {
        told.push(signal);
        Flow::Continue(())
    })
    .unwrap();
    // four tokens of the cache each
    let scored = |done, tokens| Signal::Scored { done, total: 5, tokens };
    assert_eq!(told, [scored(2, 12), scored(4, 24), scored(5, 30)]);
    let mut seen = 0;
    let mut stop = |_| {
        seen += 1;
        Flow::Break(())
    };
    assert!(matches!(score_options(&model, &[], &requests, 8, &mut stop).unwrap_err(), EngineError::Stopped));
    assert_eq!(seen, 1);
}

#[test]
fn wrong_input_is_refused_with_its_remedy() {
    let model = Model::open(&reference("llama_tiny")).unwrap();
    let encoder = Model::open(&reference("bert_tiny")).unwrap();
    let one = |context: &[u32], options: &[&[u32]], lora: Option<usize>| OptionRequest {
        context: context.to_vec(),
        lora,
        options: Arc::new(options.iter().map(|option| option.to_vec()).collect()),
    };
    for (model, request, rows, expected) in [
        (&model, one(&[], &[&[5]], None), 64, "context 0 is empty"),
        (&model, one(&[5], &[], None), 64, "context 0 has no options"),
        (&model, one(&[5], &[&[5], &[]], None), 64, "option 1 of context 0 is empty"),
        (&model, one(&[320], &[&[5]], None), 64, "context 0: token 320 is outside the model's vocabulary of 320"),
        (&model, one(&[5], &[&[5], &[5, u32::MAX]], None), 64, "option 1 of context 0: token 4294967295 is outside"),
        (&model, one(&[5; 63], &[&[5], &[5, 6]], None), 64, "context 0 of 63 tokens and its option 1 of 2 exceed the model's 64 positions"),
        (&model, one(&[5], &[&[5]], Some(3)), 64, "request 0 asks for an adapter that is not there; there are 0"),
        (&model, one(&[5], &[&[5]], None), 0, "rows_together = 0"),
        (&encoder, one(&[5], &[&[5]], None), 64, "is an encoder (bert) and can't continue text"),
    ] {
        let error = score_options(model, &[], &[request], rows, &mut ignore).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} does not say {expected:?}");
    }
}
