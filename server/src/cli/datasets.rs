//! `rankscope datasets`: the sets of labelled texts, what is in them, and how they come and go.

use super::{
    Failure, complain,
    models::DownloadMeter,
    run::stop_flag,
    table::{bytes, columns},
};
use crate::{
    config::{CommonFlags, load_data_dir, load_datasets_dir},
    datasets,
};
use rankscope_domain::{
    FieldErrors,
    dataset::{DatasetEntry, DatasetSummary},
};
use rankscope_engine::Processor;
use rankscope_study::{DatasetShelf, Environment, NewDataset, StudyError, studies_using_dataset};
use std::{
    io::{IsTerminal, Write, stderr, stdout},
    path::PathBuf,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum DatasetsCommand {
    /// List the sets that a study can use
    List {
        /// Where studies are kept, with the sets that were added [default: as for serve]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a set of this machine by its path, or fetch one of the Hugging Face hub; every row is read and checked
    ///
    /// A path is that of a JSONL, CSV, TSV or parquet file, or of a directory in the hub's layout (data/train-00000-of-00001.parquet,
    /// train.jsonl, …); the files stay where they are. hf:ORG/NAME@REVISION is fetched into the hub's own cache. In a recipe the set
    /// is then data.source = "dataset:NAME".
    Add {
        /// A path, or hf:ORG/NAME@REVISION
        source: String,
        /// What the set is called here: lower-case letters, digits, - and _ [default: made of the source]
        #[arg(long)]
        name: Option<String>,
        /// The labels' names in the order of their numbers, as negative,positive [default: what the set says]
        #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
        label_names: Vec<String>,
        /// The column that holds the texts [default: text, sentence, review or content]
        #[arg(long, value_name = "COLUMN")]
        text_column: Option<String>,
        /// The column that holds the labels [default: label, labels or class]
        #[arg(long, value_name = "COLUMN")]
        label_column: Option<String>,
        /// Where studies are kept, with the sets that were added [default: as for serve]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print the set as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what is in a set: its splits, labels, other columns, and how long its texts are
    Inspect {
        /// As in `datasets list`, or as a recipe writes it
        name: String,
        /// Where studies are kept, with the sets that were added [default: as for serve]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print the set as JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a set off the list; the files of an upload are deleted, others stay
    ///
    /// A set that a study of the data directory still needs is not removed.
    Remove {
        /// As in `datasets list`
        name: String,
        /// Where studies are kept, with the sets that were added [default: as for serve]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print {"removed": …, "freed_bytes": …}
        #[arg(long)]
        json: bool,
    },
}

impl DatasetsCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::List { json, .. } | Self::Add { json, .. } | Self::Inspect { json, .. } | Self::Remove { json, .. } => *json,
        }
    }
}

pub(super) fn datasets(common: &CommonFlags, command: DatasetsCommand) -> Result<(), Failure> {
    crate::telemetry::start("warn");
    let shelf = |data_dir: &Option<PathBuf>| -> Result<DatasetShelf, Failure> {
        let datasets = load_datasets_dir(common, data_dir.clone())?;
        Ok(DatasetShelf::new(&Environment { default_model: PathBuf::new(), memory_limit_bytes: None, processor: Processor::Cpu, datasets }))
    };
    match command {
        DatasetsCommand::List { data_dir, json } => list(&shelf(&data_dir)?, json),
        DatasetsCommand::Add { source, name, label_names, text_column, label_column, data_dir, json } => {
            let new = NewDataset {
                name: name.unwrap_or_default(),
                label_names: label_names.into_iter().map(|name| name.trim().to_string()).collect(),
                text_column: text_column.unwrap_or_default(),
                label_column: label_column.unwrap_or_default(),
            };
            add(&shelf(&data_dir)?, &source, &new, json)
        }
        DatasetsCommand::Inspect { name, data_dir, json } => {
            let remedy = "There is no such set; `rankscope datasets list` shows the names, and `datasets add` adds one.";
            let entry = shelf(&data_dir)?.find(&name).ok_or_else(|| FieldErrors::one("NAME", &name, remedy))?;
            show(&entry, json)
        }
        DatasetsCommand::Remove { name, data_dir, json } => {
            let shelf = shelf(&data_dir)?;
            let studies = load_data_dir(common, data_dir)?.join("studies");
            remove(&shelf, &name, &studies, json)
        }
    }
}

fn list(shelf: &DatasetShelf, json: bool) -> Result<(), Failure> {
    let entries = shelf.list();
    if json {
        return print_json(&entries);
    }
    let head = ["name", "in a recipe", "rows", "labels", "format", "size", "from"].map(String::from).to_vec();
    let rows = entries.iter().map(|entry| match &entry.summary {
        Some(summary) => vec![
            entry.name.clone(),
            entry.source.clone(),
            summary.splits.iter().map(|split| format!("{} {}", split.name, split.rows)).collect::<Vec<_>>().join(", "),
            datasets::few(&summary.labels),
            summary.format.clone(),
            bytes(summary.bytes),
            entry.origin.label().into(),
        ],
        None => vec![entry.name.clone(), "can't be used".into()],
    });
    let mut out = stdout().lock();
    write!(out, "{}", columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>()))?;
    for entry in entries.iter().filter(|entry| entry.summary.is_none()) {
        writeln!(out, "\n{}: {}", entry.name, entry.problem)?;
    }
    Ok(())
}

