//! Share links to comparisons: every view of them for whoever has the link, frozen, and nothing else.

use super::{
    compare::two_studies,
    shares::{CANARIES, UNKNOWN, ask, command, links, made, sing, token_of},
    support::{
        TestApp,
        client::Client,
        hub::sha256,
        program::{rankscope, run_with_input},
        recipes::Fixture,
    },
};
use leptos::server_fn::ServerFn;
use rankscope_app::{
    COMPARISON_FIGURES,
    api::{
        shared::{GetShared, GetSharedComparison},
        shares::{RevokeShare, RevokeShares, ShareComparison, TakeShareLink},
    },
    error::AppError,
};
use rankscope_domain::{
    comparison::Comparison,
    comparison_query::ComparisonView,
    inspection::Inspection,
    share::{SharedContent, SharedPage},
    view::StudyStatus::{Finished, Running},
};
use serde_json::{Value, json};
use std::{fs, process::Command};

/// As the page's form does, and as its maker is shown the link.
fn share(client: &Client, studies: &[&str], fields: &[(&str, &str)]) -> Result<String, AppError> {
    let studies = studies.join(",");
    let usual = [("studies", studies.as_str()), ("arms", ""), ("against", ""), ("label", ""), ("expires", "30d"), ("expires_on", "")];
    let left = usual.into_iter().filter(|(name, _)| fields.iter().all(|(known, _)| known != name));
    let form: Vec<(&str, &str)> = left.chain(fields.iter().copied()).collect();
    ask::<ShareComparison, ()>(client, &form)?;
    let id = links(client, "")[0].id.clone();
    let address = ask::<TakeShareLink, Option<String>>(client, &[("id", &id)])?.expect("the link");
    Ok(address.strip_prefix(&client.url("/s/")).unwrap_or_else(|| panic!("{address}")).to_string())
}

fn part_of(client: &Client, token: &str, query: Value) -> reqwest::blocking::Response {
    client.post(GetSharedComparison::PATH).json(&json!({ "token": token, "query": query })).send().expect("an answer")
}

fn part(client: &Client, token: &str, query: Value) -> Comparison {
    let answer = part_of(client, token, query);
    assert_eq!(answer.status(), 200);
    answer.json().expect("a comparison")
}

/// Every page, file and answer below a link, with where it came from.
fn everything(client: &Client, token: &str) -> Vec<(String, String)> {
    let mut addresses = vec![String::new(), "/snapshot.json".into()];
    for view in ComparisonView::ALL {
        for choice in ["", "&group=female", "&show=1", "&fields=all", "&prompts=all", "&mode=kl"] {
            addresses.push(format!("?view={}{choice}", view.name()));
        }
    }
    addresses.extend(COMPARISON_FIGURES.iter().map(|(figure, _)| format!("/figures/{figure}.svg")));
    let read = |address: &String| {
        let answer = client.get(&format!("/s/{token}{address}"));
        let status = answer.status().as_u16();
        assert!(status == 200 || status == 404 && address.contains("/figures/"), "{address}: {status}");
        (address.clone(), answer.text().unwrap())
    };
    let mut all: Vec<(String, String)> = addresses.iter().map(read).collect();
    all.push(("shared".into(), client.post(GetShared::PATH).form(&[("token", token)]).send().unwrap().text().unwrap()));
    for view in ComparisonView::ALL {
        all.push((format!("part {}", view.name()), part_of(client, token, json!({ "view": view.name() })).text().unwrap()));
    }
    all
}

fn set_password(app: &TestApp) {
    let said = run_with_input(rankscope().args(["password", "set", "--stdin", "--data-dir"]).arg(app.data_dir()), "correct horse battery");
    assert_eq!(said.code, Some(0), "{}", said.stderr);
}

