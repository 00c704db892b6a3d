//! The tables of a classification study.

use super::{check_placeholder, check_range, check_real, check_seed, non_empty};
use crate::{
    FieldErrors, Recipe,
    classification::{ADDED_DATASET, GroupBy, HeadKind, OTHER_GROUP},
};
use std::collections::HashSet;

/// Most fractions of one study, most groups by terms, and most labels.
pub const FRACTIONS_LIMIT: usize = 10;
pub const TERM_GROUPS_LIMIT: usize = 12;
pub const LABELS_LIMIT: usize = 50;

impl Recipe {
    pub(super) fn validate_data(&self, errors: &mut FieldErrors) {
        let data = &self.data;
        let source = data.source.trim();
        if source.is_empty() || source == ADDED_DATASET {
            errors.push(
                "data.source",
                &data.source,
                "Write \"builtin\", dataset:NAME for a set of the page Datasets, or the path of a JSONL, CSV or parquet file or of a directory in the hub's layout.",
            );
        }
        for (field, value) in [
            ("data.test_path", &data.test_path),
            ("data.train_split", &data.train_split),
            ("data.test_split", &data.test_split),
            ("data.text_column", &data.text_column),
            ("data.label_column", &data.label_column),
            ("data.positive_label", &data.positive_label),
        ] {
            if value.is_some() && non_empty(value).is_none() {
                errors.push(field, "", "Write a name, or remove the field.");
            }
        }
        if let (Some(_), Some(split)) = (non_empty(&data.test_path), non_empty(&data.test_split)) {
            errors.push("data.test_split", split, "data.test_path names the test examples already; remove one of the two.");
        }
        if let (Some(train), Some(test)) = (non_empty(&data.train_split), non_empty(&data.test_split))
            && train == test
        {
            errors.push("data.test_split", test, "The test examples must not be those that are trained on: name another split.");
        }
        check_real(
            errors,
            "data.test_share",
            data.test_share,
            |share| share > 0.0 && share < 1.0,
            "Write a share above 0 and below 1, such as 0.25.",
        );
        if data.label_names.len() == 1 {
            errors.push(
                "data.label_names",
                format!("{:?}", data.label_names),
                "Name at least two labels, or none to take them from the set.",
            );
        }
        if data.label_names.len() > LABELS_LIMIT {
            errors.push("data.label_names", format!("{} labels", data.label_names.len()), format!("At most {LABELS_LIMIT} labels."));
        }
        refuse_repeated(errors, "data.label_names", &data.label_names, "label");
        if let (Some(positive), false) = (non_empty(&data.positive_label), data.label_names.is_empty())
            && !data.label_names.iter().any(|name| name == positive)
        {
            errors.push("data.positive_label", positive, format!("Write one of the labels: {}.", data.label_names.join(", ")));
        }
        for (field, limit) in [("data.train_limit", data.train_limit), ("data.test_limit", data.test_limit)] {
            if let Some(limit) = limit {
                check_range(errors, field, limit, 2..=10_000_000);
            }
        }
        check_seed(errors, "data.selection_seed", data.selection_seed);
    }

    pub(super) fn validate_groups(&self, errors: &mut FieldErrors) {
        let groups = &self.groups;
        if groups.minority_fractions.is_empty() {
            errors.push("groups.minority_fractions", "[]", "Give at least one fraction; [1.0] leaves the minority as it is.");
        }
        if groups.minority_fractions.len() > FRACTIONS_LIMIT {
            errors.push(
                "groups.minority_fractions",
                format!("{} fractions", groups.minority_fractions.len()),
                format!("At most {FRACTIONS_LIMIT} fractions."),
            );
        }
        let mut known = HashSet::new();
        for (index, fraction) in groups.minority_fractions.iter().enumerate() {
            if !known.insert(fraction) {
                errors.push(format!("groups.minority_fractions[{index}]"), fraction, "This fraction is listed twice; remove one.");
            }
        }
        match (groups.by, non_empty(&groups.column)) {
            (GroupBy::Column, None) => errors.push("groups.column", "", "Name the column whose values are the groups."),
            (GroupBy::Label | GroupBy::Terms, Some(column)) => {
                errors.push("groups.column", column, "Only groups.by = \"column\" reads a column; remove it, or change groups.by.");
            }
            _ => {}
        }
        match (groups.by, groups.terms.is_empty()) {
            (GroupBy::Terms, true) => {
                errors.push(
                    "groups.terms",
                    "",
                    "Give each group a name and its words, as in [[groups.terms]] name = \"women\", words = [\"she\", \"her\"].",
                );
            }
            (GroupBy::Label | GroupBy::Column, false) => {
                errors.push("groups.terms", "", "Only groups.by = \"terms\" reads words; remove them, or change groups.by.");
            }
            _ => {}
        }
        if groups.terms.len() > TERM_GROUPS_LIMIT {
            errors.push("groups.terms", format!("{} groups", groups.terms.len()), format!("At most {TERM_GROUPS_LIMIT} groups."));
        }
        let mut names = HashSet::new();
        let mut words = HashSet::new();
        for (index, group) in groups.terms.iter().enumerate() {
            let name = group.name.trim();
            let field = format!("groups.terms[{index}].name");
            if name.is_empty() {
                errors.push(field, &group.name, "Give the group a name.");
            } else if name == OTHER_GROUP {
                errors.push(field, name, "This is what texts without any of the words are called; choose another name.");
            } else if !names.insert(name) {
                errors.push(field, name, "Two groups have this name; rename one.");
            }
            let field = format!("groups.terms[{index}].words");
            if group.words.is_empty() {
                errors.push(&field, "[]", "Give the group at least one word.");
            }
            for word in &group.words {
                if word.trim().is_empty() || word.split_whitespace().count() != 1 {
                    errors.push(&field, word, "Write single words, as they stand in a text.");
                } else if !words.insert(word.trim().to_lowercase()) {
                    errors.push(&field, word, "This word stands twice; a text can belong to one group only, so remove one.");
                }
            }
        }
    }

