use super::*;
use crate::statistics::{mcnemar_exact, wilson};
use rankscope_domain::{
    class_results::{ArmAccuracy, PairedTest},
    dataset::GroupCount,
    recipe::ArmSpec,
    results::Finding,
};

/// 60 test examples: two in three are positive, the majority.
const EXAMPLES: u32 = 60;

fn label(id: u32) -> u32 {
    u32::from(!id.is_multiple_of(3))
}

fn fraction(value: f64) -> MinorityFraction {
    MinorityFraction::new(value).unwrap()
}

fn recipe(seeds: &[u64], ranks: &[u32], head: HeadKind) -> Recipe {
    let mut recipe = Recipe::from_toml("name = \"x\"\nkind = \"classification\"").unwrap();
    recipe.seeds = seeds.to_vec();
    recipe.classifier.head = head;
    recipe.groups.minority_fractions = vec![fraction(1.0), fraction(0.1)];
    recipe.arms = ranks.iter().map(|&rank| ArmSpec::lora(rank, 1e-3)).chain([ArmSpec::full(1e-4)]).collect();
    recipe.validate().unwrap();
    recipe
}

fn record() -> DataRecord {
    let group = |name: &str, test| GroupCount { group: name.into(), train: 2 * test, test };
    DataRecord {
        labels: vec!["negative".into(), "positive".into()],
        positive: 1,
        groups: vec![group("positive", 40), group("negative", 20)],
        minority: "negative".into(),
        majority: "positive".into(),
        grouped_by: "its label".into(),
        train_examples: 120,
        test_examples: EXAMPLES,
    }
}

fn test_texts() -> Vec<LabelledText> {
    let group = |id| if label(id) == 1 { "positive" } else { "negative" };
    (0..EXAMPLES)
        .map(|id| LabelledText { id, row: id.into(), text: format!("text {id}"), label: label(id), group: group(id).into() })
        .collect()
}

/// Right with probability 0.8, but on the examples that `wrong` names.
fn predictions(wrong: impl Fn(u32) -> bool) -> Vec<Prediction> {
    let probability = |id: u32| {
        let answer = if wrong(id) { 1 - label(id) } else { label(id) };
        if answer == 1 { [0.2_f64.ln(), 0.8_f64.ln()] } else { [0.8_f64.ln(), 0.2_f64.ln()] }
    };
    (0..EXAMPLES).map(|id| Prediction { id, log_probabilities: probability(id).into(), generated: None, generated_label: None }).collect()
}

/// `wrong` says of a cell which examples it has wrong; `None`: the cell failed.
fn results(recipe: &Recipe, wrong: impl Fn(CellId, u32) -> Option<bool>) -> (ClassificationResults, Vec<Claim>) {
    let cells = recipe.cells().into_iter().map(|cell| match wrong(cell, 0) {
        Some(_) => (cell, predictions(|id| wrong(cell, id).unwrap())),
        None => (cell, Vec::new()),
    });
    let count =
        |value, minority_examples| FractionCount { fraction: fraction(value), minority_examples, train_examples: 80 + minority_examples };
    compute(&ClassFindings {
        recipe,
        record: &record(),
        test: &test_texts(),
        fractions: vec![count(1.0, 40), count(0.1, 4)],
        cells: cells.collect(),
    })
}

fn first(results: &ClassificationResults, arm: Arm, at: f64) -> &ArmAccuracy {
    results.readings[0].arms.iter().find(|found| found.arm == arm && found.fraction == Some(fraction(at))).unwrap()
}

/// Wrong on so many of the minority's twenty.
fn misses(id: u32, count: u32) -> bool {
    label(id) == 0 && id / 3 < count
}

fn near(one: Option<f64>, other: f64) {
    assert!(one.is_some_and(|one| (one - other).abs() < 1e-12), "{one:?} and not {other}");
}

