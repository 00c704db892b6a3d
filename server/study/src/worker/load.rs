//! The first stage: everything checked, the model in memory, and what the study is made of written down.

use super::{Work, Worker};
use crate::{
    StudyError,
    check::check_with,
    dataset::{self, ChosenData},
    hub,
    judge::BUILTIN_LEXICON,
    machine,
    prompt_set::BUILTIN_PROMPTS,
    whole_file,
};
use rankscope_domain::{
    event::Unit,
    provenance::{FileHash, Host, Provenance},
    recipe::{CounterfactualSource, JudgeKind, PromptSet, StudyKind},
};
use std::path::Path;

impl Worker<'_> {
    pub(super) fn load(&mut self) -> Result<Work, StudyError> {
        self.fetch_models()?;
        let checked = check_with(self.recipe, self.environment, &self.shelf)?;
        let path = self.shelf.path(&self.recipe.model.source);
        let provenance = self.current_provenance(checked.data)?;
        self.shelf.model(&path)?;
        whole_file::write_json(&self.study.provenance_path(), &provenance)?;
        Ok(Work::default())
    }

    /// Brings what the recipe names of the hub onto this machine; what is there is not asked for again.
    pub(super) fn fetch_models(&mut self) -> Result<(), StudyError> {
        let recipe = self.recipe;
        let writer = recipe.counterfactuals.model.as_ref().filter(|_| recipe.counterfactuals.source == CounterfactualSource::Model);
        let judge = recipe.judge.model.as_ref().filter(|_| recipe.judge.kind == JudgeKind::Model);
        for source in [Some(&recipe.model.source), writer, judge].into_iter().flatten() {
            let Some(hub) = self.shelf.is_to_be_fetched(source) else { continue };
            self.reporter.restart_clock();
            let Self { shelf, reporter, .. } = self;
            let mut before = None;
            let mut observe = |progress: &hub::HubProgress| {
                if progress.total == 0 {
                    return reporter.progress(0, 0, 0, Unit::Bytes, 0);
                }
                reporter.progress(*before.get_or_insert(progress.done), progress.done, progress.total, Unit::Bytes, 0)
            };
            let fetched = hub::fetch(&hub, shelf.hub_settings(), &mut |_| Ok(()), &mut observe);
            let fetched = reporter.finish(fetched.map_err(StudyError::from_hub))?;
            reporter.note(format!("{} is commit {}.", hub.short(), fetched.model.commit))?;
        }
        Ok(())
    }

    /// A study goes on with the commits that it began with.
    pub(super) fn pin_models(&mut self) -> Result<(), StudyError> {
        let Some(known) = self.study.provenance()? else { return Ok(()) };
        for summary in [Some(&known.model), known.counterfactual_model.as_ref(), known.judge_model.as_ref()].into_iter().flatten() {
            self.shelf.pin(summary);
        }
        Ok(())
    }

    /// `data`: a classification study's, where it was read already.
    fn current_provenance(&mut self, data: Option<ChosenData>) -> Result<Provenance, StudyError> {
        let recipe = self.recipe;
        if recipe.kind == StudyKind::Classification {
            return self.classification_provenance(data);
        }
        let mut files = Vec::new();
        for path in [&recipe.prompts.path, &recipe.judge.path, &recipe.counterfactuals.path].into_iter().flatten() {
            files.push(FileHash { name: path.clone(), sha256: whole_file::hash_file(Path::new(path))? });
        }
        let mut builtin = Vec::new();
        if recipe.prompts.set == PromptSet::Builtin {
            builtin.push(FileHash { name: "prompts.toml".into(), sha256: whole_file::hash_text(BUILTIN_PROMPTS) });
        }
        if recipe.judge.kind == JudgeKind::Lexicon {
            builtin.push(FileHash { name: "lexicon.toml".into(), sha256: whole_file::hash_text(BUILTIN_LEXICON) });
        }
        let writer = recipe.counterfactuals.model.as_ref().filter(|_| recipe.counterfactuals.source == CounterfactualSource::Model);
        let judge = recipe.judge.model.as_ref().filter(|_| recipe.judge.kind == JudgeKind::Model);
        let counterfactual_model = writer.map(|source| self.shelf.summary(source)).transpose()?;
        let judge_model = judge.map(|source| self.shelf.summary(source)).transpose()?;
        Ok(Provenance { counterfactual_model, judge_model, ..self.provenance_of(files, builtin)? })
    }

    fn classification_provenance(&mut self, data: Option<ChosenData>) -> Result<Provenance, StudyError> {
        let chosen = match data {
            Some(chosen) => chosen,
            None => dataset::load(&self.recipe.data, &self.recipe.groups, self.environment)?,
        };
        if chosen.builtin { self.provenance_of(Vec::new(), chosen.files) } else { self.provenance_of(chosen.files, Vec::new()) }
    }

    /// With the base model alone.
    fn provenance_of(&mut self, files: Vec<FileHash>, builtin: Vec<FileHash>) -> Result<Provenance, StudyError> {
        let recipe = self.recipe;
        Ok(Provenance {
            rankscope_version: env!("CARGO_PKG_VERSION").into(),
            recipe_sha256: whole_file::hash_text(&self.study.recipe_toml()?),
            model: self.shelf.summary(&recipe.model.source)?,
            counterfactual_model: None,
            judge_model: None,
            files,
            builtin,
            started_at: jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string(),
            host: Host { memory_limit_bytes: self.environment.memory_limit(recipe), ..machine::host(self.environment.processor) },
        })
    }

    /// A study that goes on must go on with what it began with.
    pub(super) fn check_inputs_unchanged(&mut self) -> Result<(), StudyError> {
        let Some(known) = self.study.provenance()? else { return Ok(()) };
        let current = self.current_provenance(None)?;
        let mut changed: Vec<String> = Vec::new();
        if known.recipe_sha256 != current.recipe_sha256 {
            changed.push("recipe.toml".into());
        }
        for (what, before, now) in [
            ("model.source", Some(&known.model), Some(&current.model)),
            ("counterfactuals.model", known.counterfactual_model.as_ref(), current.counterfactual_model.as_ref()),
            ("judge.model", known.judge_model.as_ref(), current.judge_model.as_ref()),
        ] {
            if before.map(|model| &model.sha256) != now.map(|model| &model.sha256) {
                changed.push(what.into());
            }
        }
        for (before, now) in known.files.iter().zip(&current.files).chain(known.builtin.iter().zip(&current.builtin)) {
            if before != now {
                changed.push(before.name.clone());
            }
        }
        if changed.is_empty() {
            let (before, now) = (known.host.device, current.host.device);
            if before != now {
                self.reporter.note(format!(
                    "The study began on {before} and goes on on {now}: what was computed on one and on the other differs by rounding."
                ))?;
            }
            return Ok(());
        }
        Err(StudyError::Other(format!(
            "since this study began, {} changed; put back what it began with, or start a new study",
            changed.join(", ")
        )))
    }
}
