//! The logit lens (nostalgebraist 2020): what a decoder would say next if it stopped after a layer.
//!
//! The hidden state of every layer and position goes through the model's own head: final norm, `project_out`, unembedding. Layer 0
//! is what the first layer sees (the embedding, with positions and the embedding's norm where the model has them), layer `i` what
//! layer `i` gives; the last layer's distributions are the model's own. OPT-350m has no final norm and so gets none.

use crate::{
    EngineError, Flow, Lora, Model, Signal,
    batch::Batch,
    distribution::{Distribution, TokenProbability},
    slices::values,
    unembedding::{LOGIT_ROWS, Unembedding},
};
use candle_core::Tensor;
use rayon::prelude::*;

const WHAT: &str = "logit lens";

/// What is told of each cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LensOptions {
    /// Number of likeliest tokens; 0: none.
    pub top_k: usize,
    /// A token whose probability is told in every cell.
    pub token: Option<u32>,
}

/// One layer at one position.
#[derive(Debug, Clone, PartialEq)]
pub struct LensCell {
    /// The likeliest next tokens, likeliest first.
    pub top: Vec<TokenProbability>,
    /// Of the distribution, nats: from 0 to ln of the vocabulary.
    pub entropy: f64,
    /// Probability of [`LensOptions::token`].
    pub chosen: Option<f64>,
    /// KL(original's cell || this cell), nats; 0 in the original's own panel.
    pub kl: f64,
}

/// One arm's cells.
#[derive(Debug, Clone, PartialEq)]
pub struct LensPanel {
    /// `layers[layer][position]`: one more than the model has layers, as many positions as tokens were read.
    pub layers: Vec<Vec<LensCell>>,
}

/// What a panel of another model (trained in full) is compared with: the original's states before its unembedding, f32
/// `[positions, width]` for each layer, and its table. Logits are computed from them one layer at a time.
#[derive(Debug, Clone)]
pub struct OriginalLens {
    tokens: Vec<u32>,
    /// By layer.
    states: Vec<Tensor>,
    unembedding: Unembedding,
}

/// A prompt seen through a model and its adapters.
#[derive(Debug, Clone)]
pub struct Lens {
    pub original: LensPanel,
    /// In the order of the adapters.
    pub loras: Vec<LensPanel>,
    pub kept: OriginalLens,
}

impl OriginalLens {
    /// The prompt that was read.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }
}

