//! The whole pipeline over a tiny random model: what a kill at any moment leaves, and what fails by name.

mod fixture;

use fixture::{Fixture, compare, events, finish};
use rankscope_domain::{Arm, CellId, event::Happening, recipe::ArmSpec};
use rankscope_study::{Outcome, Study, StudyError, run};
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
    let files = |name: &str| study.cell_path(CellId { arm: Arm::Lora(2), seed: 1 }).join(name);
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

#[test]
fn killed_at_any_event_it_ends_the_same() {
    let fixture = Fixture::new();
    let whole = fixture.study("whole", |_| {});
    finish(&whole, &fixture.environment);
    let count = events(&whole).len();
    assert!(count > 30, "{count} events");
    // every event of the first seconds, then every third
    for kill_at in (1..count).filter(|at| *at < 12 || at % 3 == 0) {
        let study = fixture.study(&format!("killed-at-{kill_at}"), |_| {});
        let mut seen = 0;
        let killed = catch_unwind(AssertUnwindSafe(|| {
            let mut echo = |_: &rankscope_domain::event::Event| {
                seen += 1;
                assert!(seen < kill_at, "killed");
            };
            run(&study, &fixture.environment, &AtomicBool::new(false), &mut echo).map(|_| ())
        }));
        assert!(killed.is_err(), "it was not killed at event {kill_at}");
        finish(&study, &fixture.environment);
        compare(&whole, &study);
    }
}

#[test]
fn cancelled_it_goes_on_where_it_was() {
    let fixture = Fixture::new();
    let whole = fixture.study("whole", |_| {});
    finish(&whole, &fixture.environment);
    let study = fixture.study("cancelled", |_| {});
    let cancel = AtomicBool::new(false);
    let mut echo = |event: &rankscope_domain::event::Event| {
        if matches!(event.what, Happening::TrainStep { step: 2, .. }) {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    assert_eq!(run(&study, &fixture.environment, &cancel, &mut echo).unwrap(), Outcome::Cancelled);
    let told = events(&study);
    assert!(matches!(told.last().unwrap().what, Happening::Cancelled));
    assert!(study.results().unwrap().is_none());
    let baseline = study.cell_path(CellId { arm: Arm::Original, seed: 0 }).join("completions.jsonl");
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
    let reason = |arm| results.cell(CellId { arm, seed: 0 }).unwrap().failed.clone();
    assert!(reason(Arm::Lora(4)).expect("it did not fail").contains("lower the learning rate"));
    assert_eq!((reason(Arm::Lora(2)), reason(Arm::Full)), (None, None));
    assert!(results.cell(CellId { arm: Arm::Lora(2), seed: 0 }).unwrap().total.judged > 0);
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
