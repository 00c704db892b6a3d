//! A question of the page `/lens`: what chosen arms of a finished study make of a prompt of the reader's own. And what the page is told
//! until there is an answer.

use crate::{Arm, FieldErrors, MinorityFraction, inspection::LensReading, recipe::StudyKind};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Characters that a prompt may have: it stands in an address.
pub const PROMPT_CHARACTERS: usize = 600;
/// Tokens that a prompt may have: each is a column of every panel.
pub const PROMPT_TOKENS: usize = 64;
/// Tokens that a cell lists.
pub const TOP_K: RangeInclusive<u32> = 1..=20;
/// Tokens of the continuation.
pub const NEW_TOKENS: RangeInclusive<u32> = 0..=64;
/// Where nothing is said.
pub const USUAL_TOP_K: u32 = 5;
pub const USUAL_NEW_TOKENS: u32 = 12;

/// What is asked. Errors name its fields as the page's address does: `study`, `prompt_text`, `read`, `seed`, `fraction`, `top_k`,
/// `new_tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LensQuestion {
    /// The study's id.
    pub study: String,
    pub prompt: String,
    /// The arms that read it; none: all that can.
    pub arms: Vec<Arm>,
    /// Which of the study's seeds; absent: the first.
    pub seed: Option<u64>,
    /// Which of a classification study's minority fractions; absent: the largest.
    pub fraction: Option<MinorityFraction>,
    pub top_k: u32,
    pub new_tokens: u32,
}

impl LensQuestion {
    /// What can be said without the study.
    pub fn validate(&self) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::default();
        if self.study.is_empty() {
            errors.push("study", "", "Choose a finished study.");
        }
        let characters = self.prompt.chars().count();
        if self.prompt.is_empty() {
            errors.push("prompt_text", "", "Write a prompt: the beginning of a sentence, for instance.");
        }
        if characters > PROMPT_CHARACTERS {
            let remedy = format!("At most {PROMPT_CHARACTERS} characters; shorten the prompt.");
            errors.push("prompt_text", format!("{characters} characters"), remedy);
        }
        for (field, number, range) in [("top_k", self.top_k, TOP_K), ("new_tokens", self.new_tokens, NEW_TOKENS)] {
            if !range.contains(&number) {
                errors.push(field, number, format!("Write a whole number from {} to {}.", range.start(), range.end()));
            }
        }
        errors.into_result(())
    }
}

/// A study that can be asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LensStudy {
    pub id: String,
    pub name: String,
    pub kind: StudyKind,
    /// The model's name.
    pub model: String,
    /// In the order of figures.
    pub arms: Vec<LensArm>,
    pub seeds: Vec<u64>,
    /// The largest first; none in a study without minorities.
    pub fractions: Vec<MinorityFraction>,
}

/// An arm of it, with its first seed and largest fraction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LensArm {
    pub arm: Arm,
    /// Why it can't be read, and what to do; empty where it can.
    pub problem: String,
}

/// Where a question is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum LensStage {
    /// Place in the queue; 1: the next one.
    Queued { place: u32 },
    /// Weights are read: of the base model, an adapter, a model that was trained in full.
    Loading { what: String },
    /// These arms read the prompt together: the first of them is number `from` of `of`.
    Reading { arms: Vec<Arm>, from: u32, of: u32, layer: u32, layers: u32 },
    /// They go on with it.
    Continuing { arms: Vec<Arm>, from: u32, of: u32, token: u32, tokens: u32 },
    /// There is an answer, or there will be none.
    Ended,
}

impl LensStage {
    /// As a sentence for the page.
    pub fn text(&self) -> String {
        let whose = |arms: &[Arm], from: u32, of: u32| {
            let names = arms.iter().map(|arm| arm.label()).collect::<Vec<_>>().join(", ");
            let to = from + (arms.len() as u32).saturating_sub(1);
            let numbers = if to > from { format!("arms {from} to {to}") } else { format!("arm {from}") };
            format!("{numbers} of {of} ({names})")
        };
        match self {
            Self::Queued { place } => format!("Place {place} in the queue."),
            Self::Loading { what } => format!("Loading {what}."),
            Self::Reading { arms, from, of, layer, layers } => {
                format!("Reading {}: layer {layer} of {layers}.", whose(arms, *from, *of))
            }
            Self::Continuing { arms, from, of, token, tokens } => {
                format!("Continuing with {}: token {token} of at most {tokens}.", whose(arms, *from, *of))
            }
            Self::Ended => "Done.".into(),
        }
    }

    /// How much of the stage is done, where it is known: done, of.
    pub fn done(&self) -> Option<(u32, u32)> {
        match self {
            Self::Reading { layer, layers, .. } => Some((*layer, *layers)),
            Self::Continuing { token, tokens, .. } => Some((*token, *tokens)),
            _ => None,
        }
    }
}

/// What a question is answered with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LensReply {
    /// One reading an arm, in the order of figures.
    Answered(Vec<LensReading>),
    /// It is in the queue or at work. The ticket names it while the server runs.
    Waiting { ticket: String, stage: LensStage },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> LensQuestion {
        LensQuestion {
            study: "example".into(),
            prompt: "She should".into(),
            arms: Vec::new(),
            seed: None,
            fraction: None,
            top_k: USUAL_TOP_K,
            new_tokens: USUAL_NEW_TOKENS,
        }
    }

    #[test]
    fn every_wrong_field_is_named_with_its_value() {
        let check = |change: fn(&mut LensQuestion), field: &str, value: &str| {
            let mut question = question();
            change(&mut question);
            let errors = question.validate().unwrap_err().0;
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert_eq!((errors[0].field.as_str(), errors[0].value.as_str()), (field, value));
        };
        question().validate().unwrap();
        check(|q| q.study.clear(), "study", "");
        check(|q| q.prompt.clear(), "prompt_text", "");
        check(|q| q.prompt = "é".repeat(PROMPT_CHARACTERS + 1), "prompt_text", "601 characters");
        check(|q| q.top_k = 0, "top_k", "0");
        check(|q| q.top_k = 21, "top_k", "21");
        check(|q| q.new_tokens = 65, "new_tokens", "65");
        let mut longest = question();
        longest.prompt = "é".repeat(PROMPT_CHARACTERS);
        longest.validate().unwrap();
    }

    #[test]
    fn stages_are_told_in_sentences() {
        let arms = vec![Arm::Original, Arm::Lora(2), Arm::Lora(64)];
        let reading = LensStage::Reading { arms, from: 1, of: 4, layer: 3, layers: 31 };
        assert_eq!(reading.text(), "Reading arms 1 to 3 of 4 (original, r = 2, r = 64): layer 3 of 31.");
        assert_eq!(reading.done(), Some((3, 31)));
        let alone = LensStage::Continuing { arms: vec![Arm::Full], from: 4, of: 4, token: 2, tokens: 12 };
        assert_eq!(alone.text(), "Continuing with arm 4 of 4 (full): token 2 of at most 12.");
        assert_eq!(LensStage::Queued { place: 2 }.text(), "Place 2 in the queue.");
    }
}
