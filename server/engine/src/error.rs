//! What can go wrong in the engine; every message says what to do.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path}: model kind {kind:?} is not supported; supported are: {supported}", path = path.display())]
    UnknownKind { path: PathBuf, kind: String, supported: String },
    #[error("{path}: {reason}", path = path.display())]
    BadWeights { path: PathBuf, reason: String },
    #[error("{path}: {reason}", path = path.display())]
    BadConfig { path: PathBuf, reason: String },
    #[error("{path}: {reason}", path = path.display())]
    BadTokenizer { path: PathBuf, reason: String },
    #[error("lora_r = {r} is above the width of {layer} ({width}); choose a rank from 1 to {width}")]
    RankTooHigh { r: usize, layer: String, width: usize },
    #[error("target_modules: {name:?} is no linear layer of this model; it has: {known}")]
    UnknownTarget { name: String, known: String },
    #[error("adapter {path}: {reason}", path = path.display())]
    BadAdapter { path: PathBuf, reason: String },
    #[error("the loss became {loss} at step {step}; lower the learning rate (now {learning_rate}), or clip gradients (max_grad_norm = 1)")]
    LossNotFinite { step: usize, loss: f64, learning_rate: f64 },
    #[error("device = {device:?}: {reason}")]
    Device { device: String, reason: String },
    #[error("{0}")]
    Input(String),
    #[error("stopped on request")]
    Stopped,
    #[error("computation failed: {0}")]
    Candle(#[from] candle_core::Error),
}

impl EngineError {
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| EngineError::Io { path, source }
    }
}
