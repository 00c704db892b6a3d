//! The allow-list: every type that holds text is taken apart field by field, without `..`, so that a new field does not compile until
//! somebody has decided whether it leaves.

use rankscope_domain::{
    Arm, CellId, Recipe, StudyResults,
    class_results::ClassificationResults,
    classification::{ADDED_DATASET, BUILTIN_DATASET},
    completion::{Completion, Judgement, Prompt},
    estimate::ModelSummary,
    inspection::{ExampleDivergence, LensReading, TokenDivergence},
    provenance::{FileHash, Provenance},
    recipe::{Counterfactuals, DEFAULT_MODEL, Data, Judge, JudgeKind, ModelSource, Prompts},
    results::{CellResult, JudgeSummary},
    snapshot::{HIDDEN, SharedProvenance, SharedSummary},
    view::CellDivergence,
};

/// The title of what is shared for blind review.
const NEUTRAL_TITLE: &str = "Study A";
/// In place of an error's text, which may name files and machines.
pub(super) const FAILED: &str = "This cell failed. Why is not part of a share.";
/// How models and sets of the hub are written once a recipe is frozen; everything else that is not known by name is a path.
const HUB: &str = "hf:";

/// What one share lets through.
#[derive(Debug, Clone, Copy)]
pub(super) struct AllowList {
    pub(super) anonymous: bool,
    pub(super) completions: bool,
}

/// The last part of a path, whichever way its slashes lean.
fn file_name(path: &str) -> &str {
    let name = path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default().trim();
    if name.is_empty() || name == "~" || name == "." || name == ".." { HIDDEN } else { name }
}

impl AllowList {
    /// A name, unless names are hidden.
    fn named(&self, name: &str) -> String {
        if self.anonymous { HIDDEN.into() } else { name.into() }
    }

    fn file(&self, path: &str) -> String {
        self.named(file_name(path))
    }

    /// Something by which a file or a model could be looked up.
    fn hash(&self, sha256: String) -> String {
        if self.anonymous { String::new() } else { sha256 }
    }

    fn model_source(&self, source: &str) -> String {
        match source {
            DEFAULT_MODEL => source.into(),
            _ if source.starts_with(HUB) => self.named(source),
            _ => self.file(source),
        }
    }

    fn data_source(&self, source: &str) -> String {
        match source.trim() {
            BUILTIN_DATASET => source.into(),
            name if name.starts_with(HUB) || name.starts_with(ADDED_DATASET) => self.named(source),
            _ => self.file(source),
        }
    }

    fn model(&self, summary: ModelSummary) -> ModelSummary {
        let ModelSummary { source, name, kind, parameters, layers, hidden_size, vocab_size, sha256, dtype, licence, revision } = summary;
        let is_ours = source == DEFAULT_MODEL;
        let show = is_ours || !self.anonymous;
        let is_path = !is_ours && !source.starts_with(HUB) && !name.is_empty();
        let name = if is_path { file_name(&name).into() } else { name };
        ModelSummary {
            source: self.model_source(&source),
            name: if show { name } else { HIDDEN.into() },
            kind,
            parameters,
            layers,
            hidden_size,
            vocab_size,
            sha256: if show { sha256 } else { String::new() },
            dtype,
            licence: licence.filter(|_| show),
            revision: revision.filter(|_| show),
        }
    }

    pub(super) fn recipe(&self, recipe: Recipe) -> Recipe {
        let Recipe {
            schema,
            name,
            kind,
            notes,
            seeds,
            // of the machine
            memory_limit: _,
            model: ModelSource { source },
            prompts,
            generation,
            judge,
            counterfactuals,
            data,
            groups,
            classifier,
            training,
            lora,
            inspection,
            arms,
        } = recipe;
        Recipe {
            schema,
            name: if self.anonymous { NEUTRAL_TITLE.into() } else { name },
            kind,
            notes: if self.anonymous { String::new() } else { notes },
            seeds,
            memory_limit: None,
            model: ModelSource { source: self.model_source(&source) },
            prompts: self.prompts(prompts),
            generation,
            judge: self.judge(judge),
            counterfactuals: self.counterfactuals(counterfactuals),
            data: self.data(data),
            groups,
            classifier,
            training,
            lora,
            inspection,
            arms,
        }
    }

