//! The lens on demand: asked, queued, stopped, left, died, kept.

use super::support::{TestApp, app::send, client::Client, eventually, recipes::Fixture};
use rankscope_app::{error::AppError, lens_address};
use rankscope_domain::{
    Arm,
    inspection::LensReading,
    lens_question::{LensQuestion, LensReply, LensStage},
    view::StudyStatus::{Finished, Running},
};
use rankscope_server::routes::{Access, table};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

fn question(study: &str, prompt: &str) -> LensQuestion {
    LensQuestion { study: study.into(), prompt: prompt.into(), arms: Vec::new(), seed: None, fraction: None, top_k: 3, new_tokens: 4 }
}

/// A server with a finished study.
fn with_study() -> (TestApp, Fixture, String) {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.recipe(), "lens").expect("a study");
    app.client.wait_for(&id, Finished);
    (app, fixture, id)
}

/// Asks until there is an answer or an error.
fn answered(client: &Client, question: &LensQuestion) -> Result<Vec<LensReading>, AppError> {
    eventually("the lens's answer", || match client.ask_lens(question, false) {
        Ok(LensReply::Answered(readings)) => Some(Ok(readings)),
        Ok(LensReply::Waiting { .. }) => None,
        Err(error) => Some(Err(error)),
    })
}

fn waiting(client: &Client, question: &LensQuestion) -> (String, LensStage) {
    match client.ask_lens(question, false) {
        Ok(LensReply::Waiting { ticket, stage }) => (ticket, stage),
        other => panic!("it does not wait: {other:?}"),
    }
}

/// The lens's worker, held still for as long as this lives: a question then takes as long as a test likes.
struct Held(u32);

impl Held {
    /// The worker is started by a first question.
    fn of(app: &TestApp, study: &str) -> Self {
        answered(&app.client, &question(study, "warm")).expect("an answer");
        let workers = app.lens_workers();
        assert_eq!(workers.len(), 1, "{workers:?}");
        send(workers[0], libc::SIGSTOP);
        Self(workers[0])
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        send(self.0, libc::SIGCONT);
    }
}

#[test]
fn arms_read_a_prompt_and_the_answer_is_kept_over_a_restart() {
    let (app, _fixture, id) = with_study();
    let studies = app.client.lens_studies();
    assert_eq!(studies.iter().map(|study| study.id.as_str()).collect::<Vec<_>>(), [&*id, "example"]);
    assert!(studies[0].arms.iter().all(|arm| arm.problem.is_empty()) && studies[0].arms.len() == 4);
    assert!(studies[1].arms.iter().any(|arm| !arm.problem.is_empty()), "the example comes without weights");

    let asked = question(&id, "She & <he>\nwork");
    let readings = answered(&app.client, &asked).expect("an answer");
    assert_eq!(readings.iter().map(|reading| reading.cell.arm).collect::<Vec<_>>(), [Arm::Original, Arm::Lora(2), Arm::Lora(8), Arm::Full]);
    assert!(readings.iter().all(|reading| reading.prompt == asked.prompt && reading.layers.len() > 1));

    let address = lens_address(&id, &asked.prompt, &[], None, None) + "&top_k=3&new_tokens=4";
    let page = app.client.page(&address);
    for part in ["r = 2", "full", "lens-panel-3", "every cell", "She &amp; &lt;he>\nwork", "/lens/figure.svg?study="] {
        assert!(page.to_lowercase().contains(&part.to_lowercase()), "{part:?} is not on the page");
    }

    let app = app.restart(|app| {
        eventually("the end of the lens's worker with its server", || app.lens_workers().is_empty().then_some(()));
        // what was answered opens without the model
        assert!(fs::read_dir(app.data_dir().join("lens")).unwrap().count() >= 2);
    });
    let began = Instant::now();
    assert_eq!(answered(&app.client, &asked).expect("the kept answer"), readings);
    let page = app.client.page(&format!("{address}&mode=kl&arms=original,full"));
    assert!(page.contains("lens-panel-1") && !page.contains("lens-panel-2"), "two panels were asked for");
    assert!(began.elapsed() < Duration::from_secs(5) && app.lens_workers().is_empty(), "a kept answer needs no worker");
    let figure = app.client.get(&format!("{}&mode=kl", address.replace("/lens?", "/lens/figure.svg?")));
    assert_eq!((figure.status().as_u16(), &figure.headers()["content-type"]), (200, &"image/svg+xml".parse().unwrap()));
    assert!(figure.text().unwrap().starts_with("<?xml"));
    let other = app.client.get(&lens_address(&id, "never asked", &[], None, None).replace("/lens?", "/lens/figure.svg?"));
    assert_eq!(other.status(), 404);
    assert!(app.lens_workers().is_empty(), "a figure asks nothing");
}

