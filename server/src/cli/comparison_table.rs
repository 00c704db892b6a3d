//! A comparison as text, for people.

use super::table::columns;
use rankscope_domain::comparison::{ComparedContrast, Comparison, ContrastTable, ContrastTest, FieldRow, RecipeComparison, letter};

/// What is compared, in which fields it differs, and the contrasts.
pub(super) fn comparison(comparison: &Comparison, all_fields: bool) -> String {
    let mut text = String::new();
    for (place, study) in comparison.studies.iter().enumerate() {
        let arms = study.shown.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        text += &format!("{}  {}: {}, {}, {}; {arms}\n", letter(place), study.name, study.kind.label(), study.model, study.status.label());
        for (cell, reason) in &study.failed {
            text += &format!("!  {cell} failed: {reason}\n");
        }
    }
    if let Some(recipe) = &comparison.recipe {
        text += &fields(recipe, comparison.studies.len(), all_fields);
    }
    for (title, table, is_share) in [
        ("toxic share", &comparison.toxicity, true),
        ("accuracy", &comparison.accuracy, true),
        ("divergence", &comparison.divergence, false),
    ] {
        if let Some(table) = table.as_ref().filter(|table| !table.studies.is_empty()) {
            text += &contrasts(title, table, is_share);
        }
    }
    text
}

fn fields(recipe: &RecipeComparison, studies: usize, all: bool) -> String {
    let shown: Vec<&FieldRow> = recipe.recipe.iter().chain(&recipe.provenance).filter(|row| all || row.differs).collect();
    if shown.is_empty() {
        return "\nno field differs\n".into();
    }
    let mut text = format!("\n{}\n", if all { "every field" } else { "fields that differ" });
    for row in shown {
        text += &format!("{}\n", row.field);
        for (place, value) in row.values.iter().enumerate().take(studies) {
            text += &format!("  {}  {}\n", letter(place), value.as_deref().unwrap_or("-"));
        }
    }
    text
}

fn contrasts(title: &str, table: &ContrastTable, is_share: bool) -> String {
    let mut text = format!("\n{title}");
    text += &table.fraction.map_or_else(String::new, |fraction| format!(", minority fraction {fraction}"));
    text += &table.group.as_ref().map_or_else(String::new, |group| format!(", within {group}"));
    text.push('\n');
    for line in table.pairings.iter().map(|pairing| &pairing.statement).chain(&table.notes) {
        text += &format!("- {line}\n");
    }
    for family in table.families.iter().filter(|family| !family.contrasts.is_empty()) {
        let mut rows = vec![[family.measure.as_str(), "", "(95 %)", "p", "p (Holm)", "n", "test"].map(String::from).to_vec()];
        rows.extend(family.contrasts.iter().map(|contrast| row(contrast, is_share)));
        text += &format!("\n{}", columns(&rows));
    }
    text
}

fn row(contrast: &ComparedContrast, is_share: bool) -> Vec<String> {
    let number = |value: f64| if is_share { format!("{:+.1} %", value * 100.0) } else { format!("{value:+.4}") };
    let or_dash = |p: Option<f64>| p.map_or_else(|| "-".into(), |p| format!("{p:.3}"));
    let n = match contrast.test {
        ContrastTest::Unpaired => format!("{}; {}", contrast.examples, contrast.examples_against),
        _ => contrast.examples.to_string(),
    };
    vec![
        format!("{} - {}", contrast.of.name(), contrast.against.name()),
        number(contrast.difference),
        contrast.low.zip(contrast.high).map_or_else(|| "-".into(), |(low, high)| format!("({} to {})", number(low), number(high))),
        or_dash(contrast.p),
        or_dash(contrast.p_holm),
        n,
        contrast.test.label().into(),
    ]
}
