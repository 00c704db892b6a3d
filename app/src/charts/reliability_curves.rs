//! Whether an arm is right as often as it is sure: accuracy against confidence, one panel an arm.

use super::{
    Width,
    canvas::{Anchor, Canvas, Description, draw, fitted},
    palette::{INK, MUTED, RULE, arm_colour},
    panel_grid::{Frame, PanelGrid},
};
use rankscope_domain::{
    Arm,
    class_results::{Measure, ReliabilityBin},
};

/// One arm's curve.
#[derive(Debug, Clone)]
pub struct ReliabilityPanel {
    pub arm: Arm,
    pub bins: Vec<ReliabilityBin>,
    /// Expected calibration error.
    pub error: Measure,
}

/// `None` where no arm has a probability.
pub fn reliability_curves(panels: &[ReliabilityPanel], width: Width) -> Option<String> {
    let bins = || panels.iter().flat_map(|panel| panel.bins.iter().filter(|bin| is_shown(bin)));
    let largest = bins().map(|bin| bin.n).max()?;
    // of two labels the likelier has at least a half
    let low = if bins().all(|bin| bin.low >= 0.5 - 1e-9) { 0.5 } else { 0.0 };
    let axes = Axes { confidence_from: low, accuracy_from: if bins().all(|bin| bin.accuracy >= low) { low } else { 0.0 } };
    let text = panels.iter().map(describe).collect::<Vec<_>>().join("; ");
    let id = width.id("reliability");
    let description = Description { id: &id, title: "Accuracy by confidence and arm", text: &text };
    let size = width.text_size();
    let columns = if width == Width::Wide { 3 } else { 2 };
    let cell_height = if width == Width::Wide { 232.0 } else { 196.0 };
    let grid = PanelGrid::new(panels.len(), columns, width.pixels().min(240.0 * panels.len().max(2) as f64), cell_height, 24.0);
    let height = grid.height() + 20.0;
    Some(draw(width.pixels(), height, &description, |canvas| {
        canvas.paper(width.pixels(), height);
        canvas.text(2.0, 10.0, "accuracy, %", size, MUTED, Anchor::Start);
        let arms: Vec<Arm> = panels.iter().map(|panel| panel.arm).collect();
        for (index, panel) in panels.iter().enumerate() {
            let cell = grid.cell(index);
            let frame = Frame { left: cell.left + 34.0, top: cell.top + 40.0, right: cell.right - 10.0, bottom: cell.bottom - 22.0 };
            paint(canvas, panel, frame, axes, largest, &arms);
        }
        let name = if width == Width::Wide {
            "confidence of the prediction, %; a dot’s area is the number of predictions; dashed: perfectly calibrated"
        } else {
            "confidence, %; area: predictions"
        };
        canvas.text(34.0, height - 10.0, name, size, MUTED, Anchor::Start);
    }))
}

/// Where the axes begin; both end at 1.
#[derive(Clone, Copy)]
struct Axes {
    confidence_from: f64,
    accuracy_from: f64,
}

fn is_shown(bin: &ReliabilityBin) -> bool {
    bin.n > 0 && bin.confidence.is_finite() && bin.accuracy.is_finite()
}

fn error_text(panel: &ReliabilityPanel) -> Option<String> {
    panel.error.value.filter(|error| error.is_finite()).map(|error| format!("ECE {:.1} %", error * 100.0))
}

fn describe(panel: &ReliabilityPanel) -> String {
    let bins = panel
        .bins
        .iter()
        .filter(|bin| is_shown(bin))
        .map(|bin| format!("{:.0} % sure, {:.0} % right (n = {})", bin.confidence * 100.0, bin.accuracy * 100.0, bin.n))
        .collect::<Vec<_>>();
    let bins = if bins.is_empty() { "no probability".into() } else { bins.join(", ") };
    format!("{}: {bins}{}", panel.arm.label(), error_text(panel).map(|text| format!(", {text}")).unwrap_or_default())
}

fn paint(canvas: &Canvas<'_>, panel: &ReliabilityPanel, frame: Frame, axes: Axes, largest: u32, arms: &[Arm]) {
    let size = 11.0;
    let Axes { confidence_from: low, accuracy_from: floor } = axes;
    let x_of = |confidence: f64| frame.left + ((confidence - low) / (1.0 - low)).clamp(0.0, 1.0) * frame.width();
    let y_of = |accuracy: f64| frame.bottom - ((accuracy - floor) / (1.0 - floor)).clamp(0.0, 1.0) * frame.height();
    canvas.text(frame.left, frame.top - 30.0, &panel.arm.label(), 13.0, INK, Anchor::Start);
    let n: u64 = panel.bins.iter().map(|bin| u64::from(bin.n)).sum();
    let below = match (n, error_text(panel)) {
        (0, _) => "no probability".into(),
        (n, Some(error)) => format!("{error}, n = {}", crate::quantity::count(n)),
        (n, None) => format!("n = {}", crate::quantity::count(n)),
    };
    canvas.text(frame.left, frame.top - 15.0, &fitted(&below, size, frame.width() + 8.0), size, MUTED, Anchor::Start);
    let steps = if floor > 0.0 { [0.5, 0.6, 0.7, 0.8, 0.9, 1.0].as_slice() } else { &[0.0, 0.25, 0.5, 0.75, 1.0] };
    for &place in steps {
        canvas.line(&[(frame.left, y_of(place)), (frame.right, y_of(place))], RULE, 1.0);
        canvas.text(frame.left - 5.0, y_of(place), &format!("{:.0}", place * 100.0), size, MUTED, Anchor::End);
    }
    for (place, anchor) in [(low, Anchor::Start), ((low + 1.0) / 2.0, Anchor::Middle), (1.0, Anchor::End)] {
        canvas.text(x_of(place), frame.bottom + 12.0, &format!("{:.0}", place * 100.0), size, MUTED, anchor);
    }
    canvas.broken(&[(x_of(low), y_of(low)), (x_of(1.0), y_of(1.0))], &[4.0, 3.0], MUTED, 1.0);
    let colour = arm_colour(panel.arm, arms);
    let points: Vec<(f64, f64, u32)> =
        panel.bins.iter().filter(|bin| is_shown(bin)).map(|bin| (x_of(bin.confidence), y_of(bin.accuracy), bin.n)).collect();
    let line: Vec<(f64, f64)> = points.iter().map(|&(x, y, _)| (x, y)).collect();
    if line.len() > 1 {
        canvas.line(&line, colour, 1.5);
    }
    for (x, y, n) in points {
        canvas.dot(x, y, (9.0 * (f64::from(n) / f64::from(largest.max(1))).sqrt()).max(1.5), colour);
    }
}
