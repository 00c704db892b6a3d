//! Share links as their owner makes, lists and revokes them.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::prelude::*;
use rankscope_domain::share::ShareEntry;
use serde::{Deserialize, Serialize};

/// What the page of links shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharesList {
    /// Newest first.
    pub shares: Vec<ShareEntry>,
    /// The study that the address names, where it is there.
    pub study: Option<Shareable>,
    /// Studies with an open link that permits labels, and no round of completions to label.
    pub without_rounds: Vec<String>,
}

/// A study that a link can be made for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shareable {
    pub id: String,
    pub name: String,
    /// False: there is nothing to show yet.
    pub has_results: bool,
    /// Whether its kind has completions.
    pub has_completions: bool,
    /// Whether there is a round of completions to label.
    pub has_rounds: bool,
}

/// All links, or those of one study; `study` empty: all.
#[server]
pub async fn list_shares(study: String) -> Result<SharesList, AppError> {
    ask!(|backend| async {
        let shares = backend.shares(&study).await?;
        let study = if study.is_empty() { None } else { backend.shareable(&study).await? };
        let without_rounds = backend.studies_without_rounds(&shares).await?;
        Ok(SharesList { shares, study, without_rounds })
    })
}

/// Makes a link, and leads to where it is shown once. Without JavaScript a refusal is shown on the page again, with what was typed.
#[server]
pub async fn share_study(
    study: String,
    label: String,
    expires: String,
    /// A day, which comes before `expires`; may be empty.
    expires_on: String,
    #[server(default)] anonymous: bool,
    #[server(default)] completions: bool,
    #[server(default)] annotate: bool,
) -> Result<(), AppError> {
    use crate::form::percent_encode;
    use rankscope_domain::share::ShareRequest;
    let plain_form = super::wants_html();
    let chosen = if expires_on.trim().is_empty() { expires.clone() } else { expires_on.clone() };
    let request = ShareRequest { label: label.clone(), expires: chosen, anonymous, completions, annotate };
    let made: Result<String, AppError> = ask!(|backend| backend.share_study(&study, request));
    match made {
        Ok(id) => super::redirect(&format!("/shares?study={}&made={}", percent_encode(&study), percent_encode(&id))),
        Err(error) if plain_form => {
            let pairs = [("study", &study), ("label", &label), ("expires", &expires), ("expires_on", &expires_on)];
            let typed =
                pairs.map(|(name, value)| format!("{name}={}", percent_encode(&value.chars().take(500).collect::<String>()))).join("&");
            let choices = [("anonymous", anonymous), ("completions", completions), ("annotate", annotate)];
            let choices = choices.map(|(name, chosen)| format!("{name}={}", u8::from(chosen))).join("&");
            super::redirect(&format!("/shares?{typed}&{choices}&refused={}", percent_encode(&error.to_string())));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The address of a link that was just made: the first who asks is told, and nobody after.
#[server]
pub async fn take_share_link(id: String) -> Result<Option<String>, AppError> {
    let address = super::own_address();
    let path: Option<String> = ask!(|backend| backend.take_share_path(&id))?;
    Ok(path.map(|path| format!("{address}{path}")))
}

#[server]
pub async fn revoke_share(id: String) -> Result<(), AppError> {
    ask!(|backend| backend.revoke_share(&id))
}

/// Every link of one study.
#[server]
pub async fn revoke_shares(study: String) -> Result<(), AppError> {
    ask!(|backend| backend.revoke_shares(&study))
}
