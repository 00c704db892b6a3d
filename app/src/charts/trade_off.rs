//! Two quantities of each arm against each other, with intervals both ways: what an arm gains, and how far from the original it goes.
//! The same drawing has one quantity against the rank.

use super::{
    Width,
    arm_style::{Marker, arm_style, paint_marker},
    axis::Ticks,
    canvas::{Anchor, Canvas, Description, draw, text_width},
    palette::{INK, MUTED, RULE, arm_colour},
    panel_grid::Frame,
};
use rankscope_domain::{Arm, class_results::Measure};

/// One arm's place.
#[derive(Debug, Clone, Copy)]
pub struct TradePoint {
    pub arm: Arm,
    pub x: Measure,
    pub y: Measure,
}

/// What the axes measure, with their units.
#[derive(Debug, Clone, Copy)]
pub struct TradeAxes<'a> {
    pub x: &'a str,
    pub y: &'a str,
    /// Whether `x` is log2 of a rank: ticks are ranks.
    pub x_is_rank: bool,
    /// Change of y with each unit of x: a line through the middle of the LoRA arms.
    pub slope: Option<f64>,
}

fn finite(number: Option<f64>) -> Option<f64> {
    number.filter(|number| number.is_finite())
}

fn reach(points: &[&TradePoint], of: impl Fn(&TradePoint) -> Measure) -> Option<(f64, f64)> {
    let low = points.iter().filter_map(|point| finite(of(point).low).or(of(point).value)).reduce(f64::min)?;
    let high = points.iter().filter_map(|point| finite(of(point).high).or(of(point).value)).reduce(f64::max)?;
    Some((low, high))
}

/// `None` where no arm has both numbers.
pub fn trade_off(name: &str, title: &str, axes: &TradeAxes<'_>, points: &[TradePoint], width: Width) -> Option<String> {
    let shown: Vec<&TradePoint> =
        points.iter().filter(|point| finite(point.x.value).is_some() && finite(point.y.value).is_some()).collect();
    let ((x_low, x_high), (y_low, y_high)) = (reach(&shown, |point| point.x)?, reach(&shown, |point| point.y)?);
    let x_ticks = if axes.x_is_rank {
        Ticks { low: x_low.floor(), high: x_high.ceil().max(x_low.floor() + 1.0), step: 1.0 }
    } else {
        Ticks::over(x_low.min(0.0), x_high, if width == Width::Wide { 6 } else { 3 })
    };
    // from nought, unless that would press all arms together
    let y_ticks = Ticks::over(if y_low > y_high / 2.0 && !axes.x_is_rank { y_low } else { y_low.min(0.0) }, y_high, 4);
    let height = 330.0;
    let text = shown.iter().map(|point| described(point, axes)).collect::<Vec<_>>().join("; ");
    Some(draw(width.pixels(), height, &Description { id: &width.id(name), title, text: &text }, |canvas| {
        canvas.paper(width.pixels(), height);
        let frame = Frame { left: 52.0, top: 30.0, right: width.pixels() - 52.0, bottom: height - 48.0 };
        paint(canvas, &shown, axes, frame, (&x_ticks, &y_ticks), width.text_size());
    }))
}

fn described(point: &TradePoint, axes: &TradeAxes<'_>) -> String {
    use crate::quantity::significant;
    let of = |measure: Measure| finite(measure.value).map_or_else(|| "–".into(), significant);
    if axes.x_is_rank {
        format!("{}: {}", point.arm.label(), of(point.y))
    } else {
        format!("{}: {} at {}", point.arm.label(), of(point.y), of(point.x))
    }
}

