//! Fine-tuning: all LoRA cells together over one frozen base, each full cell alone.

use super::{Work, Worker, groups::group_name};
use crate::{
    StudyError,
    classification_text::TextEncoder,
    memory::limit_text,
    plan::{CellWork, Stage},
    reporter::Reporter,
    results::CellMetrics,
    seeds,
    training_text::{self, TrainingData},
    whole_file,
};
use rankscope_domain::{
    CellId,
    completion::TrainingPair,
    event::{Happening, Unit},
    recipe::{ArmSpec, SchedulerType, StudyKind},
};
use rankscope_engine::{
    ArmTraining, Checkpoints, EngineError, Flow, Lora, LoraConfig, Model, Scheduler, Signal, TrainOptions, TrainReport, train_full_saving,
    train_loras_saving,
};
use serde::{Deserialize, Serialize};
use std::{path::Path, time::Instant};

/// A line of `train.jsonl`.
#[derive(Debug, Clone, Serialize)]
struct StepLine {
    step: u32,
    /// Mean over target tokens, nats.
    loss: f64,
    learning_rate: f64,
}

/// A group of LoRA cells that is trained: `GROUP.json` among the stage's parts.
#[derive(Debug, Serialize, Deserialize)]
struct GroupRecord {
    seconds: f64,
}

/// Steps told so far, over the cells of a stage.
#[derive(Default)]
struct StageSteps {
    /// By cell of the group that is trained now.
    lines: Vec<Vec<StepLine>>,
    /// Steps that this worker did not do itself, all, and what is to be done.
    before: u64,
    done: u64,
    total: u64,
    /// Trained on by this worker.
    tokens: u64,
    /// Seconds of earlier workers on the group that is trained now.
    earlier_seconds: f64,
}