#[test]
fn a_link_shows_every_view_to_whoever_has_it_and_stays_when_the_studies_go() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let [one, other] = two_studies(&app, &fixture);
    let page = app.client.page(&format!("/compare?studies={one},{other}&arms=B:full&view=lens&against=A:full"));
    let address = format!("/shares?studies={one},{other}&amp;arms=B:full&amp;against=A:full");
    assert!(page.contains(&format!("href=\"{address}\"")) && page.contains("Share this comparison"), "{page}");
    let form = app.client.page(&address.replace("&amp;", "&"));
    for told in ["Share the comparison of Tiny and Longer", "With completions", "For blind review", ShareComparison::PATH] {
        assert!(form.contains(told), "{told:?} is not on the form");
    }
    assert!(!form.contains("May annotate"));

    let chosen = [("label", "both"), ("completions", "true"), ("against", "A:full")];
    let token = share(&app.client, &[&one, &other], &chosen).expect("a link");
    let entry = links(&app.client, "").remove(0);
    assert_eq!(
        (entry.title.as_str(), entry.study_id.clone(), entry.compared.clone()),
        ("Comparison of Tiny and Longer", None, Some(vec![one.clone(), other.clone()]))
    );
    assert!(entry.completions && !entry.annotate && !entry.anonymous);
    assert_eq!(links(&app.client, &other).len(), 1, "it is one of the links of each of its studies");
    assert!(app.client.page("/shares").contains("Comparison of Tiny and Longer"));
    let owners: Vec<String> = ["toxicity", "completions"]
        .map(|view| app.client.page(&format!("/compare?studies={one},{other}&against=A:full&view={view}")))
        .into();
    // the studies go, one of them with a changed file before
    fs::write(app.study_dir(&other).join("recipe.toml"), "name = \"Changed\"").unwrap();
    for id in [&one, &other] {
        app.client.delete(id).expect("deleted");
    }
    set_password(&app);

    let reviewer = &app.client;
    assert_eq!(reviewer.get("/compare").status(), 303, "a reviewer is not the owner");
    let answer = reviewer.get(&format!("/s/{token}"));
    for (name, value) in
        [("x-robots-tag", "noindex, nofollow, noarchive"), ("referrer-policy", "no-referrer"), ("cache-control", "private, no-store")]
    {
        assert_eq!(answer.headers()[name], value);
    }
    let first = answer.text().unwrap();
    for told in [
        "Comparison of Tiny and Longer",
        "Shared by link, frozen on",
        "2 studies side by side",
        "Share of toxic completions",
        "Contrasted with A · full.",
        "B · full − A · full",
        "name=\"robots\" content=\"noindex",
    ] {
        assert!(first.contains(told), "{told:?} is not on the page");
    }
    for (view, says) in [
        ("toxicity&group=female", "B · r = 8 − A · full"),
        ("toxicity", "answer the same 6 prompts"),
        ("completions", "6 prompts meet this choice"),
        ("completions&group=male", "3 prompts meet this choice"),
        ("recipe", "training.num_train_epochs"),
        ("accuracy", "not in this copy"),
        ("pie", "There is no such view"),
        ("toxicity&group=martians", "There is: female, male."),
        ("toxicity&against=B:full", "what its owner chose"),
    ] {
        let page = reviewer.page(&format!("/s/{token}?view={view}"));
        assert!(page.contains(says), "{says:?} is not in the view {view}");
        for owners in ["href=\"/\"", "href=\"/studies", "href=\"/shares", "href=\"/compare", "Log out", "leave out", "<form", &one, &other]
        {
            assert!(!page.contains(owners), "the view {view} has the owner's {owners:?}");
        }
        let mut addresses = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default());
        let is_own = |address: &str| {
            address.starts_with("/s/") || address.starts_with("/pkg/") || address.starts_with('#') || address == "/favicon.svg"
        };
        assert!(addresses.all(is_own), "the view {view} leads elsewhere");
    }
    // the same figures and texts as the owner saw
    let figure = |page: &str| page.split("<svg").nth(1).unwrap().split("</svg>").next().unwrap().to_string();
    assert_eq!(figure(&reviewer.page(&format!("/s/{token}?view=toxicity"))), figure(&owners[0]));
    let articles = |page: &str| page.matches("<article").count();
    assert_eq!(articles(&reviewer.page(&format!("/s/{token}?view=completions"))), articles(&owners[1]));
    for format in ["svg", "png", "pdf"] {
        let answer = reviewer.get(&format!("/s/{token}/figures/groups.{format}?width=column"));
        assert!(
            answer.status() == 200 && answer.headers()["content-disposition"].to_str().unwrap().contains("compared-groups"),
            "{format}"
        );
    }
    for (file, status) in [
        ("figures/accuracy.svg", 404),
        ("figures/pie.svg", 404),
        ("figures/toxicity.svg?arms=A:full", 422),
        ("recipe.toml", 404),
        ("results.json", 404),
        ("tables/toxicity.csv", 200),
        ("tables/toxicity.tex?arms=A:full", 422),
        ("tables/accuracy.csv", 404),
    ] {
        assert_eq!(reviewer.get(&format!("/s/{token}/{file}")).status(), status, "{file}");
    }
    let snapshot = reviewer.get(&format!("/s/{token}/snapshot.json")).bytes().unwrap();
    let shared: SharedPage = ask::<GetShared, _>(reviewer, &[("token", &token)]).expect("the page's data");
    assert_eq!(shared.content_sha256, sha256(&snapshot));
    assert!(first.contains(&shared.content_sha256) && !shared.may_annotate);
    let SharedContent::Comparison(overview) = shared.content else { panic!("a comparison") };
    assert_eq!(
        (overview.studies, overview.views),
        (2, vec![ComparisonView::Toxicity, ComparisonView::Completions, ComparisonView::Recipe])
    );
    assert_eq!(reviewer.get(&format!("/s/{token}/annotate")).status(), 404);
}

