//! SwiGLU's gate (Shazeer 2020), as Llama has it: `silu(gate) * up`, silu(x) = x / (1 + e^-x).

use super::vector;
use multiversion::multiversion;
use rayon::prelude::*;

const VALUES_PER_TASK: usize = 16 * 1024;

/// Elementwise.
pub fn swiglu(gate: &[f32], up: &[f32]) -> Vec<f32> {
    let mut out = vec![0f32; gate.len()];
    out.par_chunks_mut(VALUES_PER_TASK)
        .zip(gate.par_chunks(VALUES_PER_TASK))
        .zip(up.par_chunks(VALUES_PER_TASK))
        .for_each(|((out, gate), up)| forward(out, gate, up));
    out
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn forward(out: &mut [f32], gate: &[f32], up: &[f32]) {
    for ((out, g), u) in out.iter_mut().zip(gate).zip(up) {
        *out = g / (1.0 + vector::exp(-g)) * u;
    }
}

/// Gradients of gate and up: `d silu(x) = s (1 + x (1 - s))` with s the logistic function.
pub fn swiglu_backward(dy: &[f32], gate: &[f32], up: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let mut d_gate = vec![0f32; gate.len()];
    let mut d_up = vec![0f32; gate.len()];
    d_gate
        .par_chunks_mut(VALUES_PER_TASK)
        .zip(d_up.par_chunks_mut(VALUES_PER_TASK))
        .zip(dy.par_chunks(VALUES_PER_TASK))
        .zip(gate.par_chunks(VALUES_PER_TASK))
        .zip(up.par_chunks(VALUES_PER_TASK))
        .for_each(|((((d_gate, d_up), dy), gate), up)| backward(d_gate, d_up, dy, gate, up));
    (d_gate, d_up)
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn backward(d_gate: &mut [f32], d_up: &mut [f32], dy: &[f32], gate: &[f32], up: &[f32]) {
    for ((((d_gate, d_up), dy), g), u) in d_gate.iter_mut().zip(d_up).zip(dy).zip(gate).zip(up) {
        let s = 1.0 / (1.0 + vector::exp(-g));
        *d_up = dy * g * s;
        *d_gate = dy * u * s * (1.0 + g * (1.0 - s));
    }
}
