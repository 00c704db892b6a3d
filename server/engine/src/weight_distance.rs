//! How far training has moved the linear layers' weights, and along how many directions.

use crate::{EngineError, Flow, Lora, Model, Signal, layout::Layout, lora::Factors};
use candle_core::{DType, Device, Tensor};
use nalgebra::DMatrix;
use rayon::prelude::*;

/// Singular values that are kept of an update.
const KEPT: usize = 16;

/// One linear layer's update `W - W0`, which is `scaling B A` for LoRA. `W0` is the original's weight.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightDistance {
    /// `model.layers.3.self_attn.q_proj`
    pub module: String,
    /// From 0; `None` for what stands in no layer (OPT-350m's projections).
    pub layer: Option<usize>,
    /// The name within its layer, `self_attn.q_proj`; else the module's.
    pub matrix: String,
    /// ||W - W0||, the square root of the sum of squares.
    pub frobenius: f64,
    /// ||W - W0|| / ||W0||, Frobenius norms; infinite where W0 is zero and W isn't.
    pub relative: f64,
    /// Roy and Vetterli (2007): e to the entropy (nats) of the singular values divided by their sum. From 1 to the smaller of the
    /// matrix's sides; 0 for no update.
    pub effective_rank: f64,
    /// ||W - W0||^2 / s1^2, s1 the largest singular value; at most the rank, 0 for no update.
    pub stable_rank: f64,
    /// The largest sixteen, largest first (for LoRA at most r).
    pub singular_values: Vec<f64>,
}

/// Updates of the layers that an adapter adapts, in the model's order. The product `B A` is never decomposed: its singular values are
/// those of `B R^T` with `A^T = Q R`, found from an r x r matrix. Tells `Scored` now and then, with no tokens.
///
/// Errors: an adapter of another model, factors that are no finite numbers, [`EngineError::Stopped`].
pub fn lora_distances(model: &Model, lora: &Lora, observer: &mut dyn FnMut(Signal) -> Flow) -> Result<Vec<WeightDistance>, EngineError> {
    let layout = &model.layout;
    if lora.factors().len() != layout.modules.len() {
        return Err(EngineError::Input(format!(
            "the adapter is made for {} linear layers, the model has {}; give the model that it was trained on",
            lora.factors().len(),
            layout.modules.len()
        )));
    }
    let adapted: Vec<(usize, &Factors)> =
        lora.factors().iter().enumerate().filter_map(|(id, factors)| Some((id, factors.as_ref()?))).collect();
    in_parts(&adapted, observer, |(id, factors)| {
        let name = &layout.modules[*id].name;
        let original = norm(&in_f64(&model.weights[layout.modules[*id].weight])?, name)?;
        let gram = low_rank_gram(&in_f64(&factors.a)?, &in_f64(&factors.b)?, f64::from(lora.scaling()), name)?;
        Ok(distance(layout, *id, original, singular_values(gram, name)?))
    })
}

