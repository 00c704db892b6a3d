//! How far an arm's next-token distributions are from the original model's, over the full vocabulary.
//!
//! The original's body reads every sequence once; what its unembedding sees is kept, which is small (f32 `[positions, width]`), and
//! gives the same logits again, piece by piece, for however many arms follow: also for those whose model is loaded later.

use crate::{
    EngineError, Flow, Lora, Model, Signal,
    batch::Batch,
    distribution::{Distribution, Divergence},
    slices::values,
    unembedding::{LOGIT_ROWS, Unembedding},
};
use candle_core::Tensor;
use rayon::prelude::*;

/// Rows computed at a time, unless one sequence has more.
const BATCH_ROWS: usize = 1024;

const WHAT: &str = "divergence";

/// A text, and at which of its positions distributions are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedSequence {
    tokens: Vec<u32>,
    first: usize,
}

impl ComparedSequence {
    /// The distribution after a prompt. An error for an empty one.
    pub fn last_position(prompt: &[u32]) -> Result<Self, EngineError> {
        match prompt.len() {
            0 => Err(EngineError::Input("a prompt has no token; the divergence of next tokens needs at least one".into())),
            length => Ok(Self { tokens: prompt.to_vec(), first: length - 1 }),
        }
    }

    /// The distributions that predict each token of a continuation; of an empty one there is none. An error for an empty prompt.
    pub fn continuation(prompt: &[u32], continuation: &[u32]) -> Result<Self, EngineError> {
        let mut sequence = Self::last_position(prompt)?;
        match continuation.split_last() {
            // the last token is predicted and not read
            Some((_, read)) => sequence.tokens.extend_from_slice(read),
            None => sequence.first += 1,
        }
        Ok(sequence)
    }

    /// Number of positions that are compared.
    pub fn positions(&self) -> usize {
        self.tokens.len() - self.first
    }
}

/// What arms are compared with: the original's states before its unembedding, at the compared positions.
#[derive(Debug, Clone)]
pub struct OriginalPredictions {
    sequences: Vec<ComparedSequence>,
    /// `[positions, width]` of each batch that was read.
    states: Vec<Tensor>,
    /// By sequence: which batch, and the row of its first position there.
    places: Vec<(usize, usize)>,
    unembedding: Unembedding,
}

/// One sequence read by one arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Index into the original's sequences.
    pub sequence: usize,
    /// Index into `loras`; `None`: the model alone, which is another one than the original.
    pub lora: Option<usize>,
}

impl OriginalPredictions {
    /// Reads all sequences. Tells `Scored` after each batch of them.
    ///
    /// Errors: classifiers and encoders, tokens outside the vocabulary, sequences that are too long, [`EngineError::Stopped`].
    pub fn of(model: &Model, sequences: Vec<ComparedSequence>, observer: &mut dyn FnMut(Signal) -> Flow) -> Result<Self, EngineError> {
        let unembedding = Unembedding::of(model, WHAT)?;
        sequences.iter().try_for_each(|sequence| model.check_tokens(&sequence.tokens))?;
        let network = model.network(&[]);
        let (mut states, mut places) = (Vec::new(), Vec::with_capacity(sequences.len()));
        let mut tokens = 0;
        while places.len() < sequences.len() {
            let mut batch = Batch::default();
            let mut rows = Vec::new();
            for sequence in &sequences[places.len()..] {
                let start = batch.rows();
                if start > 0 && start + sequence.tokens.len() > BATCH_ROWS {
                    break;
                }
                batch.push(&sequence.tokens, 0, None);
                places.push((states.len(), rows.len()));
                rows.extend((start + sequence.first..batch.rows()).map(|row| row as u32));
            }
            tokens += batch.rows() as u64;
            let hidden = network.hidden(&batch, None)?;
            states.push(match rows.is_empty() {
                true => hidden.narrow(0, 0, 0)?,
                false => network.before_unembedding(&hidden, &rows, &batch.arms)?,
            });
            tell(observer, places.len(), sequences.len(), tokens)?;
        }
        Ok(Self { sequences, states, places, unembedding })
    }

    pub fn sequences(&self) -> &[ComparedSequence] {
        &self.sequences
    }

    /// Logits of some compared positions, `[positions, vocabulary]`.
    fn logits(&self, positions: &[Position]) -> Result<Tensor, EngineError> {
        let mut states = Vec::with_capacity(positions.len());
        for position in positions {
            let (batch, row) = self.places[position.sequence];
            states.push(self.states[batch].narrow(0, row + position.index, 1)?);
        }
        self.unembedding.logits(&Tensor::cat(&states, 0)?)
    }
}

/// One of the compared positions of a sequence.
#[derive(Debug, Clone, Copy)]
struct Position {
    sequence: usize,
    /// From 0 at the sequence's first compared one.
    index: usize,
}

