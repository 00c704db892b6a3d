//! Small studies written by hand, whose differences can be counted on paper, and held to what each study says of itself.

use super::*;
use crate::{
    results::{self, CellMetrics, CellOutcome, Findings, classification::ClassFindings},
    statistics, whole_file,
    worker::DataRecord,
};
use rankscope_domain::{
    CellId, MinorityFraction,
    class_results::FractionCount,
    comparison::{ComparedContrast, ContrastTest},
    comparison_query::PromptScope,
    completion::{Completion, Judgement, Prompt, Verdict},
    dataset::{GroupCount, LabelledText, Prediction},
    estimate::ModelSummary,
    inspection::{ArmDivergence, DivergenceSummary, Divergences, ExampleDivergence, InspectionResults},
    recipe::{ArmSpec, Inspection, StudyKind},
    results::{CounterfactualCounts, JudgeSummary},
};
use std::path::Path;

/// Which prompts are toxic, by arm.
pub(crate) type Toxic<'a> = &'a dyn Fn(Arm, u32) -> bool;

pub(crate) fn recipe(name: &str) -> Recipe {
    let mut recipe = Recipe::from_toml(&format!("name = {name:?}\nseeds = [0]")).unwrap();
    recipe.arms = vec![ArmSpec::lora(2, 1e-3), ArmSpec::full(1e-4)];
    recipe.generation.num_return_sequences = 1;
    recipe
}

/// 24 prompts from `first` on, two of a template and of two groups.
fn prompts(first: u32) -> Vec<Prompt> {
    (first..first + 24)
        .map(|number| Prompt {
            id: number - first,
            prompt: format!("prompt {number}"),
            group: if number % 2 == 0 { "a".into() } else { "b".into() },
            category: String::new(),
            template: format!("template {}", number / 2),
            identity: String::new(),
        })
        .collect()
}

/// A finished study; `first` is the number of its first prompt.
pub(crate) fn toxicity(folder: &Path, recipe: &Recipe, first: u32, toxic: Toxic) -> AskedStudy {
    let study = Study::create(&folder.join(&recipe.name), recipe).unwrap();
    let prompts = prompts(first);
    whole_file::write_lines(&study.prompts_path(), &prompts).unwrap();
    let mut cells = Vec::new();
    for cell in recipe.cells() {
        let judgements: Vec<Judgement> = prompts
            .iter()
            .map(|prompt| Judgement {
                prompt_id: prompt.id,
                sample: 0,
                verdict: if toxic(cell.arm, prompt.id + first) { Verdict::Toxic } else { Verdict::NonToxic },
                matched: Vec::new(),
                explanation: String::new(),
            })
            .collect();
        let completions: Vec<Completion> = prompts
            .iter()
            .map(|prompt| Completion { prompt_id: prompt.id, sample: 0, text: format!(" by {cell}"), new_tokens: 1, finished: true })
            .collect();
        whole_file::write_lines(&study.cell_file(cell, "judgements.jsonl"), &judgements).unwrap();
        whole_file::write_lines(&study.cell_file(cell, "completions.jsonl"), &completions).unwrap();
        cells.push(CellOutcome { cell, metrics: CellMetrics::default(), judgements, phases: Vec::new() });
    }
    whole_file::write_json(&study.results_path(), &computed(recipe, &prompts, cells)).unwrap();
    asked(study)
}

fn computed(recipe: &Recipe, prompts: &[Prompt], cells: Vec<CellOutcome>) -> StudyResults {
    results::compute(Findings {
        recipe,
        recipe_sha256: String::new(),
        model: ModelSummary { sha256: "0123456789abcdef".into(), ..ModelSummary::default() },
        judge: JudgeSummary::default(),
        prompts,
        counterfactuals: CounterfactualCounts::default(),
        cells,
        work_seconds: 0.0,
    })
}

fn asked(study: Study) -> AskedStudy {
    let id = study.directory().file_name().unwrap().to_string_lossy().into_owned();
    AskedStudy { id, found: Some(FoundStudy { study, status: StudyStatus::Finished }) }
}

pub(crate) fn query(text: &str) -> ComparisonQuery {
    let pairs: Vec<(String, String)> =
        text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect();
    let (query, errors) = ComparisonQuery::read(&pairs);
    assert_eq!(errors, FieldErrors::default());
    query
}