#[test]
fn one_at_a_time_the_others_have_places_and_can_be_taken_back() {
    let (app, _fixture, id) = with_study();
    let held = Held::of(&app, &id);
    let at_work = waiting(&app.client, &question(&id, "first"));
    assert!(matches!(at_work.1, LensStage::Loading { .. }), "{at_work:?}");
    assert_eq!(waiting(&app.client, &question(&id, "first")).0, at_work.0, "equal questions are one");
    let others: Vec<_> = (1..=8).map(|number| (number, waiting(&app.client, &question(&id, &format!("other {number}"))))).collect();
    for (number, (_, stage)) in &others {
        assert_eq!(*stage, LensStage::Queued { place: *number });
    }
    let full = app.client.ask_lens(&question(&id, "one too many"), false).unwrap_err();
    assert!(matches!(&full, AppError::Busy(text) if text.contains("8 questions wait")), "{full:?}");
    let page = app.client.get(&lens_address(&id, "one too many", &[], None, None));
    assert_eq!(page.status(), 503);
    assert!(page.text().unwrap().contains("one too many</textarea>"), "what was typed is gone");

    app.client.stop_lens(&others[0].1.0).expect("taken back");
    let gone = app.client.ask_lens(&question(&id, "other 1"), false).unwrap_err();
    assert!(matches!(&gone, AppError::Conflict(text) if text.contains("stopped")), "{gone:?}");
    assert_eq!(waiting(&app.client, &question(&id, "other 8")).1, LensStage::Queued { place: 7 });
    let page = app.client.page(&(lens_address(&id, "other 8", &[], None, None) + "&top_k=3&new_tokens=4"));
    assert!(page.contains("Place 7 in the queue.") && page.contains("http-equiv=\"refresh\""), "{page}");
    app.client.stop_lens("no such ticket").expect("nothing to do");

    // the one at work is told to stop, and the next one follows
    app.client.stop_lens(&at_work.0).expect("stopped");
    drop(held);
    let stopped = answered(&app.client, &question(&id, "first")).unwrap_err();
    assert!(matches!(&stopped, AppError::Conflict(_)), "{stopped:?}");
    assert_eq!(answered(&app.client, &question(&id, "other 8")).expect("its turn came").len(), 4);
}

#[test]
fn a_page_that_is_left_lets_go_of_its_question() {
    let (app, _fixture, id) = with_study();
    let held = Held::of(&app, &id);
    let (at_work, queued) = (question(&id, "at work"), question(&id, "queued"));
    let pages: Vec<_> = [&at_work, &queued].map(|question| app.client.lens_events(&waiting(&app.client, question).0)).into_iter().collect();
    let mut pages: Vec<_> = pages.into_iter().map(Iterator::peekable).collect();
    for page in &mut pages {
        let stage: LensStage = serde_json::from_str(&page.peek().expect("a stage").data).expect("a stage");
        assert_ne!(stage, LensStage::Ended);
    }
    // while the pages are there, nothing is let go of
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(waiting(&app.client, &queued).1, LensStage::Queued { place: 1 });
    drop(pages);
    // asking would be a reason to stay
    std::thread::sleep(Duration::from_secs(3));
    let gone = app.client.ask_lens(&queued, false).unwrap_err();
    assert!(matches!(&gone, AppError::Conflict(text) if text.contains("stopped")), "{gone:?}");
    drop(held);
    let stopped = answered(&app.client, &at_work).unwrap_err();
    assert!(matches!(stopped, AppError::Conflict(_)), "{stopped:?}");
    // nobody's fault: asked again it is answered, by the same worker
    let worker = app.lens_workers();
    assert!(matches!(app.client.ask_lens(&at_work, true), Ok(LensReply::Waiting { .. } | LensReply::Answered(_))));
    answered(&app.client, &at_work).expect("an answer");
    assert_eq!(app.lens_workers(), worker);
    let ended = app.client.lens_events("00000000000000000000000000000000000000000000000000000000000000aa").next().expect("an end");
    assert_eq!(ended.event, "end", "a question that nobody knows has ended");
    assert_eq!(app.client.get("/lens/nonsense/events").status(), 404);
}

