//! What can be said against a recipe with its files and its model at hand, weights unread.

use crate::{
    Environment, counterfactual,
    dataset::{self, ChosenData},
    estimate::check_memory,
    hub::HubSource,
    judge::Judge,
    model_shelf::ModelShelf,
    model_source::is_marked_as_the_hubs,
    prompt_set,
    worker::lora_config,
};
use rankscope_domain::{
    FieldErrors, Recipe,
    completion::{Prompt, TrainingPair},
    recipe::{ArmKind, CounterfactualSource, DEFAULT_MODEL, HeadKind, JudgeKind, StudyKind},
};
use rankscope_engine::{EngineError, ModelInfo};

/// What a check has read on its way.
pub(crate) struct Checked {
    pub(crate) prompts: Vec<Prompt>,
    /// Pairs of the user's own.
    pub(crate) own_pairs: Option<Vec<PairLength>>,
    pub(crate) model: ModelInfo,
    /// The writer's and the judge's, where they are not the base model.
    pub(crate) writer: Option<ModelInfo>,
    pub(crate) judge_model: Option<ModelInfo>,
    /// A classification study's examples.
    pub(crate) data: Option<ChosenData>,
}

/// Of a pair, characters.
pub(crate) struct PairLength {
    pub(crate) prompt: usize,
    pub(crate) target: usize,
}

/// Checks the recipe with its files and its model (headers only): everything that is wrong with it. A model of the hub
/// that is not on this machine is wrong too; nothing is fetched.
pub fn check(recipe: &Recipe, environment: &Environment) -> Result<(), FieldErrors> {
    check_all(recipe, environment).map(|_| ())
}

/// As [`check`], for a study that is about to start: its first stage fetches models of the hub, and checks again.
pub fn check_to_start(recipe: &Recipe, environment: &Environment) -> Result<(), FieldErrors> {
    let (errors, _, _) = examine(recipe, environment, &ModelShelf::new(environment));
    errors.into_result(())
}

pub(crate) fn check_all(recipe: &Recipe, environment: &Environment) -> Result<Checked, FieldErrors> {
    check_with(recipe, environment, &ModelShelf::new(environment))
}

/// With a shelf that may have pinned models to commits.
pub(crate) fn check_with(recipe: &Recipe, environment: &Environment, shelf: &ModelShelf) -> Result<Checked, FieldErrors> {
    let (mut errors, absent, checked) = examine(recipe, environment, shelf);
    errors.0.extend(absent.0);
    match checked {
        Some(checked) if errors.0.is_empty() => Ok(checked),
        _ => Err(errors),
    }
}

/// What is wrong, which models have to be fetched, and what was read where the base model is there.
fn examine(recipe: &Recipe, environment: &Environment, shelf: &ModelShelf) -> (FieldErrors, FieldErrors, Option<Checked>) {
    let mut errors = recipe.validate().err().unwrap_or_default();
    let mut absent = FieldErrors::default();
    // a field that is wrong by itself is not told again because its file can't be found
    let sound = |errors: &FieldErrors, table: &str| !errors.0.iter().any(|error| error.field.starts_with(table));

    let is_classified = recipe.kind == StudyKind::Classification && recipe.classifier.head == HeadKind::ClassHead;
    let inspect_base = if is_classified { inspect_any } else { inspect };
    let model =
        sound(&errors, "model.").then(|| inspect_base(&mut errors, &mut absent, shelf, "model.source", &recipe.model.source)).flatten();
    if recipe.kind == StudyKind::Classification {
        let data = ["data.", "groups.", "classifier."]
            .iter()
            .all(|table| sound(&errors, table))
            .then(|| examine_data(recipe, environment, &mut errors));
        if let Some(model) = &model {
            check_against_model(&mut errors, recipe, model);
        }
        let nothing =
            |model| Checked { prompts: Vec::new(), own_pairs: None, model, writer: None, judge_model: None, data: data.flatten() };
        let checked = model.map(nothing);
        if let (Some(checked), true) = (&checked, errors.0.is_empty()) {
            check_memory(recipe, environment, checked, &mut errors);
        }
        return (errors, absent, checked);
    }
    let mut prompts = Vec::new();
    if sound(&errors, "prompts.") {
        match prompt_set::load(&recipe.prompts) {
            Ok(list) => prompts = list.prompts,
            Err(wrong) => errors.0.extend(wrong.0),
        }
    }
    let mut judge_model = None;
    if sound(&errors, "judge.") {
        if let Err(wrong) = Judge::open(&recipe.judge, shelf) {
            errors.0.extend(wrong.0);
        }
        if let (JudgeKind::Model, Some(source)) = (recipe.judge.kind, &recipe.judge.model)
            && *source != recipe.model.source
        {
            judge_model = inspect(&mut errors, &mut absent, shelf, "judge.model", source);
        }
    }
    let mut own_pairs = None;
    let mut writer = None;
    if sound(&errors, "counterfactuals.") {
        match (recipe.counterfactuals.source, &recipe.counterfactuals.path, &recipe.counterfactuals.model) {
            (CounterfactualSource::File, Some(path), _) => {
                let path = std::path::Path::new(path);
                match prompt_set::read_input("counterfactuals.path", path).and_then(|text| counterfactual::own_pairs(&text, path)) {
                    Ok((pairs, _)) => {
                        let length = |pair: &TrainingPair| PairLength { prompt: pair.prompt.len(), target: pair.target.len() };
                        own_pairs = Some(pairs.iter().map(length).collect());
                    }
                    Err(wrong) => errors.0.extend(wrong.0),
                }
            }
            (CounterfactualSource::Model, _, Some(source)) if *source != recipe.model.source => {
                writer = inspect(&mut errors, &mut absent, shelf, "counterfactuals.model", source);
            }
            _ => {}
        }
    }
    if let Some(model) = &model {
        check_against_model(&mut errors, recipe, model);
    }
    let checked = model.map(|model| Checked { prompts, own_pairs, model, writer, judge_model, data: None });
    if let (Some(checked), true) = (&checked, errors.0.is_empty()) {
        check_memory(recipe, environment, checked, &mut errors);
    }
    (errors, absent, checked)
}

