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
        let found = judge_figures("x", &checked, 1);
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
        assert_eq!(judge_figures("x", &checked, 1), found, "not the same twice");
    }
    let nothing = judge_figures("x", &[], 1);
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
