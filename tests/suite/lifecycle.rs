//! A study's life: start, wait, cancel, resume, delete.

use super::support::{TestApp, app::send, eventually, recipes::Fixture};
use rankscope_app::error::AppError;
use rankscope_domain::view::StudyStatus::{Cancelled, Failed, Finished, Queued, Running};
use std::{io::Write, net::TcpStream, time::Duration};

#[test]
fn starting_twice_is_starting_once() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let recipe = fixture.recipe();
    let clients: Vec<_> = (0..8).map(|_| (app.client.clone(), recipe.clone())).collect();
    let threads: Vec<_> = clients
        .into_iter()
        .map(|(client, recipe)| std::thread::spawn(move || client.start(&recipe, "double-click").expect("a study")))
        .collect();
    let mut ids: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("a thread")).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "eight clicks made {ids:?}");
    let other = app.client.start(&recipe, "another-form").expect("a study");
    assert_ne!(other, ids[0]);
    app.client.wait_for(&other, Finished);
    assert_eq!(app.client.start(&recipe, "double-click").expect("the same study"), ids[0], "also when it is finished");
}

#[test]
fn a_connection_that_breaks_off_starts_one_study_all_the_same() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let recipe = fixture.recipe();
    let body = serde_json::to_string(&recipe).expect("a recipe");
    let mut ids = Vec::new();
    for number in 0..6_u64 {
        let key = format!("broken-off-{number}");
        let mut stream = TcpStream::connect(&app.client.address).expect("a connection");
        let head = format!("Host: {}\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n", app.client.address);
        write!(stream, "POST /api/v1/studies HTTP/1.1\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len()).expect("a request");
        // the server is at another step each time
        std::thread::sleep(Duration::from_millis(2 * number));
        drop(stream);
        let again = app.client.api("POST", "studies").header("Idempotency-Key", &key).json(&recipe).send().expect("an answer");
        assert!(again.status().is_success(), "{}", again.status());
        let study: serde_json::Value = again.json().expect("a study");
        ids.push(study["id"].as_str().expect("an id").to_string());
    }
    let of_pages = app.client.page("/");
    let made: Vec<_> = std::fs::read_dir(app.data_dir().join("studies")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(made.len(), ids.len(), "{made:?} for {ids:?}");
    assert!(ids.iter().all(|id| of_pages.contains(id)), "each has its row");
}

#[test]
fn a_wrong_recipe_starts_nothing_and_names_its_fields() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let mut recipe = fixture.recipe();
    recipe.arms[0].lora_r = Some(0);
    recipe.arms[2].learning_rate = -1.0;
    recipe.prompts.path = Some(fixture.path("nothing.jsonl").to_string_lossy().into_owned());
    let Err(AppError::Invalid(errors)) = app.client.start(&recipe, "wrong") else { panic!("it was taken") };
    for field in ["arms[0].lora_r", "arms[2].learning_rate"] {
        assert_eq!(errors.of(field).count(), 1, "{field}: {errors}");
    }
    let mut recipe = fixture.recipe();
    recipe.prompts.path = Some(fixture.path("nothing.jsonl").to_string_lossy().into_owned());
    let Err(AppError::Invalid(errors)) = app.client.start(&recipe, "wrong-file") else { panic!("it was taken") };
    let error = errors.of("prompts.path").next().expect("the missing file's field");
    assert!(error.value.ends_with("nothing.jsonl"), "{error}");
    assert_eq!(std::fs::read_dir(app.data_dir().join("studies")).unwrap().count(), 0, "something was made");
}

