//! The splits of a directory in the hub's layout: `data/train-00000-of-00001.parquet`, `plain_text/test-….parquet`, `train.jsonl`.
//! A README.md may say in its head which files are which split.

use super::{
    card::Card,
    file::{DataFile, Format},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The split of a set in one piece.
pub(super) const ONE_PIECE: &str = "all";
/// Most files of a directory, and most folders in folders.
const FILES_LIMIT: usize = 10_000;
const DEPTH_LIMIT: usize = 4;
/// What splits are called, and as what they count.
const SPLIT_WORDS: [(&str, &str); 9] = [
    ("train", "train"),
    ("training", "train"),
    ("validation", "validation"),
    ("valid", "validation"),
    ("val", "validation"),
    ("dev", "validation"),
    ("test", "test"),
    ("testing", "test"),
    ("eval", "test"),
];

/// Files by split, each split's in the order of their names.
pub(super) type Splits = BTreeMap<String, Vec<DataFile>>;

/// What a directory holds, and what its card says of the labels.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) splits: Splits,
    pub(super) label_names: BTreeMap<String, Vec<String>>,
}

/// `shown`: what the recipe calls the directory. `Err`: a sentence that says what is there.
pub(super) fn of_directory(directory: &Path, shown: &str) -> Result<Layout, String> {
    let mut files = Vec::new();
    collect(directory, Path::new(""), 0, &mut files)?;
    files.sort();
    let names: Vec<String> = files.iter().map(|path| path.to_string_lossy().replace('\\', "/")).collect();
    let card = Card::read(directory);
    let plan = plan(&names, &card)?;
    let file = |name: &String| {
        let format = Format::of(Path::new(name))?;
        Some(DataFile { path: directory.join(name), name: format!("{}/{name}", shown.trim_end_matches('/')), format, builtin: None })
    };
    let splits = plan.into_iter().map(|(split, names)| (split, names.iter().filter_map(file).collect())).collect();
    Ok(Layout { splits, label_names: card.label_names })
}

/// The names of data files by split, of all the names of a directory or of a repository of the hub.
pub(super) fn plan(names: &[String], card: &Card) -> Result<BTreeMap<String, Vec<String>>, String> {
    let data: Vec<&String> = names.iter().filter(|name| Format::of(Path::new(name)).is_some() && !is_about_the_set(name)).collect();
    if data.is_empty() {
        let there = listed(names.iter().map(String::as_str));
        return Err(format!("It has no parquet, JSONL (.jsonl, .ndjson, .json) or CSV (.csv, .tsv) file; it holds {there}."));
    }
    let mut splits: BTreeMap<String, Vec<String>> = BTreeMap::new();
    match card.data_files()? {
        Some(patterns) => {
            for (split, patterns) in patterns {
                let matching: Vec<String> =
                    data.iter().filter(|name| patterns.iter().any(|pattern| matches(pattern, name))).map(|name| (*name).clone()).collect();
                if matching.is_empty() {
                    return Err(format!(
                        "README.md says that the split {split} lies in {}, where nothing is; there is {}.",
                        patterns.join(", "),
                        listed(data.iter().map(|name| name.as_str()))
                    ));
                }
                splits.entry(split.clone()).or_default().extend(matching);
            }
        }
        None => {
            for name in &data {
                splits.entry(split_of(name)).or_default().push((*name).clone());
            }
        }
    }
    for (split, files) in &mut splits {
        files.sort();
        files.dedup();
        check_pieces(split, files)?;
    }
    Ok(splits)
}

/// Files that describe a set and hold none of it.
fn is_about_the_set(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    ["dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json", "package.json", "dataset.json"]
        .contains(&file)
}

fn collect(root: &Path, below: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let folder = root.join(below);
    let entries =
        std::fs::read_dir(&folder).map_err(|error| format!("{} can't be read ({error}); check its permissions.", folder.display()))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        let path = below.join(&name);
        // a link to a file is followed, as in the hub's cache; one to a folder could lead in a circle
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth < DEPTH_LIMIT {
                collect(root, &path, depth + 1, files)?;
            }
        } else if root.join(&path).is_file() {
            if files.len() >= FILES_LIMIT {
                return Err(format!("It has more than {FILES_LIMIT} files; give the folder of one set."));
            }
            files.push(path);
        }
    }
    Ok(())
}

