//! What a sample of some size could have shown, and what size would be needed.

use super::normal_quantile;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// All of these are for two-sided tests at 5 %.
const LEVEL: f64 = 0.05;
const UPPER_TAIL: f64 = 1.0 - LEVEL / 2.0;
/// More seeds than this are nobody's.
const MOST_SEEDS: u32 = 100_000;

/// The smallest true difference that `power` of such samples would show at 5 %, two-sided, by one of `family` tests that Holm's correction is
/// over: at its strictest, which the smallest p of them has to meet, 5 % / `family`.
pub(crate) fn detectable(standard_error: f64, power: f64, family: usize) -> f64 {
    (upper_quantile(family) + normal_quantile(power)) * standard_error
}

fn upper_quantile(family: usize) -> f64 {
    normal_quantile(1.0 - LEVEL / (2.0 * family.max(1) as f64))
}

/// With n clusters no sign-flip test gives less than 2 / 2^n: the least n with which one of `family` tests can reach 5 % after Holm's correction.
pub(crate) fn least_clusters(family: usize) -> u32 {
    let mut clusters = 1;
    while family.max(1) as f64 * 2.0 * 0.5_f64.powi(clusters) > LEVEL {
        clusters += 1;
    }
    clusters as u32
}

/// Examples that two models must answer for McNemar's test to show `difference` in accuracy, if it is real, in `power` of
/// such samples at 5 %, two-sided. `discordant_share`: the share of examples on which one of the two is right and the
/// other wrong; `family`: as of [`detectable`]. `None` where the difference is 0, or larger than the discordant share, which no data can have.
///
/// Source: Connor 1987, "Sample size for testing differences in proportions for the paired-sample design":
/// n = (z(0.975) sqrt(s) + z(power) sqrt(s - d^2))^2 / d^2. The exact test is a little more cautious and needs a few more.
pub(crate) fn examples_needed(discordant_share: f64, difference: f64, power: f64, family: usize) -> Option<u64> {
    let square = difference * difference;
    if square == 0.0 || !(difference.abs()..=1.0).contains(&discordant_share) {
        return None;
    }
    let z = upper_quantile(family) * discordant_share.sqrt() + normal_quantile(power) * (discordant_share - square).sqrt();
    Some((z * z / square).ceil() as u64)
}

/// Seeds of each arm for a paired t test over seeds to show `difference`, if it is real, in `power` of such studies at
/// 5 %, two-sided, with the examples fixed. `deviation`: the standard deviation (n - 1) of the differences that the seeds
/// at hand show; where those are three, the true one lies between half of it and six times as much, so this is a rough
/// guide. `None` where the difference or the deviation is 0 or not finite, or nobody could train so many.
///
/// Source: the smallest n >= 2 with n >= ((t(0.975) + t(power)) deviation / difference)^2, both quantiles of Student's t
/// with n - 1 degrees of freedom: the usual iterated sample size.
pub(crate) fn seeds_needed(deviation: f64, difference: f64, power: f64) -> Option<u32> {
    let ratio = deviation / difference;
    if !ratio.is_finite() || ratio == 0.0 {
        return None;
    }
    let enough = |n: u32| {
        StudentsT::new(0.0, 1.0, f64::from(n - 1))
            .is_ok_and(|t| f64::from(n) >= ((t.inverse_cdf(UPPER_TAIL) + t.inverse_cdf(power)) * ratio).powi(2))
    };
    // never below what the normal's quantiles ask for, so the search begins there
    let least = ((normal_quantile(UPPER_TAIL) + normal_quantile(power)) * ratio).powi(2).ceil();
    (least <= f64::from(MOST_SEEDS)).then(|| (least as u32).max(2)).and_then(|least| (least..=least + 10).find(|n| enough(*n)))
}
