//! The figures of models' insides over what a study can come to.

use super::*;
use crate::{
    charts::{
        is_logarithmic,
        tests::{check_legible, check_on_paper},
    },
    class_fixture::Made,
    figures::{FIGURES, figure_svg},
    inspection_fixture::inspection,
};
use rankscope_domain::{
    recipe::StudyKind,
    results::{ArmResult, Counts},
};

fn study(trained: &[Arm], growth: f64, with_continuations: bool, kind: StudyKind) -> StudyResults {
    let ranks: Vec<u32> = trained.iter().filter_map(|arm| arm.rank()).collect();
    let mut results = Made { ranks, ..Made::default() }.study();
    let mut inside = inspection(trained, growth, with_continuations);
    match kind {
        StudyKind::Classification => inside.fraction = Some("1".parse().unwrap()),
        StudyKind::Toxicity => {
            results.classification = None;
            results.kind = kind;
            let share = |index: usize| Some(0.3 - 0.03 * index as f64);
            results.arms = std::iter::once(Arm::Original)
                .chain(trained.iter().copied())
                .enumerate()
                .map(|(index, arm)| ArmResult {
                    arm,
                    learning_rate: None,
                    seeds: 1,
                    pooled: Counts {
                        toxic: 1,
                        judged: 200,
                        unparsable: 0,
                        share: share(index),
                        low: share(index + 1),
                        high: share(index).map(|one| one + 0.04),
                    },
                    groups: Vec::new(),
                    seed_low: None,
                    seed_high: None,
                })
                .collect();
        }
    }
    results.inspection = Some(inside);
    results
}

fn studies() -> Vec<(&'static str, StudyResults)> {
    let usual = [Arm::Lora(2), Arm::Lora(8), Arm::Lora(64), Arm::Full];
    let many: Vec<Arm> = [1, 2, 4, 8, 16, 32, 64].map(Arm::Lora).into_iter().chain([Arm::Full]).collect();
    vec![
        ("usual", study(&usual, 1.3, true, StudyKind::Toxicity)),
        ("far apart", study(&many, 3.0, true, StudyKind::Toxicity)),
        ("alike", study(&many, 1.0, false, StudyKind::Toxicity)),
        ("classification", study(&usual, 1.3, false, StudyKind::Classification)),
        ("one arm", study(&usual[3..], 1.3, false, StudyKind::Toxicity)),
    ]
}

#[test]
fn figures_are_legible_at_both_widths() {
    for (name, results) in studies() {
        for figure in INSPECTION_FIGURES {
            assert!(FIGURES.contains(&figure), "{figure} can't be taken away");
            for weights in WeightMeasure::ALL {
                let view = FigureView { weights: Some(weights), ..FigureView::default() };
                for width in [Width::Narrow, Width::Wide] {
                    let what = format!("{figure}, {name}, {weights:?}, {width:?}");
                    let Some(svg) = draw_inspection_figure(figure, &results, &view, width) else {
                        let no_continuations =
                            figure == "kl_density_continuation" && ["alike", "classification", "one arm"].contains(&name);
                        assert!(no_continuations || (figure == "kl_by_rank" && name == "one arm"), "{what} is missing");
                        continue;
                    };
                    check_legible(&what, &svg);
                    check_on_paper(&what, &svg, width);
                    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{what}");
                    if let Some(folder) = std::env::var_os("RANKSCOPE_DRAW_TO") {
                        std::fs::create_dir_all(&folder).unwrap();
                        let file = format!("{}-{figure}-{}-{width:?}.svg", name.replace(' ', "_"), weights.name());
                        std::fs::write(std::path::Path::new(&folder).join(file), svg).unwrap();
                    }
                }
            }
        }
    }
}

#[test]
fn the_axis_is_logarithmic_where_arms_are_far_apart() {
    for (name, results) in studies() {
        let ridges = prompt_end_ridges(results.inspection.as_ref().unwrap());
        assert_eq!(is_logarithmic(&ridges), name == "far apart", "{name}");
        let svg = draw_inspection_figure("kl_density", &results, &FigureView::default(), Width::Wide).unwrap();
        assert_eq!(svg.contains("logarithmic"), name == "far apart", "{name}: it is said");
    }
}

#[test]
fn the_trade_off_sets_the_harm_against_the_divergence() {
    for (kind, name) in [(StudyKind::Toxicity, "toxic completions, %"), (StudyKind::Classification, "accuracy on negative, %")] {
        let results = study(&[Arm::Lora(2), Arm::Full], 1.3, false, kind);
        let inside = results.inspection.as_ref().unwrap();
        let (measure, points) = trade_points(&results, inside, &FigureView::default()).unwrap();
        assert_eq!(measure, name);
        assert_eq!(points.iter().map(|point| point.arm).collect::<Vec<_>>(), [Arm::Original, Arm::Lora(2), Arm::Full]);
        assert_eq!(points[0].x.value, Some(0.0), "the original does not diverge");
        assert_eq!(points[2].x, inside.divergences[1].prompt_end.kl);
        assert!(points.iter().all(|point| point.y.value.unwrap() > 1.0 && point.y.value.unwrap() <= 100.0), "in percent: {points:?}");
    }
}

#[test]
fn without_an_inspection_there_is_no_figure() {
    let mut results = study(&[Arm::Full], 1.3, true, StudyKind::Toxicity);
    results.inspection = None;
    for figure in INSPECTION_FIGURES {
        assert_eq!(figure_svg(figure, &results, &FigureView::default(), Width::Wide), Ok(None));
    }
}

#[test]
fn figures_are_as_they_were() {
    let results = study(&[Arm::Lora(2), Arm::Full], 1.3, true, StudyKind::Toxicity);
    for figure in INSPECTION_FIGURES {
        if let Some(svg) = draw_inspection_figure(figure, &results, &FigureView::default(), Width::Wide) {
            insta::assert_snapshot!(figure, svg);
        }
    }
}
