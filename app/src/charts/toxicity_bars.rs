//! Toxic and non-toxic completions of each arm as stacked bars: counts, as in the paper's Figure 2.

use super::{
    Width,
    canvas::{Anchor, Canvas, Description, draw, text_width},
    palette::{INK, MUTED, NON_TOXIC, ON_BAR, RULE, TOXIC, UNPARSABLE},
};
use crate::quantity;
use plotters::style::RGBColor;
use rankscope_domain::results::ArmResult;

const ROW: f64 = 30.0;
const BAR: f64 = 20.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = 10.0;

/// Bars of the arms as they come, counts pooled over the seeds. `None` where there is no arm.
pub fn toxicity_bars(arms: &[ArmResult], width: Width) -> Option<String> {
    if arms.is_empty() {
        return None;
    }
    let height = TOP + ROW * arms.len() as f64 + BOTTOM;
    let text = arms
        .iter()
        .map(|arm| match arm.pooled.judged {
            0 => format!("{}: no result", arm.arm.label()),
            judged => format!("{}: {} of {} toxic, {} unparsable", arm.arm.label(), arm.pooled.toxic, judged, arm.pooled.unparsable),
        })
        .collect::<Vec<_>>()
        .join("; ");
    let description = Description { id: &width.id("toxicity"), title: "Toxic and non-toxic completions by arm", text: &text };
    Some(draw(width.pixels(), height, &description, |canvas| {
        canvas.paper(width.pixels(), height);
        paint(canvas, arms, width);
    }))
}

fn paint(canvas: &Canvas<'_>, arms: &[ArmResult], width: Width) {
    let size = width.text_size();
    let left = arms.iter().map(|arm| text_width(&arm.arm.label(), size)).fold(40.0, f64::max) + 10.0;
    let numbers = arms.iter().map(|arm| text_width(&outcome(arm), size)).fold(text_width(HEADING, size), f64::max) + 8.0;
    let right = width.pixels() - numbers;
    let most = arms.iter().map(|arm| arm.pooled.judged + arm.pooled.unparsable).max().unwrap_or(0).max(1);
    let scale = (right - left) / f64::from(most);

    let unparsable = arms.iter().any(|arm| arm.pooled.unparsable > 0);
    key(canvas, left, 14.0, size, unparsable);
    canvas.text(width.pixels() - 2.0, 38.0, HEADING, size, MUTED, Anchor::End);
    canvas.text(left, 38.0, "completions", size, MUTED, Anchor::Start);

    for (index, arm) in arms.iter().enumerate() {
        let middle = TOP + ROW * (index as f64 + 0.5);
        let (top, bottom) = (middle - BAR / 2.0, middle + BAR / 2.0);
        canvas.text(left - 8.0, middle, &arm.arm.label(), size, INK, Anchor::End);
        canvas.text(width.pixels() - 2.0, middle, &outcome(arm), size, INK, Anchor::End);
        if arm.pooled.judged + arm.pooled.unparsable == 0 {
            canvas.text(left + 4.0, middle, "no result", size, MUTED, Anchor::Start);
            continue;
        }
        let mut from = left;
        let parts = [
            (arm.pooled.toxic, TOXIC),
            (arm.pooled.judged.saturating_sub(arm.pooled.toxic), NON_TOXIC),
            (arm.pooled.unparsable, UNPARSABLE),
        ];
        for (count, colour) in parts.into_iter().filter(|(count, _)| *count > 0) {
            let to = from + f64::from(count) * scale;
            segment(canvas, (from, top, to, bottom), colour, count, size);
            from = to;
        }
    }
    canvas.line(&[(left, TOP), (left, TOP + ROW * arms.len() as f64)], RULE, 1.0);
}

const HEADING: &str = "toxic / judged";

fn outcome(arm: &ArmResult) -> String {
    match arm.pooled.judged {
        0 => "–".into(),
        judged => format!("{} / {}", quantity::count(arm.pooled.toxic.into()), quantity::count(judged.into())),
    }
}

fn segment(canvas: &Canvas<'_>, (left, top, right, bottom): (f64, f64, f64, f64), colour: RGBColor, count: u32, size: f64) {
    // neighbours are told apart by a gap, not by colour alone
    let end = if right - left > 2.0 { right - 1.0 } else { right };
    canvas.bar(left, top, end, bottom, colour);
    let label = quantity::count(count.into());
    if text_width(&label, size) + 10.0 < right - left && colour != UNPARSABLE {
        canvas.text((left + right) / 2.0, (top + bottom) / 2.0, &label, size, ON_BAR, Anchor::Middle);
    }
}

/// The colours' names, in the order of the segments.
fn key(canvas: &Canvas<'_>, left: f64, y: f64, size: f64, unparsable: bool) {
    let mut x = left;
    let names = [("toxic", TOXIC), ("non-toxic", NON_TOXIC), ("unparsable", UNPARSABLE)];
    for (name, colour) in names.into_iter().take(if unparsable { 3 } else { 2 }) {
        canvas.bar(x, y - 5.0, x + 10.0, y + 5.0, colour);
        canvas.text(x + 15.0, y, name, size, INK, Anchor::Start);
        x += 15.0 + text_width(name, size) + 14.0;
    }
}
