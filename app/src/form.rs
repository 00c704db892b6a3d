//! The recipe as a form: every field a text, as it was typed. The names of the inputs are the recipe's paths with
//! dots (`arms.1.learning_rate`), so that an error of the recipe finds its input.

mod list_text;
mod names;
mod reader;

pub use names::{FIELDS, input_name, is_read};

use rankscope_domain::{
    FieldErrors, Recipe,
    preset::presets,
    recipe::{ArmKind, Inspection, StudyKind},
};
use reader::Reader;
use std::collections::BTreeMap;

/// A form filled in, right or wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipeForm {
    /// By input name, arms left out.
    values: BTreeMap<String, String>,
    pub arms: Vec<ArmRow>,
    /// Makes sending the form twice start one study.
    pub request_id: String,
}

/// One trained arm, as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArmRow {
    /// `lora` or `full`.
    pub kind: String,
    pub lora_r: String,
    pub learning_rate: String,
    pub weight_decay: String,
}

/// The most arms that a form takes; more make no readable figure.
pub const MOST_ARMS: usize = 24;

const ARM_FIELDS: [&str; 4] = ["kind", "lora_r", "learning_rate", "weight_decay"];

impl ArmRow {
    pub fn get(&self, field: &str) -> &str {
        match field {
            "kind" => &self.kind,
            "lora_r" => &self.lora_r,
            "learning_rate" => &self.learning_rate,
            _ => &self.weight_decay,
        }
    }

    pub fn set(&mut self, field: &str, value: String) {
        match field {
            "kind" => self.kind = value,
            "lora_r" => self.lora_r = value,
            "learning_rate" => self.learning_rate = value,
            _ => self.weight_decay = value,
        }
    }
}

impl RecipeForm {
    pub fn from_recipe(recipe: &Recipe) -> Self {
        let mut form = Self::default();
        // the recipe's own serialisation names every field as Hugging Face does
        if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(recipe) {
            for (name, value) in fields.iter().filter(|(name, _)| !["arms", "inspection", "schema"].contains(&name.as_str())) {
                form.take_value(name, value);
            }
        }
        form.take_inspection(recipe.inspection.as_ref());
        form.arms = recipe
            .arms
            .iter()
            .map(|spec| ArmRow {
                kind: if spec.kind == ArmKind::Full { "full".into() } else { "lora".into() },
                lora_r: spec.lora_r.map(|r| r.to_string()).unwrap_or_default(),
                learning_rate: number_text(spec.learning_rate),
                weight_decay: number_text(spec.weight_decay),
            })
            .collect();
        form
    }

    /// Where nothing is looked at, the fields have what they would begin with.
    fn take_inspection(&mut self, inspection: Option<&Inspection>) {
        let fields = inspection.cloned().unwrap_or_default();
        if let Ok(value) = serde_json::to_value(&fields) {
            self.take_value("inspection", &value);
        }
        self.values.insert("inspection.lens_prompts".into(), list_text::join_lines(fields.lens_prompts.iter().map(String::as_str)));
        self.values.insert("inspection".into(), inspection.is_some().to_string());
    }

