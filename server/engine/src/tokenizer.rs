//! Text to tokens and back: `tokenizer.json`, or the vocabulary inside a GGUF file.

use crate::EngineError;
use std::{collections::HashMap, path::Path, sync::Arc};
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

/// A model's tokenizer.
#[derive(Clone)]
pub struct TextTokenizer {
    inner: Arc<Tokenizer>,
    /// Put in front where special tokens are asked for and the file's own post-processor does not do it.
    bos: Option<u32>,
}

impl std::fmt::Debug for TextTokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextTokenizer({} tokens)", self.inner.get_vocab_size(true))
    }
}

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
    /// Reads `tokenizer.json`.
    pub fn from_file(path: &Path) -> Result<Self, EngineError> {
        if !path.is_file() {
            return Err(EngineError::BadTokenizer {
                path: path.into(),
                reason: "is missing; copy the model's tokenizer.json beside its weights".into(),
            });
        }
        let mut inner = Tokenizer::from_file(path)
            .map_err(|error| EngineError::BadTokenizer { path: path.into(), reason: format!("can't be read: {error}") })?;
        // padding and truncation of the file's maker would change what is measured
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| EngineError::BadTokenizer { path: path.into(), reason: error.to_string() })?;
        Ok(Self { inner: Arc::new(inner), bos: None })
    }

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
        Ok(Self { inner: Arc::new(inner), bos: vocabulary.bos.filter(|_| add_bos) })
    }

    /// Token ids of `text`; with `special`, what the model's own tokenizer adds (a beginning-of-sequence token).
    /// Special tokens written out in the text (`<|im_start|>`) are recognised.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, EngineError> {
        let encoding = self.inner.encode(text, special).map_err(|error| EngineError::Input(format!("text can't be tokenised: {error}")))?;
        Ok(self.bos.filter(|_| special).into_iter().chain(encoding.get_ids().iter().copied()).collect())
    }

    /// The text of `tokens`, special tokens left out.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, EngineError> {
        self.inner.decode(tokens, true).map_err(|error| EngineError::Input(format!("tokens can't be turned into text: {error}")))
    }

    /// The text that `new` adds behind `context`. A SentencePiece tokenizer drops the blank before the first word that it
    /// decodes, so the new tokens alone would lose it.
    pub fn decode_continuation(&self, context: &[u32], new: &[u32]) -> Result<String, EngineError> {
        let before = self.decode(context)?;
        let whole = self.decode(&[context, new].concat())?;
        match whole.strip_prefix(&before) {
            Some(continuation) => Ok(continuation.to_string()),
            None => self.decode(new),
        }
    }

    /// The token as the vocabulary has it.
    pub fn token_text(&self, token: u32) -> Option<String> {
        self.inner.id_to_token(token)
    }

    pub fn token_id(&self, text: &str) -> Option<u32> {
        self.inner.token_to_id(text)
    }

    pub(crate) fn highest_token(&self) -> u32 {
        self.inner.get_vocab(true).into_values().max().unwrap_or(0)
    }

    pub(crate) fn save(&self, path: &Path) -> Result<(), EngineError> {
        self.inner.save(path, false).map_err(|error| EngineError::BadTokenizer { path: path.into(), reason: error.to_string() })
    }
}

fn ids(tokens: &[String]) -> impl Iterator<Item = (String, u32)> {
    tokens.iter().enumerate().map(|(id, token)| (token.clone(), id as u32))
}

fn text_of(error: impl std::fmt::Display) -> String {
    error.to_string()
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
    let model =
        BPE::builder().vocab_and_merges(ids(&vocabulary.tokens).collect::<ahash::AHashMap<_, _>>(), merges).build().map_err(text_of)?;
    let split = |pattern: &str| -> Result<PreTokenizerWrapper, String> {
        Split::new(SplitPattern::Regex(pattern.into()), SplitDelimiterBehavior::Isolated, false)
            .map(PreTokenizerWrapper::from)
            .map_err(text_of)
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
    let mut tokenizer = Tokenizer::new(builder.build().map_err(text_of)?);
    let normalizers =
        vec![NormalizerWrapper::Prepend(Prepend::new("▁".into())), NormalizerWrapper::Replace(Replace::new(" ", "▁").map_err(text_of)?)];
    tokenizer.with_normalizer(Some(NormalizerWrapper::Sequence(NormalizerSequence::new(normalizers)))).map_err(text_of)?;
    let decoders = vec![
        DecoderWrapper::Replace(Replace::new("▁", " ").map_err(text_of)?),
        DecoderWrapper::ByteFallback(ByteFallback::new()),
        DecoderWrapper::Fuse(Fuse::new()),
        DecoderWrapper::Strip(Strip::new(' ', 1, 0)),
    ];
    tokenizer.with_decoder(Some(DecoderWrapper::Sequence(DecoderSequence::new(decoders))));
    Ok(tokenizer)
}
