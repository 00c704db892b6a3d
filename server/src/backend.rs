//! All that the pages may ask for, over the index, the study directories and the executor.

use crate::{
    accounts::{sessions, tokens::Tokens},
    annotations::Annotations,
    database::{Database, DatabaseError, StudyRow},
    datasets,
    error::{from_study, internal, no_such_study},
    executor::{Executor, Stopped},
    imports,
    lens_desk::{LensDesk, study_of},
    library::Library,
    model_jobs::ModelJobs,
    models,
    reader::Reader,
    shares::Shares,
    study_id::StudyId,
    to_its_end::to_its_end,
};
use rankscope_app::{
    api::shares::{Shareable, ShareableComparison},
    backend::Backend,
    error::AppError,
};
use rankscope_domain::{
    FieldErrors, Recipe,
    annotation::{Annotator, JudgePage, Label, Labelling, RoundPlan, RoundSummary},
    comparison::{Comparison, MOST_COMPARED},
    comparison_query::{ComparisonQuery, ComparisonView},
    dataset::DatasetEntry,
    estimate::Estimate,
    inspection::LensReading,
    lens_question::{LensQuestion, LensReply, LensStudy},
    model::{ModelEntry, ModelJob},
    recipe::StudyKind,
    share::{ShareEntry, ShareRequest, SharedPage},
    token::TokenEntry,
    view::{CompletionPage, CompletionQuery, ExamplePage, ExampleQuery, ModelChoice, StudyCard, StudyOverview, StudyStatus},
};
use rankscope_study::{
    AskedStudy, Catalogue, DatasetShelf, Environment, FoundStudy, NewDataset, Study, Upload,
    catalogue::{Look, unfinished_studies},
    hub::HubSource,
    studies_using_dataset,
};
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

/// More studies than this do not wait for their turn.
const MAX_ACTIVE: usize = 200;

/// What a request to start a study is answered with.
pub struct Started {
    pub id: StudyId,
    /// False: the same request was answered with it before.
    pub is_new: bool,
}

/// The server's side of the pages.
pub struct StudyBackend {
    pub database: Database,
    pub library: Library,
    pub reader: Reader,
    pub executor: Executor,
    pub lens_desk: LensDesk,
    pub environment: Environment,
    pub catalogue: Catalogue,
    pub model_jobs: ModelJobs,
    pub annotations: Annotations,
    pub datasets: DatasetShelf,
    /// Bytes that an uploaded set may have.
    pub dataset_upload_limit: u64,
    pub shares: Shares,
    /// One start after another: the second of two equal requests finds the first one's answer.
    starting: Arc<Mutex<()>>,
    /// Bytes that an uploaded archive of a study may have.
    pub study_upload_limit: u64,
    /// Reading a model's headers takes memory: a few at a time.
    checking: Semaphore,
    /// Comparing takes a core: a few at a time.
    comparing: Semaphore,
    /// Drawing takes a processor: a few at a time.
    drawing: Arc<Semaphore>,
    /// Archives take a disk, and as long as whoever gets them is slow.
    packing: Arc<Semaphore>,
}

impl StudyBackend {
    pub fn new(
        database: Database,
        reader: Reader,
        executor: Executor,
        lens_desk: LensDesk,
        environment: Environment,
        (dataset_upload_limit, study_upload_limit): (u64, u64),
        shutdown: CancellationToken,
    ) -> Self {
        let library = reader.library().clone();
        let catalogue = models::catalogue(environment.default_model.clone());
        let model_jobs = ModelJobs::new(catalogue.clone(), shutdown);
        let datasets = DatasetShelf::new(&environment);
        let shares = Shares::new(database.clone(), library.data_dir());
        let annotations = Annotations::new(database.clone(), library.clone());
        Self {
            database,
            library,
            reader,
            executor,
            lens_desk,
            environment,
            catalogue,
            model_jobs,
            annotations,
            datasets,
            dataset_upload_limit,
            shares,
            starting: Arc::default(),
            study_upload_limit,
            checking: Semaphore::new(2),
            comparing: Semaphore::new(2),
            drawing: Arc::new(Semaphore::new(2)),
            packing: Arc::new(Semaphore::new(4)),
        }
    }

