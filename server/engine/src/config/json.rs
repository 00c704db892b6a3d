//! Reading single settings of a `config.json`, with errors that name them.

use super::Activation;
use crate::EngineError;
use serde_json::Value;
use std::path::Path;

pub(super) struct Reader<'a> {
    pub path: &'a Path,
    pub json: &'a Value,
}

impl Reader<'_> {
    pub fn bad(&self, reason: impl Into<String>) -> EngineError {
        EngineError::BadConfig { path: self.path.into(), reason: reason.into() }
    }

    /// A size that must be there.
    pub fn size(&self, key: &str) -> Result<usize, EngineError> {
        self.json[key]
            .as_u64()
            .filter(|&value| value > 0 && value < 1 << 31)
            .map(|value| value as usize)
            .ok_or_else(|| self.bad(format!("{key} = {} is no size; write a whole number above 0", self.json[key])))
    }

    /// A size that may be absent or null.
    pub fn size_or(&self, key: &str, otherwise: usize) -> Result<usize, EngineError> {
        if self.json[key].is_null() { Ok(otherwise) } else { self.size(key) }
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        self.json[key].as_bool()
    }

    pub fn number(&self, key: &str, otherwise: f64) -> f64 {
        self.json[key].as_f64().unwrap_or(otherwise)
    }

    /// The activation under `key`, which must be one that we have.
    pub fn activation(&self, key: &str, otherwise: &str) -> Result<Activation, EngineError> {
        Ok(match self.json[key].as_str().unwrap_or(otherwise) {
            "silu" | "swish" => Activation::Silu,
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Activation::GeluTanh,
            "gelu" => Activation::Gelu,
            "relu" => Activation::Relu,
            other => {
                return Err(
                    self.bad(format!("{key} = {other:?} is not supported; supported are silu, gelu, gelu_new, gelu_pytorch_tanh, relu"))
                );
            }
        })
    }

    /// Refuses a setting that changes what is computed in a way that we don't have.
    pub fn must_be(&self, key: &str, expected: &Value, default: &Value) -> Result<(), EngineError> {
        let found = if self.json[key].is_null() { default } else { &self.json[key] };
        if found == expected {
            return Ok(());
        }
        Err(self.bad(format!("{key} = {found} is not supported; supported is {expected}")))
    }
}
