//! The judge against people: what their labels say of it, how far they agree, and where they differ from it.

use super::corrected::CorrectedTable;
use crate::{
    api::annotations::{ImportLabels, get_judge_page},
    charts::Width,
    components::{
        cover::{CoverSwitch, show_choice},
        error_view::ErrorNotice,
        figure::Figure,
        pending::Pending,
        scrolling::scrolling,
        take_away::TakeAway,
    },
    judge_figures::{Bars, judge_name, judge_svg},
    quantity,
    raw_text::raw_text,
    visitor::{RefusedLabels, refused_labels},
};
use leptos::{ev, form::FromFormData, prelude::*};
use leptos_router::hooks::use_query_map;
use rankscope_domain::{
    annotation::{Agreement, Disagreement, Figure as Estimate, JudgeFigures, JudgePage, JudgeReport, RoundSummary},
    completion::Verdict,
};
use std::sync::Arc;

#[component]
pub(crate) fn JudgeTab(id: String, finished: bool) -> impl IntoView {
    if !finished {
        return view! {
            <section aria-labelledby="judge-title">
                <h2 id="judge-title">"Judge and labels"</h2>
                <p>"When every arm has been judged, people can label completions here and show how far the judge can be trusted."</p>
            </section>
        }
        .into_any();
    }
    let query = use_query_map();
    let round = Memo::new(move |_| query.read().get("round").unwrap_or_default());
    let show = show_choice();
    provide_context(refused_labels());
    let asked = id.clone();
    let page = Resource::new(move || round.get(), move |round| get_judge_page(asked.clone(), round));
    view! {
        <section aria-labelledby="judge-title">
            <h2 id="judge-title">"Judge and labels"</h2>
            <Transition fallback=|| view! { <Pending what="the labels" /> }>
                {move || {
                    let id = id.clone();
                    Suspend::new(async move {
                        match page.await {
                            Ok(page) => view! { <JudgeView id page show /> }.into_any(),
                            Err(error) => view! { <ErrorNotice error /> }.into_any(),
                        }
                    })
                }}
            </Transition>
        </section>
    }
    .into_any()
}

#[component]
pub(crate) fn JudgeView(
    id: String,
    page: JudgePage,
    /// Whether texts are shown uncovered.
    show: Memo<bool>,
) -> impl IntoView {
    let annotate = format!("/annotate/{id}");
    let Some(report) = page.report else {
        let text = if page.rounds.is_empty() {
            "Nobody has labelled completions of this study yet. A judge’s verdicts are only as good as the judge: labels by people show how good it is on these texts, and correct the shares for its errors."
        } else {
            "This round has no labels yet."
        };
        let import = page.rounds.into_iter().next().map(|round| view! { <Import id=id.clone() round /> });
        return view! {
            <p>{text}</p>
            <p><a class="button button-main" href=annotate>"Label completions"</a></p>
            {import}
        }
        .into_any();
    };
    let rounds = (page.rounds.len() > 1).then(|| {
        let links = page
            .rounds
            .iter()
            .map(|round| {
                let address = format!("/studies/{id}?tab=judge&round={}", round.id);
                let is_shown = round.id == report.round.id;
                let text = format!("{}, {} completions", quantity::time(&round.created_at), round.items);
                view! { <li><a href=address data-noscroll="" aria-current=is_shown.then_some("true")>{text}</a></li> }
            })
            .collect_view();
        view! { <nav class="choices" aria-label="Round"><span aria-hidden="true">"Round"</span><ul>{links}</ul></nav> }
    });
    let import = view! { <Import id=id.clone() round=report.round.clone() /> };
    let place = FilesOfRound::new(&id, &report.round.id);
    let report = Arc::new(report);
    let (csv, jsonl) = (format!("/studies/{id}/labels.csv"), format!("/studies/{id}/labels.jsonl"));
    view! {
        {rounds}
        <p>{summary(&report)}</p>
        <p class="row">
            <a class="button" href=annotate>"Label completions"</a>
            <a href=csv download="" rel="external">"All labels (CSV)"</a>
            <a href=jsonl download="" rel="external">"All labels (JSONL)"</a>
        </p>
        <Judges place=place.clone() report=report.clone() />
        <Parts place=place.clone() report=report.clone() />
        <section aria-labelledby="corrected-title">
            <h3 id="corrected-title">"Shares corrected for the judge’s errors"</h3>
            <CorrectedTable correction=report.correction.clone() />
            <TakeAway base=place.base.clone() table="corrected" query=place.query.clone() />
            <p class="note"><a href=format!("/studies/{id}?tab=toxicity&round={}", report.round.id)>"As a figure, with what the estimators assume"</a></p>
        </section>
        <AgreementPart place agreement=report.agreement.clone() />
        <Disagreements list=report.disagreements.clone() total=report.disagreements_total show />
        {import}
    }
    .into_any()
}