impl Worker<'_> {
    pub(super) fn train_loras(&mut self, stage: &Stage, cells: &[CellId]) -> Result<Work, StudyError> {
        let Some(&first) = cells.first() else { return Ok(Work::default()) };
        let model = self.model_to_train(first)?;
        // the cells of a stage differ by arm and seed, and have the same examples
        let data = self.training_data(&model, first)?;
        let groups = self.training_groups(cells, &model, &data.examples)?;
        if let (true, Some(limit)) = (groups.len() > 1, self.environment.memory_limit(self.recipe)) {
            self.reporter.note(format!(
                "{} parts the LoRA cells into {} groups that are trained one after another.",
                limit_text(self.recipe, self.environment, limit),
                groups.len()
            ))?;
        }
        let steps = self.train_options().steps(data.examples.len()) as u64;
        let mut told = StageSteps { total: steps * cells.len() as u64, ..StageSteps::default() };
        let mut work = Work::default();
        self.reporter.restart_clock();
        for group in &groups {
            let parts = self.parts_path(stage);
            let record_path = parts.join(format!("{}.json", group_name(group)));
            if let Some(record) = whole_file::read_json::<GroupRecord>(&record_path)? {
                for &cell in group {
                    work.add(CellWork { cell, tokens: self.metrics(cell)?.tokens });
                }
                work.earlier_seconds += record.seconds;
                told.before += steps * group.len() as u64;
                told.done += steps * group.len() as u64;
                continue;
            }
            let began = Instant::now();
            let state = parts.join(group_name(group));
            self.train_group(group, &model, &data, &state, &mut told, &mut work)?;
            work.earlier_seconds += told.earlier_seconds;
            let seconds = began.elapsed().as_secs_f64() + told.earlier_seconds;
            whole_file::write_json(&record_path, &GroupRecord { seconds })?;
            whole_file::remove_directory(&state)?;
        }
        Ok(work)
    }

    fn train_group(
        &mut self,
        cells: &[CellId],
        model: &Model,
        data: &TrainingData,
        state: &Path,
        told: &mut StageSteps,
        work: &mut Work,
    ) -> Result<(), StudyError> {
        let mut loras = Vec::new();
        let mut arms = Vec::new();
        for &cell in cells {
            loras.push(Lora::new(model, &self.lora_config(cell), seeds::derive("lora A", &[cell.seed])).map_err(StudyError::from_engine)?);
            arms.push(self.arm_training(cell)?);
        }
        let (options, checkpoints) = (self.train_options(), self.checkpoints(state));
        let mut observer = step_observer(&mut self.reporter, cells, told);
        let result = train_loras_saving(model, &mut loras, &arms, &data.examples, &options, Some(&checkpoints), &mut observer);
        drop(observer);
        let reports = self.reporter.finish(result.map_err(StudyError::from_engine))?;
        // a model of the hub lies in a folder named for its commit; PEFT wants its name
        let base = self.shelf.inspect(&self.recipe.model.source)?.name;
        for (((&cell, lora), report), steps) in cells.iter().zip(&loras).zip(reports).zip(&told.lines) {
            if report.is_ok() {
                let directory = self.study.cell_path(cell);
                std::fs::create_dir_all(&directory).map_err(StudyError::at(&directory))?;
                lora.save(&directory, &base).map_err(StudyError::from_engine)?;
                whole_file::sync_directory(&directory)?;
            }
            work.add(self.keep_report(cell, lora.trainable_parameters(), data, report, steps)?);
        }
        Ok(())
    }

    pub(super) fn train_full(&mut self, stage: &Stage, cell: CellId) -> Result<Work, StudyError> {
        let model = self.model_to_train(cell)?;
        let data = self.training_data(&model, cell)?;
        let arm = self.arm_training(cell)?;
        let (options, checkpoints) = (self.train_options(), self.checkpoints(&self.parts_path(stage)));
        let cells = [cell];
        let mut told = StageSteps { total: options.steps(data.examples.len()) as u64, ..StageSteps::default() };
        self.reporter.restart_clock();
        let mut observer = step_observer(&mut self.reporter, &cells, &mut told);
        let result = train_full_saving(&model, &arm, &data.examples, &options, Some(&checkpoints), &mut observer);
        drop(observer);
        let report = match result {
            Ok((trained, report)) => {
                trained.save(&self.study.cell_file(cell, "model")).map_err(StudyError::from_engine)?;
                whole_file::sync_directory(&self.study.cell_path(cell))?;
                Ok(report)
            }
            Err(error @ EngineError::LossNotFinite { .. }) => Err(error),
            Err(other) => return self.reporter.finish(Err(StudyError::from_engine(other))),
        };
        let lines = told.lines.pop().unwrap_or_default();
        let mut work = Work { earlier_seconds: told.earlier_seconds, ..Work::default() };
        work.add(self.keep_report(cell, model.info().parameters, &data, report, &lines)?);
        Ok(work)
    }

    /// A loss that is not finite gives up the cell by name.
    fn keep_report(
        &mut self,
        cell: CellId,
        trainable_parameters: u64,
        data: &TrainingData,
        report: Result<TrainReport, EngineError>,
        steps: &[StepLine],
    ) -> Result<CellWork, StudyError> {
        whole_file::write_lines(&self.study.cell_file(cell, "train.jsonl"), steps)?;
        let mut metrics = CellMetrics {
            trainable_parameters,
            truncated_examples: data.truncated_examples,
            truncated_tokens: data.truncated_tokens,
            ..Default::default()
        };
        match report {
            Ok(report) => {
                metrics.losses = report.losses;
                metrics.tokens = report.tokens;
                metrics.target_tokens = report.target_tokens;
            }
            Err(error) => {
                let reason = error.to_string();
                self.reporter.tell(Happening::CellFailed { cell, reason: reason.clone() })?;
                metrics.failed = Some(reason);
            }
        }
        let tokens = metrics.tokens;
        whole_file::write_json(&self.study.cell_file(cell, "metrics.json"), &metrics)?;
        Ok(CellWork { cell, tokens })
    }

    fn training_data(&self, model: &Model, cell: CellId) -> Result<TrainingData, StudyError> {
        if self.recipe.kind == StudyKind::Classification {
            let labels = self.data_record()?.labels;
            return TextEncoder::new(self.recipe, &labels, model).training_data(&self.training_texts(cell)?);
        }
        let pairs: Vec<TrainingPair> = whole_file::read_lines(&self.study.counterfactuals_path())?;
        training_text::encode_all(model, &pairs, self.recipe.training.max_length)
    }

    fn checkpoints(&self, directory: &Path) -> Checkpoints {
        Checkpoints { directory: directory.into(), save_steps: self.recipe.training.save_steps.map(|steps| steps as usize) }
    }

    fn spec(&self, cell: CellId) -> Result<&ArmSpec, StudyError> {
        self.recipe.arm_spec(cell.arm).ok_or_else(|| StudyError::Other(format!("{cell}: the recipe has no such arm")))
    }

    fn arm_training(&self, cell: CellId) -> Result<ArmTraining, StudyError> {
        let spec = self.spec(cell)?;
        Ok(ArmTraining {
            learning_rate: spec.learning_rate,
            weight_decay: spec.weight_decay,
            seed: seeds::derive("data order", &[cell.seed]),
        })
    }

    fn lora_config(&self, cell: CellId) -> LoraConfig {
        lora_config(&self.recipe.lora, cell.arm.rank().unwrap_or(1))
    }

    fn train_options(&self) -> TrainOptions {
        let training = &self.recipe.training;
        TrainOptions {
            num_train_epochs: training.num_train_epochs as usize,
            max_steps: training.max_steps.map(|steps| steps as usize),
            per_device_train_batch_size: training.per_device_train_batch_size as usize,
            gradient_accumulation_steps: training.gradient_accumulation_steps as usize,
            scheduler: match training.lr_scheduler_type {
                SchedulerType::Constant => Scheduler::Constant,
                SchedulerType::Linear => Scheduler::Linear,
                SchedulerType::Cosine => Scheduler::Cosine,
            },
            warmup_ratio: training.warmup_ratio,
            warmup_steps: training.warmup_steps as usize,
            max_grad_norm: training.max_grad_norm,
            adam_beta1: training.adam_beta1,
            adam_beta2: training.adam_beta2,
            adam_epsilon: training.adam_epsilon,
            decay_biases_and_norms: training.decay_biases_and_norms,
            lora_dropout: self.recipe.lora.lora_dropout,
            group_by_length: training.group_by_length,
            gradient_checkpointing: training.gradient_checkpointing,
            shuffle: true,
        }
    }
}

