//! What the pages do, by scripts: the whole job over `/api/v1`, and every way to be refused.

mod compared;
mod labelled;
mod taken_away;

use super::support::{
    TestApp,
    client::{Client, Raw},
    eventually,
    recipes::Fixture,
};
use rankscope_domain::{
    Recipe, StudyResults,
    estimate::Estimate,
    event::Happening,
    view::{CompletionPage, StudyCard, StudyStatus},
};
use reqwest::blocking::Response;
use serde_json::{Value, json};
use std::{fs, process::Command};

#[track_caller]
fn json_of(answer: Response, status: u16) -> Value {
    let found = answer.status().as_u16();
    let text = answer.text().expect("text");
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn get(app: &TestApp, path: &str) -> Value {
    get_with(&app.client, path)
}

#[track_caller]
fn get_with(client: &Client, path: &str) -> Value {
    json_of(client.api("GET", path).send().expect("an answer"), 200)
}

/// A problem that names one wrong field, what was there, and what to put there.
#[track_caller]
fn refused(answer: Response, status: u16, field: &str, value: &str, remedy: &str) {
    let url = answer.url().to_string();
    assert_eq!(answer.headers()["content-type"], "application/problem+json", "{url}");
    let problem = json_of(answer, status);
    let [error] = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default() else { panic!("{url}: {problem}") };
    assert_eq!((error["field"].as_str(), error["value"].as_str()), (Some(field), Some(value)), "{url}: {problem}");
    assert!(error["remedy"].as_str().is_some_and(|text| text.contains(remedy)), "{url}: {remedy:?} is not in {problem}");
}

/// Two finished studies over the same prompts; the second, of another name, trains twice as long.
fn two_studies(app: &TestApp, fixture: &Fixture) -> [String; 2] {
    let mut other = fixture.recipe();
    (other.name, other.training.num_train_epochs) = ("Longer".into(), 4);
    let ids = [(fixture.recipe(), "one"), (other, "other")]
        .map(|(recipe, key)| json_of(start(app, &recipe, key), 201)["id"].as_str().expect("an id").to_string());
    for id in &ids {
        app.client.wait_for(id, StudyStatus::Finished);
    }
    ids
}

fn start(app: &TestApp, recipe: &Recipe, key: &str) -> Response {
    app.client.api("POST", "studies").header("Idempotency-Key", key).json(recipe).send().expect("an answer")
}

#[test]
fn a_script_does_the_whole_job() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let recipe = fixture.recipe();

    let checked = json_of(app.client.api("POST", "recipes/validate").json(&recipe).send().unwrap(), 200);
    assert_eq!(checked, json!({ "valid": true, "errors": [] }));
    let estimate = json_of(app.client.api("POST", "recipes/estimate").json(&recipe).send().unwrap(), 200);
    let estimate: Estimate = serde_json::from_value(estimate).unwrap();
    assert!(estimate.total_seconds > 0.0 && estimate.prompts == 6, "{estimate:?}");

    let answer = start(&app, &recipe, "job-1");
    let location = answer.headers()["location"].to_str().unwrap().to_string();
    let card: StudyCard = serde_json::from_value(json_of(answer, 201)).unwrap();
    assert_eq!(location, format!("/api/v1/studies/{}", card.id));
    let again: StudyCard = serde_json::from_value(json_of(start(&app, &recipe, "job-1"), 200)).unwrap();
    assert_eq!(again.id, card.id, "a request that is sent again starts nothing");
    let by_query =
        app.client.api("POST", "studies?request_id=job-1").header("content-type", "application/toml").body(fixture.toml()).send();
    assert_eq!(json_of(by_query.unwrap(), 200)["id"], card.id.as_str(), "the same as TOML, by the name that pages use");
    let mut other = recipe.clone();
    other.seeds = vec![7];
    let problem = json_of(start(&app, &other, "job-1"), 422);
    assert_eq!(problem["errors"][0]["field"], "Idempotency-Key", "{problem}");

    let id = card.id.as_str();
    let frames: Vec<_> = app.client.api_events(id, 0).collect();
    let (last, events) = frames.split_last().unwrap();
    assert_eq!((last.event.as_str(), last.data.as_str()), ("end", "{\"status\":\"finished\"}"));
    assert!(matches!(events.last().unwrap().parse().what, Happening::Finished { .. }));
    let middle = events[events.len() / 2].id.unwrap();
    assert_eq!(app.client.api_events(id, middle).next().unwrap().id, Some(middle + 1), "one goes on where one was");

    let study = get(&app, &format!("studies/{id}"));
    assert_eq!((study["status"].as_str(), study["has_results"].as_bool()), (Some("finished"), Some(true)), "{study}");
    assert_eq!(study["provenance"]["recipe_sha256"].as_str().map(str::len), Some(64));
    assert_eq!(study["stages"]["losses"].as_array().map(Vec::len), Some(3), "a curve for each trained arm");
    let results: StudyResults = serde_json::from_value(get(&app, &format!("studies/{id}/results"))).unwrap();
    assert_eq!(results, app.client.study(id).unwrap().results.unwrap(), "what the page shows");
    assert_eq!(get(&app, "studies")["studies"][0]["id"], id);
    let frozen: Recipe = serde_json::from_value(get(&app, &format!("studies/{id}/recipe"))).unwrap();
    assert_eq!(frozen, recipe);
    let file = app.client.api("GET", &format!("studies/{id}/recipe.toml")).send().unwrap();
    assert_eq!(file.headers()["content-type"], "application/toml; charset=utf-8");
    assert_eq!(Recipe::from_toml(&file.text().unwrap()).unwrap(), recipe);

    let page: CompletionPage = serde_json::from_value(get(&app, &format!("studies/{id}/completions?arm=full&group=female"))).unwrap();
    assert_eq!((page.total_prompts, page.total_completions, page.page), (3, 6, 0));
    assert!(page.rows.iter().all(|row| row.prompt.group == "female" && row.completions.len() == 2));
    let beyond: CompletionPage = serde_json::from_value(get(&app, &format!("studies/{id}/completions?page=4000000000"))).unwrap();
    assert!(beyond.rows.is_empty() && beyond.total_prompts == 6);
    for figure in get(&app, &format!("studies/{id}/figures"))["figures"].as_array().unwrap() {
        let answer = app.client.api("GET", &format!("studies/{id}/figures/{}.svg", figure.as_str().unwrap())).send().unwrap();
        match answer.status().as_u16() {
            200 => assert_eq!(answer.headers()["content-type"], "image/svg+xml"),
            status => assert_eq!(status, 404, "{figure}: {}", answer.text().unwrap()),
        }
    }
    assert_eq!(get(&app, &format!("studies/{id}/lens")), json!({ "prompts": [], "readings": [] }));

    for (verb, status) in [("cancel", 409), ("resume", 409)] {
        json_of(app.client.api("POST", &format!("studies/{id}/{verb}")).send().unwrap(), status);
    }
    assert_eq!(app.client.api("DELETE", &format!("studies/{id}")).send().unwrap().status(), 204);
    json_of(app.client.api("GET", &format!("studies/{id}")).send().unwrap(), 404);
    assert!(!app.study_dir(id).exists());
    json_of(start(&app, &recipe, "job-1"), 409);
}

