//! Fine-tuning: LoRA arms together over one frozen base, or the whole model. One loop for both.

pub use crate::{
    example::Example,
    micro_batch::{ROWS_TOGETHER, gradients},
    schedule::Scheduler,
    train_state::Checkpoints,
};

use crate::{
    EngineError, Flow, Lora, Model, Signal,
    data_order::DataOrder,
    gradients::Gradients,
    micro_batch::{Draws, Part, StepLoss, pass, rows_together, target_tokens},
    optimizer::Update,
    train_state::StateKeeper,
    trainee::{Failure, Trainee},
};
use std::sync::Arc;

/// What all arms of a sweep share. Names are those of transformers' `TrainingArguments`, where it has them.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    pub num_train_epochs: usize,
    /// Optimiser steps, in place of the epochs': fewer, or more, the examples then coming again.
    pub max_steps: Option<usize>,
    pub per_device_train_batch_size: usize,
    pub gradient_accumulation_steps: usize,
    pub scheduler: Scheduler,
    /// Share of the steps over which the rate rises from 0.
    pub warmup_ratio: f64,
    /// The same in steps; above 0 it stands in place of the ratio.
    pub warmup_steps: usize,
    /// 0: not clipped.
    pub max_grad_norm: f64,
    pub adam_beta1: f64,
    pub adam_beta2: f64,
    pub adam_epsilon: f64,
    /// False: weight decay is for matrices alone.
    pub decay_biases_and_norms: bool,
    /// PEFT's: the share of what an adapter's `A` reads that is left out at random.
    pub lora_dropout: f64,
    /// Examples of like length into one step.
    pub group_by_length: bool,
    /// Computes each layer again for its backward pass in place of keeping what it needs: less memory, more time, the same result.
    pub gradient_checkpointing: bool,
    /// False: the examples are taken as they stand, every epoch.
    pub shuffle: bool,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            num_train_epochs: 1,
            max_steps: None,
            per_device_train_batch_size: 8,
            gradient_accumulation_steps: 1,
            scheduler: Scheduler::Constant,
            warmup_ratio: 0.0,
            warmup_steps: 0,
            max_grad_norm: 1.0,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            decay_biases_and_norms: false,
            lora_dropout: 0.0,
            group_by_length: false,
            gradient_checkpointing: false,
            shuffle: true,
        }
    }
}

/// What an arm has of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmTraining {
    pub learning_rate: f64,
    pub weight_decay: f64,
    /// Of the data order and of dropout.
    pub seed: u64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrainReport {
    /// Mean loss over target tokens (nats), one an optimiser step, before the step.
    pub losses: Vec<f64>,
    /// Context and target tokens that went through the model.
    pub tokens: u64,
    pub target_tokens: u64,
}

impl TrainOptions {
    /// Optimiser steps for this many examples.
    pub fn steps(&self, examples: usize) -> usize {
        self.max_steps.unwrap_or_else(|| examples.div_ceil(self.step_size().max(1)) * self.num_train_epochs)
    }

    /// Examples of one optimiser step.
    fn step_size(&self) -> usize {
        self.per_device_train_batch_size * self.gradient_accumulation_steps
    }

    fn warmup(&self, total: usize) -> usize {
        if self.warmup_steps > 0 { self.warmup_steps } else { (total as f64 * self.warmup_ratio).ceil() as usize }
    }

    /// What the learning rate is multiplied by in step `step`, from 0.
    pub(crate) fn rate_multiplier(&self, step: usize, total: usize) -> f64 {
        self.scheduler.multiplier(step, total, self.warmup(total))
    }

    fn data_order(&self, seed: u64, lengths: &Arc<Vec<usize>>) -> DataOrder {
        DataOrder {
            seed,
            shuffle: self.shuffle,
            group_by_length: self.group_by_length,
            step_size: self.step_size(),
            lengths: Arc::clone(lengths),
        }
    }
}

