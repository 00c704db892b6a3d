//! The recipe: all that a study is, in one TOML file. The form, the command line and the API read and
//! write this same type; names are those of Hugging Face transformers and PEFT.

pub use crate::{
    classification::{Classifier, Data, GroupBy, Groups, HeadKind, TermGroup},
    inspection::Inspection,
};

use crate::{Arm, CellId, FieldErrors, MemorySize};
use serde::{Deserialize, Serialize};

/// The recipe format that this program writes.
pub const RECIPE_SCHEMA: u32 = 1;

/// The model that comes with the program, as `model.source`.
pub const DEFAULT_MODEL: &str = "default";

/// A study's question, frozen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Version of this format; 1.
    #[serde(default = "recipe_schema")]
    pub schema: u32,
    /// Shown in lists and titles; 1 to 120 characters.
    pub name: String,
    /// Which of the paper's tasks.
    #[serde(default)]
    pub kind: StudyKind,
    /// Anything the reader should know; free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
    /// One cell of every trained arm per seed; the seed drives LoRA's `A`, the data order and sampling.
    #[serde(default = "one_seed")]
    pub seeds: Vec<u64>,
    /// The most memory that the study may take, as `8 GiB` or bytes: LoRA arms are trained and completed in groups that fit.
    /// Absent: what the machine has, less a margin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<MemorySize>,
    #[serde(default)]
    pub model: ModelSource,
    /// Toxicity alone, as the three that follow.
    #[serde(default)]
    pub prompts: Prompts,
    #[serde(default)]
    pub generation: Generation,
    #[serde(default)]
    pub judge: Judge,
    #[serde(default)]
    pub counterfactuals: Counterfactuals,
    /// Classification alone, as the two that follow.
    #[serde(default)]
    pub data: Data,
    #[serde(default)]
    pub groups: Groups,
    #[serde(default)]
    pub classifier: Classifier,
    #[serde(default)]
    pub training: Training,
    #[serde(default)]
    pub lora: Lora,
    /// What is looked at inside of the models; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspection: Option<Inspection>,
    /// The trained arms; `original` is always there and need not be named.
    #[serde(default)]
    pub arms: Vec<ArmSpec>,
}

fn recipe_schema() -> u32 {
    RECIPE_SCHEMA
}
fn one_seed() -> Vec<u64> {
    vec![0]
}

/// Which task of the paper a study is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StudyKind {
    /// Task A: does the fine-tuned model still complete prompts with toxic text?
    #[default]
    Toxicity,
    /// Task B: how does accuracy fall for a group whose training examples become few?
    Classification,
}

impl StudyKind {
    pub fn label(self) -> &'static str {
        match self {
            StudyKind::Toxicity => "toxicity",
            StudyKind::Classification => "classification",
        }
    }

    /// The recipe's tables that only studies of another kind have.
    pub fn foreign_tables(self) -> &'static [&'static str] {
        match self {
            StudyKind::Toxicity => &["data", "groups", "classifier"],
            StudyKind::Classification => &["prompts", "generation", "judge", "counterfactuals"],
        }
    }
}

/// Where the base model comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSource {
    /// `default`; the path of a GGUF file or of a Hugging Face model directory; or a model of the hub, `ORG/NAME` or
    /// `ORG/NAME@REVISION`. A folder or file that is called so comes first; `hf:ORG/NAME` is the hub's always, `./ORG/NAME` a path.
    pub source: String,
}

impl Default for ModelSource {
    fn default() -> Self {
        Self { source: DEFAULT_MODEL.into() }
    }
}

/// The prompts that every arm completes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Prompts {
    pub set: PromptSet,
    /// The file, for every set but `builtin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// At most this many prompts, spread evenly over the groups by `selection_seed`; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    pub selection_seed: u64,
}

impl Default for Prompts {
    fn default() -> Self {
        Self { set: PromptSet::Builtin, path: None, limit: None, selection_seed: 0 }
    }
}

/// A set of prompts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptSet {
    /// Rankscope's own templates x identities, in the manner of HONEST.
    #[default]
    Builtin,
    /// HONEST's binary gender templates, MilaNLP's `en_template.tsv`.
    HonestBinary,
    /// HONEST's queer / non-queer templates, MilaNLP's `en_template.tsv`.
    HonestQueerNonqueer,
    /// Derived from the binary file: each gendered word becomes a race and a gender.
    HonestRace,
    /// Own prompts, a JSON object a line: `prompt`, and optionally `group`, `category`, `template`.
    Jsonl,
    /// Own prompts, with a header line naming the same columns.
    Csv,
}

