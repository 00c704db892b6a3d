//! The links in the database: who reads it finds hashes of tokens, never a token.

use crate::{
    database::{Database, DatabaseError},
    shares::expiry,
    study_id::StudyId,
};
use rankscope_domain::share::{ShareEntry, ShareState};
use rusqlite::{OptionalExtension, Row, params};
use subtle::ConstantTimeEq;

/// A link as it is looked up by its first bytes; the rest is compared in constant time.
const SELECTOR_BYTES: usize = 8;

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// A ULID, which also names the frozen copy.
    pub id: String,
    /// Absent: of a directory beside the data directory, or of a comparison.
    pub study_id: Option<StudyId>,
    /// Studies of a comparison; absent: of one study.
    pub compared: Option<Vec<StudyId>>,
    pub title: String,
    pub label: String,
    pub anonymous: bool,
    pub completions: bool,
    pub annotate: bool,
    /// Times in seconds since 1970.
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
    pub last_opened_at: Option<i64>,
    pub opened: u64,
    pub content_sha256: String,
}

/// A link that is to be noted.
pub struct NewShare {
    pub id: String,
    pub token_hash: [u8; 32],
    pub study_id: Option<StudyId>,
    pub compared: Option<Vec<StudyId>>,
    pub title: String,
    pub label: String,
    pub anonymous: bool,
    pub completions: bool,
    pub annotate: bool,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub content_sha256: String,
}

impl Share {
    pub fn state(&self, now: i64) -> ShareState {
        match self {
            Share { revoked_at: Some(_), .. } => ShareState::Revoked,
            Share { expires_at: Some(end), .. } if *end <= now => ShareState::Expired,
            _ => ShareState::Open,
        }
    }

    /// For the owner's list.
    pub fn entry(&self, now: i64) -> ShareEntry {
        ShareEntry {
            id: self.id.clone(),
            study_id: self.study_id.as_ref().map(ToString::to_string),
            compared: self.compared.as_ref().map(|ids| ids.iter().map(ToString::to_string).collect()),
            title: self.title.clone(),
            label: self.label.clone(),
            state: self.state(now),
            anonymous: self.anonymous,
            completions: self.completions,
            annotate: self.annotate,
            created_at: expiry::text(self.created_at),
            expires_at: self.expires_at.map(expiry::text),
            revoked_at: self.revoked_at.map(expiry::text),
            last_opened_at: self.last_opened_at.map(expiry::text),
            opened: self.opened,
            content_sha256: self.content_sha256.clone(),
        }
    }
}

const COLUMNS: &str = "id, study_id, title, label, anonymous, completions, annotate, created_at, expires_at, revoked_at, last_opened_at, opened, content_sha256, compared";

/// Whether a link shows the study of parameter 1.
const SHOWS_STUDY: &str = "study_id = ?1 OR instr(compared, ',' || ?1 || ',') > 0";

fn read(row: &Row<'_>) -> rusqlite::Result<Share> {
    let study_id: Option<String> = row.get(1)?;
    let compared: Option<String> = row.get(13)?;
    // a link of before labelling was blind has a copy that shows them: it is for reading alone
    let (completions, annotate): (bool, bool) = (row.get(5)?, row.get(6)?);
    let annotate = annotate && !completions;
    Ok(Share {
        id: row.get(0)?,
        study_id: study_id.and_then(|id| id.parse().ok()),
        compared: compared.map(|ids| ids.split(',').filter_map(|id| id.parse().ok()).collect()),
        title: row.get(2)?,
        label: row.get(3)?,
        anonymous: row.get(4)?,
        completions,
        annotate,
        created_at: row.get(7)?,
        expires_at: row.get(8)?,
        revoked_at: row.get(9)?,
        last_opened_at: row.get(10)?,
        opened: row.get::<_, i64>(11)?.unsigned_abs(),
        content_sha256: row.get(12)?,
    })
}

/// The table of links.
#[derive(Clone)]
pub struct ShareStore {
    database: Database,
}

