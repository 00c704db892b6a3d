//! What was found inside, as text for people.

use super::table::columns;
use rankscope_domain::{
    class_results::Measure,
    inspection::{InspectionResults, KlTrend},
};

/// Divergences by arm; nothing where none was measured.
pub(super) fn results(found: &InspectionResults) -> String {
    if found.divergences.is_empty() {
        return String::new();
    }
    let head = ["divergence from the original, nats", "KL (95 %)", "reverse KL", "Jensen-Shannon", "KL of own completions"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for of_arm in &found.divergences {
        let end = &of_arm.prompt_end;
        rows.push(vec![
            of_arm.arm.label(),
            with_interval(&end.kl),
            number(end.reverse_kl.value),
            number(end.jensen_shannon.value),
            of_arm.continuation.as_ref().map_or_else(|| "-".into(), |summary| with_interval(&summary.kl)),
        ]);
    }
    let trend = found.kl_trend.as_ref().map_or_else(String::new, trend);
    format!("\n{}{trend}", columns(&rows))
}

fn trend(trend: &KlTrend) -> String {
    let [slope, low, high] = [trend.slope, trend.low, trend.high].map(|value| format!("{value:+.4}"));
    format!("KL changes by {slope} ({low} to {high}) with each doubling of the rank, p {}\n", p_value(trend.p))
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("= {p:.3}") }
}

fn with_interval(measure: &Measure) -> String {
    match (measure.low, measure.high) {
        (Some(low), Some(high)) => format!("{} ({low:.4} to {high:.4})", number(measure.value)),
        _ => number(measure.value),
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.4}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::{
        Arm,
        inspection::{ArmDivergence, DivergenceSummary},
    };

    #[test]
    fn divergences_are_printed_by_arm() {
        let measure = |value: f64| Measure { value: Some(value), low: Some(value / 2.0), high: Some(value * 2.0), n: 8 };
        let summary = |kl: f64| DivergenceSummary {
            kl: measure(kl),
            reverse_kl: measure(kl * 1.5),
            jensen_shannon: Measure { value: Some(kl / 4.0), ..Measure::default() },
            density: None,
        };
        let mut found = InspectionResults {
            seed: 0,
            fraction: None,
            divergences: vec![
                ArmDivergence { arm: Arm::Lora(8), prompt_end: summary(0.1), continuation: Some(summary(0.2)) },
                ArmDivergence { arm: Arm::Full, prompt_end: summary(0.4), continuation: None },
            ],
            kl_trend: Some(KlTrend { slope: 0.05, low: 0.01, high: 0.09, p: 0.02, clusters: 8 }),
            weights: Vec::new(),
        };
        let wanted = "
divergence from the original, nats                  KL (95 %)  reverse KL  Jensen-Shannon      KL of own completions
r = 8                               0.1000 (0.0500 to 0.2000)      0.1500          0.0250  0.2000 (0.1000 to 0.4000)
full                                0.4000 (0.2000 to 0.8000)      0.6000          0.1000                          -
KL changes by +0.0500 (+0.0100 to +0.0900) with each doubling of the rank, p = 0.020
";
        assert_eq!(results(&found), wanted);
        found.divergences.clear();
        assert_eq!(results(&found), "");
    }
}
