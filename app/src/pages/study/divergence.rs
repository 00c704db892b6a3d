//! How far each arm's predictions and weights are from the original's.

use super::{
    cells::FailedCells,
    no_inspection::NoInspection,
    place::{StudyPlace, TabStudy},
};
use crate::{
    charts::{HeatPalette, HeatScale, is_logarithmic, token_strip_legend},
    components::{error_view::ErrorNotice, figure::Figure, scrolling::scrolling, take_away::TakeAway},
    error::AppError,
    figure_view::FigureView,
    figures::draw_figure,
    inspection_figures::{WeightMeasure, continuation_ridges, prompt_end_ridges, trade_points},
    quantity,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use rankscope_domain::{
    FieldErrors, Recipe, StudyResults,
    class_results::Measure,
    inspection::{DivergenceSummary, InspectionResults},
    view::CellDivergence,
};
use std::sync::Arc;

#[component]
pub(crate) fn Divergence(study: TabStudy) -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| FigureView::read(|name| query.read().get(name).filter(|_| name == "weights")));
    let body = match &study.results {
        None => {
            let asks = Recipe::from_toml(&study.recipe_toml).is_ok_and(|recipe| !recipe.inspected_cells().is_empty());
            if asks {
                let address = study.place.tab("progress");
                view! {
                    <p>"There are no results yet: divergences are measured when every arm has been trained."</p>
                    <p><a href=address>"See the progress"</a></p>
                }
                .into_any()
            } else {
                view! { <NoInspection study=study.clone() what="divergence" /> }.into_any()
            }
        }
        Some(results) if results.inspection.as_ref().is_none_or(|inside| inside.divergences.is_empty() && inside.weights.is_empty()) => {
            view! {
                <FailedCells results=results.clone() />
                <NoInspection study=study.clone() what="divergence" />
            }
            .into_any()
        }
        Some(results) => {
            let (place, results) = (study.place.clone(), results.clone());
            view! { <DivergenceResults place results asked /> }.into_any()
        }
    };
    view! {
        <section aria-labelledby="divergence-heading">
            <h2 id="divergence-heading">"Divergence"</h2>
            {body}
        </section>
    }
}

#[component]
pub(crate) fn DivergenceResults(place: StudyPlace, results: Arc<StudyResults>, asked: Memo<(FigureView, FieldErrors)>) -> impl IntoView {
    let base = place.base();
    let Some(inside) = results.inspection.clone().map(Arc::new) else { return ().into_any() };
    let view = FigureView::default();
    let drawn = |name: &'static str| {
        let (results, view) = (results.clone(), view.clone());
        move |width| draw_figure(name, &results, &view, width)
    };
    let with_divergence = !inside.divergences.is_empty();
    let of_cells = format!(
        "Of the cells of seed {}{}.",
        inside.seed,
        inside.fraction.map(|fraction| format!(" and minority fraction {fraction}")).unwrap_or_default()
    );
    let prompt_ridges = prompt_end_ridges(&inside);
    let later_ridges = continuation_ridges(&inside);
    let density = |name: &'static str, title: &'static str, is_log: bool, place: &str| {
        let scale = if is_log {
            " The arms differ by more than an order of magnitude, so the axis is logarithmic and curves are densities of a decade."
        } else {
            ""
        };
        view! {
            <Figure
                name=name
                title=title
                caption=format!("Gaussian kernel estimate over the examples’ KL {place}, one curve an arm on a common axis.{scale}")
                draw=drawn(name)
                base=base.clone()
            >
                <p class="note">"Bandwidths are in the table of means."</p>
            </Figure>
        }
    };
    let trade = trade_points(&results, &inside, &view).filter(|(_, points)| points.iter().any(|point| point.arm.is_trained())).map(|(measure, points)| {
        let rows = points
            .into_iter()
            .map(|point| {
                view! { <tr><th scope="row">{point.arm.label()}</th>{nats_cell(point.x)}{percent_cell(point.y)}</tr> }
            })
            .collect_view();
        view! {
            <Figure
                name="kl_trade_off"
                title="What is gained, and how far the model goes for it"
                caption="One mark an arm: KL to the right, of the seed named above alone; the other measure is over all seeds. 95 % intervals both ways. The original stands at no divergence.".to_string()
                draw=drawn("kl_trade_off")
                base=base.clone()
            >
                {scrolling("Trade-off", view! {
                    <table class="spaced">
                        <thead><tr><th scope="col">"Arm"</th><th scope="col" class="number">"Mean KL, nats"</th><th scope="col" class="number">{measure}</th></tr></thead>
                        <tbody>{rows}</tbody>
                    </table>
                }.into_any())}
            </Figure>
        }
    });
    let of_trend = inside.kl_trend.map(|_| view! { <TakeAway base=base.clone() table="kl_trend" /> }.into_any());
    let (trend, means) = (trend(&inside).into_any(), means_table(&inside).into_any());
    let by_rank = (inside.divergences.iter().filter(|one| one.arm.rank().is_some()).count() > 1).then(|| {
        view! {
            <Figure
                name="kl_by_rank"
                title="KL against rank"
                caption="Mean KL at the end of the prompt, LoRA arms. Broken line: the trend, through the arms’ middle.".to_string()
                draw=drawn("kl_by_rank")
                base=base.clone()
            >
                {trend}
                {of_trend}
            </Figure>
        }
    });
    let weights =
        (!inside.weights.is_empty()).then(|| view! { <Weights place=place.clone() results=results.clone() inside=inside.clone() asked /> });
    view! {
        <FailedCells results=results.clone() />
        <p class="caption">{of_cells}</p>
        {with_divergence.then(|| view! {
            <Figure
                name="kl"
                title="KL divergence from the original"
                caption="Mean over examples of the divergence of the next token’s distribution, with its 95 % interval.".to_string()
                draw=drawn("kl")
                base=base.clone()
            >
                {means}
                <Definitions />
            </Figure>
        })}
        {(!prompt_ridges.is_empty()).then(|| density("kl_density", "Spread at the end of the prompt", is_logarithmic(&prompt_ridges), "at the end of the prompt"))}
        {(!later_ridges.is_empty()).then(|| density("kl_density_continuation", "Spread over continuations", is_logarithmic(&later_ridges), "over the arm’s own continuation"))}
        {by_rank}
        {trade}
        {weights}
    }
    .into_any()
}

