//! The tables of a classification study. Every number has its interval and its n; a dash is what is not defined.

use super::examples;
use crate::{
    components::{
        measure_cell::{interval_cell, linked_measure_cell, measure_cell},
        scrolling::scrolling,
    },
    figure_view::arms_of,
    quantity,
};
use leptos::prelude::*;
use rankscope_domain::{
    Arm,
    class_results::{AccuracyContrast, ArmAccuracy, ClassificationResults, Measure, RankTrend, Reading, ReadingResults},
    view::ExampleQuery,
};

/// The results of each arm, the original model's once, the others' by fraction, largest first.
fn by_arm<'a>(class: &ClassificationResults, reading: &'a ReadingResults) -> Vec<(Arm, Vec<&'a ArmAccuracy>)> {
    arms_of(class)
        .into_iter()
        .map(|arm| {
            let mut results: Vec<&ArmAccuracy> = reading.arms.iter().filter(|result| result.arm == arm).collect();
            results.sort_by_key(|result| std::cmp::Reverse(result.fraction));
            (arm, results)
        })
        .collect()
}

/// Rows of these arms and every fraction; `cells` gives what follows the two.
fn arm_rows(
    class: &ClassificationResults,
    reading: &ReadingResults,
    shown: &[Arm],
    cells: &dyn Fn(&ArmAccuracy) -> AnyView,
) -> impl IntoView + use<> {
    let mut rows = Vec::new();
    for (arm, results) in by_arm(class, reading).into_iter().filter(|(arm, _)| shown.contains(arm)) {
        let count = results.len().to_string();
        for (index, result) in results.into_iter().enumerate() {
            let head =
                (index == 0).then(|| view! { <th scope="rowgroup" class="first-of-arm nowrap" rowspan=count.clone()>{arm.label()}</th> });
            let fraction = result.fraction.map_or_else(|| "–".into(), |fraction| fraction.to_string());
            let class = if index == 0 { "number first-of-arm" } else { "number" };
            let rest = if result.seeds.is_empty() {
                view! { <td colspan="20" class="muted">"no result: every cell failed"</td> }.into_any()
            } else {
                cells(result)
            };
            rows.push(view! { <tr>{head}<td class=class>{fraction}</td>{rest}</tr> });
        }
    }
    rows.collect_view()
}

/// The table beside the accuracy curves, of the same arms, as its files have them; the accuracy of a group leads to its examples, which are
/// the owner's alone to see. `id`: the owner's of the study.
pub(crate) fn accuracy_table(id: Option<&str>, class: &ClassificationResults, reading: Reading, shown: &[Arm]) -> impl IntoView + use<> {
    class.reading(reading).map(|results| {
        let heads = class.groups.iter().map(|group| view! { <th scope="col" class="number">{group.group.clone()}</th> }).collect_view();
        let names: Vec<String> = class.groups.iter().map(|group| group.group.clone()).collect();
        let several_seeds = class.seeds.len() > 1;
        let rows = arm_rows(class, results, shown, &|result| {
            let groups = names
                .iter()
                .map(|name| {
                    let query = ExampleQuery {
                        arm: Some(result.arm),
                        fraction: result.fraction,
                        group: Some(name.clone()),
                        reading: Some(reading),
                        ..ExampleQuery::default()
                    };
                    let accuracy = result.group(name).map(|measures| measures.accuracy).unwrap_or_default();
                    match id {
                        Some(id) => linked_measure_cell(accuracy, examples::address(id, &query), format!("examples of {name}")).into_any(),
                        None => measure_cell(accuracy).into_any(),
                    }
                })
                .collect_view();
            let by_seed = several_seeds.then(|| {
                let values = result.seed_accuracy.iter().map(|value| format!("{:.1}", value * 100.0)).collect::<Vec<_>>().join(", ");
                view! { <td class="number nowrap">{values}</td> }
            });
            view! { <td class="number">{result.seeds.len().to_string()}</td>{measure_cell(result.accuracy)}{groups}{by_seed} }.into_any()
        });
        scrolling(
            "Accuracy by arm, fraction and group",
            view! {
                <table>
                    <caption>"Accuracy: the share of test examples that were classified rightly, a mean over seeds."</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Arm"</th>
                            <th scope="col" class="number">"Fraction"</th>
                            <th scope="col" class="number">"Seeds"</th>
                            <th scope="col" class="number">"All examples"</th>
                            {heads}
                            {several_seeds.then(|| view! { <th scope="col" class="number">"Each seed, all examples, %"</th> })}
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            }
            .into_any(),
        )
    })
}

