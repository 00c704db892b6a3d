//! Who may use the server. Where no password is set, it listens on loopback alone, and whoever is at this machine is its
//! one user. With a password, every page, file and call but the log-in page needs a session.
//!
//! - [`password`]: the one password, kept as a hash in the data directory.
//! - [`sessions`]: who has logged in, in the database.
//! - [`tokens`]: what scripts come with in place of a session, and [`bearer`], how.
//! - [`attempts`]: how often one may try.
//! - [`guard`]: what every request passes; [`log_in`] and [`token_form`]: the addresses of its own.

pub mod attempts;
pub mod bearer;
pub mod cookie;
pub mod guard;
pub mod log_in;
pub mod password;
pub mod sessions;
pub mod token_form;
pub mod tokens;

use crate::{database::Database, proxies::Proxies};
use attempts::Attempts;
use password::{PasswordError, PasswordFile, PasswordHash};
use sessions::Sessions;
use std::sync::Arc;
use tokens::Tokens;
use tokio::sync::Semaphore;

/// Verifying takes 19 MiB and a core for a moment: this many at once.
const VERIFYING: usize = 2;

/// What the server knows of its accounts.
pub struct Accounts {
    pub sessions: Sessions,
    pub tokens: Tokens,
    pub attempts: Attempts,
    pub proxies: Proxies,
    /// Names besides this machine's own that requests may come by.
    pub hosts: Vec<String>,
    file: PasswordFile,
    /// Other machines can reach this server: without a password it answers nobody.
    exposed: bool,
    verifying: Arc<Semaphore>,
}

/// Whether one logs in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lock {
    /// No password is set, and only this machine can come.
    Open,
    Password(PasswordHash),
    /// The password can't be read, or is gone from under a server that others can reach.
    Shut(&'static str),
}

impl Accounts {
    pub fn new(file: PasswordFile, database: Database, proxies: Proxies, hosts: Vec<String>, exposed: bool) -> Self {
        let verifying = Arc::new(Semaphore::new(VERIFYING));
        let (sessions, tokens) = (Sessions::new(database.clone()), Tokens::new(database));
        Self { sessions, tokens, attempts: Attempts::default(), proxies, hosts, file, exposed, verifying }
    }

    /// Whether other machines can reach this server's address.
    pub fn is_exposed(&self) -> bool {
        self.exposed
    }

    /// Read anew for each request: `rankscope password set` then counts at once, and ends every session.
    pub async fn lock(&self) -> Lock {
        let file = self.file.clone();
        match tokio::task::spawn_blocking(move || file.read()).await {
            Ok(Ok(Some(hash))) => Lock::Password(hash),
            Ok(Ok(None)) if !self.exposed => Lock::Open,
            Ok(Ok(None)) => {
                tracing::error!("the admin password was removed, and other machines can reach this server: nobody is let in");
                Lock::Shut("There is no admin password any more. On the server’s machine: rankscope password set.")
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "nobody is let in");
                Lock::Shut(
                    "The admin password can’t be read. The server’s log says why; rankscope password set on its machine sets a new one.",
                )
            }
            Err(error) => {
                tracing::error!(%error, "reading the admin password panicked: nobody is let in");
                Lock::Shut("Something went wrong on the server. Its log says what.")
            }
        }
    }

    /// Whether this is the password. One more than [`VERIFYING`] waits.
    pub async fn verify(&self, hash: PasswordHash, typed: String) -> Result<bool, PasswordError> {
        let permit = self.verifying.clone().acquire_owned().await.map_err(|_| PasswordError::Lost)?;
        let verified = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            hash.verify(&typed)
        });
        verified.await.map_err(|_| PasswordError::Lost)
    }
}
