//! Bad input is refused before anything is done: with the field, the value and the remedy, and exit code 2.

use super::support::{
    program::{check, rankscope, run},
    recipes::{Fixture, reference},
};
use rankscope_domain::FieldErrors;
use std::fs;

/// One wrong recipe: what it is, how it comes about, and what must be said.
struct Row {
    what: &'static str,
    make: fn(&Fixture) -> String,
    /// The refused field.
    field: &'static str,
    /// Words that the value or the remedy must hold.
    said: &'static [&'static str],
}

const ROWS: &[Row] = &[
    Row { what: "no TOML", make: |_| "name = ".into(), field: "", said: &["line 1"] },
    Row { what: "an empty file", make: |_| String::new(), field: "", said: &["name"] },
    Row { what: "an unknown key", make: |f| format!("colour = 3\n{}", f.toml()), field: "colour", said: &["colour"] },
    Row {
        what: "an unknown key in a table",
        make: |f| replace(f, "max_new_tokens = 6", "max_tokens = 6"),
        field: "generation.max_tokens",
        said: &["max_new_tokens"],
    },
    Row {
        what: "a wrong type",
        make: |f| replace(f, "max_new_tokens = 6", "max_new_tokens = \"six\""),
        field: "generation.max_new_tokens",
        said: &["six"],
    },
    Row { what: "a schema of the future", make: |f| format!("schema = 9\n{}", f.toml()), field: "schema", said: &["9"] },
    Row { what: "rank 0", make: |f| replace(f, "lora_r = 2", "lora_r = 0"), field: "arms[0].lora_r", said: &["0"] },
    Row {
        what: "a rank above the layer's width",
        make: |f| replace(f, "lora_r = 8", "lora_r = 64"),
        field: "arms[1].lora_r",
        said: &["64"],
    },
    Row { what: "a rank that is not given", make: |f| replace(f, "lora_r = 2\n", ""), field: "arms[0].lora_r", said: &["lora_r"] },
    Row { what: "duplicate ranks", make: |f| replace(f, "lora_r = 8", "lora_r = 2"), field: "arms[1].lora_r", said: &["2"] },
    Row {
        what: "learning rate 0",
        make: |f| replace(f, "learning_rate = 0.001", "learning_rate = 0.0"),
        field: "arms[2].learning_rate",
        said: &["0"],
    },
    Row {
        what: "a negative learning rate",
        make: |f| replace(f, "learning_rate = 0.001", "learning_rate = -0.001"),
        field: "arms[2].learning_rate",
        said: &["-0.001"],
    },
    Row {
        what: "learning rate NaN",
        make: |f| replace(f, "learning_rate = 0.001", "learning_rate = nan"),
        field: "arms[2].learning_rate",
        said: &["NaN"],
    },
    Row {
        what: "learning rate infinity",
        make: |f| replace(f, "learning_rate = 0.001", "learning_rate = inf"),
        field: "arms[2].learning_rate",
        said: &["inf"],
    },
    Row { what: "no seeds", make: |f| replace(f, "seeds = [0]", "seeds = []"), field: "seeds", said: &["seeds = [0]"] },
    Row {
        what: "an unknown projection",
        make: |f| replace(f, "[training]", "[lora]\ntarget_modules = [\"qkv\"]\n[training]"),
        field: "lora.target_modules",
        said: &["qkv", "q_proj"],
    },
    Row {
        what: "a chat template that has no name here",
        make: |f| replace(f, "[counterfactuals]", "[counterfactuals]\nchat_template = \"vicuna\""),
        field: "counterfactuals.chat_template",
        said: &["vicuna", "tulu", "chatml", "llama-2", "llama-3"],
    },
    Row {
        what: "a prompts file that is not there",
        make: |f| replace(f, "prompts.jsonl", "nothing.jsonl"),
        field: "prompts.path",
        said: &["nothing.jsonl"],
    },
    Row { what: "an empty prompts file", make: |f| with_file(f, "prompts.jsonl", b""), field: "prompts.path", said: &["prompts.jsonl"] },
    Row {
        what: "a malformed prompts line",
        make: |f| with_file(f, "prompts.jsonl", b"{\"prompt\":\"She is\"}\nShe is\n"),
        field: "prompts.path",
        said: &["2"],
    },
    Row { what: "an empty prompt", make: |f| with_file(f, "prompts.jsonl", b"{\"prompt\":\"  \"}\n"), field: "prompts.path", said: &["1"] },
    Row {
        what: "prompts that are no text",
        make: |f| with_file(f, "prompts.jsonl", b"{\"prompt\":\"\xff\xfe\"}\n"),
        field: "prompts.path",
        said: &["prompts.jsonl"],
    },
    Row {
        what: "a pair without a target",
        make: |f| with_file(f, "pairs.jsonl", b"{\"prompt\":\"She is\"}\n"),
        field: "counterfactuals.path",
        said: &["target"],
    },
    Row {
        what: "a pairs file that is not there",
        make: |f| replace(f, "pairs.jsonl", "nothing.jsonl"),
        field: "counterfactuals.path",
        said: &["nothing.jsonl"],
    },
    Row {
        what: "a lexicon that is not there",
        make: |f| replace(f, "[counterfactuals]", "[judge]\nkind = \"hurtlex\"\npath = \"lexicon.tsv\"\n[counterfactuals]"),
        field: "judge.path",
        said: &["lexicon.tsv"],
    },
    Row {
        what: "a model that is not there",
        make: |f| with_model(f, &f.path("nothing.gguf")),
        field: "model.source",
        said: &["nothing.gguf"],
    },
    Row { what: "a truncated GGUF", make: truncated_gguf, field: "model.source", said: &["model.gguf"] },
    Row {
        what: "a file that is no GGUF",
        make: |f| with_weights_file(f, b"this is a text file, and no model at all"),
        field: "model.source",
        said: &["model.gguf"],
    },
    Row {
        what: "a GGUF of an unknown kind",
        make: |f| with_weights_file(f, &gguf_of_kind("mamba")),
        field: "model.source",
        said: &["mamba", "llama"],
    },
    Row {
        what: "an unknown model kind",
        make: |f| with_changed_model(f, "config.json", |text| text.replace("\"llama\"", "\"mamba\"")),
        field: "model.source",
        said: &["mamba", "llama"],
    },
    Row {
        what: "a config that is no JSON",
        make: |f| with_changed_model(f, "config.json", |text| text[..text.len() / 2].into()),
        field: "model.source",
        said: &["config.json"],
    },
    Row {
        what: "a corrupt safetensors header",
        make: |f| with_model_bytes(f, |bytes| bytes[..8].fill(0xff)),
        field: "model.source",
        said: &["model.safetensors"],
    },
    Row {
        what: "a safetensors header that is no JSON",
        make: |f| with_model_bytes(f, |bytes| bytes[8..40].fill(b'x')),
        field: "model.source",
        said: &["model.safetensors"],
    },
    Row {
        what: "truncated safetensors",
        make: |f| with_model_bytes(f, |bytes| bytes.truncate(bytes.len() / 2)),
        field: "model.source",
        said: &["model.safetensors"],
    },
    Row {
        what: "weights of another shape than the config's",
        make: |f| with_changed_model(f, "config.json", |text| text.replace("\"intermediate_size\": 48", "\"intermediate_size\": 52")),
        field: "model.source",
        said: &["52"],
    },
    Row {
        what: "a tokenizer with more tokens than the model",
        make: |f| with_changed_model(f, "tokenizer.json", more_tokens),
        field: "model.source",
        said: &["token"],
    },
    Row { what: "a tokenizer that is not there", make: without_tokenizer, field: "model.source", said: &["tokenizer.json"] },
];