#[test]
fn measures_are_those_that_one_counts_by_hand() {
    let recipe = recipe(&[0], &[2], HeadKind::ClassHead);
    // r = 2 misses 8 of the minority's 20, full 3; nobody misses one of the majority's 40
    let (results, _) = results(&recipe, |cell, id| Some(misses(id, if cell.arm == Arm::Full { 3 } else { 8 })));
    let lora = first(&results, Arm::Lora(2), 0.1);
    near(lora.accuracy.value, 52.0 / 60.0);
    let (low, high) = wilson(52, 60, 0.95);
    assert_eq!((lora.accuracy.low, lora.accuracy.high, lora.accuracy.n), (Some(low), Some(high), 60));
    near(lora.group("negative").unwrap().accuracy.value, 0.6);
    near(lora.group("positive").unwrap().accuracy.value, 1.0);
    near(lora.worst_group_error.value, 0.4);
    near(lora.group_gap.value, 0.4);
    near(lora.harmful_bias_gap.unwrap().value, 0.25);
    near(lora.demographic_parity_difference.value, 0.6);
    assert_eq!(lora.equalized_odds_difference.value, None, "the label makes the group");
    near(lora.f1.value, 2.0 * 40.0 / (2.0 * 40.0 + 8.0));
    near(lora.macro_f1.value, (80.0 / 88.0 + 24.0 / 32.0) / 2.0);
    near(lora.auc.value, (12.0 + 8.0 / 2.0) / 20.0);
    // confidence 0.8 throughout: the error is the distance of the accuracy from it
    near(lora.calibration_error.value, 52.0 / 60.0 - 0.8);
    near(lora.mean_margin.value, 0.8);
    assert_eq!((lora.mean_margin.n, lora.margins.iter().sum::<u32>()), (48, 48));
    assert_eq!(lora.group("negative").unwrap().confusion, [[12, 8], [0, 0]]);
    assert_eq!(lora.reliability.len(), 1);
    assert_eq!(lora.unreadable.value, None);
    assert_eq!(lora.seeds, [0]);
    let full = first(&results, Arm::Full, 1.0);
    assert_eq!(full.harmful_bias_gap, None);
    for measure in [lora.worst_group_error, lora.harmful_bias_gap.unwrap(), lora.f1, lora.auc, lora.calibration_error] {
        let (value, low, high) = (measure.value.unwrap(), measure.low.unwrap(), measure.high.unwrap());
        assert!(low < value && value < high, "{measure:?}");
    }
}

#[test]
fn ranks_are_held_to_full_on_the_same_examples() {
    let recipe = recipe(&[0], &[2, 8], HeadKind::ClassHead);
    let missed = |arm| {
        if arm == Arm::Lora(2) {
            12
        } else if arm == Arm::Full {
            2
        } else {
            3
        }
    };
    let (found, claims) = results(&recipe, |cell, id| Some(misses(id, missed(cell.arm))));
    let of = |arm, group: Option<&str>| {
        found.readings[0].contrasts.iter().find(|c| c.arm == arm && c.fraction == fraction(0.1) && c.group.as_deref() == group).unwrap()
    };
    let low = of(Arm::Lora(2), Some("negative"));
    near(Some(low.difference), -0.5);
    assert_eq!((low.p, low.test, low.examples), (mcnemar_exact(10, 0), PairedTest::McnemarExact, 20));
    assert_eq!(low.p_holm, 2.0 * low.p, "Holm over two ranks");
    assert!(low.low < -0.5 && -0.5 < low.high && low.high < 0.0 && low.detectable.unwrap() > 0.0);
    near(Some(of(Arm::Lora(8), None).difference), -1.0 / 60.0);
    assert_eq!(of(Arm::Lora(2), Some("positive")).p, 1.0);
    // 2 -> 8 is two doublings
    let trend = found.readings[0].trends.iter().find(|t| t.fraction == fraction(0.1) && t.group.as_deref() == Some("negative")).unwrap();
    near(Some(trend.slope), 9.0 / 20.0 / 2.0);
    let findings: Vec<Finding> = claims.iter().map(|claim| claim.finding).collect();
    // the gap is the same at both fractions, and every margin is 0.8
    assert_eq!(findings, [Finding::Reproduced, Finding::Reproduced, Finding::Inconclusive, Finding::Inconclusive], "{claims:#?}");
    assert!(claims[0].because.contains("McNemar") && claims[0].because.contains("learning rate 0.001"), "{}", claims[0].because);
}

#[test]
fn what_is_the_other_way_round_contradicts_and_what_is_equal_settles_nothing() {
    let recipe = recipe(&[0, 1], &[2, 8], HeadKind::ClassHead);
    let (found, claims) = results(&recipe, |cell, id| Some(misses(id, if cell.arm == Arm::Lora(2) { 0 } else { 12 })));
    assert_eq!(claims[0].finding, Finding::Contradicted, "{claims:#?}");
    assert_eq!(claims[1].finding, Finding::Contradicted);
    assert!(found.readings[0].contrasts.iter().all(|contrast| contrast.test == PairedTest::SignFlip && contrast.seeds == 2));
    let (_, claims) = results(&recipe, |_, id| Some(misses(id, 5)));
    assert!(claims.iter().all(|claim| claim.finding == Finding::Inconclusive), "{claims:#?}");
    let widening = |cell: CellId, id| {
        let far = cell.arm == Arm::Lora(2) && cell.minority == Some(fraction(0.1));
        Some(misses(id, if far { 15 } else { 2 }))
    };
    let (_, claims) = results(&recipe, widening);
    assert_eq!(claims[2].finding, Finding::Reproduced, "{claims:#?}");
}

