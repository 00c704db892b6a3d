//! Tokens of scripts: what each opens, for how long, and what does not open anything.

use super::{
    accounts::{Browser, PASSWORD, app_with_password, in_database},
    support::{
        TestApp,
        client::{Client, Raw},
        eventually,
        program::{Said, rankscope, run},
        recipes::Fixture,
    },
    traversal::right_address,
};
use rankscope_domain::view::StudyStatus::Running;
use rankscope_server::routes::{Access, table};
use std::io::Read;

fn token(app: &TestApp, arguments: &[&str]) -> Said {
    run(rankscope().arg("token").args(arguments).arg("--data-dir").arg(app.data_dir()))
}

/// A new token, by the command line.
pub(crate) fn made(app: &TestApp, name: &str, scope: &str) -> String {
    let said = token(app, &["add", name, "--scope", scope]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let secret = said.stdout.trim().to_string();
    assert!(secret.starts_with("rankscope_") && secret.len() == 74 && !said.stderr.contains(&secret), "{said:?}");
    secret
}

fn status(client: &Client, method: &str, path: &str) -> u16 {
    client.api(method, path).send().expect("an answer").status().as_u16()
}

fn ask(app: &TestApp, method: &str, path: &str, headers: &str) -> Raw {
    app.client.raw(method, path, &format!("Host: {}\r\nContent-Length: 0\r\n{headers}", app.client.address))
}

#[test]
fn a_token_opens_what_it_says_until_it_is_revoked() {
    let app = app_with_password(&[]);
    let (reader, writer) = (app.client.with_token(&made(&app, "reader", "read")), app.client.with_token(&made(&app, "writer", "write")));
    for client in [&reader, &writer] {
        for path in ["studies", "studies/example/results", "openapi.json", "version"] {
            assert_eq!(status(client, "GET", path), 200, "{path}");
        }
        assert_eq!(client.get("/metrics").status(), 200);
    }
    let fixture = Fixture::new();
    let refused = reader.api("POST", "studies").json(&fixture.recipe()).send().unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.headers()["www-authenticate"], "Bearer realm=\"Rankscope\", error=\"insufficient_scope\", scope=\"write\"");
    assert!(refused.text().unwrap().contains("--scope write"));
    assert_eq!(reader.api("POST", "recipes/validate").json(&fixture.recipe()).send().unwrap().status(), 200, "it changes nothing");
    // a token speaks for itself: no page of another site has one
    let started = writer.api("POST", "studies").header("origin", "https://ci.example").json(&fixture.endless()).send().unwrap();
    assert_eq!(started.status(), 201);
    let id = started.json::<serde_json::Value>().unwrap()["id"].as_str().unwrap().to_string();
    let mut stream = reader.api("GET", &format!("studies/{id}/events")).send().unwrap();
    assert_eq!(stream.status(), 200);
    eventually("the study to run", || {
        let study: serde_json::Value = reader.api("GET", &format!("studies/{id}")).send().ok()?.json().ok()?;
        (study["status"] == Running.label()).then_some(())
    });
    assert_eq!(status(&reader, "POST", &format!("studies/{id}/cancel")), 403);

    assert_eq!(token(&app, &["revoke", "reader"]).code, Some(0));
    let refused = reader.api("GET", "studies").send().unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["www-authenticate"]),
        (401, &"Bearer realm=\"Rankscope\", error=\"invalid_token\"".parse().unwrap())
    );
    let ended = std::thread::spawn(move || stream.read_to_end(&mut Vec::new()));
    eventually("the stream's end", || ended.is_finished().then_some(()));
    assert_eq!(status(&writer, "POST", &format!("studies/{id}/cancel")), 204);

    in_database(&app, "UPDATE tokens SET expires_at = created_at WHERE name = 'writer'");
    assert_eq!(status(&writer, "GET", "studies"), 401, "it has expired");
    let log = app.log();
    assert!(!log.contains("rankscope_"), "the log tells a token: {log}");
}

#[test]
fn a_tampered_token_opens_nothing() {
    let app = app_with_password(&[]);
    let secret = made(&app, "writer", "write");
    let flipped = format!("{}{}", &secret[..73], if secret.ends_with('0') { '1' } else { '0' });
    let wrong = [
        flipped.clone(),
        secret[..73].to_string(),
        format!("{secret}0"),
        format!("{secret}%00"),
        secret.to_uppercase(),
        secret.replace("rankscope_", ""),
        format!("rankscope_{}", "0".repeat(64)),
        format!("{secret}, {secret}"),
        format!("{secret} {secret}"),
        "rankscope_' OR '1'='1".into(),
        "null".into(),
        String::new(),
        "x".repeat(5000),
    ];
    let routes: Vec<_> = table().into_iter().filter(|route| route.access.takes_tokens()).collect();
    assert!(routes.len() > 25);
    for route in &routes {
        let path = right_address(&route.path, "");
        for wrong in &wrong {
            let answer = ask(&app, route.method.as_str(), &path, &format!("Authorization: Bearer {wrong}\r\n"));
            assert_eq!(answer.status, 401, "{} {path} {wrong:.100}", route.method);
            assert!(answer.header("www-authenticate").unwrap().contains("invalid_token") && !answer.body.contains(&secret[10..]));
        }
        // elsewhere than in its header it is none
        for headers in [
            format!("Cookie: token={secret}; rankscope-session={}\r\n", &secret[10..]),
            format!("Authorization: Basic {secret}\r\n"),
            format!("X-Api-Key: {secret}\r\n"),
            format!("Authorization: Bearer {flipped}\r\nAuthorization: Bearer {secret}\r\n"),
        ] {
            assert_eq!(ask(&app, route.method.as_str(), &path, &headers).status, 401, "{} {path} {headers:.60}", route.method);
        }
        for query in ["access_token", "token"] {
            let path = format!("{path}?{query}={secret}");
            assert_eq!(ask(&app, route.method.as_str(), &path, "").status, 401, "{} {path:.60}", route.method);
        }
    }
    assert_eq!(ask(&app, "GET", "/api/v1/studies", &format!("Authorization: bearer {secret}\r\n")).status, 200, "the right one does");
}

