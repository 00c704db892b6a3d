//! Share links: what a token opens, what it never opens, and that whatever is wrong with one is answered alike.

use super::support::{
    TestApp,
    client::{Client, Raw},
    hub::sha256,
    program::{Said, rankscope, run, run_with_input},
    recipes::Fixture,
};
use leptos::server_fn::ServerFn;
use rankscope_app::{
    FIGURES,
    api::{
        shared::{GetShared, GetSharedCompletions, GetSharedLens},
        shares::{ListShares, RevokeShare, RevokeShares, ShareStudy, SharesList, TakeShareLink},
    },
    error::AppError,
    tables::TABLES,
};
use rankscope_domain::{
    share::{ShareEntry, ShareState, SharedContent, SharedPage},
    view::StudyStatus::{Finished, Running},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{fs, path::Path};

/// As long as a token, and none.
pub(crate) const UNKNOWN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub(crate) fn command(app: &TestApp, arguments: &[&str]) -> Said {
    run(rankscope().args(arguments).arg("--data-dir").arg(app.data_dir()).current_dir(app.data_dir()))
}

pub(crate) fn made(said: &Said) -> Value {
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    serde_json::from_str(&said.stdout).expect("the command's JSON")
}

pub(crate) fn token_of(made: &Value) -> String {
    made["token"].as_str().expect("a token").to_string()
}

/// Shares the example from the command line, with more flags; gives the token.
pub(crate) fn share_example(app: &TestApp, flags: &[&str]) -> String {
    token_of(&made(&command(app, &[&["share", "example", "--json"], flags].concat())))
}

pub(crate) fn ask<F: ServerFn, T: DeserializeOwned>(client: &Client, fields: &[(&str, &str)]) -> Result<T, AppError> {
    let answer = client.post(F::PATH).form(fields).send().expect("an answer");
    let (status, text) = (answer.status(), answer.text().expect("text"));
    match status.is_success() || status.is_redirection() {
        true => Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}: {text}", F::PATH))),
        false => Err(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{} {status}: {error}: {text}", F::PATH))),
    }
}

pub(crate) fn links(client: &Client, study: &str) -> Vec<ShareEntry> {
    ask::<ListShares, SharesList>(client, &[("study", study)]).expect("the list").shares
}

/// As the page's form does, and as its maker is shown the link.
fn share(client: &Client, study: &str, fields: &[(&str, &str)]) -> Result<String, AppError> {
    let usual = [("study", study), ("label", ""), ("expires", "30d"), ("expires_on", "")];
    let left = usual.into_iter().filter(|(name, _)| fields.iter().all(|(known, _)| known != name));
    let form: Vec<(&str, &str)> = left.chain(fields.iter().copied()).collect();
    ask::<ShareStudy, ()>(client, &form)?;
    let id = links(client, study)[0].id.clone();
    let address = ask::<TakeShareLink, Option<String>>(client, &[("id", &id)])?.expect("the link");
    assert_eq!(ask::<TakeShareLink, Option<String>>(client, &[("id", &id)]), Ok(None), "it is shown once");
    let token = address.strip_prefix(&client.url("/s/")).unwrap_or_else(|| panic!("{address}"));
    Ok(token.to_string())
}

fn completions_of(client: &Client, token: &str, query: Value) -> reqwest::blocking::Response {
    client.post(GetSharedCompletions::PATH).json(&json!({ "token": token, "query": query })).send().expect("an answer")
}

/// Every page, file and answer below a link, with where it came from.
fn everything(client: &Client, token: &str) -> Vec<(String, String)> {
    let mut addresses: Vec<String> = ["toxicity", "accuracy", "margins", "lens", "divergence", "recipe", "completions", "progress", "x"]
        .iter()
        .flat_map(|tab| [format!("?tab={tab}"), format!("?tab={tab}&show=1")])
        .collect();
    addresses.extend(["", "/snapshot.json", "/recipe.toml", "/results.json"].map(String::from));
    addresses.extend(FIGURES.iter().map(|figure| format!("/figures/{figure}.svg")));
    addresses.extend(TABLES.iter().flat_map(|table| ["csv", "json", "tex"].map(|format| format!("/tables/{table}.{format}"))));
    let read = |address: &String| {
        let answer = client.get(&format!("/s/{token}{address}"));
        let status = answer.status().as_u16();
        assert!(status == 200 || status == 404 && (address.contains("/figures/") || address.contains("/tables/")), "{address}: {status}");
        (address.clone(), answer.text().unwrap())
    };
    let mut all: Vec<(String, String)> = addresses.iter().map(read).collect();
    for (name, path) in [("shared", GetShared::PATH), ("lens", GetSharedLens::PATH)] {
        let answer = client.post(path).form(&[("token", token), ("prompt", "0")]).send().unwrap();
        assert_eq!(answer.status(), 200, "{name}");
        all.push((name.into(), answer.text().unwrap()));
    }
    all.push(("texts".into(), completions_of(client, token, json!({ "page": 0 })).text().unwrap()));
    all
}

/// The answer without what is of each answer its own.
fn without_its_own(answer: &Raw) -> (u16, Vec<String>, String) {
    let is_own = |line: &&str| line.to_lowercase().starts_with("date:") || line.to_lowercase().starts_with("x-request-id:");
    (answer.status, answer.head.lines().filter(|line| !is_own(line)).map(String::from).collect(), answer.body.clone())
}

#[test]
fn a_link_shows_a_frozen_copy_to_whoever_has_it() {
    let app = TestApp::start();
    let token = share(&app.client, "example", &[("label", "reviewer 2"), ("completions", "true")]).expect("a link");
    let password =
        run_with_input(rankscope().args(["password", "set", "--stdin", "--data-dir"]).arg(app.data_dir()), "correct horse battery");
    assert_eq!(password.code, Some(0));

    let reviewer = &app.client;
    assert_eq!(reviewer.get("/").status(), 303, "a reviewer is not the owner");
    let answer = reviewer.get(&format!("/s/{token}"));
    assert_eq!(answer.status(), 200);
    for (name, value) in [
        ("x-robots-tag", "noindex, nofollow, noarchive"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "private, no-store"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(answer.headers()[name], value);
    }
    let page = answer.text().unwrap();
    for part in [
        "Quick look",
        "Shared by link, frozen on",
        "name=\"robots\" content=\"noindex",
        "name=\"referrer\" content=\"no-referrer\"",
        "<svg",
        "Toxic and non-toxic completions",
    ] {
        assert!(page.contains(part), "{part:?} is not on the page");
    }
    for (address, text) in everything(reviewer, &token) {
        for owners in ["href=\"/\"", "href=\"/studies", "href=\"/shares", "/models", "Run again", "Log out", "reviewer 2", "AMD EPYC"] {
            assert!(!text.contains(owners), "{address} has the owner's {owners:?}");
        }
    }
    let snapshot = reviewer.get(&format!("/s/{token}/snapshot.json")).bytes().unwrap();
    let shared: SharedPage = ask::<GetShared, _>(reviewer, &[("token", &token)]).expect("the page's data");
    assert_eq!(shared.content_sha256, sha256(&snapshot), "who has the file can check the hash that the page shows");
    assert!(page.contains(&shared.content_sha256));
    let SharedContent::Study(study) = shared.content else { panic!("a study") };
    let results: rankscope_domain::StudyResults = reviewer.get(&format!("/s/{token}/results.json")).json().unwrap();
    assert_eq!(results, study.results);
    let recipe = reviewer.get(&format!("/s/{token}/recipe.toml")).text().unwrap();
    assert!(rankscope_domain::Recipe::from_toml(&recipe).is_ok() && recipe == study.recipe_toml);
    assert!(
        reviewer.page(&format!("/s/{token}?tab=completions&verdict=toxic&arm=original")).contains("class=\"cover\""),
        "harmful text is covered"
    );
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = reviewer.raw(method, &format!("/s/{token}"), &format!("Host: {}\r\nContent-Length: 0\r\n", reviewer.address));
        assert_eq!(answer.status, 405, "{method}: a shared page is only read");
    }
    assert_eq!(reviewer.get(&format!("/s/{token}/nothing")).status(), 303, "what is not there is the owner's to know");
}

#[test]
fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let app = TestApp::start();
    let good = share_example(&app, &[]);
    let (revoked, expired) = (share_example(&app, &[]), share_example(&app, &[]));
    assert_eq!(command(&app, &["revoke", &revoked]).code, Some(0));
    expire(&app, &expired);
    let swapped: String = good
        .chars()
        .map(|letter| if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() })
        .collect();
    let tokens: Vec<String> = vec![
        UNKNOWN.into(),
        revoked,
        expired,
        swapped,
        good[1..].into(),
        format!("{good}A"),
        format!("{good}%00"),
        format!("{good}%2f"),
        format!("{good}%0d%0a"),
        format!("{good}="),
        format!("%{:02x}{}", good.as_bytes()[0], &good[1..]),
        "%ff%fe".into(),
        "%c3%a9".repeat(20),
        "é".repeat(20),
        "..%2f..%2fetc".into(),
        "..".into(),
        "%2e%2e".into(),
        "a\\b".into(),
        "'%20OR%20'1'='1".into(),
        "x".repeat(1000),
        "x".repeat(20_000),
        "".into(),
    ];
    let host = format!("Host: {}\r\n", app.client.address);
    let ask = |method: &str, path: &str| without_its_own(&app.client.raw(method, path, &format!("{host}Content-Length: 0\r\n")));
    let first = ask("GET", &format!("/s/{UNKNOWN}"));
    assert_eq!(first.0, 404);
    assert!(first.2.contains("There is nothing behind this link") && !first.2.contains("<script"), "{}", first.2);
    for token in &tokens {
        for rest in [
            "",
            "?tab=recipe",
            "/",
            "/snapshot.json",
            "/recipe.toml",
            "/results.json",
            "/figures/toxicity.svg",
            "/figures/..%2f..%2fx",
            "/nothing",
        ] {
            assert_eq!(ask("GET", &format!("/s/{token}{rest}")), first, "/s/{token:.100}{rest}");
        }
    }
    assert_eq!(ask("GET", "/s"), first);
    for method in ["HEAD", "POST", "DELETE"] {
        let unknown = ask(method, &format!("/s/{UNKNOWN}"));
        assert_eq!(unknown.0, 404, "{method}");
        assert_eq!(ask(method, &format!("/s/{}", tokens[1])), unknown, "{method} with a revoked token");
    }
    assert_eq!(ask("GET", &format!("/s/{good}")).0, 200);
}

