//! Text to tokens and back.

/// A model's tokenizer.
#[derive(Debug, Clone)]
pub struct TextTokenizer {}

impl TextTokenizer {
    /// Token ids of `text`; with `special`, what the model's own tokenizer adds (a beginning-of-sequence token).
    /// Special tokens written out in the text (`<|im_start|>`) are recognised.
    pub fn encode(&self, _text: &str, _special: bool) -> Result<Vec<u32>, crate::EngineError> {
        unimplemented!()
    }

    /// The text of `tokens`, special tokens left out.
    pub fn decode(&self, _tokens: &[u32]) -> Result<String, crate::EngineError> {
        unimplemented!()
    }
}
