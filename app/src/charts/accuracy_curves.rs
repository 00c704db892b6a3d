//! Accuracy of the majority and of the minority against the part of the minority that was trained on, as in the paper's Figure 4.

use super::{
    Width,
    arm_style::{ArmStyle, arm_style, paint_marker},
    axis::Ticks,
    canvas::{Anchor, Canvas, Description, draw, fitted, text_width},
    label_column::spread_apart,
    palette::{INK, MAJORITY, MINORITY, MUTED, RULE},
    panel_grid::Frame,
};
use plotters::style::RGBColor;
use rankscope_domain::{
    Arm,
    class_results::{FractionCount, Measure},
};

/// What the figure shows.
#[derive(Debug, Clone)]
pub struct AccuracyCurves {
    /// Ascending: the fraction grows to the right.
    pub fractions: Vec<FractionCount>,
    pub majority: String,
    pub minority: String,
    /// Every arm of the study: those that are shown keep their look whichever they are.
    pub arms: Vec<Arm>,
    /// What is shown.
    pub lines: Vec<AccuracyLine>,
}

/// One arm's accuracy on one group.
#[derive(Debug, Clone)]
pub struct AccuracyLine {
    pub arm: Arm,
    pub side: Side,
    /// One a fraction, in their order; of the original model, which no fraction changes, one alone.
    pub points: Vec<Measure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Majority,
    Minority,
}

impl Side {
    fn colour(self) -> RGBColor {
        match self {
            Side::Majority => MAJORITY,
            Side::Minority => MINORITY,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Side::Majority => "majority",
            Side::Minority => "minority",
        }
    }
}

/// Up to this many trained arms have their intervals as bands; bands of more would hide one another.
const MOST_BANDS: usize = 2;
/// Of the sample of a line before its name.
pub(super) const SAMPLE: f64 = 26.0;
/// Between the frame and the samples, for the lines that lead to moved names.
pub(super) const LEADER: f64 = 16.0;

/// Red and filled: the majority; blue and hollow: the minority. `None` where nothing was measured.
pub fn accuracy_curves(curves: &AccuracyCurves, width: Width) -> Option<String> {
    let shown: Vec<&AccuracyLine> = curves.lines.iter().filter(|line| line.points.iter().any(|point| value(point).is_some())).collect();
    if shown.is_empty() || curves.fractions.is_empty() {
        return None;
    }
    let axis = accuracy_axis(&shown)?;
    let text = describe(curves, &shown);
    let id = width.id("accuracy");
    let description = Description { id: &id, title: "Accuracy by minority fraction, with 95 % intervals", text: &text };
    let size = width.text_size();
    let gap = size + 3.0;
    let top = if width == Width::Wide { 48.0 } else { 66.0 };
    let plot_height = (shown.len() as f64 * gap).max(if width == Width::Wide { 280.0 } else { 230.0 });
    let height = top + plot_height + 52.0;
    Some(draw(width.pixels(), height, &description, |canvas| {
        canvas.paper(width.pixels(), height);
        let names = shown.iter().map(|line| text_width(&line.arm.label(), size)).fold(0.0, f64::max);
        let right = width.pixels() - names - SAMPLE - LEADER - 10.0;
        let frame = Frame { left: 40.0, top, right, bottom: top + plot_height };
        canvas.text(2.0, 12.0, "accuracy, %", size, MUTED, Anchor::Start);
        let room = if width == Width::Wide { (width.pixels() - frame.left) / 2.0 - 50.0 } else { width.pixels() - frame.left - 28.0 };
        key(canvas, curves, (frame.left, 30.0), room, width == Width::Narrow, size);
        paint(canvas, curves, &shown, frame, &axis, size);
    }))
}

/// In percent, where there is one.
pub(super) fn value(measure: &Measure) -> Option<f64> {
    measure.value.filter(|value| value.is_finite()).map(|value| value * 100.0)
}

/// The interval's ends in percent, where both are there.
fn interval(measure: &Measure) -> Option<(f64, f64)> {
    let (low, high) = (measure.low?, measure.high?);
    (low.is_finite() && high.is_finite()).then_some((low * 100.0, high * 100.0))
}

pub(super) fn accuracy_axis(lines: &[&AccuracyLine]) -> Option<Ticks> {
    let points = || lines.iter().flat_map(|line| &line.points).filter(|point| value(point).is_some());
    let ends = points().flat_map(|point| value(point).into_iter().chain(interval(point).into_iter().flat_map(|(low, high)| [low, high])));
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| (low.min(end), high.max(end)));
    if !low.is_finite() {
        return None;
    }
    let (low, high) = (low.clamp(0.0, 100.0), high.clamp(0.0, 100.0));
    // a flat line near the top has its room below
    let low = low.min(high - 4.0).max(0.0);
    let mut axis = Ticks::over(low, high.max(low + 1.0), 5);
    axis.low = axis.low.max(0.0);
    axis.high = axis.high.min(100.0);
    Some(axis)
}