fn summary(report: &JudgeReport) -> String {
    let mut text = format!(
        "{} of {} drawn completions have a label that stands: what most annotators say, “unsure” not counted.",
        quantity::count(report.resolved.into()),
        quantity::count(report.round.items.into())
    );
    if report.unresolved > 0 {
        text += &format!(" {} were labelled and left undecided.", quantity::count(report.unresolved.into()));
    }
    if report.uncovered > 0 {
        text += &format!(
            " Of some arms and verdicts ({} completions) none has one yet: estimates leave these out, and corrected shares that need them are missing.",
            quantity::count(report.uncovered.into())
        );
    }
    text
}

/// Where the figures and tables of a round are as files.
#[derive(Debug, Clone)]
pub(super) struct FilesOfRound {
    pub(super) base: String,
    /// Names the round: files of a page that shows the newest stay those of the same round.
    pub(super) query: String,
}

impl FilesOfRound {
    pub(super) fn new(study: &str, round: &str) -> Self {
        Self { base: format!("/studies/{study}/judge"), query: format!("?round={round}") }
    }
}

fn drawn(name: &'static str, report: &Arc<JudgeReport>) -> impl Fn(Width) -> Option<String> + use<> {
    let report = report.clone();
    move |width| judge_svg(name, &report, Bars::All, width)
}

/// The judges side by side: matrices and figures over all labelled completions.
#[component]
fn Judges(place: FilesOfRound, report: Arc<JudgeReport>) -> impl IntoView {
    let rows = report.judges.iter().map(|judge| figures_row(judge_name(judge), &judge.all)).collect_view();
    let notes = report
        .judges
        .iter()
        .map(|judge| view! { <li>{if judge.is_the_studys { "The study’s: " } else { "" }} {judge.description.clone()}</li> })
        .collect_view();
    view! {
        <Figure
            name="judges"
            title="Judges against people’s labels"
            caption="As in the paper’s Figures 9 and 10. Numbers of the study’s completions, estimated from the labelled ones by how many each stands for; a row’s parts are percentages of that label. The other judges are lexicons, asked now.".to_string()
            draw=drawn("judges", &report)
            base=place.base.clone()
            query=place.query.clone()
        >
            {figures_table("Judges against labels", "Judge", rows.into_any())}
            <details class="definition">
                <summary>"Which judges these are, and how the numbers are defined"</summary>
                <ul>{notes}</ul>
                <p>
                    "Under “Labelled”: judged toxic + judged non-toxic of those labelled toxic, then of those labelled not toxic. Toxic is the positive label. Precision: of what the judge calls toxic, the part that people do. Recall (sensitivity): of what people call toxic, the part that the judge does. Specificity: of what people call not toxic, the part that the judge does. Kappa is Cohen’s, of judge and label. Answers that could not be read are left out. Intervals, 95 %: for recall and specificity of the study’s own judge, the normal one with the delta method’s variance over arms and verdicts, in which a few labels that all agree do not count as certain; for other rates Wilson’s at the sample’s effective size, widened where none or all are hits; for F1 and kappa a bootstrap within arms and verdicts (Rao and Wu), where each that is labelled in part has 5 labels or more."
                </p>
            </details>
            <p class="note">"Every matrix, of groups and arms too, as counts:"</p>
            <TakeAway base=place.base table="judge_counts" query=place.query />
        </Figure>
    }
}

/// The study's judge by group and by arm.
#[component]
fn Parts(place: FilesOfRound, report: Arc<JudgeReport>) -> impl IntoView {
    let own = report.judges.iter().find(|judge| judge.is_the_studys);
    own.map(|own| {
        let part = |name: &'static str, title: &'static str, head: &'static str, parts: &[JudgeFigures]| {
            (!parts.is_empty()).then(|| {
                let rows = parts.iter().map(|part| figures_row(part.name.clone(), part)).collect_view();
                view! {
                    <Figure
                        name=name
                        title=title
                        caption="The study’s judge. Numbers of completions, estimated from the labelled ones. Few labels give wide intervals.".to_string()
                        draw=drawn(name, &report)
                        base=place.base.clone()
                        query=place.query.clone()
                    >
                        {figures_table(title, head, rows.into_any())}
                    </Figure>
                }
            })
        };
        view! {
            {part("judge_groups", "The study’s judge by group", "Group", &own.groups)}
            {part("judge_arms", "The study’s judge by arm", "Arm", &own.arms)}
        }
    })
}

