//! Which studies are compared, and what of them, as it stands in an address:
//!
//! ```text
//! ?studies=ID,ID&arms=A:lora-r8,B:full&view=toxicity&against=A:original&group=female
//! ```
//!
//! `studies` are ids, by commas or as a field that comes again, at most six; in figures and in the other fields they are called by
//! letters: `A` is the first. `arms` are the arms that are shown: `A:full` of the first study, `ID:full` of the study with that id, and
//! `full` of every study. A study that no entry of `arms` names shows all of its arms. `against` is the arm that all others are
//! contrasted with; without it each arm is contrasted with the same arm of the first study.

use crate::{
    Arm, FieldErrors, MinorityFraction,
    class_results::Reading,
    comparison::{MOST_COMPARED, letter},
};
use serde::{Deserialize, Serialize};

/// What is asked for. Empty: no study.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ComparisonQuery {
    pub studies: Vec<String>,
    /// What is shown; of a study that none names, everything.
    pub arms: Vec<NamedArm>,
    pub view: Option<ComparisonView>,
    pub against: Option<NamedArm>,
    /// That contrasts and completions are within.
    pub group: Option<String>,
    pub reading: Option<Reading>,
    pub fraction: Option<MinorityFraction>,
    /// Of the lens: place among the prompts of all studies, from 0.
    pub prompt: u32,
    /// Of the completions.
    pub prompts: PromptScope,
    /// Of the completions, from 0; in an address from 1.
    pub page: u32,
    /// Of the recipes: also the fields in which they agree.
    pub all_fields: bool,
}

/// An arm as an address names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NamedArm {
    /// A letter or an id; absent: of every study.
    pub study: Option<String>,
    pub arm: Arm,
}

/// A part of the comparison, which has a tab of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComparisonView {
    Toxicity,
    Accuracy,
    Divergence,
    Lens,
    Completions,
    Recipe,
}

impl ComparisonView {
    pub const ALL: [Self; 6] = [Self::Toxicity, Self::Accuracy, Self::Divergence, Self::Lens, Self::Completions, Self::Recipe];

    /// As in an address.
    pub fn name(self) -> &'static str {
        match self {
            Self::Toxicity => "toxicity",
            Self::Accuracy => "accuracy",
            Self::Divergence => "divergence",
            Self::Lens => "lens",
            Self::Completions => "completions",
            Self::Recipe => "recipe",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Toxicity => "Toxicity",
            Self::Accuracy => "Accuracy",
            Self::Divergence => "Divergence",
            Self::Lens => "Logit lens",
            Self::Completions => "Completions",
            Self::Recipe => "Recipe and provenance",
        }
    }
}

/// Which prompts the completions are of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptScope {
    /// Those that every study completes.
    #[default]
    Common,
    /// Of these, those that one shown arm completes with something toxic and another one never.
    Differing,
    /// Those that any study completes.
    All,
}

impl PromptScope {
    pub const ALL: [Self; 3] = [Self::Common, Self::Differing, Self::All];

    /// As in an address.
    pub fn name(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Differing => "differing",
            Self::All => "all",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Common => "in every study",
            Self::Differing => "toxic in one arm, not in another",
            Self::All => "in any study",
        }
    }
}

impl ComparisonQuery {
    /// What an address may say, in the order in which it does.
    pub const NAMES: [&str; 11] =
        ["studies", "arms", "view", "against", "group", "reading", "fraction", "prompt", "prompts", "page", "fields"];

