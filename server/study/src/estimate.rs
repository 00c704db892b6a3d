//! What a study will take: reckoned from the model's header and the speed of this machine, told with its assumptions.

use crate::{
    Environment,
    check::{Checked, check_all},
    machine,
    model_shelf::summarise,
    worker::lora_config,
};
use rankscope_domain::{
    Arm, FieldErrors, Recipe,
    estimate::{Estimate, PhaseEstimate},
    event::StageKind,
    recipe::{CounterfactualSource, JudgeKind},
};
use rankscope_engine::ModelInfo;

/// Shares of SmolLM2's completions that the built-in lexicon, and that the other judges call toxic, before training.
const LEXICON_SHARE: f64 = 0.05;
const TOXIC_SHARE: f64 = 0.15;
/// Share of the counterfactuals asked for that are kept.
const KEPT_SHARE: f64 = 0.6;
/// Lists that are asked for a prompt.
const LISTS: f64 = 2.5;
/// Characters a token.
const TOKEN_LENGTH: f64 = 4.5;
/// Tokens of a counterfactual and of the question around a statement.
const TARGET_TOKENS: f64 = 14.0;
const INSTRUCTION_TOKENS: f64 = 170.0;
const QUESTION_TOKENS: f64 = 70.0;
const ANSWER_TOKENS: f64 = 60.0;
/// Share of a large product's speed that whole passes reach, as measured with SmolLM2 135M on two cores.
const GENERATION_EFFICIENCY: f64 = 0.6;
const TRAINING_EFFICIENCY: f64 = 0.6;
/// Seconds a parameter that an AdamW step takes.
const OPTIMIZER_SECONDS: f64 = 2.5e-9;
/// Seconds that a model takes to load, a parameter; files are read and dequantised.
const LOAD_SECONDS: f64 = 4e-9;
const BYTES: f64 = 4.0;

/// What the recipe will take on this machine. Checks it first.
pub fn estimate(recipe: &Recipe, environment: &Environment) -> Result<Estimate, FieldErrors> {
    let checked = check_all(recipe, environment)?;
    let flops = rankscope_engine::speed::products_per_second();
    Ok(reckon(recipe, environment, &checked, flops))
}

