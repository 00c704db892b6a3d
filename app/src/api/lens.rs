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

/// `prompt` counts from 0.
#[server]
pub async fn get_lens(id: String, prompt: u32) -> Result<LensPage, AppError> {
    use crate::lens_view::{lens_prompts, of_prompt};
    let readings: Vec<LensReading> = ask!(|backend| backend.lens(&id))?;
    let prompts = lens_prompts(&readings);
    let shown = if (prompt as usize) < prompts.len() { prompt } else { 0 };
    Ok(LensPage { prompts, readings: of_prompt(readings, shown) })
}
