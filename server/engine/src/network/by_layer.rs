//! Hidden states after each layer, and through the head as far as the unembedding: what a logit lens reads.

use super::Network;
use crate::{
    EngineError,
    batch::{ArmRows, Batch},
};
use candle_core::{Result, Tensor};

impl Network<'_> {
    /// Runs a batch and shows `see` the hidden states, `[rows, hidden]`: 0 is what the first layer sees, `i` what layer `i`
    /// gives. None is kept here. An error of `see` ends the run.
    pub fn each_layer(
        &self,
        batch: &Batch,
        mut see: impl FnMut(usize, &Tensor) -> std::result::Result<(), EngineError>,
    ) -> std::result::Result<(), EngineError> {
        let angles = self.angles(batch)?;
        let (mut h, _) = self.embed(batch)?;
        see(0, &h)?;
        for (index, layer) in self.layout.layers.iter().enumerate() {
            h = self.layer(index, layer, h, batch, angles.as_ref(), None, false)?.0;
            see(index + 1, &h)?;
        }
        Ok(())
    }

    /// What the unembedding sees of some rows, `[chosen, width of the embedding]`: after the final norm and `project_out`, where
    /// the model has them. `arms` are those of all rows.
    pub fn before_unembedding(&self, hidden: &Tensor, rows: &[u32], arms: &ArmRows) -> Result<Tensor> {
        let chosen = self.ops.rows(hidden, rows)?;
        let normed = match self.layout.final_norm {
            Some(norm) => self.norm(&chosen, norm)?,
            None => chosen,
        };
        match self.layout.project_out {
            Some(module) => Ok(self.linear(module, &normed, &arms.chosen(rows))?.0),
            None => Ok(normed),
        }
    }
}
