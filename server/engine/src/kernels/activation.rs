//! The MLP's activation, alone (`f(x)`) or as a gate (`f(gate) * up`, Shazeer 2020), and its gradient.

use super::vector;
use crate::config::Activation;
use multiversion::multiversion;
use rayon::prelude::*;

const VALUES_PER_TASK: usize = 16 * 1024;

/// sqrt(2 / pi) and 1 / sqrt(2 pi).
pub const ROOT_TWO_OVER_PI: f32 = 0.797_884_6;
pub const INVERSE_ROOT_TWO_PI: f32 = 0.398_942_3;

/// `f(x)` and `f'(x)`. `KIND` is known when it is compiled, so that loops over it have no branch.
#[inline(always)]
fn value_and_slope<const KIND: u8>(x: f32) -> (f32, f32) {
    match KIND {
        SILU => {
            let s = 1.0 / (1.0 + vector::exp(-x));
            (x * s, s * (1.0 + x * (1.0 - s)))
        }
        GELU_TANH => {
            let argument = ROOT_TWO_OVER_PI * (x + 0.044715 * x * x * x);
            let t = 1.0 - 2.0 / (1.0 + vector::exp(2.0 * argument));
            let rise = (1.0 - t * t) * ROOT_TWO_OVER_PI * (1.0 + 3.0 * 0.044715 * x * x);
            (0.5 * x * (1.0 + t), 0.5 * (1.0 + t) + 0.5 * x * rise)
        }
        GELU => {
            let cumulative = 0.5 * (1.0 + vector::erf(x * std::f32::consts::FRAC_1_SQRT_2));
            (x * cumulative, cumulative + x * INVERSE_ROOT_TWO_PI * vector::exp(-0.5 * x * x))
        }
        // as PyTorch, the slope at 0 is 0
        _ => (if x > 0.0 { x } else { 0.0 * x }, if x > 0.0 { 1.0 } else { 0.0 }),
    }
}

const SILU: u8 = 0;
const GELU_TANH: u8 = 1;
const GELU: u8 = 2;
const RELU: u8 = 3;

/// Calls a function that is compiled once for each activation.
macro_rules! of_kind {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match $kind {
            Activation::Silu => $function::<SILU>($($argument),*),
            Activation::GeluTanh => $function::<GELU_TANH>($($argument),*),
            Activation::Gelu => $function::<GELU>($($argument),*),
            Activation::Relu => $function::<RELU>($($argument),*),
        }
    };
}

pub fn plain(kind: Activation, x: &[f32]) -> Vec<f32> {
    let mut out = vec![0f32; x.len()];
    let parts = out.par_chunks_mut(VALUES_PER_TASK).zip(x.par_chunks(VALUES_PER_TASK));
    parts.for_each(|(out, x)| of_kind!(kind, plain_part(out, x)));
    out
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn plain_part<const KIND: u8>(out: &mut [f32], x: &[f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out = value_and_slope::<KIND>(*x).0;
    }
}

pub fn plain_backward(kind: Activation, dy: &[f32], x: &[f32]) -> Vec<f32> {
    let mut dx = vec![0f32; x.len()];
    let parts = dx.par_chunks_mut(VALUES_PER_TASK).zip(dy.par_chunks(VALUES_PER_TASK)).zip(x.par_chunks(VALUES_PER_TASK));
    parts.for_each(|((dx, dy), x)| of_kind!(kind, plain_backward_part(dx, dy, x)));
    dx
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn plain_backward_part<const KIND: u8>(dx: &mut [f32], dy: &[f32], x: &[f32]) {
    for ((dx, dy), x) in dx.iter_mut().zip(dy).zip(x) {
        *dx = dy * value_and_slope::<KIND>(*x).1;
    }
}

pub fn gated(kind: Activation, gate: &[f32], up: &[f32]) -> Vec<f32> {
    let mut out = vec![0f32; gate.len()];
    let parts = out.par_chunks_mut(VALUES_PER_TASK).zip(gate.par_chunks(VALUES_PER_TASK)).zip(up.par_chunks(VALUES_PER_TASK));
    parts.for_each(|((out, gate), up)| of_kind!(kind, gated_part(out, gate, up)));
    out
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn gated_part<const KIND: u8>(out: &mut [f32], gate: &[f32], up: &[f32]) {
    for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
        *out = value_and_slope::<KIND>(*gate).0 * up;
    }
}

/// Gradients of gate and up.
pub fn gated_backward(kind: Activation, dy: &[f32], gate: &[f32], up: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let mut d_gate = vec![0f32; gate.len()];
    let mut d_up = vec![0f32; gate.len()];
    let into = d_gate.par_chunks_mut(VALUES_PER_TASK).zip(d_up.par_chunks_mut(VALUES_PER_TASK));
    let from = dy.par_chunks(VALUES_PER_TASK).zip(gate.par_chunks(VALUES_PER_TASK)).zip(up.par_chunks(VALUES_PER_TASK));
    into.zip(from).for_each(|((d_gate, d_up), ((dy, gate), up))| of_kind!(kind, gated_backward_part(d_gate, d_up, dy, gate, up)));
    (d_gate, d_up)
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn gated_backward_part<const KIND: u8>(d_gate: &mut [f32], d_up: &mut [f32], dy: &[f32], gate: &[f32], up: &[f32]) {
    for ((((d_gate, d_up), dy), gate), up) in d_gate.iter_mut().zip(d_up).zip(dy).zip(gate).zip(up) {
        let (value, slope) = value_and_slope::<KIND>(*gate);
        *d_up = dy * value;
        *d_gate = dy * up * slope;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_slopes_agree_with_their_definitions() {
        let x: Vec<f32> = (-400..=400).map(|i| i as f32 * 0.02).collect();
        let ones = vec![1f32; x.len()];
        for kind in [Activation::Silu, Activation::GeluTanh, Activation::Gelu, Activation::Relu] {
            let exact = |x: f64| match kind {
                Activation::Silu => x / (1.0 + (-x).exp()),
                Activation::GeluTanh => 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh()),
                Activation::Gelu => 0.5 * x * (1.0 + statrs::function::erf::erf(x / std::f64::consts::SQRT_2)),
                Activation::Relu => x.max(0.0),
            };
            let (values, slopes) = (plain(kind, &x), plain_backward(kind, &ones, &x));
            let (d_gate, d_up) = gated_backward(kind, &ones, &x, &ones);
            assert_eq!(gated(kind, &x, &ones), values);
            assert_eq!((d_gate, d_up), (slopes.clone(), values.clone()));
            for ((&x, value), slope) in x.iter().zip(values).zip(slopes) {
                let x = f64::from(x);
                assert!((f64::from(value) - exact(x)).abs() < 1e-6, "{kind:?}({x}) = {value}");
                let difference = (exact(x + 1e-4) - exact(x - 1e-4)) / 2e-4;
                if kind != Activation::Relu || x != 0.0 {
                    assert!((f64::from(slope) - difference).abs() < 2e-6, "{kind:?}'({x}) = {slope}, not {difference}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        for kind in [Activation::Silu, Activation::GeluTanh, Activation::Gelu, Activation::Relu] {
            assert!(plain(kind, &[f32::NAN])[0].is_nan(), "{kind:?}");
        }
    }
}