#[test]
fn seeds_that_disagree_settle_nothing_however_small_the_p() {
    let recipe = recipe(&[0, 1, 2], &[2, 8], HeadKind::ClassHead);
    // one training of r = 2 collapsed on the minority, two did as full
    let (found, claims) = results(&recipe, |cell, id| Some(misses(id, if cell.arm == Arm::Lora(2) && cell.seed == 1 { 20 } else { 2 })));
    let low = &found.readings[0].contrasts.iter().find(|c| c.arm == Arm::Lora(2) && c.group.as_deref() == Some("negative")).unwrap();
    assert!(low.p_holm < 0.001 && low.low < 0.0 && low.high >= 0.0, "{low:?}");
    assert_eq!(low.seed_differences, [0.0, -0.9, 0.0]);
    assert_eq!(claims[0].finding, Finding::Inconclusive);
    assert!(
        claims[0].because.contains("other seeds may say otherwise") && claims[0].because.contains("seeds would be needed"),
        "{}",
        claims[0].because
    );
    assert_eq!(claims[1].finding, Finding::Inconclusive, "{}", claims[1].because);
}

#[test]
fn two_trainings_whose_interval_leaves_out_0_can_be_too_few() {
    let recipe = recipe(&[0, 1], &[2, 8], HeadKind::ClassHead);
    // r = 2 misses 9 more than full in one training, 18 in the other: t = 0.675 / 0.225 = 3 with one degree of freedom
    let (found, claims) = results(&recipe, |cell, id| {
        Some(misses(
            id,
            if cell.arm != Arm::Lora(2) {
                2
            } else if cell.seed == 0 {
                11
            } else {
                20
            },
        ))
    });
    let low = &found.readings[0].contrasts.iter().find(|c| c.arm == Arm::Lora(2) && c.group.as_deref() == Some("negative")).unwrap();
    assert!(low.p_holm < 0.001 && low.high < 0.0, "{low:?}");
    assert_eq!(claims[0].finding, Finding::Inconclusive);
    let p = 1.0 - 2.0 * 3.0_f64.atan() / std::f64::consts::PI;
    assert!(
        claims[0].because.contains(&format!("a paired t test gives p = {p:.3}")) && claims[0].because.contains("or are too few"),
        "{}",
        claims[0].because
    );
    let trend = found.readings[0].trends.iter().find(|t| t.group.as_deref() == Some("negative")).unwrap();
    assert_eq!(trend.seed_slopes.len(), 2);
    assert!(trend.low > 0.0 && claims[1].finding == Finding::Inconclusive, "{trend:?} {}", claims[1].because);
}

#[test]
fn what_never_happened_has_no_interval_of_no_width() {
    let recipe = recipe(&[0, 1], &[2, 8], HeadKind::ClassHead);
    // nobody errs, in either seed
    let (found, _) = results(&recipe, |_, _| Some(false));
    let lora = first(&found, Arm::Lora(2), 0.1);
    let (low, _) = wilson(60, 60, 0.95);
    assert_eq!((lora.accuracy.value, lora.accuracy.low, lora.accuracy.high), (Some(1.0), Some(low), Some(1.0)));
    let (low, _) = wilson(20, 20, 0.95);
    assert_eq!(lora.group("negative").unwrap().accuracy.low, Some(low));
    for measure in [lora.worst_group_error, lora.group_gap, lora.harmful_bias_gap.unwrap(), lora.f1, lora.auc] {
        assert!(measure.value.is_some() && measure.low.is_none() && measure.high.is_none(), "{measure:?}");
    }
    for contrast in &found.readings[0].contrasts {
        let (_, none) = wilson(0, contrast.examples, 0.95);
        assert_eq!((contrast.difference, contrast.low, contrast.high), (0.0, -none, none));
    }
    // r = 8 is two doublings above r = 2: no slope is above a half
    for trend in &found.readings[0].trends {
        let (_, none) = wilson(0, trend.examples, 0.95);
        assert_eq!((trend.slope, trend.low, trend.high), (0.0, -none / 2.0, none / 2.0));
    }
}

#[test]
fn a_trend_speaks_of_the_seeds_that_it_has() {
    let recipe = recipe(&[0, 1, 2], &[2, 8], HeadKind::ClassHead);
    // r = 2 has one training that did not fail
    let (found, claims) = results(&recipe, |cell, id| {
        (cell.arm != Arm::Lora(2) || cell.seed == 1).then(|| misses(id, if cell.arm == Arm::Lora(2) { 12 } else { 2 }))
    });
    assert!(found.readings[0].trends.iter().all(|trend| trend.seed_slopes.len() == 1), "{:?}", found.readings[0].trends);
    assert!(claims[1].because.contains("One training of each arm"), "{}", claims[1].because);
}

