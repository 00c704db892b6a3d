//! Comparisons as they are shared: what leaves, and that the copy shows what its owner sees.

use super::{
    allow_list::AllowList,
    tests::{ANONYMOUS, OPEN, copied_example, full_recipe, leaks, names},
    *,
};
use crate::{
    AskedStudy, FoundStudy, compare,
    comparison::{
        Told,
        tests::{LABELS, classification, looked_into, query, recipe, toxicity},
    },
};
use rankscope_domain::{
    Arm, FieldErrors, MinorityFraction, StudyResults,
    class_results::Reading,
    comparison::{
        ComparedArm, ComparedCompletions, ComparedContrast, ComparedPrompt, ComparedReading, ComparedStudy, Comparison, ContrastFamily,
        ContrastTable, ContrastTest, FieldRow, LensComparison, Pairing, RecipeComparison,
    },
    comparison_query::ComparisonView,
    completion::{Completion, Judgement, Verdict},
    inspection::{LensCellView, LensReading, LensToken},
    snapshot::{EveryPrompt, HIDDEN, PromptRow, SharedAccuracies, SharedComparison},
    view::{JudgedCompletion, StudyStatus},
};
use serde_json::{Value, json};
use std::{fs, path::Path};

const SCOPE: ShareScope = ShareScope { anonymous: false, completions: true };

