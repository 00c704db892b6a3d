//! Checks of a recipe that need no model and no file. Every wrong field is found in one go.

mod classification;
mod inspection;

use crate::{
    FieldErrors, Recipe,
    recipe::{
        ArmKind, Classifier, CounterfactualSource, Counterfactuals, Data, Generation, Groups, Judge, JudgeKind, PromptSet, Prompts,
        RECIPE_SCHEMA, StudyKind,
    },
};
use std::{collections::HashSet, fmt::Display, ops::RangeInclusive};

/// Longest `name`, characters.
pub const NAME_LIMIT: usize = 120;
/// Most seeds, and most trained arms, of one study.
pub const SEEDS_LIMIT: usize = 20;
pub const ARMS_LIMIT: usize = 16;
/// TOML's and JSON's readers keep whole numbers exactly up to here.
pub const LARGEST_SEED: u64 = u32::MAX as u64;
/// No study fits in less memory, bytes.
pub const LEAST_MEMORY: u64 = 1 << 20;

impl Recipe {
    /// Everything that is wrong with the recipe by itself.
    pub fn validate(&self) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::default();
        self.validate_head(&mut errors);
        match self.kind {
            StudyKind::Toxicity => {
                self.validate_prompts(&mut errors);
                self.validate_generation(&mut errors);
                self.validate_judge(&mut errors);
                self.validate_counterfactuals(&mut errors);
            }
            StudyKind::Classification => {
                self.validate_data(&mut errors);
                self.validate_groups(&mut errors);
                self.validate_classifier(&mut errors);
            }
        }
        self.refuse_foreign_tables(&mut errors);
        self.validate_training(&mut errors);
        self.validate_lora(&mut errors);
        self.validate_inspection(&mut errors);
        self.validate_arms(&mut errors);
        errors.into_result(())
    }

    fn validate_head(&self, errors: &mut FieldErrors) {
        if self.schema != RECIPE_SCHEMA {
            errors.push(
                "schema",
                self.schema,
                format!("This program reads recipes of schema {RECIPE_SCHEMA}; write schema = {RECIPE_SCHEMA}."),
            );
        }
        let length = self.name.trim().chars().count();
        if length == 0 {
            errors.push("name", &self.name, "Give the study a name, so that it can be found in the list.");
        } else if length > NAME_LIMIT {
            errors.push("name", &self.name, format!("The name has {length} characters; shorten it to {NAME_LIMIT}."));
        } else if self.name.chars().any(char::is_control) {
            errors.push("name", self.name.escape_debug(), "Leave line breaks and other control characters out of the name.");
        }
        if self.seeds.is_empty() {
            errors.push("seeds", "[]", "Give at least one seed, e.g. seeds = [0].");
        }
        if self.seeds.len() > SEEDS_LIMIT {
            errors.push("seeds", format!("{} seeds", self.seeds.len()), format!("At most {SEEDS_LIMIT} seeds."));
        }
        let mut known = HashSet::new();
        for (index, seed) in self.seeds.iter().enumerate() {
            if !known.insert(seed) {
                errors.push(format!("seeds[{index}]"), seed, "This seed is listed twice; the same seed gives the same run, so remove one.");
            }
            check_seed(errors, &format!("seeds[{index}]"), *seed);
        }
        if let Some(limit) = self.memory_limit.filter(|limit| limit.0 < LEAST_MEMORY) {
            errors.push("memory_limit", limit, "Write at least 1 MiB, as in \"8 GiB\", or remove it to use what the machine has.");
        }
        check_model(errors, "model.source", &self.model.source);
    }

    /// A table that the study's kind does not read, filled in, is a misunderstanding.
    fn refuse_foreign_tables(&self, errors: &mut FieldErrors) {
        for table in self.kind.foreign_tables() {
            let is_untouched = match *table {
                "prompts" => self.prompts == Prompts::default(),
                "generation" => self.generation == Generation::default(),
                "judge" => self.judge == Judge::default(),
                "counterfactuals" => self.counterfactuals == Counterfactuals::default(),
                "data" => self.data == Data::default(),
                "groups" => self.groups == Groups::default(),
                _ => self.classifier == Classifier::default(),
            };
            if !is_untouched {
                let kind = self.kind.label();
                errors.push(*table, "", format!("A {kind} study does not read the table [{table}]; remove it, or change kind."));
            }
        }
    }

    fn validate_prompts(&self, errors: &mut FieldErrors) {
        let prompts = &self.prompts;
        match (prompts.set, non_empty(&prompts.path)) {
            (PromptSet::Builtin, Some(path)) => {
                errors.push("prompts.path", path, "The built-in set has no file; remove prompts.path, or set prompts.set to jsonl or csv.");
            }
            (PromptSet::HonestBinary | PromptSet::HonestRace, None) => {
                errors.push(
                    "prompts.path",
                    "",
                    "Give the path of HONEST's resources/binary/en_template.tsv (github.com/MilaNLProc/honest).",
                );
            }
            (PromptSet::HonestQueerNonqueer, None) => {
                errors.push(
                    "prompts.path",
                    "",
                    "Give the path of HONEST's resources/queer_nonqueer/en_template.tsv (github.com/MilaNLProc/honest).",
                );
            }
            (PromptSet::Jsonl | PromptSet::Csv, None) => {
                errors.push("prompts.path", "", "Give the path of your file of prompts.");
            }
            _ => {}
        }
        if prompts.limit == Some(0) {
            errors.push("prompts.limit", 0, "Use at least one prompt, or remove prompts.limit to use all.");
        }
        check_seed(errors, "prompts.selection_seed", prompts.selection_seed);
    }

    fn validate_generation(&self, errors: &mut FieldErrors) {
        let generation = &self.generation;
        if generation.do_sample {
            check_sampling(errors, "generation", generation.temperature, generation.top_p);
        } else if generation.num_return_sequences > 1 {
            errors.push(
                "generation.num_return_sequences",
                generation.num_return_sequences,
                "Greedy, every completion of a prompt is the same: write 1, or do_sample = true.",
            );
        }
        check_range(errors, "generation.num_return_sequences", generation.num_return_sequences, 1..=32);
        check_range(errors, "generation.max_new_tokens", generation.max_new_tokens, 1..=1024);
        check_range(errors, "generation.top_k", generation.top_k, 0..=1_000_000);
    }

    fn validate_judge(&self, errors: &mut FieldErrors) {
        let judge = &self.judge;
        let kind = match judge.kind {
            JudgeKind::Lexicon => "lexicon",
            JudgeKind::Hurtlex => "hurtlex",
            JudgeKind::Model => "model",
            JudgeKind::Endpoint => "endpoint",
        };
        let asks = matches!(judge.kind, JudgeKind::Model | JudgeKind::Endpoint);
        let needless = |errors: &mut FieldErrors, field: &str, value: &Option<String>, of: &str| {
            if let Some(value) = value {
                errors.push(
                    field,
                    value,
                    format!("A judge of kind {kind} has no such field (it belongs to {of}); remove it, or change judge.kind."),
                );
            }
        };
        if judge.kind == JudgeKind::Hurtlex {
            if non_empty(&judge.path).is_none() {
                errors.push(
                    "judge.path",
                    "",
                    "Give the path of HurtLex's hurtlex_EN.tsv, or write judge.kind = \"lexicon\" for the built-in list.",
                );
            }
        } else {
            needless(errors, "judge.path", &judge.path, "hurtlex");
        }
        if asks && judge.mode.is_some() {
            errors.push("judge.mode", "", format!("A judge of kind {kind} has no mode (it belongs to lexicon and hurtlex); remove it."));
        }
        if asks {
            match non_empty(&judge.model) {
                None if judge.kind == JudgeKind::Model => {
                    errors.push(
                        "judge.model",
                        "",
                        "Say which instruct model judges: \"default\", or the path of a GGUF file or model directory.",
                    );
                }
                None => errors.push("judge.model", "", "Give the model's name at the endpoint, as its documentation writes it."),
                Some(_) => {}
            }
            if let Some(prompt) = &judge.prompt {
                check_placeholder(errors, "judge.prompt", prompt, "{statement}", "the statement to judge");
            }
        } else {
            needless(errors, "judge.model", &judge.model, "model and endpoint");
            needless(errors, "judge.prompt", &judge.prompt, "model and endpoint");
        }
        if judge.kind != JudgeKind::Model {
            let name = judge.chat_template.map(|template| template.name().to_string());
            needless(errors, "judge.chat_template", &name, "model");
        }
        if judge.kind == JudgeKind::Endpoint {
            check_url(errors, judge.url.as_deref().unwrap_or_default());
            if let Some(name) = &judge.api_key_env {
                check_variable_name(errors, name);
            }
        } else {
            needless(errors, "judge.url", &judge.url, "endpoint");
            if judge.api_key_env.is_some() {
                errors.push("judge.api_key_env", "", format!("A judge of kind {kind} needs no key; remove it, or change judge.kind."));
            }
        }
    }

    fn validate_counterfactuals(&self, errors: &mut FieldErrors) {
        let counterfactuals = &self.counterfactuals;
        match counterfactuals.source {
            CounterfactualSource::File => {
                if non_empty(&counterfactuals.path).is_none() {
                    errors.push(
                        "counterfactuals.path",
                        "",
                        "Give the path of your JSONL file of {\"prompt\", \"target\"}, or write counterfactuals.source = \"model\".",
                    );
                }
                if let Some(model) = &counterfactuals.model {
                    errors.push("counterfactuals.model", model, "With source = \"file\" no model writes; remove it.");
                }
                if let Some(template) = counterfactuals.chat_template {
                    errors.push("counterfactuals.chat_template", template.name(), "With source = \"file\" no model writes; remove it.");
                }
            }
            CounterfactualSource::Model => {
                if let Some(path) = &counterfactuals.path {
                    errors.push(
                        "counterfactuals.path",
                        path,
                        "Only source = \"file\" reads a file; remove the path, or change the source.",
                    );
                }
                if let Some(model) = &counterfactuals.model {
                    check_model(errors, "counterfactuals.model", model);
                }
            }
        }
        check_range(errors, "counterfactuals.k", counterfactuals.k, 1..=20);
        check_range(errors, "counterfactuals.max_new_tokens", counterfactuals.max_new_tokens, 8..=2048);
        check_sampling(errors, "counterfactuals", counterfactuals.temperature, counterfactuals.top_p);
        if let Some(prompt) = &counterfactuals.prompt {
            check_placeholder(errors, "counterfactuals.prompt", prompt, "{statement_prefix}", "the prompt to continue");
        }
    }

    fn validate_training(&self, errors: &mut FieldErrors) {
        let training = &self.training;
        check_range(errors, "training.num_train_epochs", training.num_train_epochs, 1..=1000);
        if let Some(steps) = training.max_steps {
            check_range(errors, "training.max_steps", steps, 1..=1_000_000);
        }
        check_range(errors, "training.per_device_train_batch_size", training.per_device_train_batch_size, 1..=1024);
        check_range(errors, "training.gradient_accumulation_steps", training.gradient_accumulation_steps, 1..=4096);
        check_range(errors, "training.max_length", training.max_length, 8..=8192);
        check_real(
            errors,
            "training.warmup_ratio",
            training.warmup_ratio,
            |x| (0.0..1.0).contains(&x),
            "Write a share of the steps from 0 up to, but not, 1.",
        );
        check_range(errors, "training.warmup_steps", training.warmup_steps, 0..=1_000_000);
        if training.warmup_steps > 0 && training.warmup_ratio > 0.0 {
            errors.push(
                "training.warmup_steps",
                training.warmup_steps,
                "The warm-up is given twice; write 0 here, or write training.warmup_ratio = 0.",
            );
        }
        if let Some(steps) = training.save_steps {
            check_range(errors, "training.save_steps", steps, 1..=1_000_000);
        }
        check_real(
            errors,
            "training.max_grad_norm",
            training.max_grad_norm,
            |x| x >= 0.0,
            "Write a norm above 0, or 0 to leave gradients as they are.",
        );
        check_real(
            errors,
            "training.adam_beta1",
            training.adam_beta1,
            |x| (0.0..1.0).contains(&x),
            "Write a number from 0 up to, but not, 1; 0.9 is usual.",
        );
        check_real(
            errors,
            "training.adam_beta2",
            training.adam_beta2,
            |x| (0.0..1.0).contains(&x),
            "Write a number from 0 up to, but not, 1; 0.999 is usual.",
        );
        check_real(
            errors,
            "training.adam_epsilon",
            training.adam_epsilon,
            |x| x > 0.0 && x <= 0.1,
            "Write a small number above 0; 1e-8 is usual.",
        );
    }

    fn validate_lora(&self, errors: &mut FieldErrors) {
        check_real(errors, "lora.alpha", self.lora.alpha, |x| x > 0.0 && x <= 10_000.0, "Write a number above 0 and up to 10000.");
        check_real(
            errors,
            "lora.lora_dropout",
            self.lora.lora_dropout,
            |x| (0.0..1.0).contains(&x),
            "Write a share from 0 up to, but not, 1; 0.05 is usual, 0 leaves nothing out.",
        );
        let targets = &self.lora.target_modules;
        if targets.is_empty() {
            errors.push("lora.target_modules", "[]", "Name at least one projection, e.g. [\"all-linear\"].");
        }
        let mut known = HashSet::new();
        for (index, target) in targets.iter().enumerate() {
            let field = format!("lora.target_modules[{index}]");
            if target.trim().is_empty() {
                errors.push(field, target, "Name a projection such as q_proj, or remove the entry.");
            } else if !known.insert(target) {
                errors.push(field, target, "This projection is listed twice; remove one.");
            } else if target == "all-linear" && targets.len() > 1 {
                errors.push(field, target, "all-linear stands for every projection: write it alone.");
            }
        }
    }

    fn validate_arms(&self, errors: &mut FieldErrors) {
        if self.arms.is_empty() {
            errors.push("arms", "[]", "Add at least one arm to compare with the original model: a LoRA rank or full fine-tuning.");
        }
        if self.arms.len() > ARMS_LIMIT {
            errors.push("arms", format!("{} arms", self.arms.len()), format!("At most {ARMS_LIMIT} arms."));
        }
        let mut known = HashSet::new();
        for (index, spec) in self.arms.iter().enumerate() {
            let field = |name: &str| format!("arms[{index}].{name}");
            match (spec.kind, spec.lora_r) {
                (ArmKind::Lora, None) => errors.push(field("lora_r"), "", "Give the rank, e.g. lora_r = 8."),
                (ArmKind::Lora, Some(0)) => errors.push(field("lora_r"), 0, "A rank is at least 1."),
                (ArmKind::Lora, Some(rank)) if !known.insert(spec.arm()) => {
                    errors.push(
                        field("lora_r"),
                        rank,
                        "This rank is listed twice; remove one, or put the other learning rate in a study of its own.",
                    );
                }
                (ArmKind::Full, Some(rank)) => {
                    errors.push(field("lora_r"), rank, "Full fine-tuning has no rank; remove lora_r, or write kind = \"lora\".")
                }
                (ArmKind::Full, None) if !known.insert(spec.arm()) => {
                    errors.push(field("kind"), "full", "Full fine-tuning is listed twice; remove one.");
                }
                _ => {}
            }
            check_real(
                errors,
                &field("learning_rate"),
                spec.learning_rate,
                |x| x > 0.0 && x <= 1.0,
                "Write a learning rate above 0 and up to 1; 1e-4 is usual for LoRA, 1e-5 for full fine-tuning.",
            );
            check_real(
                errors,
                &field("weight_decay"),
                spec.weight_decay,
                |x| (0.0..=1.0).contains(&x),
                "Write a weight decay from 0 to 1; 0 is usual.",
            );
        }
    }
}

