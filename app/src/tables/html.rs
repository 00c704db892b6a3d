//! A table as markup, for a report that stands by itself. Texts are escaped: the result is safe as it is.

use super::Table;

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

pub(super) fn write(table: &Table) -> String {
    let constants = table.constants();
    let shown = table.shown_columns();
    let mut html = format!("<table><caption>{}", escape(&table.caption));
    for (index, said) in &constants {
        html.push_str(&format!(" {}: {}.", escape(&table.columns[*index].heading), escape(said)));
    }
    for (n, headings) in table.common_n(&shown) {
        html.push_str(&format!(" {}: n = {n}.", escape(&headings.join(", "))));
    }
    html.push_str("</caption><thead><tr>");
    for &index in &shown {
        html.push_str(&format!("<th scope=\"col\"{}>{}</th>", class(table, index), escape(&table.columns[index].full_heading())));
    }
    html.push_str("</tr></thead><tbody>");
    for row in &table.rows {
        html.push_str("<tr>");
        for (place, &index) in shown.iter().enumerate() {
            let (value, column) = (&row[index], &table.columns[index]);
            let n = value
                .n()
                .filter(|&n| n > 0 && table.n_differs(index) && value.shown_interval(column.unit).is_some())
                .map(|n| format!("n = {n}"));
            let interval = value.shown_interval(column.unit).map(|(low, high)| format!("{low} to {high}"));
            let detail = interval.into_iter().chain(n).collect::<Vec<_>>().join(", ");
            let detail = if detail.is_empty() { detail } else { format!("<span class=\"detail\">{}</span>", escape(&detail)) };
            let (open, close) = if place == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
            html.push_str(&format!("<{open}{}>{}{detail}</{close}>", class(table, index), escape(&value.shown(column.unit))));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table>");
    let definitions: String = shown
        .iter()
        .map(|&index| &table.columns[index])
        .filter(|column| !column.definition.is_empty())
        .map(|column| format!("<dt>{}</dt><dd>{}</dd>", escape(&column.heading), escape(&column.definition)))
        .collect();
    if !definitions.is_empty() {
        html.push_str(&format!("<dl class=\"definitions\">{definitions}</dl>"));
    }
    html
}

fn class(table: &Table, index: usize) -> &'static str {
    if table.rows.first().is_some_and(|row| row[index].is_text()) { "" } else { " class=\"number\"" }
}
