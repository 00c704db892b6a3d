//! Where each weight of a model stands: names as upstream's, shapes, and which layer uses which.

mod names;

use crate::config::{Head, ModelConfig, Norm, Positions};
use names::Names;

/// Index into the list of parameters.
pub type ParameterId = usize;
/// Index into the list of linear layers that LoRA can be put on.
pub type ModuleId = usize;

/// One tensor of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// As in Hugging Face's files.
    pub name: String,
    pub shape: Vec<usize>,
    /// Matrices decay, biases and norms don't.
    pub decays: bool,
    /// The file holds the transpose (GPT-2's `Conv1D`); `shape` is ours, `[outputs, inputs]`.
    pub stored_transposed: bool,
}

/// A linear layer `y = x W^T + b`; `W` is `[outputs, inputs]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// `model.layers.0.self_attn.q_proj`
    pub name: String,
    pub inputs: usize,
    pub outputs: usize,
    pub weight: ParameterId,
    pub bias: Option<ParameterId>,
}

/// A norm's weight, and its bias where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NormParts {
    pub weight: ParameterId,
    pub bias: Option<ParameterId>,
}

/// The parts of one transformer layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerParts {
    pub attention_norm: NormParts,
    /// q, k and v; or one layer that gives all three side by side (GPT-2).
    pub qkv: Vec<ModuleId>,
    pub o: ModuleId,
    pub mlp_norm: NormParts,
    pub gate: Option<ModuleId>,
    pub up: ModuleId,
    pub down: ModuleId,
}

/// A head over classes. BERT's: `classifier(tanh(pooler(h)))` of the first position, with a bias; a decoder's: `score(h)` of the
/// last, where `h` is what the unembedding would see, without a bias. Trained with every adapter and not adapted (PEFT's
/// `modules_to_save`), but for the pooler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassHead {
    /// What transformers calls it: `classifier` or `score`.
    pub name: &'static str,
    pub pooler: Option<ModuleId>,
    /// `[labels, width]`; the width is the embedding's (OPT-350m's is not the hidden states').
    pub weight: ParameterId,
    pub bias: Option<ParameterId>,
    pub labels: usize,
}

impl ClassHead {
    /// Which row of a sequence of `length` rows is read: an encoder's first sees all others, a decoder's last all before it.
    pub fn pooled_row(&self, length: usize) -> usize {
        if self.pooler.is_some() { 0 } else { length.saturating_sub(1) }
    }
}

/// All of a model's tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    pub config: ModelConfig,
    pub parameters: Vec<Parameter>,
    pub modules: Vec<Module>,
    pub layers: Vec<LayerParts>,
    pub embedding: ParameterId,
    /// Learned positions.
    pub positions: Option<ParameterId>,
    /// BERT's token types; every token here has type 0.
    pub token_types: Option<ParameterId>,
    pub embedding_norm: Option<NormParts>,
    /// OPT-350m: from the embedding's width to the model's, and back.
    pub project_in: Option<ModuleId>,
    pub project_out: Option<ModuleId>,
    pub final_norm: Option<NormParts>,
    /// The embedding itself where the two are tied.
    pub unembedding: ParameterId,
    pub classes: Option<ClassHead>,
}

