//! What a page shows in place of what it could not get.

use crate::error::AppError;
use leptos::prelude::*;
use leptos_meta::Title;

/// An error in place of a page's content: what happened, and where to go.
#[component]
pub(crate) fn ErrorView(error: AppError) -> impl IntoView {
    let heading = match error {
        AppError::NotFound(_) => "Not found",
        AppError::Invalid(_) => "That can’t be read",
        AppError::Conflict(_) => "Not possible now",
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
    view! {
        <div class="notice notice-error" role="alert">
            {lines.into_iter().map(|line| view! { <p>{line}</p> }).collect_view()}
        </div>
    }
}
