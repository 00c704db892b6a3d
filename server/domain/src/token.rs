//! Tokens that scripts come with: what is told of one. The token itself is told once, when it is made.

use serde::{Deserialize, Serialize};

/// How long a token holds where nothing is said, in days.
pub const DEFAULT_DAYS: u32 = 90;
/// The longest that can be said.
pub const MAX_DAYS: u32 = 3650;

/// What a token lets a script do. Ordered: `write` may what `read` may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// Look at everything, change nothing.
    #[default]
    Read,
    /// All that the pages can do, but make and revoke tokens.
    Write,
}

impl TokenScope {
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// As in files, addresses and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Whether a token still lets anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    Active,
    Expired,
    Revoked,
}

impl TokenState {
    pub fn label(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// One token, without what makes it one. Times are RFC 3339, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TokenEntry {
    pub id: i64,
    /// What it is for; of those that still hold, each has another.
    pub name: String,
    pub scope: TokenScope,
    pub state: TokenState,
    pub created_at: String,
    /// To the minute; none: never.
    pub last_used_at: Option<String>,
    /// None: it does not expire.
    pub expires_at: Option<String>,
    pub revoked_at: Option<String>,
}