#[test]
fn a_worker_that_dies_costs_one_question_an_error() {
    let (app, _fixture, id) = with_study();
    let held = Held::of(&app, &id);
    let asked = question(&id, "fatal");
    let (ticket, _) = waiting(&app.client, &asked);
    let mut page = app.client.lens_events(&ticket);
    page.next().expect("a stage");
    send(held.0, libc::SIGKILL);
    assert!(page.any(|frame| frame.event == "end"), "the page hears of the end");
    let died = app.client.ask_lens(&asked, false).unwrap_err();
    assert!(matches!(&died, AppError::Internal(text) if text.contains("killed") && text.contains("fewer arms")), "{died:?}");
    assert_eq!(app.client.get("/healthz").status(), 200);
    let answer = app.client.ask_lens(&asked, true).expect("a new worker");
    assert!(matches!(answer, LensReply::Answered(_) | LensReply::Waiting { .. }));
    answered(&app.client, &asked).expect("an answer");
    assert!(!app.lens_workers().contains(&held.0));
    // one that dies with nothing to do is not even missed
    send(app.lens_workers()[0], libc::SIGKILL);
    eventually("the worker's end", || app.lens_workers().is_empty().then_some(()));
    answered(&app.client, &question(&id, "after that")).expect("an answer");
}

#[test]
fn a_study_goes_on_while_the_lens_answers() {
    let (app, fixture, id) = with_study();
    let running = app.client.start(&fixture.endless(), "beside").expect("a study");
    app.client.wait_for_training(&running);
    let steps = || app.client.study(&running).unwrap().progress.last_event_id;
    let before = steps();
    for number in 0..3 {
        answered(&app.client, &question(&id, &format!("beside {number}"))).expect("an answer");
    }
    assert_eq!(app.client.status(&running), Running);
    eventually("a step of the study", || (steps() > before).then_some(()));
    let lens = app.lens_workers()[0];
    let nice = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // after the name, which may hold anything, the fields from the third on
        stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse::<i32>().unwrap()
    };
    assert_eq!(nice(lens), nice(app.workers()[0]) + 5, "the lens gives way to the study");
}

#[test]
fn what_is_wrong_is_said_by_field_and_nothing_typed_is_lost() {
    let (app, fixture, id) = with_study();
    let unfinished = app.client.start(&fixture.endless(), "unfinished").expect("a study");
    let check = |change: &dyn Fn(&mut LensQuestion), field: &str, value: &str, said: &str| {
        let mut asked = question(&id, "She is");
        change(&mut asked);
        let error = answered(&app.client, &asked).unwrap_err();
        let AppError::Invalid(errors) = &error else { panic!("{field}: {error:?}") };
        assert_eq!(errors.0.len(), 1, "{errors}");
        let one = &errors.0[0];
        assert!(one.field == field && one.value.contains(value) && one.remedy.contains(said), "{one}");
        let address = lens_address(&asked.study, &asked.prompt, &asked.arms, asked.seed, asked.fraction);
        let page = app.client.get(&format!("{address}&top_k={}&new_tokens={}", asked.top_k, asked.new_tokens));
        let text = page.text().unwrap();
        assert!(text.contains("role=\"alert\"") && text.contains(&format!("{}</textarea>", asked.prompt)), "{field}: {text}");
    };
    check(&|q| q.study = "nowhere".into(), "study", "nowhere", "no such study");
    check(&|q| q.study = "../secret".into(), "study", "../secret", "no such study");
    check(&|q| q.study = unfinished.clone(), "study", "Endless", "not finished");
    check(&|q| q.prompt.clear(), "prompt_text", "", "Write a prompt");
    check(&|q| q.prompt = "nurse ".repeat(80), "prompt_text", "tokens", "At most 64 tokens");
    check(&|q| q.prompt = "nurse ".repeat(101), "prompt_text", "606 characters", "At most 600");
    check(&|q| q.arms = vec![Arm::Lora(3)], "read", "lora-r3", "It has: original, lora-r2, lora-r8, full.");
    check(&|q| q.seed = Some(9), "seed", "9", "It has: 0.");
    check(&|q| q.fraction = Some("0.5".parse().unwrap()), "fraction", "0.5", "leave it out");
    check(&|q| q.top_k = 21, "top_k", "21", "from 1 to 20");
    check(&|q| q.new_tokens = 65, "new_tokens", "65", "from 0 to 64");
    check(
        &|q| {
            q.study = "example".into();
            q.arms = vec![Arm::Lora(2)];
        },
        "read",
        "lora-r2",
        "not in the study’s directory",
    );
    fs::remove_dir_all(app.study_dir(&id).join("cells/full-s0/model")).unwrap();
    check(&|q| q.arms = vec![Arm::Original, Arm::Full], "read", "full", "leave this arm out");

    let page = app.client.page(&format!("/lens?study={id}&prompt_text=She+is&top_k=many&read=halb"));
    for part in ["top_k = ", "is not an arm", "value=\"many\"", "She is</textarea>"] {
        assert!(page.contains(part), "{part:?} is missing: {page}");
    }
}

