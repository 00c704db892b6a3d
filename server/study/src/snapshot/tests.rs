use super::{allow_list::AllowList, *};
use rankscope_domain::{Recipe, StudyResults, provenance::Provenance, results::results_schema, snapshot::HIDDEN};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path};

/// Something private wherever a text can stand: a path below somebody's home.
const CANARY: &str = "/home/canary-user/canary-folder/canary-file.txt";
pub(super) const OPEN: AllowList = AllowList { anonymous: false, completions: true };
pub(super) const ANONYMOUS: AllowList = AllowList { anonymous: true, completions: true };

/// Every text in a value, by its JSON pointer.
fn texts(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.into()),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| texts(item, &format!("{at}/{index}"), found)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| texts(field, &format!("{at}/{name}"), found)),
        _ => {}
    }
}

/// Puts the canary into one text after another, passes the whole through the list, and gives the fields that let the path out, and
/// those that let its last part out. A text that takes no canary is the name of a kind.
pub(super) fn leaks<T: Serialize + DeserializeOwned, S: Serialize>(
    whole: &T,
    allow: impl Fn(T) -> S,
) -> (BTreeSet<String>, BTreeSet<String>, usize) {
    let value = serde_json::to_value(whole).unwrap();
    let mut fields = Vec::new();
    texts(&value, "", &mut fields);
    let (mut paths, mut names, mut tried) = (BTreeSet::new(), BTreeSet::new(), 0);
    for field in fields {
        let mut sung = value.clone();
        *sung.pointer_mut(&field).unwrap() = CANARY.into();
        let Ok(sung) = serde_json::from_value::<T>(sung) else { continue };
        tried += 1;
        let out = serde_json::to_string(&allow(sung)).unwrap();
        let field = field.split('/').filter(|part| part.parse::<u32>().is_err()).collect::<Vec<_>>().join("/");
        if out.contains("canary-user") || out.contains("canary-folder") {
            paths.insert(field.clone());
        }
        if out.contains("canary-file") {
            names.insert(field);
        }
    }
    (paths, names, tried)
}

pub(super) fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Every table, every optional text.
pub(super) fn full_recipe() -> Recipe {
    Recipe::from_toml(
        r#"
name = "a name"
notes = "notes"
memory_limit = "8 GiB"
[model]
source = "/models/base"
[prompts]
set = "csv"
path = "/p.csv"
[judge]
kind = "model"
path = "/lexicon.tsv"
model = "/models/judge"
url = "http://10.0.0.1/v1"
api_key_env = "KEY"
prompt = "Is this toxic: {statement}?"
[counterfactuals]
path = "/pairs.jsonl"
model = "/models/writer"
prompt = "Go on"
[data]
source = "/data"
test_path = "/test.csv"
train_split = "a"
test_split = "b"
text_column = "c"
label_column = "d"
label_names = ["e"]
positive_label = "e"
[groups]
by = "terms"
column = "f"
minority = "g"
terms = [{ name = "h", words = ["i"] }]
[classifier]
prompt = "j"
options = ["k"]
[inspection]
lens_prompts = ["l"]
[[arms]]
kind = "full"
learning_rate = 1e-4
"#,
    )
    .unwrap()
}

/// What of a recipe is the study's own words: they are what is shared.
const WORDS: [&str; 14] = [
    "/judge/prompt",
    "/counterfactuals/prompt",
    "/data/train_split",
    "/data/test_split",
    "/data/text_column",
    "/data/label_column",
    "/data/label_names",
    "/data/positive_label",
    "/groups/column",
    "/groups/minority",
    "/groups/terms/name",
    "/groups/terms/words",
    "/classifier/prompt",
    "/classifier/options",
];
const LISTS: [&str; 2] = ["/lora/target_modules", "/inspection/lens_prompts"];

#[test]
fn of_a_recipe_its_words_leave_and_no_path() {
    let recipe = full_recipe();
    let words: BTreeSet<String> = names(&WORDS).into_iter().chain(names(&LISTS)).collect();
    let (paths, _, tried) = leaks(&recipe, |recipe| OPEN.recipe(recipe));
    assert_eq!(paths, words.iter().cloned().chain(names(&["/name", "/notes"])).collect());
    assert!(tried > 25, "{tried} texts");
    let (paths, names, _) = leaks(&recipe, |recipe| ANONYMOUS.recipe(recipe));
    assert_eq!((&paths, &names), (&words, &words), "for blind review no file's name either");

    let mut endpoint = recipe;
    endpoint.judge.kind = rankscope_domain::recipe::JudgeKind::Endpoint;
    let (paths, ..) = leaks(&endpoint.judge.clone(), |judge| OPEN.recipe(Recipe { judge, ..endpoint.clone() }).judge);
    assert_eq!(paths, ["/prompt".to_string()].into());
    let shared = OPEN.recipe(endpoint);
    assert_eq!((shared.judge.url, shared.judge.api_key_env, shared.memory_limit), (None, None, None));
}