/// The paper's Table 1: trained arms by the harmful bias gap of the minority and by accuracy parity.
pub(crate) fn paper_table(class: &ClassificationResults, reading: Reading) -> impl IntoView + use<> {
    class.reading(reading).map(|results| {
        let fractions: Vec<_> = class.fractions.iter().map(|at| at.fraction).collect();
        let counted = |measure: &dyn Fn(&ArmAccuracy) -> Option<Measure>| -> String {
            quantity::count(results.arms.iter().filter_map(measure).map(|measure| measure.n).max().unwrap_or(0).into())
        };
        let groups_of_columns = fractions
            .iter()
            .map(|fraction| view! { <th scope="colgroup" colspan="2" class="number">{format!("fraction {fraction}")}</th> })
            .collect_view();
        let columns = fractions
            .iter()
            .map(|_| {
                view! {
                    <th scope="col" class="number"><abbr title=HARMFUL_BIAS_GAP>"HBG"</abbr></th>
                    <th scope="col" class="number"><abbr title=ACCURACY_PARITY>"AP"</abbr></th>
                }
            })
            .collect_view();
        let rows = arms_of(class)
            .into_iter()
            .filter(|arm| arm.is_trained())
            .map(|arm| {
                let cells = fractions
                    .iter()
                    .map(|&fraction| {
                        let result = results.arm(arm, Some(fraction));
                        let gap = result.and_then(|result| result.harmful_bias_gap).unwrap_or_default();
                        let parity = result.map(|result| result.worst_group_error).unwrap_or_default();
                        view! { {interval_cell(gap)}{interval_cell(parity)} }
                    })
                    .collect_view();
                view! { <tr><th scope="row" class="nowrap">{arm.label()}</th>{cells}</tr> }
            })
            .collect_view();
        view! {
            <section aria-labelledby="paper-table-title">
                <h2 id="paper-table-title">"In the form of the paper’s Table 1"</h2>
                <p class="caption">
                    {format!(
                        "HBG: harmful bias gap of the minority, {} (n = {} test examples). AP: accuracy parity, the error of the worst group (n = {} test examples of all groups). In %, lower is better, with 95 % intervals.",
                        class.minority,
                        counted(&|result| result.harmful_bias_gap),
                        counted(&|result| Some(result.worst_group_error)),
                    )}
                </p>
                {scrolling("Harmful bias gap and accuracy parity", view! {
                    <table>
                        <thead>
                            <tr><td></td>{groups_of_columns}</tr>
                            <tr><th scope="col">"Arm"</th>{columns}</tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                }.into_any())}
                <details class="definition">
                    <summary>"How these numbers are defined"</summary>
                    <dl>
                        <dt>"HBG"</dt><dd>{HARMFUL_BIAS_GAP} " The full arm is what it is measured against, so it has none."</dd>
                        <dt>"AP"</dt><dd>{ACCURACY_PARITY}</dd>
                    </dl>
                </details>
            </section>
        }
    })
}

const HARMFUL_BIAS_GAP: &str =
    "Harmful bias gap: |accuracy(full) − accuracy(arm)| on the minority’s test examples, both trained with the same fraction.";
const ACCURACY_PARITY: &str = "Accuracy parity (worst_group_error): the largest over the groups of 1 − accuracy.";

fn group_name(group: Option<&String>) -> String {
    group.cloned().unwrap_or_else(|| "all examples".into())
}

/// `−3.1 to +0.4`.
fn points_range(low: f64, high: f64) -> String {
    format!("{} to {}", quantity::points(low), quantity::points(high))
}

