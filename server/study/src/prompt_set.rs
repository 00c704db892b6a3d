//! Prompts: which set, read and checked, and the choice of some of them.

mod builtin;
mod honest;
mod own;

pub(crate) use builtin::BUILTIN_PROMPTS;

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rankscope_domain::{FieldErrors, completion::Prompt, recipe};
use std::{collections::BTreeMap, path::Path};

/// Largest file of prompts or pairs, bytes; most rows, longest row, most errors told at once.
pub(crate) const FILE_LIMIT: u64 = 64 << 20;
pub(crate) const ROWS_LIMIT: usize = 100_000;
pub(crate) const ROW_LIMIT: usize = 64 << 10;
pub(crate) const ERRORS_LIMIT: usize = 20;

/// Prompts of a set, and what the user should know about them.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct PromptList {
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) notes: Vec<String>,
}

/// Reads the recipe's set and chooses from it.
pub(crate) fn load(spec: &recipe::Prompts) -> Result<PromptList, FieldErrors> {
    use recipe::PromptSet;
    let path = Path::new(spec.path.as_deref().unwrap_or_default());
    let mut list = match spec.set {
        PromptSet::Builtin => builtin::prompts(),
        PromptSet::HonestBinary => honest::binary(&read_input("prompts.path", path)?, path)?,
        PromptSet::HonestQueerNonqueer => honest::queer_nonqueer(&read_input("prompts.path", path)?, path)?,
        PromptSet::HonestRace => honest::race(&read_input("prompts.path", path)?, path)?,
        PromptSet::Jsonl => own::jsonl(&read_input("prompts.path", path)?, path)?,
        PromptSet::Csv => own::csv(&read_input("prompts.path", path)?, path)?,
    };
    for (index, prompt) in list.prompts.iter_mut().enumerate() {
        prompt.id = index as u32;
    }
    if let Some(limit) = spec.limit {
        list.prompts = choose(list.prompts, limit as usize, spec.selection_seed);
    }
    Ok(list)
}

/// At most `limit` prompts: the groups give one in turn, each in an order drawn from the seed. The result stands in
/// the order of the set.
fn choose(prompts: Vec<Prompt>, limit: usize, seed: u64) -> Vec<Prompt> {
    if prompts.len() <= limit {
        return prompts;
    }
    let mut groups: BTreeMap<String, Vec<Prompt>> = BTreeMap::new();
    for prompt in prompts {
        groups.entry(prompt.group.clone()).or_default().push(prompt);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for group in groups.values_mut() {
        group.shuffle(&mut rng);
    }
    let mut chosen = Vec::with_capacity(limit);
    while chosen.len() < limit {
        for group in groups.values_mut() {
            if chosen.len() < limit {
                chosen.extend(group.pop());
            }
        }
    }
    chosen.sort_by_key(|prompt| prompt.id);
    chosen
}

/// The text of an input file, without a byte-order mark; an error names the recipe's field.
pub(crate) fn read_input(field: &str, path: &Path) -> Result<String, FieldErrors> {
    let refuse = |remedy: String| FieldErrors::one(field, path.display(), remedy);
    let size = std::fs::metadata(path).map_err(|error| refuse(format!("The file can't be read ({error}); check the path.")))?;
    if !size.is_file() {
        return Err(refuse("This is no file; give the path of a file.".into()));
    }
    if size.len() > FILE_LIMIT {
        return Err(refuse(format!("The file has {} MiB; split it, at most {} MiB are read.", size.len() >> 20, FILE_LIMIT >> 20)));
    }
    let bytes = std::fs::read(path).map_err(|error| refuse(format!("The file can't be read ({error}); check its permissions.")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        refuse(format!("Line {line} is not UTF-8; save the file as UTF-8."))
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Collects what is wrong with a file's rows, up to a limit.
pub(crate) struct RowErrors<'a> {
    field: &'static str,
    path: &'a Path,
    errors: FieldErrors,
}

impl<'a> RowErrors<'a> {
    pub(crate) fn new(field: &'static str, path: &'a Path) -> Self {
        Self { field, path, errors: FieldErrors::default() }
    }

    pub(crate) fn push(&mut self, remedy: impl Into<String>) {
        if self.errors.0.len() < ERRORS_LIMIT {
            self.errors.push(self.field, self.path.display(), remedy);
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.errors.0.len() >= ERRORS_LIMIT
    }

    pub(crate) fn into_result<T>(self, value: T) -> Result<T, FieldErrors> {
        self.errors.into_result(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(prompts: &[Prompt]) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for prompt in prompts {
            *counts.entry(prompt.group.as_str()).or_default() += 1;
        }
        counts
    }

    #[test]
    fn a_limit_is_spread_evenly_and_the_same_every_time() {
        let spec = |limit, selection_seed| recipe::Prompts { limit: Some(limit), selection_seed, ..Default::default() };
        let ten = load(&spec(10, 0)).unwrap().prompts;
        let counts = counts(&ten);
        assert_eq!(counts.len(), 4);
        assert!(counts.values().all(|count| (2..=3).contains(count)), "{counts:?}");
        assert_eq!(ten, load(&spec(10, 0)).unwrap().prompts);
        assert_ne!(ten, load(&spec(10, 1)).unwrap().prompts);
        assert!(ten.is_sorted_by_key(|prompt| prompt.id));
        let all = load(&spec(100_000, 0)).unwrap().prompts;
        assert_eq!(all.len(), 480);
        // an id names the same prompt whatever the limit
        assert!(ten.iter().all(|prompt| all[prompt.id as usize] == *prompt));
    }

    #[test]
    fn unreadable_files_are_named_with_the_field() {
        let directory = tempfile::tempdir().unwrap();
        let broken = directory.path().join("broken.jsonl");
        std::fs::write(&broken, b"{\"prompt\": \"a\"}\n\xff\n").unwrap();
        for (path, part) in
            [(broken.as_path(), "Line 2 is not UTF-8"), (directory.path(), "no file"), (Path::new("/none.tsv"), "can't be read")]
        {
            let error = read_input("prompts.path", path).unwrap_err().to_string();
            assert!(error.starts_with("prompts.path") && error.contains(part), "{error}");
        }
    }
}