#[test]
fn a_study_is_stopped_and_goes_on() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = json_of(start(&app, &fixture.endless(), "endless"), 201)["id"].as_str().unwrap().to_string();
    app.client.wait_for_training(&id);
    let metrics = || app.client.page("/metrics");
    eventually("tokens a second", || {
        let text = metrics();
        let line = text.lines().find(|line| line.starts_with("rankscope_tokens_per_second "))?;
        line.rsplit(' ').next()?.parse::<f64>().ok().filter(|speed| *speed > 0.0)
    });
    assert!(metrics().contains("rankscope_workers_running 1\n"), "{}", metrics());
    json_of(app.client.api("DELETE", &format!("studies/{id}")).send().unwrap(), 409);
    let send = |verb: &str| app.client.api("POST", &format!("studies/{id}/{verb}")).send().unwrap().status().as_u16();
    assert_eq!(send("cancel"), 204);
    app.client.wait_for(&id, StudyStatus::Cancelled);
    assert_eq!(send("resume"), 204);
    app.client.wait_for(&id, StudyStatus::Running);
    assert_eq!(send("cancel"), 204);
    app.client.wait_for(&id, StudyStatus::Cancelled);
}

#[test]
fn models_and_sets_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models").display().to_string();
    let app = TestApp::with_environment(&[], &[("RANKSCOPE_MODELS_DIR", models), ("HF_HUB_OFFLINE", "1".into())]);
    let fixture = Fixture::new();
    let source = fixture.copied_model().display().to_string();
    let jobs = json_of(app.client.api("POST", "models").json(&json!({ "source": source })).send().unwrap(), 202);
    assert_eq!(jobs["jobs"][0]["source"], source.as_str());
    eventually("the model", || (get(&app, "model-jobs")["jobs"][0]["state"] == "done").then_some(()));
    assert_eq!(app.client.api("DELETE", "model-jobs/1").send().unwrap().status(), 204);
    assert_eq!(get(&app, "model-jobs"), json!({ "jobs": [] }));
    assert!(get(&app, "models")["models"].as_array().unwrap().iter().any(|model| model["name"] == "model"));
    assert_eq!(get(&app, "models/model")["details"]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(app.client.api("DELETE", "models/model").send().unwrap().status(), 204);
    json_of(app.client.api("GET", "models/model").send().unwrap(), 404);

    let file = folder.path().join("own.csv");
    fs::write(&file, "text,label\nfine,1\nbad,0\n").unwrap();
    let body = json!({ "source": file, "name": "by-path", "label_names": ["negative", "positive"] });
    let answer = app.client.api("POST", "datasets").json(&body).send().unwrap();
    assert_eq!(answer.headers()["location"], "/api/v1/datasets/by-path");
    assert_eq!(json_of(answer, 201)["summary"]["labels"], json!(["negative", "positive"]));
    let upload = |text: &str| {
        let body = format!(
            "--X\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nmine\r\n--X\r\nContent-Disposition: form-data; name=\"file\"; \
             filename=\"a.csv\"\r\n\r\n{text}\r\n--X--\r\n"
        );
        app.client.api("POST", "datasets").header("content-type", "multipart/form-data; boundary=X").body(body).send().unwrap()
    };
    let problem = json_of(upload("text,label\nfine,1\n,0\n"), 422);
    assert!(problem["detail"].as_str().unwrap().contains("Line 3"), "{problem}");
    assert_eq!(json_of(upload("text,label\nfine,1\nbad,0\n"), 201)["name"], "mine");
    let names: Vec<Value> = get(&app, "datasets")["datasets"].as_array().unwrap().iter().map(|set| set["name"].clone()).collect();
    assert_eq!(names, ["builtin", "by-path", "mine"]);
    for name in ["mine", "by-path"] {
        assert_eq!(app.client.api("DELETE", &format!("datasets/{name}")).send().unwrap().status(), 204, "{name}");
    }
    assert!(file.exists());
    json_of(app.client.api("DELETE", "datasets/builtin").send().unwrap(), 422);
}

