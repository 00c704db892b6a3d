//! The head of a set's README.md, as far as it says where the splits are and what the labels are called: the plain cases of YAML.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

/// The head of a card is short.
const MOST_BYTES: u64 = 256 << 10;

#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Card {
    configs: Vec<Config>,
    /// The names of a column's labels, in the order of their numbers.
    pub(super) label_names: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Config {
    name: String,
    is_default: bool,
    splits: Vec<(String, Vec<String>)>,
}

/// A split's name and the patterns of its files.
pub(super) type SplitFiles = (String, Vec<String>);

impl Card {
    pub(super) fn read(directory: &Path) -> Self {
        let mut bytes = Vec::new();
        let read = File::open(directory.join("README.md")).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
        read.map_or_else(|_| Self::default(), |_| Self::of(&String::from_utf8_lossy(&bytes)))
    }

    pub(super) fn of(text: &str) -> Self {
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        if lines.next().is_none_or(|first| first.trim_end() != "---") {
            return Self::default();
        }
        let head: Vec<&str> = lines.take_while(|line| line.trim_end() != "---").collect();
        Self { configs: configs(section(&head, "configs")), label_names: label_names(section(&head, "dataset_info")) }
    }

    /// The patterns of each split, where the card gives some. `Err`: it gives several sets, and none by default.
    pub(super) fn data_files(&self) -> Result<Option<&[SplitFiles]>, String> {
        let chosen = match &self.configs[..] {
            [] => return Ok(None),
            [only] => only,
            several => several
                .iter()
                .find(|config| config.is_default)
                .or_else(|| several.iter().find(|config| config.name == "default"))
                .ok_or_else(|| {
                let names: Vec<&str> = several.iter().map(|config| config.name.as_str()).collect();
                format!(
                    "Its README.md tells of several sets ({}), and which is meant is not clear: give the path of one set's folder or file.",
                    names.join(", ")
                )
            })?,
        };
        Ok(Some(&chosen.splits).filter(|splits| !splits.is_empty()).map(Vec::as_slice))
    }
}

/// The lines below a key at the left margin.
fn section<'a>(head: &'a [&'a str], key: &str) -> &'a [&'a str] {
    let Some(at) = head.iter().position(|line| line.trim_end().strip_suffix(':') == Some(key)) else { return &[] };
    let below = &head[at + 1..];
    let end = below.iter().position(|line| !line.trim().is_empty() && !line.starts_with([' ', '-', '#'])).unwrap_or(below.len());
    &below[..end]
}

/// `- key: value` as indentation, key and value; whether it begins an item of a list.
fn parts(line: &str) -> Option<(bool, &str, String)> {
    let rest = line.trim();
    let (is_item, rest) = rest.strip_prefix("- ").map_or((false, rest), |rest| (true, rest.trim_start()));
    let (key, value) = rest.split_once(':')?;
    Some((is_item, unquoted(key), unquoted(value.split(" #").next().unwrap_or_default()).to_string()))
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

fn configs(lines: &[&str]) -> Vec<Config> {
    let mut configs: Vec<Config> = Vec::new();
    let margin = lines.iter().find(|line| !line.trim().is_empty()).map_or(0, |line| line.len() - line.trim_start().len());
    for line in lines.iter().filter(|line| !line.trim().is_empty()) {
        let indentation = line.len() - line.trim_start().len();
        if indentation == margin && line.trim_start().starts_with('-') {
            configs.push(Config::default());
        }
        let Some(config) = configs.last_mut() else { continue };
        match parts(line) {
            Some((_, "config_name", value)) => config.name = value,
            Some((_, "default", value)) => config.is_default = value == "true",
            // one pattern for all is the training split, as the hub's tools take it
            Some((_, "data_files", value)) if !value.is_empty() => config.splits.push(("train".into(), patterns(&value))),
            Some((_, "split", value)) => config.splits.push((value, Vec::new())),
            Some((_, "path", value)) => {
                if let Some((_, paths)) = config.splits.last_mut() {
                    paths.extend(patterns(&value));
                }
            }
            Some(_) => {}
            None => {
                // an item of a list of paths, or of data files
                if let Some(item) = line.trim().strip_prefix("- ") {
                    if config.splits.is_empty() {
                        config.splits.push(("train".into(), Vec::new()));
                    }
                    if let Some((_, paths)) = config.splits.last_mut() {
                        paths.push(unquoted(item).to_string());
                    }
                }
            }
        }
    }
    configs
}

fn patterns(value: &str) -> Vec<String> {
    let inner = value.strip_prefix('[').and_then(|value| value.strip_suffix(']')).unwrap_or(value);
    inner.split(',').map(|pattern| unquoted(pattern).to_string()).filter(|pattern| !pattern.is_empty()).collect()
}

/// `features: - name: label, dtype: class_label: names: '0': negative`.
fn label_names(lines: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut column = String::new();
    // the indentation of `names:`, while what is below it is read
    let mut names_at: Option<usize> = None;
    for line in lines.iter().filter(|line| !line.trim().is_empty()) {
        let indentation = line.len() - line.trim_start().len();
        if names_at.is_some_and(|at| indentation <= at) {
            names_at = None;
        }
        match parts(line) {
            Some((_, number, name)) if names_at.is_some() && number.parse::<usize>().is_ok() => {
                let names = found.entry(column.clone()).or_default();
                if number.parse() == Ok(names.len()) {
                    names.push(name);
                }
            }
            Some((true, "name", name)) => column = name,
            Some((_, "names", _)) => {
                // several sets of one repository have the same column with other names
                names_at = (!found.contains_key(&column)).then_some(indentation);
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_named_by_the_card() {
        let card = "---\nlicense: mit\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n  - name: label\n    dtype:\n      class_label:\n        names:\n          '0': neg\n          '1': pos\n  splits:\n  - name: train\n    num_bytes: 3\nconfigs: []\n---\n# x\n";
        assert_eq!(Card::of(card).label_names, BTreeMap::from([("label".to_string(), vec!["neg".to_string(), "pos".to_string()])]));
        assert_eq!(Card::of("no head"), Card::default());
    }
}
