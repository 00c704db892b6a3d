//! What a classification study found: who loses accuracy when the minority's examples become few, by arm.

use super::{
    accuracy_tables::{accuracy_table, contrasts_table, fairness_table, paper_table, trends_table},
    cells::{Cells, FailedCells},
    choices::{Choices, NotShown, Shown, arm_toggles, readings, shown_in_address},
    place::{StudyPlace, TabStudy},
};
use crate::{
    components::{claims::Claims, figure::Figure, take_away::TakeAway},
    figure_view::{FigureView, arms_of},
    figures::draw_figure,
    quantity,
};
use leptos::prelude::*;
use rankscope_domain::{
    Arm, StudyResults,
    class_results::{ClassificationResults, Reading},
    recipe::HeadKind,
};
use std::sync::Arc;

#[component]
pub(crate) fn Accuracy(study: TabStudy) -> impl IntoView {
    let place = study.place;
    match study.results.filter(|results| results.classification.is_some()) {
        None => view! { <NoResults place title="Accuracy" /> }.into_any(),
        Some(results) => {
            let shown = shown_in_address(results.clone());
            view! { <AccuracyResults place results shown /> }.into_any()
        }
    }
}

/// In place of what a finished study shows.
#[component]
pub(crate) fn NoResults(place: StudyPlace, title: &'static str) -> impl IntoView {
    view! {
        <section aria-labelledby="no-results-title">
            <h2 id="no-results-title">{title}</h2>
            <p>"There are no results yet: they are computed when every cell has classified the test examples."</p>
            <p><a href=place.tab("progress")>"See the progress"</a></p>
        </section>
    }
}

#[component]
pub(crate) fn AccuracyResults(place: StudyPlace, results: Arc<StudyResults>, shown: Memo<Shown>) -> impl IntoView {
    let Some(class) = results.classification.clone().map(Arc::new) else { return ().into_any() };
    let reading = Memo::new(move |_| shown.with(|shown| shown.view.reading));
    let curves = {
        let (place, results, class) = (place.clone(), results.clone(), class.clone());
        move || {
            let Shown { asked, view, .. } = shown.get();
            curves_figure(&place, &results, &class, view, &FigureView { fraction: None, arm: None, group: None, ..asked })
        }
    };
    let rest = {
        let (base, results, class) = (place.base(), results.clone(), class.clone());
        move || reading.get().map(|reading| by_reading(&base, &results, &class, reading))
    };
    let (readings, toggles) = (readings(&class), arm_toggles(&class));
    view! {
        <FailedCells results=results.clone() />
        <Claims claims=results.claims.clone() />
        {conditions(&results, &class)}
        <section aria-labelledby="accuracy-heading">
            <h2 id="accuracy-heading">"Accuracy"</h2>
            <NotShown shown />
            <Choices label="Prediction read by" place=place.clone() tab="accuracy" shown choices=readings />
            <Choices label="Arms shown" place=place.clone() tab="accuracy" shown choices=toggles />
            {curves}
        </section>
        {rest}
        <Cells results=results.clone() place />
    }
    .into_any()
}

fn curves_figure(
    place: &StudyPlace,
    results: &Arc<StudyResults>,
    class: &ClassificationResults,
    view: FigureView,
    asked: &FigureView,
) -> impl IntoView + use<> {
    let table = view.reading.map(|reading| accuracy_table(place.owners_id(), class, reading, &view.arms));
    let several = class.seeds.len() > 1;
    let single = (view.reading.and_then(|reading| class.reading(reading)))
        .is_some_and(|reading| reading.arms.iter().any(|one| view.arms.contains(&one.arm) && one.seeds.len() == 1));
    let few = view.arms.iter().filter(|arm| arm.is_trained()).count() <= 2 && class.fractions.len() > 1;
    let others = if class.groups.len() > 2 { " Further groups are in the table." } else { "" };
    let original = if view.arms.contains(&Arm::Original) { " Dotted across: the model as it came." } else { "" };
    let caption = format!(
        "Red and filled: the majority, {}. Blue and hollow: the minority, {}. LoRA broken, full solid.{original} {}: 95 % interval{}. n = {} test examples.{others}",
        class.majority,
        class.minority,
        if few { "Bands" } else { "Whiskers" },
        match (several, single) {
            (true, true) => ", bootstrap over test examples and seeds (Wilson for an arm with one seed, as the original has)",
            (true, false) => ", bootstrap over test examples and seeds",
            (false, _) => " (Wilson)",
        },
        quantity::count(class.test_examples.into()),
    );
    let (drawing, query) = (results.clone(), asked.query());
    view! {
        <Figure
            name="accuracy"
            title="Accuracy by minority fraction"
            caption
            draw=move |width| draw_figure("accuracy", &drawing, &view, width)
            base=place.base()
            query
        >
            {table}
        </Figure>
    }
}

