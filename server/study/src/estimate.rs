//! What a study will take: reckoned from the model's header and the speed of this machine, told with its assumptions.

mod classification;
mod inspection;

use crate::{
    Environment,
    check::{Checked, check_all},
    machine,
    memory::{self, Footprint, gibibytes, limit_text},
    model_shelf::summarise,
    worker::lora_config,
};
use rankscope_domain::{
    Arm, CellId, FieldErrors, Recipe,
    estimate::{Estimate, GroupEstimate, PhaseEstimate},
    event::StageKind,
    recipe::{CounterfactualSource, JudgeKind},
};
use rankscope_engine::Processor;

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
const TRAINING_EFFICIENCY: f64 = 0.7;
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

/// How much there will be to do, as far as that is known before it is done.
struct Amounts {
    /// Tokens a prompt, and a prompt with its completion.
    prompt_tokens: f64,
    sequence_tokens: f64,
    toxic_share: f64,
    toxic_prompts: f64,
    pairs: f64,
    /// Tokens of a pair, and of its target.
    pair_tokens: f64,
    target_tokens: f64,
}

fn amounts(recipe: &Recipe, checked: &Checked) -> Amounts {
    if let Some(data) = &checked.data {
        return classification::amounts(recipe, data);
    }
    let prompts = checked.prompts.len() as f64;
    let characters = checked.prompts.iter().map(|prompt| prompt.prompt.len() as f64).sum::<f64>();
    let prompt_tokens = characters / TOKEN_LENGTH / prompts.max(1.0) + 1.0;
    let sequence_tokens = prompt_tokens + f64::from(recipe.generation.max_new_tokens);
    let toxic_share = if recipe.judge.kind == JudgeKind::Lexicon { LEXICON_SHARE } else { TOXIC_SHARE };
    let toxic_prompts = prompts * (1.0 - (1.0 - toxic_share).powf(f64::from(recipe.generation.num_return_sequences)));
    let longest = f64::from(recipe.training.max_length);
    match &checked.own_pairs {
        Some(pairs) => {
            let count = pairs.len() as f64;
            let tokens = |characters: usize| characters as f64 / TOKEN_LENGTH + 1.0;
            let pair_tokens = pairs.iter().map(|pair| tokens(pair.prompt + pair.target).min(longest)).sum::<f64>() / count.max(1.0);
            let target_tokens = pairs.iter().map(|pair| tokens(pair.target).min(longest)).sum::<f64>() / count.max(1.0);
            Amounts { prompt_tokens, sequence_tokens, toxic_share, toxic_prompts, pairs: count, pair_tokens, target_tokens }
        }
        None => Amounts {
            prompt_tokens,
            sequence_tokens,
            toxic_share,
            toxic_prompts,
            pairs: (toxic_prompts * f64::from(recipe.counterfactuals.k) * KEPT_SHARE).max(1.0),
            pair_tokens: (prompt_tokens + TARGET_TOKENS).min(longest),
            target_tokens: TARGET_TOKENS,
        },
    }
}

/// What the stages will keep in memory.
fn footprint<'a>(recipe: &'a Recipe, checked: &'a Checked, amounts: &Amounts) -> Footprint<'a> {
    let others = checked.writer.iter().chain(&checked.judge_model).map(memory::weights).sum::<f64>();
    let batch = f64::from(recipe.training.per_device_train_batch_size).min(amounts.pairs);
    Footprint {
        recipe,
        model: &checked.model,
        resident: memory::weights(&checked.model) + others,
        rows: batch * amounts.pair_tokens,
        target_rows: batch * amounts.target_tokens,
        sequence_tokens: amounts.sequence_tokens,
    }
}