#[test]
fn what_shared_pages_call_answers_every_wrong_token_alike() {
    let app = TestApp::start();
    let revoked = share_example(&app, &[]);
    assert_eq!(command(&app, &["revoke", &revoked]).code, Some(0));
    let same = Err(AppError::NotFound(
        "There is nothing behind this link. It may have expired or been revoked: ask whoever sent it for another.".into(),
    ));
    for token in [UNKNOWN, &revoked, "", "../../etc/passwd", "é", "\0", &"x".repeat(5000)] {
        assert_eq!(ask::<GetShared, SharedPage>(&app.client, &[("token", token)]), same, "{token:.50}");
        assert_eq!(
            ask::<GetSharedLens, Value>(&app.client, &[("token", token), ("prompt", "0")]),
            same.clone().map(|_: SharedPage| Value::Null),
            "{token:.50}"
        );
        let texts = completions_of(&app.client, token, json!({ "page": 0 }));
        assert_eq!(texts.status(), 404);
        assert_eq!(texts.json::<AppError>().unwrap(), same.clone().unwrap_err());
    }
}

/// Ends the newest link, as time would.
fn expire(app: &TestApp, token: &str) {
    assert!(opens(app, token), "the link is open");
    let newest = &list_from_the_command_line(app)[0];
    in_database(app, &format!("UPDATE shares SET expires_at = {} WHERE id = '{}'", rankscope_server::shares::now(), newest.id));
    assert!(!opens(app, token), "it has ended");
    assert_eq!(list_from_the_command_line(app)[0].state, ShareState::Expired);
}

