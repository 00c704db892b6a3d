//! The server may end and come back at any time; studies go on.

use super::support::{TestApp, app::send, eventually, recipes::Fixture};
use rankscope_domain::view::StudyStatus::{Cancelled, Finished, Queued, Running};
use std::fs;

#[test]
fn a_worker_outlives_the_server_and_is_found_again() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.endless(), "outlives").expect("a study");
    let waiting = app.client.start(&fixture.recipe(), "waiting").expect("a study");
    app.client.wait_for_training(&id);
    let worker = app.workers();
    assert_eq!(worker.len(), 1);

    let app = app.restart(|app| assert_eq!(app.workers(), worker, "the worker ended with the server"));
    assert_eq!(app.client.status(&id), Running);
    assert_eq!(app.client.status(&waiting), Queued, "the queue is kept, and the one place is taken");
    let seen = app.client.study(&id).unwrap().progress.last_event_id;
    eventually("new events after the restart", || (app.client.study(&id).unwrap().progress.last_event_id > seen).then_some(()));
    assert_eq!(app.workers(), worker, "a second worker was started");
    assert_eq!(app.client.start(&fixture.endless(), "outlives").expect("the same study"), id, "requests are remembered");

    app.client.cancel(&id).expect("cancel");
    app.client.wait_for(&id, Cancelled);
    app.client.wait_for(&waiting, Finished);
    eventually("the workers' end", || app.workers().is_empty().then_some(()));
}

#[test]
fn a_study_that_ended_while_the_server_was_away_is_known() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.endless(), "away").expect("a study");
    app.client.wait_for_training(&id);
    let app = app.restart(|app| {
        for pid in app.workers() {
            send(pid, libc::SIGTERM);
        }
        eventually("the worker's end", || app.workers().is_empty().then_some(()));
    });
    assert_eq!(app.client.status(&id), Cancelled);
}

#[test]
fn a_study_whose_worker_died_meanwhile_goes_on_by_itself() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.endless(), "died").expect("a study");
    app.client.wait_for_training(&id);
    let before = app.client.study(&id).unwrap().progress.last_event_id;
    let app = app.restart(|app| {
        for pid in app.workers() {
            send(pid, libc::SIGKILL);
        }
        eventually("the worker's end", || app.workers().is_empty().then_some(()));
    });
    app.client.wait_for(&id, Running);
    eventually("events of the new worker", || (app.client.study(&id).unwrap().progress.last_event_id > before).then_some(()));
}

#[test]
fn the_index_is_rebuilt_from_the_directories() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let finished = app.client.start(&fixture.recipe(), "kept").expect("a study");
    let deleted = app.client.start(&fixture.recipe(), "taken-away").expect("a study");
    let before = app.client.wait_for(&finished, Finished);
    app.client.wait_for(&deleted, Finished);

    let app = app.restart(|app| {
        for file in ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"] {
            drop(fs::remove_file(app.data_dir().join(file)));
        }
        fs::remove_dir_all(app.study_dir(&deleted)).unwrap();
        fs::create_dir(app.data_dir().join("studies/no-study")).unwrap();
    });
    assert_eq!(app.client.study(&finished).unwrap(), before);
    assert!(app.client.study(&deleted).is_err());
    assert!(app.client.page("/").contains(&finished));

    // an interrupted study without a row waits for the user
    let id = app.client.start(&fixture.endless(), "interrupted").expect("a study");
    app.client.wait_for_training(&id);
    let app = app.restart(|app| {
        for pid in app.workers() {
            send(pid, libc::SIGKILL);
        }
        eventually("the worker's end", || app.workers().is_empty().then_some(()));
        fs::remove_file(app.data_dir().join("index.sqlite")).unwrap();
    });
    let study = app.client.study(&id).unwrap();
    assert_eq!(study.card.status, Cancelled);
    assert!(study.message.contains("Resume"), "{}", study.message);
}
