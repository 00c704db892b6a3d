//! AdamW with f32 moments of its own, and clipping by the global norm.

use crate::{
    EngineError, TrainOptions,
    kernels::adamw::{self, Step},
    ops::Ops,
    slices::{change, values},
};
use candle_core::{DType, Result, Tensor};
use rayon::prelude::*;

/// The moments of one list of tensors.
pub(crate) struct AdamW {
    /// (first, second), by tensor; made at the tensor's first gradient.
    pub moments: Vec<Option<(Tensor, Tensor)>>,
    /// Steps taken.
    pub steps: i32,
    ops: Ops,
}

/// One tensor that an optimiser step moves.
pub(crate) struct Update<'a> {
    /// The tensor's place in the optimiser's list.
    pub index: usize,
    pub tensor: &'a Tensor,
    pub gradient: &'a Tensor,
    pub decays: bool,
}

impl AdamW {
    pub fn new(tensors: usize, ops: Ops) -> Self {
        Self { moments: (0..tensors).map(|_| None).collect(), steps: 0, ops }
    }

    /// Moves every tensor in place, and gives the gradients' global norm before clipping.
    pub fn step(
        &mut self,
        updates: &[Update<'_>],
        learning_rate: f64,
        weight_decay: f64,
        options: &TrainOptions,
    ) -> std::result::Result<f64, EngineError> {
        let norm = squares(updates, self.ops)?.sqrt();
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
            let slot = &mut self.moments[update.index];
            if slot.is_none() {
                *slot = Some((zeros(update.tensor)?, zeros(update.tensor)?));
            }
            let Some((first, second)) = slot else { continue };
            step.weight_decay = if update.decays || options.decay_biases_and_norms { weight_decay as f32 } else { 0.0 };
            match self.ops {
                Ops::Fused => move_in_place(update, first, second, step)?,
                Ops::Candle => move_by_operations(update, first, second, step)?,
            }
        }
        Ok(norm)
    }
}

fn zeros(like: &Tensor) -> Result<Tensor> {
    Tensor::zeros(like.shape(), DType::F32, like.device())
}

/// One pass over the four slices.
fn move_in_place(update: &Update<'_>, first: &Tensor, second: &Tensor, step: Step) -> Result<()> {
    let gradient = values(update.gradient)?;
    let gradient: &[f32] = &gradient;
    let (mut middle, mut inner) = (Ok(()), Ok(()));
    change(update.tensor, |weight| {
        middle = change(first, |first| {
            inner = change(second, |second| adamw::update(weight, gradient, first, second, step));
        });
    })?;
    middle?;
    inner
}

/// The same by candle's operations, on any device.
fn move_by_operations(update: &Update<'_>, first: &Tensor, second: &Tensor, step: Step) -> Result<()> {
    let gradient = update.gradient.affine(f64::from(step.gradient_scale), 0.0)?;
    let (beta1, beta2) = (f64::from(step.beta1), f64::from(step.beta2));
    let new_first = (first.affine(beta1, 0.0)? + gradient.affine(1.0 - beta1, 0.0)?)?;
    let new_second = (second.affine(beta2, 0.0)? + gradient.sqr()?.affine(1.0 - beta2, 0.0)?)?;
    let root = 1.0 / f64::from(step.correction2).sqrt();
    let divisor = new_second.sqrt()?.affine(root, f64::from(step.epsilon))?;
    let (rate, decay) = (f64::from(step.learning_rate), f64::from(step.weight_decay));
    let moved = (new_first.affine(rate / f64::from(step.correction1), 0.0)? / divisor)?;
    let weight = (update.tensor.affine(1.0 - rate * decay, 0.0)? - moved)?;
    // every holder of the tensors sees it
    update.tensor.slice_set(&weight, 0, 0)?;
    first.slice_set(&new_first, 0, 0)?;
    second.slice_set(&new_second, 0, 0)
}

/// Sum of all gradients' squares; by our own kernels in f64 over parts of 4,096, so that it does not depend on threads.
fn squares(updates: &[Update<'_>], ops: Ops) -> Result<f64> {
    match ops {
        Ops::Fused => {
            let of_part = |part: &[f32]| f64::from(part.iter().map(|value| value * value).sum::<f32>());
            let of_tensor = |gradient: &Tensor| -> Result<f64> {
                let parts: Vec<f64> = values(gradient)?.par_chunks(4096).map(of_part).collect();
                Ok(parts.into_iter().sum())
            };
            updates.iter().map(|update| of_tensor(update.gradient)).sum()
        }
        Ops::Candle if updates.is_empty() => Ok(0.0),
        Ops::Candle => {
            // one number a tensor, and all of them fetched at once: each fetch waits for the device
            let sums = updates.iter().map(|update| update.gradient.sqr()?.sum_all()).collect::<Result<Vec<_>>>()?;
            Ok(Tensor::stack(&sums, 0)?.to_vec1::<f32>()?.into_iter().map(f64::from).sum())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn both_ways_to_move_a_tensor_move_it_alike() {
        let numbers = |seed: u32, size: usize| {
            let next = move |index: usize| ((index as u32 * 2_654_435_761 + seed) >> 8) as f32 / (1 << 24) as f32 - 0.5;
            Tensor::from_vec((0..size).map(next).collect::<Vec<f32>>(), (size / 4, 4), &Device::Cpu).unwrap()
        };
        let (weight, gradient) = (numbers(1, 64), numbers(2, 64));
        let step = |number: i32| Step {
            learning_rate: 1e-2,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.1,
            correction1: 1.0 - 0.9_f32.powi(number),
            correction2: 1.0 - 0.999_f32.powi(number),
            gradient_scale: 0.5,
        };
        let ends: Vec<Vec<f32>> = [move_in_place, move_by_operations]
            .map(|way| {
                let tensor = weight.copy().unwrap();
                let (first, second) = (zeros(&tensor).unwrap(), zeros(&tensor).unwrap());
                for number in 1..=3 {
                    way(&Update { index: 0, tensor: &tensor, gradient: &gradient, decays: true }, &first, &second, step(number)).unwrap();
                }
                [&tensor, &first, &second].iter().flat_map(|part| part.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect()
            })
            .into();
        assert_ne!(ends[0][..64], weight.flatten_all().unwrap().to_vec1::<f32>().unwrap()[..]);
        for (one, other) in ends[0].iter().zip(&ends[1]) {
            assert!((one - other).abs() < 1e-6, "{one} and {other}");
        }
    }
}
