//! What was typed, read into a recipe; what can't be read is named with its field and its value.

use super::{
    RecipeForm,
    list_text::{split_lines, split_list, split_terms},
};
use rankscope_domain::{
    FieldErrors, Recipe,
    recipe::{ArmKind, ArmSpec, HeadKind, Inspection, StudyKind},
};
use std::str::FromStr;

const WHOLE: &str = "a whole number from 0 up";
const DECIMAL: &str = "a number such as 0.5 or 2e-4";

/// Reads typed texts into a recipe's fields and notes what can't be read.
pub(super) struct Reader<'a> {
    pub(super) form: &'a RecipeForm,
    pub(super) errors: &'a mut FieldErrors,
}

impl Reader<'_> {
    /// The recipe of the form's kind. Tables of another kind stay as they are by default, whatever was typed there.
    pub(super) fn recipe(mut self) -> Recipe {
        let mut recipe = Recipe::from_toml("name = \"\"").unwrap_or_else(|_| unreachable!("every field but the name has a default"));
        // addresses from before there was a choice have no kind
        if let Some(kind) = self.optional_choice("kind") {
            recipe.kind = kind;
        }
        recipe.name = self.typed("name");
        recipe.notes = self.typed("notes");
        self.list("seeds", &mut recipe.seeds, "a whole number from 0 up; several are separated by commas, as in 0, 1, 2");
        recipe.memory_limit = self.optional_number("memory_limit", "bytes, or a size such as 8 GiB; or nothing for what the machine has");
        self.text("model.source", &mut recipe.model.source);
        match recipe.kind {
            StudyKind::Toxicity => self.toxicity(&mut recipe),
            StudyKind::Classification => self.classification(&mut recipe),
        }
        self.training(&mut recipe);
        // a class head predicts no token: what is said of looking inside waits until the head is another
        let predicts_tokens = recipe.kind == StudyKind::Toxicity || recipe.classifier.head == HeadKind::Answers;
        recipe.inspection = if predicts_tokens { self.inspection() } else { None };
        recipe.arms = (0..self.form.arms.len()).map(|index| self.arm(index)).collect();
        recipe
    }

    fn toxicity(&mut self, recipe: &mut Recipe) {
        self.choice("prompts.set", &mut recipe.prompts.set);
        recipe.prompts.path = self.optional("prompts.path");
        recipe.prompts.limit = self.optional_number("prompts.limit", "a whole number, or nothing for all prompts");
        self.number("prompts.selection_seed", &mut recipe.prompts.selection_seed, WHOLE);

        self.choice("generation.do_sample", &mut recipe.generation.do_sample);
        self.number("generation.temperature", &mut recipe.generation.temperature, DECIMAL);
        self.number("generation.top_p", &mut recipe.generation.top_p, DECIMAL);
        self.number("generation.top_k", &mut recipe.generation.top_k, WHOLE);
        self.number("generation.num_return_sequences", &mut recipe.generation.num_return_sequences, WHOLE);
        self.number("generation.max_new_tokens", &mut recipe.generation.max_new_tokens, WHOLE);

        self.choice("judge.kind", &mut recipe.judge.kind);
        recipe.judge.path = self.optional("judge.path");
        recipe.judge.mode = self.optional_choice("judge.mode");
        recipe.judge.model = self.optional("judge.model");
        recipe.judge.url = self.optional("judge.url");
        recipe.judge.api_key_env = self.optional("judge.api_key_env");
        recipe.judge.chat_template = self.optional_choice("judge.chat_template");
        recipe.judge.prompt = self.optional("judge.prompt");

        self.choice("counterfactuals.source", &mut recipe.counterfactuals.source);
        recipe.counterfactuals.path = self.optional("counterfactuals.path");
        recipe.counterfactuals.model = self.optional("counterfactuals.model");
        recipe.counterfactuals.chat_template = self.optional_choice("counterfactuals.chat_template");
        self.number("counterfactuals.k", &mut recipe.counterfactuals.k, WHOLE);
        self.number("counterfactuals.max_new_tokens", &mut recipe.counterfactuals.max_new_tokens, WHOLE);
        self.number("counterfactuals.temperature", &mut recipe.counterfactuals.temperature, DECIMAL);
        self.number("counterfactuals.top_p", &mut recipe.counterfactuals.top_p, DECIMAL);
        recipe.counterfactuals.prompt = self.optional("counterfactuals.prompt");
    }

    fn classification(&mut self, recipe: &mut Recipe) {
        let data = &mut recipe.data;
        self.text("data.source", &mut data.source);
        data.test_path = self.optional("data.test_path");
        data.train_split = self.optional("data.train_split");
        data.test_split = self.optional("data.test_split");
        self.number("data.test_share", &mut data.test_share, DECIMAL);
        data.text_column = self.optional("data.text_column");
        data.label_column = self.optional("data.label_column");
        self.texts("data.label_names", &mut data.label_names);
        data.positive_label = self.optional("data.positive_label");
        data.train_limit = self.optional_number("data.train_limit", "a whole number, or nothing for all examples");
        data.test_limit = self.optional_number("data.test_limit", "a whole number, or nothing for all examples");
        self.number("data.selection_seed", &mut data.selection_seed, WHOLE);

        let groups = &mut recipe.groups;
        self.choice("groups.by", &mut groups.by);
        groups.column = self.optional("groups.column");
        match split_terms(&self.typed("groups.terms")) {
            Ok(terms) => groups.terms = terms,
            Err(remedy) => self.errors.push("groups.terms", self.typed("groups.terms"), remedy),
        }
        groups.minority = self.optional("groups.minority");
        self.list(
            "groups.minority_fractions",
            &mut groups.minority_fractions,
            "numbers above 0, at most 1, with at most four decimals, separated by commas, as in 1, 0.5, 0.1",
        );

        let classifier = &mut recipe.classifier;
        self.choice("classifier.head", &mut classifier.head);
        classifier.prompt = self.optional("classifier.prompt");
        self.texts("classifier.options", &mut classifier.options);
        classifier.max_new_tokens = self.optional_number("classifier.max_new_tokens", "a whole number, or nothing for as many as usual");

        self.choice("training.keep_full_weights", &mut recipe.training.keep_full_weights);
    }

    fn training(&mut self, recipe: &mut Recipe) {
        self.number("training.num_train_epochs", &mut recipe.training.num_train_epochs, WHOLE);
        recipe.training.max_steps = self.optional_number("training.max_steps", "a whole number, or nothing for as many as the epochs give");
        recipe.training.save_steps = self.optional_number("training.save_steps", "a whole number, or nothing for once a minute");
        self.number("training.per_device_train_batch_size", &mut recipe.training.per_device_train_batch_size, WHOLE);
        self.number("training.gradient_accumulation_steps", &mut recipe.training.gradient_accumulation_steps, WHOLE);
        self.choice("training.lr_scheduler_type", &mut recipe.training.lr_scheduler_type);
        self.number("training.warmup_ratio", &mut recipe.training.warmup_ratio, DECIMAL);
        self.number("training.warmup_steps", &mut recipe.training.warmup_steps, WHOLE);
        self.choice("training.decay_biases_and_norms", &mut recipe.training.decay_biases_and_norms);
        self.choice("training.group_by_length", &mut recipe.training.group_by_length);
        self.choice("training.gradient_checkpointing", &mut recipe.training.gradient_checkpointing);
        self.number("training.max_grad_norm", &mut recipe.training.max_grad_norm, DECIMAL);
        self.number("training.adam_beta1", &mut recipe.training.adam_beta1, DECIMAL);
        self.number("training.adam_beta2", &mut recipe.training.adam_beta2, DECIMAL);
        self.number("training.adam_epsilon", &mut recipe.training.adam_epsilon, DECIMAL);
        self.number("training.max_length", &mut recipe.training.max_length, WHOLE);

        self.choice("lora.alpha_policy", &mut recipe.lora.alpha_policy);
        self.number("lora.alpha", &mut recipe.lora.alpha, DECIMAL);
        self.number("lora.lora_dropout", &mut recipe.lora.lora_dropout, DECIMAL);
        self.list("lora.target_modules", &mut recipe.lora.target_modules, "a name of a projection such as q_proj, or all-linear");
    }

    /// None where nothing is looked at, whatever was typed beneath; also in addresses from before there was a choice.
    fn inspection(&mut self) -> Option<Inspection> {
        if !self.optional_choice::<bool>("inspection")? {
            return None;
        }
        let mut inspection = Inspection { lens_prompts: split_lines(&self.form.get("inspection.lens_prompts")), ..Inspection::default() };
        self.number("inspection.lens_top_k", &mut inspection.lens_top_k, WHOLE);
        self.number("inspection.lens_new_tokens", &mut inspection.lens_new_tokens, WHOLE);
        self.choice("inspection.divergence", &mut inspection.divergence);
        self.number("inspection.divergence_limit", &mut inspection.divergence_limit, WHOLE);
        self.choice("inspection.weight_distance", &mut inspection.weight_distance);
        Some(inspection)
    }

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

    /// A list of texts, which may hold a comma in quotes.
    fn texts(&mut self, name: &str, into: &mut Vec<String>) {
        match split_list(&self.typed(name)) {
            Ok(items) => *into = items,
            Err(remedy) => self.errors.push(name, self.typed(name), remedy),
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