/// By the words of its name, else of its folders; a name that says neither is the whole set, or the split that its shards name.
fn split_of(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    let file = parts.pop().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let (stem, shard) = match shard_of(stem) {
        Some((stem, number, count)) => (stem, Some((number, count))),
        None => (stem, None),
    };
    let word = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.split(['-', '_', '.', ' '])
            .find_map(|part| SPLIT_WORDS.iter().find(|(word, _)| *word == part))
            .map(|(_, split)| (*split).to_string())
    };
    word(stem)
        .or_else(|| parts.iter().rev().find_map(|folder| word(folder)))
        .unwrap_or_else(|| if shard.is_some() { stem.to_string() } else { ONE_PIECE.into() })
}

/// `train-00000-of-00002`: the name, the number and the count.
fn shard_of(stem: &str) -> Option<(&str, u32, u32)> {
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (name, number) = rest.rsplit_once('-')?;
    // newer files have a hash at their end
    let count = count.split('-').next().unwrap_or(count);
    Some((name, number.parse().ok()?, count.parse().ok()?))
}

/// A split's files must be the pieces of one thing.
fn check_pieces(split: &str, files: &[String]) -> Result<(), String> {
    let list = listed(files.iter().map(String::as_str));
    let folder = |name: &str| name.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_string());
    let formats: Vec<_> = files.iter().filter_map(|name| Format::of(Path::new(name))).collect();
    if formats.windows(2).any(|pair| pair[0] != pair[1]) || files.windows(2).any(|pair| folder(&pair[0]) != folder(&pair[1])) {
        return Err(format!(
            "The split {split} could be any of several files: {list}. Give the path of one of them, or of the folder that holds one set alone."
        ));
    }
    if files.len() < 2 {
        // one piece of several is told below as well
        if let [file] = files
            && let Some((_, number, count)) = shard(file)
            && count > 1
        {
            return Err(format!("The split {split} has {count} pieces, of which only number {number} is here ({file}); fetch the others."));
        }
        return Ok(());
    }
    let shards: Option<Vec<_>> = files.iter().map(|file| shard(file)).collect();
    let Some(shards) = shards else {
        if files.iter().any(|file| shard(file).is_some()) || split == ONE_PIECE {
            return Err(format!("The split {split} could be any of several files: {list}. Give the path of one of them."));
        }
        return Ok(());
    };
    let (name, _, count) = &shards[0];
    if shards.iter().any(|(other, _, others)| other != name || others != count) {
        return Err(format!("The split {split} could be any of several sets of pieces: {list}. Give the folder that holds one set alone."));
    }
    let missing: Vec<String> = (0..*count)
        .filter(|number| !shards.iter().any(|(_, there, _)| there == number))
        .map(|number| format!("{name}-{number:05}-of-{count:05}"))
        .collect();
    if !missing.is_empty() {
        return Err(format!("Of the split {split} pieces are missing: {}. Fetch them.", listed(missing.iter().map(String::as_str))));
    }
    Ok(())
}

fn shard(file: &str) -> Option<(String, u32, u32)> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    shard_of(stem).map(|(name, number, count)| (name.to_string(), number, count))
}

/// Whether a name is what a pattern of a card means: `*` stands for anything but `/`, `**` for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.trim_start_matches("./").as_bytes(), name.as_bytes());
    fn go(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([b'*', b'*', b'/', rest @ ..], _) if go(rest, name) => true,
            ([b'*', b'*', rest @ ..], _) => go(rest, name) || (!name.is_empty() && go(pattern, &name[1..])),
            ([b'*', rest @ ..], _) => go(rest, name) || (name.first().is_some_and(|byte| *byte != b'/') && go(pattern, &name[1..])),
            ([one, rest @ ..], [other, names @ ..]) => one == other && go(rest, names),
            _ => false,
        }
    }
    // a pattern of many stars takes for ever
    pattern.iter().filter(|byte| **byte == b'*').count() <= 6 && go(pattern, name)
}