    fn take_value(&mut self, name: &str, value: &serde_json::Value) {
        use serde_json::Value;
        let text = match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    self.take_value(&format!("{name}.{field}"), value);
                }
                return;
            }
            Value::Array(items) if items.iter().any(Value::is_object) => terms_text(items),
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(item_text).collect();
                list_text::join_list(items.iter().map(String::as_str))
            }
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => item_text(other),
        };
        self.values.insert(name.into(), text);
    }

    /// From a form's pairs; names that are no field are left out.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut form = Self::default();
        let mut arms: BTreeMap<usize, ArmRow> = BTreeMap::new();
        for (name, value) in pairs {
            if let Some(rest) = name.strip_prefix("arms.") {
                let Some((index, field)) = rest.split_once('.') else { continue };
                if let Ok(index) = index.parse::<usize>()
                    && index < 10 * MOST_ARMS
                    && ARM_FIELDS.contains(&field)
                {
                    arms.entry(index).or_default().set(field, value);
                }
            } else if name == "request_id" {
                form.request_id = value;
            } else if FIELDS.contains(&name.as_str()) {
                form.values.insert(name, value);
            }
        }
        // a row that was left wholly empty is no arm
        form.arms = arms
            .into_values()
            .filter(|row| ARM_FIELDS[1..].iter().any(|field| !row.get(field).trim().is_empty()))
            .take(MOST_ARMS)
            .collect();
        form
    }

    pub fn to_pairs(&self) -> Vec<(String, String)> {
        let mut pairs: Vec<_> = self.values.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        for (index, row) in self.arms.iter().enumerate() {
            pairs.extend(ARM_FIELDS.iter().map(|field| (format!("arms.{index}.{field}"), row.get(field).to_string())));
        }
        if !self.request_id.is_empty() {
            pairs.push(("request_id".into(), self.request_id.clone()));
        }
        pairs
    }

    /// The address that shows this form, checked.
    pub fn checked_address(&self) -> String {
        let mut address = String::from("/studies/new?checked=1");
        for (name, value) in self.to_pairs().into_iter().filter(|(_, value)| !value.is_empty()) {
            address.push('&');
            address.push_str(&name);
            address.push('=');
            address.push_str(&percent_encode(&value));
        }
        address
    }

    /// Whether any input reads otherwise, the request's id aside.
    pub fn differs_in_inputs(&self, other: &Self) -> bool {
        self.arms != other.arms || FIELDS.iter().any(|name| self.get(name) != other.get(name))
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.arms.is_empty()
    }

    /// Which sections are shown. What is no kind is toxicity, as in a recipe that names none.
    pub fn kind(&self) -> StudyKind {
        if self.get("kind") == kind_word(StudyKind::Classification) { StudyKind::Classification } else { StudyKind::Toxicity }
    }

    /// The first preset of a kind.
    pub fn of_kind(kind: StudyKind) -> Self {
        presets().iter().find(|preset| preset.recipe.kind == kind).map(|preset| Self::from_recipe(&preset.recipe)).unwrap_or_default()
    }

    /// Whether nothing but the kind was typed.
    pub fn is_kind_alone(&self) -> bool {
        self.arms.is_empty() && self.values.keys().eq(["kind"])
    }

    /// Gives the kind's own fields what the recipe has by default where none of them was sent: the kind was changed in an address
    /// that has the other's alone.
    pub fn complete_kind(&mut self) {
        let kind = self.kind();
        let is_own = |name: &str| kind_tables(kind).contains(&name.split('.').next().unwrap_or(name));
        if self.values.keys().any(|name| is_own(name)) {
            return;
        }
        let Ok(recipe) = Recipe::from_toml("name = \"\"") else { return };
        let standard = Self::from_recipe(&recipe);
        let own = FIELDS.iter().filter(|name| is_own(name) || (**name == "training.keep_full_weights" && is_read(name, kind)));
        for name in own {
            if let Some(value) = standard.values.get(*name) {
                self.values.entry((*name).into()).or_insert_with(|| value.clone());
            }
        }
    }

    /// Takes single fields over what is there; of arms those that there are.
    pub fn overlay(&mut self, pairs: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in pairs {
            if name.starts_with("arms.") || FIELDS.contains(&name.as_str()) {
                self.set(&name, value);
            } else if name == "request_id" {
                self.request_id = value;
            }
        }
    }

    pub fn get(&self, name: &str) -> String {
        if let Some(rest) = name.strip_prefix("arms.") {
            return rest
                .split_once('.')
                .and_then(|(index, field)| Some(self.arms.get(index.parse::<usize>().ok()?)?.get(field).to_string()))
                .unwrap_or_default();
        }
        self.values.get(name).cloned().unwrap_or_default()
    }

    pub fn set(&mut self, name: &str, value: String) {
        if let Some(rest) = name.strip_prefix("arms.") {
            if let Some((index, field)) = rest.split_once('.')
                && let Some(row) = index.parse::<usize>().ok().and_then(|index| self.arms.get_mut(index))
            {
                row.set(field, value);
            }
        } else {
            self.values.insert(name.into(), value);
        }
    }

    /// The recipe that the form says, or everything that is wrong with it.
    pub fn to_recipe(&self) -> Result<Recipe, FieldErrors> {
        let mut errors = FieldErrors::default();
        let recipe = Reader { form: self, errors: &mut errors }.recipe();
        if let Err(found) = recipe.validate() {
            // a field that can't even be read has its error already
            for error in found.0 {
                if errors.of(&error.field).next().is_none() {
                    errors.0.push(error);
                }
            }
        }
        errors.into_result(recipe)
    }

    /// The request's id: the same form sent twice is one request, another recipe is another.
    pub fn request_id_for(&self, recipe: &Recipe) -> String {
        // FNV-1a: only has to tell apart what one person types into one page
        let hash =
            recipe.to_toml().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        format!("{}-{hash:016x}", self.request_id)
    }
}

/// As it stands in a recipe, and in the form.
pub fn kind_word(kind: StudyKind) -> &'static str {
    match kind {
        StudyKind::Toxicity => "toxicity",
        StudyKind::Classification => "classification",
    }
}

