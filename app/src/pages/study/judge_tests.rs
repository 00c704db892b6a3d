//! What the tab of the judge and the corrected shares say, as the server renders them.

use super::{
    corrected::{Corrected, CorrectedProps},
    judge::{JudgeView, JudgeViewProps},
    tests::text,
};
use crate::{judge_figures::Bars, judge_fixture::report};
use leptos::prelude::*;
use rankscope_domain::annotation::{Figure, JudgePage};

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
fn what_is_shown_can_be_taken_away() {
    let html = render(JudgePage { rounds: vec![report().round], report: Some(report()) }, false);
    for figure in ["judges", "judge_groups", "judge_arms"] {
        for file in [
            "figures/FIGURE.svg?round=01J",
            "figures/FIGURE.png?round=01J&amp;width=column",
            "figures/FIGURE.pdf?round=01J",
            "tables/FIGURE.tex?round=01J",
        ] {
            let address = format!("href=\"/studies/x/judge/{}\"", file.replace("FIGURE", figure));
            assert!(html.contains(&address), "{address} is missing\n{html}");
        }
    }
    for table in ["judge_counts", "corrected", "annotators", "agreement"] {
        for ending in ["csv", "json", "tex"] {
            assert!(html.contains(&format!("/studies/x/judge/tables/{table}.{ending}?round=01J\"")), "{table}.{ending} is missing\n{html}");
        }
    }
    // the figure of the corrected shares is of the bars that are shown
    assert!(corrected(Bars::All).contains("/studies/x/judge/figures/corrected.pdf?round=01J\""));
    assert!(corrected(Bars::Raw).contains("/studies/x/judge/figures/corrected.png?round=01J&amp;bars=raw&amp;width=column\""));
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
