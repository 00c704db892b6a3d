//! Reading single settings of a `config.json`, with errors that name them.

use super::Activation;
use crate::EngineError;
use serde_json::Value;
use std::path::Path;

/// Classes that a head may have.
const MOST_LABELS: usize = 1 << 20;

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

    /// Whether `architectures` names a model that classifies sequences.
    pub fn is_classifier(&self) -> bool {
        let named = self.json["architectures"].as_array().into_iter().flatten();
        named.filter_map(Value::as_str).any(|name| name.ends_with("ForSequenceClassification"))
    }

    /// Names of the classes: `num_labels` of them, or as many as `id2label` has, or two; `LABEL_i` where a name is missing.
    pub fn labels(&self) -> Result<Vec<String>, EngineError> {
        let names = &self.json["id2label"];
        let count = self.size_or("num_labels", names.as_object().map_or(2, |names| names.len().max(1)))?;
        // a size that no head has would only fill the memory
        if count > MOST_LABELS {
            return Err(self.bad(format!("num_labels = {count} is above {MOST_LABELS}, the most classes that a head may have")));
        }
        let name = |label: usize| names[label.to_string()].as_str().map_or_else(|| format!("LABEL_{label}"), str::to_string);
        Ok((0..count).map(name).collect())
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