/// The tables that a kind alone has: those that are foreign to the other.
fn kind_tables(kind: StudyKind) -> &'static [&'static str] {
    match kind {
        StudyKind::Toxicity => StudyKind::Classification.foreign_tables(),
        StudyKind::Classification => StudyKind::Toxicity.foreign_tables(),
    }
}

fn item_text(value: &serde_json::Value) -> String {
    match (value.as_str(), value.as_f64()) {
        (Some(text), _) => text.into(),
        (None, Some(number)) if value.is_f64() => number_text(number),
        _ => value.to_string(),
    }
}

/// `groups.terms` as one text.
fn terms_text(groups: &[serde_json::Value]) -> String {
    list_text::join_terms(groups.iter().map(|group| {
        let words = group["words"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
        (group["name"].as_str().unwrap_or_default(), words)
    }))
}

fn number_text(value: f64) -> String {
    crate::quantity::number(value)
}

/// For the query of an address.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte as char),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::recipe::{ArmSpec, GroupBy, TermGroup};

    fn recipe() -> Recipe {
        Recipe::from_toml(
            r#"
            name = "All & sundry"
            notes = "two\nlines"
            seeds = [0, 4294967295]
            memory_limit = "1.5 GiB"
            [prompts]
            set = "jsonl"
            path = "prompts.jsonl"
            limit = 12
            [judge]
            kind = "endpoint"
            model = "m"
            url = "http://127.0.0.1:1/v1"
            mode = "word"
            chat_template = "llama-2"
            [counterfactuals]
            chat_template = "chatml"
            [training]
            max_steps = 3
            save_steps = 2
            warmup_steps = 1
            gradient_checkpointing = true
            group_by_length = true
            decay_biases_and_norms = true
            adam_epsilon = 1e-8
            [lora]
            alpha_policy = "rank_stabilised"
            lora_dropout = 0.05
            target_modules = ["q_proj", "v_proj"]
            [inspection]
            lens_prompts = ["She, who", " two\\nlines"]
            lens_top_k = 3
            lens_new_tokens = 0
            divergence = false
            divergence_limit = 7
            weight_distance = false
            [[arms]]
            kind = "lora"
            lora_r = 8
            learning_rate = 2e-4
            [[arms]]
            kind = "full"
            learning_rate = 1e-5
            weight_decay = 0.25
            "#,
        )
        .unwrap()
    }

    /// Everything of a classification study that is not as by default.
    fn classification() -> Recipe {
        let mut recipe = Recipe::from_toml(
            r#"
            name = "Groups by words"
            kind = "classification"
            [data]
            source = "reviews.jsonl"
            test_path = "test.csv"
            train_split = "train"
            test_share = 0.5
            text_column = "review"
            label_column = "stars"
            label_names = ["Business, finance", "Sport"]
            positive_label = "Sport"
            train_limit = 1000
            test_limit = 200
            selection_seed = 7
            [groups]
            by = "terms"
            minority = "women"
            minority_fractions = [1.0, 0.3333, 0.0001]
            terms = [{ name = "women", words = ["she", "her"] }, { name = "men: he", words = ["he"] }]
            [classifier]
            prompt = "{text} is {options}?"
            options = ["yes, money", "no"]
            max_new_tokens = 3
            [training]
            keep_full_weights = false
            [inspection]
            "#,
        )
        .unwrap();
        recipe.arms = vec![ArmSpec::lora(8, 2e-4)];
        recipe
    }

    fn read(form: &RecipeForm) -> (Recipe, FieldErrors) {
        let mut errors = FieldErrors::default();
        (Reader { form, errors: &mut errors }.recipe(), errors)
    }

    #[test]
    fn a_recipe_goes_through_the_form_unchanged() {
        let mut recipes: Vec<Recipe> =
            [recipe(), classification()].into_iter().chain(presets().into_iter().map(|preset| preset.recipe)).collect();
        for recipe in recipes.clone() {
            recipes.push(Recipe { inspection: None, ..recipe.clone() });
            recipes.push(Recipe { inspection: Some(Inspection { lens_prompts: Vec::new(), ..Inspection::default() }), ..recipe.clone() });
            recipes.push(Recipe { inspection: Some(Inspection::default()), ..recipe });
        }
        for mut recipe in recipes {
            let (back, errors) = read(&RecipeForm::from_recipe(&recipe));
            if recipe.classifier.head == rankscope_domain::recipe::HeadKind::ClassHead {
                recipe.inspection = None;
            }
            assert_eq!(errors.0, []);
            assert_eq!(back, recipe);
        }
    }

    #[test]
    fn lists_are_written_as_people_write_them() {
        let form = RecipeForm::from_recipe(&classification());
        for (name, text) in [
            ("kind", "classification"),
            ("groups.minority_fractions", "1, 0.3333, 1e-4"),
            ("groups.terms", "women: she, her; \"men: he\": he"),
            ("data.label_names", "\"Business, finance\", Sport"),
            ("seeds", "0"),
        ] {
            assert_eq!(form.get(name), text);
        }
    }

    #[test]
    fn a_form_reads_all_fields_of_its_kind_and_no_others() {
        for recipe in [recipe(), classification()] {
            let form = RecipeForm::from_recipe(&recipe);
            for name in FIELDS.iter().filter(|name| **name != "kind") {
                let mut changed = form.clone();
                changed.set(name, "\"changed".into());
                let (back, errors) = read(&changed);
                let is_seen = back != recipe || errors.0.iter().any(|error| error.field == *name);
                assert_eq!(is_seen, is_read(name, recipe.kind), "{name} of {:?}", recipe.kind);
            }
        }
    }

    #[test]
    fn another_kind_leaves_what_was_typed_for_the_first() {
        let mut form = RecipeForm::from_recipe(&recipe());
        form.set("kind", "classification".into());
        form.set("data.source", "reviews.csv".into());
        let (back, errors) = read(&form);
        assert_eq!(errors.0, [], "the other kind's fields begin with what they are by default");
        assert_eq!((back.kind, back.data.source.as_str()), (StudyKind::Classification, "reviews.csv"));
        assert_eq!(back.validate(), Ok(()), "nothing of the first kind is left in it");
        form.set("kind", "toxicity".into());
        assert_eq!(read(&form).0, recipe());
        assert_eq!(form.get("data.source"), "reviews.csv");
    }

    #[test]
    fn a_kind_without_any_of_its_fields_gets_them_by_default() {
        let pairs = |recipe: &Recipe| {
            let pairs = RecipeForm::from_recipe(recipe).to_pairs().into_iter();
            pairs.filter(|(name, _)| is_read(name, recipe.kind)).collect::<Vec<_>>()
        };
        let mut form = RecipeForm::from_pairs(pairs(&recipe()));
        form.set("kind", "classification".into());
        form.complete_kind();
        assert_eq!(form.to_recipe().map(|recipe| (recipe.kind, recipe.groups.by)), Ok((StudyKind::Classification, GroupBy::Label)));
        let mut form = RecipeForm::from_pairs(pairs(&classification()));
        form.set("data.test_share", String::new());
        form.complete_kind();
        assert_eq!(form.get("data.test_share"), "", "what was emptied stays empty");
    }

    #[test]
    fn single_fields_go_over_a_form() {
        let mut form = RecipeForm::of_kind(StudyKind::Classification);
        let pairs = [("data.source", "dataset:mine"), ("arms.0.lora_r", "4"), ("arms.99.lora_r", "5"), ("evil", "x"), ("seeds", "3")];
        let arms = form.arms.len();
        form.overlay(pairs.map(|(name, value)| (name.into(), value.into())));
        let recipe = form.to_recipe().unwrap();
        assert_eq!((recipe.data.source.as_str(), recipe.arms[0].lora_r, &recipe.seeds[..]), ("dataset:mine", Some(4), &[3][..]));
        assert_eq!((form.arms.len(), form.values.contains_key("evil")), (arms, false));
    }

    #[test]
    fn errors_of_items_find_the_input_of_their_list() {
        for (path, input) in [
            ("seeds[2]", "seeds"),
            ("data.label_names[1]", "data.label_names"),
            ("groups.minority_fractions[0]", "groups.minority_fractions"),
            ("groups.terms[0].words", "groups.terms"),
            ("groups.terms[11].name", "groups.terms"),
            ("classifier.options[1]", "classifier.options"),
            ("inspection.lens_prompts[0]", "inspection.lens_prompts"),
            ("arms[1].lora_r", "arms.1.lora_r"),
            ("groups.terms", "groups.terms"),
        ] {
            assert_eq!(input_name(path), input);
        }
    }

    #[test]
    fn terms_that_are_the_same_word_are_refused_beside_their_input() {
        let mut form = RecipeForm::from_recipe(&classification());
        form.set("groups.terms", "women: she; men: she".into());
        let errors = form.to_recipe().unwrap_err();
        assert_eq!(errors.0.iter().map(|error| input_name(&error.field)).collect::<Vec<_>>(), ["groups.terms"], "{errors}");
        form.set("groups.terms", "women: she; men: he".into());
        let terms =
            vec![TermGroup { name: "women".into(), words: vec!["she".into()] }, TermGroup { name: "men".into(), words: vec!["he".into()] }];
        assert_eq!(form.to_recipe().unwrap().groups.terms, terms);
    }

    #[test]
    fn a_form_goes_through_its_pairs_unchanged() {
        let mut form = RecipeForm::from_recipe(&recipe());
        form.request_id = "abc".into();
        assert_eq!(RecipeForm::from_pairs(form.to_pairs()), form);
    }

    #[test]
    fn every_field_of_a_recipe_is_an_input() {
        let form = RecipeForm::from_recipe(&recipe());
        for name in form.values.keys().chain(RecipeForm::from_recipe(&classification()).values.keys()) {
            assert!(FIELDS.contains(&name.as_str()), "{name} is no input");
        }
    }

    #[test]
    fn what_cant_be_read_names_its_field_and_value() {
        let rows = [
            ("seeds", "0, one", "seeds"),
            ("prompts.limit", "many", "prompts.limit"),
            ("generation.temperature", "warm", "generation.temperature"),
            ("generation.do_sample", "perhaps", "generation.do_sample"),
            ("training.num_train_epochs", "-1", "training.num_train_epochs"),
            ("judge.kind", "jury", "judge.kind"),
            ("judge.chat_template", "vicuna", "judge.chat_template"),
            ("memory_limit", "plenty", "memory_limit"),
            ("training.warmup_steps", "some", "training.warmup_steps"),
            ("training.gradient_checkpointing", "perhaps", "training.gradient_checkpointing"),
            ("inspection", "perhaps", "inspection"),
            ("inspection.lens_top_k", "all", "inspection.lens_top_k"),
            ("inspection.divergence", "perhaps", "inspection.divergence"),
            ("arms.0.lora_r", "", "arms[0].lora_r"),
            ("arms.1.learning_rate", "fast", "arms[1].learning_rate"),
            ("arms.1.weight_decay", "x", "arms[1].weight_decay"),
        ];
        let of_classification = [
            ("kind", "both", "kind"),
            ("groups.minority_fractions", "1, 0", "groups.minority_fractions"),
            ("groups.minority_fractions", "half", "groups.minority_fractions"),
            ("groups.terms", "women", "groups.terms"),
            ("groups.by", "age", "groups.by"),
            ("data.test_share", "half", "data.test_share"),
            ("data.label_names", "\"a, b", "data.label_names"),
            ("data.train_limit", "all", "data.train_limit"),
            ("classifier.head", "two", "classifier.head"),
            ("classifier.max_new_tokens", "-1", "classifier.max_new_tokens"),
            ("training.keep_full_weights", "perhaps", "training.keep_full_weights"),
        ];
        let rows = rows.into_iter().map(|row| (row, recipe())).chain(of_classification.map(|row| (row, classification())));
        for ((input, typed, field), recipe) in rows {
            let mut form = RecipeForm::from_recipe(&recipe);
            form.set(input, typed.into());
            let (_, errors) = read(&form);
            let found: Vec<_> = errors.0.iter().map(|error| (error.field.as_str(), error.value.as_str())).collect();
            assert_eq!(found, [(field, typed)]);
            assert_eq!(input_name(field), input, "the error finds its input");
            assert_eq!(form.get(input), typed, "nothing typed is lost");
        }
    }

    #[test]
    fn hostile_names_make_no_arms() {
        let pairs =
            [("arms.999999999999.lora_r", "1"), ("arms.x.lora_r", "1"), ("arms.0.other", "1"), ("evil", "1"), ("arms.5.lora_r", "4")];
        let form = RecipeForm::from_pairs(pairs.map(|(name, value)| (name.to_string(), value.to_string())));
        assert_eq!(form.arms.len(), 1);
        assert!(form.values.is_empty());
    }

    #[test]
    fn the_address_of_a_form_is_encoded() {
        let mut form = RecipeForm::default();
        form.set("name", "a&b=c d#\n".into());
        assert_eq!(form.checked_address(), "/studies/new?checked=1&name=a%26b%3Dc%20d%23%0A");
    }

    #[test]
    fn another_recipe_is_another_request() {
        let mut form = RecipeForm::from_recipe(&recipe());
        form.request_id = "abc".into();
        let mut other = recipe();
        other.seeds = vec![1];
        assert_eq!(form.request_id_for(&recipe()), form.request_id_for(&recipe()));
        assert_ne!(form.request_id_for(&recipe()), form.request_id_for(&other));
    }
}
