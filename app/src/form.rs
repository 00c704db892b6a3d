//! The recipe as a form: every field a text, as it was typed. The names of the inputs are the recipe's paths with
//! dots (`arms.1.learning_rate`), so that an error of the recipe finds its input.

use rankscope_domain::{
    FieldErrors, Recipe,
    recipe::{ArmKind, ArmSpec},
};
use std::{collections::BTreeMap, str::FromStr};

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

/// The input that a recipe's path belongs to: `arms[1].lora_r` is `arms.1.lora_r`; an item of a list that is one
/// input (`seeds[2]`) belongs to the list.
pub fn input_name(path: &str) -> String {
    let name = path.replace('[', ".").replace(']', "");
    for list in ["seeds", "lora.target_modules"] {
        if name.starts_with(&format!("{list}.")) {
            return list.into();
        }
    }
    name
}

impl RecipeForm {
    pub fn from_recipe(recipe: &Recipe) -> Self {
        let mut form = Self::default();
        // the recipe's own serialisation names every field as Hugging Face does
        if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(recipe) {
            for (name, value) in fields.iter().filter(|(name, _)| !["arms", "schema", "kind"].contains(&name.as_str())) {
                form.take_value(name, value);
            }
        }
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

    fn take_value(&mut self, name: &str, value: &serde_json::Value) {
        use serde_json::Value;
        let text = match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    self.take_value(&format!("{name}.{field}"), value);
                }
                return;
            }
            Value::Array(items) => {
                items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), String::from)).collect::<Vec<_>>().join(", ")
            }
            Value::String(text) => text.clone(),
            Value::Number(number) if number.is_f64() => number_text(number.as_f64().unwrap_or_default()),
            Value::Null => String::new(),
            other => other.to_string(),
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
        let recipe = self.read(&mut errors);
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

    fn read(&self, errors: &mut FieldErrors) -> Recipe {
        let standard = Recipe::from_toml("name = \"\"").unwrap_or_else(|_| unreachable!("every field but the name has a default"));
        let mut recipe = standard;
        let mut reader = Reader { form: self, errors };
        recipe.name = self.get("name").trim().into();
        recipe.notes = self.get("notes").trim().into();
        reader.list("seeds", &mut recipe.seeds, "a whole number from 0 up; several are separated by commas, as in 0, 1, 2");

        recipe.memory_limit = reader.optional_number("memory_limit", "bytes, or a size such as 8 GiB; or nothing for what the machine has");

        reader.text("model.source", &mut recipe.model.source);

        reader.choice("prompts.set", &mut recipe.prompts.set);
        recipe.prompts.path = reader.optional("prompts.path");
        recipe.prompts.limit = reader.optional_number("prompts.limit", "a whole number, or nothing for all prompts");
        reader.number("prompts.selection_seed", &mut recipe.prompts.selection_seed, WHOLE);

        reader.choice("generation.do_sample", &mut recipe.generation.do_sample);
        reader.number("generation.temperature", &mut recipe.generation.temperature, DECIMAL);
        reader.number("generation.top_p", &mut recipe.generation.top_p, DECIMAL);
        reader.number("generation.top_k", &mut recipe.generation.top_k, WHOLE);
        reader.number("generation.num_return_sequences", &mut recipe.generation.num_return_sequences, WHOLE);
        reader.number("generation.max_new_tokens", &mut recipe.generation.max_new_tokens, WHOLE);

        reader.choice("judge.kind", &mut recipe.judge.kind);
        recipe.judge.path = reader.optional("judge.path");
        recipe.judge.mode = reader.optional_choice("judge.mode");
        recipe.judge.model = reader.optional("judge.model");
        recipe.judge.url = reader.optional("judge.url");
        recipe.judge.api_key_env = reader.optional("judge.api_key_env");
        recipe.judge.chat_template = reader.optional_choice("judge.chat_template");
        recipe.judge.prompt = reader.optional("judge.prompt");

        reader.choice("counterfactuals.source", &mut recipe.counterfactuals.source);
        recipe.counterfactuals.path = reader.optional("counterfactuals.path");
        recipe.counterfactuals.model = reader.optional("counterfactuals.model");
        recipe.counterfactuals.chat_template = reader.optional_choice("counterfactuals.chat_template");
        reader.number("counterfactuals.k", &mut recipe.counterfactuals.k, WHOLE);
        reader.number("counterfactuals.max_new_tokens", &mut recipe.counterfactuals.max_new_tokens, WHOLE);
        reader.number("counterfactuals.temperature", &mut recipe.counterfactuals.temperature, DECIMAL);
        reader.number("counterfactuals.top_p", &mut recipe.counterfactuals.top_p, DECIMAL);
        recipe.counterfactuals.prompt = reader.optional("counterfactuals.prompt");

        reader.number("training.num_train_epochs", &mut recipe.training.num_train_epochs, WHOLE);
        recipe.training.max_steps =
            reader.optional_number("training.max_steps", "a whole number, or nothing for as many as the epochs give");
        recipe.training.save_steps = reader.optional_number("training.save_steps", "a whole number, or nothing for once a minute");
        reader.number("training.per_device_train_batch_size", &mut recipe.training.per_device_train_batch_size, WHOLE);
        reader.number("training.gradient_accumulation_steps", &mut recipe.training.gradient_accumulation_steps, WHOLE);
        reader.choice("training.lr_scheduler_type", &mut recipe.training.lr_scheduler_type);
        reader.number("training.warmup_ratio", &mut recipe.training.warmup_ratio, DECIMAL);
        reader.number("training.warmup_steps", &mut recipe.training.warmup_steps, WHOLE);
        reader.choice("training.decay_biases_and_norms", &mut recipe.training.decay_biases_and_norms);
        reader.choice("training.group_by_length", &mut recipe.training.group_by_length);
        reader.choice("training.gradient_checkpointing", &mut recipe.training.gradient_checkpointing);
        reader.number("training.max_grad_norm", &mut recipe.training.max_grad_norm, DECIMAL);
        reader.number("training.adam_beta1", &mut recipe.training.adam_beta1, DECIMAL);
        reader.number("training.adam_beta2", &mut recipe.training.adam_beta2, DECIMAL);
        reader.number("training.adam_epsilon", &mut recipe.training.adam_epsilon, DECIMAL);
        reader.number("training.max_length", &mut recipe.training.max_length, WHOLE);

        reader.choice("lora.alpha_policy", &mut recipe.lora.alpha_policy);
        reader.number("lora.alpha", &mut recipe.lora.alpha, DECIMAL);
        reader.number("lora.lora_dropout", &mut recipe.lora.lora_dropout, DECIMAL);
        reader.list("lora.target_modules", &mut recipe.lora.target_modules, "a name of a projection such as q_proj, or all-linear");

        recipe.arms = (0..self.arms.len()).map(|index| reader.arm(index)).collect();
        recipe
    }

    /// The request's id: the same form sent twice is one request, another recipe is another.
    pub fn request_id_for(&self, recipe: &Recipe) -> String {
        // FNV-1a: only has to tell apart what one person types into one page
        let hash =
            recipe.to_toml().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        format!("{}-{hash:016x}", self.request_id)
    }
}