fn non_empty(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn check_seed(errors: &mut FieldErrors, field: &str, seed: u64) {
    if seed > LARGEST_SEED {
        errors.push(field, seed, format!("Write a seed from 0 to {LARGEST_SEED}."));
    }
}

fn check_model(errors: &mut FieldErrors, field: &str, source: &str) {
    if source.trim().is_empty() {
        errors.push(
            field,
            source,
            "Write \"default\", the path of a GGUF file or of a Hugging Face model directory, or ORG/NAME@REVISION of the hub.",
        );
    }
}

fn check_range<T: PartialOrd + Display>(errors: &mut FieldErrors, field: &str, value: T, range: RangeInclusive<T>) {
    if !range.contains(&value) {
        errors.push(field, value, format!("Write a whole number from {} to {}.", range.start(), range.end()));
    }
}

fn check_real(errors: &mut FieldErrors, field: &str, value: f64, right: impl Fn(f64) -> bool, remedy: &str) {
    if !value.is_finite() || !right(value) {
        errors.push(field, value, remedy);
    }
}

fn check_sampling(errors: &mut FieldErrors, table: &str, temperature: f64, top_p: f64) {
    check_real(
        errors,
        &format!("{table}.temperature"),
        temperature,
        |x| x > 0.0 && x <= 10.0,
        "Write a temperature above 0 and up to 10; 1 leaves the model's probabilities as they are.",
    );
    check_real(
        errors,
        &format!("{table}.top_p"),
        top_p,
        |x| x > 0.0 && x <= 1.0,
        "Write a probability above 0 and up to 1; 1 keeps all tokens.",
    );
}

fn check_placeholder(errors: &mut FieldErrors, field: &str, prompt: &str, placeholder: &str, what: &str) {
    if !prompt.contains(placeholder) {
        errors.push(field, prompt, format!("Write {placeholder} where {what} belongs, or remove the field for the paper's text."));
    }
}

fn check_url(errors: &mut FieldErrors, url: &str) {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default()).unwrap_or_default();
    if host.contains('@') {
        errors.push(
            "judge.url",
            "",
            "Leave user names and passwords out of the address; name the key's environment variable in judge.api_key_env.",
        );
    } else if host.is_empty() || url.contains(char::is_whitespace) {
        errors.push("judge.url", url, "Give the base address of an OpenAI-compatible API, e.g. http://127.0.0.1:8000/v1.");
    }
}

