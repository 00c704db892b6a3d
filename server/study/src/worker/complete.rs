//! Completing prompts: all cells of a stage in one batch, in parts that a later worker need not do again.

use super::{Work, Worker, groups::group_name};
use crate::{StudyError, plan::CellWork, plan::Stage, seeds, whole_file};
use rankscope_domain::{
    Arm, CellId,
    completion::{Completion, Prompt},
    event::Unit,
};
use rankscope_engine::{Flow, GenerationOptions, Lora, Model, Request, Signal};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Instant};

/// Sequences at a time.
const BATCH_SIZE: usize = 64;
/// Sequences of a part: whole batches, and a minute or so of work.
const PART_SIZE: usize = 8 * BATCH_SIZE;

/// A finished part of a stage.
#[derive(Serialize, Deserialize)]
struct Part {
    seconds: f64,
    texts: Vec<Text>,
}

/// One continued sequence.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) new_tokens: u32,
    pub(super) finished: bool,
}

/// What a stage generates with.
pub(super) struct Source<'a> {
    pub(super) model: &'a Model,
    pub(super) loras: &'a [&'a Lora],
    pub(super) options: GenerationOptions,
    pub(super) unit: Unit,
    /// Tells the parts of a stage's rounds apart.
    pub(super) round: String,
    /// Requests of the stage's earlier rounds, and of all its rounds.
    pub(super) before: u64,
    pub(super) total: u64,
}

