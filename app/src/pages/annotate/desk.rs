//! Where somebody labels: what they may reach there, and by which calls.

use crate::{
    api::{
        annotations::{BeginLabelling, GiveLabel, UndoLabel, get_labelling, give_label, list_rounds, undo_label},
        shared_labelling::{
            BeginSharedLabelling, GiveSharedLabel, UndoSharedLabel, get_shared_labelling, give_shared_label, list_shared_rounds,
            undo_shared_label,
        },
    },
    error::AppError,
    form::percent_encode,
    pages::shared::SHARED_PREFIX,
};
use leptos::server_fn::ServerFn;
use rankscope_domain::annotation::{Annotator, Label, Labelling, RoundSummary};

/// How one came in. Has no `Debug`: it may hold a token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Desk {
    /// With the owner's session, at one of their studies.
    Owner { study: String },
    /// With a share link that permits it.
    Share { token: String },
}

/// A round, its annotator, and where in their order the address is (from 1; none: the first without a label).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) round: String,
    pub(crate) name: String,
    pub(crate) at: Option<u32>,
}

impl Desk {
    /// The address of its page.
    pub(crate) fn base(&self) -> String {
        match self {
            Desk::Owner { study } => format!("/annotate/{study}"),
            Desk::Share { token } => shared_desk_address(token),
        }
    }

    /// The study's own page, where one may see it.
    pub(crate) fn study_page(&self) -> Option<String> {
        match self {
            Desk::Owner { study } => Some(format!("/studies/{study}")),
            Desk::Share { .. } => None,
        }
    }

    /// Where one came from: its address, and what the link to it says.
    pub(crate) fn back(&self) -> (String, &'static str) {
        match self {
            Desk::Owner { study } => (format!("/studies/{study}"), "Back to the study"),
            Desk::Share { token } => (format!("{SHARED_PREFIX}{}", percent_encode(token)), "Back to what was shared"),
        }
    }

    /// Whether one may go on at this desk under this annotator's name: labels of who came by another way are another's.
    pub(crate) fn is_of(&self, annotator: &Annotator) -> bool {
        match self {
            Desk::Owner { .. } => annotator.source == Annotator::OWNER,
            // the server tells of no others
            Desk::Share { .. } => true,
        }
    }

    /// The field of every form that says where it belongs.
    pub(crate) fn field(&self) -> (&'static str, String) {
        match self {
            Desk::Owner { study } => ("id", study.clone()),
            Desk::Share { token } => ("token", token.clone()),
        }
    }

    pub(crate) async fn rounds(self) -> Result<Vec<RoundSummary>, AppError> {
        match self {
            Desk::Owner { study } => list_rounds(study).await,
            Desk::Share { token } => list_shared_rounds(token).await,
        }
    }

    pub(crate) async fn labelling(self, seat: Seat) -> Result<Labelling, AppError> {
        match self {
            Desk::Owner { study } => get_labelling(study, seat.round, seat.name, seat.at).await,
            Desk::Share { token } => get_shared_labelling(token, seat.round, seat.name, seat.at).await,
        }
    }

    pub(crate) async fn give(self, seat: Seat, item: String, label: Label) -> Result<(), AppError> {
        match self {
            Desk::Owner { study } => give_label(study, seat.round, seat.name, item, label.name().into(), seat.at).await,
            Desk::Share { token } => give_shared_label(token, seat.round, seat.name, item, label.name().into(), seat.at).await,
        }
    }

    pub(crate) async fn undo(self, seat: Seat) -> Result<(), AppError> {
        match self {
            Desk::Owner { study } => undo_label(study, seat.round, seat.name).await,
            Desk::Share { token } => undo_shared_label(token, seat.round, seat.name).await,
        }
    }

    /// Where forms go that a browser sends by itself.
    pub(crate) fn begin_url(&self) -> &'static str {
        match self {
            Desk::Owner { .. } => BeginLabelling::PATH,
            Desk::Share { .. } => BeginSharedLabelling::PATH,
        }
    }

    pub(crate) fn give_url(&self) -> &'static str {
        match self {
            Desk::Owner { .. } => GiveLabel::PATH,
            Desk::Share { .. } => GiveSharedLabel::PATH,
        }
    }

    pub(crate) fn undo_url(&self) -> &'static str {
        match self {
            Desk::Owner { .. } => UndoLabel::PATH,
            Desk::Share { .. } => UndoSharedLabel::PATH,
        }
    }
}

/// The desk of those who have a share link. Whatever stands for the token stays one part of the address.
pub(crate) fn shared_desk_address(token: &str) -> String {
    /// No token of ours is as long, and it has to fit a header line.
    const LONGEST: usize = 64;
    format!("{SHARED_PREFIX}{}/annotate", percent_encode(&token.chars().take(LONGEST).collect::<String>()))
}

/// The address of a place in a round, counted from 1; without one, of the first completion that has no label.
pub(crate) fn labelling_address(base: &str, round: &str, name: &str, at: Option<u32>) -> String {
    let at = at.map(|at| format!("&at={at}")).unwrap_or_default();
    format!("{base}?round={}&as={}{at}", percent_encode(round), percent_encode(name))
}
