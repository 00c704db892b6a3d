//! Fine-tuning: LoRA arms together over one frozen base, or the whole model.

use crate::{
    EngineError, Flow, Lora, Model, Signal,
    batch::Batch,
    gradients::{Gradients, adapter_slots},
    network::{Network, PassOptions, Target},
    optimizer::{AdamW, Update, rate_factor},
    slices::{Values, values},
};
use candle_core::Tensor;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// Rows that go through the base at a time when arms train together: beyond this a larger product is no faster, and what
/// the backward pass keeps grows with it.
const ROWS_TOGETHER: usize = 768;

/// One training example: the loss is on `target` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub context: Vec<u32>,
    pub target: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduler {
    Constant,
    Linear,
    Cosine,
}

/// What all arms of a sweep share.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    pub num_train_epochs: usize,
    pub max_steps: Option<usize>,
    pub per_device_train_batch_size: usize,
    pub gradient_accumulation_steps: usize,
    pub scheduler: Scheduler,
    /// Share of the steps over which the rate rises from 0.
    pub warmup_ratio: f64,
    /// 0: not clipped.
    pub max_grad_norm: f64,
    pub adam_beta1: f64,
    pub adam_beta2: f64,
    pub adam_epsilon: f64,
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
            max_grad_norm: 1.0,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            shuffle: true,
        }
    }
}

/// What an arm has of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmTraining {
    pub learning_rate: f64,
    pub weight_decay: f64,
    /// Of the data order.
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

impl Example {
    /// Appends the example to a batch, and its target tokens, each with weight 1, to the targets. The last target token is
    /// predicted and not read.
    pub(crate) fn push_into(
        &self,
        model: &Model,
        batch: &mut Batch,
        targets: &mut Vec<Target>,
        arm: Option<usize>,
    ) -> Result<(), EngineError> {
        if let Some(classes) = &model.layout.classes {
            return self.push_class_into(model, classes.labels, batch, targets, arm);
        }
        let mut tokens = self.context.clone();
        tokens.extend_from_slice(&self.target);
        model.check_tokens(&tokens)?;
        let predicted = self.target_tokens();
        if predicted == 0 {
            return Err(EngineError::Input(
                "a training example has no target token that follows another; give it a prompt and a target".into(),
            ));
        }
        let start = batch.rows();
        batch.push(&tokens[..tokens.len() - 1], 0, arm);
        let first = tokens.len() - predicted;
        targets.extend(tokens[first..].iter().enumerate().map(|(index, &token)| Target {
            row: start + first + index - 1,
            token,
            weight: 1.0,
        }));
        Ok(())
    }

    /// For a classifier: the whole context is read, and the one target is the class.
    fn push_class_into(
        &self,
        model: &Model,
        labels: usize,
        batch: &mut Batch,
        targets: &mut Vec<Target>,
        arm: Option<usize>,
    ) -> Result<(), EngineError> {
        model.check_tokens(&self.context)?;
        match self.target[..] {
            [label] if (label as usize) < labels && !self.context.is_empty() => {
                targets.push(Target { row: batch.rows(), token: label, weight: 1.0 });
                batch.push(&self.context, 0, arm);
                Ok(())
            }
            _ => Err(EngineError::Input(format!(
                "an example of {} tokens has the target {:?}; a classifier needs some text and one class from 0 to {}",
                self.context.len(),
                self.target,
                labels - 1
            ))),
        }
    }

    /// Target tokens that count: a first token without anything before it can't be predicted.
    fn target_tokens(&self) -> usize {
        self.target.len().saturating_sub(usize::from(self.context.is_empty()))
    }

    fn rows(&self) -> usize {
        (self.context.len() + self.target.len()).saturating_sub(1)
    }
}

impl TrainOptions {
    /// Optimiser steps for this many examples.
    pub fn steps(&self, examples: usize) -> usize {
        let per_step = (self.per_device_train_batch_size * self.gradient_accumulation_steps).max(1);
        let all = examples.div_ceil(per_step) * self.num_train_epochs;
        self.max_steps.map_or(all, |most| most.min(all))
    }

    fn warmup_steps(&self, total: usize) -> usize {
        (total as f64 * self.warmup_ratio).ceil() as usize
    }
}

