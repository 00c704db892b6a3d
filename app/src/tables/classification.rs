//! The tables of a classification study: accuracy and fairness, by arm and minority fraction.

use super::{Column, Table, Unit, Value, value::slug};
use crate::figure_view::FigureView;
use rankscope_domain::{
    Arm, MinorityFraction,
    class_results::{AccuracyContrast, ArmAccuracy, ClassificationResults, Measure, PairedTest, RankTrend, ReadingResults},
};

/// `shown` has a reading; `asked` is what of the view was asked for. `None`: there is no such table.
pub(super) fn table(name: &str, class: &ClassificationResults, shown: &FigureView, asked: &FigureView) -> Option<Table> {
    let reading = class.reading(shown.reading?)?;
    match name {
        "accuracy" => Some(accuracy(class, reading, asked)),
        "bias_and_parity" => Some(bias_and_parity(class, reading, asked)),
        "contrasts" => Some(contrasts(class, reading)),
        "trends" => Some(trends(class, reading)),
        "fairness" => Some(fairness(class, reading, asked)),
        _ => None,
    }
}

/// The results of the arms and fractions that are asked for, in the order of figures; of cells that all failed nothing.
pub(super) fn chosen<'a>(reading: &'a ReadingResults, asked: &FigureView) -> Vec<&'a ArmAccuracy> {
    let mut chosen: Vec<&ArmAccuracy> = reading
        .arms
        .iter()
        .filter(|result| asked.arms.is_empty() || asked.arms.contains(&result.arm))
        .filter(|result| result.fraction.is_none() || asked.fraction.is_none() || result.fraction == asked.fraction)
        .filter(|result| !result.seeds.is_empty())
        .collect();
    chosen.sort_by_key(|result| (result.arm, std::cmp::Reverse(result.fraction)));
    chosen
}

/// What names a row: how predictions were read, the arm, the fraction.
pub(super) fn row_columns() -> Vec<Column> {
    vec![
        Column::condition("reading", "Reading").meaning("How a prediction is read off a model."),
        Column::text("arm", "Arm"),
        Column::plain("fraction", "Minority fraction", Unit::Setting)
            .meaning("The part of the minority’s training examples that was kept; the original model is not trained."),
    ]
}

pub(super) fn row_values(reading: &ReadingResults, result: &ArmAccuracy) -> Vec<Value> {
    vec![reading_value(reading), Value::arm(result.arm), fraction_value(result.fraction)]
}

pub(super) fn reading_value(reading: &ReadingResults) -> Value {
    Value::Named { name: reading.reading.name().into(), label: reading.reading.label().into() }
}

pub(super) fn fraction_value(fraction: Option<MinorityFraction>) -> Value {
    // as it writes itself, which is exact
    Value::number(fraction.and_then(|fraction| fraction.to_string().parse::<f64>().ok()))
}

fn group_value(group: Option<&String>) -> Value {
    match group {
        Some(group) => Value::text(group),
        None => Value::Named { name: String::new(), label: "all examples".into() },
    }
}

pub(super) fn sample(class: &ClassificationResults) -> String {
    let seeds = class.seeds.len();
    format!(
        "n = {} test examples, {seeds} seed{}; majority {}, minority {} (groups by {}).",
        class.test_examples,
        if seeds == 1 { "" } else { "s" },
        class.majority,
        class.minority,
        class.grouped_by,
    )
}

/// What the measures' intervals are.
pub(super) fn intervals(class: &ClassificationResults) -> &'static str {
    if class.seeds.len() > 1 {
        "Means over seeds; intervals: 95 %, percentile bootstrap over test examples and seeds; Wilson’s for an accuracy of one seed, as the original’s, and for shares of 0 or 1."
    } else {
        "Intervals: 95 %, percentile bootstrap over test examples; Wilson’s for an accuracy, and for shares of 0 or 1."
    }
}

