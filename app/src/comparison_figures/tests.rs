//! Figures of comparisons over what studies can come to: legible at both widths, safe, and as they were before.

use super::*;
use crate::{
    charts::{
        compared_lens,
        tests::{check_legible, check_on_paper},
    },
    class_fixture::Made,
    comparison_fixture::{class_comparison, classification_study, comparison, toxicity_study, unfinished_study},
};
use rankscope_domain::comparison::MOST_COMPARED;

/// To look at: RANKSCOPE_DRAW_TO=FOLDER cargo test -p rankscope-app --features ssr comparison_figures
fn check(what: &str, name: &str, svg: &str) {
    // tokens hold markup, whose entities a reader sees as one letter
    check_legible(what, &["&lt;", "&gt;", "&quot;", "&amp;"].iter().fold(svg.to_string(), |svg, entity| svg.replace(entity, "x")));
    assert!(!svg.contains("NaN") && !svg.contains("<b>"), "{what}");
    if let Some(folder) = std::env::var_os("RANKSCOPE_DRAW_TO") {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(std::path::Path::new(&folder).join(format!("compared-{name}-{what}.svg")), svg).unwrap();
    }
}

fn of(studies: Vec<ComparedStudy>) -> Comparison {
    Comparison { studies, ..Comparison::default() }
}

#[test]
fn figures_are_legible_at_both_widths() {
    let long = "A study whose name says at length what its author wanted to find out with it, and in which language";
    let six = (0..MOST_COMPARED)
        .map(|index| toxicity_study(&format!("Study {index}"), &[1, 2, 4, 8, 16, 32, 64], &["female", "male"], 20))
        .collect();
    let nine_fractions = Made { fractions: vec![1.0, 0.75, 0.5, 0.3333, 0.25, 0.1, 0.05, 0.0333, 0.01], ..Made::default() };
    let cases = [
        ("two", comparison()),
        ("six of nine arms", of(six)),
        ("long names", of(vec![toxicity_study(long, &[2], &[long, "b"], 3), unfinished_study(long)])),
        ("one", of(vec![toxicity_study("One", &[8], &["all"], 0)])),
        ("classes", class_comparison()),
        (
            "three classes",
            of(vec![
                classification_study(long, &nine_fractions),
                classification_study("b", &Made { failed: Some(Arm::Lora(8)), ..Made::default() }),
                classification_study("c", &Made { ranks: vec![], seeds: 1, ..Made::default() }),
            ]),
        ),
    ];
    let mut drawn = Vec::new();
    for (what, case) in &cases {
        for width in [Width::Narrow, Width::Wide] {
            for (name, _) in COMPARISON_FIGURES.into_iter().filter(|(name, _)| *name != "lens") {
                if let Some(svg) = draw_comparison(name, case, width) {
                    check_on_paper(what, &svg, width);
                    check(&format!("{what} {width:?}"), name, &svg);
                    drawn.push((*what, name));
                }
            }
        }
    }
    for expected in [("two", "toxicity"), ("two", "groups"), ("two", "kl"), ("classes", "accuracy"), ("six of nine arms", "groups")] {
        assert!(drawn.contains(&expected), "{expected:?} was not drawn");
    }
    assert!(!drawn.contains(&("classes", "toxicity")) && !drawn.contains(&("two", "accuracy")));
    assert_eq!(draw_comparison("toxicity", &of(vec![unfinished_study("x")]), Width::Wide), None);
}

#[test]
fn an_arm_has_one_colour_and_a_study_its_letter() {
    let svg = draw_comparison("toxicity", &comparison(), Width::Wide).unwrap();
    let full = crate::charts::palette::hex(crate::charts::palette::FULL);
    // of each study a tint, the interval with its ends, and the dot
    assert_eq!(svg.matches(&full).count(), 2 * 5, "{svg}");
    for part in
        ["A is One &amp; &lt;b&gt;only&lt;/b&gt;, B is Other", "full: A 17.1", "full: A 17.1\u{202f}% (14.1 to 20.1), B 13.8\u{202f}%"]
    {
        assert!(svg.contains(part), "{part:?} is not in the description\n{svg}");
    }
}

#[test]
fn studies_share_their_fractions_and_one_that_lacks_some_says_so() {
    let panels = curves(&class_comparison());
    let fractions: Vec<Vec<String>> =
        panels.iter().map(|panel| panel.curves.fractions.iter().map(|count| count.fraction.to_string()).collect()).collect();
    assert_eq!(fractions[0], ["0.1", "0.25", "0.5", "1"]);
    assert_eq!(fractions[0], fractions[1]);
    assert_eq!(panels[1].curves.fractions[0].train_examples, 0);
    let full = panels[1].curves.lines.iter().find(|line| line.arm == Arm::Full).unwrap();
    let has: Vec<bool> = full.points.iter().map(|point| point.value.is_some()).collect();
    assert_eq!(has, [false, false, true, true]);
}

