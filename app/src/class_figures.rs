//! From the results of a classification study to the data of its figures. Views are resolved: every choice in them is made.

#[cfg(test)]
mod tests;

use crate::{
    charts::{
        AccuracyCurves, AccuracyLine, ConfusionPanel, MarginPanel, ReliabilityPanel, SharePanel, SharePoint, Side, Width, accuracy_curves,
        confusion_matrices, margin_histograms, reliability_curves, share_panels,
    },
    figure_view::{FigureView, arms_of},
};
use rankscope_domain::{
    Arm,
    class_results::{ArmAccuracy, ClassificationResults, Measure, ReadingResults},
    results::Counts,
};

/// `None` where there is no such figure or nothing to draw.
pub(crate) fn draw_class_figure(name: &str, results: &ClassificationResults, view: &FigureView, width: Width) -> Option<String> {
    let reading = results.reading(view.reading?)?;
    match name {
        "accuracy" => accuracy_curves(&curves(results, reading, view), width),
        "margins" => margin_histograms(&results.margin_edges, &margins(results, reading, view), width),
        "reliability" => reliability_curves(&reliability(results, reading, view), width),
        "confusion" => confusion_matrices(&results.labels, &confusion(reading, view)?, width),
        "worst_group_error" => {
            let panels = by_fraction(results, reading, &|result| Some(result.worst_group_error));
            share_panels(name, "Error of the worst group by fraction and arm, with 95 % intervals", "worst_group_error, %", &panels, width)
        }
        "harmful_bias_gap" => {
            let panels = by_fraction(results, reading, &|result| result.harmful_bias_gap);
            share_panels(name, "Harmful bias gap by fraction and rank, with 95 % intervals", "harmful bias gap, %", &panels, width)
        }
        _ => None,
    }
}

fn curves(results: &ClassificationResults, reading: &ReadingResults, view: &FigureView) -> AccuracyCurves {
    let mut fractions = results.fractions.clone();
    fractions.sort_by_key(|at| at.fraction);
    let accuracy = |result: Option<&ArmAccuracy>, group: &str| {
        result.and_then(|result| result.group(group)).map(|measures| measures.accuracy).unwrap_or_default()
    };
    let mut lines = Vec::new();
    for &arm in &view.arms {
        for (side, group) in [(Side::Majority, &results.majority), (Side::Minority, &results.minority)] {
            let points = if arm == Arm::Original {
                vec![accuracy(reading.arm(arm, None), group)]
            } else {
                fractions.iter().map(|at| accuracy(reading.arm(arm, Some(at.fraction)), group)).collect()
            };
            lines.push(AccuracyLine { arm, side, points });
        }
    }
    AccuracyCurves { fractions, majority: results.majority.clone(), minority: results.minority.clone(), arms: arms_of(results), lines }
}

/// Each arm at the view's fraction, where it has a result.
pub(crate) fn at_fraction<'a>(results: &ClassificationResults, reading: &'a ReadingResults, view: &FigureView) -> Vec<&'a ArmAccuracy> {
    arms_of(results).into_iter().filter_map(|arm| reading.arm(arm, view.fraction)).filter(|result| !result.seeds.is_empty()).collect()
}

fn margins(results: &ClassificationResults, reading: &ReadingResults, view: &FigureView) -> Vec<MarginPanel> {
    at_fraction(results, reading, view)
        .into_iter()
        .map(|result| MarginPanel { arm: result.arm, counts: result.margins.clone(), mean: result.mean_margin })
        .collect()
}

fn reliability(results: &ClassificationResults, reading: &ReadingResults, view: &FigureView) -> Vec<ReliabilityPanel> {
    at_fraction(results, reading, view)
        .into_iter()
        .filter_map(|result| {
            let (bins, error) = match &view.group {
                None => (result.reliability.clone(), result.calibration_error),
                Some(group) => result.group(group).map(|measures| (measures.reliability.clone(), measures.calibration_error))?,
            };
            Some(ReliabilityPanel { arm: result.arm, bins, error })
        })
        .collect()
}

fn confusion(reading: &ReadingResults, view: &FigureView) -> Option<Vec<ConfusionPanel>> {
    let result = reading.arm(view.arm?, view.fraction)?;
    Some(
        result.groups.iter().map(|measures| ConfusionPanel { group: measures.group.clone(), counts: measures.confusion.clone() }).collect(),
    )
}

/// A panel a fraction, smallest first, with the arms that have the measure somewhere.
fn by_fraction(
    results: &ClassificationResults,
    reading: &ReadingResults,
    measure: &dyn Fn(&ArmAccuracy) -> Option<Measure>,
) -> Vec<SharePanel> {
    let mut fractions = results.fractions.clone();
    fractions.sort_by_key(|at| at.fraction);
    let has_it = |arm: Arm| reading.arms.iter().any(|result| result.arm == arm && measure(result).is_some());
    let arms: Vec<Arm> = arms_of(results).into_iter().filter(|arm| has_it(*arm)).collect();
    fractions
        .into_iter()
        .map(|at| SharePanel {
            title: format!("minority fraction {}", at.fraction),
            points: arms
                .iter()
                .map(|&arm| {
                    let measured = reading.arm(arm, Some(at.fraction)).and_then(measure).unwrap_or_default();
                    let finite = |number: Option<f64>| number.filter(|number| number.is_finite());
                    let share = finite(measured.value);
                    let (low, high) = (share.and(finite(measured.low)), share.and(finite(measured.high)));
                    let counts = Counts { share, low, high, ..Counts::default() };
                    SharePoint { arm, counts, seeds: Vec::new() }
                })
                .collect(),
        })
        .collect()
}
