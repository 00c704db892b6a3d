//! The sets of labelled texts: list, look, add by path, remove. Uploads go to the server as a plain form.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::prelude::*;
use rankscope_domain::dataset::DatasetEntry;
use serde::{Deserialize, Serialize};

/// What the list page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetsList {
    pub datasets: Vec<DatasetEntry>,
    /// Bytes that an upload may have.
    pub upload_limit: u64,
}

#[server]
pub async fn list_datasets() -> Result<DatasetsList, AppError> {
    ask!(|backend| async { Ok(DatasetsList { datasets: backend.datasets().await?, upload_limit: backend.dataset_upload_limit() }) })
}

#[server]
pub async fn get_dataset(name: String) -> Result<DatasetEntry, AppError> {
    ask!(|backend| backend.dataset(&name))
}

/// Adds a file or a directory of the server's machine, and leads to its page.
#[server]
pub async fn add_dataset(source: String, name: String, label_names: String) -> Result<(), AppError> {
    let plain_form = super::wants_html();
    let added: Result<String, AppError> = ask!(|backend| backend.add_dataset(&source, &name, &label_names));
    match added {
        Ok(name) => super::redirect(&format!("/datasets/{name}")),
        Err(error) if plain_form => {
            let typed = [("source", source.as_str()), ("name", name.as_str()), ("label_names", label_names.as_str())];
            super::redirect(&refused_dataset_address("path", &typed, &error));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Leads back to the list; a refusal is shown there or, with JavaScript, where the button is.
#[server]
pub async fn remove_dataset(name: String) -> Result<(), AppError> {
    let plain_form = super::wants_html();
    let removed: Result<(), AppError> = ask!(|backend| backend.remove_dataset(&name));
    match removed {
        Ok(()) => super::redirect("/datasets"),
        Err(error) if plain_form => super::redirect(&refused_dataset_address("", &[], &error)),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The address of the list with a refusal on it: what a form that a browser sent by itself is answered with. `form`: `path` or `upload`,
/// with what was typed into it.
#[cfg(feature = "ssr")]
pub fn refused_dataset_address(form: &str, typed: &[(&str, &str)], error: &AppError) -> String {
    use crate::form::percent_encode;
    /// Addresses have to fit a header line.
    const LONGEST: usize = 3_000;
    let text: String = error.to_string().chars().take(LONGEST).collect();
    format!("/datasets?refused={}&form={form}{}", percent_encode(&text), super::typed_pairs(typed))
}
