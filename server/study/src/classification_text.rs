//! Labelled texts as tokens: for a class head, and as questions that a decoder answers with one of the options.

use crate::{StudyError, training_text::TrainingData};
use rankscope_domain::{
    Recipe,
    dataset::LabelledText,
    recipe::{Classifier, HeadKind},
};
use rankscope_engine::{Example, Model};

/// Turns texts into what a model reads.
pub(crate) struct TextEncoder<'a> {
    model: &'a Model,
    head: HeadKind,
    /// The instruction with `{text}` in it, the options filled in.
    question: String,
    /// In the order of the labels.
    options: Vec<String>,
    max_length: usize,
}

/// A text in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// What the model reads: the whole text, or the question before its answer.
    pub(crate) context: Vec<u32>,
    /// The options' tokens behind the context, in the order of the labels; none with a class head.
    pub(crate) options: Vec<Vec<u32>>,
    /// Tokens of the text that were left out, since it was longer than `max_length`.
    pub(crate) cut_tokens: usize,
}

impl<'a> TextEncoder<'a> {
    pub(crate) fn new(recipe: &Recipe, labels: &[String], model: &'a Model) -> Self {
        let options = options(&recipe.classifier, labels);
        Self {
            model,
            head: recipe.classifier.head,
            question: question(&recipe.classifier, labels),
            options,
            max_length: recipe.training.max_length as usize,
        }
    }

    /// The options as they are looked for in what a model writes.
    pub(crate) fn options(&self) -> &[String] {
        &self.options
    }

    pub(crate) fn encode(&self, text: &str) -> Result<Encoded, StudyError> {
        match self.head {
            HeadKind::ClassHead => self.whole_text(text),
            HeadKind::Answers => self.question(text),
        }
    }

    /// What a cell is trained on. An answer ends with the model's end token, so that it learns to write no more.
    pub(crate) fn training_data(&self, texts: &[LabelledText]) -> Result<TrainingData, StudyError> {
        let mut data = TrainingData { examples: Vec::with_capacity(texts.len()), truncated_examples: 0, truncated_tokens: 0 };
        let end = self.model.eos_tokens().first().copied();
        for text in texts {
            let encoded = self.encode(&text.text)?;
            data.truncated_examples += u32::from(encoded.cut_tokens > 0);
            data.truncated_tokens += encoded.cut_tokens as u64;
            let target = match encoded.options.get(text.label as usize) {
                Some(option) => option.iter().copied().chain(end).collect(),
                None => vec![text.label],
            };
            data.examples.push(Example { context: encoded.context, target });
        }
        Ok(data)
    }

    /// With the model's own tokens around it; a text that is too long loses its end.
    fn whole_text(&self, text: &str) -> Result<Encoded, StudyError> {
        let mut tokens = self.tokens(text, true)?;
        let too_many = tokens.len().saturating_sub(self.max_length);
        if too_many > 0 {
            // what the tokenizer puts behind the text stays behind it
            let plain = self.tokens(text, false)?;
            let before = tokens.windows(plain.len().max(1)).position(|window| window == plain).unwrap_or(0);
            let end = (before + plain.len()).min(tokens.len());
            tokens.drain(end.saturating_sub(too_many)..end);
        }
        Ok(Encoded { context: tokens, options: Vec::new(), cut_tokens: too_many })
    }

    /// The question about the text, its end cut off where the question with the longest answer and an end token would be too long.
    fn question(&self, text: &str) -> Result<Encoded, StudyError> {
        let encoded = self.question_about(text)?;
        let mut too_many = self.length(&encoded).saturating_sub(self.max_length);
        if too_many == 0 {
            return Ok(encoded);
        }
        let tokens = self.tokens(text, false)?;
        while too_many <= tokens.len() {
            let kept = tokens.len() - too_many;
            let shorter = self.model.tokenizer().decode(&tokens[..kept]).map_err(StudyError::from_engine)?;
            // half of a character that was cut in two
            let encoded = self.question_about(shorter.trim_end_matches('\u{FFFD}'))?;
            match self.length(&encoded).saturating_sub(self.max_length) {
                0 => return Ok(Encoded { cut_tokens: too_many, ..encoded }),
                // the rest was written in other tokens than before
                more => too_many += more,
            }
        }
        Err(StudyError::Other(format!(
            "training.max_length = {}: classifier.prompt with its answer has {} tokens even without a text; raise max_length or shorten the prompt",
            self.max_length,
            self.length(&self.question_about("")?)
        )))
    }

    fn length(&self, encoded: &Encoded) -> usize {
        encoded.context.len() + encoded.options.iter().map(Vec::len).max().unwrap_or(0) + usize::from(!self.model.eos_tokens().is_empty())
    }

    /// Question and option are encoded as one text and parted where the question's own tokens end for every option.
    fn question_about(&self, text: &str) -> Result<Encoded, StudyError> {
        let question = self.question.replace("{text}", text);
        let blank = if question.ends_with(char::is_whitespace) { "" } else { " " };
        let context = self.tokens(&question, true)?;
        let mut wholes = Vec::with_capacity(self.options.len());
        for option in &self.options {
            wholes.push(self.tokens(&format!("{question}{blank}{option}"), true)?);
        }
        let shared = |whole: &Vec<u32>| context.iter().zip(whole).take_while(|(one, other)| one == other).count();
        let end = wholes.iter().map(shared).min().unwrap_or(context.len());
        Ok(Encoded { context: context[..end].to_vec(), options: wholes.iter().map(|whole| whole[end..].to_vec()).collect(), cut_tokens: 0 })
    }

