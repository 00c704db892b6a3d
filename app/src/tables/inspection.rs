//! The tables of what was looked at inside of models, of either kind of study.

use super::{Column, Table, Unit, Value};
use crate::{
    figure_view::FigureView,
    inspection_figures::{WeightMeasure, trade_points},
};
use rankscope_domain::{
    Arm, StudyResults,
    class_results::Measure,
    inspection::{DivergenceSummary, InspectionResults},
};

const KL: &str = "Σ p ln (p / q) over the whole vocabulary; p is the original’s distribution of the next token, q the arm’s.";

/// `None`: there is no such table, or nothing was looked into.
pub(super) fn table(name: &str, results: &StudyResults, view: &FigureView) -> Option<Table> {
    let inside = results.inspection.as_ref()?;
    match name {
        "kl" => Some(means(inside)),
        "kl_trend" => Some(trend(inside)),
        "kl_density" => Some(densities(inside)),
        "kl_trade_off" => trade_off(results, inside, view),
        "weight_distance" => Some(weights(inside)),
        _ => None,
    }
}

fn of_cells(inside: &InspectionResults) -> String {
    format!("Of the cells of seed {}{}.", inside.seed, fraction_text(inside))
}

fn fraction_text(inside: &InspectionResults) -> String {
    inside.fraction.map(|fraction| format!(" and minority fraction {fraction}")).unwrap_or_default()
}

/// Arm, place and summary: at the end of the prompt, and over continuations.
pub(super) fn summaries(inside: &InspectionResults) -> Vec<(Arm, Value, &DivergenceSummary)> {
    let place = |name: &str, label: &str| Value::Named { name: name.into(), label: label.into() };
    let both = inside.divergences.iter().flat_map(|one| {
        let end = (one.arm, place("prompt_end", "end of the prompt"), &one.prompt_end);
        let later = one.continuation.as_ref().map(|summary| (one.arm, place("continuation", "continuation"), summary));
        std::iter::once(end).chain(later)
    });
    both.collect()
}

/// What a row says of a summary, after what says whose it is.
pub(super) fn summary_columns() -> [Column; 5] {
    [
        Column::text("place", "Where")
            .meaning("At the last position of each prompt; or the mean over the positions of the arm’s own continuation of it."),
        Column::measured("kl", "KL(original || arm)", Unit::Nats).meaning(KL),
        Column::measured("reverse_kl", "KL(arm || original)", Unit::Nats).meaning("The same with p and q exchanged."),
        Column::measured("jensen_shannon", "Jensen–Shannon", Unit::Nats)
            .meaning("Half of each one’s KL to the mean of both; at most ln 2."),
        Column::plain("bandwidth", "Bandwidth", Unit::Nats)
            .meaning("Of the density: n^(−1/5) times the examples’ standard deviation (Scott’s rule)."),
    ]
}

pub(super) fn summary_values(place: Value, summary: &DivergenceSummary) -> [Value; 5] {
    [
        place,
        Value::measure(summary.kl),
        Value::measure(summary.reverse_kl),
        Value::measure(summary.jensen_shannon),
        Value::number(summary.density.as_ref().map(|density| density.bandwidth)),
    ]
}

fn means(inside: &InspectionResults) -> Table {
    let columns = std::iter::once(Column::text("arm", "Arm")).chain(summary_columns()).collect();
    let rows = summaries(inside)
        .into_iter()
        .map(|(arm, place, summary)| std::iter::once(Value::arm(arm)).chain(summary_values(place, summary)).collect());
    let caption = format!(
        "Mean divergence of the next token’s distribution from the original’s. {} Intervals: 95 %, percentile bootstrap over examples, clustered by template where prompts come from templates.",
        of_cells(inside)
    );
    Table::new("kl", "Divergence from the original", caption, columns, rows.collect())
}

fn trend(inside: &InspectionResults) -> Table {
    let columns = vec![
        Column::text("measure", "Measure"),
        Column::interval("slope", "Change a doubling", Unit::Nats)
            .meaning("Change with each doubling of the rank: a line over log2(rank)."),
        Column::plain("p", "p", Unit::PValue).meaning("Two-sided sign-flip test over examples or templates."),
        Column::plain("clusters", "n", Unit::Count).meaning("Examples or templates."),
    ];
    let rows = inside.kl_trend.iter().map(|trend| {
        vec![
            Value::text("mean KL at the end of the prompt"),
            Value::between(trend.slope, trend.low, trend.high),
            Value::number(trend.p),
            Value::count(trend.clusters),
        ]
    });
    let caption =
        format!("Change of the mean KL(original || arm) over the LoRA arms. {} Interval: 95 %, percentile bootstrap.", of_cells(inside));
    Table::new("kl_trend", "Trend of the divergence over the ranks", caption, columns, rows.collect())
}

