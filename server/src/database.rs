//! The server's index: which studies there are, the queue, which start requests were answered, who has logged in, which share
//! links there are, and the tokens of scripts; and the labels that people gave. But for the queue, the sessions, the links, the tokens and the
//! labels it holds nothing that the study directories don't: a lost file is rebuilt from them, everybody logs in again, links that were
//! made open nothing any more, scripts get new tokens, and labels are gone. Labels stay when a study's directory is gone, and go when the
//! study is deleted.

use crate::study_id::StudyId;
use rankscope_domain::view::StudyStatus;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use rusqlite_migration::{M, Migrations};
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

const STEPS: &[M<'static>] = &[
    M::up(
        "CREATE TABLE studies (
        id TEXT PRIMARY KEY,
        status TEXT NOT NULL,
        -- why it failed, or what to know about it
        message TEXT NOT NULL DEFAULT '',
        -- place in the queue: the smallest goes first; null when not queued
        queue_place INTEGER UNIQUE,
        -- how often it was queued again by itself since a user did so
        restarts INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE start_requests (
        request_id TEXT PRIMARY KEY,
        study_id TEXT NOT NULL
    ) STRICT;",
    ),
    M::up(
        "CREATE TABLE sessions (
        -- SHA-256 of the id in the cookie
        id_hash BLOB PRIMARY KEY,
        -- the same for all ids of one log-in
        login INTEGER NOT NULL,
        -- fingerprint of the password that it was begun with
        password BLOB NOT NULL,
        -- times in seconds since 1970
        logged_in_at INTEGER NOT NULL,
        issued_at INTEGER NOT NULL,
        last_used_at INTEGER NOT NULL,
        -- when a newer id was last made for it
        replaced_at INTEGER,
        -- set once that id has been used
        ends_at INTEGER,
        -- the id before, until this one is used
        replaces BLOB
    ) STRICT;
    CREATE INDEX sessions_of_login ON sessions (login);",
    ),
    M::up(
        "CREATE TABLE shares (
        -- names the frozen copy too
        id TEXT PRIMARY KEY,
        -- the first bytes of the hash, to find it by; the rest is compared in constant time
        selector BLOB NOT NULL UNIQUE,
        -- SHA-256 of the token in the link
        token_hash BLOB NOT NULL,
        -- null: of a directory beside the data directory; the study itself may be deleted since
        study_id TEXT,
        -- as the owner knows it
        title TEXT NOT NULL,
        label TEXT NOT NULL,
        anonymous INTEGER NOT NULL,
        completions INTEGER NOT NULL,
        annotate INTEGER NOT NULL,
        -- times in seconds since 1970
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        revoked_at INTEGER,
        last_opened_at INTEGER,
        opened INTEGER NOT NULL DEFAULT 0,
        -- of the frozen copy, hex
        content_sha256 TEXT NOT NULL
    ) STRICT;
    CREATE INDEX shares_of_study ON shares (study_id);",
    ),
    M::up(
        "CREATE TABLE annotation_rounds (
        id TEXT PRIMARY KEY,
        study_id TEXT NOT NULL,
        -- how it was drawn, as JSON
        plan TEXT NOT NULL,
        -- what the ids of its items and the order of each annotator are made with
        secret BLOB NOT NULL
    ) STRICT;
    CREATE INDEX annotation_rounds_of_study ON annotation_rounds (study_id);
    CREATE TABLE annotation_items (
        round_id TEXT NOT NULL,
        id TEXT NOT NULL,
        cell TEXT NOT NULL,
        prompt_id INTEGER NOT NULL,
        sample INTEGER NOT NULL,
        -- the judge's when it was drawn; with the cell's arm, its stratum
        verdict TEXT NOT NULL,
        -- completions of the stratum, and how many of them this one stands for
        population INTEGER NOT NULL,
        weight REAL NOT NULL,
        PRIMARY KEY (round_id, id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE annotators (
        round_id TEXT NOT NULL,
        name TEXT NOT NULL,
        -- 'owner', or the share link that let them in
        source TEXT NOT NULL,
        -- when they said that they will read text that may be harmful, in seconds since 1970
        consented_at INTEGER NOT NULL,
        PRIMARY KEY (round_id, name, source)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE annotation_labels (
        -- rises: the newest of an item by an annotator stands, and undoing takes their newest away
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        round_id TEXT NOT NULL,
        item_id TEXT NOT NULL,
        name TEXT NOT NULL,
        source TEXT NOT NULL,
        label TEXT NOT NULL,
        -- milliseconds since 1970
        given_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX annotation_labels_of ON annotation_labels (round_id, name, source, item_id, number);",
    ),
    M::up(
        "CREATE TABLE tokens (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        -- SHA-256 of what a script sends
        secret_hash BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL,
        scope TEXT NOT NULL CHECK (scope IN ('read', 'write')),
        -- times in seconds since 1970
        created_at INTEGER NOT NULL,
        last_used_at INTEGER,
        -- null: it does not expire
        expires_at INTEGER,
        revoked_at INTEGER
    ) STRICT;",
    ),
    // of a link to a comparison: the ids of its studies, between commas (',A,B,'), but for those of directories beside the data directory;
    // null: of one study
    M::up("ALTER TABLE shares ADD COLUMN compared TEXT;"),
];
const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

/// With the write-ahead log the database stays whole, and a power cut may take the last moments.
const USUAL_SYNCHRONOUS: &str = "NORMAL";

/// The database, one connection for all: a write waits for the one before it.
#[derive(Clone)]
pub struct Database {
    connection: Arc<Mutex<Connection>>,
}

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error(
        "database: {0}; it may be of a newer version of Rankscope: move it away, and it is rebuilt, but for the labels that people gave"
    )]
    Migration(#[from] rusqlite_migration::Error),
    #[error("database: the task was lost")]
    Lost,
    #[error("a study's directory can't be taken out of the way: {0}")]
    Directory(std::io::Error),
}

