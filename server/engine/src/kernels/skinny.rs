//! `x W^T` for few rows of `x`, as in generation: both are read along their rows as they stand. gemm copies `W` into
//! tiles first, which for 16 rows costs as much as the product itself.

use rayon::prelude::*;

/// Up to this many rows the direct product is the faster one (measured on AVX2 with 576 to 1,536 inputs).
pub const MOST_ROWS: usize = 48;

/// Outputs that a thread takes at a time: their weights stay in the cache while all rows of `x` go by.
const OUTPUTS_PER_TASK: usize = 32;

/// `y = x W^T (+ y)`: `x` is `[rows, inputs]`, `weight` `[outputs, inputs]`, `y` `[rows, outputs]`.
/// False, and nothing done, where the processor has no AVX2 and FMA.
pub fn multiply_rows(y: &mut [f32], x: &[f32], weight: &[f32], inputs: usize, add: bool) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
        let (rows, outputs) = (x.len() / inputs, weight.len() / inputs);
        assert!(x.len() == rows * inputs && weight.len() == outputs * inputs && y.len() == rows * outputs, "sizes of a product");
        // tasks write columns of y, which lie apart in memory: each fills a block of its own, copied afterwards
        let blocks: Vec<Vec<f32>> = weight
            .par_chunks(OUTPUTS_PER_TASK * inputs)
            .map(|weight| {
                let mut block = vec![0f32; weight.len() / inputs * rows];
                // SAFETY: the two features were just detected, and the sizes asserted
                unsafe { avx2::block(&mut block, x, weight, inputs) };
                block
            })
            .collect();
        for (index, block) in blocks.iter().enumerate() {
            let width = block.len() / rows.max(1);
            for (row, from) in block.chunks_exact(width.max(1)).enumerate() {
                let into = &mut y[row * outputs + index * OUTPUTS_PER_TASK..][..width];
                match add {
                    true => into.iter_mut().zip(from).for_each(|(into, from)| *into += from),
                    false => into.copy_from_slice(from),
                }
            }
        }
        return true;
    }
    let _ = (y, x, weight, inputs, add);
    false
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{__m256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps};

    /// `block[row, output] = x[row] . weight[output]`, three rows by four outputs at a time: twelve sums and what they
    /// read just fit the sixteen registers.
    ///
    /// # Safety
    /// The processor has AVX2 and FMA; `block` holds rows x outputs values, the rest whole rows of `inputs`.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn block(block: &mut [f32], x: &[f32], weight: &[f32], inputs: usize) {
        let (rows, outputs) = (x.len() / inputs, weight.len() / inputs);
        let mut output = 0;
        while output < outputs {
            let wide = (outputs - output).min(4);
            let mut row = 0;
            while row < rows {
                let high = (rows - row).min(3);
                let (x, weight) = (&x[row * inputs..], &weight[output * inputs..]);
                // SAFETY: `high` rows and `wide` outputs follow in the slices just made
                let sums = unsafe {
                    match (high, wide) {
                        (3, 4) => tile::<3, 4>(x, weight, inputs),
                        (2, 4) => tile::<2, 4>(x, weight, inputs),
                        (1, 4) => tile::<1, 4>(x, weight, inputs),
                        (3, _) => tile::<3, 1>(x, weight, inputs),
                        (2, _) => tile::<2, 1>(x, weight, inputs),
                        _ => tile::<1, 1>(x, weight, inputs),
                    }
                };
                let done = if wide == 4 { 4 } else { 1 };
                for (down, sums) in sums.iter().enumerate().take(high) {
                    block[(row + down) * outputs + output..][..done].copy_from_slice(&sums[..done]);
                }
                row += high;
            }
            output += if wide == 4 { 4 } else { 1 };
        }
    }

    /// Products of `R` rows with `C` outputs.
    ///
    /// # Safety
    /// As [`block`]; `x` holds at least `R` rows and `weight` at least `C`.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn tile<const R: usize, const C: usize>(x: &[f32], weight: &[f32], inputs: usize) -> [[f32; 4]; 3] {
        debug_assert!(x.len() >= R * inputs && weight.len() >= C * inputs);
        let mut sums: [[__m256; C]; R] = [[_mm256_setzero_ps(); C]; R];
        let whole = inputs / 8 * 8;
        for at in (0..whole).step_by(8) {
            // SAFETY: at + 8 <= inputs, and the slices hold R and C rows of `inputs`
            unsafe {
                let columns: [__m256; C] = std::array::from_fn(|column| _mm256_loadu_ps(weight.as_ptr().add(column * inputs + at)));
                for (row, sums) in sums.iter_mut().enumerate() {
                    let value = _mm256_loadu_ps(x.as_ptr().add(row * inputs + at));
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum = _mm256_fmadd_ps(value, column, *sum);
                    }
                }
            }
        }
        let mut result = [[0f32; 4]; 3];
        for row in 0..R {
            for column in 0..C {
                let mut lanes = [0f32; 8];
                // SAFETY: eight lanes
                unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), sums[row][column]) };
                let rest: f32 = (whole..inputs).map(|at| x[row * inputs + at] * weight[column * inputs + at]).sum();
                result[row][column] = lanes.iter().sum::<f32>() + rest;
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_definition_at_every_remainder() {
        for (rows, inputs, outputs) in [(1, 8, 4), (2, 9, 5), (3, 16, 33), (4, 31, 70), (7, 24, 64), (16, 40, 3)] {
            let value = |seed: usize| move |i: usize| ((i * 7919 + seed) % 23) as f32 - 11.0;
            let x: Vec<f32> = (0..rows * inputs).map(value(1)).collect();
            let weight: Vec<f32> = (0..outputs * inputs).map(value(5)).collect();
            let mut y = vec![1f32; rows * outputs];
            for add in [false, true] {
                if !multiply_rows(&mut y, &x, &weight, inputs, add) {
                    return;
                }
                for row in 0..rows {
                    for output in 0..outputs {
                        let exact: f32 = (0..inputs).map(|at| x[row * inputs + at] * weight[output * inputs + at]).sum();
                        let times = if add { 2.0 } else { 1.0 };
                        assert_eq!(y[row * outputs + output], times * exact, "{rows} x {inputs} x {outputs}");
                    }
                }
            }
        }
    }
}
