//! Before the first completion: who one is, and that one will read what models wrote.

use super::{Desk, desk::labelling_address};
use crate::{
    components::{error_view::ErrorNotice, pending::Pending},
    error::AppError,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

#[component]
pub(crate) fn BeginPage(desk: Desk, round: String) -> impl IntoView {
    let asked = desk.clone();
    // what a refused form comes back with
    let typed = use_query_map().with_untracked(|query| query.get("name")).unwrap_or_default();
    let rounds = Resource::new(|| (), move |()| asked.clone().rounds());
    view! {
        <Suspense fallback=|| view! { <Pending what="the round" /> }>
            {move || {
                let (desk, round, typed) = (desk.clone(), round.clone(), typed.clone());
                Suspend::new(async move {
                    let found = match rounds.await {
                        Ok(rounds) => rounds.into_iter().find(|known| known.id == round),
                        Err(error) => return view! { <ErrorNotice error /> }.into_any(),
                    };
                    let Some(found) = found else {
                        let error = AppError::NotFound("There is no such round of labels in this study.".into());
                        return view! { <ErrorNotice error /> }.into_any();
                    };
                    let base = desk.base();
                    let own: Vec<_> = found.annotators.iter().filter(|one| desk.is_of(&one.annotator)).collect();
                    let go_on = own
                        .iter()
                        .map(|one| {
                            let address = labelling_address(&base, &found.id, &one.annotator.name, None);
                            let text = format!("{} ({} of {})", one.annotator.name, one.labelled, found.items);
                            view! { <li><a href=address>{text}</a></li> }
                        })
                        .collect_view();
                    view! {
                        <p><a href=base.clone()>"All rounds"</a></p>
                        {(!own.is_empty()).then(|| view! {
                            <h2>"Go on as"</h2>
                            <ul>{go_on}</ul>
                        })}
                        <h2>"Begin"</h2>
                        <Begin desk round name=typed items=found.items />
                    }
                        .into_any()
                })
            }}
        </Suspense>
    }
}

/// The form that says who labels, and asks for their consent. The browser sends it by itself.
#[component]
pub(crate) fn Begin(desk: Desk, round: String, name: String, items: u32) -> impl IntoView {
    let (field, value) = desk.field();
    view! {
        <p>
            {format!(
                "{items} completions, one at a time, in an order of your own. Each label is kept at once: close the page when you like, and go on later under the same name.",
            )}
        </p>
        <form method="post" action=desk.begin_url() class="round-form">
            <input type="hidden" name=field value=value />
            <input type="hidden" name="round" value=round />
            <div class="field">
                <label for="annotator-name">"Your name"</label>
                <input id="annotator-name" name="name" maxlength="60" autocomplete="name" required value=name />
                <p class="note">"Stands beside your labels, for whoever reads them."</p>
            </div>
            <div class="consent">
                <input id="annotator-agreed" name="agreed" type="checkbox" value="1" required />
                <label for="annotator-agreed">"I will read text that models wrote, some of it hateful, sexual or violent"</label>
            </div>
            <button class="button-main" type="submit">"Begin"</button>
        </form>
    }
}
