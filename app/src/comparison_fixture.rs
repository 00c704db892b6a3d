//! Made-up comparisons for tests: plausible in shape, true of nothing.

use crate::{
    class_fixture::Made,
    inspection_fixture::{inspection, readings},
};
use rankscope_domain::{
    Arm, CellId, FieldErrors, MinorityFraction, StudyResults,
    class_results::Reading,
    comparison::{
        ComparedArm, ComparedCompletions, ComparedContrast, ComparedPrompt, ComparedReading, ComparedStudy, Comparison,
        CompletionComparison, ContrastFamily, ContrastTable, ContrastTest, FieldRow, LensComparison, Pairing, RecipeComparison,
    },
    comparison_query::PromptScope,
    completion::{Completion, Judgement, Verdict},
    recipe::StudyKind,
    results::{ArmResult, Counts, GroupCounts},
    view::{JudgedCompletion, StudyStatus},
};

fn arms(ranks: &[u32]) -> Vec<Arm> {
    std::iter::once(Arm::Original).chain(ranks.iter().map(|&r| Arm::Lora(r))).chain([Arm::Full]).collect()
}

fn counts(toxic: u32, judged: u32) -> Counts {
    let share = (judged > 0).then(|| f64::from(toxic) / f64::from(judged));
    let (low, high) = (share.map(|share| (share - 0.03).max(0.0)), share.map(|share| (share + 0.03).min(1.0)));
    Counts { toxic, judged, unparsable: 1, share, low, high }
}

fn study(name: &str, kind: StudyKind, ranks: &[u32], results: Option<StudyResults>) -> ComparedStudy {
    let arms = arms(ranks);
    let status = if results.is_some() { StudyStatus::Finished } else { StudyStatus::Running };
    let progress = if results.is_some() { 1.0 } else { 0.4 };
    ComparedStudy {
        id: format!("ID{name}"),
        name: name.into(),
        kind,
        status,
        progress,
        model: "Tiny".into(),
        shown: arms.clone(),
        arms,
        failed: Vec::new(),
        results,
    }
}

/// A toxicity study that was looked into.
pub(crate) fn toxicity_study(name: &str, ranks: &[u32], groups: &[&str], worse: u32) -> ComparedStudy {
    let arm = |(index, arm): (u32, Arm)| ArmResult {
        arm,
        learning_rate: None,
        seeds: 1,
        pooled: counts(40 + worse - 3 * index, 240),
        groups: groups.iter().map(|group| GroupCounts { group: (*group).into(), counts: counts(20 + worse - index, 120) }).collect(),
        seed_low: None,
        seed_high: None,
    };
    let trained: Vec<Arm> = arms(ranks).into_iter().filter(|arm| arm.is_trained()).collect();
    let results = StudyResults {
        kind: StudyKind::Toxicity,
        classification: None,
        prompts: 120,
        clusters: 20,
        completions_per_prompt: 2,
        groups: groups.iter().map(|group| (*group).into()).collect(),
        arms: (0..).zip(arms(ranks)).map(arm).collect(),
        inspection: Some(inspection(&trained, 1.5, true)),
        ..Made::default().study()
    };
    study(name, StudyKind::Toxicity, ranks, Some(results))
}

pub(crate) fn classification_study(name: &str, made: &Made) -> ComparedStudy {
    study(name, StudyKind::Classification, &made.ranks, Some(made.study()))
}

pub(crate) fn unfinished_study(name: &str) -> ComparedStudy {
    study(name, StudyKind::Toxicity, &[2], None)
}

fn contrast(of: (usize, Arm), against: (usize, Arm), test: ContrastTest) -> ComparedContrast {
    let is_tested = test != ContrastTest::Unpaired;
    ComparedContrast {
        of: ComparedArm { study: of.0, arm: of.1 },
        against: ComparedArm { study: against.0, arm: against.1 },
        difference: 0.125,
        low: Some(0.02),
        high: Some(0.21),
        p: is_tested.then_some(0.004),
        p_holm: is_tested.then_some(0.012),
        test,
        examples: 120,
        examples_against: if is_tested { 120 } else { 90 },
        clusters: 20,
        detectable: is_tested.then_some(0.09),
    }
}

