//! The cells of a stage classify the test examples, together, in parts that a later worker need not do again.

use super::{Work, Worker, complete::Source};
use crate::{
    StudyError,
    classification_text::{Encoded, TextEncoder, named_option},
    plan::{CellWork, Stage},
    whole_file,
};
use rankscope_domain::{Arm, CellId, dataset::Prediction, event::Unit, recipe::HeadKind};
use rankscope_engine::{
    ClassRequest, Flow, GenerationOptions, Lora, Model, OptionRequest, Request, Signal, classify, score_options, train::ROWS_TOGETHER,
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Instant};

/// Examples of a part: a minute or so of work.
const PART_SIZE: usize = 1024;
/// Sequences that are continued at a time.
const BATCH_SIZE: usize = 64;

/// A finished part of a stage.
#[derive(Serialize, Deserialize)]
struct Part {
    seconds: f64,
    /// Log-probabilities of the labels, one list a request.
    scores: Vec<Vec<f64>>,
}

/// A test example that a cell is asked about.
struct Asked<'a> {
    encoded: &'a Encoded,
    /// Among the stage's adapters; none: the model as it is.
    lora: Option<usize>,
}

impl Worker<'_> {
    /// All cells are of one kind: original, LoRA, or one full cell.
    pub(super) fn evaluate(&mut self, stage: &Stage, cells: &[CellId]) -> Result<Work, StudyError> {
        let mut live = Vec::new();
        for &cell in cells {
            if self.metrics(cell)?.failed.is_none() && !self.predictions_path(cell).exists() {
                live.push(cell);
            }
        }
        let mut work = Work::default();
        if !live.is_empty() {
            work.earlier_seconds = self.classify_with(stage, &live)?;
        }
        for &cell in cells {
            // what was read, reckoned from the files: the same whether this worker read it or one that was killed
            if self.predictions_path(cell).exists() {
                // what is looked into is forgotten after that
                if !self.recipe.inspected_cells().contains(&cell) {
                    self.forget_full_weights(cell)?;
                }
                work.add(CellWork { cell, tokens: self.read_tokens()? });
            }
        }
        Ok(work)
    }

    /// Gives the seconds of parts that were there already.
    fn classify_with(&mut self, stage: &Stage, cells: &[CellId]) -> Result<f64, StudyError> {
        let model = self.model_to_evaluate(cells[0])?;
        let mut loras = Vec::new();
        for cell in cells.iter().filter(|cell| cell.arm.rank().is_some()) {
            loras.push(Lora::load(&self.study.cell_path(*cell), &model).map_err(StudyError::from_engine)?);
        }
        let loras: Vec<&Lora> = loras.iter().collect();
        let labels = self.data_record()?.labels;
        let encoder = TextEncoder::new(self.recipe, &labels, &model);
        let texts = self.test_texts()?;
        let mut encoded = Vec::with_capacity(texts.len());
        for text in &texts {
            encoded.push(encoder.encode(&text.text)?);
        }
        let asked: Vec<Asked> = cells
            .iter()
            .enumerate()
            .flat_map(|(index, cell)| encoded.iter().map(move |encoded| Asked { encoded, lora: cell.arm.rank().map(|_| index) }))
            .collect();
        let writes = self.recipe.classifier.head == HeadKind::Answers && self.recipe.classifier.answer_tokens() > 0;
        let total = asked.len() as u64 * if writes { 2 } else { 1 };
        let (scores, mut earlier_seconds) = self.score_in_parts(stage, &model, &loras, &asked, total)?;
        let mut predictions: Vec<Vec<Prediction>> = scores
            .chunks(texts.len().max(1))
            .map(|scores| {
                let of = |(id, scores): (u32, &Vec<f64>)| Prediction {
                    id,
                    log_probabilities: scores.clone(),
                    generated: None,
                    generated_label: None,
                };
                texts.iter().map(|text| text.id).zip(scores).map(of).collect()
            })
            .collect();
        if writes {
            let requests: Vec<Request> =
                asked.iter().map(|asked| Request { prompt: asked.encoded.context.clone(), lora: asked.lora, seed: 0 }).collect();
            let options = GenerationOptions {
                max_new_tokens: self.recipe.classifier.answer_tokens() as usize,
                do_sample: false,
                temperature: 1.0,
                top_p: 1.0,
                top_k: 0,
                batch_size: BATCH_SIZE,
            };
            let before = asked.len() as u64;
            let source = Source { model: &model, loras: &loras, options, unit: Unit::Examples, round: "text".into(), before, total };
            let (answers, seconds) = self.generate_in_parts(stage, &source, &requests)?;
            earlier_seconds += seconds;
            for (prediction, answer) in predictions.iter_mut().flatten().zip(answers) {
                prediction.generated_label = named_option(&answer.text, encoder.options());
                prediction.generated = Some(answer.text);
            }
        }
        for (&cell, predictions) in cells.iter().zip(&predictions) {
            whole_file::write_lines(&self.predictions_path(cell), predictions)?;
        }
        Ok(earlier_seconds)
    }

    /// Log-probabilities of the labels (nats), in the order of `asked`, and the seconds of the parts that were there already.
    fn score_in_parts(
        &mut self,
        stage: &Stage,
        model: &Model,
        loras: &[&Lora],
        asked: &[Asked],
        total: u64,
    ) -> Result<(Vec<Vec<f64>>, f64), StudyError> {
        let directory = self.parts_path(stage);
        let mut scores: Vec<Vec<f64>> = Vec::with_capacity(asked.len());
        let (mut earlier_seconds, mut before, mut tokens_before) = (0.0, 0, 0);
        self.reporter.restart_clock();
        for (number, part) in asked.chunks(PART_SIZE).enumerate() {
            let path = directory.join(format!("scores-{number:05}.json"));
            let known: Option<Part> = whole_file::read_json(&path)?;
            if let Some(known) = known.filter(|known| known.scores.len() == part.len()) {
                earlier_seconds += known.seconds;
                scores.extend(known.scores);
                before = scores.len() as u64;
                continue;
            }
            let began = Instant::now();
            let done_before = scores.len() as u64;
            let mut part_tokens = 0;
            let reporter = &mut self.reporter;
            let mut observer = |signal: Signal| match signal {
                Signal::Scored { done, tokens, .. } => {
                    part_tokens = tokens;
                    reporter.progress(before, done_before + done as u64, total, Unit::Examples, tokens_before + tokens)
                }
                _ => Flow::Continue(()),
            };
            let result = score(self.recipe.classifier.head, model, loras, part, &mut observer);
            let of_part = self.reporter.finish(result.map_err(StudyError::from_engine))?;
            tokens_before += part_tokens;
            whole_file::write_json(&path, &Part { seconds: began.elapsed().as_secs_f64(), scores: of_part.clone() })?;
            scores.extend(of_part);
        }
        Ok((scores, earlier_seconds))
    }

    fn model_to_evaluate(&mut self, cell: CellId) -> Result<Arc<Model>, StudyError> {
        if cell.arm == Arm::Full {
            let path = self.study.cell_file(cell, "model");
            return Ok(Arc::new(Model::open_on(&path, self.environment.processor).map_err(StudyError::from_engine)?));
        }
        self.model_to_train(cell)
    }

    /// A model of hundreds of megabytes a cell is kept only where the recipe wants it. Done after the last thing that needs it is
    /// written, the predictions or what the inspection found, and again by a worker that finds that. Classification alone.
    pub(super) fn forget_full_weights(&self, cell: CellId) -> Result<(), StudyError> {
        if cell.arm == Arm::Full && !self.recipe.training.keep_full_weights {
            whole_file::remove_directory(&self.study.cell_file(cell, "model"))?;
        }
        Ok(())
    }

    fn predictions_path(&self, cell: CellId) -> std::path::PathBuf {
        self.study.cell_file(cell, "predictions.jsonl")
    }

    /// A cell's predictions; none where it has failed.
    pub(super) fn predictions(&self, cell: CellId) -> Result<Vec<Prediction>, StudyError> {
        whole_file::read_lines(&self.predictions_path(cell))
    }

    /// Tokens of the test examples, as this worker's base model reads them.
    fn read_tokens(&mut self) -> Result<u64, StudyError> {
        if let Some(tokens) = self.test_tokens {
            return Ok(tokens);
        }
        let model = self.base_model()?;
        let labels = self.data_record()?.labels;
        let encoder = TextEncoder::new(self.recipe, &labels, &model);
        let mut tokens = 0;
        for text in self.test_texts()? {
            tokens += encoder.encode(&text.text)?.context.len() as u64;
        }
        self.test_tokens = Some(tokens);
        Ok(tokens)
    }
}

fn score(
    head: HeadKind,
    model: &Model,
    loras: &[&Lora],
    asked: &[Asked],
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<Vec<Vec<f64>>, rankscope_engine::EngineError> {
    match head {
        HeadKind::ClassHead => {
            let requests: Vec<ClassRequest> =
                asked.iter().map(|asked| ClassRequest { tokens: asked.encoded.context.clone(), lora: asked.lora }).collect();
            Ok(classify(model, loras, &requests, ROWS_TOGETHER, observer)?.iter().map(|logits| log_softmax(logits)).collect())
        }
        HeadKind::Answers => {
            let requests: Vec<OptionRequest> = asked
                .iter()
                .map(|asked| OptionRequest {
                    context: asked.encoded.context.clone(),
                    options: Arc::new(asked.encoded.options.clone()),
                    lora: asked.lora,
                })
                .collect();
            score_options(model, loras, &requests, ROWS_TOGETHER, observer)
        }
    }
}

fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - largest).exp()).sum();
    logits.iter().map(|logit| f64::from(logit - largest) - sum.ln()).collect()
}
