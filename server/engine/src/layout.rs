//! Where each weight of a decoder stands: names as upstream's, shapes, and which layer uses which.

use crate::config::DecoderConfig;

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

/// The parts of one transformer layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerParts {
    pub attention_norm: ParameterId,
    pub q: ModuleId,
    pub k: ModuleId,
    pub v: ModuleId,
    pub o: ModuleId,
    pub mlp_norm: ParameterId,
    pub gate: ModuleId,
    pub up: ModuleId,
    pub down: ModuleId,
}

/// All of a decoder's tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    pub config: DecoderConfig,
    pub parameters: Vec<Parameter>,
    pub modules: Vec<Module>,
    pub layers: Vec<LayerParts>,
    pub embedding: ParameterId,
    pub final_norm: ParameterId,
    /// The embedding itself where the two are tied.
    pub unembedding: ParameterId,
}

impl Layout {
    pub fn new(config: DecoderConfig) -> Self {
        let mut build = Builder { parameters: Vec::new(), modules: Vec::new() };
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let (query, kv) = (config.query_width(), config.kv_width());
        let embedding = build.parameter("model.embed_tokens.weight".into(), vec![config.vocab_size, width]);
        let layers = (0..config.num_hidden_layers)
            .map(|index| {
                let at = format!("model.layers.{index}");
                LayerParts {
                    attention_norm: build.parameter(format!("{at}.input_layernorm.weight"), vec![width]),
                    q: build.module(format!("{at}.self_attn.q_proj"), width, query, config.qkv_bias),
                    k: build.module(format!("{at}.self_attn.k_proj"), width, kv, config.qkv_bias),
                    v: build.module(format!("{at}.self_attn.v_proj"), width, kv, config.qkv_bias),
                    o: build.module(format!("{at}.self_attn.o_proj"), query, width, config.output_bias),
                    mlp_norm: build.parameter(format!("{at}.post_attention_layernorm.weight"), vec![width]),
                    gate: build.module(format!("{at}.mlp.gate_proj"), width, inner, config.mlp_bias),
                    up: build.module(format!("{at}.mlp.up_proj"), width, inner, config.mlp_bias),
                    down: build.module(format!("{at}.mlp.down_proj"), inner, width, config.mlp_bias),
                }
            })
            .collect();
        let final_norm = build.parameter("model.norm.weight".into(), vec![width]);
        let unembedding =
            if config.tie_word_embeddings { embedding } else { build.parameter("lm_head.weight".into(), vec![config.vocab_size, width]) };
        Self { config, parameters: build.parameters, modules: build.modules, layers, embedding, final_norm, unembedding }
    }

    /// Number of weights.
    pub fn parameter_count(&self) -> u64 {
        self.parameters.iter().map(|parameter| parameter.shape.iter().product::<usize>() as u64).sum()
    }
}

struct Builder {
    parameters: Vec<Parameter>,
    modules: Vec<Module>,
}

impl Builder {
    fn parameter(&mut self, name: String, shape: Vec<usize>) -> ParameterId {
        self.parameters.push(Parameter { name, decays: shape.len() > 1, shape });
        self.parameters.len() - 1
    }

    fn module(&mut self, name: String, inputs: usize, outputs: usize, bias: bool) -> ModuleId {
        let weight = self.parameter(format!("{name}.weight"), vec![outputs, inputs]);
        let bias = bias.then(|| self.parameter(format!("{name}.bias"), vec![outputs]));
        self.modules.push(Module { name, inputs, outputs, weight, bias });
        self.modules.len() - 1
    }
}
