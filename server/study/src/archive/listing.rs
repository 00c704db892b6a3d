//! The files of a study that go into an archive.

use super::content::{Part, content_of};
use crate::{Study, StudyError};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What is wanted besides what every archive has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilesWanted {
    pub adapters: bool,
    pub full_weights: bool,
}

/// One of a study's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyFile {
    /// In the study's directory, `/` between names.
    pub name: String,
    pub path: PathBuf,
    pub bytes: u64,
    /// Numbers that don't get smaller by compression.
    pub is_weights: bool,
}

impl Study {
    /// The files that make the study, by name; what is half done, and what a machine keeps for itself, is left out.
    pub fn files(&self, wanted: FilesWanted) -> Result<Vec<StudyFile>, StudyError> {
        let mut files = Vec::new();
        collect(self.directory(), "", wanted, &mut files)?;
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(files)
    }
}

fn collect(directory: &Path, prefix: &str, wanted: FilesWanted, files: &mut Vec<StudyFile>) -> Result<(), StudyError> {
    for entry in fs::read_dir(directory).map_err(StudyError::at(directory))? {
        let entry = entry.map_err(StudyError::at(directory))?;
        // of a link neither is true
        let kind = entry.file_type().map_err(StudyError::at(directory))?;
        let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else { continue };
        if kind.is_dir() {
            collect(&entry.path(), &format!("{name}/"), wanted, files)?;
            continue;
        }
        let Some((part, _)) = content_of(&name).filter(|_| kind.is_file()) else { continue };
        let is_wanted = match part {
            Part::Study => true,
            Part::Adapter => wanted.adapters,
            Part::FullWeights => wanted.full_weights,
        };
        if is_wanted {
            let bytes = entry.metadata().map_err(StudyError::at(&entry.path()))?.len();
            files.push(StudyFile { is_weights: name.ends_with(".safetensors"), name, path: entry.path(), bytes });
        }
    }
    Ok(())
}
