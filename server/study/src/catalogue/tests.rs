use super::*;
use std::fs;

const COMMIT: &str = "607a30d783dfa663caf39e06633721c8d4cfcd7e";

struct Fixture {
    folder: tempfile::TempDir,
    catalogue: Catalogue,
}

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/llama_tiny")
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubSettings { endpoint: "http://127.0.0.1:9".into(), token: None, cache: Some(folder.path().join("hub")), offline: true };
    let catalogue = Catalogue { models_dir: Some(folder.path().join("models")), default_model: "/none/model.gguf".into(), hub };
    fs::create_dir(folder.path().join("models")).unwrap();
    Fixture { folder, catalogue }
}

fn copy_model(to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        fs::copy(tiny().join(name), to.join(name)).unwrap();
    }
}

/// A snapshot in the hub's cache, and the record that `add` would have written.
fn plant(fixture: &Fixture, revision: &str, commit: &str, record: bool) -> PathBuf {
    let root = fixture.folder.path().join("hub/models--org--tiny");
    let snapshot = root.join("snapshots").join(commit);
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(root.join("blobs")).unwrap();
    fs::create_dir_all(root.join("refs")).unwrap();
    let mut made = vec![PathBuf::from("refs").join(revision)];
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        let blob = PathBuf::from("blobs").join(name.replace('.', "-"));
        if !root.join(&blob).exists() {
            fs::copy(tiny().join(name), root.join(&blob)).unwrap();
            made.push(blob.clone());
        }
        std::os::unix::fs::symlink(Path::new("../..").join(&blob), snapshot.join(name)).unwrap();
        made.push(PathBuf::from("snapshots").join(commit).join(name));
    }
    fs::write(root.join("refs").join(revision), commit).unwrap();
    if record {
        let brought = Some(Brought { commit: commit.into(), root: root.clone(), made });
        let name = format!("org/tiny@{revision}");
        fixture.catalogue.records().unwrap().write(&Record { source: format!("hf:{name}"), name, brought }).unwrap();
    }
    root
}

fn names(catalogue: &Catalogue) -> Vec<(String, ModelOrigin)> {
    catalogue.list().into_iter().map(|entry| (entry.name, entry.origin)).collect()
}

