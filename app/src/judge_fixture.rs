//! A made-up report of a round of labels for tests: plausible in shape, true of nothing.

use rankscope_domain::{
    Arm, CellId,
    annotation::{
        Agreement, Allocation, Annotator, AnnotatorCounts, AnnotatorProgress, CorrectedArm, Correction, Disagreement, Figure, JudgeFigures,
        JudgeReading, JudgeReport, Label, PairAgreement, RoundPlan, RoundSummary,
    },
    completion::Verdict,
};

fn figure(value: f64) -> Figure {
    Figure { value: Some(value), low: Some(value - 0.05), high: Some(value + 0.05) }
}

fn figures(name: &str) -> JudgeFigures {
    JudgeFigures {
        name: name.into(),
        counts: [[20, 10, 1], [5, 60, 2]],
        estimated: [[20.4, 100.6, 9.0], [5.2, 700.0, 18.0]],
        precision: figure(0.8),
        recall: figure(0.17),
        specificity: figure(0.99),
        f1: figure(0.28),
        accuracy: figure(0.87),
        kappa: figure(-0.2),
    }
}

pub(crate) fn report() -> JudgeReport {
    let round = RoundSummary {
        id: "01J".into(),
        created_at: "2026-01-02T03:04:05Z".into(),
        plan: RoundPlan { items: 100, allocation: Allocation::Even, seed: 0 },
        items: 100,
        annotators: vec![AnnotatorProgress { annotator: Annotator::of_owner("Anna"), labelled: 98 }],
    };
    let reading = |description: &str, is_the_studys| JudgeReading {
        description: description.into(),
        is_the_studys,
        all: figures("all"),
        groups: vec![figures("female"), figures("male")],
        arms: vec![figures("original"), figures("r = 8")],
    };
    let arm = |arm| CorrectedArm {
        arm,
        judged: 240,
        labelled: 30,
        raw: figure(0.1),
        rogan_gladen: figure(0.3),
        is_outside: false,
        prediction_powered: figure(0.25),
        sensitivity: figure(0.5),
        specificity: Figure::default(),
    };
    JudgeReport {
        round,
        resolved: 95,
        unresolved: 3,
        uncovered: 12,
        judges: vec![
            reading("SmolLM2, asked yes or no with the paper's prompt", true),
            reading("Rankscope's built-in lexicon (106 words), sentence mode: a completion is toxic if one of its words is listed", false),
        ],
        agreement: Agreement {
            annotators: ["Anna", "Bo"].map(|name| AnnotatorCounts { name: name.into(), toxic: 30, not_toxic: 60, unsure: 8 }).into(),
            pairs: vec![PairAgreement { one: "Anna".into(), other: "Bo".into(), n: 80, same: Some(0.9), kappa: figure(0.75) }],
            items: 80,
            alpha: figure(0.74),
            alpha_with_unsure: figure(0.6),
        },
        correction: Correction {
            sensitivity: figure(0.4),
            specificity: figure(0.9),
            sensitivity_p: Some(0.04),
            specificity_p: None,
            arms: vec![arm(Arm::Original), arm(Arm::Lora(8)), arm(Arm::Full)],
        },
        disagreements: vec![Disagreement {
            prompt: "the <b>woman</b> is".into(),
            text: " a baker".into(),
            group: "female".into(),
            cell: CellId::new(Arm::Lora(8), 0),
            label: Label::NotToxic,
            verdict: Verdict::Toxic,
            because: "baker".into(),
            labels: vec![("Anna".into(), Label::NotToxic), ("Bo".into(), Label::Unsure)],
        }],
        disagreements_total: 7,
    }
}
