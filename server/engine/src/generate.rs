//! Batched generation with a KV cache, for many arms at once.

use crate::{EngineError, Flow, Lora, Model, Signal};

/// One sequence to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub prompt: Vec<u32>,
    /// Index into `loras`; `None`: the model alone.
    pub lora: Option<usize>,
    /// Of this sequence's draws; the result does not depend on what else is in the batch.
    pub seed: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GenerationOptions {
    pub max_new_tokens: usize,
    /// False: greedy.
    pub do_sample: bool,
    pub temperature: f64,
    pub top_p: f64,
    /// 0: all.
    pub top_k: usize,
    /// Sequences at a time.
    pub batch_size: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The new tokens, an end token left out.
    pub tokens: Vec<u32>,
    /// It ended by itself.
    pub finished: bool,
}

/// Continues every request; answers in the order of the requests.
pub fn generate(
    _model: &Model,
    _loras: &[&Lora],
    _requests: &[Request],
    _options: &GenerationOptions,
    _observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<Vec<Generated>, EngineError> {
    unimplemented!()
}
