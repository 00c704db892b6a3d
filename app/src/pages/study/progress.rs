//! How far a study is: live while a worker has it, and what it did afterwards.

use crate::{
    charts::{Width, loss_curves},
    quantity,
};
use leptos::prelude::*;
use rankscope_domain::{
    event::Unit,
    view::{Ended, Progress, StudyStatus},
};

#[component]
pub(crate) fn ProgressTab(
    id: String,
    status: StudyStatus,
    progress: RwSignal<Progress>,
    results_tab: Option<&'static str>,
) -> impl IntoView {
    let fraction = Memo::new(move |_| progress.with(|progress| (progress.fraction() * 1000.0).round() / 1000.0));
    // changes once a stage, so that a screen reader isn't told every step
    let announcement = Memo::new(move |_| progress.with(|progress| announce(progress, status)));
    let stages = move || {
        progress.with(|progress| {
            (progress.stages_total > 0).then(|| format!("{} of {} stages done", progress.stages_done, progress.stages_total))
        })
    };
    view! {
        <section aria-labelledby="progress-title">
            <h2 id="progress-title">"Progress"</h2>
            <p class="stage" role="status">{move || announcement.get()}</p>
            <div class="bar-row">
                <progress aria-label="Whole study" max="1" value=move || fraction.get().to_string()></progress>
                <span class="number">{move || format!("{:.0}\u{202f}%", fraction.get() * 100.0)}</span>
                <span class="muted">{stages}</span>
            </div>
            {move || progress.with(|progress| (progress.total > 0 && status.is_active()).then(|| current_stage(progress)))}
        </section>
        {results_tab.map(|tab| view! { <p><a href=format!("/studies/{id}?tab={tab}")>"See the results"</a></p> })}
        {move || progress.with(|progress| (!progress.failures.is_empty()).then(|| failures(progress)))}
        {move || progress.with(|progress| (!progress.notes.is_empty()).then(|| notes(progress)))}
        {move || progress.with(|progress| (!progress.losses.is_empty()).then(|| losses(progress)))}
        {move || progress.with(|progress| (!progress.finished.is_empty()).then(|| finished(progress)))}
    }
}

fn announce(progress: &Progress, status: StudyStatus) -> String {
    match (&progress.ended, status) {
        (Some(Ended::Finished), _) => "Finished.".into(),
        (Some(Ended::Failed(_)), status) if !status.is_active() => "Failed, for the reason above. What is finished is kept.".into(),
        (Some(Ended::Cancelled), status) if !status.is_active() => {
            "Cancelled. What is finished is kept; “Resume” goes on from there.".into()
        }
        (_, StudyStatus::Queued) => "Waits for its turn; it starts by itself.".into(),
        (_, StudyStatus::Cancelling) => "Stopping after the step under way …".into(),
        _ if progress.stage.is_empty() && status.is_active() => "Starting …".into(),
        _ if progress.stage.is_empty() => format!("The study is {}.", status.label()),
        _ if !status.is_active() => format!("Stopped during: {}.", progress.stage),
        _ => format!("{} …", progress.stage),
    }
}

fn current_stage(progress: &Progress) -> impl IntoView + use<> {
    let part = progress.done as f64 / progress.total.max(1) as f64;
    let step = if progress.unit == Unit::Bytes.label() {
        format!("{} of {}", quantity::bytes(progress.done), quantity::bytes(progress.total))
    } else {
        format!("{} of {} {}", quantity::count(progress.done), quantity::count(progress.total), progress.unit)
    };
    let speed = (progress.tokens_per_second > 0.0).then(|| format!("{:.0} tokens/s", progress.tokens_per_second));
    let left = (progress.eta_seconds > 0.0).then(|| format!("about {} left in this stage", quantity::duration(progress.eta_seconds)));
    view! {
        <div class="bar-row">
            <progress class="small" aria-label="This stage" max="1" value=format!("{part:.3}")></progress>
            <span class="number">{step}</span>
            {speed.map(|text| view! { <span class="number">{text}</span> })}
            {left.map(|text| view! { <span class="muted">{text}</span> })}
        </div>
    }
}

