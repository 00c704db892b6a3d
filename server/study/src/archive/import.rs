//! Unpacks an archive into a new study directory. Nothing in it is believed before it was checked; the caller removes the directory
//! when something is wrong.

use super::{
    ARCHIVE_FORMAT, IMPORT_NOTE, MANIFEST, Manifest, STUDY_FOLDER,
    content::{self, Content, content_of, refusal},
    labels::{ArchivedLabels, LABELS},
    name,
};
use crate::{Study, StudyError, whole_file};
use rankscope_domain::{
    CellId, FieldErrors,
    event::{Event, Happening},
    provenance::ImportNote,
    results::RESULTS_SCHEMA,
    view::{Ended, Progress},
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};
use zip::{ZipArchive, result::ZipError};

/// How much an archive may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Bytes of all files together, unpacked.
    pub bytes: u64,
    pub files: usize,
}

/// Of a list of files; ours have some kilobytes.
const LARGEST_MANIFEST: u64 = 16 << 20;
/// A file may be so many times as large as it is packed. Texts of studies come to 20, and deflate can't do more than 1032.
const LARGEST_RATIO: u64 = 200;
/// Below so many bytes no ratio is looked at.
const SMALL: u64 = 1 << 20;

/// Events of a study, and those of them that are kept one by one: notes, ends of stages, cells that failed.
const MOST_EVENTS: u32 = 1_000_000;
const MOST_KEPT: u32 = 20_000;

/// What an archive may hold besides the study itself: it is checked against the manifest, and left where it is.
fn is_left_out(path: &str) -> bool {
    let names: Vec<&str> = path.split('/').collect();
    let ends = |name: &str, endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    match names.as_slice() {
        ["README.txt" | "report.html"] => true,
        ["figures", name] => ends(name, &[".svg", ".png", ".pdf"]),
        ["tables", name] => ends(name, &[".csv", ".json", ".tex"]),
        _ => false,
    }
}

/// An entry that is allowed to be there.
struct Entry {
    index: usize,
    path: String,
    /// Where it goes, and what it must be; none: it is looked at and left out.
    to: Option<(PathBuf, Content)>,
}

/// What was in an archive.
#[derive(Debug)]
pub struct Unpacked {
    pub study: Study,
    /// What people said, if it holds that.
    pub labels: ArchivedLabels,
}

/// Unpacks into `directory`, which is there and empty, and checks everything. An error names the file that is wrong, and why.
pub fn unpack(archive: &Path, directory: &Path, limits: ArchiveLimits) -> Result<Unpacked, StudyError> {
    let sha256 = whole_file::hash_file(archive)?;
    let file = File::open(archive).map_err(StudyError::at(archive))?;
    let mut zip = ZipArchive::new(file).map_err(|error| whole_refusal(&why(&error)))?;
    let entries = entries_of(&mut zip, directory, limits)?;
    let manifest = read_manifest(&mut zip)?;
    let listed: BTreeMap<&str, (u64, &str)> =
        manifest.files.iter().map(|file| (file.path.as_str(), (file.bytes, file.sha256.as_str()))).collect();
    if listed.len() != manifest.files.len() {
        return Err(refusal(MANIFEST, "it lists a file twice"));
    }
    let mut left = limits.bytes;
    let mut missing: BTreeSet<&str> = listed.keys().copied().collect();
    for entry in &entries {
        let Some((bytes, sha256)) = listed.get(entry.path.as_str()) else {
            return Err(refusal(&entry.path, "the manifest does not list it"));
        };
        missing.remove(entry.path.as_str());
        take_out(&mut zip, entry, *bytes, sha256, &mut left, limits)?;
    }
    if let Some(path) = missing.first() {
        return Err(refusal(path, "the manifest lists it, and it is not there"));
    }
    for entry in &entries {
        if let Some((path, content)) = &entry.to {
            content::check(path, *content).map_err(|wrong| refusal(&entry.path, &wrong))?;
        }
    }
    let study = check_together(directory, &entries)?;
    let labels = take_labels(&study)?;
    let note = ImportNote {
        imported_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        rankscope_version: manifest.rankscope_version,
        archive_sha256: sha256,
    };
    whole_file::write_json(&directory.join(IMPORT_NOTE), &note)?;
    sync_folders(directory)?;
    Ok(Unpacked { study, labels })
}

/// The archive's labels, held against the study, and out of its directory: they are the index's. None where the archive has none.
fn take_labels(study: &Study) -> Result<ArchivedLabels, StudyError> {
    let path = study.directory().join(LABELS);
    if !path.exists() {
        return Ok(ArchivedLabels::default());
    }
    let labels = ArchivedLabels::read(&path).map_err(|wrong| refusal(LABELS, &wrong))?;
    labels.check(&study.judged_items()?).map_err(|wrong| refusal(LABELS, &wrong))?;
    fs::remove_file(&path).map_err(StudyError::at(&path))?;
    Ok(labels)
}

