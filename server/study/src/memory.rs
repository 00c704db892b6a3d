//! What is in memory at a time, reckoned from the models' shapes, and how the LoRA cells are parted so that it fits.

use crate::{Environment, StudyError, model_shelf::ModelShelf, worker::lora_config};
use rankscope_domain::{
    CellId, Recipe,
    recipe::{CounterfactualSource, JudgeKind},
};
use rankscope_engine::{Example, ModelInfo, Processor, train::ROWS_TOGETHER};

/// Bytes of a number.
const NUMBER: f64 = 4.0;
/// What the program takes without a model: code, tokenizer, buffers of products.
pub(crate) const PROGRAM: f64 = 60e6;
/// What a pass forward keeps of a row, as a share of the inputs and outputs of all linear layers: some are the same tensor.
const KEPT_SHARE: f64 = 0.85;
/// Rows of logits that are there at a time, in training.
const LOGIT_ROWS: f64 = 256.0;
/// Sequences that are completed at a time.
const SEQUENCES: f64 = 64.0;

/// What a study's stages keep in memory.
pub(crate) struct Footprint<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) model: &'a ModelInfo,
    /// Bytes of the weights that stay in memory: the base, and the writer's and the judge's where they are others.
    pub(crate) resident: f64,
    /// Rows, and target tokens, of one arm's largest micro-batch.
    pub(crate) rows: f64,
    pub(crate) target_rows: f64,
    /// Tokens of a prompt and its completion.
    pub(crate) sequence_tokens: f64,
}

/// Bytes of a model's weights in memory.
pub(crate) fn weights(model: &ModelInfo) -> f64 {
    model.parameters as f64 * NUMBER
}

/// Of the models that a study keeps in memory, the base among them.
pub(crate) fn resident(recipe: &Recipe, shelf: &ModelShelf, base: &ModelInfo) -> Result<f64, StudyError> {
    let writer = recipe.counterfactuals.model.as_ref().filter(|_| recipe.counterfactuals.source == CounterfactualSource::Model);
    let judge = recipe.judge.model.as_ref().filter(|_| recipe.judge.kind == JudgeKind::Model);
    let mut known = vec![shelf.path(&recipe.model.source)];
    let mut bytes = weights(base);
    for path in writer.into_iter().chain(judge).map(|source| shelf.path(source)) {
        if !known.contains(&path) {
            bytes += weights(&rankscope_engine::inspect(&path).map_err(StudyError::from_engine)?);
            known.push(path);
        }
    }
    Ok(bytes)
}

/// Rows and target tokens of the largest micro-batch that these examples can make.
pub(crate) fn largest_micro_batch(examples: &[Example], batch_size: u32) -> (f64, f64) {
    let largest = |of: fn(&Example) -> usize| {
        let mut sizes: Vec<usize> = examples.iter().map(of).collect();
        sizes.sort_unstable_by(|one, other| other.cmp(one));
        sizes.iter().take(batch_size as usize).sum::<usize>() as f64
    };
    (largest(Example::rows), largest(Example::target_tokens))
}

impl Footprint<'_> {
    /// Peak while these cells are trained together.
    pub(crate) fn training_loras(&self, cells: &[CellId]) -> u64 {
        // arms go through the base together up to a limit of rows, each with all of its micro-batch
        let arms = (ROWS_TOGETHER as f64 / self.rows.max(1.0)).floor().clamp(1.0, cells.len().max(1) as f64);
        let (together, targets) = (self.rows * arms, self.target_rows * arms);
        let adapters = NUMBER * self.adapter_parameters(cells);
        (PROGRAM + self.resident + self.training(adapters, together, targets)) as u64
    }

    /// Peak while an arm is trained in full: a copy of the base, gradients and two moments.
    pub(crate) fn training_full(&self) -> u64 {
        (PROGRAM + self.resident + self.training(weights(self.model), self.rows, self.target_rows)) as u64
    }

    /// Of what is trained, with `bytes` of weights: these and AdamW's two moments all the time; gradients grow layer by layer while
    /// what the pass forward kept is given up, so the larger of the two counts.
    fn training(&self, bytes: f64, rows: f64, target_rows: f64) -> f64 {
        3.0 * bytes + bytes.max(self.passing(rows, target_rows))
    }

    /// Peak while these LoRA cells, or a full one, complete the prompts.
    pub(crate) fn completing(&self, cells: &[CellId]) -> u64 {
        let full = if cells.iter().any(|cell| cell.arm == rankscope_domain::Arm::Full) { weights(self.model) } else { 0.0 };
        // the narrowest projections are those of keys and values
        let narrow = self.model.linear_layers.iter().map(|(_, outputs, _)| *outputs).min().unwrap_or(self.model.hidden_size) as f64;
        let cache = SEQUENCES * self.sequence_tokens * 2.0 * narrow * self.model.layers as f64 * NUMBER;
        let logits = SEQUENCES * self.model.vocab_size as f64 * NUMBER * 3.0;
        (PROGRAM + self.resident + full + NUMBER * self.adapter_parameters(cells) + cache + logits) as u64
    }

    fn adapter_parameters(&self, cells: &[CellId]) -> f64 {
        let of = |rank| lora_config(&self.recipe.lora, rank).trainable_parameters(self.model) as f64;
        cells.iter().filter_map(|cell| cell.arm.rank()).map(of).sum()
    }

    /// What a pass forward keeps for the one backward, and the logits.
    fn passing(&self, rows: f64, target_rows: f64) -> f64 {
        let widths: f64 = self.model.linear_layers.iter().map(|(_, outputs, inputs)| (outputs + inputs) as f64).sum();
        let layers = self.model.layers.max(1) as f64;
        // a layer's own backward has its inputs' gradients beside what was kept
        let one_layer = 2.0 * rows * widths / layers;
        let kept = if self.recipe.training.gradient_checkpointing {
            rows * layers * self.model.hidden_size as f64 + KEPT_SHARE * rows * widths / layers
        } else {
            KEPT_SHARE * rows * widths
        };
        let logits = target_rows.min(LOGIT_ROWS) * self.model.vocab_size as f64 * 1.5;
        (kept + one_layer + logits) * NUMBER
    }

    /// The cells in their order, as many together as `fits` allows; a cell that doesn't fit even alone is alone.
    pub(crate) fn groups(&self, cells: &[CellId], limit: Option<u64>, peak: impl Fn(&Self, &[CellId]) -> u64) -> Vec<Vec<CellId>> {
        let mut groups: Vec<Vec<CellId>> = Vec::new();
        for &cell in cells {
            let mut grown = groups.last().cloned().unwrap_or_default();
            grown.push(cell);
            match (groups.last_mut(), limit) {
                (Some(last), None) => *last = grown,
                (Some(last), Some(limit)) if peak(self, &grown) <= limit => *last = grown,
                _ => groups.push(vec![cell]),
            }
        }
        groups
    }
}

