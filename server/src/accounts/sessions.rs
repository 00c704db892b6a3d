//! Who has logged in. A session is a random id of 256 bits in a cookie, and its hash in the database: who reads the
//! database can't come in by it.
//!
//! Written by hand, since tower-sessions and what builds on it have ids of 128 bits, hand the store the id itself, know
//! one expiry in place of two, and fix the cookie's name and `Secure` when the server starts, where ours hang on the request.

use crate::{
    accounts::password::Fingerprint,
    database::{Database, DatabaseError},
};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};

/// A session that is not used ends.
pub const IDLE_SECONDS: i64 = 12 * 3600;
/// Every session ends, however much it is used.
pub const ABSOLUTE_SECONDS: i64 = 7 * 24 * 3600;
/// An id in use is replaced by another.
pub const ROTATE_SECONDS: i64 = 15 * 60;
/// Requests that were under way with the old id when the new one was first used.
pub const GRACE_SECONDS: i64 = 60;
/// Use is noted this exactly: a page asks for a dozen things at once.
const NOTE_SECONDS: i64 = 60;

const ID_BYTES: usize = 32;

/// What the cookie holds. Never shown: it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId([u8; ID_BYTES]);

impl SessionId {
    pub(super) fn generate() -> Result<Self, DatabaseError> {
        let mut bytes = [0; ID_BYTES];
        getrandom::fill(&mut bytes).map_err(|_| DatabaseError::Lost)?;
        Ok(Self(bytes))
    }

    /// What is no id is refused before the database is asked.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let text = text.as_bytes();
        if text.len() != 2 * ID_BYTES {
            return None;
        }
        let mut bytes = [0; ID_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }

    pub fn to_text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }
}

/// A session that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The same for all ids of one log-in.
    pub login: i64,
    /// Its id is old enough to be replaced.
    pub is_due: bool,
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// The table of sessions. What needs the time is told it.
#[derive(Clone)]
pub struct Sessions {
    database: Database,
}

impl Sessions {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Someone has logged in. What has ended is cleared away.
    pub async fn begin(&self, password: Fingerprint, now: i64) -> Result<SessionId, DatabaseError> {
        let id = SessionId::generate()?;
        let hash = id.hash();
        self.database
            .call(move |connection| {
                let transaction = connection.transaction()?;
                transaction.execute(
                    "DELETE FROM sessions WHERE password <> ?1 OR logged_in_at <= ?2 OR last_used_at <= ?3 OR ends_at <= ?4",
                    params![password, now - ABSOLUTE_SECONDS, now - IDLE_SECONDS, now],
                )?;
                transaction.execute(
                    "INSERT INTO sessions (id_hash, login, password, logged_in_at, issued_at, last_used_at)
                     VALUES (?1, random(), ?2, ?3, ?3, ?3)",
                    params![hash, password, now],
                )?;
                transaction.commit()
            })
            .await?;
        Ok(id)
    }

    /// The session of this id, if it holds; notes that it is used.
    pub async fn find(&self, id: &SessionId, password: Fingerprint, now: i64) -> Result<Option<Session>, DatabaseError> {
        let hash = id.hash();
        self.database.call(move |connection| find(connection, &hash, password, now)).await
    }

    /// A new id for the session. The old one holds until the new one has been used: the answer that brings it may be lost.
    pub async fn rotate(&self, id: &SessionId, now: i64) -> Result<SessionId, DatabaseError> {
        let (next, old) = (SessionId::generate()?, id.hash());
        let hash = next.hash();
        self.database
            .call(move |connection| {
                let transaction = connection.transaction()?;
                transaction.execute(
                    "INSERT INTO sessions (id_hash, login, password, logged_in_at, issued_at, last_used_at, replaces)
                     SELECT ?1, login, password, logged_in_at, ?3, ?3, id_hash FROM sessions WHERE id_hash = ?2",
                    params![hash, old, now],
                )?;
                // of requests that come at once, one brings the new id
                transaction.execute("UPDATE sessions SET replaced_at = ?2 WHERE id_hash = ?1", params![old, now])?;
                transaction.commit()
            })
            .await?;
        Ok(next)
    }

    /// Logs out: every id of this log-in.
    pub async fn end(&self, id: &SessionId) -> Result<(), DatabaseError> {
        let hash = id.hash();
        let sql = "DELETE FROM sessions WHERE login = (SELECT login FROM sessions WHERE id_hash = ?1)";
        self.database.call_durably(move |connection| connection.execute(sql, [hash]).map(drop)).await
    }

