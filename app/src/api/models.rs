//! The models: list, look, add, cancel, remove.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::prelude::*;
use rankscope_domain::model::{ModelEntry, ModelJob};
use serde::{Deserialize, Serialize};

/// What the list page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelsList {
    pub models: Vec<ModelEntry>,
    pub jobs: Vec<ModelJob>,
}

#[server]
pub async fn list_models() -> Result<ModelsList, AppError> {
    ask!(|backend| async { Ok(ModelsList { models: backend.model_entries().await?, jobs: backend.model_jobs().await? }) })
}

#[server]
pub async fn list_model_jobs() -> Result<Vec<ModelJob>, AppError> {
    ask!(|backend| backend.model_jobs())
}

#[server]
pub async fn get_model(name: String) -> Result<ModelEntry, AppError> {
    ask!(|backend| backend.model(&name))
}

/// Queues a model of the hub or a path. Without JavaScript a refusal is shown on the page again, with what was typed.
#[server]
pub async fn add_model(source: String) -> Result<(), AppError> {
    let plain_form = super::wants_html();
    let added: Result<(), AppError> = ask!(|backend| backend.add_model(&source));
    back_to_the_list(plain_form, &source, added)
}

/// Stops a download, or puts the row of one that has ended away.
#[server]
pub async fn cancel_model_job(id: u64) -> Result<(), AppError> {
    let plain_form = super::wants_html();
    let cancelled: Result<(), AppError> = ask!(|backend| backend.cancel_model_job(id));
    back_to_the_list(plain_form, "", cancelled)
}

/// Leads back to the list; a refusal is shown there or, with JavaScript, where the button is.
#[server]
pub async fn remove_model(name: String) -> Result<(), AppError> {
    let plain_form = super::wants_html();
    let removed: Result<(), AppError> = ask!(|backend| backend.remove_model(&name));
    if removed.is_ok() && !plain_form {
        super::redirect("/models");
        return Ok(());
    }
    back_to_the_list(plain_form, "", removed)
}

/// A form that a browser sent by itself is answered with the page, which says what was wrong.
#[cfg(feature = "ssr")]
fn back_to_the_list(plain_form: bool, typed: &str, result: Result<(), AppError>) -> Result<(), AppError> {
    if !plain_form {
        return result;
    }
    use crate::form::percent_encode;
    super::redirect(&match &result {
        Ok(()) => "/models".to_string(),
        Err(error) => format!("/models?source={}&refused={}", percent_encode(typed), percent_encode(&error.to_string())),
    });
    Ok(())
}
