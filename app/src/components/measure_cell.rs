//! A measured quantity in a cell of a table: its value, its interval and over how many.

use crate::quantity;
use leptos::prelude::*;
use rankscope_domain::class_results::Measure;

/// In percent; a dash where it is not defined.
pub(crate) fn measure_cell(measure: Measure) -> impl IntoView {
    view! {
        <td class="number">
            {quantity::percent_or_dash(measure.value)}
            {detail(measure).map(|text| view! { <span class="detail">{text}</span> })}
        </td>
    }
}

/// Interval and n.
fn detail(measure: Measure) -> Option<String> {
    measure.value.map(|_| match (measure.low, measure.high) {
        (Some(_), Some(_)) => format!("{}, n = {}", quantity::interval(measure.low, measure.high), quantity::count(measure.n.into())),
        _ => format!("n = {}", quantity::count(measure.n.into())),
    })
}

/// The same, leading to what it was measured on.
pub(crate) fn linked_measure_cell(measure: Measure, address: String, label: String) -> impl IntoView {
    let value = quantity::percent_or_dash(measure.value);
    let spoken = format!("{value}: {label}");
    view! {
        <td class="number">
            {match measure.value {
                Some(_) => view! { <a href=address aria-label=spoken>{value}</a> }.into_any(),
                None => view! { {value} }.into_any(),
            }}
            {detail(measure).map(|text| view! { <span class="detail">{text}</span> })}
        </td>
    }
}

/// The same without its n, where that stands beside the table.
pub(crate) fn interval_cell(measure: Measure) -> impl IntoView {
    let detail = measure.value.and(measure.low).and(measure.high).map(|_| quantity::interval(measure.low, measure.high));
    view! {
        <td class="number">
            {quantity::percent_or_dash(measure.value)}
            {detail.map(|text| view! { <span class="detail">{text}</span> })}
        </td>
    }
}
