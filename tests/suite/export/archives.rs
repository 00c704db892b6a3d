//! A study goes from one data directory to another and is the same there; what is wrong with an archive is said, and nothing is left.

use super::{
    super::annotation::{Round, asked},
    FIGURES, Fixture, TABLES, TestApp, classification, command,
};
use rankscope_app::{
    api::annotations::{GetJudgePage, ListRounds},
    error::AppError,
};
use rankscope_domain::{
    annotation::{Annotator, JudgePage, JudgeReport, RoundSummary},
    view::StudyStatus::Finished,
};
use rankscope_study::archive::{MANIFEST, Manifest, ManifestFile};
use std::{
    fs,
    io::{Cursor, Read, Write},
    path::Path,
};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// Entries of an archive, in its order.
type Entries = Vec<(String, Vec<u8>)>;

fn read(bytes: &[u8]) -> Entries {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    (0..zip.len())
        .map(|index| {
            let mut file = zip.by_index(index).expect("an entry");
            let mut content = Vec::new();
            file.read_to_end(&mut content).expect("a content");
            (file.name().expect("a name").into_owned(), content)
        })
        .collect()
}

fn text_of((_, content): &(String, Vec<u8>)) -> String {
    String::from_utf8_lossy(content).into_owned()
}

fn write(entries: &Entries) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(name, SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)).expect("an entry");
        zip.write_all(content).expect("a content");
    }
    zip.finish().expect("an archive").into_inner()
}

fn sha256(content: &[u8]) -> String {
    super::super::support::hub::sha256(content)
}

/// With a manifest that is true of the other entries, whatever they are.
fn listed(mut entries: Entries) -> Vec<u8> {
    entries.retain(|(name, _)| name != MANIFEST);
    let files = entries
        .iter()
        .map(|(path, content)| ManifestFile { path: path.clone(), bytes: content.len() as u64, sha256: sha256(content) })
        .collect();
    let manifest = Manifest { rankscope_archive: 1, rankscope_version: "0".into(), name: "x".into(), files };
    entries.push((MANIFEST.into(), serde_json::to_vec(&manifest).expect("JSON")));
    write(&entries)
}

fn upload(app: &TestApp, archive: &[u8], accept: &str) -> (u16, String, String) {
    let mut body =
        b"--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../study.zip\"\r\nContent-Type: application/zip\r\n\r\n"
            .to_vec();
    body.extend(archive);
    body.extend(b"\r\n--X--\r\n");
    let request = app.client.post("/studies/import").header("content-type", "multipart/form-data; boundary=X").header("accept", accept);
    let answer = request.body(body).send().expect("an answer");
    let location = answer.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default().to_string();
    (answer.status().as_u16(), location, answer.text().expect("text"))
}

