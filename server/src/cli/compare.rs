//! `rankscope compare`.

use super::{Failure, comparison_table};
use clap::Args;
use rankscope_domain::{
    FieldErrors,
    comparison_query::{ComparisonQuery, ComparisonView},
    view::{Ended, StudyStatus},
};
use rankscope_study::{AskedStudy, FoundStudy, Study};
use std::{
    io::{Write, stdout},
    path::PathBuf,
};

#[derive(Debug, Args)]
pub(super) struct CompareFlags {
    /// The studies' directories, two to six; one, to compare its arms. They are called A, B, … in this order
    #[arg(required = true, num_args = 1..=6, value_name = "DIR")]
    directories: Vec<PathBuf>,
    /// The arms to compare, by commas: A:lora-r8 of the first study, full of every one; by default all
    #[arg(long, value_name = "ARMS")]
    arms: Option<String>,
    /// The arm that all others are contrasted with, e.g. A:full; by default the same arm of the first study
    #[arg(long, value_name = "ARM")]
    against: Option<String>,
    /// Contrast within one group of prompts or test examples
    #[arg(long)]
    group: Option<String>,
    /// Classification: the minority fraction; by default the largest that all have
    #[arg(long)]
    fraction: Option<String>,
    /// Classification: likelihood, generated_text or class_head; by default each study's first
    #[arg(long)]
    reading: Option<String>,
    /// Print every field of the recipes, not those alone in which they differ
    #[arg(long)]
    all_fields: bool,
    /// Print the whole comparison as JSON
    #[arg(long)]
    json: bool,
}

impl CompareFlags {
    pub(super) fn wants_json(&self) -> bool {
        self.json
    }

    /// The same query as in an address; whatever can't be read in it is refused.
    fn query(&self) -> Result<ComparisonQuery, FieldErrors> {
        let given = [
            ("arms", &self.arms),
            ("against", &self.against),
            ("group", &self.group),
            ("fraction", &self.fraction),
            ("reading", &self.reading),
        ];
        let pairs: Vec<(String, String)> = given.into_iter().filter_map(|(name, value)| Some((name.to_string(), value.clone()?))).collect();
        let (query, errors) = ComparisonQuery::read(&pairs);
        errors.into_result(ComparisonQuery { all_fields: self.all_fields, ..query })
    }
}

pub(super) fn compare(flags: &CompareFlags) -> Result<(), Failure> {
    let query = flags.query()?;
    let mut asked = Vec::new();
    for directory in &flags.directories {
        let study = Study::open(directory).map_err(|error| FieldErrors::one("DIR", directory.display(), format!("{error}.")))?;
        let status = status_of(&study).map_err(|error| Failure::Failed(error.to_string()))?;
        asked.push(AskedStudy { id: directory.display().to_string(), found: Some(FoundStudy { study, status }) });
    }
    let views = [ComparisonView::Recipe, ComparisonView::Toxicity, ComparisonView::Accuracy, ComparisonView::Divergence];
    let comparison = rankscope_study::compare(&asked, &query, Some(&views)).map_err(|error| Failure::Failed(error.to_string()))?;
    comparison.problems.clone().into_result(())?;
    let mut out = stdout().lock();
    if flags.json {
        let text = serde_json::to_string_pretty(&comparison).map_err(|error| Failure::Failed(error.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        write!(out, "{}", comparison_table::comparison(&comparison, query.all_fields))?;
    }
    Ok(())
}

/// As the directory tells it: nobody else is asked.
pub(super) fn status_of(study: &Study) -> Result<StudyStatus, rankscope_study::StudyError> {
    if study.results()?.is_some() {
        return Ok(StudyStatus::Finished);
    }
    Ok(match study.progress()?.ended {
        Some(Ended::Failed(_)) => StudyStatus::Failed,
        _ => StudyStatus::Cancelled,
    })
}
