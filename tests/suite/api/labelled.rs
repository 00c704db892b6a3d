//! Labels by scripts: drawn, given as blind as on the page, taken in, given out, and what they say of the judge.

use super::{get_with, json_of, refused, taken_away::bytes};
use crate::{
    support::{TestApp, client::Client},
    tokens,
};
use leptos::server_fn::ServerFn;
use rankscope_app::{
    JUDGE_FIGURES,
    api::annotations::{GetJudgePage, GetLabelling},
    tables::JUDGE_TABLES,
};
use rankscope_domain::annotation::{JudgePage, Labelling};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn post(client: &Client, path: &str, body: &Value, status: u16) -> Value {
    json_of(client.api("POST", path).json(body).send().expect("an answer"), status)
}

/// A round of the example, by its address below `/api/v1/`.
fn draw(client: &Client, items: u32) -> String {
    let answer = client.api("POST", "studies/example/rounds").json(&json!({ "items": items, "seed": 1 })).send().unwrap();
    let location = answer.headers()["location"].to_str().unwrap().strip_prefix("/api/v1/").unwrap().to_string();
    assert_eq!(json_of(answer, 201)["items"], items);
    location
}

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value}")).keys().map(String::as_str).collect()
}

#[test]
fn a_script_draws_labels_and_reads_what_they_say() {
    let app = TestApp::start();
    let (reader, writer) =
        (app.client.with_token(&tokens::made(&app, "reader", "read")), app.client.with_token(&tokens::made(&app, "writer", "write")));
    for path in ["studies/example/labels.csv", "studies/example/labels.jsonl"] {
        json_of(reader.api("GET", path).send().unwrap(), 404);
    }
    post(&reader, "studies/example/rounds", &json!({ "items": 5 }), 403);
    assert_eq!(get_with(&reader, "studies/example/rounds"), json!({ "rounds": [] }), "who may only read draws none");
    assert_eq!(get_with(&reader, "studies/example/judge"), json!({ "rounds": [], "report": null }));
    for path in ["figures/judges.svg", "tables/judges.csv"] {
        let problem = json_of(reader.api("GET", &format!("studies/example/judge/{path}")).send().unwrap(), 404);
        assert!(problem["detail"].as_str().unwrap().contains("no labels yet"), "{problem}");
    }

    let round = draw(&writer, 20);
    let summary = get_with(&reader, &round);
    assert_eq!(get_with(&reader, "studies/example/rounds")["rounds"], json!([summary]));
    let id = summary["id"].as_str().unwrap();
    assert_eq!(summary["plan"], json!({ "items": 20, "allocation": "even", "seed": 1 }));
    // nothing is given out before somebody has agreed to read it
    let before = get_with(&reader, &format!("{round}/labelling?name=Anna"));
    assert_eq!((&before["consented"], &before["item"], &before["total"]), (&json!(false), &Value::Null, &json!(20)));
    post(&reader, &format!("{round}/annotators"), &json!({ "name": "Anna", "agreed": true }), 403);
    let mut next = post(&writer, &format!("{round}/annotators"), &json!({ "name": "Anna", "agreed": true }), 200);

    let mut given = Vec::new();
    while !next["item"].is_null() {
        // all that goes out, so that nothing else can tell where a completion comes from
        let all = ["annotator", "can_undo", "consented", "item", "labelled", "place", "round", "total"];
        assert_eq!(names(&next), BTreeSet::from(all));
        assert_eq!(names(&next["item"]), BTreeSet::from(["id", "label", "prompt", "text"]));
        assert_eq!(get_with(&reader, &format!("{round}/labelling?name=Anna")), next, "what was answered is what is asked for");
        let of_page = app.client.post(GetLabelling::PATH).form(&[("id", "example"), ("round", id), ("name", "Anna")]).send().unwrap();
        let of_page: Labelling = of_page.json().unwrap();
        assert_eq!(serde_json::to_value(of_page).unwrap(), next, "one who labels is the same on the page");
        let item = next["item"]["id"].as_str().unwrap().to_string();
        let label = if next["item"]["text"].as_str().unwrap().len() > 45 { "toxic" } else { "not_toxic" };
        let body = json!({ "name": "Anna", "item": item, "label": label });
        post(&reader, &format!("{round}/labels"), &body, 403);
        next = post(&writer, &format!("{round}/labels"), &body, 200);
        given.push((item, label));
        assert_eq!(next["labelled"], given.len());
    }
    assert_eq!(given.len(), 20);
    let (last, label) = given.last().unwrap();
    let back = post(&writer, &format!("{round}/undo"), &json!({ "name": "Anna" }), 200);
    assert_eq!((&back["item"]["id"], &back["item"]["label"], &back["labelled"]), (&json!(last), &Value::Null, &json!(19)));
    post(&writer, &format!("{round}/labels"), &json!({ "name": "Anna", "item": last, "label": label }), 200);
    let first = get_with(&reader, &format!("{round}/labelling?name=Anna&place=0"));
    assert_eq!((&first["item"]["id"], &first["item"]["label"]), (&json!(given[0].0), &json!(given[0].1)));

    let file: String = given.iter().map(|(item, label)| format!("{item},{label}\r\n")).collect();
    let import = |client: &Client, name: &str| {
        let request = client.api("POST", &format!("{round}/import?name={name}")).header("content-type", "text/csv; charset=utf-8");
        request.body(format!("item,label\r\n{file}")).send().unwrap()
    };
    json_of(import(&reader, "Bo"), 403);
    assert_eq!(json_of(import(&writer, "Bo"), 200), json!({ "changed": 20 }));
    assert_eq!(json_of(import(&writer, "Bo"), 200), json!({ "changed": 0 }), "the same again changes nothing");
    let progress = get_with(&reader, &round);
    let labelled: Vec<_> =
        progress["annotators"].as_array().unwrap().iter().map(|one| (&one["annotator"]["name"], &one["labelled"])).collect();
    assert_eq!(labelled, [(&json!("Anna"), &json!(20)), (&json!("Bo"), &json!(20))]);

    let csv = reader.api("GET", "studies/example/labels.csv").send().unwrap();
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    let csv = csv.text().unwrap();
    assert_eq!(csv.lines().filter(|line| line.starts_with(id)).count(), 40);
    assert_eq!(csv, app.client.get("/studies/example/labels.csv").text().unwrap(), "what the page gives");
    let lines = reader.api("GET", "studies/example/labels.jsonl").send().unwrap().text().unwrap();
    for line in lines.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        assert!(given.iter().any(|(item, label)| row["item"] == *item && row["label"] == *label), "{row}");
    }
    assert_eq!(lines.lines().count(), 40);

    let of_page = app.client.post(GetJudgePage::PATH).form(&[("id", "example"), ("round", id)]).send().unwrap();
    let of_page: JudgePage = of_page.json().unwrap();
    for path in ["studies/example/judge".to_string(), format!("studies/example/judge?round={id}")] {
        let found: JudgePage = serde_json::from_value(get_with(&reader, &path)).unwrap();
        assert_eq!(found, of_page, "{path}");
    }
    let report = of_page.report.expect("a report");
    assert_eq!((report.resolved, report.agreement.alpha.value), (20, Some(1.0)));
    assert_eq!(report.judges[0].all.counts.iter().flatten().sum::<u32>(), 20);

    let judge = "studies/example/judge";
    assert_eq!(get_with(&reader, &format!("{judge}/figures"))["figures"], json!(JUDGE_FIGURES));
    assert_eq!(get_with(&reader, &format!("{judge}/tables"))["tables"], json!(JUDGE_TABLES));
    for (path, kind) in [
        ("figures/judges.svg?width=column".to_string(), "image/svg+xml"),
        (format!("figures/corrected.pdf?round={id}&bars=raw"), "application/pdf"),
        ("tables/judges.csv".into(), "text/csv; charset=utf-8"),
        (format!("tables/corrected.json?round={id}"), "application/json"),
        ("tables/annotators.tex".into(), "application/x-tex; charset=utf-8"),
    ] {
        let found = bytes(&reader, &format!("{judge}/{path}"), kind);
        assert_eq!(found, app.client.get(&format!("/{judge}/{path}")).bytes().unwrap(), "{path}: what the page gives");
    }
    for (path, field, value, remedy) in [
        ("figures/judges.png?width=poster", "width", "poster", "column (84 mm)"),
        ("figures/corrected.svg?bars=pie", "bars", "pie", "There are: all, raw, rogan-gladen, prediction-powered"),
        ("figures/judges.svg?round=nowhere", "round", "nowhere", "no such round"),
        ("tables/judges.csv?round=nowhere", "round", "nowhere", "no such round"),
    ] {
        refused(reader.api("GET", &format!("{judge}/{path}")).send().unwrap(), 422, field, value, remedy);
    }
    for path in ["figures/toxicity.svg", "tables/judges.xlsx"] {
        json_of(reader.api("GET", &format!("{judge}/{path}")).send().unwrap(), 404);
    }
}

