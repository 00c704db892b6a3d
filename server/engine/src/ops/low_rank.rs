//! The low-rank part of a linear layer, for the arms of a batch: on the CPU the arms side by side, since each is small.

use super::{Ops, Product, RowDropout};
use crate::{
    kernels::product::{Into, View, multiply, product},
    slices::{Values, change, matrix, values},
};
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// One arm's factors, and the rows that they are for.
pub(crate) struct LowRankPart<'a> {
    /// First row in the batch.
    pub start: usize,
    /// The arm's rows of the input, `[rows, inputs]`, dropout included.
    pub seen: Tensor,
    /// `[r, inputs]` and `[outputs, r]`.
    pub a: &'a Tensor,
    pub b: &'a Tensor,
    /// What `B A` is multiplied by.
    pub scaling: f32,
}

/// Gradients of one arm's factors.
pub(crate) struct LowRankGradients {
    pub a: Tensor,
    pub b: Tensor,
}

/// The gradient of a layer's input, which each arm's part is added to, and the masks that lie between where there is dropout.
pub(crate) struct InputGradient<'a> {
    /// `[rows, inputs]`
    pub dx: &'a Tensor,
    /// One a row of the batch, or none.
    pub dropout: &'a [RowDropout],
    pub module: usize,
}

/// A part's tensors, borrowed on the CPU.
struct Slices<'a> {
    part: &'a LowRankPart<'a>,
    seen: Values<'a>,
    a: Values<'a>,
    b: Values<'a>,
}

impl<'a> Slices<'a> {
    fn all(parts: &'a [LowRankPart<'_>]) -> Result<Vec<Self>> {
        let borrow = |part: &'a LowRankPart<'_>| Ok(Self { part, seen: values(&part.seen)?, a: values(part.a)?, b: values(part.b)? });
        parts.iter().map(borrow).collect()
    }

    fn view(&self) -> Result<SliceViews<'_>> {
        let ((rows, inputs), (outputs, r)) = (self.part.seen.dims2()?, self.part.b.dims2()?);
        Ok(SliceViews {
            seen: View::new(&self.seen, rows, inputs),
            a: View::new(&self.a, r, inputs),
            b: View::new(&self.b, outputs, r),
            start: self.part.start,
            scaling: self.part.scaling,
        })
    }
}

/// The same as matrices, which other threads may hold.
#[derive(Clone, Copy)]
struct SliceViews<'a> {
    seen: View<'a>,
    a: View<'a>,
    b: View<'a>,
    start: usize,
    scaling: f32,
}

impl SliceViews<'_> {
    fn rows(self) -> usize {
        self.seen.rows()
    }

    fn r(self) -> usize {
        self.a.rows()
    }

    fn inputs(self) -> usize {
        self.a.columns()
    }

    fn outputs(self) -> usize {
        self.b.rows()
    }
}

