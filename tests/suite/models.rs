//! `rankscope models` on the command line, studies of models of the hub, and the models' pages.

use super::support::{
    TestApp, eventually,
    hub::{COMMIT, Faults, TestHub},
    program::{Said, rankscope, run},
    recipes::{Fixture, reference},
};
use leptos::server_fn::ServerFn;
use rankscope_app::api::models::{AddModel, CancelModelJob, ListModelJobs, RemoveModel};
use rankscope_domain::model::{JobState, ModelEntry, ModelJob, ModelOrigin};
use std::{fs, path::PathBuf, process::Command};
use tempfile::TempDir;

/// A home of the test's own: models folder, hub's cache, studies.
struct Home {
    folder: TempDir,
    hub: TestHub,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder, hub: TestHub::of(&reference().join("llama_tiny")) }
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let below = |name: &str| self.folder.path().join(name).to_string_lossy().into_owned();
        vec![
            ("HF_ENDPOINT", self.hub.endpoint.clone()),
            ("HF_HUB_CACHE", below("hub")),
            ("HF_HOME", below("hf")),
            ("RANKSCOPE_MODELS_DIR", below("models")),
            ("RANKSCOPE_DATA_DIR", below("data")),
            ("RANKSCOPE_DEFAULT_MODEL", below("none.gguf")),
        ]
    }

    fn command(&self) -> Command {
        let mut command = rankscope();
        for name in ["HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN"] {
            command.env_remove(name);
        }
        command.envs(self.environment()).current_dir(self.folder.path());
        command
    }

    fn models(&self, arguments: &[&str]) -> Said {
        run(self.command().arg("models").args(arguments))
    }

    fn entries(&self) -> Vec<ModelEntry> {
        serde_json::from_str(&self.models(&["list", "--json"]).stdout).expect("a list")
    }

    fn app(&self) -> TestApp {
        TestApp::with_environment(&[], &self.environment())
    }
}

#[track_caller]
fn says(said: &Said, code: i32, parts: &[&str]) {
    assert_eq!(said.code, Some(code), "{said:?}");
    for part in parts {
        assert!(said.stdout.contains(part) || said.stderr.contains(part), "{part:?} is not in {said:?}");
    }
}

#[test]
fn a_model_of_the_hub_comes_is_used_and_goes() {
    let home = Home::new();
    says(&home.models(&["list"]), 0, &["no model here yet", "models add"]);
    let added = home.models(&["add", "org/tiny", "--json"]);
    says(&added, 0, &[COMMIT]);
    let entry: ModelEntry = serde_json::from_str(&added.stdout).expect("a model");
    let details = entry.details.expect("details");
    assert_eq!((entry.name.as_str(), entry.source.as_str(), entry.origin), ("org/tiny@main", "hf:org/tiny@main", ModelOrigin::Hub));
    assert_eq!(details.summary.licence.as_deref(), Some("apache-2.0"));
    assert_eq!(details.summary.revision.as_deref(), Some(COMMIT));
    assert_eq!(details.training.len(), 4);
    assert!(details.training[0].seconds_per_1000_tokens > 0.0 && details.training[2].problem.contains("64"));
    says(&home.models(&["list"]), 0, &["org/tiny@main", "llama", "apache-2.0"]);
    says(&home.models(&["inspect", "org/tiny"]), 0, &["SHA-256", "chat template", "1,000 tokens", "r = 64: ", COMMIT]);

    says(&home.models(&["remove", "org/tiny@main"]), 2, &["--yes"]);
    // a study that has begun with it and is not finished
    let fixture = Fixture::new();
    let mut recipe = fixture.recipe();
    recipe.model.source = "hf:org/tiny@main".into();
    let study = home.folder.path().join("data/studies/one");
    rankscope_study::Study::create(&study, &recipe).expect("a study");
    says(&home.models(&["remove", "org/tiny@main", "--yes"]), 2, &["not finished", "Tiny"]);
    fs::remove_dir_all(&study).unwrap();
    says(&home.models(&["remove", "org/tiny@main", "--yes"]), 0, &["removed"]);
    assert!(home.entries().is_empty());
    assert!(!home.folder.path().join("hub/models--org--tiny").exists());
}

