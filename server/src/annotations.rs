//! Rounds of labelling: a known sample of a study's completions, shown blind to who labels it, and what the labels say of the judge.
//! Knows nothing of where the permission to label comes from: whoever calls has an [`Annotator`], whose source says it.

mod archive;
mod export;
mod import;
mod storage;

pub use export::{LabelFormat, labels_file};

use crate::{
    database::{Database, DatabaseError},
    error::{from_study, internal, no_such_study},
    library::Library,
    study_id::StudyId,
};
use rankscope_app::error::AppError;
use rankscope_domain::{
    FieldErrors,
    annotation::{Annotator, GivenLabel, JudgePage, JudgeReport, Label, LabelItem, Labelling, RoundPlan, RoundSummary, SampledItem},
};
use rankscope_study::{JudgedItem, Study, draw_round, judge_report};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use storage::{AnnotatorLimits, Round, SECRET_LENGTH, Taken};

/// Longest name of an annotator; rounds of a study.
const NAME_LIMIT: usize = Annotator::LONGEST_NAME;
const ROUNDS_LIMIT: usize = RoundSummary::MOST;
/// Annotators of a round: of one share link, of all links together, and of the owner's and the links'. A link that went astray must shut nobody
/// else out, and all links together not the owner.
const LIMITS: AnnotatorLimits = AnnotatorLimits { link: 10, links: 80, all: Annotator::MOST_OF_A_ROUND };
/// Reports that are kept.
const REPORTS_LIMIT: usize = 32;

/// What a report was reckoned from: a hash of every label that stood.
type Stamp = [u8; 32];

#[derive(Clone)]
pub struct Annotations {
    database: Database,
    library: Library,
    reports: Arc<Mutex<HashMap<String, (Stamp, JudgeReport)>>>,
}

impl Annotations {
    pub fn new(database: Database, library: Library) -> Self {
        Self { database, library, reports: Arc::default() }
    }

    /// Newest first.
    pub async fn rounds(&self, study: &StudyId) -> Result<Vec<RoundSummary>, AppError> {
        self.database.rounds(study).await.map_err(broken)
    }

    /// Draws a round from a finished study and gives its id.
    pub async fn new_round(&self, id: &StudyId, plan: RoundPlan) -> Result<String, AppError> {
        if plan.items == 0 || plan.items > RoundPlan::MOST_ITEMS {
            let remedy = format!("Draw 1 to {} completions.", RoundPlan::MOST_ITEMS);
            return Err(AppError::Invalid(FieldErrors::one("items", plan.items, remedy)));
        }
        if self.rounds(id).await?.len() >= ROUNDS_LIMIT {
            return Err(AppError::Conflict(format!("This study has {ROUNDS_LIMIT} rounds already. Go on with one of them.")));
        }
        let items = self
            .read(id, |study| {
                if study.results().map_err(|error| from_study("reading results", error))?.is_none() {
                    return Err(AppError::Conflict("This study is not finished. Its completions can be labelled when it is.".into()));
                }
                study.judged_items().map_err(|error| from_study("reading completions", error))
            })
            .await?;
        if items.is_empty() {
            return Err(AppError::Conflict(
                "This study has no completions that a judge has read; only those of a toxicity study can be labelled.".into(),
            ));
        }
        let round = Round { id: StudyId::generate().to_string(), plan, secret: random_bytes()? };
        let sampled = sample(&items, &round);
        self.database.insert_round(id, round.clone(), sampled).await.map_err(broken)?;
        tracing::info!(study = %id, round = %round.id, "annotation round drawn");
        Ok(round.id)
    }

    /// Notes that an annotator will read text that may be harmful.
    pub async fn consent(&self, study: &StudyId, round: &str, annotator: &Annotator) -> Result<(), AppError> {
        check_name(&annotator.name)?;
        let round = self.round(study, round).await?;
        let taken =
            self.database.insert_annotator(&round.id, annotator, jiff::Timestamp::now().as_second(), LIMITS).await.map_err(broken)?;
        let full = |count: usize, of: &str, remedy: &str| {
            let text = format!("{count} people have begun this round already{of}. Go on under a name that has, or {remedy}.");
            Err(AppError::Conflict(text))
        };
        match taken {
            Taken::In => Ok(()),
            Taken::LinkIsFull => full(LIMITS.link, " by this link", "ask whoever sent it for another"),
            Taken::LinksAreFull => full(LIMITS.links, " by links", "ask whoever sent yours for another round"),
            Taken::IsFull => full(LIMITS.all, "", "draw another round"),
        }
    }