fn figures_table(label: &'static str, head: &'static str, rows: AnyView) -> impl IntoView {
    scrolling(
        label,
        view! {
            <table>
                <thead>
                    <tr>
                        <th scope="col">{head}</th>
                        <th scope="col" class="number">"Labelled"</th>
                        <th scope="col" class="number">"Precision"</th>
                        <th scope="col" class="number">"Recall"</th>
                        <th scope="col" class="number">"Specificity"</th>
                        <th scope="col" class="number">"F1"</th>
                        <th scope="col" class="number">"Accuracy"</th>
                        <th scope="col" class="number">"Kappa"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any(),
    )
}

fn figures_row(name: String, figures: &JudgeFigures) -> impl IntoView + use<> {
    let [[tp, missed, _], [alarms, tn, _]] = figures.counts;
    let unparsable = figures.unparsable();
    let detail = format!(
        "{tp} + {missed} toxic, {alarms} + {tn} not{}",
        if unparsable > 0 { format!(", {unparsable} unparsable") } else { String::new() }
    );
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td class="number" title="Judged toxic + judged non-toxic">{quantity::count(figures.n().into())} <span class="detail">{detail}</span></td>
            {figure_cell(figures.precision)}
            {figure_cell(figures.recall)}
            {figure_cell(figures.specificity)}
            {number_cell(figures.f1)}
            {figure_cell(figures.accuracy)}
            {number_cell(figures.kappa)}
        </tr>
    }
}

/// A share with its interval.
pub(super) fn figure_cell(figure: Estimate) -> impl IntoView + use<> {
    let interval = figure.value.and(figure.low.zip(figure.high)).map(|(low, high)| quantity::interval(Some(low), Some(high)));
    view! {
        <td class="number">{quantity::percent_or_dash(figure.value)} {interval.map(|text| view! { <span class="detail">{text}</span> })}</td>
    }
}

/// A figure that is no share.
fn number_cell(figure: Estimate) -> impl IntoView + use<> {
    let two = |value: f64| quantity::decimal(value);
    let interval = figure.low.zip(figure.high).map(|(low, high)| format!("{} to {}", two(low), two(high)));
    view! { <td class="number">{figure.value.map_or_else(|| "–".into(), two)} {interval.map(|text| view! { <span class="detail">{text}</span> })}</td> }
}

pub(super) fn p_text(p: Option<f64>) -> String {
    p.map_or_else(|| "–".into(), quantity::p_value)
}

#[component]
fn AgreementPart(place: FilesOfRound, agreement: Agreement) -> impl IntoView {
    let people = agreement
        .annotators
        .iter()
        .map(|one| {
            view! {
                <tr>
                    <th scope="row">{one.name.clone()}</th>
                    <td class="number">{one.toxic.to_string()}</td>
                    <td class="number">{one.not_toxic.to_string()}</td>
                    <td class="number">{one.unsure.to_string()}</td>
                </tr>
            }
        })
        .collect_view();
    let several = agreement.annotators.len() > 1;
    let pairs = agreement
        .pairs
        .iter()
        .map(|pair| {
            view! {
                <tr>
                    <th scope="row">{format!("{} and {}", pair.one, pair.other)}</th>
                    <td class="number">{pair.n.to_string()}</td>
                    <td class="number">{quantity::percent_or_dash(pair.same)}</td>
                    {number_cell(pair.kappa)}
                </tr>
            }
        })
        .collect_view();
    let alpha = several.then(|| {
        view! {
            {scrolling("Agreement of annotators", view! {
                <table class="narrow spaced">
                    <thead>
                        <tr>
                            <th scope="col">"Annotators"</th>
                            <th scope="col" class="number">"Both labelled"</th>
                            <th scope="col" class="number">"Same label"</th>
                            <th scope="col" class="number">"Kappa or alpha"</th>
                        </tr>
                    </thead>
                    <tbody>
                        {pairs}
                        <tr>
                            <th scope="row">"Krippendorff’s alpha"</th>
                            <td class="number">{agreement.items.to_string()}</td>
                            <td class="number">"–"</td>
                            {number_cell(agreement.alpha)}
                        </tr>
                        <tr>
                            <th scope="row">"alpha, “unsure” a label"</th>
                            <td class="number">"–"</td>
                            <td class="number">"–"</td>
                            {number_cell(agreement.alpha_with_unsure)}
                        </tr>
                    </tbody>
                </table>
            }.into_any())}
            <p class="note">
                "Of the labelled completions as they are, not weighted. Pairs: Cohen’s kappa over what both called toxic or not toxic. Alpha: nominal, over all completions with two labels or more; “unsure” counts as a missing label, or as a third one. 95 % intervals by a bootstrap over completions."
            </p>
            <TakeAway base=place.base.clone() table="agreement" query=place.query.clone() />
        }
    });
    let alone = (!several)
        .then(|| view! { <p class="note">"Agreement needs a second annotator: anyone can label the same round under another name."</p> });
    view! {
        <section aria-labelledby="agreement-title">
            <h3 id="agreement-title">"Annotators"</h3>
            {scrolling("Labels by annotator", view! {
                <table class="narrow spaced">
                    <thead>
                        <tr>
                            <th scope="col">"Annotator"</th>
                            <th scope="col" class="number">"Toxic"</th>
                            <th scope="col" class="number">"Not toxic"</th>
                            <th scope="col" class="number">"Unsure"</th>
                        </tr>
                    </thead>
                    <tbody>{people}</tbody>
                </table>
            }.into_any())}
            <TakeAway base=place.base table="annotators" query=place.query />
            {alpha}
            {alone}
        </section>
    }
}

