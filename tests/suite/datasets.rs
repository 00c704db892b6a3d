//! Sets of labelled texts: added, looked at, uploaded and removed, on the command line and over the pages.

use super::support::{
    self, TestApp,
    hub::{COMMIT, TestHub},
    program::{Said, rankscope, run},
};
use leptos::server_fn::ServerFn;
use rankscope_app::api::datasets::{AddDataset, RemoveDataset};
use rankscope_domain::dataset::{DatasetEntry, DatasetOrigin};
use std::{fs, path::Path};

const TABLE: &str = "text,label,place\nfine words,good,north\nno,bad,south\nyes,good,south\nnever <b>again</b>,bad,north\n";

#[track_caller]
fn datasets(data: &Path, arguments: &[&str], code: i32) -> Said {
    let said = run(rankscope().args(["datasets"]).args(arguments).env("RANKSCOPE_DATA_DIR", data).current_dir(data));
    assert_eq!(said.code, Some(code), "{said:?}");
    said
}

/// What a form with a file sends.
fn form(file_name: &str, content: &[u8], fields: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes());
    }
    let head = format!("--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\nContent-Type: text/csv\r\n\r\n");
    body.extend(head.into_bytes());
    body.extend(content);
    body.extend(b"\r\n--X--\r\n");
    body
}

/// Sends a file; gives the status, where the answer leads, and its text.
pub(crate) fn send(app: &TestApp, file_name: &str, content: &[u8], fields: &[(&str, &str)], accept: &str) -> (u16, String, String) {
    let request = app.client.post("/datasets/upload").header("content-type", "multipart/form-data; boundary=X").header("accept", accept);
    let answer = request.body(form(file_name, content, fields)).send().expect("an answer");
    let location = answer.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default().to_string();
    (answer.status().as_u16(), location, answer.text().expect("text"))
}