#[test]
fn every_wrong_recipe_is_refused_by_its_field() {
    let mut wrong = Vec::new();
    for row in ROWS {
        let fixture = Fixture::new();
        let path = fixture.write(&(row.make)(&fixture));
        let answer = check("validate", &path, &["--json"]);
        let report: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap_or_default();
        let errors: FieldErrors = serde_json::from_value(report["errors"].clone()).unwrap_or_default();
        let found = errors.of(row.field).find(|error| {
            let text = format!("{} {}", error.value, error.remedy);
            row.said.iter().all(|part| text.to_lowercase().contains(&part.to_lowercase()))
        });
        if answer.code != Some(2) || report["valid"] != false || found.is_none() {
            wrong.push(format!(
                "{}: code {:?}, wanted {} with {:?}\n{}{}",
                row.what, answer.code, row.field, row.said, answer.stdout, answer.stderr
            ));
            continue;
        }
        // for people: the same, on stderr, and nothing on stdout
        let plain = check("validate", &path, &[]);
        if plain.code != Some(2) || !plain.stdout.is_empty() || !plain.stderr.contains(&found.map(ToString::to_string).unwrap_or_default())
        {
            wrong.push(format!("{} without --json: {plain:?}", row.what));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ROWS.len(), wrong.join("\n\n"));
}

#[test]
fn everything_wrong_is_said_at_once() {
    let fixture = Fixture::new();
    let text = fixture
        .toml()
        .replace("lora_r = 2", "lora_r = 0")
        .replace("learning_rate = 0.001", "learning_rate = -1.0")
        .replace("seeds = [0]", "seeds = [1, 1]");
    let answer = check("validate", &fixture.write(&text), &[]);
    for field in ["arms[0].lora_r", "arms[2].learning_rate", "seeds[1]"] {
        assert!(answer.stderr.contains(field), "{field}: {}", answer.stderr);
    }
}

#[test]
fn a_good_recipe_is_said_to_be_one() {
    let fixture = Fixture::new();
    let path = fixture.write(&fixture.toml());
    let answer = check("validate", &path, &[]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(answer.stdout.contains("Tiny") && answer.stdout.contains("r = 8"), "{}", answer.stdout);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&check("validate", &path, &["--json"]).stdout).unwrap()["valid"], true);

    let estimate = check("estimate", &path, &["--json"]);
    assert_eq!(estimate.code, Some(0), "{}", estimate.stderr);
    let estimate: rankscope_domain::estimate::Estimate = serde_json::from_str(&estimate.stdout).unwrap();
    assert_eq!((estimate.prompts, estimate.completions), (6, 48));
    assert!(estimate.total_seconds > 0.0 && estimate.peak_memory_bytes > 0);
    let plain = check("estimate", &path, &[]);
    assert!(plain.stdout.contains("memory") && plain.stdout.contains("48 completions"), "{}", plain.stdout);
}

