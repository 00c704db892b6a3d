//! A table as a file, by its name and the query of its address.

use super::{ExportedFile, Query, Shown, nothing_there, variants::file_stem};
use rankscope_app::{
    FigureView, LensView,
    error::AppError,
    tables::{LENS_TABLE, TABLES, Table, TableFormat, lens_data, study_source, study_table},
};

/// A table as it is asked for: which, and as what. Whatever has tables to take away hands them out by this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedTable {
    pub name: &'static str,
    format: TableFormat,
}

impl AskedTable {
    /// `file`: name and ending, `accuracy.tex`; `names`: of the tables that there are.
    pub fn read(file: &str, names: &[&'static str]) -> Result<Self, AppError> {
        let known = file.rsplit_once('.').and_then(|(name, extension)| {
            let format = TableFormat::ALL.into_iter().find(|format| format.extension() == extension)?;
            Some(Self { name: names.iter().find(|known| **known == name)?, format })
        });
        known.ok_or_else(|| {
            AppError::NotFound(format!("There is no such table. There are, ending in .csv, .json or .tex: {}.", names.join(", ")))
        })
    }

    /// The file. `None`: there is nothing in the table.
    pub fn file(self, table: Option<Table>) -> Result<ExportedFile, AppError> {
        Ok(format_table(&table.ok_or_else(|| nothing_there("table"))?, self.format))
    }
}

/// `file`: name and ending, `accuracy.tex`. The query says what of it, as on its page.
pub fn table_file(file: &str, shown: Shown<'_>, query: Query<'_>) -> Result<ExportedFile, AppError> {
    let asked = AskedTable::read(file, TABLES)?;
    let table = if asked.name == LENS_TABLE {
        let (view, errors) = LensView::read(query);
        let view = errors.into_result(view).map_err(AppError::Invalid)?;
        lens_data(shown.readings, &view)
    } else {
        let (view, errors) = FigureView::read(query);
        let view = errors.into_result(view).map_err(AppError::Invalid)?;
        study_table(asked.name, shown.results, &view)
    };
    let table = table.map_err(AppError::Invalid)?.map(|table| Table {
        file: file_stem(asked.name, shown, query),
        source: study_source(shown.results),
        ..table
    });
    asked.file(table)
}

/// A table in a format.
pub fn format_table(table: &Table, format: TableFormat) -> ExportedFile {
    let media_type = match format {
        TableFormat::Csv => "text/csv; charset=utf-8",
        TableFormat::Json => "application/json",
        TableFormat::Latex => "application/x-tex; charset=utf-8",
    };
    let bytes = table.write(format).into_bytes();
    ExportedFile { name: format!("{}.{}", table.file, format.extension()), media_type, bytes }
}
