//! The rows of a split: its files one after another, every row checked.

use super::{
    cell::Cell,
    columns::Columns,
    file::{DataFile, Header, Place, Row},
};
use rankscope_domain::FieldErrors;
use rankscope_engine::Flow;

/// Most rows of a split; longest text, and all texts of a split together, bytes.
pub(super) const ROWS_LIMIT: u64 = 5_000_000;
pub(super) const TEXT_LIMIT: usize = 1 << 20;
const TEXTS_LIMIT: usize = 4 << 30;
/// Longest label, characters.
const LABEL_LIMIT: usize = 100;
/// Most errors told at once.
const ERRORS_LIMIT: usize = 20;
/// What the hub's test splits have where their labels are kept secret.
const HIDDEN_LABEL: i64 = -1;

/// A label as it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum RawLabel {
    Truth(bool),
    Whole(i64),
    Text(String),
}

/// A row whose text and label are there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RawRow {
    /// From 0, over all files of the split.
    pub(super) row: u64,
    /// Which of the split's files, and where in it.
    pub(super) file: usize,
    pub(super) place: Place,
    pub(super) text: String,
    pub(super) label: RawLabel,
    /// What the group's column says, where one is asked for and it says something.
    pub(super) group: Option<String>,
}

/// What all rows of a split share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Split {
    /// The recipe's field that leads to it.
    pub(super) field: &'static str,
    pub(super) files: Vec<DataFile>,
    /// Of a text file that has all splits in one: what its column `split` says of this one.
    pub(super) only: Option<&'static str>,
}

/// What a split turned out to have.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) rows: u64,
    /// The labels' names that the file itself gives.
    pub(super) class_names: Option<Vec<String>>,
    pub(super) text_column: String,
    pub(super) label_column: String,
    /// All columns of the first file.
    pub(super) columns: Vec<String>,
}

/// The cells that aren't text and label, by name.
pub(super) type Others<'a> = [(&'a str, &'a Cell)];