    /// The study's row; the same error for a name that is none and a study that is not there.
    pub async fn row(&self, id: &str) -> Result<StudyRow, AppError> {
        let id: StudyId = id.parse().map_err(|_| no_such_study())?;
        if id.is_example() {
            return if self.library.has_example() { Ok(example_row()) } else { Err(no_such_study()) };
        }
        match self.database.study(&id).await.map_err(broken)? {
            Some(row) => Ok(row),
            None => {
                self.take_up_imports().await?;
                self.database.study(&id).await.map_err(broken)?.ok_or_else(no_such_study)
            }
        }
    }

    /// Leave to draw, for as long as it is held.
    pub async fn permit_to_draw(&self) -> Result<OwnedSemaphorePermit, AppError> {
        self.drawing.clone().acquire_owned().await.map_err(|error| internal("waiting to draw", &error))
    }

    /// Leave to compare, for as long as it is held: it reads every answer of the studies, and resamples them.
    pub(crate) async fn permit_to_compare(&self) -> Result<SemaphorePermit<'_>, AppError> {
        self.comparing.acquire().await.map_err(|error| internal("waiting to compare", &error))
    }

    /// The studies of a comparison, those too that are not there.
    pub(crate) async fn asked(&self, ids: &[String]) -> Result<Vec<AskedStudy>, AppError> {
        let mut asked = Vec::new();
        for id in ids.iter().take(MOST_COMPARED) {
            let found = match self.row(id).await {
                Ok(row) => self.library.study(&row.id).map(|study| FoundStudy { study, status: row.status }),
                Err(AppError::NotFound(_)) => None,
                Err(error) => return Err(error),
            };
            asked.push(AskedStudy { id: shown_id(id), found });
        }
        Ok(asked)
    }

    /// `views`: the parts that are wanted; `None`: the one that the query asks for. An error where no study is.
    pub(crate) async fn compared(&self, query: &ComparisonQuery, views: Option<&'static [ComparisonView]>) -> Result<Comparison, AppError> {
        let asked = self.asked(&query.studies).await?;
        let _permit = self.permit_to_compare().await?;
        let query = query.clone();
        let compare = move || rankscope_study::compare(&asked, &query, views).map_err(|error| from_study("comparing studies", error));
        some_studies(blocking(compare).await?)
    }

    /// Leave to pack or unpack an archive, for as long as it is held.
    pub fn permit_to_pack(&self) -> Result<OwnedSemaphorePermit, AppError> {
        let busy = "Four archives are under way already. Wait until one is done, then try again.";
        self.packing.clone().try_acquire_owned().map_err(|_| AppError::Busy(busy.into()))
    }

    /// Takes in an archive that lies in `folder`, or says what is wrong with it; the folder goes either way. `permit`: from
    /// [`Self::permit_to_pack`], taken before the archive was received.
    pub async fn import(&self, permit: OwnedSemaphorePermit, archive: PathBuf, folder: TempDir) -> Result<StudyId, AppError> {
        let (library, limit) = (self.library.clone(), self.study_upload_limit);
        let (id, labels) = blocking(move || {
            let _permit = permit;
            imports::take_in(&library, &archive, folder, imports::limits_of(limit))
        })
        .await?;
        imports::take_in_labels(&self.annotations, &self.library, &id, labels).await?;
        self.database.insert_found(&id, StudyStatus::Finished, "").await.map_err(broken)?;
        tracing::info!(%id, "a study was imported");
        Ok(id)
    }

    /// What a figure of a comparison is drawn of: nothing is contrasted for it.
    pub async fn compare_for_figure(&self, query: &ComparisonQuery, view: ComparisonView) -> Result<Comparison, AppError> {
        let asked = self.asked(&query.studies).await?;
        let query = query.clone();
        let compared = blocking(move || {
            rankscope_study::compare_for_figure(&asked, &query, view).map_err(|error| from_study("comparing studies", error))
        });
        some_studies(compared.await?)
    }

    /// What `rankscope import` put beside the others while this server runs.
    async fn take_up_imports(&self) -> Result<(), AppError> {
        let known: HashSet<StudyId> = self.database.studies().await.map_err(broken)?.into_iter().map(|row| row.id).collect();
        let library = self.library.clone();
        let imported = blocking(move || {
            let ids = library.ids().map_err(|error| internal("listing the studies", &error))?;
            let is_imported = |id: &StudyId| library.study(id).is_some_and(|study| matches!(study.imported(), Ok(Some(_))));
            Ok(ids.into_iter().filter(|id| !known.contains(id) && is_imported(id)).collect::<Vec<_>>())
        })
        .await?;
        for id in imported {
            self.database.insert_found(&id, StudyStatus::Finished, "").await.map_err(broken)?;
        }
        Ok(())
    }

    /// Checks every row of an upload and takes it in.
    pub async fn take_in_dataset(&self, upload: Upload, new: NewDataset) -> Result<DatasetEntry, AppError> {
        let _permit = self.checking.acquire().await.map_err(|error| internal("waiting to check a set", &error))?;
        let shelf = self.datasets.clone();
        blocking(move || shelf.take_in(upload, &new).map_err(|error| from_study("taking in a set", error))).await
    }

    /// Checks a recipe with its files and its model; `AppError::Invalid` names every wrong field.
    pub async fn validate(&self, mut recipe: Recipe) -> Result<(), AppError> {
        resolve(&mut recipe);
        let _permit = self.checking.acquire().await.map_err(|error| internal("waiting to check a recipe", &error))?;
        let environment = self.environment.clone();
        blocking(move || rankscope_study::check(&recipe, &environment).map_err(AppError::Invalid)).await
    }

    /// Starts a study, or finds the one that this request was answered with before.
    pub async fn start_study(&self, mut recipe: Recipe, request_id: String) -> Result<Started, AppError> {
        check_request_id(&request_id)?;
        resolve(&mut recipe);
        let (database, library, executor) = (self.database.clone(), self.library.clone(), self.executor.clone());
        let (environment, starting) = (self.environment.clone(), self.starting.clone());
        // a double click breaks the first request off: the second must find what it was answered with
        let start = to_its_end(async move {
            let _one_at_a_time = starting.lock_owned().await;
            if let Some(id) = database.answered(&request_id).await.map_err(broken)? {
                return match database.study(&id).await.map_err(broken)? {
                    Some(_) => Ok(Started { id, is_new: false }),
                    None => Err(AppError::Conflict("This study was started and deleted since. Reload the form to start another.".into())),
                };
            }
            let rows = database.studies().await.map_err(broken)?;
            if rows.iter().filter(|row| row.status.is_active()).count() >= MAX_ACTIVE {
                return Err(AppError::Conflict(format!("{MAX_ACTIVE} studies are waiting already. Cancel some, or wait for them.")));
            }
            let id = StudyId::generate();
            let directory = library.directory(&id).ok_or_else(no_such_study)?;
            blocking(move || {
                rankscope_study::check_to_start(&recipe, &environment).map_err(AppError::Invalid)?;
                Study::create(&directory, &recipe).map(drop).map_err(|error| from_study("making a study", error))
            })
            .await?;
            if let Err(error) = database.insert_queued(&id, &request_id).await {
                // the next start of the server would take it for a study
                let made = id.clone();
                drop(blocking(move || library.delete(&made).map_err(at_deleting)).await);
                return Err(broken(error));
            }
            tracing::info!(%id, "study queued");
            executor.wake();
            Ok(Started { id, is_new: true })
        });
        start.await.map_err(|error| internal("starting a study was cut short", &error))?
    }

    /// The row of a study that belongs to the user.
    async fn own_row(&self, id: &str, what: &str) -> Result<StudyRow, AppError> {
        let row = self.row(id).await?;
        if row.id.is_example() {
            return Err(AppError::Conflict(format!("The example came with the program and can't be {what}. Start one like it instead.")));
        }
        Ok(row)
    }
}

