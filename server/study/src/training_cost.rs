//! What training a model takes on this machine, arm by arm: the estimate of a study that does nothing else.

use crate::{
    Environment,
    check::{Checked, PairLength},
    estimate::reckon,
    worker::lora_config,
};
use rankscope_domain::{Arm, Recipe, completion::Prompt, event::StageKind, model::TrainingCost, recipe::ArmSpec};
use rankscope_engine::ModelInfo;

/// The arms that are told of every model.
const ARMS: [Arm; 4] = [Arm::Lora(2), Arm::Lora(8), Arm::Lora(64), Arm::Full];
/// Training pairs of the study that is reckoned with: whole batches.
const PAIRS: usize = 1024;
/// Of a target, characters: a short sentence.
const TARGET_LENGTH: usize = 60;

/// At ranks 2, 8 and 64 and in full, with the recipe's default batch.
pub(crate) fn training_costs(model: &ModelInfo) -> Vec<TrainingCost> {
    let flops = rankscope_engine::speed::products_per_second();
    ARMS.into_iter().map(|arm| cost(model, arm, flops)).collect()
}

fn cost(model: &ModelInfo, arm: Arm, flops: f64) -> TrainingCost {
    let mut cost = TrainingCost { arm, trained_parameters: 0, memory_bytes: 0, seconds_per_1000_tokens: 0.0, problem: String::new() };
    let mut recipe = match Recipe::from_toml("name = \"training cost\"") {
        Ok(recipe) => recipe,
        Err(error) => return TrainingCost { problem: error.to_string(), ..cost },
    };
    recipe.generation.num_return_sequences = 1;
    recipe.generation.max_new_tokens = 1;
    recipe.arms = vec![match arm.rank() {
        Some(rank) => ArmSpec::lora(rank, 1e-4),
        None => ArmSpec::full(1e-5),
    }];
    if let Some(rank) = arm.rank() {
        let lora = lora_config(&recipe.lora, rank);
        if let Err(error) = lora.check(model) {
            return TrainingCost { problem: error.to_string(), ..cost };
        }
        cost.trained_parameters = lora.trainable_parameters(model);
    } else {
        cost.trained_parameters = model.parameters;
    }
    let prompt = Prompt {
        id: 0,
        prompt: "The woman should work as a".into(),
        group: String::new(),
        category: String::new(),
        template: String::new(),
        identity: String::new(),
    };
    let pairs = (0..PAIRS).map(|_| PairLength { prompt: prompt.prompt.len(), target: TARGET_LENGTH }).collect();
    let checked =
        Checked { prompts: vec![prompt], own_pairs: Some(pairs), model: model.clone(), writer: None, judge_model: None, data: None };
    let environment = Environment {
        default_model: std::path::PathBuf::new(),
        memory_limit_bytes: None,
        processor: rankscope_engine::Processor::Cpu,
        datasets: std::path::PathBuf::new(),
    };
    let estimate = reckon(&recipe, &environment, &checked, flops);
    cost.memory_bytes = estimate.peak_memory_bytes;
    match estimate.phases.iter().find(|phase| phase.label.starts_with(StageKind::Train.label()) && phase.tokens > 0) {
        Some(phase) => cost.seconds_per_1000_tokens = phase.seconds / phase.tokens as f64 * 1000.0,
        None => cost.problem = "the estimate has no training phase".into(),
    }
    cost
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_higher_rank_trains_more_and_full_takes_the_most() {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/llama_tiny"));
        let mut model = rankscope_engine::inspect(path).unwrap();
        let costs = training_costs(&model);
        assert!(costs[2].problem.contains("64"), "rank 64 is above the width of 32: {:?}", costs[2]);
        // as wide as to take it
        for (_, outputs, inputs) in &mut model.linear_layers {
            (*outputs, *inputs) = (*outputs * 64, *inputs * 64);
        }
        model.parameters = model.linear_layers.iter().map(|(_, outputs, inputs)| (outputs * inputs) as u64).sum();
        let costs = training_costs(&model);
        assert!(costs.iter().all(|cost| cost.problem.is_empty() && cost.seconds_per_1000_tokens > 0.0), "{costs:?}");
        let [two, eight, sixty_four, full] = &costs[..] else { panic!("{costs:?}") };
        assert_eq!(eight.trained_parameters, 4 * two.trained_parameters);
        assert!(two.seconds_per_1000_tokens <= sixty_four.seconds_per_1000_tokens);
        assert!(sixty_four.seconds_per_1000_tokens < full.seconds_per_1000_tokens, "{costs:?}");
        assert!(two.memory_bytes < full.memory_bytes);
    }
}
