//! Gradients, gathered over the micro-batches of a step.

use candle_core::Tensor;

/// What a step's backward passes gave; `None` until something was added.
#[derive(Debug, Default)]
pub(crate) struct Gradients {
    /// By parameter, where the model is trained in full.
    pub weights: Option<Vec<Option<Tensor>>>,
    /// By arm, in the order of [`crate::Lora::trainable`]: `A` and `B` of each module, then the class head's weight and bias.
    pub adapters: Vec<Vec<Option<Tensor>>>,
}

impl Gradients {
    /// For the whole model.
    pub fn full(parameters: usize) -> Self {
        Self { weights: Some(vec![None; parameters]), adapters: Vec::new() }
    }

    /// For the adapters of `arms` arms.
    pub fn adapters(arms: usize, modules: usize) -> Self {
        Self { weights: None, adapters: vec![vec![None; adapter_slots(modules)]; arms] }
    }
}

/// Places that an adapter's tensors have.
pub(crate) fn adapter_slots(modules: usize) -> usize {
    2 * modules + 2
}

/// Where a module's `A` stands; its `B` follows.
pub(crate) fn slot_of_a(module: usize) -> usize {
    2 * module
}

/// Where the class head's weight stands; its bias follows.
pub(crate) fn slot_of_head(modules: usize) -> usize {
    2 * modules
}
