//! The directories of all studies. A name is a [`StudyId`], so that no path leads out of them.

use crate::study_id::StudyId;
use rankscope_study::Study;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// Where studies are.
#[derive(Debug, Clone)]
pub struct Library {
    studies: PathBuf,
    /// The study that comes with the program, where it does.
    example: Option<PathBuf>,
}

impl Library {
    /// Makes `studies` under the data directory if it is not there. Nothing is cleared away: a server may be at work there.
    pub fn open(data_dir: &Path, example: Option<PathBuf>) -> io::Result<Self> {
        let studies = data_dir.join("studies");
        fs::create_dir_all(&studies)?;
        Ok(Self { studies, example })
    }

    /// A folder for an archive that comes in and for what is unpacked of it; gone with all that is in it when it is dropped.
    pub fn incoming(&self) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix(INCOMING).tempdir_in(&self.studies)
    }

    /// Takes a study's directory up under a new name.
    pub fn adopt(&self, directory: &Path) -> io::Result<StudyId> {
        let id = StudyId::generate();
        fs::rename(directory, self.studies.join(id.as_str()))?;
        // so that the name lasts
        fs::File::open(&self.studies).and_then(|folder| folder.sync_all())?;
        Ok(id)
    }

    /// Studies whose deletion was interrupted: their directories are out of the way, and are there until [`Library::clear_leftovers`].
    pub fn buried(&self) -> Vec<StudyId> {
        let entries = fs::read_dir(&self.studies).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix(DELETED)?.parse().ok()).collect()
    }

    /// What an interrupted deletion left behind, or an interrupted import of the day before. For the one server that has the directory.
    pub fn clear_leftovers(&self) {
        for entry in fs::read_dir(&self.studies).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_left = || entry.metadata().and_then(|data| data.modified()).is_ok_and(|at| at.elapsed().is_ok_and(|age| age > A_DAY));
            if name.starts_with(DELETED) || name.starts_with(INCOMING) && is_left() {
                remove_whole(&entry.path())
                    .unwrap_or_else(|error| tracing::warn!(path = %entry.path().display(), %error, "can't be deleted"));
            }
        }
    }

    /// The folder of all studies but the example.
    pub fn studies(&self) -> &Path {
        &self.studies
    }

    /// The folder that the studies' folder lies in.
    pub fn data_dir(&self) -> &Path {
        self.studies.parent().unwrap_or(&self.studies)
    }

    /// Where a study is, or would be.
    pub fn directory(&self, id: &StudyId) -> Option<PathBuf> {
        if id.is_example() { self.example.clone() } else { Some(self.studies.join(id.as_str())) }
    }

    pub fn has_example(&self) -> bool {
        self.example.is_some()
    }

    /// Opens a study; `None`: there is no such one.
    pub fn study(&self, id: &StudyId) -> Option<Study> {
        let directory = self.directory(id).filter(|directory| directory.is_dir())?;
        Study::open(&directory).inspect_err(|error| tracing::warn!(%id, %error, "this directory is no study")).ok()
    }

    /// Every study on disk but the example.
    pub fn ids(&self) -> io::Result<Vec<StudyId>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.studies)? {
            let entry = entry?;
            if let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<StudyId>().ok())
                && !id.is_example()
                && entry.path().join("recipe.toml").is_file()
            {
                ids.push(id);
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// Takes a study's directory out of the way, by a rename that lasts; what is in it is still there. No directory is no error.
    pub fn bury(&self, id: &StudyId) -> io::Result<()> {
        if id.is_example() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the example can't be deleted"));
        }
        match fs::rename(self.studies.join(id.as_str()), self.grave(id)) {
            Ok(()) => fs::File::open(&self.studies).and_then(|folder| folder.sync_all()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes a study's directory: out of the way first, so that no half of it is ever a study.
    pub fn delete(&self, id: &StudyId) -> io::Result<()> {
        self.bury(id)?;
        self.empty_grave(id)
    }

    /// Removes what [`Library::bury`] has taken out of the way.
    pub fn empty_grave(&self, id: &StudyId) -> io::Result<()> {
        match remove_whole(&self.grave(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn grave(&self, id: &StudyId) -> PathBuf {
        self.studies.join(format!("{DELETED}{id}"))
    }
}

const DELETED: &str = ".deleted-";
const INCOMING: &str = ".import-";
/// An import on the command line may be under way while a server starts.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes a directory with all that is in it. A link is removed, and never what it leads to.
fn remove_whole(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleting_stays_inside() {
        let directory = tempfile::tempdir().unwrap();
        let outside = directory.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "x").unwrap();
        let library = Library::open(&directory.path().join("data"), None).unwrap();
        let delete = |id: &StudyId| library.delete(id);
        let id = StudyId::generate();
        std::os::unix::fs::symlink(&outside, library.directory(&id).unwrap()).unwrap();
        delete(&id).unwrap();
        assert!(outside.join("precious").exists());
        assert!(!library.directory(&id).unwrap().exists());

        fs::create_dir(library.directory(&id).unwrap()).unwrap();
        std::os::unix::fs::symlink(&outside, library.directory(&id).unwrap().join("link")).unwrap();
        delete(&id).unwrap();
        assert!(outside.join("precious").exists());
        delete(&id).unwrap();
        assert!(delete(&StudyId::example()).is_err());
    }

    #[test]
    fn what_was_buried_waits_for_the_server_that_clears_it() {
        let directory = tempfile::tempdir().unwrap();
        let library = Library::open(directory.path(), None).unwrap();
        let id = StudyId::generate();
        fs::create_dir(library.directory(&id).unwrap()).unwrap();
        fs::write(library.directory(&id).unwrap().join("recipe.toml"), "").unwrap();
        library.bury(&id).unwrap();
        assert!(library.ids().unwrap().is_empty());
        // a command beside the server opens it too
        let beside = Library::open(directory.path(), None).unwrap();
        assert_eq!(beside.buried(), std::slice::from_ref(&id));
        library.clear_leftovers();
        assert!(library.buried().is_empty());
        assert_eq!(fs::read_dir(library.studies()).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_without_a_recipe_is_no_study() {
        let directory = tempfile::tempdir().unwrap();
        let library = Library::open(directory.path(), None).unwrap();
        let id = StudyId::generate();
        fs::create_dir(library.directory(&id).unwrap()).unwrap();
        fs::create_dir(directory.path().join("studies/notes")).unwrap();
        assert!(library.ids().unwrap().is_empty());
        fs::write(library.directory(&id).unwrap().join("recipe.toml"), "").unwrap();
        assert_eq!(library.ids().unwrap(), [id]);
    }
}