    /// The completion at `at` in the annotator's own order, else their first without a label.
    pub async fn labelling(&self, study: &StudyId, round: &str, annotator: &Annotator, at: Option<u32>) -> Result<Labelling, AppError> {
        check_name(&annotator.name)?;
        let round = self.round(study, round).await?;
        let order = self.order(&round, annotator).await?;
        let consented = self.database.has_annotator(&round.id, annotator).await.map_err(broken)?;
        let own = self.own_labels(&round, annotator).await?;
        let mut labelling = Labelling {
            round: round.id,
            annotator: annotator.name.clone(),
            consented,
            total: order.len() as u32,
            labelled: own.len() as u32,
            place: None,
            item: None,
            can_undo: !own.is_empty(),
        };
        if !consented {
            return Ok(labelling);
        }
        let place = match at.filter(|at| (*at as usize) < order.len()) {
            Some(at) => Some(at as usize),
            None => order.iter().position(|item| !own.contains_key(&item.id)),
        };
        if let Some(place) = place {
            let item = order[place].clone();
            let label = own.get(&item.id).copied();
            let id = item.id.clone();
            let (prompt, text) = self.text_of(study, item).await?;
            labelling.place = Some(place as u32);
            labelling.item = Some(LabelItem { id, prompt, text, label });
        }
        Ok(labelling)
    }

    /// The prompt and the text of a round's completion.
    pub async fn item_text(&self, study: &StudyId, round: &str, item: &str) -> Result<(String, String), AppError> {
        let round = self.round(study, round).await?;
        let items = self.database.round_items(&round.id).await.map_err(broken)?;
        let item = items.into_iter().find(|known| known.id == item).ok_or_else(no_such_item)?;
        self.text_of(study, item).await
    }

    async fn text_of(&self, study: &StudyId, item: SampledItem) -> Result<(String, String), AppError> {
        let place = (item.cell, item.prompt_id, item.sample);
        let found =
            self.read(study, move |study| study.completion_text(place).map_err(|error| from_study("reading a completion", error))).await?;
        found.ok_or_else(|| {
            AppError::Conflict("This completion is not in the study any more: its directory was changed. Begin another round.".into())
        })
    }

    /// Keeps a label at once; the same again changes nothing.
    pub async fn give_label(&self, study: &StudyId, round: &str, annotator: &Annotator, item: &str, label: Label) -> Result<(), AppError> {
        let round = self.round(study, round).await?;
        self.must_have_consented(&round, annotator).await?;
        let items = self.database.round_items(&round.id).await.map_err(broken)?;
        if !items.iter().any(|known| known.id == item) {
            return Err(no_such_item());
        }
        if self.own_labels(&round, annotator).await?.get(item) == Some(&label) {
            return Ok(());
        }
        let given = GivenLabel { item: item.into(), annotator: annotator.clone(), label, at_ms: jiff::Timestamp::now().as_millisecond() };
        self.database.insert_labels(&round.id, vec![given]).await.map_err(broken)
    }

    /// Takes the annotator's newest label back and gives the place of its completion in their order; none: there is none.
    pub async fn undo(&self, study: &StudyId, round: &str, annotator: &Annotator) -> Result<Option<u32>, AppError> {
        let round = self.round(study, round).await?;
        self.must_have_consented(&round, annotator).await?;
        let Some(item) = self.database.take_back_label(&round.id, annotator).await.map_err(broken)? else { return Ok(None) };
        let order = self.order(&round, annotator).await?;
        Ok(order.iter().position(|known| known.id == item).map(|place| place as u32))
    }

