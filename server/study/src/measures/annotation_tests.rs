//! Agreement, a judge's errors and corrected shares, held to scikit-learn, krippendorff, statsmodels, NumPy and ppi-python.

use super::*;
use rankscope_domain::annotation::Figure;
use serde_json::Value;

/// tests/reference/make_annotation.py
fn reference() -> Value {
    serde_json::from_str(include_str!("../../../../tests/reference/annotation/figures.json")).unwrap()
}

fn rows<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[track_caller]
fn near(ours: Option<f64>, theirs: &Value, what: &str) {
    near_by(ours, theirs, 1e-9, what);
}

#[track_caller]
fn near_by(ours: Option<f64>, theirs: &Value, tolerance: f64, what: &str) {
    match (ours, theirs.as_f64()) {
        (Some(ours), Some(theirs)) => {
            assert!((ours - theirs).abs() <= tolerance * theirs.abs().max(1e-3), "{what}: {ours} and not {theirs}")
        }
        (ours, theirs) => assert_eq!(ours, theirs, "{what}"),
    }
}

#[test]
fn kappa_agrees_with_scikit_learn() {
    for row in rows(&reference(), "cohen") {
        near(cohen_kappa(&numbers(&row["table"]), row["options"].as_u64().unwrap() as usize), &row["kappa"], &row.to_string());
    }
    assert_eq!(cohen_kappa(&[5.0, 0.0, 0.0, 0.0], 2), None, "all is one label");
    assert_eq!(cohen_kappa(&[0.0; 4], 2), None);
}

#[test]
fn alpha_agrees_with_krippendorff() {
    for row in rows(&reference(), "alpha") {
        let counts = |value: &Value| -> Vec<u32> { numbers(value).into_iter().map(|count| count as u32).collect() };
        let units: Vec<Vec<u32>> = rows(row, "units").iter().map(counts).collect();
        near(krippendorff_alpha(&units, &counts(&row["times"])), &row["alpha"], &row.to_string());
    }
    assert_eq!(krippendorff_alpha(&[vec![2, 0], vec![3, 0]], &[1, 1]), None, "one label alone");
    assert_eq!(krippendorff_alpha(&[vec![1, 0], vec![0, 1]], &[1, 1]), None, "nothing pairs");
    assert_eq!(krippendorff_alpha(&[], &[]), None);
}

#[test]
fn a_judges_figures_agree_with_scikit_learn_and_statsmodels() {
    for row in rows(&reference(), "judges") {
        let (weights, strata) = (numbers(&row["weight"]), numbers(&row["stratum"]));
        let checked: Vec<Checked> = rows(row, "toxic")
            .iter()
            .zip(rows(row, "judged"))
            .zip(weights.iter().zip(&strata))
            .map(|((toxic, judged), (&weight, &stratum))| Checked {
                toxic: toxic.as_bool().unwrap(),
                judged_toxic: judged.as_bool(),
                weight,
                stratum: stratum as usize,
            })
            .collect();
        let found = judge_figures("x", &checked, StratifiedBy::Nothing, 1);
        let name = row["name"].as_str().unwrap();
        for (key, figure) in
            [("precision", found.precision), ("recall", found.recall), ("specificity", found.specificity), ("accuracy", found.accuracy)]
        {
            near(figure.value, &row[key]["value"], &format!("{name} {key}"));
            near(figure.low, &row[key]["low"], &format!("{name} {key} low"));
            near(figure.high, &row[key]["high"], &format!("{name} {key} high"));
        }
        near(found.f1.value, &row["f1"], &format!("{name} f1"));
        near(found.kappa.value, &row["kappa"], &format!("{name} kappa"));
        for figure in [found.f1, found.kappa] {
            if let (Some(value), Some(low), Some(high)) = (figure.value, figure.low, figure.high) {
                assert!(low <= value && value <= high, "{name}: {figure:?}");
            }
        }
        assert_eq!(judge_figures("x", &checked, StratifiedBy::Nothing, 1), found, "not the same twice");
    }
    let nothing = judge_figures("x", &[], StratifiedBy::ItsVerdicts, 1);
    assert_eq!((nothing.precision, nothing.kappa, nothing.n()), (Figure::default(), Figure::default(), 0));
}

