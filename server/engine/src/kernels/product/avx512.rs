//! AVX-512: twelve rows by two vectors of sixteen keep 24 sums in the 32 registers.

super::tile::tile_kernels!(
    "avx512f,avx512vl,avx2,fma",
    __m512,
    16,
    12,
    [1 2 3 4 5 6 7 8 9 10 11 12],
    _mm512_setzero_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps
);

/// `into[step * width + lane] = from[lane * stride + step]`, zeros beyond `lanes`; sixteen by sixteen at a time.
///
/// # Safety
/// `from` holds `lanes` rows of `steps` values, `stride` apart; `into` `steps * width` values; width is a multiple of 16.
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
pub(super) unsafe fn panel(from: *const f32, stride: usize, lanes: usize, steps: usize, into: *mut f32, width: usize) {
    for group in (0..width).step_by(LANES) {
        for step in (0..steps).step_by(LANES) {
            let count = (steps - step).min(LANES);
            // SAFETY: rows beyond `lanes` are not read, and steps beyond `count` neither read nor written
            unsafe {
                let mask = if count == LANES { 0xffff } else { (1u16 << count) - 1 };
                let rows: [__m512; LANES] = std::array::from_fn(|row| match group + row < lanes {
                    true => _mm512_maskz_loadu_ps(mask, from.add((group + row) * stride + step)),
                    false => _mm512_setzero_ps(),
                });
                for (column, values) in transposed(rows).into_iter().enumerate().take(count) {
                    _mm512_storeu_ps(into.add((step + column) * width + group), values);
                }
            }
        }
    }
}

/// `into[column * into_stride + row] = sums[row * stride + column]` for up to sixteen rows.
///
/// # Safety
/// `sums` holds `rows` rows of whole vectors, `stride` apart; `into` may be written at those places.
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
pub(super) unsafe fn across(sums: *const f32, stride: usize, rows: usize, columns: usize, into: *mut f32, into_stride: usize) {
    let mask = if rows == LANES { 0xffff } else { (1u16 << rows) - 1 };
    for group in (0..columns).step_by(LANES) {
        // SAFETY: rows beyond `rows` are neither read nor written, columns beyond `columns` not written
        unsafe {
            let values: [__m512; LANES] = std::array::from_fn(|row| match row < rows {
                true => _mm512_loadu_ps(sums.add(row * stride + group)),
                false => _mm512_setzero_ps(),
            });
            for (column, values) in transposed(values).into_iter().enumerate().take(columns - group) {
                _mm512_mask_storeu_ps(into.add((group + column) * into_stride), mask, values);
            }
        }
    }
}

/// Sixteen rows as sixteen columns.
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
fn transposed(rows: [__m512; 16]) -> [__m512; 16] {
    // pairs of rows, then fours, then halves of the vectors, then quarters
    let pairs: [__m512; 16] = std::array::from_fn(|i| match i % 2 {
        0 => _mm512_unpacklo_ps(rows[i], rows[i + 1]),
        _ => _mm512_unpackhi_ps(rows[i - 1], rows[i]),
    });
    let double = |i: usize| _mm512_castps_pd(pairs[i]);
    let fours: [__m512; 16] = std::array::from_fn(|i| {
        let base = i / 4 * 4;
        _mm512_castpd_ps(match i % 4 {
            0 => _mm512_unpacklo_pd(double(base), double(base + 2)),
            1 => _mm512_unpackhi_pd(double(base), double(base + 2)),
            2 => _mm512_unpacklo_pd(double(base + 1), double(base + 3)),
            _ => _mm512_unpackhi_pd(double(base + 1), double(base + 3)),
        })
    });
    // fours[4 q + c] holds, in its lane of 128 bits number l, column 4 l + c of rows 4 q to 4 q + 3
    let eights: [__m512; 16] = std::array::from_fn(|i| {
        let (column, half) = (i % 4, i / 4);
        let (left, right) = if half < 2 { (fours[column], fours[4 + column]) } else { (fours[8 + column], fours[12 + column]) };
        match half % 2 {
            0 => _mm512_shuffle_f32x4::<0x88>(left, right),
            _ => _mm512_shuffle_f32x4::<0xdd>(left, right),
        }
    });
    // eights[c] and eights[8 + c]: columns c and 8 + c; eights[4 + c] and eights[12 + c]: columns 4 + c and 12 + c
    std::array::from_fn(|column| {
        let (first, second) =
            if column % 8 < 4 { (eights[column % 4], eights[8 + column % 4]) } else { (eights[4 + column % 4], eights[12 + column % 4]) };
        if column < 8 { _mm512_shuffle_f32x4::<0x88>(first, second) } else { _mm512_shuffle_f32x4::<0xdd>(first, second) }
    })
}