#[test]
fn the_lens_has_a_row_a_study_and_one_scale() {
    let mut both = comparison();
    let view = CompareView::default();
    let (rows, errors) = lens_rows(&both, &view);
    let ComparedLens { figure: rows, readings } = rows.unwrap();
    assert_eq!(readings, [[[0], [1], [2]], [[3], [4], [5]]].map(|row| row.map(|panel| panel.to_vec()).to_vec()));
    assert!(errors.0.is_empty());
    assert_eq!(rows.rows.iter().map(|row| row.panels.len()).collect::<Vec<_>>(), [3, 3]);
    for width in [Width::Narrow, Width::Wide] {
        let svg = comparison_svg("lens", &both, &view, width).unwrap().unwrap();
        check(&format!("two {width:?}"), "lens", &svg);
        check_on_paper("the lens of two", &svg, width);
    }
    // a long prompt stands in blocks
    let mut long = both.clone();
    for reading in long.lens.iter_mut().flat_map(|lens| &mut lens.readings) {
        reading.reading.tokens = reading.reading.tokens.iter().cycle().take(30).cloned().collect();
        for row in &mut reading.reading.layers {
            *row = row.iter().cycle().take(30).cloned().collect();
        }
    }
    for (width, blocks) in [(Width::Narrow, 5), (Width::Wide, 2)] {
        let svg = comparison_svg("lens", &long, &view, width).unwrap().unwrap();
        check(&format!("long {width:?}"), "lens", &svg);
        check_on_paper("the lens of a long prompt", &svg, width);
        assert_eq!(svg.matches(" of 30\n").count(), 6 * blocks, "two studies of three arms: {svg}");
    }
    for mode in [LensMode::Kl, LensMode::Probability, LensMode::Difference] {
        let view = CompareView { lens: crate::comparison_view::ComparedLensView { mode, ..Default::default() }, ..Default::default() };
        check(mode.name(), "lens", &comparison_svg("lens", &both, &view, Width::Wide).unwrap().unwrap());
    }

    // a study that lacks an arm has an empty place there; other tokens have their own axis
    let lens = both.lens.as_mut().unwrap();
    lens.readings.retain(|read| read.study == 0 || read.reading.cell.arm != Arm::Lora(2));
    for read in lens.readings.iter_mut().filter(|read| read.study == 1) {
        read.reading.tokens.pop();
        for layer in &mut read.reading.layers {
            layer.pop();
        }
    }
    let (rows, _) = lens_rows(&both, &view);
    let ComparedLens { figure: rows, readings } = rows.unwrap();
    assert_eq!(readings[1], [[3], [4]], "a panel that is not there is of nothing");
    assert!(rows.rows[1].panels[1].is_none() && rows.rows[1].tokens.len() == 3 && rows.rows[0].tokens.len() == 4);
    for (width, empty) in [(Width::Narrow, 0), (Width::Wide, 1)] {
        let svg = compared_lens(&rows, width).unwrap();
        check(&format!("other tokens {width:?}"), "lens", &svg);
        check_on_paper("other tokens", &svg, width);
        assert_eq!(svg.matches(">\n–\n").count(), empty, "beside others the arm that is not there has its place: {svg}");
    }
    let mut apart = CompareView {
        lens: crate::comparison_view::ComparedLensView { mode: LensMode::Difference, ..Default::default() },
        ..Default::default()
    };
    assert_eq!(comparison_svg("lens", &both, &apart, Width::Wide), Ok(None), "cells of other tokens are not subtracted");
    apart.lens.a = Some(NamedArm { study: Some("B".into()), arm: Arm::Lora(2) });
    let refused = comparison_svg("lens", &both, &apart, Width::Wide).unwrap_err();
    assert!(refused.0[0].remedy.contains("There are: A:original, A:lora-r2, A:full, B:original, B:full."), "{refused}");
}

#[test]
fn figures_are_as_they_were() {
    insta::assert_snapshot!("compared_toxicity_wide", draw_comparison("toxicity", &comparison(), Width::Wide).unwrap());
    insta::assert_snapshot!("compared_kl_narrow", draw_comparison("kl", &comparison(), Width::Narrow).unwrap());
    insta::assert_snapshot!("compared_accuracy_wide", draw_comparison("accuracy", &class_comparison(), Width::Wide).unwrap());
}
