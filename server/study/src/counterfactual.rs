//! Counterfactuals: asked for in the paper's words, read from the numbered list, kept only where they continue the prompt.

use crate::prompt_set::{ROW_LIMIT, ROWS_LIMIT, RowErrors};
use rankscope_domain::{FieldErrors, completion::TrainingPair, results::CounterfactualCounts};
use serde::Deserialize;
use std::{collections::HashSet, path::Path};

/// The paper's instruction, from its Appendix C, chat markers left to the model's own template.
const PAPER: &str = "Consider the following prompt prefix; it leads to toxic outputs: {statement_prefix}.\n\
                     Produce {k} positive, non-toxic counterfactual statements in lowercase for that using the prefix. Only include the \
                     counterfactual statements in your response, separated by newlines. Do not have placeholders for completions. Do not have \
                     incomplete sentences. Do not have any negativity. Do not have duplicate counterfactual statements. Avoid incomplete sentences. \
                     Your response should look like a numbered list. Make sure that you output complete, grammatically correct sentences.";

/// The instruction for one prompt.
pub(crate) fn instruction(own: Option<&str>, prompt: &str, k: u32) -> String {
    own.unwrap_or(PAPER).replace("{k}", &k.to_string()).replace("{statement_prefix}", prompt)
}

/// How the writer's answer is begun for it: the first item already has the prompt. Small models otherwise forget the prefix.
pub(crate) fn answer_start(prompt: &str) -> String {
    format!("1. {prompt}")
}

/// Reads one answer (with its given start); what is dropped is counted. `finished`: the model ended by itself.
pub(crate) fn read_list(
    answer: &str,
    prompt: &str,
    k: u32,
    finished: bool,
    counts: &mut CounterfactualCounts,
    known: &mut HashSet<(String, String)>,
) -> Vec<TrainingPair> {
    let items: Vec<_> = answer.lines().filter_map(|line| item(line, prompt)).collect();
    let last = items.len().saturating_sub(1);
    let mut pairs = Vec::new();
    for (index, text) in items.iter().enumerate().take(k as usize) {
        counts.parsed += 1;
        let cut_short = index == last && !finished && !text.ends_with(['.', '!', '?', '"']);
        let Some(target) = continuation(text, prompt) else {
            counts.dropped_prefix += 1;
            continue;
        };
        if cut_short || is_incomplete(target) {
            counts.dropped_incomplete += 1;
            continue;
        }
        let key = (prompt.to_lowercase(), target.trim().trim_end_matches(['.', '!']).to_lowercase());
        if !known.insert(key) {
            counts.dropped_duplicate += 1;
            continue;
        }
        pairs.push(TrainingPair { prompt: prompt.into(), target: target.into() });
    }
    pairs
}

/// A line of the list without its number and quotes; `None`: the line is no item.
fn item<'a>(line: &'a str, prompt: &str) -> Option<&'a str> {
    let line = line.trim();
    let unquoted = |text: &'a str| text.trim().trim_matches(['"', '“', '”', '*', '`']).trim();
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    if (1..=2).contains(&digits)
        && let Some(rest) = line[digits..].strip_prefix(['.', ')', ':'])
    {
        return Some(unquoted(rest));
    }
    if let Some(rest) = line.strip_prefix(['-', '•', '*'])
        && rest.starts_with(char::is_whitespace)
    {
        return Some(unquoted(rest));
    }
    let bare = unquoted(line);
    continuation(bare, prompt).map(|_| bare)
}

/// What follows the prompt, its case aside, from the blank on.
fn continuation<'a>(text: &'a str, prompt: &str) -> Option<&'a str> {
    let mut rest = text.chars();
    for expected in prompt.trim().chars() {
        if !rest.next()?.to_lowercase().eq(expected.to_lowercase()) {
            return None;
        }
    }
    let rest = rest.as_str();
    // "the man" does not begin "the manager"
    (!rest.starts_with(char::is_alphanumeric)).then(|| rest.trim_end())
}

/// Empty, with a placeholder, broken off, or with a second item run into it.
fn is_incomplete(target: &str) -> bool {
    let runs_on = target.split_whitespace().skip(1).any(|word| {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        (1..=2).contains(&digits) && matches!(&word[digits..], "." | ")")
    });
    runs_on
        || !target.chars().any(char::is_alphabetic)
        || target.contains(['[', ']', '{', '}', '<', '>', '_', '…'])
        || target.contains("...")
        || target.starts_with([':', ',', ';', '*'])
        || target.ends_with([',', ':', ';', '-'])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    prompt: String,
    target: String,
}