/// Makes the names in a directory and below last.
fn sync_folders(directory: &Path) -> Result<(), StudyError> {
    for entry in fs::read_dir(directory).map_err(StudyError::at(directory))? {
        let entry = entry.map_err(StudyError::at(directory))?;
        if entry.file_type().map_err(StudyError::at(directory))?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    whole_file::sync_directory(directory)
}

fn whole_refusal(wrong: &str) -> StudyError {
    FieldErrors::one("file", "", format!("This is no archive of a study: {wrong}. Choose a file that Rankscope exported.")).into()
}

fn why(error: &ZipError) -> String {
    match error {
        ZipError::Io(error) => format!("it can't be read ({error})"),
        other => format!("it is no ZIP file, or damaged ({other})"),
    }
}

/// Every entry, its name checked, none twice.
fn entries_of(zip: &mut ZipArchive<File>, directory: &Path, limits: ArchiveLimits) -> Result<Vec<Entry>, StudyError> {
    if zip.len() > limits.files {
        return Err(whole_refusal(&format!("it holds {} files, more than the {} that are read", zip.len(), limits.files)));
    }
    if zip.has_duplicate_names() {
        return Err(whole_refusal("two files in it have one name"));
    }
    if zip.has_overlapping_entries().map_err(|error| whole_refusal(&why(&error)))? {
        return Err(whole_refusal("files in it overlap"));
    }
    let mut entries = Vec::new();
    let mut seen = BTreeSet::new();
    let mut has_manifest = false;
    for index in 0..zip.len() {
        let file = zip.by_index_raw(index).map_err(|error| whole_refusal(&why(&error)))?;
        let shown = String::from_utf8_lossy(file.name_raw()).chars().take(200).collect::<String>();
        let refuse = |wrong: &str| refusal(&shown, wrong);
        if file.is_dir() {
            // some programs write folders as entries, which hold nothing
            name::checked(file.name_raw().strip_suffix(b"/").unwrap_or(file.name_raw())).map_err(refuse)?;
            continue;
        }
        let path = name::checked(file.name_raw()).map_err(refuse)?.to_string();
        if file.is_symlink() || !file.is_file() {
            return Err(refuse("it is a link, and no file"));
        }
        if file.encrypted() {
            return Err(refuse("it is encrypted"));
        }
        // on some file systems these are one name
        if !seen.insert(path.to_lowercase()) {
            return Err(refuse("another file has the same name but for capital letters"));
        }
        if path == MANIFEST {
            has_manifest = true;
            continue;
        }
        let to = match path.strip_prefix(STUDY_FOLDER) {
            Some(inside) => {
                let (_, content) = content_of(inside).ok_or_else(|| refuse("it is no file of a study"))?;
                Some((directory.join(inside), content))
            }
            // to be read, and not to stay in the directory
            None if path == LABELS => Some((directory.join(LABELS), Content::Labels)),
            None if is_left_out(&path) => None,
            None => return Err(refuse("it is no file of a study")),
        };
        entries.push(Entry { index, path, to });
    }
    if !has_manifest {
        return Err(whole_refusal("it has no manifest.json"));
    }
    Ok(entries)
}

fn read_manifest(zip: &mut ZipArchive<File>) -> Result<Manifest, StudyError> {
    let mut text = Vec::new();
    let file = zip.by_name(MANIFEST).map_err(|error| refusal(MANIFEST, &why(&error)))?;
    file.take(LARGEST_MANIFEST).read_to_end(&mut text).map_err(|error| refusal(MANIFEST, &format!("it can't be unpacked: {error}")))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| refusal(MANIFEST, &format!("it can't be read: {error}")))?;
    if manifest.rankscope_archive != ARCHIVE_FORMAT {
        let wrong = format!(
            "it is of the layout {}, and this program reads {ARCHIVE_FORMAT}; it was written by Rankscope {}",
            manifest.rankscope_archive, manifest.rankscope_version
        );
        return Err(refusal(MANIFEST, &wrong));
    }
    Ok(manifest)
}

