//! Every figure over data that a study can hold: legible at both widths, safe, and as it was before.

use super::*;
use crate::PaperWidth;
use rankscope_domain::{
    Arm, CellId, MinorityFraction,
    results::{ArmResult, Counts},
    view::LossCurve,
};

fn counts(toxic: u32, judged: u32, unparsable: u32) -> Counts {
    let share = (judged > 0).then(|| f64::from(toxic) / f64::from(judged));
    Counts {
        toxic,
        judged,
        unparsable,
        share,
        low: share.map(|share| (share - 0.04).max(0.0)),
        high: share.map(|share| (share + 0.04).min(1.0)),
    }
}

fn arm(arm: Arm, pooled: Counts) -> ArmResult {
    ArmResult { arm, learning_rate: None, seeds: 1, pooled, groups: Vec::new(), seed_low: None, seed_high: None }
}

fn ranks(ranks: &[u32]) -> Vec<Arm> {
    std::iter::once(Arm::Original).chain(ranks.iter().map(|&r| Arm::Lora(r))).chain([Arm::Full]).collect()
}

fn arms_of(arms: &[Arm], toxic: impl Fn(u32) -> (u32, u32, u32)) -> Vec<ArmResult> {
    (0..)
        .zip(arms)
        .map(|(index, &each)| {
            let (toxic, judged, unparsable) = toxic(index);
            arm(each, counts(toxic, judged, unparsable))
        })
        .collect()
}

/// What studies can come to.
fn studies() -> Vec<(&'static str, Vec<ArmResult>)> {
    vec![
        ("usual", arms_of(&ranks(&[2, 8, 64]), |index| (40 - 7 * index, 200, 0))),
        ("nine arms", arms_of(&ranks(&[1, 2, 4, 8, 16, 32, 64]), |index| (4200 - 300 * index, 12_000, 120))),
        ("one arm", arms_of(&[Arm::Original], |_| (3, 10, 1))),
        ("nothing toxic", arms_of(&ranks(&[4]), |_| (0, 50, 0))),
        ("all toxic", arms_of(&ranks(&[4]), |_| (50, 50, 0))),
        ("a failed cell", arms_of(&ranks(&[4, 8]), |index| if index == 1 { (0, 0, 0) } else { (5, 50, 0) })),
        ("nothing readable", arms_of(&ranks(&[4]), |index| if index == 1 { (0, 0, 50) } else { (5, 50, 0) })),
    ]
}

fn panel(title: &str, arms: &[ArmResult]) -> SharePanel {
    let points = arms.iter().map(|arm| SharePoint { arm: arm.arm, counts: arm.pooled.clone(), seeds: vec![0.1, 0.12] }).collect();
    SharePanel { title: title.into(), points }
}

fn curves(arms: &[Arm], steps: u32) -> Vec<LossCurve> {
    (0..)
        .zip(arms)
        .filter(|(_, arm)| arm.is_trained())
        .map(|(index, &arm)| LossCurve {
            cell: CellId::new(arm, 0),
            steps_total: 40,
            points: (1..=steps).map(|step| (step, 3.0 - 0.01 * f64::from(index) - 0.02 * f64::from(step))).collect(),
        })
        .collect()
}

/// Three seeds and three fractions of each arm: with three ranks twenty-seven curves.
fn curves_by_fraction(arms: &[Arm], steps: u32) -> Vec<LossCurve> {
    let fractions = [1.0, 0.5, 0.25].map(|value| MinorityFraction::new(value).unwrap());
    let all = curves(arms, steps);
    (0..3)
        .flat_map(|seed| fractions.map(|fraction| (seed, fraction)))
        .flat_map(|(seed, fraction)| {
            all.iter().map(move |curve| LossCurve { cell: CellId { seed, ..curve.cell }.with_minority(fraction), ..curve.clone() })
        })
        .collect()
}

/// A text in an SVG: its box in pixels, and what it says.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "the text is for the messages of failed tests")]
struct Label {
    left: f64,
    right: f64,
    middle: f64,
    size: f64,
    text: String,
}

fn attribute(tag: &str, name: &str) -> String {
    let start = tag.find(&format!(" {name}=\"")).unwrap_or_else(|| panic!("{tag} has no {name}")) + name.len() + 3;
    tag[start..].split('"').next().unwrap_or_default().to_string()
}

fn labels(svg: &str) -> Vec<Label> {
    svg.split("<text")
        .skip(1)
        .map(|rest| {
            let (tag, rest) = rest.split_once('>').expect("a tag ends");
            let text = rest.split("</text>").next().unwrap_or_default().trim().to_string();
            let pixels = |name: &str| attribute(tag, name).parse::<f64>().expect("a number") / 8.0;
            let (x, middle, size) = (pixels("x"), pixels("y"), pixels("font-size"));
            let width = canvas::text_width(&text, size);
            let left = match attribute(tag, "text-anchor").as_str() {
                "start" => x,
                "middle" => x - width / 2.0,
                _ => x - width,
            };
            Label { left, right: left + width, middle, size, text }
        })
        .collect()
}