impl Layout {
    pub fn new(config: ModelConfig) -> Self {
        let mut build = Builder { parameters: Vec::new(), modules: Vec::new(), norm: config.norm };
        let names = Names::of(&config.kind);
        let (width, inner, narrow) = (config.hidden_size, config.intermediate_size, config.embedding_size);
        let (query, kv) = (config.query_width(), config.kv_width());
        let embedding = build.parameter(names.embedding, vec![config.vocab_size, narrow]);
        let positions = match config.positions {
            Positions::Learned { offset } => Some(build.parameter(names.positions, vec![config.max_position_embeddings + offset, width])),
            Positions::Rotary { .. } => None,
        };
        let token_types = (config.token_types > 0).then(|| build.parameter(names.token_types, vec![config.token_types, width]));
        let embedding_norm = config.embedding_norm.then(|| build.norm(names.embedding_norm, width));
        let project_in = (narrow != width).then(|| build.module(names.project_in, narrow, width, false, false));
        let layers = (0..config.num_hidden_layers)
            .map(|index| {
                let at = format!("{}.{index}", names.layers);
                let module = |build: &mut Builder, name: &str, inputs, outputs, bias| {
                    build.module(&format!("{at}.{name}"), inputs, outputs, bias, names.stored_transposed)
                };
                let attention_norm = build.norm(&format!("{at}.{}", names.attention_norm), width);
                let qkv = match names.qkv {
                    [all] => vec![module(&mut build, all, width, query + 2 * kv, config.qkv_bias)],
                    several => {
                        let widths = [query, kv, kv];
                        several
                            .iter()
                            .zip(widths)
                            .map(|(name, outputs)| module(&mut build, name, width, outputs, config.qkv_bias))
                            .collect()
                    }
                };
                let o = module(&mut build, names.o, query, width, config.output_bias);
                let mlp_norm = build.norm(&format!("{at}.{}", names.mlp_norm), width);
                let gate = config.gated.then(|| module(&mut build, names.gate, width, inner, config.mlp_bias));
                let up = module(&mut build, names.up, width, inner, config.mlp_bias);
                let down = module(&mut build, names.down, inner, width, config.mlp_bias);
                LayerParts { attention_norm, qkv, o, mlp_norm, gate, up, down }
            })
            .collect();
        let final_norm = config.final_norm.then(|| build.norm(names.final_norm, width));
        let project_out = (narrow != width).then(|| build.module(names.project_out, width, narrow, false, false));
        let (unembedding, classes) = match &config.head {
            Head::Vocabulary if config.tie_word_embeddings => (embedding, None),
            Head::Vocabulary => (build.parameter("lm_head.weight", vec![config.vocab_size, narrow]), None),
            Head::Classes { labels } => {
                let (labels, pools) = (labels.len(), config.bidirectional);
                let name = if pools { "classifier" } else { "score" };
                let pooler = pools.then(|| build.module(names.pooler, width, width, true, false));
                let weight = build.parameter(format!("{name}.weight"), vec![labels, narrow]);
                let bias = pools.then(|| build.parameter(format!("{name}.bias"), vec![labels]));
                (embedding, Some(ClassHead { name, pooler, weight, bias, labels }))
            }
        };
        Self {
            config,
            parameters: build.parameters,
            modules: build.modules,
            layers,
            embedding,
            positions,
            token_types,
            embedding_norm,
            project_in,
            project_out,
            final_norm,
            unembedding,
            classes,
        }
    }

    /// Whether a parameter is a linear layer's weight, the embedding or the unembedding: what most of a model is.
    pub fn is_base_matrix(&self, id: ParameterId) -> bool {
        id == self.embedding || id == self.unembedding || self.modules.iter().any(|module| module.weight == id)
    }

    /// Number of weights.
    pub fn parameter_count(&self) -> u64 {
        self.parameters.iter().map(|parameter| parameter.shape.iter().product::<usize>() as u64).sum()
    }
}

struct Builder {
    parameters: Vec<Parameter>,
    modules: Vec<Module>,
    norm: Norm,
}

impl Builder {
    fn parameter(&mut self, name: impl Into<String>, shape: Vec<usize>) -> ParameterId {
        self.parameters.push(Parameter { name: name.into(), decays: shape.len() > 1, shape, stored_transposed: false });
        self.parameters.len() - 1
    }

    fn norm(&mut self, name: &str, width: usize) -> NormParts {
        let weight = self.parameter(format!("{name}.weight"), vec![width]);
        let bias = (self.norm == Norm::Layer).then(|| self.parameter(format!("{name}.bias"), vec![width]));
        NormParts { weight, bias }
    }

    fn module(&mut self, name: &str, inputs: usize, outputs: usize, bias: bool, stored_transposed: bool) -> ModuleId {
        let weight = self.parameter(format!("{name}.weight"), vec![outputs, inputs]);
        self.parameters[weight].stored_transposed = stored_transposed;
        let bias = bias.then(|| self.parameter(format!("{name}.bias"), vec![outputs]));
        self.modules.push(Module { name: name.into(), inputs, outputs, weight, bias });
        self.modules.len() - 1
    }
}