#[test]
fn the_margins_of_a_claim_are_those_of_the_samples_that_its_trend_is_of() {
    let recipe = recipe(&[0], &[2, 8], HeadKind::ClassHead);
    // on the majority r = 8 is surer than r = 2 by 0.1; but it calls the minority positive too, barely, so that its mean over all is lower
    let sure = |cell: CellId, id: u32| match (cell.arm, label(id)) {
        (Arm::Lora(8), 1) => 0.9,
        (Arm::Lora(8), _) => 0.55,
        (_, 1) => 0.8,
        _ => 0.1,
    };
    let cells = recipe.cells().into_iter().map(|cell| {
        let of = |id| {
            let positive: f64 = sure(cell, id);
            Prediction { id, log_probabilities: [(1.0 - positive).ln(), positive.ln()].into(), generated: None, generated_label: None }
        };
        (cell, (0..EXAMPLES).map(of).collect())
    });
    let count = |value| FractionCount { fraction: fraction(value), minority_examples: 4, train_examples: 84 };
    let fractions = vec![count(1.0), count(0.1)];
    let (found, claims) =
        compute(&ClassFindings { recipe: &recipe, record: &record(), test: &test_texts(), fractions, cells: cells.collect() });
    near(first(&found, Arm::Lora(8), 1.0).mean_margin.value, (40.0 * 0.9 + 20.0 * 0.55) / 60.0);
    near(Some(found.readings[0].margin_trends[0].slope), 0.05);
    let claim = claims.iter().find(|claim| claim.claim.contains("margins")).unwrap();
    assert!(
        claim.because.contains("lora-r2 0.800; lora-r8 0.900") && claim.because.contains("these 40 test examples"),
        "{}",
        claim.because
    );
}

#[test]
fn a_cell_that_failed_is_nobodys_zero() {
    let recipe = recipe(&[0, 1], &[2], HeadKind::ClassHead);
    let (found, _) = results(&recipe, |cell, id| (cell.arm != Arm::Lora(2) || cell.seed == 1).then(|| misses(id, 4)));
    let lora = first(&found, Arm::Lora(2), 1.0);
    assert_eq!((lora.seeds.as_slice(), lora.seed_accuracy.len()), (&[1][..], 1));
    near(lora.accuracy.value, 56.0 / 60.0);
    assert!(found.readings[0].contrasts.iter().all(|contrast| contrast.seeds == 1));
    let (found, claims) = results(&recipe, |cell, id| (cell.arm == Arm::Full).then(|| misses(id, 4)));
    let lora = first(&found, Arm::Lora(2), 1.0);
    assert_eq!((lora.accuracy.value, lora.accuracy.low, lora.seeds.len()), (None, None, 0));
    assert_eq!(found.readings[0].contrasts, []);
    assert_eq!(claims, []);
}

#[test]
fn an_answering_model_is_read_in_two_ways_and_unreadable_is_wrong() {
    let recipe = recipe(&[0], &[2], HeadKind::Answers);
    let mut cells = Vec::new();
    for cell in recipe.cells() {
        let mut of_cell = predictions(|_| false);
        for prediction in &mut of_cell {
            prediction.generated = Some(String::new());
            // every sixth answer, all of the minority, names nothing
            prediction.generated_label = (prediction.id % 6 != 0).then(|| label(prediction.id));
        }
        cells.push((cell, of_cell));
    }
    let count = FractionCount { fraction: fraction(1.0), minority_examples: 40, train_examples: 120 };
    let (results, _) = compute(&ClassFindings { recipe: &recipe, record: &record(), test: &test_texts(), fractions: vec![count], cells });
    let [likelihood, text] = &results.readings[..] else { panic!("{:?}", results.readings.len()) };
    assert_eq!((likelihood.reading, text.reading), (Reading::Likelihood, Reading::GeneratedText));
    let original = &text.arms[0];
    assert_eq!((original.arm, original.fraction), (Arm::Original, None));
    near(original.unreadable.value, 10.0 / 60.0);
    near(original.group("negative").unwrap().accuracy.value, 0.5);
    assert_eq!(original.group("negative").unwrap().confusion, [[10, 0, 10], [0, 0, 0]]);
    assert_eq!((original.auc.value, original.calibration_error.value, original.margins.len()), (None, None, 0));
    near(original.macro_f1.value, (1.0 + 20.0 / 30.0) / 2.0);
    assert_eq!(text.margin_trends, []);
    near(likelihood.arms[0].accuracy.value, 1.0);
}
