//! The sets of labelled texts that there are: the built-in one, and those that were added by a path, by upload or from the hub.

use crate::{
    Environment, Study, StudyError,
    dataset::{self, AddedSet, AddedSets},
    hub::{self, HubError, HubProgress, HubSettings, HubSource},
};
use rankscope_domain::{
    FieldErrors,
    classification::{ADDED_DATASET, BUILTIN_DATASET},
    dataset::{DatasetEntry, DatasetOrigin},
    recipe::StudyKind,
};
use rankscope_engine::Flow;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Names that mean something else: in a recipe, or in the address of a page.
const RESERVED_NAMES: [&str; 2] = [BUILTIN_DATASET, "upload"];

/// Where added sets lie.
#[derive(Debug, Clone)]
pub struct DatasetShelf {
    sets: AddedSets,
    folder: PathBuf,
    hub: HubSettings,
}

/// What is said of a set when it is added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewDataset {
    /// Absent or empty: made of the file's name.
    pub name: String,
    /// In the order of their numbers; empty: what the set says.
    pub label_names: Vec<String>,
    /// Empty: the usual ones.
    pub text_column: String,
    pub label_column: String,
}

impl DatasetShelf {
    pub fn new(environment: &Environment) -> Self {
        Self { sets: AddedSets::new(&environment.datasets), folder: environment.datasets.clone(), hub: HubSettings::from_environment() }
    }

    /// Every set, the built-in one first, then by name. One whose files are gone is there with the reason.
    pub fn list(&self) -> Vec<DatasetEntry> {
        let added = self.sets.names();
        std::iter::once(builtin()).chain(added.iter().filter_map(|name| self.sets.read(name)).map(|set| self.entry(set))).collect()
    }

    /// By its name, or as a recipe writes it.
    pub fn find(&self, name: &str) -> Option<DatasetEntry> {
        if name == BUILTIN_DATASET {
            return Some(builtin());
        }
        self.sets.read(name.strip_prefix(ADDED_DATASET).unwrap_or(name)).map(|set| self.entry(set))
    }

    fn entry(&self, set: AddedSet) -> DatasetEntry {
        let files = self.sets.files(&set);
        let problem = if files.exists() {
            String::new()
        } else {
            format!("Its files are no longer at {}; put them back, or remove the set and add it again.", files.display())
        };
        DatasetEntry {
            source: format!("{ADDED_DATASET}{}", set.name),
            name: set.name,
            origin: set.origin,
            added_at: set.added_at,
            summary: problem.is_empty().then_some(set.summary),
            problem,
        }
    }

    /// Adds a file or a folder as it lies, or fetches a set of the hub, every row read and checked. `observe` is called while
    /// something is fetched, and may stop it; what came is kept.
    pub fn add(&self, source: &str, new: &NewDataset, observe: &mut dyn FnMut(&HubProgress) -> Flow) -> Result<DatasetEntry, StudyError> {
        let source = source.trim();
        let name = self.free_name(new, source)?;
        let (path, origin, added_from) = if source.starts_with("hf:") {
            let hub = HubSource::dataset(source)
                .map_err(|_| FieldErrors::one("SOURCE", source, "This is no set of the hub: write hf:ORG/NAME or hf:ORG/NAME@REVISION."))?;
            let fetched = hub::fetch(&hub, &self.hub, &mut |_| Ok(()), observe).map_err(|error| refusal_of_hub(source, error))?;
            // the commit that came, whatever the revision becomes
            (fetched.model.path, DatasetOrigin::Hub, hub.at(&fetched.model.commit).to_string())
        } else {
            let path = std::path::absolute(source).unwrap_or_else(|_| source.into());
            if source.is_empty() || !path.exists() {
                let remedy = "There is no such file or directory. Write the path of a JSONL, CSV or parquet file, or of a directory in the hub's \
                              layout, or hf:ORG/NAME for a set of the hub.";
                return Err(FieldErrors::one("SOURCE", source, remedy).into());
            }
            (path, DatasetOrigin::Path, source.to_string())
        };
        let summary = dataset::summarise(&path, &path.to_string_lossy(), new)?;
        let set = record(name.clone(), origin, Some(path), added_from, new, summary);
        let folder = self.folder.join(&name);
        fs::create_dir_all(&folder).map_err(StudyError::at(&folder))?;
        self.sets.write(&folder, &set)?;
        Ok(self.entry(set))
    }

    /// A folder to receive an upload in, gone again when it is dropped; `file_name` is what the sender calls the file.
    pub fn receive(&self, file_name: &str) -> Result<Upload, StudyError> {
        fs::create_dir_all(&self.folder).map_err(StudyError::at(&self.folder))?;
        let folder = tempfile::Builder::new().prefix(".upload-").tempdir_in(&self.folder).map_err(StudyError::at(&self.folder))?;
        let files = dataset::files_folder(folder.path());
        fs::create_dir(&files).map_err(StudyError::at(&files))?;
        let plain = dataset::plain_file_name(file_name).ok_or_else(|| {
            FieldErrors::one(
                "file",
                file_name,
                "The file's name must end in .jsonl, .ndjson, .json, .csv, .tsv or .parquet, which says how it is read.",
            )
        })?;
        Ok(Upload { path: files.join(&plain), file_name: plain, folder })
    }

