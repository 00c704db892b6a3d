//! A model: its weights, config, tokenizer and chat template.

use crate::{
    EngineError, Lora,
    batch::Batch,
    chat::ChatTemplate,
    device::{Placement, Processor},
    layout::{Layout, Parameter},
    network::{Adapter, Network, Target},
    ops::Ops,
    tokenizer::TextTokenizer,
    train::Example,
    weights::{Header, gguf, hugging_face},
};
use candle_core::{DType, Device, Tensor};
use sha2::{Digest, Sha256};
use std::{collections::HashMap, path::Path, sync::Arc};

/// What the files say of a model before its weights are loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// `llama`, …
    pub kind: String,
    pub name: String,
    pub parameters: u64,
    pub layers: usize,
    pub hidden_size: usize,
    pub vocab_size: usize,
    /// Longest sequence, tokens.
    pub max_position_embeddings: usize,
    /// As stored: `Q4_1`, `F32`.
    pub dtype: String,
    pub licence: Option<String>,
    /// Every linear layer that LoRA can be put on: (module name, out, in).
    pub linear_layers: Vec<(String, usize, usize)>,
    /// Classes that it tells apart; `None`: it continues text.
    pub classes: Option<usize>,
    pub has_chat_template: bool,
}

/// A model in memory, f32 on the CPU. Cheap to clone: the weights are shared.
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) layout: Arc<Layout>,
    /// In the order of the layout's parameters.
    pub(crate) weights: Vec<Tensor>,
    pub(crate) device: Device,
    pub(crate) ops: Ops,
    tokenizer: TextTokenizer,
    chat: ChatTemplate,
    eos: Vec<u32>,
    info: ModelInfo,
    /// An encoder's pooler that no file had and no training moved.
    pub(crate) new_pooler: bool,
}

impl ModelInfo {
    /// Weights of the head over classes; 0 where there is none. To know them of a head that the model is yet to get, set `classes`.
    pub fn class_head_parameters(&self) -> u64 {
        let layer = |name: &str| self.linear_layers.iter().find(|(layer, _, _)| layer.ends_with(name));
        // OPT-350m's head sees what its projection leaves; only an encoder's, behind a pooler, has a bias
        let width = layer("project_out").map_or(self.hidden_size, |(_, outputs, _)| *outputs);
        let bias = usize::from(layer("pooler.dense").is_some());
        self.classes.map_or(0, |labels| (labels * (width + bias)) as u64)
    }
}

fn info(header: &Header) -> ModelInfo {
    let config = &header.layout.config;
    ModelInfo {
        kind: config.kind.clone(),
        name: header.name.clone(),
        parameters: header.layout.parameter_count(),
        layers: config.num_hidden_layers,
        hidden_size: config.hidden_size,
        vocab_size: config.vocab_size,
        max_position_embeddings: config.max_position_embeddings,
        dtype: header.dtype.clone(),
        licence: header.licence.clone(),
        linear_layers: header.layout.modules.iter().map(|module| (module.name.clone(), module.outputs, module.inputs)).collect(),
        classes: header.layout.classes.as_ref().map(|classes| classes.labels),
        has_chat_template: header.has_chat_template,
    }
}

/// A tensor as it stands in the file.
fn stored((parameter, tensor): (&Parameter, &Tensor)) -> Result<(String, Tensor), EngineError> {
    let tensor = tensor.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
    let tensor = if parameter.stored_transposed { tensor.t()?.contiguous()? } else { tensor };
    Ok((parameter.name.clone(), tensor))
}

/// Refuses what is neither a file nor a directory.
fn is_directory(path: &Path) -> Result<bool, EngineError> {
    let metadata = std::fs::metadata(path).map_err(EngineError::io(path))?;
    Ok(metadata.is_dir())
}

/// Reads what a GGUF file or a Hugging Face directory says of itself; refuses kinds we don't know.
pub fn inspect(path: &Path) -> Result<ModelInfo, EngineError> {
    let header = if is_directory(path)? { hugging_face::header(path)? } else { gguf::header(path)? };
    Ok(info(&header))
}

