//! The models of this machine, for the form, the pages and the command line.

use crate::config::models_dir;
use rankscope_domain::{
    FieldErrors,
    model::{ModelDetails, ModelEntry},
    view::ModelChoice,
};
use rankscope_study::{Catalogue, hub::HubSettings};
use std::path::PathBuf;

/// Where models are looked for: the models folder, the default model, and the hub's cache.
pub fn catalogue(default_model: PathBuf) -> Catalogue {
    Catalogue { models_dir: models_dir(), default_model, hub: HubSettings::from_environment() }
}

/// The models that the form offers: those that are there and can be read, the default one first. Blocks.
pub fn choices(catalogue: &Catalogue) -> Vec<ModelChoice> {
    catalogue.list().into_iter().filter_map(choice).collect()
}

fn choice(entry: ModelEntry) -> Option<ModelChoice> {
    let ModelEntry { source, details, problem, .. } = entry;
    match details {
        Some(ModelDetails { summary, classes, .. }) => Some(ModelChoice { source, summary, continues_text: classes.is_none() }),
        None => {
            tracing::info!(source, problem, "not offered in the form");
            None
        }
    }
}

/// Why a model can't be removed.
pub fn in_use(name: &str, studies: &[String]) -> FieldErrors {
    let some: Vec<String> = studies.iter().take(3).map(|study| format!("{study:?}")).collect();
    let more = if studies.len() > some.len() { format!(" and {} more", studies.len() - some.len()) } else { String::new() };
    let remedy =
        format!("A study that is not finished uses it: {}{more}. Wait until it is, or delete it, then remove the model.", some.join(", "));
    FieldErrors::one("NAME", name, remedy)
}
