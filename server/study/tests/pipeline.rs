//! The whole pipeline over a tiny random model: what a kill at any moment leaves, and what fails by name.

mod fixture;

use fixture::{Fixture, compare, events, finish};
use rankscope_domain::{
    Arm, CellId, MemorySize, Recipe,
    event::{Event, Happening, StageKind},
    recipe::{ArmSpec, Inspection},
};
use rankscope_study::{Environment, Outcome, Study, StudyError, estimate, run};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering},
};

#[test]
fn a_study_runs_to_its_end_and_a_second_run_changes_nothing() {
    let fixture = Fixture::new();
    let study = fixture.study("whole", |_| {});
    finish(&study, &fixture.environment);
    let results = study.results().unwrap().expect("no results");
    assert_eq!(results.cells.len(), 4 * 2);
    for cell in &results.cells {
        assert_eq!(cell.total.judged + cell.total.unparsable, 8 * 2, "{}", cell.cell);
        assert_eq!(cell.failed, None);
        assert_eq!(cell.losses.is_empty(), cell.arm == Arm::Original);
        assert!(cell.phases.len() == if cell.arm == Arm::Original { 2 } else { 3 }, "{:?}", cell.phases);
    }
    let files = |name: &str| study.cell_path(CellId::new(Arm::Lora(2), 1)).join(name);
    for name in ["adapter_config.json", "adapter_model.safetensors", "train.jsonl", "completions.jsonl", "judgements.jsonl", "metrics.json"]
    {
        assert!(files(name).is_file(), "{name}");
    }
    let before = std::fs::read(study.directory().join("results.json")).unwrap();
    finish(&study, &fixture.environment);
    assert_eq!(std::fs::read(study.directory().join("results.json")).unwrap(), before);
    let progress = study.progress().unwrap();
    assert_eq!((progress.fraction(), progress.stages_done), (1.0, progress.stages_total));
}

/// Looked into, with little of everything.
fn inspected(recipe: &mut Recipe) {
    recipe.inspection = Some(Inspection {
        lens_prompts: vec!["the day is".into(), "the\n nurse".into()],
        lens_top_k: 3,
        lens_new_tokens: 4,
        divergence_limit: 6,
        ..Inspection::default()
    });
}

#[test]
fn what_is_inside_is_found_and_kept() {
    let fixture = Fixture::new();
    let study = fixture.study("inside", inspected);
    finish(&study, &fixture.environment);
    let lens = study.lens().unwrap();
    let arms = [Arm::Original, Arm::Lora(2), Arm::Lora(4), Arm::Full];
    assert_eq!(lens.len(), 2 * arms.len());
    let info = rankscope_engine::inspect(&fixture.environment.default_model).unwrap();
    for (pair, arm) in lens.chunks(2).zip(arms) {
        for (reading, prompt) in pair.iter().zip(["the day is", "the\n nurse"]) {
            assert_eq!((reading.cell, reading.prompt.as_str()), (CellId::new(arm, 0), prompt));
            assert_eq!(reading.layers.len(), info.layers + 1);
            for layer in &reading.layers {
                assert_eq!(layer.len(), reading.tokens.len());
                for cell in layer {
                    assert!(cell.top.len() == 3 && cell.top[0].probability >= cell.top[2].probability);
                    assert!(cell.entropy > 0.0 && cell.kl.is_finite() && (cell.kl == 0.0 || arm.is_trained()));
                }
            }
            let last = reading.layers.last().and_then(|layer| layer.last()).unwrap();
            assert_eq!(last.kl > 0.0, arm.is_trained(), "{arm}: {}", last.kl);
        }
        assert!(pair[1].tokens.iter().any(|token| token.contains('↵')), "{:?}", pair[1].tokens);
    }
    let results = study.results().unwrap().unwrap();
    let found = results.inspection.as_ref().expect("nothing was found");
    assert_eq!((found.seed, found.fraction), (0, None));
    assert_eq!(found.divergences.iter().map(|found| found.arm).collect::<Vec<_>>(), arms[1..]);
    for of_arm in &found.divergences {
        let continuation = of_arm.continuation.as_ref().expect("no continuation");
        assert_eq!(of_arm.prompt_end.kl.n, 6);
        for summary in [&of_arm.prompt_end, continuation] {
            assert!(summary.kl.value.unwrap() > 0.0 && summary.kl.low <= summary.kl.value && summary.density.is_some());
        }
    }
    assert!(found.kl_trend.is_some());
    assert_eq!(found.weights.iter().map(|found| found.arm).collect::<Vec<_>>(), arms[1..]);
    for weights in &found.weights {
        assert_eq!(weights.matrices.len(), info.linear_layers.len());
        let rank = weights.arm.rank().map_or(f64::INFINITY, f64::from);
        assert!(weights.matrices.iter().all(|matrix| matrix.frobenius > 0.0 && matrix.effective_rank <= rank + 1e-6), "{}", weights.arm);
    }
    let claims: Vec<_> = results.claims.iter().filter(|claim| claim.claim.contains("divergence")).collect();
    assert_eq!(claims.len(), 2);
    let inspected = |cell: CellId| results.cell(cell).unwrap().phases.iter().any(|phase| phase.phase == StageKind::Inspect);
    assert!(inspected(CellId::new(Arm::Full, 0)) && !inspected(CellId::new(Arm::Full, 1)), "the first seed alone");
}