/// From 0 to the largest KL at a token, over all arms.
pub(super) fn strip_scale(divergences: &[CellDivergence]) -> HeatScale {
    let high = divergences.iter().flat_map(|found| &found.divergence.by_token).map(|token| token.kl).fold(0.0, f64::max);
    HeatScale { low: 0.0, high, palette: HeatPalette::Safe }
}

/// How far each arm is from the original on one example, `of` which it is said; `continues`: completions were looked at too.
pub(super) fn example_divergences(divergences: &[CellDivergence], of: &'static str, continues: bool) -> impl IntoView + use<> {
    let Some(seed) = divergences.first().map(|found| found.cell.seed) else {
        return view! {
            <section aria-labelledby="example-divergence-title">
                <h3 id="example-divergence-title">"How far from the original here"</h3>
                <p>{format!("The study measured no divergence on {of}: its recipe looks at fewer (inspection.divergence_limit), or at none.")}</p>
            </section>
        }
        .into_any();
    };
    let fraction = divergences.iter().find_map(|found| found.cell.minority).map(|fraction| format!(", minority fraction {fraction}"));
    let rows = divergences
        .iter()
        .map(|CellDivergence { cell, divergence }| {
            let number = |value: f64| view! { <td class="number">{quantity::significant(value)}</td> };
            let behind = continues.then(|| {
                let text = match divergence.continuation {
                    Some(found) => format!("{} ({} tokens)", quantity::significant(found.kl), found.positions),
                    None => "–".into(),
                };
                view! { <td class="number">{text}</td> }
            });
            view! {
                <tr>
                    <th scope="row">{cell.arm.label()}</th>
                    {number(divergence.prompt_end.kl)}
                    {number(divergence.prompt_end.reverse_kl)}
                    {number(divergence.prompt_end.jensen_shannon)}
                    {behind}
                </tr>
            }
        })
        .collect_view();
    let scale = strip_scale(divergences);
    let legend = (scale.high > 0.0).then(|| {
        view! {
            <p class="note">
                "The coloured tokens are the arm’s first completion: each on the KL between the original’s distribution and the arm’s just before it was written."
            </p>
            <div class="strip" inner_html=token_strip_legend(scale)></div>
        }
    });
    let caption = format!(
        "Divergence of the next token’s distribution from the original’s at the end of {of}, nats; seed {seed}{}. One example says little: the Divergence tab has the means with their intervals.",
        fraction.unwrap_or_default()
    );
    view! {
        <section aria-labelledby="example-divergence-title">
            <h3 id="example-divergence-title">"How far from the original here"</h3>
            {scrolling("Divergence on one example", view! {
                <table>
                    <caption>{caption}</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Arm"</th>
                            <th scope="col" class="number">"KL (original ‖ arm)"</th>
                            <th scope="col" class="number">"KL (arm ‖ original)"</th>
                            <th scope="col" class="number">"Jensen–Shannon"</th>
                            {continues.then(|| view! { <th scope="col" class="number">"Mean KL over its first completion"</th> })}
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            }.into_any())}
            {legend}
        </section>
    }
    .into_any()
}

