//! Learning rate schedules: the multipliers of transformers.

/// How the learning rate goes on after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduler {
    /// With a warm-up, what transformers calls `constant_with_warmup`.
    Constant,
    Linear,
    Cosine,
}

impl Scheduler {
    /// What the learning rate is multiplied by in step `step` (from 0) of `total`, after `warmup` steps in which it rises from 0.
    pub(crate) fn multiplier(self, step: usize, total: usize, warmup: usize) -> f64 {
        if step < warmup {
            return step as f64 / warmup.max(1) as f64;
        }
        let after = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
        match self {
            Scheduler::Constant => 1.0,
            Scheduler::Linear => (1.0 - after).max(0.0),
            Scheduler::Cosine => (0.5 * (1.0 + (std::f64::consts::PI * after).cos())).max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipliers_are_those_of_transformers() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/llama_tiny/figures.json");
        let figures: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut compared = 0;
        for run in figures["learning_rate_schedules"].as_array().unwrap() {
            let number = |name: &str| run[name].as_u64().unwrap() as usize;
            let (steps, warmup) = (number("steps"), number("warmup_steps"));
            let scheduler = match run["schedule"].as_str().unwrap() {
                "linear" => Scheduler::Linear,
                "cosine" => Scheduler::Cosine,
                // transformers' own `constant` ignores a warm-up
                "constant" if warmup > 0 => continue,
                _ => Scheduler::Constant,
            };
            for (step, expected) in run["multipliers"].as_array().unwrap().iter().enumerate() {
                let ours = scheduler.multiplier(step, steps, warmup);
                assert!((ours - expected.as_f64().unwrap()).abs() < 1e-8, "{scheduler:?}, step {step} of {steps}: {ours}, not {expected}");
                compared += 1;
            }
        }
        assert!(compared > 60, "{compared} multipliers compared");
    }

    #[test]
    fn a_constant_rate_warms_up_where_it_is_asked_to() {
        let ours: Vec<f64> = (0..5).map(|step| Scheduler::Constant.multiplier(step, 5, 2)).collect();
        assert_eq!(ours, [0.0, 0.5, 1.0, 1.0, 1.0]);
    }
}
