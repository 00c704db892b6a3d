//! From a comparison to the data of its figures. The same arm has one colour in all of them; studies are told apart by their letters.

#[cfg(test)]
mod tests;

use crate::{
    charts::{
        AccuracyCurves, AccuracyLine, ComparedRow, ComparedRows, CurvesPanel, HeatScale, LensPanel, LensRow, LensRows, RowBlock, RowMark,
        RowPanel, Side, Width, compared_curves, compared_lens_sheet, compared_rows,
    },
    comparison_view::CompareView,
    lens_view::{LensMode, LensView, difference, largest, last_cell, panel, round_up},
};
use rankscope_domain::{
    Arm, FieldErrors, MinorityFraction,
    class_results::{ArmAccuracy, ClassificationResults, FractionCount, Measure, Reading},
    comparison::{ComparedArm, ComparedReading, ComparedStudy, Comparison, letter},
    comparison_query::{ComparisonView, NamedArm},
    results::Counts,
};

/// Names that [`comparison_svg`] knows, and the view that each needs.
pub const COMPARISON_FIGURES: [(&str, ComparisonView); 5] = [
    ("toxicity", ComparisonView::Toxicity),
    ("groups", ComparisonView::Toxicity),
    ("accuracy", ComparisonView::Accuracy),
    ("kl", ComparisonView::Divergence),
    ("lens", ComparisonView::Lens),
];

/// The figure as a file of its own: `None` where there is no such figure or nothing to draw. An error names what the view asks for and the
/// comparison does not have.
pub fn comparison_svg(name: &str, comparison: &Comparison, view: &CompareView, width: Width) -> Result<Option<String>, FieldErrors> {
    if name != "lens" {
        return Ok(draw_comparison(name, comparison, width));
    }
    let (rows, errors) = lens_rows(comparison, view);
    errors.into_result(())?;
    Ok(rows.as_ref().and_then(|rows| compared_lens_sheet(rows, width)))
}

/// All but the lens.
pub(crate) fn draw_comparison(name: &str, comparison: &Comparison, width: Width) -> Option<String> {
    match name {
        "toxicity" => compared_rows(&toxicity_rows(comparison), width),
        "groups" => compared_rows(&group_rows(comparison), width),
        "accuracy" => compared_curves(&curves(comparison), width),
        "kl" => compared_rows(&kl_rows(comparison), width),
        _ => None,
    }
}

/// Arms that any of these studies shows, in the order of figures.
pub(crate) fn shown_arms(comparison: &Comparison, studies: &[usize]) -> Vec<Arm> {
    let shown = |arm: &Arm| studies.iter().any(|&place| comparison.studies[place].shown.contains(arm));
    comparison.all_arms().into_iter().filter(shown).collect()
}

/// `A · Quick look`.
pub(crate) fn study_label(place: usize, study: &ComparedStudy) -> String {
    format!("{} · {}", letter(place), study.name)
}

/// Places of the studies that have something of a view to show.
pub(crate) fn with(comparison: &Comparison, view: ComparisonView) -> Vec<usize> {
    (0..comparison.studies.len()).filter(|&place| comparison.studies[place].has(view)).collect()
}

fn names(comparison: &Comparison, studies: &[usize]) -> Vec<(char, String)> {
    studies.iter().map(|&place| (letter(place), comparison.studies[place].name.clone())).collect()
}

/// One block an arm, in the order of figures, with the studies that show it.
fn blocks(comparison: &Comparison, studies: &[usize], measure: &dyn Fn(&ComparedStudy, Arm) -> Option<Measure>) -> Vec<RowBlock> {
    let block = |arm: Arm| {
        let rows: Vec<ComparedRow> = studies
            .iter()
            .filter(|&&place| comparison.studies[place].shown.contains(&arm))
            .filter_map(|&place| Some(ComparedRow { letter: letter(place), measure: measure(&comparison.studies[place], arm)? }))
            .collect();
        RowBlock { arm, rows }
    };
    comparison.all_arms().into_iter().map(block).filter(|block| !block.rows.is_empty()).collect()
}

