//! What the logit lens read in a study, a prompt at a time; and the lens on demand.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::{prelude::*, server_fn::codec::Json};
use rankscope_domain::{
    inspection::LensReading,
    lens_question::{LensQuestion, LensReply, LensStudy},
};
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
        Self { prompts, readings: of_prompt(&readings, shown) }
    }
}

/// `prompt` counts from 0.
#[server]
pub async fn get_lens(id: String, prompt: u32) -> Result<LensPage, AppError> {
    let readings = ask!(|backend| backend.lens(&id))?;
    Ok(LensPage::of(readings, prompt))
}

/// Finished studies whose arms can be asked.
#[server]
pub async fn list_lens_studies() -> Result<Vec<LensStudy>, AppError> {
    ask!(|backend| backend.lens_studies())
}

/// The answer, or where the question is; it is put where it was not yet. `again`: also one that has just failed.
#[server(input = Json)]
pub async fn ask_lens(question: LensQuestion, again: bool) -> Result<LensReply, AppError> {
    ask!(|backend| backend.ask_lens(question, again))
}

/// Takes a question back and leads to `back`, an address of the page of the lens.
#[server]
pub async fn stop_lens(ticket: String, back: String) -> Result<(), AppError> {
    ask!(|backend| backend.stop_lens(&ticket))?;
    super::redirect(if back.starts_with("/lens?") { &back } else { crate::lens_form::LENS_PATH });
    Ok(())
}
