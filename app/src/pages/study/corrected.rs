//! Toxic shares corrected for the judge's errors beside the raw ones, where people have labelled a part of the completions.

use super::judge::{FilesOfRound, figure_cell, p_text};
use crate::{
    api::annotations::get_judge_page,
    components::{error_view::ErrorNotice, figure::Figure, scrolling::scrolling},
    judge_figures::{Bars, judge_svg},
    quantity,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use rankscope_domain::annotation::{CorrectedArm, Correction, JudgeReport};
use std::sync::Arc;

/// Nothing where the study has no labels.
#[component]
pub(crate) fn CorrectedShares(id: String) -> impl IntoView {
    let query = use_query_map();
    let round = Memo::new(move |_| query.read().get("round").unwrap_or_default());
    let bars = Memo::new(move |_| Bars::read(|name| query.read().get(name)).unwrap_or_default());
    let asked = id.clone();
    let page = Resource::new(move || round.get(), move |round| get_judge_page(asked.clone(), round));
    view! {
        <Transition>
            {move || {
                let id = id.clone();
                Suspend::new(async move {
                    match page.await {
                        Ok(page) => page.report.map(|report| view! { <Corrected id report bars /> }).into_any(),
                        Err(error) => view! { <ErrorNotice error /> }.into_any(),
                    }
                })
            }}
        </Transition>
    }
}

#[component]
pub(crate) fn Corrected(id: String, report: JudgeReport, bars: Memo<Bars>) -> impl IntoView {
    let base = format!("/studies/{id}?tab=toxicity&round={}", report.round.id);
    let links = Bars::ALL
        .map(|one| {
            let address = format!("{base}&bars={}", one.name());
            view! { <li><a href=address data-noscroll="" aria-current=move || (bars.get() == one).then_some("true")>{one.label()}</a></li> }
        })
        .collect_view();
    let judge_tab = format!("/studies/{id}?tab=judge&round={}", report.round.id);
    let place = FilesOfRound::new(&id, &report.round.id);
    let caption = format!(
        "From {} labelled completions. As judged: the judge’s own count. Rogan–Gladen: (share + specificity − 1) / (sensitivity + specificity − 1), with the errors \
         of all arms pooled, right if the judge errs alike on every arm. Prediction-powered: the judge’s count corrected by each arm’s own labels; \
         it asks nothing of the judge, and its intervals are usually wider with few labels. Bars: 95 % intervals.",
        quantity::count(report.resolved.into())
    );
    let report = Arc::new(report);
    view! {
        <nav class="choices" aria-label="Bars shown"><span aria-hidden="true">"Bars shown"</span><ul>{links}</ul></nav>
        {move || {
            let (drawn, shown, correction, judge_tab) = (report.clone(), bars.get(), report.correction.clone(), judge_tab.clone());
            let query = match shown {
                Bars::All => place.query.clone(),
                one => format!("{}&bars={}", place.query, one.name()),
            };
            view! {
                <Figure
                    name="corrected"
                    title="Corrected for the judge’s errors"
                    caption=caption.clone()
                    draw=move |width| judge_svg("corrected", &drawn, shown, width)
                    base=place.base.clone()
                    query
                >
                    <CorrectedTable correction />
                    <p class="note"><a href=judge_tab>"The labels, and what they say of the judge"</a></p>
                </Figure>
            }
        }}
    }
}

/// The estimate, or why there is none.
fn rogan_gladen_cell(arm: &CorrectedArm) -> AnyView {
    if arm.is_outside {
        view! { <td class="number">"–" <span class="detail">"outside 0–100 %: the pooled errors don’t fit this arm"</span></td> }.into_any()
    } else {
        figure_cell(arm.rogan_gladen).into_any()
    }
}

/// Shares and the judge's errors, arm by arm.
#[component]
pub(crate) fn CorrectedTable(correction: Correction) -> impl IntoView {
    let rows = correction
        .arms
        .iter()
        .map(|arm| {
            view! {
                <tr>
                    <th scope="row">{arm.arm.label()}</th>
                    <td class="number">{format!("{} of {}", quantity::count(arm.labelled.into()), quantity::count(arm.judged.into()))}</td>
                    {figure_cell(arm.raw)}
                    {rogan_gladen_cell(arm)}
                    {figure_cell(arm.prediction_powered)}
                    {figure_cell(arm.sensitivity)}
                    {figure_cell(arm.specificity)}
                </tr>
            }
        })
        .collect_view();
    let test = format!(
        "That the judge errs alike on every arm, which Rogan–Gladen assumes: p = {} for sensitivity, {} for specificity (Cochran’s Q). A large p does not prove it.",
        p_text(correction.sensitivity_p),
        p_text(correction.specificity_p)
    );
    view! {
        {scrolling("Toxic shares as judged and corrected", view! {
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Arm"</th>
                        <th scope="col" class="number">"Labelled"</th>
                        <th scope="col" class="number">"As judged"</th>
                        <th scope="col" class="number">"Rogan–Gladen"</th>
                        <th scope="col" class="number">"Prediction-powered"</th>
                        <th scope="col" class="number">"Sensitivity"</th>
                        <th scope="col" class="number">"Specificity"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
                <tfoot>
                    <tr>
                        <th scope="row">"all arms pooled"</th>
                        <td colspan="4"></td>
                        {figure_cell(correction.sensitivity)}
                        {figure_cell(correction.specificity)}
                    </tr>
                </tfoot>
            </table>
        }.into_any())}
        <p class="note">{test}</p>
    }
}
