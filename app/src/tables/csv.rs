//! Comma-separated values as RFC 4180 has them: a line of names, then the rows, every number in full.

use super::{Shape, Table, Value};
use rankscope_domain::spreadsheet;

/// Lines end in CR LF.
pub(super) fn write(table: &Table) -> String {
    let mut text = table.fields().iter().map(|(name, ..)| quoted(name)).collect::<Vec<_>>().join(",");
    text.push_str("\r\n");
    for row in &table.rows {
        let fields: Vec<String> = row.iter().zip(&table.columns).flat_map(|(value, column)| fields_of(value, column.shape)).collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

fn fields_of(value: &Value, shape: Shape) -> Vec<String> {
    let number = |number: Option<f64>| number.filter(|number| number.is_finite()).map(|number| number.to_string()).unwrap_or_default();
    let (value, quantity) = match value {
        Value::Text(text) => (guarded(text), None),
        Value::Named { name, .. } => (guarded(name), None),
        Value::Integer(integer) => (integer.to_string(), None),
        Value::Number(quantity) => (number(quantity.value), Some(quantity)),
    };
    let mut fields = vec![value];
    if shape != Shape::Plain {
        fields.extend([number(quantity.and_then(|quantity| quantity.low)), number(quantity.and_then(|quantity| quantity.high))]);
    }
    if shape == Shape::IntervalAndN {
        fields.push(quantity.and_then(|quantity| quantity.n).map(|n| n.to_string()).unwrap_or_default());
    }
    fields
}

fn guarded(text: &str) -> String {
    quoted(&spreadsheet::guarded(text))
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into()
    }
}
