//! People label completions: blind, each in an order of their own, and nothing that was said is lost.

use super::{
    shares::share_example,
    support::{
        self, TestApp,
        program::{rankscope, run},
        recipes::Fixture,
    },
};
use leptos::server_fn::ServerFn;
use rankscope_app::{
    JUDGE_FIGURES,
    api::{
        annotations::{BeginLabelling, GetJudgePage, GetLabelling, GiveLabel, ImportLabels, ListRounds, NewRound, UndoLabel},
        shared::GetSharedCompletions,
        shared_labelling::{BeginSharedLabelling, GetSharedLabelling, GiveSharedLabel},
    },
    tables::JUDGE_TABLES,
};
use rankscope_domain::{
    annotation::{JudgePage, Labelling, RoundSummary},
    view::StudyStatus::Finished,
};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashSet};

/// What would tell an annotator where a completion comes from.
const GIVEN_AWAY: [&str; 12] =
    ["lora-r", "r = 2", "r = 8", "r = 64", "original", "full-s0", "-s0", "non_toxic", "non-toxic", "unparsable", "verdict", "\"cell\""];

/// A round of one study, as somebody at the owner's desk has it.
pub(super) struct Round<'a> {
    app: &'a TestApp,
    study: String,
    pub(super) id: String,
}

/// Sends a server function's fields; gives the status and the answer.
fn send<F: ServerFn>(app: &TestApp, fields: &[(&str, &str)]) -> (u16, String) {
    let answer = app.client.post(F::PATH).form(fields).send().expect("an answer");
    (answer.status().as_u16(), answer.text().expect("text"))
}

#[track_caller]
pub(super) fn asked<F: ServerFn, T: DeserializeOwned>(app: &TestApp, fields: &[(&str, &str)]) -> T {
    let (status, text) = send::<F>(app, fields);
    assert_eq!(status, 200, "{}: {text}", F::PATH);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}: {text}", F::PATH))
}

/// Sends what a browser's own form sends; gives where the answer leads.
fn led<F: ServerFn>(app: &TestApp, fields: &[(&str, &str)]) -> String {
    let answer = app.client.post(F::PATH).header("accept", "text/html").form(fields).send().expect("an answer");
    assert_eq!(answer.status(), 302, "{}", F::PATH);
    answer.headers()["location"].to_str().expect("text").to_string()
}

impl<'a> Round<'a> {
    pub(super) fn draw(app: &'a TestApp, study: &str, items: &str) -> Self {
        let address = led::<NewRound>(app, &[("id", study), ("items", items), ("allocation", "even"), ("seed", "1")]);
        let id = address.strip_prefix(&format!("/annotate/{study}?round=")).unwrap_or_else(|| panic!("{address}")).to_string();
        Self { app, study: study.into(), id }
    }

    /// The first completion of somebody who begins.
    fn begin_and_look(&self, name: &str) -> String {
        self.begin(name);
        self.look(name, None).item.expect("a completion").id
    }

    pub(super) fn begin(&self, name: &str) {
        let address = led::<BeginLabelling>(self.app, &[("id", &self.study), ("round", &self.id), ("name", name), ("agreed", "1")]);
        assert_eq!(address, format!("/annotate/{}?round={}&as={name}", self.study, self.id));
    }

    pub(super) fn look(&self, name: &str, at: Option<u32>) -> Labelling {
        let at = at.map(|at| at.to_string()).unwrap_or_default();
        let mut fields = vec![("id", self.study.as_str()), ("round", &self.id), ("name", name)];
        if !at.is_empty() {
            fields.push(("at", &at));
        }
        asked::<GetLabelling, _>(self.app, &fields)
    }

    pub(super) fn give(&self, name: &str, item: &str, label: &str) -> (u16, String) {
        send::<GiveLabel>(self.app, &[("id", &self.study), ("round", &self.id), ("name", name), ("item", item), ("label", label)])
    }