pub(super) fn describe(curves: &AccuracyCurves, lines: &[&AccuracyLine]) -> String {
    let name = |side: Side| match side {
        Side::Majority => &curves.majority,
        Side::Minority => &curves.minority,
    };
    lines
        .iter()
        .map(|line| {
            let values = line
                .points
                .iter()
                .zip(&curves.fractions)
                .map(|(point, at)| {
                    let place = if line.arm == Arm::Original { String::new() } else { format!(" at {}", at.fraction) };
                    value(point).map_or_else(|| format!("no result{place}"), |value| format!("{value:.1} %{place}"))
                })
                .collect::<Vec<_>>()
                .join(", ");
            format!("{} ({}), {}: {values}", name(line.side), line.side.name(), line.arm.label())
        })
        .collect::<Vec<_>>()
        .join("; ")
}

/// Which colour and filling is which group: beside each other, or one under the other. `room`: of one name.
pub(super) fn key(canvas: &Canvas<'_>, curves: &AccuracyCurves, (mut x, mut y): (f64, f64), room: f64, stacked: bool, size: f64) {
    for (side, group) in [(Side::Majority, &curves.majority), (Side::Minority, &curves.minority)] {
        let suffix = format!(" ({})", side.name());
        let name = format!("{}{suffix}", fitted(group, size, room - text_width(&suffix, size)));
        canvas.line(&[(x, y), (x + 18.0, y)], side.colour(), 2.0);
        paint_marker(canvas, super::arm_style::Marker::Circle, (x + 9.0, y), 4.0, side.colour(), side == Side::Majority);
        canvas.text(x + 24.0, y, &name, size, INK, Anchor::Start);
        if stacked {
            y += size + 6.0;
        } else {
            x += 24.0 + text_width(&name, size) + 24.0;
        }
    }
}

pub(super) fn paint(canvas: &Canvas<'_>, curves: &AccuracyCurves, lines: &[&AccuracyLine], frame: Frame, axis: &Ticks, size: f64) {
    let y_of = |percent: f64| frame.bottom - axis.place(percent) * frame.height();
    for value in axis.values().filter(|value| *value <= axis.high + 1e-9) {
        canvas.line(&[(frame.left, y_of(value)), (frame.right, y_of(value))], RULE, 1.0);
        canvas.text(frame.left - 6.0, y_of(value), &axis.label(value), size, MUTED, Anchor::End);
    }
    let count = curves.fractions.len();
    let step = frame.width() / count as f64;
    let x_of = |index: usize| frame.left + step * (index as f64 + 0.5);
    paint_fractions(canvas, curves, frame, &x_of, step, size);

    let mut trained: Vec<Arm> = lines.iter().map(|line| line.arm).filter(|arm| arm.is_trained()).collect();
    trained.sort();
    trained.dedup();
    // arms stand side by side, so that their intervals do
    let beside = (step * 0.7 / (2.0 * trained.len() as f64)).min(7.0);
    let as_bands = trained.len() <= MOST_BANDS && count > 1;
    let offset = |line: &AccuracyLine| {
        let place = trained.iter().position(|arm| *arm == line.arm).unwrap_or(0) as f64 - (trained.len() as f64 - 1.0) / 2.0;
        let side = if line.side == Side::Majority { -0.25 } else { 0.25 };
        if as_bands { 0.0 } else { (2.0 * place + side) * beside }
    };
    let drawn: Vec<Drawn<'_>> = lines
        .iter()
        .map(|line| {
            let style = arm_style(line.arm, &curves.arms);
            let shift = offset(line);
            let points = if line.arm == Arm::Original {
                let y = line.points.first().and_then(value).map(&y_of);
                vec![y.map(|y| (frame.left, y)), y.map(|y| (frame.right, y))]
            } else {
                line.points.iter().take(count).enumerate().map(|(index, point)| Some((x_of(index) + shift, y_of(value(point)?)))).collect()
            };
            Drawn { line, style, points }
        })
        .collect();

    for each in drawn.iter().filter(|each| each.line.arm.is_trained()) {
        paint_interval(canvas, each, as_bands, &y_of);
    }
    for each in &drawn {
        let colour = each.line.side.colour();
        for run in each.points.split(Option::is_none) {
            let run: Vec<(f64, f64)> = run.iter().flatten().copied().collect();
            if run.len() > 1 {
                canvas.broken(&run, each.style.dashes, colour, each.style.thickness);
            }
        }
    }
    let radius = if trained.len() > 5 { 3.5 } else { 4.25 };
    for each in &drawn {
        let Some(marker) = each.style.marker else { continue };
        for &point in each.points.iter().flatten() {
            paint_marker(canvas, marker, point, radius, each.line.side.colour(), each.line.side == Side::Majority);
        }
    }
    label_ends(canvas, &drawn, frame, size);
}

