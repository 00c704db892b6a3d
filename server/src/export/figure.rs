//! A figure as a file, by its name and the query of its address.

use super::{
    ExportedFile, Query, Shown, nothing_there,
    picture::{self, PictureError},
    variants::file_stem,
};
use rankscope_app::{FIGURES, FigureView, LENS_FIGURE, LensView, PaperWidth, charts::Width, error::AppError, figure_svg, lens_svg};
use rankscope_domain::FieldErrors;

/// What a figure is written as. All are of the same drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureFormat {
    Svg,
    /// 300 dots an inch.
    Png,
    /// One page of the figure's size, its texts as text.
    Pdf,
}

impl FigureFormat {
    pub const ALL: [Self; 3] = [Self::Svg, Self::Png, Self::Pdf];

    /// As files end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Pdf => "pdf",
        }
    }

    /// A file's name without its ending, and what it is; `None`: no figure is written so.
    pub fn of_file(file: &str) -> Option<(&str, Self)> {
        let (name, extension) = file.rsplit_once('.')?;
        Some((name, Self::ALL.into_iter().find(|format| format.extension() == extension)?))
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
            Self::Pdf => "application/pdf",
        }
    }
}

/// A figure as it is asked for: which, as what, and how wide on paper. Whatever has figures to take away hands them out by this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedFigure {
    pub name: &'static str,
    format: FigureFormat,
    width: PaperWidth,
}

impl AskedFigure {
    /// `file`: name and ending, `accuracy.png`; `names`: of the figures that there are. The query has the width: `?width=column`.
    pub fn read(file: &str, names: &[&'static str], query: Query<'_>) -> Result<Self, AppError> {
        let known = FigureFormat::of_file(file).and_then(|(name, format)| Some((*names.iter().find(|known| **known == name)?, format)));
        let (name, format) = known.ok_or_else(|| {
            AppError::NotFound(format!("There is no such figure. There are, ending in .svg, .png or .pdf: {}.", names.join(", ")))
        })?;
        let width = PaperWidth::read(query).map_err(AppError::Invalid)?;
        Ok(Self { name, format, width })
    }

    /// The file. `draw`: for a width; `None`: there is nothing to draw.
    pub fn file(self, draw: impl FnOnce(Width) -> Result<Option<String>, AppError>) -> Result<ExportedFile, AppError> {
        self.file_named(self.name, draw)
    }

    /// The file, by a name that also says of what it is, without width and ending.
    fn file_named(self, stem: &str, draw: impl FnOnce(Width) -> Result<Option<String>, AppError>) -> Result<ExportedFile, AppError> {
        let svg = draw(self.width.drawing())?.ok_or_else(|| nothing_there("figure"))?;
        figure_picture(&format!("{stem}{}", self.width.suffix()), &self.width.fit(&svg), self.format)
    }
}

/// `file`: name and ending, `accuracy.png`. The query says what of it, as on its page, and for which width: `?width=column`.
pub fn figure_file(file: &str, shown: Shown<'_>, query: Query<'_>) -> Result<ExportedFile, AppError> {
    let asked = AskedFigure::read(file, FIGURES, query)?;
    asked.file_named(&file_stem(asked.name, shown, query), |width| {
        let svg = if asked.name == LENS_FIGURE {
            let (view, errors) = LensView::read(query);
            let view = errors.into_result(view).map_err(AppError::Invalid)?;
            lens_svg(shown.readings, &view, width)
        } else {
            let (view, errors) = FigureView::read(query);
            let view = errors.into_result(view).map_err(AppError::Invalid)?;
            figure_svg(asked.name, shown.results, &view, width)
        };
        svg.map_err(AppError::Invalid)
    })
}

/// A drawing, fitted to its width on paper, in a format.
pub fn figure_picture(name: &str, svg: &str, format: FigureFormat) -> Result<ExportedFile, AppError> {
    let failed = |error: PictureError| match error {
        // nothing is wrong with the server: the reader can ask for another drawing
        PictureError::Size(..) => {
            AppError::Invalid(FieldErrors::one("figure", format!("{name}.{}", format.extension()), error.to_string()))
        }
        other => crate::error::internal("writing a figure", &other),
    };
    let bytes = match format {
        FigureFormat::Svg => format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{svg}").into_bytes(),
        FigureFormat::Png => picture::png(svg).map_err(failed)?,
        FigureFormat::Pdf => picture::pdf(svg).map_err(failed)?,
    };
    Ok(ExportedFile { name: format!("{name}.{}", format.extension()), media_type: format.media_type(), bytes })
}
