//! Tokens for scripts: random, of 256 bits, told once and kept as their hash. Who reads the database can't come in by it.
//!
//! A token is looked up by its SHA-256: what the time of the look-up tells is of the hash, from which no token can be found.

use crate::{
    accounts::sessions::SessionId,
    database::{Database, DatabaseError},
};
use rankscope_domain::{
    FieldErrors,
    token::{MAX_DAYS, TokenEntry, TokenScope, TokenState},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// What a token begins with, so that programs that look for lost secrets can tell what it is.
pub const PREFIX: &str = "rankscope_";
/// Use is noted this exactly: a script asks many things at once.
const NOTE_SECONDS: i64 = 60;
/// Those that ended longer ago are cleared away when another is made.
const KEPT_SECONDS: i64 = 90 * DAY_SECONDS;
const DAY_SECONDS: i64 = 24 * 3600;
const MAX_NAME: usize = 60;
const MAX_TOKENS: i64 = 200;

/// What a script sends. Never shown but once: it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret(SessionId);

impl TokenSecret {
    /// What is no token is refused before the database is asked.
    pub fn parse(text: &str) -> Option<Self> {
        SessionId::parse(text.strip_prefix(PREFIX)?).map(Self)
    }

    /// To be shown to the one who made it.
    pub fn to_text(&self) -> String {
        format!("{PREFIX}{}", self.0.to_text())
    }
}

/// A token that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub id: i64,
    pub scope: TokenScope,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    name: String,
    scope: TokenScope,
    /// None: it does not expire.
    days: Option<u32>,
}

impl NewToken {
    /// Checked as it was typed.
    pub fn new(name: &str, scope: TokenScope, days: Option<u32>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            let shown: String = name.chars().filter(|character| !character.is_control()).take(80).collect();
            errors.push("name", shown, format!("Write what the token is for, in 1 to {MAX_NAME} characters."));
        }
        if let Some(days) = days.filter(|days| !(1..=MAX_DAYS).contains(days)) {
            errors.push("days", days, format!("Write a number of days from 1 to {MAX_DAYS}."));
        }
        errors.into_result(Self { name: name.into(), scope, days })
    }
}

/// Why there is no such new token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error(transparent)]
    Refused(#[from] FieldErrors),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The table of tokens. What needs the time is told it.
#[derive(Clone)]
pub struct Tokens {
    database: Database,
}

impl Tokens {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Makes a token. What it is is given this once.
    pub async fn add(&self, new: NewToken, now: i64) -> Result<(TokenSecret, TokenEntry), TokenError> {
        let secret = TokenSecret(SessionId::generate()?);
        let hash = secret.0.hash();
        let name = new.name.clone();
        let made = self.database.call(move |connection| insert(connection, &hash, &new, now)).await?;
        match made {
            Made::Entry(entry) => Ok((secret, entry)),
            Made::NameTaken => {
                let remedy = "There is a token of this name already. Revoke that one first, or choose another name.";
                Err(FieldErrors::one("name", name, remedy).into())
            }
            Made::TooMany => {
                Err(FieldErrors::one("name", name, format!("There are {MAX_TOKENS} tokens already. Revoke some that nobody uses.")).into())
            }
        }
    }

    /// The token, if it holds; notes that it is used.
    pub async fn find(&self, secret: &TokenSecret, now: i64) -> Result<Option<Token>, DatabaseError> {
        let hash = secret.0.hash();
        self.database
            .call(move |connection| {
                let found = connection
                    .prepare_cached(&format!("SELECT id, scope, last_used_at FROM tokens WHERE secret_hash = ?1 AND {HOLDS}"))?
                    .query_row(params![hash, now], |row| Ok((row.get(0)?, scope(row, 1)?, row.get::<_, Option<i64>>(2)?)))
                    .optional()?;
                let Some((id, scope, last_used_at)) = found else { return Ok(None) };
                if last_used_at.is_none_or(|last| last <= now - NOTE_SECONDS) {
                    connection.execute("UPDATE tokens SET last_used_at = ?2 WHERE id = ?1", params![id, now])?;
                }
                Ok(Some(Token { id, scope }))
            })
            .await
    }

    /// Whether a token still holds, for what stays open; this is no use of it.
    pub async fn holds(&self, id: i64, now: i64) -> Result<bool, DatabaseError> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM tokens WHERE id = ?1 AND {HOLDS})");
        self.database.call(move |connection| connection.query_row(&sql, params![id, now], |row| row.get(0))).await
    }

    /// All of them, those that hold first, then the newest.
    pub async fn list(&self, now: i64) -> Result<Vec<TokenEntry>, DatabaseError> {
        let entries: Vec<TokenEntry> = self
            .database
            .call(move |connection| {
                let mut statement = connection.prepare_cached(&format!("{SELECT} ORDER BY id DESC"))?;
                statement.query_map([], |row| entry(row, now))?.collect()
            })
            .await?;
        let (active, ended): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.state == TokenState::Active);
        Ok(active.into_iter().chain(ended).collect())
    }

    /// Ends a token at once. False: there is none of this id that holds.
    pub async fn revoke(&self, id: i64, now: i64) -> Result<bool, DatabaseError> {
        let sql = format!("UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND {HOLDS}");
        self.database.call_durably(move |connection| Ok(connection.execute(&sql, params![id, now])? == 1)).await
    }
}

