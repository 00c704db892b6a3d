//! Labelled texts of a classification study: read from their files, every row checked, and divided into groups.

mod added;
mod builtin;
mod card;
mod cell;
mod columns;
mod csv;
mod file;
mod grouping;
mod jsonl;
mod labelled;
mod labels;
mod layout;
mod parquet;
mod selection;
mod source;
mod split;
mod summary;
#[cfg(test)]
mod tests;

pub(crate) use added::{AddedSet, AddedSets, is_name, name_from};
pub(crate) use labelled::{NamedRow, WantedColumn, read_columns};
pub(crate) use selection::subset;

use crate::{Environment, dataset_shelf::NewDataset};
use columns::Columns;
use grouping::Grouping;
use labels::Labels;
use rankscope_domain::{
    FieldErrors,
    class_results::FractionCount,
    classification::{BUILTIN_DATASET, Data, GroupBy, Groups},
    dataset::{DatasetSummary, GroupCount, LabelledText},
    estimate::DataCounts,
    provenance::FileHash,
};
use selection::stratified;
use source::Source;
use split::{RawRow, Split};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
};

/// The examples of a study, chosen and divided as its recipe says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChosenData {
    /// In the order of their numbers.
    pub(crate) labels: Vec<String>,
    /// Number of the label that counts as positive.
    pub(crate) positive: u32,
    pub(crate) train: Vec<LabelledText>,
    pub(crate) test: Vec<LabelledText>,
    /// Majority, minority, and the others by their training examples.
    pub(crate) groups: Vec<GroupCount>,
    pub(crate) minority: String,
    pub(crate) majority: String,
    /// "its label", "the column place", "the words of each group"
    pub(crate) grouped_by: String,
    /// What was read, as the recipe calls it, with the file's name in a directory.
    pub(crate) files: Vec<FileHash>,
    /// The texts come with the program.
    pub(crate) builtin: bool,
    /// What a reader of the results should know of the data.
    pub(crate) notes: Vec<String>,
}

/// Reads the recipe's texts, checks every row, groups them and keeps as many as it says. Nothing is fetched.
pub(crate) fn load(data: &Data, groups: &Groups, environment: &Environment) -> Result<ChosenData, FieldErrors> {
    let source = Source::of(&data.source, environment)?;
    let chosen = source.choose(data)?;
    let group = groups.column.as_deref().filter(|_| groups.by == GroupBy::Column);
    let columns = Columns {
        text: data.text_column.as_deref().or(source.text_column.as_deref()),
        label: data.label_column.as_deref().or(source.label_column.as_deref()),
        group,
    };
    let (train_rows, found) = read(&chosen.train, &columns)?;
    let test_rows = chosen.test.as_ref().map(|test| read(test, &columns)).transpose()?.map(|(rows, _)| rows);

    let own = found.class_names.as_ref().or_else(|| source.class_names.get(&found.label_column));
    let given = if data.label_names.is_empty() { &source.label_names } else { &data.label_names };
    let mut parts: Vec<(&Split, &[RawRow])> = vec![(&chosen.train, &train_rows)];
    parts.extend(chosen.test.as_ref().zip(test_rows.as_deref()));
    let labels = Labels::of(&parts, given, own.map(Vec::as_slice))?;
    let positive = positive(data, &labels.names)?;

    let mut grouping = Grouping::new(groups, &labels.names);
    let mut train = label(train_rows, &labels, &mut grouping);
    let mut test = match test_rows {
        Some(rows) => label(rows, &labels, &mut grouping),
        None => share(&mut train, data),
    };
    limit(&mut train, data.train_limit, "train_limit", data.selection_seed);
    limit(&mut test, data.test_limit, "test_limit", data.selection_seed);
    check_labels(&labels.names, &train, &test, &chosen)?;
    let counts = grouping::ordered(groups, &labels.names, &train, &test)?;

    let notes = notes(&grouping, groups, &train, &test);
    let mut files = Vec::new();
    for split in [Some(&chosen.train), chosen.test.as_ref()].into_iter().flatten() {
        for file in &split.files {
            if !files.iter().any(|known: &FileHash| known.name == file.name) {
                let (sha256, _) = file.hash().map_err(|problem| FieldErrors::one(split.field, &file.name, problem))?;
                files.push(FileHash { name: file.name.clone(), sha256 });
            }
        }
    }
    Ok(ChosenData {
        positive,
        minority: counts[1].group.clone(),
        majority: counts[0].group.clone(),
        grouped_by: grouping::grouped_by(groups),
        builtin: data.source.trim() == BUILTIN_DATASET,
        labels: labels.names,
        train,
        test,
        groups: counts,
        files,
        notes,
    })
}

