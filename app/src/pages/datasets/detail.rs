//! One set: its splits and labels, columns that can make groups, how long its texts are, and a few of them.

use super::can_group;
use crate::{
    api::datasets::{RemoveDataset, get_dataset},
    components::{
        cover::{CoverSwitch, show_choice},
        error_view::{ErrorNotice, ErrorView},
        figure::Figure,
        pending::Pending,
        take_away::TakeAway,
    },
    dataset_figures::{dataset_svg, length_rows, usable},
    form::percent_encode,
    quantity,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use rankscope_domain::dataset::{ColumnSummary, DatasetEntry, DatasetOrigin, DatasetSummary, SplitSummary};

#[component]
pub(crate) fn DatasetPage() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.read().get("name").unwrap_or_default());
    let set = Resource::new(move || name.get(), get_dataset);
    view! {
        <Suspense fallback=|| view! { <Pending what="the set" /> }>
            {move || Suspend::new(async move {
                match set.await {
                    Ok(set) => view! { <Dataset set /> }.into_any(),
                    Err(error) => view! { <ErrorView error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Dataset(set: DatasetEntry) -> impl IntoView {
    let study = format!("/studies/new?preset=classification-quick&kind=classification&data.source={}", percent_encode(&set.source));
    let added = if set.added_at.is_empty() { String::new() } else { format!(", {}", quantity::time(&set.added_at)) };
    let lead = format!("{}{added}.", capital(set.origin.label()));
    let is_usable = set.summary.is_some();
    let base = format!("/datasets/{}", percent_encode(&set.name));
    let problem = set.problem.clone();
    view! {
        <Title text=set.name.clone() />
        <p class="crumb"><a href="/datasets">"Datasets"</a></p>
        <div class="title-row">
            <div>
                <h1>{set.name.clone()}</h1>
                <p class="lead">{lead}</p>
            </div>
            <div class="actions">
                {is_usable.then(|| view! { <a class="button button-main" href=study>"Use in a study"</a> })}
                {set.origin.is_removable().then(|| view! { <Remove name=set.name.clone() origin=set.origin /> })}
            </div>
        </div>
        {(!problem.is_empty()).then(|| view! { <p class="notice notice-error">"It can’t be used: " {problem}</p> })}
        {set.summary.clone().map(|summary| view! {
            <Splits base=base.clone() summary=summary.clone() />
            <Columns base=base.clone() columns=summary.other_columns.clone() />
            <Lengths base=base.clone() summary=summary.clone() />
            <Examples origin=set.origin splits=summary.splits.clone() />
            <Facts set=set.clone() summary />
        })}
    }
}

#[component]
fn Remove(name: String, origin: DatasetOrigin) -> impl IntoView {
    let remove = ServerAction::<RemoveDataset>::new();
    let what = if origin == DatasetOrigin::Uploaded {
        "This deletes the file that was uploaded. Studies that are finished keep the texts that they used."
    } else {
        "This takes it off the list. Its files stay where they are."
    };
    view! {
        <details class="confirm">
            <summary class="button">"Remove …"</summary>
            <ActionForm action=remove>
                <p>{what}</p>
                <input type="hidden" name="name" value=name />
                <button class="button-danger" type="submit" disabled=move || remove.pending().get()>"Remove this set"</button>
            </ActionForm>
        </details>
        {move || remove.value().get().and_then(Result::err).map(|error| view! { <ErrorNotice error /> })}
    }
}

#[component]
fn Splits(base: String, summary: DatasetSummary) -> impl IntoView {
    let labels = summary.labels.clone();
    let rows = summary
        .splits
        .into_iter()
        .map(|split| {
            if !split.problem.is_empty() {
                let columns = (labels.len() + 1).to_string();
                return view! { <tr><th scope="row">{split.name}</th><td colspan=columns class="muted">"can’t be used: " {split.problem}</td></tr> }
                    .into_any();
            }
            let total = split.rows.max(1) as f64;
            let cells = split
                .label_counts
                .iter()
                .map(|count| view! { <td class="number">{format!("{} ({})", quantity::count(*count), quantity::percent(*count as f64 / total))}</td> })
                .collect_view();
            view! { <tr><th scope="row">{split.name}</th><td class="number">{quantity::count(split.rows)}</td>{cells}</tr> }.into_any()
        })
        .collect_view();
    view! {
        <section aria-labelledby="splits-title">
            <h2 id="splits-title">"Rows and labels"</h2>
            <div class="scroll" role="group" aria-labelledby="splits-title" tabindex="0">
                <table class="narrow spaced">
                    <thead>
                        <tr>
                            <th scope="col">"Split"</th>
                            <th scope="col" class="number">"Rows"</th>
                            {summary.labels.into_iter().map(|label| view! { <th scope="col" class="number">{label}</th> }).collect_view()}
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <TakeAway base table="splits" />
        </section>
    }
}

#[component]
fn Columns(base: String, columns: Vec<ColumnSummary>) -> impl IntoView {
    if columns.is_empty() {
        return ().into_any();
    }
    let rows = columns
        .into_iter()
        .map(|column| {
            let can = if can_group(&column) { "yes" } else { "no" };
            let different = if column.different >= 1000 { "1000 or more".into() } else { column.different.to_string() };
            let values =
                column.values.into_iter().map(|(value, count)| format!("{value} ({})", quantity::count(count))).collect::<Vec<_>>();
            view! {
                <tr>
                    <th scope="row"><code>{column.name}</code></th>
                    <td>{can}</td>
                    <td class="number">{different}</td>
                    <td>{values.join(", ")}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <section aria-labelledby="columns-title">
            <h2 id="columns-title">"Other columns"</h2>
            <p class="caption">"A column of 2 to 50 different values can divide the texts into groups."</p>
            <div class="scroll" role="group" aria-labelledby="columns-title" tabindex="0">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Column"</th>
                            <th scope="col">"Makes groups"</th>
                            <th scope="col" class="number">"Different values"</th>
                            <th scope="col">"Most often"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <TakeAway base table="columns" />
        </section>
    }
    .into_any()
}

#[component]
fn Lengths(base: String, summary: DatasetSummary) -> impl IntoView {
    let rows = usable(&summary)
        .flat_map(|split| length_rows(split).map(|row| (split.name.clone(), row)))
        .map(|(name, (from, to, count))| {
            view! { <tr><th scope="row">{name}</th><td>{format!("{from} to {to}")}</td><td class="number">{quantity::count(count)}</td></tr> }
        })
        .collect_view();
    let caption = usable(&summary)
        .map(|split| format!("{}: mean {:.0}, longest {}", split.name, split.mean_length, quantity::count(split.longest)))
        .collect::<Vec<_>>()
        .join("; ");
    view! {
        <Figure name="lengths" title="Length of the texts" caption=format!("Characters. {caption}.") draw=move |width| dataset_svg("lengths", &summary, width) base>
            <details class="figure-table">
                <summary>"The numbers as a table"</summary>
                <table class="narrow">
                    <thead><tr><th scope="col">"Split"</th><th scope="col">"Characters"</th><th scope="col" class="number">"Texts"</th></tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </details>
        </Figure>
    }
}

/// A few rows. Texts that people brought may be harmful: they are covered until the reader asks, as completions are.
#[component]
fn Examples(origin: DatasetOrigin, splits: Vec<SplitSummary>) -> impl IntoView {
    let chosen = show_choice();
    let is_ours = origin == DatasetOrigin::Builtin;
    let show = Memo::new(move |_| is_ours || chosen.get());
    let items = splits
        .into_iter()
        .flat_map(|split| {
            let name = split.name;
            split.examples.into_iter().map(move |example| (name.clone(), example))
        })
        .map(|(split, example)| {
            let head = format!("{split}, row {}: {}", example.row + 1, example.label);
            let text = example.text;
            view! {
                <li>
                    <span class="note">{head}</span>
                    {move || {
                        let text = text.clone();
                        if show.get() {
                            view! { <p class="completion">{text}</p> }.into_any()
                        } else {
                            view! { <details class="cover"><summary>"covered"</summary><p class="completion">{text}</p></details> }.into_any()
                        }
                    }}
                </li>
            }
        })
        .collect_view();
    view! {
        <section aria-labelledby="examples-title">
            <h2 id="examples-title">"A few rows"</h2>
            {(!is_ours).then(|| view! {
                <p>
                    "Texts may be harmful; they are covered until you open them. "
                    <CoverSwitch show to_show="Show the texts" to_cover="Cover the texts" />
                </p>
            })}
            <ul class="dataset-examples">{items}</ul>
        </section>
    }
}

#[component]
fn Facts(set: DatasetEntry, summary: DatasetSummary) -> impl IntoView {
    view! {
        <section aria-labelledby="facts-title">
            <h2 id="facts-title">"What it is"</h2>
            <dl class="facts">
                <dt>"data.source"</dt>
                <dd><code>{set.source}</code></dd>
                <dt>"Format"</dt>
                <dd>{summary.format}</dd>
                <dt>"Size"</dt>
                <dd>{quantity::bytes(summary.bytes)}</dd>
                <dt>"Text column"</dt>
                <dd><code>{summary.text_column}</code></dd>
                <dt>"Label column"</dt>
                <dd><code>{summary.label_column}</code></dd>
                <dt>"SHA-256"</dt>
                <dd><code class="hash">{summary.sha256}</code></dd>
            </dl>
        </section>
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
