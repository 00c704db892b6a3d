//! The tables of several studies side by side.

use super::{
    COMPARISON_TABLES, Column, LENS_TABLE, Quantity, Table, Unit, Value,
    classification::fraction_value,
    inspection::{summaries, summary_columns, summary_values},
    lens::{self, cell_columns, cell_rows, most_listed},
    toxicity::{count_columns, count_values},
};
use crate::{
    comparison_figures::{class_of, reading_of, with},
    comparison_view::CompareView,
};
use rankscope_domain::{
    Arm,
    comparison::{ComparedArm, Comparison, ContrastTable, FieldRow, letter},
    comparison_query::ComparisonView,
};

/// `None`: there is no such table, or these studies have nothing in it. Contrasts are those that the comparison was made with.
pub fn comparison_table(name: &str, comparison: &Comparison, view: &CompareView) -> Option<Table> {
    let (known, _) = COMPARISON_TABLES.into_iter().find(|(known, _)| *known == name)?;
    let (title, caption, columns, rows) = match known {
        "toxicity" => toxicity(comparison),
        "groups" => groups(comparison),
        "toxicity_contrasts" => contrasts(comparison.toxicity.as_ref()?, Unit::Points, "toxic shares"),
        "accuracy" => accuracy(comparison),
        "accuracy_contrasts" => contrasts(comparison.accuracy.as_ref()?, Unit::Points, "accuracies"),
        "kl" => divergence(comparison),
        "kl_contrasts" => contrasts(comparison.divergence.as_ref()?, Unit::Nats, "divergences"),
        LENS_TABLE => lens_cells(comparison)?,
        "recipe" => recipe(comparison, view.query.all_fields)?,
        _ => return None,
    };
    let name = format!("compared-{}", known.replace('_', "-"));
    let caption = format!("{caption} {}", studies(comparison));
    let table = Table::new(&name, title, caption, columns, rows);
    Some(Table { source: source(comparison), ..table }).filter(|table| !table.rows.is_empty())
}

