//! Imports go one way, down the floors.

use super::support::program::run;
use serde_json::Value;
use std::{collections::BTreeSet, path::Path, process::Command};

/// Each crate, and the crates of ours that it may use.
const FLOORS: [(&str, &[&str]); 6] = [
    ("rankscope-domain", &[]),
    ("rankscope-engine", &["rankscope-domain"]),
    ("rankscope-study", &["rankscope-domain", "rankscope-engine"]),
    ("rankscope-app", &["rankscope-domain"]),
    ("rankscope", &["rankscope-app", "rankscope-domain", "rankscope-engine", "rankscope-study"]),
    ("rankscope-tests", &["rankscope", "rankscope-app", "rankscope-domain", "rankscope-engine", "rankscope-study"]),
];

/// What a floor may not know of.
const STRANGERS: [(&str, &[&str]); 4] = [
    ("rankscope-domain", &["candle-core", "tokio", "axum", "leptos", "rusqlite", "reqwest"]),
    ("rankscope-engine", &["tokio", "axum", "leptos", "rusqlite", "reqwest"]),
    ("rankscope-study", &["axum", "leptos", "rusqlite"]),
    ("rankscope-app", &["candle-core", "rusqlite", "tokio", "reqwest"]),
];

/// Names of a package's dependencies of every kind.
fn dependencies(package: &Value) -> BTreeSet<&str> {
    package["dependencies"].as_array().into_iter().flatten().filter_map(|dependency| dependency["name"].as_str()).collect()
}

/// What is wrong with these packages.
fn upward_edges(packages: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, below)) = FLOORS.iter().find(|(floor, _)| *floor == name) else {
            wrong.push(format!("{name} has no floor: give it one here"));
            continue;
        };
        let used = dependencies(package);
        let ours = used.iter().filter(|used| FLOORS.iter().any(|(floor, _)| floor == *used));
        wrong.extend(ours.filter(|used| !below.contains(*used)).map(|used| format!("{name} -> {used}")));
        let strangers = STRANGERS.iter().filter(|(floor, _)| *floor == name).flat_map(|(_, strangers)| *strangers);
        wrong.extend(strangers.filter(|stranger| used.contains(*stranger)).map(|stranger| format!("{name} -> {stranger}")));
    }
    wrong
}

#[test]
fn no_crate_knows_of_one_above_it() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let said = run(Command::new(cargo).args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(workspace));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let metadata: Value = serde_json::from_str(&said.stdout).expect("cargo metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    assert_eq!(packages.len(), FLOORS.len());
    assert_eq!(upward_edges(packages), Vec::<String>::new());
}

#[test]
fn an_upward_edge_would_be_seen() {
    let package = |name: &str, used: &str| serde_json::json!({ "name": name, "dependencies": [{ "name": used }, { "name": "serde" }] });
    for (name, used) in [
        ("rankscope-domain", "tokio"),
        ("rankscope-engine", "rankscope-study"),
        ("rankscope-app", "rankscope"),
        ("rankscope-study", "rankscope"),
    ] {
        assert_eq!(upward_edges(&[package(name, used)]), [format!("{name} -> {used}")]);
    }
    assert_eq!(upward_edges(&[package("rankscope-study", "rankscope-engine")]), Vec::<String>::new());
    assert_eq!(upward_edges(&[package("rankscope-new", "serde")]).len(), 1);
}