/// The order in which an arm sees the examples: shuffled anew each epoch by its seed.
struct DataOrder {
    seed: u64,
    epoch: u64,
    shuffle: bool,
    left: Vec<usize>,
    examples: usize,
}

impl DataOrder {
    fn new(examples: usize, seed: u64, shuffle: bool) -> Self {
        Self { seed, epoch: 0, shuffle, left: Vec::new(), examples }
    }

    /// The examples of the next optimiser step: up to `count`, and never over an epoch's end.
    fn next(&mut self, count: usize) -> Vec<usize> {
        if self.left.is_empty() {
            self.left = (0..self.examples).collect();
            if self.shuffle {
                let mut random = ChaCha8Rng::seed_from_u64(self.seed);
                random.set_stream(self.epoch + 1);
                self.left.shuffle(&mut random);
            }
            self.epoch += 1;
        }
        self.left.drain(..count.min(self.left.len())).collect()
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
    check(examples, options)?;
    if loras.len() != arms.len() {
        return Err(EngineError::Input(format!("{} adapters but {} arms' settings", loras.len(), arms.len())));
    }
    for lora in loras.iter_mut() {
        // adapters that were cloned share their memory until they are trained
        lora.unshare()?;
    }
    let steps = options.steps(examples.len());
    let modules = model.layout.modules.len();
    let mut optimizers: Vec<AdamW> = arms.iter().map(|_| AdamW::new(adapter_slots(modules))).collect();
    let mut orders: Vec<DataOrder> = arms.iter().map(|arm| DataOrder::new(examples.len(), arm.seed, options.shuffle)).collect();
    let mut results: Vec<Result<TrainReport, EngineError>> = arms.iter().map(|_| Ok(TrainReport::default())).collect();
    for step in 0..steps {
        let factor = rate_factor(options.scheduler, step, steps, options.warmup_steps(steps));
        let live: Vec<usize> = (0..arms.len()).filter(|&arm| results[arm].is_ok()).collect();
        let chosen: Vec<Vec<usize>> = live.iter().map(|&arm| orders[arm].next(step_size(options))).collect();
        let mut gradients = Gradients::adapters(arms.len(), modules);
        let mut sums = vec![StepLoss::default(); arms.len()];
        {
            let references: Vec<&Lora> = loras.iter().collect();
            let network = model.network(&references);
            for micro in 0..options.gradient_accumulation_steps {
                let parts = live.iter().zip(&chosen).map(|(&arm, chosen)| Part {
                    arm: Some(arm),
                    chosen: micro_batch(chosen, micro, options),
                    target_tokens: target_tokens(chosen, examples),
                });
                for together in rows_together(parts.filter(|part| !part.chosen.is_empty()), examples) {
                    pass(model, &network, &together, examples, &mut gradients, &mut sums)?;
                }
            }
        }
        for &arm in &live {
            let rate = arms[arm].learning_rate * factor;
            let loss = sums[arm].mean();
            if !loss.is_finite() {
                results[arm] = Err(EngineError::LossNotFinite { step: step + 1, loss, learning_rate: arms[arm].learning_rate });
                continue;
            }
            let tensors = loras[arm].trainable();
            let found: Vec<(usize, &Tensor, Values<'_>)> = tensors
                .iter()
                .zip(&gradients.adapters[arm])
                .enumerate()
                .filter_map(|(index, (tensor, gradient))| tensor.zip(gradient.as_ref()).map(|(tensor, gradient)| (index, tensor, gradient)))
                .map(|(index, tensor, gradient)| Ok((index, tensor, values(gradient)?)))
                .collect::<Result<_, EngineError>>()?;
            let updates: Vec<Update<'_>> = found
                .iter()
                .map(|(index, tensor, gradient)| Update { index: *index, tensor, gradient, decays: tensor.rank() > 1 })
                .collect();
            let norm = optimizers[arm].step(&updates, rate, arms[arm].weight_decay, options)?;
            if let Some(error) = exploded(norm, step, &arms[arm]) {
                results[arm] = Err(error);
                continue;
            }
            if let Ok(report) = &mut results[arm] {
                sums[arm].record(report, loss);
                let signal = Signal::Step { arm, step: step + 1, steps_total: steps, loss, learning_rate: rate, tokens: sums[arm].tokens };
                if observer(signal).is_break() {
                    return Err(EngineError::Stopped);
                }
            }
        }
    }
    Ok(results)
}

/// Trains a copy of the model in full; the tied unembedding stays tied.
pub fn train_full(
    model: &Model,
    arm: &ArmTraining,
    examples: &[Example],
    options: &TrainOptions,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<(Model, TrainReport), EngineError> {
    check(examples, options)?;
    let model = model.deep_copy()?;
    let parameters = &model.layout.parameters;
    let steps = options.steps(examples.len());
    let mut optimizer = AdamW::new(parameters.len());
    let mut order = DataOrder::new(examples.len(), arm.seed, options.shuffle);
    let mut report = TrainReport::default();
    for step in 0..steps {
        let rate = arm.learning_rate * rate_factor(options.scheduler, step, steps, options.warmup_steps(steps));
        let chosen = order.next(step_size(options));
        let target_tokens = target_tokens(&chosen, examples);
        let mut gradients = Gradients::full(parameters.len());
        let mut sums = [StepLoss::default()];
        let network = model.network(&[]);
        for micro in 0..options.gradient_accumulation_steps {
            let chosen = micro_batch(&chosen, micro, options);
            if !chosen.is_empty() {
                pass(&model, &network, &[Part { arm: None, chosen, target_tokens }], examples, &mut gradients, &mut sums)?;
            }
        }
        let loss = sums[0].mean();
        if !loss.is_finite() {
            return Err(EngineError::LossNotFinite { step: step + 1, loss, learning_rate: arm.learning_rate });
        }
        let gradients = gradients.weights.unwrap_or_default();
        let found: Vec<(usize, Values<'_>)> = gradients
            .iter()
            .enumerate()
            .filter_map(|(index, gradient)| gradient.as_ref().map(|gradient| (index, gradient)))
            .map(|(index, gradient)| Ok((index, values(gradient)?)))
            .collect::<Result<_, EngineError>>()?;
        let updates: Vec<Update<'_>> = found
            .iter()
            .map(|(index, gradient)| Update { index: *index, tensor: &model.weights[*index], gradient, decays: parameters[*index].decays })
            .collect();
        let norm = optimizer.step(&updates, rate, arm.weight_decay, options)?;
        if let Some(error) = exploded(norm, step, arm) {
            return Err(error);
        }
        sums[0].record(&mut report, loss);
        let signal = Signal::Step { arm: 0, step: step + 1, steps_total: steps, loss, learning_rate: rate, tokens: sums[0].tokens };
        if observer(signal).is_break() {
            return Err(EngineError::Stopped);
        }
    }
    Ok((model, report))
}

/// Examples of one arm that go through the model in one pass.
struct Part<'a> {
    arm: Option<usize>,
    chosen: &'a [usize],
    /// Of the whole optimiser step: the mean is over these.
    target_tokens: usize,
}

/// Arms that go through the base together: as many as [`ROWS_TOGETHER`] rows hold.
fn rows_together<'a>(parts: impl Iterator<Item = Part<'a>>, examples: &[Example]) -> Vec<Vec<Part<'a>>> {
    let mut groups: Vec<Vec<Part<'a>>> = Vec::new();
    let mut rows = usize::MAX;
    for part in parts {
        let more: usize = part.chosen.iter().map(|&index| examples[index].rows()).sum();
        if rows.saturating_add(more) > ROWS_TOGETHER {
            groups.push(Vec::new());
            rows = 0;
        }
        rows += more;
        if let Some(group) = groups.last_mut() {
            group.push(part);
        }
    }
    groups
}

/// What one arm's step has summed up.
#[derive(Debug, Clone, Copy, Default)]
struct StepLoss {
    loss: f64,
    target_tokens: u64,
    tokens: u64,
}

impl StepLoss {
    fn mean(&self) -> f64 {
        self.loss / self.target_tokens as f64
    }

