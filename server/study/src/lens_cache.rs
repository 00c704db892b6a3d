//! Answers of the lens on disk, so that a link to one opens at once. An answer is kept under what it follows from: the recipe, the
//! content of the weights of every cell, the prompt and the options. Together they take no more than a limit; the ones that were not
//! looked at for longest go first.

use crate::{
    StudyError,
    lens_bench::{LensFindings, LensTask, WeightsFile},
    whole_file,
};
use rankscope_domain::inspection::LensReading;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

/// The hashes of weights that were read, by path: to know an answer's name again without reading weights.
const LEDGER: &str = "weights.json";
/// More than so many weights are not remembered.
const LEDGER_ENTRIES: usize = 2000;

/// A folder of answers; cheap to clone.
#[derive(Debug, Clone)]
pub struct LensCache {
    folder: PathBuf,
    limit_bytes: u64,
    ledger: Arc<Mutex<BTreeMap<PathBuf, WeightsFile>>>,
}

impl LensCache {
    /// Makes the folder where it is not there. A damaged ledger is begun anew: answers are then found again once they were asked again.
    pub fn open(folder: &Path, limit_bytes: u64) -> Result<Self, StudyError> {
        fs::create_dir_all(folder).map_err(StudyError::at(folder))?;
        whole_file::clear_unfinished(folder)?;
        let ledger = whole_file::read_json(&folder.join(LEDGER)).ok().flatten().unwrap_or_default();
        let cache = Self { folder: folder.into(), limit_bytes, ledger: Arc::new(Mutex::new(ledger)) };
        cache.make_room()?;
        Ok(cache)
    }

    /// The answer to a task; `None`: nobody asked it yet, weights have changed since, or it had to go. A damaged one counts as gone.
    pub fn find(&self, task: &LensTask) -> Option<Vec<LensReading>> {
        let path = self.path(task)?;
        let readings = whole_file::read_json(&path).ok().flatten()?;
        // looked at now
        let touched = fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = touched {
            tracing::warn!(%error, "the age of a kept answer can't be changed");
        }
        Some(readings)
    }

    /// Keeps an answer, and lets go of old ones where there are too many.
    pub fn keep(&self, task: &LensTask, findings: &LensFindings) -> Result<(), StudyError> {
        {
            let mut ledger = self.lock();
            ledger.extend(findings.weights.iter().map(|file| (file.path.clone(), file.clone())));
            if ledger.len() > LEDGER_ENTRIES {
                ledger.retain(|_, file| file.is_as_it_was());
            }
            whole_file::write_json(&self.folder.join(LEDGER), &*ledger)?;
        }
        let Some(path) = self.path(task) else { return Ok(()) };
        whole_file::write_with(&path, |out| serde_json::to_writer(out, &findings.readings).map_err(std::io::Error::from))?;
        self.make_room()
    }

    /// Where the task's answer is or would be; `None` while the weights' hashes are not known.
    fn path(&self, task: &LensTask) -> Option<PathBuf> {
        let ledger = self.lock();
        let hash_of = |path: PathBuf| ledger.get(&path).filter(|file| file.is_as_it_was()).map(|file| file.sha256.clone());
        // the study knows its base model by its hash also where the file is gone
        let mut hashes = vec![match &task.base_sha256 {
            Some(hash) => hash.clone(),
            None => hash_of(task.base.clone())?,
        }];
        for path in task.files().skip(1) {
            hashes.push(hash_of(path)?);
        }
        let follows_from = (&task.recipe_sha256, hashes, &task.cells, &task.prompt, task.top_k, task.new_tokens);
        let text = serde_json::to_string(&follows_from).ok()?;
        Some(self.folder.join(format!("{}.json", whole_file::hash_text(&text))))
    }

    /// Removes the answers that were not looked at for longest until the rest fits.
    fn make_room(&self) -> Result<(), StudyError> {
        let mut answers = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(StudyError::at(&self.folder))?.flatten() {
            let is_answer = entry.file_name().to_str().is_some_and(|name| name.len() == 64 + ".json".len() && name.ends_with(".json"));
            if let Ok(about) = entry.metadata()
                && is_answer
            {
                answers.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len(), entry.path()));
            }
        }
        answers.sort_unstable();
        let mut total: u64 = answers.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in answers {
            if total <= self.limit_bytes {
                break;
            }
            fs::remove_file(&path).map_err(StudyError::at(&path))?;
            total -= bytes;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, WeightsFile>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
