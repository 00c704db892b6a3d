//! Models of the hub, against a hub of the test's own: fetched, taken up, checked, refused.

use super::support::{
    hub::{COMMIT, Faults, TestHub},
    recipes::reference,
};
use rankscope_study::{
    Flow,
    hub::{Fetched, HubError, HubProgress, HubSettings, HubSource, cached, fetch},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

fn settings(hub: &TestHub, cache: &Path) -> HubSettings {
    HubSettings { endpoint: hub.endpoint.clone(), token: Some("hf_test".into()), cache: Some(cache.into()), offline: false }
}

fn source(text: &str) -> HubSource {
    text.parse().expect("a source")
}

fn get(settings: &HubSettings, text: &str) -> Result<Fetched, HubError> {
    fetch(&source(text), settings, &mut |_| Ok(()), &mut |_| Flow::Continue(()))
}

fn refused(settings: &HubSettings, text: &str, said: &[&str]) {
    let error = get(settings, text).expect_err("not refused").to_string();
    for part in said {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
    assert!(!error.contains("hf_test") && !error.contains("signature"), "a secret is in: {error}");
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) { files.extend(files_below(&entry.path())) } else { files.push(entry.path()) }
    }
    files
}

fn weights() -> Vec<u8> {
    fs::read(reference().join("llama_tiny/model.safetensors")).expect("the model")
}

#[test]
fn a_model_is_fetched_into_the_hubs_own_layout() {
    let hub = TestHub::of(&reference().join("llama_tiny"));
    let cache = tempfile::tempdir().unwrap();
    let settings = settings(&hub, cache.path());
    let mut told: Vec<HubProgress> = Vec::new();
    let mut planned = Vec::new();
    let fetched = fetch(
        &source("org/tiny"),
        &settings,
        &mut |plan| {
            planned.clone_from(&plan.made);
            Ok(())
        },
        &mut |progress| {
            told.push(progress.clone());
            Flow::Continue(())
        },
    )
    .unwrap();
    assert_eq!(fetched.model.commit, COMMIT);
    let root = cache.path().join("models--org--tiny");
    assert_eq!(fetched.model.path, root.join("snapshots").join(COMMIT));
    assert_eq!(fs::read_to_string(root.join("refs/main")).unwrap(), COMMIT);
    assert_eq!(fs::read(fetched.model.path.join("model.safetensors")).unwrap(), weights());
    let link = fs::read_link(fetched.model.path.join("model.safetensors")).unwrap();
    assert_eq!(link, Path::new("../../blobs").join(super::support::hub::sha256(&weights())));
    assert!(fetched.model.path.join("README.md").exists() && !fetched.model.path.join("training_args.bin").exists());
    // what was planned is what is there, to the file
    let mut made: Vec<_> = planned.iter().map(|path| root.join(path)).collect();
    let mut there = files_below(&root);
    made.sort();
    there.sort();
    assert_eq!(made, there);

    let last = told.last().unwrap();
    assert_eq!((last.done, last.total), (last.total, fs::metadata(root.join("refs/main")).map(|_| last.total).unwrap()));
    assert!(last.total > weights().len() as u64 && told.windows(2).all(|pair| pair[0].done <= pair[1].done), "progress went back");

    let seen = hub.seen();
    assert!(seen.iter().filter(|request| request.at_hub).all(|request| request.authorization.as_deref() == Some("Bearer hf_test")));
    let elsewhere: Vec<_> = seen.iter().filter(|request| !request.at_hub).collect();
    assert_eq!(elsewhere.len(), 1);
    assert_eq!(elsewhere[0].authorization, None, "the token went to another origin");

    // a second time, only the revision is asked for; by its commit, nothing
    get(&settings, "org/tiny@main").unwrap();
    assert!(hub.seen().iter().all(|request| request.at_hub && (request.method == "HEAD" || request.path.starts_with("/api/"))));
    assert_eq!(get(&settings, &format!("org/tiny@{COMMIT}")).unwrap().made, Vec::<PathBuf>::new());
    assert!(hub.seen().is_empty());
}

