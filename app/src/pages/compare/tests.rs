//! What the page of a comparison says, as the server renders it.

use super::{CompareLinks, ComparisonPanel, panel::ComparisonPanelProps};
use crate::{
    comparison_fixture::{class_comparison, comparison, unfinished_study},
    comparison_view::CompareView,
};
use leptos::prelude::*;
use rankscope_domain::{
    Arm, FieldErrors,
    comparison::{ComparedArm, Comparison},
    comparison_query::ComparisonView,
};

fn pairs(query: &str) -> Vec<(String, String)> {
    query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect()
}

fn render_with(comparison: Comparison, query: &str, links: &dyn Fn(&CompareView, &Comparison) -> CompareLinks) -> String {
    Owner::new().with(|| {
        let (view, errors) = CompareView::read(&pairs(query));
        let show = Memo::new(|_| false);
        let links = links(&view, &comparison);
        ComparisonPanel(ComparisonPanelProps { comparison, view, errors, links, show }).into_any().to_html()
    })
}

fn render(comparison: Comparison, query: &str) -> String {
    render_with(comparison, query, &|view, comparison| CompareLinks::new("/compare", view, comparison))
}

/// What a reader reads: without figures, tags and comments.
fn text(html: &str) -> String {
    let (mut text, mut rest) = (String::new(), html);
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let end = if after.starts_with("svg") { "</svg>" } else { ">" };
        rest = after.split_once(end).map_or("", |(_, rest)| rest);
        text.push(' ');
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn says_in_order(html: &str, parts: &[&str]) {
    let text = text(html);
    let mut from = 0;
    for part in parts {
        let at = text[from..].find(part).unwrap_or_else(|| panic!("{part:?} is missing after {:?}\n{text}", &text[..from]));
        from += at;
    }
    assert!(!text.contains("NaN"), "{text}");
    assert!(!html.contains("<b>") && !html.contains("<i>") && !html.contains(" style="), "names are text, and nothing has a style");
}

#[test]
fn toxicity_is_shown_with_its_numbers_and_what_they_rest_on() {
    let html = render(comparison(), "studies=X,Y");
    says_in_order(
        &html,
        &[
            "One &amp; &lt;b&gt;only",
            "Arms original r = 2 r = 8 full",
            "Toxicity Accuracy Divergence Logit lens Completions Recipe and provenance",
            "Share of toxic completions",
            "A: 120 prompts from 20 templates, 2 a prompt and seed.",
            "Arm A B",
            "original 20.8 % 17.8–23.8 %, 50/240, 1 unparsable",
            "How these numbers are defined",
            "By group",
            "A · r = 2",
            "Contrasts within all female male",
            "Contrasted with the same arm of the first study A · original",
            "B and A answer the same 120 prompts",
            "The base models are not the same. A: Tiny; B: &lt;i&gt;Other",
            "p by a two-sided sign-flip permutation test over templates",
            "Rows without p are not paired",
            "B · full − A · full +12.5 +2.0 to +21.0 0.004 0.012 * sign-flip test over templates 120 20 9.0",
            "B · r = 2 − A · r = 2 +12.5 +2.0 to +21.0 – – none: other examples 120; 90 20 –",
        ],
    );
    assert_eq!(html.matches("<svg").count(), 4, "two figures at two widths");
    for address in [
        "/compare?studies=IDOne%20%26%20%3Cb%3Eonly%3C%2Fb%3E,IDOther&amp;arms=A:original,A:lora-r2,A:lora-r8&amp;view=toxicity",
        "/compare?studies=IDOther&amp;view=toxicity",
        "/compare?studies=IDOne%20%26%20%3Cb%3Eonly%3C%2Fb%3E,IDOther&amp;view=toxicity&amp;group=female",
        "/compare/figures/groups.svg?studies=IDOne%20%26%20%3Cb%3Eonly%3C%2Fb%3E,IDOther&amp;view=toxicity",
        "/compare/tables/groups.tex?studies=IDOne%20%26%20%3Cb%3Eonly%3C%2Fb%3E,IDOther&amp;view=toxicity",
        "/compare/tables/toxicity_contrasts.csv?studies=IDOne%20%26%20%3Cb%3Eonly%3C%2Fb%3E,IDOther&amp;view=toxicity",
        "/studies/IDOther",
    ] {
        assert!(html.contains(&format!("href=\"{address}\"")), "{address} is missing\n{html}");
    }
}

#[test]
fn a_correction_is_marked_only_where_the_interval_agrees() {
    assert!(text(&render(comparison(), "")).contains("0.012 * sign-flip"));
    let mut both = comparison();
    both.toxicity.as_mut().unwrap().families[0].contrasts[0].low = Some(-0.01);
    assert!(text(&render(both, "")).contains("−1.0 to +21.0 0.004 0.012 sign-flip"));
}

#[test]
fn accuracies_name_their_fraction_and_their_test() {
    let html = render(class_comparison(), "studies=X,Y&view=accuracy&fraction=0.5");
    says_in_order(
        &html,
        &[
            "Prediction read by likelihood of the options generated text",
            "Minority fraction 1 0.5",
            "Accuracy by minority fraction",
            "A: 872 test examples of sst2, 3 seeds. B: 872 test examples of sst2, 1 seed.",
            "Trained with minority fraction 0.5.",
            "A · original",
            "B · r = 2",
            "Worst group Largest error rate of a group",
            "p by McNemar’s exact test",
        ],
    );
    assert!(html.contains("aria-current=\"true\" data-noscroll=\"\">0.5"), "{html}");
}

#[test]
fn divergences_lens_completions_and_recipes_are_shown() {
    says_in_order(
        &render(comparison(), "view=divergence"),
        &[
            "KL divergence from the original",
            "A: seed 0. B: seed 0.",
            "r = 2 0.0300 0.0240 to 0.0390, n = 120",
            "in nats",
            "+0.125 +0.0200 to +0.210",
        ],
    );
    let lens = render(comparison(), "view=lens");
    says_in_order(
        &lens,
        &[
            "Prompt She should work as a",
            "Cells show entropy probability of a token KL to the original difference of two arms",
            "One scale for all panels.",
            "B · Other",
            "Point at a cell",
            "How each goes on",
            "A · original covered (not judged)",
            "B · full covered (not judged)",
            "Every cell as a table",
        ],
    );
    // the legend; of each study its layers, three panels, and what marks the cell that is pointed at
    assert_eq!(lens.matches("<svg").count(), 1 + 2 * (1 + 2 * 3));
    assert!((0..6).all(|panel| lens.matches(&format!("id=\"lens-panel-{panel}\"")).count() == 1), "{lens}");
    assert_eq!(lens.matches("aria-label=\"The cell, ").count(), 2);
    assert!(lens.contains("/compare/figures/lens.svg?") && lens.contains("/compare/tables/lens.json?"), "{lens}");
    says_in_order(
        &render(comparison(), "view=lens&mode=difference"),
        &["Entropy of A · original A · r = 2 A · full B · original", "minus that of", "Colour: the first’s entropy less the second’s"],
    );
    let completions = render(comparison(), "view=completions&page=2&show=1");
    says_in_order(
        &completions,
        &[
            "Content warning.",
            "Prompts in every study (25) toxic in one arm, not in another (3) in any study (40)",
            "Group every group female male",
            "25 prompts meet this choice; page 2 of 3.",
            "The &lt;i&gt;nurse&lt;/i&gt; works as a …",
            "A · original",
            "covered (toxic)",
            "B · original",
            "text of original",
            "Previous Page 2 of 3 Next",
        ],
    );
    assert!(completions.contains("page=3") && !completions.contains("show="), "{completions}");
    let recipe = render(comparison(), "view=recipe");
    says_in_order(
        &recipe,
        &["those that differ (1) all (3)", "Field A · One", "name \"One\" \"Other\"", "What made the studies is the same"],
    );
    assert!(!recipe.contains("num_train_epochs") && recipe.contains("/compare/tables/recipe.csv?"));
    says_in_order(&render(comparison(), "view=recipe&fields=all"), &["training.num_train_epochs 2 2", "model.sha256 aa aa"]);
}

#[test]
fn what_cannot_be_shown_is_said_first_and_the_rest_follows() {
    let mut both = comparison();
    both.studies.push(unfinished_study("Third"));
    both.problems.push("studies", "gone", "There is no such study.");
    both.studies[0].failed.push(("lora-r8-s0".parse().unwrap(), "The loss is no number.".into()));
    let html = render(both, "view=pie&arms=A:best");
    says_in_order(
        &html,
        &[
            "view = \"pie\": There is no such view.",
            "arms = \"A:best\": This names no arm",
            "studies = \"gone\": There is no such study.",
            "C is running, 40 % done: it has no results yet",
            "Cells without a result: 1",
            "A, r = 8, seed 0: The loss is no number.",
            "Share of toxic completions",
        ],
    );
    says_in_order(&render(class_comparison(), "view=toxicity"), &["This part of the comparison is not in this copy."]);
    let mut mixed = comparison();
    mixed.studies.push(class_comparison().studies.remove(0));
    says_in_order(&render(mixed.clone(), "view=toxicity"), &["C is a classification study and has no toxic share."]);
    says_in_order(&render(mixed, "view=divergence"), &["C has no divergences: “Inside the models” was not switched on for it"]);
}

#[test]
fn a_frozen_copy_leads_nowhere_else() {
    let mut copy = comparison();
    for study in &mut copy.studies {
        study.id = String::new();
    }
    for view in ComparisonView::ALL {
        let html = render_with(copy.clone(), &format!("view={}", view.name()), &|view, copy| {
            CompareLinks::frozen("/s/TOKEN", view, copy, ComparisonView::ALL.into())
        });
        for address in html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()) {
            assert!(address.starts_with("/s/TOKEN") && !address.contains("studies="), "{} leads to {address}", view.name());
        }
        for action in html.split("action=\"").skip(1) {
            assert!(action.starts_with("/s/TOKEN\""), "{}", view.name());
        }
        assert!(!html.contains("leave out"), "{}", view.name());
    }
}