    /// Checks every row of what was received and takes it in.
    pub fn take_in(&self, upload: Upload, new: &NewDataset) -> Result<DatasetEntry, StudyError> {
        let name = self.free_name(new, &upload.file_name)?;
        let as_sent = |errors: FieldErrors| {
            let told = errors.0.into_iter().map(|mut error| {
                if error.field == "data.source" {
                    error.field = "file".into();
                }
                error
            });
            FieldErrors(told.collect())
        };
        let summary = dataset::summarise(&upload.path, &upload.file_name, new).map_err(as_sent)?;
        let set = record(name.clone(), DatasetOrigin::Uploaded, None, upload.file_name.clone(), new, summary);
        self.sets.write(upload.folder.path(), &set)?;
        let target = self.folder.join(&name);
        // a folder that another upload has made in the meantime is not empty, and the renaming fails
        fs::rename(upload.folder.path(), &target).map_err(StudyError::at(&target))?;
        // it has moved: there is nothing left to remove
        drop(upload.folder.keep());
        Ok(self.entry(set))
    }

    /// Takes a set off the list: the files of an upload are deleted, those of a path or of the hub's cache stay. Gives the bytes freed.
    pub fn remove(&self, name: &str) -> Result<u64, StudyError> {
        let refuse = |remedy: &str| StudyError::Invalid(FieldErrors::one("NAME", name, remedy));
        let plain = name.strip_prefix(ADDED_DATASET).unwrap_or(name);
        if plain == BUILTIN_DATASET {
            return Err(refuse("The built-in set comes with the program and is not removed."));
        }
        let set = self.sets.read(plain).ok_or_else(|| refuse("There is no such set; `rankscope datasets list` shows the names."))?;
        let freed = if set.origin == DatasetOrigin::Uploaded { set.summary.bytes } else { 0 };
        let folder = self.folder.join(plain);
        fs::remove_dir_all(&folder).map_err(StudyError::at(&folder))?;
        Ok(freed)
    }

    /// The name that a new set gets: as given, or made of what it is added from.
    fn free_name(&self, new: &NewDataset, from: &str) -> Result<String, StudyError> {
        let given = new.name.trim();
        let name = if given.is_empty() { dataset::name_from(from) } else { given.to_string() };
        if !dataset::is_name(&name) || RESERVED_NAMES.contains(&name.as_str()) {
            let remedy = "Give the set a name of 1 to 64 lower-case letters, digits, - and _, beginning with a letter or digit (and not \"builtin\" or \"upload\").";
            return Err(FieldErrors::one("name", if given.is_empty() { from } else { given }, remedy).into());
        }
        if self.folder.join(&name).exists() {
            return Err(
                FieldErrors::one("name", &name, "A set of this name is there already; remove it first, or choose another name.").into()
            );
        }
        Ok(name)
    }
}

/// What the hub says of models, said of a set.
fn refusal_of_hub(source: &str, error: HubError) -> StudyError {
    let remedy = match error {
        HubError::NoSuchModel { endpoint, .. } => {
            format!("The hub knows no such set, or it is private. Check the name at {endpoint}/datasets; for a private one, set HF_TOKEN.")
        }
        HubError::NoSuchRevision { endpoint, repo, .. } => {
            format!("The set has no such revision. Write a branch, a tag or a commit of {endpoint}/datasets/{repo}/commits/main.")
        }
        HubError::Offline { .. } => "This set is not on this machine, and HF_HUB_OFFLINE is set; unset it and try again.".into(),
        HubError::Unusable { reason, .. } => format!("It can't be used: {reason}."),
        other => return StudyError::from_hub(other),
    };
    FieldErrors::one("SOURCE", source, remedy).into()
}

/// A file on its way in; dropped, it is gone.
#[derive(Debug)]
pub struct Upload {
    /// Where its bytes go.
    pub path: PathBuf,
    file_name: String,
    folder: tempfile::TempDir,
}

fn record(
    name: String,
    origin: DatasetOrigin,
    path: Option<PathBuf>,
    added_from: String,
    new: &NewDataset,
    summary: rankscope_domain::dataset::DatasetSummary,
) -> AddedSet {
    let given = |text: &str| Some(text.trim().to_string()).filter(|text| !text.is_empty());
    AddedSet {
        name,
        origin,
        added_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        path,
        added_from,
        label_names: new.label_names.clone(),
        text_column: given(&new.text_column),
        label_column: given(&new.label_column),
        summary,
    }
}

