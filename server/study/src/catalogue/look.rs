//! What a model's files say. Headers and tokenizers take a while to read, weights longer to hash: both are remembered
//! for as long as the files stay the same.

use super::{Catalogue, Look, Place};
use crate::{
    StudyError, hub, machine,
    model_shelf::summarise,
    model_source::{self, files},
    training_cost::training_costs,
    whole_file,
};
use rankscope_domain::{
    estimate::ModelSummary,
    model::{ModelDetails, ModelEntry},
};
use rankscope_engine::ModelInfo;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
    time::UNIX_EPOCH,
};

/// Weights up to this size are hashed for a list: it takes about a second.
const QUICK_BYTES: u64 = 512 << 20;
/// Hashes that are remembered, below the models folder.
const HASHES: &str = "hashes.json";

/// By these a file counts as the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    bytes: u64,
    /// Of the file that was changed last; milliseconds since 1970.
    modified_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct KnownHash {
    #[serde(flatten)]
    signature: Signature,
    sha256: String,
}

type Looks = HashMap<PathBuf, (Signature, Result<ModelInfo, String>)>;

fn looks() -> &'static Mutex<Looks> {
    static LOOKS: OnceLock<Mutex<Looks>> = OnceLock::new();
    LOOKS.get_or_init(Mutex::default)
}

impl Catalogue {
    pub(super) fn entry(&self, place: &Place, look: Look) -> ModelEntry {
        let (details, problem) = match self.details(place, look) {
            Ok(details) => (Some(details), String::new()),
            Err(problem) => (None, problem),
        };
        ModelEntry {
            name: place.name.clone(),
            source: place.source.clone(),
            origin: place.origin,
            path: place.path.to_string_lossy().into_owned(),
            details,
            problem,
        }
    }

    fn details(&self, place: &Place, look: Look) -> Result<ModelDetails, String> {
        let path = &place.path;
        if place.hub.is_some() && !hub::is_whole(path) {
            return Err("It is not here whole. Where it is not on its way, add it again: what is there already is kept.".into());
        }
        if !path.exists() {
            return Err(format!("{} is no longer there: put it back, or remove this entry.", path.display()));
        }
        let signature = signature(path);
        let info = self.info(place, signature)?;
        let sha256 = self.sha256(path, signature, look).map_err(|error| error.to_string())?.unwrap_or_default();
        let summary = summarise(&place.source, &info, &sha256);
        Ok(ModelDetails {
            summary: ModelSummary { revision: place.hub.as_ref().map(|model| model.commit.clone()), ..summary },
            max_position_embeddings: info.max_position_embeddings as u64,
            has_chat_template: info.has_chat_template,
            classes: info.classes.map(|classes| classes as u32),
            disk_bytes: signature.bytes,
            machine_memory_bytes: machine::memory_bytes(),
            training: training_costs(&info),
        })
    }

    fn info(&self, place: &Place, signature: Signature) -> Result<ModelInfo, String> {
        let known = looks().lock().unwrap_or_else(PoisonError::into_inner).get(&place.path).cloned();
        if let Some((of, known)) = known
            && of == signature
        {
            return known;
        }
        let hub = place.hub.as_ref().map(|model| &model.source);
        let info = model_source::inspect(&place.path, hub).map_err(|error| error.to_string());
        looks().lock().unwrap_or_else(PoisonError::into_inner).insert(place.path.clone(), (signature, info.clone()));
        info
    }

    /// SHA-256 of the weights, as provenance has it; `None`: it would take too long for this look.
    fn sha256(&self, path: &Path, signature: Signature, look: Look) -> Result<Option<String>, StudyError> {
        let file = self.models_dir.as_ref().map(|folder| folder.join(HASHES));
        let key = path.to_string_lossy().into_owned();
        // a file that can't be read is as good as none: everything in it can be had again
        let known: BTreeMap<String, KnownHash> =
            file.as_deref().and_then(|file| whole_file::read_json(file).ok().flatten()).unwrap_or_default();
        if let Some(known) = known.get(&key).filter(|known| known.signature == signature) {
            return Ok(Some(known.sha256.clone()));
        }
        if look == Look::Quick && signature.bytes > QUICK_BYTES {
            return Ok(None);
        }
        let sha256 = rankscope_engine::hash_model(path).map_err(StudyError::from_engine)?;
        if let Some(file) = file {
            let mut known = known;
            known.insert(key, KnownHash { signature, sha256: sha256.clone() });
            known.retain(|path, _| Path::new(path).exists());
            if let Err(error) = whole_file::write_json(&file, &known) {
                tracing::warn!(%error, "the hash is not remembered");
            }
        }
        Ok(Some(sha256))
    }
}

fn signature(path: &Path) -> Signature {
    let mut signature = Signature { bytes: 0, modified_ms: 0 };
    for metadata in files(path).iter().filter_map(|path| fs::metadata(path).ok()) {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        signature.bytes += metadata.len();
        signature.modified_ms = signature.modified_ms.max(modified.map_or(0, |time| time.as_millis() as u64));
    }
    signature
}