#[test]
fn a_connection_that_breaks_is_taken_up_where_it_broke() {
    let hub = TestHub::of(&reference().join("llama_tiny"));
    hub.faults(Faults { break_after: Some((2, 10_000)), ..Faults::default() });
    let cache = tempfile::tempdir().unwrap();
    let fetched = get(&settings(&hub, cache.path()), "org/tiny@v1").unwrap();
    assert_eq!(fs::read(fetched.model.path.join("model.safetensors")).unwrap(), weights());
    let ranges: Vec<_> = hub.seen().into_iter().filter(|request| !request.at_hub).map(|request| request.range).collect();
    assert_eq!(ranges, [None, Some("bytes=10000-".into()), Some("bytes=20000-".into())]);
}

#[test]
fn a_download_that_was_given_up_is_taken_up_by_the_next() {
    let hub = TestHub::of(&reference().join("llama_tiny"));
    hub.faults(Faults { break_after: Some((1, 30_000)), ..Faults::default() });
    let cache = tempfile::tempdir().unwrap();
    let settings = settings(&hub, cache.path());
    let mut stopped_at = 0;
    let stopped = fetch(&source("org/tiny"), &settings, &mut |_| Ok(()), &mut |progress| {
        stopped_at = progress.done;
        if progress.file == "model.safetensors" && progress.done > 30_000 { Flow::Break(()) } else { Flow::Continue(()) }
    });
    assert!(matches!(stopped, Err(HubError::Stopped)), "{stopped:?}");
    let blobs = cache.path().join("models--org--tiny/blobs");
    let partial = fs::read_dir(&blobs).unwrap().flatten().find(|entry| entry.path().extension().is_some_and(|kind| kind == "incomplete"));
    let kept = partial.expect("a partial file").metadata().unwrap().len();
    assert!(kept > 0 && cached(&source("org/tiny"), &settings).is_none());
    hub.seen();
    get(&settings, "org/tiny").unwrap();
    let content: Vec<_> = hub.seen().into_iter().filter(|request| !request.at_hub).collect();
    assert_eq!(content.iter().map(|request| request.range.clone()).collect::<Vec<_>>(), [Some(format!("bytes={kept}-"))]);
    assert!(files_below(&blobs).iter().all(|path| path.extension().is_none_or(|kind| kind != "incomplete")));
}

#[test]
fn a_server_without_ranges_sends_all_of_it_again() {
    let hub = TestHub::of(&reference().join("llama_tiny"));
    hub.faults(Faults { break_after: Some((1, 10_000)), no_ranges: true, ..Faults::default() });
    let cache = tempfile::tempdir().unwrap();
    let fetched = get(&settings(&hub, cache.path()), "org/tiny").unwrap();
    assert_eq!(fs::read(fetched.model.path.join("model.safetensors")).unwrap(), weights());
}

#[test]
fn wrong_content_is_refused_and_removed() {
    let hub = TestHub::of(&reference().join("llama_tiny"));
    hub.faults(Faults { corrupt: true, ..Faults::default() });
    let cache = tempfile::tempdir().unwrap();
    let settings = settings(&hub, cache.path());
    refused(&settings, "org/tiny", &["model.safetensors", "SHA-256", "Try again"]);
    let blobs = files_below(&cache.path().join("models--org--tiny/blobs"));
    assert!(blobs.iter().all(|path| fs::metadata(path).unwrap().len() < weights().len() as u64), "the wrong content stayed: {blobs:?}");
    assert_eq!(cached(&source("org/tiny"), &settings), None);
    hub.faults(Faults::default());
    get(&settings, "org/tiny").unwrap();
}

