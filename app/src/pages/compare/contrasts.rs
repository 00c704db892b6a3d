//! Differences between arms of the studies, and what they rest on.

use super::CompareLinks;
use crate::{
    components::{scrolling::scrolling, take_away::TakeAway},
    quantity,
};
use leptos::prelude::*;
use rankscope_domain::comparison::{ComparedContrast, Comparison, ContrastFamily, ContrastTable, ContrastTest, letter};

/// In which unit a difference is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Shares as percentage points.
    Points,
    Nats,
}

impl Unit {
    fn signed(self, value: f64) -> String {
        match self {
            Unit::Points => quantity::points(value),
            Unit::Nats if value > 0.0 => format!("+{}", quantity::significant(value)),
            Unit::Nats => quantity::significant(value),
        }
    }

    fn plain(self, value: f64) -> String {
        match self {
            Unit::Points => quantity::point_distance(value),
            Unit::Nats => quantity::significant(value.abs()),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Unit::Points => "percentage points",
            Unit::Nats => "nats",
        }
    }
}

/// The whole section. `file`: of its table; `examples`: "prompts".
pub(super) fn section(
    comparison: &Comparison,
    table: &ContrastTable,
    links: &CompareLinks,
    (file, unit, examples): (&'static str, Unit, &'static str),
) -> AnyView {
    let families = table.families.iter().map(|family| family_table(family, unit, examples, table.families.len() > 1)).collect_view();
    let statements = table.pairings.iter().map(|pairing| pairing.statement.clone());
    let statements = statements.map(|text| view! { <li>{text}</li> }).collect_view();
    let notes = table.notes.iter().map(|text| view! { <li>{text.clone()}</li> }).collect_view();
    let is_empty = table.families.iter().all(|family| family.contrasts.is_empty());
    view! {
        <section aria-labelledby="contrasts-title">
            <h3 id="contrasts-title">"Contrasts"</h3>
            {reference_form(comparison, links)}
            <ul class="statements">{statements}{notes}</ul>
            {if is_empty {
                view! { <p>"There is nothing to contrast: show the same arm in two studies, or choose above what the others are contrasted with."</p> }.into_any()
            } else {
                view! { {families} <TakeAway base=links.base() table=file query=links.query() /> }.into_any()
            }}
        </section>
    }
    .into_any()
}

/// What the others are contrasted with.
fn reference_form(comparison: &Comparison, links: &CompareLinks) -> impl IntoView + use<> {
    let usual = if comparison.studies.len() > 1 { "the same arm of the first study" } else { "the first arm that is shown" };
    if links.is_frozen() {
        let with = comparison.against.map_or_else(|| usual.to_string(), |one| one.label());
        return view! { <p class="note">{format!("Contrasted with {with}.")}</p> }.into_any();
    }
    let options = comparison
        .shown()
        .into_iter()
        .map(|one| view! { <option value=one.name() selected=comparison.against == Some(one)>{one.label()}</option> })
        .collect_view();
    view! {
        <form class="token-form" method="get" action=links.base().to_string() aria-label="Choose what arms are contrasted with">
            {links.hidden_fields(&["against"])}
            <label for="against">"Contrasted with"</label>
            <select id="against" name="against">
                <option value="">{usual}</option>
                {options}
            </select>
            <button type="submit">"Show"</button>
        </form>
    }
    .into_any()
}

fn family_table(family: &ContrastFamily, unit: Unit, examples: &'static str, is_named: bool) -> impl IntoView + use<> {
    let first = family.contrasts.first().map(|contrast| contrast.test);
    let one_test = family.contrasts.iter().all(|contrast| Some(contrast.test) == first);
    let rows = family.contrasts.iter().map(|contrast| row(contrast, unit, !one_test)).collect_view();
    let tests = definition(&family.contrasts, unit, &family.measure, examples);
    view! {
        {is_named.then(|| view! { <h4>{family.measure.clone()}</h4> })}
        <p class="caption">{tests}</p>
        {scrolling("Contrasts between studies", view! {
            <table class="contrasts">
                <thead>
                    <tr>
                        <th scope="col">"Contrast"</th>
                        <th scope="col" class="number"><abbr title=format!("The first arm’s {} less the second’s, {}", family.measure, unit.name())>"Difference"</abbr></th>
                        <th scope="col" class="number">"95 % interval"</th>
                        <th scope="col" class="number">"p"</th>
                        <th scope="col" class="number nowrap"><abbr title="After Holm’s correction over all tested rows of this table">"p (Holm)"</abbr></th>
                        {(!one_test).then(|| view! { <th scope="col">"Test"</th> })}
                        <th scope="col" class="number"><abbr title=format!("{examples} that both arms answered; of an unpaired row, those of each")>"n"</abbr></th>
                        <th scope="col" class="number"><abbr title="Templates, or examples, that are resampled and whose signs are flipped">"Clusters"</abbr></th>
                        <th scope="col" class="number"><abbr title="The smallest true difference that 80 % of such samples would have shown at 5 % over the number of contrasts tested">"Detectable"</abbr></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }.into_any())}
    }
}

