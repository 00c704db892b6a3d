//! What is compared: each study with its letter, its state and the arms that are shown of it.

use super::CompareLinks;
use crate::{components::status_mark::StatusMark, quantity};
use leptos::prelude::*;
use rankscope_domain::{
    Arm,
    comparison::{ComparedStudy, Comparison, letter},
    comparison_query::ComparisonView,
};
use std::sync::Arc;

pub(super) fn studies(comparison: &Arc<Comparison>, links: &CompareLinks) -> impl IntoView + use<> {
    let rows = (0..comparison.studies.len()).map(|place| row(comparison, place, links)).collect_view();
    let lone = (comparison.studies.len() == 1 && !links.is_frozen())
        .then(|| view! { <p class="notice">"One study: its arms are compared with one another. Choose another study below to set beside it."</p> });
    view! {
        <ul class="compared-studies" aria-label="Studies that are compared">{rows}</ul>
        {lone}
        {unfinished(comparison)}
        {failures(comparison)}
    }
}

fn row(comparison: &Comparison, place: usize, links: &CompareLinks) -> impl IntoView + use<> {
    let study = &comparison.studies[place];
    let name = study.name.clone();
    let named = if links.is_frozen() || study.id.is_empty() {
        view! { <strong>{name}</strong> }.into_any()
    } else {
        view! { <a href=format!("/studies/{}", study.id)><strong>{name}</strong></a> }.into_any()
    };
    let without = (!links.is_frozen() && comparison.studies.len() > 1).then(|| {
        let label = format!("Leave out {}", letter(place));
        view! { <a class="leave-out" href=links.without(comparison, place) aria-label=label>"leave out"</a> }
    });
    let arms = if links.is_frozen() {
        let shown = study.shown.iter().map(|arm| arm.label()).collect::<Vec<_>>().join(", ");
        view! { <p class="note">{shown}</p> }.into_any()
    } else {
        links.row("Arms", toggles(comparison, place, links)).into_any()
    };
    view! {
        <li>
            <span class="letter" aria-hidden="true">{String::from(letter(place))}</span>
            <div>
                <p>
                    <span class="visually-hidden">{format!("{}: ", letter(place))}</span>
                    {named} " " <span class="note">{study.kind.label()} " · " {study.model.clone()} " · "</span> <StatusMark status=study.status /> " " {without}
                </p>
                {arms}
            </div>
        </li>
    }
}

/// Each shows or hides one arm of the study; of all arms none left is all again.
fn toggles(comparison: &Comparison, place: usize, links: &CompareLinks) -> Vec<(String, String, bool)> {
    let study = &comparison.studies[place];
    let toggle = |arm: Arm| {
        let is_shown = study.shown.contains(&arm);
        let kept: Vec<Arm> = study.arms.iter().copied().filter(|one| study.shown.contains(one) != (*one == arm)).collect();
        (arm.label(), links.to_arms(comparison, place, &kept), is_shown)
    };
    study.arms.iter().copied().map(toggle).collect()
}

fn unfinished(comparison: &Comparison) -> impl IntoView + use<> {
    let is_unfinished = |(_, study): &(usize, &ComparedStudy)| study.results.is_none();
    let said: Vec<String> = comparison
        .studies
        .iter()
        .enumerate()
        .filter(is_unfinished)
        .map(|(place, study)| {
            format!(
                "{} is {}, {:.0}\u{202f}% done: it has no results yet, so it is in the recipes, completions and lens alone.",
                letter(place),
                study.status.label(),
                study.progress * 100.0
            )
        })
        .collect();
    (!said.is_empty()).then(|| view! { <div class="notice">{said.into_iter().map(|line| view! { <p>{line}</p> }).collect_view()}</div> })
}

fn failures(comparison: &Comparison) -> impl IntoView + use<> {
    let failed = comparison.studies.iter().enumerate().flat_map(|(place, study)| study.failed.iter().map(move |failed| (place, failed)));
    let lines: Vec<String> =
        failed.map(|(place, (cell, reason))| format!("{}, {}: {reason}", letter(place), quantity::cell_label(*cell))).collect();
    (!lines.is_empty()).then(|| {
        view! {
            <details class="notice">
                <summary>{format!("Cells without a result: {}", lines.len())}</summary>
                <ul>{lines.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
            </details>
        }
    })
}

/// Which of the studies are not in a part, and why.
pub(super) fn left_out(comparison: &Comparison, view: ComparisonView) -> impl IntoView + use<> {
    let said: Vec<String> = comparison
        .studies
        .iter()
        .enumerate()
        .filter(|(_, study)| study.results.is_some() && !study.has(view))
        .map(|(place, study)| {
            let name = letter(place);
            match view {
                ComparisonView::Toxicity | ComparisonView::Accuracy => {
                    format!(
                        "{name} is a {} study and has no {}.",
                        study.kind.label(),
                        if view == ComparisonView::Toxicity { "toxic share" } else { "accuracies" }
                    )
                }
                _ => format!(
                    "{name} has no divergences: “Inside the models” was not switched on for it, or its models have a classification head and predict no token."
                ),
            }
        })
        .collect();
    (!said.is_empty()).then(|| view! { <p class="note">{said.join(" ")}</p> })
}
