//! RMS norm and layer norm, and their gradients. Statistics are computed again in the backward pass: a pass over the
//! input costs less than keeping them would simplify.

use super::Ops;
use crate::{
    config::Norm,
    kernels::norm::{self, Gradients},
    slices::{matrix, values},
};
use candle_core::{D, Result, Tensor};

/// A norm's kind and weights.
#[derive(Clone, Copy)]
pub(crate) struct NormWeights<'a> {
    pub kind: Norm,
    pub weight: &'a Tensor,
    pub bias: Option<&'a Tensor>,
    pub eps: f64,
}

/// What a norm's backward pass gives; the weights' gradients only where asked for.
pub(crate) struct NormGradients {
    pub input: Tensor,
    pub weight: Option<Tensor>,
    pub bias: Option<Tensor>,
}

impl Ops {
    pub fn norm(self, x: &Tensor, norm: NormWeights<'_>) -> Result<Tensor> {
        match self {
            Ops::Fused => {
                let (rows, width) = x.dims2()?;
                let (x, weight) = (values(x)?, values(norm.weight)?);
                let y = match norm.bias {
                    Some(bias) => norm::layer_norm(&x, &weight, &values(bias)?, norm.eps as f32),
                    None => norm::rms_norm(&x, &weight, norm.eps as f32),
                };
                matrix(y, rows, width)
            }
            Ops::Candle => {
                let (normalised, _) = normalised(x, norm)?;
                let y = normalised.broadcast_mul(norm.weight)?;
                match norm.bias {
                    Some(bias) => y.broadcast_add(bias),
                    None => Ok(y),
                }
            }
        }
    }

    pub fn norm_backward(self, dy: &Tensor, x: &Tensor, norm: NormWeights<'_>, want_weights: bool) -> Result<NormGradients> {
        match self {
            Ops::Fused => {
                let (rows, width) = x.dims2()?;
                let (dy, x, weight) = (values(dy)?, values(x)?, values(norm.weight)?);
                let Gradients { input, weight, bias } = match norm.kind {
                    Norm::Layer => norm::layer_norm_backward(&dy, &x, &weight, norm.eps as f32, want_weights),
                    Norm::Rms => norm::rms_norm_backward(&dy, &x, &weight, norm.eps as f32, want_weights),
                };
                let vector =
                    |values: Option<Vec<f32>>| values.map(|values| Tensor::from_vec(values, width, &candle_core::Device::Cpu)).transpose();
                Ok(NormGradients { input: matrix(input, rows, width)?, weight: vector(weight)?, bias: vector(bias)? })
            }
            Ops::Candle => {
                let (normalised, inverse) = normalised(x, norm)?;
                let g = dy.broadcast_mul(norm.weight)?;
                let along = (&g * &normalised)?.mean_keepdim(D::Minus1)?;
                let mut input = (&g - normalised.broadcast_mul(&along)?)?;
                if norm.kind == Norm::Layer {
                    input = input.broadcast_sub(&g.mean_keepdim(D::Minus1)?)?;
                }
                let weight = want_weights.then(|| (dy * &normalised)?.sum(0)).transpose()?;
                let bias = (want_weights && norm.bias.is_some()).then(|| dy.sum(0)).transpose()?;
                Ok(NormGradients { input: input.broadcast_mul(&inverse)?, weight, bias })
            }
        }
    }
}

/// The rows centred (layer norm) and divided by their deviation; and 1 / deviation.
fn normalised(x: &Tensor, norm: NormWeights<'_>) -> Result<(Tensor, Tensor)> {
    let centred = match norm.kind {
        Norm::Layer => x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?,
        Norm::Rms => x.clone(),
    };
    let inverse = (centred.sqr()?.mean_keepdim(D::Minus1)? + norm.eps)?.sqrt()?.recip()?;
    Ok((centred.broadcast_mul(&inverse)?, inverse))
}
