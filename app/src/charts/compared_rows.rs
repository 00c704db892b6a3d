//! A quantity of the same arm in several studies, one under the other on one scale: blocks of arms, in each a row a study. The arm has its
//! colour, the study its letter; what the letters stand for is written above.

use super::{
    Width,
    axis::Ticks,
    canvas::{Anchor, Canvas, Description, draw, fitted, text_width},
    palette::{INK, MUTED, RULE, arm_colour},
};
use rankscope_domain::{Arm, class_results::Measure};

#[derive(Debug, Clone)]
pub struct ComparedRows {
    /// Tells figures of a page apart.
    pub name: &'static str,
    pub title: String,
    /// With its unit.
    pub axis_name: String,
    /// What the letters stand for, in their order.
    pub studies: Vec<(char, String)>,
    /// Every arm of the comparison: those that are shown keep their colour whichever they are.
    pub arms: Vec<Arm>,
    pub mark: RowMark,
    pub panels: Vec<RowPanel>,
}

/// How a value is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowMark {
    /// A share, in percent.
    Bar,
    /// A quantity as it is.
    Dot,
}

/// One condition.
#[derive(Debug, Clone)]
pub struct RowPanel {
    /// Above it; empty: none.
    pub title: String,
    pub blocks: Vec<RowBlock>,
}

#[derive(Debug, Clone)]
pub struct RowBlock {
    pub arm: Arm,
    pub rows: Vec<ComparedRow>,
}

#[derive(Debug, Clone)]
pub struct ComparedRow {
    pub letter: char,
    pub measure: Measure,
}

const ROW: f64 = 18.0;
const BLOCK_GAP: f64 = 8.0;
const PANEL_HEAD: f64 = 38.0;
const NAME_LINE: f64 = 17.0;

impl RowMark {
    fn scaled(self, number: Option<f64>) -> Option<f64> {
        let factor = if self == Self::Bar { 100.0 } else { 1.0 };
        number.filter(|number| number.is_finite()).map(|number| number * factor)
    }

    fn text(self, measure: &Measure) -> String {
        match (self, self.scaled(measure.value)) {
            (_, None) => "–".into(),
            (Self::Bar, Some(percent)) => format!("{percent:.1}\u{202f}%"),
            (Self::Dot, Some(value)) => crate::quantity::significant(value),
        }
    }
}

impl RowPanel {
    fn height(&self) -> f64 {
        let blocks: f64 = self.blocks.iter().map(|block| ROW * block.rows.len() as f64 + BLOCK_GAP).sum();
        blocks + if self.title.is_empty() { 0.0 } else { PANEL_HEAD }
    }
}

