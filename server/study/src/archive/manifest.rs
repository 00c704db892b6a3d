//! `manifest.json`: what is in an archive, so that a file that was changed or lost on the way is noticed.

use serde::{Deserialize, Serialize};

/// The archives that this program writes and reads.
pub const ARCHIVE_FORMAT: u32 = 1;

/// The manifest's own name in the archive; it does not list itself.
pub const MANIFEST: &str = "manifest.json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the archive's layout; 1.
    pub rankscope_archive: u32,
    /// Of the program that wrote it.
    pub rankscope_version: String,
    /// The study's.
    pub name: String,
    /// Every other file, in the order of the archive.
    pub files: Vec<ManifestFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}
