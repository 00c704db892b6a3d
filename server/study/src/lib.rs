//! The pipeline: recipe -> plan of cells -> stages -> results and statistics, in a study directory.
//! Knows the engine and the domain; no HTTP server, no database.

use rankscope_domain::{
    FieldErrors, Recipe, StudyResults,
    estimate::Estimate,
    event::Event,
    provenance::Provenance,
    view::{CompletionPage, CompletionQuery, Progress},
};
use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

/// What the machine gives a study.
#[derive(Debug, Clone)]
pub struct Environment {
    /// GGUF file that `model.source = "default"` stands for.
    pub default_model: PathBuf,
    /// The study may use this many bytes of memory; `None`: what the machine has.
    pub memory_limit_bytes: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// `directory` holds a study of another recipe.
    #[error("{0}")]
    OtherRecipe(String),
    #[error("{0}")]
    Invalid(#[from] FieldErrors),
    #[error(transparent)]
    Engine(#[from] rankscope_engine::EngineError),
    #[error("{0}")]
    Other(String),
}

/// A study directory.
#[derive(Debug, Clone)]
pub struct Study {
    directory: PathBuf,
}

/// How a run ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Finished,
    Cancelled,
}

impl Study {
    /// Makes the directory and freezes the recipe in it; one that is there already with the same recipe is opened.
    pub fn create(_directory: &Path, _recipe: &Recipe) -> Result<Self, StudyError> {
        unimplemented!()
    }
    pub fn open(_directory: &Path) -> Result<Self, StudyError> {
        unimplemented!()
    }
    pub fn directory(&self) -> &Path {
        &self.directory
    }
    pub fn recipe(&self) -> Result<Recipe, StudyError> {
        unimplemented!()
    }
    /// The frozen `recipe.toml`, to the letter.
    pub fn recipe_toml(&self) -> Result<String, StudyError> {
        unimplemented!()
    }
    pub fn results(&self) -> Result<Option<StudyResults>, StudyError> {
        unimplemented!()
    }
    pub fn provenance(&self) -> Result<Option<Provenance>, StudyError> {
        unimplemented!()
    }
    /// Events with an id above `last_id`, a line that is not whole yet left out.
    pub fn events_since(&self, _last_id: u64) -> Result<Vec<Event>, StudyError> {
        unimplemented!()
    }
    /// All events folded.
    pub fn progress(&self) -> Result<Progress, StudyError> {
        unimplemented!()
    }
    pub fn completions(&self, _query: &CompletionQuery) -> Result<CompletionPage, StudyError> {
        unimplemented!()
    }
}

/// Does what is left to do. Every event goes to `events.jsonl` and then to `echo`. `cancel` is looked at between steps.
pub fn run(_study: &Study, _environment: &Environment, _cancel: &AtomicBool, _echo: &mut dyn FnMut(&Event)) -> Result<Outcome, StudyError> {
    unimplemented!()
}

/// Checks the recipe with its files and its model (headers only): everything that is wrong with it.
pub fn check(_recipe: &Recipe, _environment: &Environment) -> Result<(), FieldErrors> {
    unimplemented!()
}

/// What the recipe will take on this machine. Checks it first.
pub fn estimate(_recipe: &Recipe, _environment: &Environment) -> Result<Estimate, FieldErrors> {
    unimplemented!()
}
