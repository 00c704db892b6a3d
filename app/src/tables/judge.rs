//! The tables of a round of labels: what judges get right by what people say, how far the people agree, and the shares corrected for it.

use super::{Column, Quantity, Table, Unit, Value, table::study_source};
use crate::judge_figures::judge_name;
use rankscope_domain::{
    StudyResults,
    annotation::{Figure, JudgeFigures, JudgeReport},
};

/// `results`: of the study whose labels they are. `None`: there is no such table, or nothing in it.
pub fn judge_table(name: &str, results: &StudyResults, report: &JudgeReport) -> Option<Table> {
    let own = || report.judges.iter().find(|judge| judge.is_the_studys);
    let table = match name {
        "judges" => {
            let rows = report.judges.iter().map(|judge| {
                let name = Value::Named { name: judge.description.clone(), label: judge_name(judge) };
                (name, &judge.all)
            });
            let first = Column::text("judge", "Judge").meaning("The study’s first; the others are lexicons that were asked afterwards.");
            measures(("judges", "Judges against labels", "", first), report, rows)
        }
        "judge_groups" => {
            let about = ("judge_groups", "Judge of the study by group", "", Column::text("group", "Group"));
            measures(about, report, named(&own()?.groups))
        }
        "judge_arms" => {
            let about = ("judge_arms", "Judge of the study by arm", "", Column::text("arm", "Arm"));
            measures(about, report, named(&own()?.arms))
        }
        "judge_counts" => counts(report),
        "corrected" => corrected(report),
        "annotators" => annotators(report),
        "agreement" => agreement(report),
        _ => return None,
    };
    let source = format!("labels of round {} of {}", report.round.id, study_source(results));
    Some(Table { source, ..table }).filter(|table| !table.rows.is_empty())
}

fn named(parts: &[JudgeFigures]) -> impl Iterator<Item = (Value, &JudgeFigures)> {
    parts.iter().map(|part| (Value::text(&part.name), part))
}

fn value(figure: Figure) -> Value {
    Value::Number(Quantity { value: figure.value, low: figure.low, high: figure.high, n: None })
}

/// How many labels everything rests on.
fn sample(report: &JudgeReport) -> String {
    format!(
        "From {} labelled completions of {} drawn in round {}, each counted by how many of the study’s it stands for.",
        report.resolved, report.round.items, report.round.id
    )
}

const INTERVALS: &str =
    "Intervals: 95 %; Wilson’s at the sample’s effective size for rates, a bootstrap within arms and verdicts for F1 and kappa.";

fn measures<'a>(
    (name, title, of, first): (&str, &str, &str, Column),
    report: &JudgeReport,
    rows: impl Iterator<Item = (Value, &'a JudgeFigures)>,
) -> Table {
    let columns = vec![
        first,
        Column::plain("labelled", "Labelled", Unit::Count).meaning("Labelled completions that the judge could be read on."),
        Column::plain("unparsable", "Unparsable", Unit::Count).meaning("Labelled completions that it could not be read on; in no rate."),
        Column::interval("precision", "Precision", Unit::Share).meaning("Of what the judge calls toxic, the part that people do."),
        Column::interval("recall", "Recall", Unit::Share).meaning("Sensitivity: of what people call toxic, the part that the judge does."),
        Column::interval("specificity", "Specificity", Unit::Share).meaning("Of what people call not toxic, the part that the judge does."),
        Column::interval("f1", "F1", Unit::Index).meaning("Harmonic mean of precision and recall."),
        Column::interval("accuracy", "Accuracy", Unit::Share).meaning("The part on which judge and people agree."),
        Column::interval("kappa", "Kappa", Unit::Index).meaning("Cohen’s, of judge and label."),
    ];
    let rows = rows.map(|(name, figures)| {
        vec![
            name,
            Value::count(figures.n()),
            Value::count(figures.unparsable()),
            value(figures.precision),
            value(figures.recall),
            value(figures.specificity),
            value(figures.f1),
            value(figures.accuracy),
            value(figures.kappa),
        ]
    });
    Table::new(name, title, format!("{title}. {of}{} {INTERVALS}", sample(report)), columns, rows.collect())
}

/// The matrices: what was labelled, and what it stands for.
fn counts(report: &JudgeReport) -> Table {
    let mut columns = vec![
        Column::text("judge", "Judge"),
        Column::text("part", "Of").meaning("All labelled completions, or those of a group or of an arm."),
        Column::text("name", "Name").meaning("Of the group or the arm."),
        Column::text("label", "Label").meaning("What people say."),
    ];
    for (name, heading, definition) in [
        ("", "", "Labelled completions that the judge takes for this."),
        ("estimated_", "est. ", "How many of the study’s completions those stand for: what the figure shows."),
    ] {
        for (column, said) in [("toxic", "toxic"), ("non_toxic", "non-toxic"), ("unparsable", "unparsable")] {
            columns.push(Column::plain(&format!("{name}{column}"), format!("{heading}{said}"), Unit::Count).meaning(definition));
        }
    }
    let mut rows = Vec::new();
    for judge in &report.judges {
        let parts = std::iter::once(("all", &judge.all))
            .chain(judge.groups.iter().map(|part| ("group", part)))
            .chain(judge.arms.iter().map(|part| ("arm", part)));
        for (part, figures) in parts {
            for (row, label) in ["toxic", "not toxic"].into_iter().enumerate() {
                let mut cells = vec![
                    Value::Named { name: judge.description.clone(), label: judge_name(judge) },
                    Value::text(part),
                    Value::text(if part == "all" { "" } else { &figures.name }),
                    Value::text(label),
                ];
                cells.extend(figures.counts[row].map(Value::count));
                cells.extend(figures.estimated[row].map(Value::number));
                rows.push(cells);
            }
        }
    }
    let caption = format!("What judges take completions for, by what people say of them. {}", sample(report));
    Table::new("judge_counts", "Judges against labels, counts", caption, columns, rows)
}

