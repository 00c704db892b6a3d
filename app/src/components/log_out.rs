//! The button that ends the visitor's session.

use crate::visitor::{LOGOUT_PATH, visitor};
use leptos::prelude::*;

/// There where one has logged in; a plain form, since it leaves the page.
#[component]
pub(crate) fn LogOut() -> impl IntoView {
    let visitor = visitor();
    (visitor.accounts && visitor.logged_in).then(|| {
        view! {
            <form method="post" action=LOGOUT_PATH class="log-out">
                <button type="submit">"Log out"</button>
            </form>
        }
    })
}
