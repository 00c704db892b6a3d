//! What `data.source` names, as files by split.

use super::{
    added::AddedSets,
    builtin,
    file::{DataFile, Format},
    layout::{self, Layout, ONE_PIECE, Splits},
    split::Split,
};
use crate::{
    Environment,
    hub::{self, HubSettings, HubSource},
};
use rankscope_domain::{
    FieldErrors,
    classification::{ADDED_DATASET, BUILTIN_DATASET, Data},
};
use std::{collections::BTreeMap, path::Path};

/// How a set of the hub is written.
pub(super) const HUB_PREFIX: &str = "hf:";
const SOURCE: &str = "data.source";

/// The files of a source, and what is known of them beyond what they say themselves.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) splits: Splits,
    /// A recipe may say otherwise.
    pub(super) label_names: Vec<String>,
    pub(super) text_column: Option<String>,
    pub(super) label_column: Option<String>,
    /// By column, from a card.
    pub(super) class_names: BTreeMap<String, Vec<String>>,
    /// Splits are told apart by a column of one file.
    split_column: bool,
}

/// Where the examples come from.
pub(super) struct Chosen {
    pub(super) train: Split,
    /// Absent: a share of `train`.
    pub(super) test: Option<Split>,
}

impl Source {
    pub(super) fn of(text: &str, environment: &Environment) -> Result<Self, FieldErrors> {
        let text = text.trim();
        if text == BUILTIN_DATASET {
            return Ok(Self::builtin());
        }
        if let Some(name) = text.strip_prefix(ADDED_DATASET) {
            let sets = AddedSets::new(&environment.datasets);
            let Some(record) = sets.read(name) else {
                let there = sets.names();
                let list = if there.is_empty() { "none has been added yet".into() } else { format!("there are: {}", there.join(", ")) };
                let remedy =
                    format!("No set of this name was added to this program; {list}. `rankscope datasets add PATH --name {name}` adds one.");
                return Err(FieldErrors::one(SOURCE, text, remedy));
            };
            let mut source = Self::at(&sets.files(&record), text, text)?;
            source.label_names = record.label_names;
            source.text_column = record.text_column;
            source.label_column = record.label_column;
            return Ok(source);
        }
        if text.starts_with(HUB_PREFIX) {
            let settings = HubSettings::from_environment();
            let hub = HubSource::dataset(text).map_err(|_| {
                FieldErrors::one(
                    SOURCE,
                    text,
                    "This is no set of the hub: write hf:ORG/NAME or hf:ORG/NAME@REVISION, as in hf:stanfordnlp/sst2@main.",
                )
            })?;
            let cached = hub::cached(&hub, &settings).ok_or_else(|| {
                let remedy = format!("This set of the hub is not on this machine; `rankscope datasets add {text}` fetches it.");
                FieldErrors::one(SOURCE, text, remedy)
            })?;
            return Self::at(&cached.path, text, text);
        }
        Self::at(Path::new(text), text, text)
    }

    pub(super) fn builtin() -> Self {
        Self { splits: builtin::splits(), split_column: true, ..Self::default() }
    }

    /// A file or a directory; `shown`: as errors and provenance call it.
    pub(super) fn at(path: &Path, shown: &str, value: &str) -> Result<Self, FieldErrors> {
        let refuse = |remedy: String| FieldErrors::one(SOURCE, value, remedy);
        if path.is_dir() {
            let Layout { splits, label_names } = layout::of_directory(path, shown).map_err(refuse)?;
            return Ok(Self { splits, class_names: label_names, ..Self::default() });
        }
        let file = one_file(path, shown).map_err(refuse)?;
        Ok(Self { splits: Splits::from([(ONE_PIECE.into(), vec![file])]), ..Self::default() })
    }

    fn names(&self) -> String {
        self.splits.keys().cloned().collect::<Vec<_>>().join(", ")
    }

    pub(super) fn split(&self, name: &str, field: &'static str) -> Option<Split> {
        let (known, files) = self.splits.get_key_value(name)?;
        let only = self.split_column.then(|| builtin::SPLITS.into_iter().find(|split| split == known)).flatten();
        Some(Split { field, files: files.clone(), only })
    }

    /// The splits that a recipe chooses, or those that are usual.
    pub(super) fn choose(&self, data: &Data) -> Result<Chosen, FieldErrors> {
        let given = |name: &Option<String>| name.as_deref().map(str::trim).filter(|name| !name.is_empty()).map(String::from);
        let named = |name: &str, field: &'static str| {
            self.split(name, SOURCE).ok_or_else(|| {
                let remedy = if self.splits.len() == 1 && self.splits.contains_key(ONE_PIECE) {
                    "This set is in one piece and has no splits; leave the field out.".into()
                } else {
                    format!("There is no such split; there are: {}.", self.names())
                };
                FieldErrors::one(field, name, remedy)
            })
        };
        let train = match given(&data.train_split) {
            Some(name) => named(&name, "data.train_split")?,
            None if self.splits.contains_key("train") => named("train", "data.train_split")?,
            None if self.splits.len() == 1 => {
                let only = self.splits.keys().next().cloned().unwrap_or_default();
                named(&only, "data.train_split")?
            }
            None => {
                let remedy = format!("The set has no split called train; it has: {}. Name one in data.train_split.", self.names());
                return Err(FieldErrors::one("data.train_split", "", remedy));
            }
        };
        let test = if let Some(path) = given(&data.test_path) {
            let file = one_file(Path::new(&path), &path).map_err(|remedy| FieldErrors::one("data.test_path", &path, remedy))?;
            Some(Split { field: "data.test_path", files: vec![file], only: None })
        } else if let Some(name) = given(&data.test_split) {
            Some(named(&name, "data.test_split")?)
        } else {
            let is_new = |split: &Split| split.files != train.files || split.only != train.only;
            ["validation", "test"].into_iter().find_map(|name| self.split(name, SOURCE)).filter(is_new)
        };
        if test.as_ref().is_some_and(|test| test.files == train.files && test.only == train.only) {
            let remedy = "The test examples must not be those that are trained on: name another split or file.";
            let field = if data.test_path.is_some() { "data.test_path" } else { "data.test_split" };
            return Err(FieldErrors::one(field, data.test_path.as_deref().or(data.test_split.as_deref()).unwrap_or_default(), remedy));
        }
        Ok(Chosen { train, test })
    }
}

fn one_file(path: &Path, shown: &str) -> Result<DataFile, String> {
    if !path.exists() {
        return Err(
            "There is no such file or directory. Write the path of a JSONL, CSV or parquet file, or of a directory in the hub's layout; \
                    \"builtin\"; dataset:NAME for a set that was added; or hf:ORG/NAME for one of the hub."
                .into(),
        );
    }
    if !path.is_file() {
        return Err("This is no file; give the path of a JSONL, CSV or parquet file.".into());
    }
    let format = Format::of(path).ok_or(
        "The name must end in .jsonl, .ndjson, .json, .csv, .tsv or .parquet, which says how the file is read; rename or convert it.",
    )?;
    Ok(DataFile { path: path.into(), name: shown.into(), format, builtin: None })
}
