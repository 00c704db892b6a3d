//! Held to SciPy, statsmodels and NumPy.

use super::*;
use serde_json::Value;

/// What SciPy, statsmodels and NumPy compute: tests/reference/make_statistics.py.
fn reference() -> Value {
    serde_json::from_str(include_str!("../../../../tests/reference/statistics/figures.json")).unwrap()
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
    for row in reference["smallest_detectable"].as_array().unwrap() {
        let number = |name: &str| row[name].as_f64().unwrap();
        let error = number("deviation_of_cluster_differences") / number("clusters").sqrt();
        // 1 % is 5 % over a family of five
        let family = (0.05 / number("alpha")).round() as usize;
        near(detectable(error, number("power"), family), number("smallest_detectable_difference"), "detectable");
    }
}

#[test]
fn so_few_clusters_can_not_reach_five_percent_in_a_family() {
    // 2 / 2^5 is 0.0625, 2 / 2^6 0.03125; four times 2 / 2^7 0.0625, 2 / 2^8 0.03125
    assert_eq!([0, 1, 2, 4, 5].map(least_clusters), [6, 6, 7, 8, 8]);
    let sums = [1.0; 7];
    assert!(sign_flip(&sums, 0) < 0.05 && holm(&[sign_flip(&sums, 0); 4])[0] > 0.05);
    assert!(holm(&[sign_flip(&[1.0; 8], 0); 4])[0] < 0.05);
    assert!(examples_needed(0.3, 0.1, 0.8, 4) > examples_needed(0.3, 0.1, 0.8, 1));
}

#[test]
fn the_standard_error_of_single_observations_is_the_usual_one() {
    let ones: Vec<_> = [1.0, 0.0, 1.0, -1.0, 0.0].map(|sum| Cluster { sum, count: 1.0 }).into();
    // deviation 0.836660 with n - 1, over sqrt(5)
    near(standard_error(&ones), 0.374_165_738_677, "standard error");
    let same = [Cluster { sum: 0.0, count: 10.0 }; 4];
    near(standard_error(&same), 1.0 / 40.0, "nothing differs");
}

#[test]
fn mcnemars_exact_test_agrees_with_statsmodels() {
    for row in reference()["mcnemar_exact"].as_array().unwrap() {
        let count = |name: &str| row[name].as_u64().unwrap();
        let (ours, theirs) = (mcnemar_exact(count("worse"), count("better")), row["p"].as_f64().unwrap());
        // small ones too: held to their own size
        assert!((ours - theirs).abs() <= 1e-8 * theirs, "{row}: {ours}");
    }
}

#[test]
fn mcnemars_test_of_one_seed_is_the_counted_sign_flip() {
    let sums = [vec![1.0; 9], vec![-1.0; 3], vec![0.0; 40]].concat();
    near(sign_flip(&sums, 0), mcnemar_exact(3, 9), "9 against 3");
}

#[test]
fn the_paired_t_test_agrees_with_students_closed_forms() {
    // one degree of freedom: p = 1 - 2 atan(t) / pi; two: p = 1 - t / sqrt(t^2 + 2)
    let t = 2.0_f64;
    near(paired_t(&[1.0, 3.0], 0.0).unwrap(), 1.0 - 2.0 * t.atan() / std::f64::consts::PI, "two");
    let t = 12.0_f64.sqrt();
    near(paired_t(&[1.0, 2.0, 3.0], 0.0).unwrap(), 1.0 - t / (t * t + 2.0).sqrt(), "three");
    near(paired_t(&[-1.0, -2.0, -3.0], 0.0).unwrap(), 1.0 - t / (t * t + 2.0).sqrt(), "the other sign");
    // equal ones count as if they differed by the least step
    let t = 0.5 * 2.0_f64.sqrt() / 0.05;
    near(paired_t(&[0.5, 0.5], 0.05).unwrap(), 1.0 - 2.0 * t.atan() / std::f64::consts::PI, "equal");
    assert_eq!((paired_t(&[0.5, 0.5], 0.0), paired_t(&[0.0, 0.0], 0.0)), (Some(0.0), Some(1.0)));
    assert_eq!((paired_t(&[0.5], 0.0), paired_t(&[], 0.0)), (None, None));
}

