//! A training run's saved state: weights, moments, losses and the step. Data order and dropout hang on seeds and the step alone,
//! so a run that goes on from it ends the same to the bit.
//!
//! `state.json` names the tensors' file and is replaced last: the two are always of one step.

use crate::{
    EngineError, Example, TrainOptions,
    files::{save_safetensors, save_text},
    tensor_file::TensorFile,
    trainee::{Failure, Trainee},
};
use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Version of the files.
const SCHEMA: u32 = 1;
/// Without `save_steps`: least time between two savings, and least time worked for each second spent on saving.
const LEAST_TIME: Duration = Duration::from_secs(60);
const WORK_PER_SAVING: u32 = 20;
const STATE_FILE: &str = "state.json";

/// Where a run's state is kept, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoints {
    /// Of this run alone; made where it is not there.
    pub directory: PathBuf,
    /// After every so many optimiser steps. `None`: at most once a minute, and so that saving costs at most a twentieth of the time.
    pub save_steps: Option<usize>,
}

/// `state.json`.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    schema: u32,
    /// SHA-256 of what the run is: options, arms, examples, tensors' names and shapes.
    run: String,
    /// Optimiser steps taken, and of how many.
    step: usize,
    steps_total: usize,
    /// Worked so far.
    seconds: f64,
    /// The tensors' file, beside this one.
    tensors: String,
    arms: Vec<ArmState>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ArmState {
    tokens: u64,
    target_tokens: u64,
    failed: Option<FailedState>,
}

/// A loss that is not finite is no JSON number.
#[derive(Debug, Serialize, Deserialize)]
struct FailedState {
    step: usize,
    loss: String,
}

/// Saves and restores one run's state; without checkpoints it does nothing.
pub(crate) struct StateKeeper<'a> {
    checkpoints: Option<&'a Checkpoints>,
    run: String,
    steps_total: usize,
    seconds_before: f64,
    began: Instant,
    saved_at: Instant,
    saving_took: Duration,
    saved_step: usize,
}

impl<'a> StateKeeper<'a> {
    pub fn new(
        checkpoints: Option<&'a Checkpoints>,
        trainees: &[Trainee],
        examples: &[Example],
        options: &TrainOptions,
        steps_total: usize,
    ) -> Self {
        let now = Instant::now();
        Self {
            checkpoints,
            run: if checkpoints.is_some() { run_hash(trainees, examples, options) } else { String::new() },
            steps_total,
            seconds_before: 0.0,
            began: now,
            saved_at: now,
            saving_took: Duration::ZERO,
            saved_step: 0,
        }
    }

    /// Seconds worked by the runs that this one goes on from.
    pub fn seconds(&self) -> f64 {
        self.seconds_before
    }

    /// Puts the saved state into the trainees and gives the number of steps that it has; 0 where there is none of this very run.
    pub fn restore(&mut self, trainees: &mut [Trainee]) -> Result<usize, EngineError> {
        let Some(checkpoints) = self.checkpoints else { return Ok(0) };
        let path = checkpoints.directory.join(STATE_FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(EngineError::io(path)(error)),
        };
        // from the start the run ends the same, only later
        let anew = |reason: &str| {
            tracing::warn!(path = %path.display(), reason, "a saved training state is left aside: the run begins anew");
            Ok(0)
        };
        let Ok(state) = serde_json::from_str::<State>(&text) else { return anew("it can't be read") };
        if state.schema != SCHEMA || state.run != self.run || state.arms.len() != trainees.len() || state.step > self.steps_total {
            return anew("it is another run's");
        }
        let tensors = checkpoints.directory.join(&state.tensors);
        let mut file = match TensorFile::open(&tensors) {
            Ok(file) if is_whole(&file, &state, trainees) => file,
            Ok(_) => return anew("a tensor is missing or has another shape"),
            Err(error) => return anew(&error.to_string()),
        };
        for ((index, trainee), arm) in trainees.iter_mut().enumerate().zip(&state.arms) {
            let failed = arm.failed.as_ref();
            trainee.failure = failed.map(|failed| Failure { step: failed.step, loss: failed.loss.parse().unwrap_or(f64::NAN) });
            trainee.report.tokens = arm.tokens;
            trainee.report.target_tokens = arm.target_tokens;
            trainee.optimizer.steps = state.step as i32;
            read_trainee(&mut file, &tensors, index, trainee)?;
        }
        self.seconds_before = state.seconds;
        self.saved_step = state.step;
        Ok(state.step)
    }

    /// Saves the state after `step` steps where it is time to.
    pub fn save_if_due(&mut self, trainees: &[Trainee], step: usize) -> Result<(), EngineError> {
        let due = match self.checkpoints {
            None => false,
            Some(Checkpoints { save_steps: Some(every), .. }) => step.is_multiple_of(*every),
            Some(_) => self.saved_at.elapsed() >= LEAST_TIME.max(self.saving_took * WORK_PER_SAVING),
        };
        if due { self.save(trainees, step) } else { Ok(()) }
    }