    fn tokens(&self, text: &str, special: bool) -> Result<Vec<u32>, StudyError> {
        self.model.tokenizer().encode(text, special).map_err(StudyError::from_engine)
    }
}

/// The answers in the order of the labels: as the recipe says, or the labels themselves.
pub(crate) fn options(classifier: &Classifier, labels: &[String]) -> Vec<String> {
    if classifier.options.is_empty() { labels.to_vec() } else { classifier.options.clone() }
}

/// The instruction with `{text}` in it, the options filled in.
pub(crate) fn question(classifier: &Classifier, labels: &[String]) -> String {
    classifier.answer_prompt().replace("{options}", &in_words(&options(classifier, labels)))
}

/// "positive or negative", "a, b or c"
fn in_words(options: &[String]) -> String {
    match options {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// The one option that occurs in a text as a whole word (or words), letter case aside; none where none does or several do.
pub(crate) fn named_option(text: &str, options: &[String]) -> Option<u32> {
    let words = |text: &str| {
        let lower = text.to_lowercase();
        let words: Vec<String> =
            lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(String::from).collect();
        words
    };
    let written = words(text);
    let occurs = |option: &String| {
        let sought = words(option);
        !sought.is_empty() && written.windows(sought.len()).any(|window| window == sought)
    };
    let mut named = (0..).zip(options).filter(|(_, option)| occurs(option)).map(|(place, _)| place);
    match (named.next(), named.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_string()).collect()
    }

    #[test]
    fn an_answer_names_one_option_or_none() {
        let options = names(&["negative", "positive"]);
        for (text, expected) in [
            (" positive", Some(1)),
            (" Positive.\nText", Some(1)),
            ("It is NEGATIVE", Some(0)),
            ("positive or negative", None),
            ("nonpositive", None),
            ("", None),
            ("good", None),
        ] {
            assert_eq!(named_option(text, &options), expected, "{text:?}");
        }
        assert_eq!(named_option("this is not toxic at all", &names(&["not toxic", "very toxic"])), Some(0));
        assert_eq!(named_option("?", &names(&["!", "?"])), None);
    }

    #[test]
    fn options_are_put_in_words() {
        assert_eq!(in_words(&names(&["a"])), "a");
        assert_eq!(in_words(&names(&["a", "b"])), "a or b");
        assert_eq!(in_words(&names(&["a", "b", "c"])), "a, b or c");
    }

    fn model(name: &str) -> Model {
        Model::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(name)).unwrap()
    }

    fn recipe(head: HeadKind, max_length: u32) -> Recipe {
        let mut recipe = Recipe::from_toml("name = \"x\"\nkind = \"classification\"").unwrap();
        recipe.classifier.head = head;
        recipe.classifier.prompt = Some("{text} is".into());
        recipe.training.max_length = max_length;
        recipe
    }

    #[test]
    fn a_question_and_its_answers_are_the_tokens_of_the_whole() {
        let model = model("llama_tiny");
        let labels = names(&["bad", "good"]);
        let whole = recipe(HeadKind::Answers, 64);
        let encoded = TextEncoder::new(&whole, &labels, &model).encode("the day").unwrap();
        for (label, option) in labels.iter().zip(&encoded.options) {
            let tokens = model.tokenizer().encode(&format!("the day is {label}"), true).unwrap();
            assert_eq!([&encoded.context[..], option].concat(), tokens);
        }
        assert_eq!(encoded.cut_tokens, 0);
        let text = |label| LabelledText { id: 0, row: 0, text: "the day".into(), label, group: String::new() };
        let data = TextEncoder::new(&whole, &labels, &model).training_data(&[text(1)]).unwrap();
        let end = model.eos_tokens()[0];
        assert_eq!(data.examples[0], Example { context: encoded.context.clone(), target: [&encoded.options[1][..], &[end]].concat() });
    }

    #[test]
    fn a_long_text_loses_its_end_and_the_question_stays() {
        let model = model("llama_tiny");
        let labels = names(&["bad", "good"]);
        let long = "a very long day ".repeat(20);
        for max_length in 16..40 {
            let recipe = recipe(HeadKind::Answers, max_length);
            let encoder = TextEncoder::new(&recipe, &labels, &model);
            let encoded = encoder.encode(&long).unwrap();
            assert!(encoded.cut_tokens > 0 && encoder.length(&encoded) <= max_length as usize, "{max_length}");
            let read = model.tokenizer().decode(&encoded.context).unwrap();
            assert!(read.starts_with("a very") && read.ends_with(" is"), "{read:?}");
        }
        let too_short = recipe(HeadKind::Answers, 2);
        let error = TextEncoder::new(&too_short, &labels, &model).encode(&long).unwrap_err().to_string();
        assert!(error.contains("training.max_length = 2") && error.contains("raise"), "{error}");
    }

    #[test]
    fn an_encoder_keeps_its_own_tokens_around_a_cut_text() {
        let model = model("bert_tiny");
        let labels = names(&["bad", "good"]);
        let recipe_of = |length| recipe(HeadKind::ClassHead, length);
        let long = "the day is long ".repeat(20);
        let (whole, cut) = (recipe_of(500), recipe_of(10));
        let whole = TextEncoder::new(&whole, &labels, &model).encode(&long).unwrap().context;
        let encoded = TextEncoder::new(&cut, &labels, &model).encode(&long).unwrap();
        assert_eq!((encoded.context.len(), encoded.cut_tokens), (10, whole.len() - 10));
        assert_eq!(encoded.context[..9], whole[..9]);
        assert_eq!(encoded.context[9], whole[whole.len() - 1], "the separator went with the text");
    }
}