/// How completions are drawn, for every arm alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Generation {
    /// False: greedy, one completion a prompt.
    pub do_sample: bool,
    pub temperature: f64,
    /// Nucleus: the smallest set of tokens whose probability reaches this. 1 keeps all.
    pub top_p: f64,
    /// Only the `top_k` likeliest tokens; 0 keeps all.
    pub top_k: u32,
    /// Completions a prompt.
    pub num_return_sequences: u32,
    /// Tokens.
    pub max_new_tokens: u32,
}

impl Default for Generation {
    fn default() -> Self {
        Self { do_sample: true, temperature: 1.0, top_p: 0.95, top_k: 0, num_return_sequences: 2, max_new_tokens: 12 }
    }
}

/// What calls a completion toxic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Judge {
    pub kind: JudgeKind,
    /// `hurtlex`: the lexicon's TSV file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `lexicon` and `hurtlex`: what of a completion is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<LexiconMode>,
    /// `model`: the judging model, as in `model.source`. `endpoint`: the model's name there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `endpoint`: base address of an OpenAI-compatible API, e.g. `http://127.0.0.1:8000/v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `endpoint`: the environment variable that holds the key; the key itself is never stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// `model`: how a user's turn is put to it; absent: as its files say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<ChatTemplateName>,
    /// `model` and `endpoint`: the question, with `{statement}`; absent: the paper's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
}

/// How a user's turn is put to an instruct model whose files don't say it, or say it wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ChatTemplateName {
    /// `<|user|>` and `<|assistant|>`, as in the paper's Appendix C.
    #[serde(rename = "tulu")]
    Tulu,
    /// `<|im_start|>user` and `<|im_end|>`.
    #[serde(rename = "chatml")]
    ChatMl,
    /// `[INST]` and `[/INST]`.
    #[serde(rename = "llama-2")]
    Llama2,
    /// `<|start_header_id|>user<|end_header_id|>` and `<|eot_id|>`.
    #[serde(rename = "llama-3")]
    Llama3,
}

impl ChatTemplateName {
    /// As it stands in a recipe.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tulu => "tulu",
            Self::ChatMl => "chatml",
            Self::Llama2 => "llama-2",
            Self::Llama3 => "llama-3",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JudgeKind {
    /// Rankscope's own small list of hurtful words.
    #[default]
    Lexicon,
    /// HONEST's score with a HurtLex file, conservative lemmas.
    Hurtlex,
    /// An instruct model on this machine, asked yes or no.
    Model,
    /// An OpenAI-compatible endpoint, asked yes or no.
    Endpoint,
}

/// HONEST's two ways of reading a completion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LexiconMode {
    /// Every word of the completion is looked up.
    #[default]
    Sentence,
    /// The completion as a whole is one entry of the lexicon.
    Word,
}

/// Where the fine-tuning targets come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Counterfactuals {
    pub source: CounterfactualSource,
    /// `file`: JSONL of `{"prompt","target"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `model`: the writing model, as in `model.source`; absent: the study's own base model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `model`: how a user's turn is put to it; absent: as its files say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<ChatTemplateName>,
    /// Counterfactuals asked for per prompt (the paper's k).
    pub k: u32,
    /// Tokens a list may have.
    pub max_new_tokens: u32,
    pub temperature: f64,
    pub top_p: f64,
    /// The instruction, with `{statement_prefix}` and `{k}`; absent: the paper's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
}

