//! Sets that were added to the program: a folder each, with a record and, unless it was added by its path, the files.

use crate::{StudyError, whole_file};
use rankscope_domain::dataset::{DatasetOrigin, DatasetSummary};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const RECORD: &str = "dataset.json";
/// Where the files of a set lie that the program keeps itself.
pub(super) const FILES: &str = "files";
const LONGEST_NAME: usize = 64;

/// One set that was added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AddedSet {
    pub(crate) name: String,
    pub(crate) origin: DatasetOrigin,
    /// RFC 3339, UTC.
    pub(crate) added_at: String,
    /// Absent: the files are in its folder. A path of the user's, or of the hub's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<PathBuf>,
    /// As it was added: a path, the hub's name, the name of the uploaded file.
    pub(crate) added_from: String,
    #[serde(default)]
    pub(crate) label_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text_column: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label_column: Option<String>,
    pub(crate) summary: DatasetSummary,
}

/// The folder of added sets.
#[derive(Debug, Clone)]
pub(crate) struct AddedSets {
    folder: PathBuf,
}

impl AddedSets {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    pub(crate) fn folder_of(&self, name: &str) -> Option<PathBuf> {
        is_name(name).then(|| self.folder.join(name))
    }

    pub(crate) fn read(&self, name: &str) -> Option<AddedSet> {
        let path = self.folder_of(name)?.join(RECORD);
        let set: AddedSet =
            whole_file::read_json(&path).inspect_err(|error| tracing::warn!(%error, "not the record of a set")).ok().flatten()?;
        (set.name == name).then_some(set)
    }

    pub(crate) fn write(&self, folder: &Path, set: &AddedSet) -> Result<(), StudyError> {
        whole_file::write_json(&folder.join(RECORD), set)
    }

    /// Where a set's files lie: a file or a directory.
    pub(crate) fn files(&self, set: &AddedSet) -> PathBuf {
        set.path.clone().unwrap_or_else(|| self.own_files(&self.folder.join(&set.name)))
    }

    /// The one file of a folder of files, or the folder.
    pub(crate) fn own_files(&self, folder: &Path) -> PathBuf {
        let files = folder.join(FILES);
        let mut entries = std::fs::read_dir(&files).into_iter().flatten().flatten().map(|entry| entry.path());
        match (entries.next(), entries.next()) {
            (Some(only), None) => only,
            _ => files,
        }
    }

    /// Sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().join(RECORD).is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_name(name))
            .collect();
        names.sort();
        names
    }
}

/// Lower-case letters, digits, `-` and `_`, and so nothing that could climb out of the folder.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// A name made of what a file, a folder or the hub calls a set; may be empty.
pub(crate) fn name_from(text: &str) -> String {
    let last = text.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap_or_default();
    let last = last.split('@').next().unwrap_or_default();
    let stem = match last.rsplit_once('.') {
        Some((stem, "jsonl" | "ndjson" | "json" | "csv" | "tsv" | "parquet")) => stem,
        _ => last,
    };
    let mut name = String::new();
    for character in stem.chars().flat_map(char::to_lowercase) {
        match character {
            'a'..='z' | '0'..='9' | '_' => name.push(character),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    name.truncate(LONGEST_NAME);
    name.trim_matches(['-', '_']).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for (text, expected) in [
            ("sst2", "sst2"),
            ("/data/My Reviews.CSV.csv", "my-reviews-csv"),
            ("../../etc/passwd", "passwd"),
            ("hf:stanfordnlp/IMDB@main", "imdb"),
            ("..", ""),
            ("a\\b.jsonl", "b"),
            ("Größe.parquet", "gr-e"),
        ] {
            let name = name_from(text);
            assert_eq!(name, expected, "{text}");
            assert!(name.is_empty() || is_name(&name), "{name}");
        }
        for wrong in ["", ".", "..", "a/b", "A", "-a", "a.b", "a b", "é", &"x".repeat(65)] {
            assert!(!is_name(wrong), "{wrong:?}");
        }
    }
}
