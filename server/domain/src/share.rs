//! Share links: what their owner says of one and is told of it, and what the page behind it is given.

use crate::{
    StudyResults,
    comparison_query::ComparisonView,
    snapshot::{SharedProvenance, SharedSummary},
};
use serde::{Deserialize, Serialize};

/// Characters that a label may have.
pub const MAX_LABEL: usize = 120;
/// How long a link holds where nothing is said.
pub const USUAL_EXPIRY: &str = "30d";
/// The longest that a link may last, days.
pub const MAX_DAYS: u32 = 3650;

/// What the owner asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareRequest {
    /// For the owner's list; leaves in no share.
    pub label: String,
    /// `30d`, a day such as `2027-01-31`, to its end in UTC, or `never`; empty: [`USUAL_EXPIRY`].
    pub expires: String,
    /// For blind review.
    pub anonymous: bool,
    pub completions: bool,
    /// Whoever has the link may label completions. Wins over `completions`: they are shown one by one at the desk, blind, and nowhere else.
    pub annotate: bool,
}

/// A link in the owner's list. The token is not in it: it is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ShareEntry {
    pub id: String,
    /// Absent: of a directory beside the data directory, or of a comparison.
    pub study_id: Option<String>,
    /// Of a comparison: the ids of its studies, but for those of directories beside the data directory. Absent: of one study.
    pub compared: Option<Vec<String>>,
    /// The study's own name, or those of the studies that are compared; also of an anonymous share.
    pub title: String,
    pub label: String,
    pub state: ShareState,
    pub anonymous: bool,
    /// Whether the copy shows what models wrote. Never where `annotate` holds: there it is shown at the desk alone, blind.
    pub completions: bool,
    /// Whether its bearers may label completions.
    pub annotate: bool,
    /// RFC 3339, UTC, as all times.
    pub created_at: String,
    pub expires_at: Option<String>,
    pub revoked_at: Option<String>,
    pub last_opened_at: Option<String>,
    /// How often its page was opened.
    pub opened: u64,
    /// SHA-256 of the snapshot.
    pub content_sha256: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShareState {
    Open,
    Expired,
    Revoked,
}

impl ShareState {
    pub fn label(self) -> &'static str {
        match self {
            ShareState::Open => "open",
            ShareState::Expired => "expired",
            ShareState::Revoked => "revoked",
        }
    }
}

/// What the page behind a link shows at once; completions and lens are asked for by themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedPage {
    /// RFC 3339, UTC.
    pub frozen_at: String,
    pub rankscope_version: String,
    /// SHA-256 of the snapshot.
    pub content_sha256: String,
    pub anonymous: bool,
    pub may_annotate: bool,
    pub content: SharedContent,
}

/// As [`crate::snapshot::SnapshotContent`], without what is asked for by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharedContent {
    Study(Box<SharedOverview>),
    Comparison(SharedComparisonOverview),
}

/// A shared study without its lens and its completions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedOverview {
    pub summary: SharedSummary,
    pub recipe_toml: String,
    pub provenance: Option<SharedProvenance>,
    pub results: StudyResults,
    pub has_completions: bool,
}

/// A shared comparison without its parts, which are asked for as they are shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedComparisonOverview {
    pub title: String,
    /// How many studies there are.
    pub studies: u32,
    /// The parts that are in the copy.
    pub views: Vec<ComparisonView>,
}
