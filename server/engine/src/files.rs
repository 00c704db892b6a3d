//! Files written whole: under a temporary name, synced, renamed.

use crate::EngineError;
use candle_core::{Device, Tensor};
use std::{collections::HashMap, path::Path};

/// Writes tensors as safetensors, with PyTorch's format mark.
pub(crate) fn save_safetensors(path: &Path, tensors: &HashMap<String, Tensor>) -> Result<(), EngineError> {
    let temporary = path.with_extension("safetensors.partial");
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    // a tensor may be on a GPU
    let on_cpu = |(name, tensor): (&String, &Tensor)| Ok((name.clone(), tensor.to_device(&Device::Cpu)?));
    let mut sorted = tensors.iter().map(on_cpu).collect::<candle_core::Result<Vec<(String, Tensor)>>>()?;
    sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
    safetensors::serialize_to_file(sorted, Some(metadata), &temporary).map_err(|error| EngineError::Io {
        path: path.into(),
        source: match error {
            safetensors::SafeTensorError::IoError(error) => error,
            other => std::io::Error::other(other.to_string()),
        },
    })?;
    replace(&temporary, path)
}

/// Writes a text file whole.
pub(crate) fn save_text(path: &Path, text: &str) -> Result<(), EngineError> {
    let temporary = path.with_extension("partial");
    std::fs::write(&temporary, text).map_err(EngineError::io(path))?;
    replace(&temporary, path)
}

fn replace(temporary: &Path, path: &Path) -> Result<(), EngineError> {
    std::fs::File::open(temporary).and_then(|file| file.sync_all()).map_err(EngineError::io(temporary))?;
    std::fs::rename(temporary, path).map_err(EngineError::io(path))
}
