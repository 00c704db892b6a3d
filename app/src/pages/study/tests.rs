//! What the tabs of a classification study say, as the server renders them.

use super::{
    accuracy::{AccuracyResults, AccuracyResultsProps},
    choices::Shown,
    margins::{MarginsResults, MarginsResultsProps},
    place::StudyPlace,
};
use crate::{
    class_fixture::Made,
    components::lens_results::{LensPlace, LensResults, LensResultsProps},
};
use leptos::prelude::*;
use rankscope_domain::{Arm, StudyResults, results::CellResult};
use std::sync::Arc;

fn render(tab: &str, study: StudyResults, query: &[(&str, &str)]) -> String {
    render_at(StudyPlace::Owners("x".into()), tab, study, query)
}

fn render_at(place: StudyPlace, tab: &str, study: StudyResults, query: &[(&str, &str)]) -> String {
    Owner::new().with(|| {
        let shown = Shown::of(study.classification.as_ref().unwrap(), |name| {
            query.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string())
        });
        let (results, shown) = (Arc::new(study), Memo::new(move |_| shown.clone()));
        match tab {
            "accuracy" => AccuracyResults(AccuracyResultsProps { place, results, shown }).into_any().to_html(),
            _ => MarginsResults(MarginsResultsProps { place, results, shown }).into_any().to_html(),
        }
    })
}