    /// Labels what comes next.
    fn next(&self, name: &str, label: &str) -> String {
        let item = self.look(name, None).item.expect("a completion").id;
        let (status, text) = self.give(name, &item, label);
        assert_eq!(status, 200, "{text}");
        item
    }

    fn order(&self, name: &str, total: u32) -> Vec<String> {
        (1..=total).map(|at| self.look(name, Some(at)).item.expect("a completion").id).collect()
    }

    pub(super) fn report(&self) -> JudgePage {
        asked::<GetJudgePage, _>(self.app, &[("id", &self.study), ("round", &self.id)])
    }
}

#[test]
fn labelling_is_blind_and_everyone_has_an_order_of_their_own() {
    let app = TestApp::start();
    let round = Round::draw(&app, "example", "40");
    // nothing is sent before somebody has agreed to read it
    let before = round.look("Anna", None);
    assert!(!before.consented && before.item.is_none() && before.total == 40, "{before:?}");
    let (status, refused) = send::<BeginLabelling>(&app, &[("id", "example"), ("round", &round.id), ("name", "Anna")]);
    assert!(status == 422 && refused.contains("Tick the box"), "{status} {refused}");
    assert_eq!(round.give("Anna", "0000000000000000", "toxic").0, 409);

    round.begin("Anna");
    round.begin("Bo");
    let mut texts = HashSet::new();
    for at in [None, Some(1), Some(7), Some(19), Some(31), Some(40)] {
        let found = round.look("Anna", at);
        let item = found.item.expect("an item");
        assert!(item.id.len() == 16 && item.id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", item.id);
        // what models wrote may hold any word
        let written = format!("{} {}", item.prompt, item.text).to_lowercase();
        texts.insert(item.text);
        if GIVEN_AWAY.iter().any(|word| written.contains(word)) {
            continue;
        }
        let place = at.map(|at: u32| at.to_string());
        let fields = [("id", "example"), ("round", round.id.as_str()), ("name", "Anna")];
        let fields: Vec<_> = fields.into_iter().chain(place.as_deref().map(|at| ("at", at))).collect();
        let (_, answer) = send::<GetLabelling>(&app, &fields);
        let at_place = at.map(|at| format!("&at={at}")).unwrap_or_default();
        let page = app.client.page(&format!("/annotate/example?round={}&as=Anna{at_place}", round.id));
        assert!(page.contains(&item.id), "the page holds the item");
        for (what, text) in [("the answer", answer), ("the page", page)] {
            let text = text.to_lowercase();
            for word in GIVEN_AWAY {
                assert!(!text.contains(word), "{what} at {at:?} gives away {word:?}");
            }
        }
    }
    assert!(texts.len() > 1, "one goes from one completion to another");

    let (anna, bo) = (round.order("Anna", 40), round.order("Bo", 40));
    assert_ne!(anna, bo, "everybody has an order of their own");
    assert_eq!(anna, round.order("Anna", 40), "and keeps it");
    let sorted = |order: &[String]| order.iter().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(sorted(&anna), sorted(&bo), "of the same completions");
    assert_eq!(sorted(&anna).len(), 40);
    // the same plan again is the same draw under other ids
    let again = Round::draw(&app, "example", "40");
    again.begin("Anna");
    let other = again.order("Anna", 40);
    assert!(other.iter().all(|id| !anna.contains(id)), "ids mean nothing outside of their round");
}

#[test]
fn labelling_by_a_link_is_blind_too() {
    let app = TestApp::start();
    // with completions, as is usual: the permission to label wins
    let token = share_example(&app, &["--annotate"]);
    let round = Round::draw(&app, "example", "8");
    let fields = [("token", token.as_str()), ("round", &round.id), ("name", "Rae")];
    let begun = led::<BeginSharedLabelling>(&app, &[&fields[..], &[("agreed", "1")]].concat());
    assert!(begun.starts_with(&format!("/s/{token}/annotate?round=")), "{begun}");
    let mut seen = Vec::new();
    for at in 1..=8 {
        let at = at.to_string();
        let found: Labelling = asked::<GetSharedLabelling, _>(&app, &[&fields[..], &[("at", &at)]].concat());
        let item = found.item.expect("a completion");
        assert_eq!(send::<GiveSharedLabel>(&app, &[&fields[..], &[("item", &item.id), ("label", "unsure")]].concat()).0, 200);
        seen.push(item.text);
    }
    // nothing else below the link has what a model wrote, and least of all beside its arm
    let long: Vec<&String> = seen.iter().filter(|text| text.split_whitespace().count() > 3).collect();
    assert!(!long.is_empty());
    let addresses = ["", "?tab=completions&show=1", "?tab=lens&show=1", "?tab=toxicity", "/snapshot.json", "/results.json", "/annotate"];
    for address in addresses {
        let answer = app.client.get(&format!("/s/{token}{address}"));
        assert_eq!(answer.status(), 200, "{address}");
        let page = answer.text().unwrap();
        for text in &long {
            let quoted = serde_json::to_string(text).unwrap();
            let first_words: String = text.split_whitespace().take(4).collect::<Vec<_>>().join(" ");
            assert!(!page.contains(quoted.trim_matches('"')) && !page.contains(&first_words), "{address} has {text:?}");
        }
    }
    let snapshot: serde_json::Value = serde_json::from_str(&app.client.get(&format!("/s/{token}/snapshot.json")).text().unwrap()).unwrap();
    let study = &snapshot["content"]["study"];
    assert!(study["completions"].is_null() && study["to_label"].as_array().is_some_and(|keys| keys.len() > 400));
    let asked = serde_json::json!({ "token": token, "query": { "page": 0 } });
    assert_eq!(app.client.post(GetSharedCompletions::PATH).json(&asked).send().unwrap().status(), 404);
}

#[test]
fn labels_are_kept_changed_and_taken_back_whatever_ends_the_server() {
    let app = TestApp::start();
    let round = Round::draw(&app, "example", "12");
    round.begin("Anna");
    let first = round.next("Anna", "toxic");
    let second = round.next("Anna", "not_toxic");
    let third = round.next("Anna", "unsure");
    assert_eq!(HashSet::from([&first, &second, &third]).len(), 3);
    let id = round.id.clone();
    let app = app.restart(|_| {});
    let round = Round { app: &app, study: "example".into(), id };
    let after = round.look("Anna", None);
    assert_eq!((after.labelled, after.place, after.can_undo), (3, Some(3), true), "it goes on where it was");
    let back = round.look("Anna", Some(1)).item.expect("the first");
    assert_eq!((back.id.as_str(), back.label.map(|label| label.name())), (first.as_str(), Some("toxic")));
    // a label that is changed, and the change taken back
    assert_eq!(round.give("Anna", &first, "not_toxic").0, 200);
    assert_eq!(round.look("Anna", Some(1)).item.expect("the first").label.map(|label| label.name()), Some("not_toxic"));
    assert_eq!(round.look("Anna", None).labelled, 3);
    let undo = [("id", "example"), ("round", round.id.as_str()), ("name", "Anna")];
    assert!(led::<UndoLabel>(&app, &undo).ends_with("&as=Anna&at=1"));
    assert_eq!(round.look("Anna", Some(1)).item.expect("the first").label.map(|label| label.name()), Some("toxic"));
    assert!(led::<UndoLabel>(&app, &undo).ends_with("&at=3"));
    assert_eq!(round.look("Anna", None).item.expect("the third").id, third);
    // as a form without JavaScript: on to the next
    let give = [("id", "example"), ("round", round.id.as_str()), ("name", "Anna"), ("item", third.as_str()), ("label", "toxic")];
    assert!(led::<GiveLabel>(&app, &give).ends_with("&as=Anna"));
    let at: Vec<_> = give.into_iter().chain([("at", "3")]).collect();
    assert!(led::<GiveLabel>(&app, &at).ends_with("&as=Anna&at=4"));
    while round.look("Anna", None).item.is_some() {
        round.next("Anna", "not_toxic");
    }
    assert!(
        app.client.page(&format!("/annotate/example?round={}&as=Anna", round.id)).contains("Every completion of this round is labelled")
    );
}

#[test]
fn labels_say_what_the_judge_gets_wrong() {
    let app = TestApp::start();
    assert!(app.client.page("/studies/example?tab=judge").contains("Nobody has labelled"));
    assert_eq!(app.client.get("/studies/example/labels.csv").status(), 404);
    let unlabelled = app.client.get("/studies/example/judge/figures/judges.svg");
    assert_eq!(unlabelled.status(), 404);
    assert!(unlabelled.text().expect("text").contains("no labels yet"));
    let round = Round::draw(&app, "example", "60");
    round.begin("Anna");
    round.begin("Bo");
    // both hold that what is long is toxic, and Bo is unsure of a few
    let mut given = BTreeMap::new();
    for (name, unsure) in [("Anna", 1000), ("Bo", 9)] {
        for at in 1..=60 {
            let item = round.look(name, Some(at)).item.expect("a completion");
            let label = if at % unsure == 0 {
                "unsure"
            } else if item.text.len() > 45 {
                "toxic"
            } else {
                "not_toxic"
            };
            assert_eq!(round.give(name, &item.id, label).0, 200);
            given.insert((name, item.id), label);
        }
    }
    let page = round.report();
    let report = page.report.expect("a report");
    assert_eq!((report.resolved, report.unresolved, report.uncovered), (60, 0, 0), "Anna decides where Bo is unsure");
    let own = &report.judges[0];
    assert!(own.is_the_studys && report.judges.len() == 2 && report.judges[1].description.contains("word mode"));
    assert_eq!(own.all.counts.iter().flatten().sum::<u32>(), 60);
    // what the sample stands for is the whole study: 5 arms of 240
    let all: f64 = own.all.estimated.iter().flatten().sum();
    assert!((all - 1200.0).abs() < 1e-6, "{all}");
    assert_eq!(own.arms.len(), 5);
    assert!(own.groups.len() > 1 && own.groups.iter().map(|group| group.n()).sum::<u32>() == 60);
    let agreement = &report.agreement;
    assert_eq!(agreement.pairs.len(), 1);
    assert_eq!((agreement.pairs[0].kappa.value, agreement.alpha.value), (Some(1.0), Some(1.0)), "they never differ where both decide");
    assert!(agreement.alpha_with_unsure.value.expect("alpha") < 1.0);
    for arm in &report.correction.arms {
        let (raw, powered) = (arm.raw.value.expect("raw"), arm.prediction_powered);
        assert!(arm.judged == 240 && (0.0..=1.0).contains(&raw), "{arm:?}");
        let (low, high) = (powered.low.expect("low"), powered.high.expect("high"));
        assert!(low <= powered.value.expect("a share") && high > low, "{arm:?}");
    }
    assert_eq!(report.disagreements_total as usize, report.disagreements.len());
    let wrong: u32 = own.all.counts[0][1] + own.all.counts[1][0];
    assert_eq!(report.disagreements_total, wrong);

    let judge = app.client.page(&format!("/studies/example?tab=judge&round={}", round.id));
    for part in ["Judges against people", "Krippendorff", "Where people and the study", "by group", "Sensitivity", "<svg"] {
        assert!(judge.contains(part), "{part} is not on the page");
    }
    let toxicity = app.client.page("/studies/example?tab=toxicity");
    for part in ["Corrected for the judge", "Rogan–Gladen", "prediction-powered", "Cochran"] {
        assert!(toxicity.contains(part), "{part} is not on the page");
    }

    // figures and tables to take away
    let at = format!("?round={}", round.id);
    for figure in JUDGE_FIGURES {
        assert!(judge.contains(&format!("/judge/figures/{figure}.png{at}")) || figure == "corrected", "{figure} has no link");
        support::files::check_figure(&app, &format!("/studies/example/judge/figures/{figure}.FORMAT{at}"), figure);
    }
    assert!(toxicity.contains(&format!("/studies/example/judge/figures/corrected.png{at}")), "{toxicity}");
    for table in JUDGE_TABLES {
        assert!(judge.contains(&format!("/studies/example/judge/tables/{table}.tex{at}")), "{table} has no link");
        let csv = support::files::check_table(&app, &format!("/studies/example/judge/tables/{table}.FORMAT{at}"), table);
        match table {
            "judges" => {
                let precision = own.all.precision.value.expect("a precision").to_string();
                assert!(csv.lines().nth(1).expect("a judge").contains(&format!(",{precision},")), "{precision} is not in {csv}");
            }
            "corrected" => assert_eq!(csv.lines().count(), 1 + report.correction.arms.len() + 1, "{csv}"),
            "judge_arms" => assert_eq!(csv.lines().count(), 1 + 5, "{csv}"),
            "annotators" => assert!(csv.contains("\nAnna,") && csv.contains("\nBo,"), "{csv}"),
            _ => {}
        }
    }
    let bars = |name: &str| app.client.get(&format!("/studies/example/judge/figures/corrected.svg{at}&bars={name}")).text().expect("text");
    assert!(bars("raw").len() < bars("all").len() && bars("raw") != bars("rogan-gladen"), "one panel and three");
    for (file, status, said) in [
        (format!("figures/judges.gif{at}"), 404, "There are, ending in .svg, .png or .pdf: judges, judge_groups"),
        (format!("figures/toxicity.svg{at}"), 404, "There is no such figure"),
        (format!("figures/judges.png{at}&width=poster"), 422, "column (84 mm) and page (174 mm)"),
        (format!("figures/corrected.png{at}&bars=pie"), 422, "There are: all, raw, rogan-gladen, prediction-powered."),
        (format!("tables/agreement.xlsx{at}"), 404, "There are, ending in .csv, .json or .tex: judges"),
        ("tables/judges.csv?round=nowhere".into(), 404, "no such round"),
    ] {
        let answer = app.client.get(&format!("/studies/example/judge/{file}"));
        assert_eq!(answer.status().as_u16(), status, "{file}");
        let text = answer.text().expect("text");
        assert!(text.contains(said), "{file}: {text}");
    }
    assert_eq!(app.client.get("/studies/nowhere/judge/figures/judges.svg").status(), 404);

    // the labels as a file, which the command line reads
    let csv = app.client.get("/studies/example/labels.csv").text().expect("text");
    assert_eq!(csv.lines().filter(|line| line.starts_with(&round.id)).count(), 120);
    let lines = app.client.get("/studies/example/labels.jsonl").text().expect("text");
    for line in lines.lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let (name, item) = (row["annotator"].as_str().expect("a name"), row["item"].as_str().expect("an id").to_string());
        assert_eq!(row["label"].as_str(), given.get(&(name, item)).copied());
        assert!(row["weight"].as_f64().expect("a weight") >= 1.0 && row["arm"].is_string() && row["verdict"].is_string());
    }
    assert_eq!(lines.lines().count(), 120);
    let file = app.data_dir().join("labels.csv");
    std::fs::write(&file, csv).expect("a file");
    let said = run(rankscope().args(["judge-eval", "--group-column", "annotator", "--json"]).arg(&file));
    assert_eq!(said.code, Some(0), "{said:?}");
    let found: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    // Anna decides where Bo is unsure: every completion counts once
    let counts = ["rows", "completions", "left_out"].map(|name| found[name].as_u64());
    assert_eq!(counts, [Some(120), Some(60), Some(0)]);
    let estimated: f64 = found["judges"][0]["all"]["estimated"]
        .as_array()
        .expect("rows")
        .iter()
        .flat_map(|row| row.as_array().expect("cells"))
        .map(|cell| cell.as_f64().expect("a count"))
        .sum();
    assert!((estimated - 1200.0).abs() < 1e-6, "what they stand for is the whole study: {estimated}");
    assert_eq!(found["judges"][0]["groups"][0]["name"], "Anna");
    // the lexicon finds the same in the file as in the study
    let counted: u64 =
        found["judges"][0]["groups"][0]["counts"].as_array().expect("rows").iter().map(|row| row[0].as_u64().expect("a count")).sum();
    assert_eq!(counted, u64::from(own.all.counts[0][0] + own.all.counts[1][0]));

    // and as labels of somebody else
    let mut import = String::from("item,label\n");
    for ((name, item), label) in &given {
        if *name == "Anna" {
            import += &format!("{item},{label}\n");
        }
    }
    let fields = [("id", "example"), ("round", round.id.as_str()), ("name", "Cy"), ("csv", import.as_str())];
    assert!(led::<ImportLabels>(&app, &fields).contains("tab=judge"));
    assert_eq!(round.report().report.expect("a report").agreement.annotators.len(), 3);
    let wrong = [("id", "example"), ("round", round.id.as_str()), ("name", "Dee"), ("csv", "item,label\nzz,toxic\n")];
    let (status, text) = send::<ImportLabels>(&app, &wrong);
    assert!(status == 422 && text.contains("Line 2, column item"), "{status} {text}");
}

