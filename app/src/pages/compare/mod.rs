//! `/compare?studies=ID,ID&arms=A:full&view=toxicity`: studies side by side. What the address can ask for is written down in
//! `rankscope_domain::comparison_query`. This page fetches; [`panel::ComparisonPanel`] shows what it is given, wherever that is from.

mod accuracy;
mod chooser;
mod completions;
mod contrasts;
mod divergence;
mod head;
mod lens;
mod links;
mod panel;
mod recipe;
#[cfg(all(test, feature = "ssr"))]
mod tests;
mod toxicity;

pub(crate) use links::CompareLinks;
pub(crate) use panel::ComparisonPanel;

use crate::{
    api::{comparison::compare_studies, studies::list_studies},
    comparison_view::CompareView,
    components::{cover::show_choice, error_view::ErrorNotice, pending::Pending},
    error::AppError,
};
use chooser::Chooser;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use rankscope_domain::FieldErrors;

/// Where this page is.
pub(crate) const COMPARE_PATH: &str = "/compare";

/// What the address asks for, and what of it can't be read.
pub(crate) fn asked_view() -> Memo<(CompareView, FieldErrors)> {
    let params = use_query_map();
    Memo::new(move |_| {
        let pairs: Vec<(String, String)> = params.get().into_iter().map(|(name, value)| (name.into_owned(), value)).collect();
        CompareView::read(&pairs)
    })
}

#[component]
pub(crate) fn ComparePage() -> impl IntoView {
    let asked = asked_view();
    // what is chosen on the page alone fetches nothing
    let query = Memo::new(move |_| asked.with(|(view, _)| view.query.clone()));
    let comparison = Resource::new(
        move || query.get(),
        |query| async move { if query.studies.is_empty() { Ok(None) } else { compare_studies(query).await.map(Some) } },
    );
    let studies = Resource::new(|| (), |()| list_studies());
    let show = show_choice();
    view! {
        <Title text="Compare" />
        <h1>"Compare"</h1>
        <Transition fallback=|| view! { <Pending what="the comparison" /> }>
            {move || {
                let (view, errors) = asked.get();
                Suspend::new(async move {
                    let chosen = view.query.studies.clone();
                    match comparison.await {
                        Ok(Some(comparison)) => {
                            let links = CompareLinks::new(COMPARE_PATH, &view, &comparison);
                            let can_share = comparison.studies.iter().all(|study| study.results.is_some());
                            let share = can_share.then(|| links.to_share());
                            view! {
                                {share.map(|address| view! { <p class="actions"><a class="button" href=address>"Share this comparison"</a></p> })}
                                <ComparisonPanel comparison view errors links show />
                            }
                                .into_any()
                        }
                        Ok(None) if chosen.is_empty() && errors.0.is_empty() => {
                            view! {
                                <p class="lead">"Two to six studies on the same axes, their arms compared on the examples that they share. Tick them and press “Compare”."</p>
                            }
                                .into_any()
                        }
                        Ok(None) => view! { <ErrorNotice error=AppError::Invalid(errors) /> }.into_any(),
                        Err(error) => view! { <ErrorNotice error /> }.into_any(),
                    }
                })
            }}
        </Transition>
        <Suspense fallback=|| view! { <Pending what="the studies" /> }>
            {move || {
                let (view, _) = asked.get();
                Suspend::new(async move {
                    match studies.await {
                        Ok(list) => view! { <Chooser studies=list.studies view /> }.into_any(),
                        Err(error) => view! { <ErrorNotice error /> }.into_any(),
                    }
                })
            }}
        </Suspense>
    }
}