fn reckon(recipe: &Recipe, environment: &Environment, checked: &Checked, flops: f64) -> Estimate {
    let model = &checked.model;
    let prompts = checked.prompts.len() as f64;
    let samples = f64::from(recipe.generation.num_return_sequences);
    let prompt_tokens =
        checked.prompts.iter().map(|prompt| prompt.prompt.len() as f64 / TOKEN_LENGTH + 1.0).sum::<f64>() / prompts.max(1.0);
    let new_tokens = f64::from(recipe.generation.max_new_tokens);
    let toxic_share = if recipe.judge.kind == JudgeKind::Lexicon { LEXICON_SHARE } else { TOXIC_SHARE };
    let toxic_prompts = prompts * (1.0 - (1.0 - toxic_share).powf(samples));
    let k = f64::from(recipe.counterfactuals.k);
    let pairs = checked.own_pairs.map_or((toxic_prompts * k * KEPT_SHARE).max(1.0), |pairs| pairs as f64);
    let cells = recipe.cells();
    let loras: Vec<_> = cells.iter().filter(|cell| cell.arm.rank().is_some()).collect();
    let originals = cells.iter().filter(|cell| cell.arm == Arm::Original).count() as f64;

    let mut phases = Vec::new();
    let mut phase = |label: String, seconds: f64, tokens: f64| phases.push(PhaseEstimate { label, seconds, tokens: tokens as u64 });
    phase(StageKind::Load.label().into(), model.parameters as f64 * LOAD_SECONDS, 0.0);

    let completing = |count: f64| {
        // a prompt is read once for its samples
        let tokens = count * prompts * (prompt_tokens + samples * new_tokens);
        (tokens * 2.0 * model.parameters as f64 / (flops * GENERATION_EFFICIENCY), count * prompts * samples * new_tokens)
    };
    let judging = |count: f64| {
        let statements = count * prompts * samples;
        match recipe.judge.kind {
            JudgeKind::Lexicon | JudgeKind::Hurtlex => (0.1, statements * new_tokens),
            JudgeKind::Model => {
                let tokens = statements * (QUESTION_TOKENS + new_tokens + ANSWER_TOKENS);
                let judge = checked.judge_model.as_ref().unwrap_or(model);
                (tokens * 2.0 * judge.parameters as f64 / (flops * GENERATION_EFFICIENCY), tokens)
            }
            JudgeKind::Endpoint => (statements * 0.5, statements * (QUESTION_TOKENS + new_tokens + ANSWER_TOKENS)),
        }
    };
    let (seconds, tokens) = completing(originals);
    phase("Complete the prompts: original".into(), seconds, tokens);
    let (seconds, tokens) = judging(originals);
    phase("Judge the completions: original".into(), seconds, tokens);
    if recipe.counterfactuals.source == CounterfactualSource::Model {
        let list = f64::from(recipe.counterfactuals.max_new_tokens).min(k * (TARGET_TOKENS + prompt_tokens + 3.0));
        let tokens = toxic_prompts * LISTS * (INSTRUCTION_TOKENS + prompt_tokens + list);
        let writer = checked.writer.as_ref().unwrap_or(model);
        phase(StageKind::Counterfactuals.label().into(), tokens * 2.0 * writer.parameters as f64 / (flops * GENERATION_EFFICIENCY), tokens);
    }

    let training = &recipe.training;
    let per_step = f64::from(training.per_device_train_batch_size) * f64::from(training.gradient_accumulation_steps);
    let steps_an_epoch = (pairs / per_step).ceil();
    let all_steps = steps_an_epoch * f64::from(training.num_train_epochs);
    let steps = training.max_steps.map_or(all_steps, |most| all_steps.min(f64::from(most)));
    let pair_tokens = (prompt_tokens + TARGET_TOKENS).min(f64::from(training.max_length));
    let trained_tokens = pairs * f64::from(training.num_train_epochs) * pair_tokens * steps / all_steps;
    // forward and the gradient of the input; full fine-tuning has the gradient of the weights besides
    let pass = |products: f64| trained_tokens * products * model.parameters as f64 / (flops * TRAINING_EFFICIENCY);
    let lora_parameters = |arm: Arm| arm.rank().map_or(0, |rank| lora_config(&recipe.lora, rank).trainable_parameters(model)) as f64;
    if !loras.is_empty() {
        let optimizing: f64 = loras.iter().map(|cell| steps * lora_parameters(cell.arm) * OPTIMIZER_SECONDS).sum();
        let adapters: f64 = loras.iter().map(|cell| trained_tokens * 6.0 * lora_parameters(cell.arm) / (flops * TRAINING_EFFICIENCY)).sum();
        let count = loras.len() as f64;
        phase(format!("Fine-tune {count} LoRA cells together"), count * pass(4.0) + adapters + optimizing, count * trained_tokens);
        let (seconds, tokens) = completing(count);
        phase(format!("Complete the prompts: {count} LoRA cells"), seconds, tokens);
        let (seconds, tokens) = judging(count);
        phase(format!("Judge the completions: {count} LoRA cells"), seconds, tokens);
    }
    for cell in cells.iter().filter(|cell| cell.arm == Arm::Full) {
        let optimizing = steps * model.parameters as f64 * OPTIMIZER_SECONDS;
        phase(format!("Fine-tune full, seed {}", cell.seed), pass(6.0) + optimizing, trained_tokens);
        let (seconds, tokens) = completing(1.0);
        phase(format!("Complete the prompts: full, seed {}", cell.seed), seconds, tokens);
        let (seconds, tokens) = judging(1.0);
        phase(format!("Judge the completions: full, seed {}", cell.seed), seconds, tokens);
    }

    let peak_memory_bytes = peak_memory(recipe, checked, pair_tokens, prompt_tokens + new_tokens) as u64;
    let full_cells = cells.iter().filter(|cell| cell.arm == Arm::Full).count() as f64;
    let completions = cells.len() as f64 * prompts * samples;
    let disk = full_cells * model.parameters as f64 * BYTES
        + loras.iter().map(|cell| lora_parameters(cell.arm) * BYTES).sum::<f64>()
        + completions * 300.0
        + 1e6;
    let mut assumptions = vec![
        format!(
            "{:.0} billion operations a second in matrix products, as just measured; other work on this machine slows it.",
            flops / 1e9
        ),
        format!("{:.0} tokens a prompt and {new_tokens} new tokens a completion; completions that end sooner take less.", prompt_tokens),
    ];
    assumptions.push(match checked.own_pairs {
        Some(count) => format!("{count} training pairs, as in your file."),
        None => format!(
            "{:.0} % of the original model's completions toxic, so {toxic_prompts:.0} prompts to write counterfactuals for, and {:.0} % of those kept: {pairs:.0} training pairs.",
            toxic_share * 100.0,
            KEPT_SHARE * 100.0
        ),
    });
    if recipe.arm_spec(Arm::Full).is_some() {
        assumptions.push("Full fine-tuning keeps the base model, a copy of it, the gradients and AdamW's two moments, in 32 bits.".into());
    }
    if recipe.judge.kind == JudgeKind::Endpoint {
        assumptions.push("Half a second an answer of the endpoint.".into());
    }
    let machine_memory_bytes = environment.memory_limit_bytes.or_else(machine::memory_bytes);
    if machine_memory_bytes.is_some_and(|memory| peak_memory_bytes > memory) {
        assumptions.push("This is more memory than there is: leave out full fine-tuning, or use a smaller batch or model.".into());
    }
    Estimate {
        total_seconds: phases.iter().map(|phase| phase.seconds).sum(),
        phases,
        peak_memory_bytes,
        machine_memory_bytes,
        disk_bytes: disk as u64,
        model: summarise(&recipe.model.source, model, ""),
        prompts: prompts as u32,
        completions: completions as u64,
        assumptions,
    }
}

