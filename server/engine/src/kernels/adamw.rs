//! AdamW (Loshchilov and Hutter 2019) in place: decoupled weight decay, f32 moments, as `torch.optim.AdamW`.

use multiversion::multiversion;
use rayon::prelude::*;

const VALUES_PER_TASK: usize = 32 * 1024;

/// One step's numbers.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub learning_rate: f32,
    pub beta1: f32,
    pub beta2: f32,
    pub epsilon: f32,
    pub weight_decay: f32,
    /// 1 - beta1^t and 1 - beta2^t.
    pub correction1: f32,
    pub correction2: f32,
    /// What the gradient is multiplied by first (clipping).
    pub gradient_scale: f32,
}

/// Moves `weight`, `first` and `second` by one step.
pub fn update(weight: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], step: Step) {
    weight
        .par_chunks_mut(VALUES_PER_TASK)
        .zip(gradient.par_chunks(VALUES_PER_TASK))
        .zip(first.par_chunks_mut(VALUES_PER_TASK))
        .zip(second.par_chunks_mut(VALUES_PER_TASK))
        .for_each(|(((weight, gradient), first), second)| update_chunk(weight, gradient, first, second, step));
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn update_chunk(weight: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], step: Step) {
    let keep = 1.0 - step.learning_rate * step.weight_decay;
    let rate = step.learning_rate / step.correction1;
    let root = 1.0 / step.correction2.sqrt();
    for (((weight, gradient), first), second) in weight.iter_mut().zip(gradient).zip(first).zip(second) {
        let gradient = gradient * step.gradient_scale;
        *first = step.beta1 * *first + (1.0 - step.beta1) * gradient;
        *second = step.beta2 * *second + (1.0 - step.beta2) * gradient * gradient;
        *weight = *weight * keep - rate * *first / (second.sqrt() * root + step.epsilon);
    }
}
