//! A question made ready for the bench: which cells read it and where their weights are. What can be refused without reading weights is
//! refused here.

use super::WeightsFile;
use crate::{Environment, Study, StudyError, memory, model_shelf::ModelShelf, results::CellMetrics, whole_file};
use rankscope_domain::{
    Arm, CellId, FieldErrors, MinorityFraction, Recipe,
    lens_question::{LensArm, LensQuestion},
    recipe::{HeadKind, StudyKind},
};
use rankscope_engine::LensOptions;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Two blocks of logits at most are there at a time.
const LOGIT_BYTES: u64 = 2 * 256 * 4;

/// What the bench is told. Everything that can change an answer is in it, but the weights' own content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LensTask {
    /// The study's.
    pub directory: PathBuf,
    pub recipe_sha256: String,
    /// Where the base model lies, its name, and the hash that the study began with, where it is known.
    pub base: PathBuf,
    pub model_name: String,
    pub base_sha256: Option<String>,
    /// In the order of figures, at least one.
    pub cells: Vec<CellId>,
    pub prompt: String,
    pub top_k: u32,
    pub new_tokens: u32,
}

/// The arms of a study that the lens can look into, with the first seed and the largest fraction; `None` where it can't look into any: the
/// study is not finished, or its models have a class head.
pub fn lens_arms(study: &Study) -> Result<Option<Vec<LensArm>>, StudyError> {
    let recipe = study.recipe()?;
    if !study.results_path().exists() || has_class_head(&recipe) {
        return Ok(None);
    }
    let arm = |arm: Arm| -> Result<LensArm, StudyError> {
        let cell = cell_of(&recipe, arm, recipe.seeds.first().copied().unwrap_or(0), recipe.groups.fractions().first().copied());
        Ok(LensArm { arm, problem: problem(study, &recipe, cell)?.unwrap_or_default() })
    };
    let mut arms = recipe.all_arms();
    arms.sort_unstable();
    arms.into_iter().map(arm).collect::<Result<_, _>>().map(Some)
}

impl LensTask {
    /// Errors: [`StudyError::Invalid`] with the fields as the page's address names them.
    pub fn of(study: &Study, question: &LensQuestion, environment: &Environment) -> Result<Self, StudyError> {
        question.validate()?;
        let recipe = study.recipe()?;
        let refuse = |remedy: String| StudyError::from(FieldErrors::one("study", &recipe.name, remedy));
        if has_class_head(&recipe) {
            return Err(refuse(
                "Its models have a classification head: they predict no token, so the lens has nothing to read. Choose a study of a decoder that writes or answers.".into(),
            ));
        }
        if !study.results_path().exists() {
            return Err(refuse("It is not finished. The lens reads its arms when it is; its page shows how far it is.".into()));
        }
        let cells = cells(study, &recipe, question)?;
        let mut shelf = ModelShelf::new(environment);
        let provenance = study.provenance()?;
        if let Some(known) = &provenance {
            shelf.pin(&known.model);
        }
        let source = &recipe.model.source;
        let model_name = provenance.as_ref().map_or_else(|| source.clone(), |known| known.model.name.clone());
        Ok(Self {
            directory: study.directory().into(),
            recipe_sha256: whole_file::hash_text(&study.recipe_toml()?),
            base: shelf.path(source),
            model_name,
            base_sha256: provenance.map(|known| known.model.sha256).filter(|hash| !hash.is_empty()),
            cells,
            prompt: question.prompt.clone(),
            top_k: question.top_k,
            new_tokens: question.new_tokens,
        })
    }

