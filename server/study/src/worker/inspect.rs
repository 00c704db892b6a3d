//! Looking inside of cells: the lens, divergences from the original, and how far the weights moved, a part for each cell and thing.

mod divergence;
mod lens;
mod weights;

use super::{Work, Worker};
use crate::{
    StudyError,
    plan::{CellWork, Stage},
    reporter::Reporter,
    whole_file,
};
use divergence::Compared;
use rankscope_domain::{
    Arm, CellId,
    event::Unit,
    inspection::{ExampleDivergence, Inspection, InspectionResults},
    recipe::StudyKind,
    results::Claim,
};
use rankscope_engine::{EngineError, Flow, Lora, Model, OriginalPredictions};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Instant};

/// What is looked at, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Lens,
    Divergence,
    Weights,
}

/// A finished part: `CELL-PART.json` among the stage's parts, written after what the part makes.
#[derive(Serialize, Deserialize)]
struct PartRecord {
    seconds: f64,
    /// Read by the cell's model.
    tokens: u64,
}

/// A cell's model.
enum Opened {
    Original,
    Lora(Box<Lora>),
    Full(Box<Model>),
}

/// What a stage's cells have in common.
struct Common {
    base: Arc<Model>,
    examples: Vec<Compared>,
    /// The original's predictions at the ends of the examples, once they are wanted.
    predictions: Option<OriginalPredictions>,
}

/// Where the stage is, in examples: lens prompts, and texts at which distributions are compared.
#[derive(Default)]
struct Told {
    /// Done by an earlier worker, done, and to be done.
    before: u64,
    done: u64,
    total: u64,
    /// Read by this worker.
    tokens: u64,
}

impl Told {
    /// `inside` are done of the part that is worked on.
    fn at(&self, reporter: &mut Reporter<'_>, inside: usize) -> Flow {
        reporter.progress(self.before, self.done + inside as u64, self.total, Unit::Examples, self.tokens)
    }
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Lens => "lens",
            Part::Divergence => "divergence",
            Part::Weights => "weights",
        }
    }

    /// What is wanted of an arm; the original is at no distance from itself.
    fn wanted(inspection: &Inspection, arm: Arm) -> Vec<Self> {
        let wanted = [
            (Part::Lens, !inspection.lens_prompts.is_empty()),
            (Part::Divergence, inspection.divergence && arm.is_trained()),
            (Part::Weights, inspection.weight_distance && arm.is_trained()),
        ];
        wanted.into_iter().filter_map(|(part, is_wanted)| is_wanted.then_some(part)).collect()
    }
}

impl Opened {
    /// The model that reads, and the adapter over it.
    fn reader<'m>(&'m self, base: &'m Model) -> (&'m Model, Vec<&'m Lora>) {
        match self {
            Opened::Original => (base, Vec::new()),
            Opened::Lora(lora) => (base, vec![&**lora]),
            Opened::Full(model) => (model, Vec::new()),
        }
    }

    /// Index of the adapter in a request.
    fn adapter(&self) -> Option<usize> {
        matches!(self, Opened::Lora(_)).then_some(0)
    }
}

impl Worker<'_> {
    /// A part that can't be computed (a prompt that is too long, weights that have diverged) is left out by name; the study goes on.
    pub(super) fn inspect(&mut self, stage: &Stage, cells: &[CellId]) -> Result<Work, StudyError> {
        let mut work = Work::default();
        let Some(inspection) = &self.recipe.inspection else { return Ok(work) };
        let mut live = Vec::new();
        for &cell in cells {
            if self.metrics(cell)?.failed.is_none() {
                live.push(cell);
            }
        }
        let base = self.base_model()?;
        let compares = live.iter().any(|cell| Part::wanted(inspection, cell.arm).contains(&Part::Divergence));
        let examples = if compares { self.compared_examples(inspection, &base)? } else { Vec::new() };
        let size = |part: Part| match part {
            Part::Lens => inspection.lens_prompts.len() as u64,
            Part::Divergence => examples.len() as u64 * if self.recipe.kind == StudyKind::Toxicity { 2 } else { 1 },
            Part::Weights => 0,
        };
        let sizes = [Part::Lens, Part::Divergence, Part::Weights].map(size);
        let size = |part: Part| sizes[part as usize];
        let mut told = Told { total: live.iter().flat_map(|cell| Part::wanted(inspection, cell.arm)).map(size).sum(), ..Told::default() };
        let mut common = Common { base, examples, predictions: None };
        self.reporter.restart_clock();
        for &cell in &live {
            let mut opened = None;
            let mut of_cell = CellWork { cell, tokens: 0 };
            for part in Part::wanted(inspection, cell.arm) {
                self.reporter.check_cancel()?;
                let path = self.parts_path(stage).join(format!("{cell}-{}.json", part.name()));
                if let Some(record) = whole_file::read_json::<PartRecord>(&path)? {
                    work.earlier_seconds += record.seconds;
                    of_cell.tokens += record.tokens;
                    told.before += size(part);
                    told.done += size(part);
                    continue;
                }
                let began = Instant::now();
                let arm = match opened.take() {
                    Some(arm) => arm,
                    None => self.open(cell, &common.base)?,
                };
                let found = match part {
                    Part::Lens => self.lens(cell, inspection, &common, &arm, &told),
                    Part::Divergence => self.divergences(cell, &mut common, &arm, &told),
                    Part::Weights => self.weight_distances(cell, &common, &arm, &told),
                };
                opened = Some(arm);
                let tokens = match found {
                    Err(StudyError::Engine(EngineError::Input(reason))) => {
                        self.reporter.note(format!("{cell}: {} left out: {reason}.", part.name()))?;
                        0
                    }
                    found => found?,
                };
                whole_file::write_json(&path, &PartRecord { seconds: began.elapsed().as_secs_f64(), tokens })?;
                of_cell.tokens += tokens;
                told.tokens += tokens;
                told.done += size(part);
            }
            work.add(of_cell);
        }
        if self.recipe.kind == StudyKind::Classification {
            for &cell in cells {
                self.forget_full_weights(cell)?;
            }
        }
        Ok(work)
    }

    fn open(&self, cell: CellId, base: &Model) -> Result<Opened, StudyError> {
        Ok(match cell.arm {
            Arm::Original => Opened::Original,
            Arm::Lora(_) => Opened::Lora(Box::new(Lora::load(&self.study.cell_path(cell), base).map_err(StudyError::from_engine)?)),
            Arm::Full => {
                let path = self.study.cell_file(cell, "model");
                Opened::Full(Box::new(Model::open_on(&path, self.environment.processor).map_err(StudyError::from_engine)?))
            }
        })
    }

    /// What was found inside, and what it says of the paper's claims; none where nothing was looked at.
    pub(super) fn inspection_results(&self) -> Result<Option<(InspectionResults, Vec<Claim>)>, StudyError> {
        let mut cells = Vec::new();
        for cell in self.recipe.inspected_cells() {
            if cell.arm.is_trained() {
                let divergences: Vec<ExampleDivergence> = whole_file::read_lines(&self.study.cell_file(cell, "divergence.jsonl"))?;
                let weights = whole_file::read_json(&self.study.cell_file(cell, "weights.json"))?.unwrap_or_default();
                cells.push(crate::results::inspection::InspectedCell { cell, divergences, weights });
            }
        }
        Ok(crate::results::inspection::compute(self.recipe, cells))
    }
}