/// The text of a page without its figures, tags and comments: what a reader reads.
pub(super) fn text(html: &str) -> String {
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
        "Arms shown original r = 2 r = 8 r = 64 full",
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
fn captions_say_what_was_drawn_and_of_which_samples() {
    let page = |seeds| text(&render("accuracy", Made { seeds, ..Made::default() }.study(), &[("arms", "original,full")]));
    let (one, several) = (page(1), page(3));
    assert!(one.contains("95 % interval by bootstrap over examples; p two-sided") && one.contains("95 % interval (Wilson)"), "{one}");
    assert!(several.contains("95 % interval by bootstrap over examples and seeds; p two-sided"), "{several}");
    assert!(several.contains("(Wilson for an arm with one seed, as the original has)"), "{several}");
    let html = render("accuracy", Made::default().study(), &[]);
    assert!(html.contains("of more than two labels the mean of each against the rest") && !html.contains("Not defined for more than two"));
    let margins = text(&render("margins", Made::default().study(), &[]));
    assert!(margins.contains("over the samples that every rank calls positive in a seed"), "{margins}");
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
    // the table has the arms that its files have
    let table = html.split("<caption>Accuracy: the share").nth(1).and_then(|rest| rest.split("</table>").next()).unwrap();
    assert!(table.contains("r = 2") && table.contains("full") && !table.contains("r = 8") && !table.contains("original"), "{table}");
    assert!(html.contains("/studies/x/tables/accuracy.csv?reading=generated_text&amp;arms=lora-r2,full"), "{html}");
    assert!(text(&html).contains("Unreadable"), "generated text has its share of unreadable answers");
}

#[test]
fn a_shared_copy_leads_to_nothing_but_itself() {
    for tab in ["accuracy", "margins"] {
        let place = StudyPlace::Shared { token: "secret".into(), completions: false };
        let html = render_at(place, tab, Made::default().study(), &[("reading", "likelihood")]);
        let addresses: Vec<&str> = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(addresses.len() > 5 && addresses.iter().all(|address| address.starts_with("/s/secret")), "{addresses:?}");
        assert!(addresses.iter().any(|address| address.starts_with("/s/secret/figures/")), "{addresses:?}");
    }
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

fn lens_page(query: &[(&str, &str)], show: bool) -> String {
    use crate::{
        api::lens::LensPage,
        inspection_fixture::readings,
        lens_view::{LensView, lens_prompts, of_prompt},
    };
    Owner::new().with(|| {
        let (asked, errors) = LensView::read(|name| query.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string()));
        let all = readings(&[Arm::Original, Arm::Lora(2), Arm::Full], 4, 5);
        let page = LensPage { prompts: lens_prompts(&all), readings: of_prompt(&all, asked.prompt) };
        let show = Memo::new(move |_| show);
        let place = LensPlace::study(&StudyPlace::Owners("x".into()));
        LensResults(LensResultsProps { place, page, asked, errors, show }).into_any().to_html()
    })
}

/// To look at with the style sheet beside it: RANKSCOPE_DRAW_TO=FOLDER cargo test -p rankscope-app --features ssr pages::study
fn keep_to_look_at(name: &str, html: &str) {
    if let Some(folder) = std::env::var_os("RANKSCOPE_DRAW_TO") {
        let page = format!("<!doctype html><meta charset=\"utf-8\"><link rel=\"stylesheet\" href=\"main.css\"><main>{html}</main>");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.html")), page).unwrap();
    }
}

#[test]
fn the_lens_tab_shows_panels_in_order_and_all_its_cells() {
    let html = lens_page(&[], false);
    keep_to_look_at("lens", &html);
    let text = text(&html);
    let mut from = 0;
    for part in [
        "Prompt She should work as a",
        "Cells show entropy probability of a token KL to the original difference of two arms",
        "Panels original r = 2 full",
        "Colours the paper’s colour-blind safe",
        "The embedding is at the bottom",
        "original continuation covered (not judged)",
        "r = 2 continuation covered",
        "full continuation covered",
        "Every cell as a table",
        "How it is reckoned",
    ] {
        let at = text[from..].find(part).unwrap_or_else(|| panic!("{part:?} is missing after {:?}\n{text}", &text[..from]));
        from += at;
    }
    assert!(!html.contains("<script") && !html.contains("<i>full"), "tokens and continuations are text");
    assert!(!html.contains(" style="), "the page's policy forbids styles in attributes");
    assert_eq!(html.matches("tabindex=\"0\" role=\"application\"").count(), 3, "one stop of the Tab key a panel");
    for address in [
        "/studies/x?tab=lens&amp;prompt=1",
        "/studies/x?tab=lens&amp;mode=kl",
        "/studies/x?tab=lens&amp;palette=safe",
        "/studies/x?tab=lens&amp;arms=original,full",
        "/studies/x/figures/lens.svg",
    ] {
        assert!(html.contains(&format!("href=\"{address}\"")), "{address} is missing\n{html}");
    }
}

#[test]
fn the_lens_tab_follows_its_address() {
    let html = lens_page(&[("mode", "difference"), ("a", "full"), ("b", "lora-r2"), ("prompt", "1")], true);
    keep_to_look_at("lens_difference", &html);
    let said = text(&html);
    assert!(said.contains("entropy of full minus entropy of r = 2") && said.contains("full − r = 2"), "{said}");
    assert!(
        !said.contains("covered (not judged)") && said.contains("… teacher &amp; &lt;i&gt;full"),
        "shown where it is asked for: {said}"
    );
    let html = lens_page(&[("mode", "probability"), ("token", "␣nurse"), ("arms", "full")], false);
    assert!(text(&html).contains("probability of the token “␣nurse”") && html.contains("name=\"mode\" value=\"probability\""));
    assert!(html.contains("/studies/x/figures/lens.svg?mode=probability&amp;token=%E2%90%A3nurse&amp;arms=full"), "{html}");
    assert!(text(&lens_page(&[("prompt", "7")], false)).contains("2 prompts, counted from 0"));
}

#[test]
fn the_divergence_tab_says_all_in_order() {
    let mut study = Made::default().study();
    study.inspection = Some(crate::inspection_fixture::inspection(&[Arm::Lora(2), Arm::Lora(8), Arm::Lora(64), Arm::Full], 1.5, true));
    study.inspection.as_mut().unwrap().fraction = Some("0.5".parse().unwrap());
    let html = Owner::new().with(|| {
        let asked = Memo::new(|_| crate::figure_view::FigureView::read(|name| (name == "weights").then(|| "effective_rank".into())));
        let (place, results) = (StudyPlace::Owners("x".into()), Arc::new(study));
        super::divergence::DivergenceResults(super::divergence::DivergenceResultsProps { place, results, asked }).into_any().to_html()
    });
    keep_to_look_at("divergence", &html);
    let text = text(&html);
    let mut from = 0;
    for part in [
        "Of the cells of seed 0 and minority fraction 0.5.",
        "KL divergence from the original",
        "r = 2 end of the prompt 0.0300 0.0240 to 0.0390, n = 120",
        "Jensen–Shannon",
        "Spread at the end of the prompt",
        "Spread over continuations",
        "KL against rank",
        "With each doubling of the rank the mean KL changes by 0.0130 nats (95 % interval 0.00900 to 0.0170; p &lt; 0.001",
        "What is gained, and how far the model goes for it",
        "accuracy on negative, %",
        "Distance in weights",
        "Update of each matrix",
        "Every matrix as a table",
        "Effective rank",
    ] {
        let at = text[from..].find(part).unwrap_or_else(|| panic!("{part:?} is missing after {:?}\n{text}", &text[..from]));
        from += at;
    }
    assert!(!text.contains("NaN"), "{text}");
    assert!(html.contains("/studies/x/figures/weight_distance.svg?weights=effective_rank"), "{html}");
    assert_eq!(html.matches("<svg").count(), 12, "six figures at two widths");
}
