//! The command line.

mod archive;
mod bench;
mod check;
mod class_table;
mod compare;
mod comparison_table;
mod datasets;
mod inspection_table;
mod judge_eval;
mod lens_worker;
mod meter;
mod models;
mod password;
mod run;
mod share;
mod table;
mod token;

use crate::{
    config::{self, CommonFlags, ServeFlags},
    serve, telemetry,
};
use clap::{Parser, Subcommand};
use rankscope_domain::{FieldErrors, Recipe};
use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The command ended as it should not.
pub const FAILED: u8 = 1;
/// The input was refused.
pub const BAD_INPUT: u8 = 2;

/// Does low-rank fine-tuning keep a language model's harms?
///
/// Rankscope fine-tunes a language model with LoRA at several ranks and in full, and shows what each keeps of
/// the original model's toxicity. A study is described by a recipe, a TOML file; `rankscope serve` opens the same in
/// the browser, with a form to write recipes.
///
/// Exit codes: 0 done, 1 failed or stopped, 2 the input was refused (the message names field, value and remedy).
#[derive(Debug, Parser)]
#[command(name = "rankscope", version, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    common: CommonFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the pages on this machine
    ///
    /// Settings come from flags, from RANKSCOPE_* environment variables (RANKSCOPE_ADDRESS, RANKSCOPE_DATA_DIR, …), and
    /// from rankscope.toml (address = "127.0.0.1:3000"), in this order. Ctrl-C ends the server; studies that
    /// run go on in the background, and the next server follows them.
    Serve(ServeFlags),
    /// Run a study here and show its results
    ///
    /// Progress goes to stderr, the table of results to stdout. Ctrl-C stops between two steps; the same command again goes
    /// on where it was, and ends with the same results.
    Run {
        /// The recipe, a TOML file; - reads it from the standard input
        recipe: PathBuf,
        /// The study's directory; made if it is not there
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Print results.json (or the errors as JSON) in place of the table
        #[arg(long)]
        json: bool,
    },
    /// Do what is left to do in a study's directory (what the server starts)
    ///
    /// Progress goes to events.jsonl in the directory. SIGTERM or Ctrl-C stops between two steps.
    Worker {
        /// The study's directory
        directory: PathBuf,
    },
    /// Answer questions of the logit lens (what the server starts for its page /lens)
    ///
    /// Orders come as lines of JSON on the standard input, reports go to the standard output. It ends with its input.
    LensWorker,
    /// Check a recipe with its files and its model, and say everything that is wrong with it
    Validate {
        /// The recipe, a TOML file; - reads it from the standard input
        recipe: PathBuf,
        /// Print {"valid": …, "errors": [{"field", "value", "remedy"}]}
        #[arg(long)]
        json: bool,
    },
    /// Measure this machine: LoRA at several ranks, full fine-tuning, and completions with each
    ///
    /// Loss on targets alone, batches of 8, one epoch, AdamW; lora_alpha = 2 r on every linear layer, rates 2e-4 and 2e-5. Arms that
    /// train or complete together each count with an equal share of the time.
    Bench(bench::BenchFlags),
    /// Measure judges on a labelled file: confusion matrix, precision, recall, F1, kappa
    ///
    /// Each --judge reads the same rows. Exit code 2 where a row, a column or a judge is wrong; the message names it.
    JudgeEval(judge_eval::JudgeEvalFlags),
    /// Fetch, list, inspect and remove models
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Add, list, inspect and remove sets of labelled texts
    #[command(subcommand)]
    Datasets(datasets::DatasetsCommand),
    /// Freeze a finished study, or a comparison, and make a link to the copy, which opens without logging in
    ///
    /// What leaves is named field by field: results, recipe and provenance, without paths, the machine, or a judge's address. The copy
    /// lies in shares/ of the data directory, and its hash is shown to whoever opens the link.
    Share(share::ShareFlags),
    /// End a share link: from then on it opens nothing
    Revoke(share::RevokeFlags),
    /// Write a study as one archive, or as one page to read
    ///
    /// The archive (ZIP) has the study's files, every figure (SVG, PNG, PDF) and table (CSV, JSON, LaTeX), a report, and a list of all
    /// files with their SHA-256. Another Rankscope takes it in by `rankscope import`, or on its page of studies.
    Export(archive::ExportFlags),
    /// Take in a study that Rankscope exported elsewhere
    ///
    /// Every file is checked before the study is there; what is wrong leaves nothing behind. A server of the same data directory that
    /// runs shows it at once.
    Import(archive::ImportFlags),
    /// Set or remove the password that the pages ask for
    #[command(subcommand)]
    Password(password::PasswordCommand),
    /// Set studies side by side: in which fields they differ, and how their arms do on the examples that they share
    ///
    /// Each contrast has a 95 % interval, and, where the examples are the same, a paired test with Holm's correction; where they
    /// are not, it says so.
    Compare(compare::CompareFlags),
    /// Make, list and revoke tokens for scripts
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Say what a recipe will take on this machine: time, memory, disk
    Estimate {
        /// The recipe, a TOML file; - reads it from the standard input
        recipe: PathBuf,
        /// Print the estimate as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Why a command did not end well.
#[derive(Debug)]
enum Failure {
    /// Exit code 2.
    Input(FieldErrors),
    /// Exit code 1, with a message that was not shown yet.
    Failed(String),
    /// This exit code; everything is said.
    Code(u8),
}

impl From<FieldErrors> for Failure {
    fn from(errors: FieldErrors) -> Self {
        Failure::Input(errors)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::Failed(format!("the output can't be written: {error}"))
    }
}

/// Reads the command line and does it.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = match &cli.command {
        Command::Run { json, .. } | Command::Validate { json, .. } | Command::Estimate { json, .. } => *json,
        Command::Bench(flags) => flags.wants_json(),
        Command::JudgeEval(flags) => flags.wants_json(),
        Command::Compare(flags) => flags.wants_json(),
        Command::Models(command) => command.json(),
        Command::Datasets(command) => command.json(),
        Command::Share(flags) => flags.json(),
        Command::Revoke(flags) => flags.json,
        Command::Token(command) => command.json(),
        Command::Import(flags) => flags.json,
        Command::Export(_) | Command::Serve(_) | Command::Worker { .. } | Command::LensWorker | Command::Password(_) => false,
    };
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Code(code)) => ExitCode::from(code),
        Err(Failure::Failed(message)) => {
            complain(&message);
            ExitCode::from(FAILED)
        }
        Err(Failure::Input(errors)) => {
            if json {
                let report = serde_json::json!({ "valid": false, "errors": errors });
                drop(writeln!(std::io::stdout(), "{report:#}"));
            } else {
                for error in &errors.0 {
                    complain(&error.to_string());
                }
            }
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Serve(flags) => {
            telemetry::start("info");
            let config = config::load(&cli.common, &flags)?;
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .map_err(|error| Failure::Failed(format!("the server can't be started: {error}")))?;
            runtime.block_on(serve::serve(config)).map_err(|error| Failure::Failed(format!("{error:#}")))
        }
        Command::Run { recipe, out, json } => among_workers(|| run::run(&cli.common, &recipe, &out, json)),
        Command::Worker { directory } => among_workers(|| run::worker(&cli.common, &directory)),
        Command::LensWorker => lens_worker::lens_worker(&cli.common),
        Command::Validate { recipe, json } => check::validate(&cli.common, &recipe, json),
        Command::Bench(flags) => bench::bench(config::load_processor(&cli.common)?, &flags),
        Command::JudgeEval(flags) => among_workers(|| judge_eval::judge_eval(&cli.common, flags)),
        Command::Compare(flags) => compare::compare(&flags),
        Command::Models(command) => models::models(&cli.common, command),
        Command::Datasets(command) => datasets::datasets(&cli.common, command),
        Command::Share(flags) => share::share(&cli.common, flags),
        Command::Revoke(flags) => share::revoke(&cli.common, flags),
        Command::Export(flags) => archive::export(&cli.common, &flags),
        Command::Import(flags) => archive::import(&cli.common, &flags),
        Command::Password(command) => password::password(&cli.common, command),
        Command::Token(command) => token::token(&cli.common, command),
        Command::Estimate { recipe, json } => check::estimate(&cli.common, &recipe, json),
    }
}

/// Runs something on one of the threads that do the arithmetic. From any other, each product would put that thread to sleep and wake
/// it again.
fn among_workers<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

fn complain(message: &str) {
    drop(writeln!(std::io::stderr(), "error: {message}"));
}

/// Reads a recipe file, its relative paths taken from its folder; whatever is wrong with it is an input error.
fn read_recipe(path: &Path) -> Result<Recipe, FieldErrors> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|error| FieldErrors::one("RECIPE", path.display(), format!("The recipe can't be read: {error}.")))?;
    let mut recipe = Recipe::from_toml(&text)?;
    rankscope_study::resolve_paths(&mut recipe, path.parent().unwrap_or(Path::new("")));
    Ok(recipe)
}