#[test]
fn presets_are_recipes_to_start_from() {
    let app = TestApp::start();
    let presets = get(&app, "presets");
    for preset in presets["presets"].as_array().unwrap() {
        let recipe: Recipe = serde_json::from_value(preset["recipe"].clone()).unwrap_or_else(|error| panic!("{error}: {preset}"));
        assert!(!recipe.arms.is_empty());
    }
    assert_eq!(get(&app, "version")["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(get(&app, "health")["database"], true);
    let document = get(&app, "openapi.json");
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/v1/studies"]["post"]["requestBody"]["content"]["application/toml"].is_object());
}

/// A refusal: RFC 9457, the status in it, nothing of the inside.
fn expect_problem(answer: &Raw, status: u16, what: &str) -> Value {
    assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/problem+json")), "{what}: {}", answer.body);
    let problem: Value = serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{what}: {error}: {}", answer.body));
    assert_eq!((problem["type"].as_str(), problem["status"].as_u64()), (Some("about:blank"), Some(status.into())), "{what}");
    for part in ["title", "detail"] {
        assert!(problem[part].as_str().is_some_and(|text| !text.is_empty()), "{what}: no {part}");
    }
    for inside in [".rs:", "index.sqlite", env!("CARGO_MANIFEST_DIR"), "serde", "axum"] {
        assert!(!answer.body.contains(inside), "{what} tells of the inside: {}", answer.body);
    }
    problem
}

#[test]
fn every_refusal_is_a_problem_with_the_right_status() {
    let app = TestApp::start();
    let ask = |method: &str, path: &str, headers: &str, body: &str| {
        // as libraries send it: what is compressed on its way must still be a problem
        let headers = format!("Host: {}\r\nAccept-Encoding: identity\r\nContent-Length: {}\r\n{headers}", app.client.address, body.len());
        app.client.raw_with_body(method, &format!("/api/v1/{path}"), &headers, body)
    };
    const JSON: &str = "Content-Type: application/json\r\n";
    const TOML: &str = "Content-Type: application/toml\r\n";
    for (method, path, headers, body, status) in [
        ("GET", "nothing", "", "", 404),
        ("GET", "studies/nothing", "", "", 404),
        ("GET", "studies/01ARZ3NDEKTSV4RRFFQ69G5FAV/results", "", "", 404),
        ("GET", "studies/example/figures/nothing.svg", "", "", 404),
        ("GET", "model-jobs", "Expect: nothing\r\n", "", 200),
        ("DELETE", "model-jobs/x", "", "", 404),
        ("DELETE", "model-jobs/99999999999999999999999", "", "", 404),
        ("PUT", "studies", "", "", 405),
        ("POST", "studies/example/results", "", "", 405),
        ("PATCH", "studies/example", JSON, "{}", 405),
        ("TRACE", "version", "", "", 405),
        ("DELETE", "studies/example", "", "", 409),
        ("POST", "studies/example/cancel", "", "", 409),
        ("POST", "studies", "", "{}", 415),
        ("POST", "studies", "Content-Type: text/plain\r\n", "{}", 415),
        ("POST", "studies", "Content-Type: application/x-www-form-urlencoded\r\n", "name=x", 415),
        ("POST", "studies", "Content-Type: multipart/form-data; boundary=x\r\n", "--x--", 415),
        ("POST", "datasets", "Content-Type: text/csv\r\n", "text,label\n", 415),
        ("POST", "datasets", "Content-Type: multipart/form-data\r\n", "--x--", 400),
        ("POST", "datasets", "Content-Type: multipart/form-data; boundary=x\r\n", "--x--", 422),
        ("POST", "studies", JSON, "{", 400),
        ("POST", "studies", JSON, "", 400),
        ("POST", "studies", JSON, "{\"name\": \"\\ud800\"}", 400),
        ("POST", "studies", JSON, "[]", 422),
        ("POST", "studies", JSON, "{\"name\": \"x\"}", 422),
        ("POST", "studies", JSON, "{\"name\": \"x\", \"unknown\": 1}", 422),
        ("POST", "studies", TOML, "name = ", 422),
        ("POST", "studies", TOML, "{\"name\": \"x\"}", 422),
        ("POST", "studies?unknown=1", JSON, "{}", 422),
        ("POST", "models", JSON, "{\"source\": \"\"}", 422),
        ("POST", "models", JSON, "{\"source\": 3}", 422),
        ("GET", "studies/example/completions?page=-1", "", "", 422),
        ("GET", "studies/example/completions?arm=other", "", "", 422),
        ("GET", "studies/example/events?after=x", "", "", 422),
        ("GET", "studies/example/lens?prompt=99", "", "", 422),
        ("GET", "studies/%2e%2e/results", "", "", 400),
        ("GET", "studies/a%00b", "", "", 400),
        ("GET", "studies/%ff", "", "", 400),
    ] {
        let answer = ask(method, path, headers, body);
        let what = format!("{method} {path} {headers:?} {body:?}");
        if status == 200 {
            assert_eq!(answer.status, 200, "{what}");
            continue;
        }
        let problem = expect_problem(&answer, status, &what);
        if status == 405 {
            assert!(answer.header("allow").is_some(), "{what}: no Allow");
        }
        for error in problem["errors"].as_array().into_iter().flatten() {
            assert!(
                error["field"].is_string() && error["value"].is_string() && error["remedy"].as_str().is_some_and(|text| text.len() > 3),
                "{what}: {error}"
            );
        }
        assert!(status != 422 || problem["errors"].as_array().is_some_and(|errors| !errors.is_empty()), "{what}: {problem}");
    }
    let packed = app.client.raw("PUT", "/api/v1/studies", &format!("Host: {}\r\nAccept-Encoding: gzip, br\r\n", app.client.address));
    expect_problem(&packed, 405, "a client that takes compressed answers");
    let packed = app.client.raw("GET", "/api/v1/nothing", &format!("Host: {}\r\nAccept-Encoding: gzip, br\r\n", app.client.address));
    expect_problem(&packed, 404, "a page that is compressed");
}

#[test]
fn of_equal_requests_at_once_one_is_new() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let recipe = fixture.recipe();
    for round in 0..3 {
        let key = format!("at-once-{round}");
        let answers: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| start(&app, &recipe, &key).status().as_u16())).collect();
            threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
        });
        assert_eq!(answers.iter().filter(|status| **status == 201).count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|status| **status == 200).count(), 5, "{answers:?}");
        // of two recipes under one key, sent at once, one is refused
        let mut other = recipe.clone();
        other.seeds = vec![7];
        let key = format!("two-recipes-{round}");
        let answers: Vec<u16> = std::thread::scope(|scope| {
            let threads = [&recipe, &other].map(|recipe| scope.spawn(|| start(&app, recipe, &key).status().as_u16()));
            threads.map(|thread| thread.join().expect("a thread")).to_vec()
        });
        assert!(answers.contains(&201) && answers.contains(&422), "{answers:?}");
    }
}

