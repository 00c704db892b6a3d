//! In how many ways a figure or a table of one study can be shown: once a way of reading predictions, once a prompt of the lens, once an arm.

use super::Shown;
use rankscope_app::LENS_FIGURE;
use rankscope_domain::class_results::Reading;

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
    let readings: Vec<Reading> = shown.results.classification.iter().flat_map(|class| &class.readings).map(|one| one.reading).collect();
    if readings.len() < 2 || OF_NO_READING.contains(&name) {
        return vec![(String::new(), Vec::new())];
    }
    readings.into_iter().map(|reading| (format!("-{}", reading.name()), vec![("reading", reading.name().to_string())])).collect()
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