fn accuracy(class: &ClassificationResults, reading: &ReadingResults, asked: &FigureView) -> Table {
    let mut columns = row_columns();
    columns.extend([
        Column::plain("minority_examples", "Minority examples", Unit::Count).meaning("Training examples of the minority."),
        Column::plain("train_examples", "Training examples", Unit::Count),
        Column::plain("seeds", "Seeds", Unit::Count).meaning("Seeds that have a result."),
        Column::plain("learning_rate", "Learning rate", Unit::Setting),
        Column::measured("accuracy", "All examples", Unit::Share).meaning("The share of test examples that were classified rightly."),
    ]);
    for group in &class.groups {
        columns.push(Column::measured(&format!("accuracy_{}", slug(&group.group)), group.group.clone(), Unit::Share));
    }
    if class.seeds.len() > 1 {
        for seed in &class.seeds {
            columns.push(Column::plain(&format!("accuracy_seed_{seed}"), format!("Seed {seed}"), Unit::Share));
        }
    }
    let rows = chosen(reading, asked).into_iter().map(|result| {
        let counts = class.fractions.iter().find(|at| Some(at.fraction) == result.fraction);
        let mut row = row_values(reading, result);
        row.extend([
            counts.map_or_else(Value::none, |at| Value::count(at.minority_examples)),
            counts.map_or_else(Value::none, |at| Value::count(at.train_examples)),
            Value::count(result.seeds.len() as u64),
            Value::number(result.learning_rate),
            Value::measure(result.accuracy),
        ]);
        for group in &class.groups {
            row.push(result.group(&group.group).map_or_else(Value::none, |measures| Value::measure(measures.accuracy)));
        }
        if class.seeds.len() > 1 {
            row.extend(class.seeds.iter().map(|seed| {
                let place = result.seeds.iter().position(|known| known == seed);
                Value::number(place.and_then(|place| result.seed_accuracy.get(place)).copied())
            }));
        }
        row
    });
    let caption = format!("Accuracy by arm and minority fraction. {} {}", sample(class), intervals(class));
    Table::new("accuracy", "Accuracy", caption, columns, rows.collect())
}

fn bias_and_parity(class: &ClassificationResults, reading: &ReadingResults, asked: &FigureView) -> Table {
    let mut columns = row_columns();
    columns.extend([
        Column::measured("harmful_bias_gap", "HBG", Unit::Share).meaning(
            "Harmful bias gap: |accuracy(full) − accuracy(arm)| on the minority’s test examples, both trained with the same fraction.",
        ),
        Column::measured("worst_group_error", "AP", Unit::Share).meaning("Accuracy parity: the largest over the groups of 1 − accuracy."),
    ]);
    let rows = chosen(reading, asked).into_iter().map(|result| {
        let mut row = row_values(reading, result);
        row.extend([result.harmful_bias_gap.map_or_else(Value::none, Value::measure), Value::measure(result.worst_group_error)]);
        row
    });
    let caption = format!(
        "Harmful bias gap (HBG) and accuracy parity (AP), as in the paper’s Table 1; lower is better. {} {}",
        sample(class),
        intervals(class)
    );
    Table::new("bias_and_parity", "Harmful bias gap and accuracy parity", caption, columns, rows.collect())
}

fn contrasts(class: &ClassificationResults, reading: &ReadingResults) -> Table {
    let columns = vec![
        Column::condition("reading", "Reading").meaning("How a prediction is read off a model."),
        Column::text("arm", "Arm"),
        Column::condition("against", "Against"),
        Column::plain("fraction", "Minority fraction", Unit::Setting),
        Column::text("group", "Test examples"),
        Column::interval("difference", "Difference", Unit::Points)
            .meaning("Accuracy of the arm less that of the other on the same test examples; below zero the arm is right less often."),
        Column::plain("discordant", "Discordant", Unit::Share)
            .meaning("Answers in which one of the two arms is right and the other wrong."),
        Column::plain("p", "p", Unit::PValue).meaning("Two-sided, of the test that is named."),
        Column::plain("p_holm", "p (Holm)", Unit::PValue).meaning("After Holm’s correction over the ranks at this fraction and group."),
        Column::condition("test", "Test"),
        Column::plain("examples", "n", Unit::Count).meaning("Test examples."),
        Column::plain("seeds", "Seeds", Unit::Count),
        Column::plain("detectable", "Detectable", Unit::Points)
            .meaning("The smallest true difference that 80 % of such samples would have shown at 5 % over the number of contrasts corrected for; none where the sample is too small for any."),
    ];
    let row = |one: &AccuracyContrast| {
        let test = match one.test {
            PairedTest::McnemarExact => "mcnemar_exact",
            PairedTest::SignFlip => "sign_flip",
        };
        vec![
            reading_value(reading),
            Value::arm(one.arm),
            Value::arm(one.against),
            fraction_value(Some(one.fraction)),
            group_value(one.group.as_ref()),
            Value::between(one.difference, one.low, one.high),
            Value::number(one.discordant),
            Value::number(one.p),
            Value::number(one.p_holm),
            Value::Named { name: test.into(), label: one.test.label().into() },
            Value::count(one.examples),
            Value::count(one.seeds),
            Value::number(one.detectable),
        ]
    };
    let caption = format!("Differences of accuracy, paired by test example. {} {}", sample(class), intervals(class));
    Table::new("contrasts", "Each rank against full", caption, columns, reading.contrasts.iter().map(row).collect())
}