#[test]
fn a_link_to_a_comparison_is_revoked_damaged_and_counted_as_others_are() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let [one, other] = two_studies(&app, &fixture);
    let link = || share(&app.client, &[&one, &other], &[]).expect("a link");
    let opens = |token: &str| app.client.get(&format!("/s/{token}?view=recipe")).status().as_u16();
    let token = link();
    assert_eq!((opens(&token), opens(&token)), (200, 200));
    let entry = links(&app.client, "").remove(0);
    assert_eq!(entry.opened, 2);
    assert!(entry.last_opened_at.is_some());

    let copy = app.data_dir().join("shares").join(format!("{}.json", entry.id));
    let content = fs::read_to_string(&copy).unwrap();
    let changed = content.replacen("\"difference\":", "\"difference\": ", 1);
    assert_ne!(changed, content);
    fs::write(&copy, changed).unwrap();
    for address in ["", "?view=recipe", "/snapshot.json", "/figures/toxicity.svg"] {
        let answer = app.client.get(&format!("/s/{token}{address}"));
        assert_eq!(answer.status(), 404, "{address}");
        assert!(answer.text().unwrap().contains("damaged or was changed"), "{address}");
    }
    let answer = part_of(&app.client, &token, json!({ "view": "toxicity" }));
    assert!(matches!(answer.json().unwrap(), AppError::NotFound(text) if text.contains("damaged")));
    fs::write(&copy, content).unwrap();
    assert_eq!(opens(&token), 200);

    ask::<RevokeShare, ()>(&app.client, &[("id", &entry.id)]).expect("revoked");
    assert!(!copy.exists());
    let refused = app.client.get(&format!("/s/{token}"));
    assert_eq!(refused.status(), 404);
    assert_eq!(refused.text().unwrap(), app.client.get(&format!("/s/{UNKNOWN}")).text().unwrap());
    for token in [token.as_str(), UNKNOWN, "", "../x"] {
        let answer = part_of(&app.client, token, json!({}));
        assert_eq!(answer.status(), 404, "{token}");
        assert!(matches!(answer.json().unwrap(), AppError::NotFound(text) if text.contains("nothing behind this link")));
    }
    // what has a study in it goes with all links of that study
    let token = link();
    ask::<RevokeShares, ()>(&app.client, &[("study", &other)]).expect("revoked");
    assert_eq!(opens(&token), 404);
    // a study's link has no comparison
    let study = token_of(&made(&command(&app, &["share", &one, "--json"])));
    assert!(matches!(part_of(&app.client, &study, json!({})).json().unwrap(), AppError::NotFound(text) if text.contains("no comparison")));
}

