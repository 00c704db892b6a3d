//! Percentile intervals from resamples.

use super::{Cluster, interval::has_width, quantile};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws of a bootstrap of a ratio, which is cheap.
const BOOTSTRAP_DRAWS: usize = 4000;
/// Draws of a bootstrap of any statistic.
const TWO_WAY_DRAWS: usize = 2000;
/// An interval is of the draws in which the statistic is defined; where more than one in so many are not, it would be of
/// another sample than the one at hand.
const UNDEFINED_AT_MOST_ONE_IN: usize = 10;

/// 95 % percentile interval of the ratio, clusters drawn with replacement. `None` with fewer than two clusters, and where all resamples give
/// one number: see `of_equals` for quantities that have bounds.
pub(crate) fn bootstrap(clusters: &[Cluster], seed: u64) -> Option<(f64, f64)> {
    if clusters.len() < 2 {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values: Vec<f64> = (0..BOOTSTRAP_DRAWS)
        .map(|_| {
            let mut total = Cluster::default();
            for _ in 0..clusters.len() {
                let part = clusters[rng.random_range(0..clusters.len() as u32) as usize];
                total.sum += part.sum;
                total.count += part.count;
            }
            total.sum / total.count
        })
        .collect();
    values.sort_by(f64::total_cmp);
    Some((quantile(&values, 0.025), quantile(&values, 0.975))).filter(|interval| has_width(*interval))
}

/// 95 % percentile interval of any statistic of `examples` (or clusters of them) that each of `seeds` trainings answered.
/// Both are drawn with replacement, each for itself, and the statistic is told how often each was drawn: the weights of
/// the examples sum to `examples`, those of the seeds to `seeds`. With one seed this is the bootstrap over examples, and
/// says nothing of other seeds. `None` with fewer than two examples or no seed, or where the statistic is undefined in more than a
/// tenth of the draws (fewer of those are left out).
///
/// Source: Owen 2007, "The pigeonhole bootstrap"; it errs towards too wide for examples. Over few seeds it errs towards
/// too narrow: n seeds drawn from n show (n - 1) / n of their variance. A statistic that is a maximum, a range or an absolute value
/// is drawn upwards by noise and its interval with it, and never reaches below zero: test the signed difference instead.
///
/// Compare two arms by giving both the same weights and returning the difference.
pub(crate) fn two_way_bootstrap(
    examples: usize,
    seeds: usize,
    rng_seed: u64,
    mut statistic: impl FnMut(&[u32], &[u32]) -> Option<f64>,
) -> Option<(f64, f64)> {
    let mut values = Vec::with_capacity(TWO_WAY_DRAWS);
    two_way_draws(examples, seeds, rng_seed, |examples, seeds| values.push(statistic(examples, seeds)));
    percentile_interval(&values)
}

/// The draws of `two_way_bootstrap`, for who has several statistics to compute of each: calls `visit` with the weights of
/// the examples and of the seeds. No call with fewer than two examples or no seed.
pub(crate) fn two_way_draws(examples: usize, seeds: usize, rng_seed: u64, mut visit: impl FnMut(&[u32], &[u32])) {
    if examples < 2 || seeds == 0 {
        return;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(rng_seed);
    let (mut example_weights, mut seed_weights) = (vec![0_u32; examples], vec![0_u32; seeds]);
    for _ in 0..TWO_WAY_DRAWS {
        draw(&mut rng, &mut example_weights);
        draw(&mut rng, &mut seed_weights);
        visit(&example_weights, &seed_weights);
    }
}

fn draw(rng: &mut ChaCha8Rng, weights: &mut [u32]) {
    weights.fill(0);
    for _ in 0..weights.len() {
        weights[rng.random_range(0..weights.len() as u32) as usize] += 1;
    }
}

/// 95 % percentile interval of a statistic's values, one a draw. `None` where more than a tenth of them are undefined or
/// not finite, or there are none (fewer than that are left out), and where all are one number.
pub(crate) fn percentile_interval(values: &[Option<f64>]) -> Option<(f64, f64)> {
    let mut defined: Vec<f64> = values.iter().flatten().copied().filter(|value| value.is_finite()).collect();
    if defined.is_empty() || (values.len() - defined.len()) * UNDEFINED_AT_MOST_ONE_IN > values.len() {
        return None;
    }
    defined.sort_by(f64::total_cmp);
    Some((quantile(&defined, 0.025), quantile(&defined, 0.975))).filter(|interval| has_width(*interval))
}