fn paint(canvas: &Canvas<'_>, points: &[&TradePoint], axes: &TradeAxes<'_>, frame: Frame, (x_ticks, y_ticks): (&Ticks, &Ticks), size: f64) {
    // the lowest rank stands free of the axis
    let inset = if axes.x_is_rank { 20.0 } else { 0.0 };
    let x_of = |value: f64| frame.left + inset + x_ticks.place(value) * (frame.width() - 2.0 * inset);
    let y_of = |value: f64| frame.bottom - y_ticks.place(value) * frame.height();
    for value in y_ticks.values() {
        canvas.line(&[(frame.left, y_of(value)), (frame.right, y_of(value))], RULE, 1.0);
        canvas.text(frame.left - 6.0, y_of(value), &y_ticks.label(value), 11.0, MUTED, Anchor::End);
    }
    for value in x_ticks.values() {
        canvas.line(&[(x_of(value), frame.bottom), (x_of(value), frame.bottom + 4.0)], MUTED, 1.0);
        let label = if axes.x_is_rank { format!("{}", 2f64.powf(value)) } else { x_ticks.label(value) };
        canvas.text(x_of(value), frame.bottom + 14.0, &label, 11.0, MUTED, Anchor::Middle);
    }
    canvas.line(&[(frame.left, frame.bottom), (frame.right, frame.bottom)], MUTED, 1.0);
    canvas.text(2.0, 11.0, axes.y, 11.0, MUTED, Anchor::Start);
    canvas.text(frame.right, frame.bottom + 31.0, axes.x, 11.0, MUTED, Anchor::End);
    let arms: Vec<Arm> = points.iter().map(|point| point.arm).collect();
    if let Some(slope) = axes.slope {
        paint_trend(
            canvas,
            points,
            slope,
            &x_of,
            &|value| frame.bottom - (value - y_ticks.low) / (y_ticks.high - y_ticks.low) * frame.height(),
            frame,
        );
    }
    // intervals lie beneath every dot
    for point in points {
        let colour = arm_colour(point.arm, &arms);
        let (Some(x), Some(y)) = (finite(point.x.value), finite(point.y.value)) else { continue };
        if let (Some(low), Some(high)) = (finite(point.x.low), finite(point.x.high)) {
            canvas.line(&[(x_of(low), y_of(y)), (x_of(high), y_of(y))], colour, 1.5);
        }
        if let (Some(low), Some(high)) = (finite(point.y.low), finite(point.y.high)) {
            canvas.line(&[(x_of(x), y_of(low)), (x_of(x), y_of(high))], colour, 1.5);
        }
    }
    let mut taken: Vec<Frame> = Vec::new();
    let dots: Vec<(f64, f64)> =
        points.iter().map(|point| (x_of(point.x.value.unwrap_or(0.0)), y_of(point.y.value.unwrap_or(0.0)))).collect();
    for (point, &(x, y)) in points.iter().zip(&dots) {
        let marker = arm_style(point.arm, &arms).marker.unwrap_or(Marker::Circle);
        paint_marker(canvas, marker, (x, y), 4.5, arm_colour(point.arm, &arms), point.arm.is_trained());
    }
    for (point, &(x, y)) in points.iter().zip(&dots) {
        place_label(canvas, &point.arm.label(), (x, y), &dots, &mut taken, frame, size);
    }
}

/// The line of the trend through the middle of the LoRA arms, where a least-squares line goes.
fn paint_trend(
    canvas: &Canvas<'_>,
    points: &[&TradePoint],
    slope: f64,
    x_of: &dyn Fn(f64) -> f64,
    y_of: &dyn Fn(f64) -> f64,
    frame: Frame,
) {
    let lora: Vec<(f64, f64)> =
        points.iter().filter(|point| point.arm.rank().is_some()).filter_map(|point| Some((point.x.value?, point.y.value?))).collect();
    if lora.len() < 2 {
        return;
    }
    let n = lora.len() as f64;
    let (x_mean, y_mean) = (lora.iter().map(|(x, _)| x).sum::<f64>() / n, lora.iter().map(|(_, y)| y).sum::<f64>() / n);
    let (low, high) =
        (lora.iter().map(|(x, _)| *x).fold(f64::INFINITY, f64::min), lora.iter().map(|(x, _)| *x).fold(f64::NEG_INFINITY, f64::max));
    let at = |x: f64| (x_of(x), y_of(y_mean + slope * (x - x_mean)).clamp(frame.top, frame.bottom));
    canvas.broken(&[at(low), at(high)], &[5.0, 4.0], MUTED, 1.25);
}

/// Beside its dot, at the first of some places that is free.
fn place_label(canvas: &Canvas<'_>, label: &str, (x, y): (f64, f64), dots: &[(f64, f64)], taken: &mut Vec<Frame>, frame: Frame, size: f64) {
    let wide = text_width(label, size);
    let half = size * 0.6;
    let mut candidates = Vec::new();
    for far in [0.0, 14.0, 28.0, 42.0, 56.0] {
        for (dx, dy) in [(9.0, -11.0 - far), (9.0, 11.0 + far), (-9.0 - wide, -11.0 - far), (-9.0 - wide, 11.0 + far)] {
            candidates.push(Frame { left: x + dx, top: y + dy - half, right: x + dx + wide, bottom: y + dy + half });
        }
    }
    let overlaps = |one: &Frame, other: &Frame| {
        one.left < other.right + 2.0 && other.left < one.right + 2.0 && one.top < other.bottom && other.top < one.bottom
    };
    let covers_a_dot = |place: &Frame| {
        dots.iter().any(|&(x, y)| x > place.left - 5.0 && x < place.right + 5.0 && y > place.top - 5.0 && y < place.bottom + 5.0)
    };
    let is_inside = |place: &Frame| {
        place.top >= frame.top - 10.0 && place.bottom <= frame.bottom - 1.0 && place.left >= frame.left && place.right <= frame.right + 50.0
    };
    let is_free = |place: &&Frame| is_inside(place) && !taken.iter().any(|other| overlaps(place, other));
    let best = candidates.iter().filter(is_free).find(|place| !covers_a_dot(place)).or_else(|| candidates.iter().find(is_free));
    // an arm whose name finds no room has its number in the table and its marker here
    if let Some(&place) = best {
        if (place.top + half - y).abs() > 16.0 {
            let end = if place.left > x { place.left - 2.0 } else { place.right + 2.0 };
            canvas.line(&[(x, y), (end, place.top + half)], RULE, 1.0);
        }
        canvas.text(place.left, place.top + half, label, size, INK, Anchor::Start);
        taken.push(place);
    }
}