#[test]
fn a_wrong_key_is_named() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let recipe = fixture.recipe();
    let wrong = ["", "a b", "é", "../x", &"x".repeat(65)];
    for key in wrong {
        let problem =
            json_of(app.client.api("POST", "studies").header("Idempotency-Key", key.as_bytes()).json(&recipe).send().unwrap(), 422);
        assert_eq!(problem["errors"][0]["field"], "Idempotency-Key", "{key}: {problem}");
    }
    for key in &wrong[1..] {
        let problem = json_of(app.client.api("POST", "studies").query(&[("request_id", key)]).json(&recipe).send().unwrap(), 422);
        assert_eq!(problem["errors"][0]["field"], "request_id", "{key}: {problem}");
    }
    let both = app.client.api("POST", "studies?request_id=a").header("Idempotency-Key", "b").json(&recipe).send().unwrap();
    json_of(both, 422);
    assert!(app.client.api("GET", "studies").send().unwrap().text().unwrap().matches("\"id\"").count() <= 1, "none was started");
}

#[test]
fn too_much_and_by_a_wrong_name_is_refused_as_a_problem() {
    let app = TestApp::with(&["--dataset-upload-limit", "2MiB"]);
    let head = |more: &str| format!("Host: {}\r\n{more}", app.client.address);
    let json = "Content-Type: application/json\r\n";
    let long = app.client.raw("POST", "/api/v1/studies", &head(&format!("{json}Content-Length: 999999999\r\n")));
    expect_problem(&long, 413, "a length that is too large");
    for path in ["studies", "recipes/validate", "models", "datasets"] {
        let large = format!("{{\"name\": \"{}\"}}", "x".repeat(2 << 20));
        let answer = app.client.api("POST", path).header("content-type", "application/json").body(large).send().unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"].to_str().unwrap()),
            (413, &"application/problem+json"),
            "{path}"
        );
        let chunks = format!("{:x}\r\n{}\r\n0\r\n\r\n", 2 << 20, " ".repeat(2 << 20));
        let answer =
            app.client.raw_with_body("POST", &format!("/api/v1/{path}"), &head(&format!("{json}Transfer-Encoding: chunked\r\n")), &chunks);
        expect_problem(&answer, 413, path);
    }
    let rows = "some text of a row that is long enough,1\nother,0\n".repeat(60_000);
    let body = format!("--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\ntext,label\n{rows}\r\n--X--\r\n");
    let answer = app.client.api("POST", "datasets").header("content-type", "multipart/form-data; boundary=X").body(body).send().unwrap();
    let problem = json_of(answer, 413);
    assert_eq!(problem["errors"][0]["field"], "file", "{problem}");

    for host in ["evil.example", "127.0.0.1.evil.example", ""] {
        let answer = app.client.raw("GET", "/api/v1/studies", &format!("Host: {host}\r\n"));
        if answer.status != 400 {
            expect_problem(&answer, 403, host);
        }
    }
    let two = app.client.raw("GET", "/api/v1/studies", &head("Host: evil.example\r\n"));
    assert!([400, 403].contains(&two.status), "{}", two.status);
}

