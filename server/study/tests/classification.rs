//! A classification study from data to results over tiny random models: what is kept, what a kill leaves, what fails by name.

mod fixture;

use fixture::{Fixture, finish};
use rankscope_domain::{
    Arm, CellId, MinorityFraction, Recipe,
    class_results::Reading,
    recipe::{HeadKind, Inspection, StudyKind},
};
use rankscope_study::{Study, StudyError, check, estimate, run};
use std::{collections::BTreeSet, fmt::Write as _, sync::atomic::AtomicBool};

fn fraction(value: f64) -> MinorityFraction {
    MinorityFraction::new(value).unwrap()
}

/// Sixteen texts to train on and eight to test with; every fourth is bad.
fn write_data(fixture: &Fixture) {
    for (name, count) in [("train.jsonl", 16), ("test.jsonl", 8)] {
        let mut lines = String::new();
        for index in 0..count {
            let label = if index % 4 == 0 { "bad" } else { "good" };
            writeln!(lines, "{{\"text\": \"the {name} day {index} is long\", \"label\": \"{label}\", \"place\": \"{}\"}}", index % 2)
                .unwrap();
        }
        std::fs::write(fixture.directory.path().join(name), lines).unwrap();
    }
}

fn study(fixture: &Fixture, name: &str, head: HeadKind, change: impl FnOnce(&mut Recipe)) -> Study {
    write_data(fixture);
    let path = |name: &str| fixture.directory.path().join(name).to_string_lossy().into_owned();
    fixture.study(name, |recipe| {
        let empty = Recipe::from_toml("name = \"x\"").unwrap();
        recipe.kind = StudyKind::Classification;
        (recipe.prompts, recipe.generation, recipe.counterfactuals) = (empty.prompts, empty.generation, empty.counterfactuals);
        recipe.data.source = path("train.jsonl");
        recipe.data.test_path = Some(path("test.jsonl"));
        recipe.groups.minority = Some("bad".into());
        recipe.groups.minority_fractions = vec![fraction(1.0), fraction(0.5)];
        recipe.classifier.head = head;
        if head == HeadKind::Answers {
            recipe.classifier.prompt = Some("{text}:".into());
            recipe.classifier.max_new_tokens = Some(3);
        }
        recipe.training.per_device_train_batch_size = 4;
        recipe.training.max_length = 48;
        change(recipe);
    })
}

#[test]
fn an_answering_study_runs_to_its_end_and_keeps_what_it_did() {
    let fixture = Fixture::new();
    let study = study(&fixture, "whole", HeadKind::Answers, |_| {});
    finish(&study, &fixture.environment);
    let results = study.results().unwrap().expect("no results");
    // original once; two ranks and full, at two fractions, with two seeds
    assert_eq!(results.cells.len(), 1 + 3 * 2 * 2);
    assert!(results.cells.iter().all(|cell| cell.failed.is_none() && cell.losses.is_empty() == (cell.arm == Arm::Original)));
    let measured = results.classification.expect("nothing was measured");
    assert_eq!(measured.readings.iter().map(|reading| reading.reading).collect::<Vec<_>>(), [Reading::Likelihood, Reading::GeneratedText]);
    assert_eq!((measured.minority.as_str(), measured.majority.as_str(), measured.test_examples), ("bad", "good", 8));
    assert_eq!(
        measured.fractions.iter().map(|count| (count.minority_examples, count.train_examples)).collect::<Vec<_>>(),
        [(4, 16), (2, 14)]
    );
    for arm in &measured.readings[0].arms {
        assert_eq!(arm.seeds.len(), if arm.arm == Arm::Original { 1 } else { 2 }, "{}", arm.arm);
        assert!(arm.accuracy.value.is_some() && arm.auc.value.is_some() && arm.group("bad").unwrap().accuracy.n == 2);
    }
    assert!(results.claims.len() >= 3, "{:?}", results.claims);
    let cell = CellId::new(Arm::Lora(2), 1).with_minority(fraction(0.5));
    for name in ["adapter_config.json", "adapter_model.safetensors", "train.jsonl", "predictions.jsonl", "metrics.json"] {
        assert!(study.cell_path(cell).join(name).is_file(), "{name}");
    }
    assert!(study.cell_path(CellId::new(Arm::Full, 0).with_minority(fraction(1.0))).join("model/model.safetensors").is_file());
    let before = std::fs::read(study.directory().join("results.json")).unwrap();
    finish(&study, &fixture.environment);
    assert_eq!(std::fs::read(study.directory().join("results.json")).unwrap(), before);
}

