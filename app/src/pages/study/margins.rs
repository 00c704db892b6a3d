//! How sure the arms of a classification study are, and of what: margins, calibration, confusion, at one minority fraction.

use super::{
    accuracy::NoResults,
    accuracy_tables::trend_rows,
    choices::{Choices, NotShown, Shown, confusion_arms, fractions, groups, readings, shown_in_address},
    place::{StudyPlace, TabStudy},
};
use crate::{
    class_figures::at_fraction,
    components::{figure::Figure, measure_cell::measure_cell, scrolling::scrolling, take_away::TakeAway},
    figure_view::FigureView,
    figures::draw_figure,
    quantity,
};
use leptos::prelude::*;
use rankscope_domain::{
    StudyResults,
    class_results::{ArmAccuracy, ClassificationResults, Measure, ReadingResults},
};
use std::sync::Arc;

#[component]
pub(crate) fn Margins(study: TabStudy) -> impl IntoView {
    let place = study.place;
    match study.results.filter(|results| results.classification.is_some()) {
        None => view! { <NoResults place title="Margins and calibration" /> }.into_any(),
        Some(results) => {
            let shown = shown_in_address(results.clone());
            view! { <MarginsResults place results shown /> }.into_any()
        }
    }
}

#[component]
pub(crate) fn MarginsResults(place: StudyPlace, results: Arc<StudyResults>, shown: Memo<Shown>) -> impl IntoView {
    let Some(class) = results.classification.clone().map(Arc::new) else { return ().into_any() };
    let figure = |draw: fn(&Figures) -> AnyView| {
        let (base, results, class) = (place.base(), results.clone(), class.clone());
        move || {
            let Shown { asked, view, .. } = shown.get();
            class.reading(view.reading?).map(|reading| {
                draw(&Figures { base: base.clone(), results: results.clone(), class: &class, reading, asked, view: view.clone() })
            })
        }
    };
    let choices = |label: &'static str, choices| view! { <Choices label place=place.clone() tab="margins" shown choices /> };
    view! {
        <section aria-labelledby="margins-heading">
            <h2 id="margins-heading">"Margins and calibration"</h2>
            <NotShown shown />
            {choices("Prediction read by", readings(&class))}
            {choices("Minority fraction", fractions(&class))}
            {figure(margins)}
            <h2>"Calibration"</h2>
            {choices("Examples", groups(&class))}
            {figure(reliability)}
            <h2>"Confusion"</h2>
            {choices("Arm", confusion_arms(&class))}
            {figure(confusion)}
        </section>
    }
    .into_any()
}

/// What the figures of this tab are drawn from.
struct Figures<'a> {
    base: String,
    results: Arc<StudyResults>,
    class: &'a ClassificationResults,
    reading: &'a ReadingResults,
    asked: FigureView,
    view: FigureView,
}

impl Figures<'_> {
    fn drawing(&self, name: &'static str) -> impl Fn(crate::charts::Width) -> Option<String> + use<> {
        let (results, view) = (self.results.clone(), self.view.clone());
        move |width| draw_figure(name, &results, &view, width)
    }

    fn at_fraction(&self) -> Vec<&ArmAccuracy> {
        at_fraction(self.class, self.reading, &self.view)
    }

    fn fraction(&self) -> String {
        self.view.fraction.map(|fraction| fraction.to_string()).unwrap_or_default()
    }
}

const NO_PROBABILITY: &str = "Generated text has no probability, so there is nothing to show here; choose another reading.";

