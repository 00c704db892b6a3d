//! Wilson's interval, and quantiles.

use statrs::distribution::{ContinuousCDF, Normal};

/// The standard normal's quantile.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// Wilson's score interval of `count` in `total`, which is above 0.
pub(crate) fn wilson(count: u32, total: u32, confidence: f64) -> (f64, f64) {
    wilson_of_share(f64::from(count) / f64::from(total), f64::from(total), confidence)
}

/// Wilson's score interval of a share of a sample of size `n`, above 0 and not always whole: an effective size.
pub(crate) fn wilson_of_share(share: f64, n: f64, confidence: f64) -> (f64, f64) {
    let z = normal_quantile(0.5 + confidence / 2.0);
    let denominator = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / denominator;
    let half = z / denominator * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    // exact ends, which rounding would miss by 1e-17
    let low = if share <= 0.0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if share >= 1.0 { 1.0 } else { (centre + half).min(1.0) };
    (low, high)
}

/// 95 % interval of the mean of a quantity within `bounds` where all `n` examples (or clusters) at hand have the same `value`, so that
/// resampling them shows no spread. At most the share u of examples, Wilson's upper end for 0 of `n`, is otherwise, and anywhere within the
/// bounds: (1 - u) value + u bound either way. For a share of 0 or 1 that is Wilson's interval itself. All of the bounds with fewer than two.
pub(crate) fn of_equals(value: f64, n: usize, (least, most): (f64, f64)) -> (f64, f64) {
    if n < 2 {
        return (least, most);
    }
    let (_, others) = wilson(0, n as u32, 0.95);
    ((1.0 - others) * value + others * least, (1.0 - others) * value + others * most)
}

/// Whether an interval has a width beyond rounding. One without is of a sample in which nothing differs, which does not show that nothing
/// ever does.
pub(super) fn has_width((low, high): (f64, f64)) -> bool {
    high - low > 1e-9 * low.abs().max(high.abs())
}

/// The quantile of sorted values, by linear interpolation.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}