#[test]
fn a_token_opens_no_page_and_no_call_of_theirs() {
    let app = app_with_password(&[]);
    let header = format!("Authorization: Bearer {}\r\n", made(&app, "writer", "write"));
    for route in table().iter().filter(|route| route.access.needs_session() && !route.access.takes_tokens()) {
        let answer = ask(&app, route.method.as_str(), &right_address(&route.path, ""), &header);
        assert!([303, 401].contains(&answer.status), "{} {}: {}", route.method, route.path, answer.status);
    }
    // nor does it stand in for the page that a session's changes must come from
    let mut browser = Browser::logged_in(&app);
    let cookie = browser.cookie.clone().unwrap();
    let foreign = format!("Origin: https://evil.example\r\nCookie: {cookie}\r\n");
    assert_eq!(ask(&app, "POST", "/logout", &format!("{foreign}{header}")).status, 403);
    assert_eq!(ask(&app, "POST", "/api/v1/studies/example/cancel", &foreign).status, 403, "a session's change comes from our pages");
    let wrong = format!("{foreign}Authorization: Bearer rankscope_0\r\n");
    assert_eq!(ask(&app, "POST", "/api/v1/studies/example/cancel", &wrong).status, 401, "a wrong token beside a session");
    let own = format!("Origin: http://{}\r\nCookie: {cookie}\r\n", app.client.address);
    assert_eq!(ask(&app, "POST", "/api/v1/studies/example/cancel", &own).status, 409, "the example has nothing to cancel");
    assert_eq!(browser.get("/api/v1/studies").status, 200, "a session opens the API too");
}

#[test]
fn on_this_machine_without_a_password_no_token_is_asked_for_but_one_that_comes_is_checked() {
    let app = TestApp::start();
    assert_eq!(status(&app.client, "GET", "studies"), 200);
    assert_eq!(app.client.get("/metrics").status(), 200);
    let reader = app.client.with_token(&made(&app, "reader", "read"));
    assert_eq!((status(&reader, "GET", "studies"), status(&reader, "POST", "studies/example/cancel")), (200, 403));
    assert_eq!(status(&app.client.with_token("rankscope_1"), "GET", "studies"), 401);
    assert_eq!(ask(&app, "POST", "/api/v1/studies/example/cancel", "Origin: http://evil.example\r\n").status, 403);
}

#[test]
fn every_operation_asks_for_its_scope() {
    let app = app_with_password(&[]);
    let reader = made(&app, "reader", "read");
    let header = format!("Authorization: Bearer {reader}\r\n");
    for route in table().iter().filter(|route| route.access.takes_tokens() && !route.path.ends_with("/events")) {
        let answer = ask(&app, route.method.as_str(), &right_address(&route.path, ""), &header);
        let what = format!("{} {}: {}", route.method, route.path, answer.status);
        assert_eq!(answer.status == 403, route.access == Access::ApiWrite, "{what}");
        assert!(answer.status != 401 && answer.status < 500, "{what}");
    }
}

