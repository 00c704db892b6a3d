//! The logit lens of several studies: a row a study, a column an arm, so that the same arm stands under itself; one scale for all.

use super::{
    Width,
    canvas::{Anchor, Description, draw, fitted},
    heat::HeatScale,
    lens_heatmap::{GAP, LAYER_COLUMN, LENS_CELL, LensHeatmap, LensPanel, TOKEN_ROW, describe, paint, paint_layers},
    palette::{INK, MUTED},
};

#[derive(Debug, Clone, PartialEq)]
pub struct LensRows {
    pub rows: Vec<LensRow>,
    pub scale: HeatScale,
    /// What a colour measures, with its unit.
    pub measure: String,
}

/// One study's panels.
#[derive(Debug, Clone, PartialEq)]
pub struct LensRow {
    pub title: String,
    /// The prompt's, as this study's model cuts it.
    pub tokens: Vec<String>,
    /// By column; absent: this study has not that arm.
    pub panels: Vec<Option<LensPanel>>,
}

const LEGEND: f64 = 50.0;
/// Of a study, and of a line of its panels.
const ROW_HEAD: f64 = 24.0;
const PANEL_HEAD: f64 = 22.0;
/// Of a cell: less than on a page, where a cell is pointed at.
const ROW: f64 = 15.0;
const NARROWEST: f64 = 40.0;
/// Between a line of panels and what is beneath.
const BENEATH: f64 = 8.0;

impl LensRows {
    /// A row as a heatmap of the panels that it has.
    pub fn map(&self, row: &LensRow) -> LensHeatmap {
        LensHeatmap {
            tokens: row.tokens.clone(),
            panels: row.panels.iter().flatten().cloned().collect(),
            scale: self.scale,
            measure: self.measure.clone(),
        }
    }
}

/// Everything in one drawing, for a sheet of paper: as many panels side by side as fit, the others of a study beneath. A prompt of more tokens
/// than fit makes it wider. `None` where there is no cell.
pub fn compared_lens(figure: &LensRows, width: Width) -> Option<String> {
    let maps: Vec<LensHeatmap> = figure.rows.iter().map(|row| figure.map(row)).collect();
    let tokens = maps.iter().filter(|map| !map.panels.is_empty()).map(|map| map.tokens.len()).max().unwrap_or(0);
    let columns = figure.rows.iter().map(|row| row.panels.len()).max().unwrap_or(0);
    if tokens == 0 || maps.iter().flat_map(|map| &map.panels).all(|panel| panel.values.is_empty()) {
        return None;
    }
    let room = width.pixels() - LAYER_COLUMN - 2.0;
    let cell_of = |panels: usize| (room - (panels - 1) as f64 * GAP) / (panels * tokens) as f64;
    let across = (1..=columns).rev().find(|&panels| cell_of(panels) >= NARROWEST).unwrap_or(1);
    let cell = (cell_of(across).clamp(NARROWEST, LENS_CELL.0), ROW);
    let panel_width = tokens as f64 * cell.0;
    // every study has its lines of panels below one another; the arms that it lacks keep their places
    let line_height = |map: &LensHeatmap| PANEL_HEAD + map.rows() as f64 * ROW + TOKEN_ROW + BENEATH;
    let row_height = |row: &LensRow, map: &LensHeatmap| ROW_HEAD + row.panels.len().div_ceil(across) as f64 * line_height(map);
    let wide = (LAYER_COLUMN + across as f64 * (panel_width + GAP) - GAP + 2.0).max(width.pixels());
    let high = LEGEND + figure.rows.iter().zip(&maps).map(|(row, map)| row_height(row, map)).sum::<f64>();
    let text = figure
        .rows
        .iter()
        .zip(&maps)
        .map(|(row, map)| format!("{}. {}", row.title, map.panels.iter().map(|panel| describe(map, panel)).collect::<Vec<_>>().join(" ")))
        .collect::<Vec<_>>()
        .join(" ");
    let title = format!("Logit lens by study and arm: {}", figure.measure);
    Some(draw(wide, high, &Description { id: &width.id("compared-lens"), title: &title, text: &text }, |canvas| {
        canvas.paper(wide, high);
        figure.scale.paint_legend(canvas, 2.0, 2.0, 280.0, &figure.measure);
        let mut top = LEGEND;
        for (row, map) in figure.rows.iter().zip(&maps) {
            canvas.text(2.0, top + 8.0, &fitted(&row.title, 13.0, wide - 6.0), 13.0, INK, Anchor::Start);
            for (index, panel) in row.panels.iter().enumerate() {
                let left = LAYER_COLUMN + (index % across) as f64 * (panel_width + GAP);
                let cells = top + ROW_HEAD + (index / across) as f64 * line_height(map) + PANEL_HEAD;
                if index % across == 0 {
                    paint_layers(canvas, map, (0.0, cells), ROW);
                }
                let Some(panel) = panel else {
                    canvas.text(left, cells - 12.0, "–", 12.0, MUTED, Anchor::Start);
                    continue;
                };
                canvas.text(left, cells - 12.0, &fitted(&panel.title, 12.0, panel_width), 12.0, INK, Anchor::Start);
                paint(canvas, map, panel, (left, cells), cell);
            }
            top += row_height(row, map);
        }
    }))
}