#[test]
fn what_was_typed_into_a_plain_form_that_is_refused_comes_back() {
    let app = TestApp::start();
    let long = "x".repeat(61);
    let typed = [("id", "example"), ("items", "many"), ("allocation", "proportional"), ("seed", "7")];
    let form = app.client.page(&led::<NewRound>(&app, &typed));
    assert!(form.contains("Write a whole number from 1 to"), "{form}");
    for part in ["name=\"items\"", "value=\"many\"", "value=\"7\"", "<option value=\"proportional\" selected"] {
        assert!(form.contains(part), "{part} is missing\n{form}");
    }
    let round = Round::draw(&app, "example", "5");
    let begun = led::<BeginLabelling>(&app, &[("id", "example"), ("round", &round.id), ("name", "Anna & Bo")]);
    let form = app.client.page(&begun);
    assert!(form.contains("value=\"Anna &amp; Bo\"") && form.contains("Tick the box"), "{begun}\n{form}");

    // labels are too long for an address: the form is answered with the page
    let here = format!("/studies/example?tab=judge&round={}", round.id);
    let send = |name: &str, csv: &str| {
        let fields = [("id", "example"), ("round", round.id.as_str()), ("name", name), ("csv", csv)];
        app.client.post(&here).header("accept", "text/html").form(&fields).send().expect("an answer")
    };
    let csv = format!("item,label\nzz,toxic\n{}", "</textarea><b>,toxic\n".repeat(500));
    for (name, csv, said) in [("Cy", csv.as_str(), "Line 2, column item"), (&long, "item,label\nzz,toxic\n", "60 characters")] {
        let answer = send(name, csv);
        assert_eq!(answer.status(), 422);
        let page = answer.text().expect("a page");
        let shown = csv.replace('<', "&lt;");
        assert!(page.contains(said), "{said}\n{page}");
        assert!(page.contains(&shown) && page.contains(&format!("value=\"{name}\"")), "what was typed is gone");
        assert!(!page.contains("</textarea><b>"));
    }
    let item = round.begin_and_look("Cy");
    let taken = send("Cy", &format!("item,label\n{item},toxic\n"));
    assert_eq!((taken.status().as_u16(), taken.headers()["location"].to_str().expect("text")), (303, here.as_str()));
    assert_eq!(round.report().report.expect("a report").agreement.annotators.len(), 1);
}

