//! The logit lens of several studies: a row a study, a column an arm, so that the same arm stands under itself; one scale for all.

use super::{
    Width,
    canvas::{Anchor, Description, draw, fitted},
    heat::HeatScale,
    lens_heatmap::{GAP, LAYER_COLUMN, LENS_CELL, LensHeatmap, LensPanel, SheetLayout, describe, paint, paint_layers},
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
const ROW_HEAD: f64 = 44.0;

impl LensRows {
    /// A row as a heatmap of one panel.
    fn map(&self, row: &LensRow, panel: &LensPanel) -> LensHeatmap {
        LensHeatmap { tokens: row.tokens.clone(), panels: vec![panel.clone()], scale: self.scale, measure: self.measure.clone() }
    }
}

/// Everything in one drawing for a sheet of paper: panels that don't fit stand beneath, and so do the later tokens of a prompt that is
/// longer. `None` where there is no cell.
pub fn compared_lens_sheet<'a>(figure: &'a LensRows, width: Width) -> Option<String> {
    const TITLE: f64 = 22.0;
    const BENEATH: f64 = 8.0;
    // of each row all of its panels, which have one number of layers
    let map_of = |row: &LensRow| LensHeatmap {
        tokens: row.tokens.clone(),
        panels: row.panels.iter().flatten().cloned().collect(),
        scale: figure.scale,
        measure: figure.measure.clone(),
    };
    let maps: Vec<LensHeatmap> = figure.rows.iter().map(map_of).collect();
    let tokens = maps.iter().map(|map| map.tokens.len()).max().unwrap_or(0);
    let columns = figure.rows.iter().map(|row| row.panels.len()).max().unwrap_or(0);
    if tokens == 0 || maps.iter().all(|map| map.panels.iter().all(|panel| panel.values.is_empty())) {
        return None;
    }
    let layout = SheetLayout::new(width, tokens, columns);
    // where panels stand beneath one another there is nothing that an empty place would keep in line
    let panels_of = |row: &'a LensRow| -> Vec<Option<&'a LensPanel>> {
        row.panels.iter().map(Option::as_ref).filter(|panel| panel.is_some() || layout.across > 1).collect()
    };
    let row_height = |row: &'a LensRow, map: &LensHeatmap| TITLE + layout.height(map, panels_of(row).len()) + BENEATH;
    let (wide, high) = (width.pixels(), LEGEND + figure.rows.iter().zip(&maps).map(|(row, map)| row_height(row, map)).sum::<f64>());
    let title = format!("Logit lens by study and arm: {}", figure.measure);
    let text = spoken(figure.rows.iter().zip(&maps).map(|(row, map)| (row, map.panels.iter().map(|panel| describe(map, panel)).collect())));
    Some(draw(wide, high, &Description { id: &width.id("compared-lens"), title: &title, text: &text }, |canvas| {
        canvas.paper(wide, high);
        figure.scale.paint_legend(canvas, 2.0, 2.0, 280.0, &fitted(&figure.measure, 11.0, wide - 4.0));
        let mut top = LEGEND;
        for (row, map) in figure.rows.iter().zip(&maps) {
            canvas.text(2.0, top + 8.0, &fitted(&row.title, 13.0, wide - 6.0), 13.0, INK, Anchor::Start);
            layout.paint(canvas, map, &panels_of(row), top + TITLE);
            top += row_height(row, map);
        }
    }))
}

/// For a reader without eyes: each row's panels after its title.
fn spoken<'a>(rows: impl Iterator<Item = (&'a LensRow, Vec<String>)>) -> String {
    rows.map(|(row, panels)| format!("{}. {}", row.title, panels.join(" "))).collect::<Vec<_>>().join(" ")
}

/// Everything in one drawing, as wide as it takes: for a page, on which it can be moved. `None` where there is no cell.
pub fn compared_lens(figure: &LensRows) -> Option<String> {
    let maps: Vec<Vec<Option<LensHeatmap>>> =
        figure.rows.iter().map(|row| row.panels.iter().map(|panel| panel.as_ref().map(|panel| figure.map(row, panel))).collect()).collect();
    let all = || maps.iter().flatten().flatten();
    let panel_width = all().map(|map| map.panel_size().0).fold(0.0, f64::max);
    let columns = maps.iter().map(Vec::len).max().unwrap_or(0);
    if panel_width <= 0.0 || all().all(|map| map.panels[0].values.is_empty()) {
        return None;
    }
    let row_height = |row: &[Option<LensHeatmap>]| ROW_HEAD + row.iter().flatten().map(|map| map.panel_size().1).fold(0.0, f64::max) + 8.0;
    let width = (LAYER_COLUMN + columns as f64 * (panel_width + GAP)).max(320.0);
    let height = LEGEND + maps.iter().map(|row| row_height(row)).sum::<f64>();
    let described = |maps: &[Option<LensHeatmap>]| maps.iter().flatten().map(|map| describe(map, &map.panels[0])).collect();
    let text = spoken(figure.rows.iter().zip(&maps).map(|(row, maps)| (row, described(maps))));
    let title = format!("Logit lens by study and arm: {}", figure.measure);
    Some(draw(width, height, &Description { id: "compared-lens", title: &title, text: &text }, |canvas| {
        canvas.paper(width, height);
        figure.scale.paint_legend(canvas, 2.0, 2.0, 280.0, &figure.measure);
        let mut top = LEGEND;
        for (row, maps) in figure.rows.iter().zip(&maps) {
            canvas.text(2.0, top + 8.0, &fitted(&row.title, 13.0, width - 6.0), 13.0, INK, Anchor::Start);
            let cells = top + ROW_HEAD;
            for (column, map) in maps.iter().enumerate() {
                let left = LAYER_COLUMN + column as f64 * (panel_width + GAP);
                let Some(map) = map else {
                    canvas.text(left, cells - 12.0, "–", 12.0, MUTED, Anchor::Start);
                    continue;
                };
                canvas.text(left, cells - 12.0, &fitted(&map.panels[0].title, 12.0, panel_width), 12.0, INK, Anchor::Start);
                paint(canvas, map, &map.panels[0], 0..map.tokens.len(), (left, cells), LENS_CELL);
            }
            if let Some(map) = maps.iter().flatten().next() {
                paint_layers(canvas, map, (0.0, cells), LENS_CELL.1);
            }
            top += row_height(maps);
        }
    }))
}