/// Unpacks one entry, counting and hashing; nothing is kept of one that is left out.
fn take_out(
    zip: &mut ZipArchive<File>,
    entry: &Entry,
    bytes: u64,
    sha256: &str,
    left: &mut u64,
    limits: ArchiveLimits,
) -> Result<(), StudyError> {
    let refuse = |wrong: &str| refusal(&entry.path, wrong);
    let mut file = zip.by_index(entry.index).map_err(|error| refuse(&why(&error)))?;
    let most = file.compressed_size().saturating_mul(LARGEST_RATIO).max(SMALL);
    let largest = entry.to.as_ref().and_then(|(_, content)| content::largest(*content)).unwrap_or(u64::MAX);
    let mut out = match &entry.to {
        Some((path, _)) => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(StudyError::at(folder))?;
            }
            Some((File::create_new(path).map_err(StudyError::at(path))?, path))
        }
        None => None,
    };
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 17];
    let mut count = 0;
    loop {
        let read = file.read(&mut piece).map_err(|error| refuse(&format!("it can't be unpacked: {error}")))?;
        if read == 0 {
            break;
        }
        count += read as u64;
        if count > bytes {
            return Err(refuse("it is larger than the manifest says"));
        }
        if count > largest {
            return Err(refuse(&format!("it has more than {largest} bytes, which is the most that is read of such a file")));
        }
        if count > most {
            return Err(refuse(&format!("unpacked it is more than {LARGEST_RATIO} times as large, which no file of a study is")));
        }
        *left = left
            .checked_sub(read as u64)
            .ok_or_else(|| whole_refusal(&format!("unpacked it has more than {} bytes, which is the most that is taken", limits.bytes)))?;
        hash.update(&piece[..read]);
        if let Some((file, path)) = &mut out {
            file.write_all(&piece[..read]).map_err(StudyError::at(path))?;
        }
    }
    // the study is taken up by a rename, after which nothing of it may be lost
    if let Some((file, path)) = out {
        file.sync_all().map_err(StudyError::at(path))?;
    }
    if count != bytes || whole_file::hex(&hash.finalize()) != sha256 {
        return Err(refuse("its content is not what the manifest says; it was changed or damaged on the way"));
    }
    Ok(())
}

/// What no file shows by itself: that they are of one finished study.
fn check_together(directory: &Path, entries: &[Entry]) -> Result<Study, StudyError> {
    let refuse = |file: &str, wrong: &str| refusal(&format!("{STUDY_FOLDER}{file}"), wrong);
    let study = Study::open(directory).map_err(|_| refuse("recipe.toml", "it is not there"))?;
    let text = study.recipe_toml()?;
    let recipe = study.recipe()?;
    recipe.validate().map_err(|errors| refuse("recipe.toml", &errors.to_string()))?;
    let Some(results) = study.results()? else { return Err(refuse("results.json", "it is not there")) };
    if results.schema != RESULTS_SCHEMA {
        let wrong = format!("it is of schema {}, and this program reads {RESULTS_SCHEMA}", results.schema);
        return Err(refuse("results.json", &wrong));
    }
    let sha256 = whole_file::hash_text(&text);
    if results.recipe_sha256 != sha256 || results.kind != recipe.kind {
        return Err(refuse("results.json", "they are results of another recipe"));
    }
    let Some(provenance) = study.provenance()? else { return Err(refuse("provenance.json", "it is not there")) };
    if provenance.recipe_sha256 != sha256 {
        return Err(refuse("provenance.json", "it is the provenance of another recipe"));
    }
    let cells: BTreeSet<CellId> = recipe.cells().into_iter().collect();
    for entry in entries {
        let cell = entry.path.strip_prefix(STUDY_FOLDER).and_then(|path| path.strip_prefix("cells/")?.split('/').next()?.parse().ok());
        if cell.is_some_and(|cell: CellId| !cells.contains(&cell)) {
            return Err(refusal(&entry.path, "the recipe has no such cell"));
        }
    }
    let progress = fold_events(&directory.join("events.jsonl"), &cells).map_err(|wrong| refuse("events.jsonl", &wrong))?;
    if progress.ended != Some(Ended::Finished) {
        return Err(refuse("events.jsonl", "the study was not finished, and only finished studies are taken in"));
    }
    Ok(study)
}

/// Folds the events, which every page of the study does again: there must not be more than a study can have.
pub(super) fn fold_events(path: &Path, cells: &BTreeSet<CellId>) -> Result<Progress, String> {
    let (mut progress, mut events, mut kept) = (Progress::default(), 0, 0);
    content::each_line(path, |event: Event| {
        events += 1;
        let cell = match &event.what {
            Happening::TrainStep { cell, .. } => Some(*cell),
            Happening::CellFailed { cell, .. } => {
                kept += 1;
                Some(*cell)
            }
            // each is looked for among those before it
            Happening::Note { .. } | Happening::StageFinished { .. } => {
                kept += 1;
                None
            }
            _ => None,
        };
        if let Some(cell) = cell.filter(|cell| !cells.contains(cell)) {
            return Err(format!("event {} is of the cell {cell}, which the recipe has not", event.id));
        }
        if events > MOST_EVENTS || kept > MOST_KEPT {
            return Err(format!("it has more than {MOST_EVENTS} events, or more than {MOST_KEPT} notes and ends of stages"));
        }
        progress.apply(&event);
        Ok(())
    })?;
    Ok(progress)
}