/// Updates of every linear layer of a model that was trained in full from `original`, in the model's order. Singular values are the
/// roots of the eigenvalues of the smaller Gram matrix, in f64: those below 1e-7 of the largest are lost in rounding and count as 0.
/// Tells `Scored` now and then, with no tokens.
///
/// Errors: models of different shapes, weights that are no finite numbers, [`EngineError::Stopped`].
pub fn full_distances(
    original: &Model,
    trained: &Model,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<Vec<WeightDistance>, EngineError> {
    let layout = &original.layout;
    if layout.modules != trained.layout.modules {
        return Err(EngineError::Input(format!(
            "{} and {} have different linear layers; compare a model with the one that it was trained from",
            original.info().name,
            trained.info().name
        )));
    }
    let modules: Vec<usize> = (0..layout.modules.len()).collect();
    in_parts(&modules, observer, |id| {
        let module = &layout.modules[*id];
        let before = in_f64(&original.weights[module.weight])?;
        let update = (in_f64(&trained.weights[module.weight])? - &before)?;
        let original = norm(&before, &module.name)?;
        norm(&update, &module.name)?;
        Ok(distance(layout, *id, original, singular_values(smaller_gram(&transposed(&update)?), &module.name)?))
    })
}

fn in_parts<T: Sync>(
    all: &[T],
    observer: &mut dyn FnMut(Signal) -> Flow,
    of: impl Fn(&T) -> Result<WeightDistance, EngineError> + Sync,
) -> Result<Vec<WeightDistance>, EngineError> {
    let mut distances = Vec::with_capacity(all.len());
    for part in all.chunks(2 * rayon::current_num_threads()) {
        distances.extend(part.par_iter().map(&of).collect::<Result<Vec<_>, EngineError>>()?);
        if observer(Signal::Scored { done: distances.len(), total: all.len(), tokens: 0 }).is_break() {
            return Err(EngineError::Stopped);
        }
    }
    Ok(distances)
}

fn in_f64(weight: &Tensor) -> Result<Tensor, EngineError> {
    Ok(weight.to_device(&Device::Cpu)?.to_dtype(DType::F64)?)
}

/// Frobenius norm; an error for what is no finite number.
fn norm(matrix: &Tensor, module: &str) -> Result<f64, EngineError> {
    let norm = matrix.sqr()?.sum_all()?.to_scalar::<f64>()?.sqrt();
    if norm.is_finite() { Ok(norm) } else { Err(not_finite(module)) }
}

fn not_finite(module: &str) -> EngineError {
    EngineError::Input(format!(
        "the weights of {module} are no finite numbers: training has diverged; train it again with a lower learning_rate"
    ))
}

/// A tensor for nalgebra, which stores columns where candle stores rows: the transpose.
fn transposed(matrix: &Tensor) -> Result<DMatrix<f64>, EngineError> {
    let (rows, columns) = matrix.dims2()?;
    Ok(DMatrix::from_vec(columns, rows, matrix.flatten_all()?.to_vec1()?))
}

/// `M M^T` or `M^T M`, whichever is smaller.
fn smaller_gram(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let transpose = matrix.transpose();
    if matrix.nrows() <= matrix.ncols() { matrix * transpose } else { transpose * matrix }
}

/// `R (B^T B) R^T scaling^2` with `A^T = Q R`: its eigenvalues are the squares of the singular values of `scaling B A`.
fn low_rank_gram(a: &Tensor, b: &Tensor, scaling: f64, module: &str) -> Result<DMatrix<f64>, EngineError> {
    let r = transposed(a)?.qr().r();
    let b = transposed(b)?;
    let gram = &r * (&b * b.transpose()) * r.transpose() * (scaling * scaling);
    if gram.iter().all(|value| value.is_finite()) { Ok(gram) } else { Err(not_finite(module)) }
}

/// Roots of the eigenvalues of a Gram matrix, largest first.
fn singular_values(gram: DMatrix<f64>, module: &str) -> Result<Vec<f64>, EngineError> {
    let (side, trace, squares) = (gram.nrows(), gram.trace(), gram.norm_squared());
    let mut eigenvalues: Vec<f64> = gram.symmetric_eigenvalues().iter().copied().collect();
    eigenvalues.sort_by(|a, b| b.total_cmp(a));
    // what eigenvalues must add up to, whatever the method
    let sums = [(eigenvalues.iter().sum::<f64>(), trace), (eigenvalues.iter().map(|value| value * value).sum(), squares)];
    if let Some((sum, exact)) = sums.into_iter().find(|(sum, exact)| (sum - exact).abs() > 1e-9 * exact) {
        let text = format!("the singular values of {module} could not be found: their sums of powers are {sum}, not {exact}");
        return Err(EngineError::Candle(candle_core::Error::Msg(text)));
    }
    let rounding = eigenvalues.first().map_or(0.0, |largest| largest * f64::EPSILON * side as f64);
    Ok(eigenvalues.into_iter().map(|value| if value > rounding { value.sqrt() } else { 0.0 }).collect())
}

fn distance(layout: &Layout, id: usize, original: f64, mut singular_values: Vec<f64>) -> WeightDistance {
    let module = layout.modules[id].name.clone();
    let layer = layout.layers.iter().position(|layer| {
        let others = [layer.o, layer.up, layer.down];
        layer.qkv.contains(&id) || others.contains(&id) || layer.gate == Some(id)
    });
    let within = layer.and_then(|layer| module.split_once(&format!(".{layer}.")).map(|(_, name)| name.to_string()));
    let squares: f64 = singular_values.iter().map(|value| value * value).sum();
    let largest = singular_values.first().copied().unwrap_or(0.0);
    let frobenius = squares.sqrt();
    let effective_rank = effective_rank(&singular_values);
    singular_values.truncate(KEPT);
    WeightDistance {
        matrix: within.unwrap_or_else(|| module.clone()),
        module,
        layer,
        frobenius,
        relative: if frobenius == 0.0 { 0.0 } else { frobenius / original },
        effective_rank,
        stable_rank: if largest == 0.0 { 0.0 } else { squares / (largest * largest) },
        singular_values,
    }
}

fn effective_rank(singular_values: &[f64]) -> f64 {
    let total: f64 = singular_values.iter().sum();
    if total == 0.0 {
        return 0.0;
    }
    let shares = singular_values.iter().map(|value| value / total).filter(|share| *share > 0.0);
    // 0 - and not a minus: the entropy of one alone is 0, not -0
    (0.0 - shares.map(|share| share * share.ln()).sum::<f64>()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn random(rows: usize, columns: usize, seed: u64) -> Tensor {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let values: Vec<f64> = (0..rows * columns).map(|_| random.random_range(-1.0..1.0)).collect();
        Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
    }

    #[test]
    fn ranks_of_known_spectra() {
        assert!((effective_rank(&[2.0, 2.0, 2.0]) - 3.0).abs() < 1e-12);
        assert_eq!(effective_rank(&[5.0, 0.0]), 1.0);
        assert_eq!(effective_rank(&[0.0, 0.0]), 0.0);
        assert_eq!(effective_rank(&[]), 0.0);
    }

    #[test]
    fn a_diagonal_gives_its_values() {
        let gram = DMatrix::from_fn(3, 3, |i, j| if i == j { [4.0, 0.0, 9.0][i] } else { 0.0 });
        assert_eq!(singular_values(gram, "a test").unwrap(), [3.0, 2.0, 0.0]);
        assert_eq!(singular_values(DMatrix::zeros(4, 4), "a test").unwrap(), [0.0; 4]);
        // all ones: rank one, and the side is its value
        for side in [2, 7, 64] {
            let values = singular_values(DMatrix::from_element(side, side, 1.0), "a test").unwrap();
            assert!((values[0] - (side as f64).sqrt()).abs() < 1e-12 && values[1..].iter().all(|value| *value == 0.0), "{values:?}");
        }
    }

    #[test]
    fn the_small_matrix_has_the_values_of_the_product() {
        for (outputs, inputs, r) in [(20, 30, 5), (30, 20, 20), (64, 7, 1), (48, 96, 40)] {
            let (a, b) = (random(r, inputs, 1), random(outputs, r, 2));
            let product = (b.matmul(&a).unwrap() * 0.25).unwrap();
            let whole = singular_values(smaller_gram(&transposed(&product).unwrap()), "whole").unwrap();
            let small = singular_values(low_rank_gram(&a, &b, 0.25, "small").unwrap(), "small").unwrap();
            assert_eq!(small.len(), r);
            assert_eq!(whole.len(), outputs.min(inputs));
            for (ours, exact) in small.iter().zip(&whole) {
                assert!((ours - exact).abs() < 1e-7 * whole[0], "{ours} for {exact}");
            }
        }
    }

    #[test]
    fn weights_that_are_no_numbers_are_refused() {
        let bad = (random(3, 4, 1) * f64::NAN).unwrap();
        let error = low_rank_gram(&bad, &random(5, 3, 2), 1.0, "model.layers.0.mlp.up_proj").unwrap_err().to_string();
        assert!(error.contains("mlp.up_proj") && error.contains("learning_rate"), "{error}");
        assert!(norm(&bad, "x").is_err());
    }
}
