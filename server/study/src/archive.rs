//! A study as one file to be carried elsewhere: which of its files go with it, and how what comes back is checked before it is a study here.

mod content;
mod import;
mod labels;
mod listing;
mod manifest;
mod name;
#[cfg(test)]
mod tests;

pub use import::{ArchiveLimits, Unpacked, unpack};
pub use labels::{ArchivedLabel, ArchivedLabels, ArchivedRound, LABELS};
pub use listing::{FilesWanted, StudyFile};
pub use manifest::{ARCHIVE_FORMAT, MANIFEST, Manifest, ManifestFile};

/// Where a study's own files lie in an archive.
pub const STUDY_FOLDER: &str = "study/";

/// Said of a study that came from elsewhere: beside its recipe, and never in an archive.
pub(crate) const IMPORT_NOTE: &str = "imported.json";
