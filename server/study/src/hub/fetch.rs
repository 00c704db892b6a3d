//! A whole model or set: which of its files are read, and those fetched one after another.

use super::{
    cache::{CachedModel, RepoCache, cached, shards_of},
    client::{FileFacts, HubClient, RepoFacts},
    download::{Download, go_on, is_there, length, make_folder, partial_path},
    error::HubError,
    settings::HubSettings,
    source::{HubSource, RepoKind},
};
use crate::whole_file;
use rankscope_engine::{EngineError, Flow};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

const CONFIG: &str = "config.json";

/// What the engine reads besides the weights, and the card, for the licence. A model has those that it has.
const WANTED: [&str; 12] = [
    CONFIG,
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "chat_template.jinja",
    "chat_template.json",
    "README.md",
];

/// How far a model is.
#[derive(Debug, Clone, PartialEq)]
pub struct HubProgress {
    /// The file under way.
    pub file: String,
    /// Bytes that are there, of all files.
    pub done: u64,
    pub total: u64,
    /// Over this download; 0 while nothing has come.
    pub bytes_per_second: f64,
    /// 0 where it can't be told.
    pub seconds_left: f64,
}

/// What a download will have made: to be written down before it begins, so that it can be removed again whatever happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub model: CachedModel,
    /// The repository's folder in the cache.
    pub root: PathBuf,
    /// Blobs, links and references that were not there before, from `root`.
    pub made: Vec<PathBuf>,
}

/// Brings a model into the cache, unless it is there, and resolves its revision. `planned` is called with what will be
/// made before anything is; `observe` while it is fetched, many times a second, and may stop it.
pub fn fetch(
    source: &HubSource,
    settings: &HubSettings,
    planned: &mut dyn FnMut(&Fetched) -> Result<(), HubError>,
    observe: &mut dyn FnMut(&HubProgress) -> Flow,
) -> Result<Fetched, HubError> {
    let cache = RepoCache::new(settings, source)?;
    let known = cached(source, settings);
    let as_known = |model: CachedModel| Fetched { model, root: cache.root.clone(), made: Vec::new() };
    match known {
        // a commit never changes; of a set it can't be told without the hub whether all its files are there
        Some(model) if settings.offline || (source.is_commit() && source.kind == RepoKind::Model) => return Ok(as_known(model)),
        None if settings.offline => {
            let cache = settings.cache.as_deref().unwrap_or(Path::new("")).display().to_string();
            return Err(HubError::Offline { model: source.short(), cache });
        }
        _ => {}
    }
    let client = HubClient::new(settings)?;
    let facts = match (client.repo(source), known) {
        (Ok(facts), _) => facts,
        (Err(error @ HubError::Network { .. }), Some(model)) => {
            tracing::warn!(%error, model = source.short(), "the hub can't be reached: the model is used as it is in the cache");
            return Ok(as_known(model));
        }
        (Err(error), _) => return Err(error),
    };
    let transfer = Transfer { source, client: &client, cache: &cache, facts: &facts };
    let files = transfer.files(observe)?;
    let model = CachedModel { source: source.clone(), commit: facts.commit.clone(), path: cache.snapshot(&facts.commit) };
    let fetched = Fetched { model, root: cache.root.clone(), made: transfer.missing(&files) };
    planned(&fetched)?;
    transfer.run(&files, observe)?;
    transfer.name_revision()?;
    Ok(fetched)
}

/// Plain names of folders and of a file, nothing that climbs out.
fn is_below(name: &str) -> bool {
    !name.contains(['\\', '\0']) && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
}

struct Transfer<'a> {
    source: &'a HubSource,
    client: &'a HubClient,
    cache: &'a RepoCache,
    facts: &'a RepoFacts,
}