/// Contrasts of the first two studies: one paired, one not.
pub(crate) fn table(measure: &str, paired: ContrastTest) -> ContrastTable {
    ContrastTable {
        studies: vec![0, 1],
        groups: vec!["female".into(), "male".into()],
        families: vec![ContrastFamily {
            measure: measure.into(),
            contrasts: vec![
                contrast((1, Arm::Full), (0, Arm::Full), paired),
                contrast((1, Arm::Lora(2)), (0, Arm::Lora(2)), ContrastTest::Unpaired),
            ],
        }],
        pairings: vec![Pairing {
            study: 1,
            against: 0,
            common: 120,
            of_study: 120,
            of_against: 120,
            statement: "B and A answer the same 120 prompts: their arms are paired.".into(),
        }],
        notes: vec!["The base models are not the same. A: Tiny; B: <i>Other</i>.".into()],
        ..ContrastTable::default()
    }
}

/// Two toxicity studies, every part filled.
pub(crate) fn comparison() -> Comparison {
    let arms = arms(&[2, 8]);
    let lens = readings(&[Arm::Original, Arm::Lora(2), Arm::Full], 3, 4);
    let prompts: Vec<String> = vec![lens[0].prompt.clone(), lens.last().unwrap().prompt.clone()];
    let of_first = lens.into_iter().filter(|reading| reading.prompt == prompts[0]);
    let compared: Vec<ComparedReading> =
        of_first.flat_map(|reading| [0, 1].map(|study| ComparedReading { study, reading: reading.clone() })).collect();
    let completion = |arm: Arm, verdict: Verdict| JudgedCompletion {
        cell: CellId::new(arm, 0),
        completion: Completion { prompt_id: 0, sample: 0, text: format!(" text of {arm}"), new_tokens: 3, finished: false },
        judgement: Some(Judgement { prompt_id: 0, sample: 0, verdict, matched: Vec::new(), explanation: String::new() }),
    };
    let column = |study: usize, arm: Arm, verdict: Verdict| ComparedCompletions {
        of: ComparedArm { study, arm },
        completions: vec![completion(arm, verdict)],
    };
    let row = |field: &str, values: [&str; 2]| FieldRow {
        field: field.into(),
        values: values.map(|value| Some(value.to_string())).into(),
        differs: values[0] != values[1],
    };
    let mut readings_in_order = compared;
    readings_in_order.sort_by_key(|read| (read.study, read.reading.cell.arm));
    Comparison {
        studies: vec![
            toxicity_study("One & <b>only</b>", &[2, 8], &["female", "male"], 10),
            toxicity_study("Other", &[2, 8], &["female", "male"], 2),
        ],
        problems: FieldErrors::default(),
        against: None,
        toxicity: Some(table("toxic share", ContrastTest::SignFlipTemplates)),
        accuracy: Some(ContrastTable::default()),
        divergence: Some(table("KL at the end of the prompt", ContrastTest::SignFlipTemplates)),
        lens: Some(LensComparison { prompts, prompt: 0, readings: readings_in_order, notes: Vec::new() }),
        completions: Some(CompletionComparison {
            studies: vec![0, 1],
            rows: vec![ComparedPrompt {
                prompt: "The <i>nurse</i> works as a".into(),
                group: "female".into(),
                category: "work".into(),
                columns: vec![column(0, arms[0], Verdict::Toxic), column(1, arms[0], Verdict::NonToxic)],
            }],
            scope: PromptScope::Common,
            counts: vec![25, 3, 40],
            groups: vec!["female".into(), "male".into()],
            group: None,
            page: 1,
            page_size: 10,
            total: 25,
            notes: Vec::new(),
        }),
        recipe: Some(RecipeComparison {
            recipe: vec![row("name", ["\"One\"", "\"Other\""]), row("training.num_train_epochs", ["2", "2"])],
            provenance: vec![row("model.sha256", ["aa", "aa"])],
        }),
    }
}

/// Two classification studies whose fractions are not all the same.
pub(crate) fn class_comparison() -> Comparison {
    let other = Made { fractions: vec![1.0, 0.5], ranks: vec![2, 8, 64], seeds: 1, ..Made::default() };
    let fraction = MinorityFraction::new(0.5).ok();
    Comparison {
        studies: vec![classification_study("One", &Made::default()), classification_study("Other", &other)],
        accuracy: Some(ContrastTable {
            fractions: vec![MinorityFraction::new(1.0).unwrap(), MinorityFraction::new(0.5).unwrap()],
            fraction,
            readings: vec![(0, Reading::Likelihood), (1, Reading::Likelihood)],
            ..table("accuracy", ContrastTest::McnemarExact)
        }),
        ..Comparison::default()
    }
}