fn provenance() -> Provenance {
    let model = json!({
        "source": "/m", "name": "m", "kind": "llama", "parameters": 1, "layers": 1, "hidden_size": 1, "vocab_size": 1,
        "sha256": "ab", "dtype": "F32", "licence": "mit", "revision": "cd"
    });
    serde_json::from_value(json!({
        "rankscope_version": "0.1.0", "recipe_sha256": "ef", "model": model, "counterfactual_model": model, "judge_model": model,
        "files": [{ "name": "/f", "sha256": "01" }], "builtin": [{ "name": "prompts.toml", "sha256": "23" }],
        "started_at": "2026-01-01T00:00:00Z",
        "host": { "os": "linux", "arch": "x86_64", "cpu": "a cpu", "threads": 2, "memory_bytes": 1, "memory_limit_bytes": 2, "device": "cuda:0 (a GPU)" }
    }))
    .unwrap()
}

/// What Rankscope itself writes there, from a fixed set or as a number.
const WRITTEN_BY_US: [&str; 3] = ["/rankscope_version", "/started_at", "/builtin/sha256"];
const OF_A_MODEL: [&str; 5] = ["kind", "dtype", "sha256", "licence", "revision"];

#[test]
fn of_a_provenance_nothing_of_the_machine_leaves() {
    let models = ["/model", "/counterfactual_model", "/judge_model"];
    let of_models = |fields: &[&str]| {
        models.iter().flat_map(|model| fields.iter().map(move |field| format!("{model}/{field}"))).collect::<BTreeSet<_>>()
    };
    let (paths, _, tried) = leaks(&provenance(), |provenance| OPEN.provenance(provenance, "x"));
    let expected: BTreeSet<_> = names(&WRITTEN_BY_US).into_iter().chain(names(&["/files/sha256"])).chain(of_models(&OF_A_MODEL)).collect();
    assert_eq!(paths, expected);
    assert!(tried > 25, "{tried} texts");
    let (paths, _, _) = leaks(&provenance(), |provenance| ANONYMOUS.provenance(provenance, "x"));
    assert_eq!(paths, names(&WRITTEN_BY_US).into_iter().chain(of_models(&["kind", "dtype"])).collect());
    let text = serde_json::to_string(&OPEN.provenance(provenance(), "x")).unwrap();
    assert!(!text.contains("cpu") && !text.contains("GPU") && !text.contains("ef\""), "{text}");
}

fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../example")
}

#[test]
fn of_results_no_path_and_no_error_leaves() {
    let mut results: StudyResults = serde_json::from_slice(&fs::read(example().join("results.json")).unwrap()).unwrap();
    results.cells[0].failed = Some("/home/canary-user/disk full".into());
    results.model.revision = Some("x".into());
    results.model.source = "/models/base".into();
    for (kind, description) in [
        ("lexicon", "Rankscope's built-in lexicon"),
        ("hurtlex", "HurtLex (a.tsv), level conservative, 3 lemmas, word mode"),
        ("model", "/home/canary-user/judge, asked yes or no with the paper’s question"),
        (
            "endpoint",
            "/home/canary-user/judge at http://canary-user.example/v1/chat/completions, asked yes or no with the paper’s question",
        ),
    ] {
        results.judge.kind = kind.into();
        results.judge.description = description.into();
        for (allow, of_the_model) in [(OPEN, &OF_A_MODEL[..]), (ANONYMOUS, &["kind", "dtype"])] {
            let recipe = allow.recipe(full_recipe());
            let (paths, _, _) = leaks(&results, |results| allow.results(results, &recipe, "x"));
            let lets_out = |field: &str| paths.contains(field);
            assert!(
                !lets_out("/cells/failed") && !lets_out("/name") && !lets_out("/recipe_sha256") && !lets_out("/model/source"),
                "{paths:?}"
            );
            assert!(!lets_out("/model/name") && !lets_out("/alpha_policy"), "{paths:?}");
            assert_eq!(lets_out("/judge/description"), kind == "lexicon", "{kind}: {paths:?}");
            let of_model: BTreeSet<_> = paths.iter().filter_map(|path| path.strip_prefix("/model/").map(String::from)).collect();
            assert_eq!(of_model, names(of_the_model));
            let out = allow.results(results.clone(), &recipe, "x");
            assert!(!serde_json::to_string(&out).unwrap().contains("canary"), "{kind}");
        }
    }
    let described = |allow: AllowList, kind: &str| {
        let mut results = results.clone();
        results.judge.kind = kind.into();
        if kind == "hurtlex" {
            results.judge.description = "HurtLex (smith), level x.tsv), level conservative, 3 lemmas, word mode".into();
        }
        let recipe = allow.recipe(full_recipe());
        allow.results(results, &recipe, "x").judge.description
    };
    assert_eq!(described(OPEN, "endpoint"), "judge at an endpoint, asked yes or no with the paper’s question");
    assert_eq!(described(ANONYMOUS, "model"), "hidden, asked yes or no with the paper’s question");
    assert_eq!(described(ANONYMOUS, "hurtlex"), "HurtLex (hidden), level conservative, 3 lemmas, word mode");
}

