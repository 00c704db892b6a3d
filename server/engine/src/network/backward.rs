//! The backward pass, layer by layer.

use super::{Kept, LayerTape, LowRank, Network, Tapes, head::some};
use crate::{
    batch::{ArmRows, Batch},
    config::NormPlace,
    gradients::{Gradients, slot_of_a},
    layout::{LayerParts, ModuleId, NormParts},
    ops::{Angles, InputGradient, Product},
};
use candle_core::{Result, Tensor};

impl Network<'_> {
    /// From the gradient of the last hidden states to those of all that is trained.
    pub(super) fn backward(&self, batch: &Batch, mut tapes: Tapes, mut d_hidden: Tensor, gradients: &mut Gradients) -> Result<()> {
        let angles = self.angles(batch)?;
        // below the first layer there is only the embedding, which LoRA leaves alone but for OPT's projection
        let below = gradients.weights.is_some() || self.layout.project_in.is_some();
        for (index, layer) in self.layout.layers.iter().enumerate().rev() {
            let tape = match tapes.layers.pop() {
                Some(Kept::Tape(tape)) => *tape,
                Some(Kept::Input(input)) => {
                    let (_, tape) = self.layer(index, layer, input, batch, angles.as_ref(), None, true)?;
                    tape.ok_or_else(|| candle_core::Error::Msg("a layer kept nothing".into()))?
                }
                None => break,
            };
            d_hidden = self.layer_backward(layer, tape, d_hidden, batch, angles.as_ref(), index > 0 || below, gradients)?;
        }
        match tapes.embedding {
            Some(tape) if below => self.embedding_backward(batch, &tape, d_hidden, gradients),
            _ => Ok(()),
        }
    }

    fn embedding_backward(&self, batch: &Batch, tape: &super::EmbeddingTape, d_hidden: Tensor, gradients: &mut Gradients) -> Result<()> {
        let layout = self.layout;
        let d_sum = match layout.embedding_norm {
            Some(norm) => self.norm_backward(norm, &d_hidden, &tape.sum, gradients)?,
            None => d_hidden,
        };
        let mut d_embedded = Some(d_sum.clone());
        if let Some(module) = layout.project_in {
            d_embedded = None;
            let wanted = gradients.weights.is_some().then_some(&mut d_embedded);
            self.linear_backward(module, &d_sum, &tape.embedded, &tape.low_in, &batch.arms, wanted, gradients)?;
        }
        let (Some(full), Some(d_embedded)) = (&mut gradients.weights, d_embedded) else { return Ok(()) };
        let mut add_rows = |parameter: usize, rows: &[u32], from: &Tensor| -> Result<()> {
            let slot = &mut full[parameter];
            if slot.is_none() {
                *slot = Some(Tensor::zeros(layout.parameters[parameter].shape.as_slice(), from.dtype(), from.device())?);
            }
            slot.as_ref().map_or(Ok(()), |slot| self.ops.add_to_rows(slot, rows, from))
        };
        add_rows(layout.embedding, &batch.tokens, &d_embedded)?;
        if let Some(positions) = layout.positions {
            add_rows(positions, &self.position_rows(batch), &d_sum)?;
        }
        if let Some(types) = layout.token_types {
            add_rows(types, &vec![0; batch.rows()], &d_sum)?;
        }
        Ok(())
    }

    /// Gradient of a norm's input; those of its weights are added where the model is trained in full.
    pub(super) fn norm_backward(&self, norm: NormParts, dy: &Tensor, x: &Tensor, gradients: &mut Gradients) -> Result<Tensor> {
        let found = self.ops.norm_backward(dy, x, self.norm_weights(norm), gradients.weights.is_some())?;
        if let Some(full) = &mut gradients.weights {
            if let Some(weight) = found.weight {
                self.ops.add(&mut full[norm.weight], weight)?;
            }
            if let (Some(id), Some(bias)) = (norm.bias, found.bias) {
                self.ops.add(&mut full[id], bias)?;
            }
        }
        Ok(found.input)
    }

    /// Gradients of a linear layer: of its input (added to `dx` where wanted), of its weights and of the arms' factors.
    #[expect(clippy::too_many_arguments, reason = "what the layer saw and what is wanted of it, passed at eight places")]
    pub(super) fn linear_backward(
        &self,
        module: ModuleId,
        dy: &Tensor,
        x: &Tensor,
        low_rank: &LowRank,
        arms: &ArmRows,
        mut dx: Option<&mut Option<Tensor>>,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let (ops, part) = (self.ops, &self.layout.modules[module]);
        if let Some(dx) = &mut dx {
            ops.add_product(dx, Product::new(dy, &self.weights[part.weight]))?;
        }
        if let Some(full) = &mut gradients.weights {
            ops.add_product(&mut full[part.weight], Product::new(dy, x).left_transposed())?;
            if let Some(bias) = part.bias {
                ops.add(&mut full[bias], ops.sum_of_rows(dy)?)?;
            }
        }
        let parts = self.low_rank_parts(module, x, arms)?;
        let inner: Vec<&Tensor> = low_rank.iter().flatten().collect();
        let input = dx.as_deref().and_then(Option::as_ref).map(|dx| InputGradient { dx, dropout: &arms.dropout, module });
        let found = ops.low_rank_backward(dy, &parts, &inner, input)?;
        let adapted = arms.ranges.iter().zip(low_rank).filter(|(_, inner)| inner.is_some());
        for ((arm, _), found) in adapted.map(|(range, _)| range).zip(found) {
            let slots = &mut gradients.adapters[*arm];
            ops.add(&mut slots[slot_of_a(module)], found.a)?;
            ops.add(&mut slots[slot_of_a(module) + 1], found.b)?;
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
        angles: Option<&Angles>,
        want_input: bool,
        gradients: &mut Gradients,
    ) -> Result<Tensor> {
        let (ops, config, heads, arms) = (self.ops, &self.layout.config, self.heads(), &batch.arms);
        let before = config.norm_place == NormPlace::Before;
        let [first_normed, second_normed] = &tape.normed;

        let d_sum = if before { d_output } else { self.norm_backward(layer.mlp_norm, &d_output, second_normed, gradients)? };
        let mut d_activated = None;
        self.linear_backward(layer.down, &d_sum, &tape.activated, &tape.low_down, arms, Some(&mut d_activated), gradients)?;
        let d_activated = some(d_activated)?;
        let mut d_mlp_input = None;
        let d_up = match (layer.gate, &tape.gate) {
            (Some(module), Some(gate)) => {
                let (d_gate, d_up) = ops.activation_backward(config.activation, &d_activated, gate, Some(&tape.up))?;
                self.linear_backward(module, &d_gate, &tape.mlp_input, &tape.low_gate, arms, Some(&mut d_mlp_input), gradients)?;
                some(d_up)?
            }
            _ => ops.activation_backward(config.activation, &d_activated, &tape.up, None)?.0,
        };
        drop(d_activated);
        self.linear_backward(layer.up, &d_up, &tape.mlp_input, &tape.low_up, arms, Some(&mut d_mlp_input), gradients)?;
        let mut d_middle = some(d_mlp_input)?;
        if before {
            d_middle = self.norm_backward(layer.mlp_norm, &d_middle, second_normed, gradients)?;
        }
        let d_middle = ops.plus(d_middle, &d_sum)?;

        let d_sum = if before { d_middle } else { self.norm_backward(layer.attention_norm, &d_middle, first_normed, gradients)? };
        let mut d_attended = None;
        self.linear_backward(layer.o, &d_sum, &tape.attended.out, &tape.low_o, arms, Some(&mut d_attended), gradients)?;
        let seen = (&tape.queries, &tape.keys, &tape.values);
        let (mut d_queries, mut d_keys, d_values) =
            ops.attention_backward(&some(d_attended)?, seen, &tape.attended, &batch.lengths, heads)?;
        if let Some(angles) = angles {
            d_queries = ops.rotate(d_queries, angles, heads.width, true)?;
            d_keys = ops.rotate(d_keys, angles, heads.width, true)?;
        }
        let d_qkv =
            if layer.qkv.len() == 1 { vec![Tensor::cat(&[d_queries, d_keys, d_values], 1)?] } else { vec![d_queries, d_keys, d_values] };
        let mut d_input = None;
        for ((&module, dy), low_rank) in layer.qkv.iter().zip(&d_qkv).zip(&tape.low_qkv) {
            let dx = want_input.then_some(&mut d_input);
            self.linear_backward(module, dy, &tape.attention_input, low_rank, arms, dx, gradients)?;
        }
        if !want_input {
            return Ok(d_sum);
        }
        let mut d_input = some(d_input)?;
        if before {
            d_input = self.norm_backward(layer.attention_norm, &d_input, first_normed, gradients)?;
        }
        ops.plus(d_input, &d_sum)
    }
}
