//! What the logit lens read in a study, a prompt at a time.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::prelude::*;
use rankscope_domain::inspection::LensReading;
use serde::{Deserialize, Serialize};

/// One prompt's readings, and which prompts there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LensPage {
    pub prompts: Vec<String>,
    /// Arms in the order of figures; of the first prompt where the study has not the one asked for.
    pub readings: Vec<LensReading>,
}

impl LensPage {
    /// Of all of a study's readings, those of a prompt, counted from 0.
    #[cfg(feature = "ssr")]
    pub(super) fn of(readings: Vec<LensReading>, prompt: u32) -> Self {
        use crate::lens_view::{lens_prompts, of_prompt};
        let prompts = lens_prompts(&readings);
        let shown = if (prompt as usize) < prompts.len() { prompt } else { 0 };
        Self { prompts, readings: of_prompt(readings, shown) }
    }
}

/// `prompt` counts from 0.
#[server]
pub async fn get_lens(id: String, prompt: u32) -> Result<LensPage, AppError> {
    let readings = ask!(|backend| backend.lens(&id))?;
    Ok(LensPage::of(readings, prompt))
}
