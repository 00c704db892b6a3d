//! The study that comes with the program shows what this program computes of its files, and not what an earlier one did.

use super::*;
use crate::{Study, whole_file};
use rankscope_domain::inspection::ExampleDivergence;
use serde_json::Value;
use std::path::Path;

/// Of its judgements, divergences and distances. What no statistics are in (model, judge, seconds) is as the run left it.
fn computed(study: &Study, kept: &StudyResults) -> StudyResults {
    let recipe = study.recipe().unwrap();
    let outcome = |cell: CellId| CellOutcome {
        cell,
        metrics: whole_file::read_json(&study.cell_file(cell, "metrics.json")).unwrap().unwrap_or_default(),
        judgements: whole_file::read_lines(&study.cell_file(cell, "judgements.jsonl")).unwrap(),
        phases: kept.cell(cell).unwrap().phases.clone(),
    };
    let prompts = study.prompts().unwrap();
    let mut results = compute(Findings {
        recipe: &recipe,
        recipe_sha256: whole_file::hash_text(&study.recipe_toml().unwrap()),
        model: kept.model.clone(),
        judge: kept.judge.clone(),
        prompts: &prompts,
        counterfactuals: whole_file::read_json(&study.counterfactual_counts_path()).unwrap().unwrap_or_default(),
        cells: recipe.cells().into_iter().map(outcome).collect(),
        work_seconds: kept.work_seconds,
    });
    let inspected = recipe.inspected_cells().into_iter().filter(|cell| cell.arm.is_trained()).map(|cell| {
        let divergences: Vec<ExampleDivergence> = whole_file::read_lines(&study.cell_file(cell, "divergence.jsonl")).unwrap();
        let weights = whole_file::read_json(&study.cell_file(cell, "weights.json")).unwrap().unwrap_or_default();
        inspection::InspectedCell { cell, divergences, weights }
    });
    if let Some((found, claims)) = inspection::compute(&recipe, inspected.collect()) {
        results.inspection = Some(found);
        results.claims.extend(claims);
    }
    results
}

/// Numbers may differ in their last digits, as exponentials of other machines do.
fn same(one: &Value, other: &Value, place: &str) {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            assert!((one - other).abs() <= 1e-9 * other.abs().max(1e-6), "{place}: {one} and not {other}");
        }
        (Value::Array(one), Value::Array(other)) => {
            assert_eq!(one.len(), other.len(), "{place}");
            one.iter().zip(other).enumerate().for_each(|(at, (one, other))| same(one, other, &format!("{place}[{at}]")));
        }
        (Value::Object(one), Value::Object(other)) => {
            assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{place}");
            one.iter().for_each(|(name, value)| same(value, &other[name], &format!("{place}.{name}")));
        }
        (one, other) => assert_eq!(one, other, "{place}"),
    }
}

/// To compute them anew from the files of the same run: `UPDATE_EXAMPLE=1 cargo test -p rankscope-study --lib example`.
#[test]
fn the_examples_results_are_what_its_files_say() {
    let Ok(study) = Study::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../example")) else { return };
    let kept = study.results().unwrap().expect("results.json");
    let found = computed(&study, &kept);
    if std::env::var_os("UPDATE_EXAMPLE").is_some() {
        whole_file::write_json(&study.results_path(), &found).unwrap();
        return;
    }
    same(&serde_json::to_value(&found).unwrap(), &serde_json::to_value(&kept).unwrap(), "results.json");
}