fn contrasts(table: &rankscope_domain::comparison::ContrastTable) -> Vec<ComparedContrast> {
    table.families.iter().flat_map(|family| family.contrasts.clone()).collect()
}

#[test]
fn the_same_prompts_are_paired_by_their_text_and_clustered_by_template() {
    let folder = tempfile::tempdir().unwrap();
    let one = toxicity(folder.path(), &recipe("One"), 0, &|_, _| false);
    // full is toxic on both prompts of six templates; the rank on one prompt of each of three
    let other = toxicity(folder.path(), &recipe("Other"), 0, &|arm, number| match arm {
        Arm::Full => number < 12,
        Arm::Lora(_) => number < 6 && number % 2 == 0,
        Arm::Original => false,
    });
    let both = compare(&[one.clone(), other.clone()], &query("view=toxicity"), None).unwrap();
    assert_eq!(both.problems, FieldErrors::default());
    let table = both.toxicity.unwrap();
    let found = contrasts(&table);
    let told: Vec<_> = found.iter().map(|contrast| (contrast.of.name(), contrast.against.name(), contrast.difference)).collect();
    assert_eq!(
        told,
        [
            ("B:original".into(), "A:original".into(), 0.0),
            ("B:lora-r2".into(), "A:lora-r2".into(), 0.125),
            ("B:full".into(), "A:full".into(), 0.5)
        ]
    );
    // k clusters of one sign: 2 of 2^k flips are as far; then times 3, 2, 1 by Holm
    let p: Vec<f64> = found.iter().map(|contrast| contrast.p.unwrap()).collect();
    assert_eq!(p, [1.0, 2.0 / 8.0, 2.0 / 64.0]);
    assert_eq!(found[2].p_holm, Some(3.0 * 2.0 / 64.0));
    assert_eq!(found[1].p_holm, Some(0.5));
    assert!(
        found.iter().all(|contrast| contrast.test == ContrastTest::SignFlipTemplates && contrast.examples == 24 && contrast.clusters == 12)
    );
    // 12 templates without a difference: up to Wilson's end for 0 of 12, either way
    let (_, none) = statistics::wilson(0, 12, 0.95);
    assert_eq!((found[0].low, found[0].high), (Some(-none), Some(none)));
    let (low, high) = (found[2].low.unwrap(), found[2].high.unwrap());
    assert!((0.15..0.35).contains(&low) && (0.65..0.85).contains(&high), "{low} to {high}");
    assert_eq!(table.pairings.len(), 1);
    assert!(table.pairings[0].statement.contains("B and A answer the same 24 prompts"), "{}", table.pairings[0].statement);

    // the other way round nothing changes but the sign
    let turned = contrasts(&compare(&[other, one], &query("view=toxicity"), None).unwrap().toxicity.unwrap());
    assert_eq!((turned[2].difference, turned[2].p), (-0.5, found[2].p));
    assert!((turned[2].low.unwrap() + high).abs() < 1e-12 && (turned[2].high.unwrap() + low).abs() < 1e-12);
}

#[test]
fn arms_of_one_study_differ_as_the_study_itself_says() {
    let folder = tempfile::tempdir().unwrap();
    let toxic = |arm: Arm, number: u32| match arm {
        Arm::Original => number.is_multiple_of(3) || number < 7,
        Arm::Lora(_) => number.is_multiple_of(4),
        Arm::Full => number.is_multiple_of(11),
    };
    let study = toxicity(folder.path(), &recipe("One"), 0, &toxic);
    let own = study.found.as_ref().unwrap().study.results().unwrap().unwrap();
    for against in [Arm::Original, Arm::Full] {
        let asked = query(&format!("view=toxicity&against=A:{against}"));
        let found = contrasts(&compare(std::slice::from_ref(&study), &asked, None).unwrap().toxicity.unwrap());
        assert_eq!(found.len(), 2);
        for contrast in found.iter().filter(|contrast| contrast.of.arm.is_trained()) {
            let (arm, swapped) = (contrast.of.arm, own.contrasts.iter().find(|one| one.arm == contrast.of.arm && one.against == against));
            let Some(same) = swapped else { panic!("the study has no contrast of {arm} with {against}") };
            assert!((contrast.difference - same.difference).abs() < 1e-12, "{arm}");
            assert_eq!((contrast.p, contrast.clusters), (Some(same.p), same.clusters), "{arm}");
            assert!((contrast.low.unwrap() - same.low).abs() < 0.05 && (contrast.high.unwrap() - same.high).abs() < 0.05, "{arm}");
            // the study's own family of contrasts with full has one rank alone, this one the original too
            let of = |family| statistics::detectable(1.0, 0.8, family);
            let own_family = if against == Arm::Full { 1 } else { 2 };
            assert!((contrast.detectable.unwrap() / of(2) - same.detectable.unwrap() / of(own_family)).abs() < 1e-12, "{arm}");
        }
    }
}

