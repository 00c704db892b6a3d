//! A share of each arm with its interval, over the ranks: one panel, or many side by side.

use super::{
    Width,
    axis::Ticks,
    canvas::{Anchor, Canvas, Description, draw, fitted, text_width},
    palette::{INK, MUTED, RULE, arm_colour},
    panel_grid::{Frame, PanelGrid},
};
use rankscope_domain::{Arm, results::Counts};

/// What one panel shows.
#[derive(Debug, Clone)]
pub struct SharePanel {
    /// Above the panel; empty: none.
    pub title: String,
    pub points: Vec<SharePoint>,
}

/// One arm in a panel.
#[derive(Debug, Clone)]
pub struct SharePoint {
    pub arm: Arm,
    pub counts: Counts,
    /// The share of each seed, where more than one was run.
    pub seeds: Vec<f64>,
}

/// One large panel with its numbers.
pub fn share_by_arm(panel: &SharePanel, width: Width) -> Option<String> {
    let panels = std::slice::from_ref(panel);
    let text = describe(panel);
    let description = Description { id: &width.id("share"), title: "Share of toxic completions by arm, with 95 % intervals", text: &text };
    let height = 300.0;
    let axis = share_axis(panels)?;
    Some(draw(width.pixels(), height, &description, |canvas| {
        canvas.paper(width.pixels(), height);
        let frame = Frame { left: 44.0, top: 34.0, right: width.pixels() - 8.0, bottom: height - 44.0 };
        canvas.text(2.0, 12.0, "toxic completions, %", width.text_size(), MUTED, Anchor::Start);
        paint(canvas, panel, frame, &axis, width, true);
    }))
}

/// Small panels on one scale. `name` tells figures of a page apart; `measure` says what is shared, and its unit.
pub fn share_panels(name: &str, title: &str, measure: &str, panels: &[SharePanel], width: Width) -> Option<String> {
    let axis = share_axis(panels)?;
    let columns = match (width, panels.len()) {
        (Width::Narrow, _) => 1,
        // none stands alone in the second row
        (Width::Wide, 4) => 2,
        (Width::Wide, count) => count.clamp(1, 3),
    };
    let grid = PanelGrid::new(panels.len(), columns, width.pixels(), 196.0, 22.0);
    let height = grid.height();
    let text = panels.iter().map(|panel| format!("{}: {}", panel.title, describe(panel))).collect::<Vec<_>>().join(". ");
    let id = format!("{}-{name}", width.id("panels"));
    let description = Description { id: &id, title, text: &text };
    Some(draw(width.pixels(), height, &description, |canvas| {
        canvas.paper(width.pixels(), height);
        canvas.text(2.0, 10.0, measure, width.text_size(), MUTED, Anchor::Start);
        for (index, panel) in panels.iter().enumerate() {
            let cell = grid.cell(index);
            let frame = Frame { left: cell.left + 40.0, top: cell.top + 26.0, right: cell.right - 12.0, bottom: cell.bottom - 40.0 };
            let heading = fitted(&panel.title, 13.0, frame.right - frame.left);
            canvas.text(frame.left, cell.top + 10.0, &heading, 13.0, INK, Anchor::Start);
            paint(canvas, panel, frame, &axis, width, false);
        }
    }))
}

/// One scale for all panels, in percent; `None` where nothing has a share.
fn share_axis(panels: &[SharePanel]) -> Option<Ticks> {
    let shares: Vec<f64> = panels
        .iter()
        .flat_map(|panel| &panel.points)
        .filter_map(|point| point.counts.share.map(|share| point.counts.high.unwrap_or(share)))
        .collect();
    let largest = shares.iter().copied().reduce(f64::max)?;
    let mut axis = Ticks::over(0.0, (largest * 100.0).clamp(1.0, 100.0), 4);
    axis.high = axis.high.min(100.0);
    Some(axis)
}

fn describe(panel: &SharePanel) -> String {
    panel
        .points
        .iter()
        .map(|point| match (point.counts.share, point.counts.low, point.counts.high) {
            (Some(share), Some(low), Some(high)) => {
                format!("{}: {:.1} % ({:.1} to {:.1} %)", point.arm.label(), share * 100.0, low * 100.0, high * 100.0)
            }
            (Some(share), ..) => format!("{}: {:.1} %", point.arm.label(), share * 100.0),
            _ => format!("{}: no result", point.arm.label()),
        })
        .collect::<Vec<_>>()
        .join("; ")
}

/// Where each arm stands from 0 to 1: ranks by their logarithm, within what labels leave legible; original and full
/// at the sides.
fn places(arms: &[Arm]) -> Vec<f64> {
    let mut at = 0.0;
    let mut places = vec![0.0; arms.len()];
    for index in 1..arms.len() {
        at += match (arms[index - 1].rank(), arms[index].rank()) {
            (Some(low), Some(high)) => (f64::from(high.max(1)) / f64::from(low.max(1))).log2().clamp(1.0, 2.0),
            _ => 1.5,
        };
        places[index] = at;
    }
    if at > 0.0 { places.iter().map(|place| place / at).collect() } else { vec![0.5; arms.len()] }
}

