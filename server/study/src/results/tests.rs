use super::*;
use rankscope_domain::{event::StageKind, recipe::ArmSpec, results::Finding};

/// 12 templates x 2 groups.
fn prompts() -> Vec<Prompt> {
    (0..24)
        .map(|id| Prompt {
            id,
            prompt: format!("prompt {id}"),
            group: if id % 2 == 0 { "a".into() } else { "b".into() },
            category: String::new(),
            template: format!("template {}", id / 2),
            identity: String::new(),
        })
        .collect()
}

fn recipe(arms: &[ArmSpec], seeds: &[u64]) -> Recipe {
    let mut recipe = Recipe::from_toml("name = \"Test\"").unwrap();
    recipe.arms = arms.to_vec();
    recipe.seeds = seeds.to_vec();
    recipe.generation.num_return_sequences = 1;
    recipe
}

/// Toxic where `toxic` says so, by prompt.
fn outcome(arm: Arm, seed: u64, toxic: impl Fn(u32) -> bool) -> CellOutcome {
    let judgements = (0..24)
        .map(|prompt_id| Judgement {
            prompt_id,
            sample: 0,
            verdict: if toxic(prompt_id) { Verdict::Toxic } else { Verdict::NonToxic },
            matched: Vec::new(),
            explanation: String::new(),
        })
        .collect();
    let phases = vec![PhaseResult { phase: StageKind::Complete, seconds: 1.0, tokens: 10, shared_by: 1 }];
    CellOutcome { cell: CellId::new(arm, seed), metrics: CellMetrics::default(), judgements, phases }
}

fn computed(recipe: &Recipe, cells: Vec<CellOutcome>) -> StudyResults {
    compute(Findings {
        recipe,
        recipe_sha256: String::new(),
        model: ModelSummary::default(),
        judge: JudgeSummary { kind: "lexicon".into(), description: String::new(), sha256: String::new() },
        prompts: &prompts(),
        counterfactuals: CounterfactualCounts::default(),
        cells,
        work_seconds: 0.0,
    })
}

fn arms() -> Vec<ArmSpec> {
    vec![ArmSpec::lora(2, 1e-3), ArmSpec::lora(8, 1e-3), ArmSpec::full(1e-4)]
}

#[test]
fn a_strong_effect_is_reproduced_with_its_numbers() {
    let recipe = recipe(&arms(), &[0]);
    let results = computed(
        &recipe,
        vec![
            outcome(Arm::Original, 0, |_| true),
            outcome(Arm::Lora(2), 0, |id| id < 20),
            outcome(Arm::Lora(8), 0, |id| id % 2 == 0 && id < 20),
            outcome(Arm::Full, 0, |_| false),
        ],
    );
    assert_eq!(results.clusters, 12);
    assert_eq!(results.groups, ["a", "b"]);
    let findings: Vec<_> = results.claims.iter().map(|claim| claim.finding).collect();
    assert_eq!(findings, [Finding::Reproduced; 3], "{:#?}", results.claims);
    assert!(results.claims[1].because.contains("lora-r2 (learning rate 0.001) 20/24"), "{}", results.claims[1].because);
    let contrast = results.contrasts.iter().find(|contrast| contrast.arm == Arm::Full).unwrap();
    assert_eq!((contrast.against, contrast.difference, contrast.clusters), (Arm::Original, -1.0, 12));
    // 12 clusters all of one sign: 2 of 4096 flips are as far
    assert!((contrast.p - 2.0 / 4096.0).abs() < 1e-12);
    assert_eq!(results.contrasts.len(), 5);
    let lora = results.arm(Arm::Lora(8)).unwrap();
    assert_eq!((lora.pooled.toxic, lora.pooled.judged), (10, 24));
    assert_eq!((lora.groups[0].counts.toxic, lora.groups[1].counts.toxic), (10, 0));
    // nothing toxic in 12 completions of 12 templates: a bootstrap would say 0 to 0
    let (_, none) = statistics::wilson(0, 12, 0.95);
    assert_eq!((lora.groups[1].counts.low, lora.groups[1].counts.high), (Some(0.0), Some(none)));
    // and in 24 of the same templates: those of one template are one observation
    let full = results.arm(Arm::Full).unwrap();
    assert_eq!((full.pooled.judged, full.pooled.high), (24, Some(none)));
    // of one cell by itself, as if every completion were one
    assert_eq!(results.cell(CellId::new(Arm::Full, 0)).unwrap().total.high, Some(statistics::wilson(0, 24, 0.95).1));
}