fn opens(app: &TestApp, token: &str) -> bool {
    app.client.get(&format!("/s/{token}")).status() == 200
}

fn list_from_the_command_line(app: &TestApp) -> Vec<ShareEntry> {
    let said = command(app, &["share", "list", "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    serde_json::from_str(&said.stdout).expect("the list as JSON")
}

fn in_database(app: &TestApp, sql: &str) {
    let connection = rusqlite::Connection::open(app.data_dir().join("index.sqlite")).expect("the database");
    connection.busy_timeout(std::time::Duration::from_secs(5)).expect("patience");
    assert_eq!(connection.execute(sql, []).expect(sql), 1, "{sql}");
}

#[test]
fn a_token_opens_its_own_study_and_no_other() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let mut recipe = fixture.recipe();
    recipe.name = "Another question".into();
    let id = app.client.start(&recipe, "other").expect("a study");
    app.client.wait_for(&id, Finished);
    let one = share(&app.client, "example", &[("completions", "true")]).expect("a link");
    let other = share(&app.client, &id, &[("completions", "true")]).expect("a link");
    for (token, own, foreign) in [(&one, "Quick look", "Another question"), (&other, "Another question", "Quick look")] {
        let all = everything(&app.client, token);
        assert!(all.iter().any(|(_, text)| text.contains(own)));
        for (address, text) in all {
            for word in [foreign, &id, if token == &one { other.as_str() } else { one.as_str() }] {
                assert!(!text.contains(word), "{address} of {own:?} tells of {word:?}");
            }
        }
    }
    // the copy stays when its study goes
    app.client.delete(&id).expect("delete");
    assert!(opens(&app, &other), "the copy is frozen");
    assert_eq!(links(&app.client, &id).len(), 1);
    assert_eq!(links(&app.client, "").len(), 2);
    ask::<RevokeShares, ()>(&app.client, &[("study", &id)]).expect("all links of a deleted study are revoked");
    assert!(!opens(&app, &other) && opens(&app, &one));
    assert_eq!(fs::read_dir(app.data_dir().join("shares")).unwrap().count(), 1, "a revoked link's copy is removed");
}

#[test]
fn a_link_is_revoked_counted_and_outlives_a_restart() {
    let app = TestApp::start();
    let token = share(
        &app.client,
        "example",
        &[("expires", "never"), ("anonymous", "true"), ("completions", "true"), ("annotate", "true"), ("label", "a \"label\"")],
    )
    .expect("a link");
    let entry = |app: &TestApp| links(&app.client, "example").remove(0);
    let before = entry(&app);
    assert_eq!((before.opened, &before.last_opened_at, &before.expires_at, before.state), (0, &None, &None, ShareState::Open));
    assert_eq!((before.label.as_str(), before.title.as_str()), ("a \"label\"", "Quick look"));
    assert!(before.anonymous && before.annotate && !before.completions, "who may label sees completions at the desk alone");
    assert!(opens(&app, &token) && opens(&app, &token));
    assert_eq!(app.client.get(&format!("/s/{token}/results.json")).status(), 200);
    let app = app.restart(|_| {});
    assert!(opens(&app, &token));
    let after = entry(&app);
    assert_eq!(after.opened, 3, "pages are counted, not files");
    assert!(after.last_opened_at.is_some());
    let list = app.client.page("/shares?study=example");
    for part in ["a &quot;label&quot;", "for blind review", "completions only at the desk, blind", "Revoke", "Share “"] {
        assert!(list.contains(part) || list.contains(&part.replace("&quot;", "\"")), "{part:?} is not on the owner's page");
    }
    assert!(!list.contains(&token), "a token is shown once");
    let taken = ask::<TakeShareLink, Option<String>>(&app.client, &[("id", &after.id)]);
    assert_eq!(taken, Ok(None));

    ask::<RevokeShare, ()>(&app.client, &[("id", &after.id)]).expect("revoke");
    assert!(!opens(&app, &token));
    assert_eq!(entry(&app).state, ShareState::Revoked);
    assert!(matches!(ask::<RevokeShare, ()>(&app.client, &[("id", UNKNOWN)]), Err(AppError::NotFound(_))));
}

#[test]
fn no_token_is_written_anywhere() {
    let app = TestApp::with_environment(&[], &[("RANKSCOPE_LOG", "trace,hyper=info,h2=info".into())]);
    let token = share(&app.client, "example", &[("completions", "true")]).expect("a link");
    everything(&app.client, &token);
    app.client.get(&format!("/s/{token}/figures/nothing.svg"));
    let path = app.client.raw_get(&format!("/s/{token}?tab=../{}", "x".repeat(10)));
    assert_eq!(path.status, 200);
    let log = app.log();
    assert!(log.contains("/s/…"), "requests are logged");
    assert!(!log.contains(&token) && !log.contains(&token[..20]), "the log has the token");
    let mut folders = vec![app.data_dir().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = fs::read(&path).unwrap();
                assert!(!String::from_utf8_lossy(&content).contains(&token[..20]), "{} has the token", path.display());
            }
        }
    }
}

