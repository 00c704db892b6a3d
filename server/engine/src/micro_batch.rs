//! One pass forward and backward: which examples go through the model together, and what an optimiser step sums up over its passes.

use crate::{
    EngineError, Example, Lora, Model,
    batch::{Batch, Dropout},
    gradients::Gradients,
    network::{Network, PassOptions, Target},
    train::{TrainOptions, check, check_examples},
};
use candle_core::Tensor;
use std::collections::HashMap;

/// Rows that go through the base at a time when arms train together: beyond this a larger product is no faster, and what
/// the backward pass keeps grows with it.
pub const ROWS_TOGETHER: usize = 768;

/// Examples of one arm that go through the model in one pass.
pub(crate) struct Part<'a> {
    /// Place among the arms that train.
    pub trainee: usize,
    /// The adapter that the examples are computed with; `None` where the model itself is trained.
    pub adapter: Option<usize>,
    pub chosen: &'a [usize],
    /// Place of the first of `chosen` in the optimiser step.
    pub first_place: usize,
    /// Of the whole optimiser step: the mean is over these.
    pub target_tokens: usize,
    /// What the step's random draws hang on: the arm's seed and the step.
    pub draws: Draws,
}

/// Where random draws of a training step come from: numbers, not a state, so that they depend neither on company nor on
/// micro-batches, and a run that goes on has them again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draws {
    pub seed: u64,
    pub step: usize,
}

impl Draws {
    /// For the example at a place in the optimiser step.
    pub fn key(self, place: usize) -> u64 {
        [self.seed, self.step as u64, place as u64].into_iter().fold(0, |key, number| mixed(key ^ mixed(number)))
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): a step of the generator, as a hash of one number.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Arms that go through the base together: as many as [`ROWS_TOGETHER`] rows hold.
pub(crate) fn rows_together<'a>(parts: impl Iterator<Item = Part<'a>>, examples: &[Example]) -> Vec<Vec<Part<'a>>> {
    let mut groups: Vec<Vec<Part<'a>>> = Vec::new();
    let mut rows = usize::MAX;
    for part in parts {
        let more: usize = part.chosen.iter().map(|&index| examples[index].rows()).sum();
        if rows.saturating_add(more) > ROWS_TOGETHER {
            groups.push(Vec::new());
            rows = 0;
        }
        rows += more;
        if let Some(group) = groups.last_mut() {
            group.push(part);
        }
    }
    groups
}

/// What one arm's step has summed up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StepLoss {
    loss: f64,
    pub target_tokens: u64,
    pub tokens: u64,
}

impl StepLoss {
    pub fn mean(&self) -> f64 {
        self.loss / self.target_tokens as f64
    }
}

/// Forward and backward for some parts in one batch. `sums` is by trainee.
pub(crate) fn pass(
    model: &Model,
    network: &Network<'_>,
    parts: &[Part<'_>],
    examples: &[Example],
    options: &TrainOptions,
    gradients: &mut Gradients,
    sums: &mut [StepLoss],
) -> Result<(), EngineError> {
    let pass_options = PassOptions { checkpointing: options.gradient_checkpointing };
    let mut batch = Batch::default();
    let mut targets: Vec<Target> = Vec::new();
    let mut owners = Vec::new();
    for part in parts {
        for (index, &example) in part.chosen.iter().enumerate() {
            let first = targets.len();
            let dropout = Dropout { p: options.lora_dropout as f32, key: part.draws.key(part.first_place + index) };
            examples[example].push_with_dropout_into(model, &mut batch, &mut targets, part.adapter, part.adapter.map(|_| dropout))?;
            for target in &mut targets[first..] {
                target.weight = 1.0 / part.target_tokens as f32;
            }
            sums[part.trainee].tokens += examples[example].tokens() as u64;
            owners.resize(targets.len(), part.trainee);
        }
    }
    let losses = network.loss_and_gradients(&batch, &targets, gradients, &pass_options)?;
    for (loss, owner) in losses.into_iter().zip(owners) {
        sums[owner].loss += f64::from(loss);
        sums[owner].target_tokens += 1;
    }
    Ok(())
}

pub(crate) fn target_tokens(chosen: &[usize], examples: &[Example]) -> usize {
    chosen.iter().map(|&index| examples[index].target_tokens()).sum()
}

/// Mean loss over all target tokens of the examples (nats), and its gradient by tensor: of the whole model, or of an
/// adapter's factors under PEFT's names. What one optimiser step would see, without dropout.
pub fn gradients(model: &Model, lora: Option<&Lora>, examples: &[Example]) -> Result<(f64, HashMap<String, Tensor>), EngineError> {
    let options = TrainOptions::default();
    check(&options)?;
    check_examples(examples)?;
    let layout = &model.layout;
    let loras: Vec<&Lora> = lora.into_iter().collect();
    let mut gradients =
        if lora.is_some() { Gradients::adapters(1, layout.modules.len()) } else { Gradients::full(layout.parameters.len()) };
    let chosen: Vec<usize> = (0..examples.len()).collect();
    let part = Part {
        trainee: 0,
        adapter: lora.map(|_| 0),
        chosen: &chosen,
        first_place: 0,
        target_tokens: target_tokens(&chosen, examples),
        draws: Draws { seed: 0, step: 0 },
    };
    let mut sums = [StepLoss::default()];
    pass(model, &model.network(&loras), &[part], examples, &options, &mut gradients, &mut sums)?;
    let mut named = HashMap::new();
    for (parameter, gradient) in layout.parameters.iter().zip(gradients.weights.unwrap_or_default()) {
        if let Some(gradient) = gradient {
            named.insert(parameter.name.clone(), gradient);
        }
    }
    if let (Some(adapter), Some(lora)) = (gradients.adapters.into_iter().next(), lora) {
        let slots = lora.trainable_names().into_iter().zip(adapter).zip(lora.trainable());
        named.extend(slots.filter(|(_, tensor)| tensor.is_some()).filter_map(|((name, gradient), _)| Some((name, gradient?))));
    }
    Ok((sums[0].mean(), named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_of_every_step_of_every_arm_has_draws_of_its_own() {
        let mut keys = std::collections::HashSet::new();
        for seed in [0, 1, u64::MAX] {
            for step in 0..20 {
                for place in 0..20 {
                    assert!(keys.insert(Draws { seed, step }.key(place)), "{seed}, {step}, {place}");
                }
            }
        }
        assert_eq!(Draws { seed: 3, step: 2 }.key(1), Draws { seed: 3, step: 2 }.key(1));
    }
}
