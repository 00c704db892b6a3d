//! The study that comes with the program: the first thing that there is to see, and nobody's to change.

use super::support::{TestApp, recipes::Fixture};
use rankscope_app::error::AppError;
use std::path::Path;

#[test]
fn the_example_can_be_read_and_not_changed() {
    let app = TestApp::start();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/example");
    if !kept.join("results.json").is_file() {
        assert_eq!(app.client.get("/studies/example").status(), 404, "this build has no example");
        return;
    }
    let study = app.client.study("example").expect("the example");
    assert!(study.card.is_example && !study.card.created_at.is_empty() && !study.card.shares.is_empty());
    assert!(app.client.page("/").contains("/studies/example"));
    let results = std::fs::read_to_string(kept.join("results.json")).unwrap();
    assert_eq!(app.client.get("/studies/example/results.json").text().unwrap(), results);
    assert!(app.client.page("/studies/example").contains("<svg"));
    assert!(app.client.page("/studies/new?from=example").contains(&study.card.name));
    let frames: Vec<_> = app.client.events("example", None).collect();
    assert_eq!(frames.last().expect("an end").data, "{\"status\":\"finished\"}");

    for refused in [app.client.delete("example"), app.client.cancel("example"), app.client.resume("example")] {
        assert!(matches!(refused, Err(AppError::Conflict(_))), "{refused:?}");
    }
    let app = app.restart(|_| {});
    assert_eq!(app.client.study("example").expect("still there"), study);
    // it takes no place in the queue or the directory of studies
    let fixture = Fixture::new();
    app.client.start(&fixture.recipe(), "besides").expect("a study of one's own");
}

#[test]
fn the_example_is_small_and_tells_where_it_comes_from() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/example");
    if !kept.join("results.json").is_file() {
        return;
    }
    assert!(kept.join("provenance.json").is_file() && kept.join("recipe.toml").is_file());
    let mut size = 0;
    let mut folders = vec![kept];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            assert!(path.extension().is_none_or(|extension| extension != "safetensors"), "weights: {}", path.display());
            if path.is_dir() {
                folders.push(path);
            } else {
                size += path.metadata().unwrap().len();
            }
        }
    }
    assert!(size < 3 << 20, "the example has {size} bytes: it lies in every copy of the program");
}
