//! The innermost loops, written once for both vector widths.

/// A module's kernels for one set of instructions.
macro_rules! tile_kernels {
    ($features:literal, $vector:ident, $lanes:literal, $rows:literal, [$($height:literal)*], $zero:ident, $load:ident, $store:ident, $spread:ident, $fused:ident) => {
        use super::schedule::Tile;
        use std::arch::x86_64::*;

        /// Rows of a tile; values in a vector. A tile is one or two vectors wide.
        pub(super) const ROWS: usize = $rows;
        pub(super) const LANES: usize = $lanes;

        /// Sums of a whole tile, left in `tile.c`. Vectors at the edge are read and written whole: the caller gives buffers for that.
        ///
        /// # Safety
        /// See [`Tile`]; the processor has the instructions.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn tile(tile: &Tile) {
            // SAFETY: the caller's promise
            unsafe {
                match (tile.rows, tile.columns > LANES) {
                    $(($height, true) => sums::<$height, 2>(tile),
                    ($height, false) => sums::<$height, 1>(tile),)*
                    _ => {}
                }
            }
        }

        #[target_feature(enable = $features)]
        unsafe fn sums<const R: usize, const V: usize>(tile: &Tile) {
            // SAFETY: the caller's promise
            unsafe {
                let mut sums: [[$vector; V]; R] = std::array::from_fn(|row| std::array::from_fn(|v| match tile.goes_on {
                    true => $load(tile.c.add(row * tile.c_row + LANES * v)),
                    false => $zero(),
                }));
                let (mut a, mut b) = (tile.a, tile.b);
                for step in 0..tile.steps {
                    // the rows that the next tile reads are far from these
                    if tile.ahead != 0 && step % 16 == 0 {
                        for row in 0..R {
                            _mm_prefetch::<_MM_HINT_T0>(a.wrapping_add(row * tile.a_row + tile.ahead).cast());
                        }
                    }
                    let columns: [$vector; V] = std::array::from_fn(|v| $load(b.add(LANES * v)));
                    for row in 0..R {
                        let value = $spread(*a.add(row * tile.a_row));
                        for v in 0..V {
                            sums[row][v] = $fused(value, columns[v], sums[row][v]);
                        }
                    }
                    a = a.wrapping_add(tile.a_step);
                    b = b.wrapping_add(tile.b_step);
                }
                for row in 0..R {
                    for v in 0..V {
                        $store(tile.c.add(row * tile.c_row + LANES * v), sums[row][v]);
                    }
                }
            }
        }

        /// `into[row * into_stride + column] (+)= factor * sums[row * stride + column]`. What is not added to may be uninitialised.
        ///
        /// # Safety
        /// `sums` holds the values, `into` the places; the processor has the instructions.
        #[target_feature(enable = $features)]
        #[expect(clippy::too_many_arguments, reason = "two matrices")]
        pub(super) unsafe fn finish(sums: *const f32, stride: usize, rows: usize, columns: usize, into: *mut f32, into_stride: usize, factor: f32, add: bool) {
            for row in 0..rows {
                let (sums, into) = (sums.wrapping_add(row * stride), into.wrapping_add(row * into_stride));
                // SAFETY: the caller's promise
                unsafe {
                    if add {
                        for column in 0..columns {
                            *into.add(column) += factor * *sums.add(column);
                        }
                    } else {
                        for column in 0..columns {
                            into.add(column).write(factor * *sums.add(column));
                        }
                    }
                }
            }
        }

        /// Copies `steps` rows of `columns` values, `stride` apart, one behind the other; each is filled up with zeros to whole vectors.
        ///
        /// # Safety
        /// `from` holds the rows, `into` `steps` rows of whole vectors; the processor has the instructions.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn strip(from: *const f32, stride: usize, steps: usize, columns: usize, into: *mut f32) {
            let whole = columns.div_ceil(LANES) * LANES;
            for step in 0..steps {
                let (from, into) = (from.wrapping_add(step * stride), into.wrapping_add(step * whole));
                // SAFETY: the caller's promise
                unsafe {
                    if columns == 2 * LANES {
                        $store(into, $load(from));
                        $store(into.add(LANES), $load(from.add(LANES)));
                    } else {
                        for column in 0..whole {
                            *into.add(column) = if column < columns { *from.add(column) } else { 0.0 };
                        }
                    }
                }
            }
        }
    };
}
pub(super) use tile_kernels;
