//! The comparison as it was given: what is compared, the tabs, and the part that is shown. It knows no study's address but those in the
//! comparison, so that a frozen copy shows the same.

use super::{CompareLinks, accuracy, completions, divergence, head, lens, recipe, toxicity};
use crate::{comparison_view::CompareView, components::error_view::ErrorNotice, error::AppError};
use leptos::prelude::*;
use rankscope_domain::{FieldErrors, comparison::Comparison, comparison_query::ComparisonView};
use std::sync::Arc;

/// `errors`: what could not be read in the address. `show`: whether covered text is open.
#[component]
pub(crate) fn ComparisonPanel(
    comparison: Comparison,
    view: CompareView,
    errors: FieldErrors,
    links: CompareLinks,
    show: Memo<bool>,
) -> impl IntoView {
    let mut errors = errors;
    errors.0.extend(comparison.problems.0.clone());
    let shown = view.shown_view(&comparison);
    let tabs = links
        .views()
        .into_iter()
        .map(|one| view! { <li><a href=links.to_view(one) aria-current=(one == shown).then_some("page")>{one.label()}</a></li> })
        .collect_view();
    let comparison = Arc::new(comparison);
    let part = match shown {
        ComparisonView::Toxicity => toxicity::part(&comparison, &links),
        ComparisonView::Accuracy => accuracy::part(&comparison, &links),
        ComparisonView::Divergence => divergence::part(&comparison, &links),
        ComparisonView::Lens => lens::part(&comparison, &view, &links, show),
        ComparisonView::Completions => completions::part(&comparison, &links, show),
        ComparisonView::Recipe => recipe::part(&comparison, &view, &links),
    };
    view! {
        {(!errors.0.is_empty()).then(|| view! { <ErrorNotice error=AppError::Invalid(errors) /> })}
        {head::studies(&comparison, &links)}
        <nav class="tabs" aria-label="Parts of the comparison"><ul>{tabs}</ul></nav>
        <section aria-labelledby="comparison-heading">
            <h2 id="comparison-heading">{shown.label()}</h2>
            {part}
        </section>
    }
}

/// In place of a part that this copy does not have.
pub(super) fn absent() -> AnyView {
    view! { <p class="notice">"This part of the comparison is not in this copy."</p> }.into_any()
}