#[test]
fn metrics_tell_what_happens_and_no_names() {
    let app = app_with_password(&[]);
    assert_eq!(app.client.get("/metrics").status(), 401);
    let secret = made(&app, "prometheus", "read");
    let client = app.client.with_token(&secret);
    for path in ["studies/example", "studies/secret-name", "nothing/secret-name"] {
        status(&client, "GET", path);
    }
    let answer = client.get("/metrics");
    assert_eq!(answer.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = answer.text().unwrap();
    for line in [
        "rankscope_http_requests_total{route=\"/api/v1/studies/{id}\",method=\"GET\",status=\"200\"} 1",
        "rankscope_http_requests_total{route=\"/api/v1/studies/{id}\",method=\"GET\",status=\"404\"} 1",
        "rankscope_http_requests_total{route=\"(files)\",method=\"GET\",status=\"404\"} 1",
        "rankscope_http_request_duration_seconds_bucket{le=\"",
        "rankscope_studies{status=\"running\"} 0",
        "rankscope_queue_length 0",
        "rankscope_workers_running 0",
        "rankscope_tokens_per_second 0.0",
        "rankscope_model_jobs{status=\"running\"} 0",
        "process_resident_memory_bytes ",
        concat!("rankscope_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    assert!(text.ends_with("# EOF\n") && !text.contains("secret-name") && !text.contains(&secret[10..]), "{text}");
}

/// The token that a page shows.
fn secret_on(page: &str) -> Option<String> {
    let candidates = page.match_indices("rankscope_").filter_map(|(at, _)| page.get(at..at + 74));
    let mut secrets = candidates.filter(|text| text[10..].bytes().all(|byte| byte.is_ascii_hexdigit()));
    secrets.next().map(String::from)
}

#[test]
fn the_page_shows_a_token_once_and_revokes_it() {
    let app = app_with_password(&[]);
    let mut browser = Browser::logged_in(&app);
    let made = browser.send("POST", "/tokens", "name=nightly+%3Cb%3E&scope=read&days=30");
    assert_eq!((made.status, made.header("cache-control")), (200, Some("no-store")), "{}", made.body);
    let secret = secret_on(&made.body).expect("the token");
    assert!(made.body.contains("nightly &lt;b&gt;") && !made.body.contains("<b>\u{201d}"), "{}", made.body);
    assert_eq!(status(&app.client.with_token(&secret), "GET", "studies"), 200);
    let page = browser.get("/tokens");
    assert!(page.body.contains("nightly &lt;b&gt;") && !page.body.contains(&secret), "shown once");
    let again = browser.send("POST", "/tokens", "name=nightly+%3Cb%3E&scope=read&days=30");
    assert!(again.status == 422 && again.body.contains("already") && secret_on(&again.body).is_none(), "{}", again.body);
    for (form, field) in [
        ("name=&scope=read&days=", "name"),
        ("name=x&scope=all&days=", "scope"),
        ("name=x&scope=read&days=soon", "days"),
        ("name=x&scope=read&days=0", "days"),
    ] {
        let answer = browser.send("POST", "/tokens", form);
        assert!(answer.status == 422 && answer.body.contains(field), "{form}: {}", answer.status);
    }
    let action = page.body.split("action=\"/api/revoke_token").nth(1).and_then(|rest| rest.split('"').next()).expect("the form");
    let number = page
        .body
        .split("name=\"id\"")
        .nth(1)
        .and_then(|rest| rest.split("value=\"").nth(1))
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    let answer = browser.send("POST", &format!("/api/revoke_token{action}"), &format!("id={number}"));
    assert_eq!((answer.status, answer.header("location")), (302, Some("/tokens")), "{}", answer.body);
    assert_eq!(status(&app.client.with_token(&secret), "GET", "studies"), 401);
    assert!(browser.get("/tokens").body.contains("revoked"));
    let gone = browser.send("POST", &format!("/api/revoke_token{action}"), &format!("id={number}"));
    assert!(gone.header("location").unwrap().starts_with("/tokens?refused="), "{}", gone.head);
    assert!(!app.log().contains(&secret[10..]) && !app.log().contains(PASSWORD));
}

#[test]
fn the_command_line_makes_lists_and_revokes() {
    let app = TestApp::start();
    let said = token(&app, &["add", "ci", "--scope", "write", "--days", "7", "--json"]);
    let entry: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((entry["name"].as_str(), entry["scope"].as_str(), entry["state"].as_str()), (Some("ci"), Some("write"), Some("active")));
    assert_eq!(entry["token"].as_str().map(str::len), Some(74));
    made(&app, "other", "read");
    let listed = token(&app, &["list"]);
    assert!(listed.stdout.contains("ci") && listed.stdout.contains("never") || listed.stdout.contains("–"), "{}", listed.stdout);
    assert!(!listed.stdout.contains("rankscope_"));
    for (arguments, code, said) in [
        (vec!["add", "ci"], 2, "name = \"ci\""),
        (vec!["add", ""], 2, "1 to 60 characters"),
        (vec!["add", "x", "--days", "0"], 2, "days = \"0\""),
        (vec!["add", "x", "--scope", "all"], 2, "possible values: read, write"),
        (vec!["add", "x", "--days", "3", "--no-expiry"], 2, "cannot be used with"),
        (vec!["revoke", "nothing"], 2, "rankscope token list"),
    ] {
        let answer = token(&app, &arguments);
        assert!(answer.code == Some(code) && answer.stderr.contains(said), "{arguments:?}: {answer:?}");
    }
    assert_eq!(token(&app, &["revoke", &entry["id"].to_string()]).code, Some(0));
    let listed: serde_json::Value = serde_json::from_str(&token(&app, &["list", "--json"]).stdout).unwrap();
    let states: Vec<_> =
        listed.as_array().unwrap().iter().map(|entry| (entry["name"].as_str().unwrap(), entry["state"].as_str().unwrap())).collect();
    assert_eq!(states, [("other", "active"), ("ci", "revoked")]);
    assert_eq!(token(&app, &["add", "kept", "--no-expiry"]).code, Some(0));
}