/// What is in the folder of studies.
fn left(data: &Path) -> Vec<String> {
    fs::read_dir(data.join("studies"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn bytes_of(app: &TestApp, path: &str) -> (u16, Vec<u8>) {
    let answer = app.client.get(path);
    (answer.status().as_u16(), answer.bytes().expect("bytes").to_vec())
}

#[test]
fn a_study_is_the_same_in_another_data_directory() {
    let here = TestApp::start();
    let fixture = Fixture::new();
    let id = here.client.start(&classification(&fixture), "to-go").expect("a study");
    here.client.wait_for(&id, Finished);
    let there = TestApp::start();
    for (id, has_adapters) in [("example", false), (id.as_str(), true)] {
        let answer = here.client.get(&format!("/studies/{id}/export.zip?adapters=1"));
        assert_eq!(answer.headers()["content-type"], "application/zip");
        assert_eq!(answer.headers()["content-disposition"], format!("attachment; filename=\"rankscope-{id}.zip\"").as_str());
        let archive = answer.bytes().expect("an archive").to_vec();
        let entries = read(&archive);
        let has = |name: &str| entries.iter().any(|(known, _)| known == name);
        for name in ["README.txt", "report.html", "study/recipe.toml", "study/results.json", "study/events.jsonl", "study/provenance.json"]
        {
            assert!(has(name), "{name} is not in the archive");
        }
        assert!(has("figures/loss-column.png") && has("tables/cells.tex") && !has("study/worker.log"));
        assert_eq!(entries.iter().any(|(name, _)| name.ends_with("adapter_model.safetensors")), has_adapters);
        assert!(!entries.iter().any(|(name, _)| name.contains("/model/")), "full weights were not asked for");
        assert_eq!(entries.last().expect("a manifest").0, MANIFEST);
        // all of them can stand in one paper
        let tables: Vec<String> = entries.iter().filter(|(name, _)| name.ends_with(".tex")).map(text_of).collect();
        let labels: Vec<&str> = tables.iter().filter_map(|tex| tex.split("\\label{").nth(1)?.split('}').next()).collect();
        let distinct: std::collections::BTreeSet<&&str> = labels.iter().collect();
        assert!(labels.len() > 5 && labels.len() == tables.len() && distinct.len() == labels.len(), "{id}: {labels:?}");

        let (status, location, text) = upload(&there, &archive, "text/html");
        assert_eq!(status, 303, "{text}");
        let new = location.strip_prefix("/studies/").unwrap_or_else(|| panic!("refused: {location}"));
        assert!(new.len() == 26 && new != id, "{new}");
        let page = there.client.page(&location);
        assert!(page.contains("imported") && page.contains("finished"));
        assert!(there.client.page("/").contains(&location));
        assert!(there.client.page(&format!("{location}?tab=recipe")).contains("from an archive that Rankscope"));

        // the same to the byte
        let same = |path: &str| {
            let (mine, theirs) = (bytes_of(&here, &format!("/studies/{id}/{path}")), bytes_of(&there, &format!("{location}/{path}")));
            assert!(mine == theirs, "{id}: {path} differs ({} and {})", mine.0, theirs.0);
            mine.0 == 200
        };
        assert!(same("results.json") && same("recipe.toml") && same("report.html"));
        for figure in FIGURES {
            same(&format!("figures/{figure}.svg"));
            same(&format!("figures/{figure}.png?width=column"));
        }
        for table in TABLES {
            same(&format!("tables/{table}.csv"));
            same(&format!("tables/{table}.tex"));
        }
        let overview = |app: &TestApp, id: &str| app.client.study(id).expect("the study");
        let (mine, theirs) = (overview(&here, id), overview(&there, new));
        assert_eq!((mine.results, mine.provenance, mine.progress), (theirs.results, theirs.provenance, theirs.progress));
        let note = theirs.card.imported.expect("a note");
        assert_eq!(note.archive_sha256, sha256(&archive));
        assert!(mine.card.imported.is_none() && !theirs.card.is_example);

        // what was taken in is given out again, and by the command line as by the page
        assert!(bytes_of(&there, &format!("{location}/export.zip?adapters=1")).1 == archive, "{id}: another archive comes out");
        let file = there.data_dir().join("again.zip");
        command(there.data_dir(), &["export", new, "--adapters", "--out", file.to_str().expect("a path")], 0);
        assert!(fs::read(&file).expect("an archive") == archive, "{id}: the command line writes another archive");

        assert!(matches!(there.client.resume(new), Err(AppError::Conflict(_))), "there is nothing to go on with");
        there.client.delete(new).expect("it can be deleted");
        assert_eq!(left(there.data_dir()), [""; 0]);
    }
}

/// Without what differs from one data directory to another: the round's id, and where its people come from.
fn said_of_the_judge(page: JudgePage) -> (JudgeReport, Vec<String>) {
    let mut report = page.report.expect("a report");
    let names = report.round.annotators.iter().map(|one| format!("{} {}", one.annotator.name, one.labelled)).collect();
    report.round.id.clear();
    for one in &mut report.round.annotators {
        one.annotator.source.clear();
    }
    (report, names)
}

#[test]
fn labels_go_along_where_they_are_asked_for_and_say_the_same_there() {
    let here = TestApp::start();
    let round = Round::draw(&here, "example", "30");
    for (name, unsure) in [("Anna", 1000), ("Bo", 7)] {
        round.begin(name);
        for at in 1..=30 {
            let item = round.look(name, Some(at)).item.expect("a completion");
            let label = match () {
                () if at % unsure == 0 => "unsure",
                () if item.text.len() > 45 => "toxic",
                () => "not_toxic",
            };
            assert_eq!(round.give(name, &item.id, label).0, 200);
        }
    }
    // a round that nobody has begun goes along too
    Round::draw(&here, "example", "5");
    let page = here.client.page("/studies/example");
    assert!(page.contains("name=\"labels\"") && page.contains("which name their annotators"));

    let readme = |entries: &Entries| text_of(entries.iter().find(|(name, _)| name == "README.txt").expect("a README"));
    let plain = read(&bytes_of(&here, "/studies/example/export.zip").1);
    let all: String = plain.iter().map(text_of).collect();
    assert!(!plain.iter().any(|(name, _)| name == "labels.json") && !all.contains("\"Anna\""), "nobody asked for names");
    assert!(readme(&plain).contains("are not in this archive") && readme(&plain).contains("--labels"));

    let (_, archive) = bytes_of(&here, "/studies/example/export.zip?labels=1");
    let file = here.data_dir().join("labels.zip");
    command(here.data_dir(), &["export", "example", "--labels", "--out", file.to_str().expect("a path")], 0);
    assert!(fs::read(&file).expect("an archive") == archive, "the command line writes another archive");
    let entries = read(&archive);
    let labels = text_of(entries.iter().find(|(name, _)| name == "labels.json").expect("labels"));
    assert!(readme(&entries).contains("are in this archive, in labels.json"));
    assert!(labels.contains("\"Anna\"") && !labels.contains(&round.id) && !labels.contains("secret") && !labels.contains("owner"));

    let mine = said_of_the_judge(round.report());
    // over the page and over the command line, in one data directory: two studies that know nothing of one another
    let there = TestApp::start();
    let (status, location, text) = upload(&there, &archive, "text/html");
    assert_eq!(status, 303, "{text}");
    let said = command(there.data_dir(), &["import", file.to_str().expect("a path"), "--json"], 0);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    let ids = [location.strip_prefix("/studies/").expect("an id"), json["id"].as_str().expect("an id")];
    for id in ids {
        let rounds = asked::<ListRounds, Vec<RoundSummary>>(&there, &[("id", id)]);
        assert_eq!(rounds.iter().map(|round| round.items).collect::<Vec<_>>(), [5, 30], "newest first");
        assert!(rounds[1].annotators.iter().all(|one| one.annotator.source == Annotator::IMPORTED), "{rounds:?}");
        assert!(rounds.iter().all(|one| one.id != round.id), "a round has an id of its own");
        let page = asked::<GetJudgePage, JudgePage>(&there, &[("id", id), ("round", &rounds[1].id)]);
        assert!(said_of_the_judge(page) == mine, "{id}: the judge's errors and the corrected shares are others");
        assert!(there.client.page(&format!("/studies/{id}?tab=judge")).contains("Anna"));
        // and it goes out again as it came
        assert!(bytes_of(&there, &format!("/studies/{id}/export.zip?labels=1")).1 == archive, "{id}: another archive comes out");
        assert!(!there.data_dir().join("studies").join(id).join("labels.json").exists(), "labels lie in the index alone");
    }
    there.client.delete(ids[0]).expect("it can be deleted");
    assert_eq!(asked::<ListRounds, Vec<RoundSummary>>(&there, &[("id", ids[1])]).len(), 2);

    // what is not of this study is refused, and nothing is left
    for (what, from, to, part) in [
        ("a name that is none", "\"Anna\"", "\"An\\nna\"", "labels.json: round 1: \"An\\nna\" is no name"),
        ("a weight of one's own", "\"weight\":", "\"weight\":1", "does not stand for as many"),
        ("a field of nobody's", "{\"rounds\":", "{\"secret\":1,\"rounds\":", "labels.json: it is not what Rankscope writes there"),
        ("a label that is none", "\"unsure\"", "\"maybe\"", "labels.json: it is not what Rankscope writes there"),
    ] {
        assert!(labels.contains(from), "{what}");
        let broken = listed(changed(&entries, "labels.json", |text| text.replacen(from, to, 1)));
        let (status, _, text) = upload(&there, &broken, "application/json");
        assert!(status == 422 && text.contains(part), "{what}: {status} {text}");
    }
    assert_eq!(left(there.data_dir()), [ids[1]]);
    let elsewhere = tempfile::tempdir().expect("a folder");
    // of a directory that is no study of the data directory nobody knows any labels; of one that is they are found
    let own = there.data_dir().join("studies").join(ids[1]);
    let own = own.to_str().expect("a path");
    let refused = command(elsewhere.path(), &["export", own, "--labels", "--out", "x.zip"], 2);
    assert!(refused.stderr.contains("--labels") && refused.stderr.contains("--data-dir"), "{}", refused.stderr);
    command(there.data_dir(), &["export", own, "--labels", "--out", "x.zip"], 0);
    assert!(fs::read(there.data_dir().join("x.zip")).expect("an archive") == archive);
}

#[test]
fn an_import_on_the_command_line_is_shown_by_a_server_that_runs() {
    let app = TestApp::start();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let archive = elsewhere.path().join("example.zip");
    let archive = archive.to_str().expect("a path");
    command(elsewhere.path(), &["export", "example", "--out", archive], 0);
    let said = command(app.data_dir(), &["import", archive, "--json"], 0);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    let id = json["id"].as_str().expect("an id");
    assert!(app.client.page(&format!("/studies/{id}")).contains("imported"));
    assert!(app.client.page("/").contains(id));
    let app = app.restart(|_| {});
    assert_eq!(app.client.status(id), Finished);
    assert_eq!(
        app.client.get(&format!("/studies/{id}/results.json")).bytes().expect("bytes"),
        app.client.get("/studies/example/results.json").bytes().expect("bytes")
    );

    for (arguments, part) in [
        (&["export", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "--out", "x.zip"][..], "no study of that id"),
        (&["export", "../../etc", "--out", "x.zip"], "no study of that id"),
        (&["export", "example", "--out", "/nowhere/at/all.zip"], "can't be written"),
        (&["import", "none.zip"], "no such file"),
    ] {
        assert!(command(elsewhere.path(), arguments, 2).stderr.contains(part), "{arguments:?}");
    }
    assert!(!elsewhere.path().join("x.zip").exists());
    fs::write(elsewhere.path().join("bad.zip"), "nothing").expect("a file");
    assert!(command(elsewhere.path(), &["import", "bad.zip"], 2).stderr.contains("no archive of a study"));
    assert_eq!(left(elsewhere.path()), [""; 0]);
}

/// Takes an entry and gives what is in its place.
fn changed(entries: &Entries, name: &str, change: impl Fn(&str) -> String) -> Entries {
    let mut entries = entries.clone();
    let (_, content) = entries.iter_mut().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}"));
    *content = change(std::str::from_utf8(content).expect("text")).into_bytes();
    entries
}

fn with(entries: &Entries, name: &str, content: &[u8]) -> Entries {
    let mut entries = entries.clone();
    entries.push((name.into(), content.to_vec()));
    entries
}

fn without(entries: &Entries, name: &str) -> Entries {
    entries.iter().filter(|(known, _)| known != name).cloned().collect()
}

/// The bytes of a name in the archive, wherever it stands, written over by another of the same length.
fn renamed(archive: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut archive = archive.to_vec();
    let mut at = 0;
    let mut found = 0;
    while let Some(place) = archive[at..].windows(from.len()).position(|part| part == from.as_bytes()) {
        archive[at + place..at + place + from.len()].copy_from_slice(to.as_bytes());
        at += place + from.len();
        found += 1;
    }
    assert!(found >= 2, "{from}: in the file's head and in the directory");
    archive
}

fn symlinked(entries: &Entries, name: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new_append(Cursor::new(write(entries))).expect("an archive");
    zip.add_symlink(name, "/etc/passwd", SimpleFileOptions::default()).expect("a link");
    zip.finish().expect("an archive").into_inner()
}

#[test]
fn what_is_wrong_with_an_archive_is_said_and_nothing_is_left() {
    let here = TestApp::start();
    let fixture = Fixture::new();
    let id = here.client.start(&fixture.recipe(), "good").expect("a study");
    here.client.wait_for(&id, Finished);
    let (_, good) = bytes_of(&here, &format!("/studies/{id}/export.zip"));
    let app = TestApp::with(&["--study-upload-limit", "6MiB"]);
    let entries = read(&good);
    let text = |name: &str| {
        entries.iter().find(|(known, _)| known == name).map(|(_, content)| String::from_utf8_lossy(content).into_owned()).expect(name)
    };
    let recipe = text("study/recipe.toml");
    let broken_results = {
        let mut results: serde_json::Value = serde_json::from_str(&text("study/results.json")).expect("JSON");
        results["schema"] = 7.into();
        results.to_string()
    };
    let many: Entries = (0..20_001).map(|index| (format!("tables/t{index}.csv"), Vec::new())).collect();
    let completions = "study/cells/full-s0/completions.jsonl";
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no archive", b"PK nothing".to_vec(), "no archive of a study"),
        ("empty", Vec::new(), "no archive of a study"),
        ("cut off", good[..good.len() / 2].to_vec(), "no archive of a study"),
        ("another archive", write(&vec![("thesis.tex".into(), b"x".to_vec())]), "no file of a study"),
        ("no manifest", write(&without(&entries, MANIFEST)), "no manifest.json"),
        ("a manifest that is none", write(&with(&without(&entries, MANIFEST), MANIFEST, b"[]")), "manifest.json: it can't be read"),
        (
            "a later layout",
            write(&changed(&entries, MANIFEST, |text| text.replace("\"rankscope_archive\": 1", "\"rankscope_archive\": 2"))),
            "it is of the layout 2",
        ),
        ("a file that is not listed", write(&with(&entries, "study/data/chosen.json", b"{}")), "the manifest does not list it"),
        ("a file that is missing", write(&without(&entries, "study/prompts.jsonl")), "study/prompts.jsonl: the manifest lists it"),
        ("a figure that is missing", write(&without(&entries, "figures/toxicity.svg")), "figures/toxicity.svg: the manifest lists it"),
        (
            "another content",
            write(&changed(&entries, completions, |text| text.replacen("\"sample\":0", "\"sample\":7", 1))),
            "its content is not what the manifest says",
        ),
        ("more content", write(&changed(&entries, "study/prompts.jsonl", |text| format!("{text} "))), "larger than the manifest says"),
        (
            "another figure",
            write(&changed(&entries, "figures/toxicity.svg", |text| text.replacen('0', "1", 1))),
            "its content is not what the manifest says",
        ),
        ("a way up", listed(with(&entries, "study/../../../evil.jsonl", b"x")), "begins with a dot"),
        ("a way up at once", listed(with(&entries, "../evil", b"x")), "begins with a dot"),
        ("the root", renamed(&listed(with(&entries, "study/etc/evil", b"x")), "study/etc/evil", "/tudy/etc/evil"), "begins at the root"),
        ("a backslash", renamed(&listed(with(&entries, "study/etc/evil", b"x")), "study/etc/evil", "study\\etc\\evil"), "has a backslash"),
        ("a hidden file", listed(with(&entries, "study/.lock", b"")), "begins with a dot"),
        ("too deep", listed(with(&entries, "study/a/b/c/d/e/f", b"x")), "too deep"),
        ("signs", listed(with(&entries, "study/a:b", b"x")), "other signs than letters"),
        ("a link", symlinked(&entries, "study/worker.log"), "it is a link"),
        (
            "one name twice",
            renamed(&listed(with(&entries, "study/results.jsom", b"{}")), "study/results.jsom", "study/results.json"),
            "have one name",
        ),
        ("one name twice but for capitals", listed(with(&entries, "study/Results.json", b"{}")), "but for capital letters"),
        ("a program", listed(with(&entries, "study/cells/full-s0/run.sh", b"x")), "no file of a study"),
        ("a log", listed(with(&entries, "study/worker.log", b"x")), "no file of a study"),
        ("a note of its own", listed(with(&entries, "study/imported.json", b"{}")), "no file of a study"),
        ("pickled weights", listed(with(&entries, "study/cells/full-s0/model/pytorch_model.bin", b"x")), "no file of a study"),
        (
            "a cell of nobody",
            listed(with(&entries, "study/cells/lora-r3-s9/metrics.json", text("study/cells/full-s0/metrics.json").as_bytes())),
            "no such cell",
        ),
        ("tensors that are none", listed(with(&entries, "study/cells/lora-r2-s0/adapter_model.safetensors", b"x")), "cut off"),
        (
            "a line that is none",
            listed(changed(&entries, completions, |text| format!("{text}{{}}\n"))),
            "is not what Rankscope writes there",
        ),
        (
            "events of nothing",
            listed(changed(&entries, "study/events.jsonl", |text| text.replace("\"finished\"", "\"cancelled\""))),
            "study/events.jsonl",
        ),
        ("no results", listed(without(&entries, "study/results.json")), "results.json: it is not there"),
        ("no recipe", listed(without(&entries, "study/recipe.toml")), "recipe.toml: it is not there"),
        ("no provenance", listed(without(&entries, "study/provenance.json")), "provenance.json: it is not there"),
        ("results of later times", listed(changed(&entries, "study/results.json", |_| broken_results.clone())), "it is of schema 7"),
        (
            "another recipe",
            listed(changed(&entries, "study/recipe.toml", |text| text.replacen("name = \"", "name = \"Not ", 1))),
            "results of another recipe",
        ),
        ("a recipe that is none", listed(changed(&entries, "study/recipe.toml", |_| "name = 1".into())), "study/recipe.toml"),
        ("too many files", listed(many), "more than the 20000"),
        ("a bomb of blanks", listed(changed(&entries, "study/counterfactuals.jsonl", |_| " ".repeat(8 << 20))), "times as large"),
        (
            "too large unpacked",
            listed(with(&entries, "tables/noise.csv", &noise(4 << 20).into_iter().flat_map(|digit| [digit; 8]).collect::<Vec<u8>>())),
            "which is the most that is taken",
        ),
        ("too large", noise(7 << 20), "more than 6291456 bytes"),
    ];
    assert!(recipe.contains("name = \""));
    for (what, archive, part) in &cases {
        let (status, _, text) = upload(&app, archive, "application/json");
        assert!(status == 422 && text.contains(part), "{what}: {status} {text}");
        assert_eq!(left(app.data_dir()), [""; 0], "{what} left something behind");
    }
    // a browser is led back to the form, which says the same
    let (status, location, _) = upload(&app, b"PK nothing", "text/html");
    assert_eq!(status, 303);
    let page = app.client.page(location.split('#').next().expect("an address"));
    assert!(page.contains("no archive of a study") && page.contains("id=\"refused\""), "{location}");
    assert!(!app.data_dir().join("evil").exists() && !app.data_dir().parent().expect("a folder").join("evil.jsonl").exists());
    // and the same archive whole is taken
    let (status, _, text) = upload(&app, &good, "application/json");
    assert_eq!(status, 200, "{text}");
    assert_eq!(left(app.data_dir()).len(), 1);
    let foreign = app
        .client
        .post("/studies/import")
        .header("origin", "http://evil.example")
        .header("content-type", "multipart/form-data; boundary=X");
    assert_eq!(foreign.body(Vec::new()).send().expect("an answer").status().as_u16(), 403);
}

/// Digits that pack to a little less than half.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            b'0' + ((state >> 40) % 10) as u8
        })
        .collect()
}
