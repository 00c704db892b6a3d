//! How long the texts of a set are: a histogram for each split, over one scale of lengths.

use super::{
    Width,
    axis::Ticks,
    canvas::{Anchor, Canvas, Description, draw, text_width},
    palette::{INK, MUTED, NON_TOXIC, RULE},
};
use crate::quantity;

const PANEL: f64 = 132.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 30.0;

/// One split's texts: bins of equal width from 0 to the longest.
#[derive(Debug, Clone, PartialEq)]
pub struct LengthPanel {
    pub title: String,
    pub bins: Vec<u64>,
    /// Characters.
    pub longest: u64,
}

/// The panels one below the other. `None` where there is none.
pub fn length_histogram(panels: &[LengthPanel], width: Width) -> Option<String> {
    let longest = panels.iter().map(|panel| panel.longest).max()?;
    let height = PANEL * panels.len() as f64 + 18.0;
    let text = panels
        .iter()
        .map(|panel| format!("{}: {} texts, the longest of {} characters", panel.title, panel.bins.iter().sum::<u64>(), panel.longest))
        .collect::<Vec<_>>()
        .join("; ");
    let description = Description { id: &width.id("lengths"), title: "Texts by their length in characters", text: &text };
    let lengths = Ticks::over(0.0, (longest as f64).max(1.0), if width == Width::Wide { 6 } else { 3 });
    Some(draw(width.pixels(), height, &description, |canvas| {
        canvas.paper(width.pixels(), height);
        for (index, panel) in panels.iter().enumerate() {
            paint(canvas, panel, &lengths, PANEL * index as f64, width);
        }
        canvas.text(width.pixels() - 2.0, height - 8.0, "characters", width.text_size(), MUTED, Anchor::End);
    }))
}

fn paint(canvas: &Canvas<'_>, panel: &LengthPanel, lengths: &Ticks, above: f64, width: Width) {
    let size = width.text_size();
    let most = panel.bins.iter().copied().max().unwrap_or(0).max(1);
    let counts = Ticks::over(0.0, most as f64, 3);
    let left = counts.values().map(|value| text_width(&counts.label(value), size)).fold(20.0, f64::max) + 10.0;
    let right = width.pixels() - 14.0;
    let (top, bottom) = (above + TOP, above + PANEL - BOTTOM);
    let x = |length: f64| left + (right - left) * lengths.place(length);
    let y = |count: f64| bottom - (bottom - top) * counts.place(count);
    let title = format!("{}, {} texts", panel.title, quantity::count(panel.bins.iter().sum()));
    canvas.text(left, above + 10.0, &title, size, INK, Anchor::Start);
    for value in counts.values() {
        canvas.line(&[(left, y(value)), (right, y(value))], RULE, 0.5);
        canvas.text(left - 6.0, y(value), &counts.label(value), size, MUTED, Anchor::End);
    }
    let bin = (panel.longest as f64 + 1.0) / panel.bins.len().max(1) as f64;
    for (index, count) in panel.bins.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (from, to) = (x(bin * index as f64), x(bin * (index as f64 + 1.0)));
        // a bin of few texts is still seen
        let high = y(*count as f64).min(bottom - 1.0);
        canvas.bar(from, high, if to - from > 3.0 { to - 1.0 } else { to }, bottom, NON_TOXIC);
    }
    canvas.line(&[(left, bottom), (right, bottom)], RULE, 1.0);
    for value in lengths.values() {
        canvas.text(x(value), bottom + 11.0, &lengths.label(value), size, MUTED, Anchor::Middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_of_texts_is_a_bar() {
        let panel = |title: &str, bins: &[u64], longest| LengthPanel { title: title.into(), bins: bins.into(), longest };
        let bars = |panels: &[LengthPanel], width| length_histogram(panels, width).map(|svg| svg.matches("<rect").count());
        for width in [Width::Narrow, Width::Wide] {
            // the sheet is one as well
            assert_eq!(bars(&[panel("train", &[3, 0, 100_000, 1], 39)], width), Some(4));
            assert_eq!(bars(&[panel("train", &[1, 1], 10), panel("test", &[0, 2], 4000)], width), Some(4));
            assert_eq!(bars(&[panel("a <b>", &[], 0)], width), Some(1));
            assert_eq!(bars(&[], width), None);
        }
        let svg = length_histogram(&[panel("a <b>", &[2], 7)], Width::Wide).unwrap();
        assert!(svg.contains("a &lt;b&gt;: 2 texts, the longest of 7 characters") && !svg.contains("<b>"));
    }
}