#[test]
fn bad_input_is_refused_with_a_remedy() {
    let home = Home::new();
    says(&home.models(&["add", "org/nothing"]), 2, &["SOURCE", "org/nothing", "no such model"]);
    says(&home.models(&["add", "org/tiny@nothing"]), 2, &["no such revision"]);
    says(&home.models(&["add", "./nothing"]), 2, &["no such file"]);
    says(&home.models(&["add", "default"]), 2, &["always there"]);
    says(&home.models(&["inspect", "org/tiny"]), 2, &["models add org/tiny@main"]);
    says(&home.models(&["remove", "nothing", "--yes"]), 2, &["models list"]);
    let json = home.models(&["inspect", "./nothing", "--json"]);
    assert!(json.stdout.contains("\"errors\""), "{json:?}");
    says(&run(home.command().args(["models", "add", "org/tiny"]).env("HF_HUB_OFFLINE", "1")), 1, &["HF_HUB_OFFLINE"]);
}

#[test]
fn a_model_of_another_kind_is_refused_before_its_weights_are_fetched() {
    let files = [("config.json", &br#"{"model_type": "t5"}"#[..]), ("model.safetensors", b"weights")];
    let files = files.map(|(name, content)| (name.to_string(), content.to_vec()));
    let home = Home { hub: TestHub::serving(files.into()), ..Home::new() };
    says(&home.models(&["add", "org/tiny"]), 2, &["t5", "not supported", "llama"]);
    assert!(home.hub.seen().iter().all(|request| request.at_hub), "the weights were fetched");
    assert!(home.entries().is_empty());
    assert!(!home.folder.path().join("hub/models--org--tiny").exists(), "something stayed");
}

#[test]
fn a_path_is_listed_and_stays_when_its_entry_goes() {
    let home = Home::new();
    let fixture = Fixture::new();
    let model = fixture.copied_model();
    says(&home.models(&["add", model.to_str().unwrap()]), 0, &["model.source", "llama"]);
    assert_eq!(home.entries()[0].origin, ModelOrigin::Path);
    says(&home.models(&["remove", "model", "--yes"]), 0, &["removed"]);
    assert!(model.join("model.safetensors").exists() && home.entries().is_empty());
}

/// A recipe of the hub's model, in a file.
fn recipe_of_the_hub(fixture: &Fixture, source: &str) -> PathBuf {
    let mut recipe = fixture.recipe();
    recipe.model.source = source.into();
    fixture.write(&recipe.to_toml())
}

#[test]
fn a_study_fetches_its_model_and_stays_with_its_commit() {
    let home = Home::new();
    let fixture = Fixture::new();
    let recipe = recipe_of_the_hub(&fixture, "org/tiny");
    for verb in ["validate", "estimate"] {
        let said = run(home.command().arg(verb).arg(&recipe));
        says(&said, 2, &["model.source", "rankscope models add org/tiny@main", "./org/tiny"]);
    }
    assert!(home.hub.seen().is_empty(), "a check has asked the network");

    let out = home.folder.path().join("study");
    says(&run(home.command().arg("run").arg(&recipe).arg("--out").arg(&out)), 0, &["org/tiny@main is commit", "r = 8"]);
    let study = rankscope_study::Study::open(&out).unwrap();
    assert_eq!(study.recipe().unwrap().model.source, "hf:org/tiny@main", "the frozen recipe can't be taken for a path");
    let provenance = study.provenance().unwrap().unwrap();
    assert_eq!((provenance.model.name.as_str(), provenance.model.revision.as_deref()), ("org/tiny", Some(COMMIT)));
    let events = fs::read_to_string(out.join("events.jsonl")).unwrap();
    assert!(events.contains("\"unit\":\"bytes\""), "the download told nothing");
    says(&run(home.command().arg("validate").arg(&recipe)), 0, &["good recipe"]);
    assert_eq!(home.entries()[0].origin, ModelOrigin::HubCache, "a study's own download is nobody's to remove");
}

#[test]
fn a_study_whose_model_can_not_be_had_says_why() {
    let home = Home::new();
    home.hub.faults(Faults { refuse: Some((403, "GatedRepo")), ..Faults::default() });
    let fixture = Fixture::new();
    let recipe = recipe_of_the_hub(&fixture, "hf:org/tiny");
    let out = home.folder.path().join("study");
    says(&run(home.command().arg("run").arg(&recipe).arg("--out").arg(&out)), 1, &["gated", "HF_TOKEN"]);
    home.hub.faults(Faults::default());
    says(&run(home.command().arg("run").arg(&recipe).arg("--out").arg(&out)), 0, &["r = 8"]);
}

fn jobs(app: &TestApp) -> Vec<ModelJob> {
    app.client.post(ListModelJobs::PATH).send().unwrap().json().expect("jobs")
}

fn post<F: ServerFn>(app: &TestApp, field: &str, value: &str) -> u16 {
    app.client.post(F::PATH).form(&[(field, value)]).send().unwrap().status().as_u16()
}

#[test]
fn the_page_adds_shows_cancels_and_removes() {
    let home = Home::new();
    let app = home.app();
    assert!(app.client.page("/models").contains("No model yet"));
    home.hub.faults(Faults { slow: Some(40_000), ..Faults::default() });
    assert_eq!(post::<AddModel>(&app, "source", "org/tiny"), 200);
    let blobs = home.folder.path().join("hub/models--org--tiny/blobs");
    let has_some =
        |path: PathBuf| path.extension().is_some_and(|kind| kind == "incomplete") && fs::metadata(path).is_ok_and(|file| file.len() > 0);
    let partial = || fs::read_dir(&blobs).ok()?.flatten().any(|entry| has_some(entry.path())).then_some(());
    eventually("bytes of the weights", || jobs(&app).iter().any(|job| job.file == "model.safetensors").then(partial).flatten());
    let job = jobs(&app).remove(0);
    assert!(job.state == JobState::Running && job.done_bytes > 0, "{job:?}");
    let page = app.client.page("/models");
    assert!(page.contains("org/tiny") && page.contains("<progress"), "a reload shows the download");
    assert!(!page.contains("Can’t be used"), "a download is called broken");
    assert_eq!(post::<CancelModelJob>(&app, "id", &job.id.to_string()), 200);
    eventually("the end", || jobs(&app).into_iter().find(|job| job.state == JobState::Cancelled));

    home.hub.faults(Faults::default());
    home.hub.seen();
    assert_eq!(post::<AddModel>(&app, "source", "org/tiny"), 200);
    eventually("the model", || jobs(&app).into_iter().find(|job| job.state == JobState::Done));
    assert!(home.hub.seen().iter().any(|request| request.range.is_some()), "the second download began again from nothing");
    let page = app.client.page("/models");
    assert!(page.contains("/models/org/tiny@main") && page.contains("apache-2.0"));
    let page = app.client.page("/models/org/tiny@main");
    for part in [COMMIT, "r = 64", "1000 tokens", "Remove this model"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(app.client.page("/studies/new").contains("hf:org/tiny@main"), "the form offers it");
    assert_eq!(post::<RemoveModel>(&app, "name", "org/tiny@main"), 200);
    assert_eq!(app.client.get("/models/org/tiny@main").status(), 404);
    assert!(!home.folder.path().join("hub/models--org--tiny").exists());
}

#[test]
fn a_form_without_javascript_comes_back_with_what_was_wrong() {
    let home = Home::new();
    let app = home.app();
    let send = |source: &str| {
        let answer = app.client.post(AddModel::PATH).header("accept", "text/html").form(&[("source", source)]).send().unwrap();
        assert_eq!(answer.status(), 302);
        answer.headers()["location"].to_str().unwrap().to_string()
    };
    assert_eq!(send("org/tiny"), "/models");
    let back = send("  ");
    assert!(back.starts_with("/models?source="), "{back}");
    assert!(app.client.page(&back).contains("Write ORG/NAME@REVISION"), "the refusal is on the page");
    for name in ["nothing", "..%2f..%2fetc", "org/other@main", "default"] {
        assert_eq!(app.client.raw_get(&format!("/models/{name}")).status, if name.contains("..") { 400 } else { 404 }, "{name}");
    }
}