#[async_trait::async_trait]
impl Backend for StudyBackend {
    async fn studies(&self) -> Result<Vec<StudyCard>, AppError> {
        self.take_up_imports().await?;
        let mut rows = self.database.studies().await.map_err(broken)?;
        rows.extend(self.library.has_example().then(example_row));
        let reader = self.reader.clone();
        // one study that can't be read must not hide the others
        blocking(move || Ok(rows.iter().filter_map(|row| reader.card(row).ok()).collect())).await
    }

    async fn study(&self, id: &str) -> Result<StudyOverview, AppError> {
        let row = self.row(id).await?;
        let reader = self.reader.clone();
        blocking(move || reader.overview(&row)).await
    }

    async fn completions(&self, id: &str, query: CompletionQuery) -> Result<CompletionPage, AppError> {
        let row = self.row(id).await?;
        let library = self.library.clone();
        blocking(move || {
            let study = library.study(&row.id).ok_or_else(no_such_study)?;
            study.completions(&query).map_err(|error| from_study("reading completions", error))
        })
        .await
    }

    async fn examples(&self, id: &str, query: ExampleQuery) -> Result<ExamplePage, AppError> {
        let row = self.row(id).await?;
        let library = self.library.clone();
        blocking(move || {
            let study = library.study(&row.id).ok_or_else(no_such_study)?;
            study.examples(&query).map_err(|error| from_study("reading examples", error))
        })
        .await
    }

