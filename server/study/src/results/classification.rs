//! The results of a classification study, from its cells' predictions.

mod answers;
mod arm;
mod claims;
mod contrasts;

#[cfg(test)]
mod tests;

use crate::worker::DataRecord;
use answers::{Answers, Sample};
pub(crate) use answers::{likeliest, predicted_label, softmax};
use rankscope_domain::{
    Arm, CellId, MinorityFraction, Recipe,
    class_results::{ClassificationResults, FractionCount, Reading, ReadingResults},
    dataset::{LabelledText, Prediction},
    recipe::HeadKind,
    results::Claim,
};
use std::collections::BTreeMap;

/// Bins of the margin histograms.
const MARGIN_BINS: usize = 20;
const POWER: f64 = 0.8;

/// What a classification study has to show.
pub(crate) struct ClassFindings<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) record: &'a DataRecord,
    pub(crate) test: &'a [LabelledText],
    pub(crate) fractions: Vec<FractionCount>,
    /// Predictions of the test examples, in their order; none where the cell failed.
    pub(crate) cells: Vec<(CellId, Vec<Prediction>)>,
}

/// The answers of one reading, by arm and fraction, then by seed.
type Table = BTreeMap<(Arm, Option<MinorityFraction>), BTreeMap<u64, Answers>>;

/// What was measured, and what it says of the paper's claims.
pub(crate) fn compute(findings: &ClassFindings) -> (ClassificationResults, Vec<Claim>) {
    let ClassFindings { recipe, record, .. } = findings;
    let sample = Sample::new(record, findings.test);
    let mut claims = Vec::new();
    let mut measured = Vec::new();
    for (index, reading) in readings(recipe).into_iter().enumerate() {
        let table = table(reading, findings, &sample);
        let results = reading_results(reading, findings, &sample, &table);
        // the verdict rests on one reading: the one that pages show first
        if index == 0 {
            claims = claims::compute(findings, &sample, &table, &results);
        }
        measured.push(results);
    }
    let answers = recipe.classifier.head == HeadKind::Answers;
    let mut seeds = recipe.seeds.clone();
    seeds.sort_unstable();
    let results = ClassificationResults {
        dataset: recipe.data.source.clone(),
        train_examples: record.train_examples,
        test_examples: findings.test.len() as u32,
        head: recipe.classifier.head,
        prompt: if answers { recipe.classifier.answer_prompt().into() } else { String::new() },
        labels: record.labels.clone(),
        positive_label: record.labels.get(record.positive as usize).cloned().unwrap_or_default(),
        grouped_by: record.grouped_by.clone(),
        groups: record.groups.clone(),
        minority: record.minority.clone(),
        majority: record.majority.clone(),
        fractions: findings.fractions.clone(),
        seeds,
        margin_edges: sample.margin_edges.clone(),
        readings: measured,
    };
    (results, claims)
}

pub(crate) fn readings(recipe: &Recipe) -> Vec<Reading> {
    match recipe.classifier.head {
        HeadKind::ClassHead => vec![Reading::ClassHead],
        HeadKind::Answers if recipe.classifier.answer_tokens() == 0 => vec![Reading::Likelihood],
        HeadKind::Answers => vec![Reading::Likelihood, Reading::GeneratedText],
    }
}

fn table(reading: Reading, findings: &ClassFindings, sample: &Sample) -> Table {
    let mut table = Table::new();
    for (cell, predictions) in findings.cells.iter().filter(|(_, predictions)| predictions.len() == sample.len()) {
        table.entry((cell.arm, cell.minority)).or_default().insert(cell.seed, Answers::new(reading, predictions, sample));
    }
    table
}

fn reading_results(reading: Reading, findings: &ClassFindings, sample: &Sample, table: &Table) -> ReadingResults {
    let mut arms = Vec::new();
    for arm in findings.recipe.all_arms() {
        if !arm.is_trained() {
            if findings.recipe.classifier.head == HeadKind::Answers {
                arms.push(arm::measure(findings.recipe, sample, table, arm, None));
            }
            continue;
        }
        for count in &findings.fractions {
            arms.push(arm::measure(findings.recipe, sample, table, arm, Some(count.fraction)));
        }
    }
    let fractions: Vec<MinorityFraction> = findings.fractions.iter().map(|count| count.fraction).collect();
    ReadingResults {
        reading,
        arms,
        contrasts: contrasts::against_full(findings.recipe, sample, table, &fractions),
        trends: contrasts::accuracy_trends(findings.recipe, sample, table, &fractions),
        margin_trends: contrasts::margin_trends(findings.recipe, sample, table, &fractions),
    }
}
