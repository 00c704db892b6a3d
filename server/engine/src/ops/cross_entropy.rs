//! The loss and its gradient.

use super::Ops;
use crate::{kernels::cross_entropy::cross_entropy_in_place, slices::change};
use candle_core::{D, Result, Tensor};

impl Ops {
    /// Negative log-likelihood (nats) of `targets` under each row of logits, and the gradient of `sum of weight * loss` with
    /// respect to the logits, which on the CPU takes their place.
    pub fn cross_entropy(self, logits: Tensor, targets: &[u32], weights: &[f32]) -> Result<(Vec<f32>, Tensor)> {
        match self {
            Ops::Fused => {
                let mut losses = Vec::new();
                change(&logits, |logits| losses = cross_entropy_in_place(logits, targets, weights))?;
                Ok((losses, logits))
            }
            Ops::Candle => {
                let (rows, device) = (targets.len(), logits.device());
                let highest = logits.max_keepdim(D::Minus1)?;
                let shifted = logits.broadcast_sub(&highest)?;
                let powers = shifted.exp()?;
                let totals = powers.sum_keepdim(D::Minus1)?;
                let columns = Tensor::new(targets, device)?.reshape((rows, 1))?;
                let losses = (totals.log()? - shifted.gather(&columns, 1)?)?.flatten_all()?.to_vec1()?;
                let weights = Tensor::new(weights, device)?.reshape((rows, 1))?;
                let softmax = powers.broadcast_mul(&(&weights / totals)?)?;
                let gradient = softmax.scatter_add(&columns, &weights.neg()?, 1)?;
                Ok((losses, gradient))
            }
        }
    }
}