/// `?2` is the time.
const HOLDS: &str = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)";
const SELECT: &str = "SELECT id, name, scope, created_at, last_used_at, expires_at, revoked_at FROM tokens";

enum Made {
    Entry(TokenEntry),
    NameTaken,
    TooMany,
}

fn insert(connection: &mut Connection, hash: &[u8], new: &NewToken, now: i64) -> rusqlite::Result<Made> {
    let transaction = connection.transaction()?;
    let old = now - KEPT_SECONDS;
    transaction.execute("DELETE FROM tokens WHERE revoked_at <= ?1 OR expires_at <= ?1", [old])?;
    let taken: bool = transaction.query_row(
        &format!("SELECT EXISTS (SELECT 1 FROM tokens WHERE name = ?1 AND {HOLDS})"),
        params![new.name, now],
        |row| row.get(0),
    )?;
    if taken {
        return Ok(Made::NameTaken);
    }
    let count: i64 = transaction.query_row("SELECT COUNT(*) FROM tokens", [], |row| row.get(0))?;
    if count >= MAX_TOKENS {
        return Ok(Made::TooMany);
    }
    let expires_at = new.days.map(|days| now + i64::from(days) * DAY_SECONDS);
    transaction.execute(
        "INSERT INTO tokens (secret_hash, name, scope, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![hash, new.name, new.scope.name(), now, expires_at],
    )?;
    let id = transaction.last_insert_rowid();
    let made = transaction.query_row(&format!("{SELECT} WHERE id = ?1"), [id], |row| entry(row, now))?;
    transaction.commit()?;
    Ok(Made::Entry(made))
}

fn scope(row: &Row<'_>, index: usize) -> rusqlite::Result<TokenScope> {
    let text: String = row.get(index)?;
    TokenScope::ALL.into_iter().find(|scope| scope.name() == text).ok_or_else(|| {
        let reason = format!("unexpected scope {text:?}");
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, reason.into())
    })
}

fn entry(row: &Row<'_>, now: i64) -> rusqlite::Result<TokenEntry> {
    let (expires_at, revoked_at): (Option<i64>, Option<i64>) = (row.get(5)?, row.get(6)?);
    let state = match (revoked_at, expires_at) {
        (Some(_), _) => TokenState::Revoked,
        (None, Some(end)) if end <= now => TokenState::Expired,
        _ => TokenState::Active,
    };
    Ok(TokenEntry {
        id: row.get(0)?,
        name: row.get(1)?,
        scope: scope(row, 2)?,
        state,
        created_at: moment(row.get(3)?),
        last_used_at: row.get::<_, Option<i64>>(4)?.map(moment),
        expires_at: expires_at.map(moment),
        revoked_at: revoked_at.map(moment),
    })
}

