//! `/studies/new?preset=…&from=…&kind=…`: the recipe as a form; beside a preset or a study, single fields
//! (`data.source=…`) go over what these say. What it holds travels in the address when it is checked
//! without JavaScript, so nothing typed is lost and every form can be linked.

mod arms;
mod aside;
mod class_fields;
mod data_counts;
mod fields;
mod input;
mod kind_choice;
mod preset_list;

use crate::{
    api::recipes::{FormChoices, StartStudy, estimate_recipe, get_form_choices},
    browser,
    components::{
        error_view::{ErrorNotice, ErrorView},
        pending::Pending,
    },
    error::AppError,
    form::{RecipeForm, input_name},
};
use arms::{ArmRows, next_arm};
use aside::{EstimatePanel, RecipePreview, RecipeUpload};
use fields::{SECTIONS, Section};
use input::{FieldInput, FormState, input_id};
use kind_choice::KindChoice;
use leptos::{html, prelude::*, server_fn::ServerFn};
use leptos_meta::Title;
use leptos_router::{hooks::use_query_map, params::ParamsMap};
use preset_list::PresetList;
use rankscope_domain::{FieldErrors, Recipe, estimate::Estimate, preset::presets, recipe::StudyKind, view::ModelChoice};
use serde::{Deserialize, Serialize};

/// What the address asks for: a form, and what is wrong with it.
fn asked_form(params: &ParamsMap, choices: &FormChoices) -> (RecipeForm, FieldErrors) {
    let mut errors = FieldErrors::default();
    let pasted = params.get("toml").filter(|text| !text.trim().is_empty());
    let pairs = || params.clone().into_iter().map(|(name, value)| (name.to_string(), value));
    let typed = RecipeForm::from_pairs(pairs());
    let from_toml = |text: &str, errors: &mut FieldErrors| match Recipe::from_toml(text) {
        Ok(recipe) => Some(RecipeForm::from_recipe(&recipe)),
        Err(found) => {
            *errors = found;
            None
        }
    };
    let wanted = params.get("preset");
    let preset = || {
        let presets = presets();
        let found = presets.iter().find(|preset| Some(preset.id) == wanted.as_deref()).or(presets.first());
        found.map(|preset| RecipeForm::from_recipe(&preset.recipe)).unwrap_or_default()
    };
    let mut form = match (&pasted, &choices.recipe_toml) {
        (Some(text), _) => from_toml(text, &mut errors).unwrap_or_else(preset),
        (_, Some(text)) => {
            let mut form = from_toml(text, &mut errors).unwrap_or_else(preset);
            form.overlay(pairs());
            form
        }
        _ if wanted.is_some() => {
            let mut form = preset();
            form.overlay(pairs());
            form
        }
        _ if typed.is_kind_alone() => RecipeForm::of_kind(typed.kind()),
        _ if !typed.is_empty() => {
            let mut form = typed;
            form.complete_kind();
            form
        }
        _ => preset(),
    };
    // a model's page leads here with the model alone
    if let Some(source) = params.get("model").filter(|source| !source.trim().is_empty()) {
        form.set("model.source", source);
    }
    if params.get("add").is_some() {
        let arm = next_arm(&form.arms);
        form.arms.push(arm);
    }
    if let Some(index) = params.get("remove").and_then(|index| index.parse::<usize>().ok())
        && index < form.arms.len()
    {
        form.arms.remove(index);
    }
    if form.request_id.is_empty() {
        form.request_id = choices.request_id.clone();
    }
    if errors.0.is_empty() && (params.get("checked").is_some() || pasted.is_some()) {
        errors = form.to_recipe().err().unwrap_or_default();
    }
    (form, errors)
}

/// What the page is made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FormPage {
    choices: FormChoices,
    /// Of the form in the address, where it asks to be checked.
    estimate: Option<Result<Estimate, AppError>>,
}

async fn load(params: ParamsMap) -> Result<FormPage, AppError> {
    let choices = get_form_choices(params.get("from").unwrap_or_default()).await?;
    let (form, _) = asked_form(&params, &choices);
    let estimate = match (params.get("checked"), form.to_recipe()) {
        (Some(_), Ok(recipe)) => Some(estimate_recipe(recipe).await),
        _ => None,
    };
    Ok(FormPage { choices, estimate })
}