/// What hangs on how predictions are read, and on nothing else.
fn by_reading(base: &str, results: &Arc<StudyResults>, class: &Arc<ClassificationResults>, reading: Reading) -> impl IntoView + use<> {
    let is_first = class.readings.first().is_some_and(|first| first.reading == reading);
    let asked = FigureView { reading: (!is_first).then_some(reading), ..FigureView::default() };
    let (view, _) = FigureView { reading: Some(reading), ..FigureView::default() }.resolve(class);
    let query = asked.query();
    let drawn = |name: &'static str| {
        let (results, view) = (results.clone(), view.clone());
        move |width| draw_figure(name, &results, &view, width)
    };
    let take_away = |table: &str| view! { <TakeAway base=base table=table.to_string() query=query.clone() /> };
    let (has_contrasts, has_trends) =
        class.reading(reading).map_or((false, false), |results| (!results.contrasts.is_empty(), !results.trends.is_empty()));
    let has_gap = arms_of(class).iter().any(|arm| arm.rank().is_some());
    let gap = has_gap.then(|| {
        view! {
            <Figure
                name="harmful_bias_gap"
                title="Harmful bias gap by rank"
                caption=format!(
                    "Distance of each rank’s accuracy from that of full fine-tuning on the minority, {}, with its 95 % interval. Being a distance, it is above zero by chance alone.",
                    class.minority
                )
                draw=drawn("harmful_bias_gap")
                base=base
                query=query.clone()
            >
                <p class="note">"The numbers are those of the table above."</p>
            </Figure>
        }
    });
    view! {
        {paper_table(class, reading)}
        {take_away("bias_and_parity")}
        {gap}
        <Figure
            name="worst_group_error"
            title="Error of the worst group"
            caption="The paper’s accuracy parity: the largest error rate of a group, with its 95 % interval. Dashed: the model as it came.".to_string()
            draw=drawn("worst_group_error")
            base=base
            query=query.clone()
        >
            <p class="note">"The numbers are those of the table in the paper’s form above."</p>
        </Figure>
        {contrasts_table(class, reading)}
        {has_contrasts.then(|| take_away("contrasts"))}
        {trends_table(class, reading)}
        {has_trends.then(|| take_away("trends"))}
        {fairness_table(class, reading)}
        {take_away("fairness")}
    }
}

/// What every claim depends on, beside the claims.
fn conditions(results: &StudyResults, class: &ClassificationResults) -> impl IntoView + use<> {
    let of_arms = |number: &dyn Fn(&rankscope_domain::class_results::ArmAccuracy) -> Option<f64>| {
        let measured = || class.readings.iter().flat_map(|reading| &reading.arms);
        arms_of(class)
            .into_iter()
            .filter_map(|arm| {
                Some(format!("{}: {}", arm.label(), quantity::number(measured().filter(|one| one.arm == arm).find_map(number)?)))
            })
            .collect::<Vec<_>>()
            .join(", ")
    };
    let rates = of_arms(&|arm| arm.learning_rate);
    let decays = of_arms(&|arm| arm.weight_decay);
    let seeds = class.seeds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let model = if results.model.name.is_empty() { results.model.source.clone() } else { results.model.name.clone() };
    let count = |n: u32| quantity::count(n.into());
    let groups = class
        .groups
        .iter()
        .map(|group| {
            let role = match group.group.as_str() {
                name if name == class.minority => " (minority)",
                name if name == class.majority => " (majority)",
                _ => "",
            };
            format!("{}{role}: {} to train on, {} to test on", group.group, count(group.train), count(group.test))
        })
        .collect::<Vec<_>>()
        .join("; ");
    let fractions = class
        .fractions
        .iter()
        .map(|at| format!("{}: {} of {} training examples", at.fraction, count(at.minority_examples), count(at.train_examples)))
        .collect::<Vec<_>>()
        .join("; ");
    let prompt = (class.head == HeadKind::Answers && !class.prompt.is_empty()).then(|| {
        view! { <dt>"Prompt"</dt><dd><code class="prompt-text">{class.prompt.clone()}</code></dd> }
    });
    view! {
        <dl class="facts conditions" aria-label="Under these conditions">
            <dt>"Learning rate"</dt>
            <dd>{if rates.is_empty() { "nothing was trained".into() } else { rates }}</dd>
            {(!decays.is_empty()).then(|| view! { <dt>"Weight decay"</dt><dd>{decays}</dd> })}
            <dt>"Alpha policy"</dt>
            <dd>{results.alpha_policy.clone()}</dd>
            <dt>"Seeds"</dt>
            <dd>{seeds}</dd>
            <dt>"Model"</dt>
            <dd>{model} ", " {class.head.label()}</dd>
            {prompt}
            <dt>"Data set"</dt>
            <dd>
                {format!(
                    "{}: {} training and {} test examples; labels {}, of which {} is the positive one",
                    class.dataset,
                    count(class.train_examples),
                    count(class.test_examples),
                    class.labels.join(", "),
                    class.positive_label,
                )}
            </dd>
            <dt>"Groups"</dt>
            <dd>{format!("By {}. {groups}", class.grouped_by)}</dd>
            <dt>"Minority fractions"</dt>
            <dd>{fractions}</dd>
        </dl>
    }
}
