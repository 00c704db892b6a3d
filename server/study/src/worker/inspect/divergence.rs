//! How far a cell's predictions are from the original's: `divergence.jsonl`.

use super::{Common, Opened, Told};
use crate::{
    StudyError, classification_text::TextEncoder, token_text::visible_token, training_text::encode_continued, whole_file, worker::Worker,
};
use rankscope_domain::{
    CellId,
    inspection::{Divergences, ExampleDivergence, Inspection, TokenDivergence},
    recipe::StudyKind,
};
use rankscope_engine::{ComparedSequence, Divergence, EngineError, Model, OriginalPredictions, Reading, Signal, divergence};
use std::collections::HashMap;

/// Over a continuation, and at each of its tokens.
type Continued = (Option<Divergences>, Vec<TokenDivergence>);

/// A text at whose end distributions are compared.
pub(super) struct Compared {
    id: u32,
    template: Option<String>,
    /// What completions continue; empty in a classification study.
    text: String,
    tokens: Vec<u32>,
}

impl Worker<'_> {
    /// The first prompts or test examples, evenly over their groups.
    pub(super) fn compared_examples(&self, inspection: &Inspection, base: &Model) -> Result<Vec<Compared>, StudyError> {
        let limit = inspection.divergence_limit as usize;
        if self.recipe.kind == StudyKind::Toxicity {
            let prompts = self.prompts()?;
            let groups: Vec<&str> = prompts.iter().map(|prompt| prompt.group.as_str()).collect();
            let chosen = evenly(&groups, limit).into_iter().map(|index| &prompts[index]);
            let compared = |prompt: &rankscope_domain::completion::Prompt| {
                Ok(Compared {
                    id: prompt.id,
                    template: Some(prompt.template.clone()),
                    text: prompt.prompt.clone(),
                    tokens: base.tokenizer().encode(&prompt.prompt, true).map_err(StudyError::from_engine)?,
                })
            };
            return chosen.map(compared).collect();
        }
        let labels = self.data_record()?.labels;
        let encoder = TextEncoder::new(self.recipe, &labels, base);
        let texts = self.test_texts()?;
        let groups: Vec<&str> = texts.iter().map(|text| text.group.as_str()).collect();
        let chosen = evenly(&groups, limit).into_iter().map(|index| &texts[index]);
        let compared = |text: &rankscope_domain::dataset::LabelledText| {
            Ok(Compared { id: text.id, template: None, text: String::new(), tokens: encoder.encode(&text.text)?.context })
        };
        chosen.map(compared).collect()
    }

    /// Gives the tokens that the cell's model read.
    pub(super) fn divergences(&mut self, cell: CellId, common: &mut Common, arm: &Opened, told: &Told) -> Result<u64, StudyError> {
        let predictions = match common.predictions.take() {
            Some(predictions) => predictions,
            None => {
                let ends: Result<_, EngineError> =
                    common.examples.iter().map(|example| ComparedSequence::last_position(&example.tokens)).collect();
                self.original(&common.base, ends.map_err(StudyError::from_engine)?, told)?
            }
        };
        let ends = self.compare(&common.base, arm, &predictions, told, 0)?;
        common.predictions = Some(predictions);
        let mut tokens: u64 = common.examples.iter().map(|example| example.tokens.len() as u64).sum();
        let mut continuations = vec![None; common.examples.len()];
        if self.recipe.kind == StudyKind::Toxicity {
            tokens += self.continuations(cell, common, arm, told, &mut continuations)?;
        }
        let mut lines = Vec::with_capacity(ends.len());
        for ((example, end), continuation) in common.examples.iter().zip(ends).zip(continuations) {
            let Some(prompt_end) = end else { continue };
            let (continuation, by_token) = continuation.unwrap_or_default();
            lines.push(ExampleDivergence { id: example.id, template: example.template.clone(), prompt_end, continuation, by_token });
        }
        whole_file::write_lines(&self.study.cell_file(cell, "divergence.jsonl"), &lines)?;
        Ok(tokens)
    }

    /// Over the cell's own first completion of each prompt; gives the tokens read.
    fn continuations(
        &mut self,
        cell: CellId,
        common: &Common,
        arm: &Opened,
        told: &Told,
        found: &mut [Option<Continued>],
    ) -> Result<u64, StudyError> {
        let completions = self.completions(cell)?;
        let texts: HashMap<u32, &str> = completions
            .iter()
            .filter(|completion| completion.sample == 0)
            .map(|completion| (completion.prompt_id, completion.text.as_str()))
            .collect();
        let longest = common.base.info().max_position_embeddings;
        let (mut sequences, mut written, mut tokens) = (Vec::new(), Vec::new(), 0);
        for (place, example) in common.examples.iter().enumerate() {
            let Some(text) = texts.get(&example.id) else { continue };
            let (context, behind) = encode_continued(&common.base, &example.text, text, longest)?;
            if !context.is_empty() && !behind.is_empty() {
                tokens += (context.len() + behind.len() - 1) as u64;
                sequences.push(ComparedSequence::continuation(&context, &behind).map_err(StudyError::from_engine)?);
                written.push((place, behind));
            }
        }
        let predictions = self.original(&common.base, sequences, told)?;
        let positions = self.positions(&common.base, arm, &predictions, told, common.examples.len())?;
        for ((place, written), positions) in written.into_iter().zip(positions) {
            let by_token = written
                .iter()
                .zip(&positions)
                .map(|(token, divergence)| TokenDivergence { token: visible_token(common.base.tokenizer(), *token), kl: divergence.kl });
            found[place] = Some((mean(&positions)?, by_token.collect()));
        }
        Ok(tokens)
    }

    fn original(&mut self, base: &Model, sequences: Vec<ComparedSequence>, told: &Told) -> Result<OriginalPredictions, StudyError> {
        let reporter = &mut self.reporter;
        let mut observer = |_: Signal| told.at(reporter, 0);
        let result = OriginalPredictions::of(base, sequences, &mut observer);
        self.reporter.finish(result.map_err(StudyError::from_engine))
    }

    /// The mean over the positions of each sequence; `done` of the part's examples are there before.
    fn compare(
        &mut self,
        base: &Model,
        arm: &Opened,
        predictions: &OriginalPredictions,
        told: &Told,
        before: usize,
    ) -> Result<Vec<Option<Divergences>>, StudyError> {
        let found = self.positions(base, arm, predictions, told, before)?;
        found.iter().map(|positions| mean(positions)).collect()
    }

    /// At each position of each sequence.
    fn positions(
        &mut self,
        base: &Model,
        arm: &Opened,
        predictions: &OriginalPredictions,
        told: &Told,
        before: usize,
    ) -> Result<Vec<Vec<Divergence>>, StudyError> {
        let (model, loras) = arm.reader(base);
        let readings: Vec<Reading> = (0..predictions.sequences().len()).map(|sequence| Reading { sequence, lora: arm.adapter() }).collect();
        let reporter = &mut self.reporter;
        let mut observer = |signal: Signal| match signal {
            Signal::Scored { done, .. } => told.at(reporter, before + done),
            _ => told.at(reporter, before),
        };
        let result = divergence(model, &loras, predictions, &readings, &mut observer);
        self.reporter.finish(result.map_err(StudyError::from_engine))
    }
}

