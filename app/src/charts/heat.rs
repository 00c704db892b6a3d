//! Colours that are numbers: two ramps, a scale, and its legend. The theme leaves them as they are, so that one legend holds
//! everywhere; writing on them has the one of two inks that stands out.

use super::{
    axis::Ticks,
    canvas::{Anchor, Canvas, text_width},
    palette::{INK, MUTED},
};
use plotters::style::RGBColor;

/// Which ramp a heatmap has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HeatPalette {
    /// Blue low, red high, as in the paper's figures 1 and 3.
    #[default]
    Paper,
    /// Dark blue low, yellow high: its lightness alone tells values apart, whatever colours a reader sees.
    Safe,
}

const PAPER_RAMP: [RGBColor; 5] = [
    RGBColor(0x2C, 0x50, 0xA8),
    RGBColor(0x8A, 0xAF, 0xE2),
    RGBColor(0xEF, 0xEE, 0xEA),
    RGBColor(0xEE, 0x9C, 0x80),
    RGBColor(0xB0, 0x1E, 0x2C),
];
const SAFE_RAMP: [RGBColor; 5] = [
    RGBColor(0x08, 0x23, 0x4F),
    RGBColor(0x45, 0x4F, 0x6B),
    RGBColor(0x7E, 0x7D, 0x77),
    RGBColor(0xBD, 0xB0, 0x6C),
    RGBColor(0xFB, 0xE5, 0x3E),
];
pub(super) const DARK_INK: RGBColor = RGBColor(0x00, 0x00, 0x00);
pub(super) const LIGHT_INK: RGBColor = RGBColor(0xFE, 0xFE, 0xFE);
/// A cell that has no number.
pub(super) const NO_NUMBER: RGBColor = RGBColor(0xC9, 0xC8, 0xC3);

impl HeatPalette {
    pub const ALL: [Self; 2] = [Self::Paper, Self::Safe];

    /// As in an address.
    pub fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Safe => "safe",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Paper => "the paper’s",
            Self::Safe => "colour-blind safe",
        }
    }

    /// `place` from 0 to 1.
    pub(super) fn colour(self, place: f64) -> RGBColor {
        let ramp = if self == Self::Paper { PAPER_RAMP } else { SAFE_RAMP };
        // in steps that no eye tells apart, so that files stay small
        let place = (place.clamp(0.0, 1.0) * 64.0).round() / 64.0 * (ramp.len() - 1) as f64;
        let from = (place.floor() as usize).min(ramp.len() - 2);
        let part = place - from as f64;
        let mix = |one: u8, other: u8| (f64::from(one) + (f64::from(other) - f64::from(one)) * part).round() as u8;
        let (one, other) = (ramp[from], ramp[from + 1]);
        RGBColor(mix(one.0, other.0), mix(one.1, other.1), mix(one.2, other.2))
    }
}

/// The ink that stands out on a colour, by its relative luminance.
pub(super) fn ink_on(colour: RGBColor) -> RGBColor {
    if contrast(colour, DARK_INK) >= contrast(colour, LIGHT_INK) { DARK_INK } else { LIGHT_INK }
}

/// Contrast ratio as WCAG defines it, from 1 to 21.
pub(super) fn contrast(one: RGBColor, other: RGBColor) -> f64 {
    let luminance = |colour: RGBColor| {
        let linear = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2)
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// From numbers to colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeatScale {
    pub low: f64,
    pub high: f64,
    pub palette: HeatPalette,
}

impl HeatScale {
    pub(super) fn colour(&self, value: f64) -> RGBColor {
        let span = self.high - self.low;
        self.palette.colour(if span > 0.0 { (value - self.low) / span } else { 0.0 })
    }

    /// A bar of the colours with its ends and middle, and what they measure; 34 pixels high from `top`, `width` wide.
    pub(super) fn paint_legend(&self, canvas: &Canvas<'_>, left: f64, top: f64, width: f64, measure: &str) {
        const STEPS: usize = 65;
        canvas.text(left, top + 6.0, measure, 11.0, MUTED, Anchor::Start);
        for step in 0..STEPS {
            let x = |step: usize| left + width * step as f64 / STEPS as f64;
            // over into the next, so that no seam shows
            let end = (x(step + 1) + 1.0).min(left + width);
            canvas.bar(x(step), top + 14.0, end, top + 24.0, self.palette.colour(step as f64 / (STEPS - 1) as f64));
        }
        let ticks = Ticks::over(self.low, self.high, 4);
        let values = [self.low, (self.low + self.high) / 2.0, self.high];
        for (value, anchor) in values.into_iter().zip([Anchor::Start, Anchor::Middle, Anchor::End]) {
            let place = if self.high > self.low { (value - self.low) / (self.high - self.low) } else { 0.0 };
            let label = heat_number(value, ticks.step);
            // where there is no room the middle gives way
            if anchor != Anchor::Middle || text_width(&label, 11.0) * 3.5 < width {
                canvas.text(left + place * width, top + 31.0, &label, 11.0, INK, anchor);
            }
        }
    }
}

/// As exact as the step of the scale asks for.
pub(super) fn heat_number(value: f64, step: f64) -> String {
    let decimals = (1.0 - step.log10().floor()).clamp(0.0, 8.0) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.replace('-', "\u{2212}") }
}

#[cfg(test)]
mod tests {
    use super::super::palette::hex;
    use super::*;

    #[test]
    fn writing_stands_out_on_every_colour() {
        for palette in HeatPalette::ALL {
            for step in 0..=64 {
                let colour = palette.colour(f64::from(step) / 64.0);
                assert!(contrast(colour, ink_on(colour)) >= 4.5, "{palette:?} at {step}: {}", hex(colour));
            }
        }
        assert!(contrast(NO_NUMBER, ink_on(NO_NUMBER)) >= 4.5);
    }

    #[test]
    fn the_safe_ramp_grows_lighter_all_along() {
        let light: Vec<f64> = (0..=64).map(|step| contrast(HeatPalette::Safe.colour(f64::from(step) / 64.0), RGBColor(0, 0, 0))).collect();
        assert!(light.windows(2).all(|pair| pair[1] > pair[0]), "{light:?}");
    }

    #[test]
    fn no_theme_swaps_a_number_for_another() {
        let sheet = include_str!("../../../style/main.css");
        let ramps = HeatPalette::ALL.into_iter().flat_map(|palette| (0..=64).map(move |step| palette.colour(f64::from(step) / 64.0)));
        for colour in ramps.chain([DARK_INK, LIGHT_INK, NO_NUMBER]).map(hex) {
            assert!(!sheet.contains(&format!("\"{colour}\"")), "{colour} is swapped by style/main.css");
        }
    }

    #[test]
    fn numbers_of_a_legend_are_short() {
        for (value, step, text) in [
            (0.0, 2.5, "0"),
            (6.25, 2.5, "6.2"),
            (10.0, 2.5, "10"),
            (-0.5, 0.2, "\u{2212}0.5"),
            (0.0125, 0.005, "0.0125"),
            (-0.0, 1.0, "0"),
        ] {
            assert_eq!(heat_number(value, step), text, "{value} in steps of {step}");
        }
    }
}
