//! GGUF files of Llama-type models. llama.cpp keeps the rows of q and k in interleaved rotary order; they are put
//! into Hugging Face's half-split order here, once.

use super::{Header, Loaded, check_shape, check_tokenizer, rope_divisors::llama3_scaling};
use crate::{
    EngineError,
    chat::ChatTemplate,
    config::{ModelConfig, Positions, RopeScaling, like_llama},
    device::Placement,
    layout::Layout,
    tokenizer::{GgufVocabulary, TextTokenizer},
};
use candle_core::{
    Device, Tensor,
    quantized::gguf_file::{Content, Value},
};
use std::{collections::HashMap, fs::File, io::BufReader, path::Path};

/// Kinds whose GGUF files are read; the others are read from Hugging Face's.
const LLAMA_KINDS: &[&str] = &["llama", "mistral", "qwen2"];

fn bad(path: &Path, reason: impl Into<String>) -> EngineError {
    EngineError::BadWeights { path: path.into(), reason: reason.into() }
}

struct GgufFile {
    content: Content,
    reader: BufReader<File>,
}

fn open(path: &Path) -> Result<GgufFile, EngineError> {
    let file = File::open(path).map_err(EngineError::io(path))?;
    let length = file.metadata().map_err(EngineError::io(path))?.len();
    let mut reader = BufReader::new(file);
    let content = Content::read(&mut reader)
        .map_err(|error| bad(path, format!("not a whole GGUF file ({error}); download it again and compare its SHA-256")))?;
    for (name, info) in &content.tensor_infos {
        let values = info.shape.elem_count();
        let bytes = values / info.ggml_dtype.block_size() * info.ggml_dtype.type_size();
        let end = content.tensor_data_offset.saturating_add(info.offset).saturating_add(bytes as u64);
        if end > length {
            return Err(bad(
                path,
                format!("truncated: tensor {name} ends at byte {end}, the file has {length}; download it again and compare its SHA-256"),
            ));
        }
    }
    Ok(GgufFile { content, reader })
}

struct Metadata<'a> {
    path: &'a Path,
    values: &'a HashMap<String, Value>,
    prefix: String,
}

impl Metadata<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).and_then(|value| value.to_string().ok()).map(String::as_str)
    }
    fn number(&self, key: &str) -> Option<f64> {
        match self.values.get(&format!("{}.{key}", self.prefix))? {
            Value::F32(value) => Some(f64::from(*value)),
            Value::F64(value) => Some(*value),
            other => other.to_u64().ok().map(|value| value as f64).or_else(|| other.to_u32().ok().map(f64::from)),
        }
    }
    fn size(&self, key: &str) -> Result<usize, EngineError> {
        self.number(key)
            .filter(|value| *value >= 1.0 && *value < 2e9)
            .map(|value| value as usize)
            .ok_or_else(|| bad(self.path, format!("metadata {}.{key} is missing or no size", self.prefix)))
    }
    fn token(&self, key: &str) -> Option<u32> {
        self.values.get(key).and_then(|value| value.to_u32().ok())
    }
    fn strings(&self, key: &str) -> Result<Vec<String>, EngineError> {
        let missing = || bad(self.path, format!("metadata {key} is missing; the file has no usable tokenizer"));
        let list = self.values.get(key).and_then(|value| value.to_vec().ok()).ok_or_else(missing)?;
        list.iter().map(|value| value.to_string().cloned().map_err(|_| missing())).collect()
    }
}

/// Llama 3.1's scaling, by what each frequency is divided.
const ROPE_DIVISORS: &str = "rope_freqs.weight";

