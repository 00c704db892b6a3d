//! What is in a set: every row of every split read, and counted.

use super::{
    cell::Cell,
    columns::Columns,
    labels::{LABELS_LIMIT, Labels},
    source::Source,
    split::{Found, RawLabel, RawRow, Split},
};
use rankscope_domain::{
    FieldErrors,
    classification::Data,
    dataset::{ColumnSummary, DatasetSummary, ExampleRow, SplitSummary},
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Bins of a length histogram.
const LENGTH_BINS: usize = 24;
/// Different values of a column that are counted; of these, so many are told.
const VALUES_COUNTED: usize = 1_000;
const VALUES_TOLD: usize = 10;
/// Examples of each label, of a split, and where their texts are cut, characters.
const EXAMPLES_OF_A_LABEL: usize = 2;
const EXAMPLES: usize = 8;
const EXAMPLE_LENGTH: usize = 400;

/// What one split turned out to hold, labels as they are written.
struct Counted {
    split: Split,
    found: Found,
    /// How often each label is there, and the first rows of it.
    labels: BTreeMap<RawLabel, (u64, Vec<RawRow>)>,
    lengths: Vec<u32>,
}

/// Values of a column with how often they are there; counted until there are too many.
type Values = HashMap<String, u64>;

/// Reads a whole set. The splits that a study would use by itself must be right in every row; another one that is not is
/// listed with what is wrong with it.
pub(super) fn of(source: &Source, given: &Data) -> Result<DatasetSummary, FieldErrors> {
    let chosen = source.choose(given)?;
    let columns = Columns {
        text: given.text_column.as_deref().or(source.text_column.as_deref()),
        label: given.label_column.as_deref().or(source.label_column.as_deref()),
        group: None,
    };
    let mut others: BTreeMap<String, Values> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    let mut counted: Vec<(String, Result<Counted, FieldErrors>)> = Vec::new();
    for name in source.splits.keys() {
        let Some(split) = source.split(name, "data.source") else { continue };
        let is_needed = split.files == chosen.train.files && split.only == chosen.train.only
            || chosen.test.as_ref().is_some_and(|test| test.files == split.files && test.only == split.only);
        let one = count(split, &columns, &mut others, &mut order);
        if let (Err(errors), true) = (&one, is_needed) {
            return Err(errors.clone());
        }
        counted.push((name.clone(), one));
    }

    let representatives: Vec<(&Split, Vec<RawRow>)> = counted
        .iter()
        .filter_map(|(_, one)| one.as_ref().ok())
        .map(|one| (&one.split, one.labels.values().filter_map(|(_, rows)| rows.first().cloned()).collect()))
        .collect();
    let parts: Vec<(&Split, &[RawRow])> = representatives.iter().map(|(split, rows)| (*split, rows.as_slice())).collect();
    let first = counted.iter().find_map(|(_, one)| one.as_ref().ok()).map(|one| one.found.clone()).unwrap_or_default();
    let own = first.class_names.as_ref().or_else(|| source.class_names.get(&first.label_column));
    let names = if given.label_names.is_empty() { &source.label_names } else { &given.label_names };
    let labels = Labels::of(&parts, names, own.map(Vec::as_slice))?;

    let (sha256, bytes, format) = identity(source)?;
    let mut splits: Vec<SplitSummary> = counted.into_iter().map(|(name, one)| summary_of(name, one, &labels)).collect();
    // in the order of use
    splits.sort_by_key(|split| {
        (["all", "train", "validation", "test"].iter().position(|known| *known == split.name).unwrap_or(9), split.name.clone())
    });
    Ok(DatasetSummary {
        format,
        bytes,
        sha256,
        text_column: first.text_column,
        label_column: first.label_column,
        other_columns: order.iter().filter_map(|name| Some(column_summary(name, others.get(name)?))).collect(),
        labels: labels.names,
        splits,
    })
}

fn count(
    split: Split,
    columns: &Columns<'_>,
    others: &mut BTreeMap<String, Values>,
    order: &mut Vec<String>,
) -> Result<Counted, FieldErrors> {
    let mut labels: BTreeMap<RawLabel, (u64, Vec<RawRow>)> = BTreeMap::new();
    let mut lengths = Vec::new();
    let found = split.read(columns, true, &mut |row, cells| {
        lengths.push(row.text.chars().count() as u32);
        for (name, cell) in cells {
            if !others.contains_key(*name) {
                order.push((*name).to_string());
                others.insert((*name).to_string(), Values::new());
            }
            if let Some(values) = others.get_mut(*name)
                && !matches!(cell, Cell::Missing | Cell::Other(_))
            {
                let value = cell.shown();
                if values.len() < VALUES_COUNTED || values.contains_key(&value) {
                    *values.entry(value).or_default() += 1;
                }
            }
        }
        if let Some((count, rows)) = labels.get_mut(&row.label) {
            *count += 1;
            if rows.len() < EXAMPLES_OF_A_LABEL {
                rows.push(row);
            }
        } else if labels.len() > LABELS_LIMIT {
            return Err(format!(
                ", label: the set has more than {LABELS_LIMIT} labels; at most that many are read. Does the column hold labels?"
            ));
        } else {
            labels.insert(row.label.clone(), (1, vec![row]));
        }
        Ok(())
    })?;
    Ok(Counted { split, found, labels, lengths })
}

fn summary_of(name: String, counted: Result<Counted, FieldErrors>, labels: &Labels) -> SplitSummary {
    let counted = match counted {
        Ok(counted) => counted,
        Err(errors) => {
            let problem = errors.0.first().map(ToString::to_string).unwrap_or_default();
            return SplitSummary { name, problem, ..SplitSummary::default() };
        }
    };
    let mut label_counts = vec![0; labels.names.len()];
    let mut examples = Vec::new();
    for (label, (count, rows)) in &counted.labels {
        let Some(number) = labels.number(label).map(|number| number as usize) else { continue };
        label_counts[number] += count;
        examples.extend(rows.iter().map(|row| ExampleRow { row: row.row, text: cut(&row.text), label: labels.names[number].clone() }));
    }
    examples.sort_by_key(|example| example.row);
    examples.truncate(EXAMPLES);
    let longest = counted.lengths.iter().copied().max().unwrap_or(0);
    let mut length_bins = vec![0; LENGTH_BINS];
    for length in &counted.lengths {
        let bin = u64::from(*length) * LENGTH_BINS as u64 / (u64::from(longest) + 1);
        length_bins[bin as usize] += 1;
    }
    let sum: u64 = counted.lengths.iter().map(|length| u64::from(*length)).sum();
    SplitSummary {
        name,
        rows: counted.found.rows,
        label_counts,
        length_bins,
        longest: longest.into(),
        mean_length: sum as f64 / counted.lengths.len().max(1) as f64,
        examples,
        problem: String::new(),
    }
}

fn column_summary(name: &str, values: &Values) -> ColumnSummary {
    let mut sorted: Vec<(String, u64)> = values.iter().map(|(value, count)| (value.clone(), *count)).collect();
    sorted.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    sorted.truncate(VALUES_TOLD);
    ColumnSummary { name: name.into(), different: values.len() as u32, values: sorted }
}

fn cut(text: &str) -> String {
    if text.chars().count() > EXAMPLE_LENGTH { text.chars().take(EXAMPLE_LENGTH).chain(['…']).collect() } else { text.into() }
}

/// SHA-256, bytes and kind. Of several files, the hash is that of lines "HASH  NAME" in the order of the names.
fn identity(source: &Source) -> Result<(String, u64, String), FieldErrors> {
    let mut files: Vec<_> = source.splits.values().flatten().collect();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files.dedup_by(|one, other| one.path == other.path);
    let mut list = Sha256::new();
    let mut only = String::new();
    let mut total = 0;
    for file in &files {
        let (hash, bytes) = file.hash().map_err(|problem| FieldErrors::one("data.source", &file.name, problem))?;
        let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        list.update(format!("{hash}  {name}\n"));
        only = hash;
        total += bytes;
    }
    if files.len() > 1 {
        only = list.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    }
    let format = files.first().map_or("", |file| if file.builtin.is_some() { "builtin" } else { file.format.name() });
    Ok((only, total, format.into()))
}
