//! The completions, filtered and paged by the server. What a judge called toxic, or could not read, is behind a
//! cover until the reader asks for it.

use super::{
    asked::{Asked, must_be_there, must_have_page},
    divergence::{example_divergences, strip_scale},
    place::StudyPlace,
    toxicity::arm_groups_address,
};
use crate::{
    charts::{HeatScale, token_strip},
    components::{
        cover::{CoverSwitch, show_choice},
        error_view::ErrorNotice,
        pending::Pending,
    },
    error::AppError,
    form::percent_encode,
    lens_form::lens_address,
    quantity,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;
use rankscope_domain::{
    Arm, FieldErrors,
    completion::{Judgement, Verdict},
    view::{CellDivergence, CompletionPage, CompletionQuery, JudgedCompletion, PromptRow},
};
use std::sync::Arc;

/// What can't be read is left out and said.
fn read_query(params: &ParamsMap) -> (CompletionQuery, FieldErrors) {
    let mut asked = Asked::of(params);
    let query = CompletionQuery {
        arm: asked.value("arm"),
        seed: asked.whole_number("seed"),
        group: asked.text("group"),
        verdict: asked.one_of("verdict", Verdict::ALL, Verdict::name),
        prompt_id: asked.whole_number("prompt"),
        sample: asked.whole_number("sample"),
        page: asked.page(),
    };
    (query, asked.errors)
}

/// What is asked for and not there.
fn missing(page: &CompletionPage, query: &CompletionQuery) -> FieldErrors {
    let mut errors = FieldErrors::default();
    must_be_there(&mut errors, "arm", query.arm.as_ref(), &page.arms);
    must_be_there(&mut errors, "seed", query.seed.as_ref(), &page.seeds);
    must_be_there(&mut errors, "group", query.group.as_ref(), &page.groups);
    must_have_page(&mut errors, query.page, page.page);
    errors
}

/// The address of a view of the completions.
pub(super) fn address(place: &StudyPlace, query: &CompletionQuery) -> String {
    let mut address = place.tab("completions");
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            address.push_str(&format!("&{name}={}", percent_encode(&value)));
        }
    };
    add("arm", query.arm.map(|arm| arm.to_string()));
    add("seed", query.seed.map(|seed| seed.to_string()));
    add("group", query.group.clone());
    add("verdict", query.verdict.map(|verdict| verdict.name().into()));
    add("prompt", query.prompt_id.map(|id| id.to_string()));
    add("sample", query.sample.map(|sample| sample.to_string()));
    add("page", (query.page > 0).then(|| (query.page + 1).to_string()));
    address
}

