//! Matrix products for the CPU. Every value of a result is summed over the inner index in the same order, one fused multiply-add
//! after another, however many rows and columns there are and whichever thread takes them. So what a row becomes does not depend on
//! the rows beside it: an arm ends the same, to the last bit, alone and in company.
//!
//! Weights are read as they stand. `x W^T` is computed with vectors along the rows of `x` (few, and transposed into panels first) and one
//! weight at a time spread over all lanes: the large matrix streams by once and is never copied. The other products run with vectors
//! along the columns of the right matrix.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
mod schedule;
#[cfg(target_arch = "x86_64")]
mod tile;

use std::sync::OnceLock;

/// A matrix that is looked at: `data[row * row_stride + column * column_stride]`.
#[derive(Clone, Copy)]
pub struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// Rows one after the other.
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert!(data.len() >= rows * columns, "matrix of {rows} x {columns} over {} values", data.len());
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    pub fn rows(self) -> usize {
        self.rows
    }

    pub fn columns(self) -> usize {
        self.columns
    }

    /// The same values, rows and columns swapped.
    pub fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }
}

/// What becomes of the values that are in the destination.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Into {
    Replace,
    Add,
}

/// `destination (+)= factor * left * right`, rows of the destination one after the other.
pub fn multiply(destination: &mut [f32], left: View<'_>, right: View<'_>, factor: f32, into: Into) {
    let (m, n, k) = (left.rows, right.columns, left.columns);
    assert_eq!(right.rows, k, "inner sizes of a product differ");
    assert_eq!(destination.len(), m * n, "destination of a product");
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        if into == Into::Replace {
            destination.fill(0.0);
        }
        return;
    }
    // SAFETY: the size was asserted, and the slice is borrowed alone
    unsafe { schedule::run(instructions(), destination.as_mut_ptr(), left, right, factor, into) };
}

/// `factor * left * right`, in memory that nobody zeroed first.
pub fn product(left: View<'_>, right: View<'_>, factor: f32) -> Vec<f32> {
    let (m, n, k) = (left.rows, right.columns, left.columns);
    assert_eq!(right.rows, k, "inner sizes of a product differ");
    if m * n * k == 0 {
        return vec![0f32; m * n];
    }
    let mut destination = Vec::with_capacity(m * n);
    // SAFETY: there is room for m x n values, and every one of them is written
    unsafe {
        schedule::run(instructions(), destination.as_mut_ptr(), left, right, factor, Into::Replace);
        destination.set_len(m * n);
    }
    destination
}

/// Which vector instructions the processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instructions {
    Avx512,
    Avx2,
    Portable,
}

impl Instructions {
    /// All that this processor has, best first.
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
            [(avx512, Self::Avx512), (avx2, Self::Avx2), (true, Self::Portable)]
                .into_iter()
                .filter(|(has, _)| *has)
                .map(|(_, kind)| kind)
                .collect()
        }
        #[cfg(not(target_arch = "x86_64"))]
        vec![Self::Portable]
    }
}

fn instructions() -> Instructions {
    static BEST: OnceLock<Instructions> = OnceLock::new();
    *BEST.get_or_init(|| Instructions::available()[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0).collect()
    }

    /// A product in f64.
    fn exact(left: View<'_>, right: View<'_>, i: usize, j: usize) -> f64 {
        let at = |view: View<'_>, row: usize, column: usize| f64::from(view.data[row * view.row_stride + column * view.column_stride]);
        (0..left.columns).map(|k| at(left, i, k) * at(right, k, j)).sum()
    }

    #[test]
    fn agrees_with_the_definition_in_every_layout_and_at_every_remainder() {
        let sizes = [
            (1, 1, 1),
            (1, 7, 40),
            (2, 3, 4),
            (5, 17, 9),
            (12, 32, 16),
            (13, 33, 65),
            (16, 100, 31),
            (17, 2, 70),
            (31, 64, 2),
            (33, 5, 48),
            (47, 1100, 29),
            (70, 130, 96),
            (100, 16, 200),
        ];
        for (m, k, n) in sizes {
            for (left_transposed, right_transposed) in [(false, false), (false, true), (true, false), (true, true)] {
                let (left, right) = (filled(m * k, 1), filled(k * n, 2));
                let view = |data, rows, columns, transposed| {
                    if transposed { View::new(data, columns, rows).transposed() } else { View::new(data, rows, columns) }
                };
                let (left, right) = (view(&left, m, k, left_transposed), view(&right, k, n, right_transposed));
                for instructions in Instructions::available() {
                    for (into, factor) in [(Into::Replace, 1.0), (Into::Add, -0.5)] {
                        let mut found = vec![3f32; m * n];
                        // SAFETY: m x n values
                        unsafe { schedule::run(instructions, found.as_mut_ptr(), left, right, factor, into) };
                        for (at, value) in found.iter().enumerate() {
                            let before = if into == Into::Add { 3.0 } else { 0.0 };
                            let expected = before + f64::from(factor) * exact(left, right, at / n, at % n);
                            let allowed = 1e-6 * (1.0 + expected.abs()) * (1.0 + (k as f64).sqrt() / 4.0);
                            assert!(
                                (f64::from(*value) - expected).abs() < allowed,
                                "{instructions:?} {m} x {k} x {n} {left_transposed} {right_transposed} at {at}: {value}, not {expected}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_the_rows_beside_it_nor_on_the_processor() {
        let (k, n) = (1200, 75);
        let (left, weight) = (filled(90 * k, 3), filled(k * n, 4));
        for right in [View::new(&weight, k, n), View::new(&weight, n, k).transposed()] {
            let mut whole = vec![0f32; 90 * n];
            multiply(&mut whole, View::new(&left, 90, k), right, 1.0, Into::Replace);
            for (first, rows) in [(0, 1), (5, 16), (7, 33), (20, 70)] {
                for instructions in Instructions::available() {
                    let mut part = vec![0f32; rows * n];
                    // SAFETY: rows x n values
                    unsafe {
                        schedule::run(instructions, part.as_mut_ptr(), View::new(&left[first * k..], rows, k), right, 1.0, Into::Replace)
                    };
                    assert_eq!(part, whole[first * n..(first + rows) * n], "{instructions:?}, rows {first} to {}", first + rows);
                }
            }
        }
    }
}