/// A line with its places on the sheet.
struct Drawn<'a> {
    line: &'a AccuracyLine,
    style: ArmStyle,
    /// None: no result there.
    points: Vec<Option<(f64, f64)>>,
}

fn paint_fractions(canvas: &Canvas<'_>, curves: &AccuracyCurves, frame: Frame, x_of: &dyn Fn(usize) -> f64, step: f64, size: f64) {
    let (mut name_end, mut count_end) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (index, at) in curves.fractions.iter().enumerate() {
        let x = x_of(index);
        canvas.line(&[(x, frame.bottom), (x, frame.bottom + 4.0)], MUTED, 1.0);
        for (text, y, end) in
            [(at.fraction.to_string(), frame.bottom + 13.0, &mut name_end), (examples_text(at), frame.bottom + 28.0, &mut count_end)]
        {
            let half = text_width(&text, size) / 2.0;
            if x - half > *end + 3.0 && half < step {
                *end = x + half;
                canvas.text(x, y, &text, size, if y < frame.bottom + 20.0 { INK } else { MUTED }, Anchor::Middle);
            }
        }
    }
    let name = "fraction of the minority kept; below it, its training examples";
    let short = "minority kept; its training examples";
    let room = frame.width() + SAMPLE + LEADER;
    let name = if text_width(name, size) < room { name } else { short };
    canvas.text(frame.left, frame.bottom + 44.0, name, size, MUTED, Anchor::Start);
}

/// A fraction that another study has and this one has not leaves no examples.
fn examples_text(at: &FractionCount) -> String {
    if at.train_examples == 0 { "–".into() } else { crate::quantity::count(at.minority_examples.into()) }
}

/// As a band behind the line, or as a whisker at each point.
fn paint_interval(canvas: &Canvas<'_>, drawn: &Drawn<'_>, as_band: bool, y_of: &dyn Fn(f64) -> f64) {
    let colour = drawn.line.side.colour();
    let ends: Vec<Option<(f64, f64, f64)>> = drawn
        .points
        .iter()
        .zip(&drawn.line.points)
        .map(|(place, point)| {
            let (low, high) = interval(point)?;
            Some((place.as_ref()?.0, y_of(low), y_of(high)))
        })
        .collect();
    for run in ends.split(Option::is_none) {
        let run: Vec<(f64, f64, f64)> = run.iter().flatten().copied().collect();
        if as_band && run.len() > 1 {
            let outline: Vec<(f64, f64)> =
                run.iter().map(|&(x, _, high)| (x, high)).chain(run.iter().rev().map(|&(x, low, _)| (x, low))).collect();
            canvas.shape(&outline, colour, 0.14);
            continue;
        }
        for (x, low, high) in run {
            canvas.line(&[(x, low), (x, high)], colour, 1.0);
            for end in [low, high] {
                canvas.line(&[(x - 2.5, end), (x + 2.5, end)], colour, 1.0);
            }
        }
    }
}

/// A sample of each line and its arm's name, led to from the line's end.
fn label_ends(canvas: &Canvas<'_>, drawn: &[Drawn<'_>], frame: Frame, size: f64) {
    let mut ends: Vec<(&Drawn<'_>, (f64, f64))> =
        drawn.iter().filter_map(|each| Some((each, each.points.iter().rev().flatten().next().copied()?))).collect();
    ends.sort_by(|(one, a), (other, b)| a.1.total_cmp(&b.1).then(one.line.arm.cmp(&other.line.arm)));
    let mut places: Vec<f64> = ends.iter().map(|(_, end)| end.1).collect();
    spread_apart(&mut places, size + 3.0, (frame.top, frame.bottom));
    let x = frame.right + LEADER;
    for ((each, end), y) in ends.into_iter().zip(places) {
        let colour = each.line.side.colour();
        if each.line.arm.is_trained() {
            canvas.line(&[(end.0 + 6.0, end.1), (frame.right + 2.0, end.1), (x - 2.0, y)], RULE, 1.0);
        } else {
            canvas.line(&[(frame.right + 1.0, end.1), (x - 2.0, y)], RULE, 1.0);
        }
        canvas.broken(&[(x, y), (x + SAMPLE - 4.0, y)], each.style.dashes, colour, each.style.thickness);
        if let Some(marker) = each.style.marker {
            paint_marker(canvas, marker, (x + (SAMPLE - 4.0) / 2.0, y), 3.5, colour, each.line.side == Side::Majority);
        }
        canvas.text(x + SAMPLE, y, &each.line.arm.label(), size, INK, Anchor::Start);
    }
}
