//! `/login`: one field, a plain form. The page is never hydrated: who is not logged in needs no client.

use crate::visitor::{LOGIN_PATH, LoginRefusal, Visitor, local_address, login_refusal, visitor};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

#[component]
pub(crate) fn LoginPage() -> impl IntoView {
    let Visitor { accounts, logged_in } = visitor();
    let query = use_query_map();
    let next = query.with_untracked(|query| local_address(&query.get("next").unwrap_or_default()).to_string());
    #[cfg(feature = "ssr")]
    if logged_in || !accounts {
        leptos_axum::redirect(&next);
    }
    #[cfg(not(feature = "ssr"))]
    let _ = (accounts, logged_in);
    let refusal = login_refusal().map(|refusal| match refusal {
        LoginRefusal::Wrong => {
            "That is not the password. Try again; `rankscope password set` on the server’s machine sets a new one.".to_string()
        }
        LoginRefusal::TooManyAttempts { seconds } => format!("Too many attempts. Try again in {seconds} s."),
    });
    let is_refused = refusal.is_some();
    view! {
        <Title text="Log in" />
        <h1>"Log in"</h1>
        <form method="post" action=LOGIN_PATH class="login">
            <input type="hidden" name="next" value=next />
            <div class="field">
                <label for="password">"Password"</label>
                <input
                    id="password"
                    name="password"
                    type="password"
                    required
                    autofocus
                    autocomplete="current-password"
                    aria-describedby="login-error"
                    aria-invalid=is_refused.then_some("true")
                />
                <div id="login-error" role="alert">{refusal.map(|text| view! { <p class="field-error">{text}</p> })}</div>
            </div>
            <button class="button-main" type="submit">"Log in"</button>
        </form>
    }
}