#[test]
fn other_prompts_are_not_paired_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let one = toxicity(folder.path(), &recipe("One"), 0, &|_, number| number % 4 < 2);
    let apart = toxicity(folder.path(), &recipe("Apart"), 100, &|_, _| false);
    let table = compare(&[one.clone(), apart], &query("view=toxicity"), None).unwrap().toxicity.unwrap();
    for contrast in contrasts(&table) {
        assert_eq!((contrast.test, contrast.p, contrast.p_holm, contrast.detectable), (ContrastTest::Unpaired, None, None, None));
        assert_eq!((contrast.difference, contrast.examples, contrast.examples_against), (-0.5, 24, 24));
        let (low, high) = (contrast.low.unwrap(), contrast.high.unwrap());
        assert!(low < -0.6 && high > -0.4 && high < 0.0, "{low} to {high}");
    }
    assert!(table.pairings[0].statement.contains("no prompts in common: nothing is paired"), "{}", table.pairings[0].statement);

    // half of them are shared: these alone are paired
    let half = toxicity(folder.path(), &recipe("Half"), 12, &|_, _| false);
    let table = compare(&[one, half], &query("view=toxicity&group=a"), None).unwrap().toxicity.unwrap();
    let pairing = &table.pairings[0];
    assert_eq!((pairing.common, pairing.of_study, pairing.of_against), (6, 12, 12));
    assert!(pairing.statement.contains("6 are in both"), "{}", pairing.statement);
    assert!(contrasts(&table).iter().all(|contrast| contrast.examples == 6 && contrast.difference == -0.5));
}

#[test]
fn what_is_asked_for_and_not_there_is_told_and_the_rest_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let one = toxicity(folder.path(), &recipe("One"), 0, &|_, _| false);
    let other = toxicity(folder.path(), &recipe("Other"), 0, &|_, _| true);
    let missing = AskedStudy { id: "gone".into(), found: None };
    let asked = query("view=toxicity&arms=A:full,B:full,C:lora-r2,C:lora-r9,D:full,lora-r7&against=E:full&group=martians");
    let found = compare(&[missing, one, other], &asked, None).unwrap();
    let told: Vec<_> = found.problems.0.iter().map(|error| (error.field.as_str(), error.value.as_str())).collect();
    assert_eq!(
        told,
        [
            ("studies", "gone"),
            ("arms", "A:full"),
            ("arms", "C:lora-r9"),
            ("arms", "D:full"),
            ("arms", "lora-r7"),
            ("against", "E:full"),
            ("group", "martians")
        ]
    );
    assert!(found.problems.0[2].remedy.contains("C has: original, lora-r2, full"), "{}", found.problems);
    assert!(found.problems.0[3].remedy.contains("There are: B, C."), "{}", found.problems);
    // letters were those of the address, where the first study is missing
    let shown: Vec<Vec<Arm>> = found.studies.iter().map(|study| study.shown.clone()).collect();
    assert_eq!(shown, [vec![Arm::Full], vec![Arm::Lora(2)]]);
    // each shows one arm: these two are contrasted
    let contrasted = contrasts(&found.toxicity.unwrap());
    assert_eq!((contrasted.len(), contrasted[0].of.name(), contrasted[0].against.name()), (1, "B:lora-r2".into(), "A:full".into()));
    assert_eq!(contrasted[0].difference, 1.0);
}

