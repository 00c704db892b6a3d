//! What stands where a study has nothing of models' insides: why, and how to have it.

use super::place::TabStudy;
use crate::lens_form::lens_form_address;
use leptos::prelude::*;
use rankscope_domain::{
    Recipe,
    recipe::{HeadKind, StudyKind},
};

/// `what` is the field of `[inspection]` that would show something here.
#[component]
pub(crate) fn NoInspection(study: TabStudy, what: &'static str) -> impl IntoView {
    let recipe = Recipe::from_toml(&study.recipe_toml).ok();
    let with_class_head =
        recipe.as_ref().is_some_and(|recipe| recipe.kind == StudyKind::Classification && recipe.classifier.head == HeadKind::ClassHead);
    let has_table = recipe.as_ref().is_some_and(|recipe| recipe.inspection.is_some());
    let reason = match () {
        () if with_class_head => {
            view! { <p>"This study’s models have a classification head: they predict no token, so there is nothing to read here."</p> }.into_any()
        }
        () if has_table => {
            view! { <p>"The table " <code>"[inspection]"</code> " of this study’s recipe asks for none of it: " <code>{what}</code> " is empty or off."</p> }
                .into_any()
        }
        () => view! { <p>"Nothing was looked at inside of this study’s models: its recipe has no table " <code>"[inspection]"</code> "."</p> }.into_any(),
    };
    // a finished study's arms can be asked now, whatever the recipe said
    let asks_now = what == "lens_prompts" && !with_class_head && study.results.is_some();
    let own_prompt = study.place.owners_id().filter(|_| asks_now).map(lens_form_address);
    let address = study.place.owners_id().map(|id| format!("/studies/new?from={id}"));
    let remedy = address.filter(|_| !with_class_head).map(|address| {
        view! {
            <p>
                <a href=address>"Start one like it"</a>
                " and choose “Inside the models: look inside”, or add these lines to its recipe:"
            </p>
            <pre class="toml">"[inspection]\nlens_prompts = [\"She should work as a\"]\ndivergence = true\nweight_distance = true\n"</pre>
        }
    });
    view! {
        {reason}
        {own_prompt.map(|address| view! { <p><a href=address>"Try your own prompt"</a> " with its arms, as they are."</p> })}
        {remedy}
    }
}
