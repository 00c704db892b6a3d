//! Paths in a recipe file are taken from the folder that the file lies in.

use crate::model_source::{hub_source, is_marked_as_the_hubs};
use rankscope_domain::{
    Recipe,
    classification::{ADDED_DATASET, BUILTIN_DATASET},
    recipe::{DEFAULT_MODEL, JudgeKind},
};
use std::path::Path;

/// Makes the recipe's relative paths absolute, from `base`; a model of the hub is marked as one (`hf:ORG/NAME@REVISION`), so
/// that a folder that is made later does not come in between.
pub fn resolve_paths(recipe: &mut Recipe, base: &Path) {
    let base = std::path::absolute(base).unwrap_or_else(|_| base.into());
    let resolve = |text: &mut String| {
        if !text.trim().is_empty() && Path::new(text.as_str()).is_relative() {
            *text = normal(&base.join(text.as_str()));
        }
    };
    let resolve_model = |text: &mut String| {
        if let Some(hub) = hub_source(text, &base) {
            *text = hub.to_string();
        } else if text != DEFAULT_MODEL && !is_marked_as_the_hubs(text) {
            resolve(text);
        }
    };
    resolve_model(&mut recipe.model.source);
    let is_no_path = |text: &str| text.trim() == BUILTIN_DATASET || text.starts_with(ADDED_DATASET) || is_marked_as_the_hubs(text);
    if !is_no_path(&recipe.data.source) {
        resolve(&mut recipe.data.source);
    }
    recipe.data.test_path.iter_mut().for_each(resolve);
    recipe.prompts.path.iter_mut().for_each(resolve);
    recipe.judge.path.iter_mut().for_each(resolve);
    if recipe.judge.kind == JudgeKind::Model {
        recipe.judge.model.iter_mut().for_each(resolve_model);
    }
    recipe.counterfactuals.path.iter_mut().for_each(resolve);
    recipe.counterfactuals.model.iter_mut().for_each(resolve_model);
}

/// Without `.` and `..`, as far as that needs no look at the disk.
fn normal(path: &Path) -> String {
    use std::path::{Component, PathBuf};
    let mut parts = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(parts.components().next_back(), Some(Component::Normal(_))) => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_taken_from_the_recipes_folder() {
        let mut recipe = Recipe::from_toml(
            "name = \"x\"\n[prompts]\nset = \"csv\"\npath = \"../data/p.csv\"\n[judge]\nkind = \"endpoint\"\nmodel = \"org/name\"\n\
             [counterfactuals]\npath = \"/abs/pairs.jsonl\"\nmodel = \"./writer.gguf\"\n",
        )
        .unwrap();
        resolve_paths(&mut recipe, Path::new("/home/me/recipes"));
        assert_eq!(recipe.model.source, "default");
        assert_eq!(recipe.prompts.path.as_deref(), Some("/home/me/data/p.csv"));
        assert_eq!(recipe.judge.model.as_deref(), Some("org/name"), "an endpoint's model is no path");
        assert_eq!(recipe.counterfactuals.path.as_deref(), Some("/abs/pairs.jsonl"));
        assert_eq!(recipe.counterfactuals.model.as_deref(), Some("/home/me/recipes/writer.gguf"));
        recipe.judge.kind = JudgeKind::Model;
        resolve_paths(&mut recipe, Path::new("/home/me"));
        assert_eq!(
            recipe.judge.model.as_deref(),
            Some("hf:org/name@main"),
            "a model on this machine is the hub's, where no folder is called so"
        );
    }

    #[test]
    fn a_set_is_a_path_unless_it_says_otherwise() {
        for (text, expected) in [
            ("builtin", "builtin"),
            ("dataset:mine", "dataset:mine"),
            ("hf:org/name", "hf:org/name"),
            ("a/b.csv", "/home/me/a/b.csv"),
            ("/x", "/x"),
        ] {
            let mut recipe = Recipe::from_toml("name = \"x\"").unwrap();
            recipe.data.source = text.into();
            recipe.data.test_path = Some("t.csv".into());
            resolve_paths(&mut recipe, Path::new("/home/me"));
            assert_eq!((recipe.data.source.as_str(), recipe.data.test_path.as_deref()), (expected, Some("/home/me/t.csv")));
        }
    }

    #[test]
    fn a_folder_comes_before_the_hub() {
        let base = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(base.path().join("org/name")).unwrap();
        for (text, expected) in [
            ("org/name", base.path().join("org/name").to_string_lossy().into_owned()),
            ("./org/other", base.path().join("org/other").to_string_lossy().into_owned()),
            ("org/other@v1", "hf:org/other@v1".into()),
            ("hf:org/name", "hf:org/name@main".into()),
            ("hf:not a name", "hf:not a name".into()),
            ("default", "default".into()),
        ] {
            let mut recipe = Recipe::from_toml("name = \"x\"").unwrap();
            recipe.model.source = text.into();
            resolve_paths(&mut recipe, base.path());
            assert_eq!(recipe.model.source, expected, "{text}");
        }
    }
}
