//! The tables of a set of labelled texts.

use super::{Column, Table, Unit, Value, value::slug};
use crate::dataset_figures::{length_rows, usable};
use rankscope_domain::dataset::{DatasetEntry, DatasetSummary};

/// `None`: there is no such table, or nothing in it.
pub fn dataset_table(name: &str, set: &DatasetEntry) -> Option<Table> {
    let summary = set.summary.as_ref()?;
    let table = match name {
        "splits" => splits(set, summary),
        "columns" => columns(set, summary),
        "lengths" => lengths(set, summary),
        _ => return None,
    };
    let source = format!("set {:?}, SHA-256 {}", set.name, summary.sha256);
    Some(Table { source, ..table }).filter(|table| !table.rows.is_empty())
}

fn splits(set: &DatasetEntry, summary: &DatasetSummary) -> Table {
    let mut columns = vec![Column::text("split", "Split"), Column::plain("rows", "Rows", Unit::Count)];
    // a label may be called as the columns before it
    columns.extend(summary.labels.iter().map(|label| Column::plain(&format!("label_{}", slug(label)), label, Unit::Count)));
    let rows = usable(summary).map(|split| {
        let counts =
            (0..summary.labels.len()).map(|label| split.label_counts.get(label).map_or_else(Value::none, |count| Value::count(*count)));
        [Value::text(&split.name), Value::count(split.rows)].into_iter().chain(counts).collect()
    });
    let caption = format!("Rows of the set {} by split and label; splits that can’t be used are left out.", set.name);
    Table::new("splits", "Rows and labels", caption, columns, rows.collect())
}

/// One row a value: a set's columns have different ones.
fn columns(set: &DatasetEntry, summary: &DatasetSummary) -> Table {
    let columns = vec![
        Column::text("column", "Column"),
        Column::plain("different", "Different values", Unit::Count).meaning("Counted up to 1000."),
        Column::text("value", "Value").meaning("One of the ten most frequent."),
        Column::plain("rows", "Rows", Unit::Count).meaning("That have the value."),
    ];
    let rows = summary.other_columns.iter().flat_map(|column| {
        let row = |(value, count): &(String, u64)| {
            vec![Value::text(&column.name), Value::count(column.different), Value::text(value), Value::count(*count)]
        };
        column.values.iter().map(row).collect::<Vec<_>>()
    });
    let caption = format!("Columns of the set {} beside its texts and labels, with their most frequent values.", set.name);
    Table::new("columns", "Other columns", caption, columns, rows.collect())
}

fn lengths(set: &DatasetEntry, summary: &DatasetSummary) -> Table {
    let columns = vec![
        Column::text("split", "Split"),
        Column::plain("from", "From", Unit::Count).meaning("Characters."),
        Column::plain("to", "To", Unit::Count).meaning("Characters, that length included."),
        Column::plain("texts", "Texts", Unit::Count),
    ];
    let rows = usable(summary).flat_map(|split| {
        let row =
            |(from, to, texts): (u64, u64, u64)| vec![Value::text(&split.name), Value::count(from), Value::count(to), Value::count(texts)];
        length_rows(split).map(row).collect::<Vec<_>>()
    });
    let means = usable(summary).map(|split| format!("{}: mean {:.0}, longest {}", split.name, split.mean_length, split.longest));
    let caption =
        format!("Texts of the set {} by their length; empty bins are left out. {}.", set.name, means.collect::<Vec<_>>().join("; "));
    Table::new("lengths", "Length of the texts", caption, columns, rows.collect())
}