fn config(path: &Path, file: &mut GgufFile) -> Result<ModelConfig, EngineError> {
    let GgufFile { content, reader } = file;
    let architecture = content
        .metadata
        .get("general.architecture")
        .and_then(|value| value.to_string().ok())
        .ok_or_else(|| bad(path, "metadata general.architecture is missing"))?;
    crate::config::refuse_unknown(path, architecture)?;
    if !LLAMA_KINDS.contains(&architecture.as_str()) {
        return Err(EngineError::UnknownKind {
            path: path.into(),
            kind: format!("{architecture} in a GGUF file"),
            supported: format!("{} there, and {architecture} as a Hugging Face directory", LLAMA_KINDS.join(", ")),
        });
    }
    let metadata = Metadata { path, values: &content.metadata, prefix: architecture.clone() };
    let hidden_size = metadata.size("embedding_length")?;
    let num_attention_heads = metadata.size("attention.head_count")?;
    let embedding = content.tensor_infos.get("token_embd.weight").ok_or_else(|| bad(path, "tensor token_embd.weight is missing"))?;
    let rope_scaling = match metadata.text(&format!("{architecture}.rope.scaling.type")).unwrap_or("none") {
        "none" => RopeScaling::None,
        "linear" => RopeScaling::Linear { factor: metadata.number("rope.scaling.factor").unwrap_or(1.0) },
        other => return Err(bad(path, format!("rope scaling {other:?} is not supported in GGUF files; supported are none, linear"))),
    };
    let has = |name: &str| content.tensor_infos.contains_key(name);
    let mut config = ModelConfig {
        intermediate_size: metadata.size("feed_forward_length")?,
        num_hidden_layers: metadata.size("block_count")?,
        num_attention_heads,
        num_key_value_heads: metadata.number("attention.head_count_kv").map_or(num_attention_heads, |value| value as usize).max(1),
        head_dim: metadata.number("attention.key_length").map_or(hidden_size / num_attention_heads, |value| value as usize),
        vocab_size: embedding.shape.dims()[0],
        max_position_embeddings: metadata.size("context_length")?,
        norm_eps: metadata.number("attention.layer_norm_rms_epsilon").unwrap_or(1e-5),
        positions: Positions::Rotary { theta: metadata.number("rope.freq_base").unwrap_or(10_000.0), scaling: rope_scaling },
        tie_word_embeddings: !has("output.weight"),
        qkv_bias: has("blk.0.attn_q.bias"),
        output_bias: has("blk.0.attn_output.bias"),
        mlp_bias: has("blk.0.ffn_up.bias"),
        ..like_llama(architecture.clone(), hidden_size)
    };
    config.check(path)?;
    if let (true, Positions::Rotary { theta, .. }) = (has(ROPE_DIVISORS), config.positions) {
        let divisors = content
            .tensor(reader, ROPE_DIVISORS, &Device::Cpu)
            .and_then(|tensor| tensor.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>())
            .map_err(|error| bad(path, format!("tensor {ROPE_DIVISORS} can't be read ({error}); download the file again")))?;
        let scaling = llama3_scaling(&config, &divisors).ok_or_else(|| {
            bad(
                path,
                format!(
                    "{ROPE_DIVISORS} is not Llama 3.1's rope scaling, the one that is supported; use the model's Hugging Face directory"
                ),
            )
        })?;
        config.positions = Positions::Rotary { theta, scaling };
    }
    Ok(config)
}

fn header_of(path: &Path, file: &mut GgufFile) -> Result<Header, EngineError> {
    let layout = Layout::new(config(path, file)?);
    let content = &file.content;
    let metadata = Metadata { path, values: &content.metadata, prefix: String::new() };
    // general.name is what a training run was called; people know the file's name
    let name = file_stem(path);
    // the type that most of the weights have
    let mut by_type: HashMap<String, usize> = HashMap::new();
    for info in content.tensor_infos.values() {
        *by_type.entry(format!("{:?}", info.ggml_dtype)).or_default() += info.shape.elem_count();
    }
    let dtype =
        by_type.into_iter().max_by_key(|(name, count)| (*count, name.clone())).map_or_else(String::new, |(name, _)| readable_type(&name));
    for parameter in &layout.parameters {
        let info = content.tensor_infos.get(&gguf_name(&parameter.name)).ok_or_else(|| {
            bad(path, format!("tensor {} is missing; the file is not whole or of another kind", gguf_name(&parameter.name)))
        })?;
        check_shape(path, &gguf_name(&parameter.name), info.shape.dims(), &parameter.shape)?;
    }
    Ok(Header {
        layout,
        name,
        dtype,
        licence: metadata.text("general.license").map(str::to_string),
        has_chat_template: content.metadata.contains_key("tokenizer.chat_template"),
    })
}

/// `Q4K` is written `Q4_K` by everyone else.
fn readable_type(name: &str) -> String {
    match name.strip_suffix('K') {
        Some(bits) => format!("{bits}_K"),
        None => name.to_string(),
    }
}

pub(crate) fn file_stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// Reads the header alone.
pub(crate) fn header(path: &Path) -> Result<Header, EngineError> {
    header_of(path, &mut open(path)?)
}

