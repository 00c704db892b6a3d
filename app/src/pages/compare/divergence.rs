//! How far each arm is from its own original, side by side.

use super::{
    CompareLinks,
    contrasts::{Unit, section, study_head},
    head::left_out,
    panel::absent,
};
use crate::{
    comparison_figures::{draw_comparison, kl_of, shown_arms, with},
    components::{figure::Figure, scrolling::scrolling},
    quantity,
};
use leptos::prelude::*;
use rankscope_domain::{class_results::Measure, comparison::Comparison, comparison_query::ComparisonView};
use std::sync::Arc;

pub(super) fn part(comparison: &Arc<Comparison>, links: &CompareLinks) -> AnyView {
    let Some(table) = comparison.divergence.clone() else { return absent() };
    let studies = with(comparison, ComparisonView::Divergence);
    if studies.is_empty() {
        return view! { <p>"None of these studies has divergences: “Inside the models” was not switched on for them, their models have a classification head, or they are not finished yet."</p> }
            .into_any();
    }
    let drawing = comparison.clone();
    let means = [("At the end of the prompt", false), ("Over the arm’s own continuation", true)]
        .into_iter()
        .filter(|(_, of_continuation)| {
            studies.iter().any(|&place| {
                let study = &comparison.studies[place];
                study.shown.iter().any(|&arm| kl_of(study, arm, *of_continuation).is_some())
            })
        })
        .map(|(title, of_continuation)| view! { <h4>{title}</h4> {means_table(comparison, &studies, of_continuation)} })
        .collect_view()
        .into_any();
    let cells = studies.iter().filter_map(|&place| {
        let inspection = comparison.studies[place].results.as_ref()?.inspection.as_ref()?;
        let fraction = inspection.fraction.map(|fraction| format!(", minority fraction {fraction}")).unwrap_or_default();
        Some(format!("{}: seed {}{fraction}.", rankscope_domain::comparison::letter(place), inspection.seed))
    });
    let cells = cells.collect::<Vec<_>>().join(" ");
    view! {
        {left_out(comparison, ComparisonView::Divergence)}
        <Figure
            name="kl"
            title="KL divergence from the original"
            caption=format!("Mean over examples of the divergence of the next token’s distribution from that of the study’s own original, with its 95 % interval. {cells}")
            draw=move |width| draw_comparison("kl", &drawing, width)
            base=links.base()
            query=links.query()
        >
            {means}
            <details class="definition">
                <summary>"How these numbers are defined"</summary>
                <p>"KL(original || arm) = Σ p ln (p / q) over the whole vocabulary, nats; p is the original’s distribution of the next token, q the arm’s. Originals of other models have other distributions and other vocabularies, so their numbers stand side by side and are not subtracted."</p>
            </details>
        </Figure>
        {section(comparison, &table, links, ("kl_contrasts", Unit::Nats, "examples"))}
    }
    .into_any()
}

fn means_table(comparison: &Comparison, studies: &[usize], of_continuation: bool) -> impl IntoView + use<> {
    let rows = shown_arms(comparison, studies)
        .into_iter()
        .filter(|arm| arm.is_trained())
        .map(|arm| {
            let cells = studies
                .iter()
                .map(|&place| {
                    let study = &comparison.studies[place];
                    nats_cell(kl_of(study, arm, of_continuation).filter(|_| study.shown.contains(&arm)).unwrap_or_default())
                })
                .collect_view();
            view! { <tr><th scope="row">{arm.label()}</th>{cells}</tr> }
        })
        .collect_view();
    scrolling(
        "Mean KL by arm and study",
        view! { <table class="narrow spaced"><thead><tr><th scope="col">"Arm"</th>{study_head(comparison, studies)}</tr></thead><tbody>{rows}</tbody></table> }
            .into_any(),
    )
}

/// In nats, with its interval and n.
fn nats_cell(measure: Measure) -> impl IntoView {
    let text = measure.value.map_or_else(|| "–".into(), quantity::significant);
    let detail = measure.value.map(|_| {
        let interval =
            measure.low.zip(measure.high).map(|(low, high)| format!("{} to {}, ", quantity::significant(low), quantity::significant(high)));
        format!("{}n = {}", interval.unwrap_or_default(), quantity::count(measure.n.into()))
    });
    view! { <td class="number">{text} {detail.map(|text| view! { <span class="detail">{text}</span> })}</td> }
}