#[test]
fn each_refusal_says_what_to_do() {
    let hub = TestHub::of(&reference().join("llama_tiny"));
    let cache = tempfile::tempdir().unwrap();
    let with_token = settings(&hub, cache.path());
    let without = HubSettings { token: None, ..with_token.clone() };
    let rows: [(u16, &str, &HubSettings, &[&str]); 6] = [
        (401, "", &without, &["org/tiny@main", "HF_TOKEN", "private"]),
        (401, "", &with_token, &["HF_TOKEN", "settings/tokens"]),
        (401, "RepoNotFound", &with_token, &["no such model"]),
        (403, "GatedRepo", &with_token, &["gated", "consent", "/org/tiny"]),
        (404, "RepoNotFound", &without, &["no such model", "Check the name"]),
        (418, "", &without, &["418", "Try again later"]),
    ];
    for (status, code, settings, said) in rows {
        hub.faults(Faults { refuse: Some((status, code)), ..Faults::default() });
        refused(settings, "org/tiny", said);
    }
    hub.faults(Faults::default());
    refused(&without, "org/tiny@nothing", &["no such revision", "branch"]);
    refused(&without, "org/other", &["no such model"]);
    let nobody = HubSettings { endpoint: "http://127.0.0.1:9".into(), ..without };
    refused(&nobody, "org/tiny", &["127.0.0.1:9", "Check the network"]);
}

#[test]
fn a_redirect_that_leaves_http_is_not_followed() {
    let hub = TestHub::of(&reference().join("llama_tiny"));
    hub.faults(Faults { redirect_to: Some("file:///etc/passwd".into()), ..Faults::default() });
    let cache = tempfile::tempdir().unwrap();
    refused(&settings(&hub, cache.path()), "org/tiny", &["not followed"]);
    hub.faults(Faults { redirect_to: Some(format!("{}/org/tiny/resolve/{COMMIT}/model.safetensors", hub.endpoint)), ..Faults::default() });
    refused(&settings(&hub, cache.path()), "org/tiny", &["10 redirects"]);
}

#[test]
fn offline_the_cache_is_all_there_is() {
    let hub = TestHub::of(&reference().join("llama_tiny"));
    let cache = tempfile::tempdir().unwrap();
    let online = settings(&hub, cache.path());
    let offline = HubSettings { offline: true, ..online.clone() };
    refused(&offline, "org/tiny", &["HF_HUB_OFFLINE", "rankscope models add org/tiny@main"]);
    assert!(hub.seen().is_empty(), "the network was asked");
    get(&online, "org/tiny").unwrap();
    hub.seen();
    assert_eq!(get(&offline, "org/tiny").unwrap().model.commit, COMMIT);
    assert!(hub.seen().is_empty(), "the network was asked");
    // without a network, what is there is used as it is
    let cut_off = HubSettings { endpoint: "http://127.0.0.1:9".into(), ..online };
    assert_eq!(get(&cut_off, "org/tiny").unwrap().model.commit, COMMIT);
}

#[test]
fn shards_are_fetched_by_their_index() {
    let hub = TestHub::of(&reference().join("llama_tiny_untied"));
    let cache = tempfile::tempdir().unwrap();
    let fetched = get(&settings(&hub, cache.path()), "org/tiny").unwrap();
    let shards = (1..=3).map(|shard| format!("model-0000{shard}-of-00003.safetensors"));
    for name in shards.chain(["model.safetensors.index.json".into()]) {
        assert!(fetched.model.path.join(&name).is_file(), "{name}");
    }
    assert!(
        rankscope_study::Catalogue {
            models_dir: None,
            default_model: "/none".into(),
            hub: HubSettings { offline: true, ..settings(&hub, cache.path()) }
        }
        .inspect("org/tiny")
        .is_ok()
    );
}

#[test]
fn a_model_without_what_is_needed_is_refused_before_anything_is_fetched() {
    let config = ("config.json".to_string(), b"{}".to_vec());
    type Files = Vec<(String, Vec<u8>)>;
    let rows: [(Files, &[&str]); 4] = [
        (vec![("model.gguf".into(), b"GGUF".to_vec())], &["GGUF", "by its path"]),
        (vec![("README.md".into(), b"".to_vec())], &["config.json"]),
        (vec![config.clone()], &["safetensors", "pytorch_model.bin"]),
        (
            vec![config, ("model.safetensors.index.json".into(), br#"{"weight_map": {"a": "../x.safetensors"}}"#.to_vec())],
            &["index.json", "no shards"],
        ),
    ];
    for (files, said) in rows {
        let hub = TestHub::serving(BTreeMap::from_iter(files));
        let cache = tempfile::tempdir().unwrap();
        refused(&settings(&hub, cache.path()), "org/tiny", said);
        assert!(files_below(cache.path()).is_empty());
    }
}
