//! Text to tokens and back: `tokenizer.json`, the older `vocab.json` with `merges.txt` or `vocab.txt`, or the vocabulary
//! inside a GGUF file.

mod directory;
mod gguf;
mod special_tokens;

pub(crate) use directory::vocabulary_file;
pub(crate) use gguf::GgufVocabulary;

use crate::EngineError;
use std::{path::Path, sync::Arc};
use tokenizers::{Tokenizer, processors::template::TemplateProcessing};

/// A model's tokenizer.
#[derive(Clone)]
pub struct TextTokenizer {
    inner: Arc<Tokenizer>,
}

impl std::fmt::Debug for TextTokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextTokenizer({} tokens)", self.inner.get_vocab_size(true))
    }
}

impl TextTokenizer {
    fn new(inner: Tokenizer) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Reads `tokenizer.json`.
    pub fn from_file(path: &Path) -> Result<Self, EngineError> {
        if !path.is_file() {
            return Err(EngineError::BadTokenizer {
                path: path.into(),
                reason: "is missing; copy the model's tokenizer.json, its vocab.json and merges.txt, or its vocab.txt, beside its weights"
                    .into(),
            });
        }
        let mut inner = Tokenizer::from_file(path)
            .map_err(|error| EngineError::BadTokenizer { path: path.into(), reason: format!("can't be read: {error}") })?;
        // padding and truncation of the file's maker would change what is measured
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| EngineError::BadTokenizer { path: path.into(), reason: error.to_string() })?;
        Ok(Self::new(inner))
    }

    /// Token ids of `text`; with `special`, what the model's own tokenizer adds (a beginning-of-sequence token).
    /// Special tokens written out in the text (`<|im_start|>`) are recognised.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, EngineError> {
        let encoding = self.inner.encode(text, special).map_err(|error| EngineError::Input(format!("text can't be tokenised: {error}")))?;
        Ok(encoding.get_ids().to_vec())
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

fn text_of(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Makes the tokenizer put special tokens of its vocabulary around every text for which they are asked.
fn put_around(tokenizer: &mut Tokenizer, first: Option<&str>, last: Option<&str>) -> Result<(), String> {
    if first.is_none() && last.is_none() {
        return Ok(());
    }
    let id = |token: &str| tokenizer.token_to_id(token).ok_or_else(|| format!("the special token {token:?} is not in the vocabulary"));
    let known = first.into_iter().chain(last).map(|token| Ok((token.to_string(), id(token)?))).collect::<Result<Vec<_>, String>>()?;
    let pieces: Vec<String> = first.into_iter().chain(["$A"]).chain(last).map(str::to_string).collect();
    let template = TemplateProcessing::builder().try_single(pieces).map_err(text_of)?.special_tokens(known).build().map_err(text_of)?;
    tokenizer.with_post_processor(Some(template));
    Ok(())
}
