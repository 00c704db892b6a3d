//! The accuracy curves of several studies, a panel each, on one scale.

use super::{
    AccuracyCurves, Width,
    accuracy_curves::{AccuracyLine, LEADER, SAMPLE, accuracy_axis, describe, key, paint, value},
    canvas::{Anchor, Description, draw, fitted, text_width},
    palette::{INK, MUTED},
    panel_grid::{Frame, PanelGrid},
};

/// One study.
#[derive(Debug, Clone)]
pub struct CurvesPanel {
    pub title: String,
    /// All panels have the same fractions.
    pub curves: AccuracyCurves,
}

/// Panels side by side, two in a row where there is room. `None` where nothing was measured.
pub fn compared_curves(panels: &[CurvesPanel], width: Width) -> Option<String> {
    let shown = |panel: &CurvesPanel| -> Vec<AccuracyLine> {
        panel.curves.lines.iter().filter(|line| line.points.iter().any(|point| value(point).is_some())).cloned().collect()
    };
    let lines: Vec<Vec<AccuracyLine>> = panels.iter().map(shown).collect();
    let axis = accuracy_axis(&lines.iter().flatten().collect::<Vec<_>>())?;
    if panels.iter().any(|panel| panel.curves.fractions.is_empty()) {
        return None;
    }
    let size = 11.0;
    let most = lines.iter().map(Vec::len).max().unwrap_or(0) as f64;
    let plot_height = (most * (size + 3.0)).max(200.0);
    let columns = if width == Width::Narrow { 1 } else { 2 };
    let grid = PanelGrid::new(panels.len(), columns, width.pixels(), plot_height + 62.0 + 58.0, 22.0);
    let text = panels
        .iter()
        .zip(&lines)
        .map(|(panel, lines)| format!("{}: {}", panel.title, describe(&panel.curves, &lines.iter().collect::<Vec<_>>())))
        .collect::<Vec<_>>()
        .join(". ");
    let id = width.id("compared-accuracy");
    let description = Description { id: &id, title: "Accuracy by minority fraction and study, with 95 % intervals", text: &text };
    Some(draw(width.pixels(), grid.height(), &description, |canvas| {
        canvas.paper(width.pixels(), grid.height());
        canvas.text(2.0, 10.0, "accuracy, %", size, MUTED, Anchor::Start);
        for (index, (panel, lines)) in panels.iter().zip(&lines).enumerate() {
            let cell = grid.cell(index);
            let names = lines.iter().map(|line| text_width(&line.arm.label(), size)).fold(0.0, f64::max);
            let right = cell.right - names - SAMPLE - LEADER - 12.0;
            let frame = Frame { left: cell.left + 36.0, top: cell.top + 62.0, right, bottom: cell.top + 62.0 + plot_height };
            canvas.text(frame.left, cell.top + 8.0, &fitted(&panel.title, 13.0, cell.right - frame.left - 8.0), 13.0, INK, Anchor::Start);
            key(canvas, &panel.curves, (frame.left, cell.top + 27.0), cell.right - frame.left - 34.0, true, size);
            paint(canvas, &panel.curves, &lines.iter().collect::<Vec<_>>(), frame, &axis, size);
        }
    }))
}
