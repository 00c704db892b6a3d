//! The worker: does the stages of the plan that are left, in order. A stage's record is written after all that the stage
//! makes, so a stage is either finished or done again from its start (or from its last part).

mod complete;
mod counterfactuals;
mod data;
mod evaluate;
mod groups;
mod inspect;
mod load;
mod train;

pub(crate) use data::{DataRecord, Subset};
pub(crate) use train::lora_config;

use crate::{
    Environment, Study, StudyError,
    event_log::{self, EventLog},
    judge::{Judge, Statement},
    model_shelf::ModelShelf,
    plan::{self, CellWork, Stage, StageRecord, Task},
    prompt_set,
    reporter::Reporter,
    results::{
        self, CellMetrics, CellOutcome, Findings,
        classification::{self, ClassFindings},
    },
    seeds, whole_file,
};
use rankscope_domain::{
    CellId, Recipe, StudyResults,
    completion::{Completion, Judgement, Prompt},
    event::{Event, Happening, StageKind, Unit},
    recipe::{HeadKind, StudyKind},
    results::{CounterfactualCounts, JudgeSummary, PhaseResult},
};
use rankscope_engine::Model;
use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

/// How a run ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Finished,
    Cancelled,
}

/// Does what is left to do. Every event goes to `events.jsonl` and then to `echo`. `cancel` is looked at between steps.
/// Blocks for as long as the study takes: call it from a thread that may block.
pub fn run(study: &Study, environment: &Environment, cancel: &AtomicBool, echo: &mut dyn FnMut(&Event)) -> Result<Outcome, StudyError> {
    let _lock = study.lock()?;
    whole_file::clear_unfinished(study.directory())?;
    let recipe = study.recipe()?;
    let stages = plan::stages(&recipe);
    let log = EventLog::open(&study.events_path())?;
    let mut worker = Worker {
        study,
        environment,
        shelf: ModelShelf::new(environment),
        judge: None,
        reporter: Reporter::new(log, cancel, echo),
        recipe: &recipe,
        stages,
        test_tokens: None,
    };
    let began = Instant::now();
    let outcome = worker.work();
    let last = match &outcome {
        Ok(()) => Happening::Finished { seconds: began.elapsed().as_secs_f64() },
        Err(StudyError::Stopped) => Happening::Cancelled,
        Err(error) => Happening::Failed { reason: error.to_string() },
    };
    let told = worker.reporter.tell(last);
    match outcome {
        Ok(()) => told.map(|()| Outcome::Finished),
        Err(StudyError::Stopped) => Ok(Outcome::Cancelled),
        // the first error says more than that it could not be logged
        Err(error) => Err(error),
    }
}

struct Worker<'a> {
    study: &'a Study,
    environment: &'a Environment,
    recipe: &'a Recipe,
    shelf: ModelShelf,
    judge: Option<Judge>,
    reporter: Reporter<'a>,
    stages: Vec<Stage>,
    /// Tokens of a classification study's test examples, once they were counted.
    test_tokens: Option<u64>,
}

/// What a stage has to tell of itself.
#[derive(Default)]
struct Work {
    cells: Vec<CellWork>,
    tokens: u64,
    /// Seconds of parts that an earlier worker did.
    earlier_seconds: f64,
}

impl Work {
    fn add(&mut self, cell: CellWork) {
        self.tokens += cell.tokens;
        self.cells.push(cell);
    }

    fn of_cells(cells: Vec<CellWork>) -> Self {
        Self { tokens: cells.iter().map(|cell| cell.tokens).sum(), cells, earlier_seconds: 0.0 }
    }
}

