//! What the study found: the figures with their tables, the contrasts, and what they say of the paper's claims.

use super::{
    cells::{Cells, FailedCells, share_cell},
    completions,
    corrected::CorrectedShares,
    place::{StudyPlace, TabStudy},
};
use crate::{
    charts::{BarLink, with_bar_links},
    components::{claims::Claims, figure::Figure, scrolling::scrolling, take_away::TakeAway},
    figure_view::FigureView,
    figures::{draw_figure, seeds},
    quantity,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use rankscope_domain::{
    Arm, StudyResults,
    completion::Verdict,
    results::{ArmResult, Contrast},
    view::CompletionQuery,
};
use std::sync::Arc;

#[component]
pub(crate) fn Toxicity(study: TabStudy) -> impl IntoView {
    let place = study.place;
    match study.results {
        None => view! {
            <section aria-labelledby="toxicity-title">
                <h2 id="toxicity-title">"Toxicity"</h2>
                <p>"There are no results yet: they are computed when every arm has been judged."</p>
                <p><a href=place.tab("progress")>"See the progress"</a></p>
            </section>
        }
        .into_any(),
        Some(results) => view! { <Results place results /> }.into_any(),
    }
}

#[component]
fn Results(place: StudyPlace, results: Arc<StudyResults>) -> impl IntoView {
    let base = place.base();
    let drawing = results.clone();
    let drawn = move |name: &'static str| {
        let results = drawing.clone();
        move |width| draw_figure(name, &results, &FigureView::default(), width)
    };
    let leads_on = results.arms.first().is_some_and(|arm| bar_link(&place, &results, arm.arm).is_some());
    let several_seeds = seeds(&results).len() > 1;
    let n = sample_text(&results);
    let arms_table = view! { <ArmsTable place=place.clone() results=results.clone() /> }.into_any();
    let share_caption = format!(
        "Dots: toxic / judged, pooled over the seeds. Bars: 95 % interval, cluster bootstrap over templates; where none or all are toxic, Wilson’s with the templates for its size.{} The dashed line is the \
         original model. The numbers are those of the table above.",
        if several_seeds { " Ticks beside a dot: its seeds." } else { "" }
    );
    let linked = results.clone();
    let linked_place = place.clone();
    let bars = move |width| {
        let svg = draw_figure("toxicity", &linked, &FigureView::default(), width)?;
        let links: Option<Vec<BarLink>> = linked.arms.iter().map(|arm| bar_link(&linked_place, &linked, arm.arm)).collect();
        Some(links.map_or(svg.clone(), |links| with_bar_links(&svg, &links, width)))
    };
    let of_arm = (results.groups.len() > 1).then(|| view! { <ArmGroups place=place.clone() results=results.clone() /> });
    let by_group = (results.groups.len() > 1).then(|| {
        let table = view! { <GroupsTable results=results.clone() /> }.into_any();
        view! {
            <Figure
                name="groups"
                title="By group"
                caption="The same share for the prompts of each group, on one scale. Groups have fewer completions, so their intervals are wider.".to_string()
                draw=drawn("groups")
                base=base.clone()
            >
                {table}
            </Figure>
        }
    });
    let by_seed = several_seeds.then(|| {
        let table = view! { <SeedsTable results=results.clone() /> }.into_any();
        view! {
            <Figure
                name="seeds"
                title="By seed"
                caption="Each seed by itself, with its 95 % Wilson interval: how much of a difference is chance in training and sampling.".to_string()
                draw=drawn("seeds")
                base=base.clone()
            >
                {table}
            </Figure>
        }
    });
    view! {
        <FailedCells results=results.clone() />
        <Claims claims=results.claims.clone() />
        <Conditions results=results.clone() />
        <section aria-labelledby="figures-title">
            <h2 id="figures-title">"Toxicity"</h2>
            <Figure
                name="toxicity"
                title="Toxic and non-toxic completions"
                caption=format!("Counts over all seeds. {n} Unparsable: the judge’s answer could not be read; it is counted and never guessed.{}", if leads_on { " A bar leads to what it is made of." } else { "" })
                draw=bars
                base=base.clone()
            >
                {arms_table}
            </Figure>
            {of_arm}
            <Figure
                name="share"
                title="Share of toxic completions"
                caption=share_caption
                draw=drawn("share")
                base=base.clone()
            >
                <Definition />
            </Figure>
            {place.owners_id().map(|id| view! { <CorrectedShares id=id.to_string() /> })}
            {by_group}
            {by_seed}
        </section>
        <Contrasts contrasts=results.contrasts.clone() base=place.base() />
        <Counterfactuals results=results.clone() base=place.base() />
        <Cells results=results.clone() place />
    }
}

