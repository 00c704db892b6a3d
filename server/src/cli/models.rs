//! `rankscope models`: what there is, what it takes to train it, and how it comes and goes.

use super::{
    Failure, complain,
    run::stop_flag,
    table::{bytes, columns, duration},
};
use crate::{
    config::{CommonFlags, load_data_dir, load_for_study},
    models,
};
use rankscope_domain::{
    FieldErrors,
    model::{ModelDetails, ModelEntry},
};
use rankscope_engine::Flow;
use rankscope_study::{
    Catalogue, StudyError,
    catalogue::{Look, unfinished_studies},
    hub::HubProgress,
};
use std::{
    io::{IsTerminal, Write, stderr, stdout},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum ModelsCommand {
    /// Fetch a model of the Hugging Face hub, or add one that lies on this machine by its path
    ///
    /// ORG/NAME@REVISION names a model of the hub (the revision is a branch, a tag or a commit; main where it is left out). A file
    /// or folder of that name comes first; hf:ORG/NAME is the hub's always. What is fetched goes to the hub's own cache
    /// (~/.cache/huggingface/hub), is checked, and is taken up where it broke off when the command is given again.
    /// HF_TOKEN, HF_ENDPOINT, HF_HUB_CACHE, HF_HOME and HF_HUB_OFFLINE mean what they mean to the hub's own tools.
    Add {
        /// ORG/NAME, ORG/NAME@REVISION, or a path
        source: String,
        /// Print the model as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the models that a study can use
    List {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove what `models add` has brought: a path's entry, or the files that were fetched
    ///
    /// Files that lie elsewhere stay. A model that a study of the data directory still needs is not removed.
    Remove {
        /// As `models list` shows it
        name: String,
        /// Do it, without asking
        #[arg(long)]
        yes: bool,
        /// Where studies are kept [default: as for serve]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print {"removed": …, "freed_bytes": …}
        #[arg(long)]
        json: bool,
    },
    /// Say what a model is, and what it takes to train it here at each rank and in full
    Inspect {
        /// As in `models list`, or as a recipe writes it
        source: String,
        /// Print the model as JSON
        #[arg(long)]
        json: bool,
    },
}

impl ModelsCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::Add { json, .. } | Self::List { json } | Self::Remove { json, .. } | Self::Inspect { json, .. } => *json,
        }
    }
}

pub(super) fn models(common: &CommonFlags, command: ModelsCommand) -> Result<(), Failure> {
    crate::telemetry::start("warn");
    let catalogue = models::catalogue(load_for_study(common)?.default_model);
    match command {
        ModelsCommand::Add { source, json } => add(&catalogue, &source, json),
        ModelsCommand::List { json } => list(&catalogue, json),
        ModelsCommand::Remove { name, yes, data_dir, json } => {
            let studies = load_data_dir(common, data_dir)?.join("studies");
            remove(&catalogue, &name, yes, &studies, json)
        }
        ModelsCommand::Inspect { source, json } => {
            let entry = catalogue.inspect(&source).map_err(refusal)?;
            show(&entry, json)
        }
    }
}

fn add(catalogue: &Catalogue, source: &str, json: bool) -> Result<(), Failure> {
    let cancel = stop_flag();
    let mut meter = DownloadMeter::new(stderr().is_terminal());
    let added = catalogue.add(source, &mut |progress| meter.show(progress, &cancel, &mut stderr().lock()));
    meter.clear(&mut stderr().lock());
    match added {
        Ok(entry) => show(&entry, json),
        Err(StudyError::Stopped) => {
            complain(&format!("stopped; what came is kept. To go on: rankscope models add {source}"));
            Err(Failure::Code(super::FAILED))
        }
        Err(error) => Err(refusal(error)),
    }
}

fn list(catalogue: &Catalogue, json: bool) -> Result<(), Failure> {
    let entries = catalogue.list();
    let mut out = stdout().lock();
    if json {
        return print_json(&entries);
    }
    if entries.is_empty() {
        writeln!(out, "There is no model here yet. rankscope models add ORG/NAME fetches one; `make model` the default one.")?;
        return Ok(());
    }
    let head = ["name", "kind", "parameters", "stored as", "size", "licence", "full training"].map(String::from).to_vec();
    let rows = entries.iter().map(|entry| match &entry.details {
        Some(details) => vec![
            entry.name.clone(),
            details.summary.kind.clone(),
            millions(details.summary.parameters),
            details.summary.dtype.clone(),
            bytes(details.disk_bytes),
            details.summary.licence.clone().unwrap_or_else(|| "not said".into()),
            details.training.last().map_or_else(String::new, |cost| bytes(cost.memory_bytes)),
        ],
        None => vec![entry.name.clone(), "can't be used".into()],
    });
    write!(out, "{}", columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>()))?;
    for entry in entries.iter().filter(|entry| entry.details.is_none()) {
        writeln!(out, "\n{}: {}", entry.name, entry.problem)?;
    }
    Ok(())
}

