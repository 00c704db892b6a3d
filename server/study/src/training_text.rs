//! Training pairs as tokens.

use crate::StudyError;
use rankscope_domain::completion::TrainingPair;
use rankscope_engine::{Example, Model};

/// A pair in tokens.
pub(crate) struct Encoded {
    pub(crate) example: Example,
    /// It was longer than `max_length`, and its target was cut.
    pub(crate) truncated: bool,
}

/// The pair is encoded as one text and parted where the prompt's own tokens end, so that a tokenizer that marks the
/// beginning of a text marks it once.
pub(crate) fn encode(model: &Model, pair: &TrainingPair, max_length: u32) -> Result<Encoded, StudyError> {
    let encode = |text: &str| model.tokenizer().encode(text, true).map_err(StudyError::from_engine);
    let prompt = encode(&pair.prompt)?;
    let whole = encode(&format!("{}{}", pair.prompt, pair.target))?;
    split(&prompt, whole, max_length as usize).ok_or_else(|| {
        StudyError::Other(format!(
            "training.max_length = {max_length}: the prompt {:?} alone has {} tokens; raise max_length or shorten the prompt",
            pair.prompt,
            prompt.len()
        ))
    })
}

fn split(prompt: &[u32], whole: Vec<u32>, max_length: usize) -> Option<Encoded> {
    let common = prompt.iter().zip(&whole).take_while(|(one, other)| one == other).count();
    let truncated = whole.len() > max_length;
    let end = whole.len().min(max_length);
    (common < end)
        .then(|| Encoded { example: Example { context: whole[..common].to_vec(), target: whole[common..end].to_vec() }, truncated })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_parted_where_the_prompts_tokens_end() {
        let check = |prompt: &[u32], whole: &[u32], max_length: usize, expected: Option<(&[u32], &[u32], bool)>| {
            let encoded = split(prompt, whole.to_vec(), max_length);
            let seen = encoded.as_ref().map(|encoded| (&encoded.example.context[..], &encoded.example.target[..], encoded.truncated));
            assert_eq!(seen, expected);
        };
        check(&[1, 2], &[1, 2, 3, 4], 8, Some((&[1, 2], &[3, 4], false)));
        // the last token of the prompt grew with the target
        check(&[1, 2], &[1, 9, 4], 8, Some((&[1], &[9, 4], false)));
        check(&[1, 2], &[1, 2, 3, 4], 3, Some((&[1, 2], &[3], true)));
        check(&[1, 2], &[1, 2, 3], 2, None);
    }
}
