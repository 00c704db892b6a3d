//! The test examples, and a cell's answers to them, as the measures take them.

use super::MARGIN_BINS;
use crate::{
    measures::{Calibration, Confusion, RocAuc, confusion_by_group, decision_probabilities, macro_roc_auc, margin_edges},
    worker::DataRecord,
};
use rankscope_domain::{
    class_results::Reading,
    dataset::{LabelledText, Prediction},
};

/// The test examples.
pub(super) struct Sample {
    pub(super) labels: Vec<usize>,
    pub(super) groups: Vec<usize>,
    /// Names, in the order of figures, and the examples of each.
    pub(super) group_names: Vec<String>,
    pub(super) members: Vec<Vec<usize>>,
    /// How many labels there are, and which is taken for positive.
    pub(super) options: usize,
    pub(super) positive: usize,
    pub(super) margin_edges: Vec<f64>,
}

impl Sample {
    pub(super) fn new(record: &DataRecord, test: &[LabelledText]) -> Self {
        let group_names: Vec<String> = record.groups.iter().map(|count| count.group.clone()).collect();
        let place = |text: &LabelledText| group_names.iter().position(|name| *name == text.group).unwrap_or(0);
        let groups: Vec<usize> = test.iter().map(place).collect();
        let mut members = vec![Vec::new(); group_names.len()];
        for (example, &group) in groups.iter().enumerate() {
            members[group].push(example);
        }
        Self {
            labels: test.iter().map(|text| text.label as usize).collect(),
            groups,
            members,
            group_names,
            options: record.labels.len(),
            positive: record.positive as usize,
            margin_edges: margin_edges(record.labels.len().max(2), MARGIN_BINS),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// All examples, or those of a group.
    pub(super) fn of_group(&self, group: Option<usize>) -> Vec<usize> {
        group.map_or_else(|| (0..self.len()).collect(), |group| self.members[group].clone())
    }

    /// None for all examples, then every group.
    pub(super) fn parts(&self) -> impl Iterator<Item = Option<usize>> + use<> {
        std::iter::once(None).chain((0..self.group_names.len()).map(Some))
    }
}

/// One cell's answers, read in one way.
pub(super) struct Answers {
    /// Numbers of labels; as many as there are labels: the answer named none, or several.
    pub(super) predicted: Vec<usize>,
    pub(super) correct: Vec<bool>,
    /// Examples x labels, row by row; none where the reading has no probabilities.
    probability: Option<Vec<f64>>,
    /// Of each label against the rest; of two labels, of the positive one alone.
    scores: Vec<RocAuc>,
    calibration: Option<Calibration>,
    /// By group, of its own examples alone.
    group_calibration: Vec<Calibration>,
}

impl Answers {
    /// `predictions`: one a test example, in their order.
    pub(super) fn new(reading: Reading, predictions: &[Prediction], sample: &Sample) -> Self {
        if reading == Reading::GeneratedText {
            let predicted = predictions.iter().map(|prediction| predicted_label(reading, prediction, sample.options));
            return Self::without_probabilities(predicted.collect(), sample);
        }
        let mut probability = Vec::with_capacity(predictions.len() * sample.options);
        let mut predicted = Vec::with_capacity(predictions.len());
        for prediction in predictions {
            // among the options alone: what else the vocabulary holds is no answer
            let row = softmax(&prediction.log_probabilities);
            predicted.push(likeliest(&row));
            probability.extend(row);
        }
        let mut answers = Self::without_probabilities(predicted, sample);
        let confidence: Vec<f64> =
            probability.chunks_exact(sample.options).zip(&answers.predicted).map(|(row, &predicted)| row[predicted]).collect();
        let ranked = if sample.options == 2 { sample.positive..sample.positive + 1 } else { 0..sample.options };
        answers.scores = ranked
            .map(|option| {
                let scores: Vec<f64> = probability.chunks_exact(sample.options).map(|row| row[option]).collect();
                RocAuc::new(&scores, &sample.labels.iter().map(|&label| label == option).collect::<Vec<_>>())
            })
            .collect();
        answers.calibration = Some(Calibration::new(&confidence, &answers.correct));
        answers.group_calibration = sample
            .members
            .iter()
            .map(|members| Calibration::new(&chosen(&confidence, members), &chosen(&answers.correct, members)))
            .collect();
        answers.probability = Some(probability);
        answers
    }

    fn without_probabilities(predicted: Vec<usize>, sample: &Sample) -> Self {
        let correct = predicted.iter().zip(&sample.labels).map(|(predicted, label)| predicted == label).collect();
        Self { predicted, correct, probability: None, scores: Vec::new(), calibration: None, group_calibration: Vec::new() }
    }

    pub(super) fn has_probabilities(&self) -> bool {
        self.probability.is_some()
    }

    /// By group. The last option is that of unreadable answers.
    pub(super) fn confusion(&self, sample: &Sample, weights: &[u32]) -> Vec<Confusion> {
        confusion_by_group(&sample.labels, &self.predicted, &sample.groups, sample.options + 1, sample.group_names.len(), weights)
    }

    pub(super) fn auc(&self, weights: &[u32]) -> Option<f64> {
        macro_roc_auc(&self.scores, weights)
    }

    pub(super) fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    pub(super) fn group_calibration(&self, group: usize) -> Option<&Calibration> {
        self.group_calibration.get(group)
    }

    /// The probability of the decision, of an example that is called positive.
    pub(super) fn margin(&self, example: usize, sample: &Sample) -> Option<f64> {
        let probability = self.probability.as_ref()?;
        (self.predicted[example] == sample.positive).then(|| probability[example * sample.options + sample.positive])
    }

    /// Of all examples that are called positive.
    pub(super) fn margins(&self, sample: &Sample) -> Vec<f64> {
        let probability = self.probability.as_deref().unwrap_or_default();
        if probability.is_empty() {
            Vec::new()
        } else {
            decision_probabilities(&self.predicted, probability, sample.options, sample.positive)
        }
    }
}

/// The number of the label that a prediction names, read in one way; `options`: it named none, or several.
pub(crate) fn predicted_label(reading: Reading, prediction: &Prediction, options: usize) -> usize {
    match reading {
        Reading::GeneratedText => prediction.generated_label.map_or(options, |label| label as usize),
        Reading::Likelihood | Reading::ClassHead => likeliest(&softmax(&prediction.log_probabilities)),
    }
}

/// Entries at some places.
pub(super) fn chosen<T: Copy>(values: &[T], places: &[usize]) -> Vec<T> {
    places.iter().map(|&place| values[place]).collect()
}

/// Of two that are equally likely, the first.
pub(crate) fn likeliest(row: &[f64]) -> usize {
    let mut best = 0;
    for (place, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = place;
        }
    }
    best
}

pub(crate) fn softmax(log_probabilities: &[f64]) -> Vec<f64> {
    let largest = log_probabilities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = log_probabilities.iter().map(|value| (value - largest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.into_iter().map(|value| value / sum).collect()
}
