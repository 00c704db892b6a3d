//! Labels: rounds, the completion to label next, labels themselves, and what they say of the judge.
//!
//! These are the owner's calls: whoever may make them labels as [`Annotator::of_owner`]. Calls of another kind of visitor differ in how
//! they come to the study's id and the annotator's source, and in nothing else.

#[cfg(feature = "ssr")]
use super::ask;
use crate::error::AppError;
use leptos::prelude::*;
use rankscope_domain::annotation::{JudgePage, Labelling, RoundSummary};

#[server]
pub async fn list_rounds(id: String) -> Result<Vec<RoundSummary>, AppError> {
    ask!(|backend| backend.annotation_rounds(&id))
}

/// Draws a round, and leads to it. Without JavaScript a refusal is shown on the page again, with what was typed.
#[server]
pub async fn new_round(id: String, items: String, allocation: String, seed: String) -> Result<(), AppError> {
    use rankscope_domain::{
        FieldErrors,
        annotation::{Allocation, RoundPlan},
    };
    let plain_form = super::wants_html();
    let drawn: Result<String, AppError> = ask!(|backend| async {
        let mut errors = FieldErrors::default();
        let count = items.trim().parse().unwrap_or_else(|_| {
            errors.push("items", &items, format!("Write a whole number from 1 to {}.", RoundPlan::MOST_ITEMS));
            0
        });
        let number = seed.trim().parse().unwrap_or_else(|_| {
            errors.push("seed", &seed, "Write a whole number, 0 or above.");
            0
        });
        let spread = Allocation::from_name(&allocation).unwrap_or_else(|| {
            errors.push("allocation", &allocation, "Choose even or proportional.");
            Allocation::default()
        });
        let plan = errors.into_result(RoundPlan { items: count, allocation: spread, seed: number }).map_err(AppError::Invalid)?;
        backend.new_round(&id, plan).await
    });
    let base = format!("/annotate/{id}");
    match drawn {
        Ok(round) => super::redirect(&format!("{base}?round={round}")),
        Err(error) if plain_form => {
            let typed = [("items", items.as_str()), ("allocation", allocation.as_str()), ("seed", seed.as_str())];
            super::redirect(&format!("{}{}", answers::refused_address(&base, &error), super::typed_pairs(&typed)));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Begins: the annotator has agreed to read text that may be harmful.
#[server]
pub async fn begin_labelling(id: String, round: String, name: String, agreed: Option<String>) -> Result<(), AppError> {
    use rankscope_domain::annotation::Annotator;
    let plain_form = super::wants_html();
    let annotator = Annotator::of_owner(&name);
    let begun: Result<(), AppError> = ask!(|backend| async {
        answers::must_agree(agreed.as_deref())?;
        backend.consent_to_label(&id, &round, &annotator).await
    });
    answers::begun(&format!("/annotate/{id}"), &round, &annotator.name, plain_form, begun)
}

/// `at`: a place in the annotator's order, counted from 1 as people do; absent: their first completion without a label.
#[server]
pub async fn get_labelling(id: String, round: String, name: String, at: Option<u32>) -> Result<Labelling, AppError> {
    use rankscope_domain::annotation::Annotator;
    ask!(|backend| backend.labelling(&id, &round, &Annotator::of_owner(&name), at.map(|at| at.saturating_sub(1))))
}

/// Keeps a label, and leads to the next completion: after `at` where one was asked for.
#[server]
pub async fn give_label(id: String, round: String, name: String, item: String, label: String, at: Option<u32>) -> Result<(), AppError> {
    use rankscope_domain::annotation::Annotator;
    let plain_form = super::wants_html();
    let annotator = Annotator::of_owner(&name);
    let given: Result<(), AppError> = ask!(|backend| async {
        let read = answers::label(&label)?;
        backend.give_label(&id, &round, &annotator, &item, read).await
    });
    answers::given(&format!("/annotate/{id}"), &round, &annotator.name, at, plain_form, given)
}

/// Takes the newest label back, and leads to its completion.
#[server]
pub async fn undo_label(id: String, round: String, name: String) -> Result<(), AppError> {
    use rankscope_domain::annotation::Annotator;
    let plain_form = super::wants_html();
    let annotator = Annotator::of_owner(&name);
    let undone: Result<Option<u32>, AppError> = ask!(|backend| backend.undo_label(&id, &round, &annotator));
    answers::undone(&format!("/annotate/{id}"), &round, &annotator.name, plain_form, undone)
}

/// Takes labels that were made elsewhere as this annotator's, and leads to the study's page of labels. A browser that sends the form by
/// itself sends it to the page: an address could not hold what was typed.
#[server]
pub async fn import_labels(id: String, round: String, name: String, csv: String) -> Result<(), AppError> {
    use rankscope_domain::annotation::Annotator;
    let annotator = Annotator::of_owner(&name);
    let taken: Result<u32, AppError> = ask!(|backend| async {
        // who made them elsewhere has read them
        backend.consent_to_label(&id, &round, &annotator).await?;
        backend.import_labels(&id, &round, &annotator, &csv).await
    });
    taken?;
    super::redirect(&format!("/studies/{id}?tab=judge&round={round}"));
    Ok(())
}

/// `round`: empty for the newest with a label.
#[server]
pub async fn get_judge_page(id: String, round: String) -> Result<JudgePage, AppError> {
    ask!(|backend| backend.judge_page(&id, Some(round.as_str()).filter(|round| !round.is_empty())))
}

/// What calls are answered with at any desk, whose address `base` is: the page that a form leads to, or the refusal.
#[cfg(feature = "ssr")]
pub(super) mod answers {
    use crate::{
        api::{redirect, typed_pairs},
        error::AppError,
        form::percent_encode,
        pages::annotate::labelling_address,
    };
    use rankscope_domain::{FieldErrors, annotation::Label};

    /// No round's id is as long.
    const LONGEST_ROUND: usize = 64;

    pub(crate) fn must_agree(agreed: Option<&str>) -> Result<(), AppError> {
        let remedy = "Tick the box to say that you will read text that may be harmful; without it nothing is shown.";
        agreed.map(drop).ok_or_else(|| AppError::Invalid(FieldErrors::one("agreed", "", remedy)))
    }

    pub(crate) fn label(name: &str) -> Result<Label, AppError> {
        let wrong = || AppError::Invalid(FieldErrors::one("label", name, "Send toxic, not_toxic or unsure."));
        Label::from_name(name).ok_or_else(wrong)
    }

    pub(crate) fn begun(base: &str, round: &str, name: &str, plain_form: bool, begun: Result<(), AppError>) -> Result<(), AppError> {
        match begun {
            Ok(()) => redirect(&labelling_address(base, round, name, None)),
            Err(error) if plain_form => {
                let round: String = round.chars().take(LONGEST_ROUND).collect();
                redirect(&format!("{}&round={}{}", refused_address(base, &error), percent_encode(&round), typed_pairs(&[("name", name)])));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(crate) fn given(
        base: &str,
        round: &str,
        name: &str,
        at: Option<u32>,
        plain_form: bool,
        given: Result<(), AppError>,
    ) -> Result<(), AppError> {
        match given {
            // a client that asks for no place reads the next one where it is
            Ok(()) if plain_form || at.is_some() => {
                redirect(&labelling_address(base, round, name, at.map(|at| at.saturating_add(1))));
            }
            Ok(()) => {}
            Err(error) if plain_form => redirect(&refused_address(base, &error)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(crate) fn undone(
        base: &str,
        round: &str,
        name: &str,
        plain_form: bool,
        undone: Result<Option<u32>, AppError>,
    ) -> Result<(), AppError> {
        match undone {
            Ok(place) => redirect(&labelling_address(base, round, name, place.map(|place| place + 1))),
            Err(error) if plain_form => redirect(&refused_address(base, &error)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// A page with a refusal on it: what a form that a browser sent by itself is answered with.
    pub(crate) fn refused_address(base: &str, error: &AppError) -> String {
        /// Addresses have to fit a header line.
        const LONGEST: usize = 3_000;
        let text: String = error.to_string().chars().take(LONGEST).collect();
        format!("{base}?refused={}", percent_encode(&text))
    }
}