#[test]
fn too_little_memory_and_a_model_that_changed_are_named() {
    let (app, fixture, id) = with_study();
    let mut recipe = fixture.recipe();
    recipe.model.source = fixture.copied_model().display().to_string();
    let on_copy = app.client.start(&recipe, "on-a-copy").expect("a study");
    app.client.wait_for(&on_copy, Finished);
    let weights = Path::new(&recipe.model.source).join("model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    let refused = |app: &TestApp, study: &str| match answered(&app.client, &question(study, "She is")) {
        Err(AppError::Invalid(errors)) => errors.0.into_iter().next().expect("an error"),
        other => panic!("{other:?}"),
    };
    let changed = refused(&app, &on_copy);
    assert!(changed.field == "study" && changed.remedy.contains("SHA-256 was"), "{changed}");
    fs::remove_file(&weights).unwrap();
    let gone = refused(&app, &on_copy);
    assert!(gone.field == "study" && gone.remedy.contains("Put it back where it was"), "{gone}");

    // the same study on a server that may take next to nothing
    let copy = |data: &Path| {
        let said = std::process::Command::new("cp").arg("-r").arg(app.data_dir().join("studies")).arg(data).status().expect("cp");
        assert!(said.success());
    };
    let small = TestApp::prepared(copy, &["--memory-limit", "8MiB"], &[]);
    let little = refused(&small, &id);
    assert!(little.field == "read" && little.remedy.contains("may take 8 MiB") && little.remedy.contains("leave out full"), "{little}");
    assert!(small.lens_workers().is_empty(), "a worker was started for nothing");
}

#[test]
fn it_is_the_owners_alone() {
    let of =
        |path: &str| table().into_iter().find(|route| route.path == path).unwrap_or_else(|| panic!("{path} is not in the table")).access;
    assert_eq!(of("/lens"), Access::OwnersPage);
    assert_eq!(of("/lens/{ticket}/events"), Access::OwnersFile);
    assert_eq!(of("/lens/figure.svg"), Access::OwnersFile);
    use leptos::server_fn::ServerFn;
    use rankscope_app::api::lens::{AskLens, ListLensStudies, StopLens};
    for path in [AskLens::PATH, StopLens::PATH, ListLensStudies::PATH] {
        assert_eq!(of(path), Access::OwnersCall);
    }
}

#[test]
fn without_scripts_a_question_is_asked_stopped_and_asked_again() {
    let (app, _fixture, id) = with_study();
    let held = Held::of(&app, &id);
    let address = lens_address(&id, "by hand", &[Arm::Original], None, None);
    let page = app.client.page(&address);
    assert!(page.contains("http-equiv=\"refresh\"") && page.contains("by hand</textarea>"), "{page}");
    let value = |name: &str| {
        let from =
            page.find(&format!("name=\"{name}\" value=\"")).expect("the form to stop it") + format!("name=\"{name}\" value=\"").len();
        page[from..].split('"').next().unwrap().replace("&amp;", "&")
    };
    let fields = [("ticket", value("ticket")), ("back", value("back"))];
    use leptos::server_fn::ServerFn;
    let stop = || app.client.post(rankscope_app::api::lens::StopLens::PATH).header("accept", "text/html");
    let answer = stop().form(&fields).send().expect("an answer");
    assert_eq!(answer.headers()["location"], format!("{address}&only=form").as_str());
    let form = app.client.page(&format!("{address}&only=form"));
    assert!(form.contains("by hand</textarea>") && !form.contains("http-equiv=\"refresh\""), "the form alone");
    let elsewhere = [("ticket", "x"), ("back", "https://example.org/")];
    assert_eq!(stop().form(&elsewhere).send().expect("an answer").headers()["location"], "/lens");
    drop(held);
    let page = eventually("the panels", || {
        let answer = app.client.get(&format!("{address}&again=1"));
        let text = answer.text().unwrap();
        text.contains("lens-panel-0").then_some(text)
    });
    assert!(!page.contains("http-equiv=\"refresh\""));
}