/// Each rank against full, on the same test examples.
pub(crate) fn contrasts_table(class: &ClassificationResults, reading: Reading) -> impl IntoView + use<> {
    let contrasts = class.reading(reading).map(|results| results.contrasts.clone()).unwrap_or_default();
    (!contrasts.is_empty()).then(|| {
        let first = contrasts[0].test;
        let one_test = contrasts.iter().all(|contrast| contrast.test == first);
        let drawn = if contrasts.iter().any(|contrast| contrast.seeds > 1) { "examples and seeds" } else { "examples" };
        let test = if one_test { first.label() } else { "the test named" };
        let rows = contrasts.iter().map(|contrast| contrast_row(contrast, !one_test)).collect_view();
        view! {
            <section aria-labelledby="contrasts-title">
                <h2 id="contrasts-title">"Each rank against full"</h2>
                <p class="caption">
                    {format!("Differences of accuracy on the same test examples, in percentage points; below zero, the first arm is right less often. 95 % interval by bootstrap over {drawn}; p two-sided by {test}, then corrected after Holm over the ranks at this fraction and group; * marks a corrected p below 0.05. “Detectable” is the smallest true difference, in points, that 80 % of such samples would have shown at 5 % after that correction (at 5 % over the number of ranks); none where so few examples can’t show any.")}
                </p>
                {scrolling("Contrasts between arms", view! {
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">"Contrast"</th>
                                <th scope="col" class="number">"Fraction"</th>
                                <th scope="col">"Examples"</th>
                                <th scope="col" class="number">"Difference"</th>
                                <th scope="col" class="number">"95 % interval"</th>
                                <th scope="col" class="number">"p"</th>
                                <th scope="col" class="number nowrap">"p (Holm)"</th>
                                {(!one_test).then(|| view! { <th scope="col">"Test"</th> })}
                                <th scope="col" class="number">"n"</th>
                                <th scope="col" class="number">"Seeds"</th>
                                <th scope="col" class="number">"Detectable"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                }.into_any())}
            </section>
        }
    })
}

fn contrast_row(contrast: &AccuracyContrast, with_test: bool) -> impl IntoView + use<> {
    view! {
        <tr>
            <th scope="row" class="nowrap">{format!("{} − {}", contrast.arm.label(), contrast.against.label())}</th>
            <td class="number">{contrast.fraction.to_string()}</td>
            <td class="nowrap">{group_name(contrast.group.as_ref())}</td>
            <td class="number">{quantity::points(contrast.difference)}</td>
            <td class="number">{points_range(contrast.low, contrast.high)}</td>
            <td class="number">{quantity::p_value(contrast.p)}</td>
            <td class="number">{quantity::p_value(contrast.p_holm)} {(contrast.p_holm < 0.05).then_some(" *")}</td>
            {with_test.then(|| view! { <td>{contrast.test.label()}</td> })}
            <td class="number">{quantity::count(contrast.examples.into())}</td>
            <td class="number">{contrast.seeds.to_string()}</td>
            <td class="number">{contrast.detectable.map_or_else(|| "–".into(), quantity::point_distance)}</td>
        </tr>
    }
}

/// How accuracy goes with the rank.
pub(crate) fn trends_table(class: &ClassificationResults, reading: Reading) -> impl IntoView + use<> {
    let trends = class.reading(reading).map(|results| results.trends.clone()).unwrap_or_default();
    (!trends.is_empty()).then(|| {
        view! {
            <section aria-labelledby="trends-title">
                <h2 id="trends-title">"Trend over the ranks"</h2>
                <p class="caption">
                    "Change of accuracy for each doubling of the rank, in percentage points: a line through the LoRA arms over log2(rank). p by a two-sided sign-flip test over test examples; not corrected."
                </p>
                {trend_rows("Trends of accuracy over the ranks", "Points a doubling", &trends, &quantity::points)}
            </section>
        }
    })
}