#[test]
fn relative_paths_are_the_recipes_own() {
    let fixture = Fixture::new();
    let text = fixture.toml().replace(&format!("{:?}", fixture.path("prompts.jsonl")), "\"prompts.jsonl\"");
    let path = fixture.write(&text);
    let answer = run(rankscope().arg("validate").arg(&path).current_dir("/"));
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert_eq!(run(rankscope().args(["validate", "recipe.toml"]).current_dir(fixture.folder.path())).code, Some(0));
}

#[test]
fn files_and_directories_that_do_not_fit_are_named() {
    let fixture = Fixture::new();
    let answer = check("validate", &fixture.path("nothing.toml"), &[]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("nothing.toml"), "{}", answer.stderr);

    let worker = run(rankscope().arg("worker").arg(fixture.folder.path()));
    assert_eq!(worker.code, Some(2), "{}", worker.stderr);
    assert!(worker.stderr.contains("no study"), "{}", worker.stderr);
    assert!(!fixture.path(".worker.lock").exists(), "something was written there");

    let path = fixture.write(&fixture.toml());
    let folder = fixture.path("holiday");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("photo.jpg"), "").unwrap();
    let occupied = run(rankscope().arg("run").arg(&path).arg("--out").arg(&folder));
    assert_eq!(occupied.code, Some(2), "{}", occupied.stderr);
    assert!(occupied.stderr.contains("another directory"), "{}", occupied.stderr);
}

#[test]
fn a_directory_of_another_recipe_is_left_alone() {
    let fixture = Fixture::new();
    let out = fixture.path("study");
    let first = fixture.write(&fixture.toml());
    assert_eq!(run(rankscope().arg("run").arg(&first).arg("--out").arg(&out)).code, Some(0));
    let before = fs::read(out.join("results.json")).unwrap();
    let other = fixture.write(&fixture.toml().replace("lora_r = 8", "lora_r = 4"));
    let answer = run(rankscope().arg("run").arg(&other).arg("--out").arg(&out));
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("another recipe") && answer.stderr.contains("lora_r"), "{}", answer.stderr);
    assert_eq!(fs::read(out.join("results.json")).unwrap(), before);
}

fn replace(fixture: &Fixture, from: &str, to: &str) -> String {
    let text = fixture.toml();
    assert!(text.contains(from), "the fixture has no {from:?}");
    text.replacen(from, to, 1)
}

fn with_file(fixture: &Fixture, name: &str, bytes: &[u8]) -> String {
    fs::write(fixture.path(name), bytes).unwrap();
    fixture.toml()
}

fn with_model(fixture: &Fixture, path: &std::path::Path) -> String {
    replace(fixture, &format!("{:?}", reference().join("llama_tiny")), &format!("{path:?}"))
}

fn with_weights_file(fixture: &Fixture, bytes: &[u8]) -> String {
    let path = fixture.path("model.gguf");
    fs::write(&path, bytes).unwrap();
    with_model(fixture, &path)
}

/// A GGUF file of version 3 that says of itself only what kind of model it is.
fn gguf_of_kind(kind: &str) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let string_type = 8u32.to_le_bytes();
    let head = [&b"GGUF"[..], &3u32.to_le_bytes(), &0u64.to_le_bytes(), &1u64.to_le_bytes()].concat();
    [head, text("general.architecture"), string_type.to_vec(), text(kind)].concat()
}

fn truncated_gguf(fixture: &Fixture) -> String {
    let whole = gguf_of_kind("llama");
    with_weights_file(fixture, &whole[..whole.len() - 3])
}

fn with_changed_model(fixture: &Fixture, name: &str, change: fn(&str) -> String) -> String {
    let folder = fixture.copied_model();
    let before = fs::read_to_string(folder.join(name)).unwrap();
    let after = change(&before);
    assert_ne!(before, after, "{name} was not changed");
    fs::write(folder.join(name), after).unwrap();
    with_model(fixture, &folder)
}

fn with_model_bytes(fixture: &Fixture, change: fn(&mut Vec<u8>)) -> String {
    let folder = fixture.copied_model();
    let path = folder.join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
    with_model(fixture, &folder)
}

/// A vocabulary with an entry beyond the embedding's rows.
fn more_tokens(text: &str) -> String {
    let mut tokenizer: serde_json::Value = serde_json::from_str(text).unwrap();
    tokenizer["model"]["vocab"]["beyond"] = 5000.into();
    tokenizer.to_string()
}

fn without_tokenizer(fixture: &Fixture) -> String {
    let folder = fixture.copied_model();
    fs::remove_file(folder.join("tokenizer.json")).unwrap();
    with_model(fixture, &folder)
}