#[component]
fn Disagreements(list: Vec<Disagreement>, total: u32, show: Memo<bool>) -> impl IntoView {
    let count = list.len() as u32;
    let head = match (total, count) {
        (0, _) => "Nowhere among the labelled completions.".to_string(),
        (total, count) if count < total => format!("The first {count} of {total}."),
        (1, _) => "One completion.".to_string(),
        (total, _) => format!("{total} completions."),
    };
    let items = list.into_iter().map(|one| view! { <DisagreementItem one show /> }).collect_view();
    view! {
        <section aria-labelledby="disagreements-title">
            <h3 id="disagreements-title">"Where people and the study’s judge differ"</h3>
            <p>
                {head} " "
                {(count > 0).then(|| view! { <CoverSwitch show to_show="Show the texts" to_cover="Cover the texts" /> })}
            </p>
            <ul class="disagreements">{items}</ul>
        </section>
    }
}

#[component]
fn DisagreementItem(one: Disagreement, show: Memo<bool>) -> impl IntoView {
    let verdict = match one.verdict {
        Verdict::Toxic => "the judge says toxic",
        Verdict::NonToxic => "the judge says non-toxic",
        Verdict::Unparsable => "the judge could not be read",
    };
    let people = one.labels.iter().map(|(name, label)| format!("{name}: {}", label.label())).collect::<Vec<_>>().join(", ");
    let head = format!("People say {}, {verdict}", one.label.label());
    let place = format!("{} · {} · {people}", quantity::cell_label(one.cell), one.group);
    let because = (!one.because.is_empty()).then(|| format!("judge: {}", one.because));
    let (prompt, text) = (one.prompt, one.text);
    let content = move || {
        view! {
            <p class="completion">{prompt.clone()} {text.clone()}</p>
            {because.clone().map(|because| view! { <p class="note">{because}</p> })}
        }
    };
    view! {
        <li>
            <p class="finding">{head}</p>
            <p class="note">{place}</p>
            {move || {
                if show.get() {
                    content().into_any()
                } else {
                    view! { <details class="cover"><summary>"covered text"</summary>{content()}</details> }.into_any()
                }
            }}
        </li>
    }
}

#[component]
fn Import(id: String, round: RoundSummary) -> impl IntoView {
    let import = ServerAction::<ImportLabels>::new();
    // without JavaScript the browser sends the form to this page, and what is refused comes back as it was typed
    let here = format!("/studies/{id}?tab=judge&round={}", round.id);
    let send = move |event: ev::SubmitEvent| {
        if let Ok(call) = ImportLabels::from_event(&event) {
            event.prevent_default();
            import.dispatch(call);
        }
    };
    let refused = use_context::<Option<RefusedLabels>>().flatten();
    let (is_open, error) = (refused.is_some(), refused.as_ref().map(|refused| refused.error.clone()));
    let (name, csv) = refused.map(|refused| (refused.name, refused.csv)).unwrap_or_default();
    view! {
        <details class="more" open=is_open>
            <summary>"Import labels that were made elsewhere"</summary>
            {error.map(|error| view! { <ErrorNotice error /> })}
            <form method="post" action=here class="round-form" on:submit=send>
                <input type="hidden" name="id" value=id />
                <input type="hidden" name="round" value=round.id />
                <div class="field">
                    <label for="import-name">"Annotator"</label>
                    <input id="import-name" name="name" maxlength="60" required value=name />
                </div>
                <div class="field wide">
                    <label for="import-csv">"Labels as CSV"</label>
                    <textarea id="import-csv" name="csv" class="toml" rows="6" required placeholder="item,label">{raw_text(csv)}</textarea>
                    <p class="note">
                        "With the columns item (its id in this round, as exported) and label (toxic, not_toxic or unsure). All rows are taken or none."
                    </p>
                </div>
                <button type="submit" disabled=move || import.pending().get()>"Import"</button>
            </form>
            {move || import.value().get().and_then(Result::err).map(|error| view! { <ErrorNotice error /> })}
        </details>
    }
}