#[test]
fn the_same_seed_draws_nested_subsets_and_full_weights_go_where_nobody_wants_them() {
    let fixture = Fixture::new();
    let study = study(&fixture, "nested", HeadKind::ClassHead, |recipe| {
        recipe.groups.minority_fractions = vec![fraction(0.25), fraction(1.0), fraction(0.5)];
        recipe.training.keep_full_weights = false;
        recipe.training.max_steps = Some(1);
    });
    finish(&study, &fixture.environment);
    let ids = |seed: u64, part: f64| -> BTreeSet<u64> {
        let path = study.directory().join(format!("data/subsets/s{seed}-m{part}.json"));
        let subset: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        subset["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
    };
    for seed in [0, 1] {
        let (whole, half, quarter) = (ids(seed, 1.0), ids(seed, 0.5), ids(seed, 0.25));
        assert_eq!((whole.len(), half.len(), quarter.len()), (16, 14, 13));
        assert!(quarter.is_subset(&half) && half.is_subset(&whole));
    }
    let full = study.cell_path(CellId::new(Arm::Full, 0).with_minority(fraction(0.5)));
    assert!(full.join("predictions.jsonl").is_file() && !full.join("model").exists());
    let measured = study.results().unwrap().unwrap().classification.unwrap();
    assert_eq!(measured.readings.len(), 1);
    assert!(measured.readings[0].arms.iter().all(|arm| arm.arm.is_trained()), "an untrained head says nothing");
}

#[test]
fn an_encoder_learns_what_its_words_say() {
    let fixture = Fixture::new();
    let bert = fixture::repository().join("tests/reference/bert_tiny").canonicalize().unwrap();
    let study = study(&fixture, "encoder", HeadKind::ClassHead, |recipe| {
        recipe.model.source = bert.to_string_lossy().into_owned();
        let lines = |range: std::ops::Range<u32>| -> String {
            range
                .map(|index| {
                    format!("{{\"text\": \"{} {index}\", \"label\": \"{}\"}}\n", ["no no", "yes yes"][index as usize % 2], index % 2)
                })
                .collect()
        };
        std::fs::write(&recipe.data.source, lines(0..64)).unwrap();
        std::fs::write(recipe.data.test_path.as_ref().unwrap(), lines(100..116)).unwrap();
        recipe.groups.minority = Some("0".into());
        recipe.training.num_train_epochs = 12;
        recipe.seeds = vec![0];
    });
    finish(&study, &fixture.environment);
    let results = study.results().unwrap().unwrap();
    let measured = results.classification.unwrap();
    for arm in [Arm::Lora(4), Arm::Full] {
        let accuracy = measured.readings[0].arm(arm, Some(fraction(1.0))).unwrap().accuracy.value.unwrap();
        assert!(accuracy > 0.9, "{arm} learnt {accuracy}");
    }
}

fn killed_at_any_event(head: HeadKind, change: impl Fn(&mut Recipe) + Copy) {
    let fixture = Fixture::new();
    fixture::killed_at_any_event(&fixture, |name| study(&fixture, name, head, change));
}

#[test]
fn killed_at_any_event_it_ends_the_same() {
    killed_at_any_event(HeadKind::Answers, |recipe| recipe.seeds = vec![3]);
}

#[test]
fn killed_at_any_event_it_ends_the_same_where_weights_are_removed() {
    killed_at_any_event(HeadKind::ClassHead, |recipe| {
        recipe.seeds = vec![3];
        recipe.training.keep_full_weights = false;
    });
}

/// Looked into, and its weights removed after that.
fn inspected(recipe: &mut Recipe) {
    recipe.seeds = vec![3];
    recipe.training.keep_full_weights = false;
    recipe.inspection = Some(Inspection {
        lens_prompts: vec!["the day is".into()],
        lens_top_k: 2,
        lens_new_tokens: 2,
        divergence_limit: 5,
        ..Inspection::default()
    });
}

#[test]
fn full_weights_are_looked_into_before_they_go() {
    let fixture = Fixture::new();
    let study = study(&fixture, "inside", HeadKind::Answers, inspected);
    finish(&study, &fixture.environment);
    let full = CellId::new(Arm::Full, 3).with_minority(fraction(1.0));
    for cell in [full, full.with_minority(fraction(0.5))] {
        let folder = study.cell_path(cell);
        assert!(!folder.join("model").exists() && folder.join("predictions.jsonl").is_file(), "{cell}");
        assert_eq!(folder.join("weights.json").is_file(), cell == full, "{cell}: the largest fraction alone is looked into");
    }
    let lens: Vec<Arm> = study.lens().unwrap().iter().map(|reading| reading.cell.arm).collect();
    assert_eq!(lens, [Arm::Original, Arm::Lora(2), Arm::Lora(4), Arm::Full]);
    let results = study.results().unwrap().unwrap();
    let found = results.inspection.as_ref().expect("nothing was found");
    assert_eq!((found.seed, found.fraction, found.divergences.len(), found.weights.len()), (3, Some(fraction(1.0)), 3, 3));
    for of_arm in &found.divergences {
        assert!(of_arm.continuation.is_none() && of_arm.prompt_end.kl.n == 5 && of_arm.prompt_end.kl.value.unwrap() > 0.0);
    }
    // test examples are not clustered
    assert_eq!(found.kl_trend.unwrap().clusters, 5);
    assert_eq!(results.claims.iter().filter(|claim| claim.claim.contains("divergence")).count(), 2);
}

#[test]
fn killed_at_any_event_what_is_inside_is_the_same() {
    killed_at_any_event(HeadKind::Answers, inspected);
}

#[test]
fn what_does_not_fit_together_is_named() {
    let fixture = Fixture::new();
    let check_fields = |head, change: fn(&mut Recipe), field: &str, part: &str| {
        let name = format!("wrong-{field}-{part}").replace([' ', '.', '"'], "-");
        let mut recipe = study(&fixture, &name, head, |_| {}).recipe().unwrap();
        change(&mut recipe);
        let errors = check(&recipe, &fixture.environment).unwrap_err();
        assert!(errors.0.len() == 1 && errors.0[0].field == field && errors.to_string().contains(part), "{errors}");
    };
    check_fields(HeadKind::Answers, |r| r.groups.minority = Some("ugly".into()), "groups.minority", "good");
    check_fields(
        HeadKind::Answers,
        |r| r.model.source = fixture::repository().join("tests/reference/bert_tiny").to_string_lossy().into_owned(),
        "model.source",
        "class_head",
    );
    check_fields(HeadKind::Answers, |r| r.classifier.options = vec!["a".into(), "b".into(), "c".into()], "classifier.options", "bad, good");
    check_fields(HeadKind::ClassHead, |r| r.data.label_column = Some("stars".into()), "data.source", "place");
    check_fields(HeadKind::ClassHead, |r| r.data.source.push('x'), "data.source", "no");
    let study = study(&fixture, "too-short", HeadKind::Answers, |recipe| {
        recipe.classifier.prompt = Some("{text} is what we ask about in a very long question:".into());
        recipe.training.max_length = 8;
    });
    let error = run(&study, &fixture.environment, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
    assert!(matches!(&error, StudyError::Other(text) if text.contains("training.max_length = 8")), "{error}");
}

#[test]
fn an_estimate_counts_the_groups_and_every_training() {
    let fixture = Fixture::new();
    let recipe = study(&fixture, "estimate", HeadKind::Answers, |_| {}).recipe().unwrap();
    let told = estimate(&recipe, &fixture.environment).unwrap();
    let data = told.data.expect("no counts");
    assert_eq!((data.train_examples, data.test_examples, data.minority.as_str()), (16, 8, "bad"));
    assert_eq!(data.fractions.len(), 2);
    let labels: Vec<&str> = told.phases.iter().map(|phase| phase.label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "Load the model",
            "Classify the test examples: the original model",
            "Fine-tune: 8 LoRA cells",
            "Classify the test examples: 8 LoRA cells",
            "Fine-tune: 4 full cells",
            "Classify the test examples: 4 full cells",
        ]
    );
    assert!(told.total_seconds > 0.0 && told.peak_memory_bytes > 0);
    assert_eq!(told.lora_groups.iter().map(|group| group.cells.len()).sum::<usize>(), 2, "two ranks of a seed and fraction train together");
}
