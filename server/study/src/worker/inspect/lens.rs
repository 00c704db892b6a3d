//! What a cell shows of the lens prompts: `lens.json`.

use super::{Common, Opened, Told};
use crate::{
    StudyError,
    lens_reading::{LensPrompt, greedy, reading},
    whole_file,
    worker::Worker,
};
use rankscope_domain::{CellId, inspection::Inspection};
use rankscope_engine::{EngineError, Flow, LensOptions, LensPanel, Model, Request, Signal, lens_of_another};

impl Worker<'_> {
    /// Gives the tokens that the cell's model read and wrote.
    pub(super) fn lens(
        &mut self,
        cell: CellId,
        inspection: &Inspection,
        common: &Common,
        arm: &Opened,
        told: &Told,
    ) -> Result<u64, StudyError> {
        let base = &*common.base;
        let mut readings = Vec::with_capacity(inspection.lens_prompts.len());
        let mut total = 0;
        for (done, prompt) in inspection.lens_prompts.iter().enumerate() {
            let tokens = base.tokenizer().encode(prompt, true).map_err(StudyError::from_engine)?;
            let reporter = &mut self.reporter;
            let mut observer = |_: Signal| told.at(reporter, done);
            let seen = look(base, arm, &tokens, inspection, &mut observer);
            let (panel, written) = self.reporter.finish(seen.map_err(StudyError::from_engine))?;
            total += (tokens.len() + written.len()) as u64;
            readings.push(reading(base, cell, &LensPrompt { text: prompt, tokens: &tokens }, &panel, &written)?);
        }
        whole_file::write_json(&self.study.cell_file(cell, "lens.json"), &readings)?;
        Ok(total)
    }
}

/// The arm's panel, and what it goes on with.
fn look(
    base: &Model,
    arm: &Opened,
    tokens: &[u32],
    inspection: &Inspection,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<(LensPanel, Vec<u32>), EngineError> {
    let options = LensOptions { top_k: inspection.lens_top_k as usize, token: None };
    let (model, loras) = arm.reader(base);
    let lens = rankscope_engine::lens(base, &loras, tokens, &options, observer)?;
    let panel = match arm {
        Opened::Full(model) => lens_of_another(model, &lens.kept, &options, observer)?,
        _ => lens.loras.into_iter().next().unwrap_or(lens.original),
    };
    if inspection.lens_new_tokens == 0 {
        return Ok((panel, Vec::new()));
    }
    let request = Request { prompt: tokens.to_vec(), lora: arm.adapter(), seed: 0 };
    let written = rankscope_engine::generate(model, &loras, &[request], &greedy(inspection.lens_new_tokens as usize, 1), observer)?;
    Ok((panel, written.into_iter().flat_map(|generated| generated.tokens).collect()))
}
