//! The pipeline: recipe -> plan of cells -> stages -> results and statistics, in a study directory.
//! Knows the engine and the domain; no HTTP server, no database.

mod annotation;
pub mod archive;
pub mod catalogue;
mod check;
mod classification_text;
mod comparison;
mod completion_page;
mod counterfactual;
mod dataset;
mod dataset_shelf;
mod directory;
mod error;
mod estimate;
mod event_log;
mod example_page;
pub mod hub;
mod instruct;
mod judge;
mod judge_eval;
mod judge_report;
pub mod lens_bench;
mod lens_cache;
mod lens_reading;
mod machine;
mod measures;
mod memory;
mod model_card;
mod model_shelf;
mod model_source;
mod plan;
mod prompt_set;
mod recipe_paths;
mod reporter;
mod results;
mod seeds;
mod snapshot;
mod statistics;
mod token_text;
mod training_cost;
mod training_text;
mod whole_file;
mod worker;

pub use annotation::{Drawn, JudgedItem, draw_round};
pub use catalogue::Catalogue;
pub use check::{check, check_to_start};
pub use comparison::{AskedStudy, FoundStudy, compare, compare_for_figure};
pub use dataset_shelf::{DatasetShelf, NewDataset, Upload, studies_using_dataset};
pub use directory::Study;
pub use error::StudyError;
pub use estimate::estimate;
pub use judge_eval::{JudgeChoice, LabelledFile, evaluate_judges};
pub use judge_report::judge_report;
pub use lens_cache::LensCache;
pub use machine::{memory_limit, memory_limit_on};
pub use rankscope_engine::Flow;
pub use recipe_paths::resolve_paths;
pub use snapshot::{FreezeProblem, ShareScope, comparison_snapshot, label_key, shared_comparison, shared_completion_page};
pub use whole_file::write_whole;
pub use worker::{Outcome, run};

use rankscope_engine::Processor;
use std::path::PathBuf;

/// What the machine gives a study.
#[derive(Debug, Clone)]
pub struct Environment {
    /// GGUF file that `model.source = "default"` stands for.
    pub default_model: PathBuf,
    /// A study may take this many bytes of memory; `None`: what the machine has, less a margin. A recipe may ask for less.
    pub memory_limit_bytes: Option<u64>,
    /// What the study's models compute on.
    pub processor: Processor,
    /// Where sets of texts lie that were added.
    pub datasets: PathBuf,
}

impl Environment {
    /// Bytes that a study of this recipe may take; `None`: nobody knows what the machine has.
    pub(crate) fn memory_limit(&self, recipe: &rankscope_domain::Recipe) -> Option<u64> {
        let given = self.memory_limit_bytes.or_else(|| memory_limit_on(self.processor));
        let asked = recipe.memory_limit.map(|limit| limit.0);
        given.into_iter().chain(asked).min()
    }
}
