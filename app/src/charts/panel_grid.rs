//! Small panels in rows and columns.

/// A place on the sheet, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Frame {
    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// Cells of one size, row by row from the top left.
pub(super) struct PanelGrid {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) cell_width: f64,
    pub(super) cell_height: f64,
    /// Above the first row.
    pub(super) top: f64,
}

impl PanelGrid {
    pub(super) fn new(panels: usize, columns: usize, sheet_width: f64, cell_height: f64, top: f64) -> Self {
        let columns = columns.clamp(1, panels.max(1));
        Self { columns, rows: panels.div_ceil(columns), cell_width: sheet_width / columns as f64, cell_height, top }
    }

    pub(super) fn height(&self) -> f64 {
        self.top + self.rows as f64 * self.cell_height
    }

    pub(super) fn cell(&self, index: usize) -> Frame {
        let (column, row) = ((index % self.columns) as f64, (index / self.columns) as f64);
        let (left, top) = (column * self.cell_width, self.top + row * self.cell_height);
        Frame { left, top, right: left + self.cell_width, bottom: top + self.cell_height }
    }
}
