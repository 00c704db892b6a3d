//! One row of logits as a distribution over tokens: f32 logits, sums in f64, everything in nats.

use crate::EngineError;

/// A token and how likely it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenProbability {
    pub token: u32,
    /// From 0 to 1.
    pub probability: f64,
}

/// How far a distribution Q is from the original's P, nats. `kl` and `reverse_kl` are infinite where one gives a token
/// probability 0 that the other doesn't; none is ever NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Divergence {
    /// KL(P || Q) = sum of p (ln p - ln q).
    pub kl: f64,
    /// KL(Q || P).
    pub reverse_kl: f64,
    /// Jensen-Shannon (Lin 1991): (KL(P || M) + KL(Q || M)) / 2 with M = (P + Q) / 2; from 0 to ln 2.
    pub jensen_shannon: f64,
}

impl Divergence {
    /// The mean of each number; `None` of none.
    pub fn mean(all: &[Self]) -> Option<Self> {
        let mean = |number: fn(&Self) -> f64| all.iter().map(number).sum::<f64>() / all.len() as f64;
        let some = || Self { kl: mean(|d| d.kl), reverse_kl: mean(|d| d.reverse_kl), jensen_shannon: mean(|d| d.jensen_shannon) };
        (!all.is_empty()).then(some)
    }
}

/// `softmax(logits)`, never stored: probabilities are computed from the logits as they are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Distribution<'a> {
    logits: &'a [f32],
    /// ln of the sum of e^logit.
    log_total: f64,
    entropy: f64,
}

impl<'a> Distribution<'a> {
    /// `whose` names the row in the error for logits that are no numbers. A logit of minus infinity is probability 0.
    pub fn of(logits: &'a [f32], whose: impl FnOnce() -> String) -> Result<Self, EngineError> {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (mut total, mut weighted) = (0f64, 0f64);
        for &logit in logits {
            // f32::max passes over a NaN, which shows in the total
            let below = f64::from(logit) - f64::from(highest);
            let power = below.exp();
            total += power;
            weighted += if power > 0.0 { power * below } else { 0.0 };
        }
        if !highest.is_finite() || !total.is_finite() {
            return Err(EngineError::Input(format!(
                "the logits of {} are no finite numbers (highest {highest}): its weights have diverged; train it again with a lower learning_rate",
                whose()
            )));
        }
        Ok(Self { logits, log_total: f64::from(highest) + total.ln(), entropy: (total.ln() - weighted / total).max(0.0) })
    }

    /// -sum of p ln p, nats.
    pub fn entropy(&self) -> f64 {
        self.entropy
    }

    fn log_probability(&self, token: usize) -> f64 {
        f64::from(self.logits[token]) - self.log_total
    }

    pub fn probability(&self, token: u32) -> f64 {
        self.log_probability(token as usize).exp()
    }

    /// The `count` likeliest tokens, likeliest first; of equals the one with the lower number.
    pub fn top(&self, count: usize) -> Vec<TokenProbability> {
        let mut best: Vec<u32> = Vec::with_capacity(count + 1);
        let logit = |token: u32| self.logits[token as usize];
        for token in 0..self.logits.len() as u32 {
            if best.len() == count && best.last().is_none_or(|&last| logit(token) <= logit(last)) {
                continue;
            }
            let place = best.partition_point(|&other| logit(other) >= logit(token));
            best.insert(place, token);
            best.truncate(count);
        }
        best.into_iter().map(|token| TokenProbability { token, probability: self.probability(token) }).collect()
    }

    /// KL(self || other), nats; both are of the same vocabulary.
    pub fn kl(&self, other: &Self) -> f64 {
        let mut sum = 0f64;
        for token in 0..self.logits.len() {
            let (p, q) = (self.log_probability(token), other.log_probability(token));
            let probability = p.exp();
            sum += if probability > 0.0 { probability * (p - q) } else { 0.0 };
        }
        // below zero by rounding alone
        sum.max(0.0)
    }

