//! Hugging Face model directories: `config.json`, weights, tokenizer, chat template.

use super::{
    Header, Loaded, check_shape, check_tokenizer,
    names::stored_name,
    weight_file::{WeightFiles, bad},
};
use crate::{
    EngineError,
    chat::ChatTemplate,
    class_head::drawn,
    config::{Head, ModelConfig},
    device::Placement,
    layout::{Layout, Parameter},
    tokenizer::{TextTokenizer, vocabulary_file},
};
use candle_core::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::path::Path;

pub(crate) use super::weight_file::weight_files;

/// Of a new head's weights, which a file of an encoder alone does not have: the same head each time. One of another seed is made by
/// [`crate::Model::with_class_head`].
const NEW_HEAD_SEED: u64 = 0;

fn read_json(path: &Path) -> Result<Value, EngineError> {
    let text = std::fs::read_to_string(path).map_err(EngineError::io(path))?;
    serde_json::from_str(&text).map_err(|error| EngineError::BadConfig { path: path.into(), reason: format!("not JSON: {error}") })
}

/// A directory whose heads have been read and found to go together.
struct Opened {
    header: Header,
    config: Value,
    tokenizer: TextTokenizer,
    files: WeightFiles,
    /// By parameter: the file's name of it; `None` for one that is made anew.
    stored: Vec<Option<String>>,
}

fn open(directory: &Path) -> Result<Opened, EngineError> {
    let path = directory.join("config.json");
    let config = read_json(&path)?;
    let layout = Layout::new(ModelConfig::from_hugging_face(&path, &config)?);
    let files = WeightFiles::open(directory)?;
    let mut stored = Vec::with_capacity(layout.parameters.len());
    for parameter in &layout.parameters {
        let name = stored_name(&layout.config.kind, &parameter.name, &files);
        match &name {
            Some(name) => {
                let mut expected = parameter.shape.clone();
                if parameter.stored_transposed {
                    expected.reverse();
                }
                let found = &files.tensors[name];
                check_shape(&files.files[found.file], name, &found.shape, &expected)?;
            }
            None if is_new_head(&layout, parameter) => {}
            None => {
                return Err(bad(
                    directory,
                    format!("tensor {} is missing; a shard is missing, or config.json is another model's", parameter.name),
                ));
            }
        }
        stored.push(name);
    }
    let tokenizer = TextTokenizer::from_directory(directory, &layout.config.kind)?;
    check_tokenizer(&vocabulary_file(directory), &tokenizer, &layout)?;
    let header = Header {
        layout,
        name: super::gguf::file_stem(directory),
        dtype: files.dtype(),
        licence: None,
        has_chat_template: chat_template_text(directory)?.is_some(),
    };
    Ok(Opened { header, config, tokenizer, files, stored })
}

/// Whether a tensor belongs to a classification head, which a file of an encoder alone lacks and training makes.
fn is_new_head(layout: &Layout, parameter: &Parameter) -> bool {
    matches!(layout.config.head, Head::Classes { .. })
        && ["classifier.", "bert.pooler."].iter().any(|head| parameter.name.starts_with(head))
}

/// Reads `config.json`, the heads of the weights and the tokenizer.
pub(crate) fn header(directory: &Path) -> Result<Header, EngineError> {
    Ok(open(directory)?.header)
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
    let template = read_json(&path)?["chat_template"].take();
    // some models have several by name; a question without tools takes the default one
    let named = |list: &[Value]| {
        list.iter().find(|entry| entry["name"] == "default").and_then(|entry| entry["template"].as_str()).map(str::to_string)
    };
    Ok(template.as_str().map(str::to_string).or_else(|| template.as_array().and_then(|list| named(list))))
}

/// Reads everything, each weight to its place.
pub(crate) fn load(directory: &Path, placement: &Placement) -> Result<Loaded, EngineError> {
    let Opened { header, config, tokenizer, mut files, stored } = open(directory)?;
    let mut random = ChaCha8Rng::seed_from_u64(NEW_HEAD_SEED);
    let deviation = header.layout.config.initializer_range();
    let mut weights = Vec::with_capacity(stored.len());
    for ((id, parameter), name) in header.layout.parameters.iter().enumerate().zip(&stored) {
        let tensor = match name {
            Some(name) if parameter.stored_transposed => files.load(name, &Device::Cpu)?.t()?.contiguous()?,
            Some(name) => files.load(name, &Device::Cpu)?,
            None => drawn(parameter, deviation, &mut random)?,
        };
        weights.push(placement.place(directory, &header.layout, id, &tensor)?);
    }
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
    let new_pooler = header.layout.pooler_parameters().iter().any(|&id| stored[id].is_none());
    Ok(Loaded { header, weights, tokenizer, chat, eos, new_pooler })
}
