//! The rows of a file by the names of their columns, for who needs no set of a study.

use super::{
    cell::Cell,
    file::{DataFile, Format, Header},
};
use rankscope_domain::FieldErrors;
use rankscope_engine::Flow;
use std::path::Path;

/// Most rows; most errors told at once.
const ROWS_LIMIT: usize = 1_000_000;
const ERRORS_LIMIT: usize = 20;

/// A column that is wanted: the flag that names it, its name or the usual ones, and whether it must be there.
#[derive(Debug, Clone)]
pub(crate) struct WantedColumn<'a> {
    pub(crate) flag: &'static str,
    pub(crate) given: Option<&'a str>,
    pub(crate) usual: &'static [&'static str],
    pub(crate) required: bool,
}

/// A row: what stands in each wanted column, none where the column or the value is not there.
pub(crate) struct NamedRow {
    /// "Line 7" or "Row 7".
    pub(crate) place: String,
    pub(crate) values: Vec<Option<String>>,
}

/// Reads a CSV, TSV, JSONL or parquet file. `read_row` says what is wrong with a row; the first few of these are told, by row and column.
pub(crate) fn read_columns<T>(
    field: &'static str,
    path: &Path,
    wanted: &[WantedColumn<'_>],
    mut read_row: impl FnMut(NamedRow) -> Result<Option<T>, String>,
) -> Result<Vec<T>, FieldErrors> {
    let refuse = |remedy: String| FieldErrors::one(field, path.display(), remedy);
    let format = Format::of(path).ok_or_else(|| {
        refuse("Its name does not say what it is; read are .csv, .tsv, .jsonl, .ndjson, .json and .parquet files.".into())
    })?;
    let file = DataFile { path: path.into(), name: path.display().to_string(), format, builtin: None };
    let header = file.header().map_err(refuse)?;
    let mut missing = FieldErrors::default();
    let mut places: Vec<Option<usize>> = Vec::new();
    for column in wanted {
        places.push(find(&header, column).unwrap_or_else(|remedy| {
            missing.push(column.flag, column.given.unwrap_or_default(), remedy);
            None
        }));
    }
    missing.into_result(())?;
    // the readers want their columns in the file's order, each once
    let mut positions: Vec<usize> = places.iter().flatten().copied().collect();
    positions.sort_unstable();
    positions.dedup();
    let mut errors = FieldErrors::default();
    let mut rows = Vec::new();
    let mut too_many = false;
    let read = file.read(&header, &positions, &mut |row| {
        match row {
            Ok(row) => {
                let value = |position: usize| match &row.cells[positions.binary_search(&position).unwrap_or(0)] {
                    Cell::Missing => None,
                    Cell::Text(text) => Some(text.clone()),
                    other => Some(other.shown()),
                };
                let named = NamedRow { place: row.place.to_string(), values: places.iter().map(|place| place.and_then(value)).collect() };
                match read_row(named) {
                    Ok(Some(row)) => rows.push(row),
                    Ok(None) => {}
                    Err(problem) => errors.push(field, path.display(), problem),
                }
            }
            Err(problem) => errors.push(field, path.display(), problem),
        }
        too_many = rows.len() > ROWS_LIMIT;
        if too_many || errors.0.len() >= ERRORS_LIMIT { Flow::Break(()) } else { Flow::Continue(()) }
    });
    if let Err(problem) = read {
        errors.push(field, path.display(), problem);
    }
    if too_many {
        errors.push(field, path.display(), format!("It has more than {ROWS_LIMIT} rows; split it."));
    }
    errors.into_result(rows)
}

fn find(header: &Header, column: &WantedColumn<'_>) -> Result<Option<usize>, String> {
    let there = || header.names.iter().filter(|name| !name.is_empty()).cloned().collect::<Vec<_>>().join(", ");
    match column.given {
        Some(name) => header.position(name).map(Some).ok_or_else(|| format!("The file has no such column; its columns are: {}.", there())),
        None => match column.usual.iter().find_map(|name| header.position(name)) {
            None if column.required => Err(format!(
                "The file has none of the columns {}; its columns are: {}. Name the right one with {}.",
                column.usual.join(", "),
                there(),
                column.flag
            )),
            found => Ok(found),
        },
    }
}
