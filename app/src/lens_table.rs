//! Every cell of the lens as a table, written as text: thousands of cells would be too many for components.

use crate::{charts::layer_name, lens_view::LensView, quantity};
use rankscope_domain::inspection::LensReading;

/// One table an arm that is shown; `view` resolved. Safe to be put into a page as it is.
pub(crate) fn lens_table(readings: &[LensReading], view: &LensView) -> String {
    let mut html = String::new();
    for reading in readings.iter().filter(|reading| view.arms.contains(&reading.cell.arm)) {
        html.push_str(&format!(
            "<table class=\"lens-table\"><caption>{}: the likeliest token, its probability; entropy; KL to the original, nats</caption><thead><tr><th scope=\"col\">Layer</th>",
            escape(&reading.cell.arm.label())
        ));
        for token in &reading.tokens {
            html.push_str(&format!("<th scope=\"col\">{}</th>", escape(token)));
        }
        html.push_str("</tr></thead><tbody>");
        for (layer, row) in reading.layers.iter().enumerate().rev() {
            html.push_str(&format!("<tr><th scope=\"row\">{}</th>", layer_name(layer)));
            for cell in row {
                let top = cell.top.first();
                html.push_str(&format!(
                    "<td>{} {}<span class=\"detail\">{:.2}; {}</span></td>",
                    top.map(|token| escape(&token.text)).unwrap_or_default(),
                    top.map(|token| quantity::percent(token.probability)).unwrap_or_default(),
                    cell.entropy,
                    quantity::significant(cell.kl)
                ));
            }
            html.push_str("</tr>");
        }
        html.push_str("</tbody></table>");
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspection_fixture::readings;
    use rankscope_domain::Arm;

    #[test]
    fn a_table_lists_every_cell_and_no_markup_of_tokens() {
        let readings: Vec<_> = readings(&[Arm::Original, Arm::Full], 3, 5).into_iter().take(2).collect();
        let (view, _) = LensView::default().resolve(1, &readings);
        let html = lens_table(&readings, &view);
        assert_eq!((html.matches("<td>").count(), html.matches("<table").count()), (2 * 4 * 5, 2));
        assert!(html.contains("&lt;script&gt;&amp;&quot;") && !html.contains("<script"), "{html}");
        assert!(html.find("layer 3").unwrap() < html.find("embedding").unwrap(), "the last layer is on top");
    }
}
