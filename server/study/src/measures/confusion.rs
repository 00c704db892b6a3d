//! Counts of labels against predictions, and the shares that follow from them.

/// K x K counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confusion {
    pub(crate) options: usize,
    /// Row-major, label by prediction: `counts[label * options + predicted]`.
    pub(crate) counts: Vec<u64>,
}

/// One confusion matrix a group. Its sum over groups is the sample's: `Confusion::sum`.
pub(crate) fn confusion_by_group(
    label: &[usize],
    predicted: &[usize],
    group: &[usize],
    options: usize,
    groups: usize,
    weights: &[u32],
) -> Vec<Confusion> {
    let examples = label.len();
    assert!(predicted.len() == examples && group.len() == examples && weights.len() == examples, "one entry an example");
    let mut all = vec![Confusion::empty(options); groups];
    for (place, &weight) in weights.iter().enumerate() {
        assert!(label[place] < options && predicted[place] < options, "an option is below {options}");
        all[group[place]].counts[label[place] * options + predicted[place]] += u64::from(weight);
    }
    all
}

impl Confusion {
    pub(crate) fn empty(options: usize) -> Self {
        Self { options, counts: vec![0; options * options] }
    }

    /// Of several groups, or of several seeds' predictions pooled. All have the same options; none gives an empty one of none.
    pub(crate) fn sum<'a>(parts: impl IntoIterator<Item = &'a Confusion>) -> Self {
        let mut parts = parts.into_iter();
        let mut total = parts.next().cloned().unwrap_or_else(|| Self::empty(0));
        for part in parts {
            total.add(part, 1);
        }
        total
    }

    /// Counts `other` in, so many times: a seed that was drawn twice.
    pub(crate) fn add(&mut self, other: &Confusion, times: u32) {
        assert_eq!(self.options, other.options, "confusions of the same options");
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more * u64::from(times);
        }
    }

    pub(crate) fn n(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(crate) fn correct(&self) -> u64 {
        (0..self.options).map(|option| self.at(option, option)).sum()
    }

    /// Share of correct predictions.
    pub(crate) fn accuracy(&self) -> Option<f64> {
        share(self.correct(), self.n())
    }

    /// P(prediction = option).
    pub(crate) fn prediction_rate(&self, option: usize) -> Option<f64> {
        share(self.predicted(option), self.n())
    }

    /// P(prediction = positive | label = positive): recall. `None` where no label is positive.
    pub(crate) fn true_positive_rate(&self, positive: usize) -> Option<f64> {
        share(self.at(positive, positive), self.labelled(positive))
    }

    /// P(prediction = positive | label is another). `None` where every label is positive.
    pub(crate) fn false_positive_rate(&self, positive: usize) -> Option<f64> {
        share(self.predicted(positive) - self.at(positive, positive), self.n() - self.labelled(positive))
    }

    /// F1 of one option against the rest, 2 TP / (2 TP + FP + FN). `None` where the option is neither a label nor predicted.
    pub(crate) fn f1(&self, option: usize) -> Option<f64> {
        share(2 * self.at(option, option), self.predicted(option) + self.labelled(option))
    }

    /// Mean F1 of the first so many options, of those that have one; scikit-learn's `average="macro"`. Options beyond them, such as an
    /// answer that named no label, count as wrong and have no F1 of their own.
    pub(crate) fn macro_f1(&self, options: usize) -> Option<f64> {
        let defined: Vec<f64> = (0..options).filter_map(|option| self.f1(option)).collect();
        (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
    }

    fn at(&self, label: usize, predicted: usize) -> u64 {
        self.counts[label * self.options + predicted]
    }

    fn labelled(&self, option: usize) -> u64 {
        (0..self.options).map(|predicted| self.at(option, predicted)).sum()
    }

    fn predicted(&self, option: usize) -> u64 {
        (0..self.options).map(|label| self.at(label, option)).sum()
    }
}

fn share(count: u64, total: u64) -> Option<f64> {
    (total > 0).then(|| count as f64 / total as f64)
}
