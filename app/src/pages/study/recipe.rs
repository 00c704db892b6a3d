//! What a study is made of, so that someone else can make it again.

use crate::{components::copy_button::CopyButton, quantity};
use leptos::prelude::*;
use rankscope_domain::{
    estimate::ModelSummary,
    provenance::{FileHash, Provenance},
    view::StudyOverview,
};

#[component]
pub(crate) fn RecipeTab(study: StudyOverview) -> impl IntoView {
    let base = format!("/studies/{}", study.card.id);
    let toml = study.recipe_toml.clone();
    view! {
        <section aria-labelledby="recipe-title">
            <h2 id="recipe-title">"Recipe"</h2>
            <p class="note">"The whole study in one file; " <code>"rankscope run recipe.toml --out DIR"</code> " does the same from a command line."</p>
            <pre class="toml scroll" tabindex="0" role="group" aria-labelledby="recipe-title"><code>{study.recipe_toml}</code></pre>
            <p class="row">
                <CopyButton text=toml label="Copy" />
                <a class="button" href=format!("{base}/recipe.toml") download="" rel="external">"Download recipe.toml"</a>
                {study.results.is_some().then(|| view! {
                    <a class="button" href=format!("{base}/results.json") download="" rel="external">"Download results.json"</a>
                })}
            </p>
        </section>
        <section aria-labelledby="provenance-title">
            <h2 id="provenance-title">"Provenance"</h2>
            {match study.provenance {
                Some(provenance) => view! { <ProvenanceList provenance /> }.into_any(),
                None => view! { <p>"Written when the first worker starts."</p> }.into_any(),
            }}
            <dl class="facts">
                <dt>"Directory"</dt>
                <dd><code>{study.directory}</code></dd>
            </dl>
        </section>
    }
}

#[component]
fn ProvenanceList(provenance: Provenance) -> impl IntoView {
    let Provenance { rankscope_version, recipe_sha256, model, counterfactual_model, judge_model, files, builtin, started_at, host } =
        provenance;
    let memory = host.memory_bytes.map(|bytes| format!(", {} memory", quantity::bytes(bytes))).unwrap_or_default();
    let limit = host.memory_limit_bytes;
    let machine = format!("{} on {} {}, {} threads{memory}, device {}", host.cpu, host.os, host.arch, host.threads, host.device);
    view! {
        <dl class="facts">
            <dt>"Started"</dt>
            <dd>{quantity::time(&started_at)}</dd>
            <dt>"Rankscope"</dt>
            <dd>{rankscope_version}</dd>
            <dt>"Machine"</dt>
            <dd>{machine}</dd>
            {limit.map(|limit| view! { <dt>"Memory limit"</dt><dd>{quantity::bytes(limit)}</dd> })}
            <dt>"recipe.toml"</dt>
            <dd><Hash sha256=recipe_sha256 /></dd>
            <dt>"Base model"</dt>
            <dd><Model model /></dd>
            {counterfactual_model.map(|model| view! { <dt>"Writer of counterfactuals"</dt><dd><Model model /></dd> })}
            {judge_model.map(|model| view! { <dt>"Judging model"</dt><dd><Model model /></dd> })}
        </dl>
        <Files title="Input files" files />
        <Files title="Built-in data" files=builtin />
    }
}

#[component]
fn Model(model: ModelSummary) -> impl IntoView {
    let name = if model.name.is_empty() { model.source.clone() } else { model.name };
    let licence = model.licence.map(|licence| format!(", licence {licence}")).unwrap_or_default();
    let shape = format!(
        "{} ({}), {} parameters, {} layers, width {}, {} tokens, stored as {}{licence}",
        name,
        model.kind,
        quantity::count(model.parameters),
        model.layers,
        model.hidden_size,
        quantity::count(model.vocab_size.into()),
        model.dtype
    );
    view! {
        {shape}
        <br />
        <Hash sha256=model.sha256 />
    }
}

#[component]
fn Hash(sha256: String) -> impl IntoView {
    view! { <span class="muted">"SHA-256 "</span> <code class="hash">{sha256}</code> }
}

#[component]
fn Files(title: &'static str, files: Vec<FileHash>) -> impl IntoView {
    (!files.is_empty()).then(|| {
        let items =
            files.into_iter().map(|file| view! { <dt><code>{file.name}</code></dt><dd><Hash sha256=file.sha256 /></dd> }).collect_view();
        view! { <h3>{title}</h3><dl class="facts">{items}</dl> }
    })
}
