//! Hugging Face model directories: `config.json`, safetensors (one file or shards), `tokenizer.json`.

use super::{Header, Loaded, check_shape, check_tokenizer};
use crate::{EngineError, chat::ChatTemplate, config::ModelConfig, layout::Layout, tokenizer::TextTokenizer};
use candle_core::{DType, Device};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn bad_weights(path: &Path, reason: impl Into<String>) -> EngineError {
    EngineError::BadWeights { path: path.into(), reason: reason.into() }
}

fn read_json(path: &Path) -> Result<Value, EngineError> {
    let text = std::fs::read_to_string(path).map_err(EngineError::io(path))?;
    serde_json::from_str(&text).map_err(|error| EngineError::BadConfig { path: path.into(), reason: format!("not JSON: {error}") })
}

/// The weights' files, in the order of their names.
pub(crate) fn weight_files(directory: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .map_err(EngineError::io(directory))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("model")))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(bad_weights(directory, "has no model*.safetensors; the weights must be safetensors or a GGUF file"));
    }
    Ok(files)
}

/// Reads `config.json`, the safetensors headers and the tokenizer.
pub(crate) fn header(directory: &Path) -> Result<Header, EngineError> {
    let path = directory.join("config.json");
    let config = ModelConfig::from_hugging_face(&path, &read_json(&path)?)?;
    let layout = Layout::new(config);
    let mut found = std::collections::HashMap::new();
    let mut dtype = String::new();
    for file in weight_files(directory)? {
        for (name, shape, kind) in tensor_headers(&file)? {
            if name.ends_with("q_proj.weight") {
                dtype = kind;
            }
            found.insert(name, (file.clone(), shape));
        }
    }
    for parameter in &layout.parameters {
        let (file, shape) = found.get(&parameter.name).ok_or_else(|| {
            bad_weights(directory, format!("tensor {} is missing; a shard is missing, or config.json is another model's", parameter.name))
        })?;
        check_shape(file, &parameter.name, shape, &parameter.shape)?;
    }
    let tokenizer = directory.join("tokenizer.json");
    check_tokenizer(&tokenizer, &TextTokenizer::from_file(&tokenizer)?, &layout)?;
    let has_chat_template = chat_template_text(directory)?.is_some();
    Ok(Header { layout, name: super::gguf::file_stem(directory), dtype, licence: None, has_chat_template })
}

/// (name, shape, dtype) of every tensor, read from the head of the file alone.
fn tensor_headers(file: &Path) -> Result<Vec<(String, Vec<usize>, String)>, EngineError> {
    use std::io::Read;
    const HEADER_CAP: u64 = 100 << 20;
    let mut reader = std::fs::File::open(file).map_err(EngineError::io(file))?;
    let length = reader.metadata().map_err(EngineError::io(file))?.len();
    let mut size = [0u8; 8];
    reader.read_exact(&mut size).map_err(|_| bad_weights(file, "not a safetensors file: shorter than 8 bytes; download it again"))?;
    let size = u64::from_le_bytes(size);
    if size > HEADER_CAP || size + 8 > length {
        return Err(bad_weights(
            file,
            format!("not a whole safetensors file: its header claims {size} bytes, the file has {length}; download it again"),
        ));
    }
    let mut header = vec![0u8; size as usize];
    reader.read_exact(&mut header).map_err(EngineError::io(file))?;
    let json: Value = serde_json::from_slice(&header)
        .map_err(|error| bad_weights(file, format!("corrupt safetensors header ({error}); download it again")))?;
    let mut tensors = Vec::new();
    for (name, info) in json.as_object().into_iter().flatten().filter(|(name, _)| *name != "__metadata__") {
        let end = info["data_offsets"][1].as_u64().unwrap_or(u64::MAX);
        if end.saturating_add(size + 8) > length {
            return Err(bad_weights(file, format!("truncated: tensor {name} ends beyond the file's {length} bytes; download it again")));
        }
        let shape = info["shape"].as_array().into_iter().flatten().map(|size| size.as_u64().unwrap_or(0) as usize).collect();
        tensors.push((name.clone(), shape, info["dtype"].as_str().unwrap_or_default().to_string()));
    }
    Ok(tensors)
}

fn chat_template_text(directory: &Path) -> Result<Option<String>, EngineError> {
    let beside = directory.join("chat_template.jinja");
    if beside.is_file() {
        return std::fs::read_to_string(&beside).map(Some).map_err(EngineError::io(beside));
    }
    let path = directory.join("tokenizer_config.json");
    if !path.is_file() {
        return Ok(None);
    }
    Ok(read_json(&path)?["chat_template"].as_str().map(str::to_string))
}

/// Reads everything, the weights as f32.
pub(crate) fn load(directory: &Path, device: &Device) -> Result<Loaded, EngineError> {
    let header = header(directory)?;
    let files = weight_files(directory)?;
    // SAFETY: the files are mapped for reading while they are copied; nobody is expected to write to a model meanwhile
    let tensors = unsafe { candle_core::safetensors::MmapedSafetensors::multi(&files) }
        .map_err(|error| bad_weights(directory, format!("corrupt safetensors ({error}); download it again")))?;
    let weights = header
        .layout
        .parameters
        .iter()
        .map(|parameter| {
            let load = || {
                let tensor = tensors.load(&parameter.name, device)?.to_dtype(DType::F32)?;
                if parameter.stored_transposed { tensor.t()?.contiguous() } else { Ok(tensor) }
            };
            load().map_err(|error| {
                bad_weights(directory, format!("tensor {} can't be read ({error}); download the file again", parameter.name))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let path = directory.join("tokenizer.json");
    let tokenizer = TextTokenizer::from_file(&path)?;
    let config = read_json(&directory.join("config.json"))?;
    let generation = directory.join("generation_config.json");
    let generation = if generation.is_file() { read_json(&generation)? } else { Value::Null };
    let mut eos = Vec::new();
    for source in [&generation["eos_token_id"], &config["eos_token_id"]] {
        let ids = source.as_array().map_or_else(|| std::slice::from_ref(source), Vec::as_slice);
        for id in ids.iter().filter_map(Value::as_u64) {
            if !eos.contains(&(id as u32)) {
                eos.push(id as u32);
            }
        }
    }
    let special = |id: Option<u32>| id.and_then(|id| tokenizer.token_text(id)).unwrap_or_default();
    let chat = match chat_template_text(directory)? {
        Some(template) => ChatTemplate::Jinja {
            template,
            bos: special(config["bos_token_id"].as_u64().map(|id| id as u32)),
            eos: special(eos.first().copied()),
        },
        None => ChatTemplate::Plain,
    };
    Ok(Loaded { header, weights, tokenizer, chat, eos })
}
