//! The test examples of a classification study: what each arm took them for, filtered and paged by the server, down to one of them
//! with its divergences. Texts that people brought, and what models wrote, are covered until the reader asks for them.

use super::{
    asked::{Asked, must_be_there, must_have_page},
    divergence::example_divergences,
};
use crate::{
    api::examples::get_examples,
    components::{
        cover::{CoverSwitch, covered, show_choice},
        error_view::ErrorNotice,
        pending::Pending,
        scrolling::scrolling,
    },
    error::AppError,
    form::percent_encode,
    lens_form::lens_address,
    quantity,
};
use leptos::prelude::*;
use leptos_router::{hooks::use_query_map, params::ParamsMap};
use rankscope_domain::{
    FieldErrors, Recipe,
    class_results::Reading,
    classification::BUILTIN_DATASET,
    view::{ExamplePage, ExamplePrediction, ExampleQuery, ExampleRow, Outcome},
};

/// What can't be read is left out and said.
fn read_query(params: &ParamsMap) -> (ExampleQuery, FieldErrors) {
    let mut asked = Asked::of(params);
    let query = ExampleQuery {
        seed: asked.whole_number("seed"),
        fraction: asked.value("fraction"),
        reading: asked.one_of("reading", Reading::ALL, Reading::name),
        arm: asked.value("arm"),
        group: asked.text("group"),
        outcome: asked.one_of("outcome", Outcome::ALL, Outcome::name),
        example: asked.whole_number("example"),
        page: asked.page(),
    };
    (query, asked.errors)
}

