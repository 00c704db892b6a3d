//! Which address shows which page, and what every page has around it.

use crate::{
    components::{cover::provide_cover_choice, log_out::LogOut},
    pages::{
        annotate::{AnnotatePage, SharedAnnotatePage},
        compare::ComparePage,
        datasets::{DatasetPage, DatasetsPage},
        lens::LensQuestionPage,
        login::LoginPage,
        models::{ModelPage, ModelsPage},
        new_study::NewStudyPage,
        not_found::NotFoundPage,
        shared::{SHARED_PREFIX, SharedStudyPage},
        shares::SharesPage,
        studies::StudiesPage,
        study::StudyPage,
        tokens::TokensPage,
    },
    raw_text::raw_text,
};
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    hooks::use_location,
    path,
};

/// All pages. Each is rendered whole before it is sent, so that it reads the same without JavaScript.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_cover_choice();
    view! {
        <Title formatter=title />
        <Router>
            <a class="skip" href="#main" rel="external">"Skip to the content"</a>
            <Header />
            <main id="main" tabindex="-1">
                <Routes fallback=NotFoundPage>
                    <Route path=path!("/") view=StudiesPage ssr=SsrMode::Async />
                    <Route path=path!("/login") view=LoginPage ssr=SsrMode::Async />
                    <Route path=path!("/studies/new") view=NewStudyPage ssr=SsrMode::Async />
                    <Route path=path!("/lens") view=LensQuestionPage ssr=SsrMode::Async />
                    <Route path=path!("/compare") view=ComparePage ssr=SsrMode::Async />
                    <Route path=path!("/models") view=ModelsPage ssr=SsrMode::Async />
                    <Route path=path!("/models/*name") view=ModelPage ssr=SsrMode::Async />
                    <Route path=path!("/datasets") view=DatasetsPage ssr=SsrMode::Async />
                    <Route path=path!("/datasets/:name") view=DatasetPage ssr=SsrMode::Async />
                    <Route path=path!("/annotate/:id") view=AnnotatePage ssr=SsrMode::Async />
                    <Route path=path!("/tokens") view=TokensPage ssr=SsrMode::Async />
                    <Route path=path!("/studies/:id") view=StudyPage ssr=SsrMode::Async />
                    <Route path=path!("/shares") view=SharesPage ssr=SsrMode::Async />
                    <Route path=path!("/s/:token") view=SharedStudyPage ssr=SsrMode::Async />
                    <Route path=path!("/s/:token/annotate") view=SharedAnnotatePage ssr=SsrMode::Async />
                </Routes>
            </main>
            <Footer />
        </Router>
    }
}

/// Whether the page is of those who were sent a link.
fn is_shared() -> Memo<bool> {
    let path = use_location().pathname;
    Memo::new(move |_| path.read().starts_with(SHARED_PREFIX))
}

#[component]
fn Footer() -> impl IntoView {
    let is_shared = is_shared();
    view! {
        <footer class="site">
            <p>
                "Rankscope shows what each LoRA rank keeps of a model’s harms. "
                {move || (!is_shared.get()).then(|| view! { <a href="/tokens">"Tokens for scripts"</a> })}
            </p>
        </footer>
    }
}

/// The owner's way around; who was sent a link has none.
#[component]
fn Header() -> impl IntoView {
    let is_shared = is_shared();
    view! {
        <header class="site">
            {move || if is_shared.get() {
                view! { <div class="brand-alone"><span class="brand">"Rankscope"</span></div> }.into_any()
            } else {
                view! {
                    <nav aria-label="Site">
                        <a class="brand" href="/">"Rankscope"</a>
                        <a href="/">"Studies"</a>
                        <a href="/studies/new">"New study"</a>
                        <a href="/compare">"Compare"</a>
                        <a href="/lens">"Lens"</a>
                        <a href="/models">"Models"</a>
                        <a href="/datasets">"Datasets"</a>
                        <a href="/shares">"Shares"</a>
                        <LogOut />
                    </nav>
                }
                    .into_any()
            }}
        </header>
    }
}

/// The document's title.
fn title(text: String) -> String {
    raw_text(if text.is_empty() { "Rankscope".into() } else { format!("{text} · Rankscope") })
}
