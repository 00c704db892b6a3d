//! What a classification study will take.

use super::{
    Amounts, BYTES, GENERATION_EFFICIENCY, LOAD_SECONDS, Memory, OPTIMIZER_SECONDS, TOKEN_LENGTH, TRAINING_EFFICIENCY, footprint,
    gibibytes, limit_text, speed_text, summarise,
};
use crate::{
    Environment,
    check::Checked,
    dataset::{self, ChosenData},
    machine, memory,
    worker::lora_config,
};
use rankscope_domain::{
    Arm, CellId, Recipe,
    dataset::LabelledText,
    estimate::{Estimate, PhaseEstimate},
    event::StageKind,
    recipe::HeadKind,
};
use rankscope_engine::{ModelInfo, Processor};

/// Tokens of an option, and of the end token behind it.
const OPTION_TOKENS: f64 = 2.0;
/// Bytes of a prediction's line.
const PREDICTION_BYTES: f64 = 120.0;

/// Tokens of a text as the model reads it, with the question around it.
fn tokens(recipe: &Recipe, text: &LabelledText) -> f64 {
    let question = match recipe.classifier.head {
        HeadKind::Answers => recipe.classifier.answer_prompt().chars().count() as f64 / TOKEN_LENGTH + OPTION_TOKENS,
        HeadKind::ClassHead => 2.0,
    };
    (text.text.chars().count() as f64 / TOKEN_LENGTH + question).min(f64::from(recipe.training.max_length))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

pub(super) fn amounts(recipe: &Recipe, data: &ChosenData) -> Amounts {
    let read = mean(data.test.iter().map(|text| tokens(recipe, text)));
    let batch = recipe.training.per_device_train_batch_size as usize;
    let mut lengths: Vec<f64> = data.train.iter().map(|text| tokens(recipe, text)).collect();
    lengths.sort_by(|one, other| other.total_cmp(one));
    // memory is that of the largest batch there can be
    let longest = mean(lengths.iter().copied().take(batch).collect::<Vec<_>>().into_iter());
    let written = if recipe.classifier.head == HeadKind::Answers { f64::from(recipe.classifier.answer_tokens()) } else { 0.0 };
    Amounts {
        prompt_tokens: read,
        sequence_tokens: read + written,
        toxic_share: 0.0,
        toxic_prompts: 0.0,
        pairs: data.train.len() as f64,
        pair_tokens: longest,
        target_tokens: if written > 0.0 { OPTION_TOKENS } else { 1.0 },
    }
}

/// Numbers that a token is multiplied with: linear layers, and the part of the unembedding's that answers have.
fn numbers_a_token(recipe: &Recipe, model: &ModelInfo, tokens: f64) -> f64 {
    let linear: f64 = model.linear_layers.iter().map(|(_, outputs, inputs)| (outputs * inputs) as f64).sum();
    let unembedding = (model.vocab_size * model.hidden_size) as f64;
    linear + if recipe.classifier.head == HeadKind::Answers { unembedding * OPTION_TOKENS / tokens.max(1.0) } else { 0.0 }
}

pub(super) fn reckon(recipe: &Recipe, environment: &Environment, checked: &Checked, data: &ChosenData, flops: f64) -> Estimate {
    let model = &checked.model;
    let cells = recipe.cells();
    let counts = dataset::counts(data, &recipe.groups);
    let amounts = amounts(recipe, data);
    let test = data.test.len() as f64;
    let train_tokens = mean(data.train.iter().map(|text| tokens(recipe, text)));
    let numbers = numbers_a_token(recipe, model, train_tokens);
    let training = &recipe.training;
    let per_step = f64::from(training.per_device_train_batch_size) * f64::from(training.gradient_accumulation_steps);
    // steps, and tokens that are trained on, of a cell at a fraction
    let of_cell = |cell: &CellId| {
        let examples = counts
            .fractions
            .iter()
            .find(|count| Some(count.fraction) == cell.minority)
            .map_or(0.0, |count| f64::from(count.train_examples));
        let steps_an_epoch = (examples / per_step).ceil().max(1.0);
        let steps = training.max_steps.map_or(steps_an_epoch * f64::from(training.num_train_epochs), f64::from);
        (steps, examples * train_tokens * steps / steps_an_epoch)
    };
    let again = if training.gradient_checkpointing { 2.0 } else { 0.0 };
    let lora_parameters = |arm: Arm| arm.rank().map_or(0, |rank| lora_config(&recipe.lora, rank).trainable_parameters(model)) as f64;
    let mut phases = Vec::new();
    let mut phase = |label: String, seconds: f64, tokens: f64| phases.push(PhaseEstimate { label, seconds, tokens: tokens as u64 });
    phase(StageKind::Load.label().into(), model.parameters as f64 * LOAD_SECONDS, 0.0);
    let evaluating = |cells: f64| {
        let read = cells * test * amounts.prompt_tokens;
        let written = cells * test * (amounts.sequence_tokens - amounts.prompt_tokens);
        // what is written goes through the whole unembedding
        let products = read * numbers_a_token(recipe, model, amounts.prompt_tokens) * if written > 0.0 { 2.0 } else { 1.0 }
            + written * model.parameters as f64;
        (2.0 * products / (flops * GENERATION_EFFICIENCY), read)
    };
    for (kind, label) in [(0, "the original model"), (1, "LoRA cells"), (2, "full cells")] {
        let of_kind: Vec<&CellId> = cells
            .iter()
            .filter(|cell| match cell.arm {
                Arm::Original => kind == 0,
                Arm::Lora(_) => kind == 1,
                Arm::Full => kind == 2,
            })
            .collect();
        if of_kind.is_empty() {
            continue;
        }
        let count = of_kind.len();
        let label = if kind == 0 { label.to_string() } else { format!("{count} {label}") };
        if kind > 0 {
            let (mut seconds, mut trained) = (0.0, 0.0);
            for cell in &of_kind {
                let (steps, tokens) = of_cell(cell);
                let (products, optimized) = if kind == 1 {
                    ((4.0 + again) * numbers + 6.0 * lora_parameters(cell.arm), lora_parameters(cell.arm))
                } else {
                    ((6.0 + again) * numbers, model.parameters as f64)
                };
                seconds += tokens * products / (flops * TRAINING_EFFICIENCY) + steps * optimized * OPTIMIZER_SECONDS;
                trained += tokens;
            }
            phase(format!("{}: {label}", StageKind::Train.label()), seconds, trained);
        }
        let (seconds, read) = evaluating(count as f64);
        phase(format!("{}: {label}", StageKind::Evaluate.label()), seconds, read);
    }
    phases.extend(super::inspection::phase(recipe, model, flops, test, amounts.prompt_tokens, amounts.sequence_tokens));

    let limit = environment.memory_limit(recipe);
    let footprint = footprint(recipe, checked, &amounts);
    let first = cells.iter().find(|cell| cell.arm.rank().is_some());
    let together: Vec<CellId> = cells
        .iter()
        .copied()
        .filter(|cell| cell.arm.rank().is_some() && first.is_some_and(|first| (first.seed, first.minority) == (cell.seed, cell.minority)))
        .collect();
    let full_cells = cells.iter().filter(|cell| cell.arm == Arm::Full).count() as f64;
    let Memory { lora_groups, full_training_bytes, peak_memory_bytes } = Memory::of(&footprint, &together, full_cells > 0.0, limit);
    let kept = if training.keep_full_weights { full_cells } else { full_cells.min(1.0) };
    let state = if full_cells > 0.0 { 6.0 * memory::weights(model) } else { 0.0 };
    let texts: usize = data.train.iter().chain(&data.test).map(|text| text.text.len()).sum();
    let disk = kept * memory::weights(model)
        + state
        + cells.iter().map(|cell| lora_parameters(cell.arm) * BYTES).sum::<f64>()
        + cells.len() as f64 * test * PREDICTION_BYTES
        + texts as f64
        + 1e6;
    let mut assumptions = vec![
        speed_text(flops),
        format!(
            "{train_tokens:.0} tokens a training text and {:.0} a test text, at {TOKEN_LENGTH} letters a token.",
            amounts.prompt_tokens
        ),
        "LoRA cells of one seed and fraction train together, since they have the same examples.".into(),
    ];
    if environment.processor != Processor::Cpu {
        assumptions.push(format!(
            "Times are those of this machine's CPU: on {} they are shorter, by a factor that is not reckoned here.",
            environment.processor
        ));
    }
    if full_cells > 0.0 && !training.keep_full_weights {
        assumptions.push("The weights of a full cell are removed once it has classified the test examples.".into());
    }
    if let Some(limit) = limit.filter(|limit| peak_memory_bytes > *limit) {
        assumptions.push(format!(
            "{} is more memory than there is for the study, {}: turn gradient_checkpointing on, use a smaller batch or model, or leave out full fine-tuning.",
            gibibytes(peak_memory_bytes),
            limit_text(recipe, environment, limit)
        ));
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
        prompts: 0,
        completions: 0,
        data: Some(counts),
        assumptions,
    }
}
