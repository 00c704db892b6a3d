//! Studies side by side: the page, its figures and the command line, over two finished studies.

use super::support::{
    self, TestApp,
    program::{rankscope, run},
    recipes::Fixture,
};
use rankscope_domain::{Recipe, comparison::Comparison, view::StudyStatus::Finished};

/// Two finished toxicity studies over the same prompts; the second trains twice as long and is called otherwise.
pub(crate) fn two_studies(app: &TestApp, fixture: &Fixture) -> [String; 2] {
    let mut other = fixture.recipe();
    other.name = "Longer".into();
    other.training.num_train_epochs = 4;
    let ids = [(fixture.recipe(), "one"), (other, "other")].map(|(recipe, request)| app.client.start(&recipe, request).expect("a study"));
    for id in &ids {
        app.client.wait_for(id, Finished);
    }
    ids
}

#[test]
fn two_studies_stand_side_by_side_in_every_view() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let [one, other] = two_studies(&app, &fixture);
    let list = app.client.page("/");
    assert!(list.contains("action=\"/compare\"") && list.contains(&format!("name=\"studies\" value=\"{one}\"")), "the list's boxes");
    assert!(app.client.page(&format!("/studies/{one}")).contains(&format!("/compare?studies={one}")), "a study leads to the page");

    // as the list's form sends it, and as links write it
    for address in [format!("/compare?studies={one}&studies={other}"), format!("/compare?studies={one},{other}")] {
        let page = app.client.page(&address);
        for part in ["Tiny", "Longer", "answer the same 6 prompts", "B · r = 8 − A · r = 8", "<svg"] {
            assert!(page.contains(part), "{part} is not on {address}");
        }
    }
    for (view, says) in [
        ("toxicity", "Share of toxic completions"),
        ("accuracy", "None of these studies has accuracies"),
        ("divergence", "None of these studies has divergences"),
        ("lens", "There is no reading of this prompt"),
        ("completions", "6 prompts meet this choice"),
        ("recipe", "training.num_train_epochs"),
    ] {
        let page = app.client.page(&format!("/compare?studies={one},{other}&view={view}"));
        assert!(page.contains(says), "{says:?} is not in the view {view}");
        assert!(!page.contains("notice-error"), "{view} complains");
    }
    let recipe = app.client.page(&format!("/compare?studies={one},{other}&view=recipe"));
    assert!(!recipe.contains("<code>training.max_grad_norm"), "a field in which they agree");
    assert!(app.client.page(&format!("/compare?studies={one},{other}&view=recipe&fields=all")).contains("<code>training.max_grad_norm"));
    // one study: its arms with one another
    let alone = app.client.page(&format!("/compare?studies={one}&against=A:full"));
    assert!(alone.contains("A · r = 2 − A · full") && alone.contains("Arms of A are paired"), "{alone}");
    assert!(app.client.page("/compare").contains("Choose studies"), "without a study there is a form");
}

