//! A run that is killed at any moment goes on where it was, and ends with the same results.

use super::support::{
    app::send,
    eventually,
    program::{rankscope, run},
    recipes::Fixture,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

/// Everything that a study made, times left out.
fn made(study: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![study.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(study).unwrap().to_path_buf();
            if path.is_dir() {
                folders.push(path);
            } else if is_result(&name) {
                let bytes = fs::read(&path).unwrap();
                let bytes = if name.extension().is_some_and(|extension| extension == "json") { without_times(&bytes) } else { bytes };
                files.insert(name, bytes);
            }
        }
    }
    files
}

/// What must be the same: results, completions, judgements, adapters. Logs and records of when and how fast are not.
fn is_result(name: &Path) -> bool {
    let first = name.iter().next().and_then(|part| part.to_str()).unwrap_or_default();
    ![".lock", ".worker.lock", "events.jsonl", "worker.log", "provenance.json", "stages"].contains(&first)
}

fn without_times(bytes: &[u8]) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(bytes).unwrap();
    forget_times(&mut value);
    serde_json::to_vec_pretty(&value).unwrap()
}

fn forget_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.ends_with("seconds"));
            fields.values_mut().for_each(forget_times);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_times),
        _ => {}
    }
}

fn spawn(recipe: &Path, out: &Path) -> Child {
    rankscope().arg("run").arg(recipe).arg("--out").arg(out).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn events(study: &Path) -> usize {
    fs::read(study.join("events.jsonl")).map_or(0, |bytes| bytes.iter().filter(|&&byte| byte == b'\n').count())
}

/// Kills runs after more and more events until one ends by itself; gives how many were killed.
fn run_with_kills(recipe: &Path, out: &Path, every: usize) -> usize {
    for kills in 0.. {
        let until = events(out) + every;
        let mut child = spawn(recipe, out);
        let patience = Instant::now() + Duration::from_secs(1800);
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "run {kills} ended with {status}");
                return kills;
            }
            if events(out) >= until {
                child.kill().unwrap();
                child.wait().unwrap();
                break;
            }
            assert!(Instant::now() < patience, "half an hour without {every} events");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    unreachable!()
}

fn same_after_kills(recipe: &Path, folder: &Path, every: usize, at_least: usize) {
    let whole = folder.join("whole");
    let answer = run(rankscope().arg("run").arg(recipe).arg("--out").arg(&whole));
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let broken = folder.join("broken");
    let kills = run_with_kills(recipe, &broken, every);
    assert!(kills >= at_least, "only {kills} kills: this shows nothing");
    let (one, other) = (made(&whole), made(&broken));
    assert!(
        one.keys().any(|name| name.ends_with("results.json")) && one.keys().any(|name| name.ends_with("completions.jsonl")),
        "{:?}",
        one.keys()
    );
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, bytes) in &one {
        let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_string).collect::<Vec<_>>();
        let differs = lines(bytes).into_iter().zip(lines(&other[name])).find(|(one, other)| one != other);
        assert!(bytes == &other[name], "{} differs after {kills} kills, first at {differs:?}", name.display());
    }
}

#[test]
fn killed_again_and_again_a_study_ends_the_same() {
    let fixture = Fixture::new();
    let recipe = fixture.write(&fixture.toml().replace("seeds = [0]", "seeds = [0, 1]"));
    same_after_kills(&recipe, fixture.folder.path(), 12, 3);
}

#[test]
fn killed_in_training_a_study_goes_on_from_the_saved_state_and_ends_the_same() {
    let fixture = Fixture::new();
    let saving = "num_train_epochs = 4\nsave_steps = 1\ngradient_accumulation_steps = 2\nlr_scheduler_type = \"cosine\"";
    let recipe = fixture.write(&fixture.toml().replace("num_train_epochs = 2", saving));
    same_after_kills(&recipe, fixture.folder.path(), 7, 6);
}

#[test]
fn the_default_model_killed_in_the_middle_ends_the_same() {
    let Some(model) = default_model() else {
        assert!(
            std::env::var_os("RANKSCOPE_REQUIRE_MODEL").is_none_or(|value| value != "1"),
            "the default model is not there: `make model` fetches it"
        );
        eprintln!("left out: the default model is not there");
        return;
    };
    let fixture = Fixture::new();
    let text = fixture
        .toml()
        .replace(&format!("{:?}", super::support::recipes::reference().join("llama_tiny")), &format!("{model:?}"))
        .replace("num_train_epochs = 2", "max_steps = 2")
        .replace("num_return_sequences = 2", "num_return_sequences = 1");
    let recipe = fixture.write(&text);
    same_after_kills(&recipe, fixture.folder.path(), 14, 1);
}

/// Where `make model` puts it.
fn default_model() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let models = variable("RANKSCOPE_MODELS_DIR").or_else(|| Some(cache?.join("rankscope/models")));
    variable("RANKSCOPE_DEFAULT_MODEL").or_else(|| Some(models?.join("SmolLM2-135M-Instruct.Q4_1.gguf"))).filter(|path| path.is_file())
}

#[test]
fn ctrl_c_stops_cleanly_and_the_same_command_goes_on() {
    let fixture = Fixture::new();
    let recipe = fixture.write(&fixture.endless().to_toml());
    let out = fixture.path("study");
    let mut child =
        rankscope().arg("run").arg(&recipe).arg("--out").arg(&out).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("some training", || (events(&out) > 30).then_some(()));
    send(child.id(), libc::SIGINT);
    let status = eventually("the run's end after Ctrl-C", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(said.contains("To go on: rankscope run") && said.contains(out.to_str().unwrap()), "{said}");
    let log = fs::read_to_string(out.join("events.jsonl")).unwrap();
    assert!(log.trim_end().lines().last().unwrap().contains("\"cancelled\""), "the last event does not say so");

    let before = events(&out);
    let mut again = spawn(&recipe, &out);
    eventually("the run to go on", || (events(&out) > before + 5).then_some(()));
    let second = run(rankscope().arg("worker").arg(&out));
    assert_eq!(second.code, Some(75), "two worked in one directory: {second:?}");
    assert!(second.stderr.contains(&again.id().to_string()), "{}", second.stderr);
    again.kill().unwrap();
    again.wait().unwrap();
}

#[test]
fn results_come_as_a_table_or_as_json() {
    let fixture = Fixture::new();
    let recipe = fixture.write(&fixture.toml());
    let out = fixture.path("study");
    let json = run(rankscope().arg("run").arg(&recipe).arg("--out").arg(&out).arg("--json"));
    assert_eq!(json.code, Some(0), "{}", json.stderr);
    let results: rankscope_domain::StudyResults = serde_json::from_str(&json.stdout).expect("stdout is results.json and nothing else");
    assert_eq!(results.cells.len(), 4);
    assert!(json.stderr.contains("Fine-tune") || json.stderr.contains("fine-tune"), "progress goes to stderr: {}", json.stderr);

    let table = run(rankscope().arg("run").arg(&recipe).arg("--out").arg(&out));
    assert_eq!(table.code, Some(0));
    for word in ["original", "r = 2", "r = 8", "full", "female", "male", "12"] {
        assert!(table.stdout.contains(word), "{word}: {}", table.stdout);
    }
    // adapters as PEFT reads them
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        assert!(out.join("cells/lora-r8-s0").join(name).is_file(), "{name}");
    }
}