/// Title, caption, columns and rows.
type Parts = (&'static str, String, Vec<Column>, Vec<Vec<Value>>);

/// Which letter is which study.
fn studies(comparison: &Comparison) -> String {
    let named = comparison.studies.iter().enumerate().map(|(place, study)| format!("{}: {}", letter(place), study.name));
    format!("{}.", named.collect::<Vec<_>>().join("; "))
}

fn source(comparison: &Comparison) -> String {
    let one = |study: &rankscope_domain::comparison::ComparedStudy| {
        let hash = study.results.as_ref().map(|results| format!(", recipe.toml with SHA-256 {}", results.recipe_sha256));
        format!("study {:?}{}", study.name, hash.unwrap_or_default())
    };
    comparison.studies.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// What names a row.
fn arm_columns() -> [Column; 2] {
    [Column::text("study", "Study"), Column::text("arm", "Arm")]
}

fn arm_values(of: ComparedArm) -> [Value; 2] {
    [Value::text(letter(of.study)), Value::arm(of.arm)]
}

/// Every shown arm with its study, the same arm of all studies under itself.
fn shown(comparison: &Comparison, view: ComparisonView) -> Vec<ComparedArm> {
    let studies = with(comparison, view);
    let of = |arm: Arm| {
        let showing = studies.iter().filter(move |&&study| comparison.studies[study].shown.contains(&arm));
        showing.map(move |&study| ComparedArm { study, arm })
    };
    comparison.all_arms().into_iter().flat_map(of).collect()
}

const BOOTSTRAP: &str = "Intervals: 95 %, percentile bootstrap over templates.";

fn toxicity(comparison: &Comparison) -> Parts {
    let columns = arm_columns().into_iter().chain(count_columns()).collect();
    let rows = shown(comparison, ComparisonView::Toxicity).into_iter().filter_map(|of| {
        let result = comparison.studies[of.study].results.as_ref()?.arm(of.arm)?;
        Some(arm_values(of).into_iter().chain(count_values(&result.pooled)).collect())
    });
    ("Toxic completions by study", format!("Toxic completions by study and arm, pooled over seeds. {BOOTSTRAP}"), columns, rows.collect())
}

fn groups(comparison: &Comparison) -> Parts {
    let columns = arm_columns().into_iter().chain([Column::text("group", "Group")]).chain(count_columns()).collect();
    let rows = shown(comparison, ComparisonView::Toxicity).into_iter().flat_map(|of| {
        let result = comparison.studies[of.study].results.as_ref().and_then(|results| results.arm(of.arm));
        let row = move |group: &rankscope_domain::results::GroupCounts| {
            arm_values(of).into_iter().chain([Value::text(&group.group)]).chain(count_values(&group.counts)).collect()
        };
        result.into_iter().flat_map(|result| &result.groups).map(row).collect::<Vec<Vec<Value>>>()
    });
    let caption = format!("Toxic completions by study, arm and the prompt’s group, pooled over seeds. {BOOTSTRAP}");
    ("Toxic completions by study and group", caption, columns, rows.collect())
}

/// At every fraction that a study has: the figure's numbers.
fn accuracy(comparison: &Comparison) -> Parts {
    let columns = arm_columns()
        .into_iter()
        .chain([
            Column::condition("reading", "Reading").meaning("How a prediction is read off a model."),
            Column::plain("fraction", "Minority fraction", Unit::Setting)
                .meaning("The part of the minority’s training examples that was kept; the original model is not trained."),
            Column::measured("accuracy", "Accuracy", Unit::Share).meaning("Of all test examples, mean over seeds."),
            Column::measured("majority", "Majority", Unit::Share).meaning("The same within the study’s majority group."),
            Column::measured("minority", "Minority", Unit::Share).meaning("The same within the study’s minority group."),
            Column::measured("worst_group_error", "Worst group", Unit::Share)
                .meaning("Largest error rate of a group: the paper’s accuracy parity."),
            Column::measured("harmful_bias_gap", "Bias gap", Unit::Share)
                .meaning("Distance of a LoRA arm’s accuracy from that of full fine-tuning on the minority, at the same fraction."),
        ])
        .collect();
    let rows = shown(comparison, ComparisonView::Accuracy).into_iter().flat_map(|of| {
        let read = || {
            let class = class_of(&comparison.studies[of.study])?;
            Some((class, class.reading(reading_of(comparison, of.study)?)?))
        };
        let Some((class, reading)) = read() else { return Vec::new() };
        let mut results: Vec<_> = reading.arms.iter().filter(|result| result.arm == of.arm && !result.seeds.is_empty()).collect();
        results.sort_by_key(|result| std::cmp::Reverse(result.fraction));
        let row = |result: &rankscope_domain::class_results::ArmAccuracy| {
            let within = |group: &str| Value::measure(result.group(group).map(|measures| measures.accuracy).unwrap_or_default());
            let numbers = [
                Value::Named { name: reading.reading.name().into(), label: reading.reading.label().into() },
                fraction_value(result.fraction),
                Value::measure(result.accuracy),
                within(&class.majority),
                within(&class.minority),
                Value::measure(result.worst_group_error),
                Value::measure(result.harmful_bias_gap.unwrap_or_default()),
            ];
            arm_values(of).into_iter().chain(numbers).collect()
        };
        results.into_iter().map(row).collect()
    });
    let groups = with(comparison, ComparisonView::Accuracy).into_iter().filter_map(|place| {
        let class = class_of(&comparison.studies[place])?;
        Some(format!("{}: majority {}, minority {}.", letter(place), class.majority, class.minority))
    });
    let caption = format!("Accuracy by study, arm and minority fraction, with 95 % intervals. {}", groups.collect::<Vec<_>>().join(" "));
    ("Accuracy by study", caption, columns, rows.collect())
}

fn divergence(comparison: &Comparison) -> Parts {
    let columns = arm_columns().into_iter().chain(summary_columns()).collect();
    let rows = shown(comparison, ComparisonView::Divergence).into_iter().flat_map(|of| {
        let inside = comparison.studies[of.study].results.as_ref().and_then(|results| results.inspection.as_ref());
        let of_arm = inside.into_iter().flat_map(summaries).filter(|(arm, ..)| *arm == of.arm);
        of_arm
            .map(|(_, place, summary)| arm_values(of).into_iter().chain(summary_values(place, summary)).collect())
            .collect::<Vec<Vec<Value>>>()
    });
    let caption = "Mean divergence of the next token’s distribution from that of the study’s own original, with 95 % intervals.";
    ("Divergence by study", caption.into(), columns, rows.collect())
}

fn contrasts(table: &ContrastTable, unit: Unit, of: &str) -> Parts {
    let columns = vec![
        Column::condition("measure", "Measure"),
        Column::text("arm", "Arm"),
        Column::text("against", "Against"),
        Column::interval("difference", "Difference", unit).meaning("The arm’s number less that of the other."),
        Column::plain("p", "p", Unit::PValue).meaning("Two-sided; none where the examples are not the same."),
        Column::plain("p_holm", "p (Holm)", Unit::PValue).meaning("After Holm’s correction over the tested contrasts of the measure."),
        Column::condition("test", "Test"),
        Column::plain("examples", "n", Unit::Count).meaning("Examples that both answered; without a test, those of the arm."),
        Column::plain("examples_against", "n against", Unit::Count).meaning("Without a test: those of the other."),
        Column::plain("clusters", "Clusters", Unit::Count).meaning("Templates or examples that are resampled and whose signs are flipped."),
        Column::plain("detectable", "Detectable", unit)
            .meaning("The smallest true difference that 80 % of such samples would have shown at 5 %."),
    ];
    let named = |one: ComparedArm| Value::Named { name: one.name(), label: one.label() };
    let rows = table.families.iter().flat_map(|family| {
        family.contrasts.iter().map(|one| {
            vec![
                Value::text(&family.measure),
                named(one.of),
                named(one.against),
                Value::Number(Quantity { value: Some(one.difference), low: one.low, high: one.high, n: None }),
                Value::number(one.p),
                Value::number(one.p_holm),
                Value::text(one.test.label()),
                Value::count(one.examples),
                Value::count(one.examples_against),
                Value::count(one.clusters),
                Value::number(one.detectable),
            ]
        })
    });
    let within = table.group.as_ref().map(|group| format!(" within {group}")).unwrap_or_default();
    let at = table.fraction.map(|fraction| format!(", minority fraction {fraction}")).unwrap_or_default();
    let statements = table.pairings.iter().map(|pairing| pairing.statement.as_str()).chain(table.notes.iter().map(String::as_str));
    let caption = format!("Differences of {of}{within}{at}, with 95 % intervals. {}", statements.collect::<Vec<_>>().join(" "));
    ("Contrasts between studies", caption.trim_end().into(), columns, rows.collect())
}

fn lens_cells(comparison: &Comparison) -> Option<Parts> {
    let lens = comparison.lens.as_ref()?;
    let readings: Vec<_> = lens.readings.iter().map(|read| &read.reading).collect();
    let columns = [Column::condition("prompt", "Prompt")].into_iter().chain(arm_columns()).chain(cell_columns(&readings)).collect();
    let listed = most_listed(&readings);
    let rows = lens.readings.iter().flat_map(|read| {
        let of = ComparedArm { study: read.study, arm: read.reading.cell.arm };
        let head = || std::iter::once(Value::text(&read.reading.prompt)).chain(arm_values(of));
        cell_rows(&read.reading, listed).into_iter().map(|cells| head().chain(cells).collect()).collect::<Vec<_>>()
    });
    let rows = rows.collect();
    Some(("Logit lens by study", lens::CAPTION.into(), columns, rows))
}

/// A column a study; `all`: also the fields in which they agree.
fn recipe(comparison: &Comparison, all: bool) -> Option<Parts> {
    let fields = comparison.recipe.as_ref()?;
    let mut columns = vec![Column::text("part", "Of"), Column::text("field", "Field").meaning("As a recipe names it.")];
    columns.extend((0..comparison.studies.len()).map(|place| {
        let letter = letter(place);
        Column::text(&format!("study_{}", letter.to_ascii_lowercase()), letter)
    }));
    columns.push(Column::text("differs", "Differs"));
    let row = |(part, row): (&'static str, &FieldRow)| {
        let values = row.values.iter().map(|value| Value::text(value.clone().unwrap_or_default()));
        let head = [Value::text(part), Value::text(&row.field)];
        head.into_iter().chain(values).chain([Value::text(if row.differs { "yes" } else { "no" })]).collect()
    };
    let rows = fields.recipe.iter().map(|field| ("recipe", field)).chain(fields.provenance.iter().map(|field| ("provenance", field)));
    let rows = rows.filter(|(_, field)| all || field.differs).map(row).collect();
    let caption = if all { "Recipes and provenance, field by field." } else { "Fields in which recipes and provenance differ." };
    Some(("Recipe and provenance by study", caption.into(), columns, rows))
}