#[test]
fn for_blind_review_and_without_completions_nothing_tells_and_no_text_is_there() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let mut one = fixture.recipe();
    (one.name, one.notes) = ("Smith 2026".into(), "by Jo Smith".into());
    one.inspection = Some(Inspection::default());
    let mut other = one.clone();
    (other.name, other.training.num_train_epochs) = ("Smith longer".into(), 3);
    let ids = [(&one, "one"), (&other, "other")].map(|(recipe, request)| app.client.start(recipe, request).expect("a study"));
    let running = app.client.start(&fixture.endless(), "third").expect("another study");
    for id in &ids {
        app.client.wait_for(id, Finished);
    }
    let mut texts = Vec::new();
    for entry in fs::read_dir(app.study_dir(&ids[0]).join("cells")).unwrap().flatten() {
        for line in fs::read_to_string(entry.path().join("completions.jsonl")).unwrap().lines() {
            texts.push(serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_string());
        }
        let lens: Value = serde_json::from_slice(&fs::read(entry.path().join("lens.json")).unwrap()).unwrap();
        texts.extend(lens.as_array().unwrap().iter().map(|reading| reading["continuation"].as_str().unwrap().to_string()));
    }
    texts.retain(|text| text.chars().filter(|letter| letter.is_alphanumeric()).count() > 5);
    assert!(texts.len() > 10, "{} texts", texts.len());

    app.client.wait_for(&running, Running);
    let refused = share(&app.client, &[&ids[0], &running], &[]);
    assert!(matches!(refused, Err(AppError::Invalid(errors)) if errors.0[0].field == "studies" && errors.0[0].value == running));
    let form = app.client.page(&format!("/shares?studies={},{running}", ids[0]));
    assert!(form.contains("B (Endless) has no results yet") && !form.contains("Make a link"), "{form}");

    let blind = share(&app.client, &[&ids[0], &ids[1]], &[("anonymous", "true")]).expect("a link");
    assert_eq!(links(&app.client, "")[0].title, "Comparison of Smith 2026 and Smith longer", "the owner's list has the names");
    let all = everything(&app.client, &blind);
    assert!(all.iter().any(|(address, text)| address == "/figures/lens.svg" && text.contains("<svg")), "the lens is shared");
    for (address, text) in &all {
        for completion in &texts {
            let quoted = serde_json::to_string(completion).unwrap();
            let escaped = completion.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            for written in [completion.as_str(), quoted.trim_matches('"'), &escaped] {
                assert!(!text.contains(written), "{address} has a completion: {written:?}");
            }
        }
        for name in ["Smith", "prompts.jsonl", "llama_tiny", "view=completions", "How each goes on", "Endless", &running] {
            assert!(!text.contains(name), "{address} has {name:?}");
        }
    }
    let page = app.client.page(&format!("/s/{blind}?view=recipe"));
    for told in ["Comparison of Study A and Study B", "Shared for blind review", "training.num_train_epochs"] {
        assert!(page.contains(told), "{told:?} is not on the page");
    }
    assert_eq!(part(&app.client, &blind, json!({ "view": "completions" })).completions, None);

    // private things in every file that is read
    app.client.cancel(&running).expect("cancel");
    sing(&app.study_dir(&ids[1]));
    let app = app.restart(|_| {});
    assert!(app.client.page(&format!("/compare?studies={},{}&view=recipe", ids[0], ids[1])).contains("canary-user"), "the owner sees them");
    let temporary = fixture.folder.path().to_str().unwrap().to_string();
    let data = app.data_dir().to_str().unwrap().to_string();
    for fields in [&[("completions", "true")][..], &[("anonymous", "true"), ("completions", "true")]] {
        let token = share(&app.client, &[&ids[0], &ids[1]], fields).expect("a link");
        let all = everything(&app.client, &token);
        assert!(all.iter().any(|(_, text)| text.contains("prompts meet this choice")), "with them, they are there");
        for (address, text) in all {
            let private = CANARIES.iter().copied().chain([
                temporary.as_str(),
                data.as_str(),
                ids[0].as_str(),
                ids[1].as_str(),
                "rankscope-under-test",
            ]);
            for word in private {
                assert!(!text.contains(word), "{address} tells {word:?}");
            }
        }
    }
}

