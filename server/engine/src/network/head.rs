//! From hidden states to logits and losses, and back.

use super::{LOGIT_ROWS, LowRank, Network, Target};
use crate::{
    batch::{ArmRows, Batch},
    gradients::{Gradients, slot_of_head},
    layout::{ClassHead, ModuleId},
    ops::Product,
};
use candle_core::{Result, Tensor};

/// What the backward pass needs of the head.
struct HeadTape {
    chosen: Tensor,
    /// After the final norm.
    normed: Tensor,
    low_rank: LowRank,
    /// What the last product saw.
    last: Tensor,
}

/// A class head's weight, and its bias where it has one.
type Classifier<'a> = (&'a Tensor, Option<&'a Tensor>);

impl Network<'_> {
    /// Logits of some rows of the hidden states, `[chosen, vocabulary]` or `[chosen, labels]`. `arms` are those of all rows.
    pub fn logits(&self, hidden: &Tensor, rows: &[u32], arms: &ArmRows) -> Result<Tensor> {
        Ok(self.head(hidden, rows, &arms.chosen(rows))?.0)
    }

    /// `arms` are those of the chosen rows.
    fn head(&self, hidden: &Tensor, rows: &[u32], arms: &ArmRows) -> Result<(Tensor, HeadTape)> {
        let chosen = self.ops.rows(hidden, rows)?;
        let normed = match self.layout.final_norm {
            Some(norm) => self.norm(&chosen, norm)?,
            None => chosen.clone(),
        };
        let (mut last, low_rank) = match self.last_module() {
            Some(module) => self.linear(module, &normed, arms)?,
            None => (normed.clone(), LowRank::new()),
        };
        let logits = match &self.layout.classes {
            Some(classes) => {
                if classes.pooler.is_some() {
                    last = last.tanh()?;
                }
                self.classify(classes, &last, arms)?
            }
            None => self.ops.linear(&last, &self.weights[self.layout.unembedding], None)?,
        };
        Ok((logits, HeadTape { chosen, normed, low_rank, last }))
    }

    /// The linear layer between the final norm and the last product: BERT's pooler, or OPT-350m's projection.
    fn last_module(&self) -> Option<ModuleId> {
        self.layout.classes.as_ref().and_then(|classes| classes.pooler).or(self.layout.project_out)
    }

    /// The classifier's weight and bias for an arm.
    fn classifier(&self, classes: &ClassHead, arm: Option<usize>) -> Classifier<'_> {
        match arm.and_then(|arm| self.adapters[arm].head) {
            Some(head) => (&head.weight, head.bias.as_ref()),
            None => (&self.weights[classes.weight], classes.bias.map(|bias| &self.weights[bias])),
        }
    }

    fn classify(&self, classes: &ClassHead, pooled: &Tensor, arms: &ArmRows) -> Result<Tensor> {
        let mut parts = Vec::new();
        for (arm, range) in arms.pieces(pooled.dims2()?.0) {
            let (weight, bias) = self.classifier(classes, arm);
            parts.push(self.ops.linear(&pooled.narrow(0, range.start, range.len())?, weight, bias)?);
        }
        Tensor::cat(&parts, 0)
    }

    /// Through the head: losses, and the gradient of the hidden states.
    pub(super) fn loss_backward(
        &self,
        hidden: &Tensor,
        batch: &Batch,
        targets: &[Target],
        gradients: &mut Gradients,
    ) -> Result<(Vec<f32>, Tensor)> {
        let mut losses = Vec::with_capacity(targets.len());
        let d_hidden = hidden.zeros_like()?;
        for chunk in targets.chunks(LOGIT_ROWS) {
            let rows: Vec<u32> = chunk.iter().map(|target| target.row as u32).collect();
            let tokens: Vec<u32> = chunk.iter().map(|target| target.token).collect();
            let weights: Vec<f32> = chunk.iter().map(|target| target.weight).collect();
            let arms = batch.arms.chosen(&rows);
            let (logits, tape) = self.head(hidden, &rows, &arms)?;
            let (chunk_losses, d_logits) = self.ops.cross_entropy(logits, &tokens, &weights)?;
            losses.extend(chunk_losses);
            let d_chosen = self.head_backward(&d_logits, &tape, &arms, gradients)?;
            self.ops.add_to_rows(&d_hidden, &rows, &d_chosen)?;
        }
        Ok((losses, d_hidden))
    }

    fn head_backward(&self, d_logits: &Tensor, tape: &HeadTape, arms: &ArmRows, gradients: &mut Gradients) -> Result<Tensor> {
        let d_last = match &self.layout.classes {
            Some(classes) => {
                let d_last = self.classify_backward(classes, d_logits, &tape.last, arms, gradients)?;
                if classes.pooler.is_some() { (d_last * tape.last.sqr()?.affine(-1.0, 1.0)?)? } else { d_last }
            }
            None => {
                if let Some(full) = &mut gradients.weights {
                    self.ops.add_product(&mut full[self.layout.unembedding], Product::new(d_logits, &tape.last).left_transposed())?;
                }
                self.ops.product(Product::new(d_logits, &self.weights[self.layout.unembedding]))?
            }
        };
        let mut d_normed = Some(d_last);
        if let Some(module) = self.last_module() {
            let d_last = some(d_normed.take())?;
            self.linear_backward(module, &d_last, &tape.normed, &tape.low_rank, arms, Some(&mut d_normed), gradients)?;
        }
        let d_normed = some(d_normed)?;
        match self.layout.final_norm {
            Some(norm) => self.norm_backward(norm, &d_normed, &tape.chosen, gradients),
            None => Ok(d_normed),
        }
    }

    fn classify_backward(
        &self,
        classes: &ClassHead,
        d_logits: &Tensor,
        pooled: &Tensor,
        arms: &ArmRows,
        gradients: &mut Gradients,
    ) -> Result<Tensor> {
        let mut parts = Vec::new();
        for (arm, range) in arms.pieces(pooled.dims2()?.0) {
            let (d_logits, pooled) = (d_logits.narrow(0, range.start, range.len())?, pooled.narrow(0, range.start, range.len())?);
            let (weight, bias) = self.classifier(classes, arm);
            parts.push(self.ops.product(Product::new(&d_logits, weight))?);
            let of_weight = Product::new(&d_logits, &pooled).left_transposed();
            if let Some(arm) = arm.filter(|arm| self.adapters[*arm].head.is_some()) {
                let slots = &mut gradients.adapters[arm];
                let slot = slot_of_head(self.layout.modules.len());
                self.ops.add_product(&mut slots[slot], of_weight)?;
                if bias.is_some() {
                    self.ops.add(&mut slots[slot + 1], self.ops.sum_of_rows(&d_logits)?)?;
                }
            } else if let Some(full) = &mut gradients.weights {
                self.ops.add_product(&mut full[classes.weight], of_weight)?;
                if let Some(bias) = classes.bias {
                    self.ops.add(&mut full[bias], self.ops.sum_of_rows(&d_logits)?)?;
                }
            }
        }
        Tensor::cat(&parts, 0)
    }
}

pub(super) fn some(tensor: Option<Tensor>) -> Result<Tensor> {
    tensor.ok_or_else(|| candle_core::Error::Msg("a gradient was not computed".into()))
}
