//! How far each matrix of each layer moved: a panel an arm, layers upwards, matrices to the right, one scale.

use super::{
    Width,
    axis::Ticks,
    canvas::{Anchor, Canvas, Description, draw, fitted, text_width},
    heat::{HeatScale, heat_number, ink_on},
    palette::{INK, MUTED},
};

/// One arm's matrices.
#[derive(Debug, Clone)]
pub struct WeightPanel {
    pub title: String,
    /// Layer (none: outside of the layers), matrix, and the number.
    pub cells: Vec<(Option<u32>, String, f64)>,
}

const HEAD: f64 = 24.0;
const LEGEND: f64 = 46.0;
const FOOT: f64 = 16.0;

/// `measure` is what a colour means, with its unit. `None` where nothing has a number.
pub fn weight_heatmap(measure: &str, panels: &[WeightPanel], scale: HeatScale, width: Width) -> Option<String> {
    let cells = || panels.iter().flat_map(|panel| &panel.cells);
    let mut layers: Vec<Option<u32>> = cells().map(|cell| cell.0).collect();
    layers.sort_unstable();
    layers.dedup();
    let mut names: Vec<&str> = Vec::new();
    for (_, name, _) in cells() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    if names.is_empty() || !cells().any(|(.., value)| value.is_finite()) {
        return None;
    }
    let layer_width = layers.iter().map(|layer| text_width(&layer_label(*layer), 11.0)).fold(30.0, f64::max) + 8.0;
    let least = names.iter().map(|name| text_width(name, 11.0)).fold(30.0, f64::max) + 4.0;
    let columns = match width {
        Width::Narrow => 1,
        Width::Wide => {
            ((width.pixels() / (layer_width + least * names.len() as f64 + 12.0)).floor() as usize).clamp(1, panels.len().max(1))
        }
    };
    let panel_width = width.pixels() / columns as f64;
    let cell_width = ((panel_width - layer_width - 12.0) / names.len() as f64).min(90.0);
    let row = if layers.len() > 24 { 13.0 } else { 17.0 };
    let panel_height = HEAD + row * layers.len() as f64 + FOOT + 12.0;
    let height = LEGEND + panel_height * panels.len().div_ceil(columns) as f64;
    let text = panels.iter().map(describe).collect::<Vec<_>>().join("; ");
    let title = format!("{measure}, by layer, matrix and arm");
    let step = Ticks::over(scale.low, scale.high, 4).step;
    let grid = Grid { layers: &layers, names: &names, layer_width, cell_width, row, step };
    Some(draw(width.pixels(), height, &Description { id: &width.id("weights"), title: &title, text: &text }, |canvas| {
        canvas.paper(width.pixels(), height);
        scale.paint_legend(canvas, 2.0, 2.0, 240.0, measure);
        for (index, panel) in panels.iter().enumerate() {
            let at = ((index % columns) as f64 * panel_width, LEGEND + (index / columns) as f64 * panel_height);
            paint(canvas, panel, &grid, scale, at);
        }
    }))
}

struct Grid<'a> {
    layers: &'a [Option<u32>],
    names: &'a [&'a str],
    layer_width: f64,
    cell_width: f64,
    row: f64,
    step: f64,
}

fn layer_label(layer: Option<u32>) -> String {
    // the lens counts the embedding as the first row, so its rows and these have the same numbers
    layer.map_or_else(|| "other".into(), |layer| format!("layer {}", layer + 1))
}

fn describe(panel: &WeightPanel) -> String {
    let numbers: Vec<f64> = panel.cells.iter().map(|cell| cell.2).filter(|value| value.is_finite()).collect();
    let most = panel.cells.iter().filter(|cell| cell.2.is_finite()).max_by(|one, other| one.2.total_cmp(&other.2));
    match most {
        Some((layer, name, value)) => format!(
            "{}: mean {} over {} matrices, most {} in {name} of {}",
            panel.title,
            crate::quantity::significant(numbers.iter().sum::<f64>() / numbers.len() as f64),
            numbers.len(),
            crate::quantity::significant(*value),
            layer_label(*layer)
        ),
        None => format!("{}: no number", panel.title),
    }
}

fn paint(canvas: &Canvas<'_>, panel: &WeightPanel, grid: &Grid<'_>, scale: HeatScale, (left, top): (f64, f64)) {
    canvas.text(left + 2.0, top + 10.0, &panel.title, 13.0, INK, Anchor::Start);
    let start = left + grid.layer_width;
    let bottom = top + HEAD + grid.row * grid.layers.len() as f64;
    // `layers` ascends, none first: upwards from the bottom
    let y_of = |index: usize| bottom - grid.row * (index + 1) as f64;
    for (index, layer) in grid.layers.iter().enumerate() {
        canvas.text(start - 6.0, y_of(index) + grid.row / 2.0, &layer_label(*layer), 11.0, MUTED, Anchor::End);
    }
    for (index, name) in grid.names.iter().enumerate() {
        let middle = start + (index as f64 + 0.5) * grid.cell_width;
        let name = fitted(name, 11.0, grid.cell_width - 3.0);
        if text_width(&name, 11.0) < grid.cell_width {
            canvas.text(middle, bottom + 10.0, &name, 11.0, MUTED, Anchor::Middle);
        }
    }
    for (layer, name, value) in panel.cells.iter().filter(|cell| cell.2.is_finite()) {
        let (Some(y), Some(column)) =
            (grid.layers.iter().position(|one| one == layer).map(y_of), grid.names.iter().position(|one| one == name))
        else {
            continue;
        };
        let x = start + column as f64 * grid.cell_width;
        let colour = scale.colour(*value);
        canvas.bar(x, y, x + grid.cell_width - 1.0, y + grid.row - 1.0, colour);
        let text = heat_number(*value, grid.step);
        if text_width(&text, 11.0) + 4.0 < grid.cell_width {
            canvas.text(x + (grid.cell_width - 1.0) / 2.0, y + (grid.row - 1.0) / 2.0, &text, 11.0, ink_on(colour), Anchor::Middle);
        }
    }
}
