//! The form's inputs: what each is called in the recipe, its unit, and what it means in a line. Those of classification studies alone
//! are in `class_fields`.

use super::class_fields::{CLASSIFIER, DATA, GROUPS};
use crate::form::is_read;
use rankscope_domain::recipe::StudyKind;

/// How an input is typed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    Text,
    /// A line as wide as the form.
    WideText,
    /// Several lines.
    Area,
    /// A number; whether it is a whole one.
    Number {
        whole: bool,
    },
    /// One of: the recipe's word, and what it says to people.
    Select(&'static [(&'static str, &'static str)]),
    /// A model's path, or one that is known.
    Model,
    /// A data set's path, or one that is known.
    Dataset,
}

/// One input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// The recipe's path.
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) unit: &'static str,
    pub(super) help: &'static str,
    pub(super) control: Control,
    /// Only of use where another input has one of these values.
    pub(super) only_with: Option<(&'static str, &'static [&'static str])>,
}

pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) fields: &'static [Field],
    /// What is rarely changed: folded away until it is.
    pub(super) more: &'static [Field],
}

impl Section {
    /// Whether studies of a kind have any of its fields.
    pub(super) fn is_of(&self, kind: StudyKind) -> bool {
        self.all_fields().any(|field| is_read(field.name, kind))
    }

    pub(super) fn all_fields(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().chain(self.more)
    }
}

pub(super) const WHOLE: Control = Control::Number { whole: true };
pub(super) const DECIMAL: Control = Control::Number { whole: false };
const CHAT_TEMPLATE: Control = Control::Select(&[
    ("", "the model’s own"),
    ("tulu", "Tulu: <|user|>"),
    ("chatml", "ChatML: <|im_start|>user"),
    ("llama-2", "Llama 2: [INST]"),
    ("llama-3", "Llama 3: <|start_header_id|>user"),
]);

pub(super) const fn field(name: &'static str, label: &'static str, unit: &'static str, help: &'static str, control: Control) -> Field {
    Field { name, label, unit, help, control, only_with: None }
}

