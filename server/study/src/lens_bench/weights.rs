//! A model's or an adapter's weights on disk: how to see at a glance whether they are still the same, and their hash.

use crate::{StudyError, model_source, whole_file};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// Size and time of every file: what changes when somebody puts other weights there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp(Vec<(String, u64, u64)>);

/// Weights as they were when they were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsFile {
    /// A file, or the directory of a model.
    pub path: PathBuf,
    /// Of the weights (of the shards in the order of their names), hex.
    pub sha256: String,
    stamp: Stamp,
}

impl Stamp {
    /// Empty where nothing is there.
    fn of(path: &Path) -> Self {
        let of_file = |file: PathBuf| {
            let about = std::fs::metadata(&file).ok()?;
            let modified = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            Some((file.file_name()?.to_string_lossy().into_owned(), about.len(), modified.as_nanos() as u64))
        };
        Self(model_source::files(path).into_iter().filter_map(of_file).collect())
    }
}

impl WeightsFile {
    /// Reads all of it.
    pub(crate) fn read(path: &Path) -> Result<Self, StudyError> {
        let stamp = Stamp::of(path);
        let sha256 =
            if path.is_dir() { rankscope_engine::hash_model(path).map_err(StudyError::from_engine)? } else { whole_file::hash_file(path)? };
        Ok(Self { path: path.into(), sha256, stamp })
    }

    /// By size and time.
    pub(crate) fn is_as_it_was(&self) -> bool {
        Stamp::of(&self.path) == self.stamp
    }

    /// On disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.stamp.0.iter().map(|(_, bytes, _)| bytes).sum()
    }
}