/// Bytes that a study may take, for a sentence: "8.0 GiB".
pub(crate) fn gibibytes(bytes: u64) -> String {
    if bytes < 1 << 30 {
        format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
    } else {
        format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
    }
}

/// The limit, and whether the study has one of its own.
pub(crate) fn limit_text(recipe: &Recipe, environment: &Environment, limit: u64) -> String {
    let whose = match (recipe.memory_limit, environment.memory_limit_bytes) {
        (Some(asked), _) if asked.0 == limit => "memory_limit of the recipe",
        (_, Some(given)) if given == limit => "memory_limit of this program",
        _ if environment.processor != Processor::Cpu => "the GPU's memory, less a margin",
        _ => "this machine's memory, less a margin",
    };
    format!("{} ({whose})", gibibytes(limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::{Arm, recipe::ArmSpec};

    fn model() -> ModelInfo {
        ModelInfo {
            kind: "llama".into(),
            name: "x".into(),
            parameters: 10_000_000,
            layers: 4,
            hidden_size: 128,
            vocab_size: 1000,
            max_position_embeddings: 512,
            dtype: "F32".into(),
            licence: None,
            linear_layers: (0..4).map(|layer| (format!("{layer}.q_proj"), 128, 128)).collect(),
            has_chat_template: false,
            classes: None,
        }
    }

    fn check(change: impl FnOnce(&mut Recipe), look: impl FnOnce(&Footprint<'_>, &[CellId])) {
        let mut recipe = Recipe::from_toml("name = \"x\"").unwrap();
        recipe.arms = [2, 8, 64].map(|rank| ArmSpec::lora(rank, 1e-3)).into();
        change(&mut recipe);
        let model = model();
        let footprint = Footprint {
            recipe: &recipe,
            model: &model,
            resident: weights(&model),
            rows: 100_000.0,
            target_rows: 50.0,
            sequence_tokens: 40.0,
        };
        let cells: Vec<CellId> = recipe.cells().into_iter().filter(|cell| cell.arm.rank().is_some()).collect();
        look(&footprint, &cells);
    }

    #[test]
    fn groups_hold_every_cell_once_in_order_and_fit() {
        check(
            |recipe| recipe.seeds = vec![0, 1, 2],
            |footprint, cells| {
                let one = footprint.training_loras(&cells[..1]);
                let all = footprint.training_loras(cells);
                for limit in [None, Some(0), Some(one), Some(one + (all - one) / 2), Some(all - 1), Some(all), Some(u64::MAX)] {
                    let groups = footprint.groups(cells, limit, Footprint::training_loras);
                    assert_eq!(groups.concat(), cells);
                    for group in &groups {
                        assert!(group.len() == 1 || limit.is_none_or(|limit| footprint.training_loras(group) <= limit));
                    }
                    match limit {
                        None | Some(u64::MAX) => assert_eq!(groups.len(), 1),
                        Some(0) => assert_eq!(groups.len(), cells.len()),
                        Some(limit) => assert_eq!(groups.len() == 1, limit >= all, "{limit}"),
                    }
                }
            },
        );
    }

    #[test]
    fn recomputing_takes_less_and_full_more() {
        check(
            |_| {},
            |plain, cells| {
                let plain_bytes = (plain.training_loras(cells), plain.training_full());
                assert!(plain_bytes.1 > plain_bytes.0);
                let full = CellId::new(Arm::Full, 0);
                assert!(plain.completing(&[full]) > plain.completing(&cells[..1]));
                check(
                    |recipe| recipe.training.gradient_checkpointing = true,
                    |other, cells| {
                        assert!(other.training_loras(cells) < plain_bytes.0);
                        assert!(other.training_full() < plain_bytes.1);
                    },
                );
            },
        );
    }
}
