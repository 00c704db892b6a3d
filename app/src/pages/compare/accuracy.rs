//! Accuracies side by side.

use super::{
    CompareLinks,
    contrasts::{Unit, section},
    head::left_out,
    panel::absent,
};
use crate::{
    comparison_figures::{accuracy_of, class_of, draw_comparison, with},
    components::{figure::Figure, measure_cell::measure_cell, scrolling::scrolling},
    quantity,
};
use leptos::prelude::*;
use rankscope_domain::{
    MinorityFraction,
    class_results::{ArmAccuracy, Measure, Reading},
    comparison::{ComparedArm, Comparison, ContrastTable, letter},
    comparison_query::ComparisonView,
};
use std::sync::Arc;

pub(super) fn part(comparison: &Arc<Comparison>, links: &CompareLinks) -> AnyView {
    let Some(table) = comparison.accuracy.clone() else { return absent() };
    let studies = with(comparison, ComparisonView::Accuracy);
    if studies.is_empty() {
        return view! { <p>"None of these studies has accuracies: they are toxicity studies, or are not finished yet."</p> }.into_any();
    }
    let drawing = comparison.clone();
    let measures = measures_table(comparison, &studies, table.fraction).into_any();
    let sizes = studies.iter().filter_map(|&place| sample_text(comparison, place)).collect::<Vec<_>>().join(" ");
    view! {
        {left_out(comparison, ComparisonView::Accuracy)}
        {choices(comparison, &table, links)}
        <Figure
            name="accuracy"
            title="Accuracy by minority fraction"
            caption=format!("A panel a study, on one scale. Red and filled: the majority; blue and hollow: the minority, as each study has them. LoRA broken, full solid; dotted across: the model as it came. Bars or bands: 95 % intervals. {sizes}")
            draw=move |width| draw_comparison("accuracy", &drawing, width)
            base=links.base()
            query=links.query()
        >
            {measures}
        </Figure>
        {section(comparison, &table, links, ("accuracy_contrasts", Unit::Points, "test examples"))}
    }
    .into_any()
}

fn sample_text(comparison: &Comparison, place: usize) -> Option<String> {
    let class = class_of(&comparison.studies[place])?;
    let seeds = class.seeds.len();
    Some(format!(
        "{}: {} test examples of {}, {seeds} {}.",
        letter(place),
        quantity::count(class.test_examples.into()),
        class.dataset,
        if seeds == 1 { "seed" } else { "seeds" }
    ))
}

fn choices(comparison: &Comparison, table: &ContrastTable, links: &CompareLinks) -> impl IntoView + use<> {
    let mut readings: Vec<Reading> = Vec::new();
    for results in comparison.studies.iter().filter_map(class_of).flat_map(|class| &class.readings) {
        if !readings.contains(&results.reading) {
            readings.push(results.reading);
        }
    }
    let all_in = |reading: Reading| table.readings.iter().all(|(_, chosen)| *chosen == reading);
    let readings = readings
        .iter()
        .map(|&reading| (reading.label().into(), links.to(|view| view.query.reading = Some(reading)), all_in(reading)))
        .collect();
    let fractions = table
        .fractions
        .iter()
        .map(|&fraction| (fraction.to_string(), links.to(|view| view.query.fraction = Some(fraction)), table.fraction == Some(fraction)))
        .collect();
    let groups = std::iter::once(None)
        .chain(table.groups.iter().map(|group| Some(group.clone())))
        .map(|group| {
            let is_shown = table.group == group;
            (group.clone().unwrap_or_else(|| "all examples".into()), links.to(|view| view.query.group = group), is_shown)
        })
        .collect();
    view! {
        {links.row("Prediction read by", readings)}
        {links.row("Minority fraction", fractions)}
        {links.row("Contrasts within", groups)}
    }
}

/// A column's name, its definition, and where it stands in the results.
type Defined = (&'static str, &'static str, fn(&ArmAccuracy, &str, &str) -> Measure);

const MEASURES: [Defined; 5] = [
    ("Accuracy", "The share of test examples that were classified rightly, mean over the seeds.", |result, _, _| result.accuracy),
    ("Majority", "The same within the study’s majority group.", |result, majority, _| within(result, majority)),
    ("Minority", "The same within the study’s minority group.", |result, _, minority| within(result, minority)),
    ("Worst group", "Largest error rate of a group: the paper’s accuracy parity.", |result, _, _| result.worst_group_error),
    (
        "Bias gap",
        "Harmful bias gap: distance of a LoRA arm’s accuracy from that of full fine-tuning on the minority, at the same fraction.",
        |result, _, _| result.harmful_bias_gap.unwrap_or_default(),
    ),
];

fn within(result: &ArmAccuracy, group: &str) -> Measure {
    result.group(group).map(|measures| measures.accuracy).unwrap_or_default()
}

fn measures_table(comparison: &Comparison, studies: &[usize], fraction: Option<MinorityFraction>) -> impl IntoView + use<> {
    let heads = MEASURES
        .iter()
        .map(|(name, definition, _)| view! { <th scope="col" class="number"><abbr title=*definition>{*name}</abbr></th> })
        .collect_view();
    let definitions = MEASURES.iter().map(|(name, definition, _)| view! { <dt>{*name}</dt><dd>{*definition}</dd> }).collect_view();
    let mut rows = Vec::new();
    for arm in comparison.all_arms() {
        let mut is_first = true;
        for &study in studies.iter().filter(|&&study| comparison.studies[study].shown.contains(&arm)) {
            let (Some(class), of) = (class_of(&comparison.studies[study]), ComparedArm { study, arm }) else { continue };
            let result = accuracy_of(comparison, of, fraction);
            let cells = MEASURES
                .iter()
                .map(|(.., measure)| {
                    measure_cell(result.map(|result| measure(result, &class.majority, &class.minority)).unwrap_or_default())
                })
                .collect_view();
            let class_name = if is_first { "nowrap first-of-arm" } else { "nowrap" };
            is_first = false;
            rows.push(view! { <tr><th scope="row" class=class_name>{of.label()}</th>{cells}</tr> });
        }
    }
    let at = fraction.map_or_else(
        || "The studies have no minority fraction in common; trained arms have dashes.".to_string(),
        |fraction| format!("Trained with minority fraction {fraction}. All in %, with 95 % intervals; n is the number of test examples."),
    );
    view! {
        <p class="caption">{at}</p>
        {scrolling("Accuracy by arm and study", view! {
            <table><thead><tr><th scope="col" class="nowrap">"Study and arm"</th>{heads}</tr></thead><tbody>{rows}</tbody></table>
        }.into_any())}
        <details class="definition"><summary>"How these numbers are defined"</summary><dl>{definitions}</dl></details>
    }
}
