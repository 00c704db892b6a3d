//! Held to scikit-learn and fairlearn: tests/reference/make_fairness.py.

use super::*;
use serde_json::Value;

/// A reference's case: predictions, and what is expected of samples of them.
struct Case {
    name: String,
    options: usize,
    groups: usize,
    label: Vec<usize>,
    predicted: Vec<usize>,
    group: Vec<usize>,
    probability: Vec<f64>,
    expected: Value,
}

fn cases() -> Vec<Case> {
    let figures: Value = serde_json::from_str(include_str!("../../../../tests/reference/fairness/figures.json")).unwrap();
    let case = |(name, value): (&String, &Value)| Case {
        name: name.clone(),
        options: value["options"].as_u64().unwrap() as usize,
        groups: value["groups"].as_u64().unwrap() as usize,
        label: whole(&value["label"]),
        predicted: whole(&value["predicted"]),
        group: whole(&value["group"]),
        probability: numbers(&value["probability"]),
        expected: value.clone(),
    };
    figures["cases"].as_object().unwrap().iter().map(case).collect()
}

impl Case {
    fn confusions(&self, weights: &[u32]) -> Vec<Confusion> {
        confusion_by_group(&self.label, &self.predicted, &self.group, self.options, self.groups, weights)
    }

    fn roc_auc(&self, option: usize) -> RocAuc {
        let score: Vec<f64> = self.probability.chunks(self.options).map(|row| row[option]).collect();
        RocAuc::new(&score, &self.label.iter().map(|label| *label == option).collect::<Vec<_>>())
    }

    fn calibration(&self) -> Calibration {
        let confidence: Vec<f64> =
            self.predicted.iter().enumerate().map(|(row, option)| self.probability[row * self.options + option]).collect();
        Calibration::new(&confidence, &self.predicted.iter().zip(&self.label).map(|(one, other)| one == other).collect::<Vec<_>>())
    }

    /// With the weights of every sample: as it is, as drawn, and empty.
    fn check(&self, compare: impl Fn(&Self, &[u32], &Value)) {
        for sample in self.expected["samples"].as_array().unwrap() {
            compare(self, &whole(&sample["weights"]).into_iter().map(|weight| weight as u32).collect::<Vec<_>>(), sample);
        }
    }
}

