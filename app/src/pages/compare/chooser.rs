//! Which studies are compared: a form that works without JavaScript.

use super::COMPARE_PATH;
use crate::{comparison_view::CompareView, quantity};
use leptos::prelude::*;
use rankscope_domain::{comparison::MOST_COMPARED, view::StudyCard};

/// Open while there are fewer than two studies to see.
#[component]
pub(super) fn Chooser(studies: Vec<StudyCard>, view: CompareView) -> impl IntoView {
    let chosen = view.query.studies;
    let asked_view = view.query.view;
    let rows = studies
        .into_iter()
        .map(|card| {
            let control = format!("compare-{}", card.id);
            let is_chosen = chosen.contains(&card.id);
            let about = format!("{}, {}, {}, {}", card.kind.label(), card.model, card.status.label(), quantity::time(&card.created_at));
            view! {
                <li>
                    <input type="checkbox" name="studies" id=control.clone() value=card.id checked=is_chosen />
                    <label for=control>{card.name}</label>
                    <span class="detail">{about}</span>
                </li>
            }
        })
        .collect_view();
    view! {
        <details class="chooser" open=chosen.len() < 2>
            <summary>{if chosen.is_empty() { "Studies" } else { "Choose other studies" }}</summary>
            <form method="get" action=COMPARE_PATH aria-label="Choose studies">
                <p class="note">{format!("Two to {MOST_COMPARED} studies, in the order of this list; or one, to compare its arms.")}</p>
                <ul class="study-choices">{rows}</ul>
                {asked_view.map(|view| view! { <input type="hidden" name="view" value=view.name() /> })}
                <button class="button-main" type="submit">"Compare"</button>
            </form>
        </details>
    }
}