/// Some names, and how many more.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let names: Vec<&str> = names.collect();
    match names.len() {
        0 => "nothing".into(),
        count if count > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], card: &str, expected: Result<&str, &str>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_string()).collect();
        match (plan(&names, &Card::of(card)), expected) {
            (Ok(splits), Ok(expected)) => {
                let told: Vec<String> = splits.iter().map(|(split, files)| format!("{split}: {}", files.join(" "))).collect();
                assert_eq!(told.join("; "), expected);
            }
            (Err(problem), Err(part)) => assert!(problem.contains(part), "{problem} lacks {part}"),
            (got, expected) => panic!("{names:?}: {got:?}, not {expected:?}"),
        }
    }

    #[test]
    fn splits_are_found_as_the_hub_lays_them_out() {
        check(
            &[
                "README.md",
                "data/train-00000-of-00002.parquet",
                "data/train-00001-of-00002.parquet",
                "data/validation-00000-of-00001.parquet",
            ],
            "",
            Ok(
                "train: data/train-00000-of-00002.parquet data/train-00001-of-00002.parquet; validation: data/validation-00000-of-00001.parquet",
            ),
        );
        check(
            &["plain_text/test-00000-of-00001.parquet", "plain_text/unsupervised-00000-of-00001.parquet", "dataset_infos.json"],
            "",
            Ok("test: plain_text/test-00000-of-00001.parquet; unsupervised: plain_text/unsupervised-00000-of-00001.parquet"),
        );
        check(&["train.jsonl", "dev.jsonl", "my_test.jsonl"], "", Ok("test: my_test.jsonl; train: train.jsonl; validation: dev.jsonl"));
        check(&["train/0.csv", "test/0.csv"], "", Ok("test: test/0.csv; train: train/0.csv"));
        check(&["reviews.csv"], "", Ok("all: reviews.csv"));
        for (names, part) in [
            (&["README.md"][..], "no parquet"),
            (&["a.csv", "b.csv"], "a.csv, b.csv"),
            (&["train.csv", "train.jsonl"], "several files"),
            (&["x/train.csv", "y/train.csv"], "x/train.csv, y/train.csv"),
            (&["train-00000-of-00003.parquet", "train-00002-of-00003.parquet"], "train-00001-of-00003"),
            (&["train-00001-of-00002.parquet"], "only number 1"),
        ] {
            check(names, "", Err(part));
        }
    }

    #[test]
    fn a_card_says_which_files_are_which_split() {
        let card = "---\nconfigs:\n- config_name: plain\n  data_files:\n  - split: train\n    path: x/a-*\n  - split: test\n    path: \"x/b.csv\"\n---\n";
        check(&["x/a-1.csv", "x/a-2.csv", "x/b.csv", "y/c.csv"], card, Ok("test: x/b.csv; train: x/a-1.csv x/a-2.csv"));
        check(&["x/b.csv"], card, Err("x/a-*, where nothing is"));
        let two = "---\nconfigs:\n- config_name: one\n  data_files: a.csv\n- config_name: two\n  data_files: b.csv\n---\n";
        check(&["a.csv", "b.csv"], two, Err("one, two"));
        check(&["a.csv", "b.csv"], &two.replace("two\n", "two\n  default: true\n"), Ok("train: b.csv"));
        check(&["a.csv"], "---\nconfigs:\n- data_files: a.csv\n---", Ok("train: a.csv"));
    }

    #[test]
    fn patterns_stay_in_their_folder() {
        for (pattern, name, expected) in [
            ("data/train-*", "data/train-00000-of-00001.parquet", true),
            ("data/*", "data/x/y", false),
            ("**/*.csv", "a/b.csv", true),
            ("**/*.csv", "b.csv", true),
            ("./a.csv", "a.csv", true),
            ("*", "a/b", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
