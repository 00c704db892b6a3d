//! A figure, its download and the table beside it.

use crate::{charts::Width, components::take_away::TakeAway, tables::table_of_figure};
use leptos::prelude::*;

/// `draw` gives the SVG for a width; both are in the page, and the style sheet shows the one that fits.
#[component]
pub(crate) fn Figure(
    /// In the address of the download, and the element's id.
    name: &'static str,
    title: &'static str,
    /// What it shows, how it was reckoned, and over how many.
    caption: String,
    draw: impl Fn(Width) -> Option<String>,
    /// The address below which its file and its numbers are, `/studies/{id}`.
    #[prop(into)]
    base: String,
    /// What of it is shown, as in the address: `?fraction=0.5`; empty: all.
    #[prop(into, optional)]
    query: String,
    /// The numbers of the figure as a table.
    children: Children,
) -> impl IntoView {
    let wide = draw(Width::Wide);
    let narrow = draw(Width::Narrow);
    let table = table_of_figure(name).to_string();
    let heading_id = format!("{name}-title");
    let id_of_heading = heading_id.clone();
    view! {
        <section class="figure" id=name aria-labelledby=heading_id>
            <h3 id=id_of_heading>{title}</h3>
            <p class="caption">{caption}</p>
            {wide.zip(narrow).map(|(wide, narrow)| {
                view! {
                    <div class="chart chart-wide" inner_html=wide></div>
                    <div class="chart chart-narrow" inner_html=narrow></div>
                }
            })}
            {children()}
            <TakeAway base figure=name table query />
        </section>
    }
}
