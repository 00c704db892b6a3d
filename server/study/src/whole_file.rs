//! Files that are there whole or not at all, and errors that carry their path.

use crate::StudyError;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::Path,
};

/// Writes under a temporary name in the same directory, syncs, renames, and syncs the directory.
pub(crate) fn write_with(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), StudyError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(StudyError::at(directory))?;
    let mut temporary = tempfile::Builder::new().prefix(".writing-").tempfile_in(directory).map_err(StudyError::at(directory))?;
    let written = (|| {
        let mut buffer = BufWriter::new(temporary.as_file_mut());
        fill(&mut buffer)?;
        buffer.flush()?;
        drop(buffer);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            temporary.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        temporary.as_file().sync_all()
    })();
    written.map_err(StudyError::at(path))?;
    temporary.persist(path).map_err(|error| StudyError::at(path)(error.error))?;
    sync_directory(directory)
}

/// Removes what a kill left half written, in `directory` and below.
pub(crate) fn clear_unfinished(directory: &Path) -> Result<(), StudyError> {
    for entry in fs::read_dir(directory).map_err(StudyError::at(directory))? {
        let entry = entry.map_err(StudyError::at(directory))?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(StudyError::at(directory))?);
        if kind.is_dir() {
            clear_unfinished(&path)?;
        } else if is_unfinished(&path) {
            fs::remove_file(&path).map_err(StudyError::at(&path))?;
        }
    }
    Ok(())
}

/// Names of files that are being written: ours, the engine's, and (`.tmp…`) the safetensors crate's.
fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().map_or_else(Default::default, |name| name.to_string_lossy());
    name.starts_with(".writing-") || name.starts_with(".tmp") || name.ends_with(".partial")
}

/// Removes a directory with all that is in it; one that is not there is no error.
pub(crate) fn remove_directory(directory: &Path) -> Result<(), StudyError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StudyError::at(directory)(error)),
        _ => Ok(()),
    }
}

/// Makes the names in a directory last.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), StudyError> {
    #[cfg(unix)]
    File::open(directory).and_then(|handle| handle.sync_all()).map_err(StudyError::at(directory))?;
    Ok(())
}

/// Writes a file that is then there whole, or not at all.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), StudyError> {
    write_with(path, |out| out.write_all(content))
}

pub(crate) fn write_text(path: &Path, text: &str) -> Result<(), StudyError> {
    write_with(path, |out| out.write_all(text.as_bytes()))
}

pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), StudyError> {
    write_with(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
        out.write_all(b"\n")
    })
}

/// One JSON value a line.
pub(crate) fn write_lines<'a, T: Serialize + 'a>(path: &Path, values: impl IntoIterator<Item = &'a T>) -> Result<(), StudyError> {
    write_with(path, |out| {
        for value in values {
            serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })
}

pub(crate) fn read_text(path: &Path) -> Result<String, StudyError> {
    fs::read_to_string(path).map_err(StudyError::at(path))
}

/// `None`: there is no such file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StudyError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StudyError::at(path)(error)),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| damaged(path, &error))
}

/// The lines of a file that this program wrote; no file: none.
pub(crate) fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, StudyError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StudyError::at(path)(error)),
    };
    text.lines().map(|line| serde_json::from_str(line).map_err(|error| damaged(path, &error))).collect()
}

fn damaged(path: &Path, error: &serde_json::Error) -> StudyError {
    StudyError::Other(format!("{}: the file is damaged ({error}); remove it, and the study makes it again when started", path.display()))
}

/// SHA-256, hex.
pub(crate) fn hash_text(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// SHA-256 of a file, hex, read in pieces.
pub(crate) fn hash_file(path: &Path) -> Result<String, StudyError> {
    let mut file = File::open(path).map_err(StudyError::at(path))?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut piece).map_err(StudyError::at(path))?;
        if count == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&piece[..count]);
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kill_left_is_cleared_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let cell = directory.path().join("cells/full-s0");
        fs::create_dir_all(&cell).unwrap();
        for name in [".writing-abc", ".tmpAbC123", "adapter_model.safetensors.partial", "adapter_model.safetensors", "worker.log"] {
            fs::write(cell.join(name), "x").unwrap();
        }
        clear_unfinished(directory.path()).unwrap();
        let mut left: Vec<_> = fs::read_dir(&cell).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["adapter_model.safetensors", "worker.log"]);
    }

    #[test]
    fn a_file_that_fails_half_way_leaves_the_old_one_and_no_rubbish() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("results.json");
        write_text(&path, "old").unwrap();
        let failure = write_with(&path, |out| {
            out.write_all(b"ne")?;
            Err(io::Error::from_raw_os_error(28))
        });
        assert!(matches!(failure, Err(StudyError::DiskFull { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("prompts.jsonl");
        write_text(&path, "{\"prompt_id\":").unwrap();
        let error = read_lines::<rankscope_domain::completion::Completion>(&path).unwrap_err().to_string();
        assert!(error.contains("prompts.jsonl") && error.contains("damaged"), "{error}");
    }
}
