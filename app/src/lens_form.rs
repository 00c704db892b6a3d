//! The question of the page `/lens` as its address holds it: `?study=01ABC…&prompt_text=She%20should&read=original,lora-r2`. What was typed is kept
//! as it was typed, also where it can't be read.

use crate::form::percent_encode;
use rankscope_domain::{
    Arm, FieldErrors, MinorityFraction,
    lens_question::{LensQuestion, USUAL_NEW_TOKENS, USUAL_TOP_K},
};
use std::str::FromStr;

/// Below it are the files of an answer's figure and table; their query is that of the page.
pub const LENS_PATH: &str = "/lens";

/// The page on which a study's arms (none: all that can) read a prompt at once. `seed` and `fraction`: absent for the study's first and
/// largest. This is the one place that knows how such an address is written.
pub fn lens_address(study: &str, prompt: &str, arms: &[Arm], seed: Option<u64>, fraction: Option<MinorityFraction>) -> String {
    let text = |value: Option<String>| value.unwrap_or_default();
    let form = LensForm {
        study: study.into(),
        prompt_text: Some(prompt.into()),
        read: arms.iter().map(ToString::to_string).collect(),
        seed: text(seed.map(|seed| seed.to_string())),
        fraction: text(fraction.map(|fraction| fraction.to_string())),
        ..LensForm::default()
    };
    form.address()
}

/// The page with a study chosen and nothing asked yet.
pub(crate) fn lens_form_address(study: &str) -> String {
    LensForm { study: study.into(), ..LensForm::default() }.address()
}

/// The fields of the page's form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LensForm {
    pub study: String,
    /// Absent: nothing is asked yet.
    pub prompt_text: Option<String>,
    pub read: Vec<String>,
    pub seed: String,
    pub fraction: String,
    pub top_k: String,
    pub new_tokens: String,
    /// To be asked also where it has just failed.
    pub again: bool,
    /// The form is wanted as it is, without an answer: a study was chosen, or the question was stopped.
    pub form_only: bool,
}

impl LensForm {
    /// From the query of an address; `get` gives all values of a parameter.
    pub fn of(get: impl Fn(&str) -> Vec<String>) -> Self {
        let text = |name: &str| get(name).into_iter().next().unwrap_or_default();
        let read = get("read").iter().flat_map(|names| names.split(',')).filter(|name| !name.is_empty()).map(Into::into).collect();
        Self {
            study: text("study"),
            // browsers send line breaks of a form as two characters
            prompt_text: get("prompt_text").into_iter().next().map(|prompt| prompt.replace("\r\n", "\n")),
            read,
            seed: text("seed"),
            fraction: text("fraction"),
            top_k: text("top_k"),
            new_tokens: text("new_tokens"),
            again: text("again") == "1",
            form_only: text("only") == "form",
        }
    }

    /// `None`: nothing is asked.
    pub fn question(&self) -> Option<Result<LensQuestion, FieldErrors>> {
        let prompt = self.prompt_text.clone().filter(|_| !self.form_only)?;
        let mut errors = FieldErrors::default();
        let mut arms: Vec<Arm> = Vec::new();
        for name in &self.read {
            match name.parse() {
                Ok(arm) => arms.push(arm),
                Err(error) => errors.push("read", name, format!("{error}; separate several by commas.")),
            }
        }
        arms.sort_unstable();
        arms.dedup();
        let seed = number(&self.seed, &mut errors, "seed", "Write one of the study’s seeds, a whole number.");
        let fraction = Some(&self.fraction).filter(|text| !text.is_empty());
        let fraction = fraction.and_then(|text| text.parse().map_err(|error| errors.push("fraction", text, format!("{error}."))).ok());
        let top_k = number(&self.top_k, &mut errors, "top_k", "Write a whole number.").unwrap_or(USUAL_TOP_K);
        let new_tokens = number(&self.new_tokens, &mut errors, "new_tokens", "Write a whole number.").unwrap_or(USUAL_NEW_TOKENS);
        let question = LensQuestion { study: self.study.clone(), prompt, arms, seed, fraction, top_k, new_tokens };
        if let Err(wrong) = question.validate() {
            errors.0.extend(wrong.0);
        }
        Some(errors.into_result(question))
    }

