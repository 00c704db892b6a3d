//! Gradients, gathered over the micro-batches of a step.

use crate::{
    kernels::matmul::{Into, View, multiply},
    layout::{Parameter, ParameterId},
};
use candle_core::Result;

/// What a step's backward passes gave.
#[derive(Debug, Default)]
pub(crate) struct Gradients {
    /// Of the whole model, where it is trained in full.
    pub weights: Option<WeightGradients>,
    /// By arm, then by module.
    pub adapters: Vec<Vec<Option<FactorGradients>>>,
}

/// Of one module's `A` (`[r, inputs]`) and `B` (`[outputs, r]`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FactorGradients {
    pub a: Vec<f32>,
    pub b: Vec<f32>,
}

/// By parameter; `None` until something was added.
#[derive(Debug)]
pub(crate) struct WeightGradients(pub Vec<Option<Vec<f32>>>);

impl Gradients {
    /// For the whole model.
    pub fn full(parameters: usize) -> Self {
        Self { weights: Some(WeightGradients(vec![None; parameters])), adapters: Vec::new() }
    }

    /// For the adapters of `arms` arms.
    pub fn adapters(arms: usize, modules: usize) -> Self {
        Self { weights: None, adapters: vec![vec![None; modules]; arms] }
    }
}

impl WeightGradients {
    /// Adds `left * right`.
    pub fn add_product(&mut self, id: ParameterId, parameters: &[Parameter], left: View<'_>, right: View<'_>) -> Result<()> {
        let fresh = self.0[id].is_none();
        let slot = self.slot(id, parameters);
        multiply(slot, left, right, 1.0, if fresh { Into::Replace } else { Into::Add });
        Ok(())
    }

    pub fn add_values(&mut self, id: ParameterId, parameters: &[Parameter], values: Vec<f32>) -> Result<()> {
        self.slot(id, parameters).iter_mut().zip(values).for_each(|(into, from)| *into += from);
        Ok(())
    }

    /// Adds row `i` of `rows` to row `tokens[i]`.
    pub fn add_rows(&mut self, id: ParameterId, parameters: &[Parameter], tokens: &[u32], rows: &[f32], width: usize) -> Result<()> {
        let slot = self.slot(id, parameters);
        for (&token, from) in tokens.iter().zip(rows.chunks_exact(width)) {
            for (into, from) in slot[token as usize * width..][..width].iter_mut().zip(from) {
                *into += from;
            }
        }
        Ok(())
    }

    fn slot(&mut self, id: ParameterId, parameters: &[Parameter]) -> &mut Vec<f32> {
        self.0[id].get_or_insert_with(|| vec![0f32; parameters[id].shape.iter().product()])
    }
}
