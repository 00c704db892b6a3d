//! What is taken away from a study, and what comes back: files of figures and tables, the report, archives.

mod archives;
mod papers;

use super::support::{
    TestApp,
    program::{Said, rankscope, run},
    recipes::{Fixture, reference},
};
use rankscope_app::{FIGURES, tables::TABLES};
use rankscope_domain::{
    MinorityFraction, Recipe,
    inspection::Inspection,
    recipe::{HeadKind, StudyKind},
    view::StudyStatus::Finished,
};
use std::{fmt::Write as _, fs, path::Path};

#[track_caller]
fn command(data: &Path, arguments: &[&str], code: i32) -> Said {
    let said = run(rankscope().args(arguments).env("RANKSCOPE_DATA_DIR", data).current_dir(data));
    assert_eq!(said.code, Some(code), "{arguments:?}: {said:?}");
    said
}

/// A small classification study with everything looked into: two readings, two fractions, two seeds.
fn classification(fixture: &Fixture) -> Recipe {
    for (name, count) in [("train.jsonl", 16), ("test.jsonl", 8)] {
        let mut lines = String::new();
        for index in 0..count {
            let label = if index % 4 == 0 { "b_ad & worse" } else { "good" };
            writeln!(lines, "{{\"text\": \"the {name} day {index} is long\", \"label\": \"{label}\"}}").expect("a line");
        }
        fs::write(fixture.path(name), lines).expect("a file");
    }
    let empty = Recipe::from_toml("name = \"x\"").expect("a recipe");
    let mut recipe = fixture.recipe();
    recipe.name = "Classes of 100 % \\ #1".into();
    recipe.kind = StudyKind::Classification;
    (recipe.prompts, recipe.generation, recipe.counterfactuals) = (empty.prompts, empty.generation, empty.counterfactuals);
    recipe.seeds = vec![0, 1];
    recipe.data.source = fixture.path("train.jsonl").display().to_string();
    recipe.data.test_path = Some(fixture.path("test.jsonl").display().to_string());
    recipe.groups.minority = Some("b_ad & worse".into());
    recipe.groups.minority_fractions = [1.0, 0.5].map(|value| MinorityFraction::new(value).expect("a fraction")).into();
    recipe.classifier.head = HeadKind::Answers;
    recipe.classifier.prompt = Some("{text}:".into());
    recipe.classifier.max_new_tokens = Some(3);
    recipe.training.max_length = 48;
    recipe.inspection = Some(Inspection { lens_prompts: vec!["The day is".into()], ..Inspection::default() });
    assert!(reference().join("llama_tiny").is_dir());
    recipe
}

#[test]
fn every_figure_and_table_comes_in_every_format() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&classification(&fixture), "class").expect("a study");
    app.client.wait_for(&id, Finished);
    for (id, least_figures, least_tables) in [("example", 4, 6), (id.as_str(), 13, 16)] {
        let (mut there, mut missing) = (0, Vec::new());
        for figure in FIGURES {
            for (format, kind, begins) in
                [("svg", "image/svg+xml", &b"<?xml"[..]), ("png", "image/png", b"\x89PNG"), ("pdf", "application/pdf", b"%PDF")]
            {
                for width in ["column", "page"] {
                    let answer = app.client.get(&format!("/studies/{id}/figures/{figure}.{format}?width={width}"));
                    if answer.status() == 404 {
                        missing.push(*figure);
                        continue;
                    }
                    there += 1;
                    assert_eq!(answer.status(), 200, "{figure}.{format}");
                    assert_eq!(answer.headers()["content-type"], kind);
                    // which study, which figure and how wide; what of it, too, where the study has several
                    let said = answer.headers()["content-disposition"].to_str().expect("text").to_string();
                    let ending = if width == "column" { format!("-column.{format}\"") } else { format!(".{format}\"") };
                    assert!(
                        said.starts_with("inline; filename=\"") && said.contains(&format!("-{figure}")) && said.ends_with(&ending),
                        "{said}"
                    );
                    assert_eq!(said.contains("-column"), width == "column", "{said}");
                    assert!(answer.bytes().expect("bytes").starts_with(begins), "{figure}.{format}");
                }
            }
        }
        assert!(there % 6 == 0 && there / 6 >= least_figures, "{id}: {there} files of figures, none of {missing:?}");
        let mut there = 0;
        for table in TABLES {
            let get = |format: &str| app.client.get(&format!("/studies/{id}/tables/{table}.{format}"));
            let csv = get("csv");
            if csv.status() == 404 {
                assert!(get("json").status() == 404 && get("tex").status() == 404, "{table}");
                continue;
            }
            there += 1;
            assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
            let csv = csv.text().expect("text");
            let json: serde_json::Value = get("json").json().expect("JSON");
            let fields: Vec<&str> =
                json["columns"].as_array().expect("columns").iter().filter_map(|column| column["name"].as_str()).collect();
            assert_eq!(csv.lines().next().expect("a head"), fields.join(","), "{table}");
            let tex = get("tex").text().expect("text");
            let label = tex.split("\\label{tab:rankscope-").nth(1).and_then(|rest| rest.split('}').next()).expect("a label");
            assert!(tex.contains("\\toprule") && label.contains(&format!("-{}", table.replace('_', "-"))), "{table}: {label}");
        }
        assert!(there >= least_tables, "{id}: {there} tables");
    }
    // the numbers are the results', to the last digit
    let results = app.client.study("example").expect("the example").results.expect("results");
    let csv = app.client.get("/studies/example/tables/toxicity.csv").text().expect("text");
    for (arm, line) in results.arms.iter().zip(csv.lines().skip(1)) {
        assert!(line.starts_with(&arm.arm.to_string()), "{line}");
        for number in [arm.pooled.share, arm.pooled.low, arm.pooled.high].into_iter().flatten() {
            assert!(line.split(',').any(|field| field.parse() == Ok(number)), "{number} is not in {line}");
        }
    }
    for (path, status, said) in [
        ("figures/toxicity.png?width=poster", 422, "poster"),
        ("figures/toxicity.gif", 404, "ending in .svg, .png or .pdf"),
        ("tables/toxicity.xlsx", 404, "ending in .csv, .json or .tex"),
        ("tables/accuracy.csv", 404, "nothing to show"),
    ] {
        let answer = app.client.get(&format!("/studies/example/{path}"));
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert!(answer.text().expect("text").contains(said), "{path}");
    }
}

#[test]
fn a_report_is_one_page_that_loads_nothing() {
    let app = TestApp::start();
    let answer = app.client.get("/studies/example/report.html");
    let policy = answer.headers()["content-security-policy"].to_str().expect("a policy").to_string();
    assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline'") && !policy.contains("script-src"), "{policy}");
    let html = answer.text().expect("text");
    assert!(html.matches("<svg").count() >= 8 && html.matches("<table").count() >= 5 && !html.contains("<script"));
    let page = app.client.page("/studies/example");
    for link in [
        "/studies/example/report.html",
        "action=\"/studies/example/export.zip\"",
        "/studies/example/figures/toxicity.png",
        "/studies/example/figures/toxicity.pdf?width=column",
        "/studies/example/tables/toxicity.tex",
        "/studies/example/tables/contrasts.csv",
    ] {
        assert!(page.contains(link), "{link} is not on the study's page");
    }
    let file = app.data_dir().join("report.html");
    command(app.data_dir(), &["export", "example", "--html", "--out", file.to_str().expect("a path")], 0);
    assert_eq!(fs::read_to_string(file).expect("a report"), html);
}
