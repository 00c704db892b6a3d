//! The links that were made, and how one is revoked.

use crate::{
    api::shares::{RevokeShare, RevokeShares},
    components::scrolling::scrolling,
    quantity,
};
use leptos::prelude::*;
use rankscope_domain::share::{ShareEntry, ShareState};

/// `without_rounds`: studies that links permit to label, with nothing to label yet; `of_study`: the id that the address names, or nothing;
/// `of`: that study's name, where it is there.
#[component]
pub(super) fn SharesTable(
    shares: Vec<ShareEntry>,
    without_rounds: Vec<String>,
    of_study: String,
    of: Option<String>,
    revoke: ServerAction<RevokeShare>,
    revoke_all: ServerAction<RevokeShares>,
) -> impl IntoView {
    let is_all = of_study.is_empty();
    let heading = if is_all {
        "All links".to_string()
    } else {
        format!(
            "Links of “{}”",
            of.or_else(|| Some(shares.iter().find(|share| share.study_id.as_ref() == Some(&of_study))?.title.clone()))
                .unwrap_or_else(|| "a deleted study".into())
        )
    };
    let open = shares.iter().filter(|share| share.state == ShareState::Open).count();
    let all_of_study = (!is_all && open > 1).then(|| {
        view! {
            <details class="confirm">
                <summary class="button">{format!("Revoke all {open} …")}</summary>
                <ActionForm action=revoke_all>
                    <p>"None of this study’s links opens anything any more, nor do those of comparisons that it is in, and their copies are removed. It can’t be undone."</p>
                    <input type="hidden" name="study" value=of_study />
                    <button class="button-danger" type="submit" disabled=move || revoke_all.pending().get()>"Revoke all links of this study"</button>
                </ActionForm>
            </details>
        }
    });
    let table = if shares.is_empty() {
        let text = if is_all {
            "No link has been made. “Share” on the page of a finished study or of a comparison makes one."
        } else {
            "No link has been made for this study."
        };
        view! { <p class="empty">{text}</p> }.into_any()
    } else {
        let rows = shares
            .into_iter()
            .map(|share| {
                let waits = share.annotate
                    && share.state == ShareState::Open
                    && share.study_id.as_ref().is_some_and(|id| without_rounds.contains(id));
                view! { <ShareRow share waits revoke /> }
            })
            .collect_view();
        scrolling(
            "Share links",
            view! {
                <table class="shares">
                    <thead>
                        <tr>
                            <th scope="col">"Label"</th>
                            <th scope="col">"What"</th>
                            <th scope="col">"State"</th>
                            <th scope="col">"Made"</th>
                            <th scope="col">"Expires"</th>
                            <th scope="col">"Last opened"</th>
                            <th scope="col" class="number">"Opened"</th>
                            <th scope="col">"Options"</th>
                            <th scope="col">"Revoke"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            }
            .into_any(),
        )
        .into_any()
    };
    view! {
        <section aria-labelledby="shares-title">
            <h2 id="shares-title">{heading}</h2>
            {(!is_all).then(|| view! { <p class="note"><a href="/shares">"All links"</a></p> })}
            {table}
            {all_of_study}
        </section>
    }
}

/// `waits`: it permits labels, and there is nothing to label yet.
#[component]
fn ShareRow(share: ShareEntry, waits: bool, revoke: ServerAction<RevokeShare>) -> impl IntoView {
    let sign = match share.state {
        ShareState::Open => "▸",
        ShareState::Expired => "◦",
        ShareState::Revoked => "✕",
    };
    let time = |time: &Option<String>| time.as_deref().map_or_else(|| "–".to_string(), quantity::time);
    let options = [
        share.anonymous.then_some("for blind review"),
        Some(match (share.annotate, share.completions) {
            (true, _) => "may annotate: completions only at the desk, blind",
            (false, true) => "with completions",
            (false, false) => "without completions",
        }),
    ];
    let options = options.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let label = if share.label.is_empty() { "–".to_string() } else { share.label.clone() };
    let what = match (share.study_id.clone(), share.compared.clone().unwrap_or_default()) {
        (Some(id), _) => view! { <a href=format!("/shares?study={id}")>{share.title.clone()}</a> }.into_any(),
        (None, ids) if !ids.is_empty() => {
            view! { <a href=format!("/compare?studies={}", ids.join(","))>{share.title.clone()}</a> }.into_any()
        }
        _ => share.title.clone().into_any(),
    };
    let draw = waits.then(|| {
        let address = format!("/annotate/{}", share.study_id.clone().unwrap_or_default());
        view! { <span class="detail">"Nothing to label yet: " <a href=address>"draw a round"</a></span> }
    });
    let hash = share.content_sha256.get(..12).unwrap_or_default().to_string();
    let action = (share.state != ShareState::Revoked).then(|| {
        view! {
            <details class="confirm">
                <summary class="button">"Revoke …"</summary>
                <ActionForm action=revoke>
                    <p>"The link opens nothing any more, and its copy is removed. It can’t be undone."</p>
                    <input type="hidden" name="id" value=share.id.clone() />
                    <button class="button-danger" type="submit" disabled=move || revoke.pending().get()>"Revoke this link"</button>
                </ActionForm>
            </details>
        }
    });
    view! {
        <tr>
            <th scope="row">{label}<span class="detail"><code title=share.content_sha256.clone()>{hash}</code></span></th>
            <td>{what}</td>
            <td class="nowrap"><span aria-hidden="true">{sign}</span> " " {share.state.label()}</td>
            <td class="nowrap">{quantity::time(&share.created_at)}</td>
            <td class="nowrap">{share.expires_at.as_deref().map_or_else(|| "never".to_string(), quantity::time)}</td>
            <td class="nowrap">{time(&share.last_opened_at)}</td>
            <td class="number">{quantity::count(share.opened)}</td>
            <td>{options} {draw}</td>
            <td>{action}</td>
        </tr>
    }
}