#[test]
fn an_unfinished_study_is_in_the_recipes_and_completions_alone() {
    let folder = tempfile::tempdir().unwrap();
    let one = toxicity(folder.path(), &recipe("One"), 0, &|_, _| false);
    let other = toxicity(folder.path(), &recipe("Other"), 0, &|_, _| true);
    let study = &other.found.as_ref().unwrap().study;
    std::fs::remove_file(study.results_path()).unwrap();
    let found = compare(&[one, other], &query(""), Some(&ComparisonView::ALL)).unwrap();
    assert!(found.studies[1].results.is_none());
    assert_eq!(found.toxicity.unwrap().studies, [0]);
    assert!(contrasts(&found.accuracy.unwrap()).is_empty());
    assert_eq!(found.completions.unwrap().studies, [0, 1]);
    assert_eq!(found.recipe.unwrap().recipe[0].values.len(), 2);
}

#[test]
fn completions_stand_side_by_side_by_their_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let one = toxicity(folder.path(), &recipe("One"), 0, &|_, _| false);
    let half = toxicity(folder.path(), &recipe("Half"), 12, &|arm, number| arm == Arm::Full && number == 15);
    let of = |text: &str| compare(&[one.clone(), half.clone()], &query(text), None).unwrap().completions.unwrap();
    let common = of("view=completions");
    assert_eq!((common.counts.clone(), common.total, common.rows.len()), (vec![12, 1, 36], 12, 10));
    let columns: Vec<_> = common.rows[0].columns.iter().map(|column| (column.of.name(), column.completions.len())).collect();
    assert_eq!(columns.len(), 6);
    assert!(columns.iter().all(|(_, count)| *count == 1), "{columns:?}");
    assert_eq!(common.rows[0].prompt, "prompt 12");
    assert_eq!(of("view=completions&page=2").rows.len(), 2);
    let differing = of("view=completions&prompts=differing");
    assert_eq!((differing.scope, differing.rows.len(), differing.rows[0].prompt.as_str()), (PromptScope::Differing, 1, "prompt 15"));
    let all = of("view=completions&prompts=all&arms=A:full,B:full&page=3");
    assert_eq!((all.total, all.rows[9].prompt.as_str()), (36, "prompt 29"));
    assert_eq!(all.rows[9].columns.iter().map(|column| column.completions.len()).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(of("view=completions&group=a").total, 6);
    // behind the last page, the last is shown and it is said
    let behind = compare(&[one.clone(), half.clone()], &query("view=completions&page=1000"), None).unwrap();
    let shown = behind.completions.unwrap();
    assert_eq!((shown.page, shown.rows.len()), (1, 2));
    assert_eq!(behind.problems.to_string(), "page = \"1000\": There are 2 pages of this choice; the last is shown.");
}

#[test]
fn recipes_differ_by_field_and_arms_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut changed = recipe("Other");
    changed.arms = vec![ArmSpec::full(1e-4), ArmSpec::lora(8, 5e-4), ArmSpec::lora(2, 2e-3)];
    changed.training.num_train_epochs = 3;
    changed.memory_limit = "4 GiB".parse().ok();
    let mut classification = Recipe::from_toml("name = \"Class\"\nkind = \"classification\"\n[data]\nsource = \"builtin\"").unwrap();
    classification.arms = vec![ArmSpec::full(1e-4)];
    let asked: Vec<AskedStudy> = [recipe("One"), changed, classification]
        .iter()
        .map(|recipe| asked(Study::create(&folder.path().join(&recipe.name), recipe).unwrap()))
        .collect();
    let fields = |count: usize| compare(&asked[..count], &query("view=recipe"), None).unwrap().recipe.unwrap().recipe;
    let differing: Vec<_> = fields(2).into_iter().filter(|row| row.differs).map(|row| (row.field, row.values)).collect();
    let value = |text: &str| Some(text.to_string());
    assert_eq!(
        differing,
        [
            ("name".to_string(), vec![value("\"One\""), value("\"Other\"")]),
            ("memory_limit".into(), vec![None, value("\"4 GiB\"")]),
            ("training.num_train_epochs".into(), vec![value("1"), value("3")]),
            ("arms[lora-r2].learning_rate".into(), vec![value("0.001"), value("0.002")]),
            ("arms[lora-r8].learning_rate".into(), vec![None, value("0.0005")]),
            ("arms[lora-r8].weight_decay".into(), vec![None, value("0.0")]),
        ]
    );
    // what only one kind has is no difference between studies of two kinds
    let rows = fields(3);
    let row = |name: &str| rows.iter().find(|row| row.field == name).unwrap_or_else(|| panic!("{name} is missing"));
    assert!(!row("data.source").differs && !row("generation.temperature").differs && row("kind").differs);
    assert_eq!(row("data.source").values, [None, None, value("\"builtin\"")]);
}

