//! Matrix products by the `gemm` crate, the one that candle uses, with what candle's `matmul` leaves out:
//! adding into what is there, and writing into a part of a matrix.

use super::skinny;
use gemm::Parallelism;

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
    // a product this small is done before another thread has woken up
    let parallelism = if m * n * k < 48 * 1024 { Parallelism::None } else { Parallelism::Rayon(rayon::current_num_threads()) };
    // SAFETY: the sizes asserted above and in `View::new` keep every access inside the three slices,
    // and the destination is borrowed alone.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            destination.as_mut_ptr(),
            1,
            n as isize,
            into == Into::Add,
            left.data.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0,
            factor,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// `y (+)= x W^T` with `x` `[rows, inputs]` and `W` `[outputs, inputs]`, by whichever way is faster for so many rows.
pub fn multiply_by_rows(y: &mut [f32], x: &[f32], weight: &[f32], inputs: usize, into: Into) {
    let (rows, outputs) = (x.len() / inputs, weight.len() / inputs);
    if rows > skinny::MOST_ROWS || !skinny::multiply_rows(y, x, weight, inputs, into == Into::Add) {
        multiply(y, View::new(x, rows, inputs), View::new(weight, outputs, inputs).transposed(), 1.0, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_definition_in_every_layout() {
        let left: Vec<f32> = (0..6).map(|i| i as f32).collect(); // 2 x 3
        let right: Vec<f32> = (0..12).map(|i| (i as f32) - 5.0).collect(); // 3 x 4
        let mut expected = [0f32; 8];
        for i in 0..2 {
            for j in 0..4 {
                for k in 0..3 {
                    expected[i * 4 + j] += left[i * 3 + k] * right[k * 4 + j];
                }
            }
        }
        let mut right_transposed = [0f32; 12];
        for k in 0..3 {
            for j in 0..4 {
                right_transposed[j * 3 + k] = right[k * 4 + j];
            }
        }
        let mut out = vec![7f32; 8];
        multiply(&mut out, View::new(&left, 2, 3), View::new(&right, 3, 4), 1.0, Into::Replace);
        assert_eq!(out, expected);
        multiply(&mut out, View::new(&left, 2, 3), View::new(&right_transposed, 4, 3).transposed(), -2.0, Into::Add);
        assert_eq!(out, expected.map(|value| -value));
    }
}