impl Default for Counterfactuals {
    fn default() -> Self {
        Self {
            source: CounterfactualSource::Model,
            path: None,
            model: None,
            chat_template: None,
            k: 5,
            max_new_tokens: 160,
            temperature: 0.7,
            top_p: 0.95,
            prompt: None,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CounterfactualSource {
    /// An instruct model writes them for the prompts that led to toxic completions.
    #[default]
    Model,
    /// The user's own pairs.
    File,
}

/// How every arm is trained; what differs by arm stands with the arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    pub num_train_epochs: u32,
    /// Optimiser steps in place of the epochs': fewer, or more, the pairs then coming again. Absent: as the epochs give.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u32>,
    pub per_device_train_batch_size: u32,
    pub gradient_accumulation_steps: u32,
    pub lr_scheduler_type: SchedulerType,
    /// Share of the steps over which the rate rises from 0.
    pub warmup_ratio: f64,
    /// The same in steps; 0: as `warmup_ratio` says.
    pub warmup_steps: u32,
    /// Global norm that gradients are clipped to; 0: not clipped.
    pub max_grad_norm: f64,
    pub adam_beta1: f64,
    pub adam_beta2: f64,
    pub adam_epsilon: f64,
    /// False: weight decay is for matrices alone.
    pub decay_biases_and_norms: bool,
    /// Pairs of like length into one step.
    pub group_by_length: bool,
    /// Computes each layer again for the backward pass in place of keeping it: less memory, more time, the same result.
    pub gradient_checkpointing: bool,
    /// Optimiser steps between two savings of the training's state, from which a run that was killed goes on. Absent: once a
    /// minute, or less often where saving takes long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub save_steps: Option<u32>,
    /// Tokens of a prompt and its target; what is longer is cut and counted.
    pub max_length: u32,
    /// Classification: whether the weights of cells that were trained in full stay on the disk once the test examples are
    /// classified. Adapters always stay.
    pub keep_full_weights: bool,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            num_train_epochs: 1,
            max_steps: None,
            per_device_train_batch_size: 8,
            gradient_accumulation_steps: 1,
            lr_scheduler_type: SchedulerType::Constant,
            warmup_ratio: 0.0,
            warmup_steps: 0,
            max_grad_norm: 1.0,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            decay_biases_and_norms: false,
            group_by_length: false,
            gradient_checkpointing: false,
            save_steps: None,
            max_length: 128,
            keep_full_weights: true,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchedulerType {
    #[default]
    Constant,
    Linear,
    Cosine,
}

/// What the LoRA arms share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lora {
    pub alpha_policy: AlphaPolicy,
    /// `constant`, `rank_stabilised`: lora_alpha. `multiple_of_r`: lora_alpha / r.
    pub alpha: f64,
    /// The share of what `A` reads that is left out at random in training.
    pub lora_dropout: f64,
    /// `["all-linear"]` (all but the unembedding), or names of projections such as `q_proj`.
    pub target_modules: Vec<String>,
}

impl Default for Lora {
    fn default() -> Self {
        Self { alpha_policy: AlphaPolicy::MultipleOfR, alpha: 2.0, lora_dropout: 0.0, target_modules: vec!["all-linear".into()] }
    }
}

impl Lora {
    /// `lora_alpha` for a rank.
    pub fn lora_alpha(&self, r: u32) -> f64 {
        match self.alpha_policy {
            AlphaPolicy::Constant | AlphaPolicy::RankStabilised => self.alpha,
            AlphaPolicy::MultipleOfR => self.alpha * f64::from(r),
        }
    }

    /// PEFT's `use_rslora`.
    pub fn use_rslora(&self) -> bool {
        self.alpha_policy == AlphaPolicy::RankStabilised
    }

    /// What `B A` is multiplied by.
    pub fn scaling(&self, r: u32) -> f64 {
        let rank = f64::from(r);
        self.lora_alpha(r) / if self.use_rslora() { rank.sqrt() } else { rank }
    }

    /// The policy in words, for pages and results.
    pub fn policy_text(&self) -> String {
        match self.alpha_policy {
            AlphaPolicy::Constant => format!("lora_alpha = {} for every rank, updates scaled by alpha / r", self.alpha),
            AlphaPolicy::MultipleOfR => format!("lora_alpha = {} r, updates scaled by {} at every rank", self.alpha, self.alpha),
            AlphaPolicy::RankStabilised => format!("lora_alpha = {}, updates scaled by alpha / sqrt(r) (rsLoRA)", self.alpha),
        }
    }
}

/// How `lora_alpha` goes with the rank.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlphaPolicy {
    Constant,
    #[default]
    MultipleOfR,
    RankStabilised,
}

/// One trained arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArmSpec {
    pub kind: ArmKind,
    /// LoRA's rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora_r: Option<u32>,
    pub learning_rate: f64,
    /// Decoupled; not on biases and norms, unless `training.decay_biases_and_norms` says so.
    #[serde(default)]
    pub weight_decay: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArmKind {
    Lora,
    Full,
}

impl ArmSpec {
    pub fn lora(r: u32, learning_rate: f64) -> Self {
        Self { kind: ArmKind::Lora, lora_r: Some(r), learning_rate, weight_decay: 0.0 }
    }

    pub fn full(learning_rate: f64) -> Self {
        Self { kind: ArmKind::Full, lora_r: None, learning_rate, weight_decay: 0.0 }
    }

