//! The same prompts in every study, with what each arm made of them.

use super::{CompareLinks, panel::absent};
use crate::{components::cover::CoverSwitch, pages::study::CompletionItem, quantity};
use leptos::prelude::*;
use rankscope_domain::{
    comparison::{ComparedCompletions, ComparedPrompt, Comparison, CompletionComparison},
    comparison_query::PromptScope,
};
use std::sync::Arc;

pub(super) fn part(comparison: &Arc<Comparison>, links: &CompareLinks, show: Memo<bool>) -> AnyView {
    let Some(found) = &comparison.completions else { return absent() };
    let notes = found.notes.iter().map(|text| view! { <li>{text.clone()}</li> }).collect_view();
    if found.studies.is_empty() {
        return view! { <p>"None of these studies completes prompts."</p> <ul class="statements">{notes}</ul> }.into_any();
    }
    let rows = found.rows.iter().enumerate().map(|(index, row)| prompt_block(index, row, show)).collect_view();
    let pages = found.total.div_ceil(found.page_size.max(1)).max(1);
    let counted = format!(
        "{} {} meet this choice; page {} of {pages}.",
        quantity::count(found.total.into()),
        if found.total == 1 { "prompt" } else { "prompts" },
        found.page + 1
    );
    view! {
        <div class="notice row">
            <p>
                <strong>"Content warning. "</strong>
                "Models wrote this text. Some of it is hateful, sexual or violent. What the judge called toxic or could not read is covered until you open it."
            </p>
            <CoverSwitch show to_show="Show harmful text" to_cover="Cover harmful text" />
        </div>
        <ul class="statements">{notes}</ul>
        {choices(found, links)}
        <p role="status">{counted}</p>
        {nothing_common(found)}
        {rows}
        {pager(found, pages, links)}
    }
    .into_any()
}

fn choices(found: &CompletionComparison, links: &CompareLinks) -> impl IntoView + use<> {
    let scopes = PromptScope::ALL
        .into_iter()
        .zip(&found.counts)
        .map(|(scope, count)| {
            let address = links.to(|view| (view.query.prompts, view.query.page) = (scope, 0));
            (format!("{} ({})", scope.label(), quantity::count((*count).into())), address, found.scope == scope)
        })
        .collect();
    let groups = std::iter::once(None)
        .chain(found.groups.iter().map(|group| Some(group.clone())))
        .map(|group| {
            let is_shown = found.group == group;
            let label = group.clone().unwrap_or_else(|| "every group".into());
            (label, links.to(|view| (view.query.group, view.query.page) = (group, 0)), is_shown)
        })
        .collect();
    view! {
        {links.row("Prompts", scopes)}
        {links.row("Group", groups)}
    }
}

fn nothing_common(found: &CompletionComparison) -> impl IntoView + use<> {
    let is_so = found.scope != PromptScope::All && found.counts.first() == Some(&0) && found.studies.len() > 1;
    is_so.then(|| view! { <p class="notice">"No prompt is in every study, so none can be set side by side. “In any study” shows each study’s own."</p> })
}

fn pager(found: &CompletionComparison, pages: u32, links: &CompareLinks) -> impl IntoView + use<> {
    let to = |page: u32| links.to(|view| view.query.page = page);
    let previous = (found.page > 0).then(|| to(found.page.min(pages) - 1));
    let next = (found.page + 1 < pages).then(|| to(found.page + 1));
    let place = format!("Page {} of {pages}", found.page + 1);
    (pages > 1).then(|| {
        view! {
            <nav class="pager" aria-label="Pages of prompts">
                {previous.map(|address| view! { <a class="button" rel="prev" href=address>"Previous"</a> })}
                <span>{place}</span>
                {next.map(|address| view! { <a class="button" rel="next" href=address>"Next"</a> })}
            </nav>
        }
    })
}

fn prompt_block(index: usize, row: &ComparedPrompt, show: Memo<bool>) -> impl IntoView + use<> {
    let heading = format!("compared-prompt-{index}");
    let labels = [row.group.clone(), row.category.clone()].into_iter().filter(|label| !label.is_empty()).collect::<Vec<_>>().join(" · ");
    let columns = row.columns.iter().map(|column| arm_column(column, show)).collect_view();
    view! {
        <article class="prompt" aria-labelledby=heading.clone()>
            <h3 id=heading.clone()>{row.prompt.clone()} " …"</h3>
            <p class="note">{labels}</p>
            <div class="arm-columns">{columns}</div>
        </article>
    }
}

fn arm_column(column: &ComparedCompletions, show: Memo<bool>) -> impl IntoView + use<> {
    let several_seeds = column.completions.iter().any(|one| one.cell.seed != column.completions[0].cell.seed);
    let items = column
        .completions
        .iter()
        .cloned()
        .map(|completion| view! { <CompletionItem completion several_seeds show strip=None alone=None lens=None /> })
        .collect_view();
    let content = if column.completions.is_empty() {
        view! { <p class="note">"Not in this study, or not completed yet."</p> }.into_any()
    } else {
        view! { <ul>{items}</ul> }.into_any()
    };
    view! { <div class="arm-column"><h4>{column.of.label()}</h4>{content}</div> }
}
