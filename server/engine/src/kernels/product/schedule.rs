//! How a product is cut into tiles, and which thread does which.

use super::{Instructions, Into, View, portable};
use rayon::prelude::*;
use std::{cell::RefCell, ops::Range};

/// A product this small is done before another thread has woken up.
const ALONE: usize = 512 * 1024;
/// Inner steps of a strip that is copied together: 512 rows of two vectors stay in the second cache.
const STRIP_STEPS: usize = 512;
/// With as few inner steps as this (a LoRA rank) writing a tile across costs more than transposing the right matrix first.
const FEW_STEPS: usize = 64;
/// Widest tile: twelve rows of two vectors of sixteen.
const LARGEST: usize = 12 * 32;

/// `c[row, column] = sum over steps of a[row, step] * b[step, column]`.
///
/// Whoever runs one promises that `a` may be read at `row * a_row + step * a_step` for `rows` and `steps`, and that `b` and `c` hold whole
/// vectors: `columns` rounded up to `LANES` from `step * b_step` and `row * c_row` on.
pub(super) struct Tile {
    pub a: *const f32,
    pub a_row: usize,
    pub a_step: usize,
    pub b: *const f32,
    pub b_step: usize,
    pub c: *mut f32,
    pub c_row: usize,
    pub rows: usize,
    pub columns: usize,
    pub steps: usize,
    /// Begin with what is in `c`, not with zeros.
    pub goes_on: bool,
    /// Distance to what is read next, to fetch it early; 0: don't.
    pub ahead: usize,
}

/// Calls a kernel's function in the module of its instructions.
macro_rules! by_instructions {
    ($kernel:expr, $function:ident($($argument:expr),*)) => {
        match $kernel.instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => super::avx512::$function($($argument),*),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => super::avx2::$function($($argument),*),
            _ => portable::$function($($argument),*),
        }
    };
}

#[derive(Clone, Copy)]
struct Kernel {
    rows: usize,
    lanes: usize,
    instructions: Instructions,
}

impl Kernel {
    fn of(instructions: Instructions) -> Self {
        #[cfg(target_arch = "x86_64")]
        use super::{avx2, avx512};
        let (rows, lanes) = match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => (avx512::ROWS, avx512::LANES),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => (avx2::ROWS, avx2::LANES),
            _ => (portable::ROWS, portable::LANES),
        };
        Self { rows, lanes, instructions }
    }

    /// Columns of a full tile.
    fn width(self) -> usize {
        2 * self.lanes
    }

    /// Columns rounded up to whole vectors.
    fn whole(self, columns: usize) -> usize {
        columns.div_ceil(self.lanes) * self.lanes
    }

    /// # Safety
    /// As [`Tile`] says.
    unsafe fn tile(self, tile: &Tile) {
        // SAFETY: `Instructions::available` gave the instructions, and the caller promises the rest
        unsafe { by_instructions!(self, tile(tile)) }
    }

    /// # Safety
    /// As the kernels' `panel` say.
    unsafe fn panel(self, from: *const f32, stride: usize, lanes: usize, steps: usize, into: *mut f32, width: usize) {
        // SAFETY: as above
        unsafe { by_instructions!(self, panel(from, stride, lanes, steps, into, width)) }
    }

    /// # Safety
    /// As the kernels' `strip` say.
    unsafe fn strip(self, from: *const f32, stride: usize, steps: usize, columns: usize, into: *mut f32) {
        // SAFETY: as above
        unsafe { by_instructions!(self, strip(from, stride, steps, columns, into)) }
    }

    /// # Safety
    /// As the kernels' `across` say.
    unsafe fn across(self, sums: *const f32, stride: usize, rows: usize, columns: usize, into: *mut f32, into_stride: usize) {
        // SAFETY: as above
        unsafe { by_instructions!(self, across(sums, stride, rows, columns, into, into_stride)) }
    }
}

/// The destination, shared by threads that each write tiles of their own.
#[derive(Clone, Copy)]
struct Destination {
    data: *mut f32,
    columns: usize,
    factor: f32,
    add: bool,
}
// SAFETY: tasks write disjoint tiles
unsafe impl Send for Destination {}
// SAFETY: as above
unsafe impl Sync for Destination {}

