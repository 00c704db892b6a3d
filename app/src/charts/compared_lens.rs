//! The logit lens of several studies: a row a study, a column an arm, so that the same arm stands under itself; one scale for all.

use super::{
    Width,
    canvas::{Anchor, Description, draw, fitted},
    heat::HeatScale,
    lens_heatmap::{LensHeatmap, LensPanel, SheetLayout, describe},
    palette::INK,
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

impl LensRows {
    /// A row as a heatmap of the panels that it has, which have one number of layers.
    pub fn map(&self, row: &LensRow) -> LensHeatmap {
        LensHeatmap {
            tokens: row.tokens.clone(),
            panels: row.panels.iter().flatten().cloned().collect(),
            scale: self.scale,
            measure: self.measure.clone(),
        }
    }
}

/// Everything in one drawing for a sheet of paper: panels that don't fit stand beneath, and so do the later tokens of a prompt that is
/// longer. `None` where there is no cell.
pub fn compared_lens<'a>(figure: &'a LensRows, width: Width) -> Option<String> {
    const TITLE: f64 = 22.0;
    const BENEATH: f64 = 8.0;
    let maps: Vec<LensHeatmap> = figure.rows.iter().map(|row| figure.map(row)).collect();
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
