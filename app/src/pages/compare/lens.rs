//! The logit lens of one prompt, study by study with its arms side by side, on one colour scale.

use super::{CompareLinks, panel::absent};
use crate::{
    charts::{HeatPalette, lens_legend},
    comparison_figures::{arm_of, lens_pair, lens_rows, lens_token, lines_up, study_label},
    comparison_view::CompareView,
    components::{
        cover::CoverSwitch,
        error_view::ErrorNotice,
        lens_panels::{PanelReading, Panels},
        take_away::TakeAway,
    },
    error::AppError,
    figures::LENS_FIGURE,
    lens_table::lens_table,
    lens_view::{LensMode, LensView, last_cell},
    tables::LENS_TABLE,
};
use leptos::prelude::*;
use rankscope_domain::{
    Arm,
    comparison::{ComparedReading, Comparison, LensComparison, letter},
    comparison_query::NamedArm,
    inspection::LensReading,
};
use std::sync::Arc;

pub(super) fn part(comparison: &Arc<Comparison>, view: &CompareView, links: &CompareLinks, show: Memo<bool>) -> AnyView {
    let Some(lens) = &comparison.lens else { return absent() };
    let notes = lens.notes.iter().map(|text| view! { <li>{text.clone()}</li> }).collect_view();
    if lens.readings.is_empty() {
        return view! { <p>"There is no reading of this prompt to show."</p> <ul class="statements">{notes}</ul> }.into_any();
    }
    let (rows, errors) = lens_rows(comparison, view);
    let apart = (view.lens.mode == LensMode::Difference && rows.is_none()).then(|| {
        view! { <p class="notice">"These two models cut the prompt into other tokens, or have another number of layers: their cells are not of the same place, so no difference is shown. Choose two that line up."</p> }
    });
    let readings: Arc<Vec<LensReading>> = Arc::new(lens.readings.iter().map(|read| read.reading.clone()).collect());
    let shown = rows.map(|found| {
        let legend = found.figure.rows.first().map(|row| lens_legend(&found.figure.map(row)));
        let mut before = 0;
        let rows = found
            .figure
            .rows
            .iter()
            .zip(found.readings)
            .map(|(row, places)| {
                let (map, first) = (found.figure.map(row), before);
                before += map.panels.len();
                let named = |place: usize| (arm_of(&lens.readings[place]).label(), place);
                let of: Vec<Vec<PanelReading>> = places.into_iter().map(|places| places.into_iter().map(named).collect()).collect();
                view! {
                    <h3>{row.title.clone()}</h3>
                    // how each goes on stands below, for all of them
                    <Panels readings=readings.clone() map of before=first whose=row.title.clone() show with_continuations=false />
                }
            })
            .collect_view();
        view! {
            <div class="lens-legend" inner_html=legend></div>
            {rows}
            <TakeAway base=links.base() figure=LENS_FIGURE table=LENS_TABLE query=links.query() />
        }
    });
    view! {
        {(!errors.0.is_empty()).then(|| view! { <ErrorNotice error=AppError::Invalid(errors) /> })}
        {choices(comparison, lens, view, links)}
        <p class="caption">{caption(comparison, view)}</p>
        <ul class="statements">{tokens_note(lens)}{notes}</ul>
        {apart}
        {shown}
        {continuations(lens, show)}
        <details class="definition">
            <summary>"Every cell as a table"</summary>
            <div class="scroll" role="group" aria-label="Every cell" tabindex="0" inner_html=tables(comparison, lens)></div>
        </details>
        <details class="definition">
            <summary>"How it is reckoned"</summary>
            <p>"What a layer passes on goes through the model’s final norm and its output matrix, as if it were the last layer. Entropy is −Σ p ln p over the whole vocabulary, nats. KL is Σ p ln (p / q), nats: p of the study’s own original at the same layer and position, q of the arm."</p>
        </details>
    }
    .into_any()
}