impl Worker<'_> {
    /// All cells are of one kind: original, LoRA, or one full cell.
    pub(super) fn complete(&mut self, stage: &Stage, cells: &[CellId]) -> Result<Work, StudyError> {
        let mut live = Vec::new();
        for &cell in cells {
            if self.metrics(cell)?.failed.is_none() {
                live.push(cell);
            }
        }
        let Some(first) = live.first() else { return Ok(Work::default()) };
        let model: Arc<Model> = if first.arm == Arm::Full {
            let path = self.study.cell_file(*first, "model");
            Arc::new(Model::open_on(&path, self.environment.processor).map_err(StudyError::from_engine)?)
        } else {
            self.base_model()?
        };
        let prompts = self.prompts()?;
        let mut encoded = Vec::with_capacity(prompts.len());
        for prompt in &prompts {
            encoded.push(model.tokenizer().encode(&prompt.prompt, true).map_err(StudyError::from_engine)?);
        }
        let is_lora = first.arm.rank().is_some();
        let groups = if is_lora { self.completing_groups(cells, &model, &encoded)? } else { vec![cells.to_vec()] };
        let mut work = Work::default();
        let requests_of_cell = prompts.len() as u64 * u64::from(self.recipe.generation.num_return_sequences);
        let total = live.len() as u64 * requests_of_cell;
        for group in &groups {
            let of_group: Vec<CellId> = group.iter().copied().filter(|cell| live.contains(cell)).collect();
            let round = if groups.len() == 1 { "0".into() } else { group_name(group) };
            let before = work.cells.len() as u64 * requests_of_cell;
            self.complete_group(stage, &of_group, &model, (&prompts, &encoded), (round, before, total), &mut work)?;
        }
        Ok(work)
    }

    fn complete_group(
        &mut self,
        stage: &Stage,
        cells: &[CellId],
        model: &Model,
        (prompts, encoded): (&[Prompt], &[Vec<u32>]),
        (round, before, total): (String, u64, u64),
        work: &mut Work,
    ) -> Result<(), StudyError> {
        let mut loras = Vec::new();
        for cell in cells.iter().filter(|cell| cell.arm.rank().is_some()) {
            loras.push(Lora::load(&self.study.cell_path(*cell), model).map_err(StudyError::from_engine)?);
        }
        let loras: Vec<&Lora> = loras.iter().collect();
        let samples = self.recipe.generation.num_return_sequences;
        let mut requests = Vec::new();
        let mut places = Vec::new();
        for (index, cell) in cells.iter().enumerate() {
            for (prompt, tokens) in prompts.iter().zip(encoded) {
                for sample in 0..samples {
                    requests.push(Request {
                        prompt: tokens.clone(),
                        lora: cell.arm.rank().map(|_| index),
                        seed: seeds::of_completion(cell.seed, prompt.id, sample),
                    });
                    places.push((index, prompt.id, sample));
                }
            }
        }
        let generation = &self.recipe.generation;
        let options = GenerationOptions {
            max_new_tokens: generation.max_new_tokens as usize,
            do_sample: generation.do_sample,
            temperature: generation.temperature,
            top_p: generation.top_p,
            top_k: generation.top_k as usize,
            batch_size: BATCH_SIZE,
        };
        let source = Source { model, loras: &loras, options, unit: Unit::Completions, round, before, total };
        let (texts, earlier_seconds) = self.generate_in_parts(stage, &source, &requests)?;
        let mut completions: Vec<Vec<Completion>> = cells.iter().map(|_| Vec::new()).collect();
        for ((cell, prompt_id, sample), text) in places.into_iter().zip(texts) {
            completions[cell].push(Completion { prompt_id, sample, text: text.text, new_tokens: text.new_tokens, finished: text.finished });
        }
        for (&cell, completions) in cells.iter().zip(completions) {
            whole_file::write_lines(&self.study.cell_file(cell, "completions.jsonl"), &completions)?;
            let tokens = completions.iter().map(|completion| u64::from(completion.new_tokens)).sum();
            work.add(CellWork { cell, tokens });
        }
        work.earlier_seconds += earlier_seconds;
        Ok(())
    }

    pub(super) fn base_model(&mut self) -> Result<Arc<Model>, StudyError> {
        let path = self.shelf.path(&self.recipe.model.source);
        self.shelf.model(&path)
    }

    /// The texts in the order of the requests, and the seconds of the parts that were there already.
    pub(super) fn generate_in_parts(
        &mut self,
        stage: &Stage,
        source: &Source,
        requests: &[Request],
    ) -> Result<(Vec<Text>, f64), StudyError> {
        let directory = self.parts_path(stage);
        let total = source.total;
        let mut texts: Vec<Text> = Vec::with_capacity(requests.len());
        let mut earlier_seconds = 0.0;
        let mut before = source.before;
        let mut tokens_before = 0;
        self.reporter.restart_clock();
        for (number, part_requests) in requests.chunks(PART_SIZE).enumerate() {
            let path = directory.join(format!("{}-{number:05}.json", source.round));
            let known: Option<Part> = whole_file::read_json(&path)?;
            if let Some(part) = known.filter(|part| part.texts.len() == part_requests.len()) {
                earlier_seconds += part.seconds;
                texts.extend(part.texts);
                before = source.before + texts.len() as u64;
                continue;
            }
            let began = Instant::now();
            let done_before = source.before + texts.len() as u64;
            let mut part_tokens = 0;
            let reporter = &mut self.reporter;
            let mut observer = |signal: Signal| match signal {
                Signal::Generated { done, new_tokens, .. } => {
                    part_tokens = new_tokens;
                    reporter.progress(before, done_before + done as u64, total, source.unit, tokens_before + new_tokens)
                }
                _ => Flow::Continue(()),
            };
            let result = rankscope_engine::generate(source.model, source.loras, part_requests, &source.options, &mut observer);
            let generated = self.reporter.finish(result.map_err(StudyError::from_engine))?;
            tokens_before += part_tokens;
            let mut part = Part { seconds: 0.0, texts: Vec::with_capacity(generated.len()) };
            for answer in generated {
                let text = source.model.tokenizer().decode(&answer.tokens).map_err(StudyError::from_engine)?;
                part.texts.push(Text { text, new_tokens: answer.tokens.len() as u32, finished: answer.finished });
            }
            part.seconds = began.elapsed().as_secs_f64();
            whole_file::write_json(&path, &part)?;
            texts.extend(part.texts);
        }
        Ok((texts, earlier_seconds))
    }
}
