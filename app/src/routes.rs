//! Which address shows which page, and what every page has around it.

use crate::{
    components::log_out::LogOut,
    pages::{
        annotate::AnnotatePage,
        datasets::{DatasetPage, DatasetsPage},
        login::LoginPage,
        models::{ModelPage, ModelsPage},
        new_study::NewStudyPage,
        not_found::NotFoundPage,
        studies::StudiesPage,
        study::StudyPage,
    },
    raw_text::raw_text,
};
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

/// All pages. Each is rendered whole before it is sent, so that it reads the same without JavaScript.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title formatter=title />
        <Router>
            <a class="skip" href="#main" rel="external">"Skip to the content"</a>
            <header class="site">
                <nav aria-label="Site">
                    <a class="brand" href="/">"Rankscope"</a>
                    <a href="/">"Studies"</a>
                    <a href="/studies/new">"New study"</a>
                    <a href="/models">"Models"</a>
                    <a href="/datasets">"Datasets"</a>
                    <LogOut />
                </nav>
            </header>
            <main id="main" tabindex="-1">
                <Routes fallback=NotFoundPage>
                    <Route path=path!("/") view=StudiesPage ssr=SsrMode::Async />
                    <Route path=path!("/login") view=LoginPage ssr=SsrMode::Async />
                    <Route path=path!("/studies/new") view=NewStudyPage ssr=SsrMode::Async />
                    <Route path=path!("/models") view=ModelsPage ssr=SsrMode::Async />
                    <Route path=path!("/models/*name") view=ModelPage ssr=SsrMode::Async />
                    <Route path=path!("/datasets") view=DatasetsPage ssr=SsrMode::Async />
                    <Route path=path!("/datasets/:name") view=DatasetPage ssr=SsrMode::Async />
                    <Route path=path!("/annotate/:id") view=AnnotatePage ssr=SsrMode::Async />
                    <Route path=path!("/studies/:id") view=StudyPage ssr=SsrMode::Async />
                </Routes>
            </main>
            <footer class="site">
                <p>"Rankscope shows what each LoRA rank keeps of a model’s harms."</p>
            </footer>
        </Router>
    }
}

/// The document's title.
fn title(text: String) -> String {
    raw_text(if text.is_empty() { "Rankscope".into() } else { format!("{text} · Rankscope") })
}
