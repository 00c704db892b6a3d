//! A finished study's arms read a prompt of somebody's own: as the study's own lens, refused by field, stopped, kept and found again.

mod fixture;

use fixture::{Fixture, finish};
use rankscope_domain::{
    Arm, FieldErrors, Recipe,
    inspection::{Inspection, LensReading},
    lens_question::{LensQuestion, LensStage},
    recipe::{HeadKind, StudyKind},
};
use rankscope_engine::Flow;
use rankscope_study::{
    Environment, LensCache, Study, StudyError,
    lens_bench::{LensBench, LensFindings, LensOrder, LensReport, LensTask, converse, lens_arms},
};
use std::{
    fs,
    io::{BufReader, Cursor},
    ops::ControlFlow,
};

const PROMPT: &str = "the\n nurse is";

fn question() -> LensQuestion {
    LensQuestion { study: "x".into(), prompt: PROMPT.into(), arms: Vec::new(), seed: None, fraction: None, top_k: 3, new_tokens: 4 }
}

fn looked_into(recipe: &mut Recipe) {
    recipe.inspection = Some(Inspection {
        lens_prompts: vec![PROMPT.into()],
        lens_top_k: 3,
        lens_new_tokens: 4,
        divergence: false,
        divergence_limit: 1,
        weight_distance: false,
    });
}

/// Trained at two fractions, full weights not kept.
fn classification(fixture: &Fixture, name: &str, head: HeadKind) -> Study {
    let data = fixture.directory.path().join("data.jsonl");
    let line = |index: usize| {
        let label = if index.is_multiple_of(4) { "bad" } else { "good" };
        format!("{{\"text\": \"the day {index} is long\", \"label\": \"{label}\"}}\n")
    };
    fs::write(&data, (0..24).map(line).collect::<String>()).unwrap();
    fixture.study(name, |recipe| {
        let empty = Recipe::from_toml("name = \"x\"").unwrap();
        recipe.kind = StudyKind::Classification;
        (recipe.prompts, recipe.generation, recipe.counterfactuals) = (empty.prompts, empty.generation, empty.counterfactuals);
        recipe.data.source = data.to_string_lossy().into_owned();
        recipe.groups.minority = Some("bad".into());
        recipe.groups.minority_fractions = vec!["1".parse().unwrap(), "0.5".parse().unwrap()];
        recipe.classifier.head = head;
        if head == HeadKind::Answers {
            recipe.classifier.prompt = Some("{text}:".into());
        }
        recipe.training.max_length = 48;
        recipe.training.max_steps = Some(1);
        recipe.training.keep_full_weights = false;
    })
}

fn ask(bench: &mut LensBench, study: &Study, environment: &Environment, question: &LensQuestion) -> Result<LensFindings, StudyError> {
    bench.answer(&LensTask::of(study, question, environment)?, &mut |_| ControlFlow::Continue(()))
}

fn refused(result: Result<LensFindings, StudyError>) -> FieldErrors {
    match result {
        Err(StudyError::Invalid(errors)) => errors,
        other => panic!("it was not refused: {:?}", other.map(|findings| findings.readings.len())),
    }
}

fn arms(readings: &[LensReading]) -> Vec<Arm> {
    readings.iter().map(|reading| reading.cell.arm).collect()
}

/// The same text and tokens, and numbers the same but for the order of sums.
fn same(one: &LensReading, other: &LensReading) {
    assert_eq!((one.cell, &one.tokens, &one.continuation), (other.cell, &other.tokens, &other.continuation));
    let cells = |reading: &LensReading| reading.layers.iter().flatten().cloned().collect::<Vec<_>>();
    for (one, other) in cells(one).iter().zip(cells(other)) {
        let names = |cell: &rankscope_domain::inspection::LensCellView| cell.top.iter().map(|token| token.text.clone()).collect::<Vec<_>>();
        assert_eq!(names(one), names(&other));
        assert!((one.entropy - other.entropy).abs() < 1e-6 && (one.kl - other.kl).abs() < 1e-6, "{one:?} {other:?}");
    }
}