    async fn lens(&self, id: &str) -> Result<Vec<LensReading>, AppError> {
        let row = self.row(id).await?;
        let library = self.library.clone();
        blocking(move || {
            let study = library.study(&row.id).ok_or_else(no_such_study)?;
            study.lens().map_err(|error| from_study("reading the lens", error))
        })
        .await
    }

    async fn lens_studies(&self) -> Result<Vec<LensStudy>, AppError> {
        let mut rows = self.database.studies().await.map_err(broken)?;
        rows.retain(|row| row.status == StudyStatus::Finished);
        rows.extend(self.library.has_example().then(example_row));
        let (reader, library) = (self.reader.clone(), self.library.clone());
        // one study that can't be read must not hide the others
        blocking(move || Ok(rows.iter().filter_map(|row| lens_study(&reader, &library, row)).collect())).await
    }

    async fn ask_lens(&self, question: LensQuestion, again: bool) -> Result<LensReply, AppError> {
        question.validate().map_err(AppError::Invalid)?;
        let (library, id) = (self.library.clone(), question.study.clone());
        let study = blocking(move || study_of(&library, &id)).await?;
        self.lens_desk.ask(study, question, again).await
    }

    async fn stop_lens(&self, ticket: &str) -> Result<(), AppError> {
        self.lens_desk.stop(ticket);
        Ok(())
    }

    async fn compare(&self, query: &ComparisonQuery) -> Result<Comparison, AppError> {
        self.compared(query, None).await
    }

    async fn estimate(&self, mut recipe: Recipe) -> Result<Estimate, AppError> {
        resolve(&mut recipe);
        let _permit = self.checking.acquire().await.map_err(|error| internal("waiting for an estimate", &error))?;
        let environment = self.environment.clone();
        blocking(move || rankscope_study::estimate(&recipe, &environment).map_err(AppError::Invalid)).await
    }

    async fn start(&self, recipe: Recipe, request_id: String) -> Result<String, AppError> {
        Ok(self.start_study(recipe, request_id).await?.id.to_string())
    }

    async fn cancel(&self, id: &str) -> Result<(), AppError> {
        let row = self.own_row(id, "cancelled").await?;
        match self.executor.cancel(&row.id).await.map_err(broken)? {
            Stopped::Yes => Ok(()),
            Stopped::HasEnded => Err(AppError::Conflict("This study has ended already. Reload the page to see how.".into())),
        }
    }

    async fn resume(&self, id: &str) -> Result<(), AppError> {
        let row = self.own_row(id, "resumed").await?;
        match row.status {
            StudyStatus::Queued | StudyStatus::Running => return Ok(()),
            StudyStatus::Cancelling => return Err(AppError::Conflict("This study is still stopping. Resume it in a moment.".into())),
            StudyStatus::Finished => {
                return Err(AppError::Conflict("This study is finished. To change something, run it again with changes.".into()));
            }
            StudyStatus::Cancelled | StudyStatus::Failed => {}
        }
        self.database.enqueue(&row.id, true).await.map_err(broken)?;
        self.executor.wake();
        Ok(())
    }

