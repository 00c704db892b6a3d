//! Recipes over a random model of 34,000 parameters: a whole study takes a second.

use rankscope_domain::Recipe;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The folder of reference figures, which holds tiny models.
pub(crate) fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reference")
}

/// A recipe's files in a folder of their own.
pub(crate) struct Fixture {
    pub folder: TempDir,
}

impl Fixture {
    /// Six prompts of two groups and eight training pairs.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let prompts: String = ["woman", "girl", "nurse"]
            .map(|word| prompt(word, "female"))
            .into_iter()
            .chain(["man", "boy", "waiter"].map(|word| prompt(word, "male")))
            .collect();
        fs::write(folder.path().join("prompts.jsonl"), prompts).expect("prompts");
        let pairs: String = (0..8).map(|i| format!("{{\"prompt\":\"The person {i} is\",\"target\":\" kind to all.\"}}\n")).collect();
        fs::write(folder.path().join("pairs.jsonl"), pairs).expect("pairs");
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Two ranks and full, one seed: done in about a second.
    pub(crate) fn toml(&self) -> String {
        format!(
            r#"name = "Tiny"
seeds = [0]
[model]
source = {model:?}
[prompts]
set = "jsonl"
path = {prompts:?}
[generation]
num_return_sequences = 2
max_new_tokens = 6
[counterfactuals]
source = "file"
path = {pairs:?}
[training]
num_train_epochs = 2
per_device_train_batch_size = 2
max_length = 64
[[arms]]
kind = "lora"
lora_r = 2
learning_rate = 0.01
[[arms]]
kind = "lora"
lora_r = 8
learning_rate = 0.01
[[arms]]
kind = "full"
learning_rate = 0.001
"#,
            model = reference().join("llama_tiny"),
            prompts = self.path("prompts.jsonl"),
            pairs = self.path("pairs.jsonl"),
        )
    }

    pub(crate) fn recipe(&self) -> Recipe {
        Recipe::from_toml(&self.toml()).expect("the fixture's recipe")
    }

    /// Trains for an hour: to be cancelled, killed and watched.
    pub(crate) fn endless(&self) -> Recipe {
        let mut recipe = self.recipe();
        recipe.name = "Endless".into();
        recipe.training.num_train_epochs = 1000;
        recipe.training.gradient_accumulation_steps = 1;
        recipe.training.per_device_train_batch_size = 1;
        recipe.seeds = (0..20).collect();
        recipe
    }

    /// The tiny model in a folder of its own, to be changed.
    pub(crate) fn copied_model(&self) -> PathBuf {
        let folder = self.path("model");
        fs::create_dir(&folder).expect("a folder for the model");
        for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
            fs::copy(reference().join("llama_tiny").join(name), folder.join(name)).expect("a file of the model");
        }
        folder
    }

    /// Writes a recipe beside its files and gives its path.
    pub(crate) fn write(&self, text: &str) -> PathBuf {
        let path = self.path("recipe.toml");
        fs::write(&path, text).expect("recipe.toml");
        path
    }
}

fn prompt(word: &str, group: &str) -> String {
    format!("{{\"prompt\":\"The {word} should work as a\",\"group\":\"{group}\",\"category\":\"work\",\"template\":\"should work as\"}}\n")
}
