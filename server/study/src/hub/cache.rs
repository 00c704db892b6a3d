//! The hub's cache on disk, as its own tools lay it out:
//!
//! ```text
//! models--ORG--NAME/refs/REVISION             the commit that the revision was, last time
//! models--ORG--NAME/blobs/ETAG                a file's content, once, whatever revisions have it
//! models--ORG--NAME/snapshots/COMMIT/FILE     links to blobs
//! ```

use super::{
    error::HubError,
    settings::HubSettings,
    source::{HubSource, RepoKind, is_commit},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A model that is in the cache with all that is needed to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedModel {
    pub source: HubSource,
    /// Forty hexadecimal digits.
    pub commit: String,
    /// A Hugging Face model directory.
    pub path: PathBuf,
}

/// One repository's part of the cache.
#[derive(Debug, Clone)]
pub(super) struct RepoCache {
    pub(super) root: PathBuf,
    name: String,
}

impl RepoCache {
    pub(super) fn new(settings: &HubSettings, source: &HubSource) -> Result<Self, HubError> {
        let cache = settings.cache.as_deref().ok_or(HubError::NoCache)?;
        let name = format!("{}--{}", source.kind.plural(), source.repo.replace('/', "--"));
        Ok(Self { root: cache.join(&name), name })
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.root.join("snapshots").join(commit)
    }

    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.root.join("blobs").join(etag)
    }

    pub(super) fn reference(&self, revision: &str) -> PathBuf {
        self.root.join("refs").join(revision)
    }

    /// What keeps two programs from writing one blob; where the Python library has it too.
    pub(super) fn lock(&self, etag: &str) -> PathBuf {
        self.root.with_file_name(".locks").join(&self.name).join(format!("{etag}.lock"))
    }

    /// The commit that a revision was when it was last asked for.
    pub(super) fn known_commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return Some(revision.into());
        }
        let text = fs::read_to_string(self.reference(revision)).ok()?;
        Some(text.trim().to_string()).filter(|commit| is_commit(commit))
    }
}

/// The model or the set, where it is in the cache whole. Asks nothing of the network.
pub fn cached(source: &HubSource, settings: &HubSettings) -> Option<CachedModel> {
    let cache = RepoCache::new(settings, source).ok()?;
    let commit = cache.known_commit(&source.revision)?;
    let path = cache.snapshot(&commit);
    let is_there = match source.kind {
        RepoKind::Model => is_whole(&path),
        // which of its files belong to the set is decided where it is read
        RepoKind::Dataset => path.is_dir(),
    };
    is_there.then(|| CachedModel { source: source.clone(), commit, path })
}

/// Every model that is in the cache whole, by its named revisions, or by its commit where no name leads to it.
pub fn cached_models(settings: &HubSettings) -> Vec<CachedModel> {
    let mut models = Vec::new();
    for (name, root) in settings.cache.as_deref().map(folders).unwrap_or_default() {
        let Some(repo) = name.strip_prefix("models--").map(|name| name.replacen("--", "/", 1)) else { continue };
        let Ok(source) = repo.parse::<HubSource>() else { continue };
        let mut named = BTreeSet::new();
        for revision in revisions(&root.join("refs"), "") {
            if let Some(model) = cached(&source.at(&revision), settings) {
                named.insert(model.commit.clone());
                models.push(model);
            }
        }
        for (commit, _) in folders(&root.join("snapshots")) {
            if is_commit(&commit) && !named.contains(&commit) {
                models.extend(cached(&source.at(&commit), settings));
            }
        }
    }
    models.sort_by(|one, other| one.source.cmp(&other.source));
    models
}

fn folders(directory: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().is_dir()).filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path()))).collect()
}

/// The names under `refs`, `pr/1` with its slash.
fn revisions(directory: &Path, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let name = format!("{prefix}{name}");
        if entry.path().is_dir() {
            names.extend(revisions(&entry.path(), &format!("{name}/")));
        } else {
            names.push(name);
        }
    }
    names
}

/// Whether a folder has a config and all its weights. A tokenizer comes in too many shapes to be asked for here; the
/// engine names what it misses.
pub(crate) fn is_whole(directory: &Path) -> bool {
    if !directory.join("config.json").is_file() {
        return false;
    }
    for (index, alone) in [("model.safetensors.index.json", "model.safetensors"), ("pytorch_model.bin.index.json", "pytorch_model.bin")] {
        let index = directory.join(index);
        if index.is_file() {
            let shards = fs::read_to_string(&index).ok().and_then(|text| shards_of(&text));
            return shards.is_some_and(|shards| shards.iter().all(|shard| directory.join(shard).is_file()));
        }
        if directory.join(alone).is_file() {
            return true;
        }
    }
    false
}

/// The files that a `*.index.json` names; `None`: it is none. A name with a folder in it is none of a model's.
pub(super) fn shards_of(index: &str) -> Option<BTreeSet<String>> {
    let index: serde_json::Value = serde_json::from_str(index).ok()?;
    let names: Option<BTreeSet<String>> = index["weight_map"].as_object()?.values().map(|name| name.as_str().map(String::from)).collect();
    names
        .filter(|names| !names.is_empty() && names.iter().all(|name| !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "607a30d783dfa663caf39e06633721c8d4cfcd7e";

    fn settings(cache: &Path) -> HubSettings {
        HubSettings { endpoint: "http://127.0.0.1:1".into(), token: None, cache: Some(cache.into()), offline: true }
    }

    #[test]
    fn a_model_is_there_when_all_its_shards_are() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let source: HubSource = "org/name@v1".parse().unwrap();
        let root = folder.path().join("models--org--name");
        let snapshot = root.join("snapshots").join(COMMIT);
        fs::create_dir_all(&snapshot).unwrap();
        fs::create_dir_all(root.join("refs")).unwrap();
        fs::write(root.join("refs/v1"), COMMIT).unwrap();
        fs::write(snapshot.join("config.json"), "{}").unwrap();
        assert_eq!(cached(&source, &settings), None, "no weights");
        let index = r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}}"#;
        fs::write(snapshot.join("model.safetensors.index.json"), index).unwrap();
        fs::write(snapshot.join("model-1.safetensors"), "").unwrap();
        assert_eq!(cached(&source, &settings), None, "a shard is missing");
        fs::write(snapshot.join("model-2.safetensors"), "").unwrap();
        let found = cached(&source, &settings).unwrap();
        assert_eq!((found.commit.as_str(), &found.path), (COMMIT, &snapshot));
        assert_eq!(cached_models(&settings), [found]);
        fs::remove_file(root.join("refs/v1")).unwrap();
        assert_eq!(cached(&source, &settings), None);
        assert_eq!(cached_models(&settings)[0].source.short(), format!("org/name@{COMMIT}"), "a commit without a name is one by itself");
    }

    #[test]
    fn an_index_that_leads_elsewhere_is_none() {
        for text in ["", "{}", r#"{"weight_map": {}}"#, r#"{"weight_map": {"a": "../x"}}"#, r#"{"weight_map": {"a": 3}}"#] {
            assert_eq!(shards_of(text), None, "{text}");
        }
    }
}