/// Trends as rows; the slope in a unit of its own.
pub(super) fn trend_table(
    (name, title, caption): (&str, &str, String),
    unit: Unit,
    reading: &ReadingResults,
    trends: &[RankTrend],
) -> Table {
    let columns = vec![
        Column::condition("reading", "Reading").meaning("How a prediction is read off a model."),
        Column::text("group", "Test examples"),
        Column::plain("fraction", "Minority fraction", Unit::Setting),
        Column::interval("slope", "Change a doubling", unit).meaning("Change with each doubling of the rank: a line over log2(rank)."),
        Column::plain("p", "p", Unit::PValue).meaning("Two-sided sign-flip test over test examples; not corrected."),
        Column::plain("examples", "n", Unit::Count).meaning("Test examples."),
    ];
    let rows = trends.iter().map(|trend| {
        vec![
            reading_value(reading),
            group_value(trend.group.as_ref()),
            fraction_value(Some(trend.fraction)),
            Value::between(trend.slope, trend.low, trend.high),
            Value::number(trend.p),
            Value::count(trend.examples),
        ]
    });
    Table::new(name, title, caption, columns, rows.collect())
}

fn trends(class: &ClassificationResults, reading: &ReadingResults) -> Table {
    let caption = format!("Change of accuracy for each doubling of the rank. {} {}", sample(class), intervals(class));
    trend_table(("trends", "Trend of accuracy over the ranks", caption), Unit::Points, reading, &reading.trends)
}

/// Name, heading, definition, and where it stands in the results.
type Defined = (&'static str, &'static str, &'static str, fn(&ArmAccuracy) -> Measure);

const FAIRNESS: [Defined; 8] = [
    ("group_gap", "Group gap", "Largest less smallest accuracy of a group.", |result| result.group_gap),
    (
        "demographic_parity_difference",
        "DPD",
        "Demographic parity difference: largest less smallest share of a group’s examples that are called positive.",
        |result| result.demographic_parity_difference,
    ),
    (
        "equalized_odds_difference",
        "EOD",
        "Equalised odds difference: the larger of the groups’ differences in true positive and in false positive rate; not defined where the label makes the group.",
        |result| result.equalized_odds_difference,
    ),
    ("f1", "F1", "Of the positive label: harmonic mean of precision and recall.", |result| result.f1),
    ("macro_f1", "Macro F1", "The mean of all labels’ F1.", |result| result.macro_f1),
    (
        "auc",
        "AUC",
        "Area under the ROC curve of the positive label’s probability; of more than two labels the mean of each against the rest.",
        |result| result.auc,
    ),
    (
        "calibration_error",
        "ECE",
        "Expected calibration error: mean distance of accuracy from confidence over ten equal bins of confidence, weighted by their predictions.",
        |result| result.calibration_error,
    ),
    (
        "unreadable",
        "Unreadable",
        "The share of generated answers that named none of the options or several; they count as wrong.",
        |result| result.unreadable,
    ),
];

fn fairness(class: &ClassificationResults, reading: &ReadingResults, asked: &FigureView) -> Table {
    let results = chosen(reading, asked);
    let mut columns = row_columns();
    columns
        .extend(FAIRNESS.iter().map(|(name, heading, definition, _)| Column::measured(name, *heading, Unit::Share).meaning(*definition)));
    let rows = results.into_iter().map(|result| {
        let mut row = row_values(reading, result);
        row.extend(FAIRNESS.iter().map(|(.., measure)| Value::measure(measure(result))));
        row
    });
    let caption = format!(
        "Measures of fairness and of the classifier as a whole; the positive label is {}. {} {}",
        class.positive_label,
        sample(class),
        intervals(class)
    );
    Table::new("fairness", "Fairness and quality", caption, columns, rows.collect())
}

/// Whether a result is of an arm that is asked for by itself.
pub(super) fn is_asked_arm(asked: &FigureView, arm: Arm) -> bool {
    asked.arm.is_none_or(|one| one == arm)
}