impl Transfer<'_> {
    /// The files to fetch, with the hub's word on each.
    fn files(&self, observe: &mut dyn FnMut(&HubProgress) -> Flow) -> Result<Vec<FileFacts>, HubError> {
        if self.source.kind == RepoKind::Dataset {
            return self.described(self.data_files(observe)?, observe);
        }
        let has = |name: &str| self.facts.files.iter().any(|file| file == name);
        let unusable = |reason: String| HubError::Unusable { model: self.source.short(), reason };
        if !has(CONFIG) {
            let gguf: Vec<_> = self.facts.files.iter().filter(|name| name.ends_with(".gguf")).map(String::as_str).take(3).collect();
            return Err(unusable(match gguf[..] {
                [] => "it has no config.json, so it is no model of transformers; choose another".into(),
                _ => format!("it holds GGUF files ({}, …); download the one you want and add it by its path", gguf.join(", ")),
            }));
        }
        let mut names: Vec<String> = WANTED.into_iter().filter(|name| has(name)).map(String::from).collect();
        // safetensors first: PyTorch's own files are read where there is nothing better
        let weights = [("model.safetensors.index.json", "model.safetensors"), ("pytorch_model.bin.index.json", "pytorch_model.bin")];
        let found = weights.into_iter().find(|(index, alone)| has(index) || has(alone));
        let (index, alone) = found.ok_or_else(|| {
            unusable(
                "it has neither model.safetensors nor pytorch_model.bin (nor their shards); choose a revision or a model that has".into(),
            )
        })?;
        if has(alone) {
            names.push(alone.into());
        } else {
            names.push(index.into());
            names.extend(self.shards(index, observe)?);
        }
        self.described(names, observe)
    }

    /// A set's card, and the files of it that are read: not scripts, pictures, or what else lies there.
    fn data_files(&self, observe: &mut dyn FnMut(&HubProgress) -> Flow) -> Result<Vec<String>, HubError> {
        const CARD: &str = "README.md";
        const MOST_CARD_BYTES: u64 = 1 << 20;
        let mut names: Vec<String> = Vec::new();
        let mut card = Vec::new();
        if self.facts.files.iter().any(|file| file == CARD) {
            names.push(CARD.into());
            go_on(observe(&HubProgress { file: CARD.into(), done: 0, total: 0, bytes_per_second: 0.0, seconds_left: 0.0 }))?;
            let (answer, url) = self.client.content(self.source, &self.facts.commit, CARD, 0)?;
            std::io::Read::read_to_end(&mut std::io::Read::take(answer, MOST_CARD_BYTES), &mut card)
                .map_err(|error| HubError::Network { url: url.host_str().unwrap_or_default().into(), reason: error.to_string() })?;
        }
        // a name that leads elsewhere is none of a set's
        let safe: Vec<String> = self.facts.files.iter().filter(|name| is_below(name)).cloned().collect();
        let splits = crate::dataset::plan_of_files(&safe, &String::from_utf8_lossy(&card))
            .map_err(|reason| HubError::Unusable { model: self.source.short(), reason: reason.trim_end_matches('.').into() })?;
        names.extend(splits);
        Ok(names)
    }

    /// The hub's word on each file.
    fn described(&self, names: Vec<String>, observe: &mut dyn FnMut(&HubProgress) -> Flow) -> Result<Vec<FileFacts>, HubError> {
        let mut files = Vec::new();
        for name in names {
            go_on(observe(&HubProgress { file: name.clone(), done: 0, total: 0, bytes_per_second: 0.0, seconds_left: 0.0 }))?;
            files.push(self.client.file(self.source, &self.facts.commit, &name)?);
        }
        Ok(files)
    }

    /// The shards that an index names; it is small, and read from the network even where it is in the cache.
    fn shards(&self, index: &str, observe: &mut dyn FnMut(&HubProgress) -> Flow) -> Result<Vec<String>, HubError> {
        const MOST_INDEX_BYTES: u64 = 64 << 20;
        go_on(observe(&HubProgress { file: index.into(), done: 0, total: 0, bytes_per_second: 0.0, seconds_left: 0.0 }))?;
        let (answer, url) = self.client.content(self.source, &self.facts.commit, index, 0)?;
        let mut text = String::new();
        std::io::Read::read_to_string(&mut std::io::Read::take(answer, MOST_INDEX_BYTES), &mut text)
            .map_err(|error| HubError::Network { url: url.host_str().unwrap_or_default().into(), reason: error.to_string() })?;
        let shards = shards_of(&text);
        let missing = shards.iter().flatten().find(|shard| !self.facts.files.contains(shard));
        match (&shards, missing) {
            (Some(shards), None) => Ok(shards.iter().cloned().collect()),
            (Some(_), Some(shard)) => Err(HubError::Unusable {
                model: self.source.short(),
                reason: format!("{index} names {shard}, which the model does not have; choose another revision"),
            }),
            (None, _) => {
                Err(HubError::Unusable { model: self.source.short(), reason: format!("{index} names no shards; choose another revision") })
            }
        }
    }

    /// What will be made, from the repository's folder.
    fn missing(&self, files: &[FileFacts]) -> Vec<PathBuf> {
        let mut made = Vec::new();
        let mut want = |path: PathBuf, is_there: bool| {
            if let (false, Ok(path)) = (is_there, path.strip_prefix(&self.cache.root)) {
                made.push(path.into());
            }
        };
        for file in files {
            let blob = self.cache.blob(&file.etag);
            let there = is_there(&blob, file.bytes);
            want(blob, there);
            let link = self.cache.snapshot(&self.facts.commit).join(&file.name);
            let there = link.symlink_metadata().is_ok();
            want(link, there);
        }
        if !self.source.is_commit() {
            let reference = self.cache.reference(&self.source.revision);
            let there = reference.exists();
            want(reference, there);
        }
        made
    }

    fn run(&self, files: &[FileFacts], observe: &mut dyn FnMut(&HubProgress) -> Flow) -> Result<(), HubError> {
        let total: u64 = files.iter().map(|file| file.bytes).sum();
        let present = |file: &FileFacts| {
            let blob = self.cache.blob(&file.etag);
            if is_there(&blob, file.bytes) { file.bytes } else { length(&partial_path(&blob)).min(file.bytes) }
        };
        let before: u64 = files.iter().map(present).sum();
        let began = Instant::now();
        let mut others = before;
        for file in files {
            let first = present(file);
            others -= first;
            let mut on_bytes = |there: u64| {
                let done = others + there.min(file.bytes);
                let seconds = began.elapsed().as_secs_f64();
                let bytes_per_second = if seconds > 0.0 { done.saturating_sub(before) as f64 / seconds } else { 0.0 };
                let seconds_left = if bytes_per_second > 0.0 { (total - done) as f64 / bytes_per_second } else { 0.0 };
                observe(&HubProgress { file: file.name.clone(), done, total, bytes_per_second, seconds_left })
            };
            let download =
                Download { client: self.client, source: self.source, commit: &self.facts.commit, cache: self.cache, facts: file };
            download.run(&mut on_bytes)?;
            others += file.bytes;
            self.link(file)?;
            if file.name == CONFIG && self.source.kind == RepoKind::Model {
                self.check_kind()?;
            }
        }
        Ok(())
    }

    /// The config comes first, and a model that could not be used is refused before its weights are fetched.
    fn check_kind(&self) -> Result<(), HubError> {
        let reason = match rankscope_engine::inspect(&self.cache.snapshot(&self.facts.commit)) {
            Err(EngineError::UnknownKind { kind, supported, .. }) => {
                format!("its kind, {kind:?}, is not supported; choose a model of one of these kinds: {supported}")
            }
            Err(EngineError::BadConfig { reason, .. }) => format!("its config.json can't be used: {reason}"),
            // what else is wrong is that the rest is not there yet
            _ => return Ok(()),
        };
        Err(HubError::Unusable { model: self.source.short(), reason })
    }

    /// Names a blob in the snapshot; a link that is there already stays.
    fn link(&self, file: &FileFacts) -> Result<(), HubError> {
        let link = self.cache.snapshot(&self.facts.commit).join(&file.name);
        make_folder(&link)?;
        if link.is_file() {
            return Ok(());
        }
        // one that leads nowhere is left of a cache that was tidied by hand
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link).map_err(HubError::at(&link))?;
        }
        #[cfg(unix)]
        let linked = {
            // from the folder in the snapshot that the file lies in
            let up = "../".repeat(2 + file.name.matches('/').count());
            std::os::unix::fs::symlink(Path::new(&up).join("blobs").join(&file.etag), &link)
        };
        #[cfg(not(unix))]
        let linked = fs::copy(self.cache.blob(&file.etag), &link).map(drop);
        linked.map_err(HubError::at(&link))
    }

    /// Last of all: from now on, the revision is this commit.
    fn name_revision(&self) -> Result<(), HubError> {
        if self.source.is_commit() || self.cache.known_commit(&self.source.revision).as_ref() == Some(&self.facts.commit) {
            return Ok(());
        }
        let path = self.cache.reference(&self.source.revision);
        whole_file::write_text(&path, &self.facts.commit).map_err(|error| match error {
            crate::StudyError::DiskFull { path } => HubError::DiskFull { path },
            crate::StudyError::Io { path, source } => HubError::Io { path, source },
            other => HubError::Io { path, source: std::io::Error::other(other.to_string()) },
        })
    }
}
