//! The page of the lens, as the server renders it.

use super::{
    question_form::{QuestionForm, QuestionFormProps},
    waiting::{Waiting, WaitingProps},
    *,
};
use crate::{components::lens_results::LensResultsProps, inspection_fixture::readings};
use rankscope_domain::{
    Arm,
    lens_question::{LensArm, LensStage, LensStudy},
    recipe::StudyKind,
};

const ARMS: [Arm; 3] = [Arm::Original, Arm::Lora(2), Arm::Full];

fn form(pairs: &[(&str, &str)]) -> LensForm {
    LensForm::of(|name| pairs.iter().filter(|(key, _)| *key == name).map(|(_, value)| (*value).to_string()).collect())
}

fn study(id: &str, kind: StudyKind) -> LensStudy {
    let classifies = kind == StudyKind::Classification;
    let arm = |arm: Arm| LensArm { arm, problem: if arm == Arm::Full { "Its weights were not kept.".into() } else { String::new() } };
    LensStudy {
        id: id.into(),
        name: format!("Study <{id}>"),
        kind,
        model: "SmolLM2".into(),
        arms: ARMS.map(arm).into(),
        seeds: if classifies { vec![0, 7] } else { vec![0] },
        fractions: if classifies { vec!["1".parse().unwrap(), "0.25".parse().unwrap()] } else { Vec::new() },
    }
}

fn rendered(form: LensForm, studies: Vec<LensStudy>) -> String {
    Owner::new().with(|| QuestionForm(QuestionFormProps { form, studies }).into_any().to_html())
}

/// The tag of an input or option that holds this text.
fn tag<'a>(html: &'a str, holds: &str) -> &'a str {
    let at = html.find(holds).unwrap_or_else(|| panic!("{holds} is missing\n{html}"));
    let start = html[..at].rfind('<').unwrap();
    &html[start..at + html[at..].find('>').unwrap()]
}

#[test]
fn what_was_typed_comes_back_as_it_was_typed() {
    let typed = [
        ("study", "b"),
        ("prompt_text", "\n</textarea><b>"),
        ("read", "lora-r2"),
        ("seed", "7"),
        ("fraction", "0.25"),
        ("top_k", "many"),
        ("new_tokens", "99"),
    ];
    let html = rendered(form(&typed), vec![study("a", StudyKind::Toxicity), study("b", StudyKind::Classification)]);
    assert!(html.contains("\n\n&lt;/textarea>&lt;b>"), "{html}");
    assert!(tag(&html, "value=\"b\"").contains("selected") && !tag(&html, "value=\"a\"").contains("selected"));
    assert!(tag(&html, "value=\"lora-r2\"").contains("checked") && !tag(&html, "value=\"original\"").contains("checked"));
    assert!(tag(&html, "value=\"full\"").contains("disabled") && html.contains("Its weights were not kept."));
    assert!(tag(&html, "value=\"7\"").contains("selected") && tag(&html, "value=\"0.25\"").contains("selected"));
    assert!(html.contains("value=\"many\"") && html.contains("value=\"99\""));
    assert!(
        html.contains("type=\"hidden\" name=\"again\" value=\"1\""),
        "asked by hand, a question that was stopped is asked anew: {html}"
    );
}

#[test]
fn the_form_offers_what_the_study_has() {
    let html = rendered(form(&[]), vec![study("a", StudyKind::Toxicity)]);
    assert!(tag(&html, "value=\"original\"").contains("checked") && tag(&html, "value=\"lora-r2\"").contains("checked"));
    assert!(!html.contains("name=\"seed\"") && !html.contains("name=\"fraction\""), "one seed and no minority are no choice");
    assert!(html.contains("method=\"get\"") && html.contains("action=\"/lens\"") && html.contains("value=\"form\""));
    assert!(html.contains("Study &lt;a&gt; (SmolLM2)"), "{html}");
    assert!(rendered(form(&[]), Vec::new()).contains("/studies/new"));
}

#[test]
fn a_page_without_scripts_looks_again_and_can_stop() {
    let html = Owner::new().with(|| {
        let form = form(&[("study", "a"), ("prompt_text", "She & \"he\""), ("again", "1")]);
        let props = WaitingProps { form, ticket: "t".into(), stage: LensStage::Queued { place: 3 }, looks: RwSignal::new(0) };
        Waiting(props).into_any().to_html()
    });
    assert!(html.contains("Place 3 in the queue."), "{html}");
    let address = "/lens?study=a&amp;prompt_text=She%20%26%20%22he%22";
    assert!(html.contains(&format!("<noscript><meta http-equiv=\"refresh\" content=\"2;url={address}\"></noscript>")), "{html}");
    assert!(html.contains(&format!("href=\"{address}\"")), "{html}");
    assert!(html.contains("name=\"ticket\" value=\"t\"") && html.contains(&format!("value=\"{address}&amp;only=form\"")), "{html}");
}

#[test]
fn the_answers_links_keep_the_question() {
    let form = form(&[("study", "a"), ("prompt_text", "a & b"), ("read", "original,lora-r2,full"), ("top_k", "3")]);
    let (view, errors) = LensView::read(|name| (name == "mode").then(|| "probability".to_string()));
    let html = Owner::new().with(|| {
        let readings = crate::lens_view::of_prompt(&readings(&ARMS, 3, 4), 0);
        let page = LensPage { prompts: vec!["a & b".into()], readings };
        let props = LensResultsProps { place: LensPlace::question(&form), page, asked: view, errors, show: Memo::new(|_| false) };
        LensResults(props).into_any().to_html()
    });
    let question = "study=a&amp;prompt_text=a%20%26%20b&amp;read=original,lora-r2,full&amp;top_k=3";
    for address in [
        format!("/lens?{question}&amp;mode=kl"),
        format!("/lens?{question}&amp;mode=probability&amp;palette=safe"),
        format!("/lens?{question}&amp;mode=probability&amp;arms=original,lora-r2"),
        format!("/lens/figures/lens.svg?{question}&amp;mode=probability"),
        format!("/lens/figures/lens.png?{question}&amp;mode=probability&amp;width=column"),
        format!("/lens/tables/lens.tex?{question}&amp;mode=probability"),
    ] {
        assert!(html.contains(&format!("href=\"{address}\"")), "{address} is missing\n{html}");
    }
    // the form for a token sends the question along, as it is
    assert!(html.contains("name=\"prompt_text\" value=\"a &amp; b\""), "{html}");
    assert!(!html.contains("aria-label=\"Prompt\""), "one prompt is no choice");
}

#[test]
fn what_failed_can_be_tried_again_and_what_is_wrong_is_mended() {
    let form = form(&[("study", "a"), ("prompt_text", "x")]);
    let html = |error: AppError| Owner::new().with(|| nothing_to_show(&form, Some(Err(error))).to_html());
    let died = html(AppError::Internal("The worker died.".into()));
    assert!(died.contains("The worker died.") && died.contains("/lens?study=a&amp;prompt_text=x&amp;again=1"), "{died}");
    let wrong = html(AppError::Invalid(rankscope_domain::FieldErrors::one("read", "full", "Leave it out.")));
    assert!(wrong.contains("read = ") && wrong.contains("Leave it out.") && !wrong.contains("again=1"), "{wrong}");
}
