//! Where somebody labels: what they may reach there, and by which calls.

use crate::{
    api::annotations::{BeginLabelling, GiveLabel, UndoLabel, get_labelling, give_label, list_rounds, undo_label},
    error::AppError,
    form::percent_encode,
};
use leptos::server_fn::ServerFn;
use rankscope_domain::annotation::{Label, Labelling, RoundSummary};

/// How one came in. A variant for a share link has its token in place of the study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Desk {
    /// With the owner's session, at one of their studies.
    Owner { study: String },
}

/// A round, its annotator, and where in their order the address is (from 1; none: the first without a label).
#[derive(Debug, Clone, PartialEq, Eq)]
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
        }
    }

    /// The study's own page, where one may see it.
    pub(crate) fn study_page(&self) -> Option<String> {
        match self {
            Desk::Owner { study } => Some(format!("/studies/{study}")),
        }
    }

    /// The field of every form that says where it belongs.
    pub(crate) fn field(&self) -> (&'static str, String) {
        match self {
            Desk::Owner { study } => ("id", study.clone()),
        }
    }

    pub(crate) async fn rounds(self) -> Result<Vec<RoundSummary>, AppError> {
        match self {
            Desk::Owner { study } => list_rounds(study).await,
        }
    }

    pub(crate) async fn labelling(self, seat: Seat) -> Result<Labelling, AppError> {
        match self {
            Desk::Owner { study } => get_labelling(study, seat.round, seat.name, seat.at).await,
        }
    }

    pub(crate) async fn give(self, seat: Seat, item: String, label: Label) -> Result<(), AppError> {
        match self {
            Desk::Owner { study } => give_label(study, seat.round, seat.name, item, label.name().into(), seat.at).await,
        }
    }

    pub(crate) async fn undo(self, seat: Seat) -> Result<(), AppError> {
        match self {
            Desk::Owner { study } => undo_label(study, seat.round, seat.name).await,
        }
    }

    /// Where forms go that a browser sends by itself.
    pub(crate) fn begin_url(&self) -> &'static str {
        match self {
            Desk::Owner { .. } => BeginLabelling::PATH,
        }
    }

    pub(crate) fn give_url(&self) -> &'static str {
        match self {
            Desk::Owner { .. } => GiveLabel::PATH,
        }
    }

    pub(crate) fn undo_url(&self) -> &'static str {
        match self {
            Desk::Owner { .. } => UndoLabel::PATH,
        }
    }
}

/// The address of a place in a round, counted from 1; without one, of the first completion that has no label.
pub(crate) fn labelling_address(base: &str, round: &str, name: &str, at: Option<u32>) -> String {
    let at = at.map(|at| format!("&at={at}")).unwrap_or_default();
    format!("{base}?round={}&as={}{at}", percent_encode(round), percent_encode(name))
}
