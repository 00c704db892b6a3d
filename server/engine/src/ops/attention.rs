//! Attention over ragged batches: each sequence's rows read the keys and values of their own sequence.

use super::Ops;
use crate::{
    kernels::attention::{self, Heads, Seen, Source},
    slices::{matrix, values},
};
use candle_core::{D, DType, Device, Result, Tensor};

/// Keys and values (`[any, kv_heads * width]`), and which of their rows each sequence reads.
pub(crate) struct Reads {
    pub keys: Tensor,
    pub values: Tensor,
    /// By sequence: its first row, and how many rows were there before this batch's own.
    pub sequences: Vec<(usize, usize)>,
}

/// The attended values `[rows, heads * width]`, and what the backward pass needs beside them.
#[derive(Clone)]
pub(crate) struct Attended {
    pub out: Tensor,
    /// Log of each softmax's sum, `[rows, heads]`; only the fused way keeps it.
    log_sums: Vec<f32>,
}

impl Ops {
    pub fn attention(self, queries: &Tensor, reads: &Reads, lengths: &[usize], heads: Heads) -> Result<Attended> {
        match self {
            Ops::Fused => {
                let (rows, width) = queries.dims2()?;
                let (keys, values_) = (values(&reads.keys)?, values(&reads.values)?);
                let row = heads.kv_heads * heads.width;
                let sources: Vec<Source<'_>> = reads
                    .sequences
                    .iter()
                    .zip(lengths)
                    .map(|(&(start, past), length)| {
                        let range = start * row..(start + past + length) * row;
                        Source { keys: &keys[range.clone()], values: &values_[range], past }
                    })
                    .collect();
                let (out, log_sums) = attention::attention(&values(queries)?, &sources, lengths, heads);
                Ok(Attended { out: matrix(out, rows, width)?, log_sums })
            }
            Ops::Candle => {
                let mut parts = Vec::with_capacity(lengths.len());
                let mut start = 0;
                for (&length, &(first, past)) in lengths.iter().zip(&reads.sequences) {
                    let one = OneSequence::new(queries, (start, length), &reads.keys, &reads.values, (first, past), heads)?;
                    parts.push(one.joined(&one.probabilities()?.matmul(&one.values)?)?);
                    start += length;
                }
                Ok(Attended { out: Tensor::cat(&parts, 0)?, log_sums: Vec::new() })
            }
        }
    }

    /// Gradients of queries, keys and values, for sequences without a past.
    pub fn attention_backward(
        self,
        d_out: &Tensor,
        (queries, keys, values_): (&Tensor, &Tensor, &Tensor),
        attended: &Attended,
        lengths: &[usize],
        heads: Heads,
    ) -> Result<(Tensor, Tensor, Tensor)> {
        match self {
            Ops::Fused => {
                let (rows, query_width, kv_width) = (queries.dims2()?.0, queries.dims2()?.1, keys.dims2()?.1);
                let (d_out, queries, keys, values_, out) =
                    (values(d_out)?, values(queries)?, values(keys)?, values(values_)?, values(&attended.out)?);
                let seen = Seen { queries: &queries, keys: &keys, values: &values_, out: &out, log_sums: &attended.log_sums };
                let (d_queries, d_keys, d_values) = attention::attention_backward(&d_out, seen, lengths, heads);
                Ok((matrix(d_queries, rows, query_width)?, matrix(d_keys, rows, kv_width)?, matrix(d_values, rows, kv_width)?))
            }
            Ops::Candle => {
                let mut parts = [Vec::new(), Vec::new(), Vec::new()];
                let mut start = 0;
                for &length in lengths {
                    let one = OneSequence::new(queries, (start, length), keys, values_, (start, 0), heads)?;
                    let probabilities = one.probabilities()?;
                    let d_out = one.split(&d_out.narrow(0, start, length)?, heads.heads)?;
                    let d_probabilities = d_out.matmul(&one.values.t()?)?;
                    let mean = (&d_probabilities * &probabilities)?.sum_keepdim(D::Minus1)?;
                    let d_scores = (probabilities.clone() * d_probabilities.broadcast_sub(&mean)?)?.affine(one.scale(), 0.0)?;
                    parts[0].push(one.joined(&d_scores.matmul(&one.keys)?)?);
                    parts[1].push(one.joined(&one.sum_of_shares(&d_scores.t()?.matmul(&one.queries)?)?)?);
                    parts[2].push(one.joined(&one.sum_of_shares(&probabilities.t()?.matmul(&d_out)?)?)?);
                    start += length;
                }
                let [queries, keys, values_] = parts;
                Ok((Tensor::cat(&queries, 0)?, Tensor::cat(&keys, 0)?, Tensor::cat(&values_, 0)?))
            }
        }
    }
}

