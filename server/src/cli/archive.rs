//! `rankscope export` and `rankscope import`.

use super::Failure;
use crate::{
    annotations::Annotations,
    config::{CommonFlags, load_data_dir},
    database::Database,
    downloads::report_of,
    example,
    export::{BundleOptions, write_bundle},
    imports,
    library::Library,
    study_id::StudyId,
};
use rankscope_app::error::AppError;
use rankscope_domain::FieldErrors;
use rankscope_study::{Study, StudyError, archive::ArchivedLabels};
use std::{
    io::{BufWriter, Write, stdout},
    path::{Path, PathBuf},
};

#[derive(Debug, clap::Args)]
pub(super) struct ExportFlags {
    /// The study's directory, or its id in the data directory (`example`: the one that comes with the program)
    study: PathBuf,
    /// The file to write; one that is there is replaced when the new one is whole
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// With the LoRA adapters
    #[arg(long, conflicts_with = "html")]
    adapters: bool,
    /// With the full weights, where the study kept any
    #[arg(long, conflicts_with = "html")]
    full_weights: bool,
    /// With the labels that people gave to completions, which name their annotators
    #[arg(long, conflicts_with = "html")]
    labels: bool,
    /// Write the report alone: one HTML page that needs nothing else
    #[arg(long)]
    html: bool,
    /// Where studies are kept [default: as for serve]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ImportFlags {
    /// What `rankscope export` or the page of a study wrote
    archive: PathBuf,
    /// Where studies are kept [default: as for serve]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print {"id": …, "directory": …}, or the errors as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Bytes of an archive that the command line takes: whoever is here could unpack it by hand.
const LARGEST: u64 = 1 << 40;

pub(super) fn export(common: &CommonFlags, flags: &ExportFlags) -> Result<(), Failure> {
    crate::telemetry::start("error");
    let (study, id) = find(common, flags)?;
    let folder = match flags.out.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let cannot = |error: std::io::Error| FieldErrors::one("--out", flags.out.display(), format!("The file can't be written: {error}."));
    let mut file = tempfile::Builder::new().prefix(".exporting-").tempfile_in(folder).map_err(cannot)?;
    if flags.html {
        file.write_all(report_of(&study).map_err(refusal)?.as_bytes()).map_err(cannot)?;
    } else {
        let wanted = BundleOptions { adapters: flags.adapters, full_weights: flags.full_weights };
        let labels = if flags.labels { Some(labels_of(common, flags, id.as_ref())?) } else { None };
        let mut out = BufWriter::new(file.as_file_mut());
        write_bundle(&study, wanted, labels.as_ref(), &mut out).map_err(refusal)?;
        out.flush().map_err(cannot)?;
    }
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(permissions).and_then(|()| file.as_file().sync_all()).map_err(cannot)?;
    let bytes = file.as_file().metadata().map_err(cannot)?.len();
    file.persist(&flags.out).map_err(|error| cannot(error.error))?;
    writeln!(stdout(), "{}: {}", flags.out.display(), super::table::bytes(bytes))?;
    Ok(())
}

/// What people said of a study, out of the index that lies beside it.
fn labels_of(common: &CommonFlags, flags: &ExportFlags, id: Option<&StudyId>) -> Result<ArchivedLabels, Failure> {
    let data_dir = load_data_dir(common, flags.data_dir.clone())?;
    let Some(id) = id else {
        let remedy = format!(
            "Labels lie in the index of a data directory, and this study is none of {}. Name its data directory with --data-dir, or leave --labels out.",
            data_dir.display()
        );
        return Err(FieldErrors::one("--labels", flags.study.display(), remedy).into());
    };
    wait(annotations(&data_dir)?.archived(id))?.map_err(refusal)
}

/// The labels of a data directory, beside a server that may be there.
fn annotations(data_dir: &Path) -> Result<Annotations, Failure> {
    let path = data_dir.join("index.sqlite");
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("{}: {error}", path.display()));
    let database = Database::open(&path).map_err(|error| failed(&error))?;
    Ok(Annotations::new(database, Library::open(data_dir, None).map_err(|error| failed(&error))?))
}

