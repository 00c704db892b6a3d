//! The tables of a classification study that say how sure arms are, and of what: margins, calibration, confusion.

use super::{
    Column, Table, Unit, Value,
    classification::{chosen, intervals, is_asked_arm, row_columns, row_values, sample, trend_table},
    value::slug,
};
use crate::figure_view::FigureView;
use rankscope_domain::class_results::{ArmAccuracy, ClassificationResults, ReadingResults, ReliabilityBin};

/// As [`super::classification::table`].
pub(super) fn table(name: &str, class: &ClassificationResults, shown: &FigureView, asked: &FigureView) -> Option<Table> {
    let reading = class.reading(shown.reading?)?;
    let results = chosen(reading, asked);
    match name {
        "margins" => Some(margins(class, reading, &results)),
        "margin_bins" => Some(margin_bins(class, reading, &results)),
        "margin_trends" => {
            let caption = format!(
                "Change of the mean margin for each doubling of the rank, over the samples that every rank calls {} in a seed. {} {}",
                class.positive_label,
                sample(class),
                intervals(class)
            );
            let about = ("margin_trends", "Trend of the margin over the ranks", caption);
            Some(trend_table(about, Unit::Ratio, reading, &reading.margin_trends))
        }
        "calibration" => Some(calibration(class, reading, &results)),
        "reliability" => Some(reliability(class, reading, &results, asked)),
        "confusion" => Some(confusion(class, reading, &results, asked)),
        _ => None,
    }
}

const MARGIN: &str = "Soft probability of the decision, over the samples that are called positive.";

fn margins(class: &ClassificationResults, reading: &ReadingResults, results: &[&ArmAccuracy]) -> Table {
    let mut columns = row_columns();
    columns.extend([
        Column::plain("seeds", "Seeds", Unit::Count),
        Column::plain("called_positive", "Called positive", Unit::Count).meaning("Samples called positive, summed over seeds."),
        Column::measured("mean_margin", "Mean margin", Unit::Probability).meaning(MARGIN),
    ]);
    let rows = results.iter().filter(|result| !result.margins.is_empty()).map(|result| {
        let mut row = row_values(reading, result);
        row.extend([
            Value::count(result.seeds.len() as u64),
            Value::count(result.margins.iter().map(|&n| u64::from(n)).sum::<u64>()),
            Value::measure(result.mean_margin),
        ]);
        row
    });
    let caption = format!("Decision margins of the samples called {}. {} {}", class.positive_label, sample(class), intervals(class));
    Table::new("margins", "Decision margins", caption, columns, rows.collect())
}

fn margin_bins(class: &ClassificationResults, reading: &ReadingResults, results: &[&ArmAccuracy]) -> Table {
    let mut columns = row_columns();
    columns.extend([
        Column::plain("from", "From", Unit::Probability).meaning("Lower end of the bin of margins."),
        Column::plain("to", "To", Unit::Probability).meaning("Upper end of the bin of margins."),
        Column::plain("samples", "Samples", Unit::Count).meaning("Samples called positive whose margin is in the bin, summed over seeds."),
    ]);
    let rows = results.iter().flat_map(|result| {
        result.margins.iter().zip(class.margin_edges.windows(2)).map(|(&samples, edges)| {
            let mut row = row_values(reading, result);
            row.extend([Value::number(edges[0]), Value::number(edges[1]), Value::count(samples)]);
            row
        })
    });
    let caption =
        format!("Decision margins of the samples called {}: the bins of their histograms. {}", class.positive_label, sample(class));
    Table::new("margin_bins", "Histograms of decision margins", caption, columns, rows.collect())
}

fn calibration(class: &ClassificationResults, reading: &ReadingResults, results: &[&ArmAccuracy]) -> Table {
    let mut columns = row_columns();
    columns.push(Column::measured("calibration_error", "All examples", Unit::Share).meaning(
        "Expected calibration error: mean distance of accuracy from confidence over ten equal bins of confidence, weighted by their predictions.",
    ));
    for group in &class.groups {
        columns.push(Column::measured(&format!("calibration_error_{}", slug(&group.group)), group.group.clone(), Unit::Share));
    }
    let rows = results.iter().filter(|result| result.calibration_error.value.is_some()).map(|result| {
        let mut row = row_values(reading, result);
        row.push(Value::measure(result.calibration_error));
        row.extend(
            class
                .groups
                .iter()
                .map(|group| result.group(&group.group).map_or_else(Value::none, |measures| Value::measure(measures.calibration_error))),
        );
        row
    });
    let caption = format!("Expected calibration error; lower is better. {} {}", sample(class), intervals(class));
    Table::new("calibration", "Calibration", caption, columns, rows.collect())
}

fn reliability(class: &ClassificationResults, reading: &ReadingResults, results: &[&ArmAccuracy], asked: &FigureView) -> Table {
    let mut columns = row_columns();
    columns.extend([
        Column::text("group", "Test examples"),
        Column::plain("from", "From", Unit::Share).meaning("Lower end of the bin of confidence."),
        Column::plain("to", "To", Unit::Share).meaning("Upper end of the bin of confidence."),
        Column::plain("predictions", "n", Unit::Count).meaning("Predictions in the bin, over the seeds."),
        Column::plain("confidence", "Mean confidence", Unit::Share),
        Column::plain("accuracy", "Accuracy", Unit::Share),
    ]);
    let mut rows = Vec::new();
    for result in results {
        let mut add = |group: Value, bins: &[ReliabilityBin]| {
            for bin in bins {
                let mut row = row_values(reading, result);
                row.push(group.clone());
                row.extend([Value::number(bin.low), Value::number(bin.high), Value::count(bin.n)]);
                // an empty bin has no mean
                row.extend([bin.confidence, bin.accuracy].map(|value| Value::number(Some(value).filter(|_| bin.n > 0))));
                rows.push(row);
            }
        };
        if asked.group.is_none() {
            add(Value::Named { name: String::new(), label: "all examples".into() }, &result.reliability);
        }
        for measures in result.groups.iter().filter(|measures| asked.group.as_ref().is_none_or(|group| *group == measures.group)) {
            add(Value::text(&measures.group), &measures.reliability);
        }
    }
    let caption = format!("How often predictions are right, by how sure they are. {}", sample(class));
    Table::new("reliability", "Reliability", caption, columns, rows)
}

fn confusion(class: &ClassificationResults, reading: &ReadingResults, results: &[&ArmAccuracy], asked: &FigureView) -> Table {
    let mut columns = row_columns();
    columns.extend([
        Column::text("group", "Group"),
        Column::text("label", "Label"),
        Column::text("taken_for", "Taken for"),
        Column::plain("count", "Examples", Unit::Count)
            .meaning("Test examples of the group and label that were taken for it, summed over seeds."),
    ]);
    let name = |index: usize| class.labels.get(index).cloned().unwrap_or_else(|| "unreadable".into());
    let mut rows = Vec::new();
    for result in results.iter().filter(|result| is_asked_arm(asked, result.arm)) {
        for measures in &result.groups {
            let some = measures.confusion.iter().enumerate().filter(|(_, row)| row.iter().any(|&n| n > 0));
            for (label, counts) in some {
                for (taken, &count) in counts.iter().enumerate() {
                    let mut row = row_values(reading, result);
                    row.extend([Value::text(&measures.group), Value::text(name(label)), Value::text(name(taken)), Value::count(count)]);
                    rows.push(row);
                }
            }
        }
    }
    let caption = format!("What each label was taken for, by group. {}", sample(class));
    Table::new("confusion", "Confusion", caption, columns, rows)
}
