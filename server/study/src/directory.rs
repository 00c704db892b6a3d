//! A study's directory: where every file is, and what can be read from it while a worker writes.

use crate::{StudyError, event_log, whole_file};
use rankscope_domain::{
    CellId, MinorityFraction, Recipe, StudyResults,
    completion::Prompt,
    event::Event,
    inspection::LensReading,
    provenance::{ImportNote, Provenance},
    view::Progress,
};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

/// A study directory.
#[derive(Debug, Clone)]
pub struct Study {
    directory: PathBuf,
}

/// Held while a worker works; freed when it ends, however it ends.
pub(crate) struct WorkerLock(#[expect(dead_code, reason = "the lock lasts as long as the open file")] File);

impl Study {
    /// Makes the directory and freezes the recipe in it; one that is there already with the same recipe is opened.
    pub fn create(directory: &Path, recipe: &Recipe) -> Result<Self, StudyError> {
        let study = Self { directory: directory.into() };
        recipe.validate()?;
        if study.recipe_path().exists() {
            let kept = study.recipe()?;
            let differing = differing_fields(&kept, recipe);
            if !differing.is_empty() {
                return Err(StudyError::OtherRecipe(format!(
                    "{} holds the study {:?} of another recipe; it differs in {}. Choose another directory, or delete that study first",
                    directory.display(),
                    kept.name,
                    differing.join(", ")
                )));
            }
            return Ok(study);
        }
        fs::create_dir_all(directory).map_err(StudyError::at(directory))?;
        for entry in fs::read_dir(directory).map_err(StudyError::at(directory))? {
            let name = entry.map_err(StudyError::at(directory))?.file_name();
            let ours = name.to_str().is_some_and(|name| name.starts_with('.') || name == "worker.log");
            if !ours {
                return Err(StudyError::OtherRecipe(format!(
                    "{} is not empty and holds no study; choose another directory",
                    directory.display()
                )));
            }
        }
        whole_file::write_text(&study.recipe_path(), &recipe.to_toml())?;
        Ok(study)
    }

    pub fn open(directory: &Path) -> Result<Self, StudyError> {
        let study = Self { directory: directory.into() };
        if !study.recipe_path().is_file() {
            return Err(StudyError::Other(format!("{} holds no study: it has no recipe.toml", directory.display())));
        }
        Ok(study)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn recipe(&self) -> Result<Recipe, StudyError> {
        Ok(Recipe::from_toml(&self.recipe_toml()?)?)
    }

    /// The frozen `recipe.toml`, to the letter.
    pub fn recipe_toml(&self) -> Result<String, StudyError> {
        whole_file::read_text(&self.recipe_path())
    }

    pub fn results(&self) -> Result<Option<StudyResults>, StudyError> {
        whole_file::read_json(&self.results_path())
    }

    pub fn provenance(&self) -> Result<Option<Provenance>, StudyError> {
        whole_file::read_json(&self.provenance_path())
    }

    /// Whence the study came, where it was taken in from an archive.
    pub fn imported(&self) -> Result<Option<ImportNote>, StudyError> {
        whole_file::read_json(&self.directory.join(crate::archive::IMPORT_NOTE))
    }

    /// The chosen prompts; none before they are chosen.
    pub fn prompts(&self) -> Result<Vec<Prompt>, StudyError> {
        whole_file::read_lines(&self.prompts_path())
    }

    /// What the cells that were looked into show of the recipe's lens prompts: cells in the order of figures, prompts in the recipe's.
    /// Cells that failed, or were not looked into yet, are left out.
    pub fn lens(&self) -> Result<Vec<LensReading>, StudyError> {
        let mut cells = self.recipe()?.inspected_cells();
        cells.sort_unstable();
        let mut readings = Vec::new();
        for cell in cells {
            readings.extend(whole_file::read_json::<Vec<LensReading>>(&self.cell_file(cell, "lens.json"))?.unwrap_or_default());
        }
        Ok(readings)
    }

    /// Events with an id above `last_id`, a line that is not whole yet left out.
    pub fn events_since(&self, last_id: u64) -> Result<Vec<Event>, StudyError> {
        event_log::read_since(&self.events_path(), last_id)
    }

    /// All events folded.
    pub fn progress(&self) -> Result<Progress, StudyError> {
        let mut progress = Progress::default();
        for event in self.events_since(0)? {
            progress.apply(&event);
        }
        Ok(progress)
    }

    pub(crate) fn lock(&self) -> Result<WorkerLock, StudyError> {
        let path = self.directory.join(".lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(StudyError::at(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(WorkerLock(file)),
            Err(TryLockError::WouldBlock) => Err(StudyError::Busy { path: self.directory.clone() }),
            Err(TryLockError::Error(source)) => Err(StudyError::at(&path)(source)),
        }
    }

    fn recipe_path(&self) -> PathBuf {
        self.directory.join("recipe.toml")
    }
    pub(crate) fn results_path(&self) -> PathBuf {
        self.directory.join("results.json")
    }
    pub(crate) fn provenance_path(&self) -> PathBuf {
        self.directory.join("provenance.json")
    }
    pub(crate) fn events_path(&self) -> PathBuf {
        self.directory.join("events.jsonl")
    }
    pub(crate) fn prompts_path(&self) -> PathBuf {
        self.directory.join("prompts.jsonl")
    }
    /// A classification study's examples, and what was drawn of them.
    pub(crate) fn data_file(&self, name: &str) -> PathBuf {
        self.directory.join("data").join(name)
    }
    /// The training examples that the cells of a seed and a fraction have: their ids.
    pub(crate) fn subset_path(&self, seed: u64, fraction: MinorityFraction) -> PathBuf {
        self.data_file("subsets").join(format!("s{seed}-m{fraction}.json"))
    }
    pub(crate) fn counterfactuals_path(&self) -> PathBuf {
        self.directory.join("counterfactuals.jsonl")
    }
    /// The writer's answers, whole.
    pub(crate) fn counterfactual_lists_path(&self) -> PathBuf {
        self.directory.join("counterfactual_lists.jsonl")
    }
    pub(crate) fn counterfactual_counts_path(&self) -> PathBuf {
        self.directory.join("counterfactual_counts.json")
    }
    /// What is finished: one file a stage, written last.
    pub(crate) fn stages_path(&self) -> PathBuf {
        self.directory.join("stages")
    }
    /// A cell's files.
    pub fn cell_path(&self, cell: CellId) -> PathBuf {
        self.directory.join("cells").join(cell.to_string())
    }
    pub(crate) fn cell_file(&self, cell: CellId, name: &str) -> PathBuf {
        self.cell_path(cell).join(name)
    }
}

/// Paths of the fields in which two recipes differ, sorted.
fn differing_fields(one: &Recipe, other: &Recipe) -> Vec<String> {
    let tree = |recipe: &Recipe| toml::Value::try_from(recipe).unwrap_or(toml::Value::Boolean(false));
    let mut fields = Vec::new();
    collect_differing(&tree(one), &tree(other), "", &mut fields);
    fields.sort();
    fields
}

fn collect_differing(one: &toml::Value, other: &toml::Value, path: &str, fields: &mut Vec<String>) {
    use toml::Value::{Array, Table};
    match (one, other) {
        (Table(one), Table(other)) => {
            let keys: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => collect_differing(one, other, &path, fields),
                    _ => fields.push(path),
                }
            }
        }
        (Array(one), Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                collect_differing(one, other, &format!("{path}[{index}]"), fields);
            }
        }
        _ if one == other => {}
        _ => fields.push(path.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::recipe::ArmSpec;

    fn recipe() -> Recipe {
        let mut recipe = Recipe::from_toml("name = \"One\"").unwrap();
        recipe.arms = vec![ArmSpec::lora(2, 1e-3)];
        recipe
    }

    #[test]
    fn the_same_recipe_opens_and_another_is_refused_by_field() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("study");
        Study::create(&path, &recipe()).unwrap();
        assert_eq!(Study::create(&path, &recipe()).unwrap().recipe().unwrap(), recipe());
        let mut other = recipe();
        other.arms[0].learning_rate = 2e-3;
        other.prompts.limit = Some(4);
        let error = Study::create(&path, &other).unwrap_err().to_string();
        assert!(error.contains("arms[0].learning_rate, prompts.limit") && error.contains("\"One\""), "{error}");
    }

    #[test]
    fn a_directory_of_something_else_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("thesis.tex"), "").unwrap();
        assert!(Study::create(directory.path(), &recipe()).unwrap_err().to_string().contains("not empty"));
        assert!(Study::open(directory.path()).unwrap_err().to_string().contains("holds no study"));
    }

    #[test]
    fn a_start_that_was_killed_before_the_recipe_is_taken_up() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(".writing-abc"), "half").unwrap();
        Study::create(directory.path(), &recipe()).unwrap();
    }

    #[test]
    fn two_workers_never_share_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let study = Study::create(&directory.path().join("study"), &recipe()).unwrap();
        let first = study.lock().unwrap();
        assert!(matches!(study.lock(), Err(StudyError::Busy { .. })));
        drop(first);
        study.lock().unwrap();
    }
}
