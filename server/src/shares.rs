//! Share links: a study, or a comparison of several, frozen in a file of its own, and a token that opens it.
//!
//! - [`token`]: what is in a link; [`expiry`]: how long it holds.
//! - [`store`]: the links in the database, by the hash of their token.
//! - [`snapshot_file`]: the frozen copies, by their content's hash.
//! - [`gate`]: what stands before `/s/…`; [`downloads`]: the files below it; `pages`: what pages ask;
//!   `labelling`: what those may do whom a link lets label.

pub mod downloads;
pub mod expiry;
pub mod gate;
mod labelling;
mod pages;
pub mod snapshot_file;
pub mod store;
pub mod token;

use crate::{
    database::{Database, DatabaseError},
    error::internal,
    study_id::StudyId,
    to_its_end::to_its_end,
    turnstile::{Admission, Turnstile},
};
use rankscope_app::error::AppError;
use rankscope_domain::{
    FieldErrors,
    comparison_query::ComparisonQuery,
    share::{MAX_LABEL, ShareRequest},
    snapshot::{Snapshot, comparison_title},
};
use rankscope_study::{AskedStudy, FreezeProblem, ShareScope, Study, StudyError, comparison_snapshot};
use snapshot_file::{Linked, SnapshotFiles, SnapshotProblem};
use std::{
    fs::File,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use store::{NewShare, Share, ShareStore};
use token::ShareToken;
use ulid::Ulid;

/// A token waits this long to be shown to whoever made it, then it is gone.
const SHOWN_WITHIN: Duration = Duration::from_secs(600);
/// Links that wait so; the oldest makes room.
const MAX_WAITING: usize = 64;

/// Copies that are read at a time, and readers that wait for it.
const READS: usize = 4;
const READS_WAITING: usize = 64;
/// Files of copies that are on their way at a time. Who reads slowly keeps others from these, and from nothing else.
const SENDS: usize = 16;
/// Figures and tables that are drawn at a time, and readers that wait for one: a page has some ten of them.
const DRAWINGS: usize = 1;
const DRAWINGS_WAITING: usize = 40;

/// All that there is to do with share links. Cheap to clone.
#[derive(Clone)]
pub struct Shares {
    store: ShareStore,
    files: SnapshotFiles,
    /// Links that were made and not shown yet: id and address.
    waiting: Arc<Mutex<Vec<(String, String, Instant)>>>,
    /// Parsing and searching a copy takes memory and a processor.
    reads: Turnstile,
    /// Answers that are on their way to readers who may be slow.
    sends: Turnstile,
    /// Figures and tables for readers; the owner's have places of their own.
    drawings: Turnstile,
}

#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    #[error("{0}")]
    Invalid(#[from] FieldErrors),
    #[error("This study has no results yet, so there is nothing to share. Share it when it is finished.")]
    NoResults,
    #[error("{0}")]
    Study(#[from] StudyError),
    #[error("{0}")]
    Database(#[from] DatabaseError),
    #[error("{0}")]
    Snapshot(#[from] SnapshotProblem),
    #[error("making the share was cut short")]
    Lost,
}

impl From<FreezeProblem> for ShareError {
    fn from(problem: FreezeProblem) -> Self {
        match problem {
            FreezeProblem::Invalid(fields) => Self::Invalid(fields),
            FreezeProblem::Study(error) => Self::Study(error),
        }
    }
}

/// What a link is of, as the database has it.
struct Subject {
    study_id: Option<StudyId>,
    compared: Option<Vec<StudyId>>,
}

/// A link that was just made. The token is nowhere else.
pub struct MadeShare {
    pub id: String,
    pub token: ShareToken,
    pub content_sha256: String,
    /// Seconds since 1970.
    pub expires_at: Option<i64>,
}

impl Shares {
    /// Copies lie in `shares/` of the data directory.
    pub fn new(database: Database, data_dir: &Path) -> Self {
        Self {
            store: ShareStore::new(database),
            files: SnapshotFiles::below(data_dir),
            waiting: Arc::default(),
            reads: Turnstile::new(READS, READS_WAITING, "Too many readers look at shared studies just now. Try again in a moment."),
            drawings: Turnstile::new(
                DRAWINGS,
                DRAWINGS_WAITING,
                "Too many figures are being drawn for readers just now. Try again in a moment.",
            ),
            sends: Turnstile::new(SENDS, 0, "Too many readers are being sent shared files just now. Try again in a moment."),
        }
    }

    pub fn store(&self) -> &ShareStore {
        &self.store
    }

    /// Freezes a study and makes a link to the copy. `id`: absent for a directory beside the data directory.
    pub async fn make_of_study(&self, study: Study, id: Option<StudyId>, request: ShareRequest) -> Result<MadeShare, ShareError> {
        if request.annotate && id.is_none() {
            let remedy = "Labels are kept with a study of the data directory, and this one lies elsewhere. Share it without annotating.";
            return Err(FieldErrors::one("annotate", true, remedy).into());
        }
        let annotate = request.annotate;
        let freeze = move |scope: ShareScope, frozen_at: String| {
            let title = study.recipe()?.name;
            let copy = if annotate { study.snapshot_to_label(scope.anonymous, frozen_at)? } else { study.snapshot(scope, frozen_at)? };
            Ok((title, copy.ok_or(ShareError::NoResults)?))
        };
        self.make(Subject { study_id: id, compared: None }, request, freeze).await
    }

    /// Freezes a comparison and makes a link to the copy. `ids`: of those of its studies that lie in the data directory.
    pub async fn make_of_comparison(
        &self,
        asked: Vec<AskedStudy>,
        ids: Vec<StudyId>,
        query: ComparisonQuery,
        request: ShareRequest,
    ) -> Result<MadeShare, ShareError> {
        if request.annotate {
            let remedy = "Labels are given to the completions of one study, and this is a comparison. Share the study by itself for that, or leave annotating out.";
            return Err(FieldErrors::one("annotate", true, remedy).into());
        }
        let freeze = move |scope: ShareScope, frozen_at: String| {
            let snapshot = comparison_snapshot(&asked, &query, scope, frozen_at)?;
            let mut names = Vec::new();
            for found in asked.iter().filter_map(|one| one.found.as_ref()) {
                names.push(found.study.recipe()?.name);
            }
            Ok((comparison_title(&names), snapshot))
        };
        self.make(Subject { study_id: None, compared: Some(ids) }, request, freeze).await
    }

    /// Makes a link to what `freeze` gives: the title for the owner's list, and the copy.
    async fn make(
        &self,
        subject: Subject,
        request: ShareRequest,
        freeze: impl FnOnce(ShareScope, String) -> Result<(String, Snapshot), ShareError> + Send + 'static,
    ) -> Result<MadeShare, ShareError> {
        let now = jiff::Timestamp::now();
        let (label, expires_at) = check(&request, now)?;
        let share_id = Ulid::new().to_string();
        let ShareRequest { anonymous, completions, annotate, .. } = request;
        let (files, file_id) = (self.files.clone(), share_id.clone());
        let frozen_at = now.round(jiff::Unit::Second).unwrap_or(now).to_string();
        let freezing = tokio::task::spawn_blocking(move || {
            // who labels must not read beside it which arm wrote what, and what the judge said
            let completions = completions && !annotate;
            let (title, snapshot) = freeze(ShareScope { anonymous, completions }, frozen_at)?;
            let has_completions = snapshot.has_completions();
            if annotate && snapshot.study().is_none_or(|study| study.to_label.is_none()) {
                let remedy = "There are no completions here to label; only a toxicity study has some. Share it without annotating.";
                return Err(FieldErrors::one("annotate", annotate, remedy).into());
            }
            Ok::<_, ShareError>((title, has_completions, files.write(&file_id, &snapshot)?))
        });
        let token = ShareToken::generate().map_err(|_| ShareError::Lost)?;
        let shares = self.clone();
        let Subject { study_id, compared } = subject;
        // a copy without a link would be nobody's to remove
        let making = to_its_end(async move {
            let (title, completions, content_sha256) = freezing.await.map_err(|_| ShareError::Lost)??;
            let new = NewShare {
                id: share_id.clone(),
                token_hash: token.hash(),
                study_id,
                compared,
                title,
                label,
                anonymous,
                completions,
                annotate,
                created_at: now.as_second(),
                expires_at,
                content_sha256: content_sha256.clone(),
            };
            if let Err(error) = shares.store.insert(new).await {
                shares.remove_copy(&share_id).await;
                return Err(error.into());
            }
            tracing::info!(share = share_id, "a share link was made");
            Ok(MadeShare { id: share_id, token, content_sha256, expires_at })
        });
        making.await.map_err(|_| ShareError::Lost)?
    }

    /// The link that a token opens now. Every other token is told apart from none.
    pub async fn find(&self, token: &str) -> Result<Option<Share>, DatabaseError> {
        match ShareToken::parse(token) {
            Some(token) => self.store.find(token.hash(), now()).await,
            None => Ok(None),
        }
    }

    /// The link of a token whose bearer may label completions; `None`: it opens nothing, or not that.
    pub async fn may_annotate(&self, token: &str) -> Result<Option<Share>, DatabaseError> {
        Ok(self.find(token).await?.filter(|share| share.annotate))
    }

    /// The frozen copy, its hash checked. Blocks.
    pub fn read(&self, share: &Share) -> Result<Arc<Snapshot>, SnapshotProblem> {
        self.files.read(&share.id, &share.content_sha256)
    }

    /// The file itself, its hash checked, and its length. Blocks.
    pub fn open(&self, share: &Share) -> Result<(File, u64), SnapshotProblem> {
        self.files.open(&share.id, &share.content_sha256)
    }

    /// Reads a copy off the async threads, inside the request's span, where there is room.
    pub async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shares) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let admission = self.reads.enter().await?;
        let (shares, span) = (self.clone(), tracing::Span::current());
        let task = tokio::task::spawn_blocking(move || {
            let _admission = admission;
            span.in_scope(|| read(&shares))
        });
        task.await.map_err(|error| internal("reading a share panicked", &error))?
    }

    /// Leave to draw something of a copy, for as long as it is held.
    pub async fn drawing(&self) -> Result<Admission, AppError> {
        self.drawings.enter().await
    }

    /// Leave to send a copy, for as long as it is held: to the end of the answer.
    pub async fn sending(&self) -> Result<Admission, AppError> {
        self.sends.enter().await
    }

    /// Ends a link for good, and removes its copy. False: there is no such link.
    pub async fn revoke(&self, id: &str) -> Result<bool, DatabaseError> {
        let (shares, id) = (self.clone(), id.to_string());
        let revoking = to_its_end(async move {
            let there = shares.store.revoke(&id, now()).await?;
            if there {
                shares.remove_copy(&id).await;
                tracing::info!(share = id, "a share link was revoked");
            }
            Ok(there)
        });
        revoking.await.map_err(|_| DatabaseError::Lost)?
    }

    /// Ends every link of a study; how many there were.
    pub async fn revoke_all(&self, study: &StudyId) -> Result<usize, DatabaseError> {
        let (shares, study) = (self.clone(), study.clone());
        let revoking = to_its_end(async move {
            let ids = shares.store.revoke_all(&study, now()).await?;
            for id in &ids {
                shares.remove_copy(id).await;
            }
            tracing::info!(%study, links = ids.len(), "all share links of a study were revoked");
            Ok(ids.len())
        });
        revoking.await.map_err(|_| DatabaseError::Lost)?
    }

    /// Removes copies that no link leads to: a kill came before the link was noted, or after it was revoked.
    pub async fn clear_copies(&self) -> Result<(), DatabaseError> {
        let links = self.store.list(None).await?;
        // the index was lost or moved away: it may come back, and the links with it
        if links.is_empty() {
            return Ok(());
        }
        let files = self.files.clone();
        let clear = move || {
            files.clear(|id| match links.iter().find(|link| link.id == id) {
                Some(link) if link.revoked_at.is_none() => Linked::Open,
                Some(_) => Linked::Revoked,
                None => Linked::Unknown,
            });
        };
        tokio::task::spawn_blocking(clear).await.map_err(|_| DatabaseError::Lost)
    }

    async fn remove_copy(&self, id: &str) {
        let (files, id) = (self.files.clone(), id.to_string());
        drop(tokio::task::spawn_blocking(move || files.remove(&id)).await);
    }

    /// Keeps a link's address until its maker is shown it.
    pub fn keep_to_show(&self, made: &MadeShare) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|(.., since)| since.elapsed() < SHOWN_WITHIN);
        if waiting.len() >= MAX_WAITING {
            waiting.remove(0);
        }
        waiting.push((made.id.clone(), made.token.path(), Instant::now()));
    }

    /// The address of a link that was just made, once.
    pub fn take_to_show(&self, id: &str) -> Option<String> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|(.., since)| since.elapsed() < SHOWN_WITHIN);
        let place = waiting.iter().position(|(known, ..)| known == id)?;
        Some(waiting.remove(place).1)
    }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The label without its surrounding blanks, and when the link ends.
