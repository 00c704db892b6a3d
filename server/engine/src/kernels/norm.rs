//! Root-mean-square normalisation (Zhang and Sennrich 2019), as Llama has it: `y = x / sqrt(mean(x^2) + eps) * w`.

use super::{ROWS_PER_TASK, vector};
use multiversion::multiversion;
use rayon::prelude::*;

/// `x` is `[rows, width]`. Gives `y` and 1 / rms of each row.
pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32) -> (Vec<f32>, Vec<f32>) {
    let width = weight.len();
    let mut y = vec![0f32; x.len()];
    let mut inverse_rms = vec![0f32; x.len() / width];
    y.par_chunks_mut(width * ROWS_PER_TASK)
        .zip(inverse_rms.par_chunks_mut(ROWS_PER_TASK))
        .zip(x.par_chunks(width * ROWS_PER_TASK))
        .for_each(|((y, inverse), x)| forward_rows(y, inverse, x, weight, eps));
    (y, inverse_rms)
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn forward_rows(y: &mut [f32], inverse: &mut [f32], x: &[f32], weight: &[f32], eps: f32) {
    let width = weight.len();
    for ((y, x), inverse) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(inverse) {
        let mean = vector::dot(x, x) / width as f32;
        // squares beyond f32 would scale the row to zero, and a model that has diverged would look merely ignorant
        let scale = if mean.is_finite() { 1.0 / (mean + eps).sqrt() } else { f32::NAN };
        *inverse = scale;
        for ((y, x), w) in y.iter_mut().zip(x).zip(weight) {
            *y = x * scale * w;
        }
    }
}

/// Gradient of the input; of the weight as well where asked for. With `g = dy * w`:
/// `dx = s g - x s^3 mean(g x)`, `dw = sum over rows of dy x s`, s being 1 / rms.
pub fn rms_norm_backward(dy: &[f32], x: &[f32], weight: &[f32], inverse_rms: &[f32], want_weight: bool) -> (Vec<f32>, Option<Vec<f32>>) {
    let width = weight.len();
    let mut dx = vec![0f32; x.len()];
    dx.par_chunks_mut(width * ROWS_PER_TASK)
        .zip(dy.par_chunks(width * ROWS_PER_TASK))
        .zip(x.par_chunks(width * ROWS_PER_TASK))
        .zip(inverse_rms.par_chunks(ROWS_PER_TASK))
        .for_each(|(((dx, dy), x), inverse)| backward_rows(dx, dy, x, weight, inverse));
    let dw = want_weight.then(|| {
        let mut dw = vec![0f32; width];
        // row after row: the sum must not depend on the number of threads
        for ((dy, x), scale) in dy.chunks_exact(width).zip(x.chunks_exact(width)).zip(inverse_rms) {
            for ((dw, dy), x) in dw.iter_mut().zip(dy).zip(x) {
                *dw += dy * x * scale;
            }
        }
        dw
    });
    (dx, dw)
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn backward_rows(dx: &mut [f32], dy: &[f32], x: &[f32], weight: &[f32], inverse: &[f32]) {
    let width = weight.len();
    for (((dx, dy), x), &scale) in dx.chunks_exact_mut(width).zip(dy.chunks_exact(width)).zip(x.chunks_exact(width)).zip(inverse) {
        for ((dx, dy), w) in dx.iter_mut().zip(dy).zip(weight) {
            *dx = dy * w;
        }
        let shrink = vector::dot(dx, x) / width as f32 * scale * scale * scale;
        for (dx, x) in dx.iter_mut().zip(x) {
            *dx = *dx * scale - x * shrink;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_beyond_f32_is_no_number_and_leaves_the_others_alone() {
        let (y, _) = rms_norm(&[3.0, 4.0, 1e30, 1.0], &[1.0, 2.0], 0.0);
        let rms = 12.5f32.sqrt();
        assert!((y[0] - 3.0 / rms).abs() < 1e-6 && (y[1] - 8.0 / rms).abs() < 1e-6);
        assert!(y[2].is_nan() && y[3].is_nan());
    }
}