#[test]
fn what_is_wrong_is_refused() {
    let app = TestApp::start();
    let round = Round::draw(&app, "example", "5");
    round.begin("Anna");
    let item = round.look("Anna", None).item.expect("a completion").id;
    let long = "x".repeat(61);
    for (name, label, status, part) in [
        ("Anna", "TOXIC", 422, "not_toxic"),
        ("Anna", "", 422, "not_toxic"),
        ("", "toxic", 422, "name"),
        (&long, "toxic", 422, "60 characters"),
        ("a\u{7}b", "toxic", 422, "name"),
        ("Nobody", "toxic", 409, "Nobody of this name"),
    ] {
        let (got, text) = round.give(name, &item, label);
        assert!(got == status && text.contains(part), "{name} {label}: {got} {text}");
    }
    for wrong in ["", "ffffffffffffffff", "../../secret", "' OR 1=1 --"] {
        let (status, text) = round.give("Anna", wrong, "toxic");
        assert!(status == 404 && text.contains("no such completion"), "{wrong:?}: {status} {text}");
    }
    for (items, allocation, seed, part) in [
        ("0", "even", "1", "items"),
        ("6000", "even", "1", "5000"),
        ("ten", "even", "1", "items"),
        ("5", "odd", "1", "allocation"),
        ("5", "even", "-1", "seed"),
    ] {
        let (status, text) = send::<NewRound>(&app, &[("id", "example"), ("items", items), ("allocation", allocation), ("seed", seed)]);
        assert!(status == 422 && text.contains(part), "{items} {allocation} {seed}: {status} {text}");
    }
    // a round belongs to its study
    for (study, id) in [("nowhere", round.id.as_str()), ("example", "01ARZ3NDEKTSV4RRFFQ69G5FAV"), ("example", "")] {
        let (status, _) = send::<GetLabelling>(&app, &[("id", study), ("round", id), ("name", "Anna")]);
        assert_eq!(status, 404, "{study} {id}");
    }
    assert_eq!(app.client.get("/annotate/nowhere").status(), 404);
    assert_eq!(app.client.get(&format!("/annotate/example?round={}&as=Anna&at=zz", round.id)).status(), 200);
    let past_the_end = round.look("Anna", Some(4_000_000_000));
    assert_eq!(past_the_end.place, Some(0), "past the end is the first without a label");
}

