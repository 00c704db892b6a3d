//! The decoder's forward pass, and its backward pass written out: nothing is tracked, frozen weights get no gradient.
//!
//! A layer is `h + o(attention(rope(q, k), v))` and then `h + down(silu(gate) * up)`, each on the normalised `h`.
//! Rows of an arm go through that arm's `A` and `B` beside the frozen weight: `y = x W^T + scaling (x A^T) B^T`.

use crate::{
    batch::Batch,
    cache::KvCache,
    gradients::{FactorGradients, Gradients},
    kernels::{
        attention::{Heads, Seen, Source, attention, attention_backward},
        cross_entropy::cross_entropy_in_place,
        matmul::{Into, View, multiply},
        norm::{rms_norm, rms_norm_backward},
        rope, skinny,
        swiglu::{swiglu, swiglu_backward},
    },
    layout::{LayerParts, Layout, ModuleId, ParameterId},
    lora::Factors,
    slices::{change, matrix, values},
};
use candle_core::{Result, Tensor};

/// Rows of logits computed at a time: 256 x 49,152 values are 50 MB.
const LOGIT_ROWS: usize = 256;

/// A decoder with the adapters that a batch's arms name.
pub(crate) struct Network<'a> {
    pub layout: &'a Layout,
    pub weights: &'a [Tensor],
    /// By arm: the factors of each module, and what `B A` is multiplied by.
    pub adapters: Vec<(&'a [Option<Factors>], f32)>,
}

/// Cosines and sines of each row's angles, `[rows, head_dim / 2]`.
struct Angles {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

/// What a linear layer saw: `x A^T` of each arm of the batch.
type LowRank = Vec<Option<Vec<f32>>>;

/// What the backward pass needs of one layer.
pub(crate) struct LayerTape {
    input: Tensor,
    attention_scale: Vec<f32>,
    attention_input: Tensor,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    attended: Tensor,
    log_sums: Vec<f32>,
    middle: Tensor,
    mlp_scale: Vec<f32>,
    mlp_input: Tensor,
    gate: Tensor,
    up: Tensor,
    gated: Tensor,
    /// q, k, v, o, gate, up, down
    low_rank: [LowRank; 7],
}

/// A row whose next token counts in the loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Target {
    pub row: usize,
    pub token: u32,
    /// Weight of its loss in what is differentiated.
    pub weight: f32,
}