#[test]
fn the_second_waits_for_the_first_and_can_be_cancelled_there() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let first = app.client.start(&fixture.endless(), "first").expect("a study");
    let second = app.client.start(&fixture.recipe(), "second").expect("a study");
    let third = app.client.start(&fixture.recipe(), "third").expect("a study");
    app.client.wait_for_training(&first);
    assert_eq!(app.client.status(&second), Queued);
    assert_eq!(app.client.study(&third).unwrap().card.queue_position, Some(2));
    assert_eq!(app.workers().len(), 1);

    app.client.cancel(&second).expect("cancel before it began");
    assert_eq!(app.client.status(&second), Cancelled);
    assert!(!app.study_dir(&second).join("worker.log").exists(), "no worker was started");
    assert_eq!(app.client.study(&third).unwrap().card.queue_position, Some(1));
    assert!(matches!(app.client.delete(&first), Err(AppError::Conflict(_))), "a running study was deleted");
    assert!(matches!(app.client.delete(&third), Err(AppError::Conflict(_))), "a waiting study was deleted");

    app.client.cancel(&first).expect("cancel");
    app.client.wait_for(&first, Cancelled);
    app.client.cancel(&first).expect("cancelling again changes nothing");
    app.client.wait_for(&third, Finished);
    assert!(matches!(app.client.cancel(&third), Err(AppError::Conflict(_))));
    assert!(matches!(app.client.resume(&third), Err(AppError::Conflict(_))));
    app.client.resume(&second).expect("resume");
    app.client.wait_for(&second, Finished);
    eventually("the workers' end", || app.workers().is_empty().then_some(()));
}

#[test]
fn two_at_once_where_asked_for() {
    let app = TestApp::with(&["--jobs", "2"]);
    let fixture = Fixture::new();
    let ids = ["a", "b", "c"].map(|request| app.client.start(&fixture.endless(), request).expect("a study"));
    app.client.wait_for_training(&ids[0]);
    app.client.wait_for_training(&ids[1]);
    assert_eq!(app.client.status(&ids[2]), Queued);
    assert_eq!(app.workers().len(), 2);
}

#[test]
fn a_deleted_study_is_gone() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.recipe(), "delete").expect("a study");
    app.client.wait_for(&id, Finished);
    app.client.delete(&id).expect("delete");
    assert!(!app.study_dir(&id).exists());
    assert!(matches!(app.client.study(&id), Err(AppError::NotFound(_))));
    assert_eq!(app.client.get(&format!("/studies/{id}")).status(), 404);
    assert_eq!(app.client.get(&format!("/studies/{id}/events")).status(), 404);
    assert!(!app.client.page("/").contains(&id));
    assert!(matches!(app.client.delete(&id), Err(AppError::NotFound(_))));
    assert!(matches!(app.client.start(&fixture.recipe(), "delete"), Err(AppError::Conflict(_))), "an old form started it anew");
}

#[test]
fn a_killed_worker_is_a_failure_that_can_be_resumed() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.endless(), "killed").expect("a study");
    app.client.wait_for_training(&id);
    for pid in app.workers() {
        send(pid, libc::SIGKILL);
    }
    let study = app.client.wait_for(&id, Failed);
    assert!(study.message.contains("memory") && study.message.contains("Resume"), "{}", study.message);
    app.client.resume(&id).expect("resume");
    app.client.wait_for(&id, Running);
    eventually("another worker", || (app.workers().len() == 1).then_some(()));
    app.client.cancel(&id).expect("cancel");
    app.client.wait_for(&id, Cancelled);
}

#[test]
fn a_loss_that_is_no_number_fails_its_cell_alone() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let mut recipe = fixture.recipe();
    // after one such step the hidden states' squares leave f32
    recipe.lora.alpha = 10_000.0;
    recipe.training.max_grad_norm = 0.0;
    recipe.training.num_train_epochs = 5;
    recipe.arms[0].learning_rate = 1e-12;
    recipe.arms[1].learning_rate = 1.0;
    recipe.arms[2].learning_rate = 1e-9;
    let id = app.client.start(&recipe, "nan").expect("a study");
    let results = app.client.wait_for(&id, Finished).results.expect("results");
    let failed: Vec<_> = results.cells.iter().filter(|cell| cell.failed.is_some()).map(|cell| cell.cell.to_string()).collect();
    assert_eq!(failed, ["lora-r8-s0"]);
    let judged = results.cells.iter().filter(|cell| cell.failed.is_none()).map(|cell| cell.total.judged + cell.total.unparsable);
    assert_eq!(judged.collect::<Vec<_>>(), [12, 12, 12]);
    let reason = results.cells.iter().find_map(|cell| cell.failed.clone()).expect("a reason");
    assert!(reason.contains("loss") && reason.contains("learning rate"), "{reason}");
    let page = app.client.page(&format!("/studies/{id}"));
    assert!(page.contains("lora-r8-s0") || page.contains("r = 8, seed 0"), "the page does not tell which cell failed");
}
