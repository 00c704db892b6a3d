//! `/tokens`: what scripts come with. A form makes one, and its answer shows it once; the list says what became of each.

use crate::{
    api::tokens::{RevokeToken, TokensList, list_tokens},
    components::{
        copy_button::CopyButton,
        error_view::{ErrorNotice, ErrorView},
        pending::Pending,
    },
    quantity,
    visitor::{TOKENS_PATH, TokenAnswer, token_answer},
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use rankscope_domain::token::{DEFAULT_DAYS, TokenEntry, TokenScope, TokenState};

#[component]
pub(crate) fn TokensPage() -> impl IntoView {
    let answer = token_answer();
    let revoke = ServerAction::<RevokeToken>::new();
    let list = Resource::new(move || revoke.version().get(), |_| list_tokens());
    let query = use_query_map();
    // a form that was sent without JavaScript comes back with its refusal
    let refused = query.with_untracked(|query| query.get("refused")).filter(|text| !text.is_empty());
    view! {
        <Title text="Tokens" />
        <h1>"Tokens"</h1>
        <p class="lead">
            "What scripts come with in place of a log-in, in the header " <code>"Authorization: Bearer TOKEN"</code> ". "
            <a href="/api/v1/openapi.json" rel="external">"The API’s description"</a> " lists what they can do."
        </p>
        {refused.map(|text| view! { <div class="notice notice-error" role="alert"><p>{text}</p></div> })}
        <NewToken answer />
        <section aria-labelledby="tokens-title">
            <h2 id="tokens-title">"Tokens there are"</h2>
            {move || revoke.value().get().and_then(Result::err).map(|error| view! { <ErrorNotice error /> })}
            <Suspense fallback=|| view! { <Pending what="the tokens" /> }>
                {move || Suspend::new(async move {
                    match list.await {
                        Ok(TokensList { tokens, needed }) => view! {
                            {(!needed).then(|| view! {
                                <p class="note">
                                    "No password is set here, so scripts on this machine need no token. One that is sent is checked all the same."
                                </p>
                            })}
                            {if tokens.is_empty() {
                                view! { <p class="empty">"There is none yet."</p> }.into_any()
                            } else {
                                view! { <Tokens entries=tokens revoke /> }.into_any()
                            }}
                        }
                            .into_any(),
                        Err(error) => view! { <ErrorView error /> }.into_any(),
                    }
                })}
            </Suspense>
        </section>
    }
}

/// The form, and what became of the last one.
#[component]
fn NewToken(answer: Option<TokenAnswer>) -> impl IntoView {
    let typed = match &answer {
        Some(TokenAnswer::Refused { name, .. }) => name.clone(),
        _ => String::new(),
    };
    let days = [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("never", "no end")];
    let default_days = DEFAULT_DAYS.to_string();
    view! {
        {answer.map(|answer| match answer {
            TokenAnswer::Made { name, secret } => view! {
                <section class="notice" aria-labelledby="made-title">
                    <h2 id="made-title">"The token “" {name} "”"</h2>
                    <p>"It is shown this once. Copy it to where the script finds it; it can’t be shown again."</p>
                    <p class="secret"><code id="token-secret">{secret.clone()}</code></p>
                    <p><CopyButton text=secret label="Copy the token" /></p>
                </section>
            }
                .into_any(),
            TokenAnswer::Refused { error, .. } => view! { <ErrorNotice error /> }.into_any(),
        })}
        <section aria-labelledby="new-token-title">
            <h2 id="new-token-title">"Make a token"</h2>
            <form class="add-token" method="post" action=TOKENS_PATH>
                <div class="field">
                    <label for="token-name">"Name"</label>
                    <input
                        id="token-name"
                        name="name"
                        type="text"
                        required
                        maxlength="60"
                        autocomplete="off"
                        placeholder="what it is for"
                        value=typed
                    />
                </div>
                <div class="field">
                    <label for="token-scope">"May"</label>
                    <select id="token-scope" name="scope">
                        <option value=TokenScope::Read.name()>"read"</option>
                        <option value=TokenScope::Write.name()>"read and change"</option>
                    </select>
                </div>
                <div class="field">
                    <label for="token-days">"Holds for"</label>
                    <select id="token-days" name="days">
                        {days
                            .map(|(value, words)| view! { <option value=value selected={value == default_days}>{words}</option> })
                            .into_iter()
                            .collect_view()}
                    </select>
                </div>
                <button class="button-main" type="submit">"Make it"</button>
            </form>
        </section>
    }
}

#[component]
fn Tokens(entries: Vec<TokenEntry>, revoke: ServerAction<RevokeToken>) -> impl IntoView {
    view! {
        <div class="scroll" role="group" aria-label="Tokens" tabindex="0">
            <table class="tokens" aria-label="Tokens">
                <thead>
                    <tr>
                        <th scope="col">"Name"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">"May"</th>
                        <th scope="col">"Created"</th>
                        <th scope="col">"Last used"</th>
                        <th scope="col">"Holds until"</th>
                    </tr>
                </thead>
                <tbody>{entries.into_iter().map(|entry| view! { <TokenRow entry revoke /> }).collect_view()}</tbody>
            </table>
        </div>
    }
}

#[component]
fn TokenRow(entry: TokenEntry, revoke: ServerAction<RevokeToken>) -> impl IntoView {
    let may = match entry.scope {
        TokenScope::Read => "read",
        TokenScope::Write => "read and change",
    };
    let last_used = entry.last_used_at.as_deref().map_or("never".into(), quantity::time);
    let end = entry.expires_at.as_deref().map_or("no end".into(), quantity::time);
    let name = entry.name.clone();
    let state = match (entry.state, &entry.revoked_at) {
        (TokenState::Active, _) => view! {
            <ActionForm action=revoke>
                <input type="hidden" name="id" value=entry.id.to_string() />
                <button class="button-danger" type="submit" aria-label=format!("Revoke {name}")>"Revoke"</button>
            </ActionForm>
        }
        .into_any(),
        (_, Some(moment)) => view! { <span class="muted">"revoked " {quantity::time(moment)}</span> }.into_any(),
        (state, None) => view! { <span class="muted">{state.label()}</span> }.into_any(),
    };
    view! {
        <tr>
            <th scope="row">{entry.name}</th>
            <td>{state}</td>
            <td>{may}</td>
            <td class="nowrap">{quantity::time(&entry.created_at)}</td>
            <td class="nowrap">{last_used}</td>
            <td class="nowrap">{end}</td>
        </tr>
    }
}