    /// How far `other` is from this one.
    pub fn divergence(&self, other: &Self) -> Divergence {
        let (mut kl, mut reverse_kl, mut jensen_shannon) = (0f64, 0f64, 0f64);
        for token in 0..self.logits.len() {
            let (log_p, log_q) = (self.log_probability(token), other.log_probability(token));
            // where they are the same there is no distance, also not by rounding
            if log_p == log_q {
                continue;
            }
            let (p, q) = (log_p.exp(), log_q.exp());
            let log_middle = (0.5 * (p + q)).ln();
            // 0 ln 0 = 0
            if p > 0.0 {
                kl += p * (log_p - log_q);
                jensen_shannon += 0.5 * p * (log_p - log_middle);
            }
            if q > 0.0 {
                reverse_kl += q * (log_q - log_p);
                jensen_shannon += 0.5 * q * (log_q - log_middle);
            }
        }
        Divergence { kl: kl.max(0.0), reverse_kl: reverse_kl.max(0.0), jensen_shannon: jensen_shannon.clamp(0.0, std::f64::consts::LN_2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(logits: &[f32]) -> Distribution<'_> {
        Distribution::of(logits, || "a test".into()).unwrap()
    }

    #[track_caller]
    fn near(ours: f64, exact: f64) {
        assert!((ours - exact).abs() <= 1e-14 * exact.abs().max(1.0), "{ours} for {exact}");
    }

    #[test]
    fn by_hand() {
        // P = (1/2, 1/4, 1/4), Q = (1/4, 1/4, 1/2), any constant added
        let p = [2f32.ln() + 70.0, 70.0, 70.0];
        let q = [-3.0, -3.0, -3.0 + 2f32.ln()];
        let ln2 = std::f64::consts::LN_2;
        let (p, q) = (of(&p), of(&q));
        assert!((p.entropy() - 1.5 * ln2).abs() < 1e-6);
        let divergence = p.divergence(&q);
        assert!((divergence.kl - 0.25 * ln2).abs() < 1e-6);
        assert!((divergence.reverse_kl - 0.25 * ln2).abs() < 1e-6);
        let exact = 0.5 * 0.5f64 * (0.5f64 / 0.375).ln() + 0.5 * 0.25 * (0.25f64 / 0.375).ln();
        assert!((divergence.jensen_shannon - 2.0 * exact).abs() < 1e-6);
        near(p.kl(&q), divergence.kl);
        assert_eq!(p.top(2).iter().map(|top| top.token).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(q.top(9).iter().map(|top| top.token).collect::<Vec<_>>(), [2, 0, 1]);
        assert!(p.top(0).is_empty());
        assert!((p.top(1)[0].probability - 0.5).abs() < 1e-6);
    }

    #[test]
    fn extreme_logits_give_numbers() {
        const NONE: f32 = f32::NEG_INFINITY;
        let ln2 = std::f64::consts::LN_2;
        /// Logits of P and Q, and KL(P || Q), KL(Q || P), Jensen-Shannon.
        type Row = (&'static [f32], &'static [f32], f64, f64, f64);
        let rows: [Row; 6] = [
            (&[1e4, -1e4, 0.0], &[-1e4, 1e4, 0.0], 2e4, 2e4, ln2),
            (&[0.0, NONE], &[0.0, NONE], 0.0, 0.0, 0.0),
            (&[0.0, NONE], &[NONE, 0.0], f64::INFINITY, f64::INFINITY, ln2),
            // M = (3/4, 1/4)
            (&[0.0, 0.0], &[0.0, NONE], f64::INFINITY, ln2, 0.25 * (2f64 / 3.0).ln() + 0.25 * ln2 + 0.5 * (4f64 / 3.0).ln()),
            (&[f32::MAX, f32::MIN], &[f32::MAX, f32::MIN], 0.0, 0.0, 0.0),
            (&[0.0, -740.0], &[0.0, -800.0], 60.0 * (-740f64).exp(), 0.0, 0.0),
        ];
        for (index, (p, q, kl, reverse, js)) in rows.into_iter().enumerate() {
            let divergence = of(p).divergence(&of(q));
            assert!(divergence.kl == kl || (divergence.kl / kl - 1.0).abs() < 1e-3, "row {index}: {divergence:?}");
            assert!(
                divergence.reverse_kl == reverse || (divergence.reverse_kl / reverse - 1.0).abs() < 1e-12,
                "row {index}: {divergence:?}"
            );
            assert!((divergence.jensen_shannon - js).abs() < 1e-12, "row {index}: {divergence:?}");
            assert_eq!(of(p).kl(&of(q)), divergence.kl);
        }
        assert_eq!(of(&[1e4, -1e4]).entropy(), 0.0);
        near(of(&[-1e30; 8]).entropy(), 8f64.ln());
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for logits in [&[0.0, f32::NAN][..], &[f32::INFINITY, 0.0], &[f32::NEG_INFINITY; 2], &[f32::NAN, 1.0]] {
            let error = Distribution::of(logits, || "layer 3".into()).unwrap_err().to_string();
            assert!(error.contains("layer 3") && error.contains("learning_rate"), "{error}");
        }
    }

    #[test]
    fn means() {
        let at = |kl| Divergence { kl, reverse_kl: 2.0 * kl, jensen_shannon: 0.5 };
        assert_eq!(Divergence::mean(&[at(1.0), at(3.0)]), Some(Divergence { kl: 2.0, reverse_kl: 4.0, jensen_shannon: 0.5 }));
        assert_eq!(Divergence::mean(&[]), None);
    }
}
