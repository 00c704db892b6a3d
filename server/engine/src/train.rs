//! Fine-tuning: LoRA arms together over one frozen base, or the whole model.

use crate::{EngineError, Flow, Lora, Model, Signal};

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
    pub warmup_ratio: f64,
    /// 0: not clipped.
    pub max_grad_norm: f64,
    pub adam_beta1: f64,
    pub adam_beta2: f64,
    pub adam_epsilon: f64,
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
    /// Mean loss over target tokens (nats), one an optimiser step.
    pub losses: Vec<f64>,
    /// Context and target tokens that went through the model.
    pub tokens: u64,
    pub target_tokens: u64,
}

/// Trains every adapter on the same examples in one pass over the frozen model. An arm ends the same alone or in
/// company. The inner result is each arm's own: a loss that is not finite fails that arm, and the others go on.
pub fn train_loras(
    _model: &Model,
    _loras: &mut [Lora],
    _arms: &[ArmTraining],
    _examples: &[Example],
    _options: &TrainOptions,
    _observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<Vec<Result<TrainReport, EngineError>>, EngineError> {
    unimplemented!()
}

/// Trains a copy of the model in full; the tied unembedding stays tied.
pub fn train_full(
    _model: &Model,
    _arm: &ArmTraining,
    _examples: &[Example],
    _options: &TrainOptions,
    _observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<(Model, TrainReport), EngineError> {
    unimplemented!()
}