impl ShareStore {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    pub async fn insert(&self, new: NewShare) -> Result<(), DatabaseError> {
        self.database
            .call(move |connection| {
                let study_id = new.study_id.as_ref().map(ToString::to_string);
                let compared = new.compared.as_ref().map(|ids| ids.iter().fold(String::from(","), |list, id| format!("{list}{id},")));
                connection
                    .execute(
                        "INSERT INTO shares (id, selector, token_hash, study_id, title, label, anonymous, completions, annotate, created_at, expires_at, content_sha256, compared)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                        params![
                            new.id,
                            &new.token_hash[..SELECTOR_BYTES],
                            new.token_hash,
                            study_id,
                            new.title,
                            new.label,
                            new.anonymous,
                            new.completions,
                            new.annotate,
                            new.created_at,
                            new.expires_at,
                            new.content_sha256,
                            compared
                        ],
                    )
                    .map(drop)
            })
            .await
    }

    /// The link with this token's hash that is open now: one look, whatever comes of it.
    pub async fn find(&self, token_hash: [u8; 32], now: i64) -> Result<Option<Share>, DatabaseError> {
        let sql = format!("SELECT {COLUMNS}, token_hash FROM shares WHERE selector = ?1");
        let found = self
            .database
            .call(move |connection| {
                let mut statement = connection.prepare_cached(&sql)?;
                let row = |row: &Row<'_>| Ok((read(row)?, row.get::<_, Vec<u8>>(14)?));
                statement.query_row([&token_hash[..SELECTOR_BYTES]], row).optional()
            })
            .await?;
        let Some((share, kept)) = found else { return Ok(None) };
        let same: bool = kept.as_slice().ct_eq(&token_hash).into();
        Ok((same && share.state(now) == ShareState::Open).then_some(share))
    }

    /// Newest first; of one study with the comparisons that it is in, or of all.
    pub async fn list(&self, study: Option<&StudyId>) -> Result<Vec<Share>, DatabaseError> {
        let study = study.map(ToString::to_string);
        let sql = format!("SELECT {COLUMNS} FROM shares WHERE ?1 IS NULL OR {SHOWS_STUDY} ORDER BY id DESC");
        self.database.call(move |connection| connection.prepare_cached(&sql)?.query_map([study], read)?.collect()).await
    }

    /// False: there is no such link. One that is revoked already stays as it is.
    pub async fn revoke(&self, id: &str, now: i64) -> Result<bool, DatabaseError> {
        let id = id.to_string();
        let sql = "UPDATE shares SET revoked_at = COALESCE(revoked_at, ?2) WHERE id = ?1";
        self.database.call_durably(move |connection| Ok(connection.execute(sql, params![id, now])? == 1)).await
    }

    /// Also of comparisons that the study is in. The ids of the links that were not revoked before.
    pub async fn revoke_all(&self, study: &StudyId, now: i64) -> Result<Vec<String>, DatabaseError> {
        let study = study.to_string();
        let sql = format!("UPDATE shares SET revoked_at = ?2 WHERE ({SHOWS_STUDY}) AND revoked_at IS NULL RETURNING id");
        self.database
            .call_durably(move |connection| connection.prepare_cached(&sql)?.query_map(params![study, now], |row| row.get(0))?.collect())
            .await
    }

    /// Somebody has looked.
    pub async fn note_opened(&self, id: &str, now: i64) -> Result<(), DatabaseError> {
        let id = id.to_string();
        let sql = "UPDATE shares SET opened = opened + 1, last_opened_at = ?2 WHERE id = ?1";
        self.database.call(move |connection| connection.execute(sql, params![id, now]).map(drop)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(id: &str, token_hash: [u8; 32], study_id: Option<StudyId>, expires_at: Option<i64>) -> NewShare {
        NewShare {
            id: id.into(),
            token_hash,
            study_id,
            compared: None,
            title: "A study".into(),
            label: "reviewer 2".into(),
            anonymous: true,
            completions: false,
            annotate: true,
            created_at: 100,
            expires_at,
            content_sha256: "ab".into(),
        }
    }

    #[tokio::test]
    async fn a_token_opens_its_own_link_while_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let store = ShareStore::new(Database::open(&folder.path().join("index.sqlite")).unwrap());
        let study = StudyId::generate();
        let (one, other) = ([1; 32], [2; 32]);
        store.insert(new("one", one, Some(study.clone()), Some(200))).await.unwrap();
        store.insert(new("two", other, Some(study.clone()), None)).await.unwrap();
        assert!(store.insert(new("three", one, None, None)).await.is_err(), "a token is one link's");
        let found = async |hash, now| store.find(hash, now).await.unwrap().map(|share| share.id);
        assert_eq!(found(one, 199).await.as_deref(), Some("one"));
        assert_eq!(found(one, 200).await, None, "it has ended");
        let mut near = one;
        near[31] = 0;
        assert_eq!(found(near, 100).await, None, "the first bytes alone open nothing");
        store.note_opened("one", 150).await.unwrap();
        let share = store.find(one, 160).await.unwrap().unwrap();
        assert_eq!(
            (share.opened, share.last_opened_at, share.anonymous, share.completions, share.annotate),
            (1, Some(150), true, false, true)
        );

        assert!(store.revoke("one", 170).await.unwrap() && store.revoke("one", 180).await.unwrap());
        assert!(!store.revoke("none", 170).await.unwrap());
        assert_eq!(found(one, 171).await, None);
        assert_eq!(store.list(None).await.unwrap()[1].revoked_at, Some(170), "the first time counts");
        assert_eq!(found(other, 171).await.as_deref(), Some("two"));
        assert_eq!(store.revoke_all(&study, 190).await.unwrap(), ["two"]);
        assert_eq!(found(other, 191).await, None);
        assert_eq!(store.list(Some(&study)).await.unwrap().len(), 2);
        assert!(store.list(Some(&StudyId::generate())).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_comparison_is_a_link_of_each_of_its_studies() {
        let folder = tempfile::tempdir().unwrap();
        let store = ShareStore::new(Database::open(&folder.path().join("index.sqlite")).unwrap());
        let [first, second, other] = [StudyId::generate(), StudyId::example(), StudyId::generate()];
        let compared = Some(vec![first.clone(), second.clone()]);
        store.insert(NewShare { compared: compared.clone(), ..new("both", [1; 32], None, None) }).await.unwrap();
        store.insert(NewShare { compared: Some(Vec::new()), ..new("beside", [2; 32], None, None) }).await.unwrap();
        store.insert(new("alone", [3; 32], Some(other.clone()), None)).await.unwrap();
        let ids = async |study: Option<&StudyId>| store.list(study).await.unwrap().into_iter().map(|share| share.id).collect::<Vec<_>>();
        assert_eq!(ids(None).await, ["both", "beside", "alone"]);
        assert_eq!((ids(Some(&first)).await, ids(Some(&second)).await), (vec!["both".into()], vec!["both".into()]));
        assert_eq!(ids(Some(&other)).await, ["alone"]);
        let found = store.find([1; 32], 150).await.unwrap().unwrap();
        assert_eq!((found.compared, found.study_id), (compared, None));
        assert_eq!(store.find([2; 32], 150).await.unwrap().unwrap().compared, Some(Vec::new()));
        assert_eq!(store.revoke_all(&second, 160).await.unwrap(), ["both"]);
        assert!(store.find([1; 32], 161).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_link_whose_copy_shows_completions_permits_no_labels() {
        let folder = tempfile::tempdir().unwrap();
        let store = ShareStore::new(Database::open(&folder.path().join("index.sqlite")).unwrap());
        // as they were made once
        store.insert(NewShare { completions: true, ..new("one", [1; 32], None, None) }).await.unwrap();
        store.insert(new("two", [2; 32], None, None)).await.unwrap();
        let permits = async |hash| store.find(hash, 0).await.unwrap().unwrap().annotate;
        assert_eq!((permits([1; 32]).await, permits([2; 32]).await), (false, true));
    }
}
