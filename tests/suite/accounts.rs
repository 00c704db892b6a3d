//! Who may come in: nobody is asked on this machine without a password; with one, everything needs a session.

use super::{
    shares::share_example,
    support::{
        TestApp,
        client::{Client, Raw},
        eventually,
        program::{Said, rankscope, run, run_with_input},
        recipes::Fixture,
    },
    traversal::right_address,
};
use leptos::server_fn::ServerFn;
use rankscope_app::{api::studies::ListStudies, error::AppError};
use rankscope_domain::view::StudyStatus::Running;
use rankscope_server::{
    accounts::sessions::{ABSOLUTE_SECONDS, GRACE_SECONDS, IDLE_SECONDS, ROTATE_SECONDS},
    routes::{Access, table},
};
use std::{fs, io::Read, os::unix::fs::PermissionsExt, path::Path};

pub(crate) const PASSWORD: &str = "correct horse battery";
const OTHER: &str = "other horse battery";

fn set_password(data_dir: &Path, password: &str) -> Said {
    run_with_input(rankscope().args(["password", "set", "--stdin", "--data-dir"]).arg(data_dir), password)
}

fn prepare(data_dir: &Path) {
    let said = set_password(data_dir, PASSWORD);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(!said.stdout.contains(PASSWORD) && said.stdout.contains("admin_password"), "{}", said.stdout);
}

pub(crate) fn app_with_password(flags: &[&str]) -> TestApp {
    TestApp::prepared(prepare, flags, &[])
}

/// A browser without JavaScript: keeps its cookie, follows no redirect.
pub(crate) struct Browser<'a> {
    client: &'a Client,
    pub cookie: Option<String>,
    /// More headers, each with its line end.
    headers: String,
}

impl<'a> Browser<'a> {
    fn of(app: &'a TestApp) -> Self {
        Self { client: &app.client, cookie: None, headers: String::new() }
    }

    /// As a proxy with https hands its requests on.
    fn behind_proxy(app: &'a TestApp, address: &str) -> Self {
        Self { headers: format!("X-Forwarded-For: {address}\r\nX-Forwarded-Proto: https\r\n"), ..Self::of(app) }
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) -> Raw {
        let mut headers = format!("Host: {}\r\nAccept: text/html\r\n{}", self.client.address, self.headers);
        headers.extend(self.cookie.iter().map(|cookie| format!("Cookie: theme=dark; {cookie}\r\n")));
        if method == "POST" {
            headers += &format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", body.len());
        }
        let answer = self.client.raw_with_body(method, path, &headers, body);
        if let Some(set) = answer.header("set-cookie") {
            let pair = set.split(';').next().unwrap_or_default();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_string());
        }
        answer
    }

    pub(crate) fn get(&mut self, path: &str) -> Raw {
        self.send("GET", path, "")
    }

    fn log_in(&mut self, password: &str, next: &str) -> Raw {
        let encode = |text: &str| text.replace('%', "%25").replace('&', "%26").replace(' ', "+");
        self.send("POST", "/login", &format!("password={}&next={}", encode(password), encode(next)))
    }

    fn is_in(&mut self) -> bool {
        let answer = self.get("/");
        match answer.status {
            200 => true,
            303 => {
                assert_eq!(answer.header("location"), Some("/login"));
                false
            }
            other => panic!("/: {other}"),
        }
    }

    fn without_cookie(&self) -> Self {
        Self { cookie: None, headers: self.headers.clone(), client: self.client }
    }

    fn with_cookie(&self, cookie: &str) -> Self {
        Self { cookie: Some(cookie.into()), headers: self.headers.clone(), client: self.client }
    }

    pub(crate) fn logged_in(app: &'a TestApp) -> Self {
        let mut browser = Self::of(app);
        assert_eq!(browser.log_in(PASSWORD, "/").status, 303);
        assert!(browser.is_in());
        browser
    }
}

/// A page's policy: scripts with this answer's nonce, no frame, nothing kept.
fn expect_armour(page: &Raw) {
    let policy = page.header("content-security-policy").expect("a policy");
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
    assert!(
        policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'") && !policy.contains("unsafe-inline"),
        "{policy}"
    );
    for script in page.body.split("<script").skip(1) {
        assert!(script.split('>').next().unwrap().contains(&format!("nonce=\"{nonce}\"")), "a script without the nonce: {script}");
    }
    assert!(!page.body.contains(" style=") && !page.body.contains(" onclick="));
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), (Some("no-store"), Some("same-origin")));
}