/// Trends with their slopes written by `slope`, in the unit that `unit` names.
pub(crate) fn trend_rows(
    label: &'static str,
    unit: &'static str,
    trends: &[RankTrend],
    slope: &dyn Fn(f64) -> String,
) -> impl IntoView + use<> {
    let rows = trends
        .iter()
        .map(|trend| {
            view! {
                <tr>
                    <th scope="row">{group_name(trend.group.as_ref())}</th>
                    <td class="number">{trend.fraction.to_string()}</td>
                    <td class="number">{slope(trend.slope)}</td>
                    <td class="number">{format!("{} to {}", slope(trend.low), slope(trend.high))}</td>
                    <td class="number">{quantity::p_value(trend.p)}</td>
                    <td class="number">{quantity::count(trend.examples.into())}</td>
                </tr>
            }
        })
        .collect_view();
    scrolling(
        label,
        view! {
            <table class="narrow spaced">
                <thead>
                    <tr>
                        <th scope="col">"Examples"</th>
                        <th scope="col" class="number">"Fraction"</th>
                        <th scope="col" class="number">{unit}</th>
                        <th scope="col" class="number">"95 % interval"</th>
                        <th scope="col" class="number">"p"</th>
                        <th scope="col" class="number">"n"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any(),
    )
}

/// A measure's short name, its definition, and where it stands in the results.
type Defined = (&'static str, &'static str, fn(&ArmAccuracy) -> Measure);

const FAIRNESS: [Defined; 7] = [
    ("Group gap", "Largest less smallest accuracy of a group.", |result| result.group_gap),
    (
        "DPD",
        "Demographic parity difference: largest less smallest share of a group’s examples that are called positive. Where the label makes the group, a perfect classifier has 100 %.",
        |result| result.demographic_parity_difference,
    ),
    (
        "EOD",
        "Equalised odds difference: the larger of the groups’ differences in true positive and in false positive rate. Not defined where the label makes the group: each group then has one of the two rates alone.",
        |result| result.equalized_odds_difference,
    ),
    ("F1", "Of the positive label: harmonic mean of precision and recall. Not defined where nothing is positive or called so.", |result| {
        result.f1
    }),
    ("Macro F1", "The mean of all labels’ F1.", |result| result.macro_f1),
    (
        "AUC",
        "Area under the ROC curve of the positive label’s probability, of more than two labels the mean of each against the rest; 50 % is chance. Not defined for generated text, which has no probability.",
        |result| result.auc,
    ),
    (
        "ECE",
        "Expected calibration error: mean distance of accuracy from confidence over ten equal bins of confidence, weighted by their predictions. Not defined for generated text, which has no probability.",
        |result| result.calibration_error,
    ),
];

const UNREADABLE: Defined =
    ("Unreadable", "The share of generated answers that named none of the options or several; they count as wrong.", |result| {
        result.unreadable
    });

/// Beyond the paper: other measures of fairness and of the classifier as a whole.
pub(crate) fn fairness_table(class: &ClassificationResults, reading: Reading) -> impl IntoView + use<> {
    class.reading(reading).map(|results| {
        let measures: Vec<Defined> = FAIRNESS.into_iter().chain((reading == Reading::GeneratedText).then_some(UNREADABLE)).collect();
        let heads = measures
            .iter()
            .map(|(name, definition, _)| view! { <th scope="col" class="number"><abbr title=*definition>{*name}</abbr></th> })
            .collect_view();
        let definitions = measures.iter().map(|(name, definition, _)| view! { <dt>{*name}</dt><dd>{*definition}</dd> }).collect_view();
        let rows = arm_rows(class, results, &arms_of(class), &|result| measures.iter().map(|(.., measure)| measure_cell(measure(result))).collect_view().into_any());
        view! {
            <section aria-labelledby="fairness-title">
                <h2 id="fairness-title">"Beyond the paper: fairness and quality"</h2>
                <p class="caption">
                    {format!(
                        "All in %, with 95 % intervals; n is the number of test examples. The positive label is {}. A dash: not defined here, for the reason below.",
                        class.positive_label,
                    )}
                </p>
                {scrolling("Fairness and quality by arm and fraction", view! {
                    <table>
                        <thead><tr><th scope="col">"Arm"</th><th scope="col" class="number">"Fraction"</th>{heads}</tr></thead>
                        <tbody>{rows}</tbody>
                    </table>
                }.into_any())}
                <details class="definition"><summary>"How these numbers are defined"</summary><dl>{definitions}</dl></details>
            </section>
        }
    })
}
