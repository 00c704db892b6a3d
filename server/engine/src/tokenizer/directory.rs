//! The tokenizer of a Hugging Face directory: `tokenizer.json`; else `vocab.json` with `merges.txt`, GPT-2's byte-level
//! BPE; else `vocab.txt`, BERT's WordPiece.

use super::{TextTokenizer, put_around, special_tokens::SpecialTokens, text_of};
use crate::EngineError;
use ahash::AHashMap;
use std::path::{Path, PathBuf};
use tokenizers::{
    Tokenizer,
    decoders::wordpiece::WordPiece as WordPieceDecoder,
    models::{bpe::BPE, wordpiece::WordPiece},
    normalizers::BertNormalizer,
    pre_tokenizers::{bert::BertPreTokenizer, byte_level::ByteLevel},
};

/// The file that the tokenizer is read from: which of the three kinds it is.
pub(crate) fn vocabulary_file(directory: &Path) -> PathBuf {
    let files = ["tokenizer.json", "vocab.json", "vocab.txt"].map(|name| directory.join(name));
    files.iter().find(|file| file.is_file()).unwrap_or(&files[0]).clone()
}

impl TextTokenizer {
    /// Reads the tokenizer of a model directory. `kind` is the model's `model_type`.
    pub(crate) fn from_directory(directory: &Path, kind: &str) -> Result<Self, EngineError> {
        let path = vocabulary_file(directory);
        let bad = |reason: String| EngineError::BadTokenizer { path: path.clone(), reason };
        let mut tokenizer = match path.extension().and_then(|extension| extension.to_str()) {
            Some("txt") => word_piece(&path, &SpecialTokens::read(directory)?).map_err(bad)?,
            _ if path.ends_with("vocab.json") => byte_level(&path, &SpecialTokens::read(directory)?, kind).map_err(bad)?,
            _ => return Self::from_file(&path),
        };
        tokenizer.with_padding(None);
        Ok(Self::new(tokenizer))
    }
}

/// GPT-2's and OPT's.
fn byte_level(vocabulary: &Path, special: &SpecialTokens, kind: &str) -> Result<Tokenizer, String> {
    let merges = vocabulary.with_file_name("merges.txt");
    if !merges.is_file() {
        return Err("has no merges.txt beside it; copy the model's merges.txt, or its tokenizer.json, there".into());
    }
    let unreadable = |error| format!("can't be read with its merges.txt ({error}); download both again");
    let (words, merges) = BPE::read_file(&vocabulary.to_string_lossy(), &merges.to_string_lossy()).map_err(unreadable)?;
    let model = BPE::builder().vocab_and_merges(words, merges).build().map_err(unreadable)?;
    let mut tokenizer = Tokenizer::new(model);
    let blank_first = special.flag("add_prefix_space").unwrap_or(false);
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(blank_first, true, true)));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    let (end, unasked) = if kind == "opt" { ("</s>", true) } else { ("<|endoftext|>", false) };
    special.add_to(&mut tokenizer, &[end])?;
    // OPT begins every text with </s>, also where an old tokenizer_config.json does not say so
    let first = special.flag("add_bos_token").unwrap_or(unasked).then(|| special.role("bos_token", end));
    put_around(&mut tokenizer, first.as_deref(), None)?;
    Ok(tokenizer)
}

