//! What each layer of each arm would say next: the logit lens over the study's prompts, a prompt at a time.

use super::{no_inspection::NoInspection, place::TabStudy};
use crate::{
    components::{
        cover::show_choice,
        error_view::ErrorNotice,
        lens_results::{LensPlace, LensResults},
        pending::Pending,
    },
    lens_form::lens_form_address,
    lens_view::{LensView, lens_arms},
    quantity,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use rankscope_domain::Recipe;

#[component]
pub(crate) fn Lens(study: TabStudy) -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| LensView::read(|name| query.read().get(name)));
    let prompt = Memo::new(move |_| asked.with(|(view, _)| view.prompt));
    let place = study.place.clone();
    let page = Resource::new(move || prompt.get(), move |prompt| place.clone().lens(prompt));
    let recipe = Recipe::from_toml(&study.recipe_toml).ok();
    let (with_prompts, inspected) = recipe
        .map(|recipe| {
            let has_prompts = recipe.inspection.as_ref().is_some_and(|inspection| !inspection.lens_prompts.is_empty());
            (has_prompts, recipe.inspected_cells())
        })
        .unwrap_or_default();
    let show = show_choice();
    view! {
        <section aria-labelledby="lens-heading">
            <h2 id="lens-heading">"Logit lens"</h2>
            <Transition fallback=|| view! { <Pending what="the lens" /> }>
                {move || {
                    let (study, inspected) = (study.clone(), inspected.clone());
                    let (asked, errors) = asked.get();
                    Suspend::new(async move {
                        match page.await {
                            Err(error) => view! { <ErrorNotice error /> }.into_any(),
                            Ok(page) if page.readings.is_empty() && (!with_prompts || inspected.is_empty()) => {
                                view! { <NoInspection study what="lens_prompts" /> }.into_any()
                            }
                            Ok(page) if page.readings.is_empty() => {
                                let address = study.place.tab("progress");
                                view! {
                                    <p>"No model has been read yet: the lens reads each arm when it has been trained."</p>
                                    {study.place.owners_id().is_some().then(|| view! { <p><a href=address>"See the progress"</a></p> })}
                                }
                                    .into_any()
                            }
                            Ok(page) => {
                                let have = lens_arms(&page.readings);
                                let missing: Vec<String> =
                                    inspected.iter().filter(|cell| !have.contains(&cell.arm)).map(|cell| quantity::cell_label(*cell)).collect();
                                let which = if study.place.owners_id().is_some() { " or are not done yet; the progress tab says which" } else { "" };
                                let place = LensPlace::study(&study.place);
                                let own_prompt = study.place.owners_id().map(lens_form_address);
                                view! {
                                    {own_prompt.map(|address| view! { <p><a href=address>"Try your own prompt"</a></p> })}
                                    {(!missing.is_empty()).then(|| view! {
                                        <p class="notice">
                                            {format!("Not read: {}. These cells failed{which}.", missing.join("; "))}
                                        </p>
                                    })}
                                    <LensResults place page asked errors show />
                                }
                                    .into_any()
                            }
                        }
                    })
                }}
            </Transition>
        </section>
    }
}