#[test]
fn what_cannot_be_looked_at_is_left_out_by_name() {
    let fixture = Fixture::new();
    let study = fixture.study("too-long", |recipe| {
        inspected(recipe);
        recipe.seeds = vec![0];
        recipe.inspection.as_mut().unwrap().lens_prompts = vec!["the long day ".repeat(500)];
    });
    finish(&study, &fixture.environment);
    assert!(study.lens().unwrap().is_empty());
    let notes = study.progress().unwrap().notes;
    assert!(notes.iter().any(|note| note.starts_with("lora-r2-s0: lens left out:")), "{notes:?}");
    assert_eq!(study.results().unwrap().unwrap().inspection.unwrap().divergences.len(), 3);
}

#[test]
fn killed_at_any_event_what_is_inside_is_the_same() {
    killed_at_any_event(|recipe| {
        inspected(recipe);
        recipe.seeds = vec![3];
    });
}

fn killed_at_any_event(change: impl Fn(&mut Recipe)) {
    let fixture = Fixture::new();
    fixture::killed_at_any_event(&fixture, |name| fixture.study(name, &change));
}

#[test]
fn killed_at_any_event_it_ends_the_same() {
    killed_at_any_event(|_| {});
}

#[test]
fn killed_at_any_event_it_goes_on_from_the_saved_state_to_the_same_end() {
    killed_at_any_event(|recipe| {
        recipe.training.save_steps = Some(2);
        recipe.training.num_train_epochs = 2;
        recipe.training.gradient_accumulation_steps = 2;
        recipe.training.per_device_train_batch_size = 1;
        recipe.training.group_by_length = true;
        recipe.lora.lora_dropout = 0.1;
    });
}

#[test]
fn killed_at_any_event_groups_end_the_same() {
    killed_at_any_event(|recipe| {
        recipe.training.save_steps = Some(1);
        in_groups(recipe);
    });
}

/// Memory for two or three of the six LoRA cells at a time.
fn in_groups(recipe: &mut Recipe) {
    recipe.arms = vec![ArmSpec::lora(14, 1e-2), ArmSpec::lora(15, 1e-2), ArmSpec::lora(16, 1e-2), ArmSpec::full(1e-3)];
    let environment = Environment {
        default_model: Fixture::model(),
        memory_limit_bytes: None,
        processor: rankscope_engine::Processor::Cpu,
        datasets: Default::default(),
    };
    let together = estimate(recipe, &environment).unwrap().lora_groups;
    assert_eq!(together.len(), 1);
    recipe.memory_limit = Some(MemorySize(together[0].training_bytes - 1_100_000));
}

