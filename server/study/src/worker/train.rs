//! Fine-tuning: all LoRA cells together over one frozen base, each full cell alone.

use super::{Work, Worker};
use crate::{StudyError, plan::CellWork, results::CellMetrics, seeds, training_text, whole_file};
use rankscope_domain::{
    CellId,
    completion::TrainingPair,
    event::{Happening, Unit},
    recipe::{ArmSpec, SchedulerType},
};
use rankscope_engine::{ArmTraining, EngineError, Example, Flow, Lora, LoraConfig, Model, Scheduler, Signal, TrainOptions, TrainReport};
use serde::Serialize;
use std::sync::Arc;

/// A line of `train.jsonl`.
#[derive(Debug, Clone, Serialize)]
struct StepLine {
    step: u32,
    /// Mean over target tokens, nats.
    loss: f64,
    learning_rate: f64,
}

impl Worker<'_> {
    pub(super) fn train_loras(&mut self, cells: &[CellId]) -> Result<Work, StudyError> {
        let model = self.base_model()?;
        let examples = self.examples(&model)?;
        let mut loras = Vec::new();
        let mut arms = Vec::new();
        for &cell in cells {
            loras.push(Lora::new(&model, &self.lora_config(cell), seeds::derive("lora A", &[cell.seed])).map_err(StudyError::from_engine)?);
            arms.push(self.arm_training(cell)?);
        }
        let options = self.train_options();
        let mut steps: Vec<Vec<StepLine>> = cells.iter().map(|_| Vec::new()).collect();
        let mut observer = self.step_observer(cells, &mut steps);
        let result = rankscope_engine::train_loras(&model, &mut loras, &arms, &examples, &options, &mut observer);
        drop(observer);
        let reports = self.reporter.finish(result.map_err(StudyError::from_engine))?;
        let mut work = Vec::new();
        for (((&cell, lora), report), steps) in cells.iter().zip(&loras).zip(reports).zip(steps) {
            if report.is_ok() {
                let directory = self.study.cell_path(cell);
                std::fs::create_dir_all(&directory).map_err(StudyError::at(&directory))?;
                lora.save(&directory, &model.info().name).map_err(StudyError::from_engine)?;
                whole_file::sync_directory(&directory)?;
            }
            work.push(self.keep_report(cell, lora.trainable_parameters(), report, &steps)?);
        }
        Ok(Work::of_cells(work))
    }

    pub(super) fn train_full(&mut self, cell: CellId) -> Result<Work, StudyError> {
        let model = self.base_model()?;
        let examples = self.examples(&model)?;
        let arm = self.arm_training(cell)?;
        let options = self.train_options();
        let cells = [cell];
        let mut steps = [Vec::new()];
        let mut observer = self.step_observer(&cells, &mut steps);
        let result = rankscope_engine::train_full(&model, &arm, &examples, &options, &mut observer);
        drop(observer);
        let [steps] = steps;
        let report = match result {
            Ok((trained, report)) => {
                trained.save(&self.study.cell_file(cell, "model")).map_err(StudyError::from_engine)?;
                whole_file::sync_directory(&self.study.cell_path(cell))?;
                Ok(report)
            }
            Err(error @ EngineError::LossNotFinite { .. }) => Err(error),
            Err(other) => return self.reporter.finish(Err(StudyError::from_engine(other))),
        };
        Ok(Work::of_cells(vec![self.keep_report(cell, model.info().parameters, report, &steps)?]))
    }

    /// A loss that is not finite gives up the cell by name.
    fn keep_report(
        &mut self,
        cell: CellId,
        trainable_parameters: u64,
        report: Result<TrainReport, EngineError>,
        steps: &[StepLine],
    ) -> Result<CellWork, StudyError> {
        whole_file::write_lines(&self.study.cell_file(cell, "train.jsonl"), steps)?;
        let mut metrics = CellMetrics { trainable_parameters, ..Default::default() };
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

    fn step_observer<'b>(&'b mut self, cells: &'b [CellId], lines: &'b mut [Vec<StepLine>]) -> impl FnMut(Signal) -> Flow + 'b {
        let reporter = &mut self.reporter;
        reporter.restart_clock();
        let mut done = 0;
        let mut trained_tokens = 0;
        move |signal| {
            let Signal::Step { arm, step, steps_total, loss, learning_rate, tokens } = signal else { return Flow::Continue(()) };
            done += 1;
            trained_tokens += tokens;
            lines[arm].push(StepLine { step: step as u32, loss, learning_rate });
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
            reporter.progress(0, done, (steps_total * cells.len()) as u64, Unit::Steps, trained_tokens)
        }
    }

    fn examples(&self, model: &Arc<Model>) -> Result<Vec<Example>, StudyError> {
        let pairs: Vec<TrainingPair> = whole_file::read_lines(&self.study.counterfactuals_path())?;
        pairs.iter().map(|pair| Ok(training_text::encode(model, pair, self.recipe.training.max_length)?.example)).collect()
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
            max_grad_norm: training.max_grad_norm,
            adam_beta1: training.adam_beta1,
            adam_beta2: training.adam_beta2,
            adam_epsilon: training.adam_epsilon,
            shuffle: true,
        }
    }
}

/// An arm's adapter, in the engine's words.
pub(crate) fn lora_config(lora: &rankscope_domain::recipe::Lora, r: u32) -> LoraConfig {
    LoraConfig { r: r as usize, lora_alpha: lora.lora_alpha(r), use_rslora: lora.use_rslora(), target_modules: lora.target_modules.clone() }
}
