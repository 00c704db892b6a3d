//! The answer of a logit lens: what is shown of it, as links, and the panels. A study's tab and the page `/lens` have the same.

use super::{
    cover::CoverSwitch,
    error_view::ErrorNotice,
    lens_panels::{PanelReading, Panels},
    take_away::TakeAway,
};
use crate::{
    api::lens::LensPage,
    charts::{HeatPalette, lens_legend},
    error::AppError,
    figure_view::query_of,
    figures::LENS_FIGURE,
    lens_form::{LENS_PATH, LensForm, encoded},
    lens_table::lens_table,
    lens_view::{LensMode, LensView, last_cell, lens_arms, lens_map},
    pages::study::StudyPlace,
    tables::LENS_TABLE,
};
use leptos::prelude::*;
use rankscope_domain::{Arm, FieldErrors, inspection::LensReading};
use std::sync::Arc;

/// The readings of one prompt, as the address asks for them.
#[component]
pub(crate) fn LensResults(place: LensPlace, page: LensPage, asked: LensView, errors: FieldErrors, show: Memo<bool>) -> impl IntoView {
    let (view, missing) = asked.resolve(page.prompts.len(), &page.readings);
    let mut errors = errors;
    errors.0.extend(missing.0);
    let (base, query) = (place.path.clone(), place.query_of_files(&asked));
    let with_continuations = place.with_continuations;
    let links = Links { place, asked: asked.clone() };
    let map = lens_map(&page.readings, &view);
    let readings = Arc::new(page.readings);
    let table = lens_table(&readings, &view);
    let named = |arm: &Arm| readings.iter().position(|reading| reading.cell.arm == *arm).map(|place| (arm.label(), place));
    let of: Vec<Vec<PanelReading>> = match view.mode {
        LensMode::Difference => vec![view.a.iter().chain(&view.b).filter_map(named).collect()],
        _ => view.arms.iter().map(|arm| named(arm).into_iter().collect()).collect(),
    };
    let caption = caption(&view, readings.first().map_or(0, |reading| reading.layers.len().saturating_sub(1)));
    view! {
        {(!errors.0.is_empty()).then(|| view! { <ErrorNotice error=AppError::Invalid(errors) /> })}
        {choices(&links, &page.prompts, &view, &readings)}
        <p class="caption">{caption}</p>
        {with_continuations.then(|| view! {
            <p class="note">
                "Continuations are what models wrote; no judge has seen them, so they are covered until you ask for them. "
                <CoverSwitch show to_show="Show them" to_cover="Cover them" />
            </p>
        })}
        <div class="lens-legend" inner_html=lens_legend(&map)></div>
        <Panels readings map of show with_continuations />
        <details class="definition">
            <summary>"Every cell as a table"</summary>
            <div class="scroll" role="group" aria-label="Every cell" tabindex="0" inner_html=table></div>
        </details>
        <TakeAway base figure=LENS_FIGURE table=LENS_TABLE query />
        <Definitions />
    }
}

/// Where the views of a lens have their addresses; the files of its figure and table lie below the path. Has no `Debug`: a path may hold a token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LensPlace {
    path: String,
    /// What the query holds besides the view, name and value.
    fixed: Vec<(&'static str, String)>,
    /// Files are of what the fixed part says, too.
    is_question: bool,
    /// False: they were not shared.
    with_continuations: bool,
}

impl LensPlace {
    /// A tab of a study.
    pub(crate) fn study(place: &StudyPlace) -> Self {
        let base = place.base();
        Self { path: base, fixed: vec![("tab", "lens".into())], is_question: false, with_continuations: place.has_completions() }
    }

    /// The page of a question.
    pub(crate) fn question(form: &LensForm) -> Self {
        Self { path: LENS_PATH.into(), fixed: form.pairs(), is_question: true, with_continuations: true }
    }

    fn address(&self, view: &LensView) -> String {
        let fixed = self.fixed.iter().map(|(name, value)| encoded(name, value));
        format!("{}?{}", self.path, fixed.chain(view.pairs()).collect::<Vec<_>>().join("&"))
    }

    /// What a file is of, as the query of its address.
    fn query_of_files(&self, view: &LensView) -> String {
        let fixed = self.fixed.iter().filter(|_| self.is_question).map(|(name, value)| encoded(name, value));
        query_of(&fixed.chain(view.pairs()).collect::<Vec<_>>())
    }
}

/// Addresses that change one thing of what is shown.
struct Links {
    place: LensPlace,
    asked: LensView,
}

impl Links {
    fn address(&self, view: &LensView) -> String {
        self.place.address(view)
    }

    /// A row of links: label, view, whether it is shown.
    fn row(&self, label: &'static str, choices: Vec<(String, LensView, bool)>) -> impl IntoView + use<> {
        (choices.len() > 1).then(|| {
            let items = choices
                .into_iter()
                .map(|(text, view, is_shown)| {
                    let address = self.address(&view);
                    view! { <li><a href=address aria-current=is_shown.then_some("true") data-noscroll="">{text}</a></li> }
                })
                .collect_view();
            view! { <nav class="choices" aria-label=label><span aria-hidden="true">{label}</span><ul>{items}</ul></nav> }
        })
    }
}

