//! `/datasets`: the sets of labelled texts that there are, and forms to add one. `/datasets/{name}`: what is in one.

mod add;
mod detail;

pub(crate) use detail::DatasetPage;

use crate::{
    api::datasets::list_datasets,
    components::{error_view::ErrorView, pending::Pending},
    quantity,
};
use add::AddDatasets;
use leptos::prelude::*;
use leptos_meta::Title;
use rankscope_domain::dataset::{DatasetEntry, DatasetSummary};

#[component]
pub(crate) fn DatasetsPage() -> impl IntoView {
    let list = Resource::new(|| (), |()| list_datasets());
    view! {
        <Title text="Datasets" />
        <h1>"Datasets"</h1>
        <p class="lead">
            "Labelled texts for classification studies: the set that comes with Rankscope, files that you upload, and sets that lie on this machine."
        </p>
        <Suspense fallback=|| view! { <Pending what="the sets" /> }>
            {move || Suspend::new(async move {
                match list.await {
                    Ok(list) => view! {
                        <Datasets datasets=list.datasets />
                        <AddDatasets upload_limit=list.upload_limit />
                    }
                        .into_any(),
                    Err(error) => view! { <ErrorView error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Datasets(datasets: Vec<DatasetEntry>) -> impl IntoView {
    view! {
        <div class="scroll" role="group" aria-label="Sets of labelled texts" tabindex="0">
            <table class="datasets" aria-label="Sets of labelled texts">
                <thead>
                    <tr>
                        <th scope="col">"Set"</th>
                        <th scope="col">"Rows"</th>
                        <th scope="col">"Labels"</th>
                        <th scope="col">"Columns for groups"</th>
                        <th scope="col">"Format"</th>
                        <th scope="col" class="number">"Size"</th>
                    </tr>
                </thead>
                <tbody>{datasets.into_iter().map(|set| view! { <DatasetRow set /> }).collect_view()}</tbody>
            </table>
        </div>
    }
}

#[component]
fn DatasetRow(set: DatasetEntry) -> impl IntoView {
    let origin = set.origin.label();
    let head = view! {
        <th scope="row">
            <a href=format!("/datasets/{}", set.name)>{set.name.clone()}</a>
            <span class="detail">{origin}</span>
        </th>
    };
    let Some(summary) = set.summary else {
        return view! { <tr>{head}<td colspan="5" class="field-error">"Can’t be used: " {set.problem}</td></tr> }.into_any();
    };
    let columns = summary.other_columns.iter().filter(|column| can_group(column)).map(|column| column.name.clone()).collect::<Vec<_>>();
    let columns = if columns.is_empty() { "–".to_string() } else { columns.join(", ") };
    view! {
        <tr>
            {head}
            <td>{rows(&summary)}</td>
            <td>{few(&summary.labels)}</td>
            <td>{columns}</td>
            <td>{summary.format.clone()}</td>
            <td class="number">{quantity::bytes(summary.bytes)}</td>
        </tr>
    }
    .into_any()
}

/// "train 240, test 80"
fn rows(summary: &DatasetSummary) -> String {
    let usable = summary.splits.iter().filter(|split| split.problem.is_empty());
    usable.map(|split| format!("{} {}", split.name, quantity::count(split.rows))).collect::<Vec<_>>().join(", ")
}

fn few(names: &[String]) -> String {
    match names.len() {
        0..=4 => names.join(", "),
        count => format!("{}, … ({count})", names[..3].join(", ")),
    }
}

/// Not a number of every row, nor the same everywhere.
fn can_group(column: &rankscope_domain::dataset::ColumnSummary) -> bool {
    (2..=50).contains(&column.different)
}
