use super::*;
use rankscope_domain::{MinorityFraction, inspection::Inspection, recipe::ArmSpec, results::Finding};

/// 24 examples, two of each template where there are templates.
fn cell(arm: Arm, templates: bool, kl: impl Fn(u32) -> f64) -> InspectedCell {
    let of = |kl: f64| Divergences { kl, reverse_kl: 2.0 * kl, jensen_shannon: kl / 4.0, positions: 1 };
    let line = |id: u32| ExampleDivergence {
        id,
        template: templates.then(|| format!("template {}", id / 2)),
        prompt_end: of(kl(id)),
        continuation: (templates && id > 0).then(|| of(3.0 * kl(id))),
        by_token: Vec::new(),
    };
    let matrix =
        MatrixDistance { layer: Some(0), matrix: "q_proj".into(), frobenius: 1.0, relative: 0.1, effective_rank: 2.0, stable_rank: 1.5 };
    InspectedCell { cell: CellId::new(arm, 7), divergences: (0..24).map(line).collect(), weights: vec![matrix] }
}

fn recipe() -> Recipe {
    let mut recipe = Recipe::from_toml("name = \"x\"\nseeds = [7]").unwrap();
    recipe.arms = vec![ArmSpec::lora(2, 1e-3), ArmSpec::lora(8, 1e-3), ArmSpec::full(1e-4)];
    recipe.inspection = Some(Inspection::default());
    recipe
}

fn near(one: f64, other: f64) {
    assert!((one - other).abs() < 1e-12, "{one} and not {other}");
}

/// A little that differs by example.
fn noise(id: u32) -> f64 {
    f64::from(id * 7 % 5) / 100.0
}

fn findings(claims: &[Claim]) -> Vec<Finding> {
    claims.iter().map(|claim| claim.finding).collect()
}

#[test]
fn a_growing_divergence_is_reproduced_with_its_numbers() {
    let cells = || {
        vec![
            cell(Arm::Full, true, |id| 0.9 + noise(id)),
            cell(Arm::Lora(8), true, |id| 0.5 + noise(23 - id)),
            cell(Arm::Lora(2), true, |id| 0.1 + noise(id)),
        ]
    };
    let (results, claims) = compute(&recipe(), cells()).unwrap();
    assert_eq!((results.seed, results.fraction), (7, None));
    assert_eq!(results.divergences.iter().map(|found| found.arm).collect::<Vec<_>>(), [Arm::Lora(2), Arm::Lora(8), Arm::Full]);
    let lowest = &results.divergences[0];
    let mean = (0..24).map(|id| 0.1 + noise(id)).sum::<f64>() / 24.0;
    near(lowest.prompt_end.kl.value.unwrap(), mean);
    near(lowest.prompt_end.reverse_kl.value.unwrap(), 2.0 * mean);
    near(lowest.prompt_end.jensen_shannon.value.unwrap(), mean / 4.0);
    let (low, high) = (lowest.prompt_end.kl.low.unwrap(), lowest.prompt_end.kl.high.unwrap());
    assert!(low < mean && mean < high && high - low < 0.02, "{low} {high}");
    assert_eq!(lowest.prompt_end.kl.n, 24);
    let continuation = lowest.continuation.as_ref().unwrap();
    near(continuation.kl.value.unwrap(), 3.0 * (1..24).map(|id| 0.1 + noise(id)).sum::<f64>() / 23.0);
    assert_eq!(continuation.kl.n, 23);
    // two doublings from 2 to 8
    let trend = results.kl_trend.unwrap();
    near(trend.slope, 0.2);
    assert_eq!(trend.clusters, 12);
    // all twelve templates go one way: 2 / 2^12
    near(trend.p, 2.0 / 4096.0);
    assert_eq!(findings(&claims), [Finding::Reproduced, Finding::Reproduced]);
    assert!(claims[0].because.contains("+0.200") && claims[0].because.contains("12 templates"), "{}", claims[0].because);
    assert!(claims[1].because.contains("+0.400") && claims[1].because.contains("lora-r8"), "{}", claims[1].because);
    assert_eq!(results.weights.len(), 3);
    assert_eq!(compute(&recipe(), cells()).unwrap(), (results, claims), "not the same twice");
}

