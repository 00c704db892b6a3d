//! A training run that is stopped or killed goes on from its saved state, and ends the same to the bit.

mod common;

use common::*;
use rankscope_engine::{
    ArmTraining, Checkpoints, EngineError, Example, Flow, Lora, LoraConfig, Model, Scheduler, Signal, TrainOptions, train_full_saving,
    train_loras_saving,
};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

/// Everything that a run ends with: each arm's losses and tensors, as bits.
type End = Vec<(Result<Vec<u64>, String>, BTreeMap<String, Vec<u32>>)>;

/// What is trained.
#[derive(Clone, Copy, Debug)]
enum What {
    /// Three arms, the second of which fails in its second step or so.
    Loras,
    Full,
}

struct Run {
    model: Model,
    examples: Vec<Example>,
    options: TrainOptions,
}

impl Run {
    fn new() -> Self {
        let model = Model::open(&reference("llama_tiny")).unwrap();
        let examples = examples(&figures("llama_tiny"))[..10].to_vec();
        let options = TrainOptions {
            num_train_epochs: 3,
            per_device_train_batch_size: 2,
            gradient_accumulation_steps: 2,
            scheduler: Scheduler::Cosine,
            warmup_ratio: 0.2,
            max_grad_norm: 0.0,
            group_by_length: true,
            lora_dropout: 0.1,
            ..TrainOptions::default()
        };
        Self { model, examples, options }
    }

    /// Trains, from a saved state where there is one.
    fn train(&self, what: What, checkpoints: Option<&Checkpoints>, observer: &mut dyn FnMut(Signal) -> Flow) -> Result<End, EngineError> {
        let arm = |learning_rate, seed| ArmTraining { learning_rate, weight_decay: 0.01, seed };
        let bits = |losses: &[f64]| losses.iter().map(|loss| loss.to_bits()).collect::<Vec<u64>>();
        let values = |tensor: &candle_core::Tensor| flat(tensor).iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
        match what {
            What::Loras => {
                let config = |r| LoraConfig { r, lora_alpha: 8.0, use_rslora: false, target_modules: vec!["all-linear".into()] };
                let mut loras: Vec<Lora> = [2, 4, 8].map(|r| Lora::new(&self.model, &config(r), 1).unwrap()).into();
                let arms = [arm(1e-2, 0), arm(1e30, 1), arm(3e-3, 2)];
                let reports = train_loras_saving(&self.model, &mut loras, &arms, &self.examples, &self.options, checkpoints, observer)?;
                let end = |(report, lora): (Result<rankscope_engine::TrainReport, EngineError>, &Lora)| match report {
                    Ok(report) => {
                        (Ok(bits(&report.losses)), lora.tensors().iter().map(|(name, tensor)| (name.clone(), values(tensor))).collect())
                    }
                    Err(error) => (Err(error.to_string()), BTreeMap::new()),
                };
                Ok(reports.into_iter().zip(&loras).map(end).collect())
            }
            What::Full => {
                let (trained, report) =
                    train_full_saving(&self.model, &arm(1e-3, 0), &self.examples, &self.options, checkpoints, observer)?;
                let directory = tempfile::tempdir().unwrap();
                trained.save(directory.path()).unwrap();
                let saved = candle_core::safetensors::load(directory.path().join("model.safetensors"), &candle_core::Device::Cpu).unwrap();
                let tensors = saved.iter().map(|(name, tensor)| (name.clone(), values(tensor))).collect();
                Ok(vec![(Ok(bits(&report.losses)), tensors)])
            }
        }
    }

    fn uninterrupted(&self, what: What) -> End {
        self.train(what, None, &mut ignore).unwrap()
    }
}

fn checkpoints(directory: &Path, save_steps: Option<usize>) -> Checkpoints {
    Checkpoints { directory: directory.join("state"), save_steps }
}

