//! What each layer would say next, as in the paper's figures 1 and 3: a panel a model, layers upwards from the embedding, positions
//! to the right, each cell coloured by a number and labelled with its likeliest token. All panels have one scale.

use super::{
    canvas::{Anchor, Canvas, Description, draw, fitted},
    heat::{HeatScale, NO_NUMBER, ink_on},
    palette::{INK, MUTED, RULE},
};

/// What a heatmap shows: everything is `[layers + 1][positions]`, the embedding first.
#[derive(Debug, Clone, PartialEq)]
pub struct LensHeatmap {
    /// The prompt's, on the axis.
    pub tokens: Vec<String>,
    pub panels: Vec<LensPanel>,
    pub scale: HeatScale,
    /// What a colour measures, with its unit.
    pub measure: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LensPanel {
    pub title: String,
    /// A cell without a number is grey.
    pub values: Vec<Vec<Option<f64>>>,
    /// The likeliest token of each cell; where two models are compared, both.
    pub texts: Vec<Vec<String>>,
}

/// Size of a cell in pixels.
pub const LENS_CELL: (f64, f64) = (58.0, 19.0);
/// The tokens beneath a panel.
const TOKEN_ROW: f64 = 22.0;
pub(super) const LAYER_COLUMN: f64 = 70.0;
pub(super) const GAP: f64 = 18.0;
const SIZE: f64 = 11.0;

impl LensHeatmap {
    fn rows(&self) -> usize {
        self.panels.iter().map(|panel| panel.values.len()).max().unwrap_or(0)
    }

    pub(super) fn panel_size(&self) -> (f64, f64) {
        (self.tokens.len() as f64 * LENS_CELL.0, self.rows() as f64 * LENS_CELL.1 + TOKEN_ROW)
    }

    /// Layer and position at a place of a panel's drawing, both from 0 to 1 from its top left; none beneath the cells.
    pub fn cell_at(&self, across: f64, down: f64) -> Option<(usize, usize)> {
        let (width, height) = self.panel_size();
        let (column, row) = ((across * width / LENS_CELL.0).floor(), (down * height / LENS_CELL.1).floor());
        let (columns, rows) = (self.tokens.len(), self.rows());
        let is_inside = column >= 0.0 && row >= 0.0 && (column as usize) < columns && (row as usize) < rows;
        is_inside.then(|| (rows - 1 - row as usize, column as usize))
    }