/// Refuses arms that can't be trained in the memory that the study may take, with the figures.
pub(crate) fn check_memory(recipe: &Recipe, environment: &Environment, checked: &Checked, errors: &mut FieldErrors) {
    let Some(limit) = environment.memory_limit(recipe) else { return };
    let amounts = amounts(recipe, checked);
    let footprint = footprint(recipe, checked, &amounts);
    let mut recomputing = recipe.clone();
    recomputing.training.gradient_checkpointing = true;
    let recomputing = Footprint { recipe: &recomputing, ..footprint };
    for (index, spec) in recipe.arms.iter().enumerate() {
        let cell = CellId::new(spec.arm(), recipe.seeds.first().copied().unwrap_or_default());
        let needs = |footprint: &Footprint<'_>| match spec.arm() {
            Arm::Full => footprint.training_full().max(footprint.completing(&[cell])),
            _ => footprint.training_loras(&[cell]).max(footprint.completing(&[cell])),
        };
        let (needed, least) = (needs(&footprint), needs(&recomputing));
        if needed <= limit {
            continue;
        }
        let may_take = limit_text(recipe, environment, limit);
        let remedy = if least <= limit {
            format!("With training.gradient_checkpointing = true it takes about {}: turn it on.", gibibytes(least))
        } else {
            "Lower training.per_device_train_batch_size (gradient_accumulation_steps makes up for it), take a smaller model, or leave the arm out."
                .to_string()
        };
        let (field, value) = match spec.lora_r {
            Some(r) => ("lora_r", r.to_string()),
            None => ("kind", "full".to_string()),
        };
        let what = if spec.arm() == Arm::Full {
            format!("the model, its copy, gradients and AdamW’s two moments: {}", gibibytes((5.0 * memory::weights(&checked.model)) as u64))
        } else {
            format!("the model alone: {}", gibibytes(memory::weights(&checked.model) as u64))
        };
        errors.push(
            format!("arms[{index}].{field}"),
            value,
            format!("Training this arm takes about {} of memory ({what}), and the study may take {may_take}. {remedy}", gibibytes(needed)),
        );
    }
}

/// What a study keeps in memory at its peaks.
struct Memory {
    lora_groups: Vec<GroupEstimate>,
    full_training_bytes: Option<u64>,
    peak_memory_bytes: u64,
}

impl Memory {
    /// `loras` train on the same examples; the worker parts them for training and for completing, by the lengths that it sees; here, for
    /// the larger of the two.
    fn of(footprint: &Footprint<'_>, loras: &[CellId], trains_in_full: bool, limit: Option<u64>) -> Self {
        let larger = |footprint: &Footprint<'_>, cells: &[CellId]| footprint.training_loras(cells).max(footprint.completing(cells));
        let lora_groups: Vec<GroupEstimate> = footprint
            .groups(loras, limit, larger)
            .into_iter()
            .map(|cells| GroupEstimate {
                training_bytes: footprint.training_loras(&cells),
                completing_bytes: footprint.completing(&cells),
                cells,
            })
            .collect();
        let full_training_bytes = trains_in_full.then(|| footprint.training_full());
        let peak_memory_bytes = lora_groups
            .iter()
            .flat_map(|group| [group.training_bytes, group.completing_bytes])
            // the trained model's file is mapped while it is read, beside what training had: freed memory is kept for the next tensor
            .chain(full_training_bytes.map(|bytes| bytes + memory::weights(footprint.model) as u64))
            .fold(footprint.completing(&[]), u64::max);
        Self { lora_groups, full_training_bytes, peak_memory_bytes }
    }
}

fn speed_text(flops: f64) -> String {
    format!(
        "{:.0} billion operations a second in matrix products, the best of a few moments just now; other work on this machine slows it.",
        flops / 1e9
    )
}

