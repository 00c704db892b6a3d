//! What each layer would say next, as in the paper's figures 1 and 3: a panel a model, layers upwards from the embedding, positions
//! to the right, each cell coloured by a number and labelled with its likeliest token. All panels have one scale.

use super::{
    Width,
    canvas::{Anchor, Canvas, Description, draw, fitted, text_width},
    heat::{HeatScale, NO_NUMBER, ink_on},
    palette::{INK, MUTED, RULE},
};
use std::ops::Range;

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
pub(super) const TOKEN_ROW: f64 = 22.0;
pub(super) const LAYER_COLUMN: f64 = 70.0;
pub(super) const GAP: f64 = 18.0;
const SIZE: f64 = 11.0;

impl LensHeatmap {
    pub(super) fn rows(&self) -> usize {
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

/// One panel without its title: the cells, and the prompt's tokens beneath. `number`: of the panel in the page, where others are before
/// those of the map. `None` where there is no such panel or no cell.
pub fn lens_panel(map: &LensHeatmap, index: usize, number: usize) -> Option<String> {
    let panel = map.panels.get(index)?;
    let (width, height) = map.panel_size();
    if map.tokens.is_empty() || map.rows() == 0 {
        return None;
    }
    let id = format!("lens-{number}");
    let title = format!("{}: {}", panel.title, map.measure);
    let text = describe(map, panel);
    Some(draw(width, height, &Description { id: &id, title: &title, text: &text }, |canvas| {
        paint(canvas, map, panel, 0..map.tokens.len(), (0.0, 0.0), LENS_CELL)
    }))
}

/// The names of the rows, to stand left of the panels; `number`: of the first of these in the page.
pub fn lens_layers(map: &LensHeatmap, number: usize) -> String {
    let height = map.panel_size().1;
    let description = Description {
        id: &format!("lens-layers-{number}"),
        title: "Layers",
        text: "From the embedding, lowest, to the last layer, on top",
    };
    draw(LAYER_COLUMN, height, &description, |canvas| paint_layers(canvas, map, (0.0, 0.0), LENS_CELL.1))
}

/// The colours and what they measure.
pub fn lens_legend(map: &LensHeatmap) -> String {
    let text = format!("{} from {} to {}", map.measure, map.scale.low, map.scale.high);
    draw(300.0, 38.0, &Description { id: "lens-legend", title: "Legend", text: &text }, |canvas| {
        map.scale.paint_legend(canvas, 2.0, 0.0, 292.0, &map.measure);
    })
}

/// How heatmaps stand on a sheet of a given width: nothing is made smaller to fit, so that it can be read on paper.
pub(super) struct SheetLayout {
    /// Panels side by side.
    pub(super) across: usize,
    /// Of a cell.
    pub(super) cell: (f64, f64),
    /// Tokens side by side in a panel; of a longer prompt the rest stands beneath, in blocks of so many.
    pub(super) per_block: usize,
}

/// Above the cells of a block.
const HEADING: f64 = 24.0;
/// Beneath a block.
const BENEATH: f64 = 6.0;

impl SheetLayout {
    /// `tokens`: of the longest prompt; `panels`: how many would stand side by side.
    pub(super) fn new(width: Width, tokens: usize, panels: usize) -> Self {
        /// Less than on a page, where a cell is pointed at.
        const ROW: f64 = 15.0;
        const NARROWEST: f64 = 40.0;
        let room = width.pixels() - LAYER_COLUMN - 2.0;
        let most = ((room / NARROWEST) as usize).max(1);
        let blocks = tokens.div_ceil(most).max(1);
        // as many in each: none stands alone in the last
        let per_block = tokens.div_ceil(blocks).max(1);
        let cell_of = |panels: usize| (room - (panels - 1) as f64 * GAP) / (panels * per_block) as f64;
        let across = if blocks == 1 { (1..=panels).rev().find(|&panels| cell_of(panels) >= NARROWEST).unwrap_or(1) } else { 1 };
        Self { across, cell: (cell_of(across).clamp(NARROWEST, LENS_CELL.0), ROW), per_block }
    }

    pub(super) fn block_width(&self) -> f64 {
        self.per_block as f64 * self.cell.0
    }

    /// Of a block with its heading.
    pub(super) fn block_height(&self, rows: usize) -> f64 {
        HEADING + rows as f64 * self.cell.1 + TOKEN_ROW + BENEATH
    }

    /// Of so many panels.
    pub(super) fn height(&self, map: &LensHeatmap, panels: usize) -> f64 {
        (panels.div_ceil(self.across) * map.tokens.len().div_ceil(self.per_block)) as f64 * self.block_height(map.rows())
    }

    /// Draws panels of one prompt from `top` on; of an absent one its place stays empty, so that others stand where they belong.
    pub(super) fn paint(&self, canvas: &Canvas<'_>, map: &LensHeatmap, panels: &[Option<&LensPanel>], top: f64) {
        let tokens = map.tokens.len();
        let blocks = tokens.div_ceil(self.per_block);
        for (index, panel) in panels.iter().enumerate() {
            let left = LAYER_COLUMN + (index % self.across) as f64 * (self.block_width() + GAP);
            for block in 0..blocks {
                let top = top + ((index / self.across) * blocks + block) as f64 * self.block_height(map.rows());
                if index % self.across == 0 {
                    paint_layers(canvas, map, (0.0, top + HEADING), self.cell.1);
                }
                let Some(panel) = panel else {
                    canvas.text(left, top + 12.0, "–", 13.0, MUTED, Anchor::Start);
                    continue;
                };
                let (from, to) = (block * self.per_block, ((block + 1) * self.per_block).min(tokens));
                let title = if blocks == 1 {
                    fitted(&panel.title, 13.0, self.block_width())
                } else {
                    // which of the prompt's tokens must stay legible, whatever the panel is called
                    let place = format!(", tokens {} to {to} of {tokens}", from + 1);
                    format!("{}{place}", fitted(&panel.title, 13.0, (self.block_width() - text_width(&place, 13.0)).max(0.0)))
                };
                canvas.text(left, top + 12.0, &title, 13.0, INK, Anchor::Start);
                paint(canvas, map, panel, from..to, (left, top + HEADING), self.cell);
            }
        }
    }
}

/// All panels with the legend, for a sheet of paper: as many side by side as fit, the others beneath; of a prompt of more tokens than fit
/// the later ones stand beneath the earlier. `None` where there is no cell.
pub fn lens_sheet(map: &LensHeatmap, width: Width) -> Option<String> {
    const LEGEND: f64 = 44.0;
    let tokens = map.tokens.len();
    if tokens == 0 || map.rows() == 0 || map.panels.is_empty() {
        return None;
    }
    let layout = SheetLayout::new(width, tokens, map.panels.len());
    let (wide, high) = (width.pixels(), LEGEND + layout.height(map, map.panels.len()));
    let text = map.panels.iter().map(|panel| describe(map, panel)).collect::<Vec<_>>().join(" ");
    let title = format!("Logit lens of “{}”: {}", map.tokens.join(""), map.measure);
    Some(draw(wide, high, &Description { id: &width.id("lens"), title: &title, text: &text }, |canvas| {
        canvas.paper(wide, high);
        map.scale.paint_legend(canvas, 2.0, 2.0, 280.0, &fitted(&map.measure, SIZE, wide - 4.0));
        let panels: Vec<Option<&LensPanel>> = map.panels.iter().map(Some).collect();
        layout.paint(canvas, map, &panels, LEGEND);
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

/// `high`: of a cell.
pub(super) fn paint_layers(canvas: &Canvas<'_>, map: &LensHeatmap, (left, top): (f64, f64), high: f64) {
    let rows = map.rows();
    for layer in 0..rows {
        let y = top + (rows - layer - 1) as f64 * high;
        canvas.text(left + LAYER_COLUMN - 6.0, y + high / 2.0, &layer_name(layer), SIZE, MUTED, Anchor::End);
    }
}

/// The cells of some positions with their tokens beneath. `cell`: its width and height.
pub(super) fn paint(
    canvas: &Canvas<'_>,
    map: &LensHeatmap,
    panel: &LensPanel,
    positions: Range<usize>,
    (left, top): (f64, f64),
    (width, height): (f64, f64),
) {
    let rows = map.rows();
    let (first, count) = (positions.start, positions.len());
    for (layer, row) in panel.values.iter().enumerate() {
        for (position, value) in row.iter().enumerate().skip(first).take(count) {
            let (x, y) = (left + (position - first) as f64 * width, top + rows.saturating_sub(layer + 1) as f64 * height);
            let colour = value.filter(|value| value.is_finite()).map_or(NO_NUMBER, |value| map.scale.colour(value));
            canvas.bar(x, y, x + width - 1.0, y + height - 1.0, colour);
            let text = panel.texts.get(layer).and_then(|row| row.get(position)).map_or("", String::as_str);
            if !text.is_empty() {
                let text = fitted(text, SIZE, width - 8.0);
                canvas.text(x + (width - 1.0) / 2.0, y + (height - 1.0) / 2.0, &text, SIZE, ink_on(colour), Anchor::Middle);
            }
        }
    }
    let bottom = top + rows as f64 * height;
    canvas.line(&[(left, bottom), (left + count as f64 * width - 1.0, bottom)], RULE, 1.0);
    for (position, token) in map.tokens[positions].iter().enumerate() {
        let x = left + (position as f64 + 0.5) * width;
        canvas.text(x, bottom + 12.0, &fitted(token, SIZE, width - 8.0), SIZE, INK, Anchor::Middle);
    }
}