#[test]
fn a_changed_copy_is_not_shown_and_logged() {
    let app = TestApp::start();
    let token = share_example(&app, &[]);
    assert!(opens(&app, &token));
    let copy = fs::read_dir(app.data_dir().join("shares")).unwrap().next().unwrap().unwrap().path();
    let content = fs::read_to_string(&copy).unwrap();
    let changed = content.replacen("\"toxic\":", "\"toxic\": ", 1);
    assert_ne!(changed, content);
    fs::write(&copy, changed).unwrap();
    for address in ["", "?tab=recipe", "/snapshot.json", "/results.json", "/recipe.toml", "/figures/toxicity.svg", "/figures/lens.svg"] {
        let answer = app.client.get(&format!("/s/{token}{address}"));
        assert_eq!(answer.status(), 404, "{address}");
        let text = answer.text().unwrap();
        assert!(text.contains("damaged or was changed") && !text.contains("SHA-256") && !text.contains(".json\""), "{address}: {text}");
    }
    assert!(
        matches!(ask::<GetShared, SharedPage>(&app.client, &[("token", &token)]), Err(AppError::NotFound(text)) if text.contains("damaged"))
    );
    assert!(app.log().contains("was changed since it was frozen"), "{}", app.log());
    fs::write(&copy, content).unwrap();
    assert!(opens(&app, &token), "the right copy is shown again");
    fs::remove_file(&copy).unwrap();
    assert_eq!(app.client.get(&format!("/s/{token}")).status(), 404);
}