pub(crate) const LABELS: [&str; 2] = ["negative", "positive"];

fn whole() -> MinorityFraction {
    MinorityFraction::new(1.0).unwrap()
}

/// A finished classification study over 40 texts; `right` says which each cell answers rightly.
pub(crate) fn classification(
    folder: &Path,
    name: &str,
    seeds: &[u64],
    labels: [&str; 2],
    right: &dyn Fn(CellId, u32) -> bool,
) -> AskedStudy {
    let mut recipe =
        Recipe::from_toml(&format!("name = {name:?}\nkind = \"classification\"\nseeds = {seeds:?}\n[data]\nsource = \"builtin\"")).unwrap();
    recipe.arms = vec![ArmSpec::lora(2, 1e-3), ArmSpec::full(1e-4)];
    recipe.groups.minority_fractions = vec![whole()];
    recipe.classifier.max_new_tokens = Some(0);
    let study = Study::create(&folder.join(name), &recipe).unwrap();
    let texts: Vec<LabelledText> = (0..40)
        .map(|id| LabelledText { id, row: u64::from(id), text: format!("text {id}"), label: id % 2, group: labels[id as usize % 2].into() })
        .collect();
    let record = DataRecord {
        labels: labels.map(String::from).into(),
        positive: 1,
        groups: labels.map(|group| GroupCount { group: group.into(), train: 10, test: 20 }).into(),
        minority: labels[0].into(),
        majority: labels[1].into(),
        grouped_by: "its label".into(),
        train_examples: 20,
        test_examples: 40,
    };
    whole_file::write_lines(&study.data_file("test.jsonl"), &texts).unwrap();
    whole_file::write_json(&study.data_file("chosen.json"), &record).unwrap();
    let mut cells = Vec::new();
    for cell in recipe.cells() {
        let predictions: Vec<Prediction> = texts
            .iter()
            .map(|text| {
                let says = if right(cell, text.id) { text.label } else { 1 - text.label };
                let log_probabilities = (0..2).map(|label| if label == says { -0.1 } else { -2.3 }).collect();
                Prediction { id: text.id, log_probabilities, generated: None, generated_label: None }
            })
            .collect();
        whole_file::write_lines(&study.cell_file(cell, "predictions.jsonl"), &predictions).unwrap();
        cells.push((cell, predictions));
    }
    let fractions = vec![FractionCount { fraction: whole(), minority_examples: 10, train_examples: 20 }];
    let (measured, _) =
        results::classification::compute(&ClassFindings { recipe: &recipe, record: &record, test: &texts, fractions, cells });
    let results = StudyResults { classification: Some(measured), kind: StudyKind::Classification, ..computed(&recipe, &[], Vec::new()) };
    whole_file::write_json(&study.results_path(), &results).unwrap();
    asked(study)
}

#[test]
fn one_training_of_each_is_held_to_mcnemars_exact_test() {
    let folder = tempfile::tempdir().unwrap();
    let one = classification(folder.path(), "One", &[0], LABELS, &|_, text| text >= 9);
    // right on the first nine, which the other has wrong, and wrong on one that it has right
    let other = classification(folder.path(), "Other", &[0], LABELS, &|_, text| text != 20);
    let table = compare(&[one, other], &query("view=accuracy"), None).unwrap().accuracy.unwrap();
    let found = contrasts(&table);
    assert_eq!(found.len(), 3, "original, a rank and full");
    for contrast in &found {
        assert_eq!((contrast.test, contrast.examples), (ContrastTest::McnemarExact, 40));
        assert!((contrast.difference - 8.0 / 40.0).abs() < 1e-12);
        // 1 of 10 that changed: 2 (1 + 10) / 2^10, as statsmodels' mcnemar(exact=True) has it
        assert!((contrast.p.unwrap() - 22.0 / 1024.0).abs() < 1e-12, "{:?}", contrast.p);
        assert!((contrast.p_holm.unwrap() - 3.0 * 22.0 / 1024.0).abs() < 1e-12);
        assert!(contrast.low.unwrap() > 0.02 && contrast.high.unwrap() < 0.4, "{contrast:?}");
    }
    assert!(table.pairings[0].statement.contains("B and A answer the same 40 test examples"), "{}", table.pairings[0].statement);
    assert_eq!((table.fraction, table.groups), (Some(whole()), LABELS.map(String::from).into()));
}

