//! What looking inside will take.

use super::{TOKEN_LENGTH, TRAINING_EFFICIENCY};
use rankscope_domain::{Arm, Recipe, estimate::PhaseEstimate, event::StageKind, recipe::StudyKind};
use rankscope_engine::ModelInfo;

/// Seconds that a weight's norm takes, read and widened.
const NORM_SECONDS: f64 = 4e-9;
/// Seconds an element of a square matrix's cube that its product with itself and its eigenvalues take, as measured with
/// SmolLM2 135M on two cores.
const DECOMPOSITION_SECONDS: f64 = 2e-10;

/// None where nothing is looked at. `examples` are there, of so many tokens without and with a completion.
pub(super) fn phase(
    recipe: &Recipe,
    model: &ModelInfo,
    flops: f64,
    examples: f64,
    prompt_tokens: f64,
    sequence_tokens: f64,
) -> Option<PhaseEstimate> {
    let inspection = recipe.inspection.as_ref()?;
    let cells = recipe.inspected_cells();
    let count = cells.len() as f64;
    let trained = cells.iter().filter(|cell| cell.arm.is_trained()).count() as f64;
    let examples = if inspection.divergence { examples.min(f64::from(inspection.divergence_limit)) } else { 0.0 };
    let continued = if recipe.kind == StudyKind::Toxicity { sequence_tokens } else { 0.0 };
    let seen: f64 = inspection.lens_prompts.iter().map(|prompt| prompt.chars().count() as f64 / TOKEN_LENGTH + 1.0).sum();
    let written = inspection.lens_prompts.len() as f64 * f64::from(inspection.lens_new_tokens);
    let compared = examples * (prompt_tokens + continued);
    // the original reads what it is compared with as well; ends once, continuations for each arm
    let read = count * (2.0 * seen + written) + trained * compared + examples * (prompt_tokens + trained * continued);
    let linear: f64 = model.linear_layers.iter().map(|(_, outputs, inputs)| (outputs * inputs) as f64).sum();
    let unembedding = (model.vocab_size * model.hidden_size) as f64;
    // of the lens each layer's states go through the unembedding, else the compared positions and what is written
    let positions = 1.0 + (continued - prompt_tokens).max(0.0);
    let unembedded = count * (2.0 * seen * (model.layers as f64 + 1.0) + written) + 2.0 * trained * examples * positions;
    let passes = 2.0 * (read * linear + unembedded * unembedding) / (flops * TRAINING_EFFICIENCY);
    let weights = if inspection.weight_distance { weights(model, trained, cells.iter().any(|cell| cell.arm == Arm::Full)) } else { 0.0 };
    Some(PhaseEstimate {
        label: format!("{}: {count} cells", StageKind::Inspect.label()),
        seconds: passes + weights,
        tokens: (count * (seen + written) + trained * compared) as u64,
    })
    .filter(|_| count > 0.0)
}

fn weights(model: &ModelInfo, trained: f64, with_full: bool) -> f64 {
    let numbers: f64 = model.linear_layers.iter().map(|(_, outputs, inputs)| (outputs * inputs) as f64).sum();
    let smaller = |(_, outputs, inputs): &(String, usize, usize)| (*outputs.min(inputs) as f64).powi(3);
    let decomposed: f64 = if with_full { model.linear_layers.iter().map(smaller).sum() } else { 0.0 };
    trained * numbers * NORM_SECONDS + decomposed * DECOMPOSITION_SECONDS
}
