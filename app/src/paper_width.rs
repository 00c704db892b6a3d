//! How wide a figure stands in a paper, as in an address: `?width=column`.

use crate::charts::Width;
use rankscope_domain::FieldErrors;

/// A width in which figures are drawn for print. Their text is then 7 to 8 points high, as small as journals take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PaperWidth {
    /// One of two columns: 84 mm.
    Column,
    /// Both columns: 174 mm.
    #[default]
    Page,
}

impl PaperWidth {
    pub const ALL: [Self; 2] = [Self::Column, Self::Page];

    /// As in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Column => "column",
            Self::Page => "page",
        }
    }

    /// In names of files, after what the figure is called.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Column => "-column",
            Self::Page => "",
        }
    }

    pub fn millimetres(self) -> f64 {
        match self {
            Self::Column => 84.0,
            Self::Page => 174.0,
        }
    }

    /// For which a figure is drawn.
    pub fn drawing(self) -> Width {
        match self {
            Self::Column => Width::Narrow,
            Self::Page => Width::Wide,
        }
    }

    /// From the parameter `width` of a query; absent: the page's. What can't be read is said.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, FieldErrors> {
        let Some(asked) = get("width").filter(|value| !value.is_empty()) else { return Ok(Self::default()) };
        let known = Self::ALL.into_iter().find(|width| width.name() == asked);
        known.ok_or_else(|| FieldErrors::one("width", asked, "There is no such width. There are: column (84 mm) and page (174 mm)."))
    }

    /// A figure that was drawn for this width, as a file of that size on paper. What is drawn wider is made smaller until it fits.
    /// Lengths that not every program knows are written as numbers.
    pub fn fit(self, svg: &str) -> String {
        let Some((left, right)) = svg.split_once('>') else { return svg.into() };
        let size = |name: &str| attribute(left, name)?.parse::<f64>().ok().filter(|pixels| *pixels > 0.0);
        let (Some(width), Some(height)) = (size("width"), size("height")) else { return svg.into() };
        let scale = self.millimetres() / width.max(self.drawing().pixels());
        let written = |pixels: f64| format!("{}mm", (pixels * scale * 100.0).round() / 100.0);
        let left = left.replacen(&format!(" width=\"{width}\""), &format!(" width=\"{}\"", written(width)), 1).replacen(
            &format!(" height=\"{height}\""),
            &format!(" height=\"{}\"", written(height)),
            1,
        );
        format!("{left}>{}", without_ex(right))
    }
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = tag.split_once(&format!(" {name}=\""))?;
    value.split('"').next()
}

/// Half a font's x-height, which is what texts are set lower by to stand in the middle of a line.
const HALF_X_HEIGHT: f64 = 0.262;
const IN_EX: &str = " dy=\"0.5ex\"";

fn without_ex(svg: &str) -> String {
    let mut plain = String::with_capacity(svg.len());
    for (index, part) in svg.split(IN_EX).enumerate() {
        if index > 0 {
            let tag = part.split('>').next().unwrap_or_default();
            let size = attribute(tag, "font-size").and_then(|size| size.parse::<f64>().ok()).unwrap_or_default();
            plain.push_str(&format!(" dy=\"{}\"", (size * HALF_X_HEIGHT * 10.0).round() / 10.0));
        }
        plain.push_str(part);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_its_size_on_paper() {
        let text = "<text x=\"0\" y=\"8\" dy=\"0.5ex\" text-anchor=\"start\" font-size=\"96\">x</text>";
        let svg = |width: u32| format!("<svg xmlns=\"x\" width=\"{width}\" height=\"100\" viewBox=\"0 0 1 1\">{text}</svg>");
        for (paper, width, size) in [
            (PaperWidth::Page, 720, " width=\"174mm\" height=\"24.17mm\""),
            (PaperWidth::Column, 328, " width=\"84mm\" height=\"25.61mm\""),
            // wider than the paper: smaller; narrower: text keeps its size
            (PaperWidth::Page, 1440, " width=\"174mm\" height=\"12.08mm\""),
            (PaperWidth::Page, 360, " width=\"87mm\" height=\"24.17mm\""),
        ] {
            let fitted = paper.fit(&svg(width));
            assert!(fitted.contains(size), "{fitted}");
            assert!(fitted.contains(" y=\"8\" dy=\"25.2\" text-anchor"), "{fitted}");
        }
        assert_eq!(PaperWidth::Page.fit("no figure"), "no figure");
    }

    #[test]
    fn a_width_is_read_and_another_refused() {
        let read = |value: &str| PaperWidth::read(|name| (name == "width" && !value.is_empty()).then(|| value.to_string()));
        assert_eq!(read(""), Ok(PaperWidth::Page));
        assert_eq!(read("column"), Ok(PaperWidth::Column));
        assert!(read("84mm").unwrap_err().to_string().contains("column (84 mm) and page"));
    }
}