    /// The arm; a LoRA arm without a rank, which validation refuses, is rank 0.
    pub fn arm(&self) -> Arm {
        match self.kind {
            ArmKind::Lora => Arm::Lora(self.lora_r.unwrap_or(0)),
            ArmKind::Full => Arm::Full,
        }
    }
}

impl Recipe {
    /// Reads a recipe. An unknown key, a wrong type or a wrong value names its field.
    pub fn from_toml(text: &str) -> Result<Self, FieldErrors> {
        let document = toml::Deserializer::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            FieldErrors::one("", "", format!("This is not TOML: line {line}: {}.", error.message()))
        })?;
        let recipe: Recipe = serde_path_to_error::deserialize(document).map_err(|error| {
            let path = error.path().to_string();
            let message = error.inner().message().to_string();
            let value = error
                .inner()
                .span()
                .and_then(|span| text.get(span))
                .and_then(|found| found.lines().next())
                .unwrap_or_default()
                .trim()
                .to_string();
            FieldErrors::one(if path == "." { String::new() } else { path }, value, format!("{message}."))
        })?;
        Ok(recipe)
    }

    /// Every field of the recipe's kind; tables of other kinds are left out.
    pub fn to_toml(&self) -> String {
        let written = toml::Table::try_from(self).map_err(|error| error.to_string()).and_then(|mut table| {
            for foreign in self.kind.foreign_tables() {
                table.remove(*foreign);
            }
            toml::to_string_pretty(&table).map_err(|error| error.to_string())
        });
        written.unwrap_or_else(|error| format!("# this recipe can't be written: {error}\n"))
    }

    /// The trained arms' specification, in the order of figures: ranks ascending, then full.
    pub fn arm_specs(&self) -> Vec<&ArmSpec> {
        let mut specs: Vec<_> = self.arms.iter().collect();
        specs.sort_by_key(|spec| spec.arm());
        specs
    }

    /// Every arm, `original` first.
    pub fn all_arms(&self) -> Vec<Arm> {
        std::iter::once(Arm::Original).chain(self.arm_specs().into_iter().map(ArmSpec::arm)).collect()
    }

    pub fn arm_spec(&self, arm: Arm) -> Option<&ArmSpec> {
        self.arms.iter().find(|spec| spec.arm() == arm)
    }

    /// The cells that are looked at inside: the first seed's, at the largest minority fraction. A model with a class head predicts no
    /// token, so nothing of it is.
    pub fn inspected_cells(&self) -> Vec<CellId> {
        let with_class_head = self.kind == StudyKind::Classification && self.classifier.head == HeadKind::ClassHead;
        if self.inspection.is_none() || with_class_head {
            return Vec::new();
        }
        let fraction = self.groups.fractions().first().copied().filter(|_| self.kind == StudyKind::Classification);
        let is_looked_at =
            |cell: &CellId| Some(cell.seed) == self.seeds.first().copied() && (cell.arm == Arm::Original || cell.minority == fraction);
        self.cells().into_iter().filter(is_looked_at).collect()
    }

    /// Every cell, in the order in which pages list them.
    pub fn cells(&self) -> Vec<CellId> {
        match self.kind {
            StudyKind::Toxicity => self.toxicity_cells(),
            StudyKind::Classification => self.classification_cells(),
        }
    }

    /// The original model answers as it came, once; with a class head it has none that is trained, and no cell. Trained arms have
    /// one for each fraction, the largest first, and each seed.
    fn classification_cells(&self) -> Vec<CellId> {
        let mut cells = Vec::new();
        if self.classifier.head == HeadKind::Answers {
            cells.extend(self.seeds.first().map(|&seed| CellId::new(Arm::Original, seed)));
        }
        for spec in self.arm_specs() {
            for fraction in self.groups.fractions() {
                cells.extend(self.seeds.iter().map(|&seed| CellId::new(spec.arm(), seed).with_minority(fraction)));
            }
        }
        cells
    }

    /// Greedy, the original model gives the same completions whatever the seed, so it has one cell.
    fn toxicity_cells(&self) -> Vec<CellId> {
        self.all_arms()
            .into_iter()
            .flat_map(|arm| {
                let seeds = if arm == Arm::Original && !self.generation.do_sample {
                    &self.seeds[..self.seeds.len().min(1)]
                } else {
                    &self.seeds[..]
                };
                seeds.iter().map(move |&seed| CellId::new(arm, seed))
            })
            .collect()
    }
}