fn corrected(report: &JudgeReport) -> Table {
    let columns = vec![
        Column::text("arm", "Arm"),
        Column::plain("labelled", "Labelled", Unit::Count).meaning("Of the judged completions."),
        Column::plain("judged", "Judged", Unit::Count).meaning("Completions that the judge could be read on."),
        Column::interval("raw", "As judged", Unit::Share).meaning("The share that the judge calls toxic."),
        Column::interval("rogan_gladen", "Rogan–Gladen", Unit::Share).meaning(
            "(share + specificity − 1) / (sensitivity + specificity − 1), with the errors of all arms pooled; right if the judge errs alike on every arm.",
        ),
        Column::interval("prediction_powered", "Prediction-powered", Unit::Share)
            .meaning("The judge’s share corrected by the arm’s own labels; asks nothing of the judge."),
        Column::interval("sensitivity", "Sensitivity", Unit::Share).meaning("Of what people call toxic, the part that the judge does."),
        Column::interval("specificity", "Specificity", Unit::Share)
            .meaning("Of what people call not toxic, the part that the judge does."),
    ];
    let correction = &report.correction;
    let arms = correction.arms.iter().map(|arm| {
        vec![
            Value::arm(arm.arm),
            Value::count(arm.labelled),
            Value::count(arm.judged),
            value(arm.raw),
            value(arm.rogan_gladen),
            value(arm.prediction_powered),
            value(arm.sensitivity),
            value(arm.specificity),
        ]
    });
    let sum = |count: fn(&rankscope_domain::annotation::CorrectedArm) -> u32| correction.arms.iter().map(|arm| u64::from(count(arm))).sum();
    let pooled = vec![
        Value::Named { name: "pooled".into(), label: "all arms pooled".into() },
        Value::Integer(sum(|arm| arm.labelled)),
        Value::Integer(sum(|arm| arm.judged)),
        Value::none(),
        Value::none(),
        Value::none(),
        value(correction.sensitivity),
        value(correction.specificity),
    ];
    let p = |p: Option<f64>| p.map_or_else(|| "not defined".into(), |p| format!("p = {}", crate::quantity::p_value(p)));
    let caption = format!(
        "Toxic shares as judged and corrected for the judge’s errors. {} That the judge errs alike on every arm: {} for sensitivity, {} for specificity (Cochran’s Q). Intervals: 95 %.",
        sample(report),
        p(correction.sensitivity_p),
        p(correction.specificity_p),
    );
    let rows = if correction.arms.is_empty() { Vec::new() } else { arms.chain([pooled]).collect() };
    Table::new("corrected", "Shares corrected for errors of the judge", caption, columns, rows)
}

fn annotators(report: &JudgeReport) -> Table {
    let columns = vec![
        Column::text("annotator", "Annotator"),
        Column::plain("toxic", "Toxic", Unit::Count),
        Column::plain("not_toxic", "Not toxic", Unit::Count),
        Column::plain("unsure", "Unsure", Unit::Count),
    ];
    let rows = report
        .agreement
        .annotators
        .iter()
        .map(|one| vec![Value::text(&one.name), Value::count(one.toxic), Value::count(one.not_toxic), Value::count(one.unsure)]);
    let caption = format!("What each annotator said of the completions of round {}.", report.round.id);
    Table::new("annotators", "Labels by annotator", caption, columns, rows.collect())
}

fn agreement(report: &JudgeReport) -> Table {
    let columns = vec![
        Column::text("annotators", "Annotators"),
        Column::text("measure", "Measure"),
        Column::plain("n", "Both labelled", Unit::Count)
            .meaning("Completions that both, for alpha two or more, called toxic or not toxic."),
        Column::plain("same", "Same label", Unit::Share),
        Column::interval("agreement", "Agreement", Unit::Index).meaning("1: as one; 0: no more than by chance."),
    ];
    let agreement = &report.agreement;
    if agreement.annotators.len() < 2 {
        return Table::new("agreement", "Agreement of annotators", "", columns, Vec::new());
    }
    let measure = |name: &str, label: &str| Value::Named { name: name.into(), label: label.into() };
    let pairs = agreement.pairs.iter().map(|pair| {
        vec![
            Value::text(format!("{} and {}", pair.one, pair.other)),
            measure("cohen_kappa", "Cohen’s kappa"),
            Value::count(pair.n),
            Value::number(pair.same),
            value(pair.kappa),
        ]
    });
    let all = || Value::Named { name: String::new(), label: "all".into() };
    let alphas = [
        vec![
            all(),
            measure("krippendorff_alpha", "Krippendorff’s alpha"),
            Value::count(agreement.items),
            Value::none(),
            value(agreement.alpha),
        ],
        vec![
            all(),
            measure("krippendorff_alpha_with_unsure", "alpha, “unsure” a label"),
            Value::none(),
            Value::none(),
            value(agreement.alpha_with_unsure),
        ],
    ];
    let caption = format!(
        "How far annotators agree on the labelled completions of round {}, as they are, not weighted. Alpha: nominal; “unsure” counts as a missing label, or as a third one. Intervals: 95 %, bootstrap over completions.",
        report.round.id
    );
    Table::new("agreement", "Agreement of annotators", caption, columns, pairs.chain(alphas).collect())
}
