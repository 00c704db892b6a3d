//! What the server tells the pages.

use crate::{
    Arm, CellId, MinorityFraction,
    class_results::Reading,
    completion::{Completion, Judgement, Prompt, Verdict},
    dataset::LabelledText,
    estimate::ModelSummary,
    event::Happening,
    inspection::ExampleDivergence,
    provenance::{ImportNote, Provenance},
    recipe::StudyKind,
    results::StudyResults,
};
use serde::{Deserialize, Serialize};

/// Where a study is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StudyStatus {
    /// Waits for its turn.
    Queued,
    Running,
    /// The worker was asked to stop and has not yet.
    Cancelling,
    /// Stopped by the user; what is finished is kept.
    Cancelled,
    Finished,
    /// `message` says why.
    Failed,
}

impl StudyStatus {
    pub fn label(self) -> &'static str {
        match self {
            StudyStatus::Queued => "queued",
            StudyStatus::Running => "running",
            StudyStatus::Cancelling => "cancelling",
            StudyStatus::Cancelled => "cancelled",
            StudyStatus::Finished => "finished",
            StudyStatus::Failed => "failed",
        }
    }

    /// A worker has it or will have it.
    pub fn is_active(self) -> bool {
        matches!(self, StudyStatus::Queued | StudyStatus::Running | StudyStatus::Cancelling)
    }
}

/// A row of the studies list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StudyCard {
    pub id: String,
    pub name: String,
    pub kind: StudyKind,
    pub status: StudyStatus,
    /// RFC 3339, UTC.
    pub created_at: String,
    pub model: String,
    pub arms: Vec<Arm>,
    pub seeds: u32,
    /// 0 to 1, of the stages.
    pub progress: f64,
    /// Came with the program: can't be deleted or resumed.
    pub is_example: bool,
    /// Was made elsewhere, and taken in from an archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<ImportNote>,
    /// By arm, where finished: the share of toxic completions, or of test examples that were classified rightly at the largest fraction.
    pub shares: Vec<(Arm, f64)>,
    /// Place in the queue, from 1, where queued.
    pub queue_position: Option<u32>,
}

/// All that the study page needs at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyOverview {
    pub card: StudyCard,
    pub recipe_toml: String,
    pub provenance: Option<Provenance>,
    pub results: Option<StudyResults>,
    pub progress: Progress,
    /// Why it failed or what to know about it; empty otherwise.
    pub message: String,
    /// The study's directory, for the owner.
    pub directory: String,
}

/// The state of a running study, folded from its events: [`Progress::apply`] gives the same in the
/// server and in the browser.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Progress {
    pub last_event_id: u64,
    pub stages_done: u32,
    pub stages_total: u32,
    /// Label of the stage under way.
    pub stage: String,
    pub done: u64,
    pub total: u64,
    pub unit: String,
    pub tokens_per_second: f64,
    /// Of the stage under way.
    pub eta_seconds: f64,
    pub losses: Vec<LossCurve>,
    pub failures: Vec<(CellId, String)>,
    pub notes: Vec<String>,
    /// Finished stages with their seconds and tokens.
    pub finished: Vec<FinishedStage>,
    /// How the last run ended, once it has.
    pub ended: Option<Ended>,
    /// Of the last event.
    pub at_ms: u64,
    pub started_at_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LossCurve {
    pub cell: CellId,
    pub steps_total: u32,
    /// (step from 1, mean loss over target tokens in nats)
    pub points: Vec<(u32, f64)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FinishedStage {
    pub label: String,
    pub seconds: f64,
    pub tokens: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    Finished,
    Cancelled,
    Failed(String),
}

impl Progress {
    /// Takes one event in; one already taken (a replay) changes nothing.
    pub fn apply(&mut self, event: &crate::event::Event) {
        if event.id <= self.last_event_id {
            return;
        }
        self.last_event_id = event.id;
        self.at_ms = event.at_ms;
        match &event.what {
            Happening::WorkerStarted { stages_total, stages_done } => {
                self.stages_total = *stages_total;
                self.stages_done = *stages_done;
                self.ended = None;
                self.clear_stage();
                if self.started_at_ms == 0 {
                    self.started_at_ms = event.at_ms;
                }
            }
            Happening::StageStarted { label, .. } => {
                self.clear_stage();
                self.stage = label.clone();
            }
            Happening::StageProgress { done, total, unit, tokens_per_second, eta_seconds, .. } => {
                self.done = *done;
                self.total = *total;
                self.unit = unit.label().into();
                self.tokens_per_second = *tokens_per_second;
                self.eta_seconds = *eta_seconds;
            }
            Happening::TrainStep { cell, step, steps_total, loss, .. } => {
                let index = self.losses.iter().position(|curve| curve.cell == *cell).unwrap_or_else(|| {
                    self.losses.push(LossCurve { cell: *cell, steps_total: *steps_total, points: Vec::new() });
                    self.losses.len() - 1
                });
                let points = &mut self.losses[index].points;
                // a stage that was killed starts again: its steps are told again
                while points.last().is_some_and(|(known, _)| known >= step) {
                    points.pop();
                }
                points.push((*step, *loss));
            }
            Happening::StageFinished { stages_done, stages_total, seconds, tokens, .. } => {
                self.stages_done = *stages_done;
                self.stages_total = *stages_total;
                let label = std::mem::take(&mut self.stage);
                self.finished.retain(|stage| stage.label != label);
                self.finished.push(FinishedStage { label, seconds: *seconds, tokens: *tokens });
                self.clear_stage();
            }
            Happening::CellFailed { cell, reason } => {
                self.failures.retain(|(known, _)| known != cell);
                self.failures.push((*cell, reason.clone()));
            }
            Happening::Note { text } => {
                if !self.notes.contains(text) {
                    self.notes.push(text.clone());
                }
            }
            Happening::Finished { .. } => self.end(Ended::Finished),
            Happening::Cancelled => self.end(Ended::Cancelled),
            Happening::Failed { reason } => self.end(Ended::Failed(reason.clone())),
        }
    }

    fn end(&mut self, how: Ended) {
        self.clear_stage();
        self.ended = Some(how);
    }

    fn clear_stage(&mut self) {
        self.stage.clear();
        self.unit.clear();
        self.done = 0;
        self.total = 0;
        self.tokens_per_second = 0.0;
        self.eta_seconds = 0.0;
    }

    /// 0 to 1: finished stages, and the part of the one under way.
    pub fn fraction(&self) -> f64 {
        if self.ended == Some(Ended::Finished) {
            return 1.0;
        }
        let part = if self.total > 0 { self.done as f64 / self.total as f64 } else { 0.0 };
        ((f64::from(self.stages_done) + part) / f64::from(self.stages_total.max(1))).min(1.0)
    }
}

/// Which completions to show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompletionQuery {
    pub arm: Option<Arm>,
    pub seed: Option<u64>,
    pub group: Option<String>,
    pub verdict: Option<Verdict>,
    /// Of one prompt alone: all arms side by side.
    pub prompt_id: Option<u32>,
    /// With a prompt, arm and seed: that completion alone.
    pub sample: Option<u32>,
    /// From 0.
    pub page: u32,
}

