//! What the lens saw, in the domain's words: tokens made visible, the continuation as text.

use crate::{StudyError, token_text::visible_token};
use rankscope_domain::{
    CellId,
    inspection::{LensCellView, LensReading, LensToken},
};
use rankscope_engine::{GenerationOptions, LensCell, LensPanel, Model};

/// A prompt and its tokens, as every arm reads them.
pub(crate) struct LensPrompt<'a> {
    pub(crate) text: &'a str,
    pub(crate) tokens: &'a [u32],
}

/// A cell's panel, and the tokens that it went on with. `model`'s tokenizer is that of all arms.
pub(crate) fn reading(
    model: &Model,
    cell: CellId,
    prompt: &LensPrompt<'_>,
    panel: &LensPanel,
    written: &[u32],
) -> Result<LensReading, StudyError> {
    let continuation = model.tokenizer().decode_continuation(prompt.tokens, written).map_err(StudyError::from_engine)?;
    Ok(LensReading {
        cell,
        prompt: prompt.text.into(),
        tokens: prompt.tokens.iter().map(|token| visible_token(model.tokenizer(), *token)).collect(),
        continuation,
        layers: panel.layers.iter().map(|layer| layer.iter().map(|cell| view(model, cell)).collect()).collect(),
    })
}

/// How panels are continued.
pub(crate) fn greedy(max_new_tokens: usize, batch_size: usize) -> GenerationOptions {
    GenerationOptions { max_new_tokens, do_sample: false, temperature: 1.0, top_p: 1.0, top_k: 0, batch_size }
}

fn view(model: &Model, cell: &LensCell) -> LensCellView {
    let token = |token: &rankscope_engine::TokenProbability| LensToken {
        text: visible_token(model.tokenizer(), token.token),
        probability: token.probability,
    };
    LensCellView { top: cell.top.iter().map(token).collect(), entropy: cell.entropy, kl: cell.kl }
}
