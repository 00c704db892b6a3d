//! How arms are told apart without colour: by the shape of their markers and by how their lines are broken.

use super::{canvas::Canvas, palette::PAPER};
use plotters::style::RGBColor;
use rankscope_domain::Arm;

/// An arm's line and marker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ArmStyle {
    /// Drawn and left out by turns, in pixels; empty: solid.
    pub(super) dashes: &'static [f64],
    /// Of the line, in pixels.
    pub(super) thickness: f64,
    pub(super) marker: Option<Marker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Wedge,
    Star,
    Pentagon,
    Plank,
    Pillar,
}

/// By rank, lowest first: the first dashes grow with the rank.
const RANKS: [(&[f64], Marker); 8] = [
    (&[2.0, 3.0], Marker::Square),
    (&[5.0, 3.0], Marker::Triangle),
    (&[9.0, 3.0], Marker::Diamond),
    (&[15.0, 4.0], Marker::Wedge),
    (&[9.0, 3.0, 2.0, 3.0], Marker::Star),
    (&[15.0, 3.0, 2.0, 3.0], Marker::Pentagon),
    (&[9.0, 3.0, 2.0, 3.0, 2.0, 3.0], Marker::Plank),
    (&[15.0, 3.0, 5.0, 3.0], Marker::Pillar),
];

/// The look of an arm among the arms of its study; the same whichever of them are shown.
pub(super) fn arm_style(arm: Arm, arms: &[Arm]) -> ArmStyle {
    match arm {
        Arm::Original => ArmStyle { dashes: &[1.5, 3.5], thickness: 1.25, marker: None },
        Arm::Full => ArmStyle { dashes: &[], thickness: 2.75, marker: Some(Marker::Circle) },
        Arm::Lora(r) => {
            let mut ranks: Vec<u32> = arms.iter().filter_map(|arm| arm.rank()).collect();
            ranks.sort_unstable();
            ranks.dedup();
            let place = ranks.iter().position(|&rank| rank == r).unwrap_or(0);
            let (dashes, marker) = RANKS[place % RANKS.len()];
            ArmStyle { dashes, thickness: 1.5, marker: Some(marker) }
        }
    }
}

impl Marker {
    /// Corners around the middle, `radius` pixels from it; none for a circle.
    fn corners(self, radius: f64) -> Vec<(f64, f64)> {
        let ring = |count: usize, turn: f64, reach: &dyn Fn(usize) -> f64| {
            (0..count)
                .map(|index| {
                    let angle = (index as f64 / count as f64 + turn) * std::f64::consts::TAU;
                    (reach(index) * angle.sin(), -reach(index) * angle.cos())
                })
                .collect::<Vec<_>>()
        };
        let box_of = |x: f64, y: f64| vec![(-x, -y), (x, -y), (x, y), (-x, y)];
        match self {
            Marker::Circle => Vec::new(),
            Marker::Square => box_of(radius * 0.88, radius * 0.88),
            Marker::Triangle => ring(3, 0.0, &|_| radius * 1.25),
            Marker::Diamond => ring(4, 0.0, &|_| radius * 1.25),
            Marker::Wedge => ring(3, 0.5, &|_| radius * 1.25),
            Marker::Star => ring(10, 0.0, &|index| if index % 2 == 0 { radius * 1.4 } else { radius * 0.6 }),
            Marker::Pentagon => ring(5, 0.0, &|_| radius * 1.1),
            Marker::Plank => box_of(radius * 1.25, radius * 0.6),
            Marker::Pillar => box_of(radius * 0.6, radius * 1.25),
        }
    }
}

/// A marker at a point: filled, or in outline.
pub(super) fn paint_marker(canvas: &Canvas<'_>, marker: Marker, (x, y): (f64, f64), radius: f64, colour: RGBColor, is_filled: bool) {
    if marker == Marker::Circle {
        canvas.dot(x, y, radius, colour);
        if !is_filled {
            canvas.disc(x, y, radius - 1.5, PAPER);
        }
        return;
    }
    let scaled = |radius: f64| -> Vec<(f64, f64)> { marker.corners(radius).into_iter().map(|(dx, dy)| (x + dx, y + dy)).collect() };
    // the ring keeps it apart from lines that it lies on
    canvas.shape(&scaled(radius + 1.5), PAPER, 1.0);
    canvas.shape(&scaled(radius), colour, 1.0);
    if !is_filled {
        canvas.shape(&scaled(radius - 1.75), PAPER, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_eight_ranks_and_the_others_all_look_different() {
        let arms: Vec<Arm> = [Arm::Original].into_iter().chain([1, 2, 4, 8, 16, 32, 64, 128].map(Arm::Lora)).chain([Arm::Full]).collect();
        for (index, &arm) in arms.iter().enumerate() {
            for &other in &arms[..index] {
                let (one, two) = (arm_style(arm, &arms), arm_style(other, &arms));
                assert!(one.dashes != two.dashes && one.marker != two.marker, "{arm} and {other}");
            }
        }
    }
}