    async fn delete(&self, id: &str) -> Result<(), AppError> {
        let row = self.own_row(id, "deleted").await?;
        let busy = || AppError::Conflict("This study is running or waiting to run. Cancel it first, then delete it.".into());
        let directory = self.library.directory(&row.id).ok_or_else(no_such_study)?;
        let (database, library, reader) = (self.database.clone(), self.library.clone(), self.reader.clone());
        let deleting = to_its_end(async move {
            // someone may run it from the command line
            if blocking(move || Ok(crate::worker_lock::WorkerLock::holder(&directory).is_some())).await? {
                return Err(busy());
            }
            let (burying, id) = (library.clone(), row.id.clone());
            if !database.remove(&row.id, move || burying.bury(&id)).await.map_err(broken)? {
                return Err(busy());
            }
            reader.forget(&row.id);
            blocking(move || library.empty_grave(&row.id).map_err(at_deleting)).await
        });
        deleting.await.map_err(|error| internal("deleting a study was cut short", &error))?
    }

    async fn models(&self) -> Result<Vec<ModelChoice>, AppError> {
        let catalogue = self.catalogue.clone();
        blocking(move || Ok(models::choices(&catalogue))).await
    }

    async fn model_entries(&self) -> Result<Vec<ModelEntry>, AppError> {
        let catalogue = self.catalogue.clone();
        let mut entries = blocking(move || Ok(catalogue.list())).await?;
        // what is on its way is shown as that, and not as a model that can't be used
        let jobs = self.model_jobs.list();
        let is_on_its_way = |entry: &ModelEntry| {
            jobs.iter().any(|job| job.state.is_active() && job.source.parse::<HubSource>().is_ok_and(|hub| hub.short() == entry.name))
        };
        entries.retain(|entry| entry.details.is_some() || !is_on_its_way(entry));
        Ok(entries)
    }

    async fn model(&self, name: &str) -> Result<ModelEntry, AppError> {
        let _permit = self.checking.acquire().await.map_err(|error| internal("waiting for a look at a model", &error))?;
        let (catalogue, name) = (self.catalogue.clone(), name.to_string());
        blocking(move || catalogue.find(&name, Look::Whole).ok_or_else(no_such_model)).await
    }

    async fn model_jobs(&self) -> Result<Vec<ModelJob>, AppError> {
        Ok(self.model_jobs.list())
    }

    async fn add_model(&self, source: &str) -> Result<(), AppError> {
        self.model_jobs.add(source)
    }

    async fn cancel_model_job(&self, id: u64) -> Result<(), AppError> {
        self.model_jobs.cancel(id)
    }

    async fn remove_model(&self, name: &str) -> Result<(), AppError> {
        if self.model_jobs.list().iter().any(|job| job.state.is_active()) {
            return Err(AppError::Conflict(
                "A model is being fetched, perhaps this one. Wait until it is there, or cancel it, then remove this.".into(),
            ));
        }
        let (catalogue, name, studies) = (self.catalogue.clone(), name.to_string(), self.library.studies().to_path_buf());
        blocking(move || {
            let entry = catalogue.find(&name, Look::Quick).ok_or_else(no_such_model)?;
            let using = unfinished_studies(&catalogue, &studies, &entry);
            if entry.origin.is_removable() && !using.is_empty() {
                return Err(AppError::Conflict(models::in_use(&name, &using).to_string()));
            }
            catalogue.remove(&entry.name).map(drop).map_err(|error| from_study("removing a model", error))
        })
        .await
    }

    async fn datasets(&self) -> Result<Vec<DatasetEntry>, AppError> {
        let shelf = self.datasets.clone();
        blocking(move || Ok(shelf.list())).await
    }

    async fn dataset(&self, name: &str) -> Result<DatasetEntry, AppError> {
        let (shelf, name) = (self.datasets.clone(), name.to_string());
        blocking(move || shelf.find(&name).ok_or_else(no_such_dataset)).await
    }

    async fn add_dataset(&self, source: &str, name: &str, label_names: &str) -> Result<String, AppError> {
        if source.trim().starts_with("hf:") {
            let remedy = format!("`rankscope datasets add {}` fetches it on the command line; then it is listed here.", source.trim());
            return Err(AppError::Invalid(FieldErrors::one("source", source, remedy)));
        }
        let _permit = self.checking.acquire().await.map_err(|error| internal("waiting to check a set", &error))?;
        let (shelf, source) = (self.datasets.clone(), source.to_string());
        let new = NewDataset { name: name.into(), label_names: datasets::names_of(label_names), ..NewDataset::default() };
        blocking(move || {
            let added = shelf.add(&source, &new, &mut |_| std::ops::ControlFlow::Continue(()));
            added.map(|entry| entry.name).map_err(|error| from_study("adding a set", error))
        })
        .await
    }

