//! A decoder's last product, apart from the rest of it: with it, states that were kept give their logits again.

use crate::{EngineError, Model, ops::Ops};
use candle_core::{Device, Tensor};

/// Logits computed at a time: 256 rows of 49,152 are 50 MB.
pub(crate) const LOGIT_ROWS: usize = 256;

/// The table of the unembedding, shared with its model.
#[derive(Debug, Clone)]
pub(crate) struct Unembedding {
    /// `[vocabulary, width]`
    table: Tensor,
    ops: Ops,
}

impl Unembedding {
    /// An error for a model that gives no distribution over next tokens; `what` is what was to be computed with it.
    pub fn of(model: &Model, what: &str) -> Result<Self, EngineError> {
        let info = model.info();
        if model.is_classifier() || !model.layout.config.generates() {
            return Err(EngineError::Input(format!(
                "{} ({}) has no distribution over next tokens, so there is no {what} of it; choose a decoder without a class head",
                info.name, info.kind
            )));
        }
        Ok(Self { table: model.weights[model.layout.unembedding].clone(), ops: model.ops })
    }

    pub fn vocabulary(&self) -> usize {
        self.table.dims()[0]
    }

    /// Logits of states, `[rows, vocabulary]`, on the CPU.
    pub fn logits(&self, states: &Tensor) -> Result<Tensor, EngineError> {
        Ok(self.ops.linear(states, &self.table, None)?.to_device(&Device::Cpu)?)
    }

    /// Refuses to compare with a model of another vocabulary.
    pub fn check_same_vocabulary(&self, original: &Self) -> Result<(), EngineError> {
        if self.vocabulary() == original.vocabulary() {
            return Ok(());
        }
        Err(EngineError::Input(format!(
            "the model has a vocabulary of {}, the original one of {}; compare models of the same tokenizer",
            self.vocabulary(),
            original.vocabulary()
        )))
    }
}