/// Reads the set, and holds the options to its labels.
fn examine_data(recipe: &Recipe, environment: &Environment, errors: &mut FieldErrors) -> Option<ChosenData> {
    let chosen = dataset::load(&recipe.data, &recipe.groups, environment).map_err(|wrong| errors.0.extend(wrong.0)).ok()?;
    let options = &recipe.classifier.options;
    if !options.is_empty() && options.len() != chosen.labels.len() {
        errors.push(
            "classifier.options",
            format!("{options:?}"),
            format!("Give one option for each of the {} labels, in their order: {}.", chosen.labels.len(), chosen.labels.join(", ")),
        );
    }
    Some(chosen)
}

/// A model that continues text.
fn inspect(errors: &mut FieldErrors, absent: &mut FieldErrors, shelf: &ModelShelf, field: &str, source: &str) -> Option<ModelInfo> {
    let model = inspect_any(errors, absent, shelf, field, source)?;
    if let Some(classes) = model.classes {
        errors.push(
            field,
            source,
            format!(
                "This {} tells {classes} classes apart and can't continue a text; choose a model that does, such as gpt2, opt or llama, or classify with it: classifier.head = \"class_head\".",
                model.kind
            ),
        );
        return None;
    }
    Some(model)
}

fn inspect_any(errors: &mut FieldErrors, absent: &mut FieldErrors, shelf: &ModelShelf, field: &str, source: &str) -> Option<ModelInfo> {
    if let Some(hub) = shelf.is_to_be_fetched(source) {
        let list = if shelf.hub_settings().offline { errors } else { absent };
        list.push(field, source, remedy_of_absence(&hub, shelf.hub_settings().offline));
        return None;
    }
    if is_marked_as_the_hubs(source) && shelf.hub_source(source).is_none() {
        errors.push(field, source, "This is no model of the hub: write ORG/NAME or ORG/NAME@REVISION, as in openai-community/gpt2@main.");
        return None;
    }
    let path = shelf.path(source);
    if !path.exists() {
        let remedy = if source == DEFAULT_MODEL {
            format!("The default model is not at {}; `make model` fetches it.", path.display())
        } else {
            "There is no such file or directory; check the path, or write \"default\", or ORG/NAME@REVISION for a model of the hub.".into()
        };
        errors.push(field, source, remedy);
        return None;
    }
    shelf.inspect(source).map_err(|error| errors.push(field, source, sentence(&error))).ok()
}

fn remedy_of_absence(hub: &HubSource, offline: bool) -> String {
    let name = hub.short();
    let folder = format!("If you mean a folder, there is none of this name here: write its path with ./ in front, as in ./{}.", hub.repo);
    if offline {
        return format!(
            "This model of the hub is not on this machine, and HF_HUB_OFFLINE is set: unset it and run `rankscope models add {name}`. {folder}"
        );
    }
    format!(
        "This model of the hub is not on this machine yet: `rankscope models add {name}` fetches it, or the page Models; a study \
         that is started without it fetches it first. {folder}"
    )
}

fn check_against_model(errors: &mut FieldErrors, recipe: &Recipe, model: &ModelInfo) {
    for (index, spec) in recipe.arms.iter().enumerate() {
        let (ArmKind::Lora, Some(rank)) = (spec.kind, spec.lora_r.filter(|rank| *rank > 0)) else { continue };
        match lora_config(&recipe.lora, rank).check(model) {
            Ok(()) => {}
            Err(error @ EngineError::UnknownTarget { .. }) => {
                // every LoRA arm has the same targets
                if errors.of("lora.target_modules").next().is_none() {
                    errors.push("lora.target_modules", format!("{:?}", recipe.lora.target_modules), sentence(&error));
                }
            }
            Err(error) => errors.push(format!("arms[{index}].lora_r"), rank, sentence(&error)),
        }
    }
    let longest = model.max_position_embeddings;
    if recipe.training.max_length as usize > longest {
        errors.push(
            "training.max_length",
            recipe.training.max_length,
            format!("The model reads at most {longest} tokens; write at most that."),
        );
    }
    if recipe.kind == StudyKind::Toxicity && recipe.generation.max_new_tokens as usize >= longest {
        errors.push(
            "generation.max_new_tokens",
            recipe.generation.max_new_tokens,
            format!("The model reads at most {longest} tokens, prompt included; write less than that."),
        );
    }
}

