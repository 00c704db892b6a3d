//! Starting studies: the form's choices, the estimate, and the start itself.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::{prelude::*, server_fn::codec::Json};
use rankscope_domain::{Recipe, estimate::Estimate, view::ModelChoice};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What the form needs before it can be shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FormChoices {
    pub models: Vec<ModelChoice>,
    /// What `data.source` may be without typing a path, and where each comes from.
    pub datasets: Vec<(String, String)>,
    /// Of the study that the form starts from, where the address names one.
    pub recipe_toml: Option<String>,
    pub request_id: String,
}

/// The models to choose from, and the recipe of study `from` (empty: none).
#[server]
pub async fn get_form_choices(from: String) -> Result<FormChoices, AppError> {
    ask!(|backend| async {
        let recipe_toml = if from.is_empty() { None } else { Some(backend.study(&from).await?.recipe_toml) };
        let usable = backend.datasets().await?.into_iter().filter(|set| set.summary.is_some());
        let datasets = usable.map(|set| (set.source, set.origin.label().to_string())).collect();
        Ok(FormChoices { models: backend.models().await?, datasets, recipe_toml, request_id: super::new_request_id() })
    })
}

#[server(input = Json)]
pub async fn estimate_recipe(recipe: Recipe) -> Result<Estimate, AppError> {
    ask!(|backend| async {
        recipe.validate().map_err(AppError::Invalid)?;
        backend.estimate(recipe).await
    })
}

/// Starts what the form says, and leads to the new study. Without JavaScript a refused form is shown again
/// as it was typed: its fields travel in the address.
#[server]
pub async fn start_study(#[server(flatten)] fields: HashMap<String, String>) -> Result<String, AppError> {
    use crate::form::RecipeForm;
    let form = RecipeForm::from_pairs(fields);
    let plain_form = super::wants_html();
    let started: Result<String, AppError> = ask!(|backend| async {
        let recipe = form.to_recipe().map_err(AppError::Invalid)?;
        let request_id = form.request_id_for(&recipe);
        backend.start(recipe, request_id).await
    });
    match started {
        Ok(id) => {
            super::redirect(&format!("/studies/{id}"));
            Ok(id)
        }
        Err(error) if plain_form => {
            let failed = if matches!(error, AppError::Invalid(_)) { "" } else { "&failed=1" };
            super::redirect(&format!("{}{failed}", form.checked_address()));
            Ok(String::new())
        }
        Err(error) => Err(error),
    }
}

/// Starts a preset as it is, and leads to the new study.
#[server]
pub async fn start_preset(preset: String, request_id: String) -> Result<String, AppError> {
    use rankscope_domain::preset::presets;
    let started: Result<String, AppError> = ask!(|backend| async {
        let found = presets().into_iter().find(|known| known.id == preset);
        let recipe = found
            .ok_or_else(|| AppError::NotFound(format!("There is no preset {preset:?}. Choose one on the form for a new study.")))?
            .recipe;
        backend.start(recipe, request_id).await
    });
    let id = started?;
    super::redirect(&format!("/studies/{id}"));
    Ok(id)
}
