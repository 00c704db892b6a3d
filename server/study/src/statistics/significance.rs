//! Tests, and the correction for several of them.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::{
    distribution::{ContinuousCDF, StudentsT},
    function::factorial::ln_binomial,
};

/// Draws of a sign-flip test that is too large to count out.
const FLIP_DRAWS: usize = 20_000;
/// Up to this many clusters, all 2^n flips are counted.
const EXACT_CLUSTERS: usize = 16;

/// Holm's correction; each p stays at its place.
pub(crate) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut largest: f64 = 0.0;
    for (rank, &place) in order.iter().enumerate() {
        largest = largest.max(p[place] * (p.len() - rank) as f64).min(1.0);
        adjusted[place] = largest;
    }
    adjusted
}

/// Two-sided p of the clusters' sums being as far from zero as they are, were each as likely to have the other sign.
/// All flips are counted where there are few clusters; else drawn, the observed one counted among them.
pub(crate) fn sign_flip(sums: &[f64], seed: u64) -> f64 {
    let sums: Vec<f64> = sums.iter().copied().filter(|sum| *sum != 0.0).collect();
    let observed = sums.iter().sum::<f64>().abs();
    let as_far = |total: f64| total.abs() >= observed - 1e-9 * observed.max(1.0);
    if sums.len() <= EXACT_CLUSTERS {
        let flips = 1_u32 << sums.len();
        let far = (0..flips)
            .filter(|flip| as_far(sums.iter().enumerate().map(|(place, sum)| if flip >> place & 1 == 1 { -sum } else { *sum }).sum()))
            .count();
        return far as f64 / f64::from(flips);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let far = (0..FLIP_DRAWS).filter(|_| as_far(sums.iter().map(|sum| if rng.random::<bool>() { -sum } else { *sum }).sum())).count();
    (far + 1) as f64 / (FLIP_DRAWS + 1) as f64
}

/// Paired t test: two-sided p of the differences' mean being as far from zero as it is, by Student's t with n - 1 degrees of freedom. Their
/// standard deviation (n - 1) counts as `least` at least: two trainings that came out equal do not show that trainings never differ.
/// `None` with fewer than two differences.
///
/// Source: Student 1908. For differences of a few trainings, whose means over many examples are near normal: with 2 or 3 of them an
/// interval by resampling is far too narrow.
pub(crate) fn paired_t(differences: &[f64], least: f64) -> Option<f64> {
    let n = differences.len() as f64;
    let t = StudentsT::new(0.0, 1.0, n - 1.0).ok().filter(|_| n > 1.0)?;
    let mean = differences.iter().sum::<f64>() / n;
    if mean == 0.0 {
        return Some(1.0);
    }
    let squares: f64 = differences.iter().map(|difference| (difference - mean).powi(2)).sum();
    let deviation = (squares / (n - 1.0)).sqrt().max(least);
    // without any deviation this is infinite, and p 0
    let statistic = mean.abs() * n.sqrt() / deviation;
    Some(if statistic.is_finite() { 2.0 * t.sf(statistic) } else { 0.0 })
}

/// McNemar's exact test: two-sided p of a pair that changed being as likely to have changed one way as the other.
/// `worse` and `better` count the pairs on which two models disagree, by which of them is right. Source: McNemar 1947,
/// with the binomial of n = worse + better and 1/2; p = min(1, 2 P(X <= min(worse, better))), and 1 where nothing changed.
/// For one seed's examples; where several seeds answered the same examples, `sign_flip` of the examples' sums is the same
/// test with the seeds kept together.
pub(crate) fn mcnemar_exact(worse: u64, better: u64) -> f64 {
    let (pairs, fewer) = (worse + better, worse.min(better));
    // the largest term first, since the smallest may be below what an f64 holds
    let mut term = (ln_binomial(pairs, fewer) - pairs as f64 * std::f64::consts::LN_2).exp();
    let mut tail = term;
    for count in (1..=fewer).rev() {
        term *= count as f64 / (pairs - count + 1) as f64;
        tail += term;
        if term < tail * f64::EPSILON {
            break;
        }
    }
    (2.0 * tail).min(1.0)
}
