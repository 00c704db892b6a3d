//! The panels of a logit lens side by side: one drawing an arm, one cell in the focus, by pointer or by keys.

use crate::{
    browser,
    charts::{LensHeatmap, layer_name, lens_layers, lens_panel},
    quantity,
};
use leptos::{ev, prelude::*};
use rankscope_domain::inspection::{LensCellView, LensReading};
use std::sync::Arc;

/// Where the reader looks: panel, layer, position.
type Place = (usize, usize, usize);

/// A reading that a panel is of: what its model is called, and its place among all readings.
pub(crate) type PanelReading = (String, usize);

/// The panels side by side in one scrolling part, and what is in the cell that the reader looks at.
#[component]
pub(crate) fn Panels(
    readings: Arc<Vec<LensReading>>,
    map: LensHeatmap,
    /// By panel of the map: its reading, or the two that it is the difference of.
    of: Vec<Vec<PanelReading>>,
    /// Panels of the page that are before these.
    #[prop(default = 0)]
    before: usize,
    /// Whose panels these are, where the page has others.
    #[prop(into, optional)]
    whose: String,
    show: Memo<bool>,
    /// False: they were not shared, or stand elsewhere.
    with_continuations: bool,
) -> impl IntoView {
    let place = RwSignal::new(None::<Place>);
    let map = Arc::new(map);
    let panels = map
        .panels
        .iter()
        .zip(&of)
        .enumerate()
        .map(|(index, (panel, of))| {
            let continuations = of
                .iter()
                .filter(|_| with_continuations)
                .filter_map(|(name, place)| Some((name, readings.get(*place)?)))
                .map(|(name, reading)| continuation(reading, (of.len() > 1).then(|| name.clone()), show))
                .collect_view();
            let svg = lens_panel(&map, index, before + index).unwrap_or_default();
            let name = if whose.is_empty() { panel.title.clone() } else { format!("{whose}, {}", panel.title) };
            view! {
                <h3 class="lens-title">{panel.title.clone()}</h3>
                <div class="lens-continuation">{continuations}</div>
                <Grid index before name svg map=map.clone() place />
            }
        })
        .collect_view();
    let layers = lens_layers(&map, before);
    let detail = {
        let map = map.clone();
        move || match place.get() {
            None => {
                view! { <p class="muted">"Point at a cell, or move to a panel and use the arrow keys: what is in it is shown here."</p> }
                    .into_any()
            }
            Some((panel, layer, position)) => {
                let token = map.tokens.get(position).cloned().unwrap_or_default();
                let parts = of
                    .get(panel)
                    .into_iter()
                    .flatten()
                    .filter_map(|(name, place)| Some(detail_of(name, readings.get(*place)?.layers.get(layer)?.get(position)?)))
                    .collect_view();
                view! {
                    <p><strong>{layer_name(layer)}</strong> ", after " <span class="token">{token}</span> {format!(" (position {})", position + 1)}</p>
                    {parts}
                }
                .into_any()
            }
        }
    };
    let label = if whose.is_empty() { "The cell".to_string() } else { format!("The cell, {whose}") };
    view! {
        <div class="lens">
            <div class="lens-scroll">
                <span class="lens-corner"></span>
                <span class="lens-corner"></span>
                <div class="lens-layers" inner_html=layers></div>
                {panels}
            </div>
            <aside class="lens-detail" aria-live="polite" aria-label=label>{detail}</aside>
        </div>
    }
}

fn continuation(reading: &LensReading, name: Option<String>, show: Memo<bool>) -> impl IntoView + use<> {
    let name = name.map(|name| view! { <span class="muted">{name} ": "</span> });
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

fn detail_of(name: &str, cell: &LensCellView) -> impl IntoView + use<> {
    let rows = cell
        .top
        .iter()
        .map(|token| view! { <tr><td class="token">{token.text.clone()}</td><td class="number">{quantity::percent(token.probability)}</td></tr> })
        .collect_view();
    let numbers = format!("{name}: entropy {:.3} nats, KL to the original {} nats", cell.entropy, quantity::significant(cell.kl));
    view! {
        <p>{numbers}</p>
        <table class="narrow"><tbody>{rows}</tbody></table>
    }
}

/// One panel: a drawing, one handler for the pointer and one for the keys. One stop of the Tab key; arrows go from cell to cell.
#[component]
fn Grid(index: usize, before: usize, name: String, svg: String, map: Arc<LensHeatmap>, place: RwSignal<Option<Place>>) -> impl IntoView {
    let id = format!("lens-panel-{}", before + index);
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
    let label = format!("{name}: arrow keys go from cell to cell");
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
