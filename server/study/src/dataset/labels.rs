//! From labels as they are written to numbers and their names.

use super::split::{RawLabel, RawRow, Split};
use rankscope_domain::FieldErrors;
use std::collections::{BTreeMap, BTreeSet};

/// Most labels, as in a recipe's `label_names`.
pub(super) const LABELS_LIMIT: usize = 50;

/// The labels in the order of their numbers, and the number of each as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Labels {
    pub(super) names: Vec<String>,
    numbers: BTreeMap<RawLabel, u32>,
}

impl Labels {
    pub(super) fn number(&self, label: &RawLabel) -> Option<u32> {
        self.numbers.get(label).copied()
    }

    /// Of all rows that are read. `given`: the recipe's names; `own`: the set's.
    pub(super) fn of(parts: &[(&Split, &[RawRow])], given: &[String], own: Option<&[String]>) -> Result<Self, FieldErrors> {
        // the first row of each, for the error that names it
        let mut first: BTreeMap<&RawLabel, (&Split, &RawRow)> = BTreeMap::new();
        for (split, rows) in parts {
            for row in *rows {
                if !first.contains_key(&row.label) {
                    first.insert(&row.label, (split, row));
                    if first.len() > LABELS_LIMIT {
                        return Err(refuse(
                            split,
                            row,
                            format!(
                                "this is label number {} of the set; at most {LABELS_LIMIT} are read. Does the column hold labels?",
                                first.len()
                            ),
                        ));
                    }
                }
            }
        }
        // a CSV file does not tell numbers from words
        let written = |label: &RawLabel| match label {
            RawLabel::Text(text) => whole_number(text),
            RawLabel::Whole(value) => Some(*value),
            RawLabel::Truth(_) => None,
        };
        let is_text_file =
            parts.iter().all(|(split, _)| split.files.iter().all(|file| matches!(file.format, super::file::Format::Csv { .. })));
        let numeric = first.keys().all(|label| if is_text_file { written(label).is_some() } else { matches!(label, RawLabel::Whole(_)) });
        let kinds: BTreeSet<_> = first.keys().map(|label| std::mem::discriminant(*label)).map(|kind| format!("{kind:?}")).collect();
        if kinds.len() > 1 {
            let Some((split, row)) = first.values().max_by_key(|(_, row)| row.row).copied() else { return Err(FieldErrors::default()) };
            return Err(refuse(
                split,
                row,
                format!(
                    "the label {} is of another kind than others; write all as numbers, all as texts, or all as true and false.",
                    shown(&row.label)
                ),
            ));
        }
        let given: Vec<String> = given.iter().map(|name| name.trim().to_string()).collect();
        let (names, numbers) = if numeric {
            let values: BTreeMap<&RawLabel, i64> = first.keys().filter_map(|label| Some((*label, written(label)?))).collect();
            if let Some((label, _)) = values.iter().find(|(_, value)| **value == -1) {
                let (split, row) = first[label];
                return Err(refuse(
                    split,
                    row,
                    "the label is -1, which is how hub sets write that a label is missing; choose another split, or write the label."
                        .into(),
                ));
            }
            let named = if given.is_empty() { own.map(<[String]>::to_vec).unwrap_or_default() } else { given };
            numbered(&first, &values, named)?
        } else {
            named(&first, given)?
        };
        if names.len() < 2 {
            let (split, row) = first.values().next().copied().ok_or_else(FieldErrors::default)?;
            return Err(refuse(
                split,
                row,
                format!("all rows have the label {}; a study tells at least two labels apart.", shown(&row.label)),
            ));
        }
        Ok(Self { names, numbers })
    }
}

type First<'a> = BTreeMap<&'a RawLabel, (&'a Split, &'a RawRow)>;

fn numbered(
    first: &First<'_>,
    values: &BTreeMap<&RawLabel, i64>,
    names: Vec<String>,
) -> Result<(Vec<String>, BTreeMap<RawLabel, u32>), FieldErrors> {
    if names.is_empty() {
        let distinct: BTreeSet<i64> = values.values().copied().collect();
        let place = |value: &i64| distinct.iter().position(|known| known == value).unwrap_or(0) as u32;
        let numbers = values.iter().map(|(label, value)| ((*label).clone(), place(value))).collect();
        return Ok((distinct.iter().map(i64::to_string).collect(), numbers));
    }
    let mut numbers = BTreeMap::new();
    for (label, value) in values {
        match u32::try_from(*value) {
            Ok(number) if (number as usize) < names.len() => numbers.insert((*label).clone(), number),
            _ => {
                let (split, row) = first[label];
                let problem = format!(
                    "the label {value} has no name: there are {} names ({}), for 0 to {}. Mend the label or data.label_names.",
                    names.len(),
                    names.join(", "),
                    names.len() - 1
                );
                return Err(refuse(split, row, problem));
            }
        };
    }
    Ok((names, numbers))
}

fn named(first: &First<'_>, given: Vec<String>) -> Result<(Vec<String>, BTreeMap<RawLabel, u32>), FieldErrors> {
    // sorted as they are written; false comes before true
    let names = if given.is_empty() { first.keys().map(|label| shown(label)).collect() } else { given };
    let mut numbers = BTreeMap::new();
    for (label, (split, row)) in first {
        let Some(number) = names.iter().position(|name| *name == shown(label)) else {
            let problem = format!("{:?} is none of the labels {}; mend the label or data.label_names.", shown(label), names.join(", "));
            return Err(refuse(split, row, problem));
        };
        numbers.insert((*label).clone(), number as u32);
    }
    Ok((names, numbers))
}

fn whole_number(text: &str) -> Option<i64> {
    // pandas writes whole numbers of a column with gaps as 1.0
    text.parse().ok().or_else(|| text.strip_suffix(".0")?.parse().ok())
}

fn shown(label: &RawLabel) -> String {
    match label {
        RawLabel::Truth(value) => value.to_string(),
        RawLabel::Whole(value) => value.to_string(),
        RawLabel::Text(text) => text.clone(),
    }
}

fn refuse(split: &Split, row: &RawRow, problem: String) -> FieldErrors {
    FieldErrors::one(split.field, &split.files[row.file].name, format!("{}, label: {problem}", row.place))
}
