//! Rotary positions (Su et al. 2021) in the half-split order of Hugging Face's Llama: within a head,
//! component i turns with component i + width / 2.

use super::ROWS_PER_TASK;
use multiversion::multiversion;
use rayon::prelude::*;

/// Turns every head of `x` (`[rows, heads * head_width]`) in place. `cos` and `sin` are `[rows, head_width / 2]`.
/// The gradient is the turn by the negative angle: `inverse`.
pub fn rotate(x: &mut [f32], cos: &[f32], sin: &[f32], heads: usize, head_width: usize, inverse: bool) {
    let half = head_width / 2;
    let row = heads * head_width;
    let sign = if inverse { -1.0 } else { 1.0 };
    x.par_chunks_mut(row * ROWS_PER_TASK)
        .zip(cos.par_chunks(half * ROWS_PER_TASK))
        .zip(sin.par_chunks(half * ROWS_PER_TASK))
        .for_each(|((x, cos), sin)| rotate_rows(x, cos, sin, row, half, sign));
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn rotate_rows(x: &mut [f32], cos: &[f32], sin: &[f32], row: usize, half: usize, sign: f32) {
    for ((x, cos), sin) in x.chunks_exact_mut(row).zip(cos.chunks_exact(half)).zip(sin.chunks_exact(half)) {
        for head in x.chunks_exact_mut(2 * half) {
            let (first, second) = head.split_at_mut(half);
            for (((a, b), c), s) in first.iter_mut().zip(second).zip(cos).zip(sin) {
                let (x, y, s) = (*a, *b, s * sign);
                *a = x * c - y * s;
                *b = y * c + x * s;
            }
        }
    }
}
