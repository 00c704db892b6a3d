//! `rankscope token`: tokens for scripts, in a data directory's index; a server that runs over it takes them at once.

use super::{Failure, table::columns};
use crate::{
    accounts::{
        sessions::now,
        tokens::{NewToken, TokenError, Tokens},
    },
    config::{CommonFlags, load_data_dir},
    database::Database,
};
use rankscope_domain::{
    FieldErrors,
    token::{DEFAULT_DAYS, TokenEntry, TokenScope, TokenState},
};
use std::{
    fs::DirBuilder,
    io::{Write, stderr, stdout},
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token and print it, this once
    ///
    /// Scripts send it as `Authorization: Bearer TOKEN`. What is kept is its SHA-256: a token that is lost is revoked and made anew.
    Add {
        /// What it is for
        name: String,
        /// read: look at everything; write: also start, stop, add and remove
        #[arg(long, value_name = "SCOPE", default_value = "read", value_parser = ["read", "write"])]
        scope: String,
        /// How many days it holds
        #[arg(long, value_name = "N", default_value_t = DEFAULT_DAYS, conflicts_with = "no_expiry")]
        days: u32,
        /// It holds until it is revoked
        #[arg(long)]
        no_expiry: bool,
        /// Where studies are kept [default: as for serve]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print {"token": …, "id", "name", "scope", …}
        #[arg(long)]
        json: bool,
    },
    /// List the tokens, those that hold first
    List {
        /// Where studies are kept [default: as for serve]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// End a token at once
    Revoke {
        /// Its name, or its number in the list
        name: String,
        /// Where studies are kept [default: as for serve]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print {"revoked": …}
        #[arg(long)]
        json: bool,
    },
}

impl TokenCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::Add { json, .. } | Self::List { json, .. } | Self::Revoke { json, .. } => *json,
        }
    }
}

pub(super) fn token(common: &CommonFlags, command: TokenCommand) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Failure::Failed(format!("the database can't be asked: {error}")))?;
    match command {
        TokenCommand::Add { name, scope, days, no_expiry, data_dir, json } => {
            let scope = if scope == "write" { TokenScope::Write } else { TokenScope::Read };
            let new = NewToken::new(&name, scope, (!no_expiry).then_some(days))?;
            let tokens = open(common, data_dir)?;
            let (secret, entry) = runtime.block_on(tokens.add(new, now()))?;
            if json {
                let mut shown = serde_json::to_value(&entry).map_err(|error| Failure::Failed(error.to_string()))?;
                shown["token"] = secret.to_text().into();
                writeln!(stdout(), "{shown:#}")?;
            } else {
                // on stdout alone, so that a script can take it
                writeln!(stdout(), "{}", secret.to_text())?;
                let until = entry.expires_at.as_deref().map_or("until it is revoked".into(), |end| format!("until {end}"));
                writeln!(stderr(), "This token is shown once. It may {} and holds {until}.", entry.scope.name())?;
            }
        }
        TokenCommand::List { data_dir, json } => {
            let entries = runtime.block_on(open(common, data_dir)?.list(now())).map_err(TokenError::from)?;
            if json {
                let text = serde_json::to_string_pretty(&entries).map_err(|error| Failure::Failed(error.to_string()))?;
                writeln!(stdout(), "{text}")?;
            } else if entries.is_empty() {
                writeln!(stdout(), "There are no tokens; `rankscope token add NAME` makes one.")?;
            } else {
                write!(stdout(), "{}", list(&entries))?;
            }
        }
        TokenCommand::Revoke { name, data_dir, json } => {
            let tokens = open(common, data_dir)?;
            let entries = runtime.block_on(tokens.list(now())).map_err(TokenError::from)?;
            let mut active = entries.iter().filter(|entry| entry.state == TokenState::Active);
            // a name may be a number: it comes first
            let found = active.clone().find(|entry| entry.name == name).or_else(|| active.find(|entry| entry.id.to_string() == name));
            let remedy = "There is no token of this name or number that holds; `rankscope token list` shows them.";
            let entry = found.ok_or_else(|| FieldErrors::one("NAME", &name, remedy))?;
            runtime.block_on(tokens.revoke(entry.id, now())).map_err(TokenError::from)?;
            if json {
                writeln!(stdout(), "{:#}", serde_json::json!({ "revoked": entry.name, "id": entry.id }))?;
            } else {
                writeln!(stdout(), "The token {:?} is revoked; nobody gets in by it any more.", entry.name)?;
            }
        }
    }
    Ok(())
}

fn open(common: &CommonFlags, data_dir: Option<PathBuf>) -> Result<Tokens, Failure> {
    let data_dir = load_data_dir(common, data_dir)?;
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::Failed(format!(
            "data_dir = {:?}: can't be opened ({error}); choose another with --data-dir",
            data_dir.display().to_string()
        ))
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&data_dir).map_err(|error| cannot(&error))?;
    Ok(Tokens::new(Database::open(&data_dir.join("index.sqlite")).map_err(|error| cannot(&error))?))
}

fn list(entries: &[TokenEntry]) -> String {
    let head = ["name", "number", "scope", "state", "created", "last used", "expires"].map(String::from).to_vec();
    let rows = entries.iter().map(|entry| {
        let or_dash = |moment: &Option<String>| moment.clone().unwrap_or("–".into());
        vec![
            entry.name.clone(),
            entry.id.to_string(),
            entry.scope.name().into(),
            entry.state.label().into(),
            entry.created_at.clone(),
            or_dash(&entry.last_used_at),
            or_dash(&entry.expires_at),
        ]
    });
    columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Refused(errors) => errors.into(),
            TokenError::Database(error) => Failure::Failed(error.to_string()),
        }
    }
}
