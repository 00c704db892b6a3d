//! `rankscope validate` and `rankscope estimate`.

use super::{Failure, read_recipe, table};
use crate::config::{CommonFlags, StudyConfig, load_for_study};
use rankscope_domain::{Recipe, recipe::StudyKind};
use rankscope_study::Environment;
use std::{
    io::{Write, stdout},
    path::Path,
};

/// What this machine gives a study.
pub(super) fn environment(common: &CommonFlags) -> Result<Environment, Failure> {
    let StudyConfig { default_model, memory_limit, processor, datasets_dir } = load_for_study(common)?;
    Ok(Environment { default_model, memory_limit_bytes: memory_limit, processor, datasets: datasets_dir })
}

pub(super) fn validate(common: &CommonFlags, path: &Path, json: bool) -> Result<(), Failure> {
    let recipe = read_recipe(path)?;
    rankscope_study::check(&recipe, &environment(common)?)?;
    let mut out = stdout().lock();
    if json {
        writeln!(out, "{:#}", serde_json::json!({ "valid": true, "errors": [] }))?;
    } else {
        writeln!(out, "{} is a good recipe: {:?}, {}", path.display(), recipe.name, summary(&recipe))?;
    }
    Ok(())
}

pub(super) fn estimate(common: &CommonFlags, path: &Path, json: bool) -> Result<(), Failure> {
    let recipe = read_recipe(path)?;
    let estimate = rankscope_study::estimate(&recipe, &environment(common)?)?;
    let mut out = stdout().lock();
    if json {
        let text = serde_json::to_string_pretty(&estimate).map_err(|error| Failure::Failed(error.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        write!(out, "{}", table::estimate(&estimate))?;
    }
    Ok(())
}

/// "original, r = 2, r = 8, full; 1 seed"; of classification also the fractions.
fn summary(recipe: &Recipe) -> String {
    let arms: Vec<_> = recipe.all_arms().into_iter().map(|arm| arm.label()).collect();
    let seeds = recipe.seeds.len();
    let fractions = match recipe.kind {
        StudyKind::Toxicity => String::new(),
        StudyKind::Classification => {
            let fractions: Vec<_> = recipe.groups.fractions().iter().map(ToString::to_string).collect();
            format!("; minority fractions {}", fractions.join(", "))
        }
    };
    let kind = recipe.kind.label();
    format!("{kind}; {}; {seeds} {}{fractions}", arms.join(", "), if seeds == 1 { "seed" } else { "seeds" })
}
