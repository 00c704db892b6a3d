//! The figures of classification studies over what a study can come to: legible at both widths, safe, and as they were before.

use super::*;
use crate::{
    charts::tests::{check_legible, check_on_paper},
    class_fixture::Made,
    figure_view::FigureView,
    figures::FIGURES,
};
use rankscope_domain::class_results::Reading;

const NAMES: [&str; 6] = ["accuracy", "margins", "reliability", "confusion", "worst_group_error", "harmful_bias_gap"];

fn studies() -> Vec<(&'static str, Made)> {
    let long = "reviews whose author writes of himself at length and in several languages";
    vec![
        ("usual", Made::default()),
        ("nine arms", Made { ranks: vec![1, 2, 4, 8, 16, 32, 64], ..Made::default() }),
        ("one rank, one fraction, one seed", Made { ranks: vec![8], fractions: vec![1.0], seeds: 1, ..Made::default() }),
        ("no rank", Made { ranks: vec![], ..Made::default() }),
        ("nine fractions", Made { fractions: vec![1.0, 0.75, 0.5, 0.3333, 0.25, 0.1, 0.05, 0.0333, 0.01], ..Made::default() }),
        ("four groups, long names", Made { groups: vec![long, "w", "they and them", "other"], ..Made::default() }),
        (
            "twelve labels",
            Made {
                groups: vec!["a", "b"],
                labels: vec![
                    "joy",
                    "fear",
                    "anger",
                    "disgust",
                    "sadness",
                    "surprise",
                    "trust",
                    "hope",
                    "love",
                    "envy",
                    "pride",
                    "an unusually long label",
                ],
                ..Made::default()
            },
        ),
        ("a rank failed", Made { failed: Some(Arm::Lora(8)), ..Made::default() }),
        ("the original failed", Made { failed: Some(Arm::Original), ..Made::default() }),
    ]
}

/// Every arm, group and reading that the study can show.
fn views(results: &ClassificationResults) -> Vec<FigureView> {
    let mut asked = vec![FigureView::default()];
    asked.extend(arms_of(results).into_iter().map(|arm| FigureView { arms: vec![arm], arm: Some(arm), ..FigureView::default() }));
    asked.extend(results.groups.iter().map(|group| FigureView { group: Some(group.group.clone()), ..FigureView::default() }));
    asked.push(FigureView { arms: vec![Arm::Original, Arm::Full], ..FigureView::default() });
    asked.push(FigureView { reading: Some(Reading::GeneratedText), ..FigureView::default() });
    asked
        .into_iter()
        .map(|view| {
            let (view, errors) = view.resolve(results);
            assert!(errors.0.is_empty(), "{errors}");
            view
        })
        .collect()
}

#[test]
fn figures_are_legible_at_both_widths() {
    for (study, made) in studies() {
        let results = made.results();
        for (number, view) in views(&results).into_iter().enumerate() {
            for name in NAMES {
                assert!(FIGURES.contains(&name), "{name} can't be taken away");
                for width in [Width::Narrow, Width::Wide] {
                    let what = format!("{name}, {study}, {view:?}, {width:?}");
                    match draw_class_figure(name, &results, &view, width) {
                        Some(svg) => {
                            check_legible(&what, &svg);
                            check_on_paper(&what, &svg, width);
                        }
                        None => assert!(may_be_missing(name, &made, &view), "{what} is missing"),
                    }
                    if number == 0
                        && let Some(folder) = std::env::var_os("RANKSCOPE_DRAW_TO")
                        && let Some(svg) = draw_class_figure(name, &results, &view, width)
                    {
                        // to look at: RANKSCOPE_DRAW_TO=FOLDER cargo test -p rankscope-app --features ssr class_figures
                        std::fs::create_dir_all(&folder).unwrap();
                        let file = format!("{}-{name}-{width:?}.svg", study.replace([' ', ','], "_"));
                        std::fs::write(std::path::Path::new(&folder).join(file), svg).unwrap();
                    }
                }
            }
        }
    }
}

/// Without probabilities there are no margins; without ranks no gap; a failed arm alone has nothing.
fn may_be_missing(name: &str, made: &Made, view: &FigureView) -> bool {
    let failed = |arm: Arm| made.failed == Some(arm);
    match name {
        "margins" | "reliability" => view.reading == Some(Reading::GeneratedText),
        "harmful_bias_gap" => made.ranks.is_empty(),
        "confusion" => view.arm.is_some_and(failed),
        "accuracy" => view.arms.iter().all(|arm| failed(*arm)),
        _ => false,
    }
}