#[test]
fn what_is_wrong_with_labels_is_named() {
    let app = TestApp::start();
    let round = &draw(&app.client, 5);
    let begun = post(&app.client, &format!("{round}/annotators"), &json!({ "name": "Anna", "agreed": true }), 200);
    let item = begun["item"]["id"].as_str().unwrap();
    let long = "x".repeat(61);
    for (path, body, field, value, remedy) in [
        ("studies/example/rounds".to_string(), json!({ "items": 0 }), "items", "0", "1 to 5000"),
        ("studies/example/rounds".into(), json!({ "items": 6000 }), "items", "6000", "1 to 5000"),
        ("studies/example/rounds".into(), json!({ "items": "ten" }), "items", "ten", "expected u32"),
        ("studies/example/rounds".into(), json!({ "items": 5, "allocation": "odd" }), "allocation", "odd", "`even`"),
        ("studies/example/rounds".into(), json!({ "items": 5, "seed": -1 }), "seed", "-1", "expected u64"),
        ("studies/example/rounds".into(), json!({ "items": 5, "sede": 1 }), "sede", "1", "unknown field"),
        (format!("{round}/annotators"), json!({ "name": "Bo" }), "agreed", "false", "Send true"),
        (format!("{round}/annotators"), json!({ "name": long, "agreed": true }), "name", &long, "1 to 60 characters"),
        (format!("{round}/labels"), json!({ "name": "Anna", "item": item, "label": "TOXIC" }), "label", "TOXIC", "`not_toxic`"),
        (format!("{round}/labels"), json!({ "name": "Anna", "item": "../x", "label": "toxic" }), "item", "../x", "no such completion"),
        (format!("{round}/labels"), json!({ "name": "", "item": item, "label": "toxic" }), "name", "", "1 to 60 characters"),
        (format!("{round}/undo"), json!({ "name": " " }), "name", "", "1 to 60 characters"),
    ] {
        refused(app.client.api("POST", &path).json(&body).send().unwrap(), 422, field, value, remedy);
    }
    for (path, field, value, remedy) in [
        (format!("{round}/labelling"), "name", "", "1 to 60 characters"),
        (format!("{round}/labelling?name=Anna&place=5"), "place", "5", "5 completions; they count from 0"),
        (format!("{round}/labelling?name=Anna&place=-1"), "place", "-1", "invalid digit"),
        ("studies/example/judge?round=01ARZ3NDEKTSV4RRFFQ69G5FAV".into(), "round", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "no such round"),
    ] {
        refused(app.client.api("GET", &path).send().unwrap(), 422, field, value, remedy);
    }
    let import = |query: &str, kind: &str, body: &'static [u8]| {
        app.client.api("POST", &format!("{round}/import{query}")).header("content-type", kind.to_string()).body(body).send().unwrap()
    };
    refused(import("?name=Cy", "text/csv", b"item,label\nzz,toxic\n"), 422, "csv", "zz", "Line 2, column item");
    refused(import("?name=Cy", "text/csv", b"item,verdict\nzz,toxic\n"), 422, "csv", "item, verdict", "no column \"label\"");
    refused(import("", "text/csv", b"item,label\n"), 422, "name", "", "1 to 60 characters");
    json_of(import("?name=Cy", "application/json", b"{}"), 415);
    json_of(import("?name=Cy", "text/csv", b"item,label\n\xff,toxic\n"), 400);
    assert_eq!(get_with(&app.client, round)["annotators"][1]["labelled"], 0, "none of it was taken");

    // who has not begun gives no labels
    post(&app.client, &format!("{round}/labels"), &json!({ "name": "Nobody", "item": item, "label": "toxic" }), 409);
    post(&app.client, &format!("{round}/undo"), &json!({ "name": "Nobody" }), 409);
    // a round belongs to its study, and what is wrong with the address is said first
    let other = round.replace("/example/", "/01ARZ3NDEKTSV4RRFFQ69G5FAV/");
    for path in [other, "studies/example/rounds/01ARZ3NDEKTSV4RRFFQ69G5FAV".into()] {
        json_of(app.client.api("GET", &path).send().unwrap(), 404);
        for verb in ["annotators", "labels", "undo", "import"] {
            json_of(app.client.api("POST", &format!("{path}/{verb}")).send().unwrap(), 404);
        }
    }
}