/// What a study of these data will have: examples by label and group, and what each fraction leaves.
pub(crate) fn counts(chosen: &ChosenData, groups: &Groups) -> DataCounts {
    let of_label = |texts: &[LabelledText], number: usize| texts.iter().filter(|text| text.label as usize == number).count() as u32;
    let labels = chosen.labels.iter().enumerate().map(|(number, label)| GroupCount {
        group: label.clone(),
        train: of_label(&chosen.train, number),
        test: of_label(&chosen.test, number),
    });
    let minority = chosen.groups.iter().find(|count| count.group == chosen.minority).map_or(0, |count| count.train);
    let fractions = groups.fractions().into_iter().map(|fraction| {
        let minority_examples = fraction.of(minority as usize) as u32;
        FractionCount { fraction, minority_examples, train_examples: chosen.train.len() as u32 - minority + minority_examples }
    });
    DataCounts {
        train_examples: chosen.train.len() as u32,
        test_examples: chosen.test.len() as u32,
        labels: labels.collect(),
        groups: chosen.groups.clone(),
        minority: chosen.minority.clone(),
        majority: chosen.majority.clone(),
        fractions: fractions.collect(),
    }
}

/// What is in a file or a directory, every row read and checked; `shown`: as errors call it.
pub(crate) fn summarise(path: &Path, shown: &str, new: &NewDataset) -> Result<DatasetSummary, FieldErrors> {
    let given = |text: &str| Some(text.trim().to_string()).filter(|text| !text.is_empty());
    let data = Data {
        label_names: new.label_names.clone(),
        text_column: given(&new.text_column),
        label_column: given(&new.label_column),
        ..Data::default()
    };
    summary::of(&Source::at(path, shown, shown)?, &data)
}

/// The built-in set's.
pub(crate) fn summarise_builtin() -> Result<DatasetSummary, FieldErrors> {
    summary::of(&Source::builtin(), &Data::default())
}

/// Where the files of a set lie in its folder.
pub(crate) fn files_folder(folder: &Path) -> PathBuf {
    folder.join(added::FILES)
}

/// A file's name without folders or signs that could lead elsewhere, its kind kept; `None`: not a kind that is read.
pub(crate) fn plain_file_name(sent: &str) -> Option<String> {
    let last = sent.rsplit(['/', '\\']).next()?;
    let (_, extension) = last.rsplit_once('.')?;
    let extension = extension.to_ascii_lowercase();
    file::Format::of(Path::new(&format!("x.{extension}")))?;
    let stem = name_from(last);
    Some(format!("{}.{extension}", if stem.is_empty() { "set" } else { &stem }))
}

fn read(split: &Split, columns: &Columns<'_>) -> Result<(Vec<RawRow>, split::Found), FieldErrors> {
    let mut rows = Vec::new();
    let found = split.read(columns, false, &mut |row, _| {
        rows.push(row);
        Ok(())
    })?;
    Ok((rows, found))
}

fn positive(data: &Data, labels: &[String]) -> Result<u32, FieldErrors> {
    match data.positive_label.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
        None => Ok(labels.len() as u32 - 1),
        Some(name) => match labels.iter().position(|label| label == name) {
            Some(place) => Ok(place as u32),
            None => Err(FieldErrors::one("data.positive_label", name, format!("Write one of the labels: {}.", labels.join(", ")))),
        },
    }
}

fn label(rows: Vec<RawRow>, labels: &Labels, grouping: &mut Grouping<'_>) -> Vec<LabelledText> {
    let texts = rows.into_iter().enumerate().map(|(id, row)| {
        // every label of every row has its number, or there are none
        let label = labels.number(&row.label).unwrap_or_default();
        let group = grouping.group(&row.text, label, row.group);
        LabelledText { id: id as u32, row: row.row, text: row.text, label, group }
    });
    texts.collect()
}