/// In nats, with its interval and n.
fn nats_cell(measure: Measure) -> impl IntoView {
    number_cell(measure, &quantity::significant)
}

/// Already in percent.
fn percent_cell(measure: Measure) -> impl IntoView {
    number_cell(measure, &|value| format!("{value:.1}"))
}

fn number_cell(measure: Measure, write: &dyn Fn(f64) -> String) -> impl IntoView + use<> {
    let value = measure.value.filter(|value| value.is_finite());
    let n = (measure.n > 0).then(|| format!("n = {}", quantity::count(measure.n.into())));
    let interval = measure.low.zip(measure.high).map(|(low, high)| format!("{} to {}", write(low), write(high)));
    let detail = value.map(|_| interval.into_iter().chain(n).collect::<Vec<_>>().join(", ")).filter(|text| !text.is_empty());
    view! {
        <td class="number">
            {value.map_or_else(|| "–".into(), write)}
            {detail.map(|text| view! { <span class="detail">{text}</span> })}
        </td>
    }
}

fn means_table(inside: &InspectionResults) -> impl IntoView + use<> {
    let row = |arm: String, place: &'static str, summary: &DivergenceSummary| {
        let bandwidth = summary.density.as_ref().map_or_else(|| "–".into(), |density| quantity::significant(density.bandwidth));
        view! {
            <tr>
                <th scope="row">{arm}</th>
                <td>{place}</td>
                {nats_cell(summary.kl)}
                {nats_cell(summary.reverse_kl)}
                {nats_cell(summary.jensen_shannon)}
                <td class="number">{bandwidth}</td>
            </tr>
        }
    };
    let rows = inside
        .divergences
        .iter()
        .map(|one| {
            view! {
                {row(one.arm.label(), "end of the prompt", &one.prompt_end)}
                {one.continuation.as_ref().map(|summary| row(one.arm.label(), "continuation", summary))}
            }
        })
        .collect_view();
    scrolling(
        "Mean divergences",
        view! {
            <table class="spaced">
                <thead>
                    <tr>
                        <th scope="col">"Arm"</th>
                        <th scope="col">"Where"</th>
                        <th scope="col" class="number">"KL(original || arm), nats"</th>
                        <th scope="col" class="number">"KL(arm || original), nats"</th>
                        <th scope="col" class="number">"Jensen–Shannon, nats"</th>
                        <th scope="col" class="number">"Bandwidth, nats"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any(),
    )
}

fn trend(inside: &InspectionResults) -> impl IntoView + use<> {
    let text = match inside.kl_trend {
        None => "No trend: it takes at least two ranks with results.".to_string(),
        Some(trend) => {
            let word = match () {
                () if trend.p >= 0.05 => "no clear change",
                () if trend.slope > 0.0 => "a growth",
                () => "a decline",
            };
            format!(
                "With each doubling of the rank the mean KL changes by {} nats (95 % interval {} to {}; p {} by sign-flips over {} examples or templates): {word}.",
                quantity::significant(trend.slope),
                quantity::significant(trend.low),
                quantity::significant(trend.high),
                quantity::p_value(trend.p),
                quantity::count(trend.clusters.into()),
            )
        }
    };
    view! { <p class="note">{text}</p> }
}

