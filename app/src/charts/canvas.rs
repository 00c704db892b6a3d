//! A sheet to draw on, in CSS pixels from the top left. Plotters writes the SVG; nothing here measures text, since
//! neither a browser's worker nor a server without fonts could.

use super::palette::PAPER;
use plotters::{
    coord::Shift,
    prelude::{Circle, DrawingArea, IntoDrawingArea, PathElement, Polygon, Rectangle, SVGBackend, Text},
    style::{
        Color, IntoFont, RGBColor, ShapeStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

/// Plotters counts in whole units: this many of them make a pixel.
pub(super) const FINENESS: f64 = 8.0;
/// Plotters' SVG divides the size of a font by this.
const FONT_FACTOR: f64 = 1.24;
const FONT_FAMILY: &str = "Helvetica, Arial, sans-serif";

/// Where a text stands to its point, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// What a reader without eyes is told of a figure.
pub(super) struct Description<'a> {
    /// Unique in a page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) text: &'a str,
}

/// Draws a figure of `width` x `height` pixels.
pub(super) fn draw(width: f64, height: f64, description: &Description<'_>, paint: impl FnOnce(&Canvas<'_>)) -> String {
    let mut svg = String::new();
    {
        let size = (units(width) as u32, units(height) as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let canvas = Canvas { area };
        paint(&canvas);
        // writing to a string can't fail
        let _ = canvas.area.present();
    }
    let body = svg.find("<svg").and_then(|start| Some(start + svg[start..].find('>')? + 1)).map_or("", |end| &svg[end..]);
    let id = description.id;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-desc\"><title id=\"{id}-title\">{}</title><desc id=\"{id}-desc\">{}</desc>{}",
        units(width),
        units(height),
        escape(description.title),
        escape(description.text),
        body.trim_start(),
    )
}

fn units(pixels: f64) -> i32 {
    (pixels * FINENESS).round() as i32
}

fn at(x: f64, y: f64) -> (i32, i32) {
    (units(x), units(y))
}

/// About how wide a text is: no font is at hand to measure it.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars()
        .map(|letter| match letter {
            'i' | 'l' | 'j' | 't' | 'f' | 'r' | '.' | ',' | ' ' | '\u{202f}' | '(' | ')' | '-' => 0.34,
            'm' | 'w' | 'M' | 'W' | '%' => 0.88,
            letter if letter.is_ascii_uppercase() => 0.7,
            _ => 0.57,
        })
        .sum::<f64>()
        * size
}

/// The text, shortened to fit.
pub(super) fn fitted(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.into();
    }
    let mut short = String::new();
    for letter in text.chars() {
        short.push(letter);
        if text_width(&short, size) + size > width {
            break;
        }
    }
    short.push('…');
    short
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What is drawn of a line: the pattern runs on round its corners.
fn broken_pieces(points: &[(f64, f64)], dashes: &[f64]) -> Vec<Vec<(f64, f64)>> {
    let (mut pieces, mut piece) = (Vec::new(), Vec::new());
    let (mut turn, mut left) = (0, dashes[0].max(0.5));
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let length = (x1 - x0).hypot(y1 - y0);
        let mut gone = 0.0;
        while gone < length {
            let drawn = turn % 2 == 0;
            let place = |at: f64| (x0 + (x1 - x0) * at / length, y0 + (y1 - y0) * at / length);
            if drawn && piece.is_empty() {
                piece.push(place(gone));
            }
            let step = left.min(length - gone);
            gone += step;
            left -= step;
            if drawn {
                piece.push(place(gone));
            }
            if left <= 1e-9 {
                if drawn {
                    pieces.push(std::mem::take(&mut piece));
                }
                turn += 1;
                left = dashes[turn % dashes.len()].max(0.5);
            }
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

impl Canvas<'_> {
    /// A white sheet, for what is looked at outside a page.
    pub(super) fn paper(&self, width: f64, height: f64) {
        self.bar(0.0, 0.0, width, height, PAPER);
    }

    pub(super) fn bar(&self, left: f64, top: f64, right: f64, bottom: f64, colour: RGBColor) {
        let _ = self.area.draw(&Rectangle::new([at(left, top), at(right, bottom)], colour.filled()));
    }

    pub(super) fn line(&self, points: &[(f64, f64)], colour: RGBColor, width: f64) {
        let points: Vec<_> = points.iter().map(|&(x, y)| at(x, y)).collect();
        let style: ShapeStyle = colour.stroke_width(units(width) as u32);
        let _ = self.area.draw(&PathElement::new(points, style));
    }

    /// A rectangle that lets what is behind it through; `opacity` from 0 to 1.
    pub(super) fn shade(&self, left: f64, top: f64, right: f64, bottom: f64, colour: RGBColor, opacity: f64) {
        let _ = self.area.draw(&Rectangle::new([at(left, top), at(right, bottom)], colour.mix(opacity).filled()));
    }

    /// A filled shape; `opacity` from 0 to 1.
    pub(super) fn shape(&self, points: &[(f64, f64)], colour: RGBColor, opacity: f64) {
        let points: Vec<_> = points.iter().map(|&(x, y)| at(x, y)).collect();
        let _ = self.area.draw(&Polygon::new(points, colour.mix(opacity).filled()));
    }

    /// A line that is broken: lengths of what is drawn and left out by turns, in pixels; none: not broken.
    pub(super) fn broken(&self, points: &[(f64, f64)], dashes: &[f64], colour: RGBColor, width: f64) {
        if dashes.is_empty() {
            return self.line(points, colour, width);
        }
        for piece in broken_pieces(points, dashes) {
            self.line(&piece, colour, width);
        }
    }

    /// From left to right.
    pub(super) fn dashed(&self, left: f64, right: f64, y: f64, colour: RGBColor) {
        let mut x = left;
        while x < right {
            self.line(&[(x, y), ((x + 4.0).min(right), y)], colour, 1.0);
            x += 7.0;
        }
    }

    pub(super) fn dot(&self, x: f64, y: f64, radius: f64, colour: RGBColor) {
        let _ = self.area.draw(&Circle::new(at(x, y), units(radius + 1.5), PAPER.filled()));
        let _ = self.area.draw(&Circle::new(at(x, y), units(radius), colour.filled()));
    }

    /// A dot without a ring.
    pub(super) fn disc(&self, x: f64, y: f64, radius: f64, colour: RGBColor) {
        let _ = self.area.draw(&Circle::new(at(x, y), units(radius), colour.filled()));
    }

    /// `y` is the middle of the letters.
    pub(super) fn text(&self, x: f64, y: f64, text: &str, size: f64, colour: RGBColor, anchor: Anchor) {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let style = TextStyle::from((FONT_FAMILY, size * FINENESS * FONT_FACTOR).into_font())
            .color(&colour)
            .pos(Pos::new(horizontal, VPos::Center));
        let _ = self.area.draw(&Text::new(text.to_string(), at(x, y), style));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_line_has_its_pattern_round_a_corner() {
        let pieces = broken_pieces(&[(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)], &[4.0, 2.0]);
        assert_eq!(pieces, [vec![(0.0, 0.0), (4.0, 0.0)], vec![(5.0, 1.0), (5.0, 5.0)]]);
        let pieces = broken_pieces(&[(0.0, 0.0), (3.0, 0.0), (3.0, 3.0)], &[4.0, 2.0]);
        assert_eq!(pieces, [vec![(0.0, 0.0), (3.0, 0.0), (3.0, 1.0)]]);
        assert!(broken_pieces(&[(1.0, 1.0), (1.0, 1.0)], &[4.0, 2.0]).is_empty(), "no length, no line");
    }
}