#[test]
fn the_other_way_round_is_contradicted_and_nothing_is_inconclusive() {
    let recipe = recipe(&arms(), &[0]);
    let reversed = computed(
        &recipe,
        vec![
            outcome(Arm::Original, 0, |_| false),
            outcome(Arm::Lora(2), 0, |_| false),
            outcome(Arm::Lora(8), 0, |id| id % 2 == 0),
            outcome(Arm::Full, 0, |_| true),
        ],
    );
    assert!(reversed.claims.iter().all(|claim| claim.finding == Finding::Contradicted), "{:#?}", reversed.claims);
    let same = |arm| outcome(arm, 0, |id| id == 3);
    let level = computed(&recipe, vec![same(Arm::Original), same(Arm::Lora(2)), same(Arm::Lora(8)), same(Arm::Full)]);
    for claim in &level.claims {
        assert_eq!(claim.finding, Finding::Inconclusive);
        assert!(claim.because.contains("+0.0 points") && claim.because.contains("four times in five"), "{}", claim.because);
    }
}

#[test]
fn a_failed_cell_is_named_and_the_others_count() {
    let recipe = recipe(&arms(), &[0, 1]);
    let mut failed = outcome(Arm::Lora(2), 0, |_| true);
    failed.judgements.clear();
    failed.metrics.failed = Some("the loss became NaN at step 3".into());
    let results = computed(
        &recipe,
        vec![
            outcome(Arm::Original, 0, |id| id < 12),
            outcome(Arm::Original, 1, |id| id < 12),
            failed,
            outcome(Arm::Lora(2), 1, |id| id < 6),
            outcome(Arm::Lora(8), 0, |id| id < 6),
            outcome(Arm::Lora(8), 1, |id| id < 4),
            outcome(Arm::Full, 0, |_| false),
            outcome(Arm::Full, 1, |_| false),
        ],
    );
    let cell = results.cell(CellId::new(Arm::Lora(2), 0)).unwrap();
    assert!(cell.failed.as_ref().unwrap().contains("NaN"));
    assert_eq!((cell.total.judged, cell.total.share), (0, None));
    let arm = results.arm(Arm::Lora(2)).unwrap();
    assert_eq!((arm.seeds, arm.pooled.judged), (1, 24));
    let eight = results.arm(Arm::Lora(8)).unwrap();
    assert_eq!((eight.seed_low, eight.seed_high), (Some(4.0 / 24.0), Some(6.0 / 24.0)));
    // paired with the seed that is left
    let contrast = results.contrasts.iter().find(|contrast| contrast.arm == Arm::Lora(2) && contrast.against == Arm::Original).unwrap();
    assert_eq!(contrast.difference, -6.0 / 24.0);
}

#[test]
fn greedy_original_stands_against_every_seed() {
    let recipe = recipe(&[ArmSpec::full(1e-4)], &[0, 1]);
    let results =
        computed(&recipe, vec![outcome(Arm::Original, 0, |_| true), outcome(Arm::Full, 0, |_| false), outcome(Arm::Full, 1, |_| true)]);
    assert_eq!(results.contrasts[0].difference, -0.5);
}

/// Of each arm by seed: is every prompt toxic?
fn all_or_nothing(recipe: &Recipe, toxic: impl Fn(Arm, u64) -> bool) -> StudyResults {
    let mut cells = Vec::new();
    for cell in recipe.cells() {
        cells.push(outcome(cell.arm, cell.seed, |_| toxic(cell.arm, cell.seed)));
    }
    computed(recipe, cells)
}

#[test]
fn one_training_is_said_to_be_one() {
    for recipe in [recipe(&arms(), &[0]), recipe(&arms(), &[0, 1, 2])] {
        let results = all_or_nothing(&recipe, |arm, _| arm != Arm::Full);
        for claim in &results.claims {
            assert_eq!(claim.because.contains("One training of each arm"), recipe.seeds.len() == 1, "{}", claim.because);
        }
        assert_eq!(results.contrasts[0].seed_differences.len(), recipe.seeds.len());
        assert_eq!(results.claims[0].finding, Finding::Reproduced, "{:#?}", results.claims);
    }
}

#[test]
fn trainings_that_disagree_settle_nothing_however_many_templates_agree() {
    let recipe = recipe(&arms(), &[0, 1, 2]);
    // one training in full removed everything, as one of r = 8 did; the others nothing
    let results = all_or_nothing(&recipe, |arm, seed| seed != 0 || matches!(arm, Arm::Original | Arm::Lora(2)));
    let full = results.contrasts.iter().find(|contrast| contrast.arm == Arm::Full).unwrap();
    assert_eq!((full.seed_differences.as_slice(), full.clusters), (&[-1.0, 0.0, 0.0][..], 12));
    assert!(full.p_holm < 0.01 && full.low < -0.3 && full.high == 0.0, "{full:?}");
    for claim in &results.claims {
        assert_eq!(claim.finding, Finding::Inconclusive, "{claim:?}");
        assert!(claim.because.contains("other seeds may say otherwise") && claim.because.contains("3 seeds"), "{}", claim.because);
    }
}