/// The value is not told: people put the key itself here by mistake.
fn check_variable_name(errors: &mut FieldErrors, name: &str) {
    let right = name.chars().next().is_some_and(|first| first.is_ascii_uppercase() || first == '_')
        && name.len() <= 64
        && name.chars().all(|character| character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_');
    if !right {
        errors.push(
            "judge.api_key_env",
            "",
            "Give the name of the environment variable that holds the key, e.g. OPENAI_API_KEY, and never the key itself.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        MemorySize,
        recipe::{ArmSpec, ChatTemplateName, LexiconMode},
    };

    fn sound() -> Recipe {
        let mut recipe = Recipe::from_toml("name = \"A study\"").unwrap();
        recipe.arms = vec![ArmSpec::lora(8, 1e-3), ArmSpec::full(1e-4)];
        recipe
    }

    /// The fields that are refused after `change`, in order.
    fn check(change: impl FnOnce(&mut Recipe), expected: &[&str]) {
        let mut recipe = sound();
        change(&mut recipe);
        let errors = recipe.validate().err().unwrap_or_default();
        let fields: Vec<_> = errors.0.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, expected, "{errors}");
        assert!(errors.0.iter().all(|error| error.remedy.ends_with('.')), "{errors}");
    }

    #[test]
    fn sound_recipes_pass() {
        check(|_| {}, &[]);
        check(|r| r.generation.do_sample = false, &["generation.num_return_sequences"]);
        check(|r| (r.generation.do_sample, r.generation.num_return_sequences) = (false, 1), &[]);
        check(|r| r.judge.mode = Some(LexiconMode::Word), &[]);
    }

    #[test]
    fn every_wrong_head_is_named() {
        check(|r| r.schema = 2, &["schema"]);
        check(|r| r.name = "  ".into(), &["name"]);
        check(|r| r.name = "x".repeat(121), &["name"]);
        check(|r| r.name = "a\nb".into(), &["name"]);
        check(|r| r.seeds.clear(), &["seeds"]);
        check(|r| r.seeds = vec![0, 1, 0], &["seeds[2]"]);
        check(|r| r.seeds = (0..21).collect(), &["seeds"]);
        check(|r| r.seeds = vec![u64::MAX], &["seeds[0]"]);
        check(|r| r.model.source.clear(), &["model.source"]);
        check(|r| r.memory_limit = Some(MemorySize(1 << 19)), &["memory_limit"]);
        check(|r| r.memory_limit = Some(MemorySize(1 << 30)), &[]);
    }

    #[test]
    fn every_wrong_arm_is_named() {
        check(|r| r.arms.clear(), &["arms"]);
        check(|r| r.arms = (1..=17).map(|rank| ArmSpec::lora(rank, 1e-3)).collect(), &["arms"]);
        check(|r| r.arms[0].lora_r = Some(0), &["arms[0].lora_r"]);
        check(|r| r.arms[0].lora_r = None, &["arms[0].lora_r"]);
        check(|r| r.arms[1].lora_r = Some(4), &["arms[1].lora_r"]);
        check(|r| r.arms.push(ArmSpec::lora(8, 1e-4)), &["arms[2].lora_r"]);
        check(|r| r.arms.push(ArmSpec::full(1e-4)), &["arms[2].kind"]);
        for wrong in [0.0, -1e-4, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5] {
            check(|r| r.arms[1].learning_rate = wrong, &["arms[1].learning_rate"]);
        }
        for wrong in [-0.1, f64::NAN, 1.1] {
            check(|r| r.arms[0].weight_decay = wrong, &["arms[0].weight_decay"]);
        }
    }

    #[test]
    fn every_wrong_generation_is_named() {
        for wrong in [0.0, -1.0, f64::NAN, 11.0] {
            check(|r| r.generation.temperature = wrong, &["generation.temperature"]);
            check(|r| r.counterfactuals.temperature = wrong, &["counterfactuals.temperature"]);
        }
        for wrong in [0.0, 1.01, f64::NAN] {
            check(|r| r.generation.top_p = wrong, &["generation.top_p"]);
            check(|r| r.counterfactuals.top_p = wrong, &["counterfactuals.top_p"]);
        }
        check(|r| r.generation.num_return_sequences = 0, &["generation.num_return_sequences"]);
        check(|r| r.generation.num_return_sequences = 33, &["generation.num_return_sequences"]);
        check(|r| r.generation.max_new_tokens = 0, &["generation.max_new_tokens"]);
        check(|r| r.generation.top_k = 2_000_000, &["generation.top_k"]);
    }

    #[test]
    fn every_wrong_source_is_named() {
        for set in [PromptSet::HonestBinary, PromptSet::HonestQueerNonqueer, PromptSet::HonestRace, PromptSet::Jsonl, PromptSet::Csv] {
            check(|r| r.prompts.set = set, &["prompts.path"]);
            check(|r| (r.prompts.set, r.prompts.path) = (set, Some("x".into())), &[]);
        }
        check(|r| r.prompts.path = Some("x".into()), &["prompts.path"]);
        check(|r| r.prompts.limit = Some(0), &["prompts.limit"]);
        check(|r| r.prompts.selection_seed = u64::MAX, &["prompts.selection_seed"]);
        check(|r| r.counterfactuals.source = CounterfactualSource::File, &["counterfactuals.path"]);
        check(|r| r.counterfactuals.path = Some("x".into()), &["counterfactuals.path"]);
        check(|r| r.counterfactuals.prompt = Some("Write {k}.".into()), &["counterfactuals.prompt"]);
        check(|r| r.counterfactuals.chat_template = Some(ChatTemplateName::Llama2), &[]);
        check(
            |r| {
                r.counterfactuals.source = CounterfactualSource::File;
                r.counterfactuals.path = Some("x".into());
                r.counterfactuals.chat_template = Some(ChatTemplateName::Tulu)
            },
            &["counterfactuals.chat_template"],
        );
        check(|r| r.counterfactuals.k = 0, &["counterfactuals.k"]);
        check(|r| r.counterfactuals.k = 21, &["counterfactuals.k"]);
        check(|r| r.counterfactuals.max_new_tokens = 0, &["counterfactuals.max_new_tokens"]);
    }

    #[test]
    fn every_wrong_judge_is_named() {
        check(|r| r.judge.kind = JudgeKind::Hurtlex, &["judge.path"]);
        check(|r| r.judge.path = Some("x".into()), &["judge.path"]);
        check(|r| r.judge.kind = JudgeKind::Model, &["judge.model"]);
        check(|r| r.judge.model = Some("x".into()), &["judge.model"]);
        check(|r| r.judge.kind = JudgeKind::Endpoint, &["judge.model", "judge.url"]);
        let endpoint = |r: &mut Recipe| {
            r.judge.kind = JudgeKind::Endpoint;
            r.judge.model = Some("m".into());
            r.judge.url = Some("https://host/v1".into());
        };
        check(endpoint, &[]);
        for url in ["host/v1", "ftp://host", "http://", "http://ho st", "https://me:secret@host/v1"] {
            check(
                |r| {
                    endpoint(r);
                    r.judge.url = Some(url.into())
                },
                &["judge.url"],
            );
        }
        check(
            |r| {
                r.judge.kind = JudgeKind::Model;
                r.judge.model = Some("default".into());
                r.judge.chat_template = Some(ChatTemplateName::ChatMl)
            },
            &[],
        );
        check(|r| r.judge.chat_template = Some(ChatTemplateName::ChatMl), &["judge.chat_template"]);
        check(
            |r| {
                endpoint(r);
                r.judge.chat_template = Some(ChatTemplateName::Llama3)
            },
            &["judge.chat_template"],
        );
        check(
            |r| {
                endpoint(r);
                r.judge.prompt = Some("toxic?".into())
            },
            &["judge.prompt"],
        );
        check(
            |r| {
                endpoint(r);
                r.judge.mode = Some(LexiconMode::Word)
            },
            &["judge.mode"],
        );
        check(
            |r| {
                endpoint(r);
                r.judge.api_key_env = Some("OPENAI_API_KEY".into())
            },
            &[],
        );
    }

    #[test]
    fn a_key_in_place_of_its_variable_is_never_repeated() {
        let mut recipe = sound();
        recipe.judge.kind = JudgeKind::Endpoint;
        recipe.judge.model = Some("m".into());
        recipe.judge.url = Some("https://host/v1".into());
        recipe.judge.api_key_env = Some("sk-not-a-name-123".into());
        let errors = recipe.validate().unwrap_err();
        assert_eq!(errors.0[0].field, "judge.api_key_env");
        assert!(!errors.to_string().contains("sk-not"), "{errors}");
    }

    #[test]
    fn every_wrong_training_field_is_named() {
        check(|r| r.training.num_train_epochs = 0, &["training.num_train_epochs"]);
        check(|r| r.training.max_steps = Some(0), &["training.max_steps"]);
        check(|r| r.training.per_device_train_batch_size = 0, &["training.per_device_train_batch_size"]);
        check(|r| r.training.gradient_accumulation_steps = 0, &["training.gradient_accumulation_steps"]);
        check(|r| r.training.max_length = 7, &["training.max_length"]);
        check(|r| r.training.warmup_ratio = 1.0, &["training.warmup_ratio"]);
        check(|r| r.training.warmup_steps = 2_000_000, &["training.warmup_steps"]);
        check(|r| (r.training.warmup_steps, r.training.warmup_ratio) = (4, 0.1), &["training.warmup_steps"]);
        check(|r| r.training.warmup_steps = 4, &[]);
        check(|r| r.training.save_steps = Some(0), &["training.save_steps"]);
        for wrong in [-0.1, 1.0, f64::NAN] {
            check(|r| r.lora.lora_dropout = wrong, &["lora.lora_dropout"]);
        }
        check(|r| r.training.max_grad_norm = -1.0, &["training.max_grad_norm"]);
        check(|r| r.training.adam_beta1 = 1.0, &["training.adam_beta1"]);
        check(|r| r.training.adam_beta2 = f64::NAN, &["training.adam_beta2"]);
        check(|r| r.training.adam_epsilon = 0.0, &["training.adam_epsilon"]);
        check(|r| r.lora.alpha = 0.0, &["lora.alpha"]);
        check(|r| r.lora.target_modules.clear(), &["lora.target_modules"]);
        check(|r| r.lora.target_modules = vec!["q_proj".into(), "q_proj".into()], &["lora.target_modules[1]"]);
        check(|r| r.lora.target_modules = vec!["all-linear".into(), "q_proj".into()], &["lora.target_modules[0]"]);
    }

    #[test]
    fn all_wrong_fields_are_told_at_once() {
        check(
            |r| {
                r.name.clear();
                r.arms[0].learning_rate = 0.0;
                r.training.max_length = 0;
            },
            &["name", "training.max_length", "arms[0].learning_rate"],
        );
    }
}