    /// Whether a log-in still holds, for what stays open; this is no use of it.
    pub async fn holds(&self, login: i64, password: Fingerprint, now: i64) -> Result<bool, DatabaseError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM sessions WHERE login = ?1 AND password = ?2 AND logged_in_at > ?3 AND last_used_at > ?4
            AND (ends_at IS NULL OR ends_at > ?5))";
        self.database
            .call(move |connection| {
                let limits = params![login, password, now - ABSOLUTE_SECONDS, now - IDLE_SECONDS, now];
                connection.query_row(sql, limits, |row| row.get(0))
            })
            .await
    }
}

struct Row {
    login: i64,
    issued_at: i64,
    last_used_at: i64,
    ends_at: Option<i64>,
    replaced_at: Option<i64>,
    replaces: Option<Vec<u8>>,
}

fn find(connection: &mut Connection, hash: &[u8], password: Fingerprint, now: i64) -> rusqlite::Result<Option<Session>> {
    // read by itself: a transaction that reads and then writes is refused where a command wrote in between, however long it would wait
    let row = connection
        .prepare_cached(
            "SELECT login, issued_at, last_used_at, ends_at, replaced_at, replaces FROM sessions
             WHERE id_hash = ?1 AND password = ?2 AND logged_in_at > ?3 AND last_used_at > ?4 AND (ends_at IS NULL OR ends_at > ?5)",
        )?
        .query_row(params![hash, password, now - ABSOLUTE_SECONDS, now - IDLE_SECONDS, now], |row| {
            Ok(Row {
                login: row.get(0)?,
                issued_at: row.get(1)?,
                last_used_at: row.get(2)?,
                ends_at: row.get(3)?,
                replaced_at: row.get(4)?,
                replaces: row.get(5)?,
            })
        })
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    if row.last_used_at <= now - NOTE_SECONDS {
        connection.execute("UPDATE sessions SET last_used_at = ?2 WHERE id_hash = ?1", params![hash, now])?;
    }
    if let Some(old) = row.replaces {
        // the browser has the new id
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction
            .execute("UPDATE sessions SET ends_at = ?2 WHERE id_hash = ?1 AND ends_at IS NULL", params![old, now + GRACE_SECONDS])?;
        transaction.execute("UPDATE sessions SET replaces = NULL WHERE id_hash = ?1", [hash])?;
        transaction.commit()?;
    }
    let is_due = row.ends_at.is_none()
        && row.issued_at <= now - ROTATE_SECONDS
        && row.replaced_at.is_none_or(|replaced_at| replaced_at <= now - GRACE_SECONDS);
    Ok(Some(Session { login: row.login, is_due }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: Fingerprint = [7; 32];
    const START: i64 = 1_800_000_000;

    async fn sessions() -> (Sessions, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("index.sqlite")).unwrap();
        (Sessions::new(database), folder)
    }

    async fn holds(sessions: &Sessions, id: &SessionId, now: i64) -> bool {
        sessions.find(id, PASSWORD, now).await.unwrap().is_some()
    }

    #[tokio::test]
    async fn a_session_ends_when_it_is_idle_and_in_any_case() {
        let (sessions, _folder) = sessions().await;
        let id = sessions.begin(PASSWORD, START).await.unwrap();
        assert!(holds(&sessions, &id, START + IDLE_SECONDS - 1).await);
        assert!(holds(&sessions, &id, START + 2 * IDLE_SECONDS - 2).await, "the use before was noted");
        assert!(!holds(&sessions, &id, START + 3 * IDLE_SECONDS - 2).await);
        let id = sessions.begin(PASSWORD, START).await.unwrap();
        let mut now = START;
        while now + IDLE_SECONDS / 2 < START + ABSOLUTE_SECONDS {
            now += IDLE_SECONDS / 2;
            assert!(holds(&sessions, &id, now).await);
        }
        assert!(!holds(&sessions, &id, START + ABSOLUTE_SECONDS).await);
    }

    #[tokio::test]
    async fn an_id_is_replaced_and_dies_once_its_successor_is_used() {
        let (sessions, _folder) = sessions().await;
        let old = sessions.begin(PASSWORD, START).await.unwrap();
        assert!(!sessions.find(&old, PASSWORD, START + ROTATE_SECONDS - 1).await.unwrap().unwrap().is_due);
        let now = START + ROTATE_SECONDS;
        assert!(sessions.find(&old, PASSWORD, now).await.unwrap().unwrap().is_due);
        let new = sessions.rotate(&old, now).await.unwrap();
        assert!(new != old);
        assert!(!sessions.find(&old, PASSWORD, now).await.unwrap().unwrap().is_due, "one new id for requests that come at once");
        let later = now + 10 * GRACE_SECONDS;
        assert!(sessions.find(&old, PASSWORD, later).await.unwrap().unwrap().is_due, "the new id never arrived");
        assert!(holds(&sessions, &new, later).await);
        assert!(!sessions.find(&old, PASSWORD, later).await.unwrap().unwrap().is_due);
        assert!(holds(&sessions, &old, later + GRACE_SECONDS - 1).await, "a request that was under way");
        assert!(!holds(&sessions, &old, later + GRACE_SECONDS).await);
        assert!(holds(&sessions, &new, later + GRACE_SECONDS).await);
        // rotating does not prolong
        assert!(!holds(&sessions, &new, START + ABSOLUTE_SECONDS).await);
    }

    #[tokio::test]
    async fn logging_out_ends_every_id_of_that_log_in_and_no_other() {
        let (sessions, _folder) = sessions().await;
        let (one, other) = (sessions.begin(PASSWORD, START).await.unwrap(), sessions.begin(PASSWORD, START).await.unwrap());
        let login = sessions.find(&one, PASSWORD, START).await.unwrap().unwrap().login;
        let next = sessions.rotate(&one, START).await.unwrap();
        assert!(sessions.holds(login, PASSWORD, START).await.unwrap());
        sessions.end(&one).await.unwrap();
        assert!(!holds(&sessions, &one, START).await && !holds(&sessions, &next, START).await && holds(&sessions, &other, START).await);
        assert!(!sessions.holds(login, PASSWORD, START).await.unwrap());
    }

    #[tokio::test]
    async fn what_stays_open_ends_with_its_session() {
        let (sessions, _folder) = sessions().await;
        let id = sessions.begin(PASSWORD, START).await.unwrap();
        let login = sessions.find(&id, PASSWORD, START).await.unwrap().unwrap().login;
        assert!(sessions.holds(login, PASSWORD, START + IDLE_SECONDS - 1).await.unwrap());
        assert!(!sessions.holds(login, PASSWORD, START + IDLE_SECONDS).await.unwrap(), "it was not used, and a stream is no use of it");
        let now = START + ROTATE_SECONDS;
        let next = sessions.rotate(&id, now).await.unwrap();
        assert!(holds(&sessions, &next, now).await);
        let later = now + IDLE_SECONDS - 1;
        assert!(sessions.holds(login, PASSWORD, later).await.unwrap(), "by its newer id");
        assert!(!sessions.holds(login, PASSWORD, later + 1).await.unwrap());
    }

    #[tokio::test]
    async fn another_password_ends_all() {
        let (sessions, _folder) = sessions().await;
        let id = sessions.begin(PASSWORD, START).await.unwrap();
        let login = sessions.find(&id, PASSWORD, START).await.unwrap().unwrap().login;
        assert_eq!(sessions.find(&id, [8; 32], START).await.unwrap(), None);
        assert!(!sessions.holds(login, [8; 32], START).await.unwrap());
        sessions.begin([8; 32], START).await.unwrap();
        assert!(!holds(&sessions, &id, START).await, "what was begun under another password is cleared away");
    }

    #[test]
    fn a_command_that_writes_at_the_same_time_lets_nobody_down() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.sqlite");
        let database = Database::open(&path).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let sessions = Sessions::new(database);
        let id = runtime.block_on(sessions.begin(PASSWORD, START)).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (path, done) = (&path, &done);
            scope.spawn(move || {
                let other = Connection::open(path).unwrap();
                other.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    other.execute("INSERT OR REPLACE INTO start_requests VALUES ('r', 's')", []).unwrap();
                    // a command writes often, and does not hold the file for seconds
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            });
            // each notes its use
            let mut errors = Vec::new();
            for number in 1..100 {
                errors.extend(runtime.block_on(sessions.find(&id, PASSWORD, START + number * NOTE_SECONDS)).err());
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(errors.is_empty(), "{}: {}", errors.len(), errors[0]);
        });
    }

    #[tokio::test]
    async fn the_database_knows_no_id() {
        let (sessions, folder) = sessions().await;
        let id = sessions.begin(PASSWORD, START).await.unwrap();
        sessions.rotate(&id, START).await.unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(ID_BYTES).any(|window| window == id.0), "the id lies in the database");
        }
    }

    #[test]
    fn an_id_is_64_small_hexadecimal_digits() {
        let id = SessionId::generate().unwrap();
        let text = id.to_text();
        assert_eq!(text.len(), 64);
        assert!(SessionId::parse(&text).is_some_and(|parsed| parsed == id));
        assert!(SessionId::generate().unwrap() != id);
        for bad in [
            "",
            &text[1..],
            &format!("{text}0"),
            &text.to_uppercase().replace('0', "A"),
            &format!("é{}", &text[2..]),
            &format!("-{}", &text[1..]),
        ] {
            assert!(SessionId::parse(bad).is_none(), "{bad:?}");
        }
    }
}