#[component]
fn Weights(
    place: StudyPlace,
    results: Arc<StudyResults>,
    inside: Arc<InspectionResults>,
    asked: Memo<(FigureView, FieldErrors)>,
) -> impl IntoView {
    let choices = WeightMeasure::ALL
        .map(|measure| {
            let address = format!("{}&weights={}", place.tab("divergence"), measure.name());
            let current = move || (asked.with(|(view, _)| view.weights.unwrap_or_default()) == measure).then_some("true");
            view! { <li><a href=address aria-current=current data-noscroll="">{measure.label()}</a></li> }
        })
        .collect_view();
    let base = place.base();
    let figure = move || {
        let (view, errors) = asked.get();
        let query = view.query();
        let table = weights_table(&inside);
        let results = results.clone();
        view! {
            {(!errors.0.is_empty()).then(|| view! { <ErrorNotice error=AppError::Invalid(errors) /> })}
            <Figure
                name="weight_distance"
                title="Update of each matrix"
                caption="Layers upwards, matrices to the right, one scale for all arms.".to_string()
                draw=move |width| draw_figure("weight_distance", &results, &view, width)
                base=base.clone()
                query
            >
                {table}
            </Figure>
        }
    };
    view! {
        <h2>"Distance in weights"</h2>
        <nav class="choices" aria-label="Cells show"><span aria-hidden="true">"Cells show"</span><ul>{choices}</ul></nav>
        {figure}
    }
}

fn weights_table(inside: &InspectionResults) -> impl IntoView + use<> {
    let rows = inside
        .weights
        .iter()
        .flat_map(|one| one.matrices.iter().map(|matrix| (one.arm, matrix)))
        .map(|(arm, matrix)| {
            let layer = matrix.layer.map_or_else(|| "–".into(), |layer| (layer + 1).to_string());
            let numbers = WeightMeasure::ALL
                .map(|measure| view! { <td class="number">{quantity::significant(measure.of(matrix))}</td> })
                .collect_view();
            view! { <tr><th scope="row">{arm.label()}</th><td class="number">{layer}</td><td><code>{matrix.matrix.clone()}</code></td>{numbers}</tr> }
        })
        .collect_view();
    view! {
        <details class="definition">
            <summary>"Every matrix as a table"</summary>
            {scrolling("Every matrix", view! {
                <table class="spaced">
                    <thead>
                        <tr>
                            <th scope="col">"Arm"</th>
                            <th scope="col" class="number">"Layer"</th>
                            <th scope="col">"Matrix"</th>
                            {WeightMeasure::ALL.map(|measure| view! { <th scope="col" class="number">{measure.label()}</th> }).collect_view()}
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            }.into_any())}
            <dl>
                <dt>"Update"</dt>
                <dd>"W − W₀: for LoRA its scaling times B A, for full fine-tuning the trained matrix less the original."</dd>
                <dt>"Relative distance"</dt>
                <dd>"Frobenius norm of the update over that of W₀."</dd>
                <dt>"Effective rank"</dt>
                <dd>"exp of the entropy of the singular values, each as its part of their sum (Roy and Vetterli 2007)."</dd>
                <dt>"Stable rank"</dt>
                <dd>"Squared Frobenius norm over the squared largest singular value."</dd>
            </dl>
        </details>
    }
}

#[component]
fn Definitions() -> impl IntoView {
    view! {
        <details class="definition">
            <summary>"How it is reckoned"</summary>
            <dl>
                <dt>"KL(original || arm)"</dt>
                <dd>"Σ p ln (p / q) over the whole vocabulary, nats; p is the original’s distribution of the next token, q the arm’s."</dd>
                <dt>"KL(arm || original)"</dt>
                <dd>"The same with p and q exchanged."</dd>
                <dt>"Jensen–Shannon"</dt>
                <dd>"Half of each one’s KL to the mean of both; at most ln 2 = 0.693 nats."</dd>
                <dt>"Continuation"</dt>
                <dd>"The mean over the positions of the arm’s own continuation of each prompt, the original reading the same tokens."</dd>
                <dt>"Interval"</dt>
                <dd>"95 %, percentile bootstrap over examples, clustered by template where prompts come from templates."</dd>
                <dt>"Bandwidth"</dt>
                <dd>"Standard deviation of the density’s Gaussian kernel by Scott’s rule: n^(−1/5) times that of the examples."</dd>
            </dl>
        </details>
    }
}