pub(crate) fn reckon(recipe: &Recipe, environment: &Environment, checked: &Checked, flops: f64) -> Estimate {
    if let Some(data) = &checked.data {
        return classification::reckon(recipe, environment, checked, data, flops);
    }
    let model = &checked.model;
    let prompts = checked.prompts.len() as f64;
    let samples = f64::from(recipe.generation.num_return_sequences);
    let new_tokens = f64::from(recipe.generation.max_new_tokens);
    let amounts = amounts(recipe, checked);
    let Amounts { prompt_tokens, toxic_share, toxic_prompts, pairs, pair_tokens, .. } = amounts;
    let k = f64::from(recipe.counterfactuals.k);
    let cells = recipe.cells();
    let loras: Vec<CellId> = cells.iter().copied().filter(|cell| cell.arm.rank().is_some()).collect();
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
    let steps = training.max_steps.map_or(steps_an_epoch * f64::from(training.num_train_epochs), f64::from);
    let trained_tokens = pairs * pair_tokens * steps / steps_an_epoch;
    let again = if training.gradient_checkpointing { 2.0 } else { 0.0 };
    // forward and the gradient of the input; full fine-tuning has the gradient of the weights besides
    let pass = |products: f64| trained_tokens * products * model.parameters as f64 / (flops * TRAINING_EFFICIENCY);
    let lora_parameters = |arm: Arm| arm.rank().map_or(0, |rank| lora_config(&recipe.lora, rank).trainable_parameters(model)) as f64;
    if !loras.is_empty() {
        let optimizing: f64 = loras.iter().map(|cell| steps * lora_parameters(cell.arm) * OPTIMIZER_SECONDS).sum();
        let adapters: f64 = loras.iter().map(|cell| trained_tokens * 6.0 * lora_parameters(cell.arm) / (flops * TRAINING_EFFICIENCY)).sum();
        let count = loras.len() as f64;
        phase(format!("Fine-tune {count} LoRA cells together"), count * pass(4.0 + again) + adapters + optimizing, count * trained_tokens);
        let (seconds, tokens) = completing(count);
        phase(format!("Complete the prompts: {count} LoRA cells"), seconds, tokens);
        let (seconds, tokens) = judging(count);
        phase(format!("Judge the completions: {count} LoRA cells"), seconds, tokens);
    }
    for cell in cells.iter().filter(|cell| cell.arm == Arm::Full) {
        let optimizing = steps * model.parameters as f64 * OPTIMIZER_SECONDS;
        phase(format!("Fine-tune full, seed {}", cell.seed), pass(6.0 + again) + optimizing, trained_tokens);
        let (seconds, tokens) = completing(1.0);
        phase(format!("Complete the prompts: full, seed {}", cell.seed), seconds, tokens);
        let (seconds, tokens) = judging(1.0);
        phase(format!("Judge the completions: full, seed {}", cell.seed), seconds, tokens);
    }

    phases.extend(inspection::phase(recipe, model, flops, prompts, prompt_tokens, amounts.sequence_tokens));

    let limit = environment.memory_limit(recipe);
    let footprint = footprint(recipe, checked, &amounts);
    let full_cells = cells.iter().filter(|cell| cell.arm == Arm::Full).count() as f64;
    let Memory { lora_groups, full_training_bytes, peak_memory_bytes } = Memory::of(&footprint, &loras, full_cells > 0.0, limit);
    let completions = cells.len() as f64 * prompts * samples;
    // a training's saved state: weights and two moments, of the old and the new saving for a moment
    let state = if full_cells > 0.0 { 6.0 * memory::weights(model) } else { 0.0 };
    let disk = full_cells * memory::weights(model)
        + state
        + loras.iter().map(|cell| lora_parameters(cell.arm) * 7.0 * BYTES).sum::<f64>()
        + completions * 300.0
        + 1e6;
    let mut assumptions = vec![
        speed_text(flops),
        format!("{:.0} tokens a prompt and {new_tokens} new tokens a completion; completions that end sooner take less.", prompt_tokens),
    ];
    if environment.processor != Processor::Cpu {
        assumptions.push(format!(
            "Times are those of this machine's CPU: on {} they are shorter, by a factor that is not reckoned here. Memory is the GPU's, with every weight in 32 bits; it keeps the base model's in 16.",
            environment.processor
        ));
    }
    assumptions.push(match &checked.own_pairs {
        Some(pairs) => format!("{} training pairs, as in your file.", pairs.len()),
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
    if let Some(limit) = limit {
        let may_take = limit_text(recipe, environment, limit);
        if lora_groups.len() > 1 {
            assumptions.push(format!(
                "{may_take} parts the LoRA cells into {} groups, one after another; the results are the same.",
                lora_groups.len()
            ));
        }
        if peak_memory_bytes > limit {
            assumptions.push(format!(
                "{} is more memory than there is for the study, {may_take}: turn gradient_checkpointing on, use a smaller batch or model, or leave out full fine-tuning.",
                gibibytes(peak_memory_bytes)
            ));
        }
    }
    Estimate {
        total_seconds: phases.iter().map(|phase| phase.seconds).sum(),
        phases,
        peak_memory_bytes,
        machine_memory_bytes: machine::memory_bytes(),
        memory_limit_bytes: limit,
        lora_groups,
        full_training_bytes,
        disk_bytes: disk as u64,
        model: summarise(&recipe.model.source, model, ""),
        prompts: prompts as u32,
        completions: completions as u64,
        data: None,
        assumptions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::{
        MemorySize,
        completion::Prompt,
        recipe::{ArmSpec, Inspection},
    };
    use rankscope_engine::ModelInfo;

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
        let (estimate, _) = reckoned_and_checked(change);
        estimate
    }

    /// What is reckoned, and what is refused for want of memory.
    fn reckoned_and_checked(change: impl FnOnce(&mut Recipe)) -> (Estimate, FieldErrors) {
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
        let checked = Checked { prompts, own_pairs: None, model: smollm(), writer: None, judge_model: None, data: None };
        let environment =
            Environment { default_model: "".into(), memory_limit_bytes: Some(8 << 30), processor: Processor::Cpu, datasets: "".into() };
        let mut errors = FieldErrors::default();
        check_memory(&recipe, &environment, &checked, &mut errors);
        (reckon(&recipe, &environment, &checked, 100e9), errors)
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
    fn looking_inside_takes_time_that_is_told() {
        let labels = |estimate: &Estimate| estimate.phases.iter().map(|phase| phase.label.clone()).collect::<Vec<_>>();
        let told = |change: fn(&mut Inspection)| {
            let mut inspection = Inspection::default();
            change(&mut inspection);
            let estimate = reckoned(|recipe| recipe.inspection = Some(inspection));
            assert_eq!(labels(&estimate).last().map(String::as_str), Some("Look inside: 4 cells"));
            estimate.phases.last().unwrap().seconds
        };
        let all = told(|_| {});
        assert!(all > 0.5 && all < 120.0, "{all}");
        assert!(told(|inspection| inspection.divergence = false) < all);
        assert!(told(|inspection| inspection.weight_distance = false) < all);
        assert!(told(|inspection| inspection.lens_prompts.clear()) < all);
        assert!(!labels(&reckoned(|_| {})).iter().any(|label| label.starts_with("Look inside")));
    }

    #[test]
    fn too_little_memory_is_said() {
        let estimate = reckoned(|recipe| recipe.memory_limit = Some(MemorySize(2 << 30)));
        assert!(estimate.peak_memory_bytes > 2 << 30);
        assert!(estimate.assumptions.last().unwrap().contains("more memory than there is"));
    }

    #[test]
    fn a_memory_limit_parts_the_lora_cells_and_refuses_what_never_fits() {
        // limit, gradient_checkpointing -> LoRA groups, refused fields and what is said
        let check = |gib: f64, checkpointing: bool, groups: usize, refused: &[(&str, &str)]| {
            let (estimate, errors) = reckoned_and_checked(|recipe| {
                recipe.seeds = vec![0, 1, 2];
                recipe.arms = vec![ArmSpec::lora(64, 1e-3), ArmSpec::lora(128, 1e-3), ArmSpec::full(1e-4)];
                recipe.counterfactuals.k = 20;
                recipe.training.per_device_train_batch_size = 64;
                recipe.training.gradient_checkpointing = checkpointing;
                recipe.memory_limit = Some(MemorySize((gib * f64::from(1 << 30)) as u64));
            });
            let peaks: Vec<_> = estimate.lora_groups.iter().map(|group| group.training_bytes >> 20).collect();
            assert_eq!(estimate.lora_groups.len(), groups, "{gib} GiB: {peaks:?} MiB");
            let cells: usize = estimate.lora_groups.iter().map(|group| group.cells.len()).sum();
            assert_eq!(cells, 6);
            assert_eq!(errors.0.len(), refused.len(), "{gib} GiB: {errors}");
            for (error, (field, said)) in errors.0.iter().zip(refused) {
                assert!(error.field == *field && error.remedy.contains(said) && error.remedy.contains("GiB"), "{error}");
            }
        };
        check(8.0, false, 1, &[]);
        check(3.0, false, 3, &[("arms[2].kind", "gradient_checkpointing = true it takes about")]);
        check(3.0, true, 2, &[]);
        check(
            0.5,
            false,
            6,
            &[("arms[0].lora_r", "leave the arm out"), ("arms[1].lora_r", "model alone"), ("arms[2].kind", "two moments")],
        );
    }
}
