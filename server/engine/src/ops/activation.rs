//! The MLP's activation, alone or as a gate, and its gradient.

use super::Ops;
use crate::{
    config::Activation,
    kernels::activation,
    slices::{matrix, values},
};
use candle_core::{Result, Tensor};

impl Ops {
    /// `f(x)`, or `f(x) * up`.
    pub fn activation(self, kind: Activation, x: &Tensor, up: Option<&Tensor>) -> Result<Tensor> {
        match self {
            Ops::Fused => {
                let (rows, width) = x.dims2()?;
                let x = values(x)?;
                let y = match up {
                    Some(up) => activation::gated(kind, &x, &values(up)?),
                    None => activation::plain(kind, &x),
                };
                matrix(y, rows, width)
            }
            Ops::Candle => {
                let y = by_candle(kind, x)?;
                match up {
                    Some(up) => y * up,
                    None => Ok(y),
                }
            }
        }
    }

    /// Gradients of `x`, and of `up` where there is one.
    pub fn activation_backward(self, kind: Activation, dy: &Tensor, x: &Tensor, up: Option<&Tensor>) -> Result<(Tensor, Option<Tensor>)> {
        match self {
            Ops::Fused => {
                let (rows, width) = x.dims2()?;
                let (dy, x) = (values(dy)?, values(x)?);
                match up {
                    Some(up) => {
                        let (d_x, d_up) = activation::gated_backward(kind, &dy, &x, &values(up)?);
                        Ok((matrix(d_x, rows, width)?, Some(matrix(d_up, rows, width)?)))
                    }
                    None => Ok((matrix(activation::plain_backward(kind, &dy, &x), rows, width)?, None)),
                }
            }
            Ops::Candle => {
                let slope = slope_by_candle(kind, x)?;
                match up {
                    Some(up) => Ok((((dy * up)? * slope)?, Some((dy * by_candle(kind, x)?)?))),
                    None => Ok(((dy * slope)?, None)),
                }
            }
        }
    }
}

fn logistic(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// `sqrt(2 / pi) (x + 0.044715 x^3)`, which GELU's approximation takes the tanh of.
fn tanh_argument(x: &Tensor) -> Result<Tensor> {
    let cube = (x.sqr()? * x)?;
    (x + cube.affine(0.044715, 0.0)?)?.affine(activation::ROOT_TWO_OVER_PI.into(), 0.0)
}

fn by_candle(kind: Activation, x: &Tensor) -> Result<Tensor> {
    match kind {
        Activation::Silu => x * logistic(x)?,
        Activation::Relu => x.relu(),
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => (x * (tanh_argument(x)?.tanh()? + 1.0)?)?.affine(0.5, 0.0),
    }
}

fn slope_by_candle(kind: Activation, x: &Tensor) -> Result<Tensor> {
    match kind {
        Activation::Silu => {
            let s = logistic(x)?;
            // s (1 + x (1 - s))
            &s * ((x * s.affine(-1.0, 1.0)?)? + 1.0)?
        }
        Activation::Relu => x.gt(0f32)?.to_dtype(x.dtype()),
        Activation::Gelu => {
            let cumulative = (x.affine(std::f64::consts::FRAC_1_SQRT_2, 0.0)?.erf()? + 1.0)?.affine(0.5, 0.0)?;
            let density = x.sqr()?.affine(-0.5, 0.0)?.exp()?.affine(activation::INVERSE_ROOT_TWO_PI.into(), 0.0)?;
            cumulative + (x * density)?
        }
        Activation::GeluTanh => {
            let t = tanh_argument(x)?.tanh()?;
            let inner = x.sqr()?.affine(3.0 * 0.044715, 1.0)?.affine(activation::ROOT_TWO_OVER_PI.into(), 0.0)?;
            let rise = (x * t.sqr()?.affine(-1.0, 1.0)?)?;
            ((t + 1.0)? + (rise * inner)?)?.affine(0.5, 0.0)
        }
    }
}