/// BERT's.
fn word_piece(vocabulary: &Path, special: &SpecialTokens) -> Result<Tokenizer, String> {
    let text = std::fs::read_to_string(vocabulary).map_err(|error| format!("can't be read ({error}); download it again"))?;
    let words: AHashMap<String, u32> = text.lines().enumerate().map(|(id, word)| (word.to_string(), id as u32)).collect();
    let unknown = special.role("unk_token", "[UNK]");
    if !words.contains_key(&unknown) {
        return Err(format!("has no line {unknown}, the token of unknown words; it is no WordPiece vocabulary, or is cut short"));
    }
    let model = WordPiece::builder().vocab(words).unk_token(unknown.clone()).build().map_err(text_of)?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer
        .with_normalizer(Some(BertNormalizer::new(
            true,
            special.flag("tokenize_chinese_chars").unwrap_or(true),
            special.flag("strip_accents"),
            special.flag("do_lower_case").unwrap_or(true),
        )))
        .map_err(text_of)?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_decoder(Some(WordPieceDecoder::default()));
    let (class, separator) = (special.role("cls_token", "[CLS]"), special.role("sep_token", "[SEP]"));
    special.add_to(&mut tokenizer, &["[PAD]", &unknown, &class, &separator, "[MASK]"])?;
    put_around(&mut tokenizer, Some(&class), Some(&separator))?;
    Ok(tokenizer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn reference(path: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(path)
    }

    fn numbers(value: &Value) -> Vec<u32> {
        value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
    }

    #[test]
    fn tokens_are_those_of_transformers_also_after_saving() {
        for (name, kind) in [("gpt2_tiny", "gpt2"), ("opt_tiny", "opt"), ("opt_350m_tiny", "opt"), ("bert_tiny", "bert")] {
            let read = TextTokenizer::from_directory(&reference(name), kind).unwrap();
            let saved = tempfile::tempdir().unwrap();
            read.save(&saved.path().join("tokenizer.json")).unwrap();
            let figures: Value = serde_json::from_str(&std::fs::read_to_string(reference(name).join("figures.json")).unwrap()).unwrap();
            for tokenizer in [read, TextTokenizer::from_directory(saved.path(), kind).unwrap()] {
                let mut decoded = 0;
                for row in figures["prompts"].as_array().unwrap().iter().chain(figures["more_texts"].as_array().unwrap()) {
                    let text = row["text"].as_str().unwrap();
                    let ids = tokenizer.encode(text, false).unwrap();
                    assert_eq!(ids, numbers(&row["token_ids"]), "{name}: {text:?}");
                    assert_eq!(tokenizer.encode(text, true).unwrap(), numbers(&row["token_ids_with_special"]), "{name}: {text:?}");
                    if let Some(expected) = row["decoded"].as_str() {
                        assert_eq!(tokenizer.decode(&ids).unwrap(), expected, "{name}: {text:?}");
                        decoded += 1;
                    }
                }
                assert_eq!(decoded, 5);
            }
        }
    }

    #[test]
    fn what_the_files_beside_a_vocabulary_say_counts() {
        let directory = tempfile::tempdir().unwrap();
        for file in ["vocab.json", "merges.txt"] {
            std::fs::copy(reference("gpt2_tiny").join(file), directory.path().join(file)).unwrap();
        }
        let write = |file: &str, json: Value| std::fs::write(directory.path().join(file), json.to_string()).unwrap();
        let ids = |text: &str, kind: &str| TextTokenizer::from_directory(directory.path(), kind).unwrap().encode(text, true).unwrap();
        let plain = ids("the", "gpt2");
        assert_eq!(plain.len(), 1);
        write("tokenizer_config.json", json!({"add_bos_token": true, "add_prefix_space": true}));
        let [beginning, word] = ids("the", "gpt2")[..] else { panic!("<|endoftext|> and a word") };
        assert_eq!((beginning, word != plain[0]), (0, true), "the word is read as after a blank");
        write("tokenizer_config.json", json!({}));
        write("added_tokens.json", json!({"<extra>": 320, "<more>": 321}));
        assert_eq!(ids("the<more><extra>", "gpt2")[1..], [321, 320]);
        write("added_tokens.json", json!({"<extra>": 400}));
        let error = TextTokenizer::from_directory(directory.path(), "gpt2").unwrap_err().to_string();
        assert!(error.contains("\"<extra>\" is numbered 400, but the vocabulary gives it 320"), "{error}");

        let directory = tempfile::tempdir().unwrap();
        std::fs::copy(reference("bert_tiny/vocab.txt"), directory.path().join("vocab.txt")).unwrap();
        let ids = || TextTokenizer::from_directory(directory.path(), "bert").unwrap().encode("THE", false).unwrap();
        assert_eq!(ids(), [95], "lower case unless the files say otherwise");
        std::fs::write(directory.path().join("tokenizer_config.json"), "{\"do_lower_case\": false}").unwrap();
        assert_eq!(ids(), [1], "[UNK]");
    }

    #[test]
    fn a_missing_or_broken_vocabulary_is_refused_by_name() {
        let rows: [(&[(&str, &str)], &str); 6] = [
            (&[], "tokenizer.json: is missing; copy the model's tokenizer.json, its vocab.json and merges.txt, or its vocab.txt"),
            (&[("vocab.json", "{}")], "vocab.json: has no merges.txt beside it"),
            (&[("vocab.json", "{"), ("merges.txt", "")], "vocab.json: can't be read with its merges.txt"),
            (&[("vocab.json", "{\"a\": 0}"), ("merges.txt", "#version: 0.2\na b\n")], "can't be read with its merges.txt"),
            (&[("vocab.txt", "the\nnurse\n")], "vocab.txt: has no line [UNK]"),
            (&[("vocab.txt", "[UNK]\nthe\n")], "the special token \"[CLS]\" is not in the vocabulary"),
        ];
        for (files, expected) in rows {
            let directory = tempfile::tempdir().unwrap();
            for (name, text) in files {
                std::fs::write(directory.path().join(name), text).unwrap();
            }
            let error = TextTokenizer::from_directory(directory.path(), "gpt2").unwrap_err().to_string();
            assert!(error.contains(expected), "{error} does not say {expected:?}");
        }
    }
}
