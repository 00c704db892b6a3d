//! What can go wrong in a study; every message says what to do.

use rankscope_domain::FieldErrors;
use std::{
    io,
    path::{Path, PathBuf},
};

#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: the disk is full. Free some space (`rankscope estimate` tells how much the study needs), then start the study again: it goes on where it was", path = path.display())]
    DiskFull { path: PathBuf },
    /// The directory holds a study of another recipe.
    #[error("{0}")]
    OtherRecipe(String),
    #[error("{path}: another worker has this study open; wait until it ends, or cancel it", path = path.display())]
    Busy { path: PathBuf },
    #[error("{0}")]
    Invalid(#[from] FieldErrors),
    #[error(transparent)]
    Engine(#[from] rankscope_engine::EngineError),
    #[error(transparent)]
    Hub(crate::hub::HubError),
    #[error("{0}")]
    Other(String),
    /// Not a failure: the user asked for it.
    #[error("stopped on request")]
    Stopped,
}

impl StudyError {
    /// For `map_err`: the file system's error with the path that it is about.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| {
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                Self::DiskFull { path }
            } else {
                Self::Io { path, source }
            }
        }
    }

    /// A wish to stop is no failure of the hub's.
    pub(crate) fn from_hub(error: crate::hub::HubError) -> Self {
        match error {
            crate::hub::HubError::Stopped => Self::Stopped,
            other => Self::Hub(other),
        }
    }

    /// A full disk inside an error of the engine is told as one.
    pub(crate) fn from_engine(error: rankscope_engine::EngineError) -> Self {
        use rankscope_engine::EngineError;
        match error {
            EngineError::Stopped => Self::Stopped,
            EngineError::Io { path, source } => Self::at(&path)(source),
            other => Self::Engine(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_so_and_what_to_do() {
        let full = StudyError::at(Path::new("/studies/x/prompts.jsonl"))(io::Error::from_raw_os_error(28));
        let text = full.to_string();
        assert!(
            text.contains("/studies/x/prompts.jsonl") && text.contains("disk is full") && text.contains("start the study again"),
            "{text}"
        );
        let engine = rankscope_engine::EngineError::Io { path: "/m".into(), source: io::Error::from_raw_os_error(28) };
        assert!(matches!(StudyError::from_engine(engine), StudyError::DiskFull { .. }));
    }
}
