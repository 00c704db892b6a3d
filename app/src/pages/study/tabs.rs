//! The parts of a study, and the one that the address asks for: `?tab=toxicity`.

use super::{accuracy, completions, divergence, examples, judge, lens, margins, place::TabStudy, recipe, toxicity};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use rankscope_domain::recipe::StudyKind;

/// A tab, as in the address and as it is named.
pub(super) type StudyTab = (&'static str, &'static str);

const PROGRESS: StudyTab = ("progress", "Progress");
const COMPLETIONS: StudyTab = ("completions", "Completions");
/// The owner's alone: who labelled what is not part of a share.
const JUDGE: StudyTab = ("judge", "Judge and labels");
const ACCURACY: StudyTab = ("accuracy", "Accuracy");
const MARGINS: StudyTab = ("margins", "Margins and calibration");

/// What a kind of study shows, completions and examples where they can be seen.
fn tabs_of(kind: StudyKind, with_completions: bool, with_examples: bool) -> Vec<StudyTab> {
    let of_kind = match kind {
        StudyKind::Toxicity if with_completions => vec![("toxicity", "Toxicity"), COMPLETIONS],
        StudyKind::Toxicity => vec![("toxicity", "Toxicity")],
        StudyKind::Classification if with_examples => vec![ACCURACY, MARGINS, ("examples", "Examples")],
        StudyKind::Classification => vec![ACCURACY, MARGINS],
    };
    of_kind.into_iter().chain([("lens", "Logit lens"), ("divergence", "Divergence"), ("recipe", "Recipe and provenance")]).collect()
}

pub(super) fn owners_tabs(kind: StudyKind) -> Vec<StudyTab> {
    let mut tabs: Vec<StudyTab> = std::iter::once(PROGRESS).chain(tabs_of(kind, true, true)).collect();
    if let Some(place) = tabs.iter().position(|tab| *tab == COMPLETIONS) {
        tabs.insert(place + 1, JUDGE);
    }
    tabs
}

/// Those of a frozen copy, which makes no progress and has no texts of the data set.
pub(crate) fn shared_tabs(kind: StudyKind, with_completions: bool) -> Vec<StudyTab> {
    tabs_of(kind, with_completions, false)
}

/// The tab that shows what the study found.
pub(crate) fn results_tab(kind: StudyKind) -> &'static str {
    match kind {
        StudyKind::Toxicity => "toxicity",
        StudyKind::Classification => "accuracy",
    }
}

/// The row of tabs, and what is in the one that the address asks for; `other` is what a tab shows that is not known here.
#[component]
pub(crate) fn StudyTabs(
    study: TabStudy,
    tabs: Vec<StudyTab>,
    default_tab: &'static str,
    other: impl Fn() -> AnyView + Send + 'static,
) -> impl IntoView {
    let query = use_query_map();
    let names: Vec<&'static str> = tabs.iter().map(|(name, _)| *name).collect();
    let tab = Memo::new(move |_| {
        let asked = query.read().get("tab").unwrap_or_default();
        names.iter().copied().find(|name| *name == asked).unwrap_or(default_tab)
    });
    let links = tabs
        .into_iter()
        .map(|(name, label)| {
            let address = study.place.tab(name);
            view! { <li><a href=address aria-current=move || (tab.get() == name).then_some("page")>{label}</a></li> }
        })
        .collect_view();
    view! {
        <nav class="tabs" aria-label="Parts of the study"><ul>{links}</ul></nav>
        {move || match tab.get() {
            "toxicity" => view! { <toxicity::Toxicity study=study.clone() /> }.into_any(),
            "accuracy" => view! { <accuracy::Accuracy study=study.clone() /> }.into_any(),
            "margins" => view! { <margins::Margins study=study.clone() /> }.into_any(),
            "completions" => view! { <completions::Completions place=study.place.clone() /> }.into_any(),
            "examples" => {
                let (id, recipe) = (study.place.owners_id(), study.recipe_toml.clone());
                id.map(|id| view! { <examples::Examples id=id.to_string() recipe_toml=recipe /> }).into_any()
            }
            "judge" => {
                let finished = study.results.is_some();
                study.place.owners_id().map(|id| view! { <judge::JudgeTab id=id.to_string() finished /> }).into_any()
            }
            "lens" => view! { <lens::Lens study=study.clone() /> }.into_any(),
            "divergence" => view! { <divergence::Divergence study=study.clone() /> }.into_any(),
            "recipe" => view! { <recipe::RecipeTab study=study.clone() /> }.into_any(),
            _ => other(),
        }}
    }
}
