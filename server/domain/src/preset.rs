//! Recipes to start from.

use crate::Recipe;

/// A recipe to start from, as the form offers it.
#[derive(Debug, Clone)]
pub struct Preset {
    /// In addresses: `/studies/new?preset=quick-look`.
    pub id: &'static str,
    pub title: &'static str,
    /// What it does, how long it takes, what is ours rather than the paper's.
    pub description: &'static str,
    pub recipe: Recipe,
}

/// All presets, the first being the form's default.
pub fn presets() -> Vec<Preset> {
    Vec::new()
}
