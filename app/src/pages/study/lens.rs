//! What each layer of each arm would say next: the logit lens over the study's prompts, a prompt at a time.

use super::{
    completions::show_choice,
    no_inspection::NoInspection,
    place::{StudyPlace, TabStudy},
};
use crate::{
    api::lens::LensPage,
    browser,
    charts::{HeatPalette, LensHeatmap, layer_name, lens_layers, lens_legend, lens_panel},
    components::{error_view::ErrorNotice, pending::Pending},
    error::AppError,
    lens_table::lens_table,
    lens_view::{LensMode, LensView, last_cell, lens_arms, lens_map},
    quantity,
};
use leptos::{ev, prelude::*};
use leptos_router::hooks::use_query_map;
use rankscope_domain::{
    Arm, FieldErrors, Recipe,
    inspection::{LensCellView, LensReading},
};
use std::sync::Arc;

#[component]
pub(crate) fn Lens(study: TabStudy) -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| LensView::read(|name| query.read().get(name)));
    let prompt = Memo::new(move |_| asked.with(|(view, _)| view.prompt));
    let place = study.place.clone();
    let page = Resource::new(move || prompt.get(), move |prompt| place.clone().lens(prompt));
    let recipe = Recipe::from_toml(&study.recipe_toml).ok();
    let (with_prompts, inspected) = recipe
        .map(|recipe| {
            let has_prompts = recipe.inspection.as_ref().is_some_and(|inspection| !inspection.lens_prompts.is_empty());
            (has_prompts, recipe.inspected_cells())
        })
        .unwrap_or_default();
    let (show_asked, show) = show_choice();
    view! {
        <section aria-labelledby="lens-heading">
            <h2 id="lens-heading">"Logit lens"</h2>
            <Transition fallback=|| view! { <Pending what="the lens" /> }>
                {move || {
                    let (study, inspected) = (study.clone(), inspected.clone());
                    let ((asked, errors), show_asked) = (asked.get(), show_asked.get());
                    Suspend::new(async move {
                        match page.await {
                            Err(error) => view! { <ErrorNotice error /> }.into_any(),
                            Ok(page) if page.readings.is_empty() && (!with_prompts || inspected.is_empty()) => {
                                view! { <NoInspection study what="lens_prompts" /> }.into_any()
                            }
                            Ok(page) if page.readings.is_empty() => {
                                let address = study.place.tab("progress");
                                view! {
                                    <p>"No model has been read yet: the lens reads each arm when it has been trained."</p>
                                    {study.place.owners_id().is_some().then(|| view! { <p><a href=address>"See the progress"</a></p> })}
                                }
                                    .into_any()
                            }
                            Ok(page) => {
                                let have = lens_arms(&page.readings);
                                let missing: Vec<String> =
                                    inspected.iter().filter(|cell| !have.contains(&cell.arm)).map(|cell| quantity::cell_label(*cell)).collect();
                                let place = study.place.clone();
                                let which = if place.owners_id().is_some() { " or are not done yet; the progress tab says which" } else { "" };
                                view! {
                                    {(!missing.is_empty()).then(|| view! {
                                        <p class="notice">
                                            {format!("Not read: {}. These cells failed{which}.", missing.join("; "))}
                                        </p>
                                    })}
                                    <LensResults place page asked errors show show_asked />
                                }
                                    .into_any()
                            }
                        }
                    })
                }}
            </Transition>
        </section>
    }
}

/// The readings of one prompt, as the address asks for them.
#[component]
pub(crate) fn LensResults(
    place: StudyPlace,
    page: LensPage,
    asked: LensView,
    errors: FieldErrors,
    show: Memo<bool>,
    /// What the address says of covering, to be kept in links.
    show_asked: Option<bool>,
) -> impl IntoView {
    let (view, missing) = asked.resolve(page.prompts.len(), &page.readings);
    let mut errors = errors;
    errors.0.extend(missing.0);
    let with_continuations = place.has_completions();
    let file = format!("{}/figures/lens.svg{}", place.base(), asked.query());
    let links = Links { place, asked: asked.clone(), show: show_asked };
    let map = lens_map(&page.readings, &view);
    let readings = Arc::new(page.readings);
    let table = lens_table(&readings, &view);
    let caption = caption(&view, readings.first().map_or(0, |reading| reading.layers.len().saturating_sub(1)));
    let (shown, covered) = (links.address_showing(&asked, Some(true)), links.address_showing(&asked, Some(false)));
    view! {
        {(!errors.0.is_empty()).then(|| view! { <ErrorNotice error=AppError::Invalid(errors) /> })}
        {choices(&links, &page.prompts, &view, &readings)}
        <p class="caption">{caption}</p>
        {with_continuations.then(|| view! {
            <p class="note">
                "Continuations are what models wrote; no judge has seen them, so they are covered until you ask for them. "
                <a href=move || if show.get() { covered.clone() } else { shown.clone() }>{move || if show.get() { "Cover them" } else { "Show them" }}</a>
            </p>
        })}
        <div class="lens-legend" inner_html=lens_legend(&map)></div>
        <Panels readings=readings.clone() map view show with_continuations />
        <details class="definition">
            <summary>"Every cell as a table"</summary>
            <div class="scroll" role="group" aria-label="Every cell" tabindex="0" inner_html=table></div>
        </details>
        <p class="download"><a href=file download="" rel="external">"Download this figure (SVG)"</a></p>
        <Definitions />
    }
}