    /// The rounds, and the report of the one that was asked for, else of the newest that has a label.
    pub async fn judge_page(&self, study: &StudyId, asked: Option<&str>) -> Result<JudgePage, AppError> {
        let rounds = self.rounds(study).await?;
        let shown = match asked {
            Some(asked) => Some(rounds.iter().find(|round| round.id == asked).ok_or_else(no_such_round)?),
            None => rounds.iter().find(|round| round.annotators.iter().any(|one| one.labelled > 0)),
        };
        let Some(round) = shown.cloned() else { return Ok(JudgePage { rounds, report: None }) };
        let labels = self.database.standing_labels(&round.id).await.map_err(broken)?;
        if labels.is_empty() {
            return Ok(JudgePage { rounds, report: None });
        }
        let stamp = stamp_of(&labels);
        let kept = self.reports.lock().unwrap_or_else(PoisonError::into_inner).get(&round.id).cloned();
        if let Some((_, report)) = kept.filter(|(known, _)| *known == stamp) {
            return Ok(JudgePage { report: Some(JudgeReport { round, ..report }), rounds });
        }
        let items = self.database.round_items(&round.id).await.map_err(broken)?;
        let id = round.id.clone();
        let report = self
            .read(study, move |study| {
                judge_report(study, round, &items, &labels).map_err(|error| from_study("reckoning the labels", error))
            })
            .await?;
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        if reports.len() >= REPORTS_LIMIT {
            reports.clear();
        }
        reports.insert(id, (stamp, report.clone()));
        drop(reports);
        Ok(JudgePage { rounds, report: Some(report) })
    }

    async fn round(&self, study: &StudyId, id: &str) -> Result<Round, AppError> {
        self.database.round(study, id).await.map_err(broken)?.ok_or_else(no_such_round)
    }

    async fn must_have_consented(&self, round: &Round, annotator: &Annotator) -> Result<(), AppError> {
        check_name(&annotator.name)?;
        if self.database.has_annotator(&round.id, annotator).await.map_err(broken)? {
            return Ok(());
        }
        let text = "Nobody of this name has begun this round. Begin it: give the name and agree to read what models wrote, then go on.";
        Err(AppError::Conflict(text.into()))
    }

    /// The annotator's own order: by the hash of round, annotator and item, so that it tells nothing, is kept, and is another for each.
    async fn order(&self, round: &Round, annotator: &Annotator) -> Result<Vec<SampledItem>, AppError> {
        let mut items = self.database.round_items(&round.id).await.map_err(broken)?;
        let (secret, annotator) = (round.secret.clone(), annotator.clone());
        // thousands of hashes
        let sorting = tokio::task::spawn_blocking(move || {
            items.sort_by_cached_key(|item| keyed(&secret, &["order", &annotator.source, &annotator.name, &item.id]));
            items
        });
        sorting.await.map_err(|error| internal("a task panicked", &error))
    }

    async fn own_labels(&self, round: &Round, annotator: &Annotator) -> Result<HashMap<String, Label>, AppError> {
        let labels = self.database.standing_labels(&round.id).await.map_err(broken)?;
        Ok(labels.into_iter().filter(|given| given.annotator == *annotator).map(|given| (given.item, given.label)).collect())
    }

    async fn read<T: Send + 'static>(
        &self,
        id: &StudyId,
        read: impl FnOnce(&Study) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let (library, id, span) = (self.library.clone(), id.clone(), tracing::Span::current());
        let task = tokio::task::spawn_blocking(move || span.in_scope(|| read(&library.study(&id).ok_or_else(no_such_study)?)));
        task.await.map_err(|error| internal("a task panicked", &error))?
    }
}

fn sample(items: &[JudgedItem], round: &Round) -> Vec<SampledItem> {
    draw_round(items, round.plan)
        .into_iter()
        .map(|drawn| {
            let item = &items[drawn.index];
            let (cell, prompt_id, sample) = item.place();
            let digest = keyed(&round.secret, &["item", &cell.to_string(), &prompt_id.to_string(), &sample.to_string()]);
            SampledItem {
                id: digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
                cell,
                prompt_id,
                sample,
                verdict: item.verdict,
                population: drawn.population,
                weight: drawn.weight,
            }
        })
        .collect()
}

/// Neither their number nor the newest's time tells of one that was taken back and given anew.
fn stamp_of(labels: &[GivenLabel]) -> Stamp {
    let mut parts: Vec<[&str; 4]> = labels
        .iter()
        .map(|given| [given.item.as_str(), given.annotator.name.as_str(), given.annotator.source.as_str(), given.label.name()])
        .collect();
    parts.sort_unstable();
    keyed(&[], parts.as_flattened())
}

