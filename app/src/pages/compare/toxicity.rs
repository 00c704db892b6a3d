//! Toxic shares side by side.

use super::{
    CompareLinks,
    contrasts::{Unit, section, study_head},
    head::left_out,
    panel::absent,
};
use crate::{
    comparison_figures::{all_groups, draw_comparison, group_counts, shown_arms, with},
    components::{figure::Figure, scrolling::scrolling},
    quantity,
};
use leptos::prelude::*;
use rankscope_domain::{
    Arm,
    comparison::{ComparedArm, ComparedStudy, Comparison},
    comparison_query::ComparisonView,
    results::Counts,
};
use std::sync::Arc;

pub(super) fn part(comparison: &Arc<Comparison>, links: &CompareLinks) -> AnyView {
    let Some(table) = comparison.toxicity.clone() else { return absent() };
    let studies = with(comparison, ComparisonView::Toxicity);
    if studies.is_empty() {
        return view! { <p>"None of these studies has toxic shares: they are classification studies, or are not finished yet."</p> }
            .into_any();
    }
    let drawn = |name: &'static str| {
        let comparison = comparison.clone();
        move |width| draw_comparison(name, &comparison, width)
    };
    let sizes = studies.iter().map(|&place| sample_text(place, &comparison.studies[place])).collect::<Vec<_>>().join(" ");
    let shares = shares_table(comparison, &studies).into_any();
    let groups = all_groups(comparison);
    let by_group = (groups.len() > 1).then(|| {
        let table = groups_table(comparison, &studies, &groups).into_any();
        view! {
            <Figure
                name="groups"
                title="By group"
                caption="The same share for the prompts of each group, on one scale. A study without prompts of a group has no row there.".to_string()
                draw=drawn("groups")
                base=links.base()
                query=links.query()
            >
                {table}
            </Figure>
        }
    });
    let choices = std::iter::once(None)
        .chain(table.groups.iter().map(|group| Some(group.clone())))
        .map(|group| {
            let is_shown = table.group == group;
            let label = group.clone().unwrap_or_else(|| "all".into());
            (label, links.to(|view| view.query.group = group), is_shown)
        })
        .collect();
    view! {
        {left_out(comparison, ComparisonView::Toxicity)}
        <Figure
            name="toxicity"
            title="Share of toxic completions"
            caption=format!("Toxic / judged, pooled over the seeds, with 95 % intervals by bootstrap over templates (where none or all are toxic, Wilson’s with the templates for its size). One scale; the arm has its colour, the study its letter. {sizes}")
            draw=drawn("toxicity")
            base=links.base()
            query=links.query()
        >
            {shares}
            <details class="definition">
                <summary>"How these numbers are defined"</summary>
                <p>"The share is the number of completions that the study’s judge called toxic over the number that it could read. Each interval is of one arm by itself; that two overlap does not show that the arms are equal. The contrasts below compare them prompt by prompt, where the prompts are the same."</p>
            </details>
        </Figure>
        {by_group}
        {links.row("Contrasts within", choices)}
        {section(comparison, &table, links, ("toxicity_contrasts", Unit::Points, "prompts"))}
    }
    .into_any()
}

fn sample_text(place: usize, study: &ComparedStudy) -> String {
    let Some(results) = &study.results else { return String::new() };
    format!(
        "{}: {} prompts from {} templates, {} a prompt and seed.",
        rankscope_domain::comparison::letter(place),
        quantity::count(results.prompts.into()),
        quantity::count(results.clusters.into()),
        results.completions_per_prompt
    )
}

fn shares_table(comparison: &Comparison, studies: &[usize]) -> impl IntoView + use<> {
    let pooled = |study: &ComparedStudy, arm: Arm| Some(study.results.as_ref()?.arm(arm)?.pooled.clone());
    let rows = shown_arms(comparison, studies)
        .into_iter()
        .map(|arm| {
            let cells = studies
                .iter()
                .map(|&place| {
                    let study = &comparison.studies[place];
                    share_cell(pooled(study, arm).filter(|_| study.shown.contains(&arm)))
                })
                .collect_view();
            view! { <tr><th scope="row">{arm.label()}</th>{cells}</tr> }
        })
        .collect_view();
    scrolling(
        "Toxic share by arm and study",
        view! { <table class="narrow spaced"><thead><tr><th scope="col">"Arm"</th>{study_head(comparison, studies)}</tr></thead><tbody>{rows}</tbody></table> }
            .into_any(),
    )
}

fn groups_table(comparison: &Comparison, studies: &[usize], groups: &[String]) -> impl IntoView + use<> {
    let heads = groups.iter().map(|group| view! { <th scope="col" class="number">{group.clone()}</th> }).collect_view();
    let mut rows = Vec::new();
    for arm in shown_arms(comparison, studies) {
        let showing = studies.iter().filter(|&&place| comparison.studies[place].shown.contains(&arm));
        for (index, &study) in showing.enumerate() {
            let cells = groups.iter().map(|group| share_cell(group_counts(&comparison.studies[study], arm, group))).collect_view();
            let class = if index == 0 { "nowrap first-of-arm" } else { "nowrap" };
            rows.push(view! { <tr><th scope="row" class=class>{ComparedArm { study, arm }.label()}</th>{cells}</tr> });
        }
    }
    scrolling(
        "Toxic share by group, arm and study",
        view! { <table class="narrow spaced"><thead><tr><th scope="col">"Study and arm"</th>{heads}</tr></thead><tbody>{rows}</tbody></table> }
            .into_any(),
    )
}

/// The share, its interval and the counts behind it; a dash where the study has not the arm, or nothing was judged.
fn share_cell(counts: Option<Counts>) -> impl IntoView {
    let text = quantity::percent_or_dash(counts.as_ref().and_then(|counts| counts.share));
    let detail = counts.filter(|counts| counts.judged + counts.unparsable > 0).map(|counts| {
        let unparsable = if counts.unparsable > 0 { format!(", {} unparsable", counts.unparsable) } else { String::new() };
        format!("{}, {}/{}{unparsable}", quantity::interval(counts.low, counts.high), counts.toxic, counts.judged)
    });
    view! { <td class="number">{text} {detail.map(|text| view! { <span class="detail">{text}</span> })}</td> }
}