impl Ops {
    /// Adds each part's `scaling (x A^T) B^T` to its rows of `y`, and gives each part's `x A^T`. Parts stand in the order of their rows.
    pub fn add_low_rank(self, y: &Tensor, parts: &[LowRankPart<'_>]) -> Result<Vec<Tensor>> {
        if self == Ops::Candle {
            return parts
                .iter()
                .map(|part| {
                    let inner = self.product(Product::new(&part.seen, part.a).right_transposed())?;
                    let outer = Product::new(&inner, part.b).right_transposed().times(part.scaling);
                    self.add_product_to_rows(y, part.start, outer)?;
                    Ok(inner)
                })
                .collect();
        }
        let slices = Slices::all(parts)?;
        let views: Vec<SliceViews<'_>> = slices.iter().map(Slices::view).collect::<Result<_>>()?;
        let mut inner = Vec::new();
        change(y, |y| {
            let pieces = pieces(y, &views, SliceViews::outputs);
            inner = pieces
                .into_par_iter()
                .zip(&views)
                .with_max_len(1)
                .map(|(y, view)| {
                    let inner = product(view.seen, view.a.transposed(), 1.0);
                    multiply(y, View::new(&inner, view.rows(), view.r()), view.b.transposed(), view.scaling, Into::Add);
                    inner
                })
                .collect();
        })?;
        inner.into_iter().zip(&views).map(|(inner, view)| matrix(inner, view.rows(), view.r())).collect()
    }

    /// What each part's factors get of the gradient `dy` of all rows, and what the input gets, which is added to it. `inner` is what
    /// [`Ops::add_low_rank`] gave.
    pub fn low_rank_backward(
        self,
        dy: &Tensor,
        parts: &[LowRankPart<'_>],
        inner: &[&Tensor],
        input: Option<InputGradient<'_>>,
    ) -> Result<Vec<LowRankGradients>> {
        let masked = input.as_ref().is_some_and(|input| !input.dropout.is_empty());
        if self == Ops::Candle || masked {
            let one_by_one = parts.iter().zip(inner).map(|(part, inner)| self.one_low_rank_backward(dy, part, inner, input.as_ref()));
            return one_by_one.collect();
        }
        let slices = Slices::all(parts)?;
        let views: Vec<SliceViews<'_>> = slices.iter().map(Slices::view).collect::<Result<_>>()?;
        let inner: Vec<Values<'_>> = inner.iter().map(|inner| values(inner)).collect::<Result<_>>()?;
        let inner: Vec<&[f32]> = inner.iter().map(|inner| &**inner).collect();
        let dy = values(dy)?;
        let dy: &[f32] = &dy;
        let of_part = |index: usize, dx: Option<&mut [f32]>| {
            let view: SliceViews<'_> = views[index];
            let dy = View::new(&dy[view.start * view.outputs()..], view.rows(), view.outputs());
            let d_inner = product(dy, view.b, view.scaling);
            let d_inner = View::new(&d_inner, view.rows(), view.r());
            if let Some(dx) = dx {
                multiply(dx, d_inner, view.a, 1.0, Into::Add);
            }
            let b = product(dy.transposed(), View::new(inner[index], view.rows(), view.r()), view.scaling);
            (product(d_inner.transposed(), view.seen, 1.0), b)
        };
        let mut found: Vec<(Vec<f32>, Vec<f32>)> = Vec::new();
        match input {
            Some(input) => change(input.dx, |dx| {
                let pieces = pieces(dx, &views, SliceViews::inputs);
                found = pieces.into_par_iter().enumerate().with_max_len(1).map(|(index, dx)| of_part(index, Some(dx))).collect();
            })?,
            None => found = (0..views.len()).into_par_iter().with_max_len(1).map(|index| of_part(index, None)).collect(),
        }
        let found = found.into_iter().zip(&views);
        found
            .map(|((a, b), view)| Ok(LowRankGradients { a: matrix(a, view.r(), view.inputs())?, b: matrix(b, view.outputs(), view.r())? }))
            .collect()
    }

    fn one_low_rank_backward(
        self,
        dy: &Tensor,
        part: &LowRankPart<'_>,
        inner: &Tensor,
        input: Option<&InputGradient<'_>>,
    ) -> Result<LowRankGradients> {
        let rows = part.seen.dims2()?.0;
        let dy = dy.narrow(0, part.start, rows)?;
        let d_inner = self.product(Product::new(&dy, part.b).times(part.scaling))?;
        if let Some(input) = input {
            let mut through = self.product(Product::new(&d_inner, part.a))?;
            if !input.dropout.is_empty() {
                through = self.dropout(&through, &input.dropout[part.start..part.start + rows], input.module)?;
            }
            self.add_rows(input.dx, part.start, &through)?;
        }
        Ok(LowRankGradients {
            b: self.product(Product::new(&dy, inner).left_transposed().times(part.scaling))?,
            a: self.product(Product::new(&d_inner, &part.seen).left_transposed())?,
        })
    }
}

/// The parts' rows of a matrix that is as wide as `width` says. Parts stand in the order of their rows.
fn pieces<'a, 'b>(mut rest: &'a mut [f32], views: &[SliceViews<'b>], width: fn(SliceViews<'b>) -> usize) -> Vec<&'a mut [f32]> {
    let mut done = 0;
    views
        .iter()
        .map(|&view| {
            let (_, behind) = std::mem::take(&mut rest).split_at_mut((view.start - done) * width(view));
            let (piece, behind) = behind.split_at_mut(view.rows() * width(view));
            (rest, done) = (behind, view.start + view.rows());
            piece
        })
        .collect()
}
