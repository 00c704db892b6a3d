//! Intervals and tests. Seeded: the same counts give the same figures.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Normal};

/// Draws of a bootstrap, and of a sign-flip test that is too large to count out.
const BOOTSTRAP_DRAWS: usize = 4000;
const FLIP_DRAWS: usize = 20_000;
/// Up to this many clusters, all 2^n flips are counted.
const EXACT_CLUSTERS: usize = 16;

/// The standard normal's quantile.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// Wilson's score interval of `count` in `total`, which is above 0.
pub(crate) fn wilson(count: u32, total: u32, confidence: f64) -> (f64, f64) {
    let z = normal_quantile(0.5 + confidence / 2.0);
    let (n, share) = (f64::from(total), f64::from(count) / f64::from(total));
    let denominator = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / denominator;
    let half = z / denominator * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    // exact ends, which rounding would miss by 1e-17
    let low = if count == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if count == total { 1.0 } else { (centre + half).min(1.0) };
    (low, high)
}

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

/// The quantile of sorted values, by linear interpolation.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// One cluster's part of a ratio: `sum` over `count` observations.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cluster {
    pub(crate) sum: f64,
    pub(crate) count: f64,
}

/// Sum over count of all clusters.
pub(crate) fn ratio(clusters: &[Cluster]) -> f64 {
    let total =
        clusters.iter().fold(Cluster::default(), |total, part| Cluster { sum: total.sum + part.sum, count: total.count + part.count });
    total.sum / total.count
}

/// 95 % percentile interval of the ratio, clusters drawn with replacement. `None` with fewer than two clusters.
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
    Some((quantile(&values, 0.025), quantile(&values, 0.975)))
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

/// The clustered standard error of the ratio. At least one observation's worth, since a sample in which nothing differs
/// does not show that nothing ever does.
pub(crate) fn standard_error(clusters: &[Cluster]) -> f64 {
    let n = clusters.len() as f64;
    let total: f64 = clusters.iter().map(|cluster| cluster.count).sum();
    let mean = ratio(clusters);
    let squares: f64 = clusters.iter().map(|cluster| (cluster.sum - mean * cluster.count).powi(2)).sum();
    let error = if n > 1.0 { (n / (n - 1.0) * squares).sqrt() / total } else { 0.0 };
    error.max(1.0 / total)
}