/// What the index says of one study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyRow {
    pub id: StudyId,
    pub status: StudyStatus,
    pub message: String,
    /// From 1, where queued.
    pub queue_position: Option<u32>,
    pub restarts: u32,
}

impl Database {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let mut connection = Connection::open(path)?;
        // before WAL: changing the mode takes a lock that another program may hold for a moment
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", USUAL_SYNCHRONOUS)?;
        MIGRATIONS.to_latest(&mut connection)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Does `work` off the async threads.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let connection = self.connection.clone();
        let task = tokio::task::spawn_blocking(move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner)));
        Ok(task.await.map_err(|_| DatabaseError::Lost)??)
    }

    /// As [`Database::call`]; what it commits is on the disk when this returns, a power cut included. For what people gave, and what was ended:
    /// a link that was revoked must not open again.
    pub(crate) async fn call_durably<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        self.call(move |connection| {
            connection.pragma_update(None, "synchronous", "FULL")?;
            let done = work(connection);
            connection.pragma_update(None, "synchronous", USUAL_SYNCHRONOUS)?;
            done
        })
        .await
    }

    /// Whether it answers.
    pub async fn is_there(&self) -> bool {
        self.call(|connection| connection.query_row("SELECT COUNT(*) FROM studies", [], |row| row.get::<_, i64>(0))).await.is_ok()
    }

    /// Newest first.
    pub async fn studies(&self) -> Result<Vec<StudyRow>, DatabaseError> {
        self.call(|connection| {
            let mut statement = connection.prepare_cached(&format!("{SELECT_ROW} ORDER BY id DESC"))?;
            statement.query_map([], read_row)?.collect()
        })
        .await
    }

    pub async fn study(&self, id: &StudyId) -> Result<Option<StudyRow>, DatabaseError> {
        let id = id.to_string();
        self.call(move |connection| connection.prepare_cached(&format!("{SELECT_ROW} WHERE id = ?1"))?.query_row([id], read_row).optional())
            .await
    }

    /// The study that a start request was answered with, even if it is deleted since.
    pub async fn answered(&self, request_id: &str) -> Result<Option<StudyId>, DatabaseError> {
        let request_id = request_id.to_string();
        let found: Option<String> = self
            .call(move |connection| {
                let mut statement = connection.prepare_cached("SELECT study_id FROM start_requests WHERE request_id = ?1")?;
                statement.query_row([request_id], |row| row.get(0)).optional()
            })
            .await?;
        Ok(found.and_then(|id| id.parse().ok()))
    }

    /// Takes a new study up, at the end of the queue, as the answer to a start request.
    pub async fn insert_queued(&self, id: &StudyId, request_id: &str) -> Result<(), DatabaseError> {
        let (id, request_id) = (id.to_string(), request_id.to_string());
        self.call(move |connection| {
            let transaction = connection.transaction()?;
            transaction.execute(&format!("INSERT INTO studies (id, status, queue_place) VALUES (?1, 'queued', {NEXT_PLACE})"), [&id])?;
            transaction.execute("INSERT INTO start_requests (request_id, study_id) VALUES (?1, ?2)", [&request_id, &id])?;
            transaction.commit()
        })
        .await
    }

    /// Takes up a study that was found on disk.
    pub async fn insert_found(&self, id: &StudyId, status: StudyStatus, message: &str) -> Result<(), DatabaseError> {
        let (id, message) = (id.to_string(), message.to_string());
        self.call(move |connection| {
            connection
                .execute(
                    "INSERT OR IGNORE INTO studies (id, status, message) VALUES (?1, ?2, ?3)",
                    params![id, status_name(status), message],
                )
                .map(drop)
        })
        .await
    }

    /// Puts a study at the end of the queue if it is not active; `by_user` forgets earlier restarts. False: it was active or is gone.
    pub async fn enqueue(&self, id: &StudyId, by_user: bool) -> Result<bool, DatabaseError> {
        let id = id.to_string();
        let restarts = if by_user { "0" } else { "restarts + 1" };
        self.call(move |connection| {
            let sql = format!(
                "UPDATE studies SET status = 'queued', message = '', queue_place = {NEXT_PLACE}, restarts = {restarts}
                 WHERE id = ?1 AND status NOT IN ('queued', 'running', 'cancelling')"
            );
            Ok(connection.execute(&sql, [id])? == 1)
        })
        .await
    }

    /// The first of the queue, which is `running` from now on.
    pub async fn take_next(&self) -> Result<Option<StudyId>, DatabaseError> {
        let taken: Option<String> = self
            .call(|connection| {
                let sql = "UPDATE studies SET status = 'running', queue_place = NULL
                    WHERE id = (SELECT id FROM studies WHERE status = 'queued' ORDER BY queue_place LIMIT 1) RETURNING id";
                connection.query_row(sql, [], |row| row.get(0)).optional()
            })
            .await?;
        Ok(taken.and_then(|id| id.parse().ok()))
    }

    /// Goes from one status to another, if it is in that one. False: it was not.
    pub async fn change(&self, id: &StudyId, from: &'static [StudyStatus], to: StudyStatus, message: &str) -> Result<bool, DatabaseError> {
        let (id, message) = (id.to_string(), message.to_string());
        self.call(move |connection| {
            let from: Vec<_> = from.iter().map(|status| format!("'{}'", status_name(*status))).collect();
            let sql = format!(
                "UPDATE studies SET status = ?2, message = ?3, queue_place = NULL WHERE id = ?1 AND status IN ({})",
                from.join(", ")
            );
            Ok(connection.execute(&sql, params![id, status_name(to), message])? == 1)
        })
        .await
    }

    /// Forgets a study that is not active, with its labels. False: it is active or gone. `bury` takes its directory out of the way while
    /// nothing else can change the row, and before the row goes: a directory without a row would be taken up again, without its labels.
    pub async fn remove(&self, id: &StudyId, bury: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> Result<bool, DatabaseError> {
        let id = id.to_string();
        let removed = self.call(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let sql = "DELETE FROM studies WHERE id = ?1 AND status NOT IN ('queued', 'running', 'cancelling')";
            if transaction.execute(sql, [&id])? == 0 {
                return Ok(Ok(false));
            }
            remove_labels(&transaction, &id)?;
            if let Err(error) = bury() {
                return Ok(Err(error));
            }
            transaction.commit()?;
            Ok(Ok(true))
        });
        removed.await?.map_err(DatabaseError::Directory)
    }

    /// Ends what a kill cut short: the directory of this study is out of the way already, so its row and labels go whatever they say.
    pub async fn finish_removal(&self, id: &StudyId) -> Result<(), DatabaseError> {
        let id = id.to_string();
        self.call(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM studies WHERE id = ?1", [&id])?;
            remove_labels(&transaction, &id)?;
            transaction.commit()
        })
        .await
    }

    /// Forgets a study whose directory is gone, whatever its status. Its labels stay: the directory may come back.
    pub async fn drop_row(&self, id: &StudyId) -> Result<(), DatabaseError> {
        let id = id.to_string();
        self.call(move |connection| connection.execute("DELETE FROM studies WHERE id = ?1", [id]).map(drop)).await
    }
}