/// One page of completions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CompletionPage {
    /// One row a prompt that has a completion which meets the query.
    pub rows: Vec<PromptRow>,
    /// Of prompts that meet the query.
    pub total_prompts: u32,
    /// Of completions that meet the query.
    pub total_completions: u32,
    pub page: u32,
    pub page_size: u32,
    pub arms: Vec<Arm>,
    pub groups: Vec<String>,
    pub seeds: Vec<u64>,
    /// Of one prompt alone: how far the arms that were looked into are from the original there, whatever else is chosen.
    #[serde(default)]
    pub divergences: Vec<CellDivergence>,
}

/// What one cell makes of one example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CellDivergence {
    pub cell: CellId,
    pub divergence: ExampleDivergence,
}

/// A prompt, and what the arms made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PromptRow {
    pub prompt: Prompt,
    /// The completions that meet the query, by arm and seed, then sample.
    pub completions: Vec<JudgedCompletion>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JudgedCompletion {
    pub cell: CellId,
    pub completion: Completion,
    /// Absent while the judge has not read it.
    pub judgement: Option<Judgement>,
}

/// Which test examples of a classification study to show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExampleQuery {
    /// Absent: the first one.
    pub seed: Option<u64>,
    /// Absent: the smallest one.
    pub fraction: Option<MinorityFraction>,
    /// How predictions are read; absent: the first way that the study has.
    pub reading: Option<Reading>,
    /// Whose outcome is asked for; absent: that of any arm.
    pub arm: Option<Arm>,
    pub group: Option<String>,
    pub outcome: Option<Outcome>,
    /// One example alone.
    pub example: Option<u32>,
    /// From 0.
    pub page: u32,
}

/// How an arm did on an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Right,
    Wrong,
}

impl Outcome {
    pub const ALL: [Self; 2] = [Self::Right, Self::Wrong];

    /// As in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
        }
    }
}

/// One page of test examples, as the arms of one seed and fraction classify them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ExamplePage {
    pub rows: Vec<ExampleRow>,
    /// That meet the query.
    pub total: u32,
    pub page: u32,
    pub page_size: u32,
    pub seed: u64,
    pub fraction: Option<MinorityFraction>,
    pub reading: Reading,
    pub labels: Vec<String>,
    pub arms: Vec<Arm>,
    pub groups: Vec<String>,
    pub seeds: Vec<u64>,
    pub fractions: Vec<MinorityFraction>,
    pub readings: Vec<Reading>,
    /// Of one example alone: how far the arms that were looked into are from the original at its end.
    pub divergences: Vec<CellDivergence>,
}

/// A test example, and what the arms took it for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "ClassifiedExample")]
pub struct ExampleRow {
    pub text: LabelledText,
    /// What a decoder reads of it, for the lens; absent with a class head.
    pub prompt: Option<String>,
    /// In the order of figures; cells that failed are left out.
    pub predictions: Vec<ExamplePrediction>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ExamplePrediction {
    pub cell: CellId,
    /// Number of the label; absent where the text named none or several.
    pub label: Option<u32>,
    /// Of that label among the options; absent for generated text.
    pub probability: Option<f64>,
    /// What the model wrote, for generated text.
    pub generated: Option<String>,
}

impl ExampleRow {
    pub fn is_right(&self, prediction: &ExamplePrediction) -> bool {
        prediction.label == Some(self.text.label)
    }
}

/// A model that can be chosen in the form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ModelChoice {
    pub source: String,
    pub summary: ModelSummary,
    /// False: an encoder, which classifies with a class head alone.
    pub continues_text: bool,
}