/// SHA-256 of the weights (of the shards in the order of their names), hex.
pub fn hash_model(path: &Path) -> Result<String, EngineError> {
    let files = if is_directory(path)? { hugging_face::weight_files(path)? } else { vec![path.to_path_buf()] };
    let mut hash = Sha256::new();
    for file in files {
        let mut reader = std::fs::File::open(&file).map_err(EngineError::io(&file))?;
        std::io::copy(&mut reader, &mut hash).map_err(EngineError::io(&file))?;
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Model {
    /// Loads a GGUF file or a Hugging Face directory on the CPU; weights become f32.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        Self::open_on(path, Processor::Cpu)
    }

    /// As [`Model::open`], on the processor named. On a GPU linear weights and the embedding become bf16; all else, adapters and
    /// what is trained in full are f32 there as well.
    pub fn open_on(path: &Path, processor: Processor) -> Result<Self, EngineError> {
        let placement = Placement::on(processor)?;
        let loaded = if is_directory(path)? { hugging_face::load(path, &placement)? } else { gguf::load(path, &placement)? };
        let info = info(&loaded.header);
        let device = placement.device;
        Ok(Self {
            layout: Arc::new(loaded.header.layout),
            weights: loaded.weights,
            ops: Ops::for_device(&device),
            device,
            tokenizer: loaded.tokenizer,
            chat: loaded.chat,
            eos: loaded.eos,
            info,
            new_pooler: loaded.new_pooler,
        })
    }

    /// Writes a Hugging Face directory (config.json, model.safetensors, tokenizer.json). The weights come last and appear
    /// whole or not at all.
    pub fn save(&self, directory: &Path) -> Result<(), EngineError> {
        std::fs::create_dir_all(directory).map_err(EngineError::io(directory))?;
        let write = |name: &str, json: &serde_json::Value| {
            let path = directory.join(name);
            std::fs::write(&path, format!("{json:#}\n")).map_err(EngineError::io(path))
        };
        write("config.json", &self.layout.config.to_hugging_face(&self.eos, None))?;
        // the class that takes tokenizer.json as it is: transformers' own class of a kind would forget what stands around a text
        let mut tokenizer = serde_json::json!({ "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false });
        if let Some(eos) = self.eos.first().and_then(|id| self.tokenizer.token_text(*id)) {
            tokenizer["eos_token"] = eos.into();
        }
        if let ChatTemplate::Jinja { template, bos, eos } = &self.chat {
            for (key, text) in [("chat_template", template), ("bos_token", bos), ("eos_token", eos)] {
                tokenizer[key] = text.as_str().into();
            }
        }
        write("tokenizer_config.json", &tokenizer)?;
        self.tokenizer.save(&directory.join("tokenizer.json"))?;
        let path = directory.join("model.safetensors");
        let tensors: HashMap<String, Tensor> =
            self.layout.parameters.iter().zip(&self.weights).map(stored).collect::<Result<_, EngineError>>()?;
        crate::files::save_safetensors(&path, &tensors)
    }

    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    pub fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    pub fn chat_template(&self) -> &ChatTemplate {
        &self.chat
    }

    /// Tokens that end a completion.
    pub fn eos_tokens(&self) -> &[u32] {
        &self.eos
    }

    /// The same weights in memory of their own, to be changed.
    pub(crate) fn deep_copy(&self) -> Result<Self, EngineError> {
        let weights = self.weights.iter().map(|weight| weight.to_dtype(DType::F32)?.copy()).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { weights, new_pooler: false, ..self.clone() })
    }

    /// The same weights, in f32 where they are narrower: what is trained in full.
    pub(crate) fn widened(self) -> Result<Self, EngineError> {
        let weights = self.weights.iter().map(|weight| weight.to_dtype(DType::F32)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { weights, new_pooler: false, ..self })
    }

    /// All else of the model with another layout and its weights.
    pub(crate) fn with_parts(&self, layout: Arc<Layout>, weights: Vec<Tensor>) -> Self {
        let info = ModelInfo {
            parameters: layout.parameter_count(),
            classes: layout.classes.as_ref().map(|classes| classes.labels),
            ..self.info.clone()
        };
        Self { layout, weights, info, ..self.clone() }
    }

    /// Refuses a model that gives no logits over the next token.
    pub(crate) fn check_generates(&self) -> Result<(), EngineError> {
        if self.layout.config.generates() {
            return Ok(());
        }
        let (name, kind) = (&self.info.name, &self.info.kind);
        let reason = if self.layout.config.bidirectional { format!("is an encoder ({kind})") } else { "tells classes apart".into() };
        Err(EngineError::Input(format!("{name} {reason} and can't continue text; choose a decoder with its vocabulary's head")))
    }

    pub(crate) fn network<'a>(&'a self, loras: &[&'a Lora]) -> Network<'a> {
        Network {
            layout: &self.layout,
            weights: &self.weights,
            adapters: loras.iter().map(|lora| Adapter { factors: lora.factors(), scaling: lora.scaling(), head: lora.head() }).collect(),
            ops: self.ops,
            device: &self.device,
        }
    }

    /// Refuses tokens that have no row in the embedding, and sequences that are too long.
    pub(crate) fn check_tokens(&self, tokens: &[u32]) -> Result<(), EngineError> {
        if let Some(token) = tokens.iter().find(|token| **token as usize >= self.info.vocab_size) {
            return Err(EngineError::Input(format!("token {token} is outside the model's vocabulary of {}", self.info.vocab_size)));
        }
        if tokens.len() > self.info.max_position_embeddings {
            return Err(EngineError::Input(format!(
                "a sequence of {} tokens is longer than the model's {}; shorten it",
                tokens.len(),
                self.info.max_position_embeddings
            )));
        }
        Ok(())
    }

    /// Logits at every position of one sequence, `[tokens, vocabulary]`; a classifier's are `[1, labels]`.
    pub fn logits(&self, lora: Option<&Lora>, tokens: &[u32]) -> Result<Tensor, EngineError> {
        self.check_tokens(tokens)?;
        let loras: Vec<&Lora> = lora.into_iter().collect();
        let network = self.network(&loras);
        let mut batch = Batch::default();
        batch.push(tokens, 0, lora.map(|_| 0));
        let hidden = network.hidden(&batch, None)?;
        let rows = match &self.layout.classes {
            Some(classes) => vec![classes.pooled_row(tokens.len()) as u32],
            None => (0..tokens.len() as u32).collect(),
        };
        Ok(network.logits(&hidden, &rows, &batch.arms)?)
    }

    /// Whether it gives logits over classes, from a whole sequence, and not over the next token.
    pub fn is_classifier(&self) -> bool {
        self.layout.classes.is_some()
    }

    /// The same model, computed by candle's own operations as on CUDA, in place of our kernels: slower on the CPU, and there to
    /// hold one way against the other.
    pub fn with_candle_operations(&self) -> Self {
        Self { ops: Ops::Candle, ..self.clone() }
    }

    /// The same model with its matrices in bf16 and computed by candle's operations, as on a GPU: to hold one against the other.
    pub fn with_halved_matrices(&self) -> Result<Self, EngineError> {
        let placement = Placement::halved(&self.device);
        let place = |(id, tensor): (usize, &Tensor)| placement.placed(&self.layout, id, tensor);
        let weights = self.weights.iter().enumerate().map(place).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { weights, ops: Ops::Candle, ..self.clone() })
    }

    /// For each example the sum of its target tokens' losses (nats) and their number.
    pub fn target_losses(&self, lora: Option<&Lora>, examples: &[Example]) -> Result<Vec<(f64, usize)>, EngineError> {
        let loras: Vec<&Lora> = lora.into_iter().collect();
        let network = self.network(&loras);
        let mut sums = Vec::with_capacity(examples.len());
        for example in examples {
            let mut batch = Batch::default();
            let mut targets: Vec<Target> = Vec::new();
            example.push_into(self, &mut batch, &mut targets, lora.map(|_| 0))?;
            let losses = network.losses(&batch, &targets)?;
            sums.push((losses.iter().map(|loss| f64::from(*loss)).sum(), losses.len()));
        }
        Ok(sums)
    }
}
