//! The shares (toxic, or classified rightly) of a study's arms in the space of a table cell: a bar and a number an arm.

use crate::{charts::palette, quantity};
use leptos::prelude::*;
use rankscope_domain::{Arm, recipe::StudyKind};

#[component]
pub(crate) fn ShareStrip(kind: StudyKind, shares: Vec<(Arm, f64)>) -> impl IntoView {
    if shares.is_empty() {
        return view! { <span class="muted">"–"</span> }.into_any();
    }
    let arms: Vec<Arm> = shares.iter().map(|(arm, _)| *arm).collect();
    let (what, largest) = match kind {
        StudyKind::Toxicity => ("toxic", shares.iter().map(|(_, share)| *share).fold(f64::EPSILON, f64::max)),
        StudyKind::Classification => ("accuracy", 1.0),
    };
    view! {
        <span class="share-kind">{what}</span>
        <ul class="share-strip">
            {shares
                .into_iter()
                .map(|(arm, share)| {
                    let width = format!("{:.1}", 60.0 * (share / largest).clamp(0.0, 1.0));
                    view! {
                        <li>
                            <span class="arm-name">{arm.label()}</span>
                            <svg width="60" height="8" viewBox="0 0 60 8" aria-hidden="true" focusable="false">
                                <rect x="0" y="0" width=width height="8" fill=palette::arm_hex(arm, &arms)></rect>
                            </svg>
                            <span class="number">{quantity::percent(share)}</span>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
    .into_any()
}