    pub(super) fn validate_classifier(&self, errors: &mut FieldErrors) {
        let classifier = &self.classifier;
        let answers = classifier.head == HeadKind::Answers;
        if !answers {
            let foreign = [
                ("classifier.prompt", classifier.prompt.is_some()),
                ("classifier.options", !classifier.options.is_empty()),
                ("classifier.max_new_tokens", classifier.max_new_tokens.is_some()),
            ];
            for (field, _) in foreign.into_iter().filter(|(_, is_given)| *is_given) {
                errors.push(field, "", "A class head is asked nothing; remove it, or write classifier.head = \"answers\".");
            }
            return;
        }
        if let Some(prompt) = &classifier.prompt {
            check_placeholder(errors, "classifier.prompt", prompt, "{text}", "the text to classify");
        }
        if let Some(tokens) = classifier.max_new_tokens {
            check_range(errors, "classifier.max_new_tokens", tokens, 0..=256);
        }
        if classifier.options.len() == 1 {
            errors.push(
                "classifier.options",
                format!("{:?}", classifier.options),
                "Give one option for each label, or none to answer with their names.",
            );
        }
        refuse_repeated(errors, "classifier.options", &classifier.options, "option");
        let labels = self.data.label_names.len();
        if labels > 0 && classifier.options.len() > 1 && classifier.options.len() != labels {
            errors.push(
                "classifier.options",
                format!("{:?}", classifier.options),
                format!("There are {labels} labels and {} options; give one for each label, in their order.", classifier.options.len()),
            );
        }
    }
}