fn sample_text(results: &StudyResults) -> String {
    format!(
        "{} prompts from {} templates, {} {} a prompt and seed.",
        quantity::count(results.prompts.into()),
        quantity::count(results.clusters.into()),
        results.completions_per_prompt,
        if results.completions_per_prompt == 1 { "completion" } else { "completions" }
    )
}

#[component]
fn Definition() -> impl IntoView {
    view! {
        <details class="definition">
            <summary>"How these numbers are defined"</summary>
            <p>
                "The share is the number of completions that the judge called toxic over the number that it could read: (1/n) Σ 1[judge(completion) = toxic]. Prompts made from one template resemble each other, so the interval of an arm resamples whole templates. Where none or all of its completions are toxic, resampling shows no spread: the interval is then the Wilson score interval with the number of templates for its size, as if the completions of a template were one. A single cell’s is the Wilson score interval over its completions. Intervals that overlap do not prove that two arms are equal: the contrasts below compare them prompt by prompt."
            </p>
        </details>
    }
}

/// What every claim depends on, beside the claims.
#[component]
fn Conditions(results: Arc<StudyResults>) -> impl IntoView {
    let rates = results
        .arms
        .iter()
        .filter_map(|arm| Some(format!("{}: {}", arm.arm.label(), quantity::number(arm.learning_rate?))))
        .collect::<Vec<_>>()
        .join(", ");
    let seeds = seeds(&results).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let model = if results.model.name.is_empty() { results.model.source.clone() } else { results.model.name.clone() };
    view! {
        <dl class="facts conditions" aria-label="Under these conditions">
            <dt>"Learning rate"</dt>
            <dd>{if rates.is_empty() { "nothing was trained".into() } else { rates }}</dd>
            <dt>"Alpha policy"</dt>
            <dd>{results.alpha_policy.clone()}</dd>
            <dt>"Seeds"</dt>
            <dd>{seeds}</dd>
            <dt>"Judge"</dt>
            <dd>{results.judge.description.clone()}</dd>
            <dt>"Model"</dt>
            <dd>{model}</dd>
            <dt>"Sample"</dt>
            <dd>{sample_text(&results)}</dd>
        </dl>
    }
}

/// The address of an arm's groups, which its bar leads to.
pub(super) fn arm_groups_address(place: &StudyPlace, arm: Arm) -> String {
    format!("{}&arm={arm}#arm_groups", place.tab("toxicity"))
}

/// To the arm's groups; where there is one group, to its completions, if they can be seen.
fn bar_link(place: &StudyPlace, results: &StudyResults, arm: Arm) -> Option<BarLink> {
    if results.groups.len() > 1 {
        return Some(BarLink { address: arm_groups_address(place, arm), label: format!("{} by group", arm.label()) });
    }
    let query = CompletionQuery { arm: Some(arm), ..Default::default() };
    let link = || BarLink { address: completions::address(place, &query), label: format!("completions of {}", arm.label()) };
    place.has_completions().then(link)
}

