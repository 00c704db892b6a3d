//! Share links as their owner makes, lists and revokes them.

#![allow(clippy::too_many_arguments, reason = "each is a field of a plain form")]

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
    /// The comparison that the address names, where any of its studies is there.
    pub comparison: Option<ShareableComparison>,
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

/// Studies side by side that a link can be made for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShareableComparison {
    /// "Comparison of A and B".
    pub title: String,
    /// Why it can't be shared, a sentence each; none: it can.
    pub problems: Vec<String>,
    /// Whether any of its studies has completions.
    pub has_completions: bool,
}

/// What of a comparison counts for a link, as it stands in the address; what can't be read is an error of its field.
#[cfg(feature = "ssr")]
fn compared(
    studies: &str,
    arms: &str,
    against: &str,
) -> Result<rankscope_domain::comparison_query::ComparisonQuery, rankscope_domain::FieldErrors> {
    let pairs = [("studies", studies), ("arms", arms), ("against", against)].map(|(name, value)| (name.to_string(), value.to_string()));
    let (query, errors) = rankscope_domain::comparison_query::ComparisonQuery::read(&pairs);
    errors.into_result(query)
}

/// All links, or those of one study; `study` empty: all. `studies`, `arms`, `against`: of the comparison that the address names, or empty.
#[server]
pub async fn list_shares(
    study: String,
    #[server(default)] studies: String,
    #[server(default)] arms: String,
    #[server(default)] against: String,
) -> Result<SharesList, AppError> {
    ask!(|backend| async {
        let comparison = if studies.is_empty() {
            None
        } else {
            Some(backend.shareable_comparison(&compared(&studies, &arms, &against).map_err(AppError::Invalid)?).await?)
        };
        let shares = backend.shares(&study).await?;
        let study = if study.is_empty() { None } else { backend.shareable(&study).await? };
        let without_rounds = backend.studies_without_rounds(&shares).await?;
        Ok(SharesList { shares, study, comparison, without_rounds })
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
    let typed =
        Typed { subject: &[("study", &study)], label: &label, expires: &expires, expires_on: &expires_on, plain_form: super::wants_html() };
    let request = typed.request(anonymous, completions, annotate);
    let made: Result<String, AppError> = ask!(|backend| backend.share_study(&study, request.clone()));
    typed.answer(made, &request)
}

/// The same for studies side by side; `studies`, `arms` and `against` as in the address of `/compare`.
#[server]
pub async fn share_comparison(
    studies: String,
    arms: String,
    against: String,
    label: String,
    expires: String,
    /// A day, which comes before `expires`; may be empty.
    expires_on: String,
    #[server(default)] anonymous: bool,
    #[server(default)] completions: bool,
) -> Result<(), AppError> {
    let subject = [("studies", studies.as_str()), ("arms", &arms), ("against", &against)];
    let typed = Typed { subject: &subject, label: &label, expires: &expires, expires_on: &expires_on, plain_form: super::wants_html() };
    let request = typed.request(anonymous, completions, false);
    let made: Result<String, AppError> = ask!(|backend| async {
        backend.share_comparison(&compared(&studies, &arms, &against).map_err(AppError::Invalid)?, request.clone()).await
    });
    typed.answer(made, &request)
}

/// What was typed into the form, but for its boxes.
#[cfg(feature = "ssr")]
struct Typed<'a> {
    /// Fields of the address that say what is shared.
    subject: &'a [(&'a str, &'a str)],
    label: &'a str,
    expires: &'a str,
    expires_on: &'a str,
    /// A browser has sent it by itself: the answer must be a page.
    plain_form: bool,
}

#[cfg(feature = "ssr")]
impl Typed<'_> {
    fn request(&self, anonymous: bool, completions: bool, annotate: bool) -> rankscope_domain::share::ShareRequest {
        let chosen = if self.expires_on.trim().is_empty() { self.expires } else { self.expires_on };
        rankscope_domain::share::ShareRequest { label: self.label.into(), expires: chosen.into(), anonymous, completions, annotate }
    }

    /// Leads to the new link; or, where there is no JavaScript, back to the form with what was typed and why it was refused.
    fn answer(&self, made: Result<String, AppError>, request: &rankscope_domain::share::ShareRequest) -> Result<(), AppError> {
        use crate::form::percent_encode;
        let encoded = |pairs: &[(&str, &str)]| {
            let pair = |(name, value): &(&str, &str)| format!("{name}={}", percent_encode(&value.chars().take(500).collect::<String>()));
            pairs.iter().filter(|(_, value)| !value.is_empty()).map(pair).collect::<Vec<_>>().join("&")
        };
        match made {
            Ok(id) => super::redirect(&format!("/shares?{}&made={}", encoded(self.subject), percent_encode(&id))),
            Err(error) if self.plain_form => {
                let typed = [("label", self.label), ("expires", self.expires), ("expires_on", self.expires_on)];
                let choices = [("anonymous", request.anonymous), ("completions", request.completions), ("annotate", request.annotate)];
                let choices = choices.map(|(name, chosen)| format!("{name}={}", u8::from(chosen))).join("&");
                let refused = percent_encode(&error.to_string());
                super::redirect(&format!("/shares?{}&{choices}&refused={refused}", encoded(&[self.subject, &typed].concat())));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
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