fn builtin() -> DatasetEntry {
    let summary = dataset::summarise_builtin();
    DatasetEntry {
        name: BUILTIN_DATASET.into(),
        source: BUILTIN_DATASET.into(),
        origin: DatasetOrigin::Builtin,
        added_at: String::new(),
        problem: summary.as_ref().err().map(ToString::to_string).unwrap_or_default(),
        summary: summary.ok(),
    }
}

/// Names of the studies below `studies` that are not finished and use this set.
pub fn studies_using_dataset(studies: &Path, set: &DatasetEntry) -> Vec<String> {
    let folders = fs::read_dir(studies).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut names: Vec<String> = folders
        .filter(|folder| folder.join("recipe.toml").is_file() && !folder.join("results.json").is_file())
        .filter_map(|folder| Study::open(&folder).ok()?.recipe().ok())
        .filter(|recipe| recipe.kind == StudyKind::Classification && recipe.data.source.trim() == set.source)
        .map(|recipe| recipe.name)
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(folder: &Path) -> DatasetShelf {
        DatasetShelf::new(&Environment {
            default_model: "".into(),
            memory_limit_bytes: None,
            processor: rankscope_engine::Processor::Cpu,
            datasets: folder.into(),
        })
    }

    fn send(shelf: &DatasetShelf, file_name: &str, content: &str, name: &str) -> Result<DatasetEntry, StudyError> {
        let upload = shelf.receive(file_name)?;
        fs::write(&upload.path, content).unwrap();
        shelf.take_in(upload, &NewDataset { name: name.into(), ..NewDataset::default() })
    }

    const TABLE: &str = "text,label,place\nfine words,good,north\nno,bad,south\nyes,good,south\nnever again,bad,north\n";

    #[test]
    fn a_set_comes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(&folder.path().join("datasets"));
        assert_eq!(shelf.list().len(), 1);
        let builtin = shelf.list().remove(0).summary.unwrap();
        let splits: Vec<_> = builtin.splits.iter().map(|split| (split.name.as_str(), split.rows, split.label_counts.clone())).collect();
        assert_eq!(splits, [("train", 240, vec![120, 120]), ("test", 80, vec![40, 40])]);
        assert_eq!((builtin.other_columns[0].name.as_str(), builtin.other_columns[0].different), ("topic", 5));

        let entry = send(&shelf, "../../Mine (1).csv", TABLE, "").unwrap();
        assert_eq!((entry.name.as_str(), entry.source.as_str(), entry.origin), ("mine-1", "dataset:mine-1", DatasetOrigin::Uploaded));
        let summary = entry.summary.clone().unwrap();
        assert_eq!((summary.labels.join(" ").as_str(), summary.format.as_str(), summary.splits.len()), ("bad good", "csv", 1));
        let split = &summary.splits[0];
        assert_eq!((split.rows, split.longest, &split.label_counts[..], split.examples.len()), (4, 11, &[2, 2][..], 4));
        assert_eq!(split.length_bins.iter().sum::<u64>(), 4);
        assert_eq!(summary.other_columns[0].values, [("north".to_string(), 2), ("south".to_string(), 2)]);
        assert_eq!(shelf.find("dataset:mine-1"), Some(entry));
        assert!(send(&shelf, "mine (1).csv", TABLE, "").unwrap_err().to_string().contains("there already"));

        // what is wrong leaves nothing behind
        for (file_name, content, name, part) in [
            ("a.csv", "text,label\na,1\n,0\n", "", "Line 3, column text"),
            ("a.exe", "x", "", "must end in .jsonl"),
            ("a.csv", TABLE, "../up", "lower-case letters"),
            ("a.csv", TABLE, "builtin", "lower-case letters"),
        ] {
            let error = send(&shelf, file_name, content, name).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let left: Vec<_> = fs::read_dir(folder.path().join("datasets")).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["mine-1"]);
        assert!(!folder.path().join("up").exists());
        assert_eq!(shelf.remove("mine-1").unwrap(), TABLE.len() as u64);
        assert!(shelf.find("mine-1").is_none() && shelf.remove("mine-1").is_err() && shelf.remove("builtin").is_err());
    }

    #[test]
    fn a_path_is_added_as_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(&folder.path().join("datasets"));
        let path = folder.path().join("words.csv");
        fs::write(&path, TABLE).unwrap();
        let new = NewDataset { label_names: vec!["good".into(), "bad".into()], ..NewDataset::default() };
        let add = |source: &str| shelf.add(source, &new, &mut |_| Flow::Continue(()));
        let entry = add(path.to_str().unwrap()).unwrap();
        assert_eq!((entry.name.as_str(), entry.summary.unwrap().labels.join(" ").as_str()), ("words", "good bad"));
        assert!(add("/none/at/all.csv").unwrap_err().to_string().contains("no such file"));
        assert!(add("hf:a/b/c").unwrap_err().to_string().contains("hf:ORG/NAME"));
        fs::remove_file(&path).unwrap();
        let gone = shelf.find("words").unwrap();
        assert!(gone.summary.is_none() && gone.problem.contains("no longer at"));
        assert_eq!(shelf.remove("words").unwrap(), 0);
    }
}
