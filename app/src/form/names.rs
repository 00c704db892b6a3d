//! The names of the form's inputs: the recipe's paths, with dots.

use rankscope_domain::recipe::StudyKind;

/// Every input of the form but the arms'.
pub const FIELDS: &[&str] = &[
    "kind",
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
    "data.source",
    "data.test_path",
    "data.train_split",
    "data.test_split",
    "data.test_share",
    "data.text_column",
    "data.label_column",
    "data.label_names",
    "data.positive_label",
    "data.train_limit",
    "data.test_limit",
    "data.selection_seed",
    "groups.by",
    "groups.column",
    "groups.terms",
    "groups.minority",
    "groups.minority_fractions",
    "classifier.head",
    "classifier.prompt",
    "classifier.options",
    "classifier.max_new_tokens",
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
    "training.keep_full_weights",
    "lora.alpha_policy",
    "lora.alpha",
    "lora.lora_dropout",
    "lora.target_modules",
    "inspection",
    "inspection.lens_prompts",
    "inspection.lens_top_k",
    "inspection.lens_new_tokens",
    "inspection.divergence",
    "inspection.divergence_limit",
    "inspection.weight_distance",
];

/// Inputs that hold a whole list: an error of one item is shown there.
const LISTS: [&str; 7] = [
    "seeds",
    "lora.target_modules",
    "data.label_names",
    "groups.minority_fractions",
    "groups.terms",
    "classifier.options",
    "inspection.lens_prompts",
];

/// The input that a recipe's path belongs to: `arms[1].lora_r` is `arms.1.lora_r`; an item of a list that is one
/// input (`seeds[2]`, `groups.terms[0].words`) belongs to the list.
pub fn input_name(path: &str) -> String {
    let name = path.replace('[', ".").replace(']', "");
    match LISTS.iter().find(|list| name.strip_prefix(**list).is_some_and(|rest| rest.starts_with('.'))) {
        Some(list) => (*list).into(),
        None => name,
    }
}

/// Whether studies of this kind read an input; what they don't read is kept, but not shown.
pub fn is_read(name: &str, kind: StudyKind) -> bool {
    let table = name.split('.').next().unwrap_or(name);
    let is_foreign = kind.foreign_tables().contains(&table);
    !is_foreign && (name != "training.keep_full_weights" || kind == StudyKind::Classification)
}