    fn prompts(&self, prompts: Prompts) -> Prompts {
        let Prompts { set, path, limit, selection_seed } = prompts;
        Prompts { set, path: path.map(|path| self.file(&path)), limit, selection_seed }
    }

    fn judge(&self, judge: Judge) -> Judge {
        // an endpoint's address and the name of its key's variable tell of the owner's network
        let Judge { kind, path, mode, model, url: _, api_key_env: _, chat_template, prompt } = judge;
        Judge {
            kind,
            path: path.map(|path| self.file(&path)),
            mode,
            model: model.map(|model| self.judging_model(kind, &model)),
            url: None,
            api_key_env: None,
            chat_template,
            prompt,
        }
    }

    /// An endpoint's model is a name that may be written like one of the hub's, or a path on its machine.
    fn judging_model(&self, kind: JudgeKind, model: &str) -> String {
        let is_name = model.matches('/').count() <= 1 && !model.starts_with(['/', '.', '~', '\\']) && !model.contains('\\');
        if kind == JudgeKind::Endpoint && is_name { self.named(model) } else { self.model_source(model) }
    }

    fn counterfactuals(&self, counterfactuals: Counterfactuals) -> Counterfactuals {
        let Counterfactuals { source, path, model, chat_template, k, max_new_tokens, temperature, top_p, prompt } = counterfactuals;
        Counterfactuals {
            source,
            path: path.map(|path| self.file(&path)),
            model: model.map(|model| self.model_source(&model)),
            chat_template,
            k,
            max_new_tokens,
            temperature,
            top_p,
            prompt,
        }
    }

    fn data(&self, data: Data) -> Data {
        let Data {
            source,
            test_path,
            train_split,
            test_split,
            test_share,
            text_column,
            label_column,
            label_names,
            positive_label,
            train_limit,
            test_limit,
            selection_seed,
        } = data;
        Data {
            source: self.data_source(&source),
            test_path: test_path.map(|path| self.file(&path)),
            train_split,
            test_split,
            test_share,
            text_column,
            label_column,
            label_names,
            positive_label,
            train_limit,
            test_limit,
            selection_seed,
        }
    }

    /// `recipe`: as it is shared.
    pub(super) fn results(&self, results: StudyResults, recipe: &Recipe, recipe_sha256: &str) -> StudyResults {
        let StudyResults {
            schema,
            name: _,
            kind,
            recipe_sha256: _,
            model,
            judge,
            alpha_policy: _,
            prompts,
            completions_per_prompt,
            clusters,
            groups,
            counterfactuals,
            cells,
            arms,
            contrasts,
            claims,
            work_seconds,
            classification,
            inspection,
        } = results;
        StudyResults {
            schema,
            name: recipe.name.clone(),
            kind,
            recipe_sha256: recipe_sha256.into(),
            model: self.model(model),
            judge: self.judge_summary(judge, &recipe.judge),
            alpha_policy: recipe.lora.policy_text(),
            prompts,
            completions_per_prompt,
            clusters,
            groups,
            counterfactuals,
            cells: cells.into_iter().map(cell).collect(),
            arms,
            contrasts,
            claims,
            work_seconds,
            classification: classification.map(|measured| self.classification(measured)),
            inspection,
        }
    }

    /// What it judges by is told in words that may hold a file's name or an endpoint's address: these are written anew. `shared`: the
    /// recipe's table as it is shared.
    fn judge_summary(&self, summary: JudgeSummary, shared: &Judge) -> JudgeSummary {
        let JudgeSummary { kind, description, sha256 } = summary;
        let asked = description.rsplit_once(", asked ").map(|(_, question)| format!(", asked {question}")).unwrap_or_default();
        let model = shared.model.as_deref().unwrap_or(DEFAULT_MODEL);
        let (kind, description) = match kind.as_str() {
            "lexicon" => ("lexicon", description),
            "hurtlex" => {
                let level = description.rfind(", level ").map_or("", |at| &description[at..]);
                ("hurtlex", format!("HurtLex ({}){level}", shared.path.as_deref().unwrap_or(HIDDEN)))
            }
            "model" => ("model", format!("{}{asked}", model.trim_start_matches(HUB))),
            "endpoint" => ("endpoint", format!("{model} at an endpoint{asked}")),
            // nothing was judged
            _ => ("", String::new()),
        };
        let sha256 = if kind == "lexicon" { sha256 } else { self.hash(sha256) };
        let kind = kind.into();
        JudgeSummary { kind, description, sha256 }
    }