/// Names are told apart letter case aside, as they are looked for in a text.
fn refuse_repeated(errors: &mut FieldErrors, field: &str, names: &[String], what: &str) {
    let mut known = HashSet::new();
    for (index, name) in names.iter().enumerate() {
        if name.trim().is_empty() {
            errors.push(format!("{field}[{index}]"), name, format!("Write the {what}, or remove the entry."));
        } else if !known.insert(name.trim().to_lowercase()) {
            errors.push(format!("{field}[{index}]"), name, format!("This {what} is listed twice; remove one."));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        MinorityFraction,
        classification::TermGroup,
        recipe::{ArmSpec, JudgeKind, StudyKind},
    };

    fn check(change: impl FnOnce(&mut Recipe), expected: &[&str]) {
        let mut recipe = Recipe::from_toml("name = \"x\"\nkind = \"classification\"").unwrap();
        recipe.arms = vec![ArmSpec::lora(8, 1e-3), ArmSpec::full(1e-4)];
        change(&mut recipe);
        let errors = recipe.validate().err().unwrap_or_default();
        assert_eq!(errors.0.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), expected, "{errors}");
        assert!(errors.0.iter().all(|error| error.remedy.ends_with('.')), "{errors}");
        assert_eq!(Recipe::from_toml(&recipe.to_toml()).is_ok(), errors.0.iter().all(|error| !error.field.starts_with("schema")));
    }

    fn terms(groups: &[(&str, &[&str])]) -> Vec<TermGroup> {
        groups
            .iter()
            .map(|(name, words)| TermGroup { name: (*name).into(), words: words.iter().map(|word| (*word).into()).collect() })
            .collect()
    }

    #[test]
    fn every_wrong_field_is_named() {
        check(|_| {}, &[]);
        check(|r| r.data.source = " ".into(), &["data.source"]);
        check(|r| r.data.source = "dataset:".into(), &["data.source"]);
        check(|r| r.data.text_column = Some(" ".into()), &["data.text_column"]);
        check(|r| (r.data.test_path, r.data.test_split) = (Some("x".into()), Some("test".into())), &["data.test_split"]);
        check(|r| (r.data.train_split, r.data.test_split) = (Some("test".into()), Some("test".into())), &["data.test_split"]);
        for wrong in [0.0, 1.0, f64::NAN] {
            check(|r| r.data.test_share = wrong, &["data.test_share"]);
        }
        check(|r| r.data.label_names = vec!["a".into()], &["data.label_names"]);
        check(|r| r.data.label_names = vec!["a".into(), "A".into()], &["data.label_names[1]"]);
        check(|r| (r.data.label_names, r.data.positive_label) = (vec!["a".into(), "b".into()], Some("c".into())), &["data.positive_label"]);
        check(|r| r.data.train_limit = Some(1), &["data.train_limit"]);
        check(|r| r.groups.minority_fractions.clear(), &["groups.minority_fractions"]);
        check(|r| r.groups.minority_fractions = vec![MinorityFraction::WHOLE; 2], &["groups.minority_fractions[1]"]);
        check(|r| r.groups.by = GroupBy::Column, &["groups.column"]);
        check(|r| r.groups.column = Some("c".into()), &["groups.column"]);
        check(|r| r.groups.by = GroupBy::Terms, &["groups.terms"]);
        check(|r| r.groups.terms = terms(&[("a", &["x"])]), &["groups.terms"]);
        let by_terms = |r: &mut Recipe, groups: &[(&str, &[&str])]| (r.groups.by, r.groups.terms) = (GroupBy::Terms, terms(groups));
        check(|r| by_terms(r, &[("women", &["she", "her"]), ("men", &["he"])]), &[]);
        check(|r| by_terms(r, &[("women", &["she"]), ("men", &["She"])]), &["groups.terms[1].words"]);
        check(
            |r| by_terms(r, &[("other", &["she"]), ("", &[])]),
            &["groups.terms[0].name", "groups.terms[1].name", "groups.terms[1].words"],
        );
        check(|r| r.classifier.prompt = Some("no place".into()), &["classifier.prompt"]);
        check(|r| r.classifier.options = vec!["yes".into()], &["classifier.options"]);
        check(
            |r| {
                r.data.label_names = vec!["a".into(), "b".into()];
                r.classifier.options = vec!["x".into(), "y".into(), "z".into()];
            },
            &["classifier.options"],
        );
        check(|r| (r.classifier.head, r.classifier.max_new_tokens) = (HeadKind::ClassHead, Some(3)), &["classifier.max_new_tokens"]);
    }

    #[test]
    fn tables_of_another_kind_are_refused_and_not_written() {
        check(|r| r.judge.kind = JudgeKind::Hurtlex, &["judge"]);
        let mut recipe = Recipe::from_toml("name = \"x\"\nkind = \"classification\"").unwrap();
        for (kind, absent, there) in [(StudyKind::Classification, "[judge]", "[data]"), (StudyKind::Toxicity, "[data]", "[judge]")] {
            recipe.kind = kind;
            let toml = recipe.to_toml();
            assert!(!toml.contains(absent) && toml.contains(there), "{toml}");
            assert_eq!(Recipe::from_toml(&toml).unwrap(), recipe);
        }
    }

    #[test]
    fn a_study_has_a_cell_for_each_arm_fraction_and_seed() {
        let mut recipe = Recipe::from_toml("name = \"x\"\nkind = \"classification\"\nseeds = [3, 4]").unwrap();
        recipe.groups.minority_fractions = [0.1, 1.0].into_iter().map(|value| MinorityFraction::new(value).unwrap()).collect();
        recipe.arms = vec![ArmSpec::full(1e-4), ArmSpec::lora(8, 1e-3)];
        let names = |recipe: &Recipe| recipe.cells().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let trained = "lora-r8-s3-m1 lora-r8-s4-m1 lora-r8-s3-m0.1 lora-r8-s4-m0.1 full-s3-m1 full-s4-m1 full-s3-m0.1 full-s4-m0.1";
        assert_eq!(names(&recipe), format!("original-s3 {trained}"));
        recipe.classifier.head = HeadKind::ClassHead;
        assert_eq!(names(&recipe), trained);
    }
}
