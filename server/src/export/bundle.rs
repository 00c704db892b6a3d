//! A whole study as a ZIP archive, written as it goes: no part of it is ever whole in memory or on disk but its figures. Of the same
//! study the same bytes come, whenever and wherever.

use super::{
    ExportedFile, FigureFormat, ReportSubject, Shown, figure_file,
    notes::readme,
    picture::check_size,
    report, table_file,
    variants::{lookup, variants},
};
use crate::error::{from_study, internal};
use rankscope_app::{
    FIGURES, PaperWidth,
    error::AppError,
    tables::{TABLES, TableFormat},
};
use rankscope_study::{
    Study,
    archive::{ARCHIVE_FORMAT, ArchivedLabels, FilesWanted, LABELS, MANIFEST, Manifest, ManifestFile, STUDY_FOLDER},
};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{Read, Write},
};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// What is wanted in an archive besides the study, its figures and tables.
pub type BundleOptions = FilesWanted;

/// Files this large need the format's longer numbers.
const LARGE: u64 = u32::MAX as u64 - (1 << 20);

/// Writes the archive of a study that has results. `labels`: what people said of it, where that is to go along. Blocks. An error of `out` ends it, and is given back as [`AppError::Internal`].
pub fn write_bundle(study: &Study, wanted: BundleOptions, labels: Option<&ArchivedLabels>, out: impl Write) -> Result<(), AppError> {
    let results = study.results().map_err(|error| from_study("reading results", error))?.ok_or_else(crate::downloads::no_results)?;
    let readings = study.lens().map_err(|error| from_study("reading the lens", error))?;
    let files = study.files(wanted).map_err(|error| from_study("listing a study's files", error))?;
    let mut archive = Archive::new(out);
    let shown = Shown { results: &results, readings: &readings };
    let Pieces { pieces, too_large } = pieces(shown);
    archive.put("README.txt", readme(&results, wanted, labels, &too_large).as_bytes())?;
    let recipe_toml = study.recipe_toml().map_err(|error| from_study("reading a recipe", error))?;
    let provenance = study.provenance().map_err(|error| from_study("reading a provenance", error))?;
    let subject = ReportSubject { shown, recipe_toml: &recipe_toml, provenance: provenance.as_ref() };
    archive.put("report.html", report(&subject)?.as_bytes())?;
    for (path, file) in pieces {
        archive.put(&path, &file()?.bytes)?;
    }
    for file in files {
        let options = options(file.is_weights).large_file(file.bytes > LARGE);
        let read = File::open(&file.path).map_err(|error| internal("reading a study's file", &error))?;
        archive.stream(&format!("{STUDY_FOLDER}{}", file.name), options, read)?;
    }
    if let Some(labels) = labels.filter(|labels| !labels.rounds.is_empty()) {
        archive.put(LABELS, &labels.to_json().map_err(|error| from_study("writing labels", error))?)?;
    }
    archive.finish(&results.name)
}

type Piece<'a> = (String, Box<dyn FnOnce() -> Result<ExportedFile, AppError> + 'a>);

struct Pieces<'a> {
    /// Every figure and table that a study has something in, each with what makes it.
    pieces: Vec<Piece<'a>>,
    /// Names of PNGs that are left out because they would be too large; the same drawings are there as SVG and PDF.
    too_large: Vec<String>,
}

fn pieces<'a>(shown: Shown<'a>) -> Pieces<'a> {
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    let mut too_large = Vec::new();
    for name in FIGURES.iter().copied() {
        for (suffix, query) in variants(name, shown) {
            for width in PaperWidth::ALL {
                let mut query = query.clone();
                query.push(("width", width.name().into()));
                // what is not drawn as SVG is not drawn at all
                let Ok(drawn) = figure_file(&format!("{name}.svg"), shown, &lookup(&query)) else { continue };
                let fits = check_size(&String::from_utf8_lossy(&drawn.bytes)).is_ok();
                for format in FigureFormat::ALL {
                    let (file, query) = (format!("{name}.{}", format.extension()), query.clone());
                    let path = format!("figures/{name}{suffix}{}.{}", width.suffix(), format.extension());
                    if format == FigureFormat::Png && !fits {
                        // one picture is no reason to refuse the whole study
                        too_large.push(path);
                        continue;
                    }
                    pieces.push((path, Box::new(move || figure_file(&file, shown, &lookup(&query)))));
                }
            }
        }
    }
    for name in TABLES.iter().copied() {
        for (suffix, query) in variants(name, shown) {
            let Ok(_) = table_file(&format!("{name}.csv"), shown, &lookup(&query)) else { continue };
            for format in TableFormat::ALL {
                let (file, query) = (format!("{name}.{}", format.extension()), query.clone());
                let path = format!("tables/{name}{suffix}.{}", format.extension());
                pieces.push((path, Box::new(move || table_file(&file, shown, &lookup(&query)))));
            }
        }
    }
    Pieces { pieces, too_large }
}

fn options(is_weights: bool) -> SimpleFileOptions {
    let method = if is_weights { CompressionMethod::Stored } else { CompressionMethod::Deflated };
    // no clock: the same study gives the same archive
    SimpleFileOptions::default().compression_method(method).last_modified_time(DateTime::default()).unix_permissions(0o644)
}

/// A ZIP that is written to what can't go back, with its manifest at the end.
struct Archive<W: Write> {
    zip: ZipWriter<zip::write::StreamWriter<W>>,
    files: Vec<ManifestFile>,
}

impl<W: Write> Archive<W> {
    fn new(out: W) -> Self {
        Self { zip: ZipWriter::new_stream(out), files: Vec::new() }
    }

    fn put(&mut self, path: &str, content: &[u8]) -> Result<(), AppError> {
        self.stream(path, options(false), content)
    }

    fn stream(&mut self, path: &str, options: SimpleFileOptions, mut content: impl Read) -> Result<(), AppError> {
        self.zip.start_file(path, options).map_err(|error| broken(&error))?;
        let mut hash = Sha256::new();
        let mut bytes = 0;
        let mut piece = vec![0; 1 << 17];
        loop {
            let read = content.read(&mut piece).map_err(|error| internal("reading a study's file", &error))?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            hash.update(&piece[..read]);
            self.zip.write_all(&piece[..read]).map_err(|error| broken(&error))?;
        }
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.files.push(ManifestFile { path: path.into(), bytes, sha256 });
        Ok(())
    }

    fn finish(mut self, name: &str) -> Result<(), AppError> {
        let manifest = Manifest {
            rankscope_archive: ARCHIVE_FORMAT,
            rankscope_version: env!("CARGO_PKG_VERSION").into(),
            name: name.into(),
            files: std::mem::take(&mut self.files),
        };
        let text = serde_json::to_string_pretty(&manifest).map_err(|error| internal("writing a manifest", &error))?;
        self.zip.start_file(MANIFEST, options(false)).map_err(|error| broken(&error))?;
        self.zip.write_all(format!("{text}\n").as_bytes()).map_err(|error| broken(&error))?;
        self.zip.finish().map_err(|error| broken(&error))?.into_inner().flush().map_err(|error| broken(&error))
    }
}

/// Whoever was to get the archive is gone, or the disk is full: no fault that is worth more than a line.
fn broken(error: &dyn std::fmt::Display) -> AppError {
    tracing::info!(%error, "an archive was not written to its end");
    AppError::Internal(format!("The archive can't be written: {error}. Choose another place for it, or free some space."))
}