/// Changes the sessions as time would.
pub(crate) fn in_database(app: &TestApp, sql: &str) -> usize {
    let connection = rusqlite::Connection::open(app.data_dir().join("index.sqlite")).expect("the database");
    connection.busy_timeout(std::time::Duration::from_secs(5)).expect("patience");
    connection.execute(sql, []).expect(sql)
}

#[test]
fn on_this_machine_without_a_password_nobody_is_asked() {
    let app = TestApp::start();
    let mut browser = Browser::of(&app);
    assert!(browser.is_in());
    let page = browser.get("/").body;
    assert!(!page.contains("Log out") && page.contains("/studies/example"));
    let login = browser.get("/login?next=%2Fmodels");
    assert_eq!((login.status, login.header("location")), (302, Some("/models")), "there is nothing to log in to");
    assert_eq!(browser.log_in("", "/models").header("location"), Some("/models"));
    assert_eq!(browser.cookie, None);
}

#[test]
fn beyond_this_machine_it_does_not_start_without_a_password() {
    for flags in [["--address", "0.0.0.0:0"], ["--address", "[::]:0"], ["--trusted-proxies", "127.0.0.1"], ["--hosts", "rankscope.example"]]
    {
        let folder = tempfile::tempdir().unwrap();
        let said = run(rankscope().arg("serve").args(flags).arg("--data-dir").arg(folder.path()).current_dir(folder.path()));
        assert_eq!(said.code, Some(2), "{flags:?}: {said:?}");
        for part in [flags[0].trim_start_matches("--").replace('-', "_").as_str(), flags[1], "rankscope password set", "ssh -L"] {
            assert!(said.stderr.contains(part), "{part:?} is not in: {}", said.stderr);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{flags:?} left something behind");
    }
}

#[test]
fn beyond_this_machine_it_answers_with_a_password_and_only_under_its_names() {
    let app = app_with_password(&["--address", "0.0.0.0:0", "--hosts", "rankscope.example"]);
    assert!(app.log().contains("nothing between encrypts"), "{}", app.log());
    assert!(!Browser::of(&app).is_in());
    assert!(Browser::logged_in(&app).is_in());
    for (host, status) in [
        ("rankscope.example", 303),
        ("192.0.2.1:3000", 303),
        ("[2001:db8::1]", 303),
        ("localhost", 303),
        ("evil.example", 403),
        ("x.rankscope.example", 403),
        ("192.0.2.1.evil.example", 403),
    ] {
        assert_eq!(app.client.raw("GET", "/", &format!("Host: {host}\r\n")).status, status, "{host}");
    }
    let removed = run(rankscope().args(["password", "remove", "--data-dir"]).arg(app.data_dir()));
    assert!(removed.code == Some(0) && removed.stdout.contains("answers nobody"), "{removed:?}");
    let answer = Browser::of(&app).get("/");
    assert_eq!(answer.status, 503, "without its password it stands open to everybody");
    assert!(answer.body.contains("rankscope password set"), "{}", answer.body);
    assert_eq!(Browser::of(&app).log_in(PASSWORD, "/").status, 503);
    assert_eq!(Browser::of(&app).get("/healthz").status, 200);
}

#[test]
fn one_logs_in_is_led_on_and_logs_out() {
    let app = app_with_password(&[]);
    let mut browser = Browser::of(&app);
    let led = browser.get("/studies/new?from=example");
    assert_eq!((led.status, led.header("location")), (303, Some("/login?next=%2Fstudies%2Fnew%3Ffrom%3Dexample")));
    let form = browser.get("/login?next=%2Fstudies%2Fnew%3Ffrom%3Dexample");
    assert_eq!(form.status, 200);
    assert!(form.body.contains("type=\"password\"") && form.body.contains("value=\"/studies/new?from=example\""), "{}", form.body);
    expect_armour(&form);
    assert!(!form.body.contains("rankscope.js") && !form.body.contains("Log out"), "strangers need no client");

    for wrong in ["", "wrong", "correct horse batterY", &"x".repeat(5000)] {
        let answer = browser.log_in(wrong, "/models");
        assert_eq!(answer.status, 401, "{wrong}");
        assert!(answer.body.contains("That is not the password") && answer.body.contains("value=\"/models\""), "{}", answer.body);
        assert_eq!(answer.header("set-cookie"), None);
        expect_armour(&answer);
    }
    let answer = browser.log_in(PASSWORD, "/studies/new?from=example");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/studies/new?from=example")));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("rankscope-session="), "{cookie}");
    let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
    assert_eq!(attributes, ["Path=/", "Max-Age=604800", "HttpOnly", "SameSite=Lax"]);
    let page = browser.get("/studies/new?from=example");
    assert!(page.status == 200 && page.body.contains("Log out") && page.body.contains("rankscope.js"));
    expect_armour(&page);
    assert_eq!(browser.get("/login?next=%2Fmodels").header("location"), Some("/models"), "one is in already");

    let first = browser.cookie.clone().unwrap();
    browser.log_in(PASSWORD, "/");
    assert_ne!(browser.cookie.as_ref(), Some(&first), "a log-in has an id of its own");
    assert!(browser.is_in() && !browser.with_cookie(&first).is_in(), "the id before the log-in is dead");
    let second = browser.cookie.clone().unwrap();
    let mut elsewhere = Browser::logged_in(&app);
    let out = browser.send("POST", "/logout", "");
    assert_eq!((out.status, out.header("location")), (303, Some("/login")));
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert!(!browser.is_in() && !browser.with_cookie(&second).is_in(), "the session is over, whoever has kept its id");
    assert!(elsewhere.is_in(), "another browser's session goes on");
    let log = app.log();
    assert!(log.contains("logged in") && log.contains("a wrong password"), "{log}");
    for secret in [PASSWORD, "batterY", first.split('=').nth(1).unwrap()] {
        assert!(!log.contains(secret), "the log tells {secret}");
    }
}

#[test]
fn one_is_never_led_to_another_host() {
    let app = app_with_password(&[]);
    for next in ["https://evil.example", "//evil.example", "/\\evil.example", "/%09/evil.example", "evil.example", "/login", "\n/x"] {
        assert_eq!(
            Browser::of(&app).log_in(PASSWORD, next).header("location"),
            Some(if next.contains("%09") { next } else { "/" }),
            "{next:?}"
        );
    }
    let form = Browser::of(&app).get("/login?next=%2F%2Fevil.example");
    assert!(!form.body.contains("evil.example"), "{}", form.body);
}

#[test]
fn over_https_the_cookie_is_secure_and_another_one() {
    let app = app_with_password(&["--trusted-proxies", "127.0.0.0/8"]);
    let mut browser = Browser::behind_proxy(&app, "198.51.100.7");
    let answer = browser.log_in(PASSWORD, "/");
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-rankscope-session=") && cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    assert!(cookie.contains("; Path=/;") && !cookie.contains("Domain"), "{cookie}");
    assert!(browser.is_in());
    let plain = browser.cookie.as_ref().unwrap().replace("__Host-", "");
    assert!(!browser.with_cookie(&plain).is_in(), "a cookie that an unencrypted page could have set");
    let own = |scheme: &str| Browser {
        headers: format!("{}Origin: {scheme}://{}\r\n", browser.headers, app.client.address),
        ..browser.without_cookie()
    };
    assert_eq!(own("http").log_in(PASSWORD, "/").status, 403);
    assert_eq!(own("https").log_in(PASSWORD, "/").status, 303);
    // nobody but the proxy may say so
    let app = app_with_password(&[]);
    let answer = Browser::behind_proxy(&app, "198.51.100.7").log_in(PASSWORD, "/");
    assert!(answer.header("set-cookie").unwrap().starts_with("rankscope-session="));
}

#[test]
fn attempts_are_limited_for_each_client() {
    let app = app_with_password(&["--trusted-proxies", "127.0.0.1"]);
    let mut one = Browser::behind_proxy(&app, "203.0.113.1, 198.51.100.7");
    for _ in 0..5 {
        assert_eq!(one.log_in("wrong", "/").status, 401);
    }
    for password in ["wrong", PASSWORD] {
        let answer = one.log_in(password, "/models");
        assert_eq!(answer.status, 429, "{password}");
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=30).contains(&seconds) && answer.body.contains(&format!("Try again in {seconds} s")), "{}", answer.body);
        assert!(answer.header("set-cookie").is_none());
    }
    let mut same = Browser::behind_proxy(&app, "203.0.113.99, 198.51.100.7");
    assert_eq!(same.log_in(PASSWORD, "/").status, 429, "what the client itself says of its address is not believed");
    let mut other = Browser::behind_proxy(&app, "203.0.113.1, 198.51.100.8");
    for _ in 0..10 {
        assert_eq!(other.log_in(PASSWORD, "/").status, 303, "right ones are not counted");
    }
    assert!(app.log().contains("too many attempts"));
}

