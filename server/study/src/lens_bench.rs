//! The logit lens on demand: a finished study's arms read a prompt that somebody has just typed.
//!
//! [`LensTask::of`] turns a question into the cells that read it and refuses what can be refused without weights; a [`LensBench`] keeps one
//! base model warm, with the adapters of the last study and its model that was trained in full, and answers one task after another;
//! [`converse`] is the bench as a process, over lines of JSON. The original and all adapters read and continue in one batch; a model
//! that was trained in full reads by itself and is compared with what was kept of the original's states.

mod conversation;
mod task;
mod weights;

pub use conversation::{LensOrder, LensReport, converse};
pub use task::{LensTask, lens_arms};
pub use weights::WeightsFile;

use crate::{
    Environment, StudyError,
    lens_reading::{LensPrompt, greedy, reading},
    memory,
};
use rankscope_domain::{
    Arm, CellId, FieldErrors,
    inspection::LensReading,
    lens_question::{LensStage, PROMPT_TOKENS},
};
use rankscope_engine::{Flow, Lora, Model, Request, Signal, lens, lens_of_another};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// An answer, and what it was read from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LensFindings {
    /// In the order of the task's cells.
    pub readings: Vec<LensReading>,
    /// Every file of weights with its hash: an answer is kept under these.
    pub weights: Vec<WeightsFile>,
    /// What the bench keeps in memory now, bytes.
    pub memory_bytes: u64,
}

/// What is told while a task is worked on; `Break` stops it.
pub type LensObserver<'a> = &'a mut dyn FnMut(LensStage) -> Flow;

/// Weights in memory.
struct Warm<T> {
    file: WeightsFile,
    bytes: u64,
    loaded: T,
}

/// The models that are in memory.
pub struct LensBench {
    environment: Environment,
    /// Whose adapters and full model are here.
    study: PathBuf,
    base: Option<Warm<Model>>,
    loras: Vec<Warm<Lora>>,
    full: Option<Warm<Model>>,
}

/// The cells of a task that read together.
struct Company<'a> {
    arms: Vec<Arm>,
    from: u32,
    of: u32,
    observer: LensObserver<'a>,
}

impl LensBench {
    /// Empty. The environment's memory limit is what all models together may take.
    pub fn new(environment: Environment) -> Self {
        Self { environment, study: PathBuf::new(), base: None, loras: Vec::new(), full: None }
    }

    /// Reads the task's prompt with each of its cells.
    ///
    /// Errors: [`StudyError::Invalid`] for a prompt that the model can't read, weights that have changed or give no numbers, and too
    /// little memory; [`StudyError::Stopped`]; files that can't be read. What was loaded stays warm in each case.
    pub fn answer(&mut self, task: &LensTask, observer: LensObserver<'_>) -> Result<LensFindings, StudyError> {
        if self.study != task.directory {
            self.loras.clear();
            self.full = None;
            self.study.clone_from(&task.directory);
        }
        self.make_room(task)?;
        self.load_base(task, observer)?;
        let base = self.base.as_ref().map(|base| base.loaded.clone()).ok_or_else(nothing_loaded)?;
        let tokens = tokens(&base, task)?;
        for &cell in &task.cells {
            match cell.arm {
                Arm::Original => {}
                Arm::Lora(_) => self.load_lora(task, cell, &base, observer)?,
                Arm::Full => self.load_full(task, cell, observer)?,
            }
        }
        let readings = self.read(task, &base, &tokens, observer).map_err(|error| refused_by_the_engine(task, error))?;
        let weights = self.weights_of(task);
        Ok(LensFindings { readings, weights, memory_bytes: self.memory_bytes() })
    }

    /// Reckoned, of all that is loaded.
    fn memory_bytes(&self) -> u64 {
        let models = self.base.iter().chain(&self.full).map(|warm| warm.bytes);
        memory::PROGRAM as u64 + models.chain(self.loras.iter().map(|warm| warm.bytes)).sum::<u64>()
    }

    /// Lets go of what the task does not need where all of it is too much.
    fn make_room(&mut self, task: &LensTask) -> Result<(), StudyError> {
        let needs = task.memory()?;
        let Some(limit) = self.environment.memory_limit_bytes.or_else(|| crate::memory_limit_on(self.environment.processor)) else {
            return Ok(());
        };
        task.check_memory(needs, limit)?;
        let is_wanted = |file: &WeightsFile| task.files().any(|path| path == file.path);
        let idle: u64 = self.loras.iter().filter(|warm| !is_wanted(&warm.file)).map(|warm| warm.bytes).sum::<u64>()
            + self.full.iter().filter(|warm| !is_wanted(&warm.file)).map(|warm| warm.bytes).sum::<u64>();
        if needs + idle > limit {
            self.loras.retain(|warm| is_wanted(&warm.file));
            self.full = self.full.take().filter(|warm| is_wanted(&warm.file));
        }
        Ok(())
    }

