//! The cells of a study: what was trained, how, and what failed.

use super::place::StudyPlace;
use crate::{
    components::{figure::Figure, scrolling::scrolling, take_away::TakeAway},
    figure_view::FigureView,
    figures::draw_figure,
    quantity,
};
use leptos::prelude::*;
use rankscope_domain::{Arm, StudyResults, recipe::StudyKind, results::Counts};
use std::sync::Arc;

/// Which cells have no result, and why.
#[component]
pub(crate) fn FailedCells(results: Arc<StudyResults>) -> impl IntoView {
    let failed: Vec<(String, String)> =
        results.cells.iter().filter_map(|cell| Some((quantity::cell_label(cell.cell), cell.failed.clone()?))).collect();
    (!failed.is_empty()).then(|| {
        let items = failed.into_iter().map(|(cell, reason)| view! { <li><strong>{cell} ": "</strong> {reason}</li> }).collect_view();
        view! {
            <div class="notice notice-error">
                <p><strong>"Not every cell has a result."</strong></p>
                <ul>{items}</ul>
            </div>
        }
    })
}

/// A share with its counts and interval, in a cell of a table.
pub(crate) fn share_cell(counts: &Counts) -> impl IntoView + use<> {
    let detail =
        (counts.judged > 0).then(|| format!("{} / {}, {}", counts.toxic, counts.judged, quantity::interval(counts.low, counts.high)));
    view! {
        <td class="number">
            {quantity::percent_or_dash(counts.share)}
            {detail.map(|text| view! { <span class="detail">{text}</span> })}
        </td>
    }
}

/// Every cell: what was trained, how, and how long each phase took.
#[component]
pub(crate) fn Cells(results: Arc<StudyResults>, place: StudyPlace) -> impl IntoView {
    let is_toxicity = results.kind == StudyKind::Toxicity;
    let leads_on = is_toxicity && place.has_completions();
    let rows = results
        .cells
        .iter()
        .map(|cell| {
            let loss = match (cell.losses.first(), cell.losses.last()) {
                (Some(first), Some(last)) => format!("{first:.3} → {last:.3}"),
                _ => "–".into(),
            };
            let seconds: f64 = cell.phases.iter().map(|phase| phase.seconds).sum();
            let tokens: u64 = cell.phases.iter().map(|phase| phase.tokens).sum();
            let number = |value: Option<f64>| value.map_or_else(|| "–".to_string(), quantity::number);
            let trained = if cell.arm == Arm::Original { "–".into() } else { quantity::count(cell.trainable_parameters) };
            let name = quantity::cell_label(cell.cell);
            let name = if leads_on {
                let address = format!("{}&arm={}&seed={}", place.tab("completions"), cell.arm, cell.seed);
                view! { <a href=address>{name}</a> }.into_any()
            } else {
                name.into_any()
            };
            view! {
                <tr>
                    <th scope="row">{name}</th>
                    <td class="number">{number(cell.learning_rate)}</td>
                    <td class="number">{number(cell.weight_decay)}</td>
                    <td class="number">{number(cell.lora_alpha)}</td>
                    <td class="number">{number(cell.scaling)}</td>
                    <td class="number">{trained}</td>
                    <td class="number">{cell.losses.len().to_string()}</td>
                    <td class="number nowrap">{loss}</td>
                    {is_toxicity.then(|| share_cell(&cell.total))}
                    <td class="number nowrap">{quantity::duration(seconds)}</td>
                    <td class="number">{quantity::count(tokens)}</td>
                </tr>
            }
        })
        .collect_view();
    let work = quantity::duration(results.work_seconds);
    let caption = if is_toxicity {
        format!(
            "One row an arm and seed, with its 95 % Wilson interval. The whole study took {work} of work.{}",
            if leads_on { " A cell’s name leads to its completions." } else { "" }
        )
    } else {
        format!("One row an arm, seed and minority fraction. The whole study took {work} of work.")
    };
    view! {
        <section aria-labelledby="cells-title">
            <h2 id="cells-title">"Cells"</h2>
            <p class="caption">{caption}</p>
            {scrolling("Cells", view! {
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Cell"</th>
                            <th scope="col" class="number">"Learning rate"</th>
                            <th scope="col" class="number">"Weight decay"</th>
                            <th scope="col" class="number">"lora_alpha"</th>
                            <th scope="col" class="number">"Scaling"</th>
                            <th scope="col" class="number">"Trained parameters"</th>
                            <th scope="col" class="number">"Steps"</th>
                            <th scope="col" class="number">"Loss"</th>
                            {is_toxicity.then(|| view! { <th scope="col" class="number">"Toxic share"</th> })}
                            <th scope="col" class="number">"Time"</th>
                            <th scope="col" class="number">"Tokens"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            }.into_any())}
            <TakeAway base=place.base() table="cells" />
            <Figure
                name="loss"
                title="Training loss"
                caption="Mean over the target tokens of each optimiser step, in nats.".to_string()
                draw=move |width| draw_figure("loss", &results, &FigureView::default(), width)
                base=place.base()
            >
                <p class="note">"First and last values are in the table above."</p>
            </Figure>
        </section>
    }
}
