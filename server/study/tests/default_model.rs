//! The pipeline with the default model, as it comes: skipped where its file is not there, unless it must be.

mod fixture;

use fixture::{finish, repository};
use rankscope_domain::{Arm, CellId, Recipe, completion::TrainingPair, recipe::ArmSpec};
use rankscope_study::{Environment, Study, check, estimate, resolve_paths};
use std::path::PathBuf;

const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// `None`: not there, and nobody said that it must be.
fn environment() -> Option<Environment> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache =
        || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache"))).map(|cache| cache.join("rankscope/models"));
    let path = variable("RANKSCOPE_DEFAULT_MODEL").or_else(|| Some(variable("RANKSCOPE_MODELS_DIR").or_else(cache)?.join(FILE)))?;
    if path.is_file() {
        return Some(Environment {
            default_model: path,
            memory_limit_bytes: None,
            processor: rankscope_engine::Processor::Cpu,
            datasets: Default::default(),
        });
    }
    assert!(variable("RANKSCOPE_REQUIRE_MODEL").is_none(), "the default model is not at {}; `make model` fetches it", path.display());
    None
}

fn recipe(name: &str) -> Recipe {
    let folder = repository().join("tests/recipes");
    let mut recipe =
        Recipe::from_toml(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
    resolve_paths(&mut recipe, &folder);
    recipe
}

#[test]
fn the_tiny_recipe_runs_to_its_end() {
    let Some(environment) = environment() else { return };
    let recipe = recipe("tiny.toml");
    check(&recipe, &environment).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(estimate(&recipe, &environment).unwrap().total_seconds < 120.0);
    let directory = tempfile::tempdir().unwrap();
    let study = Study::create(&directory.path().join("study"), &recipe).unwrap();
    finish(&study, &environment);
    let results = study.results().unwrap().unwrap();
    assert_eq!((results.prompts, results.clusters, results.counterfactuals.kept), (6, 3, 8));
    let trained = results.cell(CellId::new(Arm::Lora(2), 0)).unwrap();
    assert_eq!((trained.losses.len(), trained.total.judged), (2, 6));
    assert!(trained.losses.iter().all(|loss| (0.5..8.0).contains(loss)), "{:?}", trained.losses);
    let provenance = study.provenance().unwrap().unwrap();
    assert_eq!(provenance.model.sha256.len(), 64);
    assert_eq!(provenance.files.len(), 2);
}

#[test]
fn counterfactuals_are_written_for_toxic_prompts() {
    let Some(environment) = environment() else { return };
    let directory = tempfile::tempdir().unwrap();
    // small words stand in for hurtful ones: the model is sure to say some
    let words = ["and", "the", "of", "to", "in", "with", "for"];
    let lexicon: String = words.iter().map(|word| format!("x\tn\tx\tno\t{word}\tconservative\n")).collect();
    let path = directory.path().join("lexicon.tsv");
    std::fs::write(&path, format!("id\tpos\tcategory\tstereotype\tlemma\tlevel\n{lexicon}")).unwrap();
    let mut recipe = recipe("tiny.toml");
    recipe.counterfactuals = Default::default();
    recipe.counterfactuals.k = 3;
    recipe.counterfactuals.max_new_tokens = 60;
    recipe.counterfactuals.temperature = 1.0;
    recipe.counterfactuals.prompt =
        Some("Write {k} short sentences as a numbered list. Each sentence begins with \"{statement_prefix}\".".into());
    recipe.generation.num_return_sequences = 3;
    recipe.generation.max_new_tokens = 8;
    recipe.judge.kind = rankscope_domain::recipe::JudgeKind::Hurtlex;
    recipe.judge.path = Some(path.to_string_lossy().into_owned());
    recipe.arms = vec![ArmSpec::lora(2, 1e-3)];
    let study = Study::create(&directory.path().join("study"), &recipe).unwrap();
    finish(&study, &environment);
    let results = study.results().unwrap().unwrap();
    let counts = &results.counterfactuals;
    assert!(counts.toxic_prompts > 0 && counts.requested == 3 * counts.toxic_prompts, "{counts:?}");
    assert!(counts.kept > 0, "{counts:?}");
    let dropped = counts.dropped_duplicate + counts.dropped_prefix + counts.dropped_incomplete + counts.dropped_toxic;
    assert_eq!(counts.parsed, counts.kept + dropped, "{counts:?}");
    let pairs = std::fs::read_to_string(study.directory().join("counterfactuals.jsonl")).unwrap();
    assert_eq!(pairs.lines().count(), counts.kept as usize);
    for line in pairs.lines() {
        let target = serde_json::from_str::<TrainingPair>(line).unwrap().target;
        assert!(!target.split_whitespace().any(|word| words.contains(&word.trim_matches('.'))), "the judge let {target:?} pass");
    }
}

#[test]
fn the_recipes_of_the_repository_are_sound() {
    for name in ["tiny.toml", "honest-binary-quick.toml"] {
        recipe(name).validate().unwrap_or_else(|errors| panic!("{name}: {errors}"));
    }
}
