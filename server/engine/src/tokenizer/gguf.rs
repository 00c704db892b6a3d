//! The vocabulary inside a GGUF file.

use super::{TextTokenizer, put_around};
use crate::EngineError;
use std::{collections::HashMap, path::Path};
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer,
    decoders::{byte_fallback::ByteFallback, fuse::Fuse, sequence::Sequence as DecoderSequence, strip::Strip},
    models::bpe::BPE,
    normalizers::{Prepend, Replace, Sequence as NormalizerSequence},
    pre_tokenizers::{
        byte_level::ByteLevel,
        digits::Digits,
        sequence::Sequence,
        split::{Split, SplitPattern},
    },
};

/// What a GGUF file says of its tokenizer.
pub(crate) struct GgufVocabulary {
    /// `tokenizer.ggml.model`: `gpt2` (byte-level BPE) or `llama` (SentencePiece BPE).
    pub kind: String,
    /// `tokenizer.ggml.pre`: how text is split before the merges.
    pub pre: String,
    pub tokens: Vec<String>,
    pub merges: Vec<String>,
    pub scores: Vec<f32>,
    /// 1 normal, 2 unknown, 3 control, 4 user-defined, 6 byte.
    pub token_types: Vec<i32>,
    pub bos: Option<u32>,
    pub add_bos: Option<bool>,
}

impl TextTokenizer {
    pub(crate) fn from_gguf(path: &Path, vocabulary: GgufVocabulary) -> Result<Self, EngineError> {
        let bad = |reason: String| EngineError::BadTokenizer { path: path.into(), reason };
        let mut inner = match vocabulary.kind.as_str() {
            "gpt2" => byte_level(&vocabulary).map_err(bad)?,
            "llama" => sentence_piece(&vocabulary).map_err(bad)?,
            other => return Err(bad(format!("tokenizer kind {other:?} is not supported; supported are gpt2, llama"))),
        };
        let special = |wanted: &[i32], special: bool| -> Vec<AddedToken> {
            let types = vocabulary.tokens.iter().zip(&vocabulary.token_types);
            types
                .filter(|(_, kind)| wanted.contains(kind))
                .map(|(token, _)| AddedToken::from(token.clone(), special).normalized(false))
                .collect()
        };
        inner.add_special_tokens(special(&[2, 3], true)).map_err(|error| bad(error.to_string()))?;
        inner.add_tokens(special(&[4], false)).map_err(|error| bad(error.to_string()))?;
        let add_bos = vocabulary.add_bos.unwrap_or(vocabulary.kind == "llama");
        let first = vocabulary.bos.filter(|_| add_bos).and_then(|bos| vocabulary.tokens.get(bos as usize));
        put_around(&mut inner, first.map(String::as_str), None).map_err(bad)?;
        Ok(Self::new(inner))
    }
}

fn ids(tokens: &[String]) -> impl Iterator<Item = (String, u32)> {
    tokens.iter().enumerate().map(|(id, token)| (token.clone(), id as u32))
}

/// GPT-2's byte-level BPE; the pre-tokenizers are named as llama.cpp names them.
fn byte_level(vocabulary: &GgufVocabulary) -> Result<Tokenizer, String> {
    let merges = vocabulary
        .merges
        .iter()
        .map(|merge| {
            merge
                .split_once(' ')
                .map(|(left, right)| (left.to_string(), right.to_string()))
                .ok_or_else(|| format!("merge {merge:?} is no pair"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let model = BPE::builder()
        .vocab_and_merges(ids(&vocabulary.tokens).collect::<ahash::AHashMap<_, _>>(), merges)
        .build()
        .map_err(super::text_of)?;
    let split = |pattern: &str| -> Result<PreTokenizerWrapper, String> {
        Split::new(SplitPattern::Regex(pattern.into()), SplitDelimiterBehavior::Isolated, false)
            .map(PreTokenizerWrapper::from)
            .map_err(super::text_of)
    };
    let bytes = |regex: bool| PreTokenizerWrapper::from(ByteLevel::new(false, true, regex));
    let pre = match vocabulary.pre.as_str() {
        "smollm" => vec![PreTokenizerWrapper::from(Digits::new(true)), bytes(true)],
        "gpt-2" | "default" | "" => vec![bytes(true)],
        "llama-bpe" | "llama3" | "llama-v3" => vec![
            split(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")?,
            bytes(false),
        ],
        "qwen2" => vec![
            split(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")?,
            bytes(false),
        ],
        other => return Err(format!("pre-tokenizer {other:?} is not supported; supported are smollm, gpt-2, llama-bpe, qwen2")),
    };
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(Sequence::new(pre)));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    Ok(tokenizer)
}

/// SentencePiece's BPE. GGUF keeps scores, not merges: a pair merges with the rank of the piece that it makes.
fn sentence_piece(vocabulary: &GgufVocabulary) -> Result<Tokenizer, String> {
    let known: HashMap<&str, usize> = vocabulary.tokens.iter().enumerate().map(|(id, token)| (token.as_str(), id)).collect();
    if vocabulary.scores.len() != vocabulary.tokens.len() {
        return Err("tokenizer.ggml.scores does not go with the tokens".into());
    }
    let mut merges: Vec<(f32, usize, usize, String, String)> = Vec::new();
    for (id, token) in vocabulary.tokens.iter().enumerate() {
        for (cut, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(cut);
            if let (Some(&left_id), Some(&right_id)) = (known.get(left), known.get(right)) {
                merges.push((vocabulary.scores[id], left_id, right_id, left.into(), right.into()));
            }
        }
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let merges = merges.into_iter().map(|(_, _, _, left, right)| (left, right)).collect();
    let unknown = vocabulary.tokens.iter().zip(&vocabulary.token_types).find(|(_, kind)| **kind == 2).map(|(token, _)| token.clone());
    let mut builder = BPE::builder()
        .vocab_and_merges(ids(&vocabulary.tokens).collect::<ahash::AHashMap<_, _>>(), merges)
        .fuse_unk(true)
        .byte_fallback(true);
    if let Some(unknown) = unknown {
        builder = builder.unk_token(unknown);
    }
    let mut tokenizer = Tokenizer::new(builder.build().map_err(super::text_of)?);
    let normalizers = vec![
        NormalizerWrapper::Prepend(Prepend::new("▁".into())),
        NormalizerWrapper::Replace(Replace::new(" ", "▁").map_err(super::text_of)?),
    ];
    tokenizer.with_normalizer(Some(NormalizerWrapper::Sequence(NormalizerSequence::new(normalizers)))).map_err(super::text_of)?;
    let decoders = vec![
        DecoderWrapper::Replace(Replace::new("▁", " ").map_err(super::text_of)?),
        DecoderWrapper::ByteFallback(ByteFallback::new()),
        DecoderWrapper::Fuse(Fuse::new()),
        DecoderWrapper::Strip(Strip::new(' ', 1, 0)),
    ];
    tokenizer.with_decoder(Some(DecoderWrapper::Sequence(DecoderSequence::new(decoders))));
    Ok(tokenizer)
}