    /// From the decoded pairs of an address's query; names that are none of ours are left alone. What can't be read is left out and said.
    pub fn read(pairs: &[(String, String)]) -> (Self, FieldErrors) {
        let mut errors = FieldErrors::default();
        let mut query = Self::default();
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "studies" => query.read_studies(value, &mut errors),
                "arms" => query.arms.extend(value.split(',').filter_map(|text| NamedArm::read("arms", text, &mut errors))),
                "view" => {
                    query.view = one_of("view", "view", value, &ComparisonView::ALL, ComparisonView::name, &mut errors).or(query.view);
                }
                "against" => query.against = NamedArm::read("against", value, &mut errors),
                "group" => query.group = Some(value.clone()),
                "reading" => query.reading = one_of("reading", "reading", value, &Reading::ALL, Reading::name, &mut errors),
                "fraction" => query.fraction = value.parse().map_err(|error| errors.push("fraction", value, format!("{error}."))).ok(),
                "prompt" => match value.parse() {
                    Ok(number) => query.prompt = number,
                    Err(_) => errors.push("prompt", value, "Write the number of a prompt, from 0 up."),
                },
                "prompts" => {
                    let scope = one_of("prompts", "choice of prompts", value, &PromptScope::ALL, PromptScope::name, &mut errors);
                    query.prompts = scope.unwrap_or_default();
                }
                "page" => match value.parse::<u32>() {
                    Ok(number) if number > 0 => query.page = number - 1,
                    _ => errors.push("page", value, "Write the number of a page, from 1 up."),
                },
                "fields" => match value.as_str() {
                    "all" => query.all_fields = true,
                    "differing" => query.all_fields = false,
                    _ => errors.push("fields", value, "There is no such choice of fields. There are: differing, all."),
                },
                _ => {}
            }
        }
        (query, errors)
    }

    fn read_studies(&mut self, value: &str, errors: &mut FieldErrors) {
        for id in value.split(',').map(str::trim).filter(|id| !id.is_empty()) {
            if self.studies.iter().any(|known| known == id) {
                continue;
            }
            if self.studies.len() == MOST_COMPARED {
                errors.push("studies", id, format!("At most {MOST_COMPARED} studies are shown side by side: this one is left out."));
                continue;
            }
            self.studies.push(id.into());
        }
    }

    /// The pairs of the address that asks for the same, not encoded; what is usual is left out.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let arms = self.arms.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        [
            ("studies", (!self.studies.is_empty()).then(|| self.studies.join(","))),
            ("arms", (!arms.is_empty()).then_some(arms)),
            ("view", self.view.map(|view| view.name().into())),
            ("against", self.against.as_ref().map(ToString::to_string)),
            ("group", self.group.clone()),
            ("reading", self.reading.map(|reading| reading.name().into())),
            ("fraction", self.fraction.map(|fraction| fraction.to_string())),
            ("prompt", (self.prompt > 0).then(|| self.prompt.to_string())),
            ("prompts", (self.prompts != PromptScope::default()).then(|| self.prompts.name().into())),
            ("page", (self.page > 0).then(|| (self.page + 1).to_string())),
            ("fields", self.all_fields.then(|| "all".into())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

/// The value of that name; where there is none, that is said with the names there are.
fn one_of<T: Copy>(field: &str, what: &str, value: &str, all: &[T], name: fn(T) -> &'static str, errors: &mut FieldErrors) -> Option<T> {
    let found = all.iter().copied().find(|one| name(*one) == value);
    if found.is_none() {
        let names = all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ");
        errors.push(field, value, format!("There is no such {what}. There are: {names}."));
    }
    found
}

impl NamedArm {
    /// `A:full`; what can't be read is said of `field`.
    pub fn read(field: &str, text: &str, errors: &mut FieldErrors) -> Option<Self> {
        let (study, name) = match text.trim().split_once(':') {
            Some((study, arm)) => (Some(study.to_string()), arm),
            None => (None, text.trim()),
        };
        match name.parse() {
            Ok(arm) => Some(Self { study, arm }),
            Err(_) => {
                let remedy = "This names no arm: write a study's letter and an arm, as in A:original, A:lora-r8 (any rank) or B:full; without a letter it is the arm of every study. Separate several by commas.";
                errors.push(field, text, remedy);
                None
            }
        }
    }

    /// Whether it is of the study at this place.
    pub fn is_of(&self, place: usize, id: &str) -> bool {
        self.study.as_ref().is_none_or(|study| *study == id || study.len() == 1 && study.chars().eq([letter(place)]))
    }
}

impl std::fmt::Display for NamedArm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.study {
            Some(study) => write!(f, "{study}:{}", self.arm),
            None => write!(f, "{}", self.arm),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&str, &str)]) -> (ComparisonQuery, FieldErrors) {
        let pairs: Vec<_> = query.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect();
        ComparisonQuery::read(&pairs)
    }

    #[test]
    fn a_view_has_an_address_that_reads_back() {
        let pairs = [
            ("studies", "X,Y,example"),
            ("arms", "A:lora-r8,Y:full,original"),
            ("view", "accuracy"),
            ("against", "A:full"),
            ("group", "a & b"),
            ("reading", "generated_text"),
            ("fraction", "0.5"),
            ("prompt", "2"),
            ("prompts", "differing"),
            ("page", "3"),
            ("fields", "all"),
        ];
        let (query, errors) = read(&pairs);
        assert_eq!(errors, FieldErrors::default());
        let written = query.pairs();
        assert_eq!(written.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ComparisonQuery::NAMES);
        assert_eq!(written, pairs.map(|(name, value)| (name, value.to_string())));
        let owned: Vec<_> = written.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
        assert_eq!(ComparisonQuery::read(&owned).0, query);
        assert!(ComparisonQuery::default().pairs().is_empty());
    }

    #[test]
    fn a_form_sends_a_study_as_a_field_of_its_own() {
        let (query, errors) = read(&[("studies", "X"), ("studies", "Y"), ("studies", "X"), ("unknown", "x")]);
        assert_eq!((query.studies, errors.0.len()), (vec!["X".into(), "Y".into()], 0));
    }

    #[test]
    fn what_cannot_be_read_is_said_by_field_and_the_rest_is_kept() {
        for (name, value, said) in [
            ("view", "pie", "There are: toxicity, accuracy, divergence, lens, completions, recipe."),
            ("arms", "A:lora-r0", "A:lora-r8 (any rank)"),
            ("against", "best", "names no arm"),
            ("reading", "tea_leaves", "likelihood, generated_text, class_head"),
            ("fraction", "2", "is no fraction"),
            ("prompt", "first", "from 0 up"),
            ("prompts", "some", "There are: common, differing, all."),
            ("page", "0", "from 1 up"),
            ("fields", "few", "There are: differing, all."),
        ] {
            let (query, errors) = read(&[("studies", "X,Y"), (name, value)]);
            assert_eq!(errors.0.len(), 1, "{name}={value}: {errors}");
            assert_eq!((errors.0[0].field.as_str(), errors.0[0].value.as_str()), (name, value));
            assert!(errors.0[0].remedy.contains(said), "{}", errors.0[0]);
            assert_eq!(query, ComparisonQuery { studies: vec!["X".into(), "Y".into()], ..Default::default() }, "{name}={value}");
        }
        let (query, errors) = read(&[("studies", "1,2,3,4,5,6,7")]);
        assert_eq!((query.studies.len(), errors.0[0].value.as_str()), (6, "7"));
    }

    #[test]
    fn arms_are_of_a_letter_an_id_or_every_study() {
        let (query, _) = read(&[("arms", "B:full,X:full,full")]);
        for (named, expected) in query.arms.iter().zip([[false, true], [true, false], [true, true]]) {
            assert_eq!([named.is_of(0, "X"), named.is_of(1, "Y")], expected, "{named}");
        }
    }
}
