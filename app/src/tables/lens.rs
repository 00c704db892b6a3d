//! The cells of the logit lens as a table.

use super::{Column, LENS_TABLE, Table, Unit, Value};
use crate::lens_view::{LensView, lens_prompts, of_prompt};
use rankscope_domain::{FieldErrors, inspection::LensReading};

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
    let listed = readings.iter().flat_map(|reading| reading.layers.iter().flatten()).map(|cell| cell.top.len()).max().unwrap_or(0);
    let mut columns = vec![
        Column::condition("prompt", "Prompt"),
        Column::text("arm", "Arm"),
        Column::plain("layer", "Layer", Unit::Count).meaning("0 is the embedding; the last is the model’s own prediction."),
        Column::plain("position", "Position", Unit::Count).meaning("In the prompt, from 1."),
        Column::text("token", "Token").meaning("The prompt’s token at the position."),
        Column::plain("entropy", "Entropy", Unit::Nats).meaning("−Σ p ln p over the whole vocabulary."),
        Column::plain("kl", "KL", Unit::Nats).meaning("From the original’s cell to this one, over the whole vocabulary."),
    ];
    for place in 1..=listed {
        columns.push(Column::text(&format!("next_{place}"), format!("Next {place}")));
        columns.push(Column::plain(&format!("probability_{place}"), format!("p {place}"), Unit::Probability));
    }
    let mut rows = Vec::new();
    for reading in readings.iter().filter(|reading| view.arms.contains(&reading.cell.arm)) {
        for (layer, cells) in reading.layers.iter().enumerate() {
            for (position, cell) in cells.iter().enumerate() {
                let mut row = vec![
                    Value::text(&reading.prompt),
                    Value::arm(reading.cell.arm),
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
    }
    let caption = "What each layer holds likeliest to follow: its output read through the model’s final norm and output matrix.";
    Ok(Some(Table::new(LENS_TABLE, "Logit lens", caption, columns, rows)).filter(|table| !table.rows.is_empty()))
}