fn densities(inside: &InspectionResults) -> Table {
    let columns = vec![
        Column::text("arm", "Arm"),
        Column::text("place", "Where"),
        Column::plain("kl", "KL(original || arm)", Unit::Nats).meaning(KL),
        Column::plain("density", "Density", Unit::Ratio)
            .meaning("Gaussian kernel estimate over the examples, reflected at 0, for each nat."),
    ];
    let mut rows = Vec::new();
    for (arm, place, summary) in summaries(inside) {
        let Some(density) = &summary.density else { continue };
        let steps = density.values.len().saturating_sub(1).max(1) as f64;
        for (index, &value) in density.values.iter().enumerate() {
            let kl = density.from + (density.to - density.from) * index as f64 / steps;
            rows.push(vec![Value::arm(arm), place.clone(), Value::number(kl), Value::number(value)]);
        }
    }
    let caption = format!("Densities of the examples’ KL, on an even grid. {}", of_cells(inside));
    Table::new("kl_density", "Densities of the divergence", caption, columns, rows)
}

fn trade_off(results: &StudyResults, inside: &InspectionResults, view: &FigureView) -> Option<Table> {
    let (measure, points) = trade_points(results, inside, view)?;
    let is_class = results.classification.is_some();
    let name = if is_class { "minority_accuracy" } else { "toxic_share" };
    let heading = measure.trim_end_matches(", %").to_string();
    // points are in percent
    let share = |measure: Measure| {
        let part = |value: Option<f64>| value.map(|value| value / 100.0);
        Measure { value: part(measure.value), low: part(measure.low), high: part(measure.high), n: measure.n }
    };
    let columns = vec![
        Column::text("arm", "Arm"),
        Column::measured("kl", "Mean KL(original || arm)", Unit::Nats).meaning(KL),
        Column::measured(name, heading, Unit::Share),
    ];
    let rows = points.into_iter().map(|point| vec![Value::arm(point.arm), Value::measure(point.x), Value::measure(share(point.y))]);
    let pooled = if is_class { "the accuracy is a mean over all seeds" } else { "the toxic share is pooled over all seeds" };
    let caption = format!(
        "What is gained, and how far the model goes for it: KL at the end of the prompt, of the cells of seed {}{} alone; {pooled}. Intervals: 95 %.",
        inside.seed,
        fraction_text(inside)
    );
    Some(Table::new("kl_trade_off", "Gain against divergence", caption, columns, rows.collect()))
}

fn weights(inside: &InspectionResults) -> Table {
    let definitions = [
        "Frobenius norm of the update over that of the original matrix.",
        "exp of the entropy of the update’s singular values, each as its part of their sum (Roy and Vetterli 2007).",
        "Squared Frobenius norm of the update over its squared largest singular value.",
        "Of the update: W − W₀, for LoRA its scaling times B A.",
    ];
    let mut columns = vec![
        Column::text("arm", "Arm"),
        Column::plain("layer", "Layer", Unit::Count).meaning("From 1; none outside of the layers."),
        Column::text("matrix", "Matrix"),
    ];
    for (measure, definition) in WeightMeasure::ALL.into_iter().zip(definitions) {
        columns.push(Column::plain(measure.name(), measure.label(), Unit::Ratio).meaning(definition));
    }
    let rows = inside.weights.iter().flat_map(|one| {
        one.matrices.iter().map(|matrix| {
            let layer = matrix.layer.map_or_else(Value::none, |layer| Value::count(u64::from(layer) + 1));
            let head = [Value::arm(one.arm), layer, Value::text(&matrix.matrix)];
            head.into_iter().chain(WeightMeasure::ALL.map(|measure| Value::number(measure.of(matrix)))).collect()
        })
    });
    let caption = format!("Update of each matrix. {}", of_cells(inside));
    Table::new("weight_distance", "Distance in weights", caption, columns, rows.collect())
}