fn own_results() -> StudyResults {
    serde_json::from_slice(&fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../example/results.json")).unwrap()).unwrap()
}

fn of(study: usize) -> ComparedArm {
    ComparedArm { study, arm: Arm::Full }
}

/// Every text filled.
fn table() -> ContrastTable {
    ContrastTable {
        studies: vec![0],
        groups: vec!["a group".into()],
        group: Some("a group".into()),
        families: vec![ContrastFamily {
            measure: "toxic share".into(),
            contrasts: vec![ComparedContrast {
                of: of(0),
                against: of(1),
                difference: 0.5,
                low: None,
                high: None,
                p: None,
                p_holm: None,
                test: ContrastTest::Unpaired,
                examples: 1,
                examples_against: 1,
                clusters: 1,
                detectable: None,
            }],
        }],
        pairings: vec![Pairing { study: 0, against: 1, common: 0, of_study: 1, of_against: 1, statement: "other prompts".into() }],
        notes: vec!["other models".into()],
        ..ContrastTable::default()
    }
}

fn lens() -> LensComparison {
    let cell = LensCellView { entropy: 1.0, kl: 1.0, top: vec![LensToken { text: "t".into(), probability: 0.5 }] };
    let reading = LensReading {
        cell: "full-s0".parse().unwrap(),
        prompt: "p".into(),
        tokens: vec!["t".into()],
        continuation: "c".into(),
        layers: vec![vec![cell]],
    };
    LensComparison { prompts: vec!["p".into()], prompt: 0, readings: vec![ComparedReading { study: 0, reading }], notes: vec!["n".into()] }
}

fn every_prompt() -> EveryPrompt {
    let completion = JudgedCompletion {
        cell: "full-s0".parse().unwrap(),
        completion: Completion { prompt_id: 0, sample: 0, text: "text".into(), new_tokens: 1, finished: true },
        judgement: Some(Judgement {
            prompt_id: 0,
            sample: 0,
            verdict: Verdict::NonToxic,
            matched: vec!["word".into()],
            explanation: "because".into(),
        }),
    };
    let prompt = ComparedPrompt {
        prompt: "p".into(),
        group: "g".into(),
        category: "c".into(),
        columns: vec![ComparedCompletions { of: of(0), completions: vec![completion] }],
    };
    EveryPrompt { studies: vec![0], groups: vec!["g".into()], rows: vec![PromptRow { prompt, in_every: true }], notes: vec!["n".into()] }
}

fn comparison() -> Comparison {
    let row = |field: &str| FieldRow { field: field.into(), values: vec![Some("value".into())], differs: true };
    let study = ComparedStudy {
        id: "01ARZ3NDEKTSV4RRFFQ69G5FAV".into(),
        name: "One".into(),
        kind: rankscope_domain::recipe::StudyKind::Toxicity,
        status: StudyStatus::Finished,
        progress: 1.0,
        model: "a model".into(),
        arms: vec![Arm::Original, Arm::Full],
        shown: vec![Arm::Full],
        failed: vec![("full-s0".parse().unwrap(), "disk full".into()), ("lora-r2-s0".parse().unwrap(), "disk full".into())],
        results: Some(crate::comparison::shown_of(&own_results())),
    };
    Comparison {
        studies: vec![study],
        problems: FieldErrors::one("studies", "an id", "a sentence"),
        against: Some(of(0)),
        toxicity: Some(table()),
        accuracy: Some(table()),
        divergence: Some(table()),
        lens: Some(lens()),
        completions: None,
        recipe: Some(RecipeComparison { recipe: vec![row("name")], provenance: vec![row("model.name")] }),
    }
}

fn told(allow: AllowList) -> Told {
    let recipe = allow.recipe(full_recipe());
    Told { results: Some(allow.results(own_results(), &recipe, "x")), recipe, provenance: None }
}

#[test]
fn of_a_comparison_leaves_what_is_named_and_no_id_name_or_error() {
    let of_table = ["/groups", "/group", "/families/measure", "/pairings/statement", "/notes"];
    for allow in [OPEN, ANONYMOUS] {
        let (paths, _, tried) = leaks(&comparison(), |comparison| allow.comparison(comparison, vec![told(allow)]));
        // these are made of what the list has let through: the test below puts private things into a study's files
        let rows = ["/recipe/recipe/field", "/recipe/recipe/values", "/recipe/provenance/field", "/recipe/provenance/values"];
        let of_divergence = of_table.iter().map(|field| format!("/divergence{field}"));
        assert_eq!(paths, names(&rows).into_iter().chain(of_divergence).collect());
        assert!(tried > 40, "{tried} texts");
        assert_eq!(leaks(&table(), |table| allow.contrasts(table)).0, names(&of_table));
        let texts = ["/groups", "/notes", "/rows/prompt/prompt", "/rows/prompt/group", "/rows/prompt/category"];
        let judged = ["completion/text", "judgement/matched", "judgement/explanation"]
            .map(|field| format!("/rows/prompt/columns/completions/{field}"));
        assert_eq!(leaks(&every_prompt(), |every| allow.every_prompt(every)).0, names(&texts).into_iter().chain(judged).collect());
        let read = ["/notes", "/prompts", "/readings/reading/prompt", "/readings/reading/tokens", "/readings/reading/layers/top/text"];
        for completions in [true, false] {
            let (paths, ..) = leaks(&lens(), |lens| AllowList { completions, ..allow }.compared_lens(lens));
            let continuation = completions.then(|| "/readings/reading/continuation".to_string());
            assert_eq!(paths, names(&read).into_iter().chain(continuation).collect());
        }
    }
    let Comparison { studies, problems, toxicity, lens, .. } = OPEN.comparison(comparison(), vec![told(OPEN)]);
    let study = &studies[0];
    assert_eq!(
        (study.id.as_str(), study.name.as_str(), study.arms.as_slice(), study.shown.as_slice()),
        ("", "a name", &[Arm::Full][..], &[Arm::Full][..])
    );
    let results = study.results.as_ref().unwrap();
    assert!(results.arms.iter().all(|result| result.arm == Arm::Full) && results.arms.len() == 1, "an arm that is not shown is not shared");
    assert!(results.cells.is_empty() && results.inspection.as_ref().unwrap().divergences.len() == 1);
    assert_eq!(study.failed.len(), 1);
    assert!(problems.0.is_empty() && toxicity.is_none() && lens.is_none());
}

fn asked(id: &str, study: Study) -> AskedStudy {
    AskedStudy { id: id.into(), found: Some(FoundStudy { study, status: StudyStatus::Finished }) }
}

/// The tables without their notes: models without a name are told in other words.
fn numbers(comparison: &Comparison) -> [Option<ContrastTable>; 3] {
    let tables = [&comparison.toxicity, &comparison.accuracy, &comparison.divergence];
    tables.map(|table| table.clone().map(|table| ContrastTable { notes: Vec::new(), ..table }))
}

fn copy(asked: &[AskedStudy], text: &str, scope: ShareScope) -> SharedComparison {
    match comparison_snapshot(asked, &query(text), scope, "2026-01-01T00:00:00Z".into()).unwrap().content {
        SnapshotContent::Comparison(comparison) => *comparison,
        SnapshotContent::Study(_) => panic!("a comparison"),
    }
}

/// Puts something private into every text of a study's recipe, provenance and results that is not for others to read.
fn sing(study: &Study) {
    let private = |name: &str| format!("/home/canary-user/canary-folder/{name}");
    let edit = |path: &Path, change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        change(&mut value);
        fs::write(path, serde_json::to_vec(&value).unwrap()).unwrap();
    };
    let model = json!({
        "source": private("model"), "name": private("model"), "kind": "llama", "parameters": 1, "layers": 1, "hidden_size": 1,
        "vocab_size": 1, "sha256": "0123456789abcdef", "dtype": "F32", "licence": "Smith’s licence", "revision": "smith"
    });
    edit(&study.provenance_path(), &|value| {
        for name in ["model", "judge_model", "counterfactual_model"] {
            value[name] = model.clone();
        }
        value["files"] =
            json!([{ "name": private("prompts.jsonl"), "sha256": "smith-hash" }, { "name": private("pairs.jsonl"), "sha256": "00" }]);
        for field in ["os", "arch", "cpu", "device"] {
            value["host"][field] = format!("canary-{field}").into();
        }
    });
    edit(&study.results_path(), &|value| {
        value["model"] = model.clone();
        value["judge"] = json!({
            "kind": "endpoint", "sha256": "",
            "description": format!("{} at http://canary-host.example:8000/v1/chat/completions, asked yes or no with the paper’s question", private("judge"))
        });
        value["cells"][1]["failed"] = "canary-error".into();
    });
    let mut recipe = study.recipe().unwrap();
    recipe.name = "Smith 2026".into();
    recipe.notes = "by Jo Smith".into();
    recipe.memory_limit = "4 GiB".parse().ok();
    recipe.model.source = private("model");
    recipe.prompts.path = Some(private("prompts.jsonl"));
    recipe.counterfactuals.path = Some(private("pairs.jsonl"));
    recipe.judge = full_recipe().judge;
    recipe.judge.kind = rankscope_domain::recipe::JudgeKind::Endpoint;
    recipe.judge.url = Some("http://canary-host.example:8000/v1".into());
    recipe.judge.api_key_env = Some("canary-key".into());
    recipe.judge.model = Some(private("judge"));
    recipe.judge.path = Some(private("lexicon.tsv"));
    fs::write(study.directory().join("recipe.toml"), recipe.to_toml()).unwrap();
}