fn check(request: &ShareRequest, now: jiff::Timestamp) -> Result<(String, Option<i64>), FieldErrors> {
    let mut errors = FieldErrors::default();
    let label = request.label.trim();
    if label.chars().count() > MAX_LABEL || label.chars().any(char::is_control) {
        let shown: String = label.chars().take(40).collect();
        errors.push("label", shown, format!("Write one line of at most {MAX_LABEL} characters: what you know the link by."));
    }
    let expires_at = expiry::parse(&request.expires, now).unwrap_or_else(|remedy| {
        let shown: String = request.expires.chars().take(40).collect();
        errors.push("expires", shown, remedy);
        None
    });
    errors.into_result((label.to_string(), expires_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_shown_once() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("index.sqlite")).unwrap();
        let shares = Shares::new(database, folder.path());
        let made =
            |id: &str| MadeShare { id: id.into(), token: ShareToken::generate().unwrap(), content_sha256: String::new(), expires_at: None };
        let one = made("one");
        shares.keep_to_show(&one);
        assert_eq!(shares.take_to_show("other"), None);
        assert_eq!(shares.take_to_show("one"), Some(one.token.path()));
        assert_eq!(shares.take_to_show("one"), None);
        for number in 0..=MAX_WAITING {
            shares.keep_to_show(&made(&number.to_string()));
        }
        assert_eq!(shares.take_to_show("0"), None, "the oldest has made room");
        assert!(shares.take_to_show("1").is_some());
    }

    fn example() -> Study {
        Study::open(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/example"))).unwrap()
    }

    /// Asks until it is so.
    async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
        for _ in 0..2000 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waited 20 s for: {what}");
    }

    #[tokio::test]
    async fn drawings_for_readers_have_an_end_of_their_queue() {
        let folder = tempfile::tempdir().unwrap();
        let shares = Shares::new(Database::open(&folder.path().join("index.sqlite")).unwrap(), folder.path());
        let first = shares.drawing().await.unwrap();
        let mut waiting: Vec<_> = (0..DRAWINGS_WAITING).map(|_| Box::pin(shares.drawing())).collect();
        for one in &mut waiting {
            assert!(futures::FutureExt::now_or_never(one.as_mut()).is_none(), "one is drawn at a time");
        }
        assert!(matches!(shares.drawing().await, Err(AppError::Busy(_))));
        drop(first);
        assert!(waiting.remove(0).await.is_ok());
    }

    #[tokio::test]
    async fn who_goes_away_half_way_leaves_nothing_half_done() {
        let folder = tempfile::tempdir().unwrap();
        let shares = Shares::new(Database::open(&folder.path().join("index.sqlite")).unwrap(), folder.path());
        let copies = || std::fs::read_dir(folder.path().join("shares")).map_or(0, Iterator::count);
        let request = || ShareRequest { expires: "1d".into(), ..ShareRequest::default() };
        // as a handler is dropped with its connection, while the copy is made
        assert!(tokio::time::timeout(Duration::ZERO, shares.make_of_study(example(), None, request())).await.is_err());
        until("the link", async || shares.store().list(None).await.unwrap().len() == 1).await;
        assert_eq!(copies(), 1);
        let id = shares.store().list(None).await.unwrap()[0].id.clone();
        drop(tokio::time::timeout(Duration::ZERO, shares.revoke(&id)).await);
        until("the copy to go", async || copies() == 0).await;
        assert!(shares.store().list(None).await.unwrap()[0].revoked_at.is_some());
    }

    #[tokio::test]
    async fn the_next_server_removes_what_no_link_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let shares = Shares::new(Database::open(&folder.path().join("index.sqlite")).unwrap(), folder.path());
        let copy = |id: &str| folder.path().join(format!("shares/{id}.json"));
        std::fs::create_dir(folder.path().join("shares")).unwrap();
        let [orphan, young, revoked] = [(); 3].map(|()| Ulid::new().to_string());
        for id in [&orphan, &young, &revoked] {
            std::fs::write(copy(id), "{}").unwrap();
        }
        let long_ago = std::time::SystemTime::now() - Duration::from_secs(2 * 24 * 3600);
        File::options().write(true).open(copy(&orphan)).unwrap().set_modified(long_ago).unwrap();
        shares.clear_copies().await.unwrap();
        assert!(copy(&orphan).exists(), "there is no link at all: the index may have been moved away");

        let request = || ShareRequest { expires: "1d".into(), ..ShareRequest::default() };
        let open = shares.make_of_study(example(), None, request()).await.unwrap();
        let new = NewShare {
            id: revoked.clone(),
            token_hash: [1; 32],
            study_id: None,
            compared: None,
            title: String::new(),
            label: String::new(),
            anonymous: false,
            completions: false,
            annotate: false,
            created_at: 0,
            expires_at: None,
            content_sha256: String::new(),
        };
        shares.store().insert(new).await.unwrap();
        // a kill came before the copy was removed
        shares.store().revoke(&revoked, 1).await.unwrap();
        shares.clear_copies().await.unwrap();
        let left = [&open.id, &orphan, &young, &revoked].map(|id| copy(id).exists());
        assert_eq!(left, [true, false, true, false], "a young one may be of a link that is being made");
    }

    #[test]
    fn what_is_wrong_with_a_request_is_named() {
        let now: jiff::Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let wrong = |label: &str, expires: &str| {
            let request = ShareRequest { label: label.into(), expires: expires.into(), ..ShareRequest::default() };
            check(&request, now).map_err(|errors| errors.0.into_iter().map(|error| error.field).collect::<Vec<_>>())
        };
        assert_eq!(wrong(" reviewer 2 ", "never"), Ok(("reviewer 2".into(), None)));
        assert_eq!(wrong("two\nlines", "soon"), Err(vec!["label".into(), "expires".into()]));
        let usual = now.as_second() + 30 * 24 * 3600;
        assert_eq!(wrong(&"é".repeat(MAX_LABEL), "").map(|(_, end)| end), Ok(Some(usual)), "what is left out is not for ever");
        assert_eq!(wrong(&"é".repeat(MAX_LABEL + 1), ""), Err(vec!["label".into()]));
    }
}