impl Split {
    /// Reads and checks every row. `visit` also gets the other columns' cells where `all_columns`; an error of its is the row's.
    pub(super) fn read(
        &self,
        columns: &Columns<'_>,
        all_columns: bool,
        visit: &mut dyn FnMut(RawRow, &Others<'_>) -> Result<(), String>,
    ) -> Result<Found, FieldErrors> {
        let mut found = Found::default();
        let mut errors = FieldErrors::default();
        let mut bytes = 0;
        for (index, file) in self.files.iter().enumerate() {
            if let Err(problem) = self.read_file(index, file, columns, all_columns, &mut found, &mut bytes, &mut errors, visit) {
                errors.push(self.field, &file.name, problem);
            }
            if errors.0.len() >= ERRORS_LIMIT {
                break;
            }
        }
        if errors.0.is_empty() && found.rows == 0 {
            let name = self.files.first().map(|file| file.name.clone()).unwrap_or_default();
            errors.push(self.field, name, "There are no rows in it; give a file that has some.");
        }
        errors.into_result(found)
    }

    #[expect(clippy::too_many_arguments, reason = "one file's part of the loop above")]
    fn read_file(
        &self,
        index: usize,
        file: &DataFile,
        columns: &Columns<'_>,
        all_columns: bool,
        found: &mut Found,
        bytes: &mut usize,
        errors: &mut FieldErrors,
        visit: &mut dyn FnMut(RawRow, &Others<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let header = file.header()?;
        if header.names.is_empty() {
            // a file that is broken throughout is told line by line
            return self.tell_lines(file, &header, errors);
        }
        let chosen = columns.find(&header)?;
        if index == 0 {
            found.text_column = header.names[chosen.text].clone();
            found.label_column = header.names[chosen.label].clone();
            found.class_names = header.class_names.get(&found.label_column).cloned();
            found.columns = header.names.clone();
        }
        let split_column = self.only.and_then(|_| header.position("split"));
        let mut wanted: Vec<usize> = if all_columns {
            (0..header.names.len()).collect()
        } else {
            [Some(chosen.text), Some(chosen.label), chosen.group, split_column].into_iter().flatten().collect()
        };
        wanted.sort_unstable();
        wanted.dedup();
        let at = |column: usize| wanted.iter().position(|&known| known == column).unwrap_or(0);
        let (text_at, label_at, group_at, split_at) = (at(chosen.text), at(chosen.label), chosen.group.map(at), split_column.map(at));
        let others: Vec<usize> = if all_columns {
            (0..wanted.len()).filter(|place| ![Some(text_at), Some(label_at), split_at].contains(&Some(*place))).collect()
        } else {
            Vec::new()
        };
        let mut failed = None;
        let mut on_row = |row: Result<Row, String>| -> Flow {
            let told = row.and_then(|mut row| {
                let place = row.place;
                if let (Some(only), Some(at)) = (self.only, split_at)
                    && row.cells[at].shown() != only
                {
                    return Ok(());
                }
                let wrong = |column: usize, problem: String| format!("{place}, column {}: {problem}", header.names[column]);
                let group = group_at.map(|at| row.cells[at].shown()).filter(|group| !group.is_empty());
                let text = text_of(&row.cells[text_at]).map_err(|problem| wrong(chosen.text, problem))?;
                let label = label_of(&row.cells[label_at]).map_err(|problem| wrong(chosen.label, problem))?;
                row.cells[text_at] = Cell::Missing;
                found.rows += 1;
                *bytes += text.len();
                if found.rows > ROWS_LIMIT || *bytes > TEXTS_LIMIT {
                    failed = Some(format!(
                        "At {}: the split has more than {ROWS_LIMIT} rows or {} GiB of text; at most that is read: give fewer.",
                        place.to_string().to_lowercase(),
                        TEXTS_LIMIT >> 30
                    ));
                    return Ok(());
                }
                let others: Vec<(&str, &Cell)> =
                    others.iter().map(|&place| (header.names[wanted[place]].as_str(), &row.cells[place])).collect();
                let raw = RawRow { row: found.rows - 1, file: index, place, text, label, group };
                visit(raw, &others).map_err(|problem| format!("{place}{problem}"))
            });
            if let Err(problem) = told {
                errors.push(self.field, &file.name, problem);
            }
            if failed.is_some() || errors.0.len() >= ERRORS_LIMIT { Flow::Break(()) } else { Flow::Continue(()) }
        };
        file.read(&header, &wanted, &mut on_row)?;
        failed.map_or(Ok(()), Err)
    }

    /// A file without columns: either empty, or none of its lines can be read.
    fn tell_lines(&self, file: &DataFile, header: &Header, errors: &mut FieldErrors) -> Result<(), String> {
        let before = errors.0.len();
        file.read(header, &[], &mut |row| {
            if let Err(problem) = row {
                errors.push(self.field, &file.name, problem);
            }
            if errors.0.len() >= ERRORS_LIMIT { Flow::Break(()) } else { Flow::Continue(()) }
        })?;
        if errors.0.len() == before { Err("There are no rows in it; give a file that has some.".into()) } else { Ok(()) }
    }
}

/// Without white space around it.
fn text_of(cell: &Cell) -> Result<String, String> {
    let text = match cell {
        Cell::Text(text) => text.trim(),
        Cell::Missing => "",
        other => {
            return Err(format!(
                "{} ({}) stands where a text belongs; put it in quotes, or name another text_column.",
                other.shown(),
                other.kind()
            ));
        }
    };
    if text.is_empty() {
        return Err("the text is empty; write some text, or remove the row.".into());
    }
    if text.len() > TEXT_LIMIT {
        return Err(format!("the text has {} bytes; at most {TEXT_LIMIT} are read: shorten it, or remove the row.", text.len()));
    }
    Ok(text.to_string())
}

fn label_of(cell: &Cell) -> Result<RawLabel, String> {
    match cell {
        Cell::Whole(HIDDEN_LABEL) => {
            Err("the label is -1, which is how hub sets write that a label is missing; choose another split, or write \
                                          the label (numbers from 0, or names)."
                .into())
        }
        Cell::Whole(value) => Ok(RawLabel::Whole(*value)),
        Cell::Truth(value) => Ok(RawLabel::Truth(*value)),
        Cell::Text(text) if text.trim().chars().count() > LABEL_LIMIT => Err(format!(
            "the label has {} characters; at most {LABEL_LIMIT} are read: does the column hold labels?",
            text.trim().chars().count()
        )),
        Cell::Text(text) if !text.trim().is_empty() => Ok(RawLabel::Text(text.trim().to_string())),
        Cell::Missing | Cell::Text(_) => Err("the label is missing; write it, or remove the row.".into()),
        other => Err(format!("{} ({}) is no label; labels are whole numbers, texts, or true and false.", other.shown(), other.kind())),
    }
}