/// The user's own pairs: JSONL of `{"prompt","target"}`. Duplicates are dropped and counted.
pub(crate) fn own_pairs(text: &str, path: &Path) -> Result<(Vec<TrainingPair>, CounterfactualCounts), FieldErrors> {
    let mut errors = RowErrors::new("counterfactuals.path", path);
    let mut counts = CounterfactualCounts::default();
    let mut known = HashSet::new();
    let mut pairs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.len() > ROW_LIMIT {
            errors.push(format!("Line {number} has {} bytes; at most {ROW_LIMIT} are read.", line.len()));
        } else if !line.trim().is_empty() {
            counts.requested += 1;
            match serde_json::from_str::<Row>(line) {
                Ok(row) if row.prompt.trim().is_empty() => {
                    errors.push(format!("Line {number}: the prompt is empty; write what the target continues."))
                }
                Ok(row) if row.target.trim().is_empty() => {
                    errors.push(format!("Line {number}: the target is empty; write what is to be learnt."))
                }
                Ok(row) => {
                    counts.parsed += 1;
                    let prompt = row.prompt.trim().to_owned();
                    let target = row.target.trim_end();
                    let joins = prompt.ends_with(char::is_alphanumeric) && target.starts_with(char::is_alphanumeric);
                    let pair = TrainingPair { target: if joins { format!(" {target}") } else { target.into() }, prompt };
                    if known.insert((pair.prompt.clone(), pair.target.clone())) {
                        pairs.push(pair);
                    } else {
                        counts.dropped_duplicate += 1;
                    }
                }
                Err(error) => {
                    let message = error.to_string();
                    let message = message.split(" at line ").next().unwrap_or_default();
                    errors.push(format!(
                        "Line {number}, column {}: {message}; write {{\"prompt\": \"…\", \"target\": \"…\"}} on a line of its own.",
                        error.column()
                    ));
                }
            }
        }
        if errors.is_full() {
            break;
        }
        if pairs.len() > ROWS_LIMIT {
            errors.push(format!("The file has more than {ROWS_LIMIT} pairs; split it."));
            break;
        }
    }
    if pairs.is_empty() {
        errors.push("The file has no pairs.");
    }
    counts.kept = pairs.len() as u32;
    errors.into_result((pairs, counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str, finished: bool) -> (Vec<String>, CounterfactualCounts) {
        let mut counts = CounterfactualCounts::default();
        let pairs = read_list(answer, "the woman works as a", 5, finished, &mut counts, &mut HashSet::new());
        assert!(pairs.iter().all(|pair| pair.prompt == "the woman works as a"));
        (pairs.into_iter().map(|pair| pair.target).collect(), counts)
    }

    #[test]
    fn lists_are_read_in_many_shapes() {
        for shape in [
            "1. the woman works as a doctor.\n2. the woman works as a judge.",
            "1) The woman works as a doctor.\n\n2) THE WOMAN works as a judge.\n",
            "- the woman works as a doctor.\n* the woman works as a judge.",
            "1. \"the woman works as a doctor.\"\n2. **the woman works as a judge.**",
            "Here is the list:\nthe woman works as a doctor.\nthe woman works as a judge.\nI hope this helps!",
            "1: the woman works as a doctor.\n10. the woman works as a judge.",
        ] {
            let (targets, counts) = read(shape, true);
            assert_eq!(targets, [" doctor.", " judge."], "{shape}");
            assert_eq!((counts.parsed, counts.dropped_prefix), (2, 0), "{shape}");
        }
    }

    #[test]
    fn whatever_is_dropped_is_counted() {
        let answer = "1. the woman works as a doctor.\n2. She works as a doctor.\n3. the woman works as a Doctor\n4. the woman works as a [job].\n5. the woman works as a\n6. the woman works as a pilot.";
        let (targets, counts) = read(answer, true);
        assert_eq!(targets, [" doctor."]);
        assert_eq!((counts.parsed, counts.dropped_prefix, counts.dropped_duplicate, counts.dropped_incomplete), (5, 1, 1, 2));
    }

    #[test]
    fn items_that_are_no_sentence_are_incomplete() {
        for wrong in ["", " .", " a [job].", " very ...", " kind,", ": a doctor.", " Fiona. 2. They came.", " one 3) two"] {
            assert!(is_incomplete(wrong), "{wrong:?}");
        }
        for right in [" doctor.", " one of 2 doctors.", " nurse at the age of 45 years.", "'s friend"] {
            assert!(!is_incomplete(right), "{right:?}");
        }
    }

    #[test]
    fn an_item_that_was_cut_short_is_dropped() {
        let answer = "1. the woman works as a doctor.\n2. the woman works as a jud";
        assert_eq!(read(answer, false).0, [" doctor."]);
        assert_eq!(read(answer, true).0, [" doctor.", " jud"]);
        assert_eq!(read("1. the woman works as a doctor.", false).0, [" doctor."]);
    }

    #[test]
    fn a_prefix_ends_where_a_word_ends() {
        assert_eq!(continuation("the manager is kind", "the man"), None);
        assert_eq!(continuation("The man is kind", "the man"), Some(" is kind"));
        assert_eq!(continuation("the", "the man"), None);
        // a letter whose small form is longer
        assert_eq!(continuation("İzmir is fine", "i̇zmir"), None);
        assert_eq!(continuation("ÉCOLE est belle", "école"), Some(" est belle"));
    }

    #[test]
    fn the_instruction_is_the_papers_unless_the_recipe_has_one() {
        let text = instruction(None, "she is a", 5);
        assert!(text.contains("toxic outputs: she is a.\nProduce 5 positive") && !text.contains('{'), "{text}");
        assert_eq!(instruction(Some("{k} x {statement_prefix}"), "{k}", 2), "2 x {k}");
    }

    #[test]
    fn own_pairs_are_read_and_wrong_lines_named() {
        let text = "{\"prompt\": \"she is a\", \"target\": \"doctor\"}\n{\"prompt\": \"she is a\", \"target\": \" doctor\"}\n";
        let (pairs, counts) = own_pairs(text, Path::new("p.jsonl")).unwrap();
        assert_eq!(pairs, [TrainingPair { prompt: "she is a".into(), target: " doctor".into() }]);
        assert_eq!((counts.requested, counts.parsed, counts.dropped_duplicate, counts.kept), (2, 2, 1, 1));
        let wrong = "{\"prompt\": \"\", \"target\": \"x\"}\n{\"prompt\": \"x\", \"target\": \" \"}\n{\"prompt\": \"x\"}\n{\"prompt\": \"x\", \"target\": \"y\", \"z\": 1}\n";
        let error = own_pairs(wrong, Path::new("p.jsonl")).unwrap_err().to_string();
        for part in [
            "Line 1: the prompt",
            "Line 2: the target",
            "Line 3, column",
            "missing field `target`",
            "unknown field `z`",
            "no pairs",
            "p.jsonl",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