fn margins(figures: &Figures<'_>) -> AnyView {
    let FigureView { reading, fraction, .. } = figures.asked.clone();
    let query = FigureView { reading, fraction, ..FigureView::default() }.query();
    let arms = figures.at_fraction();
    if arms.iter().all(|result| result.margins.is_empty()) {
        return view! { <p class="note">{NO_PROBABILITY}</p> }.into_any();
    }
    let rows = arms
        .iter()
        .map(|result| {
            let samples: u64 = result.margins.iter().map(|&n| u64::from(n)).sum();
            let number = |value: Option<f64>| value.map_or_else(|| "–".to_string(), |value| format!("{value:.3}"));
            let Measure { value, low, high, n } = result.mean_margin;
            let interval = low.zip(high).map_or_else(|| "–".into(), |(low, high)| format!("{low:.3}–{high:.3}"));
            view! {
                <tr>
                    <th scope="row">{result.arm.label()}</th>
                    <td class="number">{quantity::count(samples)}</td>
                    <td class="number">{result.seeds.len().to_string()}</td>
                    <td class="number">{number(value)}</td>
                    <td class="number">{interval}</td>
                    <td class="number">{quantity::count(n.into())}</td>
                </tr>
            }
        })
        .collect_view();
    let of_means = view! { <TakeAway base=figures.base.clone() table="margins" query=query.clone() /> }.into_any();
    let trends: Vec<_> = figures.reading.margin_trends.clone();
    let trends = (!trends.is_empty()).then(|| {
        let slope = |value: f64| if value < 0.0 { format!("\u{2212}{:.4}", -value) } else { format!("+{value:.4}") };
        view! {
            <h3>"Trend of the margin over the ranks"</h3>
            <p class="caption">"Change of the mean margin (a probability) for each doubling of the rank, over the samples that every rank calls positive in a seed, at every fraction: other samples than those of the means above, which can go the other way. The paper’s claim is that margins grow with the rank. p by a two-sided sign-flip test over test examples."</p>
            {trend_rows("Trends of the margin over the ranks", "Change a doubling", &trends, &slope)}
            <TakeAway base=figures.base.clone() table="margin_trends" query=query.clone() />
        }
    });
    let caption = format!(
        "The samples that each arm calls {}, the positive label, by the soft probability of that decision, trained with minority fraction {}; the original model is not trained. Pooled over the seeds. Bins and scale are the same in all panels; the line with the triangle is the mean.",
        figures.class.positive_label,
        figures.fraction(),
    );
    view! {
        <Figure name="margins" title="Decision margins" caption draw=figures.drawing("margins") base=figures.base.clone() query>
            {scrolling("Decision margins by arm", view! {
                <table class="narrow spaced">
                    <thead>
                        <tr>
                            <th scope="col">"Arm"</th>
                            <th scope="col" class="number">"Called positive"</th>
                            <th scope="col" class="number">"Seeds"</th>
                            <th scope="col" class="number">"Mean margin"</th>
                            <th scope="col" class="number">"95 % interval"</th>
                            <th scope="col" class="number">"n (test examples)"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            }.into_any())}
            {of_means}
        </Figure>
        {trends}
    }
    .into_any()
}

fn reliability(figures: &Figures<'_>) -> AnyView {
    let FigureView { reading, fraction, group, .. } = figures.asked.clone();
    let query = FigureView { reading, fraction, group, ..FigureView::default() }.query();
    let arms = figures.at_fraction();
    if arms.iter().all(|result| result.reliability.is_empty()) {
        return view! { <p class="note">{NO_PROBABILITY}</p> }.into_any();
    }
    let heads = figures.class.groups.iter().map(|group| view! { <th scope="col" class="number">{group.group.clone()}</th> }).collect_view();
    let rows = arms
        .iter()
        .map(|result| {
            let groups = figures
                .class
                .groups
                .iter()
                .map(|group| measure_cell(result.group(&group.group).map(|measures| measures.calibration_error).unwrap_or_default()))
                .collect_view();
            view! { <tr><th scope="row">{result.arm.label()}</th>{measure_cell(result.calibration_error)}{groups}</tr> }
        })
        .collect_view();
    let bins = bins_table(figures, &arms);
    let of_errors = view! { <TakeAway base=figures.base.clone() table="calibration" query=query.clone() /> }.into_any();
    let caption = format!(
        "{}, minority fraction {}: how often predictions are right, by how sure they are. On the dashed line an arm is right as often as it is sure; below it, it is too sure. Pooled over the seeds.",
        figures.view.group.as_ref().map_or_else(|| "All test examples".to_string(), |group| format!("Test examples of {group}")),
        figures.fraction(),
    );
    view! {
        <Figure name="reliability" title="Reliability" caption draw=figures.drawing("reliability") base=figures.base.clone() query>
            {scrolling("Expected calibration error by arm and group", view! {
                <table class="narrow spaced">
                    <caption>"Expected calibration error (ECE): mean distance of accuracy from confidence over ten equal bins of confidence, weighted by their predictions; a mean over seeds. Lower is better."</caption>
                    <thead><tr><th scope="col">"Arm"</th><th scope="col" class="number">"All examples"</th>{heads}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            }.into_any())}
            {of_errors}
            <details class="definition"><summary>"The bins of the curves"</summary>{bins}</details>
        </Figure>
    }
    .into_any()
}

