//! LoRA (Hu et al. 2021): what an adapter is, how it starts, and PEFT's files.

use crate::{
    EngineError, Model, ModelInfo,
    files::{save_safetensors, save_text},
    layout::{Layout, ModuleId, ParameterId},
    ops::Product,
};
use candle_core::{DType, Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

/// PEFT's name for "every linear layer but the unembedding".
pub const ALL_LINEAR: &str = "all-linear";

/// What PEFT puts in front of a module's name.
const PEFT_PREFIX: &str = "base_model.model.";

/// PEFT's names.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraConfig {
    pub r: usize,
    pub lora_alpha: f64,
    pub use_rslora: bool,
    /// `["all-linear"]`, or names of projections such as `q_proj`.
    pub target_modules: Vec<String>,
}

impl LoraConfig {
    /// What `B A` is multiplied by: alpha / r, or alpha / sqrt(r) when rank-stabilised (Kalajdzievski 2023).
    pub fn scaling(&self) -> f64 {
        self.lora_alpha / if self.use_rslora { (self.r as f64).sqrt() } else { self.r as f64 }
    }

    fn adapts(&self, module: &str) -> bool {
        self.target_modules.iter().any(|target| names(target, module))
    }

    /// Numbers of the layers that the targets name, among (name, outputs, inputs). An error for a target that names none, and
    /// for a rank that a layer's width can't hold.
    fn modules<'a>(&self, layers: impl Iterator<Item = (&'a str, usize, usize)> + Clone) -> Result<Vec<ModuleId>, EngineError> {
        for target in &self.target_modules {
            if !layers.clone().any(|(name, _, _)| names(target, name)) {
                let mut known: Vec<&str> = layers.filter_map(|(name, _, _)| name.rsplit('.').next()).collect();
                known.sort_unstable();
                known.dedup();
                return Err(EngineError::UnknownTarget { name: target.clone(), known: known.join(", ") });
            }
        }
        let adapted = layers.enumerate().filter(|(_, (name, _, _))| self.adapts(name));
        let narrowest = adapted.clone().map(|(_, (name, outputs, inputs))| (name, outputs.min(inputs))).min_by_key(|(_, width)| *width);
        match narrowest {
            Some((name, width)) if self.r == 0 || self.r > width => Err(EngineError::RankTooHigh { r: self.r, layer: name.into(), width }),
            _ => Ok(adapted.map(|(id, _)| id).collect()),
        }
    }

    /// Checks the config against a model whose weights need not be loaded.
    pub fn check(&self, model: &ModelInfo) -> Result<(), EngineError> {
        self.modules(model.linear_layers.iter().map(|(name, outputs, inputs)| (name.as_str(), *outputs, *inputs))).map(|_| ())
    }

    /// Weights that an adapter of this config has in a model, a class head included where the model has one.
    pub fn trainable_parameters(&self, model: &ModelInfo) -> u64 {
        let adapted = model.linear_layers.iter().filter(|(name, _, _)| self.adapts(name));
        model.class_head_parameters() + adapted.map(|(_, outputs, inputs)| (self.r * (outputs + inputs)) as u64).sum::<u64>()
    }

    fn modules_of(&self, layout: &Layout) -> Result<Vec<ModuleId>, EngineError> {
        self.modules(layout.modules.iter().map(|module| (module.name.as_str(), module.outputs, module.inputs)))
    }
}

/// Whether a target, `q_proj` or `self_attn.q_proj` or all of them, names a module.
fn names(target: &str, module: &str) -> bool {
    target == ALL_LINEAR || module == target || module.strip_suffix(target).is_some_and(|rest| rest.ends_with('.'))
}

/// `A` (`[r, inputs]`) and `B` (`[outputs, r]`) of one linear layer.
#[derive(Debug, Clone)]
pub(crate) struct Factors {
    pub a: Tensor,
    pub b: Tensor,
}

/// An arm's own class head, which is trained whole beside the factors (PEFT's `modules_to_save`).
#[derive(Debug, Clone)]
pub(crate) struct SavedHead {
    /// As [`crate::layout::ClassHead`] has it.
    pub name: &'static str,
    /// `[labels, width]`
    pub weight: Tensor,
    pub bias: Option<Tensor>,
}