#[test]
fn a_session_expires_and_its_id_is_replaced() {
    let app = app_with_password(&[]);
    let past = |column: &str, seconds: i64| in_database(&app, &format!("UPDATE sessions SET {column} = {column} - {seconds}"));
    let mut browser = Browser::logged_in(&app);
    assert_eq!(past("last_used_at", IDLE_SECONDS), 1);
    assert!(!browser.is_in(), "it was idle");

    let mut browser = Browser::logged_in(&app);
    past("logged_in_at", ABSOLUTE_SECONDS);
    assert!(!browser.is_in(), "it is too old");

    let mut browser = Browser::logged_in(&app);
    let old = browser.cookie.clone().unwrap();
    past("issued_at", ROTATE_SECONDS);
    let answer = browser.get("/");
    assert_eq!(answer.status, 200);
    assert!(answer.header("set-cookie").unwrap().contains("; HttpOnly; SameSite=Lax"), "{}", answer.head);
    assert_ne!(browser.cookie.as_ref(), Some(&old));
    let mut stale = browser.with_cookie(&old);
    assert!(stale.is_in() && stale.cookie.as_ref() == Some(&old), "it holds until the new one has arrived");
    assert!(browser.is_in());
    assert!(stale.is_in(), "requests that were under way");
    past("ends_at", GRACE_SECONDS);
    assert!(!stale.is_in() && browser.is_in());
    assert_eq!(browser.send("POST", "/logout", "").status, 303);
    assert_eq!(in_database(&app, "UPDATE sessions SET login = login"), 0, "logging out leaves no id behind");
}

