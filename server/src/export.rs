//! What is taken away: figures as SVG, PNG and PDF, tables as CSV, JSON and LaTeX, a report, and a whole study as an archive. All of it
//! is made of results and readings alone, so that whatever has those (a study, a frozen copy of one) can be taken away by the same calls.

mod bundle;
mod figure;
mod notes;
mod picture;
mod report;
mod table;
#[cfg(test)]
mod tests;
mod variants;

pub use bundle::{BundleOptions, write_bundle};
pub use figure::{AskedFigure, FigureFormat, figure_file, figure_picture};
pub use picture::{pdf, png};
pub use report::{ReportSubject, report};
pub use table::{AskedTable, format_table, table_file};

use rankscope_app::{FIGURES, LENS_FIGURE, PaperWidth, error::AppError, tables::TABLES};
use rankscope_domain::{StudyResults, inspection::LensReading};

/// What figures and tables are made of.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    pub results: &'a StudyResults,
    /// Of the logit lens; they may be left out for everything else ([`needs_readings`]).
    pub readings: &'a [LensReading],
}

/// A file to be sent or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedFile {
    /// `accuracy.png`
    pub name: String,
    pub media_type: &'static str,
    pub bytes: Vec<u8>,
}

/// A parameter of a query by its name.
pub type Query<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Whether a file, by its name, is made of readings: `lens.svg`, `lens.csv`.
pub fn needs_readings(file: &str) -> bool {
    file.split('.').next() == Some(LENS_FIGURE)
}

fn nothing_there(what: &str) -> AppError {
    AppError::NotFound(format!("There is nothing to show in that {what}: what it needs is not in the results."))
}

/// Draws every figure and writes every table, as a check that the results can be shown. Panics where they can't.
pub fn draw_everything(shown: Shown<'_>) -> Result<(), AppError> {
    let is_fine = |made: Result<ExportedFile, AppError>| match made {
        Ok(_) | Err(AppError::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    };
    for name in FIGURES {
        for (_, mut query) in variants::variants(name, shown) {
            for width in PaperWidth::ALL {
                query.push(("width", width.name().into()));
                is_fine(figure_file(&format!("{name}.svg"), shown, &variants::lookup(&query)))?;
                query.pop();
            }
        }
    }
    for name in TABLES {
        for (_, query) in variants::variants(name, shown) {
            is_fine(table_file(&format!("{name}.tex"), shown, &variants::lookup(&query)))?;
        }
    }
    Ok(())
}
