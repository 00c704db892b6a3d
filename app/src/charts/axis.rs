//! Round numbers for axes.

/// From `low` to `high` in steps that a reader can count in: 1, 2, 2.5 or 5 times a power of ten.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ticks {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) step: f64,
}

impl Ticks {
    /// About `wanted` ticks that hold both ends.
    pub(super) fn over(low: f64, high: f64, wanted: u32) -> Self {
        let span = if (high - low).is_finite() && high - low > 1e-9 { high - low } else { 1.0 };
        let raw = span / f64::from(wanted.max(1));
        let power = 10f64.powf(raw.log10().floor());
        let step =
            [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= raw * 0.999).unwrap_or(power * 10.0);
        let low = (low / step + 1e-9).floor() * step;
        let high = ((low + span.max(high - low)) / step - 1e-9).ceil() * step;
        Self { low, high: high.max(low + step), step }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = f64> {
        let count = ((self.high - self.low) / self.step).round() as u32;
        (0..=count).map(|index| self.low + f64::from(index) * self.step)
    }

    /// Where a value is between the ends, 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// With as many decimals as the step needs.
    pub(super) fn label(&self, value: f64) -> String {
        let decimals = (0..6).find(|&decimals| (self.step * 10f64.powi(decimals)).fract().abs() < 1e-6).unwrap_or(6) as usize;
        format!("{value:.decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_the_data() {
        for (low, high, wanted, expected) in [
            (0.0, 7.3, 4, vec!["0", "2", "4", "6", "8"]),
            (0.0, 100.0, 4, vec!["0", "25", "50", "75", "100"]),
            (0.0, 0.4, 4, vec!["0.0", "0.1", "0.2", "0.3", "0.4"]),
            (1.2, 4.9, 4, vec!["1", "2", "3", "4", "5"]),
            (3.0, 3.0, 2, vec!["3.0", "3.5", "4.0"]),
        ] {
            let ticks = Ticks::over(low, high, wanted);
            let labels: Vec<_> = ticks.values().map(|value| ticks.label(value)).collect();
            assert_eq!(labels, expected, "{low} to {high}");
        }
    }
}
