//! Live events: complete, in order, and replayed from where a browser was.

use super::support::{TestApp, recipes::Fixture};
use rankscope_domain::{
    event::Happening,
    view::{Ended, Progress, StudyStatus},
};
use std::time::{Duration, Instant};

#[test]
fn a_finished_study_is_told_whole_and_the_stream_ends() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.recipe(), "events").expect("a study");
    let study = app.client.wait_for(&id, StudyStatus::Finished);

    let frames: Vec<_> = app.client.events(&id, None).collect();
    let (end, events) = frames.split_last().expect("frames");
    assert_eq!((end.event.as_str(), end.data.as_str(), end.id), ("end", "{\"status\":\"finished\"}", None));
    assert!(events[0].retry.is_some(), "the browser is told when to ask again");
    let mut progress = Progress::default();
    for (index, frame) in events.iter().enumerate() {
        let event = frame.parse();
        assert_eq!((event.id, frame.id), (index as u64 + 1, Some(event.id)), "ids rise by one");
        progress.apply(&event);
    }
    assert_eq!(progress.ended, Some(Ended::Finished));
    assert_eq!(progress, study.progress, "the browser folds what the server folds");

    let last = events.len() as u64;
    let rest: Vec<_> = app.client.events(&id, Some(last - 3)).map(|frame| frame.id).collect();
    assert_eq!(rest, [Some(last - 2), Some(last - 1), Some(last), None]);
    assert_eq!(app.client.events(&id, Some(last)).count(), 1, "only the end is left");
    let by_query = app.client.get(&format!("/studies/{id}/events?after={}", last - 1)).text().unwrap();
    assert_eq!(by_query.matches("data:").count(), 2);
}

#[test]
fn a_running_study_is_followed_until_it_ends() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.endless(), "live").expect("a study");
    let mut stream = app.client.events(&id, None);
    let first_step = stream.find(|frame| matches!(frame.parse().what, Happening::TrainStep { .. })).expect("a training step");
    let began = Instant::now();
    // a second reader, who was here before
    let next = app.client.events(&id, first_step.id).next().expect("the next event");
    assert_eq!(next.id, first_step.id.map(|id| id + 1));

    app.client.cancel(&id).expect("cancel");
    let rest: Vec<_> = stream.collect();
    assert!(began.elapsed() < Duration::from_secs(40), "the stream did not end with the study");
    let (end, events) = rest.split_last().expect("frames");
    assert_eq!(end.data, "{\"status\":\"cancelled\"}");
    assert_eq!(events.last().expect("events").parse().what, Happening::Cancelled);
}

#[test]
fn the_server_ends_while_a_stream_is_open() {
    let mut app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.endless(), "open").expect("a study");
    let mut stream = app.client.events(&id, None);
    stream.next().expect("a first event");
    let began = Instant::now();
    app.end();
    assert!(began.elapsed() < Duration::from_secs(4), "an open stream held the server up");
    assert!(stream.all(|frame| frame.event != "end"), "the study has not ended: the browser must ask again");
}

#[test]
fn streams_are_never_compressed() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.recipe(), "packed").expect("a study");
    app.client.wait_for(&id, StudyStatus::Finished);
    let headers = format!("Host: {}\r\nAccept-Encoding: br, gzip\r\n", app.client.address);
    let stream = app.client.raw("GET", &format!("/studies/{id}/events"), &headers);
    assert_eq!((stream.status, stream.header("content-encoding")), (200, None));
    assert_eq!(stream.header("x-accel-buffering"), Some("no"));
    let page = app.client.raw("GET", &format!("/studies/{id}"), &headers);
    assert!(page.header("content-encoding").is_some(), "pages are: {}", page.head);
}
