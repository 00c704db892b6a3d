//! What the study found: the figures with their tables, the contrasts, and what they say of the paper's claims.

use crate::{
    components::figure::Figure,
    figures::{draw_figure, seeds},
    quantity,
};
use leptos::prelude::*;
use rankscope_domain::{
    Arm, StudyResults,
    results::{ArmResult, Claim, Contrast, Counts, Finding},
    view::StudyOverview,
};
use std::sync::Arc;

#[component]
pub(crate) fn Toxicity(study: StudyOverview) -> impl IntoView {
    let id = study.card.id;
    match study.results {
        None => view! {
            <section aria-labelledby="toxicity-title">
                <h2 id="toxicity-title">"Toxicity"</h2>
                <p>"There are no results yet: they are computed when every arm has been judged."</p>
                <p><a href=format!("/studies/{id}?tab=progress")>"See the progress"</a></p>
            </section>
        }
        .into_any(),
        Some(results) => view! { <Results id results=Arc::new(results) /> }.into_any(),
    }
}

#[component]
fn Results(id: String, results: Arc<StudyResults>) -> impl IntoView {
    let drawing = results.clone();
    let drawn = move |name: &'static str| {
        let results = drawing.clone();
        move |width| draw_figure(name, &results, width)
    };
    let several_seeds = seeds(&results).len() > 1;
    let n = sample_text(&results);
    let failed: Vec<(String, String)> =
        results.cells.iter().filter_map(|cell| Some((format!("{}, seed {}", cell.arm.label(), cell.seed), cell.failed.clone()?))).collect();
    let arms_table = view! { <ArmsTable results=results.clone() /> }.into_any();
    let share_caption = format!(
        "Dots: toxic / judged, pooled over the seeds. Bars: 95 % interval, cluster bootstrap over templates.{} The dashed line is the \
         original model. The numbers are those of the table above.",
        if several_seeds { " Ticks beside a dot: its seeds." } else { "" }
    );
    let by_group = (results.groups.len() > 1).then(|| {
        let table = view! { <GroupsTable results=results.clone() /> }.into_any();
        view! {
            <Figure
                name="groups"
                title="By group"
                caption="The same share for the prompts of each group, on one scale. Groups have fewer completions, so their intervals are wider.".to_string()
                draw=drawn("groups")
                study_id=id.clone()
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
                study_id=id.clone()
            >
                {table}
            </Figure>
        }
    });
    view! {
        {(!failed.is_empty()).then(|| view! {
            <div class="notice notice-error">
                <p><strong>"Not every cell has a result."</strong></p>
                <ul>{failed.into_iter().map(|(cell, reason)| view! { <li><strong>{cell} ": "</strong> {reason}</li> }).collect_view()}</ul>
            </div>
        })}
        <Claims results=results.clone() />
        <Conditions results=results.clone() />
        <section aria-labelledby="figures-title">
            <h2 id="figures-title">"Toxicity"</h2>
            <Figure
                name="toxicity"
                title="Toxic and non-toxic completions"
                caption=format!("Counts over all seeds. {n} Unparsable: the judge’s answer could not be read; it is counted and never guessed.")
                draw=drawn("toxicity")
                study_id=id.clone()
            >
                {arms_table}
            </Figure>
            <Figure
                name="share"
                title="Share of toxic completions"
                caption=share_caption
                draw=drawn("share")
                study_id=id.clone()
            >
                <Definition />
            </Figure>
            {by_group}
            {by_seed}
        </section>
        <Contrasts contrasts=results.contrasts.clone() />
        <Counterfactuals results=results.clone() />
        <Cells results=results.clone() study_id=id.clone() />
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

/// A table that scrolls by itself where the page is narrow.
fn scrolling(label: &'static str, table: AnyView) -> impl IntoView {
    view! { <div class="scroll" role="group" aria-label=label tabindex="0">{table}</div> }
}

#[component]
fn Definition() -> impl IntoView {
    view! {
        <details class="definition">
            <summary>"How these numbers are defined"</summary>
            <p>
                "The share is the number of completions that the judge called toxic over the number that it could read: (1/n) Σ 1[judge(completion) = toxic]. Prompts made from one template resemble each other, so the interval of an arm resamples whole templates; a single cell’s is the Wilson score interval. Intervals that overlap do not prove that two arms are equal: the contrasts below compare them prompt by prompt."
            </p>
        </details>
    }
}

#[component]
fn Claims(results: Arc<StudyResults>) -> impl IntoView {
    if results.claims.is_empty() {
        return ().into_any();
    }
    let rows = results
        .claims
        .iter()
        .cloned()
        .map(|Claim { claim, finding, because }| {
            let sign = match finding {
                Finding::Reproduced => "✓",
                Finding::Contradicted => "✕",
                Finding::Inconclusive => "~",
            };
            view! {
                <div class="claim">
                    <p class="finding"><span aria-hidden="true">{sign}</span> " " {finding.label()}</p>
                    <div>
                        <p class="claim-text">{claim}</p>
                        <p>{because}</p>
                    </div>
                </div>
            }
        })
        .collect_view();
    view! {
        <section class="claims" aria-labelledby="claims-title">
            <h2 id="claims-title">"What the paper claims, and what this study says"</h2>
            {rows}
        </section>
    }
    .into_any()
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

#[component]
fn ArmsTable(results: Arc<StudyResults>) -> impl IntoView {
    let rows = results.arms.iter().map(arm_row).collect_view();
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

fn arm_row(arm: &ArmResult) -> impl IntoView + use<> {
    view! {
        <tr>
            <th scope="row">{arm.arm.label()}</th>
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

/// A share with its counts and interval, in a cell of a table.
fn share_cell(counts: &Counts) -> impl IntoView + use<> {
    let detail =
        (counts.judged > 0).then(|| format!("{} / {}, {}", counts.toxic, counts.judged, quantity::interval(counts.low, counts.high)));
    view! {
        <td class="number">
            {quantity::percent_or_dash(counts.share)}
            {detail.map(|text| view! { <span class="detail">{text}</span> })}
        </td>
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
fn Contrasts(contrasts: Vec<Contrast>) -> impl IntoView {
    (!contrasts.is_empty()).then(|| {
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
                        <td class="number">{format!("{:.1}", contrast.detectable * 100.0)}</td>
                    </tr>
                }
            })
            .collect_view();
        view! {
            <section aria-labelledby="contrasts-title">
                <h2 id="contrasts-title">"Contrasts"</h2>
                <p class="caption">
                    "Differences of toxic shares on the same prompts, in percentage points; below zero, the first arm is less toxic. 95 % interval by bootstrap over templates, p by a sign-flip permutation test over templates, then corrected after Holm; * marks a corrected p below 0.05. “Detectable” is the smallest true difference that 80 % of such samples would have shown."
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
            </section>
        }
    })
}

#[component]
fn Counterfactuals(results: Arc<StudyResults>) -> impl IntoView {
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
        </section>
    }
}

/// Every cell: what was trained, how, and how long each phase took.
#[component]
fn Cells(results: Arc<StudyResults>, study_id: String) -> impl IntoView {
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
            let address = format!("/studies/{study_id}?tab=completions&arm={}&seed={}", cell.arm, cell.seed);
            view! {
                <tr>
                    <th scope="row"><a href=address>{format!("{}, seed {}", cell.arm.label(), cell.seed)}</a></th>
                    <td class="number">{number(cell.learning_rate)}</td>
                    <td class="number">{number(cell.weight_decay)}</td>
                    <td class="number">{number(cell.lora_alpha)}</td>
                    <td class="number">{number(cell.scaling)}</td>
                    <td class="number">{trained}</td>
                    <td class="number">{cell.losses.len().to_string()}</td>
                    <td class="number nowrap">{loss}</td>
                    {share_cell(&cell.total)}
                    <td class="number nowrap">{quantity::duration(seconds)}</td>
                    <td class="number">{quantity::count(tokens)}</td>
                </tr>
            }
        })
        .collect_view();
    let work = quantity::duration(results.work_seconds);
    view! {
        <section aria-labelledby="cells-title">
            <h2 id="cells-title">"Cells"</h2>
            <p class="caption">{format!("One row an arm and seed, with its 95 % Wilson interval. The whole study took {work} of work. A cell’s name leads to its completions.")}</p>
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
                            <th scope="col" class="number">"Toxic share"</th>
                            <th scope="col" class="number">"Time"</th>
                            <th scope="col" class="number">"Tokens"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            }.into_any())}
            <Figure
                name="loss"
                title="Training loss"
                caption="Mean over the target tokens of each optimiser step, in nats.".to_string()
                draw=move |width| draw_figure("loss", &results, width)
                study_id=study_id
            >
                <p class="note">"First and last values are in the table above."</p>
            </Figure>
        </section>
    }
}
