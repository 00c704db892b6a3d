//! Training pairs as tokens.

use crate::StudyError;
use rankscope_domain::completion::TrainingPair;
use rankscope_engine::{Example, Model};

/// A pair in tokens.
struct Encoded {
    example: Example,
    /// Tokens that were cut from the end of its target, since the pair was longer than `max_length`.
    cut_tokens: usize,
}

/// All pairs of a study in tokens.
pub(crate) struct TrainingData {
    pub(crate) examples: Vec<Example>,
    /// Pairs that were cut, and tokens cut from them.
    pub(crate) truncated_examples: u32,
    pub(crate) truncated_tokens: u64,
}

pub(crate) fn encode_all(model: &Model, pairs: &[TrainingPair], max_length: u32) -> Result<TrainingData, StudyError> {
    let mut data = TrainingData { examples: Vec::with_capacity(pairs.len()), truncated_examples: 0, truncated_tokens: 0 };
    for pair in pairs {
        let Encoded { example, cut_tokens } = encode(model, pair, max_length)?;
        data.examples.push(example);
        data.truncated_examples += u32::from(cut_tokens > 0);
        data.truncated_tokens += cut_tokens as u64;
    }
    Ok(data)
}

/// Tokens of a text behind a prompt, as a model reads the two together: (what stays of the prompt's, the others), both within `longest`.
pub(crate) fn encode_continued(model: &Model, prompt: &str, text: &str, longest: usize) -> Result<(Vec<u32>, Vec<u32>), StudyError> {
    let encode = |text: &str| model.tokenizer().encode(text, true).map_err(StudyError::from_engine);
    let (prompt, mut whole) = (encode(prompt)?, encode(&format!("{prompt}{text}"))?);
    whole.truncate(longest);
    let behind = whole.split_off(common_prefix(&prompt, &whole));
    Ok((whole, behind))
}

fn common_prefix(one: &[u32], other: &[u32]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// The pair is encoded as one text and parted where the prompt's own tokens end, so that a tokenizer that marks the
/// beginning of a text marks it once.
fn encode(model: &Model, pair: &TrainingPair, max_length: u32) -> Result<Encoded, StudyError> {
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
    let common = common_prefix(prompt, &whole);
    let end = whole.len().min(max_length);
    let example = || Example { context: whole[..common].to_vec(), target: whole[common..end].to_vec() };
    (common < end).then(|| Encoded { example: example(), cut_tokens: whole.len() - end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_parted_where_the_prompts_tokens_end() {
        let check = |prompt: &[u32], whole: &[u32], max_length: usize, expected: Option<(&[u32], &[u32], usize)>| {
            let encoded = split(prompt, whole.to_vec(), max_length);
            let seen = encoded.as_ref().map(|encoded| (&encoded.example.context[..], &encoded.example.target[..], encoded.cut_tokens));
            assert_eq!(seen, expected);
        };
        check(&[1, 2], &[1, 2, 3, 4], 8, Some((&[1, 2], &[3, 4], 0)));
        // the last token of the prompt grew with the target
        check(&[1, 2], &[1, 9, 4], 8, Some((&[1], &[9, 4], 0)));
        check(&[1, 2], &[1, 2, 3, 4], 3, Some((&[1, 2], &[3], 1)));
        check(&[1, 2], &[1, 2, 3], 2, None);
    }
}
