//! The test examples of a classification study: what each arm took them for, filtered and paged by the server, down to one of them
//! with its divergences.

use super::divergence::example_divergences;
use crate::{
    api::examples::get_examples,
    components::{error_view::ErrorNotice, pending::Pending, scrolling::scrolling},
    form::percent_encode,
    lens_form::lens_address,
    quantity,
};
use leptos::prelude::*;
use leptos_router::{hooks::use_query_map, params::ParamsMap};
use rankscope_domain::{
    class_results::Reading,
    view::{ExamplePage, ExamplePrediction, ExampleQuery, ExampleRow, Outcome},
};

fn read_query(params: &ParamsMap) -> ExampleQuery {
    let text = |name: &str| params.get(name).filter(|value| !value.is_empty());
    ExampleQuery {
        seed: text("seed").and_then(|seed| seed.parse().ok()),
        fraction: text("fraction").and_then(|fraction| fraction.parse().ok()),
        reading: text("reading").and_then(|name| Reading::ALL.into_iter().find(|reading| reading.name() == name)),
        arm: text("arm").and_then(|arm| arm.parse().ok()),
        group: text("group"),
        outcome: text("outcome").and_then(|name| Outcome::ALL.into_iter().find(|outcome| outcome.name() == name)),
        example: text("example").and_then(|id| id.parse().ok()),
        // people count from 1
        page: text("page").and_then(|page| page.parse::<u32>().ok()).unwrap_or(1).saturating_sub(1),
    }
}

/// The address of a view of the examples.
pub(super) fn address(id: &str, query: &ExampleQuery) -> String {
    let mut address = format!("/studies/{id}?tab=examples");
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            address.push_str(&format!("&{name}={}", percent_encode(&value)));
        }
    };
    add("seed", query.seed.map(|seed| seed.to_string()));
    add("fraction", query.fraction.map(|fraction| fraction.to_string()));
    add("reading", query.reading.map(|reading| reading.name().into()));
    add("arm", query.arm.map(|arm| arm.to_string()));
    add("group", query.group.clone());
    add("outcome", query.outcome.map(|outcome| outcome.name().into()));
    add("example", query.example.map(|id| id.to_string()));
    add("page", (query.page > 0).then(|| (query.page + 1).to_string()));
    address
}

#[component]
pub(crate) fn Examples(id: String) -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| read_query(&params.read()));
    let study_id = id.clone();
    let page = Resource::new(move || (study_id.clone(), query.get()), |(id, query)| get_examples(id, query));
    view! {
        <section aria-labelledby="examples-title">
            <h2 id="examples-title">"Test examples"</h2>
            <Transition fallback=|| view! { <Pending what="the examples" /> }>
                {move || {
                    let id = id.clone();
                    Suspend::new(async move {
                        match page.await {
                            Ok(page) => examples_view(&id, &page, &query.get_untracked()).into_any(),
                            Err(error) => view! { <ErrorNotice error /> }.into_any(),
                        }
                    })
                }}
            </Transition>
        </section>
    }
}