#[test]
fn figures_of_several_studies_can_be_taken_away() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let [one, other] = two_studies(&app, &fixture);
    for figure in ["toxicity", "groups"] {
        let svg = app.client.get(&format!("/compare/figures/{figure}.svg?studies={one},{other}&view=recipe"));
        assert_eq!(svg.headers()["content-type"], "image/svg+xml");
        let text = svg.text().unwrap();
        assert!(text.starts_with("<?xml") && text.contains("Longer"), "{figure}: {text}");
    }
    for (file, query, status, says) in [
        ("toxicity.gif", "", 404, "There are, ending in .svg, .png or .pdf: toxicity, groups, accuracy, kl, lens."),
        ("pie.svg", "", 404, "There are, ending in .svg, .png or .pdf: toxicity"),
        ("accuracy.svg", "", 404, "nothing to show"),
        ("lens.svg", "", 404, "nothing to show"),
        ("toxicity.png", "&width=poster", 422, "column (84 mm) and page (174 mm)"),
        ("toxicity.svg", "&arms=A:best", 422, "arms = \"A:best\""),
        ("toxicity.svg", "&arms=A:lora-r3", 422, "A has: original, lora-r2, lora-r8, full"),
        ("toxicity.svg", "&studies=nope", 422, "studies = \"nope\""),
    ] {
        let answer = app.client.get(&format!("/compare/figures/{file}?studies={one},{other}{query}"));
        assert_eq!(answer.status(), status, "{file}{query}");
        let text = answer.text().unwrap();
        assert!(text.contains(says), "{file}{query}: {text}");
    }
    for figure in ["toxicity", "groups"] {
        let address = format!("/compare/figures/{figure}.FORMAT?studies={one},{other}");
        support::files::check_figure(&app, &address, &format!("compared-{figure}"));
    }
    for (table, says) in [
        ("toxicity", "\nB,lora-r8,"),
        ("groups", "\nA,full,female,"),
        ("toxicity_contrasts", ",B:full,A:full,"),
        ("recipe", "training.num_train_epochs,2,4,yes"),
    ] {
        let address = format!("/compare/tables/{table}.FORMAT?studies={one},{other}");
        let csv = support::files::check_table(&app, &address, &format!("compared-{}", table.replace('_', "-")));
        assert!(csv.contains(says), "{table}: {csv}");
    }
    for (file, query, status, says) in [
        ("toxicity.xlsx", "", 404, "There are, ending in .csv, .json or .tex: toxicity, groups, toxicity_contrasts"),
        ("accuracy.csv", "", 404, "nothing to show"),
        ("lens.tex", "", 404, "nothing to show"),
        ("toxicity.csv", "&arms=A:best", 422, "arms = \"A:best\""),
    ] {
        let answer = app.client.get(&format!("/compare/tables/{file}?studies={one},{other}{query}"));
        assert_eq!(answer.status(), status, "{file}{query}");
        let text = answer.text().unwrap();
        assert!(text.contains(says), "{file}{query}: {text}");
    }
}

#[test]
fn what_is_wrong_in_the_address_is_said_and_the_rest_is_shown() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let [one, other] = two_studies(&app, &fixture);
    for (query, says) in [
        ("view=pie", "view = \"pie\": There is no such view. There are: toxicity, accuracy"),
        ("arms=best", "arms = \"best\": This names no arm"),
        ("arms=C:full", "arms = \"C:full\": No study of this comparison is called that. There are: A, B."),
        ("arms=B:lora-r3", "B has: original, lora-r2, lora-r8, full"),
        ("against=A:lora-r3", "against = \"A:lora-r3\""),
        ("group=martians", "group = \"martians\": Not all of these studies have that group. All have: female, male."),
        ("fraction=2", "fraction = \"2\""),
        ("page=0", "page = \"0\": Write the number of a page, from 1 up."),
        ("studies=01ARZ3NDEKTSV4RRFFQ69G5FAV", "studies = \"01ARZ3NDEKTSV4RRFFQ69G5FAV\": There is no such study."),
        ("studies=../secret", "studies = \"../secret\": There is no such study."),
        ("studies=1,2,3,4,5", "At most 6 studies are shown side by side"),
        ("mode=tea", "mode = \"tea\": There is no such mode."),
    ] {
        let page = app.client.page(&format!("/compare?studies={one},{other}&{query}")).replace("&quot;", "\"");
        assert!(page.contains(says), "{query}: {says:?} is missing");
        assert!(page.contains("Share of toxic completions") && page.contains("B · full − A · full"), "{query}: the rest is not shown");
    }
    // where nothing is left, the status says so too, and there is a form
    let answer = app.client.get("/compare?studies=nope,nothing");
    assert_eq!(answer.status(), 422);
    let page = answer.text().unwrap();
    assert!(page.contains("nothing") && page.contains("Choose studies") && page.contains("href=\"/\""), "{page}");
}