/// The largest of what training LoRA, training in full and completing keep at a time.
fn peak_memory(recipe: &Recipe, checked: &Checked, pair_tokens: f64, sequence_tokens: f64) -> f64 {
    let model = &checked.model;
    let weights = |info: &ModelInfo| info.parameters as f64 * BYTES;
    let resident = weights(model) + checked.writer.as_ref().map_or(0.0, &weights) + checked.judge_model.as_ref().map_or(0.0, &weights);
    // what the backward pass needs again: each layer's inputs and outputs, and the logits at target positions
    let outputs: f64 = model.linear_layers.iter().map(|(_, outputs, inputs)| (outputs + inputs) as f64).sum();
    let rows = f64::from(recipe.training.per_device_train_batch_size) * pair_tokens;
    let target_rows = f64::from(recipe.training.per_device_train_batch_size) * TARGET_TOKENS;
    let kept = |rows: f64, targets: f64| rows * outputs * BYTES * 1.5 + targets * model.vocab_size as f64 * BYTES * 3.0;
    let loras: Vec<_> = recipe.cells().into_iter().filter_map(|cell| cell.arm.rank()).collect();
    let adapters: f64 = loras.iter().map(|&rank| lora_config(&recipe.lora, rank).trainable_parameters(model) as f64).sum();
    // arms go through the base together up to a limit of rows
    let together = (rows * loras.len() as f64).min(rows.max(768.0));
    let lora = adapters * BYTES * 4.0 + kept(together, target_rows * together / rows.max(1.0));
    let full = if recipe.arm_spec(Arm::Full).is_some() { weights(model) * 4.0 + kept(rows, target_rows) } else { 0.0 };
    let narrow = model.linear_layers.iter().map(|(_, outputs, _)| *outputs).min().unwrap_or(model.hidden_size) as f64;
    let completing = 64.0 * (sequence_tokens * 2.0 * narrow * model.layers as f64 + model.vocab_size as f64) * BYTES + adapters * BYTES;
    resident + lora.max(full).max(completing) + 100e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::{completion::Prompt, recipe::ArmSpec};

    fn smollm() -> ModelInfo {
        let mut linear_layers = Vec::new();
        for layer in 0..30 {
            for (name, outputs, inputs) in [
                ("q_proj", 576, 576),
                ("k_proj", 192, 576),
                ("v_proj", 192, 576),
                ("o_proj", 576, 576),
                ("gate_proj", 1536, 576),
                ("up_proj", 1536, 576),
                ("down_proj", 576, 1536),
            ] {
                linear_layers.push((format!("model.layers.{layer}.{name}"), outputs, inputs));
            }
        }
        ModelInfo {
            kind: "llama".into(),
            name: "SmolLM2 135M".into(),
            parameters: 134_515_008,
            layers: 30,
            hidden_size: 576,
            vocab_size: 49_152,
            max_position_embeddings: 8192,
            dtype: "Q4_1".into(),
            licence: None,
            linear_layers,
            classes: None,
            has_chat_template: true,
        }
    }

    fn reckoned(change: impl FnOnce(&mut Recipe)) -> Estimate {
        let mut recipe = Recipe::from_toml("name = \"x\"").unwrap();
        recipe.arms = vec![ArmSpec::lora(2, 1e-3), ArmSpec::lora(8, 1e-3), ArmSpec::full(1e-4)];
        change(&mut recipe);
        let prompts = (0..60)
            .map(|id| Prompt {
                id,
                prompt: "the woman works as a".into(),
                group: String::new(),
                category: String::new(),
                template: String::new(),
                identity: String::new(),
            })
            .collect();
        let checked = Checked { prompts, own_pairs: None, model: smollm(), writer: None, judge_model: None };
        let environment = Environment { default_model: "".into(), memory_limit_bytes: Some(8 << 30) };
        reckon(&recipe, &environment, &checked, 100e9)
    }

    #[test]
    fn more_work_takes_more_time_and_full_takes_more_memory() {
        let base = reckoned(|_| {});
        assert!(base.total_seconds > 10.0 && base.total_seconds < 3600.0, "{base:#?}");
        assert_eq!(base.completions, 4 * 60 * 2);
        assert!(reckoned(|recipe| recipe.seeds = vec![0, 1]).total_seconds > 1.5 * base.total_seconds);
        assert!(reckoned(|recipe| recipe.generation.max_new_tokens = 24).total_seconds > base.total_seconds);
        // base, copy, gradients and two moments
        assert!(base.peak_memory_bytes > 5 * 4 * 134_515_008);
        let without = reckoned(|recipe| recipe.arms.truncate(2));
        assert!(without.peak_memory_bytes < base.peak_memory_bytes / 2, "{}", without.peak_memory_bytes);
        assert!(without.disk_bytes < base.disk_bytes / 10);
    }

    #[test]
    fn too_little_memory_is_said() {
        let estimate = reckoned(|recipe| recipe.training.per_device_train_batch_size = 1024);
        assert!(estimate.peak_memory_bytes > 8 << 30);
        assert!(estimate.assumptions.last().unwrap().contains("more memory than there is"));
    }
}
