//! A question that is not answered yet: where it is, live where the client runs, and how to take it back. The stream that tells also
//! holds the question: leaving the page lets go of it.

use crate::{api::lens::StopLens, browser, components::error_view::ErrorNotice, lens_form::LensForm};
use leptos::prelude::*;
use rankscope_domain::lens_question::LensStage;

/// Seconds after which a page without JavaScript looks again.
const LOOK_AGAIN_SECONDS: u32 = 2;

#[component]
pub(crate) fn Waiting(
    form: LensForm,
    ticket: String,
    stage: LensStage,
    /// To be counted up when the question has ended.
    looks: RwSignal<u32>,
) -> impl IntoView {
    let stop = ServerAction::<StopLens>::new();
    let client_runs = browser::client_runs();
    let stage = RwSignal::new(stage);
    let events = format!("/lens/{ticket}/events");
    Effect::new(move |_| {
        let on_event = move |text: String| {
            if let Ok(told) = serde_json::from_str::<LensStage>(&text) {
                stage.try_set(told);
            }
        };
        browser::follow_events(&events, on_event, move || {
            looks.try_update(|count| *count += 1);
        });
    });
    // a failure that was to be tried again is not tried again and again
    let address = LensForm { again: false, ..form.clone() }.address();
    let back = LensForm { again: false, form_only: true, ..form }.address();
    let refresh = format!("<meta http-equiv=\"refresh\" content=\"{LOOK_AGAIN_SECONDS};url={}\">", address.replace('&', "&amp;"));
    let bar = move || {
        stage.get().done().map(|(done, of)| {
            view! { <progress class="small" aria-label="This step" max=of.to_string() value=done.to_string()></progress> }
        })
    };
    view! {
        <div class="lens-waiting">
            <noscript inner_html=refresh></noscript>
            <p class="stage" role="status">{move || stage.get().text()}</p>
            <div class="bar-row">
                {bar}
                <ActionForm action=stop>
                    <input type="hidden" name="ticket" value=ticket.clone() />
                    <input type="hidden" name="back" value=back />
                    <button type="submit" disabled=move || stop.pending().get()>"Stop"</button>
                </ActionForm>
            </div>
            {move || stop.value().get().and_then(Result::err).map(|error| view! { <ErrorNotice error /> })}
            <p class="note" hidden=move || client_runs.get()>
                {format!("This page looks again every {LOOK_AGAIN_SECONDS} seconds. ")} <a href=address rel="external">"Look now"</a>
            </p>
            <p class="note" hidden=move || !client_runs.get()>"Leaving the page takes the question back."</p>
        </div>
    }
}