    fn load_base(&mut self, task: &LensTask, observer: LensObserver<'_>) -> Result<(), StudyError> {
        if self.base.as_ref().is_some_and(|base| base.file.path == task.base && base.file.is_as_it_was()) {
            return self.base.as_ref().map_or(Ok(()), |base| task.check_base(&base.file));
        }
        (self.base, self.full) = (None, None);
        self.loras.clear();
        told(observer, LensStage::Loading { what: format!("the original model, {}", task.model_name) })?;
        let file = WeightsFile::read(&task.base).map_err(|error| task.base_is_gone(&error))?;
        task.check_base(&file)?;
        let loaded = Model::open_on(&task.base, self.environment.processor).map_err(StudyError::from_engine)?;
        self.base = Some(Warm { bytes: memory::weights(loaded.info()) as u64, file, loaded });
        Ok(())
    }

    fn load_lora(&mut self, task: &LensTask, cell: CellId, base: &Model, observer: LensObserver<'_>) -> Result<(), StudyError> {
        let path = task.weights_path(cell);
        if self.loras.iter().any(|warm| warm.file.path == path && warm.file.is_as_it_was()) {
            return Ok(());
        }
        self.loras.retain(|warm| warm.file.path != path);
        told(observer, LensStage::Loading { what: format!("the adapter of {}", cell.arm.label()) })?;
        let file = WeightsFile::read(&path)?;
        let loaded = Lora::load(path.parent().unwrap_or(Path::new("")), base).map_err(StudyError::from_engine)?;
        self.loras.push(Warm { bytes: file.bytes(), file, loaded });
        Ok(())
    }

    fn load_full(&mut self, task: &LensTask, cell: CellId, observer: LensObserver<'_>) -> Result<(), StudyError> {
        let path = task.weights_path(cell);
        if self.full.as_ref().is_some_and(|warm| warm.file.path == path && warm.file.is_as_it_was()) {
            return Ok(());
        }
        self.full = None;
        told(observer, LensStage::Loading { what: "the model that was trained in full".into() })?;
        let file = WeightsFile::read(&path)?;
        let loaded = Model::open_on(&path, self.environment.processor).map_err(StudyError::from_engine)?;
        self.full = Some(Warm { bytes: memory::weights(loaded.info()) as u64, file, loaded });
        Ok(())
    }

    fn read(&self, task: &LensTask, base: &Model, tokens: &[u32], observer: LensObserver<'_>) -> Result<Vec<LensReading>, StudyError> {
        let (of, prompt) = (task.cells.len() as u32, LensPrompt { text: &task.prompt, tokens });
        let options = task.options();
        let together: Vec<CellId> = task.cells.iter().copied().filter(|cell| cell.arm != Arm::Full).collect();
        let cells_with_adapters: Vec<CellId> = together.iter().copied().filter(|cell| cell.arm.rank().is_some()).collect();
        let mut loras = Vec::with_capacity(cells_with_adapters.len());
        for &cell in &cells_with_adapters {
            let path = task.weights_path(cell);
            let warm = self.loras.iter().find(|warm| warm.file.path == path).ok_or_else(nothing_loaded)?;
            loras.push(&warm.loaded);
        }
        // the original reads also where nobody asked for it: the others are compared with it
        let arms = if together.is_empty() { vec![Arm::Original] } else { together.iter().map(|cell| cell.arm).collect() };
        let mut company = Company { arms, from: 1, of, observer };
        let seen = company.watch(|signal| lens(base, &loras, tokens, &options, signal))?;
        let mut readings = Vec::with_capacity(task.cells.len());
        if !together.is_empty() {
            let adapter = |cell: &CellId| cells_with_adapters.iter().position(|other| other == cell);
            let requests: Vec<Request> =
                together.iter().map(|cell| Request { prompt: tokens.to_vec(), lora: adapter(cell), seed: 0 }).collect();
            let written = company.go_on(base, &loras, &requests, task.new_tokens)?;
            for (cell, written) in together.iter().zip(&written) {
                let panel = adapter(cell).map_or(&seen.original, |index| &seen.loras[index]);
                readings.push(reading(base, *cell, &prompt, panel, written)?);
            }
        }
        for &cell in task.cells.iter().filter(|cell| cell.arm == Arm::Full) {
            let full = &self.full.as_ref().ok_or_else(nothing_loaded)?.loaded;
            let mut alone = Company { arms: vec![Arm::Full], from: readings.len() as u32 + 1, of, observer: &mut *company.observer };
            let panel = alone.watch(|signal| lens_of_another(full, &seen.kept, &options, signal))?;
            let request = Request { prompt: tokens.to_vec(), lora: None, seed: 0 };
            let written = alone.go_on(full, &[], &[request], task.new_tokens)?;
            readings.push(reading(base, cell, &prompt, &panel, written.first().map_or(&[], Vec::as_slice))?);
        }
        Ok(readings)
    }

