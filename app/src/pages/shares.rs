//! `/shares`: the links that were made, and with `?study=ID`, or `?studies=ID,ID` as on `/compare`, the form for another.

mod form;
mod list;

use crate::{
    api::shares::{RevokeShare, RevokeShares, list_shares, take_share_link},
    components::{
        copy_button::CopyButton,
        error_view::{ErrorNotice, ErrorView},
        pending::Pending,
    },
};
use form::{ShareComparisonForm, ShareForm};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use list::SharesTable;

#[component]
pub(crate) fn SharesPage() -> impl IntoView {
    let query = use_query_map();
    let asked = |name: &'static str| Memo::new(move |_| query.read().get(name).unwrap_or_default());
    let (study, made) = (asked("study"), asked("made"));
    let compared = ["studies", "arms", "against"].map(asked);
    let (revoke, revoke_all) = (ServerAction::<RevokeShare>::new(), ServerAction::<RevokeShares>::new());
    // a link that was just made is in the list too
    let list = Resource::new(
        move || (study.get(), compared.map(|field| field.get()), made.get(), revoke.version().get(), revoke_all.version().get()),
        |(study, [studies, arms, against], ..)| list_shares(study, studies, arms, against),
    );
    let failure = move || {
        [revoke.value().get().and_then(Result::err), revoke_all.value().get().and_then(Result::err)]
            .into_iter()
            .flatten()
            .map(|error| view! { <ErrorNotice error /> })
            .collect_view()
    };
    view! {
        <Title text="Share links" />
        <h1>"Share links"</h1>
        <p class="lead">
            "Whoever has a link sees a copy of one study, or of one comparison, as it was when the link was made, without logging in: results, recipes and provenance, and nothing of this machine or of other studies."
        </p>
        <NewLink made />
        {failure}
        <Transition fallback=|| view! { <Pending what="the links" /> }>
            {move || Suspend::new(async move {
                match list.await {
                    Ok(list) => {
                        let of_study = study.get_untracked();
                        let (shares, shareable, without_rounds) = (list.shares, list.study, list.without_rounds);
                        let of = shareable.as_ref().map(|study| study.name.clone());
                        view! {
                            {shareable.map(|study| view! { <ShareForm study /> })}
                            {list.comparison.map(|comparison| view! {
                                <ShareComparisonForm comparison compared=compared.map(|field| field.get_untracked()) />
                            })}
                            <SharesTable shares without_rounds of_study of revoke revoke_all />
                        }
                            .into_any()
                    }
                    Err(error) => view! { <ErrorView error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

/// The link that was just made: it is shown here once, and nowhere again.
#[component]
fn NewLink(made: Memo<String>) -> impl IntoView {
    let link = Resource::new(move || made.get(), |id| async move { if id.is_empty() { Ok(None) } else { take_share_link(id).await } });
    view! {
        <Transition>
            {move || Suspend::new(async move {
                match link.await {
                    Ok(Some(address)) => view! {
                        <section class="notice new-link" aria-labelledby="new-link-title">
                            <h2 id="new-link-title">"Your new link"</h2>
                            <p>"It is shown this once: what is kept is a hash of it. Whoever has it can open the copy, so send it to those alone who should."</p>
                            <p class="row">
                                <input type="text" readonly aria-label="The link" value=address.clone() />
                                <CopyButton text=address label="Copy" />
                            </p>
                        </section>
                    }
                        .into_any(),
                    Ok(None) if made.get_untracked().is_empty() => ().into_any(),
                    Ok(None) => view! {
                        <p class="notice">"This link was shown already, and can’t be shown again. If you have not kept it, revoke it and make another."</p>
                    }
                        .into_any(),
                    Err(error) => view! { <ErrorNotice error /> }.into_any(),
                }
            })}
        </Transition>
    }
}