/// The smallest true difference that `power` of such samples would show at 5 %, two-sided.
pub(crate) fn detectable(standard_error: f64, power: f64) -> f64 {
    (normal_quantile(0.975) + normal_quantile(power)) * standard_error
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// What SciPy, statsmodels and NumPy compute: tests/reference/make_statistics.py.
    fn reference() -> Value {
        serde_json::from_str(include_str!("../../../tests/reference/statistics/figures.json")).unwrap()
    }

    fn numbers(value: &Value) -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    }

    fn near(one: f64, other: f64, what: &str) {
        assert!((one - other).abs() <= 2e-9 * other.abs().max(1.0), "{what}: {one} and not {other}");
    }

    #[test]
    fn wilson_agrees_with_statsmodels() {
        for row in reference()["wilson"].as_array().unwrap() {
            let whole = |name: &str| row[name].as_u64().unwrap() as u32;
            let (low, high) = wilson(whole("count"), whole("total"), row["confidence"].as_f64().unwrap());
            near(low, row["low"].as_f64().unwrap(), &row.to_string());
            near(high, row["high"].as_f64().unwrap(), &row.to_string());
        }
    }

    #[test]
    fn holm_agrees_with_statsmodels() {
        for (name, row) in reference()["holm"].as_object().unwrap() {
            for (ours, theirs) in holm(&numbers(&row["p"])).iter().zip(numbers(&row["adjusted"])) {
                near(*ours, theirs, name);
            }
        }
    }

    #[test]
    fn counted_sign_flips_agree_with_scipy() {
        for (name, row) in reference()["sign_flip"].as_object().unwrap() {
            near(sign_flip(&numbers(&row["differences"]), 0), row["two_sided"].as_f64().unwrap(), name);
        }
    }

    #[test]
    fn drawn_sign_flips_come_near_the_counted_ones() {
        // 31 pairs of +1 and 14 of -1: the exact sign test is the sign-flip test
        for row in reference()["exact_sign_test"].as_array().unwrap() {
            let count = |name: &str| row[name].as_u64().unwrap() as usize;
            let mut sums = vec![1.0; count("worse")];
            sums.extend(vec![-1.0; count("better")]);
            let p = row["p"].as_f64().unwrap();
            assert!((sign_flip(&sums, 7) - p).abs() < 0.01, "{row}");
        }
        let twenty = vec![1.0; 20];
        near(sign_flip(&twenty, 1), 1.0 / 20_001.0, "no draw is as far");
    }

    #[test]
    fn quantiles_agree_with_numpy() {
        for (name, row) in reference()["quantile_linear"].as_object().unwrap() {
            let mut values = numbers(&row["values"]);
            values.sort_by(f64::total_cmp);
            for point in row["quantiles"].as_array().unwrap() {
                near(quantile(&values, point["q"].as_f64().unwrap()), point["value"].as_f64().unwrap(), name);
            }
        }
    }

    #[test]
    fn a_bootstrap_over_given_clusters_agrees_with_numpy() {
        let reference = &reference()["paired_cluster_bootstrap"];
        let clusters: Vec<Cluster> = reference["clusters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| Cluster {
                sum: row["arm"].as_f64().unwrap() - row["original"].as_f64().unwrap(),
                count: row["completions"].as_f64().unwrap(),
            })
            .collect();
        let mut drawn = Vec::new();
        for (picks, expected) in reference["picks"].as_array().unwrap().iter().zip(numbers(&reference["differences"])) {
            let sample: Vec<_> = numbers(picks).into_iter().map(|place| clusters[place as usize]).collect();
            near(ratio(&sample), expected, "a draw");
            drawn.push(ratio(&sample));
        }
        drawn.sort_by(f64::total_cmp);
        near(quantile(&drawn, 0.025), reference["low"].as_f64().unwrap(), "low");
        near(quantile(&drawn, 0.975), reference["high"].as_f64().unwrap(), "high");
        let interval = bootstrap(&clusters, 3);
        assert_eq!(interval, bootstrap(&clusters, 3), "not the same twice");
        let (low, high) = interval.unwrap();
        assert!(low < ratio(&clusters) && ratio(&clusters) < high);
        assert_eq!(bootstrap(&clusters[..1], 3), None);
    }

    #[test]
    fn the_smallest_detectable_difference_agrees_with_scipy() {
        let reference = reference();
        for row in reference["normal_quantiles"].as_array().unwrap() {
            near(normal_quantile(row["p"].as_f64().unwrap()), row["z"].as_f64().unwrap(), "quantile");
        }
        for row in reference["smallest_detectable"].as_array().unwrap().iter().filter(|row| row["alpha"] == 0.05) {
            let number = |name: &str| row[name].as_f64().unwrap();
            let error = number("deviation_of_cluster_differences") / number("clusters").sqrt();
            near(detectable(error, number("power")), number("smallest_detectable_difference"), "detectable");
        }
    }

    #[test]
    fn the_standard_error_of_single_observations_is_the_usual_one() {
        let ones: Vec<_> = [1.0, 0.0, 1.0, -1.0, 0.0].map(|sum| Cluster { sum, count: 1.0 }).into();
        // deviation 0.836660 with n - 1, over sqrt(5)
        near(standard_error(&ones), 0.374_165_738_677, "standard error");
        let same = [Cluster { sum: 0.0, count: 10.0 }; 4];
        near(standard_error(&same), 1.0 / 40.0, "nothing differs");
    }
}
