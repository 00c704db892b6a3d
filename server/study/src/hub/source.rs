//! How a model or a set of the hub is written: `ORG/NAME`, `ORG/NAME@REVISION`, or either behind `hf:`.

use std::{fmt, str::FromStr};

/// What a revision is taken to be where none is written.
const DEFAULT_REVISION: &str = "main";
/// Says that what follows is a model of the hub, whatever lies in the folder.
const PREFIX: &str = "hf:";
/// The longest name of a repository and of a revision, in characters.
const LONGEST: usize = 96;

/// What a repository holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RepoKind {
    #[default]
    Model,
    Dataset,
}

impl RepoKind {
    /// As the hub's addresses and its cache call it.
    pub(super) fn plural(self) -> &'static str {
        match self {
            RepoKind::Model => "models",
            RepoKind::Dataset => "datasets",
        }
    }
}

/// A repository of the hub and a revision of it: a branch, a tag or a commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HubSource {
    pub kind: RepoKind,
    /// `ORG/NAME`, or `NAME` alone for the hub's oldest models.
    pub repo: String,
    pub revision: String,
}

/// The text is no model of the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a model of the hub: write ORG/NAME or ORG/NAME@REVISION, as in openai-community/gpt2@main")]
pub struct NotAHubSource;

impl HubSource {
    /// A set of texts, written as a model is.
    pub fn dataset(text: &str) -> Result<Self, NotAHubSource> {
        text.parse().map(|source: Self| Self { kind: RepoKind::Dataset, ..source })
    }

    /// Whether the revision is a commit by itself, which never means anything else.
    pub fn is_commit(&self) -> bool {
        is_commit(&self.revision)
    }

    /// As people write it: `ORG/NAME@REVISION`.
    pub fn short(&self) -> String {
        format!("{}@{}", self.repo, self.revision)
    }

    /// The same repository at another revision.
    pub fn at(&self, revision: &str) -> Self {
        Self { revision: revision.into(), ..self.clone() }
    }
}

/// Forty hexadecimal digits in lower case, as git writes them.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `ORG/NAME`, perhaps with a revision, and neither the path of a GGUF file nor one that begins with `.`, `/` or `~`.
/// Whether it is one is then decided by the disk: a folder or file of this name comes first.
pub fn looks_like_a_hub_name(text: &str) -> bool {
    let name = text.split('@').next().unwrap_or_default();
    name.matches('/').count() == 1 && !name.to_ascii_lowercase().ends_with(".gguf") && text.parse::<HubSource>().is_ok()
}

impl FromStr for HubSource {
    type Err = NotAHubSource;

    fn from_str(text: &str) -> Result<Self, NotAHubSource> {
        let text = text.trim();
        let text = text.strip_prefix(PREFIX).unwrap_or(text);
        let (repo, revision) = text.split_once('@').unwrap_or((text, DEFAULT_REVISION));
        let parts: Vec<_> = repo.split('/').collect();
        if parts.len() <= 2 && parts.iter().all(|part| is_name(part)) && is_revision(revision) {
            Ok(Self { kind: RepoKind::Model, repo: repo.into(), revision: revision.into() })
        } else {
            Err(NotAHubSource)
        }
    }
}

/// The hub's own rule, and so nothing that could climb out of the cache: letters, digits, `-`, `_`, `.`, not at the ends.
fn is_name(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && !name.starts_with(['-', '.'])
        && !name.ends_with(['-', '.'])
        && !name.contains("..")
        && !name.contains("--")
}

/// A branch, tag or commit; `refs/pr/1` has slashes.
fn is_revision(revision: &str) -> bool {
    (1..=LONGEST).contains(&revision.len())
        && revision.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/' | b'+'))
        && revision.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with('.'))
}

impl fmt::Display for HubSource {
    /// As a recipe is frozen with it: it can't be taken for a path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}@{}", self.repo, self.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_revisions_are_read() {
        for (text, expected) in [
            ("openai-community/gpt2", "hf:openai-community/gpt2@main"),
            ("openai-community/gpt2@v1.0", "hf:openai-community/gpt2@v1.0"),
            ("hf:meta-llama/Llama-2-7b-hf@refs/pr/3", "hf:meta-llama/Llama-2-7b-hf@refs/pr/3"),
            ("hf:gpt2", "hf:gpt2@main"),
        ] {
            assert_eq!(text.parse::<HubSource>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn nothing_that_leads_elsewhere_is_a_source() {
        for text in [
            "", "@main", "a/b/c", "../gpt2", "a/..", ".a/b", "a/b@", "a/b@../x", "a/b@x//y", "a/b@.x", "a b/c", "a/b--c", "a/b\0",
            "hf:/etc",
        ] {
            assert_eq!(text.parse::<HubSource>(), Err(NotAHubSource), "{text:?}");
        }
    }

    #[test]
    fn paths_are_told_from_names() {
        for (text, is_name) in [
            ("openai-community/gpt2", true),
            ("openai-community/gpt2@main", true),
            ("gpt2", false),
            ("./models/gpt2", false),
            ("/models/gpt2", false),
            ("models/gpt2.gguf", false),
            ("a/b/c", false),
            ("~/gpt2", false),
        ] {
            assert_eq!(looks_like_a_hub_name(text), is_name, "{text}");
        }
    }
}
