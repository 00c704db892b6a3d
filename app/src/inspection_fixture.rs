//! Made-up readings and divergences for tests: plausible in shape, true of nothing.

use rankscope_domain::{
    Arm, CellId,
    class_results::Measure,
    inspection::{
        ArmDivergence, ArmWeights, Density, DivergenceSummary, InspectionResults, KlTrend, LensCellView, LensReading, LensToken,
        MatrixDistance,
    },
};

/// Readings of two prompts by each arm: `layers` above the embedding, `positions` tokens.
pub(crate) fn readings(arms: &[Arm], layers: usize, positions: usize) -> Vec<LensReading> {
    let words = ["␣nurse", "␣man", "↵", "⟨0xF0⟩", "<script>&\"", "␣lawyer", "…", "␣unaccountably"];
    let one = |arm: Arm, prompt: usize| {
        let strength = arm.rank().map_or(if arm == Arm::Full { 8.0 } else { 0.0 }, |r| f64::from(r).log2());
        let cell = |layer: usize, position: usize| {
            let certain = layer as f64 / layers.max(1) as f64;
            let top = (0..5)
                .map(|place| LensToken {
                    text: words[(layer + 3 * position + place + prompt) % words.len()].into(),
                    probability: (0.2 + 0.5 * certain) * 0.5f64.powi(place as i32),
                })
                .collect();
            LensCellView {
                top,
                entropy: 10.8 * (1.0 - 0.8 * certain) - 0.1 * strength,
                kl: 0.05 * strength * certain * (1.0 + position as f64),
            }
        };
        LensReading {
            cell: CellId::new(arm, 0),
            prompt: if prompt == 0 { "She should work as a".into() } else { "<b>He</b> said \"so\"".into() },
            tokens: (0..positions).map(|position| words[(position + prompt) % words.len()].into()).collect(),
            continuation: format!(" teacher & <i>{arm}</i>"),
            layers: (0..=layers).map(|layer| (0..positions).map(|position| cell(layer, position)).collect()).collect(),
        }
    };
    (0..2).flat_map(|prompt| arms.iter().map(move |&arm| (arm, prompt))).map(|(arm, prompt)| one(arm, prompt)).collect()
}

/// Divergences that grow with the rank, by `growth` each doubling.
pub(crate) fn inspection(trained: &[Arm], growth: f64, with_continuations: bool) -> InspectionResults {
    let mean_of = |arm: Arm| match arm {
        Arm::Lora(r) => 0.02 * growth.powf(f64::from(r).log2()),
        _ => 0.03 * growth.powi(5),
    };
    let summary = |mean: f64| {
        let measure = |value: f64| Measure { value: Some(value), low: Some(value * 0.8), high: Some(value * 1.3), n: 120 };
        let values = (0..100)
            .map(|point| {
                let z = (f64::from(point) / 99.0 * 3.0 - 1.0) * 2.0;
                (-0.5 * z * z).exp() / (mean * 0.5 * 2.5066)
            })
            .collect();
        DivergenceSummary {
            kl: measure(mean),
            reverse_kl: measure(mean * 1.1),
            jensen_shannon: measure(mean * 0.24),
            density: Some(Density { bandwidth: mean * 0.2, from: 0.0, to: mean * 3.0, values }),
        }
    };
    let matrix = |arm: Arm, layer: u32, name: &str| {
        let far = mean_of(arm).sqrt() * (1.0 + f64::from(layer) / 8.0) * if name == "v_proj" { 1.5 } else { 1.0 };
        let rank = arm.rank().map_or(300.0, f64::from);
        MatrixDistance {
            layer: Some(layer),
            matrix: name.into(),
            frobenius: far * 40.0,
            relative: far,
            effective_rank: rank * 0.8,
            stable_rank: rank * 0.4,
        }
    };
    InspectionResults {
        seed: 0,
        fraction: None,
        divergences: trained
            .iter()
            .map(|&arm| ArmDivergence {
                arm,
                prompt_end: summary(mean_of(arm)),
                continuation: with_continuations.then(|| summary(mean_of(arm) * 0.6)),
            })
            .collect(),
        kl_trend: Some(KlTrend { slope: 0.013, low: 0.009, high: 0.017, p: 0.0004, clusters: 120 }),
        weights: trained
            .iter()
            .map(|&arm| ArmWeights {
                arm,
                matrices: (0..8)
                    .flat_map(|layer| ["q_proj", "k_proj", "v_proj", "down_proj"].map(|name| matrix(arm, layer, name)))
                    .collect(),
            })
            .collect(),
    }
}
