//! Matrix products that add into what is there.

use super::Ops;
use crate::{
    kernels::{
        self,
        product::{Into, View, multiply},
    },
    slices::{change, matrix, values},
};
use candle_core::{DType, Result, Tensor};

/// `factor * left * right`, each as it is or transposed.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    left: &'a Tensor,
    left_transposed: bool,
    right: &'a Tensor,
    right_transposed: bool,
    factor: f32,
}

impl<'a> Product<'a> {
    pub fn new(left: &'a Tensor, right: &'a Tensor) -> Self {
        Self { left, left_transposed: false, right, right_transposed: false, factor: 1.0 }
    }

    pub fn left_transposed(self) -> Self {
        Self { left_transposed: true, ..self }
    }

    pub fn right_transposed(self) -> Self {
        Self { right_transposed: true, ..self }
    }

    pub fn times(self, factor: f32) -> Self {
        Self { factor, ..self }
    }

    /// Rows and columns of the result.
    fn shape(&self) -> Result<(usize, usize)> {
        let (left, right) = (self.left.dims2()?, self.right.dims2()?);
        Ok((if self.left_transposed { left.1 } else { left.0 }, if self.right_transposed { right.0 } else { right.1 }))
    }

    /// On the CPU: hands both sides, as they are to be read, to a kernel.
    fn fused<R>(&self, with: impl FnOnce(View<'_>, View<'_>) -> R) -> Result<R> {
        let ((left_rows, left_columns), (right_rows, right_columns)) = (self.left.dims2()?, self.right.dims2()?);
        let (left, right) = (values(self.left)?, values(self.right)?);
        let view = |data, rows, columns, transposed| {
            let view = View::new(data, rows, columns);
            if transposed { view.transposed() } else { view }
        };
        Ok(with(view(&left, left_rows, left_columns, self.left_transposed), view(&right, right_rows, right_columns, self.right_transposed)))
    }

    /// Adds it to what a slice holds.
    fn fused_add(&self, destination: &mut [f32]) -> Result<()> {
        self.fused(|left, right| multiply(destination, left, right, self.factor, Into::Add))
    }

    fn by_candle(&self) -> Result<Tensor> {
        // a product of half-precision weights is taken in their precision, and what comes out is f32
        let dtype = match (self.left.dtype(), self.right.dtype()) {
            (DType::F32, DType::F32) => DType::F32,
            (DType::F32, other) | (other, _) => other,
        };
        let (left, right) = (self.left.to_dtype(dtype)?, self.right.to_dtype(dtype)?);
        let left = if self.left_transposed { left.t()? } else { left };
        let right = if self.right_transposed { right.t()? } else { right };
        let product = left.matmul(&right)?.to_dtype(DType::F32)?;
        if self.factor == 1.0 { Ok(product) } else { product.affine(f64::from(self.factor), 0.0) }
    }
}

impl Ops {
    /// The product.
    pub fn product(self, product: Product<'_>) -> Result<Tensor> {
        let mut into = None;
        self.add_product(&mut into, product)?;
        into.ok_or_else(|| candle_core::Error::Msg("a product gave nothing".into()))
    }

    /// Adds a product to what is there, or begins with it. What is there is changed in place on the CPU.
    pub fn add_product(self, into: &mut Option<Tensor>, product: Product<'_>) -> Result<()> {
        match (self, &into) {
            (Ops::Fused, Some(there)) => within(there, |values| product.fused_add(values)),
            (Ops::Fused, None) => {
                let (rows, columns) = product.shape()?;
                let fresh = product.fused(|left, right| kernels::product::product(left, right, product.factor))?;
                *into = Some(matrix(fresh, rows, columns)?);
                Ok(())
            }
            (Ops::Candle, there) => {
                let product = product.by_candle()?;
                *into = Some(match there {
                    Some(there) => (there + product)?,
                    None => product,
                });
                Ok(())
            }
        }
    }

    /// Adds a product to some rows of a matrix, in place.
    pub fn add_product_to_rows(self, into: &Tensor, start: usize, product: Product<'_>) -> Result<()> {
        let (count, _) = product.shape()?;
        let rows = into.narrow(0, start, count)?;
        match self {
            Ops::Fused => within(&rows, |values| product.fused_add(values)),
            Ops::Candle => into.slice_set(&(rows + product.by_candle()?)?, 0, start),
        }
    }

    /// `x W^T + b`.
    pub fn linear(self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let product = Product::new(x, weight).right_transposed();
        match (self, bias) {
            (_, None) => self.product(product),
            (Ops::Fused, Some(bias)) => {
                let (rows, columns) = product.shape()?;
                let mut y = values(bias)?.repeat(rows);
                product.fused_add(&mut y)?;
                matrix(y, rows, columns)
            }
            (Ops::Candle, Some(bias)) => product.by_candle()?.broadcast_add(bias),
        }
    }

    /// Adds `more` to some rows of a matrix, in place.
    pub fn add_rows(self, into: &Tensor, start: usize, more: &Tensor) -> Result<()> {
        let rows = into.narrow(0, start, more.dims2()?.0)?;
        match self {
            Ops::Fused => self.plus(rows, more).map(|_| ()),
            Ops::Candle => into.slice_set(&(rows + more)?, 0, start),
        }
    }

    /// Sum over rows, `[width]`: the gradient of a bias.
    pub fn sum_of_rows(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Ops::Candle => x.sum(0),
            Ops::Fused => {
                let (_, width) = x.dims2()?;
                let mut sums = vec![0f32; width];
                for row in values(x)?.chunks_exact(width) {
                    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
                Tensor::from_vec(sums, width, x.device())
            }
        }
    }

    /// `into + more`; on the CPU in place, so that nobody else may hold `into`.
    pub fn plus(self, into: Tensor, more: &Tensor) -> Result<Tensor> {
        match self {
            Ops::Fused => {
                let more = values(more)?;
                change(&into, |into| into.iter_mut().zip(&*more).for_each(|(into, from)| *into += from))?;
                Ok(into)
            }
            Ops::Candle => into + more,
        }
    }

    /// Adds elementwise to what is there, or begins with it.
    pub fn add(self, into: &mut Option<Tensor>, more: Tensor) -> Result<()> {
        *into = Some(match into.take() {
            Some(there) => self.plus(there, &more)?,
            None => more,
        });
        Ok(())
    }
}

/// Changes a tensor's values in place by something that can fail.
fn within(tensor: &Tensor, with: impl FnOnce(&mut [f32]) -> Result<()> + Send) -> Result<()> {
    let mut outcome = Ok(());
    change(tensor, |values| outcome = with(values))?;
    outcome
}