fn sentence(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let capital: String = characters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let whole = format!("{capital}{}", characters.as_str());
    if whole.ends_with('.') { whole } else { format!("{whole}.") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::recipe::{ArmSpec, PromptSet};
    use rankscope_engine::Processor;

    /// A tiny model in the repository: width 32, FFN 48, 3 layers.
    fn tiny() -> String {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/llama_tiny").into()
    }

    fn check_fields(change: impl FnOnce(&mut Recipe), expected: &[(&str, &str)]) {
        let mut recipe = Recipe::from_toml("name = \"x\"").unwrap();
        recipe.model.source = tiny();
        recipe.arms = vec![ArmSpec::lora(4, 1e-3), ArmSpec::full(1e-4)];
        recipe.training.max_length = 64;
        change(&mut recipe);
        let environment = Environment {
            default_model: "/none/model.gguf".into(),
            memory_limit_bytes: None,
            processor: Processor::Cpu,
            datasets: "".into(),
        };
        let errors = check(&recipe, &environment).err().unwrap_or_default();
        assert_eq!(errors.0.len(), expected.len(), "{errors}");
        for (error, (field, part)) in errors.0.iter().zip(expected) {
            assert!(error.field == *field && error.remedy.contains(part), "{error}");
        }
    }

    #[test]
    fn a_sound_recipe_passes() {
        check_fields(|_| {}, &[]);
    }

    #[test]
    fn ranks_are_held_to_the_layers_width() {
        check_fields(|r| r.arms[0].lora_r = Some(32), &[("arms[0].lora_r", "width")]);
        check_fields(|r| r.arms[0].lora_r = Some(1000), &[("arms[0].lora_r", "_proj")]);
        check_fields(|r| r.lora.target_modules = vec!["query".into()], &[("lora.target_modules", "q_proj")]);
    }

    #[test]
    fn a_classifier_continues_no_text() {
        let bert = || tiny().replace("llama_tiny", "bert_tiny");
        let expected = "This bert tells 3 classes apart and can't continue a text";
        check_fields(|r| r.model.source = bert(), &[("model.source", expected)]);
        check_fields(|r| r.counterfactuals.model = Some(bert()), &[("counterfactuals.model", expected)]);
        check_fields(|r| (r.judge.kind, r.judge.model) = (JudgeKind::Model, Some(bert())), &[("judge.model", expected)]);
    }

    #[test]
    fn files_and_models_that_are_not_there_are_named_all_at_once() {
        check_fields(
            |r| {
                r.model.source = "/none/model".into();
                r.prompts.set = PromptSet::Csv;
                r.prompts.path = Some("/none/prompts.csv".into());
                r.judge.kind = JudgeKind::Hurtlex;
                r.judge.path = Some("/none/hurtlex.tsv".into());
                r.counterfactuals.source = CounterfactualSource::File;
                r.counterfactuals.path = Some("/none/pairs.jsonl".into());
            },
            &[
                ("model.source", "no such file"),
                ("prompts.path", "can't be read"),
                ("judge.path", "can't be read"),
                ("counterfactuals.path", "can't be read"),
            ],
        );
        check_fields(|r| r.model.source = DEFAULT_MODEL.into(), &[("model.source", "make model")]);
        let absent = |r: &mut Recipe| r.model.source = "hf:no-such-org/no-such-model-for-tests@main".into();
        check_fields(absent, &[("model.source", "rankscope models add no-such-org/no-such-model-for-tests@main")]);
        check_fields(|r| r.model.source = "hf:no name".into(), &[("model.source", "ORG/NAME")]);
    }

    #[test]
    fn a_study_may_start_without_the_hubs_model_and_with_nothing_else_wrong() {
        let mut recipe = Recipe::from_toml("name = \"x\"").unwrap();
        recipe.model.source = "hf:no-such-org/no-such-model-for-tests@main".into();
        recipe.arms = vec![ArmSpec::lora(4, 1e-3)];
        let environment = Environment {
            default_model: "/none/model.gguf".into(),
            memory_limit_bytes: None,
            processor: Processor::Cpu,
            datasets: "".into(),
        };
        check_to_start(&recipe, &environment).unwrap();
        recipe.arms[0].learning_rate = 0.0;
        assert!(check_to_start(&recipe, &environment).is_err());
    }

    #[test]
    fn what_is_wrong_by_itself_is_told_once() {
        check_fields(|r| r.prompts.set = PromptSet::HonestBinary, &[("prompts.path", "en_template.tsv")]);
        check_fields(
            |r| (r.training.max_length, r.arms[1].learning_rate) = (8000, 0.0),
            &[("arms[1].learning_rate", "above 0"), ("training.max_length", "at most")],
        );
    }
}