fn remove_labels(connection: &Connection, study: &str) -> rusqlite::Result<()> {
    for table in ["annotation_labels", "annotators", "annotation_items"] {
        let sql = format!("DELETE FROM {table} WHERE round_id IN (SELECT id FROM annotation_rounds WHERE study_id = ?1)");
        connection.execute(&sql, [study])?;
    }
    connection.execute("DELETE FROM annotation_rounds WHERE study_id = ?1", [study]).map(drop)
}

const NEXT_PLACE: &str = "(SELECT 1 + COALESCE(MAX(queue_place), 0) FROM studies)";

const SELECT_ROW: &str = "SELECT id, status, message, restarts,
    CASE WHEN status = 'queued' THEN (SELECT COUNT(*) FROM studies AS other WHERE other.status = 'queued' AND other.queue_place <= studies.queue_place) END
    FROM studies";

fn read_row(row: &Row<'_>) -> rusqlite::Result<StudyRow> {
    let id: String = row.get(0)?;
    let status: String = row.get(1)?;
    let wrong = |index: usize, text: &str| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, format!("unexpected value {text:?}").into())
    };
    Ok(StudyRow {
        id: id.parse().map_err(|_| wrong(0, &id))?,
        status: read_status(&status).ok_or_else(|| wrong(1, &status))?,
        message: row.get(2)?,
        restarts: row.get(3)?,
        queue_position: row.get(4)?,
    })
}