/// Private things, each with a word that must not leave.
pub(crate) const CANARIES: [&str; 12] = [
    "canary-host",
    "canary-user",
    "canary-folder",
    "canary-gpu",
    "canary-cpu",
    "canary-endpoint",
    "canary-key",
    "canary-error",
    "canary-log",
    "canary-note",
    "canary-other",
    "canary-message",
];

/// Puts private things into every file of a finished study that a share reads, and into some that it doesn't.
pub(crate) fn sing(directory: &Path) {
    let private = "/home/canary-user/canary-folder";
    let edit = |name: &str, change: &dyn Fn(&mut Value)| {
        let path = directory.join(name);
        let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut value);
        fs::write(&path, serde_json::to_vec(&value).unwrap()).unwrap();
    };
    edit("provenance.json", &|value| {
        let model = json!({
            "source": format!("{private}/judge"), "name": format!("{private}/judge"), "kind": "llama", "parameters": 1, "layers": 1,
            "hidden_size": 1, "vocab_size": 1, "sha256": "00", "dtype": "F32", "licence": null
        });
        value["host"]["os"] = "canary-host".into();
        value["host"]["cpu"] = "canary-cpu".into();
        value["host"]["device"] = "cuda:0 (canary-gpu)".into();
        value["model"]["source"] = format!("{private}/model").into();
        value["model"]["name"] = format!("{private}/model").into();
        value["judge_model"] = model.clone();
        value["counterfactual_model"] = model;
        value["files"] = json!([{ "name": format!("{private}/prompts.csv"), "sha256": "00" }]);
    });
    edit("results.json", &|value| {
        value["model"]["source"] = format!("{private}/model").into();
        value["model"]["name"] = format!("{private}/model").into();
        value["judge"] = json!({
            "kind": "endpoint", "sha256": "",
            "description": format!("{private}/judge at http://canary-endpoint.example:8000/v1/chat/completions, asked yes or no with the paper’s question")
        });
        value["cells"][1]["failed"] = format!("canary-error: {private}/adapter can't be written").into();
    });
    let recipe = fs::read_to_string(directory.join("recipe.toml")).unwrap();
    let mut recipe: toml::Table = recipe.parse().unwrap();
    recipe["judge"] = toml::Value::try_from(json!({
        "kind": "endpoint", "url": "http://canary-endpoint.example:8000/v1", "api_key_env": "canary-key", "model": format!("{private}/judge")
    }))
    .unwrap();
    recipe["model"]["source"] = toml::Value::String(format!("{private}/model"));
    recipe["prompts"]["path"] = toml::Value::String(format!("{private}/prompts.jsonl"));
    recipe["counterfactuals"]["path"] = toml::Value::String(format!("{private}/pairs.jsonl"));
    fs::write(directory.join("recipe.toml"), recipe.to_string()).unwrap();
    let events = fs::read_to_string(directory.join("events.jsonl")).unwrap();
    let id = events.lines().count() + 1;
    let note = json!({ "id": id, "at_ms": 0, "event": "note", "text": format!("canary-note: {private}") });
    fs::write(directory.join("events.jsonl"), format!("{events}{note}\n")).unwrap();
    fs::write(directory.join("worker.log"), format!("canary-log: {private}")).unwrap();
}