/// Takes the share for testing out of a set in one piece.
fn share(all: &mut Vec<LabelledText>, data: &Data) -> Vec<LabelledText> {
    let count = (all.len() as f64 * data.test_share).round() as usize;
    let places: HashSet<usize> = stratified(all, count, "test_share", data.selection_seed).into_iter().collect();
    let (test, train): (Vec<_>, Vec<_>) = std::mem::take(all).into_iter().enumerate().partition(|(place, _)| places.contains(place));
    let numbered = |texts: Vec<(usize, LabelledText)>| {
        texts.into_iter().enumerate().map(|(id, (_, text))| LabelledText { id: id as u32, ..text }).collect::<Vec<_>>()
    };
    *all = numbered(train);
    numbered(test)
}

fn limit(texts: &mut Vec<LabelledText>, limit: Option<u32>, purpose: &str, seed: u64) {
    let Some(limit) = limit.map(|limit| limit as usize).filter(|limit| *limit < texts.len()) else { return };
    let places = stratified(texts, limit, purpose, seed);
    let mut all: Vec<Option<LabelledText>> = std::mem::take(texts).into_iter().map(Some).collect();
    let kept = places.into_iter().filter_map(|place| all[place].take());
    *texts = kept.enumerate().map(|(id, text)| LabelledText { id: id as u32, ..text }).collect();
}

/// A label that is nowhere can't be learnt.
fn check_labels(names: &[String], train: &[LabelledText], test: &[LabelledText], chosen: &source::Chosen) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::default();
    let file = chosen.train.files.first().map(|file| file.name.clone()).unwrap_or_default();
    if test.is_empty() {
        errors.push("data.test_share", "", "No examples are left to test on; raise the share, or give a test split.");
    }
    let used: HashSet<u32> = train.iter().map(|text| text.label).collect();
    for (number, name) in names.iter().enumerate() {
        if !used.contains(&(number as u32)) {
            let remedy = format!(
                "None of the {} training examples has the label {name:?}; raise data.train_limit, or take it out of the set and of data.label_names.",
                train.len()
            );
            errors.push(chosen.train.field, &file, remedy);
        }
    }
    errors.into_result(())
}

fn notes(grouping: &Grouping<'_>, groups: &Groups, train: &[LabelledText], test: &[LabelledText]) -> Vec<String> {
    let mut notes = Vec::new();
    let oddities = &grouping.oddities;
    if oddities.of_two_groups > 0 {
        notes.push(format!(
            "{} texts have words of more than one group; each counts to the first that the recipe lists.",
            oddities.of_two_groups
        ));
    }
    if oddities.without_value > 0 {
        let column = groups.column.as_deref().unwrap_or_default();
        notes.push(format!("{} rows have nothing in the column {column}; they count to the group other.", oddities.without_value));
    }
    let mut labels: HashMap<&str, u32> = HashMap::new();
    let mut contradicting = 0;
    for text in train {
        contradicting += u64::from(*labels.entry(&text.text).or_insert(text.label) != text.label);
    }
    if contradicting > 0 {
        notes.push(format!("{contradicting} training texts stand there more than once with different labels."));
    }
    let repeated = test.iter().filter(|text| labels.contains_key(text.text.as_str())).count();
    if repeated > 0 {
        notes.push(format!("{repeated} of {} test texts are among the training texts too, word for word.", test.len()));
    }
    let few: BTreeMap<&str, usize> = test.iter().fold(BTreeMap::new(), |mut counts, text| {
        *counts.entry(text.group.as_str()).or_default() += 1;
        counts
    });
    for (group, count) in few.into_iter().filter(|(_, count)| *count < 10) {
        notes.push(format!("The group {group} has only {count} test examples: its figures say little."));
    }
    notes
}

/// Of a hub repository's files, those that hold the set, by what its README.md says and by their names.
pub(crate) fn plan_of_files(names: &[String], card: &str) -> Result<Vec<String>, String> {
    Ok(layout::plan(names, &card::Card::of(card))?.into_values().flatten().collect())
}