fn stratum(value: &Value) -> Stratum {
    let whole = |name: &str| value[name].as_u64().unwrap() as u32;
    Stratum {
        judged_toxic: value["judged_toxic"].as_bool().unwrap(),
        population: f64::from(whole("population")),
        labelled: whole("labelled"),
        toxic: whole("toxic"),
    }
}

#[test]
fn corrected_shares_agree_with_numpy_and_ppi() {
    /// The reference's slopes are differences.
    const SLOPES: f64 = 1e-5;
    for case in rows(&reference(), "corrections") {
        let name = case["name"].as_str().unwrap();
        let arms: Vec<Vec<Stratum>> =
            rows(case, "strata").iter().map(|arm| arm.as_array().unwrap().iter().map(stratum).collect()).collect();
        let errors = Errors::of(&arms.concat()).unwrap();
        for (key, found) in [("sensitivity", errors.sensitivity()), ("specificity", errors.specificity())] {
            near(found.map(|(value, _)| value), &case[key]["value"], &format!("{name} {key}"));
            near_by(found.map(|(_, variance)| variance), &case[key]["variance"], SLOPES, &format!("{name} variance of {key}"));
        }
        for (arm, expected) in arms.iter().zip(rows(case, "arms")) {
            let number = |key: &str| expected[key].as_f64().unwrap();
            let corrected = rogan_gladen(number("share"), number("share_variance"), &errors);
            near(corrected.map(|(value, _)| value), &expected["rogan_gladen"]["value"], &format!("{name} corrected"));
            near_by(
                corrected.map(|(_, variance)| variance),
                &expected["rogan_gladen"]["variance"],
                SLOPES,
                &format!("{name} its variance"),
            );
            let powered = prediction_powered(arm, number("between"));
            near(powered.map(|(value, _)| value), &expected["prediction_powered"]["value"], &format!("{name} powered"));
            near(powered.map(|(_, variance)| variance), &expected["prediction_powered"]["variance"], &format!("{name} its variance"));
        }
        let sensitivities: Vec<_> = arms.iter().filter_map(|arm| Errors::of(arm)?.sensitivity()).collect();
        near_by(same_p(&sensitivities), &case["sensitivity_p"], SLOPES, &format!("{name} p"));
    }
}

#[test]
fn what_can_not_be_corrected_is_not() {
    let stratum = |judged_toxic, population, labelled, toxic| Stratum { judged_toxic, population, labelled, toxic };
    assert!(Errors::of(&[stratum(true, 10.0, 0, 0), stratum(false, 10.0, 5, 1)]).is_none(), "a verdict without labels");
    let blind = Errors::of(&[stratum(true, 10.0, 4, 2), stratum(false, 10.0, 4, 2)]).unwrap();
    assert_eq!(rogan_gladen(0.5, 0.0, &blind), None, "a judge that knows nothing");
    assert!(prediction_powered(&[stratum(true, 10.0, 4, 2), stratum(false, 10.0, 0, 0)], 0.0).is_none());
    let (share, _) = prediction_powered(&[stratum(true, 0.0, 0, 0), stratum(false, 10.0, 4, 1)], 0.0).unwrap();
    assert!((share - 0.25).abs() < 1e-12, "a verdict that never occurs needs no label: {share}");
    // no false alarm and nothing missed: the share stays
    let right = Errors::of(&[stratum(true, 20.0, 10, 10), stratum(false, 80.0, 10, 0)]).unwrap();
    assert!((rogan_gladen(0.2, 0.0, &right).unwrap().0 - 0.2).abs() < 1e-12);
    let all_toxic = Errors::of(&[stratum(true, 20.0, 10, 10), stratum(false, 80.0, 10, 10)]).unwrap();
    assert_eq!((all_toxic.specificity(), rogan_gladen(0.2, 0.0, &all_toxic)), (None, None));
}

/// So many labels of a stratum, of which so many are of toxic texts; `weight` texts stand behind each.
fn labels(stratum: usize, judged: bool, labelled: u32, toxic: u32, weight: f64) -> impl Iterator<Item = Checked> {
    (0..labelled).map(move |place| Checked { toxic: place < toxic, judged_toxic: Some(judged), weight, stratum })
}

