//! Which LoRA cells are trained, and complete the prompts, together: as many as the memory limit holds.

use super::Worker;
use crate::{
    StudyError,
    memory::{self, Footprint},
};
use rankscope_domain::CellId;
use rankscope_engine::{Example, Model};

impl Worker<'_> {
    /// The same for every worker of the study that has the same limit, so that one that goes on finds what another began.
    pub(super) fn training_groups(&self, cells: &[CellId], model: &Model, examples: &[Example]) -> Result<Vec<Vec<CellId>>, StudyError> {
        let (rows, target_rows) = memory::largest_micro_batch(examples, self.recipe.training.per_device_train_batch_size);
        let footprint = self.footprint(model, rows, target_rows, 0.0)?;
        Ok(footprint.groups(cells, self.environment.memory_limit(self.recipe), Footprint::training_loras))
    }

    pub(super) fn completing_groups(&self, cells: &[CellId], model: &Model, prompts: &[Vec<u32>]) -> Result<Vec<Vec<CellId>>, StudyError> {
        let longest = prompts.iter().map(Vec::len).max().unwrap_or(0) + self.recipe.generation.max_new_tokens as usize;
        let footprint = self.footprint(model, 0.0, 0.0, longest as f64)?;
        Ok(footprint.groups(cells, self.environment.memory_limit(self.recipe), Footprint::completing))
    }

    fn footprint<'a>(&'a self, model: &'a Model, rows: f64, target_rows: f64, sequence_tokens: f64) -> Result<Footprint<'a>, StudyError> {
        let model = model.info();
        let resident = memory::resident(self.recipe, &self.shelf, model)?;
        Ok(Footprint { recipe: self.recipe, model, resident, rows, target_rows, sequence_tokens })
    }
}

/// Names a group of a stage's cells, which stand one after another in the stage: its first and its size.
pub(super) fn group_name(group: &[CellId]) -> String {
    group.first().map_or_else(String::new, |first| format!("{first}-and-{}", group.len() - 1))
}
