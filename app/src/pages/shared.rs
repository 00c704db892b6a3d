//! `/s/{token}`: what was shared, frozen. The same tabs as on the study's own page, or the same views as on that of a comparison, and nothing
//! that leads elsewhere.

use super::{
    compare::{CompareLinks, ComparisonPanel, asked_view},
    study::{StudyPlace, StudyTabs, TabStudy, results_tab, shared_tabs},
};
use crate::{
    api::shared::{get_shared, get_shared_comparison},
    components::{arm_list::arm_list, cover::show_choice, error_view::ErrorNotice, pending::Pending},
    quantity,
};
use leptos::prelude::*;
use leptos_meta::{Meta, Title};
use leptos_router::hooks::use_params_map;
use rankscope_domain::{
    comparison_query::ComparisonView,
    share::{SharedComparisonOverview, SharedContent, SharedOverview, SharedPage},
};
use std::sync::Arc;

/// What the addresses of all shared pages begin with.
pub const SHARED_PREFIX: &str = "/s/";

#[component]
pub(crate) fn SharedStudyPage() -> impl IntoView {
    let params = use_params_map();
    let token = Memo::new(move |_| params.read().get("token").unwrap_or_default());
    let page = Resource::new(move || token.get(), get_shared);
    view! {
        <Meta name="robots" content="noindex, nofollow, noarchive" />
        <Meta name="referrer" content="no-referrer" />
        <Transition fallback=|| view! { <Pending what="what was shared" /> }>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(page) => view! { <Shared token=token.get_untracked() page /> }.into_any(),
                    Err(error) => view! {
                        <Title text="Not shown" />
                        <h1>"Not shown"</h1>
                        <ErrorNotice error />
                    }
                        .into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Shared(token: String, page: SharedPage) -> impl IntoView {
    let SharedPage { frozen_at, rankscope_version, content_sha256, anonymous, may_annotate, content } = page;
    let file = format!("{SHARED_PREFIX}{token}/snapshot.json");
    let desk = may_annotate.then(|| format!("{SHARED_PREFIX}{token}/annotate"));
    let (title, lead, body) = match content {
        SharedContent::Study(study) => shared_study(token, *study),
        SharedContent::Comparison(SharedComparisonOverview { title, studies, views }) => {
            let lead =
                if studies == 1 { "The arms of one study, side by side".to_string() } else { format!("{studies} studies side by side") };
            (title, lead, view! { <SharedComparison token views /> }.into_any())
        }
    };
    view! {
        <Title text=title.clone() />
        <h1>{title}</h1>
        <p class="lead">{lead}</p>
        <div class="shared-note">
            <p>
                "Shared by link, frozen on " {quantity::time(&frozen_at)} {format!(" by Rankscope {rankscope_version}. ")}
                "Nothing here changes, and nothing is computed when you look."
                {anonymous.then_some(" Shared for blind review: names of people, institutions, files and models are left out.")}
            </p>
            <p>
                "Content hash: " <span class="muted">"SHA-256 "</span> <code class="hash">{content_sha256}</code> ", of "
                <a href=file download="" rel="external">"snapshot.json"</a> ", which holds all that is shown."
            </p>
            // loaded anew: under this page's referrer policy browsers would send the desk's forms from no origin, and they'd be refused
            {desk.map(|address| view! {
                <p><a class="button" href=address rel="external">"Label completions"</a> " You may say of completions whether they are toxic, without seeing which model wrote them. They are shown there alone, so that you judge them blind."</p>
            })}
        </div>
        {body}
    }
}

/// The part that the address asks for, on the same panels as the owner's.
#[component]
fn SharedComparison(token: String, views: Vec<ComparisonView>) -> impl IntoView {
    let asked = asked_view();
    // what is chosen on the page alone fetches nothing
    let query = Memo::new(move |_| asked.with(|(view, _)| view.query.clone()));
    let base = format!("{SHARED_PREFIX}{token}");
    let comparison = Resource::new(move || query.get(), move |query| get_shared_comparison(token.clone(), query));
    let show = show_choice();
    view! {
        <Transition fallback=|| view! { <Pending what="the comparison" /> }>
            {move || {
                let (view, errors) = asked.get();
                let (base, views) = (base.clone(), views.clone());
                Suspend::new(async move {
                    match comparison.await {
                        Ok(comparison) => {
                            let links = CompareLinks::frozen(&base, &view, &comparison, views);
                            view! { <ComparisonPanel comparison view errors links show /> }.into_any()
                        }
                        Err(error) => view! { <ErrorNotice error /> }.into_any(),
                    }
                })
            }}
        </Transition>
    }
}

/// Its title, the line below, and its tabs.
fn shared_study(token: String, study: SharedOverview) -> (String, String, AnyView) {
    let SharedOverview { summary, recipe_toml, provenance, results, has_completions } = study;
    let seeds = summary.seeds.len();
    let lead = format!(
        "{} · {} · {} · {seeds} {}",
        summary.kind.label(),
        summary.model,
        arm_list(&summary.arms),
        if seeds == 1 { "seed" } else { "seeds" },
    );
    let study = TabStudy {
        place: StudyPlace::Shared { token, completions: has_completions },
        recipe_toml,
        results: Some(Arc::new(results)),
        provenance,
        machine: None,
    };
    let (tabs, default_tab) = (shared_tabs(summary.kind, has_completions), results_tab(summary.kind));
    let body = view! { <StudyTabs study tabs default_tab other=|| ().into_any() /> }.into_any();
    (summary.title, lead, body)
}