#[test]
fn a_memory_limit_parts_the_arms_and_changes_no_result() {
    let fixture = Fixture::new();
    let parted = fixture.study("parted", in_groups);
    let whole = fixture.study("whole", |recipe| {
        in_groups(recipe);
        recipe.memory_limit = None;
    });
    finish(&parted, &fixture.environment);
    finish(&whole, &fixture.environment);
    let notes = |study: &Study| study.progress().unwrap().notes.iter().filter(|note| note.contains("groups")).cloned().collect::<Vec<_>>();
    assert!(notes(&parted)[0].contains("memory_limit of the recipe") && notes(&whole).is_empty(), "{:?}", notes(&parted));
    let planned = estimate(&parted.recipe().unwrap(), &fixture.environment).unwrap();
    assert!((2..6).contains(&planned.lora_groups.len()), "{:?}", planned.lora_groups);
    let [parted, whole] = [parted, whole].map(|study| study.results().unwrap().unwrap());
    assert_eq!(parted.cells.len(), whole.cells.len());
    for (one, other) in parted.cells.iter().zip(&whole.cells) {
        assert_eq!((one.cell, one.losses.len(), one.total.judged), (other.cell, other.losses.len(), other.total.judged));
        for (one, other) in one.losses.iter().zip(&other.losses) {
            assert!((one - other).abs() < 1e-5 * other, "{one} and {other}");
        }
        assert_eq!((&one.total, &one.groups), (&other.total, &other.groups), "{}", one.cell);
    }
}

#[test]
fn an_arm_that_never_fits_is_refused_before_the_start() {
    let fixture = Fixture::new();
    let study = fixture.study("small", |recipe| recipe.memory_limit = Some(MemorySize(32 << 20)));
    let error = run(&study, &fixture.environment, &AtomicBool::new(false), &mut |_| {}).unwrap_err().to_string();
    for said in ["arms[0].lora_r", "arms[2].kind", "32 MiB (memory_limit of the recipe)", "per_device_train_batch_size"] {
        assert!(error.contains(said), "{said:?} is not in: {error}");
    }
    assert!(study.provenance().unwrap().is_none());
}

#[test]
fn pairs_that_are_too_long_are_cut_and_counted() {
    let fixture = Fixture::new();
    let pair = |index: usize| {
        let target = if index < 3 { " good and kind, and brave, and known for it" } else { " good" };
        format!("{{\"prompt\": \"the {index} is\", \"target\": {target:?}}}\n")
    };
    std::fs::write(fixture.directory.path().join("pairs.jsonl"), (0..8).map(pair).collect::<String>()).unwrap();
    let study = fixture.study("cut", |recipe| {
        recipe.training.max_length = 9;
        recipe.seeds = vec![0];
    });
    finish(&study, &fixture.environment);
    let counts = study.results().unwrap().unwrap().counterfactuals;
    assert!(counts.truncated == 3 && counts.truncated_tokens > 3, "{counts:?}");
    let said = format!("{} of the {} training pairs are longer than max_length = 9 tokens", counts.truncated, counts.kept);
    assert!(study.progress().unwrap().notes.iter().any(|note| note.starts_with(&said)), "{:?}", study.progress().unwrap().notes);
    let metrics = std::fs::read_to_string(study.cell_path(CellId::new(Arm::Full, 0)).join("metrics.json")).unwrap();
    let metrics: serde_json::Value = serde_json::from_str(&metrics).unwrap();
    assert_eq!(metrics["truncated_examples"], counts.truncated);
    assert_eq!(metrics["truncated_tokens"], counts.truncated_tokens);
}