#[test]
fn the_other_way_round_contradicts_and_equal_arms_settle_nothing() {
    let check = |kls: [f64; 3], expected: [Finding; 2]| {
        let arms = [Arm::Lora(2), Arm::Lora(8), Arm::Full];
        let cells = arms.into_iter().zip(kls).map(|(arm, kl)| cell(arm, true, move |id| kl + noise(id))).collect();
        let (_, claims) = compute(&recipe(), cells).unwrap();
        assert_eq!(findings(&claims), expected, "{claims:?}");
    };
    check([0.5, 0.2, 0.1], [Finding::Contradicted, Finding::Contradicted]);
    check([0.2, 0.2, 0.2], [Finding::Inconclusive, Finding::Inconclusive]);
    // more than the highest rank, but not the most of all
    check([0.9, 0.1, 0.5], [Finding::Contradicted, Finding::Contradicted]);
    let uneven = |id: u32| if (id / 2).is_multiple_of(2) { 0.5 } else { 0.1 };
    let cells = vec![cell(Arm::Lora(2), true, |_| 0.3), cell(Arm::Lora(8), true, uneven), cell(Arm::Full, true, |_| 0.3)];
    let (_, claims) = compute(&recipe(), cells).unwrap();
    assert_eq!(findings(&claims), [Finding::Inconclusive, Finding::Inconclusive]);
    assert!(claims[0].because.contains("four times in five"), "{}", claims[0].because);
}

#[test]
fn test_examples_are_clusters_of_their_own_and_have_no_continuation() {
    let mut recipe = recipe();
    recipe.kind = StudyKind::Classification;
    let fraction = MinorityFraction::new(1.0).unwrap();
    let of = |arm, kl: f64| {
        // another order of the same, so that the slopes differ
        let found = cell(arm, false, move |id| kl + if arm == Arm::Lora(2) { noise(id) } else { noise(23 - id) });
        InspectedCell { cell: found.cell.with_minority(fraction), ..found }
    };
    let (results, claims) = compute(&recipe, vec![of(Arm::Lora(2), 0.1), of(Arm::Lora(8), 0.2)]).unwrap();
    assert_eq!(results.fraction, Some(fraction));
    assert!(results.divergences.iter().all(|found| found.continuation.is_none()));
    assert_eq!(results.kl_trend.unwrap().clusters, 24);
    assert_eq!(claims.len(), 1, "full has no result, so nothing is said of it");
    assert!(claims[0].because.contains("24 test examples"), "{}", claims[0].because);
}

#[test]
fn what_was_left_out_is_left_out_and_nothing_without_inspection() {
    let empty = |arm| InspectedCell { cell: CellId::new(arm, 7), divergences: Vec::new(), weights: Vec::new() };
    let (results, claims) = compute(&recipe(), vec![empty(Arm::Lora(2)), cell(Arm::Lora(8), true, noise)]).unwrap();
    assert_eq!((results.divergences.len(), results.weights.len(), results.kl_trend, claims.len()), (1, 1, None, 0));
    let (results, claims) = compute(&recipe(), Vec::new()).unwrap();
    assert_eq!((results.seed, results.divergences.len(), claims.len()), (7, 0, 0));
    assert!(compute(&Recipe { inspection: None, ..recipe() }, Vec::new()).is_none());
}

#[test]
fn a_density_is_over_what_a_divergence_can_be() {
    let values: Vec<f64> = (0..50).map(|id| f64::from(id % 7) / 10.0).collect();
    let density = density(&values).unwrap();
    assert_eq!((density.from, density.values.len()), (0.0, 128));
    assert!((density.to - 0.6 - 3.0 * density.bandwidth).abs() < 1e-12);
    let step = (density.to - density.from) / 127.0;
    let mass = |density: &Density, step: f64| {
        let ends = (density.values[0] + density.values[density.values.len() - 1]) / 2.0;
        (density.values.iter().sum::<f64>() - ends) * step
    };
    // what a kernel puts below 0 is reflected: nothing is lost
    let area = mass(&density, step);
    assert!((area - 1.0).abs() < 0.01, "{area}");
    // most of it beside 0, as of a rank that barely moved; half of each kernel would be gone
    let values: Vec<f64> = (0..50).map(|id| if id % 10 == 0 { 0.2 } else { f64::from(id) / 1e5 }).collect();
    let beside = super::density(&values).unwrap();
    let area = mass(&beside, (beside.to - beside.from) / 127.0);
    assert!((area - 1.0).abs() < 0.01, "{area}");
    assert!(super::density(&[0.2; 9]).is_none());
}