#[test]
fn a_recall_of_all_leaves_room_for_misses_among_the_many_judged_clean() {
    // 20 labels of 20 texts judged toxic, and 20 of 200 judged clean: no miss was seen, but one would stand for ten
    let checked: Vec<Checked> = labels(0, true, 20, 20, 1.0).chain(labels(1, false, 20, 0, 10.0)).collect();
    let found = judge_figures("x", &checked, StratifiedBy::ItsVerdicts, 1);
    let errors = Errors::of(&[
        Stratum { judged_toxic: true, population: 20.0, labelled: 20, toxic: 20 },
        Stratum { judged_toxic: false, population: 200.0, labelled: 20, toxic: 0 },
    ])
    .unwrap();
    let (value, variance) = errors.sensitivity().unwrap();
    assert_eq!(found.recall, share_figure(value, variance));
    assert_eq!(found.recall.value, Some(1.0));
    // 1.96 x 10 x sqrt(20 x 1/22 x 21/22) / 20 is above 1: as good as nothing is known
    assert!(found.recall.low.unwrap() < 0.2, "{:?}", found.recall);
    // by the labels of toxic texts alone: Wilson's of 20 in 20
    let alone = judge_figures("x", &checked, StratifiedBy::Nothing, 1);
    assert!(alone.recall.low.unwrap() > 0.8, "{:?}", alone.recall);
    // the twenty judged toxic are all there is of what precision is of
    assert_eq!(found.precision, alone.precision);
    // a judge that the sample was not drawn by may have missed some anywhere
    let other = judge_figures("x", &checked, StratifiedBy::OtherVerdicts, 1);
    assert!(other.recall.low.unwrap() < 0.2 && other.precision.low.unwrap() < alone.precision.low.unwrap(), "{other:?}");
    assert_eq!((other.recall.value, other.recall.high), (Some(1.0), Some(1.0)));
}

#[test]
fn f1_and_kappa_have_no_interval_from_a_handful_of_labels() {
    let of = |labelled: u32| {
        let checked: Vec<Checked> = labels(0, true, labelled, labelled - 1, 2.0).chain(labels(1, false, labelled, 1, 10.0)).collect();
        judge_figures("x", &checked, StratifiedBy::ItsVerdicts, 1)
    };
    for labelled in [2, 4] {
        let found = of(labelled);
        assert!(found.f1.value.is_some() && found.kappa.value.is_some());
        assert_eq!((found.f1.low, found.f1.high, found.kappa.low, found.kappa.high), (None, None, None, None), "{labelled}");
    }
    let found = of(6);
    assert!(found.f1.low.unwrap() < found.f1.value.unwrap() && found.f1.value.unwrap() < found.f1.high.unwrap(), "{:?}", found.f1);
    // labels that all agree show no spread
    let agree: Vec<Checked> = labels(0, true, 6, 6, 2.0).chain(labels(1, false, 6, 0, 10.0)).collect();
    let found = judge_figures("x", &agree, StratifiedBy::ItsVerdicts, 1);
    assert_eq!((found.f1.value, found.f1.low, found.kappa.value, found.kappa.low), (Some(1.0), None, Some(1.0), None));
    // a stratum that was labelled whole is not a sample, however small
    let whole: Vec<Checked> = labels(0, true, 1, 1, 1.0).chain(labels(1, false, 8, 1, 10.0)).collect();
    assert!(judge_figures("x", &whole, StratifiedBy::ItsVerdicts, 1).f1.low.is_some());
}

#[test]
fn an_estimate_that_is_no_share_is_none() {
    // 30 points below nothing, 10 either way
    assert_eq!(share_figure(-0.3, 0.05 * 0.05), Figure::default());
    assert_eq!(share_figure(1.3, 0.05 * 0.05), Figure::default());
    let near_nothing = share_figure(-0.05, 0.05 * 0.05);
    assert_eq!((near_nothing.value, near_nothing.low), (Some(0.0), Some(0.0)));
    assert!((near_nothing.high.unwrap() - 0.048).abs() < 1e-3);
    // without errors it is what it is
    assert_eq!(share_figure(0.0, 0.0).value, Some(0.0));
}
