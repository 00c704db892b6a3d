//! What the tabs of a classification study say, as the server renders them.

use super::{
    accuracy::{AccuracyResults, AccuracyResultsProps},
    choices::Shown,
    margins::{MarginsResults, MarginsResultsProps},
};
use crate::class_fixture::Made;
use leptos::prelude::*;
use rankscope_domain::{Arm, StudyResults, results::CellResult};
use std::sync::Arc;

fn render(tab: &str, study: StudyResults, query: &[(&str, &str)]) -> String {
    Owner::new().with(|| {
        let shown = Shown::of(study.classification.as_ref().unwrap(), |name| {
            query.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string())
        });
        let (id, results, shown) = ("x".to_string(), Arc::new(study), Memo::new(move |_| shown.clone()));
        match tab {
            "accuracy" => AccuracyResults(AccuracyResultsProps { id, results, shown }).into_any().to_html(),
            _ => MarginsResults(MarginsResultsProps { id, results, shown }).into_any().to_html(),
        }
    })
}

/// The text of a page without its figures, tags and comments: what a reader reads.
fn text(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let end = if after.starts_with("svg") { "</svg>" } else { ">" };
        rest = after.split_once(end).map_or("", |(_, rest)| rest);
        text.push(' ');
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_accuracy_tab_says_all_in_order() {
    let html = render("accuracy", Made::default().study(), &[]);
    let text = text(&html);
    let mut from = 0;
    for part in [
        "What the paper claims, and what this study says",
        "Learning rate r = 2: 2e-4, r = 8: 2e-4, r = 64: 2e-4, full: 2e-5",
        "Weight decay",
        "Alpha policy lora_alpha = 2 r",
        "Seeds 0, 1, 2",
        "answers with one of the options",
        "Prompt Text: {text} Answer:",
        "sst2: 2000 training and 872 test examples; labels negative, positive, of which positive is the positive one",
        "By its label. positive (majority): 1114 to train on, 444 to test on; negative (minority): 886",
        "0.1: 89 of 1203 training examples",
        "Prediction read by likelihood of the options generated text",
        "Arms in the curves original r = 2 r = 8 r = 64 full",
        "Accuracy by minority fraction",
        "In the form of the paper’s Table 1",
        "Harmful bias gap by rank",
        "Error of the worst group",
        "Each rank against full",
        "p two-sided by sign-flip permutation test over examples",
        "r = 2 − full",
        "Trend over the ranks",
        "Beyond the paper: fairness and quality",
        "Demographic parity difference",
        "Cells",
    ] {
        let at = text[from..].find(part).unwrap_or_else(|| panic!("{part:?} is missing after {:?}\n{text}", &text[..from]));
        from += at;
    }
    assert!(!text.contains("NaN") && !text.contains("Unreadable"), "{text}");
    assert_eq!(html.matches("<svg").count(), 6, "three figures at two widths; without cells no losses");
}

#[test]
fn choices_are_links_that_keep_the_others() {
    let html = render("accuracy", Made::default().study(), &[("reading", "generated_text"), ("arms", "lora-r2,full")]);
    for address in [
        "/studies/x?tab=accuracy&amp;reading=likelihood&amp;arms=lora-r2,full",
        "/studies/x?tab=accuracy&amp;reading=generated_text&amp;arms=full",
        "/studies/x?tab=accuracy&amp;reading=generated_text&amp;arms=lora-r2,lora-r8,full",
        "/studies/x/figures/accuracy.svg?reading=generated_text&amp;arms=lora-r2,full",
        "/studies/x/figures/worst_group_error.svg?reading=generated_text",
    ] {
        assert!(html.contains(&format!("href=\"{address}\"")), "{address} is missing\n{html}");
    }
    assert_eq!(html.matches("aria-current=\"true\"").count(), 3, "the reading and two arms are marked");
    assert!(text(&html).contains("Unreadable"), "generated text has its share of unreadable answers");
}

#[test]
fn what_the_study_has_not_is_said_and_not_guessed() {
    let html = render("margins", Made::default().study(), &[("fraction", "0.3"), ("arm", "lora-r3")]);
    let text = text(&html);
    assert!(
        text.contains("fraction = &quot;0.3&quot;: This study does not have it. It has: 1, 0.5, 0.25, 0.1.")
            || text.contains("fraction = \"0.3\": This study does not have it. It has: 1, 0.5, 0.25, 0.1."),
        "{text}"
    );
    assert!(text.contains("trained with minority fraction 0.1"), "the smallest in its place: {text}");
}

#[test]
fn the_margins_tab_shows_one_fraction() {
    let html = render("margins", Made::default().study(), &[("fraction", "0.5"), ("group", "negative"), ("arm", "full")]);
    let text = text(&html);
    for part in [
        "trained with minority fraction 0.5",
        "Test examples of negative, minority fraction 0.5",
        "full, minority fraction 0.5",
        "Change a doubling",
        "+0.0123",
    ] {
        assert!(text.contains(part), "{part:?} is missing\n{text}");
    }
    for address in [
        "/studies/x/figures/margins.svg?fraction=0.5",
        "/studies/x/figures/reliability.svg?fraction=0.5&amp;group=negative",
        "/studies/x/figures/confusion.svg?fraction=0.5&amp;arm=full",
    ] {
        assert!(html.contains(&format!("href=\"{address}\"")), "{address} is missing");
    }
    let generated = render("margins", Made::default().study(), &[("reading", "generated_text")]);
    assert!(generated.contains("has no probability") && generated.contains("taken for unreadable"), "{generated}");
}

#[test]
fn what_failed_is_told_first_and_has_dashes() {
    let mut study = Made { failed: Some(Arm::Lora(8)), ..Made::default() }.study();
    study.cells.push(CellResult {
        cell: "lora-r8-s0-m0.1".parse().unwrap(),
        arm: Arm::Lora(8),
        seed: 0,
        failed: Some("The loss is no number.".into()),
        learning_rate: None,
        weight_decay: None,
        lora_alpha: None,
        scaling: None,
        trainable_parameters: 0,
        total: Default::default(),
        groups: Vec::new(),
        losses: Vec::new(),
        phases: Vec::new(),
    });
    let text = text(&render("accuracy", study, &[]));
    assert!(text.starts_with("Not every cell has a result. r = 8, seed 0, fraction 0.1 : The loss is no number."), "{text}");
    assert!(text.contains("no result: every cell failed"), "{text}");
}
