//! The forward pass of every kind of model, and (in `backward`) its gradients written out: nothing is tracked, frozen
//! weights get none.
//!
//! A layer is `h + o(attention(q, k, v))` and then `h + down(f(up))`, normalised before or after, as the config says. Rows of an
//! arm go through that arm's `A` and `B` beside the frozen weight: `y = x W^T + scaling (x A^T) B^T`.

mod backward;
mod by_layer;
mod head;

use crate::{
    batch::{ArmRows, Batch},
    cache::KvCache,
    config::{NormPlace, Positions},
    gradients::Gradients,
    kernels::attention::Heads,
    layout::{LayerParts, Layout, ModuleId, NormParts},
    lora::{Factors, SavedHead},
    ops::{Angles, Attended, LowRankPart, NormWeights, Ops, Reads},
};
use candle_core::{Device, Result, Tensor};

/// Rows of logits computed at a time: 256 x 49,152 values are 50 MB.
pub(crate) const LOGIT_ROWS: usize = 256;

/// A model with the adapters that a batch's arms name.
pub(crate) struct Network<'a> {
    pub layout: &'a Layout,
    pub weights: &'a [Tensor],
    /// By arm.
    pub adapters: Vec<Adapter<'a>>,
    pub ops: Ops,
    pub device: &'a Device,
}

/// One arm's trained parts.
pub(crate) struct Adapter<'a> {
    /// By module.
    pub factors: &'a [Option<Factors>],
    /// What `B A` is multiplied by.
    pub scaling: f32,
    /// In place of the model's own.
    pub head: Option<&'a SavedHead>,
}

/// `x A^T` of each arm's rows, for one linear layer.
type LowRank = Vec<Option<Tensor>>;

/// What the backward pass needs of the embeddings.
struct EmbeddingTape {
    embedded: Tensor,
    low_in: LowRank,
    /// What the embedding's norm saw.
    sum: Tensor,
}

/// What the backward pass needs of one layer.
struct LayerTape {
    /// What the two norms saw.
    normed: [Tensor; 2],
    attention_input: Tensor,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    attended: Attended,
    mlp_input: Tensor,
    gate: Option<Tensor>,
    up: Tensor,
    activated: Tensor,
    low_qkv: Vec<LowRank>,
    low_o: LowRank,
    low_gate: LowRank,
    low_up: LowRank,
    low_down: LowRank,
}

/// Of one layer: all that its backward pass needs, or what it takes to compute that again.
enum Kept {
    Tape(Box<LayerTape>),
    Input(Tensor),
}

/// What the forward pass keeps for the backward pass.
struct Tapes {
    embedding: Option<EmbeddingTape>,
    layers: Vec<Kept>,
    /// Keep each layer's input alone (gradient checkpointing, Chen et al. 2016).
    checkpointing: bool,
}

/// How a pass is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PassOptions {
    /// Compute each layer again in the backward pass instead of keeping what it saw.
    pub checkpointing: bool,
}

/// A row that counts in the loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Target {
    pub row: usize,
    /// The next token, or the class.
    pub token: u32,
    /// Weight of its loss in what is differentiated.
    pub weight: f32,
}

