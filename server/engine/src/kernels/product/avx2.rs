//! AVX2 with FMA: six rows by two vectors of eight keep 12 sums in the 16 registers.

super::tile::tile_kernels!(
    "avx2,fma",
    __m256,
    8,
    6,
    [1 2 3 4 5 6],
    _mm256_setzero_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps
);

/// `into[step * width + lane] = from[lane * stride + step]`, zeros beyond `lanes`; eight steps of a row at a time.
///
/// # Safety
/// `from` holds `lanes` rows of `steps` values, `stride` apart; `into` `steps * width` values.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn panel(from: *const f32, stride: usize, lanes: usize, steps: usize, into: *mut f32, width: usize) {
    for first in (0..steps).step_by(LANES) {
        let count = (steps - first).min(LANES);
        for lane in 0..width {
            for step in first..first + count {
                // SAFETY: the caller's promise
                unsafe { *into.add(step * width + lane) = if lane < lanes { *from.add(lane * stride + step) } else { 0.0 } };
            }
        }
    }
}

pub(super) use super::portable::across;
