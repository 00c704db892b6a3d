//! For processors without the vector instructions that we know: the same sums in the same order, one at a time.

use super::schedule::Tile;

pub(super) const ROWS: usize = 4;
pub(super) const LANES: usize = 4;

/// As the vector kernels' `tile`.
///
/// # Safety
/// See [`Tile`].
pub(super) unsafe fn tile(tile: &Tile) {
    for row in 0..tile.rows {
        for column in 0..tile.columns {
            // SAFETY: the caller's promise
            let mut sum = if tile.goes_on { unsafe { *tile.c.add(row * tile.c_row + column) } } else { 0.0 };
            for step in 0..tile.steps {
                // SAFETY: the caller's promise
                let (a, b) = unsafe { (*tile.a.add(row * tile.a_row + step * tile.a_step), *tile.b.add(step * tile.b_step + column)) };
                sum = a.mul_add(b, sum);
            }
            // SAFETY: the caller's promise
            unsafe { *tile.c.add(row * tile.c_row + column) = sum };
        }
    }
}

/// `into[step * width + lane] = from[lane * stride + step]`, zeros beyond `lanes`.
///
/// # Safety
/// `from` holds `lanes` rows of `steps` values, `stride` apart; `into` `steps * width` values.
pub(super) unsafe fn panel(from: *const f32, stride: usize, lanes: usize, steps: usize, into: *mut f32, width: usize) {
    for step in 0..steps {
        for lane in 0..width {
            // SAFETY: the caller's promise
            unsafe { *into.add(step * width + lane) = if lane < lanes { *from.add(lane * stride + step) } else { 0.0 } };
        }
    }
}

/// As the vector kernels' `strip`.
///
/// # Safety
/// `from` holds `steps` rows of `columns` values, `stride` apart, `into` as many of whole vectors.
pub(super) unsafe fn strip(from: *const f32, stride: usize, steps: usize, columns: usize, into: *mut f32) {
    let whole = columns.div_ceil(LANES) * LANES;
    for step in 0..steps {
        for column in 0..whole {
            // SAFETY: the caller's promise
            unsafe { *into.add(step * whole + column) = if column < columns { *from.add(step * stride + column) } else { 0.0 } };
        }
    }
}

/// As the vector kernels' `across`.
///
/// # Safety
/// `sums` holds `rows` rows, `stride` apart, of `columns` values; `into` may be written at `column * into_stride + row`.
pub(super) unsafe fn across(sums: *const f32, stride: usize, rows: usize, columns: usize, into: *mut f32, into_stride: usize) {
    for column in 0..columns {
        for row in 0..rows {
            // SAFETY: the caller's promise
            unsafe { *into.add(column * into_stride + row) = *sums.add(row * stride + column) };
        }
    }
}

/// As the vector kernels' `finish`.
///
/// # Safety
/// `sums` holds the values, `into` the places.
#[expect(clippy::too_many_arguments, reason = "two matrices")]
pub(super) unsafe fn finish(
    sums: *const f32,
    stride: usize,
    rows: usize,
    columns: usize,
    into: *mut f32,
    into_stride: usize,
    factor: f32,
    add: bool,
) {
    for row in 0..rows {
        for column in 0..columns {
            // SAFETY: the caller's promise
            unsafe {
                let (into, value) = (into.add(row * into_stride + column), factor * *sums.add(row * stride + column));
                into.write(if add { *into + value } else { value });
            }
        }
    }
}
