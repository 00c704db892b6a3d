//! How a quantity is spread over examples, one curve an arm over a common axis. Where arms differ by more than an order of magnitude the
//! axis is logarithmic, and the curves are densities of a decade.

use super::{
    Width,
    axis::Ticks,
    canvas::{Anchor, Description, draw, text_width},
    palette::{INK, MUTED, RULE, arm_colour},
};
use rankscope_domain::{Arm, inspection::Density};

/// One arm's curve.
#[derive(Debug, Clone)]
pub struct DensityRidge {
    pub arm: Arm,
    pub density: Density,
    /// A line marks it.
    pub mean: Option<f64>,
}

const ROW: f64 = 54.0;
const TOP: f64 = 12.0;
/// Means farther apart than this by their ratio are shown on a logarithmic axis.
const WIDE_RATIO: f64 = 10.0;

/// Whether these curves need a logarithmic axis.
pub fn is_logarithmic(ridges: &[DensityRidge]) -> bool {
    let reaches: Vec<f64> = ridges.iter().map(|ridge| ridge.density.to).filter(|to| to.is_finite() && *to > 0.0).collect();
    let (low, high) = (reaches.iter().copied().fold(f64::INFINITY, f64::min), reaches.iter().copied().fold(0.0, f64::max));
    high > WIDE_RATIO * low
}

/// `measure` is what is spread, with its unit. `None` where no arm has a curve.
pub fn density_ridges(name: &str, title: &str, measure: &str, ridges: &[DensityRidge], width: Width) -> Option<String> {
    let ridges: Vec<&DensityRidge> = ridges.iter().filter(|ridge| is_usable(&ridge.density)).collect();
    let owned: Vec<DensityRidge> = ridges.iter().map(|ridge| (*ridge).clone()).collect();
    let is_log = is_logarithmic(&owned);
    let high = ridges.iter().map(|ridge| ridge.density.to).reduce(f64::max)?;
    let low = if is_log {
        let smallest = ridges.iter().map(|ridge| ridge.mean.filter(|mean| *mean > 0.0).unwrap_or(ridge.density.to) / 30.0);
        smallest.fold(f64::INFINITY, f64::min).max(high * 1e-7)
    } else {
        ridges.iter().map(|ridge| ridge.density.from).fold(0.0, f64::min)
    };
    let (axis, along): (Ticks, Box<dyn Fn(f64) -> f64>) = if is_log {
        let axis = Ticks { low: low.log10().floor(), high: high.log10().ceil(), step: 1.0 };
        let scale = axis.clone();
        (axis, Box::new(move |value: f64| scale.place(value.max(f64::MIN_POSITIVE).log10())))
    } else {
        let axis = Ticks::over(low, high, if width == Width::Wide { 6 } else { 3 });
        let scale = axis.clone();
        (axis, Box::new(move |value: f64| scale.place(value)))
    };
    let start = if is_log { 10f64.powf(axis.low) } else { f64::NEG_INFINITY };
    let curves: Vec<Vec<(f64, f64)>> = ridges.iter().map(|ridge| curve(&ridge.density, is_log, start)).collect();
    let peak = curves.iter().flatten().map(|(_, y)| *y).fold(0.0, f64::max);
    if peak <= 0.0 {
        return None;
    }
    let arms: Vec<Arm> = ridges.iter().map(|ridge| ridge.arm).collect();
    let size = width.text_size();
    let left = arms.iter().map(|arm| text_width(&arm.label(), size)).fold(40.0, f64::max) + 12.0;
    let right = width.pixels() - 16.0;
    let height = TOP + ROW * ridges.len() as f64 + 50.0;
    let bottom = TOP + ROW * ridges.len() as f64;
    let text = ridges
        .iter()
        .map(|ridge| format!("{}: mean {}", ridge.arm.label(), ridge.mean.map_or_else(|| "none".into(), crate::quantity::significant)))
        .collect::<Vec<_>>()
        .join("; ");
    Some(draw(width.pixels(), height, &Description { id: &width.id(name), title, text: &text }, |canvas| {
        canvas.paper(width.pixels(), height);
        let x_of = |value: f64| left + along(value) * (right - left);
        let every = ((axis.high - axis.low) / axis.step / if width == Width::Wide { 10.0 } else { 5.0 }).ceil().max(1.0) as usize;
        for tick in axis.values().step_by(every) {
            let x = left + axis.place(tick) * (right - left);
            canvas.line(&[(x, TOP), (x, bottom)], RULE, 1.0);
            let label = if is_log { power_of_ten(tick) } else { axis.label(tick) };
            canvas.text(x, bottom + 12.0, &label, 11.0, MUTED, Anchor::Middle);
        }
        for (index, (ridge, curve)) in ridges.iter().zip(&curves).enumerate() {
            let base = TOP + ROW * (index + 1) as f64 - 4.0;
            let y_of = |density: f64| base - density / peak * (ROW - 10.0);
            let colour = arm_colour(ridge.arm, &arms);
            let points: Vec<(f64, f64)> = curve.iter().map(|&(x, y)| (x_of(x), y_of(y))).collect();
            if let (Some(first), Some(last)) = (points.first(), points.last()) {
                let around: Vec<_> = [(first.0, base)].into_iter().chain(points.iter().copied()).chain([(last.0, base)]).collect();
                canvas.shape(&around, colour, 0.25);
                canvas.line(&points, colour, 1.5);
            }
            canvas.line(&[(left, base), (right, base)], RULE, 1.0);
            if let Some(mean) = ridge.mean.filter(|mean| mean.is_finite()) {
                canvas.line(&[(x_of(mean), base), (x_of(mean), base - ROW + 12.0)], INK, 1.0);
            }
            canvas.text(left - 8.0, base - 10.0, &ridge.arm.label(), size, INK, Anchor::End);
        }
        let scale = match (is_log, width) {
            (false, _) => "",
            (true, Width::Wide) => ", logarithmic; curves are densities of a decade",
            (true, Width::Narrow) => ", log scale, per decade",
        };
        canvas.text(2.0, bottom + 30.0, &format!("{measure}{scale}"), 11.0, MUTED, Anchor::Start);
        canvas.text(2.0, bottom + 43.0, "line: mean", 11.0, MUTED, Anchor::Start);
    }))
}

