//! Which group a text belongs to.

use rankscope_domain::{
    FieldErrors,
    classification::{GroupBy, Groups, OTHER_GROUP},
    dataset::{GroupCount, LabelledText},
};
use std::collections::{BTreeMap, HashMap};
use unicode_normalization::char::is_combining_mark;

/// Most groups that a column may make.
const GROUPS_LIMIT: usize = 50;

/// Texts of two groups, rows whose column says nothing: for the notes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Oddities {
    pub(super) of_two_groups: u64,
    pub(super) without_value: u64,
}

/// Gives each text its group.
pub(super) struct Grouping<'a> {
    groups: &'a Groups,
    labels: &'a [String],
    terms: Terms,
    pub(super) oddities: Oddities,
}

impl<'a> Grouping<'a> {
    pub(super) fn new(groups: &'a Groups, labels: &'a [String]) -> Self {
        Self { groups, labels, terms: Terms::new(groups), oddities: Oddities::default() }
    }

    pub(super) fn group(&mut self, text: &str, label: u32, column: Option<String>) -> String {
        match self.groups.by {
            GroupBy::Label => self.labels[label as usize].clone(),
            GroupBy::Column => column.unwrap_or_else(|| {
                self.oddities.without_value += 1;
                OTHER_GROUP.into()
            }),
            GroupBy::Terms => {
                let (first, is_of_two) = self.terms.find(text);
                self.oddities.of_two_groups += u64::from(is_of_two);
                first.map_or_else(|| OTHER_GROUP.into(), |index| self.groups.terms[index].name.trim().to_string())
            }
        }
    }
}

/// The words of all groups.
struct Terms {
    /// Those of letters and digits alone, which are most.
    plain: HashMap<String, usize>,
    /// With a hyphen or an apostrophe in them: looked for one by one.
    others: Vec<(String, usize)>,
}

impl Terms {
    fn new(groups: &Groups) -> Self {
        let mut terms = Self { plain: HashMap::new(), others: Vec::new() };
        for (index, group) in groups.terms.iter().enumerate() {
            for word in &group.words {
                let word = word.trim().to_lowercase();
                if word.chars().all(is_part_of_a_word) {
                    terms.plain.entry(word).or_insert(index);
                } else {
                    terms.others.push((word, index));
                }
            }
        }
        terms
    }

    /// The first group listed of which a word occurs, and whether one of another group does too.
    fn find(&self, text: &str) -> (Option<usize>, bool) {
        let text = text.to_lowercase();
        let mut first: Option<usize> = None;
        let mut is_of_two = false;
        let mut add = |index: usize| {
            is_of_two |= first.is_some_and(|first| first != index);
            first = Some(first.map_or(index, |first| first.min(index)));
        };
        for word in text.split(|character| !is_part_of_a_word(character)) {
            if let Some(&index) = self.plain.get(word) {
                add(index);
            }
        }
        for (word, index) in &self.others {
            let is_whole = |(at, found): (usize, &str)| {
                let before = text[..at].chars().next_back();
                let after = text[at + found.len()..].chars().next();
                !before.is_some_and(is_part_of_a_word) && !after.is_some_and(is_part_of_a_word)
            };
            if text.match_indices(word.as_str()).any(is_whole) {
                add(*index);
            }
        }
        (first, is_of_two)
    }
}

fn is_part_of_a_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || is_combining_mark(character)
}

/// How the study's groups came about, for sentences: "its label", "the column place", "the words of each group".
pub(super) fn grouped_by(groups: &Groups) -> String {
    match groups.by {
        GroupBy::Label => "its label".into(),
        GroupBy::Column => format!("the column {}", groups.column.as_deref().unwrap_or_default().trim()),
        GroupBy::Terms => "the words of each group".into(),
    }
}

/// Majority, minority, and the others by their training examples.
pub(super) fn ordered(
    groups: &Groups,
    labels: &[String],
    train: &[LabelledText],
    test: &[LabelledText],
) -> Result<Vec<GroupCount>, FieldErrors> {
    let mut counts: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for text in train {
        counts.entry(&text.group).or_default().0 += 1;
    }
    for text in test {
        counts.entry(&text.group).or_default().1 += 1;
    }
    if counts.len() > GROUPS_LIMIT {
        let column = groups.column.as_deref().unwrap_or_default();
        let remedy = format!("This makes {} groups; at most {GROUPS_LIMIT} are compared: choose a column with fewer values.", counts.len());
        return Err(FieldErrors::one("groups.column", column, remedy));
    }
    // in the order that they are known in, which settles ties
    let rank = |name: &str| match groups.by {
        GroupBy::Label => labels.iter().position(|label| label == name),
        GroupBy::Terms => groups.terms.iter().position(|group| group.name.trim() == name),
        GroupBy::Column => None,
    };
    let mut all: Vec<GroupCount> =
        counts.iter().map(|(group, (train, test))| GroupCount { group: (*group).into(), train: *train, test: *test }).collect();
    all.sort_by_key(|count| (std::cmp::Reverse(count.train), rank(&count.group).map_or(0, |place| place + 1)));
    let list = || {
        all.iter()
            .map(|count| format!("{} ({} to train on, {} to test on)", count.group, count.train, count.test))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let field = match groups.by {
        GroupBy::Label => "groups.by",
        GroupBy::Column => "groups.column",
        GroupBy::Terms => "groups.terms",
    };
    if all.len() < 2 {
        let remedy = format!("All texts are in one group: {}. Choose groups that divide them.", list());
        return Err(FieldErrors::one(field, grouped_by(groups), remedy));
    }
    let mut errors = FieldErrors::default();
    for count in &all {
        let lacks = match (count.train, count.test) {
            (0, _) => "train",
            (_, 0) => "test",
            _ => continue,
        };
        let remedy = format!(
            "This group has no examples to {lacks} on. The groups are: {}. Raise data.{lacks}_limit, or choose other groups or splits.",
            list()
        );
        errors.push(field, &count.group, remedy);
    }
    let minority = match groups.minority.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
        None => all.len() - 1,
        Some(name) => match all.iter().position(|count| count.group == name) {
            Some(place) => place,
            None => {
                errors.push("groups.minority", name, format!("There is no such group. The groups are: {}.", list()));
                0
            }
        },
    };
    errors.into_result(())?;
    let minority = all.remove(minority);
    all.insert(1, minority);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::classification::TermGroup;

    #[test]
    fn words_are_whole_and_the_first_group_wins() {
        let group = |name: &str, words: &[&str]| TermGroup { name: name.into(), words: words.iter().map(|word| (*word).into()).collect() };
        let groups = Groups {
            by: GroupBy::Terms,
            terms: vec![group("women", &["she", "Her", "tea-lady", "élève"]), group("men", &["he", "his"])],
            ..Groups::default()
        };
        for (text, expected, of_two) in [
            ("She came.", "women", false),
            ("the sheriff came, and others there", OTHER_GROUP, false),
            ("he's here", "men", false),
            ("HIS and her book", "women", true),
            ("the tea-lady", "women", false),
            ("the tea-ladybird", OTHER_GROUP, false),
            ("une ÉLÈVE", "women", false),
            ("hers_", OTHER_GROUP, false),
            ("s\u{301}he", OTHER_GROUP, false),
            ("", OTHER_GROUP, false),
        ] {
            let mut grouping = Grouping::new(&groups, &[]);
            assert_eq!(grouping.group(text, 0, None), expected, "{text}");
            assert_eq!(grouping.oddities.of_two_groups, u64::from(of_two), "{text}");
        }
    }
}