#[test]
fn nothing_private_of_a_study_is_in_a_shared_comparison() {
    let ((_one, plain), (_other, singing)) = (copied_example(), copied_example());
    sing(&singing);
    let both = [asked("example", plain), asked("01ARZ3NDEKTSV4RRFFQ69G5FAV", singing)];
    let owners = compare(&both, &query(""), Some(&ComparisonView::ALL)).unwrap();
    assert!(serde_json::to_string(&owners).unwrap().contains("canary-host"), "the owner sees them");

    let open = copy(&both, "", SCOPE);
    let text = serde_json::to_string(&open).unwrap();
    for word in ["canary", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "host.cpu", "host.os", "4 GiB", "memory_limit"] {
        assert!(!text.contains(word), "{word:?} left");
    }
    assert_eq!(open.title, "Comparison of Quick look and Smith 2026");
    let notes = open.toxicity[0].notes.join(" ");
    for told in [
        "The base models are not the same. A: SmolLM2-135M-Instruct.Q4_1 (",
        "B: model (01234567)",
        "B: judge at an endpoint, asked yes or no",
    ] {
        assert!(notes.contains(told), "{told:?} is not in {notes}");
    }
    let fields = open.common.recipe.as_ref().unwrap();
    let row = |rows: &[FieldRow], field: &str| rows.iter().find(|row| row.field == field).cloned();
    assert_eq!(row(&fields.recipe, "prompts.path").unwrap().values[1].as_deref(), Some("\"prompts.jsonl\""));
    assert!(row(&fields.provenance, "files[prompts.jsonl].sha256").is_some());

    let blind = copy(&both, "", ShareScope { anonymous: true, completions: false });
    let text = serde_json::to_string(&blind).unwrap();
    for word in ["canary", "Smith", "smith", "Quick look", "prompts.jsonl", "lexicon.tsv", "pairs.jsonl", "01234567"] {
        assert!(!text.contains(word), "{word:?} left a blind review");
    }
    assert_eq!(blind.title, "Comparison of Study A and Study B");
    let names: Vec<&str> = blind.common.studies.iter().map(|study| study.name.as_str()).collect();
    assert_eq!((names, blind.common.studies[1].model.as_str()), (vec!["Study A", "Study B"], HIDDEN));
    // that two models differ is said, though not which they are
    let notes = blind.toxicity[0].notes.join(" ");
    assert!(notes.contains("The base models are not the same.") && notes.contains("B: hidden"), "{notes}");
    assert!(row(&blind.common.recipe.as_ref().unwrap().recipe, "model.source").unwrap().differs);
    let divergence = blind.common.divergence.as_ref().unwrap();
    assert!(divergence.pairings[0].statement.contains("other base models"), "models are told apart by their own hashes: {divergence:?}");
    assert!(blind.completions.is_none() && !blind.views().contains(&ComparisonView::Completions));
    assert!(blind.lens.iter().flat_map(|lens| &lens.readings).all(|read| read.reading.continuation.is_empty()));
}

