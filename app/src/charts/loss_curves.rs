//! The training loss of each cell over the optimiser's steps.

use super::{
    Width,
    axis::Ticks,
    canvas::{Anchor, Canvas, Description, draw, text_width},
    label_column::spread_apart,
    palette::{INK, MUTED, RULE, arm_colour},
    panel_grid::{Frame, PanelGrid},
};
use crate::quantity::cell_label;
use rankscope_domain::{Arm, MinorityFraction, view::LossCurve};

const HEIGHT: f64 = 280.0;

/// A curve and its points that can be drawn.
type Drawable<'a> = (&'a LossCurve, Vec<(u32, f64)>);

/// Lines in their arm's colour, named at their ends; where there are minority fractions, a panel for each. `None` before the first step.
pub fn loss_curves(curves: &[LossCurve], width: Width) -> Option<String> {
    let curves: Vec<Drawable<'_>> = curves
        .iter()
        .map(|curve| (curve, curve.points.iter().copied().filter(|(_, loss)| loss.is_finite()).collect::<Vec<_>>()))
        .filter(|(_, points)| !points.is_empty())
        .collect();
    if curves.is_empty() {
        return None;
    }
    let text = curves
        .iter()
        .map(|(curve, points)| {
            let (first, last) = (points[0], points[points.len() - 1]);
            format!("{}: {:.3} at step {}, {:.3} at step {}", cell_label(curve.cell), first.1, first.0, last.1, last.0)
        })
        .collect::<Vec<_>>()
        .join("; ");
    let id = width.id("loss");
    let description = Description { id: &id, title: "Training loss by step", text: &text };
    let mut fractions: Vec<Option<MinorityFraction>> = curves.iter().map(|(curve, _)| curve.cell.minority).collect();
    fractions.sort_by(|one, other| other.cmp(one));
    fractions.dedup();
    let scale = Scale::over(&curves);
    if fractions.len() < 2 {
        return Some(draw(width.pixels(), HEIGHT, &description, |canvas| {
            canvas.paper(width.pixels(), HEIGHT);
            let all: Vec<&Drawable<'_>> = curves.iter().collect();
            paint(canvas, &all, &scale, Frame { left: 0.0, top: 0.0, right: width.pixels(), bottom: HEIGHT }, width.text_size());
        }));
    }
    let grid = PanelGrid::new(fractions.len(), if width == Width::Wide { 2 } else { 1 }, width.pixels(), 250.0, 0.0);
    Some(draw(width.pixels(), grid.height(), &description, |canvas| {
        canvas.paper(width.pixels(), grid.height());
        for (index, fraction) in fractions.iter().enumerate() {
            let cell = grid.cell(index);
            let of_fraction: Vec<&Drawable<'_>> = curves.iter().filter(|(curve, _)| curve.cell.minority == *fraction).collect();
            let count = if of_fraction.len() == 1 { "1 cell".into() } else { format!("{} cells", of_fraction.len()) };
            let title = fraction.map_or_else(|| "no fraction".to_string(), |fraction| format!("minority fraction {fraction}"));
            canvas.text(cell.left + 2.0, cell.top + 12.0, &format!("{title}, {count}"), 13.0, INK, Anchor::Start);
            paint(canvas, &of_fraction, &scale, Frame { top: cell.top + 20.0, ..cell }, width.text_size());
        }
    }))
}

/// One scale for all panels.
struct Scale {
    arms: Vec<Arm>,
    losses: Ticks,
    last_step: u32,
}

impl Scale {
    fn over(curves: &[Drawable<'_>]) -> Self {
        let mut arms: Vec<Arm> = curves.iter().map(|(curve, _)| curve.cell.arm).collect();
        arms.sort();
        arms.dedup();
        let losses = || curves.iter().flat_map(|(_, points)| points.iter().map(|(_, loss)| *loss));
        let losses = Ticks::over(losses().fold(f64::INFINITY, f64::min), losses().fold(0.0, f64::max), 4);
        let last_step = curves.iter().map(|(curve, points)| curve.steps_total.max(points[points.len() - 1].0)).max().unwrap_or(1);
        Self { arms, losses, last_step }
    }
}

fn paint(canvas: &Canvas<'_>, curves: &[&Drawable<'_>], scale: &Scale, sheet: Frame, size: f64) {
    let (arms, axis, last_step) = (&scale.arms, &scale.losses, scale.last_step);
    let label_width = arms.iter().map(|arm| text_width(&arm.label(), size)).fold(0.0, f64::max);
    let (left, right, top, bottom) = (sheet.left + 44.0, sheet.right - label_width - 20.0, sheet.top + 30.0, sheet.bottom - 40.0);
    let x_of = |step: u32| left + (right - left) * f64::from(step.saturating_sub(1)) / f64::from(last_step.saturating_sub(1).max(1));
    let y_of = |loss: f64| bottom - axis.place(loss) * (bottom - top);

    canvas.text(sheet.left + 2.0, sheet.top + 12.0, "loss on target tokens, nats", size, MUTED, Anchor::Start);
    for value in axis.values() {
        canvas.line(&[(left, y_of(value)), (right, y_of(value))], RULE, 1.0);
        canvas.text(left - 6.0, y_of(value), &axis.label(value), size, MUTED, Anchor::End);
    }
    canvas.text(left, bottom + 14.0, "1", size, MUTED, Anchor::Start);
    canvas.text((left + right) / 2.0, bottom + 14.0, "optimiser step", size, MUTED, Anchor::Middle);
    if last_step > 1 {
        canvas.text(right, bottom + 14.0, &last_step.to_string(), size, MUTED, Anchor::End);
    }

    // many seeds: thinner, so that lines under others are seen
    let (thickness, radius) = if curves.len() > 2 * arms.len() { (1.0, 2.0) } else { (1.75, 3.0) };
    for (curve, points) in curves {
        let colour = arm_colour(curve.cell.arm, arms);
        let line: Vec<(f64, f64)> = points.iter().map(|&(step, loss)| (x_of(step), y_of(loss))).collect();
        if line.len() > 1 {
            canvas.line(&line, colour, thickness);
        }
        let (x, y) = line[line.len() - 1];
        canvas.dot(x, y, radius, colour);
    }
    label_ends(canvas, curves, arms, right + 8.0, size, (top, bottom), &y_of);
}

/// One name an arm, near the ends of its lines and clear of the other names.
fn label_ends(
    canvas: &Canvas<'_>,
    curves: &[&Drawable<'_>],
    arms: &[Arm],
    x: f64,
    size: f64,
    (top, bottom): (f64, f64),
    y_of: &dyn Fn(f64) -> f64,
) {
    let mut names: Vec<(f64, Arm)> = arms
        .iter()
        .filter_map(|&arm| {
            let ends: Vec<f64> =
                curves.iter().filter(|(curve, _)| curve.cell.arm == arm).map(|(_, points)| y_of(points[points.len() - 1].1)).collect();
            (!ends.is_empty()).then(|| (ends.iter().sum::<f64>() / ends.len() as f64, arm))
        })
        .collect();
    names.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut places: Vec<f64> = names.iter().map(|(y, _)| *y).collect();
    spread_apart(&mut places, size + 3.0, (top, bottom));
    for (y, (_, arm)) in places.into_iter().zip(names) {
        canvas.bar(x, y - 1.5, x + 5.0, y + 1.5, arm_colour(arm, arms));
        canvas.text(x + 8.0, y, &arm.label(), size, INK, Anchor::Start);
    }
}