fn row(contrast: &ComparedContrast, unit: Unit, with_test: bool) -> impl IntoView + use<> {
    let dash = || "–".to_string();
    let interval =
        contrast.low.zip(contrast.high).map_or_else(dash, |(low, high)| format!("{} to {}", unit.signed(low), unit.signed(high)));
    let n = if contrast.test == ContrastTest::Unpaired {
        format!("{}; {}", quantity::count(contrast.examples.into()), quantity::count(contrast.examples_against.into()))
    } else {
        quantity::count(contrast.examples.into())
    };
    view! {
        <tr>
            <th scope="row" class="nowrap">{format!("{} − {}", contrast.of.label(), contrast.against.label())}</th>
            <td class="number">{unit.signed(contrast.difference)}</td>
            <td class="number">{interval}</td>
            <td class="number">{contrast.p.map_or_else(dash, quantity::p_value)}</td>
            <td class="number">{contrast.p_holm.map_or_else(dash, quantity::p_value)} {is_shown(contrast).then_some(" *")}</td>
            {with_test.then(|| view! { <td>{contrast.test.label()}</td> })}
            <td class="number">{n}</td>
            <td class="number">{quantity::count(contrast.clusters.into())}</td>
            <td class="number">{contrast.detectable.map_or_else(dash, |value| unit.plain(value))}</td>
        </tr>
    }
}

/// Small by chance alone, and the interval, which knows of other seeds where there are several, leaves out zero.
fn is_shown(contrast: &ComparedContrast) -> bool {
    let is_clear = contrast.low.zip(contrast.high).is_some_and(|(low, high)| low > 0.0 || high < 0.0);
    is_clear && contrast.p_holm.is_some_and(|p| p < 0.05)
}

/// How the numbers of a table were reckoned.
fn definition(contrasts: &[ComparedContrast], unit: Unit, measure: &str, examples: &str) -> String {
    let has = |test: ContrastTest| contrasts.iter().any(|contrast| contrast.test == test);
    let mut text = format!("{} of the first arm less that of the second, in {}.", capital(measure), unit.name());
    if has(ContrastTest::SignFlipTemplates) {
        text += &format!(
            " Paired: each of the {examples} that both arms answered counts once, by the mean over its seeds and samples; 95 % interval by \
             bootstrap over templates, p by a two-sided sign-flip permutation test over templates."
        );
    }
    if has(ContrastTest::McnemarExact) {
        text += " One training of each arm: p by McNemar’s exact test on the same test examples, 95 % interval by bootstrap over them; neither says anything of other seeds.";
    }
    if has(ContrastTest::SignFlipExamples) {
        let seeds = if measure == "accuracy" { ", and over seeds where there are several (of two studies each for itself)" } else { "" };
        text += &format!(
            " Paired by example: the mean over the seeds of each of the {examples} that both arms answered; p by a two-sided sign-flip \
             permutation test over examples, 95 % interval by bootstrap over examples{seeds}."
        );
    }
    if has(ContrastTest::Unpaired) {
        text += " Rows without p are not paired: other examples, so each arm is resampled for itself and nothing is tested.";
    }
    if contrasts.iter().any(|contrast| contrast.p.is_some()) {
        text += " p is corrected after Holm over the tested rows; * marks a corrected p below 0.05 whose interval leaves out zero.";
    }
    text
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// "A · r = 8": the studies of a table's rows, beside each other.
pub(super) fn study_head(comparison: &Comparison, studies: &[usize]) -> impl IntoView + use<> {
    studies
        .iter()
        .map(|&place| {
            let name = comparison.studies[place].name.clone();
            view! { <th scope="col" class="number"><abbr title=name>{String::from(letter(place))}</abbr></th> }
        })
        .collect_view()
}