fn is_usable(density: &Density) -> bool {
    density.values.len() > 1
        && density.from.is_finite()
        && density.to > density.from
        && density.values.iter().all(|value| value.is_finite())
}

/// Points of the curve. On a logarithmic axis `f(x)` becomes `f(x) x ln 10`, so that equal areas stay equal shares of examples.
fn curve(density: &Density, is_log: bool, start: f64) -> Vec<(f64, f64)> {
    let last = (density.values.len() - 1) as f64;
    let value_at = |x: f64| {
        let place = ((x - density.from) / (density.to - density.from) * last).clamp(0.0, last);
        let from = (place.floor() as usize).min(density.values.len() - 2);
        density.values[from] + (density.values[from + 1] - density.values[from]) * (place - from as f64)
    };
    if !is_log {
        return (0..density.values.len())
            .map(|index| (density.from + (density.to - density.from) * index as f64 / last, density.values[index]))
            .collect();
    }
    const STEPS: u32 = 160;
    let (low, high) = (start.max(density.from).max(f64::MIN_POSITIVE).ln(), density.to.ln());
    if high <= low {
        return Vec::new();
    }
    (0..=STEPS)
        .map(|step| (low + (high - low) * f64::from(step) / f64::from(STEPS)).exp())
        .map(|x| (x, value_at(x) * x * std::f64::consts::LN_10))
        .collect()
}

fn power_of_ten(exponent: f64) -> String {
    let exponent = exponent.round() as i32;
    if (-3..=3).contains(&exponent) { format!("{}", 10f64.powi(exponent)) } else { format!("1e{exponent}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_keeps_its_area_on_a_logarithmic_axis() {
        // even from 1 to 2
        let density = Density { bandwidth: 0.1, from: 1.0, to: 2.0, values: vec![1.0; 50] };
        let points = curve(&density, true, 0.1);
        let area: f64 = points.windows(2).map(|pair| (pair[1].0 / pair[0].0).log10() * (pair[0].1 + pair[1].1) / 2.0).sum();
        assert!((area - 1.0).abs() < 1e-3, "{area}");
        let plain = curve(&density, false, 0.1);
        let area: f64 = plain.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum();
        assert!((area - 1.0).abs() < 1e-9, "{area}");
    }
}