/// Every input of the form but the arms'.
pub const FIELDS: &[&str] = &[
    "name",
    "notes",
    "seeds",
    "memory_limit",
    "model.source",
    "prompts.set",
    "prompts.path",
    "prompts.limit",
    "prompts.selection_seed",
    "generation.do_sample",
    "generation.temperature",
    "generation.top_p",
    "generation.top_k",
    "generation.num_return_sequences",
    "generation.max_new_tokens",
    "judge.kind",
    "judge.path",
    "judge.mode",
    "judge.model",
    "judge.url",
    "judge.api_key_env",
    "judge.chat_template",
    "judge.prompt",
    "counterfactuals.source",
    "counterfactuals.path",
    "counterfactuals.model",
    "counterfactuals.chat_template",
    "counterfactuals.k",
    "counterfactuals.max_new_tokens",
    "counterfactuals.temperature",
    "counterfactuals.top_p",
    "counterfactuals.prompt",
    "training.num_train_epochs",
    "training.max_steps",
    "training.per_device_train_batch_size",
    "training.gradient_accumulation_steps",
    "training.lr_scheduler_type",
    "training.warmup_ratio",
    "training.warmup_steps",
    "training.decay_biases_and_norms",
    "training.group_by_length",
    "training.gradient_checkpointing",
    "training.save_steps",
    "training.max_grad_norm",
    "training.adam_beta1",
    "training.adam_beta2",
    "training.adam_epsilon",
    "training.max_length",
    "lora.alpha_policy",
    "lora.alpha",
    "lora.lora_dropout",
    "lora.target_modules",
];

