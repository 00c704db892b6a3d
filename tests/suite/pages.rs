//! The pages as a browser without JavaScript gets them.

use super::support::{TestApp, client::Raw, recipes::Fixture};
use rankscope_domain::view::StudyStatus::Finished;

#[test]
fn pages_hold_the_studys_data() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.recipe(), "pages").expect("a study");
    let study = app.client.wait_for(&id, Finished);
    let results = study.results.expect("results");

    let list = app.client.page("/");
    assert!(list.contains("Tiny") && list.contains(&format!("/studies/{id}")), "the list names the study and leads to it");

    let page = app.client.page(&format!("/studies/{id}"));
    assert!(page.contains("Tiny") && page.contains("finished"));
    assert!(page.contains("<svg"), "the bars are drawn on the server");
    for arm in ["original", "r = 2", "r = 8", "full"] {
        assert!(page.contains(arm), "{arm} is not on the study's page");
    }
    assert!(page.contains(&results.arms[0].pooled.judged.to_string()));

    let form = app.client.page("/studies/new");
    for field in ["name=\"name\"", "name=\"model.source\"", "learning_rate"] {
        assert!(form.contains(field), "{field} is not in the form");
    }
    let again = app.client.page(&format!("/studies/new?from={id}"));
    assert!(again.contains("Tiny"), "the form starts from the study's recipe");
}

#[test]
fn no_link_uncovers_what_is_covered() {
    let app = TestApp::start();
    for path in ["/studies/example?tab=completions&verdict=toxic", "/compare?studies=example&view=completions&prompts=all"] {
        let covered = app.client.page(path).matches("<details class=\"cover\">").count();
        let asked = app.client.page(&format!("{path}&show=1"));
        assert!(covered > 0 && asked.matches("<details class=\"cover\">").count() == covered, "{path}");
        assert!(!asked.contains("show="), "{path}: no link of the page carries it on");
    }
}

#[test]
fn what_an_address_asks_for_in_vain_is_said_and_the_last_page_shown() {
    let app = TestApp::start();
    let study = "/studies/example?tab=completions";
    for (path, said) in [
        (format!("{study}&verdict=toxc"), "Write one of toxic, non_toxic, unparsable."),
        (format!("{study}&arm=lora-r3"), "This study does not have it. It has: original"),
        (format!("{study}&page=1000"), "of this choice; the last is shown."),
        ("/compare?studies=example&view=completions&prompts=all&page=1000".into(), "of this choice; the last is shown."),
    ] {
        let page = app.client.page(&path);
        assert!(page.contains(said), "{path} does not say {said:?}");
        assert!(!page.contains("Page 1000 of") && !page.contains("page 1000 of"), "{path}");
        assert!(path.contains("lora-r3") || page.contains("<article"), "{path} shows nothing");
    }
}

#[test]
fn files_can_be_taken_away() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let recipe = fixture.recipe();
    let id = app.client.start(&recipe, "files").expect("a study");
    app.client.wait_for(&id, Finished);

    let toml = app.client.get(&format!("/studies/{id}/recipe.toml"));
    assert_eq!(toml.headers()["content-type"], "application/toml; charset=utf-8");
    assert_eq!(rankscope_domain::Recipe::from_toml(&toml.text().unwrap()).unwrap(), recipe);

    let json = app.client.get(&format!("/studies/{id}/results.json"));
    assert_eq!(json.headers()["content-type"], "application/json");
    let results: rankscope_domain::StudyResults = json.json().unwrap();
    assert_eq!(results.name, "Tiny");
    assert_eq!(results.arms.len(), 4);

    for figure in rankscope_app::FIGURES {
        let svg = app.client.get(&format!("/studies/{id}/figures/{figure}.svg"));
        if svg.status() == 404 {
            assert!(svg.text().unwrap().contains("nothing to show"), "{figure}");
            continue;
        }
        assert_eq!(svg.headers()["content-type"], "image/svg+xml");
        assert!(svg.text().unwrap().starts_with("<?xml"), "{figure}");
    }
    assert!(rankscope_app::FIGURES.contains(&"toxicity"));
    let unreadable = app.client.get(&format!("/studies/{id}/figures/accuracy.svg?fraction=2"));
    assert_eq!(unreadable.status(), 422);
    assert!(unreadable.text().unwrap().contains("is no fraction of the minority"));
    for missing in ["figures/nothing.svg", "figures/toxicity.gif", "nothing"] {
        assert_eq!(app.client.get(&format!("/studies/{id}/{missing}")).status(), 404, "{missing}");
    }
}

#[test]
fn what_is_not_there_is_a_page_with_status_404() {
    let app = TestApp::start();
    for path in ["/nothing", "/studies/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/studies/nothing"] {
        let answer = app.client.get(path);
        assert_eq!(answer.status(), 404, "{path}");
        let text = answer.text().unwrap();
        assert!(text.contains("<main") && text.contains("href=\"/\""), "{path} is no page that leads back");
    }
}

#[test]
fn the_client_is_served_compressed_and_checked_for_changes() {
    let site = tempfile::tempdir().unwrap();
    std::fs::create_dir(site.path().join("pkg")).unwrap();
    std::fs::write(site.path().join("pkg/rankscope.js"), "export default 1;").unwrap();
    std::fs::write(site.path().join("pkg/rankscope.js.br"), "compressed").unwrap();
    std::fs::write(site.path().join("pkg/rankscope.wasm"), "\0asm").unwrap();
    let app = TestApp::with(&["--site-dir", site.path().to_str().unwrap()]);
    let host = format!("Host: {}\r\n", app.client.address);
    let ask = |path: &str, headers: &str| -> Raw { app.client.raw("GET", path, &format!("{host}{headers}")) };

    let plain = ask("/pkg/rankscope.js", "");
    assert_eq!((plain.status, plain.body.as_str()), (200, "export default 1;"));
    assert_eq!(plain.header("content-type"), Some("text/javascript"));
    assert_eq!(plain.header("cache-control"), Some("no-cache"));
    let packed = ask("/pkg/rankscope.js", "Accept-Encoding: br\r\n");
    assert_eq!((packed.body.as_str(), packed.header("content-encoding")), ("compressed", Some("br")));
    assert_eq!(ask("/pkg/rankscope.wasm", "").header("content-type"), Some("application/wasm"));
    let modified = plain.header("last-modified").expect("a date");
    assert_eq!(ask("/pkg/rankscope.js", &format!("If-Modified-Since: {modified}\r\n")).status, 304);
    assert_eq!(ask("/pkg/nothing.js", "").status, 404);
}