pub(crate) fn share_measure(counts: &Counts) -> Measure {
    Measure { value: counts.share, low: counts.low, high: counts.high, n: counts.judged }
}

fn toxicity_rows(comparison: &Comparison) -> ComparedRows {
    let studies = with(comparison, ComparisonView::Toxicity);
    let measure = |study: &ComparedStudy, arm: Arm| Some(share_measure(&study.results.as_ref()?.arm(arm)?.pooled));
    ComparedRows {
        name: "compared-toxicity",
        title: "Share of toxic completions by arm and study, with 95 % intervals".into(),
        axis_name: "toxic completions, %".into(),
        studies: names(comparison, &studies),
        arms: comparison.all_arms(),
        mark: RowMark::Bar,
        panels: vec![RowPanel { title: String::new(), blocks: blocks(comparison, &studies, &measure) }],
    }
}

/// Groups of prompts, in the order in which studies first have them.
pub(crate) fn all_groups(comparison: &Comparison) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    for place in with(comparison, ComparisonView::Toxicity) {
        for group in comparison.studies[place].results.iter().flat_map(|results| &results.groups) {
            if !groups.contains(group) {
                groups.push(group.clone());
            }
        }
    }
    groups
}

/// An arm's share within a group of prompts.
pub(crate) fn group_counts(study: &ComparedStudy, arm: Arm, group: &str) -> Option<Counts> {
    let result = study.results.as_ref()?.arm(arm)?;
    result.groups.iter().find(|counts| counts.group == group).map(|counts| counts.counts.clone())
}

fn group_rows(comparison: &Comparison) -> ComparedRows {
    let studies = with(comparison, ComparisonView::Toxicity);
    let panels = all_groups(comparison).into_iter().map(|group| {
        let measure = |study: &ComparedStudy, arm: Arm| group_counts(study, arm, &group).map(|counts| share_measure(&counts));
        RowPanel { blocks: blocks(comparison, &studies, &measure), title: group.clone() }
    });
    ComparedRows {
        name: "compared-groups",
        title: "Share of toxic completions by group, arm and study, with 95 % intervals".into(),
        panels: panels.filter(|panel| !panel.blocks.is_empty()).collect(),
        ..toxicity_rows(comparison)
    }
}

fn kl_rows(comparison: &Comparison) -> ComparedRows {
    let studies = with(comparison, ComparisonView::Divergence);
    let panel = |title: &str, of_continuation: bool| {
        let measure = |study: &ComparedStudy, arm: Arm| kl_of(study, arm, of_continuation);
        RowPanel { title: title.into(), blocks: blocks(comparison, &studies, &measure) }
    };
    let panels = [panel("at the end of the prompt", false), panel("over the arm’s own continuation", true)];
    ComparedRows {
        name: "compared-kl",
        title: "Mean KL divergence from the original by arm and study, with 95 % intervals".into(),
        axis_name: "KL(original || arm), nats".into(),
        studies: names(comparison, &studies),
        arms: comparison.all_arms(),
        mark: RowMark::Dot,
        panels: panels.into_iter().filter(|panel| !panel.blocks.is_empty()).collect(),
    }
}

pub(crate) fn kl_of(study: &ComparedStudy, arm: Arm, of_continuation: bool) -> Option<Measure> {
    let inspection = study.results.as_ref()?.inspection.as_ref()?;
    let divergence = inspection.divergences.iter().find(|one| one.arm == arm)?;
    if of_continuation { divergence.continuation.as_ref().map(|summary| summary.kl) } else { Some(divergence.prompt_end.kl) }
}