fn whole(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// A figure that the reference lacks is one that it calls undefined.
fn near(ours: Option<f64>, theirs: &Value, what: &str) {
    match (ours, theirs.as_f64()) {
        (None, None) => (),
        (Some(ours), Some(theirs)) if (ours - theirs).abs() <= 1e-9 => (),
        (ours, theirs) => panic!("{what}: {ours:?} and not {theirs:?}"),
    }
}

#[test]
fn accuracy_confusion_and_f1_agree_with_scikit_learn() {
    for case in cases() {
        case.check(|case, weights, sample| {
            let groups = case.confusions(weights);
            let all = Confusion::sum(&groups);
            assert_eq!(all.n(), sample["n"].as_u64().unwrap(), "{}", case.name);
            near(all.accuracy(), &sample["accuracy"], &case.name);
            near(all.macro_f1(case.options), &sample["macro_f1"], &case.name);
            for (place, group) in groups.iter().enumerate() {
                near(group.accuracy(), &sample["accuracy_by_group"][place], &case.name);
                if all.n() > 0 {
                    assert_eq!(
                        group.counts,
                        whole(&sample["confusion_by_group"][place]).into_iter().map(|count| count as u64).collect::<Vec<_>>()
                    );
                }
            }
            for option in 0..case.options {
                near(all.f1(option), &sample["f1"][option], &case.name);
                let positive = &sample["positive"][option];
                near(all.prediction_rate(option), &positive["prediction_rate"], &case.name);
                near(all.true_positive_rate(option), &positive["true_positive_rate"], &case.name);
                near(all.false_positive_rate(option), &positive["false_positive_rate"], &case.name);
            }
        });
    }
}

#[test]
fn differences_between_groups_agree_with_fairlearn() {
    let mut undefined = 0;
    for case in cases() {
        case.check(|case, weights, sample| {
            let groups = case.confusions(weights);
            near(worst_group_error(&groups), &sample["worst_group_error"], &case.name);
            near(accuracy_gap(&groups), &sample["accuracy_gap"], &case.name);
            for option in 0..case.options {
                let positive = &sample["positive"][option];
                near(demographic_parity_difference(&groups, option), &positive["demographic_parity_difference"], &case.name);
                // fairlearn takes an undefined rate for 0
                let odds = if positive["odds_defined"] == true { &positive["equalized_odds_difference"] } else { &Value::Null };
                near(equalized_odds_difference(&groups, option), odds, &case.name);
            }
        });
        undefined += usize::from(equalized_odds_difference(&case.confusions(&vec![1; case.label.len()]), 1).is_none());
    }
    assert_eq!(undefined, 3, "the group is the label, a group lacks a label, and one label only");
}

#[test]
fn the_area_under_the_curve_agrees_with_scikit_learn() {
    for case in cases() {
        let options: Vec<RocAuc> = (0..case.options).map(|option| case.roc_auc(option)).collect();
        case.check(|case, weights, sample| {
            for (option, auc) in options.iter().enumerate() {
                near(auc.area(weights), &sample["positive"][option]["roc_auc"], &case.name);
            }
            if case.options > 2 {
                near(macro_roc_auc(&options, weights), &sample["macro_roc_auc"], &case.name);
            }
        });
    }
    assert_eq!(macro_roc_auc(&[], &[]), None);
}

#[test]
fn calibration_agrees_with_scikit_learn_and_numpy() {
    for case in cases() {
        let calibration = case.calibration();
        case.check(|case, weights, sample| {
            near(calibration.expected_error(weights), &sample["expected_calibration_error"], &case.name);
            let bins = calibration.reliability(weights).unwrap();
            assert_eq!((bins.len(), bins[0].low, bins[9].high), (10, 0.0, 1.0));
            assert_eq!(bins.iter().map(|bin| bin.n).sum::<u64>(), sample["n"].as_u64().unwrap());
            let filled: Vec<_> = bins.iter().filter(|bin| bin.n > 0).collect();
            if !filled.is_empty() {
                assert_eq!(filled.len(), sample["reliability"]["accuracy"].as_array().unwrap().len(), "{}", case.name);
            }
            for (place, bin) in filled.iter().enumerate() {
                near(bin.confidence, &sample["reliability"]["confidence"][place], &case.name);
                near(bin.accuracy, &sample["reliability"]["accuracy"][place], &case.name);
                assert!(bin.low <= bin.confidence.unwrap() && bin.confidence.unwrap() <= bin.high + 1e-12, "{bin:?}");
            }
        });
    }
}

#[test]
fn margins_agree_with_numpy() {
    for case in cases() {
        let margins = &case.expected["margins"];
        let edges = margin_edges(case.options, 20);
        assert_eq!(edges.len(), 21);
        for (ours, theirs) in edges.iter().zip(numbers(&margins["edges"])) {
            assert!((ours - theirs).abs() < 1e-12, "{}: {ours} and not {theirs}", case.name);
        }
        let histogram = Histogram::new(&decision_probabilities(&case.predicted, &case.probability, case.options, 1), &edges);
        let expected: Vec<u64> = whole(&margins["counts"]).into_iter().map(|count| count as u64).collect();
        assert_eq!(histogram, Histogram { edges, counts: expected, outside: margins["outside"].as_u64().unwrap() }, "{}", case.name);
    }
}

#[test]
fn a_histogram_keeps_its_ends_and_says_what_it_left_out() {
    let edges = margin_edges(2, 20);
    // the softmax rounds beyond both ends
    let histogram = Histogram::new(&[0.5, 0.499_999_9, 1.0, 1.000_000_1, 0.4, 1.2, f64::NAN], &edges);
    assert_eq!((histogram.counts[0], histogram.counts[19], histogram.outside), (2, 2, 3));
    assert_eq!(histogram.counts.iter().sum::<u64>(), 4);
    assert_eq!(Histogram::new(&[0.5], &[]).outside, 1);
    assert_eq!(Histogram::new(&[0.5], &[0.5]).outside, 1);
}

#[test]
fn probabilities_that_are_not_finite_leave_scores_undefined() {
    let weights = [1, 1];
    assert_eq!(RocAuc::new(&[f64::NAN, 0.5], &[true, false]).area(&weights), None);
    let calibration = Calibration::new(&[f64::INFINITY, 0.5], &[true, false]);
    assert_eq!((calibration.expected_error(&weights), calibration.reliability(&weights)), (None, None));
}

#[test]
fn the_harmful_bias_gap_has_no_sign_and_seeds_pool() {
    assert_eq!((harmful_bias_gap(0.75, 0.5), harmful_bias_gap(0.5, 0.75)), (0.25, 0.25));
    let one = Confusion { options: 2, counts: vec![3, 1, 0, 2] };
    let mut pooled = Confusion::empty(2);
    pooled.add(&one, 2);
    pooled.add(&Confusion { options: 2, counts: vec![1, 0, 5, 0] }, 1);
    assert_eq!(pooled.counts, [7, 2, 5, 4]);
    assert_eq!(
        (Confusion::sum([]).n(), Confusion::sum([]).accuracy(), worst_group_error(&[]), accuracy_gap(&[one])),
        (0, None, None, None)
    );
}