#[test]
fn a_difference_that_is_nowhere_is_not_shown_to_be_none() {
    let recipe = recipe(&[ArmSpec::full(1e-4)], &[0]);
    let results = computed(&recipe, vec![outcome(Arm::Original, 0, |id| id == 3), outcome(Arm::Full, 0, |id| id == 3)]);
    let (_, high) = statistics::wilson(0, 12, 0.95);
    let contrast = &results.contrasts[0];
    assert_eq!((contrast.difference, contrast.low, contrast.high), (0.0, -high, high));
}

#[test]
fn what_a_study_could_have_shown_is_reckoned_after_holms_correction() {
    let sizes = |recipe: &Recipe, templates: u32| {
        let mut cells = Vec::new();
        for cell in recipe.cells() {
            let mut of_cell = outcome(cell.arm, 0, |id| cell.arm == Arm::Original && id % 5 == 0);
            of_cell.judgements.truncate(2 * templates as usize);
            cells.push(of_cell);
        }
        computed(recipe, cells)
    };
    let (one, three) = (recipe(&[ArmSpec::full(1e-4)], &[0]), recipe(&arms(), &[0]));
    let found = |recipe: &Recipe, templates| {
        let results = sizes(recipe, templates);
        (results.contrasts.iter().find(|contrast| contrast.arm == Arm::Full).unwrap().detectable, results.claims[0].because.clone())
    };
    // three contrasts with the original: 3 x 2 / 2^6 is above 5 %, 3 x 2 / 2^7 below
    let (detectable, because) = found(&three, 6);
    assert_eq!(detectable, None);
    assert!(because.contains("fewer than 7 templates") && because.contains("over 3 contrasts"), "{because}");
    let (alone, of_three) = (found(&one, 12).0.unwrap(), found(&three, 12).0.unwrap());
    assert!((of_three / alone - (2.393_98 + 0.841_62) / (1.959_96 + 0.841_62)).abs() < 1e-4, "{of_three} {alone}");
}

#[test]
fn what_is_left_of_full_is_paired_with_its_own_seed_alone() {
    let recipe = recipe(&arms(), &[0, 1, 2]);
    let mut cells = Vec::new();
    for cell in recipe.cells() {
        let mut of_cell = outcome(cell.arm, cell.seed, |_| cell.seed > 0);
        if cell.arm == Arm::Full && cell.seed > 0 {
            of_cell.judgements.clear();
            of_cell.metrics.failed = Some("out of memory".into());
        }
        cells.push(of_cell);
    }
    let results = computed(&recipe, cells);
    let contrast = results.contrasts.iter().find(|contrast| contrast.against == Arm::Full && contrast.arm == Arm::Lora(2)).unwrap();
    // seeds 1 and 2 of the rank are toxic throughout, and have no training in full beside them
    assert_eq!((contrast.difference, contrast.seed_differences.as_slice()), (0.0, &[0.0][..]));
    assert!(
        results.claims[1].because.contains("1 seed.") && results.claims[1].because.contains("One training of each arm"),
        "{:?}",
        results.claims
    );
}

#[test]
fn unreadable_verdicts_are_counted_and_left_out_of_shares() {
    let recipe = recipe(&[ArmSpec::full(1e-4)], &[0]);
    let mut full = outcome(Arm::Full, 0, |id| id == 0);
    for judgement in full.judgements.iter_mut().skip(4) {
        judgement.verdict = Verdict::Unparsable;
    }
    let results = computed(&recipe, vec![outcome(Arm::Original, 0, |_| true), full]);
    let counts = &results.arm(Arm::Full).unwrap().pooled;
    assert_eq!((counts.toxic, counts.judged, counts.unparsable, counts.share), (1, 4, 20, Some(0.25)));
    // paired over the four that both have, in two templates
    assert_eq!((results.contrasts[0].difference, results.contrasts[0].clusters), (-0.75, 2));
    assert!(results.claims[0].because.contains("fewer than 6 templates"), "{}", results.claims[0].because);
    assert_eq!(results.contrasts[0].detectable, None, "two templates show nothing");
}

#[test]
fn the_same_judgements_give_the_same_bytes() {
    let recipe = recipe(&arms(), &[0]);
    let cells = || {
        vec![
            outcome(Arm::Original, 0, |id| id % 3 == 0),
            outcome(Arm::Lora(2), 0, |id| id % 4 == 0),
            outcome(Arm::Lora(8), 0, |id| id % 5 == 0),
            outcome(Arm::Full, 0, |id| id % 7 == 0),
        ]
    };
    let text = |results: &StudyResults| serde_json::to_string(results).unwrap();
    assert_eq!(text(&computed(&recipe, cells())), text(&computed(&recipe, cells())));
}