/// How a study's predictions are read in this comparison.
pub(crate) fn reading_of(comparison: &Comparison, place: usize) -> Option<Reading> {
    let chosen =
        comparison.accuracy.iter().flat_map(|table| &table.readings).find(|(study, _)| *study == place).map(|(_, reading)| *reading);
    chosen.or_else(|| class_of(&comparison.studies[place])?.readings.first().map(|results| results.reading))
}

pub(crate) fn class_of(study: &ComparedStudy) -> Option<&ClassificationResults> {
    study.results.as_ref()?.classification.as_ref()
}

/// An arm's measures at a fraction, as the comparison reads it.
pub(crate) fn accuracy_of(comparison: &Comparison, of: ComparedArm, fraction: Option<MinorityFraction>) -> Option<&ArmAccuracy> {
    let reading = class_of(&comparison.studies[of.study])?.reading(reading_of(comparison, of.study)?)?;
    reading.arm(of.arm, fraction).filter(|result| !result.seeds.is_empty())
}

/// A panel a study, all over the fractions that any of them has.
fn curves(comparison: &Comparison) -> Vec<CurvesPanel> {
    let studies = with(comparison, ComparisonView::Accuracy);
    let measured = || studies.iter().filter_map(|&place| Some((place, class_of(&comparison.studies[place])?)));
    let mut fractions: Vec<MinorityFraction> =
        measured().flat_map(|(_, class)| class.fractions.iter().map(|count| count.fraction)).collect();
    fractions.sort();
    fractions.dedup();
    let panel = |(place, class): (usize, &ClassificationResults)| {
        let study = &comparison.studies[place];
        let of_study = |fraction: MinorityFraction| {
            let found = class.fractions.iter().find(|count| count.fraction == fraction).copied();
            found.unwrap_or(FractionCount { fraction, minority_examples: 0, train_examples: 0 })
        };
        let point = |arm: Arm, fraction: Option<MinorityFraction>, group: &str| {
            let result = accuracy_of(comparison, ComparedArm { study: place, arm }, fraction);
            result.and_then(|result| result.group(group)).map(|measures| measures.accuracy).unwrap_or_default()
        };
        let line = |arm: Arm, side: Side, group: &str| {
            let points = match arm {
                Arm::Original => vec![point(arm, None, group)],
                _ => fractions.iter().map(|&fraction| point(arm, Some(fraction), group)).collect(),
            };
            AccuracyLine { arm, side, points }
        };
        let lines =
            study.shown.iter().flat_map(|&arm| [line(arm, Side::Majority, &class.majority), line(arm, Side::Minority, &class.minority)]);
        CurvesPanel {
            title: study_label(place, study),
            curves: AccuracyCurves {
                fractions: fractions.iter().map(|&fraction| of_study(fraction)).collect(),
                majority: class.majority.clone(),
                minority: class.minority.clone(),
                arms: comparison.all_arms(),
                lines: lines.collect(),
            },
        }
    };
    measured().map(panel).collect()
}

/// The token that probabilities are of: the one that was asked for, or the likeliest at the end of the first reading.
pub(crate) fn lens_token(comparison: &Comparison, view: &CompareView) -> Option<String> {
    let usual = || Some(last_cell(&comparison.lens.as_ref()?.readings.first()?.reading)?.top.first()?.text.clone());
    view.lens.token.clone().or_else(usual)
}

/// The two readings whose difference is shown: a minus b, by default the last and the first. What is asked for and not read is told.
pub(crate) fn lens_pair<'a>(
    comparison: &'a Comparison,
    view: &CompareView,
) -> (Option<(&'a ComparedReading, &'a ComparedReading)>, FieldErrors) {
    let mut errors = FieldErrors::default();
    let readings = comparison.lens.as_ref().map(|lens| &lens.readings[..]).unwrap_or_default();
    let mut find = |field: &str, asked: &Option<NamedArm>, usual: Option<&'a ComparedReading>| {
        let Some(named) = asked else { return usual };
        let is_meant =
            |read: &&ComparedReading| named.is_of(read.study, &comparison.studies[read.study].id) && named.arm == read.reading.cell.arm;
        let found = readings.iter().find(is_meant);
        if found.is_none() {
            let there = readings.iter().map(|read| arm_of(read).name()).collect::<Vec<_>>().join(", ");
            errors.push(field, named, format!("There is no reading of this prompt by that arm. There are: {there}."));
        }
        found.or(usual)
    };
    let (a, b) = (find("a", &view.lens.a, readings.last()), find("b", &view.lens.b, readings.first()));
    (a.zip(b), errors)
}