fn mean(positions: &[Divergence]) -> Result<Option<Divergences>, StudyError> {
    let Some(mean) = Divergence::mean(positions) else { return Ok(None) };
    // JSON knows no infinity
    if ![mean.kl, mean.reverse_kl, mean.jensen_shannon].iter().all(|number| number.is_finite()) {
        return Err(StudyError::Engine(EngineError::Input(
            "a token that the original may write has probability 0, or the other way round: the divergence is infinite".into(),
        )));
    }
    let Divergence { kl, reverse_kl, jensen_shannon } = mean;
    Ok(Some(Divergences { kl, reverse_kl, jensen_shannon, positions: positions.len() as u32 }))
}

/// Places of at most `limit` examples in their order: the first of each group, then the second of each, until there are enough.
fn evenly(groups: &[&str], limit: usize) -> Vec<usize> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut turns: Vec<(usize, usize)> = Vec::with_capacity(groups.len());
    for (place, group) in groups.iter().enumerate() {
        let turn = seen.entry(group).or_default();
        turns.push((*turn, place));
        *turn += 1;
    }
    turns.sort_unstable();
    let mut places: Vec<usize> = turns.into_iter().take(limit).map(|(_, place)| place).collect();
    places.sort_unstable();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_taken_evenly_and_stay_in_their_order() {
        let check = |groups: &[&str], limit: usize, expected: &[usize]| assert_eq!(evenly(groups, limit), expected, "{groups:?} {limit}");
        check(&[], 3, &[]);
        check(&["a", "a", "a", "b", "b"], 9, &[0, 1, 2, 3, 4]);
        check(&["a", "a", "a", "b", "b"], 4, &[0, 1, 3, 4]);
        check(&["a", "a", "a", "b", "b"], 3, &[0, 1, 3]);
        check(&["a", "a", "a", "b"], 3, &[0, 1, 3]);
    }

    #[test]
    fn an_infinite_divergence_is_refused_and_of_no_position_there_is_none() {
        let one = |kl: f64| Divergence { kl, reverse_kl: 2.0, jensen_shannon: 0.5 };
        assert_eq!(mean(&[]).unwrap(), None);
        let found = mean(&[one(1.0), one(3.0)]).unwrap();
        assert_eq!(found, Some(Divergences { kl: 2.0, reverse_kl: 2.0, jensen_shannon: 0.5, positions: 2 }));
        assert!(mean(&[one(f64::INFINITY)]).unwrap_err().to_string().contains("infinite"));
    }
}