/// What is asked for and not there. Of seed, fraction and reading the page then shows what is usual.
fn missing(page: &ExamplePage, query: &ExampleQuery) -> FieldErrors {
    let mut errors = FieldErrors::default();
    let readings: Vec<&str> = page.readings.iter().map(|reading| reading.name()).collect();
    must_be_there(&mut errors, "seed", query.seed.as_ref(), &page.seeds);
    must_be_there(&mut errors, "fraction", query.fraction.as_ref(), &page.fractions);
    must_be_there(&mut errors, "reading", query.reading.map(Reading::name).as_ref(), &readings);
    must_be_there(&mut errors, "arm", query.arm.as_ref(), &page.arms);
    must_be_there(&mut errors, "group", query.group.as_ref(), &page.groups);
    must_have_page(&mut errors, query.page, page.page);
    errors
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
pub(crate) fn Examples(id: String, recipe_toml: String) -> impl IntoView {
    let show = show_choice();
    // the reviews that come with Rankscope need no cover
    let is_ours = Recipe::from_toml(&recipe_toml).is_ok_and(|recipe| recipe.data.source == BUILTIN_DATASET);
    let params = use_query_map();
    let asked = Memo::new(move |_| read_query(&params.read()));
    // what can't be read fetches nothing
    let query = Memo::new(move |_| asked.with(|(query, _)| query.clone()));
    let study_id = id.clone();
    let page = Resource::new(move || (study_id.clone(), query.get()), |(id, query)| get_examples(id, query));
    view! {
        <section aria-labelledby="examples-title">
            <h2 id="examples-title">"Test examples"</h2>
            <Transition fallback=|| view! { <Pending what="the examples" /> }>
                {move || {
                    let (id, (query, mut errors)) = (id.clone(), asked.get());
                    Suspend::new(async move {
                        match page.await {
                            Ok(page) => {
                                errors.0.extend(missing(&page, &query).0);
                                view! {
                                    {(!errors.0.is_empty()).then(|| view! { <ErrorNotice error=AppError::Invalid(errors) /> })}
                                    {examples_view(&id, &page, &query, is_ours, show)}
                                }
                                    .into_any()
                            }
                            Err(error) => view! { <ErrorNotice error /> }.into_any(),
                        }
                    })
                }}
            </Transition>
        </section>
    }
}

/// `is_ours`: the texts came with Rankscope.
fn examples_view(id: &str, page: &ExamplePage, query: &ExampleQuery, is_ours: bool, show: Memo<bool>) -> impl IntoView + use<> {
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
    let table = (!page.rows.is_empty()).then(|| table(id, page, query, is_ours, show));
    let warning = (!is_ours || page.reading == Reading::GeneratedText).then(|| {
        view! {
            <div class="notice row">
                <p>
                    <strong>"Content warning. "</strong>
                    "Texts of a data set, and what models wrote, may be hateful, sexual or violent. They are covered until you open them."
                </p>
                <CoverSwitch show to_show="Show harmful text" to_cover="Cover harmful text" />
            </div>
        }
    });
    let inside = alone.then(|| example_divergences(&page.divergences, "this example", false));
    let pager = pager(id, page, query);
    view! {
        {back}
        {warning}
        {filters}
        <p role="status">{count} " " {of}</p>
        {table}
        {inside}
        {pager}
    }
    .into_any()
}

/// Where the lens reads what a decoder was asked of an example.
fn lens_of(id: &str, page: &ExamplePage, row: &ExampleRow) -> Option<String> {
    // what was looked into, to go with the divergences below
    let fraction = page.divergences.iter().find_map(|found| found.cell.minority).or(page.fraction);
    row.prompt.as_ref().map(|prompt| lens_address(id, prompt, &[], Some(page.seed), fraction))
}

fn table(id: &str, page: &ExamplePage, query: &ExampleQuery, is_ours: bool, show: Memo<bool>) -> impl IntoView + use<> {
    let alone = query.example.is_some();
    let show_texts = Memo::new(move |_| is_ours || show.get());
    let heads = page.arms.iter().map(|arm| view! { <th scope="col">{arm.label()}</th> }).collect_view();
    let rows = page
        .rows
        .iter()
        .map(|row| {
            let cells = page
                .arms
                .iter()
                .map(|arm| match row.predictions.iter().find(|prediction| prediction.cell.arm == *arm) {
                    Some(prediction) => prediction_cell(row, prediction, &page.labels, show).into_any(),
                    None => view! { <td>"–"</td> }.into_any(),
                })
                .collect_view();
            let one = ExampleQuery { example: Some(row.text.id), group: None, outcome: None, page: 0, ..query.clone() };
            let link = (!alone).then(|| view! { <p class="note"><a href=address(id, &one)>"this example alone"</a></p> });
            // the lens shows the text in its address and its form: the way there is behind the same cover
            let lens = if alone { lens_of(id, page, row) } else { None };
            let text = row.text.text.clone();
            let content = move || {
                let lens = lens.clone().map(|address| view! { <p><a href=address>"Look at the question through the lens"</a></p> });
                view! { <p class="completion">{text.clone()}</p>{lens} }.into_any()
            };
            let label = page.labels.get(row.text.label as usize).cloned().unwrap_or_else(|| row.text.label.to_string());
            view! {
                <tr>
                    <td class="example-text">{covered(show_texts, "covered text", content)}{link}</td>
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

fn prediction_cell(row: &ExampleRow, prediction: &ExamplePrediction, labels: &[String], show: Memo<bool>) -> impl IntoView + use<> {
    let name = match prediction.label {
        Some(label) => labels.get(label as usize).cloned().unwrap_or_else(|| label.to_string()),
        None => "no label".into(),
    };
    let (sign, said) = if row.is_right(prediction) { ("✓", "right") } else { ("✗", "wrong") };
    let detail = match (&prediction.probability, &prediction.generated) {
        (Some(probability), _) => Some(view! { <span class="detail">{quantity::percent(*probability)}</span> }.into_any()),
        (None, Some(text)) => {
            let wrote = format!("wrote “{}”", text.trim());
            let content = move || view! { <span class="detail">{wrote.clone()}</span> }.into_any();
            // a label's name and nothing else hides nothing
            let is_label = labels.iter().any(|label| label == text.trim());
            Some(if is_label { content() } else { covered(show, "what it wrote", content).into_any() })
        }
        _ => None,
    };
    view! {
        <td class=if said == "right" { "outcome" } else { "outcome outcome-wrong" }>
            <span aria-hidden="true">{sign}</span>
            " "
            {name}
            <span class="visually-hidden">{format!(" ({said})")}</span>
            {detail}
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
    let previous = (page.page > 0).then(|| to(page.page - 1));
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
    use crate::api::page_before;
    use rankscope_domain::Arm;

    #[cfg(feature = "ssr")]
    fn page(reading: Reading) -> ExamplePage {
        use rankscope_domain::dataset::LabelledText;
        let cells = ["original-s0", "lora-r2-s0"].map(|cell| cell.parse().unwrap());
        let wrote = ["good", "a <b>vile</b> word"];
        let predictions = cells.into_iter().zip(wrote).map(|(cell, wrote)| match reading {
            Reading::GeneratedText => ExamplePrediction { cell, label: None, probability: None, generated: Some(wrote.into()) },
            _ => ExamplePrediction { cell, label: Some(1), probability: Some(0.75), generated: None },
        });
        let text = LabelledText { id: 7, row: 7, text: "brought <i>by</i> people".into(), label: 1, group: "a".into() };
        ExamplePage {
            rows: vec![ExampleRow { text, prompt: Some("Is this good? brought by people".into()), predictions: predictions.collect() }],
            total: 1,
            page: 0,
            page_size: 20,
            seed: 0,
            fraction: None,
            reading,
            labels: vec!["bad".into(), "good".into()],
            arms: vec![Arm::Original, Arm::Lora(2)],
            groups: vec!["a".into(), "b".into()],
            seeds: vec![0],
            fractions: Vec::new(),
            readings: vec![Reading::Likelihood, Reading::GeneratedText],
            divergences: Vec::new(),
        }
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn what_people_brought_and_models_wrote_is_covered_until_asked_for() {
        let render = |reading: Reading, is_ours: bool, shown: bool| {
            let query = ExampleQuery { example: Some(7), ..ExampleQuery::default() };
            Owner::new().with(|| examples_view("x", &page(reading), &query, is_ours, Memo::new(move |_| shown)).into_any().to_html())
        };
        // what stands behind covers, and what beside them
        let parts = |html: &str| {
            let (mut inside, mut outside) = (String::new(), String::new());
            for (index, part) in html.split("<details class=\"cover\">").enumerate() {
                let (covered, rest) = if index == 0 { ("", part) } else { part.split_once("</details>").unwrap() };
                inside.push_str(covered);
                outside.push_str(rest);
            }
            (inside, outside)
        };
        let (text, lens, wrote) = ("brought &lt;i&gt;by", "/lens?study=x", "&lt;b&gt;vile");
        let (inside, outside) = parts(&render(Reading::GeneratedText, false, false));
        for harmful in [text, lens, wrote] {
            assert!(inside.contains(harmful) && !outside.contains(harmful), "{harmful}: {outside}");
        }
        assert!(outside.contains("wrote “good”") && outside.contains("Content warning."), "a label’s name needs no cover: {outside}");
        let (inside, outside) = parts(&render(Reading::GeneratedText, true, false));
        assert!(outside.contains(text) && outside.contains(lens) && !outside.contains(wrote) && inside.contains(wrote), "{outside}");
        let (inside, outside) = parts(&render(Reading::Likelihood, false, false));
        assert!(inside.contains(text) && outside.contains("75"), "{outside}");
        assert!(!render(Reading::Likelihood, true, false).contains("Content warning."));
        let (inside, _) = parts(&render(Reading::GeneratedText, false, true));
        assert_eq!(inside, "", "the reader has asked for all");
    }

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
        assert_eq!(read_query(&params), (query, FieldErrors::default()));
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn what_cannot_be_read_or_is_not_there_is_said_by_name() {
        let mut page = ExamplePage { fractions: vec!["1".parse().unwrap(), "0.25".parse().unwrap()], ..page(Reading::Likelihood) };
        page.total = 21;
        for (name, value, said) in [
            ("outcome", "rong", "Write one of right, wrong."),
            ("reading", "tea_leaves", "Write one of likelihood"),
            ("reading", "class_head", "It has: likelihood, generated_text."),
            ("seed", "first", "whole number"),
            ("seed", "9", "This study does not have it. It has: 0."),
            ("fraction", "2", "is no fraction"),
            ("fraction", "0.3", "It has: 1, 0.25."),
            ("arm", "halb", "is not an arm"),
            ("arm", "full", "It has: original, lora-r2."),
            ("group", "nobody", "It has: a, b."),
            ("example", "x", "whole number"),
            ("page", "two", "1 or above"),
            ("page", "1000", "There are 2 pages of this choice; the last is shown."),
        ] {
            let mut params = ParamsMap::new();
            params.insert(name, value.to_string());
            let (query, unreadable) = read_query(&params);
            let shown = ExamplePage { page: page_before(query.page, page.total, page.page_size).unwrap_or(query.page), ..page.clone() };
            let errors = [unreadable.0, missing(&shown, &query).0].concat();
            assert_eq!(errors.len(), 1, "{name}={value}: {errors:?}");
            assert!(errors[0].field == name && errors[0].value == value, "{errors:?}");
            assert!(errors[0].to_string().contains(said), "{} lacks {said:?}", errors[0]);
        }
    }
}
