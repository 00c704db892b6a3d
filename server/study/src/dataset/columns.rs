//! Which columns of a file hold the text, the label and the group.

use super::file::Header;

const TEXT_COLUMNS: [&str; 4] = ["text", "sentence", "review", "content"];
const LABEL_COLUMNS: [&str; 3] = ["label", "labels", "class"];

/// What a recipe says of them.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Columns<'a> {
    pub(super) text: Option<&'a str>,
    pub(super) label: Option<&'a str>,
    pub(super) group: Option<&'a str>,
}

/// Positions in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) text: usize,
    pub(super) label: usize,
    pub(super) group: Option<usize>,
}

impl Columns<'_> {
    pub(super) fn find(&self, header: &Header) -> Result<Chosen, String> {
        let text = one(header, "data.text_column", self.text, &TEXT_COLUMNS)?;
        let label = one(header, "data.label_column", self.label, &LABEL_COLUMNS)?;
        if text == label {
            return Err(format!("The column {:?} can't be both text and label; name two columns.", header.names[text]));
        }
        let group = self.group.map(|name| one(header, "groups.column", Some(name), &[])).transpose()?;
        Ok(Chosen { text, label, group })
    }
}

fn one(header: &Header, field: &str, given: Option<&str>, usual: &[&str]) -> Result<usize, String> {
    let there = || header.names.join(", ");
    match given.map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => {
            header.position(name).ok_or_else(|| format!("It has no column {name:?}; its columns are: {}. Change {field}.", there()))
        }
        None => usual.iter().find_map(|name| header.position(name)).ok_or_else(|| {
            format!("It has none of the columns {}; its columns are: {}. Name the right one in {field}.", usual.join(", "), there())
        }),
    }
}
