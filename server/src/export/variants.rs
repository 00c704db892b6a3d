//! In how many ways a figure or a table of one study can be shown: once a way of reading predictions, once a prompt of the lens, once an arm.

use super::{Query, Shown};
use rankscope_app::{FigureView, LENS_FIGURE, LensMode, LensView, tables::file_part};
use rankscope_domain::{Arm, class_results::Reading};

/// A part of a file's name, and the query that it stands for.
pub(super) type Variant = (String, Vec<(&'static str, String)>);

/// A query's parameters, to be asked for.
pub(super) fn lookup(query: &[(&'static str, String)]) -> impl Fn(&str) -> Option<String> + use<> {
    let query = query.to_vec();
    move |name| query.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
}

/// Figures and tables that are the same however predictions are read.
const OF_NO_READING: [&str; 9] =
    ["claims", "cells", "loss", "kl", "kl_density", "kl_density_continuation", "kl_by_rank", "kl_trend", "weight_distance"];

/// Of the figure or table of that name.
pub(super) fn variants(name: &str, shown: Shown<'_>) -> Vec<Variant> {
    if name == LENS_FIGURE {
        return (0..prompts(shown).len()).map(|index| (format!("-{}", index + 1), vec![("prompt", index.to_string())])).collect();
    }
    if name == "arm_groups" {
        let arms = shown.results.arms.iter().map(|result| result.arm);
        return arms.map(|arm| (format!("-{arm}"), vec![("arm", arm.to_string())])).collect();
    }
    let readings = readings_of(name, shown);
    if readings.is_empty() {
        return vec![(String::new(), Vec::new())];
    }
    readings.into_iter().map(|reading| (format!("-{}", reading.name()), vec![("reading", reading.name().to_string())])).collect()
}

/// In which ways predictions are read, where that makes a difference to the figure or table.
fn readings_of(name: &str, shown: Shown<'_>) -> Vec<Reading> {
    let readings: Vec<Reading> = shown.results.classification.iter().flat_map(|class| &class.readings).map(|one| one.reading).collect();
    if readings.len() < 2 || OF_NO_READING.contains(&name) { Vec::new() } else { readings }
}

/// The name of a file without its ending: of which study, what, and in which of several ways: `quick-look-accuracy-likelihood`. Two
/// different files have two names, so that they can lie in one folder, and their labels stand in one paper.
pub(super) fn file_stem(name: &str, shown: Shown<'_>, query: Query<'_>) -> String {
    let study = match file_part(&shown.results.name).as_str() {
        "" => "study".to_string(),
        part => part.to_string(),
    };
    format!("{study}-{name}{}", suffix(name, shown, query))
}

/// What an address asks for, as a part of a file's name. What is not asked for is left out, but where the study has several of it and an
/// archive has a file of each: then it is called as it is there.
fn suffix(name: &str, shown: Shown<'_>, query: Query<'_>) -> String {
    /// Of what a stranger may write into an address, so much.
    const LONGEST: usize = 120;
    let arms = |arms: &[Arm]| arms.iter().map(|arm| format!("-{arm}")).collect::<String>();
    let mut suffix = String::new();
    let mut add = |part: String| suffix.push_str(&part);
    if name == LENS_FIGURE {
        let view = LensView::read(query).0;
        add(format!("-{}", view.prompt + 1));
        if view.mode != LensMode::default() {
            add(format!("-{}", view.mode.name()));
        }
        add(view.token.map(|token| format!("-{}", file_part(&token))).unwrap_or_default());
        add(arms(&[view.a, view.b].into_iter().flatten().collect::<Vec<_>>()));
        add(arms(&view.arms));
        if view.palette != Default::default() {
            add(format!("-{}", view.palette.name()));
        }
    } else {
        let view = FigureView::read(query).0;
        let readings = readings_of(name, shown);
        add(view.reading.or(readings.first().copied()).map(|reading| format!("-{}", reading.name())).unwrap_or_default());
        let usual_arm = (name == "arm_groups").then(|| shown.results.arms.first().map(|result| result.arm)).flatten();
        add(arms(&view.arm.or(usual_arm).into_iter().collect::<Vec<_>>()));
        add(arms(&view.arms));
        add(view.fraction.map(|fraction| format!("-m{fraction}")).unwrap_or_default());
        add(view.group.map(|group| format!("-{}", file_part(&group))).unwrap_or_default());
        add(view.weights.map(|measure| format!("-{}", measure.name())).unwrap_or_default());
    }
    suffix.chars().take(LONGEST).collect()
}

/// The lens's prompts, in their order.
pub(super) fn prompts(shown: Shown<'_>) -> Vec<&str> {
    let mut prompts: Vec<&str> = Vec::new();
    for reading in shown.readings {
        if !prompts.contains(&reading.prompt.as_str()) {
            prompts.push(&reading.prompt);
        }
    }
    prompts
}
