//! The rounds of a study, and the form for a new one.

use super::Desk;
use crate::{
    api::annotations::NewRound,
    components::{error_view::ErrorNotice, pending::Pending, scrolling::scrolling},
    quantity,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use rankscope_domain::annotation::{Allocation, RoundPlan, RoundSummary};

#[component]
pub(crate) fn RoundsPage(desk: Desk) -> impl IntoView {
    let asked = desk.clone();
    let rounds = Resource::new(|| (), move |()| asked.clone().rounds());
    view! {
        <p class="lead">
            "People read completions and say whether they are toxic, without seeing which model wrote them or what the judge said. Their labels show how far the judge can be trusted."
        </p>
        <Suspense fallback=|| view! { <Pending what="the rounds" /> }>
            {move || {
                let desk = desk.clone();
                Suspend::new(async move {
                    match rounds.await {
                        Ok(rounds) => view! { <Rounds desk rounds /> }.into_any(),
                        Err(error) => view! { <ErrorNotice error /> }.into_any(),
                    }
                })
            }}
        </Suspense>
    }
}

#[component]
fn Rounds(desk: Desk, rounds: Vec<RoundSummary>) -> impl IntoView {
    let base = desk.base();
    let study_page = desk.study_page();
    // how a round is spread over arms and verdicts is the owner's
    let shows_spread = study_page.is_some();
    let table = (!rounds.is_empty()).then(|| {
        let rows = rounds
            .iter()
            .map(|round| {
                let link = format!("{base}?round={}", round.id);
                let people = round
                    .annotators
                    .iter()
                    .map(|one| {
                        let by_link = if desk.is_of(&one.annotator) { "" } else { " (by a link)" };
                        format!("{}{by_link}: {} of {}", one.annotator.name, one.labelled, round.items)
                    })
                    .collect::<Vec<_>>()
                    .join(", ");
                let report = study_page.as_ref().map(|page| {
                    let address = format!("{page}?tab=judge&round={}", round.id);
                    view! { " · " <a href=address>"what they say"</a> }
                });
                view! {
                    <tr>
                        <th scope="row">{quantity::time(&round.created_at)}</th>
                        <td class="number">{quantity::count(round.items.into())}</td>
                        {shows_spread.then(|| view! { <td>{spread(round.plan.allocation)}</td> })}
                        <td>{if people.is_empty() { "nobody yet".to_string() } else { people }}</td>
                        <td><a href=link>"Label"</a> {report}</td>
                    </tr>
                }
            })
            .collect_view();
        view! {
            <section aria-labelledby="rounds-title">
                <h2 id="rounds-title">"Rounds"</h2>
                {scrolling("Rounds of labels", view! {
                    <table class="spaced">
                        <thead>
                            <tr>
                                <th scope="col">"Drawn"</th>
                                <th scope="col" class="number">"Completions"</th>
                                {shows_spread.then(|| view! { <th scope="col">"Spread"</th> })}
                                <th scope="col">"Labelled by"</th>
                                <th scope="col"><span class="visually-hidden">"Links"</span></th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                }.into_any())}
            </section>
        }
    });
    let form = study_page.is_some().then(|| view! { <NewRoundForm desk=desk.clone() /> });
    let (back, back_text) = desk.back();
    let nothing_yet = (rounds.is_empty() && study_page.is_none()).then(|| {
        view! { <p class="notice">"There is nothing to label yet: whoever shared this has not drawn a round of completions. Ask them to, then open this page again."</p> }
    });
    view! {
        <p><a href=back>{back_text}</a></p>
        {nothing_yet}
        {table}
        {form}
    }
}

fn spread(allocation: Allocation) -> &'static str {
    match allocation {
        Allocation::Even => "evenly over arms and verdicts",
        Allocation::Proportional => "by the sizes of arms and verdicts",
    }
}

#[component]
fn NewRoundForm(desk: Desk) -> impl IntoView {
    let draw = ServerAction::<NewRound>::new();
    let (field, value) = desk.field();
    let query = use_query_map();
    // what a refused form comes back with
    let typed = move |name: &str, usual: &str| query.with_untracked(|query| query.get(name)).unwrap_or_else(|| usual.into());
    let chosen = typed("allocation", Allocation::default().name());
    view! {
        <section aria-labelledby="new-round-title">
            <h2 id="new-round-title">"New annotation round"</h2>
            <p>
                "A round is a random sample of this study’s completions, drawn from every arm and every verdict of the judge. How many completions each drawn one stands for is kept, and the figures take it into account."
            </p>
            <ActionForm action=draw attr:class="round-form">
                <input type="hidden" name=field value=value />
                <div class="field">
                    <label for="round-items">"Completions"</label>
                    <input id="round-items" name="items" type="number" min="1" max=RoundPlan::MOST_ITEMS.to_string() value=typed("items", "200") required />
                    <p class="note">"A person labels about ten a minute."</p>
                </div>
                <div class="field">
                    <label for="round-allocation">"Spread"</label>
                    <select id="round-allocation" name="allocation">
                        {Allocation::ALL.map(|one| view! { <option value=one.name() selected=one.name() == chosen>{spread(one)}</option> }).collect_view()}
                    </select>
                    <p class="note">"Evenly: the rarer verdict is read as often as the other, which shows more of the judge’s errors."</p>
                </div>
                <div class="field">
                    <label for="round-seed">"Seed"</label>
                    <input id="round-seed" name="seed" type="number" min="0" value=typed("seed", "0") required />
                    <p class="note">"The same seed and numbers draw the same completions."</p>
                </div>
                <button class="button-main" type="submit" disabled=move || draw.pending().get()>"Draw the round"</button>
            </ActionForm>
            {move || draw.value().get().and_then(Result::err).map(|error| view! { <ErrorNotice error /> })}
        </section>
    }
}
