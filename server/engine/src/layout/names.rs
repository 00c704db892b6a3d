//! What each kind calls its tensors.

/// Names as in Hugging Face's files; those of a layer stand behind `layers.N.`.
pub(super) struct Names {
    pub embedding: &'static str,
    pub positions: &'static str,
    pub token_types: &'static str,
    pub embedding_norm: &'static str,
    pub project_in: &'static str,
    pub project_out: &'static str,
    pub layers: &'static str,
    pub attention_norm: &'static str,
    /// Three names, or one of a layer that gives q, k and v side by side.
    pub qkv: &'static [&'static str],
    pub o: &'static str,
    pub mlp_norm: &'static str,
    pub gate: &'static str,
    pub up: &'static str,
    pub down: &'static str,
    pub final_norm: &'static str,
    pub pooler: &'static str,
    /// Weights of the layers' linear parts are stored `[inputs, outputs]`.
    pub stored_transposed: bool,
}

const LLAMA: Names = Names {
    embedding: "model.embed_tokens.weight",
    positions: "",
    token_types: "",
    embedding_norm: "",
    project_in: "",
    project_out: "",
    layers: "model.layers",
    attention_norm: "input_layernorm",
    qkv: &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    o: "self_attn.o_proj",
    mlp_norm: "post_attention_layernorm",
    gate: "mlp.gate_proj",
    up: "mlp.up_proj",
    down: "mlp.down_proj",
    final_norm: "model.norm",
    pooler: "",
    stored_transposed: false,
};

const GPT2: Names = Names {
    embedding: "transformer.wte.weight",
    positions: "transformer.wpe.weight",
    layers: "transformer.h",
    attention_norm: "ln_1",
    qkv: &["attn.c_attn"],
    o: "attn.c_proj",
    mlp_norm: "ln_2",
    up: "mlp.c_fc",
    down: "mlp.c_proj",
    final_norm: "transformer.ln_f",
    stored_transposed: true,
    ..LLAMA
};

const OPT: Names = Names {
    embedding: "model.decoder.embed_tokens.weight",
    positions: "model.decoder.embed_positions.weight",
    project_in: "model.decoder.project_in",
    project_out: "model.decoder.project_out",
    layers: "model.decoder.layers",
    attention_norm: "self_attn_layer_norm",
    o: "self_attn.out_proj",
    mlp_norm: "final_layer_norm",
    up: "fc1",
    down: "fc2",
    final_norm: "model.decoder.final_layer_norm",
    ..LLAMA
};

const BERT: Names = Names {
    embedding: "bert.embeddings.word_embeddings.weight",
    positions: "bert.embeddings.position_embeddings.weight",
    token_types: "bert.embeddings.token_type_embeddings.weight",
    embedding_norm: "bert.embeddings.LayerNorm",
    layers: "bert.encoder.layer",
    attention_norm: "attention.output.LayerNorm",
    qkv: &["attention.self.query", "attention.self.key", "attention.self.value"],
    o: "attention.output.dense",
    mlp_norm: "output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    pooler: "bert.pooler.dense",
    ..LLAMA
};

impl Names {
    pub(super) fn of(kind: &str) -> Self {
        match kind {
            "gpt2" => GPT2,
            "opt" => OPT,
            "bert" => BERT,
            _ => LLAMA,
        }
    }
}