fn add(shelf: &DatasetShelf, source: &str, new: &NewDataset, json: bool) -> Result<(), Failure> {
    let cancel = stop_flag();
    let mut meter = DownloadMeter::new(stderr().is_terminal());
    let added = shelf.add(source, new, &mut |progress| meter.show(progress, &cancel, &mut stderr().lock()));
    meter.clear(&mut stderr().lock());
    match added {
        Ok(entry) => show(&entry, json),
        Err(StudyError::Stopped) => {
            complain(&format!("stopped; what came is kept. To go on: rankscope datasets add {source}"));
            Err(Failure::Code(super::FAILED))
        }
        Err(StudyError::Invalid(errors)) => Err(Failure::Input(errors)),
        Err(other) => Err(Failure::Failed(other.to_string())),
    }
}

fn remove(shelf: &DatasetShelf, name: &str, studies: &std::path::Path, json: bool) -> Result<(), Failure> {
    if let Some(entry) = shelf.find(name) {
        let using = studies_using_dataset(studies, &entry);
        if entry.origin.is_removable() && !using.is_empty() {
            return Err(datasets::in_use(name, &using).into());
        }
    }
    let freed = shelf.remove(name).map_err(|error| match error {
        StudyError::Invalid(errors) => Failure::Input(errors),
        other => Failure::Failed(other.to_string()),
    })?;
    if json {
        return print_json(&serde_json::json!({ "removed": name, "freed_bytes": freed }));
    }
    writeln!(stdout(), "{name} is removed; {} freed", bytes(freed))?;
    Ok(())
}

fn show(entry: &DatasetEntry, json: bool) -> Result<(), Failure> {
    if json {
        return print_json(entry);
    }
    let Some(summary) = &entry.summary else {
        return Err(Failure::Failed(format!("{}: {}", entry.name, entry.problem)));
    };
    let mut out = stdout().lock();
    let facts = [
        ("name", entry.name.clone()),
        ("data.source", entry.source.clone()),
        ("from", entry.origin.label().into()),
        ("format", summary.format.clone()),
        ("size", bytes(summary.bytes)),
        ("SHA-256", summary.sha256.clone()),
        ("text column", summary.text_column.clone()),
        ("label column", summary.label_column.clone()),
        ("labels", summary.labels.join(", ")),
    ];
    for (name, value) in facts {
        writeln!(out, "{name:12}  {value}")?;
    }
    writeln!(out, "\n{}", columns(&split_rows(summary)))?;
    for split in summary.splits.iter().filter(|split| !split.problem.is_empty()) {
        writeln!(out, "The split {} can't be used: {}", split.name, split.problem)?;
    }
    for column in &summary.other_columns {
        let values: Vec<String> = column.values.iter().map(|(value, count)| format!("{value} ({count})")).collect();
        writeln!(out, "Column {}: {} different values, most often {}", column.name, column.different, values.join(", "))?;
    }
    Ok(())
}

/// A table of the splits: rows, each label's, and lengths.
fn split_rows(summary: &DatasetSummary) -> Vec<Vec<String>> {
    let head = ["split", "rows"].map(String::from).into_iter().chain(summary.labels.iter().cloned());
    let head = head.chain(["mean length", "longest"].map(String::from)).collect();
    let rows = summary.splits.iter().filter(|split| split.problem.is_empty()).map(|split| {
        let counts = split.label_counts.iter().map(u64::to_string);
        [split.name.clone(), split.rows.to_string()]
            .into_iter()
            .chain(counts)
            .chain([format!("{:.0}", split.mean_length), split.longest.to_string()])
            .collect()
    });
    std::iter::once(head).chain(rows).collect()
}

fn print_json<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Failed(error.to_string()))?;
    writeln!(stdout(), "{text}")?;
    Ok(())
}
