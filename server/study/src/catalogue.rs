//! The models that there are: the default one, those in the models folder, and those that were added, by a path or from
//! the hub. What `add` has brought is written down beside them, so that `remove` takes away that and nothing else.

mod in_use;
mod look;
mod record;

pub use in_use::unfinished_studies;

use crate::{
    StudyError,
    hub::{self, CachedModel, HubProgress, HubSettings, HubSource},
    model_source,
};
use rankscope_domain::{
    FieldErrors,
    model::{ModelEntry, ModelOrigin},
    recipe::DEFAULT_MODEL,
};
use rankscope_engine::Flow;
use record::{Brought, Record, Records};
use std::path::{Path, PathBuf};

/// Where models are looked for.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// Absent: there is no home directory, and nothing can be added.
    pub models_dir: Option<PathBuf>,
    /// GGUF file that `default` stands for.
    pub default_model: PathBuf,
    pub hub: HubSettings,
}

/// How much a look at a model may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// SHA-256 where it is known or quickly had.
    Quick,
    /// SHA-256 whatever it takes.
    Whole,
}

/// A model that is somewhere, before its files are read.
#[derive(Debug, Clone)]
struct Place {
    name: String,
    source: String,
    origin: ModelOrigin,
    path: PathBuf,
    hub: Option<CachedModel>,
}

impl Catalogue {
    /// Every model, the default one first, then by name. One that can't be used is there with the reason; what else lies in
    /// the hub's cache, which holds all sorts of models, is left out.
    pub fn list(&self) -> Vec<ModelEntry> {
        let entries = self.places().into_iter().map(|place| self.entry(&place, Look::Quick));
        entries.filter(|entry| entry.details.is_some() || entry.origin != ModelOrigin::HubCache).collect()
    }

    /// One model of the list, by its name or as a recipe writes it.
    pub fn find(&self, name: &str, look: Look) -> Option<ModelEntry> {
        self.place(name).map(|place| self.entry(&place, look))
    }

    fn place(&self, name: &str) -> Option<Place> {
        let hub = model_source::hub_source(name, Path::new(""));
        let is_the_hubs = |place: &Place| hub.is_some() && hub.as_ref() == place.hub.as_ref().map(|model| &model.source);
        self.places().into_iter().find(|place| place.name == name || place.source == name || is_the_hubs(place))
    }

    /// What the files of a source say, whether it is in the list or not. Nothing is fetched.
    pub fn inspect(&self, source: &str) -> Result<ModelEntry, StudyError> {
        if let Some(entry) = self.find(source, Look::Whole) {
            return readable(entry);
        }
        if let Some(hub) = model_source::hub_source(source, Path::new("")) {
            let name = hub.short();
            let remedy = format!("This model of the hub is not on this machine; `rankscope models add {name}` fetches it.");
            let model = hub::cached(&hub, &self.hub).ok_or_else(|| FieldErrors::one("SOURCE", source, remedy))?;
            return readable(self.entry(&hub_place(model, ModelOrigin::HubCache), Look::Whole));
        }
        let path = existing_path(source)?;
        readable(self.entry(&path_place(&path, ModelOrigin::Path), Look::Whole))
    }

    /// Adds a path as it is, or fetches a model of the hub. `observe` may stop it; what came is kept, and the same call goes on.
    pub fn add(&self, source: &str, observe: &mut dyn FnMut(&HubProgress) -> Flow) -> Result<ModelEntry, StudyError> {
        let records = self.records()?;
        let source = source.trim();
        if source == DEFAULT_MODEL {
            return Err(FieldErrors::one("SOURCE", source, "The default model is always there; write a path, or ORG/NAME@REVISION.").into());
        }
        if let Some(hub) = model_source::hub_source(source, Path::new("")) {
            return self.add_from_hub(&records, &hub, observe);
        }
        let path = existing_path(source)?;
        let place = path_place(&path, ModelOrigin::Path);
        if let Some(other) = self.places().into_iter().find(|other| other.name == place.name && other.path != place.path) {
            let remedy = format!(
                "A model called {:?} is there already, at {}: remove that one first, or rename this one.",
                other.name,
                other.path.display()
            );
            return Err(FieldErrors::one("SOURCE", source, remedy).into());
        }
        let entry = readable(self.entry(&place, Look::Whole))?;
        if !self.places().iter().any(|other| other.path == place.path) {
            records.write(&Record { name: place.name, source: place.source, brought: None })?;
        }
        Ok(entry)
    }

