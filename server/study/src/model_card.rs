//! The head of a model's README.md, between two lines of dashes, in which the hub's models tell their licence.

use std::{fs::File, io::Read, path::Path};

/// The head of a card is short.
const MOST_BYTES: u64 = 64 << 10;

/// What the card in a model's directory says, e.g. `apache-2.0`; `None`: there is no card, or it says nothing.
pub(crate) fn licence(directory: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(directory.join("README.md")).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    licence_of(&String::from_utf8_lossy(&bytes))
}

/// `license_name` says more where `license` is only `other`.
fn licence_of(card: &str) -> Option<String> {
    let mut lines = card.trim_start_matches('\u{feff}').lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let head: Vec<&str> = lines.take_while(|line| line.trim_end() != "---").collect();
    let licence = values(&head, "license");
    let named = values(&head, "license_name");
    let best = if licence.iter().all(|text| text == "other") && !named.is_empty() { named } else { licence };
    (!best.is_empty()).then(|| best.join(", "))
}

/// A key's value, or the items of its list; as far as YAML is used for this.
fn values(head: &[&str], key: &str) -> Vec<String> {
    let Some(at) = head.iter().position(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))) else {
        return Vec::new();
    };
    let plain = |text: &str| {
        let text = text.split(" #").next().unwrap_or_default().trim();
        text.trim_matches(|character| character == '"' || character == '\'').trim().chars().take(80).collect::<String>()
    };
    let own = plain(&head[at][key.len() + 1..]);
    let found: Vec<String> = if let Some(inline) = own.strip_prefix('[') {
        inline.trim_end_matches(']').split(',').map(plain).collect()
    } else if !own.is_empty() {
        vec![own]
    } else {
        head[at + 1..].iter().map_while(|line| line.trim_start().strip_prefix("- ")).map(plain).collect()
    };
    found.into_iter().filter(|text| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_found_as_people_write_them() {
        for (card, expected) in [
            ("---\nlanguage: en\nlicense: mit\n---\n# GPT-2\n", Some("mit")),
            ("---\r\nlicense: \"apache-2.0\"  # yes\r\n---\r\n", Some("apache-2.0")),
            ("---\nlicense:\n- mit\n- cc-by-4.0\ntags:\n- x\n---\n", Some("mit, cc-by-4.0")),
            ("---\nlicense: [mit, bsd]\n---\n", Some("mit, bsd")),
            ("---\nlicense: other\nlicense_name: opt-175b\n---\n", Some("opt-175b")),
            ("---\nlicense_link: x\n---\nlicense: mit\n", None),
            ("license: mit\n", None),
            ("", None),
        ] {
            assert_eq!(licence_of(card).as_deref(), expected, "{card}");
        }
    }
}
