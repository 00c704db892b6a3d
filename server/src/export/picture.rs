//! From an SVG of ours to a PNG or a PDF, with a font that lies in the program: the same on every machine.

use krilla::{Document, SerializeSettings, geom::Size, page::PageSettings};
use krilla_svg::{SurfaceExt, SvgSettings};
use resvg::{
    tiny_skia::{Color, Pixmap, Transform},
    usvg::{FontResolver, Options, Tree, fontdb},
};
use std::sync::{Arc, LazyLock};

/// Of a PNG.
const DOTS_AN_INCH: f64 = 300.0;
/// Of an SVG, in which a pixel is a 96th of an inch.
const PIXELS_AN_INCH: f64 = 96.0;
const POINTS_AN_INCH: f64 = 72.0;
const METRES_AN_INCH: f64 = 0.0254;
const MILLIMETRES_AN_INCH: f64 = 25.4;
/// Dots of a PNG: some 250 MB of memory at most.
const MOST_DOTS: f64 = 6.0e7;

#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("the drawing can't be read: {0}")]
    Svg(#[from] resvg::usvg::Error),
    #[error(
        "The drawing would have {0:.0} x {1:.0} dots, more than are drawn. Take the SVG or the PDF, choose width=page, or show fewer arms."
    )]
    Size(f64, f64),
    #[error("the PNG can't be written: {0}")]
    Png(#[from] png::EncodingError),
    #[error("the PDF can't be written: {0}")]
    Pdf(String),
}

/// DejaVu Sans Condensed: as wide as the Helvetica that drawings are laid out for, and it has all the signs that they use.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(dejavu::sans_condensed::regular().to_vec());
    Arc::new(fonts)
});

fn read(svg: &str) -> Result<Tree, PictureError> {
    let the_font = FONTS.faces().next().map(|face| face.id);
    let options = Options {
        fontdb: FONTS.clone(),
        font_resolver: FontResolver { select_font: Box::new(move |_, _| the_font), select_fallback: Box::new(|_, _, _| None) },
        // nothing outside of the text is read
        image_href_resolver: resvg::usvg::ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    Ok(Tree::from_str(svg, &options)?)
}

/// Refuses a drawing that is too large for a PNG, by its head alone: before its texts are set, and before an archive that it would stand
/// in is begun.
pub(super) fn check_size(svg: &str) -> Result<(), PictureError> {
    let head = svg.find("<svg").and_then(|start| svg[start..].split('>').next()).unwrap_or_default();
    let dots = |name: &str| {
        let value = head.split_once(&format!(" {name}=\""))?.1.split('"').next()?;
        let inches = match value.strip_suffix("mm") {
            Some(millimetres) => millimetres.parse::<f64>().ok()? / MILLIMETRES_AN_INCH,
            None => value.parse::<f64>().ok()? / PIXELS_AN_INCH,
        };
        Some(inches * DOTS_AN_INCH)
    };
    match dots("width").zip(dots("height")) {
        Some((width, height)) if width * height > MOST_DOTS => Err(PictureError::Size(width, height)),
        _ => Ok(()),
    }
}

/// 300 dots an inch, and it says so.
pub fn png(svg: &str) -> Result<Vec<u8>, PictureError> {
    check_size(svg)?;
    let tree = read(svg)?;
    let scale = DOTS_AN_INCH / PIXELS_AN_INCH;
    let (width, height) = (f64::from(tree.size().width()) * scale, f64::from(tree.size().height()) * scale);
    let too_large = || PictureError::Size(width, height);
    if width * height > MOST_DOTS {
        return Err(too_large());
    }
    let mut pixels = Pixmap::new(width.round() as u32, height.round() as u32).ok_or_else(too_large)?;
    // the last row may stand half beyond the sheet
    pixels.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(scale as f32, scale as f32), &mut pixels.as_mut());
    // nothing of it is transparent
    let colours: Vec<u8> = pixels.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    let dots_a_metre = (DOTS_AN_INCH / METRES_AN_INCH).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: dots_a_metre, yppu: dots_a_metre, unit: png::Unit::Meter }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&colours)?;
    writer.finish()?;
    Ok(file)
}

/// A page of the drawing's size.
pub fn pdf(svg: &str) -> Result<Vec<u8>, PictureError> {
    let tree = read(svg)?;
    let scale = (POINTS_AN_INCH / PIXELS_AN_INCH) as f32;
    let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
    let failed = |what: &str| PictureError::Pdf(format!("{what}, {width} x {height} points"));
    let mut document = Document::new_with(SerializeSettings::default());
    let mut page = document.start_page_with(PageSettings::from_wh(width, height).ok_or_else(|| failed("no size of a page"))?);
    let mut surface = page.surface();
    let size = Size::from_wh(width, height).ok_or_else(|| failed("no size"))?;
    surface.draw_svg(&tree, size, SvgSettings::default()).ok_or_else(|| failed("the drawing can't be drawn"))?;
    surface.finish();
    page.finish();
    document.finish().map_err(|error| PictureError::Pdf(format!("{error:?}")))
}
