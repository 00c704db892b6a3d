//! Dropout (Srivastava et al. 2014) before an adapter's `A`, as PEFT's `lora_dropout`: a value is zeroed with probability
//! p, and else divided by 1 - p. Whether a value falls out depends on its key, layer, position and column alone, so that neither
//! the batch that it stands in nor the number of threads changes a mask, and the backward pass draws the same again.

use super::Ops;
use candle_core::{Result, Tensor};

/// What decides over a row's mask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RowDropout {
    /// Probability; 0 leaves the row as it is.
    pub p: f32,
    /// Of the sequence: its arm's seed, optimiser step and place.
    pub key: u64,
    pub position: u32,
}

impl RowDropout {
    pub const NONE: Self = Self { p: 0.0, key: 0, position: 0 };
}

/// SplitMix64's finaliser (Steele et al. 2014): each bit of the output depends on each of the input.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Factors of each value of each row, `[rows, width]`.
fn mask(rows: &[RowDropout], module: usize, width: usize) -> Vec<f32> {
    let mut mask = Vec::with_capacity(rows.len() * width);
    for row in rows {
        if row.p <= 0.0 {
            mask.extend(std::iter::repeat_n(1.0, width));
            continue;
        }
        let keep = 1.0 / (1.0 - row.p);
        let limit = (f64::from(row.p) * 4_294_967_296.0) as u64;
        let stream = mix(mix(row.key ^ (module as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(u64::from(row.position)));
        for pair in 0..width.div_ceil(2) {
            let bits = mix(stream.wrapping_add((pair as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            for half in [bits & 0xffff_ffff, bits >> 32].into_iter().take(width - 2 * pair) {
                mask.push(if half < limit { 0.0 } else { keep });
            }
        }
    }
    mask
}

impl Ops {
    /// `x` with its masks; the same call on a gradient gives the gradient.
    pub fn dropout(self, x: &Tensor, rows: &[RowDropout], module: usize) -> Result<Tensor> {
        if rows.iter().all(|row| row.p <= 0.0) {
            return Ok(x.clone());
        }
        let (count, width) = x.dims2()?;
        x * Tensor::from_vec(mask(rows, module, width), (count, width), x.device())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_have_their_share_and_hang_on_nothing_else() {
        let row = |key, position| RowDropout { p: 0.3, key, position };
        let rows = [row(1, 0), RowDropout::NONE, row(1, 1), row(2, 0)];
        let all = mask(&rows, 5, 2001);
        assert_eq!(all.len(), 4 * 2001);
        assert!(all[2001..4002].iter().all(|factor| *factor == 1.0));
        for (index, chunk) in all.chunks_exact(2001).enumerate().filter(|(index, _)| *index != 1) {
            let dropped = chunk.iter().filter(|factor| **factor == 0.0).count() as f64 / 2001.0;
            assert!((dropped - 0.3).abs() < 0.04, "{dropped}");
            assert!(chunk.iter().all(|factor| *factor == 0.0 || (*factor - 1.0 / 0.7).abs() < 1e-6));
            assert_eq!(chunk, mask(&rows[index..=index], 5, 2001), "a row alone has the same mask");
            assert_ne!(chunk, mask(&rows[index..=index], 6, 2001), "another layer has another");
        }
        assert_ne!(all[..2001], all[4002..6003]);
        assert_ne!(all[..2001], all[6003..]);
    }
}
