//! The training loss of each cell over the optimiser's steps.

use super::{
    Width,
    axis::Ticks,
    canvas::{Anchor, Canvas, Description, draw, text_width},
    palette::{INK, MUTED, RULE, arm_colour},
};
use rankscope_domain::{Arm, view::LossCurve};

const HEIGHT: f64 = 280.0;

/// Lines in their arm's colour, named at their ends. `None` before the first step.
pub fn loss_curves(curves: &[LossCurve], width: Width) -> Option<String> {
    let curves: Vec<(&LossCurve, Vec<(u32, f64)>)> = curves
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
            format!(
                "{}, seed {}: {:.3} at step {}, {:.3} at step {}",
                curve.cell.arm.label(),
                curve.cell.seed,
                first.1,
                first.0,
                last.1,
                last.0
            )
        })
        .collect::<Vec<_>>()
        .join("; ");
    let description = Description { id: width.id("loss"), title: "Training loss by step", text: &text };
    Some(draw(width.pixels(), HEIGHT, &description, |canvas| {
        canvas.paper(width.pixels(), HEIGHT);
        paint(canvas, &curves, width);
    }))
}

fn paint(canvas: &Canvas<'_>, curves: &[(&LossCurve, Vec<(u32, f64)>)], width: Width) {
    let size = width.text_size();
    let mut arms: Vec<Arm> = curves.iter().map(|(curve, _)| curve.cell.arm).collect();
    arms.sort();
    arms.dedup();
    let label_width = arms.iter().map(|arm| text_width(&arm.label(), size)).fold(0.0, f64::max);
    let (left, right, top, bottom) = (44.0, width.pixels() - label_width - 20.0, 30.0, HEIGHT - 40.0);

    let losses = || curves.iter().flat_map(|(_, points)| points.iter().map(|(_, loss)| *loss));
    let axis =
        Ticks::over(losses().fold(f64::INFINITY, f64::min).min(losses().fold(f64::INFINITY, f64::min)), losses().fold(0.0, f64::max), 4);
    let last_step = curves.iter().map(|(curve, points)| curve.steps_total.max(points[points.len() - 1].0)).max().unwrap_or(1);
    let x_of = |step: u32| left + (right - left) * f64::from(step.saturating_sub(1)) / f64::from(last_step.saturating_sub(1).max(1));
    let y_of = |loss: f64| bottom - axis.place(loss) * (bottom - top);

    canvas.text(2.0, 12.0, "loss on target tokens, nats", size, MUTED, Anchor::Start);
    for value in axis.values() {
        canvas.line(&[(left, y_of(value)), (right, y_of(value))], RULE, 1.0);
        canvas.text(left - 6.0, y_of(value), &axis.label(value), size, MUTED, Anchor::End);
    }
    canvas.text(left, bottom + 14.0, "1", size, MUTED, Anchor::Start);
    canvas.text((left + right) / 2.0, bottom + 14.0, "optimiser step", size, MUTED, Anchor::Middle);
    if last_step > 1 {
        canvas.text(right, bottom + 14.0, &last_step.to_string(), size, MUTED, Anchor::End);
    }

    for (curve, points) in curves {
        let colour = arm_colour(curve.cell.arm, &arms);
        let line: Vec<(f64, f64)> = points.iter().map(|&(step, loss)| (x_of(step), y_of(loss))).collect();
        if line.len() > 1 {
            canvas.line(&line, colour, 1.75);
        }
        let (x, y) = line[line.len() - 1];
        canvas.dot(x, y, 3.0, colour);
    }
    label_ends(canvas, curves, &arms, right + 8.0, size, (top, bottom), &y_of);
}

/// One name an arm, near the ends of its lines and clear of the other names.
fn label_ends(
    canvas: &Canvas<'_>,
    curves: &[(&LossCurve, Vec<(u32, f64)>)],
    arms: &[Arm],
    x: f64,
    size: f64,
    (top, bottom): (f64, f64),
    y_of: &dyn Fn(f64) -> f64,
) {
    let mut names: Vec<(f64, Arm)> = arms
        .iter()
        .map(|&arm| {
            let ends: Vec<f64> =
                curves.iter().filter(|(curve, _)| curve.cell.arm == arm).map(|(_, points)| y_of(points[points.len() - 1].1)).collect();
            (ends.iter().sum::<f64>() / ends.len().max(1) as f64, arm)
        })
        .collect();
    names.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let gap = size + 3.0;
    let mut free = top;
    for (y, _) in &mut names {
        *y = y.max(free);
        free = *y + gap;
    }
    // what was pushed below the frame goes up again, the lowest first
    let mut limit = bottom;
    for (y, _) in names.iter_mut().rev() {
        *y = y.min(limit);
        limit = *y - gap;
    }
    for (y, arm) in names {
        canvas.bar(x, y - 1.5, x + 5.0, y + 1.5, arm_colour(arm, arms));
        canvas.text(x + 8.0, y, &arm.label(), size, INK, Anchor::Start);
    }
}