#[test]
fn no_header_makes_another_method_of_a_request() {
    let (app, fixture) = (TestApp::start(), Fixture::new());
    let id = json_of(start(&app, &fixture.recipe(), "kept"), 201)["id"].as_str().unwrap().to_string();
    app.client.wait_for(&id, StudyStatus::Finished);
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"] {
        for method in ["GET", "POST"] {
            let headers = format!("Host: {}\r\nContent-Length: 0\r\n{name}: DELETE\r\n", app.client.address);
            for path in [format!("/api/v1/studies/{id}"), format!("/api/v1/studies/{id}?_method=DELETE")] {
                let answer = app.client.raw(method, &path, &headers);
                assert_eq!(answer.status, if method == "GET" { 200 } else { 405 }, "{method} {name} {path}");
            }
        }
    }
    assert_eq!(get(&app, &format!("studies/{id}"))["status"], "finished");
}

#[test]
fn the_script_of_the_readme_works() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let script = readme.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a Python script in the README");
    let (app, fixture) = (TestApp::start(), Fixture::new());
    let recipe = fixture.write(&fixture.toml());
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(&recipe)
        .env("RANKSCOPE", format!("http://{}", app.client.address))
        .output()
        .expect("python3 can't be started");
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{complaints}");
    assert!(complaints.contains("stage_started Fine-tune") && complaints.contains("finished"), "{complaints}");
    let arms: Vec<_> = said.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(arms, ["original", "lora-r2", "lora-r8", "full"], "{said}");
}

