//! `rankscope share` and `rankscope revoke`: the same links as on the pages, also while the server runs.

use super::{Failure, compare::status_of, table::columns};
use crate::{
    config::{CommonFlags, load_data_dir},
    database::Database,
    example,
    library::Library,
    shares::{ShareError, Shares, expiry, now, store::Share, token::ShareToken},
    study_id::{EXAMPLE, StudyId},
};
use rankscope_domain::{
    FieldErrors,
    comparison::MOST_COMPARED,
    comparison_query::ComparisonQuery,
    share::{ShareRequest, ShareState, USUAL_EXPIRY},
};
use rankscope_study::{AskedStudy, FoundStudy, Study};
use std::{
    io::{Write, stdout},
    path::{Path, PathBuf},
};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct ShareFlags {
    #[command(subcommand)]
    command: Option<ShareCommand>,
    /// The study: its id, as in the address of its page, or its directory
    #[arg(value_name = "STUDY", required_unless_present = "compare", conflicts_with = "compare")]
    study: Option<String>,
    /// In place of one study, a comparison: each of its studies after a --compare of its own, one to six. They are called A, B, … in this order
    #[arg(long, value_name = "STUDY")]
    compare: Vec<String>,
    /// Of a comparison: the arms that are shown, by commas: A:lora-r8 of the first study, full of every one; by default all
    #[arg(long, value_name = "ARMS", conflicts_with = "study")]
    arms: Option<String>,
    /// Of a comparison: the arm that all others are contrasted with, e.g. A:full; by default the same arm of the first study
    #[arg(long, value_name = "ARM", conflicts_with = "study")]
    against: Option<String>,
    /// How long it holds: days (30d), its last day in UTC (2027-01-31), or never
    #[arg(long, value_name = "WHEN", default_value = USUAL_EXPIRY)]
    expires: String,
    /// For blind review: names of people, institutions, files and models are left out
    #[arg(long)]
    anonymous: bool,
    /// Without anything that models wrote
    #[arg(long)]
    without_completions: bool,
    /// Whoever has the link may label completions, which it shows at the desk alone, one by one and blind
    #[arg(long)]
    annotate: bool,
    /// What you know the link by; it is not shared
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
    /// Where studies are kept [default: as for serve]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print {"id", "token", "path", "content_sha256", "expires_at", "shows_completions"}
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum ShareCommand {
    /// List the links that were made: what each shows, until when, and how often it was opened
    List {
        /// Where studies are kept [default: as for serve]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
}

impl ShareFlags {
    pub(super) fn json(&self) -> bool {
        match &self.command {
            Some(ShareCommand::List { json, .. }) => *json,
            None => self.json,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct RevokeFlags {
    /// The link's id, as `share list` has it, or its token
    #[arg(value_name = "ID|TOKEN")]
    link: String,
    /// Where studies are kept [default: as for serve]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print {"revoked": ID}
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn share(common: &CommonFlags, flags: ShareFlags) -> Result<(), Failure> {
    match flags.command {
        Some(ShareCommand::List { data_dir, json }) => list(&load_data_dir(common, data_dir)?, json),
        None => make(&load_data_dir(common, flags.data_dir.clone())?, flags),
    }
}

fn make(data_dir: &Path, flags: ShareFlags) -> Result<(), Failure> {
    let request = ShareRequest {
        label: flags.label,
        expires: flags.expires,
        anonymous: flags.anonymous,
        completions: !flags.without_completions,
        annotate: flags.annotate,
    };
    let (annotate, with_completions) = (request.annotate, request.completions);
    let named = flags.study.unwrap_or_default();
    let made = if flags.compare.is_empty() {
        let (study, id) = find(data_dir, "STUDY", &named)?;
        wait(open(data_dir)?.make_of_study(study, id, request))?
    } else {
        let query = query(flags.arms, flags.against)?;
        let (asked, ids) = compared(data_dir, &flags.compare)?;
        wait(open(data_dir)?.make_of_comparison(asked, ids, query, request))?
    };
    let made = made.map_err(|error| match error {
        ShareError::Invalid(fields) => Failure::Input(fields),
        ShareError::NoResults => Failure::Input(FieldErrors::one("STUDY", &named, error.to_string())),
        other => Failure::Failed(other.to_string()),
    })?;
    let expires_at = made.expires_at.map(expiry::text);
    let mut out = stdout().lock();
    if flags.json {
        let said = serde_json::json!({
            "id": made.id,
            "token": made.token.to_text(),
            "path": made.token.path(),
            "content_sha256": made.content_sha256,
            "expires_at": expires_at,
            "shows_completions": if annotate { "at the desk, blind" } else if with_completions { "yes" } else { "no" },
        });
        writeln!(out, "{said:#}")?;
        return Ok(());
    }
    writeln!(out, "{}", made.token.path())?;
    writeln!(out, "Put your server's address before it, as in http://127.0.0.1:3000/s/…; it is shown this once.")?;
    match expires_at {
        Some(end) => writeln!(out, "It holds until {end}; `rankscope revoke {}` ends it before.", made.id)?,
        None => writeln!(out, "It holds until `rankscope revoke {}`.", made.id)?,
    }
    if annotate {
        writeln!(out, "Whoever has it may label completions; it shows them only at the desk, blind.")?;
    }
    writeln!(out, "Content SHA-256 {}", made.content_sha256)?;
    Ok(())
}

/// The same as in an address; whatever can't be read in it is refused.
fn query(arms: Option<String>, against: Option<String>) -> Result<ComparisonQuery, FieldErrors> {
    let given = [("arms", arms), ("against", against)];
    let pairs: Vec<(String, String)> = given.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect();
    let (query, errors) = ComparisonQuery::read(&pairs);
    errors.into_result(query)
}

/// The studies of a comparison, and the ids of those of the data directory.
fn compared(data_dir: &Path, named: &[String]) -> Result<(Vec<AskedStudy>, Vec<StudyId>), Failure> {
    if let Some(extra) = named.get(MOST_COMPARED) {
        return Err(FieldErrors::one("--compare", extra, format!("At most {MOST_COMPARED} studies are compared: leave some out.")).into());
    }
    let (mut asked, mut ids) = (Vec::new(), Vec::new());
    for name in named {
        let (study, id) = find(data_dir, "--compare", name)?;
        let status = status_of(&study).map_err(failed)?;
        asked.push(AskedStudy { id: name.clone(), found: Some(FoundStudy { study, status }) });
        ids.extend(id);
    }
    Ok((asked, ids))
}

fn list(data_dir: &Path, json: bool) -> Result<(), Failure> {
    let shares = open(data_dir)?;
    let now = now();
    let rows: Vec<Share> = wait(shares.store().list(None))?.map_err(failed)?;
    let entries: Vec<_> = rows.iter().map(|row| row.entry(now)).collect();
    let mut out = stdout().lock();
    if json {
        let text = serde_json::to_string_pretty(&entries).map_err(failed)?;
        writeln!(out, "{text}")?;
        return Ok(());
    }
    if entries.is_empty() {
        writeln!(out, "No link has been made; `rankscope share STUDY` makes one.")?;
        return Ok(());
    }
    let head = ["ID", "LABEL", "WHAT", "STATE", "EXPIRES", "LAST OPENED", "OPENED", "OPTIONS"].map(String::from).to_vec();
    let rows = entries.into_iter().map(|entry| {
        let options = [
            entry.anonymous.then_some("anonymous"),
            (!entry.completions && !entry.annotate).then_some("without completions"),
            entry.annotate.then_some("annotate: completions only at the desk, blind"),
        ];
        let expires = match entry.state {
            ShareState::Revoked => "-".into(),
            _ => entry.expires_at.unwrap_or_else(|| "never".into()),
        };
        vec![
            entry.id,
            entry.label,
            entry.title,
            entry.state.label().into(),
            expires,
            entry.last_opened_at.unwrap_or_else(|| "-".into()),
            entry.opened.to_string(),
            options.into_iter().flatten().collect::<Vec<_>>().join(", "),
        ]
    });
    let table: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    write!(out, "{}", columns(&table))?;
    Ok(())
}

pub(super) fn revoke(common: &CommonFlags, flags: RevokeFlags) -> Result<(), Failure> {
    let data_dir = load_data_dir(common, flags.data_dir)?;
    let shares = open(&data_dir)?;
    let link = flags.link.trim().rsplit('/').next().unwrap_or_default().to_string();
    // a token is never said again, not even in an error
    let is_token = ShareToken::parse(&link).is_some();
    let id = match is_token {
        true => wait(shares.find(&link))?.map_err(failed)?.map(|share| share.id),
        false => Some(link.clone()),
    };
    let revoked = match &id {
        Some(id) => wait(shares.revoke(id))?.map_err(failed)?,
        None => false,
    };
    let Some(id) = id.filter(|_| revoked) else {
        let shown = if is_token { "(a token, not shown)".into() } else { link.chars().take(60).collect::<String>() };
        let remedy = "There is no such open link. `rankscope share list` shows all there are.";
        return Err(FieldErrors::one("ID|TOKEN", shown, remedy).into());
    };
    let mut out = stdout().lock();
    if flags.json {
        writeln!(out, "{:#}", serde_json::json!({ "revoked": id }))?;
    } else {
        writeln!(out, "The link {id} opens nothing any more, and its copy is removed.")?;
    }
    Ok(())
}

/// A study of the data directory by its id, or any by its directory.
fn find(data_dir: &Path, field: &str, named: &str) -> Result<(Study, Option<StudyId>), Failure> {
    // a server that runs may be of another build, and have another example
    let example = if named == EXAMPLE { example::unpack(data_dir).map_err(failed)? } else { None };
    let library = Library::open(data_dir, example).map_err(failed)?;
    if let Ok(id) = named.parse::<StudyId>()
        && let Some(study) = library.study(&id)
    {
        return Ok((study, Some(id)));
    }
    let directory = Path::new(named);
    let refuse = |why: String| Failure::Input(FieldErrors::one(field, named, why));
    if !directory.is_dir() {
        return Err(refuse(format!(
            "This is neither a study in {} nor a directory. Write a study's id, as in the address of its page, or its directory.",
            data_dir.display()
        )));
    }
    let study = Study::open(directory).map_err(|error| refuse(format!("{error}.")))?;
    // one of ours is known by its id, whichever way it was named
    let id = directory.canonicalize().ok().and_then(|path| {
        let id: StudyId = path.file_name()?.to_str()?.parse().ok()?;
        let own = library.directory(&id)?.canonicalize().ok()?;
        (own == path).then_some(id)
    });
    Ok((study, id))
}

fn open(data_dir: &Path) -> Result<Shares, Failure> {
    std::fs::create_dir_all(data_dir).map_err(failed)?;
    let path = data_dir.join("index.sqlite");
    let database = Database::open(&path).map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?;
    Ok(Shares::new(database, data_dir))
}

fn wait<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    Ok(runtime.block_on(work))
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}
