//! Chat templates: how a model wants a user's turn to be written.

/// How a user's turn is put to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatTemplate {
    /// The model's own Jinja template, with its special tokens.
    Jinja { template: String, bos: String, eos: String },
    /// Tulu's `<|user|>` and `<|assistant|>`, as in the paper.
    Tulu,
    /// No chat model: the text as it is.
    Plain,
}

impl ChatTemplate {
    /// The text that the model continues with its answer.
    pub fn user_turn(&self, _text: &str) -> Result<String, crate::EngineError> {
        unimplemented!()
    }
}
