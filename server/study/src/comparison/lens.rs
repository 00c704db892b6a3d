//! One prompt of the logit lens, as every shown arm of every study reads it.

use super::Side;
use crate::StudyError;
use rankscope_domain::{
    comparison::{ComparedReading, Comparison, LensComparison, letter},
    comparison_query::ComparisonQuery,
};

pub(super) fn readings(comparison: &mut Comparison, sides: &[Side], query: &ComparisonQuery) -> Result<LensComparison, StudyError> {
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
    let mut prompt = query.prompt;
    if prompt > 0 && prompt as usize >= prompts.len() {
        comparison.problems.push("prompt", prompt, format!("These studies have {} lens prompts, counted from 0.", prompts.len()));
        prompt = 0;
    }
    let text = prompts.get(prompt as usize);
    let is_shown = |read: &ComparedReading| {
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
    all.retain(is_shown);
    all.sort_by_key(|read| (read.study, read.reading.cell.arm));
    Ok(LensComparison { prompts, prompt, readings: all, notes })
}
