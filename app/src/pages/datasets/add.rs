//! Forms that add a set: a file of the reader's, sent as a plain form that works without JavaScript, or a path of the server's machine.

use crate::{api::datasets::AddDataset, components::error_view::ErrorNotice, quantity};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

#[component]
pub(super) fn AddDatasets(upload_limit: u64) -> impl IntoView {
    let add = ServerAction::<AddDataset>::new();
    let query = use_query_map();
    // what a refused form comes back with: each of the two with its own
    let typed = move |form: &str, name: &str| {
        query.with_untracked(|query| if query.get_str("form") == Some(form) { query.get(name) } else { None }).unwrap_or_default()
    };
    let (uploaded, by_path) = (move |name: &str| typed("upload", name), move |name: &str| typed("path", name));
    let refused = query.with_untracked(|query| query.get("refused")).filter(|text| !text.is_empty());
    let lines: Vec<String> = refused.iter().flat_map(|text| text.lines()).map(String::from).collect();
    view! {
        {(!lines.is_empty()).then(|| view! {
            <div class="notice notice-error" role="alert" id="refused">
                <p><strong>"Nothing was changed."</strong></p>
                {lines.into_iter().map(|line| view! { <p>{line}</p> }).collect_view()}
            </div>
        })}
        <section aria-labelledby="upload-title">
            <h2 id="upload-title">"Upload a set"</h2>
            <p class="note" id="upload-help">
                {format!("A JSONL, CSV, TSV or parquet file with a text and a label in each row, of at most {}. Every row is read; the first that is wrong is named. Other columns can make groups.", quantity::bytes(upload_limit))}
            </p>
            <form class="add-dataset" method="post" action="/datasets/upload" enctype="multipart/form-data">
                <div class="field">
                    <label for="upload-file">"File"</label>
                    <input id="upload-file" name="file" type="file" required accept=".jsonl,.ndjson,.json,.csv,.tsv,.parquet" aria-describedby="upload-help" />
                </div>
                {field("upload-name", "name", "Name (optional)", "made of the file’s", uploaded("name"))}
                {field("upload-labels", "label_names", "Labels’ names (optional)", "negative, positive", uploaded("label_names"))}
                {field("upload-text", "text_column", "Text column (optional)", "text, sentence, …", uploaded("text_column"))}
                {field("upload-label", "label_column", "Label column (optional)", "label, labels, class", uploaded("label_column"))}
                <button class="button-main" type="submit">"Upload and check"</button>
            </form>
        </section>
        <section aria-labelledby="add-title">
            <h2 id="add-title">"Add a set by its path"</h2>
            <p class="note" id="add-help">
                "A file, or a directory in the hub’s layout, on the machine that Rankscope runs on; it stays where it is. A set of the hub is fetched with "
                <code>"rankscope datasets add hf:ORG/NAME"</code> "."
            </p>
            <ActionForm action=add attr:class="add-dataset">
                <div class="field">
                    <label for="add-source">"Path"</label>
                    <input id="add-source" name="source" type="text" required autocomplete="off" autocapitalize="off" spellcheck="false" value=by_path("source") aria-describedby="add-help" />
                </div>
                {field("add-name", "name", "Name (optional)", "made of the path’s", by_path("name"))}
                {field("add-labels", "label_names", "Labels’ names (optional)", "negative, positive", by_path("label_names"))}
                <button type="submit" disabled=move || add.pending().get()>"Add and check"</button>
            </ActionForm>
            {move || add.value().get().and_then(Result::err).map(|error| view! { <ErrorNotice error /> })}
        </section>
    }
}

fn field(id: &'static str, name: &'static str, label: &'static str, placeholder: &'static str, typed: String) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input id=id name=name type="text" autocomplete="off" autocapitalize="off" spellcheck="false" placeholder=placeholder value=typed />
        </div>
    }
}