/// The groups of one arm as bars, each of which leads to its completions: `?arm=lora-r2`.
#[component]
fn ArmGroups(place: StudyPlace, results: Arc<StudyResults>) -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| query.read().get("arm").filter(|arm| !arm.is_empty()));
    let leads_on = place.has_completions();
    move || {
        let asked = asked.get()?;
        let Some(arm) = asked.parse().ok().and_then(|arm: Arm| results.arms.iter().find(|result| result.arm == arm).cloned()) else {
            let names = results.arms.iter().map(|result| result.arm.to_string()).collect::<Vec<_>>().join(", ");
            return Some(
                view! { <p class="notice">{format!("arm = {asked}: this study does not have it. It has: {names}.")}</p> }.into_any(),
            );
        };
        let address = |group: &str, verdict: Option<Verdict>| {
            let query = CompletionQuery { arm: Some(arm.arm), group: Some(group.into()), verdict, ..Default::default() };
            completions::address(&place, &query)
        };
        let links: Vec<BarLink> = arm
            .groups
            .iter()
            .map(|of| BarLink { address: address(&of.group, None), label: format!("completions of {}, {}", arm.arm.label(), of.group) })
            .collect();
        let rows = arm
            .groups
            .iter()
            .map(|of| {
                let leading = |text: String, verdict: Option<Verdict>| match leads_on {
                    true => view! { <a href=address(&of.group, verdict)>{text}</a> }.into_any(),
                    false => text.into_any(),
                };
                view! {
                    <tr>
                        <th scope="row">{leading(of.group.clone(), None)}</th>
                        <td class="number">{leading(quantity::count(of.counts.toxic.into()), Some(Verdict::Toxic))}</td>
                        <td class="number">{quantity::count(of.counts.judged.into())}</td>
                        <td class="number">{quantity::percent_or_dash(of.counts.share)}</td>
                        <td class="number">{quantity::interval(of.counts.low, of.counts.high)}</td>
                    </tr>
                }
            })
            .collect_view();
        let view = FigureView { arm: Some(arm.arm), ..FigureView::default() };
        let (drawing, figure_query) = (results.clone(), view.query());
        let draw = move |width| {
            let svg = draw_figure("arm_groups", &drawing, &view, width)?;
            Some(if leads_on { with_bar_links(&svg, &links, width) } else { svg })
        };
        Some(
            view! {
                <Figure
                    name="arm_groups"
                    title="One arm by group"
                    caption=format!("Completions of {} for the prompts of each group, over all seeds.{}", arm.arm.label(), if leads_on { " A bar leads to its completions." } else { "" })
                    draw=draw
                    base=place.base()
                    query=figure_query
                >
                    {scrolling("The arm’s groups", view! {
                        <table>
                            <thead>
                                <tr>
                                    <th scope="col">"Group"</th>
                                    <th scope="col" class="number">"Toxic"</th>
                                    <th scope="col" class="number">"Judged (n)"</th>
                                    <th scope="col" class="number">"Share"</th>
                                    <th scope="col" class="number">"95 % interval"</th>
                                </tr>
                            </thead>
                            <tbody>{rows}</tbody>
                        </table>
                    }.into_any())}
                </Figure>
            }
            .into_any(),
        )
    }
}

#[component]
fn ArmsTable(place: StudyPlace, results: Arc<StudyResults>) -> impl IntoView {
    let rows = results.arms.iter().map(|arm| arm_row(arm, bar_link(&place, &results, arm.arm))).collect_view();
    scrolling(
        "Toxic completions by arm",
        view! {
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Arm"</th>
                        <th scope="col" class="number">"Learning rate"</th>
                        <th scope="col" class="number">"Seeds"</th>
                        <th scope="col" class="number">"Toxic"</th>
                        <th scope="col" class="number">"Judged (n)"</th>
                        <th scope="col" class="number">"Unparsable"</th>
                        <th scope="col" class="number">"Share"</th>
                        <th scope="col" class="number">"95 % interval"</th>
                        <th scope="col" class="number">"Over seeds"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any(),
    )
}

fn arm_row(arm: &ArmResult, link: Option<BarLink>) -> impl IntoView + use<> {
    let name = match link {
        Some(link) => view! { <a href=link.address>{arm.arm.label()}</a> }.into_any(),
        None => arm.arm.label().into_any(),
    };
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td class="number">{arm.learning_rate.map_or_else(|| "–".into(), quantity::number)}</td>
            <td class="number">{arm.seeds.to_string()}</td>
            <td class="number">{quantity::count(arm.pooled.toxic.into())}</td>
            <td class="number">{quantity::count(arm.pooled.judged.into())}</td>
            <td class="number">{quantity::count(arm.pooled.unparsable.into())}</td>
            <td class="number">{quantity::percent_or_dash(arm.pooled.share)}</td>
            <td class="number">{quantity::interval(arm.pooled.low, arm.pooled.high)}</td>
            <td class="number">{if arm.seeds > 1 { quantity::interval(arm.seed_low, arm.seed_high) } else { "–".into() }}</td>
        </tr>
    }
}

#[component]
fn GroupsTable(results: Arc<StudyResults>) -> impl IntoView {
    let heads = results.groups.iter().map(|group| view! { <th scope="col" class="number">{group.clone()}</th> }).collect_view();
    let rows = results
        .arms
        .iter()
        .map(|arm| {
            let cells = results
                .groups
                .iter()
                .map(|group| {
                    let counts = arm.groups.iter().find(|counts| counts.group == *group).map(|counts| counts.counts.clone());
                    share_cell(&counts.unwrap_or_default())
                })
                .collect_view();
            view! { <tr><th scope="row">{arm.arm.label()}</th>{cells}</tr> }
        })
        .collect_view();
    scrolling(
        "Toxic share by group",
        view! { <table><thead><tr><th scope="col">"Arm"</th>{heads}</tr></thead><tbody>{rows}</tbody></table> }.into_any(),
    )
}