/// A hash that nobody can make without the secret; the parts can't run into one another.
fn keyed(secret: &[u8], parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(secret);
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

fn random_bytes() -> Result<Vec<u8>, AppError> {
    let mut bytes = vec![0; SECRET_LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| internal("drawing a secret", &error))?;
    Ok(bytes)
}

fn check_name(name: &str) -> Result<(), AppError> {
    if Annotator::is_name(name) {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME_LIMIT + 1).collect();
    Err(AppError::Invalid(FieldErrors::one("name", shown, format!("Give the annotator a name of 1 to {NAME_LIMIT} characters."))))
}

fn no_such_item() -> AppError {
    AppError::NotFound("There is no such completion in this round. Reload the page to see the next one.".into())
}

fn no_such_round() -> AppError {
    AppError::NotFound("There is no such round of labels in this study. The study’s page for labels lists those there are.".into())
}

fn broken(error: DatabaseError) -> AppError {
    internal("the database failed", &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_label_is_another_stamp() {
        let given =
            |item: &str, label: Label, at_ms: i64| GivenLabel { item: item.into(), annotator: Annotator::of_owner("Anna"), label, at_ms };
        let before = [given("a", Label::Toxic, 1), given("b", Label::Toxic, 2)];
        // the newest was taken back, and the label before it stands again; another was given at the same moment
        let after = [given("a", Label::NotToxic, 1), given("b", Label::Toxic, 2)];
        assert_ne!(stamp_of(&before), stamp_of(&after));
        assert_ne!(stamp_of(&before), stamp_of(&before[..1]));
        let turned = [given("b", Label::Toxic, 2), given("a", Label::Toxic, 1)];
        assert_eq!(stamp_of(&before), stamp_of(&turned), "their order says nothing");
    }

    /// A round without completions, of a study that is nowhere.
    async fn round() -> (Annotations, StudyId, Round, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("index.sqlite")).unwrap();
        let library = Library::open(folder.path(), None).unwrap();
        let (id, plan) = (StudyId::generate(), RoundPlan { items: 1, allocation: Default::default(), seed: 0 });
        let round = Round { id: "round".into(), plan, secret: vec![7; SECRET_LENGTH] };
        database.insert_round(&id, round.clone(), Vec::new()).await.unwrap();
        (Annotations::new(database, library), id, round, folder)
    }

    #[tokio::test]
    async fn one_link_shuts_nobody_else_out() {
        let (annotations, study, round, _folder) = round().await;
        let begin = async |source: &str, number: usize| {
            let annotator = Annotator { name: format!("Anna {number}"), source: source.into() };
            annotations.consent(&study, &round.id, &annotator).await.map_err(|error| error.to_string())
        };
        for number in 0..LIMITS.link {
            begin("share:one", number).await.unwrap();
        }
        let full = begin("share:one", LIMITS.link).await.unwrap_err();
        assert!(full.contains("10 people") && full.contains("by this link"), "{full}");
        begin("share:one", 0).await.expect("who has begun goes on");
        begin("share:two", 0).await.expect("another link");
        for link in 2..20 {
            for number in 0..LIMITS.link {
                drop(begin(&format!("share:{link}"), number).await);
            }
        }
        let full = begin("share:last", 0).await.unwrap_err();
        assert!(full.contains("80 people"), "{full}");
        for number in 0..LIMITS.all - LIMITS.links {
            begin(Annotator::OWNER, number).await.expect("the owner has room");
        }
        let full = begin(Annotator::OWNER, 100).await.unwrap_err();
        assert!(full.contains("100 people"), "{full}");
    }

    #[tokio::test]
    async fn of_those_who_begin_at_once_none_gets_past_the_limit() {
        let (annotations, study, round, _folder) = round().await;
        let begin = |number: usize| {
            let (annotations, study, id) = (annotations.clone(), study.clone(), round.id.clone());
            let annotator = Annotator { name: format!("Anna {number}"), source: "share:one".into() };
            tokio::spawn(async move { annotations.consent(&study, &id, &annotator).await.is_ok() })
        };
        let begun = futures::future::join_all((0..40).map(begin)).await;
        assert_eq!(begun.into_iter().filter(|begun| *begun.as_ref().unwrap()).count(), LIMITS.link);
    }
}