/// The dots of the reliability curves in numbers.
fn bins_table(figures: &Figures<'_>, arms: &[&ArmAccuracy]) -> impl IntoView + use<> {
    let rows = arms
        .iter()
        .flat_map(|result| {
            let bins = match &figures.view.group {
                None => Some(&result.reliability),
                Some(group) => result.group(group).map(|measures| &measures.reliability),
            };
            bins.into_iter().flatten().filter(|bin| bin.n > 0).map(|bin| {
                view! {
                    <tr>
                        <th scope="row">{result.arm.label()}</th>
                        <td class="number">{format!("{:.0}–{:.0}\u{202f}%", bin.low * 100.0, bin.high * 100.0)}</td>
                        <td class="number">{quantity::percent(bin.confidence)}</td>
                        <td class="number">{quantity::percent(bin.accuracy)}</td>
                        <td class="number">{quantity::count(bin.n.into())}</td>
                    </tr>
                }
            })
        })
        .collect_view();
    scrolling(
        "Bins of the reliability curves",
        view! {
            <table class="narrow spaced">
                <thead>
                    <tr>
                        <th scope="col">"Arm"</th>
                        <th scope="col" class="number">"Confidence"</th>
                        <th scope="col" class="number">"Mean confidence"</th>
                        <th scope="col" class="number">"Accuracy"</th>
                        <th scope="col" class="number">"Predictions (n)"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any(),
    )
}

fn confusion(figures: &Figures<'_>) -> AnyView {
    let FigureView { reading, fraction, arm, .. } = figures.asked.clone();
    let query = FigureView { reading, fraction, arm, ..FigureView::default() }.query();
    let Some(result) =
        figures.view.arm.and_then(|arm| figures.reading.arm(arm, figures.view.fraction)).filter(|result| !result.seeds.is_empty())
    else {
        return view! { <p class="note">"This arm has no result at this fraction: every cell failed."</p> }.into_any();
    };
    let labels = figures.class.labels.clone();
    let columns = result.groups.iter().flat_map(|group| group.confusion.iter().map(Vec::len)).max().unwrap_or(0);
    let name = |column: usize| labels.get(column).cloned().unwrap_or_else(|| "unreadable".into());
    let heads =
        (0..columns).map(|column| view! { <th scope="col" class="number">{format!("taken for {}", name(column))}</th> }).collect_view();
    let rows = result
        .groups
        .iter()
        .flat_map(|group| group.confusion.iter().enumerate().map(move |(label, row)| (group.group.clone(), label, row)))
        .filter(|(.., row)| row.iter().any(|&n| n > 0))
        .map(|(group, label, row)| {
            let total: u64 = row.iter().map(|&n| u64::from(n)).sum();
            let cells = row
                .iter()
                .map(|&n| {
                    view! {
                        <td class="number">
                            {quantity::count(n.into())} <span class="detail">{quantity::percent(f64::from(n) / total.max(1) as f64)}</span>
                        </td>
                    }
                })
                .collect_view();
            view! { <tr><th scope="row">{group}</th><td>{name(label)}</td>{cells}<td class="number">{quantity::count(total)}</td></tr> }
        })
        .collect_view();
    let caption = format!(
        "{}{}: what each label was taken for, summed over {} {}, shaded by its part of the row; framed: right.",
        result.arm.label(),
        result.fraction.map(|fraction| format!(", minority fraction {fraction}")).unwrap_or_default(),
        result.seeds.len(),
        if result.seeds.len() == 1 { "seed" } else { "seeds" },
    );
    view! {
        <Figure name="confusion" title="Confusion by group" caption draw=figures.drawing("confusion") base=figures.base.clone() query>
            {scrolling("Confusion by group", view! {
                <table class="narrow spaced">
                    <thead><tr><th scope="col">"Group"</th><th scope="col">"Label"</th>{heads}<th scope="col" class="number">"All (n)"</th></tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            }.into_any())}
        </Figure>
    }
    .into_any()
}