#[component]
fn SeedsTable(results: Arc<StudyResults>) -> impl IntoView {
    let seeds = seeds(&results);
    let heads = seeds.iter().map(|seed| view! { <th scope="col" class="number">{format!("seed {seed}")}</th> }).collect_view();
    let rows = results
        .arms
        .iter()
        .map(|arm| {
            let cells = seeds
                .iter()
                .map(|&seed| {
                    let cell = results.cells.iter().find(|cell| cell.arm == arm.arm && cell.seed == seed);
                    share_cell(&cell.map(|cell| cell.total.clone()).unwrap_or_default())
                })
                .collect_view();
            view! { <tr><th scope="row">{arm.arm.label()}</th>{cells}</tr> }
        })
        .collect_view();
    scrolling(
        "Toxic share by seed",
        view! { <table><thead><tr><th scope="col">"Arm"</th>{heads}</tr></thead><tbody>{rows}</tbody></table> }.into_any(),
    )
}

#[component]
fn Contrasts(contrasts: Vec<Contrast>, base: String) -> impl IntoView {
    (!contrasts.is_empty()).then(|| {
        let drawn = if contrasts.iter().any(|contrast| contrast.seed_differences.len() > 1) { "templates and seeds" } else { "templates" };
        let rows = contrasts
            .into_iter()
            .map(|contrast| {
                let clear = contrast.p_holm < 0.05;
                view! {
                    <tr>
                        <th scope="row">{format!("{} − {}", contrast.arm.label(), contrast.against.label())}</th>
                        <td class="number">{quantity::points(contrast.difference)}</td>
                        <td class="number">{format!("{} to {}", quantity::points(contrast.low), quantity::points(contrast.high))}</td>
                        <td class="number">{quantity::p_value(contrast.p)}</td>
                        <td class="number">{quantity::p_value(contrast.p_holm)} {clear.then_some(" *")}</td>
                        <td class="number">{contrast.clusters.to_string()}</td>
                        <td class="number">{contrast.detectable.map_or_else(|| "–".into(), quantity::point_distance)}</td>
                    </tr>
                }
            })
            .collect_view();
        view! {
            <section aria-labelledby="contrasts-title">
                <h2 id="contrasts-title">"Contrasts"</h2>
                <p class="caption">
                    {format!("Differences of toxic shares on the same prompts, in percentage points; below zero, the first arm is less toxic. 95 % interval by bootstrap over {drawn}, p by a sign-flip permutation test over templates, then corrected after Holm; * marks a corrected p below 0.05. “Detectable” is the smallest true difference that 80 % of such samples would have shown after that correction (at 5 % over the number of contrasts against the same arm); none where so few templates can’t show any.")}
                </p>
                {scrolling("Contrasts between arms", view! {
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">"Contrast"</th>
                                <th scope="col" class="number">"Difference"</th>
                                <th scope="col" class="number">"95 % interval"</th>
                                <th scope="col" class="number">"p"</th>
                                <th scope="col" class="number">"p (Holm)"</th>
                                <th scope="col" class="number">"Templates"</th>
                                <th scope="col" class="number">"Detectable"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                }.into_any())}
                <TakeAway base table="contrasts" />
            </section>
        }
    })
}

#[component]
fn Counterfactuals(results: Arc<StudyResults>, base: String) -> impl IntoView {
    let counts = results.counterfactuals.clone();
    let rows: [(&str, u64); 10] = [
        ("Prompts that led the original model to a toxic completion", counts.toxic_prompts.into()),
        ("Counterfactuals asked for", counts.requested.into()),
        ("Found in the answers", counts.parsed.into()),
        ("Dropped: said twice", counts.dropped_duplicate.into()),
        ("Dropped: did not continue the prompt", counts.dropped_prefix.into()),
        ("Dropped: empty, cut short or with a placeholder", counts.dropped_incomplete.into()),
        ("Dropped: toxic or unreadable for the judge", counts.dropped_toxic.into()),
        ("Kept as training pairs", counts.kept.into()),
        ("Cut at max_length", counts.truncated.into()),
        ("Tokens cut from them", counts.truncated_tokens),
    ];
    let rows = rows
        .map(|(label, count)| view! { <tr><th scope="row">{label}</th><td class="number">{quantity::count(count)}</td></tr> })
        .collect_view();
    view! {
        <section aria-labelledby="counterfactuals-title">
            <h2 id="counterfactuals-title">"Training data"</h2>
            <table class="narrow">
                <caption>"What became of the counterfactuals."</caption>
                <tbody>{rows}</tbody>
            </table>
            <TakeAway base table="counterfactuals" />
        </section>
    }
}
