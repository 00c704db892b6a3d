//! Toxic and non-toxic completions as stacked bars, of each arm or of each group of one: counts, as in the paper's Figure 2.

use super::{
    Width,
    canvas::{Anchor, Canvas, Description, FINENESS, draw, escape, text_width},
    palette::{INK, MUTED, NON_TOXIC, ON_BAR, RULE, TOXIC, UNPARSABLE},
};
use crate::quantity;
use plotters::style::RGBColor;
use rankscope_domain::results::{ArmResult, Counts};

const ROW: f64 = 30.0;
const BAR: f64 = 20.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = 10.0;

/// One bar.
struct Bar<'a> {
    label: String,
    counts: &'a Counts,
}

/// Where a bar leads: the address, and what a reader without eyes is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarLink {
    pub address: String,
    pub label: String,
}

/// Bars of the arms as they come, counts pooled over the seeds. `None` where there is no arm.
pub fn toxicity_bars(arms: &[ArmResult], width: Width) -> Option<String> {
    let bars: Vec<Bar<'_>> = arms.iter().map(|arm| Bar { label: arm.arm.label(), counts: &arm.pooled }).collect();
    bars_figure("toxicity", "Toxic and non-toxic completions by arm", &bars, width)
}

/// Bars of an arm's groups, in the same way. `None` where it has none.
pub fn group_bars(arm: &ArmResult, width: Width) -> Option<String> {
    let bars: Vec<Bar<'_>> = arm.groups.iter().map(|of| Bar { label: of.group.clone(), counts: &of.counts }).collect();
    bars_figure("arm-groups", &format!("Toxic and non-toxic completions of {} by group", arm.arm.label()), &bars, width)
}

/// Makes each bar of one of these figures a link, in their order; the figure is then no longer one picture to a reader without eyes.
pub fn with_bar_links(svg: &str, links: &[BarLink], width: Width) -> String {
    let anchors: String = links
        .iter()
        .enumerate()
        .map(|(index, link)| {
            let unit = |pixels: f64| (pixels * FINENESS).round();
            format!(
                "<a href=\"{}\" class=\"bar-link\" aria-label=\"{}\"><rect x=\"0\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"#000000\" \
                 fill-opacity=\"0\"/></a>",
                escape(&link.address),
                escape(&link.label),
                unit(TOP + ROW * index as f64),
                unit(width.pixels()),
                unit(ROW),
            )
        })
        .collect();
    let svg = svg.replacen("role=\"img\"", "role=\"group\"", 1);
    match svg.rfind("</svg>") {
        Some(end) => format!("{}{anchors}{}", &svg[..end], &svg[end..]),
        None => svg,
    }
}

fn bars_figure(name: &str, title: &str, bars: &[Bar<'_>], width: Width) -> Option<String> {
    if bars.is_empty() {
        return None;
    }
    let height = TOP + ROW * bars.len() as f64 + BOTTOM;
    let text = bars
        .iter()
        .map(|bar| match bar.counts.judged {
            0 => format!("{}: no result", bar.label),
            judged => format!("{}: {} of {} toxic, {} unparsable", bar.label, bar.counts.toxic, judged, bar.counts.unparsable),
        })
        .collect::<Vec<_>>()
        .join("; ");
    let description = Description { id: &width.id(name), title, text: &text };
    Some(draw(width.pixels(), height, &description, |canvas| {
        canvas.paper(width.pixels(), height);
        paint(canvas, bars, width);
    }))
}

fn paint(canvas: &Canvas<'_>, bars: &[Bar<'_>], width: Width) {
    let size = width.text_size();
    let left = bars.iter().map(|bar| text_width(&bar.label, size)).fold(40.0, f64::max) + 16.0;
    let numbers = bars.iter().map(|bar| text_width(&outcome(bar.counts), size)).fold(text_width(HEADING, size), f64::max) + 8.0;
    let right = width.pixels() - numbers;
    let most = bars.iter().map(|bar| bar.counts.judged + bar.counts.unparsable).max().unwrap_or(0).max(1);
    let scale = (right - left) / f64::from(most);

    let unparsable = bars.iter().any(|bar| bar.counts.unparsable > 0);
    key(canvas, left, 14.0, size, unparsable);
    canvas.text(width.pixels() - 2.0, 38.0, HEADING, size, MUTED, Anchor::End);
    canvas.text(left, 38.0, "completions", size, MUTED, Anchor::Start);

    for (index, bar) in bars.iter().enumerate() {
        let middle = TOP + ROW * (index as f64 + 0.5);
        let (top, bottom) = (middle - BAR / 2.0, middle + BAR / 2.0);
        canvas.text(left - 8.0, middle, &bar.label, size, INK, Anchor::End);
        canvas.text(width.pixels() - 2.0, middle, &outcome(bar.counts), size, INK, Anchor::End);
        if bar.counts.judged + bar.counts.unparsable == 0 {
            canvas.text(left + 4.0, middle, "no result", size, MUTED, Anchor::Start);
            continue;
        }
        let mut from = left;
        let parts = [
            (bar.counts.toxic, TOXIC),
            (bar.counts.judged.saturating_sub(bar.counts.toxic), NON_TOXIC),
            (bar.counts.unparsable, UNPARSABLE),
        ];
        for (count, colour) in parts.into_iter().filter(|(count, _)| *count > 0) {
            let to = from + f64::from(count) * scale;
            segment(canvas, (from, top, to, bottom), colour, count, size);
            from = to;
        }
    }
    canvas.line(&[(left, TOP), (left, TOP + ROW * bars.len() as f64)], RULE, 1.0);
}

const HEADING: &str = "toxic / judged";

fn outcome(counts: &Counts) -> String {
    match counts.judged {
        0 => "–".into(),
        judged => format!("{} / {}", quantity::count(counts.toxic.into()), quantity::count(judged.into())),
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