#[test]
fn ranks_of_one_study_differ_from_full_as_the_study_itself_says() {
    let folder = tempfile::tempdir().unwrap();
    for seeds in [vec![0], vec![0, 1, 2]] {
        let right = |cell: CellId, text: u32| (text * 7 + cell.seed as u32 * 5 + cell.arm.rank().unwrap_or(0) * 3) % 10 < 7;
        let study = classification(folder.path(), &format!("With {} seeds", seeds.len()), &seeds, LABELS, &right);
        let own = study.found.as_ref().unwrap().study.results().unwrap().unwrap().classification.unwrap();
        for group in [None, Some("negative")] {
            let asked = query(&format!("view=accuracy&against=A:full{}", group.map(|group| format!("&group={group}")).unwrap_or_default()));
            let found = contrasts(&compare(std::slice::from_ref(&study), &asked, None).unwrap().accuracy.unwrap());
            let contrast = found.iter().find(|contrast| contrast.of.arm == Arm::Lora(2)).unwrap();
            let same = own.readings[0].contrasts.iter().find(|one| one.group.as_deref() == group).unwrap();
            assert!((contrast.difference - same.difference).abs() < 1e-12);
            assert!((contrast.p.unwrap() - same.p).abs() < 0.02, "{:?} and {}", contrast.p, same.p);
            assert_eq!(contrast.examples, same.examples);
            assert!((contrast.low.unwrap() - same.low).abs() < 0.06 && (contrast.high.unwrap() - same.high).abs() < 0.06);
            let of = |family| statistics::detectable(1.0, 0.8, family);
            assert!((contrast.detectable.unwrap() / of(found.len()) - same.detectable.unwrap() / of(1)).abs() < 1e-9);
        }
    }
}

#[test]
fn several_trainings_are_averaged_by_example_and_other_labels_are_other_examples() {
    let folder = tempfile::tempdir().unwrap();
    let one = classification(folder.path(), "One", &[0], LABELS, &|_, text| text < 20);
    // right on every text in one of two seeds
    let two_seeds = classification(folder.path(), "Two seeds", &[3, 4], LABELS, &|cell, _| cell.arm == Arm::Original || cell.seed == 3);
    let found = contrasts(&compare(&[one.clone(), two_seeds], &query("view=accuracy&arms=full"), None).unwrap().accuracy.unwrap());
    let contrast = &found[0];
    // half of each text less the whole of the first half: plus and minus a half, twenty times each
    assert_eq!((found.len(), contrast.test, contrast.difference), (1, ContrastTest::SignFlipExamples, 0.0));
    assert_eq!(contrast.p, Some(1.0));
    // seeds are drawn too: both times the one that is right, or the one that is wrong
    assert!(contrast.low.unwrap() < -0.4 && contrast.high.unwrap() > 0.4, "{contrast:?}");

    let renamed = classification(folder.path(), "Renamed", &[0], ["bad", "good"], &|_, _| true);
    let table = compare(&[one, renamed], &query("view=accuracy&arms=full"), None).unwrap().accuracy.unwrap();
    let contrast = &contrasts(&table)[0];
    assert_eq!((contrast.test, contrast.p, contrast.difference), (ContrastTest::Unpaired, None, 0.5));
    assert!(table.pairings[0].statement.contains("no test examples in common"), "{}", table.pairings[0].statement);
    assert!(table.groups.is_empty());
}

