//! No address and no argument leads out of what it is for: every route of the router's own table, with everything that
//! has led out of other programs.

use super::{
    datasets, shares,
    support::{
        TestApp,
        client::Raw,
        program::{rankscope, run_with_input},
    },
};
use rankscope_app::error::AppError;
use rankscope_server::routes::{Access, Route, table};
use std::time::Duration;
use std::{fs, path::PathBuf};

/// Names of nothing, most of them ways out of a directory.
const WRONG_NAMES: [&str; 33] = [
    "..",
    ".",
    "../secret",
    "..%2fsecret",
    "..%2Fsecret",
    "%2e%2e%2fsecret",
    "%2e%2e/secret",
    "%2e%2e%5csecret",
    "..%252fsecret",
    "%252e%252e%252fsecret",
    "%25252e%25252e%25252fsecret",
    "..%5csecret",
    "..%255csecret",
    "..\\secret",
    "....//secret",
    "..;/secret",
    "..%00",
    "%00",
    "secret%00.svg",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "file:%2f%2f%2fetc%2fpasswd",
    "~%2f.ssh",
    // full-width dots and slashes, a one-dot leader, text that runs backwards, an accent of its own
    "%EF%BC%8E%EF%BC%8E%EF%BC%8Fsecret",
    "%E2%80%A4%E2%80%A4%2fsecret",
    "%E2%80%AEsecret",
    "e%CC%81xample",
    "example%20",
    "%ff%fe",
    "%c0%ae%c0%ae%c0%afsecret",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "01arz3ndektsv4rrffq69g5fav",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV%2f..%2f..%2fsecret",
];

/// Those, and names that are too long: for a file, for an address, for a request's head.
fn wrong_names() -> Vec<String> {
    let long = [300, 5_000, 100_000].map(|length| "x".repeat(length));
    WRONG_NAMES.map(String::from).into_iter().chain(long).collect()
}

/// What a parameter of a route is when it is right, so that the others can be wrong.
fn right_name<'a>(path: &str, parameter: &str, token: &'a str) -> &'a str {
    match parameter {
        "file" if path.contains("/judge/") => "judges.svg",
        "table" if path.contains("/judge/") => "judges.csv",
        "file" if path.contains("/lens/") => "lens.svg",
        "table" if path.contains("/lens/") => "lens.csv",
        "file" if path.contains("/datasets/") => "lengths.svg",
        "table" if path.contains("/datasets/") => "lengths.csv",
        "name" if path.contains("/datasets/") => "builtin",
        "file" => "toxicity.svg",
        "table" => "toxicity.csv",
        "*name" => "default",
        "token" => token,
        "ticket" => "00000000000000000000000000000000000000000000000000000000000000aa",
        _ => "example",
    }
}

/// A part of a route that stands for something: `{id}`, `{*name}`.
fn parameter(part: &str) -> Option<&str> {
    part.strip_prefix('{').and_then(|part| part.strip_suffix('}'))
}

/// The address of a route, each parameter replaced.
fn address(path: &str, replace: impl Fn(usize, &str) -> String) -> String {
    let parts = path.split('/').enumerate().map(|(place, part)| parameter(part).map_or(part.into(), |name| replace(place, name)));
    parts.collect::<Vec<_>>().join("/")
}

/// With every parameter right; `token`: of a share of the example.
pub(crate) fn right_address(path: &str, token: &str) -> String {
    address(path, |_, name| right_name(path, name, token).into())
}

/// With one parameter after another wrong; none, where the route has no parameter.
fn tampered(path: &str, token: &str, wrong: &str) -> Vec<String> {
    let places = path.split('/').enumerate().filter(|(_, part)| parameter(part).is_some()).map(|(place, _)| place);
    places
        .map(|wrong_place| {
            address(path, |place, name| if place == wrong_place { wrong.into() } else { right_name(path, name, token).into() })
        })
        .collect()
}

