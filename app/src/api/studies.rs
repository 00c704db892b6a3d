//! The studies: list, look, cancel, resume, delete.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::prelude::*;
use rankscope_domain::view::{StudyCard, StudyOverview};
use serde::{Deserialize, Serialize};

/// What the list page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudiesList {
    pub studies: Vec<StudyCard>,
    /// For the page's forms: the same id twice starts one study.
    pub request_id: String,
}

#[server]
pub async fn list_studies() -> Result<StudiesList, AppError> {
    let studies = ask!(|backend| backend.studies())?;
    Ok(StudiesList { studies, request_id: super::new_request_id() })
}

#[server]
pub async fn get_study(id: String) -> Result<StudyOverview, AppError> {
    ask!(|backend| backend.study(&id))
}

#[server]
pub async fn cancel_study(id: String) -> Result<(), AppError> {
    ask!(|backend| backend.cancel(&id))
}

#[server]
pub async fn resume_study(id: String) -> Result<(), AppError> {
    ask!(|backend| backend.resume(&id))
}

#[server]
pub async fn delete_study(id: String) -> Result<(), AppError> {
    ask!(|backend| backend.delete(&id))?;
    super::redirect("/");
    Ok(())
}

/// The address of the list with the refusal of an archive on it: what a form that a browser sent by itself is answered with.
#[cfg(feature = "ssr")]
pub fn refused_import_address(error: &AppError) -> String {
    use crate::form::percent_encode;
    /// Addresses have to fit a header line.
    const LONGEST: usize = 3_000;
    let text: String = error.to_string().chars().take(LONGEST).collect();
    format!("/?refused={}#import", percent_encode(&text))
}
