//! What a network computes with, in two ways that give the same: fused kernels over slices on the CPU, and candle's own
//! operations, which run on every device that candle knows. Activations are f32 `[rows, width]` matrices, contiguous; a
//! frozen weight may be bf16 on a device that multiplies bf16 well.

mod activation;
mod attention;
mod cross_entropy;
mod dropout;
mod low_rank;
mod norm;
mod product;
mod rope;
mod rows;

pub(crate) use attention::{Attended, Reads};
pub(crate) use dropout::RowDropout;
pub(crate) use low_rank::{InputGradient, LowRankPart};
pub(crate) use norm::NormWeights;
pub(crate) use product::Product;
pub(crate) use rope::Angles;

use candle_core::Device;

/// Which of the two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ops {
    /// Kernels of ours; CPU only.
    Fused,
    /// candle's operations; any device. On the CPU it serves to test what runs on CUDA.
    Candle,
}

impl Ops {
    pub(crate) fn for_device(device: &Device) -> Self {
        if device.is_cpu() { Ops::Fused } else { Ops::Candle }
    }
}
