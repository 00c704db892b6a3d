//! A quantity of each arm as a dot with its interval, one row an arm, one panel a condition, on one scale.

use super::{
    Width,
    axis::Ticks,
    canvas::{Anchor, Canvas, Description, draw, text_width},
    palette::{INK, MUTED, RULE, arm_colour},
};
use rankscope_domain::{Arm, class_results::Measure};

/// One condition.
#[derive(Debug, Clone)]
pub struct MeasurePanel {
    pub title: String,
    pub rows: Vec<(Arm, Measure)>,
}

const ROW: f64 = 24.0;
const HEAD: f64 = 26.0;

/// `axis_name` has the unit. `None` where no arm has a number.
pub fn measure_dots(name: &str, title: &str, axis_name: &str, panels: &[MeasurePanel], width: Width) -> Option<String> {
    let all = || panels.iter().flat_map(|panel| &panel.rows);
    let largest = all().filter_map(|(_, measure)| Some(finite(measure.high).unwrap_or(finite(measure.value)?))).reduce(f64::max)?;
    let lowest = all().filter_map(|(_, measure)| finite(measure.low).or(finite(measure.value))).reduce(f64::min)?.min(0.0);
    let axis = Ticks::over(lowest, largest.max(1e-6), if width == Width::Wide { 5 } else { 3 });
    let arms: Vec<Arm> = panels.iter().flat_map(|panel| panel.rows.iter().map(|(arm, _)| *arm)).collect();
    let size = width.text_size();
    let left = arms.iter().map(|arm| text_width(&arm.label(), size)).fold(40.0, f64::max) + 12.0;
    let numbers = all().map(|(_, measure)| text_width(&number_text(measure), size)).fold(0.0, f64::max) + 14.0;
    let right = width.pixels() - numbers;
    let height = panels.iter().map(|panel| HEAD + ROW * panel.rows.len() as f64).sum::<f64>() + 44.0;
    let text = panels
        .iter()
        .map(|panel| {
            let rows = panel.rows.iter().map(|(arm, measure)| format!("{}: {}", arm.label(), described(measure)));
            format!("{}: {}", panel.title, rows.collect::<Vec<_>>().join("; "))
        })
        .collect::<Vec<_>>()
        .join(". ");
    Some(draw(width.pixels(), height, &Description { id: &width.id(name), title, text: &text }, |canvas| {
        canvas.paper(width.pixels(), height);
        let x_of = |value: f64| left + axis.place(value) * (right - left);
        let bottom = height - 40.0;
        for value in axis.values() {
            canvas.line(&[(x_of(value), HEAD - 6.0), (x_of(value), bottom)], RULE, 1.0);
            canvas.text(x_of(value), bottom + 12.0, &axis.label(value), 11.0, MUTED, Anchor::Middle);
        }
        canvas.text(left, bottom + 29.0, axis_name, 11.0, MUTED, Anchor::Start);
        let mut top = 0.0;
        for panel in panels {
            canvas.text(2.0, top + 11.0, &panel.title, size, MUTED, Anchor::Start);
            for (index, (arm, measure)) in panel.rows.iter().enumerate() {
                let y = top + HEAD + (index as f64 + 0.5) * ROW;
                canvas.text(left - 8.0, y, &arm.label(), size, INK, Anchor::End);
                canvas.text(width.pixels() - 2.0, y, &number_text(measure), size, INK, Anchor::End);
                paint_row(canvas, measure, y, &x_of, arm_colour(*arm, &arms));
            }
            top += HEAD + ROW * panel.rows.len() as f64;
        }
    }))
}

fn paint_row(canvas: &Canvas<'_>, measure: &Measure, y: f64, x_of: &dyn Fn(f64) -> f64, colour: plotters::style::RGBColor) {
    let Some(value) = finite(measure.value) else { return };
    if let (Some(low), Some(high)) = (finite(measure.low), finite(measure.high)) {
        canvas.line(&[(x_of(low), y), (x_of(high), y)], colour, 2.0);
        for end in [low, high] {
            canvas.line(&[(x_of(end), y - 4.0), (x_of(end), y + 4.0)], colour, 2.0);
        }
    }
    canvas.dot(x_of(value), y, 4.5, colour);
}

fn finite(number: Option<f64>) -> Option<f64> {
    number.filter(|number| number.is_finite())
}

fn number_text(measure: &Measure) -> String {
    finite(measure.value).map_or_else(|| "–".into(), crate::quantity::significant)
}

fn described(measure: &Measure) -> String {
    use crate::quantity::significant;
    match (finite(measure.value), finite(measure.low), finite(measure.high)) {
        (Some(value), Some(low), Some(high)) => format!("{} ({} to {})", significant(value), significant(low), significant(high)),
        (Some(value), ..) => significant(value),
        _ => "no result".into(),
    }
}
