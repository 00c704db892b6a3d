//! The cells of the logit lens as a table.

use super::{Column, LENS_TABLE, Table, Unit, Value};
use crate::lens_view::{LensView, lens_prompts, of_prompt};
use rankscope_domain::{FieldErrors, inspection::LensReading};

pub(super) const CAPTION: &str =
    "What each layer holds likeliest to follow: its output read through the model’s final norm and output matrix.";

/// Of the prompt and the arms that the view asks for; `None` where there are no readings. An error names what the study has not.
pub fn lens_data(readings: impl AsRef<[LensReading]>, view: &LensView) -> Result<Option<Table>, FieldErrors> {
    let readings = readings.as_ref();
    let prompts = lens_prompts(readings).len();
    if prompts == 0 {
        return Ok(None);
    }
    let readings = of_prompt(readings, view.prompt);
    let (view, errors) = view.resolve(prompts, &readings);
    let view = errors.into_result(view)?;
    let shown: Vec<&LensReading> = readings.iter().filter(|reading| view.arms.contains(&reading.cell.arm)).collect();
    let columns = [Column::condition("prompt", "Prompt"), Column::text("arm", "Arm")].into_iter().chain(cell_columns(&shown)).collect();
    let rows = shown.iter().flat_map(|reading| {
        let head = [Value::text(&reading.prompt), Value::arm(reading.cell.arm)];
        cell_rows(reading, most_listed(&shown)).into_iter().map(move |cells| head.iter().cloned().chain(cells).collect())
    });
    let rows = rows.collect();
    Ok(Some(Table::new(LENS_TABLE, "Logit lens", CAPTION, columns, rows)).filter(|table| !table.rows.is_empty()))
}

/// Most tokens that a cell lists.
pub(super) fn most_listed(readings: &[&LensReading]) -> usize {
    readings.iter().flat_map(|reading| reading.layers.iter().flatten()).map(|cell| cell.top.len()).max().unwrap_or(0)
}

/// What a row says of a cell, after what says whose it is.
pub(super) fn cell_columns(readings: &[&LensReading]) -> Vec<Column> {
    let mut columns = vec![
        Column::plain("layer", "Layer", Unit::Count).meaning("0 is the embedding; the last is the model’s own prediction."),
        Column::plain("position", "Position", Unit::Count).meaning("In the prompt, from 1."),
        Column::text("token", "Token").meaning("The prompt’s token at the position."),
        Column::plain("entropy", "Entropy", Unit::Nats).meaning("−Σ p ln p over the whole vocabulary."),
        Column::plain("kl", "KL", Unit::Nats).meaning("From the original’s cell to this one, over the whole vocabulary."),
    ];
    for place in 1..=most_listed(readings) {
        columns.push(Column::text(&format!("next_{place}"), format!("Next {place}")));
        columns.push(Column::plain(&format!("probability_{place}"), format!("p {place}"), Unit::Probability));
    }
    columns
}

/// A row a cell, layer by layer; `listed`: how many tokens each names.
pub(super) fn cell_rows(reading: &LensReading, listed: usize) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (layer, cells) in reading.layers.iter().enumerate() {
        for (position, cell) in cells.iter().enumerate() {
            let mut row = vec![
                Value::count(layer as u64),
                Value::count(position as u64 + 1),
                Value::text(reading.tokens.get(position).cloned().unwrap_or_default()),
                Value::number(cell.entropy),
                Value::number(cell.kl),
            ];
            for place in 0..listed {
                let token = cell.top.get(place);
                row.push(Value::text(token.map(|token| token.text.clone()).unwrap_or_default()));
                row.push(Value::number(token.map(|token| token.probability)));
            }
            rows.push(row);
        }
    }
    rows
}
