//! Root-mean-square norm (Zhang and Sennrich 2019), `y = x / sqrt(mean(x^2) + eps) * w`, and layer norm (Ba et al. 2016),
//! `y = (x - mean) / sqrt(variance + eps) * w + b`. Rows are `[rows, width]`; statistics are taken anew in the backward pass.

use super::{ROWS_PER_TASK, vector};
use multiversion::multiversion;
use rayon::prelude::*;

/// Gradients of the input, and of the weights where asked for.
pub struct Gradients {
    pub input: Vec<f32>,
    pub weight: Option<Vec<f32>>,
    pub bias: Option<Vec<f32>>,
}

pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    let width = weight.len();
    let mut y = vec![0f32; x.len()];
    y.par_chunks_mut(width * ROWS_PER_TASK).zip(x.par_chunks(width * ROWS_PER_TASK)).for_each(|(y, x)| rms_rows(y, x, weight, eps));
    y
}

/// 1 / rms of a row. Squares beyond f32 would scale the row to zero, and a model that has diverged would look merely
/// ignorant: they give NaN.
#[inline(always)]
fn inverse_rms(x: &[f32], eps: f32) -> f32 {
    let mean = vector::dot(x, x) / x.len() as f32;
    if mean.is_finite() { 1.0 / (mean + eps).sqrt() } else { f32::NAN }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn rms_rows(y: &mut [f32], x: &[f32], weight: &[f32], eps: f32) {
    let width = weight.len();
    for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
        let scale = inverse_rms(x, eps);
        for ((y, x), w) in y.iter_mut().zip(x).zip(weight) {
            *y = x * scale * w;
        }
    }
}

/// With `g = dy * w`: `dx = s g - x s^3 mean(g x)`, `dw = sum over rows of dy x s`, s being 1 / rms.
pub fn rms_norm_backward(dy: &[f32], x: &[f32], weight: &[f32], eps: f32, want_weights: bool) -> Gradients {
    let width = weight.len();
    let mut input = vec![0f32; x.len()];
    input
        .par_chunks_mut(width * ROWS_PER_TASK)
        .zip(dy.par_chunks(width * ROWS_PER_TASK))
        .zip(x.par_chunks(width * ROWS_PER_TASK))
        .for_each(|((dx, dy), x)| rms_backward_rows(dx, dy, x, weight, eps));
    let weight = want_weights.then(|| {
        let mut dw = vec![0f32; width];
        // row after row: the sum must not depend on the number of threads
        for (dy, x) in dy.chunks_exact(width).zip(x.chunks_exact(width)) {
            let scale = inverse_rms(x, eps);
            for ((dw, dy), x) in dw.iter_mut().zip(dy).zip(x) {
                *dw += dy * x * scale;
            }
        }
        dw
    });
    Gradients { input, weight, bias: None }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn rms_backward_rows(dx: &mut [f32], dy: &[f32], x: &[f32], weight: &[f32], eps: f32) {
    let width = weight.len();
    for ((dx, dy), x) in dx.chunks_exact_mut(width).zip(dy.chunks_exact(width)).zip(x.chunks_exact(width)) {
        let scale = inverse_rms(x, eps);
        for ((dx, dy), w) in dx.iter_mut().zip(dy).zip(weight) {
            *dx = dy * w;
        }
        let shrink = vector::dot(dx, x) / width as f32 * scale * scale * scale;
        for (dx, x) in dx.iter_mut().zip(x) {
            *dx = *dx * scale - x * shrink;
        }
    }
}

pub fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], eps: f32) -> Vec<f32> {
    let width = weight.len();
    let mut y = vec![0f32; x.len()];
    y.par_chunks_mut(width * ROWS_PER_TASK).zip(x.par_chunks(width * ROWS_PER_TASK)).for_each(|(y, x)| layer_rows(y, x, weight, bias, eps));
    y
}