#[test]
fn the_command_line_says_the_same() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let [one, other] = two_studies(&app, &fixture).map(|id| app.study_dir(&id));
    let said = run(rankscope().arg("compare").args([&one, &other]));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    for part in ["A  Tiny: toxicity", "training.num_train_epochs\n  A  2\n  B  4\n", "answer the same 6 prompts", "B:lora-r8 - A:lora-r8"] {
        assert!(said.stdout.contains(part), "{part:?} is missing\n{}", said.stdout);
    }
    assert!(!said.stdout.contains("max_grad_norm"));

    let json = run(rankscope().arg("compare").args([&one, &other]).args(["--json", "--against", "A:full", "--arms", "full"]));
    let comparison: Comparison = serde_json::from_str(&json.stdout).unwrap_or_else(|error| panic!("{error}: {}", json.stdout));
    let contrasts = &comparison.toxicity.expect("toxic shares").families[0].contrasts;
    assert_eq!(contrasts.iter().map(|contrast| contrast.of.name()).collect::<Vec<_>>(), ["B:full"]);
    // the page has the same numbers
    let result =
        |place: usize| comparison.studies[place].results.as_ref().and_then(|results| results.arms.last()).and_then(|arm| arm.pooled.share);
    let difference = result(1).unwrap() - result(0).unwrap();
    assert!((contrasts[0].difference - difference).abs() < 1e-9, "{} and {difference}", contrasts[0].difference);

    let nowhere = fixture.path("nowhere");
    for (arguments, says) in [
        (vec!["--arms", "best"], "error: arms = \"best\""),
        (vec!["--arms", "C:full"], "There are: A, B."),
        (vec!["--group", "martians"], "All have: female, male."),
        (vec!["--reading", "tea_leaves"], "There are: likelihood"),
        (vec![nowhere.to_str().unwrap()], "holds no study"),
    ] {
        let said = run(rankscope().arg("compare").args([&one, &other]).args(&arguments));
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.stderr);
        assert!(said.stderr.contains(says), "{arguments:?}: {}", said.stderr);
    }
}

#[test]
fn studies_of_two_kinds_and_unfinished_ones_stand_beside_each_other() {
    let app = TestApp::start();
    let fixture = Fixture::new();
    let one = app.client.start(&fixture.recipe(), "one").expect("a study");
    let running = app.client.start(&fixture.endless(), "endless").expect("a study");
    app.client.wait_for(&one, Finished);
    app.client.wait_for_training(&running);
    let classes = format!(
        "name = \"Classes\"\nkind = \"classification\"\nseeds = [0]\n[model]\nsource = {:?}\n[data]\nsource = \"builtin\"\ntrain_limit = 8\ntest_limit = 8\n\
         [groups]\nminority_fractions = [1.0]\n[classifier]\nmax_new_tokens = 0\n[training]\nmax_steps = 1\nper_device_train_batch_size = 2\nmax_length = 64\n\
         [[arms]]\nkind = \"lora\"\nlora_r = 2\nlearning_rate = 0.01\n[[arms]]\nkind = \"full\"\nlearning_rate = 0.001\n",
        support::recipes::reference().join("llama_tiny")
    );
    let waiting = app.client.start(&Recipe::from_toml(&classes).expect("a recipe"), "classes").expect("a study");
    let page = app.client.page(&format!("/compare?studies={one},{running},{waiting}"));
    assert!(page.contains("it has no results yet") && page.contains("B is running") && page.contains("C is queued"), "{page}");
    app.client.cancel(&running).expect("cancelled");
    app.client.wait_for(&waiting, Finished);
    let page = app.client.page(&format!("/compare?studies={one},{waiting}&view=toxicity"));
    assert!(page.contains("B is a classification study and has no toxic share"), "{page}");
    let page = app.client.page(&format!("/compare?studies={one},{waiting}&view=accuracy&against=B:full"));
    assert!(page.contains("McNemar") && page.contains("B · r = 2 − B · full"), "{page}");
    let completions = app.client.page(&format!("/compare?studies={one},{waiting}&view=completions"));
    assert!(completions.contains("B classifies texts and completes no prompts."));
}