    /// Saves the state after `step` steps, unless it is saved already.
    pub fn save(&mut self, trainees: &[Trainee], step: usize) -> Result<(), EngineError> {
        let Some(checkpoints) = self.checkpoints.filter(|_| step > self.saved_step) else { return Ok(()) };
        let began = Instant::now();
        let directory = &checkpoints.directory;
        std::fs::create_dir_all(directory).map_err(EngineError::io(directory))?;
        let name = format!("step-{step:08}.safetensors");
        save_safetensors(&directory.join(&name), &named_tensors(trainees)?)?;
        sync_directory(directory)?;
        let state = State {
            schema: SCHEMA,
            run: self.run.clone(),
            step,
            steps_total: self.steps_total,
            seconds: self.seconds_before + self.began.elapsed().as_secs_f64(),
            tensors: name.clone(),
            arms: trainees.iter().map(arm_state).collect(),
        };
        let text = serde_json::to_string_pretty(&state).map_err(|error| EngineError::io(directory)(error.into()))?;
        save_text(&directory.join(STATE_FILE), &format!("{text}\n"))?;
        sync_directory(directory)?;
        remove_others(directory, &name).map_err(EngineError::io(directory))?;
        self.saved_step = step;
        self.saved_at = Instant::now();
        self.saving_took = began.elapsed();
        Ok(())
    }
}

fn arm_state(trainee: &Trainee) -> ArmState {
    ArmState {
        tokens: trainee.report.tokens,
        target_tokens: trainee.report.target_tokens,
        failed: trainee.failure.map(|failure| FailedState { step: failure.step, loss: failure.loss.to_string() }),
    }
}

/// What tells one run from another. The model's weights are not in it: a study checks those.
fn run_hash(trainees: &[Trainee], examples: &[Example], options: &TrainOptions) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{options:?}"));
    for trainee in trainees {
        hash.update(format!("{} {:?}", trainee.what, trainee.settings));
        for tensor in &trainee.tensors {
            hash.update(format!("{} {:?}", tensor.name, tensor.tensor.dims()));
        }
    }
    for example in examples {
        hash.update(format!("{example:?}"));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names of a tensor and its moments in the file.
fn names(arm: usize, tensor: &str) -> [String; 3] {
    ["weight", "first_moment", "second_moment"].map(|what| format!("{arm}.{what}.{tensor}"))
}

fn losses_name(arm: usize) -> String {
    format!("{arm}.losses")
}

/// An arm that failed needs its losses alone.
fn named_tensors(trainees: &[Trainee]) -> Result<HashMap<String, Tensor>, EngineError> {
    let mut named = HashMap::new();
    for (arm, trainee) in trainees.iter().enumerate() {
        let losses = &trainee.report.losses;
        if !losses.is_empty() {
            named.insert(losses_name(arm), Tensor::from_slice(losses, losses.len(), &Device::Cpu)?);
        }
        if trainee.failure.is_some() {
            continue;
        }
        for (tensor, moments) in trainee.tensors.iter().zip(&trainee.optimizer.moments) {
            let [weight, first, second] = names(arm, &tensor.name);
            named.insert(weight, tensor.tensor.clone());
            if let Some((one, other)) = moments {
                named.insert(first, one.clone());
                named.insert(second, other.clone());
            }
        }
    }
    Ok(named)
}

/// Whether the file has all that the state speaks of.
fn is_whole(file: &TensorFile, state: &State, trainees: &[Trainee]) -> bool {
    trainees.iter().zip(&state.arms).enumerate().all(|(index, (trainee, arm))| {
        let steps = arm.failed.as_ref().map_or(state.step, |failed| failed.step.saturating_sub(1));
        let has_losses = steps == 0 || file.has(&losses_name(index), &[steps], "F64");
        let has_tensors = arm.failed.is_some()
            || trainee.tensors.iter().all(|tensor| {
                let [weight, first, second] = names(index, &tensor.name);
                let shape = tensor.tensor.dims();
                let has_moments = file.has(&first, shape, "F32") && file.has(&second, shape, "F32");
                // a tensor that never had a gradient has no moments
                file.has(&weight, shape, "F32") && (has_moments || !(file.has_any(&first) || file.has_any(&second)))
            });
        has_losses && has_tensors
    })
}

fn read_trainee(file: &mut TensorFile, path: &Path, index: usize, trainee: &mut Trainee) -> Result<(), EngineError> {
    let losses = losses_name(index);
    if file.has_any(&losses) {
        trainee.report.losses = file.read_f64(&losses).map_err(EngineError::io(path))?;
    }
    if trainee.failure.is_some() {
        return Ok(());
    }
    for (tensor, moments) in trainee.tensors.iter().zip(&mut trainee.optimizer.moments) {
        let [weight, first, second] = names(index, &tensor.name);
        let has_moments = file.has_any(&first);
        let mut read = |name: &str| -> Result<Tensor, EngineError> {
            let values = file.read_f32(name).map_err(EngineError::io(path))?;
            Ok(Tensor::from_vec(values, tensor.tensor.shape(), tensor.tensor.device())?)
        };
        // every holder of the tensor sees it
        tensor.tensor.slice_set(&read(&weight)?, 0, 0)?;
        *moments = if has_moments { Some((read(&first)?, read(&second)?)) } else { None };
    }
    Ok(())
}

/// Tensors of earlier steps.
fn remove_others(directory: &Path, kept: &str) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("step-") && name.ends_with(".safetensors") && name != kept {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes the names in a directory last.
fn sync_directory(directory: &Path) -> Result<(), EngineError> {
    #[cfg(unix)]
    std::fs::File::open(directory).and_then(|handle| handle.sync_all()).map_err(EngineError::io(directory))?;
    Ok(())
}