#[test]
fn nothing_private_leaves() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let mut other = fixture.endless();
    other.name = "canary-other".into();
    let mut recipe = fixture.recipe();
    recipe.inspection = Some(rankscope_domain::inspection::Inspection::default());
    let id = app.client.start(&recipe, "canaries").expect("a study");
    app.client.wait_for(&id, Finished);
    let running = app.client.start(&other, "other").expect("another study");
    app.client.wait_for(&running, Running);
    assert!(matches!(share(&app.client, &running, &[]), Err(AppError::Conflict(text)) if text.contains("no results")));
    sing(&app.study_dir(&id));
    in_database(&app, &format!("UPDATE studies SET message = 'canary-message' WHERE id = '{id}'"));
    // what is remembered of the study was read before
    let app = app.restart(|_| {});
    let owners = app.client.page(&format!("/studies/{id}?tab=recipe"));
    assert!(owners.contains("canary-user") && owners.contains("canary-endpoint"), "the owner sees them");

    let temporary = fixture.folder.path().to_str().unwrap().to_string();
    let data = app.data_dir().to_str().unwrap().to_string();
    for fields in [&[("completions", "true")][..], &[("anonymous", "true"), ("completions", "true")]] {
        let token = share(&app.client, &id, fields).expect("a link");
        let all = everything(&app.client, &token);
        assert!(all.iter().any(|(address, text)| address == "/figures/lens.svg" && text.contains("<svg")), "the lens is shared");
        for (address, text) in all {
            let private =
                CANARIES.iter().copied().chain([temporary.as_str(), data.as_str(), id.as_str(), running.as_str(), "rankscope-under-test"]);
            for word in private {
                assert!(!text.contains(word), "{address} tells {word:?}");
            }
            if fields.len() > 1 {
                for word in ["Tiny", "prompts.csv", "pairs.jsonl"] {
                    assert!(!text.contains(word), "{address} of an anonymous share tells {word:?}");
                }
            }
        }
    }
    app.client.cancel(&running).expect("cancel");
}

#[test]
fn shared_without_completions_no_part_has_any() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let mut recipe = fixture.recipe();
    recipe.notes = "by Jo Smith of Example University".into();
    recipe.name = "Smith 2026".into();
    recipe.inspection = Some(rankscope_domain::inspection::Inspection::default());
    let id = app.client.start(&recipe, "without").expect("a study");
    app.client.wait_for(&id, Finished);
    let mut texts = Vec::new();
    for entry in fs::read_dir(app.study_dir(&id).join("cells")).unwrap().flatten() {
        for line in fs::read_to_string(entry.path().join("completions.jsonl")).unwrap().lines() {
            texts.push(serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_string());
        }
        let lens: Value = serde_json::from_slice(&fs::read(entry.path().join("lens.json")).unwrap()).unwrap();
        texts.extend(lens.as_array().unwrap().iter().map(|reading| reading["continuation"].as_str().unwrap().to_string()));
    }
    // a letter or two may stand anywhere
    texts.retain(|text| text.chars().filter(|letter| letter.is_alphanumeric()).count() > 5);
    assert!(texts.len() > 10, "{} texts", texts.len());

    let without = share(&app.client, &id, &[("anonymous", "true")]).expect("a link");
    for (address, text) in everything(&app.client, &without) {
        for completion in &texts {
            let quoted = serde_json::to_string(completion).unwrap();
            let escaped = completion.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            for written in [completion.as_str(), quoted.trim_matches('"'), &escaped] {
                assert!(!text.contains(written), "{address} has a completion: {written:?}");
            }
        }
        for name in ["Smith", "University", "tab=completions"] {
            assert!(!text.contains(name), "{address} has {name:?}");
        }
    }
    let page = app.client.page(&format!("/s/{without}"));
    assert!(page.contains("Study A") && page.contains("Shared for blind review"), "{page}");
    assert_eq!(completions_of(&app.client, &without, json!({ "page": 0 })).status(), 404);

    let with = share(&app.client, &id, &[("completions", "true")]).expect("a link");
    let page = app.client.page(&format!("/s/{with}?tab=completions"));
    assert!(page.contains("Smith 2026") && page.contains("meet this choice"), "with them, they are there");
}