#[test]
fn the_statistics_of_given_two_way_draws_agree_with_numpy() {
    let reference = &reference()["two_way_bootstrap"];
    let table: Vec<Vec<f64>> = reference["values"].as_array().unwrap().iter().map(numbers).collect();
    let mut values = Vec::new();
    for draw in reference["draws"].as_array().unwrap() {
        let (examples, seeds) = (numbers(&draw["example_weights"]), numbers(&draw["seed_weights"]));
        let value = weighted_mean(&table, &whole(&examples), &whole(&seeds)).unwrap();
        near(value, draw["mean"].as_f64().unwrap(), "a draw");
        values.push(Some(value));
    }
    let (low, high) = percentile_interval(&values).unwrap();
    near(low, reference["low"].as_f64().unwrap(), "low");
    near(high, reference["high"].as_f64().unwrap(), "high");
}

fn whole(weights: &[f64]) -> Vec<u32> {
    weights.iter().map(|weight| *weight as u32).collect()
}

/// Of a table with a row for each seed.
fn weighted_mean(table: &[Vec<f64>], examples: &[u32], seeds: &[u32]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for (row, times) in table.iter().zip(seeds).filter(|(_, times)| **times > 0) {
        let of_seed: f64 = row.iter().zip(examples).map(|(value, weight)| value * f64::from(*weight)).sum();
        sum += of_seed * f64::from(*times);
        count += f64::from(*times) * f64::from(examples.iter().sum::<u32>());
    }
    (count > 0.0).then(|| sum / count)
}

#[test]
fn two_way_draws_are_seeded_and_draw_each_side_with_replacement() {
    let collect = |rng_seed| {
        let mut all = Vec::new();
        two_way_draws(7, 3, rng_seed, |examples, seeds| {
            assert_eq!((examples.iter().sum::<u32>(), seeds.iter().sum::<u32>()), (7, 3));
            all.push((examples.to_vec(), seeds.to_vec()));
        });
        all
    };
    let draws = collect(5);
    assert_eq!(draws, collect(5));
    assert_ne!(draws, collect(6));
    assert_eq!(draws.len(), 2000);
    assert!(draws.iter().any(|(examples, _)| examples.contains(&0)) && draws.iter().any(|(_, seeds)| seeds.contains(&3)));
    // each place is drawn once on average: 14,000 draws, deviation sqrt(6 / 7 / 2000) = 0.021
    for place in 0..7 {
        let mean = draws.iter().map(|(examples, _)| f64::from(examples[place])).sum::<f64>() / 2000.0;
        assert!((mean - 1.0).abs() < 0.1, "{place}: {mean}");
    }
}

#[test]
fn a_two_way_bootstrap_of_one_seed_is_that_of_the_examples() {
    let row: Vec<f64> = (0..400).map(|place| f64::from(u8::from(place % 4 == 0))).collect();
    let interval = |table: &[Vec<f64>]| two_way_bootstrap(400, table.len(), 3, |examples, seeds| weighted_mean(table, examples, seeds));
    let (low, high) = interval(std::slice::from_ref(&row)).unwrap();
    // 1.96 sqrt(0.25 x 0.75 / 400) = 0.0424 either side
    assert!((low - (0.25 - 0.0424)).abs() < 0.006 && (high - (0.25 + 0.0424)).abs() < 0.006, "{low} {high}");
    // seeds that differ by themselves widen it, equal ones do not
    let (same_low, same_high) = interval(&[row.clone(), row.clone(), row.clone()]).unwrap();
    assert!((same_high - same_low - (high - low)).abs() < 0.01);
    let moved = |by: f64| row.iter().map(|value| value + by).collect::<Vec<_>>();
    let (wide_low, wide_high) = interval(&[moved(-0.2), row.clone(), moved(0.2)]).unwrap();
    assert!(wide_high - wide_low > 2.0 * (high - low));
}

#[test]
fn an_interval_is_refused_where_a_statistic_is_mostly_undefined() {
    assert_eq!(two_way_bootstrap(1, 3, 0, |_, _| Some(1.0)), None);
    assert_eq!(two_way_bootstrap(5, 0, 0, |_, _| Some(1.0)), None);
    assert_eq!(two_way_bootstrap(5, 1, 0, |_, _| None), None);
    // a given one of 5 examples is missing from a third of the draws
    assert_eq!(two_way_bootstrap(5, 1, 0, |examples, _| (examples[0] > 0).then_some(1.0)), None);
    let some = |number| (0..number).map(|value| Some(f64::from(value)));
    assert_eq!(percentile_interval(&some(9).chain([None]).collect::<Vec<_>>()), percentile_interval(&some(9).collect::<Vec<_>>()));
    assert!(percentile_interval(&some(9).collect::<Vec<_>>()).is_some());
    assert_eq!(percentile_interval(&[Some(2.0), Some(f64::NAN)]), None);
}