pub(super) fn examples_view(id: &str, page: &ExamplePage, query: &ExampleQuery) -> impl IntoView + use<> {
    if page.groups.is_empty() {
        return view! {
            <p>"There are no test examples yet: they are chosen in the study’s first stage."</p>
            <p><a href=format!("/studies/{id}?tab=progress")>"See the progress"</a></p>
        }
        .into_any();
    }
    let alone = query.example.is_some();
    let of = format!(
        "Read by {}; seed {}{}.",
        page.reading.label(),
        page.seed,
        page.fraction.map(|fraction| format!(", minority fraction {fraction}")).unwrap_or_default()
    );
    let count =
        format!("{} {} this choice.", quantity::count(page.total.into()), if page.total == 1 { "example meets" } else { "examples meet" });
    let back = alone.then(|| {
        let group = page.rows.first().map(|row| row.text.group.clone());
        let of_group = ExampleQuery { example: None, group: group.clone(), page: 0, ..query.clone() };
        let name = group.map_or_else(|| "All examples".into(), |group| format!("Examples, {group}"));
        view! {
            <nav class="trail" aria-label="The way here">
                <ol>
                    <li><a href=format!("/studies/{id}?tab=accuracy")>"Accuracy"</a></li>
                    <li><a href=address(id, &of_group)>{name}</a></li>
                </ol>
            </nav>
        }
    });
    let filters = (!alone).then(|| filters(id, page, query));
    let table = (!page.rows.is_empty()).then(|| table(id, page, query, alone));
    let lens = page.rows.first().filter(|_| alone).and_then(|row| row.prompt.as_ref()).map(|prompt| {
        // what was looked into, to go with the divergences below
        let fraction = page.divergences.iter().find_map(|found| found.cell.minority).or(page.fraction);
        let address = lens_address(id, prompt, &[], Some(page.seed), fraction);
        view! { <p><a href=address>"Look at the question through the lens"</a></p> }
    });
    let inside = alone.then(|| example_divergences(&page.divergences, "this example", false));
    let pager = pager(id, page, query);
    view! {
        {back}
        {filters}
        <p role="status">{count} " " {of}</p>
        {table}
        {lens}
        {inside}
        {pager}
    }
    .into_any()
}

fn table(id: &str, page: &ExamplePage, query: &ExampleQuery, alone: bool) -> impl IntoView + use<> {
    let heads = page.arms.iter().map(|arm| view! { <th scope="col">{arm.label()}</th> }).collect_view();
    let rows = page
        .rows
        .iter()
        .map(|row| {
            let cells = page
                .arms
                .iter()
                .map(|arm| match row.predictions.iter().find(|prediction| prediction.cell.arm == *arm) {
                    Some(prediction) => prediction_cell(row, prediction, &page.labels).into_any(),
                    None => view! { <td>"–"</td> }.into_any(),
                })
                .collect_view();
            let one = ExampleQuery { example: Some(row.text.id), group: None, outcome: None, page: 0, ..query.clone() };
            let link = (!alone).then(|| view! { <p class="note"><a href=address(id, &one)>"this example alone"</a></p> });
            let label = page.labels.get(row.text.label as usize).cloned().unwrap_or_else(|| row.text.label.to_string());
            view! {
                <tr>
                    <td class="example-text"><p class="completion">{row.text.text.clone()}</p>{link}</td>
                    <td>{label}</td>
                    <td>{row.text.group.clone()}</td>
                    {cells}
                </tr>
            }
        })
        .collect_view();
    scrolling(
        "Test examples and what the arms took them for",
        view! {
            <table class="spaced examples">
                <thead>
                    <tr>
                        <th scope="col">"Text"</th>
                        <th scope="col">"Label"</th>
                        <th scope="col">"Group"</th>
                        {heads}
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any(),
    )
}

fn prediction_cell(row: &ExampleRow, prediction: &ExamplePrediction, labels: &[String]) -> impl IntoView + use<> {
    let name = match prediction.label {
        Some(label) => labels.get(label as usize).cloned().unwrap_or_else(|| label.to_string()),
        None => "no label".into(),
    };
    let (sign, said) = if row.is_right(prediction) { ("✓", "right") } else { ("✗", "wrong") };
    let detail = match (&prediction.probability, &prediction.generated) {
        (Some(probability), _) => Some(quantity::percent(*probability)),
        (None, Some(text)) => Some(format!("wrote “{}”", text.trim())),
        _ => None,
    };
    view! {
        <td class=if said == "right" { "outcome" } else { "outcome outcome-wrong" }>
            <span aria-hidden="true">{sign}</span>
            " "
            {name}
            <span class="visually-hidden">{format!(" ({said})")}</span>
            {detail.map(|text| view! { <span class="detail">{text}</span> })}
        </td>
    }
}

fn filters(id: &str, page: &ExamplePage, query: &ExampleQuery) -> impl IntoView + use<> {
    let option = |value: String, label: String, selected: bool| view! { <option value=value selected=selected>{label}</option> };
    let select = |name: &'static str, label: &'static str, any: Option<&'static str>, options: Vec<AnyView>| {
        let control = format!("filter-{name}");
        (any.is_some() || options.len() > 1).then(|| {
            view! {
                <div class="field">
                    <label for=control.clone()>{label}</label>
                    <select name=name id=control.clone()>
                        {any.map(|any| view! { <option value="">{any}</option> })}
                        {options}
                    </select>
                </div>
            }
        })
    };
    let arms = page.arms.iter().map(|arm| option(arm.to_string(), arm.label(), query.arm == Some(*arm)).into_any()).collect();
    let outcomes =
        Outcome::ALL.iter().map(|one| option(one.name().into(), one.name().into(), query.outcome == Some(*one)).into_any()).collect();
    let groups =
        page.groups.iter().map(|group| option(group.clone(), group.clone(), query.group.as_ref() == Some(group)).into_any()).collect();
    let seeds = page.seeds.iter().map(|seed| option(seed.to_string(), seed.to_string(), page.seed == *seed).into_any()).collect();
    let fractions = page
        .fractions
        .iter()
        .map(|fraction| option(fraction.to_string(), fraction.to_string(), page.fraction == Some(*fraction)).into_any())
        .collect();
    let readings = page.readings.iter().map(|one| option(one.name().into(), one.label().into(), page.reading == *one).into_any()).collect();
    view! {
        <form class="filters" method="get" action=format!("/studies/{id}") aria-label="Choose examples">
            <input type="hidden" name="tab" value="examples" />
            {select("group", "Group", Some("every group"), groups)}
            {select("arm", "Arm", Some("any arm"), arms)}
            {select("outcome", "Outcome", Some("right or wrong"), outcomes)}
            {select("fraction", "Minority fraction", None, fractions)}
            {select("seed", "Seed", None, seeds)}
            {select("reading", "Read by", None, readings)}
            <button type="submit">"Show"</button>
        </form>
    }
}

