//! In which fields the recipes differ, and what made the studies.

use super::{CompareLinks, panel::absent};
use crate::{
    comparison_view::CompareView,
    components::{scrolling::scrolling, take_away::TakeAway},
};
use leptos::prelude::*;
use rankscope_domain::comparison::{Comparison, FieldRow, letter};
use std::sync::Arc;

pub(super) fn part(comparison: &Arc<Comparison>, view: &CompareView, links: &CompareLinks) -> AnyView {
    let Some(fields) = &comparison.recipe else { return absent() };
    let all = view.query.all_fields;
    let differing = |rows: &[FieldRow]| rows.iter().filter(|row| row.differs).count();
    let count = differing(&fields.recipe) + differing(&fields.provenance);
    let whole = fields.recipe.len() + fields.provenance.len();
    let choices = vec![
        (format!("those that differ ({count})"), links.to(|view| view.query.all_fields = false), !all),
        (format!("all ({whole})"), links.to(|view| view.query.all_fields = true), all),
    ];
    let take_away = (all || count > 0).then(|| view! { <TakeAway base=links.base() table="recipe" query=links.query() /> });
    view! {
        {links.row("Fields", choices)}
        <p class="caption">"Named as in the recipe; arms by their name in place of their number. Defaults that a recipe does not write are filled in. A dash: the study’s kind has no such field, or the recipe leaves it open."</p>
        <h3>"Recipe"</h3>
        {table(comparison, &fields.recipe, all, "Recipe by field", "The recipes agree in every field.")}
        <h3>"Provenance"</h3>
        {table(comparison, &fields.provenance, all, "Provenance by field", "What made the studies is the same in every field.")}
        {take_away}
    }
    .into_any()
}

fn table(comparison: &Comparison, rows: &[FieldRow], all: bool, label: &'static str, agreed: &'static str) -> AnyView {
    let shown: Vec<&FieldRow> = rows.iter().filter(|row| all || row.differs).collect();
    if shown.is_empty() {
        let text = if comparison.studies.len() > 1 { agreed } else { "With one study there is nothing to differ from." };
        return view! { <p>{text}</p> }.into_any();
    }
    let heads = comparison
        .studies
        .iter()
        .enumerate()
        .map(|(place, study)| view! { <th scope="col">{format!("{} · {}", letter(place), study.name)}</th> })
        .collect_view();
    let rows = shown
        .into_iter()
        .map(|row| {
            let values =
                row.values.iter().map(|value| view! { <td><code>{value.clone().unwrap_or_else(|| "–".into())}</code></td> }).collect_view();
            let class = (all && row.differs).then_some("differs");
            view! { <tr class=class><th scope="row"><code>{row.field.clone()}</code></th>{values}</tr> }
        })
        .collect_view();
    scrolling(
        label,
        view! { <table class="field-rows"><thead><tr><th scope="col">"Field"</th>{heads}</tr></thead><tbody>{rows}</tbody></table> }
            .into_any(),
    )
    .into_any()
}
