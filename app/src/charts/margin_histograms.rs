//! How sure each arm is of the samples that it calls positive, as in the paper's Figure 5: one histogram an arm, bins and scale in common.

use super::{
    Width,
    axis::Ticks,
    canvas::{Anchor, Canvas, Description, draw, text_width},
    palette::{INK, MUTED, RULE, arm_colour},
    panel_grid::{Frame, PanelGrid},
};
use crate::quantity;
use rankscope_domain::{Arm, class_results::Measure};

/// One arm's histogram.
#[derive(Debug, Clone)]
pub struct MarginPanel {
    pub arm: Arm,
    /// Samples by bin; as many as there are bins, or none.
    pub counts: Vec<u32>,
    /// Mean soft probability of the decision.
    pub mean: Measure,
}

/// `edges`: ends of the bins, ascending, one more than bins. `None` where no arm called anything positive.
pub fn margin_histograms(edges: &[f64], panels: &[MarginPanel], width: Width) -> Option<String> {
    let bins = edges.len().checked_sub(1).filter(|bins| *bins > 0)?;
    if edges.iter().any(|edge| !edge.is_finite()) || edges[bins] <= edges[0] {
        return None;
    }
    let shares: Vec<Vec<f64>> = panels.iter().map(|panel| shares(panel, bins)).collect();
    let largest = shares.iter().flatten().copied().fold(0.0, f64::max);
    if largest <= 0.0 {
        return None;
    }
    let axis = Ticks::over(0.0, largest, if width == Width::Wide { 4 } else { 3 });
    let text = panels.iter().map(describe).collect::<Vec<_>>().join("; ");
    let id = width.id("margins");
    let description = Description { id: &id, title: "Decision margins of the samples called positive, by arm", text: &text };
    let size = width.text_size();
    let grid = PanelGrid::new(panels.len(), if width == Width::Wide { 3 } else { 2 }, width.pixels(), 176.0, 24.0);
    let height = grid.height() + 20.0;
    Some(draw(width.pixels(), height, &description, |canvas| {
        canvas.paper(width.pixels(), height);
        canvas.text(2.0, 10.0, "share of the samples called positive, %", size, MUTED, Anchor::Start);
        let arms: Vec<Arm> = panels.iter().map(|panel| panel.arm).collect();
        for (index, (panel, shares)) in panels.iter().zip(&shares).enumerate() {
            let cell = grid.cell(index);
            let frame = Frame { left: cell.left + 32.0, top: cell.top + 42.0, right: cell.right - 10.0, bottom: cell.bottom - 24.0 };
            paint(canvas, panel, shares, edges, frame, &axis, &arms);
        }
        let name = if width == Width::Wide {
            "decision margin: soft probability of the positive label; triangle: mean"
        } else {
            "margin (probability); triangle: mean"
        };
        canvas.text(32.0, height - 10.0, name, size, MUTED, Anchor::Start);
    }))
}

fn total(panel: &MarginPanel) -> u64 {
    panel.counts.iter().map(|&count| u64::from(count)).sum()
}

/// Each bin's part in percent; empty where nothing was called positive.
fn shares(panel: &MarginPanel, bins: usize) -> Vec<f64> {
    let total = total(panel);
    if total == 0 || panel.counts.len() != bins {
        return Vec::new();
    }
    panel.counts.iter().map(|&count| 100.0 * f64::from(count) / total as f64).collect()
}

fn mean(panel: &MarginPanel) -> Option<f64> {
    panel.mean.value.filter(|mean| mean.is_finite())
}

fn describe(panel: &MarginPanel) -> String {
    match (total(panel), mean(panel)) {
        (0, _) => format!("{}: no sample called positive", panel.arm.label()),
        (total, Some(mean)) => format!("{}: mean {mean:.3} over {total} samples", panel.arm.label()),
        (total, None) => format!("{}: {total} samples", panel.arm.label()),
    }
}

fn paint(canvas: &Canvas<'_>, panel: &MarginPanel, shares: &[f64], edges: &[f64], frame: Frame, axis: &Ticks, arms: &[Arm]) {
    let size = 11.0;
    let (low, high) = (edges[0], edges[edges.len() - 1]);
    let x_of = |margin: f64| frame.left + ((margin - low) / (high - low)).clamp(0.0, 1.0) * frame.width();
    let y_of = |share: f64| frame.bottom - axis.place(share) * frame.height();
    canvas.text(frame.left, frame.top - 32.0, &panel.arm.label(), 13.0, INK, Anchor::Start);
    let samples = match total(panel) {
        0 => "no sample called positive".into(),
        total => {
            let mean = mean(panel).map(|mean| format!(", mean {mean:.2}")).unwrap_or_default();
            format!("n = {}{mean}", quantity::count(total))
        }
    };
    canvas.text(frame.left, frame.top - 17.0, &super::canvas::fitted(&samples, size, frame.width()), size, MUTED, Anchor::Start);
    for value in axis.values() {
        canvas.line(&[(frame.left, y_of(value)), (frame.right, y_of(value))], RULE, 1.0);
        canvas.text(frame.left - 5.0, y_of(value), &axis.label(value), size, MUTED, Anchor::End);
    }
    let colour = arm_colour(panel.arm, arms);
    for (share, ends) in shares.iter().zip(edges.windows(2)) {
        if *share > 0.0 {
            // a gap between neighbours, where they are wide enough for one
            let (left, right) = (x_of(ends[0]), x_of(ends[1]));
            let gap = if right - left > 4.0 { 0.5 } else { 0.0 };
            canvas.bar(left + gap, y_of(*share), right - gap, frame.bottom, colour);
        }
    }
    canvas.line(&[(frame.left, frame.bottom), (frame.right, frame.bottom)], MUTED, 1.0);
    let middle = (low + high) / 2.0;
    let ticks = [(low, Anchor::Start), (middle, Anchor::Middle), (high, Anchor::End)];
    let mut label_end = f64::NEG_INFINITY;
    for (margin, anchor) in ticks {
        let label = trimmed(margin);
        let wide = text_width(&label, size);
        let start = match anchor {
            Anchor::Start => x_of(margin),
            Anchor::Middle => x_of(margin) - wide / 2.0,
            Anchor::End => x_of(margin) - wide,
        };
        if start > label_end {
            label_end = start + wide + 4.0;
            canvas.text(x_of(margin), frame.bottom + 12.0, &label, size, MUTED, anchor);
        }
    }
    if let Some(mean) = mean(panel).filter(|_| !shares.is_empty()) {
        let x = x_of(mean);
        canvas.line(&[(x, frame.top), (x, frame.bottom)], INK, 1.0);
        canvas.shape(&[(x - 4.5, frame.top - 7.0), (x + 4.5, frame.top - 7.0), (x, frame.top)], INK, 1.0);
    }
}

/// With up to three decimals, without trailing zeros.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}
