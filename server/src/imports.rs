//! Takes in the archive of a study that was made elsewhere.

use crate::{
    annotations::Annotations,
    error::{from_study, internal},
    export::{Shown, draw_everything},
    library::Library,
    study_id::StudyId,
};
use rankscope_app::error::AppError;
use rankscope_domain::FieldErrors;
use rankscope_study::{
    Study,
    archive::{ArchiveLimits, ArchivedLabels, Unpacked, unpack},
};
use std::{fs, panic, path::Path};
use tempfile::TempDir;

/// A study with hundreds of cells has some thousand files.
const MOST_FILES: usize = 20_000;
/// What is packed into so many bytes may be so many times as large.
const UNPACKED: u64 = 4;

/// For archives of at most `bytes`.
pub fn limits_of(bytes: u64) -> ArchiveLimits {
    ArchiveLimits { bytes: bytes.saturating_mul(UNPACKED), files: MOST_FILES }
}

/// Unpacks into `folder`, checks everything, and moves the study to its place under a new id; what people said of it is given back, for the
/// index. The folder goes either way. Blocks.
pub fn take_in(library: &Library, archive: &Path, folder: TempDir, limits: ArchiveLimits) -> Result<(StudyId, ArchivedLabels), AppError> {
    let directory = folder.path().join("study");
    fs::create_dir(&directory).map_err(|error| internal("making a folder for an import", &error))?;
    let Unpacked { study, labels } = unpack(archive, &directory, limits).map_err(|error| from_study("taking in an archive", error))?;
    check_that_it_draws(&study)?;
    let id = library.adopt(&directory).map_err(|error| internal("taking in a study", &error))?;
    Ok((id, labels))
}

/// Puts labels that came with a study into the index. Where that fails the study goes again: half of what was sent is not taken in.
pub async fn take_in_labels(annotations: &Annotations, library: &Library, id: &StudyId, labels: ArchivedLabels) -> Result<(), AppError> {
    let taken = annotations.take_in(id, labels).await;
    if taken.is_err()
        && let Err(error) = library.delete(id)
    {
        tracing::error!(%error, %id, "a study whose labels could not be taken in stays");
    }
    taken
}

/// Results can be of the right form and yet make no sense: what can't be drawn now would fail on every page later.
fn check_that_it_draws(study: &Study) -> Result<(), AppError> {
    let refused = |why: &str| {
        let remedy =
            format!("This archive can't be taken in: its results can't be shown ({why}). Export the study again where it was made.");
        AppError::Invalid(FieldErrors::one("file", "study/results.json", remedy))
    };
    let results = study.results().map_err(|error| from_study("reading results", error))?.ok_or_else(crate::downloads::no_results)?;
    let readings = study.lens().map_err(|error| from_study("reading the lens", error))?;
    let drawn = panic::catch_unwind(|| draw_everything(Shown { results: &results, readings: &readings }));
    match drawn {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(refused(&error.to_string())),
        Err(_) => Err(refused("parts of them do not fit one another")),
    }
}