#[test]
fn without_numbers_there_is_no_figure() {
    let mut results = Made::default().results();
    let (view, _) = FigureView::default().resolve(&results);
    for reading in &mut results.readings {
        for arm in &mut reading.arms {
            let nothing = Measure { value: Some(f64::NAN), low: Some(f64::NAN), high: None, n: 0 };
            arm.worst_group_error = nothing;
            arm.harmful_bias_gap = arm.harmful_bias_gap.map(|_| nothing);
            arm.mean_margin = nothing;
            arm.margins.iter_mut().for_each(|count| *count = 0);
            arm.reliability.iter_mut().for_each(|bin| bin.confidence = f64::NAN);
            for group in &mut arm.groups {
                group.accuracy = nothing;
                group.confusion.iter_mut().flatten().for_each(|count| *count = 0);
            }
        }
    }
    for name in NAMES {
        for width in [Width::Narrow, Width::Wide] {
            assert_eq!(draw_class_figure(name, &results, &view, width), None, "{name}");
        }
    }
    results.readings.clear();
    let (view, _) = FigureView::default().resolve(&results);
    assert!(NAMES.iter().all(|name| draw_class_figure(name, &results, &view, Width::Wide).is_none()));
}

#[test]
fn one_number_that_is_none_leaves_the_others() {
    let mut results = Made::default().results();
    let nothing = Measure { value: Some(f64::NAN), low: Some(f64::INFINITY), high: Some(f64::NAN), n: 0 };
    let arm = results.readings[0].arms.iter_mut().find(|arm| arm.arm == Arm::Full).unwrap();
    arm.groups.iter_mut().for_each(|group| group.accuracy = nothing);
    (arm.worst_group_error, arm.mean_margin) = (nothing, nothing);
    let (view, _) = FigureView { fraction: arm.fraction, ..FigureView::default() }.resolve(&results);
    for name in NAMES {
        let svg = draw_class_figure(name, &results, &view, Width::Wide).expect(name);
        check_legible(name, &svg);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}: {svg}");
    }
}

#[test]
fn names_are_no_markup() {
    let hostile = "</title><script>alert(1)</script>&\"";
    let results = Made { groups: vec![hostile, "b"], labels: vec![hostile, "c"], ..Made::default() }.results();
    let (view, _) = FigureView::default().resolve(&results);
    for name in NAMES {
        let svg = draw_class_figure(name, &results, &view, Width::Wide).expect(name);
        assert!(!svg.contains("<script"), "{name}: {svg}");
    }
}

/// Majority red and minority blue, and told apart without colour: the one's markers are filled, the other's are not.
#[test]
fn groups_and_arms_are_told_apart_by_more_than_colour() {
    let results = Made::default().results();
    let (view, _) = FigureView { arms: vec![Arm::Lora(2)], ..FigureView::default() }.resolve(&results);
    let svg = draw_class_figure("accuracy", &results, &view, Width::Wide).unwrap();
    // squares of rank 2: four points and one in the sample, each with a ring; hollow ones with a hole as well
    let shapes = |colour: &str| svg.matches(&format!("opacity=\"1\" fill=\"{colour}\" points")).count();
    assert_eq!((shapes("#B82B2E"), shapes("#1F5FB0"), shapes("#FFFFFF")), (5, 5, 15), "{svg}");
    let pieces = |view: FigureView| {
        let (view, _) = view.resolve(&results);
        draw_class_figure("accuracy", &results, &view, Width::Wide).unwrap().matches("stroke=\"#B82B2E\"").count()
    };
    let of = |arm| pieces(FigureView { arms: vec![arm], ..FigureView::default() });
    assert!(of(Arm::Lora(2)) > of(Arm::Lora(8)) && of(Arm::Lora(8)) > of(Arm::Lora(64)), "a low rank's line has more dashes");
    assert_eq!(of(Arm::Full), 3, "full is solid: the line, its sample here and in the key");
}

#[test]
fn bars_are_each_bins_part_of_its_arm() {
    let panel = |arm, counts: Vec<u32>| MarginPanel { arm, counts, mean: Measure::default() };
    let panels = [panel(Arm::Lora(2), vec![10, 30]), panel(Arm::Full, vec![300, 900])];
    let svg = margin_histograms(&[0.5, 0.75, 1.0], &panels, Width::Wide).unwrap();
    let heights = |colour: &str| -> Vec<f64> {
        svg.split("<rect")
            .filter(|tag| tag.contains(colour))
            .map(|tag| tag.split("height=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect()
    };
    let (few, many) = (heights("#27796F"), heights("#8F2468"));
    assert_eq!(few, many, "the scale is each arm's own number of samples");
    assert!((few[1] / few[0] - 3.0).abs() < 0.02, "{few:?}");
}

#[test]
fn figures_are_as_they_were() {
    let results = Made { ranks: vec![2, 64], fractions: vec![1.0, 0.1], ..Made::default() }.results();
    let (view, _) = FigureView::default().resolve(&results);
    for (name, width) in [
        ("accuracy", Width::Wide),
        ("accuracy", Width::Narrow),
        ("margins", Width::Wide),
        ("reliability", Width::Wide),
        ("confusion", Width::Narrow),
        ("harmful_bias_gap", Width::Narrow),
    ] {
        insta::assert_snapshot!(format!("{name}_{width:?}").to_lowercase(), draw_class_figure(name, &results, &view, width).unwrap());
    }
}