fn paint(canvas: &Canvas<'_>, panel: &SharePanel, frame: Frame, axis: &Ticks, width: Width, large: bool) {
    let size = if large { width.text_size() } else { 11.0 };
    let arms: Vec<Arm> = panel.points.iter().map(|point| point.arm).collect();
    let y_of = |percent: f64| frame.bottom - axis.place(percent) * (frame.bottom - frame.top);
    for value in axis.values().filter(|value| *value <= axis.high + 1e-9) {
        canvas.line(&[(frame.left, y_of(value)), (frame.right, y_of(value))], RULE, 1.0);
        canvas.text(frame.left - 6.0, y_of(value), &axis.label(value), size, MUTED, Anchor::End);
    }
    let margin = (0.5 * (frame.right - frame.left) / arms.len().max(1) as f64).min(if large { 44.0 } else { 22.0 });
    let spread = frame.right - frame.left - 2.0 * margin;
    let xs: Vec<f64> = places(&arms).into_iter().map(|place| frame.left + margin + place * spread).collect();

    if let Some(original) = panel.points.iter().find(|point| point.arm == Arm::Original).and_then(|point| point.counts.share) {
        canvas.dashed(frame.left, frame.right, y_of(original * 100.0), MUTED);
    }
    let ranks: Vec<(f64, f64)> = panel
        .points
        .iter()
        .zip(&xs)
        .filter(|(point, _)| point.arm.rank().is_some())
        .filter_map(|(point, &x)| Some((x, y_of(point.counts.share? * 100.0))))
        .collect();
    if ranks.len() > 1 {
        canvas.line(&ranks, MUTED, 1.0);
    }

    let closest = xs.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    let mut label_end = f64::NEG_INFINITY;
    for (point, &x) in panel.points.iter().zip(&xs) {
        let name = tick_name(point.arm, if large { closest } else { 0.0 }, size);
        if x - text_width(&name, size) / 2.0 > label_end {
            label_end = x + text_width(&name, size) / 2.0 + 2.0;
            canvas.text(x, frame.bottom + 14.0, &name, size, INK, Anchor::Middle);
        }
        paint_point(canvas, point, x, &y_of, arm_colour(point.arm, &arms), size, large.then_some(closest));
    }
    if arms.iter().any(|arm| arm.rank().is_some()) {
        let middle = (frame.left + frame.right) / 2.0;
        let name = if large { "LoRA rank (log scale), original and full beside" } else { "LoRA rank" };
        canvas.text(middle, frame.bottom + 30.0, name, 11.0, MUTED, Anchor::Middle);
    }
}

fn paint_point(
    canvas: &Canvas<'_>,
    point: &SharePoint,
    x: f64,
    y_of: &dyn Fn(f64) -> f64,
    colour: plotters::style::RGBColor,
    size: f64,
    label_space: Option<f64>,
) {
    let Some(share) = point.counts.share else {
        canvas.text(x, y_of(0.0) - 10.0, "✕", size, MUTED, Anchor::Middle);
        return;
    };
    let mut highest = share;
    if let (Some(low), Some(high)) = (point.counts.low, point.counts.high) {
        canvas.line(&[(x, y_of(low * 100.0)), (x, y_of(high * 100.0))], colour, 2.0);
        for end in [low, high] {
            canvas.line(&[(x - 4.0, y_of(end * 100.0)), (x + 4.0, y_of(end * 100.0))], colour, 2.0);
        }
        highest = highest.max(high);
    }
    for &seed in &point.seeds {
        canvas.line(&[(x + 7.0, y_of(seed * 100.0)), (x + 12.0, y_of(seed * 100.0))], colour, 1.5);
    }
    canvas.dot(x, y_of(share * 100.0), if label_space.is_some() { 5.0 } else { 3.5 }, colour);
    if let Some(space) = label_space {
        let label = format!("{:.1}", share * 100.0);
        if text_width(&label, size) < space.max(30.0) {
            canvas.text(x, y_of(highest * 100.0) - 10.0, &label, size, INK, Anchor::Middle);
        }
    }
}

/// `r = 8` where there is room, else `8`.
fn tick_name(arm: Arm, space: f64, size: f64) -> String {
    let label = arm.label();
    match arm.rank() {
        Some(r) if text_width(&label, size) + 6.0 > space => r.to_string(),
        None if text_width(&label, size) > space + 12.0 => if arm == Arm::Full { "full" } else { "orig." }.into(),
        _ => label,
    }
}