/// In RFC 3339, UTC.
fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|moment| moment.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000;

    fn tokens() -> (Tokens, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Tokens::new(Database::open(&folder.path().join("index.sqlite")).unwrap()), folder)
    }

    async fn add(tokens: &Tokens, name: &str, days: Option<u32>, now: i64) -> (TokenSecret, TokenEntry) {
        tokens.add(NewToken::new(name, TokenScope::Read, days).unwrap(), now).await.unwrap_or_else(|error| panic!("{error}"))
    }

    #[tokio::test]
    async fn a_token_holds_until_it_expires_or_is_revoked() {
        let (tokens, _folder) = tokens();
        let (short, entry) = add(&tokens, "short", Some(1), START).await;
        assert_eq!((entry.state, entry.expires_at.as_deref()), (TokenState::Active, Some("2027-01-16T08:00:00Z")));
        let end = START + DAY_SECONDS;
        assert_eq!(tokens.find(&short, end - 1).await.unwrap(), Some(Token { id: entry.id, scope: TokenScope::Read }));
        assert_eq!(tokens.find(&short, end).await.unwrap(), None);
        assert!(!tokens.revoke(entry.id, end).await.unwrap(), "it has ended");
        let (long, entry) = add(&tokens, "long", None, START).await;
        assert!(tokens.find(&long, START + 100 * 365 * DAY_SECONDS).await.unwrap().is_some());
        assert!(tokens.holds(entry.id, START).await.unwrap());
        assert!(tokens.revoke(entry.id, START).await.unwrap());
        assert!(!tokens.revoke(entry.id, START).await.unwrap(), "once");
        assert!(!tokens.holds(entry.id, START).await.unwrap());
        assert_eq!(tokens.find(&long, START).await.unwrap(), None);
        let states: Vec<_> = tokens.list(end).await.unwrap().into_iter().map(|entry| (entry.name, entry.state)).collect();
        assert_eq!(states, [("long".to_string(), TokenState::Revoked), ("short".to_string(), TokenState::Expired)]);
    }

    #[tokio::test]
    async fn use_is_noted_to_the_minute() {
        let (tokens, _folder) = tokens();
        let (secret, _) = add(&tokens, "ci", None, START).await;
        assert_eq!(tokens.list(START).await.unwrap()[0].last_used_at, None);
        for (now, noted) in
            [(START + 10, "2027-01-15T08:00:10Z"), (START + 50, "2027-01-15T08:00:10Z"), (START + 70, "2027-01-15T08:01:10Z")]
        {
            tokens.find(&secret, now).await.unwrap();
            assert_eq!(tokens.list(now).await.unwrap()[0].last_used_at.as_deref(), Some(noted));
        }
    }

    #[tokio::test]
    async fn a_name_is_of_one_token_that_holds() {
        let (tokens, _folder) = tokens();
        let (_, first) = add(&tokens, "ci", None, START).await;
        let again = || NewToken::new(" ci ", TokenScope::Write, None).unwrap();
        let refused = tokens.add(again(), START).await.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("name = \"ci\"") && refused.contains("Revoke"), "{refused}");
        tokens.revoke(first.id, START).await.unwrap();
        tokens.add(again(), START + 1).await.unwrap_or_else(|error| panic!("{error}"));
        add(&tokens, "later", None, START + KEPT_SECONDS).await;
        assert_eq!(tokens.list(START + KEPT_SECONDS).await.unwrap().len(), 2, "what ended long ago is cleared away");
    }

    #[tokio::test]
    async fn the_database_knows_no_token() {
        let (tokens, folder) = tokens();
        let (secret, _) = add(&tokens, "ci", None, START).await;
        let text = secret.to_text();
        let digits = text.strip_prefix(PREFIX).unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(digits.len()).any(|window| window == digits.as_bytes()), "the token lies in the database");
        }
    }

    #[test]
    fn a_token_is_a_prefix_and_64_small_hexadecimal_digits() {
        let secret = TokenSecret(SessionId::generate().unwrap());
        let text = secret.to_text();
        assert_eq!(text.len(), PREFIX.len() + 64);
        assert!(TokenSecret::parse(&text).is_some_and(|parsed| parsed == secret));
        let flipped = format!("{}{}", &text[..text.len() - 1], if text.ends_with('0') { '1' } else { '0' });
        assert!(TokenSecret::parse(&flipped).is_some_and(|parsed| parsed != secret));
        for bad in
            ["", PREFIX, &text[1..], &text[..text.len() - 1], &format!("{text}0"), &text.replace("rankscope_", ""), &format!(" {text}")]
        {
            assert!(TokenSecret::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_new_one_is_named() {
        for (name, days, field) in [("", None, "name"), ("a\nb", None, "name"), ("ok", Some(0), "days"), ("ok", Some(4000), "days")] {
            let errors = NewToken::new(name, TokenScope::Read, days).unwrap_err();
            assert!(errors.of(field).next().is_some(), "{name:?} {days:?}: {errors}");
        }
        assert!(NewToken::new(&"x".repeat(61), TokenScope::Read, None).is_err());
    }
}
