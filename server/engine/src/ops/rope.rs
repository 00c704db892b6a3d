//! Rotary positions.

use super::Ops;
use crate::{
    kernels::rope,
    slices::{change, values},
};
use candle_core::{D, Device, Result, Tensor};

/// Cosines and sines of each row's angles, `[rows, head_dim / 2]`.
pub(crate) struct Angles {
    cos: Tensor,
    sin: Tensor,
}

impl Angles {
    /// Angles are computed in f32 whatever the model's precision.
    pub fn new(positions: &[u32], frequencies: &[f32], device: &Device) -> Result<Self> {
        let angle = positions.iter().flat_map(|&position| frequencies.iter().map(move |frequency| position as f32 * frequency));
        let (cos, sin): (Vec<f32>, Vec<f32>) = angle.map(|angle| (angle.cos(), angle.sin())).unzip();
        let shape = (positions.len(), frequencies.len());
        Ok(Self { cos: Tensor::from_vec(cos, shape, device)?, sin: Tensor::from_vec(sin, shape, device)? })
    }
}

impl Ops {
    /// Turns every head of `x` (`[rows, heads * width]`); `inverse` turns back, which is the gradient. On the CPU in place:
    /// nobody else may hold `x`.
    pub fn rotate(self, x: Tensor, angles: &Angles, width: usize, inverse: bool) -> Result<Tensor> {
        let (rows, columns) = x.dims2()?;
        let heads = columns / width;
        match self {
            Ops::Fused => {
                let (cos, sin) = (values(&angles.cos)?, values(&angles.sin)?);
                change(&x, |x| rope::rotate(x, &cos, &sin, heads, width, inverse))?;
                Ok(x)
            }
            Ops::Candle => {
                let x = x.reshape((rows, heads, 2, width / 2))?;
                let (first, second) = (x.narrow(2, 0, 1)?, x.narrow(2, 1, 1)?);
                let shape = (rows, 1, 1, width / 2);
                let cos = angles.cos.reshape(shape)?;
                let sin = if inverse { angles.sin.neg()? } else { angles.sin.clone() }.reshape(shape)?;
                let turned_first = (first.broadcast_mul(&cos)? - second.broadcast_mul(&sin)?)?;
                let turned_second = (second.broadcast_mul(&cos)? + first.broadcast_mul(&sin)?)?;
                Tensor::cat(&[turned_first, turned_second], D::Minus2)?.reshape((rows, columns))
            }
        }
    }
}