    async fn remove_dataset(&self, name: &str) -> Result<(), AppError> {
        // a study that is starting is there or not yet checked
        let _none_starts = self.starting.lock().await;
        let (shelf, name, studies) = (self.datasets.clone(), name.to_string(), self.library.studies().to_path_buf());
        blocking(move || {
            let entry = shelf.find(&name).ok_or_else(no_such_dataset)?;
            let using = studies_using_dataset(&studies, &entry);
            if entry.origin.is_removable() && !using.is_empty() {
                return Err(AppError::Conflict(datasets::in_use(&name, &using).to_string()));
            }
            shelf.remove(&entry.name).map(drop).map_err(|error| from_study("removing a set", error))
        })
        .await
    }

    async fn tokens(&self) -> Result<Vec<TokenEntry>, AppError> {
        Tokens::new(self.database.clone()).list(sessions::now()).await.map_err(broken)
    }

    async fn revoke_token(&self, id: i64) -> Result<(), AppError> {
        match Tokens::new(self.database.clone()).revoke(id, sessions::now()).await.map_err(broken)? {
            true => {
                tracing::info!(id, "a token was revoked");
                Ok(())
            }
            false => Err(AppError::NotFound("There is no such token that holds. Reload the page to see those there are.".into())),
        }
    }

    fn dataset_upload_limit(&self) -> u64 {
        self.dataset_upload_limit
    }

    async fn shares(&self, study: &str) -> Result<Vec<ShareEntry>, AppError> {
        self.list_shares(study).await
    }

    async fn studies_without_rounds(&self, shares: &[ShareEntry]) -> Result<Vec<String>, AppError> {
        self.waiting_for_a_round(shares).await
    }

    async fn shareable(&self, study: &str) -> Result<Option<Shareable>, AppError> {
        self.shareable_study(study).await
    }

    async fn share_study(&self, study: &str, request: ShareRequest) -> Result<String, AppError> {
        self.make_share(study, request).await
    }

    async fn shareable_comparison(&self, query: &ComparisonQuery) -> Result<ShareableComparison, AppError> {
        self.shareable_of(query).await
    }

    async fn share_comparison(&self, query: &ComparisonQuery, request: ShareRequest) -> Result<String, AppError> {
        self.make_comparison_share(query, request).await
    }

    async fn take_share_path(&self, id: &str) -> Result<Option<String>, AppError> {
        Ok(self.shares.take_to_show(id))
    }

    async fn revoke_share(&self, id: &str) -> Result<(), AppError> {
        self.end_share(id).await
    }

    async fn revoke_shares(&self, study: &str) -> Result<(), AppError> {
        self.end_shares(study).await
    }

    async fn shared(&self, token: &str) -> Result<SharedPage, AppError> {
        self.shared_page(token).await
    }

    async fn shared_lens(&self, token: &str) -> Result<Vec<LensReading>, AppError> {
        self.shared_readings(token).await
    }

    async fn shared_comparison(&self, token: &str, query: ComparisonQuery) -> Result<Comparison, AppError> {
        self.shared_part(token, query).await
    }

    async fn shared_completions(&self, token: &str, query: CompletionQuery) -> Result<CompletionPage, AppError> {
        self.shared_texts(token, query).await
    }

    async fn shared_rounds(&self, token: &str) -> Result<Vec<RoundSummary>, AppError> {
        self.rounds_of_share(token).await
    }

    async fn consent_by_share(&self, token: &str, round: &str, name: &str) -> Result<(), AppError> {
        self.consent_of_share(token, round, name).await
    }

    async fn shared_labelling(&self, token: &str, round: &str, name: &str, at: Option<u32>) -> Result<Labelling, AppError> {
        self.labelling_of_share(token, round, name, at).await
    }

    async fn give_label_by_share(&self, token: &str, round: &str, name: &str, item: &str, label: Label) -> Result<(), AppError> {
        self.label_of_share(token, round, name, item, label).await
    }

    async fn undo_label_by_share(&self, token: &str, round: &str, name: &str) -> Result<Option<u32>, AppError> {
        self.undo_of_share(token, round, name).await
    }

    async fn annotation_rounds(&self, id: &str) -> Result<Vec<RoundSummary>, AppError> {
        let row = self.row(id).await?;
        self.annotations.rounds(&row.id).await
    }

