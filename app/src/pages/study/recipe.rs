//! What a study is made of, so that someone else can make it again.

use super::place::{Machine, TabStudy};
use crate::{components::copy_button::CopyButton, quantity};
use leptos::prelude::*;
use rankscope_domain::{
    estimate::ModelSummary,
    provenance::{FileHash, Host, ImportNote},
    snapshot::SharedProvenance,
};

#[component]
pub(crate) fn RecipeTab(study: TabStudy) -> impl IntoView {
    let base = study.place.base();
    let is_owners = study.place.owners_id().is_some();
    let (host, directory, imported) = match study.machine {
        Some(Machine { host, directory, imported }) => (host, Some(directory), imported),
        None => (None, None, None),
    };
    let toml = study.recipe_toml.clone();
    view! {
        <section aria-labelledby="recipe-title">
            <h2 id="recipe-title">"Recipe"</h2>
            {if is_owners {
                view! { <p class="note">"The whole study in one file; " <code>"rankscope run recipe.toml --out DIR"</code> " does the same from a command line."</p> }
            } else {
                view! { <p class="note">"The whole study in one file, as it was shared; to run it with " <code>"rankscope run recipe.toml --out DIR"</code> ", write paths where names alone are left."</p> }
            }}
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
            {imported.map(|ImportNote { imported_at, rankscope_version, archive_sha256 }| view! {
                <p class="note">{format!("Imported {}, from an archive that Rankscope {rankscope_version} wrote. What follows is of where the study ran.", quantity::time(&imported_at))}</p>
                <dl class="facts"><dt>"Archive"</dt><dd><Hash sha256=archive_sha256 /></dd></dl>
            })}
            {match study.provenance {
                Some(provenance) => view! { <ProvenanceList provenance host /> }.into_any(),
                None => view! { <p>"Written when the first worker starts."</p> }.into_any(),
            }}
            {directory.map(|directory| view! {
                <dl class="facts">
                    <dt>"Directory"</dt>
                    <dd><code>{directory}</code></dd>
                </dl>
            })}
        </section>
    }
}

#[component]
fn ProvenanceList(provenance: SharedProvenance, host: Option<Host>) -> impl IntoView {
    let SharedProvenance { rankscope_version, recipe_sha256, model, counterfactual_model, judge_model, files, builtin, started_at } =
        provenance;
    let limit = host.as_ref().and_then(|host| host.memory_limit_bytes);
    let machine = host.map(|host| {
        let memory = host.memory_bytes.map(|bytes| format!(", {} memory", quantity::bytes(bytes))).unwrap_or_default();
        format!("{} on {} {}, {} threads{memory}, device {}", host.cpu, host.os, host.arch, host.threads, host.device)
    });
    view! {
        <dl class="facts">
            <dt>"Started"</dt>
            <dd>{quantity::time(&started_at)}</dd>
            <dt>"Rankscope"</dt>
            <dd>{rankscope_version}</dd>
            {machine.map(|machine| view! { <dt>"Machine"</dt><dd>{machine}</dd> })}
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
    if sha256.is_empty() {
        return view! { <span class="muted">"SHA-256 not shown"</span> }.into_any();
    }
    view! { <span class="muted">"SHA-256 "</span> <code class="hash">{sha256}</code> }.into_any()
}

#[component]
fn Files(title: &'static str, files: Vec<FileHash>) -> impl IntoView {
    (!files.is_empty()).then(|| {
        let items =
            files.into_iter().map(|file| view! { <dt><code>{file.name}</code></dt><dd><Hash sha256=file.sha256 /></dd> }).collect_view();
        view! { <h3>{title}</h3><dl class="facts">{items}</dl> }
    })
}