impl SavedHead {
    fn of(model: &Model) -> Result<Option<Self>, EngineError> {
        let Some(classes) = &model.layout.classes else { return Ok(None) };
        let copied = |id: ParameterId| model.weights[id].copy();
        Ok(Some(Self { name: classes.name, weight: copied(classes.weight)?, bias: classes.bias.map(copied).transpose()? }))
    }
}

/// What PEFT's sequence classification saves beside the factors.
const SAVED_MODULES: [&str; 2] = ["classifier", "score"];

/// One arm's adapter, f32.
#[derive(Debug, Clone)]
pub struct Lora {
    config: LoraConfig,
    /// By module; `None`: not adapted.
    factors: Vec<Option<Factors>>,
    head: Option<SavedHead>,
    /// Names of the modules, for the files.
    names: Vec<String>,
    /// The base model keeps its linear weights transposed (GPT-2), which PEFT's files say.
    fan_in_fan_out: bool,
    /// What the adapter was trained with, for the files.
    lora_dropout: f64,
}

impl Lora {
    /// `A` by PEFT's rule (Kaiming uniform, a = sqrt 5: uniform within 1 / sqrt(inputs)) from `seed`, `B` zero. Each module
    /// draws from a stream of its own, so that other targets don't change its start.
    pub fn new(model: &Model, config: &LoraConfig, seed: u64) -> Result<Self, EngineError> {
        Self::start(model, config, |id, r, inputs| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(id as u64);
            let bound = 1.0 / (inputs as f32).sqrt();
            (0..r * inputs).map(|_| random.random_range(-bound..bound)).collect()
        })
    }

    /// An adapter whose `A` is given for each module by (module's number, r, inputs), row by row; `B` zero. A class head begins
    /// as the model's.
    pub fn start(model: &Model, config: &LoraConfig, mut a: impl FnMut(usize, usize, usize) -> Vec<f32>) -> Result<Self, EngineError> {
        let layout = &model.layout;
        let mut factors = vec![None; layout.modules.len()];
        for id in config.modules_of(layout)? {
            let module = &layout.modules[id];
            factors[id] = Some(Factors {
                a: Tensor::from_vec(a(id, config.r, module.inputs), (config.r, module.inputs), &model.device)?,
                b: Tensor::zeros((module.outputs, config.r), DType::F32, &model.device)?,
            });
        }
        Ok(Self::of(model, config, factors, SavedHead::of(model)?))
    }

    fn of(model: &Model, config: &LoraConfig, factors: Vec<Option<Factors>>, head: Option<SavedHead>) -> Self {
        Self {
            config: config.clone(),
            factors,
            head,
            names: model.layout.modules.iter().map(|module| module.name.clone()).collect(),
            fan_in_fan_out: stores_transposed(&model.layout),
            lora_dropout: 0.0,
        }
    }

    pub fn config(&self) -> &LoraConfig {
        &self.config
    }

    pub(crate) fn note_dropout(&mut self, lora_dropout: f64) {
        self.lora_dropout = lora_dropout;
    }

    pub(crate) fn factors(&self) -> &[Option<Factors>] {
        &self.factors
    }

    pub(crate) fn head(&self) -> Option<&SavedHead> {
        self.head.as_ref()
    }

    /// Every trained tensor: `A` and `B` of each module, then the class head's weight and bias; `None` where there is none.
    /// Gradients come in the same order.
    pub(crate) fn trainable(&self) -> Vec<Option<&Tensor>> {
        let factors = self.factors.iter().flat_map(|factors| match factors {
            Some(factors) => [Some(&factors.a), Some(&factors.b)],
            None => [None, None],
        });
        factors.chain([self.head.as_ref().map(|head| &head.weight), self.head.as_ref().and_then(|head| head.bias.as_ref())]).collect()
    }

    /// Gives the trained tensors memory of their own: tensors that were cloned share theirs.
    pub(crate) fn unshare(&mut self) -> Result<(), EngineError> {
        for factors in self.factors.iter_mut().flatten() {
            factors.a = factors.a.copy()?;
            factors.b = factors.b.copy()?;
        }
        if let Some(head) = &mut self.head {
            head.weight = head.weight.copy()?;
            head.bias = head.bias.as_ref().map(Tensor::copy).transpose()?;
        }
        Ok(())
    }

    pub(crate) fn scaling(&self) -> f32 {
        self.config.scaling() as f32
    }

    pub fn trainable_parameters(&self) -> u64 {
        self.trainable().into_iter().flatten().map(|tensor| tensor.elem_count() as u64).sum()
    }

    /// PEFT's names of a module's `A` and `B`.
    pub(crate) fn tensor_names(module: &str) -> (String, String) {
        (format!("{PEFT_PREFIX}{module}.lora_A.weight"), format!("{PEFT_PREFIX}{module}.lora_B.weight"))
    }

    /// Every factor by the name that PEFT's files give it.
    pub fn tensors(&self) -> HashMap<String, Tensor> {
        self.factors
            .iter()
            .zip(&self.names)
            .filter_map(|(factors, name)| factors.as_ref().map(|factors| (factors, name)))
            .flat_map(|(factors, name)| {
                let (a, b) = Self::tensor_names(name);
                [(a, factors.a.clone()), (b, factors.b.clone())]
            })
            .chain(self.head.iter().flat_map(|head| {
                let [weight, bias] = head_names(head.name);
                [(weight, head.weight.clone())].into_iter().chain(head.bias.clone().map(|tensor| (bias, tensor)))
            }))
            .collect()
    }

    /// Names of what [`Lora::trainable`] lists, in its order, as PEFT's files have them; also of what is not there.
    pub(crate) fn trainable_names(&self) -> Vec<String> {
        let factors = self.names.iter().flat_map(|module| <[String; 2]>::from(Self::tensor_names(module)));
        factors.chain(head_names(self.head.as_ref().map_or(SAVED_MODULES[0], |head| head.name))).collect()
    }

    /// Writes `adapter_config.json` and `adapter_model.safetensors` as PEFT does; `base` is written as the base model's name.
    pub fn save(&self, directory: &Path, base: &str) -> Result<(), EngineError> {
        std::fs::create_dir_all(directory).map_err(EngineError::io(directory))?;
        // a layer's short name, unless that names layers without an adapter too (GPT-2 has two kinds of c_proj, BERT four of dense)
        let short = |name: &str| name.rsplit('.').next().unwrap_or(name).to_string();
        let frozen: HashSet<String> =
            self.names.iter().zip(&self.factors).filter(|(_, factors)| factors.is_none()).map(|(name, _)| short(name)).collect();
        let adapted = self.names.iter().zip(&self.factors).filter(|(_, factors)| factors.is_some()).map(|(name, _)| name);
        let mut targets: Vec<String> =
            adapted.map(|name| Some(short(name)).filter(|short| !frozen.contains(short)).unwrap_or_else(|| name.clone())).collect();
        targets.sort_unstable();
        targets.dedup();
        let task = if self.head.is_some() { "SEQ_CLS" } else { "CAUSAL_LM" };
        let saved = self.head.is_some().then_some(SAVED_MODULES);
        let config = json!({
            "peft_type": "LORA", "task_type": task, "base_model_name_or_path": base, "modules_to_save": saved,
            "r": self.config.r, "lora_alpha": self.config.lora_alpha, "use_rslora": self.config.use_rslora,
            "lora_dropout": self.lora_dropout, "bias": "none", "fan_in_fan_out": self.fan_in_fan_out, "inference_mode": true,
            "init_lora_weights": true, "target_modules": targets,
        });
        save_text(&directory.join("adapter_config.json"), &format!("{config:#}\n"))?;
        save_safetensors(&directory.join("adapter_model.safetensors"), &self.tensors())
    }

    /// Reads an adapter that this program or PEFT wrote; every shape is checked against the model.
    pub fn load(directory: &Path, model: &Model) -> Result<Self, EngineError> {
        let bad = |reason: String| EngineError::BadAdapter { path: directory.into(), reason };
        let config_path = directory.join("adapter_config.json");
        let text = std::fs::read_to_string(&config_path).map_err(EngineError::io(&config_path))?;
        let json: Value = serde_json::from_str(&text).map_err(|error| bad(format!("adapter_config.json is not JSON: {error}")))?;
        let layout = &model.layout;
        for (key, plain) in [("use_dora", json!(false)), ("bias", json!("none")), ("fan_in_fan_out", json!(stores_transposed(layout)))] {
            if !json[key].is_null() && json[key] != plain {
                return Err(bad(format!("{key} = {} is not supported; supported is {plain}", json[key])));
            }
        }
        for key in ["rank_pattern", "alpha_pattern"] {
            if json[key].as_object().is_some_and(|pattern| !pattern.is_empty()) {
                return Err(bad(format!("{key} is not supported: every layer must have the same rank and alpha")));
            }
        }
        let config = LoraConfig {
            r: json["r"].as_u64().filter(|r| *r > 0).ok_or_else(|| bad(format!("r = {} is no rank", json["r"])))? as usize,
            lora_alpha: json["lora_alpha"].as_f64().ok_or_else(|| bad(format!("lora_alpha = {} is no number", json["lora_alpha"])))?,
            use_rslora: json["use_rslora"].as_bool().unwrap_or(false),
            target_modules: match &json["target_modules"] {
                Value::Array(names) => names.iter().filter_map(|name| name.as_str().map(str::to_string)).collect(),
                Value::String(name) => vec![name.clone()],
                other => return Err(bad(format!("target_modules = {other} is no list of names"))),
            },
        };
        let path = directory.join("adapter_model.safetensors");
        let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu)
            .map_err(|error| bad(format!("adapter_model.safetensors can't be read ({error}); copy it again")))?;
        let mut take = |name: &str, shape: &[usize]| {
            let tensor = tensors.remove(name).ok_or_else(|| bad(format!("tensor {name} is missing")))?;
            if tensor.dims() != shape {
                return Err(bad(format!("tensor {name} has shape {:?}, the model and r = {} ask for {shape:?}", tensor.dims(), config.r)));
            }
            Ok(tensor.to_dtype(DType::F32)?.to_device(&model.device)?)
        };
        let mut factors = vec![None; layout.modules.len()];
        for id in config.modules_of(layout)? {
            let module = &layout.modules[id];
            let (a, b) = Self::tensor_names(&module.name);
            let (a, b) = (take(&a, &[config.r, module.inputs])?, take(&b, &[module.outputs, config.r])?);
            factors[id] = Some(Factors { a, b });
        }
        let head = match &layout.classes {
            Some(classes) => {
                let [weight, bias] = head_names(classes.name);
                Some(SavedHead {
                    name: classes.name,
                    weight: take(&weight, &layout.parameters[classes.weight].shape)?,
                    bias: classes.bias.map(|id| take(&bias, &layout.parameters[id].shape)).transpose()?,
                })
            }
            None => None,
        };
        if let Some(name) = tensors.keys().min() {
            if SAVED_MODULES.iter().any(|module| name.starts_with(&format!("{PEFT_PREFIX}{module}."))) {
                return Err(bad(format!("tensor {name} is a class head's, and the model has none; give the model a class head first")));
            }
            return Err(bad(format!("tensor {name} belongs to no adapted layer of this model; the adapter is another model's")));
        }
        let lora_dropout = json["lora_dropout"].as_f64().unwrap_or(0.0);
        Ok(Self { lora_dropout, ..Self::of(model, &config, factors, head) })
    }

    /// `W + scaling B A` for every adapted layer: a model without adapter that computes the same.
    pub fn merge(&self, model: &Model) -> Result<Model, EngineError> {
        let mut merged = model.clone();
        for (module, factors) in model.layout.modules.iter().zip(&self.factors) {
            let Some(factors) = factors else { continue };
            let mut weight = Some(merged.weights[module.weight].to_dtype(DType::F32)?.copy()?);
            model.ops.add_product(&mut weight, Product::new(&factors.b, &factors.a).times(self.scaling()))?;
            if let Some(weight) = weight {
                merged.weights[module.weight] = weight;
            }
        }
        if let (Some(classes), Some(head)) = (&model.layout.classes, &self.head) {
            merged.weights[classes.weight] = head.weight.clone();
            if let (Some(id), Some(bias)) = (classes.bias, &head.bias) {
                merged.weights[id] = bias.clone();
            }
        }
        Ok(merged)
    }
}

/// PEFT's names of a class head's weight and bias.
fn head_names(head: &str) -> [String; 2] {
    ["weight", "bias"].map(|part| format!("{PEFT_PREFIX}{head}.{part}"))
}

/// Whether the base model's file has its linear weights transposed.
fn stores_transposed(layout: &Layout) -> bool {
    layout.parameters.iter().any(|parameter| parameter.stored_transposed)
}