impl Worker<'_> {
    fn work(&mut self) -> Result<(), StudyError> {
        let stages = self.stages.clone();
        let stages_total = stages.len() as u32;
        let mut stages_done = stages.iter().filter(|stage| self.record_path(stage).exists()).count() as u32;
        self.reporter.tell(Happening::WorkerStarted { stages_total, stages_done })?;
        if stages_done == stages_total {
            return Ok(());
        }
        if stages_done > 0 {
            self.pin_models()?;
            self.fetch_models()?;
            self.check_inputs_unchanged()?;
        }
        for stage in &stages {
            if self.record_path(stage).exists() {
                continue;
            }
            self.reporter.check_cancel()?;
            self.reporter.tell(Happening::StageStarted { stage: stage.kind(), cells: stage.cells(), label: stage.label() })?;
            self.reporter.begin_stage(stage.kind());
            let began = Instant::now();
            tracing::info!(stage = stage.label(), "stage started");
            let work = self.do_stage(stage)?;
            let record = StageRecord {
                stage: stage.kind(),
                label: stage.label(),
                seconds: began.elapsed().as_secs_f64() + work.earlier_seconds,
                cells: work.cells,
                tokens: work.tokens,
            };
            whole_file::write_json(&self.record_path(stage), &record)?;
            self.remove_parts(stage);
            stages_done += 1;
            self.reporter.tell(Happening::StageFinished {
                stage: stage.kind(),
                cells: stage.cells(),
                seconds: record.seconds,
                tokens: record.tokens,
                stages_done,
                stages_total,
            })?;
        }
        Ok(())
    }

    fn do_stage(&mut self, stage: &Stage) -> Result<Work, StudyError> {
        match &stage.task {
            Task::Load => self.load(),
            Task::Prompts => self.choose_prompts(),
            Task::Baseline(cells) | Task::Complete(cells) => self.complete(stage, cells),
            Task::Judge(cells) => self.judge_cells(cells),
            Task::Counterfactuals => self.counterfactuals(stage),
            Task::Data => self.choose_data(),
            Task::Evaluate(cells) => self.evaluate(stage, cells),
            Task::Inspect(cells) => self.inspect(stage, cells),
            Task::TrainLoras(cells) => self.train_loras(stage, cells),
            Task::TrainFull(cell) => self.train_full(stage, *cell),
            Task::Results => self.results(),
        }
    }

    fn record_path(&self, stage: &Stage) -> PathBuf {
        self.study.stages_path().join(format!("{}.json", stage.file_stem()))
    }

    fn parts_path(&self, stage: &Stage) -> PathBuf {
        self.study.stages_path().join(format!("{}.parts", stage.file_stem()))
    }

    /// The stage has its result: a leftover part does no harm.
    fn remove_parts(&self, stage: &Stage) {
        if let Err(error) = std::fs::remove_dir_all(self.parts_path(stage))
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "parts of a finished stage could not be removed");
        }
    }

    fn choose_prompts(&mut self) -> Result<Work, StudyError> {
        let list = prompt_set::load(&self.recipe.prompts)?;
        for note in list.notes {
            self.reporter.note(note)?;
        }
        whole_file::write_lines(&self.study.prompts_path(), &list.prompts)?;
        Ok(Work::default())
    }

    fn prompts(&self) -> Result<Vec<Prompt>, StudyError> {
        self.study.prompts()
    }

    fn metrics(&self, cell: CellId) -> Result<CellMetrics, StudyError> {
        Ok(whole_file::read_json(&self.study.cell_file(cell, "metrics.json"))?.unwrap_or_default())
    }

    fn completions(&self, cell: CellId) -> Result<Vec<Completion>, StudyError> {
        whole_file::read_lines(&self.study.cell_file(cell, "completions.jsonl"))
    }

    fn judgements(&self, cell: CellId) -> Result<Vec<Judgement>, StudyError> {
        whole_file::read_lines(&self.study.cell_file(cell, "judgements.jsonl"))
    }

    /// Opinions of statements, the stage's progress told: `before` of `total` were judged already.
    fn opinions(&mut self, statements: &[Statement], before: u64, total: u64) -> Result<(Vec<crate::judge::Opinion>, u64), StudyError> {
        if self.judge.is_none() {
            self.judge = Some(Judge::open(&self.recipe.judge, &self.shelf)?);
        }
        let Self { judge: Some(judge), shelf, reporter, .. } = self else { return Ok(Default::default()) };
        // where the same statement stands twice it is judged once: progress goes by the share
        let count = statements.len() as u64;
        let mut observer = |done: usize, unique: usize, tokens: u64| {
            let done = before + done as u64 * count / (unique as u64).max(1);
            reporter.progress(before, done, total, Unit::Judgements, tokens)
        };
        let result = judge.judge(statements, shelf, &mut observer);
        reporter.finish(result)
    }

    /// Cell by cell, so that a cell's judgements depend on that cell alone.
    fn judge_cells(&mut self, cells: &[CellId]) -> Result<Work, StudyError> {
        let prompts = self.prompts()?;
        let mut todo = Vec::new();
        for &cell in cells {
            if self.metrics(cell)?.failed.is_none() {
                todo.push((cell, self.completions(cell)?));
            }
        }
        let total: u64 = todo.iter().map(|(_, completions)| completions.len() as u64).sum();
        let mut before = 0;
        let mut work = Vec::new();
        for (cell, completions) in todo {
            self.reporter.check_cancel()?;
            let path = self.study.cell_file(cell, "judgements.jsonl");
            if !path.exists() {
                let statements: Vec<_> = completions.iter().map(|completion| statement(&prompts, completion)).collect();
                self.reporter.restart_clock();
                let (opinions, _) = self.opinions(&statements, before, total)?;
                let judgements: Vec<_> = completions
                    .iter()
                    .zip(opinions)
                    .map(|(completion, opinion)| Judgement {
                        prompt_id: completion.prompt_id,
                        sample: completion.sample,
                        verdict: opinion.verdict,
                        matched: opinion.matched,
                        explanation: opinion.explanation,
                    })
                    .collect();
                whole_file::write_lines(&path, &judgements)?;
            }
            // what was read, counted from the file: the same whether this worker read it or one that was killed
            work.push(CellWork { cell, tokens: completions.iter().map(|completion| u64::from(completion.new_tokens)).sum() });
            before += completions.len() as u64;
        }
        Ok(Work::of_cells(work))
    }

    fn results(&mut self) -> Result<Work, StudyError> {
        if self.recipe.kind == StudyKind::Classification {
            return self.classification_results();
        }
        let prompts = self.prompts()?;
        let records = self.records()?;
        let mut cells = Vec::new();
        for cell in self.recipe.cells() {
            cells.push(CellOutcome {
                cell,
                metrics: self.metrics(cell)?,
                judgements: self.judgements(cell)?,
                phases: phases(cell, &records),
            });
        }
        if cells.iter().all(|outcome| outcome.metrics.failed.is_some() || !outcome.cell.arm.is_trained()) {
            self.reporter.note("Every trained cell failed: the results show the original model alone.")?;
        }
        let judge = Judge::open(&self.recipe.judge, &self.shelf)?.summary(&self.recipe.judge, &mut self.shelf)?;
        let results = results::compute(Findings {
            recipe: self.recipe,
            recipe_sha256: whole_file::hash_text(&self.study.recipe_toml()?),
            model: self.shelf.summary(&self.recipe.model.source)?,
            judge,
            prompts: &prompts,
            counterfactuals: whole_file::read_json(&self.study.counterfactual_counts_path())?.unwrap_or_default(),
            cells,
            work_seconds: event_log::work_seconds(&self.study.events_since(0)?),
        });
        self.write_results(results)
    }

    fn classification_results(&mut self) -> Result<Work, StudyError> {
        let record = self.data_record()?;
        let test = self.test_texts()?;
        let records = self.records()?;
        let mut outcomes = Vec::new();
        let mut cells = Vec::new();
        for cell in self.recipe.cells() {
            outcomes.push(CellOutcome { cell, metrics: self.metrics(cell)?, judgements: Vec::new(), phases: phases(cell, &records) });
            cells.push((cell, self.predictions(cell)?));
        }
        if outcomes.iter().all(|outcome| outcome.metrics.failed.is_some() || !outcome.cell.arm.is_trained()) {
            self.reporter.note("Every trained cell failed: the results show the original model alone, where it can classify.")?;
        }
        let fractions = self.fraction_counts()?;
        let (measured, claims) =
            classification::compute(&ClassFindings { recipe: self.recipe, record: &record, test: &test, fractions, cells });
        let results = results::compute(Findings {
            recipe: self.recipe,
            recipe_sha256: whole_file::hash_text(&self.study.recipe_toml()?),
            model: self.shelf.summary(&self.recipe.model.source)?,
            judge: JudgeSummary::default(),
            prompts: &[],
            counterfactuals: CounterfactualCounts::default(),
            cells: outcomes,
            work_seconds: event_log::work_seconds(&self.study.events_since(0)?),
        });
        let results = StudyResults { claims, classification: Some(measured), arms: Vec::new(), completions_per_prompt: 0, ..results };
        self.write_results(results)
    }

    /// With what was found inside.
    fn write_results(&self, mut results: StudyResults) -> Result<Work, StudyError> {
        if let Some((inspection, claims)) = self.inspection_results()? {
            results.inspection = Some(inspection);
            results.claims.extend(claims);
        }
        whole_file::write_json(&self.study.results_path(), &results)?;
        Ok(Work::default())
    }

    /// What a cell's adapter is put on, or what is trained in full: with a class head, the base with the head of the cell's seed.
    fn model_to_train(&mut self, cell: CellId) -> Result<Arc<Model>, StudyError> {
        let base = self.base_model()?;
        if self.recipe.kind == StudyKind::Classification && self.recipe.classifier.head == HeadKind::ClassHead {
            let labels = self.data_record()?.labels;
            let seed = seeds::derive("class head", &[cell.seed]);
            return Ok(Arc::new(base.with_class_head(&labels, seed).map_err(StudyError::from_engine)?));
        }
        Ok(base)
    }

    fn records(&self) -> Result<Vec<StageRecord>, StudyError> {
        let mut records = Vec::new();
        for stage in &self.stages {
            records.extend(whole_file::read_json(&self.record_path(stage))?);
        }
        Ok(records)
    }
}

fn statement(prompts: &[Prompt], completion: &Completion) -> Statement {
    let prompt = prompts.binary_search_by_key(&completion.prompt_id, |prompt| prompt.id).map_or("", |place| prompts[place].prompt.as_str());
    Statement { prompt: prompt.into(), completion: completion.text.clone() }
}

/// A cell's part of the stages that it was in.
fn phases(cell: CellId, records: &[StageRecord]) -> Vec<PhaseResult> {
    let mut phases = Vec::new();
    for record in records {
        if let Some(work) = record.cells.iter().find(|work| work.cell == cell) {
            let shared_by = record.cells.len() as u32;
            phases.push(PhaseResult {
                phase: if record.stage == StageKind::Baseline { StageKind::Complete } else { record.stage },
                seconds: record.seconds / f64::from(shared_by),
                tokens: work.tokens,
                shared_by,
            });
        }
    }
    phases
}