/// A new text in results has to be let through or kept back by somebody: here, and in the allow-list.
#[test]
fn every_text_in_results_is_known() {
    let schema: Value = serde_json::from_str(&results_schema()).unwrap();
    let mut found = BTreeSet::new();
    let mut types = vec![("StudyResults".to_string(), &schema)];
    types.extend(schema["$defs"].as_object().unwrap().iter().map(|(name, part)| (name.clone(), part)));
    for (name, part) in types {
        for (field, shape) in part["properties"].as_object().into_iter().flatten() {
            // an arm's and a cell's name can't be other than they are
            let text = [&shape["type"], &shape["items"]["type"]].iter().any(|kind| kind.to_string().contains("\"string\""));
            if text {
                found.insert(format!("{name}.{field}"));
            }
        }
    }
    let known = names(&[
        // the study's own words, and numbers' names
        "StudyResults.groups",
        "GroupCounts.group",
        "GroupCount.group",
        "GroupMeasures.group",
        "AccuracyContrast.group",
        "RankTrend.group",
        "MatrixDistance.matrix",
        "ClassificationResults.prompt",
        "ClassificationResults.labels",
        "ClassificationResults.positive_label",
        "ClassificationResults.grouped_by",
        "ClassificationResults.minority",
        "ClassificationResults.majority",
        // what Rankscope says of the numbers
        "Claim.claim",
        "Claim.because",
        // written anew by the allow-list
        "StudyResults.name",
        "StudyResults.recipe_sha256",
        "StudyResults.alpha_policy",
        "CellResult.failed",
        "ClassificationResults.dataset",
        "JudgeSummary.kind",
        "JudgeSummary.description",
        "JudgeSummary.sha256",
        "ModelSummary.source",
        "ModelSummary.name",
        "ModelSummary.kind",
        "ModelSummary.sha256",
        "ModelSummary.dtype",
        "ModelSummary.licence",
        "ModelSummary.revision",
    ]);
    let arms = ["arm", "against", "cell", "fraction"];
    found.retain(|name| !arms.iter().any(|arm| name.ends_with(&format!(".{arm}"))));
    assert_eq!(found, known);
}

pub(super) fn copied_example() -> (tempfile::TempDir, Study) {
    let folder = tempfile::tempdir().unwrap();
    let mut folders = vec![(example(), folder.path().to_path_buf())];
    while let Some((from, to)) = folders.pop() {
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let target = to.join(path.file_name().unwrap());
            if path.is_dir() {
                folders.push((path, target));
            } else {
                fs::copy(&path, &target).unwrap();
            }
        }
    }
    let study = Study::open(folder.path()).unwrap();
    (folder, study)
}