    fn record(&self, report: &mut TrainReport, loss: f64) {
        report.losses.push(loss);
        report.tokens += self.tokens;
        report.target_tokens += self.target_tokens;
    }
}

/// Forward and backward for some parts in one batch.
fn pass(
    model: &Model,
    network: &Network<'_>,
    parts: &[Part<'_>],
    examples: &[Example],
    gradients: &mut Gradients,
    sums: &mut [StepLoss],
) -> Result<(), EngineError> {
    let mut batch = Batch::default();
    let mut targets = Vec::new();
    let mut owners = Vec::new();
    for part in parts {
        for &example in part.chosen {
            let first = targets.len();
            examples[example].push_into(model, &mut batch, &mut targets, part.arm)?;
            for target in &mut targets[first..] {
                target.weight = 1.0 / part.target_tokens as f32;
            }
            let sum = &mut sums[part.arm.unwrap_or(0)];
            sum.tokens += examples[example].context.len() as u64 + examples[example].target.len() as u64;
            owners.resize(targets.len(), part.arm.unwrap_or(0));
        }
    }
    let losses = network.loss_and_gradients(&batch, &targets, gradients, &PassOptions::default())?;
    for (loss, owner) in losses.into_iter().zip(owners) {
        sums[owner].loss += f64::from(loss);
        sums[owner].target_tokens += 1;
    }
    Ok(())
}

fn exploded(norm: f64, step: usize, arm: &ArmTraining) -> Option<EngineError> {
    (!norm.is_finite()).then_some(EngineError::LossNotFinite { step: step + 1, loss: f64::NAN, learning_rate: arm.learning_rate })
}

fn step_size(options: &TrainOptions) -> usize {
    options.per_device_train_batch_size * options.gradient_accumulation_steps
}

fn micro_batch<'a>(chosen: &'a [usize], micro: usize, options: &TrainOptions) -> &'a [usize] {
    let size = options.per_device_train_batch_size;
    &chosen[(micro * size).min(chosen.len())..((micro + 1) * size).min(chosen.len())]
}