/// Trains every adapter on the same examples in one pass over the frozen model. An arm ends the same alone or in
/// company. The inner result is each arm's own: a loss that is not finite fails that arm, and the others go on.
pub fn train_loras(
    model: &Model,
    loras: &mut [Lora],
    arms: &[ArmTraining],
    examples: &[Example],
    options: &TrainOptions,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<Vec<Result<TrainReport, EngineError>>, EngineError> {
    train_loras_saving(model, loras, arms, examples, options, None, observer)
}

/// As [`train_loras`], with the run's state kept at `checkpoints`: a later call with the same arguments goes on from it to the
/// same end, to the bit. Where the observer stops the run, the state is kept before [`EngineError::Stopped`] is returned.
pub fn train_loras_saving(
    model: &Model,
    loras: &mut [Lora],
    arms: &[ArmTraining],
    examples: &[Example],
    options: &TrainOptions,
    checkpoints: Option<&Checkpoints>,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<Vec<Result<TrainReport, EngineError>>, EngineError> {
    check(options)?;
    check_examples(examples)?;
    if loras.len() != arms.len() {
        return Err(EngineError::Input(format!("{} adapters but {} arms' settings", loras.len(), arms.len())));
    }
    for lora in loras.iter_mut() {
        // adapters that were cloned share their memory until they are trained
        lora.unshare()?;
        lora.note_dropout(options.lora_dropout);
    }
    let loras: Vec<&Lora> = loras.iter().collect();
    let mut trainees: Vec<Trainee> =
        loras.iter().zip(arms).enumerate().map(|(index, (lora, arm))| Trainee::of_adapter(model, lora, index, arm)).collect();
    run(model, &loras, &mut trainees, examples, options, checkpoints, observer)?;
    Ok(trainees.into_iter().map(Trainee::into_result).collect())
}

/// Trains a copy of the model in full; the tied unembedding stays tied.
pub fn train_full(
    model: &Model,
    arm: &ArmTraining,
    examples: &[Example],
    options: &TrainOptions,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<(Model, TrainReport), EngineError> {
    train_full_saving(model, arm, examples, options, None, observer)
}

/// As [`train_full`], in the memory of the model that is handed over: nobody may go on with a clone of it, which would see its
/// weights move.
pub fn train_full_in_place(
    model: Model,
    arm: &ArmTraining,
    examples: &[Example],
    options: &TrainOptions,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<(Model, TrainReport), EngineError> {
    train_whole(model.widened()?, arm, examples, options, None, observer)
}

/// As [`train_full`], with `checkpoints` as in [`train_loras_saving`].
pub fn train_full_saving(
    model: &Model,
    arm: &ArmTraining,
    examples: &[Example],
    options: &TrainOptions,
    checkpoints: Option<&Checkpoints>,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<(Model, TrainReport), EngineError> {
    train_whole(model.deep_copy()?, arm, examples, options, checkpoints, observer)
}

fn train_whole(
    model: Model,
    arm: &ArmTraining,
    examples: &[Example],
    options: &TrainOptions,
    checkpoints: Option<&Checkpoints>,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<(Model, TrainReport), EngineError> {
    check(options)?;
    check_examples(examples)?;
    let mut trainees = [Trainee::of_model(&model, arm)];
    run(&model, &[], &mut trainees, examples, options, checkpoints, observer)?;
    let [trainee] = trainees;
    let report = trainee.into_result()?;
    Ok((model, report))
}

fn run(
    model: &Model,
    loras: &[&Lora],
    trainees: &mut [Trainee],
    examples: &[Example],
    options: &TrainOptions,
    checkpoints: Option<&Checkpoints>,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<(), EngineError> {
    let steps = options.steps(examples.len());
    let lengths = Arc::new(examples.iter().map(Example::tokens).collect::<Vec<_>>());
    let orders: Vec<DataOrder> = trainees.iter().map(|trainee| options.data_order(trainee.settings.seed, &lengths)).collect();
    let mut epochs = vec![None; trainees.len()];
    let mut keeper = StateKeeper::new(checkpoints, trainees, examples, options, steps);
    let first = keeper.restore(trainees)?;
    if first > 0 {
        tell_again(trainees, options, first, steps, keeper.seconds(), observer)?;
    }
    for step in first..steps {
        let multiplier = options.rate_multiplier(step, steps);
        let live: Vec<usize> = (0..trainees.len()).filter(|&index| trainees[index].failure.is_none()).collect();
        let chosen: Vec<Vec<usize>> = live.iter().map(|&index| orders[index].of_step(step, &mut epochs[index])).collect();
        let mut passes = Vec::new();
        for micro in 0..options.gradient_accumulation_steps {
            let size = options.per_device_train_batch_size;
            let parts = live.iter().zip(&chosen).map(|(&index, chosen)| Part {
                trainee: index,
                adapter: (!loras.is_empty()).then_some(index),
                chosen: &chosen[(micro * size).min(chosen.len())..((micro + 1) * size).min(chosen.len())],
                first_place: micro * size,
                target_tokens: target_tokens(chosen, examples),
                draws: Draws { seed: trainees[index].settings.seed, step },
            });
            passes.extend(rows_together(parts.filter(|part| !part.chosen.is_empty()), examples));
        }
        let mut gradients = match loras.len() {
            0 => Gradients::full(model.layout.parameters.len()),
            arms => Gradients::adapters(arms, model.layout.modules.len()),
        };
        let mut sums = vec![StepLoss::default(); trainees.len()];
        let network = model.network(loras);
        for (index, parts) in passes.iter().enumerate() {
            pass(model, &network, parts, examples, options, &mut gradients, &mut sums)?;
            let signal = Signal::Pass { step: step + 1, done: index + 1, total: passes.len() };
            if index + 1 < passes.len() && observer(signal).is_break() {
                keeper.save(trainees, step)?;
                return Err(EngineError::Stopped);
            }
        }
        drop(network);
        for &index in &live {
            take_step(&mut trainees[index], &gradients, &sums[index], step, multiplier, options)?;
        }
        drop(gradients);
        let mut stop = false;
        for &index in &live {
            let trainee = &trainees[index];
            // an arm that failed in this step took none
            if let (None, Some(&loss)) = (&trainee.failure, trainee.report.losses.last()) {
                let learning_rate = trainee.settings.learning_rate * multiplier;
                let tokens = sums[index].tokens;
                stop |= observer(Signal::Step { arm: index, step: step + 1, steps_total: steps, loss, learning_rate, tokens }).is_break();
            }
        }
        if stop {
            keeper.save(trainees, step + 1)?;
            return Err(EngineError::Stopped);
        }
        if step + 1 < steps {
            keeper.save_if_due(trainees, step + 1)?;
        }
    }
    Ok(())
}

/// Moves one arm by what its examples gave; a loss or a gradient that is not finite fails it.
fn take_step(
    trainee: &mut Trainee,
    gradients: &Gradients,
    sum: &StepLoss,
    step: usize,
    multiplier: f64,
    options: &TrainOptions,
) -> Result<(), EngineError> {
    let loss = sum.mean();
    if !loss.is_finite() {
        trainee.failure = Some(Failure { step: step + 1, loss });
        return Ok(());
    }
    let updates: Vec<Update<'_>> = trainee
        .tensors
        .iter()
        .enumerate()
        .filter_map(|(index, trained)| {
            Some(Update { index, tensor: &trained.tensor, gradient: trained.gradient(gradients)?, decays: trained.decays })
        })
        .collect();
    let settings = &trainee.settings;
    let norm = trainee.optimizer.step(&updates, settings.learning_rate * multiplier, settings.weight_decay, options)?;
    if !norm.is_finite() {
        trainee.failure = Some(Failure { step: step + 1, loss: f64::NAN });
        return Ok(());
    }
    trainee.report.losses.push(loss);
    trainee.report.tokens += sum.tokens;
    trainee.report.target_tokens += sum.target_tokens;
    Ok(())
}

/// The steps of the run that this one goes on from.
fn tell_again(
    trainees: &[Trainee],
    options: &TrainOptions,
    first: usize,
    steps: usize,
    seconds: f64,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<(), EngineError> {
    let mut flow = observer(Signal::Resumed { step: first, steps_total: steps, seconds });
    for (arm, trainee) in trainees.iter().enumerate() {
        for (step, &loss) in trainee.report.losses.iter().enumerate() {
            let learning_rate = trainee.settings.learning_rate * options.rate_multiplier(step, steps);
            if flow.is_continue() {
                flow = observer(Signal::Restored { arm, step: step + 1, loss, learning_rate });
            }
        }
    }
    if flow.is_break() { Err(EngineError::Stopped) } else { Ok(()) }
}

/// Options that can't be trained with.
pub(crate) fn check(options: &TrainOptions) -> Result<(), EngineError> {
    if options.step_size() == 0 {
        return Err(EngineError::Input("per_device_train_batch_size and gradient_accumulation_steps must be above 0".into()));
    }
    if !(0.0..1.0).contains(&options.lora_dropout) {
        return Err(EngineError::Input(format!(
            "lora_dropout = {} is no share that can be left out; write a number from 0 up to, but not, 1",
            options.lora_dropout
        )));
    }
    Ok(())
}

/// Examples that can't be trained on.
pub(crate) fn check_examples(examples: &[Example]) -> Result<(), EngineError> {
    if examples.is_empty() {
        return Err(EngineError::Input("there is nothing to train on: give at least one pair of prompt and target".into()));
    }
    if let Some(index) = examples.iter().position(|example| example.target_tokens() == 0) {
        return Err(EngineError::Input(format!(
            "training example {index} has no target token that follows another; give it a prompt and a target"
        )));
    }
    Ok(())
}