fn choices(comparison: &Comparison, lens: &LensComparison, view: &CompareView, links: &CompareLinks) -> impl IntoView + use<> {
    let prompts = (0..)
        .zip(&lens.prompts)
        .map(|(number, text): (u32, &String)| {
            let address = links.to(|view| {
                view.query.prompt = number;
                // another prompt has other tokens
                view.lens.token = None;
            });
            (text.clone(), address, lens.prompt == number)
        })
        .collect();
    let modes = LensMode::ALL.map(|mode| (mode.label().to_string(), links.to(|view| view.lens.mode = mode), view.lens.mode == mode)).into();
    let palettes = HeatPalette::ALL
        .map(|palette| (palette.label().to_string(), links.to(|view| view.lens.palette = palette), view.lens.palette == palette))
        .into();
    let of_mode =
        match view.lens.mode {
            LensMode::Probability => {
                let chosen = lens_token(comparison, view);
                let mut tokens: Vec<String> = Vec::new();
                for token in lens.readings.iter().filter_map(|read| last_cell(&read.reading)).flat_map(|cell| &cell.top) {
                    if !tokens.contains(&token.text) && tokens.len() < 12 {
                        tokens.push(token.text.clone());
                    }
                }
                let picks = tokens.into_iter().map(|text| {
                    let is_shown = chosen.as_ref() == Some(&text);
                    (text.clone(), links.to(|view| view.lens.token = Some(text)), is_shown)
                });
                links.row("Token", picks.collect()).into_any()
            }
            LensMode::Difference => {
                let pair = lens_pair(comparison, view).0;
                let named = |read: &ComparedReading| {
                    let of = arm_of(read);
                    NamedArm { study: Some(letter(of.study).into()), arm: of.arm }
                };
                let a = lens.readings.iter().map(|read| {
                    (arm_of(read).label(), links.to(|view| view.lens.a = Some(named(read))), pair.is_some_and(|(a, _)| a == read))
                });
                let b = lens.readings.iter().map(|read| {
                    (arm_of(read).label(), links.to(|view| view.lens.b = Some(named(read))), pair.is_some_and(|(_, b)| b == read))
                });
                view! { {links.row("Entropy of", a.collect())} {links.row("minus that of", b.collect())} }.into_any()
            }
            LensMode::Entropy | LensMode::Kl => ().into_any(),
        };
    view! {
        {links.row("Prompt", prompts)}
        {links.row("Cells show", modes)}
        {of_mode}
        {links.row("Colours", palettes)}
    }
}

fn caption(comparison: &Comparison, view: &CompareView) -> String {
    let what = match view.lens.mode {
        LensMode::Entropy => "Colour: entropy of the whole distribution, nats; low is sure.".to_string(),
        LensMode::Kl => "Colour: KL from the cell of the study’s own original to this one, nats.".into(),
        LensMode::Probability => format!(
            "Colour: probability of the token “{}”. Grey: it is not among the tokens that a cell lists.",
            lens_token(comparison, view).unwrap_or_default()
        ),
        LensMode::Difference => "Colour: the first’s entropy less the second’s, nats. Cells name the first’s token, and the second’s after a stroke where it differs.".into(),
    };
    format!(
        "{what} Each cell names the token that the layer holds likeliest to follow; the embedding is at the bottom of a panel. One scale for all panels."
    )
}

/// Whether the studies' cells are of the same places.
fn tokens_note(lens: &LensComparison) -> impl IntoView + use<> {
    let first = lens.readings.first();
    let mut apart: Vec<usize> =
        lens.readings.iter().filter(|read| first.is_some_and(|first| !lines_up(first, read))).map(|read| read.study).collect();
    apart.dedup();
    (!apart.is_empty()).then(|| {
        let names = apart.iter().map(|&place| letter(place).to_string()).collect::<Vec<_>>().join(", ");
        let text =
            format!("{names}: other tokens or another number of layers than in the first row, so cells do not stand under the same place.");
        view! { <li>{text}</li> }
    })
}

fn continuations(lens: &LensComparison, show: Memo<bool>) -> impl IntoView + use<> {
    // a copy without completions has none
    if lens.readings.iter().all(|read| read.reading.continuation.is_empty()) {
        return ().into_any();
    }
    let items = lens
        .readings
        .iter()
        .map(|read| {
            let (label, text) = (arm_of(read).label(), read.reading.continuation.clone());
            let shown = move || {
                let text = text.clone();
                if show.get() {
                    view! { <span class="completion">"… " {text}</span> }.into_any()
                } else {
                    view! { <details class="cover"><summary>"covered (not judged)"</summary><span class="completion">"… " {text}</span></details> }.into_any()
                }
            };
            view! { <dt>{label}</dt><dd>{shown}</dd> }
        })
        .collect_view();
    view! {
        <h3>"How each goes on"</h3>
        <p class="note">
            "What the models wrote, greedily; no judge has seen it, so it is covered until you ask for it. "
            <CoverSwitch show to_show="Show them" to_cover="Cover them" />
        </p>
        <dl class="facts">{items}</dl>
    }
    .into_any()
}

/// One table a reading, written as text: thousands of cells would be too many for components.
fn tables(comparison: &Comparison, lens: &LensComparison) -> String {
    let mut html = String::new();
    for (place, study) in comparison.studies.iter().enumerate() {
        let readings: Vec<LensReading> = lens.readings.iter().filter(|read| read.study == place).map(|read| read.reading.clone()).collect();
        if readings.is_empty() {
            continue;
        }
        let arms: Vec<Arm> = readings.iter().map(|reading| reading.cell.arm).collect();
        let title = study_label(place, study).replace('&', "&amp;").replace('<', "&lt;");
        html += &format!("<h4>{title}</h4>{}", lens_table(&readings, &LensView { arms, ..LensView::default() }));
    }
    html
}