#[test]
fn another_password_logs_out_everywhere_and_restarting_does_not() {
    let app = app_with_password(&[]);
    let (mut one, mut other) = (Browser::logged_in(&app), Browser::logged_in(&app));
    assert_eq!(set_password(app.data_dir(), OTHER).code, Some(0));
    assert!(!one.is_in() && !other.is_in());
    assert_eq!(one.log_in(PASSWORD, "/").status, 401);
    assert_eq!(one.log_in(OTHER, "/").status, 303);
    let cookie = one.cookie.clone().unwrap();
    let app = app.restart(|_| {});
    assert!(Browser::of(&app).with_cookie(&cookie).is_in(), "a restart is no log-out");
    assert_eq!(run(rankscope().args(["password", "remove", "--data-dir"]).arg(app.data_dir())).code, Some(0));
    assert!(Browser::of(&app).is_in(), "on this machine without a password");
    assert_eq!(set_password(app.data_dir(), OTHER).code, Some(0));
    assert!(!Browser::of(&app).with_cookie(&cookie).is_in(), "the same password set anew is another");
}

#[test]
fn every_route_asks_for_a_session() {
    let app = app_with_password(&[]);
    let token = share_example(&app, &["--annotate"]);
    let stale = "ab".repeat(32);
    let cookies = [
        "".into(),
        format!("rankscope-session={stale}"),
        "rankscope-session=".into(),
        "rankscope-session='; DROP TABLE sessions; --".into(),
    ];
    for route in table() {
        let path = right_address(&route.path, &token);
        for cookie in &cookies {
            let ask = |accept: &str| {
                let cookie = if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") };
                let headers = format!("Host: {}\r\nAccept: {accept}\r\nContent-Length: 0\r\n{cookie}", app.client.address);
                app.client.raw(route.method.as_str(), &path, &headers)
            };
            let (program, page) = (ask("*/*"), ask("text/html"));
            let what = format!("{} {path} {cookie}", route.method);
            match route.access {
                // it has read the request, and found no token in it
                Access::Public if route.path.starts_with("/api/") => {
                    let error: AppError =
                        serde_json::from_str(&program.body).unwrap_or_else(|error| panic!("{what}: {error}: {}", program.body));
                    assert!(matches!(error, AppError::Invalid(_)), "{what}: {error:?}");
                }
                Access::Public | Access::Visitor => assert!(
                    ![404, 405].contains(&program.status) && program.status < 500 || program.status == 503,
                    "{what}: {}",
                    program.status
                ),
                Access::OwnersPage => {
                    for answer in [program, page] {
                        assert_eq!(answer.status, 303, "{what}");
                        assert!(answer.header("location").unwrap().starts_with("/login"), "{what}: {}", answer.head);
                        assert_eq!(answer.body.trim_matches(|character: char| character == '0' || character.is_whitespace()), "", "{what}");
                    }
                }
                Access::OwnersFile => {
                    let form = if route.method == "GET" { 401 } else { 303 };
                    assert_eq!((program.status, page.status), (401, form), "{what}");
                    assert!(program.body.contains("/login"), "{what}: {}", program.body);
                }
                Access::OwnersCall => {
                    assert_eq!((program.status, page.status), (401, 303), "{what}: a form that a browser sent leads to the log-in page");
                    assert!(program.body.contains("LoggedOut"), "{what}: {}", program.body);
                }
                Access::ApiRead | Access::ApiWrite => {
                    for answer in [program, page] {
                        assert_eq!((answer.status, answer.header("content-type")), (401, Some("application/problem+json")), "{what}");
                        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"Rankscope\""), "{what}");
                        assert!(answer.body.contains("rankscope token add"), "{what}: {}", answer.body);
                    }
                }
            }
        }
        // another method is no way round
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let answer = app.client.raw(method, &path, &format!("Host: {}\r\nContent-Length: 0\r\n", app.client.address));
            assert!(!route.access.needs_session() || [303, 401].contains(&answer.status), "{method} {path}: {}", answer.status);
        }
    }
    for path in ["/nothing", "/index.html", "/studies", "/api", "/api/nothing", "/.well-known/x", "/pkg"] {
        assert_eq!(Browser::of(&app).get(path).status, 303, "{path}: even what is not there is not told");
    }
}