    /// Name and value of what was given, as it was typed; neither `again` nor `only`.
    pub(crate) fn pairs(&self) -> Vec<(&'static str, String)> {
        let given = |name: &'static str, value: &str| (!value.is_empty()).then(|| (name, value.to_string()));
        [
            given("study", &self.study),
            self.prompt_text.clone().map(|prompt| ("prompt_text", prompt)),
            given("read", &self.read.join(",")),
            given("seed", &self.seed),
            given("fraction", &self.fraction),
            given("top_k", &self.top_k),
            given("new_tokens", &self.new_tokens),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Of the page.
    pub(crate) fn address(&self) -> String {
        let flags = self.again.then_some("again=1").into_iter().chain(self.form_only.then_some("only=form")).map(String::from);
        let pairs = self.pairs().iter().map(|(name, value)| encoded(name, value)).chain(flags).collect::<Vec<_>>();
        if pairs.is_empty() { LENS_PATH.into() } else { format!("{LENS_PATH}?{}", pairs.join("&")) }
    }
}

/// `name=value` for an address; a comma separates, as it may.
pub(crate) fn encoded(name: &str, value: &str) -> String {
    let value = percent_encode(value);
    format!("{name}={}", if name == "read" { value.replace("%2C", ",") } else { value })
}

/// Nothing is no number and no error.
fn number<T: FromStr>(text: &str, errors: &mut FieldErrors, field: &str, remedy: &str) -> Option<T> {
    let text = Some(text.trim()).filter(|text| !text.is_empty())?;
    text.parse().map_err(|_| errors.push(field, text, remedy)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> LensForm {
        LensForm::of(|name| pairs.iter().filter(|(key, _)| *key == name).map(|(_, value)| (*value).to_string()).collect())
    }

    #[test]
    fn an_address_reads_back() {
        let address =
            lens_address("example", "She & he\n100 % sure?", &[Arm::Original, Arm::Lora(2)], Some(3), Some("0.25".parse().unwrap()));
        assert_eq!(
            address,
            "/lens?study=example&prompt_text=She%20%26%20he%0A100%20%25%20sure%3F&read=original,lora-r2&seed=3&fraction=0.25"
        );
        // a ticked box is a parameter of its own
        let form = of(&[
            ("study", "example"),
            ("prompt_text", "She & he\r\n100 % sure?"),
            ("read", "lora-r2"),
            ("read", "original"),
            ("seed", "3"),
            ("fraction", "0.25"),
            ("top_k", ""),
        ]);
        let question = form.question().unwrap().unwrap();
        assert_eq!((question.arms.as_slice(), question.seed), ([Arm::Original, Arm::Lora(2)].as_slice(), Some(3)));
        assert_eq!((question.prompt.as_str(), question.top_k, question.new_tokens), ("She & he\n100 % sure?", 5, 12));
        assert_eq!(lens_address("x", "a", &[], None, None), "/lens?study=x&prompt_text=a");
        assert_eq!(lens_form_address("x"), "/lens?study=x");
        assert_eq!(LensForm::default().address(), "/lens");
    }

    #[test]
    fn nothing_is_asked_until_there_is_a_prompt() {
        assert_eq!(of(&[("study", "x")]).question(), None);
        assert_eq!(of(&[("study", "x"), ("prompt_text", "a"), ("only", "form")]).question(), None);
        assert!(of(&[("study", "x"), ("prompt_text", "a")]).question().unwrap().is_ok());
        let again = of(&[("study", "x"), ("prompt_text", " a "), ("again", "1")]);
        assert!(again.again && again.address().ends_with("&prompt_text=%20a%20&again=1"), "blanks are a part of the prompt");
    }

    #[test]
    fn what_cannot_be_read_is_said_by_name_and_kept() {
        for (name, value, said) in [
            ("prompt_text", "", "Write a prompt"),
            ("study", "", "Choose a finished study"),
            ("read", "original,halb", "is not an arm"),
            ("seed", "first", "whole number"),
            ("fraction", "2", "is no fraction"),
            ("top_k", "many", "whole number"),
            ("top_k", "0", "from 1 to 20"),
            ("new_tokens", "65", "from 0 to 64"),
            ("new_tokens", "-1", "whole number"),
        ] {
            let usual = [("study", "x"), ("prompt_text", "a")];
            let pairs: Vec<_> = usual.into_iter().filter(|(key, _)| *key != name).chain([(name, value)]).collect();
            let form = of(&pairs);
            let errors = form.question().unwrap().unwrap_err().0;
            assert_eq!(errors.len(), 1, "{name}={value}: {errors:?}");
            assert!(errors[0].field == name && errors[0].to_string().contains(said), "{}", errors[0]);
            let kept = form.pairs().into_iter().find(|(key, _)| *key == name).map(|(_, kept)| kept).unwrap_or_default();
            assert_eq!(kept, value);
        }
    }
}