#[test]
fn a_client_that_asks_too_often_has_to_wait() {
    let prepare = |data: &Path| {
        let said = run_with_input(rankscope().args(["password", "set", "--stdin", "--data-dir"]).arg(data), "correct horse battery");
        assert_eq!(said.code, Some(0), "{}", said.stderr);
    };
    let app = TestApp::prepared(prepare, &["--trusted-proxies", "127.0.0.1"], &[]);
    let token = share_example(&app, &[]);
    let ask = |client: &str, path: &str| {
        app.client.raw("GET", path, &format!("Host: {}\r\nX-Forwarded-For: 198.51.100.99, {client}\r\n", app.client.address))
    };
    let mut answers = Vec::new();
    // right and wrong tokens count alike; one comes back each quarter of a second
    for number in 0..2000 {
        let path = if number % 2 == 0 { format!("/s/{UNKNOWN}") } else { format!("/s/{token}/recipe.toml") };
        answers.push(ask("192.0.2.1", &path));
        if answers.last().unwrap().status == 429 {
            break;
        }
    }
    assert!(answers.len() > 240, "refused after {}", answers.len());
    let refused = answers.last().unwrap();
    assert_eq!(refused.status, 429, "never refused");
    let wait: u64 = refused.header("retry-after").expect("Retry-After").parse().unwrap();
    assert!((1..=2).contains(&wait) && refused.body.contains("Try again in"), "{}", refused.body);
    for path in [format!("/s/{token}"), format!("/s/{UNKNOWN}")] {
        let answers: Vec<u16> = (0..4).map(|_| ask("192.0.2.1", &path).status).collect();
        assert!(answers.contains(&429), "{path}: {answers:?}");
    }
    assert_eq!(ask("192.0.2.2", &format!("/s/{token}")).status, 200, "another client is served");
    assert_eq!(ask("192.0.2.1", "/healthz").status, 200, "the rest of the server is served");
    let body = format!("token={token}");
    let call = || {
        let headers = format!(
            "Host: {}\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            app.client.address,
            body.len()
        );
        app.client.raw_with_body("POST", GetShared::PATH, &headers, &body)
    };
    let calls: Vec<Raw> = (0..6).map(|_| call()).collect();
    let refused = calls.iter().find(|call| call.status == 429).expect("what pages call counts too");
    assert!(refused.body.contains("TooMany") && refused.header("retry-after").is_some(), "{}", refused.body);
    std::thread::sleep(std::time::Duration::from_secs(wait));
    assert_eq!(ask("192.0.2.1", &format!("/s/{token}/recipe.toml")).status, 200, "after the wait");
}