#[test]
fn what_the_log_in_page_needs_is_open_and_nothing_else_of_the_site() {
    let site = tempfile::tempdir().unwrap();
    fs::create_dir(site.path().join("pkg")).unwrap();
    for file in ["pkg/rankscope.css", "favicon.svg", "notes.txt"] {
        fs::write(site.path().join(file), "content").unwrap();
    }
    let app = app_with_password(&["--site-dir", site.path().to_str().unwrap()]);
    let mut browser = Browser::of(&app);
    for (path, status) in [
        ("/pkg/rankscope.css", 200),
        ("/favicon.svg", 200),
        ("/notes.txt", 303),
        ("/pkg/../notes.txt", 400),
        ("/pkg/%2e%2e/notes.txt", 400),
    ] {
        assert_eq!(browser.get(path).status, status, "{path}");
    }
    assert_eq!(Browser::logged_in(&app).get("/notes.txt").status, 200);
}

#[test]
fn the_pages_client_is_told_that_it_is_logged_out() {
    let app = app_with_password(&[]);
    let ask = |client: &Client| client.post(ListStudies::PATH).form(&[("a", "b")]).send().unwrap();
    let answer = ask(&app.client);
    assert_eq!(answer.status(), 401);
    let error: AppError = answer.json().unwrap();
    assert!(matches!(&error, AppError::LoggedOut(text) if text.contains("/login")), "{error:?}");
    let browser = Browser::logged_in(&app);
    assert_eq!(ask(&app.client.with_cookie(browser.cookie.as_ref().unwrap())).status(), 200);
}

#[test]
fn other_sites_pages_log_nobody_in_or_out() {
    let app = app_with_password(&[]);
    let mut owner = Browser::logged_in(&app);
    for header in ["Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"] {
        let foreign = |cookie: &Option<String>| Browser { headers: format!("{header}\r\n"), cookie: cookie.clone(), client: &app.client };
        let answer = foreign(&None).log_in(PASSWORD, "/");
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{header}");
        assert_eq!(foreign(&owner.cookie).send("POST", "/logout", "").status, 403, "{header}");
    }
    for path in ["/logout", "/login"] {
        assert!([405, 302].contains(&owner.get(path).status), "{path}: a link changes nothing");
    }
    assert!(owner.is_in());
}