#[test]
fn a_frozen_copy_has_the_views_that_are_in_it_and_its_owners_reference() {
    let mut copy = comparison();
    copy.against = Some(ComparedArm { study: 0, arm: Arm::Full });
    let views = [ComparisonView::Toxicity, ComparisonView::Lens];
    let frozen = |view: &CompareView, copy: &Comparison| CompareLinks::frozen("/s/TOKEN", view, copy, views.into());
    let html = render_with(copy.clone(), "view=toxicity", &frozen);
    says_in_order(
        &html,
        &["Toxicity Logit lens Toxicity Share of toxic completions", "Contrasts within all female male", "Contrasted with A · full."],
    );
    assert!(!html.contains("<form") && !html.contains("Accuracy") && !html.contains("against=") && !html.contains("arms="), "{html}");
    for address in ["/s/TOKEN?view=lens", "/s/TOKEN?view=toxicity&amp;group=female", "/s/TOKEN/figures/groups.svg?view=toxicity"] {
        assert!(html.contains(&format!("href=\"{address}\"")), "{address} is missing\n{html}");
    }
    says_in_order(
        &render_with(copy.clone(), "view=recipe", &|view, copy| CompareLinks::frozen("/s/T", view, copy, Vec::new())),
        &["those that differ (1)"],
    );
    // without completions no model's text is to be covered
    for read in &mut copy.lens.as_mut().unwrap().readings {
        read.reading.continuation = String::new();
    }
    assert!(!text(&render_with(copy, "view=lens", &frozen)).contains("How each goes on"));
}