#[test]
fn a_snapshot_has_completions_or_none_of_them() {
    let (_folder, study) = copied_example();
    let share =
        |anonymous, completions| study.snapshot(ShareScope { anonymous, completions }, "2026-01-01T00:00:00Z".into()).unwrap().unwrap();
    let SnapshotContent::Study(with) = share(false, true).content else { panic!("a study") };
    let query = CompletionQuery { verdict: Some(rankscope_domain::completion::Verdict::Toxic), page: 1, ..Default::default() };
    assert_eq!(shared_completion_page(&with, &query).unwrap(), study.completions(&query).unwrap(), "the same page as the owner's");
    let texts: Vec<String> = with
        .completions
        .as_ref()
        .unwrap()
        .cells
        .iter()
        .flat_map(|cell| &cell.completions)
        .map(|text| text.completion.text.clone())
        .collect();
    assert!(texts.len() > 500);

    let without = share(true, false);
    let json = serde_json::to_string(&without).unwrap();
    for text in texts.iter().filter(|text| text.split_whitespace().count() > 3) {
        let quoted = serde_json::to_string(text).unwrap();
        assert!(!json.contains(quoted.trim_matches('"')), "{text}");
    }
    let SnapshotContent::Study(without) = without.content else { panic!("a study") };
    assert_eq!(shared_completion_page(&without, &query), None);
    assert_eq!((without.summary.title.as_str(), without.results.name.as_str()), ("Study A", "Study A"));
    assert_eq!(without.summary.model, "SmolLM2-135M-Instruct.Q4_1", "the model that comes with the program names nobody");
    assert!(!without.recipe_toml.contains("Quick look") && Recipe::from_toml(&without.recipe_toml).is_ok());
    assert_eq!(without.provenance.unwrap().recipe_sha256, whole_file::hash_text(&without.recipe_toml));
}

#[test]
fn a_snapshot_to_label_tells_nothing_of_who_wrote_what() {
    let (_folder, study) = copied_example();
    let frozen_at = || "2026-01-01T00:00:00Z".to_string();
    let shown = study.snapshot(ShareScope { anonymous: false, completions: true }, frozen_at()).unwrap().unwrap();
    let SnapshotContent::Study(with) = shown.content else { panic!("it is of a study") };
    assert_eq!(with.to_label, None, "a copy that shows them is for reading");
    let with = with.completions.unwrap();
    let to_label = study.snapshot_to_label(false, frozen_at()).unwrap().unwrap();
    let json = serde_json::to_string(&to_label).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), to_label);
    let SnapshotContent::Study(to_label) = to_label.content else { panic!("it is of a study") };
    assert_eq!(to_label.completions, None);
    assert!(to_label.lens.iter().all(|reading| reading.continuation.is_empty()));
    let keys = to_label.to_label.unwrap();
    assert!(keys.len() > 400 && keys.is_sorted(), "their order is that of a hash");
    let prompts: HashMap<u32, &str> = with.prompts.iter().map(|prompt| (prompt.id, prompt.prompt.as_str())).collect();
    for text in with.cells.iter().flat_map(|cell| &cell.completions).map(|text| &text.completion) {
        assert!(keys.binary_search(&label_key(prompts[&text.prompt_id], &text.text)).is_ok());
        let quoted = serde_json::to_string(&text.text).unwrap();
        assert!(text.text.split_whitespace().count() <= 3 || !json.contains(quoted.trim_matches('"')), "{}", text.text);
    }
    assert!(keys.binary_search(&label_key("a prompt", "that is not there")).is_err());
    assert_ne!(label_key("ab", "c"), label_key("a", "bc"), "prompt and text don't run into one another");
}

#[test]
fn sources_keep_the_hubs_names_and_lose_their_folders() {
    let shared = |allow: AllowList, source: &str| {
        let mut recipe = full_recipe();
        recipe.model.source = source.into();
        recipe.data.source = source.into();
        let recipe = allow.recipe(recipe);
        (recipe.model.source, recipe.data.source)
    };
    for (source, open, anonymous) in [
        ("default", "default", "default"),
        ("hf:org/name@main", "hf:org/name@main", HIDDEN),
        ("/home/me/model.gguf", "model.gguf", HIDDEN),
        ("C:\\Users\\me\\model", "model", HIDDEN),
        ("/home/me/model/", "model", HIDDEN),
        ("me/model", "model", HIDDEN),
        ("/", HIDDEN, HIDDEN),
        ("..", HIDDEN, HIDDEN),
    ] {
        assert_eq!(shared(OPEN, source).0, open, "{source}");
        assert_eq!(shared(ANONYMOUS, source).0, anonymous, "{source}");
    }
    for (source, open, anonymous) in
        [("builtin", "builtin", "builtin"), ("dataset:ours", "dataset:ours", HIDDEN), ("/a/b.csv", "b.csv", HIDDEN)]
    {
        assert_eq!(shared(OPEN, source).1, open);
        assert_eq!(shared(ANONYMOUS, source).1, anonymous);
    }
}
