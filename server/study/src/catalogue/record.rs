//! What `models add` has done, one small file a model in `added/` of the models folder.

use crate::{StudyError, whole_file};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

/// One model that was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// As the list shows it.
    pub(super) name: String,
    /// As a recipe writes it.
    pub(super) source: String,
    /// Absent: a path, whose files are the user's.
    pub(super) brought: Option<Brought>,
}

/// Files that were fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Brought {
    pub(super) commit: String,
    /// The repository's folder in the hub's cache.
    pub(super) root: PathBuf,
    /// What was not there before, from `root`.
    pub(super) made: Vec<PathBuf>,
}

/// The records of a models folder.
pub(super) struct Records {
    folder: PathBuf,
}

impl Records {
    pub(super) fn new(models_dir: &Path) -> Self {
        Self { folder: models_dir.join("added") }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        // a name is a file's or the hub's; whatever else it is, it names no record
        let is_one = !name.is_empty() && !name.starts_with('.') && !name.contains(['\\', '\0']);
        is_one.then(|| self.folder.join(format!("{}.json", name.replace('/', "--"))))
    }

    pub(super) fn read(&self, name: &str) -> Option<Record> {
        let record: Record = whole_file::read_json(&self.path(name)?).ok().flatten()?;
        (record.name == name).then_some(record)
    }

    pub(super) fn write(&self, record: &Record) -> Result<(), StudyError> {
        let path = self
            .path(&record.name)
            .ok_or_else(|| StudyError::Other(format!("{:?} can't be the name of a model; rename it", record.name)))?;
        whole_file::write_json(&path, record)
    }

    pub(super) fn all(&self) -> Vec<Record> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        files
            .filter_map(|path| {
                whole_file::read_json(&path).inspect_err(|error| tracing::warn!(%error, "not a record of a model")).ok().flatten()
            })
            .collect()
    }

    /// Removes the record and what it says was made; what another model of the list needs goes over to that one.
    pub(super) fn remove(&self, record: &Record) -> Result<u64, StudyError> {
        let mut freed = 0;
        if let Some(brought) = &record.brought {
            let same_root =
                |other: &Record| other.name != record.name && other.brought.as_ref().is_some_and(|other| other.root == brought.root);
            let others: Vec<Record> = self.all().into_iter().filter(same_root).collect();
            let same_commit = |other: &&Record| other.brought.as_ref().is_some_and(|other| other.commit == brought.commit);
            let mut kept = Vec::new();
            let is_link = |path: &PathBuf| path.starts_with("snapshots");
            // links first: what is linked from nowhere any more can go
            let (links, files): (Vec<_>, Vec<_>) = brought.made.iter().filter(|path| is_below(path)).cloned().partition(is_link);
            let still_there = others.iter().find(same_commit).is_some();
            for path in links {
                if still_there {
                    kept.push(path);
                } else {
                    remove_file(&brought.root.join(&path))?;
                }
            }
            for path in files {
                let whole = brought.root.join(&path);
                if path.starts_with("refs") {
                    if fs::read_to_string(&whole).is_ok_and(|commit| commit.trim() == brought.commit) {
                        remove_file(&whole)?;
                    }
                } else if is_linked(&brought.root, &whole) {
                    kept.push(path);
                } else {
                    freed += fs::metadata(&whole).map_or(0, |metadata| metadata.len());
                    remove_file(&whole)?;
                    remove_file(&whole.with_file_name(format!("{}.incomplete", whole.file_name().unwrap_or_default().to_string_lossy())))?;
                }
            }
            remove_empty_folders(&brought.root, 4);
            if let Some(mut heir) = others.iter().find(same_commit).or(others.first()).cloned()
                && !kept.is_empty()
            {
                if let Some(brought) = &mut heir.brought {
                    kept.retain(|path| !brought.made.contains(path));
                    brought.made.extend(kept);
                }
                self.write(&heir)?;
            }
        }
        if let Some(path) = self.path(&record.name) {
            remove_file(&path)?;
        }
        Ok(freed)
    }
}

/// Nothing that a record names may lead out of the repository's folder.
fn is_below(path: &Path) -> bool {
    path.components().all(|component| matches!(component, Component::Normal(_)))
}

/// Removes a file or a link, and never what a link leads to; one that is gone is gone.
fn remove_file(path: &Path) -> Result<(), StudyError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StudyError::at(path)(error)),
        _ => Ok(()),
    }
}

/// Whether a snapshot still has a file of this content.
fn is_linked(root: &Path, blob: &Path) -> bool {
    let snapshots = fs::read_dir(root.join("snapshots")).into_iter().flatten().flatten();
    let links = snapshots.flat_map(|snapshot| fs::read_dir(snapshot.path()).into_iter().flatten().flatten());
    links.filter_map(|link| fs::read_link(link.path()).ok()).any(|target| target.file_name() == blob.file_name())
}

/// Folders below that hold nothing any more, and then this one; a folder that is not empty stays.
fn remove_empty_folders(folder: &Path, depth: usize) {
    if depth > 0 {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                remove_empty_folders(&entry.path(), depth - 1);
            }
        }
    }
    let _ = fs::remove_dir(folder);
}
