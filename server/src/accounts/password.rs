//! The admin password: one line in `admin_password` of the data directory, an Argon2id hash that only this user can read.
//!
//! It is a file and not a row: the database is an index that may be moved away and rebuilt, and a server whose password
//! went with it would stand open.

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

const FILE: &str = "admin_password";
/// There is one user, so the password is all that keeps strangers out.
pub const MIN_CHARACTERS: usize = 12;
/// Longer ones are refused unread: hashing must not cost what a stranger chooses.
pub const MAX_BYTES: usize = 1024;

#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("{path}: the admin password can't be {what}: {source}")]
    File { path: PathBuf, what: &'static str, source: std::io::Error },
    #[error("{path}: this is not an Argon2 hash as `rankscope password set` writes it; set the password again")]
    NotAHash { path: PathBuf },
    #[error("the password can't be hashed: {0}")]
    Hashing(String),
    #[error("the task was lost")]
    Lost,
}

/// A password that may be set. Never shown: it has no `Debug`.
pub struct NewPassword(String);

impl NewPassword {
    /// Without the line end that files and pipes have; the error says what a password must be.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.chars().count() < MIN_CHARACTERS {
            return Err(format!("A password has at least {MIN_CHARACTERS} characters; a few words together are good."));
        }
        if text.len() > MAX_BYTES {
            return Err(format!("A password has at most {MAX_BYTES} bytes."));
        }
        if text.chars().any(char::is_control) {
            return Err("A password is one line, without control characters: nobody could type them.".into());
        }
        Ok(Self(text.into()))
    }
}

/// A stored password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// Tells one stored password from the next, and nothing else.
pub type Fingerprint = [u8; 32];

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PasswordHash")
    }
}

impl PasswordHash {
    /// With the crate's recommended parameters, and a salt of its own.
    fn of(password: &NewPassword) -> Result<Self, PasswordError> {
        let hash = Argon2::default().hash_password(password.0.as_bytes()).map_err(|error| PasswordError::Hashing(error.to_string()))?;
        Ok(Self(hash.to_string()))
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let hash = phc::PasswordHash::new(text).ok()?;
        (hash.algorithm.as_str() == "argon2id" && hash.hash.is_some()).then(|| Self(text.into()))
    }

    /// Takes the same time wherever a wrong password differs.
    pub fn verify(&self, typed: &str) -> bool {
        typed.len() <= MAX_BYTES
            && phc::PasswordHash::new(&self.0).is_ok_and(|hash| Argon2::default().verify_password(typed.as_bytes(), &hash).is_ok())
    }

    /// Sessions carry it: one that was begun under another password is none.
    pub fn fingerprint(&self) -> Fingerprint {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

/// Where the password is kept.
#[derive(Debug, Clone)]
pub struct PasswordFile {
    path: PathBuf,
}

impl PasswordFile {
    pub fn of(data_dir: &Path) -> Self {
        Self { path: data_dir.join(FILE) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// None: no password is set.
    pub fn read(&self) -> Result<Option<PasswordHash>, PasswordError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => PasswordHash::parse(&text).map(Some).ok_or_else(|| PasswordError::NotAHash { path: self.path.clone() }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", error)),
        }
    }

    /// Replaces the password; the data directory is made where it is not there yet.
    pub fn set(&self, password: &NewPassword) -> Result<(), PasswordError> {
        let hash = PasswordHash::of(password)?;
        self.write(&hash).map_err(|error| self.failed("written", error))
    }

    /// As [`PasswordFile::set`], but the same password again stays as it is stored, and with it the sessions.
    pub fn set_if_other(&self, password: &NewPassword) -> Result<(), PasswordError> {
        match self.read() {
            Ok(Some(hash)) if hash.verify(&password.0) => Ok(()),
            _ => self.set(password),
        }
    }

    /// False: there was none.
    pub fn remove(&self) -> Result<bool, PasswordError> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed("removed", error)),
        }
    }

    fn write(&self, hash: &PasswordHash) -> std::io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let temporary = directory.join(format!(".{FILE}.{}", std::process::id()));
        // what an earlier run left may be anybody's to read
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        writeln!(file, "{}", hash.0)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        File::open(directory)?.sync_all()
    }

    fn failed(&self, what: &'static str, source: std::io::Error) -> PasswordError {
        PasswordError::File { path: self.path.clone(), what, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn new(text: &str) -> NewPassword {
        NewPassword::new(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    #[test]
    fn a_password_is_kept_as_a_hash_that_only_its_user_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = PasswordFile::of(&folder.path().join("data"));
        assert_eq!(file.read().unwrap(), None);
        file.set(&new("correct horse battery\n")).unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        // the parameters that the crate recommends: 19 MiB, two passes, one lane
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !text.contains("correct"), "{text}");
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path().join("data")).unwrap().count(), 1, "no temporary file stays");
        let hash = file.read().unwrap().unwrap();
        assert!(hash.verify("correct horse battery"));
        for wrong in ["", "correct horse batterY", "correct horse battery\n", "correct horse battery "] {
            assert!(!hash.verify(wrong), "{wrong:?}");
        }
        assert!(!hash.verify(&"x".repeat(MAX_BYTES + 1)));
    }

    #[test]
    fn another_password_has_another_fingerprint_and_the_same_one_keeps_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = PasswordFile::of(folder.path());
        let fingerprint = || file.read().unwrap().unwrap().fingerprint();
        file.set(&new("correct horse battery")).unwrap();
        let first = fingerprint();
        file.set_if_other(&new("correct horse battery")).unwrap();
        assert_eq!(fingerprint(), first);
        file.set_if_other(&new("wrong horse battery")).unwrap();
        let second = fingerprint();
        assert_ne!(second, first);
        file.set(&new("wrong horse battery")).unwrap();
        assert_ne!(fingerprint(), second, "setting it anew logs out everywhere");
        assert!(file.remove().unwrap() && !file.remove().unwrap());
    }

    #[test]
    fn what_is_no_password_or_no_hash_is_refused() {
        for bad in ["", "\n", "short", "elevenchars", "two lines of\ntext", "a\tb with a tab", &"x".repeat(MAX_BYTES + 1)] {
            assert!(NewPassword::new(bad).is_err(), "{bad:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = PasswordFile::of(folder.path());
        for bad in [
            "",
            "correct horse battery",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
        ] {
            fs::write(file.path(), bad).unwrap();
            assert!(matches!(file.read(), Err(PasswordError::NotAHash { .. })), "{bad:?}");
        }
    }
}