#[test]
fn a_copy_shows_what_its_owner_sees_in_every_choice() {
    let folder = tempfile::tempdir().unwrap();
    let one = looked_into(folder.path(), "One", "5a3e5a3e5a3e", &|_, _| 1.0);
    let other = looked_into(folder.path(), "Other", "5a3e5a3e5a3e", &|arm, id| if arm == Arm::Full { 1.5 } else { f64::from(id % 2) });
    let half = toxicity(folder.path(), &recipe("Half"), 12, &|arm, number| arm == Arm::Full && number == 15);
    let of_classes = |name: &str, from: u32| classification(folder.path(), name, &[0, 1], LABELS, &move |_, text| text >= from);
    let asked = [one, other, half, of_classes("Class", 3), of_classes("Other class", 9)];
    for chosen in ["", "arms=A:full,B:full&against=B:full"] {
        let shared = copy(&asked, chosen, SCOPE);
        assert_eq!(
            shared.views(),
            [
                ComparisonView::Toxicity,
                ComparisonView::Accuracy,
                ComparisonView::Divergence,
                ComparisonView::Completions,
                ComparisonView::Recipe
            ]
        );
        for view in [
            "",
            "view=toxicity",
            "view=toxicity&group=a",
            "view=toxicity&group=b",
            "view=accuracy",
            "view=accuracy&group=negative",
            "view=accuracy&fraction=1",
            "view=accuracy&reading=likelihood",
            "view=divergence",
            "view=completions",
            "view=completions&page=2",
            "view=completions&group=b",
            "view=completions&prompts=differing",
            "view=completions&prompts=all&page=3",
            "view=lens",
        ] {
            let part = shared_comparison(&shared, &query(view));
            let owners = compare(&asked, &query(&format!("{view}&{chosen}")), None).unwrap();
            assert_eq!(part.problems, FieldErrors::default(), "{view}");
            assert_eq!(numbers(&part), numbers(&owners), "{view} {chosen}");
            assert_eq!((&part.completions, &part.against), (&owners.completions, &owners.against), "{view} {chosen}");
            assert_eq!(part.recipe, None);
        }
        let fields = shared_comparison(&shared, &query("view=recipe")).recipe.unwrap();
        assert!(fields.recipe.iter().any(|row| row.field == "name" && row.differs && row.values[1].as_deref() == Some("\"Other\"")));
    }
    let ((_one, plain), (_two, again)) = (copied_example(), copied_example());
    let pair = [self::asked("example", plain), self::asked("again", again)];
    let shared = copy(&pair, "arms=A:full", SCOPE);
    assert!(shared.lens.len() > 1, "{} prompts", shared.lens.len());
    for prompt in 0..shared.lens.len() {
        let text = format!("view=lens&prompt={prompt}");
        let owners = compare(&pair, &query(&format!("{text}&arms=A:full")), None).unwrap().lens;
        assert_eq!(shared_comparison(&shared, &query(&text)).lens, owners);
    }
}