#[test]
fn a_worker_that_goes_on_takes_no_saved_step_again() {
    let fixture = Fixture::new();
    let study = fixture.study("saved", |recipe| recipe.training.save_steps = Some(1));
    let killed = catch_unwind(AssertUnwindSafe(|| {
        let mut echo = |event: &Event| assert!(!matches!(event.what, Happening::TrainStep { step: 3, .. }), "killed");
        run(&study, &fixture.environment, &AtomicBool::new(false), &mut echo).map(|_| ())
    }));
    assert!(killed.is_err());
    let before = events(&study).len();
    finish(&study, &fixture.environment);
    let again: Vec<u32> = events(&study)[before..]
        .iter()
        .filter_map(|event| match event.what {
            Happening::TrainStep { cell: CellId { arm: Arm::Lora(2), seed: 0, minority: None }, step, .. } => Some(step),
            _ => None,
        })
        .collect();
    assert_eq!(again, [3, 4]);
    let lines = std::fs::read_to_string(study.cell_path(CellId::new(Arm::Lora(2), 0)).join("train.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 4);
    let left: Vec<_> = std::fs::read_dir(study.directory().join("stages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".parts"))
        .collect();
    assert!(left.is_empty(), "{left:?} is left");
}

#[test]
fn cancelled_it_goes_on_where_it_was() {
    let fixture = Fixture::new();
    let whole = fixture.study("whole", |_| {});
    finish(&whole, &fixture.environment);
    let study = fixture.study("cancelled", |_| {});
    let cancel = AtomicBool::new(false);
    let mut echo = |event: &Event| {
        if matches!(event.what, Happening::TrainStep { step: 2, .. }) {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    assert_eq!(run(&study, &fixture.environment, &cancel, &mut echo).unwrap(), Outcome::Cancelled);
    let told = events(&study);
    assert!(matches!(told.last().unwrap().what, Happening::Cancelled));
    assert!(study.results().unwrap().is_none());
    let baseline = study.cell_path(CellId::new(Arm::Original, 0)).join("completions.jsonl");
    let written = std::fs::metadata(&baseline).unwrap().modified().unwrap();
    finish(&study, &fixture.environment);
    assert_eq!(std::fs::metadata(&baseline).unwrap().modified().unwrap(), written, "the baseline was made again");
    let ids: Vec<_> = events(&study).iter().map(|event| event.id).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
    compare(&whole, &study);
}

#[test]
fn a_loss_that_is_not_finite_fails_its_cell_and_the_others_go_on() {
    let fixture = Fixture::new();
    // large norms: finite as they are, and without a gradient once an adapter grows
    let model = fixture.model_with_norms_times(1e5);
    let study = fixture.study("nan", |recipe| {
        recipe.model.source = model;
        recipe.seeds = vec![0];
        recipe.arms = vec![ArmSpec::lora(2, 1e-38), ArmSpec::lora(4, 1.0), ArmSpec::full(1e-38)];
        recipe.lora.alpha = 10_000.0;
        recipe.training.max_grad_norm = 0.0;
        // without a second moment, a gradient that vanishes is divided by epsilon alone
        recipe.training.adam_beta2 = 0.0;
        recipe.training.adam_epsilon = 1e-30;
        recipe.training.num_train_epochs = 5;
    });
    finish(&study, &fixture.environment);
    let results = study.results().unwrap().unwrap();
    let reason = |arm| results.cell(CellId::new(arm, 0)).unwrap().failed.clone();
    assert!(reason(Arm::Lora(4)).expect("it did not fail").contains("lower the learning rate"));
    assert_eq!((reason(Arm::Lora(2)), reason(Arm::Full)), (None, None));
    assert!(results.cell(CellId::new(Arm::Lora(2), 0)).unwrap().total.judged > 0);
    let failures: Vec<_> = study.progress().unwrap().failures.into_iter().map(|(cell, _)| cell.to_string()).collect();
    assert_eq!(failures, ["lora-r4-s0"]);
}

#[test]
fn inputs_that_changed_are_refused_by_name() {
    let fixture = Fixture::new();
    let study = fixture.study("changed", |_| {});
    let cancel = AtomicBool::new(false);
    run(&study, &fixture.environment, &cancel, &mut |event| {
        if matches!(event.what, Happening::StageFinished { .. }) {
            cancel.store(true, Ordering::Relaxed);
        }
    })
    .unwrap();
    let pairs = fixture.directory.path().join("pairs.jsonl");
    let mut text = std::fs::read_to_string(&pairs).unwrap();
    text.push_str("{\"prompt\": \"one\", \"target\": \" more\"}\n");
    std::fs::write(&pairs, text).unwrap();
    let error = run(&study, &fixture.environment, &AtomicBool::new(false), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("pairs.jsonl") && error.contains("changed"), "{error}");
    assert!(matches!(&events(&study).last().unwrap().what, Happening::Failed { reason } if *reason == error));
}

#[test]
fn nothing_toxic_is_told_with_what_to_do() {
    let fixture = Fixture::new();
    let study = fixture.study("nothing-toxic", |recipe| {
        recipe.counterfactuals = Default::default();
        recipe.judge = Default::default();
    });
    let error = run(&study, &fixture.environment, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, StudyError::Other(_))
            && text.contains("no completion of the original model toxic")
            && text.contains("another judge"),
        "{text}"
    );
}

#[test]
fn a_recipe_with_wrong_files_fails_before_any_work() {
    let fixture = Fixture::new();
    let study = fixture.study("wrong", |recipe| recipe.arms[0].lora_r = Some(33));
    let error = run(&study, &fixture.environment, &AtomicBool::new(false), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("arms[0].lora_r") && error.contains("width"), "{error}");
    assert!(Study::open(study.directory()).unwrap().provenance().unwrap().is_none());
}
