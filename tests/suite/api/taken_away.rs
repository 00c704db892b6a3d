//! What scripts take away from a study is what its page gives, and an archive comes back in.

use super::{get_with, json_of, refused, start};
use crate::{
    support::{TestApp, client::Client, recipes::Fixture},
    tokens,
};
use rankscope_domain::view::StudyStatus::Finished;
use serde_json::json;

pub(super) fn bytes(client: &Client, path: &str, kind: &str) -> Vec<u8> {
    let answer = client.api("GET", path).send().expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()), (200, kind), "{path}");
    answer.bytes().expect("bytes").to_vec()
}

#[test]
fn files_are_those_of_the_page() {
    let app = TestApp::start();
    let reader = app.client.with_token(&tokens::made(&app, "reader", "read"));
    let tables = get_with(&reader, "studies/example/tables");
    assert!(tables["tables"].as_array().unwrap().contains(&json!("toxicity")), "{tables}");
    for (path, kind) in [
        ("figures/toxicity.svg?width=column", "image/svg+xml"),
        ("figures/toxicity.png", "image/png"),
        ("figures/arm_groups.pdf?arm=full", "application/pdf"),
        ("figures/lens.png?mode=kl&arms=full", "image/png"),
        ("tables/toxicity.csv", "text/csv; charset=utf-8"),
        ("tables/toxicity.json", "application/json"),
        ("tables/toxicity.tex", "application/x-tex; charset=utf-8"),
        ("report.html", "text/html; charset=utf-8"),
        ("export.zip", "application/zip"),
    ] {
        let found = bytes(&reader, &format!("studies/example/{path}"), kind);
        let of_page = app.client.get(&format!("/studies/example/{path}")).bytes().unwrap();
        assert!(found == of_page, "{path}: {} bytes and {}", found.len(), of_page.len());
    }
    for (path, field, value, remedy) in [
        ("figures/toxicity.png?width=poster", "width", "poster", "column (84 mm)"),
        ("figures/arm_groups.svg?arm=lora-r3", "arm", "lora-r3", "It has: original"),
        ("tables/lens.csv?mode=tea", "mode", "tea", "There are: entropy"),
        ("export.zip?adapters=2", "adapters", "2", "`true` or `false`"),
    ] {
        refused(reader.api("GET", &format!("studies/example/{path}")).send().unwrap(), 422, field, value, remedy);
    }
    for path in ["tables/toxicity.xlsx", "tables/accuracy.csv", "tables/nothing.csv", "figures/toxicity.gif"] {
        json_of(reader.api("GET", &format!("studies/example/{path}")).send().unwrap(), 404);
    }
}

#[test]
fn files_of_a_set_are_those_of_its_page() {
    let app = TestApp::start();
    let reader = app.client.with_token(&tokens::made(&app, "reader", "read"));
    assert_eq!(get_with(&reader, "datasets/builtin/figures"), json!({ "figures": ["lengths"] }));
    assert_eq!(get_with(&reader, "datasets/builtin/tables"), json!({ "tables": ["splits", "columns", "lengths"] }));
    for (path, kind) in [
        ("figures/lengths.svg?width=column", "image/svg+xml"),
        ("figures/lengths.pdf", "application/pdf"),
        ("tables/splits.csv", "text/csv; charset=utf-8"),
        ("tables/lengths.json", "application/json"),
    ] {
        let found = bytes(&reader, &format!("datasets/builtin/{path}"), kind);
        let of_page = app.client.get(&format!("/datasets/builtin/{path}")).bytes().unwrap();
        assert!(found == of_page, "{path}: {} bytes and {}", found.len(), of_page.len());
    }
    let wrong = reader.api("GET", "datasets/builtin/figures/lengths.png?width=poster").send().unwrap();
    refused(wrong, 422, "width", "poster", "column (84 mm)");
    for path in ["builtin/figures/pie.svg", "builtin/tables/splits.xlsx", "none/figures", "none/tables", "none/tables/splits.csv"] {
        json_of(reader.api("GET", &format!("datasets/{path}")).send().unwrap(), 404);
    }
}

#[test]
fn an_archive_comes_back_in() {
    let (app, fixture) = (TestApp::with(&["--study-upload-limit", "6MiB"]), Fixture::new());
    let id = &json_of(start(&app, &fixture.recipe(), "to-go"), 201)["id"];
    let id = id.as_str().expect("an id");
    app.client.wait_for(id, Finished);
    let (reader, writer) =
        (app.client.with_token(&tokens::made(&app, "reader", "read")), app.client.with_token(&tokens::made(&app, "writer", "write")));
    let archive = bytes(&reader, &format!("studies/{id}/export.zip"), "application/zip");
    let as_file = |client: &Client, archive: &[u8]| {
        client.api("POST", "studies/import").header("content-type", "application/zip").body(archive.to_vec()).send().unwrap()
    };
    let as_form = |client: &Client, field: &str, archive: &[u8]| {
        let head = format!("--X\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"a.zip\"\r\n\r\n");
        let body = [head.as_bytes(), archive, b"\r\n--X--\r\n"].concat();
        client.api("POST", "studies/import").header("content-type", "multipart/form-data; boundary=X").body(body).send().unwrap()
    };
    json_of(as_file(&reader, &archive), 403);
    assert!(bytes(&reader, &format!("studies/{id}/export.zip?adapters=true"), "application/zip").len() > archive.len(), "with adapters");
    for answer in [as_file(&writer, &archive), as_form(&writer, "file", &archive)] {
        let location = answer.headers()["location"].to_str().unwrap().strip_prefix("/api/v1/").unwrap().to_string();
        let card = json_of(answer, 201);
        assert_eq!(
            (&card["status"], location.as_str()),
            (&json!("finished"), format!("studies/{}", card["id"].as_str().unwrap()).as_str())
        );
        assert!(card["imported"].is_object(), "{card}");
        assert_eq!(bytes(&reader, &format!("{location}/export.zip"), "application/zip"), archive, "what was taken in comes out");
        assert_eq!(writer.api("DELETE", &location).send().unwrap().status(), 204);
    }

    refused(as_file(&writer, b"PK nothing"), 422, "file", "", "no archive of a study");
    refused(as_file(&writer, b""), 422, "file", "", "no archive of a study");
    refused(as_form(&writer, "file", b"PK nothing"), 422, "file", "", "no archive of a study");
    refused(as_form(&writer, "archive", &archive), 422, "file", "", "Choose a file");
    refused(as_file(&writer, &vec![0; 7 << 20]), 413, "file", "", "--study-upload-limit");
    refused(as_form(&writer, "file", &vec![0; 7 << 20]), 413, "file", "a.zip", "--study-upload-limit");
    for (kind, status) in [("text/plain", 415), ("multipart/form-data", 400)] {
        json_of(writer.api("POST", "studies/import").header("content-type", kind).body("x").send().unwrap(), status);
    }
    let left = std::fs::read_dir(app.data_dir().join("studies")).into_iter().flatten().count();
    assert_eq!(left, 1, "what was refused left something behind");
}
