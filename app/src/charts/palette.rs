//! The colours of figures. A downloaded file has them as they are here; in a page, `style/main.css` swaps them by
//! their value for the reader's theme, so every value here has its line there (a test holds the two together).

use plotters::style::RGBColor;
use rankscope_domain::Arm;

pub const INK: RGBColor = RGBColor(0x1B, 0x1B, 0x1A);
pub const MUTED: RGBColor = RGBColor(0x5C, 0x5C, 0x58);
pub const RULE: RGBColor = RGBColor(0xD9, 0xD8, 0xD2);
/// Text on a toxic or non-toxic bar.
pub const ON_BAR: RGBColor = RGBColor(0xFF, 0xFF, 0xFE);
/// What lies behind a figure; points are ringed with it.
pub const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
pub const TOXIC: RGBColor = RGBColor(0xBF, 0x52, 0x09);
pub const NON_TOXIC: RGBColor = RGBColor(0x2F, 0x6D, 0xB5);
pub const UNPARSABLE: RGBColor = RGBColor(0x8A, 0x8A, 0x84);
/// The group that keeps all its training examples, and the one whose examples are made few: as in the paper.
pub const MAJORITY: RGBColor = RGBColor(0xB8, 0x2B, 0x2E);
pub const MINORITY: RGBColor = RGBColor(0x1F, 0x5F, 0xB0);
pub const ORIGINAL: RGBColor = RGBColor(0x76, 0x76, 0x71);
/// Ranks, low to high.
pub const RAMP: [RGBColor; 8] = [
    RGBColor(0x7C, 0xC5, 0xB9),
    RGBColor(0x63, 0xB3, 0xA6),
    RGBColor(0x4B, 0xA0, 0x94),
    RGBColor(0x37, 0x8D, 0x82),
    RGBColor(0x27, 0x79, 0x6F),
    RGBColor(0x1A, 0x65, 0x5D),
    RGBColor(0x10, 0x51, 0x4B),
    RGBColor(0x08, 0x3D, 0x39),
];
pub const FULL: RGBColor = RGBColor(0x8F, 0x24, 0x68);

/// The colour of an arm among the arms of its study: the lowest rank the lightest, the highest the darkest.
pub fn arm_colour(arm: Arm, arms: &[Arm]) -> RGBColor {
    match arm {
        Arm::Original => ORIGINAL,
        Arm::Full => FULL,
        Arm::Lora(r) => {
            let mut ranks: Vec<u32> = arms.iter().filter_map(|arm| arm.rank()).collect();
            ranks.sort_unstable();
            ranks.dedup();
            let place = ranks.iter().position(|&rank| rank == r).unwrap_or(0);
            let steps = ranks.len().saturating_sub(1).max(1);
            // one rank alone takes the middle of the ramp
            if ranks.len() < 2 { RAMP[4] } else { RAMP[place * (RAMP.len() - 1) / steps] }
        }
    }
}

/// As `#RRGGBB`.
pub fn hex(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

pub fn arm_hex(arm: Arm, arms: &[Arm]) -> String {
    hex(arm_colour(arm, arms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_go_from_light_to_dark() {
        for ranks in [vec![2, 8], vec![2, 8, 64], vec![1, 2, 4, 8, 16, 32, 64, 128]] {
            let arms: Vec<Arm> = ranks.iter().map(|&r| Arm::Lora(r)).collect();
            let brightness: Vec<u32> =
                arms.iter().map(|&arm| arm_colour(arm, &arms)).map(|c| u32::from(c.0) + u32::from(c.1) + u32::from(c.2)).collect();
            assert!(brightness.windows(2).all(|pair| pair[0] > pair[1]), "{ranks:?}: {brightness:?}");
        }
    }

    #[test]
    fn the_style_sheet_knows_every_colour() {
        let sheet = include_str!("../../../style/main.css");
        let all = [INK, MUTED, RULE, ON_BAR, PAPER, TOXIC, NON_TOXIC, UNPARSABLE, MAJORITY, MINORITY, ORIGINAL, FULL];
        for colour in all.into_iter().chain(RAMP).map(hex) {
            assert!(sheet.contains(&format!("[fill=\"{colour}\"]")), "{colour} has no line in style/main.css");
        }
    }
}