    /// The base's, and those of the task's cells.
    fn weights_of(&self, task: &LensTask) -> Vec<WeightsFile> {
        let models = self.base.iter().chain(&self.full).map(|warm| &warm.file);
        let wanted = |file: &&WeightsFile| task.files().any(|path| path == file.path);
        models.chain(self.loras.iter().map(|warm| &warm.file)).filter(wanted).cloned().collect()
    }
}

impl Company<'_> {
    /// Looks through the lens, layers told.
    fn watch<T>(
        &mut self,
        look: impl FnOnce(&mut dyn FnMut(Signal) -> Flow) -> Result<T, rankscope_engine::EngineError>,
    ) -> Result<T, StudyError> {
        let mut signal = |signal: Signal| {
            let (done, total) = match signal {
                Signal::Scored { done, total, .. } => (done, total),
                _ => (0, 0),
            };
            (self.observer)(LensStage::Reading {
                arms: self.arms.clone(),
                from: self.from,
                of: self.of,
                layer: done as u32,
                layers: total as u32,
            })
        };
        look(&mut signal).map_err(StudyError::from_engine)
    }

    /// Continues greedily, tokens told.
    fn go_on(&mut self, model: &Model, loras: &[&Lora], requests: &[Request], new_tokens: u32) -> Result<Vec<Vec<u32>>, StudyError> {
        if new_tokens == 0 {
            return Ok(vec![Vec::new(); requests.len()]);
        }
        let mut token = 0;
        let mut signal = |_: Signal| {
            token += 1;
            let (arms, tokens) = (self.arms.clone(), new_tokens);
            (self.observer)(LensStage::Continuing { arms, from: self.from, of: self.of, token: u32::min(token, tokens), tokens })
        };
        let options = greedy(new_tokens as usize, requests.len());
        let written = rankscope_engine::generate(model, loras, requests, &options, &mut signal).map_err(StudyError::from_engine)?;
        Ok(written.into_iter().map(|generated| generated.tokens).collect())
    }
}

/// The prompt's tokens, of which there must be some and not too many.
fn tokens(base: &Model, task: &LensTask) -> Result<Vec<u32>, StudyError> {
    let tokens = base.tokenizer().encode(&task.prompt, true).map_err(StudyError::from_engine)?;
    let context = base.info().max_position_embeddings;
    let remedy = match tokens.len() {
        0 => "This model’s tokenizer makes no token of it: write another prompt.".into(),
        count if count > PROMPT_TOKENS => {
            format!("At most {PROMPT_TOKENS} tokens, each of which is a column of every panel; shorten the prompt.")
        }
        count if count + task.new_tokens as usize > context => {
            format!(
                "With new_tokens = {} it is longer than the model’s {context} positions; shorten the prompt or lower new_tokens.",
                task.new_tokens
            )
        }
        _ => return Ok(tokens),
    };
    Err(FieldErrors::one("prompt_text", format!("{} tokens", tokens.len()), remedy).into())
}

/// What the engine refuses of an input is a matter of the chosen arms: weights that have diverged.
fn refused_by_the_engine(task: &LensTask, error: StudyError) -> StudyError {
    match error {
        StudyError::Engine(rankscope_engine::EngineError::Input(reason)) => {
            FieldErrors::one("read", task.arm_names(), format!("{reason}.")).into()
        }
        other => other,
    }
}

fn told(observer: LensObserver<'_>, stage: LensStage) -> Result<(), StudyError> {
    if observer(stage).is_break() { Err(StudyError::Stopped) } else { Ok(()) }
}

fn nothing_loaded() -> StudyError {
    StudyError::Other("the lens bench has lost a model that it has just loaded".into())
}
