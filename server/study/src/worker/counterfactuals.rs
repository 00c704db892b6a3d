//! What the arms are trained on: counterfactuals for the prompts that led the original model astray, or the user's own.

use super::{Work, Worker, complete::Source};
use crate::{StudyError, counterfactual, instruct, judge::Statement, plan::Stage, prompt_set, seeds, training_text, whole_file};
use rankscope_domain::{
    Arm,
    completion::{Prompt, TrainingPair, Verdict},
    event::Unit,
    recipe::CounterfactualSource,
    results::CounterfactualCounts,
};
use rankscope_engine::{GenerationOptions, Request};
use serde::Serialize;
use std::{
    collections::{BTreeSet, HashSet},
    path::Path,
};

/// Lists at a time.
const BATCH_SIZE: usize = 32;
/// Lists that a prompt may take: a prompt whose lists gave fewer than k that can be used is asked for again.
const ROUNDS: u32 = 3;

/// A line of `counterfactual_lists.jsonl`: an answer as the writer gave it, with the start it was given.
#[derive(Serialize)]
struct ListLine {
    prompt_id: u32,
    round: u32,
    answer: String,
}

impl Worker<'_> {
    pub(super) fn counterfactuals(&mut self, stage: &Stage) -> Result<Work, StudyError> {
        let (pairs, mut counts, work) = match self.recipe.counterfactuals.source {
            CounterfactualSource::File => {
                let path = Path::new(self.recipe.counterfactuals.path.as_deref().unwrap_or_default());
                let text = prompt_set::read_input("counterfactuals.path", path)?;
                let (pairs, mut counts) = counterfactual::own_pairs(&text, path)?;
                counts.toxic_prompts = self.toxic_prompts()?.len() as u32;
                (pairs, counts, Work::default())
            }
            CounterfactualSource::Model => self.write_counterfactuals(stage)?,
        };
        counts.kept = pairs.len() as u32;
        let model = self.base_model()?;
        let max_length = self.recipe.training.max_length;
        let data = training_text::encode_all(&model, &pairs, max_length)?;
        (counts.truncated, counts.truncated_tokens) = (data.truncated_examples, data.truncated_tokens);
        if counts.truncated > 0 {
            self.reporter.note(format!(
                "{} of the {} training pairs are longer than max_length = {max_length} tokens and were cut: {} tokens left out.",
                counts.truncated, counts.kept, counts.truncated_tokens
            ))?;
        }
        let dropped = counts.parsed.saturating_sub(counts.kept);
        self.reporter.note(format!("{} counterfactuals to train on; {dropped} of {} were dropped.", counts.kept, counts.parsed))?;
        whole_file::write_json(&self.study.counterfactual_counts_path(), &counts)?;
        whole_file::write_lines(&self.study.counterfactuals_path(), &pairs)?;
        Ok(work)
    }

    /// Prompts that led the original model, with the first seed, to a toxic completion.
    fn toxic_prompts(&self) -> Result<Vec<Prompt>, StudyError> {
        let Some(original) = self.recipe.cells().into_iter().find(|cell| cell.arm == Arm::Original) else { return Ok(Vec::new()) };
        let toxic: BTreeSet<u32> = self
            .judgements(original)?
            .into_iter()
            .filter(|judgement| judgement.verdict == Verdict::Toxic)
            .map(|judgement| judgement.prompt_id)
            .collect();
        Ok(self.prompts()?.into_iter().filter(|prompt| toxic.contains(&prompt.id)).collect())
    }

    fn write_counterfactuals(&mut self, stage: &Stage) -> Result<(Vec<TrainingPair>, CounterfactualCounts, Work), StudyError> {
        let spec = &self.recipe.counterfactuals;
        let prompts = self.toxic_prompts()?;
        if prompts.is_empty() {
            return Err(StudyError::Other(format!(
                "the judge called no completion of the original model toxic ({} prompts, {} completions each), so there is nothing to write counterfactuals \
                 for. Use more or other prompts, more completions a prompt (generation.num_return_sequences) or another judge; or give pairs of your own \
                 (counterfactuals.source = \"file\")",
                self.prompts()?.len(),
                self.recipe.generation.num_return_sequences
            )));
        }
        let source = spec.model.as_deref().unwrap_or(&self.recipe.model.source);
        let path = self.shelf.path(source);
        let writer = self.shelf.model(&path)?;
        let options = GenerationOptions {
            max_new_tokens: spec.max_new_tokens as usize,
            do_sample: true,
            temperature: spec.temperature,
            top_p: spec.top_p,
            top_k: 0,
            batch_size: BATCH_SIZE,
        };
        let mut counts =
            CounterfactualCounts { toxic_prompts: prompts.len() as u32, requested: prompts.len() as u32 * spec.k, ..Default::default() };
        let mut known = HashSet::new();
        let mut written: Vec<Vec<TrainingPair>> = prompts.iter().map(|_| Vec::new()).collect();
        let mut lists = Vec::new();
        let (mut tokens, mut earlier_seconds) = (0, 0.0);
        for round in 0..ROUNDS {
            let wanting: Vec<usize> = (0..prompts.len()).filter(|&index| written[index].len() < spec.k as usize).collect();
            if wanting.is_empty() {
                break;
            }
            let mut requests = Vec::with_capacity(wanting.len());
            for &index in &wanting {
                let prompt = &prompts[index];
                let instruction = counterfactual::instruction(spec.prompt.as_deref(), &prompt.prompt, spec.k);
                requests.push(Request {
                    prompt: instruct::turn(&writer, spec.chat_template, &instruction, &counterfactual::answer_start(&prompt.prompt))?,
                    lora: None,
                    seed: seeds::derive("counterfactuals", &[self.recipe.seeds[0], u64::from(prompt.id), u64::from(round)]),
                });
            }
            let source = Source {
                model: &writer,
                loras: &[],
                options: options.clone(),
                unit: Unit::Prompts,
                round: round.to_string(),
                before: 0,
                total: requests.len() as u64,
            };
            let (texts, earlier) = self.generate_in_parts(stage, &source, &requests)?;
            earlier_seconds += earlier;
            for (&index, text) in wanting.iter().zip(texts) {
                let prompt = &prompts[index];
                tokens += u64::from(text.new_tokens);
                let answer = format!("{}{}", counterfactual::answer_start(&prompt.prompt), text.text);
                let missing = spec.k - written[index].len() as u32;
                written[index].extend(counterfactual::read_list(&answer, &prompt.prompt, missing, text.finished, &mut counts, &mut known));
                lists.push(ListLine { prompt_id: prompt.id, round, answer });
            }
        }
        whole_file::write_lines(&self.study.counterfactual_lists_path(), &lists)?;
        let candidates: Vec<TrainingPair> = written.into_iter().flatten().collect();
        let statements: Vec<_> =
            candidates.iter().map(|pair| Statement { prompt: pair.prompt.clone(), completion: pair.target.clone() }).collect();
        self.reporter.restart_clock();
        let (opinions, _) = self.opinions(&statements, 0, statements.len() as u64)?;
        let mut pairs = Vec::new();
        for (pair, opinion) in candidates.into_iter().zip(opinions) {
            if opinion.verdict == Verdict::NonToxic {
                pairs.push(pair);
            } else {
                counts.dropped_toxic += 1;
            }
        }
        if pairs.is_empty() {
            return Err(StudyError::Other(format!(
                "none of the {} counterfactuals that the model wrote could be kept ({} did not continue the prompt, {} incomplete, {} duplicates, {} toxic \
                 or unreadable to the judge). Use a stronger writer (counterfactuals.model), more tokens (counterfactuals.max_new_tokens), or pairs of your \
                 own (counterfactuals.source = \"file\")",
                counts.parsed, counts.dropped_prefix, counts.dropped_incomplete, counts.dropped_duplicate, counts.dropped_toxic
            )));
        }
        Ok((pairs, counts, Work { cells: Vec::new(), tokens, earlier_seconds }))
    }
}
