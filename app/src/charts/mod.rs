//! Pure functions, data in, SVG out: one file a figure. The same code draws on the server, in the browser and into
//! an exported file, so none of it measures text or knows a theme.

mod accuracy_curves;
mod arm_style;
mod axis;
mod canvas;
mod compared_curves;
mod compared_lens;
mod compared_rows;
mod confusion_matrices;
mod density_ridges;
mod heat;
mod label_column;
mod length_histogram;
mod lens_heatmap;
mod loss_curves;
mod margin_histograms;
mod measure_dots;
pub mod palette;
mod panel_grid;
mod reliability_curves;
mod share_panel;
#[cfg(test)]
pub(crate) mod tests;
mod token_strip;
mod toxicity_bars;
mod trade_off;
mod weight_heatmap;

pub use accuracy_curves::{AccuracyCurves, AccuracyLine, Side, accuracy_curves};
pub use compared_curves::{CurvesPanel, compared_curves};
pub use compared_lens::{LensRow, LensRows, compared_lens, compared_lens_sheet};
pub use compared_rows::{ComparedRow, ComparedRows, RowBlock, RowMark, RowPanel, compared_rows};
pub use confusion_matrices::{ConfusionPanel, confusion_matrices};
pub use density_ridges::{DensityRidge, density_ridges, is_logarithmic};
pub use heat::{HeatPalette, HeatScale};
pub use length_histogram::{LengthPanel, length_histogram};
pub use lens_heatmap::{LENS_CELL, LensHeatmap, LensPanel, layer_name, lens_layers, lens_legend, lens_panel, lens_sheet};
pub use loss_curves::loss_curves;
pub use margin_histograms::{MarginPanel, margin_histograms};
pub use measure_dots::{MeasurePanel, measure_dots};
pub use reliability_curves::{ReliabilityPanel, reliability_curves};
pub use share_panel::{SharePanel, SharePoint, share_by_arm, share_panels};
pub use token_strip::{token_strip, token_strip_legend};
pub use toxicity_bars::{BarLink, group_bars, toxicity_bars, with_bar_links};
pub use trade_off::{TradeAxes, TradePoint, trade_off};
pub use weight_heatmap::{WeightPanel, weight_heatmap};

/// For which width a figure is drawn: text keeps its size, and the drawing gives way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// A phone's column.
    Narrow,
    /// A page's column, and the exported file.
    Wide,
}

impl Width {
    pub(crate) fn pixels(self) -> f64 {
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
    fn id(self, name: &str) -> String {
        match self {
            Width::Narrow => format!("{name}-narrow"),
            Width::Wide => format!("{name}-wide"),
        }
    }
}