#[test]
fn the_bench_reads_what_the_study_itself_has_read() {
    let fixture = Fixture::new();
    let study = fixture.study("lens", looked_into);
    finish(&study, &fixture.environment);
    let expected = study.lens().unwrap();
    let mut bench = LensBench::new(fixture.environment.clone());
    let mut stages = Vec::new();
    let task = LensTask::of(&study, &question(), &fixture.environment).unwrap();
    let found = bench
        .answer(&task, &mut |stage| {
            stages.push(stage);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(arms(&found.readings), [Arm::Original, Arm::Lora(2), Arm::Lora(4), Arm::Full]);
    found.readings.iter().zip(&expected).for_each(|(one, other)| same(one, other));
    assert_eq!(found.weights.len(), 4, "the base, two adapters, the full model");
    let loading = |stages: &[LensStage]| stages.iter().filter(|stage| matches!(stage, LensStage::Loading { .. })).count();
    assert_eq!(loading(&stages), 4);
    let reads = |arms: &[Arm]| stages.iter().any(|stage| matches!(stage, LensStage::Reading { arms: read, .. } if read == arms));
    assert!(reads(&[Arm::Original, Arm::Lora(2), Arm::Lora(4)]) && reads(&[Arm::Full]), "the original and the adapters read together");

    // warm: nothing is loaded again; an arm alone reads the same as in company, and full can do without the others
    for arm in [Arm::Original, Arm::Lora(4), Arm::Full] {
        let mut stages = Vec::new();
        let task = LensTask::of(&study, &LensQuestion { arms: vec![arm], ..question() }, &fixture.environment).unwrap();
        let alone = bench
            .answer(&task, &mut |stage| {
                stages.push(stage);
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!((loading(&stages), alone.readings.len()), (0, 1));
        same(&alone.readings[0], expected.iter().find(|reading| reading.cell.arm == arm).unwrap());
    }
    let other_seed = LensQuestion { seed: Some(1), arms: vec![Arm::Full, Arm::Lora(2)], new_tokens: 0, ..question() };
    let other = ask(&mut bench, &study, &fixture.environment, &other_seed).unwrap();
    assert_eq!(other.readings.iter().map(|reading| reading.cell.to_string()).collect::<Vec<_>>(), ["lora-r2-s1", "full-s1"]);
    assert_ne!(other.readings[1].layers, expected[3].layers, "another seed is another model");
    assert!(other.readings.iter().all(|reading| reading.continuation.is_empty()));
}

#[test]
fn what_cannot_be_read_is_refused_by_field_with_a_remedy() {
    let fixture = Fixture::new();
    let study = fixture.study("refused", |_| {});
    let mut bench = LensBench::new(fixture.environment.clone());
    let environment = &fixture.environment;
    let mut check = |study: &Study, change: &dyn Fn(&mut LensQuestion), field: &str, value: &str, said: &str| {
        let mut question = question();
        change(&mut question);
        let errors = refused(ask(&mut bench, study, environment, &question)).0;
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].field == field && errors[0].value.contains(value) && errors[0].remedy.contains(said), "{}", errors[0]);
    };
    check(&study, &|_| {}, "study", "Fixture", "not finished");
    finish(&study, environment);
    check(&study, &|q| q.prompt.clear(), "prompt_text", "", "Write a prompt");
    check(&study, &|q| q.prompt = "nurse ".repeat(70), "prompt_text", "tokens", "At most 64 tokens");
    check(&study, &|q| q.prompt = "nurse ".repeat(101), "prompt_text", "606 characters", "At most 600");
    check(&study, &|q| q.arms = vec![Arm::Lora(3)], "read", "lora-r3", "It has: original, lora-r2, lora-r4, full.");
    check(&study, &|q| q.seed = Some(7), "seed", "7", "It has: 0, 1.");
    check(&study, &|q| q.fraction = Some("0.5".parse().unwrap()), "fraction", "0.5", "leave it out");

    // weights that are gone: refused where they are asked for, else the others read
    fs::remove_dir_all(study.cell_path("full-s0".parse().unwrap()).join("model")).unwrap();
    check(&study, &|q| q.arms = vec![Arm::Full], "read", "full", "not in the study’s directory any more");
    let rest = ask(&mut bench, &study, environment, &question()).unwrap();
    assert_eq!(arms(&rest.readings), [Arm::Original, Arm::Lora(2), Arm::Lora(4)]);
    let problems = lens_arms(&study).unwrap().unwrap();
    assert_eq!(problems.iter().map(|arm| arm.problem.is_empty()).collect::<Vec<_>>(), [true, true, true, false]);

    let little = Environment { memory_limit_bytes: Some(1 << 20), ..environment.clone() };
    let errors = refused(ask(&mut LensBench::new(little.clone()), &study, &little, &question())).0;
    assert!(
        errors[0].field == "read" && errors[0].remedy.contains("may take 1 MiB") && errors[0].remedy.contains("memory_limit"),
        "{errors:?}"
    );
}

#[test]
fn full_weights_that_were_not_kept_and_class_heads_say_what_to_do() {
    let fixture = Fixture::new();
    let study = classification(&fixture, "classes", HeadKind::ClassHead);
    assert_eq!(lens_arms(&study).unwrap(), None);
    let errors = refused(LensTask::of(&study, &question(), &fixture.environment).map(|_| unreachable!())).0;
    assert!(errors[0].field == "study" && errors[0].remedy.contains("classification head"), "{errors:?}");

    let study = classification(&fixture, "answers", HeadKind::Answers);
    finish(&study, &fixture.environment);
    let mut bench = LensBench::new(fixture.environment.clone());
    let errors = refused(ask(&mut bench, &study, &fixture.environment, &LensQuestion { arms: vec![Arm::Full], ..question() })).0;
    assert!(errors[0].remedy.contains("training.keep_full_weights = true"), "{errors:?}");
    let half = LensQuestion { fraction: Some("0.5".parse().unwrap()), ..question() };
    let found = ask(&mut bench, &study, &fixture.environment, &half).unwrap();
    let cells: Vec<String> = found.readings.iter().map(|reading| reading.cell.to_string()).collect();
    assert_eq!(cells, ["original-s0", "lora-r2-s0-m0.5", "lora-r4-s0-m0.5"]);
}

#[test]
fn a_model_that_is_another_or_gone_is_named() {
    let mut fixture = Fixture::new();
    fixture.environment.default_model = fixture.model_with_norms_times(1.0).into();
    let study = fixture.study("changed", |_| {});
    finish(&study, &fixture.environment);
    let mut bench = LensBench::new(fixture.environment.clone());
    ask(&mut bench, &study, &fixture.environment, &question()).unwrap();

    let weights = fixture.environment.default_model.join("model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, &bytes).unwrap();
    // twice: what was refused does not stay warm
    for _ in 0..2 {
        let errors = refused(ask(&mut bench, &study, &fixture.environment, &question())).0;
        assert!(errors[0].field == "study" && errors[0].remedy.contains("SHA-256 was"), "{errors:?}");
    }
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, &bytes).unwrap();
    ask(&mut bench, &study, &fixture.environment, &question()).unwrap();
    fs::remove_file(&weights).unwrap();
    let errors = refused(ask(&mut bench, &study, &fixture.environment, &question())).0;
    assert!(errors[0].remedy.contains("Put it back where it was"), "{errors:?}");
}

#[test]
fn it_stops_between_layers_and_tokens_and_stays_warm() {
    let fixture = Fixture::new();
    let study = fixture.study("stopped", |_| {});
    finish(&study, &fixture.environment);
    let mut bench = LensBench::new(fixture.environment.clone());
    let task = LensTask::of(&study, &question(), &fixture.environment).unwrap();
    let whole = bench.answer(&task, &mut |_| ControlFlow::Continue(())).unwrap();
    let mut stages = 0;
    bench
        .answer(&task, &mut |_| -> Flow {
            stages += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    for stop_at in 1..=stages {
        let mut seen = 0;
        let stopped = bench.answer(&task, &mut |_| {
            seen += 1;
            if seen == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        // after the last token nothing is left to stop
        assert!(matches!(stopped, Err(StudyError::Stopped)), "stage {stop_at} of {stages} went on");
        assert_eq!(seen, stop_at);
    }
    assert_eq!(bench.answer(&task, &mut |_| ControlFlow::Continue(())).unwrap(), whole);
}

#[test]
fn answers_are_found_again_until_weights_change_or_room_is_needed() {
    let fixture = Fixture::new();
    let study = fixture.study("kept", |_| {});
    finish(&study, &fixture.environment);
    let mut bench = LensBench::new(fixture.environment.clone());
    let folder = fixture.directory.path().join("answers");
    let cache = LensCache::open(&folder, u64::MAX).unwrap();
    let task = |change: fn(&mut LensQuestion)| {
        let mut question = question();
        change(&mut question);
        LensTask::of(&study, &question, &fixture.environment).unwrap()
    };
    let tasks = [
        task(|_| {}),
        task(|q| q.prompt.push('!')),
        task(|q| q.top_k = 2),
        task(|q| q.new_tokens = 1),
        task(|q| q.arms = vec![Arm::Lora(2)]),
        task(|q| q.seed = Some(1)),
    ];
    let mut kept = Vec::new();
    for task in &tasks {
        assert_eq!(cache.find(task), None);
        let findings = bench.answer(task, &mut |_| ControlFlow::Continue(())).unwrap();
        cache.keep(task, &findings).unwrap();
        kept.push(findings.readings);
    }
    // another process finds them too
    let cache = LensCache::open(&folder, u64::MAX).unwrap();
    for (task, readings) in tasks.iter().zip(&kept) {
        assert_eq!(cache.find(task).as_ref(), Some(readings));
    }
    // other weights under the same name are another question
    let adapter = study.cell_path("lora-r2-s0".parse().unwrap()).join("adapter_model.safetensors");
    let bytes = fs::read(&adapter).unwrap();
    fs::copy(study.cell_path("lora-r2-s1".parse().unwrap()).join("adapter_model.safetensors"), &adapter).unwrap();
    assert_eq!(cache.find(&tasks[4]), None);
    assert_eq!(cache.find(&tasks[5]).as_ref(), Some(&kept[5]), "the other seed's are as they were");
    let changed = bench.answer(&tasks[4], &mut |_| ControlFlow::Continue(())).unwrap();
    assert_ne!(changed.readings, kept[4], "the bench reads the new weights");
    fs::write(&adapter, bytes).unwrap();
    // copied back, they are the same weights at another time: known again by their content
    let findings = bench.answer(&tasks[4], &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(findings.readings, kept[4]);
    cache.keep(&tasks[4], &findings).unwrap();
    assert_eq!(cache.find(&tasks[0]).as_ref(), Some(&kept[0]));

    // the limit holds, and what was looked at last stays
    std::thread::sleep(std::time::Duration::from_millis(20));
    cache.find(&tasks[2]).unwrap();
    let size = |folder: &std::path::Path| -> u64 {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_name() != "weights.json")
            .map(|entry| entry.metadata().unwrap().len())
            .sum()
    };
    let limit = size(&folder) / 3;
    let cache = LensCache::open(&folder, limit).unwrap();
    assert!(size(&folder) <= limit);
    assert!(cache.find(&tasks[2]).is_some() && cache.find(&tasks[1]).is_none());
}

#[test]
fn a_conversation_answers_refuses_and_ends_with_its_orders() {
    let fixture = Fixture::new();
    let study = fixture.study("spoken", |_| {});
    finish(&study, &fixture.environment);
    let task = LensTask::of(&study, &question(), &fixture.environment).unwrap();
    let long = LensTask { prompt: "nurse ".repeat(90), ..task.clone() };
    let gone = LensTask { base: "/no/such/model".into(), ..task.clone() };
    let order = |number: u64, task: &LensTask| LensOrder::Answer { number, task: Box::new(task.clone()) };
    let say = |orders: &[LensOrder]| {
        let lines: Vec<String> = orders.iter().map(|order| serde_json::to_string(order).unwrap() + "\n").collect();
        let mut said = Vec::new();
        converse(&mut LensBench::new(fixture.environment.clone()), BufReader::new(Cursor::new(lines.concat())), &mut said).unwrap();
        let reports: Vec<LensReport> = String::from_utf8(said).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        reports.into_iter().filter(|report| !matches!(report, LensReport::Stage { .. })).collect::<Vec<_>>()
    };
    // orders end at once: what is at work then is stopped, and refusals come first
    let reports = say(&[order(1, &long), order(2, &gone), order(3, &task)]);
    assert!(reports.iter().all(|report| !matches!(report, LensReport::Failed { .. })), "{reports:?}");
    assert!(matches!(reports.last(), Some(LensReport::Stopped { number: 3 })), "{reports:?}");
    assert!(matches!(&reports[1], LensReport::Refused { number: 2, errors } if errors.0[0].field == "study"), "{reports:?}");

    // orders that stay open: answered
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut bench = LensBench::new(fixture.environment.clone());
    let (answers, mut reports) = std::io::pipe().unwrap();
    let conversation =
        std::thread::spawn(move || converse(&mut bench, BufReader::new(reader), &mut reports).map_err(|error| error.to_string()));
    use std::io::{BufRead, Write};
    let mut lines = BufReader::new(answers).lines().map(|line| serde_json::from_str::<LensReport>(&line.unwrap()).unwrap());
    let mut send = |order: &LensOrder| writeln!(writer, "{}", serde_json::to_string(order).unwrap()).unwrap();
    send(&order(1, &long));
    assert!(lines.any(|report| matches!(report, LensReport::Refused { number: 1, .. })));
    send(&LensOrder::Stop { number: 2 });
    send(&order(2, &task));
    assert!(lines.any(|report| matches!(report, LensReport::Stopped { number: 2 })), "stopped before it began");
    send(&order(3, &task));
    let answered = lines.find_map(|report| match report {
        LensReport::Answered { number: 3, findings } => Some(findings),
        _ => None,
    });
    assert_eq!(answered.unwrap().readings.len(), 4);
    drop(writer);
    assert_eq!(conversation.join().unwrap(), Ok(()));
}