    /// `original, lora-r2`
    pub fn arm_names(&self) -> String {
        self.cells.iter().map(|cell| cell.arm.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// A name that equal tasks share, of letters and digits.
    pub fn name(&self) -> String {
        whole_file::hash_text(&serde_json::to_string(self).unwrap_or_default())
    }

    /// Bytes that the bench takes for it: the base, a copy of it for an arm that was trained in full, the adapters, and logits. Reads the
    /// base's header.
    ///
    /// Errors: [`StudyError::Invalid`] where the base is gone or can't be read.
    pub fn memory(&self) -> Result<u64, StudyError> {
        let info = rankscope_engine::inspect(&self.base).map_err(|error| self.base_is_gone(&error))?;
        let models = 1 + u64::from(self.cells.iter().any(|cell| cell.arm == Arm::Full));
        let adapters = self.cells.iter().filter(|cell| cell.arm.rank().is_some());
        let adapters: u64 = adapters.filter_map(|cell| std::fs::metadata(self.weights_path(*cell)).ok()).map(|about| about.len()).sum();
        Ok(memory::PROGRAM as u64 + models * memory::weights(&info) as u64 + adapters + LOGIT_BYTES * info.vocab_size as u64)
    }

    /// Refuses what is too much.
    pub fn check_memory(&self, needs: u64, limit: u64) -> Result<(), FieldErrors> {
        if needs <= limit {
            return Ok(());
        }
        let fewer = if self.cells.iter().any(|cell| cell.arm == Arm::Full) {
            "leave out full, which is a second model"
        } else {
            "choose fewer arms"
        };
        let (needs, limit) = (memory::gibibytes(needs), memory::gibibytes(limit));
        Err(FieldErrors::one(
            "read",
            self.arm_names(),
            format!("The lens needs {needs} for these arms and may take {limit}: {fewer}, or raise memory_limit of this program."),
        ))
    }

    pub(super) fn options(&self) -> LensOptions {
        LensOptions { top_k: self.top_k as usize, token: None }
    }

    /// Where a trained cell's weights are: an adapter's file, a full model's directory. The original's are the base.
    pub(crate) fn weights_path(&self, cell: CellId) -> PathBuf {
        match cell.arm {
            Arm::Original => self.base.clone(),
            _ => weights_path(&self.directory.join("cells").join(cell.to_string()), cell.arm),
        }
    }

    /// Of all weights that it takes, the base's first.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let trained = self.cells.iter().filter(|cell| cell.arm.is_trained());
        std::iter::once(self.base.clone()).chain(trained.map(|cell| self.weights_path(*cell)))
    }

    pub(super) fn base_is_gone(&self, error: &dyn std::fmt::Display) -> StudyError {
        FieldErrors::one(
            "study",
            &self.model_name,
            format!("The study’s model can’t be read any more ({error}). Put it back where it was: {}.", self.base.display()),
        )
        .into()
    }

    pub(super) fn check_base(&self, file: &WeightsFile) -> Result<(), StudyError> {
        match &self.base_sha256 {
            Some(known) if *known != file.sha256 => Err(FieldErrors::one(
                "study",
                &self.model_name,
                format!(
                    "{} is not the model that the study began with: its SHA-256 was {}… and is {}…. Put that one back, or start the study again with this one.",
                    self.base.display(),
                    &known[..known.len().min(12)],
                    &file.sha256[..12]
                ),
            )
            .into()),
            _ => Ok(()),
        }
    }
}

fn has_class_head(recipe: &Recipe) -> bool {
    recipe.kind == StudyKind::Classification && recipe.classifier.head == HeadKind::ClassHead
}

fn weights_path(cell_folder: &Path, arm: Arm) -> PathBuf {
    cell_folder.join(if arm == Arm::Full { "model" } else { "adapter_model.safetensors" })
}

/// The original has a seed only where it drew completions; its weights are the same.
fn cell_of(recipe: &Recipe, arm: Arm, seed: u64, fraction: Option<MinorityFraction>) -> CellId {
    let cell = CellId::new(arm, seed);
    match fraction.filter(|_| recipe.kind == StudyKind::Classification && arm.is_trained()) {
        Some(fraction) => cell.with_minority(fraction),
        None => cell,
    }
}

fn cells(study: &Study, recipe: &Recipe, question: &LensQuestion) -> Result<Vec<CellId>, StudyError> {
    let mut errors = FieldErrors::default();
    let mut all = recipe.all_arms();
    all.sort_unstable();
    for arm in question.arms.iter().filter(|arm| !all.contains(arm)) {
        let has = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        errors.push("read", arm, format!("The study has no such arm. It has: {has}."));
    }
    let seed = question.seed.or_else(|| recipe.seeds.first().copied()).unwrap_or(0);
    if !recipe.seeds.contains(&seed) {
        let has = recipe.seeds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        errors.push("seed", seed, format!("The study has no such seed. It has: {has}."));
    }
    let fractions = if recipe.kind == StudyKind::Classification { recipe.groups.fractions() } else { Vec::new() };
    let fraction = question.fraction.or_else(|| fractions.first().copied());
    if let Some(asked) = fraction.filter(|fraction| !fractions.contains(fraction)) {
        let has = fractions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let remedy = if has.is_empty() { "This study has no minorities: leave it out.".into() } else { format!("The study has: {has}.") };
        errors.push("fraction", asked, remedy);
    }
    errors.into_result(())?;

    let mut errors = FieldErrors::default();
    let mut cells = Vec::new();
    for arm in all {
        if !question.arms.is_empty() && !question.arms.contains(&arm) {
            continue;
        }
        let cell = cell_of(recipe, arm, seed, fraction);
        match problem(study, recipe, cell)? {
            None => cells.push(cell),
            // all that can be read were asked for
            Some(_) if question.arms.is_empty() => {}
            Some(remedy) => errors.push("read", arm, remedy),
        }
    }
    errors.into_result(())?;
    Ok(cells)
}

/// Why a cell can't be read; `None` where it can, as far as its files' names tell.
fn problem(study: &Study, recipe: &Recipe, cell: CellId) -> Result<Option<String>, StudyError> {
    if cell.arm == Arm::Original {
        return Ok(None);
    }
    let metrics: CellMetrics = whole_file::read_json(&study.cell_file(cell, "metrics.json"))?.unwrap_or_default();
    if let Some(reason) = metrics.failed {
        return Ok(Some(format!("{cell} failed in training ({reason}); choose other arms.")));
    }
    if weights_path(&study.cell_path(cell), cell.arm).exists() {
        return Ok(None);
    }
    Ok(Some(match cell.arm {
        Arm::Full if !recipe.training.keep_full_weights => {
            "Its weights were not kept. Run the study again with training.keep_full_weights = true (“Run again with changes”), or leave it out.".into()
        }
        _ => format!("The weights of {cell} are not in the study’s directory any more. Run the study again, or leave this arm out."),
    }))
}
