//! Links to a figure and to its numbers as files.

use crate::tables::{TableFormat, is_table};
use leptos::prelude::*;

/// Endings of a figure's files, as they are called.
const FIGURE_FORMATS: [(&str, &str); 3] = [("svg", "SVG"), ("png", "PNG"), ("pdf", "PDF")];

/// A figure and a table, each as files. Empty names: none.
#[component]
pub(crate) fn TakeAway(
    /// The address below which they are, `/studies/{id}`.
    #[prop(into)]
    base: String,
    #[prop(default = "")] figure: &'static str,
    #[prop(into, optional)] table: String,
    /// What is shown of them, as in the address: `?fraction=0.5`; empty: all.
    #[prop(into, optional)]
    query: String,
) -> impl IntoView {
    let link = |address: String, label: &str, what: String| {
        view! { <a href=address download="" rel="external" aria-label=what>{label.to_string()}</a> }
    };
    let figures = (!figure.is_empty()).then(|| {
        let links = |width: &str, said: &str| {
            let query = match (query.is_empty(), width.is_empty()) {
                (_, true) => query.clone(),
                (true, false) => format!("?width={width}"),
                (false, false) => format!("{query}&width={width}"),
            };
            FIGURE_FORMATS
                .map(|(ending, label)| {
                    link(format!("{base}/figures/{figure}.{ending}{query}"), label, format!("Figure {figure}{said} as {label}"))
                })
                .collect_view()
        };
        view! {
            <span class="formats">"Figure" {links("", "")}</span>
            <span class="formats"><abbr title="84 mm, a paper’s column">"Column width"</abbr> {links("column", ", column width,")}</span>
        }
    });
    let tables = is_table(&table).then(|| {
        let links = TableFormat::ALL
            .map(|format| {
                let label = format.label();
                link(format!("{base}/tables/{table}.{}{query}", format.extension()), label, format!("Table {table} as {label}"))
            })
            .collect_view();
        view! { <span class="formats">"Numbers" {links}</span> }
    });
    view! { <p class="take-away">{figures}{tables}</p> }
}