#[test]
fn a_sample_in_which_nothing_differs_has_no_interval_of_no_width() {
    assert_eq!(percentile_interval(&[Some(2.0); 9]), None);
    assert_eq!(bootstrap(&[Cluster { sum: 0.0, count: 10.0 }; 8], 3), None);
    // a rounding apart is no width
    assert_eq!(percentile_interval(&[Some(0.1 + 0.2), Some(0.3)]), None);
    // a share of 0 or 1 has Wilson's, a difference that is never there as much either way
    let (_, high) = wilson(0, 20, 0.95);
    assert_eq!(of_equals(0.0, 20, (0.0, 1.0)), (0.0, high));
    let (low, _) = wilson(20, 20, 0.95);
    let (from, to) = of_equals(1.0, 20, (0.0, 1.0));
    near(from, low, "all of 20");
    near(to, 1.0, "all of 20");
    assert_eq!(of_equals(0.0, 20, (-1.0, 1.0)), (-high, high));
    near(of_equals(-1.0, 20, (-1.0, 1.0)).1, -1.0 + 2.0 * high, "always");
    assert_eq!(of_equals(0.0, 1, (-1.0, 1.0)), (-1.0, 1.0));
}

#[test]
fn the_trend_over_the_rank_agrees_with_numpy_and_scipy() {
    for (name, row) in reference()["trend"].as_object().unwrap() {
        let ranks: Vec<u32> = whole(&numbers(&row["ranks"]));
        let weights = doubling_weights(&ranks).unwrap();
        let rows: Vec<(usize, f64)> = row["observations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["cluster"].as_u64().unwrap() as usize, slope_per_doubling(&weights, numbers(&one["values"]))))
            .collect();
        let found = trend(rows.clone(), 8, 4).unwrap();
        near(found.slope, row["slope"].as_f64().unwrap(), name);
        near(found.p, row["p"].as_f64().unwrap(), name);
        assert_eq!(found.clusters, row["clusters"].as_u64().unwrap() as u32, "{name}");
        let (low, high) = found.interval.unwrap();
        assert!(low <= found.slope && found.slope <= high && found.standard_error > 0.0, "{name}");
        assert_eq!(trend(rows, 8, 4), Some(found), "{name}: not the same twice");
    }
    assert_eq!(trend([], 8, 4), None);
    assert_eq!((doubling_weights(&[]), doubling_weights(&[8, 8]), doubling_weights(&[0, 8])), (None, None, None));
}

#[test]
fn sample_sizes_agree_with_their_formulas() {
    let reference = reference();
    let number = |row: &Value, name: &str| row[name].as_f64().unwrap();
    for row in reference["examples_needed"].as_array().unwrap() {
        let (share, difference, power) = (number(row, "discordant_share"), number(row, "difference"), number(row, "power"));
        assert_eq!(examples_needed(share, difference, power, 1), row["examples"].as_u64(), "{row}");
    }
    for row in reference["seeds_needed"].as_array().unwrap() {
        let found = seeds_needed(number(row, "deviation"), number(row, "difference"), number(row, "power"));
        assert_eq!(found.map(u64::from), row["seeds"].as_u64(), "{row}");
    }
    assert_eq!((examples_needed(0.1, 0.0, 0.8, 1), examples_needed(0.1, 0.2, 0.8, 1)), (None, None));
    assert_eq!((seeds_needed(0.0, 0.1, 0.8), seeds_needed(0.1, 0.0, 0.8), seeds_needed(0.0, 0.0, 0.8)), (None, None, None));
}

#[test]
fn the_kernel_density_agrees_with_scipy() {
    for (name, row) in reference()["kernel_density"].as_object().unwrap() {
        let values = numbers(&row["values"]);
        let estimate = KernelDensity::new(&values).unwrap();
        let relative = |one: f64, other: f64| assert!((one - other).abs() <= 1e-9 * other.abs(), "{name}: {one} and not {other}");
        relative(estimate.bandwidth, row["bandwidth"].as_f64().unwrap());
        for (x, density) in numbers(&row["points"]).into_iter().zip(numbers(&row["densities"])) {
            relative(estimate.at(x), density);
        }
    }
    for values in [&[][..], &[1.0], &[2.0, 2.0, 2.0], &[0.2; 9], &[0.0, f64::INFINITY], &[0.0, f64::NAN]] {
        assert_eq!(KernelDensity::new(values), None, "{values:?} have no spread");
    }
}
