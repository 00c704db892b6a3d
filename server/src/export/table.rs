//! A table as a file, by its name and the query of its address.

use super::{ExportedFile, Query, Shown, nothing_there, variants::file_stem};
use rankscope_app::{
    FigureView, LensView,
    error::AppError,
    tables::{LENS_TABLE, TABLES, Table, TableFormat, lens_data, study_source, study_table},
};

/// `file`: name and ending, `accuracy.tex`. The query says what of it, as on its page.
pub fn table_file(file: &str, shown: Shown<'_>, query: Query<'_>) -> Result<ExportedFile, AppError> {
    let known = file.rsplit_once('.').and_then(|(name, extension)| {
        let format = TableFormat::ALL.into_iter().find(|format| format.extension() == extension)?;
        Some((*TABLES.iter().find(|known| **known == name)?, format))
    });
    let (name, format) = known.ok_or_else(|| {
        AppError::NotFound(format!("There is no such table. There are, ending in .csv, .json or .tex: {}.", TABLES.join(", ")))
    })?;
    let table = if name == LENS_TABLE {
        let (view, errors) = LensView::read(query);
        let view = errors.into_result(view).map_err(AppError::Invalid)?;
        lens_data(shown.readings, &view)
    } else {
        let (view, errors) = FigureView::read(query);
        let view = errors.into_result(view).map_err(AppError::Invalid)?;
        study_table(name, shown.results, &view)
    };
    let table = table.map_err(AppError::Invalid)?.ok_or_else(|| nothing_there("table"))?;
    let table = Table { file: file_stem(name, shown, query), source: study_source(shown.results), ..table };
    Ok(format_table(&table, format))
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
