//! One prompt of the logit lens, as every shown arm of every study reads it.

use super::Side;
use crate::StudyError;
use rankscope_domain::{
    comparison::{ComparedReading, Comparison, LensComparison, letter},
    comparison_query::ComparisonQuery,
};

pub(super) fn readings(comparison: &mut Comparison, sides: &[Side], query: &ComparisonQuery) -> Result<LensComparison, StudyError> {
    let (all, prompts) = read(sides)?;
    let mut prompt = query.prompt;
    if prompt > 0 && prompt as usize >= prompts.len() {
        comparison.problems.push("prompt", prompt, no_such_prompt(prompts.len()));
        prompt = 0;
    }
    Ok(of_prompt(comparison, sides, &all, &prompts, prompt))
}

/// One a prompt, in their order.
pub(super) fn every_prompt(comparison: &Comparison, sides: &[Side]) -> Result<Vec<LensComparison>, StudyError> {
    let (all, prompts) = read(sides)?;
    Ok((0..).zip(&prompts).map(|(prompt, _)| of_prompt(comparison, sides, &all, &prompts, prompt)).collect())
}

pub(crate) fn no_such_prompt(prompts: usize) -> String {
    format!("These studies have {prompts} lens prompts, counted from 0.")
}

/// Every reading of the studies, and the prompts in the order in which they first come.
fn read(sides: &[Side]) -> Result<(Vec<ComparedReading>, Vec<String>), StudyError> {
    let mut all = Vec::new();
    for (study, side) in sides.iter().enumerate() {
        all.extend(side.study.lens()?.into_iter().map(|reading| ComparedReading { study, reading }));
    }
    let mut prompts: Vec<String> = Vec::new();
    for read in &all {
        if !prompts.contains(&read.reading.prompt) {
            prompts.push(read.reading.prompt.clone());
        }
    }
    Ok((all, prompts))
}

fn of_prompt(comparison: &Comparison, sides: &[Side], all: &[ComparedReading], prompts: &[String], prompt: u32) -> LensComparison {
    let text = prompts.get(prompt as usize);
    let is_shown = |read: &&ComparedReading| {
        Some(&read.reading.prompt) == text && comparison.studies[read.study].shown.contains(&read.reading.cell.arm)
    };
    let notes = (0..sides.len()).filter_map(|study| {
        let name = letter(study);
        let of_study = || all.iter().filter(|read| read.study == study);
        if of_study().any(|read| Some(&read.reading.prompt) == text) {
            return None;
        }
        Some(if of_study().next().is_some() {
            format!("{name} has no reading of this prompt: its recipe does not name it.")
        } else if sides[study].recipe.inspected_cells().is_empty() {
            format!("{name} was not looked into: “Inside the models” was not switched on for it, or its models have a classification head and predict no token.")
        } else {
            format!("{name} has no reading yet: the lens reads each arm when it has been trained.")
        })
    });
    let notes = notes.collect();
    let mut readings: Vec<ComparedReading> = all.iter().filter(is_shown).cloned().collect();
    readings.sort_by_key(|read| (read.study, read.reading.cell.arm));
    LensComparison { prompts: prompts.to_vec(), prompt, readings, notes }
}