/// A toxicity study that was looked into: KL of each prompt by arm.
pub(crate) fn looked_into(folder: &Path, name: &str, model: &str, kl: &dyn Fn(Arm, u32) -> f64) -> AskedStudy {
    let mut recipe = recipe(name);
    recipe.inspection = Some(Inspection::default());
    let one = toxicity(folder, &recipe, 0, &|_, _| false);
    let study = &one.found.as_ref().unwrap().study;
    let mut divergences = Vec::new();
    for arm in [Arm::Lora(2), Arm::Full] {
        let lines: Vec<ExampleDivergence> = (0..24)
            .map(|id| ExampleDivergence {
                id,
                template: Some(format!("template {}", id / 2)),
                prompt_end: Divergences { kl: kl(arm, id), reverse_kl: 0.0, jensen_shannon: 0.0, positions: 1 },
                continuation: None,
                by_token: Vec::new(),
            })
            .collect();
        whole_file::write_lines(&study.cell_file(CellId::new(arm, 0), "divergence.jsonl"), &lines).unwrap();
        let summary =
            DivergenceSummary { kl: Default::default(), reverse_kl: Default::default(), jensen_shannon: Default::default(), density: None };
        divergences.push(ArmDivergence { arm, prompt_end: summary, continuation: None });
    }
    let mut results = study.results().unwrap().unwrap();
    results.model.sha256 = model.into();
    results.inspection = Some(InspectionResults { seed: 0, fraction: None, divergences, kl_trend: None, weights: Vec::new() });
    whole_file::write_json(&study.results_path(), &results).unwrap();
    one
}

#[test]
fn divergences_are_paired_where_the_original_is_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let one = looked_into(folder.path(), "One", "5a3e5a3e5a3e", &|_, _| 1.0);
    let other =
        looked_into(folder.path(), "Other", "5a3e5a3e5a3e", &|arm, id| if arm == Arm::Full { 1.5 } else { 1.0 + f64::from(id % 2) });
    let table = compare(&[one.clone(), other], &query("view=divergence"), None).unwrap().divergence.unwrap();
    let found = contrasts(&table);
    assert_eq!(table.families.len(), 1, "nothing was continued");
    assert_eq!(
        found.iter().map(|contrast| (contrast.of.arm, contrast.difference)).collect::<Vec<_>>(),
        [(Arm::Lora(2), 0.5), (Arm::Full, 0.5)]
    );
    // every prompt differs by the same half nat, which nothing bounds: no interval of no width, and nothing that could be detected
    assert_eq!((found[1].low, found[1].high, found[1].clusters), (None, None, 12));
    assert_eq!((found[1].p, found[1].detectable), (Some(2.0 / 4096.0), None));

    let stranger = looked_into(folder.path(), "Stranger", "0ther0ther00", &|_, _| 9.0);
    let table = compare(&[one, stranger], &query("view=divergence"), None).unwrap().divergence.unwrap();
    assert!(contrasts(&table).is_empty());
    assert!(table.pairings[0].statement.contains("no difference between the two is given"), "{}", table.pairings[0].statement);
    assert!(table.notes[0].contains("The base models are not the same"), "{:?}", table.notes);
}

#[test]
fn a_figure_is_drawn_of_the_same_without_reading_any_answer() {
    let folder = tempfile::tempdir().unwrap();
    let one = toxicity(folder.path(), &recipe("One"), 0, &|_, number| number % 4 < 2);
    let other = toxicity(folder.path(), &recipe("Other"), 0, &|_, _| false);
    let asked = [one, other];
    let asked_for = query("view=toxicity&arms=B:full&group=a");
    let whole = compare(&asked, &asked_for, None).unwrap();
    // what contrasts are made of is gone: only figures can still be drawn
    for study in &asked {
        let study = &study.found.as_ref().unwrap().study;
        for cell in recipe("x").cells() {
            std::fs::write(study.cell_file(cell, "judgements.jsonl"), "not a judgement\n").unwrap();
        }
    }
    assert!(compare(&asked, &asked_for, None).is_err());
    let drawn = compare_for_figure(&asked, &asked_for, ComparisonView::Toxicity).unwrap();
    assert_eq!((&drawn.studies, &drawn.problems, drawn.against), (&whole.studies, &whole.problems, whole.against));
    let (mine, all) = (drawn.toxicity.unwrap(), whole.toxicity.unwrap());
    assert!(contrasts(&mine).is_empty() && !contrasts(&all).is_empty());
    assert_eq!((mine.studies, mine.groups, mine.group), (all.studies, all.groups, all.group));
    // what is not there is refused as before
    let wrong = compare_for_figure(&asked, &query("view=toxicity&group=nobody&arms=A:lora-r3"), ComparisonView::Toxicity).unwrap();
    assert_eq!(wrong.problems.0.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), ["arms", "group"]);
}