/// `None` where no row has a number.
pub fn compared_rows(figure: &ComparedRows, width: Width) -> Option<String> {
    let mark = figure.mark;
    let rows = || figure.panels.iter().flat_map(|panel| &panel.blocks).flat_map(|block| &block.rows);
    let ends = || rows().flat_map(|row| [row.measure.value, row.measure.high]).filter_map(|end| mark.scaled(end));
    rows().find(|row| mark.scaled(row.measure.value).is_some())?;
    let largest = ends().fold(1e-6, f64::max);
    let lowest = rows().flat_map(|row| [row.measure.value, row.measure.low]).filter_map(|end| mark.scaled(end)).fold(0.0, f64::min);
    let mut axis = Ticks::over(
        lowest,
        if mark == RowMark::Bar { largest.clamp(1.0, 100.0) } else { largest },
        if width == Width::Wide { 5 } else { 3 },
    );
    if mark == RowMark::Bar {
        axis.high = axis.high.min(100.0);
    }
    let size = width.text_size();
    let labels = figure.panels.iter().flat_map(|panel| &panel.blocks).map(|block| text_width(&block.arm.label(), size));
    let label_end = labels.fold(40.0, f64::max) + 4.0;
    let left = label_end + 26.0;
    let numbers = rows().map(|row| text_width(&mark.text(&row.measure), size)).fold(0.0, f64::max) + 12.0;
    let right = width.pixels() - numbers;
    let top = 8.0 + NAME_LINE * figure.studies.len() as f64 + 10.0;
    let height = top + figure.panels.iter().map(RowPanel::height).sum::<f64>() + 44.0;
    let text = describe(figure);
    let description = Description { id: &width.id(figure.name), title: &figure.title, text: &text };
    Some(draw(width.pixels(), height, &description, |canvas| {
        canvas.paper(width.pixels(), height);
        for (line, (letter, name)) in figure.studies.iter().enumerate() {
            let y = 10.0 + NAME_LINE * line as f64;
            canvas.text(2.0, y, &letter.to_string(), size, INK, Anchor::Start);
            canvas.text(20.0, y, &fitted(name, size, width.pixels() - 26.0), size, MUTED, Anchor::Start);
        }
        let x_of = |value: f64| left + axis.place(value) * (right - left);
        let bottom = height - 40.0;
        for value in axis.values().filter(|value| *value <= axis.high + 1e-9) {
            canvas.text(x_of(value), bottom + 12.0, &axis.label(value), 11.0, MUTED, Anchor::Middle);
        }
        canvas.text(left, bottom + 29.0, &figure.axis_name, 11.0, MUTED, Anchor::Start);
        let mut y = top;
        for panel in &figure.panels {
            if !panel.title.is_empty() {
                canvas.text(2.0, y + 22.0, &fitted(&panel.title, 13.0, width.pixels() - 4.0), 13.0, INK, Anchor::Start);
                y += PANEL_HEAD;
            }
            let end = y + panel.blocks.iter().map(|block| ROW * block.rows.len() as f64 + BLOCK_GAP).sum::<f64>() - BLOCK_GAP / 2.0;
            for value in axis.values().filter(|value| *value <= axis.high + 1e-9) {
                canvas.line(&[(x_of(value), y - 2.0), (x_of(value), end)], RULE, 1.0);
            }
            for block in &panel.blocks {
                canvas.text(label_end, y + ROW / 2.0, &block.arm.label(), size, INK, Anchor::End);
                for row in &block.rows {
                    canvas.text(label_end + 13.0, y + ROW / 2.0, &row.letter.to_string(), size, MUTED, Anchor::Middle);
                    canvas.text(width.pixels() - 2.0, y + ROW / 2.0, &mark.text(&row.measure), size, INK, Anchor::End);
                    paint_row(canvas, mark, &row.measure, y + ROW / 2.0, &x_of, arm_colour(block.arm, &figure.arms));
                    y += ROW;
                }
                y += BLOCK_GAP;
            }
        }
    }))
}

fn paint_row(canvas: &Canvas<'_>, mark: RowMark, measure: &Measure, y: f64, x_of: &dyn Fn(f64) -> f64, colour: plotters::style::RGBColor) {
    let Some(value) = mark.scaled(measure.value) else { return };
    if mark == RowMark::Bar {
        canvas.shade(x_of(0.0), y - 5.5, x_of(value), y + 5.5, colour, 0.4);
    }
    if let (Some(low), Some(high)) = (mark.scaled(measure.low), mark.scaled(measure.high)) {
        canvas.line(&[(x_of(low), y), (x_of(high), y)], colour, 2.0);
        for end in [low, high] {
            canvas.line(&[(x_of(end), y - 3.5), (x_of(end), y + 3.5)], colour, 2.0);
        }
    }
    canvas.dot(x_of(value), y, 3.5, colour);
}

fn describe(figure: &ComparedRows) -> String {
    let mark = figure.mark;
    let row = |row: &ComparedRow| match (mark.scaled(row.measure.value), mark.scaled(row.measure.low), mark.scaled(row.measure.high)) {
        (None, ..) => format!("{} no result", row.letter),
        (Some(_), Some(low), Some(high)) => {
            let number = |number: f64| if mark == RowMark::Bar { format!("{number:.1}") } else { crate::quantity::significant(number) };
            format!("{} {} ({} to {})", row.letter, mark.text(&row.measure), number(low), number(high))
        }
        _ => format!("{} {}", row.letter, mark.text(&row.measure)),
    };
    let panel = |panel: &RowPanel| {
        let blocks = panel
            .blocks
            .iter()
            .map(|block| format!("{}: {}", block.arm.label(), block.rows.iter().map(row).collect::<Vec<_>>().join(", ")));
        let blocks = blocks.collect::<Vec<_>>().join("; ");
        if panel.title.is_empty() { blocks } else { format!("{}: {blocks}", panel.title) }
    };
    let studies = figure.studies.iter().map(|(letter, name)| format!("{letter} is {name}")).collect::<Vec<_>>().join(", ");
    format!("{studies}. {}", figure.panels.iter().map(panel).collect::<Vec<_>>().join(". "))
}