#[test]
fn the_command_line_and_the_api_do_as_the_pages_do() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let [one, other] = two_studies(&app, &fixture);
    let shared = made(&command(
        &app,
        &[
            "share",
            "--compare",
            &one,
            "--compare",
            &other,
            "--arms",
            "full",
            "--against",
            "A:full",
            "--label",
            "from here",
            "--without-completions",
            "--json",
        ],
    ));
    let token = token_of(&shared);
    let page = app.client.page(&format!("/s/{token}"));
    assert!(page.contains("B · full − A · full") && !page.contains("r = 8"), "arms that are not shown are not shared: {page}");
    let listed = command(&app, &["share", "list"]).stdout;
    for part in ["from here", "Comparison of Tiny and Longer", "open", "without completions"] {
        assert!(listed.contains(part), "{part:?} is not in {listed}");
    }
    // one lies elsewhere
    let elsewhere = fixture.path("elsewhere");
    assert!(Command::new("cp").arg("-r").arg(app.study_dir(&other)).arg(&elsewhere).status().unwrap().success());
    let beside = made(&command(&app, &["share", "--compare", &one, "--compare", elsewhere.to_str().unwrap(), "--json"]));
    let entry = links(&app.client, "").remove(0);
    assert_eq!((Some(entry.id.as_str()), entry.compared), (beside["id"].as_str(), Some(vec![one.clone()])));
    for (arguments, said) in [
        (&["share", "--compare", "nothing"][..], "--compare = \"nothing\": This is neither a study"),
        (&["share", "--compare", &one, "--annotate"], "annotate = \"true\": Labels are given to the completions of one study"),
        (&["share", "--compare", &one, "--arms", "A:lora-r64"], "A has: original, lora-r2, lora-r8, full"),
        (&["share", "--compare", &one, "--against", "best"], "against = \"best\""),
        (&["share", "--compare", &one, "--expires", "soon"], "how many days"),
        (&["share", &one, "--compare", &other], "--compare"),
        (&["share", &one, "--arms", "full"], "'--arms <ARMS>'"),
    ] {
        let refused = command(&app, arguments);
        assert!(refused.code == Some(2) && refused.stderr.contains(said), "{arguments:?}: {refused:?}");
    }

    let post = |body: Value| app.client.api("POST", "shares").json(&body).send().unwrap();
    let answer = post(json!({ "compare": { "studies": [one, other], "against": "A:full" }, "completions": true, "label": "by script" }));
    assert_eq!(answer.status(), 201);
    let new: Value = answer.json().unwrap();
    assert_eq!(
        (new["title"].as_str(), &new["compared"], &new["study_id"]),
        (Some("Comparison of Tiny and Longer"), &json!([one, other]), &Value::Null)
    );
    let page = app.client.page(&format!("{}?view=completions", new["path"].as_str().unwrap()));
    assert!(page.contains("6 prompts meet this choice"));
    let compare = json!({ "studies": [one, other] });
    for (body, field) in [
        (json!({ "compare": compare, "annotate": true }), "annotate"),
        (json!({ "compare": compare, "study": one }), "compare"),
        (json!({}), "study"),
        (json!({ "compare": { "studies": [] } }), "studies"),
        (json!({ "compare": { "studies": [one, "gone"] } }), "studies"),
        (json!({ "compare": { "studies": [one], "arms": ["best"] } }), "arms"),
        (json!({ "compare": { "studies": [one], "arms": ["B:full"] } }), "arms"),
        (json!({ "compare": compare, "expires": "soon" }), "expires"),
    ] {
        let answer = post(body.clone());
        assert_eq!(answer.status(), 422, "{body}");
        let problem: Value = answer.json().unwrap();
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }
}

#[test]
fn the_form_of_a_comparison_works_without_javascript() {
    let app = TestApp::start();
    let host = format!("Host: {}\r\nAccept: text/html\r\n", app.client.address);
    let send = |body: &str| {
        let headers = format!("{host}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", body.len());
        app.client.raw_with_body("POST", ShareComparison::PATH, &headers, body)
    };
    let subject = "studies=example&arms=A%3Aoriginal%2CA%3Afull&against=A%3Afull";
    let refused = send(&format!("{subject}&label=mine&expires=7d&expires_on=2020-01-01&anonymous=true"));
    assert_eq!(refused.status, 302);
    let page = app.client.page(refused.header("location").expect("back to the form"));
    for part in [
        "Share the comparison of the arms of Quick look",
        "No link was made.",
        "This day is over",
        "value=\"mine\"",
        "value=\"7d\" selected",
        "name=\"against\" value=\"A:full\"",
    ] {
        assert!(page.contains(part), "{part:?} is not on {page}");
    }
    let made = send(&format!("{subject}&label=mine&expires=7d&expires_on=&completions=true"));
    let shown = made.header("location").expect("to the link");
    assert!(shown.starts_with("/shares?studies=example&") && shown.contains("&made=") && !shown.contains("/s/"), "{shown}");
    let page = app.client.page(shown);
    let token: String = page.split(&app.client.url("/s/")).nth(1).expect("the link").chars().take(43).collect();
    let page = app.client.page(&format!("/s/{token}?view=lens&prompt=1"));
    assert!(page.contains("The arms of one study, side by side") && page.contains("How each goes on"), "{page}");
    assert!(app.client.page(&format!("/s/{token}?view=divergence")).contains("KL divergence from the original"));
    assert_eq!(app.client.get(&format!("/s/{token}/figures/lens.svg?prompt=1&mode=kl")).status(), 200);
}