/// The divergence at each compared position of each reading, in the order of the readings. Readings of one sequence are computed
/// together, whatever their arms, so that the original's logits are made once. Two pieces of 256 positions x vocabulary are held
/// at most. Tells `Scored` after each batch.
///
/// Errors: classifiers and encoders, another vocabulary than the original's, an index that names nothing, weights that give no
/// numbers, [`EngineError::Stopped`].
pub fn divergence(
    model: &Model,
    loras: &[&Lora],
    original: &OriginalPredictions,
    readings: &[Reading],
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<Vec<Vec<Divergence>>, EngineError> {
    let comparison = Comparison { model, loras, original, readings, unembedding: Unembedding::of(model, WHAT)? };
    comparison.check()?;
    let sequence = |index: usize| readings[index].sequence;
    let mut order: Vec<usize> = (0..readings.len()).collect();
    order.sort_by_key(|&index| (sequence(index), index));
    let mut answers = vec![Vec::new(); readings.len()];
    let (mut done, mut tokens) = (0, 0);
    while done < order.len() {
        let (mut next, mut rows) = (done, 0);
        // all readings of a sequence or none
        for group in order[done..].chunk_by(|a, b| sequence(*a) == sequence(*b)) {
            let more = group.len() * original.sequences[sequence(group[0])].tokens.len();
            if next > done && rows + more > BATCH_ROWS {
                break;
            }
            rows += more;
            next += group.len();
        }
        comparison.batch(&order[done..next], &mut answers)?;
        tokens += rows as u64;
        done = next;
        tell(observer, done, order.len(), tokens)?;
    }
    Ok(answers)
}

struct Comparison<'a> {
    model: &'a Model,
    loras: &'a [&'a Lora],
    original: &'a OriginalPredictions,
    readings: &'a [Reading],
    unembedding: Unembedding,
}

impl Comparison<'_> {
    fn check(&self) -> Result<(), EngineError> {
        self.unembedding.check_same_vocabulary(&self.original.unembedding)?;
        for (index, reading) in self.readings.iter().enumerate() {
            let Some(sequence) = self.original.sequences.get(reading.sequence) else {
                return Err(EngineError::Input(format!(
                    "reading {index} asks for sequence {}; the original read {}, numbered from 0",
                    reading.sequence,
                    self.original.sequences.len()
                )));
            };
            if let Some(lora) = reading.lora.filter(|lora| *lora >= self.loras.len()) {
                return Err(EngineError::Input(format!(
                    "reading {index} asks for adapter {lora}; there are {}, numbered from 0",
                    self.loras.len()
                )));
            }
            self.model.check_tokens(&sequence.tokens)?;
        }
        Ok(())
    }

    /// Computes some readings, those of a sequence one after the other.
    fn batch(&self, members: &[usize], answers: &mut [Vec<Divergence>]) -> Result<(), EngineError> {
        let sequence = |reading: usize| &self.original.sequences[self.readings[reading].sequence];
        let network = self.model.network(self.loras);
        // rows of an arm stand together
        let mut by_arm = members.to_vec();
        by_arm.sort_by_key(|&reading| self.readings[reading].lora);
        let mut batch = Batch::default();
        by_arm.iter().for_each(|&reading| batch.push(&sequence(reading).tokens, 0, self.readings[reading].lora));
        let starts = batch.starts();
        let hidden = network.hidden(&batch, None)?;
        let mut positions = Vec::new();
        for group in members.chunk_by(|a, b| self.readings[*a].sequence == self.readings[*b].sequence) {
            let sequence = self.readings[group[0]].sequence;
            positions.extend((0..self.original.sequences[sequence].positions()).map(|index| Position { sequence, index }));
        }
        for piece in positions.chunks(LOGIT_ROWS) {
            let logits = self.original.logits(piece)?;
            let logits = values(&logits)?;
            let vocabulary = logits.len() / piece.len();
            let named = |whose: &str, position: &Position| {
                let place = self.original.sequences[position.sequence].first + position.index;
                format!("{whose} at position {place} of sequence {}", position.sequence)
            };
            let originals: Vec<Distribution<'_>> = logits
                .par_chunks(vocabulary)
                .zip(piece)
                .map(|(logits, position)| Distribution::of(logits, || named("the original model", position)))
                .collect::<Result<_, EngineError>>()?;
            // each reading's rows of this piece: (reading, place in the piece, row of the batch)
            let mut read = Vec::new();
            for (&reading, start) in by_arm.iter().zip(&starts) {
                let of_sequence = piece.iter().enumerate().filter(|(_, position)| position.sequence == self.readings[reading].sequence);
                read.extend(of_sequence.map(|(place, position)| (reading, place, start + sequence(reading).first + position.index)));
            }
            for read in read.chunks(LOGIT_ROWS) {
                let rows: Vec<u32> = read.iter().map(|(_, _, row)| *row as u32).collect();
                let logits = self.unembedding.logits(&network.before_unembedding(&hidden, &rows, &batch.arms)?)?;
                let logits = values(&logits)?;
                let compared = |(logits, (_, place, _)): (&[f32], &(usize, usize, usize))| {
                    let of = Distribution::of(logits, || named("an arm", &piece[*place]))?;
                    Ok(originals[*place].divergence(&of))
                };
                let divergences: Vec<Divergence> =
                    logits.par_chunks(vocabulary).zip(read).map(compared).collect::<Result<_, EngineError>>()?;
                read.iter().zip(divergences).for_each(|((reading, _, _), divergence)| answers[*reading].push(divergence));
            }
        }
        Ok(())
    }
}

fn tell(observer: &mut dyn FnMut(Signal) -> Flow, done: usize, total: usize, tokens: u64) -> Result<(), EngineError> {
    if observer(Signal::Scored { done, total, tokens }).is_break() { Err(EngineError::Stopped) } else { Ok(()) }
}
