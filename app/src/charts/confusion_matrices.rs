//! What one arm takes each label for, in each group: counts and their part of the row.

use super::{
    Width,
    canvas::{Anchor, Canvas, Description, draw, fitted, text_width},
    palette::{INK, MUTED, NON_TOXIC, RULE},
    panel_grid::{Frame, PanelGrid},
};
use crate::quantity;

/// One group's matrix.
#[derive(Debug, Clone)]
pub struct ConfusionPanel {
    pub group: String,
    /// Rows: the label; columns: the prediction, and a last one for unreadable answers where there are any.
    pub counts: Vec<Vec<u32>>,
}

/// A group, and the rows that have anything in them with their labels' numbers.
type Matrix<'a> = (&'a str, Vec<(usize, &'a [u32])>);

const ROW: f64 = 40.0;
/// Group, "taken for", and the columns' names.
const HEAD: f64 = 58.0;

/// `labels` in the order of their numbers. `None` where nothing was predicted.
pub fn confusion_matrices(labels: &[String], panels: &[ConfusionPanel], width: Width) -> Option<String> {
    // where the label makes the group, a group has one row
    let panels: Vec<Matrix<'_>> = panels
        .iter()
        .map(|panel| {
            let rows = panel.counts.iter().enumerate().take(labels.len());
            (panel.group.as_str(), rows.filter(|(_, row)| row.iter().any(|&n| n > 0)).map(|(index, row)| (index, row.as_slice())).collect())
        })
        .filter(|(_, rows): &Matrix<'_>| !rows.is_empty())
        .collect();
    let most_rows = panels.iter().map(|(_, rows)| rows.len()).max()?;
    let most_columns = panels.iter().flat_map(|(_, rows)| rows.iter().map(|(_, row)| row.len())).max()?;
    let text = panels.iter().map(|(group, rows)| describe(labels, group, rows)).collect::<Vec<_>>().join(". ");
    let id = width.id("confusion");
    let description = Description { id: &id, title: "Labels and what they were taken for, by group", text: &text };
    let columns = match (width, most_columns) {
        (Width::Narrow, _) | (_, 7..) => 1,
        (Width::Wide, ..=3) => 3,
        (Width::Wide, _) => 2,
    };
    let grid =
        PanelGrid::new(panels.len(), columns, width.pixels().min(360.0 * panels.len() as f64), HEAD + ROW * most_rows as f64 + 18.0, 0.0);
    let height = grid.height();
    Some(draw(width.pixels(), height, &description, |canvas| {
        canvas.paper(width.pixels(), height);
        for (index, (group, rows)) in panels.iter().enumerate() {
            paint(canvas, labels, group, rows, grid.cell(index), most_columns);
        }
    }))
}

fn column_name(labels: &[String], column: usize) -> &str {
    labels.get(column).map_or("unreadable", String::as_str)
}

fn sum(row: &[u32]) -> u64 {
    row.iter().map(|&n| u64::from(n)).sum()
}

fn describe(labels: &[String], group: &str, rows: &[(usize, &[u32])]) -> String {
    let rows = rows
        .iter()
        .map(|(label, row)| {
            let cells = row.iter().enumerate().map(|(column, n)| format!("{n} for {}", column_name(labels, column))).collect::<Vec<_>>();
            format!("of {} {}, taken: {}", sum(row), column_name(labels, *label), cells.join(", "))
        })
        .collect::<Vec<_>>()
        .join("; ");
    format!("{group}: {rows}")
}

fn paint(canvas: &Canvas<'_>, labels: &[String], group: &str, rows: &[(usize, &[u32])], cell: Frame, columns: usize) {
    let size = 11.0;
    let n: u64 = rows.iter().map(|(_, row)| sum(row)).sum();
    let suffix = format!(", n = {}", quantity::count(n));
    let heading = format!("{}{suffix}", fitted(group, 13.0, cell.width() - 28.0 - text_width(&suffix, 13.0)));
    canvas.text(cell.left + 2.0, cell.top + 10.0, &heading, 13.0, INK, Anchor::Start);
    let names = rows.iter().map(|(label, _)| text_width(column_name(labels, *label), size)).fold(40.0, f64::max).min(cell.width() * 0.3);
    let left = cell.left + names + 10.0;
    let column_width = ((cell.right - 16.0 - left) / columns.max(1) as f64).min(110.0);
    let top = cell.top + HEAD;
    canvas.text(cell.left + 2.0, cell.top + HEAD - 10.0, "label", size, MUTED, Anchor::Start);
    canvas.text(left, cell.top + HEAD - 27.0, "taken for", size, MUTED, Anchor::Start);
    for column in 0..columns {
        let name = fitted(column_name(labels, column), size, column_width - 8.0);
        if text_width(&name, size) < column_width {
            canvas.text(left + (column as f64 + 0.5) * column_width, cell.top + HEAD - 10.0, &name, size, INK, Anchor::Middle);
        }
    }
    for (place, (label, row)) in rows.iter().enumerate() {
        let y = top + place as f64 * ROW;
        let name = fitted(column_name(labels, *label), size, names);
        canvas.text(left - 8.0, y + ROW / 2.0, &name, size, INK, Anchor::End);
        let total = sum(row).max(1) as f64;
        for column in 0..columns {
            let x = left + column as f64 * column_width;
            let Some(&n) = row.get(column) else { continue };
            let share = f64::from(n) / total;
            canvas.shade(x, y, x + column_width, y + ROW, NON_TOXIC, 0.45 * share);
            // where it is right is marked by a frame, not by colour
            let (weight, colour) = if column == *label { (1.5, INK) } else { (1.0, RULE) };
            let inset = if column == *label { 1.0 } else { 0.0 };
            let (l, t, r, b) = (x + inset, y + inset, x + column_width - inset, y + ROW - inset);
            canvas.line(&[(l, t), (r, t), (r, b), (l, b), (l, t)], colour, weight);
            let middle = x + column_width / 2.0;
            let (count, percent) = (quantity::count(n.into()), format!("{:.1} %", share * 100.0));
            if text_width(&percent, size) + 4.0 < column_width && text_width(&count, size) + 4.0 < column_width {
                canvas.text(middle, y + 13.0, &count, size, INK, Anchor::Middle);
                canvas.text(middle, y + 28.0, &percent, size, INK, Anchor::Middle);
            } else {
                let short = format!("{:.0}", share * 100.0);
                if text_width(&short, size) + 2.0 < column_width {
                    canvas.text(middle, y + ROW / 2.0, &short, size, INK, Anchor::Middle);
                }
            }
        }
    }
}