pub(crate) fn arm_of(read: &ComparedReading) -> ComparedArm {
    ComparedArm { study: read.study, arm: read.reading.cell.arm }
}

/// Whether cells of two readings are of the same place: the same tokens, and as many layers.
pub(crate) fn lines_up(a: &ComparedReading, b: &ComparedReading) -> bool {
    a.reading.tokens == b.reading.tokens && a.reading.layers.len() == b.reading.layers.len()
}

/// The rows of the figure. `None` where there is no reading, or the two whose difference is asked for do not line up.
pub(crate) fn lens_rows(comparison: &Comparison, view: &CompareView) -> (Option<LensRows>, FieldErrors) {
    let Some(lens) = comparison.lens.as_ref().filter(|lens| !lens.readings.is_empty()) else { return (None, FieldErrors::default()) };
    let (mode, palette) = (view.lens.mode, view.lens.palette);
    if mode == LensMode::Difference {
        let (pair, errors) = lens_pair(comparison, view);
        let Some((a, b)) = pair.filter(|(a, b)| lines_up(a, b)) else { return (None, errors) };
        let of = |read: &ComparedReading| arm_of(read).label();
        let shown = LensPanel { title: format!("{} − {}", of(a), of(b)), ..difference(&a.reading, &b.reading) };
        let most = round_up(largest(std::slice::from_ref(&shown)));
        let rows = LensRows {
            measure: format!("entropy of {} minus that of {}, nats", of(a), of(b)),
            scale: HeatScale { low: -most, high: most, palette },
            rows: vec![LensRow {
                title: format!("“{}”", a.reading.prompt), tokens: a.reading.tokens.clone(), panels: vec![Some(shown)]
            }],
        };
        return (Some(rows), errors);
    }
    let token = lens_token(comparison, view);
    let of_cell = LensView { mode, token: token.clone(), palette, ..LensView::default() };
    let mut arms: Vec<Arm> = lens.readings.iter().map(|read| read.reading.cell.arm).collect();
    arms.sort();
    arms.dedup();
    let mut studies: Vec<usize> = lens.readings.iter().map(|read| read.study).collect();
    studies.dedup();
    let row = |&study: &usize| {
        let of_study = |arm: &Arm| lens.readings.iter().find(|read| read.study == study && read.reading.cell.arm == *arm);
        let first = lens.readings.iter().find(|read| read.study == study);
        LensRow {
            title: study_label(study, &comparison.studies[study]),
            tokens: first.map(|read| read.reading.tokens.clone()).unwrap_or_default(),
            panels: arms.iter().map(|arm| of_study(arm).map(|read| panel(&read.reading, &of_cell))).collect(),
        }
    };
    let rows: Vec<LensRow> = studies.iter().map(row).collect();
    let panels: Vec<LensPanel> = rows.iter().flat_map(|row| row.panels.iter().flatten().cloned()).collect();
    let high = if mode == LensMode::Probability { 1.0 } else { round_up(largest(&panels)) };
    let measure = match mode {
        LensMode::Kl => "KL(original || arm), nats".into(),
        LensMode::Probability => format!("probability of “{}”", token.unwrap_or_default()),
        LensMode::Entropy | LensMode::Difference => "entropy, nats".into(),
    };
    (Some(LensRows { rows, scale: HeatScale { low: 0.0, high, palette }, measure }), FieldErrors::default())
}