/// Mean of a row and 1 / its deviation; NaN where the squares leave f32, as above.
#[inline(always)]
fn mean_and_inverse(x: &[f32], centred: &mut [f32], eps: f32) -> (f32, f32) {
    let mean = vector::sum(x) / x.len() as f32;
    for (centred, x) in centred.iter_mut().zip(x) {
        *centred = x - mean;
    }
    let variance = vector::dot(centred, centred) / x.len() as f32;
    (mean, if variance.is_finite() { 1.0 / (variance + eps).sqrt() } else { f32::NAN })
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn layer_rows(y: &mut [f32], x: &[f32], weight: &[f32], bias: &[f32], eps: f32) {
    let width = weight.len();
    for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
        let (_, inverse) = mean_and_inverse(x, y, eps);
        for ((y, w), b) in y.iter_mut().zip(weight).zip(bias) {
            *y = *y * inverse * w + b;
        }
    }
}

/// With `g = dy * w` and n the normalised row: `dx = (g - mean(g) - n mean(g n)) / deviation`, `dw = sum of dy n`, `db = sum of dy`.
pub fn layer_norm_backward(dy: &[f32], x: &[f32], weight: &[f32], eps: f32, want_weights: bool) -> Gradients {
    let width = weight.len();
    let mut input = vec![0f32; x.len()];
    input
        .par_chunks_mut(width * ROWS_PER_TASK)
        .zip(dy.par_chunks(width * ROWS_PER_TASK))
        .zip(x.par_chunks(width * ROWS_PER_TASK))
        .for_each(|((dx, dy), x)| layer_backward_rows(dx, dy, x, weight, eps));
    if !want_weights {
        return Gradients { input, weight: None, bias: None };
    }
    let (mut dw, mut db, mut centred) = (vec![0f32; width], vec![0f32; width], vec![0f32; width]);
    for (dy, x) in dy.chunks_exact(width).zip(x.chunks_exact(width)) {
        let (_, inverse) = mean_and_inverse(x, &mut centred, eps);
        for (((dw, db), dy), centred) in dw.iter_mut().zip(&mut db).zip(dy).zip(&centred) {
            *dw += dy * centred * inverse;
            *db += dy;
        }
    }
    Gradients { input, weight: Some(dw), bias: Some(db) }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn layer_backward_rows(dx: &mut [f32], dy: &[f32], x: &[f32], weight: &[f32], eps: f32) {
    let width = weight.len();
    let mut normalised = vec![0f32; width];
    for ((dx, dy), x) in dx.chunks_exact_mut(width).zip(dy.chunks_exact(width)).zip(x.chunks_exact(width)) {
        let (_, inverse) = mean_and_inverse(x, &mut normalised, eps);
        for (normalised, ((dx, dy), w)) in normalised.iter_mut().zip(dx.iter_mut().zip(dy).zip(weight)) {
            *normalised *= inverse;
            *dx = dy * w;
        }
        let mean = vector::sum(dx) / width as f32;
        let along = vector::dot(dx, &normalised) / width as f32;
        for (dx, n) in dx.iter_mut().zip(&normalised) {
            *dx = (*dx - mean - n * along) * inverse;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_beyond_f32_is_no_number_and_leaves_the_others_alone() {
        let y = rms_norm(&[3.0, 4.0, 1e30, 1.0], &[1.0, 2.0], 0.0);
        let rms = 12.5f32.sqrt();
        assert!((y[0] - 3.0 / rms).abs() < 1e-6 && (y[1] - 8.0 / rms).abs() < 1e-6);
        assert!(y[2].is_nan() && y[3].is_nan());
        let y = layer_norm(&[3.0, 5.0, 1e30, -1e30], &[1.0, 2.0], &[0.5, 0.0], 0.0);
        assert!((y[0] + 0.5).abs() < 1e-6 && (y[1] - 2.0).abs() < 1e-6);
        assert!(y[2].is_nan() && y[3].is_nan());
    }
}