fn pager(id: &str, page: &ExamplePage, query: &ExampleQuery) -> impl IntoView + use<> {
    let pages = page.total.div_ceil(page.page_size.max(1)).max(1);
    let to = |number: u32| address(id, &ExampleQuery { page: number, ..query.clone() });
    let previous = (page.page > 0).then(|| to(page.page.min(pages) - 1));
    let next = (page.page + 1 < pages).then(|| to(page.page + 1));
    let place = format!("Page {} of {pages}", page.page + 1);
    (pages > 1).then(|| {
        view! {
            <nav class="pager" aria-label="Pages of examples">
                {previous.map(|address| view! { <a class="button" rel="prev" href=address>"Previous"</a> })}
                <span>{place}</span>
                {next.map(|address| view! { <a class="button" rel="next" href=address>"Next"</a> })}
            </nav>
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::Arm;

    #[test]
    fn a_view_has_an_address_that_reads_back() {
        let query = ExampleQuery {
            seed: Some(2),
            fraction: "0.25".parse().ok(),
            reading: Some(Reading::GeneratedText),
            arm: Some(Arm::Lora(8)),
            group: Some("a & b".into()),
            outcome: Some(Outcome::Wrong),
            example: None,
            page: 1,
        };
        let address = address("x", &query);
        assert_eq!(
            address,
            "/studies/x?tab=examples&seed=2&fraction=0.25&reading=generated_text&arm=lora-r8&group=a%20%26%20b&outcome=wrong&page=2"
        );
        let mut params = ParamsMap::new();
        for pair in address.split_once("tab=examples&").unwrap().1.split('&') {
            let (name, value) = pair.split_once('=').unwrap();
            params.insert(name.to_string(), value.replace("%20", " ").replace("%26", "&"));
        }
        assert_eq!(read_query(&params), query);
    }
}