/// Addresses that change one thing of what is shown.
struct Links {
    place: StudyPlace,
    asked: LensView,
    show: Option<bool>,
}

impl Links {
    fn address(&self, view: &LensView) -> String {
        self.address_showing(view, self.show)
    }

    fn address_showing(&self, view: &LensView, show: Option<bool>) -> String {
        let show = show.map(|show| format!("show={}", u8::from(show)));
        std::iter::once(self.place.tab("lens")).chain(view.pairs()).chain(show).collect::<Vec<_>>().join("&")
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
    let hidden = LensView { token: None, ..links.asked.clone() }
        .pairs()
        .into_iter()
        .chain(links.show.map(|show| format!("show={}", u8::from(show))))
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some(view! { <input type="hidden" name=name.to_string() value=value.to_string() /> })
        })
        .collect_view();
    view! {
        {links.row("Token", picks)}
        <form class="token-form" method="get" action=links.place.base()>
            <input type="hidden" name="tab" value="lens" />
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

/// Where the reader looks: panel, layer, position.
type Place = (usize, usize, usize);

/// The panels side by side in one scrolling part, and what is in the cell that the reader looks at.
#[component]
fn Panels(
    readings: Arc<Vec<LensReading>>,
    map: LensHeatmap,
    view: LensView,
    show: Memo<bool>,
    /// False: they were not shared.
    with_continuations: bool,
) -> impl IntoView {
    let place = RwSignal::new(None::<Place>);
    let map = Arc::new(map);
    let is_difference = view.mode == LensMode::Difference;
    let arms: Vec<Vec<Arm>> =
        if is_difference { vec![view.a.into_iter().chain(view.b).collect()] } else { view.arms.iter().map(|&arm| vec![arm]).collect() };
    let panels = map
        .panels
        .iter()
        .zip(&arms)
        .enumerate()
        .map(|(index, (panel, arms))| {
            let continuations = arms
                .iter()
                .filter(|_| with_continuations)
                .filter_map(|arm| readings.iter().find(|reading| reading.cell.arm == *arm))
                .map(|reading| continuation(reading, arms.len() > 1, show))
                .collect_view();
            let svg = lens_panel(&map, index).unwrap_or_default();
            view! {
                <h3 class="lens-title">{panel.title.clone()}</h3>
                <div class="lens-continuation">{continuations}</div>
                <Grid index title=panel.title.clone() svg map=map.clone() place />
            }
        })
        .collect_view();
    let layers = lens_layers(&map);
    let detail = {
        let map = map.clone();
        move || match place.get() {
            None => {
                view! { <p class="muted">"Point at a cell, or move to a panel and use the arrow keys: what is in it is shown here."</p> }
                    .into_any()
            }
            Some((panel, layer, position)) => {
                let shown = arms.get(panel).cloned().unwrap_or_default();
                let token = map.tokens.get(position).cloned().unwrap_or_default();
                let parts = shown
                    .iter()
                    .filter_map(|arm| readings.iter().find(|reading| reading.cell.arm == *arm))
                    .filter_map(|reading| Some(detail_of(reading.cell.arm, reading.layers.get(layer)?.get(position)?)))
                    .collect_view();
                view! {
                    <p><strong>{layer_name(layer)}</strong> ", after " <span class="token">{token}</span> {format!(" (position {})", position + 1)}</p>
                    {parts}
                }
                .into_any()
            }
        }
    };
    view! {
        <div class="lens">
            <div class="lens-scroll">
                <span class="lens-corner"></span>
                <span class="lens-corner"></span>
                <div class="lens-layers" inner_html=layers></div>
                {panels}
            </div>
            <aside class="lens-detail" aria-live="polite" aria-label="The cell">{detail}</aside>
        </div>
    }
}

fn continuation(reading: &LensReading, named: bool, show: Memo<bool>) -> impl IntoView + use<> {
    let name = named.then(|| view! { <span class="muted">{reading.cell.arm.label()} ": "</span> });
    let text = reading.continuation.clone();
    let shown = move || {
        let text = text.clone();
        if show.get() {
            view! { <span class="completion">"… " {text}</span> }.into_any()
        } else {
            view! { <details class="cover"><summary>"continuation covered (not judged)"</summary><span class="completion">"… " {text}</span></details> }.into_any()
        }
    };
    view! { <div>{name} {shown}</div> }
}

fn detail_of(arm: Arm, cell: &LensCellView) -> impl IntoView + use<> {
    let rows = cell
        .top
        .iter()
        .map(|token| view! { <tr><td class="token">{token.text.clone()}</td><td class="number">{quantity::percent(token.probability)}</td></tr> })
        .collect_view();
    let numbers = format!("{}: entropy {:.3} nats, KL to the original {} nats", arm.label(), cell.entropy, quantity::significant(cell.kl));
    view! {
        <p>{numbers}</p>
        <table class="narrow"><tbody>{rows}</tbody></table>
    }
}

/// One panel: a drawing, one handler for the pointer and one for the keys. One stop of the Tab key; arrows go from cell to cell.
#[component]
fn Grid(index: usize, title: String, svg: String, map: Arc<LensHeatmap>, place: RwSignal<Option<Place>>) -> impl IntoView {
    let id = format!("lens-panel-{index}");
    let cursor_id = format!("{id}-cursor");
    let (columns, rows) = (map.tokens.len(), map.panels.get(index).map_or(0, |panel| panel.values.len()));
    let (panel_id, pointer_map) = (id.clone(), map.clone());
    let look = move |event: ev::PointerEvent| {
        let found = browser::place_within(&panel_id, &event).and_then(|(across, down)| pointer_map.cell_at(across, down));
        if let Some((layer, position)) = found {
            // one change a cell, however many a pointer sends
            if place.get_untracked() != Some((index, layer, position)) {
                place.set(Some((index, layer, position)));
            }
        }
    };
    let followed = cursor_id.clone();
    let step = move |event: ev::KeyboardEvent| {
        let (layer, position) = match place.get_untracked() {
            Some((panel, layer, position)) if panel == index => (layer, position),
            _ => (rows.saturating_sub(1), 0),
        };
        if let Some((layer, position)) = stepped(&event.key(), (layer, position), (rows, columns)) {
            event.prevent_default();
            place.set(Some((index, layer, position)));
            let followed = followed.clone();
            request_animation_frame(move || browser::bring_into_view(&followed));
        }
    };
    let focused = move |_| {
        // the same place as in the panel before, to compare
        let (layer, position) = place.get_untracked().map_or((rows.saturating_sub(1), 0), |(_, layer, position)| (layer, position));
        place.set(Some((index, layer.min(rows.saturating_sub(1)), position.min(columns.saturating_sub(1)))));
    };
    let (width, height) = (columns as f64 * crate::charts::LENS_CELL.0, rows as f64 * crate::charts::LENS_CELL.1);
    let cursor = move || {
        let (panel, layer, position) = place.get()?;
        let (x, y, width, height) = map.place_of(layer, position);
        // every panel marks the same cell, this one most
        let class = if panel == index { "lens-cursor" } else { "lens-cursor lens-cursor-other" };
        Some(view! {
            <rect id=cursor_id.clone() class=class x=(x - 0.5).to_string() y=(y - 0.5).to_string() width=width.to_string() height=height.to_string() />
        })
    };
    let label = format!("{title}: arrow keys go from cell to cell");
    view! {
        <div class="lens-grid" id=id tabindex="0" role="application" aria-roledescription="heatmap" aria-label=label on:pointermove=look.clone() on:pointerdown=look on:keydown=step on:focus=focused>
            <div inner_html=svg></div>
            <svg class="lens-overlay" aria-hidden="true" width=width.to_string() height=height.to_string() viewBox=format!("0 0 {width} {height}")>
                {cursor}
            </svg>
        </div>
    }
}

/// Where a key leads from a cell: layer and position within rows and columns. `None`: the key does nothing here.
fn stepped(key: &str, (layer, position): (usize, usize), (rows, columns): (usize, usize)) -> Option<(usize, usize)> {
    let (top, last) = (rows.checked_sub(1)?, columns.checked_sub(1)?);
    Some(match key {
        "ArrowUp" => ((layer + 1).min(top), position),
        "ArrowDown" => (layer.saturating_sub(1), position),
        "ArrowLeft" => (layer, position.saturating_sub(1)),
        "ArrowRight" => (layer, (position + 1).min(last)),
        "Home" => (layer, 0),
        "End" => (layer, last),
        "PageUp" => (top, position),
        "PageDown" => (0, position),
        _ => return None,
    })
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

#[cfg(test)]
mod key_tests {
    use super::stepped;

    #[test]
    fn keys_stay_within_the_panel() {
        for (key, from, to) in [
            ("ArrowUp", (0, 0), Some((1, 0))),
            ("ArrowUp", (2, 1), Some((2, 1))),
            ("ArrowDown", (0, 1), Some((0, 1))),
            ("ArrowRight", (0, 3), Some((0, 3))),
            ("ArrowLeft", (1, 0), Some((1, 0))),
            ("End", (1, 0), Some((1, 3))),
            ("PageUp", (0, 2), Some((2, 2))),
            ("Tab", (0, 0), None),
        ] {
            assert_eq!(stepped(key, from, (3, 4)), to, "{key} from {from:?}");
        }
        assert_eq!(stepped("ArrowUp", (0, 0), (0, 0)), None);
    }
}