#[test]
fn what_is_not_in_a_copy_is_said_and_the_rest_is_shown() {
    let fraction = |value: f64| MinorityFraction::new(value).unwrap();
    let at = |reading: Option<Reading>, value: f64, group: Option<&str>| SharedAccuracies {
        reading,
        table: ContrastTable {
            groups: vec!["female".into()],
            group: group.map(String::from),
            fractions: vec![fraction(1.0), fraction(0.5)],
            fraction: Some(fraction(value)),
            readings: vec![(0, reading.unwrap_or(Reading::Likelihood))],
            ..ContrastTable::default()
        },
    };
    let mut accuracy = Vec::new();
    for reading in [None, Some(Reading::GeneratedText)] {
        for value in [1.0, 0.5] {
            accuracy.extend([None, Some("female")].map(|group| at(reading, value, group)));
        }
    }
    let shared = SharedComparison {
        title: "t".into(),
        common: Comparison { recipe: Some(RecipeComparison::default()), ..Comparison::default() },
        toxicity: vec![ContrastTable { groups: vec!["female".into()], ..ContrastTable::default() }],
        accuracy,
        lens: vec![lens()],
        completions: None,
    };
    for (text, reading, value, group) in [
        ("", None, 1.0, None),
        ("reading=likelihood", None, 1.0, None),
        ("fraction=0.5", None, 0.5, None),
        ("group=female&reading=generated_text", Some(Reading::GeneratedText), 1.0, Some("female")),
        ("reading=generated_text&fraction=0.5&group=female", Some(Reading::GeneratedText), 0.5, Some("female")),
    ] {
        let part = shared_comparison(&shared, &query(&format!("view=accuracy&{text}")));
        assert_eq!(part.accuracy.as_ref(), Some(&at(reading, value, group).table), "{text}");
        assert_eq!(part.problems, FieldErrors::default(), "{text}");
    }
    for (text, field, said) in [
        ("view=accuracy&reading=class_head", "reading", "There is: generated_text, likelihood."),
        ("view=accuracy&fraction=0.25", "fraction", "There is: 1, 0.5."),
        ("view=accuracy&group=male", "group", "There is: female."),
        ("view=toxicity&group=male", "group", "There is: female."),
        ("view=lens&prompt=7", "prompt", "have 1 lens prompts"),
        ("view=toxicity&studies=X", "studies", "what its owner chose"),
        ("view=toxicity&arms=A:full", "arms", "what its owner chose"),
        ("view=toxicity&against=A:full", "against", "what its owner chose"),
    ] {
        let part = shared_comparison(&shared, &query(text));
        assert_eq!((part.problems.0.len(), part.problems.0[0].field.as_str()), (1, field), "{text}");
        assert!(part.problems.0[0].remedy.contains(said), "{text}: {}", part.problems);
        assert!(part.accuracy.is_some() || part.toxicity.is_some() || part.lens.is_some(), "{text}");
    }
    assert_eq!(shared_comparison(&shared, &query("view=completions")).completions, None);
}

#[test]
fn what_can_not_be_frozen_is_refused_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let one = toxicity(folder.path(), &recipe("One"), 0, &|_, _| false);
    let unfinished = toxicity(folder.path(), &recipe("Unfinished"), 0, &|_, _| false);
    fs::remove_file(unfinished.found.as_ref().unwrap().study.results_path()).unwrap();
    let gone = AskedStudy { id: "gone".into(), found: None };
    for (asked, text, field, said) in [
        (vec![one.clone(), unfinished], "", "studies", "has no results yet"),
        (vec![one.clone(), gone], "", "studies", "There is no such study"),
        (vec![one.clone()], "arms=A:lora-r64", "arms", "A has: original, lora-r2, full"),
        (vec![one], "against=B:full", "against", "There are: A."),
        (Vec::new(), "", "studies", "Name the studies"),
    ] {
        let refused = comparison_snapshot(&asked, &query(text), SCOPE, String::new()).unwrap_err();
        let FreezeProblem::Invalid(errors) = refused else { panic!("{refused}") };
        assert_eq!((errors.0.len(), errors.0[0].field.as_str()), (1, field), "{errors}");
        assert!(errors.0[0].remedy.contains(said), "{errors}");
    }
}

/// In the format of copies as it was before comparisons could be shared.
#[test]
fn the_copy_of_a_study_from_before_still_opens() {
    let kept = include_str!("study_snapshot.json");
    let snapshot: Snapshot = serde_json::from_str(kept).unwrap();
    assert_eq!(snapshot.study().unwrap().summary.title, "Tiny");
    assert!(snapshot.comparison().is_none() && !snapshot.has_completions());
    // and nothing of it is lost; what came since is beside it
    must_hold(&serde_json::to_value(&snapshot).unwrap(), &serde_json::from_str(kept).unwrap(), "");
}

/// Every value of `kept`, at its place.
fn must_hold(now: &Value, kept: &Value, place: &str) {
    match (now, kept) {
        (Value::Object(now), Value::Object(kept)) => {
            for (name, value) in kept {
                must_hold(now.get(name).unwrap_or_else(|| panic!("{place}.{name} is gone")), value, &format!("{place}.{name}"));
            }
        }
        (Value::Array(now), Value::Array(kept)) => {
            assert_eq!(now.len(), kept.len(), "{place}");
            now.iter().zip(kept).for_each(|(now, kept)| must_hold(now, kept, place));
        }
        _ => assert_eq!(now, kept, "{place}"),
    }
}