/// Every text is large enough, on the sheet, and over no other.
pub(crate) fn check_legible(what: &str, svg: &str) {
    let view_box: Vec<f64> = attribute(svg, "viewBox").split(' ').map(|number| number.parse::<f64>().unwrap() / 8.0).collect();
    let labels = labels(svg);
    assert!(!labels.is_empty(), "{what} says nothing");
    for (index, label) in labels.iter().enumerate() {
        assert!(label.size >= 10.9, "{what}: {label:?} is too small to read");
        assert!(label.left >= -1.0 && label.right <= view_box[2] + 1.0, "{what}: {label:?} leaves the sheet ({})", view_box[2]);
        assert!(label.middle >= 0.0 && label.middle <= view_box[3], "{what}: {label:?} leaves the sheet");
        for other in &labels[..index] {
            let apart = label.left >= other.right || other.left >= label.right || (label.middle - other.middle).abs() > 0.75 * label.size;
            assert!(apart, "{what}: {label:?} lies over {other:?}");
        }
    }
    assert_eq!(svg.matches("<svg").count(), 1, "{what}");
    assert!(svg.trim_end().ends_with("</svg>"), "{what}");
    assert!(svg.contains("role=\"img\"") && svg.contains("<title id=") && svg.contains("<desc id="), "{what} is silent");
    assert!(!svg.contains(" style="), "{what}: the page's policy forbids styles in attributes");
}

/// In a file of this width no text is lower than 7 points, and the drawing is not wider than the paper.
pub(crate) fn check_on_paper(what: &str, svg: &str, width: Width) {
    let paper = if width == Width::Narrow { PaperWidth::Column } else { PaperWidth::Page };
    let fitted = paper.fit(svg);
    let head = fitted.split('>').next().unwrap_or_default();
    let millimetres: f64 = attribute(head, "width").strip_suffix("mm").expect("a width on paper").parse().unwrap();
    assert!(millimetres <= paper.millimetres() + 0.01, "{what}: {millimetres} mm");
    let pixels = attribute(head, "viewBox").split(' ').nth(2).unwrap().parse::<f64>().unwrap() / 8.0;
    for label in labels(&fitted) {
        let points = label.size * millimetres / pixels / 25.4 * 72.0;
        assert!(points >= 7.0, "{what}: {label:?} is {points:.1} points high on paper");
    }
}

#[test]
fn figures_are_legible_at_both_widths() {
    for (study, arms) in studies() {
        for width in [Width::Narrow, Width::Wide] {
            let what = |figure: &str| format!("{figure}, {study}, {width:?}");
            check_legible(&what("bars"), &toxicity_bars(&arms, width).unwrap());
            check_on_paper(&what("bars"), &toxicity_bars(&arms, width).unwrap(), width);
            check_legible(&what("shares"), &share_by_arm(&panel("", &arms), width).unwrap());
            let panels = ["female", "male", "a group with a very long name indeed, to be cut", "queer"].map(|group| panel(group, &arms));
            check_legible(&what("panels"), &share_panels("groups", "Shares", "toxic completions, %", &panels, width).unwrap());
            let trained: Vec<Arm> = arms.iter().map(|arm| arm.arm).collect();
            for steps in [1, 40] {
                match loss_curves(&curves(&trained, steps), width) {
                    Some(svg) => check_legible(&what("loss"), &svg),
                    None => assert_eq!(trained, [Arm::Original]),
                }
                if let Some(svg) = loss_curves(&curves_by_fraction(&trained, steps), width) {
                    check_legible(&what("loss by fraction"), &svg);
                    assert!(svg.contains("minority fraction 0.25, "), "a panel a fraction");
                }
            }
        }
    }
}

#[test]
fn without_data_there_is_no_figure() {
    assert_eq!(toxicity_bars(&[], Width::Wide), None);
    assert_eq!(share_by_arm(&SharePanel { title: String::new(), points: Vec::new() }, Width::Wide), None);
    assert_eq!(share_panels("groups", "Shares", "toxic completions, %", &[], Width::Wide), None);
    assert_eq!(share_by_arm(&panel("", &[arm(Arm::Full, counts(0, 0, 3))]), Width::Wide), None);
    let unreadable = LossCurve { cell: CellId::new(Arm::Full, 0), steps_total: 2, points: vec![(1, f64::NAN), (2, f64::INFINITY)] };
    assert_eq!(loss_curves(&[unreadable], Width::Wide), None);
}

#[test]
fn names_are_no_markup() {
    let hostile = "</title><script>alert(1)</script>&\"";
    let svg = share_panels("groups", hostile, "toxic completions, %", &[panel(hostile, &studies()[0].1)], Width::Wide).unwrap();
    assert!(!svg.contains("<script"), "{svg}");
    assert!(svg.contains("&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;"), "the description says the name");
}

#[test]
fn segments_are_as_long_as_their_counts() {
    let arms = [arm(Arm::Original, counts(25, 100, 0)), arm(Arm::Full, counts(0, 40, 10))];
    let svg = toxicity_bars(&arms, Width::Wide).unwrap();
    let widths = |colour: &str| -> Vec<f64> {
        svg.split("<rect")
            .skip(1)
            .filter(|tag| tag.contains(colour) && !tag.contains("width=\"80\""))
            .map(|tag| (attribute(tag, "width").parse::<f64>().unwrap() / 8.0).round())
            .collect()
    };
    let (toxic, non_toxic, unparsable) = (widths("#BF5209"), widths("#2F6DB5"), widths("#8A8A84"));
    assert_eq!((toxic.len(), non_toxic.len(), unparsable.len()), (1, 2, 1), "{svg}");
    assert!((non_toxic[0] / toxic[0] - 3.0).abs() < 0.05, "{toxic:?} {non_toxic:?}");
    assert!((non_toxic[1] / unparsable[0] - 4.0).abs() < 0.1, "{non_toxic:?} {unparsable:?}");
}

#[test]
fn figures_are_as_they_were() {
    let (_, arms) = &studies()[0];
    insta::assert_snapshot!("toxicity_bars_wide", toxicity_bars(arms, Width::Wide).unwrap());
    insta::assert_snapshot!("share_by_arm_narrow", share_by_arm(&panel("", arms), Width::Narrow).unwrap());
    insta::assert_snapshot!("loss_curves_wide", loss_curves(&curves(&ranks(&[2, 64]), 5), Width::Wide).unwrap());
}