    /// Left, top, width and height of a cell within its panel's drawing, in pixels.
    pub fn place_of(&self, layer: usize, position: usize) -> (f64, f64, f64, f64) {
        let row = self.rows().saturating_sub(layer + 1) as f64;
        (position as f64 * LENS_CELL.0, row * LENS_CELL.1, LENS_CELL.0, LENS_CELL.1)
    }
}

/// The name of a row.
pub fn layer_name(layer: usize) -> String {
    if layer == 0 { "embedding".into() } else { format!("layer {layer}") }
}

/// One panel without its title: the cells, and the prompt's tokens beneath. `None` where there is no such panel or no cell.
pub fn lens_panel(map: &LensHeatmap, index: usize) -> Option<String> {
    let panel = map.panels.get(index)?;
    let (width, height) = map.panel_size();
    if map.tokens.is_empty() || map.rows() == 0 {
        return None;
    }
    let id = format!("lens-{index}");
    let title = format!("{}: {}", panel.title, map.measure);
    let text = describe(map, panel);
    Some(draw(width, height, &Description { id: &id, title: &title, text: &text }, |canvas| paint(canvas, map, panel, (0.0, 0.0))))
}

/// The names of the rows, to stand left of the panels.
pub fn lens_layers(map: &LensHeatmap) -> String {
    let height = map.panel_size().1;
    let description = Description { id: "lens-layers", title: "Layers", text: "From the embedding, lowest, to the last layer, on top" };
    draw(LAYER_COLUMN, height, &description, |canvas| paint_layers(canvas, map, (0.0, 0.0)))
}

/// The colours and what they measure.
pub fn lens_legend(map: &LensHeatmap) -> String {
    let text = format!("{} from {} to {}", map.measure, map.scale.low, map.scale.high);
    draw(300.0, 38.0, &Description { id: "lens-legend", title: "Legend", text: &text }, |canvas| {
        map.scale.paint_legend(canvas, 2.0, 0.0, 292.0, &map.measure);
    })
}

/// All panels side by side with the legend: the file. `None` where there is no cell.
pub fn lens_heatmap(map: &LensHeatmap) -> Option<String> {
    const TOP: f64 = 70.0;
    let (wide, high) = map.panel_size();
    if map.tokens.is_empty() || map.rows() == 0 {
        return None;
    }
    let width = (LAYER_COLUMN + map.panels.len() as f64 * (wide + GAP)).max(320.0);
    let height = TOP + high + 4.0;
    let text = map.panels.iter().map(|panel| describe(map, panel)).collect::<Vec<_>>().join(" ");
    let title = format!("Logit lens of “{}”: {}", map.tokens.join(""), map.measure);
    Some(draw(width, height, &Description { id: "lens", title: &title, text: &text }, |canvas| {
        canvas.paper(width, height);
        map.scale.paint_legend(canvas, 2.0, 2.0, 280.0, &map.measure);
        paint_layers(canvas, map, (0.0, TOP));
        for (index, panel) in map.panels.iter().enumerate() {
            let left = LAYER_COLUMN + index as f64 * (wide + GAP);
            canvas.text(left, TOP - 14.0, &fitted(&panel.title, 13.0, wide), 13.0, INK, Anchor::Start);
            paint(canvas, map, panel, (left, TOP));
        }
    }))
}

pub(super) fn describe(map: &LensHeatmap, panel: &LensPanel) -> String {
    let numbers = |row: Option<&Vec<Option<f64>>>| {
        let of = row.into_iter().flatten().flatten().copied().collect::<Vec<f64>>();
        if of.is_empty() { "none".into() } else { format!("{:.3}", of.iter().sum::<f64>() / of.len() as f64) }
    };
    format!(
        "{}: mean over the positions {} in the first layer shown, the embedding, and {} in the last of {}; at the end of the prompt the last says “{}”.",
        panel.title,
        numbers(panel.values.first()),
        numbers(panel.values.last()),
        map.rows(),
        panel.texts.last().and_then(|row| row.last()).map_or("", String::as_str),
    )
}

pub(super) fn paint_layers(canvas: &Canvas<'_>, map: &LensHeatmap, (left, top): (f64, f64)) {
    for layer in 0..map.rows() {
        let (_, y, _, height) = map.place_of(layer, 0);
        canvas.text(left + LAYER_COLUMN - 6.0, top + y + height / 2.0, &layer_name(layer), SIZE, MUTED, Anchor::End);
    }
}

pub(super) fn paint(canvas: &Canvas<'_>, map: &LensHeatmap, panel: &LensPanel, (left, top): (f64, f64)) {
    for (layer, row) in panel.values.iter().enumerate() {
        for (position, value) in row.iter().enumerate().take(map.tokens.len()) {
            let (x, y, width, height) = map.place_of(layer, position);
            let (x, y) = (left + x, top + y);
            let colour = value.filter(|value| value.is_finite()).map_or(NO_NUMBER, |value| map.scale.colour(value));
            canvas.bar(x, y, x + width - 1.0, y + height - 1.0, colour);
            let text = panel.texts.get(layer).and_then(|row| row.get(position)).map_or("", String::as_str);
            if !text.is_empty() {
                let text = fitted(text, SIZE, width - 8.0);
                canvas.text(x + (width - 1.0) / 2.0, y + (height - 1.0) / 2.0, &text, SIZE, ink_on(colour), Anchor::Middle);
            }
        }
    }
    let bottom = top + map.rows() as f64 * LENS_CELL.1;
    canvas.line(&[(left, bottom), (left + map.panel_size().0 - 1.0, bottom)], RULE, 1.0);
    for (position, token) in map.tokens.iter().enumerate() {
        let x = left + (position as f64 + 0.5) * LENS_CELL.0;
        canvas.text(x, bottom + 12.0, &fitted(token, SIZE, LENS_CELL.0 - 8.0), SIZE, INK, Anchor::Middle);
    }
}
