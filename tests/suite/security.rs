//! What must not get in, and what every answer carries.

use super::support::{TestApp, recipes::Fixture};
use leptos::server_fn::ServerFn;
use rankscope_app::api::studies::{CancelStudy, DeleteStudy};
use rankscope_domain::view::StudyStatus::{Finished, Running};
use std::fs;

#[test]
fn a_link_in_the_studies_directory_is_no_way_out_by_figures_or_deletion() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.recipe(), "figures").expect("a study");
    app.client.wait_for(&id, Finished);
    for file in ["..%2f..%2fsecret.svg", "%2e%2e.svg", "toxicity.svg%00", "toxicity%2f..%2f..%2fresults.json"] {
        let path = format!("/studies/{id}/figures/{file}");
        let answer = app.client.raw_get(&path);
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
    }
    let precious = tempfile::tempdir().unwrap();
    fs::write(precious.path().join("keep"), "").unwrap();
    std::os::unix::fs::symlink(precious.path(), app.study_dir(&id).join("link")).unwrap();
    app.client.delete(&id).expect("delete");
    assert!(precious.path().join("keep").exists(), "the deletion followed a link");
}

#[test]
fn only_this_machines_names_are_answered() {
    let app = TestApp::start();
    let (_, port) = app.client.address.rsplit_once(':').unwrap();
    for path in ["/", "/healthz", "/studies/nothing/events", "/pkg/rankscope.js"] {
        for host in ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "10.0.0.1", "0.0.0.0", "localhost.evil.example", ""] {
            let answer = app.client.raw("GET", path, &format!("Host: {host}\r\n"));
            assert!([400, 403].contains(&answer.status), "{host:?} {path}: {}", answer.status);
        }
        let two = app.client.raw("GET", path, &format!("Host: {}\r\nHost: evil.example\r\n", app.client.address));
        assert!([400, 403].contains(&two.status), "{path}: {}", two.status);
    }
    for host in
        [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "localhost".into(), format!("[::1]:{port}"), "LOCALHOST:8080".into()]
    {
        assert_eq!(app.client.raw("GET", "/healthz", &format!("Host: {host}\r\n")).status, 200, "{host}");
    }
    let absolute = app.client.raw("GET", "http://evil.example/healthz", &format!("Host: {}\r\n", app.client.address));
    assert!([400, 403].contains(&absolute.status), "{}", absolute.status);
}

#[test]
fn other_sites_pages_change_nothing() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.endless(), "origin").expect("a study");
    app.client.wait_for(&id, Running);
    let own = format!("http://{}", app.client.address);
    let ask = |headers: &[(&str, &str)]| {
        let mut request = app.client.post(CancelStudy::PATH).form(&[("id", id.as_str())]);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().unwrap().status().as_u16()
    };
    for origin in ["http://evil.example", "null", "https://127.0.0.1.evil.example", "http://127.0.0.1:1", "http://localhost"] {
        assert_eq!(ask(&[("origin", origin)]), 403, "{origin}");
    }
    assert_eq!(ask(&[("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(ask(&[("sec-fetch-site", "same-site")]), 403);
    assert_eq!(app.client.status(&id), Running, "another site cancelled the study");
    assert_eq!(ask(&[("origin", &own), ("sec-fetch-site", "same-origin")]), 200);
    let answer = app.client.get("/");
    assert!(answer.headers().get("access-control-allow-origin").is_none(), "no other site may read a page");
}

#[test]
fn every_answer_carries_its_armour() {
    let app = TestApp::start();
    for path in ["/", "/studies/new", "/login", "/nothing", "/healthz", "/readyz", "/studies/nothing/events"] {
        let first = app.client.get(path);
        for (name, value) in [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "same-origin")] {
            assert_eq!(first.headers()[name], value, "{path}");
        }
        let policy = first.headers()["content-security-policy"].to_str().unwrap().to_string();
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src"), "{path}: {policy}");
        assert!(
            !policy.contains("unsafe-inline") && !policy.contains("unsafe-eval'") || policy.contains("'wasm-unsafe-eval'"),
            "{path}: {policy}"
        );
        assert_ne!(first.headers()["x-request-id"], app.client.get(path).headers()["x-request-id"]);
    }
    let nonce = |page: &reqwest::blocking::Response| {
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_string();
        policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce").to_string()
    };
    let (one, two) = (app.client.get("/"), app.client.get("/"));
    let (first, second) = (nonce(&one), nonce(&two));
    assert_ne!(first, second, "a nonce is used once");
    let page = one.text().unwrap();
    for script in page.split("<script").skip(1) {
        let tag = script.split('>').next().unwrap();
        assert!(tag.contains(&format!("nonce=\"{first}\"")), "a script without the nonce: <script{tag}>");
    }
    assert!(!page.contains(" onclick=") && !page.contains(" style="), "inline code or style that the policy would block");
}

#[test]
fn what_users_type_is_text_on_a_page() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let mut recipe = fixture.recipe();
    recipe.name = "</title><script>alert(1)</script><img src=x onerror=alert(2)>".into();
    recipe.notes = "</script><script>alert(3)</script>".into();
    let id = app.client.start(&recipe, "markup").expect("a study");
    app.client.wait_for(&id, Finished);
    for path in ["/".to_string(), format!("/studies/{id}"), format!("/studies/{id}?tab=recipe"), format!("/studies/new?from={id}")] {
        let page = app.client.page(&path);
        for code in ["<script>alert", "<img src=x", "</title><script"] {
            let around = page.find(code).map(|at| page[at.saturating_sub(200)..].chars().take(300).collect::<String>());
            assert_eq!(around, None, "{path} runs what a user typed");
        }
    }
    assert!(app.client.page("/").contains("&lt;script&gt;"), "the name is shown");
}

#[test]
fn too_much_is_refused() {
    let app = TestApp::start();
    let large = "x".repeat(2 << 20);
    let answer = app.client.post(CancelStudy::PATH).form(&[("id", large.as_str())]).send().unwrap();
    assert_eq!(answer.status(), 413);
    let length =
        format!("Host: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 999999999\r\n", app.client.address);
    assert_eq!(app.client.raw("POST", CancelStudy::PATH, &length).status, 413);
    assert_eq!(app.client.raw_get("/healthz").status, 200);
}

#[test]
fn only_the_right_method_is_answered() {
    let app = TestApp::start();
    for (method, path) in
        [("GET", CancelStudy::PATH), ("GET", DeleteStudy::PATH), ("DELETE", "/studies/example"), ("PUT", "/"), ("TRACE", "/healthz")]
    {
        let answer = app.client.raw(method, path, &format!("Host: {}\r\n", app.client.address));
        assert!([404, 405].contains(&answer.status), "{method} {path}: {}", answer.status);
    }
}