fn choices(links: &Links, prompts: &[String], view: &LensView, readings: &[LensReading]) -> impl IntoView + use<> {
    let asked = &links.asked;
    let prompts = (0..)
        .zip(prompts)
        // another prompt has other tokens
        .map(|(number, prompt)| (prompt.clone(), LensView { prompt: number, token: None, ..asked.clone() }, view.prompt == number))
        .collect();
    let modes = LensMode::ALL.map(|mode| (mode.label().to_string(), LensView { mode, ..asked.clone() }, view.mode == mode)).into();
    let palettes = HeatPalette::ALL
        .map(|palette| (palette.label().to_string(), LensView { palette, ..asked.clone() }, view.palette == palette))
        .into();
    let all = lens_arms(readings);
    let toggles = all
        .iter()
        .map(|&arm| {
            let kept: Vec<Arm> = all.iter().copied().filter(|one| view.arms.contains(one) != (*one == arm)).collect();
            let arms = if kept.len() == all.len() { Vec::new() } else { kept };
            (arm.label(), LensView { arms, ..asked.clone() }, view.arms.contains(&arm))
        })
        .collect();
    let of_arm = |set: &dyn Fn(Arm) -> LensView, shown: Option<Arm>| {
        all.iter().map(|&arm| (arm.label(), set(arm), shown == Some(arm))).collect::<Vec<_>>()
    };
    let of_mode = match view.mode {
        LensMode::Probability => token_choice(links, view, readings).into_any(),
        LensMode::Difference => view! {
            {links.row("Entropy of", of_arm(&|arm| LensView { a: Some(arm), ..asked.clone() }, view.a))}
            {links.row("minus that of", of_arm(&|arm| LensView { b: Some(arm), ..asked.clone() }, view.b))}
        }
        .into_any(),
        _ => ().into_any(),
    };
    let toggles = (view.mode != LensMode::Difference).then(|| links.row("Panels", toggles));
    view! {
        {links.row("Prompt", prompts)}
        {links.row("Cells show", modes)}
        {of_mode}
        {toggles}
        {links.row("Colours", palettes)}
    }
}

/// One of the tokens that arms end with, or one that is typed.
fn token_choice(links: &Links, view: &LensView, readings: &[LensReading]) -> impl IntoView + use<> {
    let mut tokens: Vec<String> = Vec::new();
    for token in readings.iter().filter_map(last_cell).flat_map(|cell| &cell.top) {
        if !tokens.contains(&token.text) && tokens.len() < 12 {
            tokens.push(token.text.clone());
        }
    }
    let picks = tokens
        .into_iter()
        .map(|text| (text.clone(), LensView { token: Some(text.clone()), ..links.asked.clone() }, view.token.as_ref() == Some(&text)))
        .collect();
    // the form sends all that the address has, but the token
    let fixed = links.place.fixed.iter().map(|(name, value)| ((*name).to_string(), value.clone()));
    let view_pairs = LensView { token: None, ..links.asked.clone() }.raw_pairs().into_iter().map(|(name, value)| (name.to_string(), value));
    let hidden = fixed.chain(view_pairs).map(|(name, value)| view! { <input type="hidden" name=name value=value /> }).collect_view();
    view! {
        {links.row("Token", picks)}
        <form class="token-form" method="get" action=links.place.path.clone()>
            {hidden}
            <label for="lens-token">"Or type it as cells show it"</label>
            <input id="lens-token" name="token" type="text" autocomplete="off" spellcheck="false" value=view.token.clone().unwrap_or_default() />
            <button type="submit">"Show"</button>
        </form>
    }
}

fn caption(view: &LensView, layers: usize) -> String {
    let what = match view.mode {
        LensMode::Entropy => "Colour: entropy of the whole distribution, nats; low is sure. ".to_string(),
        LensMode::Kl => "Colour: KL from the original’s cell to this one, nats; the original’s own is 0. ".to_string(),
        LensMode::Probability => format!(
            "Colour: probability of the token “{}”. Grey: it is not among the tokens that a cell lists, so its probability is unknown but below theirs. ",
            view.token.as_deref().unwrap_or_default()
        ),
        LensMode::Difference => format!(
            "Colour: entropy of {} minus entropy of {}, nats; above zero the first is less sure. Cells name the first’s token, and the second’s after a stroke where it differs. ",
            view.a.map(Arm::label).unwrap_or_default(),
            view.b.map(Arm::label).unwrap_or_default()
        ),
    };
    format!(
        "{what}Each cell names the token that the layer holds likeliest to follow. The embedding is at the bottom, the last of {layers} layers on top: the model’s real prediction. One scale for all panels."
    )
}

#[component]
fn Definitions() -> impl IntoView {
    view! {
        <details class="definition">
            <summary>"How it is reckoned"</summary>
            <dl>
                <dt>"Logit lens"</dt>
                <dd>"What a layer passes on goes through the model’s final norm and its output matrix, as if it were the last layer. The last layer’s row is the model’s own prediction."</dd>
                <dt>"Entropy"</dt>
                <dd>"−Σ p ln p over the whole vocabulary, nats: 0 where one token is certain, the logarithm of the vocabulary’s size where all are alike."</dd>
                <dt>"KL"</dt>
                <dd>"Σ p ln (p / q) over the whole vocabulary, nats; p is the original’s distribution at the same layer and position, q the arm’s."</dd>
                <dt>"Tokens"</dt>
                <dd>"Blanks, line breaks and pieces of characters are made visible."</dd>
            </dl>
        </details>
    }
}