fn remove(catalogue: &Catalogue, name: &str, yes: bool, studies: &std::path::Path, json: bool) -> Result<(), Failure> {
    if let Some(entry) = catalogue.find(name, Look::Quick) {
        let using = unfinished_studies(catalogue, studies, &entry);
        if !using.is_empty() && entry.origin.is_removable() {
            return Err(models::in_use(name, &using).into());
        }
        if entry.origin.is_removable() && !yes {
            let what =
                if entry.source == entry.path { "its entry in the list; its files stay" } else { "the files that were fetched for it" };
            let remedy = format!("This removes {what} ({}). Give --yes to do so.", entry.path);
            return Err(FieldErrors::one("NAME", name, remedy).into());
        }
    }
    let freed = catalogue.remove(name).map_err(refusal)?;
    if json {
        return print_json(&serde_json::json!({ "removed": name, "freed_bytes": freed }));
    }
    writeln!(stdout(), "{name} is removed; {} freed", bytes(freed))?;
    Ok(())
}

fn show(entry: &ModelEntry, json: bool) -> Result<(), Failure> {
    if json {
        return print_json(entry);
    }
    let mut out = stdout().lock();
    let Some(details) = &entry.details else {
        return Err(Failure::Failed(format!("{}: {}", entry.name, entry.problem)));
    };
    let rows: Vec<Vec<String>> = facts(entry, details).into_iter().map(|(name, value)| vec![name.to_string(), value]).collect();
    let width = rows.iter().map(|row| row[0].len()).max().unwrap_or(0);
    for row in rows {
        writeln!(out, "{:width$}  {}", row[0], row[1])?;
    }
    writeln!(out, "\nTraining on this machine, batches of 8:\n")?;
    let head = ["arm", "trained parameters", "memory", "1,000 tokens"].map(String::from).to_vec();
    let costs = details.training.iter().map(|cost| {
        if cost.problem.is_empty() {
            vec![cost.arm.label(), cost.trained_parameters.to_string(), bytes(cost.memory_bytes), duration(cost.seconds_per_1000_tokens)]
        } else {
            vec![cost.arm.label(), "not possible".into()]
        }
    });
    write!(out, "{}", columns(&std::iter::once(head).chain(costs).collect::<Vec<_>>()))?;
    for cost in details.training.iter().filter(|cost| !cost.problem.is_empty()) {
        writeln!(out, "{}: {}", cost.arm.label(), cost.problem)?;
    }
    Ok(())
}

fn facts(entry: &ModelEntry, details: &ModelDetails) -> Vec<(&'static str, String)> {
    let summary = &details.summary;
    let mut facts = vec![
        ("name", entry.name.clone()),
        ("model.source", entry.source.clone()),
        ("kind", summary.kind.clone()),
        ("parameters", format!("{} ({})", summary.parameters, millions(summary.parameters))),
        ("stored as", summary.dtype.clone()),
        ("licence", summary.licence.clone().unwrap_or_else(|| "not said in its files".into())),
        ("size on disk", bytes(details.disk_bytes)),
        ("SHA-256", summary.sha256.clone()),
        ("layers", summary.layers.to_string()),
        ("width", summary.hidden_size.to_string()),
        ("vocabulary", summary.vocab_size.to_string()),
        ("context", format!("{} tokens", details.max_position_embeddings)),
        ("chat template", if details.has_chat_template { "yes" } else { "no" }.into()),
        ("path", entry.path.clone()),
    ];
    facts.extend(details.classes.map(|classes| ("classes", format!("{classes}; it tells texts apart and does not continue them"))));
    facts.extend(summary.revision.clone().map(|commit| ("commit", commit)));
    facts
}

/// "134.5 M"
fn millions(parameters: u64) -> String {
    match parameters {
        0..1_000_000 => format!("{:.1} k", parameters as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} M", parameters as f64 / 1e6),
        _ => format!("{:.2} B", parameters as f64 / 1e9),
    }
}

fn print_json<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Failed(error.to_string()))?;
    writeln!(stdout(), "{text}")?;
    Ok(())
}

fn refusal(error: StudyError) -> Failure {
    match error {
        StudyError::Invalid(errors) => Failure::Input(errors),
        other => Failure::Failed(other.to_string()),
    }
}

/// A download on the terminal: one line that is written over, or a line now and then where stderr is no terminal.
pub(super) struct DownloadMeter {
    terminal: bool,
    last: Option<Instant>,
    shown: usize,
}

impl DownloadMeter {
    pub(super) fn new(terminal: bool) -> Self {
        Self { terminal, last: None, shown: 0 }
    }

    pub(super) fn show(&mut self, progress: &HubProgress, cancel: &AtomicBool, out: &mut impl Write) -> Flow {
        let every = if self.terminal { Duration::from_millis(200) } else { Duration::from_secs(5) };
        if self.last.is_none_or(|last| last.elapsed() >= every) && progress.total > 0 {
            self.last = Some(Instant::now());
            let mut line = format!("{}: {} of {}", progress.file, bytes(progress.done), bytes(progress.total));
            if progress.bytes_per_second > 0.0 {
                line += &format!(", {}/s", bytes(progress.bytes_per_second as u64));
            }
            if progress.seconds_left > 0.0 {
                line += &format!(", {} left", duration(progress.seconds_left));
            }
            let width = line.chars().count();
            if self.terminal {
                drop(write!(out, "\r{line}{:pad$}", "", pad = self.shown.saturating_sub(width)));
                self.shown = width;
            } else {
                drop(writeln!(out, "{line}"));
            }
            drop(out.flush());
        }
        if cancel.load(Ordering::Relaxed) { Flow::Break(()) } else { Flow::Continue(()) }
    }

    pub(super) fn clear(&mut self, out: &mut impl Write) {
        if self.shown > 0 {
            drop(write!(out, "\r{:width$}\r", "", width = self.shown));
            self.shown = 0;
        }
        drop(out.flush());
    }
}