fn left(app: &TestApp) -> Vec<String> {
    let entries = fs::read_dir(app.data_dir().join("datasets")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_set_is_added_looked_at_and_removed_on_the_command_line() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("Words & more.csv");
    fs::write(&file, TABLE).expect("a file");
    let list: Vec<DatasetEntry> = serde_json::from_str(&datasets(home.path(), &["list", "--json"], 0).stdout).expect("a list");
    assert_eq!(list.iter().map(|set| set.name.as_str()).collect::<Vec<_>>(), ["builtin"]);
    let path = file.to_str().expect("a path");
    let added = datasets(home.path(), &["add", path, "--label-names", "bad,good", "--json"], 0);
    let set: DatasetEntry = serde_json::from_str(&added.stdout).expect("a set");
    assert_eq!((set.source.as_str(), set.origin), ("dataset:words-more", DatasetOrigin::Path));
    let said = datasets(home.path(), &["inspect", "words-more"], 0).stdout;
    for part in ["bad, good", "dataset:words-more", "Column place: 2 different values, most often north (2), south (2)"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(datasets(home.path(), &["list"], 0).stdout.contains("train 240, test 80"));
    assert!(datasets(home.path(), &["add", path], 2).stderr.contains("there already"));
    let wrong = home.path().join("wrong.jsonl");
    fs::write(&wrong, "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\", \"label\": null}\n").expect("a file");
    let said = datasets(home.path(), &["add", wrong.to_str().expect("a path")], 2).stderr;
    assert!(said.contains("Line 2, column label: the label is missing"), "{said}");
    // one that a study still needs stays
    let study = home.path().join("studies/01");
    fs::create_dir_all(&study).expect("a folder");
    fs::write(study.join("recipe.toml"), "name = \"needs it\"\nkind = \"classification\"\n[data]\nsource = \"dataset:words-more\"\n")
        .expect("a recipe");
    assert!(datasets(home.path(), &["remove", "words-more"], 2).stderr.contains("needs it"));
    fs::write(study.join("results.json"), "{}").expect("results");
    datasets(home.path(), &["remove", "words-more"], 0);
    assert!(file.exists());
    assert!(datasets(home.path(), &["remove", "builtin"], 2).stderr.contains("not removed"));
    assert!(datasets(home.path(), &["inspect", "words-more"], 2).stderr.contains("no such set"));
}

#[test]
fn a_set_of_the_hub_is_fetched_and_only_what_belongs_to_it() {
    let card = "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*\n  - split: test\n    path: data/test-*\n\
                dataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n        names:\n          '0': down\n          '1': up\n---\n";
    let numbers = TABLE.replace(",good,", ",1,").replace(",bad,", ",0,");
    let files = [
        ("README.md", card),
        ("data/train-00000-of-00001.csv", &numbers),
        ("data/test-00000-of-00001.csv", &numbers),
        ("loader.py", "not to be fetched"),
        ("other/extra.csv", "not to be fetched"),
    ];
    let hub = TestHub::serving(files.into_iter().map(|(name, content)| (name.to_string(), content.as_bytes().to_vec())).collect());
    let home = tempfile::tempdir().expect("a folder");
    let command = |arguments: &[&str]| {
        let mut command = rankscope();
        command.env_remove("HF_TOKEN").env_remove("HF_HUB_OFFLINE").env_remove("TRANSFORMERS_OFFLINE");
        command.env("HF_ENDPOINT", &hub.endpoint).env("HF_HUB_CACHE", home.path().join("hub")).env("RANKSCOPE_DATA_DIR", home.path());
        run(command.arg("datasets").args(arguments).current_dir(home.path()))
    };
    let said = command(&["add", "hf:org/tiny", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let set: DatasetEntry = serde_json::from_str(&said.stdout).expect("a set");
    assert_eq!((set.source.as_str(), set.origin), ("dataset:tiny", DatasetOrigin::Hub));
    let summary = set.summary.expect("a summary");
    assert_eq!(summary.labels, ["down", "up"]);
    assert_eq!(summary.splits.iter().map(|split| (split.name.as_str(), split.rows)).collect::<Vec<_>>(), [("train", 4), ("test", 4)]);
    let snapshot = home.path().join("hub/datasets--org--tiny/snapshots").join(COMMIT);
    assert!(
        snapshot.join("data/train-00000-of-00001.csv").is_file()
            && !snapshot.join("loader.py").exists()
            && !snapshot.join("other").exists()
    );
    assert!(hub.seen().iter().all(|request| !request.path.contains("loader.py")));
    let said = command(&["add", "hf:org/none"]);
    assert!(said.code == Some(2) && said.stderr.contains("no such set"), "{said:?}");
    assert_eq!(command(&["remove", "tiny"]).code, Some(0));
    assert!(snapshot.join("data/train-00000-of-00001.csv").is_file(), "the hub's cache is not ours alone");
}

#[test]
fn a_file_is_uploaded_shown_and_removed() {
    let app = TestApp::start();
    let (status, location, _) = send(&app, "../../Mine.csv", TABLE.as_bytes(), &[("name", ""), ("label_names", "bad, good")], "text/html");
    assert_eq!((status, location.as_str()), (303, "/datasets/mine"));
    assert_eq!(left(&app), ["mine"]);
    let page = app.client.page("/datasets/mine");
    for part in [
        "Use in a study",
        "data.source=dataset%3Amine",
        "never &lt;b&gt;again&lt;/b&gt;",
        "north (2), south (2)",
        "<details class=\"cover\">",
    ] {
        assert!(page.contains(part), "{part} is not on the page");
    }
    assert!(app.client.page("/datasets/mine?show=1").contains("class=\"cover\""), "an address uncovers nothing");
    support::files::check_figure(&app, "/datasets/mine/figures/lengths.FORMAT?of=all", "lengths");
    for (table, rows) in [("splits", "\nall,4,2,2\r"), ("columns", "\nplace,2,north,2\r"), ("lengths", "\nall,")] {
        assert!(page.contains(&format!("/datasets/mine/tables/{table}.tex")), "{table} has no link");
        let csv = support::files::check_table(&app, &format!("/datasets/mine/tables/{table}.FORMAT"), table);
        assert!(csv.contains(rows), "{table}: {csv}");
    }
    assert!(page.contains("/datasets/mine/figures/lengths.pdf?width=column"), "{page}");
    for (file, status, said) in [
        ("mine/figures/lengths.gif", 404, "There are, ending in .svg, .png or .pdf: lengths."),
        ("mine/tables/lengths.xlsx", 404, "There are, ending in .csv, .json or .tex: splits, columns, lengths."),
        ("mine/figures/lengths.png?width=poster", 422, "column (84 mm) and page (174 mm)"),
        ("none/figures/lengths.svg", 404, "no such set"),
    ] {
        let answer = app.client.get(&format!("/datasets/{file}"));
        assert_eq!(answer.status().as_u16(), status, "{file}");
        assert!(answer.text().expect("text").contains(said), "{file}");
    }
    let list = app.client.page("/datasets");
    assert!(list.contains("href=\"/datasets/builtin\"") && list.contains("href=\"/datasets/mine\""));

    let study = app.data_dir().join("studies/01ARZ3NDEKTSV4RRFFQ69G5FAV");
    fs::create_dir_all(&study).expect("a folder");
    fs::write(study.join("recipe.toml"), "name = \"needs it\"\nkind = \"classification\"\n[data]\nsource = \"dataset:mine\"\n")
        .expect("a recipe");
    let remove = || app.client.post(RemoveDataset::PATH).form(&[("name", "mine")]).send().expect("an answer");
    let refused = remove();
    assert_eq!(refused.status().as_u16(), 409);
    assert!(refused.text().expect("text").contains("needs it"));
    fs::remove_dir_all(&study).expect("gone");
    assert!(remove().status().is_success());
    assert_eq!(left(&app), [""; 0]);
    assert_eq!(app.client.get("/datasets/mine").status().as_u16(), 404);
}

#[test]
fn what_is_wrong_with_an_upload_is_said_and_nothing_is_left() {
    let app = TestApp::with(&["--dataset-upload-limit", "1MiB"]);
    let large = format!("text,label\n{}", "some words,1\nothers,0\n".repeat(80_000));
    let program = "application/json";
    for (file_name, content, fields, part) in [
        ("a.csv", &b"text,label\na,1\n,0\n"[..], &[][..], "Line 3, column text: the text is empty"),
        ("a.csv", b"words,label\na,1\n", &[], "its columns are: words, label"),
        ("a.parquet", b"PAR1 nothing PAR1", &[], "damaged or cut off"),
        ("a.exe", b"MZ", &[], "must end in .jsonl"),
        ("", b"", &[], "Choose a file"),
        ("a.csv", TABLE.as_bytes(), &[("name", "../../up")], "lower-case letters"),
        ("a.csv", TABLE.as_bytes(), &[("name", "upload")], "lower-case letters"),
        ("a.csv", TABLE.as_bytes(), &[("label_names", "x,y")], "none of the labels x, y"),
        ("a.csv", large.as_bytes(), &[], "more than 1048576 bytes"),
        ("a.exe", b"MZ", &[("name", "typed"), ("text_column", "words"), ("label_column", "class")], "must end in .jsonl"),
    ] {
        let (status, _, text) = send(&app, file_name, content, fields, program);
        assert!(status == 422 && text.contains(part), "{file_name}: {status} {text}");
        // a browser is led back to the form, which says the same
        let (status, location, _) = send(&app, file_name, content, fields, "text/html");
        assert_eq!(status, 303);
        let page = app.client.page(&location);
        assert!(page.contains(&part.replace('"', "&quot;")) && page.contains("id=\"refused\""), "{location}");
        for (name, value) in fields {
            assert!(page.contains(&format!("value=\"{value}\"")), "{name}: what was typed is gone: {location}");
        }
    }
    assert_eq!(left(&app), [""; 0]);
    assert!(!app.data_dir().join("up").exists());
    let foreign = app
        .client
        .post("/datasets/upload")
        .header("origin", "http://evil.example")
        .header("content-type", "multipart/form-data; boundary=X");
    assert_eq!(foreign.body(form("a.csv", TABLE.as_bytes(), &[])).send().expect("an answer").status().as_u16(), 403);
    let none = app
        .client
        .post("/datasets/upload")
        .header("content-type", "multipart/form-data; boundary=X")
        .body("broken")
        .send()
        .expect("an answer");
    assert_eq!(none.status().as_u16(), 422);
    // other forms are as small as before
    let other = app.client.post(AddDataset::PATH).body(vec![b'x'; 2 << 20]).send().expect("an answer");
    assert_eq!(other.status().as_u16(), 413);
    assert_eq!(left(&app), [""; 0]);
}

#[test]
fn a_path_is_added_from_the_page() {
    let app = TestApp::start();
    let file = app.data_dir().join("words.csv");
    fs::write(&file, TABLE).expect("a file");
    let add = |source: &str, name: &str| {
        let fields = [("source", source), ("name", name), ("label_names", if name == "typed" { "no, yes" } else { "" })];
        app.client.post(AddDataset::PATH).header("accept", "text/html").form(&fields).send().expect("an answer")
    };
    let answer = add(file.to_str().expect("a path"), "w");
    assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (302, &"/datasets/w".parse().expect("an address")));
    assert!(app.client.page("/datasets/w").contains("Added by its path"));
    let refused = add("/none/at/all.csv", "typed");
    let page = app.client.page(refused.headers()["location"].to_str().expect("an address"));
    assert!(page.contains("no such file or directory") && page.contains("value=\"/none/at/all.csv\""));
    assert!(page.contains("value=\"typed\"") && page.contains("value=\"no, yes\""), "what was typed is gone");
    assert_eq!(app.client.raw_get("/datasets/%2e%2e").status, 400);
    assert_eq!(app.client.get("/datasets/none").status().as_u16(), 404);
}