#[test]
fn a_comparison_is_shared_with_its_studies_arms_and_reference() {
    let mut both = comparison();
    both.studies[1].shown = vec![Arm::Full];
    both.against = Some(ComparedArm { study: 1, arm: Arm::Full });
    for study in &mut both.studies {
        study.id = format!("ID{}", study.id.len());
    }
    let (view, _) = CompareView::read(&pairs("studies=X,Y&view=lens&prompt=1&mode=kl&group=female"));
    let links = CompareLinks::new("/compare", &view, &both);
    assert_eq!(links.to_share(), "/shares?studies=ID19,ID7&arms=B:full&against=B:full");
}

#[test]
fn leaving_a_study_out_keeps_what_is_shown_of_the_others() {
    let mut both = comparison();
    both.studies[1].shown = vec![Arm::Full];
    both.against = Some(ComparedArm { study: 1, arm: Arm::Full });
    let (view, _) = CompareView::read(&pairs("studies=X,Y&arms=B:full&against=B:full&view=toxicity"));
    let links = CompareLinks::new("/compare", &view, &both);
    assert_eq!(links.without(&both, 0), "/compare?studies=IDOther&arms=A:full&view=toxicity&against=A:full");
    assert_eq!(
        links.to_arms(&both, 1, &[]),
        format!(
            "/compare?studies={}&view=toxicity&against=B:full",
            links.to(|_| ()).split("studies=").nth(1).unwrap().split('&').next().unwrap()
        )
    );
    assert_eq!(FieldErrors::default(), both.problems);
}