fn failures(progress: &Progress) -> impl IntoView + use<> {
    let items = progress
        .failures
        .iter()
        .map(|(cell, reason)| view! { <li><strong>{quantity::cell_label(*cell)} ": "</strong> {reason.clone()}</li> })
        .collect_view();
    view! {
        <section class="notice notice-error" aria-labelledby="failures-title">
            <h2 id="failures-title">"Cells that failed"</h2>
            <p>"The other cells go on without them."</p>
            <ul>{items}</ul>
        </section>
    }
}

fn notes(progress: &Progress) -> impl IntoView + use<> {
    let items = progress.notes.iter().map(|note| view! { <li>{note.clone()}</li> }).collect_view();
    view! {
        <section class="notice" aria-labelledby="notes-title">
            <h2 id="notes-title">"Notes"</h2>
            <ul>{items}</ul>
        </section>
    }
}

fn losses(progress: &Progress) -> impl IntoView + use<> {
    let wide = loss_curves(&progress.losses, Width::Wide).unwrap_or_default();
    let narrow = loss_curves(&progress.losses, Width::Narrow).unwrap_or_default();
    let has_fractions = progress.losses.iter().any(|curve| curve.cell.minority.is_some());
    let rows = progress
        .losses
        .iter()
        .filter_map(|curve| {
            let (first, last) = (curve.points.first()?, curve.points.last()?);
            Some(view! {
                <tr>
                    <th scope="row">{curve.cell.arm.label()}</th>
                    <td class="number">{curve.cell.seed.to_string()}</td>
                    {has_fractions.then(|| view! { <td class="number">{curve.cell.minority.map_or_else(|| "–".into(), |fraction| fraction.to_string())}</td> })}
                    <td class="number">{format!("{} / {}", last.0, curve.steps_total)}</td>
                    <td class="number">{format!("{:.3}", first.1)}</td>
                    <td class="number">{format!("{:.3}", last.1)}</td>
                </tr>
            })
        })
        .collect_view();
    view! {
        <section class="figure" aria-labelledby="loss-title">
            <h2 id="loss-title">"Training loss"</h2>
            <p class="caption">"Mean over the target tokens of each optimiser step, in nats."</p>
            <div class="chart chart-wide" inner_html=wide></div>
            <div class="chart chart-narrow" inner_html=narrow></div>
            <div class="scroll" role="group" aria-labelledby="loss-title" tabindex="0">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Arm"</th>
                            <th scope="col" class="number">"Seed"</th>
                            {has_fractions.then(|| view! { <th scope="col" class="number">"Minority fraction"</th> })}
                            <th scope="col" class="number">"Step"</th>
                            <th scope="col" class="number">"First loss"</th>
                            <th scope="col" class="number">"Last loss"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </section>
    }
}

fn finished(progress: &Progress) -> impl IntoView + use<> {
    let seconds: f64 = progress.finished.iter().map(|stage| stage.seconds).sum();
    let tokens: u64 = progress.finished.iter().map(|stage| stage.tokens).sum();
    let row = |label: String, seconds: f64, tokens: u64| {
        // tokens that a word list reads in no time say nothing of a machine
        let speed = if tokens > 0 && seconds >= 1.0 { format!("{:.0}", tokens as f64 / seconds) } else { "–".into() };
        view! {
            <tr>
                <th scope="row">{label}</th>
                <td class="number">{quantity::duration(seconds)}</td>
                <td class="number">{if tokens > 0 { quantity::count(tokens) } else { "–".into() }}</td>
                <td class="number">{speed}</td>
            </tr>
        }
    };
    let rows = progress.finished.iter().map(|stage| row(stage.label.clone(), stage.seconds, stage.tokens)).collect_view();
    view! {
        <section aria-labelledby="stages-title">
            <h2 id="stages-title">"Finished stages"</h2>
            <div class="scroll" role="group" aria-labelledby="stages-title" tabindex="0">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Stage"</th>
                            <th scope="col" class="number">"Time"</th>
                            <th scope="col" class="number">"Tokens"</th>
                            <th scope="col" class="number">"Tokens/s"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                    <tfoot>{row("All".into(), seconds, tokens)}</tfoot>
                </table>
            </div>
        </section>
    }
}
