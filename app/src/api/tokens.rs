//! The tokens of scripts: list and revoke. One is made by a plain form, whose answer alone shows it.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::prelude::*;
use rankscope_domain::token::TokenEntry;
use serde::{Deserialize, Serialize};

/// What the list page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokensList {
    pub tokens: Vec<TokenEntry>,
    /// Whether scripts need one: a password is set.
    pub needed: bool,
}

#[server]
pub async fn list_tokens() -> Result<TokensList, AppError> {
    let needed = crate::visitor::visitor_of_request().accounts;
    ask!(|backend| async { Ok(TokensList { tokens: backend.tokens().await?, needed }) })
}

/// Without JavaScript it leads back to the list, with a refusal on it.
#[server]
pub async fn revoke_token(id: i64) -> Result<(), AppError> {
    use crate::{form::percent_encode, visitor::TOKENS_PATH};
    let plain_form = super::wants_html();
    let revoked: Result<(), AppError> = ask!(|backend| backend.revoke_token(id));
    if !plain_form {
        return revoked;
    }
    super::redirect(&match &revoked {
        Ok(()) => TOKENS_PATH.to_string(),
        Err(error) => format!("{TOKENS_PATH}?refused={}", percent_encode(&error.to_string())),
    });
    Ok(())
}