impl Destination {
    /// Writes a block of sums, or adds it: `sums[row * stride + column]`.
    ///
    /// # Safety
    /// The rows and columns lie within the destination, and nobody else writes them.
    unsafe fn take(self, kernel: Kernel, sums: &[f32], stride: usize, rows: Range<usize>, columns: Range<usize>) {
        assert!(sums.len() >= (rows.len() - 1) * stride + columns.len());
        let into = self.data.wrapping_add(rows.start * self.columns + columns.start);
        // SAFETY: the caller's promise; where nothing is added, what is there may never have been written
        unsafe {
            by_instructions!(kernel, finish(sums.as_ptr(), stride, rows.len(), columns.len(), into, self.columns, self.factor, self.add))
        }
    }
}

thread_local! {
    /// Strips and panels; kept, so that no product asks the system for memory.
    static STRIP: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    static PANELS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of this thread, at least `size` long.
fn with_buffer<R>(of: &'static std::thread::LocalKey<RefCell<Vec<f32>>>, size: usize, with: impl FnOnce(&mut [f32]) -> R) -> R {
    // taken out meanwhile: a thread that waits may do another task of ours
    let mut buffer = of.take();
    if buffer.len() < size {
        buffer.resize(size, 0.0);
    }
    let result = with(&mut buffer[..size]);
    of.set(buffer);
    result
}

/// # Safety
/// `destination` has room for the product, is nobody else's, and holds values where they are added to.
pub(super) unsafe fn run(instructions: Instructions, destination: *mut f32, left: View<'_>, right: View<'_>, factor: f32, into: Into) {
    let kernel = Kernel::of(instructions);
    let (m, n, k) = (left.rows, right.columns, left.columns);
    let destination = Destination { data: destination, columns: n, factor, add: into == Into::Add };
    if right.column_stride == 1 {
        // few columns and rows that stand side by side: vectors along the rows waste none
        if n < kernel.lanes && m > n && left.row_stride == 1 {
            return by_rows(kernel, destination, left, right);
        }
        return by_columns(kernel, destination, left, right);
    }
    if k <= FEW_STEPS && n > kernel.lanes {
        let mut transposed = vec![0f32; k * n];
        for (step, row) in transposed.chunks_exact_mut(n).enumerate() {
            let from = right.data[step * right.row_stride..].iter().step_by(right.column_stride);
            row.iter_mut().zip(from).for_each(|(into, from)| *into = *from);
        }
        return by_columns(kernel, destination, left, View::new(&transposed, k, n));
    }
    by_rows(kernel, destination, left, right)
}

/// Does `task` for every number below `count`, on all threads if the work is worth it.
fn spread(count: usize, work: usize, task: impl Fn(usize) + Sync + Send) {
    if work < ALONE || count == 1 {
        (0..count).for_each(task);
    } else {
        (0..count).into_par_iter().with_max_len(1).for_each(task);
    }
}

/// Cuts `0..count` into about `parts` ranges whose bounds are multiples of `unit`.
fn cut(count: usize, unit: usize, parts: usize) -> Vec<Range<usize>> {
    let units = count.div_ceil(unit);
    let size = units.div_ceil(parts.max(1)).max(1) * unit;
    (0..count).step_by(size).map(|start| start..(start + size).min(count)).collect()
}

/// Vectors along the columns of the right matrix, whose rows are contiguous. Strips of it are copied together, and each meets
/// all rows of the left.
fn by_columns(kernel: Kernel, destination: Destination, left: View<'_>, right: View<'_>) {
    let (m, n, k) = (left.rows, right.columns, left.columns);
    let width = kernel.width();
    let strips = n.div_ceil(width);
    // few strips: cut the rows as well
    let blocks = cut(m, kernel.rows, if strips < 8 { 8usize.div_ceil(strips) } else { 1 });
    spread(strips * blocks.len(), m * n * k, |task| {
        let (strip, rows) = (task / blocks.len(), blocks[task % blocks.len()].clone());
        let columns = strip * width..((strip + 1) * width).min(n);
        let whole = kernel.whole(columns.len());
        let height = rows.len().next_multiple_of(kernel.rows);
        with_buffer(&STRIP, (k.min(STRIP_STEPS) + height) * whole, |buffer| {
            let (strip, sums) = buffer.split_at_mut(k.min(STRIP_STEPS) * whole);
            for start in (0..k).step_by(STRIP_STEPS) {
                let steps = start..(start + STRIP_STEPS).min(k);
                let from = &right.data[start * right.row_stride + columns.start..];
                assert!(from.len() >= (steps.len() - 1) * right.row_stride + columns.len() && strip.len() >= steps.len() * whole);
                // SAFETY: asserted just now
                unsafe { kernel.strip(from.as_ptr(), right.row_stride, steps.len(), columns.len(), strip.as_mut_ptr()) };
                for first in rows.clone().step_by(kernel.rows) {
                    let tile = Tile {
                        a: left.data[first * left.row_stride + start * left.column_stride..].as_ptr(),
                        a_row: left.row_stride,
                        a_step: left.column_stride,
                        b: strip.as_ptr(),
                        b_step: whole,
                        c: sums[(first - rows.start) * whole..].as_mut_ptr(),
                        c_row: whole,
                        rows: kernel.rows.min(rows.end - first),
                        columns: columns.len(),
                        steps: steps.len(),
                        goes_on: start > 0,
                        ahead: 0,
                    };
                    // SAFETY: the tile's rows and steps are the left matrix's, strip and sums hold whole vectors for them
                    unsafe { kernel.tile(&tile) };
                }
            }
            // SAFETY: these rows and columns are this task's alone
            unsafe { destination.take(kernel, sums, whole, rows, columns) };
        });
    });
}

/// Vectors along the rows of the left matrix, which are transposed into panels; values of the right matrix are spread over the lanes
/// one by one, read in place.
fn by_rows(kernel: Kernel, destination: Destination, left: View<'_>, right: View<'_>) {
    let (m, n, k) = (left.rows, right.columns, left.columns);
    let width = kernel.width();
    let full = m / width * width;
    let padded = full + kernel.whole(m - full);
    with_buffer(&PANELS, padded * k, |panels| {
        let count = m.div_ceil(width);
        let fill = |index: usize, panel: &mut [f32]| {
            let (first, lanes) = (index * width, width.min(m - index * width));
            let panel_width = kernel.whole(lanes);
            if left.row_stride == 1 {
                for (step, into) in panel.chunks_exact_mut(panel_width).enumerate() {
                    let (values, rest) = into.split_at_mut(lanes);
                    values.copy_from_slice(&left.data[step * left.column_stride + first..][..lanes]);
                    rest.fill(0.0);
                }
            } else {
                let from = &left.data[first * left.row_stride..];
                assert!(from.len() >= (lanes - 1) * left.row_stride + k && left.column_stride == 1 && panel.len() == k * panel_width);
                // SAFETY: asserted just now
                unsafe { kernel.panel(from.as_ptr(), left.row_stride, lanes, k, panel.as_mut_ptr(), panel_width) };
            }
        };
        if count > 1 && m * k >= ALONE {
            panels.par_chunks_mut(width * k).enumerate().for_each(|(index, panel)| fill(index, panel));
        } else {
            panels.chunks_mut(width * k).enumerate().for_each(|(index, panel)| fill(index, panel));
        }
        let panels = &*panels;
        let chunks = cut(n, kernel.rows, n.div_ceil(4 * kernel.rows).max(rayon::current_num_threads()));
        spread(chunks.len(), m * n * k, |chunk| {
            let chunk = chunks[chunk].clone();
            for first in chunk.clone().step_by(kernel.rows) {
                let outputs = first..(first + kernel.rows).min(chunk.end);
                for index in 0..count {
                    let lanes = index * width..((index + 1) * width).min(m);
                    let panel_width = kernel.whole(lanes.len());
                    let mut sums = [0f32; LARGEST];
                    let tile = Tile {
                        a: right.data[outputs.start * right.column_stride..].as_ptr(),
                        a_row: right.column_stride,
                        a_step: right.row_stride,
                        b: panels[index * width * k..].as_ptr(),
                        b_step: panel_width,
                        c: sums.as_mut_ptr(),
                        c_row: panel_width,
                        rows: outputs.len(),
                        columns: lanes.len(),
                        steps: k,
                        goes_on: false,
                        ahead: if index == 0 && right.row_stride == 1 { kernel.rows * right.column_stride } else { 0 },
                    };
                    // SAFETY: the tile's rows are columns of the right matrix; panels and sums hold whole vectors
                    unsafe { kernel.tile(&tile) };
                    let plain = !destination.add && destination.factor == 1.0;
                    let into = destination.data.wrapping_add(lanes.start * n + outputs.start);
                    let mut turned = [0f32; LARGEST];
                    // SAFETY: these rows and columns are this task's alone
                    unsafe {
                        if plain {
                            kernel.across(sums.as_ptr(), panel_width, outputs.len(), lanes.len(), into, n);
                        } else {
                            kernel.across(sums.as_ptr(), panel_width, outputs.len(), lanes.len(), turned.as_mut_ptr(), outputs.len());
                            destination.take(kernel, &turned, outputs.len(), lanes, outputs.clone());
                        }
                    }
                }
            }
        });
    });
}
