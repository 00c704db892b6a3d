//! What of a classification study is shown: links, so that a choice works without JavaScript and can be sent to someone.

use super::place::StudyPlace;
use crate::{
    components::error_view::ErrorNotice,
    error::AppError,
    figure_view::{FigureView, arms_of},
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use rankscope_domain::{FieldErrors, StudyResults, class_results::ClassificationResults};
use std::sync::Arc;

/// What the address asks for, and what is shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Shown {
    pub(crate) asked: FigureView,
    /// Resolved: every choice is made.
    pub(crate) view: FigureView,
    /// What was asked for and can't be shown.
    pub(crate) errors: FieldErrors,
}

impl Shown {
    pub(crate) fn of(results: &ClassificationResults, get: impl Fn(&str) -> Option<String>) -> Self {
        let (asked, mut errors) = FigureView::read(get);
        let (view, missing) = asked.resolve(results);
        errors.0.extend(missing.0);
        Self { asked, view, errors }
    }
}

/// As the address says now.
pub(crate) fn shown_in_address(results: Arc<StudyResults>) -> Memo<Shown> {
    let query = use_query_map();
    Memo::new(move |_| {
        let query = query.read();
        results.classification.as_ref().map(|results| Shown::of(results, |name| query.get(name))).unwrap_or_default()
    })
}

/// One of the things that can be shown.
pub(crate) struct Choice {
    label: String,
    /// The view that it leads to.
    target: Box<dyn Fn(&Shown) -> FigureView + Send + Sync>,
    is_shown: Box<dyn Fn(&Shown) -> bool + Send + Sync>,
}

/// Links in a row; those of what is shown are marked. `tab` is the one that they stay in.
#[component]
pub(crate) fn Choices(
    label: &'static str,
    place: StudyPlace,
    tab: &'static str,
    shown: Memo<Shown>,
    choices: Vec<Choice>,
) -> impl IntoView {
    (choices.len() > 1).then(|| {
        let items = choices
            .into_iter()
            .map(|Choice { label, target, is_shown }| {
                let base = place.tab(tab);
                let address = move || {
                    let pairs = shown.with(|shown| target(shown)).pairs();
                    std::iter::once(base.clone()).chain(pairs).collect::<Vec<_>>().join("&")
                };
                let current = move || shown.with(|shown| is_shown(shown)).then_some("true");
                view! { <li><a href=address aria-current=current data-noscroll="">{label}</a></li> }
            })
            .collect_view();
        view! { <nav class="choices" aria-label=label><span aria-hidden="true">{label}</span><ul>{items}</ul></nav> }
    })
}

/// What the address asked for and can't be shown; what is shown instead is marked in the choices.
#[component]
pub(crate) fn NotShown(shown: Memo<Shown>) -> impl IntoView {
    move || {
        let errors = shown.with(|shown| shown.errors.clone());
        (!errors.0.is_empty()).then(|| view! { <ErrorNotice error=AppError::Invalid(errors) /> })
    }
}

pub(crate) fn readings(results: &ClassificationResults) -> Vec<Choice> {
    results
        .readings
        .iter()
        .map(|one| {
            let reading = one.reading;
            Choice {
                label: reading.label().into(),
                target: Box::new(move |shown| FigureView { reading: Some(reading), ..shown.asked.clone() }),
                is_shown: Box::new(move |shown| shown.view.reading == Some(reading)),
            }
        })
        .collect()
}

/// Each shows or hides one arm of the curves.
pub(crate) fn arm_toggles(results: &ClassificationResults) -> Vec<Choice> {
    let all = arms_of(results);
    all.iter()
        .map(|&arm| {
            let all = all.clone();
            Choice {
                label: arm.label(),
                target: Box::new(move |shown| shown.asked.with_arm_toggled(arm, &shown.view.arms, &all)),
                is_shown: Box::new(move |shown| shown.view.arms.contains(&arm)),
            }
        })
        .collect()
}

pub(crate) fn fractions(results: &ClassificationResults) -> Vec<Choice> {
    results
        .fractions
        .iter()
        .map(|at| {
            let fraction = at.fraction;
            Choice {
                label: fraction.to_string(),
                target: Box::new(move |shown| FigureView { fraction: Some(fraction), ..shown.asked.clone() }),
                is_shown: Box::new(move |shown| shown.view.fraction == Some(fraction)),
            }
        })
        .collect()
}

pub(crate) fn confusion_arms(results: &ClassificationResults) -> Vec<Choice> {
    arms_of(results)
        .into_iter()
        .map(|arm| Choice {
            label: arm.label(),
            target: Box::new(move |shown| FigureView { arm: Some(arm), ..shown.asked.clone() }),
            is_shown: Box::new(move |shown| shown.view.arm == Some(arm)),
        })
        .collect()
}

pub(crate) fn groups(results: &ClassificationResults) -> Vec<Choice> {
    std::iter::once(None)
        .chain(results.groups.iter().map(|count| Some(count.group.clone())))
        .map(|group| {
            let other = group.clone();
            Choice {
                label: group.clone().unwrap_or_else(|| "all examples".into()),
                target: Box::new(move |shown| FigureView { group: group.clone(), ..shown.asked.clone() }),
                is_shown: Box::new(move |shown| shown.view.group == other),
            }
        })
        .collect()
}
