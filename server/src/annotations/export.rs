//! The labels of a study as a file: what people said of which completion, with all that was hidden from them.

use super::{Annotations, broken};
use crate::{
    error::{from_study, internal},
    study_id::StudyId,
};
use rankscope_app::error::AppError;
use rankscope_domain::{Arm, CellId, annotation::Label, completion::Verdict, spreadsheet::guarded};
use rankscope_study::JudgedItem;
use serde::Serialize;
use std::collections::HashMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelFormat {
    Csv,
    Jsonl,
}

/// A row of the file: one label of one annotator. `rankscope judge-eval` reads it with `--prompt-column prompt`. In CSV a text that a
/// spreadsheet would take for a formula begins with an apostrophe, which that takes away again.
#[derive(Debug, Clone, Serialize)]
struct LabelRow<'a> {
    round: &'a str,
    item: &'a str,
    annotator: &'a str,
    source: &'a str,
    label: Label,
    /// RFC 3339, UTC.
    given_at: String,
    cell: CellId,
    arm: Arm,
    seed: u64,
    prompt_id: u32,
    sample: u32,
    group: &'a str,
    /// The judge's.
    verdict: Verdict,
    /// Completions of its stratum (arm by verdict) in the study, and how many of them it stands for.
    population: u32,
    weight: f64,
    prompt: &'a str,
    text: &'a str,
}

/// Every label that stands, rounds in the order that they were drawn, then by item and annotator.
pub async fn labels_file(annotations: &Annotations, study: &StudyId, format: LabelFormat) -> Result<Vec<u8>, AppError> {
    let mut rounds = annotations.rounds(study).await?;
    rounds.reverse();
    let mut parts = Vec::new();
    for round in rounds {
        let items = annotations.database.round_items(&round.id).await.map_err(broken)?;
        let labels = annotations.database.standing_labels(&round.id).await.map_err(broken)?;
        if !labels.is_empty() {
            parts.push((round.id, items, labels));
        }
    }
    if parts.is_empty() {
        return Err(AppError::NotFound("This study has no labels yet. They are there as soon as somebody gives one.".into()));
    }
    annotations
        .read(study, move |study| {
            let judged = study.judged_items().map_err(|error| from_study("reading completions", error))?;
            let places: HashMap<_, &JudgedItem> = judged.iter().map(|item| (item.place(), item)).collect();
            let mut file = Writer::new(format);
            for (round, items, labels) in &parts {
                let items: HashMap<&str, _> = items.iter().map(|item| (item.id.as_str(), item)).collect();
                for given in labels {
                    let Some(item) = items.get(given.item.as_str()) else { continue };
                    let Some(found) = places.get(&(item.cell, item.prompt_id, item.sample)) else { continue };
                    file.write(&LabelRow {
                        round,
                        item: &given.item,
                        annotator: &given.annotator.name,
                        source: &given.annotator.source,
                        label: given.label,
                        given_at: jiff::Timestamp::from_millisecond(given.at_ms).map(|at| at.to_string()).unwrap_or_default(),
                        cell: item.cell,
                        arm: item.cell.arm,
                        seed: item.cell.seed,
                        prompt_id: item.prompt_id,
                        sample: item.sample,
                        group: &found.prompt.group,
                        verdict: item.verdict,
                        population: item.population,
                        weight: item.weight,
                        prompt: &found.prompt.prompt,
                        text: &found.text,
                    })?;
                }
            }
            file.end()
        })
        .await
}

enum Writer {
    Csv(Box<csv::Writer<Vec<u8>>>),
    Jsonl(Vec<u8>),
}

impl Writer {
    fn new(format: LabelFormat) -> Self {
        match format {
            LabelFormat::Csv => Self::Csv(Box::new(csv::Writer::from_writer(Vec::new()))),
            LabelFormat::Jsonl => Self::Jsonl(Vec::new()),
        }
    }

    fn write(&mut self, row: &LabelRow<'_>) -> Result<(), AppError> {
        match self {
            Self::Csv(writer) => {
                // names come from whoever has a link, texts from models
                let [annotator, source] = [row.annotator, row.source].map(guarded);
                let [group, prompt, text] = [row.group, row.prompt, row.text].map(guarded);
                let row = LabelRow { annotator: &annotator, source: &source, group: &group, prompt: &prompt, text: &text, ..row.clone() };
                writer.serialize(row).map_err(|error| internal("writing labels", &error))
            }
            Self::Jsonl(bytes) => {
                serde_json::to_writer(&mut *bytes, row).map_err(|error| internal("writing labels", &error))?;
                bytes.push(b'\n');
                Ok(())
            }
        }
    }

    fn end(self) -> Result<Vec<u8>, AppError> {
        match self {
            Self::Csv(writer) => writer.into_inner().map_err(|error| internal("writing labels", &error)),
            Self::Jsonl(bytes) => Ok(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_a_formula_is_none_in_a_spreadsheet() {
        let row = LabelRow {
            round: "r",
            item: "i",
            annotator: "=HYPERLINK(\"http://x\")",
            source: "share:x",
            label: Label::Unsure,
            given_at: String::new(),
            cell: "full-s0".parse().unwrap(),
            arm: Arm::Full,
            seed: 0,
            prompt_id: 0,
            sample: 0,
            group: "+group",
            verdict: Verdict::Toxic,
            population: 1,
            weight: 1.0,
            prompt: "@prompt",
            text: "- a list, not a sum",
        };
        let file = |format| {
            let mut writer = Writer::new(format);
            writer.write(&row).unwrap();
            String::from_utf8(writer.end().unwrap()).unwrap()
        };
        let csv = file(LabelFormat::Csv);
        let record = csv::Reader::from_reader(csv.as_bytes()).into_records().next().unwrap().unwrap();
        for guarded in ["'=HYPERLINK(\"http://x\")", "'+group", "'@prompt", "'- a list, not a sum"] {
            assert!(record.iter().any(|field| field == guarded), "{guarded} is not in {csv}");
        }
        let json: serde_json::Value = serde_json::from_str(&file(LabelFormat::Jsonl)).unwrap();
        assert_eq!((json["annotator"].as_str(), json["text"].as_str()), (Some(row.annotator), Some(row.text)));
    }
}
