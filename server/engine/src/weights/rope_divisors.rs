//! Llama 3.1's rope scaling as GGUF files keep it: `rope_freqs.weight`, by what each rotary frequency is divided. Its
//! four numbers, which Hugging Face's config has, follow from them.

use crate::config::{ModelConfig, Positions, RopeScaling};
use std::f64::consts::PI;

/// How far a divisor may be from what the scaling gives, relative: they are f32.
const TOLERANCE: f64 = 1e-4;

/// The scaling that divides a model's frequencies by `divisors`; `None` where Llama 3.1's can't, or where positions don't rotate.
///
/// A frequency that turns `t` times in the original context keeps a share `s = (t - low) / (high - low)` of itself and the rest is
/// divided by `factor`. Only ratios of `low`, `high` and the context matter, so `low` is 1, as in every published config.
pub(super) fn llama3_scaling(config: &ModelConfig, divisors: &[f32]) -> Option<RopeScaling> {
    let plain = frequencies(config, RopeScaling::None)?;
    if plain.len() != divisors.len() || divisors.iter().any(|divisor| !divisor.is_finite() || *divisor < 1.0) {
        return None;
    }
    let factor = f64::from(divisors.iter().copied().fold(1.0, f32::max));
    if factor == 1.0 {
        return Some(RopeScaling::None);
    }
    let turns_a_token = |frequency: f32| f64::from(frequency) / (2.0 * PI);
    let share = |divisor: f32| (1.0 / f64::from(divisor) - 1.0 / factor) / (1.0 - 1.0 / factor);
    let blended: Vec<(f64, f64)> = plain
        .iter()
        .zip(divisors)
        .map(|(&frequency, &divisor)| (turns_a_token(frequency), share(divisor)))
        .filter(|(_, share)| (TOLERANCE..1.0 - TOLERANCE).contains(share))
        .collect();
    // share = slope * turns a token - offset, through the two that are furthest apart
    let (&(first, first_share), &(last, last_share)) = blended.first().zip(blended.last())?;
    let slope = (first_share - last_share) / (first - last);
    let offset = slope * last - last_share;
    let high = 1.0 + 1.0 / offset;
    let scaling = RopeScaling::Llama3 {
        factor,
        low_freq_factor: 1.0,
        high_freq_factor: whole(high),
        original_max_position_embeddings: whole(slope * (high - 1.0)),
    };
    let scaled = frequencies(config, scaling)?;
    let fits = |place: usize| (plain[place] / scaled[place] / divisors[place] - 1.0).abs() < TOLERANCE as f32;
    (0..plain.len()).all(fits).then_some(scaling)
}

/// The model's frequencies under a scaling, radians a position.
fn frequencies(config: &ModelConfig, scaling: RopeScaling) -> Option<Vec<f32>> {
    let Positions::Rotary { theta, .. } = config.positions else { return None };
    let config = ModelConfig { positions: Positions::Rotary { theta, scaling }, ..config.clone() };
    Some(config.inverse_frequencies())
}

/// A number that is whole but for rounding, made whole.
fn whole(number: f64) -> f64 {
    if (number / number.round() - 1.0).abs() < 1e-3 { number.round() } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_scalings_are_found_again() {
        for (head_dim, theta, factor, high, context) in [
            (128, 500_000.0, 8.0, 4.0, 8192.0),
            (64, 500_000.0, 32.0, 4.0, 8192.0),
            (16, 5_000.0, 8.0, 4.0, 64.0),
            (128, 500_000.0, 16.0, 3.0, 4096.0),
        ] {
            let scaling =
                RopeScaling::Llama3 { factor, low_freq_factor: 1.0, high_freq_factor: high, original_max_position_embeddings: context };
            let config = ModelConfig {
                head_dim,
                positions: Positions::Rotary { theta, scaling: RopeScaling::None },
                ..crate::config::like_llama("llama".into(), 64)
            };
            let scaled = frequencies(&config, scaling).unwrap();
            let divisors: Vec<f32> = config.inverse_frequencies().iter().zip(scaled).map(|(plain, scaled)| plain / scaled).collect();
            assert_eq!(llama3_scaling(&config, &divisors), Some(scaling));
            let mut other = divisors.clone();
            other[0] = 2.0;
            assert_eq!(llama3_scaling(&config, &other), None, "high frequencies are never divided");
            assert_eq!(llama3_scaling(&config, &divisors[1..]), None);
            assert_eq!(llama3_scaling(&config, &vec![1.0; divisors.len()]), Some(RopeScaling::None));
        }
    }
}