#[test]
fn a_live_stream_ends_with_its_session() {
    let app = app_with_password(&[]);
    let mut browser = Browser::logged_in(&app);
    let owner = app.client.with_cookie(browser.cookie.as_ref().unwrap());
    let fixture = Fixture::new();
    let id = owner.start(&fixture.endless(), "stream").expect("a study");
    owner.wait_for(&id, Running);
    let mut stream = owner.get(&format!("/studies/{id}/events"));
    assert_eq!(stream.status(), 200);
    let mut first = [0; 1];
    stream.read_exact(&mut first).expect("an event");
    assert_eq!(browser.send("POST", "/logout", "").status, 303);
    let ended = std::thread::spawn(move || stream.read_to_end(&mut Vec::new()));
    eventually("the stream's end", || ended.is_finished().then_some(()));
    assert_eq!(owner.get(&format!("/studies/{id}/events")).status(), 401);
    let mut again = Browser::logged_in(&app);
    let owner = app.client.with_cookie(again.cookie.as_ref().unwrap());
    owner.cancel(&id).expect("cancel");
    again.send("POST", "/logout", "");
}

#[test]
fn a_container_is_given_its_password_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let app = TestApp::prepared(|_| {}, &["--address", "0.0.0.0:0"], &[("RANKSCOPE_ADMIN_PASSWORD_FILE", file.display().to_string())]);
    let cookie = Browser::logged_in(&app).cookie.unwrap();
    let kept = fs::read_to_string(app.data_dir().join("admin_password")).unwrap();
    assert!(kept.starts_with("$argon2id$") && !app.log().contains(PASSWORD));
    let app = app.restart(|_| {});
    assert!(Browser::of(&app).with_cookie(&cookie).is_in());
}

#[test]
fn the_command_says_what_a_password_must_be_and_tells_none() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    for (password, said) in [("hushhush", "at least 12 characters"), ("two hush lines\nof text", "one line"), ("", "at least 12")] {
        let answer = set_password(&data_dir, password);
        assert_eq!(answer.code, Some(2), "{password}");
        assert!(answer.stderr.contains(said) && !answer.stderr.contains("hush"), "{}", answer.stderr);
    }
    assert!(!data_dir.exists());
    let no_terminal = run(rankscope().args(["password", "set", "--data-dir"]).arg(&data_dir));
    assert!(no_terminal.code == Some(2) && no_terminal.stderr.contains("--stdin"), "{no_terminal:?}");
    assert_eq!(
        run(rankscope().args(["password", "set", PASSWORD, "--data-dir"]).arg(&data_dir)).code,
        Some(2),
        "never on the command line"
    );
    prepare(&data_dir);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data_dir), mode(&data_dir.join("admin_password"))), (0o700, 0o600));
    let remove = || run(rankscope().args(["password", "remove", "--data-dir"]).arg(&data_dir)).stdout;
    assert!(remove().contains("removed") && remove().contains("no password"));
    fs::write(data_dir.join("admin_password"), "not a hash").unwrap();
    let refused = run(rankscope().args(["serve", "--address", "127.0.0.1:0", "--data-dir"]).arg(&data_dir).current_dir(folder.path()));
    assert!(refused.code == Some(2) && refused.stderr.contains("password set"), "a password that can't be read is not none: {refused:?}");
}

#[test]
fn it_says_whether_it_is_alive_and_ready() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.gguf");
    let app = app_with_password(&["--default-model", model.to_str().unwrap()]);
    let ask = |path: &str| {
        let answer = app.client.get(path);
        (answer.status().as_u16(), answer.json::<serde_json::Value>().unwrap())
    };
    assert_eq!(ask("/healthz"), (200, serde_json::json!({ "status": "ok" })));
    assert_eq!(ask("/readyz"), (503, serde_json::json!({ "status": "not ready", "database": true, "default_model": false })));
    fs::write(&model, "").unwrap();
    assert_eq!(ask("/readyz"), (200, serde_json::json!({ "status": "ready", "database": true, "default_model": true })));
    in_database(&app, "ALTER TABLE studies RENAME TO elsewhere");
    assert_eq!(ask("/readyz").0, 503);
}