/// A study's files, where no study is, and nothing of the tester's own.
fn app_with_secrets(flags: &[&str]) -> TestApp {
    let plant = |data: &std::path::Path| {
        for folder in ["secret", "studies/secret", "models/secret", "elsewhere"] {
            let folder = data.join(folder);
            fs::create_dir_all(&folder).unwrap();
            for file in ["recipe.toml", "results.json", "events.jsonl", "config.json", "secret.svg"] {
                fs::write(folder.join(file), "name = \"planted-secret\"").unwrap();
            }
        }
    };
    let nowhere = tempfile::tempdir().unwrap();
    let below = |name: &str| nowhere.path().join(name).display().to_string();
    // a name that reads like one of the hub's must not be looked for there
    let environment = [
        ("HF_HUB_OFFLINE", "1".into()),
        ("HF_HOME", below("hf")),
        ("HF_HUB_CACHE", below("hub")),
        ("RANKSCOPE_MODELS_DIR", below("models")),
    ];
    TestApp::prepared(plant, flags, &environment)
}

fn gives_nothing_away(answer: &Raw, what: &str) {
    let Raw { head, body, .. } = answer;
    assert!(!body.contains("planted-secret") && !body.contains("root:"), "{what} gives a file away: {body}");
    for inside in [env!("CARGO_MANIFEST_DIR"), ".rs:", "index.sqlite"] {
        assert!(!body.contains(inside) && !head.contains(inside), "{what} tells of the inside: {body}");
    }
}

#[test]
fn no_address_leads_out() {
    let app = app_with_secrets(&[]);
    let token = &shares::share_example(&app, &[]);
    let routes = table();
    let mut tried = 0;
    for route in &routes {
        for wrong in wrong_names() {
            for path in tampered(&route.path, token, &wrong) {
                let headers = format!("Host: {}\r\nContent-Length: 0\r\n", app.client.address);
                let mut answer = app.client.raw(route.method.as_str(), &path, &headers);
                // shared pages let nobody come so often
                while answer.status == 429 {
                    assert!(path.starts_with("/s/"), "{path} is limited");
                    std::thread::sleep(Duration::from_millis(250));
                    answer = app.client.raw(route.method.as_str(), &path, &headers);
                }
                let what = format!("{} {}", route.method, &path[..path.len().min(200)]);
                gives_nothing_away(&answer, &what);
                assert!([400, 404, 405, 414, 431].contains(&answer.status), "{what}: {}", answer.status);
                tried += 1;
            }
        }
    }
    let parameters: usize = routes.iter().map(|route| tampered(&route.path, token, "x").len()).sum();
    assert!(parameters >= 7, "routes with a parameter were left out");
    assert_eq!(tried, parameters * wrong_names().len());
    for wrong in wrong_names() {
        for page in [
            "/studies/new?from={}",
            "/studies/example?tab={}",
            "/models?source={}&refused={}",
            "/lens?study={}&prompt_text=x",
            "/login?next={}",
            "/compare?studies={},example&arms={}",
        ] {
            let path = page.replace("{}", &wrong);
            let answer = app.client.raw_get(&path);
            gives_nothing_away(&answer, &path[..path.len().min(200)]);
            assert!(answer.status < 500, "{}: {}", &path[..path.len().min(200)], answer.status);
        }
    }
}

#[test]
fn logged_out_no_address_tells_what_is_there() {
    let app = app_with_secrets(&[]);
    let password =
        run_with_input(rankscope().args(["password", "set", "--stdin", "--data-dir"]).arg(app.data_dir()), "correct horse battery");
    assert_eq!(password.code, Some(0));
    for route in table().iter().filter(|route| route.access.needs_session()) {
        let addresses =
            wrong_names().into_iter().flat_map(|wrong| tampered(&route.path, "", &wrong)).chain([right_address(&route.path, "")]);
        for path in addresses {
            let answer = app.client.raw(route.method.as_str(), &path, &format!("Host: {}\r\nContent-Length: 0\r\n", app.client.address));
            let what = format!("{} {}", route.method, &path[..path.len().min(200)]);
            gives_nothing_away(&answer, &what);
            assert!([303, 400, 401, 414, 431].contains(&answer.status), "{what}: {}", answer.status);
        }
    }
}

