//! Studies side by side, by a script that may only read.

use super::{get_with, refused, taken_away::bytes, two_studies};
use crate::{
    support::{TestApp, recipes::Fixture},
    tokens,
};
use leptos::server_fn::ServerFn;
use rankscope_app::api::comparison::CompareStudies;
use rankscope_domain::{
    comparison::Comparison,
    comparison_query::{ComparisonQuery, ComparisonView},
};
use serde_json::{Value, json};

#[test]
fn a_script_gets_the_comparison_that_the_page_has() {
    let (app, fixture) = (TestApp::start(), Fixture::new());
    let [one, other] = two_studies(&app, &fixture);
    let reader = app.client.with_token(&tokens::made(&app, "reader", "read"));
    for view in ComparisonView::ALL {
        let query = ComparisonQuery { studies: vec![one.clone(), other.clone()], view: Some(view), all_fields: true, ..Default::default() };
        let answer = app.client.post(CompareStudies::PATH).json(&json!({ "query": query })).send().unwrap();
        assert_eq!(answer.status(), 200, "{view:?}");
        let of_page: Comparison = answer.json().unwrap();
        let path = format!("compare?studies={one},{other}&view={}&fields=all", view.name());
        let found: Comparison = serde_json::from_value(get_with(&reader, &path)).unwrap();
        assert_eq!(found, of_page, "{view:?}");
    }
    let arms = |path: &str| -> Vec<String> {
        let found: Comparison = serde_json::from_value(get_with(&reader, path)).unwrap();
        found.toxicity.unwrap().families[0].contrasts.iter().map(|one| format!("{}-{}", one.of.name(), one.against.name())).collect()
    };
    assert_eq!(arms(&format!("compare?studies={one}&studies={other}&arms=full")), ["B:full-A:full"]);
    assert_eq!(arms(&format!("compare?studies={one}&arms=A:lora-r2,A:full&against=A:full")), ["A:lora-r2-A:full"], "of one study");
    // only the fields in which they differ, unless all are asked for
    let fields = |more: &str| {
        let found = get_with(&reader, &format!("compare?studies={one},{other}&view=recipe{more}"));
        found["recipe"]["recipe"].as_array().unwrap().iter().map(|row| row["field"].clone()).collect::<Vec<Value>>()
    };
    assert_eq!(fields(""), ["name", "training.num_train_epochs"]);
    assert!(fields("&fields=all").contains(&json!("training.max_grad_norm")));
}

#[test]
fn what_cannot_be_compared_is_named() {
    let (app, fixture) = (TestApp::start(), Fixture::new());
    let [one, other] = two_studies(&app, &fixture);
    for (query, field, value, remedy) in [
        ("", "studies", "", "by their ids, separated by commas"),
        ("studies=nothing", "studies", "nothing", "There is no such study"),
        (&format!("studies={one},01ARZ3NDEKTSV4RRFFQ69G5FAV"), "studies", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "There is no such study"),
        (&format!("studies={one},{other},1,2,3,4,5"), "studies", "5", "At most 6"),
        (&format!("studies={one}&view=pie"), "view", "pie", "There are: toxicity, accuracy"),
        (&format!("studies={one}&arms=A:lora-r3"), "arms", "A:lora-r3", "A has: original, lora-r2, lora-r8, full"),
        (&format!("studies={one}&against=best"), "against", "best", "names no arm"),
        (&format!("studies={one}&group=martians"), "group", "martians", "female, male"),
        (&format!("studies={one}&view=completions&page=0"), "page", "0", "from 1 up"),
        (&format!("studies={one}&arm=full"), "arm", "full", "There is no such parameter. There are: studies, arms"),
    ] {
        let answer = app.client.api("GET", &format!("compare?{query}")).send().unwrap();
        refused(answer, 422, field, value, remedy);
    }
}

#[test]
fn figures_of_a_comparison_come_in_every_format() {
    let (app, fixture) = (TestApp::start(), Fixture::new());
    let [one, other] = two_studies(&app, &fixture);
    let reader = app.client.with_token(&tokens::made(&app, "reader", "read"));
    let names = get_with(&reader, "compare/figures");
    assert_eq!(names["figures"][0], json!({ "name": "toxicity", "view": "toxicity" }));
    for (format, kind, begins) in
        [("svg", "image/svg+xml", &b"<?xml"[..]), ("png", "image/png", b"\x89PNG"), ("pdf", "application/pdf", b"%PDF")]
    {
        let query = format!("studies={one},{other}&width=column");
        let answer = reader.api("GET", &format!("compare/figures/groups.{format}?{query}")).send().unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()), (200, kind));
        let bytes = answer.bytes().unwrap();
        assert!(bytes.starts_with(begins), "{format}");
        assert_eq!(bytes, app.client.get(&format!("/compare/figures/groups.{format}?{query}")).bytes().unwrap(), "what the page gives");
    }
    let figure =
        |file: &str, query: &str| app.client.api("GET", &format!("compare/figures/{file}?studies={one},{other}{query}")).send().unwrap();
    assert_eq!(figure("pie.svg", "").status(), 404);
    assert_eq!(figure("accuracy.svg", "").status(), 404, "there is nothing to draw");
    refused(figure("toxicity.svg", "&width=poster"), 422, "width", "poster", "column (84 mm)");
    refused(figure("toxicity.svg", "&arms=B:lora-r3"), 422, "arms", "B:lora-r3", "B has: original");
}

#[test]
fn tables_of_a_comparison_come_in_every_format() {
    let (app, fixture) = (TestApp::start(), Fixture::new());
    let [one, other] = two_studies(&app, &fixture);
    let reader = app.client.with_token(&tokens::made(&app, "reader", "read"));
    let names = get_with(&reader, "compare/tables");
    assert_eq!(names["tables"][2], json!({ "name": "toxicity_contrasts", "view": "toxicity" }));
    for (format, kind, says) in [
        ("csv", "text/csv; charset=utf-8", ",B:full,A:full,"),
        ("json", "application/json", "\"B:full\""),
        ("tex", "application/x-tex; charset=utf-8", "\\label{tab:rankscope-compared-toxicity-contrasts}"),
    ] {
        // whatever view the address names, it is that of the table
        let path = format!("compare/tables/toxicity_contrasts.{format}?studies={one},{other}&view=recipe");
        let found = bytes(&reader, &path, kind);
        let text = String::from_utf8_lossy(&found);
        assert!(text.contains(says), "{path}: {text}");
        assert_eq!(found, app.client.get(&format!("/{path}")).bytes().unwrap(), "what the page gives");
    }
    let rows = |more: &str| bytes(&reader, &format!("compare/tables/recipe.csv?studies={one},{other}{more}"), "text/csv; charset=utf-8");
    assert!(rows("&fields=all").len() > rows("").len(), "only the fields in which they differ, unless all are asked for");
    let table = |file: &str, query: &str| reader.api("GET", &format!("compare/tables/{file}?studies={one},{other}{query}")).send().unwrap();
    assert_eq!(table("pie.csv", "").status(), 404);
    assert_eq!(table("toxicity.xlsx", "").status(), 404);
    assert_eq!(table("accuracy.csv", "").status(), 404, "there is nothing to list");
    refused(table("toxicity.csv", "&arms=B:lora-r3"), 422, "arms", "B:lora-r3", "B has: original");
}