impl Network<'_> {
    fn heads(&self) -> Heads {
        let config = &self.layout.config;
        Heads {
            heads: config.num_attention_heads,
            kv_heads: config.num_key_value_heads,
            width: config.head_dim,
            causal: !config.bidirectional,
        }
    }

    /// Angles of the rows, where positions are rotary.
    fn angles(&self, batch: &Batch) -> Result<Option<Angles>> {
        match self.layout.config.positions {
            Positions::Rotary { .. } => Angles::new(&batch.positions, &self.layout.config.inverse_frequencies(), self.device).map(Some),
            Positions::Learned { .. } => Ok(None),
        }
    }

    fn norm_weights(&self, norm: NormParts) -> NormWeights<'_> {
        NormWeights {
            kind: self.layout.config.norm,
            weight: &self.weights[norm.weight],
            bias: norm.bias.map(|bias| &self.weights[bias]),
            eps: self.layout.config.norm_eps,
        }
    }

    fn norm(&self, x: &Tensor, norm: NormParts) -> Result<Tensor> {
        self.ops.norm(x, self.norm_weights(norm))
    }

    /// `x W^T + b` for all rows, and each arm's part for its rows.
    fn linear(&self, module: ModuleId, x: &Tensor, arms: &ArmRows) -> Result<(Tensor, LowRank)> {
        let part = &self.layout.modules[module];
        let y = self.ops.linear(x, &self.weights[part.weight], part.bias.map(|bias| &self.weights[bias]))?;
        let parts = self.low_rank_parts(module, x, arms)?;
        let mut inner = self.ops.add_low_rank(&y, &parts)?.into_iter();
        let adapted = arms.ranges.iter().map(|(arm, _)| self.adapters[*arm].factors[module].is_some());
        let low_rank = adapted.map(|adapted| if adapted { inner.next() } else { None }).collect();
        Ok((y, low_rank))
    }

    /// The arms that adapt a layer, with what they see of it.
    fn low_rank_parts(&self, module: ModuleId, x: &Tensor, arms: &ArmRows) -> Result<Vec<LowRankPart<'_>>> {
        let mut parts = Vec::with_capacity(arms.ranges.len());
        for (arm, range) in &arms.ranges {
            let adapter = &self.adapters[*arm];
            if let Some(factors) = &adapter.factors[module] {
                let seen = self.seen_by_adapter(module, x, arms, range)?;
                parts.push(LowRankPart { start: range.start, seen, a: &factors.a, b: &factors.b, scaling: adapter.scaling });
            }
        }
        Ok(parts)
    }

    /// An arm's rows of `x`, with its dropout.
    fn seen_by_adapter(&self, module: ModuleId, x: &Tensor, arms: &ArmRows, range: &std::ops::Range<usize>) -> Result<Tensor> {
        let rows = x.narrow(0, range.start, range.len())?;
        if arms.dropout.is_empty() { Ok(rows) } else { self.ops.dropout(&rows, &arms.dropout[range.clone()], module) }
    }

    /// What goes into the first layer, `[rows, hidden]`.
    fn embed(&self, batch: &Batch) -> Result<(Tensor, EmbeddingTape)> {
        let layout = self.layout;
        let embedded = self.ops.rows(&self.weights[layout.embedding], &batch.tokens)?;
        let (mut sum, low_in) = match layout.project_in {
            Some(module) => self.linear(module, &embedded, &batch.arms)?,
            None => (embedded.clone(), LowRank::new()),
        };
        if let Some(positions) = layout.positions {
            sum = (sum + self.ops.rows(&self.weights[positions], &self.position_rows(batch))?)?;
        }
        if let Some(types) = layout.token_types {
            sum = sum.broadcast_add(&self.weights[types].narrow(0, 0, 1)?)?;
        }
        let h = match layout.embedding_norm {
            Some(norm) => self.norm(&sum, norm)?,
            None => sum.clone(),
        };
        Ok((h, EmbeddingTape { embedded, low_in, sum }))
    }

    /// Rows of the table of positions.
    fn position_rows(&self, batch: &Batch) -> Vec<u32> {
        let offset = match self.layout.config.positions {
            Positions::Learned { offset } => offset as u32,
            Positions::Rotary { .. } => 0,
        };
        batch.positions.iter().map(|position| position + offset).collect()
    }

    /// Hidden states before the final norm, `[rows, hidden]`. With `cache`, sequence `i` continues slot `slots[i]`.
    pub fn hidden(&self, batch: &Batch, cache: Option<(&mut KvCache, &[usize])>) -> Result<Tensor> {
        self.forward(batch, cache, None)
    }

    /// With `tapes`, what the backward pass needs is kept (and nothing may be cached).
    fn forward(&self, batch: &Batch, mut cache: Option<(&mut KvCache, &[usize])>, mut tapes: Option<&mut Tapes>) -> Result<Tensor> {
        let angles = self.angles(batch)?;
        let (mut h, embedding) = self.embed(batch)?;
        if let Some(tapes) = &mut tapes {
            tapes.embedding = Some(embedding);
        }
        for (index, layer) in self.layout.layers.iter().enumerate() {
            let cache = cache.as_mut().map(|(cache, slots)| (&mut **cache, *slots));
            let whole = tapes.as_ref().is_some_and(|tapes| !tapes.checkpointing);
            let input = h.clone();
            let (next, tape) = self.layer(index, layer, h, batch, angles.as_ref(), cache, whole)?;
            h = next;
            if let Some(tapes) = &mut tapes {
                tapes.layers.push(tape.map_or(Kept::Input(input), |tape| Kept::Tape(Box::new(tape))));
            }
        }
        if let Some((cache, slots)) = cache {
            cache.advance(slots, &batch.lengths);
        }
        Ok(h)
    }

    #[expect(clippy::too_many_arguments, reason = "one layer's inputs, passed at two places")]
    fn layer(
        &self,
        index: usize,
        layer: &LayerParts,
        input: Tensor,
        batch: &Batch,
        angles: Option<&Angles>,
        cache: Option<(&mut KvCache, &[usize])>,
        keep: bool,
    ) -> Result<(Tensor, Option<LayerTape>)> {
        let (ops, heads, arms) = (self.ops, self.heads(), &batch.arms);
        let before = self.layout.config.norm_place == NormPlace::Before;
        let attention_input = if before { self.norm(&input, layer.attention_norm)? } else { input.clone() };
        let ([mut queries, mut keys, values], low_qkv) = self.queries_keys_values(layer, &attention_input, arms)?;
        if let Some(angles) = angles {
            queries = ops.rotate(queries, angles, heads.width, false)?;
            keys = ops.rotate(keys, angles, heads.width, false)?;
        }
        let reads = match cache {
            Some((cache, slots)) => {
                cache.write(index, slots, &batch.lengths, &keys, &values)?;
                cache.reads(index, slots)
            }
            None => Reads {
                keys: keys.clone(),
                values: values.clone(),
                sequences: batch.starts().into_iter().map(|start| (start, 0)).collect(),
            },
        };
        let attended = ops.attention(&queries, &reads, &batch.lengths, heads)?;
        drop(reads);
        let (projected, low_o) = self.linear(layer.o, &attended.out, arms)?;
        let first_sum = ops.plus(projected, &input)?;
        let middle = if before { first_sum.clone() } else { self.norm(&first_sum, layer.attention_norm)? };
        let mlp_input = if before { self.norm(&middle, layer.mlp_norm)? } else { middle.clone() };
        let (gate, low_gate) = match layer.gate {
            Some(gate) => {
                let (gate, low) = self.linear(gate, &mlp_input, arms)?;
                (Some(gate), low)
            }
            None => (None, LowRank::new()),
        };
        let (up, low_up) = self.linear(layer.up, &mlp_input, arms)?;
        let activated = match &gate {
            Some(gate) => ops.activation(self.layout.config.activation, gate, Some(&up))?,
            None => ops.activation(self.layout.config.activation, &up, None)?,
        };
        let (down, low_down) = self.linear(layer.down, &activated, arms)?;
        let second_sum = ops.plus(down, &middle)?;
        let output = if before { second_sum.clone() } else { self.norm(&second_sum, layer.mlp_norm)? };
        let tape = keep.then(|| LayerTape {
            normed: if before { [input, middle] } else { [first_sum, second_sum] },
            attention_input,
            queries,
            keys,
            values,
            attended,
            mlp_input,
            gate,
            up,
            activated,
            low_qkv,
            low_o,
            low_gate,
            low_up,
            low_down,
        });
        Ok((output, tape))
    }

    fn queries_keys_values(&self, layer: &LayerParts, x: &Tensor, arms: &ArmRows) -> Result<([Tensor; 3], Vec<LowRank>)> {
        let mut parts = Vec::with_capacity(3);
        let mut low_ranks = Vec::with_capacity(3);
        for &module in &layer.qkv {
            let (y, low_rank) = self.linear(module, x, arms)?;
            parts.push(y);
            low_ranks.push(low_rank);
        }
        let (query, kv) = (self.layout.config.query_width(), self.layout.config.kv_width());
        if let [together] = &parts[..] {
            let columns = |start, count| self.ops.columns(together, start, count);
            return Ok(([columns(0, query)?, columns(query, kv)?, columns(query + kv, kv)?], low_ranks));
        }
        let parts: [Tensor; 3] = parts
            .try_into()
            .map_err(|parts: Vec<Tensor>| candle_core::Error::Msg(format!("{} projections for q, k and v", parts.len())))?;
        Ok((parts, low_ranks))
    }

    /// Losses of the targets without gradients.
    pub fn losses(&self, batch: &Batch, targets: &[Target]) -> Result<Vec<f32>> {
        let hidden = self.hidden(batch, None)?;
        let mut losses = Vec::with_capacity(targets.len());
        for chunk in targets.chunks(LOGIT_ROWS) {
            let rows: Vec<u32> = chunk.iter().map(|target| target.row as u32).collect();
            let logits = self.logits(&hidden, &rows, &batch.arms)?;
            let tokens: Vec<u32> = chunk.iter().map(|target| target.token).collect();
            losses.extend(self.ops.cross_entropy(logits, &tokens, &vec![0.0; tokens.len()])?.0);
        }
        Ok(losses)
    }

    /// Loss (nats) of every target, and the gradients of their weighted sum.
    pub fn loss_and_gradients(
        &self,
        batch: &Batch,
        targets: &[Target],
        gradients: &mut Gradients,
        options: &PassOptions,
    ) -> Result<Vec<f32>> {
        let mut tapes =
            Tapes { embedding: None, layers: Vec::with_capacity(self.layout.layers.len()), checkpointing: options.checkpointing };
        let hidden = self.forward(batch, None, Some(&mut tapes))?;
        let (losses, d_hidden) = self.loss_backward(&hidden, batch, targets, gradients)?;
        drop(hidden);
        self.backward(batch, tapes, d_hidden, gradients)?;
        Ok(losses)
    }
}