/// One sequence's queries, keys and values, `[heads, rows, width]`, keys and values repeated for the heads that share them.
struct OneSequence {
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    past: usize,
    heads: Heads,
}

impl OneSequence {
    fn new(
        queries: &Tensor,
        (start, length): (usize, usize),
        keys: &Tensor,
        values_: &Tensor,
        (first, past): (usize, usize),
        heads: Heads,
    ) -> Result<Self> {
        let split = |x: Tensor, count: usize| -> Result<Tensor> {
            let rows = x.dims2()?.0;
            x.reshape((rows, count, heads.width))?.transpose(0, 1)?.contiguous()
        };
        let shared = |x: &Tensor| -> Result<Tensor> {
            let rows = past + length;
            let x = split(x.narrow(0, first, rows)?, heads.kv_heads)?;
            let share = heads.heads / heads.kv_heads;
            if share == 1 {
                return Ok(x);
            }
            let repeated = x.unsqueeze(1)?.expand((heads.kv_heads, share, rows, heads.width))?;
            repeated.reshape((heads.heads, rows, heads.width))
        };
        Ok(Self {
            queries: split(queries.narrow(0, start, length)?, heads.heads)?,
            keys: shared(keys)?,
            values: shared(values_)?,
            past,
            heads,
        })
    }

    fn scale(&self) -> f64 {
        1.0 / (self.heads.width as f64).sqrt()
    }

    /// `[rows, heads * width]` as `[heads, rows, width]`.
    fn split(&self, x: &Tensor, heads: usize) -> Result<Tensor> {
        let rows = x.dims2()?.0;
        x.reshape((rows, heads, self.heads.width))?.transpose(0, 1)?.contiguous()
    }

    /// The other way round.
    fn joined(&self, x: &Tensor) -> Result<Tensor> {
        let (heads, rows, width) = x.dims3()?;
        x.transpose(0, 1)?.contiguous()?.reshape((rows, heads * width))
    }

    /// Gradients of keys or values, summed over the query heads that share them.
    fn sum_of_shares(&self, x: &Tensor) -> Result<Tensor> {
        let (_, rows, width) = x.dims3()?;
        let share = self.heads.heads / self.heads.kv_heads;
        x.reshape((self.heads.kv_heads, share, rows, width))?.sum(1)
    }

    /// Softmax of the scores, `[heads, rows, past + rows]`.
    fn probabilities(&self) -> Result<Tensor> {
        let scores = self.queries.matmul(&self.keys.t()?)?.affine(self.scale(), 0.0)?;
        let scores = match self.heads.causal {
            true => scores.broadcast_add(&self.mask(scores.device())?)?,
            false => scores,
        };
        let powers = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)
    }

    /// 0 where a row may look, minus infinity where not.
    fn mask(&self, device: &Device) -> Result<Tensor> {
        let (_, rows, _) = self.queries.dims3()?;
        let columns = self.past + rows;
        let mask: Vec<f32> = (0..rows)
            .flat_map(|row| (0..columns).map(move |column| (row, column)))
            .map(|(row, column)| if column <= self.past + row { 0.0 } else { f32::NEG_INFINITY })
            .collect();
        Tensor::from_vec(mask, (rows, columns), device)?.to_dtype(DType::F32)
    }
}