fn wait<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("no work can be begun: {error}")))?;
    Ok(runtime.block_on(work))
}

/// A directory comes before an id. The id is known of a study of the data directory, whichever way it is named.
fn find(common: &CommonFlags, flags: &ExportFlags) -> Result<(Study, Option<StudyId>), Failure> {
    if flags.study.join("recipe.toml").is_file() {
        let refused = |error: StudyError| FieldErrors::one("STUDY", flags.study.display(), error.to_string());
        let study = Study::open(&flags.study).map_err(refused)?;
        let own = load_data_dir(common, flags.data_dir.clone()).ok().and_then(|data_dir| {
            let path = flags.study.canonicalize().ok()?;
            let id: StudyId = path.file_name()?.to_str()?.parse().ok()?;
            (data_dir.join("studies").join(id.as_str()).canonicalize().ok()? == path).then_some(id)
        });
        return Ok((study, own));
    }
    let data_dir = load_data_dir(common, flags.data_dir.clone())?;
    let remedy = format!(
        "There is no study in a directory of that name, and no study of that id in {}. The id stands in the address of the study's page.",
        data_dir.join("studies").display()
    );
    let unknown = || FieldErrors::one("STUDY", flags.study.display(), remedy);
    let id = flags.study.to_str().and_then(|text| text.parse::<StudyId>().ok());
    let Some(id) = id else { return Err(unknown().into()) };
    let directory = if id.is_example() {
        std::fs::create_dir_all(&data_dir)?;
        example::unpack(&data_dir)?
    } else {
        Some(data_dir.join("studies").join(id.as_str()))
    };
    let study = directory.and_then(|directory| Study::open(&directory).ok()).ok_or_else(unknown)?;
    Ok((study, Some(id)))
}

pub(super) fn import(common: &CommonFlags, flags: &ImportFlags) -> Result<(), Failure> {
    crate::telemetry::start("error");
    if !flags.archive.is_file() {
        return Err(FieldErrors::one("FILE", flags.archive.display(), "There is no such file.").into());
    }
    let data_dir = load_data_dir(common, flags.data_dir.clone())?;
    let cannot = |error: std::io::Error| {
        let remedy = format!("Nothing can be written there: {error}. Choose another directory with --data-dir.");
        FieldErrors::one("data_dir", data_dir.display(), remedy)
    };
    let library = Library::open(&data_dir, None).map_err(cannot)?;
    let folder = library.incoming().map_err(cannot)?;
    let (id, labels) = imports::take_in(&library, &flags.archive, folder, imports::limits_of(LARGEST)).map_err(refusal)?;
    if !labels.rounds.is_empty() {
        let taken = annotations(&data_dir).and_then(|own| wait(imports::take_in_labels(&own, &library, &id, labels))?.map_err(refusal));
        if taken.is_err() {
            // also where the index could not even be opened
            drop(library.delete(&id));
        }
        taken?;
    }
    let directory = data_dir.join("studies").join(id.as_str());
    let mut out = stdout().lock();
    if flags.json {
        let said = serde_json::json!({ "id": id.as_str(), "directory": directory.display().to_string() });
        writeln!(out, "{said:#}")?;
    } else {
        let name = Study::open(&directory).and_then(|study| study.recipe()).map(|recipe| recipe.name).unwrap_or_default();
        writeln!(out, "{name:?} is now the study {id}: {}", directory.display())?;
    }
    Ok(())
}

fn refusal(error: AppError) -> Failure {
    match error {
        AppError::Invalid(errors) => Failure::Input(errors),
        AppError::NotFound(text) => Failure::Input(FieldErrors::one("STUDY", "", text)),
        other => Failure::Failed(other.to_string()),
    }
}