const WHOLE: &str = "a whole number from 0 up";
const DECIMAL: &str = "a number such as 0.5 or 2e-4";

/// Reads typed texts into a recipe's fields and notes what can't be read.
struct Reader<'a> {
    form: &'a RecipeForm,
    errors: &'a mut FieldErrors,
}

impl Reader<'_> {
    fn typed(&self, name: &str) -> String {
        self.form.get(name).trim().to_string()
    }

    fn text(&self, name: &str, into: &mut String) {
        *into = self.typed(name);
    }

    fn optional(&self, name: &str) -> Option<String> {
        Some(self.typed(name)).filter(|text| !text.is_empty())
    }

    fn number<T: FromStr>(&mut self, name: &str, into: &mut T, what: &str) {
        match self.typed(name).parse() {
            Ok(value) => *into = value,
            Err(_) => self.errors.push(name, self.form.get(name), format!("Write {what}.")),
        }
    }

    fn optional_number<T: FromStr>(&mut self, name: &str, what: &str) -> Option<T> {
        let text = self.optional(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.errors.push(name, text, format!("Write {what}."));
        }
        value
    }

    fn list<T: FromStr>(&mut self, name: &str, into: &mut Vec<T>, what: &str) {
        let text = self.typed(name);
        let items: Result<Vec<T>, _> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::parse).collect();
        match items {
            Ok(items) => *into = items,
            Err(_) => self.errors.push(name, text, format!("Write {what}.")),
        }
    }

    /// A value that is written in the recipe as one word, `true` and `false` among them.
    fn choice<T: serde::de::DeserializeOwned>(&mut self, name: &str, into: &mut T) {
        let text = self.typed(name);
        match parse_choice(&text) {
            Some(value) => *into = value,
            None => self.errors.push(name, text, "Choose one of the list."),
        }
    }

    fn optional_choice<T: serde::de::DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let text = self.optional(name)?;
        let value = parse_choice(&text);
        if value.is_none() {
            self.errors.push(name, text, "Choose one of the list.");
        }
        value
    }

    fn arm(&mut self, index: usize) -> ArmSpec {
        let name = |field: &str| format!("arms[{index}].{field}");
        let row = &self.form.arms[index];
        let mut spec = if row.kind == "full" { ArmSpec::full(f64::NAN) } else { ArmSpec::lora(0, f64::NAN) };
        if spec.kind == ArmKind::Lora {
            match row.lora_r.trim().parse() {
                Ok(r) => spec.lora_r = Some(r),
                Err(_) => self.errors.push(name("lora_r"), &row.lora_r, "Write the rank as a whole number from 1 up."),
            }
        }
        match row.learning_rate.trim().parse() {
            Ok(rate) => spec.learning_rate = rate,
            Err(_) => self.errors.push(name("learning_rate"), &row.learning_rate, "Write a number above 0 such as 2e-4."),
        }
        match row.weight_decay.trim() {
            "" => {}
            text => match text.parse() {
                Ok(decay) => spec.weight_decay = decay,
                Err(_) => self.errors.push(name("weight_decay"), text, "Write a number from 0 up such as 0.01."),
            },
        }
        spec
    }
}

fn parse_choice<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    let value = match text {
        "true" => serde_json::Value::Bool(true),
        "false" => serde_json::Value::Bool(false),
        word => serde_json::Value::String(word.into()),
    };
    serde_json::from_value(value).ok()
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

    fn recipe() -> Recipe {
        Recipe::from_toml(
            r#"
            name = "All & sundry"
            notes = "two\nlines"
            seeds = [0, 18446744073709551615]
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

    fn read(form: &RecipeForm) -> (Recipe, FieldErrors) {
        let mut errors = FieldErrors::default();
        (form.read(&mut errors), errors)
    }

    #[test]
    fn a_recipe_goes_through_the_form_unchanged() {
        let (back, errors) = read(&RecipeForm::from_recipe(&recipe()));
        assert_eq!(errors.0, []);
        assert_eq!(back, recipe());
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
        for name in form.values.keys() {
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
            ("arms.0.lora_r", "", "arms[0].lora_r"),
            ("arms.1.learning_rate", "fast", "arms[1].learning_rate"),
            ("arms.1.weight_decay", "x", "arms[1].weight_decay"),
        ];
        for (input, typed, field) in rows {
            let mut form = RecipeForm::from_recipe(&recipe());
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
