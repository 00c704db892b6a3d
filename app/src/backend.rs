//! All that the pages may ask of the server. The server implements it and hands it in as context.

use crate::{
    api::shares::{Shareable, ShareableComparison},
    error::AppError,
};
use rankscope_domain::{
    Recipe,
    annotation::{Annotator, JudgePage, Label, Labelling, RoundPlan, RoundSummary},
    comparison::Comparison,
    comparison_query::ComparisonQuery,
    dataset::DatasetEntry,
    estimate::Estimate,
    inspection::LensReading,
    lens_question::{LensQuestion, LensReply, LensStudy},
    model::{ModelEntry, ModelJob},
    share::{ShareEntry, ShareRequest, SharedPage},
    token::TokenEntry,
    view::{CompletionPage, CompletionQuery, ExamplePage, ExampleQuery, ModelChoice, StudyCard, StudyOverview},
};
use std::sync::Arc;

/// What the server does for the pages.
#[async_trait::async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Newest first; the example last.
    async fn studies(&self) -> Result<Vec<StudyCard>, AppError>;
    async fn study(&self, id: &str) -> Result<StudyOverview, AppError>;
    async fn completions(&self, id: &str, query: CompletionQuery) -> Result<CompletionPage, AppError>;
    /// Of a classification study.
    async fn examples(&self, id: &str, query: ExampleQuery) -> Result<ExamplePage, AppError>;
    /// What the lens read in the study's cells; those that were not read are left out.
    async fn lens(&self, id: &str) -> Result<Vec<LensReading>, AppError>;
    /// Finished studies whose arms can be asked to read a prompt, newest first; the example last.
    async fn lens_studies(&self) -> Result<Vec<LensStudy>, AppError>;
    /// Has a prompt read: the answer where it is there already, else where the question is. Asked again every few seconds, or followed
    /// by its events, a question stays; `again`: also one that has just failed.
    async fn ask_lens(&self, question: LensQuestion, again: bool) -> Result<LensReply, AppError>;
    /// Takes a question back by its ticket; what has ended stays.
    async fn stop_lens(&self, ticket: &str) -> Result<(), AppError>;
    /// Studies side by side: the part that the query asks for. An error where none of the studies is there.
    async fn compare(&self, query: &ComparisonQuery) -> Result<Comparison, AppError>;
    /// Checks the recipe and reckons what it takes; `AppError::Invalid` names every wrong field.
    async fn estimate(&self, recipe: Recipe) -> Result<Estimate, AppError>;
    /// Queues a study and gives its id. The same `request_id` again gives the same study.
    async fn start(&self, recipe: Recipe, request_id: String) -> Result<String, AppError>;
    async fn cancel(&self, id: &str) -> Result<(), AppError>;
    /// Queues a cancelled or failed study again; what is finished stays.
    async fn resume(&self, id: &str) -> Result<(), AppError>;
    async fn delete(&self, id: &str) -> Result<(), AppError>;
    /// What `model.source` can be without typing a path.
    async fn models(&self) -> Result<Vec<ModelChoice>, AppError>;
    /// Every model, the default one first; those that can't be used with the reason.
    async fn model_entries(&self) -> Result<Vec<ModelEntry>, AppError>;
    /// One of them by its name, its SHA-256 computed however long that takes.
    async fn model(&self, name: &str) -> Result<ModelEntry, AppError>;
    /// Models on their way, and those that did not arrive.
    async fn model_jobs(&self) -> Result<Vec<ModelJob>, AppError>;
    /// Queues a model of the hub or a path; the same source again is the same job.
    async fn add_model(&self, source: &str) -> Result<(), AppError>;
    /// Stops a job, or puts away one that has ended.
    async fn cancel_model_job(&self, id: u64) -> Result<(), AppError>;
    /// Removes what `add_model` has brought; refused while a study that is not finished uses it.
    async fn remove_model(&self, name: &str) -> Result<(), AppError>;
    /// Every set of labelled texts, the built-in one first.
    async fn datasets(&self) -> Result<Vec<DatasetEntry>, AppError>;
    async fn dataset(&self, name: &str) -> Result<DatasetEntry, AppError>;
    /// Adds a set by its path, every row checked, and gives its name. An empty `name` is made of the path's; labels by commas.
    async fn add_dataset(&self, source: &str, name: &str, label_names: &str) -> Result<String, AppError>;
    /// Refused while a study that is not finished uses it.
    async fn remove_dataset(&self, name: &str) -> Result<(), AppError>;
    /// Rounds of labels, newest first.
    async fn annotation_rounds(&self, id: &str) -> Result<Vec<RoundSummary>, AppError>;
    /// Draws a round of a finished study and gives its id.
    async fn new_round(&self, id: &str, plan: RoundPlan) -> Result<String, AppError>;
    /// The annotator will read text that may be harmful. Whoever calls has seen to it that they may label.
    async fn consent_to_label(&self, id: &str, round: &str, annotator: &Annotator) -> Result<(), AppError>;
    /// The completion at place `at` of the annotator's order, or their first without a label; nothing of where it comes from.
    async fn labelling(&self, id: &str, round: &str, annotator: &Annotator, at: Option<u32>) -> Result<Labelling, AppError>;
    /// Keeps a label at once.
    async fn give_label(&self, id: &str, round: &str, annotator: &Annotator, item: &str, label: Label) -> Result<(), AppError>;
    /// Takes the annotator's newest label back; gives its completion's place.
    async fn undo_label(&self, id: &str, round: &str, annotator: &Annotator) -> Result<Option<u32>, AppError>;
    /// Labels that were made elsewhere: CSV with the columns `item` and `label`. All or none; gives how many.
    async fn import_labels(&self, id: &str, round: &str, annotator: &Annotator, csv: &str) -> Result<u32, AppError>;
    /// The rounds, and what one says of the judge: the one asked for, else the newest with a label.
    async fn judge_page(&self, id: &str, round: Option<&str>) -> Result<JudgePage, AppError>;
    /// The tokens of scripts, those that hold first.
    async fn tokens(&self) -> Result<Vec<TokenEntry>, AppError>;
    async fn revoke_token(&self, id: i64) -> Result<(), AppError>;
    /// Bytes that an upload may have.
    fn dataset_upload_limit(&self) -> u64;
    /// Links of a study, newest first; empty: all.
    async fn shares(&self, study: &str) -> Result<Vec<ShareEntry>, AppError>;
    /// Studies of these links that permit labels while there is no round of completions to label.
    async fn studies_without_rounds(&self, shares: &[ShareEntry]) -> Result<Vec<String>, AppError>;
    /// What a link can be made for; `None`: there is no such study.
    async fn shareable(&self, study: &str) -> Result<Option<Shareable>, AppError>;
    /// Freezes a study and makes a link to the copy; gives the link's id.
    async fn share_study(&self, study: &str, request: ShareRequest) -> Result<String, AppError>;
    /// What a link to a comparison can be made for: studies, arms and reference of the query count. An error where no study is.
    async fn shareable_comparison(&self, query: &ComparisonQuery) -> Result<ShareableComparison, AppError>;
    /// Freezes a comparison and makes a link to the copy; gives the link's id.
    async fn share_comparison(&self, query: &ComparisonQuery, request: ShareRequest) -> Result<String, AppError>;
    /// `/s/{token}` of a link that was just made, once.
    async fn take_share_path(&self, id: &str) -> Result<Option<String>, AppError>;
    async fn revoke_share(&self, id: &str) -> Result<(), AppError>;
    async fn revoke_shares(&self, study: &str) -> Result<(), AppError>;
    /// What a link shows; the same error for every token that opens nothing.
    async fn shared(&self, token: &str) -> Result<SharedPage, AppError>;
    async fn shared_lens(&self, token: &str) -> Result<Vec<LensReading>, AppError>;
    /// The part of a shared comparison that the query asks for.
    async fn shared_comparison(&self, token: &str, query: ComparisonQuery) -> Result<Comparison, AppError>;
    async fn shared_completions(&self, token: &str, query: CompletionQuery) -> Result<CompletionPage, AppError>;
    /// As the calls of labels above, for who has a link that permits it; the same error for every token that does not. The rounds tell of
    /// nobody who came by another way.
    async fn shared_rounds(&self, token: &str) -> Result<Vec<RoundSummary>, AppError>;
    async fn consent_by_share(&self, token: &str, round: &str, name: &str) -> Result<(), AppError>;
    async fn shared_labelling(&self, token: &str, round: &str, name: &str, at: Option<u32>) -> Result<Labelling, AppError>;
    async fn give_label_by_share(&self, token: &str, round: &str, name: &str, item: &str, label: Label) -> Result<(), AppError>;
    async fn undo_label_by_share(&self, token: &str, round: &str, name: &str) -> Result<Option<u32>, AppError>;
}

/// The context that server functions take it from.
pub type SharedBackend = Arc<dyn Backend>;
