//! The finished study that comes with the program. It lies in the binary and is unpacked to be read.

use include_dir::{Dir, DirEntry, include_dir};
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

static EXAMPLE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/example");

/// Unpacks the example under `data_dir` and gives its directory; `None`: this build has none.
pub fn unpack(data_dir: &Path) -> io::Result<Option<PathBuf>> {
    if EXAMPLE.get_file("recipe.toml").is_none() || EXAMPLE.get_file("results.json").is_none() {
        return Ok(None);
    }
    let mut hasher = Sha256::new();
    hash(&EXAMPLE, &mut hasher);
    let version: String = hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let parent = data_dir.join("example");
    let directory = parent.join(&version);
    if !directory.is_dir() {
        // an older build's example, or what an interrupted start left
        if parent.exists() {
            fs::remove_dir_all(&parent)?;
        }
        let unfinished = parent.join("unfinished");
        fs::create_dir_all(&unfinished)?;
        EXAMPLE.extract(&unfinished)?;
        fs::rename(&unfinished, &directory)?;
    }
    Ok(Some(directory))
}

fn hash(directory: &Dir<'_>, hasher: &mut Sha256) {
    for entry in directory.entries() {
        match entry {
            DirEntry::Dir(inner) => hash(inner, hasher),
            DirEntry::File(file) => {
                hasher.update(file.path().to_string_lossy().as_bytes());
                hasher.update([0]);
                hasher.update((file.contents().len() as u64).to_le_bytes());
                hasher.update(file.contents());
            }
        }
    }
}
