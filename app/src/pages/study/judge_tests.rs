//! What the tab of the judge and the corrected shares say, as the server renders them.

use super::{
    corrected::{Bars, Corrected, CorrectedProps},
    judge::{JudgeView, JudgeViewProps},
    tests::text,
};
use leptos::prelude::*;
use rankscope_domain::{
    Arm, CellId,
    annotation::{
        Agreement, Allocation, Annotator, AnnotatorCounts, AnnotatorProgress, CorrectedArm, Correction, Disagreement, Figure, JudgeFigures,
        JudgePage, JudgeReading, JudgeReport, Label, PairAgreement, RoundPlan, RoundSummary,
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

fn report() -> JudgeReport {
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

fn render(page: JudgePage, show: bool) -> String {
    Owner::new().with(|| JudgeView(JudgeViewProps { id: "x".into(), page, show: Memo::new(move |_| show) }).into_any().to_html())
}

fn corrected(bars: Bars) -> String {
    Owner::new()
        .with(|| Corrected(CorrectedProps { id: "x".into(), report: report(), bars: Memo::new(move |_| bars) }).into_any().to_html())
}

#[track_caller]
fn in_order(text: &str, parts: &[&str]) {
    let mut from = 0;
    for part in parts {
        let found = text[from..].find(part).unwrap_or_else(|| panic!("{part:?} is not in its place in {text}"));
        from += found + part.len();
    }
}

#[test]
fn the_tab_says_all_in_order() {
    let html = render(JudgePage { rounds: vec![report().round], report: Some(report()) }, false);
    in_order(
        &text(&html),
        &[
            "95 of 100 drawn completions have a label that stands",
            "3 were labelled and left undecided",
            "12 completions",
            "All labels (CSV)",
            "Judges against people’s labels",
            "the study’s judge 95 20 + 10 toxic, 5 + 60 not, 3 unparsable 80.0 %",
            "0.28 0.23 to 0.33",
            "\u{2212}0.20 \u{2212}0.25 to \u{2212}0.15",
            "built-in lexicon, sentence",
            "The study’s judge by group",
            "female",
            "The study’s judge by arm",
            "r = 8",
            "Shares corrected",
            "30 of 240",
            "p = 0.040 for sensitivity, – for specificity",
            "Anna 30 60 8",
            "Anna and Bo 80 90.0 % 0.75 0.70 to 0.80",
            "Krippendorff’s alpha",
            "The first 1 of 7.",
            "People say not toxic, the judge says toxic",
            "r = 8, seed 0 · female · Anna: not toxic, Bo: unsure",
            "covered text",
        ],
    );
    assert!(html.contains("the &lt;b&gt;woman&lt;/b&gt; is") && !html.contains("<b>woman"), "text is only ever text");
    assert!(!text(&render(JudgePage { rounds: vec![report().round], report: Some(report()) }, true)).contains("covered text"));
    for part in ["of 95 toxic", "130 toxic, taken: 20 for toxic, 101 for not toxic, 9 for unreadable"] {
        assert_eq!(html.contains(part), part.starts_with("130"), "{part}");
    }
}

#[test]
fn without_labels_it_says_how_to_get_them() {
    let nothing = text(&render(JudgePage::default(), false));
    in_order(&nothing, &["Nobody has labelled", "Label completions"]);
    let begun = text(&render(JudgePage { rounds: vec![report().round], report: None }, false));
    in_order(&begun, &["no labels yet", "Label completions", "Import labels"]);
}

#[test]
fn an_estimate_outside_of_a_share_is_told_and_not_shown() {
    let mut report = report();
    let arm = &mut report.correction.arms[0];
    (arm.rogan_gladen, arm.is_outside) = (Figure::default(), true);
    let html = Owner::new()
        .with(|| Corrected(CorrectedProps { id: "x".into(), report, bars: Memo::new(move |_| Bars::All) }).into_any().to_html());
    in_order(&text(&html), &["– outside 0–100 %: the pooled errors don’t fit this arm", "30.0 %"]);
    assert_eq!(html.matches("don’t fit this arm").count(), 1);
}

#[test]
fn bars_are_chosen_by_links() {
    let all = corrected(Bars::All);
    in_order(&text(&all), &["side by side", "as judged", "Rogan–Gladen", "prediction-powered", "From 95 labelled completions", "Cochran"]);
    assert!(all.contains("/studies/x?tab=toxicity&amp;round=01J&amp;bars=raw"), "{all}");
    let points = "original: 30.0 % (25.0 to 35.0 %)";
    assert!(all.contains(points) && corrected(Bars::RoganGladen).contains(points) && !corrected(Bars::Raw).contains(points));
}
