//! Rows and columns taken out of matrices and put back.

use super::Ops;
use crate::slices::{change, values};
use candle_core::{DType, Result, Tensor};

impl Ops {
    /// Rows of a matrix, f32.
    pub fn rows(self, x: &Tensor, rows: &[u32]) -> Result<Tensor> {
        x.index_select(&Tensor::new(rows, x.device())?, 0)?.to_dtype(DType::F32)
    }

    /// Adds row `i` of `from` to row `rows[i]` of `into`, in place.
    pub fn add_to_rows(self, into: &Tensor, rows: &[u32], from: &Tensor) -> Result<()> {
        match self {
            Ops::Fused => {
                let (_, width) = from.dims2()?;
                let from = values(from)?;
                change(into, |into| {
                    for (&row, from) in rows.iter().zip(from.chunks_exact(width)) {
                        let into = &mut into[row as usize * width..][..width];
                        into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
                    }
                })
            }
            Ops::Candle => into.slice_set(&into.index_add(&Tensor::new(rows, into.device())?, from, 0)?, 0, 0),
        }
    }

    /// `count` columns from `start` on, as a matrix of their own.
    pub fn columns(self, x: &Tensor, start: usize, count: usize) -> Result<Tensor> {
        x.narrow(1, start, count)?.contiguous()
    }
}