fn refusal(result: Result<impl std::fmt::Debug, StudyError>) -> String {
    match result {
        Err(StudyError::Invalid(errors)) => errors.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_path_is_added_and_only_its_entry_removed() {
    let fixture = fixture();
    let catalogue = &fixture.catalogue;
    let model = fixture.folder.path().join("mine");
    copy_model(&model);
    let source = model.to_str().unwrap();
    let entry = catalogue.add(source, &mut |_| Flow::Continue(())).unwrap();
    assert_eq!((entry.name.as_str(), entry.origin), ("mine", ModelOrigin::Path));
    let details = entry.details.unwrap();
    assert_eq!(details.summary.sha256, rankscope_engine::hash_model(&tiny()).unwrap());
    assert_eq!(details.training.len(), 4);
    assert!(details.disk_bytes > 100_000);
    assert_eq!(names(catalogue), [("mine".into(), ModelOrigin::Path)]);

    let other = fixture.folder.path().join("elsewhere/mine");
    copy_model(&other);
    let text = refusal(catalogue.add(other.to_str().unwrap(), &mut |_| Flow::Continue(())));
    assert!(text.contains("there already") && text.contains(source), "{text}");

    assert_eq!(catalogue.remove("mine").unwrap(), 0);
    assert!(model.join("model.safetensors").exists(), "the user's own file is gone");
    assert!(names(catalogue).is_empty());
}

#[test]
fn what_lies_in_the_folder_is_listed_and_stays() {
    let fixture = fixture();
    let folder = fixture.folder.path().join("models");
    copy_model(&folder.join("tiny"));
    fs::write(folder.join("broken.gguf"), "no model").unwrap();
    let list = fixture.catalogue.list();
    assert_eq!(list.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["broken.gguf", "tiny"]);
    assert!(list[0].details.is_none() && list[0].problem.contains("broken.gguf"), "{:?}", list[0]);
    let text = refusal(fixture.catalogue.remove("tiny"));
    assert!(text.contains("has not put it there") && folder.join("tiny/config.json").exists(), "{text}");
    assert!(refusal(fixture.catalogue.remove("no such")).contains("models list"));
    assert!(refusal(fixture.catalogue.add("default", &mut |_| Flow::Continue(()))).contains("always there"));
    assert!(refusal(fixture.catalogue.add("/no/such", &mut |_| Flow::Continue(()))).contains("no such file"));
}

#[test]
fn what_others_have_fetched_is_used_and_never_removed() {
    let fixture = fixture();
    let root = plant(&fixture, "main", COMMIT, false);
    assert_eq!(names(&fixture.catalogue), [("org/tiny@main".into(), ModelOrigin::HubCache)]);
    let entry = fixture.catalogue.inspect("org/tiny").unwrap();
    let details = entry.details.unwrap();
    assert_eq!((details.summary.name.as_str(), details.summary.revision.as_deref()), ("org/tiny", Some(COMMIT)));
    let text = refusal(fixture.catalogue.remove("org/tiny"));
    assert!(text.contains("Another program"), "{text}");
    assert!(root.join("refs/main").exists());
}

#[test]
fn what_was_fetched_is_removed_and_nothing_else() {
    let fixture = fixture();
    let root = plant(&fixture, "main", COMMIT, true);
    // another program has put a file of its own beside ours
    fs::write(root.join("blobs/theirs"), "keep").unwrap();
    assert_eq!(names(&fixture.catalogue), [("org/tiny@main".into(), ModelOrigin::Hub)]);
    let freed = fixture.catalogue.remove("org/tiny").unwrap();
    assert!(freed > 100_000, "{freed}");
    assert!(names(&fixture.catalogue).is_empty());
    let left: Vec<_> = fs::read_dir(&root).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["blobs"]);
    assert_eq!(fs::read_dir(root.join("blobs")).unwrap().count(), 1);
}

#[test]
fn content_that_another_revision_needs_stays_until_that_goes_too() {
    let fixture = fixture();
    let other = COMMIT.replace('6', "7");
    let root = plant(&fixture, "main", COMMIT, true);
    plant(&fixture, "v2", &other, true);
    fixture.catalogue.remove("org/tiny@main").unwrap();
    assert!(!root.join("snapshots").join(COMMIT).exists());
    let entry = fixture.catalogue.find("org/tiny@v2", Look::Quick).unwrap();
    assert!(entry.details.is_some(), "{}", entry.problem);
    fixture.catalogue.remove("org/tiny@v2").unwrap();
    assert!(!root.exists(), "what the first model had brought was forgotten");
}

#[test]
fn a_record_that_leads_elsewhere_removes_nothing_there() {
    let fixture = fixture();
    let precious = fixture.folder.path().join("precious");
    fs::write(&precious, "x").unwrap();
    let root = plant(&fixture, "main", COMMIT, false);
    let records = fixture.catalogue.records().unwrap();
    let made = vec![PathBuf::from("../../precious"), precious.clone()];
    let brought = Some(Brought { commit: COMMIT.into(), root, made });
    records.write(&Record { name: "org/tiny@main".into(), source: "hf:org/tiny@main".into(), brought }).unwrap();
    fixture.catalogue.remove("org/tiny@main").unwrap();
    assert!(precious.exists());
}

#[test]
fn unfinished_studies_hold_their_model() {
    let fixture = fixture();
    plant(&fixture, "main", COMMIT, true);
    let model = fixture.catalogue.find("org/tiny", Look::Quick).unwrap();
    let studies = fixture.folder.path().join("studies");
    let mut recipe = rankscope_domain::Recipe::from_toml("name = \"x\"").unwrap();
    recipe.arms = vec![rankscope_domain::recipe::ArmSpec::lora(4, 1e-3)];
    for (name, source) in [("same", "hf:org/tiny@main"), ("commit", &format!("hf:org/tiny@{COMMIT}")), ("other", "hf:org/other@main")] {
        recipe.name = name.into();
        recipe.model.source = source.into();
        crate::Study::create(&studies.join(name), &recipe).unwrap();
    }
    assert_eq!(unfinished_studies(&fixture.catalogue, &studies, &model), ["commit", "same"]);
    fs::write(studies.join("same/results.json"), "{}").unwrap();
    assert_eq!(unfinished_studies(&fixture.catalogue, &studies, &model), ["commit"]);
}