fn status_name(status: StudyStatus) -> &'static str {
    status.label()
}

fn read_status(name: &str) -> Option<StudyStatus> {
    use StudyStatus::{Cancelled, Cancelling, Failed, Finished, Queued, Running};
    [Queued, Running, Cancelling, Cancelled, Finished, Failed].into_iter().find(|status| status_name(*status) == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use StudyStatus::{Cancelled, Cancelling, Finished, Queued, Running};

    #[tokio::test]
    async fn the_queue_is_first_in_first_out() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(&directory.path().join("index.sqlite")).unwrap();
        let ids = [StudyId::generate(), StudyId::generate(), StudyId::generate()];
        for (id, request) in ids.iter().zip(["a", "b", "c"]) {
            database.insert_queued(id, request).await.unwrap();
        }
        assert!(database.insert_queued(&StudyId::generate(), "a").await.is_err(), "a request has one answer");
        assert_eq!(database.answered("b").await.unwrap().as_ref(), Some(&ids[1]));
        assert_eq!(database.study(&ids[2]).await.unwrap().unwrap().queue_position, Some(3));

        assert!(database.change(&ids[0], &[Queued], Cancelled, "").await.unwrap());
        assert_eq!(database.take_next().await.unwrap().as_ref(), Some(&ids[1]));
        assert!(!database.change(&ids[1], &[Queued], Cancelled, "").await.unwrap(), "it runs already");
        assert!(!database.remove(&ids[1], || Ok(())).await.unwrap(), "an active study stays");
        assert!(database.enqueue(&ids[0], true).await.unwrap());
        assert!(!database.enqueue(&ids[0], true).await.unwrap(), "it is queued already");
        assert_eq!(database.study(&ids[0]).await.unwrap().unwrap().queue_position, Some(2));
        assert_eq!(database.take_next().await.unwrap().as_ref(), Some(&ids[2]));

        assert!(database.change(&ids[1], &[Running, Cancelling], Finished, "").await.unwrap());
        assert!(database.remove(&ids[1], || Ok(())).await.unwrap());
        assert_eq!(database.study(&ids[1]).await.unwrap(), None);
        assert_eq!(database.answered("b").await.unwrap().as_ref(), Some(&ids[1]), "a request stays answered");
    }

    #[tokio::test]
    async fn what_must_last_is_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(&directory.path().join("index.sqlite")).unwrap();
        let mode = |connection: &mut Connection| connection.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0));
        assert_eq!(database.call_durably(mode).await.unwrap(), 2, "FULL");
        assert_eq!(database.call(mode).await.unwrap(), 1, "NORMAL");
        assert!(database.call_durably(|connection| connection.execute("nonsense", [])).await.is_err());
        assert_eq!(database.call(mode).await.unwrap(), 1, "also after an error");
    }

    #[tokio::test]
    async fn a_row_goes_when_its_directory_is_out_of_the_way_and_not_before() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(&directory.path().join("index.sqlite")).unwrap();
        let id = StudyId::generate();
        database.insert_found(&id, Finished, "").await.unwrap();
        let round = "INSERT INTO annotation_rounds (id, study_id, plan, secret) VALUES ('r', ?1, '', x'00')";
        let text = id.to_string();
        database.call(move |connection| connection.execute(round, [text])).await.unwrap();
        let rounds = async || {
            let count = database.call(|connection| connection.query_row("SELECT COUNT(*) FROM annotation_rounds", [], |row| row.get(0)));
            count.await.unwrap()
        };
        let refused = database.remove(&id, || Err(std::io::ErrorKind::PermissionDenied.into())).await;
        assert!(matches!(refused, Err(DatabaseError::Directory(_))));
        assert!(database.study(&id).await.unwrap().is_some());
        let before: i64 = rounds().await;
        assert_eq!(before, 1, "its labels stay with it");
        // a kill came between the rename and the commit
        database.finish_removal(&id).await.unwrap();
        assert!(database.study(&id).await.unwrap().is_none());
        assert_eq!(rounds().await, 0);
        database.finish_removal(&id).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_of_another_version_is_refused_with_a_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index.sqlite");
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = Database::open(&path).err().unwrap().to_string();
        assert!(error.contains("move it away"), "{error}");
    }
}