#[test]
fn the_command_line_does_as_the_pages_do() {
    let app = TestApp::start();
    let shared = made(&command(
        &app,
        &["share", "example", "--anonymous", "--without-completions", "--label", "from here", "--expires", "never", "--json"],
    ));
    let (id, token) = (shared["id"].as_str().unwrap(), token_of(&shared));
    assert_eq!((shared["path"].as_str(), &shared["expires_at"]), (Some(format!("/s/{token}").as_str()), &Value::Null));
    assert!(opens(&app, &token), "also while the server runs");
    let entry = links(&app.client, "example").remove(0);
    assert_eq!((entry.id.as_str(), entry.label.as_str(), entry.opened), (id, "from here", 1));
    assert!(entry.anonymous && !entry.completions && !entry.annotate && shared["content_sha256"] == entry.content_sha256.as_str());
    let listed = command(&app, &["share", "list"]).stdout;
    for part in [id, "from here", "Quick look", "open", "anonymous, without completions"] {
        assert!(listed.contains(part), "{part:?} is not in {listed}");
    }
    let said = command(&app, &["revoke", id]);
    assert!(said.code == Some(0) && said.stdout.contains("opens nothing"), "{said:?}");
    assert!(!opens(&app, &token));

    // a study that lies elsewhere, and one of ours by its directory
    let fixture = Fixture::new();
    let study = app.client.start(&fixture.recipe(), "cli").expect("a study");
    app.client.wait_for(&study, Finished);
    let own = command(&app, &["share", app.study_dir(&study).to_str().unwrap()]);
    assert!(own.code == Some(0) && own.stdout.starts_with("/s/") && own.stdout.contains("holds until"), "{own:?}");
    assert_eq!(links(&app.client, &study).len(), 1, "it is known by its id");
    let elsewhere = fixture.path("elsewhere");
    fs::rename(app.study_dir(&study), &elsewhere).unwrap();
    let beside = token_of(&made(&command(&app, &["share", elsewhere.to_str().unwrap(), "--json"])));
    assert!(opens(&app, &beside));
    assert_eq!(links(&app.client, "")[0].study_id, None);
    let revoked: Value = made(&command(&app, &["revoke", &beside, "--json"]));
    assert_eq!(revoked["revoked"], links(&app.client, "")[0].id.as_str());
    assert!(!opens(&app, &beside));

    for (arguments, said) in [
        (&["share", "nothing"][..], "neither a study"),
        (&["share", "example", "--expires", "soon"], "how many days"),
        (&["share", "example", "--expires", "2020-01-01"], "This day is over"),
        (&["share", "example", "--label", "two\nlines"], "one line"),
        (&["share"], "STUDY"),
        (&["revoke", "01ARZ3NDEKTSV4RRFFQ69G5FAV"], "no such open link"),
        (&["revoke", UNKNOWN], "not shown"),
    ] {
        let refused = command(&app, arguments);
        assert!(refused.code == Some(2) && refused.stderr.contains(said), "{arguments:?}: {refused:?}");
        assert!(!refused.stderr.contains(UNKNOWN), "a token is never said again");
    }
}

#[test]
fn the_form_works_without_javascript() {
    let app = TestApp::start();
    let host = format!("Host: {}\r\nAccept: text/html\r\n", app.client.address);
    let send = |path: &str, body: &str| {
        let headers = format!("{host}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", body.len());
        app.client.raw_with_body("POST", path, &headers, body)
    };
    let form = app.client.page("/shares?study=example");
    assert!(form.contains(&format!("action=\"{}\"", ShareStudy::PATH)), "{form}");
    assert!(app.client.page("/studies/example").contains("href=\"/shares?study=example\""), "the study's page leads there");
    let refused = send(ShareStudy::PATH, "study=example&label=two%0Alines&expires=7d&expires_on=2020-01-01&annotate=true");
    let back = refused.header("location").expect("back to the form");
    assert_eq!(refused.status, 302);
    let page = app.client.page(back);
    for part in ["No link was made.", "one line", "This day is over", "value=\"2020-01-01\"", "value=\"7d\" selected"] {
        assert!(page.contains(part), "{part:?} is not on {back}: {page}");
    }
    let made = send(ShareStudy::PATH, "study=example&label=mine&expires=7d&expires_on=&completions=true");
    let shown = made.header("location").expect("to the link");
    assert!(shown.starts_with("/shares?study=example&made=") && !shown.contains("/s/"), "{shown}");
    let page = app.client.page(shown);
    let address = app.client.url("/s/");
    let token: String = page.split(&address).nth(1).expect("the link").chars().take(43).collect();
    assert!(opens(&app, &token));
    let again = app.client.page(shown);
    assert!(!again.contains(&token) && again.contains("was shown already"), "{again}");
    let id = &links(&app.client, "example")[0].id;
    assert_eq!(send(RevokeShare::PATH, &format!("id={id}")).status, 302);
    assert!(!opens(&app, &token));
}
