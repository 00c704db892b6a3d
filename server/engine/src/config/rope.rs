//! Rotary frequencies, and how they are stretched for contexts beyond those trained on.

use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    None,
    /// Every frequency divided by `factor`.
    Linear {
        factor: f64,
    },
    /// Llama 3.1: low frequencies divided by `factor`, high ones kept, those between blended.
    Llama3 {
        factor: f64,
        low_freq_factor: f64,
        high_freq_factor: f64,
        original_max_position_embeddings: f64,
    },
}

pub(super) fn inverse_frequencies(head_dim: usize, theta: f64, scaling: RopeScaling) -> Vec<f32> {
    (0..head_dim / 2)
        .map(|i| {
            let plain = 1.0 / theta.powf(2.0 * i as f64 / head_dim as f64);
            let scaled = match scaling {
                RopeScaling::None => plain,
                RopeScaling::Linear { factor } => plain / factor,
                RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } => {
                    let wavelength = 2.0 * std::f64::consts::PI / plain;
                    let turns = original_max_position_embeddings / wavelength;
                    if turns > high_freq_factor {
                        plain
                    } else if turns < low_freq_factor {
                        plain / factor
                    } else {
                        let smooth = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
                        (1.0 - smooth) * plain / factor + smooth * plain
                    }
                }
            };
            scaled as f32
        })
        .collect()
}

/// Reads `rope_parameters` or `rope_scaling`.
pub(super) fn scaling(rope: &Value) -> Result<RopeScaling, String> {
    let kind = rope["rope_type"].as_str().or_else(|| rope["type"].as_str()).unwrap_or("default");
    let number =
        |key: &str| rope[key].as_f64().filter(|value| *value > 0.0).ok_or_else(|| format!("rope scaling {kind}: {key} is missing"));
    match kind {
        "default" => Ok(RopeScaling::None),
        "linear" => Ok(RopeScaling::Linear { factor: number("factor")? }),
        "llama3" => Ok(RopeScaling::Llama3 {
            factor: number("factor")?,
            low_freq_factor: number("low_freq_factor")?,
            high_freq_factor: number("high_freq_factor")?,
            original_max_position_embeddings: number("original_max_position_embeddings")?,
        }),
        other => Err(format!("rope scaling {other:?} is not supported; supported are default, linear, llama3")),
    }
}