    fn add_from_hub(
        &self,
        records: &Records,
        hub: &HubSource,
        observe: &mut dyn FnMut(&HubProgress) -> Flow,
    ) -> Result<ModelEntry, StudyError> {
        let name = hub.short();
        let mut failure = None;
        // written before anything is fetched: a download that is never finished can be removed as well
        let mut planned = |fetched: &hub::Fetched| {
            let mut record = records.read(&name).unwrap_or_else(|| Record { name: name.clone(), source: hub.to_string(), brought: None });
            let known = record.brought.take();
            let mut made = known.map(|known| known.made).unwrap_or_default();
            made.extend(fetched.made.iter().filter(|path| !made.contains(path)).cloned().collect::<Vec<_>>());
            record.brought = Some(Brought { commit: fetched.model.commit.clone(), root: fetched.root.clone(), made });
            records.write(&record).map_err(|error| {
                let message = error.to_string();
                failure = Some(error);
                hub::HubError::Io { path: records.folder().into(), source: std::io::Error::other(message) }
            })
        };
        let was_there = records.read(&name).is_some();
        let fetched = hub::fetch(hub, &self.hub, &mut planned, observe);
        if let (Err(hub::HubError::Unusable { .. }), false, Some(record)) = (&fetched, was_there, records.read(&name)) {
            // nobody wants the few files of a model that can't be used
            records.remove(&record)?;
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        let fetched = fetched.map_err(|error| match error {
            error @ (hub::HubError::NoSuchModel { .. } | hub::HubError::NoSuchRevision { .. } | hub::HubError::Unusable { .. }) => {
                StudyError::Invalid(FieldErrors::one("SOURCE", hub.short(), format!("{error}.")))
            }
            error => StudyError::from_hub(error),
        })?;
        // one that was in the cache already is listed as the cache's, unless it was added before
        let origin = if records.read(&name).is_some() { ModelOrigin::Hub } else { ModelOrigin::HubCache };
        readable(self.entry(&hub_place(fetched.model, origin), Look::Whole))
    }

    /// Takes away what `add` has brought: a path's entry, or the files that were fetched. Gives the bytes that were freed.
    pub fn remove(&self, name: &str) -> Result<u64, StudyError> {
        let refuse = |remedy: String| StudyError::Invalid(FieldErrors::one("NAME", name, remedy));
        let records = self.records()?;
        let hub = model_source::hub_source(name, Path::new("")).map(|hub| hub.short());
        if let Some(record) = records.read(name).or_else(|| records.read(hub.as_deref()?)) {
            return records.remove(&record);
        }
        let Some(place) = self.place(name) else {
            return Err(refuse("There is no such model; `rankscope models list` shows the names.".into()));
        };
        let path = place.path.display();
        Err(refuse(match place.origin {
            ModelOrigin::Default => "The default model comes with the program and is not removed.".into(),
            ModelOrigin::HubCache => format!(
                "Another program has put it into the hub's cache, and may use it. To remove it all the same, delete {path}, or use `hf cache`."
            ),
            _ => format!("`models add` has not put it there, so it is not removed; delete {path} yourself."),
        }))
    }

    fn records(&self) -> Result<Records, StudyError> {
        let folder = self.models_dir.as_ref().ok_or_else(|| {
            StudyError::Other("there is no home directory to note models in; set RANKSCOPE_MODELS_DIR to a directory".into())
        })?;
        Ok(Records::new(folder))
    }

    fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        if self.default_model.is_file() {
            places.push(Place {
                name: DEFAULT_MODEL.into(),
                source: DEFAULT_MODEL.into(),
                origin: ModelOrigin::Default,
                path: self.default_model.clone(),
                hub: None,
            });
        }
        let mut others: Vec<Place> = self.folder_models().iter().map(|path| path_place(path, ModelOrigin::Folder)).collect();
        let mut from_hub = Vec::new();
        for record in self.records().map(|records| records.all()).unwrap_or_default() {
            match &record.brought {
                None => others.push(path_place(Path::new(&record.source), ModelOrigin::Path)),
                Some(brought) => {
                    let Ok(source) = record.source.parse::<HubSource>() else { continue };
                    let path = brought.root.join("snapshots").join(&brought.commit);
                    // a name that has moved on since is what it is now
                    let model = hub::cached(&source, &self.hub).unwrap_or(CachedModel { source, commit: brought.commit.clone(), path });
                    from_hub.push(model.source.clone());
                    others.push(hub_place(model, ModelOrigin::Hub));
                }
            }
        }
        for model in hub::cached_models(&self.hub) {
            if !from_hub.contains(&model.source) {
                others.push(hub_place(model, ModelOrigin::HubCache));
            }
        }
        others.retain(|place| place.path != self.default_model);
        others.sort_by(|one, other| one.name.cmp(&other.name));
        others.dedup_by(|one, other| one.path == other.path && one.name == other.name);
        places.extend(others);
        places
    }

    /// GGUF files and Hugging Face directories that lie in the models folder.
    fn folder_models(&self) -> Vec<PathBuf> {
        let entries = self.models_dir.as_deref().and_then(|folder| std::fs::read_dir(folder).ok());
        let looks_like_one =
            |path: &PathBuf| path.extension().is_some_and(|extension| extension == "gguf") || path.join("config.json").is_file();
        entries.into_iter().flatten().flatten().map(|entry| entry.path()).filter(looks_like_one).collect()
    }
}

fn path_place(path: &Path, origin: ModelOrigin) -> Place {
    let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
    Place { name, source: path.to_string_lossy().into_owned(), origin, path: path.into(), hub: None }
}

fn hub_place(model: CachedModel, origin: ModelOrigin) -> Place {
    Place { name: model.source.short(), source: model.source.to_string(), origin, path: model.path.clone(), hub: Some(model) }
}

/// A path of this machine, made absolute; one that leads nowhere is refused.
fn existing_path(source: &str) -> Result<PathBuf, StudyError> {
    let path = Path::new(source);
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    if path.exists() && !source.is_empty() {
        return Ok(path);
    }
    let remedy = "There is no such file or directory, and it is no ORG/NAME@REVISION of the hub. Write the path of a GGUF file or of a \
                  Hugging Face model directory, or a model of the hub, as in openai-community/gpt2@main.";
    Err(FieldErrors::one("SOURCE", source, remedy).into())
}

/// A model that can't be used is an error where one was asked for by name.
fn readable(entry: ModelEntry) -> Result<ModelEntry, StudyError> {
    if entry.details.is_some() {
        return Ok(entry);
    }
    Err(FieldErrors::one("SOURCE", entry.source, entry.problem).into())
}

#[cfg(test)]
mod tests;
