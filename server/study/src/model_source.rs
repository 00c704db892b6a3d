//! What `model.source` names: the default model, a path, or a model of the hub.

use crate::{
    StudyError,
    hub::{HubSource, looks_like_a_hub_name},
    model_card,
};
use rankscope_engine::ModelInfo;
use std::path::{Path, PathBuf};

/// How a model of the hub is written where it must not be taken for a path.
const HUB_PREFIX: &str = "hf:";

/// The model of the hub that a source names, or `None` for the default model and for paths. With `hf:` in front it is the
/// hub's; `ORG/NAME` is so where no file or folder of that name lies in `base`.
pub(crate) fn hub_source(text: &str, base: &Path) -> Option<HubSource> {
    if text.starts_with(HUB_PREFIX) || (looks_like_a_hub_name(text) && !base.join(text).exists()) { text.parse().ok() } else { None }
}

/// Whether it can be nothing but the hub's, well written or not.
pub(crate) fn is_marked_as_the_hubs(text: &str) -> bool {
    text.starts_with(HUB_PREFIX)
}

/// What the files say, in the words that people know the model by: a snapshot's folder is called after its commit, and
/// the licence of a Hugging Face model stands in its card.
pub(crate) fn inspect(path: &Path, hub: Option<&HubSource>) -> Result<ModelInfo, StudyError> {
    let mut info = rankscope_engine::inspect(path).map_err(StudyError::from_engine)?;
    if let Some(hub) = hub {
        info.name = hub.repo.clone();
    }
    if info.licence.is_none() && path.is_dir() {
        info.licence = model_card::licence(path);
    }
    Ok(info)
}

/// All that a model consists of on disk: the file, or the files of the directory.
pub(crate) fn files(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.into()];
    }
    let mut files: Vec<_> =
        std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_comes_before_the_hub_and_a_prefix_before_both() {
        let base = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(base.path().join("org/here")).unwrap();
        for (text, expected) in [
            ("org/here", None),
            ("org/away", Some("hf:org/away@main")),
            ("hf:org/here@v2", Some("hf:org/here@v2")),
            ("./org/away", None),
            ("/org/away", None),
            ("default", None),
            ("hf:", None),
        ] {
            assert_eq!(hub_source(text, base.path()).map(|source| source.to_string()).as_deref(), expected, "{text}");
        }
    }
}
