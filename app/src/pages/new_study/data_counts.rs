//! What a classification study's data come to, in the estimate: labels, groups, and what each fraction leaves.

use crate::quantity;
use leptos::prelude::*;
use rankscope_domain::{dataset::GroupCount, estimate::DataCounts};

#[component]
pub(super) fn DataCountsView(counts: DataCounts) -> impl IntoView {
    let DataCounts { train_examples, test_examples, labels, groups, minority, majority, fractions } = counts;
    let fraction_rows = fractions
        .into_iter()
        .map(|left| {
            view! {
                <tr>
                    <th scope="row">{left.fraction.to_string()}</th>
                    <td class="number">{quantity::count(left.minority_examples.into())}</td>
                    <td class="number">{quantity::count(left.train_examples.into())}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <dl class="facts">
            <dt>"Train on"</dt>
            <dd>{examples(train_examples)}</dd>
            <dt>"Test on"</dt>
            <dd>{examples(test_examples)}</dd>
            <dt>"Minority"</dt>
            <dd>{minority}</dd>
            <dt>"Majority"</dt>
            <dd>{majority}</dd>
        </dl>
        {counts_table("Label", "Examples by label.", labels)}
        {counts_table("Group", "Examples by group, the whole minority.", groups)}
        <table>
            <caption>"Training examples at each minority fraction."</caption>
            <thead>
                <tr>
                    <th scope="col">"Fraction"</th>
                    <th scope="col" class="number">"Of the minority"</th>
                    <th scope="col" class="number">"In all"</th>
                </tr>
            </thead>
            <tbody>{fraction_rows}</tbody>
        </table>
    }
}

fn examples(count: u32) -> String {
    format!("{} {}", quantity::count(count.into()), if count == 1 { "example" } else { "examples" })
}

fn counts_table(what: &'static str, caption: &'static str, counts: Vec<GroupCount>) -> impl IntoView {
    let rows = counts
        .into_iter()
        .map(|GroupCount { group, train, test }| {
            view! {
                <tr>
                    <th scope="row">{group}</th>
                    <td class="number">{quantity::count(train.into())}</td>
                    <td class="number">{quantity::count(test.into())}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <table>
            <caption>{caption}</caption>
            <thead>
                <tr>
                    <th scope="col">{what}</th>
                    <th scope="col" class="number">"Train"</th>
                    <th scope="col" class="number">"Test"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}