#[component]
pub(crate) fn NewStudyPage() -> impl IntoView {
    let params = use_query_map();
    let page = Resource::new(move || params.get(), load);
    view! {
        <Title text="New study" />
        <Suspense fallback=|| view! { <Pending what="the form" /> }>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(page) => {
                        let params = params.get_untracked();
                        let address = params.to_query_string();
                        // another address is another form: made anew, since Leptos, its types erased, empties inputs that it re-uses
                        view! {
                            <For each=move || [address.clone()] key=String::clone let(_address)>
                                <NewStudy page=page.clone() params=params.clone() />
                            </For>
                        }
                            .into_any()
                    }
                    Err(error) => view! { <ErrorView error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn NewStudy(page: FormPage, params: ParamsMap) -> impl IntoView {
    let (form, mut errors) = asked_form(&params, &page.choices);
    if let Some(Err(AppError::Invalid(found))) = &page.estimate {
        errors.0.extend(found.0.iter().cloned());
    }
    // what belongs to fields is shown there
    let estimate = page.estimate.filter(|estimate| !matches!(estimate, Err(AppError::Invalid(_))));
    let state = FormState { form: RwSignal::new(form), errors: RwSignal::new(errors), client_runs: browser::client_runs() };
    let start = ServerAction::<StartStudy>::new();
    Effect::new(move |_| {
        if let Some(Err(error)) = start.value().get() {
            if let AppError::Invalid(errors) = error {
                state.errors.set(errors);
            }
            request_animation_frame(|| browser::focus("error-summary"));
        }
    });
    let models = page.choices.models;
    let datasets = page.choices.datasets;
    view! {
        <h1 id="form-title" tabindex="-1">"New study"</h1>
        <PresetList params=params.clone() />
        <RecipeUpload state pasted=params.get("toml").unwrap_or_default() />
        <ErrorSummary state />
        {move || match start.value().get() {
            Some(Err(error)) if !matches!(error, AppError::Invalid(_)) => Some(view! { <div id="start-error"><ErrorNotice error /></div> }),
            _ => None,
        }}
        {params.get("failed").is_some().then(|| view! {
            <p class="notice notice-error" role="alert">
                "The study could not be started: the server failed, and its log says why. What you typed is below; try again."
            </p>
        })}
        <KnownModels models state />
        <datalist id="known-datasets">
            {datasets.into_iter().map(|(source, origin)| view! { <option value=source>{origin}</option> }).collect_view()}
        </datalist>
        <div class="form-columns">
            <RecipeFormView state start />
            <aside aria-label="Estimate and recipe">
                <EstimatePanel state first=estimate />
                <RecipePreview state />
            </aside>
        </div>
    }
}

/// What is offered for `model.source`: encoders for classification alone.
#[component]
fn KnownModels(models: Vec<ModelChoice>, state: FormState) -> impl IntoView {
    let models = StoredValue::new(models);
    let offered = move || {
        let kind = state.kind();
        models.with_value(|models| {
            let offered = models.iter().filter(|choice| choice.continues_text || kind == StudyKind::Classification);
            offered
                .map(|choice| {
                    let name = if choice.summary.name.is_empty() { choice.source.clone() } else { choice.summary.name.clone() };
                    view! { <option value=choice.source.clone()>{name}</option> }
                })
                .collect_view()
        })
    };
    view! { <datalist id="known-models">{offered}</datalist> }
}

/// All that is wrong, with links to where it is.
#[component]
fn ErrorSummary(state: FormState) -> impl IntoView {
    view! {
        <div id="error-summary" tabindex="-1" role="alert">
            {move || {
                let errors = state.errors.get().0;
                (!errors.is_empty())
                    .then(|| {
                        let heading = if errors.len() == 1 { "One thing must be mended first".to_string() } else { format!("{} things must be mended first", errors.len()) };
                        let items = errors.into_iter().map(|error| {
                            let text = error.to_string();
                            if error.field.is_empty() {
                                view! { <li>{text}</li> }.into_any()
                            } else {
                                view! { <li><a href=format!("#{}", input_id(&input_name(&error.field))) rel="external">{text}</a></li> }.into_any()
                            }
                        }).collect_view();
                        view! {
                            <div class="notice notice-error">
                                <p><strong>{heading}</strong></p>
                                <ul>{items}</ul>
                            </div>
                        }
                    })
            }}
        </div>
    }
}

#[component]
fn RecipeFormView(state: FormState, start: ServerAction<StartStudy>) -> impl IntoView {
    let form_ref = NodeRef::<html::Form>::new();
    take_what_was_typed(state, form_ref);
    let check = move || match state.form.with_untracked(RecipeForm::to_recipe) {
        Ok(_) => {
            state.errors.set(FieldErrors::default());
            true
        }
        Err(errors) => {
            state.errors.set(errors);
            request_animation_frame(|| browser::focus("error-summary"));
            false
        }
    };
    let mut sections = SECTIONS.iter().map(|section| view! { <SectionView section state /> });
    let address = <StartStudy as ServerFn>::url();
    let first = sections.next();
    let others = sections.collect_view();
    view! {
        <form
            node_ref=form_ref
            method="post"
            action=address
            on:submit=move |event| {
                event.prevent_default();
                if check() {
                    let fields = state.form.with_untracked(RecipeForm::to_pairs).into_iter().collect();
                    start.dispatch(StartStudy { fields });
                }
            }
        >
            // what the Enter key presses
            <button class="visually-hidden" type="submit" tabindex="-1" aria-hidden="true">"Start the study"</button>
            <input type="hidden" name="request_id" value=move || state.form.with(|form| form.request_id.clone()) />
            <KindChoice state />
            {first}
            <ArmRows state />
            {others}
            <div class="submit-row row">
                <button class="button-main" type="submit" disabled=move || start.pending().get()>
                    {move || if start.pending().get() { "Starting …" } else { "Start the study" }}
                </button>
                <button
                    type="submit"
                    name="checked"
                    value="1"
                    formmethod="get"
                    formaction="/studies/new"
                    on:click=move |event| {
                        event.prevent_default();
                        check();
                    }
                >
                    "Check and estimate"
                </button>
            </div>
        </form>
    }
}

/// A section with its fields; hidden where the kind has none of them, so that what was typed there is kept and sent too.
#[component]
fn SectionView(section: &'static Section, state: FormState) -> impl IntoView {
    let more = (!section.more.is_empty()).then(|| view! { <MoreFields section state /> });
    view! {
        <fieldset hidden=move || !section.is_of(state.kind())>
            <legend>{section.title}</legend>
            <div class="fields">{section.fields.iter().map(|field| view! { <FieldInput field state /> }).collect_view()}</div>
            {more}
        </fieldset>
    }
}

/// What is rarely changed. Unfolded where something in it is wrong, or becomes other than by default.
#[component]
fn MoreFields(section: &'static Section, state: FormState) -> impl IntoView {
    let standard = Recipe::from_toml("name = \"\"").map(|recipe| RecipeForm::from_recipe(&recipe)).unwrap_or_default();
    let is_changed = Memo::new(move |_| section.more.iter().any(|field| state.value(field.name) != standard.get(field.name)));
    let is_wrong = move || section.more.iter().any(|field| !state.errors_of(field.name).is_empty());
    let is_open = untrack(|| is_changed.get() || is_wrong());
    let details = NodeRef::<html::Details>::new();
    let unfold = move || {
        if let Some(details) = details.get_untracked() {
            details.set_open(true);
        }
    };
    Effect::new(move |_| is_changed.get().then(unfold));
    // after each check, also where it was folded again by hand
    Effect::new(move |_| is_wrong().then(unfold));
    view! {
        <details class="more" open=is_open node_ref=details>
            <summary>{format!("More about {}", section.title.to_lowercase())}</summary>
            <div class="fields">{section.more.iter().map(|field| view! { <FieldInput field state /> }).collect_view()}</div>
        </details>
    }
}

/// What was typed before the client ran, or kept by the browser over a reload, is not thrown away.
fn take_what_was_typed(state: FormState, form_ref: NodeRef<html::Form>) {
    let mut is_first = true;
    Effect::new(move |_| {
        let Some(element) = form_ref.get() else { return };
        if !std::mem::take(&mut is_first) {
            return;
        }
        let typed = browser::form_pairs(&element);
        if !typed.is_empty() {
            let typed = RecipeForm::from_pairs(typed);
            let shown = state.form.get_untracked();
            if typed.arms.len() == shown.arms.len() && typed.differs_in_inputs(&shown) {
                state.form.set(typed);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::{FIELDS, is_read};
    use rankscope_domain::classification::BUILTIN_DATASET;

    fn choices(recipe_toml: Option<&str>) -> FormChoices {
        FormChoices { models: Vec::new(), datasets: Vec::new(), recipe_toml: recipe_toml.map(String::from), request_id: "fresh".into() }
    }

    fn params(pairs: &[(&'static str, &str)]) -> ParamsMap {
        let mut params = ParamsMap::new();
        for (name, value) in pairs {
            params.insert(*name, value.to_string());
        }
        params
    }

    #[test]
    fn the_address_says_where_the_form_starts() {
        let first = presets()[0].recipe.name.clone();
        let own = "name = \"Mine\"\n[[arms]]\nkind = \"lora\"\nlora_r = 4\nlearning_rate = 1e-3\n";
        for (pairs, from, name) in [
            (vec![], None, first.as_str()),
            (vec![("preset", "no such")], None, first.as_str()),
            (vec![("from", "x")], Some(own), "Mine"),
            (vec![("toml", own)], None, "Mine"),
            (vec![("name", "Typed")], Some(own), "Typed"),
            (vec![("model", "hf:org/name@main")], Some(own), "Mine"),
            (vec![("preset", "classification-quick")], None, "Quick classification"),
            (vec![("preset", "classification-quick"), ("name", "Typed")], None, "Typed"),
            (vec![("kind", "classification")], None, "Quick classification"),
            (vec![("kind", "toxicity")], None, first.as_str()),
        ] {
            let (form, _) = asked_form(&params(&pairs), &choices(from));
            assert_eq!(form.get("name"), name, "{pairs:?}");
            assert_eq!(form.request_id, "fresh");
            if let Some((_, model)) = pairs.iter().find(|(name, _)| *name == "model") {
                assert_eq!(form.get("model.source"), *model);
            }
        }
    }

    #[test]
    fn arms_are_added_and_removed_without_a_client() {
        let base = [("arms.0.kind", "lora"), ("arms.0.lora_r", "8"), ("arms.0.learning_rate", "1e-3")];
        let (form, _) = asked_form(&params(&[&base[..], &[("add", "arm")]].concat()), &choices(None));
        assert_eq!(form.arms.len(), 2);
        assert_eq!((form.arms[1].lora_r.as_str(), form.arms[1].learning_rate.as_str()), ("16", "1e-3"));
        let (form, _) = asked_form(&params(&[&base[..], &[("remove", "0")]].concat()), &choices(None));
        assert_eq!(form.arms, []);
    }

    #[test]
    fn a_checked_form_keeps_what_was_typed_and_says_what_is_wrong() {
        let (form, errors) = asked_form(&params(&[("checked", "1"), ("name", "A"), ("seeds", "one")]), &choices(None));
        assert_eq!(form.get("seeds"), "one");
        assert!(errors.of("seeds").next().is_some());
    }

    #[test]
    fn a_pasted_text_that_is_no_recipe_is_refused_with_its_place() {
        let (_, errors) = asked_form(&params(&[("toml", "name = \"A\"\nrank = 3\n")]), &choices(None));
        assert!(errors.to_string().contains("rank"), "{errors}");
    }

    #[test]
    fn a_field_beside_a_preset_changes_that_field_alone() {
        let pairs = [("preset", "classification-quick"), ("data.source", "dataset:mine"), ("classifier.head", "class_head")];
        let (form, _) = asked_form(&params(&pairs), &choices(None));
        let mut wanted = presets().into_iter().find(|preset| preset.id == "classification-quick").unwrap().recipe;
        wanted.data.source = "dataset:mine".into();
        wanted.classifier.head = rankscope_domain::recipe::HeadKind::ClassHead;
        wanted.inspection = None;
        assert_eq!(form.to_recipe(), Ok(wanted));
        let own = RecipeForm::of_kind(StudyKind::Classification).to_recipe().unwrap().to_toml();
        let (form, _) = asked_form(&params(&[("from", "x"), ("seeds", "3, 4")]), &choices(Some(&own)));
        let recipe = form.to_recipe().unwrap();
        assert_eq!((recipe.kind, &recipe.seeds[..]), (StudyKind::Classification, &[3, 4][..]));
    }

    #[test]
    fn every_preset_and_copied_study_fills_the_form() {
        for preset in presets() {
            let (form, _) = asked_form(&params(&[("preset", preset.id)]), &choices(None));
            let (copy, errors) = asked_form(&params(&[("from", "x")]), &choices(Some(&preset.recipe.to_toml())));
            assert_eq!(errors.0, [], "{}", preset.id);
            for form in [form, copy] {
                assert_eq!(form.kind(), preset.recipe.kind);
                match form.to_recipe() {
                    Ok(recipe) => assert_eq!(recipe, preset.recipe),
                    Err(errors) => assert_eq!(Err(errors), preset.recipe.validate(), "{} leaves its blanks alone", preset.id),
                }
            }
        }
    }

    #[test]
    fn the_kind_is_switched_without_a_client() {
        // what a browser sends: every input, hidden ones too
        let mut form = RecipeForm::of_kind(StudyKind::Toxicity);
        form.set("kind", "classification".into());
        form.set("prompts.limit", "7".into());
        let pairs = |form: &RecipeForm| {
            let mut params = ParamsMap::new();
            for (name, value) in form.to_pairs() {
                params.insert(name, value);
            }
            params
        };
        let (mut switched, _) = asked_form(&pairs(&form), &choices(None));
        assert_eq!(switched.to_recipe().unwrap().kind, StudyKind::Classification);
        switched.set("kind", "toxicity".into());
        let (back, _) = asked_form(&pairs(&switched), &choices(None));
        assert_eq!(back.to_recipe().unwrap().prompts.limit, Some(7));
        // an address that has one kind's fields alone
        let mut params = pairs(&form);
        for name in FIELDS.iter().filter(|name| !is_read(name, StudyKind::Toxicity)) {
            params.remove(name);
        }
        let (completed, _) = asked_form(&params, &choices(None));
        assert_eq!(completed.to_recipe().unwrap().data.source, BUILTIN_DATASET);
    }
}
