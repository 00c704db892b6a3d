//! Softmax cross-entropy over the vocabulary.

use super::vector;
use multiversion::multiversion;
use rayon::prelude::*;

/// Negative log-likelihood (nats) of `targets` under each row of `logits` (`[rows, vocabulary]`). The logits become
/// the gradient of `sum of weight * loss`: `weight * (softmax - onehot)`.
pub fn cross_entropy_in_place(logits: &mut [f32], targets: &[u32], weights: &[f32]) -> Vec<f32> {
    let vocabulary = logits.len() / targets.len().max(1);
    let mut losses = vec![0f32; targets.len()];
    logits
        .par_chunks_mut(vocabulary.max(1))
        .zip(targets.par_iter())
        .zip(weights.par_iter())
        .zip(losses.par_iter_mut())
        .for_each(|(((row, &target), &weight), loss)| *loss = one_row(row, target as usize, weight));
    losses
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn one_row(row: &mut [f32], target: usize, weight: f32) -> f32 {
    let highest = vector::max(row);
    let at_target = row[target];
    for value in row.iter_mut() {
        *value = vector::exp(*value - highest);
    }
    let total = vector::sum(row);
    let factor = weight / total;
    for value in row.iter_mut() {
        *value *= factor;
    }
    row[target] -= weight;
    total.ln() + highest - at_target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_gradient_of_a_row() {
        let mut logits = vec![1.0, 2.0, 0.5, -1.0, 3.0, 0.0];
        let losses = cross_entropy_in_place(&mut logits, &[1, 2], &[1.0, 0.5]);
        let softmax = |values: [f64; 3]| {
            let total: f64 = values.iter().map(|v| v.exp()).sum();
            values.map(|v| v.exp() / total)
        };
        let (first, second) = (softmax([1.0, 2.0, 0.5]), softmax([-1.0, 3.0, 0.0]));
        assert!((f64::from(losses[0]) + first[1].ln()).abs() < 1e-6);
        assert!((f64::from(losses[1]) + second[2].ln()).abs() < 1e-6);
        let expected = [first[0], first[1] - 1.0, first[2], 0.5 * second[0], 0.5 * second[1], 0.5 * (second[2] - 1.0)];
        for (ours, exact) in logits.iter().zip(expected) {
            assert!((f64::from(*ours) - exact).abs() < 1e-6);
        }
    }
}