/// Panels of the model alone and of each adapter over it, computed as one batch; `tokens` are read, each of them a position. At
/// most two pieces of 256 positions x vocabulary are held. Tells `Scored` after each layer.
///
/// Errors: classifiers and encoders, no token, tokens outside the vocabulary, a prompt that is too long, weights that give no
/// numbers, [`EngineError::Stopped`].
pub fn lens(
    model: &Model,
    loras: &[&Lora],
    tokens: &[u32],
    options: &LensOptions,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<Lens, EngineError> {
    let unembedding = Unembedding::of(model, WHAT)?;
    check(model, tokens, options, &unembedding)?;
    let mut batch = Batch::default();
    batch.push(tokens, 0, None);
    (0..loras.len()).for_each(|arm| batch.push(tokens, 0, Some(arm)));
    let mut panels = vec![LensPanel { layers: Vec::new() }; loras.len() + 1];
    let mut kept = Vec::new();
    each_few_layers(model, loras, &batch, tokens.len(), observer, |first, states| {
        let rows = |panel: usize| {
            let of_layer = |states: &Tensor| states.narrow(0, panel * tokens.len(), tokens.len());
            Ok::<_, EngineError>(Tensor::cat(&states.iter().map(of_layer).collect::<Result<Vec<_>, _>>()?, 0)?)
        };
        let original = rows(0)?;
        let arms = (1..=loras.len()).map(rows).collect::<Result<Vec<_>, _>>()?;
        let arms: Vec<(&Unembedding, &Tensor)> = arms.iter().map(|states| (&unembedding, states)).collect();
        let all = cells(first, tokens.len(), (&unembedding, &original), true, &arms, options)?;
        panels.iter_mut().zip(all).for_each(|(panel, cells)| panel.take(cells, tokens.len()));
        for layer in 0..states.len() {
            // memory of its own: a part would keep the whole
            kept.push(original.narrow(0, layer * tokens.len(), tokens.len())?.copy()?);
        }
        Ok(())
    })?;
    let original = panels.remove(0);
    Ok(Lens { original, loras: panels, kept: OriginalLens { tokens: tokens.to_vec(), states: kept, unembedding } })
}

/// The panel of another model of the same shape, one trained in full: over the same tokens, compared with what was kept.
///
/// Errors: as [`lens`]; another number of layers or another vocabulary than the original's.
pub fn lens_of_another(
    model: &Model,
    original: &OriginalLens,
    options: &LensOptions,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<LensPanel, EngineError> {
    let unembedding = Unembedding::of(model, WHAT)?;
    check(model, &original.tokens, options, &unembedding)?;
    unembedding.check_same_vocabulary(&original.unembedding)?;
    let layers = model.info().layers + 1;
    if layers != original.states.len() {
        return Err(EngineError::Input(format!(
            "the model has {} layers, the original one {}; compare models of the same shape",
            layers - 1,
            original.states.len() - 1
        )));
    }
    let mut batch = Batch::default();
    batch.push(&original.tokens, 0, None);
    let mut panel = LensPanel { layers: Vec::with_capacity(layers) };
    let positions = original.tokens.len();
    each_few_layers(model, &[], &batch, positions, observer, |first, states| {
        let (own, kept) = (Tensor::cat(states, 0)?, Tensor::cat(&original.states[first..first + states.len()], 0)?);
        let all = cells(first, positions, (&original.unembedding, &kept), false, &[(&unembedding, &own)], options)?;
        all.into_iter().for_each(|cells| panel.take(cells, positions));
        Ok(())
    })?;
    Ok(panel)
}

fn check(model: &Model, tokens: &[u32], options: &LensOptions, unembedding: &Unembedding) -> Result<(), EngineError> {
    if tokens.is_empty() {
        return Err(EngineError::Input("the prompt has no token; the logit lens needs at least one".into()));
    }
    if let Some(token) = options.token.filter(|token| *token as usize >= unembedding.vocabulary()) {
        return Err(EngineError::Input(format!(
            "token = {token} is outside the model's vocabulary; choose one from 0 to {}",
            unembedding.vocabulary() - 1
        )));
    }
    model.check_tokens(tokens)
}

impl LensPanel {
    /// The cells of whole layers.
    fn take(&mut self, cells: Vec<LensCell>, positions: usize) {
        let mut cells = cells.into_iter();
        while cells.len() > 0 {
            self.layers.push(cells.by_ref().take(positions).collect());
        }
    }
}

/// Runs a batch and shows what the unembedding would see after each layer: some layers at a time, the first's number with them. The
/// table of the unembedding is by far the largest matrix: it is read once for as many layers as fill a block of logits.
fn each_few_layers(
    model: &Model,
    loras: &[&Lora],
    batch: &Batch,
    positions: usize,
    observer: &mut dyn FnMut(Signal) -> Flow,
    mut see: impl FnMut(usize, &[Tensor]) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let network = model.network(loras);
    let rows: Vec<u32> = (0..batch.rows() as u32).collect();
    let total = model.info().layers + 1;
    let mut unseen = Vec::new();
    network.each_layer(batch, |layer, hidden| {
        unseen.push(network.before_unembedding(hidden, &rows, &batch.arms)?);
        if (unseen.len() + 1) * positions > LOGIT_ROWS || layer + 1 == total {
            see(layer + 1 - unseen.len(), &unseen)?;
            unseen.clear();
        }
        let signal = Signal::Scored { done: layer + 1, total, tokens: batch.rows() as u64 };
        if observer(signal).is_break() { Err(EngineError::Stopped) } else { Ok(()) }
    })
}

/// Cells of some layers for the original, where asked for, and then for each arm: the first layer's positions, then the next one's. The
/// original's distributions are made once.
fn cells(
    first: usize,
    positions: usize,
    original: (&Unembedding, &Tensor),
    with_original: bool,
    arms: &[(&Unembedding, &Tensor)],
    options: &LensOptions,
) -> Result<Vec<Vec<LensCell>>, EngineError> {
    let rows = original.1.dims()[0];
    let mut all = vec![Vec::with_capacity(rows); arms.len() + usize::from(with_original)];
    for start in (0..rows).step_by(LOGIT_ROWS) {
        let count = LOGIT_ROWS.min(rows - start);
        let logits = |(unembedding, states): (&Unembedding, &Tensor)| unembedding.logits(&states.narrow(0, start, count)?);
        let named = |whose: &str, row: usize| {
            let (layer, position) = (first + (start + row) / positions, (start + row) % positions);
            format!("{whose} after layer {layer} at position {position}")
        };
        let original = logits(original)?;
        let original = values(&original)?;
        let vocabulary = original.len() / count;
        let originals: Vec<Distribution<'_>> = original
            .par_chunks(vocabulary)
            .enumerate()
            .map(|(row, logits)| Distribution::of(logits, || named("the original model", row)))
            .collect::<Result<_, EngineError>>()?;
        let mut panels = all.iter_mut();
        if with_original && let Some(cells) = panels.next() {
            cells.extend(originals.par_iter().map(|of| cell(of, 0.0, options)).collect::<Vec<_>>());
        }
        for (arm, cells) in arms.iter().zip(panels) {
            let logits = logits(*arm)?;
            let logits = values(&logits)?;
            let row = |(row, (logits, original)): (usize, (&[f32], &Distribution<'_>))| {
                let of = Distribution::of(logits, || named("an arm", row))?;
                Ok(cell(&of, original.kl(&of), options))
            };
            cells.extend(logits.par_chunks(vocabulary).zip(&originals).enumerate().map(row).collect::<Result<Vec<_>, EngineError>>()?);
        }
    }
    Ok(all)
}

fn cell(of: &Distribution<'_>, kl: f64, options: &LensOptions) -> LensCell {
    LensCell { top: of.top(options.top_k), entropy: of.entropy(), chosen: options.token.map(|token| of.probability(token)), kl }
}
