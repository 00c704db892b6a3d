//! Which examples a classification study trains on and tests with.

use super::{Work, Worker};
use crate::{
    StudyError,
    classification_text::TextEncoder,
    dataset::{self, ChosenData},
    whole_file,
};
use rankscope_domain::{
    CellId,
    class_results::FractionCount,
    dataset::{GroupCount, LabelledText},
};
use serde::{Deserialize, Serialize};

/// What was chosen: `data/chosen.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct DataRecord {
    /// In the order of their numbers, and the number of the one that is taken for positive.
    pub(crate) labels: Vec<String>,
    pub(crate) positive: u32,
    /// Majority, minority, others.
    pub(crate) groups: Vec<GroupCount>,
    pub(crate) minority: String,
    pub(crate) majority: String,
    /// "its label", "the column place"
    pub(crate) grouped_by: String,
    pub(crate) train_examples: u32,
    pub(crate) test_examples: u32,
}

/// The training examples of a seed's cells at a fraction: `data/subsets/s0-m0.25.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Subset {
    pub(crate) seed: u64,
    pub(crate) counts: FractionCount,
    /// Ascending; the lines of `data/train.jsonl` that have them.
    pub(crate) ids: Vec<u32>,
    /// The same examples as rows of the set's split, in the same order.
    pub(crate) rows: Vec<u64>,
}

impl Worker<'_> {
    pub(super) fn choose_data(&mut self) -> Result<Work, StudyError> {
        let chosen = dataset::load(&self.recipe.data, &self.recipe.groups, self.environment)?;
        for note in &chosen.notes {
            self.reporter.note(note.clone())?;
        }
        let ChosenData { train, test, .. } = &chosen;
        self.note_cut_texts(&chosen)?;
        whole_file::write_lines(&self.study.data_file("train.jsonl"), train)?;
        whole_file::write_lines(&self.study.data_file("test.jsonl"), test)?;
        for fraction in self.recipe.groups.fractions() {
            for &seed in &self.recipe.seeds {
                let ids = dataset::subset(train, &chosen.minority, fraction, seed);
                let of_subset: Vec<&LabelledText> = ids.iter().filter_map(|&id| train.get(id as usize)).collect();
                let minority_examples = of_subset.iter().filter(|text| text.group == chosen.minority).count() as u32;
                let subset = Subset {
                    seed,
                    counts: FractionCount { fraction, minority_examples, train_examples: ids.len() as u32 },
                    rows: of_subset.iter().map(|text| text.row).collect(),
                    ids,
                };
                whole_file::write_json(&self.study.subset_path(seed, fraction), &subset)?;
            }
        }
        let record = DataRecord {
            train_examples: train.len() as u32,
            test_examples: test.len() as u32,
            labels: chosen.labels,
            positive: chosen.positive,
            groups: chosen.groups,
            minority: chosen.minority,
            majority: chosen.majority,
            grouped_by: chosen.grouped_by,
        };
        whole_file::write_json(&self.study.data_file("chosen.json"), &record)?;
        Ok(Work::default())
    }

    /// How many texts are longer than what is read of them.
    fn note_cut_texts(&mut self, chosen: &ChosenData) -> Result<(), StudyError> {
        let model = self.base_model()?;
        let encoder = TextEncoder::new(self.recipe, &chosen.labels, &model);
        for (what, texts) in [("training", &chosen.train), ("test", &chosen.test)] {
            let (mut cut, mut tokens) = (0, 0);
            for text in texts {
                let cut_tokens = encoder.encode(&text.text)?.cut_tokens;
                cut += u32::from(cut_tokens > 0);
                tokens += cut_tokens;
            }
            if cut > 0 {
                self.reporter.note(format!(
                    "{cut} of {} {what} texts are longer than training.max_length = {}: their ends are left out, {tokens} tokens in all.",
                    texts.len(),
                    self.recipe.training.max_length
                ))?;
            }
        }
        Ok(())
    }

    pub(super) fn data_record(&self) -> Result<DataRecord, StudyError> {
        self.read_of_data("chosen.json")
    }

    pub(super) fn test_texts(&self) -> Result<Vec<LabelledText>, StudyError> {
        whole_file::read_lines(&self.study.data_file("test.jsonl"))
    }

    /// What the cell is trained on.
    pub(super) fn training_texts(&self, cell: CellId) -> Result<Vec<LabelledText>, StudyError> {
        let Some(fraction) = cell.minority else {
            return Err(StudyError::Other(format!("{cell}: a cell without a fraction of the minority is not trained")));
        };
        let path = self.study.subset_path(cell.seed, fraction);
        let subset: Subset = whole_file::read_json(&path)?
            .ok_or_else(|| StudyError::Other(format!("{} is missing; start the study anew in another directory", path.display())))?;
        let texts: Vec<LabelledText> = whole_file::read_lines(&self.study.data_file("train.jsonl"))?;
        Ok(subset.ids.iter().filter_map(|&id| texts.get(id as usize).cloned()).collect())
    }

    /// Of the first seed: the counts of a fraction are the same for every one.
    pub(super) fn fraction_counts(&self) -> Result<Vec<FractionCount>, StudyError> {
        let mut counts = Vec::new();
        for fraction in self.recipe.groups.fractions() {
            let seed = self.recipe.seeds.first().copied().unwrap_or_default();
            counts.extend(whole_file::read_json::<Subset>(&self.study.subset_path(seed, fraction))?.map(|subset| subset.counts));
        }
        Ok(counts)
    }

    fn read_of_data<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, StudyError> {
        let path = self.study.data_file(name);
        whole_file::read_json(&path)?
            .ok_or_else(|| StudyError::Other(format!("{} is missing; start the study anew in another directory", path.display())))
    }
}