/// llama.cpp's name of a tensor.
fn gguf_name(name: &str) -> String {
    let name = name
        .replace("model.layers.", "blk.")
        .replace("model.embed_tokens.", "token_embd.")
        .replace("model.norm.", "output_norm.")
        .replace("lm_head.", "output.");
    [
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
    ]
    .into_iter()
    .fold(name, |name, (upstream, llama_cpp)| name.replace(upstream, llama_cpp))
}

/// From interleaved to half-split rotary order: rows of each head (pairs, 2) become (2, pairs).
fn half_split(tensor: &Tensor, heads: usize) -> candle_core::Result<Tensor> {
    let dims = tensor.dims().to_vec();
    let rest: usize = dims[1..].iter().product();
    let pairs = dims[0] / heads / 2;
    tensor.reshape((heads, pairs, 2, rest))?.transpose(1, 2)?.contiguous()?.reshape(dims)
}

/// Reads everything, each weight to its place.
pub(crate) fn load(path: &Path, placement: &Placement) -> Result<Loaded, EngineError> {
    let mut file = open(path)?;
    let header = header_of(path, &mut file)?;
    let GgufFile { content, mut reader } = file;
    let config = &header.layout.config;
    // only llama.cpp's Llama conversion reorders q and k
    let interleaved = matches!(config.kind.as_str(), "llama" | "mistral");
    let mut weights = Vec::with_capacity(header.layout.parameters.len());
    for (id, parameter) in header.layout.parameters.iter().enumerate() {
        let tensor = content
            .tensor(&mut reader, &gguf_name(&parameter.name), &Device::Cpu)
            .and_then(|tensor| tensor.dequantize(&Device::Cpu))
            .map_err(|error| bad(path, format!("tensor {} can't be read ({error}); download the file again", parameter.name)))?;
        let heads = if parameter.name.contains(".q_proj.") {
            Some(config.num_attention_heads)
        } else if parameter.name.contains(".k_proj.") {
            Some(config.num_key_value_heads)
        } else {
            None
        };
        let tensor = match heads {
            Some(heads) if interleaved => half_split(&tensor, heads)?,
            _ => tensor,
        };
        weights.push(placement.place(path, &header.layout, id, &tensor)?);
    }
    let metadata = Metadata { path, values: &content.metadata, prefix: String::new() };
    let tokenizer = tokenizer(path, &metadata)?;
    check_tokenizer(path, &tokenizer, &header.layout)?;
    let eos: Vec<u32> =
        ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"].iter().filter_map(|key| metadata.token(key)).collect();
    let special = |id: Option<u32>| id.and_then(|id| tokenizer.token_text(id)).unwrap_or_default();
    let chat = match metadata.text("tokenizer.chat_template") {
        Some(template) => ChatTemplate::Jinja {
            template: template.into(),
            bos: special(metadata.token("tokenizer.ggml.bos_token_id")),
            eos: special(eos.first().copied()),
        },
        None => ChatTemplate::Plain,
    };
    Ok(Loaded { header, weights, tokenizer, chat, eos, new_pooler: false })
}

fn tokenizer(path: &Path, metadata: &Metadata<'_>) -> Result<TextTokenizer, EngineError> {
    let list = |key: &str| metadata.values.get(key).and_then(|value| value.to_vec().ok());
    let vocabulary = GgufVocabulary {
        kind: metadata.text("tokenizer.ggml.model").unwrap_or_default().into(),
        pre: metadata.text("tokenizer.ggml.pre").unwrap_or_default().into(),
        tokens: metadata.strings("tokenizer.ggml.tokens")?,
        merges: metadata.strings("tokenizer.ggml.merges").unwrap_or_default(),
        scores: list("tokenizer.ggml.scores")
            .map(|scores| scores.iter().map(|score| score.to_f32().unwrap_or(0.0)).collect())
            .unwrap_or_default(),
        token_types: list("tokenizer.ggml.token_type")
            .map(|types| types.iter().map(|kind| kind.to_i32().or_else(|_| kind.to_u32().map(|kind| kind as i32)).unwrap_or(1)).collect())
            .unwrap_or_default(),
        bos: metadata.token("tokenizer.ggml.bos_token_id"),
        add_bos: metadata.values.get("tokenizer.ggml.add_bos_token").and_then(|value| value.to_bool().ok()),
    };
    TextTokenizer::from_gguf(path, vocabulary)
}