#[component]
pub(crate) fn Completions(place: StudyPlace) -> impl IntoView {
    let params = use_query_map();
    let asked = Memo::new(move |_| read_query(&params.read()));
    // what can't be read fetches nothing
    let query = Memo::new(move |_| asked.with(|(query, _)| query.clone()));
    let show = show_choice();

    let asked_place = place.clone();
    let page = Resource::new(move || query.get(), move |query| asked_place.clone().completions(query));
    view! {
        <section aria-labelledby="completions-title">
            <h2 id="completions-title">"Completions"</h2>
            <div class="notice row">
                <p>
                    <strong>"Content warning. "</strong>
                    "Models wrote this text. Some of it is hateful, sexual or violent. What the judge called toxic or could not read is covered until you open it."
                </p>
                <CoverSwitch show to_show="Show harmful text" to_cover="Cover harmful text" />
            </div>
            <Transition fallback=|| view! { <Pending what="the completions" /> }>
                {move || {
                    let (place, (query, mut errors)) = (place.clone(), asked.get());
                    Suspend::new(async move {
                        match page.await {
                            Ok(page) => {
                                errors.0.extend(missing(&page, &query).0);
                                view! {
                                    {(!errors.0.is_empty()).then(|| view! { <ErrorNotice error=AppError::Invalid(errors) /> })}
                                    <CompletionsView place page query show />
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

#[component]
fn CompletionsView(place: StudyPlace, page: CompletionPage, query: CompletionQuery, show: Memo<bool>) -> impl IntoView {
    let count = format!(
        "{} {} of {} {} meet this choice.",
        quantity::count(page.total_completions.into()),
        if page.total_completions == 1 { "completion" } else { "completions" },
        quantity::count(page.total_prompts.into()),
        if page.total_prompts == 1 { "prompt" } else { "prompts" },
    );
    let filters = filters(&place, &page, &query);
    let pager = pager(&place, &page, &query);
    let trail = query.prompt_id.map(|_| trail(&place, &page, &query));
    let inside = query.prompt_id.map(|_| example_divergences(&page.divergences, "this prompt", true));
    let scale = strip_scale(&page.divergences);
    let divergences = Arc::new(page.divergences);
    let rows = page
        .rows
        .into_iter()
        .map(|row| {
            let links = Links { place: place.clone(), query: query.clone() };
            view! { <PromptBlock row show links divergences=divergences.clone() scale /> }
        })
        .collect_view();
    view! {
        {trail}
        {filters}
        <p role="status">{count}</p>
        {rows}
        {inside}
        {pager}
    }
}

/// What a completion's links are made of.
#[derive(Clone)]
struct Links {
    place: StudyPlace,
    query: CompletionQuery,
}

impl Links {
    /// Every arm's completions of a prompt; none where they are shown.
    fn all_arms(&self, prompt: u32) -> Option<String> {
        let only = CompletionQuery { prompt_id: Some(prompt), ..Default::default() };
        (self.query != only).then(|| address(&self.place, &only))
    }

    /// One completion alone, and what there is of it; none where it is shown.
    fn alone(&self, of: &JudgedCompletion) -> Option<(String, &'static str)> {
        let only = CompletionQuery {
            prompt_id: Some(of.completion.prompt_id),
            arm: Some(of.cell.arm),
            seed: Some(of.cell.seed),
            sample: Some(of.completion.sample),
            ..Default::default()
        };
        // the lens is the owner's alone
        let name = if self.place.owners_id().is_some() { "its divergence and lens" } else { "its divergence" };
        (self.query != only).then(|| (address(&self.place, &only), name))
    }
}

/// Where the lens reads a prompt, and the prompt with a completion behind it, beside the original; the owner's alone.
#[derive(Clone)]
pub(crate) struct LensLinks {
    prompt: String,
    completed: String,
}

impl Links {
    /// Of the completion that is shown alone.
    fn lens(&self, prompt: &str, of: &JudgedCompletion) -> Option<LensLinks> {
        let id = self.place.owners_id().filter(|_| self.alone(of).is_none())?;
        let arms = if of.cell.arm == Arm::Original { vec![Arm::Original] } else { vec![Arm::Original, of.cell.arm] };
        let address = |text: &str| lens_address(id, text, &arms, Some(of.cell.seed), None);
        Some(LensLinks { prompt: address(prompt), completed: address(&format!("{prompt}{}", of.completion.text)) })
    }
}

/// The way from the bars to here, a link a step.
fn trail(place: &StudyPlace, page: &CompletionPage, query: &CompletionQuery) -> impl IntoView + use<> {
    let group = page.rows.first().map(|row| row.prompt.group.clone()).filter(|group| !group.is_empty() && page.groups.len() > 1);
    let mut steps = vec![(place.tab("toxicity"), "Toxicity".to_string())];
    if let Some(arm) = query.arm {
        if group.is_some() {
            steps.push((arm_groups_address(place, arm), format!("{} by group", arm.label())));
        }
        let of_group = CompletionQuery { arm: Some(arm), group: group.clone(), ..Default::default() };
        let name = group.map_or_else(|| format!("Completions of {}", arm.label()), |group| format!("Completions, {group}"));
        steps.push((address(place, &of_group), name));
    } else {
        steps.push((
            address(place, &CompletionQuery { group: group.clone(), ..Default::default() }),
            group.map_or_else(|| "Completions".into(), |group| format!("Completions, {group}")),
        ));
    }
    if query.arm.is_some()
        && let Some(prompt_id) = query.prompt_id
    {
        steps
            .push((address(place, &CompletionQuery { prompt_id: Some(prompt_id), ..Default::default() }), "This prompt, every arm".into()));
    }
    let steps = steps.into_iter().map(|(address, name)| view! { <li><a href=address>{name}</a></li> }).collect_view();
    view! { <nav class="trail" aria-label="The way here"><ol>{steps}</ol></nav> }
}

fn filters(place: &StudyPlace, page: &CompletionPage, query: &CompletionQuery) -> impl IntoView + use<> {
    let option = |value: String, label: String, selected: bool| view! { <option value=value selected=selected>{label}</option> };
    let arms = page.arms.iter().map(|arm| option(arm.to_string(), arm.label(), query.arm == Some(*arm))).collect_view();
    let seeds = page.seeds.iter().map(|seed| option(seed.to_string(), seed.to_string(), query.seed == Some(*seed))).collect_view();
    let groups = page.groups.iter().map(|group| option(group.clone(), group.clone(), query.group.as_ref() == Some(group))).collect_view();
    let verdicts = Verdict::ALL
        .iter()
        .map(|verdict| option(verdict.name().into(), verdict.label().into(), query.verdict == Some(*verdict)))
        .collect_view();
    let select = |name: &'static str, label: &'static str, any: &'static str, options: AnyView| {
        let control = format!("filter-{name}");
        view! {
            <div class="field">
                <label for=control.clone()>{label}</label>
                <select name=name id=control.clone()>
                    <option value="">{any}</option>
                    {options}
                </select>
            </div>
        }
    };
    view! {
        <form class="filters" method="get" action=place.base() aria-label="Choose completions">
            <input type="hidden" name="tab" value="completions" />
            {select("arm", "Arm", "every arm", arms.into_any())}
            {select("seed", "Seed", "every seed", seeds.into_any())}
            {select("group", "Group", "every group", groups.into_any())}
            {select("verdict", "Verdict", "every verdict", verdicts.into_any())}
            <button type="submit">"Show"</button>
        </form>
    }
}

fn pager(place: &StudyPlace, page: &CompletionPage, query: &CompletionQuery) -> impl IntoView + use<> {
    let pages = page.total_prompts.div_ceil(page.page_size.max(1)).max(1);
    let to = |number: u32| address(place, &CompletionQuery { page: number, ..query.clone() });
    let previous = (page.page > 0).then(|| to(page.page - 1));
    let next = (page.page + 1 < pages).then(|| to(page.page + 1));
    let place = format!("Page {} of {pages}", page.page + 1);
    (pages > 1).then(|| {
        view! {
            <nav class="pager" aria-label="Pages of completions">
                {previous.map(|address| view! { <a class="button" rel="prev" href=address>"Previous"</a> })}
                <span>{place}</span>
                {next.map(|address| view! { <a class="button" rel="next" href=address>"Next"</a> })}
            </nav>
        }
    })
}

/// One prompt with what each arm made of it, side by side.
#[component]
fn PromptBlock(row: PromptRow, show: Memo<bool>, links: Links, divergences: Arc<Vec<CellDivergence>>, scale: HeatScale) -> impl IntoView {
    let prompt = row.prompt;
    let link = links.all_arms(prompt.id);
    let labels = [prompt.group, prompt.category].into_iter().filter(|label| !label.is_empty()).collect::<Vec<_>>().join(" · ");
    let heading = format!("prompt-{}", prompt.id);
    let mut arms: Vec<(Arm, Vec<JudgedCompletion>)> = Vec::new();
    for completion in row.completions {
        match arms.last_mut() {
            Some((arm, list)) if *arm == completion.cell.arm => list.push(completion),
            _ => arms.push((completion.cell.arm, vec![completion])),
        }
    }
    let columns = arms
        .into_iter()
        .map(|(arm, completions)| {
            let several_seeds = completions.iter().any(|one| one.cell.seed != completions[0].cell.seed);
            let items = completions
                .into_iter()
                .map(|completion| {
                    let is_measured = |found: &&CellDivergence| found.cell == completion.cell && completion.completion.sample == 0;
                    let tokens = divergences.iter().find(is_measured).map(|found| found.divergence.by_token.clone()).unwrap_or_default();
                    let name = format!("strip-{}-{}", prompt.id, completion.cell);
                    let strip = token_strip(&name, &tokens, scale);
                    let alone = links.alone(&completion);
                    let lens = links.lens(&prompt.prompt, &completion);
                    view! { <CompletionItem completion several_seeds show strip alone lens /> }
                })
                .collect_view();
            view! { <div class="arm-column"><h4>{arm.label()}</h4><ul>{items}</ul></div> }
        })
        .collect_view();
    view! {
        <article class="prompt" aria-labelledby=heading.clone()>
            <h3 id=heading.clone()>{prompt.prompt} " …"</h3>
            <p class="note">
                {labels}
                {link.map(|address| view! { " " <a href=address>"all arms of this prompt"</a> })}
            </p>
            <div class="arm-columns">{columns}</div>
        </article>
    }
}

#[component]
pub(crate) fn CompletionItem(
    completion: JudgedCompletion,
    several_seeds: bool,
    show: Memo<bool>,
    /// Its tokens with their divergence, drawn.
    strip: Option<String>,
    /// The address of it alone, and what there is.
    alone: Option<(String, &'static str)>,
    lens: Option<LensLinks>,
) -> impl IntoView {
    let verdict = completion.judgement.as_ref().map(|judgement| judgement.verdict);
    let (sign, label, class) = match verdict {
        Some(Verdict::Toxic) => ("▲", "toxic", "verdict verdict-toxic"),
        Some(Verdict::NonToxic) => ("○", "non-toxic", "verdict verdict-non-toxic"),
        Some(Verdict::Unparsable) => ("?", "unparsable", "verdict"),
        None => ("…", "not judged yet", "verdict"),
    };
    let seed = several_seeds.then(|| format!(" seed {}", completion.cell.seed));
    let covered = verdict != Some(Verdict::NonToxic);
    let judgement = completion.judgement.clone();
    let text = completion.completion.text.clone();
    let is_cut = !completion.completion.finished;
    // the lens shows the text in its address and its form: the way there is behind the same cover
    let (prompt_lens, completed_lens) = lens.map(|LensLinks { prompt, completed }| (prompt, completed)).unzip();
    let content = move || {
        let strip = strip.clone().map(|svg| view! { <div class="strip" inner_html=svg></div> });
        let lens = completed_lens
            .clone()
            .map(|address| view! { <p class="note"><a href=address>"The prompt with this completion through the lens"</a></p> });
        view! { {full_text(&text, is_cut, judgement.as_ref())} {strip} {lens} }
    };
    view! {
        <li>
            <span class=class><span aria-hidden="true">{sign}</span> " " {label} {seed}</span>
            {move || {
                if !covered || show.get() {
                    content().into_any()
                } else {
                    view! {
                        <details class="cover">
                            <summary>{format!("covered ({label})")}</summary>
                            {content()}
                        </details>
                    }
                        .into_any()
                }
            }}
            {alone.map(|(address, name)| view! { <p class="note"><a href=address>{name}</a></p> })}
            {prompt_lens.map(|address| view! { <p class="note"><a href=address>"The prompt through the lens"</a></p> })}
        </li>
    }
}

fn full_text(text: &str, is_cut: bool, judgement: Option<&Judgement>) -> impl IntoView + use<> {
    let matched = judgement.map(|judgement| judgement.matched.clone()).unwrap_or_default();
    let explanation = judgement.map(|judgement| judgement.explanation.clone()).unwrap_or_default();
    let pieces = marked(text, &matched)
        .into_iter()
        .map(
            |(piece, is_match)| {
                if is_match { view! { <mark>{piece}</mark> }.into_any() } else { view! { <span>{piece}</span> }.into_any() }
            },
        )
        .collect_view();
    let words = (!matched.is_empty()).then(|| format!("matched: {}", matched.join(", ")));
    view! {
        <p class="completion">
            {pieces}
            {is_cut.then(|| view! { <span class="muted" title="ended at max_new_tokens">" […]"</span> })}
        </p>
        {words.map(|words| view! { <p class="note">{words}</p> })}
        {(!explanation.is_empty()).then(|| view! { <p class="note">"judge: " {explanation}</p> })}
    }
}

/// The text in pieces, those that a lexicon matched told apart. Whole words, whatever their case.
fn marked(text: &str, matched: &[String]) -> Vec<(String, bool)> {
    let wanted: Vec<String> = matched.iter().map(|word| word.to_lowercase()).filter(|word| !word.is_empty()).collect();
    let is_inside = |letter: char| letter.is_alphanumeric() || letter == '\'';
    let starts: Vec<usize> = text
        .char_indices()
        .scan(false, |was_inside, (index, letter)| {
            let is_start = is_inside(letter) && !*was_inside;
            *was_inside = is_inside(letter);
            Some(is_start.then_some(index))
        })
        .flatten()
        .collect();
    let mut pieces = Vec::new();
    let mut done = 0;
    for start in starts.into_iter().filter(|start| *start < text.len()) {
        if start < done {
            continue;
        }
        let rest = &text[start..];
        let length = wanted
            .iter()
            .filter_map(|word| {
                let taken: usize = rest.chars().take(word.chars().count()).map(char::len_utf8).sum();
                let ends_there = !rest[taken..].starts_with(is_inside);
                (rest[..taken].to_lowercase() == *word && ends_there).then_some(taken)
            })
            .max();
        if let Some(length) = length {
            if done < start {
                pieces.push((text[done..start].to_string(), false));
            }
            pieces.push((rest[..length].to_string(), true));
            done = start + length;
        }
    }
    if done < text.len() {
        pieces.push((text[done..].to_string(), false));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::page_before;

    #[test]
    fn matched_words_are_marked_whole() {
        for (text, matched, expected) in [
            ("a fool, he said", vec!["fool"], vec![("a ", false), ("fool", true), (", he said", false)]),
            ("Foolish FOOL", vec!["fool"], vec![("Foolish ", false), ("FOOL", true)]),
            ("a cry baby", vec!["cry", "cry baby"], vec![("a ", false), ("cry baby", true)]),
            ("ünüm fool", vec!["fool"], vec![("ünüm ", false), ("fool", true)]),
            ("nothing", vec!["fool", ""], vec![("nothing", false)]),
            ("", vec!["fool"], vec![]),
        ] {
            let matched: Vec<String> = matched.into_iter().map(String::from).collect();
            let found = marked(text, &matched);
            let found: Vec<(&str, bool)> = found.iter().map(|(piece, is_match)| (piece.as_str(), *is_match)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[cfg(feature = "ssr")]
    fn completion(verdict: Verdict) -> JudgedCompletion {
        use rankscope_domain::{CellId, completion::Completion};
        let (matched, explanation) = (Vec::new(), String::new());
        JudgedCompletion {
            cell: CellId::new(Arm::Full, 0),
            completion: Completion { prompt_id: 1, sample: 0, text: " a f–l".into(), new_tokens: 2, finished: true },
            judgement: Some(Judgement { prompt_id: 1, sample: 0, verdict, matched, explanation }),
        }
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn a_reviewer_is_offered_what_a_copy_has() {
        let offered = |place| Links { place, query: CompletionQuery::default() }.alone(&completion(Verdict::Toxic)).unwrap().1;
        assert_eq!(offered(StudyPlace::Owners("x".into())), "its divergence and lens");
        assert_eq!(offered(StudyPlace::Shared { token: "t".into(), completions: true }), "its divergence");
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn the_way_to_the_lens_with_a_toxic_completion_is_behind_its_cover() {
        let html = Owner::new().with(|| {
            let completion = completion(Verdict::Toxic);
            let lens = LensLinks { prompt: "/lens?prompt_text=She".into(), completed: "/lens?prompt_text=She%20a%20f".into() };
            let props = CompletionItemProps {
                completion,
                several_seeds: false,
                show: Memo::new(|_| false),
                strip: None,
                alone: None,
                lens: Some(lens),
            };
            CompletionItem(props).into_any().to_html()
        });
        let (before, rest) = html.split_once("<details class=\"cover\">").unwrap();
        let (inside, after) = rest.split_once("</details>").unwrap();
        assert!(inside.contains("a f–l") && inside.contains("/lens?prompt_text=She%20a%20f"), "{html}");
        assert!(!before.contains("She%20a") && !after.contains("She%20a") && after.contains("/lens?prompt_text=She\""), "{html}");
    }

    #[test]
    fn a_view_has_an_address_that_reads_back() {
        let query = CompletionQuery {
            arm: Some(Arm::Lora(8)),
            seed: Some(3),
            group: Some("a & b".into()),
            verdict: Some(Verdict::Toxic),
            prompt_id: None,
            sample: None,
            page: 2,
        };
        let address = address(&StudyPlace::Owners("x".into()), &query);
        assert_eq!(address, "/studies/x?tab=completions&arm=lora-r8&seed=3&group=a%20%26%20b&verdict=toxic&page=3");
        let mut params = ParamsMap::new();
        for (name, value) in [("arm", "lora-r8"), ("seed", "3"), ("group", "a & b"), ("verdict", "toxic"), ("page", "3")] {
            params.insert(name, value.to_string());
        }
        assert_eq!(read_query(&params), (query, FieldErrors::default()));
    }

    #[test]
    fn what_cannot_be_read_or_is_not_there_is_said_by_name() {
        let page = CompletionPage {
            rows: Vec::new(),
            total_prompts: 45,
            total_completions: 90,
            page: 2,
            page_size: 20,
            arms: vec![Arm::Original, Arm::Full],
            groups: vec!["a".into(), "b".into()],
            seeds: vec![0, 3],
            divergences: Vec::new(),
        };
        for (name, value, said) in [
            ("verdict", "toxc", "Write one of toxic, non_toxic, unparsable."),
            ("arm", "halb", "is not an arm"),
            ("arm", "lora-r2", "This study does not have it. It has: original, full."),
            ("seed", "first", "whole number"),
            ("seed", "7", "It has: 0, 3."),
            ("group", "nobody", "It has: a, b."),
            ("prompt", "-1", "whole number"),
            ("sample", "x", "whole number"),
            ("page", "0", "1 or above"),
            ("page", "1000", "There are 3 pages of this choice; the last is shown."),
        ] {
            let mut params = ParamsMap::new();
            params.insert(name, value.to_string());
            let (query, unreadable) = read_query(&params);
            let shown =
                CompletionPage { page: page_before(query.page, page.total_prompts, page.page_size).unwrap_or(query.page), ..page.clone() };
            let errors = [unreadable.0, missing(&shown, &query).0].concat();
            assert_eq!(errors.len(), 1, "{name}={value}: {errors:?}");
            assert!(errors[0].field == name && errors[0].value == value, "{errors:?}");
            assert!(errors[0].to_string().contains(said), "{} lacks {said:?}", errors[0]);
        }
    }
}