fn files(checkpoints: &Checkpoints) -> Vec<String> {
    let entries = std::fs::read_dir(&checkpoints.directory);
    let mut names: Vec<String> =
        entries.into_iter().flatten().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Interrupts at signal number `at`, counted from 1, in every way; gives false where there are not so many.
fn interrupted_at(run: &Run, what: What, at: usize, kill: bool, whole: &End) -> bool {
    let directory = tempfile::tempdir().unwrap();
    // a stop saves by itself; a kill leaves what was saved last
    let checkpoints = checkpoints(directory.path(), kill.then_some(2));
    let mut seen = 0;
    let interrupted = catch_unwind(AssertUnwindSafe(|| {
        let mut observer = |_| {
            seen += 1;
            assert!(!kill || seen < at, "killed");
            if seen >= at { Flow::Break(()) } else { Flow::Continue(()) }
        };
        run.train(what, Some(&checkpoints), &mut observer)
    }));
    match interrupted {
        Ok(Ok(_)) => return false,
        Ok(Err(error)) => assert!(!kill && matches!(error, EngineError::Stopped), "{error}"),
        Err(_) => assert!(kill),
    }
    let kept = files(&checkpoints);
    assert!(kept.is_empty() || kept.len() == 2, "{kept:?}");
    // what an observer is told of the whole run, over both
    let mut told = Vec::new();
    let end = run
        .train(what, Some(&checkpoints), &mut |signal| {
            if let Signal::Step { arm, step, loss, .. } | Signal::Restored { arm, step, loss, .. } = signal {
                told.push((arm, step, loss.to_bits()));
            }
            Flow::Continue(())
        })
        .unwrap();
    assert!(end == *whole, "{what:?}, interrupted at signal {at} (killed: {kill}), ended otherwise");
    for (arm, (losses, _)) in whole.iter().enumerate() {
        let Ok(losses) = losses else { continue };
        let ours: Vec<u64> = told.iter().filter(|(known, _, _)| *known == arm).map(|(_, _, loss)| *loss).collect();
        assert_eq!(&ours, losses, "every step is told once, in order");
    }
    true
}

#[test]
fn stopped_or_killed_at_any_signal_a_run_ends_the_same_to_the_bit() {
    let run = Run::new();
    for what in [What::Loras, What::Full] {
        let whole = run.uninterrupted(what);
        assert_eq!(whole.iter().filter(|(losses, _)| losses.is_err()).count(), usize::from(matches!(what, What::Loras)));
        for kill in [false, true] {
            let count = (1..).take_while(|&at| interrupted_at(&run, what, at, kill, &whole)).count();
            // nine steps, two of three in two passes
            assert!(count >= 15, "only {count} interruptions");
        }
    }
}

#[test]
fn a_run_can_be_stopped_after_every_step() {
    let run = Run::new();
    for what in [What::Loras, What::Full] {
        let whole = run.uninterrupted(what);
        let directory = tempfile::tempdir().unwrap();
        let checkpoints = checkpoints(directory.path(), None);
        let mut stops = 0;
        let end = loop {
            let mut stop = |signal| if matches!(signal, Signal::Step { .. }) { Flow::Break(()) } else { Flow::Continue(()) };
            match run.train(what, Some(&checkpoints), &mut stop) {
                Ok(end) => break end,
                Err(EngineError::Stopped) => stops += 1,
                Err(error) => panic!("{error}"),
            }
        };
        assert!(end == whole && stops == 9, "{what:?} after {stops} stops");
    }
}

#[test]
fn a_state_that_is_broken_or_another_runs_is_left_aside() {
    let run = Run::new();
    let whole = run.uninterrupted(What::Full);
    /// What is wrong with the state, and how it comes to be.
    type Damage = (&'static str, fn(&Path));
    let damage: [Damage; 6] = [
        ("no JSON", |state| std::fs::write(state.join("state.json"), "{\"schema\":").unwrap()),
        ("another version", |state| replace(state, "\"schema\": 1", "\"schema\": 99")),
        ("another run's", |state| replace(state, "\"run\": \"", "\"run\": \"0")),
        ("tensors of another step", |state| replace(state, "\"step\": 4", "\"step\": 3")),
        ("no tensors", |state| std::fs::remove_file(tensors_of(state)).unwrap()),
        ("cut tensors", |state| {
            let bytes = std::fs::read(tensors_of(state)).unwrap();
            std::fs::write(tensors_of(state), &bytes[..bytes.len() - 1]).unwrap();
        }),
    ];
    for (what, damage) in damage {
        let directory = tempfile::tempdir().unwrap();
        let checkpoints = checkpoints(directory.path(), None);
        let mut stop = |signal| if matches!(signal, Signal::Step { step: 4, .. }) { Flow::Break(()) } else { Flow::Continue(()) };
        assert!(matches!(run.train(What::Full, Some(&checkpoints), &mut stop), Err(EngineError::Stopped)));
        damage(&checkpoints.directory);
        let mut restored = 0;
        let mut count = |signal| {
            restored += usize::from(matches!(signal, Signal::Restored { .. }));
            Flow::Continue(())
        };
        let end = run.train(What::Full, Some(&checkpoints), &mut count).unwrap();
        assert!(end == whole && restored == 0, "{what}: {restored} steps restored");
    }
}

fn tensors_of(state: &Path) -> std::path::PathBuf {
    state.join("step-00000004.safetensors")
}

fn replace(state: &Path, from: &str, to: &str) {
    let path = state.join("state.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn other_options_are_another_run() {
    let mut run = Run::new();
    let directory = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(directory.path(), None);
    let mut stop = |signal| if matches!(signal, Signal::Step { step: 2, .. }) { Flow::Break(()) } else { Flow::Continue(()) };
    assert!(matches!(run.train(What::Loras, Some(&checkpoints), &mut stop), Err(EngineError::Stopped)));
    run.options.adam_beta2 = 0.99;
    let whole = run.uninterrupted(What::Loras);
    assert!(run.train(What::Loras, Some(&checkpoints), &mut ignore).unwrap() == whole, "it went on from a run with another beta");
}