    fn classification(&self, measured: ClassificationResults) -> ClassificationResults {
        let ClassificationResults {
            dataset,
            train_examples,
            test_examples,
            head,
            prompt,
            labels,
            positive_label,
            grouped_by,
            groups,
            minority,
            majority,
            fractions,
            seeds,
            margin_edges,
            readings,
        } = measured;
        ClassificationResults {
            dataset: self.data_source(&dataset),
            train_examples,
            test_examples,
            head,
            prompt,
            labels,
            positive_label,
            grouped_by,
            groups,
            minority,
            majority,
            fractions,
            seeds,
            margin_edges,
            readings,
        }
    }

    pub(super) fn provenance(&self, provenance: Provenance, recipe_sha256: &str) -> SharedProvenance {
        let Provenance {
            rankscope_version,
            recipe_sha256: _,
            model,
            counterfactual_model,
            judge_model,
            files,
            builtin,
            started_at,
            // the machine's
            host: _,
        } = provenance;
        let file = |FileHash { name, sha256 }: FileHash| FileHash { name: self.file(&name), sha256: self.hash(sha256) };
        SharedProvenance {
            rankscope_version,
            recipe_sha256: recipe_sha256.into(),
            model: self.model(model),
            counterfactual_model: counterfactual_model.map(|model| self.model(model)),
            judge_model: judge_model.map(|model| self.model(model)),
            files: files.into_iter().map(file).collect(),
            builtin: builtin.into_iter().map(|FileHash { name, sha256 }| FileHash { name: file_name(&name).into(), sha256 }).collect(),
            started_at,
        }
    }

    /// `recipe` and `results`: as they are shared; `cells`: all of the study's.
    pub(super) fn summary(&self, recipe: &Recipe, results: &StudyResults, cells: &[CellId]) -> SharedSummary {
        let mut arms: Vec<Arm> = cells.iter().map(|cell| cell.arm).collect();
        arms.dedup();
        let model = if results.model.name.is_empty() { results.model.source.clone() } else { results.model.name.clone() };
        SharedSummary { title: recipe.name.clone(), kind: recipe.kind, model, arms, seeds: recipe.seeds.clone() }
    }

    /// What a model went on to write is a completion; which tokens its layers hold likeliest is the figure itself.
    pub(super) fn lens(&self, reading: LensReading) -> LensReading {
        let LensReading { cell, prompt, tokens, continuation, layers } = reading;
        LensReading { cell, prompt, tokens, continuation: if self.completions { continuation } else { String::new() }, layers }
    }

    pub(super) fn prompt(&self, prompt: Prompt) -> Prompt {
        let Prompt { id, prompt, group, category, template, identity } = prompt;
        Prompt { id, prompt, group, category, template, identity }
    }

    pub(super) fn divergence(&self, found: CellDivergence) -> CellDivergence {
        let CellDivergence { cell, divergence: ExampleDivergence { id, template, prompt_end, continuation, by_token } } = found;
        let by_token = by_token.into_iter().map(at_token).collect();
        CellDivergence { cell, divergence: ExampleDivergence { id, template, prompt_end, continuation, by_token } }
    }

    pub(super) fn completion(&self, completion: Completion) -> Completion {
        let Completion { prompt_id, sample, text, new_tokens, finished } = completion;
        Completion { prompt_id, sample, text, new_tokens, finished }
    }

    pub(super) fn judgement(&self, judgement: Judgement) -> Judgement {
        let Judgement { prompt_id, sample, verdict, matched, explanation } = judgement;
        Judgement { prompt_id, sample, verdict, matched, explanation }
    }
}

fn at_token(found: TokenDivergence) -> TokenDivergence {
    let TokenDivergence { token, kl } = found;
    TokenDivergence { token, kl }
}

fn cell(result: CellResult) -> CellResult {
    let CellResult {
        cell,
        arm,
        seed,
        failed,
        learning_rate,
        weight_decay,
        lora_alpha,
        scaling,
        trainable_parameters,
        total,
        groups,
        losses,
        phases,
    } = result;
    CellResult {
        cell,
        arm,
        seed,
        failed: failed.map(|_| FAILED.into()),
        learning_rate,
        weight_decay,
        lora_alpha,
        scaling,
        trainable_parameters,
        total,
        groups,
        losses,
        phases,
    }
}
