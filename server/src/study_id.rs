//! The name of a study in addresses and on disk. Nothing touches the disk with a name that is not one of these.

use std::{fmt, str::FromStr};
use ulid::Ulid;

/// A ULID in its canonical form, or `example`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StudyId(String);

/// The id of the study that comes with the program.
pub const EXAMPLE: &str = "example";

/// The text can't be the name of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a study")]
pub struct NotAStudyId;

impl StudyId {
    /// A new one, later in order than all before it.
    pub fn generate() -> Self {
        Self(Ulid::new().to_string())
    }

    /// As if it had been made at that moment, in milliseconds since 1970.
    pub(crate) fn generate_at(ms: u64) -> Self {
        Self(Ulid::from_parts(ms, Ulid::new().random()).to_string())
    }

    /// When something of that name was made, where the name is a ULID: milliseconds since 1970.
    pub(crate) fn moment_of(name: &str) -> Option<u64> {
        Ulid::from_string(name).ok().map(|ulid| ulid.timestamp_ms())
    }

    pub fn example() -> Self {
        Self(EXAMPLE.into())
    }

    pub fn is_example(&self) -> bool {
        self.0 == EXAMPLE
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the study was made, in RFC 3339, UTC; absent for the example.
    pub fn created_at(&self) -> Option<String> {
        Self::created_at_of(&self.0)
    }

    /// The same of any name that is a ULID.
    pub(crate) fn created_at_of(name: &str) -> Option<String> {
        let ulid = Ulid::from_string(name).ok()?;
        let moment = jiff::Timestamp::from_millisecond(i64::try_from(ulid.timestamp_ms()).ok()?).ok()?;
        Some(moment.to_string())
    }
}

impl FromStr for StudyId {
    type Err = NotAStudyId;

    fn from_str(text: &str) -> Result<Self, NotAStudyId> {
        if text == EXAMPLE {
            return Ok(Self::example());
        }
        // ULIDs read lower case and look-alike letters too: only the form that we write is a name
        let ulid = Ulid::from_string(text).map_err(|_| NotAStudyId)?;
        if ulid.to_string() == text { Ok(Self(text.into())) } else { Err(NotAStudyId) }
    }
}

impl fmt::Display for StudyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_names_are_taken() {
        let id = StudyId::generate();
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert!(id.created_at().is_some_and(|moment| moment.ends_with('Z')));
        assert!("example".parse::<StudyId>().is_ok());
        let lower = id.as_str().to_lowercase();
        let wrong = [
            "",
            ".",
            "..",
            "../x",
            "Example",
            "01ARZ3NDEKTSV4RRFFQ69G5FA",
            "01ARZ3NDEKTSV4RRFFQ69G5FAVX",
            "81ARZ3NDEKTSV4RRFFQ69G5FAV",
            "01ARZ3NDEKTSV4RRFFQ69G5FA\0",
            "01ARZ3NDEKTSV4RRFFQ69G5F/V",
            "%2e%2e",
            "é1ARZ3NDEKTSV4RRFFQ69G5FA",
            &lower,
        ];
        for text in wrong {
            assert_eq!(text.parse::<StudyId>(), Err(NotAStudyId), "{text:?}");
        }
    }
}