pub(super) const fn only_with(mut field: Field, input: &'static str, values: &'static [&'static str]) -> Field {
    field.only_with = Some((input, values));
    field
}

pub(super) const SECTIONS: &[Section] = &[
    Section {
        title: "Study",
        fields: &[
            field("name", "Name", "", "Shown in lists and titles.", Control::WideText),
            field(
                "model.source",
                "model.source",
                "",
                "“default” is the model that comes with Rankscope; or a path on this machine, or a model of the hub, ORG/NAME@REVISION. The page Models shows those that are here. An encoder such as BERT can only classify, with a classification head.",
                Control::Model,
            ),
            field(
                "seeds",
                "seeds",
                "",
                "Whole numbers separated by commas. Every arm is trained once a seed (and minority fraction); several show how much is chance.",
                Control::Text,
            ),
            field("notes", "Notes", "", "Anything that a reader should know.", Control::Area),
        ],
        more: &[],
    },
    Section {
        title: "Prompts",
        fields: &[
            field(
                "prompts.set",
                "prompts.set",
                "",
                "What every arm completes. The built-in set is templates × identities, in the manner of HONEST.",
                Control::Select(&[
                    ("builtin", "built-in"),
                    ("honest_binary", "HONEST, binary gender"),
                    ("honest_queer_nonqueer", "HONEST, queer / non-queer"),
                    ("honest_race", "HONEST Race"),
                    ("jsonl", "own prompts, JSONL"),
                    ("csv", "own prompts, CSV"),
                ]),
            ),
            only_with(
                field(
                    "prompts.path",
                    "prompts.path",
                    "",
                    "The file on this machine, for every set but the built-in one: MilaNLP’s en_template.tsv, or your own.",
                    Control::Text,
                ),
                "prompts.set",
                &["honest_binary", "honest_queer_nonqueer", "honest_race", "jsonl", "csv"],
            ),
            field("prompts.limit", "prompts.limit", "prompts", "At most this many, spread evenly over the groups. Empty: all.", WHOLE),
            field("prompts.selection_seed", "prompts.selection_seed", "", "Which prompts a limit takes.", WHOLE),
        ],
        more: &[],
    },
    Section {
        title: "Completions",
        fields: &[
            field(
                "generation.do_sample",
                "do_sample",
                "",
                "Sampled as HONEST does, or the one likeliest completion.",
                Control::Select(&[("true", "sample"), ("false", "greedy")]),
            ),
            field(
                "generation.num_return_sequences",
                "num_return_sequences",
                "a prompt",
                "Completions of each prompt; 1 where greedy.",
                WHOLE,
            ),
            field("generation.max_new_tokens", "max_new_tokens", "tokens", "A completion’s greatest length.", WHOLE),
            only_with(
                field("generation.temperature", "temperature", "", "Above 1 wilder, below 1 tamer.", DECIMAL),
                "generation.do_sample",
                &["true"],
            ),
            only_with(
                field("generation.top_p", "top_p", "", "Draw from the fewest tokens that hold this probability; 1 keeps all.", DECIMAL),
                "generation.do_sample",
                &["true"],
            ),
            only_with(
                field("generation.top_k", "top_k", "tokens", "Draw from the likeliest; 0 keeps all.", WHOLE),
                "generation.do_sample",
                &["true"],
            ),
        ],
        more: &[],
    },
    Section {
        title: "Judge",
        fields: &[
            field(
                "judge.kind",
                "judge.kind",
                "",
                "What calls a completion toxic. An endpoint is any OpenAI-compatible API.",
                Control::Select(&[
                    ("lexicon", "built-in list of words"),
                    ("hurtlex", "HONEST’s score, HurtLex"),
                    ("model", "instruct model, yes or no"),
                    ("endpoint", "endpoint, yes or no"),
                ]),
            ),
            only_with(
                field(
                    "judge.mode",
                    "judge.mode",
                    "",
                    "What of a completion is looked up.",
                    Control::Select(&[("", "usual: every word"), ("sentence", "every word"), ("word", "the whole completion")]),
                ),
                "judge.kind",
                &["lexicon", "hurtlex"],
            ),
            only_with(
                field("judge.path", "judge.path", "", "HurtLex’s TSV file on this machine.", Control::Text),
                "judge.kind",
                &["hurtlex"],
            ),
            only_with(
                field("judge.model", "judge.model", "", "The judging model: as model.source, or its name at the endpoint.", Control::Text),
                "judge.kind",
                &["model", "endpoint"],
            ),
            only_with(
                field("judge.url", "judge.url", "", "Base address of the API, e.g. http://127.0.0.1:8000/v1.", Control::Text),
                "judge.kind",
                &["endpoint"],
            ),
            only_with(
                field(
                    "judge.api_key_env",
                    "judge.api_key_env",
                    "",
                    "Environment variable of the server that holds the key; the key itself is never stored.",
                    Control::Text,
                ),
                "judge.kind",
                &["endpoint"],
            ),
            only_with(
                field("judge.chat_template", "judge.chat_template", "", "How the question is put to the judging model.", CHAT_TEMPLATE),
                "judge.kind",
                &["model"],
            ),
            only_with(
                field("judge.prompt", "judge.prompt", "", "The question, with {statement}. Empty: the paper’s.", Control::Area),
                "judge.kind",
                &["model", "endpoint"],
            ),
        ],
        more: &[],
    },
    Section {
        title: "Counterfactuals",
        fields: &[
            field(
                "counterfactuals.source",
                "counterfactuals.source",
                "",
                "Where the non-toxic training targets come from.",
                Control::Select(&[("model", "an instruct model"), ("file", "own pairs, JSONL")]),
            ),
            only_with(
                field(
                    "counterfactuals.path",
                    "counterfactuals.path",
                    "",
                    "JSONL of {\"prompt\", \"target\"} on this machine.",
                    Control::Text,
                ),
                "counterfactuals.source",
                &["file"],
            ),
            only_with(
                field(
                    "counterfactuals.model",
                    "counterfactuals.model",
                    "",
                    "The writing model, as model.source. Empty: the base model itself.",
                    Control::Text,
                ),
                "counterfactuals.source",
                &["model"],
            ),
            only_with(
                field(
                    "counterfactuals.chat_template",
                    "counterfactuals.chat_template",
                    "",
                    "How the instruction is put to the writing model.",
                    CHAT_TEMPLATE,
                ),
                "counterfactuals.source",
                &["model"],
            ),
            only_with(
                field("counterfactuals.k", "k", "a prompt", "Counterfactuals asked for; the paper has 5.", WHOLE),
                "counterfactuals.source",
                &["model"],
            ),
            only_with(
                field("counterfactuals.max_new_tokens", "max_new_tokens", "tokens", "A list’s greatest length.", WHOLE),
                "counterfactuals.source",
                &["model"],
            ),
            only_with(
                field("counterfactuals.temperature", "temperature", "", "Of the writer’s sampling.", DECIMAL),
                "counterfactuals.source",
                &["model"],
            ),
            only_with(
                field("counterfactuals.top_p", "top_p", "", "Of the writer’s sampling.", DECIMAL),
                "counterfactuals.source",
                &["model"],
            ),
            only_with(
                field(
                    "counterfactuals.prompt",
                    "counterfactuals.prompt",
                    "",
                    "The instruction, with {statement_prefix} and {k}. Empty: the paper’s.",
                    Control::Area,
                ),
                "counterfactuals.source",
                &["model"],
            ),
        ],
        more: &[],
    },
    DATA,
    GROUPS,
    CLASSIFIER,
    Section {
        title: "LoRA",
        fields: &[
            field(
                "lora.alpha_policy",
                "alpha_policy",
                "",
                "How lora_alpha goes with the rank; it is stated beside every result.",
                Control::Select(&[
                    ("multiple_of_r", "a multiple of r"),
                    ("constant", "one lora_alpha for every rank"),
                    ("rank_stabilised", "rank-stabilised: alpha / √r"),
                ]),
            ),
            field("lora.alpha", "alpha", "", "lora_alpha; for a multiple of r, the multiple.", DECIMAL),
            field("lora.lora_dropout", "lora_dropout", "", "Share of what A reads that training leaves out at random; 0: none.", DECIMAL),
            field(
                "lora.target_modules",
                "target_modules",
                "",
                "all-linear (all but the unembedding), or projections such as q_proj, v_proj.",
                Control::Text,
            ),
        ],
        more: &[],
    },
    Section {
        title: "Training",
        fields: &[
            field("training.num_train_epochs", "num_train_epochs", "epochs", "Passes over the training examples.", WHOLE),
            field("training.max_steps", "max_steps", "steps", "Optimiser steps in place of the epochs’. Empty: as the epochs give.", WHOLE),
            field(
                "training.per_device_train_batch_size",
                "per_device_train_batch_size",
                "examples",
                "Training examples in memory at once.",
                WHOLE,
            ),
            field(
                "training.gradient_accumulation_steps",
                "gradient_accumulation_steps",
                "batches",
                "Batches whose gradients make one step; the paper has 32.",
                WHOLE,
            ),
            field(
                "training.max_length",
                "max_length",
                "tokens",
                "Of a prompt and its target, or of a text to classify; what is longer is cut and counted.",
                WHOLE,
            ),
            field(
                "training.lr_scheduler_type",
                "lr_scheduler_type",
                "",
                "How the learning rate falls.",
                Control::Select(&[("constant", "constant"), ("linear", "linear"), ("cosine", "cosine")]),
            ),
            field("training.warmup_ratio", "warmup_ratio", "of the steps", "Over which the rate rises from 0.", DECIMAL),
            field("training.warmup_steps", "warmup_steps", "steps", "The same in steps; 0: as warmup_ratio says.", WHOLE),
            field("training.max_grad_norm", "max_grad_norm", "", "Gradients are clipped to this norm; 0: not clipped.", DECIMAL),
            field(
                "training.keep_full_weights",
                "keep_full_weights",
                "",
                "Whether a model that was trained in full stays on the disk once it has classified the test examples. Adapters always stay.",
                Control::Select(&[("true", "kept"), ("false", "deleted")]),
            ),
        ],
        more: &[],
    },
    Section {
        title: "Advanced",
        fields: &[
            field("training.adam_beta1", "adam_beta1", "", "AdamW’s first decay.", DECIMAL),
            field("training.adam_beta2", "adam_beta2", "", "AdamW’s second decay.", DECIMAL),
            field("training.adam_epsilon", "adam_epsilon", "", "Keeps AdamW from dividing by 0.", DECIMAL),
            field(
                "training.decay_biases_and_norms",
                "decay_biases_and_norms",
                "",
                "What weight_decay touches.",
                Control::Select(&[("false", "matrices alone"), ("true", "biases and norms too")]),
            ),
            field(
                "training.group_by_length",
                "group_by_length",
                "",
                "Whether a step takes examples of like length.",
                Control::Select(&[("false", "in random order"), ("true", "like lengths together")]),
            ),
            field(
                "training.gradient_checkpointing",
                "gradient_checkpointing",
                "",
                "Computes each layer twice in place of keeping it: less memory, about a third more time, the same result.",
                Control::Select(&[("false", "off"), ("true", "on")]),
            ),
            field(
                "training.save_steps",
                "save_steps",
                "steps",
                "Between two savings of the training’s state, from which a run that was killed goes on. Empty: at most once a minute.",
                WHOLE,
            ),
            field(
                "memory_limit",
                "memory_limit",
                "",
                "The most memory that the study may take, as 8 GiB: LoRA arms are trained in groups that fit. Empty: what the machine has.",
                Control::Text,
            ),
        ],
        more: &[],
    },
    Section {
        title: "Inside the models",
        fields: &[
            field(
                "inspection",
                "inspection",
                "",
                "Whether the models of the first seed are looked into: the logit lens, divergences from the original, distances in weights. Decoders that predict tokens alone: with a classification head nothing is looked at.",
                Control::Select(&[("false", "nothing is looked at"), ("true", "look inside")]),
            ),
            only_with(
                field(
                    "inspection.lens_prompts",
                    "lens_prompts",
                    "",
                    "Texts that the logit lens looks at, one a line; \\n within one stands for a line break. Empty: no lens.",
                    Control::Area,
                ),
                "inspection",
                &["true"],
            ),
            only_with(
                field("inspection.lens_top_k", "lens_top_k", "tokens", "How many of the likeliest each cell of the lens lists.", WHOLE),
                "inspection",
                &["true"],
            ),
            only_with(
                field("inspection.lens_new_tokens", "lens_new_tokens", "tokens", "Length of the continuation above a panel.", WHOLE),
                "inspection",
                &["true"],
            ),
            only_with(
                field(
                    "inspection.divergence",
                    "divergence",
                    "",
                    "KL divergence of each arm’s predictions from the original’s.",
                    Control::Select(&[("true", "measure"), ("false", "leave out")]),
                ),
                "inspection",
                &["true"],
            ),
            only_with(
                field("inspection.divergence_limit", "divergence_limit", "examples", "At most over so many prompts or texts.", WHOLE),
                "inspection",
                &["true"],
            ),
            only_with(
                field(
                    "inspection.weight_distance",
                    "weight_distance",
                    "",
                    "Norm and effective rank of each matrix’s update.",
                    Control::Select(&[("true", "measure"), ("false", "leave out")]),
                ),
                "inspection",
                &["true"],
            ),
        ],
        more: &[],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_has_every_field_once() {
        let mut shown: Vec<&str> = SECTIONS.iter().flat_map(Section::all_fields).map(|field| field.name).collect();
        shown.sort_unstable();
        let mut wanted = crate::form::FIELDS.to_vec();
        wanted.retain(|name| *name != "kind"); // the choice above the sections
        wanted.sort_unstable();
        assert_eq!(shown, wanted);
    }

    #[test]
    fn conditions_name_fields_and_their_values() {
        let fields: Vec<&Field> = SECTIONS.iter().flat_map(Section::all_fields).collect();
        for (input, values) in fields.iter().filter_map(|field| field.only_with) {
            let other = fields.iter().find(|field| field.name == input).expect(input);
            let Control::Select(options) = other.control else { panic!("{input} is no list") };
            assert!(values.iter().all(|value| options.iter().any(|(word, _)| word == value)), "{input}: {values:?}");
        }
    }

    #[test]
    fn a_sections_fields_are_of_the_same_kinds() {
        for section in SECTIONS {
            for kind in [StudyKind::Toxicity, StudyKind::Classification] {
                let is_shared = section.fields.iter().any(|field| field.name.starts_with("training."));
                let seen = section.all_fields().filter(|field| is_read(field.name, kind)).count();
                assert!(is_shared || seen == 0 || seen == section.all_fields().count(), "{} of {kind:?}", section.title);
                assert_eq!(section.is_of(kind), seen > 0, "{} of {kind:?}", section.title);
            }
        }
    }

    #[test]
    fn selects_offer_what_the_recipe_has() {
        let recipe = rankscope_domain::preset::presets().remove(0).recipe;
        let form = crate::form::RecipeForm::from_recipe(&recipe);
        for field in SECTIONS.iter().flat_map(Section::all_fields) {
            let Control::Select(options) = field.control else { continue };
            for (word, _) in options {
                let mut form = form.clone();
                let of_classification = !is_read(field.name, StudyKind::Toxicity);
                form.set("kind", if of_classification { "classification" } else { "toxicity" }.into());
                form.set(field.name, (*word).into());
                let errors = form.to_recipe().err().unwrap_or_default();
                assert!(!errors.0.iter().any(|error| error.remedy == "Choose one of the list."), "{} = {word}: {errors}", field.name);
            }
        }
    }
}
