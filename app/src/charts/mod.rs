//! Pure functions, data in, SVG out: one file a figure. The same code draws on the server, in the browser and into
//! an exported file, so none of it measures text or knows a theme.

mod axis;
mod canvas;
mod length_histogram;
mod loss_curves;
pub mod palette;
mod share_panel;
#[cfg(test)]
mod tests;
mod toxicity_bars;

pub use length_histogram::{LengthPanel, length_histogram};
pub use loss_curves::loss_curves;
pub use share_panel::{SharePanel, SharePoint, share_by_arm, share_panels};
pub use toxicity_bars::toxicity_bars;

/// For which width a figure is drawn: text keeps its size, and the drawing gives way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// A phone's column.
    Narrow,
    /// A page's column, and the exported file.
    Wide,
}

impl Width {
    fn pixels(self) -> f64 {
        match self {
            Width::Narrow => 328.0,
            Width::Wide => 720.0,
        }
    }

    fn text_size(self) -> f64 {
        match self {
            Width::Narrow => 11.0,
            Width::Wide => 12.0,
        }
    }

    /// Tells the elements of the two drawings in one page apart.
    fn id(self, name: &'static str) -> &'static str {
        match (name, self) {
            ("toxicity", Width::Narrow) => "toxicity-narrow",
            ("toxicity", Width::Wide) => "toxicity-wide",
            ("share", Width::Narrow) => "share-narrow",
            ("share", Width::Wide) => "share-wide",
            ("lengths", Width::Narrow) => "lengths-narrow",
            ("lengths", Width::Wide) => "lengths-wide",
            ("loss", Width::Narrow) => "loss-narrow",
            ("loss", Width::Wide) => "loss-wide",
            ("panels", Width::Narrow) => "panels-narrow",
            _ => "panels-wide",
        }
    }
}
