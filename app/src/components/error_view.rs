//! What a page shows in place of what it could not get.

use crate::{error::AppError, visitor::LOGIN_PATH};
use leptos::prelude::*;
use leptos_meta::Title;

/// An error in place of a page's content: what happened, and where to go.
#[component]
pub(crate) fn ErrorView(error: AppError) -> impl IntoView {
    let heading = match error {
        AppError::NotFound(_) => "Not found",
        AppError::Invalid(_) => "That can’t be read",
        AppError::Conflict(_) => "Not possible now",
        AppError::Busy(_) => "Busy now",
        AppError::LoggedOut(_) => "Logged out",
        AppError::TooMany(_) => "Asked too often",
        AppError::Internal(_) => "Something went wrong",
    };
    view! {
        <Title text=heading />
        <h1>{heading}</h1>
        <ErrorNotice error />
        <p><a href="/">"Back to the studies"</a></p>
    }
}

/// An error beside what it belongs to.
#[component]
pub(crate) fn ErrorNotice(error: AppError) -> impl IntoView {
    let lines: Vec<String> = match &error {
        AppError::Invalid(errors) => errors.0.iter().map(ToString::to_string).collect(),
        other => vec![other.to_string()],
    };
    // by the server itself, and in another tab: what was typed here stays
    let log_in =
        matches!(error, AppError::LoggedOut(_)).then(|| view! { <p><a href=LOGIN_PATH rel="external" target="_blank">"Log in"</a></p> });
    view! {
        <div class="notice notice-error" role="alert">
            {lines.into_iter().map(|line| view! { <p>{line}</p> }).collect_view()}
            {log_in}
        </div>
    }
}
