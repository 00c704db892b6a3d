//! AdamW with f32 moments of its own, clipping by the global norm, and schedules.

use crate::{
    EngineError, Scheduler, TrainOptions,
    kernels::adamw::{self, Step},
    slices::change,
};
use candle_core::Tensor;

/// The moments of one list of tensors.
pub(crate) struct AdamW {
    /// (first, second), by tensor; made at the tensor's first gradient.
    moments: Vec<Option<(Vec<f32>, Vec<f32>)>>,
    steps: i32,
}

/// One tensor that an optimiser step moves.
pub(crate) struct Update<'a> {
    /// The tensor's place in the optimiser's list.
    pub index: usize,
    pub tensor: &'a Tensor,
    pub gradient: &'a [f32],
    /// Weight decay is for matrices alone.
    pub decays: bool,
}

impl AdamW {
    pub fn new(tensors: usize) -> Self {
        Self { moments: (0..tensors).map(|_| None).collect(), steps: 0 }
    }

    /// Moves every tensor in place, and gives the gradients' global norm before clipping.
    pub fn step(
        &mut self,
        updates: &[Update<'_>],
        learning_rate: f64,
        weight_decay: f64,
        options: &TrainOptions,
    ) -> Result<f64, EngineError> {
        let norm = updates.iter().map(|update| squares(update.gradient)).sum::<f64>().sqrt();
        let clipped = options.max_grad_norm > 0.0 && norm > options.max_grad_norm;
        self.steps += 1;
        let mut step = Step {
            learning_rate: learning_rate as f32,
            beta1: options.adam_beta1 as f32,
            beta2: options.adam_beta2 as f32,
            epsilon: options.adam_epsilon as f32,
            weight_decay: 0.0,
            correction1: (1.0 - options.adam_beta1.powi(self.steps)) as f32,
            correction2: (1.0 - options.adam_beta2.powi(self.steps)) as f32,
            // torch.nn.utils.clip_grad_norm_ adds the same 1e-6
            gradient_scale: if clipped { (options.max_grad_norm / (norm + 1e-6)) as f32 } else { 1.0 },
        };
        for update in updates {
            let size = update.gradient.len();
            let (first, second) = self.moments[update.index].get_or_insert_with(|| (vec![0f32; size], vec![0f32; size]));
            step.weight_decay = if update.decays { weight_decay as f32 } else { 0.0 };
            change(update.tensor, |weight| adamw::update(weight, update.gradient, first, second, step))?;
        }
        Ok(norm)
    }
}

/// Sum of squares, summed in f64 over parts of 4,096 so that it does not depend on threads.
fn squares(values: &[f32]) -> f64 {
    values.chunks(4096).map(|part| f64::from(part.iter().map(|value| value * value).sum::<f32>())).sum()
}

/// What the learning rate is multiplied by in step `step` (from 0) of `total`, as transformers' schedules.
pub(crate) fn rate_factor(scheduler: Scheduler, step: usize, total: usize, warmup: usize) -> f64 {
    // transformers' `constant` knows no warm-up; with one asked for, its `constant_with_warmup` is meant
    if step < warmup {
        return step as f64 / warmup.max(1) as f64;
    }
    let after = (step - warmup) as f64 / (total.saturating_sub(warmup)).max(1) as f64;
    match scheduler {
        Scheduler::Constant => 1.0,
        Scheduler::Linear => (1.0 - after).max(0.0),
        Scheduler::Cosine => (0.5 * (1.0 + (std::f64::consts::PI * after).cos())).max(0.0),
    }
}
