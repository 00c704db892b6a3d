//! Where a study's parts are found: below its own address by its owner, below a link's by those whom it was shared with.

use crate::{
    api::{
        completions::get_completions,
        lens::{LensPage, get_lens},
        shared::{get_shared_completions, get_shared_lens},
    },
    error::AppError,
};
use rankscope_domain::{
    StudyResults,
    provenance::{Host, ImportNote, Provenance},
    snapshot::SharedProvenance,
    view::{CompletionPage, CompletionQuery},
};
use std::sync::Arc;

/// Whose page it is. Has no `Debug`: it may hold a token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StudyPlace {
    /// The study's id.
    Owners(String),
    Shared {
        token: String,
        /// Whether it was shared with what models wrote.
        completions: bool,
    },
}

impl StudyPlace {
    /// `/studies/{id}` or `/s/{token}`.
    pub(crate) fn base(&self) -> String {
        match self {
            Self::Owners(id) => format!("/studies/{id}"),
            Self::Shared { token, .. } => format!("/s/{token}"),
        }
    }

    /// The address of a tab.
    pub(crate) fn tab(&self, name: &str) -> String {
        format!("{}?tab={name}", self.base())
    }

    /// The owner's id of the study; a reviewer has none.
    pub(crate) fn owners_id(&self) -> Option<&str> {
        match self {
            Self::Owners(id) => Some(id),
            Self::Shared { .. } => None,
        }
    }

    pub(crate) fn has_completions(&self) -> bool {
        match self {
            Self::Owners(_) => true,
            Self::Shared { completions, .. } => *completions,
        }
    }

    pub(crate) async fn lens(self, prompt: u32) -> Result<LensPage, AppError> {
        match self {
            Self::Owners(id) => get_lens(id, prompt).await,
            Self::Shared { token, .. } => get_shared_lens(token, prompt).await,
        }
    }

    pub(crate) async fn completions(self, query: CompletionQuery) -> Result<CompletionPage, AppError> {
        match self {
            Self::Owners(id) => get_completions(id, query).await,
            Self::Shared { token, .. } => get_shared_completions(token, query).await,
        }
    }
}

/// What the tabs show, of the owner's study or of a shared copy.
#[derive(Clone)]
pub(crate) struct TabStudy {
    pub(crate) place: StudyPlace,
    pub(crate) recipe_toml: String,
    pub(crate) results: Option<Arc<StudyResults>>,
    pub(crate) provenance: Option<SharedProvenance>,
    /// The owner's alone.
    pub(crate) machine: Option<Machine>,
}

/// Where a study was made.
#[derive(Clone)]
pub(crate) struct Machine {
    /// Absent before the first worker starts.
    pub(crate) host: Option<Host>,
    pub(crate) directory: String,
    /// That the study came from elsewhere.
    pub(crate) imported: Option<ImportNote>,
}

/// The part that a share may show too, and the machine's.
pub(super) fn split(provenance: Provenance) -> (SharedProvenance, Host) {
    let Provenance { rankscope_version, recipe_sha256, model, counterfactual_model, judge_model, files, builtin, started_at, host } =
        provenance;
    (SharedProvenance { rankscope_version, recipe_sha256, model, counterfactual_model, judge_model, files, builtin, started_at }, host)
}