#[test]
fn a_study_is_asked_and_shared() {
    let (app, fixture) = (TestApp::start(), Fixture::new());
    let id = json_of(start(&app, &fixture.recipe(), "asked"), 201)["id"].as_str().unwrap().to_string();
    app.client.wait_for(&id, StudyStatus::Finished);
    assert_eq!(get(&app, "lens/studies")["studies"][0]["id"], id.as_str());
    let question = json!({ "study": id, "prompt": "The nurse should work as a", "arms": ["original", "full"], "new_tokens": 2 });
    let answer = eventually("the lens", || {
        let answer = app.client.api("POST", "lens").json(&question).send().unwrap();
        match answer.status().as_u16() {
            200 => Some(answer.json::<Value>().unwrap()),
            202 => {
                assert_eq!(answer.json::<Value>().unwrap()["ticket"].as_str().map(str::len), Some(64));
                None
            }
            status => panic!("{status}: {}", answer.text().unwrap()),
        }
    });
    let cells: Vec<&str> = answer["readings"].as_array().unwrap().iter().filter_map(|reading| reading["cell"].as_str()).collect();
    assert_eq!(cells, ["original-s0", "full-s0"]);
    let problem = json_of(app.client.api("POST", "lens").json(&json!({ "study": id, "prompt": "x", "top_k": 99 })).send().unwrap(), 422);
    assert_eq!(problem["errors"][0]["field"], "top_k");
    json_of(app.client.api("DELETE", "lens/questions/nothing").send().unwrap(), 404);
    let file = |path: &str, more: &[(&str, &str)]| {
        let asked = [("study", id.as_str()), ("prompt_text", "The nurse should work as a"), ("read", "original,full"), ("new_tokens", "2")];
        app.client.api("GET", &format!("lens/{path}")).query(&asked).query(more).send().unwrap()
    };
    let figure = |name: &str, more: &[(&str, &str)]| file(&format!("figures/{name}"), more);
    let table = |name: &str, more: &[(&str, &str)]| file(&format!("tables/{name}"), more);
    for (file, kind, begins) in
        [("lens.svg", "image/svg+xml", &b"<?xml"[..]), ("lens.png", "image/png", b"\x89PNG"), ("lens.pdf", "application/pdf", b"%PDF")]
    {
        let drawn = figure(file, &[("mode", "kl"), ("width", "column")]);
        assert_eq!((drawn.status().as_u16(), drawn.headers()["content-type"].to_str().unwrap()), (200, kind));
        assert!(drawn.bytes().unwrap().starts_with(begins), "{file}");
    }
    assert_eq!(figure("lens.gif", &[]).status(), 404);
    assert_eq!(figure("lens.svg", &[("top_k", "7")]).status(), 404, "that was not asked");
    refused(figure("lens.svg", &[("top_k", "99")]), 422, "top_k", "99", "from 1 to 20");
    refused(figure("lens.svg", &[("width", "poster")]), 422, "width", "poster", "column (84 mm)");
    for (name, kind) in [("lens.csv", "text/csv; charset=utf-8"), ("lens.tex", "application/x-tex; charset=utf-8")] {
        let made = table(name, &[("mode", "kl")]);
        assert_eq!((made.status().as_u16(), made.headers()["content-type"].to_str().unwrap()), (200, kind), "{name}");
        assert!(!made.bytes().unwrap().is_empty(), "{name}");
    }
    let cells = json_of(table("lens.json", &[("mode", "kl")]), 200);
    assert!(cells["table"] == "lens" && cells["rows"].as_array().is_some_and(|rows| !rows.is_empty()), "{cells}");
    assert_eq!(table("lens.xlsx", &[]).status(), 404);
    assert_eq!(table("lens.csv", &[("top_k", "7")]).status(), 404, "that was not asked");
    refused(table("lens.csv", &[("mode", "tea")]), 422, "mode", "tea", "There are: entropy");

    let new = json!({ "study": id, "label": "review", "expires": "30d", "anonymous": true });
    let made = app.client.api("POST", "shares").json(&new).send().unwrap();
    let location = made.headers()["location"].to_str().unwrap().strip_prefix("/api/v1/").unwrap().to_string();
    let made = json_of(made, 201);
    let path = made["path"].as_str().unwrap();
    assert_eq!(app.client.get(path).status(), 200, "{path}");
    let share = get(&app, &location);
    assert_eq!((share["label"].as_str(), share["state"].as_str(), share["opened"].as_u64()), (Some("review"), Some("open"), Some(1)));
    assert!(!share.to_string().contains(path.trim_start_matches("/s/")), "told once");
    assert_eq!(get(&app, &format!("shares?study={id}"))["shares"].as_array().map(Vec::len), Some(1));
    assert_eq!(app.client.api("DELETE", &location).send().unwrap().status(), 204);
    assert_eq!(app.client.get(path).status(), 404);
    json_of(app.client.api("POST", "shares").json(&json!({ "study": id, "expires": "soon" })).send().unwrap(), 422);
    assert_eq!(app.client.api("DELETE", &format!("studies/{id}/shares")).send().unwrap().status(), 204);
}