fn target_tokens(chosen: &[usize], examples: &[Example]) -> usize {
    chosen.iter().map(|&index| examples[index].target_tokens()).sum()
}

fn check(examples: &[Example], options: &TrainOptions) -> Result<(), EngineError> {
    if examples.is_empty() {
        return Err(EngineError::Input("there is nothing to train on: give at least one pair of prompt and target".into()));
    }
    if step_size(options) == 0 {
        return Err(EngineError::Input("per_device_train_batch_size and gradient_accumulation_steps must be above 0".into()));
    }
    if let Some(index) = examples.iter().position(|example| example.target_tokens() == 0) {
        return Err(EngineError::Input(format!(
            "training example {index} has no target token that follows another; give it a prompt and a target"
        )));
    }
    Ok(())
}

/// Mean loss over all target tokens of the examples (nats), and its gradient by tensor: of the whole model, or of an
/// adapter's factors under PEFT's names. What one optimiser step would see.
pub fn gradients(model: &Model, lora: Option<&Lora>, examples: &[Example]) -> Result<(f64, HashMap<String, Tensor>), EngineError> {
    check(examples, &TrainOptions::default())?;
    let layout = &model.layout;
    let loras: Vec<&Lora> = lora.into_iter().collect();
    let mut gradients =
        if lora.is_some() { Gradients::adapters(1, layout.modules.len()) } else { Gradients::full(layout.parameters.len()) };
    let chosen: Vec<usize> = (0..examples.len()).collect();
    let part = Part { arm: lora.map(|_| 0), chosen: &chosen, target_tokens: target_tokens(&chosen, examples) };
    let mut sums = [StepLoss::default()];
    pass(model, &model.network(&loras), &[part], examples, &mut gradients, &mut sums)?;
    let mut named = HashMap::new();
    for (parameter, gradient) in layout.parameters.iter().zip(gradients.weights.unwrap_or_default()) {
        if let Some(gradient) = gradient {
            named.insert(parameter.name.clone(), gradient);
        }
    }
    if let (Some(adapter), Some(lora)) = (gradients.adapters.into_iter().next(), lora) {
        let modules = layout.modules.iter().flat_map(|module| <[String; 2]>::from(Lora::tensor_names(&module.name)));
        let names = modules.chain(Lora::head_names());
        named.extend(
            names
                .zip(adapter)
                .zip(lora.trainable())
                .filter(|(_, tensor)| tensor.is_some())
                .filter_map(|((name, gradient), _)| Some((name, gradient?))),
        );
    }
    Ok((sums[0].mean(), named))
}