fn step_observer<'b>(reporter: &'b mut Reporter<'_>, cells: &'b [CellId], told: &'b mut StageSteps) -> impl FnMut(Signal) -> Flow + 'b {
    told.lines = cells.iter().map(|_| Vec::new()).collect();
    told.earlier_seconds = 0.0;
    move |signal| match signal {
        Signal::Step { arm, step, steps_total, loss, learning_rate, tokens } => {
            told.done += 1;
            told.tokens += tokens;
            told.lines[arm].push(StepLine { step: step as u32, loss, learning_rate });
            let flow = reporter.tell_inside(Happening::TrainStep {
                cell: cells[arm],
                step: step as u32,
                steps_total: steps_total as u32,
                loss,
                learning_rate,
            });
            if flow.is_break() {
                return flow;
            }
            reporter.progress(told.before, told.done, told.total, Unit::Steps, told.tokens)
        }
        // a large step is long: a wish to stop is heard inside it
        Signal::Pass { .. } => reporter.progress(told.before, told.done, told.total, Unit::Steps, told.tokens),
        Signal::Resumed { seconds, .. } => {
            told.earlier_seconds = seconds;
            Flow::Continue(())
        }
        // told already by the worker that took the step
        Signal::Restored { arm, step, loss, learning_rate } => {
            told.before += 1;
            told.done += 1;
            told.lines[arm].push(StepLine { step: step as u32, loss, learning_rate });
            Flow::Continue(())
        }
        Signal::Generated { .. } | Signal::Scored { .. } => Flow::Continue(()),
    }
}

/// An arm's adapter, in the engine's words.
pub(crate) fn lora_config(lora: &rankscope_domain::recipe::Lora, r: u32) -> LoraConfig {
    LoraConfig { r: r as usize, lora_alpha: lora.lora_alpha(r), use_rslora: lora.use_rslora(), target_modules: lora.target_modules.clone() }
}