impl Network<'_> {
    fn heads(&self) -> Heads {
        let config = &self.layout.config;
        Heads { heads: config.num_attention_heads, kv_heads: config.num_key_value_heads, width: config.head_dim }
    }

    fn angles(&self, batch: &Batch) -> Angles {
        let frequencies = self.layout.config.inverse_frequencies();
        let angle = batch.positions.iter().flat_map(|&position| frequencies.iter().map(move |frequency| position as f32 * frequency));
        let (cos, sin) = angle.map(|angle| (angle.cos(), angle.sin())).unzip();
        Angles { cos, sin }
    }

    /// Rows of the embedding, `[rows, hidden]`.
    fn embed(&self, tokens: &[u32]) -> Result<Tensor> {
        let width = self.layout.config.hidden_size;
        let table = values(&self.weights[self.layout.embedding])?;
        let mut rows = Vec::with_capacity(tokens.len() * width);
        for &token in tokens {
            rows.extend_from_slice(&table[token as usize * width..][..width]);
        }
        matrix(rows, tokens.len(), width)
    }

    fn norm(&self, x: &Tensor, weight: ParameterId) -> Result<(Tensor, Vec<f32>)> {
        let (rows, width) = x.dims2()?;
        let (y, scale) = rms_norm(&values(x)?, &values(&self.weights[weight])?, self.layout.config.rms_norm_eps as f32);
        Ok((matrix(y, rows, width)?, scale))
    }

    /// `x W^T + b` for all rows, and each arm's part for its rows.
    fn linear(&self, module: ModuleId, x: &Tensor, batch: &Batch) -> Result<(Tensor, LowRank)> {
        let part = &self.layout.modules[module];
        let (rows, inputs, outputs) = (x.dims2()?.0, part.inputs, part.outputs);
        let x = values(x)?;
        let mut y = match part.bias {
            Some(bias) => values(&self.weights[bias])?.repeat(rows),
            None => vec![0f32; rows * outputs],
        };
        let into = if part.bias.is_some() { Into::Add } else { Into::Replace };
        let weight = values(&self.weights[part.weight])?;
        product(&mut y, &x, &weight, inputs, into);
        let mut low_rank = Vec::with_capacity(batch.arms.len());
        for (arm, range) in &batch.arms {
            let (factors, scaling) = self.adapters[*arm];
            let Some(factors) = &factors[module] else {
                low_rank.push(None);
                continue;
            };
            let (a, b, r) = (values(&factors.a)?, values(&factors.b)?, factors.r);
            let mut inner = vec![0f32; range.len() * r];
            multiply(
                &mut inner,
                View::new(&x[range.start * inputs..], range.len(), inputs),
                View::new(&a, r, inputs).transposed(),
                1.0,
                Into::Replace,
            );
            let y = &mut y[range.start * outputs..range.end * outputs];
            multiply(y, View::new(&inner, range.len(), r), View::new(&b, outputs, r).transposed(), scaling, Into::Add);
            low_rank.push(Some(inner));
        }
        Ok((matrix(y, rows, outputs)?, low_rank))
    }

    /// Hidden states before the final norm, `[rows, hidden]`. With `cache`, sequence `i` continues slot `slots[i]`.
    /// With `tapes`, what the backward pass needs is kept (and nothing may be cached).
    pub fn hidden(
        &self,
        batch: &Batch,
        mut cache: Option<(&mut KvCache, &[usize])>,
        mut tapes: Option<&mut Vec<LayerTape>>,
    ) -> Result<Tensor> {
        let angles = self.angles(batch);
        let mut h = self.embed(&batch.tokens)?;
        for (index, layer) in self.layout.layers.iter().enumerate() {
            let cache = cache.as_mut().map(|(cache, slots)| (&mut **cache, *slots));
            let (next, tape) = self.layer(index, layer, h, batch, &angles, cache, tapes.is_some())?;
            h = next;
            if let (Some(tapes), Some(tape)) = (tapes.as_mut(), tape) {
                tapes.push(tape);
            }
        }
        if let Some((cache, slots)) = cache {
            cache.advance(slots, &batch.lengths);
        }
        Ok(h)
    }

    #[expect(clippy::too_many_arguments, reason = "one layer's inputs, passed once")]
    fn layer(
        &self,
        index: usize,
        layer: &LayerParts,
        input: Tensor,
        batch: &Batch,
        angles: &Angles,
        cache: Option<(&mut KvCache, &[usize])>,
        keep: bool,
    ) -> Result<(Tensor, Option<LayerTape>)> {
        let heads = self.heads();
        let (attention_input, attention_scale) = self.norm(&input, layer.attention_norm)?;
        let (queries, low_q) = self.linear(layer.q, &attention_input, batch)?;
        let (keys, low_k) = self.linear(layer.k, &attention_input, batch)?;
        let (values_, low_v) = self.linear(layer.v, &attention_input, batch)?;
        change(&queries, |x| rope::rotate(x, &angles.cos, &angles.sin, heads.heads, heads.width, false))?;
        change(&keys, |x| rope::rotate(x, &angles.cos, &angles.sin, heads.kv_heads, heads.width, false))?;
        let (attended, log_sums) = {
            let (queries, keys, values_) = (values(&queries)?, values(&keys)?, values(&values_)?);
            match cache {
                Some((cache, slots)) => {
                    cache.write(index, slots, &batch.lengths, &keys, &values_);
                    attention(&queries, &cache.sources(index, slots, &batch.lengths), &batch.lengths, heads)
                }
                None => attention(&queries, &own_sources(&keys, &values_, batch, heads), &batch.lengths, heads),
            }
        };
        let attended = matrix(attended, batch.rows(), self.layout.config.query_width())?;
        let (projected, low_o) = self.linear(layer.o, &attended, batch)?;
        let middle = (&input + projected)?;
        let (mlp_input, mlp_scale) = self.norm(&middle, layer.mlp_norm)?;
        let (gate, low_gate) = self.linear(layer.gate, &mlp_input, batch)?;
        let (up, low_up) = self.linear(layer.up, &mlp_input, batch)?;
        let gated = swiglu(&values(&gate)?, &values(&up)?);
        let gated = matrix(gated, batch.rows(), self.layout.config.intermediate_size)?;
        let (down, low_down) = self.linear(layer.down, &gated, batch)?;
        let output = (&middle + down)?;
        let tape = keep.then(|| LayerTape {
            input,
            attention_scale,
            attention_input,
            queries,
            keys,
            values: values_,
            attended,
            log_sums,
            middle,
            mlp_scale,
            mlp_input,
            gate,
            up,
            gated,
            low_rank: [low_q, low_k, low_v, low_o, low_gate, low_up, low_down],
        });
        Ok((output, tape))
    }

    /// Logits of some rows of the hidden states, `[chosen, vocabulary]`.
    pub fn logits(&self, hidden: &Tensor, rows: &[usize]) -> Result<Tensor> {
        let chosen = self.chosen_rows(hidden, rows)?;
        let (normalised, _) = self.norm(&chosen, self.layout.final_norm)?;
        let (width, vocabulary) = (self.layout.config.hidden_size, self.layout.config.vocab_size);
        let mut logits = vec![0f32; rows.len() * vocabulary];
        let table = values(&self.weights[self.layout.unembedding])?;
        multiply(
            &mut logits,
            View::new(&values(&normalised)?, rows.len(), width),
            View::new(&table, vocabulary, width).transposed(),
            1.0,
            Into::Replace,
        );
        matrix(logits, rows.len(), vocabulary)
    }

    fn chosen_rows(&self, hidden: &Tensor, rows: &[usize]) -> Result<Tensor> {
        let width = self.layout.config.hidden_size;
        let all = values(hidden)?;
        let mut chosen = Vec::with_capacity(rows.len() * width);
        for &row in rows {
            chosen.extend_from_slice(&all[row * width..(row + 1) * width]);
        }
        matrix(chosen, rows.len(), width)
    }

    /// Loss (nats) of every target, and the gradients of their weighted sum.
    pub fn loss_and_gradients(&self, batch: &Batch, targets: &[Target], gradients: &mut Gradients) -> Result<Vec<f32>> {
        let mut tapes = Vec::with_capacity(self.layout.layers.len());
        let hidden = self.hidden(batch, None, Some(&mut tapes))?;
        let (losses, mut d_hidden) = self.loss_backward(&hidden, targets, gradients)?;
        drop(hidden);
        let angles = self.angles(batch);
        for (index, layer) in self.layout.layers.iter().enumerate().rev() {
            let Some(tape) = tapes.pop() else { break };
            // below the first layer there is only the embedding, which LoRA leaves alone
            let want_input = index > 0 || gradients.weights.is_some();
            d_hidden = self.layer_backward(layer, tape, d_hidden, batch, &angles, want_input, gradients)?;
        }
        if let Some(weights) = &mut gradients.weights {
            let width = self.layout.config.hidden_size;
            let rows = values(&d_hidden)?;
            weights.add_rows(self.layout.embedding, &self.layout.parameters, &batch.tokens, &rows, width)?;
        }
        Ok(losses)
    }

    /// Losses of the targets without gradients.
    pub fn losses(&self, batch: &Batch, targets: &[Target]) -> Result<Vec<f32>> {
        let hidden = self.hidden(batch, None, None)?;
        let mut losses = Vec::with_capacity(targets.len());
        for chunk in targets.chunks(LOGIT_ROWS) {
            let rows: Vec<usize> = chunk.iter().map(|target| target.row).collect();
            let logits = self.logits(&hidden, &rows)?;
            let tokens: Vec<u32> = chunk.iter().map(|target| target.token).collect();
            change(&logits, |logits| losses.extend(cross_entropy_in_place(logits, &tokens, &vec![0.0; tokens.len()])))?;
        }
        Ok(losses)
    }

    /// Through the unembedding and the final norm: losses, and the gradient of the hidden states.
    fn loss_backward(&self, hidden: &Tensor, targets: &[Target], gradients: &mut Gradients) -> Result<(Vec<f32>, Tensor)> {
        let (rows, width) = hidden.dims2()?;
        let vocabulary = self.layout.config.vocab_size;
        let mut losses = Vec::with_capacity(targets.len());
        let mut d_hidden = vec![0f32; rows * width];
        let table = values(&self.weights[self.layout.unembedding])?;
        let final_norm = values(&self.weights[self.layout.final_norm])?;
        for chunk in targets.chunks(LOGIT_ROWS) {
            let count = chunk.len();
            let chosen: Vec<usize> = chunk.iter().map(|target| target.row).collect();
            let tokens: Vec<u32> = chunk.iter().map(|target| target.token).collect();
            let weights: Vec<f32> = chunk.iter().map(|target| target.weight).collect();
            let chosen_rows = self.chosen_rows(hidden, &chosen)?;
            let chosen_rows = values(&chosen_rows)?;
            let (normalised, scale) = rms_norm(&chosen_rows, &final_norm, self.layout.config.rms_norm_eps as f32);
            let mut logits = vec![0f32; count * vocabulary];
            multiply(
                &mut logits,
                View::new(&normalised, count, width),
                View::new(&table, vocabulary, width).transposed(),
                1.0,
                Into::Replace,
            );
            losses.extend(cross_entropy_in_place(&mut logits, &tokens, &weights));
            let mut d_normalised = vec![0f32; count * width];
            multiply(&mut d_normalised, View::new(&logits, count, vocabulary), View::new(&table, vocabulary, width), 1.0, Into::Replace);
            let full = gradients.weights.as_mut();
            let (d_chosen, d_norm) = rms_norm_backward(&d_normalised, &chosen_rows, &final_norm, &scale, full.is_some());
            if let (Some(full), Some(d_norm)) = (full, d_norm) {
                full.add_product(
                    self.layout.unembedding,
                    &self.layout.parameters,
                    View::new(&logits, count, vocabulary).transposed(),
                    View::new(&normalised, count, width),
                )?;
                full.add_values(self.layout.final_norm, &self.layout.parameters, d_norm)?;
            }
            for (&row, from) in chosen.iter().zip(d_chosen.chunks_exact(width)) {
                for (into, from) in d_hidden[row * width..(row + 1) * width].iter_mut().zip(from) {
                    *into += from;
                }
            }
        }
        Ok((losses, matrix(d_hidden, rows, width)?))
    }

    /// Gradients of a linear layer: of its input (added to `dx` where wanted), of its weights and of the arms' factors.
    #[expect(clippy::too_many_arguments, reason = "what the layer saw and what is wanted of it, passed at seven places")]
    fn linear_backward(
        &self,
        module: ModuleId,
        dy: &[f32],
        x: &Tensor,
        low_rank: &LowRank,
        batch: &Batch,
        mut dx: Option<(&mut [f32], Into)>,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let part = &self.layout.modules[module];
        let (rows, inputs, outputs) = (x.dims2()?.0, part.inputs, part.outputs);
        let x = values(x)?;
        if let Some((dx, into)) = &mut dx {
            let weight = values(&self.weights[part.weight])?;
            multiply(dx, View::new(dy, rows, outputs), View::new(&weight, outputs, inputs), 1.0, *into);
        }
        if let Some(full) = &mut gradients.weights {
            full.add_product(part.weight, &self.layout.parameters, View::new(dy, rows, outputs).transposed(), View::new(&x, rows, inputs))?;
            if let Some(bias) = part.bias {
                let mut sums = vec![0f32; outputs];
                for row in dy.chunks_exact(outputs) {
                    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
                full.add_values(bias, &self.layout.parameters, sums)?;
            }
        }
        for ((arm, range), inner) in batch.arms.iter().zip(low_rank) {
            let (factors, scaling) = self.adapters[*arm];
            let (Some(factors), Some(inner)) = (&factors[module], inner) else { continue };
            let (a, b, r, count) = (values(&factors.a)?, values(&factors.b)?, factors.r, range.len());
            let dy = View::new(&dy[range.start * outputs..], count, outputs);
            let mut d_inner = vec![0f32; count * r];
            multiply(&mut d_inner, dy, View::new(&b, outputs, r), scaling, Into::Replace);
            let slot = &mut gradients.adapters[*arm][module];
            let fresh = slot.is_none();
            let into = if fresh { Into::Replace } else { Into::Add };
            let FactorGradients { a: d_a, b: d_b } =
                slot.get_or_insert_with(|| FactorGradients { a: vec![0f32; r * inputs], b: vec![0f32; outputs * r] });
            multiply(d_b, dy.transposed(), View::new(inner, count, r), scaling, into);
            let d_inner = View::new(&d_inner, count, r);
            multiply(d_a, d_inner.transposed(), View::new(&x[range.start * inputs..], count, inputs), 1.0, into);
            if let Some((dx, _)) = &mut dx {
                let dx = &mut dx[range.start * inputs..range.end * inputs];
                multiply(dx, d_inner, View::new(&a, r, inputs), 1.0, Into::Add);
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one layer's inputs, passed once")]
    fn layer_backward(
        &self,
        layer: &LayerParts,
        tape: LayerTape,
        d_output: Tensor,
        batch: &Batch,
        angles: &Angles,
        want_input: bool,
        gradients: &mut Gradients,
    ) -> Result<Tensor> {
        let config = &self.layout.config;
        let (rows, width, heads) = (batch.rows(), config.hidden_size, self.heads());
        let [low_q, low_k, low_v, low_o, low_gate, low_up, low_down] = &tape.low_rank;
        let want_norm = gradients.weights.is_some();

        let d_out = values(&d_output)?;
        let mut d_gated = vec![0f32; rows * config.intermediate_size];
        self.linear_backward(layer.down, &d_out, &tape.gated, low_down, batch, Some((&mut d_gated, Into::Replace)), gradients)?;
        let (d_gate, d_up) = swiglu_backward(&d_gated, &values(&tape.gate)?, &values(&tape.up)?);
        drop(d_gated);
        let mut d_mlp_input = vec![0f32; rows * width];
        self.linear_backward(layer.gate, &d_gate, &tape.mlp_input, low_gate, batch, Some((&mut d_mlp_input, Into::Replace)), gradients)?;
        self.linear_backward(layer.up, &d_up, &tape.mlp_input, low_up, batch, Some((&mut d_mlp_input, Into::Add)), gradients)?;
        let mlp_norm = values(&self.weights[layer.mlp_norm])?;
        let (mut d_middle, d_norm) = rms_norm_backward(&d_mlp_input, &values(&tape.middle)?, &mlp_norm, &tape.mlp_scale, want_norm);
        self.keep_norm(layer.mlp_norm, d_norm, gradients)?;
        d_middle.iter_mut().zip(&*d_out).for_each(|(into, from)| *into += from);
        drop(d_out);

        let mut d_attended = vec![0f32; rows * config.query_width()];
        self.linear_backward(layer.o, &d_middle, &tape.attended, low_o, batch, Some((&mut d_attended, Into::Replace)), gradients)?;
        let (mut d_queries, mut d_keys, d_values) = {
            let (queries, keys, values_, out) =
                (values(&tape.queries)?, values(&tape.keys)?, values(&tape.values)?, values(&tape.attended)?);
            let seen = Seen { queries: &queries, keys: &keys, values: &values_, out: &out, log_sums: &tape.log_sums };
            attention_backward(&d_attended, seen, &batch.lengths, heads)
        };
        rope::rotate(&mut d_queries, &angles.cos, &angles.sin, heads.heads, heads.width, true);
        rope::rotate(&mut d_keys, &angles.cos, &angles.sin, heads.kv_heads, heads.width, true);
        let mut d_attention_input = vec![0f32; rows * width];
        for (module, dy, low_rank, into) in
            [(layer.q, &d_queries, low_q, Into::Replace), (layer.k, &d_keys, low_k, Into::Add), (layer.v, &d_values, low_v, Into::Add)]
        {
            let dx = want_input.then_some((&mut d_attention_input[..], into));
            self.linear_backward(module, dy, &tape.attention_input, low_rank, batch, dx, gradients)?;
        }
        if !want_input {
            return matrix(d_middle, rows, width);
        }
        let attention_norm = values(&self.weights[layer.attention_norm])?;
        let (mut d_input, d_norm) =
            rms_norm_backward(&d_attention_input, &values(&tape.input)?, &attention_norm, &tape.attention_scale, want_norm);
        self.keep_norm(layer.attention_norm, d_norm, gradients)?;
        d_input.iter_mut().zip(&d_middle).for_each(|(into, from)| *into += from);
        matrix(d_input, rows, width)
    }

    fn keep_norm(&self, norm: ParameterId, gradient: Option<Vec<f32>>, gradients: &mut Gradients) -> Result<()> {
        match (gradient, &mut gradients.weights) {
            (Some(gradient), Some(full)) => full.add_values(norm, &self.layout.parameters, gradient),
            _ => Ok(()),
        }
    }
}

/// `y (+)= x W^T`, by whichever way is faster for so many rows.
fn product(y: &mut [f32], x: &[f32], weight: &[f32], inputs: usize, into: Into) {
    let (rows, outputs) = (x.len() / inputs, weight.len() / inputs);
    if rows > skinny::MOST_ROWS || !skinny::multiply_rows(y, x, weight, inputs, into == Into::Add) {
        multiply(y, View::new(x, rows, inputs), View::new(weight, outputs, inputs).transposed(), 1.0, into);
    }
}

/// Each sequence reads the keys and values of its own rows.
fn own_sources<'a>(keys: &'a [f32], values: &'a [f32], batch: &Batch, heads: Heads) -> Vec<Source<'a>> {
    let row = heads.kv_heads * heads.width;
    batch
        .starts()
        .into_iter()
        .zip(&batch.lengths)
        .map(|(start, length)| {
            let range = start * row..(start + length) * row;
            Source { keys: &keys[range.clone()], values: &values[range], past: 0 }
        })
        .collect()
}
