//! A table of a study, and what it can be written as.

use super::{Column, Shape, TableFormat, Unit, Value, classification, confidence, csv, html, inspection, json, latex, toxicity, training};
use crate::figure_view::FigureView;
use rankscope_domain::{FieldErrors, StudyResults};

/// Rows under columns; a row has a value for each column.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// In addresses: `accuracy`.
    pub name: String,
    /// In names of files and in labels, so that no two tables of one paper share one: study, name, and which of several ways to show it.
    /// `quick-look-accuracy-likelihood`; where nobody said better, the name.
    pub file: String,
    pub title: String,
    /// What it shows, over how many, and what its intervals are; a sentence or more.
    pub caption: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Value>>,
    /// Of what study it is, for a comment in a file.
    pub source: String,
}

/// A table of a study's results: `None` where there is no such table or the study has nothing in it. An error names what the view asks
/// for and the study does not have. Without a reading in the view it is of the study's first.
pub fn study_table(name: &str, results: &StudyResults, view: &FigureView) -> Result<Option<Table>, FieldErrors> {
    let table = match &results.classification {
        Some(class) => {
            let (resolved, errors) = view.resolve(class);
            let resolved = errors.into_result(resolved)?;
            classification::table(name, class, &resolved, view).or_else(|| confidence::table(name, class, &resolved, view))
        }
        None => toxicity::table(name, results, view),
    };
    let table = table.or_else(|| inspection::table(name, results, view)).or_else(|| training::table(name, results));
    Ok(table.filter(|table| !table.rows.is_empty()).map(|table| Table { source: study_source(results), ..table }))
}

/// Of what study a table is, as its files say it.
pub fn study_source(results: &StudyResults) -> String {
    format!("study {:?}, recipe.toml with SHA-256 {}", results.name, results.recipe_sha256)
}

impl Table {
    pub(super) fn new(
        name: &str,
        title: impl Into<String>,
        caption: impl Into<String>,
        columns: Vec<Column>,
        rows: Vec<Vec<Value>>,
    ) -> Self {
        let (title, caption, source) = (title.into(), caption.into(), String::new());
        let mut table = Self { name: name.into(), file: name.into(), title, caption, columns, rows, source };
        table.tell_names_apart();
        table
    }

    /// Two groups may be called alike but for signs that a column's name can't have.
    fn tell_names_apart(&mut self) {
        let mut seen: Vec<String> = Vec::new();
        for column in &mut self.columns {
            let plain = column.name.clone();
            let mut number = 2;
            while seen.contains(&column.name) {
                column.name = format!("{plain}_{number}");
                number += 1;
            }
            seen.push(column.name.clone());
        }
    }

    /// The file's text. `format`: `csv`, `json` or `tex`.
    pub fn write(&self, format: TableFormat) -> String {
        match format {
            TableFormat::Csv => csv::write(self),
            TableFormat::Json => json::write(self),
            TableFormat::Latex => latex::write(self),
        }
    }

    /// As markup for a report.
    pub fn html(&self) -> String {
        html::write(self)
    }

    /// What a reader is shown: neither what is the same in every row, nor what no row has.
    pub(super) fn shown_columns(&self) -> Vec<usize> {
        let constants = self.constants();
        let is_empty = |value: &Value| match value {
            Value::Text(text) => text.is_empty(),
            Value::Number(quantity) => quantity.value.is_none(),
            Value::Named { .. } | Value::Integer(_) => false,
        };
        let has_something = |index: &usize| !self.rows.iter().all(|row| is_empty(&row[*index]));
        (0..self.columns.len()).filter(|index| constants.iter().all(|(constant, _)| constant != index)).filter(has_something).collect()
    }

    /// Columns that say the same in every row of several, with what they say: a reader wants them once.
    pub(super) fn constants(&self) -> Vec<(usize, String)> {
        let same = |index: usize| {
            let first = self.rows.first()?[index].clone();
            let is_text = matches!(first, Value::Text(_) | Value::Named { .. });
            (is_text && self.rows.len() > 1 && self.rows.iter().all(|row| row[index] == first)).then(|| (index, first.shown(Unit::Text)))
        };
        (0..self.columns.len()).filter(|index| self.columns[*index].may_go_to_caption).filter_map(same).collect()
    }

    /// Whether the rows of a column rest on different numbers.
    pub(super) fn n_differs(&self, index: usize) -> bool {
        let column = &self.columns[index];
        let shown = self.rows.iter().map(|row| &row[index]).filter(|value| value.shown_interval(column.unit).is_some());
        let mut known = shown.filter_map(Value::n);
        let first = known.next();
        column.shape == Shape::IntervalAndN && known.any(|n| Some(n) != first)
    }

    /// What whole columns rest on, with their headings: it is said once.
    pub(super) fn common_n(&self, shown: &[usize]) -> Vec<(u64, Vec<&str>)> {
        let mut common: Vec<(u64, Vec<&str>)> = Vec::new();
        for &index in shown.iter().filter(|&&index| self.columns[index].shape == Shape::IntervalAndN && !self.n_differs(index)) {
            let Some(n) = self.rows.iter().find_map(|row| row[index].n().filter(|&n| n > 0)) else { continue };
            let heading = self.columns[index].heading.as_str();
            match common.iter_mut().find(|(known, _)| *known == n) {
                Some((_, headings)) => headings.push(heading),
                None => common.push((n, vec![heading])),
            }
        }
        common
    }
}