    async fn new_round(&self, id: &str, plan: RoundPlan) -> Result<String, AppError> {
        let row = self.row(id).await?;
        self.annotations.new_round(&row.id, plan).await
    }

    async fn consent_to_label(&self, id: &str, round: &str, annotator: &Annotator) -> Result<(), AppError> {
        let row = self.row(id).await?;
        self.annotations.consent(&row.id, round, annotator).await
    }

    async fn labelling(&self, id: &str, round: &str, annotator: &Annotator, at: Option<u32>) -> Result<Labelling, AppError> {
        let row = self.row(id).await?;
        self.annotations.labelling(&row.id, round, annotator, at).await
    }

    async fn give_label(&self, id: &str, round: &str, annotator: &Annotator, item: &str, label: Label) -> Result<(), AppError> {
        let row = self.row(id).await?;
        self.annotations.give_label(&row.id, round, annotator, item, label).await
    }

    async fn undo_label(&self, id: &str, round: &str, annotator: &Annotator) -> Result<Option<u32>, AppError> {
        let row = self.row(id).await?;
        self.annotations.undo(&row.id, round, annotator).await
    }

    async fn import_labels(&self, id: &str, round: &str, annotator: &Annotator, csv: &str) -> Result<u32, AppError> {
        let row = self.row(id).await?;
        self.annotations.import(&row.id, round, annotator, csv).await
    }

    async fn judge_page(&self, id: &str, round: Option<&str>) -> Result<JudgePage, AppError> {
        let row = self.row(id).await?;
        self.annotations.judge_page(&row.id, round).await
    }
}

/// Where the lens can look into it.
fn lens_study(reader: &Reader, library: &Library, row: &StudyRow) -> Option<LensStudy> {
    let study = library.study(&row.id)?;
    let arms = rankscope_study::lens_bench::lens_arms(&study).ok()??;
    let recipe = study.recipe().ok()?;
    let card = reader.card(row).ok()?;
    let fractions = if recipe.kind == StudyKind::Classification { recipe.groups.fractions() } else { Vec::new() };
    Some(LensStudy { id: card.id, name: card.name, kind: card.kind, model: card.model, arms, seeds: recipe.seeds, fractions })
}

/// Of no study at all there is no comparison.
fn some_studies(comparison: Comparison) -> Result<Comparison, AppError> {
    if !comparison.studies.is_empty() {
        return Ok(comparison);
    }
    let mut problems = comparison.problems;
    if problems.0.is_empty() {
        problems.push("studies", "", "Name the studies to compare by their ids, separated by commas.");
    }
    Err(AppError::Invalid(problems))
}

/// As much of a name that is none as an error needs to show.
fn shown_id(id: &str) -> String {
    id.chars().take(80).collect()
}

fn no_such_dataset() -> AppError {
    AppError::NotFound("There is no such set of texts. It may have been removed; the list of sets shows all there are.".into())
}

fn no_such_model() -> AppError {
    AppError::NotFound("There is no such model. It may have been removed; the list of models shows all there are.".into())
}

fn example_row() -> StudyRow {
    StudyRow { id: StudyId::example(), status: StudyStatus::Finished, message: String::new(), queue_position: None, restarts: 0 }
}

fn check_request_id(request_id: &str) -> Result<(), AppError> {
    let fits =
        (1..=64).contains(&request_id.len()) && request_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if fits {
        return Ok(());
    }
    let shown: String = request_id.chars().take(80).collect();
    let remedy =
        "Give every start a name of its own, of 1 to 64 letters, digits, - or _; the same name again is answered with the same study.";
    Err(AppError::Invalid(FieldErrors::one("request_id", shown, remedy)))
}

/// A path that was typed without its folder is taken from where the server was started.
fn resolve(recipe: &mut Recipe) {
    rankscope_study::resolve_paths(recipe, Path::new(""));
}

fn at_deleting(error: std::io::Error) -> AppError {
    internal("deleting a study", &error)
}

fn broken(error: DatabaseError) -> AppError {
    internal("the database failed", &error)
}

/// Does what reads files or computes off the async threads, inside the request's span.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, AppError> + Send + 'static) -> Result<T, AppError> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work)).await.map_err(|error| internal("a task panicked", &error))?
}