#[test]
fn no_argument_of_a_server_function_leads_out() {
    let app = app_with_secrets(&[]);
    let calls: Vec<Route> =
        table().into_iter().filter(|route| route.path.starts_with("/api/") && !route.path.starts_with("/api/v1/")).collect();
    assert!(calls.iter().filter(|call| call.access == Access::OwnersCall).count() > 5);
    assert_eq!(calls.iter().filter(|call| call.access == Access::Public).count(), 9, "what shared pages call");
    for Route { method, path, .. } in &calls {
        assert_eq!(method, "POST", "{path}: a call that a link can make");
        for wrong in wrong_names().iter().filter(|name| name.len() <= 5_000) {
            // as it is, and as a form's decoding leaves it
            for value in [wrong.clone(), wrong.replace("%2f", "/").replace("%2e", ".").replace("%00", "\0").replace("%5c", "\\")] {
                let fields = [
                    "id",
                    "name",
                    "source",
                    "from",
                    "token",
                    "study",
                    "label",
                    "round",
                    "item",
                    "expires",
                    "query[arm]",
                    "recipe[name]",
                    "form[model.source]",
                ]
                .map(|field| (field, value.as_str()));
                let json = serde_json::json!({ "id": value, "name": value, "source": value, "from": value, "token": value, "study": value, "round": value, "item": value, "query": { "page": 0, "group": value } });
                // each function reads one of the two
                for request in [app.client.post(path).form(&fields), app.client.post(path).json(&json)] {
                    let answer = request.send().unwrap();
                    let (status, body) = (answer.status().as_u16(), answer.text().unwrap());
                    let what = format!("{path} {}", value.chars().take(200).collect::<String>());
                    gives_nothing_away(&Raw { status, head: String::new(), body: body.clone() }, &what);
                    if status >= 400 {
                        let error: AppError =
                            serde_json::from_str(&body).unwrap_or_else(|error| panic!("{what} {status}: {error}: {body}"));
                        assert!(!matches!(error, AppError::Internal(_)), "{what}: {error}");
                    }
                }
            }
        }
    }
    for folder in ["secret", "studies/secret", "models/secret"] {
        assert!(app.data_dir().join(folder).join("recipe.toml").exists(), "{folder} was removed");
    }
}

/// Every file of the data directory that is no set's and changes for no other reason.
fn files_outside_the_sets(app: &TestApp) -> Vec<PathBuf> {
    let mut folders = vec![app.data_dir().to_path_buf()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.ends_with("datasets") => {}
                path if path.is_dir() => folders.push(path),
                path => files.push(path),
            }
        }
    }
    files.retain(|path| !path.to_string_lossy().contains("index.sqlite"));
    files.sort();
    files
}

#[test]
fn no_name_in_an_upload_leads_out() {
    let app = app_with_secrets(&[]);
    let before = files_outside_the_sets(&app);
    for wrong in wrong_names().iter().filter(|name| name.len() <= 5_000) {
        let plain = wrong.replace("%2f", "/").replace("%2e", ".").replace("%5c", "\\");
        for name in [wrong, &plain] {
            for (file_name, field) in [(format!("{name}.csv"), ""), (name.clone(), ""), ("a.csv".into(), name.as_str())] {
                let (status, location, text) = datasets::send(
                    &app,
                    &file_name,
                    b"text,label\nfine,1\nbad,0\n",
                    &[("name", field), ("text_column", field)],
                    "application/json",
                );
                assert!(status < 500, "{file_name:.200} {field:.200}: {status} {text}");
                assert!(!location.contains("..") && !text.contains("planted-secret"), "{file_name:.200}: {location} {text}");
            }
        }
    }
    assert_eq!(files_outside_the_sets(&app), before, "an upload wrote elsewhere");
    for entry in fs::read_dir(app.data_dir().join("datasets")).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap();
        assert!(
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte)) && !name.starts_with('.'),
            "{name}"
        );
    }
}

#[test]
fn no_address_leads_out_of_the_client() {
    let outside = tempfile::tempdir().unwrap();
    let site = outside.path().join("site");
    fs::create_dir_all(site.join("pkg")).unwrap();
    fs::write(outside.path().join("secret"), "planted-secret").unwrap();
    let app = app_with_secrets(&["--site-dir", site.to_str().unwrap()]);
    for wrong in wrong_names() {
        for path in [format!("/{wrong}"), format!("/pkg/{wrong}"), format!("/pkg/../{wrong}")] {
            let answer = app.client.raw_get(&path);
            gives_nothing_away(&answer, &path[..path.len().min(200)]);
            assert!(answer.status < 500, "{}", answer.status);
        }
    }
}