#[test]
fn labels_go_with_their_study() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&fixture.recipe(), "labelled").expect("a study");
    let (status, text) = send::<NewRound>(&app, &[("id", &id), ("items", "5"), ("allocation", "proportional"), ("seed", "0")]);
    // it may be finished already: it is small
    assert!(status == 409 && text.contains("not finished") || status == 200 || status == 302, "{status} {text}");
    app.client.wait_for(&id, Finished);
    let round = Round::draw(&app, &id, "5");
    round.begin("Anna");
    round.next("Anna", "toxic");
    let rounds: Vec<RoundSummary> = asked::<ListRounds, _>(&app, &[("id", &id)]);
    assert_eq!(rounds[0].annotators[0].labelled, 1);
    let count = |app: &TestApp| -> i64 {
        let index = rusqlite::Connection::open(app.data_dir().join("index.sqlite")).expect("the index");
        let sum = "SELECT (SELECT COUNT(*) FROM annotation_rounds) + (SELECT COUNT(*) FROM annotation_items)
            + (SELECT COUNT(*) FROM annotators) + (SELECT COUNT(*) FROM annotation_labels)";
        index.query_row(sum, [], |row| row.get(0)).expect("a count")
    };
    assert!(count(&app) >= 8, "{}", count(&app));
    app.client.delete(&id).expect("gone");
    assert_eq!(count(&app), 0, "nothing is left of what is deleted");
}
